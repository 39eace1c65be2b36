"""An RA's files: whose they are, when they are there, and the successors' certificates."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scms_enrolment import NOW
from tests.support.scms_ra import (
    OPEN,
    RaLab,
    Vehicle,
    acknowledged,
    download_pdu,
    information,
    pack,
    plain_download,
    refused,
    rows,
    stem,
)
from v2xpki import wire
from v2xpki.authorities.scms.ra_downloads import FileName
from v2xpki.authorities.scms.ra_reasons import RaReason
from v2xpki.config import ScmsPolicy
from v2xpki.errors import LinkError
from v2xpki.secured import CertificateRequest, SignedMessage, scms_header, sign, sign_request
from v2xpki.station.scms.enrolment import EnrolmentWish, accept, ask_successor, seal
from v2xpki.store.base import table_of
from v2xpki.store.ra import REFUSED, STOPPED, RaBatch, RaDevice, RaEnrolment, RaSuccessor
from v2xpki.wire import dot2, scms

NOW_I = 594  # the period of NOW
WEEK = 7 * 86400


def granted(lab: RaLab, vehicle: Vehicle, **tbs: Any) -> bytes:
    """A request that was granted."""
    octets = vehicle.request(vehicle.wish(**tbs))
    lab.ra.request(octets)
    return octets


# --- certificates --------------------------------------------------------------------------


def test_a_device_gets_its_archive_as_it_was_packed(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    request = granted(ra_lab, vehicle)
    assert pack(ra_lab, request, b"PK of one week") == list(range(NOW_I, NOW_I + 4))
    name = f"{stem(request)}_{NOW_I:X}.zip"
    file = ra_lab.ra.download(vehicle.download(name), name)
    assert (file.name, file.octets, file.media_type) == (name, b"PK of one week", "application/zip")
    assert file.etag == f'"{sha256(b"PK of one week").hexdigest()}"'
    assert ra_lab.ra.download(vehicle.download(name, identifier="digest")) == file
    assert ra_lab.notes.seen["download", "ok"] == 2


def test_the_info_says_when_to_come(ra_lab: RaLab):
    vehicle, periods = ra_lab.vehicle(), ra_lab.ra.periods
    request = granted(ra_lab, vehicle)
    name = f"{stem(request)}.info"
    file = ra_lab.ra.download(vehicle.download(name))
    info = information(file.octets)
    assert (
        (info.current_i, info.next_dl_time, info.request_hash)
        == (
            NOW_I,
            NOW + 120,  # its batches wait for their chunk
            sha256(request).digest()[-8:],
        )
    )
    assert (info.generation_time, info.acpc_tree_id, file.media_type) == (
        NOW,
        None,
        "application/octet-stream",
    )
    pack(ra_lab, request)
    info = information(ra_lab.ra.download(vehicle.download(name)).octets)
    assert info.next_dl_time == periods.start(NOW_I + 4) - 3 * WEEK  # when that period comes into reach


def test_the_info_of_a_request_that_brings_no_more_says_its_end(ra_lab: RaLab):
    vehicle, periods = ra_lab.vehicle(), ra_lab.ra.periods
    period = dot2.ValidityPeriod(NOW, dot2.Duration("hours", 24))
    request = granted(ra_lab, vehicle, validity_period=period)
    pack(ra_lab, request)
    info = information(ra_lab.ra.download(vehicle.download(f"{stem(request)}.info")).octets)
    assert info.next_dl_time == periods.end(NOW_I)


def test_the_info_of_an_application_says_when_its_certificate_ends(ra_lab: RaLab):
    unit = ra_lab.vehicle()
    period = dot2.ValidityPeriod(NOW, dot2.Duration("hours", 24 * 90))
    request = unit.request(unit.wish(kind="application", validity_period=period))
    ra_lab.ra.request(request)
    assert pack(ra_lab, request) == [NOW_I]
    info = information(ra_lab.ra.download(unit.download(f"{stem(request)}.info")).octets)
    assert 0 <= info.next_dl_time - (NOW + 90 * 86400) <= 3600  # its row's hour
    unit_file = ra_lab.ra.download(unit.download(f"{stem(request)}_{NOW_I:X}.zip"))
    assert unit_file.octets == b"a ZIP"


def test_a_file_that_will_come_is_not_one_that_is_not_there(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    request = granted(ra_lab, vehicle)
    last = NOW_I + 156
    for name, reason in (
        (f"{stem(request)}_{NOW_I:X}.zip", RaReason.NOT_YET),  # waits for its chunk
        (f"{stem(request)}_{NOW_I + 50:X}.zip", RaReason.NOT_YET),  # beyond the horizon
        (f"{stem(request)}_{last:X}.zip", RaReason.NOT_YET),
        (f"{stem(request)}_{last + 1:X}.zip", RaReason.NO_FILE),
        (f"{stem(request)}_{NOW_I - 1:X}.zip", RaReason.NO_FILE),
        (f"{'0' * 16}_{NOW_I:X}.zip", RaReason.NO_FILE),
        (f"{'0' * 16}.info", RaReason.NO_FILE),
        (f"{stem(request)}.oer", RaReason.NO_FILE),
        (f"{stem(request).lower()}.info", RaReason.NO_FILE),
        ("", RaReason.NO_FILE),
        ("../../etc/passwd", RaReason.NO_FILE),
    ):
        refused(reason, ra_lab.ra.download, vehicle.download(name))


@pytest.mark.parametrize("state", [REFUSED, STOPPED])
def test_a_batch_that_was_given_up_does_not_come(ra_lab: RaLab, state: str):
    vehicle = ra_lab.vehicle()
    request = granted(ra_lab, vehicle)
    with ra_lab.database.write(durable=False) as tx:
        tx.execute(sa.update(table_of(RaBatch)).values(state=state))
    refused(RaReason.NO_FILE, ra_lab.ra.download, vehicle.download(f"{stem(request)}_{NOW_I:X}.zip"))


def test_a_request_for_a_file_is_good_for_a_while_so_that_ranges_may_follow(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    request = granted(ra_lab, vehicle)
    pack(ra_lab, request)
    asked = vehicle.download(f"{stem(request)}_{NOW_I:X}.zip")
    first = ra_lab.ra.download(asked)
    ra_lab.clock.advance(599)
    assert ra_lab.ra.download(asked) == first


def test_plain_requests_are_served_where_the_policy_says_so(make_ra: Callable[..., RaLab]):
    lab = make_ra(policy=ScmsPolicy(plain_downloads=True))
    vehicle = lab.vehicle()
    request = granted(lab, vehicle)
    pack(lab, request)
    name = f"{stem(request)}_{NOW_I:X}.zip"
    plain = plain_download(name, NOW)
    assert lab.ra.download(plain).octets == b"a ZIP"
    lab.ra.blocklist.block(vehicle.certificate.hashed_id8, reason="test")
    refused(RaReason.BLOCKED, lab.ra.download, plain)
    refused(RaReason.UNSIGNED, lab.ra.successor_file, plain_download(f"{stem(request)}.oer", NOW))
    lab.clock.advance(3600)
    refused(RaReason.OUT_OF_TIME, lab.ra.download, plain)


def test_a_plain_request_is_refused_by_default(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    request = granted(ra_lab, vehicle)
    pack(ra_lab, request)
    refused(RaReason.UNSIGNED, ra_lab.ra.download, plain_download(f"{stem(request)}.info", NOW))


def test_the_url_and_what_is_signed_name_one_file(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    request = granted(ra_lab, vehicle)
    asked = vehicle.download(f"{stem(request)}.info")
    refused(RaReason.WRONG_FORM, ra_lab.ra.download, asked, f"{stem(request)}_{NOW_I:X}.zip")


def test_a_header_with_more_than_psid_35_is_refused(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    name = f"{stem(granted(ra_lab, vehicle))}.info"
    for header in (dot2.HeaderInfo(psid=36), scms_header()._replace(generation_time=NOW * 1_000_000)):
        refused(RaReason.BAD_SIGNATURE, ra_lab.ra.download, vehicle.download(name, header=header))


def test_a_signed_request_that_is_not_encrypted_is_refused(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    name = f"{stem(granted(ra_lab, vehicle))}.info"
    message = sign(
        vehicle.enrolled.key,
        scms_header(),
        payload=download_pdu(name, NOW),
        certificate=vehicle.certificate,
        identifier="certificate",
    )
    refused(RaReason.WRONG_CONTENT, ra_lab.ra.download, message)


def test_a_request_is_no_download_and_a_download_no_request(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    refused(RaReason.WRONG_CONTENT, ra_lab.ra.download, vehicle.request())
    refused(RaReason.WRONG_CONTENT, ra_lab.ra.request, vehicle.download("A.info"))
    refused(RaReason.WRONG_CONTENT, ra_lab.ra.successor, vehicle.request())


@given(st.binary(min_size=8, max_size=8), st.integers(0, 0xFFFF))
def test_a_name_is_what_it_is_made_of(request_hash: bytes, period: int):
    for name in (FileName(request_hash, "info"), FileName(request_hash, "oer")):
        assert FileName.parse(str(name)) == name
    name = FileName(request_hash, "zip", period)
    assert FileName.parse(str(name)) == name


@given(st.text(alphabet="0123456789ABCDEFabcdef_.zipnfo\n/", max_size=30))
def test_any_name_is_one_form_or_none(text: str):
    found = FileName.parse(text)
    assert found is None or str(found) == text


@pytest.mark.parametrize(
    "text", ["0" * 16 + "_01.zip", "0" * 16 + "_.zip", "0" * 16 + "_12345.zip", "0" * 16 + ".info\n"]
)
def test_names_have_no_leading_zeros_and_nothing_around_them(text: str):
    assert FileName.parse(text) is None


# --- successors ----------------------------------------------------------------------------


def test_a_device_gets_a_successor_by_way_of_the_ra_and_stays_the_same_device(ra_lab: RaLab):
    vehicle = ra_lab.enrol()
    request = granted(ra_lab, vehicle)
    pending = ask_successor(vehicle.enrolled, EnrolmentWish(), NOW)
    octets = seal(pending, ra_lab.certificate)
    answer = ra_lab.ra.successor(octets)
    ack = acknowledged(ra_lab, answer)
    assert (ack.request_hash, ack.first_i, ack.next_dl_time) == (sha256(octets).digest()[-8:], None, NOW)
    assert ra_lab.ra.successor(octets) == answer
    name = f"{stem(octets)}.oer"
    file = ra_lab.ra.successor_file(vehicle.download(name), name)
    assert file.media_type == "application/octet-stream"
    enrolled = accept(pending, file.octets, [ra_lab.eca.root], NOW)
    after = Vehicle(ra_lab, enrolled)
    assert len(rows(ra_lab, RaDevice)) == 1 and len(rows(ra_lab, RaEnrolment)) == 2
    # with either certificate it has its files, and what was given before
    for one in (vehicle, after):
        information(ra_lab.ra.download(one.download(f"{stem(request)}.info")).octets)
        assert ra_lab.ra.successor_file(one.download(name)) == file
    # and it asks on with the new one, of which the RA knows whose it is
    granted(ra_lab, after.fresh())
    ra_lab.ra.blocklist.block(vehicle.certificate.hashed_id8, reason="stolen")
    refused(RaReason.BLOCKED, ra_lab.ra.request, after.fresh().request())


def test_the_same_successor_in_another_envelope_is_asked_for_once(ra_lab: RaLab):
    vehicle = ra_lab.enrol()
    pending = ask_successor(vehicle.enrolled, EnrolmentWish(), NOW)
    envelopes = [seal(pending, ra_lab.certificate) for _ in range(2)]
    for octets in envelopes:
        ack = acknowledged(ra_lab, ra_lab.ra.successor(octets))
        assert ack.request_hash == sha256(octets).digest()[-8:] and ack.first_i is None
        ra_lab.door.down = True
    files = [ra_lab.ra.successor_file(vehicle.download(f"{stem(octets)}.oer")) for octets in envelopes]
    assert files[0].octets == files[1].octets and len(rows(ra_lab, RaSuccessor)) == 1


def test_a_successor_s_answer_names_its_own_envelope_though_another_was_granted_in_between(
    ra_lab: RaLab, monkeypatch: pytest.MonkeyPatch
):
    pending = ask_successor(ra_lab.enrol().enrolled, EnrolmentWish(), NOW)
    slow, quick = (seal(pending, ra_lab.certificate) for _ in range(2))
    record = ra_lab.ra._successors._record

    def overtaken(*arguments: Any) -> Any:
        monkeypatch.undo()
        ra_lab.ra.successor(quick)
        return record(*arguments)

    monkeypatch.setattr(ra_lab.ra._successors, "_record", overtaken)
    ack = acknowledged(ra_lab, ra_lab.ra.successor(slow))
    assert ack.request_hash == sha256(slow).digest()[-8:]
    assert len(rows(ra_lab, RaSuccessor)) == 1


def test_a_successor_is_forgotten_when_it_cannot_be_asked_for_again(ra_lab: RaLab):
    vehicle = ra_lab.enrol()
    octets = seal(ask_successor(vehicle.enrolled, EnrolmentWish(), NOW), ra_lab.certificate)
    ra_lab.ra.successor(octets)
    ra_lab.clock.advance(3 * 86400)
    ra_lab.ra.purge(ra_lab.clock.now)
    assert rows(ra_lab, RaSuccessor) == []
    refused(RaReason.NO_FILE, ra_lab.ra.successor_file, vehicle.download(f"{stem(octets)}.oer"))
    refused(RaReason.OUT_OF_TIME, ra_lab.ra.successor, octets)


def test_while_the_eca_is_not_there_nothing_is_remembered(ra_lab: RaLab):
    vehicle = ra_lab.enrol()
    octets = seal(ask_successor(vehicle.enrolled, EnrolmentWish(), NOW), ra_lab.certificate)
    ra_lab.door.down = True
    with pytest.raises(LinkError):
        ra_lab.ra.successor(octets)
    assert rows(ra_lab, RaDevice) == rows(ra_lab, RaSuccessor) == []
    ra_lab.door.down = False
    ra_lab.ra.successor(octets)


def test_what_the_eca_refuses_the_ra_refuses(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()  # which the ECA does not know
    octets = seal(ask_successor(vehicle.enrolled, EnrolmentWish(), NOW), ra_lab.certificate)
    refused(RaReason.ECA_REFUSED, ra_lab.ra.successor, octets)


def test_an_answer_that_is_not_the_ecas_or_to_another_request_is_not_believed(ra_lab: RaLab):
    vehicle = ra_lab.enrol()
    pending, other = (ask_successor(vehicle.enrolled, EnrolmentWish(), NOW) for _ in range(2))
    good = ra_lab.eca.eca.succeed(pending.request)
    key, stranger = ra_lab.stranger()
    forged = sign(
        key,
        scms_header(),
        payload=SignedMessage.parse(good).payload,
        certificate=stranger,
        identifier="certificate",
    )
    for answer in (
        b"",
        b"\x03\x80\x00",
        good[:-1] + bytes([good[-1] ^ 1]),
        ra_lab.eca.eca.succeed(other.request),
        ra_lab.ra.status(),
        forged,
    ):
        ra_lab.door.answer = answer or b"\0"
        with pytest.raises(LinkError):
            ra_lab.ra.successor(seal(pending, ra_lab.certificate))
    assert rows(ra_lab, RaSuccessor) == []


def test_successors_count_as_requests_of_the_day(make_ra: Callable[..., RaLab]):
    lab = make_ra(policy=ScmsPolicy(requests_per_day=1))
    vehicle = lab.enrol()
    granted(lab, vehicle)
    octets = seal(ask_successor(vehicle.enrolled, EnrolmentWish(), NOW), lab.certificate)
    refused(RaReason.TOO_MANY, lab.ra.successor, octets)


def test_a_successor_asked_for_by_digest_is_refused_since_the_eca_wants_the_certificate(ra_lab: RaLab):
    vehicle = ra_lab.enrol()
    granted(ra_lab, vehicle)
    pending = ask_successor(vehicle.enrolled, EnrolmentWish(), NOW)
    pdu = CertificateRequest.parse(pending.request).record.tbs_request
    named = sign_request(vehicle.enrolled.key, pdu, certificate=vehicle.certificate, identifier="digest")
    refused(RaReason.BAD_SIGNATURE, ra_lab.ra.successor, vehicle.sealed(named))


def test_a_successors_request_with_something_else_inside_is_refused(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    inner = scms.EeRaInterfacePdu(
        "eeRaSuccessorEnrollmentCertRequest",
        wire.decode(dot2.Ieee1609Dot2Data, vehicle.signed(vehicle.wish(validity_period=OPEN))),
    )
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", inner))
    octets = sign_request(
        vehicle.enrolled.key, pdu, certificate=vehicle.certificate, identifier="certificate"
    )
    refused(RaReason.WRONG_CONTENT, ra_lab.ra.successor, vehicle.sealed(octets))
