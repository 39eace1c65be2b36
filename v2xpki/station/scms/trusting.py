"""Whom a device trusts: electors first, by their signed list roots, and below these the chain file's CAs."""

from collections.abc import Callable
from typing import NamedTuple

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidCrl
from v2xpki.station.errors import Untrusted
from v2xpki.station.scms.state import Anchors
from v2xpki.time import Clock
from v2xpki.trust.periods import Periods
from v2xpki.trust.reasons import CrlRule
from v2xpki.trust.scms_crl import ScmsCrl
from v2xpki.trust.scms_ctl import ScmsCtl, ScmsTrust, cert_pdu
from v2xpki.trust.scms_end_entities import ScmsChains
from v2xpki.trust.scms_revocation import RevocationList, is_gone
from v2xpki.wire import dot2, scms


class Trusted(NamedTuple):
    """What a chain file says. anchors: to go by from now on. others: CAs and components, not verified yet."""

    anchors: Anchors
    roots: tuple[Certificate, ...]
    others: tuple[Certificate, ...]


#: How a chain file (a CertificateChainSpdu) is judged at a moment, Time32. Raises V2xPkiErrors.
Follow = Callable[[Anchors, bytes, int], Trusted]


def follow_electors(anchors: Anchors, octets: bytes, at: int) -> Trusted:
    """By the quorum of the electors; never back to an older list. Raises InvalidCtl, DecodeError,
    CryptoError, Untrusted (no root that it names is in it)."""
    before = None if anchors.chain_file is None else _chain_of(anchors.chain_file)
    present = None if before is None else ScmsCtl(before.home_ctl)
    trust = ScmsTrust(anchors.electors, anchors.quorum, present=present)
    trust.accept_chain_file(octets, at)
    if not trust.roots:
        raise Untrusted("the electors' list names no root whose certificate is in the file", rule="anchor")
    others = tuple(map(Certificate.of, _chain_of(octets).others))
    return Trusted(Anchors(trust.electors, trust.quorum, octets), trust.roots, others)


def _chain_of(octets: bytes) -> scms.CertificateChain:
    return cert_pdu(wire.decode(dot2.Ieee1609Dot2Data, octets), scms.CertificateChain)


class DeviceCrls:
    """The CRLs that a device checks certificates against, as time goes on. A `Revocations`."""

    def __init__(self, clock: Clock, periods: Periods) -> None:
        self._clock, self._periods = clock, periods
        self._list, self._period = RevocationList(), 0

    def check(self, certificate: Certificate) -> None:
        """Raises Revoked."""
        self._advance()
        self._list.check(certificate)

    def take(self, composite: bytes, chains: ScmsChains, at: int) -> None:
        """Go by the CRLs in a CompositeCrlSpdu from now on; also by one that was to be replaced before `at`
        (Time32), for it is better than none.

        Nobody has signed the whole of it: whoever hands it out without one that is gone by here would have
        it forgotten with the next start. Raises InvalidCtl, InvalidCrl, DecodeError.
        """
        self._advance()
        record = cert_pdu(wire.decode(dot2.Ieee1609Dot2Data, composite), scms.CompositeCrl)
        roots = [root.hashed_id8 for root in chains.roots]
        crls = [ScmsCrl.parse(wire.encode(data)) for data in record.crl]
        crls = [crl for crl in crls if not is_gone(crl.craca, roots, chains)]
        for craca, series in self._list.held - {(crl.craca, crl.series) for crl in crls}:
            if not is_gone(craca, roots, chains):
                raise InvalidCrl(f"CRL {series} of {craca.hex()} is gone", rule=CrlRule.ROLLBACK)
        for crl in crls:
            self._list.take(crl, chains, at if at < crl.next_crl else crl.issue_date)

    def _advance(self) -> None:
        i = self._periods.at(self._clock.time32())
        if i > self._period:
            self._list.advance(i)
            self._period = i
