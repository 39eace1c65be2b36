"""What both repositories have and how they are: for `v2xpki status`. Uses no key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from v2xpki.config import OTA_DOMAINS, Instance
from v2xpki.errors import V2xPkiError
from v2xpki.keystore.inventory import keys_in_tokens
from v2xpki.ota.opening import open_repository
from v2xpki.ota.repository import Repository
from v2xpki.store import Database, require_current
from v2xpki.store.base import table_of
from v2xpki.store.director import Campaign, Ecu, Vehicle
from v2xpki.store.image import Release
from v2xpki.time import Clock, SystemClock, iso_from_time32

#: What is counted, by state: the domain, and the table's column.
_COUNTED: Mapping[str, tuple[str, sa.ColumnElement[str]]] = {
    "releases": ("image", table_of(Release).c.state),
    "campaigns": ("director", table_of(Campaign).c.state),
    "vehicles": ("director", table_of(Vehicle).c.state),
}


@dataclass(slots=True)
class FirmwareStatus:
    """`problems` keep vehicles from their updates; `warnings` will, or are meant to be seen."""

    document: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def collect_firmware(instance: Instance, clock: Clock | None = None) -> FirmwareStatus:
    """All there is to say; what cannot be read is a problem, not an error."""
    clock, status = clock or SystemClock(), FirmwareStatus()
    keys = keys_in_tokens(instance, OTA_DOMAINS)
    repositories, counts = [], dict[str, dict[str, int]]()
    for name in OTA_DOMAINS:
        entry: dict[str, Any] = {"name": name, "keys": [], "roles": [], "requests": []}
        repositories.append(entry)
        found = keys.get(name, "its token is not there")
        if isinstance(found, list):
            entry["keys"] = found
            status.problems += [
                f"{name}: key {key['label']} could be read out of its token"
                for key in found
                if key["extractable"] or not key["sensitive"]
            ]
        else:
            status.problems.append(f"{name}: {found}")
        try:
            with Database.open(instance.domain(name).database_url, must_exist=True) as database:
                require_current(database, name)
                repository = open_repository(instance, name, None, database, clock)
                entry |= _metadata(repository, status)
                counts |= _counts(database, name)
        except V2xPkiError as error:
            status.problems.append(f"{name}: {error}")
    status.document = {"repositories": repositories, "counts": counts}
    return status


def _metadata(repository: Repository, status: FirmwareStatus) -> dict[str, Any]:
    name, roles = repository.kind.name, []
    for one in repository.roles():
        until = iso_from_time32(one.expires)
        if one.left <= 0:
            status.problems.append(f"{name}: {one.role} {one.version} has expired {until}")
        elif one.due:
            status.warnings.append(f"{name}: {one.role} {one.version} is to be signed anew before {until}")
        roles.append(
            {
                "role": one.role,
                "version": one.version,
                "expires": until,
                "secondsLeft": one.left,
                "threshold": one.threshold,
                "keyids": list(one.keyids),
                "online": one.online,
            }
        )
    if not roles:
        status.warnings.append(f"{name}: no root is published yet")
    requests = []
    for request in repository.requests():
        _, signatures = repository.request(request.id)
        there = {one.keyid for one in signatures}
        missing = {a.who: a.threshold - len(a.keys.keys() & there) for a in request.agree}
        requests.append(
            {
                "id": request.id.hex(),
                "role": request.role,
                "version": request.version,
                "missing": {who: count for who, count in missing.items() if count > 0},
            }
        )
    return {"roles": roles, "requests": requests}


def _counts(database: Database, name: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    with database.read() as tx:
        for what, (domain, state) in _COUNTED.items():
            if domain == name:
                rows: Any = tx.execute(
                    sa.select(state, sa.func.count()).group_by(state).order_by(state)
                ).all()
                found[what] = {row[0]: row[1] for row in rows}
        if name == "director":
            ecus = sa.select(sa.func.count()).where(table_of(Ecu).c.replaced_by.is_(None))
            found["ecus"] = {"in use": tx.execute(ecus).scalar_one()}
    return found
