"""An election from its plan to the list that is handed out: for `v2xpki ctl elect`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from v2xpki.authorities.etsi.ceremony_file import CeremonyFile
from v2xpki.authorities.etsi.ceremony_process import Held, Holder
from v2xpki.authorities.etsi.ceremony_process import hold as hold_ceremony
from v2xpki.authorities.scms.ceremony import list_of
from v2xpki.authorities.scms.ceremony_file import CtlVote
from v2xpki.authorities.scms.distribution import open_distribution
from v2xpki.authorities.scms.electing import Changes, gathered, next_plan, vote_files, write_files
from v2xpki.config import Instance
from v2xpki.errors import CeremonyRefused
from v2xpki.store import Database, require_current
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.trust.scms_ctl import ScmsCtl, ScmsTrust
from v2xpki.trust.scms_ctl_plan import CtlPlan


@dataclass(frozen=True)
class Planned:
    """What is going to happen. files: those that an earlier call has written; lines: for people."""

    plan: CtlPlan
    present: ScmsCtl
    files: tuple[Path, ...]
    lines: tuple[str, ...]

    @property
    def sequence(self) -> int:
        return self.plan.sequence


@dataclass(frozen=True)
class Result:
    """files: the ceremonies' that were not held yet. signed: electors whose signature is there."""

    files: tuple[Path, ...]
    signed: int
    needed: int
    published: bool
    transcripts: tuple[Path, ...]


def plan(instance: Instance, changes: Changes, now: int, clock: Clock | None = None) -> Planned:
    """What the next list will be: as its files have it, where they are there, else by the changes.

    Raises CeremonyRefused for changes to a list that electors are signing already, and what next_plan raises.
    """
    with _database(instance, clock or SystemClock()) as database:
        trust = open_distribution(instance, database, clock or SystemClock()).newest
    if trust.ctl is None:
        raise CeremonyRefused("there is no CTL yet, which the next one could follow")
    files = vote_files(instance, trust.ctl.sequence + 1)
    if files and changes != Changes():
        raise CeremonyRefused(
            f"CTL {trust.ctl.sequence + 1} is written, and electors may have signed it: it cannot change",
            hint=f"repeat the command without changes, or review {files[0].parent} and remove it unsigned",
        )
    wanted = _written(instance, files[0]) if files else next_plan(trust, changes, now)
    return Planned(wanted, trust.ctl, tuple(files), tuple(_lines(wanted, trust)))


def _written(instance: Instance, file: Path) -> CtlPlan:
    vote = CeremonyFile.read(file).spec
    if not isinstance(vote, CtlVote):
        raise CeremonyRefused(f"{file} is no ceremony of kind ctl-signature")
    return list_of(vote, lambda path: instance.path(path).read_bytes())[0]


def hold(
    instance: Instance,
    planned: Planned,
    signatures: Sequence[bytes],
    operator: str,
    *,
    holder: Holder = hold_ceremony,
    clock: Clock | None = None,
) -> Result:
    """Write the files, hold the ceremonies within reach, and hand the list out if a quorum has signed it.

    signatures: of other people's electors. Raises what these do; what was held stays, and need not be again.
    """
    clock = clock or SystemClock()
    files = planned.files or tuple(write_files(instance, planned.plan, planned.present))
    held: list[Held] = []
    for file in _open(instance, files):
        if instance.lab:
            held.append(holder(file, operator))
    left = tuple(_open(instance, files))
    transcripts = tuple(one.transcript for one in held)
    with _database(instance, clock) as database:
        centre = open_distribution(instance, database, clock)
        trust = centre.newest
        if len(left) == len(files) and not signatures:
            return Result(left, 0, trust.quorum, published=False, transcripts=transcripts)
        ctl = gathered(instance, files, signatures)
        signed = len(ctl.signers(trust.electors, clock.time32()))
        published = signed >= trust.quorum
        if published:
            centre.publish([ctl.octets])
    return Result(left, signed, trust.quorum, published, transcripts)


def _open(instance: Instance, files: Sequence[Path]) -> list[Path]:
    """Those whose signature is not there."""
    votes = [(file, CeremonyFile.read(file).spec) for file in files]
    return [f for f, vote in votes if isinstance(vote, CtlVote) and not instance.path(vote.output).exists()]


def _database(instance: Instance, clock: Clock) -> Database:
    database = Database.open(instance.domain("sdc").database_url, clock=clock, must_exist=True)
    try:
        require_current(database, "sdc")
    except BaseException:
        database.close()
        raise
    return database


def _lines(wanted: CtlPlan, trust: ScmsTrust) -> list[str]:
    lines = [
        f"CTL        series {wanted.series.hex().upper()}, sequence {wanted.sequence}",
        f"holds from {iso_from_time32(wanted.effective)}",
        f"needs      {trust.quorum} signatures of {len(trust.electors)} electors, the next {wanted.quorum}",
    ]
    for word, before, after in (
        ("elector", trust.electors, wanted.electors),
        ("root", trust.roots, wanted.roots),
    ):
        lines += [f"{word:11}{c.hex8} {c.name}{'' if c in before else '  (new)'}" for c in after]
        lines += [f"removes    {word} {c.hex8} {c.name}" for c in before if c not in after]
    return lines
