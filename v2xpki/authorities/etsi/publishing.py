"""Publishing lists: from the entries that are wanted to lists that stations can fetch.

Whoever changes what a root's lists say (a new sub-CA, a re-key, a revocation) calls one function:

    published = publish_root_lists(
        instance,
        entries=[*present_entries(instance, "ctl"), AaEntry(certificate, url)],   # the whole wanted set
        revoked=[other_certificate],                                              # more for the CRL
        operator="alice",
    )

It signs the CRL's next run (where something is revoked) and then the CTL's, full lists and deltas, each in a
ceremony of its own in a process of its own, and gives them to the distribution centre where that is within
reach; where it is not, the operator carries `published.lists` there (`v2xpki ctl publish DIR --from FOLDER`).
`entries=None` leaves the CTL as it is but for the revoked; what is revoked is never on the CTL, and stays on
the CRL until it expires, also when it is not named again. `publish_ectl` is the same for the TLM's list.

The steps are there singly: `prepare_run` writes the ceremony file, which a person can review,
`ceremony_process.hold` runs it, `import_lists` gives what came of it to the distribution centre.

What can be relied upon, wherever the process is killed: a number is given away once, before anything is
signed under it; a list is in the signer's database before it is in a file, in a file before it is in the
distribution centre's database, and there before anybody can fetch it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from v2xpki.authorities.etsi import successions
from v2xpki.authorities.etsi.ceremony import write_new
from v2xpki.authorities.etsi.ceremony_file import CeremonyFile, RevocationList, TrustList
from v2xpki.authorities.etsi.ceremony_process import Held, Holder, hold
from v2xpki.authorities.etsi.distribution import import_publications, published_list
from v2xpki.authorities.etsi.generations import in_force
from v2xpki.authorities.etsi.signing import SEQUENCES, lists_of
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused, ConfigError, DecodeError, InvalidList, V2xPkiError
from v2xpki.keystore import KeyLabel
from v2xpki.store import Database, require_current
from v2xpki.store.dc import Recorded
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.trust.lists import (
    LAST_SEQUENCE,
    AaEntry,
    CtlEntry,
    DcEntry,
    EaEntry,
    EctlEntry,
    ListKind,
    SignedList,
    TlmEntry,
    in_order,
)

_DOMAIN: Mapping[ListKind, str] = {"ctl": "root", "crl": "root", "ectl": "tlm"}


@dataclass(frozen=True, slots=True)
class Published:
    """What was signed and what became of it."""

    ceremonies: tuple[Held, ...] = ()
    #: The files of all lists, full and delta.
    lists: tuple[Path, ...] = ()
    #: None: the distribution centre is not within reach.
    recorded: Recorded | None = None
    #: What an operator has to be told.
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A ceremony file that was written, and what it will make."""

    kind: ListKind
    file: Path
    number: int
    count: int
    this_update: int


def publish_root_lists(
    instance: Instance,
    *,
    entries: Sequence[CtlEntry] | None = None,
    revoked: Sequence[Certificate] = (),
    reason: str = "",
    operator: str,
    count: int | None = None,
    generation: int | None = None,
    clock: Clock | None = None,
    holder: Holder = hold,
) -> Published:
    """The root's next CTLs with these entries, and its next CRLs where `revoked` names any; from now on.

    reason: why they are revoked, for the audit record. count: lists in each run, by default one in a
    laboratory, else `lists.run_length`. generation: of the root's key, by default the present one. Raises
    CeremonyRefused, ConfigError, InvalidList, KeystoreError, StoreError; then what was not signed yet is not
    signed, and what was signed and not given to the distribution centre lies in the root's folder.
    """
    clock = clock or SystemClock()
    gone = {certificate.hashed_id8 for certificate in revoked}
    wanted = present_entries(instance, "ctl", generation) if entries is None else entries
    kept = [
        entry for entry in wanted if isinstance(entry, DcEntry) or entry.certificate.hashed_id8 not in gone
    ]
    options: dict[str, Any] = {"count": count, "generation": generation, "clock": clock}
    ceremonies = []
    if revoked:
        run = prepare_run(instance, "crl", revoked=revoked, reason=reason, **options)
        ceremonies.append(holder(run.file, operator))
    run = prepare_run(instance, "ctl", entries=kept, **options)
    ceremonies.append(holder(run.file, operator))
    return _given(instance, ceremonies, clock)


def publish_ectl(
    instance: Instance,
    *,
    entries: Sequence[EctlEntry] | None = None,
    operator: str,
    count: int | None = None,
    generation: int | None = None,
    clock: Clock | None = None,
    holder: Holder = hold,
) -> Published:
    """The TLM's next ECTLs with these entries; as publish_root_lists."""
    return publish_list(
        instance, "ectl", entries=entries, operator=operator, count=count, generation=generation, clock=clock,
        holder=holder,
    )  # fmt: skip


def publish_list(
    instance: Instance,
    kind: ListKind,
    *,
    entries: Sequence[CtlEntry | EctlEntry] | None = None,
    revoked: Sequence[Certificate] = (),
    operator: str,
    count: int | None = None,
    generation: int | None = None,
    clock: Clock | None = None,
    holder: Holder = hold,
) -> Published:
    """The next run of one kind of list from now on; as publish_root_lists."""
    clock = clock or SystemClock()
    run = prepare_run(
        instance, kind, entries=entries, revoked=revoked, count=count, generation=generation, clock=clock
    )
    return _given(instance, [holder(run.file, operator)], clock)


def publish_all(
    instance: Instance,
    kind: ListKind,
    *,
    operator: str,
    count: int | None = None,
    clock: Clock | None = None,
    holder: Holder = hold,
) -> Published:
    """The next run of one kind of list by every generation of its signer that is in force, with the entries
    of the last one of each, from now on; as publish_root_lists."""
    clock = clock or SystemClock()
    ceremonies = [
        holder(prepare_run(instance, kind, count=count, generation=number, clock=clock).file, operator)
        for number in present_generations(instance, kind, clock)
    ]
    return _given(instance, ceremonies, clock)


def prepare_all(
    instance: Instance,
    kind: ListKind,
    *,
    count: int | None = None,
    following: bool = False,
    clock: Clock | None = None,
) -> list[PreparedRun]:
    """As publish_all, but the ceremony files alone; the generation in use is the last."""
    return [
        prepare_run(instance, kind, count=count, generation=number, following=following, clock=clock)
        for number in present_generations(instance, kind, clock)
    ]


def present_generations(instance: Instance, kind: ListKind, clock: Clock | None = None) -> list[int]:
    """The generations of a list's signer whose lists are to be kept fresh, the one in use last: those whose
    certificates have not ended. A former TLM that has used up its numbers is none: its last ECTL stays."""
    domain = instance.domain(_DOMAIN[kind])
    found = []
    for number in in_force(domain, (clock or SystemClock()).time32()):
        begun = number != domain.generation and last_number(instance, kind, number) is not None
        if begun and (kind != "ectl" or numbers_left(instance, number)):
            found.append(number)
    return [*found, domain.generation]


def numbers_left(instance: Instance, generation: int) -> int:
    """How many ECTLs a TLM's generation may still sign; all where its database is elsewhere. Raises
    DecodeError."""
    if not has_database(instance, "tlm"):
        return LAST_SEQUENCE + 1
    last = last_number(instance, "ectl", generation)
    return LAST_SEQUENCE - (-1 if last is None else last)


def sources(instance: Instance, kind: ListKind) -> tuple[Path, ...]:
    """Where the signer's lists lie in its own folder; with the links and certificates of its generations."""
    directory = instance.domain(_DOMAIN[kind]).directory
    more = [path for name in ("links", "certificates") if (path := directory / name).is_dir()]
    return (directory / "lists", *more)


def _given(instance: Instance, ceremonies: Sequence[Held], clock: Clock) -> Published:
    lists = tuple(path for entry in ceremonies for path in entry.outputs)
    warnings = [text for entry in ceremonies for text in entry.warnings]
    recorded = import_lists(instance, lists, clock) if has_distribution(instance) else None
    return Published(tuple(ceremonies), lists, recorded, tuple(warnings))


# --- what was signed last ------------------------------------------------------------------------------


def present_entries(instance: Instance, kind: ListKind, generation: int | None = None) -> tuple[Any, ...]:
    """The entries of the last full CTL (CtlEntry) or ECTL (EctlEntry) that was signed; () before the first.

    From the signer's database; its token is not touched. Raises ConfigError where it is not within reach.
    """
    last = last_list(instance, kind, generation)
    return () if last is None else last.entries


def last_list(instance: Instance, kind: ListKind, generation: int | None = None) -> SignedList | None:
    """The last full list that was signed; raises as present_entries."""
    signer, _ = _signer(instance, kind, generation)
    with _database(instance, kind) as database:
        last = lists_of(database, kind, signer.hashed_id8).last_full()
    return None if last is None else SignedList.parse(last.octets)


def last_number(instance: Instance, kind: ListKind, generation: int | None = None) -> int | None:
    """The last number that was given away, signed or not; raises as present_entries."""
    signer, _ = _signer(instance, kind, generation)
    with _database(instance, kind) as database:
        last = lists_of(database, kind, signer.hashed_id8).last()
    return None if last is None else last.number


# --- a run's ceremony file ---------------------------------------------------------------------------------


def prepare_run(
    instance: Instance,
    kind: ListKind,
    *,
    entries: Sequence[CtlEntry | EctlEntry] | None = None,
    revoked: Sequence[Certificate] = (),
    reason: str = "",
    count: int | None = None,
    generation: int | None = None,
    following: bool = False,
    clock: Clock | None = None,
) -> PreparedRun:
    """Write the ceremony file of the next run to DIR/ceremonies; nothing is signed.

    entries: what a CTL or ECTL holds, by default what the last one did. following: the run begins where the
    last list that was signed gives way, instead of when the ceremony is held. Raises ConfigError,
    CeremonyRefused (more than there is to say, numbers used up).
    """
    clock = clock or SystemClock()
    policy = instance.settings.lists
    signer, label = _signer(instance, kind, generation)
    with _database(instance, kind) as database:
        lists = lists_of(database, kind, signer.hashed_id8)
        last, full = lists.last(), lists.last_full()
    number = 0 if last is None else last.number + 1
    if count is None:
        count = 1 if instance.lab else policy.run_length
    overlap = int(policy.overlap)
    start = clock.time32()
    if following and full is not None:
        start = max(start, full.next_update - overlap)
    domain = _DOMAIN[kind]
    table: dict[str, Any] = {
        "title": f"{kind.upper()}, {_numbers(kind, number, count)}",
        "kind": kind,
        "instance": "..",
        "domain": domain,
        "key": label.text,
        "signer": f"{domain}/certificates/{domain}-{label.generation}.oer",
        "next_update": policy.validity(kind),
        "overlap": overlap if count > 1 else 0,
        "count": count,
        "output": f"{domain}/lists" if label.generation == 1 else f"{domain}/lists/{label.generation}",
    }
    if start > clock.time32():
        table["this_update"] = iso_from_time32(start)
    if kind == "crl":
        table["revoked"] = [_certificate_file(instance, domain, entry) for entry in revoked]
        if reason:
            table["reason"] = reason
    else:
        table["sequence"] = number if kind == "ectl" else number % SEQUENCES
        if entries is None:
            entries = () if full is None else SignedList.parse(full.octets).entries
        table["entries"] = [_entry_table(instance, domain, entry) for entry in in_order(entries)]
    path = instance.ceremonies_dir / f"{_name(kind, label, number)}.yaml"
    text = yaml.dump(table, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    # One that was written and never held is written anew.
    path.unlink(missing_ok=True)
    write_new(path, text.encode())
    return PreparedRun(kind, path, number, count, start)


def unheld_run(
    instance: Instance, kind: ListKind, generation: int | None = None
) -> TrustList | RevocationList | None:
    """What the ceremony file of the next run says that was prepared and not held yet, if there is one.

    Who prepares another change builds on it: the file will be written anew. Raises ConfigError,
    CeremonyRefused for a file that is none.
    """
    signer, label = _signer(instance, kind, generation)
    with _database(instance, kind) as database:
        last = lists_of(database, kind, signer.hashed_id8).last()
    path = instance.ceremonies_dir / f"{_name(kind, label, 0 if last is None else last.number + 1)}.yaml"
    if not path.exists():
        return None
    spec = CeremonyFile.read(path).spec
    return spec if isinstance(spec, TrustList | RevocationList) else None


def _name(kind: ListKind, label: KeyLabel, number: int) -> str:
    return f"{kind}-{number}" if label.generation == 1 else f"{kind}-{label.generation}-{number}"


_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _numbers(kind: ListKind, number: int, count: int) -> str:
    if kind == "crl":
        return f"numbers {number} to {number + count - 1}" if count > 1 else f"number {number}"
    first, end = (n if kind == "ectl" else n % SEQUENCES for n in (number, number + count - 1))
    return f"sequences {first} to {end}" if count > 1 else f"sequence {first}"


def _entry_table(instance: Instance, domain: str, entry: CtlEntry | EctlEntry) -> dict[str, Any]:
    if isinstance(entry, DcEntry):
        # A distribution centre names roots by digest; who is asked to review it may look them up.
        return {"entry": "dc", "url": entry.url, "roots": [root.hex().upper() for root in entry.roots]}
    table: dict[str, Any] = {"certificate": _certificate_file(instance, domain, entry.certificate)}
    if isinstance(entry, EaEntry):
        table |= {"entry": "ea", "aa_access_point": entry.aa_access_point}
        if entry.its_access_point is not None:
            table["its_access_point"] = entry.its_access_point
    elif isinstance(entry, AaEntry):
        table |= {"entry": "aa", "access_point": entry.access_point}
    else:
        table |= {"entry": "rca"}
        if isinstance(entry, TlmEntry):
            table |= {"entry": "tlm", "access_point": entry.access_point}
        if entry.successor_to is not None:
            table["successor_to"] = _certificate_file(instance, domain, entry.successor_to)
    return table


def _certificate_file(instance: Instance, domain: str, certificate: Certificate) -> str:
    """The certificate as a file of the signer's folder, named by what it holds."""
    name = f"{domain}/entries/{certificate.hex8}.oer"
    path = instance.path(name)
    if not path.exists():
        write_new(path, certificate.octets)
    elif path.read_bytes() != certificate.octets:
        raise CeremonyRefused(f"{path} is not certificate {certificate.hex8}")
    return name


def _signer(instance: Instance, kind: ListKind, generation: int | None) -> tuple[Certificate, KeyLabel]:
    domain = instance.domain(_DOMAIN[kind])
    number = domain.generation if generation is None else generation
    path = domain.certificates_dir / f"{domain.name}-{number}.oer"
    try:
        certificate = Certificate.parse(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(
            f"{path} is not there: the {kind.upper()} is signed where {domain.directory} is",
            hint="lists that were signed elsewhere are imported: --from FOLDER",
        ) from None
    return certificate, KeyLabel(domain.name, "sign", number)


def _database(instance: Instance, kind: ListKind) -> Database:
    name = _DOMAIN[kind]
    database = Database.open(instance.domain(name).database_url, must_exist=True)
    try:
        require_current(database, name)
    except BaseException:
        database.close()
        raise
    return database


# --- to the distribution centre -------------------------------------------------------------------------


def has_distribution(instance: Instance) -> bool:
    """Whether the distribution centre's database is within reach."""
    return has_database(instance, "dc")


def has_database(instance: Instance, name: str) -> bool:
    """Whether a domain's database is within reach."""
    try:
        with Database.open(instance.domain(name).database_url, must_exist=True) as database:
            require_current(database, name)
    except V2xPkiError:
        return False
    return True


def import_lists(
    instance: Instance,
    files: Iterable[Path],
    clock: Clock | None = None,
    *,
    kind: ListKind | None = None,
    signers: Sequence[Certificate] = (),
) -> Recorded:
    """Give signed lists, files or folders of them, to the distribution centre: all or nothing.

    What is due is handed out with this commit, the rest when it is due. Each list has to verify, at its own
    time, under a root or TLM that this instance knows, or under one of `signers`. Links are handed out too,
    and whom they vouch for is known from then on: the new certificates lie among the files. kind: the only
    one to take from folders. What is over, there already or overtaken is left out. Raises InvalidList,
    InvalidLink, DecodeError, UnexpectedContent, AlreadyRecorded, StoreError.
    """
    clock = clock or SystemClock()
    taken = successions.sort_out(_files(files), kind)
    known = {c.hashed_id8: c for c in (*known_signers(instance), *signers)}
    vouched, publications = successions.vouched_for(taken, known, clock.time32())
    known |= {certificate.hashed_id8: certificate for certificate in vouched}
    for path, given, octets in taken.lists:
        found = SignedList.parse(octets)
        if kind is not None and found.kind != kind:
            if given:
                raise InvalidList(f"{path} is a {found.kind.upper()}", rule="kind")
            continue
        if found.next_update <= clock.time32():
            continue
        signer = known.get(found.signer_id8 or b"")
        if signer is None:
            named = (found.signer_id8 or b"").hex().upper()
            raise InvalidList(
                f"{path} is signed by {named}, whom this instance does not know",
                rule="signer",
                hint="its certificate belongs into dc/trust",
            )
        try:
            found.verify(signer, found.this_update)
        except InvalidList as error:
            raise InvalidList(f"{path}: {error}", rule=error.rule, hint=error.hint) from None
        publications.append(published_list(octets, signer))
    for certificate in vouched:
        successions.remember(instance, certificate)
    with Database.open(instance.domain("dc").database_url, clock=clock, must_exist=True) as database:
        require_current(database, "dc")
        return import_publications(database, clock, publications)


def known_signers(instance: Instance) -> tuple[Certificate, ...]:
    """Roots and TLMs whose lists are published here: certificates in their own folders, and in dc/trust."""
    found = []
    folders = [instance.domain(name).certificates_dir for name in ("root", "tlm")]
    for path in [
        p for folder in (*folders, instance.domain("dc").trust_dir) for p in sorted(folder.glob("*.oer"))
    ]:
        try:
            certificate = Certificate.parse(path.read_bytes())
        except DecodeError:
            continue  # a list
        if certificate.is_self_signed:
            found.append(certificate)
    return tuple(found)


def _files(paths: Iterable[Path]) -> Iterable[tuple[Path, bool]]:
    """Every file, and whether it was named itself."""
    for path in paths:
        if path.is_dir():
            yield from ((file, False) for file in sorted(path.rglob("*.oer")))
        else:
            yield path, True
