"""The registration authority's database: devices by their enrolment certificates, what they asked for, and
the files that wait for them.

It knows which requests are one device's, and the names of its linkage chains; of a certificate of an ACA it
has the ciphertext alone.
"""

import sqlalchemy as sa
from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, Key16, RaBase

Base = RaBase

ACTIVE, BLOCKED = "active", "blocked"
#: RaRequest.kind. An application certificate is one, of a key that the device made alone; its row has one
#: batch, at the period that it starts in.
PSEUDONYM, IDENTIFICATION, APPLICATION = "pseudonym", "identification", "application"
WAITING, TAKEN, PACKED, REFUSED, STOPPED = "waiting", "taken", "packed", "refused", "stopped"


class RaDevice(RaBase):
    """A device, known by its enrolment certificates alone. `blocked` is the internal blocklist."""

    __tablename__ = "ra_device"

    id: Mapped[Key16]
    status: Mapped[str]
    day: Mapped[int]  # the day that the count is of
    requests: Mapped[int]

    __table_args__ = (WITHOUT_ROWID,)


class RaEnrolment(RaBase):
    """An enrolment certificate that a device came with, or was given as a successor; or one that was blocked
    by its HashedId8 before it ever came, certificate None."""

    __tablename__ = "ra_enrolment"

    hashed_id8: Mapped[bytes] = mapped_column(LargeBinary(8), primary_key=True)
    device: Mapped[bytes] = mapped_column(LargeBinary(16), index=True)
    certificate: Mapped[bytes | None]  # COER
    expires: Mapped[int] = mapped_column(index=True)  # the certificate's end

    __table_args__ = (WITHOUT_ROWID,)


class RaRequest(RaBase):
    """A request, granted. Periods are i values. lci1, lci2: the names of its chains at either linkage
    authority, drawn apart; None for certificates without linkage."""

    __tablename__ = "ra_request"

    id: Mapped[Key16]
    request_hash: Mapped[bytes] = mapped_column(
        unique=True
    )  # HashedId8 of the encrypted SPDU: names its files
    device: Mapped[bytes] = mapped_column(LargeBinary(16), index=True)
    kind: Mapped[str]
    count: Mapped[int]  # certificates of a batch
    # COER ToBeSignedCertificate as granted, with the caterpillar: a key, or a reconstruction value (implicit)
    wish: Mapped[bytes]
    params: Mapped[bytes | None]  # COER AdditionalParams: expansion keys, or whom the response is for
    lci1: Mapped[bytes | None]
    lci2: Mapped[bytes | None]
    first: Mapped[int]
    last: Mapped[int]
    following: Mapped[int]  # the first period without a batch
    expires: Mapped[int] = mapped_column(index=True)  # a whole hour

    __table_args__ = (
        # in the order of a top-up; what is supplied to its end is not in it
        sa.Index(
            "ix_ra_request_following",
            "following",
            "id",
            sqlite_where=sa.text("following <= last"),
            postgresql_where=sa.text("following <= last"),
        ),
        WITHOUT_ROWID,
    )


class RaName(RaBase):
    """The hash of another envelope that a wish, granted before, came in: what files are asked for by, too."""

    __tablename__ = "ra_name"

    request_hash: Mapped[bytes] = mapped_column(LargeBinary(8), primary_key=True)
    first: Mapped[bytes] = mapped_column(LargeBinary(8))  # the hash that the files are kept by

    __table_args__ = (WITHOUT_ROWID,)


class RaSuccessor(RaBase):
    """An ECA's answer to a request for a successor, until its device fetches it."""

    __tablename__ = "ra_successor"

    request_hash: Mapped[bytes] = mapped_column(LargeBinary(8), primary_key=True)
    device: Mapped[bytes] = mapped_column(LargeBinary(16))
    response: Mapped[bytes]  # COER EcaEeCertResponseSpdu
    expires: Mapped[int] = mapped_column(index=True)  # a whole hour

    __table_args__ = (WITHOUT_ROWID,)


class RaBatch(RaBase):
    """The certificates of one request for one period: waiting, in a chunk's hands, or packed."""

    __tablename__ = "ra_batch"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # random_number
    request: Mapped[bytes] = mapped_column(LargeBinary(16))
    period: Mapped[int]
    count: Mapped[int]
    chunk: Mapped[bytes | None] = mapped_column(LargeBinary(16), index=True)
    state: Mapped[str]
    hashes: Mapped[bytes | None]  # name_of_request of each certificate, by j: what a revocation finds it by
    archive: Mapped[bytes | None]  # the ZIP
    expires: Mapped[int] = mapped_column(index=True)  # a whole hour

    # A random number for the rowid: it tells no order, and SQLite packs large rows closer under rowids than
    # under keys of its own (11 octets a certificate are lost on pages, not 169).
    __table_args__ = (
        sa.UniqueConstraint("request", "period"),
        # batches of one period lie together, whosever they are
        sa.Index("ix_ra_batch_state", "state", "period", "request"),
    )


class RaChunk(RaBase):
    """Batches that go to the ACA together. The row is there until all of them are packed."""

    __tablename__ = "ra_chunk"

    id: Mapped[Key16]
    open_by: Mapped[bytes | None]  # the run of the process that is at it

    __table_args__ = (WITHOUT_ROWID,)


class RaAnswer(RaBase):
    """A message that was answered. `id`: blinded digest of its octets; `wish`: of what the device asked for
    in it, which is granted once in however many envelopes it comes; None for all but the first of them."""

    __tablename__ = "ra_answer"

    id: Mapped[Key16]
    wish: Mapped[bytes | None] = mapped_column(unique=True)
    answer: Mapped[bytes]
    expires: Mapped[int] = mapped_column(index=True)  # a whole hour

    __table_args__ = (WITHOUT_ROWID,)


class RaCase(RaBase):
    """A case of the misbehaviour authority: a certificate, by its request and place. `id`: the blinded case
    id. Nothing is told before its row, the device's blocking and an audit entry are durable."""

    __tablename__ = "ra_case"

    id: Mapped[Key16]
    request: Mapped[bytes] = mapped_column(LargeBinary(16))
    period: Mapped[int]
    j: Mapped[int]
    expires: Mapped[int]  # a whole hour

    __table_args__ = (WITHOUT_ROWID,)
