"""What README and guides tell people to type exists: commands, options, make's targets, files."""

import re
import shlex
from pathlib import Path

import click
import pytest

from v2xpki.cli import main

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# `v2xpki ...` at the start of a line of code, or between backquotes
TYPED = re.compile(
    r"^(?: {4}(?:\.venv/bin/)?|\.venv/bin/|)(v2xpki .*)$|`(?:\.venv/bin/)?(v2xpki [^`]+)`", re.MULTILINE
)
PLACEHOLDER = "….|-"  # what a group may be followed by instead of a command


def typed():
    for page in PAGES:
        for match in TYPED.finditer(page.read_text("utf-8")):
            line = match[1] or match[2]
            if not line.startswith("v2xpki: "):
                yield pytest.param(line, id=f"{page.name}: {line[:60]}")


def resolve(words):
    """The click command of some words, and the words that are left."""
    command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words and words[0][0] not in PLACEHOLDER:
        name = words[0]
        found = command.get_command(context, name)
        assert found is not None, f"no command {name}"
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize("line", list(typed()))
def test_a_command_that_is_printed_exists_with_its_options(line):
    text = re.split(r"\s{2,}#|\s{4,}|\s# ", line)[0]
    command, rest = resolve(shlex.split(text.replace("‖", " "))[1:])
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--help", "-h", "--version"}
    options = [word.split("=")[0] for word in rest if word.startswith("-") and word != "-"]
    assert [option for option in options if option not in known] == []


def test_many_commands_are_looked_at():
    assert len(list(typed())) > 25


def test_the_targets_of_make_exist():
    rules = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for name in re.findall(r"(?:^ {4}|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE):
            assert re.search(rf"^{name}:", rules, re.MULTILINE), f"{page.name}: make {name}"


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        text = page.read_text("utf-8")
        anchors = {
            re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        }
        for target in re.findall(r"\]\(([^)]+)\)", text):
            path, _, anchor = target.partition("#")
            if path.startswith("http"):
                continue
            assert (page.parent / path).exists(), f"{page.name}: {target}"
            assert path or anchor in anchors, f"{page.name}: {target}"
