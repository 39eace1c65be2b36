"""What an RA asks an ACA for: read, verified and judged (IEEE 1609.2.1, RaAcaCertRequest).

    reader = AcaReader(issuer, ras, keys, policy, clock)
    wish = reader.read(octets, now, set())      RefusedCertificate says why not

A request is read by the codec and judged whole; what of that depends on its shape alone (who signs,
permissions, region, forms, lengths) is remembered as a Shape, once its signature is verified. Later requests
that differ from it in their keys, times and values alone are read by their places and judged by those
(wire/templates.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple, NoReturn

from v2xpki import wire
from v2xpki.authorities.scms.aca_policy import AcaPolicy, RaDirectory
from v2xpki.authorities.scms.reasons import AcaReason, RefusedCertificate
from v2xpki.authorities.scms.secrets import LaKey
from v2xpki.crypto import Certificate, Curve, PublicKey, seconds_of, verify_raw
from v2xpki.errors import (
    CryptoError,
    DecodeError,
    DecryptionFailed,
    InvalidSignature,
    LintFailed,
    PermissionDenied,
    UnexpectedContent,
)
from v2xpki.issuance import BatchIssuer, CertificateTemplate, ImplicitIssuer
from v2xpki.keystore.scms_responder import Form
from v2xpki.secured import CertificateRequest
from v2xpki.trust.permissions import Grants
from v2xpki.trust.regions import region_contains
from v2xpki.trust.scms_profiles import USES_CUBK, role_of
from v2xpki.wire import dot2, scms
from v2xpki.wire.templates import PLV_TEXT, RequestTemplate

BUTTERFLY, CUBK = 0x80, 0x40  # RaAcaCertRequestFlags
_REMEMBERED = 64  # shapes; a fleet has a few
_NO_LINKAGE = b""


@dataclass(frozen=True, slots=True)
class Shape:
    """What requests of one shape have in common. ra: who signs; la1, la2: whose pre-linkage values; issuer:
    whose certificate it becomes."""

    kind: str
    form: Form
    butterfly: bool
    implicit: bool
    issuer: BatchIssuer
    ra: Certificate
    ra_key: PublicKey
    ra_digest: bytes
    la1: LaKey | None
    la2: LaKey | None
    duration: int
    certificate: CertificateTemplate
    identity: bytes  # digest of all that is the same in the certificates
    request: RequestTemplate | None

    @property
    def has_info(self) -> bool:
        """Whether the answer holds a privateKeyInfo: c, or s of an implicit certificate."""
        return self.butterfly or self.implicit


class Wish(NamedTuple):
    """One request that may be granted. Points SEC1 compressed; linkage: iCert, 2 octets, or empty; start a
    Time32; request_hash: HashedId8 of the SPDU."""

    shape: Shape
    request_hash: bytes
    plv1: bytes
    plv2: bytes
    i_cert: bytes
    start: int
    point: bytes
    recipient: bytes


class AcaReader:
    """For all threads of a process."""

    def __init__(
        self,
        issuer: BatchIssuer,
        ras: RaDirectory,
        keys: Mapping[bytes, LaKey],
        policy: AcaPolicy,
        craca_id: bytes,
        implicit: ImplicitIssuer | None = None,
    ) -> None:
        """implicit: None where this ACA issues no implicit certificates."""
        self._issuer, self._implicit, self._ras, self._keys = issuer, implicit, ras, keys
        self._policy, self._craca = policy, craca_id
        self._own = issuer.certificate
        self._shapes: dict[int, list[Shape]] = {}  # by the length of the SPDU
        self._count = 0

    def read(self, octets: bytes, now: int, proven: set[bytes]) -> Wish:
        """What a request asks; `now` a Time32. Raises RefusedCertificate.

        proven: digests of RAs that were found good at this moment; one set for a chunk, empty at first.
        """
        for shape in self._shapes.get(len(octets), ()):
            template = shape.request
            pieces = None if template is None else template.read(octets)
            if pieces is None or template is None:
                continue
            time, nonce1, text1, nonce2, text2, encryption, linkage, start, key, signature = pieces
            if shape.ra_digest not in proven:
                self._check_ra(shape.ra, now)
                proven.add(shape.ra_digest)
            digest = sha256(sha256(octets[template.tbs]).digest() + shape.ra_digest).digest()
            try:
                verify_raw(shape.ra_key, signature, digest)
            except InvalidSignature as error:
                raise RefusedCertificate(AcaReason.BAD_SIGNATURE, str(error)) from error
            first = int.from_bytes(start, "big")
            self._check_times(
                shape.kind, shape.issuer, shape.duration, int.from_bytes(time, "big"), first, now
            )
            point = _sec1(key)
            recipient = point if shape.form == "cubk" or encryption == key else _sec1(encryption)
            plv1 = plv2 = b""
            if shape.la1 is not None and shape.la2 is not None:
                try:
                    plv1, plv2 = shape.la1.key.open(nonce1, text1), shape.la2.key.open(nonce2, text2)
                except DecryptionFailed as error:
                    raise RefusedCertificate(AcaReason.BAD_LINKAGE) from error
            return Wish(shape, sha256(octets).digest()[-8:], plv1, plv2, linkage[:2], first, point, recipient)
        return self._read_whole(octets, now)

    # --- by the codec ------------------------------------------------------------------------------

    def _read_whole(self, octets: bytes, now: int) -> Wish:
        try:
            request = CertificateRequest.parse(octets)
        except DecodeError as error:
            raise RefusedCertificate(AcaReason.UNREADABLE, str(error)) from error
        except UnexpectedContent as error:
            raise RefusedCertificate(AcaReason.WRONG_CONTENT, str(error)) from error
        asked = request.pdu
        if not isinstance(asked, scms.RaAcaCertRequest):
            raise RefusedCertificate(AcaReason.WRONG_CONTENT)
        ra = self._signer(request, now)
        try:
            request.verify(ra.verification_key, ra)
        except CryptoError as error:
            raise RefusedCertificate(AcaReason.BAD_SIGNATURE, str(error)) from error
        period = asked.tbs_cert.validity_period
        shape, point, recipient = self._judge(asked, ra, request.record, now)
        plv1 = plv2 = b""
        if asked.linkage_info is not None:
            plv1 = _open(shape.la1, asked.linkage_info.enc_plv1)
            plv2 = _open(shape.la2, asked.linkage_info.enc_plv2)
        identity = asked.tbs_cert.id.value
        i_cert = identity.i_cert.to_bytes(2, "big") if isinstance(identity, dot2.LinkageData) else b""
        self._remember(len(octets), shape)
        return Wish(shape, sha256(octets).digest()[-8:], plv1, plv2, i_cert, period.start, point, recipient)

    def _remember(self, size: int, shape: Shape) -> None:
        if shape.request is None or not shape.certificate.has_holes:
            return
        if self._count >= _REMEMBERED:
            self._shapes, self._count = {}, 0
        self._shapes.setdefault(size, []).append(shape)
        self._count += 1

    def _signer(self, request: CertificateRequest, now: int) -> Certificate:
        value = request.signer.value
        if isinstance(value, bytes):
            ra = self._ras.ra(value)
        elif isinstance(value, tuple) and len(value) == 1:
            try:
                given = Certificate.of(value[0])
                ra = self._ras.ra(given.hashed_id8)
            except CryptoError as error:
                raise RefusedCertificate(AcaReason.UNKNOWN_RA, str(error)) from error
            if ra is not None and ra != given:
                ra = None
        else:
            ra = None
        if ra is None:
            raise RefusedCertificate(AcaReason.UNKNOWN_RA)
        self._check_ra(ra, now)
        role = role_of(ra)
        if role is None or role.kind != "ra":
            raise RefusedCertificate(AcaReason.UNKNOWN_RA, "its certificate is not an RA's")
        return ra

    def _check_ra(self, ra: Certificate, now: int) -> None:
        if not ra.start <= now < ra.end or self._ras.ra(ra.hashed_id8) is None:
            raise RefusedCertificate(AcaReason.UNKNOWN_RA, "expired, not yet valid, or revoked")

    def _judge(
        self, asked: scms.RaAcaCertRequest, ra: Certificate, record: scms.SignedCertificateRequest, now: int
    ) -> tuple[Shape, bytes, bytes]:
        """The shape of a request, the key to be certified and whom the answer is for."""
        tbs, flags = asked.tbs_cert, asked.flags
        butterfly, cubk = bool(flags & BUTTERFLY), bool(flags & CUBK)
        key, implicit = tbs.verify_key_indicator.value, asked.type == "implicit"
        issuer: BatchIssuer | None = self._implicit if implicit else self._issuer
        if issuer is None:
            raise RefusedCertificate(AcaReason.NOT_OFFERED, "implicit certificates")
        if isinstance(key, dot2.PublicVerificationKey) == implicit or flags & ~(BUTTERFLY | CUBK):
            _form(f"verifyKeyIndicator and flags of an {asked.type} certificate")
        if tbs.craca_id != bytes(3) or tbs.crl_series != 0:
            _form("cracaId and crlSeries are the ACA's to set")
        form = self._form(asked, butterfly=butterfly, cubk=cubk)
        kind = "PSEUDONYM" if asked.linkage_info else "IDENTIFICATION" if butterfly else "APPLICATION"
        la1, la2 = self._linkage(asked)
        point, recipient = _keys(key, asked.cert_enc_key)
        if butterfly and (point.curve is not Curve.NIST_P256 or tbs.encryption_key is not None):
            _form("a butterfly key is on nistP256, and alone")
        if recipient is not None and recipient.curve is not Curve.NIST_P256:
            _form("certEncKey is on nistP256")
        if kind == "APPLICATION" and self._policy.butterfly_only:
            raise RefusedCertificate(AcaReason.NOT_OFFERED, "certificates without butterfly keys")
        duration = seconds_of(tbs.validity_period.duration)
        self._check_times(kind, issuer, duration, asked.generation_time, tbs.validity_period.start, now)
        certificate, identity = self._certificate(tbs, kind, point, ra, issuer)
        holds = b"".join((kind.encode(), form.encode(), b"\1" if butterfly else b"\0", identity))
        if isinstance(issuer, ImplicitIssuer):
            # k is derived of this: the same k in certificates under two of the issuer's would tell its key
            holds += issuer.identity
        shape = Shape(
            kind=kind,
            form=form,
            butterfly=butterfly,
            implicit=implicit,
            issuer=issuer,
            ra=ra,
            ra_key=ra.verification_key,
            ra_digest=ra.digest,
            la1=la1,
            la2=la2,
            duration=duration,
            certificate=certificate,
            identity=sha256(holds).digest(),
            request=RequestTemplate.of(record),
        )
        to = point if form == "cubk" else recipient
        return shape, point.point, b"" if to is None else to.point

    def _form(self, asked: scms.RaAcaCertRequest, *, butterfly: bool, cubk: bool) -> Form:
        """How the answer goes back. In plain only what the RA may read."""
        if cubk:
            if asked.cert_enc_key is not None or not butterfly:
                _form("cubk takes no certEncKey, and a butterfly key")
            if not (self._own.record.to_be_signed.flags or 0) & USES_CUBK:
                raise RefusedCertificate(AcaReason.NOT_OFFERED, "this ACA's certificate has not usesCubk")
            return "cubk"
        if asked.cert_enc_key is not None:
            return "private"
        if butterfly or asked.linkage_info is not None:
            _form("the answer to a butterfly request would be read by the RA")
        return "plain"

    def _linkage(self, asked: scms.RaAcaCertRequest) -> tuple[LaKey | None, LaKey | None]:
        info, identity = asked.linkage_info, asked.tbs_cert.id
        if info is None:
            if identity.kind not in ("none", "name"):
                _form(f"id {identity.kind} without linkageInfo")
            return None, None
        if not isinstance(identity.value, dot2.LinkageData) or identity.value.group_linkage_value is not None:
            _form("id of a pseudonym is linkageData, without a group")
        one, other = (self._la_key(plv) for plv in info)
        if one.la_id == other.la_id:
            raise RefusedCertificate(AcaReason.BAD_LINKAGE, "both values are of one linkage authority")
        return one, other

    def _la_key(self, plv: scms.EncryptedIndividualPLV) -> LaKey:
        data: Any = plv.enc_plv.content.value
        if not isinstance(data, dot2.EncryptedData) or [r.kind for r in data.recipients] != ["pskRecipInfo"]:
            raise RefusedCertificate(AcaReason.BAD_LINKAGE, "not under one key that is shared")
        known = self._keys.get(data.recipients[0].value)  # type: ignore[arg-type]  # octets, as the kind says
        if known is None or known.la_id != plv.la_id:
            raise RefusedCertificate(AcaReason.BAD_LINKAGE, "under a key that is not shared with this LA")
        return known

    def _certificate(
        self,
        tbs: dot2.ToBeSignedCertificate,
        kind: str,
        key: PublicKey,
        ra: Certificate,
        by: BatchIssuer,
    ) -> tuple[CertificateTemplate, bytes]:
        """What is to be certified, and a digest of what its shape has in common."""
        permissions = tbs.app_permissions or ()
        try:
            Grants(ra.record.to_be_signed.cert_request_permissions).check_requested(permissions)
        except PermissionDenied as error:
            raise RefusedCertificate(AcaReason.DENIED_PERMISSIONS, str(error)) from error
        for issuer in (ra, by.certificate):
            outer = issuer.record.to_be_signed.region
            if tbs.region is not None and not region_contains(outer, tbs.region):
                raise RefusedCertificate(AcaReason.DENIED_PERMISSIONS, f"region not inside {issuer.hex8}'s")
        policy = self._policy
        made = tbs._replace(
            craca_id=self._craca,
            crl_series=policy.crl_series if kind == "PSEUDONYM" else policy.other_crl_series,
            verify_key_indicator=key.to_indicator(implicit=isinstance(by, ImplicitIssuer)),
        )
        try:
            certificate = by.template(made, kind)
        except LintFailed as error:
            raise RefusedCertificate(AcaReason.DENIED_PERMISSIONS, str(error)) from error
        identity = made.id
        if isinstance(identity.value, dot2.LinkageData):
            identity = identity._replace(value=dot2.LinkageData(0, bytes(9)))
        common = made._replace(id=identity, validity_period=made.validity_period._replace(start=0))
        if certificate.has_holes:
            common = common._replace(verify_key_indicator=_NO_KEY)
        return certificate, wire.encode(common)

    def _check_times(
        self, kind: str, issuer: BatchIssuer, duration: int, generated: int, start: int, now: int
    ) -> None:
        policy, end = self._policy, start + duration
        if abs(generated - now) > policy.generation_time_window:
            raise RefusedCertificate(AcaReason.OUT_OF_TIME)
        most = policy.pseudonym_validity_max if kind == "PSEUDONYM" else policy.other_validity_max
        if not issuer.certificate.start <= start < end <= issuer.certificate.end:
            raise RefusedCertificate(AcaReason.NO_VALIDITY, "not inside the ACA's")
        if end <= now or end > now + policy.preload_max or duration > most:
            raise RefusedCertificate(AcaReason.NO_VALIDITY, "over, too far ahead, or too long")


_NO_KEY = dot2.VerificationKeyIndicator(
    "verificationKey",
    dot2.PublicVerificationKey("ecdsaNistP256", dot2.EccP256CurvePoint("compressed-y-0", bytes(32))),
)


def _sec1(key: bytes) -> bytes:
    """SEC1 of a compressed point as COER has it, its form's tag first; nothing of nothing."""
    return bytes((key[0] & 0x7F,)) + key[1:] if key else b""


def _keys(
    key: dot2.PublicVerificationKey | dot2.EccP256CurvePoint, encryption: dot2.PublicEncryptionKey | None
) -> tuple[PublicKey, PublicKey | None]:
    """The key to be certified, for an implicit certificate what its reconstruction value is made of."""
    try:
        return (
            PublicKey.of_indicator(key),
            None if encryption is None else PublicKey.of_encryption_key(encryption),
        )
    except CryptoError as error:
        raise RefusedCertificate(AcaReason.BAD_KEYS, str(error)) from error


def _open(key: LaKey | None, plv: scms.EncryptedIndividualPLV) -> bytes:
    data: Any = plv.enc_plv.content.value
    text = data.ciphertext.value
    if key is None or data.ciphertext.kind != "aes128ccm" or len(text.ccm_ciphertext) != PLV_TEXT:
        raise RefusedCertificate(AcaReason.BAD_LINKAGE, "no pre-linkage value of 9 octets")
    try:
        return key.key.open(text.nonce, text.ccm_ciphertext)
    except DecryptionFailed as error:
        raise RefusedCertificate(AcaReason.BAD_LINKAGE) from error


def _form(detail: str) -> NoReturn:
    raise RefusedCertificate(AcaReason.WRONG_FORM, detail)
