"""pycrate as a second COER codec, compiled from the same asn1/ by its own compiler.

A test dependency only (LGPL). Feed it nothing but valid octets: on broken ones it can loop for ever.
"""

import contextlib
import copy
import importlib.util
import io
from importlib import import_module
from pathlib import Path

from v2xpki.wire import BitString, reference
from v2xpki.wire.generator.model import (
    Bits,
    Choice,
    Null,
    ObjectIdentifier,
    Sequence,
    SequenceOf,
)


class PycrateCodec:
    """Records to octets and back, with pycrate in the middle."""

    def __init__(self, folder: Path) -> None:
        from pycrate_asn1c.asnproc import compile_text, generate_modules
        from pycrate_asn1c.generator import PycrateGenerator

        generated = folder / "pycrate_types.py"
        with contextlib.redirect_stdout(io.StringIO()):  # the compiler is talkative
            compile_text("\n".join(path.read_text() for path in reference.asn1_files()))
            generate_modules(PycrateGenerator, str(generated))
        spec = importlib.util.spec_from_file_location("pycrate_types", generated)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self._types = {}
        for owner in vars(module).values():
            for name in getattr(owner, "_type_", ()) if isinstance(owner, type) else ():
                self._types[name] = getattr(owner, name.replace("-", "_"))

    def encode(self, name: str, record) -> bytes:
        kind = self._types[name]
        kind.set_val(to_pycrate(_shape(name), record))
        return kind.to_coer()

    def decode(self, name: str, octets: bytes):
        """Of valid octets only."""
        kind = self._types[name]
        kind.from_coer(octets)
        return from_pycrate(_shape(name), copy.deepcopy(kind.get_val()))


def _shape(name: str):
    return reference.model().by_asn1()[name].shape


def _alternative(shape: Choice, kind: str):
    return next(member.shape for member in shape.members if member.name == kind)


def to_pycrate(shape, value):
    shape = reference.model().resolve(shape)
    match shape:
        case Sequence():
            fields = ((member, getattr(value, member.python)) for member in shape.members)
            return {
                member.name: to_pycrate(member.shape, field)
                for member, field in fields
                if not (member.optional and field is None)
                and not (member.default is not None and field == member.default)
            }
        case Choice():
            return value.kind, to_pycrate(_alternative(shape, value.kind), value.value)
        case SequenceOf():
            return [to_pycrate(shape.element, one) for one in value]
        case Bits(fixed=8):
            return value, 8
        case Bits():
            return int.from_bytes(value.octets, "big") >> (8 * len(value.octets) - value.bits), value.bits
        case Null():
            return 0
        case ObjectIdentifier():
            return tuple(map(int, value.split(".")))
    return value


def from_pycrate(shape, value):
    shape = reference.model().resolve(shape)
    match shape:
        case Sequence():
            fields = {}
            for member in shape.members:
                if member.name in value:
                    null = isinstance(member.shape, Null) and member.optional
                    fields[member.python] = True if null else from_pycrate(member.shape, value[member.name])
            return _record(shape)(**fields)
        case Choice():
            kind, inner = value
            return _record(shape)(kind, from_pycrate(_alternative(shape, kind), inner))
        case SequenceOf():
            return tuple(from_pycrate(shape.element, one) for one in value)
        case Bits():
            number, bits = value
            size = -(-bits // 8)
            octets = (number << (8 * size - bits)).to_bytes(size, "big")
            return octets[0] if shape.fixed else BitString(octets, bits)
        case Null():
            return None
        case ObjectIdentifier():
            return ".".join(map(str, value))
    return value


def _record(shape):
    one = next(one for one in reference.model().types.values() if one.shape is shape)
    return getattr(import_module(f"v2xpki.wire.{one.home}"), one.python)
