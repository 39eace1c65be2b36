"""An RA and requests for certificates: what is granted, recorded and answered, and what is refused."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest

from tests.conftest import TokenStore
from tests.support.scms_enrolment import COUNTRY, HOME, NOW, P256, signed
from tests.support.scms_ra import (
    BSM,
    EVERYTHING,
    LINKAGE,
    NONE,
    WSA,
    RaLab,
    Vehicle,
    acknowledged,
    information,
    pack,
    ranges,
    refused,
    rows,
    stem,
)
from v2xpki import wire
from v2xpki.authorities.scms.ra_reasons import RaReason
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Caterpillar, Curve, PublicKey
from v2xpki.errors import ConfigError, OutOfService
from v2xpki.keystore import MemoryKey
from v2xpki.secured import encrypt
from v2xpki.store.base import AuditRow
from v2xpki.store.ra import WAITING, RaAnswer, RaBatch, RaDevice, RaEnrolment, RaName, RaRequest
from v2xpki.trust import validity
from v2xpki.trust.regions import from_table
from v2xpki.trust.scms_devices import request_permissions
from v2xpki.trust.scms_kinds import load_kinds
from v2xpki.wire import dot2, reference, scms

WEEK = 7 * 86400
NOW_I = 594  # the period of NOW


def days(count: int, start: int = NOW) -> dot2.ValidityPeriod:
    return dot2.ValidityPeriod(start, dot2.Duration("hours", 24 * count))


# --- what is granted -----------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["original", "unified", "compactUnified"])
def test_a_request_for_pseudonyms_is_acknowledged_and_recorded_up_to_the_horizon(ra_lab: RaLab, variant: str):
    vehicle = ra_lab.vehicle().fresh(variant)
    octets = vehicle.request()
    answer = ra_lab.ra.request(octets)
    ack = acknowledged(ra_lab, answer)
    assert ack.request_hash == sha256(octets).digest()[-8:]
    assert (ack.first_i, ack.next_dl_time, ack.generation_time) == (NOW_I, NOW + 120, NOW)
    (request,) = rows(ra_lab, RaRequest)
    assert (request.kind, request.count, request.first, request.following) == (
        "pseudonym",
        20,
        NOW_I,
        NOW_I + 4,
    )
    assert request.last == NOW_I + 156  # three years of enrolment and of preload
    assert len({request.lci1, request.lci2}) == 2 and len(request.lci1) == len(request.lci2) == 16
    batches = sorted(rows(ra_lab, RaBatch), key=lambda row: row.period)
    assert [(row.period, row.count, row.state, row.chunk) for row in batches] == [
        (i, 20, WAITING, None) for i in range(NOW_I, NOW_I + 4)
    ]
    tbs = wire.decode(dot2.ToBeSignedCertificate, request.wish)
    assert (tbs.id, tbs.app_permissions, tbs.validity_period) == (
        LINKAGE,
        BSM,
        ra_lab.ra.periods.validity_of(NOW_I),
    )
    params = wire.decode(scms.AdditionalParams, request.params)
    key: Any = tbs.verify_key_indicator.value
    made = Caterpillar.of(PublicKey.of_verification_key(key), params)
    assert made == vehicle.caterpillar.public()
    assert ra_lab.notes.seen == {("request", "ok"): 1}


def test_it_is_the_same_with_keys_in_a_token(token_store: TokenStore, make_ra: Callable[..., RaLab]):
    lab = make_ra(keystore=token_store.open("ra"))
    vehicle = lab.vehicle()
    octets = vehicle.request()
    ack = acknowledged(lab, lab.ra.request(octets))
    assert ack.request_hash == sha256(octets).digest()[-8:]
    information(lab.ra.download(vehicle.download(f"{stem(octets)}.info")).octets)


def test_all_that_is_said_is_read_by_the_reference_codec(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    asked, answer = vehicle.request(), ra_lab.ra.request(vehicle.request())
    for octets in (asked, vehicle.signed(vehicle.wish()), answer, ra_lab.ra.status()):
        assert reference.decode("Ieee1609Dot2Data", octets) == wire.decode(dot2.Ieee1609Dot2Data, octets)


def test_identification_is_without_linkage_and_one_a_period(ra_lab: RaLab):
    vehicle = ra_lab.enrol()
    ra_lab.ra.request(vehicle.request(vehicle.wish(kind="identification")))
    (request,) = rows(ra_lab, RaRequest)
    assert (request.kind, request.count, request.lci1, request.lci2) == ("identification", 1, None, None)
    assert wire.decode(dot2.ToBeSignedCertificate, request.wish).id == NONE
    assert len(rows(ra_lab, RaBatch)) == 4


def test_an_application_certificate_is_one_of_the_units_own_key(ra_lab: RaLab):
    unit = ra_lab.vehicle(id=dot2.CertificateId("name", "RSU-1"))
    sealing = MemoryKey.generate(P256).public_key.to_encryption_key()
    wish = unit.wish(
        kind="application",
        id=dot2.CertificateId("name", "RSU-1"),
        validity_period=days(90),
        encryption_key=sealing,
    )
    for_response = MemoryKey.generate(P256).public_key.to_encryption_key()
    wish = wish._replace(additional_params=scms.AdditionalParams("encryptionKey", for_response))
    ack = acknowledged(ra_lab, ra_lab.ra.request(unit.request(wish)))
    assert ack.first_i == NOW_I
    (request,) = rows(ra_lab, RaRequest)
    (batch,) = rows(ra_lab, RaBatch)
    assert (request.kind, request.count, request.first, request.last, request.following) == (
        "application",
        1,
        NOW_I,
        NOW_I,
        NOW_I + 1,
    )
    assert (batch.period, batch.count) == (NOW_I, 1)
    assert batch.expires == request.expires >= NOW + 90 * 86400
    tbs = wire.decode(dot2.ToBeSignedCertificate, request.wish)
    assert (tbs.validity_period, tbs.encryption_key, tbs.id) == (days(90), sealing, wish.tbs_cert.id)
    assert wire.decode(scms.AdditionalParams, request.params) == wish.additional_params


def test_an_application_that_leaves_its_validity_open_gets_the_longest(ra_lab: RaLab):
    unit = ra_lab.vehicle()
    ra_lab.ra.request(unit.request(unit.wish(kind="application")))
    (request,) = rows(ra_lab, RaRequest)
    period = wire.decode(dot2.ToBeSignedCertificate, request.wish).validity_period
    assert period.start <= NOW and validity.duration_seconds(period.duration) == 8760 * 3600
    assert request.params is None


def test_an_application_far_ahead_waits_for_no_horizon(ra_lab: RaLab):
    unit = ra_lab.vehicle()
    start = NOW + 20 * WEEK
    ack = acknowledged(
        ra_lab, ra_lab.ra.request(unit.request(unit.wish(kind="application", validity_period=days(9, start))))
    )
    assert (ack.first_i, ack.next_dl_time) == (NOW_I + 20, NOW + 120)
    assert [row.period for row in rows(ra_lab, RaBatch)] == [NOW_I + 20]


def test_periods_are_those_of_the_validity_asked_for(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    ra_lab.ra.request(
        vehicle.request(vehicle.wish(validity_period=days(14, ra_lab.ra.periods.start(NOW_I + 1))))
    )
    (request,) = rows(ra_lab, RaRequest)
    assert (request.first, request.last) == (NOW_I + 1, NOW_I + 2)
    assert request.expires >= ra_lab.ra.periods.end(NOW_I + 2)


def test_periods_beyond_the_horizon_come_later(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    start = ra_lab.ra.periods.start(NOW_I + 10)
    answer = ra_lab.ra.request(vehicle.request(vehicle.wish(validity_period=days(14, start))))
    ack = acknowledged(ra_lab, answer)
    assert (ack.first_i, ack.next_dl_time) == (NOW_I + 10, start - 3 * WEEK)
    (request,) = rows(ra_lab, RaRequest)
    assert (request.following, rows(ra_lab, RaBatch)) == (NOW_I + 10, [])


def test_periods_end_with_the_enrolment_certificate(ra_lab: RaLab):
    vehicle = ra_lab.vehicle(validity_period=days(15))
    ra_lab.ra.request(vehicle.request())
    (request,) = rows(ra_lab, RaRequest)
    end = vehicle.certificate.end
    assert ra_lab.ra.periods.end(request.last) <= end < ra_lab.ra.periods.end(request.last + 1)


def test_periods_end_with_max_preload(make_ra: Callable[..., RaLab]):
    lab = make_ra(policy=ScmsPolicy(max_preload=5 * WEEK))
    lab.ra.request(lab.vehicle().request())
    (request,) = rows(lab, RaRequest)
    assert request.last == NOW_I + 5


def test_a_region_that_is_left_open_is_the_narrowest_that_binds(make_ra: Callable[..., RaLab]):
    lab = make_ra(ca_fields={"region": HOME})
    for region, bound in ((None, HOME), (COUNTRY, COUNTRY)):
        vehicle = lab.vehicle(region=region)
        octets = vehicle.request()
        lab.ra.request(octets)
        row = next(r for r in rows(lab, RaRequest) if r.request_hash == sha256(octets).digest()[-8:])
        assert wire.decode(dot2.ToBeSignedCertificate, row.wish).region == bound


def test_an_uncompressed_caterpillar_is_kept_in_its_canonical_form(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    key = PublicKey.from_sec1(P256, vehicle.caterpillar.public().signing)
    raw = key.uncompressed
    point = dot2.EccP256CurvePoint(
        "uncompressedP256", dot2.EccP256CurvePointUncompressedP256(raw[1:33], raw[33:])
    )
    indicator = dot2.VerificationKeyIndicator(
        "verificationKey", dot2.PublicVerificationKey("ecdsaNistP256", point)
    )
    ra_lab.ra.request(vehicle.request(vehicle.wish(verify_key_indicator=indicator)))
    (request,) = rows(ra_lab, RaRequest)
    tbs = wire.decode(dot2.ToBeSignedCertificate, request.wish)
    assert tbs.verify_key_indicator.value == key.to_verification_key()


def test_one_that_is_known_may_name_its_certificate_by_the_digest(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    octets = vehicle.request(identifier="digest")
    refused(RaReason.BAD_SIGNATURE, ra_lab.ra.request, octets)
    ra_lab.ra.request(vehicle.request())
    ra_lab.ra.request(vehicle.fresh().request(identifier="digest"))
    assert len(rows(ra_lab, RaDevice)) == len(rows(ra_lab, RaEnrolment)) == 1


# --- again ---------------------------------------------------------------------------------


def test_the_same_request_gets_the_same_octets_even_late(ra_lab: RaLab):
    octets = ra_lab.vehicle().request()
    first = ra_lab.ra.request(octets)
    ra_lab.clock.advance(3600)  # generationTime is long past
    assert ra_lab.ra.request(octets) == first
    assert ra_lab.open().request(octets) == first  # another process
    assert len(rows(ra_lab, RaRequest)) == 1
    assert ra_lab.notes.seen["request", "again"] == 2


def test_the_same_wish_in_another_envelope_is_granted_once(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    requests = []
    for _ in range(2):
        requests.append(vehicle.request())
        ra_lab.ra.request(requests[-1])
        ra_lab.clock.advance(5)
    assert len(rows(ra_lab, RaRequest)) == 1
    acks = [acknowledged(ra_lab, ra_lab.ra.request(octets)) for octets in requests]
    assert [ack.request_hash for ack in acks] == [sha256(octets).digest()[-8:] for octets in requests]
    assert acks[1].first_i == acks[0].first_i
    (device,) = rows(ra_lab, RaDevice)
    assert device.requests == 2
    # and there is one file, by either name
    pack(ra_lab, requests[0])
    files = [ra_lab.ra.download(vehicle.download(f"{stem(octets)}_{NOW_I:X}.zip")) for octets in requests]
    assert files[0].octets == files[1].octets
    info = information(ra_lab.ra.download(vehicle.download(f"{stem(requests[1])}.info")).octets)
    assert info.request_hash == acks[1].request_hash
    ra_lab.clock.advance(200 * WEEK)
    ra_lab.ra.purge(ra_lab.clock.now)
    assert rows(ra_lab, RaName) == []


def test_envelopes_of_one_wish_count_as_requests(make_ra: Callable[..., RaLab]):
    lab = make_ra(policy=ScmsPolicy(requests_per_day=2))
    vehicle = lab.vehicle()
    for _ in range(2):
        lab.ra.request(vehicle.request())
    refused(RaReason.TOO_MANY, lab.ra.request, vehicle.request())


def test_of_many_identical_requests_at_once_one_is_granted(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    requests = [vehicle.request()] * 4 + [vehicle.request() for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ra_lab.ra.request, requests))
    assert len(set(answers[:4])) == 1
    assert len(rows(ra_lab, RaRequest)) == len(rows(ra_lab, RaDevice)) == 1


def test_an_answer_names_its_own_envelope_though_another_was_granted_in_between(
    ra_lab: RaLab, monkeypatch: pytest.MonkeyPatch
):
    vehicle = ra_lab.vehicle()
    slow, quick = vehicle.request(), vehicle.request()
    record = ra_lab.ra._record

    def overtaken(*arguments: Any) -> Any:
        monkeypatch.undo()
        ra_lab.ra.request(quick)
        return record(*arguments)

    monkeypatch.setattr(ra_lab.ra, "_record", overtaken)
    answer = ra_lab.ra.request(slow)
    assert acknowledged(ra_lab, answer).request_hash == sha256(slow).digest()[-8:]
    assert ra_lab.ra.request(slow) == answer
    assert len(rows(ra_lab, RaRequest)) == len(rows(ra_lab, RaDevice)) == 1


def test_another_request_of_a_kind_ends_the_one_before(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    ra_lab.ra.request(vehicle.request())
    ra_lab.ra.request(vehicle.fresh().request(vehicle.fresh().wish(kind="identification")))
    ra_lab.ra.request(vehicle.fresh().request())
    kinds = sorted((row.kind, row.last - row.first) for row in rows(ra_lab, RaRequest))
    assert kinds == [("identification", 156), ("pseudonym", 3), ("pseudonym", 156)]


def test_rows_go_when_their_certificates_have_ended(ra_lab: RaLab):
    vehicle = ra_lab.vehicle(validity_period=days(30))
    octets = vehicle.request()
    ra_lab.ra.request(octets)
    ra_lab.clock.advance(2 * 86400)
    assert ra_lab.ra.purge(ra_lab.clock.now) == 2  # the answer, and the batch of a period that is over
    refused(RaReason.OUT_OF_TIME, ra_lab.ra.request, octets)
    ra_lab.clock.advance(40 * 86400)
    ra_lab.ra.purge(ra_lab.clock.now)
    for model in (RaRequest, RaBatch, RaAnswer, RaDevice, RaEnrolment):
        assert rows(ra_lab, model) == []


def test_the_audit_knows_that_a_device_was_granted_something_and_not_what(ra_lab: RaLab):
    ra_lab.ra.request(ra_lab.vehicle().request())
    (entry,) = [row for row in rows(ra_lab, AuditRow) if row.event == "butterfly.granted"]
    (device,) = rows(ra_lab, RaDevice)
    assert entry.detail == f'{{"periods":157,"station":"{device.id.hex()}"}}'


def test_flows_are_the_same_on_both_kinds_of_database(
    make_ra: Callable[..., RaLab], new_url: Callable[[], str]
):
    lab = make_ra(url=new_url(), policy=ScmsPolicy(requests_per_day=2))
    vehicle = lab.vehicle()
    octets = vehicle.request()
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lab.ra.request, [octets] * 4))) == 1
    lab.ra.request(vehicle.fresh().request())
    refused(RaReason.TOO_MANY, lab.ra.request, vehicle.fresh().request())
    lab.ra.blocklist.block(vehicle.certificate.hashed_id8, reason="test")
    refused(RaReason.BLOCKED, lab.ra.request, octets)
    lab.clock.advance(400 * WEEK)
    assert lab.ra.purge(lab.clock.now) > 0
    assert rows(lab, RaDevice) == []


# --- limits --------------------------------------------------------------------------------


def test_a_device_has_so_many_requests_a_day(make_ra: Callable[..., RaLab]):
    lab = make_ra(policy=ScmsPolicy(requests_per_day=1))
    vehicle = lab.vehicle()
    lab.ra.request(vehicle.request())
    refused(RaReason.TOO_MANY, lab.ra.request, vehicle.fresh().request())
    lab.ra.request(lab.vehicle().request())  # another device
    lab.clock.advance(86400)
    lab.ra.request(vehicle.fresh().request())
    assert len(rows(lab, RaRequest)) == 3


def test_a_device_has_no_more_pseudonyms_for_one_time_than_the_policy_says(ra_lab: RaLab):
    """Or it could be many vehicles at once."""
    vehicle = ra_lab.vehicle()
    ra_lab.ra.request(vehicle.request())
    ra_lab.ra.request(vehicle.fresh().request())
    refused(RaReason.TOO_MANY, ra_lab.ra.request, vehicle.fresh().request())
    later = days(14, ra_lab.ra.periods.start(NOW_I + 4))
    ra_lab.ra.request(vehicle.fresh().request(vehicle.fresh().wish(validity_period=later)))


# --- refusals ------------------------------------------------------------------------------


def changed(vehicle: Vehicle, **fields: Any) -> scms.EeRaCertRequest:
    return vehicle.wish()._replace(**fields)


def with_key(key: PublicKey) -> dict[str, Any]:
    indicator = dot2.VerificationKeyIndicator("verificationKey", key.to_verification_key())
    return {"verify_key_indicator": indicator}


_OFF = dot2.PublicVerificationKey(
    "ecdsaNistP256", dot2.EccP256CurvePoint("compressed-y-0", bytes(31) + b"\x01")
)
_X_ONLY = dot2.EccP256CurvePoint("compressed-y-0", b"\7" * 32)
WRONG: dict[str, tuple[RaReason, Callable[[Vehicle], scms.EeRaCertRequest]]] = {
    "a request of yesterday": (
        RaReason.OUT_OF_TIME,
        lambda v: changed(v, generation_time=NOW - 86400),
    ),
    "a request of tomorrow": (RaReason.OUT_OF_TIME, lambda v: changed(v, generation_time=NOW + 86400)),
    "an implicit certificate": (RaReason.NOT_OFFERED, lambda v: changed(v, type="implicit")),
    "a reconstruction value": (
        RaReason.NOT_OFFERED,
        lambda v: v.wish(verify_key_indicator=dot2.VerificationKeyIndicator("reconstructionValue", _X_ONLY)),
    ),
    "a cracaId": (RaReason.WRONG_FORM, lambda v: v.wish(craca_id=b"abc")),
    "a CRL series": (RaReason.WRONG_FORM, lambda v: v.wish(crl_series=4)),
    "a linkage value": (
        RaReason.WRONG_FORM,
        lambda v: v.wish(id=dot2.CertificateId("linkageData", dot2.LinkageData(0, b"\1" * 9))),
    ),
    "a group linkage value": (
        RaReason.WRONG_FORM,
        lambda v: v.wish(
            id=dot2.CertificateId(
                "linkageData", dot2.LinkageData(0, bytes(9), dot2.GroupLinkageValue(bytes(4), bytes(9)))
            )
        ),
    ),
    "linkage without butterfly keys": (
        RaReason.WRONG_FORM,
        lambda v: changed(v, additional_params=None),
    ),
    "somebody's name": (
        RaReason.WRONG_FORM,
        lambda v: v.wish(kind="identification", id=dot2.CertificateId("name", "police")),
    ),
    "a binary id": (
        RaReason.WRONG_FORM,
        lambda v: v.wish(kind="identification", id=dot2.CertificateId("binaryId", b"\1")),
    ),
    "an assurance level": (RaReason.WRONG_FORM, lambda v: v.wish(assurance_level=b"\x80")),
    "rights to request": (
        RaReason.WRONG_FORM,
        lambda v: v.wish(cert_request_permissions=request_permissions(ranges(32))),
    ),
    "rights to issue": (
        RaReason.WRONG_FORM,
        lambda v: v.wish(cert_issue_permissions=request_permissions(ranges(32))),
    ),
    "flags": (RaReason.WRONG_FORM, lambda v: v.wish(flags=0x80)),
    "an encryption key beside a butterfly key": (
        RaReason.WRONG_FORM,
        lambda v: v.wish(encryption_key=MemoryKey.generate(P256).public_key.to_encryption_key()),
    ),
    "a caterpillar on another curve": (
        RaReason.BAD_KEYS,
        lambda v: v.wish(**with_key(MemoryKey.generate(Curve.BRAINPOOL_P256R1).public_key)),
    ),
    "a caterpillar that is no point": (
        RaReason.BAD_KEYS,
        lambda v: v.wish(verify_key_indicator=dot2.VerificationKeyIndicator("verificationKey", _OFF)),
    ),
    "an application key of 384 bits": (
        RaReason.BAD_KEYS,
        lambda v: v.wish(kind="application", **with_key(MemoryKey.generate(Curve.NIST_P384).public_key)),
    ),
    "a response for a key on another curve": (
        RaReason.BAD_KEYS,
        lambda v: v.wish(kind="application")._replace(
            additional_params=scms.AdditionalParams(
                "encryptionKey",
                MemoryKey.generate(Curve.BRAINPOOL_P256R1).public_key.to_encryption_key(),
            )
        ),
    ),
    "no permissions": (RaReason.DENIED_PERMISSIONS, lambda v: v.wish(app_permissions=None)),
    "a PSID twice": (RaReason.DENIED_PERMISSIONS, lambda v: v.wish(app_permissions=BSM * 2)),
    "what the policy keeps from pseudonyms": (
        RaReason.DENIED_PERMISSIONS,
        lambda v: v.wish(app_permissions=(dot2.PsidSsp(130, None),)),
    ),
    "BSM for a unit with one certificate": (
        RaReason.DENIED_PERMISSIONS,
        lambda v: v.wish(kind="application", app_permissions=BSM),
    ),
    "the RA's own role": (
        RaReason.DENIED_PERMISSIONS,
        lambda v: v.wish(app_permissions=v.lab.certificate.record.to_be_signed.app_permissions),
    ),
    "a period that is over": (
        RaReason.NO_VALIDITY,
        lambda v: v.wish(validity_period=days(7, NOW - 30 * 86400)),
    ),
    "a period of no length": (
        RaReason.NO_VALIDITY,
        lambda v: v.wish(validity_period=dot2.ValidityPeriod(NOW + 5, dot2.Duration("milliseconds", 900))),
    ),
    "a period after the enrolment": (
        RaReason.NO_VALIDITY,
        lambda v: v.wish(validity_period=days(7, NOW + 4 * validity.YEAR)),
    ),
    "an application after the enrolment": (
        RaReason.NO_VALIDITY,
        lambda v: v.wish(kind="application", validity_period=days(7, NOW + 4 * validity.YEAR)),
    ),
    "an application for too long": (
        RaReason.NO_VALIDITY,
        lambda v: v.wish(kind="application", validity_period=days(400)),
    ),
    "an application that is over": (
        RaReason.NO_VALIDITY,
        lambda v: v.wish(kind="application", validity_period=days(1, NOW - 3 * 86400)),
    ),
    "a region that is none": (
        RaReason.DENIED_REGION,
        lambda v: v.wish(
            region=dot2.GeographicRegion(
                "circularRegion", dot2.CircularRegion(dot2.TwoDLocation(900_000_001, 0), 5)
            )
        ),
    ),
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RaLab]:
    """One RA for all that is refused."""
    lab = RaLab.make(tmp_path_factory.mktemp("ra"))
    yield lab
    lab.close()


@pytest.mark.parametrize("what", WRONG)
def test_refused_is(strict: RaLab, what: str):
    reason, wish = WRONG[what]
    vehicle = strict.vehicle()
    strict.notes.seen.clear()
    refused(reason, strict.ra.request, vehicle.request(wish(vehicle)))
    assert rows(strict, RaRequest) == rows(strict, RaDevice) == rows(strict, RaAnswer) == []
    assert strict.notes.seen == {("request", reason.name.lower()): 1}


def test_a_region_beyond_the_enrolment_certificates_or_the_ras_is_refused(make_ra: Callable[..., RaLab]):
    elsewhere = from_table({"countries": [392]})
    lab = make_ra(ra_fields={"region": COUNTRY})
    bound, free = lab.vehicle(region=COUNTRY), lab.vehicle()
    refused(RaReason.DENIED_REGION, lab.ra.request, bound.request(bound.wish(region=HOME)))
    refused(RaReason.DENIED_REGION, lab.ra.request, free.request(free.wish(region=elsewhere)))
    lab.ra.request(free.request())
    (request,) = rows(lab, RaRequest)
    assert wire.decode(dot2.ToBeSignedCertificate, request.wish).region == COUNTRY


def test_what_the_ra_may_not_ask_an_aca_for_it_grants_nobody(make_ra: Callable[..., RaLab]):
    lab = make_ra(ra_fields={"cert_request_permissions": request_permissions(ranges(135))})
    vehicle = lab.vehicle()
    refused(RaReason.DENIED_PERMISSIONS, lab.ra.request, vehicle.request())
    lab.ra.request(vehicle.request(vehicle.wish(app_permissions=WSA)))


def test_a_way_of_expansion_that_is_not_offered_is_refused(make_ra: Callable[..., RaLab]):
    lab = make_ra(policy=ScmsPolicy(butterfly=("original",)))
    refused(RaReason.NOT_OFFERED, lab.ra.request, lab.vehicle().request())
    lab.ra.request(lab.vehicle().fresh("original").request())


def test_a_kind_that_is_not_offered_is_refused(make_ra: Callable[..., RaLab]):
    lab = make_ra(kinds=load_kinds({"application": {"enabled": False}}))
    unit = lab.vehicle()
    refused(RaReason.NOT_OFFERED, lab.ra.request, unit.request(unit.wish(kind="application")))


def test_an_enrolment_certificate_that_is_not_in_force_gets_nothing(ra_lab: RaLab):
    for period in (days(1, NOW - 3 * 86400), days(1, NOW + 86400)):
        vehicle = ra_lab.vehicle(validity_period=period)
        refused(RaReason.BAD_ENROLMENT, ra_lab.ra.request, vehicle.request())


def test_what_is_not_encrypted_to_this_ra_is_refused(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    inner = vehicle.signed(vehicle.wish())
    refused(RaReason.WRONG_CONTENT, ra_lab.ra.request, inner)
    key = MemoryKey.generate(P256).public_key
    tbs = ra_lab.certificate.record.to_be_signed._replace(encryption_key=key.to_encryption_key())
    other = signed(tbs, ra_lab.eca.root_key, ra_lab.eca.root)
    refused(RaReason.WRONG_RECIPIENT, ra_lab.ra.request, encrypt(inner, [other]).octets)
    both = encrypt(inner, [other, ra_lab.certificate]).octets
    ra_lab.ra.request(both)  # the standard allows more recipients


@pytest.mark.parametrize("count", [0, 2])
def test_the_signer_is_one_certificate(ra_lab: RaLab, count: int):
    vehicle = ra_lab.vehicle()
    data = wire.decode(dot2.Ieee1609Dot2Data, vehicle.signed(vehicle.wish())).content.value
    assert isinstance(data, bytes)
    record, _ = wire.decode_certificate_request(data)
    chain = (vehicle.certificate.record, ra_lab.ca.record)[:count]
    signer = dot2.SignerIdentifier("certificate", chain) if count else dot2.SignerIdentifier("self", None)
    content = dot2.Ieee1609Dot2Content(
        "signedCertificateRequest", wire.encode(record._replace(signer=signer))
    )
    octets = wire.encode(dot2.Ieee1609Dot2Data(3, content))
    refused(RaReason.BAD_SIGNATURE, ra_lab.ra.request, vehicle.sealed(octets))


def test_an_ra_whose_own_certificate_has_ended_answers_nothing(make_ra: Callable[..., RaLab]):
    lab = make_ra(ra_fields={"validity_period": days(1)})
    vehicle = lab.vehicle()
    lab.clock.advance(2 * 86400)
    with pytest.raises(OutOfService):
        lab.ra.request(vehicle.request())
    assert rows(lab, RaRequest) == []


def test_an_operators_kinds_are_checked():
    for wrong in (
        {"bus": {}},
        {"pseudonym": 1},
        {"pseudonym": {"colour": 1}},
        {"pseudonym": {"parallel": 0}},
        {"pseudonym": {"parallel": True}},
        {"pseudonym": {"enabled": "no"}},
        {"pseudonym": {"permissions": []}},
        {"pseudonym": {"permissions": [{"psid": 32}, {"psid": 32}]}},
        {"application": {"validity": {"weeks": 1}}},
    ):
        with pytest.raises(ConfigError):
            load_kinds(wrong)
    kinds = load_kinds({"pseudonym": {"permissions": [{"psid": 32}]}})
    assert kinds["pseudonym"].permissions == (dot2.PsidSspRange(32, None),)
    assert kinds["application"].permissions[0].ssp_range == EVERYTHING
