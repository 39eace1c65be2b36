"""Images come in by pieces: whatever breaks in between, what is kept is what was sent."""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.full_disk import FULL, Disk
from v2xpki.errors import DiskFull, Refused
from v2xpki.ota import uploads as module
from v2xpki.ota.desk import Reason
from v2xpki.ota.uploads import KEEP, MOST_OPEN, Uploads
from v2xpki.time import FixedClock

NOW = 700_000_000
LIMIT = 10_000


class Broken(Exception):
    """The connection, in the middle."""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def uploads(tmp_path: Path, clock: FixedClock) -> Uploads:
    return Uploads(tmp_path / "uploads", limit=LIMIT, clock=clock)


def refused(reason: Reason) -> "pytest.RaisesExc[Refused]":
    return pytest.raises(Refused, check=lambda error: error.reason is reason)


PIECES = st.lists(st.tuples(st.binary(max_size=40), st.booleans(), st.booleans()), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=PIECES)
def test_any_split_and_any_interruption_give_the_same_octets(
    uploads: Uploads, pieces: list[tuple[bytes, bool, bool]]
) -> None:
    whole = b"".join(piece for piece, _, _ in pieces) or b"."
    upload = uploads.create("engineer", len(whole))
    sent = 0
    for piece, breaks, summed in [*pieces, (whole, False, False)]:
        rest = whole[sent : sent + len(piece)]
        blocks = [rest[n : n + 7] for n in range(0, len(rest), 7)]

        def stream(blocks: list[bytes] = blocks, breaks: bool = breaks) -> Iterator[bytes]:
            yield from blocks[: len(blocks) // 2]
            if breaks:
                raise Broken
            yield from blocks[len(blocks) // 2 :]

        digest = hashlib.sha256(rest).digest() if summed else None
        try:
            sent = uploads.append(upload.id, "engineer", sent, stream(), sha256=digest)
        except Broken:
            kept = uploads.show(upload.id, "engineer").offset
            assert kept == (sent if summed else sent + sum(map(len, blocks[: len(blocks) // 2])))
            sent = kept
    with uploads.finished(upload.id, "engineer") as done:
        assert done.path.read_bytes() == whole
        assert (done.length, done.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    uploads.delete(upload.id, "engineer")


def test_an_upload_goes_on_only_where_it_is(uploads: Uploads) -> None:
    upload = uploads.create("engineer", 10)
    uploads.append(upload.id, "engineer", 0, [b"12345"])
    for offset in (0, 4, 6):
        with refused(Reason.OFFSET):
            uploads.append(upload.id, "engineer", offset, [b"x"])
    assert uploads.append(upload.id, "engineer", 5, [b"67890"]) == 10


def test_octets_beyond_the_length_are_refused(uploads: Uploads) -> None:
    upload = uploads.create("engineer", 5)
    with refused(Reason.SIZE):
        uploads.append(upload.id, "engineer", 0, [b"123", b"456"])
    assert uploads.show(upload.id, "engineer").offset == 3


def test_octets_that_do_not_have_their_checksum_are_not_kept(uploads: Uploads) -> None:
    upload = uploads.create("engineer", 6)
    uploads.append(upload.id, "engineer", 0, [b"abc"])
    with refused(Reason.CHECKSUM):
        uploads.append(upload.id, "engineer", 3, [b"dex"], sha256=hashlib.sha256(b"def").digest())
    assert uploads.show(upload.id, "engineer").offset == 3


@pytest.mark.parametrize("length", [0, -1, LIMIT + 1])
def test_an_image_of_no_octets_or_too_many_is_not_begun(uploads: Uploads, length: int) -> None:
    with refused(Reason.SIZE):
        uploads.create("engineer", length)


def test_another_operator_does_not_learn_of_an_upload(uploads: Uploads) -> None:
    upload = uploads.create("engineer", 5)
    for ask in (
        lambda: uploads.show(upload.id, "other"),
        lambda: uploads.append(upload.id, "other", 0, [b"1"]),
        lambda: uploads.delete(upload.id, "other"),
        lambda: uploads.finished(upload.id, "other").__enter__(),
    ):
        with refused(Reason.UNKNOWN):
            ask()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc", "a" * 33, "A" * 32, "a" * 31 + "/"])
def test_no_name_of_a_client_becomes_a_path(uploads: Uploads, name: str) -> None:
    with refused(Reason.UNKNOWN):
        uploads.show(name, "engineer")


def test_half_an_image_is_no_image(uploads: Uploads) -> None:
    upload = uploads.create("engineer", 5)
    uploads.append(upload.id, "engineer", 0, [b"1234"])
    with refused(Reason.STATE), uploads.finished(upload.id, "engineer"):
        pass


def test_nobody_writes_to_an_image_while_it_is_looked_at(uploads: Uploads) -> None:
    upload = uploads.create("engineer", 3)
    uploads.append(upload.id, "engineer", 0, [b"abc"])
    with uploads.finished(upload.id, "engineer"), refused(Reason.STATE):
        uploads.append(upload.id, "engineer", 3, [b""])
    with uploads.finished(upload.id, "engineer"), refused(Reason.STATE):
        uploads.delete(upload.id, "engineer")


@pytest.mark.parametrize("use", ["show", "append", "finish"])
def test_an_upload_that_is_ended_while_it_is_looked_for_is_unknown(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    upload = uploads.create("ann", 3)
    uploads.append(upload.id, "ann", 0, [b"abc"])

    read, lock = module._read, fcntl.flock

    def read_and_ended(folder: Path) -> Any:
        found = read(folder)
        monkeypatch.undo()
        uploads.delete(upload.id, "ann")
        return found

    def ended_and_locked(*arguments: Any) -> None:
        monkeypatch.undo()
        uploads.delete(upload.id, "ann")
        lock(*arguments)

    if use == "show":
        monkeypatch.setattr(module, "_read", read_and_ended)
    else:
        monkeypatch.setattr(fcntl, "flock", ended_and_locked)
    with refused(Reason.UNKNOWN):
        if use == "show":
            uploads.show(upload.id, "ann")
        elif use == "append":
            uploads.append(upload.id, "ann", 3, [])
        else:
            with uploads.finished(upload.id, "ann"):
                pass


def test_an_abandoned_upload_is_forgotten(uploads: Uploads, clock: FixedClock, tmp_path: Path) -> None:
    old = uploads.create("engineer", 5)
    clock.advance(KEEP)
    assert uploads.show(old.id, "engineer").offset == 0
    young = uploads.create("engineer", 5)
    clock.advance(1)
    with refused(Reason.UNKNOWN):
        uploads.show(old.id, "engineer")
    assert uploads.purge() == 1
    assert [folder.name for folder in (tmp_path / "uploads").iterdir()] == [young.id]


def test_an_operator_has_only_so_many_uploads_open(uploads: Uploads) -> None:
    for _ in range(MOST_OPEN):
        last = uploads.create("engineer", 1)
    with refused(Reason.STATE):
        uploads.create("engineer", 1)
    uploads.create("other", 1)
    uploads.delete(last.id, "engineer")
    uploads.create("engineer", 1)


# --- a disk without room --------------------------------------------------------------------------


def test_a_full_disk_is_told_with_the_file_and_the_upload_goes_on_once_there_is_room(
    uploads: Uploads, tmp_path: Path
) -> None:
    upload = uploads.create("engineer", 10)
    data = tmp_path / "uploads" / upload.id / "data"
    data.unlink()
    data.symlink_to(FULL)  # the kernel says it
    for digest in (None, bytes(32)):
        with pytest.raises(DiskFull) as full:
            uploads.append(upload.id, "engineer", 0, [b"0123456789"], sha256=digest)
        assert full.value.place == str(data) and str(data) in str(full.value) and full.value.hint
    data.unlink()
    data.touch()
    assert uploads.append(upload.id, "engineer", 0, [b"0123456789"]) == 10


def test_what_was_written_before_the_disk_was_full_is_kept(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    upload = uploads.create("engineer", 10)
    disk.room = 4
    with pytest.raises(DiskFull):
        uploads.append(upload.id, "engineer", 0, [b"012", b"3456789"])
    assert uploads.show(upload.id, "engineer").offset == 4
    disk.room = None
    assert uploads.append(upload.id, "engineer", 4, [b"456789"]) == 10


def test_an_upload_that_a_full_disk_has_no_room_to_begin_leaves_nothing(
    uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(path: Path, _: bytes) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), str(path))

    monkeypatch.setattr(module, "write_durably", no_room)
    with pytest.raises(DiskFull, match="quota"):
        uploads.create("engineer", 10)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_file_of_this_machine_that_finds_no_room_leaves_nothing(
    uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fw.bin").write_bytes(bytes(100))
    Disk(monkeypatch).room = 40
    with pytest.raises(DiskFull):
        uploads.take_file("engineer", tmp_path / "fw.bin")
    assert list((tmp_path / "uploads").iterdir()) == []
