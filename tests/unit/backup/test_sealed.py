"""The sealed stream: what goes in comes out, and any change to the file is found before it does."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2xpki.backup.sealed import CHUNK, MAGIC, TAG, SealedReader, SealedWriter
from v2xpki.errors import DecodeError, DecryptionFailed, KeystoreError, V2xPkiError

PASSPHRASE = "correct horse battery"
HEAD = len(MAGIC) + 1 + 16 + 7


def seal(*parts: bytes) -> bytes:
    file = io.BytesIO()
    with SealedWriter(file, PASSPHRASE, log2_n=4) as sealed:
        for part in parts:
            sealed.write(part)
    return file.getvalue()


def opened(octets: bytes, passphrase: str = PASSPHRASE, step: int = 10**9) -> bytes:
    reader = SealedReader(io.BytesIO(octets), passphrase)
    parts = []
    while part := reader.read(step):
        parts.append(part)
    return b"".join(parts)


@given(st.lists(st.integers(0, 3 * CHUNK), max_size=4), st.integers(1, 2 * CHUNK))
@settings(max_examples=40, deadline=None)
def test_what_goes_in_comes_out(lengths, step):
    parts = [bytes((number & 0xFF,)) * length for number, length in enumerate(lengths)]
    assert opened(seal(*parts), step=step) == b"".join(parts)


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_chunk_boundaries(length):
    octets = seal(bytes(length))
    assert opened(octets) == bytes(length)
    chunks = max(1, -(-length // CHUNK))
    assert len(octets) == HEAD + length + chunks * TAG


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_flipped_bit_is_found(data):
    octets = bytearray(seal(b"secret" * 20000))
    position = data.draw(st.integers(0, len(octets) - 1))
    if position == len(MAGIC):
        return  # the cost: a test of its own
    octets[position] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(V2xPkiError):
        opened(bytes(octets))


def test_a_cut_moved_or_appended_chunk_is_found():
    octets = seal(b"a" * CHUNK, b"b" * CHUNK, b"c" * 10)
    size = CHUNK + TAG
    first, second, last = (octets[HEAD + at : HEAD + at + size] for at in (0, size, 2 * size))
    head = octets[:HEAD]
    for changed in (
        head + first + second,  # the last is missing
        head + first,
        head + second + first + last,
        head + first + last,
        head + first + second + last + first,
        head + first + second + last + last,
        head + last,
        head,
        octets[:-1],
    ):
        with pytest.raises(DecryptionFailed):
            opened(changed)


def test_a_wrong_passphrase_is_told_as_such():
    with pytest.raises(DecryptionFailed, match="passphrase is wrong, or"):
        opened(seal(b"secret"), "incorrect horse")


def test_two_seals_of_one_text_share_nothing_but_the_name():
    one, other = seal(b"same"), seal(b"same")
    assert one[len(MAGIC) + 1 :] != other[len(MAGIC) + 1 :]
    assert not set(one[HEAD:].split(b"same")) - {one[HEAD:]}


@pytest.mark.parametrize("octets", [b"", b"PK\x03\x04" * 20, b"v2xpki backup 2\n" + bytes(60), MAGIC])
def test_other_files_are_no_backups(octets):
    with pytest.raises(DecodeError, match="no backup"):
        opened(octets)


def test_an_absurd_cost_is_refused_before_it_is_paid():
    octets = bytearray(seal(b"x"))
    octets[len(MAGIC)] = 40
    with pytest.raises(DecodeError, match="beyond what is accepted"):
        opened(bytes(octets))


def test_a_short_passphrase_is_refused():
    with pytest.raises(KeystoreError, match="12 characters"):
        SealedWriter(io.BytesIO(), "short", log2_n=4)


def test_a_writer_that_failed_leaves_no_valid_end():
    file = io.BytesIO()
    with pytest.raises(RuntimeError), SealedWriter(file, PASSPHRASE, log2_n=4) as sealed:
        sealed.write(b"half")
        raise RuntimeError
    with pytest.raises(DecryptionFailed):
        opened(file.getvalue())
