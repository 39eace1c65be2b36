"""No database ties a ticket to a station: the EA's and the AA's, joined on every value there is."""

from typing import Any

import pytest

from tests.support.etsi import P256, Pki, country, hours, permission, rows
from v2xpki.keystore import MemoryKey
from v2xpki.store import Database
from v2xpki.time import HOUR, FixedClock

WINDOW = 8  # octets: the length from which a value may join


def pieces(value: Any, *, size: int = WINDOW) -> set[bytes]:
    """All runs of `size` octets in a value, and in what hex text in it stands for."""
    octets: list[bytes] = []
    if isinstance(value, bytes):
        octets.append(value)
    elif isinstance(value, str):
        octets.append(value.encode())
        octets += [bytes.fromhex(word) for word in value.replace('"', " ").split() if _is_hex(word)]
    return {run[i : i + size] for run in octets for i in range(len(run) - size + 1)}


def _is_hex(word: str) -> bool:
    return len(word) >= 16 and len(word) % 2 == 0 and all(c in "0123456789abcdef" for c in word.lower())


def values(database: Database) -> list[tuple[str, Any]]:
    return [
        (f"{table}.{column}", value)
        for table, row in rows(database)
        if table not in ("alembic_version",)
        for column, value in row.items()
        if value is not None
    ]


@pytest.fixture
def busy(memory_pki: Pki, fixed_clock: FixedClock) -> Pki:
    """An EA and AA that have served cars and an RSU in all ways, granted and refused."""
    stations = [memory_pki.station(f"car-{n}") for n in range(3)]
    stations.append(memory_pki.station("rsu", profile="rsu", region=country(276)))
    for station in stations:
        fixed_clock.advance(7)
        ec = station.enrol()
        for options in (
            {},
            {"wrapper": "bare"},
            {"encryption": MemoryKey(P256)},
            {"proof_age": 900},
            {"tag": bytes(16)},
            {"attributes": station.attributes(validity_period=hours(fixed_clock.now + 20 * HOUR + 11, 5))},
            {"attributes": station.attributes(app_permissions=(permission(624, b"\1\x38"),))},
            {"plain_ec": True},
        ):
            fixed_clock.advance(61)
            station.authorize(ec, **options)
        station.enrol(by=ec)
    return memory_pki


def test_no_value_is_in_both_databases(busy: Pki) -> None:
    public = {
        run
        for certificate in (busy.ea_certificate, busy.aa_certificate, busy.root)
        for run in pieces(certificate.hashed_id8) | pieces(certificate.octets)
    }
    at_ea: dict[bytes, str] = {}
    for name, value in values(busy.ea_database):
        # the names of events and fields of the audit are the same everywhere
        if name not in ("audit_entry.event", "audit_entry.detail", "issuance_record.state"):
            at_ea |= dict.fromkeys(pieces(value) - public, name)
    # octets that every certificate has: fixed parts of the encoding
    common = _fixed_parts(busy)
    both = {
        (at_ea[run], name, run.hex())
        for name, value in values(busy.aa_database)
        for run in pieces(value) & at_ea.keys() - common
    }
    assert not both


def _fixed_parts(pki: Pki) -> set[bytes]:
    """Runs that occur in more than one record of the AA: they tell no two tickets apart."""
    seen: set[bytes] = set()
    twice: set[bytes] = set()
    for name, value in values(pki.aa_database):
        if name in ("issuance_record.to_be_signed",):
            found = pieces(value)
            twice |= found & seen
            seen |= found
    return twice


def test_nothing_of_a_request_is_in_the_eas_database(memory_pki: Pki) -> None:
    from hashlib import sha256

    from v2xpki import wire

    car = memory_pki.station()
    ec = car.enrol()
    wish, new = car.wish(ec)
    car.send_authorization(car.wrapped(wish, new)).ok()
    shared = wish.shared_at_request
    ((_, body),) = memory_pki.link.calls
    secrets = {
        "keyTag": shared.key_tag,
        "ticket key": new.public_key.point[1:],
        "hmacKey": wish.hmac_key,
        "SHA-256(SharedAtRequest)": sha256(wire.encode(shared)).digest(),
        "requestHash": sha256(body).digest(),
        "start": wire.encode(shared.requested_subject_attributes.validity_period),
    }  # type: ignore[arg-type]
    held = {run for _, value in values(memory_pki.ea_database) for run in pieces(value, size=7)}
    for name, octets in secrets.items():
        assert not {octets[i : i + 7] for i in range(len(octets) - 6)} & held, name


def test_nothing_of_the_station_is_in_the_aas_database(memory_pki: Pki) -> None:
    rsu = memory_pki.station("rsu-with-a-long-name", profile="rsu")
    ec = rsu.enrol()
    rsu.authorize(ec, plain_ec=True).ok()
    held = {run for _, value in values(memory_pki.aa_database) for run in pieces(value)}
    for octets in (ec.certificate.octets, ec.certificate.hashed_id8, rsu.id, rsu.known.id):
        assert not {octets[i : i + 8] for i in range(len(octets) - 7)} & held - _head(memory_pki, ec)


def _head(pki: Pki, ec: Any) -> set[bytes]:
    """What a certificate of any kind has in common with any other."""
    tickets = [v for name, v in values(pki.aa_database) if name == "issuance_record.signed"]
    fixed = b"".join((b"\x80\x03\x00\x80", bytes(6)))
    return {
        run for run in pieces(ec.certificate.octets) for t in tickets if run in t and _is_plain(run, fixed)
    }


def _is_plain(run: bytes, fixed: bytes) -> bool:
    return len(set(run)) <= 4 or run in fixed


def test_times_in_the_eas_rows_about_tickets_are_whole_hours(busy: Pki) -> None:
    start = busy.clock.time32() % HOUR
    assert start  # the clock itself is between hours
    offset = 5  # leap seconds: whole hours of UTC
    for table, row in rows(busy.ea_database):
        if table in ("validation", "ticket_window", "enrolment_request"):
            for column in ("start", "end", "expires"):
                if row.get(column) is not None:
                    assert (row[column] - offset) % HOUR == 0, (table, column)
        if table == "audit_entry":
            assert row["time"] % HOUR == 0


def test_rows_keep_no_order(busy: Pki) -> None:
    """Tables about requests have no rowid, and their keys are random to whom lacks the secret."""
    import sqlalchemy as sa

    for database, tables in (
        (busy.ea_database, ("validation", "ticket_window", "enrolment_request", "issuance_record")),
        (busy.aa_database, ("authorization_request", "issuance_record")),
    ):
        with database.read() as tx:
            for table in tables:
                sql = tx.execute(
                    sa.text(f"SELECT sql FROM sqlite_master WHERE name = '{table}'")
                ).scalar_one()
                assert "WITHOUT ROWID" in sql


def test_the_observers_words_name_nobody(busy: Pki) -> None:
    for flow, outcome, why in busy.notes.seen:
        if flow == "enrolment":
            continue
        text = f"{outcome} {why}"
        assert "car-" not in text
        assert not any(_is_hex(word.strip(",.:")) for word in text.split()), text
