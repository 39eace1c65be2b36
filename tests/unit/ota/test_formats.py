"""What both ends of firmware delivery read: canonical JSON, fields of targets, manifests, registrations."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner

from v2xpki.errors import DecodeError, EncodeError, InvalidSignature
from v2xpki.trust.ota.canonical import as_json, canonical, read_object
from v2xpki.trust.ota.fields import DirectorFields, ImageFields, Relation, may_follow
from v2xpki.trust.ota.keys import check_signature, key_document, key_of_pem, parse_key
from v2xpki.trust.ota.manifest import Installed, Manifest, manifest_body, report_body
from v2xpki.trust.ota.names import target_path
from v2xpki.trust.ota.registration import EcuEntry, Registration

VIN = "WVWZZZ1KZAW000001"
_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_text, _json, max_size=5))
def test_canonical_json_has_the_octets_of_the_librarys_encoder(value):
    assert canonical(value) == encode_canonical(value).encode()


@given(st.dictionaries(_text, _json, max_size=5))
def test_what_is_signed_can_be_put_into_a_document_on_one_line(value):
    line = as_json(canonical(value))
    assert b"\n" not in line
    assert json.loads(line) == value


@pytest.mark.parametrize("value", [{"a": 1.5}, {"a": [0.5]}, {"a": float("nan")}, {"a": b""}])
def test_what_canonical_json_cannot_say_is_refused(value):
    with pytest.raises(EncodeError):
        canonical(value)


def test_a_backslash_before_a_letter_is_no_control_character():
    assert json.loads(canonical({"a": "\\n\\u0007"})) == {"a": "\\n\\u0007"}


@pytest.mark.parametrize(
    "octets", [b"[]", b'{"a":1,"a":2}', b'{"a":1.0}', b"{", b'{"a":NaN}', b"\xff", b"[" * 100_000]
)
def test_json_that_can_be_read_in_two_ways_is_refused(octets):
    with pytest.raises(DecodeError):
        read_object(octets, "it", limit=1 << 20)


def test_json_over_its_limit_is_not_even_parsed():
    with pytest.raises(DecodeError, match="longer than 3 octets"):
        read_object(b'{"a":1}', "it", limit=3)


def _image(**changes):
    fields = {
        "name": "brakes",
        "version": "1.2",
        "hardwareIds": ["hw-a"],
        "releaseCounter": 7,
        "provenance": {"sha256": "0" * 64},
    }
    return {**fields, **changes}


def test_fields_of_an_image_come_back_as_they_were_written():
    told = _image(
        rxswin=["R1 2"],
        requires=[{"name": "gw", "min": 3}],
        conflicts=[{"name": "x", "max": 4}],
        rollbackFrom=9,
    )
    assert ImageFields.parse(told).document() == told


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hardwareIds": []}, "hardwareIds"),
        ({"hardwareIds": ["a", "b"]}, "hardwareIds"),
        ({"releaseCounter": -1}, "releaseCounter"),
        ({"releaseCounter": True}, "releaseCounter"),
        ({"rollbackFrom": 7}, "rollbackFrom"),
        ({"name": "../x"}, "name"),
        ({"surprise": 1}, "surprise"),
        ({"requires": [{"name": "x", "min": 3, "max": 2}]}, "max"),
    ],
)
def test_fields_that_break_a_rule_are_refused_by_name(changes, named):
    with pytest.raises(DecodeError, match=named):
        ImageFields.parse(_image(**changes))


def test_a_relation_holds_within_its_counters():
    relation = Relation("gw", 3, 5)
    assert [relation.holds("gw", n) for n in (2, 3, 5, 6)] == [False, True, True, False]
    assert not relation.holds("other", 4)


def test_fields_of_the_director_name_each_ecu_with_its_hardware():
    told = {"ecuIdentifiers": {"e1": {"hardwareId": "hw-a"}}, "releaseCounter": 7}
    fields = DirectorFields.parse(told)
    assert fields.ecus == {"e1": "hw-a"}
    assert fields.document() == told
    with pytest.raises(DecodeError, match="1 to"):
        DirectorFields.parse({"ecuIdentifiers": {}, "releaseCounter": 7})


def test_a_release_follows_a_higher_counter_only_where_it_says_so():
    assert may_follow(7, None, None)
    assert may_follow(7, None, 7)
    assert not may_follow(7, None, 8)
    assert may_follow(7, 9, 9)
    assert not may_follow(7, 9, 10)


@pytest.mark.parametrize("part", ["", "..", ".hidden", "a/b", "a\n", "x" * 65])
def test_a_target_path_has_no_part_that_leads_elsewhere(part):
    with pytest.raises(DecodeError):
        target_path("hw", part, "1", "f.img")


@pytest.mark.parametrize("make", [CryptoSigner.generate_ecdsa, CryptoSigner.generate_ed25519])
def test_a_key_is_known_by_a_keyid_that_is_computed(make):
    signer = make()
    key = parse_key(key_document(signer.public_key), "key")
    assert key.keyid == signer.public_key.keyid
    signature = signer.sign(b"octets").to_dict()
    check_signature(key, signature, b"octets", "it")
    with pytest.raises(InvalidSignature, match="it does not verify"):
        check_signature(key, signature, b"other", "it")


def test_a_key_of_another_kind_than_it_says_is_refused():
    document = key_document(CryptoSigner.generate_ecdsa().public_key)
    for changes in (
        {"keytype": "ed25519"},
        {"scheme": "ed25519"},
        {"keyval": {"public": "x"}},
        {"scheme": "md5"},
    ):
        with pytest.raises(DecodeError):
            parse_key({**document, **changes}, "key")


def test_a_short_rsa_key_is_refused():
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    with pytest.raises(DecodeError):
        key_of_pem(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "key")


def _manifest(**changes):
    installed = Installed("hw-a/brakes/1.1/f.img", 10, "a" * 64, 6)
    reports = {
        "p": {"signed": report_body("p", 1, "2026-11-25T00:00:00Z", installed, None), "signatures": []},
        "s": {
            "signed": report_body("s", 1, "2026-11-25T00:00:00Z", installed, "mix-and-match"),
            "signatures": [{"keyid": "b" * 64, "sig": "00"}],
        },
    }
    body = manifest_body(VIN, "p", 4, "2026-11-25T00:00:01Z", reports)
    return {"signed": {**body, **changes}, "signatures": [{"keyid": "c" * 64, "sig": "00"}]}


def test_a_manifest_says_what_each_ecu_has_installed():
    found = Manifest.parse(json.dumps(_manifest()).encode())
    assert (found.vin, found.primary, found.counter) == (VIN, "p", 4)
    assert found.reports["s"].attack == "mix-and-match"
    assert found.reports["s"].installed.release_counter == 6
    assert found.octets == canonical(_manifest()["signed"])


@pytest.mark.parametrize(
    "changes",
    [
        {"counter": 0}, {"time": "yesterday"}, {"vehicleId": "x"}, {"ecuManifests": {}}, {"more": 1},
        {"primaryEcu": "s"},  # then "p" would have to sign, and "s" would not
    ],
)  # fmt: skip
def test_a_manifest_that_breaks_a_rule_is_refused(changes):
    with pytest.raises(DecodeError):
        Manifest.parse(json.dumps(_manifest(**changes)).encode())


def test_a_registration_comes_back_as_it_was_written():
    keys = [CryptoSigner.generate_ecdsa().public_key, CryptoSigner.generate_ed25519().public_key]
    ecus = (EcuEntry("p", "hw-a", True, keys[0]), EcuEntry("s", "hw-b", False, keys[1]))
    asked = Registration("ab" * 16, VIN, "model-1", "pem", ecus)
    found = Registration.parse(asked.octets())
    assert found.octets() == asked.octets()
    assert [one.key.keyid for one in found.ecus] == [key.keyid for key in keys]


@pytest.mark.parametrize("primaries", [(True, True), (False, False)])
def test_a_registration_has_exactly_one_primary(primaries):
    ecus = tuple(
        EcuEntry(f"e{n}", "hw", primary, CryptoSigner.generate_ecdsa().public_key)
        for n, primary in enumerate(primaries)
    )
    with pytest.raises(DecodeError, match="exactly one"):
        Registration.parse(Registration("ab" * 16, VIN, "m", "pem", ecus).octets())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body["signatures"][0].update(sig=[[[]]]),
        lambda body: body["signed"]["ecuManifests"]["s"]["signatures"][0].update(sig={}),
        lambda body: body["signed"]["ecuManifests"]["s"]["signed"].update(attack="\ud800"),
    ],
)
def test_a_manifest_that_has_no_canonical_form_is_refused_as_any_other(spoil):
    body = _manifest()
    spoil(body)
    with pytest.raises(DecodeError):
        Manifest.parse(json.dumps(body).encode())


def test_a_key_of_another_curve_than_its_scheme_says_is_refused():
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    value = {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem}}
    with pytest.raises(DecodeError, match="nistp384"):
        parse_key(value, "key")
