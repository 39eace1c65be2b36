"""What goes between a repository and its signers: a request, and a signature. JSON, small enough for a mail.

    request    {"repository", "role", "version", "signed": what is signed,
                "agree": [{"who", "threshold", "keys": {keyid: key}}], "former": the version before, or null}
    signature  {"repository", "request": its id, "signer": name,
                "signatures": [{"keyid", "sig": hex}]}

A signer whose old and new key are both asked, as in a change of their own root key, signs with both.

A signer sees `differences` and signs the canonical JSON of "signed", nothing else of the file.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from securesystemslib.signer import Key, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Role, Root, TargetFile, Targets

from v2xpki.errors import DecodeError
from v2xpki.ota.kinds import KINDS, ROOT, TARGETS, TOP_LEVEL, is_delegated_name
from v2xpki.ota.metadata import Agreement
from v2xpki.trust.ota.canonical import canonical, printable, read_object, text_of, whole_of
from v2xpki.trust.ota.keys import parse_key
from v2xpki.trust.ota.names import KEYID, PART, SHA256

LONGEST_REQUEST = 64 << 20
LONGEST_SIGNATURE = 64 << 10
MOST_SIGNATURES = 4
_SIGNATURE = re.compile(r"([0-9a-f]{2}){32,4096}")


def request_id(role: str, octets: bytes) -> bytes:
    """SHA-256 of a role's name, a line feed, and what is signed, which does not name a delegated role."""
    return hashlib.sha256(role.encode() + b"\n" + octets).digest()


class RequestFile(NamedTuple):
    """A request as a signer gets it. `signed` and `former`: the "signed" part of metadata."""

    repository: str
    role: str
    version: int
    signed: Mapping[str, Any]
    agree: tuple[Agreement, ...]
    former: Mapping[str, Any] | None

    @property
    def octets(self) -> bytes:
        """What is signed."""
        return canonical(self.signed)

    @property
    def id(self) -> bytes:
        return request_id(self.role, self.octets)

    def document(self) -> dict[str, Any]:
        agree = [
            {
                "who": one.who,
                "threshold": one.threshold,
                "keys": {k: v.to_dict() for k, v in one.keys.items()},
            }
            for one in self.agree
        ]
        return {
            "repository": self.repository,
            "role": self.role,
            "version": self.version,
            "signed": dict(self.signed),
            "agree": agree,
            "former": None if self.former is None else dict(self.former),
        }

    @classmethod
    def parse(cls, octets: bytes) -> "RequestFile":
        """Raises DecodeError that names the field."""
        table = read_object(octets, "request", limit=LONGEST_REQUEST)
        if table.keys() != {"repository", "role", "version", "signed", "agree", "former"}:
            raise DecodeError("request has not repository, role, version, signed, agree and former")
        role = table["role"]
        if table["repository"] not in KINDS or not isinstance(role, str):
            raise DecodeError("request.repository is no repository, or its role no role")
        if role not in (ROOT, TARGETS) and not is_delegated_name(role):
            raise DecodeError("request.role is no offline role")
        version = whole_of(table, "version", "request", least=1)
        signed = _signed(table["signed"], role, "request.signed")
        former = None if table["former"] is None else _signed(table["former"], role, "request.former")
        if signed["version"] != version:
            raise DecodeError("request.version is not the version that is signed")
        agree = table["agree"]
        if not isinstance(agree, list) or not agree:
            raise DecodeError("request.agree names nobody")
        return cls(table["repository"], role, version, signed, tuple(map(_agreement, agree)), former)


class SignatureFile(NamedTuple):
    """What comes back from a signer: keyid -> signature (hex). `signer` is what whoever signed says of
    themselves; the keys count."""

    repository: str
    request: bytes
    signer: str
    signatures: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        return {
            "repository": self.repository,
            "request": self.request.hex(),
            "signer": self.signer,
            "signatures": [{"keyid": keyid, "sig": sig} for keyid, sig in self.signatures.items()],
        }

    @classmethod
    def parse(cls, octets: bytes) -> "SignatureFile":
        """Raises DecodeError that names the field."""
        table = read_object(octets, "signature", limit=LONGEST_SIGNATURE)
        if table.keys() != {"repository", "request", "signer", "signatures"}:
            raise DecodeError("signature has not repository, request, signer and signatures")
        if table["repository"] not in KINDS:
            raise DecodeError("signature.repository is no repository")
        listed = table["signatures"]
        if not isinstance(listed, list) or not 0 < len(listed) <= MOST_SIGNATURES:
            raise DecodeError(f"signature.signatures is no list of 1 to {MOST_SIGNATURES}")
        if not all(isinstance(one, dict) and one.keys() == {"keyid", "sig"} for one in listed):
            raise DecodeError("signature.signatures has what is no keyid and sig")
        what = "signature.signatures"
        signatures = {
            text_of(one, "keyid", KEYID, what): text_of(one, "sig", _SIGNATURE, what) for one in listed
        }
        if len(signatures) != len(listed):
            raise DecodeError("signature.signatures has a key twice")
        return cls(
            table["repository"],
            bytes.fromhex(text_of(table, "request", SHA256, "signature")),
            text_of(table, "signer", PART, "signature"),
            signatures,
        )


def agreements_text(agree: tuple[Agreement, ...]) -> str:
    """Agreements as a row keeps them."""
    return json.dumps(
        [
            {"who": a.who, "threshold": a.threshold, "keys": {k: v.to_dict() for k, v in a.keys.items()}}
            for a in agree
        ]
    )


def read_agreements(text: str) -> tuple[Agreement, ...]:
    """Of a row, which was checked when it was written."""
    return tuple(
        Agreement(a["who"], a["threshold"], {k: SSlibKey.from_dict(k, v) for k, v in a["keys"].items()})
        for a in json.loads(text)
    )


def differences(former: Mapping[str, Any] | None, signed: Mapping[str, Any]) -> list[str]:
    """What a signature would change, a line each, for people; texts that could deceive a terminal are
    escaped."""
    before = f"{former['version']} -> " if former else ""
    lines = [f"{signed['_type']} version {before}{signed['version']}, expires {signed['expires']}"]
    if signed["_type"] == Root.type:
        lines += _root_lines(_root(former) if former else None, _root(signed))
    else:
        lines += _targets_lines(_targets(former) if former else None, _targets(signed))
    if len(lines) == 1:
        lines.append("nothing else changes")
    return [line if printable(line) else ascii(line) for line in lines]


def _root_lines(former: Root | None, root: Root) -> Iterator[str]:
    for name in TOP_LEVEL:
        was = former.roles[name] if former else None
        yield from _role_lines(name, was, root.roles[name], (former.keys if former else {}) | root.keys)
    if not root.consistent_snapshot:
        yield "consistent snapshots are switched off"


def _role_lines(name: str, was: Role | None, now: Role, keys: Mapping[str, Key]) -> Iterator[str]:
    old, new = set(was.keyids if was else ()), set(now.keyids)
    for sign, keyids in (("-", old - new), ("+", new - old)):
        for keyid in sorted(keyids):
            yield f"{sign} {name}: key {keyid[:16]} ({keys[keyid].scheme})"
    if was is None or was.threshold != now.threshold:
        before = f"{was.threshold} -> " if was else ""
        yield f"~ {name}: threshold {before}{now.threshold} of {len(now.keyids)}"


def _targets_lines(former: Targets | None, targets: Targets) -> Iterator[str]:
    was, now = (former.targets if former else {}), targets.targets
    for path in sorted(was.keys() - now.keys()):
        yield f"- {path}"
    for path in sorted(now):
        if path not in was:
            yield f"+ {path} {_target(now[path])}"
        elif was[path] != now[path]:
            yield f"~ {path} {_target(was[path])} -> {_target(now[path])}"
    old, new = _delegations(former), _delegations(targets)
    keys = {
        k: v for one in (former, targets) if one and one.delegations for k, v in one.delegations.keys.items()
    }
    for name in sorted(old.keys() - new.keys()):
        yield f"- delegation to {name}"
    for name, role in new.items():
        before = old.get(name)
        if before is None:
            yield f"+ delegation to {name}"
        if before is None or (before.paths, before.terminating) != (role.paths, role.terminating):
            last = ", nobody after it" if role.terminating else ""
            yield f"~ {name}: paths {' '.join(role.paths or ())}{last}"
        yield from _role_lines(name, before, role, keys)
    if list(old) != [name for name in new if name in old] and old.keys() <= new.keys():
        yield "~ delegations in another order"


def _delegations(targets: Targets | None) -> dict[str, Any]:
    if targets is None or targets.delegations is None:
        return {}
    return dict(targets.delegations.roles or {})


def _target(file: TargetFile) -> str:
    custom = "" if file.custom is None else f" {json.dumps(file.custom, sort_keys=True)}"
    return f"({file.length} octets, SHA-256 {file.hashes.get('sha256', '?')}){custom}"


def _signed(value: Any, role: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DecodeError(f"{what} is no object")
    (_root if role == ROOT else _targets)(value, what)
    return value


def _root(value: Mapping[str, Any], what: str = "signed") -> Root:
    found: Root = _typed(Root, value, what)
    return found


def _targets(value: Mapping[str, Any], what: str = "signed") -> Targets:
    found: Targets = _typed(Targets, value, what)
    return found


def _typed(kind: Any, value: Mapping[str, Any], what: str) -> Any:
    try:
        found = kind.from_dict(json.loads(json.dumps(value)))
        if any(_unknown(found)):
            raise DecodeError(f"{what} has fields that a signer would not be shown")
        if canonical(found.to_dict()) != canonical(value):
            raise DecodeError(f"{what} says more than is understood")
    except (RepositoryError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DecodeError(f"{what} is no {kind.type}: {type(error).__name__}") from None
    return found


def _unknown(found: Root | Targets) -> Iterator[bool]:
    """Whether something is in metadata that `differences` does not tell of."""
    yield bool(found.unrecognized_fields)
    roles: list[Role] = []
    keys: Mapping[str, Key] = {}
    if isinstance(found, Root):
        roles, keys = list(found.roles.values()), found.keys
    elif found.delegations is not None:
        roles, keys = list((found.delegations.roles or {}).values()), found.delegations.keys
        yield bool(found.delegations.unrecognized_fields) or found.delegations.succinct_roles is not None
    for role in roles:
        yield bool(role.unrecognized_fields) or getattr(role, "path_hash_prefixes", None) is not None
    for keyid, key in keys.items():
        yield parse_key(key.to_dict(), "key").keyid != keyid
    if isinstance(found, Targets):
        for file in found.targets.values():
            yield bool(file.unrecognized_fields.keys() - {"custom"}) or file.hashes.keys() != {"sha256"}


def _agreement(value: Any) -> Agreement:
    if not isinstance(value, dict) or value.keys() != {"who", "threshold", "keys"}:
        raise DecodeError("request.agree has not who, threshold and keys")
    if (
        not isinstance(value["keys"], dict)
        or not isinstance(value["who"], str)
        or not printable(value["who"])
    ):
        raise DecodeError("request.agree.keys is no object, or who no text")
    keys = [parse_key(key, "request.agree.keys") for key in value["keys"].values()]
    if {key.keyid for key in keys} != value["keys"].keys():
        raise DecodeError("request.agree.keys: a keyid is not its key's")
    return Agreement(
        value["who"], whole_of(value, "threshold", "request.agree", least=1), {k.keyid: k for k in keys}
    )
