"""An independent station passes every check against instances other than the default one, too: on other
curves, behind https alone, with databases on a server and several workers."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.joining import join, public_runs, vocabulary
from tests.support.lab import Lab, open_reply, v2xpki
from tests.support.postgres import Server, postgres_server

__all__ = ["postgres_server"]


def probe(lab: Lab, tools: Path, folder: Path, *options: object) -> dict[str, str]:
    """Each check's name with its verdict (and remark, unless it passed), for a vehicle and a roadside unit
    that are registered for it."""
    program = [sys.executable, str(tools / "probe_station.py")]
    names = {}
    for profile in ("vehicle", "rsu"):
        name = names[profile] = f"{profile}-{secrets.token_hex(3)}"
        key = folder / f"{name}.pem"
        subprocess.run(
            [*program, "--make-key", "--canonical-id", name, "--canonical-key", key], check=True, timeout=60
        )
        v2xpki("station", "register", lab.directory, "--id", name, "--key", key.with_suffix(".pub.pem"),
               "--profile", profile)  # fmt: skip
    done = subprocess.run(
        [*program, "--json", "--url", lab.base_url, "--tls-ca", lab.directory / "tls" / "ca.pem",
         "--canonical-id", names["vehicle"], "--canonical-key", folder / f"{names['vehicle']}.pem",
         "--rsu-id", names["rsu"], "--rsu-key", folder / f"{names['rsu']}.pem", *map(str, options)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    checks = json.loads(done.stdout)["checks"]
    found = {
        c["check"]: c["verdict"] if c["verdict"] == "PASS" else f"{c['verdict']}: {c['remark']}"
        for c in checks
    }
    assert (done.returncode == 0) == (set(found.values()) == {"PASS"})
    return found


def failures(checks: dict[str, str]) -> dict[str, str]:
    assert len(checks) > 100
    return {name: verdict for name, verdict in checks.items() if verdict != "PASS"}


@pytest.mark.soak
def test_an_instance_on_brainpool_curves_behind_https_alone(
    tmp_path: Path, shared_tools: Path, token_store: object
) -> None:
    del token_store
    curves = [f"--curve={role}=brainpoolP256r1" for role in ("ea", "aa", "root")]
    lab = Lab.start(tmp_path / "pki", *curves, "--curve=tlm=nistP256", scheme="https")
    try:
        assert lab.ea_certificate.curve.text == lab.aa_certificate.curve.text == "brainpoolP256r1"
        assert failures(probe(lab, shared_tools, tmp_path)) == {}
        # what was fetched names https alone
        assert lab.metrics()["v2xpki_unexpected_errors_total"] == 0, lab.said()
    finally:
        lab.end()


# --- databases on a server --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_server(
    postgres_server: Server, tmp_path_factory: pytest.TempPathFactory, token_store: object
) -> Iterator[Lab]:
    """EA and AA with a database each on PostgreSQL, two workers a role."""
    del token_store
    host, names = postgres_server.directory, {role: f"{role}_{secrets.token_hex(4)}" for role in ("ea", "aa")}
    with psycopg.connect(host=str(host), user="postgres", dbname="postgres", autocommit=True) as server:
        for name in names.values():
            server.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    urls = [f"--database={role}=postgresql://postgres@/{name}?host={host}" for role, name in names.items()]
    lab = Lab.start(tmp_path_factory.mktemp("server") / "pki", *urls, workers=2)
    lab.note_fresh()
    yield lab
    lab.end()


pg = pytest.mark.postgres


@pg
def test_an_instance_with_its_databases_on_a_server(
    on_server: Lab, tmp_path: Path, shared_tools: Path
) -> None:
    assert not list(on_server.directory.glob("[ea]a/*.db"))
    assert failures(probe(on_server, shared_tools, tmp_path)) == {}
    assert on_server.metrics()["v2xpki_unexpected_errors_total"] == 0, on_server.said()


@pg
def test_a_worker_dies_and_a_server_drops_its_sessions_and_the_service_goes_on(
    on_server: Lab, postgres_server: Server
) -> None:
    car = on_server.station()
    ec = car.enrol()
    sent = [car.authorization(ec) for _ in range(4)]

    def insist(one: Any) -> bytes:
        for _ in range(100):
            reply = on_server.post("/aa", one.body)
            if reply.status == 200:
                answer = open_reply(on_server, reply, one, on_server.aa_certificate)
                if answer.code != "aa-ea-cantreachea":
                    answer.ok()
                    return reply.body
            assert reply.status in (200, 503), reply
        raise AssertionError(on_server.said())

    first = [insist(one) for one in sent[:2]]
    for pid in on_server.workers("aa"):
        os.kill(pid, signal.SIGKILL)
    first.append(insist(sent[2]))
    postgres_server.disconnect_all()
    first.append(insist(sent[3]))
    assert [insist(one) for one in sent] == first
    assert on_server.metrics()["v2xpki_unexpected_errors_total"] == 0, on_server.said()
    v2xpki("audit", "verify", on_server.directory)


@pg
def test_nothing_joins_the_databases_on_a_server_either(on_server: Lab) -> None:
    car = on_server.station()
    ec = car.enrol()
    tickets = [car.authorize(ec).ok() for _ in range(3)]
    ea, aa = on_server.held("ea"), on_server.held("aa")
    allowed = (
        on_server.fresh
        | vocabulary()
        | public_runs([on_server.root, on_server.ea_certificate, on_server.aa_certificate])
    )
    both = {run: where for run, where in join(ea, aa).items() if run not in allowed}
    # what is left are the fixed parts of an encoding: they are in no key, no digest and no id of these
    secrets_ = [
        part for one in (ec, *tickets) for part in (one.certificate.octets[-64:], one.certificate.digest)
    ]
    secrets_ += [one.certificate.verification_key.point for one in (ec, *tickets)] + [car.id, car.known.id]
    assert not [run.hex() for run in both if any(run in secret for secret in secrets_)]
    assert {where for where, _ in ea.fine_times()} <= {"enrolment_credential.expires"}
    assert not aa.fine_times()
