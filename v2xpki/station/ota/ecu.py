"""One ECU's memory: who it is, its key, its counter, and the image that it runs.

    FOLDER/ecu.json        id, hardware id, counter, what is installed, what was refused last
    FOLDER/key.pem         0600
    FOLDER/images/SHA-256  the image that is installed, and one that is staged
    FOLDER/director, image metadata that it verified itself

Installing is the writing of ecu.json, which is replaced whole: loss of power leaves the old image or the new.
"""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from v2xpki.disk import room_for
from v2xpki.station.errors import BadState
from v2xpki.station.files import clear_unfinished, sync_folder, write_whole
from v2xpki.station.ota.keys import EcuKey
from v2xpki.station.ota.reasons import Threat, UpdateRefused
from v2xpki.station.ota.repository_view import MetadataFiles
from v2xpki.time import iso_from_time32
from v2xpki.trust.ota.manifest import Installed, report_body
from v2xpki.trust.ota.names import PART, require

_CHUNK = 1 << 20
_VERSION = 1


@dataclass(frozen=True)
class _Memory:
    ecu: str
    hardware_id: str
    counter: int
    installed: Installed
    attack: str | None


class Ecu:
    """The memory of one ECU. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        """Of an existing folder. Raises BadState."""
        self.folder = folder
        self._memory = self._load()
        self.key = EcuKey.read(folder / "key.pem")
        clear_unfinished(folder)

    @classmethod
    def create(cls, folder: Path, ecu: str, hardware_id: str, key: EcuKey, factory: bytes = b"") -> Self:
        """A new ECU with the image that it left the factory with. Raises BadState where there is one."""
        if (folder / "ecu.json").exists():
            raise BadState(f"{folder} is an ECU's already")
        require(ecu, PART, "ECU id")
        require(hardware_id, PART, "hardware id")
        (folder / "images").mkdir(parents=True, exist_ok=True, mode=0o700)
        key.write(folder / "key.pem")
        digest = hashlib.sha256(factory).hexdigest()
        write_whole(folder / "images" / digest, factory, 0o644)
        installed = Installed(f"{hardware_id}/factory/0/image", len(factory), digest, 0)
        _write(folder, _Memory(ecu, hardware_id, 0, installed, None))
        return cls(folder)

    @property
    def ecu(self) -> str:
        return self._memory.ecu

    @property
    def hardware_id(self) -> str:
        return self._memory.hardware_id

    @property
    def installed(self) -> Installed:
        return self._memory.installed

    @property
    def attack(self) -> str | None:
        """What was refused last, until an update is found good."""
        return self._memory.attack

    @property
    def image(self) -> Path:
        """The image that is installed."""
        return self.folder / "images" / self.installed.sha256

    def metadata(self, repository: str) -> MetadataFiles:
        return MetadataFiles(self.folder / repository)

    def note(self, refusal: UpdateRefused | None) -> None:
        """Remember a refusal for the next report, or that there is none."""
        text = None if refusal is None else refusal.report
        if text != self._memory.attack:
            self._save(replace(self._memory, attack=text))

    def report(self, now: int, *, signs: bool = True) -> dict[str, Any]:
        """{"signed", "signatures"}; the counter is raised before it is used. signs: not the Primary's own,
        which the manifest's signature covers. now: TAI seconds."""
        self._save(replace(self._memory, counter=self._memory.counter + 1))
        memory = self._memory
        body = report_body(memory.ecu, memory.counter, iso_from_time32(now), memory.installed, memory.attack)
        return {"signed": body, "signatures": [self.key.sign(body)] if signs else []}

    def stage(self, image: Path, wanted: Installed) -> None:
        """Take an image into the memory beside the one that is installed. Raises UpdateRefused where it is
        not the one that is wanted, DiskFull."""
        staged = self.folder / "images" / f"{wanted.sha256}.staged"
        digest, length = hashlib.sha256(), 0
        with room_for(staged), image.open("rb") as source, staged.open("wb") as out:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                length += len(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if length != wanted.length or digest.hexdigest() != wanted.sha256:
            staged.unlink()
            raise UpdateRefused(
                Threat.ARBITRARY_SOFTWARE, f"the image is not {wanted.path} as signed", ecu=self.ecu
            )
        staged.replace(self.folder / "images" / wanted.sha256)
        sync_folder(self.folder / "images")

    def activate(self, wanted: Installed) -> None:
        """Run the image that was staged."""
        if not (self.folder / "images" / wanted.sha256).is_file():
            raise BadState(f"ECU {self.ecu}: {wanted.path} was not staged")
        self._save(replace(self._memory, installed=wanted, attack=None))
        sync_folder(self.folder)
        for path in (self.folder / "images").iterdir():
            if path != self.image:
                path.unlink()

    def _save(self, memory: _Memory) -> None:
        _write(self.folder, memory)
        self._memory = memory

    def _load(self) -> _Memory:
        path = self.folder / "ecu.json"
        try:
            table = json.loads(path.read_text())
            if table["version"] != _VERSION:
                raise BadState(f"{path}: version {table['version']}, this is for {_VERSION}")
            found = table["installed"]
            installed = Installed(found["path"], found["length"], found["sha256"], found["releaseCounter"])
            return _Memory(table["ecuId"], table["hardwareId"], table["counter"], installed, table["attack"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadState(f"{path}: {error}") from error


def _write(folder: Path, memory: _Memory) -> None:
    table = {
        "version": _VERSION,
        "ecuId": memory.ecu,
        "hardwareId": memory.hardware_id,
        "counter": memory.counter,
        "installed": memory.installed.document(),
        "attack": memory.attack,
    }
    write_whole(folder / "ecu.json", json.dumps(table, indent=2).encode() + b"\n", 0o600)
