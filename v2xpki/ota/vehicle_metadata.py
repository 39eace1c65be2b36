"""A vehicle's targets, snapshot and timestamp (TUF 4.4 to 4.6; Uptane 5.2.3): always signed together, under
one version number and one issuance record, and handed out as one row.

Each names versions only. The vehicle's id stands in its targets, whether they are empty or not: else the
empty targets of one vehicle would do for another.
"""

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import sqlalchemy as sa

from v2xpki.errors import AuditError, KeystoreError, StoreError
from v2xpki.issuance.metadata import MetadataIssuer, Payload, documents_of, signatures_of
from v2xpki.issuance.records import Prepared, tx_complete, tx_void
from v2xpki.keystore import KeyLabel
from v2xpki.ota.inventory import Vehicle
from v2xpki.ota.plan import GENERATION
from v2xpki.ota.resolving import Target
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store import director as store
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.time import iso_from_time32
from v2xpki.trust.ota.canonical import canonical
from v2xpki.trust.ota.fields import DirectorFields

#: The kind of issuance record.
KIND = "VEHICLE_METADATA"
#: The roles, in the order of a record's documents.
ROLES = ("targets", "snapshot", "timestamp")
_V, _R = table_of(store.Vehicle).c, table_of(IssuanceRecord).c
_OF = _V.id == sa.bindparam("of_vehicle")
_DOCUMENTS = Statement(
    sa.select(
        _R.to_be_signed,
        _R.signed,
        _V.issued,
        _V.expires,
        _V.plan,
        sa.type_coerce(GENERATION, sa.BigInteger()).label("generation"),
    )
    .join_from(table_of(store.Vehicle), table_of(IssuanceRecord), _R.id == _V.record)
    .where(_OF)
)
_NEW = {
    name: sa.bindparam(f"new_{name}", type_=_V[name].type, required=True)
    for name in ("issued", "expires", "record", "content", "plan")
}
# A number that was given away since says that this may be of the plan no more: it is looked at again.
_REPLACE = Statement(
    sa.update(table_of(store.Vehicle))
    .where(_OF, _V.state == store.ACTIVE, _V.issued < _NEW["issued"])
    .values(_NEW | {"plan": sa.case((_V.version == _NEW["issued"], _NEW["plan"]), else_=-1)})
)
_MOVE_PLAN = Statement(
    sa.update(table_of(store.Vehicle))
    .where(_OF, _V.issued == sa.bindparam("at_version"))
    .values(plan=sa.bindparam("new_plan", type_=sa.BigInteger()))
)
# The number that is given away has whoever works at the old state read again.
_FORGET_PLAN = Statement(
    sa.update(table_of(store.Vehicle)).where(_OF).values(plan=-1, version=_V.version + 1)
)


# The vehicles of one second have the same.
_iso = lru_cache(16)(iso_from_time32)


class Labels(NamedTuple):
    """The keys of the three roles."""

    targets: KeyLabel
    snapshot: KeyLabel
    timestamp: KeyLabel


class Next(NamedTuple):
    """What is to be signed next for a vehicle."""

    prepared: Prepared
    version: int
    content: bytes
    plan: int
    expires: int


class Documents(NamedTuple):
    """What is handed out, a line for each role: what was signed, and its signature (issuance/metadata.py).
    generation: of the plan as it is now."""

    payloads: bytes
    signatures: bytes
    version: int
    expires: int
    plan: int
    generation: int

    def of(self, role: str) -> bytes:
        """One role's document: JSON."""
        return documents_of(self.payloads, self.signatures)[ROLES.index(role)]


def targets_json(directed: Mapping[str, Target]) -> bytes:
    """The "targets" of a vehicle's targets metadata, canonical. directed: ECU id -> target."""
    if not directed:
        return b"{}"
    ecus: dict[str, dict[str, str]] = {}
    targets = {}
    for ecu, target in directed.items():
        ecus.setdefault(target.path, {})[ecu] = target.fields.hardware_id
        targets[target.path] = target
    return canonical(
        {
            path: {
                "custom": DirectorFields(
                    ecus[path], target.fields.release_counter, target.fields.rollback_from
                ).document(),
                "hashes": dict(target.hashes),
                "length": target.length,
            }
            for path, target in targets.items()
        },
        whole=True,
    )


class Overtaken(Exception):
    """A later version is handed out already, or the vehicle is served no more."""


class VehicleMetadata:
    """Makes, keeps and hands out the metadata of single vehicles. For all threads of a process.

    validity, renew_before: seconds; what has less than renew_before left is made anew. self_test: as
    Keystore.self_test.
    """

    def __init__(
        self, issuer: MetadataIssuer, labels: Labels, database: Database, *, validity: int, renew_before: int,
        self_test: Callable[[KeyLabel], None],
    ) -> None:  # fmt: skip
        self._issuer, self._labels, self._database = issuer, labels, database
        self._self_test, self._is_away = self_test, False
        self._validity, self._renew_before = validity, renew_before
        self._each_keyid = [issuer.public_key(label).keyid.encode() for label in labels]
        self._keyids = b"".join(self._each_keyid)

    def content_of(self, targets: bytes) -> bytes:
        """What tells whether a vehicle's metadata would say something new, whatever its version: other
        targets, or by other keys, the only ones that a vehicle with the newest root believes."""
        return hashlib.sha256(self._keyids + targets).digest()

    def stands(self, documents: Documents, now: int) -> bool:
        """Whether it may be handed out still: of the plan as it is, signed by the keys that sign now, not
        expired."""
        return (
            documents.plan == documents.generation
            and documents.expires > now
            and all(map(bytes.startswith, documents.signatures.split(b"\n"), self._each_keyid))
        )

    def documents(self, vehicle: Vehicle) -> Documents | None:
        """What is handed out, by one query; None where nothing was made yet, or it is long expired."""
        row = self._database.row(_DOCUMENTS, of_vehicle=vehicle.id)
        return None if row is None else Documents(*row)

    def is_fresh(self, expires: int, now: int) -> bool:
        """Whether it need not be signed anew for its age."""
        return expires - now > self._renew_before

    def fault(self) -> KeystoreError | None:
        """What keeps the keys from signing; None where nothing is known to. After a signature that failed
        each key is tried with a text that is no metadata, before a version is given away for it: that one
        may have been signed, and so is never given again."""
        if self._is_away:
            try:
                for label in self._labels:
                    self._self_test(label)
            except KeystoreError as error:
                return error
            self._is_away = False
        return None

    def prepare(self, vehicle: Vehicle, targets: bytes, plan: int, now: int) -> Next:
        """A vehicle's next metadata; nothing is written or signed. targets: as targets_json's."""
        version, expires = vehicle.version + 1, now + self._validity
        # Canonical as it stands: names in order, no spaces. A VIN and a time need no escapes.
        when = f'"expires":"{_iso(expires)}",'
        tail = f'"spec_version":"1.0.31","version":{version}}}'
        first = f'{{"_type":"targets","custom":{{"vehicleId":"{vehicle.vin}"}},{when}"spec_version":"1.0.31",'
        snapshot = f'{{"_type":"snapshot",{when}"meta":{{"targets.json":{{"version":{version}}}}},{tail}'
        timestamp = f'{{"_type":"timestamp",{when}"meta":{{"snapshot.json":{{"version":{version}}}}},{tail}'
        payloads = [
            Payload(
                self._labels.targets,
                b'%b"targets":%b,"version":%d}' % (first.encode(), targets, version),
            ),
            Payload(self._labels.snapshot, snapshot.encode()),
            Payload(self._labels.timestamp, timestamp.encode()),
        ]
        prepared = self._issuer.prepare(payloads, expires, kind=KIND)
        return Next(prepared, version, self.content_of(targets), plan, expires)

    def sign(self, coming: Sequence[Next]) -> list[bytes | Exception]:
        """What `tx_hand_out` takes, of each that was recorded, or what MetadataIssuer.issue raises."""
        made = self._issuer.issue_each([one.prepared.token for one in coming])
        if any(isinstance(one, KeystoreError) for one in made):
            self._is_away = True
        return [one if isinstance(one, Exception) else signatures_of(one) for one in made]

    def tx_hand_out(self, tx: Transaction, vehicle: Vehicle, coming: Next, signed: bytes) -> None:
        """Have it handed out from the commit on. Raises Overtaken; as tx_complete."""
        tx_complete(tx, coming.prepared.record, signed)
        _replace(tx, vehicle.id, coming)

    def give_up(self, coming: Next) -> None:
        """Void the record of what will not be handed out. Should this fail too, the next start does it."""
        with contextlib.suppress(StoreError, AuditError), self._database.write(durable=False) as tx:
            tx_void(tx, coming.prepared.record, "signing or storing failed")


def _replace(tx: Transaction, vehicle: bytes, coming: Next) -> None:
    """Raises Overtaken."""
    touched = tx.run(
        _REPLACE,
        of_vehicle=vehicle,
        new_issued=coming.version,
        new_expires=coming.expires,
        new_record=coming.prepared.record.id,
        new_content=coming.content,
        new_plan=coming.plan,
    )
    if touched != 1:
        raise Overtaken


def tx_move_plan(tx: Transaction, vehicle: bytes, version: int, plan: int) -> None:
    """Remember that a newer plan asks for nothing else."""
    tx.run(_MOVE_PLAN, of_vehicle=vehicle, at_version=version, new_plan=plan)


def tx_forget_plan(tx: Transaction, vehicle: bytes) -> None:
    """Have a vehicle's metadata looked at again when it is next asked for: its ECUs have changed."""
    tx.run(_FORGET_PLAN, of_vehicle=vehicle)
