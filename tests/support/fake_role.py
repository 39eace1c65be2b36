"""A role worker whose authorities need no keys: `python fake_role.py` in place of v2xpki.web.worker.

The EA answers with its request, the AA asks the EA over the real link. A file DIR/run/fault.json says
what goes wrong: {"ea": "TokenLost"}; DIR/run/ea.fault is there once the EA has met its own. The DC is the
real one.
"""

import hashlib
import json
import time
from pathlib import Path

from v2xpki import errors
from v2xpki.links.http import HttpEaLink
from v2xpki.links.unix import SocketEaLink
from v2xpki.web import app, worker
from v2xpki.web.base import Opened
from v2xpki.web.health import Finding
from v2xpki.web.open_dc import open_dc
from v2xpki.web.process import RoleSettings


class Faults:
    """What a test wants to go wrong in a role, by a file that it writes."""

    def __init__(self, settings: RoleSettings) -> None:
        self._path, self._role = settings.instance.run_dir / "fault.json", settings.role

    def raise_if_asked(self) -> None:
        name = self._asked()
        if name:
            self._path.with_name(f"{self._role}.fault").touch()
        if name == "slow":
            time.sleep(0.2)
        elif name == "hang":
            time.sleep(60)
        elif name:
            raise getattr(errors, name, RuntimeError)("secret b'0123456789' 00112233445566778899AABBCCDDEEFF")

    def check(self) -> Finding:
        self.raise_if_asked()
        return Finding("signs")

    def wait_if_asked(self) -> None:
        """With being born: what has been forked is a worker only after the fault."""
        while self._asked() == "unborn":
            self._path.with_name(f"{self._role}.fault").touch()
            time.sleep(0.02)

    def _asked(self) -> str | None:
        try:
            return json.loads(self._path.read_text()).get(self._role)
        except FileNotFoundError:
            return None


class FakeEa:
    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def enrol(self, octets: bytes) -> bytes:
        self._faults.raise_if_asked()
        if octets.startswith(b"bad"):
            raise errors.DecodeError("no SPDU", offset=0)
        return b"enrolled " + hashlib.sha256(octets).digest()

    def validate(self, octets: bytes) -> bytes:
        self._faults.raise_if_asked()
        return b"valid " + octets[:8]


class FakeAa:
    def __init__(self, faults: Faults, settings: RoleSettings) -> None:
        self._faults = faults
        self._url = settings.instance.base_url + "/ea/validation"
        self._link = SocketEaLink(settings.ea_routes, HttpEaLink(timeout=5), timeout=5)

    def authorize(self, octets: bytes) -> bytes:
        self._faults.raise_if_asked()
        return b"ticket, " + self._link.validate(self._url, octets)


def open_fake(settings: RoleSettings) -> Opened[object]:
    if settings.role == "dc":
        return open_dc(settings)
    faults = Faults(settings)
    authority = FakeEa(faults) if settings.role == "ea" else FakeAa(faults, settings)
    return Opened(authority, {"token": faults.check})


class FakeWorker(worker.RoleWorker):
    def init_process(self) -> None:
        Faults(RoleSettings.from_environment()).wait_if_asked()
        super().init_process()


if __name__ == "__main__":
    assert Path(worker.__file__)
    app.opener_of = lambda role: open_fake
    app.import_code = lambda role: None
    worker.RoleWorker = FakeWorker
    worker.main()
