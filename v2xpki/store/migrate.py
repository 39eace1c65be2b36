"""For maintainers: write a migration after a change to a domain's models.

python -m v2xpki.store.migrate revision ea -m "Remember the profile"
python -m v2xpki.store.migrate revision ea --replace    # one initial migration, before a release
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from v2xpki.store.base import DOMAINS, schema_name
from v2xpki.store.database import Database
from v2xpki.store.schema import MIGRATIONS, alembic_config, newest


def make_revision(domain: str, message: str, *, replace: bool = False) -> Path:
    """Write the migration from the newest revision to the models as they are; with `replace`, one initial
    migration instead of all there are."""
    from alembic import command

    folder = MIGRATIONS / schema_name(domain)
    if replace:
        for old in folder.glob("r*.py"):
            old.unlink()
    number = f"{int(newest(domain) or 0) + 1:04}"
    with (
        tempfile.TemporaryDirectory() as scratch,
        Database.open(Path(scratch, "scratch.db")) as database,
        database.write(durable=False) as tx,
    ):
        config = alembic_config(domain, tx.connection)
        config.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
        if number != "0001":
            command.upgrade(config, "head")
        command.revision(config, message, autogenerate=True, rev_id=number)
    path = next(folder.glob(f"r{number}_*.py"))
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(path)], check=False)  # noqa: S603
    subprocess.run([sys.executable, "-m", "ruff", "check", "-q", "--fix", str(path)], check=False)  # noqa: S603
    return path


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m v2xpki.store.migrate")
    commands = parser.add_subparsers(required=True)
    revision = commands.add_parser("revision", help="write a migration from the models")
    revision.add_argument("domain", choices=DOMAINS, nargs="+")
    revision.add_argument("-m", dest="message", default="Initial")
    revision.add_argument("--replace", action="store_true")
    chosen = parser.parse_args()
    for domain in chosen.domain:
        sys.stdout.write(f"{make_revision(domain, chosen.message, replace=chosen.replace)}\n")


if __name__ == "__main__":
    _main()
