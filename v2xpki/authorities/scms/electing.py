"""From electors' signatures to a CTL: what their ceremonies left, put together. Needs no key.

ctl = gathered(instance, ceremony_files)
"""

from collections.abc import Sequence
from pathlib import Path

from v2xpki.authorities.etsi.ceremony_file import CeremonyFile
from v2xpki.authorities.scms.ceremony import list_of
from v2xpki.authorities.scms.ceremony_file import CtlVote
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused
from v2xpki.trust.scms_ctl import ScmsCtl, verify_ctl_signature
from v2xpki.trust.scms_ctl_plan import assemble, build_ctl


def gathered(instance: Instance, files: Sequence[Path]) -> ScmsCtl:
    """The list that electors' ceremony files spell out, with the signatures that are there.

    Whether they are a quorum is for who goes by the list to say. Raises CeremonyRefused (no file is of a
    list, or two say different things), InvalidCtl for a signature that is not for it, or none at all.
    """

    def read(path: Path) -> bytes:
        return instance.path(path).read_bytes()

    lists, signatures = {}, []
    for file in files:
        vote = CeremonyFile.read(file).spec
        if not isinstance(vote, CtlVote):
            raise CeremonyRefused(f"{file.name} is no {CtlVote.__name__}")
        plan, before = list_of(vote, read)
        tbs = build_ctl(plan, before)
        lists[tbs] = plan
        if instance.path(vote.output).exists():
            signature = read(vote.output)
            verify_ctl_signature(signature, Certificate.parse(read(vote.signer)), tbs)
            signatures.append(signature)
    if len(lists) != 1:
        raise CeremonyRefused(f"the electors' files are of {len(lists)} lists, not of one")
    ((tbs, plan),) = lists.items()
    return ScmsCtl.parse(assemble(tbs, signatures, [*plan.electors, *plan.roots]))
