"""What goes wrong on the station's side of a flow.

StationError
├── Unreachable     no HTTP answer, or another one than the protocol's
│   └── Refusal     an HTTP status that says no, where the protocol has no other way
├── Untrusted       a certificate or list that does not verify down from the TLM; `rule` says why
├── BadAnswer       an answer that breaks a rule of TS 102 941; `rule` is its name in this package
├── RequestRefused  a proper answer that says no; `code` is the wire's response code
├── UpdateRefused   an update of firmware is not taken; `reason` says why (ota/reasons.py)
├── NoCredential    no enrolment credential or ticket in force that fits
└── BadState        the state directory is not one, or is damaged
"""

from v2xpki.errors import StationError


class Unreachable(StationError):
    """No HTTP answer, or one with another status or content type than the protocol's."""

    def __init__(self, message: str, *, status: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Refusal(Unreachable):
    """An HTTP status of 400 and above, which is all that IEEE 1609.2.1 has for a no; always with `status`."""


class Untrusted(StationError):
    """A certificate or list that does not verify; `rule` is the chain's or list's, or this package's."""

    def __init__(self, message: str, *, rule: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.rule = rule


class BadAnswer(StationError):
    """An answer that breaks a rule.

    rule: decrypt, psk, nonce, signer, signature, header, generation-time, content, request-hash,
    certificate-iff-ok, key, chain, profile, permissions, validity or region.
    """

    def __init__(self, message: str, *, rule: str) -> None:
        super().__init__(message)
        self.rule = rule


class RequestRefused(StationError):
    """The authority says no; `code` as on the wire, e.g. "deniedpermissions"."""

    def __init__(self, code: str, who: str) -> None:
        super().__init__(f"{who} refuses: {code}")
        self.code = code


class BeyondProfile(StationError):
    """More than the station's profile allows: tickets in parallel, a place, a plain signature."""


class NoCredential(StationError):
    """There is no certificate in force for what is to be done."""


class BadState(StationError):
    """The state directory is not one, or is damaged."""
