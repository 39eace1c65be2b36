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
from v2xpki.trust.lint_messages import MESSAGE_RULES
from v2xpki.trust.lists import AaEntry, DcEntry, EaEntry, EctlSchedule, SignedList
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


MUNICH = dot2.ThreeDLocation(latitude=481_400_000, longitude=115_800_000, elevation=4096)
NOWHERE = MUNICH._replace(latitude=900_000_001)
SPATEM = services(p137="0100")
SECOND = 1_000_000


@pytest.fixture
def good(pki) -> dict[str, bytes]:
    delete = etsi.CtlCommand(kind="delete", value=etsi.CtlDelete(kind="dc", value=f"{BASE}/dc"))
    light = pki.ticket(app_permissions=SPATEM)
    return {
        "cam": pki.message(pki.at),
        "cam by digest": pki.message(pki.at, identifier="digest"),
        "cam that asks": pki.message(
            pki.at, inline_p2pcd_request=(b"abc",), requested_certificate=pki.aa.certificate.record
        ),
        "denm": pki.message(pki.at, 37, generation_location=MUNICH),
        "spatem": pki.message(light, 137, expiry_time=(NOW + 1) * SECOND, generation_location=MUNICH),
        "request": pki.message(pki.ec, 623, identifier="digest"),
        "ctl": pki.signed_list(pki.ctl(), pki.root, 624),
        "delta": pki.signed_list(
            rebuilt(pki.ctl(), is_full_ctl=False, ctl_commands=(delete,)), pki.root, 624
        ),
        "ectl": pki.signed_list(pki.ectl(), pki.tlm, 624),
        "crl": pki.signed_list(pki.crl([pki.aa.certificate]), pki.root, 622),
    }


def off_the_curve(pki: Pki) -> dot2.Certificate:
    point = dot2.EccP256CurvePointUncompressedP256(x=bytes(32), y=b"\1" * 32)
    key = dot2.PublicVerificationKey(
        kind="ecdsaNistP256", value=dot2.EccP256CurvePoint(kind="uncompressedP256", value=point)
    )
    tbs = pki.at.certificate.record.to_be_signed
    tbs = tbs._replace(verify_key_indicator=tbs.verify_key_indicator._replace(value=key))
    return pki.at.certificate.record._replace(to_be_signed=tbs)


def signature(octets: bytes, **fields) -> bytes:
    """A message with fields of its signature replaced."""
    record = SignedMessage.parse(octets).record.content.value.signature
    return changed(octets, signature=record._replace(value=record.value._replace(**fields)))


def bad_messages(pki: Pki, good: dict[str, bytes]) -> dict[str, bytes]:
    cam, ticket = good["cam"], pki.at.certificate.record
    light = pki.ticket(app_permissions=SPATEM)
    other = pki.ticket()

    def by(*certificates: dot2.Certificate) -> dict:
        return {"signer": dot2.SignerIdentifier(kind="certificate", value=certificates)}

    return {
        "e_data_coer": cam + b"\0",
        "e_data_signed": secured.unsecured(b"cam"),
        "e_data_hash": changed(cam, hash_id="sha384"),
        "e_data_certificate": changed(cam, **by(off_the_curve(pki))),
        "e_data_one_certificate": changed(cam, **by(ticket, ticket)),
        "e_data_generation_time": pki.message(pki.at, generation_time=None),
        "e_data_time_unit": pki.message(pki.at, time64=NOW * 1000),
        "e_data_p2pcd": pki.message(pki.at, p2pcd_learning_request=b"abc"),
        "e_data_expiry": pki.message(light, 137, expiry_time=NOW * SECOND),
        "e_data_location": pki.message(pki.at, 37, generation_location=NOWHERE),
        "e_cam_header": pki.message(pki.at, generation_location=MUNICH),
        "e_cam_signer": pki.message(pki.at, identifier="self"),
        "e_denm_header": pki.message(pki.at, 37, generation_location=MUNICH, inline_p2pcd_request=(b"abc",)),
        "e_denm_location": pki.message(pki.at, 37),
        "e_denm_signer": pki.message(pki.at, 37, generation_location=MUNICH, identifier="digest"),
        "e_other_header": pki.message(light, 137, p2pcd_learning_request=b"abc"),
        "e_other_signer": pki.message(light, 137, identifier="self"),
        "e_payload": secured.sign(
            pki.at.key, etsi_header(36, NOW * SECOND), ext_data_hash=bytes(32),
            certificate=pki.at.certificate, identifier="certificate",
        ),
        "e_signer_psid": pki.message(light),
        "e_signer_validity": pki.message(pki.at, time64=pki.at.certificate.end * SECOND),
        "e_data_signature": changed(cam, **by(other.certificate.record)),
        "e_data_signature_range": signature(cam, s_sig=bytes(32)),
        "w_data_r_x_only": signature(
            cam, r_sig=dot2.EccP256CurvePoint(kind="compressed-y-0", value=b"\1" * 32)
        ),
        "e_requested_certificate": pki.message(pki.at, requested_certificate=ticket),
        "e_pki_header": pki.message(pki.ec, 623, identifier="digest", expiry_time=1),
        "e_pki_signer": pki.message(pki.ec, 623),
    }  # fmt: skip


def bad_lists(pki: Pki) -> dict[str, bytes]:
    root, tlm = pki.root, pki.tlm
    ctl, ectl = pki.ctl(), pki.ectl()
    commands = ctl.content.value.ctl_commands
    delete = etsi.CtlCommand(kind="delete", value=etsi.CtlDelete(kind="cert", value=bytes(8)))
    delete_aa = delete._replace(value=etsi.CtlDelete(kind="cert", value=pki.aa.certificate.hashed_id8))
    late = pki.ectl(schedule=EctlSchedule(NOW, NOW + 86400, 200))
    stranger = Pki()
    old = pki.make("AA", root, name="old", validity_period=dot2.ValidityPeriod(
        start=root.certificate.start, duration=dot2.Duration(kind="minutes", value=1)))  # fmt: skip

    def of_root(data, psid=624, **options) -> bytes:
        return pki.signed_list(data, root, psid, **options)

    def full(*entries) -> bytes:
        return of_root(rebuilt(ctl, ctl_commands=(*(add(entry) for entry in entries), commands[2])))

    def delta(*some) -> bytes:
        return of_root(rebuilt(ctl, is_full_ctl=False, ctl_commands=some))

    return {
        "e_list_header": of_root(ctl, 622),
        "e_list_signer": of_root(ctl, identifier="digest"),
        "e_list_readable": pki.message(root, 624),
        "e_list_signer_kind": pki.signed_list(ctl, tlm, 624),
        "e_list_signer_ssp": pki.signed_list(ctl, tlm, 624),
        "e_list_generated": of_root(ctl, generation_time=root.certificate.end * SECOND),
        "e_list_schedule": of_root(rebuilt(ctl, next_update=NOW)),
        "w_list_period": of_root(rebuilt(ctl, next_update=NOW + 200 * 86400)),
        "w_list_outlives_signer": of_root(rebuilt(ctl, next_update=root.certificate.end + 1)),
        "e_list_entries": of_root(rebuilt(ctl, ctl_commands=ectl.content.value.ctl_commands)),
        "e_list_entry_once": of_root(rebuilt(ctl, ctl_commands=(*commands, commands[0]))),
        "w_list_entry_expired": full(AaEntry(old.certificate, BASE)),
        "e_full_list_adds": of_root(rebuilt(ctl, ctl_commands=(*commands, delete))),
        "e_delta_order": delta(commands[1], delete_aa),
        "e_delta_delete": delta(etsi.CtlCommand(kind="delete", value=etsi.CtlDelete(kind="dc", value=""))),
        "e_ctl_own_dc": of_root(rebuilt(ctl, ctl_commands=commands[:2])),
        "e_ctl_entry_issuer": full(AaEntry(stranger.aa.certificate, BASE)),
        "w_ea_its_access_point": full(EaEntry(pki.ea.certificate, BASE)),
        "e_ectl_own_tlm": pki.signed_list(rebuilt(ectl, ctl_commands=()), tlm, 624),
        "w_ectl_root_dc": pki.signed_list(
            rebuilt(ectl, ctl_commands=ectl.content.value.ctl_commands[:2]), tlm, 624
        ),
        "w_ectl_sequence": pki.signed_list(late, tlm, 624),
    }


def add(entry) -> etsi.CtlCommand:
    return etsi.CtlCommand(kind="add", value=entry.record())


def bad(pki: Pki, good: dict[str, bytes]) -> dict[str, bytes]:
    return bad_messages(pki, good) | bad_lists(pki)


AGAINST_PREVIOUS = ("e_list_newer", "e_sequence_next", "e_delta_fits", "e_crl_keeps")


def sequels(pki: Pki) -> dict[str, tuple[bytes, bytes, bytes]]:
    """rule -> the full list before, one that may follow it, one that may not."""

    def of_root(data, **options) -> bytes:
        return pki.signed_list(data, pki.root, 624, **options)

    def numbered(sequence: int, **fields) -> etsi.EtsiTs102941Data:
        return rebuilt(pki.ctl(), ctl_sequence=sequence, **fields)

    delete_aa = etsi.CtlCommand(
        kind="delete", value=etsi.CtlDelete(kind="cert", value=pki.aa.certificate.hashed_id8)
    )
    delete_ea = delete_aa._replace(value=etsi.CtlDelete(kind="cert", value=pki.ea.certificate.hashed_id8))
    without_ea = of_root(rebuilt(pki.ctl(pki.ctl_entries()[1:]), ctl_sequence=4))
    before = of_root(numbered(4))
    crl = pki.signed_list(pki.crl([pki.aa.certificate]), pki.root, 622)
    return {
        "e_list_newer": (
            before,
            of_root(numbered(5)),
            of_root(numbered(5), generation_time=(NOW - 9) * SECOND),
        ),
        "e_sequence_next": (of_root(numbered(255)), of_root(numbered(0)), of_root(numbered(1))),
        "e_delta_fits": (
            without_ea,
            of_root(numbered(5, is_full_ctl=False, ctl_commands=(delete_aa,))),
            of_root(numbered(5, is_full_ctl=False, ctl_commands=(delete_ea,))),
        ),
        "e_crl_keeps": (crl, crl, pki.signed_list(pki.crl(), pki.root, 622)),
    }


@pytest.mark.parametrize("name", AGAINST_PREVIOUS)
def test_a_list_is_held_against_the_one_before(pki, name):
    before, follows, does_not = sequels(pki)[name]
    previous = SignedList.parse(before)
    assert lint_data(follows, previous=previous) == []
    assert name in {finding.rule.id for finding in lint_data(does_not, previous=previous)}


def test_a_delta_that_adds_what_is_there_does_not_fit(pki):
    previous = SignedList.parse(pki.signed_list(pki.ctl(), pki.root, 624))
    again = rebuilt(pki.ctl(), is_full_ctl=False, ctl_sequence=1)
    octets = pki.signed_list(again, pki.root, 624)
    assert {finding.rule.id for finding in lint_data(octets, previous=previous)} == {"e_delta_fits"}


def test_what_the_house_makes_of_two_lists_is_a_delta_without_findings(pki):
    """An entry that changed is deleted and added, and a delta of no change is none too few."""
    from v2xpki.trust.deltas import build_delta
    from v2xpki.trust.lists import CtlSchedule

    before = pki.ctl_entries()
    after = [before[0], AaEntry(pki.aa.certificate, f"{BASE}/elsewhere"), before[2]]
    previous = SignedList.parse(pki.signed_list(pki.ctl(before), pki.root, 624))
    for entries in (after, before):
        delta = build_delta(CtlSchedule(NOW, NOW + 86400, 1), before, entries)
        assert lint_data(pki.signed_list(delta, pki.root, 624), previous=previous) == []


def test_a_list_of_another_signer_is_not_held_against_the_one_before(pki):
    previous = SignedList.parse(pki.signed_list(rebuilt(pki.ctl(), ctl_sequence=9), pki.root, 624))
    other = Pki()
    octets = other.signed_list(other.ctl(), other.root, 624)
    assert lint_data(octets, previous=previous) == []


def test_a_link_between_generations_is_no_list(pki):
    link = etsi.EtsiTs102941Data(
        version=1,
        content=etsi.EtsiTs102941DataContent(
            kind="linkCertificateTlm",
            value=etsi.ToBeSignedLinkCertificate(
                expiry_time=NOW, certificate_hash=dot2.HashedData(kind="sha256HashedData", value=bytes(32))
            ),
        ),
    )
    assert ids(pki.signed_list(link, pki.tlm, 624, identifier="digest")) == set()


def test_times_and_all_rules_can_be_asked_for(pki):
    octets = pki.message(pki.at, expiry_time=1)
    early = MESSAGE_RULES["e_cam_header"].since - 1
    assert {finding.rule.id for finding in lint_data(octets, at=early)} == set()
    assert "e_cam_header" in {finding.rule.id for finding in lint_data(octets, at=early, every=True)}


def test_what_is_right_passes(good):
    assert {name: ids(octets) for name, octets in good.items()} == {name: set() for name in good}


@pytest.mark.parametrize("name", [name for name in DATA_RULES if name not in AGAINST_PREVIOUS])
def test_a_rule_finds_what_breaks_it(pki, good, name):
    assert name in ids(bad(pki, good)[name])


def test_entries_of_another_list_and_certificates_inside_are_linted(pki):
    foreign = rebuilt(pki.ctl(), ctl_commands=pki.ectl().content.value.ctl_commands)
    assert "e_list_entries" in ids(pki.signed_list(foreign, pki.root, 624))
    twice = rebuilt(pki.crl(), entries=(bytes(8), bytes(8)))
    assert "e_list_entry_once" in ids(pki.signed_list(twice, pki.root, 622))
    odd = pki.make("EA", pki.root, name="EA", change={"crl_series": 7})
    entries = pki.ctl_entries()
    with_odd = pki.ctl([EaEntry(odd.certificate, BASE, BASE), *entries[1:]])
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
    assert describe_data(bad_messages(pki, good)["e_data_certificate"])["signer"]["kind"] == "certificate"
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
