"""How the distribution centre is opened in its worker: a database, no key."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from v2xpki.authorities.etsi.distribution import Distribution, Freshness, Publisher, lasting_roots
from v2xpki.authorities.etsi.publishing import known_signers
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.store.dc import DcStore
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.web.base import Opened
from v2xpki.web.checks import answers, open_database
from v2xpki.web.health import Finding
from v2xpki.web.process import RoleSettings

#: Seconds after which a list that is due and not handed out is told.
OVERDUE = 120


def open_dc(settings: RoleSettings, clock: Clock | None = None) -> Opened[Distribution]:
    """The distribution centre and CPOC: a database, no key."""
    clock = clock or SystemClock()
    database = open_database(settings.instance, "dc", clock)
    store = DcStore(database)
    distribution, publisher = Distribution(store, clock), Publisher(store, clock)
    policy, lab = settings.instance.settings.lists, settings.instance.lab
    return Opened(
        distribution,
        {
            "database": lambda: answers(distribution.check),
            "lists": lambda: lists_fresh(
                distribution,
                clock,
                lambda kind: policy.alarm(kind, lab=lab),
                _signers(settings.instance),
                kinds=settings.instance.list_kinds,
            ),
        },
        tasks={"publisher": publisher.round},
    )


def _signers(instance: Instance) -> Iterable[Certificate]:
    """Roots and TLMs as far as this process may read them."""
    try:
        return known_signers(instance)
    except OSError:
        return ()


def lists_fresh(
    distribution: Distribution,
    clock: Clock,
    alarm: Callable[[str], int],
    signers: Iterable[Certificate] = (),
    *,
    kinds: Sequence[str] = ("ctl", "crl", "ectl"),
) -> Finding:
    """Whether a list of each kind is in force; a warning where what is signed ahead comes to its end.

    alarm: kind -> seconds before the end of the last list from which on to warn. signers: known certificates
    of roots; the lists of each are to be fresh until it ends. kinds: those of which there is to be one.
    """
    now = clock.time32()
    found = distribution.freshness()
    values = [value for entry in found for value in _values(entry, now)]
    lasting = lasting_roots(signers, now)
    # A former TLM's last list may be out of date, or a root's that has ended; the present ones' must not.
    present = {
        (entry.kind, entry.issuer if entry.issuer in lasting else b""): entry
        for entry in sorted(found, key=lambda entry: entry.covered)
    }
    missing = [kind for kind in kinds if kind not in {str(kind) for kind, _ in present}]
    stale = [entry for entry in present.values() if entry.next_update <= now]
    if missing or stale:
        texts = [f"{kind} missing" for kind in missing]
        texts += [f"{e.kind} out of date since {iso_from_time32(e.next_update)}" for e in stale]
        return Finding(", ".join(texts), ok=False, values=values)
    late = [
        f"{e.kind} due since {iso_from_time32(e.overdue)} is not handed out"
        for e in present.values()
        if e.overdue is not None and e.overdue < now - OVERDUE
    ]
    late += [
        f"{e.kind} is signed until {iso_from_time32(e.covered)} only, {e.ahead} ahead"
        for e in present.values()
        if e.covered - now < alarm(e.kind)
    ]
    if late:
        return Finding(", ".join(late), warning=True, values=values)
    first = min(present.values(), key=lambda entry: entry.covered)
    text = f"in force; {first.kind} signed until {iso_from_time32(first.covered)}, {first.ahead} ahead"
    return Finding(text, values=values)


def _values(entry: Freshness, now: int) -> Iterator[tuple[str, dict[str, str], float]]:
    labels = {"list": f"{entry.kind} {entry.issuer.hex().upper()}"}
    yield "v2xpki_list_seconds_left", labels, float(entry.next_update - now)
    yield "v2xpki_list_signed_seconds", labels, float(entry.covered - now)
    yield "v2xpki_list_ahead", labels, float(entry.ahead)
    yield "v2xpki_list_sequence", labels, float(entry.sequence)
