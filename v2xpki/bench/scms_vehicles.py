"""Vehicles that ask the RA of a LineLaboratory: each with an enrolment certificate and a request of its own.

door = VehicleDoor(laboratory)
octets, caterpillar = door.request();  ack = door.ra.request(octets)
"""

from v2xpki import wire
from v2xpki.authorities.scms.ra import RegistrationAuthority
from v2xpki.authorities.scms.ra_requests import OwnCertificate
from v2xpki.authorities.scms.ra_trust import KnownEcas, TrustedEca
from v2xpki.bench.scms_laboratory import BSM
from v2xpki.bench.scms_line_laboratory import LineLaboratory
from v2xpki.bench.scms_line_process import RA_ENCRYPT, RA_SIGN
from v2xpki.crypto import (
    Certificate,
    Curve,
    PrivateCaterpillar,
    PublicKey,
    signature_record,
    signing_digest,
)
from v2xpki.crypto.butterfly import Variant
from v2xpki.errors import LinkError
from v2xpki.keystore import MemoryKey
from v2xpki.secured import encrypt, sign_request
from v2xpki.time import HOUR
from v2xpki.trust.scms_devices import EE_PERMISSIONS, request_permissions
from v2xpki.wire import dot2, scms

_RANGES = tuple(dot2.PsidSspRange(entry.psid, dot2.SspRange("all", None)) for entry in BSM)
_OPEN = dot2.ValidityPeriod(0, dot2.Duration("hours", 0))
_LINKAGE = dot2.CertificateId("linkageData", dot2.LinkageData(0, bytes(9)))
_NONE = dot2.CertificateId("none", None)


class NoEca:
    """No successors here."""

    def succeed(self, request: bytes) -> bytes:
        raise LinkError("no ECA in this laboratory")


class NoInfo:
    """Nor lists."""

    def info_status(self) -> scms.CertificateManagementInfoStatus:
        return scms.CertificateManagementInfoStatus(crl=(), ctl=(), ca_ccf=0, ma=())


class VehicleDoor:
    """The RA's front over the laboratory's database and token, and an ECA whose key is in memory."""

    def __init__(self, laboratory: LineLaboratory) -> None:
        self.laboratory, side = laboratory, laboratory.aca_side
        self._eca_key, other = (MemoryKey.generate(Curve.NIST_P256) for _ in range(2))
        tbs = side.component("ECA", self._eca_key.public_key, other.public_key)
        self.eca = side.certify(tbs, side.root)
        keystore = laboratory.keystores["ra"]
        self.ra = RegistrationAuthority(
            own=[OwnCertificate(laboratory.ra, keystore.agreer(RA_ENCRYPT))],
            responder=keystore.scms_responder(RA_SIGN, laboratory.ra),
            database=laboratory.databases["ra"],
            clock=laboratory.clock,
            ecas=KnownEcas([TrustedEca(self.eca, None)]),
            eca=NoEca(),
            info=NoInfo(),
            policy=laboratory.policy,
        )

    def close(self) -> None:
        self.ra.close()

    def request(self, variant: Variant = "unified") -> tuple[bytes, PrivateCaterpillar]:
        """A new vehicle's request for pseudonyms, encrypted to the RA, and what it keeps."""
        key, caterpillar = MemoryKey.generate(Curve.NIST_P256), PrivateCaterpillar.generate(variant)
        public = caterpillar.public()
        params: scms.ButterflyExpansion | scms.ButterflyParamsOriginal
        params = scms.ButterflyExpansion("aes128", public.signing_expansion)
        if public.encryption is not None and public.encryption_expansion is not None:
            params = scms.ButterflyParamsOriginal(
                params,
                PublicKey.from_sec1(Curve.NIST_P256, public.encryption).to_encryption_key(),
                scms.ButterflyExpansion("aes128", public.encryption_expansion),
            )
        tbs = dot2.ToBeSignedCertificate(
            id=_LINKAGE,
            craca_id=bytes(3),
            crl_series=0,
            validity_period=_OPEN,
            app_permissions=BSM,
            verify_key_indicator=_verifying(PublicKey.from_sec1(Curve.NIST_P256, public.signing)),
        )
        asked = scms.EeRaCertRequest(
            version=2,
            generation_time=self.laboratory.clock.time32(),
            type="explicit",
            tbs_cert=tbs,
            additional_params=scms.AdditionalParams(variant, params),
        )
        inner = scms.EeRaInterfacePdu("eeRaCertRequest", asked)
        pdu = scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", inner))
        certificate = self._enrolment(key.public_key)
        signed = sign_request(key, pdu, certificate=certificate, identifier="certificate")
        return encrypt(signed, [self.laboratory.ra]).octets, caterpillar

    def _enrolment(self, key: PublicKey) -> Certificate:
        tbs = dot2.ToBeSignedCertificate(
            id=_NONE,
            craca_id=self.eca.hashed_id3,
            crl_series=4,
            validity_period=dot2.ValidityPeriod(
                max(self.eca.start, self.laboratory.clock.time32() - HOUR), dot2.Duration("years", 3)
            ),
            app_permissions=EE_PERMISSIONS,
            cert_request_permissions=request_permissions(_RANGES),
            verify_key_indicator=_verifying(key),
        )
        digest = signing_digest("sha256", wire.encode(tbs), self.eca.octets)
        issuer = dot2.IssuerIdentifier("sha256AndDigest", self.eca.hashed_id8)
        signature = signature_record(Curve.NIST_P256, self._eca_key.sign(digest))
        return Certificate.of(dot2.CertificateBase(3, "explicit", issuer, tbs, signature))


def _verifying(key: PublicKey) -> dot2.VerificationKeyIndicator:
    return dot2.VerificationKeyIndicator("verificationKey", key.to_verification_key())
