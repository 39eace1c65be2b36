"""The two repositories: where each keeps its rows, and which of its roles have their keys in the token."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy.orm import DeclarativeBase

from v2xpki.store import director, image

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = TOP_LEVEL = ("root", "targets", "snapshot", "timestamp")
#: A delegated role's name, which is part of its files' names.
DELEGATED = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Kind(NamedTuple):
    """A repository's tables, and online role -> whose key label signs it ("image-snapshot")."""

    name: str
    role_version: type[DeclarativeBase]
    signing_request: type[DeclarativeBase]
    submitted_signature: type[DeclarativeBase]
    online: Mapping[str, str]

    @property
    def keeps_targets(self) -> bool:
        """Whether its targets are one set for all, signed offline, and kept here. The Director has a set for
        each vehicle."""
        return TARGETS not in self.online


IMAGE = Kind(
    "image",
    image.RoleVersion,
    image.SigningRequest,
    image.SubmittedSignature,
    MappingProxyType({SNAPSHOT: "image-snapshot", TIMESTAMP: "image-timestamp"}),
)
DIRECTOR = Kind(
    "director",
    director.RoleVersion,
    director.SigningRequest,
    director.SubmittedSignature,
    MappingProxyType({role: f"director-{role}" for role in (TARGETS, SNAPSHOT, TIMESTAMP)}),
)
KINDS = {kind.name: kind for kind in (IMAGE, DIRECTOR)}


def is_delegated_name(role: str) -> bool:
    """Whether a role may be delegated to by this name."""
    return role not in TOP_LEVEL and DELEGATED.fullmatch(role) is not None
