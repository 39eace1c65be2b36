"""The types of asn1/, resolved as the generated code needs them.

`load()` parses the modules with asn1tools and gives a `Model`: every named type with its Python
name, its home module and its *shape*. Shapes of simple types carry the effective size or range
(X.696 clause 10: the range decides how many octets an INTEGER takes); references to simple types are
resolved away, references to composite ones stay `Ref`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

HOMES = ("dot2", "scms", "etsi")  # in the order in which they import each other
_ORIGIN = {"dot2": "IEEE 1609.2", "scms": "IEEE 1609.2.1", "etsi": "ETSI TS 103 097 and TS 102 941"}


@dataclass(frozen=True)
class Integer:
    low: int | None = None  # None: no bound
    high: int | None = None

    @property
    def width(self) -> int | None:
        """Octets of the fixed form; None where a length precedes the value."""
        if self.low is None or self.high is None:
            return None
        for width in (1, 2, 4, 8):
            bits = 8 * width
            if (self.low >= 0 and self.high < 1 << bits) or (
                self.low >= -(1 << bits - 1) and self.high < 1 << bits - 1
            ):
                return width
        return None

    @property
    def signed(self) -> bool:
        return self.low is None or self.low < 0


@dataclass(frozen=True)
class Boolean:
    pass


@dataclass(frozen=True)
class Null:
    pass


@dataclass(frozen=True)
class ObjectIdentifier:
    pass


@dataclass(frozen=True)
class Octets:
    low: int = 0
    high: int | None = None

    @property
    def fixed(self) -> int | None:
        return self.low if self.low == self.high else None


@dataclass(frozen=True)
class Text:
    charset: str
    low: int = 0
    high: int | None = None


@dataclass(frozen=True)
class Bits:
    fixed: int | None
    names: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Enumerated:
    names: tuple[str, ...]  # the index is the value on the wire


@dataclass(frozen=True)
class Ref:
    """A named composite type: SEQUENCE, CHOICE or SEQUENCE OF."""

    name: str


@dataclass(frozen=True)
class Member:
    name: str  # ASN.1 identifier
    python: str
    shape: Shape
    text: str  # the ASN.1 type as written, for comments
    annotation: str  # Python type, unqualified names of named types in angle brackets
    optional: bool = False
    default: int | None = None
    extension: bool = False


@dataclass(frozen=True)
class Sequence:
    members: tuple[Member, ...]
    extensible: bool

    @property
    def root(self) -> list[Member]:
        return [m for m in self.members if not m.extension]

    @property
    def additions(self) -> list[Member]:
        return [m for m in self.members if m.extension]

    @property
    def preamble(self) -> list[Member]:
        """The members that have a bit in the preamble."""
        return [m for m in self.root if m.optional or m.default is not None]

    @property
    def fields(self) -> list[Member]:
        """The order of the record's fields: mandatory ones first."""
        mandatory = [m for m in self.members if not m.optional and m.default is None]
        return mandatory + [m for m in self.members if m.optional or m.default is not None]


@dataclass(frozen=True)
class Choice:
    members: tuple[Member, ...]  # the index is the tag
    extensible: bool


@dataclass(frozen=True)
class SequenceOf:
    element: Shape
    annotation: str
    low: int = 0
    high: int | None = None


Simple = Integer | Boolean | Null | ObjectIdentifier | Octets | Text | Bits | Enumerated
Shape = Simple | Ref | Sequence | Choice | SequenceOf


@dataclass(frozen=True)
class Type:
    asn1: str  # ASN.1 name, or Parent.member for an inline type
    python: str
    home: str
    module: str
    shape: Shape
    text: str
    alias_of: str | None = None  # Python name of the type that this is only another name of
    annotation: str = ""  # of a simple type


@dataclass
class Model:
    types: dict[str, Type] = field(default_factory=dict)  # by Python name, in the order of the modules
    values: dict[str, tuple[str, int]] = field(default_factory=dict)  # named value -> (home, value)

    def of_home(self, home: str) -> Iterator[Type]:
        return (t for t in self.types.values() if t.home == home)

    def resolve(self, shape: Shape) -> Shape:
        """The shape that a reference stands for."""
        while isinstance(shape, Ref):
            shape = self.types[shape.name].shape
        return shape

    def by_asn1(self) -> dict[str, Type]:
        """The types that have a name in asn1/, by that name."""
        return {t.asn1: t for t in self.types.values() if "." not in t.asn1}


def home_of(module: str) -> str:
    if module.startswith("Ieee1609Dot2Dot1"):
        return "scms"
    return "dot2" if module.startswith("Ieee1609Dot2") else "etsi"


def origin_of(home: str) -> str:
    return _ORIGIN[home]


def snake(identifier: str) -> str:
    """appPermissions -> app_permissions, linkage-value -> linkage_value, selfSignedTLMCertificate ->
    self_signed_tlm_certificate."""
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", identifier.replace("-", "_"))
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text).lower()


def camel(identifier: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in identifier.split("-"))


def bounds(ranges: list[Any]) -> tuple[Any, Any]:
    """Lower and upper end of [8], [(1, 32)], [(0, 'MAX')]."""
    ends = [tuple(r) if isinstance(r, (list, tuple)) else (r, r) for r in ranges]
    return ends[0][0], ends[-1][1]


class _Builder:
    def __init__(self, modules: Mapping[str, Any]) -> None:
        self.modules = modules
        self.model = Model()
        self.home: dict[str, str] = {}  # ASN.1 type -> module
        for module, content in modules.items():
            for name in content["types"]:
                if name in self.home:
                    raise ValueError(f"{name} is in {self.home[name]} and in {module}")
                self.home[name] = module
        self.constants = {
            name: value["value"] for content in modules.values() for name, value in content["values"].items()
        }

    def build(self) -> Model:
        for home in HOMES:
            for module, content in self.modules.items():
                if home_of(module) != home:
                    continue
                for name, descriptor in content["types"].items():
                    self.named(name, descriptor, module)
                for name, value in content["values"].items():
                    self.model.values[name] = (home, value["value"])
        return self.model

    def descriptor(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.modules[self.home[name]]["types"][name]
        return found

    def add(self, asn1: str, module: str, shape: Shape, text: str, **more: Any) -> None:
        python = camel(asn1.replace(".", "-"))
        if python in self.model.types:
            raise ValueError(f"two types named {python}")
        self.model.types[python] = Type(asn1, python, home_of(module), module, shape, text, **more)

    def named(self, name: str, descriptor: Mapping[str, Any], module: str) -> None:
        kind = descriptor["type"]
        if kind in self.home:
            shape, _ = self.shape(descriptor, name, module)
            plain = "restricted-to" not in descriptor and "size" not in descriptor
            alias = camel(kind) if plain or isinstance(shape, Ref) else None
            self.add(name, module, shape, describe(descriptor), annotation=f"<{camel(kind)}>", alias_of=alias)
            return
        shape, annotation = self.shape(descriptor, name, module, top=True)
        self.add(name, module, shape, describe(descriptor), annotation=annotation)

    def shape(
        self, descriptor: Mapping[str, Any], path: str, module: str, *, top: bool = False
    ) -> tuple[Shape, str]:
        """Shape and Python annotation; inline composite types get a name of their own."""
        kind = descriptor["type"]
        if kind in self.home:
            return self.reference(kind, descriptor)
        if kind not in ("SEQUENCE", "CHOICE", "SEQUENCE OF"):
            return self.simple(kind, descriptor)
        if kind == "SEQUENCE OF":
            element, annotation = self.shape(descriptor["element"], path + "-item", module)
            low, high = bounds(descriptor.get("size", [(0, "MAX")]))
            made: Shape = SequenceOf(element, annotation, low, None if high == "MAX" else high)
            whole = f"tuple[{annotation}, ...]"
        else:
            members, extensible = self.members(descriptor["members"], path, module)
            made = Sequence(members, extensible) if kind == "SEQUENCE" else Choice(members, extensible)
            whole = f"<{camel(path.replace('.', '-'))}>"
        if top:
            return made, whole
        self.add(path, module, made, describe(descriptor), annotation=whole)
        return Ref(camel(path.replace(".", "-"))), whole

    def reference(self, name: str, descriptor: Mapping[str, Any]) -> tuple[Shape, str]:
        target = self.descriptor(name)
        if target["type"] in self.home:
            shape, _ = self.reference(target["type"], target)
        elif target["type"] in ("SEQUENCE", "CHOICE", "SEQUENCE OF"):
            shape = Ref(camel(name))
        else:
            shape, _ = self.simple(target["type"], target)
        if isinstance(shape, Integer) and "restricted-to" in descriptor:
            shape = self.restrict(descriptor["restricted-to"], self.numbers(name))
        return shape, f"<{camel(name)}>"

    def numbers(self, name: str) -> Mapping[str, int]:
        """Named numbers of an INTEGER type, through its aliases."""
        target = self.descriptor(name)
        if target["type"] in self.home:
            return self.numbers(target["type"])
        return {**self.constants, **target.get("named-numbers", {})}

    def restrict(self, ranges: list[Any], numbers: Mapping[str, int]) -> Integer:
        low, high = (numbers.get(end, end) for end in bounds(ranges))
        return Integer(None if low == "MIN" else low, None if high == "MAX" else high)

    def simple(self, kind: str, descriptor: Mapping[str, Any]) -> tuple[Shape, str]:
        low, high = bounds(descriptor.get("size", [(0, "MAX")]))
        top = None if high == "MAX" else high
        match kind:
            case "INTEGER":
                numbers = {**self.constants, **descriptor.get("named-numbers", {})}
                return self.restrict(descriptor.get("restricted-to", [("MIN", "MAX")]), numbers), "int"
            case "OCTET STRING":
                return Octets(low, top), "bytes"
            case "UTF8String":
                return Text("utf-8", low, top), "str"
            case "IA5String":
                return Text("ascii", low, top), "str"
            case "BIT STRING":
                names = tuple((n, int(bit)) for n, bit in descriptor.get("named-bits", ()))
                return (Bits(8, names), "int") if low == top == 8 else (Bits(None, names), "BitString")
            case "ENUMERATED":
                pairs = sorted((number, n) for n, number in filter(None, descriptor["values"]))
                if [number for number, _ in pairs] != list(range(len(pairs))):
                    raise ValueError(f"{pairs} is not counted from 0")
                names_ = tuple(n for _, n in pairs)
                return Enumerated(names_), f"Literal[{', '.join(repr(n) for n in names_)}]"
            case "BOOLEAN":
                return Boolean(), "bool"
            case "NULL":
                return Null(), "None"
            case "OBJECT IDENTIFIER":
                return ObjectIdentifier(), "str"
        raise ValueError(f"{kind} is not one of the types that this codec knows")

    def members(self, entries: list[Any], path: str, module: str) -> tuple[tuple[Member, ...], bool]:
        made: list[Member] = []
        extension = False
        for entry in entries:
            if entry is None:
                extension = True
                continue
            for one in entry if isinstance(entry, list) else [entry]:
                shape, annotation = self.shape(one, f"{path}.{one['name']}", module)
                default = one.get("default")
                if isinstance(shape, Bits) and default is not None:
                    default = sum(0x80 >> bit for name, bit in shape.names if name in default)
                # an addition may always be absent: the sender may know only the root
                optional = one.get("optional", False) or extension
                name, text = one["name"], describe(one)
                made.append(Member(name, snake(name), shape, text, annotation, optional, default, extension))
        return tuple(made), extension


def describe(descriptor: Mapping[str, Any]) -> str:
    """The type in ASN.1 notation, without the members of composite ones."""
    kind: str = descriptor["type"]
    size = f" (SIZE({_ends(descriptor['size'])}))" if "size" in descriptor else ""
    if kind == "SEQUENCE OF":
        return f"SEQUENCE{size} OF {describe(descriptor['element'])}"
    limit = f" ({_ends(descriptor['restricted-to'])})" if "restricted-to" in descriptor else ""
    return kind + size + limit


def _ends(ranges: list[Any]) -> str:
    return " | ".join(f"{r[0]}..{r[1]}" if isinstance(r, (list, tuple)) else str(r) for r in ranges)


def load(modules: Mapping[str, Any]) -> Model:
    """The model of what `asn1tools.parse_files` gave."""
    return _Builder(modules).build()
