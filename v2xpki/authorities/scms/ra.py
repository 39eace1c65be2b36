"""The registration authority of an SCMS, as devices see it (IEEE 1609.2.1): octets in, octets out.

    ra = RegistrationAuthority(own=[OwnCertificate(certificate, agreer)], responder=..., database=..., ...)
    ack = ra.request(octets)                    of an EeRaCertRequestSpdu, encrypted
    file = ra.download(octets, filename)        for an EeRaDownloadRequestSpdu
    ack = ra.successor(octets)                  of an EeRaSuccessorEnrollmentCertRequestSpdu, encrypted
    file = ra.successor_file(octets, filename)

A refusal is RefusedRequest, for there is no PDU that says no. What is granted is recorded with its first
batches in the transaction that remembers the answer; the RA's line does the rest, in jobs. Nothing here asks
the ACA or a linkage authority.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TypeVar

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.audit import Event
from v2xpki.authorities.etsi.observer import Observer, Silent
from v2xpki.authorities.ledger import AnswerLedger
from v2xpki.authorities.periods import LAST_PERIOD, Periods
from v2xpki.authorities.scms import ra_devices
from v2xpki.authorities.scms.peers import EcaLink
from v2xpki.authorities.scms.ra_answers import Answers, look_again
from v2xpki.authorities.scms.ra_asking import Asker, Askers
from v2xpki.authorities.scms.ra_batches import add_batches, expires_after, horizon, next_download
from v2xpki.authorities.scms.ra_chunks import Purging
from v2xpki.authorities.scms.ra_documents import InfoStatus, ManagementInfo, policy_document
from v2xpki.authorities.scms.ra_downloads import Downloads, FileName, ScmsFile
from v2xpki.authorities.scms.ra_granting import Grant, Granting
from v2xpki.authorities.scms.ra_reasons import RaReason, RefusedRequest, refusal
from v2xpki.authorities.scms.ra_requests import CertificateWish, OwnCertificate, Reader
from v2xpki.authorities.scms.ra_successors import Successors
from v2xpki.authorities.scms.ra_trust import TrustedEcas
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Certificate
from v2xpki.errors import AlreadyRecorded, ConfigError
from v2xpki.keystore import ScmsResponder
from v2xpki.store import Database, Statement, Transaction, random_key
from v2xpki.store.base import table_of
from v2xpki.store.ra import APPLICATION, PSEUDONYM, RaAnswer, RaName, RaRequest, RaSuccessor
from v2xpki.time import Clock
from v2xpki.trust.scms_kinds import CertificateKind, shipped_kinds
from v2xpki.wire import scms

_T = TypeVar("_T")
_REQUEST = table_of(RaRequest)
_SAME_KIND = (
    _REQUEST.c.device == sa.bindparam("of_device"),
    _REQUEST.c.kind == sa.bindparam("of_kind"),
)
_COVERING = Statement(
    sa.select(sa.func.count(type_=sa.Integer()))
    .select_from(_REQUEST)
    .where(
        *_SAME_KIND,
        _REQUEST.c.first <= sa.bindparam("upto"),
        _REQUEST.c.following > sa.bindparam("from_period"),
        _REQUEST.c.expires > sa.bindparam("now"),
    )
)
_END_EARLIER = Statement(
    sa.update(_REQUEST)
    .where(*_SAME_KIND, _REQUEST.c.following <= _REQUEST.c.last)
    .values(last=_REQUEST.c.following - 1)
)
_NAME, _SUCCESSOR = table_of(RaName), table_of(RaSuccessor)
_PURGES = [
    Statement(sa.delete(table).where(table.c.expires <= sa.bindparam("before")))
    for table in map(table_of, (RaAnswer, RaSuccessor))
]
_FORGET_NAMES = Statement(
    sa.delete(_NAME).where(
        ~sa.exists(sa.select(_REQUEST.c.id).where(_REQUEST.c.request_hash == _NAME.c.first)),
        ~sa.exists(sa.select(_SUCCESSOR.c.device).where(_SUCCESSOR.c.request_hash == _NAME.c.first)),
    )
)


class RegistrationAuthority:
    """An RA's device-facing half. One object serves all threads of a process.

    own: the certificates that devices encrypt to, the one that answers are signed under first. responder:
    door 2 under that. ecas: whose enrolment certificates are believed. eca: the way to the ECA that makes
    successors. info: what certificate-management-info-status tells.
    """

    def __init__(
        self,
        *,
        own: Sequence[OwnCertificate],
        responder: ScmsResponder,
        database: Database,
        clock: Clock,
        ecas: TrustedEcas,
        eca: EcaLink,
        info: ManagementInfo,
        policy: ScmsPolicy | None = None,
        kinds: Mapping[str, CertificateKind] | None = None,
        observer: Observer | None = None,
    ) -> None:
        if not own or own[0].certificate != responder.certificate:
            raise ConfigError("an RA answers under the first of its certificates")
        self._database, self._clock = database, clock
        self._policy, self._kinds = policy or ScmsPolicy(), kinds or shipped_kinds()
        self._observer: Observer = observer or Silent()
        self.certificate: Certificate = responder.certificate
        self.periods = Periods(self._policy.epoch, self._policy.period, self._policy.overlap)
        self._purging = Purging()
        self.blocklist = ra_devices.Blocklist(database)
        self._reader, self._askers = Reader(own), Askers(database, ecas, clock)
        self._granting = Granting(self.certificate, self._policy, self._kinds, self.periods)
        self._downloads = Downloads(database, clock, self._policy, self.periods)
        self._ledger = AnswerLedger(database, clock)
        self._answers = Answers(database, responder, self._ledger, clock, self._policy)
        self._info = InfoStatus(responder, self._ledger, info)
        self._successors = Successors(
            database, clock, self._policy, ecas, eca, self._askers, self._answers
        )  # fmt: skip

    # --- requests ------------------------------------------------------------------------------

    def request(self, octets: bytes) -> bytes:
        """The RaEeCertAck SPDU for an EeRaCertRequest.

        Raises RefusedRequest; OutOfService, KeystoreError, StoreError and AuditError where the service is
        not able to: nothing is remembered then.
        """
        return self._observed(
            "request", lambda: look_again(self._request, self._reader.certificate_wish(octets))
        )

    def successor(self, octets: bytes) -> bytes:
        """The RaEeCertAck SPDU for a successor's request, which the ECA has granted; errors as `request`, and
        LinkError."""
        return self._observed(
            "successor", lambda: look_again(self._successors.answer, self._reader.successor_wish(octets))
        )

    def _request(self, wish: CertificateWish) -> tuple[bytes, bool]:
        asker = self._askers.who(wish.spdu)
        key = self._answers.key(wish.digest)
        # before the time check: a repeated request is answered as the first was
        known = self._answers.recall(key)
        if known is not None:
            return known, True
        asked, now = wish.asked, self._clock.time32()
        if abs(asked.generation_time - now) > self._policy.generation_time_window:
            raise refusal(RaReason.OUT_OF_TIME)
        if asker.device is not None:
            same = self._answers.wish(asker.device, _asked(asked))
            known = self._answers.recall_wish(same, key, wish.digest[-8:], asker.device)
            if known is not None:
                return known, True
        grant = self._granting.grant(asked, asker.proven, now)
        return self._record(wish, asker, key, grant, now)

    def _record(
        self, wish: CertificateWish, asker: Asker, key: bytes, grant: Grant, now: int
    ) -> tuple[bytes, bool]:
        request_hash = wish.digest[-8:]
        reach = horizon(self.periods, now, self._policy.preload)
        # an application certificate has no periods to wait for
        upto = grant.last if grant.kind == APPLICATION else min(grant.last, reach)
        next_dl = next_download(
            self.periods,
            self._policy,
            now,
            waits=upto >= grant.first,
            following=grant.first,
            end=grant.end,
        )
        answer = self._answers.acknowledge(request_hash, next_dl, grant.first)
        with self._database.write(durable=True) as tx:
            device = ra_devices.tx_device_of(tx, asker.proven.certificate)
            before = self._answers.tx_keep(tx, key, self._answers.wish(device, _asked(wish.asked)), answer)
            if before is not None:
                return before, True
            self._answers.tx_count(tx, device)
            self._make_room(tx, device, grant, upto, now)
            request, expires = random_key(), expires_after(grant.end)
            following = add_batches(
                tx,
                self.periods,
                request,
                count=grant.size,
                first=grant.first,
                last=upto,
                expires=expires if grant.kind == APPLICATION else None,
            )
            try:
                tx.insert(
                    RaRequest,
                    id=request,
                    request_hash=request_hash,
                    device=device,
                    kind=grant.kind,
                    count=grant.size,
                    wish=wire.encode(grant.tbs),
                    params=None if grant.params is None else wire.encode(grant.params),
                    # apart: both linkage authorities together must not know a chain by one name
                    lci1=random_key() if grant.kind == PSEUDONYM else None,
                    lci2=random_key() if grant.kind == PSEUDONYM else None,
                    first=grant.first,
                    last=grant.last,
                    following=following,
                    expires=expires,
                )
            except AlreadyRecorded as error:
                raise refusal(RaReason.TOO_MANY, "this request was granted before") from error
            tx.audit(Event.BUTTERFLY_GRANTED, station=device, periods=grant.last - grant.first + 1)
        return answer, False

    def _make_room(self, tx: Transaction, device: bytes, grant: Grant, upto: int, now: int) -> None:
        """An earlier request of this kind ends with what it has. Refused where too many are for one time."""
        single = grant.kind == APPLICATION
        if not single:
            tx.run(_END_EARLIER, of_device=device, of_kind=grant.kind)
        row = tx.row(
            _COVERING,
            of_device=device,
            of_kind=grant.kind,
            from_period=-1 if single else grant.first,
            upto=LAST_PERIOD if single else max(grant.first, upto),
            now=now,
        )
        if row is not None and row[0] >= self._kinds[grant.kind].parallel:
            raise refusal(RaReason.TOO_MANY, f"{grant.kind} certificates for the same time")

    # --- files ---------------------------------------------------------------------------------

    def download(self, octets: bytes, filename: str | None = None) -> ScmsFile:
        """The .info or .zip that an EeRaDownloadRequest names; filename: what the URL names, if it does. A
        plain request is refused unless the policy has plain_downloads.

        Raises RefusedRequest: NOT_YET for a file that will come, NO_FILE for any other.
        """

        def find() -> tuple[ScmsFile, bool]:
            name, device, signed = self._wanted(octets, filename)
            return self._downloads.certificates(name, device, anybody=not signed), False

        return self._observed("download", find)

    def successor_file(self, octets: bytes, filename: str | None = None) -> ScmsFile:
        """The EcaEeCertResponse SPDU for a successor. As `download`, but never without a signature."""

        def find() -> tuple[ScmsFile, bool]:
            name, device, signed = self._wanted(octets, filename)
            if not signed:
                raise refusal(RaReason.UNSIGNED)
            return self._downloads.successor(name, device), False

        return self._observed("successor-download", find)

    def _wanted(self, octets: bytes, filename: str | None) -> tuple[FileName, bytes | None, bool]:
        """The file, the device that asks, and whether one has signed."""
        wish = self._reader.download_wish(octets)
        if wish.message is None and not self._policy.plain_downloads:
            raise refusal(RaReason.UNSIGNED)
        device = None if wish.message is None else self._askers.who(wish.message).device
        age = self._clock.time32() - wish.asked.generation_time
        if not -self._policy.generation_time_window <= age <= self._policy.download_max_age:
            raise refusal(RaReason.OUT_OF_TIME)
        if filename is not None and filename != wish.asked.filename:
            raise refusal(RaReason.WRONG_FORM, "the URL names another file")
        name = FileName.parse(wish.asked.filename)
        if name is None or (wish.message is not None and device is None):
            raise refusal(RaReason.NO_FILE)
        return name, device, wish.message is not None

    # --- for everybody -------------------------------------------------------------------------

    def status(self) -> bytes:
        """The CertificateManagementInformationStatusSpdu."""
        return self._info.octets()

    def policy(self) -> bytes:
        """The policy that devices go by: JSON."""
        return policy_document(self._policy, self._kinds, self._clock)

    # --- upkeep --------------------------------------------------------------------------------

    def purge(self, now: int) -> int:
        """Forget what has ended, and settle the ledger; the count of rows."""
        self._ledger.settle()
        count = self._purging.purge(self._database, now)
        with self._database.write(durable=False) as tx:
            count += sum(tx.run(statement, before=now) for statement in _PURGES)
            return count + tx.run(_FORGET_NAMES) + ra_devices.tx_purge(tx, now)

    def close(self) -> None:
        """At the end of a process: the counts of what was answered go on the record."""
        self._ledger.close()

    def _observed(self, flow: str, work: Callable[[], tuple[_T, bool]]) -> _T:
        try:
            answer, again = work()
        except RefusedRequest as error:
            self._observer.answered(flow, error.reason.name.lower(), str(error))
            raise
        self._observer.answered(flow, "again" if again else "ok", "")
        return answer


def _asked(asked: scms.EeRaCertRequest) -> bytes:
    """SHA-256 of what is asked for, whenever it is."""
    return sha256(wire.encode(asked._replace(generation_time=0))).digest()
