"""Health, logs, metrics and the supervisor's plans."""

import io
import json
import logging
import threading
from pathlib import Path

import pytest

from v2xpki.config import Instance, Settings
from v2xpki.errors import ConfigError, TokenLost
from v2xpki.web import logs, metrics
from v2xpki.web.health import KEEP, Finding, Health
from v2xpki.web.process import SOCKET_PATH_LIMIT, RoleSettings, private_dir, socket_path
from v2xpki.web.supervisor import BACK_OFF, Child, Plan, Supervisor, bind, warnings


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# --- health -------------------------------------------------------------------------------------


def test_a_check_runs_once_however_often_it_is_asked_for() -> None:
    runs: list[int] = []
    clock = Time()
    health = Health("ea", lambda: {"token": lambda: runs.append(1) or Finding("signs")}, clock)
    for _ in range(10):
        assert health.ready()
    assert len(runs) == 1
    clock.now += KEEP
    assert health.ready() and len(runs) == 2


def test_who_asks_while_a_check_hangs_gets_the_last_result() -> None:
    clock, entered, release = Time(), threading.Event(), threading.Event()

    def check() -> Finding:
        if clock.now > 100:
            entered.set()
            release.wait(10)
        return Finding("signs")

    health = Health("ea", lambda: {"token": check}, clock)
    assert health.ready()
    clock.now += KEEP
    thread = threading.Thread(target=health.ready)
    thread.start()
    assert entered.wait(10)
    assert health.ready()  # does not wait for the other
    release.set()
    thread.join(10)


def test_a_warning_is_told_and_is_ready() -> None:
    document = Health("dc", lambda: {"lists": lambda: Finding("ends soon", warning=True)}).document()
    assert document["ready"] and document["checks"]["lists"] == {
        "ok": True,
        "text": "ends soon",
        "warning": True,
    }


def test_an_authority_that_cannot_start_is_not_ready() -> None:
    def checks() -> dict:
        raise TokenLost("no token")

    assert not Health("ea", checks).ready()


# --- logs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("digest 0011223344556677 unknown", "digest ... unknown"),
        ("short aabb stays", "short aabb stays"),
        ("got b'\\x00\\x01secret' here", "got b'...' here"),
        ('got b"it\'s" here', "got b'...' here"),
    ],
)
def test_what_looks_like_octets_does_not_reach_the_log(text: str, scrubbed: str) -> None:
    assert logs.scrub(text) == scrubbed


def test_times_of_ea_and_aa_are_hours_others_are_seconds() -> None:
    assert (
        logs.timestamp("ea", 1_800_003_599) == logs.timestamp("aa", 1_800_000_001) == "2027-01-15T08:00:00Z"
    )
    assert logs.timestamp("dc", 1_800_003_599) == "2027-01-15T08:59:59Z"


def test_an_error_is_described_by_kind_and_place_with_its_cause() -> None:
    try:
        try:
            raise KeyError("0011223344556677")
        except KeyError as error:
            raise TokenLost("gone") from error
    except TokenLost as error:
        told = logs.describe(error)
    assert told["error"] == "TokenLost" and "test_watching.py" in told["where"] and told["text"] == "gone"
    assert told["cause"] == "KeyError: '...'"


def test_lines_of_libraries_have_the_same_form() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter("aa"))
    record = logging.LogRecord("lib", logging.WARNING, "", 0, "got %s", (b"secret octets",), None)
    handler.emit(record)
    line = json.loads(stream.getvalue())
    assert line["event"] == "got b'...'" and line["time"].endswith(":00:00Z") and line["level"] == "warning"


def test_configured_logs_are_json_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("dc", "info")
    logs.logger().info("started", number=1)
    logs.logger().debug("not told")
    line = json.loads(capfd.readouterr().err)
    assert (line["event"], line["number"], line["role"], line["level"]) == ("started", 1, "dc", "info")


# --- metrics --------------------------------------------------------------------------------------


def test_outcomes_are_counted_without_their_reasons() -> None:
    told = metrics.Answers("ea")
    told.answered("enrolment", "unknownits", "no station 'name'")
    told.answered("enrolment", "unknownits", "no station 'other'")
    assert metrics.answers.labels("ea", "enrolment", "unknownits")._value.get() == 2


def test_gauges_of_one_name_are_one_family(tmp_path: Path) -> None:
    text = metrics.render(tmp_path, [
        ("v2xpki_ready", "1 where a role can work", {"role": "ea"}, 1.0),
        ("v2xpki_ready", "1 where a role can work", {"role": "aa"}, 0.0),
    ]).decode()  # fmt: skip
    assert text.count("# TYPE v2xpki_ready gauge") == 1
    assert 'v2xpki_ready{role="ea"} 1.0' in text and 'v2xpki_ready{role="aa"} 0.0' in text


def test_a_file_that_a_process_is_just_making_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    (tmp_path / "ea").mkdir()
    (tmp_path / "ea" / "counter_17.db").touch()
    assert b"v2xpki_ready" in metrics.render(tmp_path, [("v2xpki_ready", "x", {"role": "ea"}, 1.0)])


# --- plans ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"roles": ("root",)},
        {"roles": ("tlm",)},
        {"roles": ("xy",)},
        {"roles": ()},
        {"workers": 0},
        {"http": None},
    ],
)
def test_plans_that_make_no_sense_do_not_construct(options: dict) -> None:
    with pytest.raises(ConfigError):
        Plan(**{"http": "127.0.0.1:0"} | options)


def test_a_taken_or_foreign_address_is_told_by_its_option() -> None:
    first = bind("http", "127.0.0.1:0")
    try:
        with pytest.raises(ConfigError, match="--https 127"):
            bind("https", f"127.0.0.1:{first.port}")
        with pytest.raises(ConfigError):
            bind("http", "192.0.2.1:80")
        with pytest.raises(ConfigError):
            bind("http", "nonsense")
        assert first.url == f"http://127.0.0.1:{first.port}"
    finally:
        first.sock.close()


def test_a_base_url_that_nobody_listens_at_is_warned_of(tmp_path: Path) -> None:
    listener = bind("http", "127.0.0.1:0")
    try:
        right = Settings(base_url=f"http://127.0.0.1:{listener.port}")
        assert warnings(Instance(tmp_path, right), [listener]) == []
        (told,) = warnings(Instance(tmp_path, Settings(base_url="https://pki.example")), [listener])
        assert "https://pki.example" in told
        lab = Settings(base_url=f"http://127.0.0.1:{listener.port}", lab=True)
        assert "laboratory" in warnings(Instance(tmp_path, lab), [listener])[0]
    finally:
        listener.sock.close()


def test_a_process_that_keeps_dying_is_started_ever_more_rarely(tmp_path: Path) -> None:
    clock = Time()
    said: list[str] = []
    supervisor = Supervisor(
        Instance(tmp_path, Settings()), Plan(http="127.0.0.1:0"), say=said.append, monotonic=clock
    )
    child = Child("ea", (), {})
    waits = []
    for _ in range(8):
        child.process = type("Dead", (), {"returncode": 3, "pid": 1})()
        child.started = clock.now
        supervisor._died(child, clock.now)
        waits.append(round(child.again_at - clock.now, 3))
    assert waits == [*BACK_OFF, BACK_OFF[-1], BACK_OFF[-1]]
    assert said[0] == "ea ended with 3; again in 0.2 s (log: ea.log)"
    child.process, child.started = type("Dead", (), {"returncode": 0, "pid": 1})(), clock.now - 1000
    supervisor._died(child, clock.now)
    assert round(child.again_at - clock.now, 3) == BACK_OFF[0]


# --- settings of processes --------------------------------------------------------------------------


def test_a_role_s_settings_survive_their_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v2xpki.toml").write_text("format = 1\n")
    settings = RoleSettings(role="aa", instance=Instance.load(tmp_path), bind="unix:/x.sock", workers=3,
                            ea_routes={"http://x/ea": "/ea.sock"})  # fmt: skip
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    again = RoleSettings.from_environment()
    assert (again.role, again.bind, again.workers, again.tls) == ("aa", "unix:/x.sock", 3, False)
    assert again.ea_routes == settings.ea_routes and again.instance.directory == tmp_path
    monkeypatch.delenv("V2XPKI_ROLE")
    with pytest.raises(ConfigError):
        RoleSettings.from_environment()


def test_a_folder_too_deep_for_a_socket_gets_a_short_way_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    near, deep = Instance(Path("/srv/pki"), Settings()), Instance(Path("/srv") / ("d" * 120), Settings())
    assert socket_path(near, "ea") == "/srv/pki/run/ea.sock"
    assert len(socket_path(deep, "ea")) <= max(SOCKET_PATH_LIMIT, len(str(tmp_path)) + 60)
    assert socket_path(deep, "ea") == socket_path(deep, "ea") != socket_path(deep, "aa")
    assert Path(socket_path(deep, "ea")).parent.stat().st_mode & 0o777 == 0o700


def test_a_private_folder_is_made_private_and_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    assert private_dir(tmp_path / "open").stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "open")
    with pytest.raises(ConfigError):
        private_dir(tmp_path / "link")
