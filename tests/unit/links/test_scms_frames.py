"""Frames between components of an SCMS: what goes in comes out, and octets that are none say so."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2xpki.authorities.scms.case_parts import PartReason, RefusedParts
from v2xpki.authorities.scms.eca_reasons import EcaReason, RefusedEnrolmentRequest
from v2xpki.authorities.scms.la import Wish
from v2xpki.authorities.scms.la_reasons import (
    BatchReason,
    CaseReason,
    RefusedCase,
    RefusedWishes,
    WishReason,
)
from v2xpki.authorities.scms.peers import SealedParts, TracedChain, TracedParts
from v2xpki.authorities.scms.reasons import AcaReason, Refusal
from v2xpki.errors import DecodeError, EncodeError
from v2xpki.links import scms_frames as frames

CALLS = {
    name: value for name, value in vars(frames).items() if isinstance(value, frames.Call)
}  # fmt: skip

sealed = st.binary(min_size=1, max_size=40)
period = st.integers(0, 2**32 - 1)
case = st.binary(max_size=64)
id8 = st.binary(min_size=8, max_size=8)
la_id = st.binary(min_size=2, max_size=2)
seed = st.binary(min_size=16, max_size=16)
wish = st.builds(
    Wish,
    st.binary(max_size=20),
    period,
    st.lists(st.integers(0, 0xFFFF), max_size=4),
    st.none() | period,
)
chain = st.builds(TracedChain, sealed, sealed, period, period, period)
refusal = st.builds(Refusal, st.sampled_from(AcaReason), st.text("aä€", max_size=60))
parts = st.builds(SealedParts, la_id, sealed, la_id, sealed, id8, sealed)
traced = st.builds(
    TracedParts,
    st.integers(0, 0xFFFF),
    la_id,
    la_id,
    chain,
    st.lists(chain, max_size=3).map(tuple),
)
refused_parts = st.builds(RefusedParts, st.sampled_from(PartReason))
refused_case = st.builds(RefusedCase, st.sampled_from(CaseReason)) | refused_parts
refused_wishes = st.builds(
    RefusedWishes,
    st.sampled_from(BatchReason),
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.sampled_from(WishReason)), max_size=5),
)

SAMPLES: dict[str, tuple[Any, Any, Any]] = {
    "PRE_LINKAGE_VALUES": (
        st.lists(wish, max_size=5),
        st.lists(st.lists(st.binary(max_size=10), max_size=4), max_size=3),
        refused_wishes,
    ),
    "CERTIFY": (st.lists(sealed, max_size=5), st.lists(sealed | refusal, max_size=5), None),
    "SUCCEED": (sealed, sealed, st.builds(RefusedEnrolmentRequest, st.sampled_from(EcaReason))),
    "PARTS_OF": (st.tuples(st.binary(max_size=40), case), st.none() | parts, refused_parts),
    "TRACE": (st.tuples(sealed, period, case), st.none() | traced, refused_parts),
    "BLOCK": (id8, st.none(), None),
    "SEED_AT": (st.tuples(sealed, sealed, period, st.integers(0, 0xFFFF), period, case), seed, refused_case),
    "FURTHER_SEED": (st.tuples(sealed, period, case), seed, refused_case),
    "PUBLISH": (st.lists(sealed, max_size=5), st.none(), None),
}


def test_every_call_is_tested_here() -> None:
    assert SAMPLES.keys() == CALLS.keys()
    assert len({call.path for call in CALLS.values()}) == len(CALLS)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Exception):
        told = [
            (type(error), error.reason, str(error), getattr(error, "wishes", None)) for error in (one, other)
        ]
        return told[0] == told[1]
    return bool(one == other)


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_goes_in_comes_out(name: str, data: st.DataObject) -> None:
    call = CALLS[name]
    for form, samples in zip((call.asked, call.answered, call.refused), SAMPLES[name], strict=True):
        if samples is not None:
            value = data.draw(samples)
            assert same(form.decode(form.encode(value)), value)


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_frame_that_was_changed_is_another_frame_or_none(name: str, data: st.DataObject) -> None:
    call = CALLS[name]
    for form, samples in zip((call.asked, call.answered, call.refused), SAMPLES[name], strict=True):
        octets = bytearray(b"" if samples is None else form.encode(data.draw(samples)))
        at = data.draw(st.integers(0, len(octets)))
        change: Callable[[], bytes] = data.draw(
            st.sampled_from(
                (
                    lambda: bytes(octets[:at]),
                    lambda: bytes(octets[:at]) + data.draw(st.binary(max_size=8)) + bytes(octets[at:]),
                    lambda: bytes(octets[:at]) + data.draw(st.binary(max_size=4)) + bytes(octets[at + 1 :]),
                    lambda: data.draw(st.binary(max_size=40)),
                )
            )
        )
        changed = change()
        with contextlib.suppress(DecodeError):
            assert form.encode(form.decode(changed)) == changed  # one form a value


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (frames.PRE_LINKAGE_VALUES, [Wish(bytes(16), -1, range(3))]),
        (frames.PRE_LINKAGE_VALUES, [Wish(bytes(16), 1, [70_000])]),
        (frames.PRE_LINKAGE_VALUES, [Wish(bytes(16), 1, range(300))]),
        (frames.PRE_LINKAGE_VALUES, [Wish(bytes(300), 1, range(3))]),
        (frames.CERTIFY, [b""]),
        (frames.CERTIFY, [bytes(70_000)]),
        (frames.BLOCK, bytes(7)),
        (frames.SUCCEED, b""),
    ],
)
def test_what_has_no_place_in_a_frame_is_not_sent(call: frames.Call[Any, Any], value: Any) -> None:
    with pytest.raises(EncodeError):
        call.asked.encode(value)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\0\0\0\1",
        frames.CERTIFY.asked.encode([b"request"]) + b"\0",
        frames.CERTIFY.asked.encode([b"request"])[:-1],
        b"\xff\xff" + b"\0\1x" * 10,
    ],
)
def test_octets_that_are_no_frame_say_where(octets: bytes) -> None:
    with pytest.raises(DecodeError, match="frame at octet"):
        frames.CERTIFY.asked.decode(octets)


def test_a_count_that_is_not_meant_costs_nothing() -> None:
    with pytest.raises(DecodeError):
        frames.PUBLISH.asked.decode(b"\xff\xff\xff\xff\xff\xff" + bytes(20))


def test_a_detail_of_any_length_is_cut_at_a_whole_character() -> None:
    (answer,) = frames.CERTIFY.answered.decode(
        frames.CERTIFY.answered.encode([Refusal(AcaReason.WRONG_FORM, "x" + "\u00e4" * 300)])
    )
    assert answer == Refusal(AcaReason.WRONG_FORM, "x" + "\u00e4" * 127)


def test_a_reason_that_this_side_does_not_know_is_no_frame() -> None:
    octets = frames.SUCCEED.refused.encode(RefusedEnrolmentRequest(EcaReason.BARRED))
    with pytest.raises(DecodeError, match="EcaReason"):
        frames.SUCCEED.refused.decode(octets.replace(b"BARRED", b"BURIED"))


def test_a_refusal_goes_without_the_text_that_went_with_it() -> None:
    octets = frames.SUCCEED.refused.encode(RefusedEnrolmentRequest(EcaReason.BARRED, "device X-1234"))
    assert b"X-1234" not in octets
