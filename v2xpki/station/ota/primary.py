"""The Primary: it reports what the vehicle has, verifies both repositories, and updates the vehicle's ECUs.

    primary = Primary(directory, clock, director, images, [secondary, ...])
    primary.update()

One cycle (Uptane 5.4.2): time, version manifest, the Director's metadata, the Image repository's, what they
have in common, images, installing, the manifest again. ECUs change together or not at all: none is told to
run its new image before each one has verified its own.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from v2xpki.station.errors import Refusal
from v2xpki.station.ota.ecu import Ecu
from v2xpki.station.ota.fetching import Fetcher
from v2xpki.station.ota.matching import Directed, check_agreement, check_for_ecu, directed
from v2xpki.station.ota.reasons import Threat, UpdateRefused
from v2xpki.station.ota.repository_view import RepositoryView
from v2xpki.station.ota.secondary import Offer, Secondary
from v2xpki.station.ota.state import OtaDirectory, Progress
from v2xpki.time import Clock, iso_from_time32
from v2xpki.trust.ota.fields import ImageFields
from v2xpki.trust.ota.manifest import Installed, manifest_body
from v2xpki.trust.ota.names import attestation_of, file_of

DIRECTOR, IMAGE, API = "ota/director/metadata", "ota/image/metadata", "ota/v1"
_IMAGES = "ota/image/targets"
JSON = "application/json"
_PROVENANCE_OCTETS = 1 << 20
_CLOCK_BACK = 600  # seconds that a clock may be set back by, where it was ahead
_CHUNK = 1 << 20


class Update(NamedTuple):
    """An image that an ECU is to have, as both repositories say."""

    one: Directed
    fields: ImageFields

    @property
    def image(self) -> Installed:
        return self.one.installed


class Outcome(NamedTuple):
    """What a cycle came to. installed: by ECU id."""

    targets_version: int
    installed: dict[str, Installed]


class Primary:
    """The Primary of a vehicle. clock: secure time. director: the Director by the vehicle's client
    certificate. images: the Image repository. Not for several threads at once."""

    def __init__(
        self,
        directory: OtaDirectory,
        clock: Clock,
        director: Fetcher,
        images: Fetcher,
        secondaries: Sequence[Secondary] = (),
    ) -> None:
        self._directory, self._clock = directory, clock
        self._director, self._images = director, images
        self._settings = directory.settings()
        self.own = directory.ecu(self._settings.primary.ecu)
        self._secondaries = {one.memory.ecu: one for one in secondaries}
        self._views = {
            "director": RepositoryView(
                "director",
                directory.metadata("director"),
                lambda name, limit: director.get(f"{DIRECTOR}/{name}", limit),
            ),
            "image": RepositoryView(
                "image", directory.metadata("image"), lambda name, limit: images.get(f"{IMAGE}/{name}", limit)
            ),
        }

    def update(self) -> Outcome:
        """One cycle. Raises UpdateRefused, whose reason the next manifest tells too, and Refusal where the
        Director does not take the manifest; what is installed is then what was."""
        try:
            now = self._time()
            self.send_manifest(now)
            version, updates = self._find(now)
            self._remember(now)
            self._prepare(updates)
        except UpdateRefused as refusal:
            self.own.note(refusal)
            raise
        self.own.note(None)
        for update in updates:
            self._activate(update)
        self._tidy()
        if updates:
            self.send_manifest(now)
        return Outcome(version, {update.one.ecu: update.image for update in updates})

    def manifest(self, now: int) -> bytes:
        """The vehicle version manifest, signed; its counter is raised before it is used."""
        progress = self._directory.progress()
        counter = progress.counter + 1
        self._directory.save_progress(Progress(counter, progress.time))
        reports = {self.own.ecu: self.own.report(now, signs=False)}
        for name, one in self._secondaries.items():
            reports[name] = one.report()
        body = manifest_body(self._settings.vin, self.own.ecu, counter, iso_from_time32(now), reports)
        return json.dumps({"signed": body, "signatures": [self.own.key.sign(body)]}).encode()

    def send_manifest(self, now: int) -> None:
        """Raises UpdateRefused without an answer, Refusal for an answer that is no."""
        reply = self._director.post(f"{API}/manifests", self.manifest(now), JSON)
        if 400 <= reply.status < 500:
            raise Refusal(
                f"the Director does not take the manifest: HTTP {reply.status} {detail_of(reply.body)}",
                status=reply.status,
            )
        if reply.status != 200:
            raise UpdateRefused(Threat.DENIAL_OF_SERVICE, f"manifest: HTTP {reply.status}")

    # --- what to install -----------------------------------------------------------------------

    def _time(self) -> int:
        now, latest = self._clock.time32(), self._directory.progress().time
        if now < latest - _CLOCK_BACK:
            told = f"it is {iso_from_time32(now)}, but was {iso_from_time32(latest)} before"
            raise UpdateRefused(Threat.FREEZE, f"the clock was turned back: {told}")
        return now

    def _remember(self, now: int) -> None:
        """A time at which all metadata was in force: a clock that runs far ahead, whose time would lock the
        vehicle out once it is set right, never comes to this."""
        progress = self._directory.progress()
        if now > progress.time:
            self._directory.save_progress(Progress(progress.counter, now))

    def _find(self, now: int) -> tuple[int, list[Update]]:
        """The version of the Director's targets, and what is to be changed by them."""
        targets = self._views["director"].refresh(now)
        wanted = directed(targets, self._settings.vin)
        image = self._views["image"]
        image.refresh(now)
        updates = []
        for name, one in wanted.items():
            memory = self._memory(name)
            check_for_ecu(one, memory.hardware_id, memory.installed)
            fields = check_agreement(one, image.target(one.target.path), memory.hardware_id, memory.installed)
            if one.installed != memory.installed:
                updates.append(Update(one, fields))
        return targets.version, updates

    def _memory(self, ecu: str) -> Ecu:
        if ecu == self.own.ecu:
            return self.own
        if ecu not in self._secondaries:
            raise UpdateRefused(Threat.WRONG_ECU, f"this vehicle has no ECU {ecu}", ecu=ecu)
        return self._secondaries[ecu].memory

    # --- installing ----------------------------------------------------------------------------

    def _prepare(self, updates: Sequence[Update]) -> None:
        """Every ECU has its image and has verified it; none runs it yet."""
        try:
            if updates:
                files = {name: self._directory.metadata(name) for name in self._views}
                offer = Offer(files["director"].served, files["image"].served)
                for secondary in self._secondaries.values():
                    secondary.verify(offer)
            for update in updates:
                self._check_provenance(update)
                file = self._download(update.image)
                if update.one.ecu == self.own.ecu:
                    self.own.stage(file, update.image)
                else:
                    self._secondaries[update.one.ecu].stage(file)
        except UpdateRefused as refusal:
            if len(updates) < 2:
                raise
            raise UpdateRefused(
                Threat.PARTIAL_BUNDLE, f"none of {len(updates)} ECUs is updated: {refusal}", ecu=refusal.ecu
            ) from refusal

    def _check_provenance(self, update: Update) -> None:
        """The statement of who built the image is the one that the Image repository's signers saw."""
        path = attestation_of(update.image.path, update.image.sha256)
        octets = self._images.get(f"{_IMAGES}/{path}", _PROVENANCE_OCTETS)
        if octets is None or hashlib.sha256(octets).hexdigest() != update.fields.provenance:
            what = "is not the one that was signed for" if octets is not None else "is missing"
            raise UpdateRefused(
                Threat.PROVENANCE, f"the provenance of {update.image.path} {what}", ecu=update.one.ecu
            )

    def _download(self, image: Installed) -> Path:
        file = self._directory.downloads / f"{image.sha256}.part"
        self._images.into(f"{_IMAGES}/{file_of(image.path, image.sha256)}", file, image.length)
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != image.sha256:
            file.unlink()
            raise UpdateRefused(Threat.ARBITRARY_SOFTWARE, f"what came as {image.path} is another image")
        return file

    def _activate(self, update: Update) -> None:
        if update.one.ecu == self.own.ecu:
            self.own.activate(update.image)
        else:
            self._secondaries[update.one.ecu].activate()

    def _tidy(self) -> None:
        """Downloads are of no use after a cycle that found everything good."""
        for path in self._directory.downloads.iterdir():
            path.unlink()


def detail_of(body: bytes) -> str:
    """The text of an RFC 9457 problem: its detail, or its title where it has no more to say."""
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    texts = [told.get("detail"), told.get("title")] if isinstance(told, dict) else []
    return next((text[:200] for text in texts if isinstance(text, str) and text), "")
