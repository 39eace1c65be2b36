"""Firmware delivery on PostgreSQL at length: all of it served, processes that are killed, rates. Prints what
it saw.

pytest tests/load/test_ota_on_postgresql.py -m soak -s
V2XPKI_LOAD_SECONDS=60 for longer rounds.
"""

import itertools
import json
import os
import random
import secrets
import shutil
import signal
import threading
import time
from contextlib import suppress

import psycopg
import pytest

from tests.support.commands import v2xpki
from tests.support.ota_director import Car, Depot
from tests.support.ota_versions import Gone, require_each_version_once, whole_view
from tests.support.postgres import postgres_server  # noqa: F401
from v2xpki.bench.ota_laboratory import DirectorLaboratory
from v2xpki.bench.postgres import Server
from v2xpki.bench.scms_tokens import made_tokens
from v2xpki.demo import ota as demo
from v2xpki.demo.steps import Steps
from v2xpki.errors import AuditError, RecordFailed, StoreError
from v2xpki.issuance import recover
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.store.auditing import examine
from v2xpki.time import SystemClock

SECONDS = float(os.environ.get("V2XPKI_LOAD_SECONDS", "6"))
PROCESSES, VEHICLES, LIFE = 4, 6, 1.5  # LIFE: seconds until one of the processes is killed

pytestmark = [pytest.mark.soak, pytest.mark.postgres]


# --- all of it, served


@pytest.fixture
def urls(request, token_store):
    """A database of its own for each domain: a backup takes whole databases."""
    del token_store  # asked for so that the test is skipped where there is no SoftHSM
    host = request.getfixturevalue("postgres_server").directory
    names = {name: f"{name}_{secrets.token_hex(4)}" for name in ("ea", "aa", "image", "director")}
    with psycopg.connect(host=str(host), user="postgres", dbname="postgres", autocommit=True) as server:
        for name in names.values():
            server.execute(f"CREATE DATABASE {name}")
        yield {name: f"postgresql://postgres@/{own}?host={host}" for name, own in names.items()}
        for name in names.values():
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_releases_registration_campaigns_evidence_rotation_and_a_restore_on_a_server(tmp_path, urls):
    home, out = tmp_path / "pki", tmp_path / "out"
    report = demo.run(home, Steps(), databases=urls)
    assert report.problems == () and not list(home.glob("image/*.db")) + list(home.glob("director/*.db"))

    # a root with new online keys of each repository
    for repository in ("image", "director"):
        change = [
            "ota",
            "root",
            "change",
            "--instance",
            home,
            "--repository",
            repository,
            "--out",
            out,
            "--yes",
        ]
        v2xpki(*change, "--rotate", "timestamp", "--rotate", "snapshot")
        (request,) = out.glob(f"{repository}-root-2.request.json")
        for number in ("1", "2"):
            signer = home / "signers" / number
            made = v2xpki("ota", "sign", "sign", request, "--signer", signer, "--yes").stdout.strip()
            v2xpki("ota", "sign", "submit", made, "--instance", home, "--repository", repository)
    before = told(home)
    assert before["root"][0] == 2

    words = {"V2XPKI_BACKUP_PASSPHRASE": "a passphrase of the drill"}
    v2xpki("backup", home, tmp_path / "backup", **words)
    for url in urls.values():
        with psycopg.connect(url) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
    shutil.rmtree(home)
    v2xpki("restore", home, tmp_path / "backup", "--yes", **words)
    assert told(home) == before
    vehicles = json.loads(v2xpki("ota", "vehicle", "list", "--instance", home, "--json").stdout)
    assert [one["vin"] for one in vehicles] == [demo.VIN]


def told(home):
    """Role -> version and keys, of the Image repository."""
    listed = json.loads(v2xpki("ota", "role", "list", "--instance", home, "--json").stdout)
    return {one["role"]: (one["version"], one["keyids"]) for one in listed}


# --- several processes, some of which die


def work(depot, cars, vehicles, seconds, out):
    """One process of the Director: vehicles report and fetch, until the time is over."""
    director, made = depot.open(), {"manifests": 0, "views": 0, "overtaken": 0}
    end, luck = time.monotonic() + seconds, random.Random(os.getpid())
    while time.monotonic() < end:
        at = luck.randrange(len(cars))
        car, vehicle = cars[at], director._inventory.again(vehicles[at])
        # counters that rise over all processes; what is installed changes, and so what is directed
        car.counter = (time.monotonic_ns() - car.began) // 10_000
        for ecu in car.ecus:
            car.installed[ecu] = luck.choice(car.choices)
        try:
            director.take_manifest(vehicle, car.manifest(depot.clock))
            made["manifests"] += 1
        except DirectorRefusal as refusal:
            assert refusal.reason is DirectorReason.REPLAYED
        except RecordFailed as error:  # others were always faster: the vehicle comes again
            assert "elsewhere" in str(error)
            made["overtaken"] += 1
        with suppress(Gone):
            whole_view(director, vehicle, car.vin)
            made["views"] += 1
    out.write_text(json.dumps(made))


def test_processes_that_share_vehicles_and_are_killed_never_sign_a_version_twice(
    postgres_server, tmp_path, fixed_clock  # noqa: F811
):  # fmt: skip
    depot = Depot(postgres_server.create(), fixed_clock)
    cars = [Car(number, hardware=("ecu-a", "ecu-b")) for number in range(VEHICLES)]
    vehicles = [car.join(depot) for car in cars]
    releases = [depot.release(f"{kind}-x", number, kind) for kind in ("ecu-a", "ecu-b") for number in (2, 3)]
    for car in cars:
        car.choices, car.began = [*car.installed.values(), *releases], time.monotonic_ns()
    depot.database.close()
    numbers, running, files, killed = itertools.count(), {}, [], 0

    def start(seconds):
        files.append(tmp_path / f"{next(numbers)}.json")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(depot, cars, vehicles, seconds, files[-1])
                code = 0
            finally:
                os._exit(code)
        running[child] = files[-1]

    began = time.monotonic()
    for _ in range(PROCESSES):
        start(SECONDS)
    campaign = 0
    while (left := SECONDS - (time.monotonic() - began)) > LIFE:
        # campaigns begin and are halted all the while
        depot.campaign(*random.sample(releases, 2), name=f"c{campaign}")
        end = time.monotonic() + LIFE
        while time.monotonic() < end:
            os.sched_yield()
            time.sleep(0.05)
        depot.director.halt_campaign(f"c{campaign}", "stop", "op")
        campaign += 1
        victim = random.choice(list(running))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        del running[victim]
        killed += 1
        start(max(0.0, left - LIFE))
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in running]
    seconds = time.monotonic() - began
    assert codes == [0] * len(running)
    void = recover(depot.database).void
    assert void <= killed
    records = require_each_version_once(depot.database)
    assert examine(depot.database).intact
    for vehicle, car in zip(vehicles, cars, strict=True):  # all halted: nothing is directed any more
        assert whole_view(depot.director, vehicle, car.vin)["targets"] == {}
    done = [json.loads(file.read_text()) for file in files if file.exists()]
    sums = {name: sum(one[name] for one in done) for name in ("manifests", "views", "overtaken")}
    print(f"\n{PROCESSES} processes, {VEHICLES} vehicles, {seconds:.0f} s, {killed} killed, {void} voided: "
          f"{records} versions, each once; of those that lived {sums}")  # fmt: skip
    depot.database.close()


def test_a_server_that_crashes_leaves_no_mixture_and_no_version_twice(fixed_clock):
    with Server() as server:
        depot = Depot(server.create(), fixed_clock)
        cars = [Car(number) for number in range(VEHICLES)]
        vehicles = [car.join(depot) for car in cars]
        release = depot.release("brake", 2)
        depot.campaign(release)
        stop, seen, failures = threading.Event(), {car.vin: 0 for car in cars}, []

        def run(car, vehicle):
            director, choices = depot.open(), itertools.cycle((release, car.installed[car.primary]))
            while not stop.is_set():
                car.installed[car.primary] = next(choices)
                try:
                    taken = director.take_manifest(
                        director._inventory.again(vehicle), car.manifest(depot.clock)
                    )
                    seen[car.vin] = max(seen[car.vin], taken.version)
                    whole_view(director, vehicle, car.vin)
                except (StoreError, AuditError):
                    time.sleep(0.02)  # the server is away
                except BaseException as error:
                    failures.append(error)
                    return

        threads = [threading.Thread(target=run, args=pair) for pair in zip(cars, vehicles, strict=True)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(LIFE)
            server.crash()
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        depot.database.close()  # a start: what was open then is void
        recover(depot.database)
        for car, vehicle in zip(cars, vehicles, strict=True):
            car.installed[car.primary] = random.choice((release, car.installed[car.primary]))
            depot.director.take_manifest(depot.director._inventory.again(vehicle), car.manifest(depot.clock))
            assert whole_view(depot.director, vehicle, car.vin)["version"] >= seen[car.vin]
        print(f"\n3 crashes: {require_each_version_once(depot.database)} versions, each once")
        assert examine(depot.database).intact
        depot.database.close()


# --- rates


def rate(count, began):
    return count / (time.monotonic() - began)


def test_rates_of_one_process(postgres_server, tmp_path):  # noqa: F811
    lines = []
    places = {"postgresql": postgres_server.create(), "sqlite": tmp_path}
    with made_tokens(tmp_path, list(places)) as keystores:
        for name, where in places.items():
            lines += rates(name, DirectorLaboratory(where, keystores[name], SystemClock()))
    print("\n" + "\n".join(lines))


def rates(name, laboratory):
    batches, sent = laboratory.reports(1000), []
    began, end = time.monotonic(), time.monotonic() + SECONDS / 2
    for batch in batches:
        laboratory.report(batch)
        sent += batch
        if time.monotonic() > end:
            break
    directed = rate(len(sent), began)
    director, polls = laboratory.director, 0
    began, end = time.monotonic(), time.monotonic() + SECONDS / 2
    while time.monotonic() < end:
        digest, _ = sent[polls % len(sent)]
        assert director.metadata(director.who(digest), "timestamp.json")
        polls += 1
    polled = rate(polls, began)
    laboratory.close()
    return [f"{name}, a process: {directed:.0f} targets/s, eight at once; {polled:.0f} unchanged polls/s"]
