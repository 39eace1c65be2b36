"""The root's database: the lists it has signed, the certificates it has revoked and the requests of sub-CAs
that it has granted, beside what every domain has. Its certificates, CTLs and CRLs are issuance records, and
ceremonies are entries of the audit chain."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, RootBase
from v2xpki.store.signed_lists import RevocationColumns, SignedListColumns

Base = RootBase


class SignedList(SignedListColumns, RootBase):
    """A number of a CTL or CRL that is given away."""


class Revocation(RevocationColumns, RootBase):
    """A certificate that the root has revoked."""


class CaApproval(RootBase):
    """A sub-CA's request that was granted: one certificate for what a key has signed once, and for a key.

    `record` is the issuance record, whose state says what became of it.
    """

    __tablename__ = "ca_approval"

    #: SHA-256 of the message that the new key signed.
    request: Mapped[bytes] = mapped_column(sa.LargeBinary(32), primary_key=True)
    #: SHA-256 of the COER PublicVerificationKey.
    key: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    #: HashedId8 of the certificate that a re-keying message was signed under.
    former: Mapped[bytes | None] = mapped_column(sa.LargeBinary(8))
    record: Mapped[bytes] = mapped_column(sa.LargeBinary(16))

    __table_args__ = (WITHOUT_ROWID,)
