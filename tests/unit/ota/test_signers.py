"""A signer's keys: in a token with a record of what they signed, or in an encrypted file."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from securesystemslib.signer import CryptoSigner
from sqlalchemy import delete, func, select

from tests.support.ota_repository import NOW, Scene
from v2xpki.crypto import Curve
from v2xpki.errors import (
    AuditError,
    ConfigError,
    DecodeError,
    IssuanceError,
    KeystoreError,
    Refused,
    StoreError,
)
from v2xpki.keystore import KeyLabel, MemoryKeystore
from v2xpki.ota.changes import DelegationChange, FirstRoles, RootChange
from v2xpki.ota.kinds import DIRECTOR
from v2xpki.ota.repository_reasons import SigningReason
from v2xpki.ota.signers import USES, Signer, SignerKeys, create_signer
from v2xpki.ota.signing_files import RequestFile, SignatureFile, differences
from v2xpki.ota.signing_record import signatures_made
from v2xpki.ota.software_keys import (
    SCHEMES,
    create_software_key,
    open_software_key,
    open_software_signer,
    record_of,
)
from v2xpki.store import Database, upgrade
from v2xpki.store.auditing import examine
from v2xpki.store.base import AuditHead, IssuanceRecord
from v2xpki.time import FixedClock, iso_from_time32


@pytest.fixture
def signer(tmp_path):
    keystore = MemoryKeystore("test")
    for use in USES:
        keystore.generate(KeyLabel(f"signer-{use}", "sign"), Curve.NIST_P256)
    clock = FixedClock(NOW)
    with Database.open(tmp_path / "signer.db", clock=clock) as database:
        upgrade(database, "signer")
        yield Signer("ann", keystore, database, clock)
        assert examine(database).intact


@pytest.fixture
def scene(tmp_path, signer):
    made = Scene(tmp_path)
    keys = signer.keys()
    made.signer = signer
    made.first = made.repository.bootstrap(FirstRoles((keys["root"],), 1, (keys["targets"],)), by="op")
    yield made
    made.database.close()


def records(signer):
    with signer._database.read() as tx:
        return tx.execute(select(func.count()).select_from(IssuanceRecord)).scalar()


def test_a_signature_is_recorded_and_never_made_twice(scene, signer):
    file = scene.repository.request_file(scene.first[0].id)
    first = signer.sign(file, by="ann")
    assert signer.sign(file, by="ann") == first
    assert records(signer) == 1
    taken = scene.repository.submit(first, by="op")
    assert taken.missing == {}


def test_a_signer_signs_only_what_asks_their_key_and_with_the_key_of_that_repository(scene, signer):
    file = scene.repository.request_file(scene.first[0].id)
    # a root of the Director's that names the Image repository's key, or says that it is the Director's
    with pytest.raises(Refused) as caught:
        signer.sign(file._replace(repository="director"), by="ann")
    assert caught.value.reason is SigningReason.UNKNOWN_KEY
    signer._clock.advance(scene.policy.root_validity)
    with pytest.raises(Refused) as caught:
        signer.sign(file, by="ann")
    assert caught.value.reason is SigningReason.EXPIRED
    assert records(signer) == 0


def test_a_signer_is_told_what_the_own_record_knows_otherwise(scene, signer):
    for request in scene.first:
        file = scene.repository.request_file(request.id)
        assert signer.remarks(file) == []
        scene.repository.submit(signer.sign(file, by="ann"), by="op")
    scene.later(1)
    request = scene.repository.request_targets("targets", by="op")
    file = scene.repository.request_file(request.id)
    assert signer.remarks(file) == []
    # a repository that hides a target by showing it as there already
    lie = {**file.former, "targets": {"hw-a/evil/1/evil.img": {"length": 1, "hashes": {"sha256": "00" * 32}}}}
    (remark,) = signer.remarks(file._replace(former=lie))
    assert "was not signed here" in remark
    signer.sign(file, by="ann")
    assert signer.remarks(file) == []
    scene.repository.drop(request.id, "no", by="op")
    scene.later(1)
    other = scene.repository.request_targets("targets", by="op")
    (remark,) = signer.remarks(scene.repository.request_file(other.id))
    assert remark == "another targets version 2 was signed here before"


def test_the_two_roots_have_different_keys(signer):
    keys = signer.keys()
    assert len({key.keyid for key in keys.values()}) == len(USES) == 3


def test_the_directors_next_root_is_no_root_of_the_image_repository(tmp_path, scene, signer):
    """Else a stolen Director could have its signers' next root name its own key for everyone's targets."""

    def agree(of, requests):
        for request in requests:
            of.repository.submit(signer.sign(of.repository.request_file(request.id), by="ann"), by="op")

    director = Scene(tmp_path, DIRECTOR)
    agree(scene, scene.first)
    agree(director, director.repository.bootstrap(FirstRoles((signer.keys()["director"],), 1), by="op"))
    agree(director, director.repository.request_root(RootChange(rotate=("targets",)), by="op"))
    foreign = director.repository.state().versions["root"]
    image = scene.repository.state()
    assert foreign.version == image.root.version + 1
    assert "not enough signatures" in image.having([foreign]).check(image.root, with_targets=False)
    director.database.close()


def test_public_keys_come_back_as_they_were_written(signer):
    document = SignerKeys("ann", signer.keys()).document()
    again = SignerKeys.parse(json.dumps(document).encode())
    assert {use: key.keyid for use, key in again.keys.items()} == {
        use: key.keyid for use, key in signer.keys().items()
    }
    for wrong in ({**document, "more": 1}, {**document, "root": {}}, {**document, "signer": "../x"}):
        with pytest.raises(DecodeError):
            SignerKeys.parse(json.dumps(wrong).encode())


def test_an_instance_is_made_with_a_real_token_of_its_own(tmp_path, in_own_process):
    code = (
        "import sys, json; from pathlib import Path\n"
        "from v2xpki.ota.signers import *\n"
        "made = create_signer(Path(sys.argv[1]), 'ann')\n"
        "with open_signer(Path(sys.argv[1])) as signer:\n"
        "    assert signer.name == 'ann'\n"
        "    assert SignerKeys('ann', signer.keys()).document() == made.document()\n"
        "    signer.rotate('root')\n"
        "    print(json.dumps([str(one.label) for one in signer._keystore.keys()]))\n"
    )
    labels = json.loads(in_own_process(code, tmp_path / "ann"))
    assert labels == [f"signer-{use}-sign-{n}" for use, n in
                      (("director", 1), ("root", 1), ("root", 2), ("targets", 1))]  # fmt: skip
    assert (tmp_path / "ann" / "signer" / "pin").stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="not empty"):
        create_signer(tmp_path / "ann", "ann")


def test_an_instance_that_breaks_a_rule_is_not_begun(tmp_path):
    for name, curve, error in (
        ("../ann", Curve.NIST_P256, DecodeError),
        ("a" * 33, Curve.NIST_P256, ConfigError),
        ("ann", Curve.BRAINPOOL_P256R1, IssuanceError),
    ):
        with pytest.raises(error):
            create_signer(tmp_path / "new", name, curve)
        assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_software_key_of_each_scheme_signs_what_the_repository_takes(tmp_path, scheme):
    path = tmp_path / "key.pem"
    made = create_software_key(path, scheme, "correct horse", "sue")
    assert path.stat().st_mode & 0o077 == 0
    opened = open_software_key(path, "correct horse", "sue")
    assert opened.public_key.keyid == made.public_key.keyid
    assert "correct horse" not in repr(opened)
    with pytest.raises(ConfigError, match="never made over"):
        create_software_key(path, scheme, "correct horse", "sue")
    for password in ("wrong horse", ""):
        with pytest.raises(KeystoreError) as caught:
            open_software_key(path, password, "sue")
        assert "horse" not in str(caught.value)
    scene = Scene(tmp_path)
    scene.begin()
    change = DelegationChange("supplier", (opened.public_key,), 1, ("hw-s/*/*/*",))
    requests = scene.repository.request_delegation(change, by="op")
    file = scene.repository.request_file(requests[1].id)
    file = RequestFile.parse(json.dumps(file.document()).encode())
    with open_software_signer(opened, path, clock=scene.clock) as supplier:
        first = supplier.sign(file, by="sue.b")
    scene.repository.submit(first, by="op")
    scene.agree(requests[:1])
    assert scene.repository.state().number("supplier") == 1
    with open_software_signer(opened, path, clock=scene.clock) as again:
        assert again.sign(file, by="sue.b") == first  # never made twice, whatever the scheme
        assert again.remarks(file) == []
    assert record_of(path).stat().st_mode & 0o077 == 0
    with Database.open(record_of(path), clock=scene.clock, must_exist=True) as record:
        [made] = signatures_made(record)
        assert examine(record).intact
    assert (made["operator"], made["at"]) == ("sue.b", iso_from_time32(scene.clock.time32()))
    assert (made["role"], made["version"], made["digest"]) == ("supplier", 1, file.id.hex())
    scene.database.close()


def test_a_software_key_signs_nothing_without_a_record(tmp_path, scene, monkeypatch):
    path = tmp_path / "key.pem"
    key = create_software_key(path, "ed25519", "correct horse", "sue")
    change = DelegationChange("supplier", (key.public_key,), 1, ("hw-s/*/*/*",))
    for one in scene.first:
        file = scene.repository.request_file(one.id)
        scene.repository.submit(scene.signer.sign(file, by="ann"), by="op")
    request = scene.repository.request_delegation(change, by="op")[1]
    file = scene.repository.request_file(request.id)
    monkeypatch.setattr(CryptoSigner, "sign", lambda *_: pytest.fail("the key was used"))
    with open_software_signer(key, path, clock=scene.clock) as signer:
        with signer._record._database.write(durable=True) as tx:
            tx.execute(delete(AuditHead))
        with pytest.raises(AuditError):
            signer.sign(file, by="sue")
    with pytest.raises(StoreError, match="nothing is signed without a record"):  # noqa: SIM117
        with open_software_signer(key, tmp_path / "gone" / "key.pem"):
            pass


def test_a_software_key_signs_only_what_asks_it(tmp_path, scene):
    path = tmp_path / "key.pem"
    key = create_software_key(path, "ed25519", "correct horse", "sue")
    file = scene.repository.request_file(scene.first[0].id)
    with open_software_signer(key, path) as signer, pytest.raises(Refused) as caught:
        signer.sign(file, by="sue")
    assert caught.value.reason is SigningReason.UNKNOWN_KEY


def test_a_key_that_is_not_encrypted_or_of_a_weak_kind_is_not_used(tmp_path):
    path = tmp_path / "key.pem"
    for key, encryption, error in (
        (generate_private_key(SECP256K1()), BestAvailableEncryption(b"p"), DecodeError),
        (generate_rsa(65537, 2048), BestAvailableEncryption(b"p"), DecodeError),
        (generate_rsa(65537, 2048), NoEncryption(), KeystoreError),
    ):
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        with pytest.raises(error):
            open_software_key(path, "p", "sue")
    with pytest.raises(KeystoreError):
        open_software_key(tmp_path / "none.pem", "p", "sue")


_TARGET = {"length": 1, "hashes": {"sha256": "00" * 32}}
_ROLE = {"name": "s", "keyids": ["0" * 64], "threshold": 1, "terminating": False, "paths": ["a/b/*/*"]}


def _without(document, name):
    return {key: value for key, value in document.items() if key != name}


def test_a_request_file_that_hides_something_is_not_read(scene):
    document = scene.repository.request_file(scene.first[1].id).document()
    signed = document["signed"]
    for wrong in (
        _without(document, "agree"),
        {**document, "more": 1},
        {**document, "repository": "elsewhere"},
        {**document, "role": "snapshot"},
        {**document, "role": "root"},
        {**document, "version": 2},
        {**document, "agree": []},
        {**document, "agree": [{**document["agree"][0], "keys": {"0" * 64: {}}}]},
        {**document, "signed": {**signed, "more": 1}},  # what a signer would not be shown
        {**document, "signed": {**signed, "targets": {"p": {**_TARGET, "more": 1}}}},
        {**document, "signed": {**signed, "delegations": {"keys": {}, "roles": [], "more": 1}}},
        {**document, "signed": {**signed, "delegations": {"keys": {}, "roles": [{**_ROLE, "more": 1}]}}},
        {**document, "signed": {**signed, "delegations": {"keys": {"0" * 64: {}}, "roles": []}}},
        {**document, "signed": {**signed, "expires": "soon"}},
        {**document, "signed": {**signed, "targets": {"p": {"length": 1, "hashes": {}}}}},
    ):
        with pytest.raises(DecodeError):
            RequestFile.parse(json.dumps(wrong).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"signatures": []},
        {"signatures": [{"keyid": "0" * 64, "sig": "00" * 32}] * 2},
        {"signatures": [{"keyid": "0" * 64, "sig": "zz" * 32}]},
        {"signatures": [{"keyid": "x", "sig": "00" * 32}]},
        {"request": "00"},
        {"signer": "a\nb"},
        {"repository": "elsewhere"},
        {"more": 1},
    ],
)
def test_a_signature_file_that_breaks_a_rule_is_not_read(change):
    good = SignatureFile("image", b"\0" * 32, "ann", {"0" * 64: "00" * 32}).document()
    assert SignatureFile.parse(json.dumps(good).encode()).signer == "ann"
    with pytest.raises(DecodeError):
        SignatureFile.parse(json.dumps({**good, **change}).encode())


def test_a_signers_terminal_is_told_no_control_characters():
    lines = differences(
        None,
        {
            "_type": "targets",
            "version": 1,
            "spec_version": "1.0.31",
            "expires": "2027-01-01T00:00:00Z",
            "targets": {"a\x1b[2Jb": {"length": 1, "hashes": {"sha256": "00" * 32}}},
        },
    )
    assert all(line.isprintable() for line in lines)
