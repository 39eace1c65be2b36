import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.crypto.soft import SoftKey, point, soft_key
from v2xpki.crypto import (
    Curve,
    hash_octets,
    raw_signature,
    signature_record,
    signing_digest,
    signing_digest_of,
    verify,
)
from v2xpki.errors import InvalidSignature, UnsupportedAlgorithm
from v2xpki.wire import dot2

every_curve = pytest.mark.parametrize("curve", Curve, ids=lambda c: c.text)


def with_r(signature, written):
    return signature._replace(value=signature.value._replace(r_sig=written))


def test_the_digest_is_of_two_hashes():
    h = lambda octets: hashlib.sha256(octets).digest()  # noqa: E731
    assert signing_digest("sha256", b"tbs", b"signer") == h(h(b"tbs") + h(b"signer"))
    assert signing_digest("sha256", b"tbs") == h(h(b"tbs") + h(b""))
    assert signing_digest_of("sha256", b"tbs", h(b"signer")) == signing_digest("sha256", b"tbs", b"signer")
    assert signing_digest("sha384", b"tbs") != signing_digest("sha256", b"tbs")


def test_other_hashes_are_unsupported():
    for call in (lambda: hash_octets("sm3", b""), lambda: signing_digest_of("sm3", b"", None)):
        with pytest.raises(UnsupportedAlgorithm):
            call()


@every_curve
@settings(max_examples=15, deadline=None)
@given(tbs=st.binary(), signer=st.binary())
def test_what_was_signed_verifies(curve, tbs, signer):
    key = soft_key(curve)
    digest = signing_digest(curve.hash, tbs, signer)
    signature = signature_record(curve, key.sign(digest))
    verify(key.public_key, signature, digest)
    assert signature_record(curve, raw_signature(signature)) == signature
    if signer:
        with pytest.raises(InvalidSignature):  # who forgets the signer's hash
            verify(key.public_key, signature, hash_octets(curve.hash, tbs))


@every_curve
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_of_a_signature_fails(curve, data):
    key, digest = soft_key(curve), hash_octets(curve.hash, b"x")
    raw = bytearray(key.sign(digest))
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidSignature):
        verify(key.public_key, signature_record(curve, bytes(raw)), digest)


@every_curve
def test_every_form_of_r_is_accepted(curve):
    key, digest, size = soft_key(curve), hash_octets(curve.hash, b"x"), curve.size
    # with nonce 1, R is the base point: r = x(G), s = h + r d
    generator = SoftKey.of_scalar(curve, 1).public_key
    r = int.from_bytes(generator.point[1:], "big")
    d = key.private.private_numbers().private_value
    s = (int.from_bytes(digest, "big") + r * d) % curve.order
    raw = generator.point[1:] + s.to_bytes(size, "big")
    signature = signature_record(curve, raw)
    x, y = generator.uncompressed[1 : 1 + size], generator.uncompressed[1 + size :]
    bits = "uncompressedP256" if size == 32 else "uncompressedP384"
    pair = dot2.EccP256CurvePointUncompressedP256 if size == 32 else dot2.EccP384CurvePointUncompressedP384
    for written in (
        point(curve, "x-only", x),
        point(curve, "compressed-y-0", x),
        point(curve, "compressed-y-1", x),
        point(curve, bits, pair(x=x, y=y)),
    ):
        verify(key.public_key, with_r(signature, written), digest)
        assert raw_signature(with_r(signature, written)) == raw
    off = point(curve, bits, pair(x=x, y=y[:-1] + bytes([y[-1] ^ 1])))
    with pytest.raises(InvalidSignature):
        verify(key.public_key, with_r(signature, off), digest)


@every_curve
def test_fill_is_no_r(curve):
    digest = hash_octets(curve.hash, b"x")
    signature = signature_record(curve, soft_key(curve).sign(digest))
    with pytest.raises(InvalidSignature):
        verify(soft_key(curve).public_key, with_r(signature, point(curve, "fill", None)), digest)


@every_curve
@pytest.mark.parametrize("part", ["r", "s"])
def test_numbers_out_of_range_are_refused(curve, part):
    size, digest = curve.size, hash_octets(curve.hash, b"x")
    raw = soft_key(curve).sign(digest)
    for number in (0, curve.order, curve.order + 1, 256**size - 1):
        octets = number.to_bytes(size, "big")
        spoilt = octets + raw[size:] if part == "r" else raw[:size] + octets
        with pytest.raises(InvalidSignature, match="range"):
            verify(soft_key(curve).public_key, signature_record(curve, spoilt), digest)


def test_a_signature_of_another_curve_or_hash_is_refused():
    nist, brainpool = soft_key(Curve.NIST_P256), soft_key(Curve.BRAINPOOL_P256R1)
    digest = hash_octets("sha256", b"x")
    with pytest.raises(InvalidSignature, match="brainpool"):
        verify(brainpool.public_key, signature_record(Curve.NIST_P256, nist.sign(digest)), digest)
    signature = signature_record(Curve.NIST_P256, nist.sign(digest))
    with pytest.raises(InvalidSignature, match="48"):
        verify(nist.public_key, signature, hash_octets("sha384", b"x"))


def test_sm2_is_unsupported_and_odd_lengths_are_refused():
    value = dot2.EcsigP256Signature(r_sig=bytes(32), s_sig=bytes(32))
    signature = dot2.Signature(kind="sm2Signature", value=value)
    with pytest.raises(UnsupportedAlgorithm):
        raw_signature(signature)
    with pytest.raises(InvalidSignature):
        verify(soft_key(Curve.NIST_P256).public_key, signature, bytes(32))
    with pytest.raises(InvalidSignature):
        signature_record(Curve.NIST_P256, bytes(63))
