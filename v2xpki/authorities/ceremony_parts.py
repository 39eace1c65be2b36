"""What the ceremony files of all PKIs have in common."""

from dataclasses import dataclass

from v2xpki.config import Seconds


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key to generate."""

    label: str
    curve: str


@dataclass(frozen=True, slots=True)
class CertificateSpec:
    """What the profile leaves open. Without `start` and `validity` the profile's own hold."""

    profile: str
    name: str | None = None
    #: ISO 8601; without an offset it is UTC.
    start: str = ""
    validity: Seconds | None = None
