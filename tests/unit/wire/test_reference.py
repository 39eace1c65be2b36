"""The reference codec: its cache, and that it refuses what it should."""

import json

import pytest

from tests.unit.wire import samples
from v2xpki import wire
from v2xpki.errors import DecodeError, EncodeError
from v2xpki.wire import dot2, reference


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    reference.parsed.cache_clear()
    yield tmp_path / "v2xpki"
    reference.parsed.cache_clear()


def test_the_parse_of_asn1_is_cached_under_the_hash_of_its_text(cache):
    fresh = reference.parsed()
    (file,) = cache.iterdir()
    assert json.loads(file.read_text()) == fresh
    file.write_text(json.dumps({"from": "the cache"}))
    reference.parsed.cache_clear()
    assert reference.parsed() == {"from": "the cache"}


def test_a_broken_cache_is_replaced(cache):
    reference.parsed()
    (file,) = cache.iterdir()
    whole = file.read_text()
    file.write_text(whole[:100])
    reference.parsed.cache_clear()
    reference.parsed()
    assert file.read_text() == whole


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    reference.parsed.cache_clear()
    assert "Ieee1609Dot2" in reference.parsed()
    reference.parsed.cache_clear()


def test_missing_asn1_modules_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "_PACKAGE", tmp_path)
    with pytest.raises(FileNotFoundError, match="asn1"):
        reference.asn1_files()


def test_it_agrees_on_a_ticket():
    ticket = samples.authorization_ticket()
    assert reference.encode("CertificateBase", ticket) == wire.encode(ticket)
    assert reference.decode("CertificateBase", wire.encode(ticket)) == ticket


def test_it_refuses_leftovers_other_forms_and_bombs():
    for name, octets in (
        ("HashedId3", "01020304"),
        ("Opaque", "8101aa"),
        ("Ieee1609Dot2Data", "03810040" * 2000),
    ):
        with pytest.raises(DecodeError):
            reference.decode(name, bytes.fromhex(octets))


def test_it_refuses_records_without_an_encoding():
    with pytest.raises(EncodeError):
        reference.encode("CertificateBase", samples.authorization_ticket()._replace(version=4))
    with pytest.raises(EncodeError):
        reference.encode("IssuerIdentifier", dot2.IssuerIdentifier("nobody", None))
