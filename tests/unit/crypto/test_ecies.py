import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.crypto.soft import SoftKey, soft_key, vectors
from v2xpki.crypto import Curve, PublicKey, unwrap_key, wrap_key
from v2xpki.errors import InvalidPoint, UnsupportedAlgorithm, UnwrapFailed
from v2xpki.wire import dot2

KEY, P1 = bytes(range(16)), hashlib.sha256(b"certificate").digest()
encrypting = pytest.mark.parametrize("curve", [Curve.NIST_P256, Curve.BRAINPOOL_P256R1], ids=lambda c: c.text)


def replaced(wrapped, **parts):
    return wrapped._replace(value=wrapped.value._replace(**parts))


@encrypting
@settings(max_examples=10, deadline=None)
@given(key=st.binary(min_size=16, max_size=16), p1=st.binary(max_size=64))
def test_a_wrapped_key_comes_back(curve, key, p1):
    own = soft_key(curve)
    wrapped = wrap_key(own.public_key, key, p1)
    assert unwrap_key(own, wrapped, p1) == key
    assert wrapped.value.v.kind in ("compressed-y-0", "compressed-y-1")


@encrypting
def test_each_wrap_has_an_ephemeral_key_of_its_own(curve):
    own = soft_key(curve).public_key
    assert len({wrap_key(own, KEY, P1).value.v for _ in range(5)}) == 5


@encrypting
def test_another_p1_does_not_unwrap_but_an_alternative_does_with_one_agreement(curve):
    own = SoftKey(curve)
    wrapped = wrap_key(own.public_key, KEY, P1)
    with pytest.raises(UnwrapFailed):
        unwrap_key(own, wrapped, b"other")
    own.agreements = 0
    assert unwrap_key(own, wrapped, b"other", b"another", P1) == KEY
    assert own.agreements == 1


@encrypting
@settings(max_examples=30, deadline=None)
@given(part=st.sampled_from("ct"), bit=st.integers(0, 127))
def test_any_flipped_bit_of_c_or_t_fails(curve, part, bit):
    own = soft_key(curve)
    wrapped = wrap_key(own.public_key, KEY, P1)
    octets = int.from_bytes(getattr(wrapped.value, part), "big") ^ 1 << bit
    with pytest.raises(UnwrapFailed):
        unwrap_key(own, replaced(wrapped, **{part: octets.to_bytes(16, "big")}), P1)


@encrypting
@settings(max_examples=30, deadline=None)
@given(bit=st.integers(0, 255))
def test_any_flipped_bit_of_v_fails(curve, bit):
    own = soft_key(curve)
    wrapped = wrap_key(own.public_key, KEY, P1)
    v = wrapped.value.v
    x = (int.from_bytes(v.value, "big") ^ 1 << bit).to_bytes(32, "big")
    with pytest.raises((UnwrapFailed, InvalidPoint)):
        unwrap_key(own, replaced(wrapped, v=v._replace(value=x)), P1)


@encrypting
def test_the_private_key_never_meets_a_point_off_its_curve(curve):
    own = SoftKey(curve)
    wrapped = wrap_key(own.public_key, KEY, P1)
    octets = own.public_key.uncompressed
    off = dot2.EccP256CurvePointUncompressedP256(x=octets[1:33], y=octets[33:64] + bytes([octets[64] ^ 1]))
    bad = [
        dot2.EccP256CurvePoint(kind="uncompressedP256", value=off),
        dot2.EccP256CurvePoint(
            kind="uncompressedP256", value=dot2.EccP256CurvePointUncompressedP256(x=bytes(32), y=bytes(32))
        ),
        dot2.EccP256CurvePoint(kind="x-only", value=octets[1:33]),
        dot2.EccP256CurvePoint(kind="fill", value=None),
        dot2.EccP256CurvePoint(kind="compressed-y-0", value=b"\xff" * 32),
    ]
    for v in bad:
        with pytest.raises(InvalidPoint):
            unwrap_key(own, replaced(wrapped, v=v), P1)
    assert own.agreements == 0


@encrypting
def test_an_uncompressed_ephemeral_point_is_accepted(curve):
    own = SoftKey(curve)
    wrapped = wrap_key(own.public_key, KEY, P1)
    v = wrapped.value.v
    octets = PublicKey.from_sec1(curve, bytes([2 + int(v.kind[-1])]) + v.value).uncompressed
    full = dot2.EccP256CurvePointUncompressedP256(x=octets[1:33], y=octets[33:])
    written = dot2.EccP256CurvePoint(kind="uncompressedP256", value=full)
    assert unwrap_key(own, replaced(wrapped, v=written), P1) == KEY


def test_a_wrap_for_a_key_of_another_curve_does_not_reach_it():
    nist, brainpool = SoftKey(Curve.NIST_P256), SoftKey(Curve.BRAINPOOL_P256R1)
    with pytest.raises(UnwrapFailed):
        unwrap_key(brainpool, wrap_key(nist.public_key, KEY, P1), P1)
    assert brainpool.agreements == 0


def test_384_bits_and_sm2_are_unsupported():
    with pytest.raises(UnsupportedAlgorithm):
        wrap_key(soft_key(Curve.NIST_P384).public_key, KEY, P1)
    v = dot2.EccP256CurvePoint(kind="compressed-y-0", value=bytes(32))
    sm2 = dot2.EncryptedDataEncryptionKey(
        kind="ecencSm2256", value=dot2.EcencP256EncryptedKey(v=v, c=bytes(16), t=bytes(32))
    )
    with pytest.raises(UnsupportedAlgorithm):
        unwrap_key(soft_key(Curve.NIST_P256), sm2, P1)


def test_published_vectors_unwrap():
    """Their letters: v, V the ephemeral key; r, R the recipient's; C, T what is sent; k the AES key."""
    for vector in vectors("ecies_p256")["vectors"]:
        own = SoftKey.of_scalar(Curve.NIST_P256, int(vector["r"], 16))
        assert own.public_key.uncompressed.hex() == "04" + vector["Rx"] + vector["Ry"]
        ephemeral = SoftKey.of_scalar(Curve.NIST_P256, int(vector["v"], 16)).public_key
        assert ephemeral.uncompressed.hex() == "04" + vector["Vx"] + vector["Vy"]
        wrapped = dot2.EncryptedDataEncryptionKey(
            kind="eciesNistP256",
            value=dot2.EciesP256EncryptedKey(
                v=ephemeral.to_point(), c=bytes.fromhex(vector["C"]), t=bytes.fromhex(vector["T"])
            ),
        )
        assert unwrap_key(own, wrapped, bytes.fromhex(vector["P1"])).hex() == vector["k"]
        with pytest.raises(UnwrapFailed):  # the misprint of the source
            unwrap_key(own, wrapped, bytes.fromhex(vector["P1_printed_but_wrong"]))


def test_published_vectors_wrap_to_the_same_octets():
    from v2xpki.crypto import ecies

    for vector in vectors("ecies_p256")["vectors"]:
        ephemeral = SoftKey.of_scalar(Curve.NIST_P256, int(vector["v"], 16))
        recipient = SoftKey.of_scalar(Curve.NIST_P256, int(vector["r"], 16)).public_key
        p1, key = bytes.fromhex(vector["P1"]), bytes.fromhex(vector["k"])
        c, t = ecies._wrap(ephemeral.agree(recipient), key, p1)
        assert (c.hex(), t.hex()) == (vector["C"], vector["T"])
