"""How long big lists take: python -m tests.load.lists

A CTL of 1,000 CA certificates and a CRL of 10,000: built, signed in memory, recorded with its delta and
verified, as a ceremony does it; published; then served by `v2xpki serve`, router and distribution centre,
over one kept connection.
The figures are in docs/performance.md.
"""

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.unit.trust.pki import Pki
from v2xpki.authorities.domain import OpenDomain
from v2xpki.authorities.etsi.distribution import import_publications, published_list
from v2xpki.authorities.etsi.root import RootAuthority
from v2xpki.config import Instance
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore import KeyLabel, MemoryKeystore
from v2xpki.store import Database, upgrade
from v2xpki.time import SystemClock
from v2xpki.trust import Profiles
from v2xpki.trust.lists import AaEntry, DcEntry
from v2xpki.trust.runs import RunSchedule
from v2xpki.wire import dot2

AUTHORITIES, REVOKED, REQUESTS = 1_000, 10_000, 300
LABEL = KeyLabel("root", "sign", 1)


def certificates(root: Certificate, count: int) -> list[Certificate]:
    """Certificates of this root's: only their octets matter here, so one signature does for all."""
    pki = Pki(now=SystemClock().time32())
    model = pki.make("AA", pki.root, name="AA").certificate.record
    issuer = dot2.IssuerIdentifier(kind="sha384AndDigest", value=root.hashed_id8)
    made = []
    for number in range(count):
        tbs = model.to_be_signed._replace(id=dot2.CertificateId(kind="name", value=f"AA {number:05}"))
        made.append(Certificate.parse(Certificate.of(model._replace(issuer=issuer, to_be_signed=tbs)).octets))
    return made


def told(what: str, started: float) -> None:
    sys.stdout.write(f"{what:66} {(time.perf_counter() - started) * 1000:9.1f} ms\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "v2xpki.toml").write_text("lab = true\n")
        instance = Instance.load(folder)
        for part in ("root", "dc", "run", "log"):
            (folder / part).mkdir(mode=0o700)
        clock = SystemClock()
        keystore = MemoryKeystore("bench")
        keystore.generate(LABEL, Curve.BRAINPOOL_P384R1)
        database = Database.open(instance.domain("root").database_url)
        upgrade(database, "root")
        domain = OpenDomain(instance.domain("root"), keystore, database, Profiles.load(), clock)
        root = RootAuthority(domain, LABEL, None)
        own = root.certify_self("Root", None)
        authorities = certificates(own, AUTHORITIES)
        centre = DcEntry("http://127.0.0.1/dc", (own.hashed_id8,))
        entries = [centre, *(AaEntry(c, f"https://aa-{n}.example/aa") for n, c in enumerate(authorities))]
        schedule = RunSchedule(clock.time32(), 86400)
        root.sign_ctls(schedule, [centre])
        started = time.perf_counter()
        ctls = root.sign_ctls(schedule, entries)
        told(f"CTL, {AUTHORITIES} CAs, full and delta: build, record, sign, verify", started)
        revoked = certificates(own, REVOKED)
        started = time.perf_counter()
        crls = root.sign_crls(schedule, revoked)
        told(f"CRL, {REVOKED} entries, all new: build, record, sign, verify", started)
        started = time.perf_counter()
        crls += root.sign_crls(RunSchedule(clock.time32() + 1, 86400), [])
        told(f"CRL, {REVOKED} entries again", started)
        dc = Database.open(instance.domain("dc").database_url)
        upgrade(dc, "dc")
        lists = [published_list(kept.octets) for kept in (*ctls, *crls)]
        started = time.perf_counter()
        import_publications(dc, clock, [entry._replace(this_update=clock.time32()) for entry in lists[:2]])
        import_publications(dc, clock, [entry._replace(this_update=clock.time32()) for entry in lists[2:]])
        told("recorded and published at the distribution centre", started)
        dc.close()
        database.close()
        serve(instance, own)


def serve(instance: Instance, root: Certificate) -> None:
    """`v2xpki serve` with the distribution centre alone, asked through its router as stations do."""
    state = instance.run_dir / "serve.json"
    command = [sys.executable, "-m", "v2xpki", "serve", str(instance.directory), "--roles", "dc"]
    with (instance.log_dir / "serve.log").open("wb") as log:
        process = subprocess.Popen([*command, "--http", "127.0.0.1:0"], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while not state.exists():
            if time.monotonic() > end or process.poll() is not None:
                raise SystemExit((instance.log_dir / "serve.log").read_text())
            time.sleep(0.05)
        address = json.loads(state.read_text())["listeners"]["http"]
        link = http.client.HTTPConnection(address.partition("://")[2], timeout=30)
        for path in (f"/dc/getctl/{root.hex8}", f"/dc/getctl/{root.hex8}/1", f"/dc/getcrl/{root.hex8}"):
            size, etag, taken = ask(link, path, {})
            tell(f"GET {path.replace(root.hex8, '<HEX8>')}, {size} octets", taken)
            _, _, taken = ask(link, path, {"If-None-Match": etag})
            tell("    not modified", taken)
        link.close()
    finally:
        process.terminate()
        process.wait(20)


def tell(what: str, taken: list[float]) -> None:
    taken.sort()
    sys.stdout.write(f"{what:66} {statistics.median(taken):9.2f} ms median, {taken[-4]:.2f} ms 99 %\n")


def ask(link: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> tuple[int, str, list[float]]:
    taken = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        link.request("GET", path, headers=headers)
        answer = link.getresponse()
        octets = answer.read()
        taken.append((time.perf_counter() - started) * 1000)
        if answer.status not in (200, 304):
            raise SystemExit(f"{path}: {answer.status}")
    return len(octets), answer.headers["ETag"], taken


if __name__ == "__main__":
    main()
