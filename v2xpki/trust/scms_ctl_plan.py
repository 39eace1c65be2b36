"""Making the CTL of an SCMS: a plan that all electors review, their signatures, and the list of them.

tbs = build_ctl(CtlPlan(series, 1, effective, electors, roots, quorum=2), before)
signature = ctl_signature(tbs)                   what an elector signs: ToBeSignedCtlSignature
octets = assemble(tbs, [spdu, spdu], [*electors, *roots])
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidChain, InvalidCtl
from v2xpki.secured import unsecured
from v2xpki.trust.scms_ctl import (
    FULL_IEEE_CTL,
    LAST_SEQUENCE,
    ScmsCtl,
    check_elector,
    check_root,
    ctl_signature,
    elector_hash,
    root_hash,
)
from v2xpki.wire import dot2, scms


@dataclass(frozen=True, slots=True)
class CtlPlan:
    """What a list is to say. series: 8 octets; effective: Time32; quorum: signatures that the next needs."""

    series: bytes
    sequence: int
    effective: int
    electors: tuple[Certificate, ...]
    roots: tuple[Certificate, ...]
    quorum: int

    def __post_init__(self) -> None:
        if len(self.series) != 8 or not any(self.series):
            raise InvalidCtl("ctlSeriesId has 8 octets, not all zero", rule="series")
        if not 0 <= self.sequence <= LAST_SEQUENCE:
            raise InvalidCtl(
                f"sequenceNumber {self.sequence} is not within 0 to {LAST_SEQUENCE}", rule="sequence"
            )
        _refuse_bad_certificates(self.electors, check_elector, "electors")
        _refuse_bad_certificates(self.roots, check_root, "roots")
        if not 1 <= self.quorum <= len(set(self.electors)):
            raise InvalidCtl(f"quorum {self.quorum} of {len(self.electors)} electors", rule="quorum")


def _refuse_bad_certificates(
    certificates: Sequence[Certificate], check: Callable[[Certificate], None], rule: str
) -> None:
    for certificate in certificates:
        try:
            check(certificate)
        except InvalidChain as error:
            raise InvalidCtl(str(error), rule=rule) from error


def build_ctl(plan: CtlPlan, before: ScmsCtl | None = None) -> bytes:
    """COER of the FullIeeeTbsCtl; the same for all electors, in whatever order their files name things.

    before: the present list. Raises InvalidCtl (series, sequence, electors, roots).
    """
    electors = sorted(map(elector_hash, plan.electors))
    roots = sorted(map(root_hash, plan.roots))
    if before is not None:
        if plan.series != before.series:
            raise InvalidCtl("another series than the present list's", rule="series")
        if plan.sequence != before.sequence + 1:
            raise InvalidCtl(
                f"sequenceNumber {plan.sequence} does not follow {before.sequence}", rule="sequence"
            )
    tbs = wire.encode(
        scms.FullIeeeTbsCtl(
            type=FULL_IEEE_CTL,
            ctl_series_id=plan.series,
            sequence_number=plan.sequence,
            effective_date=plan.effective,
            elector_approve=tuple(electors),
            elector_remove=tuple(sorted(set(before.electors).difference(electors)) if before else ()),
            root_ca_approve=tuple(roots),
            root_ca_remove=tuple(sorted(set(before.roots).difference(roots)) if before else ()),
            quorum=plan.quorum,
        )
    )
    ctl_signature(tbs)  # refuses what the list must not say
    return tbs


def assemble(tbs: bytes, signatures: Sequence[bytes], certificates: Iterable[Certificate] = ()) -> bytes:
    """COER of the MultiSignedCtlSpdu. signatures: CtlSignatureSpdus. Raises InvalidCtl, DecodeError."""
    if not signatures:
        raise InvalidCtl("nobody has signed the list", rule="quorum")
    ctl = scms.MultiSignedCtl(
        type=FULL_IEEE_CTL,
        tbs_ctl=tbs,
        unsigned=wire.encode_as("SequenceOfCertificate", tuple(c.record for c in certificates)),
        signatures=tuple(wire.decode(dot2.Ieee1609Dot2Data, octets) for octets in signatures),
    )
    octets = unsecured(wire.encode(_pdu("multiSignedCtl", ctl)))
    ScmsCtl.parse(octets)
    return octets


def _pdu(kind: str, value: object) -> scms.ScmsPdu:
    inner = scms.CertManagementPdu(kind, value)  # type: ignore[arg-type]  # a kind and its own record
    return scms.ScmsPdu(version=2, content=scms.ScmsPduContent(kind="cert", value=inner))
