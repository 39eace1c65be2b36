"""What every demo does, whatever its profile: services, verdicts, and what the records say in the end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from v2xpki.authorities.etsi import status
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.demo.artifacts import Artifacts
from v2xpki.demo.report import Authority, Report
from v2xpki.demo.serving import Ports, Server
from v2xpki.demo.steps import Steps
from v2xpki.errors import V2xPkiError
from v2xpki.store import Database
from v2xpki.store.auditing import examine
from v2xpki.time import Clock

OPERATOR = "v2xpki demo"


class Verdict(NamedTuple):
    """Of a receiver: the rule and the reason of its refusal, or None twice."""

    rule: str | None = None
    reason: str | None = None


def judged(receive: Callable[[], object]) -> Verdict:
    """What came of receiving a message."""
    try:
        receive()
    except V2xPkiError as error:
        return Verdict(getattr(error, "rule", "") or type(error).__name__, str(error))
    return Verdict()


class DemoBasis:
    """A demo with its folder, steps and report. issued: kinds of what authorities sign, in its order."""

    report: Report
    issued: tuple[str, ...] = ()

    def __init__(self, directory: Path, steps: Steps, clock: Clock) -> None:
        self.directory, self.steps, self.clock = directory.absolute(), steps, clock
        self.artifacts = Artifacts(self.directory / "artifacts")

    @contextmanager
    def served(self, instance: Instance, ports: Ports, services: str) -> Iterator[None]:
        """`serve`, for as long as the `with` lasts. services: which they are, for people."""
        with self.steps.step("Services") as note:
            server = Server(instance)
            try:
                server.await_ready()
            except BaseException:
                server.stop()
                raise
            ports.close()
            note(f"{services} at {instance.base_url}")
        try:
            yield
        except BaseException:
            server.stop()
            raise
        with self.steps.step("Shutdown") as note:
            code = server.stop()
            note("all services ended in order" if code == 0 else f"exit code {code}")
        if code:
            self.report.faults.append(f"serve ended with exit code {code}: {server.said()}")

    def examine(self, instance: Instance) -> None:
        """What the tokens and the databases say of it all."""
        found = status.collect(instance, self.clock)
        self.report.faults += found.problems
        counts = found.document["counts"]
        self.report.authorities = [
            Authority(
                entry["role"],
                Certificate.parse(instance.domain(entry["role"]).certificate_path.read_bytes()),
                entry["token"],
                tuple(key["label"] for key in entry["keys"]),
                self.issued_by(entry["role"], instance, counts.get(entry["role"], {}).get("records", {})),
            )
            for entry in found.document["authorities"]
        ]
        for name in instance.domain_names:
            with Database.open(instance.domain(name).database_url, must_exist=True) as database:
                audit = examine(database, [])
            self.report.audit_entries += audit.entries
            self.report.faults += [f"audit of {name}: {finding.message}" for finding in audit.findings]

    def expect(self, role: str, kind: str, wanted: int) -> None:
        """A fault unless an authority has issued as many of a kind as the stations hold."""
        issued = {authority.role: authority.issued for authority in self.report.authorities}
        found = issued.get(role, {}).get(kind, 0)
        if found != wanted:
            self.report.faults.append(f"{role} issued {found} {kind}s, the stations hold {wanted}")

    def issued_by(
        self, _role: str, _instance: Instance, records: Mapping[str, Mapping[str, int]]
    ) -> dict[str, int]:
        """How many of each kind were signed, from how many records there are of each kind and state."""
        return {kind: sum(records[kind].values()) for kind in self.issued if kind in records}
