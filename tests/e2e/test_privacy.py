"""Nothing that a served instance keeps ties a ticket to a station: EA's and AA's databases and logs, joined.

What may be common, and why, is in `allowed`; nothing else is.
"""

import base64
import http.client
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.etsi import (
    BRAINPOOL,
    EC_PERMISSIONS,
    P256,
    Credential,
    Pki,
    Sent,
    Spoilt,
    TestStation,
    country,
    hours,
    permission,
)
from tests.support.joining import Held, copy_of, join, public_runs, runs_of, spellings, vocabulary
from tests.support.lab import REQUEST_TYPE, Lab, LabStation
from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.keystore import MemoryKey
from v2xpki.store import Database
from v2xpki.time import HOUR, FixedClock
from v2xpki.wire import etsi

CLIENT = "127.77.7.7"  # an address of the loopback that nothing else has


@dataclass
class Knowledge:
    """What the stations know of their own requests: who may hold which of it is what the tests ask."""

    of_station: dict[str, bytes] = field(default_factory=dict)  # the EA's matter
    of_ticket: dict[str, bytes] = field(default_factory=dict)  # the AA's matter
    of_request: dict[str, bytes] = field(default_factory=dict)  # nobody's: both see it, or only one should
    starts: set[int] = field(default_factory=set)  # of tickets, to the second

    def note_credential(self, who: str, ec: Credential) -> None:
        self.of_station |= {
            f"{who} EC": ec.certificate.hashed_id8,
            f"{who} EC digest": ec.certificate.digest,
            f"{who} EC key": ec.key.public_key.point[1:],
        }

    def note_wish(self, who: str, wish: etsi.InnerAtRequest, new: MemoryKey, sent: Sent) -> None:
        shared = wish.shared_at_request
        self.of_ticket[f"{who} ticket key"] = new.public_key.point[1:]
        self.of_request |= {
            f"{who} keyTag": shared.key_tag,
            f"{who} SHA-256(SharedAtRequest)": sha256(wire.encode(shared)).digest(),
            f"{who} SHA-256 of the authorization request": sha256(sent.body).digest(),
            f"{who} hmacKey": wish.hmac_key,
            f"{who} AES key": sent.aes,
            f"{who} ecSignature": wire.encode(wish.ec_signature)[-40:],
        }
        if shared.requested_subject_attributes.validity_period is not None:
            self.starts.add(shared.requested_subject_attributes.validity_period.start)


def drive(stations: list[TestStation], known: Knowledge, pause: Callable[[], None] = lambda: None) -> None:
    """Stations enrol, renew and obtain tickets in all ways, granted and refused."""
    for station in stations:
        who = station.id.decode()
        known.of_station[f"{who} id"] = station.id
        known.of_station[f"{who} canonical key"] = station.canonical.public_key.point[1:]
        ec = station.enrol()
        known.note_credential(who, ec)
        for wrong in (
            {"canonical": MemoryKey(P256)},
            {"age": 3600},
            {"pop": Spoilt},
            {"form": 2},
            {"bad_tag": True},
            {"attributes": etsi.CertificateSubjectAttributes(app_permissions=EC_PERMISSIONS * 2)},
        ):
            assert station.send_enrolment(station.enrolment(**wrong)).code != "ok"
        now = station.pki.clock.time32()
        for number, (wishing, wrapping) in enumerate((
            ({}, {}),
            ({}, {"wrapper": "bare"}),
            ({}, {"wrapper": "unsecured"}),
            ({"encryption": MemoryKey(P256)}, {}),
            ({"curve": BRAINPOOL}, {}),
            ({"attributes": station.attributes(validity_period=None)}, {}),
            ({"attributes": station.attributes(validity_period=hours(now + 20 * HOUR + 1711, 5))}, {}),
            # refused, by the EA or by the AA
            ({"proof_age": 900}, {}),
            ({"tag": bytes(range(16))}, {}),
            ({"attributes": station.attributes(app_permissions=(permission(624, b"\1\x38"),))}, {}),
            ({"plain_ec": True}, {}),
            ({"proof": Spoilt}, {}),
            ({"bad_tag": True}, {}),
            ({"ea_id": bytes(8)}, {}),
            ({}, {"age": 3600}),
            ({}, {"pop": Spoilt}),
            ({}, {"tail": b"\0"}),
        )):  # fmt: skip
            pause()
            wish, new = station.wish(ec, **wishing)
            sent = station.wrapped(wish, new, **wrapping)
            answer = station.send_authorization(sent)
            name = f"{who} #{number}"
            known.note_wish(name, wish, new, sent)
            if answer.certificate is not None:
                known.of_ticket[f"{name} ticket"] = answer.certificate.hashed_id8
                known.of_ticket[f"{name} ticket digest"] = answer.certificate.digest
                # the same octets again
                assert station.send_authorization(sent).octets == answer.octets
        known.note_credential(f"{who} renewed", station.enrol(by=ec))


@dataclass
class Busy:
    """A served instance that has done all there is to do, and what the stations know of it."""

    lab: Lab
    known: Knowledge
    hours: tuple[int, ...]  # in which it was done

    @property
    def certificates(self) -> list[Certificate]:
        found = {
            path.read_bytes()
            for path in self.lab.directory.rglob("*.oer")
            if path.parent.name in ("certificates", "trust") and path.stem not in ("ctl", "ectl", "crl")
        }
        return [Certificate.parse(octets) for octets in found]


@pytest.fixture(scope="module")
def busy(lab: Lab) -> Busy:
    started = lab.clock.time32()
    known = Knowledge()
    stations: list[TestStation] = [lab.station(f"vehicle-{n}-of-the-join") for n in range(3)]
    stations.append(lab.station("brainpool-of-the-join", curve=BRAINPOOL))
    stations.append(lab.station("roadside-of-the-join", profile="rsu", region=country(276)))
    drive(stations[:4], known)
    rsu = stations[4]
    ec = rsu.enrol()
    known.note_credential("rsu", ec)
    assert rsu.send_authorization(rsu.authorization(ec, plain_ec=True)).code == "ok"
    for path, body in (("/ea", b""), ("/aa", b"\x03\x82"), ("/aa", bytes(70_000)), ("/aa/", b"x")):
        assert 400 <= lab.post(path, body).status < 500
    return Busy(lab, known, tuple({started // HOUR, lab.clock.time32() // HOUR}))


@pytest.fixture(scope="module")
def allowed(busy: Busy, tmp_path_factory: pytest.TempPathFactory) -> set[bytes]:
    """The runs of 8 octets that both services may hold.

    1. CA certificates and digests of them: everyone has them.
    2. What both held before the first station was registered: the ceremonies' entries, the services' first
       lines.
    3. The words that the audit is written with, as the code has them.
    4. What the EA *and* the AA of an unrelated PKI hold too, which has other keys, other stations, another
       minute, and in common with this one only the code and the hour: words of the audit and the schema,
       fixed parts of encodings. What they hold cannot be of anyone here.
    """
    found = public_runs(busy.certificates) | busy.lab.fresh | vocabulary()
    for hour in busy.hours:
        minute = (busy.lab.clock.time32() + HOUR // 2) % HOUR
        clock = FixedClock(hour * HOUR + minute)
        pki = Pki.make(tmp_path_factory.mktemp("control"), clock)
        known = Knowledge()
        drive([pki.station("a-car"), pki.station("another-bus", curve=BRAINPOOL)], known)
        # as the services' processes end, with the counts of what they signed on the record
        pki.ea.close()
        pki.aa.close()
        ea, aa = Held.of(pki.ea_database), Held.of(pki.aa_database)
        common = set(join(ea, aa)) - public_runs([pki.root, pki.ea_certificate, pki.aa_certificate])
        # the control itself must not have taught us to overlook anything
        told = {**known.of_station, **known.of_ticket, **known.of_request}
        assert not common & {run for octets in told.values() for run in runs_of(octets)}
        found |= common
        pki.close()
    return found


def named(found: dict[bytes, tuple[str, str]]) -> set[tuple[str, str, str]]:
    return {(run.hex(), here, there) for run, (here, there) in found.items()}


def test_no_value_is_held_by_both(busy: Busy, allowed: set[bytes]) -> None:
    ea, aa = busy.lab.held("ea"), busy.lab.held("aa")
    both = {run: where for run, where in join(ea, aa).items() if run not in allowed}
    assert not named(both)


def test_no_time_is_finer_than_an_hour(busy: Busy) -> None:
    # the end of an EC tells when it began, to the hour: a matter of the enrolment, not of any ticket
    about_enrolment = {"enrolment_credential.expires"}
    for name in ("ea", "aa"):
        assert {where for where, _ in busy.lab.held(name).fine_times()} <= about_enrolment, name


def test_the_ea_keeps_no_tickets_start_to_the_second(busy: Busy) -> None:
    starts = {start for start in busy.known.starts if start % HOUR != 5}
    assert len(starts) > 1
    ea = busy.lab.held("ea")
    written = {start.to_bytes(4, "big") for start in starts}
    for where, value in ea.values:
        assert value not in starts, where
        # answers are encrypted, keys and digests are random: there four octets may be there by chance
        if isinstance(value, bytes) and where in (
            "validation.start",
            "ticket_window.start",
            "station.region",
        ):
            assert not any(start in value for start in written), where
        if isinstance(value, str):
            assert not any(str(start) in value for start in starts), where


def files_of(lab: Lab, name: str) -> dict[str, bytes]:
    """Every file of a service, octet by octet: the database's pages, its log, its token, its own log."""
    paths = [path for path in (lab.directory / name).rglob("*") if path.is_file()]
    paths += [lab.directory / "log" / f"{name}.log", lab.directory / "log" / "router.log"]
    paths += [lab.directory / "serve.err"]
    return {str(path.relative_to(lab.directory)): path.read_bytes() for path in paths if path.exists()}


def sightings(files: dict[str, bytes], secrets: dict[str, bytes]) -> set[tuple[str, str]]:
    """(secret, file) wherever 8 octets from either end of a secret are, in any spelling."""
    wanted: dict[bytes, list[tuple[str, bytes]]] = {}
    for what, octets in secrets.items():
        # both ends, since a digest is often cut
        for part in [octets] if len(octets) < 16 else [octets[:8], octets[-8:]]:
            for spelt in spellings(part):
                wanted.setdefault(spelt[:8], []).append((what, spelt))
    found = set()
    for name, text in files.items():
        for start in range(len(text) - 7):
            for what, spelt in wanted.get(text[start : start + 8], ()):
                if text.startswith(spelt, start):
                    found.add((what, name))
    return found


def test_nothing_of_a_station_is_in_any_file_of_the_aa(busy: Busy) -> None:
    files = files_of(busy.lab, "aa")
    assert {"aa/aa.db", "aa/aa.db-wal", "log/aa.log"} <= set(files)
    assert len(busy.known.of_station) > 20
    assert sightings(files, busy.known.of_station) == set()
    assert sightings(files, busy.known.of_request) == set()
    # and it would have been seen: the same search finds what the AA does hold
    tickets = {name: octets for name, octets in busy.known.of_ticket.items() if name.endswith(" ticket")}
    assert len({what for what, _ in sightings(files, tickets)}) == len(tickets) > 10


def test_nothing_of_a_ticket_is_in_any_file_of_the_ea(busy: Busy) -> None:
    files = files_of(busy.lab, "ea")
    assert {"ea/ea.db", "ea/ea.db-wal", "log/ea.log"} <= set(files)
    assert sightings(files, busy.known.of_ticket) == set()
    assert sightings(files, busy.known.of_request) == set()
    credentials = {name: octets for name, octets in busy.known.of_station.items() if name.endswith(" EC")}
    assert len({what for what, _ in sightings(files, credentials)}) == len(credentials)


def test_no_client_address_is_kept_by_those_who_see_requests(busy: Busy) -> None:
    lab = busy.lab
    link = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=20, source_address=(CLIENT, 0))
    car = LabStation(lab, b"car-from-afar", MemoryKey(P256), lab.register(b"car-from-afar", MemoryKey(P256)))
    ec = busy.lab.station().enrol()
    for path, body, kind in (
        ("/aa", car.authorization(ec).body, REQUEST_TYPE),
        ("/aa", b"\xff" * 100, REQUEST_TYPE),
        ("/aa", b"", "text/plain"),
        ("/ea", car.enrolment().body, REQUEST_TYPE),
        ("/ea", bytes(40), REQUEST_TYPE),
        ("/no/such/path", b"", REQUEST_TYPE),
        ("/aa", bytes(100_000), REQUEST_TYPE),
    ):
        link.request(
            "POST", path, body, {"Content-Type": kind, "X-Forwarded-For": CLIENT, "X-Request-Id": CLIENT}
        )
        link.getresponse().read()
    link.close()
    for name in ("ea", "aa", "dc"):
        for file, octets in files_of(lab, name).items():
            assert CLIENT.encode() not in octets, file
    for path in (lab.directory / "run").rglob("*"):
        if path.is_file():
            assert CLIENT.encode() not in path.read_bytes(), path


def test_rows_about_requests_have_no_number(busy: Busy) -> None:
    """A rowid would be the order in which stations asked; so only what is no one's request has one."""
    for name in ("ea", "aa"):
        path = busy.lab.directory / name / f"{name}.db"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as link:
            tables = dict(link.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        link.close()
        numbered = {table for table, sql in tables.items() if "WITHOUT ROWID" not in sql}
        assert numbered <= {"alembic_version", "audit_entry", "audit_head", "setting"}, name


def test_the_eas_audit_does_not_grow_with_tickets(busy: Busy) -> None:
    """The chain has an order, so an entry about a validation would give each ticket a place in it. What is
    there are blocks of messages, with how many of each kind they were."""

    def length() -> int:
        with busy.lab.database("ea") as database:
            events = [event for where, event in Held.of(database).values if where == "audit_entry.event"]
        return sum(not event.startswith("messages.") for event in events)

    car = busy.lab.station()
    ec = car.enrol()
    before = length()
    for _ in range(3):
        car.authorize(ec).ok()
    assert car.authorize(ec, proof=Spoilt).code != "ok"
    assert length() == before


# --- the tests above are able to fail -------------------------------------------------------------------


@pytest.fixture
def copies(busy: Busy, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    def copy(name: str) -> Path:
        path = tmp_path / f"{name}.db"
        return path if path.exists() else copy_of(busy.lab.directory / name / path.name, path)

    yield copy


def a_value_of_the_aa(path: Path) -> bytes:
    """12 octets of a ticket's key, as the AA's database has them."""
    with sqlite3.connect(path) as link:
        (signed,) = link.execute("SELECT signed FROM issuance_record WHERE kind = 'AT' LIMIT 1").fetchone()
    link.close()
    return Certificate.parse(signed).verification_key.point[5:17]


@pytest.mark.parametrize(
    ("column", "spell"),
    [
        ("validation.id", lambda octets: octets),
        ("enrolment_request.answer", lambda octets: b"something before " + octets[:8] + b"after"),
        ("audit_entry.detail", lambda octets: f'{{"x":"{octets.hex()}"}}'),
        ("audit_entry.detail", lambda octets: f"a word {octets.hex().upper()} among others"),
        ("station.status", lambda octets: base64.b64encode(b"ab" + octets).decode()),
        ("station.status", lambda octets: base64.urlsafe_b64encode(octets).decode()),
        ("station.validations", lambda octets: int.from_bytes(octets[:7], "big")),
    ],
    ids=["blob", "inside a blob", "hex", "upper-case hex", "base64", "base64 for URLs", "number"],
)
def test_the_join_finds_a_value_that_is_planted(
    copies: Callable[[str], Path], allowed: set[bytes], column: str, spell: Callable[[bytes], object]
) -> None:
    ea, aa = copies("ea"), copies("aa")
    octets = a_value_of_the_aa(aa)
    value = spell(octets)
    table, _, name = column.partition(".")
    execute(ea, f"UPDATE {table} SET {name} = ? WHERE {name} = (SELECT {name} FROM {table} LIMIT 1)", value)
    if isinstance(value, int):  # as a service would store it that had the same number
        execute(aa, "UPDATE authorization_request SET answer = ?", b"x" + value.to_bytes(8, "big"))
    with Database.open(f"sqlite:///{ea}") as one, Database.open(f"sqlite:///{aa}") as other:
        found = join(Held.of(one), Held.of(other))
    assert {where for run, (where, _) in found.items() if run not in allowed} == {column}


@pytest.mark.parametrize("line", ["seen {hex}", '{{"ticket": "{base64}"}}', "it was vehicle-0-of-the-join"])
def test_the_join_finds_a_value_in_a_log(
    busy: Busy, allowed: set[bytes], copies: Callable[[str], Path], line: str
) -> None:
    octets = a_value_of_the_aa(copies("aa"))
    ea, aa = busy.lab.held("ea"), busy.lab.held("aa")
    told = line.format(hex=octets.hex(), base64=base64.b64encode(octets).decode())
    (aa if "vehicle" in line else ea).values.append(("a log", told))
    assert {run for run in join(ea, aa) if run not in allowed}


@pytest.mark.parametrize(
    "value",
    [722_613_164, 722_613_164_000_000, '{"time": "2026-11-23T17:16:30Z"}', "at 2026-11-23 17:00:00.5"],
)
def test_a_time_finer_than_an_hour_is_found(value: object) -> None:
    assert Held([("validation.start", value)]).fine_times()


@pytest.mark.parametrize("spelt", [bytes, lambda o: o.hex().encode(), lambda o: base64.b64encode(b"x" + o)])
def test_the_search_of_files_finds_what_is_there(spelt: Callable[[bytes], bytes]) -> None:
    digest = sha256(b"of a ticket").digest()
    assert sightings({"a file": b"before" + spelt(digest[-9:]) + b"after"}, {"digest": digest})


def execute(path: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(path) as link:
        assert link.execute(statement, values).rowcount > 0
    link.close()


# --- and what is kept is not kept for long ------------------------------------------------------------------


def test_after_the_retry_window_nothing_of_a_request_is_left_in_the_files(tmp_path: Path) -> None:
    clock = FixedClock(707_356_805 + 1234)
    pki = Pki.make(tmp_path, clock)
    car = pki.station()
    ec = car.enrol()
    answers = [car.send_enrolment(car.enrolment(by=ec)), car.authorize(ec), car.authorize(ec, tag=bytes(16))]
    about_requests = ("enrolment_request", "authorization_request", "validation", "ticket_window")

    def left() -> list[str]:
        held = [Held.of(database) for database in (pki.ea_database, pki.aa_database)]
        return [where for one in held for where, _ in one.values if where.partition(".")[0] in about_requests]

    def in_files(octets: bytes) -> bool:
        return any(octets in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert left() and all(in_files(answer.octets[-40:]) for answer in answers)
    clock.advance(26 * HOUR)
    assert pki.ea.purge() + pki.aa.purge() >= 5
    assert left() == []
    pki.close()  # the last connection's end moves what is in the log into the file
    assert not any(in_files(answer.octets[-40:]) for answer in answers)
