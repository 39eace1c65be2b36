"""A linkage authority's database (both have one schema, and a database of their own): its chains of seeds.

It holds nothing of a vehicle, no linkage value and no seed in clear. The RA's name for a chain is there as a
keyed digest alone, so that this database and the RA's have no value in common; the name itself is sealed with
the seed.
"""

from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, Key16, LaBase
from v2xpki.store.wrapped import WrappedSecretColumns

Base = LaBase


class LinkageChain(LaBase):
    """A chain of linkage seeds. `id`: the blinded RA and lci; `sealed`: ls(first), the lci and the RA."""

    __tablename__ = "linkage_chain"

    id: Mapped[Key16]
    #: The i of its first seed.
    first: Mapped[int]
    sealed: Mapped[bytes]
    #: iRev: no value is given from this i on; None: not revoked.
    revoked_from: Mapped[int | None]
    #: TAI seconds, a whole hour: the end of its last period.
    expires: Mapped[int]

    __table_args__ = (WITHOUT_ROWID,)


class RevocationCase(LaBase):
    """A case of the misbehaviour authority, for one chain. `id`: the blinded case id, which the other linkage
    authority may have too. Nothing leaves about the chain before its row, and an audit entry, are durable.
    A further chain of the same vehicle has a row of its own, counted in that of the first."""

    __tablename__ = "revocation_case"

    id: Mapped[Key16]
    chain: Mapped[bytes]
    #: The first period whose seed was given; None: none was.
    i_rev: Mapped[int | None]
    #: How many further chains the RA has named for the case.
    further: Mapped[int]
    expires: Mapped[int] = mapped_column()

    __table_args__ = (WITHOUT_ROWID,)


class WrappedSecret(WrappedSecretColumns, LaBase):
    """The keys that seal the chains, and those shared with the ACA."""
