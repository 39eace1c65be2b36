"""Messages between stations by TS 103 097 7.1: what is accepted, and each reason for refusing."""

import pytest

from tests.unit.trust.pki import NOW, Pki, services
from v2xpki import secured, wire
from v2xpki.errors import DecodeError, InvalidMessage, UnexpectedContent
from v2xpki.secured import SignedMessage, etsi_header
from v2xpki.trust import regions
from v2xpki.trust.chain import TrustStore
from v2xpki.trust.messages import ReplayWindow, Window, verify_message
from v2xpki.wire import dot2

AT = NOW * 1_000_000
SECOND = 1_000_000
MUNICH = dot2.ThreeDLocation(latitude=481_400_000, longitude=115_800_000, elevation=4096)
PARIS = MUNICH._replace(latitude=488_500_000, longitude=23_500_000)


@pytest.fixture
def trust(pki):
    return trusting(pki)


def trusting(pki: Pki) -> TrustStore:
    trust = TrustStore([pki.root.certificate])
    trust.add(pki.aa.certificate, NOW)
    return trust


def refuse(rule: str, message: bytes, trust: TrustStore, at: int | None = AT, **options) -> str:
    with pytest.raises(InvalidMessage) as refused:
        verify_message(message, trust, at, **options)
    assert refused.value.rule == rule, refused.value
    return str(refused.value)


def test_a_cam_is_accepted_by_certificate_and_then_by_digest(pki, trust):
    by_digest = pki.message(pki.at, identifier="digest")
    refuse("unknown-signer", by_digest, trust)
    first = verify_message(pki.message(pki.at), trust, AT)
    assert (first.psid, first.payload, first.ticket) == (36, b"\2\2cam", pki.at.certificate)
    assert verify_message(by_digest, trust, AT).ticket == pki.at.certificate


def test_a_cam_may_ask_for_a_certificate_and_hand_one_on(pki, trust):
    asking = pki.message(
        pki.at, inline_p2pcd_request=(b"abc",), requested_certificate=pki.aa.certificate.record
    )
    assert verify_message(asking, trust, AT).message.header.inline_p2pcd_request == (b"abc",)


def test_a_denm_carries_certificate_and_location(pki, trust):
    denm = pki.message(pki.at, 37, generation_location=MUNICH)
    assert verify_message(denm, trust, AT).psid == 37
    refuse("header", pki.message(pki.at, 37), trust)
    refuse("signer", pki.message(pki.at, 37, generation_location=MUNICH, identifier="digest"), trust)
    refuse(
        "header", pki.message(pki.at, 37, generation_location=MUNICH._replace(latitude=900_000_001)), trust
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"generation_location": MUNICH},
        {"expiry_time": AT + SECOND},
        {"p2pcd_learning_request": b"abc"},
        {"missing_crl_identifier": dot2.MissingCrlIdentifier(craca_id=bytes(3), crl_series=0)},
        {"generation_time": None},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_cam_with_another_header_is_refused(pki, trust, fields):
    refuse("header", pki.message(pki.at, **fields), trust)


def test_other_messages_may_say_when_they_expire(pki, trust):
    spatem = pki.ticket(app_permissions=services(p137="0100"))
    verify_message(pki.message(spatem, 137, expiry_time=AT + SECOND), trust, AT)
    refuse("expired", pki.message(spatem, 137, expiry_time=AT + SECOND), trust, AT + SECOND)
    refuse("generation-time", pki.message(spatem, 137, expiry_time=AT), trust)
    refuse("header", pki.message(spatem, 137, p2pcd_learning_request=b"abc"), trust)


def test_a_message_of_a_service_that_the_ticket_does_not_hold_is_refused(pki, trust):
    refuse("psid", pki.message(pki.at, 138), trust)


def test_a_forged_message_is_refused(pki, trust):
    octets = bytearray(pki.message(pki.at, payload=b"truth"))
    octets[octets.index(b"truth")] ^= 1
    refuse("signature", bytes(octets), trust)


def test_a_message_signed_by_another_key_than_its_tickets_is_refused(pki, trust):
    thief = pki.ticket()
    stolen = SignedMessage.parse(pki.message(thief)).record
    signer = dot2.SignerIdentifier(kind="certificate", value=(pki.at.certificate.record,))
    content = stolen.content._replace(value=stolen.content.value._replace(signer=signer))
    refuse("signature", wire.encode(stolen._replace(content=content)), trust)


@pytest.mark.parametrize(
    "key",
    [
        dot2.PublicVerificationKey(
            kind="ecdsaNistP256", value=dot2.EccP256CurvePoint(kind="fill", value=None)
        ),
        dot2.PublicVerificationKey(
            kind="ecdsaNistP256",
            value=dot2.EccP256CurvePoint(
                kind="uncompressedP256",
                value=dot2.EccP256CurvePointUncompressedP256(x=bytes(32), y=bytes(32)),
            ),
        ),
        dot2.PublicVerificationKey(
            kind="ecsigSm2", value=dot2.EccP256CurvePoint(kind="x-only", value=bytes(32))
        ),
    ],
)
def test_a_ticket_whose_key_is_no_point_is_refused_like_any_other(pki, trust, key):
    message = wire.decode(dot2.Ieee1609Dot2Data, pki.message(pki.at))
    signed = message.content.value
    (ticket,) = signed.signer.value
    indicator = dot2.VerificationKeyIndicator(kind="verificationKey", value=key)
    tbs = ticket.to_be_signed._replace(verify_key_indicator=indicator)
    signer = signed.signer._replace(value=(ticket._replace(to_be_signed=tbs),))
    content = message.content._replace(value=signed._replace(signer=signer))
    refuse("certificate", wire.encode(message._replace(content=content)), trust)


def test_a_ticket_of_an_untrusted_pki_is_refused(pki, trust):
    stranger = Pki()
    assert "chain" in refuse("certificate", stranger.message(stranger.at), trust)


def test_a_revoked_authoritys_messages_are_refused(pki, trust):
    trust.revoked = {pki.aa.certificate.hashed_id8}
    assert "revoked" in refuse("certificate", pki.message(pki.at), trust)


def test_an_enrolment_credential_signs_no_messages(pki, trust):
    trust.add(pki.ea.certificate, NOW)
    refuse("certificate", pki.message(pki.ec, 623), trust)


def test_a_message_that_signs_for_itself_is_refused(pki, trust):
    refuse("signer", pki.message(pki.at, identifier="self"), trust)


def test_a_message_with_two_certificates_is_refused(pki, trust):
    record = SignedMessage.parse(pki.message(pki.at)).record
    both = dot2.SignerIdentifier(
        kind="certificate", value=(pki.at.certificate.record, pki.aa.certificate.record)
    )
    content = record.content._replace(value=record.content.value._replace(signer=both))
    refuse("signer", wire.encode(record._replace(content=content)), trust)


def test_stale_messages_and_messages_from_the_future_are_refused(pki, trust):
    cam = pki.message(pki.at)
    verify_message(cam, trust, AT + 2 * SECOND)
    refuse("stale", cam, trust, AT + 2 * SECOND + 1)
    verify_message(cam, trust, AT - SECOND)
    refuse("future", cam, trust, AT - SECOND - 1)
    verify_message(cam, trust, AT + 60 * SECOND, window=Window(past=60 * SECOND))
    verify_message(pki.message(pki.at, 37, generation_location=MUNICH), trust, AT + 600 * SECOND)


def test_a_message_generated_outside_its_tickets_validity_is_refused(pki, trust):
    late = pki.at.certificate.end * 1_000_000
    refuse("generation-time", pki.message(pki.at, time64=late), trust, late)
    verify_message(pki.message(pki.at, time64=late - 1), trust, late)
    early = pki.at.certificate.start * 1_000_000 - 1
    refuse("generation-time", pki.message(pki.at, time64=early), trust, early)


def test_without_a_time_a_message_is_judged_as_of_its_own(pki, trust):
    later = AT + 3600 * SECOND
    verify_message(pki.message(pki.at, time64=later), trust, None)
    refuse("generation-time", pki.message(pki.at, time64=pki.at.certificate.end * 1_000_000), trust, None)


def test_a_denm_from_outside_the_tickets_region_is_refused():
    pki = Pki(region=regions.from_text("countries:65535"))
    trust = trusting(pki)
    german = pki.ticket(change={"region": regions.from_text("countries:276")})
    verify_message(pki.message(german, 37, generation_location=MUNICH), trust, AT)
    refuse("region", pki.message(german, 37, generation_location=PARIS), trust)
    # a CAM does not say where: the receiver's place stands for it
    place = PARIS.latitude, PARIS.longitude
    refuse("region", pki.message(german), trust, place=place)
    verify_message(pki.message(german), trust, AT, place=(MUNICH.latitude, MUNICH.longitude))
    # a ticket without a region of its own is bound by its root's
    new_york = MUNICH._replace(latitude=407_000_000, longitude=-740_000_000)
    refuse("region", pki.message(pki.at, 37, generation_location=new_york), trust)


def test_a_replayed_message_is_refused_and_a_new_one_is_not(pki, trust):
    replay, cam = ReplayWindow(), pki.message(pki.at)
    verify_message(cam, trust, AT, replay=replay)
    refuse("replay", cam, trust, replay=replay)
    verify_message(pki.message(pki.at, time64=AT + 1), trust, AT, replay=replay)
    assert len(replay) == 2


def test_a_replay_with_the_other_s_of_the_signature_is_refused(pki, trust):
    replay, octets = ReplayWindow(), pki.message(pki.at)
    verify_message(octets, trust, AT, replay=replay)
    record = SignedMessage.parse(octets).record
    signature = record.content.value.signature
    s = pki.at.key.curve.order - int.from_bytes(signature.value.s_sig, "big")
    other = signature._replace(value=signature.value._replace(s_sig=s.to_bytes(32, "big")))
    content = record.content._replace(value=record.content.value._replace(signature=other))
    malleated = wire.encode(record._replace(content=content))
    verify_message(malleated, trust, AT)  # it is a valid signature
    refuse("replay", malleated, trust, replay=replay)


def test_a_refused_message_does_not_fill_the_replay_window(pki, trust):
    replay = ReplayWindow()
    octets = bytearray(pki.message(pki.at))
    octets[-1] ^= 1
    refuse("signature", bytes(octets), trust, replay=replay)
    assert len(replay) == 0


def test_a_replay_window_forgets_what_is_no_longer_fresh_and_is_bounded():
    replay = ReplayWindow(capacity=2)
    replay.check(b"a", 10, 0)
    with pytest.raises(InvalidMessage):
        replay.check(b"a", 10, 9)
    replay.check(b"a", 20, 10)
    for key in (b"b", b"c", b"d"):
        replay.check(key, 100, 11)
    assert len(replay) <= 2


def test_an_external_payload_is_no_cam_but_may_be_another_message(pki, trust):
    ticket = pki.ticket(app_permissions=services(p36="010000", p138="0100"))

    def external(psid: int) -> bytes:
        return secured.sign(
            ticket.key, etsi_header(psid, AT), ext_data_hash=bytes(32), certificate=ticket.certificate,
            identifier="certificate",
        )  # fmt: skip

    refuse("payload", external(36), trust)
    assert verify_message(external(138), trust, AT).payload is None


def test_a_signed_message_inside_a_message_is_refused(pki, trust):
    inner = SignedMessage.parse(pki.message(pki.at)).record
    outer = secured.sign(
        pki.at.key, etsi_header(36, AT), data=inner, certificate=pki.at.certificate, identifier="certificate"
    )
    refuse("payload", outer, trust)


def test_what_is_no_signed_message_is_no_answer(trust):
    with pytest.raises(UnexpectedContent):
        verify_message(secured.unsecured(b"cam"), trust, AT)
    with pytest.raises(DecodeError):
        verify_message(b"\3\x81", trust, AT)


def test_a_window_without_a_past_is_not_made():
    with pytest.raises(ValueError):
        Window(past=0)


def test_a_cam_of_a_brainpool_station_is_accepted(trust):
    from v2xpki.crypto import Curve

    pki = Pki(curve=Curve.BRAINPOOL_P256R1)
    assert verify_message(pki.message(pki.at), trusting(pki), AT).ticket.curve is Curve.BRAINPOOL_P256R1
