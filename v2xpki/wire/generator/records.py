"""Writes the record modules: one NamedTuple a SEQUENCE or CHOICE, an alias for everything else."""

from __future__ import annotations

import re

from v2xpki.wire.generator.model import (
    HOMES,
    Choice,
    Enumerated,
    Member,
    Model,
    Null,
    Ref,
    Sequence,
    SequenceOf,
    Type,
    origin_of,
    snake,
)

_HEADER = '''"""Records of {origin}. Made from asn1/ by `python -m v2xpki.wire.generate`: edit neither.

A SEQUENCE is a NamedTuple with its fields in snake_case, mandatory ones first: construct by keyword.
A CHOICE is a NamedTuple of `kind`, the ASN.1 identifier, and `value`. ENUMERATED values are their
identifiers; a BIT STRING of eight bits is an octet, first bit 0x80; a NULL that is present is True as
an optional field and None as a choice; SEQUENCE OF is a tuple; OPTIONAL and absent is None.
"""

# ruff: noqa: E501
from __future__ import annotations

from typing import {names}
'''


class Names:
    """Annotations of the model -> Python text inside one module."""

    def __init__(self, model: Model, home: str) -> None:
        self.model, self.home = model, home
        self.used: set[str] = set()

    def qualify(self, name: str) -> str:
        home = self.model.types[name].home
        self.used.add(home)
        return name if home == self.home else f"{home}.{name}"

    def text(self, annotation: str) -> str:
        if "BitString" in annotation:
            self.used.add("BitString")
        return re.sub(r"<(\w+)>", lambda found: self.qualify(found[1]), annotation)


def _field(names: Names, member: Member) -> str:
    # a NULL that is always there says nothing and is None
    present = "Literal[True]" if member.optional else "None"
    annotation = present if isinstance(member.shape, Null) else names.text(member.annotation)
    tail = ""
    if member.optional:
        annotation, tail = f"{annotation} | None", " = None"
    elif member.default is not None:
        tail = f" = {member.default:#x}" if member.text == "EndEntityType" else f" = {member.default}"
    return f"    {member.python}: {annotation}{tail}  # {member.text}\n"


def _class(names: Names, one: Type) -> str:
    shape = one.shape
    if isinstance(shape, Sequence):
        rows = "".join(_field(names, m) for m in shape.fields)
        return f'class {one.python}(NamedTuple):\n    """SEQUENCE; {one.module}."""\n\n{rows}'
    assert isinstance(shape, Choice)
    kinds = ", ".join(f'"{m.name}"' for m in shape.members)
    values: dict[str, None] = {}
    for member in shape.members:
        if not isinstance(member.shape, Null):
            values[names.text(member.annotation)] = None
    if any(isinstance(member.shape, Null) for member in shape.members):
        values["None"] = None
    rows = "".join(f"    {m.name}: {m.text}\n" for m in shape.members)
    return (
        f'class {one.python}(NamedTuple):\n    """CHOICE; {one.module}.\n\n{rows}    """\n\n'
        f"    kind: {one.python}Kind\n    value: {' | '.join(values)}\n\n\n"
        f"{one.python}Kind: TypeAlias = Literal[{kinds}]\n"
    )


def write(model: Model, home: str) -> str:
    """The text of one record module."""
    names = Names(model, home)
    types = list(model.of_home(home))
    simple: list[str] = []
    classes: list[str] = []
    late: list[str] = []  # other names of classes, which must stand after them
    for one in types:
        if isinstance(one.shape, Sequence | Choice):
            classes.append(_class(names, one))
        elif isinstance(one.shape, SequenceOf):
            element = names.text(one.shape.annotation)
            simple.append(f'{one.python}: TypeAlias = "tuple[{element}, ...]"  # {one.text}\n')
        elif isinstance(one.shape, Ref):
            target = model.resolve(one.shape)
            list_of = isinstance(target, SequenceOf)
            alias = f"{one.python}: TypeAlias = {names.text(one.annotation)}\n"
            (simple if list_of else late).append(alias)
        elif isinstance(one.shape, Enumerated):
            literal = one.annotation.replace("'", '"')
            simple.append(f"{one.python}: TypeAlias = {literal}\n")
        elif isinstance(one.shape, Null):
            simple.append(f"{one.python}: TypeAlias = None\n")
        else:
            simple.append(f"{one.python}: TypeAlias = {names.text(one.annotation)}  # {one.text}\n")
    constants = [
        f"{snake(name).upper()} = {value}\n" for name, (where, value) in model.values.items() if where == home
    ]
    imports = ", ".join(other for other in HOMES if other in names.used and other != home)
    out = _HEADER.format(origin=origin_of(home), names="Literal, NamedTuple, TypeAlias")
    if imports:
        out += f"\nfrom v2xpki.wire import {imports}\n"
    if "BitString" in names.used:
        out += "" if imports else "\n"
        out += "from v2xpki.wire._runtime import BitString\n"
    if constants:
        out += "\n" + "".join(constants)
    out += "\n" + "".join(_in_order(simple))
    out += "".join("\n\n" + text for text in classes)
    if late:
        out += "\n\n" + "".join(_in_order(late))
    return out


def _in_order(lines: list[str]) -> list[str]:
    """Aliases after what they name."""
    left = {line.split(":", 1)[0]: line for line in lines}
    placed: list[str] = []
    while left:
        for name, line in list(left.items()):
            target = line.split("=", 1)[1].split("#")[0].strip()
            if target not in left:
                placed.append(left.pop(name))
    return placed
