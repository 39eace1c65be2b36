"""Delta lists (checklist L2) and runs of lists signed ahead."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trust.pki import NOW, Pki
from v2xpki import wire
from v2xpki.errors import InvalidList
from v2xpki.trust.deltas import apply_delta, build_delta, changes
from v2xpki.trust.lists import (
    AaEntry,
    CtlSchedule,
    DcEntry,
    EaEntry,
    EctlSchedule,
    RcaEntry,
    TlmEntry,
    build_ctl,
    build_ectl,
)
from v2xpki.trust.runs import LONGEST_RUN, Period, RunSchedule
from v2xpki.wire import etsi

DAY = 86400
PKI = Pki()
OWN_DC = DcEntry("https://own.example/dc", (PKI.root.certificate.hashed_id8,))
CAS = [PKI.make("EA", PKI.root, name=f"EA {n}").certificate for n in range(5)] + [
    PKI.make("AA", PKI.root, name=f"AA {n}").certificate for n in range(5)
]
ROOTS = [PKI.make("RCA", None, name=f"Root {n}").certificate for n in range(4)]
OWN_TLM = TlmEntry(PKI.tlm.certificate, "https://own.example/cpoc")


def url(number: int) -> str:
    return f"https://host-{number}.example/x"


def ctl_entry(number: int, variant: int) -> AaEntry | EaEntry:
    certificate = CAS[number]
    if number < 5:
        return EaEntry(certificate, url(variant), url(variant) if variant % 2 else None)
    return AaEntry(certificate, url(variant))


def centre(number: int, variant: int) -> DcEntry:
    return DcEntry(url(number), tuple(ROOTS[n].hashed_id8 for n in range(variant + 1)))


VARIANT = st.integers(0, 2)
CTLS = st.builds(
    lambda cas, dcs, order: order.sample(
        [OWN_DC, *(ctl_entry(n, v) for n, v in cas.items()), *(centre(n, v) for n, v in dcs.items())],
        1 + len(cas) + len(dcs),
    ),
    st.dictionaries(st.integers(0, 9), VARIANT),
    st.dictionaries(st.integers(0, 3), VARIANT),
    st.randoms(use_true_random=False),
)
ECTLS = st.builds(
    lambda roots, dcs: [
        OWN_TLM,
        *(RcaEntry(ROOTS[n], ROOTS[v] if v else None) for n, v in roots.items()),
        *(centre(n, v) for n, v in dcs.items()),
    ],
    st.dictionaries(st.integers(0, 3), VARIANT),
    st.dictionaries(st.integers(0, 3), VARIANT),
)


def body(data: etsi.EtsiTs102941Data) -> etsi.CtlFormat:
    # as a receiver has it
    content = wire.decode(etsi.EtsiTs102941Data, wire.encode(data)).content.value
    assert isinstance(content, etsi.CtlFormat)
    return content


@settings(max_examples=80, deadline=None)
@given(CTLS, CTLS, st.integers(0, 255))
def test_l2_the_delta_leads_from_any_ctl_to_the_next_octet_by_octet(before, after, sequence):
    plan = CtlSchedule(NOW, NOW + DAY, sequence)
    full = build_ctl(PKI.root.certificate, plan, after)
    delta = body(build_delta(plan, before, after))
    assert not delta.is_full_ctl and delta.ctl_sequence == sequence and delta.next_update == NOW + DAY
    applied = apply_delta(before, delta)
    assert wire.encode(build_ctl(PKI.root.certificate, plan, applied)) == wire.encode(full)
    assert not changes(applied, after)


@settings(max_examples=40, deadline=None)
@given(ECTLS, ECTLS)
def test_l2_the_delta_leads_from_any_ectl_to_the_next_octet_by_octet(before, after):
    plan = EctlSchedule(NOW, NOW + DAY, 9)
    full = build_ectl(PKI.tlm.certificate, plan, after)
    applied = apply_delta(before, body(build_delta(plan, before, after)))
    assert wire.encode(build_ectl(PKI.tlm.certificate, plan, applied)) == wire.encode(full)


def test_a_delta_of_nothing_has_no_commands_and_a_change_is_a_deletion_and_an_addition():
    plan = CtlSchedule(NOW, NOW + DAY, 1)
    before, after = [OWN_DC, ctl_entry(0, 0)], [OWN_DC, ctl_entry(0, 1)]
    assert body(build_delta(plan, before, before)).ctl_commands == ()
    kinds = [command.kind for command in body(build_delta(plan, before, after)).ctl_commands]
    assert kinds == ["delete", "add"]


def test_a_delta_of_another_list_is_refused():
    plan = CtlSchedule(NOW, NOW + DAY, 1)
    one, two = [OWN_DC, ctl_entry(0, 0)], [OWN_DC, ctl_entry(1, 0)]
    with pytest.raises(InvalidList, match=r"deletes .*not there"):
        apply_delta(two, body(build_delta(plan, one, [OWN_DC])))
    with pytest.raises(InvalidList, match=r"adds .*is there"):
        apply_delta(one, body(build_delta(plan, [OWN_DC], one)))
    with pytest.raises(InvalidList, match="a full list"):
        apply_delta(one, body(build_ctl(PKI.root.certificate, plan, one)))


def test_the_order_in_which_entries_are_named_makes_no_other_list():
    plan = CtlSchedule(NOW, NOW + DAY, 1)
    entries = [ctl_entry(7, 0), OWN_DC, ctl_entry(2, 1), ctl_entry(1, 1)]
    one = build_ctl(PKI.root.certificate, plan, entries)
    assert one == build_ctl(PKI.root.certificate, plan, entries[::-1])


# --- runs ---------------------------------------------------------------------------------------------


def test_a_run_has_no_gap_and_each_list_begins_before_the_last_one_ends():
    run = RunSchedule(NOW, 30 * DAY, 7 * DAY, 3)
    assert list(run) == [
        Period(NOW, NOW + 30 * DAY),
        Period(NOW + 23 * DAY, NOW + 53 * DAY),
        Period(NOW + 46 * DAY, NOW + 76 * DAY),
    ]
    assert run.coverage == NOW + 76 * DAY


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((NOW, 0, 0, 1), "validity 0"),
        ((NOW, 100, 100, 2), "overlap 100 s is not shorter than validity 100 s"),
        ((NOW, 100, -1, 2), "overlap -1 s .* 100 s"),
        ((NOW, 100, 0, 0), "0 lists in a run, not 1 to 100"),
        ((NOW, 100, 0, LONGEST_RUN + 1), "101 lists"),
        ((NOW, 1 << 31, 0, 2), f"{NOW} to {NOW + (1 << 32)}"),
        ((-1, 100, 0, 1), "-1 to 99"),
    ],
)
def test_a_run_that_makes_no_sense_does_not_construct_and_names_both_numbers(values, said):
    with pytest.raises(InvalidList, match=said):
        RunSchedule(*values)


def test_a_run_does_not_outlive_its_signer():
    run = RunSchedule(NOW, 30 * DAY, 7 * DAY, 3)
    run.check_signer_end(NOW + 46 * DAY + 1)
    with pytest.raises(InvalidList, match=r"begins 2026-07-17T00:00:00Z.*ends 2026-07-17T00:00:00Z"):
        run.check_signer_end(NOW + 46 * DAY)
