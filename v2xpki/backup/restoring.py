"""Brings an instance back from a backup (archive.py).

A dry run that reads and checks everything, unless told to apply; then it works beside the target and swaps at
the end, and what was there is kept under another name.
"""

import fcntl
import hashlib
import io
import json
import os
import pwd
import re
import secrets
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

from v2xpki.backup.archive import FORMAT, MANIFEST, Report, ownership
from v2xpki.backup.databases import belongings, load_postgresql, sqlite_path
from v2xpki.backup.sealed import SealedReader
from v2xpki.config import Instance
from v2xpki.errors import ConfigError, DecodeError
from v2xpki.time import Clock, iso_from_time32

_MANIFEST_MOST = 64 * 1024 * 1024


def restore(directory: Path, source: Path, passphrase: str, clock: Clock, *, apply: bool) -> Report:
    """Check a backup whole and, if `apply`, put the instance in DIR.

    Raises ConfigError (no such file, the instance is being served), DecryptionFailed (passphrase, damage),
    DecodeError (not a backup, or not what its manifest says), StoreError.
    """
    directory = directory.absolute()
    try:
        file = source.open("rb")
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror}") from error
    with file:
        if not apply:
            manifest = _read(file, passphrase, None)
            report = _report(directory, manifest)
            if directory.exists() and any(directory.iterdir()):
                report.replaced = directory
            return report
        _refuse_served(directory)
        directory.parent.mkdir(parents=True, exist_ok=True)
        staging = directory.parent / f".{directory.name}.restoring-{secrets.token_hex(4)}"
        staging.mkdir(mode=0o700)
        try:
            manifest = _read(file, passphrase, staging)
            report = _report(directory, manifest)
            report.replaced = _swap_in(staging, directory, manifest, clock)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    report.applied = True
    return report


def _read(file: BinaryIO, passphrase: str, staging: Path | None) -> dict[str, Any]:
    """The manifest of a backup all of whose members are as it says; written below staging if given."""
    seen: dict[str, tuple[int, str]] = {}
    manifest: dict[str, Any] | None = None
    reader = SealedReader(file, passphrase)
    try:
        with tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|gz") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None or manifest is not None:
                    raise DecodeError(f"a backup holds no {member.name!r}")
                if member.name == MANIFEST:
                    manifest = json.loads(content.read(_MANIFEST_MOST))
                else:
                    seen[member.name] = _take(content, member.name, staging)
        while reader.read(65536):  # what follows the archive must be intact too
            pass
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise DecodeError(f"the backup is damaged: {error}") from error
    if manifest is None or manifest.get("format") != FORMAT:
        raise DecodeError("the backup has no manifest of this version")
    promised = {entry["name"]: (entry["size"], entry["sha256"]) for entry in manifest["files"]}
    if promised != seen:
        wrong = sorted(name for name in promised.keys() | seen.keys() if promised.get(name) != seen.get(name))
        raise DecodeError(f"the backup is not what its manifest says: {', '.join(wrong)}")
    return manifest


def _take(content: IO[bytes], name: str, staging: Path | None) -> tuple[int, str]:
    path = _below(staging, name) if staging is not None else None
    digest, size = hashlib.sha256(), 0
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("xb") if path is not None else io.BytesIO() as target:
        if path is not None:
            path.chmod(0o600)
        while part := content.read(1 << 20):
            size += len(part)
            digest.update(part)
            if path is not None:
                target.write(part)
    return size, digest.hexdigest()


def _below(staging: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or parts[0] not in ("instance", "databases") or ".." in parts or name.startswith("/"):
        raise DecodeError(f"a backup holds no {name!r}")
    return staging.joinpath(*parts)


def _report(directory: Path, manifest: dict[str, Any]) -> Report:
    return Report(
        directory,
        made=str(manifest["made"]),
        files=len(manifest["files"]),
        octets=sum(entry["size"] for entry in manifest["files"]),
        databases=list(manifest["databases"]),
        left_out=list(manifest["leftOut"]),
    )


def _swap_in(staging: Path, directory: Path, manifest: dict[str, Any], clock: Clock) -> Path | None:
    """Databases to their places, modes and owners as they were, then one rename. Gives the old DIR's name."""
    root = staging / "instance"
    for entry in [*manifest["directories"], *manifest["files"]]:
        if PurePosixPath(entry["name"]).parts[0] == "instance":
            path = _below(staging, entry["name"])
            if not path.exists():
                path.mkdir(mode=0o700, parents=True)
            path.chmod(entry["mode"])
            _give(path, entry.get("owner"))
    for conf in (*root.glob("*/softhsm2.conf"), *root.glob("signers/*/signer/softhsm2.conf")):
        _point_at(conf, Path(manifest["directory"]), directory)
    instance = Instance.load(root)
    outside: list[tuple[Path, Path]] = []
    for name, member in manifest["databases"].items():
        copy = _below(staging, member)
        domain = instance.domain(name)
        target = sqlite_path(domain.database_url)
        if target is None:
            load_postgresql(domain.database_url, copy)
        elif target.is_relative_to(root):
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            copy.replace(target)
            _give(target, ownership(target.parent.stat())["owner"])
        else:
            outside.append((copy, target))
    stamp = iso_from_time32(clock.time32()).replace(":", "")
    for copy, target in outside:
        for path in belongings(target):
            if path.exists():
                path.rename(path.with_name(f"{path.name}.replaced-{stamp}"))
        shutil.move(copy, target)
    replaced = None
    if directory.exists():
        replaced = directory.with_name(f"{directory.name}.replaced-{stamp}")
        directory.rename(replaced)
    root.rename(directory)
    _sync(directory.parent)
    return replaced


def _give(path: Path, owner: str | None) -> None:
    """To its owner of before, where we may and they exist."""
    if owner and os.geteuid() == 0:
        try:
            user = pwd.getpwnam(owner)
        except KeyError:
            return
        os.chown(path, user.pw_uid, user.pw_gid)


def _point_at(conf: Path, old: Path, new: Path) -> None:
    """SoftHSM's configuration names its token directory absolutely; it moves with the instance."""

    def moved(line: re.Match[str]) -> str:
        path = Path(line[2].strip())
        return line[1] + str(new / path.relative_to(old)) if path.is_relative_to(old) else line[0]

    text = conf.read_text(encoding="utf-8")
    conf.write_text(re.sub(r"(?m)^(directories\.tokendir\s*=\s*)(.+)$", moved, text), encoding="utf-8")


def _refuse_served(directory: Path) -> None:
    """An instance whose services run cannot be taken from under them: `serve` holds this lock."""
    try:
        with (directory / "run" / "serve.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return
    except BlockingIOError:
        raise ConfigError(f"{directory} is being served", hint="stop `v2xpki serve` first") from None


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
