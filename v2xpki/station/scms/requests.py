"""What a device of an SCMS asks its RA for (IEEE 1609.2.1 EE-RA), as octets to be sent.

    sent = certificate_request(wish, keys, enrolled, ra, now)       POST; sent.hash names its files
    octets = download_request("<H8>_<I>.zip", enrolled, ra, now)    for the header AUTHORIZATION of a GET

A request is signed by the enrolment certificate, which is in it, and encrypted to the RA.
"""

import base64
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, NamedTuple, Self

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, PrivateCaterpillar, PublicKey
from v2xpki.crypto.butterfly import CocoonKeys
from v2xpki.crypto.group import p256, random_scalars
from v2xpki.secured import encrypt, scms_header, sign, sign_request, unsecured
from v2xpki.station.scms.enrolment import Enrolled
from v2xpki.wire import dot2, scms

Kind = Literal["pseudonym", "identification", "application"]
AUTHORIZATION = "Ieee-1609.2.1-Authorization"
_P256 = Curve.NIST_P256
#: The id says which kind is asked for: of a pseudonym linkage data, whose values are others' to set.
_PSEUDONYM_ID = dot2.CertificateId("linkageData", dot2.LinkageData(0, bytes(9)))
_NO_ID = dot2.CertificateId("none", None)


@dataclass(frozen=True)
class OwnKeys:
    """Private scalars of an application certificate: its own, and the one that the response is for.

    No butterfly: the same for every period.
    """

    signing: bytes = field(repr=False)
    encryption: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """Fresh ones."""
        return cls(*random_scalars(2))

    def keys(self, _i: int, js: range) -> list[CocoonKeys]:
        """As PrivateCaterpillar.keys."""
        return [CocoonKeys(self.signing, self.encryption)] * len(js)


Keys = PrivateCaterpillar | OwnKeys


class CertificateWish(NamedTuple):
    """What is asked for. validity: from when to when certificates are wanted. name: of an identification or
    application certificate, None for none. implicit: shorter certificates, of reconstruction values."""

    kind: Kind
    permissions: tuple[dot2.PsidSsp, ...]
    validity: dot2.ValidityPeriod
    region: dot2.GeographicRegion | None = None
    name: str | None = None
    implicit: bool = False


class Sent(NamedTuple):
    """A request's octets, encrypted, and the HashedId8 of them."""

    octets: bytes
    hash: bytes

    @property
    def name(self) -> str:
        """The hash as file names have it."""
        return self.hash.hex().upper()


def certificate_request(
    wish: CertificateWish, keys: Keys, enrolled: Enrolled, ra: Certificate, now: int
) -> Sent:
    """An EeRaCertRequest. Pseudonym and identification certificates take a PrivateCaterpillar, application
    ones OwnKeys. now: Time32. Raises ValueError for other keys, what secured.encrypt raises."""
    if isinstance(keys, OwnKeys) != (wish.kind == "application"):
        raise ValueError(f"{type(keys).__name__} for {wish.kind} certificates")
    signing, params = _public(keys)
    named = _NO_ID if wish.name is None else dot2.CertificateId("name", wish.name)
    tbs = dot2.ToBeSignedCertificate(
        id=_PSEUDONYM_ID if wish.kind == "pseudonym" else named,
        craca_id=bytes(3),
        crl_series=0,
        validity_period=wish.validity,
        region=wish.region,
        app_permissions=wish.permissions,
        verify_key_indicator=PublicKey.from_sec1(_P256, signing).to_indicator(implicit=wish.implicit),
    )
    asked = scms.EeRaCertRequest(2, now, "implicit" if wish.implicit else "explicit", tbs, params)
    pdu = _pdu(scms.EeRaInterfacePdu("eeRaCertRequest", asked))
    signed = sign_request(enrolled.key, pdu, certificate=enrolled.certificate, identifier="certificate")
    octets = encrypt(signed, [ra]).octets
    return Sent(octets, request_hash(octets))


def download_request(filename: str, enrolled: Enrolled | None, ra: Certificate | None, now: int) -> bytes:
    """An EeRaDownloadRequest SPDU, signed by the enrolment certificate and encrypted to the RA; with neither,
    plain, for an RA that knows its devices otherwise."""
    asked = scms.EeRaDownloadRequest(now, filename)
    plain = wire.encode(_pdu(scms.EeRaInterfacePdu("eeRaDownloadRequest", asked)))
    if enrolled is None or ra is None:
        return unsecured(plain)
    signed = sign(
        enrolled.key,
        scms_header(),
        payload=plain,
        certificate=enrolled.certificate,
        identifier="certificate",
    )
    return encrypt(signed, [ra]).octets


def authorization(octets: bytes) -> dict[str, str]:
    """The header that carries a download request's SPDU."""
    return {AUTHORIZATION: base64.b64encode(octets).decode()}


def request_hash(octets: bytes) -> bytes:
    """What an RA names a request by: HashedId8 of the encrypted SPDU."""
    return sha256(octets).digest()[-8:]


def _public(keys: Keys) -> tuple[bytes, scms.AdditionalParams]:
    """The point for the request, and what goes along with it."""
    if isinstance(keys, OwnKeys):
        signing, encryption = p256().multiples_of_base([keys.signing, keys.encryption])
        return signing, scms.AdditionalParams("encryptionKey", _encryption_key(encryption))
    public = keys.public()
    expansion = scms.ButterflyExpansion("aes128", public.signing_expansion)
    if public.encryption is None or public.encryption_expansion is None:
        return public.signing, scms.AdditionalParams(keys.variant, expansion)
    original = scms.ButterflyParamsOriginal(
        expansion,
        _encryption_key(public.encryption),
        scms.ButterflyExpansion("aes128", public.encryption_expansion),
    )
    return public.signing, scms.AdditionalParams("original", original)


def _encryption_key(point: bytes) -> dot2.PublicEncryptionKey:
    return PublicKey.from_sec1(_P256, point).to_encryption_key()


def _pdu(inner: scms.EeRaInterfacePdu) -> scms.ScmsPdu:
    return scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", inner))
