"""The command's frame: exit codes, messages, lazy modules."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from v2xpki import errors
from v2xpki.cli import LazyGroup, main
from v2xpki.cli.output import confirm, print_json


def group_that_raises(error: BaseException) -> click.Group:
    group = LazyGroup("x", lazy={})

    @group.command("fail")
    def _fail() -> None:
        raise error

    return group


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidChain("expired", rule="validity"), 1),
        (errors.InvalidSignature("no"), 1),
        (errors.LintFailed("e_at_no_id"), 1),
        (errors.DecodeError("leftovers", where=("a", "b")), 1),
        (errors.ConfigError("unknown key x"), 2),
        (errors.CeremonyRefused("label exists"), 2),
        (errors.TokenLost("gone"), 3),
        (errors.RecordFailed("disk full"), 3),
        (FileNotFoundError(2, "No such file", "x"), 3),
        (ZeroDivisionError("oops"), 3),
        (click.UsageError("what?"), 2),
        (click.Abort(), 2),
    ],
)
def test_exit_codes_tell_no_from_usage_from_fault(error, code):
    result = CliRunner().invoke(group_that_raises(error), ["fail"])
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr


def test_a_message_says_what_to_do_next():
    error = errors.ConfigError("no v2xpki.toml", hint="run init")
    result = CliRunner().invoke(group_that_raises(error), ["fail"])
    assert result.stderr == "v2xpki: no v2xpki.toml\nrun init\n"


def test_a_fault_shows_its_trace_when_asked(monkeypatch):
    monkeypatch.setenv("V2XPKI_DEBUG", "1")
    result = CliRunner().invoke(group_that_raises(ZeroDivisionError("oops")), ["fail"])
    assert isinstance(result.exception, ZeroDivisionError)


def test_help_and_version_exit_0():
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0
    assert CliRunner().invoke(main, ["--version"]).exit_code == 0


def test_an_unknown_command_is_a_usage_error():
    result = CliRunner().invoke(main, ["no-such-thing"])
    assert result.exit_code == 2
    assert "no-such-thing" in result.stderr


def test_help_imports_no_command():
    code = "import sys; from v2xpki.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([m for m in sys.modules if m.startswith(('v2xpki.cli.', 'sqlalchemy', 'cryptography'))])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("[]")


def test_json_has_octets_in_lower_case_hex(capsys):
    print_json({"id": b"\xab", "list": (1, None), "path": __import__("pathlib").Path("/x")})
    assert '"id": "ab"' in capsys.readouterr().out


def test_without_a_terminal_nothing_is_confirmed():
    assert confirm("sure?", yes=True)
    assert not confirm("sure?", yes=False)
