"""The EA's database: stations, their enrolment credentials, requests answered, tickets counted, butterfly
requests and what they brought.

What it must not hold is anything that an AA's database has too, beside CA digests: no ticket or its keys,
no keyTag, no requestHash, no time of a ticket finer than an hour (TS 102 941 6.2.3.3.1). Requests are found
again by a keyed digest (`Database.blind`), and forgotten once they cannot be repeated.
"""

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, EaBase, Key16

Base = EaBase

ACTIVE, BARRED = "active", "barred"


class Station(EaBase):
    """A station that may enrol. Times and days of the counts as TAI since 2004."""

    __tablename__ = "station"

    id: Mapped[Key16]
    canonical_id: Mapped[bytes] = mapped_column(unique=True)
    curve: Mapped[str]  # of the canonical key: Curve.text
    point: Mapped[bytes]  # SEC1, compressed
    profile: Mapped[str]
    status: Mapped[str]
    region: Mapped[bytes | None]  # COER GeographicRegion
    registered: Mapped[int]  # seconds, a whole hour
    day: Mapped[int]  # the day that the two counts are of
    enrolments: Mapped[int]
    validations: Mapped[int]

    __table_args__ = (WITHOUT_ROWID,)


class EnrolmentCredential(EaBase):
    """An EC and whose it is."""

    __tablename__ = "enrolment_credential"

    hashed_id8: Mapped[bytes] = mapped_column(LargeBinary(8), primary_key=True)
    # No index by station or expires: only operators ask by them, seldom.
    station: Mapped[bytes] = mapped_column(ForeignKey("station.id"))
    certificate: Mapped[bytes]  # COER
    expires: Mapped[int]  # the certificate's end

    __table_args__ = (WITHOUT_ROWID,)


class EnrolmentRequest(EaBase):
    """A request for an EC or its renewal, and the octets of its final answer.

    `wish` is the blinded hash of what the station signed: in another envelope it gets the same EC. `record`
    is the issuance record made for it; without an answer, that record is still open.
    """

    __tablename__ = "enrolment_request"

    id: Mapped[Key16]  # blinded SHA-256 of the octets
    wish: Mapped[bytes | None] = mapped_column(unique=True)
    record: Mapped[bytes | None]
    answer: Mapped[bytes | None]
    expires: Mapped[int]  # a whole hour; no index, see store/expiry.py

    __table_args__ = (WITHOUT_ROWID,)


class Validation(EaBase):
    """A confirmed authorization: only that it was, so that an AA's retry is not counted again."""

    __tablename__ = "validation"

    id: Mapped[Key16]  # blinded EC, AA and SHA-256(SharedAtRequest)
    start: Mapped[int | None]  # the ticket's start where the EA chose it: a whole hour
    expires: Mapped[int]  # likewise

    __table_args__ = (WITHOUT_ROWID,)


class TicketWindow(EaBase):
    """How many tickets were confirmed to a station for the whole hours from `start` to `end`."""

    __tablename__ = "ticket_window"

    station: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    start: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    end: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tickets: Mapped[int]

    __table_args__ = (WITHOUT_ROWID,)


class ButterflyRequest(EaBase):
    """A station's request for tickets by butterfly keys, granted. Periods are i values."""

    __tablename__ = "butterfly_request"

    id: Mapped[Key16]
    request_hash: Mapped[bytes] = mapped_column(unique=True)  # HashedId8 of the request: names its files
    station: Mapped[bytes] = mapped_column(LargeBinary(16), index=True)
    wish: Mapped[bytes]  # COER ToBeSignedCertificate as granted, with the caterpillar
    params: Mapped[bytes]  # COER AdditionalParams: the expansion keys
    last: Mapped[int]
    following: Mapped[int] = mapped_column(index=True)  # the first period without a batch
    day: Mapped[int]  # that it was granted on
    expires: Mapped[int] = mapped_column(index=True)  # a whole hour

    __table_args__ = (WITHOUT_ROWID,)


class ButterflyBatch(EaBase):
    """The tickets of one request for one period: waiting, in a chunk's hands, or packed."""

    __tablename__ = "butterfly_batch"

    request: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    period: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
    chunk: Mapped[bytes | None] = mapped_column(LargeBinary(16), index=True)
    state: Mapped[str] = mapped_column(index=True)
    archive: Mapped[bytes | None]  # the ZIP
    expires: Mapped[int] = mapped_column(index=True)  # a whole hour

    __table_args__ = (WITHOUT_ROWID,)


WAITING, TAKEN, PACKED, REFUSED, STOPPED = "waiting", "taken", "packed", "refused", "stopped"


class ButterflyChunk(EaBase):
    """Batches that go to the AA together. The row is there until all of them are packed."""

    __tablename__ = "butterfly_chunk"

    id: Mapped[Key16]
    open_by: Mapped[bytes | None]  # the run of the process that is at it

    __table_args__ = (WITHOUT_ROWID,)
