"""An image is taken only with a statement of whom the OEM believes; every refusal says why."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from tests.support.provenance import BUILDER, attest, envelope, new_key, pem, policy_text, statement
from v2xpki.errors import ConfigError, InvalidProvenance
from v2xpki.trust.ota.keys import key_of_pem
from v2xpki.trust.ota.provenance import (
    RELEASE_V01,
    RELEASE_V02,
    SLSA_V02,
    SLSA_V1,
    Accepted,
    Policy,
    Rule,
    check,
)  # fmt: skip

SHA = "ab" * 32
KEY, OTHER = new_key(), new_key()
ID = key_of_pem(pem(KEY).encode(), "key").keyid


def no_files(name: str) -> bytes:
    raise FileNotFoundError(2, "no such file", name)


def policy(more: str = "", *keys: object) -> Policy:
    return Policy.parse(policy_text(*(keys or (KEY,)), more=more), no_files)


def judge(octets: bytes, by: Policy | None, name: str = "brake", hardware_id: str = "bcm-2") -> Accepted:
    return check(octets, by, SHA, name=name, hardware_id=hardware_id)


def refused(rule: Rule) -> "pytest.RaisesExc[InvalidProvenance]":
    return pytest.raises(InvalidProvenance, check=lambda error: error.rule == rule)


def test_slsa_provenance_of_a_builder_on_the_policy_is_accepted() -> None:
    assert judge(attest(SHA, KEY), policy()) == Accepted(SLSA_V1, BUILDER, ID)


def test_the_older_statement_and_slsa_v02_are_accepted_where_the_policy_has_them() -> None:
    old = attest(
        SHA, KEY, _type="https://in-toto.io/Statement/v0.1", predicateType=SLSA_V02,
        predicate={"builder": {"id": BUILDER}},
    )  # fmt: skip
    assert judge(old, policy(f'predicates = ["{SLSA_V02}"]')).predicate_type == SLSA_V02
    with refused(Rule.PREDICATE_TYPE):
        judge(old, policy())


@pytest.mark.parametrize("kind", [RELEASE_V01, RELEASE_V02])
def test_a_release_predicate_is_of_whoever_signed_it(kind: str) -> None:
    by = policy(f'predicates = ["{kind}"]')
    octets = attest(SHA, KEY, predicateType=kind, predicate={"purl": "pkg:generic/brake@1.0"})
    assert judge(octets, by) == Accepted(kind, BUILDER, ID)
    with refused(Rule.STATEMENT):
        judge(attest(SHA, KEY, predicateType=kind, predicate={}), by)


def test_what_the_library_signs_is_accepted_too() -> None:
    signer = CryptoSigner.generate_ed25519()
    signed = Envelope(json.dumps(statement(SHA)).encode(), "application/vnd.in-toto+json", {})
    signed.sign(signer)
    private: Ed25519PrivateKey = signer._private_key
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    by = Policy.parse(f'[[builder]]\nid = "{BUILDER}"\nkeys = [{json.dumps(public)}]', no_files)
    assert judge(json.dumps(signed.to_dict()).encode(), by).keyid == key_of_pem(public.encode(), "key").keyid


def test_a_keyid_in_the_envelope_is_no_more_than_a_hint() -> None:
    payload = json.dumps(statement(SHA)).encode()
    assert judge(envelope(payload, KEY, keyid="whatever"), policy()).keyid == ID
    with refused(Rule.SIGNATURE):
        judge(envelope(payload, OTHER, keyid=ID), policy())


def test_without_a_policy_nothing_is_accepted() -> None:
    with refused(Rule.NO_POLICY):
        judge(attest(SHA, KEY), None)


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"{", b"[]", b"{}", b"\xff", b'{"payload":"","payloadType":"x","signatures":[]}',
        b'{"payload":"*","payloadType":"x","signatures":[{"sig":"AA=="}]}',
        b'{"payload":"","payloadType":1,"signatures":[{"sig":"AA=="}]}',
        b'{"payload":"","payloadType":"x","signatures":[{"keyid":"1"}]}',
        b'{"payload":"","payloadType":"x","signatures":["AA=="]}',
        b'{"payload":"","payloadType":"x","signatures":[{"sig":1}]}',
        b'{"payload":"","payload":"","payloadType":"x","signatures":[{"sig":"AA=="}]}',
        json.dumps({"payload": "", "payloadType": "x", "signatures": [{"sig": "AA=="}] * 17}).encode(),
    ],
)  # fmt: skip
def test_what_is_no_dsse_envelope_is_refused(octets: bytes) -> None:
    with refused(Rule.NOT_DSSE):
        judge(octets, policy())


def test_another_payload_type_is_refused_though_it_is_signed() -> None:
    octets = envelope(json.dumps(statement(SHA)).encode(), KEY, kind="application/json")
    with refused(Rule.PAYLOAD_TYPE):
        judge(octets, policy())
    # the type is under the signature: it cannot be put right afterwards
    relabelled = octets.replace(b"application/json", b"application/vnd.in-toto+json")
    with refused(Rule.SIGNATURE):
        judge(relabelled, policy())


def test_a_payload_that_nobody_signed_is_not_even_read() -> None:
    with refused(Rule.SIGNATURE):
        judge(envelope(b"not JSON", OTHER), policy())
    with refused(Rule.STATEMENT):
        judge(envelope(b"not JSON", KEY), policy())


def test_a_changed_payload_is_refused() -> None:
    document = json.loads(attest("cd" * 32, KEY))
    document["payload"] = base64.b64encode(json.dumps(statement(SHA)).encode()).decode()
    with refused(Rule.SIGNATURE):
        judge(json.dumps(document).encode(), policy())


@pytest.mark.parametrize(
    "subject",
    [
        [],
        [{"digest": {"sha256": "cd" * 32}}],
        [{"digest": {"sha512": SHA}}],
        [{"digest": SHA}],
        [{"digest": {"sha256": SHA.upper()}}],
        ["x"],
    ],
)
def test_a_statement_about_another_image_is_refused(subject: object) -> None:
    with refused(Rule.SUBJECT):
        judge(attest(SHA, KEY, subject=subject), policy())


def test_one_subject_of_several_is_enough() -> None:
    assert judge(attest(SHA, KEY, subject=[{"digest": {"sha256": s}} for s in ("cd" * 32, SHA)]), policy())


def test_a_builder_that_is_not_on_the_policy_is_refused_though_a_signer_signed() -> None:
    other = {"runDetails": {"builder": {"id": BUILDER + "x"}}}
    for predicate in (other, {}, {"runDetails": []}, None):
        with refused(Rule.BUILDER):
            judge(attest(SHA, KEY, predicate=predicate), policy())


def test_a_signer_of_one_builder_does_not_speak_for_another() -> None:
    second = f'[[builder]]\nid = "https://other.example"\nkeys = [{json.dumps(pem(OTHER))}]'
    with refused(Rule.SIGNATURE):
        judge(attest(SHA, OTHER), policy(second))


@pytest.mark.parametrize("kind", ["https://slsa.dev/provenance/v0.1", "https://example/other", ""])
def test_a_predicate_that_is_not_understood_is_refused(kind: str) -> None:
    with refused(Rule.PREDICATE_TYPE):
        judge(attest(SHA, KEY, predicateType=kind), policy())


@pytest.mark.parametrize("changes", [{"_type": "https://in-toto.io/Statement/v2"}, {"subject": {}}])
def test_what_is_no_statement_is_refused(changes: dict[str, object]) -> None:
    with refused(Rule.STATEMENT):
        judge(attest(SHA, KEY, **changes), policy())


def test_two_signers_are_needed_where_the_policy_says_two() -> None:
    by = policy("threshold = 2", KEY, OTHER)
    with refused(Rule.SIGNATURE):
        judge(attest(SHA, KEY, KEY), by)
    both = judge(attest(SHA, KEY, OTHER), by)
    assert len(set(both.keyid.split(","))) == 2


def test_a_builder_makes_only_what_the_policy_lets_it_make() -> None:
    by = policy('names = ["brake*"]\nhardware_ids = ["bcm-?"]')
    assert judge(attest(SHA, KEY), by)
    for name, hardware_id in (("engine", "bcm-2"), ("brake", "ecm-1")):
        with refused(Rule.BUILDER):
            judge(attest(SHA, KEY), by, name, hardware_id)


def test_keys_are_texts_names_or_files(tmp_path: Path) -> None:
    (tmp_path / "ci.pem").write_text(pem(KEY))
    texts = (
        policy_text(KEY),
        f'[keys]\nci = {json.dumps(pem(KEY))}\n[[builder]]\nid = "{BUILDER}"\nkeys = ["ci"]',
        f'[[builder]]\nid = "{BUILDER}"\nkeys = ["ci.pem"]',
    )
    for text in texts:
        by = Policy.parse(text, lambda name: (tmp_path / name).read_bytes())
        assert judge(attest(SHA, KEY), by).keyid == ID


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "builder"),
        ("builder = []", "builder"),
        ("[[builder]]\nid = 'x'", "builder[0].keys"),
        ("[[builder]]\nid = 'x'\nkeys = []", "threshold"),
        ("[[builder]]\nid = 'x'\nkeys = ['gone.pem']", "gone.pem"),
        ("[[builder]]\nid = 'x'\nkeys = ['-----BEGIN nothing']", "builder[0].keys"),
        (policy_text(KEY, more="threshold = 2"), "threshold"),
        (policy_text(KEY, KEY, more="threshold = 2"), "threshold"),
        (policy_text(KEY, more="threshold = 0"), "threshold"),
        (policy_text(KEY, more="predicates = ['https://example/other']"), "predicates"),
        (policy_text(KEY, more="names_ = []"), "names_"),
        ("[[builder", "policy"),
    ],
)
def test_a_policy_that_says_nothing_clear_is_refused(text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named.replace("[", r"\[")):
        Policy.parse(text, no_files)
