"""What a station takes from its peers' messages: what they say, and the tickets and AAs that they show or ask
for (TS 103 097 7.1.1, IEEE 1609.2 8.2). What it says itself goes by what it has learned (sending.py)."""

from collections.abc import Callable

from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidChain, InvalidMessage
from v2xpki.secured import SignedMessage
from v2xpki.station.pki import Pki
from v2xpki.station.sending import Learning
from v2xpki.time import MICROSECONDS
from v2xpki.trust.messages import CAM, ReplayWindow, VerifiedMessage, verify_message

_AUTHORITIES_LEARNED = 64
_UNKNOWN_ISSUER = "chain"


class Hearing:
    """Of one station. pki: what it trusts now; it raises Untrusted, and is asked where that is needed."""

    def __init__(self, pki: Callable[[], Pki]) -> None:
        self._pki = pki
        self.learning = Learning()
        self.authorities: dict[bytes, Certificate] = {}  # by HashedId3: who may be asked for
        self._replay = ReplayWindow()

    def receive(
        self, octets: bytes, now: int, own: Certificate | None, place: tuple[int, int] | None
    ) -> VerifiedMessage:
        """As Station.receive. now: TAI microseconds; own: the ticket in use."""
        message = SignedMessage.parse(octets)
        if message.header.psid == CAM:
            self._hear(message, now, own)
        try:
            verified = verify_message(message, self._pki().trust, now, replay=self._replay, place=place)
        except InvalidMessage as error:
            self._miss(message, error, now)
            raise
        self.learning.learned(verified.ticket)
        return verified

    def learn(self, ticket: Certificate, now: int) -> None:
        """Know a ticket that came another way than in a message. now: TAI seconds. Raises InvalidChain."""
        self._pki().trust.verify_ticket(ticket, now)
        self.learning.learned(ticket)

    def _hear(self, message: SignedMessage, now: int, own: Certificate | None) -> None:
        """What a CAM asks and tells of certificates; it counts before the CAM itself can be verified,
        for its ticket may be just what has to be learned first."""
        header = message.header
        if header.inline_p2pcd_request:
            self.learning.peer_asks(tuple(header.inline_p2pcd_request), own, self.authorities)
        if header.requested_certificate is None:
            return
        try:
            certificate = Certificate.of(header.requested_certificate)
            self.learning.peer_answers(certificate)
            known = self.authorities.get(certificate.hashed_id3)
            pki = self._pki()
            if known is not None or len(self.authorities) >= len(pki.authorities) + _AUTHORITIES_LEARNED:
                return
            pki.trust.add(certificate, now // MICROSECONDS)
        except (InvalidChain, CryptoError, DecodeError):
            return  # it stands or falls by itself; the message may be good all the same
        self.authorities[certificate.hashed_id3] = certificate
        self.learning.learned(certificate)

    def _miss(self, message: SignedMessage, error: InvalidMessage, now: int) -> None:
        """Ask for what a message could not be verified without."""
        if error.rule == "unknown-signer" and message.signer_digest is not None:
            self.learning.unknown(message.signer_digest, now, ticket=True)
            return
        cause = error.__cause__
        if isinstance(cause, InvalidChain) and cause.rule == _UNKNOWN_ISSUER and message.signer_certificates:
            issuer = message.signer_certificates[0].issuer_id8
            if issuer is not None:
                self.learning.unknown(issuer, now, ticket=False)
