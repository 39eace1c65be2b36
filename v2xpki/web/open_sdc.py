"""How the distribution centre of an SCMS is opened in its worker: a database, no key."""

import threading
from collections.abc import Sequence

from v2xpki.authorities.scms.distribution import Distribution, Document, open_distribution
from v2xpki.time import Clock, SystemClock, iso_from_time32
from v2xpki.web.base import Opened
from v2xpki.web.checks import answers, open_database
from v2xpki.web.health import Finding
from v2xpki.web.process import RoleSettings


class SharedCentre:
    """The distribution centre for all threads of a process."""

    def __init__(self, centre: Distribution) -> None:
        self._centre, self._lock = centre, threading.Lock()

    def ca_certificate(self, id8: bytes) -> Document | None:
        with self._lock:
            return self._centre.ca_certificate(id8)

    def ccf_ctl(self, series: bytes | None = None) -> Document | None:
        with self._lock:
            return self._centre.ccf_ctl(series)

    def ctl(self, series: bytes | None, sequence: int | None = None) -> Document | None:
        """Without a series: the home list's own."""
        with self._lock:
            home = self._centre.trust.ctl
            named = series or (home.series if home else None)
            return None if named is None else self._centre.ctl(named, sequence)

    def composite_crl_ctl(self, series: bytes | None = None) -> Document | None:
        with self._lock:
            return self._centre.composite_crl_ctl(series)

    def crl(self, craca: bytes, series: int) -> Document | None:
        with self._lock:
            return self._centre.crl(craca, series)

    def publish(self, documents: Sequence[bytes]) -> None:
        """As Distribution.publish."""
        with self._lock:
            self._centre.publish(documents)

    def freshness(self, clock: Clock) -> Finding:
        """Whether there is a CTL, and the CRLs are in force."""
        with self._lock:
            entries = self._centre.freshness()
        now, problems, values = clock.time32(), [], []
        for entry in entries:
            if entry.ends is None:
                continue
            name = f"{entry.kind} {entry.issuer.hex().upper()} {entry.number}"
            values.append(("v2xpki_list_seconds_left", {"list": name}, float(entry.ends - now)))
            if entry.ends <= now:
                problems.append(f"{name} out of date since {iso_from_time32(entry.ends)}")
        if not any(entry.kind == "ctl" for entry in entries):
            return Finding("no CTL", ok=False)
        text = "; ".join(problems) or f"{len(entries)} lists"
        return Finding(text, warning=bool(problems), values=values)

    def check(self) -> None:
        with self._lock:
            self._centre.check()


def open_sdc(settings: RoleSettings, clock: Clock | None = None) -> Opened[SharedCentre]:
    """The distribution centre: its anchors lie in its trust folder."""
    clock = clock or SystemClock()
    database = open_database(settings.instance, "sdc", clock)
    centre = SharedCentre(open_distribution(settings.instance, database, clock))
    return Opened(
        centre,
        {"database": lambda: answers(centre.check), "lists": lambda: centre.freshness(clock)},
    )
