"""CTL, ECTL and CRL (checklist L1, L3, L4, L5): schedules, entries, what is published, what is read."""

import json

import pytest

from tests.unit.trust.pki import BASE, NOW, Identity, Pki, sign_tbs
from v2xpki import secured, wire
from v2xpki.crypto import Certificate
from v2xpki.errors import DecodeError, InvalidList, UnexpectedContent
from v2xpki.secured import etsi_header
from v2xpki.trust.lists import (
    AaEntry,
    CrlSchedule,
    CtlSchedule,
    DcEntry,
    EaEntry,
    EctlSchedule,
    RcaEntry,
    SignedList,
    TlmEntry,
    build_crl,
    build_ctl,
    build_ectl,
)
from v2xpki.wire import etsi

DAY = 86400


def refuse(rule: str, octets: bytes, signer: Certificate, at: int = NOW) -> str:
    with pytest.raises(InvalidList) as refused:
        SignedList.parse(octets).verify(signer, at)
    assert refused.value.rule == rule, refused.value
    return str(refused.value)


# --- schedules -----------------------------------------------------------------------------


def test_a_schedule_that_ends_before_it_starts_is_not_made_and_both_numbers_are_named():
    for make in (CrlSchedule, lambda a, b: CtlSchedule(a, b, 0), lambda a, b: EctlSchedule(a, b, 0)):
        for stop in (NOW, NOW - 1):
            with pytest.raises(InvalidList, match=rf"{stop}.*{NOW}"):
                make(NOW, stop)
        with pytest.raises(InvalidList, match=str(1 << 32)):
            make(NOW, 1 << 32)


def test_l3_a_ctl_sequence_is_one_octet_and_wraps():
    for wrong in (-1, 256):
        with pytest.raises(InvalidList, match=f"{wrong}.*255"):
            CtlSchedule(NOW, NOW + DAY, wrong)
    assert CtlSchedule(NOW, NOW + DAY, 254).next_sequence == 255
    assert CtlSchedule(NOW, NOW + DAY, 255).next_sequence == 0
    assert CtlSchedule(NOW, NOW + DAY, 255).warning is None


def test_l3_an_ectl_never_wraps_names_the_re_key_and_warns_at_200():
    assert EctlSchedule(NOW, NOW + DAY, 199).warning is None
    assert "200" in EctlSchedule(NOW, NOW + DAY, 200).warning
    last = EctlSchedule(NOW, NOW + DAY, 255)
    with pytest.raises(InvalidList, match=r"256.*255") as refused:
        EctlSchedule(NOW, NOW + DAY, last.next_sequence)
    assert "re-key" in refused.value.hint
    with pytest.raises(InvalidList):
        EctlSchedule(NOW, NOW + DAY, -1)


# --- building ------------------------------------------------------------------------------


def test_l1_a_ctl_has_its_authorities_and_a_dc_of_the_root(pki):
    data = pki.ctl()
    assert data.content.kind == "certificateTrustListRca"
    assert wire.encode(data)[:5].hex(" ") == "01 86 00 01 01"
    body = data.content.value
    assert body.is_full_ctl and all(command.kind == "add" for command in body.ctl_commands)
    assert [command.value.kind for command in body.ctl_commands] == ["ea", "aa", "dc"]


def test_l1_a_ctl_without_the_roots_own_dc_is_not_built(pki):
    entries = pki.ctl_entries()
    with pytest.raises(InvalidList, match=pki.root.certificate.hex8):
        pki.ctl(entries[:2])
    with pytest.raises(InvalidList, match="own digest"):
        pki.ctl([*entries[:2], DcEntry(f"{BASE}/dc", (bytes(8),))])


def test_l1_a_ctl_takes_only_its_own_authorities_once_each(pki):
    entries = pki.ctl_entries()
    with pytest.raises(InvalidList, match="not RcaEntry"):
        pki.ctl([*entries, RcaEntry(pki.root.certificate)])
    with pytest.raises(InvalidList, match="not issued by"):
        pki.ctl([*entries, AaEntry(Pki().aa.certificate, f"{BASE}/aa")])
    with pytest.raises(InvalidList, match="twice"):
        pki.ctl([*entries, entries[0]])
    with pytest.raises(InvalidList, match="ECTL"):
        build_ctl(pki.root.certificate, EctlSchedule(NOW, NOW + DAY, 0), entries)


def test_l1_access_points_are_mandatory_urls(pki):
    for url in ("", "ea.example", "ftp://x/", "http://x/ y", "http://ü/"):
        with pytest.raises(InvalidList, match="aaAccessPoint"):
            EaEntry(pki.ea.certificate, url)
        with pytest.raises(InvalidList, match="AA accessPoint"):
            AaEntry(pki.aa.certificate, url)
        with pytest.raises(InvalidList, match="url"):
            DcEntry(url, (bytes(8),))
        with pytest.raises(InvalidList, match="TLM accessPoint"):
            TlmEntry(pki.tlm.certificate, url)
    with pytest.raises(InvalidList, match="itsAccessPoint"):
        EaEntry(pki.ea.certificate, BASE, "")
    assert EaEntry(pki.ea.certificate, BASE).record().value.its_access_point is None
    for roots in ((), (b"short",)):
        with pytest.raises(InvalidList, match="eight"):
            DcEntry(BASE, roots)


def test_l4_an_ectl_has_roots_dcs_and_its_own_tlm(pki):
    data = pki.ectl()
    assert wire.encode(data)[:5].hex(" ") == "01 85 00 01 01"
    assert [command.value.kind for command in data.content.value.ctl_commands] == ["rca", "tlm", "dc"]
    with pytest.raises(InvalidList, match="no entry for the TLM"):
        pki.ectl(pki.ectl_entries()[:1])
    with pytest.raises(InvalidList, match="not EaEntry"):
        pki.ectl([*pki.ectl_entries(), pki.ctl_entries()[0]])
    with pytest.raises(InvalidList, match="EctlSchedule"):
        build_ectl(pki.tlm.certificate, CtlSchedule(NOW, NOW + DAY, 0), pki.ectl_entries())
    for entry in (lambda: RcaEntry(pki.ea.certificate), lambda: TlmEntry(pki.ea.certificate, BASE)):
        with pytest.raises(InvalidList, match="self-signed"):
            entry()


def test_l4_successors_are_kept(pki):
    entry = RcaEntry(pki.root.certificate, Pki().root.certificate)
    octets = pki.signed_list(pki.ectl([entry, *pki.ectl_entries()[1:]]), pki.tlm, 624)
    assert SignedList.parse(octets).entries[0] == entry


def test_l5_an_empty_crl_is_issued(pki):
    octets = pki.signed_list(pki.crl(), pki.root, 622)
    crl = SignedList.parse(octets)
    crl.verify(pki.root.certificate, NOW)
    assert crl.message.payload[:5].hex(" ") == "01 84 00 01 01"
    assert (crl.kind, crl.revoked, crl.sequence, crl.is_full) == ("crl", frozenset(), None, True)


def test_l5_a_crl_has_the_roots_own_authorities_until_they_expire(pki):
    body = pki.crl([pki.aa.certificate, pki.aa.certificate, pki.root.certificate]).content.value
    assert sorted(body.entries) == sorted((pki.aa.certificate.hashed_id8, pki.root.certificate.hashed_id8))
    late = CrlSchedule(pki.aa.certificate.end, pki.aa.certificate.end + DAY)
    assert build_crl(pki.root.certificate, late, [pki.aa.certificate]).content.value.entries == ()
    with pytest.raises(InvalidList, match="another root"):
        pki.crl([Pki().root.certificate])
    with pytest.raises(InvalidList, match="not issued by this RCA"):
        pki.crl([pki.ec.certificate])


# --- reading -------------------------------------------------------------------------------


@pytest.fixture
def lists(pki):
    return {
        "ctl": (pki.signed_list(pki.ctl(), pki.root, 624), pki.root.certificate),
        "ectl": (pki.signed_list(pki.ectl(), pki.tlm, 624), pki.tlm.certificate),
        "crl": (pki.signed_list(pki.crl([pki.aa.certificate]), pki.root, 622), pki.root.certificate),
    }


@pytest.mark.parametrize("kind", ["ctl", "ectl", "crl"])
def test_what_was_built_and_signed_verifies(pki, lists, kind):
    octets, signer = lists[kind]
    read = SignedList.parse(octets)
    read.verify(signer, NOW)
    assert read.kind == kind and read.octets == octets and read.signer_id8 == signer.hashed_id8
    if kind == "crl":
        assert read.revoked == {pki.aa.certificate.hashed_id8}
    else:
        assert list(read.entries) == (pki.ctl_entries() if kind == "ctl" else pki.ectl_entries())
        assert read.sequence == 0
    assert (read.this_update, read.next_update) == (NOW, NOW + 90 * DAY)


@pytest.mark.parametrize("kind", ["ctl", "ectl", "crl"])
def test_a_list_holds_from_this_update_to_next_update(lists, kind):
    octets, signer = lists[kind]
    refuse("not-yet-valid", octets, signer, NOW - 61)
    SignedList.parse(octets).verify(signer, NOW - 60)  # clocks differ
    SignedList.parse(octets).verify(signer, NOW + 90 * DAY - 1)
    refuse("out-of-date", octets, signer, NOW + 90 * DAY)
    SignedList.parse(octets).verify(signer, NOW + 90 * DAY, expired=True)


@pytest.mark.parametrize("kind", ["ctl", "ectl", "crl"])
def test_a_changed_list_is_refused(pki, lists, kind):
    octets, signer = lists[kind]
    spoilt = bytearray(octets)
    spoilt[-1] ^= 1
    refuse("signature", bytes(spoilt), signer)
    refuse("signer", octets, Pki().root.certificate if kind != "ectl" else Pki().tlm.certificate)


def test_l1_a_list_by_another_authority_is_refused(pki):
    assert "psid 622" in refuse(
        "signer-permissions", pki.signed_list(pki.crl(), pki.ea, 622), pki.ea.certificate
    )
    # a TLM's SSP has no bits for EAs and AAs, a root's none for roots
    refuse("signer-permissions", pki.signed_list(pki.ctl(), pki.tlm, 624), pki.tlm.certificate)
    refuse("signer-permissions", pki.signed_list(pki.ectl(), pki.root, 624), pki.root.certificate)


def test_a_list_with_another_header_is_refused(pki):
    refuse("psid", pki.signed_list(pki.ctl(), pki.root, 622), pki.root.certificate)
    refuse("psid", pki.signed_list(pki.crl(), pki.root, 624), pki.root.certificate)
    refuse("header", pki.signed_list(pki.ctl(), pki.root, 624, expiry_time=1), pki.root.certificate)
    refuse("header", pki.signed_list(pki.ctl(), pki.root, 624, generation_time=None), pki.root.certificate)
    late = pki.root.certificate.end * 1_000_000
    ctl = pki.ctl(schedule=CtlSchedule(late // 1_000_000, late // 1_000_000 + DAY, 0))
    octets = pki.signed_list(ctl, pki.root, 624, generation_time=late)
    refuse("generation-time", octets, pki.root.certificate, late // 1_000_000)


def test_trust_lists_name_their_signer_by_certificate_a_crl_by_digest_too(pki):
    by_digest = pki.signed_list(pki.crl(), pki.root, 622, identifier="digest")
    SignedList.parse(by_digest).verify(pki.root.certificate, NOW)
    refuse("signer", pki.signed_list(pki.ctl(), pki.root, 624, identifier="digest"), pki.root.certificate)
    unsigned = secured.sign(
        pki.root.key, etsi_header(622, NOW * 1_000_000), payload=wire.encode(pki.crl()), identifier="self"
    )
    refuse("signer", unsigned, pki.root.certificate)


def rebuilt(data: etsi.EtsiTs102941Data, **fields) -> etsi.EtsiTs102941Data:
    return data._replace(content=data.content._replace(value=data.content.value._replace(**fields)))


def test_lists_that_no_builder_makes_are_refused_when_read(pki):
    root, tlm = pki.root.certificate, pki.tlm.certificate
    ctl, ectl, crl = pki.ctl(), pki.ectl(), pki.crl()
    delete = etsi.CtlCommand(kind="delete", value=etsi.CtlDelete(kind="cert", value=bytes(8)))
    commands = ctl.content.value.ctl_commands

    def signed(data, signer=pki.root, psid=624):
        return pki.signed_list(data, signer, psid)

    refuse("full-list", signed(rebuilt(ctl, ctl_commands=(*commands, delete))), root)
    refuse("own-dc", signed(rebuilt(ctl, ctl_commands=commands[:2])), root)
    refuse("entry", signed(rebuilt(ctl, ctl_commands=ectl.content.value.ctl_commands)), root)
    refuse("entry", signed(rebuilt(ectl, ctl_commands=commands), pki.tlm), tlm)
    refuse("entry", signed(rebuilt(crl, entries=(bytes(8), bytes(8))), psid=622), root)
    refuse("schedule", signed(rebuilt(crl, next_update=NOW), psid=622), root)
    refuse("schedule", signed(rebuilt(ctl, next_update=NOW)), root)
    # a delta may delete, and needs no DC of its own
    SignedList.parse(signed(rebuilt(ctl, is_full_ctl=False, ctl_commands=(delete,)))).verify(root, NOW)
    with pytest.raises(DecodeError, match="version 2"):
        SignedList.parse(signed(rebuilt(ctl, version=2)))


def test_what_is_no_list_is_not_read(pki):
    with pytest.raises(UnexpectedContent, match="enrolmentResponse"):
        response = etsi.InnerEcResponse(request_hash=bytes(16), response_code="cantparse")
        content = etsi.EtsiTs102941DataContent(kind="enrolmentResponse", value=response)
        SignedList.parse(pki.signed_list(etsi.EtsiTs102941Data(version=1, content=content), pki.root, 624))
    with pytest.raises(UnexpectedContent):
        SignedList.parse(secured.unsecured(b""))
    with pytest.raises(DecodeError):
        SignedList.parse(pki.message(pki.at))


def test_a_signer_without_the_right_ssp_is_refused(pki):
    key = pki.root.key
    tbs = pki.root.certificate.record.to_be_signed
    opaque = tbs.app_permissions[1]._replace(ssp=None)
    weak = Identity(sign_tbs(tbs._replace(app_permissions=(tbs.app_permissions[0], opaque)), None, key), key)
    dc = DcEntry(BASE, (weak.certificate.hashed_id8,))
    data = build_ctl(weak.certificate, CtlSchedule(NOW, NOW + DAY, 0), [dc])
    refuse("signer-permissions", pki.signed_list(data, weak, 624), weak.certificate)


def test_l4_the_ectl_of_the_eu_verifies_under_its_tlm(shared_vectors):
    vectors = json.loads((shared_vectors / "real_world.json").read_text())
    tlm = Certificate.parse(bytes.fromhex(vectors["certificates"]["eu_l2_tlm"]))
    octets = bytes.fromhex(vectors["signed_data"]["eu_l2_ectl"])
    ectl = SignedList.parse(octets)
    ectl.verify(tlm, ectl.generation_time)
    assert (ectl.kind, ectl.sequence, ectl.is_full) == ("ectl", 1, True)
    assert [type(entry) for entry in ectl.entries] == [RcaEntry, RcaEntry, TlmEntry, DcEntry, DcEntry]
    assert ectl.entries[2].certificate == tlm
    roots = {entry.certificate.hashed_id8 for entry in ectl.entries[:2]}
    assert roots == {root for entry in ectl.entries[3:] for root in entry.roots}
    refuse("out-of-date", octets, tlm, ectl.next_update)


def test_p3_the_roots_of_the_eu_grant_what_the_shipped_profiles_use(shared_vectors, pki):
    from v2xpki.trust import lint_certificate, permissions

    vectors = json.loads((shared_vectors / "real_world.json").read_text())
    root = SignedList.parse(bytes.fromhex(vectors["signed_data"]["eu_l2_ectl"])).entries[0].certificate
    assert lint_certificate(root, "RCA") == []
    permissions.check_certificate(root, pki.ea.certificate.record.to_be_signed)
