"""The making of a test set: the good in every curve and form, then the broken, each in one way."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError
from v2xpki.keystore.secret_files import write_private
from v2xpki.testset import certificates, lists, messages
from v2xpki.testset.laboratory import Identity, Laboratory, services
from v2xpki.testset.manifest import Entry, Kind, Manifest
from v2xpki.time import iso_from_time32
from v2xpki.trust import regions

Command = Literal["cert", "data", "ctl", "ectl", "crl"]
_COMMANDS: dict[Kind, Command] = {"certificate": "cert", "message": "data"}
_SERVICES = services({36: "010000", 37: "01000000", 137: "0100", 138: "0100", 139: "010000000000"})


@dataclass
class Pki:
    """One PKI of the set: its authorities, and its stations by curve."""

    root: Identity
    tlm: Identity
    ea: Identity
    aa: Identity
    ec: dict[Curve, Identity] = field(default_factory=dict)
    at: dict[Curve, Identity] = field(default_factory=dict)


@dataclass
class Set:
    """A set in the making."""

    lab: Laboratory
    directory: Path
    entries: list[Entry] = field(default_factory=list)
    timed: list[Entry] = field(default_factory=list)
    identities: list[dict[str, Any]] = field(default_factory=list)
    pkis: dict[str, Pki] = field(default_factory=dict)
    _kept: set[str] = field(default_factory=set)

    @property
    def main(self) -> Pki:
        """The PKI as they occur in the field: the root on brainpoolP384r1, EA and AA on P-256."""
        return self.pkis["mixed"]

    @property
    def ticket(self) -> Identity:
        """The main PKI's ticket on P-256."""
        return self.main.at[Curve.NIST_P256]

    def write(self, name: str, octets: bytes) -> str:
        """Write a file of the set; its name."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
        return name

    def keep(self, identity: Identity, kind: str) -> Identity:
        """Write an identity's certificate and keys, once."""
        if identity.name in self._kept:
            return identity
        self._kept.add(identity.name)
        self.write(f"{identity.name}.oer", identity.octets)
        keys = {"key": identity.key, "encryptionKey": identity.encryption}
        listed: dict[str, Any] = {
            "file": f"{identity.name}.oer", "kind": kind, "hashedId8": identity.certificate.hashed_id8.hex(),
            "curve": identity.key.curve.text,
        }  # fmt: skip
        for name, key in keys.items():
            suffix = "" if name == "key" else "-encryption"
            listed[name] = None if key is None else f"{identity.name}{suffix}.pem"
            if key is not None:
                write_private(self.directory / listed[name], key.memory.to_pem().decode())
        self.identities.append(listed)
        return identity

    def add(
        self,
        kind: Kind,
        rule: str,
        octets: bytes,
        chain: Iterable[Identity | str],
        description: str,
        *,
        clause: str = "IEEE 1609.2",
        reason: str | None = None,
        command: Command | None = None,
        decodes: bool = True,
        time: int | None = None,
        key: Identity | None = None,
        file: str | None = None,
    ) -> str:
        """One entry; its file. reason: what our verifier answers; None: valid. time: judged then."""
        folder = "valid" if reason is None else "broken"
        name = file or self.write(f"{folder}/{kind}-{rule}.oer", octets)
        entry = Entry(
            file=name,
            chain=[one if isinstance(one, str) else f"{one.name}.oer" for one in chain],
            kind=kind,
            expect="valid" if reason is None else "invalid",
            rule=rule,
            reason=reason,
            command=command or _COMMANDS[kind],
            clause=clause,
            description=description,
            decodes=decodes,
            time=None if time is None else iso_from_time32(time),
            key=None if key is None else f"{key.name}.pem",
        )
        (self.entries if time is None else self.timed).append(entry)
        return name


def create(directory: Path, *, seed: str, now: int) -> Manifest:
    """Write a test set into a folder that is new or empty; the same octets for the same seed and time.

    now: TAI seconds; what is good is so for six days from then on. Raises ConfigError.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigError(f"{directory} is not an empty folder")
    directory.mkdir(parents=True, exist_ok=True)
    made = Set(Laboratory(seed.encode(), now), directory)
    for curve in Curve:
        made.pkis[curve.text] = _pki(made, curve.text, curve, curve, (curve,))
    made.pkis["mixed"] = _pki(made, "mixed", Curve.BRAINPOOL_P384R1, Curve.NIST_P256, tuple(Curve))
    for name, pki in made.pkis.items():
        _authorities(made, name, pki)
    certificates.add_all(made)
    messages.add_all(made)
    lists.add_all(made)
    _check_names([*made.entries, *made.timed])
    manifest = Manifest(iso_from_time32(now), seed, made.entries, made.timed, made.identities)
    text = json.dumps(manifest.as_document(), indent=1, ensure_ascii=False)
    (directory / "manifest.json").write_text(text + "\n")
    return manifest


def _pki(made: Set, name: str, root_curve: Curve, curve: Curve, stations: Sequence[Curve]) -> Pki:
    lab, place = made.lab, f"pki/{name}"
    region = regions.from_text("countries:65535") if name == "mixed" else None
    root = made.keep(
        lab.issue("RCA", f"{place}/root", None, root_curve, name=f"Test root {name}", region=region), "RCA"
    )
    tlm = made.keep(lab.issue("TLM", f"{place}/tlm", None, root_curve, name=f"Test TLM {name}"), "TLM")
    ea = made.keep(lab.issue("EA", f"{place}/ea", root, curve, name=f"Test EA {name}"), "EA")
    aa = made.keep(lab.issue("AA", f"{place}/aa", root, curve, name=f"Test AA {name}"), "AA")
    pki = Pki(root, tlm, ea, aa)
    for station in stations:
        ec = lab.issue("EC", f"{place}/ec-{station.text}", ea, station, name=f"test-station-{station.text}")
        pki.ec[station] = made.keep(ec, "EC")
        at = lab.issue("AT", f"{place}/at-{station.text}", aa, station, app_permissions=_SERVICES)
        pki.at[station] = made.keep(at, "AT")
    return pki


def _authorities(made: Set, name: str, pki: Pki) -> None:
    """Each certificate of a PKI as an entry."""
    for what, identity, chain in (
        ("root", pki.root, [pki.root]),
        ("tlm", pki.tlm, [pki.tlm]),
        ("ea", pki.ea, [pki.root]),
        ("aa", pki.aa, [pki.root]),
        *((f"ec-{curve.text}", ec, [pki.ea, pki.root]) for curve, ec in pki.ec.items()),
        *((f"at-{curve.text}", at, [pki.aa, pki.root]) for curve, at in pki.at.items()),
    ):
        made.add(
            "certificate", f"{what}-of-{name}", b"", chain, f"{what} of the PKI {name}",
            clause="TS 103 097 7.2", key=identity, file=f"{identity.name}.oer",
        )  # fmt: skip


def _check_names(entries: Sequence[Entry]) -> None:
    names = [(entry.kind, entry.rule) for entry in entries]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)
