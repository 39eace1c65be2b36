"""Lists as operators publish them and stations fetch them: commands, tokens and processes are real."""

import http.client
import json
from pathlib import Path

import pytest

from tests.support.lab import Lab, v2xpki, wait_until
from v2xpki.authorities.rounds import last_round
from v2xpki.crypto import Certificate
from v2xpki.trust.deltas import followed
from v2xpki.trust.lists import SignedList


@pytest.fixture(scope="module")
def offline(tmp_path_factory, token_store):
    directory = tmp_path_factory.mktemp("offline") / "pki"
    v2xpki("init", directory, "--yes")
    return directory


def certificate(lab: Lab, name: str) -> Certificate:
    return Certificate.parse((lab.directory / name / "certificates" / f"{name}-1.oer").read_bytes())


def get(lab: Lab, path: str, **headers: str) -> http.client.HTTPResponse:
    link = http.client.HTTPConnection(lab.base_url.partition("://")[2], timeout=30)
    link.request("GET", path, headers=headers)
    answer = link.getresponse()
    answer.octets = answer.read()
    link.close()
    return answer


def test_l6_a_list_that_is_published_is_fetched_at_once_full_and_delta_with_caching(worn: Lab) -> None:
    root, tlm = certificate(worn, "root"), certificate(worn, "tlm")
    before = SignedList.parse(get(worn, f"/dc/getctl/{root.hex8}").octets)
    assert get(worn, f"/dc/getctl/{root.hex8}/{before.sequence + 1}").status == 404
    done = json.loads(v2xpki("ctl", "publish", worn.directory, "--yes", "--json"))
    assert (done["new"], done["known"], done["warnings"]) == (2, 0, [])
    answer = get(worn, f"/dc/getctl/{root.hex8}")
    assert answer.headers["Content-Type"] == "application/x-its-ctl"
    assert answer.headers["Cache-Control"].startswith("public, max-age=")
    now = SignedList.parse(answer.octets)
    delta = SignedList.parse(get(worn, f"/dc/getctl/{root.hex8}/{now.sequence}").octets)
    assert now.sequence == before.sequence + 1 and followed(before, delta) == now.entries
    again = get(worn, f"/dc/getctl/{root.hex8.lower()}/", **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.octets) == (304, b"")
    v2xpki("ectl", "publish", worn.directory, "--yes")
    latest = get(worn, f"/cpoc/getdeltaectl/{tlm.hex8}")
    assert latest.headers["Content-Type"] == "application/octet-stream"
    assert latest.octets == get(worn, f"/cpoc/getdeltaectl/{tlm.hex8}/1").octets
    v2xpki("crl", "publish", worn.directory, "--yes")
    crl = get(worn, f"/dc/getcrl/{root.hex8}")
    assert crl.headers["Content-Type"] == "application/x-its-crl"
    SignedList.parse(crl.octets).verify(root, worn.clock.time32())


def test_ea_and_aa_go_by_the_new_list_soon(worn: Lab) -> None:
    v2xpki("ctl", "publish", worn.directory, "--yes")
    lists = worn.directory / "root" / "lists"
    full = [path for path in lists.glob("ctl-*.oer") if "delta" not in path.name]
    newest = max(full, key=lambda path: path.stat().st_mtime)
    for role in ("ea", "aa"):
        trust = worn.directory / role / "trust"
        wait_until(lambda trust=trust: (trust / "ctl.oer").read_bytes() == newest.read_bytes(), 180)
        assert not [state.problem for state in last_round(trust).lists.values() if state.problem]
    car = worn.station()
    car.authorize(car.enrol()).ok()


def test_metrics_readiness_and_status_tell_of_lists_and_of_the_laboratory(worn: Lab) -> None:
    found = worn.metrics()
    assert {"v2xpki_list_signed_seconds", "v2xpki_list_ahead", "v2xpki_trust_refreshes_total"} <= found.keys()
    assert json.loads(worn.ask("GET", "/readyz").body)["lab"] is True
    status = json.loads(v2xpki("status", worn.directory, "--json"))
    assert any("laboratory" in text for text in status["warnings"])
    assert {entry["state"] for entry in status["lists"]} == {"in force"}
    assert {entry["ahead"] for entry in status["lists"]} == {0}


def test_without_yes_nothing_is_signed(worn: Lab) -> None:
    before = sorted((worn.directory / "root/lists").iterdir())
    v2xpki("ctl", "publish", worn.directory, expect=1)
    assert sorted((worn.directory / "root/lists").iterdir()) == before


def test_a_comparison_says_what_changed_and_exits_1(worn: Lab, tmp_path: Path) -> None:
    lists = worn.directory / "root/lists"
    assert v2xpki("ctl", "diff", lists / "ctl-0.oer", lists / "ctl-1.oer") == ""
    same = json.loads(v2xpki("crl", "diff", lists / "crl-0.oer", lists / "crl-0.oer", "--json"))
    assert (same["added"], same["removed"]) == ([], [])
    v2xpki("ctl", "diff", lists / "ctl-0.oer", lists / "ctl-1-delta.oer", expect=2)
    v2xpki("ctl", "diff", lists / "ctl-0.oer", lists / "crl-0.oer", expect=2)


# --- not a laboratory -----------------------------------------------------------------------------------


def test_init_signs_the_first_run_ahead_and_the_tokens_may_go(offline):
    (offline / "root").rename(offline.with_name("root-away"))
    (offline / "tlm").rename(offline.with_name("tlm-away"))
    try:
        status = json.loads(v2xpki("status", offline, "--json"))
        assert {entry["kind"]: entry["ahead"] for entry in status["lists"]} == {"ctl": 7, "crl": 7, "ectl": 7}
        assert status["warnings"] == [] and status["lab"] is False
        v2xpki("ctl", "publish", offline, "--yes", expect=2)
    finally:
        offline.with_name("root-away").rename(offline / "root")
        offline.with_name("tlm-away").rename(offline / "tlm")


def test_the_next_run_is_prepared_reviewed_signed_and_carried_over(offline):
    v2xpki("ctl", "publish", offline, "--count", "2", "--yes", expect=2)
    prepared = json.loads(v2xpki("ctl", "prepare", offline, "--json"))
    assert (prepared["number"], prepared["count"]) == (8, 8)
    assert "holds" not in v2xpki("ceremony", "run", prepared["file"], expect=2)
    v2xpki("ceremony", "run", prepared["file"], "--yes")
    before = json.loads(v2xpki("status", offline, "--json"))["lists"]
    done = json.loads(v2xpki("ctl", "publish", offline, "--yes", "--json"))
    assert (done["new"], done["older"]) == (16, 0)
    after = json.loads(v2xpki("status", offline, "--json"))["lists"]
    for earlier, later in zip(before, after, strict=True):
        assert later["ahead"] - earlier["ahead"] == (8 if later["kind"] == "ctl" else 0)
    assert json.loads(v2xpki("ctl", "publish", offline, "--yes", "--json"))["new"] == 0
