"""The production line of an SCMS in one process: an RA, both linkage authorities and an ACA, each with its
own database and token, and vehicles whose requests were granted. For benchmarks and tests.

    laboratory = LineLaboratory(directory, {"aca": keystore, "ra": keystore, ...}, clock)
    vehicle = laboratory.grant("unified");  laboratory.work();  vehicle.archives()

The components call each other as they are; in service links/ is between them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from v2xpki import wire
from v2xpki.authorities.scms.aca import AuthorizationCertificateAuthority
from v2xpki.authorities.scms.la_keys import new_sealing_key, put_shared_key
from v2xpki.authorities.scms.ra_batches import add_batches
from v2xpki.bench.scms_laboratory import BSM, ScmsLaboratory
from v2xpki.bench.scms_line_process import RA_ENCRYPT, RA_SIGN, LineCertificates, LineProcess
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Curve, PrivateCaterpillar, PublicKey
from v2xpki.keystore import KeyLabel, Keystore, MemoryKey
from v2xpki.store import Database, upgrade
from v2xpki.store.ra import ACTIVE, APPLICATION, PSEUDONYM, RaDevice, RaRequest
from v2xpki.time import HOUR, Clock
from v2xpki.trust.validity import floor_hour
from v2xpki.wire import dot2, scms


@dataclass
class Granted:
    """A device's request, with what the device alone has: its caterpillar, or the key that it made."""

    kind: str
    id: bytes
    device: bytes
    first: int
    last: int
    caterpillar: PrivateCaterpillar | None = None
    key: MemoryKey | None = None
    response_key: MemoryKey | None = None


class LineLaboratory(LineProcess):
    """All four components. `keystores` by component; `url` of each one's database, by default SQLite files
    in `directory`."""

    def __init__(
        self,
        directory: Path,
        keystores: Mapping[str, Keystore],
        clock: Clock,
        *,
        policy: ScmsPolicy | None = None,
        url: Callable[[str], str] | None = None,
        implicit: bool = False,
    ) -> None:
        """implicit: whether the ACA has a key for implicit certificates."""
        url = url or (lambda component: f"sqlite:///{directory}/{component}.db")
        self.aca_side = side = ScmsLaboratory(directory, keystores["aca"], clock, url=url("aca"))
        key = keystores["ra"].generate(RA_SIGN, Curve.NIST_P256)
        sealed_to = keystores["ra"].generate(RA_ENCRYPT, Curve.NIST_P256)
        ra = side.certify(side.component("RA", key, sealed_to), side.root)
        side.ras.append(ra)
        if implicit:
            side.allow_implicit()
        # period 0 has begun an hour ago, as the certificates of all
        policy = replace(policy or ScmsPolicy(), epoch=floor_hour(clock.time32() - HOUR))
        super().__init__(
            keystores,
            clock,
            url,
            policy,
            LineCertificates(side.root, side.aca_certificate, ra, side.implicit),
        )
        for number, name in enumerate(("la1", "la2")):
            database, label = self._new_database(name), KeyLabel(name, "wrap")
            keystores[name].generate_wrapping(label)
            new_sealing_key(database, keystores[name], label)
            shared = side.la_keys[number]
            put_shared_key(database, keystores[name], label, shared, clock.time32() - HOUR)
            database.close()
        self._new_database("ra").close()
        self.open()

    def open_aca(self, database: Database) -> AuthorizationCertificateAuthority:
        return self.aca_side.open_aca(database)

    def close(self) -> None:
        super().close()
        self.aca_side.close()

    def _new_database(self, name: str) -> Database:
        database = Database.open(self.url(name), clock=self.clock)
        upgrade(database, name)
        return database

    # --- what devices have asked for -------------------------------------------------------------

    def request(
        self, variant: str = "unified", *, kind: str = PSEUDONYM, certificates: int | None = None,
        weeks: int | None = None, device: bytes | None = None,
    ) -> tuple[Granted, dict[str, Any]]:  # fmt: skip
        """A request as the RA records it, and the columns of its row. weeks: periods that are granted."""
        caterpillar = PrivateCaterpillar.generate(variant)  # type: ignore[arg-type]  # one of the variants
        public = caterpillar.public()
        params: Any = scms.ButterflyExpansion("aes128", public.signing_expansion)
        if public.encryption is not None and public.encryption_expansion is not None:
            params = scms.ButterflyParamsOriginal(
                params,
                PublicKey.from_sec1(Curve.NIST_P256, public.encryption).to_encryption_key(),
                scms.ButterflyExpansion("aes128", public.encryption_expansion),
            )
        key = PublicKey.from_sec1(Curve.NIST_P256, public.signing)
        first = self.periods.at(self.clock.time32())
        granted = Granted(
            kind, os.urandom(16), device or os.urandom(16), first, first + (weeks or 156) - 1, caterpillar
        )
        linked = kind == PSEUDONYM
        return granted, self._row(
            granted,
            self._wish(key),
            wire.encode(scms.AdditionalParams(variant, params)),  # type: ignore[arg-type]  # as above
            (os.urandom(16), os.urandom(16)) if linked else (None, None),
            certificates or self.policy.certificates,
        )

    def application(self, *, private: bool) -> tuple[Granted, dict[str, Any]]:
        """A request for an application certificate of a key of its own, answered in private or in plain."""
        key, to = MemoryKey.generate(Curve.NIST_P256), MemoryKey.generate(Curve.NIST_P256)
        first = self.periods.at(self.clock.time32())
        granted = Granted(
            APPLICATION, os.urandom(16), os.urandom(16), first, first,
            key=key, response_key=to if private else None,
        )  # fmt: skip
        params = wire.encode(scms.AdditionalParams("encryptionKey", to.public_key.to_encryption_key()))
        return granted, self._row(
            granted, self._wish(key.public_key), params if private else None, (None, None), 1
        )

    def _wish(self, key: PublicKey) -> dot2.ToBeSignedCertificate:
        return dot2.ToBeSignedCertificate(
            id=dot2.CertificateId("none", None),
            craca_id=bytes(3),
            crl_series=0,
            validity_period=dot2.ValidityPeriod(self.clock.time32(), dot2.Duration("hours", 169)),
            app_permissions=BSM,
            verify_key_indicator=dot2.VerificationKeyIndicator("verificationKey", key.to_verification_key()),
        )

    def _row(
        self, granted: Granted, wish: dot2.ToBeSignedCertificate, params: bytes | None,
        lcis: tuple[bytes | None, bytes | None], count: int,
    ) -> dict[str, Any]:  # fmt: skip
        return {
            "id": granted.id, "request_hash": os.urandom(8), "device": granted.device, "kind": granted.kind,
            "count": count, "wish": wire.encode(wish), "params": params, "lci1": lcis[0], "lci2": lcis[1],
            "first": granted.first, "last": granted.last, "following": granted.first,
            "expires": self.periods.end(granted.last) + HOUR,
        }  # fmt: skip

    def record(self, requests: Sequence[tuple[Granted, dict[str, Any]]]) -> list[Granted]:
        """Their rows, as the RA's front writes them."""
        upto = self.periods.at(self.clock.time32() + self.policy.preload)
        with self.databases["ra"].write(durable=True) as tx:
            for granted, row in requests:
                last = min(granted.last, upto)
                tx.insert_if_new(RaDevice, id=granted.device, status=ACTIVE, day=0, requests=1)
                tx.insert(RaRequest, **row | {"following": last + 1})
                add_batches(tx, self.periods, granted.id, count=row["count"], first=granted.first, last=last)
        return [granted for granted, _ in requests]

    def grant(self, variant: str = "unified", **options: Any) -> Granted:
        """A vehicle's request, recorded."""
        return self.record([self.request(variant, **options)])[0]
