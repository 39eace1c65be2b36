"""Is a role able to work? Checks that run on demand, rarely, and never say more than they must.

Off on purpose is healthy, a lost token is not: each check exercises the thing itself (the signer
signs a fixed string that is verified, the database answers a query), and its result is kept some
seconds, so that whoever asks often costs nothing.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from v2xpki import errors
from v2xpki.web import logs

#: Seconds that a result is kept.
KEEP = 3.0


@dataclass(frozen=True)
class Finding:
    """What a check found. `warning`: it works, but an operator should act."""

    text: str
    ok: bool = True
    warning: bool = False
    #: Gauge name -> (labels, value).
    values: Sequence[tuple[str, Mapping[str, str], float]] = ()

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {"ok": self.ok, "text": self.text}
        if self.warning:
            found["warning"] = True
        if self.values:
            found["values"] = [[name, dict(labels), value] for name, labels, value in self.values]
        return found


Check = Callable[[], Finding]


@dataclass
class Health:
    """The checks of one role, each result kept for KEEP seconds."""

    role: str
    checks: Callable[[], Mapping[str, Check]]
    monotonic: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _kept: tuple[float, dict[str, Finding]] | None = None

    def findings(self) -> dict[str, Finding]:
        """The present results; who comes while another checks gets the previous ones, if there are any."""
        kept = self._kept
        if kept is not None and self.monotonic() - kept[0] < KEEP:
            return kept[1]
        if not self._lock.acquire(blocking=kept is None):
            assert kept is not None
            return kept[1]
        try:
            if self._kept is not kept and self._kept is not None:
                return self._kept[1]
            found = {name: _run(name, check) for name, check in self._all().items()}
            self._kept = self.monotonic(), found
            return found
        finally:
            self._lock.release()

    def _all(self) -> Mapping[str, Check]:
        try:
            return self.checks()
        except errors.V2xPkiError as error:
            told = Finding(f"not started: {type(error).__name__}", ok=False)
            return {"start": lambda: told}

    def ready(self) -> bool:
        return all(finding.ok for finding in self.findings().values())

    def document(self) -> dict[str, Any]:
        """What /readyz of the role answers."""
        found = self.findings()
        return {
            "role": self.role,
            "ready": all(finding.ok for finding in found.values()),
            "checks": {name: finding.document() for name, finding in found.items()},
        }


def _run(name: str, check: Check) -> Finding:
    try:
        return check()
    except Exception as error:
        # Any fault of a check is the answer "no"; the log has the kind and the place.
        logs.logger().warning("health check failed", check=name, **logs.describe(error))
        return Finding(type(error).__name__, ok=False)
