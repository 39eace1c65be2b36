"""The certificate as a noun: record, octets, hash, names, keys, times and permissions of one."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

from v2xpki import wire
from v2xpki.crypto.canonical import canonical_certificate
from v2xpki.crypto.curves import Curve
from v2xpki.crypto.ecdsa import verify
from v2xpki.crypto.hashing import hash_octets, signing_digest_of
from v2xpki.crypto.keys import PublicKey
from v2xpki.errors import CryptoError, ImplicitKey, InvalidSignature, UnsupportedAlgorithm
from v2xpki.wire import dot2

# seconds of a unit of Duration (IEEE 1609.2 6.4.15); parts of a second do not count
_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "sixtyHours": 216000, "years": 31556952}
_FRACTIONS = {"microseconds": 1_000_000, "milliseconds": 1000}
_CURVES = {curve.verification_kind: curve for curve in Curve}
_HASH_OF_ISSUER = {"sha256AndDigest": "sha256", "sha384AndDigest": "sha384"}
# octets of the encoded issuer: tag, content; an extension alternative carries a length too
_ISSUER_OCTETS = {"sha256AndDigest": 9, "self": 2, "sha384AndDigest": 10, "sm3AndDigest": 10}
# octets of an encoded canonical signature: as a root alternative, as an extension
_SIGNATURE_OCTETS = {
    "ecdsaNistP256Signature": 66,
    "ecdsaBrainpoolP256r1Signature": 66,
    "ecdsaNistP384Signature": 99,
    "ecdsaBrainpoolP384r1Signature": 99,
    "sm2Signature": 66,
}


def seconds_of(duration: dot2.Duration) -> int:
    """Whole seconds of a Duration, rounded down."""
    unit = _SECONDS.get(duration.kind)
    return duration.value * unit if unit else duration.value // _FRACTIONS[duration.kind]


class Certificate:
    """An explicit or implicit certificate, immutable; equal when the canonical octets are.

    Forms that are not canonical (uncompressed points, r as a point) are accepted; `record`, `octets`,
    the hash and all ids are of the canonical form. Nothing is trusted by being parsed: verify_signature
    checks one signature, trust/ checks chains.
    """

    __slots__ = (
        "_digest",
        "_encryption_key",
        "_end",
        "_id8",
        "_octets",
        "_permissions",
        "_tbs_octets",
        "_verification_key",
        "record",
    )

    record: dot2.Certificate
    _octets: bytes | None
    _digest: bytes | None
    _end: int | None
    _id8: bytes | None
    _tbs_octets: bytes | None
    _verification_key: PublicKey | None
    _encryption_key: PublicKey | None
    _permissions: Mapping[int, dot2.ServiceSpecificPermissions | None] | None

    def __init__(self, record: dot2.Certificate, octets: bytes | None) -> None:
        self.record = canonical_certificate(record)
        self._octets = octets if self.record is record else None
        self._digest = self._id8 = self._tbs_octets = self._end = None
        self._verification_key = self._encryption_key = self._permissions = None

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """The certificate of COER octets. Raises DecodeError, InvalidPoint, InvalidSignature (r `fill`)."""
        return cls(wire.decode(dot2.Certificate, octets), octets)

    @classmethod
    def of(cls, record: dot2.Certificate) -> Self:
        """The certificate of a record. Errors as parse."""
        return cls(record, None)

    @property
    def octets(self) -> bytes:
        """Canonical COER."""
        if self._octets is None:
            self._octets = wire.encode(self.record)
        return self._octets

    @property
    def tbs_octets(self) -> bytes:
        """Canonical COER of the ToBeSignedCertificate."""
        if self._tbs_octets is None:
            # A slice: what is around it has lengths known from the alternatives chosen. Re-encoding would
            # cost tens of microseconds; a test proves both equal.
            octets, signature = self.octets, self.record.signature
            end = len(octets) - (_SIGNATURE_OCTETS[signature.kind] if signature else 0)
            self._tbs_octets = octets[3 + _ISSUER_OCTETS[self.record.issuer.kind] : end]
        return self._tbs_octets

    @property
    def is_implicit(self) -> bool:
        """Whether the key has yet to be reconstructed with the issuer's (ECQV)."""
        return self.record.type == "implicit"

    @property
    def curve(self) -> Curve:
        """Curve of the verification key. Raises ImplicitKey, UnsupportedAlgorithm."""
        key = self.record.to_be_signed.verify_key_indicator.value
        if not isinstance(key, dot2.PublicVerificationKey):
            raise ImplicitKey(f"certificate {self.hex8} is implicit: its curve is its issuer's")
        try:
            return _CURVES[key.kind]
        except KeyError:
            raise UnsupportedAlgorithm(f"verification keys of kind {key.kind}") from None

    @property
    def hash_name(self) -> str:
        """Hash of the whole certificate: "sha384" when its own key is on a 384-bit curve, else "sha256"."""
        key = self.record.to_be_signed.verify_key_indicator.value
        return "sha384" if isinstance(key.value, dot2.EccP384CurvePoint) else "sha256"

    @property
    def digest(self) -> bytes:
        """Hash of the canonical octets by `hash_name`."""
        if self._digest is None:
            self._digest = hash_octets(self.hash_name, self.octets)
        return self._digest

    @property
    def hashed_id8(self) -> bytes:
        """The last 8 octets of the digest."""
        if self._id8 is None:
            self._id8 = self.digest[-8:]
        return self._id8

    @property
    def hashed_id3(self) -> bytes:
        """The last 3 octets of the digest."""
        return self.digest[-3:]

    @property
    def hashed_id10(self) -> bytes:
        """The last 10 octets of the digest."""
        return self.digest[-10:]

    @property
    def hex8(self) -> str:
        """HashedId8 in upper-case hex, as URLs carry it."""
        return self.hashed_id8.hex().upper()

    @property
    def verification_key(self) -> PublicKey:
        """The proven verification key. Raises InvalidPoint, ImplicitKey, UnsupportedAlgorithm."""
        if self._verification_key is None:
            key = self.record.to_be_signed.verify_key_indicator.value
            if not isinstance(key, dot2.PublicVerificationKey):
                raise ImplicitKey(f"certificate {self.hex8} is implicit: its key has to be reconstructed")
            self._verification_key = PublicKey.of_verification_key(key)
        return self._verification_key

    @property
    def encryption_key(self) -> PublicKey | None:
        """The proven encryption key, if there is one. Raises InvalidPoint, UnsupportedAlgorithm."""
        if self._encryption_key is None:
            key = self.record.to_be_signed.encryption_key
            if key is not None:
                self._encryption_key = PublicKey.of_encryption_key(key)
        return self._encryption_key

    @property
    def issuer_id8(self) -> bytes | None:
        """HashedId8 of the issuer's certificate; None where the certificate is its own issuer."""
        value = self.record.issuer.value
        return value if isinstance(value, bytes) else None

    @property
    def is_self_signed(self) -> bool:
        return self.record.issuer.kind == "self"

    @property
    def signature_hash(self) -> str:
        """Hash of the signature, as the issuer field names it. Raises UnsupportedAlgorithm."""
        issuer = self.record.issuer
        if issuer.kind == "self":
            return str(issuer.value)
        try:
            return _HASH_OF_ISSUER[issuer.kind]
        except KeyError:
            raise UnsupportedAlgorithm(f"issuer of kind {issuer.kind}") from None

    @property
    def start(self) -> int:
        """First second of validity, Time32."""
        return self.record.to_be_signed.validity_period.start

    @property
    def end(self) -> int:
        """End of validity, Time32, exclusive."""
        if self._end is None:
            period = self.record.to_be_signed.validity_period
            self._end = period.start + seconds_of(period.duration)
        return self._end

    @property
    def name(self) -> str | None:
        """The name, where the id is one."""
        identity = self.record.to_be_signed.id
        return identity.value if identity.kind == "name" and isinstance(identity.value, str) else None

    @property
    def app_permissions(self) -> Mapping[int, dot2.ServiceSpecificPermissions | None]:
        """PSID -> SSP (None: none given). Of a PSID named twice, which no profile allows, the first."""
        if self._permissions is None:
            entries = self.record.to_be_signed.app_permissions or ()
            self._permissions = MappingProxyType({entry.psid: entry.ssp for entry in reversed(entries)})
        return self._permissions

    def verify_signature(self, issuer: "Certificate | None") -> None:
        """Raise InvalidSignature unless the issuer (None: the certificate itself) signed this one.

        That the issuer was entitled to is for trust/ to say. Raises ImplicitKey for implicit
        certificates: they carry no signature, using the reconstructed key is the check.
        """
        record = self.record
        signature = record.signature
        if signature is None:
            raise ImplicitKey(f"certificate {self.hex8} is implicit: it carries no signature")
        if issuer is None:
            if record.issuer.kind != "self":
                raise InvalidSignature("not self-signed: its issuer's certificate is needed")
            key, signer_hash = self.verification_key, None
        else:
            if record.issuer.value != issuer.hashed_id8:
                raise InvalidSignature(f"issued by {self._issuer_text()}, not by {issuer.hex8}")
            key, signer_hash = issuer.verification_key, issuer.digest
        name = self.signature_hash
        if name != key.curve.hash:
            raise InvalidSignature(f"issuer named by {name}, whose key is on {key.curve.text}")
        verify(key, signature, signing_digest_of(name, self.tbs_octets, signer_hash))

    def _issuer_text(self) -> str:
        value = self.issuer_id8
        return value.hex().upper() if value else "itself"

    def __eq__(self, other: object) -> bool:
        return self.octets == other.octets if isinstance(other, Certificate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.octets)

    def __repr__(self) -> str:
        try:
            return f"Certificate({self.name or ''} {self.hex8})"
        except CryptoError:  # pragma: no cover - a hash this package has not
            return "Certificate(?)"
