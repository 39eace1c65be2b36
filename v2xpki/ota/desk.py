"""What the desks of both repositories share: who asks, what for, and how they say no.

A call of the operators' interface is a method of a desk that `answers` describes: how HTTP names it, and
which roles may make it. The web, the client of the interface and the command line all go by that.
"""

import functools
import getpass
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self, TypeVar

from v2xpki.config.ota import OPERATOR_ROLES
from v2xpki.errors import DecodeError, Refused
from v2xpki.trust.ota.canonical import printable

#: A CN that may stand in the header: no separator of it.
_NAME = re.compile(r"[^;,\x00-\x1f\x7f]{1,128}")
_PARAMETER = re.compile(r"\{(\w+)\}")
#: The operator of a laboratory, who may do everything.
LAB_OPERATOR = "operator"


class Reason(StrEnum):
    """Why a desk says no."""

    ROLE = "role"  # the operator may not
    UNKNOWN = "unknown"  # no such thing, or not this operator's
    STATE = "state"  # not as things are now
    FIELD = "field"  # a member of what was sent
    SIZE = "size"  # too large
    OFFSET = "offset"  # an upload goes on elsewhere
    CHECKSUM = "checksum"  # not what the sender meant to send


@dataclass(frozen=True, slots=True)
class Operator:
    """Who asks: the name in the client's certificate, and what `[ota.operators]` lets them do."""

    name: str
    roles: frozenset[str]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not self.roles <= set(OPERATOR_ROLES):
            raise DecodeError(f"{self.name!r} with {', '.join(sorted(self.roles))} is no operator")

    def require(self, roles: frozenset[str]) -> None:
        """Raises Refused unless one of the roles is theirs."""
        if not self.roles & roles:
            raise Refused(Reason.ROLE, f"{self.name} is none of {', '.join(sorted(roles))}")

    @classmethod
    def named(cls, name: str, operators: Mapping[str, tuple[str, ...]], *, lab: bool = False) -> Self:
        """As the settings have it; in a laboratory the operator of its certificates may do everything."""
        roles = operators.get(name, OPERATOR_ROLES if lab and name == LAB_OPERATOR else ())
        return cls(name, frozenset(roles))

    @classmethod
    def here(cls, name: str | None = None) -> Self:
        """Whoever has the instance's folder itself, on the command line: all roles, under the user's name."""
        return cls(name or getpass.getuser(), frozenset(OPERATOR_ROLES))

    @property
    def header(self) -> str:
        """CN;role,role: as the admin process tells the roles."""
        return f"{self.name};{','.join(sorted(self.roles))}"

    @classmethod
    def parse(cls, header: str) -> Self:
        """The reverse. Raises DecodeError."""
        name, separator, roles = header.partition(";")
        if not separator:
            raise DecodeError("the operator's header is not CN;role,role")
        return cls(name, frozenset(roles.split(",")) - {""})


def text(body: Mapping[str, Any], name: str, *, most: int = 500) -> str:
    """A text member for the record. Raises DecodeError that names it."""
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most or not printable(value):
        raise DecodeError(f"{name} is no text of 1 to {most} printable characters")
    return value


def check_members(body: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raises DecodeError for a member that nothing would be done with."""
    unknown = sorted(set(body) - known)
    if unknown:
        members = f"known are {', '.join(sorted(known))}" if known else "there is no member to give"
        raise DecodeError(f"{', '.join(unknown)}: not known here; {members}")


# --- calls ----------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """A call as it comes: who, the path's and the query's parameters, the body's members."""

    operator: Operator
    parameters: Mapping[str, str]
    body: Mapping[str, Any]


class Call(NamedTuple):
    """How a desk's method is asked for: POST releases/{id}/approve. query: parameters beside the path's."""

    name: str
    method: str
    path: str
    roles: frozenset[str]
    status: int
    query: tuple[str, ...]

    @property
    def in_path(self) -> tuple[str, ...]:
        """The parameters in the path."""
        return tuple(_PARAMETER.findall(self.path))


D = TypeVar("D")
R = TypeVar("R")


def answers(
    http: str, *roles: str, status: int = 200, query: tuple[str, ...] = ()
) -> Callable[[Callable[[D, Asked], R]], Callable[[D, Asked], R]]:
    """Makes a method a call: `@answers("POST releases", RELEASE_ENGINEER)`. It refuses every operator who has
    none of the roles, however it is called."""
    verb, _, path = http.partition(" ")

    def made(method: Callable[[D, Asked], R]) -> Callable[[D, Asked], R]:
        @functools.wraps(method)
        def guarded(desk: D, asked: Asked) -> R:
            asked.operator.require(call.roles)
            return method(desk, asked)

        call = Call(method.__name__, verb, path, frozenset(roles), status, query)
        guarded.__dict__["call"] = call
        return guarded

    return made


def calls_of(desk: type) -> list[Call]:
    """All that a kind of desk answers."""
    found = (getattr(getattr(desk, name), "call", None) for name in dir(desk))
    return [one for one in found if isinstance(one, Call)]


def hex_of(asked: Asked, name: str, octets: int) -> bytes:
    """A parameter that is hex of so many octets. Raises Refused (UNKNOWN): nothing else has such a name."""
    value = asked.parameters.get(name, "")
    if re.fullmatch(rf"[0-9a-f]{{{2 * octets}}}", value):
        return bytes.fromhex(value)
    raise Refused(Reason.UNKNOWN, f"{name} {value[:80]!r} is not hex of {octets} octets")


def one_of(asked: Asked, name: str, known: Sequence[str]) -> str | None:
    """A parameter that has one of a few values; None where it is not given. Raises DecodeError that names
    them."""
    value = asked.parameters.get(name)
    if value is not None and value not in known:
        raise DecodeError(f"{name} {value[:40]!r} is not one of {', '.join(known)}")
    return value


def call_of(desk: type, name: str) -> Call:
    """One of them, by its method's name."""
    found = getattr(getattr(desk, name), "call", None)
    assert isinstance(found, Call)
    return found
