"""The trust list manager: signs the ECTL, which says whose roots are trusted. Ceremonies only."""

from collections.abc import Sequence

from v2xpki.authorities.etsi.signing import CeremonialAuthority
from v2xpki.errors import CeremonyRefused
from v2xpki.trust.lists import EctlEntry, EctlSchedule, build_ectl
from v2xpki.trust.profiles import CTL_PSID


class TrustListManager(CeremonialAuthority):
    """TS 102 941 6.3.4."""

    kind = "TLM"

    def sign_ectl(self, schedule: EctlSchedule, entries: Sequence[EctlEntry]) -> bytes:
        """A full ECTL. Raises InvalidList."""
        if self.certificate is None:
            raise CeremonyRefused(f"{self.label} has no certificate yet: it signs no lists")
        return self._sign_list(
            build_ectl(self.certificate, schedule, entries), CTL_PSID, schedule.this_update
        )
