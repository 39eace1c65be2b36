"""What a vehicle knows of one repository: TUF's client workflow (specification 1.0.33, 5.3 to 5.6).

    view = RepositoryView("director", MetadataFiles(folder), source)
    targets = view.refresh(now)               root, timestamp, snapshot, targets; verified and kept
    view.target("brake/abs/1.0/abs.bin")      through delegations; None where no role names it

`now` is TAI seconds, from wherever the vehicle has its secure time. Files are kept under the names they are
served by, roots with all their versions, the others without. Each is replaced whole as soon as it is
verified, and every mixture of older and newer files that a crash leaves is one to go on from.

Fast-forward recovery (5.3.11): timestamp and snapshot are forgotten where the root's keys verify one no more.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from v2xpki.station.errors import BadState
from v2xpki.station.files import write_whole
from v2xpki.station.ota.reasons import Threat, UpdateRefused
from v2xpki.time import iso_from_time32, unix_from_time32

T = TypeVar("T", Root, Timestamp, Snapshot, Targets)
#: A file of the repository by its name, at most so many octets long; None where there is none.
Source = Callable[[str, int], bytes | None]
ROOT_OCTETS, TIMESTAMP_OCTETS, SNAPSHOT_OCTETS, TARGETS_OCTETS = 512_000, 16_384, 2_000_000, 5_000_000
MOST_ROOTS = 256  # new ones in one refresh
MOST_ROLES, DEEPEST = 32, 8  # visited for one target
_TARGETS = "targets"
_DELEGATED = "delegated"
_OF_ROOT = ("timestamp.json", "snapshot.json", "targets.json")


class MetadataFiles:
    """A folder of verified metadata, which begins with a root that is pinned."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadState(f"{self.folder / name}: {error.strerror}") from error

    def write(self, name: str, octets: bytes) -> None:
        write_whole(self.folder / name, octets, 0o644)

    def drop(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def trusted_root(self) -> Root:
        """The last root of those that verified. Raises BadState where none was ever pinned."""
        numbers = [path.name.partition(".")[0] for path in self.folder.glob("*.root.json")]
        versions = [int(number) for number in numbers if number.isdecimal()]
        if not versions:
            raise BadState(f"{self.folder} has no root to begin with")
        octets = self.read(f"{max(versions)}.root.json")
        assert octets is not None
        try:
            return Metadata[Root].from_bytes(octets).signed
        except DeserializationError:
            raise BadState(f"{self.folder}: root {max(versions)} is damaged") from None

    def pin(self, octets: bytes) -> Root:
        """Trust a root that came with the vehicle. Raises BadState for what is none, or does not verify by
        itself, and where another one is trusted already."""
        try:
            found = Metadata[Root].from_bytes(octets)
        except DeserializationError:
            raise BadState("the root to begin with is no metadata") from None
        root = found.signed
        if not isinstance(root, Root) or not _verifies(root, "root", found):
            raise BadState("the root to begin with is not signed by its own keys")
        name = f"{root.version}.root.json"
        if self.read(name) != octets and any(self.folder.glob("*.root.json")):
            raise BadState(f"{self.folder} has another root already")
        # a folder of their own: delegated roles' names are any text, "1.root" for one
        (self.folder / _DELEGATED).mkdir(parents=True, exist_ok=True, mode=0o700)
        self.write(name, octets)
        return root

    def served(self, name: str, limit: int) -> bytes | None:
        """A file by the name it has on the server: what a Primary hands on to its Secondaries."""
        number, _, rest = name.partition(".")
        if not number.isdecimal():
            rest = name
        if rest == "root.json":
            rest = name
        elif rest not in _OF_ROOT:
            rest = f"{_DELEGATED}/{rest.replace('/', '%2F')}"
        octets = self.read(rest)
        return octets if octets is None or len(octets) <= limit else None


class RepositoryView:
    """Not for several threads at once."""

    def __init__(self, name: str, files: MetadataFiles, source: Source) -> None:
        self.name, self.files, self._source = name, files, source
        self._now = 0
        self._root: Root | None = None
        self._snapshot: Snapshot | None = None
        self._loaded: dict[tuple[str, str], Targets] = {}

    def refresh(self, now: int) -> Targets:
        """The repository's targets as of now. Raises UpdateRefused; what was verified until then is kept."""
        root = self.refresh_root(now)
        self._recover(root)
        timestamp = self._refresh_timestamp(root)
        self._snapshot = self._refresh_snapshot(root, timestamp.snapshot_meta)
        return self._load(_TARGETS, "root", root)

    def refresh_root(self, now: int) -> Root:
        """Follow the chain of roots; each is signed under the one before and under itself (5.3)."""
        self._now, self._loaded, self._snapshot = now, {}, None
        root = self.files.trusted_root()
        for _ in range(MOST_ROOTS):
            name = f"{root.version + 1}.root.json"
            octets = self._source(name, ROOT_OCTETS)
            if octets is None:
                break
            new = self._parsed(Root, octets, name)
            self._signed_by(root, "root", new, name)
            self._signed_by(new.signed, "root", new, name)
            if new.signed.version != root.version + 1:
                raise self._refusal(Threat.ROLLBACK, f"{name} is of version {new.signed.version}")
            self.files.write(name, octets)
            root = new.signed
        self._in_force(root, "root")
        self._root = root
        return root

    def refresh_targets_alone(self, now: int) -> Targets:
        """Root and targets without timestamp and snapshot, for partial verification (Uptane 5.4.4.1): the
        version may not be lower than that of the last targets which the root's keys still verify."""
        root = self.refresh_root(now)
        trusted = self._trusted(Targets, _TARGETS, root)
        octets = self._source("targets.json", TARGETS_OCTETS)
        if octets is None:
            raise self._refusal(Threat.DROP_REQUEST, "no targets")
        new = self._parsed(Targets, octets, _TARGETS)
        self._signed_by(root, _TARGETS, new, _TARGETS)
        if trusted is not None:
            self._not_below(new.signed.version, trusted.version, _TARGETS)
        self._in_force(new.signed, _TARGETS)
        self.files.write("targets.json", octets)
        return new.signed

    def target(self, path: str) -> TargetFile | None:
        """What the repository says of a path: the first role in the order of the delegations (5.6.7).
        After refresh. Raises UpdateRefused where a role on the way does not verify."""
        assert self._root is not None, "refresh first"
        waiting: list[_Step] = [_Step(_TARGETS, "root", self._root, 0)]
        visited: set[str] = set()
        while waiting and len(visited) < MOST_ROLES:
            step = waiting.pop()
            if step.role in visited or step.depth > DEEPEST:
                continue
            visited.add(step.role)
            targets = self._load(step.role, step.delegator_name, step.delegator)
            if path in targets.targets:
                return targets.targets[path]
            if targets.delegations is None:
                continue
            below: list[_Step] = []
            for name, terminating in targets.delegations.get_roles_for_target(path):
                below.append(_Step(name, step.role, targets, step.depth + 1))
                if terminating:
                    waiting = []
                    break
            waiting += reversed(below)
        return None

    # --- the roles ---------------------------------------------------------------------------

    def _recover(self, root: Root) -> None:
        """Forget timestamp and snapshot together where the root's keys do not verify one of them any more.
        That one goes last: until then it says, after a crash too, that the other has to go."""
        kept: dict[str, bool] = {
            "timestamp.json": self._is_stale(Timestamp, "timestamp", root),
            "snapshot.json": self._is_stale(Snapshot, "snapshot", root),
        }
        if any(kept.values()):
            for name in sorted(kept, key=kept.__getitem__):
                self.files.drop(name)

    def _refresh_timestamp(self, root: Root) -> Timestamp:
        octets = self._need("timestamp.json", TIMESTAMP_OCTETS)
        new = self._parsed(Timestamp, octets, "timestamp")
        self._signed_by(root, "timestamp", new, "timestamp")
        trusted = self._trusted(Timestamp, "timestamp", root)
        if trusted is not None:
            self._not_below(new.signed.version, trusted.version, "timestamp")
            self._not_below(
                new.signed.snapshot_meta.version, trusted.snapshot_meta.version, "timestamp's snapshot"
            )
        if trusted is None or new.signed.version > trusted.version:
            self.files.write("timestamp.json", octets)
            trusted = new.signed
        self._in_force(trusted, "timestamp")
        return trusted

    def _refresh_snapshot(self, root: Root, meta: MetaFile) -> Snapshot:
        trusted = self._trusted(Snapshot, "snapshot", root)
        if trusted is not None:
            self._not_below(meta.version, trusted.version, "snapshot")
        if trusted is None or trusted.version != meta.version:
            octets = self._need(self._versioned("snapshot", meta.version), self._limit(meta, SNAPSHOT_OCTETS))
            new = self._parsed(Snapshot, octets, "snapshot")
            self._as_listed(meta, octets, "snapshot")
            self._signed_by(root, "snapshot", new, "snapshot")
            self._of_version(new.signed.version, meta.version, "snapshot", "timestamp")
            for name, before in {} if trusted is None else trusted.meta.items():
                if name not in new.signed.meta:
                    raise self._refusal(Threat.ROLLBACK, f"snapshot lists {name} no more")
                self._not_below(new.signed.meta[name].version, before.version, f"snapshot's {name}")
            self._in_force(new.signed, "snapshot")
            self.files.write("snapshot.json", octets)
            return new.signed
        self._in_force(trusted, "snapshot")
        return trusted

    def _load(self, role: str, delegator_name: str, delegator: Root | Targets) -> Targets:
        found = self._loaded.get((delegator_name, role))
        if found is not None:
            return found
        assert self._snapshot is not None, "refresh first"
        meta = self._snapshot.meta.get(f"{role}.json")
        if meta is None:
            raise self._refusal(Threat.MIX_AND_MATCH, f"snapshot does not list {role}")
        targets = self._trusted(Targets, role, delegator)
        if targets is None or targets.version != meta.version:
            octets = self._need(self._versioned(role, meta.version), self._limit(meta, TARGETS_OCTETS))
            new = self._parsed(Targets, octets, role)
            self._as_listed(meta, octets, role)
            self._signed_by(delegator, role, new, role)
            self._of_version(new.signed.version, meta.version, role, "snapshot")
            self._in_force(new.signed, role)
            self.files.write(_kept(role), octets)
            targets = new.signed
        self._in_force(targets, role)
        self._loaded[delegator_name, role] = targets
        return targets

    # --- the rules ---------------------------------------------------------------------------

    def _refusal(self, reason: Threat, message: str) -> UpdateRefused:
        return UpdateRefused(reason, f"{self.name} repository: {message}")

    def _need(self, name: str, limit: int) -> bytes:
        octets = self._source(name, limit)
        if octets is None:
            raise self._refusal(Threat.DROP_REQUEST, f"no {name}")
        return octets

    def _parsed(self, kind: type[T], octets: bytes, what: str) -> Metadata[T]:
        try:
            found = Metadata[T].from_bytes(octets)
        except DeserializationError:
            raise self._refusal(Threat.DENIAL_OF_SERVICE, f"{what} is no metadata") from None
        if not isinstance(found.signed, kind):
            raise self._refusal(Threat.MIX_AND_MATCH, f"{what} is of type {found.signed.type}")
        return found

    def _signed_by(self, delegator: Root | Targets, role: str, metadata: Metadata[T], what: str) -> None:
        if not _verifies(delegator, role, metadata):
            raise self._refusal(
                Threat.UNKNOWN_KEY, f"{what} is not signed by as many keys of the role as it needs"
            )

    def _in_force(self, signed: Signed, what: str) -> None:
        if signed.is_expired(datetime.fromtimestamp(unix_from_time32(self._now), UTC)):
            at = iso_from_time32(self._now)
            raise self._refusal(
                Threat.FREEZE, f"{what} ended at {signed.expires:%Y-%m-%dT%H:%M:%SZ}, it is {at}"
            )

    def _not_below(self, new: int, trusted: int, what: str) -> None:
        if new < trusted:
            raise self._refusal(Threat.ROLLBACK, f"{what} is of version {new}, after {trusted}")

    def _of_version(self, found: int, listed: int, what: str, lister: str) -> None:
        if found != listed:
            raise self._refusal(Threat.MIX_AND_MATCH, f"{what} is of version {found}, {lister} says {listed}")

    def _as_listed(self, meta: MetaFile, octets: bytes, what: str) -> None:
        try:
            meta.verify_length_and_hashes(octets)
        except LengthOrHashMismatchError:
            raise self._refusal(Threat.MIX_AND_MATCH, f"{what} is not the file that is listed") from None

    def _trusted(self, kind: type[T], role: str, delegator: Root | Targets) -> T | None:
        """What is kept of a role, where it still verifies. Raises BadState for a damaged file."""
        octets = self.files.read(_kept(role))
        if octets is None:
            return None
        try:
            found = Metadata[T].from_bytes(octets)
        except DeserializationError:
            raise BadState(f"{self.files.folder / _kept(role)} is damaged") from None
        return found.signed if isinstance(found.signed, kind) and _verifies(delegator, role, found) else None

    def _is_stale(self, kind: type[T], role: str, root: Root) -> bool:
        return self.files.read(_kept(role)) is not None and self._trusted(kind, role, root) is None

    def _versioned(self, role: str, version: int) -> str:
        assert self._root is not None
        return f"{version}.{_file(role)}" if self._root.consistent_snapshot else _file(role)

    @staticmethod
    def _limit(meta: MetaFile, most: int) -> int:
        return most if meta.length is None else min(meta.length, most)


class _Step(NamedTuple):
    """A role on the way to a target, and who delegates to it."""

    role: str
    delegator_name: str
    delegator: Root | Targets
    depth: int


def _file(role: str) -> str:
    # a delegated role's name is any text: it must not lead to another folder
    return f"{quote(role, safe='')}.json"


def _kept(role: str) -> str:
    file = _file(role)
    return file if file in _OF_ROOT else f"{_DELEGATED}/{file}"


def _verifies(delegator: Root | Targets, role: str, metadata: Metadata[T]) -> bool:
    """Whether as many different keys as the role needs have signed; a key under two keyids is one key."""
    try:
        result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    except (ValueError, RepositoryError):  # what is signed has no canonical form, for one
        return False
    different = {str(key.keyval.get("public")) for key in result.signed.values()}
    return len(different) >= result.threshold
