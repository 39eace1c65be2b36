"""What a receiver among devices of an SCMS believes.

    peers = Peers(chains)
    verified = verify_message(octets, peers, clock.time64(), replay=window)      trust/messages.py

Form, freshness, place and replay are judged as of every station's messages; here it is by whom a certificate
is issued, and whether a CRL names it, each time anew.
"""

from v2xpki.crypto import Certificate, PublicKey
from v2xpki.trust.scms_end_entities import ScmsChains
from v2xpki.wire import dot2

_PEERS = 4096  # a crossing holds some hundreds


class Peers:
    """The certificates of others, as they turned up. A `Tickets`. Not for several threads at once."""

    def __init__(self, chains: ScmsChains, most: int = _PEERS) -> None:
        self._chains, self._most = chains, most
        self._known: dict[bytes, tuple[Certificate, PublicKey]] = {}

    def go_by(self, chains: ScmsChains) -> None:
        """Judge by these from now on, also what is known already."""
        self._chains = chains

    def ticket(self, id8: bytes) -> Certificate | None:
        """One that was verified before."""
        found = self._known.get(id8)
        return None if found is None else found[0]

    def verify_ticket(self, ticket: Certificate, at: int) -> Certificate:
        """The certificate, in force at `at` (Time32) and not revoked, known by its digest from now on.

        Raises InvalidChain.
        """
        key = self._chains.end_entity(ticket, at)
        self._known.pop(ticket.hashed_id8, None)
        if len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[ticket.hashed_id8] = ticket, key
        return ticket

    def key_of(self, ticket: Certificate) -> PublicKey:
        """The key of a certificate that was verified."""
        return self._known[ticket.hashed_id8][1]

    def region_of(self, certificate: Certificate) -> dot2.GeographicRegion | None:
        """Where it holds."""
        return self._chains.region_of(certificate)
