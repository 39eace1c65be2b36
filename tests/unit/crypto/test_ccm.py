import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.crypto.soft import vectors
from v2xpki.crypto import ccm_decrypt, ccm_encrypt, psk_id
from v2xpki.errors import DecryptionFailed

KEY, NONCE = bytes(range(16)), bytes(range(12))


@given(plain=st.binary(max_size=600))
def test_what_was_encrypted_decrypts(plain):
    text = ccm_encrypt(KEY, NONCE, plain)
    assert len(text) == len(plain) + 16
    assert ccm_decrypt(KEY, NONCE, text) == plain


@given(plain=st.binary(max_size=64), data=st.data())
def test_any_flipped_bit_fails(plain, data):
    text = bytearray(ccm_encrypt(KEY, NONCE, plain))
    bit = data.draw(st.integers(0, 8 * len(text) - 1))
    text[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DecryptionFailed):
        ccm_decrypt(KEY, NONCE, bytes(text))


@pytest.mark.parametrize("text", [b"", bytes(15), bytes(16)])
def test_text_too_short_for_a_tag_fails_as_a_wrong_tag_does(text):
    with pytest.raises(DecryptionFailed):
        ccm_decrypt(KEY, NONCE, text)


def test_keys_and_nonces_of_other_lengths_are_refused():
    for key, nonce in ((bytes(32), NONCE), (KEY, bytes(13))):
        with pytest.raises(DecryptionFailed):
            ccm_decrypt(key, nonce, bytes(20))
        with pytest.raises(DecryptionFailed):
            ccm_encrypt(key, nonce, b"")


def test_published_vectors():
    for vector in vectors("aes_ccm")["vectors"]:
        key, nonce, plain, text = (bytes.fromhex(vector[name]) for name in ("K", "N", "P", "C_T"))
        assert ccm_encrypt(key, nonce, plain) == text
        assert ccm_decrypt(key, nonce, text) == plain


def test_psk_id_of_the_recorded_exchange():
    recorded = next(v for v in vectors("ts102941_golden")["vectors"] if "aes_key" in v)
    assert (
        psk_id(bytes.fromhex(recorded["aes_key"])).hex() == recorded["pskRecipInfo(expected in the response)"]
    )
