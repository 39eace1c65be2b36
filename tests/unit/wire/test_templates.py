"""Templates read and write what the codec does, and nothing else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.wire.strategies import values
from v2xpki import wire
from v2xpki.errors import DecodeError
from v2xpki.wire import dot2, scms
from v2xpki.wire.templates import Pieces, RequestTemplate, TbsTemplate

octets = st.binary
time32 = st.integers(0, (1 << 32) - 1)
points = st.builds(
    dot2.EccP256CurvePoint,
    st.sampled_from(["compressed-y-0", "compressed-y-1"]),
    octets(min_size=32, max_size=32),
)
verify_keys = st.builds(dot2.PublicVerificationKey, st.just("ecdsaNistP256"), points).map(
    lambda key: dot2.VerificationKeyIndicator("verificationKey", key)
)
encryption_keys = st.builds(dot2.BasePublicEncryptionKey, st.just("eciesNistP256"), points).map(
    lambda key: dot2.PublicEncryptionKey("aes128Ccm", key)
)
linkage_ids = st.builds(
    lambda i, value: dot2.CertificateId("linkageData", dot2.LinkageData(i, value)),
    st.integers(0, 65535),
    octets(min_size=9, max_size=9),
)
signatures = st.builds(
    lambda r, s: dot2.Signature("ecdsaNistP256Signature", dot2.EcdsaP256Signature(r, s)),
    st.builds(dot2.EccP256CurvePoint, st.just("x-only"), octets(min_size=32, max_size=32)),
    octets(min_size=32, max_size=32),
)


@st.composite
def plvs(draw):
    text = dot2.One28BitCcmCiphertext(
        draw(octets(min_size=12, max_size=12)), draw(octets(min_size=25, max_size=25))
    )
    psk = dot2.RecipientInfo("pskRecipInfo", draw(octets(min_size=8, max_size=8)))
    data = dot2.EncryptedData((psk,), dot2.SymmetricCiphertext("aes128ccm", text))
    content = dot2.Ieee1609Dot2Content("encryptedData", data)
    la_id = draw(octets(min_size=2, max_size=2))
    return scms.EncryptedIndividualPLV(2, la_id, dot2.Ieee1609Dot2Data(3, content))


@st.composite
def bodies(draw, linked: bool):
    """ToBeSignedCertificates of a plain shape, whatever else is in them."""
    tbs = draw(values("ToBeSignedCertificate"))
    identity = draw(linkage_ids) if linked else dot2.CertificateId("none", None)
    nothing = dict.fromkeys(("flags", "app_extensions", "cert_issue_extensions", "cert_request_extension"))
    return tbs._replace(id=identity, verify_key_indicator=draw(verify_keys), **nothing)


def asked(request: scms.SignedCertificateRequest) -> scms.RaAcaCertRequest:
    return request.tbs_request.content.value.value


def spdu(request: scms.SignedCertificateRequest) -> bytes:
    content = dot2.Ieee1609Dot2Content("signedCertificateRequest", wire.encode(request))
    return wire.encode(dot2.Ieee1609Dot2Data(3, content))


def around(ask: scms.RaAcaCertRequest, signer, signature) -> scms.SignedCertificateRequest:
    pdu = scms.ScmsPdu(2, scms.ScmsPduContent("aca-ra", scms.AcaRaInterfacePdu("raAcaCertRequest", ask)))
    return scms.SignedCertificateRequest("sha256", pdu, signer, signature)


@st.composite
def requests(draw):
    linked, keyed = draw(st.booleans()), draw(st.booleans())
    ask = scms.RaAcaCertRequest(
        version=2,
        generation_time=draw(time32),
        type=draw(st.sampled_from(["explicit", "implicit"])),
        flags=draw(st.integers(0, 255)),
        tbs_cert=draw(bodies(linked)),
        linkage_info=scms.LinkageInfo(draw(plvs()), draw(plvs())) if linked else None,
        cert_enc_key=draw(encryption_keys) if keyed else None,
    )
    signer = dot2.SignerIdentifier("digest", draw(octets(min_size=8, max_size=8)))
    return around(ask, signer, draw(signatures))


@st.composite
def others(draw, request: scms.SignedCertificateRequest):
    """Another request of the same shape."""
    ask = asked(request)
    tbs = ask.tbs_cert
    identity = draw(linkage_ids) if tbs.id.kind == "linkageData" else tbs.id
    tbs = tbs._replace(
        id=identity,
        validity_period=tbs.validity_period._replace(start=draw(time32)),
        verify_key_indicator=draw(verify_keys),
    )
    linkage = ask.linkage_info
    if linkage is not None:
        linkage = scms.LinkageInfo(*(_other_plv(draw, plv) for plv in linkage))
    key = draw(encryption_keys) if ask.cert_enc_key is not None else None
    ask = ask._replace(generation_time=draw(time32), tbs_cert=tbs, linkage_info=linkage, cert_enc_key=key)
    return around(ask, request.signer, draw(signatures))


def _other_plv(draw, plv: scms.EncryptedIndividualPLV) -> scms.EncryptedIndividualPLV:
    other = draw(plvs()).enc_plv.content.value
    content = plv.enc_plv.content
    data = content.value._replace(ciphertext=other.ciphertext)
    return plv._replace(enc_plv=plv.enc_plv._replace(content=content._replace(value=data)))


def point(key: dot2.EccP256CurvePoint) -> bytes:
    return (b"\x82" if key.kind == "compressed-y-0" else b"\x83") + key.value


def pieces_by_the_codec(octets: bytes) -> Pieces:
    """What the codec finds."""
    data = wire.decode(dot2.Ieee1609Dot2Data, octets)
    request, _ = wire.decode_certificate_request(data.content.value)
    ask = asked(request)
    texts = [plv.enc_plv.content.value.ciphertext.value for plv in ask.linkage_info or ()]
    nonces = [(text.nonce, text.ccm_ciphertext) for text in texts] or [(b"", b""), (b"", b"")]
    data = ask.tbs_cert.id.value
    value = request.signature.value
    return Pieces(
        ask.generation_time.to_bytes(4, "big"),
        *nonces[0],
        *nonces[1],
        b"" if ask.cert_enc_key is None else point(ask.cert_enc_key.public_key.value),
        b"" if data is None else data.i_cert.to_bytes(2, "big") + data.linkage_value,
        ask.tbs_cert.validity_period.start.to_bytes(4, "big"),
        point(ask.tbs_cert.verify_key_indicator.value.value),
        value.r_sig.value + value.s_sig,
    )


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_template_reads_and_writes_other_requests_as_the_codec_does(data):
    request = data.draw(requests())
    template = RequestTemplate.of(request)
    other = data.draw(others(request))
    for one in (request, other):
        octets = spdu(one)
        pieces = template.read(octets)
        assert pieces == pieces_by_the_codec(octets)
        assert template.write(pieces) == octets
        assert octets[template.tbs] == wire.encode(one.tbs_request)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_template_reads_nothing_that_the_codec_refuses_or_reads_otherwise(data):
    request = data.draw(requests())
    template = RequestTemplate.of(request)
    octets = bytearray(spdu(data.draw(others(request))))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        octets = octets[: data.draw(st.integers(0, len(octets)))] + data.draw(st.binary(max_size=2))
    pieces = template.read(bytes(octets))
    if pieces is not None:
        assert pieces == pieces_by_the_codec(bytes(octets))
    else:
        try:
            read = wire.decode(dot2.Ieee1609Dot2Data, bytes(octets)).content.value
            other, _ = wire.decode_certificate_request(read)
        except (DecodeError, TypeError):
            return
        # what the codec reads and the template does not is of another shape
        fixed = RequestTemplate.of(other)
        assert fixed is None or fixed.read(spdu(request)) is None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_template_of_certificates_writes_as_the_codec_does(data):
    linked = data.draw(st.booleans())
    tbs = data.draw(bodies(linked))
    template = TbsTemplate.of(tbs)
    key, start = data.draw(points), data.draw(time32)
    made = tbs._replace(
        validity_period=tbs.validity_period._replace(start=start),
        verify_key_indicator=tbs.verify_key_indicator._replace(
            value=dot2.PublicVerificationKey("ecdsaNistP256", key)
        ),
    )
    linkage = b""
    if linked:
        identity = data.draw(linkage_ids)
        made = made._replace(id=identity)
        linkage = identity.value.i_cert.to_bytes(2, "big") + identity.value.linkage_value
    sec1 = (b"\x02" if key.kind == "compressed-y-0" else b"\x03") + key.value
    octets = template.write(linkage, start.to_bytes(4, "big"), sec1)
    assert octets == wire.encode(made)
    assert b"".join(template.read(octets)) == linkage + start.to_bytes(4, "big") + point(key)


@settings(max_examples=60, deadline=None)
@given(values("SignedCertificateRequest"))
def test_whatever_is_asked_has_a_template_that_is_right_or_none(request):
    template = RequestTemplate.of(request)
    if template is not None:
        octets = spdu(request)
        assert template.read(octets) == pieces_by_the_codec(octets)
