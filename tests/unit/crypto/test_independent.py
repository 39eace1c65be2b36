"""A second opinion without OpenSSL: curve arithmetic of a few lines, straight from the definitions."""

import hashlib
import hmac
from typing import NamedTuple

import pytest

from tests.unit.crypto.soft import SoftKey, self_signed
from v2xpki import wire
from v2xpki.crypto import Curve, raw_signature, wrap_key
from v2xpki.secured import SignedMessage, etsi_header, sign
from v2xpki.wire import dot2

every_curve = pytest.mark.parametrize("curve", Curve, ids=lambda c: c.text)


class Domain(NamedTuple):
    """y^2 = x^3 + a x + b over the field of p."""

    p: int
    a: int
    b: int

    def add(self, one, other):
        if one is None or other is None:
            return one or other
        (x1, y1), (x2, y2) = one, other
        if x1 == x2:
            if (y1 + y2) % self.p == 0:
                return None
            slope = (3 * x1 * x1 + self.a) * pow(2 * y1, -1, self.p)
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, self.p)
        x = (slope * slope - x1 - x2) % self.p
        return x, (slope * (x1 - x) - y1) % self.p

    def multiply(self, scalar, base):
        total = None
        while scalar:
            if scalar & 1:
                total = self.add(total, base)
            base, scalar = self.add(base, base), scalar >> 1
        return total

    def decompress(self, octets):
        x = int.from_bytes(octets[1:], "big")
        square = (x**3 + self.a * x + self.b) % self.p
        y = pow(square, (self.p + 1) // 4, self.p)  # p = 3 mod 4 for all four
        assert y * y % self.p == square, "not on the curve"
        return x, y if y & 1 == octets[0] & 1 else self.p - y


def number(text):
    return int(text.replace(" ", ""), 16)


DOMAINS = {
    Curve.NIST_P256: Domain(
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        -3,
        number("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"),
    ),
    Curve.BRAINPOOL_P256R1: Domain(
        number("a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377"),
        number("7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9"),
        number("26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6"),
    ),
    Curve.NIST_P384: Domain(
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        -3,
        number(
            "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef"
        ),
    ),
    Curve.BRAINPOOL_P384R1: Domain(
        number(
            "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53"
        ),
        number(
            "7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826"
        ),
        number(
            "04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11"
        ),
    ),
}


def generator(curve):
    domain = DOMAINS[curve]
    return domain.decompress(SoftKey.of_scalar(curve, 1).public_key.point)


def ecdsa_accepts(curve, point, raw, digest):
    domain, n, size = DOMAINS[curve], curve.order, curve.size
    r, s = int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big")
    w, z = pow(s, -1, n), int.from_bytes(digest, "big")
    found = domain.add(
        domain.multiply(z * w % n, generator(curve)),
        domain.multiply(r * w % n, domain.decompress(point)),
    )
    return found is not None and found[0] % n == r


@every_curve
def test_the_order_and_the_generator_belong_to_the_curve(curve):
    domain, base = DOMAINS[curve], generator(curve)
    assert domain.multiply(curve.order - 1, base) == (base[0], domain.p - base[1])
    key = SoftKey.of_scalar(curve, 0xC0FFEE)
    assert domain.multiply(0xC0FFEE, base) == domain.decompress(key.public_key.point)


@every_curve
def test_certificates_and_messages_verify_by_the_definition_of_ecdsa(curve):
    key, certificate = self_signed(curve)
    h = lambda octets: hashlib.new(curve.hash, octets).digest()  # noqa: E731
    point = key.public_key.point
    of_tbs = h(h(wire.encode(certificate.record.to_be_signed)) + h(b""))
    assert ecdsa_accepts(curve, point, raw_signature(certificate.record.signature), of_tbs)
    octets = sign(key, etsi_header(36, 5), payload=b"cam", certificate=certificate, identifier="digest")
    signed = SignedMessage.parse(octets).signed
    of_message = h(h(wire.encode(signed.tbs_data)) + h(certificate.octets))
    assert ecdsa_accepts(curve, point, raw_signature(signed.signature), of_message)
    assert not ecdsa_accepts(curve, point, raw_signature(signed.signature), of_tbs)


@pytest.mark.parametrize("curve", [Curve.NIST_P256, Curve.BRAINPOOL_P256R1], ids=lambda c: c.text)
def test_a_wrapped_key_opens_by_the_definition_of_ecies(curve):
    scalar, key, p1 = 0xDECAF, bytes(range(16)), b"p1"
    parts = wrap_key(SoftKey.of_scalar(curve, scalar).public_key, key, p1).value
    assert isinstance(parts, dot2.EciesP256EncryptedKey)
    domain = DOMAINS[curve]
    v = domain.decompress(bytes([2 + int(parts.v.kind[-1])]) + parts.v.value)
    shared = domain.multiply(scalar, v)[0].to_bytes(32, "big")
    stream = b"".join(hashlib.sha256(shared + n.to_bytes(4, "big") + p1).digest() for n in (1, 2))
    assert bytes(a ^ b for a, b in zip(parts.c, stream, strict=False)) == key
    assert hmac.digest(stream[16:48], parts.c, "sha256")[:16] == parts.t
