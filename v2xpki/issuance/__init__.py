"""Door 1 to a CA's key: nothing is signed that was not linted, recorded and audited first.

prepare -> lint -> record -> sign -> verify -> store, for certificates (`Issuer`, many at once
`ChunkIssuer`), lists (`ListIssuer`) and CRLs of an SCMS (`CrlSigner`).
"""

from v2xpki.issuance.certificates import Issuer, Linter
from v2xpki.issuance.chunks import (
    BatchIssuer,
    Body,
    CertificateTemplate,
    Chunk,
    ChunkIssuer,
    Made,
    purge_chunks,
    recover_chunks,
    tx_complete_chunk,
    tx_save_chunk,
)
from v2xpki.issuance.crls import CrlSigner
from v2xpki.issuance.implicit import ImplicitIssuer
from v2xpki.issuance.lists import ListIssuer, sign_ca_rekeying, sign_ca_request
from v2xpki.issuance.records import Prepared, Record, Token, tx_complete, tx_save, tx_void
from v2xpki.issuance.recovery import OpenRecord, Recovered, purge, recover
from v2xpki.issuance.scms_requests import sign_component_request, sign_implicit_request

__all__ = [
    "BatchIssuer",
    "Body",
    "CertificateTemplate",
    "Chunk",
    "ChunkIssuer",
    "CrlSigner",
    "ImplicitIssuer",
    "Issuer",
    "Linter",
    "ListIssuer",
    "Made",
    "OpenRecord",
    "Prepared",
    "Record",
    "Recovered",
    "Token",
    "purge",
    "purge_chunks",
    "recover",
    "recover_chunks",
    "sign_ca_rekeying",
    "sign_ca_request",
    "sign_component_request",
    "sign_implicit_request",
    "tx_complete",
    "tx_complete_chunk",
    "tx_save",
    "tx_save_chunk",
    "tx_void",
]
