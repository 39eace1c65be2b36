"""Revoking an EA or AA: on the CRL and off the CTL in one go (TS 102 941 6.3.3, 6.3.2).

    certificate = find(instance, "80C5D151C5565CAF")
    plan = look(instance, certificate)                      nothing is done
    done = revoke(instance, certificate, operator="alice", reason="key lost")

In a laboratory both lists are signed and published at once. Otherwise the ceremony files of both are
prepared, from now on: the root's key is elsewhere, and what was signed ahead is overtaken once they are
published. Revocation is permanent.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from v2xpki.authorities.etsi import publishing
from v2xpki.authorities.etsi.approvals import Approvals
from v2xpki.authorities.etsi.ca_approval import lasting_entries, root_database
from v2xpki.authorities.etsi.ceremony_file import RevocationList
from v2xpki.authorities.etsi.ceremony_process import Holder, hold
from v2xpki.authorities.etsi.distribution import Distribution
from v2xpki.authorities.etsi.signing import lists_of
from v2xpki.config import Instance, installed_generations
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused, ConfigError, CryptoError
from v2xpki.store import Database
from v2xpki.store.dc import DcStore
from v2xpki.time import Clock, SystemClock
from v2xpki.trust import detect_kind
from v2xpki.trust.lists import AaEntry, CtlEntry, DcEntry, EaEntry, SignedList

_HEX8 = re.compile(r"[0-9A-Fa-f]{16}")


@dataclass(slots=True)
class Plan:
    """What a revocation would do."""

    certificate: Certificate
    kind: str
    #: Which generation of the root certified it, and signs the lists.
    generation: int
    #: It is revoked, and no list that is handed out says otherwise: there is nothing to do.
    is_done: bool
    on_ctl: bool
    #: The CTL without it.
    entries: list[CtlEntry] = field(default_factory=list)
    #: What an operator should know before.
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Revoked:
    """What was done: `published`, or ceremony files to be held; neither where nothing was left to do."""

    plan: Plan
    published: publishing.Published | None = None
    prepared: tuple[publishing.PreparedRun, ...] = ()


def find(instance: Instance, text: str, clock: Clock | None = None) -> Certificate:
    """The certificate of a file, or the one of this root with that HashedId8. Raises ConfigError."""
    clock = clock or SystemClock()
    path = Path(text)
    if path.is_file():
        return Certificate.parse(path.read_bytes())
    if not _HEX8.fullmatch(text):
        raise ConfigError(f"{text} is no file and no HashedId8 of 16 hex digits")
    wanted = bytes.fromhex(text)
    with root_database(instance, clock) as database:
        found = Approvals(database).find(wanted)
    if found is None:
        listed = [
            entry.certificate
            for entry in publishing.present_entries(instance, "ctl")
            if isinstance(entry, EaEntry | AaEntry) and entry.certificate.hashed_id8 == wanted
        ]
        if not listed:
            raise ConfigError(f"this root has certified no {text.upper()}", hint="or name the file")
        found = listed[0]
    return found


def look(instance: Instance, certificate: Certificate, clock: Clock | None = None) -> Plan:
    """What a revocation would do. Raises CeremonyRefused for what this root may not revoke so, ConfigError
    where its folder is not here."""
    clock = clock or SystemClock()
    kind = detect_kind(certificate.record)
    if kind not in ("EA", "AA"):
        raise CeremonyRefused(
            f"{certificate.hex8} is an {kind}: EAs and AAs are revoked; stations are barred",
            hint="`v2xpki station bar`",
        )
    generation, root = _issuer(instance, certificate)
    if certificate.end <= clock.time32():
        raise CeremonyRefused(f"{certificate.hex8} has ended: no list names it any more")
    with root_database(instance, clock) as database:
        revoked = lists_of(database, "crl", root.hashed_id8).revoked()
    present = publishing.present_entries(instance, "ctl", generation)
    on_ctl = any(_is_of(entry, certificate) for entry in present)
    entries = [
        entry for entry in lasting_entries(instance, clock, generation) if not _is_of(entry, certificate)
    ]
    done = certificate.hashed_id8 in revoked and not on_ctl
    if done and instance.lab:
        done = _is_told(instance, root, certificate, clock)
    plan = Plan(certificate, kind, generation, done, on_ctl, entries)
    left = {detect_kind(e.certificate.record) for e in entries if not isinstance(e, DcEntry)}
    if kind not in left:
        plan.warnings.append(f"no {kind} is left on the CTL: stations get nothing until there is a new one")
    return plan


def revoke(
    instance: Instance,
    certificate: Certificate,
    *,
    operator: str,
    reason: str = "",
    clock: Clock | None = None,
    holder: Holder = hold,
) -> Revoked:
    """Do it, or prepare it. Raises as `look`, and what publishing raises."""
    clock = clock or SystemClock()
    plan = look(instance, certificate, clock)
    if plan.is_done:
        return Revoked(plan)
    if instance.lab:
        published = publishing.publish_root_lists(
            instance,
            entries=plan.entries,
            revoked=[certificate],
            reason=reason,
            operator=operator,
            generation=plan.generation,
            clock=clock,
            holder=holder,
        )
        return Revoked(plan, published)
    also, reasons = _planned(instance, plan.generation)
    crl = publishing.prepare_run(
        instance,
        "crl",
        revoked=[*(other for other in also if other != certificate), certificate],
        reason="; ".join(filter(None, [*reasons, reason])),
        generation=plan.generation,
        clock=clock,
    )
    ctl = publishing.prepare_run(
        instance, "ctl", entries=plan.entries, generation=plan.generation, clock=clock
    )
    return Revoked(plan, None, (crl, ctl))


def _planned(instance: Instance, generation: int) -> tuple[list[Certificate], list[str]]:
    """What a CRL's ceremony that was prepared and not held yet revokes: it is written anew."""
    plan = publishing.unheld_run(instance, "crl", generation)
    if not isinstance(plan, RevocationList):
        return [], []
    found = [Certificate.parse(instance.path(path).read_bytes()) for path in plan.revoked]
    return found, [plan.reason]


def _is_of(entry: CtlEntry, certificate: Certificate) -> bool:
    return not isinstance(entry, DcEntry) and entry.certificate == certificate


def _issuer(instance: Instance, certificate: Certificate) -> tuple[int, Certificate]:
    """The generation of this root that signed it."""
    folder = instance.domain("root").certificates_dir
    for number in installed_generations(folder, "root"):
        root = Certificate.parse((folder / f"root-{number}.oer").read_bytes())
        if root.hashed_id8 == certificate.issuer_id8:
            try:
                certificate.verify_signature(root)
            except CryptoError as error:
                raise CeremonyRefused(f"{certificate.hex8} is not signed by {root.hex8}: {error}") from None
            return number, root
    issuer = (certificate.issuer_id8 or b"").hex().upper()
    raise CeremonyRefused(
        f"{certificate.hex8} is issued by {issuer or 'itself'}, which is not this root",
        hint="a root revokes what it has certified",
    )


def _is_told(instance: Instance, root: Certificate, certificate: Certificate, clock: Clock) -> bool:
    """Whether the lists that are handed out say so: a process may have died before they were."""
    if not publishing.has_distribution(instance):
        return True
    with Database.open(instance.domain("dc").database_url, clock=clock, must_exist=True) as database:
        distribution = Distribution(DcStore(database), clock)
        ctl, crl = distribution.ctl(root.hashed_id8), distribution.crl(root.hashed_id8)
    if ctl is None or crl is None:
        return False
    listed = any(_is_of(entry, certificate) for entry in SignedList.parse(ctl.octets).entries)  # type: ignore[arg-type]
    return not listed and certificate.hashed_id8 in SignedList.parse(crl.octets).revoked
