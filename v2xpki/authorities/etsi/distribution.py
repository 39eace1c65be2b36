"""Distribution centre and CPOC: what root and TLM signed, handed out as it is.

Nothing is signed here. A publication has a time from which it holds; a run of lists that a ceremony
signed ahead becomes visible list by list, each when it is due. (TS 102 941 6.3.1-6.3.4.)
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidList, InvalidSignature
from v2xpki.secured import SignedMessage
from v2xpki.store import Database
from v2xpki.store.dc import DcStore, Kind, Publication
from v2xpki.time import MICROSECONDS, Clock
from v2xpki.wire import etsi

#: Seconds that a client may keep a document without asking again.
MAX_AGE = 3600
_LISTS = {
    "certificateTrustListRca": Kind.CTL,
    "certificateTrustListTlm": Kind.ECTL,
    "certificateRevocationList": Kind.CRL,
}


class Document(NamedTuple):
    """Octets to hand out. `max_age` in seconds, no longer than until a successor is due."""

    octets: bytes
    etag: str
    max_age: int


class Freshness(NamedTuple):
    """How long the present list of an issuer holds. Times in TAI seconds."""

    kind: Kind
    issuer: bytes
    sequence: int
    next_update: int
    #: Lists that are recorded and not yet due.
    ahead: int


@dataclass(frozen=True)
class _Kept:
    revision: int
    until: int
    document: Document | None


class Distribution:
    """Answers the DC's and the CPOC's requests from one store.

    Documents are kept in memory; each request asks the store for its revision only, so that a
    publication is visible with its commit, in every process.
    """

    def __init__(self, store: DcStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._kept: dict[tuple[Kind, bytes | None, int | None, bool], _Kept] = {}

    def ctl(self, root: bytes) -> Document | None:
        """The present full CTL of a root (its HashedId8)."""
        return self._document(Kind.CTL, root)

    def delta_ctl(self, root: bytes, sequence: int) -> Document | None:
        """The delta with this sequence, against the full list before it."""
        return self._document(Kind.CTL, root, sequence, delta=True)

    def crl(self, root: bytes) -> Document | None:
        return self._document(Kind.CRL, root)

    def ectl(self, tlm: bytes) -> Document | None:
        """The present ECTL of a TLM; of a former TLM its last one."""
        return self._document(Kind.ECTL, tlm)

    def delta_ectl(self, tlm: bytes, sequence: int | None) -> Document | None:
        """The delta with this sequence, by default the latest."""
        return self._document(Kind.ECTL, tlm, sequence, delta=True)

    def tlm_certificate(self, tlm: bytes | None) -> Document | None:
        """The TLM certificate with this HashedId8, by default the one now in force."""
        return self._document(Kind.TLM_CERTIFICATE, tlm)

    def tlm_link(self, tlm: bytes | None) -> Document | None:
        """The link certificate that the TLM with this HashedId8 signed for its successor; the latest."""
        return self._document(Kind.TLM_LINK, tlm)

    def root_link(self, root: bytes) -> Document | None:
        """The link certificate that the root with this HashedId8 signed for its successor."""
        return self._document(Kind.ROOT_LINK, root)

    def publish(self, publications: Sequence[Publication]) -> int:
        """Records and, when due, hands out; all or nothing. How many were new.

        Publishing the same octets again changes nothing. Raises AlreadyRecorded where other octets
        hold that place, RecordFailed, AuditError.
        """
        return self._store.publish(publications)

    def freshness(self) -> list[Freshness]:
        """The present full list of every issuer, for health checks and status."""
        now = self._clock.time32()
        return [
            Freshness(
                found.kind, found.issuer, found.sequence, found.next_update, self._store.ahead(found, now)
            )
            for found in self._store.present_lists(now)
        ]

    def check(self) -> None:
        """Raises StoreError if the database does not answer."""
        self._store.revision()

    def _document(
        self, kind: Kind, issuer: bytes | None, sequence: int | None = None, *, delta: bool = False
    ) -> Document | None:
        key = (kind, issuer, sequence, delta)
        revision, now = self._store.revision(), self._clock.time32()
        kept = self._kept.get(key)
        if kept is None or kept.revision != revision or now >= kept.until:
            kept = self._look_up(key, revision, now)
            # Unknown names are not kept: anyone can make them up.
            if kept.document is not None:
                self._kept[key] = kept
        return kept.document

    def _look_up(self, key: tuple[Kind, bytes | None, int | None, bool], revision: int, now: int) -> _Kept:
        kind, issuer, sequence, delta = key
        found = self._store.current(kind, issuer, now, sequence=sequence, delta=delta)
        due = self._store.next_due(kind, now)
        until = now + MAX_AGE if due is None else min(due, now + MAX_AGE)
        if found is None:
            return _Kept(revision, until, None)
        etag = hashlib.sha256(found.octets).hexdigest()[:32]
        # The longest time a copy may be kept shrinks towards the next list; it is computed when the
        # document is looked up again, so at the latest after MAX_AGE.
        return _Kept(revision, until, Document(found.octets, etag, max(0, min(until - now, MAX_AGE))))


def published_list(octets: bytes, signer: Certificate | None = None) -> Publication:
    """The publication that a signed CTL, ECTL or CRL makes: its kind, issuer, sequence and times are its own.

    `signer` is needed where the list names its signer by digest. The signature is verified: what is handed
    out is what was signed. Raises DecodeError, UnexpectedContent (no signed data), InvalidList.
    """
    message = SignedMessage.parse(octets)
    certificate = signer or next(iter(message.signer_certificates), None)
    if certificate is None:
        raise InvalidList("the signer's certificate is neither in the list nor given", rule="list.signer")
    try:
        message.verify(certificate.verification_key, certificate)
    except InvalidSignature as error:
        raise InvalidList("the list's signature does not verify", rule="list.signature") from error
    content = wire.decode(etsi.EtsiTs102941Data, message.payload).content
    kind = _LISTS.get(content.kind)
    if kind is None:
        raise InvalidList(f"{content.kind} is no list", rule="list.kind")
    body = content.value
    if isinstance(body, etsi.ToBeSignedCrl):
        this_update, sequence, delta = body.this_update, 0, False
    else:
        assert isinstance(body, etsi.CtlFormat)
        # A CTL has no thisUpdate of its own: it holds from its generationTime on.
        generation_time = message.header.generation_time
        if generation_time is None:
            raise InvalidList("the list has no generationTime", rule="list.generation-time")
        this_update = generation_time // MICROSECONDS
        sequence, delta = body.ctl_sequence, not body.is_full_ctl
    return Publication(
        kind=kind,
        issuer=certificate.hashed_id8,
        this_update=this_update,
        next_update=body.next_update,
        octets=octets,
        sequence=sequence,
        delta=delta,
    )


def published_tlm(octets: bytes) -> Publication:
    """The publication that a TLM certificate makes. Raises DecodeError."""
    tlm = Certificate.parse(octets)
    return Publication(Kind.TLM_CERTIFICATE, tlm.hashed_id8, tlm.start, tlm.end, octets)


def import_publications(database: Database, clock: Clock, publications: Sequence[Publication]) -> int:
    """Puts what ceremonies signed into a distribution centre's database; see `Distribution.publish`."""
    return Distribution(DcStore(database), clock).publish(publications)
