"""What the Image repository knows of a release. It knows no vehicle."""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from v2xpki.errors import ConfigError
from v2xpki.ota.evidence.shapes import Approved, Provenance, ReleaseHalf
from v2xpki.ota.evidence.signed import in_force, moment, sha256, versions
from v2xpki.store import Transaction, image
from v2xpki.time import iso_from_time32


def release_half(tx: Transaction, release: str) -> ReleaseHalf:
    """Of a release by its id (hex) or its target path. Raises ConfigError for one that is not here."""
    row = _release(tx, release)
    if row is None:
        raise ConfigError(f"there is no release {release!r}", hint="`v2xpki ota release list` has them")
    custom = json.loads(row.custom)
    listed = versions(tx, image, row.role, listing=row.path)
    first = min((version.published for version in listed), default=None)
    roles = ("root", "targets") if row.role != "targets" else ("root",)
    above = (
        []
        if first is None
        else [one for role in roles for one in in_force(tx, image, role, first, row.withdrawn)]
    )
    return ReleaseHalf(
        id=row.id.hex(),
        path=row.path,
        role=row.role,
        name=row.name,
        version=row.version,
        hardware_id=row.hardware_id,
        release_counter=row.release_counter,
        length=row.length,
        sha256=row.sha256,
        rxswin=tuple(custom.get("rxswin", ())),
        custom=custom,
        state=row.state,
        reason=row.reason,
        added_by=row.added_by,
        added=iso_from_time32(row.added),
        published=moment(row.published),
        withdrawn=moment(row.withdrawn),
        approvals=tuple(
            Approved(found.operator, iso_from_time32(found.approved))
            for found in tx.execute(
                sa.select(image.Approval.operator, image.Approval.approved)
                .where(image.Approval.release == row.id)
                .order_by(image.Approval.approved, image.Approval.operator)
            )
        ),
        provenance=_provenance(tx, row.id),
        listed_by=tuple(listed),
        above=tuple(above),
    )


def known_releases(tx: Transaction, paths: Iterable[str]) -> list[ReleaseHalf]:
    """Those of some target paths that are releases here; a factory's image is none."""
    return [release_half(tx, path) for path in paths if _release(tx, path) is not None]


def _release(tx: Transaction, release: str) -> sa.Row[Any] | None:
    table = image.Release
    by = table.path == release
    if len(release) == 32 and "/" not in release:
        try:
            by = table.id == bytes.fromhex(release)
        except ValueError:
            return None
    return tx.execute(sa.select(*image.Release.__table__.columns).where(by)).first()


def _provenance(tx: Transaction, release: bytes) -> Provenance | None:
    table = image.Attestation
    found = tx.execute(sa.select(*table.__table__.columns).where(table.release == release)).first()
    if found is None:
        return None
    return Provenance(found.predicate_type, found.builder, found.keyid, sha256(found.octets))
