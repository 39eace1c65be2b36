"""The misbehaviour authority of an SCMS (IEEE 1609.2.1), its first half: an operator names a certificate, and
all of its vehicle are revoked from the present period on.

    case = ma.revoke(certificate, reason, operator)         or open_case, then resume
    ma.resume_all()                                         what was left open, e.g. while an LA was down

With linkage: the ACA gives the parts of the certificate, each sealed for whom it concerns; the RA blocks
the device and names its chains, sealed for the linkage authorities; these give the seeds of the first period
whose certificates have not ended. Nothing that passes here can be read here, but for seeds that the CRL will
tell all the world. Without linkage the certificate goes on a CRL by its hash, and of an enrolment certificate
the RAs block the device, too.

Every call to another component may be repeated and says the same again, so a case is resumed from its start.
What the CRLs of it are is for crl_generator.py.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from v2xpki.authorities.periods import Periods
from v2xpki.authorities.scms.case_parts import PartReason
from v2xpki.authorities.scms.la_reasons import CaseReason, RefusedCase
from v2xpki.authorities.scms.ma_cases import (
    BLOCKED,
    FAILED,
    HASH,
    LINKED,
    Case,
    CaseBook,
    NewEntry,
    linked_value,
)
from v2xpki.authorities.scms.ma_reasons import MaReason, RefusedRevocation
from v2xpki.authorities.scms.peers import AcaCases, LaCases, RaCases, SealedParts, TracedChain, TracedParts
from v2xpki.crypto import Certificate, LinkedEntry, seed_after
from v2xpki.errors import CryptoError, DecodeError, InvalidChain, LinkError, Refused
from v2xpki.store import Database
from v2xpki.time import Clock
from v2xpki.trust.scms_crl import CrlTrust, Family
from v2xpki.trust.scms_profiles import role_of
from v2xpki.wire import dot2


class CasePeers(NamedTuple):
    """Whom the authority asks: ACAs and RAs by their certificates' HashedId8, LAs by la id."""

    acas: Mapping[bytes, AcaCases]
    ras: Mapping[bytes, RaCases]
    las: Mapping[bytes, LaCases]


class MisbehaviourAuthority:
    """For all threads of a process. craca: HashedId8 of the CRACA whose CRLs are signed here. series: of
    which kind each of its CRL series is."""

    def __init__(
        self,
        database: Database,
        peers: CasePeers,
        trust: CrlTrust,
        craca: bytes,
        series: Mapping[int, Family],
        periods: Periods,
        clock: Clock,
    ) -> None:
        self._cases, self._peers, self._trust = CaseBook(database), peers, trust
        self._craca, self._series, self._periods, self._clock = craca, dict(series), periods, clock

    def revoke(self, certificate: bytes, reason: str, operator: str) -> Case:
        """Open the case of a certificate (COER) and take it as far as it goes. Errors as of both."""
        return self.resume(self.open_case(certificate, reason, operator).id)

    def open_case(self, certificate: bytes, reason: str, operator: str) -> Case:
        """Record a case; the one that there is for a certificate that was named before. Nobody is asked yet.

        Raises RefusedRevocation, RecordFailed, AuditError.
        """
        named = self.check(certificate)
        return self._cases.open(named, reason, operator, self._forget_at(named))

    def check(self, certificate: bytes) -> Certificate:
        """The certificate of COER octets, if its case could be opened. Raises RefusedRevocation."""
        try:
            named = Certificate.parse(certificate)
        except (DecodeError, CryptoError) as error:
            raise RefusedRevocation(MaReason.BAD_CERTIFICATE, str(error)) from error
        if named.is_self_signed:
            raise RefusedRevocation(MaReason.ROOT)
        now, linked = self._clock.time32(), _linkage(named) is not None
        # one with linkage stands for all that follow it, also when it has ended, or not yet begun
        if not linked and named.end <= now:
            raise RefusedRevocation(MaReason.ENDED)
        try:
            # An implicit one has no signature to verify; that it was made, its ACA says. Without linkage
            # nobody is asked.
            if not (linked and named.is_implicit):
                self._trust.path(named, min(max(now, named.start), named.end - 1))
        except InvalidChain as error:
            raise RefusedRevocation(MaReason.UNTRUSTED, str(error)) from error
        tbs = named.record.to_be_signed
        if tbs.craca_id != self._craca[-3:]:
            raise RefusedRevocation(MaReason.OTHER_CRACA)
        if self._series.get(tbs.crl_series) != ("linked" if linked else "hash"):
            raise RefusedRevocation(MaReason.NO_SERIES, f"{MaReason.NO_SERIES.value}: {tbs.crl_series}")
        return named

    def case_of(self, certificate: Certificate) -> Case | None:
        """The case that a certificate has already."""
        return self._cases.of(certificate)

    def cases(self, *, only_open: bool = False) -> list[Case]:
        """All that there are."""
        return self._cases.all(only_open=only_open)

    def resume(self, case: bytes) -> Case:
        """Take an open case as far as it goes; the case as it is then.

        Raises RefusedRevocation for one that there is not. LinkError and Refused (RefusedParts, RefusedCase)
        leave it open, with the reason in its row: ask again. What will be refused for ever ends it.
        """
        found = self._case(case)
        if found.is_open:
            named = Certificate.parse(found.certificate)
            try:
                if _linkage(named) is None:
                    self._by_hash(found, named)
                else:
                    self._by_linkage(found, named)
            except (LinkError, Refused) as error:
                final = isinstance(error, Refused) and error.reason in _FINAL
                state = FAILED if final else self._case(case).state
                self._cases.move(case, state, f"{type(error).__name__}: {error}")
                if not final:
                    raise
        return self._case(case)

    def resume_all(self) -> list[tuple[Case, Exception]]:
        """Resume every open case; those that stay open, and why."""
        left: list[tuple[Case, Exception]] = []
        for case in self.cases(only_open=True):
            try:
                self.resume(case.id)
            except (LinkError, Refused) as error:
                left.append((case, error))
        return left

    def purge(self) -> int:
        """Forget what is over. Once an hour."""
        return self._cases.purge(self._clock.time32())

    # --- without linkage -------------------------------------------------------------------------------

    def _by_hash(self, case: Case, named: Certificate) -> None:
        role = role_of(named)
        if role is not None and role.kind == "ee":
            for ra in self._peers.ras.values():
                ra.block(named.hashed_id8)
            self._cases.move(case.id, BLOCKED)
        series = named.record.to_be_signed.crl_series
        self._cases.finish(case.id, [NewEntry(HASH, series, named.hashed_id10, named.end)])

    # --- with linkage ----------------------------------------------------------------------------------

    def _by_linkage(self, case: Case, named: Certificate) -> None:
        linkage = _linkage(named)
        aca = self._peers.acas.get(named.issuer_id8 or b"")
        if linkage is None or aca is None:
            return self._cases.move(case.id, FAILED, "its ACA is none that is asked from here")
        parts = aca.parts_of(named.octets, case.id)
        if parts is None:
            return self._cases.move(case.id, FAILED, "the ACA knows nothing of it, or not any more")
        ra = self._peers.ras.get(parts.ra)
        if ra is None or not {parts.la_id1, parts.la_id2} <= set(self._peers.las):
            return self._cases.move(case.id, FAILED, "its RA or a linkage authority is not asked from here")
        traced = ra.trace(parts.request_hash, linkage.i_cert, case.id)
        if traced is None:
            return self._cases.move(case.id, FAILED, "the RA knows nothing of it, or not any more")
        self._cases.move(case.id, BLOCKED)
        series = named.record.to_be_signed.crl_series
        entries = self._entries(case.id, parts, traced, linkage.i_cert, series)
        return self._cases.finish(case.id, entries)

    def _entries(
        self, case: bytes, parts: SealedParts, traced: TracedParts, i: int, series: int
    ) -> list[NewEntry]:
        """The entry of every chain that has certificates still."""
        earliest = self._periods.last_ending_by(self._clock.time32()) + 1
        first, made = True, []
        for chain in (traced.chain, *traced.others):
            entry = self._chain_entry(case, parts, traced, chain, i if first else None, earliest)
            if entry is not None and chain.last >= entry[0]:
                i_rev, linked = entry
                end = self._periods.end(chain.last)
                made.append(
                    NewEntry(LINKED, series, linked_value(linked), end, i_rev, chain.last, chain.certificates)
                )
            first = False
        return made

    def _chain_entry(
        self,
        case: bytes,
        parts: SealedParts,
        traced: TracedParts,
        chain: TracedChain,
        i: int | None,
        earliest: int,
    ) -> tuple[int, LinkedEntry] | None:
        """iRev, and the seeds of it. i: of the certificate, where it is of this chain, which proves it."""
        lcis = {traced.la_id1: chain.lci1, traced.la_id2: chain.lci2}
        given = []
        for la_id, plv in ((parts.la_id1, parts.plv1), (parts.la_id2, parts.plv2)):
            la, lci = self._peers.las[la_id], lcis[la_id]

            def ask(i_rev: int, la: LaCases = la, lci: bytes = lci, plv: bytes = plv) -> bytes:
                if i is None:
                    return la.further_seed(lci, i_rev, case)
                return la.seed_at(plv, lci, i, traced.j, i_rev, case)

            found = _first_seed(ask, max(earliest, chain.first), chain.last)
            if found is None:
                return None
            given.append((la_id, *found))
        (la1, i1, seed1), (la2, i2, seed2) = given
        i_rev = max(i1, i2)
        one, other = seed_after(la1, seed1, i_rev - i1), seed_after(la2, seed2, i_rev - i2)
        return i_rev, LinkedEntry(la1, la2, one, other)

    def _case(self, case: bytes) -> Case:
        found = self._cases.get(case)
        if found is None:
            raise RefusedRevocation(MaReason.NO_CASE)
        return found

    def _forget_at(self, named: Certificate) -> int:
        """When a case is of no more use: a year after its certificate has ended, or now if that is later."""
        return max(named.end, self._clock.time32()) + _KEPT


_KEPT = 366 * 24 * 3600
_FINAL = (
    CaseReason.NO_CHAIN,
    CaseReason.OTHER_CHAIN,
    PartReason.OTHER_CERTIFICATE,
    PartReason.BAD_CERTIFICATE,
)


def _linkage(certificate: Certificate) -> dot2.LinkageData | None:
    value = certificate.record.to_be_signed.id.value
    return value if isinstance(value, dot2.LinkageData) else None


def _first_seed(ask: Callable[[int], bytes], start: int, last: int) -> tuple[int, bytes] | None:
    """The first period from `start` on that a chain has a seed of, and it; None for one that is over."""
    for i_rev in range(start, max(start, last) + 1):
        try:
            return i_rev, ask(i_rev)
        except RefusedCase as refused:
            if refused.reason is CaseReason.BEYOND_CHAIN and i_rev > last:
                return None
            if refused.reason is not CaseReason.BEFORE_CHAIN:
                raise
    return None
