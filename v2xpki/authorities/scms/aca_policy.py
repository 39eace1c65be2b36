"""What an ACA's operator decides, and which RAs it serves."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError

DAY = 24 * 3600


@dataclass(frozen=True)
class AcaPolicy:
    """Times in seconds. butterfly_only: no certificates whose key the station made alone (application)."""

    generation_time_window: int = 3600
    pseudonym_validity_max: int = 8 * DAY
    other_validity_max: int = 366 * DAY
    preload_max: int = 3 * 366 * DAY + 8 * DAY  # how far ahead of now a certificate may end
    crl_series: int = 1
    butterfly_only: bool = False

    def __post_init__(self) -> None:
        for name in ("generation_time_window", "pseudonym_validity_max", "other_validity_max", "preload_max"):
            if getattr(self, name) < 1:
                raise ConfigError(f"ACA policy: {name} is {getattr(self, name)} s")
        if not 1 <= self.crl_series <= 0xFFFF:
            raise ConfigError(f"ACA policy: crl_series {self.crl_series} is not within 1..65535")


class RaDirectory(Protocol):
    """The RAs that an ACA serves: proven by chain and CRL by whoever fills it."""

    def ra(self, hashed_id8: bytes) -> Certificate | None:
        """The certificate of this RA; None for one that is unknown or revoked."""
        ...


class KnownRas:
    """A fixed set of RAs."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self._known = {certificate.hashed_id8: certificate for certificate in certificates}

    def ra(self, hashed_id8: bytes) -> Certificate | None:
        return self._known.get(hashed_id8)
