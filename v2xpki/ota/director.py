"""The Director (Uptane 5.4.2): knows the vehicles, and tells each what to install.

One object for all threads of a process. docs/ota-internal.md has what the web and the desks call here; each
part is in a module of its own, and here they are put together.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.config.ota import OtaPolicy
from v2xpki.errors import AlreadyRecorded, KeystoreError
from v2xpki.issuance import purge
from v2xpki.issuance.metadata import MetadataIssuer
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.ota.campaigns import Campaigns, check_reason
from v2xpki.ota.directing import Directing, Taken
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.expected import Expected
from v2xpki.ota.finishing import Finishing
from v2xpki.ota.inventory import (
    Inventory,
    Vehicle,
    tx_add_ecus,
    tx_forget_certificates,
    tx_hold_vehicle_of,
    tx_known,
)
from v2xpki.ota.known_targets import Fetch, Followed, KnownTargets
from v2xpki.ota.registering import Challenge, Credentials, Registered, Registrar
from v2xpki.ota.retiring import tx_retire
from v2xpki.ota.vehicle_ca import CA_LABEL, VehicleCa
from v2xpki.ota.vehicle_metadata import ROLES, Documents, Labels, VehicleMetadata, tx_forget_plan
from v2xpki.store import Database
from v2xpki.store import director as store
from v2xpki.store.base import table_of
from v2xpki.time import Clock, iso_from_time32
from v2xpki.trust.ota.canonical import text_of
from v2xpki.trust.ota.names import PART, VIN
from v2xpki.trust.ota.registration import parse_ecu, parse_ecus

_ROOT_NAME = re.compile(r"([1-9]\d{0,8})\.root\.json")
_NUMBERED = re.compile(r"([1-9]\d{0,8})\.(targets|snapshot)\.json")
#: Seconds after a token was found away in which it is not asked for what still stands: each try may take a
#: login, for which others wait, and the first one takes a version.
_TOKEN_PAUSE = 10
_VEHICLE, _V = table_of(store.Vehicle), table_of(store.Vehicle).c
_ECU, _E = table_of(store.Ecu), table_of(store.Ecu).c
_A, _M = table_of(store.Assignment).c, table_of(store.VehicleManifest).c
_R = table_of(store.RoleVersion).c


def label_of(role: str, generation: int = 1) -> KeyLabel:
    """The key of one of the Director's online roles, or of its CA ("ca")."""
    return KeyLabel(f"director-{role}", "sign", generation)


def open_director(
    *,
    keystore: Keystore,
    database: Database,
    clock: Clock,
    policy: OtaPolicy,
    ca: bytes,
    credentials: Credentials | None,
    generations: Mapping[str, int] | None = None,
) -> "Director":
    """With the keys of a token. ca: PEM of the vehicle CA's certificate; generations: of the keys of
    roles and of "ca", where it is not the first. Raises KeyNotFound, KeyRefused, IssuanceError."""
    numbers = generations or {}
    labels = Labels(*(label_of(role, numbers.get(role, 1)) for role in ROLES))
    metadata = VehicleMetadata(
        MetadataIssuer.open(keystore, labels),
        labels,
        database,
        validity=policy.director_validity,
        renew_before=policy.renew_before,
        self_test=keystore.self_test,
    )
    ca_label = KeyLabel(CA_LABEL.authority, "sign", numbers.get("ca", 1))
    vehicle_ca = VehicleCa(keystore, ca, clock, validity=policy.certificate_validity, label=ca_label)
    return Director(database, clock, policy, metadata, vehicle_ca, credentials)


class Director:
    """See the module."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        policy: OtaPolicy,
        metadata: VehicleMetadata,
        ca: VehicleCa,
        credentials: Credentials | None,
    ) -> None:
        self._database, self._clock, self._metadata = database, clock, metadata
        self._policy, self._expected = policy, Expected(database, clock)
        self._inventory = Inventory(database)
        self._directing = Directing(database, clock, metadata, window=policy.time_window)
        self._registrar = Registrar(database, clock, ca, policy, credentials, self._expected)
        self._campaigns = Campaigns(database, clock)
        self._finishing = Finishing(database, self._campaigns)
        self._known = KnownTargets(database, clock)
        self._lost = -_TOKEN_PAUSE  # when the token was last found away

    # --- vehicles ------------------------------------------------------------------------------------

    def challenge(self) -> Challenge:
        """For one registration."""
        return self._registrar.challenge()

    def register(self, octets: bytes) -> Registered:
        """As Registrar.register."""
        return self._registrar.register(octets)

    def who(self, digest: bytes) -> Vehicle | None:
        """The active vehicle of a client certificate in force, by the SHA-256 of its DER."""
        return self._inventory.who(digest, self._clock.time32())

    def renew_certificate(self, vehicle: Vehicle, csr: Any) -> str:
        """As Registrar.renew."""
        return self._registrar.renew(vehicle, csr)

    def take_manifest(self, vehicle: Vehicle, octets: bytes) -> Taken:
        """As Directing.take_manifest."""
        return self._directing.take_manifest(vehicle, octets)

    def take_manifests(self, sent: Sequence[tuple[Vehicle, bytes]]) -> list[Taken | Exception]:
        """As Directing.take_manifests."""
        return self._directing.take_manifests(sent)

    def metadata(self, vehicle: Vehicle, name: str) -> bytes | None:
        """A document of a vehicle's own: timestamp.json, N.snapshot.json, N.targets.json; None where there is
        none of that name. What is current is handed out by one query and no signature; while the token is
        away, so is what is current and grows old. Raises as take_manifest where it has to be made."""
        if name == "timestamp.json":
            documents = self._newest(vehicle)
            return None if documents is None else documents.of("timestamp")
        documents = self._metadata.documents(vehicle)
        found = _NUMBERED.fullmatch(name)
        if found is None or documents is None or documents.version != int(found[1]):
            return None
        return documents.of(found[2])

    def _newest(self, vehicle: Vehicle) -> Documents | None:
        """Raises as take_manifest."""
        documents, now = self._metadata.documents(vehicle), self._clock.time32()
        if documents is not None and self._metadata.stands(documents, now):
            is_away = self._lost <= now < self._lost + _TOKEN_PAUSE
            if is_away or self._metadata.is_fresh(documents.expires, now):
                return documents
        try:
            self._directing.refresh(vehicle)
        except KeystoreError:
            self._lost = now = self._clock.time32()
            documents = self._metadata.documents(vehicle)
            if documents is None or not self._metadata.stands(documents, now):
                raise
            return documents
        return self._metadata.documents(vehicle)

    def root(self, name: str) -> bytes | None:
        """A version of the root, which all vehicles share: N.root.json."""
        found = _ROOT_NAME.fullmatch(name)
        if found is None:
            return None
        with self._database.read() as tx:
            query = sa.select(_R.octets).where(_R.role == "root", _R.version == int(found[1]))
            return tx.execute(query).scalar()

    # --- the inventory, for operators ------------------------------------------------------------------

    def register_by_oem(self, *, vin: Any, model: Any, ecus: Any, csr: Any, operator: str) -> Registered:
        """A vehicle whose credential does not register it. ecus: JSON as in a registration. Raises
        DecodeError, DirectorRefusal."""
        told = {"vin": vin, "model": model}
        vin, model = text_of(told, "vin", VIN, "vehicle"), text_of(told, "model", PART, "vehicle")
        return self._registrar.register_by_oem(vin, model, parse_ecus(ecus, "ecus"), csr, operator)

    def vehicles(self, *, limit: int = 100, after: str = "") -> list[dict[str, Any]]:
        """Those that are registered: at most `limit`, by VIN, beginning after one."""
        registered = sa.select(_VEHICLE).where(_V.vin > after, _V.retired.is_(None))
        query = registered.order_by(_V.vin).limit(max(1, min(limit, 1000)))
        with self._database.read() as tx:
            return [_vehicle_document(row) for row in tx.execute(query).mappings()]

    def vehicle(self, vin: str) -> dict[str, Any]:
        """All that is known of a vehicle, and why a release is withheld; of registrations that ended before,
        in short. Raises DirectorRefusal."""
        with self._database.read() as tx:
            vehicle, *earlier = tx_known(tx, vin)
        withheld = self._directing.outlook(vehicle).resolution.withheld if vehicle.retired is None else {}
        with self._database.read() as tx:
            known = [
                tx.execute(sa.select(_VEHICLE).where(_V.id == one.id)).mappings().one()
                for one in (vehicle, *earlier)
            ]
            ecus = (
                tx.execute(sa.select(_ECU).where(_E.vehicle == vehicle.id).order_by(_E.id)).mappings().all()
            )
            offers = tx.execute(
                sa.select(table_of(store.Assignment)).where(_A.vehicle == vehicle.id).order_by(_A.offered)
            ).mappings()
            manifests = tx.execute(
                sa.select(table_of(store.VehicleManifest))
                .where(_M.vehicle == vehicle.id)
                .order_by(_M.received, _M.counter)
            ).mappings()
            return {
                **_vehicle_document(known[0]),
                "earlier": [_vehicle_document(one) for one in known[1:]],
                "ecus": [_ecu_document(one) for one in ecus],
                "offers": [_offer_document(one) for one in offers],
                "withheld": dict(withheld),
                "manifests": [
                    {
                        "counter": one["counter"],
                        "received": iso_from_time32(one["received"]),
                        "attacks": one["attacks"],
                        "manifest": json.loads(one["octets"]),
                    }
                    for one in manifests
                ],
            }

    def block(self, vin: str, reason: Any, operator: str) -> dict[str, Any]:
        """Have a vehicle served no more. Raises DirectorRefusal, DecodeError."""
        return self._set_state(vin, store.BLOCKED, Event.VEHICLE_BLOCKED, reason, operator)

    def unblock(self, vin: str, reason: Any, operator: str) -> dict[str, Any]:
        """The reverse."""
        return self._set_state(vin, store.ACTIVE, Event.VEHICLE_UNBLOCKED, reason, operator)

    def retire(self, vin: str, reason: Any, operator: str) -> dict[str, Any]:
        """End a vehicle's registration for good, as tx_retire. Raises DirectorRefusal, DecodeError."""
        check_reason(reason)
        with self._database.write(durable=True) as tx:
            tx_retire(tx, vin, reason, operator, self._clock.time32())
        return self.vehicle(vin)

    def expect(self, vehicles: Any, operator: str) -> dict[str, Any]:
        """As Expected.add; and whether the list is asked at all."""
        return {**self._expected.add(vehicles, operator), "registration": self._policy.registration}

    def expected(self, *, limit: int = 100, after: str = "") -> list[dict[str, Any]]:
        """As Expected.entries."""
        return self._expected.entries(limit=limit, after=after)

    def remove_expected(self, vin: str, operator: str) -> None:
        """As Expected.remove."""
        self._expected.remove(vin, operator)

    def _set_state(self, vin: str, state: str, event: Event, reason: Any, operator: str) -> dict[str, Any]:
        check_reason(reason)
        vehicle = self._inventory.vehicle(vin)
        with self._database.write(durable=True) as tx:
            standing = _V.state.not_in((state, store.RETIRED))
            query = sa.update(_VEHICLE).where(_V.id == vehicle.id, standing).values(state=state)
            if tx.execute(query).rowcount != 1:
                raise DirectorRefusal(DirectorReason.STATE, f"the vehicle is {state}, or retired")
            tx.audit(event, vehicle=vehicle.id, reason=reason, operator=operator)
        return self.vehicle(vin)

    def replace_ecu(self, ecu: str, entry: Any, operator: str) -> dict[str, Any]:
        """Put a new ECU in the place of one in use; the old id is never used again. entry: JSON as in a
        registration. With a Primary its vehicle's client certificates go, which that box has the keys of: the
        vehicle registers again, with the new one. Raises DecodeError, DirectorRefusal."""
        new = parse_ecu(entry, "entry")
        try:
            with self._database.write(durable=True) as tx:
                tx_hold_vehicle_of(tx, ecu)
                old = tx.execute(
                    sa.select(_E.vehicle, _E.primary, _V.vin)
                    .join(_VEHICLE, _V.id == _E.vehicle)
                    .where(_E.id == ecu, _E.replaced_by.is_(None), _E.retired.is_(None))
                ).first()
                if old is None:
                    raise DirectorRefusal(DirectorReason.UNKNOWN, f"no ECU {ecu[:64]!r} in use")
                if bool(old.primary) != new.primary:
                    raise DirectorRefusal(DirectorReason.CONFLICT, "entry.primary is not as the old ECU's")
                keyids = sa.select(_E.keyid).where(_E.vehicle == old.vehicle)
                if new.key.keyid in tx.execute(keyids).scalars().all():
                    raise DirectorRefusal(
                        DirectorReason.CONFLICT, "entry.key is or was of an ECU of this vehicle"
                    )
                tx_add_ecus(tx, old.vehicle, [new], self._clock.time32())
                this = _E.id == ecu, _E.vehicle == old.vehicle
                tx.execute(sa.update(_ECU).where(*this).values(replaced_by=new.ecu))
                if new.primary:
                    # Manifests of the old one stay refused: its key is in no ECU in use.
                    tx.execute(sa.update(_VEHICLE).where(_V.id == old.vehicle).values(counter=0))
                    tx_forget_certificates(tx, old.vehicle)
                tx_forget_plan(tx, old.vehicle)
                tx.audit(
                    Event.ECU_REPLACED, vehicle=old.vehicle, operator=operator, certificates_ended=new.primary
                )
        except AlreadyRecorded as error:
            raise DirectorRefusal(DirectorReason.CONFLICT, "entry.ecuId is or was another ECU's") from error
        return self.vehicle(old.vin)

    # --- campaigns and targets -------------------------------------------------------------------------

    def create_campaign(self, *, name: Any, targets: Any, cohort: Any, operator: str) -> dict[str, Any]:
        """As Campaigns.create."""
        return self._campaigns.create(name, targets, cohort, operator)

    def start_campaign(self, campaign: str, operator: str, percentage: Any = None) -> dict[str, Any]:
        """As Campaigns.start."""
        return self._campaigns.start(campaign, operator, percentage)

    def pause_campaign(self, campaign: str, reason: Any, operator: str) -> dict[str, Any]:
        """As Campaigns.pause."""
        return self._campaigns.pause(campaign, reason, operator)

    def halt_campaign(self, campaign: str, reason: Any, operator: str) -> dict[str, Any]:
        """As Campaigns.halt."""
        return self._campaigns.halt(campaign, reason, operator)

    def finish_campaigns(self) -> int:
        """As Finishing.look."""
        return self._finishing.look()

    def campaign(self, campaign: str) -> dict[str, Any]:
        """As Campaigns.campaign."""
        return self._campaigns.campaign(campaign)

    def campaigns(self) -> list[dict[str, Any]]:
        """As Campaigns.campaigns."""
        return self._campaigns.campaigns()

    def refresh_targets(self, fetch: Fetch, root: bytes) -> Followed:
        """As KnownTargets.refresh."""
        return self._known.refresh(fetch, root)

    def withdraw_target(self, path: str, reason: str, operator: str) -> list[dict[str, Any]]:
        """As KnownTargets.withdraw."""
        return self._known.withdraw(path, reason, operator)

    def known_targets(self) -> list[dict[str, Any]]:
        """As KnownTargets.documents."""
        return self._known.documents()

    def purge(self) -> int:
        """Forget challenges and issuance records that are past their time; the count."""
        now = self._clock.time32()
        return self._registrar.purge(now) + purge(self._database, now)


def _iso(time32: int | None) -> str | None:
    return None if time32 is None else iso_from_time32(time32)


def _vehicle_document(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "vin": row["vin"],
        "id": bytes(row["id"]).hex(),
        "model": row["model"],
        "state": row["state"],
        "registered": iso_from_time32(row["registered"]),
        "registeredBy": row["registered_by"],
        "retired": row["retired"]
        and {
            "at": iso_from_time32(row["retired"]),
            "by": row["retired_by"],
            "reason": row["retired_reason"],
        },
        "certificateExpires": _iso(row["certificate_expires"]),
        "reported": _iso(row["reported"]),
        "metadataVersion": row["issued"],
    }


def _ecu_document(row: Mapping[Any, Any]) -> dict[str, Any]:
    installed = row["path"] and {
        "path": row["path"],
        "sha256": row["sha256"],
        "releaseCounter": row["release_counter"],
    }
    return {
        "ecuId": row["id"],
        "hardwareId": row["hardware_id"],
        "primary": bool(row["primary"]),
        "keyid": row["keyid"],
        "added": iso_from_time32(row["added"]),
        "replacedBy": row["replaced_by"],
        "installed": installed,
        "attack": row["attack"],
    }


def _offer_document(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "ecuId": row["ecu"],
        "path": row["path"],
        "campaign": bytes(row["campaign"]).hex(),
        "metadataVersion": row["version"],
        "offered": iso_from_time32(row["offered"]),
        "state": row["state"],
        "reported": _iso(row["reported"]),
        "detail": row["detail"],
    }
