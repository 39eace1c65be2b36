"""Secured protocol data units of IEEE 1609.2: signed, encrypted, unsecured.

A request and its answer, from the station's side:

    octets = sign(signer, etsi_header(623, clock.time64()), payload=pdu, certificate=own, identifier="digest")
    SignedMessage.parse(octets).verify(certificate.verification_key, certificate)
    sealed = encrypt(octets, [ea_certificate]);  plain = decrypt_psk(answer, sealed.key)
"""

from v2xpki.secured.encrypted import (
    Encrypted,
    Opened,
    Recipient,
    RecipientKey,
    SignedDataKey,
    decrypt,
    decrypt_psk,
    encrypt,
    encrypt_many,
    encrypt_psk,
    rek_id,
    signed_data_id,
)
from v2xpki.secured.frames import unsecured
from v2xpki.secured.headers import etsi_header, scms_header
from v2xpki.secured.requests import CertificateRequest, sign_request
from v2xpki.secured.signed import Identifier, SignedMessage, sign

__all__ = [
    "CertificateRequest",
    "Encrypted",
    "Identifier",
    "Opened",
    "Recipient",
    "RecipientKey",
    "SignedDataKey",
    "SignedMessage",
    "decrypt",
    "decrypt_psk",
    "encrypt",
    "encrypt_many",
    "encrypt_psk",
    "etsi_header",
    "rek_id",
    "scms_header",
    "sign",
    "sign_request",
    "signed_data_id",
    "unsecured",
]
