"""A stream of octets under a passphrase: scrypt, then AES-256-GCM in chunks of 64 KiB.

    "v2xpki backup 1\\n" (16) || log2 N (1) || salt (16) || nonce prefix (7) || chunks

A chunk's nonce is the prefix, its number (4 octets) and whether it is the last (1 octet), so that chunks
cannot be moved, dropped or appended; the whole head is the associated data of each. The passphrase is
stretched with r = 8, p = 1, N = 2**17: 128 MB and about half a second here.
"""

import secrets
from types import TracebackType
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from v2xpki.errors import DecodeError, DecryptionFailed, KeystoreError

MAGIC = b"v2xpki backup 1\n"
CHUNK, TAG = 65536, 16
LOG2_N, _MOST = 17, 20
_SALT, _PREFIX = 16, 7
_HEAD = len(MAGIC) + 1 + _SALT + _PREFIX
SHORTEST = 12  # characters of a passphrase


def _cipher(passphrase: str, log2_n: int, salt: bytes) -> AESGCM:
    if len(passphrase) < SHORTEST:
        raise KeystoreError(f"a backup's passphrase has at least {SHORTEST} characters")
    return AESGCM(Scrypt(salt=salt, length=32, n=1 << log2_n, r=8, p=1).derive(passphrase.encode()))


class SealedWriter:
    """Encrypts what is written to it. Its end is only valid once it was closed."""

    def __init__(self, file: BinaryIO, passphrase: str, log2_n: int = LOG2_N) -> None:
        salt, self._prefix = secrets.token_bytes(_SALT), secrets.token_bytes(_PREFIX)
        self._cipher = _cipher(passphrase, log2_n, salt)
        self._head = MAGIC + bytes((log2_n,)) + salt + self._prefix
        self._file, self._number, self._pending = file, 0, bytearray()
        file.write(self._head)

    def write(self, octets: bytes) -> int:
        self._pending += octets
        while len(self._pending) > CHUNK:  # a full chunk waits: it may turn out to be the last
            self._seal(bytes(self._pending[:CHUNK]), last=False)
            del self._pending[:CHUNK]
        return len(octets)

    def close(self) -> None:
        """Write the last chunk; the file itself stays open."""
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        nonce = self._prefix + self._number.to_bytes(4, "big") + bytes((last,))
        self._file.write(self._cipher.encrypt(nonce, chunk, self._head))
        self._number += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()


class SealedReader:
    """Decrypts what a SealedWriter wrote. Octets come out only of chunks that are intact.

    Raises DecodeError for what is no backup, DecryptionFailed for a wrong passphrase or a changed file.
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._head = head = file.read(_HEAD)
        if len(head) < _HEAD or not head.startswith(MAGIC):
            raise DecodeError("this is no backup of v2xpki (or of a later version)")
        log2_n, salt = head[len(MAGIC)], head[len(MAGIC) + 1 : len(MAGIC) + 1 + _SALT]
        if log2_n > _MOST:
            raise DecodeError(f"scrypt with N = 2**{log2_n} is beyond what is accepted")
        self._prefix = head[-_PREFIX:]
        self._cipher = _cipher(passphrase, log2_n, salt)
        self._file, self._number = file, 0
        self._ahead = file.read(CHUNK + TAG)
        self._plain, self._ended = b"", False

    def read(self, count: int) -> bytes:
        """Up to `count` octets; fewer only at the end."""
        parts: list[bytes] = []
        while count > 0:
            if not self._plain:
                if self._ended:
                    break
                self._open()
                continue
            part = self._plain[:count]
            self._plain = self._plain[count:]
            count -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _open(self) -> None:
        chunk, self._ahead = self._ahead, self._file.read(CHUNK + TAG)
        self._ended = not self._ahead
        nonce = self._prefix + self._number.to_bytes(4, "big") + bytes((self._ended,))
        try:
            self._plain = self._cipher.decrypt(nonce, chunk, self._head)
        except InvalidTag:
            raise DecryptionFailed(
                "the passphrase is wrong, or the backup is damaged"
                if self._number == 0
                else f"the backup is damaged or cut short (chunk {self._number})"
            ) from None
        self._number += 1
