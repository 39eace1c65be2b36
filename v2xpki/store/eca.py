"""The enrolment CA's database: devices, their enrolment certificates, requests answered.

Requests are found again by a keyed digest (`Database.blind`), and forgotten once they cannot be repeated.
What a certificate of an ACA says is never known here.
"""

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, EcaBase, Key16

Base = EcaBase

ACTIVE, BARRED = "active", "barred"


class Device(EcaBase):
    """A device that may enrol. `registered` and `day` as TAI since 2004."""

    __tablename__ = "device"

    id: Mapped[Key16]
    canonical_id: Mapped[str | None] = mapped_column(unique=True)  # None: known by its first key alone
    curve: Mapped[str]  # of the canonical key: Curve.text
    point: Mapped[bytes]  # SEC1, compressed
    profile: Mapped[str]
    status: Mapped[str]
    region: Mapped[bytes | None]  # COER GeographicRegion
    registered: Mapped[int]  # seconds, a whole hour
    day: Mapped[int]  # the day that the count is of
    requests: Mapped[int]

    __table_args__ = (WITHOUT_ROWID,)


class EnrolmentCertificate(EcaBase):
    """An enrolment certificate and whose it is. `key`: blinded digest of the key, which is certified once."""

    __tablename__ = "enrolment_certificate"

    hashed_id8: Mapped[bytes] = mapped_column(LargeBinary(8), primary_key=True)
    device: Mapped[bytes] = mapped_column(ForeignKey("device.id"))
    key: Mapped[bytes] = mapped_column(unique=True)
    certificate: Mapped[bytes]  # COER
    expires: Mapped[int]  # the certificate's end

    __table_args__ = (WITHOUT_ROWID,)


class EnrolmentRequest(EcaBase):
    """A request that was granted, and the octets of its answer.

    `wish` is the blinded digest of the device and the certificate that it asked for: in another envelope it
    gets the same certificate. `record` is the issuance record made for it; without an answer, that record is
    still open.
    """

    __tablename__ = "enrolment_request"

    id: Mapped[Key16]  # blinded SHA-256 of the octets
    wish: Mapped[bytes | None] = mapped_column(unique=True)
    record: Mapped[bytes | None]
    answer: Mapped[bytes | None]
    expires: Mapped[int]  # a whole hour; no index, see store/expiry.py

    __table_args__ = (WITHOUT_ROWID,)
