"""An RA's blocklist, what it tells everybody, and attacks on it."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.mutating import Mutator
from tests.support.scms_enrolment import NOW, P256
from tests.support.scms_ra import (
    BSM,
    WSA,
    RaLab,
    acknowledged,
    pack,
    plain_download,
    ranges,
    refused,
    rows,
    stem,
)
from v2xpki import wire
from v2xpki.authorities.scms.ra_reasons import RaReason, RefusedRequest
from v2xpki.config import ScmsPolicy
from v2xpki.errors import StoreError
from v2xpki.keystore import MemoryKey
from v2xpki.secured import SignedMessage, encrypt, encrypted
from v2xpki.station.scms.enrolment import EnrolmentWish, ask_successor, seal
from v2xpki.store.base import AuditRow
from v2xpki.store.ra import RaDevice, RaEnrolment, RaRequest, RaSuccessor
from v2xpki.trust.scms_devices import EE_PERMISSIONS, request_permissions
from v2xpki.trust.scms_kinds import load_kinds
from v2xpki.wire import dot2, scms

# --- the blocklist -------------------------------------------------------------------------


def test_a_blocked_device_gets_nothing_not_even_what_it_was_given_before(ra_lab: RaLab):
    vehicle = ra_lab.enrol()
    request = vehicle.request()
    ra_lab.ra.request(request)
    pack(ra_lab, request)
    name = f"{stem(request)}_252.zip"
    file = ra_lab.ra.download(vehicle.download(name))
    successor = seal(ask_successor(vehicle.enrolled, EnrolmentWish(), NOW), ra_lab.certificate)
    id8 = vehicle.certificate.hashed_id8
    ra_lab.ra.blocklist.block(id8, reason="stolen", operator="op")
    for call, octets in (
        (ra_lab.ra.request, request),
        (ra_lab.ra.request, vehicle.fresh().request()),
        (ra_lab.ra.download, vehicle.download(name)),
        (ra_lab.ra.download, vehicle.download(f"{stem(request)}.info")),
        (ra_lab.ra.successor, successor),
        (ra_lab.ra.successor_file, vehicle.download(f"{stem(successor)}.oer")),
    ):
        refused(RaReason.BLOCKED, call, octets)
    assert ra_lab.ra.blocklist.blocked() == [rows(ra_lab, RaDevice)[0].id]
    ra_lab.ra.blocklist.unblock(id8, reason="found", operator="op")
    assert ra_lab.ra.download(vehicle.download(name)) == file
    assert ra_lab.ra.blocklist.blocked() == []


def test_blocking_is_audited_once_with_who_and_why(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    ra_lab.ra.request(vehicle.request())
    id8 = vehicle.certificate.hashed_id8
    ra_lab.ra.blocklist.block(id8, reason="stolen", operator="op")
    ra_lab.ra.blocklist.block(id8, reason="stolen", operator="op")
    entries = [json.loads(row.detail) for row in rows(ra_lab, AuditRow) if row.event == "station.barred"]
    device = ra_lab.ra.blocklist.find(id8)
    assert device is not None and device.is_blocked
    assert entries == [{"operator": "op", "reason": "stolen", "station": device.id.hex()}]
    assert ra_lab.ra.blocklist.certificates(device.id) == [vehicle.certificate]


def test_a_certificate_may_be_blocked_before_it_ever_comes(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    id8 = vehicle.certificate.hashed_id8
    assert ra_lab.ra.blocklist.find(id8) is None
    ra_lab.ra.blocklist.block(id8, reason="stolen")
    refused(RaReason.BLOCKED, ra_lab.ra.request, vehicle.request())
    ra_lab.ra.purge(ra_lab.clock.now)
    refused(RaReason.BLOCKED, ra_lab.ra.request, vehicle.request())
    ra_lab.ra.blocklist.unblock(id8, reason="found")
    ra_lab.ra.request(vehicle.request())
    (enrolment,) = rows(ra_lab, RaEnrolment)
    assert (enrolment.certificate, enrolment.expires) == (vehicle.certificate.octets, vehicle.certificate.end)


def test_unblocking_what_nobody_knows_is_an_error(ra_lab: RaLab):
    with pytest.raises(StoreError, match="no device"):
        ra_lab.ra.blocklist.unblock(bytes(8), reason="a slip")


# --- for everybody -------------------------------------------------------------------------


def test_the_status_is_signed_by_the_ra_and_no_more_often_than_it_changes(ra_lab: RaLab):
    octets = ra_lab.ra.status()
    message = SignedMessage.parse(octets)
    message.verify(ra_lab.certificate.verification_key, ra_lab.certificate)
    pdu: Any = wire.decode(scms.ScmsPdu, message.payload).content.value
    assert pdu.value == ra_lab.info.status._replace(ra=ra_lab.certificate.start)
    assert ra_lab.ra.status() is octets
    ra_lab.info.status = ra_lab.info.status._replace(ca_ccf=NOW)
    assert ra_lab.ra.status() != octets


def test_the_policy_tells_what_a_device_has_to_go_by(make_ra: Callable[..., RaLab]):
    lab = make_ra(
        policy=ScmsPolicy(certificates=7, butterfly=("unified",)),
        kinds=load_kinds({"identification": {"enabled": False}}),
    )
    told = json.loads(lab.ra.policy())
    assert told["iPeriod"] == {"epoch": 347_619_603, "length": 604_800, "overlap": 3600}
    assert (told["certificatesPerPeriod"], told["butterfly"], told["generationTime"]) == (7, ["unified"], NOW)
    assert set(told["certificates"]) == {"pseudonym", "application"}
    assert told["certificates"]["pseudonym"]["validity"] == 604_800 + 3600
    assert {"psid": 32, "all": True} in told["certificates"]["pseudonym"]["permissions"]
    assert told["certificates"]["application"]["certificatesPerPeriod"] == 1


# --- attacks -------------------------------------------------------------------------------


def test_another_devices_file_looks_as_if_it_were_not_there(ra_lab: RaLab):
    owner, thief = ra_lab.vehicle(), ra_lab.vehicle()
    request = owner.request()
    ra_lab.ra.request(request)
    pack(ra_lab, request)
    for known in (False, True):
        if known:
            ra_lab.ra.request(thief.request())
        for name in (f"{stem(request)}.info", f"{stem(request)}_252.zip", f"{stem(request)}_2A0.zip"):
            refused(RaReason.NO_FILE, ra_lab.ra.download, thief.download(name))


def test_another_devices_successor_looks_as_if_it_were_not_there(ra_lab: RaLab):
    owner, thief = ra_lab.enrol("OBU-1"), ra_lab.enrol("OBU-2")
    ra_lab.ra.request(thief.request())
    octets = seal(ask_successor(owner.enrolled, EnrolmentWish(), NOW), ra_lab.certificate)
    ra_lab.ra.successor(octets)
    refused(RaReason.NO_FILE, ra_lab.ra.successor_file, thief.download(f"{stem(octets)}.oer"))


def test_a_replayed_download_is_refused_once_it_is_old(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    request = vehicle.request()
    ra_lab.ra.request(request)
    asked = vehicle.download(f"{stem(request)}.info")
    ra_lab.ra.download(asked)
    ra_lab.clock.advance(601)
    refused(RaReason.OUT_OF_TIME, ra_lab.ra.download, asked)


def test_a_download_request_from_the_future_is_refused(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    request = vehicle.request()
    ra_lab.ra.request(request)
    ra_lab.clock.advance(3600)
    asked = vehicle.download(f"{stem(request)}.info")
    ra_lab.clock.advance(-3600)
    refused(RaReason.OUT_OF_TIME, ra_lab.ra.download, asked)


def test_a_revoked_certificate_gets_nothing(ra_lab: RaLab):
    vehicle = ra_lab.enrol()
    request = vehicle.request()
    ra_lab.ra.request(request)
    ra_lab.revoked.add(vehicle.certificate.hashed_id8)
    refused(RaReason.REVOKED, ra_lab.ra.request, request)
    refused(RaReason.REVOKED, ra_lab.ra.download, vehicle.download(f"{stem(request)}.info"))
    successor = seal(ask_successor(vehicle.enrolled, EnrolmentWish(), NOW), ra_lab.certificate)
    refused(RaReason.REVOKED, ra_lab.ra.successor, successor)


def test_a_certificate_of_an_unknown_eca_gets_nothing(ra_lab: RaLab):
    key, stranger = ra_lab.stranger()
    refused(RaReason.UNKNOWN_ECA, ra_lab.ra.request, ra_lab.vehicle(ca=(key, stranger)).request())
    # nor one that says it is of a known ECA, and is signed by another
    forged = ra_lab.vehicle(ca=(key, ra_lab.ca))
    refused(RaReason.BAD_ENROLMENT, ra_lab.ra.request, forged.request())


def test_a_certificate_of_an_eca_that_has_ended_gets_nothing(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    ra_lab.clock.advance(11 * 31_556_952)
    refused(RaReason.UNKNOWN_ECA, ra_lab.ra.request, vehicle.request())


def test_permissions_beyond_the_enrolment_certificates_are_refused(ra_lab: RaLab):
    vehicle = ra_lab.vehicle(cert_request_permissions=request_permissions(ranges(135)))
    refused(RaReason.DENIED_PERMISSIONS, ra_lab.ra.request, vehicle.request())
    more = vehicle.wish(app_permissions=(*WSA, *BSM))
    refused(RaReason.DENIED_PERMISSIONS, ra_lab.ra.request, vehicle.request(more))
    plain = ra_lab.vehicle(cert_request_permissions=request_permissions([dot2.PsidSspRange(32, None)]))
    with_ssp = (dot2.PsidSsp(32, dot2.ServiceSpecificPermissions("opaque", b"\1")),)
    refused(
        RaReason.DENIED_PERMISSIONS, ra_lab.ra.request, plain.request(plain.wish(app_permissions=with_ssp))
    )


def test_a_pseudonym_cannot_ask_for_more(ra_lab: RaLab):
    """A certificate of a trusted issuer that has not the role of a device."""
    for permissions in (BSM, (*EE_PERMISSIONS, *BSM), None):
        vehicle = ra_lab.vehicle(app_permissions=permissions)
        refused(RaReason.BAD_ENROLMENT, ra_lab.ra.request, vehicle.request())


def test_who_has_the_certificate_and_not_its_key_gets_nothing(ra_lab: RaLab):
    vehicle = ra_lab.vehicle()
    octets = vehicle.request(key=MemoryKey.generate(P256))
    refused(RaReason.BAD_SIGNATURE, ra_lab.ra.request, octets)
    assert rows(ra_lab, RaDevice) == []


def test_a_request_in_another_vehicles_envelope_is_still_its_signers(ra_lab: RaLab):
    """Who opens nothing can re-encrypt nothing; who has the plain request gains nothing by it."""
    victim = ra_lab.vehicle()
    plain = victim.signed(victim.wish())
    for _ in range(2):
        ra_lab.ra.request(encrypt(plain, [ra_lab.certificate]).octets)
    assert len(rows(ra_lab, RaRequest)) == 1


def test_an_envelope_changed_on_the_way_costs_the_device_nothing(ra_lab: RaLab):
    """The other point of the same x opens as well: the wish is the same, its hash another."""
    victim = ra_lab.vehicle()
    sent = victim.request()
    record = wire.decode(dot2.Ieee1609Dot2Data, sent)
    data: Any = record.content.value
    info = data.recipients[0]
    key = info.value.enc_key.value
    other = {"compressed-y-0": "compressed-y-1", "compressed-y-1": "compressed-y-0"}[key.v.kind]
    key = key._replace(v=key.v._replace(kind=other))
    info = info._replace(value=info.value._replace(enc_key=info.value.enc_key._replace(value=key)))
    data = data._replace(recipients=(info,))
    changed = wire.encode(record._replace(content=record.content._replace(value=data)))
    first = acknowledged(ra_lab, ra_lab.ra.request(changed))
    own = acknowledged(ra_lab, ra_lab.ra.request(sent))
    assert own.request_hash != first.request_hash and len(rows(ra_lab, RaRequest)) == 1
    pack(ra_lab, changed)
    assert ra_lab.ra.download(victim.download(f"{stem(sent)}_252.zip")).octets == b"a ZIP"


def test_many_recipients_buy_one_agreement_of_the_token(ra_lab: RaLab, monkeypatch: pytest.MonkeyPatch):
    vehicle = ra_lab.vehicle()
    octets = vehicle.request()
    record = wire.decode(dot2.Ieee1609Dot2Data, octets)
    data: Any = record.content.value
    (info,) = data.recipients
    other = wire.decode(dot2.Ieee1609Dot2Data, vehicle.request()).content.value.recipients[0]  # type: ignore[union-attr]
    flood = data._replace(recipients=(other,) * 50 + (info,))
    octets = wire.encode(record._replace(content=record.content._replace(value=flood)))
    calls: list[int] = []
    unwrap = encrypted.unwrap_key
    monkeypatch.setattr(encrypted, "unwrap_key", lambda *a: (calls.append(1), unwrap(*a))[1])
    refused(RaReason.CANNOT_DECRYPT, ra_lab.ra.request, octets)
    assert len(calls) == 1


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Any:
    lab = RaLab.make(tmp_path_factory.mktemp("ra"))
    yield lab
    lab.close()


def test_mutated_bodies_are_refused_and_nothing_else_happens(standing: RaLab):
    lab, dice = standing, Mutator(4)
    vehicle = lab.enrol()
    successor = ask_successor(vehicle.enrolled, EnrolmentWish(), NOW)
    request = vehicle.request()
    lab.ra.request(request)
    messages = [
        request,
        vehicle.fresh().request(),
        seal(successor, lab.certificate),
        vehicle.download(f"{stem(request)}.info"),
        plain_download(f"{stem(request)}.info", NOW),
    ]
    inner = [vehicle.signed(vehicle.fresh().wish()), successor.request]
    for round_ in range(150):
        opened = [
            dice.octets(dice.choice(inner), inner),
            dice.record("Ieee1609Dot2Data", dice.choice(inner)),
        ]
        changed = [
            dice.octets(dice.choice(messages), messages),
            dice.record("Ieee1609Dot2Data", dice.choice(messages)),
            *[vehicle.sealed(octets) for octets in opened if octets not in inner],
            dice.choice(messages)[: dice.randrange(400)] if round_ % 3 else b"",
        ]
        for octets in changed:
            if octets in messages:
                continue
            for call in (lab.ra.request, lab.ra.successor, lab.ra.download, lab.ra.successor_file):
                with contextlib.suppress(RefusedRequest):
                    call(octets)
                    # an envelope with one more recipient, say: what is in it is its signer's all the same
                    assert wire.decode(dot2.Ieee1609Dot2Data, octets).content.kind == "encryptedData"
    assert len(rows(lab, RaRequest)) <= 2 and len(rows(lab, RaSuccessor)) <= 1


def test_wishes_made_at_random_and_signed_well_are_granted_or_refused(standing: RaLab):
    """Whatever a device that may ask puts into its own request."""
    lab, dice = standing, Mutator(5)
    outcomes = set()
    for _ in range(120):
        vehicle = lab.vehicle()
        asked = dice.record("EeRaCertRequest", wire.encode(vehicle.wish()))
        try:
            record = wire.decode(scms.EeRaCertRequest, asked)
            ack = acknowledged(lab, lab.ra.request(vehicle.request(record)))
            assert ack.first_i is not None
            outcomes.add("granted")
        except RefusedRequest as error:
            outcomes.add(error.reason.name)
    assert {"granted", "WRONG_FORM", "BAD_KEYS", "OUT_OF_TIME"} <= outcomes
