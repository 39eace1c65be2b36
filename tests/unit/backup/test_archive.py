"""A backup holds what an instance needs; a restore does what it says, or nothing."""

import fcntl
import io
import json
import shutil
import socket
import sqlite3
import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from v2xpki.backup import archive, back_up, restore
from v2xpki.backup.sealed import SealedReader, SealedWriter
from v2xpki.config import Instance
from v2xpki.errors import ConfigError, DecodeError, DecryptionFailed, KeystoreError, StoreError

PASSPHRASE = "correct horse battery"


def database(path: Path, *rows: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS t (v TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [(row,) for row in rows])
        connection.commit()
    path.chmod(0o600)


def rows(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [value for (value,) in connection.execute("SELECT v FROM t ORDER BY rowid")]


@pytest.fixture
def instance(tmp_path) -> Instance:
    home = tmp_path / "pki"
    for name in ("ea", "aa"):
        (home / name / "tokens" / "one").mkdir(parents=True)
        (home / name).chmod(0o700)
        for file, text in (
            ("pin", f"pin of {name}"),
            ("softhsm2.conf", f"directories.tokendir = {home / name / 'tokens'}\nlog.level = ERROR\n"),
            ("tokens/one/key.object", f"key of {name}"),
        ):
            path = home / name / file
            path.write_text(text)
            path.chmod(0o600)
        (home / name / "certificates").mkdir()
        (home / name / "certificates" / f"{name}-1.oer").write_bytes(b"\x80\x03" + name.encode())
        database(home / name / f"{name}.db", "one", "two")
    (home / "v2xpki.toml").write_text('base_url = "http://pki.example"\n')
    for left in ("run", "log"):
        (home / left).mkdir()
        (home / left / "noise").write_text("noise")
    return Instance.load(home)


def saved(instance, tmp_path, clock, **options):
    target = tmp_path / "pki.backup"
    return target, back_up(instance, target, PASSPHRASE, clock, log2_n=4, **options)


def tree(directory: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(path.relative_to(directory)): (
            path.stat().st_mode & 0o7777,
            path.read_bytes() if path.is_file() and path.suffix != ".db" else None,
        )
        for path in sorted(directory.rglob("*"))
        if path.relative_to(directory).parts[0] not in ("run", "log")
        and not path.name.endswith(("-wal", "-shm"))
    }


def test_what_was_backed_up_comes_back_with_modes_and_rows(instance, tmp_path, fixed_clock):
    before = tree(instance.directory)
    backup, report = saved(instance, tmp_path, fixed_clock)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert report.databases == ["ea", "aa"]
    instance.directory.rename(tmp_path / "gone")
    done = restore(instance.directory, backup, PASSPHRASE, fixed_clock, apply=True)
    assert done.applied and done.replaced is None
    assert tree(instance.directory) == before
    assert rows(instance.directory / "ea" / "ea.db") == ["one", "two"]
    assert not (instance.directory / "run").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gone", "pki", "pki.backup"]


def test_no_secret_and_no_name_is_readable_in_the_file(instance, tmp_path, fixed_clock):
    backup, _ = saved(instance, tmp_path, fixed_clock)
    octets = backup.read_bytes()
    for secret in (b"pin of ea", b"key of aa", b"softhsm2.conf", b"manifest", PASSPHRASE.encode()):
        assert secret not in octets


def test_without_apply_nothing_is_written(instance, tmp_path, fixed_clock):
    backup, _ = saved(instance, tmp_path, fixed_clock)
    before = sorted(tmp_path.rglob("*"))
    report = restore(instance.directory, backup, PASSPHRASE, fixed_clock, apply=False)
    assert not report.applied and report.replaced == instance.directory
    assert restore(tmp_path / "new", backup, PASSPHRASE, fixed_clock, apply=False).replaced is None
    assert sorted(tmp_path.rglob("*")) == before


def test_what_was_there_is_kept_under_another_name(instance, tmp_path, fixed_clock):
    backup, _ = saved(instance, tmp_path, fixed_clock)
    (instance.directory / "ea" / "pin").write_text("a later pin")
    report = restore(instance.directory, backup, PASSPHRASE, fixed_clock, apply=True)
    assert (instance.directory / "ea" / "pin").read_text() == "pin of ea"
    assert (report.replaced / "ea" / "pin").read_text() == "a later pin"
    assert report.replaced.name == "pki.replaced-2026-06-01T000000Z"


def test_an_instance_may_move(instance, tmp_path, fixed_clock):
    backup, _ = saved(instance, tmp_path, fixed_clock)
    restore(tmp_path / "else" / "where", backup, PASSPHRASE, fixed_clock, apply=True)
    conf = (tmp_path / "else" / "where" / "ea" / "softhsm2.conf").read_text()
    assert f"directories.tokendir = {tmp_path / 'else' / 'where' / 'ea' / 'tokens'}\n" in conf
    assert "log.level = ERROR" in conf


def test_an_existing_backup_is_not_replaced_unasked(instance, tmp_path, fixed_clock):
    backup, _ = saved(instance, tmp_path, fixed_clock)
    first = backup.read_bytes()
    with pytest.raises(ConfigError, match="exists"):
        saved(instance, tmp_path, fixed_clock)
    assert backup.read_bytes() == first
    saved(instance, tmp_path, fixed_clock, overwrite=True)
    assert backup.read_bytes() != first


def test_a_backup_inside_the_instance_does_not_take_itself(instance, fixed_clock):
    for _ in range(2):
        back_up(
            instance,
            instance.directory / "pki.backup",
            PASSPHRASE,
            fixed_clock,
            overwrite=True,
            log2_n=4,
        )
    assert [path.name for path in instance.directory.glob(".*")] == []


def test_a_database_that_is_written_to_is_copied_in_one_state(instance, tmp_path, fixed_clock):
    path = instance.directory / "ea" / "ea.db"
    stop, busy = threading.Event(), threading.Event()

    def write():
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
            number = 0
            while not stop.is_set():
                with connection:
                    connection.execute("INSERT INTO pairs VALUES (?, 0)", (number,))
                    connection.execute("UPDATE pairs SET b = ? WHERE a = ?", (number, number))
                number += 1
                if number == 50:
                    busy.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert busy.wait(30)
        backup, _ = saved(instance, tmp_path, fixed_clock)
    finally:
        stop.set()
        writer.join()
    restore(tmp_path / "copy", backup, PASSPHRASE, fixed_clock, apply=True)
    with closing(sqlite3.connect(tmp_path / "copy" / "ea" / "ea.db")) as connection:
        pairs = connection.execute("SELECT a, b FROM pairs ORDER BY a").fetchall()
    assert len(pairs) >= 50
    assert pairs == [(number, number) for number in range(len(pairs))]


@pytest.mark.parametrize("name", ["ea/trust/.ctl.oer.new", "ea/trust/.0011223344556677.new/ctl.oer"])
@pytest.mark.parametrize("when", ["listed", "named", "read"])
def test_a_draft_that_goes_while_a_backup_is_made_is_left_out(
    instance, tmp_path, fixed_clock, monkeypatch, name, when
):
    draft = instance.directory / name
    draft.parent.mkdir(parents=True)
    draft.write_text("half a list")
    going = draft if "0011" not in name else draft.parent

    def go() -> None:
        if going.is_dir():
            shutil.rmtree(going)
        else:
            going.unlink(missing_ok=True)

    walk, is_socket, stable = archive._walk, Path.is_socket, archive._add_stable

    def walked(*args):
        for path in walk(*args):
            if path == going and when == "named":
                go()
            yield path

    def looked_at(path: Path) -> bool:
        if path == going and when == "listed":
            go()
        return is_socket(path)

    def read(tar, path: Path, name: str):
        if path == draft:
            go()
        return stable(tar, path, name)

    monkeypatch.setattr(archive, "_walk", walked)
    monkeypatch.setattr(archive, "_add_stable", read)
    monkeypatch.setattr(Path, "is_socket", looked_at)
    backup, report = saved(instance, tmp_path, fixed_clock)
    assert not going.exists() and report.left_out == []
    restore(tmp_path / "copy", backup, PASSPHRASE, fixed_clock, apply=True)
    assert (tmp_path / "copy" / "ea" / "pin").read_text() == "pin of ea"
    assert not (tmp_path / "copy" / name).exists()


def test_a_damaged_database_is_not_backed_up(instance, tmp_path, fixed_clock):
    path = instance.directory / "ea" / "ea.db"
    database(path, *["x" * 500] * 200)
    octets = bytearray(path.read_bytes())
    octets[4096 * 2 : 4096 * 4] = b"\xff" * 8192
    path.write_bytes(octets)
    with pytest.raises(StoreError, match=r"ea\.db"):
        saved(instance, tmp_path, fixed_clock)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pki"]


def test_what_lies_outside_is_named(tmp_path, fixed_clock, instance):
    toml = instance.directory / "v2xpki.toml"
    toml.write_text(
        f'[domains.ea]\npin_file = "{tmp_path}/elsewhere"\n'
        '[domains.aa]\npin_env = "AA_PIN"\nkeystore = "luna"\n'
    )
    (instance.directory / "ea" / "link").symlink_to("/etc/hostname")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(instance.directory / "ea" / "s"))
        _, report = saved(Instance.load(instance.directory), tmp_path, fixed_clock)
    said = "\n".join(report.left_out)
    for expected in ("elsewhere", "AA_PIN", "luna token", "ea/link"):
        assert expected in said
    assert "ea/s:" not in said


def test_a_database_outside_the_instance_goes_back_to_its_place(tmp_path, fixed_clock, instance):
    outside = tmp_path / "fast-disk" / "ea.db"
    outside.parent.mkdir()
    database(outside, "outside")
    (instance.directory / "v2xpki.toml").write_text(f'[domains.ea]\ndatabase_url = "sqlite:///{outside}"\n')
    backup, _ = saved(Instance.load(instance.directory), tmp_path, fixed_clock)
    database(outside, "later")
    restore(instance.directory, backup, PASSPHRASE, fixed_clock, apply=True)
    assert rows(outside) == ["outside"]
    [kept] = outside.parent.glob("ea.db.replaced-*")
    assert rows(kept) == ["outside", "later"]


def test_a_served_instance_is_not_replaced(instance, tmp_path, fixed_clock):
    backup, _ = saved(instance, tmp_path, fixed_clock)
    with (instance.directory / "run" / "serve.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="being served"):
            restore(instance.directory, backup, PASSPHRASE, fixed_clock, apply=True)
    # a server that died leaves the file, and nobody who holds it
    assert restore(instance.directory, backup, PASSPHRASE, fixed_clock, apply=True).applied


@pytest.mark.parametrize("apply", [False, True])
def test_damage_anywhere_leaves_the_target_as_it_was(instance, tmp_path, fixed_clock, apply):
    backup, _ = saved(instance, tmp_path, fixed_clock)
    octets = backup.read_bytes()
    before = tree(instance.directory)
    for damaged in (
        octets[:-1],
        octets[: len(octets) // 2],
        octets + b"\0",
        octets[:-5] + b"\0" + octets[-4:],
    ):
        backup.write_bytes(damaged)
        with pytest.raises(DecryptionFailed):
            restore(instance.directory, backup, PASSPHRASE, fixed_clock, apply=apply)
    with pytest.raises(DecryptionFailed):
        restore(instance.directory, backup, "another passphrase", fixed_clock, apply=apply)
    with pytest.raises(ConfigError):
        restore(instance.directory, tmp_path / "none", PASSPHRASE, fixed_clock, apply=apply)
    assert tree(instance.directory) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pki", "pki.backup"]


def forged(members) -> bytes:
    """A backup made by one who knows the passphrase."""
    file = io.BytesIO()
    with SealedWriter(file, PASSPHRASE, 4) as sealed, tarfile.open(fileobj=sealed, mode="w|gz") as tar:
        for name, octets in members:
            member = tarfile.TarInfo(name)
            member.size = len(octets)
            if octets == b"->":
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc", 0
            tar.addfile(member, io.BytesIO(octets))
    return file.getvalue()


def manifest_of(*names: str, **changes) -> bytes:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    return json.dumps(
        {
            "format": 1, "made": "", "directory": "/x", "databases": {}, "directories": [], "leftOut": [],
            "files": [{"name": name, "size": 0, "sha256": empty, "mode": 0o600} for name in names],
        } | changes
    ).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("../outside", b""), ("manifest.json", manifest_of("../outside"))], "holds no"),
        ([("instance/../../outside", b""), ("manifest.json", manifest_of())], "holds no"),
        ([("/etc/cron.d/x", b""), ("manifest.json", manifest_of())], "holds no"),
        ([("instance/link", b"->"), ("manifest.json", manifest_of())], "holds no"),
        ([("instance/a", b""), ("manifest.json", manifest_of())], "instance/a"),
        ([("manifest.json", manifest_of("instance/a"))], "instance/a"),
        ([("instance/a", b"x"), ("manifest.json", manifest_of("instance/a"))], "instance/a"),
        ([("manifest.json", manifest_of()), ("instance/a", b"")], "holds no"),
        ([("manifest.json", manifest_of(format=2))], "manifest"),
        ([("manifest.json", b"{")], "damaged"),
        ([("instance/a", b"")], "no manifest"),
    ],
)
def test_a_crafted_archive_writes_nothing_outside(tmp_path, fixed_clock, members, said):
    backup = tmp_path / "forged.backup"
    backup.write_bytes(forged(members))
    with pytest.raises(DecodeError, match=said):
        restore(tmp_path / "pki", backup, PASSPHRASE, fixed_clock, apply=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["forged.backup"]


def test_the_manifest_tells_digests_of_all(instance, tmp_path, fixed_clock):
    backup, report = saved(instance, tmp_path, fixed_clock)
    with backup.open("rb") as file:
        reader = SealedReader(file, PASSPHRASE)
        with tarfile.open(fileobj=reader, mode="r|gz") as tar:
            names = [member.name for member in tar]
    assert names[-1] == "manifest.json"
    assert names.index("databases/ea.sqlite") < names.index("instance/ea/tokens/one/key.object")
    assert len(names) - 1 == report.files
    assert not [name for name in names if "noise" in name or name.endswith((".db", "-wal"))]


def test_a_short_passphrase_is_refused(instance, tmp_path, fixed_clock):
    with pytest.raises(KeystoreError):
        back_up(instance, tmp_path / "pki.backup", "short", fixed_clock, log2_n=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pki"]
