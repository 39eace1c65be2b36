"""Implicit certificates (ECQV as IEEE 1609.2 5.3.2 has it): no signature, the key comes with the issuer's.

    point = reconstruction_points([requested], [k])[0]      CA: P_U, goes into the certificate
    e     = implicit_hash(tbs_octets, issuer_digest)        everybody: over the certificate that holds P_U
    s     = implicit_contribution(e, k, issuer_key)         CA: goes to the subject, privately
    d     = implicit_private_key(e, k_u, s)                 subject
    Q     = implicit_public_key(e, point, issuer_point)     everybody

    P_U = R_U + k*G, e = H(H(COER tbs) || H(COER issuer certificate)), s = e*k + d_CA, d = e*k_U + s,
    Q = e*P_U + Q_CA; R_U = k_U*G is what the subject asked with, for a butterfly the cocoon B.

e is the whole hash, 256 bits, taken mod n where it multiplies; it is not shifted as SEC 4 has it. P-256 and
SHA-256 alone. The issuer's private key is needed as a number: no token does this; who may is not said here.
One k makes one certificate: with two of the same k, or with k known, s tells d_CA.
"""

from collections.abc import Sequence

from v2xpki.crypto.certificate import Certificate
from v2xpki.crypto.curves import Curve
from v2xpki.crypto.group import p256, reduced
from v2xpki.crypto.hashing import signing_digest_of
from v2xpki.crypto.keys import PublicKey, sec1_of_point
from v2xpki.errors import CryptoError, ImplicitKey, InvalidSignature, UnsupportedAlgorithm
from v2xpki.wire import dot2

HASH_OCTETS = 32


def reconstruction_points(requested: Sequence[bytes], scalars: Sequence[bytes]) -> list[bytes]:
    """P_U for each R_U (SEC1 compressed) and k of the CA (see group.random_scalars): compressed points.

    Raises InvalidPoint, CryptoError (scalars, lengths of the columns).
    """
    return p256().shifted_each(requested, scalars)


def implicit_hash(tbs_octets: bytes, issuer_digest: bytes) -> bytes:
    """e: 32 octets. tbs_octets: canonical COER with P_U in it. issuer_digest: SHA-256 of the issuer's
    certificate (Certificate.digest). Raises CryptoError for a digest of another length."""
    _check(issuer_digest, "the issuer's digest")
    return signing_digest_of("sha256", tbs_octets, issuer_digest)


def implicit_contribution(e: bytes, scalar: bytes, issuer_key: bytes) -> bytes:
    """s = e*k + d_CA mod n: 32 octets, the privateKeyInfo of the response. Raises CryptoError."""
    return p256().scalar_product(_factor(e), scalar, issuer_key)


def implicit_private_key(e: bytes, own: bytes, private_key_info: bytes) -> bytes:
    """d = e*k_U + s mod n: 32 octets; own: k_U, for a butterfly the cocoon's b.

    The caller compares its public point with implicit_public_key before using it. Raises CryptoError.
    """
    return p256().scalar_product(_factor(e), own, reduced(private_key_info))


def implicit_public_key(e: bytes, point: bytes, issuer_point: bytes) -> bytes:
    """Q = e*P_U + Q_CA: SEC1 compressed. Raises InvalidPoint, infinity (e = 0 mod n) among it."""
    group = p256()
    return group.sum(group.multiple(point, _factor(e)), issuer_point)


def implicit_certificate_key(certificate: Certificate, issuer: Certificate) -> PublicKey:
    """The verification key of an implicit certificate. Using it is the only proof that the issuer made it.

    Raises ImplicitKey (the certificate is explicit, or the issuer is itself implicit), InvalidSignature
    (another issuer is named), UnsupportedAlgorithm (not P-256 with SHA-256), InvalidPoint.
    """
    indicator = certificate.record.to_be_signed.verify_key_indicator.value
    if not certificate.is_implicit or isinstance(indicator, dot2.PublicVerificationKey):
        raise ImplicitKey(f"certificate {certificate.hex8} is explicit: its key stands in it")
    if certificate.issuer_id8 != issuer.hashed_id8:
        raise InvalidSignature(f"certificate {certificate.hex8} names another issuer than {issuer.hex8}")
    key = issuer.verification_key
    if key.curve is not Curve.NIST_P256 or certificate.signature_hash != "sha256":
        raise UnsupportedAlgorithm(f"implicit certificates of an issuer on {key.curve.text}")
    e = implicit_hash(certificate.tbs_octets, issuer.digest)
    return PublicKey.from_sec1(Curve.NIST_P256, implicit_public_key(e, sec1_of_point(indicator), key.point))


def _factor(e: bytes) -> bytes:
    _check(e, "e")
    return reduced(e)


def _check(octets: bytes, what: str) -> None:
    if len(octets) != HASH_OCTETS:
        raise CryptoError(f"{what} of {len(octets)} octets: {HASH_OCTETS} belong there")
