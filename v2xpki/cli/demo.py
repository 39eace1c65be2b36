"""`v2xpki demo`: the main job, start to end, in a folder of its own."""

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.output import json_option, note, print_json


@click.command("demo")
@click.option("--profile", default="etsi", show_default=True, metavar="etsi|scms|ota|all")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A new or empty folder to keep it in; by default a temporary one.",
)
@json_option
@click.pass_context
def command(ctx: click.Context, profile: str, directory: Path | None, *, as_json: bool) -> None:
    """A fresh PKI, vehicles and a roadside unit that enrol, sign and verify, and a forger who is refused.

    etsi: a C-ITS PKI. scms: an IEEE 1609.2.1 SCMS, with pseudonyms and their revocation. ota: firmware
    from an engineer into a vehicle, and what the vehicle refuses. all: one after the other, each in a folder
    of its name.

    Everything is real: keys in tokens, services in processes of their own, https. Exits 0 when all went
    as it should, 1 when something did not. The folder stays; `v2xpki serve DIR` goes on with it.
    """
    from v2xpki.demo import Steps, chosen, joint_document, run
    from v2xpki.demo.show import Progress, print_report

    names = chosen(profile)
    temporary = directory is None
    root = Path(tempfile.mkdtemp(prefix="v2xpki-demo-")) if directory is None else directory
    folder, reports = root, {}
    try:
        for name in names:
            if profile == "all":
                folder = root / name
                note(f"{name}, in {folder}")
            reports[name] = run(name, folder, Steps(Progress()))
    except KeyboardInterrupt:
        if temporary:
            shutil.rmtree(root, ignore_errors=True)
        note("everything that was started has ended")
        raise
    except Exception:
        if temporary and not reports and not (folder / "log").exists():
            shutil.rmtree(root, ignore_errors=True)
        else:
            note(f"what is there stays in {root}; logs in {folder}/log")
        raise
    if as_json:
        print_json(joint_document(reports) if profile == "all" else reports[profile].document())
    else:
        for report in reports.values():
            print_report(report, _how_called(), _docs())
    ctx.exit(EXIT_NO if any(report.problems for report in reports.values()) else 0)


def _how_called() -> str:
    """How the reader calls this command: by its name where the shell finds it, else by its path."""
    called = Path(sys.argv[0])
    found = shutil.which("v2xpki")
    if called.name != "v2xpki" or (found is not None and called.samefile(found)):
        return "v2xpki"
    with contextlib.suppress(ValueError):
        return str(called.absolute().relative_to(Path.cwd()))
    return str(called.absolute())


def _docs() -> Path | None:
    """The guides of a clone; an installed package has none beside it."""
    docs = Path(__file__).parents[2] / "docs"
    return docs if docs.is_dir() else None
