"""What the components of an SCMS ask of each other (docs/scms-internal.md).

links/ implements it over mutual TLS; in one process the components themselves fit. All calls may be repeated.

Each raises LinkError for whatever is not an answer: no connection, no time left, a fault on the other side.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from v2xpki.authorities.scms.la import Wish
from v2xpki.authorities.scms.reasons import Refusal


def name_of_request(key: bytes, recipient: bytes) -> bytes:
    """What an RA finds a request to its ACA by, 8 octets: of the keys in it (SEC1 compressed; recipient empty
    where the answer is in plain). However often a certificate is asked for, in whatever SPDU, this is the
    same, as the certificate is."""
    return sha256(key + recipient).digest()[-8:]


class LinkageLink(Protocol):
    """An RA's way to a linkage authority."""

    @property
    def la_id(self) -> bytes:
        """2 octets."""
        ...

    def pre_linkage_values(self, wishes: Sequence[Wish]) -> list[list[bytes]]:
        """For each wish COER of an EncryptedIndividualPLV for each of its js. Raises RefusedWishes."""
        ...


class AcaLink(Protocol):
    """An RA's way to an ACA."""

    def certify(self, requests: Sequence[bytes]) -> list[bytes | Refusal]:
        """RaAcaCertRequest SPDUs in, AcaRaCertResponse SPDUs out."""
        ...


class EcaLink(Protocol):
    """An RA's way to an ECA."""

    def succeed(self, request: bytes) -> bytes:
        """A successor's request as the RA has opened it; the EcaEeCertResponse SPDU. Raises
        RefusedEnrolmentRequest."""
        ...


class SealedParts(NamedTuple):
    """What an ACA gives for a case: nothing in it is for the misbehaviour authority to read.

    Each is COER of Ieee1609Dot2Data, encrypted to the component that is to have it: the pre-linkage values to
    their linkage authorities, the name of the RA's request to the RA. la ids: 2 octets.
    """

    la_id1: bytes
    plv1: bytes
    la_id2: bytes
    plv2: bytes
    ra: bytes
    request_hash: bytes


class TracedChain(NamedTuple):
    """A pair of linkage chains of a vehicle: the lcis, each encrypted to its linkage authority; from which
    period on and up to which there are certificates, and how many a period."""

    lci1: bytes
    lci2: bytes
    first: int
    last: int
    certificates: int


class TracedParts(NamedTuple):
    """What an RA gives for a case: the certificate's j, the chains that it is of, and those of the other
    requests of its vehicle that have not ended. la ids: 2 octets, whose lci1 and lci2 are."""

    j: int
    la_id1: bytes
    la_id2: bytes
    chain: TracedChain
    others: tuple[TracedChain, ...]


class AcaCases(Protocol):
    """The misbehaviour authority's way to an ACA."""

    def parts_of(self, certificate: bytes, case: bytes) -> SealedParts | None:
        """None for a certificate with linkage that the ACA has not made. Recorded, and audited, before it is
        answered. Raises RefusedParts."""
        ...


class RaCases(Protocol):
    """Its way to an RA."""

    def trace(self, request_hash: bytes, i: int, case: bytes) -> TracedParts | None:
        """request_hash: name_of_request, as the ACA sealed it. The device is on the blocklist before this is
        answered. None for a certificate that was not asked for here. Raises RefusedParts."""
        ...

    def block(self, enrolment: bytes) -> None:
        """Put the device of an enrolment certificate (HashedId8) on the blocklist, also one that has not come
        here yet."""
        ...


class LaCases(Protocol):
    """Its way to a linkage authority."""

    def seed_at(self, plv: bytes, lci: bytes, i: int, j: int, i_rev: int, case: bytes) -> bytes:
        """ls(i_rev), 16 octets, of the chain of a value. plv, lci: as ACA and RA sealed them. Raises
        RefusedCase, RefusedParts."""
        ...

    def further_seed(self, lci: bytes, i_rev: int, case: bytes) -> bytes:
        """The same of another chain of the vehicle, on the RA's word, once the first of the case is proven.
        Raises RefusedCase, RefusedParts."""
        ...


class Publisher(Protocol):
    """The way to the distribution centre, of who signs what it hands out."""

    def publish(self, documents: Sequence[bytes]) -> None:
        """Documents as they were signed. Each is verified before it is handed out."""
        ...
