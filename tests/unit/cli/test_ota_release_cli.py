"""`v2xpki ota release|campaign`: the same desks, here or over the operators' interface."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.full_disk import Disk
from tests.support.ota_desks import SETTINGS, Desks
from tests.support.ota_https import served
from tests.support.provenance import attest
from v2xpki.cli import main
from v2xpki.ota import desks as opening


@pytest.fixture
def desks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desks]:
    (tmp_path / "v2xpki.toml").write_text(SETTINGS)
    made = Desks(tmp_path)
    made.begin()

    @contextmanager
    def at_work(_: object, desk: type) -> Iterator[Any]:
        yield made.image_desk

    monkeypatch.setattr(opening, "at_work", at_work)
    # uploads of commands here go by the machine's clock
    made.image.clock.now = opening.SystemClock().time32()
    yield made
    made.image.database.close()


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(main, ["ota", *map(str, arguments), "--json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout) if code == 0 else result.output


def files(desks: Desks) -> list[object]:
    folder = desks.instance.directory
    (folder / "fw.bin").write_bytes(b"firmware" * 100)
    sha256 = hashlib.sha256(b"firmware" * 100).hexdigest()
    (folder / "fw.intoto.json").write_bytes(attest(sha256, desks.signer))
    return [
        folder / "fw.bin", "--name", "brake", "--version", "1", "--hardware-id", "bcm",
        "--release-counter", 3, "--attest", folder / "fw.intoto.json", "--requires", "engine:2",
    ]  # fmt: skip


def test_a_release_is_added_approved_and_asked_to_be_signed_here(desks: Desks) -> None:
    here = ["--instance", desks.instance.directory]
    (added,) = run("release", "add", *files(desks), *here, "--operator", "eve")
    assert (added["state"], added["requires"]) == ("staged", [{"name": "engine", "min": 2}])
    said = run("release", "approve", added["id"], *here, "--operator", "eve", code=1)
    assert "eve added it" in said
    run("release", "approve", added["id"], *here, "--operator", "ann")
    out = desks.instance.directory / "out"
    (asked,) = run("release", "request", "--out", out, *here)
    assert added["path"] in json.loads(Path(asked["requestFile"]).read_text())["signed"]["targets"]
    assert run("release", "show", added["id"], *here)["state"] == "signing"


def test_the_same_over_the_interface(desks: Desks, tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    with served(desks, tmp_path / "tls") as https:
        (added,) = run("release", "add", *files(desks), *https.options)
        assert added["addedBy"] == "eve"
        assert run("release", "list", *https.options) == [added]
        assert "approver" in run("release", "approve", added["id"], *https.options, code=1)
        withdrawn = run("release", "withdraw", added["id"], "--reason", "a fault", *https.options)[0]
        assert withdrawn["state"] == "withdrawn"
        assert "campaign-manager" in run("campaign", "halt", "x", "--reason", "y", *https.options, code=1)


def test_a_full_disk_is_named_with_its_file_here_and_with_the_server_there(
    desks: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, given = Disk(monkeypatch), files(desks)
    here, folder = ["--instance", desks.instance.directory], str(desks.instance.path("image/uploads"))

    def full(reach: list[object], *more: str) -> Any:
        disk.room = 10
        found = CliRunner().invoke(main, ["ota", "release", "add", *map(str, [*given, *reach]), *more])
        assert found.exit_code == 3 and "Errno" not in found.stderr
        return found

    told = json.loads(full(here, "--json").stdout)
    assert told["error"] == "disk-full" and told["place"].startswith(folder) and told["hint"]
    plain = full(here)
    assert folder in plain.stderr and told["hint"] in plain.stderr and not plain.stdout
    (tmp_path / "tls").mkdir()
    with served(desks, tmp_path / "tls") as https:
        assert f"{https.url}: HTTP 507: no room" in full(list(https.options)).stderr


def test_a_state_that_no_release_has_is_refused_with_those_that_there_are(desks: Desks) -> None:
    here = ["--instance", desks.instance.directory]
    assert "'published', 'withdrawing', 'withdrawn'" in run("release", "list", "--state", "x", *here, code=2)
    assert run("release", "list", "--state", "withdrawn", *here) == []


def test_one_way_to_the_desks_is_to_be_named() -> None:
    run("release", "list", code=2)
    run("release", "list", "--instance", "x", "--server", "https://x", code=2)
    run("release", "list", "--server", "https://x", code=2)
