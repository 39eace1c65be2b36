"""`v2xpki serve`: the services of an instance, until it is stopped."""

from pathlib import Path

import click

from v2xpki.cli.output import note
from v2xpki.config import Instance


@click.command(name="serve")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--http", metavar="HOST:PORT", help="For stations; by default the one in v2xpki.toml.")
@click.option("--https", metavar="HOST:PORT", help="For stations, with TLS.")
@click.option("--admin", metavar="HOST:PORT", help="For operators: TLS, client certificate required.")
@click.option("--workers", type=int, metavar="N", help="Worker processes a role.")
@click.option(
    "--roles",
    metavar="ROLE,...",
    help="Some of ea, aa, dc (with the CPOC), eca, ra, aca, la1, la2, ma, sdc, image, director.",
)
def command(
    directory: Path,
    *,
    http: str | None,
    https: str | None,
    admin: str | None,
    workers: int | None,
    roles: str | None,
) -> None:
    """Serve the instance in DIR.

    \b
      v2xpki serve /srv/pki
      v2xpki serve /srv/pki --http 127.0.0.1:8080 --https 0.0.0.0:8443 --admin 127.0.0.1:8444

    Without any listener option those of v2xpki.toml are opened; with --https or --admin, just these and
    http. Port 0 takes a free port; DIR/run/serve.json tells which. SIGTERM ends everything in order.
    """
    from v2xpki.web.process import roles_of
    from v2xpki.web.supervisor import Plan, Supervisor

    instance = Instance.load(directory)
    configured = instance.settings.serve
    if not (http or https or admin) and instance.tls_files().certificate.exists():
        https, admin = configured.https, configured.admin
    plan = Plan(
        http=http or configured.http,
        https=https,
        admin=admin,
        workers=configured.workers if workers is None else workers,
        roles=roles_of(instance) if roles is None else role_names(roles),
    )
    Supervisor(instance, plan, say=note).run()


def role_names(text: str) -> tuple[str, ...]:
    """The roles of "ea,aa,cpoc", each once; DC and CPOC are one role."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    return tuple(dict.fromkeys("dc" if name == "cpoc" else name for name in names))
