"""Link certificates (checklist C3): an old root or TLM vouches for its successor, and who is not believed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trust.pki import NOW, Identity, Pki
from v2xpki import wire
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import DecodeError, InvalidLink, UnexpectedContent, V2xPkiError
from v2xpki.secured import etsi_header, sign
from v2xpki.time import MICROSECONDS
from v2xpki.trust.describe import describe_data
from v2xpki.trust.judge import Evidence, judge_data
from v2xpki.trust.links import SignedLink, build_double_link, build_rca_link, build_tlm_link, is_link
from v2xpki.trust.lint_data import lint_data
from v2xpki.wire import dot2, etsi

YEAR = 365 * 86400


def signed(data, by: Identity, *, at=NOW, psid=624, identifier="digest", header=None) -> bytes:
    return sign(
        by.key,
        header or etsi_header(psid, at * MICROSECONDS),
        payload=wire.encode(data),
        certificate=by.certificate,
        identifier=identifier,
    )


def renewed(kind: str, *, after: int = 0, curve=Curve.BRAINPOOL_P384R1, name="next") -> Identity:
    return Pki(now=NOW + after, root_curve=curve).make(kind, None, name=name)


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki()


@pytest.fixture(scope="module")
def new_tlm() -> Identity:
    return renewed("TLM")


@pytest.fixture(scope="module")
def new_root() -> Identity:
    return renewed("RCA", curve=Curve.NIST_P256)


@pytest.fixture(scope="module")
def tlm_link(pki, new_tlm) -> bytes:
    return signed(build_tlm_link(pki.tlm.certificate, new_tlm.certificate), pki.tlm)


def root_link(old: Identity, new: Identity, *, inner_by=None, outer_by=None, **options) -> bytes:
    """A double-signed link; the signatures may be by others."""
    single = signed(build_rca_link(old.certificate, new.certificate), inner_by or old, **options)
    record = wire.decode(dot2.Ieee1609Dot2Data, single)
    data = etsi.EtsiTs102941Data(
        version=1, content=etsi.EtsiTs102941DataContent(kind="doubleSignedlinkCertificateRca", value=record)
    )
    return signed(data, outer_by or new, identifier="certificate")


def refused(octets: bytes, old: Identity, new: Identity, rule: str, at: int = NOW) -> None:
    with pytest.raises(InvalidLink) as error:
        SignedLink.parse(octets).verify(old.certificate, new.certificate, at)
    assert error.value.rule == rule, error.value


# --- C3 ------------------------------------------------------------------------------------


def test_c3_the_old_tlm_vouches_for_the_new_one_until_its_own_end(pki, new_tlm, tlm_link):
    link, old = SignedLink.parse(tlm_link), pki.tlm.certificate
    link.verify(old, new_tlm.certificate, NOW)
    data = wire.decode(etsi.EtsiTs102941Data, link.message.payload)
    assert wire.encode(data)[1] == 0x8A
    assert link.body.expiry_time == old.end
    assert link.body.certificate_hash == ("sha384HashedData", new_tlm.certificate.digest)
    assert link.message.header == dot2.HeaderInfo(psid=624, generation_time=NOW * MICROSECONDS)
    assert link.message.signer == ("digest", old.hashed_id8)


def test_c3_the_double_signed_link_holds_the_old_roots_inside_the_new_roots(pki, new_root):
    old, new = pki.root.certificate, new_root.certificate
    single = SignedLink.parse(signed(build_rca_link(old, new), pki.root))
    single.verify(old, new, NOW)
    assert wire.encode(wire.decode(etsi.EtsiTs102941Data, single.message.payload))[1] == 0x8B
    octets = signed(build_double_link(single, old, new), new_root, identifier="certificate")
    double = SignedLink.parse(octets)
    double.verify(old, new, NOW)
    assert double.message.payload[1] == 0x8C
    assert double.inner.octets == single.octets and double.voucher_id8 == old.hashed_id8
    assert double.body.certificate_hash == ("sha256HashedData", new.digest)  # a P-256 certificate's hash
    assert double.expiry_time == old.end


# --- who is not believed ---------------------------------------------------------------------


def test_a_link_signed_by_another_tlm_is_refused(pki, new_tlm):
    other = renewed("TLM", name="mallory")
    data = build_tlm_link(pki.tlm.certificate, new_tlm.certificate)
    refused(signed(data, other), pki.tlm, new_tlm, "signer")
    as_if = Identity(pki.tlm.certificate, other.key)  # names the old TLM, signs with another key
    octets = signed(data, Identity(other.certificate, other.key))
    message = wire.decode(dot2.Ieee1609Dot2Data, octets)
    named = dot2.SignerIdentifier(kind="digest", value=as_if.certificate.hashed_id8)
    forged = message._replace(
        content=message.content._replace(value=message.content.value._replace(signer=named))
    )
    refused(wire.encode(forged), pki.tlm, new_tlm, "signature")


def test_a_link_with_a_flipped_bit_is_refused(pki, new_tlm, tlm_link):
    refused(tlm_link[:-1] + bytes([tlm_link[-1] ^ 1]), pki.tlm, new_tlm, "signature")


def test_a_link_vouches_for_no_other_certificate(pki, new_tlm, tlm_link):
    refused(tlm_link, pki.tlm, renewed("TLM", name="mallory"), "hash")
    hashed = dot2.HashedData(kind="sha256HashedData", value=new_tlm.certificate.digest[:32])
    body = etsi.ToBeSignedLinkCertificate(expiry_time=pki.tlm.certificate.end, certificate_hash=hashed)
    data = etsi.EtsiTs102941Data(
        version=1, content=etsi.EtsiTs102941DataContent(kind="linkCertificateTlm", value=body)
    )
    refused(signed(data, pki.tlm), pki.tlm, new_tlm, "hash")


def test_an_expired_link_is_refused(pki, new_tlm, tlm_link):
    SignedLink.parse(tlm_link).verify(pki.tlm.certificate, new_tlm.certificate, pki.tlm.certificate.end - 1)
    refused(tlm_link, pki.tlm, new_tlm, "expired", at=pki.tlm.certificate.end)
    refused(tlm_link, pki.tlm, new_tlm, "not-yet-valid", at=NOW - 3600)


def test_a_link_does_not_outlive_who_vouches(pki, new_tlm):
    data = build_tlm_link(pki.tlm.certificate, new_tlm.certificate)
    body = data.content.value._replace(expiry_time=pki.tlm.certificate.end + 1)
    longer = data._replace(content=data.content._replace(value=body))
    refused(signed(longer, pki.tlm), pki.tlm, new_tlm, "expiry")


def test_a_link_signed_after_the_old_certificates_end_is_refused(pki, new_tlm):
    data = build_tlm_link(pki.tlm.certificate, new_tlm.certificate)
    refused(signed(data, pki.tlm, at=pki.tlm.certificate.end), pki.tlm, new_tlm, "generation-time")


def test_a_link_back_to_an_older_certificate_is_refused(pki, new_tlm):
    older, newer = renewed("TLM", name="first"), renewed("TLM", after=YEAR, name="second")
    with pytest.raises(InvalidLink, match="older") as error:
        build_tlm_link(newer.certificate, older.certificate)
    assert error.value.rule == "rollback"
    body = etsi.ToBeSignedLinkCertificate(
        expiry_time=newer.certificate.end,
        certificate_hash=dot2.HashedData(kind="sha384HashedData", value=older.certificate.digest),
    )
    data = etsi.EtsiTs102941Data(
        version=1, content=etsi.EtsiTs102941DataContent(kind="linkCertificateTlm", value=body)
    )
    refused(signed(data, newer, at=NOW + YEAR), newer, older, "rollback", at=NOW + YEAR)


def test_a_certificate_does_not_vouch_for_itself_or_for_another_kind(pki):
    for old, new, rule in (
        (pki.tlm, pki.tlm, "loop"), (pki.tlm, pki.root, "profile"), (pki.root, pki.tlm, "profile"),
        (pki.ea, pki.aa, "profile"),
    ):  # fmt: skip
        with pytest.raises(InvalidLink) as error:
            build_tlm_link(old.certificate, new.certificate)
        assert error.value.rule == rule


def test_generations_have_to_overlap(pki):
    with pytest.raises(InvalidLink, match="has ended"):
        build_tlm_link(pki.tlm.certificate, renewed("TLM", after=9 * YEAR).certificate)


def test_a_successor_that_is_out_of_its_time_or_signed_by_another_is_refused(pki, new_tlm, tlm_link):
    late = renewed("TLM", after=YEAR)
    octets = signed(build_tlm_link(pki.tlm.certificate, late.certificate), pki.tlm)
    refused(octets, pki.tlm, late, "successor")
    SignedLink.parse(octets).verify(pki.tlm.certificate, late.certificate, NOW + YEAR)
    record, other = new_tlm.certificate.record, late.certificate.record
    spoilt = Identity(Certificate.of(record._replace(signature=other.signature)), new_tlm.key)
    octets = signed(build_tlm_link(pki.tlm.certificate, spoilt.certificate), pki.tlm)
    refused(octets, pki.tlm, spoilt, "successor")


def test_a_double_signed_link_whose_inner_is_not_by_the_old_root_is_refused(pki, new_root):
    mallory = renewed("RCA", name="mallory")
    refused(root_link(pki.root, new_root, inner_by=mallory), pki.root, new_root, "signer")
    as_if = Identity(pki.root.certificate, mallory.key)
    with pytest.raises(
        V2xPkiError
    ):  # this package does not even sign with a key that is not the certificate's
        root_link(pki.root, new_root, inner_by=as_if)
    octets = root_link(pki.root, new_root)
    double = SignedLink.parse(octets).message
    inner = SignedLink.parse(octets).inner.octets
    broken = wire.decode(dot2.Ieee1609Dot2Data, inner[:-1] + bytes([inner[-1] ^ 1]))
    data = etsi.EtsiTs102941Data(
        version=1, content=etsi.EtsiTs102941DataContent(kind="doubleSignedlinkCertificateRca", value=broken)
    )
    assert double.signer.kind == "certificate"
    refused(signed(data, new_root, identifier="certificate"), pki.root, new_root, "inner")


def test_a_double_signed_link_whose_outer_is_not_by_the_new_root_is_refused(pki, new_root):
    mallory = renewed("RCA", name="mallory")
    refused(root_link(pki.root, new_root, outer_by=mallory), pki.root, new_root, "signer")
    octets = root_link(pki.root, new_root)
    refused(octets[:-1] + bytes([octets[-1] ^ 1]), pki.root, new_root, "signature")


def test_only_a_single_signed_link_goes_inside_a_double_signed_one(pki, new_tlm, new_root, tlm_link):
    with pytest.raises(InvalidLink, match="inside"):
        build_double_link(SignedLink.parse(tlm_link), pki.root.certificate, new_root.certificate)
    for octets in (tlm_link, root_link(pki.root, new_root), pki.message(pki.at)):
        data = etsi.EtsiTs102941Data(
            version=1,
            content=etsi.EtsiTs102941DataContent(
                kind="doubleSignedlinkCertificateRca", value=wire.decode(dot2.Ieee1609Dot2Data, octets)
            ),
        )
        with pytest.raises((InvalidLink, DecodeError)):
            SignedLink.parse(signed(data, new_root))


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"psid": 622}, "psid"),
        ({"header": dot2.HeaderInfo(psid=624)}, "header"),
        (
            {"header": dot2.HeaderInfo(psid=624, generation_time=NOW * 10**6, expiry_time=NOW * 10**6)},
            "header",
        ),
    ],
)
def test_a_link_has_the_header_of_links(pki, new_tlm, options, rule):
    data = build_tlm_link(pki.tlm.certificate, new_tlm.certificate)
    refused(signed(data, pki.tlm, **options), pki.tlm, new_tlm, rule)


def test_the_signers_certificate_may_stand_in_a_link_too(pki, new_tlm):
    data = build_tlm_link(pki.tlm.certificate, new_tlm.certificate)
    octets = signed(data, pki.tlm, identifier="certificate")
    SignedLink.parse(octets).verify(pki.tlm.certificate, new_tlm.certificate, NOW)


# --- octets ----------------------------------------------------------------------------------


@given(
    expiry=st.integers(0, 2**32 - 1),
    hashed=st.one_of(
        st.binary(min_size=32, max_size=32).map(lambda value: ("sha256HashedData", value)),
        st.binary(min_size=48, max_size=48).map(lambda value: ("sha384HashedData", value)),
    ),
    kind=st.sampled_from(["linkCertificateTlm", "singleSignedLinkCertificateRca"]),
)
def test_a_link_body_comes_back_as_it_was_encoded(expiry, hashed, kind):
    body = etsi.ToBeSignedLinkCertificate(expiry_time=expiry, certificate_hash=dot2.HashedData(*hashed))
    data = etsi.EtsiTs102941Data(version=1, content=etsi.EtsiTs102941DataContent(kind=kind, value=body))
    octets = wire.encode(data)
    assert wire.decode(etsi.EtsiTs102941Data, octets) == data
    assert wire.encode(wire.decode(etsi.EtsiTs102941Data, octets)) == octets


@settings(max_examples=300)
@given(data=st.data())
def test_octets_are_a_link_or_a_clean_error(pki, tlm_link, new_root, data):
    octets = bytearray(data.draw(st.sampled_from([tlm_link, _double(pki, new_root)])))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(octets) - 1))
        octets[place] = data.draw(st.integers(0, 255))
    octets = bytes(octets[: data.draw(st.integers(0, len(octets)))] or octets)
    assert is_link(octets) in (True, False)
    try:
        link = SignedLink.parse(octets)
    except V2xPkiError:
        return
    assert link.octets == octets and wire.encode(link.message.record) == octets


_doubles: dict[bytes, bytes] = {}


def _double(pki, new_root) -> bytes:
    return _doubles.setdefault(new_root.certificate.octets, root_link(pki.root, new_root))


def _ctl(pki) -> bytes:
    return pki.signed_list(pki.ctl(), pki.root, 624)


def test_what_is_no_link_is_said_to_be_none(pki):
    with pytest.raises(UnexpectedContent, match="instead of a link"):
        SignedLink.parse(_ctl(pki))
    assert not is_link(_ctl(pki)) and not is_link(b"") and not is_link(pki.tlm.certificate.octets)


# --- looking at them -------------------------------------------------------------------------


def test_a_link_is_shown_and_judged_from_the_old_certificate(pki, new_tlm, tlm_link):
    shown = describe_data(tlm_link)
    assert shown["pdu"] == "linkCertificateTlm" and shown["link"]["form"] == "tlm"
    assert (shown["link"]["from"], shown["link"]["to"]) == (
        pki.tlm.certificate.hashed_id8, new_tlm.certificate.hashed_id8
    )  # fmt: skip
    old, new = pki.tlm.certificate, new_tlm.certificate
    assert judge_data(tlm_link, Evidence([old, new]), None, NOW) == [new, old]
    assert judge_data(tlm_link, Evidence([old]), None, NOW) == [old]
    with pytest.raises(InvalidLink, match="signer"):
        judge_data(tlm_link, Evidence([old], anchor=new), None, NOW)
    assert lint_data(tlm_link) == []


def test_a_double_signed_link_brings_the_new_root_along(pki, new_root):
    octets = root_link(pki.root, new_root)
    old, new = pki.root.certificate, new_root.certificate
    assert judge_data(octets, Evidence([old]), None, NOW) == [new, old]
    assert describe_data(octets)["link"]["to"] == new.hashed_id8
    assert [finding for finding in lint_data(octets) if finding.rule.severity == "error"] == []
