"""The misbehaviour authority's database: cases, and what the CRLs that it has signed name.

It holds seeds of revoked chains alone, and of a case neither a vehicle, nor an lci, nor a pre-linkage value.
"""

from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, Key16, MaBase

Base = MaBase

#: A case's state: named by an operator; its device blocked by the RA; on a CRL to come; not to be had.
OPENED, BLOCKED, REVOKED, FAILED = "opened", "blocked", "revoked", "failed"
LINKED, HASH = "linked", "hash"


class Case(MaBase):
    """A certificate that an operator named, and how far its revocation has come."""

    __tablename__ = "case_of_revocation"

    id: Mapped[Key16]  # the case id that the other components know, too
    hashed_id10: Mapped[bytes] = mapped_column(unique=True)
    certificate: Mapped[bytes]  # COER, as it was named
    state: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[str]  # why it is not yet, or never, revoked
    opened: Mapped[int]  # TAI seconds, a whole hour
    expires: Mapped[int]  # a whole hour: the end of the last certificate that it revokes

    __table_args__ = (WITHOUT_ROWID,)


class RevokedEntry(MaBase):
    """An entry of a CRL. `kind`: linked (la ids, seeds of i_rev, i_max, j_max) or hash (HashedId10)."""

    __tablename__ = "revoked_entry"

    id: Mapped[Key16]
    kind: Mapped[str]
    series: Mapped[int]
    value: Mapped[bytes] = mapped_column(unique=True)
    i_rev: Mapped[int | None]
    i_max: Mapped[int | None]
    j_max: Mapped[int | None]
    listed: Mapped[int]  # 1 once a CRL that was signed names it
    expires: Mapped[int]  # TAI seconds, a whole hour: the end of the last certificate that it names

    __table_args__ = (WITHOUT_ROWID,)


class SignedCrl(MaBase):
    """An issueDate of a series that is given away, once, before its CRL is signed. `record` is the issuance
    record, whose state says what became of it."""

    __tablename__ = "signed_crl"

    craca: Mapped[bytes] = mapped_column(primary_key=True)
    series: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    issue_date: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    next_crl: Mapped[int]
    number: Mapped[int]  # crlSerial, or indexWithinI of i_rev
    i_rev: Mapped[int | None]  # of a linked CRL
    record: Mapped[bytes]
    published: Mapped[int]  # 1 once the distribution centre has it

    __table_args__ = (WITHOUT_ROWID,)
