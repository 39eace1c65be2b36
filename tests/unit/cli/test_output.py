"""What commands print: bars where somebody looks, tables whose rows stay whole."""

import io
import sys
from pathlib import Path

import pytest

from v2xpki.cli import ota_release
from v2xpki.cli.output import print_facts, print_rows, progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Terminal(), True)])
def test_no_bar_is_drawn_without_a_terminal_or_where_it_is_to_be_quiet(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, quiet: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar(quiet=quiet) as progress:
        assert progress is None
    assert stream.getvalue() == ""


def test_a_bar_tells_of_octets_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar(quiet=False) as progress:
        assert progress is not None
        progress(3_000_000, 6_000_000)
    assert "3.0/6.0 MB" in terminal.getvalue()


def test_hashing_a_release_tells_of_all_its_octets(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(bytes(3 << 20))
    told: list[tuple[int, int]] = []
    ota_release._sha256(tmp_path / "image", lambda *octets: told.append(octets))
    assert told == [(1 << 20, 3 << 20), (2 << 20, 3 << 20), (3 << 20, 3 << 20)]


def test_a_row_is_not_broken_off_a_terminal_and_is_not_read_as_markup(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_rows(("path", "why"), [("x" * 300, "[red]:smile:"), ("y", None)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["x" * 300, "[red]:smile:"] and lines[2].split() == ["y"]
    print_rows(("path",), [])
    assert capsys.readouterr().out == ""


def test_facts_are_lines_and_long_lists_are_cut_short(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"name": "winter", "none": None, "cohort": {"vins": list("abcdefghijkl"), "models": []}})
    assert capsys.readouterr().out.splitlines() == [
        "name: winter",
        "cohort:",
        "  vins: a, b, c, d, e, f, g, h, i, j, and 2 more (--json)",
    ]
