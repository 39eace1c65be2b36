"""One of the processes that share an RA's line: `main`, with PLAN as its argument.

PLAN is a file that `Plan.write` wrote. Says "ready" on stdout when it works, and works until its stdin ends.
An error of a job, which the queue would try again, ends it: a benchmark is not to time pauses.
"""

import json
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from v2xpki.bench.scms_line_process import COMPONENTS, LineCertificates, LineProcess
from v2xpki.bench.scms_tokens import open_tokens
from v2xpki.config import ScmsPolicy, Seconds
from v2xpki.crypto import Certificate
from v2xpki.jobs.procrastinated import ProcrastinatePool
from v2xpki.time import SystemClock

#: Seconds between two looks for what is due; in service 1, too long beside rounds that last a second.
TICK = 0.1
_SETTINGS = ("epoch", "certificates", "preload", "batches", "mix_vehicles", "mix_wait")


class Plan(NamedTuple):
    """What such a process opens. urls: of each component's database. tokens: the folder of scms_tokens."""

    tokens: Path
    urls: dict[str, str]
    certificates: LineCertificates
    policy: ScmsPolicy

    def write(self, path: Path) -> None:
        """As a file; of the policy what a benchmark sets."""
        document = {
            "tokens": str(self.tokens),
            "urls": self.urls,
            "certificates": [certificate.octets.hex() for certificate in self.certificates if certificate],
            "policy": {name: int(getattr(self.policy, name)) for name in _SETTINGS},
        }
        path.write_text(json.dumps(document), "utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        document = json.loads(path.read_text("utf-8"))
        settings: dict[str, Any] = {name: Seconds(value) for name, value in document["policy"].items()}
        certificates = [Certificate.parse(bytes.fromhex(text)) for text in document["certificates"]]
        return cls(
            Path(document["tokens"]),
            document["urls"],
            LineCertificates(*certificates),
            replace(ScmsPolicy(), **settings),
        )


def work(plan: Plan) -> None:
    """Until stdin ends."""
    with open_tokens(plan.tokens, COMPONENTS) as keystores:
        process = LineProcess(keystores, SystemClock(), plan.urls.__getitem__, plan.policy, plan.certificates)
        process.open()
        pool = ProcrastinatePool(process.line, plan.urls["ra"], name="ra", tick=TICK, failed=_fail)
        with pool:
            print("ready", flush=True)
            sys.stdin.read()
        process.close()


def _fail(_job: object, error: Exception) -> None:
    traceback.print_exception(error)
    sys.stderr.flush()
    os._exit(1)


def main() -> None:
    """Of `python -c`."""
    work(Plan.read(Path(sys.argv[1])))
