"""`v2xpki ota release|campaign`: the same desks, here or over the operators' interface."""

import hashlib
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.full_disk import Disk
from tests.support.ota_desks import SETTINGS, Desks
from tests.support.ota_https import served
from tests.support.ota_repository import Supplier
from tests.support.provenance import attest
from v2xpki.cli import main
from v2xpki.links.ota_desk import DeskLink
from v2xpki.ota import desks as opening
from v2xpki.ota.changes import DelegationChange
from v2xpki.ota.releases import Releases
from v2xpki.ota.uploads import Uploads


@pytest.fixture
def desks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desks]:
    (tmp_path / "v2xpki.toml").write_text(SETTINGS)
    made = Desks(tmp_path)
    made.begin()

    @contextmanager
    def at_work(_: object, desk: type, *, token: bool) -> Iterator[Any]:
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


@contextmanager
def reached(desks: Desks, folder: Path, way: str) -> Iterator[list[str]]:
    """The options of one way to the desks."""
    if way == "here":
        yield ["--instance", str(desks.instance.directory), "--operator", "eve"]
        return
    (folder / "tls").mkdir()
    with served(desks, folder / "tls") as https:
        yield https.options


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
        withdraw = ("release", "withdraw", added["id"], "--reason", "a fault", *https.options)
        assert "nothing was done" in run(*withdraw, code=1)
        assert run("release", "show", added["id"], *https.options) == added
        withdrawn = run(*withdraw, "--yes")[0]
        assert withdrawn["state"] == "withdrawn"
        halt = ("campaign", "halt", "x", "--reason", "y", "--yes")
        assert "campaign-manager" in run(*halt, *https.options, code=1)


@pytest.mark.parametrize("way", ["here", "served"])
def test_nothing_is_asked_to_be_signed_where_nothing_is_approved_but_a_renewal_is(
    desks: Desks, tmp_path: Path, way: str
) -> None:
    with reached(desks, tmp_path, way) as reach:
        assert "nothing is approved for targets" in run("release", "request", *reach, code=1)
        assert desks.image.repository.requests(only_open=True) == []
        run("release", "add", *files(desks), *reach)
        listed = CliRunner().invoke(main, ["ota", "release", "list", *map(str, reach)])
        assert [line.split()[2] for line in listed.stdout.splitlines()] == ["role", "targets"]
        if way == "served":  # there a renewal asks the same desk, and has what is approved, too
            out = tmp_path / "out"
            assert run("sign", "request", "targets", "--out", out, "--yes", *reach)


@pytest.mark.parametrize("way", ["here", "served"])
def test_a_second_release_of_a_version_is_refused_with_the_first_ones_name(
    desks: Desks, tmp_path: Path, way: str
) -> None:
    image, *options = files(desks)
    with reached(desks, tmp_path, way) as reach:
        (added,) = run("release", "add", image, *options, *reach)
        other = image.rename(image.with_name("other.bin"))
        refused = run("release", "add", other, *options, "--release-counter", 4, *reach, code=1)
        assert f"brake 1 for bcm is release {added['id']}, {added['path']}, which is staged" in refused
        assert "v2xpki ota release withdraw" in refused
        assert run("release", "list", *reach) == [added]


@pytest.mark.parametrize("way", ["here", "served"])
def test_a_release_names_the_role_that_is_to_sign(desks: Desks, tmp_path: Path, way: str) -> None:
    with reached(desks, tmp_path, way) as reach:
        (added,) = run("release", "add", *files(desks), "--role", "targets", *reach)
        assert added["role"] == "targets"
        refused = run("release", "add", *files(desks), "--role", "acme", *reach, code=1)
        assert "role acme may not name bcm/brake/1/fw.bin; targets may" in refused


@pytest.mark.parametrize("way", ["here", "served"])
def test_a_release_for_a_supplier_whose_delegation_waits_is_refused_with_what_it_waits_for(
    desks: Desks, tmp_path: Path, way: str
) -> None:
    change = DelegationChange("acme", (Supplier.new("sue").public_key,), 1, ("bcm/*/*/*",))
    targets, _ = desks.image.repository.request_delegation(change, by="op")
    with reached(desks, tmp_path, way) as reach:
        refused = run("release", "add", *files(desks), "--role", "acme", *reach, code=1)
        waits = f"acme may once targets version 2, request {targets.id.hex()[:16]}, is published"
        assert waits in refused and "v2xpki ota sign show" in refused


@pytest.mark.parametrize("way", ["here", "served"])
def test_a_release_is_shown_by_its_path_and_by_the_beginning_of_its_id(
    desks: Desks, tmp_path: Path, way: str
) -> None:
    with reached(desks, tmp_path, way) as reach:
        (added,) = run("release", "add", *files(desks), *reach)
        for which in (added["id"], added["id"][:6], added["id"][:6].upper(), added["path"]):
            assert run("release", "show", which, *reach) == added
        for which in ("bcm/brake/2/fw.bin", "zz"):
            assert "no release" in run("release", "show", which, *reach, code=2)


@pytest.mark.parametrize("way", ["here", "served"])
def test_what_is_refused_for_its_provenance_is_not_sent_at_all(
    desks: Desks, tmp_path: Path, way: str
) -> None:
    with reached(desks, tmp_path, way) as reach:
        without = [one for one in files(desks) if one != "--attest" and not str(one).endswith(".json")]
        assert "--attest FILE, a DSSE envelope, is needed" in run("release", "add", *without, *reach, code=1)
        assert run("upload", "list", *reach) == []


@pytest.mark.parametrize("way", ["here", "served"])
def test_an_upload_that_broke_off_is_told_listed_gone_on_with_and_dropped(
    desks: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    words = ["ota", "release", "add", *map(str, files(desks))]

    def killed(*_: object, **__: object) -> None:
        handler = signal.getsignal(signal.SIGTERM)
        assert callable(handler), "SIGTERM would end the command without a word"
        handler(signal.SIGTERM, None)

    with reached(desks, tmp_path, way) as reach:
        with monkeypatch.context() as breaking:
            breaking.setattr(Uploads, "append", killed)
            breaking.setattr(DeskLink, "_send", killed)
            ended = CliRunner().invoke(main, [*words, *reach])
        assert ended.exit_code == 128 + signal.SIGTERM and ended.stdout == ""
        (kept,) = run("upload", "list", *reach)
        assert f"upload {kept['id']}: if this breaks off, the same command with --upload" in ended.stderr
        assert f"interrupted; go on with it by the same command with --upload {kept['id']}" in ended.stderr
        assert (kept["offset"], kept["length"]) == (0, 800)
        other = tmp_path / "other.bin"
        other.write_bytes(b"x")
        attest_other = tmp_path / "other.json"
        attest_other.write_bytes(attest(hashlib.sha256(b"x").hexdigest(), desks.signer))
        wrong = [other, *files(desks)[1:], "--attest", attest_other, "--upload", kept["id"]]
        assert "of 800 octets, other.bin has 1" in run("release", "add", *wrong, *reach, code=1)
        run("release", "add", *files(desks), "--upload", kept["id"], *reach)
        assert run("upload", "list", *reach) == []
        left = opening.uploads_of(desks.instance, opening.SystemClock()).create("eve", 5)
        run("upload", "drop", left.id, *reach)
        assert "no upload" in run("upload", "drop", left.id, *reach, code=1)


def test_an_upload_whose_release_is_refused_at_the_end_is_told_to_be_kept(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ["--instance", desks.instance.directory, "--operator", "eve"]
    monkeypatch.setattr(Releases, "check", lambda *_, **__: [])
    run("release", "add", *files(desks), *here)
    said = run("release", "add", *files(desks), *here, code=1)
    (kept,) = run("upload", "list", *here)
    assert f"corrected command with --upload {kept['id']}" in said
    assert f"v2xpki ota upload drop {kept['id']}" in said


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
