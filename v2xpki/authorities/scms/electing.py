"""The next CTL of an SCMS: what it changes, the electors' ceremony files, and the list of their signatures.

    plan = next_plan(present, Changes(add_roots=[root]), now)
    files = write_files(instance, plan, present)     in DIR/ceremonies/ctl-N: all that an elector needs
    ctl = gathered(instance, files)                  once ceremonies were held; needs no key

A file is of one of this instance's electors; the folder may be carried to where its token is, and its
signature back. An elector of somebody else's is asked with the same list, and hands its signature over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from v2xpki.authorities.etsi.ceremony import write_new
from v2xpki.authorities.etsi.ceremony_file import CeremonyFile
from v2xpki.authorities.scms.ceremony import list_of
from v2xpki.authorities.scms.ceremony_file import ELECTORS, CtlVote
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused, ConfigError
from v2xpki.time import iso_from_time32
from v2xpki.trust.scms_ctl import ScmsCtl, ScmsTrust, elector_hash, verify_ctl_signature
from v2xpki.trust.scms_ctl_plan import CtlPlan, assemble, build_ctl


@dataclass(frozen=True)
class Changes:
    """What the next list has other than the present one. What goes is named by HashedId8; quorum, effective
    (Time32): None for as it is, and for now."""

    add_roots: tuple[Certificate, ...] = ()
    remove_roots: frozenset[bytes] = frozenset()
    add_electors: tuple[Certificate, ...] = ()
    remove_electors: frozenset[bytes] = frozenset()
    quorum: int | None = None
    effective: int | None = None


def next_plan(trust: ScmsTrust, changes: Changes, now: int) -> CtlPlan:
    """What the next list says. trust: at the newest list. Raises CeremonyRefused for changes that change
    nothing, or name what is not there; InvalidCtl for a list that cannot be."""
    present = trust.ctl
    if present is None:
        raise CeremonyRefused("there is no CTL yet, which the next one could follow")
    if trust.missing:
        raise CeremonyRefused("the certificate of a root on the present list is not at hand")
    electors = _changed("elector", trust.electors, changes.add_electors, changes.remove_electors)
    roots = _changed("root", trust.roots, changes.add_roots, changes.remove_roots)
    quorum = trust.quorum if changes.quorum is None else changes.quorum
    if (set(electors), set(roots), quorum) == (set(trust.electors), set(trust.roots), trust.quorum):
        raise CeremonyRefused("the next CTL would say what the present one says")
    effective = now if changes.effective is None else changes.effective
    return CtlPlan(present.series, present.sequence + 1, effective, electors, roots, quorum)


def _changed(
    what: str, held: Sequence[Certificate], new: Iterable[Certificate], gone: frozenset[bytes]
) -> tuple[Certificate, ...]:
    for id8 in gone - {certificate.hashed_id8 for certificate in held}:
        raise CeremonyRefused(f"no {what} {id8.hex().upper()} is on the present list")
    kept = [certificate for certificate in held if certificate.hashed_id8 not in gone]
    return tuple(dict.fromkeys((*kept, *new)))


def folder_of(instance: Instance, sequence: int) -> Path:
    """Where the files of a list lie."""
    return instance.ceremonies_dir / f"ctl-{sequence}"


def vote_files(instance: Instance, sequence: int) -> list[Path]:
    """The electors' ceremony files of a list; none where nobody has asked for it."""
    return sorted(folder_of(instance, sequence).glob("elector*.yaml"))


def write_files(instance: Instance, plan: CtlPlan, present: ScmsCtl) -> list[Path]:
    """Write the list's folder: certificates, the present list, a ceremony file for each of this instance's
    electors who may sign. Raises CeremonyRefused where one of them is there, or no elector is ours."""
    ours = {
        name: instance.domain(name).certificate_path.relative_to(instance.directory)
        for name in ELECTORS
        if _may_sign(instance.domain(name).certificate_path, present)
    }
    if not ours:
        raise CeremonyRefused("none of the electors of the present list is this instance's")
    folder = folder_of(instance, plan.sequence)
    inside = folder.relative_to(instance.directory)
    names: dict[str, list[str]] = {}
    for kind, certificates in (("elector", plan.electors), ("root", plan.roots)):
        for certificate in certificates:
            name = f"{kind}-{certificate.hex8}.oer"
            write_new(folder / name, certificate.octets)
            names.setdefault(kind, []).append(f"{inside}/{name}")
    write_new(folder / "before.oer", present.octets)
    files = []
    for name, signer in ours.items():
        spec = {
            "title": f"CTL {plan.sequence}, signature of {name}",
            "kind": "ctl-signature",
            "instance": "../..",
            "domain": name,
            "key": f"{name}-sign-{instance.domain(name).generation}",
            "signer": str(signer),
            "series": plan.series.hex(),
            "sequence": plan.sequence,
            "effective": iso_from_time32(plan.effective),
            "quorum": plan.quorum,
            "electors": names["elector"],
            "roots": names.get("root", []),
            "before": f"{inside}/before.oer",
            "output": f"{name}/lists/ctl-{plan.sequence}.signature",
        }
        file = folder / f"{name}.yaml"
        write_new(file, yaml.safe_dump(spec, sort_keys=False, width=110).encode())
        files.append(file)
    return files


def _may_sign(path: Path, present: ScmsCtl) -> bool:
    return path.exists() and elector_hash(Certificate.parse(path.read_bytes())) in present.electors


def gathered(instance: Instance, files: Sequence[Path], others: Sequence[bytes] = ()) -> ScmsCtl:
    """The list that electors' ceremony files spell out, with the signatures that are there, and those of
    other people's electors.

    Whether they are a quorum is for who goes by the list to say. Raises CeremonyRefused (no file is of a
    list, or two say different things), InvalidCtl for a signature that is not for it, or none at all.
    """
    lists, signatures = {}, list(others)
    for file in files:
        vote = CeremonyFile.read(file).spec
        if not isinstance(vote, CtlVote):
            raise ConfigError(f"{file.name} is no ceremony of kind ctl-signature")
        plan, before = list_of(vote, lambda path: instance.path(path).read_bytes())
        tbs = build_ctl(plan, before)
        lists[tbs] = plan
        output = instance.path(vote.output)
        if output.exists():
            signature, signer = output.read_bytes(), instance.path(vote.signer).read_bytes()
            verify_ctl_signature(signature, Certificate.parse(signer), tbs)
            signatures.append(signature)
    if len(lists) != 1:
        raise CeremonyRefused(f"the electors' files are of {len(lists)} lists, not of one")
    ((tbs, plan),) = lists.items()
    return ScmsCtl.parse(assemble(tbs, signatures, [*plan.electors, *plan.roots]))
