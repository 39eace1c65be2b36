"""How the distribution centre is opened in its worker: a database, no key."""

import time
from collections.abc import Callable, Iterable, Iterator

from v2xpki.authorities.etsi.distribution import Distribution, Freshness, Publisher, lasting_roots
from v2xpki.authorities.etsi.publishing import known_signers
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.store import Database
from v2xpki.store.dc import DcStore
from v2xpki.store.schema import require_current
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.web.base import Opened
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
) -> Finding:
    """Whether a list of each kind is in force; a warning where what is signed ahead comes to its end.

    alarm: kind -> seconds before the end of the last list from which on to warn. signers: known certificates
    of roots; the lists of each are to be fresh until it ends.
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
    missing = [kind for kind in ("ctl", "crl", "ectl") if kind not in {str(kind) for kind, _ in present}]
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


def open_database(instance: Instance, name: str, clock: Clock) -> Database:
    """A domain's database, at the newest revision. Raises StoreError."""
    database = Database.open(instance.domain(name).database_url, clock=clock, must_exist=True)
    require_current(database, name)
    return database


def answers(ask: Callable[[], object]) -> Finding:
    """Whether a query is answered, and in what time."""
    started = time.perf_counter()
    ask()
    return Finding(f"answers ({(time.perf_counter() - started) * 1000:.1f} ms)")
