"""A Director with all that it needs around it, and vehicles that report to it: for ota_targets.

Its keys are where the given keystore has them. Vehicles are put into the inventory as a registration would.
"""

import hashlib
import os
from pathlib import Path

import sqlalchemy as sa
from securesystemslib.signer import CryptoSigner

from v2xpki.config.ota import OtaPolicy
from v2xpki.crypto import Curve
from v2xpki.keystore import Keystore
from v2xpki.ota.directing import Taken
from v2xpki.ota.director import Director, label_of, open_director
from v2xpki.ota.inventory import tx_add_ecus, tx_add_vehicle
from v2xpki.ota.plan import tx_plan_changed
from v2xpki.ota.vehicle_ca import make_ca
from v2xpki.ota.vehicle_metadata import ROLES
from v2xpki.store import Database, Statement, random_key, upgrade
from v2xpki.store.base import table_of
from v2xpki.store.director import KnownTarget, Vehicle
from v2xpki.time import Clock, iso_from_time32
from v2xpki.trust.ota.canonical import as_json, canonical
from v2xpki.trust.ota.fields import ImageFields
from v2xpki.trust.ota.manifest import Installed, manifest_body, report_body
from v2xpki.trust.ota.names import target_path
from v2xpki.trust.ota.registration import EcuEntry

HARDWARE, MODEL = "ecu-a", "model-x"
DAY = 86400
#: As many as the threads that a worker has by default: what they are asked while others are worked on is
#: worked on together (ota/together.py).
AT_ONCE = 8
_FACTORY = Installed(f"{HARDWARE}/brake/0/image.bin", 1, "0" * 64, 0)
_V = table_of(Vehicle).c
_CERTIFY = Statement(
    sa.update(table_of(Vehicle))
    .where(_V.id == sa.bindparam("of_vehicle"))
    .values(
        certificate=sa.bindparam("digest", type_=sa.LargeBinary()),
        certificate_expires=sa.bindparam("end", type_=sa.Integer()),
    )
)


class DirectorLaboratory:
    """A Director over a database, with a campaign over all of its vehicles. where: a folder, for SQLite, or a
    URL."""

    def __init__(self, where: Path | str, keystore: Keystore, clock: Clock) -> None:
        self.clock = clock
        for role in (*ROLES, "ca"):
            keystore.generate(label_of(role), Curve.NIST_P256)
        url = where if isinstance(where, str) else where / "director.db"
        self.database = Database.open(url, clock=clock)
        upgrade(self.database, "director")
        self.director: Director = open_director(
            keystore=keystore,
            database=self.database,
            clock=clock,
            policy=OtaPolicy(),
            ca=make_ca(keystore, self.database, clock),
            credentials=None,
        )
        self._release()
        self._next = 0

    def close(self) -> None:
        self.database.close()

    def _release(self) -> None:
        path = target_path(HARDWARE, "brake", "2.0", "image.bin")
        sha256 = hashlib.sha256(b"an image").hexdigest()
        fields = ImageFields("brake", "2.0", HARDWARE, 2, sha256)
        with self.database.write(durable=True) as tx:
            tx.insert(
                KnownTarget,
                path=path,
                length=1 << 20,
                sha256=sha256,
                hashes=as_json(canonical({"sha256": sha256})).decode(),
                custom=as_json(canonical(fields.document())).decode(),
                gone=0,
            )
            tx_plan_changed(tx)
        self.director.create_campaign(
            name="bench", targets=[path], cohort={"models": [MODEL]}, operator="bench"
        )
        self.director.start_campaign("bench", "bench")

    def manifests(self, count: int) -> list[tuple[bytes, bytes]]:
        """Client certificates' digests and first manifests of `count` new vehicles of one ECU each."""
        made, now = [], self.clock.time32()
        with self.database.write(durable=False) as tx:
            for _ in range(count):
                self._next += 1
                vehicle, vin, ecu = random_key(), f"WVWZZZ1KZ{self._next:08}", f"ecu-{self._next}"
                signer, digest = CryptoSigner.generate_ecdsa(), os.urandom(32)
                tx_add_vehicle(tx, vehicle, vin, MODEL, credential=None, by="bench", now=now)
                tx_add_ecus(tx, vehicle, [EcuEntry(ecu, HARDWARE, True, signer.public_key)], now)
                tx.run(_CERTIFY, of_vehicle=vehicle, digest=digest, end=now + DAY)
                made.append((digest, _manifest(vin, ecu, signer, iso_from_time32(now))))
        return made

    def reports(self, count: int) -> list[list[tuple[bytes, bytes]]]:
        """Of `count` times AT_ONCE new vehicles."""
        made = self.manifests(count * AT_ONCE)
        return [made[at : at + AT_ONCE] for at in range(0, len(made), AT_ONCE)]

    def report(self, sent: list[tuple[bytes, bytes]]) -> object:
        """The work for vehicles that ask at once: who each is, its manifest, its new metadata."""
        known = [(self.director.who(digest), octets) for digest, octets in sent]
        taken = self.director.take_manifests([(who, octets) for who, octets in known if who is not None])
        if len(taken) != len(sent) or not all(isinstance(one, Taken) and one.changed for one in taken):
            raise RuntimeError("nothing was signed for a vehicle of the benchmark's")
        return taken


def _manifest(vin: str, ecu: str, signer: CryptoSigner, time: str) -> bytes:
    report = {"signed": report_body(ecu, 1, time, _FACTORY, None), "signatures": []}
    body = manifest_body(vin, ecu, 1, time, {ecu: report})
    signature = signer.sign(canonical(body)).to_dict()
    return as_json(canonical({"signed": body, "signatures": [signature]}))
