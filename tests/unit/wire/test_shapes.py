"""The plain shapes that are read in one go are read as the generated codec reads them, or not at all."""

from hypothesis import given, settings
from hypothesis import strategies as st

from v2xpki import wire
from v2xpki.wire import _codec_dot2, _shapes, dot2
from v2xpki.wire._runtime import DECODE_FAULTS

TAGS = (0, 1, 2, 3, 0x40, 0x7F, 0x80, 0x81, 0x82, 0x83, 0xFF)
LENGTHS = st.sampled_from((0, 1, 16, 127, 128, 255, 256, 300))


def generated(octets: bytes) -> dot2.Ieee1609Dot2Data | None:
    try:
        record, end = _codec_dot2.decode_ieee1609_dot2_data(octets, 0)
    except DECODE_FAULTS:
        return None
    return record if end == len(octets) else None


@st.composite
def encrypted(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        info = dot2.RecipientInfo(kind="pskRecipInfo", value=draw(st.binary(min_size=8, max_size=8)))
    else:
        point = dot2.EccP256CurvePoint(
            kind=draw(st.sampled_from(("compressed-y-0", "compressed-y-1"))),
            value=draw(st.binary(min_size=32, max_size=32)),
        )
        c, t = (draw(st.binary(min_size=16, max_size=16)) for _ in "ct")
        key = dot2.EncryptedDataEncryptionKey(
            kind=draw(st.sampled_from(("eciesNistP256", "eciesBrainpoolP256r1"))),
            value=dot2.EciesP256EncryptedKey(v=point, c=c, t=t),
        )
        info = dot2.RecipientInfo(
            kind="certRecipInfo", value=dot2.PKRecipientInfo(recipient_id=bytes(8), enc_key=key)
        )
    text = dot2.One28BitCcmCiphertext(nonce=bytes(range(12)), ccm_ciphertext=bytes(draw(LENGTHS)))
    ciphertext = dot2.SymmetricCiphertext(kind="aes128ccm", value=text)
    content = dot2.EncryptedData(recipients=(info,), ciphertext=ciphertext)
    return wire.encode(_data("encryptedData", content))


@st.composite
def signed(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        payload = dot2.SignedDataPayload(data=_data("unsecuredData", bytes(draw(LENGTHS))))
    else:
        hashed = dot2.HashedData(kind="sha256HashedData", value=draw(st.binary(min_size=32, max_size=32)))
        payload = dot2.SignedDataPayload(ext_data_hash=hashed)
    header = dot2.HeaderInfo(psid=623, generation_time=draw(st.integers(0, 2**64 - 1)))
    signer = draw(
        st.sampled_from(
            (
                dot2.SignerIdentifier(kind="self", value=None),
                dot2.SignerIdentifier(kind="digest", value=b"12345678"),
            )
        )
    )
    signature = dot2.Signature(
        kind=draw(st.sampled_from(("ecdsaNistP256Signature", "ecdsaBrainpoolP256r1Signature"))),
        value=dot2.EcdsaP256Signature(
            r_sig=dot2.EccP256CurvePoint(kind="x-only", value=draw(st.binary(min_size=32, max_size=32))),
            s_sig=bytes(32),
        ),
    )
    tbs = dot2.ToBeSignedData(payload=payload, header_info=header)
    content = dot2.SignedData(hash_id="sha256", tbs_data=tbs, signer=signer, signature=signature)
    return wire.encode(_data("signedData", content))


def _data(kind: str, value: object) -> dot2.Ieee1609Dot2Data:
    content = dot2.Ieee1609Dot2Content(kind=kind, value=value)  # type: ignore[arg-type]
    return dot2.Ieee1609Dot2Data(protocol_version=3, content=content)


@given(encrypted())
def test_plain_encrypted_data_is_the_same_record(octets: bytes) -> None:
    found = _shapes.encrypted(octets)
    assert found is not None
    assert repr(found) == repr(generated(octets))


@given(signed())
def test_plain_signed_data_is_the_same_record(octets: bytes) -> None:
    found = _shapes.signed(octets)
    assert found is not None
    assert repr(found[0]) == repr(generated(octets))
    assert found[1] == wire.encode(found[0].content.value.tbs_data)  # type: ignore[union-attr]


@given(st.data(), encrypted() | signed())
def test_no_octets_are_read_in_two_ways(data: st.DataObject, octets: bytes) -> None:
    changed = bytearray(octets)
    for _ in range(data.draw(st.integers(1, 3))):
        # near the front, where the tags and lengths are, or anywhere
        last = data.draw(st.sampled_from((16, len(changed) - 1)))
        place = data.draw(st.integers(0, min(last, len(changed) - 1)))
        match data.draw(st.integers(0, 3)):
            case 0:
                changed[place] = data.draw(st.sampled_from(TAGS))
            case 1:
                changed[place] ^= 1 << data.draw(st.integers(0, 7))
            case 2:
                del changed[place + 1 :]
            case 3:
                changed.insert(place, data.draw(st.integers(0, 255)))
    given = bytes(changed)
    for found in (_shapes.encrypted(given), (_shapes.signed(given) or (None,))[0]):
        if found is not None:
            assert repr(found) == repr(generated(given))


@settings(max_examples=4, deadline=None)
@given(encrypted() | signed())
def test_every_octet_that_is_changed_is_judged_as_before(octets: bytes) -> None:
    for place in range(len(octets)):
        for bit in range(8):
            given = octets[:place] + bytes((octets[place] ^ 1 << bit,)) + octets[place + 1 :]
            for found in (_shapes.encrypted(given), (_shapes.signed(given) or (None,))[0]):
                assert found is None or repr(found) == repr(generated(given))
