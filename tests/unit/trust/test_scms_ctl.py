"""The CTL of an SCMS: a quorum of its electors decides, and nothing less; and what is trusted by it."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scms_trust import NOW, SERIES, World, certificates, make, pseudonym, vote
from v2xpki import wire
from v2xpki.errors import DecodeError, InvalidChain, InvalidCtl
from v2xpki.secured import unsecured
from v2xpki.trust.scms_ctl import ScmsCtl, ScmsTrust, elector_hash, root_hash, verify_ctl_signature
from v2xpki.trust.scms_ctl_plan import assemble, build_ctl
from v2xpki.wire import dot2, scms


@pytest.fixture(scope="module")
def world() -> World:
    return World.make()


def refused(rule: str):
    return pytest.raises(InvalidCtl, check=lambda error: error.rule == rule)


# --- what it is ---------------------------------------------------------------------------------------


def test_a_list_names_electors_and_roots_by_the_hashes_of_the_types(world: World):
    ctl = world.ctl()
    assert set(ctl.electors) == {hashlib.sha384(c.octets).digest() for c in certificates(world.electors)}
    assert ctl.roots == (hashlib.sha256(world.root.certificate.octets).digest(),)
    assert (ctl.series, ctl.sequence, ctl.effective, ctl.quorum) == (SERIES, 1, NOW, 2)
    assert ctl.digest == hashlib.sha384(ctl.tbs).digest()


def test_all_electors_build_the_same_octets_whatever_the_order_of_their_files(world: World):
    turned = tuple(reversed(certificates(world.electors)))
    assert build_ctl(world.plan()) == build_ctl(world.plan(electors=turned))


numbers = st.integers(0, 65_535)


@settings(max_examples=30, deadline=None)
@given(sequence=numbers, effective=st.integers(0, 2**32 - 1), series=st.binary(min_size=8, max_size=8))
def test_what_is_built_reads_back_and_encodes_to_the_same_octets(sequence, effective, series):
    world, series = _shared(), series[:7] + b"\1"
    tbs = build_ctl(world.plan(sequence=sequence, effective=effective, series=series))
    octets = assemble(tbs, [vote(world.electors[0], tbs)], certificates(world.electors))
    ctl = ScmsCtl.parse(octets)
    assert (ctl.sequence, ctl.effective, ctl.series, ctl.tbs) == (sequence, effective, series, tbs)
    assert wire.encode(ctl.data) == octets


_worlds: list[World] = []


def _shared() -> World:
    if not _worlds:
        _worlds.append(World.make())
    return _worlds[0]


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 2000), octet=st.integers(1, 255))
def test_a_changed_octet_is_never_taken_for_what_was_signed(place, octet):
    world = _shared()
    ctl = world.ctl()
    octets = bytearray(ctl.octets)
    octets[place % len(octets)] ^= octet
    try:
        changed = ScmsCtl.parse(bytes(octets))
        changed.verify(certificates(world.electors), 2, NOW)
    except (InvalidCtl, DecodeError):
        return
    assert changed.tbs == ctl.tbs  # it was in what nobody signs: `unsigned`, or a signer that does not count


# --- who signs it -------------------------------------------------------------------------------------


def test_two_of_three_are_a_quorum_and_one_is_none(world: World):
    world.ctl().verify(certificates(world.electors), 2, NOW)
    with refused("quorum"):
        world.ctl(voters=world.electors[:1]).verify(certificates(world.electors), 2, NOW)


def test_one_elector_who_signs_twice_is_one(world: World):
    with refused("quorum"):
        world.ctl(voters=world.electors[:1] * 2).verify(certificates(world.electors), 2, NOW)


def test_who_is_no_elector_of_the_list_before_does_not_count(world: World):
    stranger = make("ELECTOR", name="stranger")
    ctl = world.ctl(voters=[world.electors[0], stranger])
    with refused("quorum"):
        ctl.verify(certificates(world.electors), 2, NOW)
    ctl.verify((*certificates(world.electors), stranger.certificate), 2, NOW)


@pytest.mark.parametrize("change", [{"sequence_number": 2}, {"tbs_ctl_hash": bytes(48)}, {"ctl_type": 2},
                                    {"ctl_series_id": b"another1"}])  # fmt: skip
def test_a_signature_for_another_list_does_not_count(world: World, change):
    tbs = build_ctl(world.plan())
    votes = [vote(world.electors[0], tbs), vote(world.electors[1], tbs, **change)]
    with refused("quorum"):
        ScmsCtl.parse(assemble(tbs, votes)).verify(certificates(world.electors), 2, NOW)
    with refused("signature"):
        verify_ctl_signature(votes[1], world.electors[1].certificate, tbs)
    verify_ctl_signature(votes[0], world.electors[0].certificate, tbs)


def test_a_signature_that_does_not_verify_does_not_count(world: World):
    tbs = build_ctl(world.plan())
    broken = bytearray(vote(world.electors[1], tbs))
    broken[-1] ^= 1
    ctl = ScmsCtl.parse(assemble(tbs, [vote(world.electors[0], tbs), bytes(broken)]))
    with refused("quorum"):
        ctl.verify(certificates(world.electors), 2, NOW)


def test_an_elector_may_be_named_by_its_certificate(world: World):
    tbs = build_ctl(world.plan())
    votes = [vote(own, tbs, "certificate") for own in world.electors[:2]]
    ScmsCtl.parse(assemble(tbs, votes)).verify(certificates(world.electors), 2, NOW)


def test_an_elector_whose_certificate_has_ended_does_not_count(world: World):
    end = world.electors[0].certificate.end
    with refused("quorum"):
        world.ctl().verify(certificates(world.electors), 2, end)


# --- what it may say ------------------------------------------------------------------------------------


def test_a_list_does_not_hold_before_its_date(world: World):
    with refused("effective"):
        world.ctl(effective=NOW + 1).verify(certificates(world.electors), 2, NOW)


def test_the_sequence_goes_forward(world: World):
    two = world.ctl(sequence=2)
    electors = certificates(world.electors)
    two.verify(electors, 2, NOW, two)
    for sequence in (1, 2):
        with refused("sequence"):
            world.ctl(sequence=sequence, quorum=1).verify(electors, 2, NOW, two)
    world.ctl(sequence=9).verify(electors, 2, NOW, two)  # who has been away missed some


def test_another_series_is_another_matter(world: World):
    with refused("series"):
        world.ctl(sequence=2, series=b"series-2").verify(certificates(world.electors), 2, NOW, world.ctl())


def test_what_goes_is_named(world: World):
    first = world.ctl(roots=(world.root.certificate, make("SCMS_ROOT", name="second").certificate))
    second = world.ctl(sequence=2, before=first)
    assert len(second.record.root_ca_remove) == 1
    second.verify(certificates(world.electors), 2, NOW, first)
    with refused("changes"):
        world.ctl(sequence=2).verify(certificates(world.electors), 2, NOW, first)


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("type", {"type": 1}),
        ("electors", {"elector_approve": ()}),
        ("electors", {"elector_approve": (bytes(48), bytes(48))}),
        ("electors", {"elector_remove": "first"}),
        ("roots", {"root_ca_approve": (bytes(32), bytes(32))}),
        ("quorum", {"quorum": 0}),
        ("quorum", {"quorum": 4}),
    ],
)
def test_a_list_that_contradicts_itself_is_refused(world: World, rule: str, changes):
    ctl = world.ctl()
    if changes.get("elector_remove") == "first":
        changes = {"elector_remove": ctl.electors[:1]}
    outer = scms.MultiSignedCtl(1, wire.encode(ctl.record._replace(**changes)), b"", ctl.signatures)._replace(
        **({"type": 2} if rule == "type" else {})
    )
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("cert", scms.CertManagementPdu("multiSignedCtl", outer)))
    with refused(rule):
        ScmsCtl.parse(unsecured(wire.encode(pdu)))


def test_certificates_beside_the_list_are_those_that_it_names(world: World):
    tbs = build_ctl(world.plan())
    with refused("unsigned"):
        assemble(tbs, [vote(world.electors[0], tbs)], [make("SCMS_ROOT", name="other").certificate])


@pytest.mark.parametrize("octets", [unsecured(b"\x02\x84"), unsecured(b""), unsecured(b"\x02\x80\x80")])
def test_what_is_no_list_is_refused(octets: bytes):
    with refused("form"):
        ScmsCtl.parse(octets)
    with pytest.raises(DecodeError):
        ScmsCtl.parse(octets + b"\0")


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("series", {"series": b"short"}),
        ("sequence", {"sequence": 65_536}),
        ("quorum", {"quorum": 0}),
        ("quorum", {"quorum": 4}),
        ("electors", {"electors": "root"}),
        ("roots", {"roots": "elector"}),
    ],
)
def test_a_plan_that_makes_no_list_does_not_construct(world: World, rule: str, change):
    if rule == "electors":
        change = {"electors": (world.root.certificate,), "quorum": 1}
    if rule == "roots":
        change = {"roots": certificates(world.electors[:1])}
    with refused(rule):
        world.plan(**change)


def test_a_plan_follows_the_present_list(world: World):
    with refused("sequence"):
        build_ctl(world.plan(sequence=3), world.ctl())
    with refused("series"):
        build_ctl(world.plan(sequence=2, series=b"series-2"), world.ctl())


def test_a_list_that_nobody_signed_is_none(world: World):
    with refused("quorum"):
        assemble(build_ctl(world.plan()), [])


# --- what is trusted by it ----------------------------------------------------------------------------


def test_a_list_makes_roots_trusted_and_by_them_components_and_end_entities(world: World):
    trust = world.trust()
    trust.accept(world.ctl().octets, NOW)
    assert trust.roots == (world.root.certificate,) and trust.missing == ()
    parts = certificates(list(world.components.values()))
    assert trust.learn(reversed(parts), NOW) == ()
    for kind, role in (("ACA", "aca"), ("RA", "ra"), ("LA", "la"), ("MA", "ma"), ("CRLG", "crl")):
        assert trust.components(role, NOW) == (world.components[kind].certificate,)
    trust.verify(pseudonym(world.components["ACA"]).certificate, NOW)
    assert trust.issuer(world.components["ACA"].certificate.hashed_id8) is not None


def test_before_a_list_nothing_is_trusted(world: World):
    with pytest.raises(InvalidChain):
        world.trust().verify(world.components["RA"].certificate, NOW)


def test_a_root_that_is_not_on_the_list_is_not_trusted(world: World):
    other = make("SCMS_ROOT", name="other")
    trust = world.trust()
    trust.accept(world.ctl().octets, NOW, [other.certificate])
    assert trust.learn([other.certificate, make("RA", other).certificate], NOW) != ()
    assert trust.components("ra", NOW) == ()


def test_a_root_that_goes_takes_its_components_along(world: World):
    other = make("SCMS_ROOT", name="other")
    ra, aca = make("RA", other), make("ACA", other)
    first = world.ctl(roots=(world.root.certificate, other.certificate))
    trust = world.trust()
    trust.accept(first, NOW)
    trust.learn(certificates([ra, aca, world.components["RA"]]), NOW)
    assert len(trust.components("ra", NOW)) == 2
    trust.accept(world.ctl(sequence=2, before=first), NOW)
    assert trust.components("ra", NOW) == (world.components["RA"].certificate,)
    with pytest.raises(InvalidChain):
        trust.verify(pseudonym(aca).certificate, NOW)


def test_new_electors_need_the_old_ones_and_then_count_alone(world: World):
    fresh = [make("ELECTOR", name=f"fresh{n}") for n in (1, 2, 3)]
    first = world.ctl()
    trust = world.trust()
    trust.accept(first, NOW)
    change = {"sequence": 2, "before": first, "electors": certificates(fresh)}
    with refused("quorum"):
        trust.accept(world.ctl(voters=fresh, **change), NOW)
    assert trust.ctl is first
    second = world.ctl(**change)
    trust.accept(second, NOW)
    with refused("quorum"):
        trust.accept(world.ctl(sequence=3, electors=certificates(fresh), before=second), NOW)
    trust.accept(world.ctl(sequence=3, electors=certificates(fresh), before=second, voters=fresh[:2]), NOW)
    assert set(trust.electors) == set(certificates(fresh))


def test_the_quorum_of_a_list_is_asked_of_the_next_one(world: World):
    trust = world.trust()
    first = world.ctl(quorum=3)
    trust.accept(first, NOW)
    with refused("quorum"):
        trust.accept(world.ctl(sequence=2, before=first), NOW)
    trust.accept(world.ctl(sequence=2, before=first, voters=world.electors), NOW)
    assert trust.quorum == 2


def test_after_a_restart_no_older_list_is_taken(world: World):
    trust = world.trust(present=world.ctl(sequence=5))
    assert trust.roots == (world.root.certificate,)
    with refused("sequence"):
        trust.accept(world.ctl(sequence=4), NOW)


def test_certificates_that_the_list_does_not_carry_may_come_beside_it(world: World):
    tbs = build_ctl(world.plan())
    bare = assemble(tbs, [vote(own, tbs) for own in world.electors[:2]])
    trust = world.trust()
    trust.accept(bare, NOW)
    assert trust.roots == () and trust.missing == (root_hash(world.root.certificate),)
    trust.accept(bare, NOW, [world.root.certificate])
    assert trust.roots == (world.root.certificate,) and trust.missing == ()


def test_a_chain_file_brings_the_list_and_the_components(world: World):
    parts = [world.root, *world.components.values()]
    chain = scms.CertificateChain(world.ctl().data, tuple(c.record for c in certificates(parts)))
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("cert", scms.CertManagementPdu("certificateChain", chain)))
    trust = world.trust()
    trust.accept_chain_file(unsecured(wire.encode(pdu)), NOW)
    assert trust.components("eca", NOW) == (world.components["ECA"].certificate,)


@pytest.mark.parametrize("quorum", [0, 4])
def test_anchors_without_a_possible_quorum_are_refused(world: World, quorum: int):
    with refused("quorum"):
        ScmsTrust(certificates(world.electors), quorum)


def test_an_anchor_that_is_no_elector_is_refused(world: World):
    with pytest.raises(InvalidChain):
        ScmsTrust((world.root.certificate,), 1)


def test_a_list_that_names_no_root_ca_as_a_root_is_refused(world: World):
    tbs = build_ctl(world.plan())
    record = wire.decode(scms.FullIeeeTbsCtl, tbs)
    false = world.components["ACA"].certificate
    tbs = wire.encode(record._replace(root_ca_approve=(root_hash(false),)))
    trust = world.trust()
    with refused("roots"):
        trust.accept(assemble(tbs, [vote(own, tbs) for own in world.electors[:2]], [false]), NOW)
    assert trust.ctl is None and elector_hash(false) not in record.elector_approve


# --- links of a chain -----------------------------------------------------------------------------------


def test_a_component_is_of_a_root_and_an_end_entity_of_an_aca(world: World):
    trust = world.trust()
    trust.accept(world.ctl(), NOW)
    trust.learn(certificates(list(world.components.values())), NOW)
    aca, root = world.components["ACA"], world.root
    role = dot2.PsidSsp(
        35, dot2.ServiceSpecificPermissions("opaque", wire.encode(scms.SecurityMgmtSsp("ra", scms.RaSsp(2))))
    )
    for false in (
        pseudonym(root),
        pseudonym(aca, app_permissions=(role,)),
        pseudonym(world.components["ECA"]),
    ):
        with pytest.raises(InvalidChain):
            trust.verify(false.certificate, NOW)


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("app-permissions", {"app_permissions": (dot2.PsidSsp(99, None),)}),
        ("validity-inside", {"validity_period": dot2.ValidityPeriod(NOW, dot2.Duration("years", 30))}),
        ("profile", {"app_permissions": (dot2.PsidSsp(32, None), dot2.PsidSsp(32, None))}),
    ],
)
def test_an_end_entity_beyond_its_aca_is_refused(world: World, rule: str, fields):
    trust = world.trust()
    trust.accept(world.ctl(), NOW)
    trust.learn([world.components["ACA"].certificate], NOW)
    with pytest.raises(InvalidChain, check=lambda error: error.rule == rule):
        trust.verify(pseudonym(world.components["ACA"], **fields).certificate, NOW)
