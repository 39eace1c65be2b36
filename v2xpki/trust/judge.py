"""Verdicts on files: a certificate, message or list, with the certificates that came along.

What a command line or a test bench asks; stations hold a TrustStore instead. Candidates come in any
order and are trusted for nothing but the anchor. Times are TAI seconds since 2004.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from v2xpki.crypto import Certificate
from v2xpki.errors import (
    ConfigError,
    DecodeError,
    InvalidChain,
    InvalidLink,
    InvalidList,
    InvalidMessage,
    TrustError,
    UnexpectedContent,
    V2xPkiError,
)
from v2xpki.secured import SignedMessage
from v2xpki.time import MICROSECONDS
from v2xpki.trust import regions
from v2xpki.trust.chain import Place, TrustStore, build_chain, verify_chain
from v2xpki.trust.links import SignedLink, is_link
from v2xpki.trust.lists import SignedList
from v2xpki.trust.messages import ReplayWindow, Tickets, Window, verify_message, verify_pki_message
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID, SCR_PSID
from v2xpki.trust.scms_end_entities import ScmsChains, check_now
from v2xpki.trust.scms_enrolment import verify_eca, verify_enrolment
from v2xpki.trust.scms_profiles import role_of
from v2xpki.trust.scms_receiving import Peers

# Files lie about for a while before somebody looks at them, unlike what a radio receives.
FILE_WINDOW = Window(past=600 * MICROSECONDS, future=5 * MICROSECONDS)
_DATA = b"\x03"  # protocolVersion; a certificate's first octet is 00 or 80
_AHEAD = 300  # seconds by which a message judged without a time may be ahead of our clock


@dataclass(frozen=True)
class Evidence:
    """What a verdict is based on: certificates in any order, the anchor, revoked HashedId8, a place.

    heard: messages that the receiver heard before, in this order: their tickets are known by digest then,
    and none of them is accepted again.
    """

    candidates: Sequence[Certificate]
    anchor: Certificate | None = None
    revoked: Collection[bytes] = ()
    place: Place | None = None
    heard: Sequence[bytes] = ()

    def trusted(self) -> Certificate:
        """The anchor: as given, else the only self-signed candidate.

        Raises InvalidChain where there is none, ConfigError where the candidates leave a choice.
        """
        if self.anchor is not None:
            return self.anchor
        roots = {candidate.digest: candidate for candidate in self.candidates if candidate.is_self_signed}
        if not roots:
            raise InvalidChain(
                "no self-signed certificate to trust", rule="anchor", hint="name it with --anchor"
            )
        if len(roots) > 1:
            named = ", ".join(root.hex8 for root in roots.values())
            raise ConfigError(f"several self-signed certificates: {named}", hint="choose with --anchor")
        return next(iter(roots.values()))


def evidence_of(
    files: Sequence[tuple[str, bytes]],
    at: int,
    *,
    anchor: Certificate | None = None,
    crl: bytes | None = None,
    place: Place | None = None,
) -> Evidence:
    """The evidence in files, told apart by what they hold: certificates, CRLs of the anchor, messages heard.

    files: name and octets. crl: one more. A CRL counts when it verifies under the anchor at `at`. Raises
    DecodeError naming the file, InvalidList, and as Evidence.trusted.
    """
    certificates, heard, crls = [], [], [] if crl is None else [crl]
    for name, octets in files:
        try:
            if octets[:1] != _DATA:
                certificates.append(Certificate.parse(octets))
            elif SignedMessage.parse(octets).header.psid == CRL_PSID:
                crls.append(octets)
            else:
                heard.append(octets)
        except DecodeError as error:
            raise DecodeError(error.reason, where=(name, *error.where), offset=error.offset) from error
    found = Evidence(certificates, anchor, place=place, heard=heard)
    revoked: frozenset[bytes] = frozenset()
    for octets in crls:
        listed = SignedList.parse(octets)
        if listed.kind != "crl":
            raise InvalidList(f"a {listed.kind.upper()} where a CRL belongs", rule="kind")
        listed.verify(found.trusted(), at)
        revoked |= listed.revoked
    return replace(found, revoked=revoked)


def rule_of(error: V2xPkiError) -> str:
    """A short stable name of what was broken."""
    if isinstance(error, TrustError) and error.rule:
        return error.rule
    name = type(error).__name__
    return "decode" if isinstance(error, DecodeError) else name[:1].lower() + name[1:]


def judge_certificate(certificate: Certificate, evidence: Evidence, at: int) -> list[Certificate]:
    """The verified path, end entity first, root last. Raises InvalidChain, ConfigError."""
    anchor = evidence.trusted()
    path = build_chain(certificate, evidence.candidates, anchor)
    chains = _scms_chains(path)
    if chains is None:
        verify_chain(path, anchor, at, crl=evidence.revoked, place=evidence.place)
    else:
        _judge_scms(path, chains, at, evidence.place)
    return path


def judge_data(octets: bytes, evidence: Evidence, at: int | None, now: int) -> list[Certificate]:
    """The verified path of the signer of any signed message: a station's, the PKI's, a list.

    at: judge as a receiver at this moment; None: as of the message's own generationTime, which then may
    not lie ahead of `now`. Raises InvalidMessage, InvalidList, InvalidChain, DecodeError, ConfigError.
    """
    try:
        message = SignedMessage.parse(octets)
    except UnexpectedContent as error:
        raise InvalidMessage(str(error), rule="content") from error
    generated = message.header.generation_time
    if generated is None:
        raise InvalidMessage("header without generationTime", rule="header")
    second = generated // MICROSECONDS
    if at is None and second > now + _AHEAD:
        raise InvalidMessage(f"generated {second - now} s from now", rule="future")
    if message.header.psid == CTL_PSID and is_link(octets):
        return judge_link(SignedLink.parse(octets), evidence, second if at is None else at)
    if message.header.psid in (CRL_PSID, CTL_PSID):
        return judge_list(SignedList.parse(octets), evidence, second if at is None else at)
    if message.signer.kind == "self":
        raise InvalidMessage("signed for itself: there is no certificate to trust", rule="signer")
    path = build_chain(_signer(message, evidence), evidence.candidates, evidence.trusted())
    if message.header.psid == SCR_PSID:
        verify_chain(path, path[-1], second if at is None else at, crl=evidence.revoked, place=evidence.place)
        verify_pki_message(message, path[0])
        return path
    trust, replay = _tickets(path, evidence.revoked, second), ReplayWindow()
    moment = None if at is None else at * MICROSECONDS
    for before in evidence.heard:
        with suppress(V2xPkiError):  # what was refused then taught nothing
            verify_message(before, trust, moment, window=FILE_WINDOW, replay=replay, place=evidence.place)
    if message.signer.kind == "digest" and path[0] in evidence.candidates:
        trust.verify_ticket(path[0], second)
    verify_message(message, trust, moment, window=FILE_WINDOW, replay=replay, place=evidence.place)
    return path


def _tickets(path: Sequence[Certificate], revoked: Collection[bytes], at: int) -> Tickets:
    """What a receiver goes by that trusts the root of a path, and knows the CAs on it."""
    chains = _scms_chains(path)
    if chains is not None:
        return Peers(chains)
    store = TrustStore([path[-1]], revoked=revoked)
    for authority in reversed(path[1:-1]):
        store.add(authority, at)
    return store


def _scms_chains(path: Sequence[Certificate]) -> ScmsChains | None:
    """The CAs of a path whose root is an SCMS's, as its psid 35 says; None for another's."""
    return None if role_of(path[-1]) is None else ScmsChains(path[-1:], path[1:-1])


def _judge_scms(path: Sequence[Certificate], chains: ScmsChains, at: int, place: Place | None) -> None:
    """Raise InvalidChain unless a certificate is good: a CA's or component's, an enrolment certificate, or a
    pseudonym or another that devices sign messages with."""
    subject, role = path[0], role_of(path[0])
    if role is None:
        chains.end_entity(subject, at)
    elif role.kind == "ee":
        verify_enrolment(subject, path[1], at, verify_eca(path[1:], path[-1:], at))
        check_now(subject, at)
    else:
        chains.path(subject, at)
    if place is not None and not regions.point_in_region(chains.region_of(subject), *place):
        raise InvalidChain(f"{subject.hex8} does not hold at this place", rule="place")


def judge_list(signed: SignedList, evidence: Evidence, at: int) -> list[Certificate]:
    """The signer of a verified list, alone in its path: roots and TLMs sign for themselves."""
    anchor = evidence.trusted()
    verify_chain([anchor], anchor, at, crl=evidence.revoked if signed.kind != "crl" else ())
    signed.verify(anchor, at)
    return [anchor]


def judge_link(link: SignedLink, evidence: Evidence, at: int) -> list[Certificate]:
    """The new certificate and the old one that vouches for it, which is the anchor. Where nobody brings the
    new one, the old one alone: what it signed. Raises InvalidLink, InvalidChain, ConfigError."""
    old = evidence.anchor
    if old is None:
        # Both are self-signed, so that the link has to say which of them is trusted.
        known = {candidate.hashed_id8: candidate for candidate in evidence.candidates}
        old = known.get(link.voucher_id8 or b"") or evidence.trusted()
    verify_chain([old], old, at, crl=evidence.revoked)
    link.verify_voucher(old, at)
    brought = (*evidence.candidates, *link.message.signer_certificates)
    for new in brought:
        if new.hashed_id8 == link.successor_id8:
            link.verify(old, new, at)
            return [new, old]
    if link.inner is not None:
        raise InvalidLink("the new root's certificate is neither in the link nor among the candidates",
                          rule="successor")  # fmt: skip
    return [old]


def _signer(message: SignedMessage, evidence: Evidence) -> Certificate:
    if message.signer.kind == "certificate":
        if len(message.signer_certificates) != 1:
            raise InvalidMessage(f"{len(message.signer_certificates)} signer certificates", rule="signer")
        return message.signer_certificates[0]
    for candidate in (*evidence.candidates, *_tickets_of(evidence.heard)):
        if candidate.hashed_id8 == message.signer_digest:
            return candidate
    raise InvalidMessage(f"signer {(message.signer_digest or b'').hex().upper()} is not among the candidates",
                         rule="unknown-signer")  # fmt: skip


def _tickets_of(heard: Sequence[bytes]) -> Iterator[Certificate]:
    for octets in heard:
        with suppress(V2xPkiError):
            yield from SignedMessage.parse(octets).signer_certificates
