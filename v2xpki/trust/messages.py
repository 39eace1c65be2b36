"""Messages between stations: is this CAM, DENM or other signed message acceptable (TS 103 097 7.1)?

InvalidMessage.rule is one of

    signer           a form of signer that the profile does not allow, or not exactly one certificate
    unknown-signer   a digest of a ticket not seen yet (ask for it: inlineP2pcdRequest)
    certificate      the ticket or its chain does not verify; the message has the chain's rule
    psid             the ticket does not hold the psid
    header           a header field that the profile does not allow, or a missing one
    payload          nothing inside, or the wrong thing
    generation-time  outside the ticket's validity, or after the expiryTime
    stale, future    outside the freshness window
    expired          past its own expiryTime
    region           generated outside the ticket's region
    replay           seen before
    signature        does not verify
"""

import hashlib
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from v2xpki.crypto import Certificate, PublicKey
from v2xpki.errors import CryptoError, InvalidChain, InvalidMessage
from v2xpki.secured import SignedMessage
from v2xpki.time import MICROSECONDS, iso_from_time32
from v2xpki.trust import regions
from v2xpki.trust.chain import Place
from v2xpki.wire import dot2

CAM, DENM, BSM = 36, 37, 32


class Tickets(Protocol):
    """How a receiver judges the certificates that messages are signed with. A TrustStore is one."""

    def ticket(self, id8: bytes) -> Certificate | None:
        """One that was verified before."""
        ...

    def verify_ticket(self, ticket: Certificate, at: int) -> Certificate:
        """The ticket, verified down to a root at `at` (Time32); known from now on. Raises InvalidChain."""
        ...

    def key_of(self, ticket: Certificate) -> PublicKey:
        """The key of a ticket that was verified."""
        ...

    def region_of(self, certificate: Certificate) -> dot2.GeographicRegion | None:
        """Where it holds; None for everywhere."""
        ...


@dataclass(frozen=True)
class Window:
    """How old a message may be, and how far a sender's clock may be ahead; microseconds."""

    past: int
    future: int = MICROSECONDS

    def __post_init__(self) -> None:
        if self.past < 1 or self.future < 0:
            raise ValueError(f"a window of {self.past} us past and {self.future} us ahead")


# A CAM or BSM tells where a station is now; other messages may be stored and forwarded.
WINDOWS = {psid: Window(2 * MICROSECONDS) for psid in (CAM, BSM)}
WINDOW = Window(600 * MICROSECONDS)


@dataclass(frozen=True)
class HeaderProfile:
    """Which header fields a message type may and must have, and how it names its signer."""

    signers: tuple[str, ...]
    required: frozenset[str]
    allowed: frozenset[str]


_ALWAYS = frozenset(("psid", "generation_time"))
_CAM = HeaderProfile(
    ("digest", "certificate"), _ALWAYS, _ALWAYS | {"inline_p2pcd_request", "requested_certificate"}
)
_DENM = HeaderProfile(("certificate",), _ALWAYS | {"generation_location"}, _ALWAYS | {"generation_location"})
_OTHER = HeaderProfile(
    ("digest", "certificate"),
    _ALWAYS,
    _ALWAYS
    | {
        "expiry_time",
        "generation_location",
        "encryption_key",
        "inline_p2pcd_request",
        "requested_certificate",
        "contributed_extensions",
    },
)
_PROFILES = {CAM: _CAM, DENM: _DENM}


class ReplayWindow:
    """Remembers accepted messages for as long as they would be fresh. Not for several threads at once.

    What is remembered is the signed content and its signer, not the signature: (r, n - s) verifies too.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._seen: dict[bytes, int] = {}
        self._order: deque[bytes] = deque()

    def __len__(self) -> int:
        return len(self._seen)

    def check(self, key: bytes, forget: int, now: int) -> None:
        """Raise InvalidMessage where `key` is known; else know it until `forget` (both microseconds)."""
        while self._order and (self._seen[self._order[0]] <= now or len(self._order) >= self._capacity):
            del self._seen[self._order.popleft()]
        if self._seen.get(key, now) > now:
            raise InvalidMessage("the message was received before", rule="replay")
        if key not in self._seen:
            self._order.append(key)
        self._seen[key] = forget


@dataclass(frozen=True)
class VerifiedMessage:
    """What an application may believe. generation_time: TAI microseconds."""

    psid: int
    generation_time: int
    payload: bytes | None  # None where what is signed travels outside (extDataHash)
    ticket: Certificate
    message: SignedMessage


def verify_message(
    message: bytes | SignedMessage,
    trust: Tickets,
    at: int | None,
    *,
    window: Window | None = None,
    replay: ReplayWindow | None = None,
    place: Place | None = None,
) -> VerifiedMessage:
    """The message, verified down to a trusted root. Raises InvalidMessage, DecodeError, UnexpectedContent.

    at: TAI microseconds; None judges it as of its own generationTime, for records of the past. window:
    freshness, by default 2 s for CAMs and 10 min else. place: where the receiver is; a sender that says
    nothing of its own place must be allowed there.
    """
    if not isinstance(message, SignedMessage):
        message = SignedMessage.parse(message)
    header = message.header
    payload = check_form(message)
    generated = header.generation_time
    assert generated is not None
    limits = window or WINDOWS.get(header.psid, WINDOW)
    if at is not None:
        _check_fresh(header, generated, at, limits)
    ticket = _ticket(message, trust, generated // MICROSECONDS)
    if header.psid not in ticket.app_permissions:
        raise InvalidMessage(f"ticket {ticket.hex8} does not hold psid {header.psid}", rule="psid")
    _check_place(header, ticket, trust, place)
    try:
        message.verify(trust.key_of(ticket), ticket)
    except CryptoError as error:
        raise InvalidMessage(str(error), rule="signature") from error
    if replay is not None:
        now = generated if at is None else at
        key = hashlib.sha256(message.tbs_octets + ticket.hashed_id8).digest()
        replay.check(key, generated + limits.past + 1, now)
    return VerifiedMessage(header.psid, generated, payload, ticket, message)


def check_form(message: SignedMessage) -> bytes | None:
    """The payload of a message whose header, signer's form and payload are as its profile says.

    Needs no trust and no clock. Raises InvalidMessage. None: what is signed travels outside.
    """
    profile = profile_of(message.header.psid)
    _check_header(message.header, profile)
    if message.signer.kind not in profile.signers:
        raise InvalidMessage(f"signer {message.signer.kind} for psid {message.header.psid}", rule="signer")
    return _payload(message, required=profile is not _OTHER)


def profile_of(psid: int) -> "HeaderProfile":
    """The header profile of messages of a psid (TS 103 097 7.1.1 to 7.1.3)."""
    return _PROFILES.get(psid, _OTHER)


def header_fields(header: dot2.HeaderInfo) -> frozenset[str]:
    """The names of the fields that are there."""
    return frozenset(f for f, value in zip(header._fields, header, strict=True) if value is not None)


def is_known_place(location: dot2.ThreeDLocation) -> bool:
    """Whether latitude and longitude are of a place; one more than the range is for unknown."""
    return (
        -900_000_000 <= location.latitude <= 900_000_000
        and -1_800_000_000 < location.longitude <= 1_800_000_000
    )


def _check_header(header: dot2.HeaderInfo, profile: HeaderProfile) -> None:
    present = header_fields(header)
    if missing := sorted(profile.required - present):
        raise InvalidMessage(f"header without {', '.join(missing)}", rule="header")
    if extra := sorted(present - profile.allowed):
        raise InvalidMessage(f"header with {', '.join(extra)}", rule="header")
    assert header.generation_time is not None
    if header.expiry_time is not None and header.expiry_time <= header.generation_time:
        raise InvalidMessage("expiryTime is not after generationTime", rule="generation-time")


def _payload(message: SignedMessage, *, required: bool) -> bytes | None:
    inside = message.signed.tbs_data.payload
    if inside.data is None:
        if required or inside.ext_data_hash is None:
            raise InvalidMessage("no payload inside", rule="payload")
        return None
    content = inside.data.content
    if content.kind != "unsecuredData" or not isinstance(content.value, bytes):
        raise InvalidMessage(f"payload is {content.kind}", rule="payload")
    return content.value


def _check_fresh(header: dot2.HeaderInfo, generated: int, at: int, limits: Window) -> None:
    age = at - generated
    if age > limits.past:
        raise InvalidMessage(f"generated {age / MICROSECONDS:.3f} s ago", rule="stale")
    if -age > limits.future:
        raise InvalidMessage(f"generated {-age / MICROSECONDS:.3f} s from now", rule="future")
    if header.expiry_time is not None and at >= header.expiry_time:
        raise InvalidMessage("past its expiryTime", rule="expired")


def _ticket(message: SignedMessage, trust: Tickets, at: int) -> Certificate:
    """The signer's ticket, verified at the second of generation."""
    if message.signer.kind == "certificate":
        try:
            certificates = message.signer_certificates
        except CryptoError as error:  # its keys or its r are no points of their curve
            raise InvalidMessage(f"signer's certificate: {error}", rule="certificate") from error
        if len(certificates) != 1:
            raise InvalidMessage(f"{len(certificates)} signer certificates", rule="signer")
        named = certificates[0]
    else:
        known = trust.ticket(message.signer_digest or b"")
        if known is None:
            raise InvalidMessage(
                f"ticket {(message.signer_digest or b'').hex().upper()} is not known", rule="unknown-signer"
            )
        named = known
    try:
        return trust.verify_ticket(named, at)
    except InvalidChain as error:
        if error.rule in ("not-yet-valid", "expired"):
            raise InvalidMessage(
                f"generated {iso_from_time32(at)}: {error}", rule="generation-time"
            ) from error
        raise InvalidMessage(f"{error.rule}: {error}", rule="certificate") from error


def _check_place(
    header: dot2.HeaderInfo, ticket: Certificate, trust: Tickets, place: Place | None
) -> None:
    location = header.generation_location
    if location is not None:
        place = location.latitude, location.longitude
        if not is_known_place(location):
            raise InvalidMessage("generationLocation is unknown", rule="header")
    if place is not None and not regions.point_in_region(trust.region_of(ticket), *place):
        raise InvalidMessage(f"outside the region of ticket {ticket.hex8}", rule="region")


def verify_pki_message(message: SignedMessage, signer: Certificate) -> None:
    """Raise InvalidMessage unless `signer` (whose chain the caller verified) signed this request or response.

    TS 102 941: psid 623 and generationTime alone in the header, generated while the signer is valid.
    """
    header = message.header
    present = header_fields(header)
    if present != _ALWAYS:
        raise InvalidMessage(f"header with {', '.join(sorted(present))}", rule="header")
    if header.psid not in signer.app_permissions:
        raise InvalidMessage(f"{signer.hex8} does not hold psid {header.psid}", rule="psid")
    generated = (header.generation_time or 0) // MICROSECONDS
    if not signer.start <= generated < signer.end:
        raise InvalidMessage(f"generated {iso_from_time32(generated)}, outside its signer's validity",
                             rule="generation-time")  # fmt: skip
    try:
        message.verify(signer.verification_key, signer)
    except CryptoError as error:
        raise InvalidMessage(str(error), rule="signature") from error
