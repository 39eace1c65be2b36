"""Keys in memory: they sign and agree like any other, and CA keys stay out without a purpose."""

import hashlib
import inspect

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from v2xpki.crypto import Curve, signature_record, verify
from v2xpki.errors import CryptoError, InvalidPoint, KeyNotFound, KeyRefused, KeystoreError
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore
from v2xpki.keystore.memory import STATION, Purpose

curves = st.sampled_from(list(Curve))
SIGN, ENCRYPT = KeyLabel("ea", "sign"), KeyLabel("ea", "encrypt")


@given(curves, st.binary(max_size=40))
def test_signatures_verify(curve, message):
    key = MemoryKey.generate(curve)
    digest = hashlib.new(curve.hash, message).digest()
    raw = key.sign(digest)
    assert len(raw) == 2 * curve.size
    verify(key.public_key, signature_record(curve, raw), digest)


@given(curves)
def test_both_ends_agree(curve):
    one, other = MemoryKey.generate(curve), MemoryKey.generate(curve)
    assert one.agree(other.public_key) == other.agree(one.public_key)


def test_keys_of_other_curves_do_not_agree():
    with pytest.raises(InvalidPoint):
        MemoryKey.generate(Curve.NIST_P256).agree(MemoryKey.generate(Curve.BRAINPOOL_P256R1).public_key)


@pytest.mark.parametrize("length", [0, 31, 48])
def test_a_digest_of_another_length_is_refused(length):
    with pytest.raises(KeyRefused, match="32 octets"):
        MemoryKey.generate(Curve.NIST_P256).sign(bytes(length))


@given(curves)
def test_a_key_survives_its_pem(curve):
    key = MemoryKey.generate(curve)
    assert MemoryKey.from_pem(key.to_pem()).private == key.private
    again = MemoryKey.from_pem(key.to_pem(b"password"), b"password")
    assert (again.curve, again.public_key) == (curve, key.public_key)


@given(curves)
def test_a_key_is_made_again_of_its_scalar(curve):
    key = MemoryKey.generate(curve)
    assert MemoryKey(curve, key.private).public_key == key.public_key


@pytest.mark.parametrize("curve", list(Curve))
def test_scalars_outside_the_group_are_refused(curve):
    for scalar in (0, curve.order, curve.order + 1, -1):
        with pytest.raises(CryptoError):
            MemoryKey(curve, scalar)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    "octets",
    [b"", b"no pem", pem(ed25519.Ed25519PrivateKey.generate()), pem(ec.generate_private_key(ec.SECP521R1()))],
    ids=["empty", "text", "ed25519", "P-521"],
)
def test_other_pem_files_are_refused(octets):
    with pytest.raises(CryptoError):
        MemoryKey.from_pem(octets)


def test_a_wrong_password_is_refused_without_naming_it():
    key = MemoryKey.generate(Curve.NIST_P256)
    with pytest.raises(CryptoError) as refusal:
        MemoryKey.from_pem(key.to_pem(b"right"), b"quite-wrong")
    assert "quite-wrong" not in str(refusal.value)


def test_no_repr_tells_the_scalar():
    key = MemoryKey.generate(Curve.NIST_P256)
    keystore = MemoryKeystore("test")
    keystore.add(SIGN, key)
    told = f"{key!r} {keystore!r} {keystore.issuing_key(SIGN)!r} {keystore.keys()!r}"
    assert str(key.private) not in told
    assert f"{key.private:x}" not in told


def test_ca_keys_stay_out_of_memory_without_a_purpose():
    keystore = MemoryKeystore()
    assert keystore.opened_for is None
    for authority in ("root", "tlm", "ea", "aa", "ra"):
        with pytest.raises(KeyRefused, match="belongs in a token"):
            keystore.generate(KeyLabel(authority, "sign"), Curve.NIST_P256)
        with pytest.raises(KeyRefused):
            keystore.add(KeyLabel(authority, "encrypt"), MemoryKey.generate(Curve.NIST_P256))
    assert keystore.keys() == []
    keystore.generate(KeyLabel(STATION, "sign"), Curve.NIST_P256)


@pytest.mark.parametrize("purpose", ["test", "bench"])
def test_a_purpose_opens_it_and_shows(purpose):
    keystore = MemoryKeystore(purpose)
    keystore.generate(SIGN, Curve.NIST_P256)
    assert keystore.opened_for == purpose
    assert purpose in repr(keystore)


def test_there_is_no_other_purpose():
    assert set(Purpose.__args__) == {"test", "bench"}
    with pytest.raises(KeystoreError):
        MemoryKeystore("production")


def test_the_keystore_keeps_uses_apart():
    keystore = MemoryKeystore("test")
    keystore.generate(SIGN, Curve.NIST_P256)
    keystore.generate(ENCRYPT, Curve.BRAINPOOL_P256R1)
    assert keystore.issuing_key(SIGN).public_key == keystore.public_key(SIGN)
    with pytest.raises(KeyRefused):
        keystore.issuing_key(ENCRYPT)
    with pytest.raises(KeyRefused):
        keystore.agreer(SIGN)
    with pytest.raises(KeyNotFound):
        keystore.agreer(KeyLabel("aa", "encrypt"))
    with pytest.raises(KeyRefused, match="exists"):
        keystore.generate(SIGN, Curve.NIST_P256)
    for info in keystore.keys():
        keystore.self_test(info.label)
        assert info.extractable and not info.sensitive and info.local
    with keystore:
        pass
    assert keystore.keys() == []


def test_all_keystores_have_one_face():
    from v2xpki.keystore import Keystore, Pkcs11Keystore
    from v2xpki.keystore.simulator import FaultyKeystore

    for kind in (Pkcs11Keystore, MemoryKeystore, FaultyKeystore):
        for name, member in vars(Keystore).items():
            if not name.startswith("_") and inspect.isfunction(member):
                assert list(inspect.signature(getattr(kind, name)).parameters) == list(
                    inspect.signature(member).parameters
                ), f"{kind.__name__}.{name}"
