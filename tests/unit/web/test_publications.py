"""What is handed out when: lists signed ahead, wrapped sequences, former issuers, conflicts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.trust.pki import Pki
from v2xpki import audit
from v2xpki.authorities.etsi.distribution import (
    LOOK,
    Distribution,
    Publisher,
    import_publications,
    published_list,
    published_tlm,
)
from v2xpki.crypto import Certificate
from v2xpki.errors import AlreadyRecorded, DecodeError, InvalidList, UnexpectedContent, UnsupportedAlgorithm
from v2xpki.store import Database
from v2xpki.store.dc import DcStore, Kind, Publication
from v2xpki.store.schema import upgrade
from v2xpki.time import FixedClock
from v2xpki.web.open_dc import lists_fresh

ROOT, OTHER = b"\x01" * 8, b"\x02" * 8


@pytest.fixture
def database(tmp_path: Path, fixed_clock: FixedClock) -> Database:
    database = Database.open(tmp_path / "dc.db", clock=fixed_clock)
    upgrade(database, "dc")
    return database


@pytest.fixture
def distribution(database: Database, fixed_clock: FixedClock) -> Distribution:
    return Distribution(DcStore(database), fixed_clock)


def ctl(start: int, octets: bytes, sequence: int = 0, issuer: bytes = ROOT, days: int = 30) -> Publication:
    return Publication(Kind.CTL, issuer, start, start + days * 86400, octets, sequence=sequence)


def octets_of(document: object) -> bytes | None:
    return None if document is None else document.octets


def alarm(days: int) -> Callable[[str], int]:
    return lambda kind: days * 86400


@pytest.fixture
def publisher(database: Database, fixed_clock: FixedClock) -> Publisher:
    return Publisher(DcStore(database), fixed_clock)


def test_a_list_signed_ahead_is_seen_from_its_time_on(
    distribution: Distribution, publisher: Publisher, fixed_clock: FixedClock
) -> None:
    now = fixed_clock.now
    distribution.publish([ctl(now, b"first"), ctl(now + 500, b"second", 1)])
    first = distribution.ctl(ROOT)
    assert (first.octets, first.max_age) == (b"first", 500)
    fixed_clock.advance(499)
    assert publisher.round() == 1
    assert distribution.ctl(ROOT).octets == b"first"
    fixed_clock.advance(1)
    assert (distribution.ctl(ROOT).octets, distribution.ctl(ROOT).max_age) == (b"first", 0)
    assert publisher.round() == LOOK
    assert distribution.ctl(ROOT).octets == b"second"


def test_a_publication_by_another_process_is_seen_at_once(
    distribution: Distribution, database: Database, fixed_clock: FixedClock
) -> None:
    distribution.publish([ctl(fixed_clock.now - 5, b"first")])
    assert distribution.ctl(ROOT).octets == b"first"
    import_publications(database, fixed_clock, [ctl(fixed_clock.now, b"second", 1)])
    assert distribution.ctl(ROOT).octets == b"second"


def test_deltas_are_found_by_sequence_and_the_latest_wins_after_a_wrap(
    distribution: Distribution, fixed_clock: FixedClock
) -> None:
    now = fixed_clock.now
    first = ctl(now - 90, b"of the first round", 3)._replace(delta=True)
    distribution.publish([ctl(now - 90, b"3", 3), first])
    for sequence in (100, 200, 3):
        distribution.publish([ctl(now, b"full %d" % sequence, sequence)])
    distribution.publish([ctl(now, b"of the second round", 3)._replace(delta=True)])
    assert distribution.ctl(ROOT).octets == b"full 3"
    assert distribution.delta_ctl(ROOT, 3).octets == b"of the second round"
    assert distribution.delta_ctl(ROOT, 4) is None
    assert distribution.delta_ctl(OTHER, 3) is None


def test_a_former_tlm_keeps_its_last_ectl_and_the_newest_certificate_is_the_default(
    distribution: Distribution, fixed_clock: FixedClock
) -> None:
    now = fixed_clock.now
    distribution.publish([
        Publication(Kind.TLM_CERTIFICATE, OTHER, now - 900, now + 10, b"former"),
        Publication(Kind.TLM_CERTIFICATE, ROOT, now - 100, now + 1000, b"present"),
        Publication(Kind.ECTL, OTHER, now - 900, now - 100, b"last of the former"),
    ])  # fmt: skip
    assert distribution.tlm_certificate(None).octets == b"present"
    assert distribution.tlm_certificate(OTHER).octets == b"former"
    assert distribution.ectl(OTHER).octets == b"last of the former"
    assert distribution.delta_ectl(OTHER, None) is None


def test_the_same_again_changes_nothing_and_other_octets_in_its_place_are_refused(
    distribution: Distribution, fixed_clock: FixedClock
) -> None:
    entry = ctl(fixed_clock.now, b"a list")
    assert distribution.publish([entry]) == (1, 0, 0)
    assert distribution.publish([entry]) == (0, 1, 0)
    distribution.publish([ctl(fixed_clock.now - 400, b"overtaken", 200)])
    assert distribution.ctl(ROOT).octets == b"a list"
    with pytest.raises(InvalidList, match="without its full list"):
        distribution.publish([ctl(fixed_clock.now, b"delta", 1)._replace(delta=True)])
    with pytest.raises(AlreadyRecorded):
        distribution.publish([ctl(fixed_clock.now + 1, b"new", 1), entry._replace(octets=b"another")])
    fixed_clock.advance(1)
    assert distribution.ctl(ROOT).octets == b"a list"  # all or nothing


def test_every_publication_is_audited(
    distribution: Distribution, database: Database, fixed_clock: FixedClock
) -> None:
    distribution.publish([ctl(fixed_clock.now, b"a list", 9)])
    with database.read() as tx:
        import sqlalchemy as sa

        from v2xpki.store.base import AuditRow

        rows = tx.execute(sa.select(AuditRow.event, AuditRow.detail).order_by(AuditRow.sequence)).all()
    assert rows[-1].event == audit.Event.LIST_PUBLISHED and '"sequence":9' in rows[-1].detail.replace(" ", "")


def test_unknown_names_are_not_kept_in_memory(distribution: Distribution) -> None:
    for number in range(100):
        assert distribution.ctl(number.to_bytes(8, "big")) is None
    assert distribution._kept == {}


# --- freshness --------------------------------------------------------------------------------------


def everything(now: int, days: int = 30) -> list[Publication]:
    end = now + days * 86400
    return [Publication(kind, ROOT, now - 10, end, kind.encode()) for kind in (Kind.CTL, Kind.CRL, Kind.ECTL)]


def test_lists_in_force_are_ready(distribution: Distribution, fixed_clock: FixedClock) -> None:
    distribution.publish(everything(fixed_clock.now))
    found = lists_fresh(distribution, fixed_clock, alarm(14))
    assert found.ok and not found.warning and len(found.values) == 12


def test_an_old_roots_lists_are_kept_fresh_until_its_certificate_ends(
    distribution: Distribution, fixed_clock: FixedClock
) -> None:
    old = Pki(now=fixed_clock.now).root.certificate
    distribution.publish(everything(fixed_clock.now, days=60))
    distribution.publish([entry._replace(issuer=old.hashed_id8) for entry in everything(fixed_clock.now)[:2]])
    assert lists_fresh(distribution, fixed_clock, alarm(14), [old]).ok
    fixed_clock.advance(31 * 86400)
    assert "ctl out of date" in lists_fresh(distribution, fixed_clock, alarm(14), [old]).text
    # of a root that this instance does not know nobody is told
    assert lists_fresh(distribution, fixed_clock, alarm(14)).ok


def test_a_missing_list_is_not_ready(distribution: Distribution, fixed_clock: FixedClock) -> None:
    distribution.publish(everything(fixed_clock.now)[:2])
    found = lists_fresh(distribution, fixed_clock, alarm(1))
    assert (found.ok, found.text) == (False, "ectl missing")


def test_a_list_that_ends_soon_without_successor_warns_and_then_is_not_ready(
    distribution: Distribution, fixed_clock: FixedClock
) -> None:
    distribution.publish(everything(fixed_clock.now))
    fixed_clock.advance(20 * 86400)
    found = lists_fresh(distribution, fixed_clock, alarm(14))
    assert found.ok and found.warning and "0 ahead" in found.text
    distribution.publish([
        entry._replace(this_update=fixed_clock.now + 5, octets=b"next", sequence=entry.kind != Kind.CRL)
        for entry in everything(fixed_clock.now)
    ])  # fmt: skip
    found = lists_fresh(distribution, fixed_clock, alarm(14))
    assert not found.warning and "1 ahead" in found.text
    fixed_clock.advance(200)
    assert "is not handed out" in lists_fresh(distribution, fixed_clock, alarm(14)).text
    assert lists_fresh(distribution, fixed_clock, alarm(31)).warning
    fixed_clock.advance(400 * 86400)
    assert not lists_fresh(distribution, fixed_clock, alarm(14)).ok


def test_a_former_issuer_s_old_list_does_no_harm(distribution: Distribution, fixed_clock: FixedClock) -> None:
    distribution.publish(everything(fixed_clock.now))
    distribution.publish([ctl(fixed_clock.now - 99 * 86400, b"old", issuer=OTHER)])
    assert lists_fresh(distribution, fixed_clock, alarm(1)).ok


# --- what a signed list says of itself -----------------------------------------------------------------


def test_nothing_but_a_list_is_published_as_one() -> None:
    with pytest.raises(UnexpectedContent):
        published_list(b"\x03\x80\x00")
    with pytest.raises(DecodeError):
        published_tlm(b"nonsense")


def test_a_recorded_ectl_of_the_field_is_placed_by_its_own_words(shared_vectors: Path) -> None:
    import json

    world = json.loads((shared_vectors / "real_world.json").read_text())
    blobs = [bytes.fromhex(text) for text in _hex_strings(world)]
    tlms = [c for blob in blobs if (c := _certificate(blob)) is not None]
    placed = 0
    for blob in blobs:
        for signer in tlms:
            try:
                entry = published_list(blob, signer)
            except (DecodeError, InvalidList, UnexpectedContent, UnsupportedAlgorithm):
                continue
            assert entry.issuer == signer.hashed_id8 and entry.next_update > entry.this_update
            with pytest.raises((InvalidList, DecodeError)):
                published_list(blob[:-1] + bytes([blob[-1] ^ 1]), signer)
            placed += 1
    assert placed


def _hex_strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for entry in value.values() for text in _hex_strings(entry)]
    if isinstance(value, list):
        return [text for entry in value for text in _hex_strings(entry)]
    if isinstance(value, str) and len(value) > 200 and all(c in "0123456789abcdefABCDEF" for c in value):
        return [value]
    return []


def _certificate(octets: bytes) -> Certificate | None:
    try:
        return Certificate.parse(octets)
    except Exception:
        return None
