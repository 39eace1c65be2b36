"""docs/ota-threats.md: each of Uptane's threats, and that of registration, has tests on both sides, which
exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
PAGE = (TESTS.parent / "docs/ota-threats.md").read_text("utf-8")
THREATS = {
    "Eavesdropping", "Drop-request", "Slow retrieval", "Freeze", "Partial bundle", "Denial of service",
    "Rollback", "Endless data", "Mix-and-match", "Arbitrary software", "Fast-forward", "Wrong software",
    "Key compromise", "Foreign registration",
}  # fmt: skip
ROW = re.compile(r"^\| (vehicle|server) \| `([^`]+)::(test_\w+)` \|$", re.MULTILINE)


def sections() -> dict[str, str]:
    return dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_each_threat_says_what_stops_it_and_has_tests_on_both_sides():
    explained = re.findall(r"^\| ([A-Z][\w -]+) \| \S.* \| \S.* \|$", PAGE, re.MULTILINE)
    assert set(explained) == set(sections()) == THREATS
    for threat, section in sections().items():
        assert {side for side, _, _ in ROW.findall(section)} == {"vehicle", "server"}, threat


def test_every_test_that_is_named_exists():
    named = ROW.findall(PAGE)
    assert len(named) == PAGE.count("::")
    missing = [
        f"{file}::{name}"
        for _, file, name in named
        if not re.search(rf"^(?:async )?def {name}\(", (TESTS / file).read_text("utf-8"), re.MULTILINE)
    ]
    assert missing == []
