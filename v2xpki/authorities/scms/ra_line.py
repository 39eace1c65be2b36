"""The RA's production line (IEEE 1609.2.1), in jobs: from what was granted to the devices' files.

    due    tops up: a batch for each request and period that has come within the horizon
           stops what waits for blocked devices; forms chunks of what waits, of many vehicles each
    run    expands a chunk's cocoon keys, has both linkage authorities make their values and the ACA certify
           all of it in one mixture, verifies the answers, packs a ZIP a batch

A chunk is recorded before anything of it is asked for, and its row goes in the transaction that stores what
came. Between the two any process may die: the chunk is found in nobody's hands, and done again from the
start. Linkage authorities give the same values again, and so the ACA the same certificates: none is signed
twice. No transaction is open while others work.

How long a batch has waited is known in memory alone: a time of day beside a request would help to tie
certificates to vehicles.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.authorities.periods import Periods
from v2xpki.authorities.queue import Job
from v2xpki.authorities.scms import ra_chunks
from v2xpki.authorities.scms.la import Wish
from v2xpki.authorities.scms.la_reasons import BatchReason, RefusedWishes
from v2xpki.authorities.scms.peers import AcaLink, LinkageLink
from v2xpki.authorities.scms.ra_aca_requests import LEDGER_BLOCK, AcaRequests, Asked, NotOffered
from v2xpki.authorities.scms.ra_batches import horizon
from v2xpki.authorities.scms.ra_chunks import Batch, Closed, Waiting
from v2xpki.authorities.scms.ra_expanding import Expansion
from v2xpki.authorities.scms.ra_packing import AnswerReader, pack_archive
from v2xpki.authorities.scms.reasons import AcaReason, Refusal
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, LinkError, UnexpectedContent
from v2xpki.issuance.chunks import MOST
from v2xpki.keystore import ScmsResponder
from v2xpki.store import Database
from v2xpki.store.ra import ACTIVE, PACKED, REFUSED, STOPPED, WAITING
from v2xpki.time import Clock

CHUNK = "ra-chunk"
#: Seconds between two looks for periods that have come within the horizon.
TOP_UP_EVERY = 60.0
#: Chunks that are formed ahead of the work: what waits beyond them is mixed when its turn comes.
CHUNKS_AHEAD = 16
_SHUFFLE = secrets.SystemRandom().shuffle
#: Refusals that say nothing of the request.
_LATER = frozenset((AcaReason.BUSY, AcaReason.SIGNING_FAILED, AcaReason.OUT_OF_TIME))
_UNREADABLE = "the request is not one that can be expanded"

Plvs = tuple[Sequence[bytes], Sequence[bytes]]


class RaLine:
    """A Work. One object serves all threads of a process."""

    def __init__(
        self,
        *,
        database: Database,
        responder: ScmsResponder,
        aca: Certificate,
        aca_link: AcaLink,
        linkage: tuple[LinkageLink, LinkageLink],
        clock: Clock,
        policy: ScmsPolicy | None = None,
        implicit: Certificate | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        shuffle: Callable[[list[Any]], None] = _SHUFFLE,
    ) -> None:
        """responder: of the RA's signing key. linkage: the authorities of lci1 and lci2. implicit: the ACA's
        certificate for implicit ones, where it has one. monotonic: seconds, for waiting. shuffle: in place;
        its order must not be foreseen."""
        self._database, self._responder, self._aca, self._aca_link = database, responder, aca, aca_link
        self._implicit = implicit
        self._linkage, self._clock, self._policy = linkage, clock, policy or ScmsPolicy()
        self._monotonic, self._shuffle = monotonic, shuffle
        self._periods = Periods(self._policy.epoch, self._policy.period, self._policy.overlap)
        self._ledger = AnswerLedger(database, clock, LEDGER_BLOCK)
        self._reader = AnswerReader(aca, self._policy.generation_time_window)
        self._lock = threading.Lock()
        self._running: set[bytes] = set()
        self._since: dict[tuple[bytes, int], float] = {}
        self._topped_up: float | None = None

    # --- what is due ---------------------------------------------------------------------------

    def due(self) -> Sequence[Job]:
        """Top up, form chunks; the chunks in nobody's hands."""
        now = self._monotonic()
        if self._topped_up is None or now - self._topped_up >= TOP_UP_EVERY:
            self.top_up()
            self._ledger.settle()
            self._topped_up = now
        database = self._database
        chunks = ra_chunks.chunks(database)
        if len(chunks) < CHUNKS_AHEAD and self._form_chunks(CHUNKS_AHEAD - len(chunks), now):
            chunks = ra_chunks.chunks(database)
        with self._lock:
            running = set(self._running)
        return [
            Job(CHUNK, chunk)
            for chunk, run in chunks
            if chunk not in running and (run is None or run == database.run or not database.run_is_alive(run))
        ]

    def top_up(self) -> int:
        """Record the batches of periods that have come within the horizon; how many requests moved on."""
        now = self._clock.time32()
        upto = horizon(self._periods, now, self._policy.preload)
        return ra_chunks.top_up(self._database, self._periods, now, upto)

    def close(self) -> None:
        """Put on the record what was signed, at the end of a process."""
        self._ledger.close()

    def _form_chunks(self, room: int, now: float) -> bool:
        """Form as many chunks as there is room for; whether anything was done."""
        most = room * self._policy.batches
        with self._database.read() as tx:
            found = ra_chunks.waiting(tx, most)
        known = self._since
        self._since = {(one.request, one.period): known.get((one.request, one.period), now) for one in found}
        if not self._ready(found, now) and all(one.status == ACTIVE for one in found):
            return False
        # what is lost of this with the power still waits; the claim of a chunk is durable, and this with it
        with self._database.write(durable=False) as tx:
            found = ra_chunks.waiting(tx, most, to_take=True)
            ra_chunks.stop(tx, [one for one in found if one.status != ACTIVE])
            for group in self._ready(found, now):
                ra_chunks.form(tx, group)
        return True

    def _ready(self, found: Sequence[Waiting], now: float) -> list[list[Waiting]]:
        """The chunks that can be formed: each of enough vehicles, or with one that has waited enough."""
        live, size = [one for one in found if one.status == ACTIVE], self._policy.batches
        groups = [live[start : start + size] for start in range(0, len(live), size)]
        return [
            group
            for group in groups
            if len({one.device for one in group}) >= self._policy.mix_vehicles
            or any(self._has_waited(one, now) for one in group)
        ]

    def _has_waited(self, one: Waiting, now: float) -> bool:
        return now - self._since.get((one.request, one.period), now) >= self._policy.mix_wait

    # --- a chunk -------------------------------------------------------------------------------

    def run(self, job: Job) -> None:
        """Do a chunk, unless another is at it. Raises LinkError, and what database and token raise: it stays
        recorded, and is due again."""
        if job.kind != CHUNK:
            return
        with self._lock:
            if job.key in self._running:
                return
            self._running.add(job.key)
        try:
            batches = ra_chunks.claim(self._database, job.key)
            if batches is not None:
                try:
                    self._work(job.key, batches)
                except Exception:
                    ra_chunks.let_go(self._database, job.key)
                    raise
        finally:
            with self._lock:
                self._running.discard(job.key)

    def _work(self, chunk: bytes, batches: Sequence[Batch]) -> None:
        reasons: dict[int, str] = {}  # of the batches that are refused
        asked = self._ask(batches, reasons)
        answers = self._certify(asked)
        later = self._later(asked, answers, reasons)
        if later and len(later) == len({one.batch for one in asked}):
            raise LinkError("the ACA has answered none of a chunk: again later")
        packed: list[list[tuple[int, bytes]]] = [[] for _ in batches]
        names = [bytearray(8 * batch.size) for batch in batches]
        now = self._clock.time32()
        for one, answer in zip(asked, answers, strict=True):
            names[one.batch][8 * one.j : 8 * one.j + 8] = one.name
            if isinstance(answer, bytes) and one.batch not in reasons and one.batch not in later:
                packed[one.batch].append((one.j, self._reader.read(one, answer, now)))
        self._close(chunk, batches, packed, names, reasons, later)

    @staticmethod
    def _later(
        asked: Sequence[Asked], answers: Sequence[bytes | Refusal], reasons: dict[int, str]
    ) -> set[int]:
        """The batches that are to be asked for again; `reasons` of those that are refused for good."""
        later = set()
        for one, answer in zip(asked, answers, strict=True):
            if isinstance(answer, bytes):
                continue
            if answer.reason in _LATER:
                later.add(one.batch)
            else:
                reasons.setdefault(one.batch, answer.reason.value)
        return later - reasons.keys()

    def _close(
        self,
        chunk: bytes,
        batches: Sequence[Batch],
        packed: Sequence[list[tuple[int, bytes]]],
        names: Sequence[bytearray],
        reasons: dict[int, str],
        later: set[int],
    ) -> None:
        closed, count = [], 0
        for n, (batch, answered) in enumerate(zip(batches, packed, strict=True)):
            if batch.status != ACTIVE:
                closed.append(Closed(batch.request, batch.period, STOPPED))
            elif n in reasons:
                closed.append(Closed(batch.request, batch.period, REFUSED))
            elif n in later:  # to be mixed anew: alone it would show which of them are one vehicle's
                closed.append(Closed(batch.request, batch.period, WAITING))
            else:
                answered.sort()
                archive = pack_archive(batch.period, answered)
                closed.append(Closed(batch.request, batch.period, PACKED, bytes(names[n]), archive))
                count += len(answered)
        ra_chunks.close(self._database, chunk, closed, count, Counter(reasons.values()))

    # --- asking --------------------------------------------------------------------------------

    def _ask(self, batches: Sequence[Batch], reasons: dict[int, str]) -> list[Asked]:
        """The signed requests of all batches, in an order that tells nothing."""
        expansions = self._expansions(batches, reasons)
        values = self._values(batches, expansions, reasons)
        now = self._clock.time32()
        requests = AcaRequests(self._responder, self._ledger, self._periods, self._aca, now, self._implicit)
        for n, expansion in expansions.items():
            batch = batches[n]
            if n in reasons:
                continue
            try:
                if expansion.caterpillar is None:
                    requests.alone(n, expansion, batch.period)
                else:
                    keys = expansion.keys(batch.period, batch.size)
                    requests.batch(n, expansion, batch.period, keys, values.get(n))
            except CryptoError:
                reasons[n] = _UNREADABLE
            except NotOffered as error:
                reasons[n] = f"{AcaReason.NOT_OFFERED.value}: {error}"
        return requests.signed(self._shuffle)

    @staticmethod
    def _expansions(batches: Sequence[Batch], reasons: dict[int, str]) -> dict[int, Expansion]:
        expansions: dict[int, Expansion] = {}
        read: dict[bytes, Expansion] = {}  # of one request there may be several periods
        for n, batch in enumerate(batches):
            if batch.status != ACTIVE:
                continue  # blocked since: nothing more
            try:
                if batch.request not in read:
                    read[batch.request] = Expansion.of(batch.kind, batch.wish, batch.params)
                expansions[n] = read[batch.request]
            except (CryptoError, DecodeError, UnexpectedContent):
                reasons[n] = _UNREADABLE
        return expansions

    def _values(
        self, batches: Sequence[Batch], expansions: dict[int, Expansion], reasons: dict[int, str]
    ) -> dict[int, Plvs]:
        """The pre-linkage values of both authorities, for the batches that are to have them."""
        linked = [n for n, expansion in expansions.items() if expansion.is_linked]
        columns: list[dict[int, list[bytes]]] = []
        for which, link in enumerate(self._linkage):
            wishes = {}
            for n in linked:
                batch = batches[n]
                lci = (batch.lci1, batch.lci2)[which]
                if lci is None:
                    reasons[n] = _UNREADABLE
                elif n not in reasons:
                    # chunks are done in no order: the first that is may be of a later period
                    wishes[n] = Wish(lci, batch.period, range(batch.size), batch.first)
            columns.append(self._values_of(link, wishes, reasons))
        first, second = columns
        return {n: (first[n], second[n]) for n in linked if n not in reasons}

    def _values_of(
        self, link: LinkageLink, wishes: dict[int, Wish], reasons: dict[int, str]
    ) -> dict[int, list[bytes]]:
        """One authority's, asked in an order of its own."""
        order = list(wishes)
        self._shuffle(order)
        while order:
            try:
                made = link.pre_linkage_values([wishes[n] for n in order])
            except RefusedWishes as refused:
                if refused.reason is not BatchReason.WISHES or not refused.wishes:
                    raise LinkError(f"linkage authority {link.la_id.hex()}: {refused}") from refused
                for place, reason in refused.wishes:
                    reasons[order[place]] = reason.value
                order = [n for n in order if n not in reasons]
                continue
            if [len(values) for values in made] != [len(wishes[n].js) for n in order]:
                raise LinkError(f"linkage authority {link.la_id.hex()}: not as many values as were asked for")
            return dict(zip(order, made, strict=True))
        return {}

    def _certify(self, asked: Sequence[Asked]) -> list[bytes | Refusal]:
        """The ACA's answer to each."""
        answers: list[bytes | Refusal] = []
        for start in range(0, len(asked), MOST):
            some = asked[start : start + MOST]
            made = self._aca_link.certify([one.octets for one in some])
            if len(made) != len(some):
                raise LinkError(f"{len(made)} answers of the ACA to {len(some)} requests")
            answers += made
        return answers
