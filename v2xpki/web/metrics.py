"""Prometheus metrics of the role workers and the router, collected by the admin process.

Each process writes memory-mapped files into DIR/run/metrics/<role> (prometheus_client's multiprocess
mode: PROMETHEUS_MULTIPROC_DIR is set before the first import); the admin process adds them up when it
is asked. Counters carry a role and a flow, never who asked. docs/operators-guide.md lists the names.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import Counter, Histogram, generate_latest
from prometheus_client.core import CollectorRegistry, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from v2xpki.web import logs

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

requests = Counter("v2xpki_requests", "Requests answered, by HTTP status", ["role", "flow", "status"])
seconds = Histogram(
    "v2xpki_request_seconds",
    "Time in the worker, from the whole request read to the answer made",
    ["role", "flow"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0),
)
answers = Counter("v2xpki_answers", "Answers in the protocol, by outcome", ["role", "flow", "outcome"])
refused = Counter(
    "v2xpki_refused",
    "Requests that an SCMS component refused, by what went wrong; coarse errors tell devices 500 instead",
    ["role", "status"],
)
unexpected_errors = Counter("v2xpki_unexpected_errors", "Errors that nobody foresaw: each is a bug", ["role"])
unavailable = Counter("v2xpki_unavailable", "Answers 503, by what was away", ["role", "cause"])
router_refused = Counter("v2xpki_router_refused", "Requests that the router answered itself", ["reason"])

trust_refreshes = Counter(
    "v2xpki_trust_refreshes",
    "Lists asked for by a role that goes by them, by outcome",
    ["role", "list", "outcome"],
)

foreign_distrusted = Counter(
    "v2xpki_foreign_distrusted", "Requests refused for what an authority of another PKI said", ["role"]
)


class Meter:
    """Counts the answers of one role; each combination is looked up once: two memory-mapped additions."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._requests: dict[tuple[str, int], Counter] = {}
        self._seconds: dict[str, Histogram] = {}

    def count(self, flow: str, status: int, elapsed: float | None) -> None:
        """One answer; `elapsed` in seconds."""
        counter = self._requests.get((flow, status))
        if counter is None:
            counter = self._requests[flow, status] = requests.labels(self._role, flow, str(status))
        counter.inc()
        if elapsed is None:
            return
        histogram = self._seconds.get(flow)
        if histogram is None:
            histogram = self._seconds[flow] = seconds.labels(self._role, flow)
        histogram.observe(elapsed)


class Answers:
    """Counts outcomes in the protocol ("ok", "again" or a response code); an authority's Observer."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._counters: dict[tuple[str, str], Counter] = {}

    def answered(self, flow: str, outcome: str, _why: str) -> None:
        """One answer. The reason for people is not kept: it belongs to one request."""
        counter = self._counters.get((flow, outcome))
        if counter is None:
            counter = self._counters[flow, outcome] = answers.labels(self._role, flow, outcome)
        counter.inc()

    def distrusted(self, authority: str, why: str) -> None:
        """Counted, and told in the log: it is about an authority, not about a station."""
        foreign_distrusted.labels(self._role).inc()
        logs.logger().warning("an authority of another PKI was not followed", authority=authority, why=why)


class RoleFiles(Collector):
    """Everything that the processes under DIR/run/metrics have counted."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        # one that a process is just making is empty for a moment
        files = [str(path) for path in sorted(self._directory.glob("*/*.db")) if path.stat().st_size]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
        return merged


class Gauges(Collector):
    """Values known at the time of asking: (name, help, labels, value)."""

    def __init__(self, values: Iterable[tuple[str, str, dict[str, str], float]]) -> None:
        self._values = tuple(values)

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for name, text, labels, value in self._values:
            if name not in families:
                families[name] = GaugeMetricFamily(name, text, labels=list(labels))
            families[name].add_metric(list(labels.values()), value)
        yield from families.values()


def render(directory: Path, gauges: Iterable[tuple[str, str, dict[str, str], float]]) -> bytes:
    """The text format of all counters under `directory` and of `gauges`."""
    registry = CollectorRegistry()
    registry.register(RoleFiles(directory))
    registry.register(Gauges(gauges))
    return generate_latest(registry)
