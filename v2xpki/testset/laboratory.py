"""Keys and certificates of a laboratory, right and wrong ones, the same for the same seed and time.

Signatures are made with a nonce derived from key and digest, in Python: repeatable, but neither constant in
time nor meant for a key that is worth anything.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, PublicKey, signature_record, signing_digest
from v2xpki.keystore.memory import MemoryKey
from v2xpki.time import HOUR
from v2xpki.trust import validity
from v2xpki.trust.profiles import bitmap_ssp, profile
from v2xpki.wire import dot2

PointForm = Literal["compressed", "uncompressed"]
RForm = Literal["x-only", "compressed", "uncompressed"]
DAY = 24 * HOUR
_UNCOMPRESSED = {32: "uncompressedP256", 48: "uncompressedP384"}


class LabKey:
    """A private key whose signatures are the same each time. A Signer."""

    def __init__(self, key: MemoryKey) -> None:
        self.memory, self.curve, self.public_key = key, key.curve, key.public_key

    @classmethod
    def of_seed(cls, seed: bytes, label: str, curve: Curve) -> "LabKey":
        """The key that a seed gives for a label."""
        octets = hmac.digest(seed, f"{label} {curve.text}".encode(), "sha512")
        return cls(MemoryKey(curve, int.from_bytes(octets, "big") % (curve.order - 1) + 1))

    def sign(self, digest: bytes) -> bytes:
        """r || s."""
        point, s = self.sign_whole(digest)
        return point[1 : 1 + self.curve.size] + s

    def sign_whole(self, digest: bytes) -> tuple[bytes, bytes]:
        """R as SEC1 uncompressed octets, and s."""
        curve, private = self.curve, self.memory.private
        secret = private.to_bytes(curve.size, "big")
        for attempt in range(256):
            octets = hmac.digest(secret, bytes((attempt,)) + digest, "sha512")
            nonce = int.from_bytes(octets, "big") % (curve.order - 1) + 1
            point = MemoryKey(curve, nonce).public_key.uncompressed
            r = int.from_bytes(point[1 : 1 + curve.size], "big")
            s = pow(nonce, -1, curve.order) * (int.from_bytes(digest, "big") + r * private) % curve.order
            if 0 < r < curve.order and s:
                return point, s.to_bytes(curve.size, "big")
        raise AssertionError("no nonce")  # pragma: no cover - 2**-32 a try at worst


@dataclass(frozen=True)
class Identity:
    """A certificate in the octets that it is handed out in, with its private keys."""

    name: str  # path without suffix, within the set
    certificate: Certificate
    octets: bytes
    key: LabKey
    encryption: LabKey | None = None


@dataclass(frozen=True)
class Laboratory:
    """Makes identities. now: TAI seconds, what is made is valid around it."""

    seed: bytes
    now: int

    def key(self, label: str, curve: Curve) -> LabKey:
        return LabKey.of_seed(self.seed, label, curve)

    def issue(
        self,
        kind: str,
        label: str,
        issuer: Identity | None,
        curve: Curve,
        *,
        start: int | None = None,
        seconds: int | None = None,
        encryption: bool | None = None,
        change: dict[str, Any] | None = None,
        point: PointForm = "compressed",
        r: RForm = "x-only",
        hash_tbs_only: bool = False,
        signer: LabKey | None = None,
        **options: Any,
    ) -> Identity:
        """A certificate of a profile's kind. label: its path within the set, and what its keys are made of.

        start: TAI seconds, else a day ago for stations and a month ago for CAs. change: fields of the tbs
        replaced before it is signed. point, r: forms that are written; what is signed is canonical.
        hash_tbs_only: the classic mistake. signer: another key than the issuer's. options: of build_tbs.
        """
        shape, key = profile(kind), self.key(label, curve)
        if encryption is None:
            encryption = shape.encryption_key == "required"
        other = None
        if encryption:
            other = self.key(f"{label}-encryption", curve if curve.encryption_kind else Curve.NIST_P256)
        tbs = shape.build_tbs(
            verification_key=key.public_key,
            now=self.now,
            issuer=None if issuer is None else issuer.certificate,
            encryption_key=None if other is None else other.public_key,
            validity_period=self._period(kind, issuer, start, seconds),
            **options,
        )._replace(**(change or {}))
        by = signer or (key if issuer is None else issuer.key)
        record = sign_certificate(tbs, by, issuer, r=r, hash_tbs_only=hash_tbs_only)
        certificate = Certificate.of(record)
        if point == "uncompressed":
            record = record._replace(to_be_signed=uncompressed(record.to_be_signed))
        return Identity(label, certificate, wire.encode(record), key, other)

    def _period(
        self, kind: str, issuer: Identity | None, start: int | None, seconds: int | None
    ) -> dot2.ValidityPeriod:
        station = kind in ("EC", "AT")
        begin = validity.floor_hour(self.now - (DAY if station else 30 * DAY)) if start is None else start
        length = seconds or min(validity.duration_seconds(profile(kind).validity), 3 * validity.YEAR)
        if issuer is not None and start is None:
            length = min(length, issuer.certificate.end - begin)
        return dot2.ValidityPeriod(start=begin, duration=validity.duration(length))


def sign_certificate(
    tbs: dot2.ToBeSignedCertificate,
    key: LabKey,
    issuer: Identity | None,
    *,
    r: RForm = "x-only",
    hash_tbs_only: bool = False,
    over: bytes | None = None,
) -> dot2.Certificate:
    """The record of a signed certificate. over: the octets to sign instead of the canonical ones."""
    curve = key.curve
    octets = wire.encode(tbs) if over is None else over
    above = b"" if issuer is None else issuer.certificate.octets
    digest = (
        hashlib.new(curve.hash, octets).digest()
        if hash_tbs_only
        else signing_digest(curve.hash, octets, above)
    )
    named: Any = (
        dot2.IssuerIdentifier(kind="self", value=curve.hash)
        if issuer is None
        else dot2.IssuerIdentifier(
            kind="sha384AndDigest" if curve.hash == "sha384" else "sha256AndDigest",
            value=issuer.certificate.hashed_id8,
        )
    )
    return dot2.Certificate(
        version=3,
        type="explicit",
        issuer=named,
        to_be_signed=tbs,
        signature=signature_in_form(key, digest, r),
    )


def signature_in_form(key: LabKey, digest: bytes, r: RForm) -> dot2.Signature:
    """A signature with r in the wanted form."""
    point, s = key.sign_whole(digest)
    size = key.curve.size
    made = signature_record(key.curve, point[1 : 1 + size] + s)
    return made if r == "x-only" else with_r(made, point_in_form(point, size, r))


def with_r(signature: dot2.Signature, r: Any) -> dot2.Signature:
    """The signature with another r."""
    value: Any = signature.value
    return signature._replace(value=value._replace(r_sig=r))


def point_in_form(point: bytes, size: int, form: str) -> Any:
    """A point record of SEC1 uncompressed octets."""
    x, y = point[1 : 1 + size], point[1 + size :]
    if form == "uncompressed":
        if size == 32:
            return dot2.EccP256CurvePoint(
                kind="uncompressedP256", value=dot2.EccP256CurvePointUncompressedP256(x=x, y=y)
            )
        return dot2.EccP384CurvePoint(
            kind="uncompressedP384", value=dot2.EccP384CurvePointUncompressedP384(x=x, y=y)
        )
    kind: Any = "compressed-y-1" if y[-1] & 1 else "compressed-y-0"
    made = dot2.EccP256CurvePoint if size == 32 else dot2.EccP384CurvePoint
    return made(kind=kind, value=x)


def uncompressed(tbs: dot2.ToBeSignedCertificate) -> dot2.ToBeSignedCertificate:
    """The same with its keys' points written in full."""
    key = tbs.verify_key_indicator.value
    assert isinstance(key, dot2.PublicVerificationKey)
    public = PublicKey.of_verification_key(key)
    full = point_in_form(public.uncompressed, public.curve.size, "uncompressed")
    tbs = tbs._replace(verify_key_indicator=tbs.verify_key_indicator._replace(value=key._replace(value=full)))
    if tbs.encryption_key is not None:
        other = PublicKey.of_encryption_key(tbs.encryption_key)
        point = point_in_form(other.uncompressed, other.curve.size, "uncompressed")
        base = tbs.encryption_key.public_key._replace(value=point)
        tbs = tbs._replace(encryption_key=tbs.encryption_key._replace(public_key=base))
    return tbs


def services(held: dict[int, str | None]) -> tuple[dot2.PsidSsp, ...]:
    """{36: "010000"} -> appPermissions; None: no SSP."""
    return tuple(
        dot2.PsidSsp(psid=psid, ssp=None if ssp is None else bitmap_ssp(bytes.fromhex(ssp)))
        for psid, ssp in held.items()
    )


def group(
    ranges: Iterable[tuple[int, str, str]], *, shortest: int = 1, reach: int = 0, ee_type: int = 0x80
) -> dot2.PsidGroupPermissions:
    """A group of certIssuePermissions: PSID, value and mask in hex."""
    entries = tuple(
        dot2.PsidSspRange(
            psid=psid,
            ssp_range=dot2.SspRange(
                kind="bitmapSspRange",
                value=dot2.BitmapSspRange(ssp_value=bytes.fromhex(value), ssp_bitmask=bytes.fromhex(mask)),
            ),
        )
        for psid, value, mask in ranges
    )
    return dot2.PsidGroupPermissions(
        subject_permissions=dot2.SubjectPermissions(kind="explicit", value=entries),
        min_chain_length=shortest, chain_length_range=reach, ee_type=ee_type,
    )  # fmt: skip
