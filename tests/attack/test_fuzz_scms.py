"""Mutated requests to a served SCMS: whatever comes, no fault, no leak, and good requests still succeed.

What is sent, and how it is made wrong, is in tests/support/scms_forge.py.

    pytest tests/attack/test_fuzz_scms.py                   some hundreds
    pytest tests/attack/test_fuzz_scms.py -m soak           10,000, with figures
    V2XPKI_FUZZ_SEED=7 V2XPKI_FUZZ_BODIES=50000 ...         another seed, another number
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.support.lab import Lab, Reply, rss, wait_until
from tests.support.mutating import Mutator
from tests.support.scms_forge import LAYERS, OCTETS, Forge, Made
from v2xpki import wire
from v2xpki.crypto import Certificate, PrivateCaterpillar
from v2xpki.secured import SignedMessage
from v2xpki.station.scms.answers import acknowledged
from v2xpki.station.scms.requests import (
    CertificateWish,
    authorization,
    certificate_request,
    download_request,
)
from v2xpki.trust.scms_enrolment import verify_enrolment
from v2xpki.wire import dot2, scms

SEED = int(os.environ.get("V2XPKI_FUZZ_SEED", "20261125"))
ATTACKED = ("eca", "ra", "sdc")
BEHIND = ("aca", "la1", "la2")
#: KiB that a worker may gain in 10,000 requests. What is cached has an end (canonical keys, pages of SQLite,
#: chains' seeds); nothing else may grow.
GROWTH = 12 * 1024
WISH = CertificateWish(
    "pseudonym", (dot2.PsidSsp(32, None),), dot2.ValidityPeriod(0, dot2.Duration("hours", 0))
)


@dataclass
class Tally:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    inside: int = 0
    requests: int = 0

    def take(self, forge: Forge, made: Made, reply: Reply) -> None:
        self.requests += 1
        self.inside += made.inside
        self.statuses[reply.status] += 1
        told = "" if reply.status < 400 else reply.body.decode().strip()
        self.answers[f"{made.flow} {reply.status} {told}".strip()] += 1
        what = f"{made.flow}, {made.wrong}: {reply.status} {reply.body[:200]!r}; {made}"
        assert reply.status in (200, 202, 206, 304) or 400 <= reply.status < 500, what
        if reply.status >= 400:
            assert len(reply.body) < 200, what  # a reason, nothing from the inside
        elif reply.status == 202:
            assert made.flow in ("certificates", "successor"), what
            now = forge.lab.clock.time32()
            acknowledged(reply.body, made.hash or b"", now, forge.ra, now) if made.inside else None
        elif made.flow == "enrolment":
            check_enrolled(forge, reply.body)


def check_enrolled(forge: Forge, octets: bytes) -> None:
    """Whatever was asked for: what was given is an enrolment certificate by all rules."""
    message = SignedMessage.parse(octets)
    (eca,) = message.signer_certificates
    message.verify(eca.verification_key, eca)
    response = wire.decode(scms.ScmsPdu, message.payload).content.value.value  # type: ignore[union-attr]
    assert isinstance(response, scms.EcaEeCertResponse)
    verify_enrolment(Certificate.of(response.certificate), eca, forge.lab.clock.time32(), None)


def serve_well(forge: Forge) -> None:
    """A new device is enrolled, asks for pseudonyms, and gets them."""
    by, now = forge.fresh().enrolled, forge.lab.clock.time32()
    sent = certificate_request(WISH, PrivateCaterpillar.generate("unified"), by, forge.ra, now)
    reply = forge.lab.ask("POST", "/v3/authorization-certificate", sent.octets, {"Content-Type": OCTETS})
    assert reply.status == 202, reply
    ack = acknowledged(reply.body, sent.hash, now, forge.ra, now)

    def there() -> bool:
        asked = download_request(f"{sent.name}_{ack.first_i:X}.zip", by, forge.ra, forge.lab.clock.time32())
        reply = forge.lab.ask("GET", "/v3/authorization-certificate", None, authorization(asked))
        assert reply.status in (200, 404), reply
        return reply.status == 200

    wait_until(there, 300)


@pytest.fixture
def fuzz(scms: Lab) -> Iterator[Callable[..., Tally]]:
    """Sends a number of requests, and holds the services to what they promise."""

    def run(requests: int, *, good_every: int, report: Callable[[str], None] = print) -> Tally:
        report(f"\nseed {SEED}")
        tally, forge = Tally(), Forge(scms, Mutator(SEED))
        workers = {role: scms.workers(role) for role in (*ATTACKED, *BEHIND)}
        errors = scms.metrics().get("v2xpki_unexpected_errors_total", 0)
        warm: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for number in range(1, requests + 1):
            made = forge.request()
            tally.take(forge, made, made.send(scms))
            if number % good_every == 0:
                serve_well(forge)
                sizes = {role: sum(map(rss, pids)) for role, pids in workers.items()}
                report(f"{number} requests, workers {sizes} KiB, {dict(sorted(tally.statuses.items()))}")
                warm = warm or sizes
        assert {role: scms.workers(role) for role in workers} == workers, scms.said()
        assert scms.metrics().get("v2xpki_unexpected_errors_total", 0) == errors == 0, scms.said()
        for role, before in warm.items():
            assert sizes[role] - before < GROWTH * max(1, requests / 10_000), (
                f"{role}: {before}, {sizes[role]}"
            )
        assert tally.inside >= 0.3 * tally.requests
        report(f"{tally.inside} of {tally.requests} wrong inside; {dict(tally.answers.most_common())}")
        return tally

    yield run


def test_the_forge_makes_what_the_services_accept(scms: Lab) -> None:
    """Without a change each flow succeeds: so what is changed inside is met where it lies."""
    forge = Forge(scms, Mutator(1))
    for flow in LAYERS:
        made = forge.right(flow)
        reply = made.send(scms)
        # a file or list of that name need not be there
        assert reply.status in (200, 202) or (flow in ("download", "lists") and reply.status == 404), reply


def test_some_hundred_mutated_requests_do_no_harm(fuzz: Callable[..., Tally]) -> None:
    tally = fuzz(int(os.environ.get("V2XPKI_FUZZ_BODIES", "400")), good_every=200)
    # deep enough: many kinds of refusal, and some requests that are still good
    assert len(tally.answers) >= 20


@pytest.mark.soak
def test_ten_thousand_mutated_requests_do_no_harm(
    fuzz: Callable[..., Tally], capsys: pytest.CaptureFixture[str]
) -> None:
    def report(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    fuzz(int(os.environ.get("V2XPKI_FUZZ_BODIES", "10000")), good_every=1000, report=report)
