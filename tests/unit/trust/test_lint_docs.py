"""docs/lints.md is what the rules say."""

from pathlib import Path

from v2xpki.trust.lint import RULES
from v2xpki.trust.lint_data import DATA_RULES
from v2xpki.trust.lint_docs import document
from v2xpki.trust.lint_tickets import TICKETS_RULES

DOCS = Path(__file__).parents[3] / "docs"


def test_the_document_of_the_rules_is_up_to_date():
    assert (DOCS / "lints.md").read_text() == document(), "python -m v2xpki.trust.lint_docs > docs/lints.md"


def test_every_rule_is_in_it_with_clause_and_date():
    lines = document().splitlines()
    for rule in (*RULES.values(), *DATA_RULES.values(), *TICKETS_RULES.values()):
        (line,) = [line for line in lines if line.startswith(f"| `{rule.id}` |")]
        assert rule.clause in line and rule.effective in line and rule.description in line
