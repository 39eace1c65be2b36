"""What hostile components of an SCMS ask each other: wrong frames, and good ones that ask for too much, for
others' chains, with parts of other cases.

The RA asks linkage authority and ACA, the MA asks RA, ACA and linkage authority. Whatever comes is answered
or refused by name; nothing is a fault. Who may make a call at all is for tests/unit/links and
tests/attack/test_scms_attacks.py.

    pytest tests/attack/test_fuzz_scms_frames.py                 some hundreds
    pytest tests/attack/test_fuzz_scms_frames.py -m soak         10,000
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.misbehaviour import CaseLab, Vehicle
from tests.support.mutating import Mutator
from tests.support.scms_links import guarded_app
from v2xpki import wire
from v2xpki.authorities.scms.aca_policy import AcaPolicy
from v2xpki.authorities.scms.case_parts import Part, seal
from v2xpki.authorities.scms.la import Wish
from v2xpki.authorities.scms.peers import SealedParts, TracedParts
from v2xpki.crypto import Curve
from v2xpki.errors import DecodeError, EncodeError, V2xPkiError
from v2xpki.keystore import MemoryKey
from v2xpki.links import scms_frames as frames
from v2xpki.web.internal import aca_blueprint, la_blueprint, ra_blueprint
from v2xpki.wire import dot2, scms

SEED = int(os.environ.get("V2XPKI_FUZZ_SEED", "20261125"))
CASES = [b"case of the MA %d" % n for n in range(8)]


class Hostile:
    """Makes calls: (role, who asks, call, octets of the frame)."""

    def __init__(self, lab: CaseLab, dice: Mutator) -> None:
        self.lab, self.dice = lab, dice
        self.vehicles: list[Vehicle] = [lab.vehicle() for _ in range(3)]
        self.certificates = [one for vehicle in self.vehicles for i in range(3) for one in vehicle.of(i)]
        self.lcis = [lci for vehicle in self.vehicles for lci in vehicle.requests[0].lcis]
        self.parts: list[tuple[int, bytes, SealedParts, TracedParts]] = []
        for case, certificate in zip(CASES, self.certificates[::3], strict=False):
            i = wire.decode(dot2.CertificateBase, certificate.octets).to_be_signed.id.value.i_cert  # type: ignore[union-attr]
            parts = lab.aca_cases.parts_of(certificate.octets, case)
            traced = None if parts is None else lab.ra_cases.trace(parts.request_hash, i, case)
            if parts is not None and traced is not None:
                self.parts.append((i, case, parts, traced))
        assert self.parts

    def call(self) -> tuple[str, str, frames.Call[Any, Any], bytes]:
        makers: list[Callable[[], tuple[str, str, frames.Call[Any, Any], Any]]] = [
            self.wishes, self.wishes, self.certify, self.certify, self.parts_of, self.trace, self.block,
            self.seed, self.seed, self.further,
        ]  # fmt: skip
        while True:
            role, who, call, asked = self.dice.choice(makers)()
            try:
                octets = call.asked.encode(asked)
            except EncodeError:  # beyond the frame: it cannot be sent
                continue
            if self.dice.random() < 0.35:
                octets = self.dice.octets(octets)
            return role, who, call, octets

    # --- a hostile RA ---------------------------------------------------------------------------------

    def wishes(self) -> tuple[str, str, frames.Call[Any, Any], Any]:
        dice = self.dice
        many = dice.choice((0, 1, 2, 5, 40, 400))
        alike = dice.random() < 0.3
        made = []
        for _ in range(many):
            lci = dice.choice((*self.lcis, dice.randbytes(16), dice.randbytes(dice.randrange(40))))
            i = dice.choice((0, 1, 2, 5, 12, 19, 21, 318, 0xFFFF, 0xFFFFFFFF))
            js = dice.choice(
                (range(3), range(20), range(21), range(256), (0, 0), (), (255,), (256,), (65535,))
            )
            first = dice.choice((None, None, 0, i, max(0, i - 317), 0xFFFFFFFF))
            made.append(Wish(lci, i, js, first))
        if alike and made:
            made = made[:1] * dice.choice((2, 300, 5000))
        return dice.choice(("la1", "la2")), "ra", frames.PRE_LINKAGE_VALUES, made

    def certify(self) -> tuple[str, str, frames.Call[Any, Any], Any]:
        dice, lab = self.dice, self.lab.scms
        made: list[bytes] = []
        for _ in range(dice.choice((0, 1, 3, 8))):
            key = MemoryKey.generate(Curve.NIST_P256).public_key
            asked = lab.request(key, cubk=dice.random() < 0.3)
            if dice.random() < 0.7:
                asked = self._changed(asked)
            try:
                octets = lab.signed(asked)
            except V2xPkiError:
                continue
            if dice.random() < 0.3:
                octets = dice.record("Ieee1609Dot2Data", octets)
            made += [octets] * dice.choice((1, 1, 1, 3))  # the same more than once
        return "aca", "ra", frames.CERTIFY, made

    def _changed(self, asked: scms.RaAcaCertRequest) -> scms.RaAcaCertRequest:
        while True:
            octets = self.dice.record("RaAcaCertRequest", wire.encode(asked))
            try:
                return wire.decode(scms.RaAcaCertRequest, octets)
            except DecodeError:
                continue

    # --- a hostile MA ---------------------------------------------------------------------------------

    def parts_of(self) -> tuple[str, str, frames.Call[Any, Any], Any]:
        certificate = self.dice.choice((*self.certificates, self.lab.scms.ra, self.lab.scms.root)).octets
        if self.dice.random() < 0.3:
            certificate = self.dice.record("CertificateBase", certificate)
        return "aca", "ma", frames.PARTS_OF, (certificate, self._case())

    def trace(self) -> tuple[str, str, frames.Call[Any, Any], Any]:
        i, case, parts, _ = self.dice.choice(self.parts)
        sealed = self.dice.choice((parts.request_hash, parts.plv1, self._forged(Part.REQUEST_HASH, case)))
        i = self.dice.choice((i, i, 0, 7, 0xFFFF, 0xFFFFFFFF))
        return "ra", "ma", frames.TRACE, (sealed, i, self.dice.choice((case, case, self._case())))

    def block(self) -> tuple[str, str, frames.Call[Any, Any], Any]:
        known = self.dice.choice([vehicle.enrolment for vehicle in self.vehicles])
        return "ra", "ma", frames.BLOCK, self.dice.choice((known, self.dice.randbytes(8), bytes(8)))

    def seed(self) -> tuple[str, str, frames.Call[Any, Any], Any]:
        i, case, parts, traced = self.dice.choice(self.parts)
        _, _, others_parts, others = self.dice.choice(self.parts)
        plv = self.dice.choice((parts.plv1, parts.plv2, others_parts.plv1, self._forged(Part.PLV, case)))
        lci = self.dice.choice(
            (traced.chain.lci1, traced.chain.lci2, others.chain.lci1, self._forged(Part.LCI, case))
        )
        i_rev = self.dice.choice((0, i, i + 1, 11, 12, 0xFFFF, 0xFFFFFFFF))
        case = self.dice.choice((case, case, self._case()))
        asked = (plv, lci, self.dice.choice((i, i, 3, 0xFFFFFFFF)), self.dice.choice((traced.j, 0, 0xFFFF)))
        return self.dice.choice(("la1", "la2")), "ma", frames.SEED_AT, (*asked, i_rev, case)

    def further(self) -> tuple[str, str, frames.Call[Any, Any], Any]:
        i, case, _, traced = self.dice.choice(self.parts)
        lci = self.dice.choice((traced.chain.lci1, traced.chain.lci2, self._forged(Part.LCI, case)))
        i_rev = self.dice.choice((0, i, 11, 12, 0xFFFFFFFF))
        asked = (lci, i_rev, self.dice.choice((case, self._case())))
        return self.dice.choice(("la1", "la2")), "ma", frames.FURTHER_SEED, asked

    def _case(self) -> bytes:
        return self.dice.choice((*CASES, b"", b"short", bytes(64), bytes(65), self.dice.randbytes(16)))

    def _forged(self, part: Part, case: bytes) -> bytes:
        """Who knows a component's certificate can seal anything to it."""
        to = self.dice.choice((*self.lab.la_certificates, self.lab.scms.ra))
        size = self.dice.choice((0, 8, 9, 16, 18, 40, 5000))
        return seal(part, case, self.dice.randbytes(size), to)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[CaseLab]:
    made = CaseLab(tmp_path, policy=AcaPolicy(cases_per_day=30))
    yield made
    made.close()


@pytest.fixture
def send(lab: CaseLab) -> Callable[[int], Counter[str]]:
    """Makes a number of calls; what was answered."""
    asking = {"name": ""}

    def client(role: str, blueprint: Any) -> FlaskClient:
        return guarded_app(role, blueprint, who=lambda _: asking["name"]).test_client()

    las = [
        la_blueprint(lambda n=n: lab.las[n].authority, lambda n=n: lab.la_cases[n])  # type: ignore[misc]
        for n in range(2)
    ]
    served = {
        "aca": client("aca", aca_blueprint(lambda: lab.scms.aca, lambda: lab.aca_cases)),
        "ra": client("ra", ra_blueprint(lambda: lab.ra_cases)),
        "la1": client("la1", las[0]),
        "la2": client("la2", las[1]),
    }

    def run(calls: int) -> Counter[str]:
        hostile, seen = Hostile(lab, Mutator(SEED)), Counter[str]()
        for _ in range(calls):
            role, asking["name"], call, octets = hostile.call()
            reply = served[role].post(call.path, data=octets, content_type=frames.MEDIA_TYPE)
            what = call.path.removeprefix(frames.BEGINNING)
            assert reply.status_code in (200, 400, 409, 411), (
                what,
                reply.status_code,
                reply.data,
                octets.hex(),
            )
            if reply.status_code == 200:
                call.answered.decode(reply.data)
                said = "answered"
            elif reply.status_code in (400, 411):
                said = "no frame"
            else:
                refused = call.refused.decode(reply.data)
                said = refused.reason.name.lower()
            seen[f"{what}: {said}"] += 1
        return seen

    return run


def test_some_hundred_hostile_frames_are_answered_or_refused_by_name(
    send: Callable[[int], Counter[str]],
) -> None:
    assert len(send(300)) >= 20


@pytest.mark.soak
def test_ten_thousand_hostile_frames_are_answered_or_refused_by_name(
    send: Callable[[int], Counter[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = send(10_000)
    with capsys.disabled():
        print(dict(seen.most_common()))
