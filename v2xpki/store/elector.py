"""An elector's database (all electors have one schema, and a database of their own): which CTL it signed.

Its certificate and its signatures are issuance records; the table keeps it from signing two lists of one
number.
"""

from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, ElectorBase

Base = ElectorBase


class SignedCtl(ElectorBase):
    """A number of a series of CTLs that this elector has given its signature for."""

    __tablename__ = "signed_ctl"

    series: Mapped[bytes] = mapped_column(primary_key=True)  # CtlSeriesId, 8 octets
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ctl_hash: Mapped[bytes]  # HashedId48 of the ToBeSignedCtl
    record: Mapped[bytes]  # the issuance record

    __table_args__ = (WITHOUT_ROWID,)
