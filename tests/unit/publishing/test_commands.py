"""What `v2xpki ctl diff` and its like print."""

import json

import pytest

from v2xpki.authorities.etsi.rollover import Rollover
from v2xpki.cli import main
from v2xpki.trust.lists import AaEntry


def run(*arguments: object, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    assert ended.value.code == code
    return ""


@pytest.fixture
def said(capsys):
    def call(*arguments: object, code: int = 0) -> str:
        run(*arguments, code=code)
        return capsys.readouterr().out

    return call


def test_diff_names_what_was_added_removed_and_changed(house, said):
    lists = house.hall.directory / "root/lists"
    aa = next(e for e in house.ctl().entries if isinstance(e, AaEntry))
    kept = [e for e in house.ctl().entries if e != aa]
    house.publish_root(entries=[*kept, AaEntry(aa.certificate, "https://new.example/aa")])
    house.publish_root(revoked=[aa.certificate])
    hex8 = aa.certificate.hex8
    text = said("ctl", "diff", lists / "ctl-0.oer", lists / "ctl-1.oer", code=1)
    assert text.splitlines() == [
        f"- aa {hex8} aa of a test accessPoint=http://127.0.0.1:8080/aa",
        f"+ aa {hex8} aa of a test accessPoint=https://new.example/aa",
    ]
    found = json.loads(said("ctl", "diff", lists / "ctl-0.oer", lists / "ctl-1.oer", "--json", code=1))
    assert found["sequences"] == [0, 1] and not found["added"] and not found["removed"]
    assert found["changed"][0]["after"]["accessPoint"] == "https://new.example/aa"
    gone = json.loads(said("ctl", "diff", lists / "ctl-1.oer", lists / "ctl-2.oer", "--json", code=1))
    assert gone["removed"][0]["certificate"]["hashedId8"] == hex8.lower()
    assert said("crl", "diff", lists / "crl-0.oer", lists / "crl-1.oer", code=1) == f"+ {hex8}\n"
    assert said("crl", "diff", lists / "crl-1.oer", lists / "crl-0.oer", code=1) == f"- {hex8}\n"
    assert said("ctl", "diff", lists / "ctl-2.oer", lists / "ctl-2.oer") == ""


def test_a_delta_is_shown_and_verified_like_a_full_list(house, said):
    lists = house.hall.directory / "root/lists"
    aa = next(e for e in house.ctl().entries if isinstance(e, AaEntry))
    house.publish_root(revoked=[aa.certificate])
    shown = json.loads(said("ctl", "show", lists / "ctl-1-delta.oer", "--json"))
    assert (shown["isFull"], shown["sequence"], shown["entries"]) == (False, 1, [])
    assert shown["deleted"] == [aa.certificate.hex8.lower()]
    root = house.hall.directory / "root/certificates/root-1.oer"
    at = "2026-06-02T00:00:00Z"
    said("ctl", "verify", lists / "ctl-1-delta.oer", "--chain", root, "--time", at)
    tlm = house.hall.directory / "tlm/certificates/tlm-1.oer"
    said("ctl", "verify", lists / "ctl-1-delta.oer", "--chain", tlm, "--time", at, code=1)


def test_import_is_told_in_counts_and_leaves_out_what_is_over(house, said):
    house.hall.directory.joinpath("v2xpki.toml").write_text("lab = false\n")
    lists = house.hall.directory / "root/lists"
    assert json.loads(said("crl", "publish", house.hall.directory, "--from", lists, "--yes", "--json")) == {
        "kind": "crl", "lists": [], "new": 0, "known": 0, "older": 0, "transcripts": [], "warnings": [],
    }  # fmt: skip
    said("crl", "publish", house.hall.directory, "--from", lists, code=1)


def test_a_roll_over_is_told_step_by_step_and_begun_with_yes_alone(house, said):
    directory = house.hall.directory
    directory.joinpath("v2xpki.toml").write_text("lab = false\n")
    ceremonies = sorted(directory.glob("ceremonies/*"))
    text = said("ca", "rollover", directory, "root")
    assert "root: generation 1 to 2, brainpoolP384r1" in text
    assert "waits for root/certificates/root-2.oer" in text and "ceremony run" not in text
    assert sorted(directory.glob("ceremonies/*")) == ceremonies
    text = said("ca", "rollover", directory, "root", "--yes")
    new = {path.name for path in directory.glob("ceremonies/*")} - {path.name for path in ceremonies}
    assert new == {f"rollover-root-2-{name}.yaml" for name in ("certificate", "ea-request", "aa-request")}
    assert all(f"ceremony run {directory}/ceremonies/{name}" in text for name in new)
    assert "then carry root/certificates/root-2.oer" in text
    found = json.loads(said("ca", "rollover", directory, "tlm", "--json"))
    assert (found["from"], found["to"], found["steps"][0]["state"]) == (1, 2, "ready")
    said("ca", "rollover", directory, "ea", code=2)
    said("ca", "rollover", directory, "tlm", "--curve", "none", code=2)


def test_a_link_is_shown_and_verified_by_the_data_commands_and_is_no_list(house, said):
    house.clock.advance(3600)
    Rollover.plan(house.instance, "tlm", clock=house.clock).carry_out("alice", holder=house.hold)
    folder = house.hall.directory / "tlm"
    old, new = (folder / f"certificates/tlm-{number}.oer" for number in (1, 2))
    link = folder / "links/tlm-link-1.oer"
    assert json.loads(said("data", "show", link, "--json"))["link"]["form"] == "tlm"
    verdict = json.loads(said("data", "verify", link, "--chain", new, old, "--json"))
    assert verdict["verdict"] == "valid" and len(verdict["chain"]) == 2
    bad = json.loads(said("data", "verify", link, "--chain", old, new, "--anchor", new, "--json", code=1))
    assert bad["rule"] == "signer"
    said("data", "lint", link)
    said("ectl", "verify", link, "--chain", old, code=1)
    said("ectl", "show", link, code=1)
    said("ectl", "lint", link, code=1)
