"""What `v2xpki ctl diff` and its like print."""

import json

import pytest

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
