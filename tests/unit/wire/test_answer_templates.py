"""A template of an ACA's answers reads what the codec does, and nothing else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.wire.strategies import values
from tests.unit.wire.test_templates import octets, points, signatures, time32
from v2xpki import wire
from v2xpki.errors import DecodeError
from v2xpki.wire import dot2, scms
from v2xpki.wire.answer_templates import AnswerPieces, AnswerTemplate

HEADER = dot2.HeaderInfo(psid=35)


def data_of(kind: str, value: object) -> dot2.Ieee1609Dot2Data:
    return dot2.Ieee1609Dot2Data(3, dot2.Ieee1609Dot2Content(kind, value))


@st.composite
def encrypted(draw, size: int) -> dot2.Ieee1609Dot2Data:
    sixteen = octets(min_size=16, max_size=16)
    key = dot2.EciesP256EncryptedKey(draw(points), draw(sixteen), draw(sixteen))
    info = dot2.PKRecipientInfo(
        draw(octets(min_size=8, max_size=8)), dot2.EncryptedDataEncryptionKey("eciesNistP256", key)
    )
    text = dot2.One28BitCcmCiphertext(
        draw(octets(min_size=12, max_size=12)), draw(octets(min_size=size, max_size=size))
    )
    value = dot2.EncryptedData(
        (dot2.RecipientInfo("rekRecipInfo", info),), dot2.SymmetricCiphertext("aes128ccm", text)
    )
    return data_of("encryptedData", value)


def signed(draw, data: dot2.Ieee1609Dot2Data, signer: dot2.SignerIdentifier) -> dot2.Ieee1609Dot2Data:
    tbs = dot2.ToBeSignedData(dot2.SignedDataPayload(data), HEADER)
    return data_of("signedData", dot2.SignedData("sha256", tbs, signer, draw(signatures)))


@st.composite
def answers(draw, form: str, size: int, inner: dot2.SignerIdentifier, outer: dot2.SignerIdentifier):
    data = draw(encrypted(size))
    if form == "private":
        data = signed(draw, data, inner)
    response = scms.AcaRaCertResponse(
        2, draw(time32), draw(octets(min_size=8, max_size=8)), scms.AcaResponse(form, data)
    )
    pdu = scms.AcaRaInterfacePdu("acaRaCertResponse", response)
    payload = wire.encode(scms.ScmsPdu(2, scms.ScmsPduContent("aca-ra", pdu)))
    return signed(draw, data_of("unsecuredData", payload), outer)


@st.composite
def shapes(draw):
    """How to draw answers of one shape."""
    digest = octets(min_size=8, max_size=8)
    inner = dot2.SignerIdentifier("digest", draw(digest))
    outer = dot2.SignerIdentifier("digest", draw(digest))
    if draw(st.booleans()):
        outer = dot2.SignerIdentifier("certificate", (draw(values("Certificate")),))
    form = draw(st.sampled_from(["private", "cubk"]))
    return answers(form, draw(st.integers(1, 300)), inner, outer)


def by_the_codec(octets_: bytes) -> tuple[AnswerPieces, bytes]:
    """What the codec finds, and what was signed."""
    record, tbs = wire.decode_signed(octets_)
    message = record.content.value
    payload = message.tbs_data.payload.data.content.value
    response = wire.decode(scms.ScmsPdu, payload).content.value.value
    raw = message.signature.value
    data = wire.encode(response.aca_response.value)
    signature = raw.r_sig.value + raw.s_sig
    return AnswerPieces(response.generation_time, response.request_hash, data, signature), tbs


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_template_reads_other_answers_as_the_codec_does(data):
    shape = data.draw(shapes())
    template = AnswerTemplate.of(data.draw(shape))
    record = data.draw(shape)
    answer = wire.encode(record)
    pieces, tbs = by_the_codec(answer)
    assert template.size == len(answer)
    assert template.read(answer) == pieces
    assert answer[template.tbs] == tbs == wire.encode(record.content.value.tbs_data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_template_reads_nothing_that_the_codec_refuses_or_reads_otherwise(data):
    shape = data.draw(shapes())
    template = AnswerTemplate.of(data.draw(shape))
    answer = bytearray(wire.encode(data.draw(shape)))
    for _ in range(data.draw(st.integers(1, 3))):
        answer[data.draw(st.integers(0, len(answer) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        answer = answer[: data.draw(st.integers(0, len(answer)))] + data.draw(octets(max_size=2))
    pieces = template.read(bytes(answer))
    if pieces is not None:
        assert pieces == by_the_codec(bytes(answer))[0]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_whatever_is_answered_has_a_template_that_is_right_or_none(data):
    response = data.draw(values("AcaRaCertResponse"))
    pdu = scms.AcaRaInterfacePdu("acaRaCertResponse", response)
    payload = wire.encode(scms.ScmsPdu(2, scms.ScmsPduContent("aca-ra", pdu)))
    signer = dot2.SignerIdentifier("digest", bytes(8))
    record = signed(data.draw, data_of("unsecuredData", payload), signer)
    template = AnswerTemplate.of(record)
    if template is not None:
        try:
            found = by_the_codec(wire.encode(record))
        except DecodeError:
            return
        assert template.read(wire.encode(record)) == found[0]


def test_what_is_no_private_answer_has_no_template():
    plain = data_of("unsecuredData", b"in plain")
    assert AnswerTemplate.of(plain) is None
    response = scms.AcaRaCertResponse(2, 1, bytes(8), scms.AcaResponse("plain", plain))
    pdu = scms.AcaRaInterfacePdu("acaRaCertResponse", response)
    payload = wire.encode(scms.ScmsPdu(2, scms.ScmsPduContent("aca-ra", pdu)))
    signature = dot2.Signature(
        "ecdsaNistP256Signature",
        dot2.EcdsaP256Signature(dot2.EccP256CurvePoint("x-only", bytes(32)), bytes(32)),
    )
    tbs = dot2.ToBeSignedData(dot2.SignedDataPayload(data_of("unsecuredData", payload)), HEADER)
    value = dot2.SignedData("sha256", tbs, dot2.SignerIdentifier("digest", bytes(8)), signature)
    assert AnswerTemplate.of(data_of("signedData", value)) is None
