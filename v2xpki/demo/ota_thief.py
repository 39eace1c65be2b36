"""A thief who has the Director's token and database, and what can be had with them: metadata for a vehicle,
signed as the Director signs it. Run in a process of its own (keystore.apart)."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from v2xpki.config import Instance
from v2xpki.issuance.metadata import document
from v2xpki.issuance.token_signer import TokenSigner
from v2xpki.keystore import TokenConfig, open_token
from v2xpki.ota.director import label_of
from v2xpki.ota.vehicle_metadata import ROLES
from v2xpki.time import iso_from_time32
from v2xpki.trust.ota.canonical import canonical
from v2xpki.trust.ota.fields import DirectorFields

_LASTS = 3600


class Wish(NamedTuple):
    """What a vehicle's ECU is to be told. sha256: hex."""

    ecu: str
    hardware_id: str
    path: str
    length: int
    sha256: str
    counter: int


def direct(directory: Path, vin: str, wish: Wish, version: int, now: int) -> dict[str, bytes]:
    """The vehicle's metadata as files by their names: no record of it is made. now: TAI seconds."""
    custom = DirectorFields({wish.ecu: wish.hardware_id}, wish.counter).document()
    targets = {
        wish.path: {"custom": custom, "hashes": {"sha256": wish.sha256}, "length": wish.length},
    }
    signed: dict[str, dict[str, Any]] = {
        "targets": {"targets": targets, "custom": {"vehicleId": vin}},
        "snapshot": {"meta": {"targets.json": {"version": version}}},
        "timestamp": {"meta": {"snapshot.json": {"version": version}}},
    }
    common = {"spec_version": "1.0.31", "version": version, "expires": iso_from_time32(now + _LASTS)}
    made = {}
    domain = Instance.load(directory).domain("director")
    with closing(open_token(TokenConfig.of_domain(domain))) as keystore:
        for role in ROLES:
            signer = TokenSigner(keystore.issuing_key(label_of(role)))
            octets = canonical({"_type": role, **common, **signed[role]})
            signature = signer.sign(octets)
            name = f"{role}.json" if role == "timestamp" else f"{version}.{role}.json"
            made[name] = document(octets, [(signature.keyid, signature.signature)])
    return made


def version_of(metadata: bytes) -> int:
    """Of a document of metadata."""
    return int(json.loads(metadata)["signed"]["version"])
