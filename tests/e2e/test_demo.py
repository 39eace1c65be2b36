"""`v2xpki demo` as a newcomer runs it: one real run, looked at from all sides; and runs broken off."""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from tests.support.serving import wait_for
from v2xpki.cli import main
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.demo import chosen
from v2xpki.demo.serving import Server
from v2xpki.errors import ConfigError, CryptoError, TrustError
from v2xpki.time import SystemClock
from v2xpki.trust import SignedList
from v2xpki.trust.judge import Evidence, judge_data
from v2xpki.trust.lists import RcaEntry

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "v2xpki", "demo"]


def hears_ctrl_c():
    """Where the tests themselves run in the background, their children start deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(*options, **more):
    return subprocess.Popen(
        [*COMMAND, *map(str, options)],
        preexec_fn=hears_ctrl_c,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory, token_store):
    """Folder, document and progress of a whole demo."""
    directory = tmp_path_factory.mktemp("demo") / "pki"
    result = CliRunner().invoke(main, ["demo", "--dir", str(directory), "--json"])
    assert result.exit_code == 0, result.stderr
    return directory, json.loads(result.stdout), result.stderr


@pytest.fixture(scope="module")
def document(shown):
    return shown[1]


def v2xpki(*arguments):
    """Exit code and document of a command."""
    result = CliRunner().invoke(main, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def named(document, part):
    return next(entry for entry in document["messages"] if part in entry["file"])


# --- what it says --------------------------------------------------------------------------------


def test_everything_went_as_it_should(document):
    assert document["ok"] is True
    assert document["problems"] == []
    assert document["profile"] == "etsi"


def test_each_authority_has_its_keys_in_a_token_of_its_own(document):
    authorities = {entry["role"]: entry for entry in document["authorities"]}
    assert set(authorities) == {"tlm", "root", "ea", "aa"}
    for role, entry in authorities.items():
        assert f"{role}-sign-1" in entry["keyLabels"]
        assert bytes.fromhex(entry["hashedId8"])
    assert len({entry["token"] for entry in authorities.values()}) == 4


def test_the_counts_are_those_of_the_stations(document):
    issued = {entry["role"]: entry["issued"] for entry in document["authorities"]}
    vehicle, unit = document["stations"]
    assert issued["ea"] == {"EC": 2}
    assert issued["aa"] == {"AT": len(vehicle["tickets"]) + len(unit["tickets"])}
    assert (vehicle["profile"], unit["profile"]) == ("vehicle", "rsu")
    assert (vehicle["curve"], unit["curve"]) == ("nistP256", "brainpoolP256r1")


def test_a_vehicle_and_a_roadside_unit_understand_each_other(document):
    accepted = [entry for entry in document["messages"] if entry["verdict"] == "valid"]
    assert [entry["type"] for entry in accepted[:6]] == ["CAM", "CAM", "DENM", "MAPEM", "SPATEM", "IVI"]
    pairs = {(entry["from"], entry["to"]) for entry in accepted[:6]}
    assert pairs == {("vehicle", "rsu"), ("rsu", "vehicle")}
    assert all(entry["reason"] is None for entry in accepted)


def test_each_forgery_is_refused_for_its_own_reason(document):
    refused = {Path(e["file"]).stem.partition("forged-")[2]: e for e in document["messages"] if e["rule"]}
    assert {name: entry["rule"] for name, entry in refused.items()} == {
        "altered": "signature",
        "permission": "psid",
        "region": "region",
        "early-ticket": "generation-time",
        "future": "future",
        "self-made": "certificate",
    }
    assert all(entry["verdict"] == "invalid" and entry["reason"] for entry in refused.values())


def test_a_message_sent_again_is_refused(document):
    (again,) = document["repeated"]
    assert again["rule"] == "replay"
    assert named(document, again["file"])["verdict"] == "valid"


def test_vehicles_of_two_pkis_believe_each_other_until_a_root_is_off_the_ectl(document):
    there, back = [entry for entry in document["messages"] if "neighbour" in (entry["from"], entry["to"])]
    assert (there["from"], back["to"]) == ("vehicle", "vehicle")
    assert there["verdict"] == back["verdict"] == "valid"
    own, others = (Certificate.parse(Path(entry["chain"][-1]).read_bytes()) for entry in (there, back))
    assert own != others and others.hex8.lower() == document["neighbour"]["root"]
    (distrusted,) = document["distrusted"]
    assert (distrusted["verdict"], distrusted["rule"]) == ("invalid", "certificate")
    assert "is not trusted" in distrusted["reason"]
    # by its own chain it is right: that its root is off the list is all that is wrong with it
    code, _ = v2xpki("data", "verify", distrusted["file"], "--chain", *distrusted["chain"])
    assert code == 0
    lists = [
        SignedList.parse(Path(document["artifacts"][name]).read_bytes()) for name in ("ectl", "ectl-of-both")
    ]
    assert [sum(isinstance(e, RcaEntry) for e in found.entries) for found in lists] == [1, 2]
    code, status = v2xpki("status", document["neighbour"]["directory"])
    assert (code, status["problems"]) == (0, [])


def test_a_station_that_nobody_registered_gets_no_credential(document):
    assert [entry["code"] for entry in document["refusedRequests"]] == ["unknownits"]


def test_progress_goes_to_stderr_a_line_a_step_with_its_time(shown):
    _, document, progress = shown
    lines = progress.splitlines()
    assert len(lines) == len(document["steps"])
    for line, step in zip(lines, document["steps"], strict=True):
        assert step["title"] in line
        assert step["outcome"] in line


# --- what is in the folder, judged by others -------------------------------------------------------


def test_every_message_gets_the_same_verdict_from_data_verify(document):
    for entry in document["messages"]:
        code, verdict = v2xpki("data", "verify", entry["file"], "--chain", *entry["chain"])
        assert (verdict["verdict"], code) == (entry["verdict"], 0 if entry["verdict"] == "valid" else 1)
        if entry["rule"] not in (None, "certificate"):
            assert verdict["rule"] == entry["rule"], entry["what"]


def test_no_forgery_turns_valid_with_time(document):
    for entry in document["messages"]:
        evidence = Evidence([Certificate.parse(Path(path).read_bytes()) for path in entry["chain"]])
        octets = Path(entry["file"]).read_bytes()
        for later in (0, 86_400, 30 * 86_400, 4 * 365 * 86_400):
            now = SystemClock().time32() + later
            if entry["verdict"] == "valid":
                judge_data(octets, evidence, None, now)
            else:
                with pytest.raises((TrustError, CryptoError)):
                    judge_data(octets, evidence, None, now)


# What the linter sees of a forgery in the message itself; the others are well-formed lies.
SEEN_BY_THE_LINTER = {
    "a car as a road sign": "e_signer_psid",
    "under tomorrow's ticket": "e_signer_validity",
    "dated after its ticket": "e_signer_validity",
}


def test_all_messages_pass_the_linter_but_those_whose_form_is_forged(document):
    for entry in document["messages"]:
        code, found = v2xpki("data", "lint", entry["file"])
        errors = {finding["id"] for finding in found["findings"] if finding["severity"] == "error"}
        expected = {SEEN_BY_THE_LINTER[entry["what"]]} if entry["what"] in SEEN_BY_THE_LINTER else set()
        assert (errors, code) == (expected, 1 if expected else 0), entry["what"]


def test_the_certificates_verify_and_pass_the_linter(document):
    named = {name: Path(path) for name, path in document["artifacts"].items()}
    for name in ("tlm", "root", "ea", "aa", "vehicle-ec", "rsu-ec", "vehicle-at-1", "rsu-at-1"):
        assert v2xpki("cert", "lint", named[name])[0] == 0, name
    for name, issuer in (("vehicle-ec", "ea"), ("rsu-ec", "ea"), ("vehicle-at-1", "aa"), ("rsu-at-2", "aa")):
        assert v2xpki("cert", "verify", named[name], "--chain", named[issuer], named["root"])[0] == 0, name


def test_the_lists_verify_under_tlm_and_root(document):
    artifacts = {name: Path(path).read_bytes() for name, path in document["artifacts"].items()}
    tlm, root = (Certificate.parse(artifacts[name]) for name in ("tlm", "root"))
    for name, signer in (("ectl", tlm), ("ctl", root), ("crl", root)):
        found = SignedList.parse(artifacts[name])
        assert found.kind == name
        found.verify(signer, found.this_update)


def test_requests_and_answers_are_kept_as_sent_and_no_private_key_is_with_them(shown):
    directory = shown[0]
    wire = sorted(path.name for path in (directory / "artifacts/wire").iterdir())
    assert "vehicle-01-ea-request.oer" in wire
    assert "rsu-02-aa-answer.oer" in wire
    for path in (directory / "artifacts").rglob("*"):
        assert path.is_dir() or b"PRIVATE KEY" not in path.read_bytes()


def test_an_independent_station_comes_to_the_same_verdicts(document, shared_tools):
    sys.path.insert(0, str(shared_tools))
    try:
        import its1609
        import make_codec
    finally:
        sys.path.remove(str(shared_tools))
    its1609.use(make_codec.load(make_codec.TYPES))

    def judge(entry):
        ticket, aa, root = (its1609.Certificate(Path(path).read_bytes()) for path in entry["chain"])
        root.verify()
        aa.verify(root)
        its1609.check_containment(root, aa)
        its1609.need(ticket.value["issuer"][1] == aa.id8, "another issuer")
        its1609.verify(
            aa.key,
            ticket.value["signature"],
            its1609.signing_digest("sha256", "ToBeSignedCertificate", ticket.tbs, aa.coer),
        )
        its1609.check_containment(aa, ticket)
        signed = its1609.codec.decode("Ieee1609Dot2Data", Path(entry["file"]).read_bytes())["content"][1]
        header = signed["tbsData"]["headerInfo"]
        generated = header["generationTime"] / 1e6
        its1609.need(header["psid"] in ticket.permissions(), "a psid that the ticket does not hold")
        its1609.need(ticket.start <= generated < ticket.end, "outside the ticket's validity")
        digest = its1609.signing_digest("sha256", "ToBeSignedData", signed["tbsData"], ticket.coer)
        its1609.verify(ticket.key, signed["signature"], digest)

    for entry in document["messages"]:
        if entry["rule"] == "region":  # geometry is not its business
            continue
        if entry["verdict"] == "valid":
            judge(entry)
        else:
            with pytest.raises(its1609.Failed):
                judge(entry)


def test_a_dissector_reads_every_message_of_the_capture(document):
    try:
        done = subprocess.run(
            ["tshark", "-r", document["artifacts"]["pcap"], "-T", "fields", "-e", "_ws.col.Protocol"],
            capture_output=True,
            text=True,
            timeout=120,
        )
    except FileNotFoundError:
        pytest.skip("tshark is not here")
    names = [line.replace("IVIM", "IVI") for line in done.stdout.split()]
    assert names == [entry["type"] for entry in document["messages"]]


def test_the_folder_is_an_instance_whose_audit_record_is_intact(shown):
    directory, _, _ = shown
    code, status = v2xpki("status", directory)
    assert (code, status["problems"], status["serving"]) == (0, [], None)
    assert v2xpki("audit", "verify", directory)[0] == 0


def test_the_stations_can_go_on_as_clients(shown):
    directory, document, _ = shown
    code, found = v2xpki("client", "show", directory / "stations/vehicle")
    assert code == 0
    assert [ticket["hashedId8"] for ticket in found["tickets"]] == document["stations"][0]["tickets"]


def test_nothing_of_a_finished_demo_runs_on(shown):
    directory, document, _ = shown
    assert processes_of(directory) == []
    assert not is_listening(document["baseUrl"])


# --- the guides, on the folder that a demo leaves ---------------------------------------------------


def blocks(language):
    text = (ROOT / "docs/integrators-guide.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.soak
def test_what_the_guide_prints_works_on_the_folder_of_a_demo(shown, tmp_path, monkeypatch):
    directory, document, _ = shown
    server = Server(Instance.load(directory))
    try:
        server.await_ready()
        run_shell_of_the_guide(directory, document, tmp_path)
        run_python_of_the_guide(directory, document, tmp_path, monkeypatch)
    finally:
        server.stop()


def run_shell_of_the_guide(directory, document, folder):
    command = folder / "bin/v2xpki"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m v2xpki "$@"\n')
    command.chmod(0o755)
    block = blocks("sh")[0]  # the other one is for an SCMS, and starts its own PKI
    assert block.count("\nv2xpki ") > 8
    done = subprocess.run(
        ["sh", "-eu", "-c", block],
        cwd=folder,
        env=os.environ
        | {
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "D": str(directory),
            "URL": document["httpUrl"],
            "TLM": document["tlm"],
        },
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert "denm.oer: accepted" in done.stdout


def run_python_of_the_guide(directory, document, folder, monkeypatch):
    monkeypatch.chdir(folder)
    create, use = blocks("python")
    names = {"URL": document["baseUrl"], "TLM": document["tlm"], "TLS_CA": str(directory / "tls/ca.pem")}
    exec(create, names)
    register = ["station", "register", str(directory), "--id", "car-2", "--key", "car-2.pub.pem"]
    assert CliRunner().invoke(main, register).exit_code == 0
    exec(use, names)
    assert len(names["station"].tickets) == 5
    assert names["octets"][:2] == b"\x03\x81"


# --- where it does not go ---------------------------------------------------------------------------


def test_a_folder_in_use_is_refused_and_left_alone(shown):
    directory, _, _ = shown
    before = digest_of(directory / "v2xpki.toml")
    process = start("--dir", directory)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "is an instance already" in err
    assert digest_of(directory / "v2xpki.toml") == before


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_profile_that_is_not_there_names_those_that_are(tmp_path):
    result = CliRunner().invoke(main, ["demo", "--profile", "anything", "--dir", str(tmp_path / "pki")])
    assert result.exit_code == 2
    assert "no anything demo" in result.stderr
    assert "etsi" in result.stderr
    assert not (tmp_path / "pki").exists()


def test_all_stands_for_what_is_there():
    assert chosen("all") == ("etsi", "scms", "ota")
    with pytest.raises(ConfigError):
        chosen("")


# --- nothing stays behind -----------------------------------------------------------------------------


def processes_of(directory):
    """Processes whose command line or environment names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                told = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
                if str(directory).encode() in told:
                    found.append(int(entry.name))
    return found


def is_listening(url):
    parts = urlsplit(url)
    with socket.socket() as sock:
        sock.settimeout(2)
        return sock.connect_ex((parts.hostname, parts.port)) == 0


@pytest.fixture
def at_work(tmp_path, token_store):
    """A demo that has just started its services."""
    directory = tmp_path / "pki"
    process = start("--dir", directory)
    state = directory / "run/serve.json"
    wait_for(lambda: state.exists() or process.poll() is not None, 120)
    assert process.poll() is None, process.communicate()
    yield directory, process, json.loads(state.read_text())["listeners"]["https"]
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.communicate(timeout=30)


@pytest.mark.parametrize(
    "sig",
    [
        pytest.param(signal.SIGINT, id="ctrl-c", marks=pytest.mark.soak),
        pytest.param(signal.SIGTERM, id="terminate", marks=pytest.mark.soak),
    ],
)
def test_a_demo_that_is_stopped_ends_what_it_started_and_says_so(at_work, sig):
    directory, process, url = at_work
    process.send_signal(sig)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "everything that was started has ended" in err
    assert "Traceback" not in err
    assert processes_of(directory) == []
    assert not is_listening(url)


def test_services_do_not_outlive_a_demo_that_is_killed(at_work):
    directory, process, url = at_work
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: processes_of(directory) == [], 60)
    assert not is_listening(url)


def test_a_temporary_folder_goes_when_the_demo_is_stopped(tmp_path, token_store):
    process = start(env=os.environ | {"TMPDIR": str(tmp_path)})
    wait_for(lambda: list(tmp_path.glob("v2xpki-demo-*/ceremonies/*")), 120)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 2
    assert "Traceback" not in err
    assert list(tmp_path.glob("v2xpki-demo-*")) == []


BROKEN = """
import sys
from pathlib import Path
from v2xpki.config import Instance
from v2xpki.demo import Steps, etsi, run

def unreachable(directory, ports):
    with (directory / "v2xpki.toml").open("a") as file:
        file.write('[serve]\\nhttp = "203.0.113.1:1"\\n')
    return Instance.load(directory)

if __name__ == "__main__":
    etsi.write_settings = unreachable
    try:
        run("etsi", Path(sys.argv[1]), Steps())
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_services_that_do_not_start_are_told_with_their_last_words(tmp_path, token_store):
    script = tmp_path / "broken.py"
    script.write_text(BROKEN)
    done = subprocess.run(
        [sys.executable, script, tmp_path / "pki"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "V2xPkiError serve ended at once" in done.stdout, done.stderr
    assert "203.0.113.1:1" in done.stdout
    assert processes_of(tmp_path / "pki") == []
