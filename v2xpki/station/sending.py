"""When a station shows its certificate and what it asks others for (TS 103 097 7.1.1, IEEE 1609.2 8.2).

A CAM names its signer by digest; by the certificate when a second has passed since it last did, when
the ticket has changed, after a message of an unknown ticket, and when a peer asks. Peers are asked for
unknown tickets and AAs by inlineP2pcdRequest; an AA that was asked for goes out in requestedCertificate.
"""

from dataclasses import dataclass, field

from v2xpki.crypto import Certificate
from v2xpki.secured import Identifier
from v2xpki.time import MICROSECONDS
from v2xpki.wire import dot2

_MOST_WANTED = 8  # entries of one inlineP2pcdRequest
_MOST_REMEMBERED = 64
_WANTED_FOR = 5 * MICROSECONDS  # after this the ticket that was wanted is gone, or asked for anew
INTERVAL = MICROSECONDS


@dataclass
class Learning:
    """One station's state between its CAMs. Times are TAI microseconds."""

    shown: dict[int, tuple[bytes, int]] = field(default_factory=dict)  # psid -> ticket, when shown last
    due: bool = False  # show the certificate in the next CAM
    wanted: dict[bytes, int] = field(default_factory=dict)  # HashedId3 -> when it turned up
    asked_for: Certificate | None = None  # an AA to send along

    def identifier(self, psid: int, ticket: Certificate, now: int) -> Identifier:
        """How the next message names its signer; the call counts as sending it."""
        shown = self.shown.get(psid)
        fresh = shown is not None and shown[0] == ticket.hashed_id8 and 0 <= now - shown[1] < INTERVAL
        if fresh and not self.due:
            return "digest"
        self.shown[psid] = ticket.hashed_id8, now
        self.due = False
        return "certificate"

    def requests(self, now: int) -> tuple[bytes, ...] | None:
        """HashedId3 for the inlineP2pcdRequest of the next CAM."""
        self.wanted = {id3: since for id3, since in self.wanted.items() if now - since < _WANTED_FOR}
        return tuple(self.wanted)[-_MOST_WANTED:] or None

    def certificate_to_send(self, identifier: Identifier) -> dot2.Certificate | None:
        """An AA's certificate for requestedCertificate; it waits for a CAM that carries no other."""
        if self.asked_for is None or identifier == "certificate":
            return None
        certificate, self.asked_for = self.asked_for, None
        return certificate.record

    def unknown(self, id8: bytes, now: int, *, ticket: bool) -> None:
        """A message of an unknown ticket (or one under an unknown AA) was received."""
        if len(self.wanted) >= _MOST_REMEMBERED:
            del self.wanted[next(iter(self.wanted))]
        self.wanted[id8[-3:]] = now
        self.due = self.due or ticket  # it will not know us either

    def learned(self, certificate: Certificate) -> None:
        self.wanted.pop(certificate.hashed_id3, None)

    def peer_asks(
        self, requests: tuple[bytes, ...], own: Certificate | None, authorities: dict[bytes, Certificate]
    ) -> None:
        """A peer's inlineP2pcdRequest: for the own ticket, or for an AA that is known here."""
        for id3 in requests:
            if own is not None and id3 == own.hashed_id3:
                self.due = True
            elif id3 in authorities:
                self.asked_for = authorities[id3]

    def peer_answers(self, certificate: Certificate) -> None:
        """A peer sent what we were about to send."""
        if self.asked_for is not None and self.asked_for == certificate:
            self.asked_for = None
