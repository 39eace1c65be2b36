"""Runs benchmarks: rounds of work, with rounds of the floor's parts between them."""

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from v2xpki.bench.parts import Parts

ROUNDS = 5
#: A round's inputs are made beforehand, each different; more than this would take longer than the work.
MAX_INPUTS = 4000

#: Makes the inputs of a round (not timed); count -> inputs, all different.
Inputs = Callable[[int], list[Any]]


@dataclass(frozen=True)
class Benchmark:
    """One unit of work and its floor: the parts that it cannot do without, and how many of each."""

    name: str
    inputs: Inputs
    work: Callable[[Any], object]
    floor: Mapping[str, int] = field(default_factory=dict)
    size: int = 1  # units of work in each input, where they go by chunks


@dataclass(frozen=True)
class Result:
    """As `bench --json` has it. value: units of work a second, None where it was not run, and `skipped` says
    why; floor: microseconds of the parts."""

    name: str
    unit: str
    value: float | None
    floor: float | None
    efficiency: float | None
    n: int
    detail: Mapping[str, Mapping[str, float]]
    skipped: str | None = None

    @classmethod
    def not_run(cls, name: str, unit: str, why: str) -> Self:
        """Of a benchmark that needs what this machine has not."""
        return cls(name, unit, None, None, None, 0, {}, f"skipped: {why}")

    def document(self) -> dict[str, Any]:
        document = {
            "name": self.name,
            "unit": self.unit,
            "value": None if self.value is None else round(self.value, 1),
            "floor": None if self.floor is None else round(self.floor, 1),
            "efficiency": None if self.efficiency is None else round(self.efficiency, 3),
            "n": self.n,
            "detail": self.detail,
        }
        return document if self.skipped is None else document | {"skipped": self.skipped}


def detail_of(floor: Mapping[str, int], parts: Parts) -> dict[str, dict[str, float]]:
    """What each part costs here, and how often the floor counts it."""
    return {name: {"count": count, "us": round(parts.microseconds(name), 1)} for name, count in floor.items()}


def floor_of(detail: Mapping[str, Mapping[str, float]]) -> float:
    """Sum of count * us."""
    return sum(part["count"] * part["us"] for part in detail.values())


def run(benchmark: Benchmark, parts: Parts, seconds: float) -> Result:
    """Five rounds of work in about `seconds`, the floor's parts timed before each and after the last."""
    gc.freeze()  # as a worker does (web/worker.py)
    names: Iterable[str] = tuple(benchmark.floor)
    size = benchmark.size
    half = max(1, 10 // size)
    trial = benchmark.inputs(2 * half)
    for warm in trial[:half]:
        benchmark.work(warm)
    start = time.perf_counter()
    for unit in trial[half:]:
        benchmark.work(unit)
    each = (time.perf_counter() - start) / half
    count = min(max(1, MAX_INPUTS // size), max(half, int(seconds / ROUNDS / each)))
    times = []
    for _ in range(ROUNDS):
        inputs = benchmark.inputs(count)
        parts.measure(names)
        start = time.perf_counter()
        for unit in inputs:
            benchmark.work(unit)
        times.append((time.perf_counter() - start) / (count * size))
    parts.measure(names)
    taken = statistics.median(times)
    detail = detail_of(benchmark.floor, parts)
    floor = floor_of(detail) if detail else None
    efficiency = None if floor is None else floor / (taken * 1e6)
    return Result(benchmark.name, "1/s", 1 / taken, floor, efficiency, count * size * ROUNDS, detail)
