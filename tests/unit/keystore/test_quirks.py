"""What a profile says of a module is what is done with it; SoftHSM stands in for the other vendors."""

import dataclasses

import pytest

from v2xpki._resources import data_dir
from v2xpki.crypto import Curve
from v2xpki.errors import InvalidPoint, KeyRefused, KeystoreError
from v2xpki.keystore import KeyLabel, MemoryKey, open_token

SIGN, ENCRYPT = KeyLabel("ea", "sign"), KeyLabel("ea", "encrypt")


@pytest.fixture
def opened(token_store, tmp_path, request):
    """`opened(name, old=new ...)`: a token under the SoftHSM profile with lines of it replaced."""
    stores = []

    def opened(name, **lines):
        token_store.open(name)
        text = (data_dir("hsm") / "profiles" / "softhsm2.toml").read_text()
        for key, value in lines.items():
            kept = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
            quirk = key not in ("mechanisms", "curves")
            place = len(kept) if quirk else 0
            text = "\n".join([*kept[:place], f"{key} = {value}", *kept[place:]])
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        stores.append(open_token(dataclasses.replace(token_store.config(name), profile=path)))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


def test_a_peers_point_in_der_is_understood_where_the_profile_says_so(opened):
    keystore = opened("quirk-peer", peer_point='"der"')
    keystore.generate(ENCRYPT, Curve.NIST_P256)
    agreer, other = keystore.agreer(ENCRYPT), MemoryKey.generate(Curve.NIST_P256)
    assert agreer.agree(other.public_key) == other.agree(agreer.public_key)


def test_a_module_without_the_plain_ecdh_value_signs_but_does_not_agree(opened):
    keystore = opened("quirk-kdf", kdfs='["sha256"]')
    keystore.generate(SIGN, Curve.NIST_P256)
    keystore.issuing_key(SIGN).sign(bytes(32))
    with pytest.raises(KeyRefused, match="plain ECDH value"):
        keystore.generate(ENCRYPT, Curve.NIST_P256)
    assert [info.label for info in keystore.keys()] == [SIGN]


def test_a_curve_that_the_vendor_lacks_is_refused(opened):
    keystore = opened("quirk-curve", curves='["nistP256"]')
    with pytest.raises(KeyRefused, match="does not make keys on brainpoolP256r1"):
        keystore.generate(SIGN, Curve.BRAINPOOL_P256R1)


def test_a_point_in_another_form_than_the_profile_says_is_refused(opened):
    keystore = opened("quirk-point")
    keystore.generate(SIGN, Curve.NIST_P256)
    raw = opened("quirk-point", ec_point='"raw"')
    with pytest.raises(InvalidPoint):
        raw.public_key(SIGN)


def test_a_token_without_the_mechanisms_is_refused(opened):
    with pytest.raises(KeystoreError, match="NO_SUCH_MECHANISM"):
        opened("quirk-mech", mechanisms='["EC_KEY_PAIR_GEN", "ECDSA", "ECDH1_DERIVE", "NO_SUCH_MECHANISM"]')


def test_keys_without_ids_and_immutability_are_still_sensitive(opened):
    keystore = opened("quirk-plain", object_id="false", immutable_keys="false")
    keystore.generate(SIGN, Curve.NIST_P256)
    [info] = keystore.keys()
    assert info.sensitive and not info.extractable and info.local
