"""Requests of a station: enrolment (TS 102 941 6.2.3.2.1) and authorization (6.2.3.3.1).

Pure: keys and certificates in, octets out. Every request is remembered as Sent, which its answer is
held against.
"""

import hmac
import os
from dataclasses import dataclass, field
from hashlib import sha256

from v2xpki import wire
from v2xpki.crypto import Certificate, PublicKey, Signer
from v2xpki.secured import encrypt, etsi_header, sign, unsecured
from v2xpki.wire import dot2, etsi

SCR = 623  # secured certificate request
CERTIFICATE_FORMAT = 1  # TS 103 097 V1.3.1 and later
EC_PERMISSIONS = (
    dot2.PsidSsp(psid=SCR, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\xc0")),
)


@dataclass(frozen=True)
class Sent:
    """A request under way. key: the AES key that the answer comes back under."""

    octets: bytes
    key: bytes = field(repr=False)
    nonce: bytes
    verification_key: PublicKey
    encryption_key: PublicKey | None
    asked: etsi.CertificateSubjectAttributes


def enrolment_request(
    *,
    its_id: bytes,
    new: Signer,
    signer: Signer,
    current: Certificate | None,
    ea: Certificate,
    attributes: etsi.CertificateSubjectAttributes,
    time64: int,
) -> Sent:
    """The EnrolmentRequestMessage for a new key.

    signer: the canonical key, with its_id the canonical id and no `current`; or the key of the current EC,
    with its_id the EC's HashedId8. The inner proof of possession is always by the new key.
    """
    inner = wire.encode(
        etsi.InnerEcRequest(
            its_id=its_id,
            certificate_format=CERTIFICATE_FORMAT,
            public_keys=etsi.PublicKeys(verification_key=new.public_key.to_verification_key()),
            requested_subject_attributes=attributes,
        )
    )
    header = etsi_header(SCR, time64)
    proof = wire.decode(dot2.Ieee1609Dot2Data, sign(new, header, payload=inner, identifier="self"))
    outer = sign(
        signer,
        header,
        payload=_pdu("enrolmentRequest", proof),
        certificate=current,
        identifier="self" if current is None else "digest",
    )
    return _sealed(outer, ea, new.public_key, None, attributes)


def authorization_request(
    *,
    new: Signer,
    encryption_key: PublicKey | None,
    ec_key: Signer,
    ec: Certificate,
    ea: Certificate,
    aa: Certificate,
    attributes: etsi.CertificateSubjectAttributes,
    time64: int,
    proof: bool = True,
    plain_signature: bool = False,
) -> Sent:
    """The AuthorizationRequestMessage (with proof of possession, or without) for a new ticket key.

    plain_signature: ecSignature in clear, for stations without privacy alone; else it is encrypted to the
    EA, so that the AA does not learn who asks.
    """
    key = new.public_key.to_verification_key()
    encryption = None if encryption_key is None else encryption_key.to_encryption_key()
    tagged = wire.encode(key) + (b"" if encryption is None else wire.encode(encryption))
    secret = os.urandom(32)
    shared = etsi.SharedAtRequest(
        ea_id=ea.hashed_id8,
        key_tag=hmac.digest(secret, tagged, "sha256")[:16],
        certificate_format=CERTIFICATE_FORMAT,
        requested_subject_attributes=attributes,
    )
    header = etsi_header(SCR, time64)
    detached = sign(
        ec_key,
        header,
        ext_data_hash=sha256(wire.encode(shared)).digest(),
        certificate=ec,
        identifier="digest",
    )
    signature = detached if plain_signature else encrypt(detached, [ea]).octets
    pdu = _pdu(
        "authorizationRequest",
        etsi.InnerAtRequest(
            public_keys=etsi.PublicKeys(verification_key=key, encryption_key=encryption),
            hmac_key=secret,
            shared_at_request=shared,
            ec_signature=etsi.EcSignature(
                kind="ecSignature" if plain_signature else "encryptedEcSignature",
                value=wire.decode(dot2.Ieee1609Dot2Data, signature),
            ),
        ),
    )
    plain = sign(new, header, payload=pdu, identifier="self") if proof else unsecured(pdu)
    return _sealed(plain, aa, new.public_key, encryption_key, attributes)


def _pdu(kind: etsi.EtsiTs102941DataContentKind, value: dot2.Ieee1609Dot2Data | etsi.InnerAtRequest) -> bytes:
    content = etsi.EtsiTs102941DataContent(kind=kind, value=value)
    return wire.encode(etsi.EtsiTs102941Data(version=1, content=content))


def _sealed(
    plain: bytes,
    authority: Certificate,
    key: PublicKey,
    encryption_key: PublicKey | None,
    attributes: etsi.CertificateSubjectAttributes,
) -> Sent:
    nonce = os.urandom(12)
    sealed = encrypt(plain, [authority], nonce=nonce)
    return Sent(sealed.octets, sealed.key, nonce, key, encryption_key, attributes)
