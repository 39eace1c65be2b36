"""A1 to A12: what the AA does with authorization requests, by the octets it gets and gives."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from tests.support.etsi import (
    BRAINPOOL,
    CAM,
    DENM,
    ISSUING,
    P256,
    Credential,
    Pki,
    Spoilt,
    TestStation,
    certify,
    country,
    ending_first,
    hours,
    permission,
    rows,
    seal,
)
from v2xpki import wire
from v2xpki.authorities.etsi.authorization import AuthorizationAuthority
from v2xpki.authorities.etsi.envelope import OwnKeys
from v2xpki.authorities.etsi.peers import FixedPeers, Peer
from v2xpki.authorities.etsi.reasons import OF_VALIDATION, VALIDATION_CODES
from v2xpki.config import AaPolicy
from v2xpki.crypto import Curve, PublicKey
from v2xpki.errors import DecodeError, NotRecipient
from v2xpki.keystore import MemoryKey
from v2xpki.secured import encrypt_psk, etsi_header, sign
from v2xpki.time import FixedClock
from v2xpki.trust.lint import lint_certificate
from v2xpki.wire import dot2, etsi


def tickets_of(pki: Pki) -> int:
    return sum(
        table == "issuance_record" and row["state"] == "issued" for table, row in rows(pki.aa_database)
    )


def test_a1_with_proof_of_possession(car: TestStation, ec: Credential) -> None:
    ticket = car.authorize(ec).ok()
    assert ticket.certificate.verification_key == ticket.key.public_key
    ticket.certificate.verify_signature(car.pki.aa_certificate)


@pytest.mark.parametrize("curve", list(Curve))
def test_a1_tickets_and_credentials_on_every_curve(car: TestStation, curve: Curve) -> None:
    ticket = car.authorize(car.enrol(curve=curve), curve=curve).ok()
    assert ticket.certificate.verification_key == ticket.key.public_key


def test_a1_stations_on_two_curves_at_once(pki: Pki) -> None:
    def one(number: int) -> Curve:
        curve = (P256, BRAINPOOL)[number % 2]
        station = pki.station(f"car {number}", curve=curve)
        ec = station.enrol(curve=curve)
        return station.authorize(ec, curve=curve).ok().certificate.curve

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(8))) == [P256, BRAINPOOL] * 4


@pytest.mark.parametrize("wrapper", ["unsecured", "bare"])
def test_a2_without_proof_of_possession(car: TestStation, ec: Credential, wrapper: str) -> None:
    ticket = car.authorize(ec, wrapper=wrapper).ok()
    assert ticket.certificate.verification_key == ticket.key.public_key


@pytest.mark.parametrize("wrapper", ["unsecured", "bare"])
def test_a2_an_operator_may_ask_for_the_proof(make_pki: Callable[..., Pki], wrapper: str) -> None:
    car = make_pki(aa_policy=AaPolicy(require_proof_of_possession=True)).station()
    ec = car.enrol()
    assert car.authorize(ec, wrapper=wrapper).code == "its-aa-incompleterequest"
    assert car.authorize(ec).code == "ok"


def test_a3_a_key_tag_of_other_keys_is_keysdontmatch(car: TestStation, ec: Credential) -> None:
    assert car.authorize(ec, tag=bytes(16)).code == "its-aa-keysdontmatch"
    wish, new = car.wish(ec)
    other = wish._replace(
        public_keys=etsi.PublicKeys(verification_key=MemoryKey(P256).public_key.to_verification_key())
    )
    assert car.send_authorization(car.wrapped(other, new, wrapper="bare")).code == "its-aa-keysdontmatch"
    more = wish._replace(
        public_keys=wish.public_keys._replace(encryption_key=MemoryKey(P256).public_key.to_encryption_key())
    )
    assert car.send_authorization(car.wrapped(more, new)).code == "its-aa-keysdontmatch"
    assert not car.pki.link.calls  # the EA is not asked about such a request


def test_a3_the_key_tag_is_over_the_keys_as_they_came(car: TestStation, ec: Credential) -> None:
    ticket = car.authorize(ec, point=uncompressed, encryption=MemoryKey(BRAINPOOL)).ok()
    key = ticket.certificate.record.to_be_signed.verify_key_indicator.value
    assert key == ticket.key.public_key.to_verification_key()


def uncompressed(key: PublicKey) -> dot2.PublicVerificationKey:
    octets = key.uncompressed
    point = dot2.EccP256CurvePoint(
        kind="uncompressedP256", value=dot2.EccP256CurvePointUncompressedP256(x=octets[1:33], y=octets[33:])
    )
    return dot2.PublicVerificationKey(kind=key.curve.verification_kind, value=point)


@pytest.mark.parametrize("pop", [Spoilt, lambda key: MemoryKey(P256), lambda key: MemoryKey(Curve.NIST_P384)])
def test_a4_a_bad_proof_of_possession_is_refused(
    car: TestStation, ec: Credential, pop: Callable[[MemoryKey], Any]
) -> None:
    assert car.authorize(ec, pop=pop).code == "invalidsignature"
    assert not car.pki.link.calls


@pytest.mark.parametrize(
    "change",
    [{"psid": 36}, {"expiry_time": 1}, {"generation_time": None}, {"inline_p2pcd_request": (bytes(3),)}],
)
def test_a4_the_proofs_header_has_psid_and_generation_time_only(
    car: TestStation, ec: Credential, change: dict[str, Any]
) -> None:
    header = etsi_header(623, car.pki.clock.time64())._replace(**change)
    assert car.authorize(ec, header=header).code == "invalidsignature"


def test_a4_a_proof_by_the_ec_is_none(car: TestStation, ec: Credential) -> None:
    wish, new = car.wish(ec)
    content = etsi.EtsiTs102941DataContent(kind="authorizationRequest", value=wish)
    plain = sign(
        ec.key,
        etsi_header(623, car.pki.clock.time64()),
        payload=wire.encode(etsi.EtsiTs102941Data(version=1, content=content)),
        certificate=ec.certificate,
        identifier="digest",
    )
    assert car.send_authorization(seal(plain, car.pki.aa_certificate, new)).code == "invalidsignature"


def test_a5_an_unknown_ea_is_its_aa_unknownea(car: TestStation, ec: Credential) -> None:
    assert car.authorize(ec, ea_id=bytes(8)).code == "its-aa-unknownea"
    assert not car.pki.link.calls


def test_a5_an_ea_that_is_not_in_force_is_its_aa_invalidea(
    make_pki: Callable[..., Pki], fixed_clock: FixedClock
) -> None:
    pki = make_pki(change=ending_first("ea"))
    car = pki.station()
    ec = car.enrol()
    id8 = pki.ea_certificate.hashed_id8
    pki.peers.eas[id8] = replace(pki.peers.eas[id8], revoked=True)  # type: ignore[index]
    assert car.authorize(ec).code == "its-aa-invalidea"
    pki.peers.eas[id8] = replace(pki.peers.eas[id8], revoked=False)  # type: ignore[index]
    fixed_clock.now = pki.ea_certificate.end
    assert car.authorize(ec).code == "its-aa-invalidea"


def test_a5_an_ea_that_is_down_is_cantreachea_and_that_is_not_remembered(
    car: TestStation, ec: Credential
) -> None:
    sent = car.authorization(ec)
    car.pki.link.down = True
    assert car.send_authorization(sent).code == "aa-ea-cantreachea"
    car.pki.link.down = False
    assert car.send_authorization(sent).code == "ok"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda octets: b"",
        lambda octets: octets[:-1],
        lambda octets: octets[:-1] + bytes([octets[-1] ^ 1]),
        lambda octets: octets + b"\0",
        lambda octets: encrypt_psk(b"\x03\x80\x00", bytes(16)),
    ],
)
def test_a5_an_answer_that_is_none_is_cantreachea(
    car: TestStation, ec: Credential, spoil: Callable[[bytes], bytes]
) -> None:
    car.pki.link.spoil_answer = spoil
    assert car.authorize(ec).code == "aa-ea-cantreachea"
    assert tickets_of(car.pki) == 0


def test_a6_a_ticket_has_exactly_the_confirmed_attributes(car: TestStation, ec: Credential) -> None:
    wanted = car.attributes(app_permissions=(DENM, CAM), region=country(276))
    ticket = car.authorize(ec, attributes=wanted).ok().certificate.record.to_be_signed
    assert ticket.app_permissions == (DENM, CAM)
    assert ticket.validity_period == wanted.validity_period
    assert ticket.region == country(276)
    assert ticket.assurance_level == b"\0"


def test_a6_no_ticket_without_the_eas_ok(car: TestStation, ec: Credential) -> None:
    assert car.authorize(ec, proof=Spoilt).code == "invalidsignature"
    assert tickets_of(car.pki) == 0


def _forged_answer(pki: Pki, **change: Any) -> Callable[[str, bytes], bytes]:
    """A link to an EA with the right key that says something odd."""

    def validate(url: str, body: bytes) -> bytes:
        key = pki.ea._own.open(body).key
        value = etsi.AuthorizationValidationResponse(
            request_hash=sha256(body).digest()[:16],
            response_code="ok",
            confirmed_subject_attributes=etsi.CertificateSubjectAttributes(
                app_permissions=(CAM,), validity_period=hours(pki.clock.time32(), 1)
            ),
        )
        return pki.ea._own.newest().seal(
            pki.ea._ledger,
            "authorizationValidationResponse",
            value._replace(**change),
            key,
            pki.clock.time64(),
        )

    return validate


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"confirmed_subject_attributes": None}, "aa-ea-cantreachea"),
        (
            {"confirmed_subject_attributes": etsi.CertificateSubjectAttributes(app_permissions=(CAM,))},
            "aa-ea-cantreachea",
        ),
        (
            {"confirmed_subject_attributes": etsi.CertificateSubjectAttributes(validity_period=hours(1, 1))},
            "aa-ea-cantreachea",
        ),
        (
            {
                "confirmed_subject_attributes": etsi.CertificateSubjectAttributes(
                    app_permissions=(CAM,), validity_period=hours(1, 1), cert_issue_permissions=ISSUING
                )
            },
            "aa-ea-cantreachea",
        ),
        ({"response_code": "unknownits"}, "aa-ea-cantreachea"),
        ({"request_hash": bytes(16)}, "aa-ea-cantreachea"),
        ({"response_code": "unknownits", "confirmed_subject_attributes": None}, "unknownits"),
        (
            {
                "confirmed_subject_attributes": etsi.CertificateSubjectAttributes(
                    app_permissions=(permission(624, b"\x01\x38"),), validity_period=hours(707_356_805, 1)
                )
            },
            "its-aa-deniedpermissions",
        ),
        (
            {
                "confirmed_subject_attributes": etsi.CertificateSubjectAttributes(
                    app_permissions=(CAM,), validity_period=hours(1, 1)
                )
            },
            "its-aa-deniedpermissions",
        ),
        (
            {
                "confirmed_subject_attributes": etsi.CertificateSubjectAttributes(
                    app_permissions=(CAM,), validity_period=hours(707_356_805, 1), region=country(840)
                )
            },
            "its-aa-deniedpermissions",
        ),
    ],
)
def test_a6_the_aa_certifies_only_what_is_confirmed_well_and_within_its_own(
    memory_pki: Pki, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], code: str
) -> None:
    car = memory_pki.station()
    ec = car.enrol()
    monkeypatch.setattr(memory_pki.link, "validate", _forged_answer(memory_pki, **change))
    assert car.authorize(ec).code == code


def test_a6_an_assurance_level_missing_from_another_ea_is_tolerated(
    memory_pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    car = memory_pki.station()
    ec = car.enrol()
    monkeypatch.setattr(memory_pki.link, "validate", _forged_answer(memory_pki))
    assert car.authorize(ec).ok().certificate.record.to_be_signed.assurance_level is None


def test_a7_the_answer_has_the_form_of_e5_to_e8(car: TestStation, ec: Credential) -> None:
    # read_answer compares key, requestHash, header and certificate
    sent = car.authorization(ec)
    octets = car.pki.aa.authorize(sent.body)
    data: Any = wire.decode(dot2.Ieee1609Dot2Data, octets).content.value
    asked: Any = wire.decode(dot2.Ieee1609Dot2Data, sent.body).content.value
    assert [info.kind for info in data.recipients] == ["pskRecipInfo"]
    assert data.ciphertext.value.nonce != asked.ciphertext.value.nonce
    answer = car.send_authorization(sent)
    assert answer.message.signer == dot2.SignerIdentifier(
        kind="digest", value=car.pki.aa_certificate.hashed_id8
    )
    assert car.authorize(ec, tag=bytes(16)).certificate is None


def test_a7_the_same_request_again_gets_the_same_bytes_and_no_second_ticket(
    car: TestStation, ec: Credential, fixed_clock: FixedClock
) -> None:
    sent = car.authorization(ec)
    first = car.pki.aa.authorize(sent.body)
    assert car.pki.aa.authorize(sent.body) == first
    fixed_clock.advance(3600)
    assert car.pki.aa.authorize(sent.body) == first
    assert tickets_of(car.pki) == 1
    assert len(car.pki.link.calls) == 1


def test_a7_a_refusal_too_is_the_same_bytes_again(car: TestStation, ec: Credential) -> None:
    for sent in (car.authorization(ec, tag=bytes(16)), car.authorization(ec, proof=Spoilt)):
        assert car.pki.aa.authorize(sent.body) == car.pki.aa.authorize(sent.body)


def test_a7_twenty_identical_requests_at_once_get_one_ticket(car: TestStation, ec: Credential) -> None:
    sent = car.authorization(ec)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: car.pki.aa.authorize(sent.body), range(20)))
    assert len(set(answers)) == 1
    assert tickets_of(car.pki) == 1
    windows = [row["tickets"] for table, row in rows(car.pki.ea_database) if table == "ticket_window"]
    assert windows == [1]


def test_a8_the_ticket_is_in_profile(car: TestStation, ec: Credential) -> None:
    key = MemoryKey(BRAINPOOL)
    ticket = car.authorize(ec, encryption=key).ok().certificate
    tbs = ticket.record.to_be_signed
    findings = lint_certificate(ticket, "AT", car.pki.aa_certificate)
    assert not [finding for finding in findings if finding.rule.severity == "error"]
    assert tbs.id == dot2.CertificateId(kind="none", value=None)
    assert ticket.app_permissions.keys() == {36, 37}
    assert tbs.cert_issue_permissions is None
    assert ticket.encryption_key == key.public_key


def test_a8_no_encryption_key_unless_asked_for(car: TestStation, ec: Credential) -> None:
    assert car.authorize(ec).ok().certificate.encryption_key is None


def test_a9_the_aa_passes_the_encrypted_ec_signature_on_as_it_came(memory_pki: Pki) -> None:
    car = memory_pki.station()
    ec = car.enrol()
    wish, new = car.wish(ec)
    car.send_authorization(car.wrapped(wish, new)).ok()
    ((_, body),) = memory_pki.link.calls
    opened = memory_pki.ea._own.open(body).decrypt()
    assert wire.encode(wish.ec_signature) in opened


def test_a9_the_aa_uses_its_own_key_once_a_request(memory_pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    car = memory_pki.station()
    ec = car.enrol()
    calls = []
    opened = OwnKeys.open
    monkeypatch.setattr(
        OwnKeys,
        "open",
        lambda self, data: calls.append(self.newest().certificate.name) or opened(self, data),
    )
    car.authorize(ec).ok()
    assert calls.count("aa") == 1


def test_a9_an_encrypted_ec_signature_that_does_not_open_is_the_eas_to_refuse(
    car: TestStation, ec: Credential
) -> None:
    assert car.authorize(ec, bad_tag=False).code == "ok"
    for wrong in ({"recipient": bytes(8)}, {"bad_tag": True}, {"p1": bytes(32)}):
        wish, new = car.wish(ec, **wrong)
        assert car.send_authorization(car.wrapped(wish, new)).code == "ea-aa-decryptionfailed"


def test_a9_a_plain_ec_signature_is_accepted(pki: Pki) -> None:
    rsu = pki.station("rsu", profile="rsu", region=country(276))
    ticket = rsu.authorize(rsu.enrol(), plain_ec=True).ok()
    assert ticket.certificate.record.to_be_signed.region == country(276)


@pytest.mark.parametrize("permissions", [None, ()])
def test_a10_app_permissions_are_required(
    car: TestStation, ec: Credential, permissions: tuple[()] | None
) -> None:
    answer = car.authorize(ec, attributes=car.attributes(app_permissions=permissions))
    assert answer.code == "its-aa-incompleterequest"


def test_a10_cert_issue_permissions_are_refused(car: TestStation, ec: Credential) -> None:
    answer = car.authorize(ec, attributes=car.attributes(cert_issue_permissions=ISSUING))
    assert answer.code == "its-aa-deniedpermissions"
    assert not car.pki.link.calls


def test_a10_only_certificate_format_1(car: TestStation, ec: Credential) -> None:
    assert car.authorize(ec, form=2).code == "its-aa-badcontenttype"


@pytest.mark.parametrize("age", [601, -601, 3600, -3600])
def test_a11_a_time_outside_the_window_is_outofsync(car: TestStation, ec: Credential, age: int) -> None:
    assert car.authorize(ec, age=age).code == "its-aa-outofsyncrequest"
    assert not car.pki.link.calls
    # no proof, so no time there; ecSignature has one, which the EA checks
    assert car.authorize(ec, wrapper="bare", age=age).code == "its-aa-outofsyncrequest"


@pytest.mark.parametrize("age", [600, -600])
def test_a11_a_time_at_the_edge_of_the_window_is_not(car: TestStation, ec: Credential, age: int) -> None:
    assert car.authorize(ec, age=age).code == "ok"


def test_a12_a_station_with_privacy_must_encrypt_its_ec_signature(car: TestStation, ec: Credential) -> None:
    assert car.authorize(ec, plain_ec=True).code == "deniedpermissions"


def test_a12_a_station_without_privacy_may_encrypt_it_too(pki: Pki) -> None:
    rsu = pki.station("rsu", profile="rsu")
    assert rsu.authorize(rsu.enrol()).code == "ok"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"bad_tag": True}, "its-aa-decryptionfailed"),
        ({"cut": 9}, "its-aa-decryptionfailed"),
        ({"tail": b"\0"}, "its-aa-cantparse"),
        ({"cipher": "sm4Ccm"}, "its-aa-unknownencryptionalgorithm"),
    ],
)
@pytest.mark.parametrize("wrapper", ["pop", "bare"])
def test_e11_of_the_aa_what_goes_wrong_after_ecies_has_its_own_code(
    car: TestStation, ec: Credential, wrapper: str, wrong: dict[str, Any], code: str
) -> None:
    assert car.authorize(ec, wrapper=wrapper, **wrong).code == code


@pytest.mark.parametrize("wrong", [{"recipient": bytes(8)}, {"p1": bytes(32)}, {"kind": "rekRecipInfo"}])
def test_e11_of_the_aa_what_no_own_key_opens_has_no_answer(
    car: TestStation, ec: Credential, wrong: dict[str, Any]
) -> None:
    with pytest.raises(NotRecipient):
        car.pki.aa.authorize(car.authorization(ec, **wrong).body)


def test_e11_of_the_aa_octets_that_are_no_encrypted_data_have_no_answer(
    car: TestStation, ec: Credential
) -> None:
    good = car.authorization(ec).body
    for body in (b"", good[:-7], good + b"\0", bytes(256)):
        with pytest.raises(DecodeError):
            car.pki.aa.authorize(body)


def test_e11_of_the_aa_another_content_is_badcontenttype(car: TestStation, ec: Credential) -> None:
    ctl = etsi.CtlFormat(version=1, next_update=1, is_full_ctl=True, ctl_sequence=0, ctl_commands=())
    content = etsi.EtsiTs102941DataContent(kind="certificateTrustListRca", value=ctl)
    for wrapper in ("pop", "unsecured", "bare"):
        assert car.authorize(ec, wrapper=wrapper, content=content).code == "its-aa-badcontenttype"
    sent = seal(car.enrolment().body, car.pki.aa_certificate, MemoryKey(P256))
    assert car.send_authorization(sent).code == "its-aa-badcontenttype"


def test_e2_of_the_aa_keys_that_are_no_points_are_refused(car: TestStation, ec: Credential) -> None:
    def x_only(key: PublicKey) -> dot2.PublicVerificationKey:
        point = dot2.EccP256CurvePoint(kind="x-only", value=key.point[1:])
        return dot2.PublicVerificationKey(kind=key.curve.verification_kind, value=point)

    assert car.authorize(ec, point=x_only).code == "its-aa-cantparse"
    record: Any = MemoryKey(P256).public_key.to_encryption_key()
    bad = record._replace(
        public_key=record.public_key._replace(value=dot2.EccP256CurvePoint(kind="fill", value=None))
    )
    assert car.authorize(ec, encryption_record=bad).code == "its-aa-invalidencryptionkey"


def test_each_code_of_an_ea_has_one_of_the_aas() -> None:
    assert OF_VALIDATION.keys() == set(VALIDATION_CODES.values())


def test_an_operator_may_say_where_an_ea_is_asked(make_pki: Callable[..., Pki]) -> None:
    pki = make_pki()
    hex8 = pki.ea_certificate.hex8
    aa = AuthorizationAuthority(
        own=pki.aa._own,
        database=pki.aa_database,
        peers=pki.peers,
        link=pki.link,
        clock=pki.clock,
        policy=AaPolicy(ea_urls={hex8: "http://127.0.0.1:9/ea"}),
    )
    car = pki.station()
    aa.authorize(car.authorization(car.enrol()).body)
    assert pki.link.calls[0][0] == "http://127.0.0.1:9/ea"


def test_a_peer_without_an_encryption_key_cannot_be_asked(memory_pki: Pki) -> None:
    car = memory_pki.station()
    ec = car.enrol()
    tbs = memory_pki.ea_certificate.record.to_be_signed._replace(encryption_key=None)
    keyless = certify(tbs, memory_pki.root_key, memory_pki.root)
    memory_pki.aa._peers = FixedPeers(eas={keyless.hashed_id8: Peer(keyless, "http://x")})
    assert car.authorize(ec, ea_id=keyless.hashed_id8).code == "its-aa-invalidea"
