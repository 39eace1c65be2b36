"""An RA's devices, by their enrolment certificates, and its internal blocklist (IEEE 1609.2.1).

A device is known from the first request that is granted. A blocked one is given nothing any more: no grant,
no file, no successor; and nothing of it is produced. That others believe the certificates it has no more is
for a CRL to say. A certificate that never came may be blocked, too.
"""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.crypto import Certificate
from v2xpki.errors import StoreError
from v2xpki.store import Database, Statement, Transaction, random_key
from v2xpki.store.base import table_of
from v2xpki.store.ra import ACTIVE, BLOCKED, RaDevice, RaEnrolment

DAY = 86400
_NEVER = (1 << 32) - 1

_DEVICE, _EC = table_of(RaDevice), table_of(RaEnrolment)
_FIND = Statement(
    sa.select(_DEVICE.c.id, _DEVICE.c.status, _EC.c.certificate)
    .join(_EC, _EC.c.device == _DEVICE.c.id)
    .where(_EC.c.hashed_id8 == sa.bindparam("hashed_id8"))
)
_OF_EC = Statement(
    sa.select(_EC.c.device, _EC.c.certificate).where(_EC.c.hashed_id8 == sa.bindparam("hashed_id8"))
)
_FILL = Statement(
    sa.update(_EC)
    .where(_EC.c.hashed_id8 == sa.bindparam("named"))
    .values(
        certificate=sa.bindparam("octets", type_=sa.LargeBinary()),
        expires=sa.bindparam("end", type_=sa.BigInteger()),
    )
)
_SET = Statement(
    sa.update(_DEVICE)
    .where(_DEVICE.c.id == sa.bindparam("device"), _DEVICE.c.status != sa.bindparam("new_status"))
    .values(status=sa.bindparam("new_status"))
)
_STATUS = Statement(sa.select(_DEVICE.c.status).where(_DEVICE.c.id == sa.bindparam("device")))
_TODAY = sa.case(
    (_DEVICE.c.day == sa.bindparam("today", type_=sa.Integer()), _DEVICE.c.requests),
    else_=0,
)
_MOST = sa.bindparam("most", type_=sa.Integer())
# Adds one to a device's count of the day if it is active and below the limit; else touches no row.
_COUNT = Statement(
    sa.update(_DEVICE)
    .where(
        _DEVICE.c.id == sa.bindparam("device"),
        _DEVICE.c.status == ACTIVE,
        sa.or_(_MOST == 0, _TODAY < _MOST),
    )
    .values(requests=_TODAY + 1, day=sa.bindparam("today", type_=sa.Integer()))
)
_CERTIFICATES = Statement(
    sa.select(_EC.c.certificate).where(_EC.c.device == sa.bindparam("device"), _EC.c.certificate.is_not(None))
)
_FORGET_EC = Statement(sa.delete(_EC).where(_EC.c.expires <= sa.bindparam("before")))
_FORGET = Statement(
    sa.delete(_DEVICE).where(
        ~sa.exists(sa.select(_EC.c.hashed_id8).where(_EC.c.device == _DEVICE.c.id))
    )
)  # fmt: skip


class KnownDevice(NamedTuple):
    """A device. id: 16 random octets. certificate: the enrolment certificate that it was found by; None where
    that one never came."""

    id: bytes
    status: str
    certificate: Certificate | None

    @property
    def is_blocked(self) -> bool:
        return self.status != ACTIVE


def find_device(database: Database, hashed_id8: bytes) -> KnownDevice | None:
    """The device that an enrolment certificate is of."""
    row = database.row(_FIND, hashed_id8=hashed_id8)
    if row is None:
        return None
    return KnownDevice(row[0], row[1], None if row[2] is None else Certificate.parse(row[2]))


def tx_device_of(tx: Transaction, certificate: Certificate) -> bytes:
    """The id of the device that a proven enrolment certificate is of, which may be new."""
    made = random_key()
    if tx_add_enrolment(tx, certificate, made):
        tx.insert(RaDevice, id=made, status=ACTIVE, day=0, requests=0)
        return made
    row = tx.row(_OF_EC, hashed_id8=certificate.hashed_id8)
    if row is None:
        raise StoreError("an enrolment certificate came and went")
    if row[1] is None:
        tx.run(_FILL, named=certificate.hashed_id8, octets=certificate.octets, end=certificate.end)
    return bytes(row[0])


def tx_add_enrolment(tx: Transaction, certificate: Certificate, device: bytes) -> bool:
    """Remember that an enrolment certificate is a device's; False where it is somebody's already."""
    return tx.insert_if_new(
        RaEnrolment,
        hashed_id8=certificate.hashed_id8,
        device=device,
        certificate=certificate.octets,
        expires=certificate.end,
    )


def tx_count(tx: Transaction, device: bytes, now: int, most: int) -> bool:
    """Count a request of today; False where the device is blocked, or at its limit (0: none)."""
    return tx.run(_COUNT, device=device, today=now // DAY, most=most) == 1


def tx_is_blocked(tx: Transaction, device: bytes) -> bool:
    row = tx.row(_STATUS, device=device)
    return row is None or row[0] != ACTIVE


def tx_block(tx: Transaction, device: bytes, *, reason: str, operator: str = "") -> bool:
    """Block a device by its id; False where it is blocked already, or not there."""
    changed = tx.run(_SET, device=device, new_status=BLOCKED) == 1
    if changed:
        tx.audit(Event.STATION_BARRED, station=device, reason=reason, operator=operator)
    return changed


class Blocklist:
    """What an operator does with the devices of an RA. hashed_id8: of one of their enrolment certificates."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, hashed_id8: bytes) -> KnownDevice | None:
        """The device of an enrolment certificate."""
        return find_device(self._database, hashed_id8)

    def certificates(self, device: bytes) -> list[Certificate]:
        """The enrolment certificates of KnownDevice.id that have not ended."""
        with self._database.read() as tx:
            return [Certificate.parse(row[0]) for row in tx.rows(_CERTIFICATES, device=device)]

    def blocked(self) -> Sequence[bytes]:
        """The ids of all that are blocked."""
        with self._database.read() as tx:
            query = sa.select(_DEVICE.c.id).where(_DEVICE.c.status == BLOCKED).order_by(_DEVICE.c.id)
            return list(tx.execute(query).scalars())

    def block(self, hashed_id8: bytes, *, reason: str, operator: str = "") -> None:
        """The device gets nothing any more. Blocking again changes nothing."""
        with self._database.write(durable=True) as tx:
            device = random_key()
            if tx.insert_if_new(
                RaEnrolment, hashed_id8=hashed_id8, device=device, certificate=None, expires=_NEVER
            ):
                tx.insert(RaDevice, id=device, status=ACTIVE, day=0, requests=0)
            else:
                row = tx.row(_OF_EC, hashed_id8=hashed_id8)
                device = device if row is None else row[0]
            tx_block(tx, device, reason=reason, operator=operator)

    def unblock(self, hashed_id8: bytes, *, reason: str, operator: str = "") -> None:
        """Undo `block`. Raises StoreError for a certificate of no device that is known."""
        with self._database.write(durable=True) as tx:
            row = tx.row(_OF_EC, hashed_id8=hashed_id8)
            if row is None:
                raise StoreError("no device of this enrolment certificate")
            if tx.run(_SET, device=row[0], new_status=ACTIVE):
                tx.audit(Event.STATION_UNBARRED, station=row[0], reason=reason, operator=operator)


def tx_purge(tx: Transaction, now: int) -> int:
    """Forget enrolment certificates that have ended, and devices that have none; the count of rows."""
    return tx.run(_FORGET_EC, before=now) + tx.run(_FORGET)
