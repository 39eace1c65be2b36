"""Electors and the root of an SCMS: what they sign, what never, and what is left when a process dies."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.scms_trust import NOW, SERIES
from v2xpki.authorities.domain import OpenDomain
from v2xpki.authorities.scms.component_request import ComponentRequest, request_tbs
from v2xpki.authorities.scms.electors import Elector
from v2xpki.authorities.scms.scms_root import ScmsRoot
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import (
    CeremonyRefused,
    ConfigError,
    InvalidCtl,
    InvalidSignature,
    LintFailed,
    UnexpectedContent,
)
from v2xpki.issuance import recover, sign_component_request
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore
from v2xpki.store import Database, upgrade
from v2xpki.store.auditing import examine
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.time import FixedClock
from v2xpki.trust import Profiles
from v2xpki.trust.scms_ctl import ScmsCtl, ScmsTrust, verify_ctl_signature
from v2xpki.trust.scms_ctl_plan import CtlPlan, assemble
from v2xpki.trust.scms_profiles import role_of

P256 = Curve.NIST_P256
FOLDER = Path(__file__).parents[4]


def domain(name: str, folder: Path, key: MemoryKey | None = None) -> OpenDomain:
    clock = FixedClock(NOW)
    database = Database.open(folder / f"{name}.db", clock=clock)
    upgrade(database, name)
    keystore = MemoryKeystore("test")
    if key is None:
        keystore.generate(KeyLabel(name, "sign"), P256)
    else:
        keystore.add(KeyLabel(name, "sign"), key)
    config: Any = SimpleNamespace(name=name)
    return OpenDomain(config, keystore, database, Profiles.load(), clock)


@pytest.fixture
def electors(tmp_path: Path) -> list[Elector]:
    made = []
    for n in (1, 2, 3):
        elector = Elector(domain(f"elector{n}", tmp_path), KeyLabel(f"elector{n}", "sign"), None)
        elector.certify_self(f"elector{n}.example", None)
        made.append(elector)
    return made


@pytest.fixture
def root(tmp_path: Path) -> ScmsRoot:
    made = ScmsRoot(domain("scmsroot", tmp_path), KeyLabel("scmsroot", "sign"), None)
    made.certify_self("root.example", None)
    return made


def certificates(electors: list[Elector]) -> tuple[Certificate, ...]:
    return tuple(elector.certificate for elector in electors if elector.certificate)


@pytest.fixture
def plan(electors: list[Elector], root: ScmsRoot) -> CtlPlan:
    assert root.certificate
    return CtlPlan(SERIES, 0, NOW, certificates(electors), (root.certificate,), 2)


def test_two_electors_signatures_make_a_list_that_a_station_goes_by(electors, root, plan):
    signed = [elector.sign(plan, None) for elector in electors[:2]]
    assert signed[0].tbs == signed[1].tbs
    ctl = assemble(signed[0].tbs, [s.spdu for s in signed], [*plan.electors, *plan.roots])
    trust = ScmsTrust(certificates(electors), 2)
    trust.accept(ctl, NOW)
    assert trust.roots == (root.certificate,)


def test_each_signature_is_recorded_and_audited_before(electors, plan):
    electors[0].sign(plan, None)
    database = electors[0].domain.database
    assert records(database) == [("CTL", "issued"), ("ELECTOR", "issued")]
    assert examine(database).findings == ()


def test_the_same_list_again_gets_the_same_signature(electors, plan):
    first = electors[0].sign(plan, None)
    assert electors[0].sign(plan, None) == first
    assert records(electors[0].domain.database).count(("CTL", "issued")) == 1


def test_no_two_lists_of_one_number(electors, plan):
    electors[0].sign(plan, None)
    with pytest.raises(CeremonyRefused, match="another CTL 0"):
        electors[0].sign(replace(plan, quorum=1), None)


def test_no_list_of_a_number_that_is_past(electors, plan):
    first = electors[0].sign(plan, None)
    ctl = ScmsCtl.parse(assemble(first.tbs, [first.spdu]))
    electors[0].sign(replace(plan, sequence=1), ctl)
    with pytest.raises(CeremonyRefused, match="of the past"):
        electors[0].sign(plan, None)
    with pytest.raises(InvalidCtl):
        electors[0].sign(replace(plan, sequence=3), ctl)


def test_who_is_no_elector_of_the_present_list_signs_no_next_one(electors, plan):
    without = replace(plan, electors=plan.electors[1:], quorum=1)
    with pytest.raises(CeremonyRefused, match="no elector"):
        electors[0].sign(without, None)
    signed = electors[1].sign(without, None)
    before = ScmsCtl.parse(assemble(signed.tbs, [signed.spdu]))
    with pytest.raises(CeremonyRefused, match="no elector"):
        electors[0].sign(replace(plan, sequence=1), before)  # it names itself again


def records(database: Database) -> list[tuple[str, str]]:
    t = table_of(IssuanceRecord)
    with database.read() as tx:
        return sorted((row.kind, row.state) for row in tx.execute(t.select()))


def test_killed_between_record_and_signature_the_list_is_signed_once_and_no_other(tmp_path, root, plan):
    key = MemoryKey.generate(P256)
    (tmp_path / "key.pem").write_bytes(key.to_pem())
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path), root.certificate.octets.hex()], cwd=FOLDER, check=False
    )
    assert done.returncode == -signal.SIGKILL
    again, own = killed(tmp_path)
    assert records(again.domain.database) == [("CTL", "open")]
    assert recover(again.domain.database).void == 1
    mine = replace(plan, electors=(own,), quorum=1)
    with pytest.raises(CeremonyRefused, match="another CTL 0"):
        again.sign(replace(mine, effective=NOW + 1), None)
    signed = again.sign(mine, None)
    verify_ctl_signature(signed.spdu, own, signed.tbs)
    assert records(again.domain.database) == [("CTL", "issued"), ("CTL", "void")]
    assert examine(again.domain.database).findings == ()


def killed(folder: Path) -> tuple[Elector, Certificate]:
    """An elector of a key in a file, with a certificate that another process can make as well."""
    key = MemoryKey.from_pem((folder / "key.pem").read_bytes())
    file = folder / "own.oer"
    if not file.exists():
        scratch = folder / "scratch"
        scratch.mkdir()
        made = Elector(domain("elector1", scratch, key), KeyLabel("elector1", "sign"), None)
        file.write_bytes(made.certify_self("elector1.example", None).octets)
    own = Certificate.parse(file.read_bytes())
    folder = folder / "killed"
    folder.mkdir(exist_ok=True)
    return Elector(domain("elector1", folder, key), KeyLabel("elector1", "sign"), own), own


# --- the root ---------------------------------------------------------------------------------------


def request(name: str, *, folder: Path) -> ComponentRequest:
    part = domain("aca", folder)
    part.keystore.generate(KeyLabel("aca", "encrypt"), P256)
    keys = part.keystore
    sign, encrypt = (keys.public_key(KeyLabel("aca", use)) for use in ("sign", "encrypt"))
    tbs = request_tbs(name, sign, encrypt)
    octets = sign_component_request(keys, KeyLabel("aca", "sign"), tbs, part.database, part.clock)
    assert records(part.database)[-1] == ("REQUEST", "issued")
    return ComponentRequest.parse(octets)


def test_a_component_is_certified_for_the_keys_of_its_request(root, tmp_path):
    asked = request("aca.example", folder=tmp_path)
    made = root.certify(asked, "ACA", "aca.example")
    assert made.verification_key == asked.verification_key and made.encryption_key == asked.encryption_key
    assert role_of(made).kind == "aca" and made.record.to_be_signed.craca_id == root.certificate.hashed_id3
    made.verify_signature(root.certificate)
    assert root.certify(asked, "ACA", "aca.example") == made
    assert records(root.domain.database) == [("ACA", "issued"), ("SCMS_ROOT", "issued")]


def test_a_linkage_authority_has_its_id_and_no_certificate_without(root, tmp_path):
    asked = request("la1.example", folder=tmp_path)
    with pytest.raises(ConfigError, match="SSP"):
        root.certify(asked, "LA", "la1.example")
    assert role_of(root.certify(asked, "LA", "la1.example", la_id=1)).value.la_id == 1


def test_what_a_root_does_not_certify(root, tmp_path):
    asked = request("aca.example", folder=tmp_path)
    with pytest.raises(CeremonyRefused, match="request is of"):
        root.certify(asked, "ACA", "another.example")
    for kind in ("SCMS_ROOT", "ELECTOR", "PSEUDONYM"):
        with pytest.raises(CeremonyRefused, match="a root certifies"):
            root.certify(asked, kind, "aca.example")
    with pytest.raises(LintFailed):
        period = root.certificate.record.to_be_signed.validity_period
        root.certify(asked, "ACA", "aca.example", period._replace(start=period.start - 1))
    root.certify(asked, "ACA", "aca.example")
    with pytest.raises(CeremonyRefused, match="has a certificate of kind ACA"):
        root.certify(asked, "ECA", "aca.example")


def test_a_request_that_was_changed_or_says_more_is_refused(tmp_path):
    asked = request("aca.example", folder=tmp_path)
    with pytest.raises(InvalidSignature):
        ComponentRequest.parse(asked.octets[:-1] + bytes([asked.octets[-1] ^ 1]))
    part = domain("ra", tmp_path)
    label = KeyLabel("ra", "sign")
    tbs = request_tbs("ra.example", part.keystore.public_key(label), None)._replace(crl_series=4)
    octets = sign_component_request(part.keystore, label, tbs, part.database, part.clock)
    with pytest.raises(UnexpectedContent, match="more than"):
        ComponentRequest.parse(octets)


if __name__ == "__main__":  # the process that dies
    elector, own = killed(Path(sys.argv[1]))
    top = Certificate.parse(bytes.fromhex(sys.argv[2]))
    keystore: Any = elector.domain.keystore
    issuing = keystore.issuing_key

    def dying(label: KeyLabel) -> Any:
        found = issuing(label)
        found.sign = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        return found

    keystore.issuing_key = dying
    elector.sign(CtlPlan(SERIES, 0, NOW, (own,), (top,), 1), None)
