"""The EA's work for butterfly requests outside of requests: expanding, asking the AA, packing (in jobs).

    due    tops up: a batch for each request and period that has come within the horizon
           forms chunks of waiting batches, so that the AA sees the tickets of several vehicles at once
    run    expands a chunk's cocoon keys, shuffles them, has the AA certify them, packs a ZIP a batch

A chunk is recorded before anything of it is asked for, and its row goes in the transaction that stores what
came. Between the two any process may die: the chunk is found in nobody's hands, and done again from the
start. The AA gives a cocoon key that it has certified the same certificate again, so none is signed twice.

No transaction is open while the AA works. How long a batch has waited is known in memory alone: a time of day
beside a request would help to tie tickets to vehicles.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.audit import Event
from v2xpki.authorities.etsi.butterfly_frames import p256_point, pack_archive, pack_chunk, unpack_chunk
from v2xpki.authorities.etsi.butterfly_ra import add_batches, choose_aa, tx_hold_station
from v2xpki.authorities.etsi.envelope import Generation, OwnKeys, in_time, is_plain_header
from v2xpki.authorities.etsi.observer import Observer, Silent
from v2xpki.authorities.etsi.peers import Peer, Peers
from v2xpki.authorities.etsi.reasons import RefusedButterfly
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.authorities.periods import Periods
from v2xpki.authorities.queue import Job
from v2xpki.config import ButterflyPolicy, EaPolicy
from v2xpki.crypto import Caterpillar, PublicKey
from v2xpki.errors import (
    ConfigError,
    CryptoError,
    DecodeError,
    LinkError,
    SecuredError,
    UnexpectedContent,
)
from v2xpki.secured import SignedMessage, decrypt_psk, encrypt_many
from v2xpki.store import Database, Statement, Transaction, random_key
from v2xpki.store.base import table_of
from v2xpki.store.ea import (
    ACTIVE,
    PACKED,
    REFUSED,
    STOPPED,
    TAKEN,
    WAITING,
    ButterflyBatch,
    ButterflyChunk,
    ButterflyRequest,
    Station,
)
from v2xpki.time import Clock
from v2xpki.trust.profiles import Profiles, shipped
from v2xpki.wire import dot2, etsi, scms

CHUNK = "butterfly-chunk"
#: Seconds between two looks for periods that have come within the horizon.
TOP_UP_EVERY = 60.0
_SHUFFLE = secrets.SystemRandom().shuffle
_AT_ONCE = 200  # requests topped up in one transaction

_REQUEST, _BATCH = table_of(ButterflyRequest), table_of(ButterflyBatch)
_CHUNK, _STATION = table_of(ButterflyChunk), table_of(Station)

_TOP_UP = Statement(
    sa.select(_REQUEST.c.id, _REQUEST.c.station, _REQUEST.c.following, _REQUEST.c.last, _STATION.c.profile)
    .join(_STATION, _STATION.c.id == _REQUEST.c.station)
    .where(
        _REQUEST.c.id > sa.bindparam("after"),
        _REQUEST.c.following <= sa.bindparam("horizon"),
        _REQUEST.c.following <= _REQUEST.c.last,
        _STATION.c.status == ACTIVE,
    )
    .order_by(_REQUEST.c.id)
    .limit(_AT_ONCE)
)
_MOVE = Statement(
    sa.update(_REQUEST)
    .where(_REQUEST.c.id == sa.bindparam("request"), _REQUEST.c.following == sa.bindparam("was"))
    .values(following=sa.bindparam("next_period", type_=sa.Integer()))
)
_WAITING = Statement(
    sa.select(_BATCH.c.request, _BATCH.c.period)
    .where(_BATCH.c.state == WAITING)
    .order_by(_BATCH.c.request, _BATCH.c.period)
)
_TAKE = Statement(
    sa.update(_BATCH)
    .where(
        _BATCH.c.request == sa.bindparam("of_request"),
        _BATCH.c.period == sa.bindparam("of_period"),
        _BATCH.c.state == WAITING,
    )
    .values(state=TAKEN, chunk=sa.bindparam("by_chunk", type_=sa.LargeBinary()))
)
_CHUNKS = Statement(sa.select(_CHUNK.c.id, _CHUNK.c.open_by))
_HOLDER = Statement(sa.select(_CHUNK.c.open_by).where(_CHUNK.c.id == sa.bindparam("chunk")).with_for_update())
_HOLD = Statement(
    sa.update(_CHUNK)
    .where(_CHUNK.c.id == sa.bindparam("of_chunk"))
    .values(open_by=sa.bindparam("run", type_=sa.LargeBinary()))
)
_LET_GO = Statement(
    sa.update(_CHUNK)
    .where(_CHUNK.c.id == sa.bindparam("of_chunk"), _CHUNK.c.open_by == sa.bindparam("run"))
    .values(open_by=None)
)
_LOAD = Statement(
    sa.select(
        _BATCH.c.request,
        _BATCH.c.period,
        _BATCH.c.count,
        _REQUEST.c.wish,
        _REQUEST.c.params,
        _STATION.c.status,
    )
    .join(_REQUEST, _REQUEST.c.id == _BATCH.c.request)
    .join(_STATION, _STATION.c.id == _REQUEST.c.station)
    .where(_BATCH.c.chunk == sa.bindparam("chunk"))
)
_CLOSE_BATCH = Statement(
    sa.update(_BATCH)
    .where(
        _BATCH.c.request == sa.bindparam("of_request"),
        _BATCH.c.period == sa.bindparam("of_period"),
        _BATCH.c.chunk == sa.bindparam("of_chunk"),
    )
    .values(
        state=sa.bindparam("new_state", type_=sa.Text()),
        archive=sa.bindparam("octets", type_=sa.LargeBinary()),
        chunk=None,
    )
)
_CLOSE_CHUNK = Statement(
    sa.delete(_CHUNK).where(_CHUNK.c.id == sa.bindparam("of_chunk"), _CHUNK.c.open_by == sa.bindparam("run"))
)


class AaLink(Protocol):
    """The way to an AA (`v2xpki.links` has it)."""

    def certify(self, url: str, body: bytes) -> bytes:
        """Post requests to an AA's access point for EAs; the octets of its answer. Raises LinkError for
        everything that is no answer."""
        ...


class _Batch(NamedTuple):
    request: bytes
    period: int
    size: int
    wish: bytes
    params: bytes
    status: str


class _Wanted(NamedTuple):
    """One certificate: where it goes, and what is asked for."""

    batch: int
    j: int
    pdu: scms.RaAcaCertRequest


class ButterflySupply:
    """A Work. One object serves all threads of a process.

    link: the way to AAs. monotonic: seconds, for waiting. shuffle: in place; its order must not be foreseen.
    """

    def __init__(
        self,
        *,
        own: OwnKeys,
        database: Database,
        peers: Peers,
        link: AaLink,
        clock: Clock,
        policy: ButterflyPolicy | None = None,
        ea_policy: EaPolicy | None = None,
        profiles: Profiles | None = None,
        observer: Observer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        shuffle: "Callable[[list[_Wanted]], None]" = _SHUFFLE,
    ) -> None:
        self._own, self._database, self._peers, self._link = own, database, peers, link
        self._ledger = AnswerLedger(database, clock)
        self._clock, self._policy = clock, policy or ButterflyPolicy()
        self._profiles, self._observer = profiles or shipped(), observer or Silent()
        self._window = (ea_policy or EaPolicy()).generation_time_window
        self._monotonic, self._shuffle = monotonic, shuffle
        self._periods = Periods(self._policy.epoch, self._policy.period, self._policy.overlap)
        self._urls = {bytes.fromhex(hex8): url for hex8, url in self._policy.aa_urls.items()}
        self._lock = threading.Lock()
        self._running: set[bytes] = set()
        self._waiting_since: float | None = None
        self._topped_up: float | None = None

    # --- what is due ---------------------------------------------------------------------------

    def due(self) -> Sequence[Job]:
        """Top up, form chunks; the chunks in nobody's hands."""
        now = self._monotonic()
        if self._topped_up is None or now - self._topped_up >= TOP_UP_EVERY:
            self.top_up()
            self._ledger.settle()
            self._topped_up = now
        self._form_chunks()
        with self._database.read() as tx:
            chunks = tx.rows(_CHUNKS)
        with self._lock:
            running = set(self._running)
        return [
            Job(CHUNK, chunk)
            for chunk, run in chunks
            if chunk not in running and (run is None or run == self._database.run or self._is_dead(run))
        ]

    def _is_dead(self, run: bytes) -> bool:
        return not self._database.run_is_alive(run)

    def top_up(self) -> int:
        """Record the batches of periods that have come within the horizon; how many requests moved on."""
        moved, after = 0, b""
        while True:
            with self._database.read() as tx:
                found = tx.rows(_TOP_UP, horizon=self._horizon(self._policy.preload), after=after)
            if not found:
                return moved
            after = found[-1][0]
            with self._database.write(durable=True) as tx:
                moved += sum(self._move_on(tx, *row) for row in found)

    def _horizon(self, preload: int) -> int:
        return self._periods.at(self._clock.time32() + min(self._policy.preload, preload))

    def _move_on(
        self, tx: Transaction, request: bytes, station: bytes, following: int, last: int, name: str
    ) -> bool:
        """One request's next batches. Missed is what a service that stood still was late for, and what the
        station has no room for: neither comes back."""
        try:
            profile = self._profiles.station(name)
        except ConfigError:
            return False
        upto = min(last, self._horizon(profile.preload))
        if following > upto or not tx_hold_station(tx, station):
            return False
        if not tx.run(_MOVE, request=request, was=following, next_period=upto + 1):
            return False  # another process was quicker
        first = max(following, self._periods.at(self._clock.time32()))
        add_batches(tx, self._periods, self._policy, profile, station, request, first, upto)
        return True

    def _form_chunks(self) -> None:
        with self._database.read() as tx:
            waiting = tx.rows(_WAITING)
        if not waiting:
            self._waiting_since = None
            return
        now = self._monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        vehicles = len({request for request, _ in waiting})
        waited = now - self._waiting_since >= self._policy.mix_wait
        if vehicles < self._policy.mix_vehicles and not waited:
            return
        with self._database.write(durable=True) as tx:
            chunk, taken = random_key(), 0
            for request, period in tx.rows(_WAITING):
                if taken == self._policy.batches:
                    tx.insert(ButterflyChunk, id=chunk, open_by=None)
                    chunk, taken = random_key(), 0
                taken += tx.run(_TAKE, of_request=request, of_period=period, by_chunk=chunk)
            if taken:
                tx.insert(ButterflyChunk, id=chunk, open_by=None)
        self._waiting_since = None

    def close(self) -> None:
        """Put on the record what was signed, at the end of a process."""
        self._ledger.close()

    # --- a chunk -------------------------------------------------------------------------------

    def run(self, job: Job) -> None:
        """Do a chunk, unless another is at it. Raises LinkError, RefusedButterfly (no AA in force), and what
        database and token raise: it stays recorded, and is due again."""
        if job.kind != CHUNK:
            return
        with self._lock:
            if job.key in self._running:
                return
            self._running.add(job.key)
        try:
            batches = self._claim(job.key)
            if batches is not None:
                try:
                    self._work(job.key, batches)
                except (LinkError, RefusedButterfly) as error:
                    self._observer.answered("butterfly-chunk", "later", str(error))
                    raise
                finally:
                    self._let_go(job.key)
        finally:
            with self._lock:
                self._running.discard(job.key)

    def _claim(self, chunk: bytes) -> list[_Batch] | None:
        """The chunk's batches, now in this process's hands; None where they are not to be had."""
        with self._database.write(durable=True) as tx:
            row = tx.row(_HOLDER, chunk=chunk)
            if row is None:
                return None
            holder = row[0]
            if holder is not None and holder != self._database.run and self._database.run_is_alive(holder):
                return None
            batches = [_Batch._make(found) for found in tx.rows(_LOAD, chunk=chunk)]
            tx.run(_HOLD, of_chunk=chunk, run=self._database.run)
            count = sum(batch.size for batch in batches if batch.status == ACTIVE)
            tx.audit(Event.BUTTERFLY_SENDING, chunk=chunk, count=count)
        return batches

    def _let_go(self, chunk: bytes) -> None:
        with self._database.write(durable=False) as tx:
            tx.run(_LET_GO, of_chunk=chunk, run=self._database.run)

    def _work(self, chunk: bytes, batches: list[_Batch]) -> None:
        aa = choose_aa(self._peers, self._policy, self._clock.time32())
        wanted = self._expand(batches, aa)
        answers = self._certify(aa, wanted)
        packed: list[list[tuple[int, bytes]]] = [[] for _ in batches]
        refused = 0
        for want, answer in zip(wanted, answers, strict=True):
            if answer is None:
                refused += 1
            else:
                packed[want.batch].append((want.j, answer))
        with self._database.write(durable=True) as tx:
            if tx.run(_CLOSE_CHUNK, of_chunk=chunk, run=self._database.run) != 1:
                return  # taken for dead: whoever has it now gets the same certificates
            for batch, answered in zip(batches, packed, strict=True):
                archive = pack_archive(batch.period, sorted(answered)) if answered else None
                state = PACKED if answered else REFUSED if batch.status == ACTIVE else STOPPED
                tx.run(
                    _CLOSE_BATCH,
                    of_request=batch.request,
                    of_period=batch.period,
                    of_chunk=chunk,
                    new_state=state,
                    octets=archive,
                )
            tx.audit(Event.BUTTERFLY_PACKED, chunk=chunk, count=len(wanted) - refused, refused=refused)
        self._observer.answered("butterfly-chunk", "ok", "")

    def _expand(self, batches: list[_Batch], aa: Peer) -> list[_Wanted]:
        """What is to be certified, in no order that the AA could read vehicles from."""
        now, wanted = self._clock.time32(), []
        for number, batch in enumerate(batches):
            if batch.status != ACTIVE:
                continue  # barred since: nothing more
            template = wire.decode(dot2.ToBeSignedCertificate, batch.wish)
            key = template.verify_key_indicator.value
            assert isinstance(key, dot2.PublicVerificationKey)
            params = wire.decode(scms.AdditionalParams, batch.params)
            caterpillar = Caterpillar.of(PublicKey.of_verification_key(key), params)
            period = self._periods.validity_of(batch.period, aa.certificate.start)
            template = template._replace(validity_period=period)
            for j, cocoon in enumerate(caterpillar.cocoons(batch.period, range(batch.size))):
                certified = dot2.PublicVerificationKey(kind=key.kind, value=p256_point(cocoon.signing))
                sealed_to = dot2.BasePublicEncryptionKey(
                    kind="eciesNistP256", value=p256_point(cocoon.encryption)
                )
                # flags 0: butterflyExplicit unset, the AA certifies the cocoon key as it is
                pdu = scms.RaAcaCertRequest(
                    version=2,
                    generation_time=now,
                    type="explicit",
                    flags=0,
                    cert_enc_key=dot2.PublicEncryptionKey(
                        supported_symm_alg="aes128Ccm", public_key=sealed_to
                    ),
                    tbs_cert=template._replace(
                        verify_key_indicator=dot2.VerificationKeyIndicator(
                            kind="verificationKey", value=certified
                        )
                    ),
                )
                wanted.append(_Wanted(number, j, pdu))
        self._shuffle(wanted)
        return wanted

    # --- the AA ----------------------------------------------------------------------------------

    def _certify(self, aa: Peer, wanted: list[_Wanted]) -> list[bytes | None]:
        """COER of the private SPDU for each, None where the AA refuses it. Raises LinkError."""
        url = self._urls.get(aa.certificate.hashed_id8, aa.url.rstrip("/") + "/butterfly")
        answers: list[bytes | None] = []
        size = self._policy.messages
        for start in range(0, len(wanted), size):
            answers += self._ask(aa, url, wanted[start : start + size])
        return answers

    def _ask(self, aa: Peer, url: str, wanted: list[_Wanted]) -> list[bytes | None]:
        now64, own = self._clock.time64(), self._speaker()
        plains = [own.sign(self._ledger, "butterflyCertificateRequest", want.pdu, now64) for want in wanted]
        messages, key = encrypt_many(plains, aa.certificate)
        body = self._link.certify(url, pack_chunk(messages))
        try:
            answers = unpack_chunk(body)
            if len(answers) != len(messages):
                raise UnexpectedContent(f"{len(answers)} answers to {len(messages)} requests")
            return [
                self._read(aa, answer, key, message) if answer else None
                for answer, message in zip(answers, messages, strict=True)
            ]
        except (DecodeError, CryptoError, SecuredError) as error:
            # What is not proven to be the AA's answer to this request is none.
            raise LinkError(f"{url}: {error}") from error

    def _speaker(self) -> Generation:
        """The newest generation that an AA can know: one that is installed may not be on the CTL yet."""
        for generation in self._own.generations:
            named = self._peers.ea(generation.certificate.hashed_id8) is not None
            if named and self._own.in_force(generation):
                return generation
        return self._own.newest()

    def _read(self, aa: Peer, octets: bytes, key: bytes, asked: bytes) -> bytes:
        message = SignedMessage.parse(decrypt_psk(octets, key))
        certificate = aa.certificate
        if message.signer_digest != certificate.hashed_id8 or not is_plain_header(message.header):
            raise UnexpectedContent("signer or header of the AA's answer")
        if not in_time(message.header, self._clock.time64(), self._window):
            raise UnexpectedContent("generationTime of the AA's answer")
        message.verify(certificate.verification_key, certificate)
        response = wire.decode(etsi.EtsiTs102941Data, message.payload).content.value
        if not isinstance(response, scms.AcaRaCertResponse) or response.aca_response.kind != "private":
            raise UnexpectedContent("the AA's answer is no private butterflyCertificateResponse")
        if response.request_hash != sha256(asked).digest()[-8:]:
            raise UnexpectedContent("the AA answered another request")
        return wire.encode(response.aca_response.value)
