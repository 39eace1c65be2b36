"""Octets made to hurt: refused at once, in words, whatever they are."""

import sys

import pytest

from tests.unit.wire import samples
from v2xpki import wire
from v2xpki.errors import DecodeError, EncodeError
from v2xpki.wire import dot2, scms


def nested(levels: int) -> dot2.Ieee1609Dot2Data:
    data = samples.unsecured(b"")
    for _ in range(levels - 1):
        data = samples.signed(data)
    return data


def test_data_nested_as_deep_as_allowed_is_read():
    data = nested(wire.MAX_NESTING)
    assert wire.decode(dot2.Ieee1609Dot2Data, wire.encode(data)) == data
    assert wire.decode_signed(wire.encode(data))[0] == data


def test_one_level_more_is_neither_read_nor_written():
    inner = wire.encode(nested(wire.MAX_NESTING))
    one_more = samples.signed(samples.unsecured(b""))
    head, tail = wire.encode(one_more).split(wire.encode(samples.unsecured(b"")), 1)
    for decode in (lambda o: wire.decode(dot2.Ieee1609Dot2Data, o), wire.decode_signed):
        with pytest.raises(DecodeError, match="nested more than 16 deep"):
            decode(head + inner + tail)
    with pytest.raises(EncodeError, match="nested more than 16 deep"):
        wire.encode(nested(wire.MAX_NESTING + 1))


@pytest.mark.parametrize("levels", [100, 1000, 100_000])
def test_a_nesting_bomb_is_refused_however_deep_it_is(levels):
    with pytest.raises(DecodeError, match="nested more than 16 deep"):
        wire.decode(dot2.Ieee1609Dot2Data, bytes.fromhex("03810040") * levels)


def test_a_nesting_bomb_is_refused_with_little_stack_left():
    depth = len(list(iter_frames()))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + 6 * wire.MAX_NESTING + 40)
    try:
        with pytest.raises(DecodeError):
            wire.decode(dot2.Ieee1609Dot2Data, bytes.fromhex("03810040") * 500)
    finally:
        sys.setrecursionlimit(limit)


def iter_frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back


def test_a_list_that_claims_more_elements_than_octets_is_not_begun():
    octets = bytes.fromhex("0382 04ffffffff") + bytes(10)
    with pytest.raises(DecodeError) as caught:
        wire.decode(dot2.Ieee1609Dot2Data, octets)
    assert caught.value.where == ("Ieee1609Dot2Data", "content", "encryptedData", "recipients")
    assert caught.value.reason == "a list of 4294967295 elements in the 10 octets left"


@pytest.mark.parametrize("count", ["08 7fffffffffffffff", "7f" + "ff" * 127, "84 ffffffff", "ff" * 10])
def test_absurd_counts_are_refused(count):
    with pytest.raises(DecodeError):
        wire.decode_as("SequenceOfHashedId3", bytes.fromhex(count) + bytes(100))


@pytest.mark.parametrize(
    "length", ["84 ffffffff", "88 ffffffffffffffff", "ff" + "ff" * 127, "fe" + "00" * 126]
)
def test_absurd_lengths_are_refused(length):
    with pytest.raises(DecodeError):
        wire.decode_as("Opaque", bytes.fromhex(length) + bytes(100))


@pytest.mark.parametrize("octet", range(256))
def test_runs_of_one_octet_are_refused_or_read_by_every_kind_of_message(octet):
    for kind in (dot2.Ieee1609Dot2Data, dot2.Certificate, scms.ScmsPdu, dot2.CrlContents):
        for length in (0, 1, 7, 300):
            octets = bytes((octet,)) * length
            try:
                record = wire.decode(kind, octets)
            except DecodeError:
                continue
            assert wire.encode(record) == octets


def test_a_long_list_of_small_elements_is_read():
    octets = bytes.fromhex("03 010000") + bytes(65536)
    assert len(wire.decode_as("SequenceOfUint8", octets)) == 65536
