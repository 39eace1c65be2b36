"""The linter for messages and lists: each rule has an example that passes and one that fails."""

import contextlib
import random

import pytest

from tests.unit.trust.pki import BASE, NOW, Pki, services
from v2xpki import secured, wire
from v2xpki.errors import V2xPkiError
from v2xpki.secured import SignedMessage, etsi_header
from v2xpki.trust.describe import describe_data, describe_list
from v2xpki.trust.judge import Evidence, judge_data
from v2xpki.trust.lint_data import DATA_RULES, lint_data
from v2xpki.trust.lists import DcEntry, EctlSchedule, SignedList
from v2xpki.wire import dot2, etsi


def ids(octets: bytes) -> set[str]:
    return {finding.rule.id for finding in lint_data(octets)}


def rebuilt(data: etsi.EtsiTs102941Data, **fields) -> etsi.EtsiTs102941Data:
    return data._replace(content=data.content._replace(value=data.content.value._replace(**fields)))


def changed(octets: bytes, **fields) -> bytes:
    """Signed data with fields of SignedData replaced; the signature no longer fits, which no rule asks."""
    record = SignedMessage.parse(octets).record
    return wire.encode(
        record._replace(content=record.content._replace(value=record.content.value._replace(**fields)))
    )


@pytest.fixture
def good(pki) -> dict[str, bytes]:
    return {
        "cam": pki.message(pki.at),
        "request": pki.message(pki.ec, 623, identifier="digest"),
        "ctl": pki.signed_list(pki.ctl(), pki.root, 624),
        "ectl": pki.signed_list(pki.ectl(), pki.tlm, 624),
        "crl": pki.signed_list(pki.crl([pki.aa.certificate]), pki.root, 622),
    }


def bad(pki: Pki, good: dict[str, bytes]) -> dict[str, bytes]:
    root, tlm = pki.root, pki.tlm
    ctl = pki.ctl()
    commands = ctl.content.value.ctl_commands
    delete = etsi.CtlCommand(kind="delete", value=etsi.CtlDelete(kind="cert", value=bytes(8)))
    off_curve = dot2.EccP256CurvePointUncompressedP256(x=bytes(32), y=b"\1" * 32)
    key = dot2.PublicVerificationKey(
        kind="ecdsaNistP256", value=dot2.EccP256CurvePoint(kind="uncompressedP256", value=off_curve)
    )
    tbs = pki.at.certificate.record.to_be_signed
    unreadable = pki.at.certificate.record._replace(
        to_be_signed=tbs._replace(verify_key_indicator=tbs.verify_key_indicator._replace(value=key))
    )
    late = pki.ectl(schedule=EctlSchedule(NOW, NOW + 86400, 200))
    return {
        "e_data_signed": secured.unsecured(b"cam"),
        "e_data_profile": pki.message(pki.at, 37),
        "e_data_hash": changed(good["cam"], hash_id="sha384"),
        "e_data_certificate": changed(
            good["cam"], signer=dot2.SignerIdentifier(kind="certificate", value=(unreadable,))
        ),
        "e_pki_header": pki.message(pki.ec, 623, identifier="digest", expiry_time=1),
        "e_list_header": pki.signed_list(ctl, root, 622),
        "e_list_signer": pki.signed_list(ctl, root, 624, identifier="digest"),
        "e_list_readable": pki.message(root, 624),
        "e_list_schedule": pki.signed_list(rebuilt(ctl, next_update=NOW), root, 624),
        "e_list_entries": pki.signed_list(rebuilt(ctl, ctl_commands=(*commands, commands[0])), root, 624),
        "e_full_list_adds": pki.signed_list(rebuilt(ctl, ctl_commands=(*commands, delete)), root, 624),
        "e_ctl_own_dc": pki.signed_list(rebuilt(ctl, ctl_commands=commands[:2]), root, 624),
        "e_ectl_own_tlm": pki.signed_list(rebuilt(pki.ectl(), ctl_commands=()), tlm, 624),
        "w_ectl_sequence": pki.signed_list(late, tlm, 624),
    }


def test_what_is_right_passes(good):
    assert {name: ids(octets) for name, octets in good.items()} == {name: set() for name in good}


@pytest.mark.parametrize("name", DATA_RULES)
def test_a_rule_finds_what_breaks_it(pki, good, name):
    assert name in ids(bad(pki, good)[name])


def test_entries_of_another_list_and_certificates_inside_are_linted(pki):
    foreign = rebuilt(pki.ctl(), ctl_commands=pki.ectl().content.value.ctl_commands)
    assert "e_list_entries" in ids(pki.signed_list(foreign, pki.root, 624))
    twice = rebuilt(pki.crl(), entries=(bytes(8), bytes(8)))
    assert "e_list_entries" in ids(pki.signed_list(twice, pki.root, 622))
    odd = pki.make("EA", pki.root, name="EA", change={"crl_series": 7})
    entries = pki.ctl_entries()
    from v2xpki.trust.lists import EaEntry

    with_odd = pki.ctl([EaEntry(odd.certificate, BASE), *entries[1:]])
    (finding,) = lint_data(pki.signed_list(with_odd, pki.root, 624))
    assert finding.rule.id == "e_crl_series_zero" and odd.certificate.hex8 in finding.detail
    assert "e_at_no_id" in ids(pki.message(pki.ec, 36))


def test_a_delta_needs_neither_dc_nor_additions_alone(pki):
    delete = etsi.CtlCommand(kind="delete", value=etsi.CtlDelete(kind="dc", value=BASE))
    delta = rebuilt(pki.ctl(), is_full_ctl=False, ctl_commands=(delete,))
    octets = pki.signed_list(delta, pki.root, 624)
    assert ids(octets) == set()
    assert describe_list(SignedList.parse(octets))["deleted"] == [BASE]


def test_messages_are_described_whatever_they_hold(pki, good):
    stamp = etsi_header(138, NOW * 1_000_000)
    inner = SignedMessage.parse(good["cam"]).record
    outer = secured.sign(
        pki.at.key,
        etsi_header(138, NOW * 1_000_000),
        data=inner,
        certificate=pki.at.certificate,
        identifier="digest",
    )
    assert describe_data(outer)["payload"] == {"content": "signedData"}
    assert describe_data(bad(pki, good)["e_data_certificate"])["signer"]["kind"] == "certificate"
    assert describe_data(pki.message(pki.at, 623))["pdu"] is None
    ticket = pki.ticket(app_permissions=services(p138="01"))
    external = secured.sign(
        ticket.key, stamp, ext_data_hash=bytes(32), certificate=ticket.certificate,
        identifier="certificate",
    )  # fmt: skip
    assert describe_data(external)["extDataHash"] == bytes(32)


def test_mutated_octets_are_judged_with_errors_of_the_house_alone(pki, good):
    """Single bits of each kind of file changed: a finding, a description, or a clean error."""
    chance = random.Random(1609)
    identities = (pki.root, pki.aa, pki.ea, pki.ec)
    evidence = Evidence([identity.certificate for identity in identities], pki.root.certificate)

    def judge(octets: bytes) -> None:
        judge_data(octets, evidence, NOW, NOW)

    for octets in good.values():
        for _ in range(120):
            spoilt = bytearray(octets)
            for _ in range(chance.choice((1, 1, 2))):
                spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
            if chance.random() < 0.1:
                del spoilt[chance.randrange(1, len(spoilt)) :]
            for look in (lint_data, describe_data, lambda o: describe_list(SignedList.parse(o)), judge):
                with contextlib.suppress(V2xPkiError):
                    look(bytes(spoilt))


def test_a_dc_entry_may_name_several_roots(pki):
    entries = [*pki.ctl_entries()[:2], DcEntry(BASE, (bytes(8), pki.root.certificate.hashed_id8))]
    assert ids(pki.signed_list(pki.ctl(entries), pki.root, 624)) == set()


def test_times_far_beyond_the_calendar_can_be_told(pki):
    far = pki.ticket(
        change={
            "validity_period": dot2.ValidityPeriod(
                start=NOW, duration=dot2.Duration(kind="years", value=65535)
            )
        }
    )
    shown = describe_data(pki.message(far, time64=(1 << 64) - 1))
    assert shown["generationTime"].startswith("9999-12-31T23:59:59")
    assert shown["signer"]["value"][0]["validity"]["end"] == "9999-12-31T23:59:59Z"
    assert "e_validity_limit" in ids(pki.message(far))
