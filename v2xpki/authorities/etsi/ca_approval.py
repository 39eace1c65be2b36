"""The root's side of a sub-CA's life: its operator reviews a request, grants it, and lists the new CA.

    found = review(instance, octets)                         nothing is signed
    done = approve(instance, octets, operator="alice")       the certificate, in a ceremony; then the CTL

A request is granted once (`approvals`); whoever approves it again gets the same certificate, and the CTL is
brought up to date where it is not. In a laboratory the CTL is signed and published at once, otherwise the
ceremony file of its next run is prepared: the CA is to install its certificate before stations read of it.
"""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from v2xpki.authorities.etsi import publishing
from v2xpki.authorities.etsi.approvals import Approvals
from v2xpki.authorities.etsi.ca_inbox import Inbox
from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.authorities.etsi.ca_review import Review, judge
from v2xpki.authorities.etsi.ceremony import write_new
from v2xpki.authorities.etsi.ceremony_file import EntrySpec, TrustList
from v2xpki.authorities.etsi.ceremony_process import Holder, hold
from v2xpki.authorities.etsi.distribution import Distribution
from v2xpki.authorities.etsi.signing import lists_of
from v2xpki.authorities.etsi.subca import all_waiting, write_ceremony
from v2xpki.config import Instance, check_url
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused, ConfigError, V2xPkiError
from v2xpki.store import Database, require_current
from v2xpki.store.dc import DcStore
from v2xpki.time import Clock, SystemClock
from v2xpki.trust.lists import AaEntry, CtlEntry, DcEntry, EaEntry, SignedList
from v2xpki.trust.profiles import Profiles


@dataclass(frozen=True, slots=True)
class Urls:
    """Where stations and AAs reach a CA; None: as the certificate that it is re-keyed from, or as this
    instance's own."""

    access_point: str | None = None
    #: An EA's, for AAs.
    validation: str | None = None


@dataclass(slots=True)
class Approved:
    """What came of an approval."""

    review: Review
    certificate: Certificate
    file: Path
    #: None: it was granted before.
    transcript: Path | None = None
    #: Whether it can be fetched from the operators' interface.
    fetched: bool = False
    published: publishing.Published | None = None
    #: The CTL's next run, to be held in a ceremony.
    prepared: publishing.PreparedRun | None = None
    warnings: list[str] = field(default_factory=list)


def read_request(instance: Instance, text: str) -> bytes:
    """A request by its file, or by the beginning of its id among those that are here. Raises ConfigError."""
    path = Path(text)
    if path.is_file():
        return path.read_bytes()
    here = {one.id: one for one in (*_kept(instance), *waiting(instance))}
    found = [one for name, one in here.items() if name.startswith(text.lower())] if text else []
    if len(found) != 1:
        raise ConfigError(
            f"{text} is no file and the id of {'several requests' if found else 'no request'}",
            hint=f"`v2xpki ca review {instance.directory}` lists them",
        )
    return found[0].octets


def _kept(instance: Instance) -> list[CaRequest]:
    """Requests that came in, and those that were granted, whatever became of them."""
    found = [entry.request for entry in Inbox(instance).all()]
    for path in sorted(instance.path("root/requests").glob("*.request")):
        with contextlib.suppress(V2xPkiError, OSError):
            found.append(CaRequest.parse(path.read_bytes()))
    return found


def waiting(instance: Instance) -> list[CaRequest]:
    """Requests without a certificate: those that came in, and those of the instance's own EA and AA."""
    found = {entry.request.id: entry.request for entry in Inbox(instance).all() if entry.certificate is None}
    for request in all_waiting(instance):
        found.setdefault(request.id, request)
    return list(found.values())


def review(instance: Instance, octets: bytes, *, clock: Clock | None = None) -> Review:
    """What there is to say about a request, where the root is. Raises what CaRequest.parse raises, and
    ConfigError where the root's folder is not here."""
    clock = clock or SystemClock()
    request = CaRequest.parse(octets)
    with root_database(instance, clock) as database:
        return judge(request, root_of(instance), database, _profiles(instance), clock.time32())


def approve(
    instance: Instance,
    octets: bytes,
    *,
    operator: str,
    urls: Urls | None = None,
    listed: bool = True,
    clock: Clock | None = None,
    holder: Holder = hold,
) -> Approved:
    """Grant a request. listed: put the CA on the CTL, or prepare it. Raises PermissionDenied for a request
    with a problem, CeremonyRefused, ConfigError, KeystoreError, StoreError."""
    clock = clock or SystemClock()
    found = review(instance, octets, clock=clock)
    request, role = found.request, found.kind.lower()
    found.require()
    entry = (
        _entry_maker(instance, found, urls or Urls()) if listed else None
    )  # refused before anything is signed
    path = instance.path(f"root/issued/{role}-{request.id}.oer")
    transcript = None
    certificate = found.granted
    if certificate is None:
        held = holder(_ceremony(instance, found), operator)
        transcript = held.transcript
        certificate = Certificate.parse(path.read_bytes())
    elif not path.exists():
        write_new(path, certificate.octets)  # the ceremony died before it
    done = Approved(found, certificate, path, transcript, Inbox(instance).give(request, certificate))
    if entry is not None:
        _list(instance, done, entry(certificate), operator, clock, holder)
    return done


def _ceremony(instance: Instance, found: Review) -> Path:
    request, role = found.request, found.kind.lower()
    kept = f"root/requests/{request.id}.request"
    path = instance.path(kept)
    if not path.exists():
        write_new(path, request.octets)
    output = instance.path(f"root/issued/{role}-{request.id}.oer")
    if output.exists():
        raise CeremonyRefused(f"{output} exists, and the root has no record of it")
    generation = instance.domain("root").generation
    what = "re-keyed" if request.outer is not None else "first certificate"
    table: dict[str, Any] = {
        "title": f"{found.kind} {found.name or '(no name)'}, {what}",
        "kind": "sub-ca",
        "instance": "..",
        "domain": "root",
        "key": f"root-sign-{generation}",
        "issuer": f"root/certificates/root-{generation}.oer",
        "request": kept,
        "certificate": {"profile": found.kind, **({} if found.name is None else {"name": found.name})},
        "output": f"root/issued/{role}-{request.id}.oer",
    }
    return write_ceremony(instance, f"{role}-{request.id[:16]}", table)


# --- the CTL ---------------------------------------------------------------------------------------------


def _entry_maker(instance: Instance, found: Review, urls: Urls) -> Any:
    """How the CTL's entry is made of the certificate: with the URLs that are given, the former's, or ours."""
    known = [one for one in (found.granted, found.former) if one is not None]
    former = next((entry for one in known if (entry := _entry_of(instance, one)) is not None), None)
    base = instance.base_url if _was_made_here(instance, found) else None
    if found.kind == "EA":
        validation = urls.validation or (former.aa_access_point if isinstance(former, EaEntry) else None)
        point = urls.access_point or (former.its_access_point if isinstance(former, EaEntry) else None)
        validation = validation or (base and f"{base}/ea/validation")
        point = point or (base and f"{base}/ea")
        if not validation:
            raise ConfigError("where AAs ask the new EA is not known", hint="--validation-url, --url")
        check_url(validation, "--validation-url")
        if point:
            check_url(point, "--url")
        return lambda certificate: EaEntry(certificate, validation, point)
    point = urls.access_point or (former.access_point if isinstance(former, AaEntry) else None)
    point = point or (base and f"{base}/aa")
    if not point:
        raise ConfigError("where stations reach the new AA is not known", hint="--url")
    check_url(point, "--url")
    return lambda certificate: AaEntry(certificate, point)


def _was_made_here(instance: Instance, found: Review) -> bool:
    role = found.kind.lower()
    folder = instance.domain(role).certificates_dir
    return any(path.read_bytes() == found.request.octets for path in folder.glob(f"{role}-*.request"))


def _entry_of(instance: Instance, certificate: Certificate) -> CtlEntry | None:
    for entry in publishing.present_entries(instance, "ctl"):
        if not isinstance(entry, DcEntry) and entry.certificate == certificate:
            return entry  # type: ignore[no-any-return]
    return None


def lasting_entries(instance: Instance, clock: Clock, generation: int | None = None) -> list[CtlEntry]:
    """What the next CTL of a generation of the root holds as it is planned, or else the last one, but for
    what has ended or is revoked since."""
    now = clock.time32()
    found: list[CtlEntry] = []
    with root_database(instance, clock) as database:
        for entry in _planned_entries(instance, generation):
            if not isinstance(entry, DcEntry):
                certificate = entry.certificate
                issuer = certificate.issuer_id8 or b""
                if certificate.end <= now:
                    continue
                if certificate.hashed_id8 in lists_of(database, "crl", issuer).revoked():
                    continue
            found.append(entry)
    return found


def _planned_entries(instance: Instance, generation: int | None) -> Sequence[CtlEntry]:
    # A laboratory holds each ceremony at once: what lies there then is of one that failed.
    plan = None if instance.lab else publishing.unheld_run(instance, "ctl", generation)
    if not isinstance(plan, TrustList):
        return publishing.present_entries(instance, "ctl", generation)
    return [_entry_of_spec(instance, spec) for spec in plan.entries]


def _entry_of_spec(instance: Instance, spec: EntrySpec) -> CtlEntry:
    def certificate(path: Path) -> Certificate:
        return Certificate.parse(instance.path(path).read_bytes())

    if spec.entry == "dc":
        roots = [certificate(path).hashed_id8 for path in spec.certificates]
        return DcEntry(spec.url or "", (*roots, *map(bytes.fromhex, spec.roots)))
    assert spec.certificate is not None
    if spec.entry == "ea":
        return EaEntry(certificate(spec.certificate), spec.aa_access_point or "", spec.its_access_point)
    return AaEntry(certificate(spec.certificate), spec.access_point or "")


def _list(
    instance: Instance, done: Approved, entry: CtlEntry, operator: str, clock: Clock, holder: Holder
) -> None:
    signed = entry in publishing.present_entries(instance, "ctl")
    if signed and (not instance.lab or _is_handed_out(instance, entry, clock)):
        return
    entries = lasting_entries(instance, clock)
    assert not isinstance(entry, DcEntry)
    entries = [
        other for other in entries if isinstance(other, DcEntry) or other.certificate != entry.certificate
    ]
    entries.append(entry)
    if instance.lab:
        done.published = publishing.publish_root_lists(
            instance, entries=entries, operator=operator, clock=clock, holder=holder
        )
        done.warnings += done.published.warnings
    else:
        done.prepared = publishing.prepare_run(instance, "ctl", entries=entries, clock=clock)


def _is_handed_out(instance: Instance, entry: CtlEntry, clock: Clock) -> bool:
    """Whether stations read of it: a process may have died between the signature and the publication."""
    if not publishing.has_distribution(instance):
        return True
    with Database.open(instance.domain("dc").database_url, clock=clock, must_exist=True) as database:
        found = Distribution(DcStore(database), clock).ctl(root_of(instance).hashed_id8)
    return found is not None and entry in SignedList.parse(found.octets).entries


# --- where the root is -------------------------------------------------------------------------------------


def root_of(instance: Instance) -> Certificate:
    """The root's present certificate. Raises ConfigError where its folder is not here."""
    path = instance.domain("root").certificate_path
    try:
        return Certificate.parse(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(
            f"{path} is not there: requests are reviewed and granted where the root's folder is"
        ) from None


@contextmanager
def root_database(instance: Instance, clock: Clock) -> Iterator[Database]:
    """The root's database. Raises ConfigError, StoreError."""
    root_of(instance)
    with Database.open(instance.domain("root").database_url, clock=clock, must_exist=True) as database:
        require_current(database, "root")
        yield database


def issued_by_root(instance: Instance, clock: Clock) -> list[Certificate]:
    """Every EA and AA that the root has certified, by the start of its certificate."""
    with root_database(instance, clock) as database:
        return Approvals(database).issued()


def _profiles(instance: Instance) -> Profiles:
    return Profiles.load(instance.profiles_path)
