"""Butterfly tickets over HTTP: `init`, `serve` and the client as an operator and a vehicle run them."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import REQUEST_TYPE, Lab, v2xpki, wait_until
from v2xpki.station import Station

TICKETS = 20  # of a period


def vehicle(lab: Lab, directory: Path, name: str) -> Path:
    tlm = lab.directory / "tlm" / "certificates" / "tlm-1.oer"
    v2xpki("client", "init", directory, "--id", name, "--url", lab.base_url, "--tlm", tlm)
    key = directory / "canonical.pub.pem"
    v2xpki("station", "register", lab.directory, "--id", name, "--key", key)
    v2xpki("client", "enrol", directory)
    return directory


def download(car: Path) -> list[dict[str, Any]]:
    return json.loads(v2xpki("client", "butterfly", "download", car, "--json"))


def download_all(car: Path) -> list[dict[str, Any]]:
    """Until the present period and three more are there; the preload may touch a fifth."""
    held: list[dict[str, Any]] = []
    wait_until(lambda: len(held.extend(download(car)) or held) >= 4 * TICKETS)
    return held


@pytest.mark.parametrize("variant", ["unified", "original"])
def test_a_vehicle_obtains_weeks_of_tickets_with_one_request(worn: Lab, tmp_path: Path, variant: str) -> None:
    car = vehicle(worn, tmp_path / "car", f"car-{variant}")
    (supply,) = json.loads(v2xpki("client", "butterfly", "request", car, "--variant", variant, "--json"))
    assert supply["variant"] == variant
    tickets = download_all(car)
    assert len({ticket["hashedId8"] for ticket in tickets}) in (4 * TICKETS, 5 * TICKETS)
    # as good as any other: another vehicle accepts what is sent under one of them
    other = Station(vehicle(worn, tmp_path / "other", f"other-{variant}"))
    verified = other.receive(Station(car).sign_cam(b"here I am"))
    assert verified.ticket.hex8.lower() in {ticket["hashedId8"] for ticket in tickets}


def test_workers_that_are_killed_are_replaced_and_nothing_is_lost(worn: Lab, tmp_path: Path) -> None:
    car = vehicle(worn, tmp_path / "car", "car-killed")
    v2xpki("client", "butterfly", "request", car)
    for role in ("ea", "aa"):
        for pid in worn.workers(role):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(worn.workers(role) for role in ("ea", "aa")))
    assert len({ticket["hashedId8"] for ticket in download_all(car)}) in (4 * TICKETS, 5 * TICKETS)
    v2xpki("audit", "verify", worn.directory)


def test_a_barred_vehicle_gets_no_file(worn: Lab, tmp_path: Path) -> None:
    car = vehicle(worn, tmp_path / "car", "car-barred")
    v2xpki("client", "butterfly", "request", car)
    v2xpki("station", "bar", worn.directory, "--id", "car-barred", "--reason", "test", "--yes")
    v2xpki("client", "butterfly", "download", car, expect=3)
    v2xpki("client", "butterfly", "request", car, expect=3)
    v2xpki("audit", "verify", worn.directory)


def test_nonsense_on_the_butterfly_paths_is_answered_plainly(worn: Lab) -> None:
    for path in ("/ea/butterfly/download", "/aa/butterfly"):
        for body in (b"", b"\3", b"\0\0\0\1x", os.urandom(500)):
            assert worn.post(path, body).status in (200, 400)
        assert worn.post(path, b"x", "text/plain").status == 415
        assert worn.post(path, bytes(70_000), REQUEST_TYPE).status == 413
