"""Why an ACA refuses a request of an RA."""

from enum import Enum
from typing import NamedTuple

from v2xpki.errors import Refused


class AcaReason(Enum):
    """What is said to the RA and in the log; nothing of the request itself."""

    UNREADABLE = "the request cannot be read"
    WRONG_CONTENT = "not a RaAcaCertRequest"
    WRONG_FORM = "fields that do not go together, or are the ACA's to set"
    UNKNOWN_RA = "not an RA that this ACA knows"
    BAD_SIGNATURE = "the RA's signature does not verify"
    OUT_OF_TIME = "generationTime is outside the window"
    NO_VALIDITY = "the validity is not inside the ACA's, or beyond its policy"
    DENIED_PERMISSIONS = "permissions or region beyond the RA's or the ACA's"
    BAD_LINKAGE = "the pre-linkage values do not open, or are not of two linkage authorities"
    BAD_KEYS = "a key is no point of its curve"
    NOT_OFFERED = "a certificate of a form that this ACA does not issue"
    BUSY = "the same request is being answered elsewhere; ask again"
    SIGNING_FAILED = "the certificate could not be signed; ask again"


class RefusedCertificate(Refused):
    """One request is refused."""

    reason: AcaReason


class Refusal(NamedTuple):
    """What stands in the place of an answer."""

    reason: AcaReason
    detail: str
