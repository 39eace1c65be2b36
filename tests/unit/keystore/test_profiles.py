"""Vendor profiles: what is shipped loads, what is not known is refused by name."""

import json
import tomllib

import pytest

from v2xpki._resources import data_dir
from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError
from v2xpki.keystore import VendorProfile
from v2xpki.keystore.profiles import shipped

SOFTHSM = tomllib.loads((data_dir("hsm") / "profiles" / "softhsm2.toml").read_text())


@pytest.fixture
def write(tmp_path):
    def write(**changes):
        table = {key: value for key, value in (SOFTHSM | changes).items() if value is not None}
        path = tmp_path / "own.toml"
        quirks = table.pop("quirks", {})
        lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        lines += ["[quirks]"] + [f"{key} = {json.dumps(value)}" for key, value in quirks.items()]
        path.write_text("\n".join(lines))
        return path

    return write


@pytest.mark.parametrize("name", shipped())
def test_shipped_profiles_load(name):
    profile = VendorProfile.load(name)
    assert profile.name == name
    assert Curve.NIST_P256 in profile.curves
    assert profile.quirks.label_length >= 20


def test_the_known_vendors_are_there():
    assert {"softhsm2", "yubihsm2", "utimaco", "luna", "cloudhsm"} <= set(shipped())


def test_only_softhsm_makes_tokens():
    assert [name for name in shipped() if VendorProfile.load(name).creates_tokens] == ["softhsm2"]


def test_an_own_profile_is_named_by_its_path(write):
    path = write(name="own", quirks={"ec_point": "raw", "kdfs": ["null", "sha256"], "label_length": 16})
    profile = VendorProfile.load(path)
    assert (profile.name, profile.quirks.ec_point, profile.quirks.label_length) == ("own", "raw", 16)
    assert profile.quirks.peer_point == "raw"
    assert VendorProfile.load(str(path)) == profile


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quirks": {"ec_pont": "raw"}}, "unknown quirk ec_pont"),
        ({"quirks": {"ec_point": "hex"}}, "ec_point is one of der, raw"),
        ({"quirks": {"kdfs": ["sha1"]}}, "kdfs is one of null, sha256"),
        ({"quirks": {"kdfs": "null"}}, "list of texts"),
        ({"quirks": {"label_length": True}}, "label_length is to be a int"),
        ({"quirks": {"immutable_keys": "yes"}}, "immutable_keys is to be a bool"),
        ({"slots": 3}, "unknown field slots"),
        ({"vendor": None}, "vendor missing"),
        ({"mechanisms": ["ECDSA"]}, "ECDH1_DERIVE, EC_KEY_PAIR_GEN"),
        ({"curves": ["secp521r1"]}, "curves"),
        ({"modules": []}, "list of texts"),
    ],
)
def test_what_is_not_known_is_refused_by_name(write, change, said):
    with pytest.raises(ConfigError, match=said):
        VendorProfile.load(write(**change))


def test_a_missing_profile_names_those_that_exist():
    with pytest.raises(ConfigError) as refusal:
        VendorProfile.load("softhsm3")
    assert "softhsm2" in refusal.value.hint


def test_a_profile_that_is_no_toml_is_refused(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("name = ")
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        VendorProfile.load(path)


def test_a_module_that_is_not_installed_names_its_places(write):
    with pytest.raises(ConfigError) as refusal:
        VendorProfile.load(write(modules=["/nonexistent/a.so", "/nonexistent/b.so"])).module
    assert "/nonexistent/b.so" in refusal.value.hint
