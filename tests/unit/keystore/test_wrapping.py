"""Secrets at rest: what a token has wrapped comes back from that token alone, and not when it was changed."""

from dataclasses import replace

import pytest
from pkcs11 import Attribute, ObjectClass

from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError, KeyNotFound, KeyRefused
from v2xpki.keystore import KeyLabel, Keystore, MemoryKeystore, VendorProfile
from v2xpki.keystore.token_wrapping import TokenWrapper

LABEL = KeyLabel("aca-wrapping", "wrap")


@pytest.fixture(params=["token", "memory"])
def keystore(request: pytest.FixtureRequest) -> Keystore:
    made: Keystore = MemoryKeystore("test")
    if request.param == "token":
        made = request.getfixturevalue("token_store").open("wrapping")
    try:
        made.wrapper(LABEL)
    except KeyNotFound:
        made.generate_wrapping(LABEL)
    return made


@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_secret_comes_back_and_is_not_in_what_is_kept(keystore: Keystore, size: int):
    secret = bytes(range(1, size + 1))
    wrapped = keystore.wrapper(LABEL).wrap(secret)
    assert secret not in wrapped and len(wrapped) == size + 8
    assert keystore.wrapper(LABEL).unwrap(wrapped) == secret


def test_a_changed_row_is_refused(keystore: Keystore):
    wrapped = bytearray(keystore.wrapper(LABEL).wrap(bytes(16)))
    wrapped[5] ^= 1
    with pytest.raises(KeyRefused, match="changed"):
        keystore.wrapper(LABEL).unwrap(bytes(wrapped))
    with pytest.raises(KeyRefused, match="nothing that"):
        keystore.wrapper(LABEL).unwrap(b"short")
    keystore.self_test(LABEL)  # the session was not lost by it


def test_another_generation_does_not_open_it_and_rotation_does(keystore: Keystore):
    second = replace(LABEL, generation=2)
    try:
        keystore.wrapper(second)
    except KeyNotFound:
        keystore.generate_wrapping(second)
    old = keystore.wrapper(LABEL).wrap(b"k" * 16)
    with pytest.raises(KeyRefused):
        keystore.wrapper(second).unwrap(old)
    new = keystore.wrapper(second).wrap(keystore.wrapper(LABEL).unwrap(old))
    assert keystore.wrapper(second).unwrap(new) == b"k" * 16


def test_labels_keep_to_their_use(keystore: Keystore):
    with pytest.raises(KeyRefused, match="exists"):
        keystore.generate_wrapping(LABEL)
    with pytest.raises(KeyRefused):
        keystore.generate(LABEL, Curve.NIST_P256)
    with pytest.raises(KeyRefused):
        keystore.generate_wrapping(KeyLabel("aca-wrapping", "sign"))
    with pytest.raises(KeyRefused):
        keystore.wrapper(KeyLabel("aca-wrapping", "sign"))
    with pytest.raises(KeyRefused):
        keystore.issuing_key(LABEL)
    with pytest.raises(KeyRefused):
        keystore.wrapper(LABEL).wrap(b"15 octets here.")
    with pytest.raises(KeyNotFound):
        keystore.wrapper(KeyLabel("aca-absent", "wrap"))


def test_the_key_cannot_leave_the_token_nor_encrypt(token_store):
    store = token_store.open("wrapping")
    label = replace(LABEL, generation=3)
    try:
        store.wrapper(label)
    except KeyNotFound:
        store.generate_wrapping(label)
    with store._session.at_work("looking") as held:
        (key,) = held.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label.text})
        assert key[Attribute.SENSITIVE] and not key[Attribute.EXTRACTABLE] and key[Attribute.PRIVATE]
        assert not key[Attribute.ENCRYPT] and not key[Attribute.DECRYPT]


def test_a_module_without_a_mechanism_says_so(token_store):
    store = token_store.open("wrapping")
    profile = replace(store.profile, wrap_mechanism=None)
    with pytest.raises(KeyRefused, match="no mechanism") as refused:
        TokenWrapper(store._session, LABEL, profile)
    assert "wrap_mechanism" in refused.value.hint


def test_a_profile_with_an_unknown_mechanism_is_refused(tmp_path):
    assert VendorProfile.load("softhsm2").wrap_mechanism == "AES_KEY_WRAP"
    assert VendorProfile.load("yubihsm2").wrap_mechanism is None
    from v2xpki._resources import data_dir

    text = (data_dir("hsm") / "profiles" / "softhsm2.toml").read_text()
    file = tmp_path / "other.toml"
    file.write_text(text.replace('"AES_KEY_WRAP"', '"DES3_ECB"'))
    with pytest.raises(ConfigError, match="wrap_mechanism is one of AES_KEY_WRAP"):
        VendorProfile.load(file)
