"""`v2xpki ma`: an operator revokes in an SCMS, where the misbehaviour authority's token and database are.

The commands open the MA's domain themselves and ask the served ACA, RA and linkage authorities.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.output import confirm, json_option, note, print_json

if TYPE_CHECKING:
    from v2xpki.authorities.scms.ma_cases import Case
    from v2xpki.web.open_ma import MaService

_DIRECTORY = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
_YES = click.option("--yes", is_flag=True, help="Do it; without this nothing is done.")


@click.group("ma")
def command() -> None:
    """Revoke in an SCMS: a certificate's vehicle from the present period on, and the CRLs of it."""


@command.command("revoke")
@_DIRECTORY
@click.argument("certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reason", required=True, help="Why, for the record: no name of a person or vehicle.")
@click.option("--operator", default=None, help="Who does it; by default the user's name.")
@_YES
@json_option
def revoke(
    directory: Path, certificate: Path, *, reason: str, operator: str | None, yes: bool, as_json: bool
) -> None:
    """Revoke whoever has CERTIFICATE (a file, COER), with all other certificates of the vehicle.

    The RA blocks the vehicle at once; the CRL is signed and handed out. What cannot be done now, as another
    component is away, the served MA goes on with.
    """
    from v2xpki.cli.ceremony import operator_name

    octets = certificate.read_bytes()
    with _opened(directory) as service:
        named = service.authority.check(octets)
        note(f"{named.hex8}: its case can be opened")
        if not confirm("Revoke its vehicle? This cannot be taken back.", yes=yes):
            note("nothing was done; --yes does it")
            raise click.exceptions.Exit(EXIT_NO)
        case = service.authority.revoke(octets, reason, operator or operator_name())
        signed = _hand_out(service)
        document = _case(case) | {"crls": signed}
    _show(document, as_json=as_json)
    if case.state == "failed":
        raise click.exceptions.Exit(EXIT_NO)


@command.command("cases")
@_DIRECTORY
@click.option("--open", "only_open", is_flag=True, help="Those that are not done.")
@json_option
def cases(directory: Path, *, only_open: bool, as_json: bool) -> None:
    """List the cases: which certificate, how far, why."""
    with _opened(directory) as service:
        found = [_case(case) for case in service.authority.cases(only_open=only_open)]
    if as_json:
        print_json(found)
        return
    for case in found:
        click.echo(f"{case['case']}  {case['state']:8}  {case['certificate']}  {case['reason']}")
        if case["detail"]:
            click.echo(f"    {case['detail']}")


@command.command("resume")
@_DIRECTORY
@_YES
@json_option
def resume(directory: Path, *, yes: bool, as_json: bool) -> None:
    """Go on with the cases that are open. The served MA does so by itself."""
    with _opened(directory) as service:
        waiting = service.authority.cases(only_open=True)
        note(f"{len(waiting)} open")
        if waiting and not confirm("Go on with them?", yes=yes):
            note("nothing was done; --yes does it")
            raise click.exceptions.Exit(EXIT_NO)
        left = service.authority.resume_all()
        signed = _hand_out(service)
    still = [_case(case) | {"problem": f"{type(error).__name__}: {error}"} for case, error in left]
    document = {"done": len(waiting) - len(left), "open": still, "crls": signed}
    _show(document, as_json=as_json)
    if left:
        raise click.exceptions.Exit(EXIT_NO)


@command.command("crl")
@_DIRECTORY
@_YES
@json_option
def crl(directory: Path, *, yes: bool, as_json: bool) -> None:
    """Sign the CRLs that are due and hand them out. The served MA does so by itself."""
    with _opened(directory) as service:
        due = service.crls.due()
        note(f"due: {', '.join(f'series {series}' for series in due) or 'none'}")
        if not confirm("Sign and hand out?", yes=yes):
            note("nothing was done; --yes does it")
            raise click.exceptions.Exit(EXIT_NO)
        signed = _hand_out(service)
    _show({"crls": signed}, as_json=as_json)


@contextmanager
def _opened(directory: Path) -> "Iterator[MaService]":
    """The MA of an instance, in this process."""
    from v2xpki.config import Instance
    from v2xpki.web.open_ma import build_ma

    service = build_ma(Instance.load(directory))
    try:
        yield service
    finally:
        service.own.close()


def _hand_out(service: "MaService") -> dict[str, Any]:
    """Sign what is due; how many CRLs were signed, and how many the distribution centre took."""
    from v2xpki.errors import LinkError

    signed = len(service.crls.issue_due())
    try:
        return {"signed": signed, "handedOut": service.crls.publish_due()}
    except LinkError as error:
        note(f"the distribution centre: {error}; the served MA tries again")
        return {"signed": signed, "handedOut": 0}


def _case(case: "Case") -> dict[str, Any]:
    from v2xpki.crypto import Certificate
    from v2xpki.time import iso_from_time32

    return {
        "case": case.id.hex(),
        "certificate": Certificate.parse(case.certificate).hex8,
        "state": case.state,
        "reason": case.reason,
        "detail": case.detail,
        "opened": iso_from_time32(case.opened),
    }


def _show(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        if value != "":
            click.echo(f"{name}: {value}")
