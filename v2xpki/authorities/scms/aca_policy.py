"""What an ACA's operator decides, and which RAs it serves."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError

DAY = 24 * 3600


@dataclass(frozen=True)
class AcaPolicy:
    """Times in seconds. butterfly_only: no certificates whose key the station made alone (application).

    A CRL series is either of linkage values or of hashes, so pseudonyms have one of their own: crl_series;
    other_crl_series is that of certificates without linkage. cases_per_day: of how many certificates a
    misbehaviour authority is given the parts within a day.
    """

    generation_time_window: int = 3600
    pseudonym_validity_max: int = 8 * DAY
    other_validity_max: int = 366 * DAY
    preload_max: int = 3 * 366 * DAY + 8 * DAY  # how far ahead of now a certificate may end
    crl_series: int = 1
    other_crl_series: int = 3
    cases_per_day: int = 100
    butterfly_only: bool = False

    def __post_init__(self) -> None:
        for name in ("generation_time_window", "pseudonym_validity_max", "other_validity_max", "preload_max"):
            if getattr(self, name) < 1:
                raise ConfigError(f"ACA policy: {name} is {getattr(self, name)} s")
        if self.cases_per_day < 0:
            raise ConfigError(f"ACA policy: cases_per_day is {self.cases_per_day}")
        for name in ("crl_series", "other_crl_series"):
            if not 1 <= getattr(self, name) <= 0xFFFF:
                raise ConfigError(f"ACA policy: {name} {getattr(self, name)} is not within 1..65535")
        if self.crl_series == self.other_crl_series:
            raise ConfigError("ACA policy: crl_series and other_crl_series are the same")


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
