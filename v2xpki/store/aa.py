"""The AA's database: requests answered. Tickets are its issuance records.

It holds nothing of the station: no enrolment credential, no ecSignature, no client's address.
"""

from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, AaBase, Key16

Base = AaBase


class AuthorizationRequest(AaBase):
    """A request for a ticket, and the octets of its final answer.

    `ticket` is the blinded SHA-256 of SharedAtRequest: the same wish in another envelope gets the same
    ticket, since the EA counts it once. `record` is the issuance record made for it.
    """

    __tablename__ = "authorization_request"

    id: Mapped[Key16]  # blinded SHA-256 of the octets
    ticket: Mapped[bytes | None] = mapped_column(unique=True)
    record: Mapped[bytes | None]
    answer: Mapped[bytes | None]
    expires: Mapped[int]  # a whole hour; no index, see store/expiry.py

    __table_args__ = (WITHOUT_ROWID,)


class ButterflyTicket(AaBase):
    """A cocoon key that was certified for an EA: kept as long as the ticket, so that none is certified twice.

    `id` is the blinded digest of the whole wish, `cocoon` that of the key alone. `record` is the issuance
    record.
    """

    __tablename__ = "butterfly_ticket"

    id: Mapped[Key16]
    cocoon: Mapped[bytes] = mapped_column(unique=True)
    record: Mapped[bytes]
    expires: Mapped[int] = mapped_column(index=True)  # a whole hour

    __table_args__ = (WITHOUT_ROWID,)
