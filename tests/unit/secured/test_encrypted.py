import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.crypto.soft import SoftKey, issue, soft_key, tbs_certificate, vectors
from v2xpki import wire
from v2xpki.crypto import Curve, psk_id, wrap_key
from v2xpki.errors import (
    DecodeError,
    DecryptionFailed,
    InvalidPoint,
    NotRecipient,
    SecuredError,
    UnexpectedContent,
    UnsupportedAlgorithm,
    UnwrapFailed,
    V2xPkiError,
)
from v2xpki.secured import (
    RecipientKey,
    SignedDataKey,
    decrypt,
    decrypt_psk,
    encrypt,
    encrypt_many,
    encrypt_psk,
    etsi_header,
    rek_id,
    sign,
    signed_data_id,
    unsecured,
)
from v2xpki.wire import dot2

encrypting = pytest.mark.parametrize("curve", [Curve.NIST_P256, Curve.BRAINPOOL_P256R1], ids=lambda c: c.text)
plains = st.one_of(st.binary(max_size=200), st.sampled_from([111, 112, 239, 240, 65536]).map(bytes))
KEY, NONCE = bytes(range(16)), bytes(range(12))


def authority(curve: Curve, signing: Curve = Curve.NIST_P256):
    """A certificate with an encryption key, and who holds that key."""
    own = SoftKey(curve)
    signer = SoftKey(signing)
    certificate = issue(tbs_certificate(signer.public_key, encryption=own.public_key), signer)
    return own, certificate, {certificate.hashed_id8: RecipientKey.of_certificate(own, certificate)}


AUTHORITIES = {curve: authority(curve) for curve in (Curve.NIST_P256, Curve.BRAINPOOL_P256R1)}


@encrypting
@settings(max_examples=30, deadline=None)
@given(plain=plains)
def test_what_was_encrypted_to_a_certificate_opens(curve, plain):
    _own, certificate, keys = AUTHORITIES[curve]
    sealed = encrypt(plain, [certificate])
    opened = decrypt(sealed.octets, keys)
    assert opened == (plain, sealed.key, certificate.hashed_id8)
    record = wire.decode(dot2.Ieee1609Dot2Data, sealed.octets)
    assert wire.encode(record) == sealed.octets
    assert decrypt(record, keys).plain == plain


@encrypting
@pytest.mark.parametrize("signing", Curve, ids=lambda c: c.text)
def test_p1_is_the_hash_of_the_certificate_either_one_for_a_384_bit_recipient(curve, signing):
    own, certificate, keys = authority(curve, signing)
    assert decrypt(encrypt(b"x", [certificate]).octets, keys).plain == b"x"
    for name in ("sha256", "sha384"):
        p1 = hashlib.new(name, certificate.octets).digest()
        info = dot2.PKRecipientInfo(
            recipient_id=certificate.hashed_id8, enc_key=wrap_key(own.public_key, KEY, p1)
        )
        octets = by_records(dot2.RecipientInfo(kind="certRecipInfo", value=info), plain=b"x")
        if name == "sha256" or signing.size == 48:
            assert decrypt(octets, keys).plain == b"x"
        else:
            with pytest.raises(UnwrapFailed):
                decrypt(octets, keys)


def by_records(*infos, plain=b"", key=KEY):
    """Encrypted data by records alone."""
    from v2xpki.crypto import ccm_encrypt

    text = dot2.One28BitCcmCiphertext(nonce=NONCE, ccm_ciphertext=ccm_encrypt(key, NONCE, plain))
    content = dot2.EncryptedData(
        recipients=infos, ciphertext=dot2.SymmetricCiphertext(kind="aes128ccm", value=text)
    )
    return wire.encode(
        dot2.Ieee1609Dot2Data(
            protocol_version=3, content=dot2.Ieee1609Dot2Content(kind="encryptedData", value=content)
        )
    )


@encrypting
def test_every_kind_of_recipient_opens_the_same_text(curve):
    _own, certificate, keys = AUTHORITIES[curve]
    bare, asking = SoftKey(curve), SoftKey(curve)
    message = sign(soft_key(Curve.NIST_P256), etsi_header(36, 1), payload=b"q", identifier="self")
    sealed = encrypt(b"x", [certificate, bare.public_key, SignedDataKey(asking.public_key, message)])
    assert decrypt(sealed.octets, keys).recipient_id8 == certificate.hashed_id8
    by_key = {rek_id(bare.public_key): RecipientKey.of_key(bare)}
    assert decrypt(sealed.octets, by_key).plain == b"x"
    by_message = {signed_data_id(message): RecipientKey.of_signed_data(asking, message)}
    assert decrypt(sealed.octets, by_message).plain == b"x"
    kinds = [i.kind for i in wire.decode(dot2.Ieee1609Dot2Data, sealed.octets).content.value.recipients]
    assert kinds == ["certRecipInfo", "rekRecipInfo", "signedDataRecipInfo"]
    assert (
        rek_id(bare.public_key)
        == (hashlib.sha256(wire.encode(bare.public_key.to_encryption_key())).digest()[-8:])
    )


@settings(max_examples=30, deadline=None)
@given(plain=plains, key=st.binary(min_size=16, max_size=16))
def test_an_answer_opens_with_the_key_of_the_request(plain, key):
    octets = encrypt_psk(plain, key)
    assert decrypt_psk(octets, key) == plain
    record = wire.decode(dot2.Ieee1609Dot2Data, octets)
    assert wire.encode(record) == octets
    assert [tuple(i) for i in record.content.value.recipients] == [("pskRecipInfo", psk_id(key))]


def test_every_answer_has_a_nonce_of_its_own():
    nonces = {
        wire.decode(dot2.Ieee1609Dot2Data, encrypt_psk(b"", KEY)).content.value.ciphertext.value.nonce
        for _ in range(20)
    }
    assert len(nonces) == 20


def test_the_three_failures_are_kept_apart():
    own, certificate, keys = AUTHORITIES[Curve.NIST_P256]
    other = {b"otherkey": RecipientKey.of_certificate(own, certificate)}
    octets = encrypt(b"x", [certificate]).octets
    with pytest.raises(NotRecipient):
        decrypt(octets, other)
    stranger = {certificate.hashed_id8: RecipientKey.of_certificate(SoftKey(Curve.NIST_P256), certificate)}
    with pytest.raises(UnwrapFailed):
        decrypt(octets, stranger)
    with pytest.raises(DecryptionFailed):
        decrypt(octets[:-1] + bytes([octets[-1] ^ 1]), keys)
    with pytest.raises(DecodeError):
        decrypt(octets[:-1], keys)


def test_a_second_recipient_info_for_the_own_key_is_tried_too():
    own, certificate, keys = AUTHORITIES[Curve.NIST_P256]
    wrong = wrap_key(own.public_key, KEY, b"wrong")
    right = wrap_key(own.public_key, KEY, keys[certificate.hashed_id8].p1)
    infos = [
        dot2.RecipientInfo(
            kind="certRecipInfo",
            value=dot2.PKRecipientInfo(recipient_id=certificate.hashed_id8, enc_key=wrapped),
        )
        for wrapped in (wrong, right)
    ]
    assert decrypt(by_records(*infos, plain=b"x"), keys).plain == b"x"


_OCTETS = encrypt(b"a plain text", [AUTHORITIES[Curve.NIST_P256][1]]).octets


@settings(max_examples=300, deadline=None)
@given(bit=st.integers(0, 8 * len(_OCTETS) - 1))
def test_any_flipped_bit_of_encrypted_data_fails_cleanly(bit):
    octets = bytearray(_OCTETS)
    octets[bit // 8] ^= 1 << bit % 8
    try:
        opened = decrypt(bytes(octets), AUTHORITIES[Curve.NIST_P256][2])
    except V2xPkiError:
        return
    # ECIES uses x alone: the point's other y gives the same secret, and certRecipInfo's kind is not bound
    assert opened.plain == b"a plain text"
    assert bit // 8 in {4, 14}


@settings(max_examples=200, deadline=None)
@given(bit=st.integers(0, 8 * 40))
def test_any_flipped_bit_of_an_answer_fails_cleanly(bit):
    octets = bytearray(encrypt_psk(b"an answer", KEY, nonce=NONCE))
    bit %= 8 * len(octets)
    octets[bit // 8] ^= 1 << bit % 8
    with pytest.raises(V2xPkiError):
        decrypt_psk(bytes(octets), KEY)


def test_an_answer_names_exactly_one_pre_shared_key():
    mine = dot2.RecipientInfo(kind="pskRecipInfo", value=psk_id(KEY))
    others = dot2.RecipientInfo(kind="pskRecipInfo", value=bytes(8))
    assert decrypt_psk(by_records(mine, plain=b"x"), KEY) == b"x"
    for infos in ((), (mine, mine), (others,), (others, mine)):
        with pytest.raises(NotRecipient):
            decrypt_psk(by_records(*infos, plain=b"x"), KEY)
    with pytest.raises(NotRecipient):
        decrypt_psk(encrypt(b"x", [AUTHORITIES[Curve.NIST_P256][1]], key=KEY).octets, KEY)
    with pytest.raises(NotRecipient):  # a psk is no key that ECIES opens
        decrypt(by_records(mine, plain=b"x"), {psk_id(KEY): RecipientKey(soft_key(Curve.NIST_P256), b"")})


def test_the_own_key_never_meets_a_senders_point_off_the_curve():
    own, certificate, keys = authority(Curve.NIST_P256)
    wrapped = wrap_key(own.public_key, KEY, keys[certificate.hashed_id8].p1)
    off = dot2.EccP256CurvePointUncompressedP256(x=bytes(31) + b"\1", y=bytes(31) + b"\1")
    v = dot2.EccP256CurvePoint(kind="uncompressedP256", value=off)
    info = dot2.PKRecipientInfo(
        recipient_id=certificate.hashed_id8, enc_key=wrapped._replace(value=wrapped.value._replace(v=v))
    )
    with pytest.raises(InvalidPoint):
        decrypt(by_records(dot2.RecipientInfo(kind="certRecipInfo", value=info)), keys)
    assert own.agreements == 0


def test_who_cannot_be_encrypted_to_is_refused():
    signer = SoftKey(Curve.NIST_P256)
    without = issue(tbs_certificate(signer.public_key), signer)
    with pytest.raises(SecuredError, match=without.hex8):
        encrypt(b"x", [without])
    with pytest.raises(SecuredError):
        encrypt(b"x", [])
    with pytest.raises(UnsupportedAlgorithm):
        encrypt(b"x", [soft_key(Curve.NIST_P384).public_key])


def test_other_content_and_ciphers_are_refused():
    for call in (lambda o: decrypt(o, {}), lambda o: decrypt_psk(o, KEY)):
        with pytest.raises(UnexpectedContent):
            call(unsecured(b"x"))
    record = wire.decode(dot2.Ieee1609Dot2Data, encrypt_psk(b"x", KEY))
    value = record.content.value
    sm4 = value._replace(ciphertext=value.ciphertext._replace(kind="sm4Ccm"))
    with pytest.raises(UnsupportedAlgorithm):
        decrypt_psk(record._replace(content=record.content._replace(value=sm4)), KEY)


def test_the_recorded_enrolment_request_opens_with_its_recipients_key():
    recorded = next(v for v in vectors("ts102941_golden")["vectors"] if "recipient_private_key" in v)
    own = SoftKey.of_scalar(Curve.NIST_P256, int(recorded["recipient_private_key"], 16))
    p1 = bytes.fromhex(recorded["recipient_cert_sha256 (= ECIES P1, last 8 octets = recipientId)"])
    octets = bytes.fromhex(recorded["coer"])
    opened = decrypt(octets, {p1[-8:]: RecipientKey(own, p1)})
    assert opened.plain.hex() == recorded["decrypted"]
    assert opened.key.hex() == recorded["aes_key"]
    assert hashlib.sha256(octets).hexdigest()[:32] == recorded["requestHash(expected in the response)"]
    answer = encrypt_psk(b"answer", opened.key)
    recipients = wire.decode(dot2.Ieee1609Dot2Data, answer).content.value.recipients
    assert [r.value.hex() for r in recipients] == [recorded["pskRecipInfo(expected in the response)"]]


def test_messages_encrypted_together_share_a_recipient_info_and_no_nonce():
    _own, certificate, keys = AUTHORITIES[Curve.NIST_P256]
    sealed, key = encrypt_many([b"one", b"two", b"three"], certificate)
    assert [decrypt(octets, keys) for octets in sealed] == [
        (plain, key, certificate.hashed_id8) for plain in (b"one", b"two", b"three")
    ]
    contents = [wire.decode(dot2.Ieee1609Dot2Data, octets).content.value for octets in sealed]
    assert len({content.recipients for content in contents}) == 1
    assert len({content.ciphertext.value.nonce for content in contents}) == 3
