"""Distribution centre and CPOC: what root and TLM signed, handed out as it is.

Nothing is signed here. A publication has a time from which it holds; a run of lists that a ceremony
signed ahead becomes visible list by list, each when it is due: `Publisher` commits it then, in one worker of
all. (TS 102 941 6.3.1-6.3.4.)
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidList, InvalidSignature
from v2xpki.secured import SignedMessage
from v2xpki.store import Database
from v2xpki.store.dc import DcStore, Kind, Publication, Recorded
from v2xpki.time import MICROSECONDS, Clock, iso_from_time32
from v2xpki.trust import detect_kind
from v2xpki.trust.lists import AaEntry, EaEntry, SignedList
from v2xpki.wire import etsi

#: Seconds that a client may keep a document without asking again.
MAX_AGE = 3600
#: Seconds between two looks for what is due.
LOOK = 5.0
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
    """How long the present list of an issuer holds, and what follows it. Times in TAI seconds."""

    kind: Kind
    issuer: bytes
    sequence: int
    next_update: int
    #: Lists that are recorded and not yet due.
    ahead: int
    #: When the last of them ends.
    covered: int
    #: From when on a list should be handed out that is not: nobody publishes. None where all is well.
    overdue: int | None


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

    def publish(self, publications: Sequence[Publication]) -> Recorded:
        """Records publications and hands out those that are due; all or nothing.

        What is there already changes nothing, nor does what is older than what is handed out. Raises
        AlreadyRecorded where other octets hold a place, InvalidList for a delta without its full list;
        RecordFailed, AuditError.
        """
        return self._store.publish(publications, self._clock.time32())

    def check_permanence(self, entry: Publication) -> None:
        """Raise InvalidList for a CRL that lets go of a certificate that is still valid.

        A CRL has no sequence: that one is newer than another shows in that it lets go of nothing.
        """
        present = self._store.current(Kind.CRL, entry.issuer)
        if entry.kind is not Kind.CRL or present is None or present.octets == entry.octets:
            return
        gone = SignedList.parse(present.octets).revoked - SignedList.parse(entry.octets).revoked
        if not gone:
            return
        # What was never on a CTL from here nobody came to trust through it; what was has its end there.
        for octets in self._store.full_lists(Kind.CTL, entry.issuer):
            for listed in SignedList.parse(octets).entries:
                if not isinstance(listed, EaEntry | AaEntry) or listed.certificate.hashed_id8 not in gone:
                    continue
                end = listed.certificate.end
                if end > entry.this_update:
                    raise InvalidList(
                        f"the CRL of {iso_from_time32(entry.this_update)} lets go of "
                        f"{listed.certificate.hex8}, which is revoked and valid until {iso_from_time32(end)}",
                        rule="permanence",
                        hint="it was signed before the CRL that is handed out: sign a new run",
                    )

    def freshness(self) -> list[Freshness]:
        """The present full list of every issuer, for health checks and status."""
        return [
            Freshness(
                found.publication.kind,
                found.publication.issuer,
                found.publication.sequence,
                found.publication.next_update,
                found.ahead,
                found.covered,
                found.overdue,
            )
            for found in self._store.present_lists(self._clock.time32())
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
        found = self._store.current(kind, issuer, sequence=sequence, delta=delta)
        due = self._store.next_due(kind)
        until = now + MAX_AGE if due is None else min(due, now + MAX_AGE)
        if found is None:
            return _Kept(revision, until, None)
        etag = hashlib.sha256(found.octets).hexdigest()[:32]
        # The longest time a copy may be kept shrinks towards the next list; it is computed when the
        # document is looked up again, so at the latest after MAX_AGE.
        return _Kept(revision, until, Document(found.octets, etag, max(0, min(until - now, MAX_AGE))))


class Publisher:
    """Commits what is due, when it is due, in one worker of all (a lease in the database).

    A worker that finds something due takes the lease and publishes, both in the database: it may die at any
    step, and another one goes on. Until the commit nobody sees anything, from then on everybody does.
    """

    def __init__(self, store: DcStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def round(self) -> float:
        """One look: publishes what is due; seconds until the next look. Raises StoreError, AuditError."""
        now = self._clock.time32()
        due = self._store.next_due()
        if due is not None and due <= now:
            if not self._store.lease(now):
                return LOOK
            self._store.publish_due(now)
            due = self._store.next_due()
        # Lists may be recorded by another process meanwhile: never longer than LOOK.
        return LOOK if due is None else float(min(max(due - now, 1), LOOK))


def lasting_roots(signers: Iterable[Certificate], now: int) -> frozenset[bytes]:
    """HashedId8 of the roots among known certificates whose lists somebody may still need at a TAI second.

    A TLM is none of them: its successor's ECTL takes the place of its own.
    """
    return frozenset(c.hashed_id8 for c in signers if detect_kind(c.record) == "RCA" and now < c.end)


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


def import_publications(database: Database, clock: Clock, publications: Sequence[Publication]) -> Recorded:
    """Puts what ceremonies signed into a distribution centre's database; see `Distribution.publish`. Raises
    InvalidList also for a CRL that lets go of a certificate that is still valid."""
    distribution = Distribution(DcStore(database), clock)
    for entry in publications:
        if entry.kind is Kind.CRL:
            distribution.check_permanence(entry)
    return distribution.publish(publications)
