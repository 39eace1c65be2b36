"""Which images a vehicle is directed to: the newest that its ECUs may have, as far as all go together.

    resolution = resolve(holdings, offers, known)
    resolution.directed     ECU id -> target
    resolution.withheld     ECU id -> why the newest offer is not directed

A target is for one hardware id, and the highest release counter wins. It never lowers what an ECU has,
unless the release says so (`rollbackFrom`). What the vehicle would have afterwards decides about requirements
and conflicts: those of every directed image hold then, and those of images that stay hold on if they did.
An ECU that has not reported yet is directed to nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from v2xpki.trust.ota.fields import ImageFields, Relation, may_follow


class Target(NamedTuple):
    """A target of the Image repository that may be directed to."""

    path: str
    length: int
    sha256: str
    hashes: Mapping[str, str]
    fields: ImageFields


class Holding(NamedTuple):
    """An ECU, and what it last reported as installed."""

    ecu: str
    hardware_id: str
    path: str | None = None
    sha256: str | None = None
    release_counter: int | None = None

    def has(self, target: Target) -> bool:
        """Whether this very image is installed."""
        return self.path == target.path and self.sha256 == target.sha256


class Resolution(NamedTuple):
    """What is directed, and why what is newer is not."""

    directed: Mapping[str, Target]
    withheld: Mapping[str, str]


class _Release(NamedTuple):
    """What the rules ask about an image."""

    name: str
    counter: int
    requires: tuple[Relation, ...] = ()
    conflicts: tuple[Relation, ...] = ()


_State = Mapping[str, _Release | None]


def resolve(
    holdings: Iterable[Holding], offers: Mapping[str, Iterable[Target]], known: Mapping[str, Target]
) -> Resolution:
    """What each ECU is directed to. offers: ECU id -> targets; known: path -> target, withdrawn ones too, for
    what is installed."""
    ecus = sorted(holdings)
    present = {one.ecu: _installed(one, known) for one in ecus}
    wanted = {one.ecu: _candidates(one, present[one.ecu], offers.get(one.ecu, ())) for one in ecus}
    if not any(_restricts(one) for one in _all(present, wanted)):
        return Resolution({ecu: listed[0] for ecu, listed in wanted.items() if listed}, {})
    search = _Search(present, wanted)
    search.demote()
    search.promote()
    return Resolution(search.directed(), search.withheld())


def _all(present: _State, wanted: Mapping[str, Sequence[Target]]) -> Iterable[_Release]:
    """Every image that is there or may come."""
    yield from (release for release in present.values() if release is not None)
    yield from (_release(target) for listed in wanted.values() for target in listed)


def _restricts(release: _Release) -> bool:
    return bool(release.requires or release.conflicts)


def _installed(one: Holding, known: Mapping[str, Target]) -> _Release | None:
    if one.path is None or one.release_counter is None:
        return None
    target = known.get(one.path)
    if target is not None and one.has(target):
        return _release(target)
    # Not of this repository, a factory's image for one: its path names it all the same (names.target_path).
    parts = one.path.split("/")
    return _Release(parts[1] if len(parts) == 4 else "", one.release_counter)


def _release(target: Target) -> _Release:
    fields = target.fields
    return _Release(fields.name, fields.release_counter, fields.requires, fields.conflicts)


def _candidates(one: Holding, installed: _Release | None, offered: Iterable[Target]) -> tuple[Target, ...]:
    """The newest first, down to the one that is installed."""
    if installed is None:
        return ()
    ranked = sorted(
        {
            target.path: target
            for target in offered
            if target.fields.hardware_id == one.hardware_id
            and may_follow(target.fields.release_counter, target.fields.rollback_from, installed.counter)
        }.values(),
        key=lambda target: (target.fields.release_counter, target.path),
        reverse=True,
    )
    for number, target in enumerate(ranked):
        if one.has(target):
            return tuple(ranked[:number])
    return tuple(ranked)


class _Search:
    """From the newest of everything down, one ECU at a time, until all go together; then up again wherever
    that can be done alone. Each step is final for its ECU and its image, so it ends."""

    def __init__(self, present: _State, wanted: Mapping[str, Sequence[Target]]) -> None:
        self._present, self._wanted = present, wanted
        self._choice = dict.fromkeys(wanted, 0)
        self._why: dict[str, str] = {}
        self._held = {
            ecu: (
                [one for one in release.requires if _required(one, present)],
                [one for one in release.conflicts if not _conflicting(one, ecu, present)],
            )
            for ecu, release in present.items()
            if release is not None
        }

    def directed(self) -> dict[str, Target]:
        """ECU id -> target."""
        return {
            ecu: self._wanted[ecu][number]
            for ecu, number in self._choice.items()
            if number < len(self._wanted[ecu])
        }

    def withheld(self) -> dict[str, str]:
        """ECU id -> why, of those that do not get their newest."""
        return {ecu: self._why[ecu] for ecu, number in self._choice.items() if number}

    def demote(self) -> None:
        """Take back what cannot stand."""
        while (found := self._violation()) is not None:
            ecu, self._why[ecu] = found
            self._choice[ecu] += 1

    def promote(self) -> None:
        """Give again what can stand after all: something else was taken back since."""
        again = True
        while again:
            again = False
            for ecu, number in self._choice.items():
                for better in range(number):
                    self._choice[ecu] = better
                    if self._violation() is None:
                        again = True
                        break
                    self._choice[ecu] = number

    def _state(self) -> dict[str, _Release | None]:
        directed = self.directed()
        return {
            ecu: _release(directed[ecu]) if ecu in directed else kept for ecu, kept in self._present.items()
        }

    def _violation(self) -> tuple[str, str] | None:
        """An ECU whose image cannot stand, and why."""
        state, directed = self._state(), self.directed()
        for ecu, target in directed.items():
            release = _release(target)
            for relation in release.requires:
                if not _required(relation, state):
                    return ecu, f"{target.path} requires {_text(relation)}"
            for relation in release.conflicts:
                if _conflicting(relation, ecu, state):
                    return ecu, f"{target.path} conflicts with {_text(relation)}"
        for ecu, (requires, conflicts) in self._held.items():
            if ecu in directed:
                continue
            for relation in requires:
                if not _required(relation, state):
                    # one of those that fulfilled it is replaced, else it would hold as before
                    other = next(o for o in directed if _fulfils(relation, self._present[o]))
                    return other, f"{ecu} has what requires {_text(relation)}"
            for relation in conflicts:
                for other in _conflicting(relation, ecu, state):
                    return other, f"{ecu} has what conflicts with {_text(relation)}"
        return None


def _fulfils(relation: Relation, release: _Release | None) -> bool:
    return release is not None and relation.holds(release.name, release.counter)


def _required(relation: Relation, state: _State) -> bool:
    return any(_fulfils(relation, release) for release in state.values())


def _conflicting(relation: Relation, ecu: str, state: _State) -> list[str]:
    """Other ECUs whose image it is about."""
    return [other for other, release in state.items() if other != ecu and _fulfils(relation, release)]


def _text(relation: Relation) -> str:
    most = "" if relation.most is None else f" to {relation.most}"
    return f"{relation.name} from {relation.least}{most}"
