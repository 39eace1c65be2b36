"""What signers may be asked to agree to: first roots, other keys and thresholds, delegations, targets.

Each change is made on a copy of what is published and held against the rules here; nothing is stored.
"""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import NamedTuple

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Role, Root, Targets

from v2xpki.errors import Refused
from v2xpki.ota.kinds import ROOT, TARGETS, TOP_LEVEL, Kind, is_delegated_name
from v2xpki.ota.metadata import TargetEntry, delegated_names, empty_delegations, moment
from v2xpki.ota.repository_reasons import SigningReason
from v2xpki.trust.ota.names import PART

#: <hardware id>/<name>/<version>/<file>: a part each, or any; a file's name is never fixed.
_PATTERN_PART = re.compile(r"\*|[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}\*?")
POST_QUANTUM = "ml-dsa-65/1"
_HYBRID = ["ecdsa-sha2-nistp256", POST_QUANTUM]


class FirstRoles(NamedTuple):
    """The keys and thresholds that a repository begins with. Targets: of the Image repository alone."""

    root_keys: tuple[Key, ...]
    root_threshold: int
    targets_keys: tuple[Key, ...] = ()
    targets_threshold: int = 1


class RootChange(NamedTuple):
    """Other keys for the roles of a root: (role, key) to add, (role, keyid) to remove, role -> threshold. An
    online role is named in `rotate`: its next key is the token's newest. Empty: a mere renewal."""

    add: tuple[tuple[str, Key], ...] = ()
    remove: tuple[tuple[str, str], ...] = ()
    thresholds: Mapping[str, int] = {}
    rotate: tuple[str, ...] = ()


class DelegationChange(NamedTuple):
    """A delegation as it is to be. paths: patterns "hardware/name/*/*", each of the first two may be `*`.
    keys empty: the delegation ends."""

    role: str
    keys: tuple[Key, ...] = ()
    threshold: int = 1
    paths: tuple[str, ...] = ()
    terminating: bool = False


def first_root(
    kind: Kind, first: FirstRoles, online: Mapping[str, Key], expires: int, *, hybrid: bool
) -> Root:
    """Version 1. online: role -> key of the token. Raises Refused(BAD_CHANGE)."""
    root = Root(1, expires=moment(expires), consistent_snapshot=True)
    named: dict[str, tuple[Iterable[Key], int]] = {
        ROOT: (first.root_keys, first.root_threshold),
        TARGETS: (first.targets_keys, first.targets_threshold),
        **{role: ((key,), 1) for role, key in online.items()},
    }
    for role, (keys, threshold) in named.items():
        root.roles[role] = Role([], 1)
        root.roles[role].threshold = threshold
        for key in keys:
            root.add_key(key, role)
    check_root(kind, root, hybrid=hybrid)
    return root


def next_root(
    kind: Kind, root: Root, change: RootChange, online: Mapping[str, Key], expires: int, *, hybrid: bool
) -> Root:
    """The root after this one. online: the keys of the roles in `rotate`. Raises Refused(BAD_CHANGE,
    NO_SUCH_ROLE)."""
    after = deepcopy(root)
    after.version, after.expires = root.version + 1, moment(expires)
    for role in (*(r for r, _ in change.add), *(r for r, _ in change.remove), *change.thresholds):
        if role not in TOP_LEVEL:
            raise Refused(SigningReason.NO_SUCH_ROLE, f"{role} is no role of a root")
        if role in kind.online:
            _bad(f"the keys of {role} are in the token: it is rotated, and its threshold is 1")
    for role, keyid in change.remove:
        if keyid not in after.roles[role].keyids:
            _bad(f"{keyid[:8]} is no key of {role}")
        after.revoke_key(keyid, role)
    for role, key in change.add:
        after.add_key(key, role)
    for role, threshold in change.thresholds.items():
        after.roles[role].threshold = threshold
    for role, key in online.items():
        for keyid in list(after.roles[role].keyids):
            after.revoke_key(keyid, role)
        after.add_key(key, role)
    check_root(kind, after, hybrid=hybrid)
    return after


def check_root(kind: Kind, root: Root, *, hybrid: bool) -> None:
    """The rules of a root. Raises Refused(BAD_CHANGE)."""
    seen: dict[str, str] = {}
    for name in TOP_LEVEL:
        role = root.roles[name]
        _check_threshold(name, role.threshold, len(role.keyids))
        for keyid in role.keyids:
            if keyid in seen:
                _bad(f"key {keyid[:8]} is to be of {seen[keyid]} and of {name}; each role has its own")
            seen[keyid] = name
    own = root.roles[ROOT]
    if hybrid and (fault := hybrid_fault((root.keys[keyid] for keyid in own.keyids), own.threshold)):
        _bad(fault)
    for keyid, key in root.keys.items():
        if key.scheme == POST_QUANTUM and not (hybrid and keyid in own.keyids):
            _bad("ML-DSA-65 is for a hybrid root ([ota] hybrid_root) and for delegated roles")


def hybrid_fault(keys: Iterable[Key], threshold: int) -> str | None:
    """Why these are not the keys and the threshold of a hybrid root; None where they are."""
    schemes = sorted(key.scheme for key in keys)
    if schemes == _HYBRID and threshold == len(_HYBRID):
        return None
    return (
        "a hybrid root has exactly two keys, ECDSA P-256 and ML-DSA-65, and threshold 2; here are "
        f"{len(schemes)} ({', '.join(schemes)}) and threshold {threshold}"
    )


def next_targets(
    targets: Targets, expires: int, add: Mapping[str, TargetEntry], remove: Iterable[str]
) -> Targets:
    """A role's next targets. Raises Refused(BAD_CHANGE), DecodeError."""
    after = deepcopy(targets)
    after.version, after.expires = targets.version + 1, moment(expires)
    for path in remove:
        if path not in after.targets:
            _bad(f"{path} is not among the targets")
        del after.targets[path]
    for path, entry in add.items():
        parts = path.split("/")
        if len(parts) != 4 or not all(PART.fullmatch(part) for part in parts):
            _bad(f"{path!r} is no target path <hardware id>/<name>/<version>/<file>")
        if path in after.targets:
            _bad(f"{path} is among the targets; another image needs another version")
        after.targets[path] = entry.file(path)
    return after


def with_delegation(targets: Targets, change: DelegationChange, expires: int) -> Targets:
    """The next top-level targets, with a delegation added, changed or removed. Raises Refused(BAD_CHANGE,
    NO_SUCH_ROLE)."""
    if not is_delegated_name(change.role):
        _bad(f"{change.role!r} is no name for a delegated role")
    after = next_targets(targets, expires, {}, ())
    delegations = after.delegations = after.delegations or empty_delegations()
    assert delegations.roles is not None
    if not change.keys:
        if change.role not in delegations.roles:
            raise Refused(SigningReason.NO_SUCH_ROLE, f"nothing is delegated to {change.role}")
        del delegations.roles[change.role]
    else:
        keys = {key.keyid: key for key in change.keys}
        _check_threshold(change.role, change.threshold, len(keys))
        if not change.paths:
            _bad(f"{change.role} needs a pattern of paths")
        for pattern in change.paths:
            _check_pattern(pattern)
        delegations.roles[change.role] = DelegatedRole(
            change.role, sorted(keys), change.threshold, change.terminating, list(change.paths)
        )
        delegations.keys.update(keys)
    used = {keyid for role in delegations.roles.values() for keyid in role.keyids}
    delegations.keys = {keyid: key for keyid, key in delegations.keys.items() if keyid in used}
    return after


def covering(targets: Targets | None, path: str) -> tuple[str, ...]:
    """Delegated roles that may name a path, in the order in which clients ask them."""
    if targets is None or targets.delegations is None or targets.delegations.roles is None:
        return ()
    roles = targets.delegations.roles
    return tuple(name for name in delegated_names(targets) if roles[name].is_delegated_path(path))


def _check_threshold(role: str, threshold: int, keys: int) -> None:
    if not 0 < threshold <= keys:
        _bad(f"{role} has {keys} keys and threshold {threshold}")


def _check_pattern(pattern: str) -> None:
    parts = pattern.split("/")
    if len(parts) != 4 or not all(map(_PATTERN_PART.fullmatch, parts)) or parts[3] != "*":
        _bad(f"{pattern!r} is no pattern <hardware id>/<name>/*/*")


def _bad(message: str) -> None:
    raise Refused(SigningReason.BAD_CHANGE, message)
