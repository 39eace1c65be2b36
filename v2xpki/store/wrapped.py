"""Secrets that an authority keeps: wrapped by a key of its token, worth nothing without it."""

from sqlalchemy.orm import Mapped, mapped_column


class WrappedSecretColumns:
    """A secret by name. `wrapper` is the label of the token's key, whose generation counts up by rotation."""

    __tablename__ = "wrapped_secret"

    name: Mapped[str] = mapped_column(primary_key=True)
    wrapper: Mapped[str]
    octets: Mapped[bytes]
    #: TAI seconds, a whole hour.
    since: Mapped[int]
    #: TAI seconds, a whole hour, after which it is of no use; None: as long as there is no other.
    until: Mapped[int | None]
