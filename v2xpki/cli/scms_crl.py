"""What `v2xpki crl` does with a CRL of an SCMS."""

import click

from v2xpki.cli.output import print_json
from v2xpki.cli.trustfiles import print_table
from v2xpki.trust.scms_crl import ScmsCrl
from v2xpki.trust.scms_crl_lint import describe_scms_crl

_SHOWN = 20  # entries of a CRL, which may have thousands


def show(octets: bytes, *, as_json: bool) -> None:
    """All of it as JSON, or a table with the first entries."""
    described = describe_scms_crl(ScmsCrl.parse(octets))
    if as_json:
        print_json(described)
        return
    entries = described.pop("entries")
    assert isinstance(entries, list)
    print_table(f"CRL series {described['crlSeries']}", described | {"entries": len(entries)})
    for entry in entries[:_SHOWN]:
        click.echo("  ".join(f"{name} {_word(value)}" for name, value in entry.items()))
    if len(entries) > _SHOWN:
        click.echo(f"... {len(entries) - _SHOWN} more; --json has them all")


def _word(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
