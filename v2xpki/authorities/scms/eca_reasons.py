"""Why an enrolment CA gives no certificate.

IEEE 1609.2.1 has no PDU for a refusal: who asks over HTTP gets a status, coarse or fine as the operator
chose. What a reason tells is for the operator's log, and not for who has proved nothing yet.
"""

from enum import Enum

from v2xpki.errors import Refused


class EcaReason(Enum):
    """One a rule."""

    CANNOT_PARSE = "the request is not one canonical COER structure of version 2"
    WRONG_CONTENT = "the structure is not a request for an enrolment certificate"
    UNKNOWN_DEVICE = "no device of this canonical id, or no enrolment certificate of this digest"
    UNREGISTERED = "a request without canonical id, which this ECA does not grant"
    BAD_SIGNATURE = "a signature does not verify, or is not by whom it must be"
    BARRED = "the device is barred"
    OLD_CERTIFICATE = "the present enrolment certificate is not in force"
    OUT_OF_TIME = "generationTime is outside the window"
    IMPLICIT = "an implicit certificate, which this ECA does not issue"
    BAD_KEY = "the verification key cannot be certified"
    KEY_USED = "the verification key was certified before"
    BAD_ID = "the id is not one for a device of this kind"
    BAD_CRACA = "cracaId and crlSeries are the ECA's to set: zero in a request"
    UNEXPECTED_FIELD = "a field that an enrolment certificate has not"
    DENIED_PERMISSIONS = "permissions beyond what this device may have"
    DENIED_REGION = "a region beyond the device's or the ECA's"
    NO_VALIDITY = "the validity asked for is not possible"
    TOO_MANY = "more requests than the limit for one device"


class RefusedEnrolmentRequest(Refused):
    """An enrolment CA says no."""

    reason: EcaReason
