"""The register of stations."""

import pytest

from tests.support.etsi import P256, Pki, country, rows
from v2xpki.authorities.etsi.stations import NewStation
from v2xpki.errors import AlreadyRecorded, ConfigError, StoreError
from v2xpki.keystore import MemoryKey


def new(name: bytes) -> NewStation:
    return NewStation(name, MemoryKey(P256).public_key, "vehicle")


def test_a_station_is_found_as_it_was_registered(memory_pki: Pki) -> None:
    key = MemoryKey(P256).public_key
    register = memory_pki.register
    made = register.register(NewStation(b"\xff\x00id", key, "rsu", country(276)), operator="me")
    found = register.find(b"\xff\x00id")
    assert found == made
    assert (found.key, found.profile, found.region, found.name) == (key, "rsu", country(276), "ff006964")
    assert not found.is_barred
    assert register.find(b"id") is None


def test_a_canonical_id_is_taken_once(memory_pki: Pki) -> None:
    memory_pki.register.register(new(b"car"))
    with pytest.raises(AlreadyRecorded, match="car"):
        memory_pki.register.register(new(b"car"))


def test_an_import_is_all_or_nothing(memory_pki: Pki) -> None:
    register = memory_pki.register
    with pytest.raises(AlreadyRecorded):
        register.register_all([new(b"a"), new(b"b"), new(b"a")], digest=bytes(32))
    assert register.count() == 0
    assert register.register_all([new(b"b"), new(b"a")], digest=bytes(32)) == 2
    assert [station.canonical_id for station in register.all()] == [b"a", b"b"]


def test_barring_is_audited_with_its_reason(memory_pki: Pki) -> None:
    station = memory_pki.register.register(new(b"car"))
    memory_pki.register.bar(station.id, reason="stolen", operator="me")
    found = memory_pki.register.find(b"car")
    assert found is not None
    assert found.is_barred
    entries = [row for table, row in rows(memory_pki.ea_database) if table == "audit_entry"]
    assert entries[-1]["event"] == "station.barred"
    assert '"stolen"' in entries[-1]["detail"]


def test_a_station_that_is_not_there_cannot_be_barred(memory_pki: Pki) -> None:
    with pytest.raises(StoreError):
        memory_pki.register.bar(bytes(16), reason="")


def test_the_credentials_of_a_station_are_listed(memory_pki: Pki) -> None:
    car = memory_pki.station()
    held = {car.enrol().certificate.octets, car.enrol().certificate.octets}
    assert set(memory_pki.register.credentials(car.known.id)) == held


@pytest.mark.parametrize(
    ("canonical_id", "name"),
    [
        (b"car-1", "car-1"),
        ("Fähre".encode(), "Fähre"),
        (b"\x01\x02", "0102"),
        (b"\xff", "ff"),
        (b"x" * 300, ("78" * 300)[:255]),
        (b"a\nb", "610a62"),
    ],
)
def test_a_name_is_text_where_it_can_be(memory_pki: Pki, canonical_id: bytes, name: str) -> None:
    assert memory_pki.register.register(new(canonical_id)).name == name


def test_a_station_without_an_id_does_not_construct() -> None:
    with pytest.raises(ConfigError):
        new(b"")
