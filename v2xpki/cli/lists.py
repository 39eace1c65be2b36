"""The commands of v2xpki ctl, ectl and crl: publish lists, look at them, compare, verify and lint them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from v2xpki.cli import EXIT_NO, scms_crl, scms_ctl
from v2xpki.cli.output import confirm, json_option, note, print_json
from v2xpki.cli.trustfiles import (
    VerifyCommand,
    evidence_options,
    file_argument,
    gather,
    lint_options,
    moment,
    now,
    print_table,
    read_octets,
    tell,
    tell_findings,
)
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, CryptoError, DecodeError, InvalidList, SecuredError, V2xPkiError
from v2xpki.secured import SignedMessage
from v2xpki.trust.deltas import changes
from v2xpki.trust.describe import describe_entry, describe_list
from v2xpki.trust.judge import judge_list
from v2xpki.trust.links import is_link
from v2xpki.trust.lint_data import lint_data
from v2xpki.trust.lists import ListKind, SignedList
from v2xpki.trust.profiles import CRL_PSID, CTL_PSID
from v2xpki.trust.scms_crl import ScmsCrl
from v2xpki.trust.scms_crl_lint import is_scms_crl, judge_scms_crl, lint_scms_crl
from v2xpki.trust.scms_lint_signed import lint_scms_ctl

_TITLES: dict[ListKind, str] = {
    "ctl": "certificate trust lists of root CAs",
    "ectl": "trust lists of the trust list manager",
    "crl": "certificate revocation lists",
}
_DIRECTORY = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
_COUNT = click.option(
    "--count",
    type=click.IntRange(1, 100),
    help="Lists in the run; by default one in a laboratory, else as in [lists].",
)
_OPERATOR = click.option("--operator", default=None, help="Who does it; by default the user's name.")
_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


def list_group(kind: ListKind) -> click.Group:
    """The group of one kind of list."""

    @click.group(
        name=kind,
        help=f"Publish {_TITLES[kind]}; look at them, verify and lint them. COER, hex or base64; - is stdin.",
    )
    def group() -> None:
        pass

    _add_publishing(group, kind)
    _add_looking(group, kind)
    return group


def _add_publishing(group: click.Group, kind: ListKind) -> None:
    @group.command()
    @_DIRECTORY
    @_COUNT
    @click.option(
        "--from", "sources", multiple=True, metavar="PATH", type=click.Path(exists=True, path_type=Path),
        help="Lists that a ceremony signed: files or folders of them.",
    )  # fmt: skip
    @click.option("--yes", is_flag=True, help="Do it without asking.")
    @_OPERATOR
    @json_option
    def publish(
        directory: Path,
        count: int | None,
        sources: tuple[Path, ...],
        *,
        yes: bool,
        operator: str | None,
        as_json: bool,
    ) -> None:
        """Publish the next lists.

        In a laboratory they are signed now, with the entries of the last one, in a ceremony of its own; by
        every generation of the root or TLM that is in force. Otherwise a run that a ceremony signed is given
        to the distribution centre, by default that of DIR's own root or TLM folder. Links between generations
        that lie there are handed out too.
        """
        from v2xpki.authorities.etsi import publishing
        from v2xpki.cli.ceremony import operator_name
        from v2xpki.config import Instance

        instance = Instance.load(directory)
        signs = instance.lab and not sources
        if signs:
            note(f"signs {count or 1} {kind.upper()} now and hands it out (a laboratory)")
        else:
            if count is not None:
                raise click.UsageError(
                    f"--count is of a laboratory; here `v2xpki {kind} prepare` writes the ceremony's file"
                )
            sources = sources or publishing.sources(instance, kind)
            note(f"gives every {kind.upper()} of {', '.join(map(str, sources))} to the distribution centre")
        if not confirm("Do this?", yes=yes):
            note("nothing was done; --yes confirms without a question")
            raise click.exceptions.Exit(EXIT_NO)
        if signs:
            done = publishing.publish_all(instance, kind, count=count, operator=operator or operator_name())
        else:
            _require(sources)
            recorded = publishing.import_lists(instance, sources, kind=kind)
            done = publishing.Published(recorded=recorded)
        tell_published(done, kind, as_json=as_json)

    @group.command()
    @_DIRECTORY
    @_COUNT
    @click.option(
        "--now", "at_once", is_flag=True, help="The run begins at once, not where the last one ends."
    )
    @json_option
    def prepare(directory: Path, count: int | None, *, at_once: bool, as_json: bool) -> None:
        """Write the ceremony file of the next run, with the entries of the last list; nothing is signed.

        One for each generation of the root or TLM that is in force. Where the root's or TLM's folder is.
        Review it, hold the ceremony (`v2xpki ceremony run FILE`), carry the new files of its lists folder to
        the distribution centre and `publish` them there.
        """
        from v2xpki.authorities.etsi import publishing
        from v2xpki.config import Instance
        from v2xpki.time import iso_from_time32

        *former, run = publishing.prepare_all(
            Instance.load(directory), kind, count=count, following=not at_once
        )
        if as_json:
            document = {"file": run.file, "kind": kind, "number": run.number, "count": run.count}
            print_json(document | {"former": [entry.file for entry in former]})
            return
        for entry in (*former, run):
            click.echo(f"{entry.file}")
            note(
                f"{entry.count} lists from number {entry.number} on, "
                f"the first for {iso_from_time32(entry.this_update)}"
            )


def _require(sources: Sequence[Path]) -> None:
    for path in sources:
        if not path.exists():
            raise click.UsageError(f"{path} is not there; name what the ceremony signed: --from FOLDER")


def tell_published(
    done: Any, kind: ListKind, *, as_json: bool, more: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Print what was published. more: what else `--json` has."""
    recorded = done.recorded
    document = {
        "kind": kind,
        "lists": list(done.lists),
        "new": recorded.new if recorded else 0,
        "known": recorded.known if recorded else 0,
        "older": recorded.older if recorded else 0,
        "transcripts": [held.transcript for held in done.ceremonies],
        "warnings": list(done.warnings),
    }
    if as_json:
        print_json({**more, **document})
    else:
        for path in done.lists:
            click.echo(str(path))
        counts = f"{document['new']} new, {document['known']} known, {document['older']} overtaken"
        click.echo(f"distribution centre: {counts}" if recorded else "the distribution centre is not here")
    for warning in done.warnings:
        note(f"warning: {warning}")
    if recorded is not None and not recorded.new:
        note("nothing new was published")


def _add_looking(group: click.Group, kind: ListKind) -> None:
    @group.command()
    @file_argument
    @json_option
    def show(file: Path, *, as_json: bool) -> None:
        """Show a list and its entries; nothing is verified."""
        octets = read_octets(file)
        if kind == "crl" and is_scms_crl(octets):
            scms_crl.show(octets, as_json=as_json)
            return
        if kind == "ctl" and scms_ctl.is_scms_ctl(octets):
            scms_ctl.show(octets, as_json=as_json)
            return
        described = describe_list(_listed(file, octets, kind))
        if as_json:
            print_json(described)
            return
        entries = described.pop("entries")
        print_table(f"{kind.upper()} by {(described['signer']['hashedId8'] or b'').hex().upper()}", described)
        for entry in entries:
            certificate = entry.pop("certificate", {})
            brief = {name: certificate[name] for name in ("hashedId8", "id", "validity") if certificate}
            print_table(entry.pop("kind"), brief | entry)

    @group.command()
    @click.argument("before", metavar="A", type=_FILE)
    @click.argument("after", metavar="B", type=_FILE)
    @json_option
    def diff(before: Path, after: Path, *, as_json: bool) -> None:
        """What full list B adds to A, removes and changes. Exits 1 where they differ."""
        both = [read_octets(path) for path in (before, after)]
        if kind == "ctl" and all(map(scms_ctl.is_scms_ctl, both)):
            if scms_ctl.diff(*both, as_json=as_json):
                raise click.exceptions.Exit(EXIT_NO)
            return
        first, second = (_full(path, kind) for path in (before, after))
        if kind == "crl":
            differs = _diff_revoked(first, second, as_json=as_json)
        else:
            differs = _diff_entries(first, second, as_json=as_json)
        if differs:
            raise click.exceptions.Exit(EXIT_NO)

    @group.command(cls=VerifyCommand)
    @file_argument
    @evidence_options
    @click.option(
        "--quorum",
        type=click.IntRange(1),
        hidden=kind != "ctl",
        help="Of a CTL of an SCMS: electors in --chain who must have signed; by default more than half.",
    )
    @json_option
    def verify(
        file: Path,
        chain: tuple[Path, ...],
        anchor: Path | None,
        crl: Path | None,
        time: str | None,
        place: str | None,
        quorum: int | None,
        *,
        as_json: bool,
    ) -> None:
        """Verify a list under its signer, the anchor: now, or at --time."""
        at = moment(time)
        at = now() if at is None else at
        octets = read_octets(file)

        def judge() -> list[Certificate]:
            evidence = gather(chain, anchor, crl, place, at)
            if kind == "crl" and is_scms_crl(octets):
                return judge_scms_crl(ScmsCrl.parse(octets), evidence, at)
            if kind == "ctl" and scms_ctl.is_scms_ctl(octets):
                return scms_ctl.judge(octets, list(evidence.candidates), quorum, at)
            return judge_list(_listed(file, octets, kind), evidence, at)

        tell(judge, as_json=as_json)

    @group.command()
    @file_argument
    @click.option(
        "--previous",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The full list before this one, for the rules that compare the two.",
    )
    @lint_options
    @json_option
    def lint(file: Path, previous: Path | None, time: str | None, *, every: bool, as_json: bool) -> None:
        """Hold a list and the certificates in it against the rules."""
        before = None if previous is None else _read(previous, kind)
        octets = read_octets(file)
        if kind == "crl" and is_scms_crl(octets):
            tell_findings({str(file): lint_scms_crl(octets)}, as_json=as_json)
            return
        if kind == "ctl" and scms_ctl.is_scms_ctl(octets):
            tell_findings({str(file): lint_scms_ctl(octets)}, as_json=as_json)
            return
        _refuse_other(file, octets, kind)
        found = lint_data(octets, previous=before, at=moment(time), every=every)
        tell_findings({str(file): found}, as_json=as_json)


def _diff_revoked(before: SignedList, after: SignedList, *, as_json: bool) -> bool:
    added, removed = sorted(after.revoked - before.revoked), sorted(before.revoked - after.revoked)
    if as_json:
        print_json({"kind": "crl", "added": added, "removed": removed, "changed": []})
    for sign, entries in (("+", added), ("-", removed)):
        for entry in entries if not as_json else ():
            click.echo(f"{sign} {entry.hex().upper()}")
    return bool(added or removed)


def _diff_entries(before: SignedList, after: SignedList, *, as_json: bool) -> bool:
    found = changes(before.entries, after.entries)
    if as_json:
        print_json(
            {
                "kind": before.kind,
                "sequences": [before.sequence, after.sequence],
                "added": list(map(describe_entry, found.added)),
                "removed": list(map(describe_entry, found.removed)),
                "changed": [
                    {"before": describe_entry(a), "after": describe_entry(b)} for a, b in found.changed
                ],
            }
        )
        return bool(found)
    for sign, entries in (("+", found.added), ("-", found.removed)):
        for entry in entries:
            click.echo(f"{sign} {_brief(entry)}")
    for old, new in found.changed:
        click.echo(f"- {_brief(old)}\n+ {_brief(new)}")
    return bool(found)


def _brief(entry: Any) -> str:
    """An entry on one line."""
    table = describe_entry(entry)
    certificate = table.pop("certificate", None)
    words = [table.pop("kind")]
    if certificate:
        words += [certificate["hashedId8"].hex().upper(), str(certificate["id"]["value"] or "(no name)")]
    words += [f"{name}={_word(value)}" for name, value in table.items() if value is not None]
    return " ".join(words)


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_word, value))
    return value.hex().upper() if isinstance(value, bytes) else str(value)


def _full(path: Path, kind: ListKind) -> SignedList:
    """A full list to compare. Exit code 1 says that two differ, so what is none is wrong usage."""
    try:
        found = _read(path, kind)
    except V2xPkiError as error:
        raise ConfigError(f"{path}: {error}", hint=error.hint) from error
    if not found.is_full:
        raise ConfigError(f"{path} is a delta", hint="compare the full lists")
    return found


def _refuse_other(path: Path, octets: bytes, kind: ListKind) -> None:
    """Raises InvalidList for another kind of list, and for another kind of message."""
    _refuse_link(path, octets)
    try:
        psid = SignedMessage.parse(octets).header.psid
        if psid not in (CRL_PSID, CTL_PSID):
            raise InvalidList(f"{path} is a message of psid {psid}", rule="kind", hint="v2xpki data lint")
        found = SignedList.parse(octets)
    except (DecodeError, SecuredError, CryptoError):
        return  # for the linter to say
    _check_kind(path, found, kind)


def _read(path: Path, kind: ListKind) -> SignedList:
    return _listed(path, read_octets(path), kind)


def _listed(path: Path, octets: bytes, kind: ListKind) -> SignedList:
    _refuse_link(path, octets)
    found = SignedList.parse(octets)
    _check_kind(path, found, kind)
    return found


def _refuse_link(path: Path, octets: bytes) -> None:
    """A link has the psid of trust lists, and is none."""
    if is_link(octets):
        raise InvalidList(f"{path} is a link certificate", rule="kind", hint="v2xpki data")


def _check_kind(path: Path, found: SignedList, kind: ListKind) -> None:
    if found.kind != kind:
        raise InvalidList(f"{path} is a {found.kind.upper()}", rule="kind", hint=f"v2xpki {found.kind}")
