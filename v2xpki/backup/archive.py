"""One file that holds an instance: a compressed tar inside a sealed stream, mode 0600.

    databases/<domain>.sqlite|.pgdump   copied first: a record may lack its key's newest sibling, but
    instance/<path>                     no record is newer than the tokens, which are copied after it
    manifest.json                       last: sizes, modes, owners and SHA-256 of all the others

Taken: all files of DIR but run/ and log/, and every domain's database, those of a laboratory's signers too.
Not taken: what lies outside DIR (PINs in the environment or elsewhere, hardware tokens, images), and images
of firmware where that is asked for; the report names it. restoring.py brings it back.
"""

import hashlib
import io
import json
import os
import pwd
import secrets
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from v2xpki import __version__
from v2xpki.backup.databases import belongings, copy_sqlite, dump_postgresql, sqlite_path
from v2xpki.backup.sealed import LOG2_N, SealedWriter
from v2xpki.config import FILE_NAME, Instance
from v2xpki.errors import ConfigError, StoreError
from v2xpki.time import Clock, iso_from_time32

FORMAT = 1
MANIFEST = "manifest.json"
_LEFT_BEHIND = ("run", "log")
_TRIES = 5


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
            entries.append(_add_file(tar, copy, name, ownership(path.stat())))
            copy.unlink()
    if instance.has_ota and not images:
        skip.add(instance.images_dir)
        report.left_out.append(f"image: the images in {instance.images_dir}")
    skip |= {instance.directory / name for name in _LEFT_BEHIND}
    directories = [{"name": "instance", **ownership(instance.directory.stat())}]
    for path in _walk(instance.directory, skip, report):
        name = f"instance/{path.relative_to(instance.directory).as_posix()}"
        try:
            if path.is_dir():
                directories.append({"name": name, **ownership(path.stat())})
            elif instance.has_ota and path.is_relative_to(instance.images_dir):
                entries.append(_add_file(tar, path, name, ownership(path.stat())))  # as large as they come
            else:
                entries.append(_add_stable(tar, path, name))
        except FileNotFoundError:
            continue  # a draft of a service at work, which is what it is for by now, or nothing
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
    _add_octets(tar, json.dumps(manifest, indent=1).encode(), MANIFEST)


def _walk(directory: Path, skip: set[Path], report: Report) -> Iterator[Path]:
    """Directories and regular files below a directory, in a fixed order, parents first. What goes meanwhile
    is left out without a word."""
    try:
        found = sorted(directory.iterdir())
    except FileNotFoundError:
        return
    for path in found:
        if path in skip or path.is_socket() or not (path.exists() or path.is_symlink()):
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
            return _add_octets(tar, octets, name, ownership(after))
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


def ownership(status: os.stat_result) -> dict[str, Any]:
    """A file's mode and its owner's name, as a manifest has them."""
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = None
    return {"mode": stat.S_IMODE(status.st_mode), "owner": owner}
