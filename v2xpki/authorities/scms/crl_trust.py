"""Who may sign a CRL of an SCMS, and whose certificates it may name (IEEE 1609.2 5.1.3, 7.4).

    crl = verify_crl(octets, trust, at)         raises InvalidList

A CRL is signed with psid 256 by a component whose role is `crl`, and speaks for a CRACA: its own root, or a
CA that this root has certified. It has no generationTime; its issueDate says when.
"""

from typing import NamedTuple

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidChain, InvalidList, UnexpectedContent
from v2xpki.secured import SignedMessage
from v2xpki.trust.scms_ctl import ScmsTrust
from v2xpki.trust.scms_profiles import CRL
from v2xpki.wire import dot2

SKEW = 600  # seconds that its signer's clock may be ahead


class VerifiedCrl(NamedTuple):
    """A CRL that may be believed, and who signed it."""

    contents: dot2.CrlContents
    signer: Certificate
    octets: bytes


def verify_crl(octets: bytes, trust: ScmsTrust, at: int) -> VerifiedCrl:
    """The contents of a SecuredCrl, its signer's chain verified at `at` (Time32). Whether it is the newest is
    for its reader to say. Raises InvalidList: form, header, signer, signature, issuer, issue-date."""
    try:
        message = SignedMessage.parse(octets)
        contents = wire.decode(dot2.CrlContents, message.payload)
        named = message.signer_digest
        if named is None and len(message.signer_certificates) == 1:
            named = message.signer_certificates[0].hashed_id8
    except (DecodeError, UnexpectedContent, CryptoError) as error:
        raise InvalidList(f"no CRL: {error}", rule="form") from error
    if message.header != dot2.HeaderInfo(psid=CRL):
        raise InvalidList("the header of a CRL is psid 256 alone", rule="header")
    signer = next((c for c in trust.components("crl", at) if c.hashed_id8 == named), None)
    if signer is None or CRL not in signer.app_permissions:
        raise InvalidList(
            f"signed by {(named or b'').hex().upper() or 'nobody'}, who signs no CRLs here", rule="signer"
        )
    try:
        trust.verify(signer, at)
        message.verify(signer.verification_key, signer)
    except (InvalidChain, CryptoError) as error:
        raise InvalidList(str(error), rule="signature") from error
    if not _speaks_for(signer, contents.crl_craca, trust):
        raise InvalidList(
            f"{signer.hex8} does not speak for the CRACA {contents.crl_craca.hex().upper()}", rule="issuer"
        )
    if contents.issue_date > at + SKEW or contents.next_crl <= contents.issue_date:
        raise InvalidList("issueDate is in the future, or not before nextCrl", rule="issue-date")
    return VerifiedCrl(contents, signer, octets)


def _speaks_for(signer: Certificate, craca: bytes, trust: ScmsTrust) -> bool:
    if craca == signer.issuer_id8:
        return True
    other = trust.issuer(craca)
    return other is not None and other.issuer_id8 == signer.issuer_id8
