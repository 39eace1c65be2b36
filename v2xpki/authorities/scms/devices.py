"""The enrolment CA's register of devices: who may enrol, with which key, as which kind of device.

A canonical id is text of IA5 (ASCII) characters. A barred device gets no certificate and no successor; that
others believe the one it has no more is for a CRL to say.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.audit import Event
from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import AlreadyRecorded, ConfigError, StoreError
from v2xpki.store import Database, Statement, Transaction, random_key
from v2xpki.store.base import table_of
from v2xpki.store.eca import ACTIVE, BARRED, Device, EnrolmentCertificate
from v2xpki.time import HOUR
from v2xpki.trust.regions import Region
from v2xpki.wire import dot2

LONGEST_ID = 255  # characters

_T = table_of(Device)
_EC = table_of(EnrolmentCertificate)
_COLUMNS = (_T.c.id, _T.c.canonical_id, _T.c.curve, _T.c.point, _T.c.profile, _T.c.status, _T.c.region)
_BY_CANONICAL = Statement(sa.select(*_COLUMNS).where(_T.c.canonical_id == sa.bindparam("canonical_id")))
_BY_ID = Statement(sa.select(*_COLUMNS).where(_T.c.id == sa.bindparam("device")))
_BY_CERTIFICATE = Statement(
    sa.select(*_COLUMNS, _EC.c.certificate)
    .join(_EC, _EC.c.device == _T.c.id)
    .where(_EC.c.hashed_id8 == sa.bindparam("hashed_id8"))
)
_SET_STATUS = Statement(
    sa.update(_T).where(_T.c.id == sa.bindparam("device")).values(status=sa.bindparam("new_status"))
)


@dataclass(frozen=True)
class KnownDevice:
    """A device of the register; key: its canonical key. canonical_id None: known by its first key alone."""

    id: bytes
    canonical_id: str | None
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
        """Where the device belongs, None for anywhere."""
        return None if self.region_octets is None else wire.decode(dot2.GeographicRegion, self.region_octets)


@dataclass(frozen=True)
class NewDevice:
    """A device to be registered. Raises ConfigError for a canonical id that no request could carry."""

    canonical_id: str
    key: PublicKey
    profile: str
    region: Region = None

    def __post_init__(self) -> None:
        name = self.canonical_id
        if not (1 <= len(name) <= LONGEST_ID and name.isascii() and name.isprintable()):
            raise ConfigError(
                f"canonical id {name!r} is not 1 to {LONGEST_ID} printable ASCII characters",
                hint="a serial number, for instance",
            )


def find_device(database: Database, canonical_id: str) -> KnownDevice | None:
    """The device of a canonical id."""
    row = database.row(_BY_CANONICAL, canonical_id=canonical_id)
    return None if row is None else KnownDevice(*row)


def find_by_id(database: Database, device: bytes) -> KnownDevice | None:
    """The device of KnownDevice.id."""
    row = database.row(_BY_ID, device=device)
    return None if row is None else KnownDevice(*row)


def find_by_certificate(database: Database, hashed_id8: bytes) -> tuple[KnownDevice, Certificate] | None:
    """The device that an enrolment certificate was issued to, and the certificate."""
    row = database.row(_BY_CERTIFICATE, hashed_id8=hashed_id8)
    return None if row is None else (KnownDevice(*row[:-1]), Certificate.parse(row[-1]))


def tx_insert(tx: Transaction, device: KnownDevice) -> bool:
    """Add a device to the register; False where it is in it."""
    now = tx.database.clock.time32()
    return tx.insert_if_new(
        Device,
        id=device.id,
        canonical_id=device.canonical_id,
        curve=device.curve,
        point=device.point,
        profile=device.profile,
        status=device.status,
        region=device.region_octets,
        registered=now - now % HOUR,
        day=0,
        requests=0,
    )


def _insert(tx: Transaction, device: NewDevice) -> KnownDevice:
    made = KnownDevice(
        random_key(),
        device.canonical_id,
        device.key.curve.text,
        device.key.point,
        device.profile,
        ACTIVE,
        None if device.region is None else wire.encode(device.region),
    )
    if not tx_insert(tx, made):
        raise AlreadyRecorded(f"device {made.canonical_id} is registered already")
    return made


class DeviceRegister:
    """What an operator does with the devices of an ECA."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, device: NewDevice, *, operator: str = "") -> KnownDevice:
        """Raises AlreadyRecorded where the canonical id is taken."""
        with self._database.write(durable=True) as tx:
            made = _insert(tx, device)
            tx.audit(Event.STATION_REGISTERED, station=made.id, profile=made.profile, operator=operator)
        return made

    def register_all(self, devices: Iterable[NewDevice], *, digest: bytes, operator: str = "") -> int:
        """All of them or none; `digest` of the file they come from, for the audit. Raises AlreadyRecorded."""
        with self._database.write(durable=True) as tx:
            count = len([_insert(tx, device) for device in devices])
            tx.audit(Event.STATIONS_IMPORTED, count=count, digest=digest, operator=operator)
        return count

    def bar(self, device: bytes, *, reason: str, operator: str = "") -> None:
        """No further enrolment certificate; `device` is KnownDevice.id. Raises StoreError: no such device."""
        self._set(device, BARRED, Event.STATION_BARRED, reason, operator)

    def unbar(self, device: bytes, *, reason: str, operator: str = "") -> None:
        """Undo `bar`."""
        self._set(device, ACTIVE, Event.STATION_UNBARRED, reason, operator)

    def find(self, canonical_id: str) -> KnownDevice | None:
        """The device of a canonical id."""
        return find_device(self._database, canonical_id)

    def find_by_certificate(self, hashed_id8: bytes) -> KnownDevice | None:
        """The device that an enrolment certificate was issued to."""
        found = find_by_certificate(self._database, hashed_id8)
        return None if found is None else found[0]

    def all(self) -> Iterator[KnownDevice]:
        """Every device, by canonical id."""
        with self._database.read() as tx:
            rows: list[Any] = list(tx.execute(sa.select(*_COLUMNS).order_by(_T.c.canonical_id)))
        return (KnownDevice(*row) for row in rows)

    def certificates(self, device: bytes) -> list[Certificate]:
        """The enrolment certificates that a device was given."""
        with self._database.read() as tx:
            rows = tx.execute(sa.select(_EC.c.certificate).where(_EC.c.device == device)).scalars()
            return [Certificate.parse(octets) for octets in rows]

    def _set(self, device: bytes, status: str, event: Event, reason: str, operator: str) -> None:
        with self._database.write(durable=True) as tx:
            if tx.run(_SET_STATUS, device=device, new_status=status) != 1:
                raise StoreError("no such device", hint="the register lists them")
            tx.audit(event, station=device, reason=reason, operator=operator)
