"""crl_check: what it costs a receiver to know that a certificate is on none of its CRLs.

A CRL of 10,000 vehicles, 20 certificates each; a unit is one received certificate, looked up. A new period's
expansion is counted in, shared by as few as 10,000 checks: some twenty seconds of dense traffic, of a week.
Software alone, so there is no floor of parts.
"""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from v2xpki import wire
from v2xpki.bench.runner import ROUNDS, Result
from v2xpki.crypto import Certificate, Curve, LinkedEntry, signature_record, signing_digest
from v2xpki.errors import Revoked
from v2xpki.keystore import MemoryKey
from v2xpki.secured import sign
from v2xpki.time import SystemClock
from v2xpki.trust.scms_crl import CrlSchedule, LinkedRevocation, ScmsCrl, build_linked_crl
from v2xpki.trust.scms_profiles import CRL, scms_profile
from v2xpki.trust.scms_revocation import RevocationList
from v2xpki.wire import dot2

ENTRIES, CERTIFICATES, CHECKS = 10_000, 20, 10_000
_I_REV, _LAS, _DAY = 100, (b"\0\1", b"\0\2"), 86_400


def names() -> list[str]:
    """All benchmarks of this module."""
    return ["crl_check"]


def run_all(wanted: list[str], seconds: float, directory: Path) -> list[Result]:
    """The wanted ones. Nothing is written to the folder."""
    return [_run(seconds)] if "crl_check" in wanted else []


def _run(seconds: float) -> Result:
    pki, held = _Pki(), RevocationList()
    held.advance(_I_REV)
    take = _timed(lambda: held.take(pki.crl(), pki, pki.now))
    period, expansions, looks = _I_REV, list[float](), list[float]()
    end = time.perf_counter() + seconds
    while len(expansions) < ROUNDS or time.perf_counter() < end:
        period += 1
        expansions.append(_timed(lambda at=period: held.advance(at)))  # type: ignore[misc]  # bound at once
        received = [pki.pseudonym(period, os.urandom(9)) for _ in range(CHECKS)]
        looks.append(_timed(lambda some=received: _check_each(held, some)) / CHECKS)  # type: ignore[misc]
    expansion, look = statistics.median(expansions), statistics.median(looks)
    detail = {
        "expansion": {"count": 1 / CHECKS, "us": round(expansion * 1e6, 1)},
        "look-up": {"count": 1, "us": round(look * 1e6, 2)},
        "first CRL": {"count": 0, "us": round(take * 1e6, 1)},
    }
    each = expansion / CHECKS + look
    return Result("crl_check", "1/s", 1 / each, None, None, CHECKS * len(looks), detail)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _check_each(held: RevocationList, certificates: list[Certificate]) -> None:
    for certificate in certificates:
        try:
            held.check(certificate)
        except Revoked as error:  # random values are on no CRL
            raise RuntimeError("a certificate that nobody revoked is found revoked") from error


class _Pki:
    """A root that signs its CRLs itself; and the trust in it."""

    def __init__(self) -> None:
        self.now = SystemClock().time32()
        self._key = MemoryKey.generate(Curve.NIST_P256)
        tbs = scms_profile("SCMS_ROOT").build_tbs(
            verification_key=self._key.public_key, now=self.now, name="root"
        )
        self._tbs = tbs._replace(app_permissions=(*(tbs.app_permissions or ()), dot2.PsidSsp(CRL, None)))
        raw = self._key.sign(signing_digest("sha256", wire.encode(self._tbs), b""))
        self._signature = signature_record(Curve.NIST_P256, raw)
        issuer = dot2.IssuerIdentifier("self", "sha256")
        self.root = Certificate.of(dot2.CertificateBase(3, "explicit", issuer, self._tbs, self._signature))

    def certificate(self, hashed_id8: bytes) -> Certificate | None:
        return self.root if hashed_id8 == self.root.hashed_id8 else None

    def path(self, certificate: Certificate, at: int) -> list[Certificate]:
        return [certificate]

    def crl(self) -> ScmsCrl:
        entries = [
            LinkedRevocation(
                LinkedEntry(*_LAS, os.urandom(16), os.urandom(16)), _I_REV + 50_000, CERTIFICATES
            )
            for _ in range(ENTRIES)
        ]
        schedule = CrlSchedule(self.root.hashed_id8, 1, self.now, self.now + _DAY)
        payload = wire.encode(build_linked_crl(schedule, _I_REV, 0, entries))
        header = dot2.HeaderInfo(psid=CRL)
        octets = sign(self._key, header, payload=payload, certificate=self.root, identifier="digest")
        return ScmsCrl.parse(octets)

    def pseudonym(self, i: int, value: bytes) -> Certificate:
        tbs = self._tbs._replace(
            id=dot2.CertificateId("linkageData", dot2.LinkageData(i, value)),
            craca_id=self.root.hashed_id3,
            crl_series=1,
        )
        issuer = dot2.IssuerIdentifier("sha256AndDigest", self.root.hashed_id8)
        return Certificate.of(dot2.CertificateBase(3, "explicit", issuer, tbs, self._signature))
