"""Why a registration authority does not do what a device asks.

IEEE 1609.2.1 has no PDU for a refusal: who asks over HTTP gets a status, coarse or fine as the operator
chose. What a reason tells is for the operator's log, and not for who has proved nothing yet.
"""

from enum import Enum

from v2xpki.errors import Refused


class RaReason(Enum):
    """One a rule."""

    CANNOT_PARSE = "not one canonical COER structure of version 2"
    WRONG_CONTENT = "the structure is not what belongs here"
    WRONG_RECIPIENT = "not encrypted to a certificate of this RA"
    CANNOT_DECRYPT = "the content does not open"
    BAD_SIGNATURE = "the signature does not verify, or is not by whom it must be"
    UNKNOWN_ECA = "the enrolment certificate is of no ECA that this RA trusts"
    BAD_ENROLMENT = "the enrolment certificate is none, or not in force"
    REVOKED = "the enrolment certificate is revoked"
    BLOCKED = "the device is blocked"
    OUT_OF_TIME = "generationTime is outside the window"
    WRONG_FORM = "fields that do not go together, or are not the device's to set"
    NOT_OFFERED = "a certificate, or a way of expansion, that this RA does not offer"
    BAD_KEYS = "a key is no point of P-256, or cannot be expanded"
    DENIED_PERMISSIONS = "appPermissions beyond the enrolment certificate's, the RA's or the policy's"
    DENIED_REGION = "a region beyond the enrolment certificate's, its ECA's or the RA's"
    NO_VALIDITY = "nothing of the validity asked for can be served"
    TOO_MANY = "more requests than the limit for one device"
    UNSIGNED = "downloads are for devices that sign for them"
    NO_FILE = "no such file of this device"
    NOT_YET = "the file is not there yet; the .info tells when to come"
    ECA_REFUSED = "the ECA refuses a successor"


class RefusedRequest(Refused):
    """An RA says no."""

    reason: RaReason


def refusal(reason: RaReason, why: str = "") -> RefusedRequest:
    """The refusal, to be raised. `why`: for the log; nothing secret."""
    return RefusedRequest(reason, f"{reason.value}: {why}" if why else "")
