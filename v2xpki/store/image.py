"""The Image repository's database: metadata, uploads that became releases, approvals, provenance.

It knows nothing of vehicles.
"""

from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, ImageBase, Key16
from v2xpki.store.tuf import RoleVersionColumns, SigningRequestColumns, SubmittedSignatureColumns

Base = ImageBase


class RoleVersion(RoleVersionColumns, ImageBase):
    __table_args__ = (WITHOUT_ROWID,)


class SigningRequest(SigningRequestColumns, ImageBase):
    __table_args__ = (WITHOUT_ROWID,)


class SubmittedSignature(SubmittedSignatureColumns, ImageBase):
    __table_args__ = (WITHOUT_ROWID,)


class Release(ImageBase):
    """An image for one hardware id. `path` is its target path, of one that was withdrawn before it was out
    with `#` and its id behind it; `role` the targets role that signs it."""

    __tablename__ = "release"

    id: Mapped[Key16]
    path: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    name: Mapped[str]
    version: Mapped[str]
    hardware_id: Mapped[str]
    release_counter: Mapped[int]
    length: Mapped[int]
    sha256: Mapped[str]  # hex
    custom: Mapped[str]  # JSON: the target's custom fields
    state: Mapped[str]
    reason: Mapped[str]  # of a withdrawal
    added_by: Mapped[str]
    added: Mapped[int]  # TAI seconds
    published: Mapped[int | None]
    withdrawn: Mapped[int | None]

    __table_args__ = (WITHOUT_ROWID,)


class Approval(ImageBase):
    """Who approved a release, and when."""

    __tablename__ = "approval"

    release: Mapped[bytes] = mapped_column(primary_key=True)
    operator: Mapped[str] = mapped_column(primary_key=True)
    approved: Mapped[int]  # TAI seconds

    __table_args__ = (WITHOUT_ROWID,)


class Attestation(ImageBase):
    """The statement of provenance that a release was taken with: a DSSE envelope, as it came."""

    __tablename__ = "attestation"

    release: Mapped[bytes] = mapped_column(primary_key=True)
    octets: Mapped[bytes]
    predicate_type: Mapped[str]
    builder: Mapped[str]
    keyid: Mapped[str]  # who signed it

    __table_args__ = (WITHOUT_ROWID,)
