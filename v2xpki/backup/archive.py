"""One file that holds an instance: a compressed tar inside a sealed stream, mode 0600.

    databases/<domain>.sqlite|.pgdump   copied first: a record may lack its key's newest sibling, but
    instance/<path>                     no record is newer than the tokens, which are copied after it
    manifest.json                       last: sizes, modes, owners and SHA-256 of all the others

Taken: all files of DIR but run/ and log/, and every domain's database, those of a laboratory's signers too.
Not taken: what lies outside DIR (PINs in the environment or elsewhere, hardware tokens, images), and images
of firmware where that is asked for; the report names it. A restore is a dry run that reads and checks
everything, unless told to apply; then it works beside the target and swaps at the end, and what was there is
kept under another name.
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
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

from v2xpki import __version__
from v2xpki.backup.databases import belongings, copy_sqlite, dump_postgresql, load_postgresql, sqlite_path
from v2xpki.backup.sealed import LOG2_N, SealedReader, SealedWriter
from v2xpki.config import FILE_NAME, Instance
from v2xpki.errors import ConfigError, DecodeError, StoreError
from v2xpki.time import Clock, iso_from_time32

FORMAT = 1
_MANIFEST = "manifest.json"
_LEFT_BEHIND = ("run", "log")
_TRIES = 5
_MANIFEST_MOST = 64 * 1024 * 1024


@dataclass(slots=True)
class Report:
    """What a backup holds, or a restore did or would do."""

    directory: Path
    made: str = ""
    files: int = 0
    octets: int = 0
    databases: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    replaced: Path | None = None
    applied: bool = False


# --- backing up --------------------------------------------------------------------------------------


def back_up(
    instance: Instance,
    destination: Path,
    passphrase: str,
    clock: Clock,
    *,
    overwrite: bool = False,
    images: bool = True,
    log2_n: int = LOG2_N,
) -> Report:
    """Write the backup of an instance, which may be serving. images: those of firmware too, which are named
    by their content and may be had from elsewhere.

    Raises ConfigError (the file exists), StoreError (a database cannot be copied), KeystoreError (the
    passphrase is too short). The file appears under its name only when it is complete.
    """
    if destination.exists() and not overwrite:
        raise ConfigError(f"{destination} exists", hint="--yes replaces it")
    report = Report(instance.directory, made=iso_from_time32(clock.time32()))
    partial = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with SealedWriter(file, passphrase, log2_n) as sealed, _tar_writer(sealed) as tar:
                _write(tar, instance, report, {destination.absolute(), partial.absolute()}, images=images)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(destination)
    finally:
        partial.unlink(missing_ok=True)
    return report


def _tar_writer(sealed: SealedWriter) -> tarfile.TarFile:
    return tarfile.open(fileobj=cast(IO[bytes], sealed), mode="w|gz", format=tarfile.PAX_FORMAT)


def _write(
    tar: tarfile.TarFile, instance: Instance, report: Report, skip: set[Path], *, images: bool
) -> None:
    entries: list[dict[str, Any]] = []
    databases: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="v2xpki-backup-") as scratch:
        for domain in map(instance.domain, instance.domain_names):
            path = sqlite_path(domain.database_url)
            if path is not None and not path.exists():
                continue
            copy = Path(scratch) / f"{domain.name}{'.sqlite' if path is not None else '.pgdump'}"
            if path is not None:
                copy_sqlite(path, copy)
                skip |= belongings(path)
            else:
                dump_postgresql(domain.database_url, copy)
            databases[domain.name] = f"databases/{copy.name}"
            entries.append(_add_file(tar, copy, databases[domain.name]))
            copy.unlink()
            report.databases.append(domain.name)
        for path in _signers_databases(instance):
            copy = Path(scratch) / "signer.sqlite"
            copy_sqlite(path, copy)
            skip |= belongings(path)
            name = f"instance/{path.relative_to(instance.directory).as_posix()}"
            entries.append(_add_file(tar, copy, name, _ownership(path.stat())))
            copy.unlink()
    if instance.has_ota and not images:
        skip.add(instance.images_dir)
        report.left_out.append(f"image: the images in {instance.images_dir}")
    skip |= {instance.directory / name for name in _LEFT_BEHIND}
    directories = [{"name": "instance", **_ownership(instance.directory.stat())}]
    for path in _walk(instance.directory, skip, report):
        name = f"instance/{path.relative_to(instance.directory).as_posix()}"
        if path.is_dir():
            directories.append({"name": name, **_ownership(path.stat())})
        elif instance.has_ota and path.is_relative_to(instance.images_dir):
            entries.append(_add_file(tar, path, name, _ownership(path.stat())))  # as large as they come
        else:
            entries.append(_add_stable(tar, path, name))
    report.left_out += _outside(instance)
    report.files, report.octets = len(entries), sum(entry["size"] for entry in entries)
    manifest = {
        "format": FORMAT,
        "version": __version__,
        "made": report.made,
        "directory": str(instance.directory),
        "databases": databases,
        "directories": directories,
        "files": entries,
        "leftOut": report.left_out,
    }
    _add_octets(tar, json.dumps(manifest, indent=1).encode(), _MANIFEST)


def _walk(directory: Path, skip: set[Path], report: Report) -> Iterator[Path]:
    """Directories and regular files below a directory, in a fixed order, parents first."""
    for path in sorted(directory.iterdir()):
        if path in skip or path.is_socket():
            continue
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            report.left_out.append(f"{path}: not a regular file")
            continue
        yield path
        if path.is_dir():
            yield from _walk(path, skip, report)


def _outside(instance: Instance) -> list[str]:
    """What the instance needs and this backup has not."""
    missing = []
    if instance.has_ota and not instance.images_dir.is_relative_to(instance.directory):
        missing.append(f"image: the images in {instance.images_dir}")
    for domain in map(instance.domain, instance.domain_names):
        if not domain.has_keys:
            continue
        if domain.pin_env is not None:
            missing.append(f"{domain.name}: the PIN, which is in the environment variable {domain.pin_env}")
        elif domain.pin_file is not None and not domain.pin_file.is_relative_to(instance.directory):
            missing.append(f"{domain.name}: the PIN in {domain.pin_file}")
        if domain.keystore_profile != "softhsm2":
            missing.append(f"{domain.name}: the keys in its {domain.keystore_profile} token")
    return missing


def _add_stable(tar: tarfile.TarFile, path: Path, name: str) -> dict[str, Any]:
    """A file as it was between two looks that found it unchanged: tokens are written while we read."""
    for _ in range(_TRIES):
        before = path.stat()
        octets = path.read_bytes()
        after = path.stat()
        if (before.st_mtime_ns, before.st_size, before.st_ino) == (
            after.st_mtime_ns,
            after.st_size,
            after.st_ino,
        ) and len(octets) == after.st_size:
            return _add_octets(tar, octets, name, _ownership(after))
    raise StoreError(f"{path} changes all the time; nothing was backed up")


def _add_octets(
    tar: tarfile.TarFile, octets: bytes, name: str, ownership: dict[str, Any] | None = None
) -> dict[str, Any]:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(octets), 0o600
    tar.addfile(member, io.BytesIO(octets))
    return {
        "name": name,
        "size": len(octets),
        "sha256": hashlib.sha256(octets).hexdigest(),
        **(ownership or {"mode": 0o600}),
    }


def _signers_databases(instance: Instance) -> Iterator[Path]:
    """Of signers of firmware metadata that a laboratory keeps in the instance."""
    for settings in sorted(instance.directory.glob(f"signers/*/{FILE_NAME}")):
        path = sqlite_path(Instance.load(settings.parent).domain("signer").database_url)
        if path is not None and path.exists() and path.is_relative_to(instance.directory):
            yield path


def _add_file(
    tar: tarfile.TarFile, path: Path, name: str, ownership: dict[str, Any] | None = None
) -> dict[str, Any]:
    member = tarfile.TarInfo(name)
    member.size, member.mode = path.stat().st_size, 0o600
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        tar.addfile(member, file)
    return {"name": name, "size": member.size, "sha256": digest, **(ownership or {"mode": 0o600})}


def _ownership(status: os.stat_result) -> dict[str, Any]:
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = None
    return {"mode": stat.S_IMODE(status.st_mode), "owner": owner}


# --- restoring ---------------------------------------------------------------------------------------


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
                if member.name == _MANIFEST:
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
            _give(target, _ownership(target.parent.stat())["owner"])
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
