"""A keystore with fault switches: for tests of all that must survive a token that goes away.

keystore = FaultyKeystore(MemoryKeystore("test"), fail_after=3)   # the fourth use fails
"""

from collections.abc import Callable
from typing import Literal, TypeVar

from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import KeyRefused, TokenLost
from v2xpki.keystore.interface import IssuingKey, Keystore
from v2xpki.keystore.labels import KeyInfo, KeyLabel, WrappingInfo
from v2xpki.keystore.responder import Responder
from v2xpki.keystore.scms_responder import ScmsResponder
from v2xpki.keystore.wrapping import Wrapper

T = TypeVar("T")


class Switch:
    """Counts uses of keys and fails those after `fail_after`, `times` of them (None: all)."""

    def __init__(
        self,
        fail_after: int,
        times: int | None = None,
        when: Literal["before", "after"] = "before",
        fault: Callable[[], Exception] | None = None,
    ) -> None:
        self.fail_after, self.times, self.when = fail_after, times, when
        self.fault = fault or (lambda: TokenLost("simulated: the token is gone"))
        self.uses = self.faults = 0
        self.armed = True

    def run(self, action: Callable[[], T]) -> T:
        self.uses += 1
        fails = self.armed and self.uses > self.fail_after
        if fails and self.times is not None and self.faults >= self.times:
            fails = False
        if not fails:
            return action()
        self.faults += 1
        if self.when == "after":
            action()  # the token did it; the answer is what got lost
        raise self.fault()


class _FaultyIssuingKey:
    def __init__(self, inner: IssuingKey, switch: Switch) -> None:
        self.label, self.public_key = inner.label, inner.public_key
        self._inner, self._switch = inner, switch

    def sign(self, digest: bytes) -> bytes:
        return self._switch.run(lambda: self._inner.sign(digest))


class _FaultyAgreer:
    def __init__(self, keystore: Keystore, label: KeyLabel, switch: Switch) -> None:
        self._inner = keystore.agreer(label)
        self.label, self.public_key, self._switch = label, self._inner.public_key, switch

    def agree(self, peer: PublicKey) -> bytes:
        return self._switch.run(lambda: self._inner.agree(peer))


class FaultyKeystore:
    """Any keystore behind a switch: each sign, agree and self-test counts; the rest passes through.

    when="after" loses the answer after the key was used: the case in which a second signature would be
    the mistake. `switch.armed = False` brings the token back.
    """

    def __init__(
        self,
        inner: Keystore,
        fail_after: int = 0,
        *,
        times: int | None = None,
        when: Literal["before", "after"] = "before",
        fault: Callable[[], Exception] | None = None,
    ) -> None:
        self.inner = inner
        self.switch = Switch(fail_after, times, when, fault)

    @property
    def kind(self) -> str:
        return self.inner.kind

    @property
    def opened_for(self) -> str | None:
        return self.inner.opened_for

    def generate(self, label: KeyLabel, curve: Curve) -> PublicKey:
        return self.inner.generate(label, curve)

    def keys(self) -> list[KeyInfo]:
        return self.inner.keys()

    def wrapping_keys(self) -> list[WrappingInfo]:
        return self.inner.wrapping_keys()

    def public_key(self, label: KeyLabel) -> PublicKey:
        return self.inner.public_key(label)

    def issuing_key(self, label: KeyLabel) -> _FaultyIssuingKey:
        return _FaultyIssuingKey(self.inner.issuing_key(label), self.switch)

    def responder(self, label: KeyLabel, certificate: Certificate) -> Responder:
        key = self.issuing_key(label)
        if certificate.verification_key != key.public_key:
            raise KeyRefused(f"certificate {certificate.hex8} is not of the key {label}")
        return Responder(label, certificate, key.sign)

    def scms_responder(self, label: KeyLabel, certificate: Certificate) -> ScmsResponder:
        key = self.issuing_key(label)
        if certificate.verification_key != key.public_key:
            raise KeyRefused(f"certificate {certificate.hex8} is not of the key {label}")
        return ScmsResponder(label, certificate, key.sign)

    def generate_wrapping(self, label: KeyLabel) -> None:
        self.inner.generate_wrapping(label)

    def wrapper(self, label: KeyLabel) -> Wrapper:
        return self.inner.wrapper(label)

    def agreer(self, label: KeyLabel) -> _FaultyAgreer:
        return _FaultyAgreer(self.inner, label, self.switch)

    def self_test(self, label: KeyLabel) -> None:
        self.switch.run(lambda: self.inner.self_test(label))

    def close(self) -> None:
        self.inner.close()
