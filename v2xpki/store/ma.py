"""The misbehaviour authority's database: cases, and what the CRLs that it has signed name.

It holds seeds of revoked chains alone, and of a case neither a vehicle, nor an lci, nor a pre-linkage value.
"""

from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, Key16, MaBase

Base = MaBase


class Case(MaBase):
    """A certificate that an operator named, and how far its revocation has come. `state`: open, revoked."""

    __tablename__ = "case_of_revocation"

    id: Mapped[Key16]  # the case id that the other components know, too
    certificate: Mapped[bytes] = mapped_column(unique=True)  # HashedId10 of what was named
    state: Mapped[str]
    reason: Mapped[str]
    opened: Mapped[int]  # TAI seconds, a whole hour
    entry: Mapped[bytes | None]  # of `revoked_entry`

    __table_args__ = (WITHOUT_ROWID,)


class RevokedEntry(MaBase):
    """An entry of a CRL. `kind`: linked (la ids, seeds of i_rev, i_max, j_max) or hash (HashedId10)."""

    __tablename__ = "revoked_entry"

    id: Mapped[Key16]
    kind: Mapped[str]
    craca: Mapped[bytes]  # HashedId8
    series: Mapped[int]
    value: Mapped[bytes]
    i_rev: Mapped[int | None]
    i_max: Mapped[int | None]
    j_max: Mapped[int | None]
    expires: Mapped[int]  # TAI seconds, a whole hour: the end of the last certificate that it names

    __table_args__ = (WITHOUT_ROWID,)


class SignedCrl(MaBase):
    """A CRL that was signed: numbered by craca, series and the order of issue."""

    __tablename__ = "signed_crl"

    craca: Mapped[bytes] = mapped_column(primary_key=True)
    series: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    issue_date: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    next_crl: Mapped[int]
    record: Mapped[bytes]
    published: Mapped[int]  # 1 once the distribution centre has it

    __table_args__ = (WITHOUT_ROWID,)
