"""Both halves of a report, joined by whoever may see both."""

from collections.abc import Iterable

from v2xpki.errors import ConfigError
from v2xpki.ota.evidence.shapes import Document
from v2xpki.time import iso_from_time32


def release_report(release: Document, delivery: Document, made: int) -> Document:
    """Of one release, from both halves' documents. Raises ConfigError where they are of two releases."""
    if release["path"] != delivery["path"]:
        raise ConfigError(f"the halves are of two releases: {release['path']} and {delivery['path']}")
    return {
        "report": "release",
        "made": iso_from_time32(made),
        "release": release,
        "delivery": delivery,
    }


def vehicle_report(vehicle: Document, releases: Iterable[Document], made: int) -> Document:
    """Of one vehicle, with the Image repository's half of each release that concerns it."""
    return {
        "report": "vehicle",
        "made": iso_from_time32(made),
        "vehicle": vehicle,
        "releases": sorted(releases, key=lambda one: one["path"]),
    }
