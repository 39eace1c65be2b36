"""What people see of a demo: progress on stderr while it works, tables on stdout when it is done."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from v2xpki.demo.next_steps import next_steps
from v2xpki.demo.report import Authority, Message, Report
from v2xpki.demo.report_ota import Attempt, OtaReport, Repository, SignedRelease
from v2xpki.demo.report_scms import Knowledge, ScmsReport
from v2xpki.demo.steps import Step

_WIDE = 112  # columns where no terminal tells: logs and pipes
_TITLE = 14  # columns of a step's name
_GOOD, _BAD, _DIM = "green", "bold red", "dim"


class Progress:
    """A spinner and a line for each finished step on a terminal; the lines alone elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, markup=False)
        self._status: Status | None = None
        self._title = ""

    def begin(self, title: str) -> None:
        self._title = title
        if self._console.is_terminal:
            spinner = "dots" if _knows_marks(self._console) else "line"
            self._status = self._console.status(self._working(""), spinner=spinner)
            self._status.start()

    def tell(self, text: str) -> None:
        if self._status is not None:
            self._status.update(self._working(text))

    def end(self, step: Step) -> None:
        self._stop()
        self._print(_mark(self._console, good=True), step.title, f"{step.seconds:5.1f} s", step.outcome)

    def failed(self, title: str) -> None:
        self._stop()
        self._print(_mark(self._console, good=False), title, "", "")

    def _print(self, mark: tuple[str, str], title: str, time: str, outcome: str) -> None:
        self._console.print(
            Text.assemble(mark, (f"{time:>7}  ", _DIM), f"{title:{_TITLE}} ", (outcome, _DIM)), soft_wrap=True
        )

    def _working(self, text: str) -> Text:
        return Text.assemble(" " * 8, f"{self._title:{_TITLE}} ", (text, _DIM))

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def print_report(report: Report, command: str, docs: Path | None, console: Console | None = None) -> None:
    """The tables, and where to go next. command: how the reader calls v2xpki; docs: where its guides are."""
    out = console or Console(highlight=False, markup=False)
    if console is None and not out.is_terminal:
        out = Console(highlight=False, markup=False, width=_WIDE)
    out.print()
    honest = [message for message in report.messages if not message.is_forged]
    forged = [message for message in report.messages if message.is_forged]
    forged += report.apart
    tables = [_authorities(report)]
    if isinstance(report, OtaReport):
        tables += [_repositories(report.repositories), _releases(report.releases)]
        tables += [_attempts(out, report.attempts)]
    else:
        tables += [
            _messages(out, "What it says", honest),
            _messages(out, "What is wrong with it", forged),
        ]
    for table in tables:
        out.print(table)
        out.print()
    if isinstance(report, ScmsReport):
        out.print(_knowledge(report.knowledge))
        out.print(_TOGETHER, style=_DIM, soft_wrap=True)
        out.print()
    for refusal in report.refusals:
        out.print(Text.assemble(_mark(out, good=refusal.problem is None), refusal.what, f": {refusal.code}"))
    out.print(_summary(report), soft_wrap=True)
    if report.problems:
        for problem in report.problems:
            out.print(Text(f"  {problem}", style=_BAD), soft_wrap=True)
        out.print(f"\nLogs: {report.directory}/log", soft_wrap=True)
        return
    text = Text("\nWhere to go next\n")
    for title, lines in next_steps(report, command, docs):
        text.append(f"  {title}\n", style=_DIM)
        text.append("".join(f"    {line}\n" for line in lines))
    out.print(text, soft_wrap=True, end="")


def _mark(console: Console, *, good: bool) -> tuple[str, str]:
    marks = ("✓ ", "✗ ") if _knows_marks(console) else ("+ ", "! ")
    return (marks[0], _GOOD) if good else (marks[1], _BAD)


def _knows_marks(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")


def _table(*columns: str) -> Table:
    """Columns whose names end in `!` keep their lines whole."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.rstrip("!"), overflow="fold", no_wrap=column.endswith("!"))
    return table


def _authorities(report: Report) -> Table:
    table = _table("Authority!", "HashedId8!", "Curve!", "Keys in its token!", "Issued")
    for authority in report.authorities:
        table.add_row(
            _ROLES.get(authority.role, authority.role),
            authority.certificate.hex8,
            authority.certificate.curve.text,
            ", ".join(sorted(authority.key_labels, reverse=True)),
            _counted(authority),
        )
    return table


_ROLES = {
    "root": "Root CA",
    "tlm": "TLM",
    "ea": "EA",
    "aa": "AA",
    "image": "Image repository",
    "director": "Director",
    "scmsroot": "Root CA",
    "elector1": "Elector 1",
    "elector2": "Elector 2",
    "elector3": "Elector 3",
    "eca": "ECA",
    "ra": "RA",
    "aca": "ACA",
    "la1": "LA1",
    "la2": "LA2",
    "ma": "MA",
}
_SELF_SIGNED = ("RCA", "TLM", "ROOT", "ELECTOR")
_KINDS = {"SCMS_CRL": "CRL", "PSEUDONYM": "pseudonym", "APPLICATION": "application certificate"}
_TOGETHER = (
    "Found in each one's database: names of devices, their enrolment certificates, their requests,\n"
    "pseudonyms, linkage chains (sealed), seeds that the CRL tells everybody. Linked: vehicles of which it\n"
    "can tell pseudonyms to be one's; whose: pseudonyms that it can tell the owner of. What several know\n"
    "together is in docs/privacy.md."
)


def _counted(authority: Authority) -> str:
    parts = []
    for kind, count in authority.issued.items():
        own = authority.certificate.is_self_signed and kind in _SELF_SIGNED
        if not own:
            parts.append(f"{count} {_KINDS.get(kind, kind)}{'s' if count > 1 else ''}")
    return ", ".join(parts)


def _messages(console: Console, title: str, messages: Iterable[Message]) -> Table:
    table = _table("From!", "To!", "Message!", title, "Verdict")
    for message in messages:
        mark = _mark(console, good=message.problem is None)
        why = "accepted" if message.rule is None else f"refused ({message.rule}): {message.reason}"
        table.add_row(message.sender, message.receiver, message.kind, message.what, Text.assemble(mark, why))
    return table


def _knowledge(entries: Iterable[Knowledge]) -> Table:
    table = _table(
        "Who knew what!",
        "Devices!",
        "Enrolments!",
        "Requests!",
        "Pseudonyms!",
        "Chains!",
        "CRL seeds!",
        "Linked!",
        "Whose!",
    )
    for entry in entries:
        table.add_row(
            _ROLES.get(entry.component, entry.component),
            *(
                str(count) if count else "-"
                for count in (
                    entry.devices,
                    entry.enrolments,
                    entry.requests,
                    entry.pseudonyms,
                    entry.chains,
                    entry.seeds,
                )
            ),
            f"{entry.together} vehicle{'s' if entry.together > 1 else ''}" if entry.together else "no",
            str(entry.whose) if entry.whose else "no",
        )
    return table


def _repositories(repositories: Iterable[Repository]) -> Table:
    table = _table("Repository!", "Keys in its token!", "Signed by people")
    for one in repositories:
        offline = [f"{role.name} {role.threshold} of {role.keys}" for role in one.roles if not role.online]
        table.add_row(_ROLES[one.name], "\n".join(sorted(one.key_labels)), ", ".join(offline))
    return table


def _releases(releases: Iterable[SignedRelease]) -> Table:
    table = _table("Release!", "For!", "RXSWIN!", "Added by!", "Approved by!", "Signed by!")
    for one in releases:
        table.add_row(
            f"{one.name} {one.version}",
            one.hardware_id,
            ", ".join(one.rxswin),
            one.added_by,
            ", ".join(one.approved_by),
            ", ".join(one.signed_by),
        )
    return table


def _attempts(console: Console, attempts: Iterable[Attempt]) -> Table:
    table = _table("Offered by!", "What", "The vehicle")
    for one in attempts:
        mark = _mark(console, good=one.problem is None)
        who = "the Director refuses" if (one.rule or "").startswith("HTTP") else "refuses"
        why = "has it" if one.rule is None else f"{who} ({one.rule}): {one.reason}"
        table.add_row(one.by, one.what, Text.assemble(mark, why))
    return table


def _summary(report: Report) -> Text:
    good = not report.problems
    if isinstance(report, OtaReport) and good:
        taken = sum(1 for one in report.attempts if one.verdict == "valid")
        return Text.assemble(
            "\n",
            (
                f"{taken} updates taken, {len(report.attempts) - taken} refused, {report.audit_entries} "
                f"audit entries intact, in {report.seconds:.1f} s.",
                "bold",
            ),
        )
    accepted = sum(1 for message in report.messages if message.verdict == "valid")
    refused = len(report.messages) + len(report.apart) - accepted
    text = (
        f"{accepted} messages accepted, {refused} refused, {report.audit_entries} audit entries intact, "
        f"in {report.seconds:.1f} s."
        if good
        else f"Something went otherwise than it should, in {report.seconds:.1f} s:"
    )
    return Text.assemble("\n", (text, "bold" if good else _BAD))
