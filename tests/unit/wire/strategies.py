"""Hypothesis strategies of valid values of every type of asn1/, made from the same model as the codec."""

from functools import cache
from importlib import import_module

from hypothesis import strategies as st

from v2xpki.wire import BitString, reference
from v2xpki.wire.generator.model import (
    Bits,
    Boolean,
    Choice,
    Enumerated,
    Integer,
    Null,
    ObjectIdentifier,
    Octets,
    Ref,
    Sequence,
    SequenceOf,
    Text,
    Type,
)

DEEPEST = 2  # Ieee1609Dot2Data inside Ieee1609Dot2Data
_LONG = 300  # octets, to need a length in its long form


def named_types():
    """Every type that has a name in asn1/ and is not only another name of one."""
    return [one for name, one in sorted(reference.model().by_asn1().items()) if one.alias_of is None]


def values(asn1_name: str):
    """Valid values of a type: records, or plain Python values for the simple ones."""
    return _of_type(reference.model().by_asn1()[asn1_name].python, 0)


@cache
def _of_type(python_name: str, depth: int):
    one = reference.model().types[python_name]
    if one.alias_of is not None:
        return _of_type(one.alias_of, depth)
    if python_name == "Ieee1609Dot2Data":
        depth += 1
    return _of_shape(one.shape, one, depth)


def _of_shape(shape, owner: Type, depth: int):
    match shape:
        case Ref():
            return _of_type(shape.name, depth)
        case Integer():
            low = -(1 << 63) if shape.low is None else shape.low
            high = (1 << 63) - 1 if shape.high is None else shape.high
            edges = [n for n in (low, high, 0, 1, 127, 128, 255, 256) if low <= n <= high]
            return st.sampled_from(edges) | st.integers(low, high)
        case Octets():
            high = _LONG if shape.high is None else shape.high
            short = st.binary(min_size=shape.low, max_size=min(high, max(shape.low, 12)))
            return short | st.binary(min_size=high, max_size=high) if shape.fixed is None else short
        case Text():
            alphabet = st.characters(codec=shape.charset)
            return st.text(alphabet, min_size=shape.low, max_size=12)
        case Bits(fixed=8):
            return st.integers(0, 255)
        case Bits():
            return st.integers(0, 40).flatmap(_bit_strings)
        case Boolean():
            return st.booleans()
        case Null():
            return st.none()
        case Enumerated():
            return st.sampled_from(shape.names)
        case ObjectIdentifier():
            return st.lists(st.integers(0, 1 << 30), max_size=5).map(
                lambda arcs: ".".join(map(str, (1, 3, *arcs)))
            )
        case SequenceOf():
            high = 3 if shape.high is None else min(shape.high, 3)
            return st.lists(_of_shape(shape.element, owner, depth), min_size=shape.low, max_size=high).map(
                tuple
            )
        case Sequence():
            fields = {m.python: _member(m, depth) for m in shape.members}
            return st.builds(_record(owner), **{n: s for n, s in fields.items() if s is not None})
        case Choice():
            allowed = [m for m in shape.members if not _too_deep(m.shape, depth)]
            return st.one_of([_alternative(owner, m, depth) for m in allowed])
    raise AssertionError(shape)


def _alternative(owner: Type, member, depth: int):
    record = _record(owner)
    return _of_shape(member.shape, owner, depth).map(lambda value: record(member.name, value))


def _member(member, depth: int):
    if _too_deep(member.shape, depth):
        return None
    if member.optional:
        present = st.just(True) if isinstance(member.shape, Null) else _of_shape(member.shape, None, depth)
        return st.none() | present
    if member.default is not None:
        return st.just(member.default) | _of_shape(member.shape, None, depth)
    return _of_shape(member.shape, None, depth)


def _too_deep(shape, depth: int) -> bool:
    return depth >= DEEPEST and isinstance(shape, Ref) and shape.name in ("Ieee1609Dot2Data", "SignedData")


def _bit_strings(bits: int):
    size = -(-bits // 8)
    zeros = 8 * size - bits
    return st.integers(0, (1 << bits) - 1).map(lambda n: BitString((n << zeros).to_bytes(size, "big"), bits))


def _record(owner: Type):
    return getattr(import_module(f"v2xpki.wire.{owner.home}"), owner.python)
