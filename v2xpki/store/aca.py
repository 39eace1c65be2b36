"""The authorization certificate authority's database: chunks of certificates, which it has made for which
request, and the secrets for that, wrapped.

It holds nothing of a vehicle, and no request: what it was asked is known again by a keyed digest.
"""

from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, AcaBase, Key16
from v2xpki.store.chunks import IssuanceChunkColumns
from v2xpki.store.wrapped import WrappedSecretColumns

Base = AcaBase


class IssuanceChunk(IssuanceChunkColumns, AcaBase):
    """A chunk of certificates. `rider` holds the pre-linkage values and the request hash of each, sealed."""


class Certified(AcaBase):
    """What is to be certified once: `id` is the blinded digest of a ToBeSignedCertificate, whose place is the
    entry `position` of a chunk."""

    __tablename__ = "certified"

    id: Mapped[Key16]
    chunk: Mapped[bytes]
    position: Mapped[int]

    __table_args__ = (WITHOUT_ROWID,)


class CaseOfRevocation(AcaBase):
    """A case of a misbehaviour authority, whose parts were given. `id`: the blinded case id; `certificate`: a
    blinded digest of it, so that this database tells nobody whom it is about."""

    __tablename__ = "case_of_revocation"

    id: Mapped[Key16]
    certificate: Mapped[bytes]
    expires: Mapped[int]  # TAI seconds, a whole hour

    __table_args__ = (WITHOUT_ROWID,)


class CasesOfDay(AcaBase):
    """How many new cases a misbehaviour authority had within a day."""

    __tablename__ = "cases_of_day"

    ma: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[int]
    count: Mapped[int]

    __table_args__ = (WITHOUT_ROWID,)


class WrappedSecret(WrappedSecretColumns, AcaBase):
    """The keys shared with linkage authorities, and the ACA's own."""
