"""Why a misbehaviour authority does not revoke."""

from enum import Enum

from v2xpki.errors import Refused


class MaReason(Enum):
    """What is said to the operator."""

    BAD_CERTIFICATE = "not a certificate"
    UNTRUSTED = "its chain does not lead to a root that is trusted"
    ROOT = "a root is not on its own CRL: the electors take it off their trust list"
    ENDED = "its validity is over"
    OTHER_CRACA = "it names a CRACA whose CRLs are not signed here"
    NO_SERIES = "it names a CRL series that is not signed here, or is not of its kind"
    NO_CASE = "there is no such case"


class RefusedRevocation(Refused):
    """Nothing was begun. `reason` is a MaReason."""
