"""Declarative bases, one a trust domain, and the tables that every domain has.

A domain's database holds its own tables (`v2xpki.store.ea`, `.aa`, ...) and, always, the issuance
records, the audit chain with its head, and a few settings. The common tables are mapped once, here, so
that issuance and audit speak to every database with the same statements.

Tables with rows per request take `**WITHOUT_ROWID` and a random key (`random_key`): a rowid, or a
sequence, would keep the order in which stations asked.
"""

import secrets
from typing import Annotated, Any, Final, cast

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, MetaData, Table, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

DOMAINS: Final = (
    "root", "tlm", "ea", "aa", "dc",
    "scmsroot", "elector1", "elector2", "elector3", "eca", "ra", "aca", "la1", "la2", "ma", "sdc",
    "image", "director", "signer",
)  # fmt: skip

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
WITHOUT_ROWID: Final = {"sqlite_with_rowid": False}

# A Time32 needs 32 bits without sign, PostgreSQL's integer has 31. SQLite wants plain INTEGER, so that
# a key of this type is the rowid itself.
Whole = BigInteger().with_variant(Integer(), "sqlite")

Key16 = Annotated[bytes, mapped_column(LargeBinary(16), primary_key=True)]
_TYPES: dict[Any, Any] = {int: Whole, bytes: LargeBinary(), str: Text()}


def random_key() -> bytes:
    """A fresh key of 16 octets, which tells nothing about order."""
    return secrets.token_bytes(16)


def random_number() -> int:
    """The same for a key of 63 bits, where SQLite does better with its rowid."""
    return secrets.randbits(63)


def table_of(model: type[DeclarativeBase]) -> Table:
    """The table of a model, for Core statements."""
    return cast(Table, model.__table__)


class CommonBase(DeclarativeBase):
    """What every database has."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = _TYPES


class Setting(CommonBase):
    """A value that belongs to this database alone, e.g. its secret for keyed digests."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes]


class AuditRow(CommonBase):
    """An entry of the audit chain (`v2xpki.audit.AuditEntry`)."""

    __tablename__ = "audit_entry"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    time: Mapped[int]
    event: Mapped[str]
    detail: Mapped[str]
    hash: Mapped[bytes]


class AuditHead(CommonBase):
    """The end of the audit chain: one row. Whoever appends holds its lock until the commit."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int]
    hash: Mapped[bytes]


class IssuanceRecord(CommonBase):
    """What a CA key signs, written before it does.

    `state` is "open" (recorded, perhaps signed), "issued" (`signed` has the octets) or "void" (never to be
    signed; octets that someone holds nevertheless would be of this record). `open_by` names the
    process that has it open. `expires` in TAI seconds, a whole hour, says when a purge may take the row.
    """

    __tablename__ = "issuance_record"

    id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    kind: Mapped[str]
    issuer: Mapped[bytes | None]
    to_be_signed: Mapped[bytes]
    state: Mapped[str]
    open_by: Mapped[bytes | None]
    expires: Mapped[int]
    hashed_id8: Mapped[bytes | None]
    signed: Mapped[bytes | None]

    __table_args__ = (
        # Holds open records only, so that a start finds them among millions of others.
        Index(
            "ix_issuance_record_open_by",
            "open_by",
            sqlite_where=text("open_by IS NOT NULL"),
            postgresql_where=text("open_by IS NOT NULL"),
        ),
        WITHOUT_ROWID,
    )


def _domain_metadata(*, in_order: bool = False, purged: bool = False) -> MetaData:
    """in_order: issuance records in the order in which they came, where that tells nothing. purged: found by
    their end, where they are many and go by it (issuance.purge)."""
    metadata = MetaData(naming_convention=NAMING)
    for table in CommonBase.metadata.sorted_tables:
        table.to_metadata(metadata)
    records = metadata.tables["issuance_record"]
    if in_order:
        records.dialect_options["sqlite"]["with_rowid"] = True
    if purged:
        Index("ix_issuance_record_expires", records.c.expires)
    return metadata


class RootBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class TlmBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class EaBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class AaBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class DcBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class EcaBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class AcaBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class LaBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class ScmsRootBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class ElectorBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class RaBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class MaBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class SdcBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class ImageBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


class DirectorBase(DeclarativeBase):
    # Who asked when is in its rows anyway. Three documents make a long record: 8 pages of SQLite less each.
    # Ends come nearly in order, so that the index grows at its end: a page that was written anyway.
    metadata = _domain_metadata(in_order=True, purged=True)
    type_annotation_map = _TYPES


class SignerBase(DeclarativeBase):
    metadata = _domain_metadata()
    type_annotation_map = _TYPES


BASES: Final[dict[str, type[DeclarativeBase]]] = {
    "root": RootBase,
    "tlm": TlmBase,
    "ea": EaBase,
    "aa": AaBase,
    "dc": DcBase,
    "scmsroot": ScmsRootBase,
    "elector1": ElectorBase,
    "elector2": ElectorBase,
    "elector3": ElectorBase,
    "eca": EcaBase,
    "ra": RaBase,
    "aca": AcaBase,
    "la1": LaBase,
    "la2": LaBase,
    "ma": MaBase,
    "sdc": SdcBase,
    "image": ImageBase,
    "director": DirectorBase,
    "signer": SignerBase,
}
# Domains that share a schema, each with its own database: the name of their module and migrations.
_SHARED: Final = {
    "la1": "la", "la2": "la", "elector1": "elector", "elector2": "elector", "elector3": "elector",
}  # fmt: skip


def schema_name(domain: str) -> str:
    """The module in store/ and the folder in store/migrations/ of a domain."""
    return _SHARED.get(domain, domain)
