"""docs/lints.md, made of the rules themselves.

python -m v2xpki.trust.lint_docs > docs/lints.md
"""

from collections.abc import Iterable

from v2xpki.trust.lint import RULES
from v2xpki.trust.lint_engine import LINT_KINDS, Rule
from v2xpki.trust.lint_lists import LIST_RULES
from v2xpki.trust.lint_messages import MESSAGE_RULES
from v2xpki.trust.lint_tickets import TICKETS_RULES
from v2xpki.trust.scms_crl_lint import CRL_RULES
from v2xpki.trust.scms_enrolment import ENROLMENT_RULES
from v2xpki.trust.scms_lint import SCMS_RULES
from v2xpki.trust.scms_lint_signed import SCMS_CTL_RULES, SIGNED_RULES

_HEAD = """# Lint rules

Made by `python -m v2xpki.trust.lint_docs`; edit the rules, not this file.

    v2xpki cert lint FILE... --chain FILE...  # certificates; several files are one station's tickets too
    v2xpki data lint FILE                     # signed messages, and what is inside
    v2xpki ctl lint FILE --previous FILE      # lists (ctl, ectl, crl), and the certificates in them

An error is a breach of the clause named, and gives exit code 1; a warning is not. A rule counts for what was
made since its date: certificates by the start of their validity, messages and lists by their generationTime.
`--time` judges as if made at another time, `--all` by all rules. `--json` has every field of this table. Ids
are stable.
"""


def document() -> str:
    """The text of docs/lints.md."""
    parts = [_HEAD]
    for title, rules in (
        ("Certificates", RULES.values()),
        ("Certificates of an SCMS", (*SCMS_RULES.values(), *SIGNED_RULES.values())),
        ("Tickets of one station together", TICKETS_RULES.values()),
        ("Enrolment certificates of an SCMS", ENROLMENT_RULES.values()),
        ("Signed messages", MESSAGE_RULES.values()),
        ("Lists", LIST_RULES.values()),
        ("CRLs of an SCMS", CRL_RULES.values()),
        ("CTLs of an SCMS", SCMS_CTL_RULES.values()),
    ):
        parts.append(f"## {title}\n\n{_table(rules, kinds=title == 'Certificates')}")
    return "\n".join(parts)


def _table(rules: Iterable[Rule], *, kinds: bool) -> str:
    lines = ["| id | for | rule | clause | since |", "|---|---|---|---|---|"] if kinds else [
        "| id | rule | clause | since |", "|---|---|---|---|"]  # fmt: skip
    for rule in rules:
        cells = [
            f"`{rule.id}`",
            *([_kinds(rule)] if kinds else []),
            rule.description,
            rule.clause,
            rule.effective,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _kinds(rule: Rule) -> str:
    return "all" if rule.kinds == LINT_KINDS else ", ".join(rule.kinds)


if __name__ == "__main__":  # pragma: no cover
    print(document(), end="")
