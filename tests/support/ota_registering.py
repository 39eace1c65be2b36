"""Enrolment credentials of one EA, and the registrations that they sign for vehicles."""

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, signature_record, signing_digest
from v2xpki.errors import InvalidChain
from v2xpki.keystore import MemoryKey
from v2xpki.secured.signed import sign
from v2xpki.time import MICROSECONDS
from v2xpki.trust.chain import verify_credential
from v2xpki.trust.ota.registration import Registration
from v2xpki.wire import dot2

AID = 1_234_567
SCR = dot2.PsidSsp(psid=623, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\xc0\x00"))
REGISTERS = dot2.PsidSsp(psid=AID, ssp=None)


def certificate(key, by, issuer, start, years, held, *, issues=()):
    """A certificate by `by`; issues: the PSIDs that it may grant, all of their SSPs."""
    ranges = tuple(dot2.PsidSspRange(psid=psid, ssp_range=dot2.SspRange("all", None)) for psid in issues)
    group = (
        dot2.PsidGroupPermissions(
            subject_permissions=dot2.SubjectPermissions(kind="explicit", value=ranges),
            min_chain_length=1,
            chain_length_range=0,
            ee_type=0xC0,
        ),
    )
    tbs = dot2.ToBeSignedCertificate(
        id=dot2.CertificateId(kind="none", value=None),
        craca_id=bytes(3),
        crl_series=0,
        validity_period=dot2.ValidityPeriod(start=start, duration=dot2.Duration(kind="years", value=years)),
        app_permissions=held or None,
        cert_issue_permissions=group if issues else None,
        verify_key_indicator=dot2.VerificationKeyIndicator(
            kind="verificationKey", value=key.public_key.to_verification_key()
        ),
    )
    named = (
        dot2.IssuerIdentifier("self", "sha256")
        if issuer is None
        else dot2.IssuerIdentifier("sha256AndDigest", issuer.hashed_id8)
    )
    digest = signing_digest("sha256", wire.encode(tbs), b"" if issuer is None else issuer.octets)
    record = dot2.CertificateBase(
        3, "explicit", named, tbs, signature_record(Curve.NIST_P256, by.sign(digest))
    )
    return Certificate.of(record)


class Eas:
    """One EA that is believed."""

    def __init__(self, now):
        self.key = MemoryKey.generate(Curve.NIST_P256)
        self.ea = certificate(self.key, self.key, None, now - 3600, 5, (), issues=(623, AID, 36))
        self.revoked = False

    def verify_credential(self, credential, at):
        if self.revoked or credential.issuer_id8 != self.ea.hashed_id8:
            raise InvalidChain("no EA that is believed", rule="chain")
        verify_credential(credential, self.ea, at)

    def credential(self, now, held=(SCR, REGISTERS)):
        key = MemoryKey.generate(Curve.NIST_P256)
        return key, certificate(key, self.key, self.ea, now - 60, 3, tuple(held))


def message(
    depot, car, holder, *, challenge=None, psid=AID, at=None, csr=None, identifier="certificate", **change
):
    """A registration as a vehicle sends it. holder: the credential's key and the credential."""
    wish = Registration(
        challenge or depot.director.challenge().text, car.vin, car.model, csr or car.csr(), car.entries
    )
    time = (depot.clock.time32() if at is None else at) * MICROSECONDS
    header = dot2.HeaderInfo(psid=psid, generation_time=time)
    return sign(holder[0], header, payload=wish.octets(), certificate=holder[1], identifier=identifier)
