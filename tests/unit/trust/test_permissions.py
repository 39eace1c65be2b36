"""Permission containment (checklist P3), by example and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xpki.errors import PermissionDenied
from v2xpki.trust.permissions import Grants, range_inside, ssp_inside
from v2xpki.wire import dot2


def bitmap(hex_text: str) -> dot2.ServiceSpecificPermissions:
    return dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=bytes.fromhex(hex_text))


def opaque(octets: bytes) -> dot2.ServiceSpecificPermissions:
    return dot2.ServiceSpecificPermissions(kind="opaque", value=octets)


def bitmap_range(value: str, mask: str) -> dot2.SspRange:
    pair = dot2.BitmapSspRange(ssp_value=bytes.fromhex(value), ssp_bitmask=bytes.fromhex(mask))
    return dot2.SspRange(kind="bitmapSspRange", value=pair)


ALL = dot2.SspRange(kind="all", value=None)


def opaque_range(*entries: bytes) -> dot2.SspRange:
    return dot2.SspRange(kind="opaque", value=entries)


def group(ranges, shortest=1, reach=0, ee=0x80) -> dot2.PsidGroupPermissions:
    subject = (
        dot2.SubjectPermissions(kind="all", value=None)
        if ranges is None
        else dot2.SubjectPermissions(
            kind="explicit",
            value=tuple(dot2.PsidSspRange(psid=psid, ssp_range=limit) for psid, limit in ranges),
        )
    )
    return dot2.PsidGroupPermissions(
        subject_permissions=subject, min_chain_length=shortest, chain_length_range=reach, ee_type=ee
    )


def holds(*entries) -> tuple[dot2.PsidSsp, ...]:
    return tuple(dot2.PsidSsp(psid=psid, ssp=ssp) for psid, ssp in entries)


def allows_app(groups, permissions, ee="app") -> bool:
    try:
        Grants(groups).check_app_permissions(permissions, ee)
    except PermissionDenied:
        return False
    return True


def allows_issue(groups, subject) -> bool:
    try:
        Grants(groups).check_issue_permissions(subject)
    except PermissionDenied:
        return False
    return True


SCR_CA = bitmap_range("013e", "ffc1")  # what a root grants its EAs and AAs


@pytest.mark.parametrize(
    ("ssp", "limit", "inside"),
    [
        (bitmap("010e"), SCR_CA, True),
        (bitmap("0132"), SCR_CA, True),
        (bitmap("01c0"), SCR_CA, False),  # bits that the mask fixes to 0
        (bitmap("020e"), SCR_CA, False),  # another SSP version
        (bitmap("010e00"), SCR_CA, False),  # longer
        (bitmap("01"), SCR_CA, False),  # shorter
        (bitmap("01c0"), bitmap_range("01c0", "ff3f"), True),
        (bitmap("0100"), bitmap_range("01c0", "ff3f"), True),
        (bitmap("01c1"), bitmap_range("01c0", "ff3f"), False),
        (bitmap("01"), bitmap_range("0101", "ff"), False),  # value and mask of different lengths
        (opaque(b"\x01\x0e"), SCR_CA, False),
        (None, SCR_CA, False),
        (None, None, True),
        (bitmap("01"), None, False),
        (None, ALL, True),
        (bitmap("01"), ALL, True),
        (opaque(b"ab"), opaque_range(b"ab", b"c"), True),
        (opaque(b"a"), opaque_range(b"ab", b"c"), False),
        (bitmap("6162"), opaque_range(b"ab"), False),
        (None, opaque_range(b""), True),
        (None, opaque_range(b"a"), False),
    ],
)
def test_p3_ssp_inside_range(ssp, limit, inside):
    assert ssp_inside(ssp, limit) is inside


def test_p3_a_range_may_be_narrowed_and_not_widened():
    outer = bitmap_range("01ffff", "ff0000")
    assert range_inside(bitmap_range("01fffc", "ff0003"), outer)  # two more bits fixed
    assert range_inside(outer, outer)
    assert not range_inside(outer, bitmap_range("01fffc", "ff0003"))
    assert not range_inside(bitmap_range("02ffff", "ff0000"), outer)
    assert not range_inside(bitmap_range("01ffffff", "ff000000"), outer)
    assert not range_inside(ALL, outer)
    assert not range_inside(None, outer)
    assert range_inside(outer, ALL)
    assert range_inside(None, None)
    assert not range_inside(outer, None)
    assert range_inside(opaque_range(b"a"), opaque_range(b"a", b"b"))
    assert not range_inside(opaque_range(b"a", b"c"), opaque_range(b"a", b"b"))
    assert not range_inside(opaque_range(b"a"), outer)
    assert range_inside(None, opaque_range(b""))


def test_p3_names_the_psid_that_is_beyond():
    grants = Grants([group([(36, bitmap_range("01ffff", "ff0000")), (37, None)])])
    with pytest.raises(PermissionDenied, match="psid 99") as denied:
        grants.check_app_permissions(holds((36, bitmap("010000")), (99, None)))
    assert denied.value.rule == "app-permissions"
    with pytest.raises(PermissionDenied, match="psid 36: SSP 020000"):
        grants.check_app_permissions(holds((36, bitmap("020000"))))


def test_p3_one_of_several_ranges_of_a_psid_is_enough():
    ranges = [(37, bitmap_range("01ffffff", "ff000000")), (37, bitmap_range("02ffffffff", "ff00000000"))]
    assert allows_app([group(ranges)], holds((37, bitmap("01123456"))))
    assert allows_app([group(ranges)], holds((37, bitmap("0212345678"))))
    assert not allows_app([group(ranges)], holds((37, bitmap("0312345678"))))


def test_p3_chain_length_of_app_permissions_is_one():
    cam = holds((36, None))
    assert allows_app([group([(36, None)])], cam)
    assert not allows_app([group([(36, None)], shortest=2)], cam)  # for what is below a subordinate
    assert allows_app([group([(36, None)], shortest=1, reach=1)], cam)
    assert allows_app([group([(36, None)], shortest=1, reach=-1)], cam)
    assert not allows_app([group([(36, None)], shortest=2, reach=-1)], cam)
    assert not allows_app([group([(36, None)], shortest=0, reach=1)], cam)  # there is no chain of none


def test_p3_ee_type_keeps_app_and_enrol_apart():
    cam = holds((36, None))
    assert not allows_app([group([(36, None)], ee=0x40)], cam)
    assert allows_app([group([(36, None)], ee=0x40)], cam, "enrol")
    assert not allows_app([group([(36, None)], ee=0x80)], cam, "enrol")
    assert allows_app([group([(36, None)], ee=0xC0)], cam, "enrol")


def test_p3_chain_length_shrinks_by_one_each_step():
    root = [group([(36, None)], shortest=2, ee=0xC0)]
    assert allows_issue(root, [group([(36, None)])])
    assert allows_issue(root, [group([(36, None)], ee=0xC0)])
    assert not allows_issue(root, [group([(36, None)], shortest=2)])
    assert not allows_issue(root, [group([(36, None)], reach=1)])
    assert not allows_issue(root, [group([(36, None)], reach=-1)])
    assert not allows_issue([group([(36, None)], shortest=1)], [group([(36, None)])])
    assert allows_issue([group([(36, None)], shortest=1, reach=-1)], [group([(36, None)], reach=-1)])
    assert allows_issue(
        [group([(36, None)], shortest=2, reach=2)], [group([(36, None)], shortest=2, reach=1)]
    )
    assert not allows_issue(
        [group([(36, None)], shortest=2, reach=2)], [group([(36, None)], shortest=2, reach=2)]
    )
    assert not allows_issue([group([(36, None)], reach=-1)], [group([(36, None)], shortest=0)])


def test_p3_issue_permissions_keep_the_ee_type():
    assert not allows_issue([group([(36, None)], shortest=2, ee=0x80)], [group([(36, None)], ee=0xC0)])
    assert not allows_issue([group([(36, None)], shortest=2, ee=0x80)], [group([(36, None)], ee=0x40)])


def test_p3_all_does_not_cover_what_is_named_explicitly():
    both = [group(None, reach=-1), group([(36, bitmap_range("0100", "ffff"))], reach=-1)]
    assert allows_app(both, holds((37, bitmap("aa"))))
    assert allows_app(both, holds((36, bitmap("0100"))))
    assert not allows_app(both, holds((36, bitmap("0101"))))
    # a subordinate's `all` must restate the limit
    assert not allows_issue(both, [group(None)])
    assert allows_issue(both, [group(None), group([(36, bitmap_range("0100", "ffff"))])])
    assert not allows_issue(both, [group(None), group([(36, ALL)])])
    assert not allows_issue([group([(36, ALL)], reach=-1)], [group(None)])


def test_a_denied_set_stays_denied_after_an_accepted_one():
    grants = Grants([group([(36, bitmap_range("01ffff", "ff0000"))])])
    for _ in range(2):
        grants.check_app_permissions(holds((36, bitmap("010203"))))
        with pytest.raises(PermissionDenied):
            grants.check_app_permissions(holds((36, bitmap("020203"))))
        with pytest.raises(PermissionDenied):  # remembered for app, not for enrol
            grants.check_app_permissions(holds((36, bitmap("010203"))), "enrol")


# --- properties ----------------------------------------------------------------------------

PSIDS = st.integers(0, 6)


@st.composite
def bitmaps(draw):
    size = draw(st.integers(1, 3))
    return draw(st.binary(min_size=size, max_size=size)), draw(st.binary(min_size=size, max_size=size))


RANGES = st.one_of(
    st.none(),
    st.just(ALL),
    st.lists(st.binary(max_size=2), min_size=1, max_size=3).map(lambda entries: opaque_range(*entries)),
    bitmaps().map(lambda pair: bitmap_range(pair[0].hex(), pair[1].hex())),
)
SSPS = st.one_of(
    st.none(),
    st.binary(max_size=2).map(opaque),
    st.binary(min_size=1, max_size=3).map(lambda octets: bitmap(octets.hex())),
)
GROUPS = st.lists(
    st.builds(
        group,
        st.one_of(st.none(), st.lists(st.tuples(PSIDS, RANGES), min_size=1, max_size=4)),
        shortest=st.integers(1, 3),
        reach=st.integers(-1, 2),
        ee=st.sampled_from([0x80, 0x40, 0xC0]),
    ),
    max_size=3,
)
APPS = st.lists(st.tuples(PSIDS, SSPS), min_size=1, max_size=3).map(lambda entries: holds(*entries))


@given(inner=RANGES, outer=RANGES, ssp=SSPS)
def test_what_an_inner_range_allows_the_outer_allows(inner, outer, ssp):
    if range_inside(inner, outer) and ssp_inside(ssp, inner):
        assert ssp_inside(ssp, outer)


@given(a=RANGES, b=RANGES, c=RANGES)
def test_containment_of_ranges_is_a_partial_order(a, b, c):
    assert range_inside(a, a) or (
        a is not None and a.kind == "bitmapSspRange" and len(a.value.ssp_value) == 0
    )
    if range_inside(a, b) and range_inside(b, c):
        assert range_inside(a, c)


@given(pair=bitmaps(), octets=st.binary(min_size=3, max_size=3), bit=st.integers(0, 23))
def test_an_ssp_built_inside_is_accepted_and_one_fixed_bit_changed_is_refused(pair, octets, bit):
    value, mask = pair
    limit = bitmap_range(value.hex(), mask.hex())
    built = bytes((v & m) | (o & ~m & 0xFF) for v, m, o in zip(value, mask, octets, strict=False))
    assert ssp_inside(bitmap(built.hex()), limit)
    position, weight = bit // 8, 1 << bit % 8
    if position < len(mask):
        changed = bytearray(built)
        changed[position] ^= weight
        assert ssp_inside(bitmap(bytes(changed).hex()), limit) is not bool(mask[position] & weight)


@given(pair=bitmaps(), more=st.binary(min_size=3, max_size=3), bit=st.integers(0, 23))
def test_a_range_built_inside_is_accepted_and_one_bit_freed_is_refused(pair, more, bit):
    value, mask = pair
    outer = bitmap_range(value.hex(), mask.hex())
    narrower = bytes(m | o for m, o in zip(mask, more, strict=False))
    assert range_inside(bitmap_range(value.hex(), narrower.hex()), outer)
    position, weight = bit // 8, 1 << bit % 8
    if position < len(mask) and mask[position] & weight:
        freed = bytearray(narrower)
        freed[position] &= ~weight & 0xFF
        assert not range_inside(bitmap_range(value.hex(), bytes(freed).hex()), outer)


@given(issuer=GROUPS, middle=GROUPS, permissions=APPS, ee=st.sampled_from(["app", "enrol"]))
def test_a_subordinate_grants_nothing_that_its_issuer_does_not_grant_two_links_down(
    issuer, middle, permissions, ee
):
    """If `middle` may be issued and itself allows the permissions, then some chain of two was granted."""
    if not (allows_issue(issuer, middle) and allows_app(middle, permissions, ee)):
        return
    one_step_down = [
        g._replace(min_chain_length=max(1, g.min_chain_length - 1))
        for g in issuer
        if g.min_chain_length <= 2
        and (g.chain_length_range == -1 or g.min_chain_length + g.chain_length_range >= 2)
    ]
    lost = [g for g in issuer if g not in one_step_down]
    named = {
        e.psid for g in lost if g.subject_permissions.kind == "explicit" for e in g.subject_permissions.value
    }
    kept = holds(*((p, s) for p, s in permissions if p not in named))
    widened = [g._replace(min_chain_length=1, chain_length_range=-1) for g in one_step_down]
    assert not kept or allows_app(widened, kept, ee)


@given(groups=GROUPS)
def test_a_subordinate_with_one_link_less_and_the_same_permissions_is_accepted(groups):
    subject = [g._replace(min_chain_length=g.min_chain_length - 1) for g in groups if g.min_chain_length > 1]
    if any(g.subject_permissions.kind == "all" for g in subject):
        return  # `all` must restate what its issuer names: an example of its own above
    assert allows_issue(groups, subject)


@given(groups=GROUPS, permissions=APPS, other=st.integers(7, 9))
def test_a_psid_that_nobody_grants_is_refused(groups, permissions, other):
    if any(g.subject_permissions.kind == "all" for g in groups):
        return
    assert not allows_app(groups, permissions + holds((other, None)))
