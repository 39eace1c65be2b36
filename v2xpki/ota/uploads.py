"""Images on their way in: what tus 1.0 needs (creation, termination, checksum, expiration), in files.

    <folder>/<id>/upload.json     length, owner, when it was made
    <folder>/<id>/data            what has come; its size is the offset

Blocks are appended as they come, so memory is the same for any image. What came before a connection broke is
kept. An id is 128 random bits of this house; no name from a client becomes part of a path.
"""

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple, cast

from v2xpki.disk import room_for
from v2xpki.errors import DiskFull, Refused
from v2xpki.ota.desk import Reason
from v2xpki.ota.files import write_durably
from v2xpki.store import random_key
from v2xpki.time import Clock, iso_from_time32

#: Octets read at once, and seconds after which an upload that became no release is forgotten.
BLOCK = 1 << 18
KEEP = 7 * 86400
#: Uploads that an operator may have open at once.
MOST_OPEN = 16
_ID = re.compile(r"[0-9a-f]{32}")
_FILE, _DATA = "upload.json", "data"


class Upload(NamedTuple):
    """An image on its way in. Octets; expires: TAI seconds."""

    id: str
    length: int
    offset: int
    expires: int

    def document(self) -> dict[str, Any]:
        return {**self._asdict(), "expires": iso_from_time32(self.expires)}


class Finished(NamedTuple):
    """All of an image is here. sha256: hex, computed of what is on the disk."""

    path: Path
    length: int
    sha256: str


class Uploads:
    """The uploads of a folder, for as many processes as like. limit: octets of the largest image."""

    def __init__(self, folder: Path, *, limit: int, clock: Clock) -> None:
        self._folder, self.limit, self._clock = folder, limit, clock

    def create(self, owner: str, length: int) -> Upload:
        """Room for an image of so many octets. Raises Refused (SIZE, STATE), DiskFull."""
        if not 0 < length <= self.limit:
            raise Refused(Reason.SIZE, f"an image of {length} octets is not from 1 to {self.limit}")
        self.purge()
        if sum(1 for _, found in self._all() if found["owner"] == owner) >= MOST_OPEN:
            raise Refused(
                Reason.STATE,
                f"{MOST_OPEN} uploads are open already; end one of them: `v2xpki ota upload list` has them, "
                "`v2xpki ota upload drop ID` ends one",
            )
        identifier = random_key().hex()
        folder, created = self._folder / identifier, self._clock.time32()
        described = json.dumps({"owner": owner, "length": length, "created": created}).encode()
        try:
            with room_for(folder):
                folder.mkdir(parents=True, mode=0o770)
                os.close(os.open(folder / _DATA, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o660))
                # The description comes last and whole: a folder without one is no upload yet.
                write_durably(folder / _FILE, described)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Upload(identifier, length, 0, created + KEEP)

    def show(self, identifier: str, owner: str) -> Upload:
        """How far one is. Raises Refused (UNKNOWN), for another operator's too."""
        folder, length, expires = self._own(identifier, owner)
        try:
            return Upload(identifier, length, (folder / _DATA).stat().st_size, expires)
        except FileNotFoundError:
            raise _ended() from None

    def all(self, owner: str) -> list[Upload]:
        """An operator's, the first that will be forgotten first."""
        found = []
        for folder, described in self._all():
            if described["owner"] == owner:
                # one that ends in this moment is left out
                with contextlib.suppress(Refused):
                    found.append(self.show(folder.name, owner))
        return sorted(found, key=lambda one: (one.expires, one.id))

    def append(
        self,
        identifier: str,
        owner: str,
        offset: int,
        blocks: Iterable[bytes],
        *,
        sha256: bytes | None = None,
    ) -> int:
        """The new offset. What came is on the disk when this returns, or raises what `blocks` raised, or
        DiskFull: then the upload goes on once there is room. sha256: of these octets; unless they have it,
        none of them is kept. Raises Refused (UNKNOWN, STATE, OFFSET, SIZE, CHECKSUM)."""
        folder, length, _ = self._own(identifier, owner)
        with room_for(folder / _DATA), _locked(folder / _DATA) as data:
            if data.seek(0, os.SEEK_END) != offset:
                raise Refused(Reason.OFFSET, f"Upload-Offset is {offset}, the upload is at {data.tell()}")
            try:
                _fill(data, blocks, length, sha256)
            except BaseException:
                with contextlib.suppress(OSError):  # the disk may be what failed
                    if sha256 is not None:
                        data.truncate(offset)
                    os.fsync(data.fileno())
                raise
            os.fsync(data.fileno())
            return data.seek(0, os.SEEK_END)

    def take_file(
        self, owner: str, path: Path, progress: Callable[[int, int], object] = lambda *_: None, *,
        identifier: str | None = None, begun: Callable[[str], object] = lambda _: None,
    ) -> str:  # fmt: skip
        """A file of this machine, by the same way; its upload's id. progress: octets that are there, and all.
        identifier: of an upload to go on with; begun: is told the id before anything is copied. An upload for
        which the disk has no room is forgotten. Raises Refused, DiskFull, OSError."""
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            upload = self.create(owner, length) if identifier is None else self.show(identifier, owner)
            require_length(upload.id, upload.length, path, length)
            begun(upload.id)
            file.seek(upload.offset)

            def blocks() -> Iterator[bytes]:
                while block := file.read(BLOCK):
                    yield block
                    progress(file.tell(), upload.length)

            try:
                self.append(upload.id, owner, upload.offset, blocks())
            except DiskFull:
                with contextlib.suppress(Refused, OSError):
                    self.delete(upload.id, owner)
                raise
        return upload.id

    def delete(self, identifier: str, owner: str) -> None:
        """Forget one. Raises Refused (UNKNOWN, STATE)."""
        folder, _, _ = self._own(identifier, owner)
        with _locked(folder / _DATA):
            shutil.rmtree(folder)

    @contextmanager
    def finished(self, identifier: str, owner: str) -> Iterator[Finished]:
        """An image that is all here, and nobody changes it meanwhile. Raises Refused (UNKNOWN, STATE)."""
        folder, length, _ = self._own(identifier, owner)
        with _locked(folder / _DATA) as data:
            size = data.seek(0, os.SEEK_END)
            if size != length:
                raise Refused(Reason.STATE, f"upload {identifier} has {size} of its {length} octets")
            data.seek(0)
            digest = hashlib.file_digest(data, "sha256").hexdigest()
            yield Finished(folder / _DATA, length, digest)

    def purge(self) -> int:
        """Forget those past their time; how many they were."""
        now, gone = self._clock.time32(), 0
        for folder, found in list(self._all()):
            # one that is being written to is left for the next time
            if found["created"] + KEEP < now:
                with contextlib.suppress(Refused, OSError), _locked(folder / _DATA):
                    shutil.rmtree(folder)
                    gone += 1
        return gone

    def _own(self, identifier: str, owner: str) -> tuple[Path, int, int]:
        if _ID.fullmatch(identifier):
            folder = self._folder / identifier
            found = _read(folder)
            if found is not None and found["owner"] == owner:
                expires = found["created"] + KEEP
                if expires >= self._clock.time32():
                    return folder, found["length"], expires
        raise Refused(Reason.UNKNOWN, f"no upload {identifier[:40]!r} of {owner}")

    def _all(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        if self._folder.is_dir():
            for folder in self._folder.iterdir():
                found = _read(folder) if _ID.fullmatch(folder.name) else None
                if found is not None:
                    yield folder, found


def require_length(identifier: str, octets: int, path: Path, length: int) -> None:
    """Raises Refused (FIELD) unless an upload is of as many octets as the file it is to go on with."""
    if octets != length:
        raise Refused(
            Reason.FIELD, f"upload {identifier} is of {octets} octets, {path.name} has {length}: another file"
        )


def _read(folder: Path) -> dict[str, Any] | None:
    """The description; None where there is none: half made, or half deleted."""
    try:
        found = json.loads((folder / _FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return cast(dict[str, Any], found)


@contextmanager
def _locked(path: Path) -> Iterator[FileIO]:
    """The data, this process's and thread's alone. Raises Refused (STATE, UNKNOWN)."""
    try:
        data = FileIO(path, "r+")
    except FileNotFoundError:
        raise _ended() from None
    with data:
        try:
            fcntl.flock(data, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(Reason.STATE, "the upload is being written to by another request") from None
        if not path.exists():  # who had it since it was opened has ended it
            raise _ended()
        yield data


def _ended() -> Refused:
    return Refused(Reason.UNKNOWN, "the upload was ended meanwhile")


def _fill(data: FileIO, blocks: Iterable[bytes], length: int, sha256: bytes | None) -> None:
    digest = hashlib.sha256()
    for block in blocks:
        if data.tell() + len(block) > length:
            raise Refused(Reason.SIZE, f"more than the {length} octets of Upload-Length")
        if sha256 is not None:
            digest.update(block)
        _write(data, block)
    if sha256 is not None and not hmac.compare_digest(digest.digest(), sha256):
        raise Refused(Reason.CHECKSUM, "the octets are not those of Upload-Checksum")


def _write(data: FileIO, block: bytes) -> None:
    """All of it: without a buffer in between, a write may take a part."""
    rest = memoryview(block)
    while rest:
        rest = rest[data.write(rest) :]
