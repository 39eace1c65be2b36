"""The Director's CA: vehicles speak TLS to it under certificates of this one, which name no VIN.

A certificate's name is the vehicle's random id, so that who sees a handshake learns no vehicle by it.
"""

import hashlib
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from v2xpki.issuance import Prepared, tx_complete, tx_save
from v2xpki.issuance.vehicle_tls import VehicleTlsIssuer
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.store import Database
from v2xpki.time import HOUR, Clock
from v2xpki.trust.ota.registration import LONGEST_CSR

CA_LABEL = KeyLabel("director-ca", "sign")
CA_NAME = "v2xpki vehicle CA"
_YEAR = 31_556_952  # mean Gregorian year, seconds
#: Seconds that a certificate begins before it is made: a vehicle's clock may be behind.
BACKDATED = HOUR


class Certified(NamedTuple):
    """A vehicle's certificate. digest: SHA-256 of the DER; expires: TAI seconds."""

    chain: str  # PEM: the vehicle's, the CA's
    digest: bytes
    expires: int


class VehicleCa:
    """Makes vehicles' client certificates. pem: the CA's certificate; validity: seconds."""

    def __init__(
        self, keystore: Keystore, pem: bytes, clock: Clock, *, validity: int, label: KeyLabel = CA_LABEL
    ) -> None:
        self._certificate = x509.load_pem_x509_certificate(pem)
        self._issuer = VehicleTlsIssuer.open(keystore, label, self._certificate)
        self._clock, self._validity = clock, validity

    def prepare(self, vehicle: bytes, key: ec.EllipticCurvePublicKey) -> Prepared:
        """A certificate for a vehicle's key; nothing is written or signed. Raises IssuanceError."""
        now = self._clock.time32()
        return self._issuer.prepare(key, vehicle.hex(), now - BACKDATED, now + self._validity)

    def issue(self, prepared: Prepared) -> tuple[bytes, Certified]:
        """The DER, which tx_complete takes, and what the vehicle gets. Raises as VehicleTlsIssuer.issue."""
        der = self._issuer.issue(prepared.token)
        made = x509.load_der_x509_certificate(der)
        chain = made.public_bytes(Encoding.PEM) + self._certificate.public_bytes(Encoding.PEM)
        return der, Certified(
            chain.decode(), hashlib.sha256(der).digest(), self._clock.time32() + self._validity
        )


def key_of_csr(pem: Any) -> ec.EllipticCurvePublicKey:
    """The key of a PKCS#10 request that proves its possession; of the rest nothing is taken. Raises
    DirectorRefusal."""
    if not isinstance(pem, str) or len(pem) > LONGEST_CSR:
        raise DirectorRefusal(DirectorReason.MALFORMED, f"csr is no text of at most {LONGEST_CSR} characters")
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key, proven = request.public_key(), request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise DirectorRefusal(DirectorReason.MALFORMED, "csr is no PEM of a PKCS#10 request") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise DirectorRefusal(DirectorReason.MALFORMED, "csr is not for a key on P-256")
    if not proven:
        raise DirectorRefusal(DirectorReason.NOT_AUTHENTIC, "csr is not signed by its own key")
    return key


def make_ca(
    keystore: Keystore, database: Database, clock: Clock, *, label: KeyLabel = CA_LABEL, years: int = 20
) -> bytes:
    """The CA's certificate, self-signed: PEM. The key of the label is there. Raises KeyNotFound, StoreError,
    TokenLost, IssuanceError."""
    issuer = VehicleTlsIssuer.open(keystore, label, None)
    now = clock.time32()
    prepared = issuer.prepare_ca(CA_NAME, now - BACKDATED, now + years * _YEAR)
    with database.write(durable=True) as tx:
        tx_save(tx, prepared.record)
    der = issuer.issue(prepared.token)
    with database.write(durable=True) as tx:
        tx_complete(tx, prepared.record, der)
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
