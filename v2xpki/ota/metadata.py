"""TUF metadata in python-tuf's types, and what it takes for a set of versions to belong together.

Everything that a repository publishes goes through `State.check`: it is what a client will check.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple, Self

from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from v2xpki.errors import DecodeError
from v2xpki.ota.kinds import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from v2xpki.time import time32_from_unix, unix_from_time32
from v2xpki.trust.ota.canonical import canonical


class TargetEntry(NamedTuple):
    """What a targets role says of an image. custom: Uptane's fields (trust/ota/fields.py)."""

    length: int
    sha256: str  # hex
    custom: Mapping[str, Any]

    def file(self, path: str) -> TargetFile:
        """As metadata has it. Raises DecodeError."""
        try:
            return TargetFile(self.length, {"sha256": self.sha256}, path, {"custom": dict(self.custom)})
        except ValueError as error:
            raise DecodeError(f"target {path}: {error}") from None

    @classmethod
    def of(cls, file: TargetFile) -> Self:
        return cls(file.length, file.hashes.get("sha256", ""), file.custom or {})


class Version(NamedTuple):
    """A version of a role's metadata: JSON with its signatures."""

    role: str
    version: int
    octets: bytes
    expires: int  # TAI seconds


class Agreement(NamedTuple):
    """Who must sign: `threshold` of the keys, and in whose name."""

    who: str
    threshold: int
    keys: Mapping[str, Key]

    @classmethod
    def of(cls, delegator: Root | Targets, role: str) -> Self:
        """What a root, or the top-level targets, asks for a role's signatures."""
        asked = delegator.get_delegated_role(role)
        who = f"{delegator.type} {delegator.version}"
        return cls(who, asked.threshold, {keyid: delegator.get_key(keyid) for keyid in sorted(asked.keyids)})

    def met(self, keyids: Iterable[str]) -> bool:
        return len(self.keys.keys() & set(keyids)) >= self.threshold

    def same(self, other: "Agreement") -> bool:
        """Whether the same keys and threshold are asked, by whichever version."""
        return (self.threshold, self.keys.keys()) == (other.threshold, other.keys.keys())


class State:
    """The newest version of each role: as published, or as it would be."""

    def __init__(self, versions: Mapping[str, Version]) -> None:
        self.versions = dict(versions)

    def having(self, newer: Iterable[Version]) -> "State":
        return State({**self.versions, **{one.role: one for one in newer}})

    def number(self, role: str) -> int:
        """The newest version of a role; 0 for none."""
        found = self.versions.get(role)
        return found.version if found else 0

    @cached_property
    def root(self) -> Root | None:
        found = self.versions.get(ROOT)
        return None if found is None else parse(found.octets, Root).signed

    @cached_property
    def targets(self) -> Targets | None:
        """The top-level targets."""
        return self.role_targets(TARGETS)

    def role_targets(self, role: str) -> Targets | None:
        """The targets of a role, delegated or not."""
        found = self.versions.get(role)
        return None if found is None else parse(found.octets, Targets).signed

    @property
    def delegated(self) -> tuple[str, ...]:
        """Roles that the top-level targets delegate to now, in their order."""
        return delegated_names(self.targets)

    def agreements(self, role: str) -> tuple[Agreement, ...]:
        """Who signs the next version of an offline role, were nothing else to change; none: no such role."""
        if self.root is None:
            return ()
        if role in (ROOT, TARGETS):
            return (Agreement.of(self.root, role),)
        if self.targets is not None and role in self.delegated:
            return (Agreement.of(self.targets, role),)
        return ()

    def signed_as_asked(self, role: str) -> bool:
        """Whether a targets role's newest version has the signatures that are asked of it in this state."""
        found, delegator = self.versions.get(role), self.root if role == TARGETS else self.targets
        if found is None or delegator is None:
            return False
        metadata = parse(found.octets, Targets)
        return bool(delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures))

    def check(self, former: Root | None, *, with_targets: bool) -> str:
        """Why a client that knows the root before would not follow; empty: it would."""
        if self.root is None:
            return "there is no root"
        metadata = parse(self.versions[ROOT].octets, Root)
        before = None if former is None or former.version == self.root.version else former
        if not self.root.get_root_verification_result(before, metadata.signed_bytes, metadata.signatures):
            return "the root has not enough signatures of the keys of the root before, or of its own"
        if not with_targets:
            return ""
        for role in (TARGETS, *self.delegated):
            if not self.signed_as_asked(role):
                return f"{role} has not enough signatures of the keys that it must now have"
        return ""

    def listed(self) -> dict[str, dict[str, TargetFile]]:
        """What a client can find: role -> path -> target, of the roles that count now."""
        found = {}
        for role in (TARGETS, *self.delegated):
            targets = self.role_targets(role)
            if targets is not None:
                found[role] = dict(targets.targets)
        return found


def delegated_names(targets: Targets | None) -> tuple[str, ...]:
    if targets is None or targets.delegations is None or targets.delegations.roles is None:
        return ()
    return tuple(targets.delegations.roles)


def empty_delegations() -> Delegations:
    return Delegations({}, roles={})


def parse(octets: bytes, kind: type[Any]) -> Metadata[Any]:
    """Metadata of a kind. Raises DecodeError."""
    try:
        found: Metadata[Any] = Metadata.from_bytes(octets)
    except (DeserializationError, RepositoryError) as error:
        raise DecodeError(f"no TUF metadata: {error}") from None
    if not isinstance(found.signed, kind):
        raise DecodeError(f"metadata of {found.signed.type}, not {kind.type}")
    return found


def payload(signed: Signed) -> bytes:
    """What is signed: canonical JSON."""
    return canonical(signed.to_dict())


def moment(time32: int) -> datetime:
    """A TAI second as metadata's expiry."""
    return datetime.fromtimestamp(unix_from_time32(time32), UTC)


def expiry(signed: Signed) -> int:
    """TAI seconds of metadata's expiry."""
    return time32_from_unix(signed.expires.timestamp())


def snapshot_of(state: State, version: int, expires: int) -> Snapshot:
    """Names the version of every targets role that ever was: a client refuses a snapshot in which one that it
    has seen is missing (TUF 5.5.5)."""
    named = {
        f"{role}.json": MetaFile(found.version)
        for role, found in sorted(state.versions.items())
        if role not in (ROOT, SNAPSHOT, TIMESTAMP)
    }
    return Snapshot(version, expires=moment(expires), meta=named)


def timestamp_of(snapshot: int, version: int, expires: int) -> Timestamp:
    return Timestamp(version, expires=moment(expires), snapshot_meta=MetaFile(snapshot))
