"""CRLs of an SCMS: made, read, verified; and what is refused, by its rule."""

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scms_crl import DAY, LA1, LA2, NOW, CrlPki, SignerTrust
from v2xpki import wire
from v2xpki.crypto import Curve, LinkedEntry
from v2xpki.errors import DecodeError, InvalidCrl, UnexpectedContent
from v2xpki.keystore import MemoryKey
from v2xpki.trust.scms_crl import (
    CrlSchedule,
    HashRevocation,
    LinkedRevocation,
    ScmsCrl,
    build_hash_crl,
    build_linked_crl,
)
from v2xpki.wire import dot2, scms


@pytest.fixture(scope="module")
def pki() -> CrlPki:
    return CrlPki()


def vehicle(i_max: int = 20, j_max: int = 20, las: tuple[bytes, bytes] = (LA1, LA2)) -> LinkedRevocation:
    return LinkedRevocation(LinkedEntry(*las, os.urandom(16), os.urandom(16)), i_max, j_max)


def hash_crl(pki: CrlPki, **schedule: Any) -> dot2.CrlContents:
    return build_hash_crl(pki.schedule(**schedule), 7, [HashRevocation(b"\1" * 10, NOW + DAY)])


_seeds = st.binary(min_size=16, max_size=16)
_las = st.sampled_from([(LA1, LA2), (LA2, LA1), (b"\x8e\x09", b"\x59\xce")])
_vehicles = st.builds(
    lambda las, one, other, i_max, j_max: LinkedRevocation(LinkedEntry(*las, one, other), i_max, j_max),
    _las, _seeds, _seeds, st.integers(9, 12), st.sampled_from([1, 20, 40]),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(entries=st.lists(_vehicles, max_size=12, unique_by=lambda one: one.entry), data=st.data())
def test_a_linked_crl_gives_back_its_entries_in_an_order_that_does_not_tell_when_they_came(entries, data):
    schedule = CrlSchedule(b"\2" * 8, 1, NOW, NOW + DAY)
    contents = build_linked_crl(schedule, 9, 3, entries)
    shuffled = data.draw(st.permutations(entries))
    assert build_linked_crl(schedule, 9, 3, shuffled) == contents
    assert wire.decode(dot2.CrlContents, wire.encode(contents)) == contents


def test_a_crl_is_read_as_it_was_made_and_verifies(pki: CrlPki):
    entries = [vehicle(), vehicle(j_max=40), vehicle(i_max=30), vehicle(las=(LA2, LA1))]
    crl = pki.crl(build_linked_crl(pki.schedule(), 9, 2, entries))
    assert sorted(crl.linked) == sorted(entries) and crl.hashes == []
    assert (crl.family, crl.i_rev, crl.number, crl.series, crl.craca) == (
        "linked",
        9,
        2,
        1,
        pki.root.hashed_id8,
    )
    assert (
        crl.message.header == dot2.HeaderInfo(psid=256) and crl.message.signer_digest == pki.signer.hashed_id8
    )
    assert crl.verify(pki.trust, NOW, series=1) == pki.signer
    by_certificate = pki.crl(hash_crl(pki), identifier="certificate")
    assert by_certificate.verify(SignerTrust(pki.root), NOW) == pki.signer
    assert by_certificate.hashes == [HashRevocation(b"\1" * 10, NOW + DAY)] and by_certificate.number == 7
    assert by_certificate.linked == [] and by_certificate.i_rev is None


def test_the_craca_may_sign_for_itself_with_psid_256(pki: CrlPki):
    held = pki.root.record.to_be_signed.app_permissions
    root = pki.certify("SCMS_ROOT", pki.root_key, None, app_permissions=(*held, dot2.PsidSsp(256, None)))
    schedule = CrlSchedule(root.hashed_id8, 1, NOW, NOW + DAY)
    crl = pki.crl(build_hash_crl(schedule, 0, []), key=pki.root_key, certificate=root)
    assert crl.verify(SignerTrust(root), NOW) == root


def test_an_old_crl_is_read_of_the_past_alone(pki: CrlPki):
    crl = pki.crl(hash_crl(pki))
    assert crl.verify(pki.trust, NOW + 6 * DAY)
    with pytest.raises(InvalidCrl) as caught:
        crl.verify(pki.trust, NOW + 7 * DAY)
    assert caught.value.rule == "out-of-date"
    crl.verify(pki.trust, NOW + 7 * DAY, expired=True)


def rule(pki: CrlPki, crl: ScmsCrl, at: int = NOW, **options: Any) -> str:
    with pytest.raises(InvalidCrl) as caught:
        crl.verify(options.pop("trust", pki.trust), at, **options)
    return caught.value.rule


def test_what_breaks_a_rule_is_refused_by_its_name(pki: CrlPki):
    contents = hash_crl(pki)
    timed = dot2.HeaderInfo(psid=256, generation_time=NOW * 1_000_000)
    assert rule(pki, pki.crl(contents, header=timed)) == "header"
    assert rule(pki, pki.crl(contents), series=2) == "series"
    assert rule(pki, pki.crl(contents), trust=SignerTrust(pki.root)) == "unknown-signer"
    assert rule(pki, pki.crl(contents, certificate=None, identifier="self")) == "signer"
    assert rule(pki, pki.crl(contents), at=NOW - 61) == "not-yet-valid"
    other = CrlPki()
    assert rule(pki, other.crl(hash_crl(other), identifier="certificate")) == "chain"
    assert rule(pki, pki.crl(contents._replace(crl_craca=other.root.hashed_id8))) == "craca"
    assert rule(pki, pki.crl(contents._replace(next_crl=NOW))) == "schedule"
    before = contents._replace(issue_date=pki.signer.start - 1)
    assert rule(pki, pki.crl(before)) in ("schedule", "chain")


def test_a_crl_of_another_key_is_refused(pki: CrlPki):
    crl = pki.crl(hash_crl(pki))
    octets = bytearray(crl.octets)
    octets[-1] ^= 1
    assert rule(pki, ScmsCrl.parse(bytes(octets))) == "signature"


def test_who_does_not_hold_psid_256_alone_signs_no_crl(pki: CrlPki):
    key = MemoryKey.generate(Curve.NIST_P256)
    (role, crl_psid), opaque = pki.signer.record.to_be_signed.app_permissions, dot2.ServiceSpecificPermissions
    narrow = dot2.PsidSsp(256, opaque("opaque", b"\1"))
    of_aca = opaque("opaque", wire.encode(scms.SecurityMgmtSsp("aca", scms.AcaSsp(2))))
    for permissions in ((role,), (role, narrow), (dot2.PsidSsp(35, of_aca), crl_psid)):
        signer = pki.certify("CRLG", key, pki.root, app_permissions=permissions)
        crl = pki.crl(hash_crl(pki), key=key, certificate=signer, identifier="certificate")
        assert rule(pki, crl) == "signer-permissions"


def test_forms_that_would_not_be_gone_by_are_refused_when_read(pki: CrlPki):
    linked = build_linked_crl(pki.schedule(), 9, 0, [vehicle()])
    body: Any = linked.type_specific.value
    group = dot2.GroupCrlEntry(9, LA1, b"\1" * 16, LA2, b"\2" * 16)
    single = body.individual[0].contents[0].contents[0]._replace(single_seed=(b"\1" * 16,))
    las = body.individual[0].contents[0]._replace(contents=(single,))
    for specific in (
        dot2.TypeSpecificCrlContents("deltaLinkedCrl", body),
        dot2.TypeSpecificCrlContents("fullLinkedCrl", body._replace(groups=(group,))),
        dot2.TypeSpecificCrlContents(
            "fullLinkedCrl", body._replace(individual=(body.individual[0]._replace(contents=(las,)),))
        ),
    ):
        with pytest.raises(InvalidCrl) as caught:
            pki.crl(linked._replace(type_specific=specific))
        assert caught.value.rule == "form"
    delta = hash_crl(pki)
    delta = delta._replace(type_specific=delta.type_specific._replace(kind="deltaHashCrl"))
    assert not pki.crl(delta).is_full and pki.crl(delta).verify(pki.trust, NOW)


def test_octets_that_are_no_crl_are_refused(pki: CrlPki):
    crl = pki.crl(hash_crl(pki))
    with pytest.raises(DecodeError):
        ScmsCrl.parse(crl.octets[:-1])
    with pytest.raises(UnexpectedContent):
        pki.crl(hash_crl(pki), header=dot2.HeaderInfo(psid=35))


@pytest.mark.parametrize(
    ("make", "broken"),
    [
        (lambda: CrlSchedule(b"\1" * 8, 0, NOW, NOW + 1), "series"),
        (lambda: CrlSchedule(b"\1" * 8, 1, NOW, NOW), "schedule"),
        (lambda: CrlSchedule(b"\1" * 3, 1, NOW, NOW + 1), "craca"),
        (lambda: build_linked_crl(CrlSchedule(b"\1" * 8, 1, 1, 2), 21, 0, [vehicle(i_max=20)]), "entry"),
        (lambda: build_linked_crl(CrlSchedule(b"\1" * 8, 1, 1, 2), 9, 0, [vehicle(j_max=0)]), "entry"),
        (lambda: build_linked_crl(CrlSchedule(b"\1" * 8, 1, 1, 2), 9, 256, []), "entry"),
        (lambda: build_hash_crl(CrlSchedule(b"\1" * 8, 1, 1, 2), 0, [HashRevocation(b"\1" * 8, 5)]), "entry"),
    ],
)
def test_a_crl_that_makes_no_sense_is_not_built(make: Any, broken: str):
    with pytest.raises(InvalidCrl) as caught:
        make()
    assert caught.value.rule == broken
