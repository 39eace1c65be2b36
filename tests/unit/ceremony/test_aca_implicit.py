"""The ACA's key for implicit certificates: made and certified by ceremonies, where the operator allows it."""

import string
from pathlib import Path

import pytest

from tests.unit.ceremony.conftest import Hall
from v2xpki._resources import data_dir
from v2xpki.authorities.scms.aca import AuthorizationCertificateAuthority
from v2xpki.authorities.scms.aca_policy import KnownRas
from v2xpki.authorities.scms.implicit_key import acas_of_line, open_aca_implicit
from v2xpki.authorities.scms.secrets import SecretStore, implicit_name
from v2xpki.authorities.scms.status import implicit_key
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused, ConfigError
from v2xpki.keystore import KeyLabel, MemoryKeystore, UnwrappedKey
from v2xpki.store.aca import WrappedSecret
from v2xpki.trust.scms_profiles import issues_implicit, role_of

ALLOWED = '[aca]\nimplicit_key = "unwrapped"\n'
ACA, ISSUED = "aca/certificates/aca-1.oer", "scmsroot/issued/aca-implicit-1.oer"


class ScmsHall(Hall):
    def text(self, name: str) -> str:
        template = {"aca-request": "keeping-request"}.get(name, name)
        text = (data_dir("hsm") / "ceremonies" / "scms" / f"{template}.yaml").read_text()
        own = "aca-implicit.example" if "implicit" in name else "aca.example"
        filled = string.Template(text).safe_substitute(
            instance="..", domain="aca", profile="ACA", name="root.example" if name == "root" else own
        )
        if name != "components":
            return filled
        head, rest = filled.split("certificates:\n")
        piece = next(part for part in rest.split("  - ") if "aca-1.request" in part)
        return f"{head}certificates:\n  - {piece}".replace("${aca}", "aca.example")

    def allow(self, text: str) -> None:
        (self.directory / "v2xpki.toml").write_text('lab = true\nprofile = "scms"\n' + text)
        self.instance = Instance.load(self.directory)


class Told:
    def __init__(self) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []


@pytest.fixture
def hall(tmp_path: Path, fixed_clock, monkeypatch: pytest.MonkeyPatch) -> ScmsHall:
    monkeypatch.setattr(MemoryKeystore, "close", lambda self: None)
    (tmp_path / "v2xpki.toml").write_text('lab = true\nprofile = "scms"\n' + ALLOWED)
    made = ScmsHall(Instance.load(tmp_path), fixed_clock)
    made.run_all("root", "aca-request", "components")
    (tmp_path / ACA).write_bytes((tmp_path / "scmsroot/issued/aca-1.oer").read_bytes())
    return made


def install(hall: ScmsHall) -> Certificate:
    hall.run_all("aca-implicit", "aca-implicit-certificate")
    octets = (hall.directory / ISSUED).read_bytes()
    (hall.directory / "aca/certificates/aca-implicit-1.oer").write_bytes(octets)
    return Certificate.parse(octets)


def test_the_root_certifies_the_key_and_the_aca_opens_with_it(hall: ScmsHall):
    made, root = (
        install(hall),
        Certificate.parse((hall.directory / "scmsroot/certificates/scmsroot-1.oer").read_bytes()),
    )
    made.verify_signature(root)
    assert role_of(made).kind == "aca" and issues_implicit(made) and made.name == "aca-implicit.example"
    instance, keystore = hall.instance, hall.keystores["aca"]
    found = open_aca_implicit(instance.domain("aca"), instance.settings.aca)
    assert found == made
    own = Certificate.parse((hall.directory / ACA).read_bytes())
    assert not issues_implicit(own) and acas_of_line([made, own]) == (own, made)
    with hall.database("aca") as database:
        aca = AuthorizationCertificateAuthority.open(
            keystore, 1, own, database, ras=KnownRas([]), clock=hall.clock, craca_id=root.hashed_id3,
            implicit=found,
        )  # fmt: skip
        aca.close()
        secrets = SecretStore(database, WrappedSecret, keystore, KeyLabel("aca", "wrap"))
        assert (
            UnwrappedKey(secrets.get(implicit_name(made.verification_key))).public_key
            == made.verification_key
        )
    assert made.verification_key.point not in {key.public_key for key in keystore.keys()}


def test_the_plan_says_that_the_key_will_be_outside_of_the_token(hall: ScmsHall):
    hall.run("aca-implicit")
    assert any("outside of the token" in line for line in hall.shown)


def test_without_the_operators_word_no_key_is_made(hall: ScmsHall):
    hall.allow("")
    with pytest.raises(CeremonyRefused, match="not allowed"):
        hall.run("aca-implicit")
    assert open_aca_implicit(hall.instance.domain("aca"), hall.instance.settings.aca) is None
    with hall.database("aca") as database:
        secrets = SecretStore(database, WrappedSecret, hall.keystores["aca"], KeyLabel("aca", "wrap"))
        assert secrets.all("own:implicit") == {}


def test_allowed_but_not_there_is_an_error_and_so_is_another_certificate(hall: ScmsHall):
    domain, settings = hall.instance.domain("aca"), hall.instance.settings.aca
    with pytest.raises(ConfigError, match=r"aca-implicit-N\.oer"):
        open_aca_implicit(domain, settings)
    (hall.directory / "aca/certificates/aca-implicit-1.oer").write_bytes((hall.directory / ACA).read_bytes())
    with pytest.raises(ConfigError, match="is not of an ACA's key"):
        open_aca_implicit(domain, settings)


def test_the_newest_generation_is_the_one_in_use(hall: ScmsHall):
    made = install(hall)
    folder = hall.directory / "aca/certificates"
    (folder / "aca-implicit-1.oer").rename(folder / "aca-implicit-10.oer")
    (folder / "aca-implicit-9.oer").write_bytes(b"older")
    assert open_aca_implicit(hall.instance.domain("aca"), hall.instance.settings.aca) == made


def test_status_tells_that_such_a_key_exists(hall: ScmsHall):
    made, told = install(hall), Told()
    found = implicit_key(hall.instance, hall.clock, told)
    assert found is not None and found["hashedId8"] == made.hex8 and found["allowed"]
    assert told.problems == [] and "outside of its token" in told.warnings[0]
    hall.allow("")
    told = Told()
    assert implicit_key(hall.instance, hall.clock, told) == {"allowed": False}
    assert "unused" in told.warnings[0]
    (hall.directory / "aca/certificates/aca-implicit-1.oer").unlink()
    told = Told()
    assert implicit_key(hall.instance, hall.clock, told) is None and told.warnings == []
