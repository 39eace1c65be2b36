"""Whatever operators do in whatever order: one certificate a request, no revoked CA on a list, and every
generation of the AA answers exactly as long as it may."""

import itertools
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.unit.ca.conftest import Life, bring_to_life, house_in
from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.authorities.etsi.opening import open_own_keys
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused, InvalidChain, OutOfService, PermissionDenied
from v2xpki.keystore import MemoryKeystore
from v2xpki.secured import encrypt
from v2xpki.store.base import IssuanceRecord

YEAR = 31_556_952


class Generations(RuleBasedStateMachine):
    """An AA's life; the test says what must hold, the machine finds an order in which it does not."""

    def __init__(self, life: Life) -> None:
        super().__init__()
        self.life = life
        self.granted: dict[bytes, Certificate] = {}
        self.asked: list[CaRequest] = []
        self.installed: list[Certificate] = [life.present("aa")]
        self.revoked: set[bytes] = set()

    @property
    def now(self) -> int:
        return self.life.house.clock.time32()

    def in_force(self, certificate: Certificate) -> bool:
        return certificate.start <= self.now < certificate.end and certificate.hashed_id8 not in self.revoked

    # --- what operators do -----------------------------------------------------------------------------

    @rule(rekey=st.booleans())
    def ask(self, rekey: bool) -> None:
        try:
            request = self.life.ask("aa", rekey=rekey, anew=True).request
        except CeremonyRefused:
            assert rekey and not self.in_force(self.installed[-1])
            return
        self.asked.append(request)

    @precondition(lambda self: self.asked)
    @rule(pick=st.integers(0, 7))
    def approve(self, pick: int) -> None:
        request = self.asked[pick % len(self.asked)]
        before = self.granted.get(request.digest)
        try:
            certificate = self.life.approve(request.octets).certificate
        except PermissionDenied:
            if before is not None:
                assert before.hashed_id8 in self.revoked or before.end <= self.now
            else:
                assert request.former is not None  # a first request has nothing that could forbid it
            return
        assert before in (None, certificate)
        self.granted[request.digest] = certificate

    @precondition(lambda self: self.granted)
    @rule(pick=st.integers(0, 7))
    def install(self, pick: int) -> None:
        certificate = list(self.granted.values())[pick % len(self.granted)]
        try:
            done = self.life.install(certificate.octets)
        except InvalidChain:
            assert not self.in_force(certificate)
            return
        if done.fresh:
            self.installed.append(certificate)
            self.installed.sort(key=lambda one: self.number(one))

    def number(self, certificate: Certificate) -> int:
        folder = self.life.instance.domain("aa").certificates_dir
        (found,) = [p for p in folder.glob("aa-*.oer") if p.read_bytes() == certificate.octets]
        return int(found.stem.removeprefix("aa-"))

    @rule(pick=st.integers(0, 7))
    def revoke(self, pick: int) -> None:
        known = [*self.granted.values(), *self.installed]
        certificate = known[pick % len(known)]
        if certificate.end <= self.now:
            return
        self.life.revoke(certificate)
        self.revoked.add(certificate.hashed_id8)
        self.life.fetch_lists()

    @rule(years=st.sampled_from([0.01, 1, 3]))
    def time_goes_by(self, years: float) -> None:
        if self.now + years * YEAR < self.life.house.root.end - YEAR:
            self.life.house.clock.advance(int(years * YEAR))

    # --- what holds ------------------------------------------------------------------------------------

    @invariant()
    def a_request_has_one_certificate(self) -> None:
        with self.life.database("root") as database, database.read() as tx:
            signed = [
                bytes(row[0])
                for row in tx.execute(
                    sa.select(IssuanceRecord.signed).where(
                        IssuanceRecord.kind == "AA", IssuanceRecord.state == "issued"
                    )
                )
            ]
        assert len(signed) == len(set(signed)) == 1 + len(self.granted)
        starts = [Certificate.parse(octets).start for octets in signed]
        assert len(starts) == len({*starts}) or any(request.former is None for request in self.asked)

    @invariant()
    def no_list_names_a_revoked_ca(self) -> None:
        assert not {one.hashed_id8 for one in self.life.listed()} & self.revoked

    @invariant()
    def each_generation_answers_while_it_may(self) -> None:
        domain, clock = self.life.instance.domain("aa"), self.life.house.clock
        with self.life.database("aa") as database:
            own = open_own_keys(self.life.house.hall.keystores["aa"], domain, database, clock)
            newest = next(filter(self.in_force, reversed(self.installed)), None)
            for certificate in self.installed:
                request = encrypt(b"anything", [certificate]).octets
                if newest is None:
                    with pytest.raises(OutOfService):
                        own.open(request)
                    continue
                opened = own.open(request)
                expected = certificate if self.in_force(certificate) else newest
                assert opened.own.certificate == expected
                assert opened.to_retired is (expected != certificate)
                assert opened.decrypt() == b"anything"


@pytest.mark.parametrize("examples", [5, pytest.param(50, marks=pytest.mark.soak)])
def test_whatever_operators_do_generations_stay_in_order(
    template, tmp_path: Path, monkeypatch, examples: int
) -> None:
    monkeypatch.setattr(MemoryKeystore, "close", lambda self: None)
    numbers = itertools.count()

    def machine() -> Generations:
        return Generations(bring_to_life(house_in(template, tmp_path / str(next(numbers)))))

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
