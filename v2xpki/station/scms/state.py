"""The directory of an SCMS device: settings, trust, enrolment, requests; private keys in 0600 files.

    DIR/scms.json            settings
    DIR/keys/canonical.pem   the key it was registered with, 0600
    DIR/trust.json           electors, quorum and certificate chain file, as last accepted
    DIR/documents/*.oer      RA certificate and composite CRL as last fetched; etags.json
    DIR/enrolment.json       enrolment certificate, its chain and key, 0600
    DIR/pending.json         a request for one that is not answered yet, 0600
    DIR/supplies/*.json      requests for certificates with their keys, 0600
    DIR/credentials/*.json   certificates with their keys (credentials.py), 0600
    DIR/downloads/*.part     what was cut off

Every file is replaced whole, and is enough by itself: a crash between two writes costs a repetition, no more.
Supplies and credentials go only where their time is over.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError
from v2xpki.keystore.memory import MemoryKey
from v2xpki.station.errors import BadState
from v2xpki.station.files import clear_unfinished, read_secret, write_whole
from v2xpki.station.scms.enrolment import Enrolled, Pending
from v2xpki.station.scms.supplies import Supply
from v2xpki.trust.periods import Periods
from v2xpki.wire import dot2

VERSION = 1
PROFILES = ("obe", "rsu")
_NAME = re.compile(r"[a-z-]{1,40}")
_FOLDERS = ("keys", "documents", "supplies", "credentials", "downloads")


@dataclass(frozen=True)
class ScmsSettings:
    """What a device is, and where its PKI is: base URLs, before /v3. canonical_id None: of one that is not
    registered. change_seconds, change_messages: when another pseudonym is due; 0: not for that reason."""

    profile: str
    canonical_id: str | None
    eca: str
    ra: str
    dc: str
    tls_ca: str | None = None
    region: str | None = None
    epoch: int = 347_619_603
    period: int = 604_800
    overlap: int = 3600
    change_seconds: int = 300
    change_messages: int = 0

    @property
    def periods(self) -> Periods:
        return Periods(self.epoch, self.period, self.overlap)


class Anchors(NamedTuple):
    """Electors that are trusted, how many of them must sign the next list, and the chain file with the last
    list that they signed; None before the first."""

    electors: tuple[Certificate, ...]
    quorum: int
    chain_file: bytes | None = None


@dataclass(frozen=True)
class Waiting:
    """A request for an enrolment certificate on its way. sealed: as it goes to the RA, for a successor.
    acknowledged: the RA has it, the answer is to be fetched."""

    pending: Pending
    sealed: bytes | None = field(default=None, repr=False)
    acknowledged: bool = False


class ScmsDirectory:
    """Reads and writes one device's directory. Not for two processes at once."""

    def __init__(self, path: Path) -> None:
        """Raises BadState where there is no device."""
        self.path = path
        document = self._json("scms.json", secret=False)
        if document is None:
            raise BadState(f"{path} is no SCMS device's directory", hint="v2xpki client scms init")
        try:
            if document.pop("version") != VERSION:
                raise BadState(f"{path / 'scms.json'}: another version than {VERSION}")
            self.settings = ScmsSettings(**document)
        except (AttributeError, KeyError, TypeError) as error:
            raise BadState(f"{path / 'scms.json'}: {error}") from error
        for folder in ("", *_FOLDERS):
            clear_unfinished(path / folder)

    @classmethod
    def create(cls, path: Path, settings: ScmsSettings, canonical: MemoryKey, anchors: Anchors) -> Self:
        """A new directory, 0700. Raises BadState where there is a device already."""
        if (path / "scms.json").exists():
            raise BadState(f"{path} is an SCMS device's directory already")
        for folder in ("", *_FOLDERS):
            (path / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path / "keys" / "canonical.pem", canonical.to_pem(), 0o600)
        _write_anchors(path, anchors)
        _write(path / "scms.json", {"version": VERSION, **asdict(settings)}, 0o644)
        return cls(path)

    # --- trust -----------------------------------------------------------------------------------

    @property
    def anchors(self) -> Anchors:
        document = self._need("trust.json", secret=False)
        try:
            chain_file = document["chain_file"]
            return Anchors(
                tuple(_certificate(text) for text in document["electors"]),
                int(document["quorum"]),
                None if chain_file is None else bytes.fromhex(chain_file),
            )
        except _DAMAGE as error:
            raise self._damaged("trust.json", error) from error

    def write_anchors(self, anchors: Anchors) -> None:
        _write_anchors(self.path, anchors)

    def document(self, name: str) -> bytes | None:
        """A document as last fetched and found good."""
        try:
            return (self.path / "documents" / f"{name}.oer").read_bytes()
        except FileNotFoundError:
            return None

    def etag(self, name: str) -> str:
        """Of the document that is here; empty for none."""
        if name != "chain-file" and self.document(name) is None:
            return ""
        return str((self._json("documents/etags.json", secret=False) or {}).get(name, ""))

    def write_document(self, name: str, octets: bytes) -> None:
        assert _NAME.fullmatch(name), name
        write_whole(self.path / "documents" / f"{name}.oer", octets, 0o644)

    def write_etag(self, name: str, etag: str) -> None:
        """After the document: an ETag without its octets would be believed."""
        etags = self._json("documents/etags.json", secret=False) or {}
        _write(self.path / "documents" / "etags.json", {**etags, name: etag}, 0o644)

    # --- enrolment -------------------------------------------------------------------------------

    @property
    def canonical(self) -> MemoryKey:
        octets = read_secret(self.path / "keys" / "canonical.pem")
        try:
            return MemoryKey.from_pem(octets or b"")
        except CryptoError as error:
            raise self._damaged("keys/canonical.pem", error) from error

    @property
    def enrolled(self) -> Enrolled | None:
        document = self._json("enrolment.json")
        if document is None:
            return None
        try:
            return Enrolled(
                _key(document["key"]),
                _certificate(document["certificate"]),
                tuple(_certificate(text) for text in document["chain"]),
            )
        except _DAMAGE as error:
            raise self._damaged("enrolment.json", error) from error

    def write_enrolled(self, enrolled: Enrolled) -> None:
        """The new certificate; what was waiting for it goes after it."""
        document = {
            "key": enrolled.key.to_pem().decode(),
            "certificate": enrolled.certificate.octets.hex(),
            "chain": [link.octets.hex() for link in enrolled.chain],
        }
        _write(self.path / "enrolment.json", document, 0o600)
        self.drop_waiting()

    @property
    def waiting(self) -> Waiting | None:
        document = self._json("pending.json")
        if document is None:
            return None
        try:
            present, sealed = document["present"], document["sealed"]
            pending = Pending(
                _key(document["key"]),
                bytes.fromhex(document["request"]),
                bytes.fromhex(document["asked"]),
                wire.decode(dot2.ToBeSignedCertificate, bytes.fromhex(document["wish"])),
                int(document["time"]),
                None if present is None else _certificate(present),
            )
            sealed = None if sealed is None else bytes.fromhex(sealed)
            return Waiting(pending, sealed, bool(document["acknowledged"]))
        except _DAMAGE as error:
            raise self._damaged("pending.json", error) from error

    def write_waiting(self, waiting: Waiting) -> None:
        """Before it is sent: an answer to a key that is lost is lost."""
        pending, sealed = waiting.pending, waiting.sealed
        document = {
            "key": pending.key.to_pem().decode(),
            "request": pending.request.hex(),
            "asked": pending.asked.hex(),
            "wish": wire.encode(pending.wish).hex(),
            "time": pending.time,
            "present": None if pending.present is None else pending.present.octets.hex(),
            "sealed": None if sealed is None else sealed.hex(),
            "acknowledged": waiting.acknowledged,
        }
        _write(self.path / "pending.json", document, 0o600)

    def drop_waiting(self) -> None:
        (self.path / "pending.json").unlink(missing_ok=True)

    # --- requests for certificates -----------------------------------------------------------------

    def supplies(self) -> Iterator[Supply]:
        """By name."""
        for path in sorted((self.path / "supplies").glob("*.json")):
            yield Supply.of_document(self._need(f"supplies/{path.name}"))

    def write_supply(self, supply: Supply) -> None:
        _write(self.path / "supplies" / f"{supply.name}.json", supply.document(), 0o600)

    def drop_supply(self, supply: Supply) -> None:
        (self.path / "supplies" / f"{supply.name}.json").unlink(missing_ok=True)

    # --- files -----------------------------------------------------------------------------------

    def _json(self, name: str, *, secret: bool = True) -> dict[str, Any] | None:
        path = self.path / name
        try:
            octets = read_secret(path) if secret else path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadState(f"{path}: {error.strerror}") from error
        if octets is None:
            return None
        try:
            document = json.loads(octets)
        except ValueError as error:
            raise self._damaged(name, error) from error
        if not isinstance(document, dict):
            raise BadState(f"{path}: no table")
        return document

    def _need(self, name: str, *, secret: bool = True) -> dict[str, Any]:
        document = self._json(name, secret=secret)
        if document is None:
            raise BadState(f"{self.path / name} is missing")
        return document

    def _damaged(self, name: str, error: Exception) -> BadState:
        return BadState(f"{self.path / name} cannot be read: {type(error).__name__}")


_DAMAGE = (KeyError, TypeError, ValueError, DecodeError, CryptoError)


def _key(pem: str) -> MemoryKey:
    return MemoryKey.from_pem(pem.encode())


def _certificate(text: str) -> Certificate:
    return Certificate.parse(bytes.fromhex(text))


def _write_anchors(path: Path, anchors: Anchors) -> None:
    electors, quorum, chain_file = anchors
    document = {
        "electors": [elector.octets.hex() for elector in electors],
        "quorum": quorum,
        "chain_file": None if chain_file is None else chain_file.hex(),
    }
    _write(path / "trust.json", document, 0o644)


def _write(path: Path, document: dict[str, Any], mode: int) -> None:
    write_whole(path, json.dumps(document, indent=2).encode() + b"\n", mode)
