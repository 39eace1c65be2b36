"""A verifier to build into a station: one object that knows whom to trust and what it has seen.

verifier = Verifier([root], authorities=[aa])
verifier.apply_crl(octets)
try:
    verified = verifier.verify_message(octets, at_place=(48.14, 11.58))
except InvalidMessage as error:
    drop(error.rule)

For several threads at once. Everything that it remembers is bounded. docs/verifier.md tells the rest.
"""

from collections.abc import Iterable, Sequence
from threading import RLock
from typing import Self

from v2xpki.crypto import Certificate
from v2xpki.errors import (
    CryptoError,
    DecodeError,
    InvalidChain,
    InvalidList,
    InvalidMessage,
    UnexpectedContent,
)
from v2xpki.secured import SignedMessage
from v2xpki.time import MICROSECONDS, Clock, SystemClock
from v2xpki.trust.chain import Place, TrustStore, verify_chain
from v2xpki.trust.lists import AaEntry, EaEntry, SignedList
from v2xpki.trust.messages import CAM, ReplayWindow, VerifiedMessage, Window, verify_message
from v2xpki.trust.reasons import ChainRule, MessageRule

_DEGREE = 10_000_000
_LEARNED = 64  # CA certificates from peers
_WANTED = 64
_ASKED = 8  # entries of one inlineP2pcdRequest
_WANTED_FOR = 5 * MICROSECONDS


class Verifier:
    """Verifies certificates and messages under trusted roots."""

    def __init__(
        self,
        roots: Iterable[Certificate],
        *,
        authorities: Iterable[Certificate] = (),
        clock: Clock | None = None,
        window: Window | None = None,
        tickets: int = 4096,
        replay: int = 100_000,
    ) -> None:
        """roots: trusted as they are. authorities: their CA certificates, each verified.

        window: freshness of messages, else 2 s for CAMs and 10 min for others. tickets, replay: how many
        tickets and messages are remembered. Raises InvalidChain.
        """
        self._clock: Clock = clock or SystemClock()
        self._lock = RLock()
        self._roots = {root.hashed_id8: root for root in roots}
        self._trust = TrustStore(self._roots.values(), tickets=tickets)
        self._below = {id8: id8 for id8 in self._roots}  # HashedId8 of a CA -> of its root
        self._revoked: dict[bytes, frozenset[bytes]] = {}  # root -> its CRL
        self._crl_times: dict[bytes, int] = {}
        self._learned: dict[bytes, Certificate] = {}
        self._wanted: dict[bytes, int] = {}  # HashedId3 -> when it was missed
        self._window, self._replay = window, ReplayWindow(replay)
        for authority in authorities:
            self.add_authority(authority)

    @classmethod
    def of_lists(
        cls, roots: Iterable[Certificate], lists: Iterable[bytes], *, clock: Clock | None = None
    ) -> Self:
        """With the authorities of these CTLs and the revocations of these CRLs. Raises as apply_ctl."""
        verifier = cls(roots, clock=clock)
        parsed = [SignedList.parse(octets) for octets in lists]
        for wanted in ("ctl", "crl"):
            for one in parsed:
                if one.kind == wanted:
                    verifier._apply(one)
        return verifier

    # --- whom to trust ---------------------------------------------------------------------

    def add_authority(self, certificate: Certificate) -> None:
        """Know a CA certificate under a known one. Raises InvalidChain."""
        with self._lock:
            self._trust.add(certificate, self._clock.time32())
            above = self._below.get(certificate.issuer_id8 or b"")
            if above is not None:
                self._below[certificate.hashed_id8] = above
            self._heed()

    def apply_ctl(self, octets: bytes) -> None:
        """Know the authorities of a root's CTL. Raises InvalidList, InvalidChain, DecodeError.

        An authority of the list that does not verify is left out.
        """
        self._apply(SignedList.parse(octets), "ctl")

    def apply_crl(self, octets: bytes) -> None:
        """Heed a root's CRL from now on. Raises InvalidList: not in force, older than the one there is."""
        self._apply(SignedList.parse(octets), "crl")

    def _apply(self, signed: SignedList, wanted: str | None = None) -> None:
        if wanted is not None and signed.kind != wanted:
            raise InvalidList(f"a {signed.kind.upper()} where a {wanted.upper()} belongs", rule="kind")
        with self._lock:
            root = self._roots.get(signed.signer_id8 or b"")
            if root is None:
                raise InvalidList("signed by none of the trusted roots", rule="signer")
            signed.verify(root, self._clock.time32())
            if signed.kind == "crl":
                self._revoke(root, signed)
                return
            for entry in signed.entries:
                if isinstance(entry, EaEntry | AaEntry):
                    try:
                        self.add_authority(entry.certificate)
                    except InvalidChain:
                        continue

    def _revoke(self, root: Certificate, signed: SignedList) -> None:
        own = root.hashed_id8
        if signed.this_update < self._crl_times.get(own, 0):
            raise InvalidList("older than the CRL that is in force here", rule="schedule")
        self._crl_times[own], self._revoked[own] = signed.this_update, signed.revoked
        self._heed()

    def _heed(self) -> None:
        # a root revokes what is below it, and nothing below another root
        self._trust.revoked = frozenset(
            id8 for by, entries in self._revoked.items() for id8 in entries if self._below.get(id8, by) == by
        )

    # --- verdicts --------------------------------------------------------------------------

    def verify_chain(
        self,
        chain: Sequence[Certificate],
        at_time: int | None = None,
        at_place: tuple[float, float] | None = None,
    ) -> None:
        """Raise InvalidChain unless the chain, end entity first, leads to a trusted root.

        at_time: TAI seconds, now by default. at_place: latitude and longitude in degrees. CA certificates
        that are known need not be in the chain.
        """
        at = self._clock.time32() if at_time is None else at_time
        path = list(chain)
        if not path:
            raise InvalidChain("an empty chain", rule=ChainRule.CHAIN)
        with self._lock:
            revoked = self._trust.revoked
            while not path[-1].is_self_signed:
                above = self._trust.issuer(path[-1].issuer_id8 or b"")
                if above is None or above in path:
                    raise InvalidChain(f"issuer of {path[-1].hex8} is not there", rule=ChainRule.CHAIN)
                path.append(above)
            anchor = self._roots.get(path[-1].hashed_id8)
        if anchor is None or anchor != path[-1]:
            raise InvalidChain(f"{path[-1].hex8} is no trusted root", rule=ChainRule.ANCHOR)
        verify_chain(path, anchor, at, crl=revoked, place=_place(at_place))

    def verify_message(
        self,
        data: bytes,
        at_time: int | None = None,
        at_place: tuple[float, float] | None = None,
    ) -> VerifiedMessage:
        """The message of these octets, verified and not seen before. Raises InvalidMessage alone.

        at_time: TAI microseconds, now by default. at_place: where the receiver is, degrees; a sender that
        says nothing of its own place must be allowed there. `rule` is one of MessageRule; of
        "certificate" `chain_rule` is one of ChainRule.
        """
        at = self._clock.time64() if at_time is None else at_time
        try:
            message = SignedMessage.parse(data)
        except DecodeError as error:
            raise InvalidMessage(str(error), rule=MessageRule.DECODE) from error
        except UnexpectedContent as error:
            raise InvalidMessage(str(error), rule=MessageRule.CONTENT) from error
        with self._lock:
            if message.header.psid == CAM:
                self._hear(message, at)
            try:
                verified = verify_message(
                    message, self._trust, at, window=self._window, replay=self._replay, place=_place(at_place)
                )
            except InvalidMessage as error:
                self._miss(message, error, at)
                raise
            except DecodeError as error:  # a certificate inside
                raise InvalidMessage(str(error), rule=MessageRule.CERTIFICATE) from error
            self._wanted.pop(verified.ticket.hashed_id3, None)
            return verified

    # --- learning from peers (IEEE 1609.2 8.2, TS 103 097 7.1.1) ---------------------------------

    def learn(self, ticket: Certificate) -> None:
        """Know a ticket by its digest that came another way than in a message. Raises InvalidChain."""
        with self._lock:
            self._trust.verify_ticket(ticket, self._clock.time32())
            self._wanted.pop(ticket.hashed_id3, None)

    def requests(self) -> tuple[bytes, ...]:
        """HashedId3 of tickets and AAs that were missed lately: what the next CAM's inlineP2pcdRequest
        should ask for; at most eight."""
        now = self._clock.time64()
        with self._lock:
            self._wanted = {id3: at for id3, at in self._wanted.items() if abs(now - at) < _WANTED_FOR}
            return tuple(self._wanted)[-_ASKED:]

    def authority(self, id3: bytes) -> Certificate | None:
        """A CA certificate that a peer asks for by its HashedId3, to be sent as requestedCertificate."""
        with self._lock:
            for id8 in self._below:
                found = self._trust.issuer(id8) if id8[-3:] == id3 else None
                if found is not None and not found.is_self_signed:
                    return found
        return None

    def _hear(self, message: SignedMessage, at: int) -> None:
        """Learn the AA that a CAM carries; it stands or falls by itself, whatever the CAM is worth."""
        record = message.header.requested_certificate
        if record is None or len(self._learned) >= _LEARNED:
            return
        try:
            certificate = Certificate.of(record)
            if self._trust.issuer(certificate.hashed_id8) is not None:
                return
            self._trust.add(certificate, at // MICROSECONDS)
        except (InvalidChain, CryptoError, DecodeError):
            return
        self._learned[certificate.hashed_id8] = certificate
        self._below[certificate.hashed_id8] = self._below.get(certificate.issuer_id8 or b"", b"")
        self._wanted.pop(certificate.hashed_id3, None)
        self._heed()

    def _miss(self, message: SignedMessage, error: InvalidMessage, at: int) -> None:
        if error.rule == MessageRule.UNKNOWN_SIGNER:
            missed = message.signer_digest
        elif error.chain_rule == ChainRule.CHAIN and message.signer_certificates:
            missed = message.signer_certificates[0].issuer_id8
        else:
            return
        if missed is not None:
            if len(self._wanted) >= _WANTED:
                del self._wanted[next(iter(self._wanted))]
            self._wanted[missed[-3:]] = at


def _place(degrees: tuple[float, float] | None) -> Place | None:
    if degrees is None:
        return None
    return round(degrees[0] * _DEGREE), round(degrees[1] * _DEGREE)
