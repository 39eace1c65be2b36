import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.crypto.soft import SoftKey, self_signed, soft_key, vectors
from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, hash_octets, signature_record
from v2xpki.errors import (
    DecodeError,
    InvalidPoint,
    InvalidSignature,
    SecuredError,
    UnexpectedContent,
    V2xPkiError,
)
from v2xpki.secured import SignedMessage, etsi_header, frames, sign, unsecured
from v2xpki.wire import dot2

every_curve = pytest.mark.parametrize("curve", Curve, ids=lambda c: c.text)
NOW = 700_000_000_000_000
HEADER = etsi_header(623, NOW)
OWN = {curve: self_signed(curve) for curve in Curve}

times = st.integers(0, 2**64 - 1)
ids3 = st.binary(min_size=3, max_size=3)
locations = st.builds(
    dot2.ThreeDLocation,
    latitude=st.integers(-900000000, 900000001),
    longitude=st.integers(-1799999999, 1800000001),
    elevation=st.integers(0, 65535),
)
public_keys = st.sampled_from(
    [soft_key(c).public_key.to_encryption_key() for c in (Curve.NIST_P256, Curve.BRAINPOOL_P256R1)]
)
headers = st.builds(
    dot2.HeaderInfo,
    psid=st.one_of(st.sampled_from([0, 36, 127, 128, 255, 256, 623, 65536]), st.integers(0, 2**32)),
    generation_time=st.none() | times,
    expiry_time=st.none() | times,
    generation_location=st.none() | locations,
    p2pcd_learning_request=st.none() | ids3,
    encryption_key=st.none() | st.builds(dot2.EncryptionKey, kind=st.just("public"), value=public_keys),
    inline_p2pcd_request=st.none() | st.lists(ids3, min_size=1, max_size=3).map(tuple),
    requested_certificate=st.none() | st.sampled_from([c.record for _, c in OWN.values()]),
    pdu_functional_type=st.none() | st.integers(0, 255),
)
simple_headers = st.builds(dot2.HeaderInfo, psid=st.integers(0, 2**40), generation_time=times)
payloads = st.one_of(st.binary(max_size=300), st.sampled_from([127, 128, 255, 256, 65535, 65536]).map(bytes))


def record_of(curve, header, payload, ext_data_hash, identifier, certificate, raw):
    """The same message by records alone, for the generic encoder."""
    data = None
    if payload is not None:
        data = dot2.Ieee1609Dot2Data(
            protocol_version=3, content=dot2.Ieee1609Dot2Content(kind="unsecuredData", value=payload)
        )
    hashed = None
    if ext_data_hash is not None:
        kind = "sha256HashedData" if len(ext_data_hash) == 32 else "sha384HashedData"
        hashed = dot2.HashedData(kind=kind, value=ext_data_hash)
    value = {"self": None, "digest": certificate.hashed_id8, "certificate": (certificate.record,)}[identifier]
    tbs = dot2.ToBeSignedData(
        payload=dot2.SignedDataPayload(data=data, ext_data_hash=hashed), header_info=header
    )
    signed = dot2.SignedData(
        hash_id=curve.hash,
        tbs_data=tbs,
        signer=dot2.SignerIdentifier(kind=identifier, value=value),
        signature=signature_record(curve, raw),
    )
    content = dot2.Ieee1609Dot2Content(kind="signedData", value=signed)
    return dot2.Ieee1609Dot2Data(protocol_version=3, content=content)


class Replay(SoftKey):
    """Signs once and remembers the signature."""

    raw = b""

    def sign(self, digest):
        self.raw = super().sign(digest)
        return self.raw


@every_curve
@settings(max_examples=40, deadline=None)
@given(
    header=simple_headers | headers,
    payload=st.none() | payloads,
    ext=st.none() | st.binary(min_size=32, max_size=32) | st.binary(min_size=48, max_size=48),
    identifier=st.sampled_from(["digest", "certificate", "self"]),
)
def test_octets_are_those_of_the_generic_encoder_and_verify(curve, header, payload, ext, identifier):
    if payload is None and ext is None:
        payload = b""
    key, certificate = OWN[curve]
    signer = Replay(curve, key.private)
    named = None if identifier == "self" else certificate
    octets = sign(
        signer, header, payload=payload, ext_data_hash=ext, certificate=named, identifier=identifier
    )
    record = record_of(curve, header, payload, ext, identifier, certificate, signer.raw)
    assert octets == wire.encode(record)
    for message in (SignedMessage.parse(octets), SignedMessage.of(record)):
        assert message.record == record
        assert message.tbs_octets == wire.encode(record.content.value.tbs_data)
        assert message.header == header
        assert message.ext_data_hash == ext
        assert message.hash_name == curve.hash
        assert message.signer_digest == (certificate.hashed_id8 if identifier == "digest" else None)
        assert message.signer_certificates == ((certificate,) if identifier == "certificate" else ())
        assert message.is_self_signed == (identifier == "self")
        message.verify(key.public_key, named or b"")
        message.verify(key.public_key, certificate.octets if named else b"")


@every_curve
def test_data_is_signed_as_it_is(curve):
    key, certificate = OWN[curve]
    inner = wire.decode(dot2.Ieee1609Dot2Data, sign(key, HEADER, payload=b"inner", identifier="self"))
    octets = sign(key, HEADER, data=inner, certificate=certificate, identifier="digest")
    message = SignedMessage.parse(octets)
    assert message.signed.tbs_data.payload.data == inner
    message.verify(key.public_key, certificate)
    SignedMessage.of(inner).verify(key.public_key)
    with pytest.raises(UnexpectedContent, match="signedData"):
        _ = message.payload


@every_curve
def test_the_signers_certificate_is_part_of_what_is_signed(curve):
    key, certificate = OWN[curve]
    message = SignedMessage.parse(
        sign(key, HEADER, payload=b"x", certificate=certificate, identifier="digest")
    )
    with pytest.raises(InvalidSignature):
        message.verify(key.public_key)
    with pytest.raises(InvalidSignature):
        message.verify(key.public_key, b"another certificate")


def test_a_signature_over_the_hash_of_tbs_alone_is_refused():
    key, certificate = OWN[Curve.NIST_P256]

    class Naive(SoftKey):
        def sign(self, digest):
            return super().sign(hash_octets("sha256", tbs))

    tbs = frames.payload_of(unsecured(b"x"), None) + frames.header(HEADER)
    naive = Naive(Curve.NIST_P256, key.private)
    for identifier, named in (("self", None), ("digest", certificate)):
        octets = sign(naive, HEADER, payload=b"x", certificate=named, identifier=identifier)
        with pytest.raises(InvalidSignature):
            SignedMessage.parse(octets).verify(key.public_key, named or b"")


def test_the_hash_id_must_be_the_keys():
    key, _ = OWN[Curve.NIST_P256]
    octets = bytearray(sign(key, HEADER, payload=b"x", identifier="self"))
    octets[2] = 1  # sha384
    with pytest.raises(InvalidSignature, match="sha384"):
        SignedMessage.parse(bytes(octets)).verify(key.public_key)


_KEY, _CERTIFICATE = OWN[Curve.NIST_P256]
_MESSAGE = sign(_KEY, HEADER, payload=b"a payload", certificate=_CERTIFICATE, identifier="digest")


@settings(max_examples=300, deadline=None)
@given(bit=st.integers(0, 8 * len(_MESSAGE) - 1))
def test_any_flipped_bit_of_a_message_fails_cleanly(bit):
    octets = bytearray(_MESSAGE)
    octets[bit // 8] ^= 1 << bit % 8
    try:
        message = SignedMessage.parse(bytes(octets))
        message.verify(_KEY.public_key, _CERTIFICATE)
    except V2xPkiError:
        return
    # the signer's digest is not signed (its certificate is), and r may be written in another form
    assert message.signer_digest != _CERTIFICATE.hashed_id8 or bit // 8 == len(_MESSAGE) - 65


@settings(max_examples=200, deadline=None)
@given(octets=st.binary(max_size=80))
def test_any_octets_are_a_message_or_refused(octets):
    with pytest.raises((DecodeError, UnexpectedContent)):
        SignedMessage.parse(octets)


def test_a_key_written_uncompressed_in_the_header_is_hashed_compressed():
    key, certificate = OWN[Curve.NIST_P256]
    public = soft_key(Curve.BRAINPOOL_P256R1).public_key
    signer = Replay(Curve.NIST_P256, key.private)

    def header(point):
        base = dot2.BasePublicEncryptionKey(kind="eciesBrainpoolP256r1", value=point)
        value = dot2.PublicEncryptionKey(supported_symm_alg="aes128Ccm", public_key=base)
        return HEADER._replace(encryption_key=dot2.EncryptionKey(kind="public", value=value))

    sign(signer, header(public.to_point()), payload=b"x", certificate=certificate, identifier="digest")
    octets = public.uncompressed
    full = dot2.EccP256CurvePoint(
        kind="uncompressedP256", value=dot2.EccP256CurvePointUncompressedP256(x=octets[1:33], y=octets[33:])
    )
    record = record_of(Curve.NIST_P256, header(full), b"x", None, "digest", certificate, signer.raw)
    SignedMessage.parse(wire.encode(record)).verify(key.public_key, certificate)

    # no point of the curve: parsed as anything is, refused when it is to be hashed
    off = dot2.EccP256CurvePointUncompressedP256(x=octets[1:33], y=bytes(31) + octets[64:])
    record = record_of(
        Curve.NIST_P256, header(full._replace(value=off)), b"x", None, "digest", certificate, signer.raw
    )
    message = SignedMessage.parse(wire.encode(record))
    with pytest.raises(InvalidPoint):
        message.verify(key.public_key, certificate)


@pytest.mark.parametrize(
    "arguments",
    [
        {"identifier": "self"},
        {"identifier": "self", "payload": b"", "certificate": _CERTIFICATE},
        {"identifier": "digest", "payload": b""},
        {"identifier": "self", "ext_data_hash": bytes(31)},
        {"identifier": "self", "payload": b"", "data": wire.decode(dot2.Ieee1609Dot2Data, unsecured(b""))},
        {"identifier": "digest", "payload": b"", "certificate": OWN[Curve.NIST_P384][1]},
    ],
)
def test_arguments_that_make_no_message_are_refused(arguments):
    with pytest.raises(SecuredError):
        sign(_KEY, HEADER, **arguments)


def test_other_content_is_not_taken_for_signed_data():
    with pytest.raises(UnexpectedContent, match="unsecuredData"):
        SignedMessage.parse(unsecured(b"x"))
    message = SignedMessage.parse(sign(_KEY, HEADER, ext_data_hash=bytes(32), identifier="self"))
    with pytest.raises(UnexpectedContent, match="nothing"):
        _ = message.payload


def test_a_real_trust_list_verifies_under_the_tlm_certificate():
    recorded = vectors("real_world")
    message = SignedMessage.parse(bytes.fromhex(recorded["signed_data"]["eu_l2_ectl"]))
    tlm = Certificate.parse(bytes.fromhex(recorded["certificates"]["eu_l2_tlm"]))
    assert message.signer_certificates == (tlm,)
    message.verify(tlm.verification_key, tlm)
    with pytest.raises(InvalidSignature):
        message.verify(tlm.verification_key)


def test_a_real_certificate_request_is_read():
    octets = bytes.fromhex(vectors("real_world")["signed_data"]["openscms_ee_eca_cert_request"])
    with pytest.raises((UnexpectedContent, DecodeError)):
        SignedMessage.parse(octets)


def test_the_recorded_request_proves_possession_of_its_key():
    from v2xpki.crypto import PublicKey
    from v2xpki.wire import etsi

    recorded = next(v for v in vectors("ts102941_golden")["vectors"] if "decrypted" in v)
    outer = SignedMessage.parse(bytes.fromhex(recorded["decrypted"]))
    assert outer.is_self_signed
    data = wire.decode(etsi.EtsiTs102941Data, outer.payload)
    inner = SignedMessage.of(data.content.value)
    request = wire.decode(etsi.InnerEcRequest, inner.payload)
    key = PublicKey.of_verification_key(request.public_keys.verification_key)
    inner.verify(key)
    with pytest.raises(InvalidSignature):
        outer.verify(key)


def test_the_recorded_tbs_is_put_together_to_the_same_octets():
    recorded = next(v for v in vectors("ts102941_golden")["vectors"] if v["type"] == "ToBeSignedData")
    made = frames.payload_of(unsecured(bytes.fromhex("deadbeefcafebabe")), None)
    assert (made + frames.header(etsi_header(623, 5000000000))).hex() == recorded["coer"]
    assert hashlib.sha256(made).digest()


def other_forms(curve):
    """A certificate's record with its key and r in forms that are not canonical, and the certificate."""
    from tests.unit.crypto.soft import point

    key, certificate = OWN[curve]
    size, octets = curve.size, key.public_key.uncompressed
    pair = dot2.EccP256CurvePointUncompressedP256 if size == 32 else dot2.EccP384CurvePointUncompressedP384
    full = point(curve, f"uncompressedP{8 * size}", pair(x=octets[1 : 1 + size], y=octets[1 + size :]))
    record = certificate.record
    indicator = record.to_be_signed.verify_key_indicator
    tbs = record.to_be_signed._replace(
        verify_key_indicator=indicator._replace(value=indicator.value._replace(value=full))
    )
    value = record.signature.value
    r = point(curve, "compressed-y-0", value.r_sig.value)
    signature = record.signature._replace(value=value._replace(r_sig=r))
    return record._replace(to_be_signed=tbs, signature=signature), certificate


@every_curve
def test_certificates_in_a_message_are_hashed_in_canonical_form(curve):
    key, certificate = OWN[curve]
    signer = Replay(curve, key.private)
    written, certificate = other_forms(curve)
    header = HEADER._replace(requested_certificate=certificate.record)
    sign(signer, header, payload=b"x", certificate=certificate, identifier="certificate")
    record = record_of(
        curve,
        HEADER._replace(requested_certificate=written),
        b"x",
        None,
        "certificate",
        certificate,
        signer.raw,
    )
    signed = record.content.value._replace(signer=dot2.SignerIdentifier(kind="certificate", value=(written,)))
    record = record._replace(content=record.content._replace(value=signed))
    message = SignedMessage.parse(wire.encode(record))
    assert message.signer_certificates == (certificate,)
    message.verify(key.public_key, message.signer_certificates[0])


@every_curve
def test_signed_data_inside_is_hashed_in_canonical_form(curve):
    key, _ = OWN[curve]
    written, certificate = other_forms(curve)
    inner = wire.decode(
        dot2.Ieee1609Dot2Data,
        sign(key, HEADER, payload=b"in", certificate=certificate, identifier="certificate"),
    )
    signer = dot2.SignerIdentifier(kind="certificate", value=(written,))
    value = inner.content.value._replace(signer=signer)
    other = inner._replace(content=inner.content._replace(value=value))
    outer = Replay(curve, key.private)
    octets = sign(outer, HEADER, data=other, identifier="self")
    assert SignedMessage.parse(octets).signed.tbs_data.payload.data == inner  # written canonical
    record = wire.decode(dot2.Ieee1609Dot2Data, octets)
    signed = record.content.value
    tbs = signed.tbs_data
    tbs = tbs._replace(payload=tbs.payload._replace(data=other))
    record = record._replace(content=record.content._replace(value=signed._replace(tbs_data=tbs)))
    SignedMessage.parse(wire.encode(record)).verify(key.public_key)
