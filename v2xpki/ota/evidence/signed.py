"""Versions of roles, as either repository keeps them, with who signed them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from v2xpki.ota.evidence.shapes import Named, SignedVersion, Signing
from v2xpki.store import Transaction
from v2xpki.store.tuf import PUBLISHED, RoleVersionColumns
from v2xpki.time import iso_from_time32


def versions(tx: Transaction, domain: Any, role: str, *, listing: str | None = None) -> list[SignedVersion]:
    """Versions of a role, oldest first; of targets those that list a path."""
    table: type[RoleVersionColumns] = domain.RoleVersion
    rows = tx.execute(
        sa.select(table.version, table.octets, table.published, table.expires)
        .where(table.role == role)
        .order_by(table.version)
    )
    found = []
    for row in rows:
        document = json.loads(row.octets)
        if listing is not None and listing not in document["signed"]["targets"]:
            continue
        signers = _signers(tx, domain, role, row.version)
        signatures = tuple(signers.get(one["keyid"], Signing(one["keyid"])) for one in document["signatures"])
        found.append(
            SignedVersion(
                role,
                row.version,
                sha256(row.octets),
                iso_from_time32(row.published),
                iso_from_time32(row.expires),
                signatures,
                _named(document["signed"]),
            )
        )
    return found


def _signers(tx: Transaction, domain: Any, role: str, version: int) -> dict[str, Signing]:
    request, submitted = domain.SigningRequest, domain.SubmittedSignature
    rows = tx.execute(
        sa.select(submitted.keyid, submitted.signer, submitted.submitted_by, submitted.submitted)
        .join(request, submitted.request == request.id)
        .where(request.role == role, request.version == version, request.state == PUBLISHED)
    )
    return {
        row.keyid: Signing(row.keyid, row.signer, row.submitted_by, moment(row.submitted)) for row in rows
    }


def in_force(
    tx: Transaction, domain: Any, role: str, first: str, withdrawn: int | None
) -> list[SignedVersion]:
    """The versions of a role of which one was the newest at some time from `first` to the withdrawal."""
    found, last = versions(tx, domain, role), moment(withdrawn)
    before = [one for one in found if one.published <= first][-1:]
    return before + [one for one in found if first < one.published and (last is None or one.published < last)]


def _named(signed: Mapping[str, Any]) -> dict[str, Named]:
    """The roles that a root or targets name, with their keys."""
    roles: dict[str, Any] = signed.get("roles", {})
    delegated = signed.get("delegations", {}).get("roles", [])
    roles = roles | {role["name"]: role for role in delegated}
    return {name: Named(role["threshold"], tuple(role["keyids"])) for name, role in roles.items()}


def rxswin_of(custom: str | None) -> tuple[str, ...]:
    """The numbers in a target's custom field."""
    return () if custom is None else tuple(json.loads(custom).get("rxswin", ()))


def sha256(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def moment(time: int | None) -> str | None:
    return None if time is None else iso_from_time32(time)
