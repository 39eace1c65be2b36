"""ec_issue, at_issue and the certificate codec: one process, requests made beforehand."""

from pathlib import Path
from typing import Any

from v2xpki import wire
from v2xpki.bench import http
from v2xpki.bench.laboratory import TICKETS_A_STATION, Enrolled, Laboratory
from v2xpki.bench.mint import Mint
from v2xpki.bench.parts import Parts, commit_part, part_name, software_parts, token_parts
from v2xpki.bench.runner import Benchmark, Result, run
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore.memory import MemoryKey
from v2xpki.trust.chain import verify_ticket
from v2xpki.wire import dot2

CURVES = (Curve.NIST_P256, Curve.BRAINPOOL_P256R1)


def names() -> list[str]:
    """All benchmarks of this module; the second curve's carry its name."""
    return [
        part_name(name, curve)
        for name in ("ec_issue", "at_issue", "at_http", "cert_verify", "cert_decode", "cert_encode")
        for curve in CURVES
    ]


def run_all(wanted: list[str], seconds: float, directory: Path) -> list[Result]:
    """The wanted ones, in the order of `names`, on a fresh instance in the folder."""
    laboratory = Laboratory(directory / "instance")
    with laboratory.authorities() as (ea, aa, keystore):
        operations = token_parts(keystore, "ea", 1) | commit_part(directory)
        for curve in CURVES:
            operations |= software_parts(curve)
        results = []
        for curve in CURVES:
            bench = _Bench(laboratory, ea, aa, curve)
            for benchmark in bench.all():
                if benchmark.name in wanted:
                    results.append(run(benchmark, Parts(operations), seconds))
            if part_name("at_http", curve) in wanted:
                results.append(bench.over_http(Parts(operations), seconds))
        return sorted(results, key=lambda result: names().index(result.name))


class _Bench:
    """The benchmarks of one curve of the stations' keys; the authorities are on P-256."""

    def __init__(self, laboratory: Laboratory, ea: Any, aa: Any, curve: Curve) -> None:
        self._laboratory, self._ea, self._aa, self._curve = laboratory, ea, aa, curve
        # A station's own signatures are on its curve; the authorities' are on P-256.
        self._check = part_name("verify", curve)
        self._at_floor = {"agree": 3, "sign": 4, "verify": 3, "keygen": 1, "ecdh": 1, "commit": 2}
        self._at_floor |= {self._check: self._at_floor.get(self._check, 0) + 2}
        self._stations: list[Enrolled] = []
        self._asked = 0
        self._mint = Mint(laboratory.aa_certificate, curve, laboratory.clock)

    def all(self) -> list[Benchmark]:
        curve = self._curve
        ec_floor = {"agree": 1, "sign": 2, "verify": 2, "commit": 1}
        ec_floor |= {self._check: ec_floor.get(self._check, 0) + 1}
        return [
            Benchmark(part_name("ec_issue", curve), self._enrolments, self._ea.enrol, ec_floor),
            Benchmark(part_name("at_issue", curve), self._authorizations, self._aa.authorize, self._at_floor),
            Benchmark(part_name("cert_verify", curve), self._mint.tickets, self._verify, {self._check: 1}),
            Benchmark(part_name("cert_decode", curve), self._mint.tickets, _decode),
            Benchmark(part_name("cert_encode", curve), self._mint.records, wire.encode),
        ]

    def over_http(self, parts: Parts, seconds: float) -> Result:
        """at_http: stations enrolled here, their tickets asked for over HTTP."""
        # No machine that this runs on gives 2,000 tickets a second.
        stations = self._laboratory.enrol(self._ea, int(seconds * 2000 / TICKETS_A_STATION) + 1, self._curve)
        name = part_name("at_http", self._curve)
        return http.run(name, self._laboratory, stations, self._curve, self._at_floor, parts, seconds)

    def _enrolments(self, count: int) -> list[bytes]:
        return [
            self._laboratory.enrolment(station, MemoryKey.generate(self._curve)).octets
            for station in self._laboratory.register(count)
        ]

    def _authorizations(self, count: int) -> list[bytes]:
        sent = []
        for _ in range(count):
            if self._asked % TICKETS_A_STATION == 0:
                self._stations = self._laboratory.enrol(self._ea, 1, self._curve)
            self._asked += 1
            sent.append(self._laboratory.authorization(self._stations[-1], self._curve).octets)
        return sent

    def _verify(self, octets: bytes) -> Certificate:
        return verify_ticket(octets, self._mint.issuer, self._laboratory.clock.time32())


def _decode(octets: bytes) -> dot2.CertificateBase:
    return wire.decode(dot2.CertificateBase, octets)
