"""manifest.json of a test set: what is in it, and what a receiver must answer.

{"version": 1, "time": ISO, "seed": TEXT, "entries": [...], "timed": [...], "identities": [...]}

`entries` hold at any moment of the set's week and need no more than
`v2xpki cert|data|ctl|ectl|crl verify FILE --chain FILES`; those in `timed` are about the receiver's clock
and are judged at their `time`. Files are relative to the folder of the manifest.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from v2xpki.errors import ConfigError

Kind = Literal["certificate", "message", "list"]
VERSION = 1


@dataclass(frozen=True)
class Entry:
    """One file to judge.

    chain: what the receiver has beside it: certificates, the only self-signed one trusted; a CRL in force;
    messages heard before. expect: "valid" or "invalid". rule: what the entry is about, unlike any other's.
    reason: the `rule` of our own verifier's answer, null where valid. command: how to ask it. decodes:
    whether a decoder takes the octets as one canonical encoding. key: PEM of the private key, where there is
    one.
    """

    file: str
    chain: list[str]
    kind: Kind
    expect: Literal["valid", "invalid"]
    rule: str
    reason: str | None
    command: Literal["cert", "data", "ctl", "ectl", "crl"]
    clause: str
    description: str
    decodes: bool = True
    time: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Manifest:
    """The whole manifest."""

    time: str
    seed: str
    entries: list[Entry]
    timed: list[Entry]
    identities: list[dict[str, Any]] = field(default_factory=list)  # certificates with their private keys

    def as_document(self) -> dict[str, Any]:
        return {"version": VERSION, **asdict(self)}


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a folder. Raises ConfigError."""
    path = directory / "manifest.json"
    try:
        document = json.loads(path.read_text())
        if document.pop("version") != VERSION:
            raise ConfigError(f"{path}: another version")
        for name in ("entries", "timed"):
            document[name] = [Entry(**entry) for entry in document[name]]
        return Manifest(**document)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="v2xpki testset create DIR") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path} is no manifest of a test set: {error}") from error
