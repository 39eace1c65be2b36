"""A repository of firmware metadata: what is published, and how signers change it.

    repository = Repository(database, IMAGE, OnlineKeys(keystore, IMAGE), policy, clock)
    repository.bootstrap(FirstRoles(...), by="ann")       requests for the first root and targets
    repository.submit(SignatureFile.parse(octets), by="ann")     publishes at the threshold
    repository.read("timestamp.json")

The Director's is the same engine with a root alone: its vehicles' metadata is not kept here.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from securesystemslib.signer import Key
from tuf.api.metadata import Root, Signed, Targets

from v2xpki.audit import Event
from v2xpki.config import OtaPolicy
from v2xpki.errors import InvalidSignature as BadSignature
from v2xpki.errors import IssuanceError, KeyNotFound, Refused
from v2xpki.issuance.metadata import document
from v2xpki.keystore import KeyLabel
from v2xpki.ota import changes
from v2xpki.ota.changes import DelegationChange, FirstRoles, RootChange
from v2xpki.ota.drafting import Draft, Drafter, root_of
from v2xpki.ota.kinds import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Kind
from v2xpki.ota.metadata import Agreement, State, TargetEntry, expiry, parse, payload
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.publishing import Follower, Publisher, change_of
from v2xpki.ota.repository_reasons import SigningReason
from v2xpki.ota.rows import Request, Rows, Submitted, tx_alone
from v2xpki.ota.signing_files import RequestFile, SignatureFile, agreements_text, request_id
from v2xpki.store import Database, Transaction
from v2xpki.store.tuf import DROPPED, OPEN, PUBLISHED
from v2xpki.time import Clock, iso_from_time32
from v2xpki.trust.ota.canonical import as_json
from v2xpki.trust.ota.keys import check_signature

_FILE = re.compile(r"(?:([1-9]\d{0,8})\.)?([a-z][a-z0-9_-]{0,39})\.json")


class RoleState(NamedTuple):
    """A role as it is published. `left`: seconds until it expires, negative after. `due`: what offline keys
    signed has less than `warn_before` left."""

    role: str
    version: int
    expires: int  # TAI seconds
    keyids: tuple[str, ...]
    threshold: int
    online: bool
    left: int
    due: bool


class Awaited(NamedTuple):
    """What must go out with a request that has its signatures: a role's open request and how many each party
    has yet to give; None where nothing is open for the role."""

    role: str
    request: Request | None
    missing: Mapping[str, int]


class Taken(NamedTuple):
    """What became of a signature: how many more each party needs, whether the request is published, whether
    the very same had come in before, and what a request that needs no more still waits for."""

    request: Request
    missing: Mapping[str, int]
    published: bool
    repeated: bool = False
    awaited: tuple[Awaited, ...] = ()


class Repository:
    """One repository over its domain's database. Without `keys` it can be read and nothing else."""

    def __init__(
        self,
        database: Database,
        kind: Kind,
        keys: OnlineKeys | None,
        policy: OtaPolicy,
        clock: Clock,
        *,
        follower: Follower | None = None,
    ) -> None:
        self.database, self.kind, self._keys = database, kind, keys
        self._policy, self._clock, self._follower = policy, clock, follower
        self._rows, self._drafter = Rows(kind), Drafter(kind, policy)
        self._publisher = Publisher(database, self._rows, keys, policy, clock, follower)

    # -- what is published

    def read(self, name: str) -> bytes | None:
        """Metadata by its file's name; None for one that is not there. Raises StoreError."""
        found = _FILE.fullmatch(name)
        if found is None:
            return None
        version, role = found[1], found[2]
        if version is None:
            row = self.database.row(self._rows.newest_of, role=role) if role == TIMESTAMP else None
        elif role == TIMESTAMP:
            row = None
        else:
            row = self.database.row(self._rows.octets_of, role=role, version=int(version))
        return None if row is None else bytes(row[0])

    def state(self) -> State:
        """The newest version of each role, of one moment."""
        with self.database.read() as tx:
            return self._rows.state(tx)

    def root(self) -> Root:
        """The present root. Raises Refused(NOT_BEGUN)."""
        return root_of(self.state())

    def keyids(self, role: str) -> tuple[str, ...]:
        """Whose signatures count for a role of the root. Raises Refused(NOT_BEGUN)."""
        return tuple(self.root().roles[role].keyids)

    def roles(self) -> list[RoleState]:
        """Each role that has a version, the root first; none before the first root."""
        state, now = self.state(), self._clock.time32()
        if state.root is None:
            return []
        found = []
        for role in (ROOT, TARGETS, *state.delegated, SNAPSHOT, TIMESTAMP):
            version = state.versions.get(role)
            if version is None:
                continue
            asked = state.agreements(role) or (Agreement.of(state.root, role),)
            online, left = role in self.kind.online, version.expires - now
            due = not online and left < self._policy.warn_before
            keyids, threshold = tuple(asked[0].keys), asked[0].threshold
            found.append(
                RoleState(role, version.version, version.expires, keyids, threshold, online, left, due)
            )
        return found

    def targets(self) -> dict[str, dict[str, TargetEntry]]:
        """What a client can find: role -> path -> entry."""
        listed = self.state().listed()
        return {role: {p: TargetEntry.of(f) for p, f in files.items()} for role, files in listed.items()}

    def covering(self, path: str) -> tuple[str, ...]:
        """The roles that may name a path: delegated ones in their order, then `targets`."""
        return (*changes.covering(self.state().targets, path), TARGETS)

    # -- asking for signatures

    def bootstrap(self, first: FirstRoles, *, by: str) -> list[Request]:
        """Ask for the first root, and at the Image repository for empty targets; both are published together.
        Keys that the token has not are made, on P-256. Raises Refused(BEGUN_BEFORE, BAD_CHANGE)."""
        online = {role: self._public(self._newest_or_new(role)) for role in self.kind.online}
        return self._ask(lambda state, now: self._drafter.first(state, now, first, online), by)

    def request_root(self, change: RootChange, *, by: str) -> list[Request]:
        """Ask the old root's keys and the new one's for a root. Where the present targets have not the
        signatures that it would ask for, they are to be signed anew, and both are published together.

        For an online role in `change.rotate` a key is made in the token: one that was made before, and never
        named, may have been stolen with the others. Raises Refused(NOT_BEGUN, OPEN_ALREADY, BAD_CHANGE,
        NO_SUCH_ROLE).
        """
        self.root()
        with self.database.read() as tx:
            self._require_none_open(tx, ROOT)
        for role in change.rotate:
            if role not in self.kind.online:
                raise Refused(SigningReason.NO_SUCH_ROLE, f"the keys of {role} are not in the token")
        online = {role: self._public(self._generate(role)) for role in change.rotate}
        return self._ask(lambda state, now: self._drafter.root(state, now, change, online), by)

    def request_delegation(self, change: DelegationChange, *, by: str) -> list[Request]:
        """Ask the targets' keys to delegate, to change that, or to end it; and the delegated role's keys for
        its targets, where there are none that they have signed. Raises as request_root."""
        self._require_targets()
        return self._ask(lambda state, now: self._drafter.delegation(state, now, change), by)

    def request_targets(
        self,
        role: str,
        *,
        add: Mapping[str, TargetEntry] = MappingProxyType({}),
        remove: Sequence[str] = (),
        by: str,
    ) -> Request:
        """Ask a targets role's keys for its next version; with nothing added or removed a mere renewal.

        Raises Refused(NOT_BEGUN, NO_SUCH_ROLE, OPEN_ALREADY), BAD_CHANGE for a path that is there, that
        another role names, or that is not delegated to the role.
        """
        self._require_targets()
        return self._ask(lambda state, now: self._drafter.targets(state, now, role, add, remove), by)[0]

    # -- the requests' life

    def requests(self, *, only_open: bool = True) -> list[Request]:
        """In the order in which they were made."""
        with self.database.read() as tx:
            return self._rows.requests(tx, only_open=only_open)

    def request(self, request: bytes) -> tuple[Request, list[Submitted]]:
        """A request and the signatures that came in. Raises Refused(NO_SUCH_REQUEST)."""
        with self.database.read() as tx:
            return self._required(tx, request), self._rows.signatures(tx, request)

    def awaited(self, request: bytes) -> tuple[Awaited, ...]:
        """What an open request that has its signatures waits for; nothing for any other. Raises
        Refused(NO_SUCH_REQUEST)."""
        with self.database.read() as tx:
            found = self._required(tx, request)
            if found.state != OPEN:
                return ()
            waiting = {one.role: one for one in self._rows.requests(tx)}
            return tuple(
                Awaited(role, other, _missing(other, self._rows.signatures(tx, other.id)) if other else {})
                for role in self._publisher.awaited(tx, found)
                for other in (waiting.get(role),)
            )

    def delegation_asked(self, role: str, path: str) -> Request | None:
        """The open request by which a delegated role may name a path once it is published."""
        for one in self.requests():
            if one.role == TARGETS:
                asked = parse(document(one.payload, ()), Targets).signed
                if role in changes.covering(asked, path):
                    return one
        return None

    def request_file(self, request: bytes) -> RequestFile:
        """As it goes to the signers, with the version before it. Raises Refused(NO_SUCH_REQUEST)."""
        found, _ = self.request(request)
        former = self.read(f"{found.version - 1}.{found.role}.json")
        return RequestFile(
            self.kind.name,
            found.role,
            found.version,
            json.loads(as_json(found.payload)),
            found.agree,
            None if former is None else json.loads(former)["signed"],
        )

    def submit(self, signature: SignatureFile, *, by: str) -> Taken:
        """Take a signer's signatures, all of them or none, and publish when nothing is missing. The very same
        signatures once more change nothing: whoever had no answer may send them again.

        Raises Refused: NO_SUCH_REQUEST, NOT_OPEN, EXPIRED, UNKNOWN_KEY, BAD_SIGNATURE, SIGNED_BEFORE. What
        publishing raises (Publisher.publish_ready) leaves the signature taken; `tend` publishes later.
        """
        if signature.repository != self.kind.name:
            raise Refused(SigningReason.NO_SUCH_REQUEST, f"the signature is for {signature.repository}")
        with self.database.write(durable=True) as tx:
            tx_alone(tx)
            request = self._required(tx, signature.request)
            kept = {one.keyid: one.signature for one in self._rows.signatures(tx, request.id)}
            repeated = request.state != DROPPED and signature.signatures.items() <= kept.items()
            if not repeated:
                self._take(tx, request, signature, by)
        self._publisher.publish_ready()
        request, signatures = self.request(request.id)
        left = _missing(request, signatures)
        return Taken(request, left, request.state == PUBLISHED, repeated, self.awaited(request.id))

    def drop(self, request: bytes, reason: str, *, by: str) -> None:
        """Give an open request up, with those that make no sense without it. Raises Refused(NO_SUCH_REQUEST,
        NOT_OPEN)."""
        with self.database.write(durable=True) as tx:
            tx_alone(tx)
            found, state = self._required(tx, request), self._rows.state(tx)
            if not self._publisher.drop(tx, found, state, reason=reason, by=by):
                raise Refused(SigningReason.NOT_OPEN)
            self._publisher.drop_stale(tx, state)

    def tend(self) -> int:
        """Publish what waits, sign timestamp and snapshot anew where it is time; how many versions came out.
        For a task, and for a start: what a dead process left is done here."""
        return len(self._publisher.publish_ready()) + len(self._publisher.renew())

    # -- within

    def _ask(self, draft: Callable[[State, int], list[Draft]], by: str) -> list[Request]:
        with self.database.write(durable=True) as tx:
            tx_alone(tx)
            state, now = self._rows.state(tx), self._clock.time32()
            return [self._add(tx, one, state, by, now) for one in draft(state, now)]

    def _add(self, tx: Transaction, draft: Draft, state: State, by: str, now: int) -> Request:
        octets = payload(draft.signed)
        request = Request(
            request_id(draft.role, octets), draft.role, draft.signed.version, octets, draft.agree,
            OPEN, "", by, now,
        )  # fmt: skip
        self._require_none_open(tx, request.role)
        if self._rows.request(tx, request.id) is not None:
            raise Refused(SigningReason.NO_CHANGE, "the same was asked for, and dropped, in this second")
        self._rows.add_request(tx, request, agreements_text(request.agree))
        tx.audit(
            Event.METADATA_REQUESTED,
            role=request.role,
            version=request.version,
            digest=request.id,
            operator=by,
        )
        if self._follower is not None and (change := change_of(request, state)) is not None:
            self._follower.requested(tx, change)
        return request

    def _take(self, tx: Transaction, request: Request, signature: SignatureFile, by: str) -> None:
        """Raises Refused."""
        self._check_signatures(request, signature)
        now = self._clock.time32()
        given = [Submitted(*pair, signature.signer, by, now) for pair in signature.signatures.items()]
        new = [one for one in given if self._rows.add_signature(tx, request.id, one)]
        if not new:
            raise Refused(SigningReason.SIGNED_BEFORE)
        for one in new:
            tx.audit(
                Event.METADATA_SIGNATURE_TAKEN,
                role=request.role,
                version=request.version,
                digest=request.id,
                keyid=one.keyid,
                signer=one.signer,
                operator=by,
                at=iso_from_time32(now),
            )

    def _require_none_open(self, tx: Transaction, role: str) -> None:
        waiting = self._rows.requests(tx)
        for other in waiting:
            if other.role == role:
                raise Refused(SigningReason.OPEN_ALREADY, self._in_the_way(other, waiting))

    def _in_the_way(self, request: Request, waiting: Sequence[Request]) -> str:
        """What an open request is, and what ends it."""
        which = "" if self.kind.keeps_targets else f" --repository {self.kind.name}"
        others = [f"{one.role} {one.version}" for one in waiting if one.id != request.id]
        beside = f" (also open, and it may wait for it: {', '.join(others)})" if others else ""
        beginning = request.id.hex()[:16]
        return (
            f"{request.role} version {request.version}, request {beginning}, waits for signatures{beside}: "
            f"`v2xpki ota sign request {request.role}{which}` writes its file for the signers; "
            f"`v2xpki ota sign drop {beginning}{which} --reason ...` gives it up"
        )

    def _required(self, tx: Transaction, request: bytes) -> Request:
        found = self._rows.request(tx, request)
        if found is None:
            raise Refused(SigningReason.NO_SUCH_REQUEST)
        return found

    def _check_signatures(self, request: Request, signature: SignatureFile) -> None:
        if request.state != OPEN:
            raise Refused(SigningReason.NOT_OPEN, f"the request is {request.state}")
        if _expiry(request) <= self._clock.time32():
            raise Refused(SigningReason.EXPIRED, f"{request.role} version {request.version} has expired")
        keys = {keyid: key for one in request.agree for keyid, key in one.keys.items()}
        for keyid, sig in signature.signatures.items():
            if keyid not in keys:
                raise Refused(SigningReason.UNKNOWN_KEY)
            try:
                check_signature(keys[keyid], {"keyid": keyid, "sig": sig}, request.payload, "signature")
            except BadSignature:
                raise Refused(SigningReason.BAD_SIGNATURE) from None

    def _require_targets(self) -> None:
        if not self.kind.keeps_targets:
            raise Refused(
                SigningReason.NO_SUCH_ROLE, f"the targets of {self.kind.name} are not signed offline"
            )

    def _online(self) -> OnlineKeys:
        if self._keys is None:
            raise IssuanceError(f"this process has not the token of {self.kind.name}")
        return self._keys

    def _public(self, label: KeyLabel) -> Key:
        return self._online().issuer.public_key(label)

    def _newest_or_new(self, role: str) -> KeyLabel:
        try:
            return self._online().newest(role)
        except KeyNotFound:
            return self._generate(role)

    def _generate(self, role: str) -> KeyLabel:
        label = self._online().generate(role)
        curve, point = self._online().point(label)
        with self.database.write(durable=True) as tx:
            tx.audit(Event.KEY_GENERATED, label=label.text, curve=curve, point=point)
        return label


def _missing(request: Request, signatures: Iterable[Submitted]) -> dict[str, int]:
    """Who -> how many of their signatures a request lacks."""
    given = {one.keyid for one in signatures}
    left = {one.who: one.threshold - len(one.keys.keys() & given) for one in request.agree}
    return {who: count for who, count in left.items() if count > 0}


def _expiry(request: Request) -> int:
    return expiry(parse(document(request.payload, ()), Signed).signed)
