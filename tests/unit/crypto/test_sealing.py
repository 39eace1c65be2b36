"""What is sealed for a database comes back under its key, in its place, unchanged; or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xpki.crypto.sealing import Seal
from v2xpki.errors import CryptoError, DecryptionFailed

KEY = bytes(range(32))


@given(st.binary(max_size=100), st.binary(max_size=20))
def test_it_comes_back_in_its_place_and_is_not_there_in_clear(plain, place):
    octets = Seal(KEY).close(plain, place)
    assert Seal(KEY).open(octets, place) == plain
    assert len(octets) == len(plain) + 28
    assert Seal(KEY).close(plain, place) != octets
    for other, where in ((bytes(32), place), (KEY, place + b"\0")):
        with pytest.raises(DecryptionFailed):
            Seal(other).open(octets, where)


@given(st.binary(max_size=40), st.data())
def test_any_flipped_bit_or_cut_fails(plain, data):
    octets = bytearray(Seal(KEY).close(plain, b""))
    bit = data.draw(st.integers(0, 8 * len(octets) - 1))
    for cut in (b"", bytes(octets[:11]), bytes(octets[:-1])):
        with pytest.raises(DecryptionFailed):
            Seal(KEY).open(cut, b"")
    octets[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DecryptionFailed):
        Seal(KEY).open(bytes(octets), b"")


def test_a_key_of_another_length_is_refused_and_none_is_shown():
    with pytest.raises(CryptoError) as caught:
        Seal(b"k" * 16)
    assert "kkkk" not in str(caught.value)
    assert repr(Seal(KEY)) == "<Seal>"
