"""What a vehicle keeps for its updates, in a folder of its station's directory.

DIR/ota/ota.json         settings
DIR/ota/primary.json     the manifests' counter, and the latest time at which all was in force
DIR/ota/tls.pem          client certificate, its chain and its key, 0600
DIR/ota/metadata/director, image      verified metadata, the pinned roots among it
DIR/ota/ecus/ID          each ECU (ecu.py)
DIR/ota/downloads        images on their way
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from v2xpki.errors import ConfigError
from v2xpki.station.errors import BadState
from v2xpki.station.files import clear_unfinished, read_secret, sync_folder, write_whole
from v2xpki.station.ota.ecu import Ecu
from v2xpki.station.ota.keys import EcuKey
from v2xpki.station.ota.repository_view import MetadataFiles
from v2xpki.station.ota.secondary import Verification
from v2xpki.trust.ota.names import PART, VIN, require

_VERSION = 1
_FOLDERS = ("ecus", "metadata", "downloads")


@dataclass(frozen=True)
class EcuSettings:
    """An ECU of the vehicle. verification: of a Secondary; a Primary's is full."""

    ecu: str
    hardware_id: str
    primary: bool = False
    verification: Verification = "full"


@dataclass(frozen=True)
class OtaSettings:
    """A vehicle and its OEM: base URLs before /ota. tls_ca: PEM file of the only CAs for https.
    plain_director, plain_images: http is allowed there."""

    vin: str
    model: str
    director: str
    images: str
    ecus: tuple[EcuSettings, ...]
    tls_ca: str | None = None
    plain_director: bool = False
    plain_images: bool = False

    @property
    def primary(self) -> EcuSettings:
        return next(one for one in self.ecus if one.primary)

    def check(self) -> None:
        """Raises ConfigError, DecodeError for what makes no vehicle."""
        require(self.vin, VIN, "VIN")
        require(self.model, PART, "model")
        for one in self.ecus:
            require(one.ecu, PART, "ECU id")
            require(one.hardware_id, PART, "hardware id")
        if sum(one.primary for one in self.ecus) != 1:
            raise ConfigError("exactly one ECU is the Primary")
        if len({one.ecu for one in self.ecus}) != len(self.ecus):
            raise ConfigError("an ECU id twice")
        for url, plain in ((self.director, self.plain_director), (self.images, self.plain_images)):
            if not url.startswith("https://") and not (plain and url.startswith("http://")):
                raise ConfigError(f"{url} is not an https URL", hint="plain http has to be allowed expressly")
        if self.director.startswith("https://") and self.tls_ca is None:
            raise ConfigError("no tls_ca: a Director is believed under its own CA, not under any public one")


class Progress(NamedTuple):
    """counter: of the last manifest. time: TAI seconds, the latest at which all metadata was
    in force."""

    counter: int
    time: int


class OtaDirectory:
    """Reads and writes a vehicle's folder. Not for two processes at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        former = path.with_name(f"{path.name}.old")
        if former.is_dir() and not path.exists():
            former.rename(path)  # a correction came to no end: the ECUs' keys are in it

    @classmethod
    def create(
        cls,
        path: Path,
        settings: OtaSettings,
        keys: Mapping[str, EcuKey],
        roots: Mapping[str, bytes],
        factory: Mapping[str, bytes] | None = None,
    ) -> Self:
        """A vehicle as it leaves the factory. keys, factory (images): by ECU id; roots: of "director" and
        "image". Raises ConfigError, DecodeError, BadState."""
        self = cls(path)
        settings.check()
        if self.exists:
            raise BadState(f"{path} is a vehicle's already")
        for name in _FOLDERS:  # of a beginning that came to no end: ota.json is written last
            shutil.rmtree(path / name, ignore_errors=True)
        (path / "downloads").mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("director", "image"):
            self.metadata(name).pin(roots[name])
        for one in settings.ecus:
            self._make_ecu(one, keys[one.ecu], roots, (factory or {}).get(one.ecu, b""))
        self.save_progress(Progress(0, 0))
        self._save_settings(settings)
        return self

    def correct(
        self,
        settings: OtaSettings,
        keys: Mapping[str, EcuKey],
        roots: Mapping[str, bytes],
        factory: Mapping[str, bytes],
    ) -> None:
        """The vehicle made again, as `create` does, in the place of one that has no certificate yet; where
        that is refused it stays what it was. Raises ConfigError, DecodeError, BadState."""
        if self.read_identity() is not None:
            raise BadState(f"{self.path} has a certificate: what the Director registered is not corrected")
        new, old = (self.path.with_name(f"{self.path.name}.{name}") for name in ("new", "old"))
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            type(self).create(new, settings, keys, roots, factory)
            self.path.rename(old)
            new.rename(self.path)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        sync_folder(self.path.parent)
        shutil.rmtree(old)

    def replace_ecu(self, old: str, new: EcuSettings, key: EcuKey, factory: bytes = b"") -> None:
        """Another ECU in the place of one, whose folder goes. It begins with the roots that the vehicle
        trusts now. The Director has to be told (`v2xpki ota ecu replace`). Raises ConfigError, DecodeError,
        BadState."""
        before = self.settings()
        if old not in {one.ecu for one in before.ecus}:
            raise ConfigError(f"the vehicle has no ECU {old}")
        if new.ecu in {one.ecu for one in before.ecus}:
            raise ConfigError(f"{new.ecu} is an ECU of the vehicle", hint="no id is ever used again")
        settings = replace(before, ecus=tuple(new if one.ecu == old else one for one in before.ecus))
        settings.check()
        shutil.rmtree(self._ecu(new.ecu), ignore_errors=True)  # of a beginning that came to no end
        self._make_ecu(new, key, self.roots(), factory)
        self._save_settings(settings)
        shutil.rmtree(self._ecu(old))

    @property
    def exists(self) -> bool:
        return (self.path / "ota.json").exists()

    @property
    def identity(self) -> Path:
        """PEM of the client certificate with its key, where the vehicle is registered."""
        return self.path / "tls.pem"

    @property
    def downloads(self) -> Path:
        return self.path / "downloads"

    def settings(self) -> OtaSettings:
        """Raises BadState."""
        path = self.path / "ota.json"
        table = _read(path, hint="v2xpki client ota register")
        try:
            if table.pop("version") != _VERSION:
                raise BadState(f"{path}: this is for version {_VERSION}")
            ecus = tuple(EcuSettings(**one) for one in table.pop("ecus"))
            return OtaSettings(ecus=ecus, **table)
        except (KeyError, TypeError) as error:
            raise BadState(f"{path}: {error}") from error

    def ecu(self, name: str) -> Ecu:
        """Raises BadState."""
        return Ecu(self._ecu(name))

    def metadata(self, repository: str) -> MetadataFiles:
        return MetadataFiles(self.path / "metadata" / repository)

    def roots(self) -> dict[str, bytes]:
        """The roots that the vehicle trusts now, of "director" and "image"."""
        found = {name: self.metadata(name) for name in ("director", "image")}
        return {
            name: one.read(f"{one.trusted_root().version}.root.json") or b"" for name, one in found.items()
        }

    def progress(self) -> Progress:
        """Raises BadState."""
        table = _read(self.path / "primary.json")
        try:
            return Progress(int(table["counter"]), int(table["time"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BadState(f"{self.path / 'primary.json'}: {error}") from error

    def save_progress(self, progress: Progress) -> None:
        octets = json.dumps(progress._asdict()).encode()
        write_whole(self.path / "primary.json", octets + b"\n", 0o644)

    def save_identity(self, pem: bytes) -> None:
        clear_unfinished(self.path)
        write_whole(self.identity, pem, 0o600)

    def read_identity(self) -> bytes | None:
        """Raises BadState where others may read it."""
        return read_secret(self.identity)

    def save_pending_key(self, pem: bytes) -> None:
        write_whole(self._pending, pem, 0o600)

    def read_pending_key(self) -> bytes | None:
        """The key that no certificate has come for yet. Raises BadState where others may read it."""
        return read_secret(self._pending)

    def drop_pending_key(self) -> None:
        self._pending.unlink(missing_ok=True)

    @property
    def _pending(self) -> Path:
        return self.path / "tls-pending.pem"

    def _make_ecu(self, one: EcuSettings, key: EcuKey, roots: Mapping[str, bytes], image: bytes) -> None:
        memory = Ecu.create(self._ecu(one.ecu), one.ecu, one.hardware_id, key, image)
        if not one.primary:
            memory.metadata("director").pin(roots["director"])
            if one.verification == "full":
                memory.metadata("image").pin(roots["image"])

    def _save_settings(self, settings: OtaSettings) -> None:
        document = {"version": _VERSION, **asdict(settings)}
        write_whole(self.path / "ota.json", json.dumps(document, indent=2).encode() + b"\n", 0o644)

    def _ecu(self, name: str) -> Path:
        return self.path / "ecus" / require(name, PART, "ECU id")


def _read(path: Path, hint: str = "") -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise BadState(f"{path}: no such file", hint=hint) from None
    except (OSError, ValueError) as error:
        raise BadState(f"{path}: {error}") from error
    return found
