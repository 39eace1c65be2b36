"""PublicKey is the proof of the invalid-curve rule."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.crypto.soft import SoftKey, forms, point, soft_key
from v2xpki.crypto import Curve, PublicKey
from v2xpki.errors import InvalidPoint, UnsupportedAlgorithm
from v2xpki.wire import dot2

every_curve = pytest.mark.parametrize("curve", Curve, ids=lambda c: c.text)
PRIMES = {
    Curve.NIST_P256: 2**256 - 2**224 + 2**192 + 2**96 - 1,
    Curve.BRAINPOOL_P256R1: 0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
    Curve.NIST_P384: 2**384 - 2**128 - 2**96 + 2**32 - 1,
    Curve.BRAINPOOL_P384R1: int(
        "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A71874700133107EC53", 16
    ),
}


@every_curve
def test_both_forms_of_a_key_are_one_key(curve):
    key = SoftKey(curve).public_key
    x, y = key.uncompressed[1 : 1 + curve.size], key.uncompressed[1 + curve.size :]
    made = [
        PublicKey.of_verification_key(dot2.PublicVerificationKey(kind=curve.verification_kind, value=form))
        for form in forms(curve, x, y)
    ]
    assert made == [key, key]
    assert {hash(k) for k in made} == {hash(key)}
    assert made[0].uncompressed == made[1].uncompressed == key.uncompressed
    assert all(k.to_verification_key() == key.to_verification_key() for k in made)
    assert PublicKey.from_pem(key.to_pem()) == key


@every_curve
def test_the_order_is_the_orders(curve):
    last = SoftKey.of_scalar(curve, curve.order - 1).public_key
    first = SoftKey.of_scalar(curve, 1).public_key
    assert last.point[1:] == first.point[1:]
    assert last.point[0] != first.point[0]  # -G
    with pytest.raises(ValueError, match=r"."):
        ec.derive_private_key(curve.order, curve.group)


@every_curve
def test_a_point_off_the_curve_is_refused(curve):
    octets = bytearray(soft_key(curve).public_key.uncompressed)
    octets[-1] ^= 1
    with pytest.raises(InvalidPoint):
        PublicKey.from_sec1(curve, bytes(octets))


@every_curve
def test_an_x_without_a_point_is_refused(curve):
    size, refused = curve.size, 0
    for x in range(40):
        try:
            PublicKey.from_sec1(curve, b"\x02" + x.to_bytes(size, "big"))
        except InvalidPoint:
            refused += 1
    assert 5 < refused < 35  # about half of all x have no y


@every_curve
@pytest.mark.parametrize("prefix", [0x02, 0x03])
def test_a_coordinate_beyond_the_field_is_refused_though_it_reduces_to_a_point(curve, prefix):
    size, p = curve.size, PRIMES[curve]
    tried = 0
    for x in range(1, 60):
        try:
            PublicKey.from_sec1(curve, bytes([prefix]) + x.to_bytes(size, "big"))
        except InvalidPoint:
            continue
        if x + p < 256**size:
            tried += 1
            with pytest.raises(InvalidPoint):
                PublicKey.from_sec1(curve, bytes([prefix]) + (x + p).to_bytes(size, "big"))
    assert tried > 5


@every_curve
@pytest.mark.parametrize(
    "octets", [b"", b"\0", b"\x02", b"\x05" + bytes(32), b"\x04" + bytes(64), b"\x04" + bytes(96)]
)
def test_infinity_and_odd_shapes_are_refused(curve, octets):
    with pytest.raises(InvalidPoint):
        PublicKey.from_sec1(curve, octets)


@every_curve
def test_the_hybrid_form_is_refused(curve):
    octets = soft_key(curve).public_key.uncompressed
    with pytest.raises(InvalidPoint):
        PublicKey.from_sec1(curve, bytes([6 | octets[-1] & 1]) + octets[1:])


@every_curve
@pytest.mark.parametrize("kind", ["x-only", "fill"])
def test_keys_written_x_only_or_fill_are_refused(curve, kind):
    x = soft_key(curve).public_key.point[1:]
    written = point(curve, kind, x if kind == "x-only" else None)
    with pytest.raises(InvalidPoint):
        PublicKey.of_verification_key(dot2.PublicVerificationKey(kind=curve.verification_kind, value=written))


def test_a_point_of_one_curve_is_none_of_another():
    nist = soft_key(Curve.NIST_P256).public_key
    with pytest.raises(InvalidPoint):
        PublicKey.from_sec1(Curve.BRAINPOOL_P256R1, nist.uncompressed)


def test_keys_of_sm2_are_unsupported():
    x = soft_key(Curve.NIST_P256).public_key.point[1:]
    value = dot2.EccP256CurvePoint(kind="compressed-y-0", value=x)
    with pytest.raises(UnsupportedAlgorithm):
        PublicKey.of_verification_key(dot2.PublicVerificationKey(kind="ecsigSm2", value=value))
    base = dot2.BasePublicEncryptionKey(kind="eciesNistP256", value=value)
    with pytest.raises(UnsupportedAlgorithm):
        PublicKey.of_encryption_key(dot2.PublicEncryptionKey(supported_symm_alg="sm4Ccm", public_key=base))


@pytest.mark.parametrize("curve", [Curve.NIST_P256, Curve.BRAINPOOL_P256R1])
def test_an_encryption_key_comes_back_from_its_record(curve):
    key = soft_key(curve).public_key
    assert PublicKey.of_encryption_key(key.to_encryption_key()) == key


@pytest.mark.parametrize("curve", [Curve.NIST_P384, Curve.BRAINPOOL_P384R1])
def test_there_is_no_encryption_key_on_384_bits(curve):
    with pytest.raises(UnsupportedAlgorithm):
        soft_key(curve).public_key.to_encryption_key()


def test_a_key_cannot_be_made_unproven():
    with pytest.raises(TypeError):
        PublicKey()


def test_other_keys_in_pem_are_refused():
    other = ec.generate_private_key(ec.SECP521R1()).public_key()
    with pytest.raises(UnsupportedAlgorithm):
        PublicKey.of_handle(other)
    with pytest.raises(InvalidPoint):
        PublicKey.from_pem(b"no pem")


def test_curves_have_names_on_the_command_line():
    assert [Curve.from_text(c.text) for c in Curve] == list(Curve)
    assert Curve.from_text("brainpoolp256R1") is Curve.BRAINPOOL_P256R1
    with pytest.raises(UnsupportedAlgorithm, match="nistP256"):
        Curve.from_text("curve25519")


@every_curve
@given(octets=st.binary(max_size=100))
def test_any_octets_are_a_point_or_refused(curve, octets):
    try:
        key = PublicKey.from_sec1(curve, octets)
    except InvalidPoint:
        return
    assert key.point == octets or key.uncompressed == octets
