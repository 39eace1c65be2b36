"""Pre-linkage values for the ACA: the octets are the codec's, and only the shared key reads them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xpki import wire
from v2xpki.crypto import ccm_decrypt, psk_id
from v2xpki.errors import CryptoError, DecryptionFailed, NotRecipient
from v2xpki.secured import decrypt_psk
from v2xpki.secured.plvs import PlvSealer, encrypted_plv
from v2xpki.wire import reference, scms

KEY, LA = bytes(range(16)), b"\x8e\x09"
keys = st.binary(min_size=16, max_size=16)
la_ids = st.binary(min_size=2, max_size=2)
plvs = st.lists(st.binary(min_size=9, max_size=9), max_size=8)


@given(la_ids, keys, plvs)
def test_the_octets_are_the_generated_codecs_and_the_values_come_back(la_id, key, values):
    made = PlvSealer(la_id, key).seal(values)
    assert len(made) == len(values)
    for octets, value in zip(made, values, strict=True):
        record = wire.decode(scms.EncryptedIndividualPLV, octets)
        assert (record.version, record.la_id) == (2, la_id)
        assert decrypt_psk(record.enc_plv, key) == value
        text = record.enc_plv.content.value.ciphertext.value
        again = encrypted_plv(la_id, psk_id(key), text.nonce, text.ccm_ciphertext)
        assert again == record and wire.encode(again) == octets


def test_the_independent_codec_reads_them_too():
    (octets,) = PlvSealer(LA, KEY).seal([b"plv 9 oct"])
    assert (
        reference.encode("EncryptedIndividualPLV", reference.decode("EncryptedIndividualPLV", octets))
        == octets
    )


def test_each_has_a_nonce_of_its_own_that_tells_no_order():
    made = PlvSealer(LA, KEY).seal([b"plv 9 oct"] * 500)
    nonces = [_text(octets).nonce for octets in made]
    assert len(set(nonces)) == 500
    assert sorted(nonces) != nonces
    gaps = {abs(int.from_bytes(b, "big") - int.from_bytes(a, "big")) for a, b in pairwise(nonces)}
    assert min(gaps) > 2**40  # a counter's neighbours are close


def test_another_key_reads_nothing():
    (octets,) = PlvSealer(LA, KEY).seal([b"plv 9 oct"])
    record, other = wire.decode(scms.EncryptedIndividualPLV, octets), bytes(16)
    with pytest.raises(NotRecipient):
        decrypt_psk(record.enc_plv, other)
    with pytest.raises(DecryptionFailed):
        ccm_decrypt(other, *_text(octets))
    assert b"plv 9 oct" not in octets


@pytest.mark.parametrize("make", [lambda: PlvSealer(LA * 2, KEY), lambda: PlvSealer(LA, KEY[:15])])
def test_what_has_not_the_standards_size_is_refused(make):
    with pytest.raises(CryptoError):
        make()


def test_a_value_of_another_length_is_refused_and_not_told():
    with pytest.raises(CryptoError) as caught:
        PlvSealer(LA, KEY).seal([b"plv 9 oct", b"ten octets"])
    assert "ten octets" not in str(caught.value)
    assert KEY.hex() not in repr(PlvSealer(LA, KEY))


def _text(octets):
    return wire.decode(scms.EncryptedIndividualPLV, octets).enc_plv.content.value.ciphertext.value
