"""Publishing: what goes out together goes out in one durable transaction, or not at all.

Snapshot and timestamp are prepared, recorded, and only then signed; the transaction that completes the record
inserts all new versions. Whoever was overtaken by another process voids its record, whose signatures nobody
has seen, and looks again.
"""

import contextlib
import hashlib
import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from tuf.api.metadata import Signed as AnySigned
from tuf.api.metadata import Targets

from v2xpki.audit import Event
from v2xpki.config import OtaPolicy
from v2xpki.errors import AlreadyRecorded, IssuanceError, RecordFailed, StoreError, V2xPkiError
from v2xpki.issuance import Prepared, Token, tx_complete, tx_save, tx_void
from v2xpki.issuance.metadata import Payload, Signed, document, signatures_of
from v2xpki.keystore import KeyLabel
from v2xpki.ota.kinds import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from v2xpki.ota.metadata import State, Version, expiry, parse, payload, snapshot_of, timestamp_of
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.rows import Request, Rows, tx_alone
from v2xpki.store import Database, Transaction
from v2xpki.store.tuf import DROPPED, PUBLISHED
from v2xpki.time import Clock

_ATTEMPTS = 8


class TargetsChange(NamedTuple):
    """Paths that come to a targets role, or go from it. request: the one that it is due to."""

    request: bytes
    role: str
    version: int
    added: tuple[str, ...]
    removed: tuple[str, ...]


class Follower(Protocol):
    """Who keeps rows about targets. Told inside the transaction that does it: an error undoes it."""

    def requested(self, tx: Transaction, change: TargetsChange) -> None: ...

    def published(self, tx: Transaction, change: TargetsChange) -> None: ...

    def dropped(self, tx: Transaction, change: TargetsChange) -> None: ...


class _Overtaken(V2xPkiError):
    """Another process has published since."""


class _Online(NamedTuple):
    """Snapshot and timestamp, or the timestamp alone, prepared: who signs what."""

    roles: tuple[str, ...]
    numbers: tuple[int, ...]
    expires: tuple[int, ...]
    prepared: Prepared


class Publisher:
    """The way of new versions into the database. Threads of one process take turns."""

    def __init__(
        self,
        database: Database,
        rows: Rows,
        keys: OnlineKeys | None,
        policy: OtaPolicy,
        clock: Clock,
        follower: Follower | None,
    ) -> None:
        self._database, self._rows, self._keys = database, rows, keys
        self._policy, self._clock, self.follower = policy, clock, follower
        self._turn = threading.Lock()

    def publish_ready(self) -> tuple[Version, ...]:
        """Publish requests whose signatures are there, with all that must go out with them; what came out.

        Raises KeyNotFound (the token has not the key that the root names), TokenLost, StoreError: then
        nothing was published, the signatures are kept, and a later call tries again.
        """
        with self._turn:
            for _ in range(_ATTEMPTS):
                with self._database.read() as tx:
                    waiting = [self._signed(tx, one) for one in self._rows.requests(tx)]
                    ready = [one for one in waiting if one is not None]
                    if not ready:
                        return ()
                    before = self._rows.state(tx)
                group = self._choose(before, ready)
                if not group:
                    return ()
                new = [version for _, version in group]
                with contextlib.suppress(_Overtaken):
                    return self._bring_out(before, new, [request for request, _ in group])
            raise RecordFailed("other processes publish all the time")

    def renew(self) -> tuple[Version, ...]:
        """Sign anew what has less than `renew_before` left: a timestamp, or both; what came out. Errors as
        publish_ready."""
        with self._turn:
            for _ in range(_ATTEMPTS):
                if not self._rows.kind.keeps_targets:
                    return ()
                with self._database.read() as tx:
                    if not self._is_due(self._rows.ends(tx, SNAPSHOT, TIMESTAMP)):
                        return ()
                    before = self._rows.state(tx)
                with contextlib.suppress(_Overtaken):
                    return self._bring_out(before, (), ())
            raise RecordFailed("other processes publish all the time")

    def _is_due(self, ends: Iterable[int]) -> bool:
        limit = self._clock.time32() + self._policy.renew_before
        return any(end < limit for end in ends)

    def _signed(self, tx: Transaction, request: Request) -> tuple[Request, Version] | None:
        """A request with its signatures as a version; None where they are not enough, or it has expired."""
        found = {one.keyid: one.signature for one in self._rows.signatures(tx, request.id)}
        if not all(asked.met(found) for asked in request.agree):
            return None
        octets = document(request.payload, sorted(found.items()))
        expires = expiry(parse(octets, AnySigned).signed)
        if expires <= self._clock.time32():
            return None
        return request, Version(request.role, request.version, octets, expires)

    def awaited(self, tx: Transaction, request: Request) -> tuple[str, ...]:
        """The roles whose next version must go out with a request that has its signatures: no client could
        follow it alone. None for one that lacks some, or has expired."""
        ready = self._signed(tx, request)
        if ready is None or not self._rows.kind.keeps_targets:
            return ()
        after = self._rows.state(tx).having([ready[1]])
        if after.root is None:
            return (ROOT,)
        lacking = [role for role in (TARGETS, *after.delegated) if not after.signed_as_asked(role)]
        if request.role not in (ROOT, TARGETS, *after.delegated):
            lacking.append(request.role)
        # what lacks nothing but others' leave waits for theirs
        delegator = ROOT if request.role == TARGETS else TARGETS
        return tuple(dict.fromkeys(delegator if role == request.role else role for role in lacking))

    def _choose(
        self, before: State, ready: Sequence[tuple[Request, Version]]
    ) -> Sequence[tuple[Request, Version]]:
        """What may go out: all that is ready, else a single one; nothing where no client could follow."""
        groups = [ready, *([one] for one in ready)] if len(ready) > 1 else [ready]
        for group in groups:
            if not group or any(new.version != before.number(new.role) + 1 for _, new in group):
                continue
            after = before.having(new for _, new in group)
            if not {new.role for _, new in group} <= {ROOT, TARGETS, *after.delegated}:
                continue  # what nobody delegates to is signed by nobody's leave
            if not after.check(before.root, with_targets=self._rows.kind.keeps_targets):
                return group
        return ()

    # -- one attempt

    def _bring_out(
        self, before: State, new: Sequence[Version], requests: Sequence[Request]
    ) -> tuple[Version, ...]:
        """Raises _Overtaken."""
        after = before.having(new)
        online = self._prepare(
            after, timestamp_only=not (new or self._is_due([before.versions[SNAPSHOT].expires]))
        )
        if online is None:
            with self._database.write(durable=True) as tx:
                self._insert(tx, before, after, new, requests)
            return tuple(new)
        record = online.prepared.record
        with self._database.write(durable=True) as tx:
            tx_save(tx, record)
        try:
            made = self._sign(online.prepared.token)
            signed = [
                Version(role, number, one.document, expires)
                for role, number, expires, one in zip(
                    online.roles, online.numbers, online.expires, made, strict=True
                )
            ]
            with self._database.write(durable=True) as tx:
                self._insert(tx, before, after, [*new, *signed], requests)
                tx_complete(tx, record, signatures_of(made))
        except BaseException as error:
            # Nobody has seen what was signed, if it was. Should this fail too, the next start does it.
            with contextlib.suppress(StoreError), self._database.write(durable=True) as tx:
                tx_void(tx, record, type(error).__name__)
            if isinstance(error, AlreadyRecorded):
                raise _Overtaken from error
            raise
        return (*new, *signed)

    def _sign(self, token: Token) -> list[Signed]:
        assert self._keys is not None
        return self._keys.issuer.issue(token)

    def _prepare(self, state: State, *, timestamp_only: bool) -> _Online | None:
        """None: the repository signs nothing here (the Director's vehicles' metadata is not its)."""
        if not self._rows.kind.keeps_targets:
            return None
        if self._keys is None or state.root is None:
            raise IssuanceError("this process has no keys for snapshot and timestamp")
        now, policy = self._clock.time32(), self._policy
        labels: list[KeyLabel] = [
            self._keys.signing_label(role, state.root.roles[role].keyids) for role in (SNAPSHOT, TIMESTAMP)
        ]
        snapshot, timestamp = state.number(SNAPSHOT), state.number(TIMESTAMP) + 1
        ends = now + policy.timestamp_validity
        if timestamp_only:
            octets = payload(timestamp_of(snapshot, timestamp, ends))
            prepared = self._keys.issuer.prepare([Payload(labels[1], octets)], ends)
            return _Online((TIMESTAMP,), (timestamp,), (ends,), prepared)
        last = now + policy.snapshot_validity
        payloads = [
            Payload(labels[0], payload(snapshot_of(state, snapshot + 1, last))),
            Payload(labels[1], payload(timestamp_of(snapshot + 1, timestamp, ends))),
        ]
        prepared = self._keys.issuer.prepare(payloads, max(last, ends))
        return _Online((SNAPSHOT, TIMESTAMP), (snapshot + 1, timestamp), (last, ends), prepared)

    def _insert(
        self,
        tx: Transaction,
        before: State,
        after: State,
        new: Iterable[Version],
        requests: Sequence[Request],
    ) -> None:
        """All rows of a publication. Raises _Overtaken, and whatever the follower raises."""
        tx_alone(tx)
        if self._rows.numbers(tx) != {role: one.version for role, one in before.versions.items()}:
            raise _Overtaken
        for request in requests:
            if not self._rows.close_request(tx, request.id, PUBLISHED, ""):
                raise _Overtaken
        new = list(new)
        self._rows.publish(tx, new, self._clock.time32())
        for one in new:
            tx.audit(
                Event.METADATA_PUBLISHED,
                role=one.role,
                version=one.version,
                digest=hashlib.sha256(one.octets).digest(),
            )
        if requests:
            self.drop_stale(tx, after)
            self._tell_published(tx, before, after, requests)

    # -- what follows from a publication or a drop

    def drop_stale(self, tx: Transaction, state: State) -> None:
        """Drop open requests that nothing could publish any more: other keys sign the role now, or another
        version is there."""
        waiting = self._rows.requests(tx)
        for request in waiting:
            pending = {one.role: one for one in waiting if one.id != request.id}
            if request.version == state.number(request.role) + 1 and _may_come(request, state, pending):
                continue
            self.drop(tx, request, state, reason="other keys or another version of the role now", by="")

    def drop(self, tx: Transaction, request: Request, state: State, *, reason: str, by: str) -> bool:
        """Close an open request; whether it was open."""
        if not self._rows.close_request(tx, request.id, DROPPED, reason):
            return False
        tx.audit(
            Event.METADATA_DROPPED,
            role=request.role,
            version=request.version,
            digest=request.id,
            reason=reason,
            operator=by,
        )
        if self.follower is not None and (change := change_of(request, state)) is not None:
            self.follower.dropped(tx, change)
        return True

    def _tell_published(
        self, tx: Transaction, before: State, after: State, requests: Sequence[Request]
    ) -> None:
        if self.follower is None or not self._rows.kind.keeps_targets:
            return
        was, now = before.listed(), after.listed()
        by_role = {request.role: request.id for request in requests}
        for role in sorted(was.keys() | now.keys()):
            old, new = was.get(role, {}), now.get(role, {})
            added, removed = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
            if added or removed:
                request = by_role.get(role, requests[0].id)
                change = TargetsChange(request, role, after.number(role), tuple(added), tuple(removed))
                self.follower.published(tx, change)


def change_of(request: Request, state: State) -> TargetsChange | None:
    """What a request changes in its role's targets, against what is published; None for a root."""
    if request.role == ROOT:
        return None
    asked = parse(document(request.payload, ()), Targets).signed.targets
    present = state.role_targets(request.role)
    old = present.targets if present else {}
    return TargetsChange(
        request.id,
        request.role,
        request.version,
        tuple(sorted(asked.keys() - old.keys())),
        tuple(sorted(old.keys() - asked.keys())),
    )


def _may_come(request: Request, state: State, pending: dict[str, Request]) -> bool:
    """Whether a request's keys are those that the present delegator asks for, or one that is asked for."""
    delegator = ROOT if request.role in (ROOT, TARGETS) else TARGETS
    states = [state]
    if delegator != request.role and delegator in pending:
        asked = pending[delegator]
        states.append(state.having([Version(asked.role, asked.version, document(asked.payload, ()), 0)]))
    for one in states:
        agreed = one.agreements(request.role)
        # a root's own next keys are its own affair: only the old root's word may have become another's
        if agreed and agreed[0].same(request.agree[0]):
            return True
    return request.role == ROOT and state.root is None
