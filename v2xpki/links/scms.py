"""What authorities/scms/peers.py asks of the other components, over mutual TLS.

    peers = ScmsPeers(files, {"la1": "unix:run/la1.sock", "aca": "https://aca.example:8443", ...}, timeout=20)
    peers.linkage("la1", la_id).pre_linkage_values(wishes)
    peers.aca().certify(requests)

A refusal comes back as the exception that the other side raised. Whatever else is not an answer is LinkError.
All objects are for all threads of a process; what they are made with is checked at once.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from v2xpki.authorities.scms.la import Wish
from v2xpki.authorities.scms.la_reasons import RefusedWishes
from v2xpki.authorities.scms.peers import SealedParts, TracedParts
from v2xpki.authorities.scms.reasons import Refusal
from v2xpki.errors import ConfigError, DecodeError, LinkError
from v2xpki.issuance.chunks import MOST
from v2xpki.links import scms_frames as frames
from v2xpki.links.kept import KeptConnections
from v2xpki.links.mutual_tls import TlsIdentity, client_context, tls_connector

Q = TypeVar("Q")
A = TypeVar("A")


class Peer:
    """Another component: its name, and the connections to it that are kept."""

    def __init__(self, name: str, connections: KeptConnections) -> None:
        self.name, self._connections = name, connections

    def ask(self, call: frames.Call[Q, A], asked: Q) -> A:
        """Raises what the call may be refused by, and LinkError; EncodeError for what has no frame."""
        named = f"{self.name}{call.path}"
        status, kind, octets = self._connections.post(
            call.path, call.asked.encode(asked), frames.MEDIA_TYPE, call.answer_limit, named=named
        )
        if kind != frames.MEDIA_TYPE or status not in (200, frames.REFUSED):
            raise LinkError(f"{named}: HTTP {status}, type {kind[:60]!r}")
        try:
            if status == 200:
                return call.answered.decode(octets)
            refused = call.refused.decode(octets)
        except DecodeError as error:
            raise LinkError(f"{named}: {error}") from error
        raise refused

    def close(self) -> None:
        self._connections.close()


class HttpLinkageLink:
    """A LinkageLink."""

    def __init__(self, peer: Peer, la_id: bytes) -> None:
        self._peer, self.la_id = peer, la_id

    def pre_linkage_values(self, wishes: Sequence[Wish]) -> list[list[bytes]]:
        try:
            return [list(values) for values in self._peer.ask(frames.PRE_LINKAGE_VALUES, wishes)]
        except RefusedWishes as refused:
            if any(place >= len(wishes) for place, _ in refused.wishes):
                raise LinkError(f"{self._peer.name}: a refusal of a wish that was not made") from refused
            raise


class HttpAcaLink:
    """An AcaLink."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def certify(self, requests: Sequence[bytes]) -> list[bytes | Refusal]:
        answers: list[bytes | Refusal] = []
        for start in range(0, len(requests), MOST):
            some: Sequence[bytes | Refusal] = self._peer.ask(frames.CERTIFY, requests[start : start + MOST])
            answers += some
        return answers


class HttpEcaLink:
    """An EcaLink."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def succeed(self, request: bytes) -> bytes:
        return self._peer.ask(frames.SUCCEED, request)


class HttpAcaCases:
    """An AcaCases."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def parts_of(self, certificate: bytes, case: bytes) -> SealedParts | None:
        return self._peer.ask(frames.PARTS_OF, (certificate, case))


class HttpRaCases:
    """An RaCases."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def trace(self, request_hash: bytes, i: int, case: bytes) -> TracedParts | None:
        return self._peer.ask(frames.TRACE, (request_hash, i, case))

    def block(self, enrolment: bytes) -> None:
        self._peer.ask(frames.BLOCK, enrolment)


class HttpLaCases:
    """An LaCases."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def seed_at(self, plv: bytes, lci: bytes, i: int, j: int, i_rev: int, case: bytes) -> bytes:
        return self._peer.ask(frames.SEED_AT, (plv, lci, i, j, i_rev, case))

    def further_seed(self, lci: bytes, i_rev: int, case: bytes) -> bytes:
        return self._peer.ask(frames.FURTHER_SEED, (lci, i_rev, case))


class HttpPublisher:
    """A Publisher. LinkError, too, for documents that the distribution centre does not hand out."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def publish(self, documents: Sequence[bytes]) -> None:
        self._peer.ask(frames.PUBLISH, documents)


class ScmsPeers:
    """One component's ways to the others. addresses: by domain name, `unix:PATH` or `https://HOST:PORT`.
    timeout: seconds of a whole call. Raises ConfigError."""

    def __init__(self, files: TlsIdentity, addresses: Mapping[str, str], *, timeout: float) -> None:
        context = client_context(files)
        self._peers = {
            name: Peer(name, KeptConnections(tls_connector(address, name, context), timeout))
            for name, address in addresses.items()
        }

    def linkage(self, name: str, la_id: bytes) -> HttpLinkageLink:
        """name: la1 or la2; la_id: 2 octets, from its certificate."""
        return HttpLinkageLink(self._peer(name), la_id)

    def aca(self, name: str = "aca") -> HttpAcaLink:
        return HttpAcaLink(self._peer(name))

    def eca(self, name: str = "eca") -> HttpEcaLink:
        return HttpEcaLink(self._peer(name))

    def aca_cases(self, name: str = "aca") -> HttpAcaCases:
        return HttpAcaCases(self._peer(name))

    def ra_cases(self, name: str = "ra") -> HttpRaCases:
        return HttpRaCases(self._peer(name))

    def la_cases(self, name: str) -> HttpLaCases:
        return HttpLaCases(self._peer(name))

    def publisher(self, name: str = "sdc") -> HttpPublisher:
        return HttpPublisher(self._peer(name))

    def close(self) -> None:
        """Closes the connections that are idle."""
        for peer in self._peers.values():
            peer.close()

    def _peer(self, name: str) -> Peer:
        peer = self._peers.get(name)
        if peer is None:
            raise ConfigError(f"there is no address of {name}")
        return peer
