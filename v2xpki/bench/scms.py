"""Benchmarks of an SCMS, one process each. (The line on PostgreSQL: scms_pg.)

aca_issue and its kin   an ACA's certificates in chunks, requests made beforehand
scms_batch              the whole production line, all authorities: from requests to ZIPs
scms_enrol              an ECA's enrolment certificates
butterfly_expand        the RA's cocoon keys
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from v2xpki.authorities.scms.ra_expanding import Expansion
from v2xpki.bench.parts import Parts, commit_part, group_part, sign_part, software_parts
from v2xpki.bench.runner import Benchmark, Result, run
from v2xpki.bench.scms_enrolment import EnrolmentLaboratory
from v2xpki.bench.scms_laboratory import ScmsLaboratory
from v2xpki.bench.scms_line_laboratory import LineLaboratory
from v2xpki.bench.scms_line_process import COMPONENTS
from v2xpki.bench.scms_tokens import made_tokens
from v2xpki.bench.scms_vehicles import VehicleDoor
from v2xpki.config import ScmsPolicy, Seconds
from v2xpki.crypto import Curve
from v2xpki.keystore import KeyLabel, Keystore, MemoryKeystore
from v2xpki.time import SystemClock

#: Requests that an RA sends at once.
CHUNK = 200
#: Vehicles of one chunk of the line: each has what is within the horizon, four periods of twenty.
VEHICLES, PERIODS, CERTIFICATES = 12, 4, 20
_REST = {"verify": 2, "keygen": 1, "ecdh": 1, "mulg": 1}
#: A certificate of the line: as aca_issue, and the RA's signed request and cocoon.
LINE_FLOOR = {"sign": 4, "verify": 3, "keygen": 1, "ecdh": 1, "mulg": 2}
_FLOORS = {
    "aca_issue": {"sign": 3} | _REST,
    "aca_issue_memory": {"softsign": 3} | _REST,
    "aca_issue_cubk": {"sign": 2} | _REST,
    "scms_batch": LINE_FLOOR,
    # the request's signature and the new certificate's are verified; certificate and answer signed
    "scms_enrol": {"sign": 2, "verify": 2, "commit": 1},
    "butterfly_expand": {"mulg": 1},
}


def names() -> list[str]:
    """All benchmarks of this module."""
    return list(_FLOORS)


def run_all(wanted: list[str], seconds: float, directory: Path) -> list[Result]:
    """The wanted ones, in the order of `names`; databases and tokens lie in the folder."""
    results = []
    for name in names():
        if name in wanted:
            place = directory / name
            place.mkdir(mode=0o700, parents=True)
            results.append(_RUNS.get(name, _run_aca)(name, seconds, place))
    return results


def _run_aca(name: str, seconds: float, directory: Path) -> Result:
    with made_tokens(directory, ["aca"]) as keystores:
        keystore = MemoryKeystore("bench") if name.endswith("_memory") else keystores["aca"]
        laboratory = ScmsLaboratory(directory, keystore, SystemClock())
        try:
            benchmark = Benchmark(
                name,
                _requests(laboratory, cubk=name.endswith("_cubk")),
                _certify(laboratory),
                _FLOORS[name],
                CHUNK,
            )
            return run(benchmark, Parts(line_parts(keystore)), seconds)
        finally:
            laboratory.close()


def _run_enrolment(name: str, seconds: float, directory: Path) -> Result:
    with made_tokens(directory, ["eca"]) as keystores:
        laboratory = EnrolmentLaboratory(directory, keystores["eca"], SystemClock())
        operations = software_parts(Curve.NIST_P256) | commit_part(directory)
        operations |= sign_part(keystores["eca"], KeyLabel("eca", "sign"))
        try:
            benchmark = Benchmark(name, laboratory.requests, laboratory.eca.enrol, _FLOORS[name])
            return run(benchmark, Parts(operations), seconds)
        finally:
            laboratory.close()


def _run_batch(name: str, seconds: float, directory: Path) -> Result:
    with made_tokens(directory, COMPONENTS) as keystores:
        policy = ScmsPolicy(certificates=CERTIFICATES)
        policy = replace(policy, batches=VEHICLES * PERIODS, preload=Seconds((PERIODS - 1) * policy.period))
        laboratory = LineLaboratory(directory, keystores, SystemClock(), policy=policy)
        door = VehicleDoor(laboratory)
        try:
            benchmark = Benchmark(
                name,
                lambda count: [[door.request()[0] for _ in range(VEHICLES)] for _ in range(count)],
                _produce(laboratory, door),
                _FLOORS[name],
                VEHICLES * PERIODS * CERTIFICATES,
            )
            return run(benchmark, Parts(line_parts(keystores["aca"])), seconds)
        finally:
            door.close()
            laboratory.close()


def _run_expansion(name: str, seconds: float, directory: Path) -> Result:
    keystores = {component: MemoryKeystore("bench") for component in COMPONENTS}
    laboratory = LineLaboratory(directory, keystores, SystemClock())
    try:
        benchmark = Benchmark(name, _grants(laboratory), _expand, _FLOORS[name], VEHICLES * CERTIFICATES)
        return run(benchmark, Parts(group_part()), seconds)
    finally:
        laboratory.close()


_RUNS: dict[str, Callable[[str, float, Path], Result]] = {
    "scms_batch": _run_batch,
    "scms_enrol": _run_enrolment,
    "butterfly_expand": _run_expansion,
}


def line_parts(keystore: Keystore) -> dict[str, Callable[[], object]]:
    """The parts of an ACA's floor; sign by its token's key."""
    operations = software_parts(Curve.NIST_P256) | group_part()
    return operations | sign_part(keystore, KeyLabel("aca", "sign"))


def _requests(laboratory: ScmsLaboratory, *, cubk: bool) -> Callable[[int], list[Any]]:
    return lambda count: [laboratory.requests(CHUNK, cubk=cubk) for _ in range(count)]


def _certify(laboratory: ScmsLaboratory) -> Callable[[list[bytes]], object]:
    def work(requests: list[bytes]) -> object:
        answers = laboratory.aca.certify(requests)
        if not all(isinstance(answer, bytes) for answer in answers):
            # a refusal would be timed as work
            raise RuntimeError(f"refused: {next(one for one in answers if not isinstance(one, bytes))}")
        return answers

    return work


def _produce(laboratory: LineLaboratory, door: VehicleDoor) -> Callable[[list[bytes]], object]:
    def work(requests: list[bytes]) -> object:
        for octets in requests:
            door.ra.request(octets)
        done = laboratory.work()
        if done != 1:
            raise RuntimeError(f"{done} chunks where one belongs")
        return done

    return work


def _grants(laboratory: LineLaboratory) -> Callable[[int], list[Any]]:
    def inputs(count: int) -> list[Any]:
        made = []
        for _ in range(count):
            rows = [laboratory.request()[1] for _ in range(VEHICLES)]
            made.append([Expansion.of(row["kind"], row["wish"], row["params"]) for row in rows])
        return made

    return inputs


def _expand(grants: list[Expansion]) -> object:
    return [grant.keys(9, CERTIFICATES) for grant in grants]
