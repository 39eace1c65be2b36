"""What must hold of a Director's versions, however many processes make them."""

import json
from typing import Any

import sqlalchemy as sa

from v2xpki.issuance.metadata import documents_of
from v2xpki.ota.director import Director
from v2xpki.ota.inventory import Vehicle
from v2xpki.ota.vehicle_metadata import KIND, ROLES
from v2xpki.store import Database
from v2xpki.store.base import IssuanceRecord


def require_each_version_once(database: Database) -> int:
    """No version of a vehicle is recorded twice, and so none signed twice; what is stored as signed is what
    was recorded. How many records there are."""
    columns = (IssuanceRecord.to_be_signed, IssuanceRecord.signed)
    with database.read() as tx:
        records = tx.execute(sa.select(*columns).where(IssuanceRecord.kind == KIND)).all()
    seen = set()
    for recorded, signed in records:
        parts = [json.loads(line) for line in recorded.split(b"\n")]
        assert tuple(part["_type"] for part in parts) == ROLES
        [version] = {part["version"] for part in parts}
        one = parts[0]["custom"]["vehicleId"], version
        assert one not in seen, f"{one} was recorded twice"
        seen.add(one)
        if signed is not None:
            assert [json.loads(one)["signed"] for one in documents_of(recorded, signed)] == parts
    return len(records)


class Gone(LookupError):
    """A newer version has taken the place of the one that is being read."""


def whole_view(director: Director, vehicle: Vehicle, vin: str) -> dict[str, Any]:
    """The vehicle's targets, as it fetches them: three documents that go together. Raises Gone."""
    now = director._inventory.again(vehicle)
    timestamp = director.metadata(now, "timestamp.json")
    assert timestamp is not None
    version = json.loads(timestamp)["signed"]["meta"]["snapshot.json"]["version"]
    snapshot, targets = (director.metadata(now, f"{version}.{role}.json") for role in ("snapshot", "targets"))
    if snapshot is None or targets is None:
        raise Gone(version)
    assert json.loads(snapshot)["signed"]["meta"]["targets.json"]["version"] == version
    found: dict[str, Any] = json.loads(targets)["signed"]
    assert (found["version"], found["custom"]) == (version, {"vehicleId": vin})
    return found
