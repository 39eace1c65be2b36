"""Issuance records of many certificates at once: one row a chunk, whose octets hold what is to be signed and,
afterwards, what was signed. See issuance/chunks.py.

A chunk's row is written once before its signatures and once after them, however large the database; rows for
each certificate would be two writes to random pages each.
"""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from v2xpki.errors import StoreError
from v2xpki.store.base import Key16

TABLE = "issuance_chunk"


class IssuanceChunkColumns:
    """A chunk. `state`, `open_by`, `issuer`, `expires` as an IssuanceRecord's.

    The table keeps its rows in the order of their insertion, as the audit record does that names them.
    """

    __tablename__ = TABLE

    id: Mapped[Key16]
    kind: Mapped[str]
    issuer: Mapped[bytes]
    state: Mapped[str]
    open_by: Mapped[bytes | None]
    expires: Mapped[int]
    #: `pack` of its certificates, or of what was to be signed where there is none.
    octets: Mapped[bytes]
    #: What the authority keeps beside them, sealed by it.
    rider: Mapped[bytes]

    __table_args__ = (
        sa.Index(
            "ix_issuance_chunk_open_by",
            "open_by",
            sqlite_where=sa.text("open_by IS NOT NULL"),
            postgresql_where=sa.text("open_by IS NOT NULL"),
        ),
    )


class Entry(NamedTuple):
    """One of a chunk: a certificate, or a ToBeSignedCertificate that has none."""

    signed: bool
    octets: bytes


# What stands around the tbs in a certificate of a chunk: version, type and issuer; a P-256 signature, which
# the first bit says is there: an implicit certificate has none.
_BEFORE_TBS, _AFTER_TBS, _HAS_SIGNATURE = 12, 66, 0x80


def tbs_of(entry: Entry) -> bytes:
    """What was, or was to be, certified."""
    signed, octets = entry
    if not signed:
        return octets
    return octets[_BEFORE_TBS:-_AFTER_TBS] if octets[0] & _HAS_SIGNATURE else octets[_BEFORE_TBS:]


def pack(entries: Iterable[Entry]) -> bytes:
    """Each entry: 01 or 00 (signed, or not), its length in two octets, its octets."""
    return b"".join(
        part
        for signed, octets in entries
        for part in (b"\1" if signed else b"\0", len(octets).to_bytes(2, "big"), octets)
    )


def unpack(octets: bytes) -> list[Entry]:
    """The entries. Raises StoreError for octets that pack has not made."""
    entries, i, end = [], 0, len(octets)
    while i < end:
        stop = i + 3 + int.from_bytes(octets[i + 1 : i + 3], "big")
        if octets[i] > 1 or stop > end:
            raise StoreError("a chunk's record is damaged")
        entries.append(Entry(octets[i] == 1, octets[i + 3 : stop]))
        i = stop
    return entries
