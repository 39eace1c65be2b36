"""Writes the codec modules: a decode and an encode function a type.

decode_x(o, i) reads the type at offset i of the octets o and returns the value and the offset behind
it; encode_x(r) returns octets. Functions of the types through which Ieee1609Dot2Data contains itself
take the depth of nesting too. Reading checks every rule of the canonical form itself, so nothing has
to be encoded again. Names ending in an underscore are temporary; the others are fields, assigned in
the order of the wire (see _runtime, which tells the place of a fault by that).
"""

from __future__ import annotations

import textwrap

from v2xpki.wire.generator.model import (
    HOMES,
    Bits,
    Boolean,
    Choice,
    Enumerated,
    Integer,
    Member,
    Model,
    Null,
    ObjectIdentifier,
    Octets,
    Ref,
    Sequence,
    SequenceOf,
    Shape,
    Text,
    Type,
    origin_of,
    snake,
)

_WIDTH = 110
RECURSIVE = "Ieee1609Dot2Data"  # where nesting is counted
_RESERVED = {"o", "i", "r", "depth"}
_STRUCT = {(4, False): "u32", (8, False): "u64", **{(n, True): f"s{8 * n}" for n in (1, 2, 4, 8)}}

_HEADER = '''"""COER of {origin}, straight to and from records.

Made from asn1/ by `python -m v2xpki.wire.generate`: do not edit.

See _runtime for how faults are found, and the package for what is strict about it.
"""

# ruff: noqa: E501, I001, PLR0915, RUF100
# mypy: disable-error-code="no-any-return,unreachable"
from __future__ import annotations

from typing import Any

from v2xpki.wire import {modules}
from v2xpki.wire._runtime import (
{runtime}
)

'''


def function(name: str) -> str:
    """Suffix of the functions of a type."""
    return snake(name)


def smallest(model: Model, shape: Shape) -> int:
    """Octets that a value takes at least; exact where it matters for the count of a list."""
    shape = model.resolve(shape)
    match shape:
        case Integer():
            return shape.width or 2
        case Octets():
            return shape.fixed or 1 + shape.low
    return 1


class Recursion:
    """Which types take part in the recursion through RECURSIVE."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.uses = {name: set(self._refs(one.shape)) for name, one in model.types.items()}
        inside = self.reach(RECURSIVE)
        self.names = {name for name in inside if RECURSIVE in self.reach(name)}

    def _refs(self, shape: Shape) -> list[str]:
        match shape:
            case Ref():
                return [shape.name]
            case Sequence() | Choice():
                return [name for member in shape.members for name in self._refs(member.shape)]
            case SequenceOf():
                return self._refs(shape.element)
        return []

    def reach(self, start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(self.uses[start])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += self.uses[name]
        return seen


class Writer:
    """Lines of one module, and what they use of others."""

    def __init__(self, model: Model, home: str, recursion: Recursion) -> None:
        self.model, self.home, self.recursion = model, home, recursion
        self.lines: list[str] = []
        self.runtime: set[str] = set()
        self.foreign: set[str] = set()
        self.indent = 0
        self.offset = 0  # octets read since `i` was last moved

    # -- text

    def emit(self, text: str = "") -> None:
        self.lines.append("    " * self.indent + text if text else "")

    def wrapped(self, before: str, items: str, after: str) -> None:
        """A line, or where it would be too long one with its items on lines of their own."""
        if 4 * self.indent + len(before + items + after) <= _WIDTH:
            self.emit(before + items + after)
            return
        self.emit(before)
        pad = "    " * (self.indent + 1)
        wrapped = textwrap.wrap(items.rstrip(",") + ",", _WIDTH, initial_indent=pad, subsequent_indent=pad)
        self.lines += [line.rstrip() for line in wrapped]
        self.emit(after)

    def use(self, name: str) -> str:
        self.runtime.add(name)
        return name

    def at(self, more: int = 0) -> str:
        total = self.offset + more
        return f"i + {total}" if total else "i"

    def move(self) -> None:
        if self.offset:
            self.emit(f"i += {self.offset}")
            self.offset = 0

    def record(self, name: str) -> str:
        home = self.model.types[name].home
        self.foreign.add(home)
        return f"{home}.{name}"

    def call(self, verb: str, name: str) -> str:
        """Name of the function of a type, through its aliases."""
        one = self.model.types[name]
        while one.alias_of is not None:
            one = self.model.types[one.alias_of]
        prefix = ""
        if one.home != self.home:
            self.foreign.add("_codec_" + one.home)
            prefix = f"_codec_{one.home}."
        return f"{prefix}{verb}_{function(one.python)}"

    def recursive(self, shape: Ref) -> bool:
        return shape.name in self.recursion.names

    # -- reading

    def read(self, target: str, shape: Shape, owner: str) -> None:
        """Statements that assign the value at the current offset to target."""
        match shape:
            case Integer():
                self.read_integer(target, shape)
            case Octets() | Text():
                self.read_octets(target, shape)
            case Boolean():
                self.emit(f"if o[{self.at()}] not in (0, 255):")
                self.breach('"a BOOLEAN that is neither 00 nor ff"', self.at())
                self.emit(f"{target} = o[{self.at()}] == 255")
                self.offset += 1
            case Null():
                self.emit(f"{target} = None")
            case Bits(fixed=8):
                self.emit(f"{target} = o[{self.at()}]")
                self.offset += 1
            case Bits() | ObjectIdentifier():
                helper = self.use("bit_string" if isinstance(shape, Bits) else "object_identifier")
                self.emit(f"{target}, i = {helper}(o, {self.at()})")
                self.offset = 0
            case Enumerated():
                at = self.at()
                self.emit(f"code_ = o[{at}]")
                self.emit(f"if code_ >= {len(shape.names)}:")
                self.breach(f'f"{{code_}} is not in the enumeration of {owner}"', at)
                self.emit(f"{target} = {self.enumeration(owner)}[code_]")
                self.offset += 1
            case Ref():
                extra = ", depth" if self.recursive(shape) and self.owner in self.recursion.names else ""
                self.emit(f"{target}, i = {self.call('decode', shape.name)}(o, {self.at()}{extra})")
                self.offset = 0
            case _:
                raise ValueError(shape)

    owner = ""  # Python name of the type whose function is being written

    def breach(self, reason: str, at: str) -> None:
        self.emit(f"    raise {self.use('Breach')}({reason}, {at})")

    def enumeration(self, owner: str) -> str:
        home = self.model.types[owner].home
        if home == self.home:
            return f"_{function(owner).upper()}"
        self.foreign.add("_codec_" + home)
        return f"_codec_{home}._{function(owner).upper()}"

    def read_integer(self, target: str, shape: Integer) -> None:
        at, width = self.at(), shape.width
        final = target
        if range_test(target, shape, width):
            target = f"{target.rstrip('_')}_"
        if width is None:
            helper = self.use("signed" if shape.signed else "unsigned")
            limit = 128 if shape.signed else 256
            # one octet is by far the most frequent size
            self.move()
            self.emit("if o[i] == 1" + (f" and o[i + 1] < {limit}:" if limit < 256 else ":"))
            self.emit(f"    {target} = o[i + 1]")
            self.emit("    i += 2")
            self.emit("else:")
            self.emit(f"    {target}, i = {helper}(o, i)")
            self.range(target, shape, "i", None, final)
            return
        if (width, shape.signed) == (1, False):
            self.emit(f"{target} = o[{at}]")
        elif (width, shape.signed) == (2, False):
            self.emit(f"{target} = o[{at}] << 8 | o[{self.at(1)}]")
        else:
            self.emit(f"{target} = {self.use(_STRUCT[width, shape.signed])}(o, {at})[0]")
        self.range(target, shape, at, width, final)
        self.offset += width

    def range(self, target: str, shape: Integer, at: str, width: int | None, final: str) -> None:
        """Checks before the field is assigned: a field without a value is the one at fault."""
        test = range_test(target, shape, width)
        if test:
            self.emit(f"if {test}:")
            self.breach(f'f"{{{target}}} is not {range_text(shape)}"', at)
            if final != target:
                self.emit(f"{final} = {target}")

    def read_length(self) -> None:
        """Assigns n_ and moves i behind the length."""
        self.emit(f"n_ = o[{self.at()}]")
        self.offset += 1
        self.move()
        self.emit("if n_ > 127:")
        self.emit(f"    n_, i = {self.use('long_length')}(o, i, n_)")

    def read_octets(self, target: str, shape: Octets | Text) -> None:
        if isinstance(shape, Octets) and shape.fixed is not None:
            self.emit(f"{target} = o[{self.at()} : {self.at(shape.fixed)}]")
            self.offset += shape.fixed
            return
        self.read_length()
        if isinstance(shape, Octets):
            test = size_test("n_", shape.low, shape.high)
            if test:
                self.emit(f"if {test}:")
                self.breach(f'f"{{n_}} octets: must have {size_text(shape.low, shape.high)}"', "i")
            self.emit(f"{target} = o[i : i + n_]")
        else:
            text = f'o[i : i + n_].decode("{shape.charset}")'
            test = size_test("len(text_)", shape.low, shape.high)
            self.emit(f"{'text_' if test else target} = {text}")
            if test:
                self.emit(f"if {test}:")
                rule = size_text(shape.low, shape.high, "character")
                self.breach(f'f"{{len(text_)}} characters: must have {rule}"', "i")
                self.emit(f"{target} = text_")
        self.emit("i += n_")

    def open_type(self, target: str, member: Member, owner: str) -> None:
        """An extension: a length, and the value exactly within it."""
        self.read_length()
        self.emit("end_ = i + n_")
        temporary = f"{target.rstrip('_')}_"
        self.read(temporary, member.shape, owner)
        self.move()
        self.emit("if i != end_:")
        self.breach('"an extension that is shorter or longer than its value"', "i")
        if temporary != target:
            self.emit(f"{target} = {temporary}")

    # -- writing

    def write(self, source: str, shape: Shape, owner: str) -> str:
        """Checks as statements; returns the expression of the encoded octets."""
        match shape:
            case Integer():
                return self.write_integer(source, shape)
            case Octets(fixed=None) | Text():
                return self.write_octets(source, shape)
            case Octets():
                self.emit(f"if len({source}) != {shape.fixed}:")
                self.rule(f'"must have {size_text(shape.low, shape.high)}"')
                return source
            case Boolean():
                self.emit(f"if {source} is not True and {source} is not False:")
                self.rule('"must be True or False"')
                return f'(b"\\xff" if {source} else b"\\x00")'
            case Null():
                self.emit(f"if {source} is not None:")
                self.rule('"must be None"')
                return 'b""'
            case Bits(fixed=8):
                return f'{source}.to_bytes(1, "big")'
            case Bits():
                return f"{self.use('bit_string_octets')}({source})"
            case ObjectIdentifier():
                return f"{self.use('object_identifier_octets')}({source})"
            case Enumerated():
                return f"{self.enumeration(owner)}_CODE[{source}]"
            case Ref():
                extra = ", depth" if self.recursive(shape) and self.owner in self.recursion.names else ""
                return f"{self.call('encode', shape.name)}({source}{extra})"
        raise ValueError(shape)

    def rule(self, reason: str) -> None:
        self.emit(f"    raise {self.use('Breach')}({reason})")

    def write_integer(self, source: str, shape: Integer) -> str:
        if shape.width is None:
            test = range_test(source, shape, None)
            if test and shape.low != 0:
                self.emit(f"if {test}:")
                self.rule(f'"must be {range_text(shape)}"')
            return f"{self.use('signed_octets' if shape.signed else 'unsigned_octets')}({source})"
        test = range_test(source, shape, shape.width, both=True)
        if test:
            self.emit(f"if {test}:")
            self.rule(f'"must be {range_text(shape)}"')
        if shape.low == shape.high and shape.low is not None:
            return repr(shape.low.to_bytes(shape.width, "big", signed=shape.signed)).replace("'", '"')
        sign = ", signed=True" if shape.signed else ""
        return f'{source}.to_bytes({shape.width}, "big"{sign})'

    def write_octets(self, source: str, shape: Octets | Text) -> str:
        test = size_test(f"len({source})", shape.low, shape.high)
        if test:
            self.emit(f"if {test}:")
            unit = "octet" if isinstance(shape, Octets) else "character"
            self.rule(f'"must have {size_text(shape.low, shape.high, unit)}"')
        if isinstance(shape, Text):
            return f'{self.use("prefixed")}({source}.encode("{shape.charset}"))'
        return f"{self.use('prefixed')}({source})"

    # -- functions

    def type(self, one: Type) -> None:
        self.owner = one.python
        depth = one.python in self.recursion.names
        takes = "depth" if one.python == RECURSIVE else ""
        annotation = self.record(one.python)
        name = function(one.python)
        extra = ", depth: int = 0" if depth else ""
        self.emit()
        self.emit()
        self.emit(f"def decode_{name}(o: bytes, i: int{extra}) -> tuple[{annotation}, int]:")
        self.indent, self.offset = 1, 0
        if takes:
            self.emit("depth += 1")
            self.emit(f"if depth > {self.use('MAX_NESTING')}:")
            self.breach(f'f"{RECURSIVE} nested more than {{MAX_NESTING}} deep"', "i")
        match one.shape:
            case Sequence():
                self.decode_sequence(one, one.shape)
            case Choice():
                self.decode_choice(one, one.shape)
            case SequenceOf():
                self.decode_list(one.shape)
            case simple:
                self.read("value_", simple, one.python)
                self.emit(f"return value_, {self.at()}")
        self.indent, self.offset = 0, 0
        self.emit()
        self.emit()
        self.emit(f"def encode_{name}(r: {annotation}{extra}) -> bytes:")
        self.indent = 1
        if takes:
            self.emit("depth += 1")
            self.emit(f"if depth > {self.use('MAX_NESTING')}:")
            self.rule(f'f"{RECURSIVE} must not be nested more than {{MAX_NESTING}} deep"')
        match one.shape:
            case Sequence():
                self.encode_sequence(one, one.shape)
            case Choice():
                self.encode_choice(one, one.shape)
            case SequenceOf():
                self.encode_list(one.shape)
            case simple:
                self.emit(f"return {self.write('r', simple, one.python)}")
        self.indent = 0

    def enumerated(self, one: Type) -> None:
        assert isinstance(one.shape, Enumerated)
        name = f"_{function(one.python).upper()}"
        names = ", ".join(f'"{n}"' for n in one.shape.names)
        self.emit()
        annotation = self.record(one.python)
        self.emit(f"{name}: tuple[{annotation}, ...] = ({names},)")
        self.emit(f"{name}_CODE = {{name: {self.use('OCTET')}[code] for code, name in enumerate({name})}}")

    def owner_of(self, member: Member) -> str:
        """The enumeration a member is of; enumerations are always named."""
        return enumeration_of(self.model, member)

    def decode_sequence(self, one: Type, shape: Sequence) -> None:
        optional, extensible, additions = shape.preamble, shape.extensible, shape.additions
        bits = len(optional) + extensible
        if bits > 8:
            raise ValueError(f"{one.python}: a preamble of more than one octet")
        names = {m.python for m in shape.members}
        if names & _RESERVED:
            raise ValueError(f"{one.python}: {names & _RESERVED} are taken")
        if bits:
            used = ((1 << bits) - 1) << (8 - bits)
            if extensible and not additions:
                used &= 0x7F
            if optional or additions:
                self.emit("p_ = o[i]")
                if used != 0xFF:
                    self.emit(f"if p_ & {0xFF ^ used:#04x}:")
                    self.breach('"a preamble with bits that have no meaning"', "i")
            else:
                self.emit("if o[i]:")
                self.breach('"a preamble with bits that have no meaning"', "i")
            self.offset = 1
        mask = 0x80 >> extensible
        for member in shape.root:
            if member not in optional:
                self.read(member.python, member.shape, self.owner_of(member))
                continue
            self.move()
            if isinstance(member.shape, Null):
                self.emit(f"{member.python} = True if p_ & {mask:#04x} else None")
                mask >>= 1
                continue
            self.emit(f"if p_ & {mask:#04x}:")
            self.indent += 1
            if member.default is None:
                self.read(member.python, member.shape, self.owner_of(member))
            else:
                self.read(f"{member.python}_", member.shape, self.owner_of(member))
                self.emit(f"if {member.python}_ == {member.default}:")
                self.breach('"a default value that is written out"', "i")
                self.emit(f"{member.python} = {member.python}_")
            self.move()
            self.indent -= 1
            self.emit("else:")
            self.emit(f"    {member.python} = {member.default}")
            mask >>= 1
        if additions:
            self.decode_additions(additions)
        fields = ", ".join(m.python for m in shape.fields)
        comma = "," if len(shape.fields) == 1 else ""
        start = f"return {self.use('new')}({self.record(one.python)}, ("
        self.wrapped(start, fields + comma, f")), {self.at()}")

    def decode_additions(self, additions: list[Member]) -> None:
        octets, unused = -(-len(additions) // 8), -len(additions) % 8
        if octets > 1:
            raise ValueError("more than eight extension additions")
        self.move()
        self.emit("if p_ & 0x80:")
        self.indent += 1
        # length of the bitmap with its count of unused bits, that count, then one bit an addition
        empty = f"not o[i + 2] or o[i + 2] & {(1 << unused) - 1:#04x}"
        self.emit(f"if o[i] != 2 or o[i + 1] != {unused} or {empty}:")
        self.breach('"an extension bitmap that is empty or of another size"', "i")
        self.emit("e_ = o[i + 2]")
        self.emit("i += 3")
        for number, member in enumerate(additions):
            self.emit(f"if e_ & {0x80 >> number:#04x}:")
            self.indent += 1
            if isinstance(member.shape, Null):
                self.emit("if o[i]:")
                self.breach('"a NULL that is not empty"', "i")
                self.emit("i += 1")
                self.emit(f"{member.python} = True")
            else:
                self.open_type(member.python, member, self.owner_of(member))
            self.indent -= 1
            self.emit("else:")
            self.emit(f"    {member.python} = None")
        self.indent -= 1
        self.emit("else:")
        self.emit(f"    {' = '.join(m.python for m in additions)} = None")

    def decode_choice(self, one: Type, shape: Choice) -> None:
        record = self.record(one.python)
        self.emit("value_: Any")
        self.emit("tag_ = o[i]")
        for number, member in enumerate(shape.members):
            self.emit(f"if tag_ == {0x80 | number:#04x}:")
            self.indent += 1
            self.offset = 1
            if isinstance(member.shape, Null) and not member.extension:
                self.emit(f"return {self.constant(one, member)}, i + 1")
            else:
                self.emit(f'kind_ = "{member.name}"')
                if member.extension:
                    self.open_type("value_", member, self.owner_of(member))
                else:
                    self.read("value_", member.shape, self.owner_of(member))
                self.emit(f"return {self.use('new')}({record}, (kind_, value_)), {self.at()}")
            self.indent -= 1
        self.emit(f'raise {self.use("Breach")}(f"tag {{tag_:#04x}} is not in the choice", i)')

    def constant(self, one: Type, member: Member) -> str:
        return f"_{function(one.python).upper()}_{snake(member.name).upper()}"

    def decode_list(self, shape: SequenceOf) -> None:
        model = self.model
        least = smallest(model, shape.element)
        self.emit("if o[i] == 1:")
        self.emit("    count_ = o[i + 1]")
        self.emit("    i += 2")
        self.emit("else:")
        self.emit(f"    count_, i = {self.use('unsigned')}(o, i)")
        # each element takes octets: no list is begun that the octets left cannot hold
        self.emit(f"if count_{f' * {least}' if least > 1 else ''} > len(o) - i:")
        self.breach('f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left"', "i")
        test = size_test("count_", shape.low, shape.high)
        if test:
            self.emit(f"if {test}:")
            rule = size_text(shape.low, shape.high, "element")
            self.breach(f'f"{{count_}} elements: must have {rule}"', "i")
        self.emit("items_ = []")
        self.emit("for _ in range(count_):")
        self.indent += 1
        self.read("item_", shape.element, enumeration_name(model, shape.annotation))
        self.move()
        self.emit("items_.append(item_)")
        self.indent -= 1
        self.emit("return tuple(items_), i")

    def encode_sequence(self, one: Type, shape: Sequence) -> None:
        optional, additions = shape.preamble, shape.additions
        fields = ", ".join(m.python for m in shape.fields)
        comma = "," if len(shape.fields) == 1 else ""
        long = len(fields) > _WIDTH - 10
        self.wrapped("(" if long else "", fields + comma, ") = r" if long else " = r")
        parts: list[str] = []
        if optional or additions:
            self.emit("p_ = 0")
            parts.append(f"{self.use('OCTET')}[p_]")
        elif shape.extensible:
            parts.append('b"\\x00"')
        mask = 0x80 >> shape.extensible
        for member in shape.root:
            local = f"c_{member.python}"
            parts.append(local)
            if member not in optional:
                self.emit(f"{local} = {self.write(member.python, member.shape, self.owner_of(member))}")
                continue
            absent = "None" if member.optional else str(member.default)
            test = f"{member.python} is None" if member.optional else f"{member.python} == {absent}"
            self.emit(f"if {test}:")
            self.emit(f'    {local} = b""')
            self.emit("else:")
            self.indent += 1
            self.emit(f"p_ |= {mask:#04x}")
            self.write_present(local, member)
            self.indent -= 1
            mask >>= 1
        if additions:
            parts.append("c_additions_")
            self.encode_additions(additions)
        if len(parts) == 1:
            self.emit(f"return {parts[0]}")
        else:
            self.wrapped('return b"".join((', ", ".join(parts), "))")

    def write_present(self, local: str, member: Member) -> None:
        if isinstance(member.shape, Null):
            self.emit(f"if {member.python} is not True:")
            self.rule('"must be True or None"')
            self.emit(f'{local} = b""')
        else:
            self.emit(f"{local} = {self.write(member.python, member.shape, self.owner_of(member))}")

    def encode_additions(self, additions: list[Member]) -> None:
        unused = -len(additions) % 8
        self.emit("e_ = 0")
        for number, member in enumerate(additions):
            local = f"c_{member.python}"
            bit = 0x80 >> number
            self.emit(f"if {member.python} is None:")
            self.emit(f'    {local} = b""')
            self.emit("else:")
            self.indent += 1
            self.emit(f"e_ |= {bit:#04x}")
            self.write_present(local, member)
            self.emit(f"{local} = {self.use('prefixed')}({local})")
            self.indent -= 1
        every = ", ".join(f"c_{m.python}" for m in additions)
        comma = "," if len(additions) == 1 else ""
        self.emit('c_additions_ = b""')
        self.emit("if e_:")
        self.emit("    p_ |= 0x80")
        self.indent += 1
        bitmap = f'b"\\x02\\x{unused:02x}", {self.use("OCTET")}[e_]'
        self.wrapped('c_additions_ = b"".join((', f"{bitmap}, {every}{comma}", "))")
        self.indent -= 1

    def encode_choice(self, one: Type, shape: Choice) -> None:
        # mypy knows the union of the values, not which of them belongs to which kind
        self.emit("value_: Any")
        self.emit("kind_, value_ = r")
        for number, member in enumerate(shape.members):
            self.emit(f'if kind_ == "{member.name}":')
            self.indent += 1
            tag = f'b"\\x{0x80 | number:02x}"'
            source = self.write("value_", member.shape, self.owner_of(member))
            if member.extension:
                self.emit(f"return {tag} + {self.use('prefixed')}({source})")
            elif isinstance(member.shape, Null):
                self.emit(f"return {tag}")
            else:
                self.emit(f"return {tag} + {source}")
            self.indent -= 1
        self.emit(f'raise {self.use("Breach")}("kind must be one of the choice")')

    def encode_list(self, shape: SequenceOf) -> None:
        test = size_test("len(r)", shape.low, shape.high)
        if test:
            self.emit(f"if {test}:")
            rule = size_text(shape.low, shape.high, "element")
            self.rule(f'"must have {rule}"')
        self.emit("items_: list[bytes] = []")
        self.emit("for item_ in r:")
        self.indent += 1
        source = self.write("item_", shape.element, enumeration_name(self.model, shape.annotation))
        self.emit(f"items_.append({source})")
        self.indent -= 1
        self.emit(f'return {self.use("unsigned_octets")}(len(items_)) + b"".join(items_)')


def enumeration_name(model: Model, annotation: str) -> str:
    """Python name of the enumeration that an annotation names, through aliases; else ""."""
    name = annotation.strip("<>")
    one = model.types.get(name)
    while one is not None and one.alias_of is not None:
        one = model.types.get(one.alias_of)
    return one.python if one is not None and isinstance(one.shape, Enumerated) else ""


def enumeration_of(model: Model, member: Member) -> str:
    return enumeration_name(model, member.annotation)


def _import_order(name: str) -> tuple[int, str]:
    """Constants, classes, functions: as ruff sorts them."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def range_text(shape: Integer) -> str:
    if shape.low == shape.high:
        return str(shape.low)
    high = "" if shape.high is None else shape.high
    return f"in {'' if shape.low is None else shape.low}..{high}"


def range_test(source: str, shape: Integer, width: int | None, *, both: bool = False) -> str:
    """Expression that is true where the value is out of range; "" where the form alone ensures it."""
    low, high = shape.low, shape.high
    if low == high and low is not None:
        return f"{source} != {low}"
    if width is not None:
        floor = -(1 << 8 * width - 1) if shape.signed else 0
        roof = (1 << 8 * width - shape.signed) - 1
        if both and (low, high) != (floor, roof):
            return f"not {low} <= {source} <= {high}"
        low = None if low == floor else low
        high = None if high == roof else high
    elif not shape.signed and low == 0:
        low = None
    if low is not None and high is not None:
        return f"not {low} <= {source} <= {high}"
    if low is not None:
        return f"{source} < {low}"
    return f"{source} > {high}" if high is not None else ""


def size_test(source: str, low: int, high: int | None) -> str:
    if low and high is not None:
        return f"not {low} <= {source} <= {high}"
    if low:
        return f"{source} < {low}"
    return f"{source} > {high}" if high is not None else ""


def size_text(low: int, high: int | None, unit: str = "octet") -> str:
    count = f"{low} or more" if high is None else str(low) if low == high else f"{low}..{high}"
    return f"{count} {unit}{'' if count == '1' else 's'}"


def write(model: Model, home: str) -> str:
    """The text of one codec module."""
    writer = Writer(model, home, Recursion(model))
    types = list(model.of_home(home))
    own = [one for one in types if one.alias_of is None]
    for one in own:
        if isinstance(one.shape, Enumerated):
            writer.enumerated(one)
    enumerations, writer.lines = writer.lines, []
    constants: list[str] = []
    for one in own:
        if isinstance(one.shape, Choice):
            constants += [
                f'{writer.constant(one, m)} = {writer.record(one.python)}(kind="{m.name}", value=None)'
                for m in one.shape.members
                if isinstance(m.shape, Null) and not m.extension
            ]
        writer.type(one)
    registry = [one for one in own if isinstance(one.shape, Sequence | Choice)]
    tail = ["", "", "# by record class", "DECODE = {"]
    tail += [f"    {home}.{one.python}: decode_{function(one.python)}," for one in registry]
    tail += ["}", "ENCODE = {"]
    tail += [f"    {home}.{one.python}: encode_{function(one.python)}," for one in registry]
    tail += ["}", "# by ASN.1 name, every named type", "NAMED = {"]
    for one in types:
        if "." not in one.asn1:
            pair = ", ".join(writer.call(verb, one.python) for verb in ("decode", "encode"))
            tail.append(f'    "{one.asn1}": ({pair}),')
    tail += ["}"]
    order = [name for h in HOMES for name in (f"_codec_{h}", h) if name in writer.foreign]
    runtime = "".join(f"    {name},\n" for name in sorted(writer.runtime, key=_import_order)).rstrip()
    text = _HEADER.format(origin=origin_of(home), modules=", ".join(sorted(order)), runtime=runtime)
    return text + "\n".join([*enumerations, "", *constants, *writer.lines, *tail]) + "\n"
