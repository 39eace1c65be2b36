"""What a wish turns into: the metadata that must be signed for it, each with whom it needs.

Where a change of keys would leave published metadata without the signatures that are then asked for, that
metadata is drafted anew beside it: both go out together, for a client could follow neither alone.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from securesystemslib.signer import Key
from tuf.api.metadata import Root, Signed, Targets

from v2xpki.config import OtaPolicy
from v2xpki.errors import Refused
from v2xpki.ota import changes
from v2xpki.ota.changes import DelegationChange, FirstRoles, RootChange
from v2xpki.ota.kinds import ROOT, TARGETS, Kind
from v2xpki.ota.metadata import Agreement, State, TargetEntry, moment, parse
from v2xpki.ota.repository_reasons import SigningReason


class Draft(NamedTuple):
    """Metadata to be signed, and by whom."""

    role: str
    signed: Signed
    agree: tuple[Agreement, ...]


class Drafter:
    """Drafts for one repository. state: what is published; now: TAI seconds. All raise Refused."""

    def __init__(self, kind: Kind, policy: OtaPolicy) -> None:
        self._kind, self._policy = kind, policy

    def first(self, state: State, now: int, first: FirstRoles, online: Mapping[str, Key]) -> list[Draft]:
        """The first root and, where they are kept, empty targets. online: role -> key of the token."""
        if state.root is not None:
            raise Refused(SigningReason.BEGUN_BEFORE)
        ends = now + self._policy.root_validity
        root = changes.first_root(self._kind, first, online, ends, hybrid=self._policy.hybrid_root)
        drafts = [Draft(ROOT, root, (Agreement.of(root, ROOT),))]
        if self._kind.keeps_targets:
            drafts.append(self._empty(TARGETS, 1, now, Agreement.of(root, TARGETS)))
        return drafts

    def root(self, state: State, now: int, change: RootChange, online: Mapping[str, Key]) -> list[Draft]:
        """The next root. online: the keys of the roles that are rotated."""
        former = root_of(state)
        ends = now + self._policy.root_validity
        root = changes.next_root(self._kind, former, change, online, ends, hybrid=self._policy.hybrid_root)
        drafts = [Draft(ROOT, root, (Agreement.of(former, ROOT), Agreement.of(root, ROOT)))]
        if self._kind.keeps_targets:
            drafts += self._again(state, TARGETS, now, root)
        return drafts

    def delegation(self, state: State, now: int, change: DelegationChange) -> list[Draft]:
        """The next top-level targets and, where the delegated role has none of its keys', its own."""
        root_of(state)
        assert state.targets is not None
        ends = now + self._policy.targets_validity
        targets = changes.with_delegation(state.targets, change, ends)
        drafts = [Draft(TARGETS, targets, state.agreements(TARGETS))]
        if not change.keys:
            return drafts
        if change.role in state.delegated:
            return drafts + self._again(state, change.role, now, targets)
        # What the role said when it was delegated to before does not come back; its versions count on.
        number = state.number(change.role) + 1
        return [*drafts, self._empty(change.role, number, now, Agreement.of(targets, change.role))]

    def targets(
        self, state: State, now: int, role: str, add: Mapping[str, TargetEntry], remove: Iterable[str]
    ) -> list[Draft]:
        """A targets role's next version."""
        root_of(state)
        agree, present = state.agreements(role), None if role == ROOT else state.role_targets(role)
        if not agree or present is None:
            raise Refused(SigningReason.NO_SUCH_ROLE, f"{role} is no targets role")
        for path in add:
            if role != TARGETS and role not in changes.covering(state.targets, path):
                raise Refused(SigningReason.BAD_CHANGE, f"{path} is not delegated to {role}")
            for other, files in state.listed().items():
                if other != role and path in files:
                    raise Refused(SigningReason.BAD_CHANGE, f"{path} is among the targets of {other}")
        after = changes.next_targets(present, now + self._policy.targets_validity, add, remove)
        return [Draft(role, after, agree)]

    def _again(self, state: State, role: str, now: int, delegator: Root | Targets) -> list[Draft]:
        """The role's targets anew, unless they have the signatures that a delegator to come asks for."""
        metadata = parse(state.versions[role].octets, Targets)
        if delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures):
            return []
        after = changes.next_targets(metadata.signed, now + self._policy.targets_validity, {}, ())
        return [Draft(role, after, (Agreement.of(delegator, role),))]

    def _empty(self, role: str, version: int, now: int, asked: Agreement) -> Draft:
        return Draft(role, Targets(version, expires=moment(now + self._policy.targets_validity)), (asked,))


def root_of(state: State) -> Root:
    """Raises Refused(NOT_BEGUN)."""
    if state.root is None:
        raise Refused(SigningReason.NOT_BEGUN)
    return state.root
