"""The trust list manager: signs the ECTL, which says whose roots are trusted. Ceremonies only."""

from collections.abc import Sequence

from v2xpki.authorities.etsi.signing import CeremonialAuthority, Draft, last_entries, lists_of
from v2xpki.errors import InvalidList
from v2xpki.store.signed_lists import Kept
from v2xpki.trust.deltas import build_delta
from v2xpki.trust.lists import LAST_SEQUENCE, EctlEntry, EctlSchedule, build_ectl
from v2xpki.trust.profiles import CTL_PSID
from v2xpki.trust.runs import RunSchedule


class TrustListManager(CeremonialAuthority):
    """TS 102 941 6.3.4."""

    kind = "TLM"

    def sign_ectls(
        self, schedule: RunSchedule, entries: Sequence[EctlEntry], sequence: int | None = None
    ) -> list[Kept]:
        """A run of full ECTLs with their deltas, as RootAuthority.sign_ctls. The sequence does not wrap:
        past 255 InvalidList names the re-key, and the new certificate's ECTLs begin at 0."""
        own = self._own()
        lists = lists_of(self.domain.database, "ectl", own.hashed_id8)
        number = self._next_number(lists, sequence, schedule)
        left = LAST_SEQUENCE + 1 - number
        if 0 < left < schedule.count:
            raise InvalidList(
                f"{schedule.count} ECTLs from sequence {number} on pass {LAST_SEQUENCE}: {left} are left",
                rule="sequence",
                hint=f"--count {left}; and re-key the TLM: with its new certificate it restarts at 0",
            )
        before, drafts = last_entries(lists), []
        for offset, period in enumerate(schedule):
            plan = EctlSchedule(*period, sequence=number + offset)
            drafts.append(Draft(number + offset, False, period, build_ectl(own, plan, entries)))
            if before is not None:
                drafts.append(Draft(number + offset, True, period, build_delta(plan, before, entries)))
            before = entries
        return self._sign_run(lists, drafts, CTL_PSID)
