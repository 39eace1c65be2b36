"""`v2xpki init`: an instance from nothing."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from v2xpki.cli.output import confirm, json_option, note, print_json
from v2xpki.config import OFFLINE_DOMAINS, PROFILES, parts_of

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from v2xpki.ota.bootstrap import OtaPlan

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("init")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--profile",
    metavar="PROFILE",
    default="etsi",
    show_default=True,
    help=f'{", ".join(PROFILES)}; or some of them joined, as "etsi+ota".',
)
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
@click.option(
    "--ota-root-key",
    "root_keys",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="A public key that signs the roots of firmware metadata: of `v2xpki ota signer`, or PEM. Without "
    "--lab.",
)
@click.option("--ota-root-threshold", "root_threshold", type=int, metavar="N", help="How many must agree.")
@click.option(
    "--ota-targets-key",
    "targets_keys",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="Likewise, for the Image repository's targets.",
)
@click.option("--ota-targets-threshold", "targets_threshold", type=int, metavar="N")
@click.option(
    "--ota-director-key",
    "director_keys",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="Likewise, for the Director's root; by default the same signers, who have a key of its own for it.",
)
@click.option("--ota-director-threshold", "director_threshold", type=int, metavar="N")
@click.option("--ota-hybrid-root", "hybrid", is_flag=True, help="ECDSA P-256 and ML-DSA-65, both needed.")
@click.option(
    "--ota-its-aid",
    "its_aid",
    type=int,
    metavar="N",
    help="ITS-AID under which vehicles sign their registration; root, EA and the vehicles' profile grant it.",
)
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
    root_keys: tuple[Path, ...],
    root_threshold: int | None,
    targets_keys: tuple[Path, ...],
    targets_threshold: int | None,
    director_keys: tuple[Path, ...],
    director_threshold: int | None,
    hybrid: bool,
    its_aid: int | None,
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
    ota = None
    signers = {
        "root": (root_keys, root_threshold),
        "targets": (targets_keys, targets_threshold),
        "director": (director_keys, director_threshold),
    }
    given = hybrid or any(files or threshold for files, threshold in signers.values())
    if parts_of(profile).ota:
        if its_aid is None:
            from v2xpki.ota.bootstrap import LAB_ITS_AID

            its_aid = LAB_ITS_AID if lab and parts_of(profile).etsi else 0
        ota = _ota_plan(signers, lab=lab, hybrid=hybrid, its_aid=its_aid, operator=operator_name())
    elif given or its_aid is not None:
        raise click.UsageError(f"profile {profile} delivers no firmware: nothing with --ota-... is for it")
    plan = bootstrap.Plan(
        directory=directory,
        base_url=base_url,
        profile=profile,
        lab=lab,
        curves=bootstrap.parse_curves(curves),
        databases=bootstrap.parse_databases(databases),
        operator=operator_name(),
        foreign_tlm=foreign,
        ota=ota,
        its_aid=ota.its_aid if ota else 0,
    )
    note(f"new instance in {directory}, lists will say {base_url}")
    for role, curve in plan.all_curves.items():
        note(f"  {role:5} {curve}")
    if ota is not None and ota.its_aid:
        note(f"  registrations of vehicles: ITS-AID {ota.its_aid}")
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
    width = max([5, *(len(made.role) for made in report.authorities)])
    for made in report.authorities:
        click.echo(
            f"{made.role:{width}} {made.certificate.hex8}  {made.certificate.curve.text:16} {made.key_label}"
        )
    note(f"in {time.monotonic() - start:.1f} s; next: v2xpki serve {directory}")
    if foreign is not None:
        note(f"give {directory}/root/certificates/root-1.oer and {base_url}/dc to the operator of the TLM")
    offline = [f"{directory}/{name}" for name in plan.roles if name in OFFLINE_DOMAINS]
    if offline and not lab:
        note(f"move {' and '.join(offline)} to where no service reaches them")
    if ota is not None and not lab:
        note(f"have {directory}/signing-requests signed (v2xpki ota sign), then submit the signatures")


def _ota_plan(
    signers: Mapping[str, tuple[tuple[Path, ...], int | None]],
    *,
    lab: bool,
    hybrid: bool,
    its_aid: int,
    operator: str,
) -> "OtaPlan":
    """What is to be made for firmware. signers: use of keys -> files and threshold."""
    from v2xpki.ota.bootstrap import OtaPlan, read_keys
    from v2xpki.ota.changes import FirstRoles

    if lab:
        if any(files or threshold for files, threshold in signers.values()):
            raise click.UsageError("--lab makes its own signers: 3, of whom 2 must agree")
        return OtaPlan(operator, its_aid, hybrid=hybrid)
    if not signers["root"][0] or not signers["targets"][0]:
        raise click.UsageError(
            "whose keys sign firmware metadata? --ota-root-key and --ota-targets-key; --lab makes some"
        )

    def read(use: str) -> "tuple[tuple[Key, ...], int]":
        files, threshold = signers[use]
        keys = read_keys(files or signers["root"][0], use)
        return keys, threshold or len(keys) // 2 + 1

    first = {"image": FirstRoles(*read("root"), *read("targets")), "director": FirstRoles(*read("director"))}
    return OtaPlan(operator, its_aid, first, hybrid)
