"""An ECA that dies for real at a point it is told: run as a script by the crash test.

Arguments: database URL, PEM file of its key, folder of its certificates, point, file of requests in hex, file
of the signatures made on certificates. It prints each answer that it would have sent.
"""

import sys
from pathlib import Path
from typing import Any

from tests.support.crashing import NotingKeystore, die_at
from tests.support.scms_enrolment import LABEL, NOW, EcaLab
from v2xpki.authorities.etsi import issuing
from v2xpki.crypto import Certificate
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore, ScmsResponder
from v2xpki.store import Database, Transaction
from v2xpki.time import FixedClock

POINTS = (
    "before the record is committed",
    "before the signature",
    "after the signature",
    "before the answer is signed",
    "before the result is committed",
    "after the result",
)


class Keys(NotingKeystore):
    """Door 2 signs unnoted."""

    pair: MemoryKey

    def scms_responder(self, label: KeyLabel, certificate: Certificate) -> ScmsResponder:
        plain = MemoryKeystore("test")
        plain.add(label, self.pair)
        return plain.scms_responder(label, certificate)


def main(url: str, pem: str, folder: str, point: str, requests: str, notes: str) -> None:
    keystore = Keys(Path(notes), "")
    keystore.pair = MemoryKey.from_pem(Path(pem).read_bytes())
    keystore.add(LABEL, keystore.pair)
    own, root = (Certificate.parse(Path(folder, f"{name}.oer").read_bytes()) for name in ("eca", "root"))
    clock = FixedClock(NOW)
    now = ""

    def dying(name: str, here: str) -> None:
        before = getattr(issuing, name)

        def last(tx: Transaction, *arguments: Any) -> None:
            before(tx, *arguments)
            if now == here:
                tx._append()  # the last statements before the commit
                die_at(here, now)

        setattr(issuing, name, last)

    dying("tx_save", "before the record is committed")
    dying("tx_complete", "before the result is committed")
    eca = EcaLab.authority(keystore, own, root, Database.open(url, clock=clock), clock)
    respond = eca._response

    def answer(*arguments: Any) -> bytes:
        die_at("before the answer is signed", now)
        return respond(*arguments)

    eca._response = answer  # type: ignore[method-assign]
    lines = Path(requests).read_text().split()
    for number, line in enumerate(lines):
        now = keystore.point = point if number == len(lines) - 1 else ""
        made = eca.enrol(bytes.fromhex(line))
        die_at("after the result", now)
        sys.stdout.write(made.hex() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
