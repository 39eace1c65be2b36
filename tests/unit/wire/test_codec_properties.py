"""The generated codec is equal to asn1tools': same octets, same values, same refusals."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.wire.strategies import named_types, values
from v2xpki import wire
from v2xpki.errors import DecodeError
from v2xpki.wire import reference

# more of them, and other ones each time: V2XPKI_EXAMPLES=500 pytest tests/unit/wire
EXAMPLES = int(os.environ.get("V2XPKI_EXAMPLES", "0"))
few = settings(
    max_examples=EXAMPLES or 6, derandomize=not EXAMPLES, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
NAMES = [one.asn1 for one in named_types()]
# where the codec is stricter than asn1tools, by its own limits
OWN_LIMITS = ("of more than 63 bits", "nested more than", "an integer of ", "a length of ")


@pytest.mark.parametrize("name", NAMES)
@few
@given(data=st.data())
def test_random_values_have_the_octets_that_asn1tools_gives_them(name, data):
    value = data.draw(values(name))
    octets = wire.encode_as(name, value)
    assert octets == reference.encode(name, value)
    assert wire.decode_as(name, octets) == value
    assert reference.decode(name, octets) == value


def mutated(draw, octets: bytes) -> bytes:
    """The octets after one to three changes: a bit, an octet, a piece more or less."""
    work = bytearray(octets)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(work) - 1, 0)))
        match draw(st.sampled_from(["bit", "octet", "insert", "delete", "cut", "double"])):
            case "bit" if work:
                work[at] ^= 1 << draw(st.integers(0, 7))
            case "octet" if work:
                work[at] = draw(st.sampled_from([0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF]))
            case "insert":
                work[at:at] = draw(st.binary(min_size=1, max_size=3))
            case "delete":
                del work[at : at + draw(st.integers(1, 3))]
            case "cut":
                del work[at:]
            case "double":
                work[at:at] = work[at : at + draw(st.integers(1, 8))]
    return bytes(work)


def outcome(codec, name: str, octets: bytes):
    try:
        return codec(name, octets)
    except DecodeError as error:
        return error


@pytest.mark.parametrize("name", NAMES)
@few
@given(data=st.data())
def test_mutated_octets_are_refused_exactly_where_asn1tools_cannot_give_them_back(name, data):
    octets = mutated(data.draw, wire.encode_as(name, data.draw(values(name))))
    ours, theirs = outcome(wire.decode_as, name, octets), outcome(reference.decode, name, octets)
    if isinstance(ours, DecodeError):
        assert ours.where[0] == name
        assert isinstance(theirs, DecodeError) or any(limit in ours.reason for limit in OWN_LIMITS)
    elif not (name == "OperatingOrganizationId" and octets[1] >= 120):
        # asn1tools reads the first two arcs 2.47 as 3.7; X.690 8.19.4 has no third root
        assert ours == theirs
        assert wire.encode_as(name, ours) == octets


@settings(few, max_examples=EXAMPLES or 300)
@given(octets=st.binary(max_size=120), name=st.sampled_from(NAMES))
def test_any_octets_decode_and_encode_to_themselves_or_are_refused(octets, name):
    got = outcome(wire.decode_as, name, octets)
    if not isinstance(got, DecodeError):
        assert wire.encode_as(name, got) == octets
