"""`v2xpki demo`: the main job from nothing to verified messages, and the proof that it went as it should.

    report = run("etsi", Path("somewhere"), steps)
    report.problems     () when everything went as it should
    report.document()   what `--json` prints

A demo uses the house's front doors alone: `init`'s ceremonies, a `serve` in a process of its own, the
register of stations, and `Station` over https. It adds forged messages, which must be refused.
"""

from v2xpki.demo.report import Authority, Member, Message, Refusal, Report
from v2xpki.demo.scenarios import PROFILES, chosen, run
from v2xpki.demo.steps import Note, Step, Steps, Watch

__all__ = [
    "PROFILES",
    "Authority",
    "Member",
    "Message",
    "Note",
    "Refusal",
    "Report",
    "Step",
    "Steps",
    "Watch",
    "chosen",
    "run",
]
