"""An SCMS in one process for revocations: ACA, both LAs, an RA's rows, an MA; vehicles with certificates."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.support.linkage import NOW, PERIODS, La
from tests.support.scms import NotingKeystore, certificate, new_cocoon
from tests.support.scms_crl import SignerTrust
from v2xpki import wire
from v2xpki.authorities.scms.aca_cases import AcaCaseBook
from v2xpki.authorities.scms.aca_policy import AcaPolicy, KnownRas
from v2xpki.authorities.scms.case_parts import KnownLas
from v2xpki.authorities.scms.crl_generator import CrlGenerator, CrlPolicy
from v2xpki.authorities.scms.la import LaPolicy, Wish
from v2xpki.authorities.scms.la_cases import LaCaseBook
from v2xpki.authorities.scms.ma import CasePeers, MisbehaviourAuthority
from v2xpki.authorities.scms.ra_batches import add_batches
from v2xpki.authorities.scms.ra_cases import RaCaseBook
from v2xpki.bench.scms_laboratory import LA_IDS, ScmsLaboratory
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import LinkError
from v2xpki.issuance import CrlSigner
from v2xpki.keystore import KeyLabel, MemoryKey
from v2xpki.secured import RecipientKey
from v2xpki.store import Database, random_key, upgrade
from v2xpki.store.ra import ACTIVE, PACKED, RaBatch, RaDevice, RaEnrolment, RaRequest
from v2xpki.time import FixedClock
from v2xpki.trust.scms_crl import Family
from v2xpki.trust.scms_profiles import scms_profile
from v2xpki.wire import dot2, scms

SERIES: dict[int, Family] = {1: "linked", 2: "hash", 3: "hash", 4: "hash"}
CRL_KEY = KeyLabel("ma-crl", "sign")
J = 3  # certificates a period
LA_POLICY = LaPolicy(certificates=20, values=4000, chain_periods=12, ahead=20, cached=64)
DAY = 86_400


@dataclass
class Shelf:
    """A distribution centre: what it was given. Down while `down`."""

    documents: list[bytes] = field(default_factory=list)
    down: bool = False

    def publish(self, documents: Sequence[bytes]) -> None:
        if self.down:
            raise LinkError("the distribution centre is down")
        self.documents += documents


class Wire:
    """A link: notes all octets that pass it, both ways; down while `down`."""

    def __init__(self, target: Any) -> None:
        self._target, self.down, self.seen, self.calls = target, False, list[bytes](), 0

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            if self.down:
                raise LinkError("down")
            self.calls += 1
            self._note(arguments)
            answer = getattr(self._target, name)(*arguments)
            self._note(answer)
            return answer

        return call

    def _note(self, value: Any) -> None:
        if isinstance(value, bytes):
            self.seen.append(value)
        elif isinstance(value, tuple):
            for one in value:
                self._note(one)


@dataclass
class Request:
    """What a vehicle asked for: the names of its chains, what it was given by (i, j)."""

    id: bytes
    lcis: tuple[bytes, bytes]
    certificates: dict[tuple[int, int], Certificate] = field(default_factory=dict)
    plvs: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)

    def of(self, i: int) -> list[Certificate]:
        return [one for (period, _), one in self.certificates.items() if period == i]


@dataclass
class Vehicle:
    device: bytes
    enrolment: bytes  # HashedId8
    requests: list[Request] = field(default_factory=list)

    def of(self, i: int) -> list[Certificate]:
        return [one for request in self.requests for one in request.of(i)]


class CaseLab:
    """Everything that a case passes through. new_url: where the databases of ACA, RA and MA are, each."""

    def __init__(
        self, folder: Path, *, policy: AcaPolicy | None = None, new_url: Callable[[], str] | None = None
    ) -> None:
        self.folder, self.clock, self._new_url = folder, FixedClock(NOW), new_url
        url, notes = None if new_url is None else new_url(), NotingKeystore(folder / "notes")
        self.scms = ScmsLaboratory(folder, notes, self.clock, url=url, policy=policy)
        lab, self.la_keys = self.scms, tuple(MemoryKey.generate(Curve.NIST_P256) for _ in LA_IDS)
        self.la_certificates = tuple(
            self.component("LA", key, la_id=int.from_bytes(la_id, "big"))
            for key, la_id in zip(self.la_keys, LA_IDS, strict=True)
        )
        self.las = [
            La.make(
                f"sqlite:///{folder}/la{n + 1}.db",
                domain=f"la{n + 1}",
                la_id=LA_IDS[n],
                policy=LA_POLICY,
                clock=self.clock,
                shared=lab.la_keys[n],
            )
            for n in range(2)
        ]
        self.ra_database, self.ma_database = (self.database(name) for name in ("ra", "ma"))
        policy = policy or AcaPolicy()
        las = KnownLas(self.la_certificates)
        self.aca_cases = AcaCaseBook(lab.aca, lab.database, KnownRas([lab.ra]), las, self.clock, policy)
        keys = keys_of(lab.encryption_key, lab.ra)
        first, second = self.la_certificates
        self.ra_cases = RaCaseBook(self.ra_database, keys, (first, second), PERIODS, self.clock)
        self.la_cases = [
            LaCaseBook(la.revocation, keys_of(key, certificate))
            for la, key, certificate in zip(self.las, self.la_keys, self.la_certificates, strict=True)
        ]
        self.keystore = NotingKeystore(folder / "crl-notes")
        self.keystore.generate(CRL_KEY, Curve.NIST_P256)
        tbs = scms_profile("CRLG").build_tbs(
            verification_key=self.keystore.public_key(CRL_KEY), now=NOW, issuer=lab.root, name="crlg"
        )
        self.crl_signer = lab.certify(tbs, lab.root)
        self.trust = SignerTrust(lab.root, lab.aca_certificate, self.crl_signer)
        self.shelf = Shelf()
        self.wires = [Wire(one) for one in (self.aca_cases, self.ra_cases, *self.la_cases)]
        aca, ra, la1, la2 = self.wires
        peers = CasePeers(
            {lab.aca_certificate.hashed_id8: aca}, {lab.ra.hashed_id8: ra}, {LA_IDS[0]: la1, LA_IDS[1]: la2}
        )
        craca = lab.root.hashed_id8
        self.ma = MisbehaviourAuthority(
            self.ma_database, peers, self.trust, craca, SERIES, PERIODS, self.clock
        )
        self.crls = self.generator(self.ma_database)

    def generator(self, database: Database) -> CrlGenerator:
        """As another process has it."""
        signer = CrlSigner.open(self.keystore, CRL_KEY, self.crl_signer)
        craca = self.scms.root.hashed_id8
        return CrlGenerator(
            signer, database, self.shelf, craca, SERIES, PERIODS, self.clock, CrlPolicy(7 * DAY, 5 * DAY)
        )

    def database(self, domain: str) -> Database:
        url = self._new_url() if self._new_url else f"sqlite:///{self.folder}/{domain}.db"
        database = Database.open(url, clock=self.clock)
        upgrade(database, domain)
        return database

    def component(self, kind: str, key: MemoryKey, **ssp: Any) -> Certificate:
        tbs = scms_profile(kind).build_tbs(
            verification_key=key.public_key,
            now=NOW,
            issuer=self.scms.root,
            encryption_key=key.public_key,
            name=kind.lower(),
            craca_id=self.scms.root.hashed_id3,
            **ssp,
        )
        return self.scms.certify(tbs, self.scms.root)

    def close(self) -> None:
        self.scms.close()
        for database in (self.ra_database, self.ma_database, *(la.database for la in self.las)):
            database.close()

    # --- vehicles --------------------------------------------------------------------------------------

    def vehicle(self, first: int = 0, last: int = 2) -> Vehicle:
        """One that has asked for its certificates of these periods."""
        made = Vehicle(random_key(), os.urandom(8))
        with self.ra_database.write(durable=False) as tx:
            tx.insert(RaDevice, id=made.device, status=ACTIVE, day=0, requests=0)
            tx.insert(
                RaEnrolment, hashed_id8=made.enrolment, device=made.device, certificate=None, expires=NOW
            )
        self.request(made, first, last)
        return made

    def request(self, vehicle: Vehicle, first: int, last: int, *, waiting: int = 1) -> Request:
        """Another request of a vehicle; `waiting` batches more are not made yet."""
        made = Request(random_key(), (os.urandom(16), os.urandom(16)))
        vehicle.requests.append(made)
        asked = [Wish(made.lcis[0], i, range(J)) for i in range(first, last + 1)]
        ones = self.las[0].authority.pre_linkage_values(asked, ra="ra")
        asked = [Wish(made.lcis[1], i, range(J)) for i in range(first, last + 1)]
        others = self.las[1].authority.pre_linkage_values(asked, ra="ra")
        expires = PERIODS.end(last + waiting)
        hashes = dict[int, bytes]()
        for i, one, other in zip(range(first, last + 1), ones, others, strict=True):
            hashes[i] = self._certify(made, i, one, other)
        with self.ra_database.write(durable=False) as tx:
            tx.insert(
                RaRequest, id=made.id, request_hash=os.urandom(8), device=vehicle.device, kind="pseudonym",
                count=J, wish=b"", params=None, lci1=made.lcis[0], lci2=made.lcis[1], first=first,
                last=last + waiting,
                following=last + 1 + waiting, expires=expires,
            )  # fmt: skip
            add_batches(tx, PERIODS, made.id, count=J, first=first, last=last + waiting)
            for i, names in hashes.items():
                of_period = sa.and_(RaBatch.request == made.id, RaBatch.period == i)
                tx.execute(sa.update(RaBatch).where(of_period).values(state=PACKED, hashes=names))
        return made

    def _certify(self, made: Request, i: int, one: Sequence[bytes], other: Sequence[bytes]) -> bytes:
        cocoons = [new_cocoon() for _ in range(J)]
        requests = []
        for cocoon, plv1, plv2 in zip(cocoons, one, other, strict=True):
            info = scms.LinkageInfo(*(wire.decode(scms.EncryptedIndividualPLV, p) for p in (plv1, plv2)))
            asked = self.scms.request(cocoon.public_key, i=i)
            tbs = asked.tbs_cert._replace(
                validity_period=PERIODS.validity_of(i, self.scms.aca_certificate.start)
            )
            requests.append(self.scms.signed(asked._replace(linkage_info=info, tbs_cert=tbs)))
        answers = self.scms.aca.certify(requests)
        for j, (cocoon, answer) in enumerate(zip(cocoons, answers, strict=True)):
            assert isinstance(answer, bytes), answer
            certified = certificate(self.scms, answer, cocoon)
            made.certificates[i, j] = certified
            linked = self.scms.aca.linked(certified)
            assert linked is not None
            made.hashes.append(linked.request_hash)
            made.plvs += [linked.plv1, linked.plv2]
        return b"".join(made.hashes[-J:])

    def end_entity(self, kind: str, series: int, **fields: Any) -> Certificate:
        """A certificate without linkage; the root signs it in place of an ACA or ECA."""
        role = scms.SecurityMgmtSsp("ee", scms.EeSsp(2))
        held = [dot2.PsidSsp(32, None)]
        if kind == "ENROLMENT":
            held = [dot2.PsidSsp(35, dot2.ServiceSpecificPermissions("opaque", wire.encode(role)))]
        tbs = self.scms.request(new_cocoon().public_key).tbs_cert._replace(
            id=dot2.CertificateId("none", None),
            craca_id=self.scms.root.hashed_id3,
            crl_series=series,
            app_permissions=tuple(held),
        )
        return self.scms.certify(tbs._replace(**fields), self.scms.root)


def keys_of(key: MemoryKey, certificate: Certificate) -> dict[bytes, RecipientKey]:
    return {certificate.hashed_id8: RecipientKey.of_certificate(key, certificate)}
