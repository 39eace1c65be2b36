"""ECDSA and ECIES straight from their definitions: curve arithmetic of a few lines, no OpenSSL."""

import hashlib
import hmac
from typing import NamedTuple

from v2xpki.crypto import Curve


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


GENERATORS = {  # compressed
    Curve.NIST_P256: "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    Curve.BRAINPOOL_P256R1: "038bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
    Curve.NIST_P384: "03aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b98"
    "59f741e082542a385502f25dbf55296c3a545e3872760ab7",
    Curve.BRAINPOOL_P384R1: "031d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3"
    "db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4af1e",
}


def generator(curve):
    return DOMAINS[curve].decompress(bytes.fromhex(GENERATORS[curve]))


def ecdsa_accepts(curve, point, raw, digest):
    domain, n, size = DOMAINS[curve], curve.order, curve.size
    r, s = int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big")
    w, z = pow(s, -1, n), int.from_bytes(digest, "big")
    found = domain.add(
        domain.multiply(z * w % n, generator(curve)),
        domain.multiply(r * w % n, domain.decompress(point)),
    )
    return found is not None and found[0] % n == r


def ecies_opens(curve, scalar, v, c, t, p1):
    """The key wrapped in c for the holder of the scalar; v compressed."""
    domain = DOMAINS[curve]
    shared = domain.multiply(scalar, domain.decompress(v))[0].to_bytes(32, "big")
    stream = b"".join(hashlib.sha256(shared + n.to_bytes(4, "big") + p1).digest() for n in (1, 2))
    assert hmac.digest(stream[16:48], c, "sha256")[:16] == t
    return bytes(a ^ b for a, b in zip(c, stream, strict=False))
