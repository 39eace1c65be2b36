"""The `v2xpki` command: click groups, one module a group, no logic.

A group's module is imported only when its command runs, so that `v2xpki --help` and the processes
that a ceremony starts stay light. To add a command: a module `v2xpki/cli/<name>.py` whose attribute
`command` is the click command, and one line in `COMMANDS`.

Exit codes: 0 done, 1 the answer is no, 2 usage or configuration, 3 a fault. Errors of the house are
turned into a message on stderr here and nowhere else.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from v2xpki import __version__, errors
from v2xpki._collecting import collect_seldom
from v2xpki.disk import disk_full

EXIT_NO, EXIT_USAGE, EXIT_FAULT = 1, 2, 3

# name -> (module whose attribute `command` it is, the line in --help); in the order of --help
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("v2xpki.cli.init", "Create an instance: tokens, databases, root ceremony, all authorities."),
    "serve": ("v2xpki.cli.serve", "Serve the instance to stations and operators until it is stopped."),
    "status": ("v2xpki.cli.status", "Authorities, keys, lists and their freshness, counts."),
    "demo": ("v2xpki.cli.demo", "A fresh PKI and two stations, start to end, with proof that it works."),
    "ca": ("v2xpki.cli.ca", "Add, re-key and revoke EAs and AAs; roll root and TLM over."),
    "ceremony": ("v2xpki.cli.ceremony", "Run a reviewed ceremony file."),
    "audit": ("v2xpki.cli.audit", "Show and check the audit records, note where they end."),
    "station": ("v2xpki.cli.station", "Register, list, bar and import stations."),
    "ma": ("v2xpki.cli.ma", "Revoke vehicles of an SCMS, sign its CRLs."),
    "scms": ("v2xpki.cli.scms", "Rotate keys that an SCMS's ACA and linkage authorities keep and share."),
    "ota": ("v2xpki.cli.ota", "Sign firmware and deliver it to vehicles (Uptane)."),
    "backup": ("v2xpki.cli.backup", "Write an instance into one encrypted file, while it serves."),
    "restore": ("v2xpki.cli.restore", "Check a backup and bring its instance back."),
    "client": ("v2xpki.cli.client", "A station's side, against any PKI: enrol, authorize, send, verify."),
    "cert": ("v2xpki.cli.cert", "Show, verify, lint certificates; issue them for laboratories."),
    "data": ("v2xpki.cli.data", "Show, verify and lint signed messages."),
    "ctl": ("v2xpki.cli.ctl", "Show, verify and lint the CTL of a root."),
    "ectl": ("v2xpki.cli.ectl", "Show, verify and lint the ECTL of a TLM."),
    "crl": ("v2xpki.cli.crl", "Show, verify and lint the CRL of a root."),
    "testset": ("v2xpki.cli.testset", "Make test certificates, messages and lists, good and broken ones."),
    "bench": ("v2xpki.cli.bench", "Measure this machine against what the cryptography alone costs."),
}

# The first class that fits gives the exit code.
_EXIT_CODES: tuple[tuple[type[errors.V2xPkiError], int], ...] = (
    (errors.ConfigError, EXIT_USAGE),
    (errors.CeremonyRefused, EXIT_USAGE),
    (errors.TrustError, EXIT_NO),
    (errors.InvalidSignature, EXIT_NO),
    (errors.InvalidPoint, EXIT_NO),
    (errors.DecodeError, EXIT_NO),
    (errors.UnexpectedContent, EXIT_NO),
    (errors.UnsupportedAlgorithm, EXIT_NO),
    (errors.LintFailed, EXIT_NO),
    (errors.Refused, EXIT_NO),
)


class LazyGroup(click.Group):
    """Imports a command's module when the command is asked for, not before."""

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        command = importlib.import_module(self._lazy[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._lazy.items()])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """As click's, with the house's errors mapped to messages and exit codes."""
        extra["standalone_mode"] = False
        if args is None:  # the whole process is this command
            collect_seldom()
        try:
            result = super().main(args, *rest, **extra)
        except click.exceptions.Abort:
            _leave("stopped", EXIT_USAGE)
        except click.ClickException as error:
            error.show()
            sys.exit(EXIT_USAGE)
        except errors.V2xPkiError as error:
            _leave(error.diagnostics() or type(error).__name__, exit_code(error))
        except BrokenPipeError:
            # The reader of our output left (a pager, `head`): not a fault, but nothing more to say.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            full = disk_full(error)
            _leave(str(error) if full is None else full.diagnostics(), EXIT_FAULT)
        except Exception as error:
            if os.environ.get("V2XPKI_DEBUG"):
                raise
            _leave(f"unexpected {type(error).__name__}: {error}\nV2XPKI_DEBUG=1 shows where", EXIT_FAULT)
        # Without standalone mode click returns the code of ctx.exit() as the result.
        sys.exit(result if isinstance(result, int) else 0)


def exit_code(error: errors.V2xPkiError) -> int:
    """The exit code of an error of the house."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), EXIT_FAULT)


def _leave(message: str, code: int) -> NoReturn:
    click.echo(f"v2xpki: {message}", err=True)
    sys.exit(code)


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Public key infrastructure for V2X.

    Exit codes: 0 done, 1 the answer is no, 2 usage or configuration, 3 a fault.
    """
