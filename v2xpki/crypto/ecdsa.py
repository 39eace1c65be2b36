"""ECDSA over given digests, with signatures as IEEE 1609.2 writes them."""

from v2xpki.crypto.curves import Curve
from v2xpki.crypto.engine import engine
from v2xpki.crypto.keys import PublicKey, sec1_of_point
from v2xpki.errors import InvalidPoint, InvalidSignature, UnsupportedAlgorithm
from v2xpki.wire import dot2

_SM2 = "sm2Signature"


def r_octets(signature: dot2.Signature) -> bytes:
    """The x coordinate of R in whichever form it is written. Raises InvalidSignature for fill."""
    if isinstance(signature.value, dot2.EcsigP256Signature):
        raise UnsupportedAlgorithm(_SM2)
    value = signature.value.r_sig.value
    if isinstance(value, bytes):
        return value
    if value is None:
        raise InvalidSignature("r is `fill`")
    return value.x


def verify(public_key: PublicKey, signature: dot2.Signature, digest: bytes) -> None:
    """Raise InvalidSignature unless the signature over the digest is the key's.

    Refused besides a wrong value: another curve than the key's, a digest of another hash than the
    curve's, r or s outside 1..order-1, and an R written in full that is no point of the curve.
    """
    curve = public_key.curve
    if signature.kind != curve.signature_kind:
        raise InvalidSignature(f"{signature.kind} under a key on {curve.text}")
    if len(digest) != curve.size:
        raise InvalidSignature(f"a digest of {len(digest)} octets under a key on {curve.text}")
    value = signature.value
    if isinstance(value, dot2.EcsigP256Signature):
        raise UnsupportedAlgorithm(_SM2)
    if value.r_sig.kind != "x-only":
        # the y of R is a hint for fast verification; where it is written, it has to be a possible one
        try:
            PublicKey.from_sec1(curve, sec1_of_point(value.r_sig))
        except InvalidPoint as error:
            raise InvalidSignature("R is not a point of the curve") from error
    verify_raw(public_key, r_octets(signature) + value.s_sig, digest)


def verify_raw(public_key: PublicKey, raw: bytes, digest: bytes) -> None:
    """As verify, of r || s; for who has the octets by their places. The digest is of the curve's hash."""
    curve = public_key.curve
    size, zero, order = curve.size, bytes(curve.size), curve.order_octets
    # octets of one length are in the order of their numbers
    if len(raw) != 2 * size or not (zero < raw[:size] < order > raw[size:] > zero):
        raise InvalidSignature("r or s is out of range")
    if not engine(curve).verifies(public_key.uncompressed, raw, digest):
        raise InvalidSignature(f"does not verify under the key on {curve.text}")


def signature_record(curve: Curve, raw: bytes) -> dot2.Signature:
    """The record of a raw signature r || s, r as x-only: the canonical form (IEEE 1609.2 6.1.2)."""
    size = curve.size
    if len(raw) != 2 * size:
        raise InvalidSignature(f"a raw signature of {len(raw)} octets on {curve.text}")
    if size == 32:
        return dot2.Signature(
            kind=curve.signature_kind,
            value=dot2.EcdsaP256Signature(
                r_sig=dot2.EccP256CurvePoint(kind="x-only", value=raw[:32]), s_sig=raw[32:]
            ),
        )
    return dot2.Signature(
        kind=curve.signature_kind,
        value=dot2.EcdsaP384Signature(
            r_sig=dot2.EccP384CurvePoint(kind="x-only", value=raw[:48]), s_sig=raw[48:]
        ),
    )


def raw_signature(signature: dot2.Signature) -> bytes:
    """r || s of a record."""
    if isinstance(signature.value, dot2.EcsigP256Signature):
        raise UnsupportedAlgorithm(_SM2)
    return r_octets(signature) + signature.value.s_sig
