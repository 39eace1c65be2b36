"""The commands of v2xpki ctl, ectl and crl: look at lists, verify and lint them."""

from pathlib import Path

import click

from v2xpki.cli.output import json_option, print_json
from v2xpki.cli.trustfiles import (
    VerifyCommand,
    evidence_options,
    file_argument,
    gather,
    moment,
    now,
    print_table,
    read_octets,
    tell,
    tell_findings,
)
from v2xpki.errors import InvalidList
from v2xpki.trust.describe import describe_list
from v2xpki.trust.judge import judge_list
from v2xpki.trust.lint_data import lint_data
from v2xpki.trust.lists import ListKind, SignedList

_TITLES: dict[ListKind, str] = {
    "ctl": "certificate trust lists of root CAs",
    "ectl": "trust lists of the trust list manager",
    "crl": "certificate revocation lists",
}


def list_group(kind: ListKind) -> click.Group:
    """The group of one kind of list."""

    @click.group(
        name=kind, help=f"Look at {_TITLES[kind]}, verify and lint them. COER, hex or base64; - is stdin."
    )
    def group() -> None:
        pass

    @group.command()
    @file_argument
    @json_option
    def show(file: Path, *, as_json: bool) -> None:
        """Show a list and its entries; nothing is verified."""
        described = describe_list(_read(file, kind))
        if as_json:
            print_json(described)
            return
        entries = described.pop("entries")
        print_table(f"{kind.upper()} by {(described['signer']['hashedId8'] or b'').hex().upper()}", described)
        for entry in entries:
            certificate = entry.pop("certificate", {})
            brief = {name: certificate[name] for name in ("hashedId8", "id", "validity") if certificate}
            print_table(entry.pop("kind"), brief | entry)

    @group.command(cls=VerifyCommand)
    @file_argument
    @evidence_options
    @json_option
    def verify(
        file: Path,
        chain: tuple[Path, ...],
        anchor: Path | None,
        crl: Path | None,
        time: str | None,
        place: str | None,
        *,
        as_json: bool,
    ) -> None:
        """Verify a list under its signer, the anchor: now, or at --time."""
        at = moment(time)
        at = now() if at is None else at
        tell(
            lambda: judge_list(_read(file, kind), gather(chain, anchor, crl, place, at), at), as_json=as_json
        )

    @group.command()
    @file_argument
    @json_option
    def lint(file: Path, *, as_json: bool) -> None:
        """Hold a list and the certificates in it against the rules."""
        tell_findings(lint_data(_read(file, kind).octets), as_json=as_json)

    return group


def _read(path: Path, kind: ListKind) -> SignedList:
    found = SignedList.parse(read_octets(path))
    if found.kind != kind:
        raise InvalidList(f"{path} is a {found.kind.upper()}", rule="kind", hint=f"v2xpki {found.kind}")
    return found
