"""A small C-ITS PKI in one process, and stations that drive its EA and AA by octets.

    pki = Pki.make(folder, clock)           EA and AA with memory keys, or keystore=token_store.open
    car = pki.station("car-1")
    ec = car.enrol()                        a Credential
    ticket = car.authorize(ec).ok()

Requests can be made wrong in one place each by keyword. The stations are written on crypto/ and secured/
alone, not on the project's own station.
"""

import atexit
import hmac
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from v2xpki import wire
from v2xpki.authorities.etsi.authorization import AuthorizationAuthority
from v2xpki.authorities.etsi.butterfly_aa import ButterflyIssuing
from v2xpki.authorities.etsi.butterfly_ra import ButterflyRegistration
from v2xpki.authorities.etsi.butterfly_supply import ButterflySupply
from v2xpki.authorities.etsi.enrolment import EnrolmentAuthority
from v2xpki.authorities.etsi.envelope import Generation, OwnKeys
from v2xpki.authorities.etsi.peers import FixedPeers, Peer
from v2xpki.authorities.etsi.stations import KnownStation, NewStation, StationRegister
from v2xpki.config import AaPolicy, ButterflyPolicy, EaPolicy
from v2xpki.crypto import Certificate, Curve, PublicKey, signature_record, signing_digest, wrap_key
from v2xpki.errors import KeyNotFound, LinkError
from v2xpki.issuance import Issuer
from v2xpki.keystore import KeyLabel, Keystore, MemoryKey, MemoryKeystore
from v2xpki.secured import SignedMessage, decrypt_psk, encrypt, etsi_header, sign, unsecured
from v2xpki.store import Database
from v2xpki.store.schema import upgrade
from v2xpki.time import FixedClock
from v2xpki.trust.profiles import Profiles, shipped
from v2xpki.trust.regions import Region
from v2xpki.wire import dot2, etsi

P256, BRAINPOOL = Curve.NIST_P256, Curve.BRAINPOOL_P256R1
EU = dot2.GeographicRegion(
    kind="identifiedRegion", value=(dot2.IdentifiedRegion(kind="countryOnly", value=65535),)
)
HOUR = 3600


def permission(psid: int, ssp: bytes | None) -> dot2.PsidSsp:
    """A PsidSsp with a bitmap."""
    return dot2.PsidSsp(
        psid=psid, ssp=None if ssp is None else dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=ssp)
    )


CAM, DENM = permission(36, b"\x01\x00\x00"), permission(37, b"\x01\x00\x00\x00")
EC_PERMISSIONS = (permission(623, b"\x01\xc0"),)
ISSUING = (
    dot2.PsidGroupPermissions(
        subject_permissions=dot2.SubjectPermissions(
            kind="explicit",
            value=(dot2.PsidSspRange(psid=36, ssp_range=dot2.SspRange(kind="all", value=None)),),
        )
    ),
)


def country(number: int) -> dot2.GeographicRegion:
    """A country as a region."""
    return dot2.GeographicRegion(
        kind="identifiedRegion", value=(dot2.IdentifiedRegion(kind="countryOnly", value=number),)
    )


def hours(start: int, count: int) -> dot2.ValidityPeriod:
    """A validity period."""
    return dot2.ValidityPeriod(start=start, duration=dot2.Duration(kind="hours", value=count))


def ending_first(
    domain: str,
) -> Callable[[str, dot2.ToBeSignedCertificate], dot2.ToBeSignedCertificate]:
    """For `Pki.make(change=...)`: this authority's certificate ends in a year, the others' later."""

    def change(of: str, tbs: dot2.ToBeSignedCertificate) -> dot2.ToBeSignedCertificate:
        start = tbs.validity_period.start
        return tbs._replace(validity_period=hours(start, 8760)) if of == domain else tbs

    return change


def certify(tbs: dot2.ToBeSignedCertificate, key: Any, issuer: Certificate | None = None) -> Certificate:
    """A certificate signed by a Signer, past all of issuance: what a test's authorities start from."""
    curve = key.public_key.curve
    if issuer is None:
        named = dot2.IssuerIdentifier(kind="self", value=curve.hash)
    else:
        named = dot2.IssuerIdentifier(kind=f"{curve.hash}AndDigest", value=issuer.hashed_id8)
    raw = key.sign(signing_digest(curve.hash, wire.encode(tbs), b"" if issuer is None else issuer.octets))
    return Certificate.of(
        dot2.Certificate(
            version=3, type="explicit", issuer=named, to_be_signed=tbs, signature=signature_record(curve, raw)
        )
    )


def _key(keystore: Keystore, label: KeyLabel, curve: Curve) -> PublicKey:
    """The key of a label: that of an earlier test, for a token takes its time to make one."""
    try:
        return keystore.public_key(label)
    except KeyNotFound:
        return keystore.generate(label, curve)


class DirectLink:
    """The AA's way to the EA within the process, with fault switches; sees all that goes over it."""

    def __init__(self) -> None:
        self.ea: EnrolmentAuthority | None = None
        self.aa: AuthorizationAuthority | None = None
        self.chunks: list[tuple[str, bytes]] = []
        self.down = False
        self.calls: list[tuple[str, bytes]] = []
        self.spoil_request: Callable[[bytes], bytes] = bytes
        self.spoil_answer: Callable[[bytes], bytes] = bytes

    def validate(self, url: str, body: bytes) -> bytes:
        self.calls.append((url, body))
        if self.down or self.ea is None:
            raise LinkError("the EA is down")
        return self.spoil_answer(self.ea.validate(self.spoil_request(body)))

    def certify(self, url: str, body: bytes) -> bytes:
        self.chunks.append((url, body))
        if self.down or self.aa is None:
            raise LinkError("the AA is down")
        return self.spoil_answer(self.aa.certify(self.spoil_request(body)))


@dataclass
class Notes:
    """An observer that remembers."""

    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def answered(self, flow: str, outcome: str, why: str) -> None:
        self.seen.append((flow, outcome, why))

    def outcomes(self, flow: str) -> list[str]:
        return [outcome for of, outcome, _ in self.seen if of == flow]


@dataclass
class Verdict:
    """An EA's answer to an AA."""

    code: str
    confirmed: etsi.CertificateSubjectAttributes | None
    octets: bytes
    why: str


@dataclass
class Credential:
    """A certificate with its key."""

    certificate: Certificate
    key: MemoryKey


@dataclass
class Sent:
    """A request and what its answer is held against."""

    body: bytes
    aes: bytes
    key: MemoryKey
    wanted: etsi.CertificateSubjectAttributes | None = None


@dataclass
class Pki:
    """Root, EA and AA; each authority with its own database and keystore."""

    clock: FixedClock
    root_key: MemoryKey
    root: Certificate
    ea_certificate: Certificate
    aa_certificate: Certificate
    ea_keys: Keystore
    aa_keys: Keystore
    ea_database: Database
    aa_database: Database
    ea: EnrolmentAuthority
    aa: AuthorizationAuthority
    link: DirectLink
    notes: Notes
    peers: FixedPeers
    register: StationRegister
    profiles: Profiles
    issuers: dict[str, Issuer]
    supply: ButterflySupply

    @classmethod
    def make(
        cls,
        folder: Path,
        clock: FixedClock,
        *,
        keystore: Callable[[str], Keystore] | None = None,
        curve: Curve = P256,
        root_curve: Curve = P256,
        encryption_curve: Curve = P256,
        ea_policy: EaPolicy | None = None,
        aa_policy: AaPolicy | None = None,
        butterfly: ButterflyPolicy | None = None,
        profiles: Profiles | None = None,
        region: Region = EU,
        url: Callable[[str], str | Path] | None = None,
        change: Callable[[str, dot2.ToBeSignedCertificate], dot2.ToBeSignedCertificate] = lambda _, tbs: tbs,
    ) -> "Pki":
        """`keystore` gives one by domain (memory by default), `url` a database; `change` may alter the CAs'
        certificates before they are signed."""
        profiles = profiles or shipped()
        keystore = keystore or (lambda _: MemoryKeystore("test"))
        url = url or (lambda domain: fresh_database(folder, domain))
        now = clock.time32()
        root_key = MemoryKey(root_curve)
        root = certify(
            profiles.profile("RCA").build_tbs(
                now=now, issuer=None, verification_key=root_key.public_key, name="root", region=region
            ),
            root_key,
        )
        keys, certificates, own, issuers, databases = {}, {}, {}, {}, {}
        for domain in ("ea", "aa"):
            keys[domain] = store = keystore(domain)
            label, sealing = KeyLabel(domain, "sign"), KeyLabel(domain, "encrypt")
            tbs = profiles.profile(domain.upper()).build_tbs(
                now=now,
                issuer=root,
                verification_key=_key(store, label, curve),
                encryption_key=_key(store, sealing, encryption_curve),
                name=domain,
                region=region,
            )
            certificates[domain] = certificate = certify(change(domain, tbs), root_key, root)
            databases[domain] = database = Database.open(url(domain), clock=clock)
            upgrade(database, domain)
            issuers[domain] = issuer = Issuer(store.issuing_key(label), certificate, database, clock)
            responder = store.responder(label, certificate)
            own[domain] = OwnKeys([Generation(certificate, store.agreer(sealing), responder, issuer)], clock)
        peers = FixedPeers(
            {certificates["aa"].hashed_id8: Peer(certificates["aa"], "http://aa.example/aa")},
            {certificates["ea"].hashed_id8: Peer(certificates["ea"], "http://ea.example/ea/validation")},
        )
        link, notes = DirectLink(), Notes()
        common: dict[str, Any] = {
            "peers": peers, "clock": clock, "profiles": profiles, "observer": notes
        }  # fmt: skip
        at_ea: dict[str, Any] = {
            "own": own["ea"], "database": databases["ea"], "policy": butterfly, "ea_policy": ea_policy
        }  # fmt: skip
        supply = ButterflySupply(link=link, monotonic=lambda: float(clock.now), **at_ea, **common)
        ea = link.ea = EnrolmentAuthority(
            butterfly=ButterflyRegistration(**at_ea, **common),
            own=own["ea"],
            database=databases["ea"],
            peers=peers,
            clock=clock,
            policy=ea_policy,
            profiles=profiles,
            observer=notes,
        )
        aa = link.aa = AuthorizationAuthority(
            butterfly=ButterflyIssuing(own=own["aa"], database=databases["aa"], policy=aa_policy, **common),
            own=own["aa"],
            database=databases["aa"],
            peers=peers,
            link=link,
            clock=clock,
            policy=aa_policy,
            profiles=profiles,
            observer=notes,
        )
        return cls(
            clock,
            root_key,
            root,
            certificates["ea"],
            certificates["aa"],
            keys["ea"],
            keys["aa"],
            databases["ea"],
            databases["aa"],
            ea,
            aa,
            link,
            notes,
            peers,
            StationRegister(databases["ea"]),
            profiles,
            issuers,
            supply,
        )

    def station(
        self,
        name: str | bytes = "car",
        *,
        profile: str = "vehicle",
        curve: Curve = P256,
        region: Region = None,
    ) -> "TestStation":
        """A station, registered."""
        canonical_id = name.encode() if isinstance(name, str) else name
        key = MemoryKey(curve)
        known = self.register.register(NewStation(canonical_id, key.public_key, profile, region))
        return TestStation(self, canonical_id, key, known)

    @property
    def aa_signer(self) -> Any:
        """The AA's signing key."""
        (label,) = [
            k.label for k in self.aa_keys.keys() if k.public_key == self.aa_certificate.verification_key
        ]
        return self.aa_keys.issuing_key(label)

    def validation(
        self,
        wish: etsi.InnerAtRequest,
        *,
        signer: Any = None,
        certificate: Certificate | None = None,
        header: dot2.HeaderInfo | None = None,
        content: etsi.EtsiTs102941DataContent | None = None,
        tail: bytes = b"",
        **wrap: Any,
    ) -> Sent:
        """What an AA asks an EA (TS 102 941 6.2.3.4.1)."""
        content = content or etsi.EtsiTs102941DataContent(
            kind="authorizationValidationRequest",
            value=etsi.AuthorizationValidationRequest(
                shared_at_request=wish.shared_at_request, ec_signature=wish.ec_signature
            ),
        )
        plain = sign(
            signer or self.aa_signer,
            header or etsi_header(623, self.clock.time64()),
            payload=wire.encode(etsi.EtsiTs102941Data(version=1, content=content)),
            certificate=certificate or self.aa_certificate,
            identifier="digest",
        )
        return seal(plain + tail, self.ea_certificate, MemoryKey(P256), **wrap)

    def validate(self, sent: Sent) -> Verdict:
        """Ask the EA, and hold the answer to the rules of V3 and V4."""
        octets = self.ea.validate(sent.body)
        message = SignedMessage.parse(decrypt_psk(octets, sent.aes))
        message.verify(self.ea_certificate.verification_key, self.ea_certificate)
        assert message.signer_digest == self.ea_certificate.hashed_id8
        assert message.header == etsi_header(623, self.clock.time64())
        value = wire.decode(etsi.EtsiTs102941Data, message.payload).content.value
        assert isinstance(value, etsi.AuthorizationValidationResponse)
        assert value.request_hash == sha256(sent.body).digest()[:16]
        assert (value.response_code == "ok") == (value.confirmed_subject_attributes is not None)
        return Verdict(
            value.response_code, value.confirmed_subject_attributes, octets, self.notes.seen[-1][2]
        )

    def issue_with(self, issuer: Issuer, authority: EnrolmentAuthority | None = None) -> None:
        """Have an EA make its certificates with another issuer of its key."""
        own = (authority or self.ea)._own
        own.replace([replace(generation, issuer=issuer) for generation in own.generations])

    def close(self) -> None:
        for database in (self.ea_database, self.aa_database):
            database.close()


@dataclass
class Answer:
    """An answer, opened, its signature checked: everything a strict station checks."""

    code: str
    certificate: Certificate | None
    sent: Sent
    octets: bytes
    message: SignedMessage
    why: str = ""  # what the operator was told

    def ok(self) -> Credential:
        assert self.code == "ok" and self.certificate is not None, (self.code, self.why)
        return Credential(self.certificate, self.sent.key)


def read_answer(octets: bytes, sent: Sent, authority: Certificate, clock: FixedClock) -> Answer:
    """Open an answer by all rules of E5 to E8."""
    message = SignedMessage.parse(decrypt_psk(octets, sent.aes))
    message.verify(authority.verification_key, authority)
    assert message.signer_digest == authority.hashed_id8
    assert message.header == etsi_header(623, message.header.generation_time or 0)
    assert message.header.generation_time == clock.time64()
    value = wire.decode(etsi.EtsiTs102941Data, message.payload).content.value
    assert isinstance(value, etsi.InnerEcResponse | etsi.InnerAtResponse)
    assert value.request_hash == sha256(sent.body).digest()[:16]
    assert (value.response_code == "ok") == (value.certificate is not None)
    certificate = None if value.certificate is None else Certificate.of(value.certificate)
    return Answer(value.response_code, certificate, sent, octets, message)


_templates: dict[str, Path] = {}


def fresh_database(folder: Path, domain: str) -> Path:
    """A file with a domain's tables: made once in a process, then copied."""
    path = folder / f"{domain}.db"
    if domain not in _templates:
        template = Path(tempfile.mkdtemp(prefix="v2xpki-template-")) / path.name
        atexit.register(shutil.rmtree, template.parent, ignore_errors=True)
        with Database.open(template, clock=FixedClock(0)) as database:
            upgrade(database, domain)
        _templates[domain] = template
    shutil.copy(_templates[domain], path)
    return path


class Spoilt:
    """A signer whose signatures are of something else."""

    def __init__(self, key: MemoryKey) -> None:
        self._key, self.public_key = key, key.public_key

    def sign(self, digest: bytes) -> bytes:
        return self._key.sign(digest[::-1])


class TestStation:
    """A station with a canonical key."""

    __test__ = False

    def __init__(self, pki: Pki, canonical_id: bytes, canonical: MemoryKey, known: KnownStation) -> None:
        self.pki, self.id, self.canonical, self.known = pki, canonical_id, canonical, known

    # --- requests ------------------------------------------------------------------------------

    def enrolment(
        self,
        *,
        curve: Curve = P256,
        canonical: Any = None,
        its_id: bytes | None = None,
        by: Credential | None = None,
        attributes: etsi.CertificateSubjectAttributes | None = None,
        form: int = 1,
        age: int = 0,
        psid: int = 623,
        point: Callable[[PublicKey], dot2.PublicVerificationKey] | None = None,
        pop: Callable[[MemoryKey], Any] = lambda key: key,
        pop_age: int | None = None,
        pop_header: dot2.HeaderInfo | None = None,
        outer_header: dot2.HeaderInfo | None = None,
        outer: Callable[[Any], Any] = lambda key: key,
        encryption: dot2.PublicEncryptionKey | None = None,
        content: etsi.EtsiTs102941DataContent | None = None,
        tail: bytes = b"",
        identifier: str = "digest",
        new: MemoryKey | None = None,
        **wrap: Any,
    ) -> Sent:
        """A request of TS 102 941 6.2.3.2.1; `by` an EC for its renewal."""
        new, now = new or MemoryKey(curve), self.pki.clock.time64()
        key = (point or PublicKey.to_verification_key)(new.public_key)
        wish = etsi.InnerEcRequest(
            its_id=its_id if its_id is not None else (by.certificate.hashed_id8 if by else self.id),
            certificate_format=form,
            public_keys=etsi.PublicKeys(verification_key=key, encryption_key=encryption),
            requested_subject_attributes=attributes
            or etsi.CertificateSubjectAttributes(app_permissions=EC_PERMISSIONS),
        )
        inner_age = age if pop_age is None else pop_age
        proof = sign(
            pop(new),
            pop_header or etsi_header(psid, now - inner_age * 1_000_000),
            payload=wire.encode(wish),
            identifier="self",
        )
        content = content or etsi.EtsiTs102941DataContent(
            kind="enrolmentRequest", value=wire.decode(dot2.Ieee1609Dot2Data, proof)
        )
        signer = outer(canonical or (by.key if by else self.canonical))
        plain = sign(
            signer,
            outer_header or etsi_header(psid, now - age * 1_000_000),
            payload=wire.encode(etsi.EtsiTs102941Data(version=1, content=content)),
            certificate=by.certificate if by else None,
            identifier=identifier if by else "self",
        )  # type: ignore[arg-type]
        return seal(plain + tail, self.pki.ea_certificate, new, **wrap)

    def attributes(self, **changes: Any) -> etsi.CertificateSubjectAttributes:
        """CAM and DENM for an hour from now."""
        wanted: dict[str, Any] = {
            "app_permissions": (CAM, DENM),
            "validity_period": hours(self.pki.clock.time32(), 1),
        } | changes
        return etsi.CertificateSubjectAttributes(**wanted)

    def wish(
        self,
        by: Credential,
        *,
        curve: Curve = P256,
        attributes: etsi.CertificateSubjectAttributes | None = None,
        encryption: MemoryKey | None = None,
        ea_id: bytes | None = None,
        tag: bytes | None = None,
        plain_ec: bool = False,
        proof_age: int = 0,
        proof: Callable[[MemoryKey], Any] = lambda key: key,
        proof_header: dot2.HeaderInfo | None = None,
        proof_payload: bytes | None = None,
        identifier: str = "digest",
        ext_hash: bytes | None = None,
        form: int = 1,
        new: MemoryKey | None = None,
        point: Callable[[PublicKey], dot2.PublicVerificationKey] | None = None,
        secret: bytes | None = None,
        encryption_record: dot2.PublicEncryptionKey | None = None,
        change: Callable[[bytes], bytes] = bytes,
        **seal_signature: Any,
    ) -> tuple[etsi.InnerAtRequest, MemoryKey]:
        """An InnerAtRequest and the ticket's key. `change` spoils the detached signature's octets."""
        new, secret = new or MemoryKey(curve), secret or os.urandom(32)
        key = (point or PublicKey.to_verification_key)(new.public_key)
        tagged = wire.encode(key)
        if encryption is not None:
            encryption_record = encryption.public_key.to_encryption_key()
        if encryption_record is not None:
            tagged += wire.encode(encryption_record)
        shared = etsi.SharedAtRequest(
            ea_id=ea_id or self.pki.ea_certificate.hashed_id8,
            key_tag=tag or hmac.digest(secret, tagged, sha256)[:16],
            certificate_format=form,
            requested_subject_attributes=attributes or self.attributes(),
        )
        detached = sign(
            proof(by.key),
            proof_header or etsi_header(623, self.pki.clock.time64() - proof_age * 1_000_000),
            payload=proof_payload,
            ext_data_hash=ext_hash or sha256(wire.encode(shared)).digest(),
            certificate=by.certificate if identifier != "self" else None,
            identifier=identifier,  # type: ignore[arg-type]
        )
        detached = change(detached)
        if not plain_ec:
            detached = seal(detached, self.pki.ea_certificate, new, **seal_signature).body
        return etsi.InnerAtRequest(
            public_keys=etsi.PublicKeys(verification_key=key, encryption_key=encryption_record),
            hmac_key=secret,
            shared_at_request=shared,
            ec_signature=etsi.EcSignature(
                kind="ecSignature" if plain_ec else "encryptedEcSignature",
                value=wire.decode(dot2.Ieee1609Dot2Data, detached),
            ),
        ), new

    def wrapped(
        self,
        wish: etsi.InnerAtRequest,
        new: MemoryKey,
        *,
        wrapper: str = "pop",
        pop: Callable[[MemoryKey], Any] = lambda key: key,
        age: int = 0,
        header: dot2.HeaderInfo | None = None,
        content: Any = None,
        tail: bytes = b"",
        to: Certificate | None = None,
        **wrap: Any,
    ) -> Sent:
        """A request of TS 102 941 6.2.3.3.1. `wrapper`: pop, unsecured or bare. to: an AA's certificate."""
        content = content or etsi.EtsiTs102941DataContent(kind="authorizationRequest", value=wish)
        plain = wire.encode(etsi.EtsiTs102941Data(version=1, content=content))
        if wrapper == "pop":
            header = header or etsi_header(623, self.pki.clock.time64() - age * 1_000_000)
            plain = sign(pop(new), header, payload=plain, identifier="self")
        elif wrapper == "unsecured":
            plain = unsecured(plain)
        sent = seal(plain + tail, to or self.pki.aa_certificate, new, **wrap)
        sent.wanted = wish.shared_at_request.requested_subject_attributes
        return sent

    def authorization(self, by: Credential, *, age: int = 0, **options: Any) -> Sent:
        """Both at once; the options of `wrapped` and of `wish`."""
        names = {
            "wrapper",
            "pop",
            "header",
            "content",
            "tail",
            "recipient",
            "bad_tag",
            "cut",
            "p1",
            "kind",
            "cipher",
            "to",
        }
        outer = {name: value for name, value in options.items() if name in names}
        inner = {name: value for name, value in options.items() if name not in names}
        wish, new = self.wish(by, **{"proof_age": age} | inner)
        return self.wrapped(wish, new, age=age, **outer)

    # --- flows -----------------------------------------------------------------------------------

    def send_enrolment(self, sent: Sent) -> Answer:
        return self._read(self.pki.ea.enrol(sent.body), sent, self.pki.ea_certificate)

    def send_authorization(self, sent: Sent) -> Answer:
        return self._read(self.pki.aa.authorize(sent.body), sent, self.pki.aa_certificate)

    def _read(self, octets: bytes, sent: Sent, authority: Certificate) -> Answer:
        answer = read_answer(octets, sent, authority, self.pki.clock)
        answer.why = self.pki.notes.seen[-1][2]
        return answer

    def enrol(self, **options: Any) -> Credential:
        return self.send_enrolment(self.enrolment(**options)).ok()

    def authorize(self, by: Credential, **options: Any) -> Answer:
        return self.send_authorization(self.authorization(by, **options))


def seal(
    plain: bytes,
    certificate: Certificate,
    key: MemoryKey,
    *,
    recipient: bytes | None = None,
    bad_tag: bool = False,
    cut: int = 0,
    p1: bytes | None = None,
    kind: str = "certRecipInfo",
    cipher: str = "aes128ccm",
) -> Sent:
    """Encrypt to a certificate; keywords make it wrong."""
    aes = os.urandom(16)
    sealed = encrypt(plain, [certificate], key=aes)
    record = wire.decode(dot2.Ieee1609Dot2Data, sealed.octets)
    data: Any = record.content.value
    (info,) = data.recipients
    text = data.ciphertext.value
    octets = text.ccm_ciphertext[:-cut] if cut else text.ccm_ciphertext
    if bad_tag:
        octets = octets[:-1] + bytes([octets[-1] ^ 1])
    value = info.value
    if p1 is not None:
        assert certificate.encryption_key is not None
        value = value._replace(enc_key=wrap_key(certificate.encryption_key, aes, p1))
    if recipient is not None:
        value = value._replace(recipient_id=recipient)
    info = info._replace(kind=kind, value=value)
    data = data._replace(
        recipients=(info,),
        ciphertext=data.ciphertext._replace(kind=cipher, value=text._replace(ccm_ciphertext=octets)),
    )
    return Sent(wire.encode(record._replace(content=record.content._replace(value=data))), aes, key)


def rows(database: Database) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row of every table, with the table's name: what an attacker with the file has."""
    import sqlalchemy as sa

    with database.read() as tx:
        metadata = sa.MetaData()
        metadata.reflect(tx.connection)
        for table in metadata.sorted_tables:
            for row in tx.execute(sa.select(table)).mappings():
                yield table.name, dict(row)
