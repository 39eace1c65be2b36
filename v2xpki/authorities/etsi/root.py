"""The root certification authority: certifies EAs and AAs, signs the CTL and the CRL. Ceremonies only."""

from collections.abc import Sequence

from v2xpki.authorities.etsi.approvals import Approvals
from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.authorities.etsi.ca_review import judge
from v2xpki.authorities.etsi.signing import SEQUENCES, CeremonialAuthority, Draft, last_entries, lists_of
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused
from v2xpki.store.signed_lists import Kept, Revoked
from v2xpki.trust import detect_kind
from v2xpki.trust.deltas import build_delta
from v2xpki.trust.lists import CrlSchedule, CtlEntry, CtlSchedule, build_crl, build_ctl
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID
from v2xpki.trust.runs import RunSchedule
from v2xpki.wire import dot2


class RootAuthority(CeremonialAuthority):
    """TS 102 941 6.2.1, 6.3.2, 6.3.3."""

    kind = "RCA"

    def certify(
        self, request: CaRequest, kind: str, name: str | None, period: dot2.ValidityPeriod | None
    ) -> Certificate:
        """The certificate of an EA or AA, for the keys of its request and nothing else of it.

        A request that was granted before gets the same certificate, and nothing is signed. Raises
        PermissionDenied where `ca_review.judge` finds a problem: the request asks for other permissions or
        another name, is re-keyed from what does not allow it, or the profile goes beyond the root's own
        certificate. CeremonyRefused where the same request, or another of its key, is at work or granted.
        """
        if self.certificate is None:
            raise CeremonyRefused(f"{self.label} has no certificate yet: it certifies nobody")
        approvals = Approvals(self.domain.database)
        granted = approvals.standing(request)
        if granted is not None:
            return granted
        review = judge(
            request,
            self.certificate,
            self.domain.database,
            self.domain.profiles,
            self.domain.clock.time32(),
            kind=kind,
            name=name,
            period=period,
        )
        return self._certify(
            review.to_be_signed(), kind, lambda tx, record: approvals.tx_claim(tx, request, record.id)
        )

    def sign_ctls(
        self, schedule: RunSchedule, entries: Sequence[CtlEntry], sequence: int | None = None
    ) -> list[Kept]:
        """A run of full CTLs with consecutive sequences, all with these entries, each with its delta against
        the full list before it; the very first list has none before it, and no delta.

        `sequence` of the first must be the next one; None: whatever that is. Raises InvalidList,
        CeremonyRefused.
        """
        own = self._own()
        lists = lists_of(self.domain.database, "ctl", own.hashed_id8)
        number = self._next_number(lists, sequence, schedule)
        before, drafts = last_entries(lists), []
        for offset, period in enumerate(schedule):
            plan = CtlSchedule(*period, sequence=(number + offset) % SEQUENCES)
            drafts.append(Draft(number + offset, False, period, build_ctl(own, plan, entries)))
            if before is not None:
                drafts.append(Draft(number + offset, True, period, build_delta(plan, before, entries)))
            before = entries
        return self._sign_run(lists, drafts, CTL_PSID)

    def sign_crls(
        self, schedule: RunSchedule, revoked: Sequence[Certificate], operator: str = "", reason: str = ""
    ) -> list[Kept]:
        """A run of CRLs, also empty ones: what was revoked before and what is revoked now, without what has
        expired by each list's thisUpdate. From then on it stays revoked. Raises InvalidList.
        """
        own = self._own()
        lists = lists_of(self.domain.database, "crl", own.hashed_id8)
        number = self._next_number(lists, None, schedule)
        known = lists.revoked()
        drafts = [
            Draft(number + offset, False, period, build_crl(own, CrlSchedule(*period), revoked, known))
            for offset, period in enumerate(schedule)
        ]
        new = [
            Revoked(id8, certificate.octets, detect_kind(certificate.record), certificate.end)
            for id8, certificate in {entry.hashed_id8: entry for entry in revoked}.items()
            if id8 not in known
        ]
        now = self.domain.clock.time32()
        return self._sign_run(
            lists, drafts, CRL_PSID, lambda tx: lists.tx_revoke(tx, new, now, operator, reason)
        )
