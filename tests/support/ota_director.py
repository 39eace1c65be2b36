"""A Director in this process, over a memory keystore; vehicles that report to it; releases that it
knows. A release is put where following the Image repository would put it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from securesystemslib.signer import CryptoSigner

from v2xpki.config.ota import OtaPolicy
from v2xpki.crypto import Curve
from v2xpki.keystore import MemoryKeystore
from v2xpki.ota.director import Director, label_of, open_director
from v2xpki.ota.inventory import Vehicle
from v2xpki.ota.plan import tx_plan_changed
from v2xpki.ota.registering import Credentials, Registered
from v2xpki.ota.vehicle_ca import make_ca
from v2xpki.ota.vehicle_metadata import ROLES
from v2xpki.store import Database, upgrade
from v2xpki.store.director import KnownTarget
from v2xpki.time import FixedClock, iso_from_time32
from v2xpki.trust.ota.canonical import as_json, canonical
from v2xpki.trust.ota.fields import ImageFields, Relation
from v2xpki.trust.ota.manifest import Installed, manifest_body, report_body
from v2xpki.trust.ota.names import target_path
from v2xpki.trust.ota.registration import EcuEntry


class Depot:
    """A Director and what is around it. where: a folder, or a database's URL."""

    def __init__(
        self,
        where: Path | str,
        clock: FixedClock,
        *,
        policy: OtaPolicy | None = None,
        credentials: Credentials | None = None,
        keystore: Any = None,
    ) -> None:
        self.clock, self.keystore = clock, keystore or MemoryKeystore("test")
        for role in (*ROLES, "ca"):
            self.keystore.generate(label_of(role), Curve.NIST_P256)
        url = where if isinstance(where, str) else where / "director.db"
        self.database = Database.open(url, clock=clock)
        upgrade(self.database, "director")
        self.ca = make_ca(self.keystore, self.database, clock)
        self.policy = policy or OtaPolicy()
        self.director = self.open(credentials)

    def open(
        self, credentials: Credentials | None = None, generations: Mapping[str, int] | None = None
    ) -> Director:
        """Another Director over the same database."""
        return open_director(
            keystore=self.keystore,
            database=self.database,
            clock=self.clock,
            policy=self.policy,
            ca=self.ca,
            credentials=credentials,
            generations=generations,
        )

    def release(
        self, name: str, counter: int, hardware: str = "ecu-a", *, requires: Iterable[Relation] = (),
        conflicts: Iterable[Relation] = (), rollback_from: int | None = None, gone: bool = False,
    ) -> Installed:  # fmt: skip
        """A target that the Image repository has; as an ECU reports it."""
        path = target_path(hardware, name, f"{counter}.0", "image.bin")
        sha256 = hashlib.sha256(path.encode()).hexdigest()
        fields = ImageFields(
            name,
            f"{counter}.0",
            hardware,
            counter,
            "0" * 64,
            (),
            tuple(requires),
            tuple(conflicts),
            rollback_from,
        )
        with self.database.write(durable=False) as tx:
            tx.insert(
                KnownTarget,
                path=path,
                length=1000 + counter,
                sha256=sha256,
                hashes=json.dumps({"sha256": sha256}),
                custom=canonical(fields.document()).decode(),
                gone=int(gone),
            )
            tx_plan_changed(tx)
        return Installed(path, 1000 + counter, sha256, counter)

    def campaign(self, *targets: Installed, name: str = "c1", cohort: Any = None, start: bool = True) -> str:
        """A campaign over all vehicles, running; its id."""
        made = self.director.create_campaign(
            name=name,
            targets=[one.path for one in targets],
            cohort=cohort or {"percentage": 100},
            operator="op",
        )
        if start:
            self.director.start_campaign(made["id"], "op")
        return str(made["id"])

    def signatures(self) -> int:
        """Issuance records of vehicles' metadata."""
        with self.database.read() as tx:
            from sqlalchemy import text

            query = text("SELECT count(*) FROM issuance_record WHERE kind = 'VEHICLE_METADATA'")
            return int(tx.execute(query).scalar_one())


class Car:
    """A vehicle: its ECUs' keys, what is installed, and its client key."""

    def __init__(self, number: int = 1, hardware: Iterable[str] = ("ecu-a",), model: str = "model-x") -> None:
        self.vin, self.model = f"WVWZZZ1KZAW{number:06}", model
        self.ecus = {f"{kind}-{number}-{at}": kind for at, kind in enumerate(hardware)}
        self.primary = next(iter(self.ecus))
        self.signers = {ecu: CryptoSigner.generate_ecdsa() for ecu in self.ecus}
        self.installed = {
            ecu: Installed(f"{kind}/factory/0/image.bin", 10, "0" * 64, 0) for ecu, kind in self.ecus.items()
        }
        self.attacks: dict[str, str] = {}
        self.counter = 0
        self.tls_key = ec.generate_private_key(ec.SECP256R1())

    @property
    def entries(self) -> tuple[EcuEntry, ...]:
        return tuple(
            EcuEntry(ecu, kind, ecu == self.primary, self.signers[ecu].public_key)
            for ecu, kind in self.ecus.items()
        )

    def csr(self, key: Any = None) -> str:
        own = key or self.tls_key
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever")])
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        return builder.sign(own, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def register(self, depot: Depot) -> Registered:
        """By the OEM."""
        return depot.director.register_by_oem(
            vin=self.vin,
            model=self.model,
            ecus=[one.document() for one in self.entries],
            csr=self.csr(),
            operator="op",
        )

    def join(self, depot: Depot) -> Vehicle:
        """Registered, and known by its certificate."""
        return self.known(depot, self.register(depot).certificate)

    def known(self, depot: Depot, pem: str) -> Vehicle:
        found = depot.director.who(digest_of(pem))
        assert found is not None
        return found

    def manifest(self, clock: FixedClock, **changes: Any) -> bytes:
        """The next one. changes: of the signed parts, before they are signed: `manifest`, or an ECU's id."""
        self.counter += 1
        now = iso_from_time32(clock.time32())
        reports = {}
        for ecu in self.ecus:
            body = report_body(ecu, self.counter, now, self.installed[ecu], self.attacks.get(ecu))
            body.update(changes.get(ecu, {}))
            signed = [] if ecu == self.primary else [self._sign(ecu, body)]
            reports[ecu] = {"signed": body, "signatures": signed}
        body = manifest_body(self.vin, self.primary, self.counter, now, reports)
        body.update(changes.get("manifest", {}))
        return as_json(canonical({"signed": body, "signatures": [self._sign(self.primary, body)]}))

    def _sign(self, ecu: str, body: Any) -> dict[str, str]:
        found: dict[str, str] = self.signers[ecu].sign(canonical(body)).to_dict()
        return found


def digest_of(pem: str) -> bytes:
    """What the router hands on of a client certificate."""
    return hashlib.sha256(x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)).digest()
