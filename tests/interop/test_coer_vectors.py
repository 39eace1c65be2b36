"""The project's own vectors of encodings: unchanged, and confirmed by two other implementations."""

import json

import pytest

from tests.vectors import make_coer
from v2xpki import wire
from v2xpki.wire import reference

VECTORS = json.loads(make_coer.TARGET.read_text())["vectors"]


def test_the_codec_still_makes_the_octets_of_the_vectors():
    assert make_coer.TARGET.read_text() == make_coer.text(), "an encoding that others rely on has changed"


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in VECTORS])
def test_asn1tools_and_pycrate_read_and_write_the_vector(vector, pycrate):
    name, octets = vector["type"], bytes.fromhex(vector["coer"])
    record = wire.decode_as(name, octets)
    for codec in (reference, pycrate):
        assert codec.decode(name, octets) == record
        assert codec.encode(name, record) == octets
