"""`v2xpki status`: what an instance has and how it is."""

from pathlib import Path
from typing import Any

import click

from v2xpki.cli.output import json_option, print_json
from v2xpki.config import Instance


@click.command("status")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@json_option
def command(directory: Path, as_json: bool) -> None:
    """Authorities, keys, lists and their freshness, counts. Exits 1 if something does not work."""
    from v2xpki.authorities.etsi.status import collect

    instance = Instance.load(directory)
    status = collect(instance)
    if instance.has_ota:
        from v2xpki.ota.status import collect_firmware

        firmware = collect_firmware(instance)
        status.document["firmware"] = firmware.document
        status.problems += firmware.problems
        status.warnings += firmware.warnings
    if as_json:
        print_json(status.document)
    else:
        _print(status.document)
    if status.problems:
        raise click.exceptions.Exit(1)


def _print(document: dict[str, Any]) -> None:
    serving = document["serving"]
    click.echo(f"{document['directory']}  {document['baseUrl']}{'  laboratory' if document['lab'] else ''}")
    click.echo(f"serving: pid {serving['pid']}" if serving else "not serving")
    click.echo("\nauthority  HashedId8         curve            valid until           keys in its token")
    for authority in document["authorities"]:
        keys = ", ".join(f"{key['label']} ({key['curve']})" for key in authority["keys"])
        end = authority.get("validity", {}).get("end", "-")
        click.echo(
            f"{authority['role']:9}  {authority.get('hashedId8', '-'):16}  {authority.get('curve', '-'):15}  "
            f"{end:20}  {keys or ('offline' if authority['offline'] else '-')}"
        )
    for authority in document["authorities"]:
        if signer := authority.get("crlSigner"):
            end = signer["validity"]["end"]
            click.echo(f"{authority['role']:9}  signs CRLs as {signer['hashedId8']} until {end}")
        # An EA or AA tells more of its generations than when they end.
        for former in authority.get("former", ()) if "generations" not in authority else ():
            click.echo(
                f"{authority['role']:9}  generation {former['generation']}: {former['hashedId8']} "
                f"in force beside it until {former['validity']['end']}"
            )
        for one in authority.get("generations", ()):
            if one["state"] != "present":
                until = f" until {one['end']}" if one["state"] == "answers" else ""
                click.echo(
                    f"{authority['role']:9}  generation {one['generation']}: "
                    f"{one.get('hashedId8', one.get('request'))} {one['state']}{until}"
                )
    click.echo("\nlist       issuer            sequence  next update           ahead  signed until")
    for entry in document["lists"]:
        state = "" if entry["state"] == "in force" else f"  {entry['state']}"
        click.echo(
            f"{entry['kind']:9}  {entry['issuer']:16}  {entry['sequence']:8}  "
            f"{entry['nextUpdate'] or 'as long as no other':20}  "
            f"{entry['ahead']:5}  {entry['signedUntil'] or '-'}{state}"
        )
    if firmware := document.get("firmware"):
        _print_firmware(firmware)
    click.echo("")
    for name, counts in document["counts"].items():
        parts = [
            f"{kind} {sum(states.values())}" + (f" ({states['open']} open)" if states.get("open") else "")
            for kind, states in counts["records"].items()
        ]
        if "stations" in counts:
            parts.append(f"stations {sum(counts['stations'].values())}")
            parts.append(f"credentials {counts['credentials']}")
        parts.append(f"audit entries {counts['auditEntries']}")
        click.echo(f"{name:9}  {', '.join(parts)}")
    for kind in ("warnings", "problems"):
        for text in document[kind]:
            click.echo(f"{kind[:-1]}: {text}")


def _print_firmware(firmware: dict[str, Any]) -> None:
    click.echo("\nrepository  role              version  expires               signed by")
    for repository in firmware["repositories"]:
        for role in repository["roles"]:
            by = f"{role['threshold']} of {len(role['keyids'])}{'' if role['online'] else ', offline'}"
            click.echo(
                f"{repository['name']:10}  {role['role']:16}  {role['version']:7}  {role['expires']:20}  {by}"
            )
        for asked in repository["requests"]:
            needs = ", ".join(f"{count} more of {who}" for who, count in asked["missing"].items())
            named = f"{repository['name']:10}  {asked['role']:16}  {asked['version']:7}"
            click.echo(f"{named}  waits for {needs or 'another'}")
    for name, counts in firmware["counts"].items():
        parts = [f"{state} {count}" for state, count in counts.items()]
        click.echo(f"{name:10}  {', '.join(parts) or 'none'}")
