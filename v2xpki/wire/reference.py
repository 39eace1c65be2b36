"""asn1tools over the same asn1/: the slow codec that the generated one is proved equal to.

    reference.decode("CertificateBase", octets) == wire.decode(dot2.CertificateBase, octets)

Same records, same octets, same refusals (DecodeError, EncodeError without a place), by decoding and
encoding again. For tests, and for whoever doubts the generated code at run time. Parsing asn1/ takes
half a second, so its result is kept as JSON in the user's cache, under the hash of the texts.
"""

import hashlib
import importlib
import json
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import asn1tools

from v2xpki.errors import DecodeError, EncodeError
from v2xpki.wire._runtime import BitString
from v2xpki.wire.generator.model import (
    Bits,
    Choice,
    Model,
    Null,
    Sequence,
    SequenceOf,
    Shape,
    load,
)

_PACKAGE = Path(__file__).resolve().parent.parent


def asn1_files() -> list[Path]:
    """The ASN.1 modules: beside the package in a checkout, inside it when installed."""
    for folder in (_PACKAGE.parent / "asn1", _PACKAGE / "_data" / "asn1"):
        if files := sorted(folder.glob("*.asn")):
            return files
    raise FileNotFoundError("asn1/*.asn is neither beside the package nor in its data")


def _cache_file(files: list[Path]) -> Path:
    digest = hashlib.sha256(asn1tools.__version__.encode())
    for path in files:
        digest.update(path.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "v2xpki" / f"asn1-{digest.hexdigest()[:16]}.json"


@cache
def parsed() -> dict[str, Any]:
    """What asn1tools reads from asn1/, from the cache where it is there."""
    files = asn1_files()
    cached = _cache_file(files)
    try:
        found: dict[str, Any] = json.loads(cached.read_text())
        return found
    except (OSError, ValueError):
        pass
    # JSON has no tuples: what comes from the parser goes through it too, so that both ways are one
    fresh: dict[str, Any] = json.loads(json.dumps(asn1tools.parse_files([str(path) for path in files])))
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=cached.parent, delete=False) as draft:
            json.dump(fresh, draft)
        Path(draft.name).replace(cached)  # processes at once: each writes a whole file
    except OSError:
        pass  # a cache that cannot be written costs time only
    return fresh


@cache
def model() -> Model:
    """The resolved types of asn1/."""
    return load(parsed())


@cache
def specification() -> Any:
    """asn1tools' compiled OER codec."""
    modules = _tuples(parsed())
    # a default of named bits gets as many bits as are named, which asn1tools then finds too few
    for one in model().types.values():
        for member in one.shape.members if isinstance(one.shape, Sequence) else ():
            if isinstance(member.shape, Bits) and member.default is not None:
                entries = modules[one.module]["types"][one.asn1]["members"]
                entry = next(entry for entry in entries if entry["name"] == member.name)
                entry["default"] = (bytes((member.default,)), member.shape.fixed)
    return asn1tools.compile_dict(modules, "oer")


def _tuples(node: Any, key: str = "") -> Any:
    """Ranges, sizes and named bits as the tuples that asn1tools' compiler expects."""
    if isinstance(node, dict):
        return {name: _tuples(value, name) for name, value in node.items()}
    if isinstance(node, list):
        pairs = key in ("restricted-to", "size", "named-bits", "values")
        return [tuple(one) if pairs and isinstance(one, list) else _tuples(one) for one in node]
    return node


def decode(name: str, octets: bytes) -> Any:
    """The value (a record, for SEQUENCE and CHOICE) of a type, by its ASN.1 name. Raises DecodeError."""
    try:
        value = specification().decode(name, octets, check_constraints=True)
        again = bytes(specification().encode(name, value, check_types=True, check_constraints=True))
    except RecursionError:
        raise DecodeError("nested too deep", where=(name,)) from None
    except Exception as error:  # asn1tools lets errors of many kinds through
        raise DecodeError(f"{type(error).__name__}: {error}"[:200], where=(name,)) from error
    if again != octets:
        raise DecodeError("not the canonical form", where=(name,))
    return _from_value(model().by_asn1()[name].shape, value)


def encode(name: str, value: Any) -> bytes:
    """The octets of a value of a type, by its ASN.1 name. Raises EncodeError."""
    try:
        plain = _to_value(model().by_asn1()[name].shape, value)
        return bytes(specification().encode(name, plain, check_types=True, check_constraints=True))
    except Exception as error:  # of many kinds, and with the value in the message: not passed on
        raise EncodeError(f"{name}: asn1tools: {type(error).__name__}") from None


def _record(shape: Shape) -> Callable[..., Any]:
    """The record class of a resolved SEQUENCE or CHOICE."""
    one = _homes()[id(shape)]
    made: Callable[..., Any] = getattr(importlib.import_module(f"v2xpki.wire.{one[0]}"), one[1])
    return made


@cache
def _homes() -> dict[int, tuple[str, str]]:
    types = model().types.values()
    return {id(t.shape): (t.home, t.python) for t in types if isinstance(t.shape, Sequence | Choice)}


def _from_value(shape: Shape, value: Any) -> Any:
    shape = model().resolve(shape)
    match shape:
        case Sequence():
            fields = {}
            for member in shape.members:
                if member.name in value:
                    null = isinstance(model().resolve(member.shape), Null) and member.optional
                    fields[member.python] = True if null else _from_value(member.shape, value[member.name])
            return _record(shape)(**fields)
        case Choice():
            kind, inner = value
            return _record(shape)(kind, _from_value(_alternative(shape, kind), inner))
        case SequenceOf():
            return tuple(_from_value(shape.element, one) for one in value)
        case Bits():
            return value[0][0] if shape.fixed else BitString(bytes(value[0]), value[1])
    return value


def _to_value(shape: Shape, value: Any) -> Any:
    shape = model().resolve(shape)
    match shape:
        case Sequence():
            fields = ((m, getattr(value, m.python)) for m in shape.members)
            return {
                m.name: None if isinstance(model().resolve(m.shape), Null) else _to_value(m.shape, one)
                for m, one in fields
                if one is not None or not m.optional
            }
        case Choice():
            return value.kind, _to_value(_alternative(shape, value.kind), value.value)
        case SequenceOf():
            return [_to_value(shape.element, one) for one in value]
        case Bits():
            return (bytes((value,)), 8) if shape.fixed else (value.octets, value.bits)
    return value


def _alternative(shape: Choice, kind: str) -> Shape:
    return next(member.shape for member in shape.members if member.name == kind)
