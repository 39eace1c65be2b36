"""aca_issue and its kin: an ACA's certificates in chunks, requests made beforehand, one process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from v2xpki.bench.parts import Parts, group_part, sign_part, software_parts
from v2xpki.bench.runner import Benchmark, Result, run
from v2xpki.bench.scms_laboratory import ScmsLaboratory
from v2xpki.crypto import Curve
from v2xpki.keystore import KeyLabel, Keystore, MemoryKeystore, TokenConfig, create_token, open_token
from v2xpki.time import SystemClock

#: Requests that an RA sends at once.
CHUNK = 200
_REST = {"verify": 2, "keygen": 1, "ecdh": 1, "mulg": 1}
_FLOORS = {
    "aca_issue": {"sign": 3} | _REST,
    "aca_issue_memory": {"softsign": 3} | _REST,
    "aca_issue_cubk": {"sign": 2} | _REST,
}


def names() -> list[str]:
    """All benchmarks of this module."""
    return list(_FLOORS)


def run_all(wanted: list[str], seconds: float, directory: Path) -> list[Result]:
    """The wanted ones, in the order of `names`; the ACA's database and token lie in the folder."""
    results = []
    for name in names():
        if name in wanted:
            place = directory / name
            place.mkdir(mode=0o700, parents=True)
            with _keystore(place, memory=name.endswith("_memory")) as keystore:
                results.append(_run(name, seconds, place, keystore))
    return results


def _run(name: str, seconds: float, directory: Path, keystore: Keystore) -> Result:
    laboratory = ScmsLaboratory(directory, keystore, SystemClock())
    try:
        operations = software_parts(Curve.NIST_P256) | group_part()
        operations |= sign_part(keystore, KeyLabel("aca", "sign"))
        work = _certify(laboratory)
        inputs = _inputs(laboratory, cubk=name.endswith("_cubk"))
        benchmark = Benchmark(name, inputs, work, _FLOORS[name], CHUNK)
        return run(benchmark, Parts(operations), seconds)
    finally:
        laboratory.close()


def _inputs(laboratory: ScmsLaboratory, *, cubk: bool) -> Callable[[int], list[Any]]:
    return lambda count: [laboratory.requests(CHUNK, cubk=cubk) for _ in range(count)]


def _certify(laboratory: ScmsLaboratory) -> Callable[[list[bytes]], object]:
    def work(requests: list[bytes]) -> object:
        answers = laboratory.aca.certify(requests)
        if not all(isinstance(answer, bytes) for answer in answers):
            # a refusal would be timed as work
            raise RuntimeError(f"refused: {next(one for one in answers if not isinstance(one, bytes))}")
        return answers

    return work


@contextmanager
def _keystore(directory: Path, *, memory: bool) -> Iterator[Keystore]:
    if memory:
        yield MemoryKeystore("bench")
        return
    config = TokenConfig(
        "softhsm2",
        "aca",
        pin_file=directory / "pin",
        softhsm2_conf=directory / "softhsm2.conf",
        token_dir=directory / "tokens",
    )
    create_token(config)
    with open_token(config) as keystore:
        yield keystore
