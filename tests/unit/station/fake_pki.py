"""A whole PKI in memory behind the Http protocol: TLM, root, EA, AA, lists; with switches for faults.

It reads requests with the project's own records, and answers as TS 102 941 says unless told otherwise.
"""

import hashlib
import os
from dataclasses import dataclass, field

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, PublicKey, signature_record, signing_digest
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import RecipientKey, SignedMessage, decrypt, encrypt_psk, etsi_header, sign
from v2xpki.station import Reply, Unreachable
from v2xpki.station.http import CRL, CTL, OCTETS, REQUEST, RESPONSE
from v2xpki.time import FixedClock
from v2xpki.trust.lists import (
    AaEntry,
    CrlSchedule,
    CtlSchedule,
    DcEntry,
    EaEntry,
    EctlSchedule,
    RcaEntry,
    TlmEntry,
    build_crl,
    build_ctl,
    build_ectl,
)
from v2xpki.trust.profiles import profile
from v2xpki.wire import dot2, etsi

URL = "http://pki.test"
HOUR = 3600


def certify(tbs, key, issuer=None) -> Certificate:
    curve = key.public_key.curve
    if issuer is None:
        named = dot2.IssuerIdentifier(kind="self", value=curve.hash)
    else:
        named = dot2.IssuerIdentifier(kind=f"{issuer.hash_name}AndDigest", value=issuer.hashed_id8)
    digest = signing_digest(curve.hash, wire.encode(tbs), b"" if issuer is None else issuer.octets)
    return Certificate.of(
        dot2.CertificateBase(
            version=3,
            type="explicit",
            issuer=named,
            to_be_signed=tbs,
            signature=signature_record(curve, key.sign(digest)),
        )
    )


@dataclass
class Ca:
    """A CA with its keys."""

    kind: str
    key: MemoryKey
    certificate: Certificate
    decryption: MemoryKey | None = None


def make_ca(kind, now, issuer=None, name=None, **attributes) -> Ca:
    made = profile(kind)
    key = MemoryKey.generate(made.curve)
    decryption = MemoryKey.generate(Curve.NIST_P256) if kind in ("EA", "AA") else None
    tbs = made.build_tbs(
        verification_key=key.public_key,
        now=now,
        issuer=None if issuer is None else issuer.certificate,
        encryption_key=None if decryption is None else decryption.public_key,
        name=name or kind,
        **attributes,
    )
    above = None if issuer is None else issuer.certificate
    return Ca(kind, key, certify(tbs, key if issuer is None else issuer.key, above), decryption)


@dataclass
class FakePki:
    """Speaks Http. `change` holds a test's faults; see _answer for the switches."""

    clock: FixedClock
    stations: dict[bytes, PublicKey] = field(default_factory=dict)  # canonical id -> key
    ecs: dict[bytes, Certificate] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    down: set[str] = field(default_factory=set)  # URLs that do not answer
    drop: int = 0  # so many next answers to POST get lost on the way
    code: str = "ok"  # the answers' response code
    change: dict = field(default_factory=dict)
    documents: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    sequence: int = 1

    def __post_init__(self) -> None:
        now = self.clock.time32()
        self.tlm = make_ca("TLM", now)
        self.root = make_ca("RCA", now, name="Root")
        self.ea = make_ca("EA", now, self.root)
        self.aa = make_ca("AA", now, self.root)
        self.publish()

    # --- lists

    def publish(self, *, revoked=(), roots=(), entries=None, hours=24) -> None:
        """New lists. roots: others beside the own one, with the URL of their DC (or None)."""
        now = self.clock.time32()
        following, root, tlm = now + hours * HOUR, self.root.certificate, self.tlm.certificate
        dc = DcEntry(f"{URL}/dc", (root.hashed_id8,))
        if entries is None:
            entries = [
                EaEntry(self.ea.certificate, f"{URL}/ea/validation", f"{URL}/ea"),
                AaEntry(self.aa.certificate, f"{URL}/aa"),
            ]
        ectl = [RcaEntry(root), *(RcaEntry(other) for other, _ in roots)]
        ectl += [TlmEntry(tlm, f"{URL}/cpoc"), dc]
        ectl += [DcEntry(url, (other.hashed_id8,)) for other, url in roots if url]
        schedule = EctlSchedule(now, following, self.sequence)
        self.put(f"/cpoc/getectl/{tlm.hex8}", OCTETS, build_ectl(tlm, schedule, ectl), self.tlm)
        self.publish_for(self.root, f"{URL}/dc", [*entries, dc], revoked, hours)
        self.documents[f"/cpoc/gettlmcertificate/{tlm.hex8}"] = OCTETS, tlm.octets
        self.sequence += 1

    def publish_for(self, root: Ca, dc: str, entries, revoked=(), hours=24) -> None:
        now, own = self.clock.time32(), root.certificate
        path, following = dc.removeprefix(URL), now + hours * HOUR
        schedule = CtlSchedule(now, following, self.sequence % 256)
        self.put(f"{path}/getctl/{own.hex8}", CTL, build_ctl(own, schedule, entries), root)
        crl = build_crl(own, CrlSchedule(now, following), revoked)
        self.put(f"{path}/getcrl/{own.hex8}", CRL, crl, root, 622)

    def put(self, path, kind, data, signer, psid=624) -> None:
        header = etsi_header(psid, self.clock.time64())
        octets = sign(
            signer.key,
            header,
            payload=wire.encode(data),
            certificate=signer.certificate,
            identifier="certificate",
        )
        self.documents[path] = kind, octets

    # --- Http

    def get(self, url: str) -> Reply:
        self.log.append(f"GET {url}")
        if url in self.down:
            raise Unreachable(f"{url}: down")
        kind, octets = self.documents.get(url.removeprefix(URL), (None, b""))
        return Reply(404, "text/plain", b"") if kind is None else Reply(200, kind, octets)

    def post(self, url: str, body: bytes, content_type: str) -> Reply:
        self.log.append(f"POST {url} {hashlib.sha256(body).hexdigest()}")
        assert content_type == REQUEST
        if url in self.down:
            raise Unreachable(f"{url}: down")
        answer = self.enrol(body) if url == f"{URL}/ea" else self.authorize(body)
        if self.drop:
            self.drop -= 1
            raise Unreachable(f"{url}: connection reset")
        return Reply(200, self.change.get("type", RESPONSE), answer)

    # --- the authorities

    def open(self, ca: Ca, body: bytes):
        keys = {ca.certificate.hashed_id8: RecipientKey.of_certificate(ca.decryption, ca.certificate)}
        return decrypt(body, keys)

    def enrol(self, body: bytes) -> bytes:
        opened = self.open(self.ea, body)
        outer = SignedMessage.parse(opened.plain)
        data = wire.decode(etsi.EtsiTs102941Data, outer.payload)
        inner = SignedMessage.of(data.content.value)
        request = wire.decode(etsi.InnerEcRequest, inner.payload)
        key = PublicKey.of_verification_key(request.public_keys.verification_key)
        inner.verify(key)
        if outer.is_self_signed:
            outer.verify(self.stations[request.its_id])
        else:
            current = self.ecs[outer.signer_digest]
            assert request.its_id == current.hashed_id8
            outer.verify(current.verification_key, current)
        certificate = self.issue(
            "EC",
            self.ea,
            key,
            name="a station",
            region=request.requested_subject_attributes.region,
        )
        self.ecs[certificate.hashed_id8] = certificate
        return self._answer("enrolmentResponse", etsi.InnerEcResponse, self.ea, opened, body, certificate)

    def authorize(self, body: bytes) -> bytes:
        opened = self.open(self.aa, body)
        outer = wire.decode(dot2.Ieee1609Dot2Data, opened.plain)
        message = SignedMessage.of(outer) if outer.content.kind == "signedData" else None
        payload = message.payload if message else outer.content.value
        request = wire.decode(etsi.EtsiTs102941Data, payload).content.value
        key = PublicKey.of_verification_key(request.public_keys.verification_key)
        if message:
            message.verify(key)
        signature = request.ec_signature
        if signature.kind == "encryptedEcSignature":
            detached = SignedMessage.parse(self.open(self.ea, wire.encode(signature.value)).plain)
        else:
            detached = SignedMessage.of(signature.value)
        ec = self.ecs[detached.signer_digest]
        detached.verify(ec.verification_key, ec)
        shared = wire.encode(request.shared_at_request)
        assert detached.ext_data_hash == hashlib.sha256(shared).digest()
        self.log.append(f"{signature.kind} {'with' if message else 'without'} pop")
        asked = request.shared_at_request.requested_subject_attributes
        certificate = self.issue(
            "AT",
            self.aa,
            key,
            app_permissions=asked.app_permissions,
            validity_period=asked.validity_period,
            region=asked.region,
        )
        return self._answer("authorizationResponse", etsi.InnerAtResponse, self.aa, opened, body, certificate)

    def issue(self, kind, ca, key, **attributes) -> Certificate:
        tbs = profile(kind).build_tbs(
            verification_key=self.change.get("key", key),
            now=self.clock.time32(),
            issuer=ca.certificate,
            **attributes,
        )
        tbs = tbs._replace(**self.change.get("replace", {}))
        return certify(tbs, self.change.get("issuing_key", ca.key), ca.certificate)

    def _answer(self, kind, made, ca, opened, body, certificate) -> bytes:
        change = self.change
        with_certificate = change.get("with_certificate", self.code == "ok")
        content = made(
            request_hash=change.get("request_hash", hashlib.sha256(body).digest()[:16]),
            response_code=self.code,
            certificate=certificate.record if with_certificate else None,
        )
        if "kind" in change:
            kind, content = change["kind"], change["content"]
        data = etsi.EtsiTs102941Data(
            version=1, content=etsi.EtsiTs102941DataContent(kind=kind, value=content)
        )
        signer = change.get("signer", ca)
        octets = sign(
            signer.key,
            change.get("header") or etsi_header(623, self.clock.time64()),
            payload=change.get("payload", wire.encode(data)),
            certificate=signer.certificate,
            identifier=change.get("identifier", "digest"),
        )
        if change.get("bad_signature"):
            octets = octets[:-1] + bytes([octets[-1] ^ 1])
        octets = change.get("plain", octets)
        nonce = None
        if change.get("same_nonce"):
            nonce = wire.decode(dot2.Ieee1609Dot2Data, body).content.value.ciphertext.value.nonce
        key = os.urandom(16) if change.get("other_key") else opened.key
        answer = encrypt_psk(octets, key, nonce=nonce)
        return answer[:-1] + bytes([answer[-1] ^ 1]) if change.get("bad_tag") else answer
