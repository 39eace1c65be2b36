"""What `v2xpki ctl` does with a CTL of an SCMS, and how the next one comes to be."""

from pathlib import Path
from typing import Any

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.output import confirm, json_option, note, print_json
from v2xpki.cli.trustfiles import moment, now, print_table, read_certificate, read_octets
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, DecodeError, InvalidCtl
from v2xpki.time import iso_from_time32
from v2xpki.trust.scms_ctl import ScmsCtl, elector_hash, root_hash
from v2xpki.trust.scms_profiles import role_of

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def is_scms_ctl(octets: bytes) -> bool:
    """Whether octets are a MultiSignedCtl, sound or not: of ETSI's lists none is unsecured data."""
    try:
        ScmsCtl.parse(octets)
    except InvalidCtl as error:
        return error.rule != "form"
    except DecodeError:
        return False
    return True


def show(octets: bytes, *, as_json: bool) -> None:
    """All of it; nothing is verified."""
    described = _described(ScmsCtl.parse(octets))
    if as_json:
        print_json(described)
        return
    certificates = {entry["hash"]: entry for entry in described.pop("certificates")}
    for name in ("electors", "removedElectors", "roots", "removedRoots"):
        described[name] = [_line(octets, certificates.get(octets)) for octets in described[name]]
    print_table(f"CTL {described['ctlSeriesId'].hex().upper()} {described['sequenceNumber']}", described)


def _line(name: bytes, known: dict[str, Any] | None) -> str:
    return f"{known['hashedId8'].hex().upper()} {known['name']}" if known else name.hex()


def _described(ctl: ScmsCtl) -> dict[str, Any]:
    return {
        "kind": "scms-ctl",
        "ctlSeriesId": ctl.series,
        "sequenceNumber": ctl.sequence,
        "effectiveDate": iso_from_time32(ctl.effective),
        "quorum": ctl.quorum,
        "electors": list(ctl.electors),
        "removedElectors": list(ctl.record.elector_remove),
        "roots": list(ctl.roots),
        "removedRoots": list(ctl.record.root_ca_remove),
        "signatures": [name.hex().upper() if name else None for name in ctl.signer_ids],
        "tbsCtlHash": ctl.digest,
        "certificates": [
            {
                "hash": elector_hash(c) if ctl.names_elector(c) else root_hash(c),
                "hashedId8": c.hashed_id8,
                "name": c.name,
            }
            for c in ctl.certificates
        ],
    }


def diff(before: bytes, after: bytes, *, as_json: bool) -> bool:
    """What the second list adds and removes; whether the two differ in electors, roots or quorum."""
    lists = ScmsCtl.parse(before), ScmsCtl.parse(after)
    found: dict[str, Any] = {"kind": "scms-ctl", "sequences": [one.sequence for one in lists]}
    for name in ("electors", "roots"):
        old, new = (set(getattr(one, name)) for one in lists)
        found[name] = {"added": sorted(new - old), "removed": sorted(old - new)}
    found["quorum"] = [one.quorum for one in lists]
    if as_json:
        print_json(found)
    else:
        known = {entry["hash"]: entry for octets in lists for entry in _described(octets)["certificates"]}
        for name in ("electors", "roots"):
            for sign, change in (("+", "added"), ("-", "removed")):
                for one in found[name][change]:
                    click.echo(f"{sign} {name.removesuffix('s')} {_line(one, known.get(one))}")
        if lists[0].quorum != lists[1].quorum:
            click.echo(f"- quorum {lists[0].quorum}\n+ quorum {lists[1].quorum}")
    changed = any(found[name][change] for name in ("electors", "roots") for change in ("added", "removed"))
    return changed or lists[0].quorum != lists[1].quorum


def judge(octets: bytes, candidates: list[Certificate], quorum: int | None, at: int) -> list[Certificate]:
    """The electors among the candidates who have signed. Raises InvalidCtl unless they are enough: more than
    half of those given, unless the quorum is told."""
    ctl = ScmsCtl.parse(octets)
    electors = [c for c in candidates if (role := role_of(c)) is not None and role.kind == "elector"]
    if not electors:
        raise ConfigError("--chain names no elector", hint="name the electors that you trust")
    ctl.verify(electors, quorum or len(electors) // 2 + 1, at)
    return sorted(ctl.signers(electors, at), key=lambda elector: elector.hex8)


@click.command("elect")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--add-root", multiple=True, type=_FILE, metavar="FILE", help="A root CA's certificate.")
@click.option("--remove-root", multiple=True, metavar="ID8", help="HashedId8 of a root on the present list.")
@click.option("--add-elector", multiple=True, type=_FILE, metavar="FILE", help="An elector's certificate.")
@click.option("--remove-elector", multiple=True, metavar="ID8", help="HashedId8 of an elector.")
@click.option("--quorum", type=click.IntRange(1), help="Signatures that the list after this one needs.")
@click.option("--effective", metavar="ISO", help="When it comes into force; by default at once.")
@click.option(
    "--signature", "signatures", multiple=True, type=_FILE, metavar="FILE",
    help="What an elector of somebody else has signed for this list.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--operator", default=None, help="Who does it; by default the user's name.")
@json_option
def elect(
    directory: Path,
    add_root: tuple[Path, ...],
    remove_root: tuple[str, ...],
    add_elector: tuple[Path, ...],
    remove_elector: tuple[str, ...],
    quorum: int | None,
    effective: str | None,
    signatures: tuple[Path, ...],
    *,
    yes: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Make the next CTL of an SCMS: roots and electors that come and go.

    Writes a ceremony file for each elector, holds those whose tokens are within reach (a laboratory), and
    hands the list out once a quorum has signed. Otherwise hold the ceremonies where the tokens are, bring
    the signatures back, and repeat the command without changes.
    """
    from v2xpki.authorities.scms import election
    from v2xpki.authorities.scms.electing import Changes
    from v2xpki.cli.ceremony import operator_name
    from v2xpki.config import Instance

    changes = Changes(
        tuple(map(read_certificate, add_root)),
        frozenset(map(_id8, remove_root)),
        tuple(map(read_certificate, add_elector)),
        frozenset(map(_id8, remove_elector)),
        quorum,
        moment(effective),
    )
    instance = Instance.load(directory)
    planned = election.plan(instance, changes, now())
    for line in planned.lines:
        note(line)
    if not confirm("Do this?", yes=yes):
        note("nothing was done; --yes confirms without a question")
        raise click.exceptions.Exit(EXIT_NO)
    done = election.hold(
        instance, planned, [read_octets(path) for path in signatures], operator or operator_name()
    )
    document = {
        "sequence": planned.sequence,
        "files": list(done.files),
        "signed": done.signed,
        "needed": done.needed,
        "published": done.published,
        "transcripts": list(done.transcripts),
    }
    if as_json:
        print_json(document)
    else:
        for file in done.files:
            click.echo(str(file))
    if done.published:
        note(f"CTL {planned.sequence} is handed out, with {done.signed} signatures of {done.needed} needed")
    else:
        note(
            f"{done.signed} of {done.needed} have signed; hold the other files' ceremonies, then repeat this"
        )


def _id8(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 8:
        raise click.BadParameter(f"{text!r} is no HashedId8 of 16 hex digits")
    return found
