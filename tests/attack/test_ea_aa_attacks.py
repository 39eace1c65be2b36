"""What an attacker tries at the EA and the AA, and what comes of it."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.etsi import (
    CAM,
    HOUR,
    P256,
    Credential,
    Pki,
    Sent,
    Spoilt,
    TestStation,
    certify,
    hours,
    permission,
    read_answer,
    rows,
    seal,
)
from v2xpki import wire
from v2xpki.authorities.etsi.envelope import Generation, OwnKeys
from v2xpki.crypto import Certificate
from v2xpki.errors import DecodeError, NotRecipient
from v2xpki.keystore import KeyLabel, MemoryKey
from v2xpki.secured import etsi_header, sign
from v2xpki.time import FixedClock
from v2xpki.wire import dot2, etsi


@pytest.fixture
def car(pki: Pki) -> TestStation:
    return pki.station("car")


@pytest.fixture
def thief(pki: Pki) -> TestStation:
    return pki.station("thief")


def test_replayed_enrolment_gets_the_same_certificate_back(car: TestStation) -> None:
    sent = car.enrolment()
    assert car.pki.ea.enrol(sent.body) == car.pki.ea.enrol(sent.body)


def test_replayed_authorization_gets_the_same_ticket_back(car: TestStation) -> None:
    sent = car.authorization(car.enrol())
    assert car.pki.aa.authorize(sent.body) == car.pki.aa.authorize(sent.body)


def test_a_replay_after_the_memory_is_purged_is_too_late(car: TestStation, fixed_clock: FixedClock) -> None:
    ec = car.enrol()
    requests = [car.authorization(ec, wrapper=wrapper) for wrapper in ("pop", "unsecured", "bare")]
    for sent in requests:
        assert car.send_authorization(sent).code == "ok"
    fixed_clock.advance(30 * HOUR)
    car.pki.aa.purge()
    car.pki.ea.purge()
    for sent in requests:
        assert car.send_authorization(sent).code == "its-aa-outofsyncrequest"


def test_wrapping_one_wish_again_and_again_does_not_multiply_tickets(car: TestStation) -> None:
    wish, new = car.wish(car.enrol())
    tickets = {car.send_authorization(car.wrapped(wish, new)).ok().certificate for _ in range(5)}
    assert len(tickets) == 1


def test_signing_one_wish_again_does_not_multiply_tickets(car: TestStation) -> None:
    """The same keys and attributes under a fresh ecSignature: counted once, certified once."""
    ec, new, secret = car.enrol(), MemoryKey(P256), bytes(32)
    tickets = {car.authorize(ec, new=new, secret=secret, wrapper="bare").ok().certificate for _ in range(5)}
    assert len(tickets) == 1


def test_a_second_key_under_a_used_key_tag_gets_nothing(
    car: TestStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were a collision of keyTag found, its second key would still get no ticket."""
    ec = car.enrol()
    wish, new = car.wish(ec)
    car.send_authorization(car.wrapped(wish, new)).ok()
    other = MemoryKey(P256)
    forged = wish._replace(
        public_keys=etsi.PublicKeys(verification_key=other.public_key.to_verification_key())
    )
    monkeypatch.setattr("v2xpki.authorities.etsi.authorization.hmac.compare_digest", lambda a, b: True)
    answer = car.send_authorization(car.wrapped(forged, other))
    assert answer.code == "its-aa-keysdontmatch"
    assert answer.certificate is None


def test_no_one_enrols_in_anothers_name(car: TestStation, thief: TestStation) -> None:
    assert thief.send_enrolment(thief.enrolment(its_id=car.id)).code == "invalidsignature"
    ec = thief.enrol()
    assert thief.send_enrolment(thief.enrolment(by=ec, its_id=car.id)).code == "unknownits"
    victim = car.enrol()
    stolen = Credential(victim.certificate, ec.key)
    forged = thief.enrolment(canonical=_WrongKey(ec.key, victim.key), by=stolen)
    assert thief.send_enrolment(forged).code == "invalidsignature"


class _WrongKey:
    """Claims one key, signs with another."""

    def __init__(self, key: MemoryKey, claimed: MemoryKey) -> None:
        self.public_key, self.sign = claimed.public_key, key.sign


def test_no_one_has_anothers_key_certified(car: TestStation, thief: TestStation) -> None:
    """Without the private key there is no proof of possession."""
    victim = car.enrol()
    sent = thief.enrolment(new=_WrongKey(MemoryKey(P256), victim.key))  # type: ignore[arg-type]
    assert thief.send_enrolment(sent).code == "invalidsignature"


def test_a_proof_of_possession_cannot_be_moved_to_another_request(
    car: TestStation, thief: TestStation
) -> None:
    """The station's id is inside what the new key signs."""
    inner = _inner_of(car, car.enrolment())
    content = etsi.EtsiTs102941DataContent(kind="enrolmentRequest", value=inner)
    assert thief.send_enrolment(thief.enrolment(content=content)).code == "invalidsignature"


def _inner_of(car: TestStation, sent: Sent) -> dot2.Ieee1609Dot2Data:
    plain: Any = wire.decode(dot2.Ieee1609Dot2Data, car.pki.ea._own.open(sent.body).decrypt())
    payload = plain.content.value.tbs_data.payload.data.content.value
    value = wire.decode(etsi.EtsiTs102941Data, payload).content.value
    assert isinstance(value, dot2.Ieee1609Dot2Data)
    return value


def test_no_one_spends_anothers_credential(car: TestStation, thief: TestStation) -> None:
    victim = car.enrol()
    stolen = Credential(victim.certificate, MemoryKey(P256))
    answer = thief.authorize(stolen, proof=lambda key: _WrongKey(key, victim.key))
    assert answer.code == "invalidsignature"


def test_an_ec_signature_cannot_be_moved_to_other_keys(car: TestStation, thief: TestStation) -> None:
    wish, _ = car.wish(car.enrol())
    own, new = thief.wish(thief.enrol())
    mixed = own._replace(ec_signature=wish.ec_signature)
    assert thief.send_authorization(thief.wrapped(mixed, new)).code == "invalidsignature"


def test_an_ec_signature_is_no_message_for_anything_else(car: TestStation) -> None:
    """What a station signed as a message of its own does not pass for its consent to a ticket."""
    ec = car.enrol()
    message = sign(
        ec.key,
        etsi_header(623, car.pki.clock.time64()),
        payload=b"anything",
        certificate=ec.certificate,
        identifier="digest",
    )
    assert car.authorize(ec, change=lambda octets: message).code == "invalidsignature"


def test_an_aa_cannot_raise_what_a_station_asked_for(car: TestStation) -> None:
    wish, _ = car.wish(car.enrol())
    greedy = wish.shared_at_request._replace(
        requested_subject_attributes=car.attributes(app_permissions=(CAM, permission(638, b"\1")))
    )
    sent = car.pki.validation(wish._replace(shared_at_request=greedy))
    assert car.pki.validate(sent).code == "invalidsignature"


def test_a_station_cannot_pose_as_the_aa(car: TestStation) -> None:
    ec = car.enrol()
    ticket = car.authorize(ec).ok()
    wish, _ = car.wish(ec)
    for credential in (ec, ticket):
        sent = car.pki.validation(wish, signer=credential.key, certificate=credential.certificate)
        assert car.pki.validate(sent).code == "invalidaa"


def test_a_forged_answer_of_the_ea_makes_no_ticket(car: TestStation) -> None:
    """Someone between AA and EA who has seen everything but has no key."""
    ec = car.enrol()
    recorded: list[bytes] = []

    def record(octets: bytes) -> bytes:
        recorded.append(octets)
        return octets

    car.pki.link.spoil_answer = record
    assert car.authorize(ec).code == "ok"
    car.pki.link.spoil_answer = lambda octets: recorded[0]  # the answer to an earlier request
    assert car.authorize(ec).code == "aa-ea-cantreachea"


def test_an_ea_of_another_list_cannot_confirm(car: TestStation) -> None:
    """An EA's own key, but not the one the request names."""
    ec, pki = car.enrol(), car.pki
    key = MemoryKey(P256)
    tbs = pki.ea_certificate.record.to_be_signed
    rogue = certify(
        tbs._replace(
            verify_key_indicator=tbs.verify_key_indicator._replace(value=key.public_key.to_verification_key())
        ),
        pki.root_key,
        pki.root,
    )

    def answer(url: str, body: bytes) -> bytes:
        request = pki.ea._own.open(body)
        value = etsi.AuthorizationValidationResponse(
            request_hash=request.request_hash,
            response_code="ok",
            confirmed_subject_attributes=car.attributes(),
        )
        plain = sign(
            key,
            etsi_header(623, pki.clock.time64()),
            payload=wire.encode(
                etsi.EtsiTs102941Data(
                    version=1,
                    content=etsi.EtsiTs102941DataContent(kind="authorizationValidationResponse", value=value),
                )
            ),
            certificate=rogue,
            identifier="digest",
        )
        from v2xpki.secured import encrypt_psk

        return encrypt_psk(plain, request.key)

    pki.link.validate = answer  # type: ignore[method-assign]
    assert car.authorize(ec).code == "aa-ea-cantreachea"


def test_the_eas_answer_to_a_station_is_no_answer_to_an_aa(car: TestStation) -> None:
    """A message of the EA that is genuine and fresh, but of another kind."""
    ec, pki = car.enrol(), car.pki

    def answer(url: str, body: bytes) -> bytes:
        request = pki.ea._own.open(body)
        return pki.ea._enrolment_response(request, "deniedrequest", None)

    pki.link.validate = answer  # type: ignore[method-assign]
    assert car.authorize(ec).code == "aa-ea-cantreachea"


def test_a_barred_station_gets_no_more_tickets(car: TestStation) -> None:
    ec = car.enrol()
    car.authorize(ec).ok()
    car.pki.register.bar(car.known.id, reason="stolen")
    assert car.authorize(ec).code == "deniedpermissions"


def test_tickets_are_not_stockpiled_beyond_the_preload(car: TestStation) -> None:
    ec, now = car.enrol(), car.pki.clock.now
    far = car.attributes(validity_period=hours(now + 100 * 24 * HOUR, 1))
    assert car.authorize(ec, attributes=far).code == "deniedpermissions"


def test_a_ticket_is_not_backdated(car: TestStation) -> None:
    ec, now = car.enrol(), car.pki.clock.now
    past = car.attributes(validity_period=hours(now - 100 * HOUR, 168))
    assert car.authorize(ec, attributes=past).ok().certificate.start >= now - HOUR


def test_many_recipients_cost_one_ecdh(pki: Pki) -> None:
    """A request may name this EA a hundred times; the token works once."""
    car = pki.station()
    calls = []

    class Counting:
        def __init__(self, agreer: Any) -> None:
            self._agreer, self.public_key = agreer, agreer.public_key

        def agree(self, peer: Any) -> bytes:
            calls.append(peer)
            return bytes(self._agreer.agree(peer))

    agreer = Counting(pki.ea_keys.agreer(KeyLabel("ea", "encrypt")))
    responder = pki.ea_keys.responder(KeyLabel("ea", "sign"), pki.ea_certificate)
    own = OwnKeys([Generation(pki.ea_certificate, agreer, responder)], pki.clock)
    record: Any = wire.decode(dot2.Ieee1609Dot2Data, car.enrolment(p1=bytes(32)).body)
    data = record.content.value
    many = record._replace(
        content=record.content._replace(value=data._replace(recipients=data.recipients * 100))
    )
    with pytest.raises(NotRecipient):
        own.open(wire.encode(many))
    assert len(calls) == 1


def test_a_revoked_aa_learns_nothing(car: TestStation) -> None:
    pki, id8 = car.pki, car.pki.aa_certificate.hashed_id8
    ec = car.enrol()
    aas: Any = pki.peers.aas
    aas[id8] = replace(aas[id8], revoked=True)
    assert car.authorize(ec).code == "invalidaa"


def test_refusals_tell_a_stranger_nothing_about_who_is_registered_wrongly_signed(car: TestStation) -> None:
    """An unknown id is unknownits by the standard; a known one with another key is invalidsignature, whether
    the station is barred or not."""
    wrong: dict[str, Any] = {"canonical": MemoryKey(P256)}
    assert car.send_enrolment(car.enrolment(**wrong)).code == "invalidsignature"
    car.pki.register.bar(car.known.id, reason="stolen")
    assert car.send_enrolment(car.enrolment(**wrong)).code == "invalidsignature"


# --- octets at random ----------------------------------------------------------------------

_ENDS = (DecodeError, NotRecipient)


def _mutated(octets: bytes, dice: random.Random) -> bytes:
    made = bytearray(octets)
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        place, kind = dice.randrange(len(made) or 1), dice.randrange(5)
        if kind == 0 and made:
            made[place] ^= 1 << dice.randrange(8)
        elif kind == 1 and made:
            made[place] = dice.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0xFF, dice.randrange(256)))
        elif kind == 2:
            del made[place : place + dice.choice((1, 2, 8, 40))]
        elif kind == 3:
            made[place:place] = dice.randbytes(dice.choice((1, 2, 8)))
        else:
            other = dice.randrange(len(made) or 1)
            made[place : place + 8] = made[other : other + 8]
    return bytes(made)


@pytest.mark.parametrize("flow", ["enrol", "authorize", "validate"])
@pytest.mark.parametrize("depth", ["body", "plain", "payload"])
def test_mutated_requests_get_a_refusal_or_none_and_good_ones_still_pass(
    pki: Pki, flow: str, depth: str
) -> None:
    """At each depth: the octets on the wire, the decrypted message, the PDU inside, signed anew."""
    dice = random.Random(f"{flow} {depth}")
    car = pki.station("car")
    ec = car.enrol()
    judge, make = _flow(pki, car, ec, flow)
    for _ in range(150):
        sent = make(depth, dice)
        try:
            octets = judge(sent.body)
        except _ENDS:
            assert depth == "body"
            continue
        if flow != "validate" and depth != "body":
            read_answer(
                octets, sent, pki.ea_certificate if flow == "enrol" else pki.aa_certificate, pki.clock
            )
    assert car.authorize(car.enrol()).code == "ok"


def _flow(
    pki: Pki, car: TestStation, ec: Credential, flow: str
) -> tuple[Callable[[bytes], bytes], Callable[[str, random.Random], Sent]]:
    authority: Certificate = pki.aa_certificate if flow == "authorize" else pki.ea_certificate
    own = (pki.aa if flow == "authorize" else pki.ea)._own

    def good() -> Sent:
        if flow == "enrol":
            return car.enrolment()
        wish, new = car.wish(ec)
        return car.wrapped(wish, new) if flow == "authorize" else pki.validation(wish)

    def make(depth: str, dice: random.Random) -> Sent:
        sent = good()
        if depth == "body":
            return Sent(_mutated(sent.body, dice), sent.aes, sent.key)
        plain = own.open(sent.body).decrypt()
        if depth == "plain":
            return seal(_mutated(plain, dice), authority, sent.key)
        message: Any = wire.decode(dot2.Ieee1609Dot2Data, plain)
        payload = _mutated(message.content.value.tbs_data.payload.data.content.value, dice)
        header = etsi_header(623, pki.clock.time64())
        if flow == "validate":
            signed = sign(
                pki.aa_signer, header, payload=payload, certificate=pki.aa_certificate, identifier="digest"
            )
        else:
            signer = car.canonical if flow == "enrol" else sent.key
            signed = sign(signer, header, payload=payload, identifier="self")
        return seal(signed, authority, sent.key)

    return {"enrol": pki.ea.enrol, "authorize": pki.aa.authorize, "validate": pki.ea.validate}[flow], make


def test_garbage_has_no_answer(pki: Pki) -> None:
    dice = random.Random(7)
    for size in (0, 1, 2, 10, 100, 5000):
        for call in (pki.ea.enrol, pki.ea.validate, pki.aa.authorize):
            with pytest.raises(_ENDS):
                call(dice.randbytes(size))


def test_deep_nesting_has_no_answer(pki: Pki) -> None:
    """Ieee1609Dot2Data in itself, as signed data hundreds deep."""
    octets = b"\x03\x80\x01\x00"
    for _ in range(400):
        octets = b"\x03\x81\x00\x40" + octets
    with pytest.raises(_ENDS):
        pki.ea.enrol(octets)
    assert pki.station().send_enrolment(seal(octets, pki.ea_certificate, MemoryKey(P256))).code == "cantparse"


def test_no_row_is_written_for_what_has_no_answer(pki: Pki) -> None:
    before = sorted(str(row) for row in rows(pki.ea_database))
    for body in (b"", bytes(300)):
        with pytest.raises(_ENDS):
            pki.ea.enrol(body)
    assert sorted(str(row) for row in rows(pki.ea_database)) == before


def test_a_spoilt_proof_leaves_no_certificate_behind(car: TestStation) -> None:
    car.send_enrolment(car.enrolment(pop=Spoilt))
    assert not [
        1 for table, _ in rows(car.pki.ea_database) if table in ("issuance_record", "enrolment_credential")
    ]
