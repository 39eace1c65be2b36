"""Door 2: answers come out right, and nothing else comes out."""

import pytest

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, signature_record, signing_digest
from v2xpki.errors import KeyRefused, TokenLost
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore
from v2xpki.keystore.responder import ANSWERS
from v2xpki.keystore.simulator import FaultyKeystore
from v2xpki.secured import RecipientKey, SignedMessage, decrypt, rek_id
from v2xpki.wire import dot2, etsi, scms

SIGN = KeyLabel("ea", "sign")
TIME = 707_356_805_000_000


def certificate_of(key) -> Certificate:
    """A self-signed certificate of a key: all that a responder asks of one is its key."""
    curve = key.public_key.curve
    tbs = dot2.ToBeSignedCertificate(
        id=dot2.CertificateId(kind="name", value="ea"),
        craca_id=bytes(3),
        crl_series=0,
        validity_period=dot2.ValidityPeriod(start=707356805, duration=dot2.Duration(kind="years", value=3)),
        app_permissions=(
            dot2.PsidSsp(psid=623, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\x0e")),
        ),
        verify_key_indicator=dot2.VerificationKeyIndicator(
            kind="verificationKey", value=key.public_key.to_verification_key()
        ),
    )
    return Certificate.of(
        dot2.CertificateBase(
            version=3,
            type="explicit",
            issuer=dot2.IssuerIdentifier(kind="self", value=curve.hash),
            to_be_signed=tbs,
            signature=signature_record(curve, key.sign(signing_digest(curve.hash, wire.encode(tbs), b""))),
        )
    )


@pytest.fixture(params=["token", "memory", "faulty"])
def keystore(request, token_store):
    if request.param == "token":
        keystore = token_store.open("test-responder")
        if not keystore.keys():
            keystore.generate(SIGN, Curve.NIST_P256)
        return keystore
    keystore = MemoryKeystore("test")
    keystore.generate(SIGN, Curve.NIST_P256)
    return FaultyKeystore(keystore, 10**6) if request.param == "faulty" else keystore


def pdu(kind, value):
    return etsi.EtsiTs102941Data(version=1, content=etsi.EtsiTs102941DataContent(kind=kind, value=value))


ENROLMENT = etsi.InnerEcResponse(request_hash=bytes(16), response_code="ok")
AUTHORIZATION = etsi.InnerAtResponse(request_hash=bytes(16), response_code="ok")
VALIDATION = etsi.AuthorizationValidationResponse(request_hash=bytes(16), response_code="ok")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("enrolmentResponse", ENROLMENT),
        ("authorizationResponse", AUTHORIZATION),
        ("authorizationValidationResponse", VALIDATION),
    ],
)
def test_an_answer_is_signed_as_the_flow_wants_it(keystore, kind, value):
    certificate = certificate_of(keystore.issuing_key(SIGN))
    octets = keystore.responder(SIGN, certificate).respond(pdu(kind, value), TIME)
    message = SignedMessage.parse(octets)
    message.verify(certificate.verification_key, certificate)
    assert message.header == dot2.HeaderInfo(psid=623, generation_time=TIME)  # and nothing else
    assert message.signer_digest == certificate.hashed_id8
    assert wire.decode(etsi.EtsiTs102941Data, message.payload) == pdu(kind, value)
    assert wire.encode(message.record) == octets


@pytest.mark.parametrize("curve", list(Curve), ids=[curve.text for curve in Curve])
def test_every_curve_answers(curve):
    keystore = MemoryKeystore("test")
    keystore.generate(SIGN, curve)
    certificate = certificate_of(keystore.issuing_key(SIGN))
    octets = keystore.responder(SIGN, certificate).respond(pdu("enrolmentResponse", ENROLMENT), TIME)
    message = SignedMessage.parse(octets)
    assert message.hash_name == curve.hash
    message.verify(certificate.verification_key, certificate)


def refused_contents():
    ctl = etsi.CtlFormat(version=1, next_update=1, is_full_ctl=True, ctl_sequence=0, ctl_commands=())
    crl = etsi.ToBeSignedCrl(version=1, this_update=1, next_update=2, entries=())
    yield "certificateTrustListRca", ctl
    yield "certificateTrustListTlm", ctl
    yield "certificateRevocationList", crl
    # the right name beside the wrong thing
    yield "enrolmentResponse", ctl
    yield "authorizationResponse", crl
    yield "enrolmentResponse", AUTHORIZATION


@pytest.mark.parametrize(("kind", "value"), list(refused_contents()))
def test_a_list_or_a_mislabelled_answer_is_not_signed(keystore, kind, value):
    responder = keystore.responder(SIGN, certificate_of(keystore.issuing_key(SIGN)))
    with pytest.raises(KeyRefused, match="answers requests"):
        responder.respond(pdu(kind, value), TIME)


def test_no_other_kind_of_content_is_an_answer():
    kinds = set(etsi.EtsiTs102941DataContentKind.__args__)
    assert set(ANSWERS) < kinds
    assert not [kind for kind in ANSWERS if "List" in kind or "link" in kind.lower() or kind.startswith("ca")]


def test_octets_digests_and_certificates_are_not_signed(keystore):
    certificate = certificate_of(keystore.issuing_key(SIGN))
    responder = keystore.responder(SIGN, certificate)
    for thing in (bytes(32), b"", certificate.record, certificate.record.to_be_signed, None, ENROLMENT):
        with pytest.raises(KeyRefused):
            responder.respond(thing, TIME)


def test_a_responder_shows_no_way_to_sign_a_digest(keystore):
    responder = keystore.responder(SIGN, certificate_of(keystore.issuing_key(SIGN)))
    public = [name for name in dir(responder) if not name.startswith("_")]
    assert public == ["certificate", "label", "respond", "respond_privately"]


def test_a_certificate_of_another_key_is_refused(keystore):
    other = MemoryKeystore("test")
    other.generate(SIGN, Curve.NIST_P256)
    with pytest.raises(KeyRefused, match="not of the key"):
        keystore.responder(SIGN, certificate_of(other.issuing_key(SIGN)))


def test_an_encryption_key_makes_no_responder(keystore):
    certificate = certificate_of(keystore.issuing_key(SIGN))
    label = KeyLabel("ea", "encrypt")
    if label not in [info.label for info in keystore.keys()]:
        keystore.generate(label, Curve.NIST_P256)
    with pytest.raises(KeyRefused, match="encryption key"):
        keystore.responder(label, certificate)


def test_a_lost_token_is_told_to_the_caller():
    inner = MemoryKeystore("test")
    inner.generate(SIGN, Curve.NIST_P256)
    certificate = certificate_of(inner.issuing_key(SIGN))
    responder = FaultyKeystore(inner).responder(SIGN, certificate)
    with pytest.raises(TokenLost):
        responder.respond(pdu("enrolmentResponse", ENROLMENT), TIME)


def test_a_certificate_is_delivered_encrypted_and_signed_outside(keystore):
    certificate = certificate_of(keystore.issuing_key(SIGN))
    cocoon = MemoryKey.generate(Curve.NIST_P256)
    response = scms.AcaEeCertResponse(version=2, generation_time=707356805, certificate=certificate.record)
    record = keystore.responder(SIGN, certificate).respond_privately(response, cocoon.public_key)
    message = SignedMessage.of(record)
    message.verify(certificate.verification_key, certificate)
    assert message.header == dot2.HeaderInfo(psid=623)
    assert message.signer_digest == certificate.hashed_id8
    inner = message.signed.tbs_data.payload.data
    assert [info.kind for info in inner.content.value.recipients] == ["rekRecipInfo"]
    plain = decrypt(inner, {rek_id(cocoon.public_key): RecipientKey.of_key(cocoon)}).plain
    assert wire.decode(scms.ScmsPdu, plain).content.value.value == response


def test_nothing_else_is_delivered(keystore):
    certificate = certificate_of(keystore.issuing_key(SIGN))
    responder = keystore.responder(SIGN, certificate)
    for thing in (b"x", certificate.record, ENROLMENT, None):
        with pytest.raises(KeyRefused, match="delivers certificates"):
            responder.respond_privately(thing, certificate.verification_key)
