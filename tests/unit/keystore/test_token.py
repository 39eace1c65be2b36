"""Keys in a SoftHSM token: what can be done with them, and what cannot."""

import hashlib

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from v2xpki.config import Instance
from v2xpki.crypto import Curve, signature_record, verify
from v2xpki.errors import ConfigError, InvalidPoint, KeyNotFound, KeyRefused, KeystoreError
from v2xpki.keystore import KeyLabel, MemoryKey, TokenConfig, create_token, open_token

CURVES = list(Curve)
SIGN, ENCRYPT = KeyLabel("ea", "sign"), KeyLabel("ea", "encrypt")


@pytest.fixture(scope="module")
def keystore(token_store):
    keystore = token_store.open("test-token")
    for generation, curve in enumerate(CURVES, 1):
        keystore.generate(KeyLabel("ea", "sign", generation), curve)
        keystore.generate(KeyLabel("ea", "encrypt", generation), curve)
    return keystore


@pytest.mark.parametrize("generation", range(1, 5), ids=[curve.text for curve in CURVES])
def test_a_signature_of_the_token_verifies_outside(keystore, generation):
    key = keystore.issuing_key(KeyLabel("ea", "sign", generation))
    curve = key.public_key.curve
    assert curve is CURVES[generation - 1]
    digest = hashlib.new(curve.hash, b"to be signed").digest()
    raw = key.sign(digest)
    assert len(raw) == 2 * curve.size
    verify(key.public_key, signature_record(curve, raw), digest)


@pytest.mark.parametrize("generation", range(1, 5), ids=[curve.text for curve in CURVES])
def test_the_token_and_a_key_in_memory_agree(keystore, generation):
    agreer = keystore.agreer(KeyLabel("ea", "encrypt", generation))
    other = MemoryKey.generate(agreer.public_key.curve)
    for _ in range(20):  # x with leading zeros included, once in a while
        assert agreer.agree(other.public_key) == other.agree(agreer.public_key)
    assert len(agreer.agree(other.public_key)) == agreer.public_key.curve.size


def test_agreeing_leaves_nothing_in_the_token(keystore):
    agreer = keystore.agreer(ENCRYPT)
    agreer.agree(MemoryKey.generate(Curve.NIST_P256).public_key)
    with keystore._session.at_work("counting") as session:
        assert list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})) == []


def test_the_inventory_tells_label_curve_and_protection(keystore):
    infos = keystore.keys()
    assert [info.label.text for info in infos] == sorted(
        (f"ea-{use}-{generation}" for use in ("encrypt", "sign") for generation in range(1, 5)),
    )
    assert all(info.sensitive and info.local and not info.extractable for info in infos)
    assert {info.label.generation: info.curve for info in infos} == dict(enumerate(CURVES, 1))
    assert infos[0].public_key == keystore.public_key(infos[0].label)


def test_a_key_is_never_replaced_under_its_label(keystore):
    before = keystore.public_key(SIGN)
    with pytest.raises(KeyRefused, match="ea-sign-1 exists"):
        keystore.generate(SIGN, Curve.NIST_P256)
    assert keystore.public_key(SIGN) == before


def test_each_key_does_its_own_work_only(keystore):
    with pytest.raises(KeyRefused, match="encryption key"):
        keystore.issuing_key(ENCRYPT)
    with pytest.raises(KeyRefused, match="signing key"):
        keystore.agreer(SIGN)
    with pytest.raises(KeyNotFound):
        keystore.issuing_key(KeyLabel("ea", "sign", 99))


def test_the_token_itself_holds_keys_to_their_use(keystore):
    """Below our own checks: the handles swapped, the token refuses."""
    signing, agreeing = keystore.issuing_key(SIGN), keystore.agreer(ENCRYPT)
    signing_handle, agreeing_handle = signing._handle, agreeing._handle
    try:
        signing._handle, agreeing._handle = agreeing_handle, signing_handle
        with pytest.raises(KeyRefused):
            signing.sign(bytes(32))
        with pytest.raises(KeyRefused):
            agreeing.agree(MemoryKey.generate(Curve.NIST_P256).public_key)
    finally:
        signing._handle, agreeing._handle = signing_handle, agreeing_handle
    assert keystore.reopenings == 0  # a refusal is no loss


def test_a_digest_of_another_length_is_refused(keystore):
    for wrong in (b"", bytes(31), bytes(33), bytes(48)):
        with pytest.raises(KeyRefused, match="digests of 32 octets"):
            keystore.issuing_key(SIGN).sign(wrong)


def test_a_peer_on_another_curve_is_refused_before_the_token_sees_it(keystore):
    for curve in CURVES[1:]:
        with pytest.raises(InvalidPoint):
            keystore.agreer(ENCRYPT).agree(MemoryKey.generate(curve).public_key)


def test_self_test_uses_every_key(keystore):
    for info in keystore.keys():
        keystore.self_test(info.label)


def test_self_test_finds_a_public_key_of_another_pair(keystore, monkeypatch):
    for label in (SIGN, ENCRYPT):
        key = keystore._key(label)
        monkeypatch.setattr(key, "public_key", MemoryKey.generate(Curve.NIST_P256).public_key)
        with pytest.raises(KeystoreError, match="self-test"):
            keystore.self_test(label)


def private_object(session, label):
    return next(
        iter(
            list(session.get_objects({Attribute.LABEL: label.text, Attribute.CLASS: ObjectClass.PRIVATE_KEY}))
        )
    )


def test_no_private_value_can_be_read_wrapped_copied_or_opened_up(keystore):
    with keystore._session.at_work("attacking") as held, keystore._session.writable() as session:
        wrapping = session.generate_key(
            KeyType.AES, 256, template={Attribute.WRAP: True, Attribute.TOKEN: False}
        )
        for label in (SIGN, ENCRYPT):
            private = private_object(session, label)
            with pytest.raises(pkcs11.AttributeSensitive):
                private[Attribute.VALUE]
            with pytest.raises(pkcs11.PKCS11Error):
                wrapping.wrap_key(private, mechanism=Mechanism.AES_KEY_WRAP)
            with pytest.raises(pkcs11.PKCS11Error):
                wrapping.wrap_key(private, mechanism=Mechanism.AES_KEY_WRAP_PAD)
            for attribute, value in (
                (Attribute.EXTRACTABLE, True),
                (Attribute.SENSITIVE, False),
                (Attribute.SIGN, label.use != "sign"),
                (Attribute.DERIVE, True),
                (Attribute.LABEL, "mine"),
            ):
                with pytest.raises(pkcs11.PKCS11Error):
                    private[attribute] = value
            with pytest.raises(pkcs11.PKCS11Error):
                private.copy({Attribute.EXTRACTABLE: True, Attribute.TOKEN: False})
            assert private[Attribute.NEVER_EXTRACTABLE] and private[Attribute.ALWAYS_SENSITIVE]
            assert private[Attribute.ID] == label.object_id
        wrapping.destroy()
        assert held is not session


def test_an_imported_readable_key_is_listed_but_not_used(token_store):
    keystore = token_store.open("test-imported")
    label = KeyLabel("aa", "sign")
    key = MemoryKey.generate(Curve.NIST_P256)
    parameters = bytes.fromhex("06082a8648ce3d030107")
    common = {
        Attribute.KEY_TYPE: KeyType.EC,
        Attribute.TOKEN: True,
        Attribute.LABEL: label.text,
        Attribute.EC_PARAMS: parameters,
    }
    with keystore._session.at_work("importing"), keystore._session.writable() as session:
        session.create_object(
            common
            | {
                Attribute.CLASS: ObjectClass.PRIVATE_KEY,
                Attribute.VALUE: key.private.to_bytes(32, "big"),
                Attribute.SENSITIVE: False,
                Attribute.EXTRACTABLE: True,
                Attribute.SIGN: True,
            }
        )
        session.create_object(
            common
            | {
                Attribute.CLASS: ObjectClass.PUBLIC_KEY,
                Attribute.EC_POINT: b"\x04\x41" + key.public_key.uncompressed,
            }
        )
    [info] = keystore.keys()
    assert (info.sensitive, info.extractable, info.local) == (False, True, False)
    with pytest.raises(KeyRefused, match="could be read out"):
        keystore.issuing_key(label)


def test_foreign_objects_in_a_token_are_passed_over(token_store):
    keystore = token_store.open("test-foreign")
    keystore.generate(SIGN, Curve.NIST_P256)
    with keystore._session.at_work("adding"), keystore._session.writable() as session:
        session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: bytes.fromhex("06082a8648ce3d030107")}, local=True
        ).generate_keypair(store=True, label="somebody else's", mechanism=Mechanism.EC_KEY_PAIR_GEN)
    assert [info.label for info in keystore.keys()] == [SIGN]


def test_two_openings_of_one_token_share_a_session(token_store):
    first = token_store.open("test-shared")
    first.generate(SIGN, Curve.NIST_P256)
    second = open_token(token_store.config("test-shared"))
    key = second.issuing_key(SIGN)
    assert second._session is first._session
    second.close()
    second.close()  # once more changes nothing
    with pytest.raises(KeyRefused, match="closed"):
        second.issuing_key(SIGN)
    first.self_test(SIGN)
    assert key.public_key == first.public_key(SIGN)


def test_a_closed_keystore_signs_no_more(token_store):
    create_token(token_store.config("test-closing"))
    with open_token(token_store.config("test-closing")) as keystore:
        keystore.generate(SIGN, Curve.NIST_P256)
        key = keystore.issuing_key(SIGN)
        key.sign(bytes(32))
    with pytest.raises(KeyRefused, match="closed"):
        key.sign(bytes(32))


def test_a_label_longer_than_the_module_keeps_is_refused(keystore):
    with pytest.raises(KeyRefused, match="32 octets"):
        keystore.generate(KeyLabel("a" * 30, "sign"), Curve.NIST_P256)


# -- making and opening ------------------------------------------------------------------------------


def test_a_token_is_never_made_over(token_store):
    token_store.open("test-once")
    with pytest.raises(KeyRefused, match="exists"):
        create_token(token_store.config("test-once"))


def test_what_create_token_writes_is_the_owners_alone(token_store):
    token_store.open("test-modes")
    config = token_store.config("test-modes")
    assert config.pin_file.stat().st_mode & 0o777 == 0o600
    assert config.softhsm2_conf.stat().st_mode & 0o777 == 0o600
    assert config.token_dir.stat().st_mode & 0o777 == 0o700
    for path in config.token_dir.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_pin_file_that_others_may_read_is_refused(token_store, mode):
    token_store.open("test-pin-mode")
    config = token_store.config("test-pin-mode")
    config.pin_file.chmod(mode)
    try:
        with pytest.raises(KeystoreError, match="others may read"):
            config.read_pin()
    finally:
        config.pin_file.chmod(0o600)


def test_a_pin_comes_from_the_environment_too(token_store, tmp_path, monkeypatch):
    files = token_store.config("test-env")
    config = TokenConfig("softhsm2", "test-env", None, "TEST_ENV_PIN", files.softhsm2_conf, files.token_dir)
    with pytest.raises(KeystoreError, match="TEST_ENV_PIN"):
        create_token(config)
    monkeypatch.setenv("TEST_ENV_PIN", "a pin of the environment")
    create_token(config)
    with open_token(config) as keystore:
        keystore.generate(SIGN, Curve.NIST_P256)


def test_a_wrong_pin_is_refused_once_and_named_nowhere(token_store, tmp_path):
    token_store.open("test-wrong-pin")
    token_store._open["test-wrong-pin"].close()  # so that the next opening logs in
    right = token_store.config("test-wrong-pin")
    pin = tmp_path / "pin"
    pin.touch(0o600)
    pin.write_text("a-wrong-secret")
    config = TokenConfig("softhsm2", "test-wrong-pin", pin, None, right.softhsm2_conf, right.token_dir)
    with pytest.raises(KeyRefused, match="refuses the PIN") as refusal:
        open_token(config)
    told = repr(refusal.value) + refusal.value.diagnostics() + repr(config)
    assert "a-wrong-secret" not in told
    assert refusal.value.__cause__ is None
    with open_token(right) as keystore:
        assert right.read_pin() not in repr(keystore) + repr(right)


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_pin_file_is_refused(tmp_path, content):
    pin = tmp_path / "pin"
    pin.touch(0o600)
    pin.write_text(content)
    with pytest.raises(KeystoreError, match="is empty"):
        TokenConfig("softhsm2", "x", pin).read_pin()


def test_a_missing_pin_file_is_named(tmp_path):
    with pytest.raises(KeystoreError, match="cannot be read"):
        TokenConfig("softhsm2", "x", tmp_path / "none").read_pin()


def test_illegal_configurations_do_not_construct(tmp_path):
    with pytest.raises(ConfigError, match="PIN"):
        TokenConfig("softhsm2", "x")
    with pytest.raises(ConfigError, match="PIN"):
        TokenConfig("softhsm2", "x", tmp_path / "pin", "PIN")
    with pytest.raises(ConfigError, match="label"):
        TokenConfig("softhsm2", "x" * 33, tmp_path / "pin")
    with pytest.raises(ConfigError, match="label"):
        TokenConfig("softhsm2", "", tmp_path / "pin")


def test_another_configuration_is_refused_while_tokens_are_open(token_store, tmp_path):
    token_store.open("test-other-conf")
    pin, conf = tmp_path / "pin", tmp_path / "softhsm2.conf"
    config = TokenConfig("softhsm2", "elsewhere", pin, None, conf, tmp_path / "tokens")
    with pytest.raises(KeyRefused, match="open"):
        create_token(config)


def test_tokens_of_other_vendors_are_made_with_their_tools(token_store):
    with pytest.raises(ConfigError, match="vendor's tool"):
        create_token(TokenConfig("luna", "x", token_store.directory / "pin"))


def test_a_domain_of_an_instance_names_its_token(tmp_path):
    (tmp_path / "v2xpki.toml").write_text('[domains.aa]\npin_env = "AA_PIN"\ntoken_label = "slot 7"\n')
    instance = Instance.load(tmp_path)
    ea, aa = (TokenConfig.of_domain(instance.domain(name)) for name in ("ea", "aa"))
    assert (ea.profile, ea.token_label, ea.pin_env) == ("softhsm2", "v2xpki-ea", None)
    assert ea.pin_file == tmp_path / "ea" / "pin"
    assert ea.softhsm2_conf == tmp_path / "ea" / "softhsm2.conf"
    assert (aa.token_label, aa.pin_env, aa.pin_file) == ("slot 7", "AA_PIN", None)


def test_a_missing_configuration_is_named(tmp_path, token_store):
    with pytest.raises(KeystoreError, match=r"there is no .*nowhere\.conf"):
        open_token(TokenConfig("softhsm2", "x", tmp_path / "pin", None, tmp_path / "nowhere.conf"))
