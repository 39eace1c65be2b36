"""`v2xpki init`: an instance from nothing."""

import time
from pathlib import Path

import click

from v2xpki.cli.output import confirm, json_option, note, print_json
from v2xpki.config import OFFLINE_DOMAINS, PROFILES

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("init")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--profile", type=click.Choice(PROFILES), default="etsi", show_default=True)
@click.option(
    "--base-url",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="What CTL and ECTL tell stations; your public address.",
)
@click.option("--curve", "curves", multiple=True, metavar="ROLE=NAME", help="e.g. aa=brainpoolP256r1")
@click.option(
    "--database", "databases", multiple=True, metavar="DOMAIN=URL", help="By default a SQLite file in DIR."
)
@click.option(
    "--tlm",
    "tlm_file",
    type=_FILE,
    metavar="FILE",
    help="Certificate of another operator's TLM, whose ECTL this root will be on; then there is no own one.",
)
@click.option("--ectl", "ectl_file", type=_FILE, metavar="FILE", help="With --tlm: that TLM's ECTL of today.")
@click.option("--lab", is_flag=True, help="Leave the root's and TLM's tokens within reach.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@json_option
def command(
    directory: Path,
    profile: str,
    base_url: str,
    curves: tuple[str, ...],
    databases: tuple[str, ...],
    tlm_file: Path | None,
    ectl_file: Path | None,
    lab: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Create an instance in DIR: tokens, databases, root ceremony, all authorities."""
    from v2xpki.authorities.etsi import bootstrap
    from v2xpki.authorities.etsi.foreign_tlm import read_foreign_tlm
    from v2xpki.cli.ceremony import operator_name
    from v2xpki.cli.trustfiles import read_certificate, read_octets
    from v2xpki.time import SystemClock

    if (tlm_file is None) != (ectl_file is None):
        raise click.UsageError("--tlm and --ectl go together: the ECTL names the CPOC that has the next one")
    foreign = None
    if tlm_file is not None and ectl_file is not None:
        foreign = read_foreign_tlm(read_certificate(tlm_file), read_octets(ectl_file), SystemClock().time32())
    plan = bootstrap.Plan(
        directory=directory,
        base_url=base_url,
        profile=profile,
        lab=lab,
        curves=bootstrap.parse_curves(curves),
        databases=bootstrap.parse_databases(databases),
        operator=operator_name(),
        foreign_tlm=foreign,
    )
    note(f"new instance in {directory}, lists will say {base_url}")
    for role, curve in plan.all_curves.items():
        note(f"  {role:5} {curve}")
    if foreign is not None:
        note(
            f"  TLM   {foreign.certificate.hex8}, another operator's: compare it with what that one tells you"
        )
        note(f"        ECTL {foreign.sequence} from {foreign.cpoc}")
    if not confirm("Make the keys and sign?", yes=yes):
        note("nothing was done; --yes confirms without a question")
        raise click.exceptions.Exit(1)
    start = time.monotonic()
    report = bootstrap.initialise(plan, progress=lambda text: note(f"  done: {text}"))
    if as_json:
        print_json(
            {
                "directory": report.instance.directory,
                "baseUrl": report.instance.base_url,
                "lab": report.instance.lab,
                "seconds": round(time.monotonic() - start, 2),
                "authorities": [
                    {
                        "role": made.role,
                        "hashedId8": made.certificate.hex8,
                        "name": made.certificate.name,
                        "curve": made.certificate.curve.text,
                        "keyLabel": made.key_label,
                        "certificate": made.path,
                    }
                    for made in report.authorities
                ],
            }
        )
        return
    width = max(5, *(len(made.role) for made in report.authorities))
    for made in report.authorities:
        click.echo(
            f"{made.role:{width}} {made.certificate.hex8}  {made.certificate.curve.text:16} {made.key_label}"
        )
    note(f"in {time.monotonic() - start:.1f} s; next: v2xpki serve {directory}")
    if foreign is not None:
        note(f"give {directory}/root/certificates/root-1.oer and {base_url}/dc to the operator of the TLM")
    if not lab:
        offline = [f"{directory}/{name}" for name in plan.roles if name in OFFLINE_DOMAINS]
        note(f"move {' and '.join(offline)} to where no service reaches them")
