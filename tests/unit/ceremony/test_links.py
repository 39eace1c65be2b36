"""Ceremonies in which an old root or TLM vouches for its successor (checklist C3)."""

import string
from pathlib import Path

import pytest
import yaml

from tests.unit.ceremony.test_ceremonies import audit_events, certificate, records
from v2xpki._resources import data_dir
from v2xpki.authorities.etsi.linking import links_signed_by
from v2xpki.errors import CeremonyRefused, ConfigError, InvalidLink, KeyNotFound
from v2xpki.trust.links import SignedLink


@pytest.fixture
def two(hall):
    """Two generations of root and TLM."""
    for name in ("tlm", "root"):
        hall.run(name)
        next_generation(hall, name)
    return hall


def next_generation(hall, name, number=2):
    hall.run(name, (f"{name}-sign-1", f"{name}-sign-{number}"), (f"{name}-1.oer", f"{name}-{number}.oer"))


def link_file(hall, name: str, old: int = 1, new: int = 2) -> Path:
    text = (data_dir("hsm") / "ceremonies" / f"{name}-link.yaml").read_text()
    path = hall.directory / "ceremonies" / f"{name}-link-{old}-{new}.yaml"
    path.write_text(string.Template(text).safe_substitute(instance="..", old=old, new=new))
    return path


def link(hall, path: str) -> SignedLink:
    return SignedLink.parse((hall.directory / path).read_bytes())


def test_c3_the_old_tlm_vouches_in_a_ceremony_that_is_recorded_audited_and_written_down(two):
    outcome = two.run_file(link_file(two, "tlm"))
    old, new = (certificate(two, f"tlm/certificates/tlm-{n}.oer") for n in (1, 2))
    link(two, "tlm/links/tlm-link-1.oer").verify(old, new, two.clock.time32())
    assert ("LINK", "issued") in records(two, "tlm")
    events = audit_events(two, "tlm")[-4:]
    assert events == ["ceremony.started", "issuance.signing", "issuance.signed", "ceremony.finished"]
    transcript = yaml.safe_load(outcome.transcript.read_text())
    plan = "\n".join(transcript["plan"])
    assert old.hex8 in plan and new.hex8 in plan and "tlm-sign-1" in plan
    assert transcript["outputs"][0]["file"] == "tlm/links/tlm-link-1.oer"


def test_c3_both_roots_sign_in_one_ceremony_two_records(two):
    two.run_file(link_file(two, "root"))
    old, new = (certificate(two, f"root/certificates/root-{n}.oer") for n in (1, 2))
    double = link(two, "root/links/root-link-1.oer")
    double.verify(old, new, two.clock.time32())
    assert double.message.signer_certificates == (new,)
    assert double.inner.octets == link(two, "root/links/root-link-1-single.oer").octets
    assert records(two, "root").count(("LINK", "issued")) == 2


def test_an_authority_vouches_for_one_successor_only(two):
    next_generation(two, "tlm", 3)
    two.run_file(link_file(two, "tlm"))
    file = link_file(two, "tlm", 1, 3)
    file.write_text(file.read_text().replace("tlm-link-1.oer", "other.oer"))
    with pytest.raises(CeremonyRefused, match="has vouched for"):
        two.run_file(file)
    assert records(two, "tlm").count(("LINK", "issued")) == 1
    two.run_file(link_file(two, "tlm", 2, 3))


def test_a_link_that_lost_its_file_gets_it_again_and_is_not_signed_again(two):
    for name, count in (("tlm", 1), ("root", 2)):
        file = link_file(two, name)
        two.run_file(file)
        path = two.directory / f"{name}/links/{name}-link-1.oer"
        before = path.read_bytes()
        with pytest.raises(CeremonyRefused, match="exists"):
            two.run_file(file)
        path.unlink()
        two.clock.advance(60)
        two.run_file(file)
        assert path.read_bytes() == before
        assert records(two, name).count(("LINK", "issued")) == count
        own = certificate(two, f"{name}/certificates/{name}-1.oer")
        with two.database(name) as database:
            assert len(links_signed_by(database, own.hashed_id8)) == 1


@pytest.mark.parametrize(
    ("name", "change", "error"),
    [
        ("tlm", ("tlm-sign-1", "tlm-sign-9"), KeyNotFound),
        ("tlm", ("successor: tlm/certificates/tlm-2", "successor: tlm/certificates/tlm-1"), InvalidLink),
        ("tlm", ("successor: tlm/certificates/tlm-2", "successor: root/certificates/root-2"), InvalidLink),
        ("tlm", ("successor: tlm/certificates/tlm-2", "successor: tlm/certificates/tlm-7"), CeremonyRefused),
        ("tlm", ("tlm/links", "../links"), CeremonyRefused),
        ("tlm", ("successor: tlm", "successor: ../tlm"), CeremonyRefused),
        ("tlm", ("domain: tlm", "domain: root"), CeremonyRefused),
        ("tlm", ("kind: tlm-link", "kind: tlm-link\nsuccessor_key: tlm-sign-2"), ConfigError),
        ("root", ("successor_key: root-sign-2\n", ""), ConfigError),
        ("root", ("domain: root", "domain: tlm"), CeremonyRefused),
    ],
)
def test_what_makes_no_succession_is_refused_before_anything_is_signed(two, name, change, error):
    file = link_file(two, name)
    assert change[0] in file.read_text()
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(error):
        two.run_file(file)
    assert not [state for kind, state in records(two, name) if kind == "LINK" and state != "void"]


def test_a_key_that_is_not_the_certificates_vouches_for_nobody(two):
    file = link_file(two, "root")
    file.write_text(file.read_text().replace("successor_key: root-sign-2", "successor_key: root-sign-1"))
    with pytest.raises(Exception, match="not of the key"):
        two.run_file(file)
    assert not list((two.directory / "root").glob("links/root-link-1.oer"))
