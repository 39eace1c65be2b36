"""What goes through a misbehaviour authority's hands without being read there: parts of a case, sealed.

    sealed = seal(Part.PLV, case, plv, la_certificate)
    plv = open_part(Part.PLV, case, sealed, keys)

Each is encrypted to the component that is to have it, and bound to its case and its kind: what was given for
one case opens in no other, so that the limits of who gives it hold for all that is done with it.
"""

import hmac
from collections.abc import Iterable, Mapping
from enum import Enum
from hashlib import sha256
from typing import Protocol

from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, Refused, SecuredError
from v2xpki.secured import RecipientKey, decrypt, encrypt
from v2xpki.trust.scms_profiles import role_of
from v2xpki.wire import scms

CASE_OCTETS = range(8, 65)
_BOUND = 16


class Part(Enum):
    """What is sealed."""

    PLV = b"\1"
    REQUEST_HASH = b"\2"
    LCI = b"\3"


class PartReason(Enum):
    """Why a component does not do its part of a case."""

    BAD_CASE = "a case id is 8 to 64 octets"
    BAD_CERTIFICATE = "not a certificate"
    BAD_PART = "a part that does not open, or was sealed for another case"
    OTHER_CERTIFICATE = "the case is recorded for another certificate"
    TOO_MANY = "more cases than the policy has for a day"
    NO_RECIPIENT = "a component that the part is for is not known"


class RefusedParts(Refused):
    """Nothing of a case was told. `reason` is a PartReason."""


class LaDirectory(Protocol):
    """The linkage authorities: proven by chain and CRL by whoever fills it."""

    def la(self, la_id: bytes) -> Certificate | None:
        """The certificate of a linkage authority (2 octets); None for one that is unknown or revoked."""
        ...


class KnownLas:
    """A fixed set of linkage authorities, by the la ids in their certificates."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self._known = {la_id_of(certificate): certificate for certificate in certificates}

    def la(self, la_id: bytes) -> Certificate | None:
        return self._known.get(la_id)


def la_id_of(certificate: Certificate) -> bytes:
    """The la id (2 octets) in a linkage authority's certificate; empty where it is none."""
    role = role_of(certificate)
    value = None if role is None else role.value
    return value.la_id.to_bytes(2, "big") if isinstance(value, scms.LaSsp) else b""


def check_case(case: bytes) -> None:
    """Raises RefusedParts for what is no case id."""
    if len(case) not in CASE_OCTETS:
        raise RefusedParts(PartReason.BAD_CASE)


def seal(part: Part, case: bytes, content: bytes, recipient: Certificate | None) -> bytes:
    """COER of an encrypted Ieee1609Dot2Data. Raises RefusedParts where there is no recipient, SecuredError
    for one without an encryption key."""
    if recipient is None:
        raise RefusedParts(PartReason.NO_RECIPIENT)
    return encrypt(_bound(part, case) + content, [recipient]).octets


def open_part(part: Part, case: bytes, sealed: bytes, keys: Mapping[bytes, RecipientKey]) -> bytes:
    """What was sealed. keys: own ones by the HashedId8 of their certificates. Raises RefusedParts,
    KeystoreError."""
    check_case(case)
    try:
        plain = decrypt(sealed, keys).plain
    except (DecodeError, SecuredError, CryptoError) as error:
        raise RefusedParts(PartReason.BAD_PART) from error
    if not hmac.compare_digest(plain[:_BOUND], _bound(part, case)):
        raise RefusedParts(PartReason.BAD_PART)
    return plain[_BOUND:]


def _bound(part: Part, case: bytes) -> bytes:
    return sha256(part.value + case).digest()[:_BOUND]
