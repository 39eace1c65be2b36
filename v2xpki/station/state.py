"""A station's directory: settings and certificates as JSON and files, private keys in files of their own.

    DIR/station.json          settings, the current EC, the tickets
    DIR/keys/*.pem            private keys, 0600; canonical.pem among them
    DIR/certificates/*.oer    EC and tickets, by HashedId8
    DIR/trust/*.oer           TLM certificate and lists as last fetched
    DIR/butterfly/*.json      granted butterfly requests with their caterpillars, 0600

Every file is replaced whole: a crash leaves the old one or the new one.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, CryptoError, DecodeError
from v2xpki.keystore.memory import MemoryKey
from v2xpki.station.errors import BadState
from v2xpki.station.files import write_whole
from v2xpki.trust import regions
from v2xpki.trust.profiles import station_profile

VERSION = 1
_HEX8 = re.compile(r"[0-9A-F]{16}")
_NAME = re.compile(r"[A-Za-z0-9-]{1,40}")


@dataclass(frozen=True)
class Settings:
    """What a station is and where its PKI is. Ids are hex; region as text (trust.regions.from_text)."""

    its_id: str
    profile: str
    cpoc: str
    tlm: str
    root: str | None = None
    ea: str | None = None
    aa: str | None = None
    tls_ca: str | None = None
    region: str | None = None

    def check(self) -> None:
        """Raises ConfigError for what makes no station."""
        profile = station_profile(self.profile)
        for name, text, length in (
            ("its_id", self.its_id, None),
            ("tlm", self.tlm, 8),
            ("root", self.root, 8),
        ):
            if text is None:
                continue
            try:
                octets = bytes.fromhex(text)
            except ValueError:
                raise ConfigError(f"{name} {text!r} is not hex") from None
            if not octets or (length is not None and len(octets) != length):
                raise ConfigError(f"{name} {text!r} is not of {length or 'any'} octets")
        for url in (self.cpoc, self.ea, self.aa):
            if url is not None and not url.startswith(("http://", "https://")):
                raise ConfigError(f"{url} is not an http or https URL")
        if self.region is not None:
            regions.from_text(self.region)
        elif profile.region_bound:
            raise ConfigError(f"a {profile.name} is bound to a region", hint="say which, e.g. countries:276")


@dataclass(frozen=True)
class Followed:
    """Where following links has led to from the pinned TLM and root; names are HashedId8, upper-case hex.

    left: TLMs and roots that were trusted before, to which nothing leads back.
    """

    tlm: str | None = None
    root: str | None = None
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """Settings and the names (HashedId8, upper-case hex) of the certificates that the station holds."""

    settings: Settings
    ec: str | None = None
    tickets: tuple[str, ...] = field(default=())
    followed: Followed = field(default=Followed())


class StateDirectory:
    """Reads and writes one station's directory. Not for two processes at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, settings: Settings, canonical: MemoryKey) -> Self:
        """A new directory, 0700. Raises BadState where there is a station already."""
        self = cls(path)
        if self._json.exists():
            raise BadState(f"{path} is a station's directory already")
        for directory in (path, path / "keys", path / "certificates", path / "trust"):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.write_key("canonical", canonical)
        self.save(State(settings))
        return self

    @property
    def _json(self) -> Path:
        return self.path / "station.json"

    def load(self) -> State:
        """Raises BadState, naming what is wrong."""
        try:
            document = json.loads(self._json.read_text())
        except FileNotFoundError:
            raise BadState(f"{self.path} is no station's directory", hint="v2xpki client init") from None
        except (OSError, ValueError) as error:
            raise BadState(f"{self._json}: {error}") from error
        try:
            if document["version"] != VERSION:
                raise BadState(f"{self._json}: version {document['version']}, this is for {VERSION}")
            settings = Settings(**document["settings"])
            followed = self._followed(document, settings)
            state = State(settings, document["ec"], tuple(document["tickets"]), followed)
            names = [name for name in (state.ec, *state.tickets) if name is not None]
            names += [name for name in (followed.tlm, followed.root, *followed.left) if name is not None]
        except (KeyError, TypeError) as error:
            raise BadState(f"{self._json}: {error}") from error
        if not all(isinstance(name, str) and _HEX8.fullmatch(name) for name in names):
            raise BadState(f"{self._json}: a certificate's name is not 16 hex digits")
        return state

    @staticmethod
    def _followed(document: dict[str, Any], settings: Settings) -> Followed:
        """Who changes a pin by hand begins anew from it."""
        table = document.get("followed")
        if table is None or table["from"] != [settings.tlm, settings.root]:
            return Followed()
        return Followed(table["tlm"], table["root"], tuple(table["left"]))

    def save(self, state: State) -> None:
        document: dict[str, Any] = {
            "version": VERSION,
            "settings": asdict(state.settings),
            "ec": state.ec,
            "tickets": list(state.tickets),
            "followed": asdict(state.followed) | {"from": [state.settings.tlm, state.settings.root]},
        }
        write_whole(self._json, json.dumps(document, indent=2).encode() + b"\n", 0o644)

    def add_credential(self, state: State, certificate: Certificate, key: MemoryKey, *, ec: bool) -> State:
        """Keep a certificate with its key, the EC or one more ticket; the new state is saved."""
        name = certificate.hex8
        self.write_key(name, key)
        write_whole(self.path / "certificates" / f"{name}.oer", certificate.octets, 0o644)
        state = replace(state, ec=name) if ec else replace(state, tickets=(*state.tickets, name))
        self.save(state)
        return state

    def drop_tickets(self, state: State, names: set[str]) -> State:
        """Forget tickets, their keys first."""
        kept = replace(state, tickets=tuple(name for name in state.tickets if name not in names))
        self.save(kept)
        for name in names:
            (self.path / "keys" / f"{name}.pem").unlink(missing_ok=True)
            (self.path / "certificates" / f"{name}.oer").unlink(missing_ok=True)
        return kept

    def certificate(self, name: str) -> Certificate:
        path = self.path / "certificates" / f"{name}.oer"
        try:
            return Certificate.parse(path.read_bytes())
        except (OSError, DecodeError, CryptoError) as error:
            raise BadState(f"{path}: {error}") from error

    def write_key(self, name: str, key: MemoryKey) -> None:
        write_whole(self.path / "keys" / f"{name}.pem", key.to_pem(), 0o600)

    def key(self, name: str) -> MemoryKey:
        """ "canonical", or the HashedId8 of the key's certificate."""
        path = self.path / "keys" / f"{name}.pem"
        try:
            if path.stat().st_mode & 0o077:
                raise BadState(f"{path} can be read by others", hint=f"chmod 600 {path}")
            return MemoryKey.from_pem(path.read_bytes())
        except (OSError, CryptoError) as error:
            raise BadState(f"{path}: {error}") from error

    def write_supply(self, name: str, document: dict[str, Any]) -> None:
        """Keep a butterfly request's document; private keys are in it."""
        folder = self.path / "butterfly"
        folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(folder / f"{name}.json", json.dumps(document, indent=2).encode() + b"\n", 0o600)

    def drop_supply(self, name: str) -> None:
        """Forget a butterfly request, which was refused."""
        (self.path / "butterfly" / f"{name}.json").unlink(missing_ok=True)

    def supplies(self) -> list[dict[str, Any]]:
        """The documents of all butterfly requests. Raises BadState."""
        found = []
        for path in sorted((self.path / "butterfly").glob("*.json")):
            try:
                if path.stat().st_mode & 0o077:
                    raise BadState(f"{path} can be read by others", hint=f"chmod 600 {path}")
                found.append(json.loads(path.read_text()))
            except (OSError, ValueError) as error:
                raise BadState(f"{path}: {error}") from error
        return found

    def add_tickets(self, state: State, tickets: Iterable[tuple[Certificate, MemoryKey]]) -> State:
        """Keep tickets with their keys, those that are here already but once."""
        names = list(state.tickets)
        for certificate, key in tickets:
            name = certificate.hex8
            self.write_key(name, key)
            write_whole(self.path / "certificates" / f"{name}.oer", certificate.octets, 0o644)
            if name not in names:
                names.append(name)
        state = replace(state, tickets=tuple(names))
        self.save(state)
        return state

    def document(self, name: str) -> bytes | None:
        """The TLM certificate or a list as last fetched."""
        try:
            return (self.path / "trust" / f"{name}.oer").read_bytes()
        except OSError:
            return None

    def write_document(self, name: str, octets: bytes) -> None:
        assert _NAME.fullmatch(name), name
        write_whole(self.path / "trust" / f"{name}.oer", octets, 0o644)
