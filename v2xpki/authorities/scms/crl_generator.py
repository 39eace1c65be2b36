"""The CRL generator of an SCMS: signs the whole of each series, hands it to the distribution centre.

    crls = CrlGenerator(signer, database, publisher, craca, series, periods, clock)
    crls.issue_due();  crls.publish_due()

A CRL is due where its series has none yet, where there is an entry that none names, and well ahead of the
nextCrl of the last one. An issueDate is given away by a row in the transaction that records what is to be
signed, and only by who has seen the row before it, so a CRL is signed once for each craca, series and
issueDate, and names all that the ones before it name; whoever dies on the way leaves the last
CRL in force, and the next one has a later issueDate.

iRev is the first period whose certificates have not all ended, and the seeds of all entries are stepped to
it. An entry whose chain begins later is named once that is reached: before that it has no valid certificate,
but for the hours in which the period before it overlaps.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.authorities.periods import Periods
from v2xpki.authorities.scms.ma_cases import linked_entry
from v2xpki.authorities.scms.peers import Publisher
from v2xpki.crypto import hash_octets
from v2xpki.errors import AlreadyRecorded, ConfigError
from v2xpki.issuance import CrlSigner, recover, tx_complete, tx_save
from v2xpki.store import Database, Statement
from v2xpki.store.base import IssuanceRecord, table_of
from v2xpki.store.ma import RevokedEntry, SignedCrl
from v2xpki.store.turns import tx_alone
from v2xpki.time import Clock
from v2xpki.trust.scms_crl import (
    CrlSchedule,
    Family,
    HashRevocation,
    LinkedRevocation,
    build_hash_crl,
    build_linked_crl,
)
from v2xpki.wire import dot2

_LAST_INDEX = 0xFF  # indexWithinI is a Uint8
_ISSUED = "issued"

_e, _s, _r = table_of(RevokedEntry).c, table_of(SignedCrl).c, table_of(IssuanceRecord).c
_LISTED = Statement(
    sa.update(RevokedEntry).where(_e.id == sa.bindparam("entry", type_=_e.id.type)).values(listed=1)
)
_PUBLISHED = Statement(
    sa.update(SignedCrl)
    .where(_s.record == sa.bindparam("of_record", type_=_s.record.type))
    .values(published=1)
)


@dataclass(frozen=True)
class CrlPolicy:
    """In seconds. validity: from issueDate to nextCrl; ahead: so long before nextCrl the next one is made."""

    validity: int = 7 * 86_400
    ahead: int = 5 * 86_400

    def __post_init__(self) -> None:
        if not 0 < self.ahead < self.validity:
            raise ConfigError(
                f"CRL policy: ahead {self.ahead} s is not within the validity {self.validity} s"
            )


class _Last(NamedTuple):
    """The last issueDate of a series that was given away."""

    issue_date: int
    number: int
    i_rev: int | None


class _Entry(NamedTuple):
    id: bytes
    value: bytes
    i_rev: int | None
    i_max: int | None
    j_max: int | None
    listed: int
    expires: int


class CrlGenerator:
    """The CRLs of one CRACA (HashedId8). One object serves all threads of a process; records that dead
    processes left open are voided when it is made."""

    def __init__(
        self,
        signer: CrlSigner,
        database: Database,
        publisher: Publisher,
        craca: bytes,
        series: Mapping[int, Family],
        periods: Periods,
        clock: Clock,
        policy: CrlPolicy | None = None,
    ) -> None:
        recover(database)
        self._signer, self._database, self._publisher, self._craca = signer, database, publisher, craca
        self._series, self._periods, self._clock = dict(series), periods, clock
        self._policy = policy or CrlPolicy()

    def due(self) -> list[int]:
        """The series that are to have a new CRL now."""
        now, found = self._clock.time32(), []
        for series in sorted(self._series):
            current = self._current(series)
            if (
                current is None
                or now >= current[0] - self._policy.ahead
                or any(not entry.listed for entry in self._entries(series, now, unlisted=True))
            ):
                found.append(series)
        return found

    def issue_due(self) -> list[bytes]:
        """Sign every CRL that is due; their octets. Errors as issue."""
        made = []
        for series in self.due():
            octets = self.issue(series)
            # What another process has signed instead may have been gathered before what this one is to name.
            if octets is None and series in self.due():
                octets = self.issue(series)
            if octets is not None:
                made.append(octets)
        return made

    def issue(self, series: int) -> bytes | None:
        """Sign the next CRL of a series: COER of a SecuredCrl; None where another process does it just now.

        Raises RecordFailed, AuditError (then nothing was signed), KeystoreError, IssuanceError.
        """
        now, last = self._clock.time32(), self._last(series)
        issue_date = now if last is None else max(now, last.issue_date + 1)
        schedule = CrlSchedule(self._craca, series, issue_date, issue_date + self._policy.validity)
        i_rev = self._i_rev(now) if self._series[series] == "linked" else None
        number = self._number(last, i_rev)
        entries = self._entries(series, issue_date)
        prepared = self._signer.prepare(self._contents(schedule, i_rev, number, entries))
        try:
            with self._database.write(durable=True) as tx:
                # Whose issueDate came since this one looked may name more than this one would.
                tx_alone(tx)
                since = sa.select(_s.issue_date).where(
                    _s.craca == self._craca,
                    _s.series == series,
                    _s.issue_date > (-1 if last is None else last.issue_date),
                )
                if tx.execute(since.limit(1)).first() is not None:
                    return None
                tx.insert(
                    SignedCrl,
                    craca=self._craca,
                    series=series,
                    issue_date=issue_date,
                    next_crl=schedule.next_crl,
                    number=number,
                    i_rev=i_rev,
                    record=prepared.record.id,
                    published=0,
                )
                tx_save(tx, prepared.record)
        except AlreadyRecorded:
            return None
        octets = self._signer.issue(prepared.token)
        with self._database.write(durable=True) as tx:
            tx_complete(tx, prepared.record, octets)
            for entry in entries:
                if not entry.listed:
                    tx.run(_LISTED, entry=entry.id)
        return octets

    def current(self, series: int) -> bytes | None:
        """The last CRL of a series that was signed."""
        found = self._current(series)
        return None if found is None else found[1]

    def publish_due(self) -> int:
        """Give the distribution centre what it does not have yet, the oldest first; how many. Raises
        LinkError: ask again."""
        rows = self._unpublished()
        if not rows:
            return 0
        self._publisher.publish([bytes(row[3]) for row in rows])
        with self._database.write(durable=True) as tx:
            for record, series, issue_date, octets in rows:
                if tx.run(_PUBLISHED, of_record=bytes(record)):
                    tx.audit(
                        Event.LIST_PUBLISHED,
                        kind=f"crl {series}",
                        issuer=self._craca,
                        sequence=issue_date,
                        digest=hash_octets("sha256", bytes(octets)),
                    )
        return len(rows)

    def has_unpublished(self) -> bool:
        """Whether the distribution centre lacks a CRL."""
        return bool(self._unpublished())

    def _unpublished(self) -> Sequence[Any]:
        query = (
            sa.select(_s.record, _s.series, _s.issue_date, _r.signed)
            .join(table_of(IssuanceRecord), _r.id == _s.record)
            .where(_s.published == 0, _r.state == _ISSUED)
            .order_by(_s.issue_date, _s.series)
        )
        with self._database.read() as tx:
            rows: Sequence[Any] = tx.execute(query).all()
        return rows

    # --- contents --------------------------------------------------------------------------------------

    def _i_rev(self, now: int) -> int:
        """The first period whose certificates have not all ended."""
        return self._periods.last_ending_by(now) + 1

    @staticmethod
    def _number(last: _Last | None, i_rev: int | None) -> int:
        if last is None or last.i_rev != i_rev:
            return 0
        return last.number + 1 if i_rev is None else min(last.number + 1, _LAST_INDEX)

    @staticmethod
    def _contents(
        schedule: CrlSchedule, i_rev: int | None, number: int, entries: Iterable[_Entry]
    ) -> dot2.CrlContents:
        if i_rev is None:
            hashes = (HashRevocation(entry.value, entry.expires) for entry in entries)
            return build_hash_crl(schedule, number, hashes)
        linked = (
            LinkedRevocation(
                linked_entry(entry.value).after(i_rev - (entry.i_rev or 0)),
                entry.i_max or 0,
                entry.j_max or 0,
            )
            for entry in entries
        )
        return build_linked_crl(schedule, i_rev, number, linked)

    # --- rows ------------------------------------------------------------------------------------------

    def _entries(self, series: int, at: int, *, unlisted: bool = False) -> list[_Entry]:
        """What a CRL of a moment names: entries that have not ended, and whose chains have begun."""
        query = sa.select(_e.id, _e.value, _e.i_rev, _e.i_max, _e.j_max, _e.listed, _e.expires)
        query = query.where(_e.series == series, _e.expires > at)
        if self._series[series] == "linked":
            i_rev = self._i_rev(self._clock.time32())
            query = query.where(_e.i_rev <= i_rev, _e.i_max >= i_rev)
        if unlisted:
            query = query.where(_e.listed == 0)
        with self._database.read() as tx:
            rows: Sequence[Any] = tx.execute(query).all()
        return [_Entry(bytes(row[0]), bytes(row[1]), *row[2:]) for row in rows]

    def _last(self, series: int) -> _Last | None:
        query = (
            sa.select(_s.issue_date, _s.number, _s.i_rev)
            .where(_s.craca == self._craca, _s.series == series)
            .order_by(_s.issue_date.desc())
            .limit(1)
        )
        with self._database.read() as tx:
            row: Any = tx.execute(query).first()
        return None if row is None else _Last(*row)

    def _current(self, series: int) -> tuple[int, bytes] | None:
        query = (
            sa.select(_s.next_crl, _r.signed)
            .join(table_of(IssuanceRecord), _r.id == _s.record)
            .where(_s.craca == self._craca, _s.series == series, _r.state == _ISSUED)
            .order_by(_s.issue_date.desc())
            .limit(1)
        )
        with self._database.read() as tx:
            row: Any = tx.execute(query).first()
        return None if row is None else (row[0], bytes(row[1]))
