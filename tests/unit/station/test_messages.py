"""What goes out under which name, and what is believed of what comes in (TS 103 097 7.1)."""

import pytest

from tests.unit.station.fake_pki import URL, make_ca
from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidMessage
from v2xpki.secured import SignedMessage, sign
from v2xpki.station import IVI, MAPEM, SPATEM, BeyondProfile, NoCredential, location
from v2xpki.trust.lists import AaEntry, EaEntry
from v2xpki.wire import dot2

BERLIN, PARIS = location(52.52, 13.405, 34.0), location(48.8566, 2.3522)


@pytest.fixture
def pair(new_station):
    """Two vehicles with tickets."""
    made = []
    for name in ("one", "two"):
        station = new_station(name)
        station.refresh()
        station.enrol()
        station.authorize(2)
        made.append(station)
    return made


@pytest.fixture
def rsu(new_station):
    made = new_station("rsu", profile="rsu", region="countries:276")
    made.refresh()
    made.enrol()
    made.authorize(1)
    return made


def kinds(station, clock, count, step=0.1):
    """Signer forms of so many CAMs, `step` seconds apart."""
    found = []
    for _ in range(count):
        found.append(SignedMessage.parse(station.sign_cam(b"cam")).signer.kind)
        clock.now += step
    return found


class Ticking:
    """A clock with parts of a second."""

    def __init__(self, now):
        self.now = float(now)

    def time32(self):
        return int(self.now)

    def time64(self):
        return round(self.now * 1_000_000)


def rule_of(station, octets, **arguments):
    with pytest.raises(InvalidMessage) as error:
        station.receive(octets, **arguments)
    return error.value.rule


def test_one_second_of_cams_has_one_certificate(pair, clock):
    one, _ = pair
    one.clock = ticking = Ticking(clock.now)
    assert kinds(one, ticking, 5, 0.25) == ["certificate", "digest", "digest", "digest", "certificate"]


def test_a_cam_is_verified_and_its_ticket_remembered(pair, clock):
    one, two = pair
    one.clock = two.clock = ticking = Ticking(clock.now)
    verified = two.receive(one.sign_cam(b"first"))
    assert (verified.psid, verified.payload) == (36, b"first")
    assert verified.ticket == one.ticket(36)
    ticking.now += 0.1
    second = one.sign_cam(b"second")
    assert SignedMessage.parse(second).signer.kind == "digest"
    assert two.receive(second).payload == b"second"
    header = SignedMessage.parse(second).header
    assert header == dot2.HeaderInfo(psid=36, generation_time=header.generation_time)


def test_new_lists_leave_peers_known(pair, clock):
    one, two = pair
    one.clock = two.clock = ticking = Ticking(clock.now)
    two.receive(one.sign_cam(b"first"))
    two.refresh()
    ticking.now += 0.1
    second = one.sign_cam(b"second")
    assert SignedMessage.parse(second).signer.kind == "digest"
    assert two.receive(second).payload == b"second"


def test_an_unknown_ticket_is_asked_for_and_shown_at_once(pair, clock):
    one, two = pair
    one.clock = two.clock = ticking = Ticking(clock.now)
    one.sign_cam(b"not heard by two")
    two.sign_cam(b"not heard by one")
    ticking.now += 0.1
    assert rule_of(two, one.sign_cam(b"by digest")) == "unknown-signer"
    asking = two.sign_cam(b"who are you?")
    message = SignedMessage.parse(asking)
    assert message.header.inline_p2pcd_request == (one.ticket(36).hashed_id3,)
    assert message.signer.kind == "certificate"  # the other does not know this one either
    assert one.receive(asking).payload == b"who are you?"
    answer = one.sign_cam(b"me")
    assert SignedMessage.parse(answer).signer.kind == "certificate"
    assert two.receive(answer).payload == b"me"
    assert SignedMessage.parse(two.sign_cam(b"thanks")).header.inline_p2pcd_request is None


def test_a_request_that_names_another_ticket_changes_nothing(pair, clock):
    one, two = pair
    one.clock = two.clock = ticking = Ticking(clock.now)
    one.sign_cam(b"")
    header = dot2.HeaderInfo(psid=36, generation_time=ticking.time64(), inline_p2pcd_request=(b"abc",))
    ticket, key = two._ticket(36)
    one.receive(sign(key, header, payload=b"", certificate=ticket, identifier="certificate"))
    assert SignedMessage.parse(one.sign_cam(b"")).signer.kind == "digest"


def test_what_was_wanted_is_not_asked_for_for_ever(pair, clock):
    one, two = pair
    one.clock = two.clock = ticking = Ticking(clock.now)
    one.sign_cam(b"")
    rule_of(two, one.sign_cam(b""))
    assert SignedMessage.parse(two.sign_cam(b"")).header.inline_p2pcd_request
    ticking.now += 6
    assert SignedMessage.parse(two.sign_cam(b"")).header.inline_p2pcd_request is None


def test_an_aa_that_a_peer_lacks_is_sent_along(pair, pki, clock):
    """Two hears a ticket under an AA that its own, older CTL does not have; one has it."""
    one, two = pair
    clock.advance(3600)
    newer = make_ca("AA", clock.time32(), pki.root)
    older, pki.aa = pki.aa, newer
    pki.publish(
        entries=[
            EaEntry(pki.ea.certificate, f"{URL}/v", f"{URL}/ea"),
            AaEntry(older.certificate, f"{URL}/old"),
            AaEntry(newer.certificate, f"{URL}/aa"),
        ]
    )
    one.refresh()
    one.authorize(1)
    one.clock = two.clock = ticking = Ticking(clock.now)
    one._current = one.state.tickets[-1]
    cam = one.sign_cam(b"under the new AA")
    assert rule_of(two, cam) == "certificate"
    asking = two.sign_cam(b"whose is that?")
    assert SignedMessage.parse(asking).header.inline_p2pcd_request == (newer.certificate.hashed_id3,)
    # the AA's certificate waits for a CAM that carries no other
    one.receive(asking)
    ticking.now += 0.1
    answer = one.sign_cam(b"this one's")
    message = SignedMessage.parse(answer)
    assert message.signer.kind == "digest"
    assert Certificate.of(message.header.requested_certificate) == newer.certificate
    assert rule_of(two, answer) == "unknown-signer"  # the AA is learned all the same
    ticking.now += 1
    assert two.receive(one.sign_cam(b"now")).payload == b"now"
    assert SignedMessage.parse(one.sign_cam(b"")).header.requested_certificate is None


def test_a_forged_aa_is_not_learned(pair, clock):
    one, two = pair
    stranger = make_ca("RCA", clock.time32(), name="Stranger")
    forged = make_ca("AA", clock.time32(), stranger)
    ticket, key = one._ticket(36)
    header = dot2.HeaderInfo(
        psid=36,
        generation_time=clock.time64(),
        requested_certificate=forged.certificate.record,
    )
    two.receive(sign(key, header, payload=b"", certificate=ticket, identifier="certificate"))
    assert two.last_pki.trust.issuer(forged.certificate.hashed_id8) is None


def test_who_answered_first_spares_the_others(pair, clock, pki):
    one, two = pair
    aa = pki.aa.certificate
    one._hearing.learning.peer_asks((aa.hashed_id3,), None, one._hearing.authorities)
    assert one._hearing.learning.asked_for == aa
    ticket, key = two._ticket(36)
    header = dot2.HeaderInfo(psid=36, generation_time=clock.time64(), requested_certificate=aa.record)
    one.receive(sign(key, header, payload=b"", certificate=ticket, identifier="certificate"))
    assert one._hearing.learning.asked_for is None


def test_a_changed_ticket_is_shown_at_once(pair, clock):
    one, two = pair
    first = one.ticket(36)
    one.sign_cam(b"")
    assert SignedMessage.parse(one.sign_cam(b"")).signer.kind == "digest"
    one.change_ticket()
    assert one.ticket(36) != first
    octets = one.sign_cam(b"")
    assert SignedMessage.parse(octets).signer.kind == "certificate"
    assert two.receive(octets).ticket == one.ticket(36)


def test_a_denm_names_its_place_and_always_its_certificate(pair):
    one, two = pair
    for _ in range(2):
        octets = one.sign_denm(b"ice", BERLIN)
        message = SignedMessage.parse(octets)
        assert message.signer.kind == "certificate"
        assert message.header.generation_location == BERLIN
        assert message.header.psid == 37
    assert two.receive(octets).payload == b"ice"


def test_an_rsu_sends_its_services_inside_its_region_alone(rsu, pair):
    _, two = pair
    for psid in (SPATEM, MAPEM, IVI):
        octets = rsu.sign_message(psid, b"signal", BERLIN)
        assert SignedMessage.parse(octets).signer.kind == "certificate"
        assert two.receive(octets).payload == b"signal"
        assert SignedMessage.parse(rsu.sign_message(psid, b"signal")).signer.kind == "digest"
    assert two.receive(rsu.sign_message(37, b"works", BERLIN)).psid == 37
    assert two.receive(rsu.sign_message(36, b"cam")).psid == 36
    for call in (
        lambda: rsu.sign_denm(b"", PARIS),
        lambda: rsu.sign_message(IVI, b"", PARIS),
        lambda: rsu.sign_message(37, b""),
    ):
        with pytest.raises(BeyondProfile):
            call()


def test_a_vehicle_has_no_ticket_for_ivi(pair):
    with pytest.raises(NoCredential, match="139"):
        pair[0].sign_message(IVI, b"")


def test_forged_replayed_and_old_messages_are_refused_with_the_reason(pair, clock):
    one, two = pair
    octets = one.sign_cam(b"cam")
    assert rule_of(two, octets[:-1] + bytes([octets[-1] ^ 1])) == "signature"
    two.receive(octets)
    assert rule_of(two, octets) == "replay"
    old = one.sign_cam(b"old")
    clock.advance(60)
    assert rule_of(two, old) == "stale"


def test_a_ticket_of_a_stranger_is_refused(pair, clock, pki):
    from tests.unit.station.fake_pki import certify
    from v2xpki.crypto import Curve
    from v2xpki.keystore.memory import MemoryKey
    from v2xpki.trust.profiles import profile

    _, two = pair
    stranger = make_ca("AA", clock.time32(), make_ca("RCA", clock.time32(), name="Stranger"))
    key = MemoryKey.generate(Curve.NIST_P256)
    tbs = profile("AT").build_tbs(
        verification_key=key.public_key,
        now=clock.time32(),
        issuer=stranger.certificate,
        app_permissions=(dot2.PsidSsp(psid=36, ssp=None),),
    )
    ticket = certify(tbs, stranger.key, stranger.certificate)
    header = dot2.HeaderInfo(psid=36, generation_time=clock.time64())
    octets = sign(key, header, payload=b"", certificate=ticket, identifier="certificate")
    assert rule_of(two, octets) == "certificate"
    asked = SignedMessage.parse(two.sign_cam(b"")).header.inline_p2pcd_request
    assert asked == (stranger.certificate.hashed_id3,)


def test_a_ticket_can_be_learned_beside_messages(pair):
    one, two = pair
    one.sign_cam(b"")
    two.learn(one.ticket(36))
    assert two.receive(one.sign_cam(b"by digest")).payload == b"by digest"


def test_a_flood_of_strangers_stays_bounded(pair, clock):
    learning = pair[0]._hearing.learning
    for number in range(1000):
        learning.unknown(number.to_bytes(8, "big"), clock.time64(), ticket=True)
    assert len(learning.wanted) <= 64
    assert len(learning.requests(clock.time64())) == 8


def test_places_are_written_in_the_units_of_the_clause():
    assert (BERLIN.latitude, BERLIN.longitude, BERLIN.elevation) == (525200000, 134050000, 4095 + 340)
    assert location(0, 0, -1000).elevation == 0
    assert location(0, 0, 9000).elevation == 65535
