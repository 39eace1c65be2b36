"""The vehicle version manifest (Uptane 5.4.2.1): what each ECU says it has installed.

    {"signed": {"vehicleId", "primaryEcu", "counter", "time", "ecuManifests": {ECU id: report}},
     "signatures": [{"keyid", "sig"}]}                                             by the Primary's key
    report: {"signed": {"ecuId", "counter", "time", "attack"?,
                        "installed": {"path", "length", "sha256", "releaseCounter"}},
             "signatures": [{"keyid", "sig"}]}                                     by the ECU's key

The Primary's own report has no signatures: the manifest's covers it. Signatures are over canonical JSON.
`time` is ISO 8601 UTC. Counters only rise: the manifest's own, and each ECU's.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from v2xpki.errors import DecodeError
from v2xpki.time import time32_from_iso
from v2xpki.trust.ota.canonical import canonical, printable, read_object, text_of, whole_of
from v2xpki.trust.ota.fields import MOST_ECUS
from v2xpki.trust.ota.names import PART, SHA256, VIN

LONGEST = 128 * 1024
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_PATH = re.compile(r"[A-Za-z0-9._+/-]{1,260}")
_LONGEST_ATTACK = 256
# A manifest's reports are mostly of one second.
_time32 = lru_cache(64)(time32_from_iso)


class Installed(NamedTuple):
    """An image on an ECU. `path` is its target path; a factory's image has one, too."""

    path: str
    length: int
    sha256: str
    release_counter: int

    def document(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "length": self.length,
            "sha256": self.sha256,
            "releaseCounter": self.release_counter,
        }


class EcuReport(NamedTuple):
    """An ECU's version report. `octets` is what its key signed; no signature: the Primary's own."""

    ecu: str
    counter: int
    time: int  # TAI seconds
    installed: Installed
    attack: str | None
    octets: bytes
    signature: Mapping[str, Any] | None


class Manifest(NamedTuple):
    """A manifest, parsed and nothing believed. `octets` is what the Primary's key signed."""

    vin: str
    primary: str
    counter: int
    time: int  # TAI seconds
    reports: Mapping[str, EcuReport]
    octets: bytes
    signature: Mapping[str, Any]

    @classmethod
    def parse(cls, octets: bytes) -> "Manifest":
        """Raises DecodeError that names the field."""
        signed, signatures = _halves(read_object(octets, "manifest", limit=LONGEST), "manifest")
        if len(signatures) != 1:
            raise DecodeError("manifest.signatures is not one signature")
        _only(signed, {"vehicleId", "primaryEcu", "counter", "time", "ecuManifests"}, "manifest")
        listed = signed.get("ecuManifests")
        if not isinstance(listed, dict) or not 0 < len(listed) <= MOST_ECUS:
            raise DecodeError(f"manifest.ecuManifests names not 1 to {MOST_ECUS} ECUs")
        primary = text_of(signed, "primaryEcu", PART, "manifest")
        reports = {ecu: _report(ecu, value, signs=ecu != primary) for ecu, value in listed.items()}
        return cls(
            text_of(signed, "vehicleId", VIN, "manifest"),
            primary,
            whole_of(signed, "counter", "manifest", least=1),
            _time(signed, "manifest"),
            reports,
            canonical(signed, whole=True),
            signatures[0],
        )


def report_body(
    ecu: str, counter: int, time: str, installed: Installed, attack: str | None
) -> dict[str, Any]:
    """The part of an ECU's report that its key signs. time: ISO 8601 UTC."""
    body = {"ecuId": ecu, "counter": counter, "time": time, "installed": installed.document()}
    return body if attack is None else {**body, "attack": attack}


def manifest_body(
    vin: str, primary: str, counter: int, time: str, reports: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The part of a manifest that the Primary's key signs. reports: ECU id -> {"signed", "signatures"}."""
    return {
        "vehicleId": vin,
        "primaryEcu": primary,
        "counter": counter,
        "time": time,
        "ecuManifests": dict(reports),
    }


def _report(ecu: str, value: Any, *, signs: bool) -> EcuReport:
    what = f"manifest.ecuManifests.{ecu}" if printable(ecu) and len(ecu) < 70 else "manifest.ecuManifests"
    signed, signatures = _halves(value, what)
    if len(signatures) != (1 if signs else 0):
        raise DecodeError(f"{what}.signatures: one, and none in the Primary's own report")
    _only(signed, {"ecuId", "counter", "time", "installed", "attack"}, what)
    if text_of(signed, "ecuId", PART, what) != ecu:
        raise DecodeError(f"{what}.ecuId is another ECU's")
    installed = signed.get("installed")
    if not isinstance(installed, dict):
        raise DecodeError(f"{what}.installed is no object")
    _only(installed, {"path", "length", "sha256", "releaseCounter"}, f"{what}.installed")
    attack = signed.get("attack")
    if attack is not None and (
        not isinstance(attack, str) or len(attack) > _LONGEST_ATTACK or not printable(attack)
    ):
        raise DecodeError(f"{what}.attack is no text of at most {_LONGEST_ATTACK} characters")
    return EcuReport(
        ecu,
        whole_of(signed, "counter", what, least=1),
        _time(signed, what),
        Installed(
            text_of(installed, "path", _PATH, f"{what}.installed"),
            whole_of(installed, "length", f"{what}.installed"),
            text_of(installed, "sha256", SHA256, f"{what}.installed"),
            whole_of(installed, "releaseCounter", f"{what}.installed"),
        ),
        attack,
        canonical(signed, whole=True) if signs else b"",
        signatures[0] if signs else None,
    )


def _halves(value: Any, what: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if not isinstance(value, dict) or value.keys() != {"signed", "signatures"}:
        raise DecodeError(f"{what} has not signed and signatures")
    signed, signatures = value["signed"], value["signatures"]
    if not isinstance(signed, dict) or not isinstance(signatures, list):
        raise DecodeError(f"{what} has not signed and signatures")
    if not all(
        isinstance(one, dict)
        and one.keys() == {"keyid", "sig"}
        and isinstance(one["keyid"], str)
        and isinstance(one["sig"], str)
        for one in signatures
    ):
        raise DecodeError(f"{what}.signatures is no list of signatures")
    return signed, signatures


def _only(table: Mapping[str, Any], known: set[str], what: str) -> None:
    if unknown := table.keys() - known:
        name = min(unknown)
        raise DecodeError(
            f"{what} has an unknown field{' ' + name if printable(name) and len(name) < 70 else ''}"
        )


def _time(table: Mapping[str, Any], what: str) -> int:
    text = text_of(table, "time", _TIME, what)
    try:
        return _time32(text)
    except ValueError:
        raise DecodeError(f"{what}.time is no time") from None
