"""The Director's inventory: vehicles and their ECUs, as the database has them."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from securesystemslib.signer import SSlibKey

from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.resolving import Holding
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store import director as store
from v2xpki.store.base import table_of
from v2xpki.time import iso_from_time32
from v2xpki.trust.ota.canonical import as_json, canonical
from v2xpki.trust.ota.keys import key_document
from v2xpki.trust.ota.registration import EcuEntry

_V, _E = table_of(store.Vehicle).c, table_of(store.Ecu).c


class Vehicle(NamedTuple):
    """A vehicle. counter: of its last manifest; version: the last number given to its metadata; issued,
    expires, content, plan: of what is handed out (version 0: nothing yet), as in its table."""

    id: bytes
    vin: str
    model: str
    state: str
    counter: int
    version: int
    issued: int
    expires: int
    content: bytes | None
    plan: int
    certificate: bytes | None  # SHA-256
    certificate_expires: int | None
    pending: bytes | None
    pending_expires: int | None
    credential: bytes | None
    retired: int | None

    @property
    def is_active(self) -> bool:
        return self.state == store.ACTIVE


class Ecu(NamedTuple):
    """An ECU in use. counter: of its last report; path, sha256, release_counter, attack: what it said."""

    id: str
    hardware_id: str
    keyid: str
    key: str
    primary: int
    counter: int
    path: str | None
    sha256: str | None
    release_counter: int | None
    attack: str | None

    @property
    def public_key(self) -> SSlibKey:
        """The registered key."""
        return SSlibKey.from_dict(self.keyid, json.loads(self.key))

    @property
    def holding(self) -> Holding:
        return Holding(self.id, self.hardware_id, self.path, self.sha256, self.release_counter)

    def is_of(self, entry: EcuEntry) -> bool:
        """Whether a registration names this very ECU."""
        return (self.id, self.hardware_id, self.keyid, bool(self.primary)) == (
            entry.ecu,
            entry.hardware_id,
            entry.key.keyid,
            entry.primary,
        )


_VEHICLE = [_V[name] for name in Vehicle._fields]
_BY_CERTIFICATE = Statement(sa.select(*_VEHICLE).where(_V.certificate == sa.bindparam("digest")))
_BY_PENDING = Statement(sa.select(*_VEHICLE).where(_V.pending == sa.bindparam("digest")))
_BY_ID = Statement(sa.select(*_VEHICLE).where(_V.id == sa.bindparam("vehicle")))
_BY_VIN = Statement(sa.select(*_VEHICLE).where(_V.vin == sa.bindparam("vin"), _V.retired.is_(None)))
_RETIRED = Statement(
    sa.select(*_VEHICLE)
    .where(_V.vin == sa.bindparam("vin"), _V.retired.is_not(None))
    .order_by(_V.retired.desc(), _V.version.desc())
)
_BY_CREDENTIAL = Statement(sa.select(*_VEHICLE).where(_V.credential == sa.bindparam("credential")))
_PROMOTE = Statement(
    sa.update(table_of(store.Vehicle))
    .where(_V.id == sa.bindparam("vehicle"), _V.pending == sa.bindparam("digest"))
    .values(
        certificate=_V.pending, certificate_expires=_V.pending_expires, pending=None, pending_expires=None
    )
)
_HOLD = Statement(
    sa.select(_V.id)
    .where(_V.id.in_(sa.select(_E.vehicle).where(_E.id == sa.bindparam("ecu"))))
    .with_for_update(of=table_of(store.Vehicle))
)
_FORGET_CERTIFICATES = Statement(
    sa.update(table_of(store.Vehicle))
    .where(_V.id == sa.bindparam("vehicle"))
    .values(certificate=None, certificate_expires=None, pending=None, pending_expires=None)
)
#: The ECUs in use of a :vehicle.
ECUS = (
    sa.select(*(_E[name] for name in Ecu._fields))
    .where(_E.vehicle == sa.bindparam("vehicle"), _E.replaced_by.is_(None))
    .order_by(_E.id)
)
_ECUS = Statement(ECUS)


class Inventory:
    """Questions to the inventory of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def who(self, digest: bytes, now: int) -> Vehicle | None:
        """The active vehicle whose client certificate in force has this SHA-256. A newer certificate takes
        the other's place here, when it is first used."""
        row = self._database.row(_BY_CERTIFICATE, digest=digest)
        if row is None:
            row = self._database.row(_BY_PENDING, digest=digest)
            if row is not None:
                if not Vehicle(*row).is_active or now >= (Vehicle(*row).pending_expires or 0):
                    return None
                with self._database.write(durable=True) as tx:
                    tx.run(_PROMOTE, vehicle=row[0], digest=digest)
            # Also where it was not pending: another request with it may just have been the first.
            row = self._database.row(_BY_CERTIFICATE, digest=digest)
        if row is None:
            return None
        found = Vehicle(*row)
        return found if found.is_active and now < (found.certificate_expires or 0) else None

    def vehicle(self, vin: str) -> Vehicle:
        """The registered one. Raises as tx_registered."""
        with self._database.read() as tx:
            return tx_registered(tx, vin)

    def again(self, vehicle: Vehicle) -> Vehicle:
        """As it is now."""
        row = self._database.row(_BY_ID, vehicle=vehicle.id)
        assert row is not None  # vehicles are never deleted
        return Vehicle(*row)

    def ecus(self, vehicle: Vehicle) -> list[Ecu]:
        """Those in use, in the order of their ids."""
        with self._database.read() as tx:
            return tx_ecus(tx, vehicle.id)


def tx_ecus(tx: Transaction, vehicle: bytes) -> list[Ecu]:
    """Those in use, in the order of their ids."""
    return [Ecu(*row) for row in tx.rows(_ECUS, vehicle=vehicle)]


def tx_by_vin(tx: Transaction, vin: str) -> Vehicle | None:
    row = tx.row(_BY_VIN, vin=vin)
    return None if row is None else Vehicle(*row)


def tx_registered(tx: Transaction, vin: str) -> Vehicle:
    """The vehicle that is registered under a VIN. Raises DirectorRefusal where none is, or none any more."""
    found = tx_known(tx, vin)[0]
    if found.retired is not None:
        raise DirectorRefusal(
            DirectorReason.STATE,
            f"vehicle {vin} was retired at {iso_from_time32(found.retired)}, and has not registered since; "
            "`v2xpki ota vehicle show` has its history",
        )
    return found


def tx_known(tx: Transaction, vin: str) -> list[Vehicle]:
    """The vehicle that is registered under a VIN, if one is, and those retired before, the last one first.
    Raises DirectorRefusal for a VIN that never was."""
    registered = tx_by_vin(tx, vin)
    known = [*([] if registered is None else [registered]), *tx_retired(tx, vin)]
    if not known:
        raise DirectorRefusal(
            DirectorReason.UNKNOWN,
            f"no vehicle {vin} is or was registered; `v2xpki ota vehicle list` has those that are",
        )
    return known


def tx_retired(tx: Transaction, vin: str) -> list[Vehicle]:
    """Those that were registered under a VIN before, the last one first."""
    return [Vehicle(*row) for row in tx.rows(_RETIRED, vin=vin)]


def tx_by_credential(tx: Transaction, credential: bytes) -> Vehicle | None:
    row = tx.row(_BY_CREDENTIAL, credential=credential)
    return None if row is None else Vehicle(*row)


def tx_hold_vehicle_of(tx: Transaction, ecu: str) -> None:
    """Nobody else changes the vehicle of an ECU, or its ECUs, until the transaction ends: who writes of a
    vehicle has its row first."""
    tx.rows(_HOLD, ecu=ecu)


def tx_forget_certificates(tx: Transaction, vehicle: bytes) -> None:
    """No client certificate is a vehicle's any more; it has to register again."""
    tx.run(_FORGET_CERTIFICATES, vehicle=vehicle)


def tx_add_vehicle(
    tx: Transaction, vehicle: bytes, vin: str, model: str, *, credential: bytes | None, by: str, now: int
) -> None:
    """A new row. Raises AlreadyRecorded for a VIN or a credential that is in use."""
    # A car that had metadata under an earlier registration takes no lower version (TUF 5.5.5, 5.6.5).
    version = max((one.version for one in tx_retired(tx, vin)), default=0)
    tx.insert(
        store.Vehicle,
        id=vehicle,
        certificate=None,
        certificate_expires=None,
        credential=credential,
        pending=None,
        pending_expires=None,
        vin=vin,
        model=model,
        state=store.ACTIVE,
        registered=now,
        registered_by=by,
        retired=None,
        retired_by=None,
        retired_reason=None,
        counter=0,
        reported=None,
        version=version,
        issued=0,
        expires=0,
        record=None,
        content=None,
        plan=-1,
    )


def tx_add_ecus(tx: Transaction, vehicle: bytes, entries: Iterable[EcuEntry], now: int) -> None:
    """New rows. Raises AlreadyRecorded for an id that is in a vehicle, or was replaced in one."""
    # In order: of two that register the same ECUs, one waits for the other, and none for each other.
    in_order = sorted(entries, key=lambda entry: entry.ecu)
    tx.insert_many(store.Ecu, [_row(vehicle, entry, now) for entry in in_order])


def _row(vehicle: bytes, entry: EcuEntry, now: int) -> dict[str, Any]:
    return {
        "id": entry.ecu,
        "vehicle": vehicle,
        "hardware_id": entry.hardware_id,
        "keyid": entry.key.keyid,
        "key": as_json(canonical(key_document(entry.key))).decode(),
        "primary": int(entry.primary),
        "replaced_by": None,
        "retired": None,
        "added": now,
        "counter": 0,
        "path": None,
        "sha256": None,
        "release_counter": None,
        "attack": None,
    }
