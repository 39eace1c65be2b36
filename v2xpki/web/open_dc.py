"""How the distribution centre is opened in its worker: a database, no key."""

import time
from collections.abc import Callable

from v2xpki.authorities.etsi.distribution import Distribution
from v2xpki.config import Instance
from v2xpki.store import Database
from v2xpki.store.dc import DcStore
from v2xpki.store.schema import require_current
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.web.base import Opened
from v2xpki.web.health import Finding
from v2xpki.web.process import RoleSettings


def open_dc(settings: RoleSettings, clock: Clock | None = None) -> Opened[Distribution]:
    """The distribution centre and CPOC: a database, no key."""
    clock = clock or SystemClock()
    database = open_database(settings.instance, "dc", clock)
    distribution = Distribution(DcStore(database), clock)
    warn_before = int(settings.instance.settings.lists.warn_before)
    return Opened(
        distribution,
        {
            "database": lambda: answers(distribution.check),
            "lists": lambda: lists_fresh(distribution, clock, warn_before),
        },
    )


def lists_fresh(distribution: Distribution, clock: Clock, warn_before: int) -> Finding:
    """Whether a list of each kind is in force; a warning where the next one should be there and is not."""
    now = clock.time32()
    found = distribution.freshness()
    values = [
        (
            "v2xpki_list_seconds_left",
            {"list": f"{e.kind} {e.issuer.hex().upper()}"},
            float(e.next_update - now),
        )
        for e in found
    ]
    # A former root's or TLM's last list may be out of date; the present one's must not.
    present = {entry.kind: entry for entry in sorted(found, key=lambda entry: entry.next_update)}
    missing = [kind for kind in ("ctl", "crl", "ectl") if kind not in {str(kind) for kind in present}]
    stale = [entry for entry in present.values() if entry.next_update <= now]
    if missing or stale:
        texts = [f"{kind} missing" for kind in missing]
        texts += [f"{e.kind} out of date since {iso_from_time32(e.next_update)}" for e in stale]
        return Finding(", ".join(texts), ok=False, values=values)
    late = [e for e in present.values() if e.next_update - now < warn_before and not e.ahead]
    if late:
        text = ", ".join(f"{e.kind} holds until {iso_from_time32(e.next_update)}, no successor" for e in late)
        return Finding(text, warning=True, values=values)
    first = min(present.values(), key=lambda entry: entry.next_update)
    return Finding(f"in force; {first.kind} until {iso_from_time32(first.next_update)}", values=values)


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
