"""Certificates: prepare -> lint -> record -> sign -> verify -> store.

issuer = Issuer.open(keystore, label, certificate, database, clock)
prepared = issuer.prepare(tbs, "EC")
with database.write(durable=True) as tx:
    tx_save(tx, prepared.record)
certificate = issuer.issue(prepared.token)
with database.write(durable=False) as tx:
    tx_complete(tx, prepared.record, certificate)
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self, TypeGuard, cast

from v2xpki import wire
from v2xpki.crypto import Certificate, seconds_of, signature_record, signing_digest_of, verify
from v2xpki.errors import InvalidSignature, IssuanceError, LintFailed
from v2xpki.issuance.records import Prepared, Record, Token, new_slip
from v2xpki.keystore import IssuingKey, KeyLabel, Keystore
from v2xpki.store import Database, random_key
from v2xpki.time import HOUR, Clock
from v2xpki.trust.lint import Finding, lint_tbs
from v2xpki.trust.profiles import KINDS, Kind
from v2xpki.trust.scms_lint import lint_scms_tbs
from v2xpki.trust.scms_profiles import COMPONENTS, END_ENTITIES
from v2xpki.wire import dot2

# (what is to be signed, its kind, the issuer's certificate or None) -> what is wrong with it; an error
# forbids to sign, a warning does not
Linter = Callable[[dot2.ToBeSignedCertificate, Kind, Certificate | None], Sequence[Finding]]


class _Material(NamedTuple):
    tbs: dot2.ToBeSignedCertificate
    octets: bytes
    digest: bytes


class Issuer:
    """A CA's key with its certificate, for certificates. For all threads of a process.

    `certificate` None: the certificate to be made is self-signed, by this very key.
    """

    def __init__(
        self,
        key: IssuingKey,
        certificate: Certificate | None,
        database: Database,
        clock: Clock,
        linter: Linter | None = None,
    ) -> None:
        curve = key.public_key.curve
        if certificate is not None and certificate.verification_key != key.public_key:
            raise IssuanceError(f"certificate {certificate.hex8} is not of the key {key.label}")
        self.certificate = certificate
        self.database = database
        self._key, self._clock, self._curve = key, clock, curve
        self._linter: Linter = linter or _lint
        if certificate is None:
            self._issuer = dot2.IssuerIdentifier(kind="self", value=cast(Any, curve.hash))
            self._signer_hash = None
        else:
            kind: Any = "sha256AndDigest" if curve.hash == "sha256" else "sha384AndDigest"
            self._issuer = dot2.IssuerIdentifier(kind=kind, value=certificate.hashed_id8)
            self._signer_hash = certificate.digest
        self._id8 = None if certificate is None else certificate.hashed_id8
        # version 3, explicit, with signature (IEEE 1609.2 6.4.2): what stands before the recorded octets
        self._before = b"\x80\x03\x00" + wire.encode(self._issuer)

    @classmethod
    def open(
        cls,
        keystore: Keystore,
        label: KeyLabel,
        certificate: Certificate | None,
        database: Database,
        clock: Clock,
        *,
        linter: Linter | None = None,
    ) -> Self:
        """With the key of a label: the one way to a CA's signing key. Raises what issuing_key raises, and
        IssuanceError for a certificate of another key."""
        return cls(keystore.issuing_key(label), certificate, database, clock, linter)

    def prepare(self, tbs: dot2.ToBeSignedCertificate, kind: str) -> Prepared:
        """Encode and lint; nothing is written or signed.

        kind: RCA, TLM, EA, AA, EC or AT, or one of an SCMS (trust.scms_profiles). Raises LintFailed,
        EncodeError, IssuanceError (an unknown kind; a point that is not compressed; an issuer that is out of
        date; self-signed with another key).
        """
        if not is_kind(kind):
            raise IssuanceError(f"{kind}: no kind of certificate")
        if self.certificate is not None and not self._clock.time32() < self.certificate.end:
            raise IssuanceError(f"the issuer's certificate {self.certificate.hex8} has expired")
        self._require_canonical(tbs)
        octets = wire.encode(tbs)
        findings = self._linter(tbs, kind, self.certificate)
        if any(finding.rule.severity == "error" for finding in findings):
            raise LintFailed("; ".join(str(finding) for finding in findings))
        period = tbs.validity_period
        end = period.start + seconds_of(period.duration)
        slip = new_slip()
        record = Record(
            id=random_key(),
            kind=kind,
            issuer=self._id8,
            to_be_signed=octets,
            expires=end + -end % HOUR,
            slip=slip,
        )
        digest = signing_digest_of(self._curve.hash, octets, self._signer_hash)
        return Prepared(record, Token(slip, self, _Material(tbs, octets, digest)))

    def issue(self, token: Token) -> Certificate:
        """Sign what was recorded. The token is spent, whatever comes of it.

        Raises RecordFailed (the record is not committed), TokenSpent, what the key's sign raises (TokenLost:
        it may have signed), IssuanceError (what came out is not what was recorded, or does not verify).
        """
        material = token.material
        if token.owner is not self or not isinstance(material, _Material):
            raise IssuanceError("a token of another issuer")
        token.burn()
        signature = signature_record(self._curve, self._key.sign(material.digest))
        certificate = Certificate.of(
            dot2.CertificateBase(
                version=3,
                type="explicit",
                issuer=self._issuer,
                to_be_signed=material.tbs,
                signature=signature,
            )
        )
        # Encoded anew as a whole: what leaves holds the recorded octets, in their place.
        if not certificate.octets.startswith(self._before + material.octets):
            raise IssuanceError("the certificate is not what was recorded")
        try:
            verify(self._key.public_key, signature, material.digest)
        except InvalidSignature as error:
            raise IssuanceError("the signature made does not verify") from error
        token.signed(certificate.octets)
        return certificate

    def _require_canonical(self, tbs: dot2.ToBeSignedCertificate) -> None:
        key = tbs.verify_key_indicator.value
        if not isinstance(key, dot2.PublicVerificationKey):
            raise IssuanceError("implicit certificates are not issued here")
        points = [cast(Any, key.value)]
        if tbs.encryption_key is not None:
            points.append(tbs.encryption_key.public_key.value)
        # A hash over another form would give the certificate another name (IEEE 1609.2 6.4.3).
        if not all(point.kind.startswith("compressed-y-") for point in points):
            raise IssuanceError("a point is not compressed")
        if self.certificate is None and tbs.verify_key_indicator.value != (
            self._key.public_key.to_verification_key()
        ):
            raise IssuanceError("a self-signed certificate is of the key that signs it")


def is_kind(name: str) -> TypeGuard[Kind]:
    """Whether certificates of this kind are issued here; those of an SCMS are."""
    return name in KINDS or name in _SCMS_KINDS


_SCMS_KINDS: frozenset[str] = frozenset((*COMPONENTS, *END_ENTITIES))


def _lint(tbs: dot2.ToBeSignedCertificate, kind: Kind, issuer: Certificate | None) -> Sequence[Finding]:
    """By the rules of the kind's own world."""
    return lint_scms_tbs(tbs, kind, issuer) if kind in _SCMS_KINDS else lint_tbs(tbs, kind, issuer)
