"""The EA in the place of an RA: butterfly requests of stations, and the files that come of them (TS 102 941
6.2.3.5).

One request asks for tickets of years. What is granted is recorded with the first periods' batches in the
transaction that also remembers the answer; `butterfly_supply` does the rest, in jobs. Nothing here asks the
AA. The flow's PDUs have no response codes, so refusals leave as RefusedButterfly.
"""

from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, NoReturn

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.audit import Event
from v2xpki.authorities.etsi import tickets
from v2xpki.authorities.etsi.butterfly_frames import FileName
from v2xpki.authorities.etsi.enrolment import Download
from v2xpki.authorities.etsi.envelope import (
    AUTHORIZATION_BIT,
    Generation,
    OwnKeys,
    Request,
    UnknownCipher,
    in_time,
    is_plain_header,
    may_request,
)
from v2xpki.authorities.etsi.observer import Observer, Silent
from v2xpki.authorities.etsi.peers import Peer, Peers
from v2xpki.authorities.etsi.reasons import ButterflyReason, RefusedButterfly, RefusedValidation
from v2xpki.authorities.etsi.stations import KnownStation, find_by_credential, home_of
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.authorities.periods import Periods
from v2xpki.config import ButterflyPolicy, EaPolicy
from v2xpki.crypto import Caterpillar, Certificate, PublicKey
from v2xpki.errors import (
    AlreadyRecorded,
    ConfigError,
    CryptoError,
    DecodeError,
    DecryptionFailed,
    UnexpectedContent,
)
from v2xpki.secured import SignedMessage
from v2xpki.store import Database, Statement, Transaction, random_key
from v2xpki.store.base import table_of
from v2xpki.store.ea import (
    ACTIVE,
    WAITING,
    ButterflyBatch,
    ButterflyRequest,
    EnrolmentRequest,
    Station,
    TicketWindow,
)
from v2xpki.time import HOUR, Clock
from v2xpki.trust import validity
from v2xpki.trust.profiles import NONE_ID, Profiles, StationProfile, shipped
from v2xpki.wire import dot2, etsi, scms

DAY = 86400
#: Seconds from the moment that a job may begin to the one that a station should come for its file.
WORKING_TIME = 60
_RESPONSE_BIT = 0x10  # authorization response: what an AA needs (TS 102 941 B.5)
_BARE, _UNSECURED = b"\x01", b"\x03\x80"
_VARIANTS = ("original", "unified")

_STATION, _REQUEST = table_of(Station), table_of(ButterflyRequest)
_BATCH, _WINDOW = table_of(ButterflyBatch), table_of(TicketWindow)
_STATUS = Statement(
    sa.select(_STATION.c.status).where(_STATION.c.id == sa.bindparam("station")).with_for_update()
)
_REMEMBERED = table_of(EnrolmentRequest)
_ANSWER = Statement(sa.select(_REMEMBERED.c.answer).where(_REMEMBERED.c.id == sa.bindparam("key")))
_TODAY = Statement(
    sa.select(sa.func.count(type_=sa.Integer()))
    .select_from(_REQUEST)
    .where(_REQUEST.c.station == sa.bindparam("station"), _REQUEST.c.day == sa.bindparam("today"))
)
_END_EARLIER = Statement(
    sa.update(_REQUEST)
    .where(_REQUEST.c.station == sa.bindparam("of_station"), _REQUEST.c.following <= _REQUEST.c.last)
    .values(last=_REQUEST.c.following - 1)
)
_WINDOWS = Statement(
    sa.select(_WINDOW.c.start, _WINDOW.c.end, _WINDOW.c.tickets).where(
        _WINDOW.c.station == sa.bindparam("station"),
        _WINDOW.c.end > sa.bindparam("from_hour"),
        _WINDOW.c.start < sa.bindparam("to_hour"),
    )
)
_ADD_TICKETS = Statement(
    sa.update(_WINDOW)
    .where(
        _WINDOW.c.station == sa.bindparam("of_station"),
        _WINDOW.c.start == sa.bindparam("from_hour"),
        _WINDOW.c.end == sa.bindparam("to_hour"),
    )
    .values(tickets=_WINDOW.c.tickets + sa.bindparam("more", type_=sa.Integer()))
)
_FILE = Statement(
    sa.select(_REQUEST.c.id, _REQUEST.c.station, _REQUEST.c.last, _REQUEST.c.following).where(
        _REQUEST.c.request_hash == sa.bindparam("request_hash")
    )
)
_ARCHIVE = Statement(
    sa.select(_BATCH.c.archive, _BATCH.c.state).where(
        _BATCH.c.request == sa.bindparam("request"), _BATCH.c.period == sa.bindparam("period")
    )
)
_PURGES = (
    Statement(sa.delete(_BATCH).where(_BATCH.c.expires <= sa.bindparam("before"))),
    Statement(sa.delete(_REQUEST).where(_REQUEST.c.expires <= sa.bindparam("before"))),
)

_certificate = lru_cache(1024)(Certificate.parse)


class _Wish(NamedTuple):
    """What a station may have: a template of its tickets, and the periods that it gets them for."""

    tbs: dot2.ToBeSignedCertificate
    params: scms.AdditionalParams
    first: int
    last: int


def choose_aa(peers: Peers, policy: ButterflyPolicy, now: int) -> Peer:
    """The AA of the own PKI that certifies: the policy's, else the newest in force. Raises
    RefusedButterfly."""
    if policy.aa:
        named = peers.aa(bytes.fromhex(policy.aa))
        candidates = [] if named is None else [named]
    else:
        candidates = list(peers.all_aas())
    fit = [
        peer
        for peer in candidates
        if not (peer.revoked or peer.is_foreign)
        and peer.certificate.start <= now < peer.certificate.end
        and peer.certificate.encryption_key is not None
        and may_request(peer.certificate, _RESPONSE_BIT)
    ]
    if not fit:
        raise RefusedButterfly(ButterflyReason.NO_AA)
    return max(fit, key=lambda peer: peer.certificate.start)


class ButterflyRegistration:
    """Requests and downloads. One object serves all threads; arguments as EnrolmentAuthority's."""

    def __init__(
        self,
        *,
        own: OwnKeys,
        database: Database,
        peers: Peers,
        clock: Clock,
        policy: ButterflyPolicy | None = None,
        ea_policy: EaPolicy | None = None,
        profiles: Profiles | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._own, self._database, self._peers, self._clock = own, database, peers, clock
        self._ledger = AnswerLedger(database, clock)
        self._policy = policy or ButterflyPolicy()
        self._profiles = profiles or shipped()
        self._observer: Observer = observer or Silent()
        limits = ea_policy or EaPolicy()
        self._window, self._keep = limits.generation_time_window, limits.retry_window
        self.periods = Periods(self._policy.epoch, self._policy.period, self._policy.overlap)

    # --- the request -------------------------------------------------------------------------

    def refuse_x509(self, plain: bytes) -> None:
        """Raises for a request under an X.509 certificate, bare or as unsecured data."""
        if plain[:1] != _BARE and plain[:2] != _UNSECURED:
            return
        try:
            if plain[:2] == _UNSECURED:
                plain = wire.decode(dot2.Ieee1609Dot2Data, plain).content.value  # type: ignore[assignment]
            kind = wire.decode(etsi.EtsiTs102941Data, plain).content.kind
        except DecodeError:
            return
        if kind == "x509SignedbutterflyAuthorizationRequest":
            self._refuse("butterfly", RefusedButterfly(ButterflyReason.X509))

    def accept(
        self,
        request: Request,
        remembered: bytes,
        outer: SignedMessage,
        content: etsi.EtsiTs102941DataContent,
    ) -> bytes:
        """The butterflyAuthorizationResponse, signed. Raises RefusedButterfly; StoreError as everywhere."""
        try:
            answer = self._accept(request, remembered, outer, content)
        except RefusedButterfly as refusal:
            self._refuse("butterfly", refusal)
        self._observer.answered("butterfly", "ok", "")
        return answer

    def _accept(
        self,
        request: Request,
        remembered: bytes,
        outer: SignedMessage,
        content: etsi.EtsiTs102941DataContent,
    ) -> bytes:
        asked = content.value
        if not isinstance(asked, scms.EeRaCertRequest):
            raise RefusedButterfly(ButterflyReason.X509)
        station, credential = self._asking(outer)
        now = self._clock.time32()
        if abs(asked.generation_time - now) > self._window:
            raise RefusedButterfly(ButterflyReason.OUT_OF_TIME, "generationTime of the request itself")
        profile = self._profile(station)
        wish = self._granted(request.own.certificate, asked, station, credential, profile)
        answer = self._info(request.own, request.digest[-8:], now + self._policy.mix_wait + WORKING_TIME)
        # What a station signed once is worth one supply, in however many envelopes it comes.
        signed = self._database.blind("wish", sha256(outer.tbs_octets).digest())[:16]
        with self._database.write(durable=True) as tx:
            expires = self._forgotten_at(now)
            if not tx.insert_if_new(
                EnrolmentRequest, id=remembered, wish=signed, record=None, answer=answer, expires=expires
            ):
                row = tx.row(_ANSWER, key=remembered)
                if row is None or row[0] is None:
                    raise RefusedButterfly(ButterflyReason.TOO_MANY, "granted before, in another envelope")
                return bytes(row[0])  # its twin was quicker
            self._record(tx, request.digest[-8:], station, profile, wish)
        return answer

    def _asking(self, outer: SignedMessage) -> tuple[KnownStation, Certificate]:
        """The station whose EC signed, if it may ask for tickets now."""
        if outer.signer_digest is None or not is_plain_header(outer.header):
            raise RefusedButterfly(ButterflyReason.BAD_SIGNATURE, "signer or header")
        found = find_by_credential(self._database, outer.signer_digest)
        if found is None:
            raise RefusedButterfly(ButterflyReason.UNKNOWN_STATION)
        station, credential = found[0], _certificate(found[1])
        try:
            outer.verify(credential.verification_key, credential)
        except CryptoError as error:
            raise RefusedButterfly(ButterflyReason.BAD_SIGNATURE, str(error)) from error
        if not in_time(outer.header, self._clock.time64(), self._window):
            raise RefusedButterfly(ButterflyReason.OUT_OF_TIME)
        if station.is_barred or not credential.start <= self._clock.time32() < credential.end:
            raise RefusedButterfly(ButterflyReason.BARRED)
        if not may_request(credential, AUTHORIZATION_BIT):
            raise RefusedButterfly(ButterflyReason.DENIED_PERMISSIONS, "the EC may not ask for tickets")
        return station, credential

    def _profile(self, station: KnownStation) -> StationProfile:
        try:
            profile = self._profiles.station(station.profile)
        except ConfigError as error:
            raise RefusedButterfly(ButterflyReason.DENIED_PERMISSIONS, str(error)) from error
        if not profile.privacy:
            raise RefusedButterfly(ButterflyReason.DENIED_PERMISSIONS, f"a {profile.name} changes no tickets")
        return profile

    def _granted(
        self,
        ea: Certificate,
        asked: scms.EeRaCertRequest,
        station: KnownStation,
        credential: Certificate,
        profile: StationProfile,
    ) -> _Wish:
        tbs, params = asked.tbs_cert, asked.additional_params
        self._check_form(asked)
        assert params is not None
        key = tbs.verify_key_indicator.value
        try:
            if not isinstance(key, dot2.PublicVerificationKey):
                raise RefusedButterfly(ButterflyReason.WRONG_FORM, "the caterpillar is no verificationKey")
            # expanded once here: what cannot be must not come to light in a job
            Caterpillar.of(PublicKey.of_verification_key(key), params).cocoons(0, (0,))
        except CryptoError as error:
            raise RefusedButterfly(ButterflyReason.BAD_KEYS, str(error)) from error
        aa = choose_aa(self._peers, self._policy, self._clock.time32()).certificate
        limits = tickets.Limits(
            profile,
            ec=credential,
            aa=aa,
            ea=ea,
            home=home_of(station, profile, ea),
        )
        try:
            permissions = limits.permissions(tbs.app_permissions)
            region = limits.region(tbs.region)
            level = limits.assurance(tbs.assurance_level)
        except RefusedValidation as error:
            raise RefusedButterfly(ButterflyReason.DENIED_PERMISSIONS, str(error)) from error
        first, last = self._span(tbs.validity_period, limits)
        template = dot2.ToBeSignedCertificate(
            id=NONE_ID,
            craca_id=bytes(3),
            crl_series=0,
            validity_period=self.periods.validity_of(first),
            region=region,
            assurance_level=level,
            app_permissions=permissions,
            verify_key_indicator=dot2.VerificationKeyIndicator(
                kind="verificationKey",
                value=PublicKey.of_verification_key(key).to_verification_key(),
            ),
        )
        return _Wish(template, params, first, last)

    @staticmethod
    def _check_form(asked: scms.EeRaCertRequest) -> None:
        """That the certificate asked for has a ticket's form (TS 103 097 7.2.1) and no more is asked for."""
        tbs, params = asked.tbs_cert, asked.additional_params
        wrong = ""
        if asked.version != 2 or asked.type != "explicit":
            wrong = f"version {asked.version}, type {asked.type}"
        elif params is None or params.kind not in _VARIANTS:
            wrong = f"additionalParams {None if params is None else params.kind}"
        elif tbs.id.kind != "none" or tbs.craca_id != bytes(3) or tbs.crl_series != 0:
            wrong = "id, cracaId or crlSeries"
        elif tbs._replace(
            region=None,
            assurance_level=None,
        ) != dot2.ToBeSignedCertificate(
            id=tbs.id,
            craca_id=tbs.craca_id,
            crl_series=tbs.crl_series,
            validity_period=tbs.validity_period,
            app_permissions=tbs.app_permissions,
            verify_key_indicator=tbs.verify_key_indicator,
        ):
            wrong = "a part that no ticket has"
        if wrong:
            raise RefusedButterfly(ButterflyReason.WRONG_FORM, wrong)

    def _span(self, wanted: dot2.ValidityPeriod, limits: tickets.Limits) -> tuple[int, int]:
        """The first and the last period: those that the validity asked for touches, from now on, whose
        tickets end with the EC's and the AA's certificates at the latest."""
        now, periods = self._clock.time32(), self.periods
        if periods.length + periods.overlap > limits.station.ticket_validity_max:
            raise RefusedButterfly(
                ButterflyReason.NO_VALIDITY, "period and overlap exceed the profile's limit"
            )
        first = max(periods.at(now), periods.at(wanted.start))
        end = validity.end(wanted)
        last = min(periods.at(max(end - 1, 0)), periods.last_ending_by(min(limits.ec.end, limits.aa.end)))
        if end <= now or first > last:
            raise RefusedButterfly(ButterflyReason.NO_VALIDITY)
        if periods.start(first) > now + limits.station.preload:
            raise RefusedButterfly(ButterflyReason.NO_VALIDITY, "the first period is too far ahead")
        return first, last

    def _record(
        self,
        tx: Transaction,
        request_hash: bytes,
        station: KnownStation,
        profile: StationProfile,
        wish: _Wish,
    ) -> None:
        """The request's row and first batches. An earlier request of the station ends with what it has."""
        if not tx_hold_station(tx, station.id):
            raise RefusedButterfly(ButterflyReason.BARRED)
        today = self._clock.time32() // DAY
        most = self._policy.requests_per_day
        counted = tx.row(_TODAY, station=station.id, today=today)
        if most and counted is not None and counted[0] >= most:
            raise RefusedButterfly(ButterflyReason.TOO_MANY, "the day's limit")
        tx.run(_END_EARLIER, of_station=station.id)
        request, horizon = random_key(), self.horizon(profile)
        following = add_batches(
            tx, self.periods, self._policy, profile, station.id, request, wish.first, min(wish.last, horizon)
        )
        if following == wish.first:
            raise RefusedButterfly(ButterflyReason.TOO_MANY, "the limit of tickets at once")
        end = self.periods.end(wish.last)
        try:
            tx.insert(
                ButterflyRequest,
                id=request,
                request_hash=request_hash,
                station=station.id,
                wish=wire.encode(wish.tbs),
                params=wire.encode(wish.params),
                last=wish.last,
                following=following,
                day=today,
                expires=validity.floor_hour(end) + HOUR,
            )
        except AlreadyRecorded as error:
            raise RefusedButterfly(ButterflyReason.TOO_MANY, "this request was granted before") from error
        tx.audit(Event.BUTTERFLY_GRANTED, station=station.id, periods=wish.last - wish.first + 1)

    def horizon(self, profile: StationProfile) -> int:
        """The last period that is supplied now."""
        return self.periods.at(self._clock.time32() + min(self._policy.preload, profile.preload))

    def _forgotten_at(self, now: int) -> int:
        return validity.floor_hour(now) + -(-self._keep // HOUR) * HOUR + HOUR

    def _info(self, own: Generation, request_hash: bytes, next_download: int) -> bytes:
        now = self._clock.time32()
        info = scms.RaEeCertInfo(
            version=2,
            generation_time=now,
            current_i=self.periods.at(now),
            request_hash=request_hash,
            next_dl_time=next_download,
        )
        return own.sign(self._ledger, "butterflyAuthorizationResponse", info, self._clock.time64())

    # --- downloads -----------------------------------------------------------------------------

    def download(self, octets: bytes) -> Download:
        """The file that a butterflyAtDownloadRequest names, for the station it belongs to."""
        try:
            found = self._download(octets)
        except RefusedButterfly as refusal:
            self._refuse("download", refusal)
        self._observer.answered("download", "ok", "")
        return found

    def _download(self, octets: bytes) -> Download:
        request = self._own.open(octets)
        if request.to_retired:
            raise RefusedButterfly(ButterflyReason.OLD_RECIPIENT)
        try:
            outer = SignedMessage.parse(request.decrypt())
            content = wire.decode(etsi.EtsiTs102941Data, outer.payload).content
        except (DecryptionFailed, UnknownCipher) as error:
            raise RefusedButterfly(ButterflyReason.CANNOT_DECRYPT) from error
        except UnexpectedContent as error:
            raise RefusedButterfly(ButterflyReason.WRONG_CONTENT, str(error)) from error
        except DecodeError as error:
            raise RefusedButterfly(ButterflyReason.CANNOT_PARSE, str(error)) from error
        asked = content.value
        if not isinstance(asked, scms.EeRaDownloadRequest):
            raise RefusedButterfly(ButterflyReason.WRONG_CONTENT, f"content is {content.kind}")
        station, _ = self._asking(outer)
        now = self._clock.time32()
        if abs(asked.generation_time - now) > self._window:
            raise RefusedButterfly(ButterflyReason.OUT_OF_TIME, "generationTime of the request itself")
        name = FileName.parse(asked.filename)
        row = None if name is None else self._database.row(_FILE, request_hash=name.request_hash)
        # another station's file is answered as one that is not there
        if name is None or row is None or row[1] != station.id:
            raise RefusedButterfly(ButterflyReason.NO_FILE)
        request_id, _, last, following = row
        if name.period is None:
            following_at = self._next_download(last, following)
            return Download(self._info(request.own, name.request_hash, following_at), False)
        batch = self._database.row(_ARCHIVE, request=request_id, period=name.period)
        if batch is None or batch[0] is None:
            waits = batch is not None and batch[1] not in ("refused", "stopped")
            comes = batch is None and following <= name.period <= last
            raise RefusedButterfly(ButterflyReason.NOT_YET if waits or comes else ButterflyReason.NO_FILE)
        return Download(batch[0], True)

    def _next_download(self, last: int, following: int) -> int:
        """When the next file should be there: of a batch that waits, or of the period that is not begun."""
        soon = self._clock.time32() + self._policy.mix_wait + WORKING_TIME
        if following > last:
            return soon
        return max(soon, self.periods.start(following) - self._policy.preload)

    def _refuse(self, flow: str, refusal: RefusedButterfly) -> NoReturn:
        self._observer.answered(flow, refusal.reason.name.lower(), str(refusal))
        raise refusal

    # --- upkeep ----------------------------------------------------------------------------------

    def purge(self, now: int) -> int:
        """Forget batches whose tickets have ended, and requests that bring no more; the count of rows."""
        self._ledger.settle()
        with self._database.write(durable=False) as tx:
            return sum(tx.run(statement, before=now) for statement in _PURGES)

    def close(self) -> None:
        """Put on the record what was signed, at the end of a process."""
        self._ledger.close()


def tx_hold_station(tx: Transaction, station: bytes) -> bool:
    """Nobody else counts requests or tickets of a station until the transaction ends; whether it is active.
    Before its requests' rows: who would have those first could wait for one that waits for them."""
    row = tx.row(_STATUS, station=station)
    return row is not None and row[0] == ACTIVE


def add_batches(
    tx: Transaction,
    periods: Periods,
    policy: ButterflyPolicy,
    profile: StationProfile,
    station: bytes,
    request: bytes,
    first: int,
    last: int,
) -> int:
    """Record a request's batches from a period on, counting their tickets; the first period that has none.

    Stops where the station would hold more tickets at once than its profile allows. The transaction holds the
    station (tx_hold_station).
    """
    count, following = policy.certificates, first
    for i in range(first, last + 1):
        start, end = tickets.hours_of(periods.validity_of(i))
        windows = tx.rows(_WINDOWS, station=station, from_hour=start, to_hour=end)
        clipped = [(max(s, start), min(e, end), n) for s, e, n in windows]
        if tickets.most_at_once(clipped) + count > profile.parallel_limit:
            break
        if not tx.run(_ADD_TICKETS, of_station=station, from_hour=start, to_hour=end, more=count):
            tx.insert(TicketWindow, station=station, start=start, end=end, tickets=count)
        tx.insert(
            ButterflyBatch,
            request=request,
            period=i,
            count=count,
            chunk=None,
            state=WAITING,
            archive=None,
            expires=end,
        )
        following = i + 1
    return following
