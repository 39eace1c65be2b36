"""What a demo says when all is well, and when something is not."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.unit.trust.pki import Pki
from v2xpki import demo
from v2xpki.cli import main
from v2xpki.cli.output import print_json
from v2xpki.demo import Authority, EtsiReport, Knowledge, Member, Message, Refusal, ScmsReport, Steps
from v2xpki.demo.report_ota import Attempt, OtaReport, Repository, Role
from v2xpki.demo.show import Progress, print_report
from v2xpki.errors import V2xPkiError

HERE = Path("/somewhere")


@pytest.fixture(scope="module")
def pki():
    return Pki()


def message(rule=None, wanted=None, name="01-cam"):
    return Message(
        HERE / f"artifacts/messages/{name}.oer",
        tuple(HERE / f"artifacts/certificates/{name}.oer" for name in ("vehicle-at-1", "aa", "root")),
        "CAM",
        "vehicle",
        "rsu",
        "car at 50 km/h",
        rule,
        rule and f"because of its {rule}",
        wanted,
    )


@pytest.fixture
def report(pki):
    return EtsiReport(
        profile="etsi",
        directory=HERE,
        base_url="https://127.0.0.1:1",
        http_url="http://127.0.0.1:2",
        tlm=pki.tlm.certificate,
        authorities=[
            Authority("ea", pki.ea.certificate, "v2xpki-ea", ("ea-encrypt-1", "ea-sign-1"), {"EC": 2}),
            Authority("root", pki.root.certificate, "v2xpki-root", ("root-sign-1",), {"RCA": 1, "CTL": 1}),
        ],
        members=[
            Member("vehicle", "vehicle", "demo-vehicle", HERE, pki.ec.certificate, (pki.at.certificate,))
        ],
        messages=[message(), message("signature", "signature", "02-forged")],
        refusals=[Refusal("enrolment of nobody", "unknownits", "unknownits")],
        audit_entries=73,
        seconds=5.0,
    )


def printed(report, width=120, docs=None):
    out = io.StringIO()
    print_report(report, ".venv/bin/v2xpki", docs, Console(file=out, width=width))
    return out.getvalue()


def test_the_tables_have_authority_id_label_and_count(report, pki):
    text = printed(report)
    line = next(line for line in text.splitlines() if line.startswith("EA "))
    assert pki.ea.certificate.hex8 in line
    assert "ea-sign-1, ea-encrypt-1" in line
    assert "2 ECs" in line
    # that a root certified itself is no news
    assert next(line for line in text.splitlines() if line.startswith("Root CA")).rstrip().endswith("1 CTL")


def test_a_refusal_is_shown_with_its_reason(report):
    assert "✓ refused (signature): because of its signature" in printed(report)
    assert "1 messages accepted, 1 refused, 73 audit entries intact, in 5.0 s." in printed(report)


def test_the_next_steps_name_folder_urls_tlm_and_guides(report, pki):
    text = printed(report, docs=Path("docs"))
    for part in (
        "D=/somewhere",
        ".venv/bin/v2xpki serve $D",
        "https://127.0.0.1:1",
        "http://127.0.0.1:2",
        pki.tlm.certificate.hex8,
        "data verify $D/artifacts/messages/01-cam.oer --chain $C/vehicle-at-1.oer $C/aa.oer $C/root.oer",
        "docs/integrators-guide.md",
    ):
        assert part in text, part


def test_a_folder_with_a_blank_can_be_copied_from_the_next_steps(report):
    report.directory = Path("/some where")
    text = printed(report)
    assert "D='/some where'" in text
    assert 'serve "$D"' in text
    assert 'C="$D"/artifacts/certificates' in text
    assert '--chain "$C"/vehicle-at-1.oer' in text


def test_a_terminal_that_knows_no_check_marks_gets_others(report):
    out = io.TextIOWrapper(io.BytesIO(), encoding="iso-8859-1", newline="")
    print_report(report, "v2xpki", None, Console(file=out, width=120))
    out.flush()
    assert b"+ refused (signature)" in out.buffer.getvalue()


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_id_is_torn_apart_on_a_narrow_terminal(report, pki, width):
    text = printed(report, width)
    assert pki.ea.certificate.hex8 in text
    assert "ea-sign-1, ea-encrypt-1" in text


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda r: r.messages.append(message(None, "psid", "03")), "accepted, but had to be refused (psid)"),
        (lambda r: r.messages.append(message("stale", None, "03")), "refused (stale: because of its stale)"),
        (lambda r: r.messages.append(message("stale", "psid", "03")), "but had to be refused (psid)"),
        (lambda r: r.repeated.append(message(None, "replay")), "accepted, but had to be refused (replay)"),
        (lambda r: r.refusals.append(Refusal("x", None, "unknownits")), "x: granted, but had to be refused"),
        (lambda r: r.refusals.append(Refusal("x", "deniedrequest", "unknownits")), "x: deniedrequest, but"),
        (lambda r: r.faults.append("audit of ea: entry 3 is missing"), "entry 3 is missing"),
    ],
)
def test_whatever_goes_otherwise_is_a_problem_that_is_told(report, change, problem):
    assert report.problems == ()
    assert report.document()["ok"] is True
    change(report)
    assert any(problem in found for found in report.problems)
    assert report.document()["ok"] is False
    text = printed(report)
    assert "Something went otherwise than it should" in text
    assert "Where to go next" not in text
    assert "/somewhere/log" in text


def test_the_document_is_json_with_octets_as_hex(report, pki, capsys):
    print_json(report.document())
    document = json.loads(capsys.readouterr().out)
    assert document["authorities"][0]["hashedId8"] == pki.ea.certificate.hashed_id8.hex()
    first, second = document["messages"]
    assert (first["verdict"], first["rule"], first["reason"]) == ("valid", None, None)
    assert (second["verdict"], second["rule"]) == ("invalid", "signature")
    assert first["chain"] == [
        f"/somewhere/artifacts/certificates/{n}.oer" for n in ("vehicle-at-1", "aa", "root")
    ]


# --- an SCMS ---------------------------------------------------------------------------------------


@pytest.fixture
def scms(pki):
    return ScmsReport(
        profile="scms",
        directory=HERE,
        base_url="https://127.0.0.1:1",
        http_url="http://127.0.0.1:2",
        electors=(pki.tlm.certificate,),
        quorum=1,
        root=pki.root.certificate,
        messages=[message()],
        revoked=[message("certificate", "certificate", "revoked-1")],
        knowledge=[Knowledge("aca", 0, 0, 0, 80, 0, 0, 0, 0), Knowledge("ma", 0, 0, 0, 1, 0, 2, 1, 0)],
    )


def test_who_knew_what_is_a_table(scms):
    text = printed(scms)
    aca, ma = (next(line for line in text.splitlines() if line.startswith(name)) for name in ("ACA", "MA "))
    assert aca.split() == ["ACA", "-", "-", "-", "80", "-", "-", "no", "no"]
    assert ma.split() == ["MA", "-", "-", "-", "1", "-", "2", "1", "vehicle", "no"]
    assert "1 messages accepted, 1 refused" in text


def test_the_next_steps_of_an_scms_name_the_electors(scms):
    text = printed(scms, docs=Path("docs"))
    assert "--elector $D/artifacts/certificates/elector1.oer" in text
    assert "docs/privacy.md" in text


def test_a_revoked_vehicle_that_is_believed_is_a_problem(scms):
    assert scms.problems == ()
    scms.revoked.append(message(None, "certificate", "revoked-2"))
    (problem,) = scms.problems
    assert "accepted, but had to be refused (certificate)" in problem


# --- firmware ------------------------------------------------------------------------------------------


def attempt(rule=None, wanted=None):
    reason = None if rule is None else "it is older"
    return Attempt("brakes 1.0", "a thief", {"brake-1": "2.0"}, rule, reason, wanted, Path("targets.json"))


@pytest.fixture
def ota(pki):
    roles = (Role("root", 1, 2, 3, online=False), Role("targets", 2, 1, 1, online=True))
    return OtaReport(
        profile="ota",
        directory=Path("/somewhere"),
        base_url="https://127.0.0.1:1",
        http_url="http://127.0.0.1:2",
        vin="WV2XPK1DEM0000001",
        tlm=pki.tlm.certificate,
        repositories=[Repository("director", ("director-targets-sign-1",), roles)],
        attempts=[attempt(), attempt("rollback", "rollback")],
    )


def test_what_the_vehicle_takes_and_refuses_is_a_table(ota):
    text = printed(ota, docs=Path("docs"))
    assert "refuses (rollback): it is older" in text and "root 2 of 3" in text
    assert "1 updates taken, 1 refused" in text
    assert "ota evidence vehicle WV2XPK1DEM0000001" in text and "docs/runbooks.md" in text


def test_an_update_that_should_be_refused_and_is_not_is_a_problem(ota):
    assert ota.problems == ()
    ota.attempts.append(attempt(None, "rollback"))
    assert ota.problems == ("brakes 1.0: installed, but had to be refused (rollback)",)
    ota.attempts[-1] = attempt("freeze", None)
    assert ota.problems == ("brakes 1.0: refused (freeze: it is older), but had to be installed",)


# --- several -------------------------------------------------------------------------------------------


def test_all_profiles_are_one_document_with_all_messages(report, scms, ota, monkeypatch, tmp_path):
    reports = {"etsi": report, "scms": scms, "ota": ota}
    monkeypatch.setattr(demo, "run", lambda name, directory, steps: reports[name])
    result = CliRunner().invoke(main, ["demo", "--profile", "all", "--dir", str(tmp_path), "--json"])
    document = json.loads(result.stdout)
    assert result.exit_code == 0 and document["ok"] is True
    assert list(document["profiles"]) == ["etsi", "scms", "ota"]
    assert document["messages"] == [
        entry for one in document["profiles"].values() for entry in one["messages"]
    ]
    assert len(document["messages"]) == 3
    scms.faults.append("something")
    result = CliRunner().invoke(main, ["demo", "--profile", "all", "--dir", str(tmp_path), "--json"])
    assert (result.exit_code, json.loads(result.stdout)["problems"]) == (1, ["scms: something"])


# --- the command -------------------------------------------------------------------------------------


def test_the_command_exits_0_only_when_all_went_as_it_should(report, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "run", lambda name, directory, steps: report)
    arguments = ["demo", "--dir", str(tmp_path)]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    report.faults.append("something")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "something" in result.stdout
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert (result.exit_code, json.loads(result.stdout)["problems"]) == (1, ["something"])


def test_a_fault_leaves_the_logs_and_says_where(monkeypatch, tmp_path):
    def fails(name, directory, steps):
        (directory / "log").mkdir()
        raise V2xPkiError("the token is gone")

    monkeypatch.setattr(demo, "run", fails)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    result = CliRunner().invoke(main, ["demo"])
    (left,) = tmp_path.glob("v2xpki-demo-*")
    assert result.exit_code == 3
    assert f"logs in {left}/log" in result.stderr
    assert "the token is gone" in result.stderr


def test_a_fault_before_there_is_anything_leaves_no_folder(monkeypatch, tmp_path):
    def fails(name, directory, steps):
        raise V2xPkiError("no SoftHSM")

    monkeypatch.setattr(demo, "run", fails)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert CliRunner().invoke(main, ["demo"]).exit_code == 3
    assert list(tmp_path.iterdir()) == []


# --- progress ----------------------------------------------------------------------------------------


def steps_of(console):
    ticks = iter(range(0, 100, 2))
    return Steps(Progress(console), monotonic=lambda: next(ticks))


@pytest.mark.parametrize("terminal", [False, True])
def test_a_step_is_a_line_with_time_name_and_outcome(terminal):
    out = io.StringIO()
    steps = steps_of(Console(file=out, force_terminal=terminal, width=100, color_system=None))
    with steps.step("Services") as note:
        note("waiting")
        note("EA, AA at work")
    text = out.getvalue()
    assert "✓   2.0 s  Services       EA, AA at work" in text
    assert [(step.title, step.outcome, step.seconds) for step in steps.done] == [
        ("Services", "EA, AA at work", 2)
    ]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_step_that_fails_is_shown_as_such_and_raises(terminal):
    out = io.StringIO()
    steps = steps_of(Console(file=out, force_terminal=terminal, width=100))
    with pytest.raises(KeyError), steps.step("Services"):
        raise KeyError
    assert "✗" in out.getvalue()
    assert steps.done == []


def test_nobody_has_to_watch():
    steps = Steps()
    with steps.step("quiet") as note:
        note("done")
    with pytest.raises(KeyError), steps.step("Services"):
        raise KeyError
    assert [step.outcome for step in steps.done] == ["done"]
