"""`v2xpki ca review`: for the root's operator."""

from pathlib import Path
from typing import Any

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.ca_options import DIRECTORY
from v2xpki.cli.output import json_option, note, print_json
from v2xpki.cli.trustfiles import print_table


@click.command("review")
@DIRECTORY
@click.argument("request", required=False, metavar="[REQUEST]")
@json_option
def command(directory: Path, request: str | None, *, as_json: bool) -> None:
    """Show what REQUEST, a file or the id of one that waits, asks for; without it, list what waits.

    Where the root's folder is. Nothing is signed. Exits 1 where the request cannot be granted.
    """
    from v2xpki.authorities.etsi import ca_approval
    from v2xpki.authorities.etsi.ca_review import describe_review
    from v2xpki.config import Instance

    instance = Instance.load(directory)
    if request is None:
        _list(instance, as_json=as_json)
        return
    review = ca_approval.review(instance, ca_approval.read_request(instance, request))
    document = describe_review(review, ca_approval.root_of(instance))
    if as_json:
        print_json(document)
    else:
        show(document)
    if not review.can_be_granted:
        raise click.exceptions.Exit(EXIT_NO)


def show(document: dict[str, Any]) -> None:
    """A review for people."""
    problems, remarks = document.pop("problems"), document.pop("remarks")
    asks, issues = document.pop("asksFor"), document.pop("wouldIssue")
    former = document.pop("rekeyedFrom")
    print_table(f"request of an {document['kind']}", document)
    if former is not None:
        print_table("re-keyed from", former)
    print_table("asks for", asks)
    if issues is not None:
        print_table("would be issued", issues)
    for text in remarks:
        note(f"remark: {text}")
    for problem in problems:
        note(f"problem: {problem['rule']}: {problem['text']}")
    note("it can be granted" if document["canBeGranted"] else "it cannot be granted")


def _list(instance: Any, *, as_json: bool) -> None:
    from v2xpki.authorities.etsi import ca_approval

    reviews = [ca_approval.review(instance, found.octets) for found in ca_approval.waiting(instance)]
    rows: list[dict[str, Any]] = [
        {
            "id": review.request.id,
            "kind": review.kind,
            "name": review.name,
            "rekeyedFrom": review.request.former,
            "granted": None if review.granted is None else review.granted.hashed_id8,
            "canBeGranted": review.can_be_granted,
            "problems": [problem._asdict() for problem in review.problems],
        }
        for review in reviews
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        former = "" if row["rekeyedFrom"] is None else f"  re-keyed from {row['rekeyedFrom'].hex().upper()}"
        state = "granted, not installed" if row["granted"] else "waits" if row["canBeGranted"] else "problems"
        click.echo(f"{row['id']}  {row['kind']}  {row['name'] or '-'}  {state}{former}")
    note(f"{len(rows)} requests without a certificate in place")
