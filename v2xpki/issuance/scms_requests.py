"""A component's request for its certificate, signed by the key that asks.

Recorded and audited first, as every use of a CA's key.
"""

from v2xpki import wire
from v2xpki.errors import InvalidSignature, IssuanceError
from v2xpki.issuance.records import Record, Token, new_slip, tx_complete, tx_save
from v2xpki.keystore import IssuingKey, KeyLabel, Keystore, MemoryKey
from v2xpki.secured import CertificateRequest, sign_request
from v2xpki.store import Database, random_key
from v2xpki.time import HOUR, Clock
from v2xpki.wire import dot2, scms

_FOREVER = (1 << 32) - 1


def sign_component_request(
    keystore: Keystore, label: KeyLabel, tbs: dot2.ToBeSignedCertificate, database: Database, clock: Clock
) -> bytes:
    """COER of a SignedCertificateRequest SPDU, signer `self`, around an EeEcaCertRequest: IEEE 1609.2.1 has
    none of a component's own, and this one proves what is to be proven. Errors as `Issuer.issue`."""
    return _sign(keystore.issuing_key(label), tbs, database, clock)


def sign_implicit_request(
    key: MemoryKey, tbs: dot2.ToBeSignedCertificate, database: Database, clock: Clock
) -> bytes:
    """The same for a key that no token holds, an ACA's for implicit certificates (docs/adr/0011): this is the
    only thing that it signs."""
    return _sign(key, tbs, database, clock)


def _sign(
    key: IssuingKey | MemoryKey, tbs: dot2.ToBeSignedCertificate, database: Database, clock: Clock
) -> bytes:
    asked = scms.EeEcaCertRequest(
        version=2, generation_time=clock.time32(), type="explicit", tbs_cert=tbs, canonical_id=None
    )
    inner = scms.EcaEeInterfacePdu(kind="eeEcaCertRequest", value=asked)
    pdu = scms.ScmsPdu(version=2, content=scms.ScmsPduContent(kind="eca-ee", value=inner))
    slip = new_slip()
    record = Record(
        id=random_key(),
        kind="REQUEST",
        issuer=None,
        to_be_signed=wire.encode(pdu),
        expires=_FOREVER + -_FOREVER % HOUR,
        slip=slip,
    )
    token = Token(slip, key, pdu)
    with database.write(durable=True) as tx:
        tx_save(tx, record)
    token.burn()
    octets = sign_request(key, pdu, identifier="self")
    request = CertificateRequest.parse(octets)
    if request.tbs_octets != record.to_be_signed:
        raise IssuanceError("the request is not what was recorded")
    try:
        request.verify(key.public_key)
    except InvalidSignature as error:
        raise IssuanceError("the signature made does not verify") from error
    token.signed(octets)
    with database.write(durable=True) as tx:
        tx_complete(tx, record, octets)
    return octets
