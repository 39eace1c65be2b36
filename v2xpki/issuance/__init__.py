"""Door 1 to a CA's key: nothing is signed that was not linted, recorded and audited first.

prepare -> lint -> record -> sign -> verify -> store, for certificates (`Issuer`) and lists (`ListIssuer`).
"""

from v2xpki.issuance.certificates import Issuer, Linter
from v2xpki.issuance.lists import ListIssuer, sign_ca_rekeying, sign_ca_request
from v2xpki.issuance.records import Prepared, Record, Token, tx_complete, tx_save, tx_void
from v2xpki.issuance.recovery import OpenRecord, Recovered, purge, recover

__all__ = [
    "Issuer",
    "Linter",
    "ListIssuer",
    "OpenRecord",
    "Prepared",
    "Record",
    "Recovered",
    "Token",
    "purge",
    "recover",
    "sign_ca_rekeying",
    "sign_ca_request",
    "tx_complete",
    "tx_save",
    "tx_void",
]
