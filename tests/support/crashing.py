"""A process that issues certificates and dies for real at a point it is told: run as a script by the crash
tests. Arguments: database URL, PEM file of the CA's key, file of its certificate, point, file of the
signatures made. It prints each certificate that it would have handed out."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.support.issuing import CA, NOW, certificate_tbs, no_lint
from v2xpki.crypto import Certificate, Curve
from v2xpki.issuance import Issuer, tx_complete, tx_save
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore
from v2xpki.store import Database
from v2xpki.time import FixedClock

POINTS = (
    "before the record is committed",
    "after the record",
    "before the signature",
    "after the signature",
    "after it is verified",
    "before the result is committed",
    "after the result",
)


class NotingKeystore(MemoryKeystore):
    """Notes each signature in a file as it is made, and may die beside it."""

    def __init__(self, notes: Path, point: str) -> None:
        super().__init__("test")
        self.notes, self.point = notes, point

    def issuing_key(self, label: KeyLabel) -> Any:
        key = super().issuing_key(label)
        sign = key.sign

        def noted(digest: bytes) -> bytes:
            die_at("before the signature", self.point)
            raw = sign(digest)
            with self.notes.open("a") as file:
                file.write(digest.hex() + "\n")
            die_at("after the signature", self.point)
            return raw

        key.sign = noted
        return key


def die_at(here: str, point: str) -> None:
    if here == point:
        os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, pem: str, certificate_file: str, point: str, notes: str) -> None:
    database = Database.open(url, clock=FixedClock(NOW))
    keystore = NotingKeystore(Path(notes), "")
    keystore.add(CA, MemoryKey.from_pem(Path(pem).read_bytes()))
    certificate = Certificate.parse(Path(certificate_file).read_bytes())
    issuer = Issuer.open(keystore, CA, certificate, database, FixedClock(NOW), linter=no_lint)
    number = 0
    while True:
        # Two go well, so that what is left open lies among what is not.
        now = point if number == 2 else ""
        keystore.point = now
        prepared = issuer.prepare(certificate_tbs(MemoryKey.generate(Curve.NIST_P256)), "EC")
        with database.write(durable=True) as tx:
            tx_save(tx, prepared.record)
            if now == "before the record is committed":
                tx._append()  # the last statements before the commit
                die_at(now, now)
        die_at("after the record", now)
        made = issuer.issue(prepared.token)
        die_at("after it is verified", now)
        with database.write(durable=False) as tx:
            tx_complete(tx, prepared.record, made)
            if now == "before the result is committed":
                tx._append()
                die_at(now, now)
        die_at("after the result", now)
        sys.stdout.write(made.octets.hex() + "\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
