"""The ceremonies of an SCMS and its elections: what they make, and above all what they refuse."""

import hashlib
from pathlib import Path

import pytest

from tests.unit.ceremony.conftest import Hall
from v2xpki.authorities.etsi.ceremony_process import Held, held
from v2xpki.authorities.scms import bootstrap, election
from v2xpki.authorities.scms.ceremony_file import ELECTORS
from v2xpki.authorities.scms.distribution import open_distribution
from v2xpki.authorities.scms.electing import Changes, gathered
from v2xpki.authorities.scms.la_keys import secrets_of
from v2xpki.authorities.scms.secrets import SecretStore, la_keys
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused, ConfigError, InvalidCtl, InvalidSignature, NotRecipient
from v2xpki.keystore import KeyLabel, MemoryKeystore
from v2xpki.store.aca import WrappedSecret
from v2xpki.time import FixedClock
from v2xpki.trust.scms_ctl import ScmsCtl
from v2xpki.trust.scms_profiles import role_of

TOML = 'profile = "scms"\n'


class ScmsHall(Hall):
    """All ceremonies that `init` holds, by name."""

    files: dict[str, Path]

    def hold(self, *names: str) -> None:
        for name in names or bootstrap.CEREMONIES:
            self.run_file(self.files[name])

    def spoilt(self, name: str, old: str, new: str) -> Path:
        text = self.files[name].read_text()
        assert old in text
        file = self.directory / "ceremonies" / "spoilt.yaml"
        file.write_text(text.replace(old, new))
        return file

    def holder(self, file: Path, operator: str) -> Held:
        return held(self.run_file(file))

    def certificate(self, path: str) -> Certificate:
        return Certificate.parse((self.directory / path).read_bytes())


@pytest.fixture
def hall(tmp_path: Path, fixed_clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> ScmsHall:
    (tmp_path / "v2xpki.toml").write_text(TOML)
    monkeypatch.setattr(MemoryKeystore, "close", lambda self: None)
    made = ScmsHall(Instance.load(tmp_path), fixed_clock)
    made.files = {}
    (tmp_path / "ceremonies").mkdir()
    for name, text in bootstrap.render(made.instance, "pki.example", fixed_clock):
        made.files[name] = tmp_path / "ceremonies" / f"01-{name}.yaml"
        made.files[name].write_text(text)
    return made


@pytest.fixture
def installed(hall: ScmsHall) -> ScmsHall:
    hall.hold()
    bootstrap.install(hall.instance, hall.clock)
    return hall


def test_the_shipped_ceremonies_make_components_of_their_roles(installed):
    assert set(installed.files) == set(bootstrap.CEREMONIES)
    root = installed.certificate("scmsroot/certificates/scmsroot-1.oer")
    roles = {"eca": "eca", "ra": "ra", "aca": "aca", "la1": "la", "la2": "la", "ma": "ma"}
    for name, role in roles.items():
        made = installed.certificate(f"{name}/certificates/{name}-1.oer")
        made.verify_signature(root)
        assert role_of(made).kind == role and made.name == f"{name}.pki.example"
        assert made.verification_key == installed.keystores[name].public_key(KeyLabel(name, "sign"))
    ids = [role_of(installed.certificate(f"la{n}/certificates/la{n}-1.oer")).value.la_id for n in (1, 2)]
    assert ids == [1, 2]
    crlg = installed.certificate("ma/certificates/crlg-1.oer")
    assert crlg.verification_key == installed.keystores["ma"].public_key(KeyLabel("ma-crl", "sign"))


def test_the_key_of_an_la_reaches_the_aca_and_lies_nowhere_in_clear(installed):
    with installed.database("aca") as database:
        store = SecretStore(database, WrappedSecret, installed.keystores["aca"], KeyLabel("aca", "wrap"))
        held_by_aca = {found.la_id: id8 for id8, found in la_keys(store).items()}
    secrets = []
    for n, name in enumerate(("la1", "la2"), 1):
        with installed.database(name) as database:
            secrets.append(secrets_of(database, installed.keystores[name]).shared[0].key)
        assert held_by_aca.keys() == {b"\0\1", b"\0\2"} and n
    assert secrets[0] != secrets[1]
    for path in installed.directory.rglob("*"):
        if path.is_file():
            octets = path.read_bytes()
            assert not any(key in octets or key.hex().encode() in octets for key in secrets), path


def test_the_plan_of_a_vote_shows_all_that_the_list_says(hall):
    hall.hold("scms-root", *(f"scms-{name}" for name in ELECTORS))
    hall.run_file(hall.files["scms-ctl-elector1"])
    plan = "\n".join(hall.shown)
    for name in ELECTORS:
        assert hall.certificate(f"{name}/certificates/{name}-1.oer").hex8 in plan
    assert hall.certificate("scmsroot/certificates/scmsroot-1.oer").hex8 in plan
    assert "quorum     2 of 3" in plan and "sequence 0" in plan and "SHA-384" in plan


def test_an_elector_signs_no_second_list_of_a_number(hall):
    hall.hold("scms-root", *(f"scms-{name}" for name in ELECTORS), "scms-ctl-elector1")
    signature = hall.directory / "elector1/lists/ctl-0.signature"
    signature.rename(signature.with_suffix(".gone"))
    with pytest.raises(CeremonyRefused, match="another CTL 0"):
        hall.run_file(hall.spoilt("scms-ctl-elector1", "quorum: 2", "quorum: 1"))
    hall.clock.now += 1
    hall.hold("scms-ctl-elector1")  # the very same again
    assert signature.read_bytes() == signature.with_suffix(".gone").read_bytes()


def test_a_ceremony_is_held_by_the_domain_whose_it_is(hall):
    with pytest.raises(CeremonyRefused, match="of domain scmsroot"):
        hall.run_file(hall.spoilt("scms-components", "domain: scmsroot", "domain: aca"))
    hall.hold("scms-root", *(f"scms-{name}" for name in ELECTORS))
    with pytest.raises(CeremonyRefused, match="outside the instance"):
        hall.run_file(hall.spoilt("scms-ctl-elector1", "output: elector1", "output: ../elector1"))
    with pytest.raises(CeremonyRefused, match="not of the key"):
        hall.run_file(hall.spoilt("scms-ctl-elector1", "signer: elector1/certificates/elector1",
                                  "signer: elector2/certificates/elector2"))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("scms-components", 'la_id: "0001"', 'la_id: "1"', "la_id"),
        ("scms-components", '    la_id: "0001"\n', "", "la_id"),
        ("scms-ctl-elector1", 'series: "', 'series: "0', "16 hex digits"),
        ("scms-ctl-elector1", "sequence: 0", "sequence: 1", "before"),
        ("scms-ctl-elector1", "quorum: 2\n", "quorum: 2\nsecret: 1\n", "unknown key secret"),
    ],
)
def test_a_file_that_says_the_wrong_thing_is_refused_by_name(hall, name, old, new, said):
    with pytest.raises(ConfigError, match=said):
        hall.run_file(hall.spoilt(name, old, new))


def test_a_request_that_was_changed_on_its_way_is_refused(hall):
    hall.hold("scms-root", *(name for name in hall.files if name.endswith("-request")))
    path = hall.directory / "ra/certificates/ra-1.request"
    octets = bytearray(path.read_bytes())
    octets[-1] ^= 1
    path.write_bytes(octets)
    with pytest.raises(InvalidSignature):
        hall.hold("scms-components")


def test_keys_that_are_not_of_the_kind_are_refused(hall):
    with pytest.raises(CeremonyRefused, match="not those of a CRLG"):
        hall.run_file(hall.spoilt("scms-ma-request", "{profile: MA, ", "{profile: CRLG, "))


def test_a_key_of_another_la_or_another_file_is_not_taken(hall):
    hall.hold(*(name for name in bootstrap.CEREMONIES if name != "scms-la-keys" and "ctl" not in name))
    swapped = hall.spoilt("scms-la-keys", "certificate: scmsroot/issued/la1-1.oer",
                          "certificate: scmsroot/issued/la2-1.oer")  # fmt: skip
    with pytest.raises(CeremonyRefused, match="no key of the linkage authority 0002"):
        hall.run_file(swapped)
    named = "la1-1.oer}"
    with pytest.raises(CeremonyRefused, match="not the file of the digest"):
        hall.run_file(hall.spoilt("scms-la-keys", named, f"la1-1.oer, digest: '{'00' * 32}'}}"))
    sealed = (hall.directory / "la1/certificates/aca-key-1.sealed").read_bytes()
    with pytest.raises(NotRecipient):
        hall.run_file(hall.spoilt("scms-la-keys", "certificate: scmsroot/issued/aca-1.oer",
                                  "certificate: scmsroot/issued/ra-1.oer"))  # fmt: skip
    digest = hashlib.sha256(sealed).hexdigest()
    hall.run_file(hall.spoilt("scms-la-keys", named, f"la1-1.oer, digest: '{digest}'}}"))


# --- elections ----------------------------------------------------------------------------------------


def newest(hall: ScmsHall) -> int:
    with hall.database("sdc") as database:
        ctl = open_distribution(hall.instance, database, hall.clock).newest.ctl
    assert ctl
    return ctl.sequence


def elect(hall: ScmsHall, changes: Changes = Changes(), signatures=()) -> election.Result:
    planned = election.plan(hall.instance, changes, hall.clock.now, hall.clock)
    return election.hold(hall.instance, planned, signatures, "alice", holder=hall.holder, clock=hall.clock)


def without(hall: ScmsHall, name: str) -> Changes:
    gone = hall.certificate(f"{name}/certificates/{name}-1.oer")
    return Changes(remove_electors=frozenset({gone.hashed_id8}))


def test_outside_a_laboratory_ceremonies_are_held_by_hand_and_the_quorum_decides(installed):
    done = elect(installed, without(installed, "elector3"))
    assert [file.name for file in done.files] == [f"{name}.yaml" for name in ELECTORS]
    assert (done.signed, done.needed, done.published) == (0, 2, False)
    installed.run_file(done.files[0])
    assert elect(installed).signed == 1 and newest(installed) == 0
    with pytest.raises(CeremonyRefused, match="cannot change"):
        elect(installed, Changes(quorum=1))
    installed.run_file(done.files[2])  # the one that goes has a voice in it
    assert elect(installed).published is True and newest(installed) == 1


def test_what_changes_nothing_or_names_nobody_is_refused(installed):
    with pytest.raises(CeremonyRefused, match="would say what"):
        elect(installed)
    with pytest.raises(CeremonyRefused, match="no root"):
        elect(installed, Changes(remove_roots=frozenset({bytes(8)})))
    with pytest.raises(InvalidCtl):
        elect(installed, Changes(quorum=4))
    assert not (installed.directory / "ceremonies" / "ctl-1").exists()


def test_a_signature_of_another_list_is_not_gathered(installed):
    done = elect(installed, without(installed, "elector3"))
    installed.run_file(done.files[0])
    old = (installed.directory / "elector2/lists/ctl-0.signature").read_bytes()
    (installed.directory / "elector2/lists/ctl-1.signature").write_bytes(old)
    with pytest.raises(InvalidCtl, match="not signed by"):
        elect(installed)
    assert newest(installed) == 0


def test_a_signature_that_somebody_else_brings_counts_if_it_is_an_electors(installed):
    done = elect(installed, without(installed, "elector3"))
    installed.run_file(done.files[0])
    installed.run_file(done.files[1])
    file = installed.directory / "elector2/lists/ctl-1.signature"
    brought = file.read_bytes()
    file.unlink()
    assert elect(installed).published is False
    assert elect(installed, signatures=[brought]).published is True


def test_files_of_two_lists_are_not_put_together(installed):
    first = [installed.files[f"scms-ctl-{name}"] for name in ELECTORS]
    assert isinstance(gathered(installed.instance, first), ScmsCtl)
    second = elect(installed, without(installed, "elector3")).files
    with pytest.raises(CeremonyRefused, match="of 2 lists"):
        gathered(installed.instance, [first[0], second[0]])
