"""What both repositories of firmware metadata keep: versions of roles, and what signers are asked for."""

from sqlalchemy.orm import Mapped, mapped_column

#: A signing request's state.
OPEN, PUBLISHED, DROPPED = "open", "published", "dropped"


class RoleVersionColumns:
    """A version of a role's metadata, as it is handed out. Rows come, none changes; a version is published
    with its row. `role`: root, targets, snapshot, timestamp, or a delegated role's name."""

    __tablename__ = "role_version"

    role: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    octets: Mapped[bytes]  # JSON, with its signatures
    expires: Mapped[int]  # TAI seconds
    published: Mapped[int]  # TAI seconds


class SigningRequestColumns:
    """Metadata of an offline role that waits for its signatures. At most one is open for a role.

    `payload` is the canonical JSON that is signed; `keys` (JSON: who must agree -> keyids, threshold) what
    it needs: for a root both the old one's word and the new one's.
    """

    __tablename__ = "signing_request"

    id: Mapped[bytes] = mapped_column(primary_key=True)  # SHA-256 of role, a line feed, payload
    role: Mapped[str]
    version: Mapped[int]
    payload: Mapped[bytes]
    keys: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]
    created_by: Mapped[str]
    created: Mapped[int]  # TAI seconds


class SubmittedSignatureColumns:
    """A signature that came in for a request, verified."""

    __tablename__ = "submitted_signature"

    request: Mapped[bytes] = mapped_column(primary_key=True)
    keyid: Mapped[str] = mapped_column(primary_key=True)
    signature: Mapped[str]  # hex, as the metadata has it
    signer: Mapped[str]
    submitted_by: Mapped[str]
    submitted: Mapped[int]  # TAI seconds
