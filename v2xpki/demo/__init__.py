"""`v2xpki demo`: the main job from nothing to verified messages, and the proof that it went as it should.

    report = run("etsi", Path("somewhere"), steps)
    report.problems     () when everything went as it should
    report.document()   what `--json` prints

A demo uses the house's front doors alone: `init`'s ceremonies, a `serve` in a process of its own, the
register of stations, and `Station` or `ScmsDevice` over https. It adds forged messages, which must be
refused.
"""

from v2xpki.demo.report import Authority, Member, Message, Refusal, Report, joint_document
from v2xpki.demo.report_etsi import EtsiReport
from v2xpki.demo.report_scms import Knowledge, Revocation, ScmsReport
from v2xpki.demo.scenarios import PROFILES, chosen, run
from v2xpki.demo.steps import Note, Step, Steps, Watch

__all__ = [
    "PROFILES",
    "Authority",
    "EtsiReport",
    "Knowledge",
    "Member",
    "Message",
    "Note",
    "Refusal",
    "Report",
    "Revocation",
    "ScmsReport",
    "Step",
    "Steps",
    "Watch",
    "chosen",
    "joint_document",
    "run",
]
