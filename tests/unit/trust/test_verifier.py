"""The verifier for a station's own code: trust, revocation, learning from peers, replay, threads."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.trust.pki import NOW, Pki, services
from v2xpki import Verifier, secured
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidChain, InvalidList, InvalidMessage
from v2xpki.time import FixedClock
from v2xpki.trust import chain as chains
from v2xpki.trust import deltas, judge, links, lists, messages, regions, succession
from v2xpki.trust.lists import CrlSchedule, build_crl
from v2xpki.trust.messages import Window
from v2xpki.trust.reasons import ChainRule, LinkRule, ListRule, MessageRule
from v2xpki.wire import dot2

SECOND = 1_000_000
AT = NOW * SECOND
MUNICH = dot2.ThreeDLocation(latitude=481_400_000, longitude=115_800_000, elevation=4096)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def verifier(pki, clock) -> Verifier:
    return Verifier([pki.root.certificate], authorities=[pki.aa.certificate], clock=clock)


def refuse(verifier: Verifier, rule: MessageRule, octets: bytes, **options) -> InvalidMessage:
    with pytest.raises(InvalidMessage) as refused:
        verifier.verify_message(octets, **options)
    assert refused.value.rule == rule, refused.value
    return refused.value


def test_a_message_is_accepted_once(pki, verifier):
    cam = pki.message(pki.at)
    verified = verifier.verify_message(cam)
    assert (verified.psid, verified.payload, verified.ticket) == (36, b"\2\2cam", pki.at.certificate)
    refuse(verifier, MessageRule.REPLAY, cam)


def test_whatever_the_octets_are_the_error_is_one(pki, verifier):
    refuse(verifier, MessageRule.DECODE, b"\3\x81")
    refuse(verifier, MessageRule.CONTENT, secured.unsecured(b"cam"))
    refuse(verifier, MessageRule.PSID, pki.message(pki.at, 138))
    error = refuse(verifier, MessageRule.CERTIFICATE, pki.message(Pki().at))
    assert error.chain_rule == ChainRule.CHAIN
    assert refuse(verifier, MessageRule.DECODE, b"").chain_rule == ""


def test_times_are_the_clocks_unless_given(pki, verifier, clock):
    cam = pki.message(pki.at)
    clock.advance(3)
    refuse(verifier, MessageRule.STALE, cam)
    verifier.verify_message(cam, at_time=AT)
    patient = Verifier([pki.root.certificate], authorities=[pki.aa.certificate], clock=clock,
                       window=Window(10 * SECOND))  # fmt: skip
    patient.verify_message(cam)


def test_places_are_in_degrees(clock):
    pki = Pki(region=regions.from_text("countries:276"))
    verifier = Verifier([pki.root.certificate], authorities=[pki.aa.certificate], clock=clock)
    refuse(verifier, MessageRule.REGION, pki.message(pki.at), at_place=(48.85, 2.35))
    verifier.verify_message(pki.message(pki.at), at_place=(48.14, 11.58))
    with pytest.raises(InvalidChain) as refused:
        verifier.verify_chain([pki.at.certificate], at_place=(48.85, 2.35))
    assert refused.value.rule == ChainRule.PLACE


def test_chains_are_completed_from_what_is_known(pki, verifier):
    verifier.verify_chain([pki.at.certificate])
    verifier.verify_chain([pki.at.certificate, pki.aa.certificate, pki.root.certificate])
    verifier.verify_chain([pki.ec.certificate, pki.ea.certificate])
    for chain, rule in (
        ([], ChainRule.CHAIN),
        ([pki.ec.certificate], ChainRule.CHAIN),  # its EA was never shown
        ([pki.tlm.certificate], ChainRule.ANCHOR),
        ([pki.at.certificate, pki.ea.certificate], ChainRule.ISSUER),
    ):
        with pytest.raises(InvalidChain) as refused:
            verifier.verify_chain(chain)
        assert refused.value.rule == rule
    with pytest.raises(InvalidChain) as refused:
        verifier.verify_chain([pki.at.certificate], at_time=pki.at.certificate.end)
    assert refused.value.rule == ChainRule.EXPIRED


def crl_of(pki: Pki, revoked, since: int = NOW) -> bytes:
    data = build_crl(pki.root.certificate, CrlSchedule(since, since + 90 * 86400), revoked)
    return pki.signed_list(data, pki.root, 622)


def test_lists_bring_authorities_and_take_them_away(pki, clock):
    ctl = pki.signed_list(pki.ctl(), pki.root, 624)
    verifier = Verifier.of_lists([pki.root.certificate], [crl_of(pki, []), ctl], clock=clock)
    verifier.verify_message(pki.message(pki.at))
    verifier.apply_crl(crl_of(pki, [pki.aa.certificate], NOW + 1))
    assert refuse(verifier, MessageRule.CERTIFICATE, pki.message(pki.at)).chain_rule == ChainRule.REVOKED
    with pytest.raises(InvalidList):  # a rollback
        verifier.apply_crl(crl_of(pki, []))
    for wrong, apply in ((ctl, verifier.apply_crl), (crl_of(pki, []), verifier.apply_ctl)):
        with pytest.raises(InvalidList) as refused:
            apply(wrong)
        assert refused.value.rule == ListRule.KIND


def test_a_list_of_no_trusted_root_is_refused(pki, verifier):
    other = Pki()
    with pytest.raises(InvalidList) as refused:
        verifier.apply_crl(crl_of(other, []))
    assert refused.value.rule == ListRule.SIGNER


def test_a_root_revokes_nothing_below_another(pki, clock):
    other = Pki()
    verifier = Verifier(
        [pki.root.certificate, other.root.certificate],
        authorities=[pki.aa.certificate, other.aa.certificate], clock=clock,
    )  # fmt: skip
    foreign = pki.crl()
    body = foreign.content.value._replace(entries=(other.aa.certificate.hashed_id8,))
    verifier.apply_crl(
        pki.signed_list(foreign._replace(content=foreign.content._replace(value=body)), pki.root, 622)
    )
    verifier.verify_message(other.message(other.at))


def test_an_authority_that_does_not_verify_is_left_out_of_a_ctl(pki, clock):
    entries = pki.ctl_entries()
    spoilt = pki.make("AA", pki.root, name="AA", change={"craca_id": b"abc"})
    entries[1] = lists.AaEntry(spoilt.certificate, "http://x")
    verifier = Verifier.of_lists(
        [pki.root.certificate], [pki.signed_list(pki.ctl(entries), pki.root, 624)], clock=clock
    )
    verifier.verify_chain([pki.ec.certificate])
    with pytest.raises(InvalidChain):
        verifier.verify_chain([pki.make("AT", spoilt, app_permissions=services(p36="010000")).certificate])


# --- learning from peers -------------------------------------------------------------------


def test_a_missed_ticket_is_asked_for_until_it_shows(pki, verifier, clock):
    by_digest = pki.message(pki.at, identifier="digest")
    refuse(verifier, MessageRule.UNKNOWN_SIGNER, by_digest)
    assert verifier.requests() == (pki.at.certificate.hashed_id3,)
    verifier.verify_message(pki.message(pki.at, time64=AT + 1))
    assert verifier.requests() == ()
    verifier.verify_message(by_digest)


def test_what_is_missed_is_forgotten_in_time_and_bounded(pki, verifier, clock):
    refuse(verifier, MessageRule.UNKNOWN_SIGNER, pki.message(pki.at, identifier="digest"))
    clock.advance(5)
    assert verifier.requests() == ()
    for number in range(100):
        ticket = pki.ticket()
        refuse(verifier, MessageRule.UNKNOWN_SIGNER,
               pki.message(ticket, identifier="digest", time64=clock.time64() + number))  # fmt: skip
    assert len(verifier.requests()) == 8
    assert len(verifier._wanted) <= 64


def test_a_ticket_may_come_another_way(pki, verifier):
    verifier.learn(pki.at.certificate)
    verifier.verify_message(pki.message(pki.at, identifier="digest"))


def test_an_unknown_authority_is_asked_for_and_learned_from_a_peer(pki, verifier):
    hidden = pki.make("AA", pki.root, name="another AA")
    ticket = pki.ticket(issuer=hidden)
    refuse(verifier, MessageRule.CERTIFICATE, pki.message(ticket))
    assert verifier.requests() == (hidden.certificate.hashed_id3,)
    assert verifier.authority(hidden.certificate.hashed_id3) is None
    verifier.verify_message(pki.message(pki.at, requested_certificate=hidden.certificate.record))
    assert verifier.requests() == ()
    verifier.verify_message(pki.message(ticket))
    assert verifier.authority(hidden.certificate.hashed_id3) == hidden.certificate
    assert verifier.authority(pki.root.certificate.hashed_id3) is None  # a root goes out to nobody


def test_an_authority_of_nobody_is_not_learned(pki, verifier):
    stranger = Pki()
    handing_on = pki.message(pki.at, requested_certificate=stranger.aa.certificate.record)
    verifier.verify_message(handing_on)
    refuse(verifier, MessageRule.CERTIFICATE, stranger.message(stranger.at))


def test_an_authority_learned_from_a_peer_can_be_revoked(pki, verifier):
    hidden = pki.make("AA", pki.root, name="another AA")
    verifier.apply_crl(crl_of(pki, [hidden.certificate]))
    verifier.verify_message(pki.message(pki.at, requested_certificate=hidden.certificate.record))
    refuse(verifier, MessageRule.CERTIFICATE, pki.message(pki.ticket(issuer=hidden)))


def test_a_denm_of_a_known_station_is_accepted(pki, verifier):
    assert verifier.verify_message(pki.message(pki.at, 37, generation_location=MUNICH)).psid == 37


# --- threads -------------------------------------------------------------------------------


def test_in_many_threads_each_message_is_accepted_exactly_once(pki, verifier):
    tickets = [pki.ticket() for _ in range(4)]
    octets = [pki.message(tickets[number % 4], time64=AT + number) for number in range(40)]

    def attempt(one: bytes) -> str:
        try:
            verifier.verify_message(one)
        except InvalidMessage as error:
            return error.rule
        return "accepted"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, octets * 4))
    assert answers.count("accepted") == len(octets)
    assert set(answers) == {"accepted", "replay"}


# --- the enumerations ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modules", "enumeration"),
    [
        ((chains,), ChainRule),
        ((messages, judge), MessageRule),
        ((lists, deltas), ListRule),
        ((links, succession), LinkRule),
    ],
)
def test_every_rule_that_is_raised_is_a_member(modules, enumeration):
    raised = set()
    for module in modules:
        text = Path(module.__file__).read_text()
        raised |= set(
            re.findall(r'Invalid(?:Chain|Message|List|Link)\((?:[^()]|\([^()]*\))*?rule="([a-z-]+)"', text)
        )
    if enumeration is MessageRule:
        others = {rule.value for rule in ChainRule} - {rule.value for rule in MessageRule}
        raised -= others | {"kind", "successor"}
    assert raised and raised <= {rule.value for rule in enumeration}


def test_the_rules_of_permissions_are_members_too():
    text = (Path(chains.__file__).parent / "permissions.py").read_text()
    assert set(re.findall(r'rule="([a-z-]+)"', text)) <= {rule.value for rule in ChainRule}


# --- the document --------------------------------------------------------------------------


def test_the_example_of_the_document_runs(tmp_path, capsys, monkeypatch):
    text = (Path(__file__).parents[3] / "docs" / "verifier.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    from v2xpki.testset import create
    from v2xpki.time import SystemClock

    create(tmp_path / "set", seed="docs", now=SystemClock().time32())
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/verifier.md", "exec"), {})
    (shown,) = re.findall(r"It prints:\n\n```\n(.*?)```", text, re.DOTALL)
    assert capsys.readouterr().out == shown


def test_the_document_has_every_rule():
    text = (Path(__file__).parents[3] / "docs" / "verifier.md").read_text()
    for rule in (*MessageRule, *ChainRule):
        assert f"`{rule.value}`" in text, rule


def test_the_parsed_certificate_is_the_public_one(pki):
    assert isinstance(pki.root.certificate, Certificate)
