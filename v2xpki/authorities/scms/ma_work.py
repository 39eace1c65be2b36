"""What a misbehaviour authority does without being asked, as Work for a queue: open cases, CRLs, publishing.

And what an operator asks of it, for the command line and the operators' pages:

    plan = plan_revocation(ma, certificate)             what would be done; nothing is
    done = revoke(ma, crls, certificate, reason, operator)
"""

from collections.abc import Sequence
from typing import NamedTuple

from v2xpki.authorities.queue import Job
from v2xpki.authorities.scms.crl_generator import CrlGenerator
from v2xpki.authorities.scms.ma import MisbehaviourAuthority
from v2xpki.authorities.scms.ma_cases import Case
from v2xpki.crypto import Certificate
from v2xpki.errors import LinkError
from v2xpki.wire import dot2

_CASE, _CRL, _PUBLISH = "ma-case", "ma-crl", "ma-publish"


class MaWork:
    """Fits Work. Every job may be done twice."""

    def __init__(self, ma: MisbehaviourAuthority, crls: CrlGenerator) -> None:
        self._ma, self._crls = ma, crls

    def due(self) -> Sequence[Job]:
        """Open cases, series that are to have a CRL, what the distribution centre lacks."""
        jobs = [Job(_CASE, case.id) for case in self._ma.cases(only_open=True)]
        jobs += [Job(_CRL, series.to_bytes(2, "big")) for series in self._crls.due()]
        if self._crls.has_unpublished():
            jobs.append(Job(_PUBLISH, b""))
        return jobs

    def run(self, job: Job) -> None:
        """Raises what the step raises: LinkError and Refused for later."""
        if job.kind == _CASE:
            self._ma.resume(job.key)
        elif job.kind == _CRL:
            series = int.from_bytes(job.key, "big")
            if series in self._crls.due():
                self._crls.issue(series)
        else:
            self._crls.publish_due()


class Plan(NamedTuple):
    """What a revocation would do. linked: all certificates of its vehicle, from the present period on; else
    this one alone. case: the one that there is."""

    certificate: Certificate
    linked: bool
    series: int
    case: Case | None


class Done(NamedTuple):
    """A case as it is now; CRLs that were signed for it. published: the distribution centre has them; where
    not, and where the case is open, the service goes on with it."""

    case: Case
    crls: tuple[bytes, ...]
    published: bool


def plan_revocation(ma: MisbehaviourAuthority, certificate: bytes) -> Plan:
    """Nothing is written and nobody asked. Raises RefusedRevocation as open_case does."""
    named = ma.check(certificate)
    tbs = named.record.to_be_signed
    return Plan(named, isinstance(tbs.id.value, dot2.LinkageData), tbs.crl_series, ma.case_of(named))


def revoke(
    ma: MisbehaviourAuthority, crls: CrlGenerator, certificate: bytes, reason: str, operator: str
) -> Done:
    """Open a case and take it as far as it goes, sign the CRL that names it, hand it out.

    A component that cannot be reached leaves the case open, with the reason in it. Raises RefusedRevocation,
    RefusedParts, RefusedCase, RecordFailed, AuditError, KeystoreError.
    """
    case = ma.open_case(certificate, reason, operator)
    try:
        case = ma.resume(case.id)
    except LinkError:
        return Done(next(one for one in ma.cases() if one.id == case.id), (), published=False)
    made = tuple(crls.issue_due())
    try:
        crls.publish_due()
    except LinkError:
        return Done(case, made, published=False)
    return Done(case, made, published=True)
