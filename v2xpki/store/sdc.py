"""The SCMS distribution centre's database: what it hands out, as it was signed. Rows come, none changes."""

from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, SdcBase

Base = SdcBase


class Published(SdcBase):
    """A document. `kind`: ctl, crl, certificate or policy; `name` is what devices ask for it by: ctlSeriesId,
    CRACA's HashedId8 and series, HashedId8. `number`: ctlSequenceNumber, issueDate; 0 for what has none."""

    __tablename__ = "published"

    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    octets: Mapped[bytes]
    begins: Mapped[int]  # TAI seconds
    ends: Mapped[int | None]

    __table_args__ = (WITHOUT_ROWID,)
