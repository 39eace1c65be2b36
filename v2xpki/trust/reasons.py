"""Why something is refused: every `rule` of InvalidChain, InvalidMessage, InvalidList, InvalidCrl and
InvalidLink, as enumerations.

A rule is a short text that keeps its meaning; members compare equal to it:

    except InvalidMessage as error:
        if error.rule == MessageRule.UNKNOWN_SIGNER: ...
"""

from enum import StrEnum


class ChainRule(StrEnum):
    """See chain.py."""

    ANCHOR = "anchor"
    CHAIN = "chain"
    ISSUER = "issuer"
    TYPE = "type"
    PROFILE = "profile"
    KEY = "key"
    SIGNATURE = "signature"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    VALIDITY_INSIDE = "validity-inside"
    APP_PERMISSIONS = "app-permissions"
    ISSUE_PERMISSIONS = "issue-permissions"
    REGION = "region"
    PLACE = "place"
    REVOKED = "revoked"


class MessageRule(StrEnum):
    """See messages.py; DECODE and CONTENT are what octets get that are no signed message."""

    DECODE = "decode"
    CONTENT = "content"
    SIGNER = "signer"
    UNKNOWN_SIGNER = "unknown-signer"
    CERTIFICATE = "certificate"
    PSID = "psid"
    HEADER = "header"
    PAYLOAD = "payload"
    GENERATION_TIME = "generation-time"
    STALE = "stale"
    FUTURE = "future"
    EXPIRED = "expired"
    REGION = "region"
    REPLAY = "replay"
    SIGNATURE = "signature"


class ListRule(StrEnum):
    """See lists.py; the first four are for making lists and reading their entries too."""

    SCHEDULE = "schedule"
    SEQUENCE = "sequence"
    ENTRY = "entry"
    OWN_DC = "own-dc"
    OWN_TLM = "own-tlm"
    PSID = "psid"
    HEADER = "header"
    SIGNER = "signer"
    SIGNER_PERMISSIONS = "signer-permissions"
    FULL_LIST = "full-list"
    SIGNATURE = "signature"
    GENERATION_TIME = "generation-time"
    NOT_YET_VALID = "not-yet-valid"
    OUT_OF_DATE = "out-of-date"
    KIND = "kind"
    DELTA = "delta"


class CrlRule(StrEnum):
    """See scms_crl.py; the first three are for making CRLs, too."""

    SCHEDULE = "schedule"
    ENTRY = "entry"
    SERIES = "series"
    CONTENT = "content"
    VERSION = "version"
    FORM = "form"
    PSID = "psid"
    HEADER = "header"
    SIGNER = "signer"
    UNKNOWN_SIGNER = "unknown-signer"
    SIGNER_PERMISSIONS = "signer-permissions"
    CHAIN = "chain"
    CRACA = "craca"
    SIGNATURE = "signature"
    NOT_YET_VALID = "not-yet-valid"
    OUT_OF_DATE = "out-of-date"
    ROLLBACK = "rollback"
    PERIOD = "period"


class LinkRule(StrEnum):
    """See links.py and succession.py."""

    PROFILE = "profile"
    LOOP = "loop"
    ROLLBACK = "rollback"
    EXPIRED = "expired"
    INNER = "inner"
    EXPIRY = "expiry"
    NOT_YET_VALID = "not-yet-valid"
    SUCCESSOR = "successor"
    HASH = "hash"
    PSID = "psid"
    HEADER = "header"
    SIGNER = "signer"
    GENERATION_TIME = "generation-time"
    SIGNATURE = "signature"
    DECODE = "decode"
    KIND = "kind"
    ROOT = "root"
    TOO_LONG = "too-long"
