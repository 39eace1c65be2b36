"""The EA's register of stations: who may enrol, with which key, under which profile.

A canonical id is octets: text in UTF-8 as often as binary. Barring a station bars its credentials with
it; nothing else revokes an end entity in C-ITS.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.audit import Event
from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import AlreadyRecorded, ConfigError, StoreError
from v2xpki.store import Database, Statement, Transaction, random_key
from v2xpki.store.base import AuditRow, table_of
from v2xpki.store.ea import ACTIVE, BARRED, EnrolmentCredential, Station
from v2xpki.time import HOUR
from v2xpki.trust.profiles import StationProfile
from v2xpki.trust.regions import Region
from v2xpki.wire import dot2

LONGEST_NAME = 255  # octets of a Hostname

_T = table_of(Station)
_EC = table_of(EnrolmentCredential)
_COLUMNS = (_T.c.id, _T.c.canonical_id, _T.c.curve, _T.c.point, _T.c.profile, _T.c.status, _T.c.region)
_BY_CANONICAL = Statement(sa.select(*_COLUMNS).where(_T.c.canonical_id == sa.bindparam("canonical_id")))
_BY_CREDENTIAL = Statement(
    sa.select(*_COLUMNS, _EC.c.certificate)
    .join(_EC, _EC.c.station == _T.c.id)
    .where(_EC.c.hashed_id8 == sa.bindparam("hashed_id8"))
)
_SET_STATUS = Statement(
    sa.update(_T).where(_T.c.id == sa.bindparam("station")).values(status=sa.bindparam("new_status"))
)


@dataclass(frozen=True)
class KnownStation:
    """A registered station. `key` is its canonical key, COER of `region` as the register has it."""

    id: bytes
    canonical_id: bytes
    curve: str
    point: bytes
    profile: str
    status: str
    region_octets: bytes | None

    @property
    def is_barred(self) -> bool:
        return self.status != ACTIVE

    @property
    def key(self) -> PublicKey:
        """The canonical public key."""
        return PublicKey.from_sec1(Curve.from_text(self.curve), self.point)

    @property
    def region(self) -> Region:
        """Where the station belongs, None for anywhere."""
        return None if self.region_octets is None else wire.decode(dot2.GeographicRegion, self.region_octets)

    @property
    def name(self) -> str:
        """The canonical id for people and for the EC's name: as text if it is printable, else in hex."""
        try:
            text = self.canonical_id.decode()
        except UnicodeDecodeError:
            text = ""
        if not text or not text.isprintable() or len(self.canonical_id) > LONGEST_NAME:
            return self.canonical_id.hex()[:LONGEST_NAME]
        return text


@dataclass(frozen=True)
class NewStation:
    """A station to be registered."""

    canonical_id: bytes
    key: PublicKey
    profile: str
    region: Region = None

    def __post_init__(self) -> None:
        if not self.canonical_id:
            raise ConfigError("a station needs a canonical id of at least one octet")


def find_by_canonical_id(database: Database, canonical_id: bytes) -> KnownStation | None:
    """The station of a canonical id."""
    row = database.row(_BY_CANONICAL, canonical_id=canonical_id)
    return None if row is None else KnownStation(*row)


def find_by_credential(database: Database, hashed_id8: bytes) -> tuple[KnownStation, bytes] | None:
    """The station that an EC was issued to, and the EC's octets."""
    row = database.row(_BY_CREDENTIAL, hashed_id8=hashed_id8)
    return None if row is None else (KnownStation(*row[:-1]), row[-1])


def home_of(station: KnownStation, profile: StationProfile, ea: Certificate) -> Region:
    """Where a station belongs: as registered, else as its profile says, else where its EA does."""
    if station.region_octets is not None:
        return station.region
    if profile.region is not None or not profile.region_bound:
        return profile.region
    return ea.record.to_be_signed.region


class Barring(NamedTuple):
    """Why a station was barred, by whom, and in which hour (TAI seconds)."""

    reason: str
    operator: str
    since: int


class StationRegister:
    """What an operator does with the stations of an EA."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, station: NewStation, *, operator: str = "") -> KnownStation:
        """Raises StoreError where the canonical id is taken."""
        with self._database.write(durable=True) as tx:
            made = self._insert(tx, station)
            tx.audit(Event.STATION_REGISTERED, station=made.id, profile=made.profile, operator=operator)
        return made

    def register_all(self, stations: Iterable[NewStation], *, digest: bytes, operator: str = "") -> int:
        """All of them or none; `digest` of the file they come from, for the audit. Raises StoreError."""
        count = 0
        with self._database.write(durable=True) as tx:
            for count, station in enumerate(stations, 1):  # noqa: B007
                self._insert(tx, station)
            tx.audit(Event.STATIONS_IMPORTED, count=count, digest=digest, operator=operator)
        return count

    def bar(self, station: bytes, *, reason: str, operator: str = "") -> None:
        """No further EC or ticket; `station` is KnownStation.id."""
        self._set(station, BARRED, Event.STATION_BARRED, reason, operator)

    def unbar(self, station: bytes, *, reason: str, operator: str = "") -> None:
        """Undo `bar`."""
        self._set(station, ACTIVE, Event.STATION_UNBARRED, reason, operator)

    def barring(self, station: bytes) -> Barring | None:
        """The last time that a station was barred, from the audit record, which is where it is kept; None for
        one that never was."""
        query = (
            sa.select(AuditRow.time, AuditRow.detail)
            .where(AuditRow.event == Event.STATION_BARRED, AuditRow.detail.contains(station.hex()))
            .order_by(AuditRow.sequence.desc())
        )
        with self._database.read() as tx:
            rows: list[Any] = list(tx.execute(query))
        for row in rows:
            detail = json.loads(row.detail)
            if detail.get("station") == station.hex():  # and not in a reason that somebody typed
                return Barring(detail.get("reason", ""), detail.get("operator", ""), row.time)
        return None

    def find(self, canonical_id: bytes) -> KnownStation | None:
        """The station of a canonical id."""
        return find_by_canonical_id(self._database, canonical_id)

    def all(self) -> Iterator[KnownStation]:
        """Every station, by canonical id."""
        with self._database.read() as tx:
            rows: list[Any] = list(tx.execute(sa.select(*_COLUMNS).order_by(_T.c.canonical_id)))
        return (KnownStation(*row) for row in rows)

    def count(self) -> int:
        """How many stations there are."""
        with self._database.read() as tx:
            return int(tx.execute(sa.select(sa.func.count()).select_from(_T)).scalar_one())

    def credentials(self, station: bytes) -> list[bytes]:
        """COER of the ECs that a station holds."""
        with self._database.read() as tx:
            return list(tx.execute(sa.select(_EC.c.certificate).where(_EC.c.station == station)).scalars())

    def _insert(self, tx: Transaction, station: NewStation) -> KnownStation:
        made = KnownStation(
            random_key(),
            station.canonical_id,
            station.key.curve.text,
            station.key.point,
            station.profile,
            ACTIVE,
            None if station.region is None else wire.encode(station.region),
        )
        now = self._database.clock.time32()
        try:
            tx.insert(
                Station,
                id=made.id,
                canonical_id=made.canonical_id,
                curve=made.curve,
                point=made.point,
                profile=made.profile,
                status=made.status,
                region=made.region_octets,
                registered=now - now % HOUR,
                day=0,
                enrolments=0,
                validations=0,
            )
        except AlreadyRecorded as error:
            raise AlreadyRecorded(f"station {made.name} is registered already") from error
        return made

    def _set(self, station: bytes, status: str, event: Event, reason: str, operator: str) -> None:
        with self._database.write(durable=True) as tx:
            if tx.run(_SET_STATUS, station=station, new_status=status) != 1:
                raise StoreError("no such station")
            tx.audit(event, station=station, reason=reason, operator=operator)
