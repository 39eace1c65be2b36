"""Why a repository refuses: a request for signatures, or a signature."""

from enum import Enum


class SigningReason(Enum):
    """`Refused.reason` of a repository."""

    NOT_BEGUN = "no root is published yet"
    BEGUN_BEFORE = "there is a root already, or one is asked for"
    NO_SUCH_ROLE = "no such role, or not one whose keys are offline"
    NO_SUCH_REQUEST = "no such signing request"
    NOT_OPEN = "the signing request is not open any more"
    OPEN_ALREADY = "a signing request is open for the role"
    UNKNOWN_KEY = "the key is none of those that must sign"
    BAD_SIGNATURE = "the signature does not verify"
    SIGNED_BEFORE = "the key has signed before"
    EXPIRED = "what is to be signed has expired"
    BAD_CHANGE = "the change breaks a rule"
    NO_CHANGE = "nothing would change"
