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
from v2xpki.authorities.periods import Periods
from v2xpki.authorities.scms.aca import AuthorizationCertificateAuthority
from v2xpki.authorities.scms.la import LaPolicy, LinkageAuthority, Wish
from v2xpki.authorities.scms.la_keys import new_sealing_key, put_shared_key
from v2xpki.authorities.scms.ra_batches import add_batches
from v2xpki.authorities.scms.ra_line import RaLine
from v2xpki.authorities.scms.reasons import Refusal
from v2xpki.bench.scms_laboratory import BSM, LA_IDS, ScmsLaboratory
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Certificate, Curve, PrivateCaterpillar, PublicKey
from v2xpki.jobs import InlinePool
from v2xpki.keystore import KeyLabel, Keystore, MemoryKey
from v2xpki.store import Database, upgrade
from v2xpki.store.base import table_of
from v2xpki.store.ra import ACTIVE, APPLICATION, PSEUDONYM, RaBatch, RaDevice, RaRequest
from v2xpki.time import HOUR, Clock
from v2xpki.trust.validity import floor_hour
from v2xpki.wire import dot2, scms

COMPONENTS = "aca", "la1", "la2", "ra"
RA_SIGN, RA_ENCRYPT = KeyLabel("ra", "sign"), KeyLabel("ra", "encrypt")


class DirectLa:
    """A LinkageLink to an authority in the same process."""

    def __init__(self, authority: LinkageAuthority) -> None:
        self.authority, self.la_id = authority, authority.la_id

    def pre_linkage_values(self, wishes: Sequence[Wish]) -> list[list[bytes]]:
        return self.authority.pre_linkage_values(wishes, ra="ra")


class DirectAca:
    """An AcaLink to an authority in the same process."""

    def __init__(self, authority: AuthorizationCertificateAuthority) -> None:
        self.authority = authority

    def certify(self, requests: Sequence[bytes]) -> list[bytes | Refusal]:
        return self.authority.certify(requests)


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


class LineLaboratory:
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
    ) -> None:
        self.clock, self.keystores = clock, keystores
        self.url = url or (lambda component: f"sqlite:///{directory}/{component}.db")
        # period 0 has begun an hour ago, as the certificates of all
        self.policy = replace(policy or ScmsPolicy(), epoch=floor_hour(clock.time32() - HOUR))
        self.periods = Periods(self.policy.epoch, self.policy.period, self.policy.overlap)
        self.aca_side = ScmsLaboratory(directory, keystores["aca"], clock, url=self.url("aca"))
        key = keystores["ra"].generate(RA_SIGN, Curve.NIST_P256)
        sealed_to = keystores["ra"].generate(RA_ENCRYPT, Curve.NIST_P256)
        tbs = self.aca_side.component("RA", key, sealed_to)
        self.ra = self.aca_side.certify(tbs, self.aca_side.root)
        self.aca_side.ras.append(self.ra)
        for number, name in enumerate(("la1", "la2")):
            database, label = self._new_database(name), KeyLabel(name, "wrap")
            keystores[name].generate_wrapping(label)
            new_sealing_key(database, keystores[name], label)
            shared = self.aca_side.la_keys[number]
            put_shared_key(database, keystores[name], label, shared, clock.time32() - HOUR)
            database.close()
        self._new_database("ra").close()
        self.open()

    def open(self) -> None:
        """The components, as new processes would open them."""
        side = self.aca_side
        self.databases = {name: Database.open(self.url(name), clock=self.clock) for name in COMPONENTS}
        self.aca = side.open_aca(self.databases["aca"])
        self.las = [
            LinkageAuthority.open(
                self.keystores[name], self.databases[name], la_id, self.periods, self.clock, LaPolicy()
            )
            for name, la_id in zip(("la1", "la2"), LA_IDS, strict=True)
        ]
        self.aca_link = DirectAca(self.aca)
        self.la_links = DirectLa(self.las[0]), DirectLa(self.las[1])
        self.line = self.new_line()

    def new_line(self, **options: Any) -> RaLine:
        """The RA's line; options instead of what is in service."""
        own: dict[str, Any] = {
            "database": self.databases["ra"],
            "responder": self.keystores["ra"].scms_responder(RA_SIGN, self.ra),
            "aca": self.aca_certificate,
            "aca_link": self.aca_link,
            "linkage": self.la_links,
            "clock": self.clock,
            "policy": self.policy,
        }
        return RaLine(**own | options)

    def close(self) -> None:
        self.line.close()
        self.aca.close()
        self.aca_side.close()
        for database in self.databases.values():
            database.close()

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

    # --- the work ----------------------------------------------------------------------------------

    def work(self, line: RaLine | None = None) -> int:
        """Do the line's jobs until nothing is due; errors are raised."""

        def failed(_: object, error: Exception) -> None:
            raise error

        pool, done = InlinePool(line or self.line, failed=failed), 0
        while count := pool.run_once():
            done += count
        return done

    def batches(self) -> list[Any]:
        """All rows of RaBatch."""
        with self.databases["ra"].read() as tx:
            return list(tx.execute(table_of(RaBatch).select()).all())

    @property
    def aca_certificate(self) -> Certificate:
        return self.aca_side.aca_certificate
