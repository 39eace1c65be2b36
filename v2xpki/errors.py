"""The one error tree.

    V2xPkiError
    ├── DecodeError            octets that are not the canonical COER of the type
    ├── EncodeError            a record that has no encoding
    ├── CryptoError
    │   ├── InvalidPoint       not a point of its curve, or infinity
    │   ├── InvalidSignature   does not verify under the key
    │   ├── UnwrapFailed       ECIES: the key does not unwrap (tag t wrong)
    │   ├── DecryptionFailed   AES-CCM: the tag is wrong
    │   ├── UnsupportedAlgorithm   a curve, hash or cipher that the types name and this package has not
    │   └── ImplicitKey        an implicit certificate's key, which its issuer's key must give first
    ├── SecuredError
    │   ├── NotRecipient       no recipient info that an own key opens
    │   └── UnexpectedContent  another kind of SPDU than the flow asks for
    ├── TrustError
    │   ├── InvalidChain       a chain does not verify; `rule` says which
    │   ├── PermissionDenied   permissions beyond the issuer's or the profile's
    │   ├── InvalidMessage     a signed message is not acceptable; `rule` says which
    │   ├── InvalidList        a CTL, ECTL or CRL is not acceptable
    │   ├── InvalidCtl         a CTL that electors have signed is not; `rule` says why
    │   ├── InvalidCrl         a CRL of an SCMS is not; `rule` says why
    │   ├── Revoked            a certificate is on a CRL of an SCMS
    │   ├── InvalidLink        a link certificate does not lead from the old to the new; `rule` says why
    │   └── InvalidProvenance  an image's statement of provenance is not acceptable; `rule` says why
    ├── KeystoreError
    │   ├── KeyNotFound
    │   ├── KeyRefused         the key is there, but not for this use or this process
    │   └── TokenLost          the token or its session is gone
    ├── StoreError
    │   ├── RecordFailed       a row could not be written; nothing was signed
    │   └── AlreadyRecorded    a row with this key exists
    ├── AuditError             the audit record cannot be written, or is not intact
    ├── IssuanceError
    │   ├── LintFailed         the prepared certificate or list breaks a rule
    │   └── TokenSpent         a prepared token was used before, or voided
    ├── Refused                an authority says no; `reason` is one of its enumeration
    ├── OutOfService           an authority has no certificate in force: ended, or revoked
    ├── DiskFull               a file system, here or at a server, has no room; `place` says which file
    ├── LinkError              another service cannot be reached, or answers nonsense
    ├── StationError           the station's side of a flow failed
    ├── ConfigError            v2xpki.toml or a command's input is wrong
    └── CeremonyRefused        a ceremony file asks for what must not be done

Messages name the field and the rule. `hint` says what to do next, for people; neither ever holds a
secret. Wire codes and HTTP statuses are made of these in web/ alone.
"""

from collections.abc import Sequence
from enum import Enum


class V2xPkiError(Exception):
    """Base of all errors of this package."""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def diagnostics(self) -> str:
        """The message and, where there is one, what to do next."""
        return f"{self}\n{self.hint}" if self.hint else str(self)


class DecodeError(V2xPkiError):
    """Octets that are not the one canonical COER form of the type; says where."""

    def __init__(self, message: str, *, where: Sequence[str] = (), offset: int | None = None) -> None:
        self.where, self.offset, self.reason = tuple(where), offset, message
        place = ".".join(self.where) + (f" at octet {offset}" if offset is not None else "")
        super().__init__(f"{place}: {message}" if place else message)


class EncodeError(V2xPkiError):
    """A record that has no encoding; says which field."""


class CryptoError(V2xPkiError):
    pass


class InvalidPoint(CryptoError):
    pass


class InvalidSignature(CryptoError):
    pass


class UnwrapFailed(CryptoError):
    pass


class DecryptionFailed(CryptoError):
    pass


class UnsupportedAlgorithm(CryptoError):
    pass


class ImplicitKey(CryptoError):
    pass


class SecuredError(V2xPkiError):
    pass


class NotRecipient(SecuredError):
    pass


class UnexpectedContent(SecuredError):
    pass


class TrustError(V2xPkiError):
    """Something is not trusted; `rule` is a short stable name of what it broke."""

    def __init__(self, message: str, *, rule: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.rule = rule


class InvalidChain(TrustError):
    pass


class PermissionDenied(TrustError):
    pass


class InvalidMessage(TrustError):
    @property
    def chain_rule(self) -> str:
        """Where `rule` is "certificate": the rule of the InvalidChain behind it; else empty."""
        cause = self.__cause__
        return cause.rule if isinstance(cause, InvalidChain) else ""


class InvalidList(TrustError):
    pass


class InvalidCtl(TrustError):
    pass


class InvalidCrl(TrustError):
    pass


class Revoked(TrustError):
    pass


class InvalidLink(TrustError):
    pass


class InvalidProvenance(TrustError):
    pass


class KeystoreError(V2xPkiError):
    pass


class KeyNotFound(KeystoreError):
    pass


class KeyRefused(KeystoreError):
    pass


class TokenLost(KeystoreError):
    pass


class StoreError(V2xPkiError):
    pass


class RecordFailed(StoreError):
    pass


class AlreadyRecorded(StoreError):
    pass


class AuditError(V2xPkiError):
    pass


class IssuanceError(V2xPkiError):
    pass


class LintFailed(IssuanceError):
    pass


class TokenSpent(IssuanceError):
    pass


class Refused(V2xPkiError):
    """An authority says no. `reason` is a member of the authority's own enumeration."""

    def __init__(self, reason: Enum, message: str = "") -> None:
        super().__init__(message or str(reason.value))
        self.reason = reason


class OutOfService(V2xPkiError):
    pass


class DiskFull(V2xPkiError):
    """place: the file, or the URL of the server that has no room for it."""

    def __init__(self, message: str, *, place: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.place = place


class LinkError(V2xPkiError):
    pass


class StationError(V2xPkiError):
    pass


class ConfigError(V2xPkiError):
    pass


class CeremonyRefused(V2xPkiError):
    pass
