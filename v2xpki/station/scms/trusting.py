"""Whom a device trusts: electors first, and by their signed list roots, and below these the chain file's CAs."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from v2xpki.crypto import Certificate
from v2xpki.station.scms.state import Anchors
from v2xpki.trust.periods import Periods
from v2xpki.trust.scms_end_entities import Revocations, ScmsChains


class Trusted(NamedTuple):
    """What a chain file says. anchors: to go by from now on. others: CAs and components."""

    anchors: Anchors
    roots: tuple[Certificate, ...]
    others: tuple[Certificate, ...]


#: How a chain file (a CertificateChainSpdu) is judged at a moment, Time32. Raises TrustError, StationError.
Follow = Callable[[Anchors, bytes, int], Trusted]


class Crls(Revocations, Protocol):
    """What checks certificates against CRLs."""

    def take(
        self, composite: bytes, chains: ScmsChains, periods: Periods, at: int, *, expired: bool = False
    ) -> None:
        """Go by a CompositeCrlSpdu. expired: by one too that was to be replaced before `at`. Raises
        TrustError; then all is as before."""
        ...
