"""The keystore with fault switches fails exactly where it was told to."""

import pytest

from v2xpki.crypto import Curve
from v2xpki.errors import KeyRefused, TokenLost
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore
from v2xpki.keystore.simulator import FaultyKeystore

SIGN, ENCRYPT = KeyLabel("ea", "sign"), KeyLabel("ea", "encrypt")


def faulty(*arguments, **switches):
    inner = MemoryKeystore("test")
    inner.generate(SIGN, Curve.NIST_P256)
    inner.generate(ENCRYPT, Curve.NIST_P256)
    return FaultyKeystore(inner, *arguments, **switches)


def outcomes(action, count):
    def one():
        try:
            action()
        except TokenLost:
            return "lost"
        return "done"

    return [one() for _ in range(count)]


def test_it_fails_after_so_many_uses_and_stays_lost():
    key = faulty(3).issuing_key(SIGN)
    assert outcomes(lambda: key.sign(bytes(32)), 6) == ["done"] * 3 + ["lost"] * 3


def test_it_comes_back_after_so_many_faults():
    key = faulty(1, times=2).issuing_key(SIGN)
    assert outcomes(lambda: key.sign(bytes(32)), 5) == ["done", "lost", "lost", "done", "done"]


def test_signing_agreeing_and_testing_count_together():
    keystore = faulty(3)
    key, agreer = keystore.issuing_key(SIGN), keystore.agreer(ENCRYPT)
    key.sign(bytes(32))
    agreer.agree(MemoryKey.generate(Curve.NIST_P256).public_key)
    keystore.self_test(SIGN)
    for use in (lambda: key.sign(bytes(32)), lambda: keystore.self_test(ENCRYPT)):
        with pytest.raises(TokenLost):
            use()
    assert keystore.switch.uses == 5


def test_a_lost_answer_is_lost_after_the_key_was_used():
    used = []
    keystore = faulty(0, when="after")
    key = keystore.issuing_key(SIGN)
    real = key._inner.sign
    key._inner.sign = lambda digest: used.append(digest) or real(digest)
    with pytest.raises(TokenLost):
        key.sign(bytes(32))
    assert used == [bytes(32)]


def test_the_switch_brings_the_token_back():
    keystore = faulty(0)
    key = keystore.issuing_key(SIGN)
    assert outcomes(lambda: key.sign(bytes(32)), 1) == ["lost"]
    keystore.switch.armed = False
    assert outcomes(lambda: key.sign(bytes(32)), 1) == ["done"]


def test_another_fault_may_be_chosen():
    keystore = faulty(0, fault=lambda: KeyRefused("simulated"))
    with pytest.raises(KeyRefused):
        keystore.agreer(ENCRYPT).agree(MemoryKey.generate(Curve.NIST_P256).public_key)


def test_all_else_passes_through():
    keystore = faulty(0)
    assert (keystore.kind, keystore.opened_for) == ("memory", "test")
    assert keystore.public_key(SIGN) == keystore.inner.public_key(SIGN)
    keystore.generate(KeyLabel("ea", "sign", 2), Curve.NIST_P256)
    assert len(keystore.keys()) == 3
    keystore.close()
    assert keystore.inner.keys() == []
