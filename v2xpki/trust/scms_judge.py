"""Verdicts on files of an SCMS, as judge.py has them of ETSI's PKI: certificates and signed messages.

Candidates may be those of a certificate chain file. CRLs count where they verify under the anchor; CRLs in a
composite one do, too.
"""

from collections.abc import Iterable
from contextlib import suppress

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, InvalidChain, InvalidCtl, InvalidMessage, Revoked, V2xPkiError
from v2xpki.secured import SignedMessage
from v2xpki.time import MICROSECONDS
from v2xpki.trust import regions
from v2xpki.trust.chain import Place, build_chain
from v2xpki.trust.messages import ReplayWindow, Window, verify_message
from v2xpki.trust.scms_chain import scms_store
from v2xpki.trust.scms_crl import ScmsCrl
from v2xpki.trust.scms_ctl import ScmsCtl, cert_pdu
from v2xpki.trust.scms_end_entities import ScmsChains
from v2xpki.trust.scms_profiles import role_of
from v2xpki.trust.scms_receiving import Peers
from v2xpki.trust.scms_revocation import RevocationList
from v2xpki.wire import dot2, scms


def certificates_of(octets: bytes) -> list[Certificate] | None:
    """Those in a certificate chain file (a CertificateChainSpdu); None for something else."""
    data = wire.decode(dot2.Ieee1609Dot2Data, octets)
    with suppress(InvalidCtl):
        chain = cert_pdu(data, scms.CertificateChain)
        return [*map(Certificate.of, chain.others), *ScmsCtl(chain.home_ctl).certificates]
    return None


def crls_of(octets: bytes) -> list[bytes] | None:
    """The CRLs in a CompositeCrlSpdu; None for something else."""
    data = wire.decode(dot2.Ieee1609Dot2Data, octets)
    with suppress(InvalidCtl):
        return [wire.encode(crl) for crl in cert_pdu(data, scms.CompositeCrl).crl]
    return None


class ScmsEvidence:
    """Roots, candidates and CRLs, and what is worked out of them for one verdict. i: a pseudonym's period."""

    def __init__(
        self, anchor: Certificate, candidates: Iterable[Certificate], crls: Iterable[bytes], at: int, i: int
    ) -> None:
        """Raises InvalidCrl for a CRL that does not verify."""
        others = [one for one in candidates if one != anchor]
        bare, self._revoked = ScmsChains([anchor], others), RevocationList()
        self._revoked.advance(i)
        for octets in crls:
            crl = ScmsCrl.parse(octets)
            # one that was to be replaced by now is better than none
            self._revoked.take(crl, bare, at if at < crl.next_crl else crl.issue_date)
        self.anchor, self.candidates = anchor, others
        self.chains = ScmsChains([anchor], others, self._revoked)

    def path(self, certificate: Certificate, at: int, place: Place | None) -> list[Certificate]:
        """The verified path, the certificate first, a root last. Raises InvalidChain."""
        role = role_of(certificate)
        if role is not None and role.kind != "ee":
            path = list(self.chains.path(certificate, at))
        else:
            issuer = self.chains.certificate(certificate.issuer_id8 or b"")
            if issuer is None:
                name = (
                    "itself" if certificate.is_self_signed else (certificate.issuer_id8 or b"").hex().upper()
                )
                raise InvalidChain(f"issuer {name} of {certificate.hex8} is not there", rule="chain")
            path = [certificate, *self.chains.path(issuer, at)]
            if role is None:
                self.chains.end_entity(certificate, at)
            else:
                self._enrolment(path, at)
        if place is not None:
            for one in path:
                if not regions.point_in_region(self.chains.region_of(one), *place):
                    raise InvalidChain(f"{one.hex8} is not for this place", rule="place")
        return path

    def _enrolment(self, path: list[Certificate], at: int) -> None:
        store = scms_store([path[-1]])
        for authority in reversed(path[1:-1]):
            store.add(authority, at)
        store.verify(path[0], at)
        try:
            self._revoked.check(path[0])
        except Revoked as error:
            raise InvalidChain(str(error), rule="revoked") from error


def judge_scms_message(
    message: SignedMessage,
    signer: Certificate,
    evidence: ScmsEvidence,
    at: int | None,
    heard: Iterable[bytes],
    place: Place | None,
    window: Window,
) -> list[Certificate]:
    """The verified path of the signer of a station's message. at: TAI seconds; None: as of its own
    generationTime. Raises InvalidMessage, InvalidChain."""
    second = (message.header.generation_time or 0) // MICROSECONDS
    path = build_chain(signer, evidence.candidates, evidence.anchor)  # verified with the message
    peers, replay = Peers(evidence.chains), ReplayWindow()
    moment = None if at is None else at * MICROSECONDS
    for before in heard:
        with suppress(V2xPkiError):  # what was refused then taught nothing
            verify_message(before, peers, moment, window=window, replay=replay, place=place)
    if message.signer.kind == "digest":
        peers.verify_ticket(signer, second)
    verify_message(message, peers, moment, window=window, replay=replay, place=place)
    return path


def judge_scms_pdu(
    message: SignedMessage, signer: Certificate, evidence: ScmsEvidence, at: int
) -> list[Certificate]:
    """The same of a message of the SCMS itself (psid 35), as of `at` (TAI seconds)."""
    path = evidence.path(signer, at, None)
    try:
        message.verify(signer.verification_key, signer)
    except CryptoError as error:
        raise InvalidMessage(str(error), rule="signature") from error
    return path


def period_of(certificate: Certificate) -> int:
    """The i-period of a pseudonym; 0 of others, which no linkage value revokes."""
    identity = certificate.record.to_be_signed.id.value
    return int(identity.i_cert) if isinstance(identity, dot2.LinkageData) else 0
