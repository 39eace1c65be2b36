"""Raw arithmetic on P-256, which no public call of the cryptography package gives: f*G, A + f*G, k*A.

    p256().shifted(point, scalars)      A + f*G for each f: what a butterfly expansion is made of

Points are SEC1 compressed (33 octets), scalars 32 octets, big endian, below the order. Two implementations
give the same octets: the system's libcrypto through cffi's ABI mode (no compiler), and one on the
cryptography package alone where there is no libcrypto. us an operation, best of 30 batches of 20, OpenSSL 3,
a busy machine:

                         libcrypto   portable
    f*G                       13          30
    A + f*G, compressed       15          34
    k*A                       64         413
    a + f mod n              2.0         0.3

Bringing a whole batch to affine form at once (EC_POINTs_make_affine) gains nothing: 13.8 us against 13.4 for
one at a time, bare. Where a scalar is private, libcrypto multiplies and adds in constant time, and so do the
portable k*G and k*A; the portable a + f is Python's, which is not: a station that fears its neighbours on the
same core wants libcrypto.
"""

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from v2xpki.crypto.curves import Curve
from v2xpki.errors import CryptoError, InvalidPoint

ORDER = Curve.NIST_P256.order
SCALAR_OCTETS, POINT_OCTETS = 32, 33
_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_LIBRARIES = ("libcrypto.so.3", "libcrypto.so.1.1")
_NID_P256, _COMPRESSED, _CONSTANT_TIME = 415, 2, 0x04
_DECLARATIONS = """
void* EC_GROUP_new_by_curve_name(int);
void* EC_POINT_new(void*);
void EC_POINT_clear_free(void*);
void* BN_new(void);
void BN_clear(void*);
void BN_clear_free(void*);
void BN_set_flags(void*, int);
void* BN_CTX_secure_new(void);
void BN_CTX_free(void*);
void* BN_bin2bn(const unsigned char*, int, void*);
int BN_bn2binpad(void*, unsigned char*, int);
int BN_mod_add_quick(void*, void*, void*, void*);
int EC_POINT_mul(void*, void*, void*, void*, void*, void*);
int EC_POINT_add(void*, void*, void*, void*, void*);
size_t EC_POINT_point2oct(void*, void*, int, unsigned char*, size_t, void*);
int EC_POINT_oct2point(void*, void*, const unsigned char*, size_t, void*);
"""


class Group(Protocol):
    """P-256. Raises InvalidPoint for what is no point or where infinity comes out, CryptoError for a scalar
    that is not below the order."""

    def multiples_of_base(self, scalars: Sequence[bytes]) -> list[bytes]:
        """f*G for each f; constant time in f."""
        ...

    def shifted(self, point: bytes, scalars: Sequence[bytes]) -> list[bytes]:
        """A + f*G for each f."""
        ...

    def multiple(self, point: bytes, scalar: bytes) -> bytes:
        """k*A; constant time in k."""
        ...

    def sum(self, one: bytes, other: bytes) -> bytes:
        """A + B."""
        ...

    def scalar_sums(self, scalar: bytes, scalars: Sequence[bytes]) -> list[bytes]:
        """a + f mod n for each f."""
        ...


class LibcryptoGroup:
    """By the system's libcrypto. Raises CryptoError where it is not there. For all threads."""

    name = "libcrypto"

    def __init__(self, library: str | None = None) -> None:
        import cffi

        self._ffi: Any = cffi.FFI()
        self._ffi.cdef(_DECLARATIONS)
        for name in (library,) if library else _LIBRARIES:
            try:
                self._calls: Any = self._ffi.dlopen(name)
                self._group = self._calls.EC_GROUP_new_by_curve_name(_NID_P256)
                break
            except (OSError, AttributeError):
                continue
        else:
            raise CryptoError("no libcrypto to be loaded")
        if self._group == self._ffi.NULL:
            raise CryptoError("this libcrypto has no P-256")
        self._local = threading.local()

    def _room(self) -> "_Room":
        """A thread's numbers and points: they are not for sharing, and making them costs more than a sum."""
        room = getattr(self._local, "room", None)
        if room is None:
            room = self._local.room = _Room(self._ffi, self._calls, self._group)
        return room

    def multiples_of_base(self, scalars: Sequence[bytes]) -> list[bytes]:
        room = self._room()
        try:
            return [room.octets(room.base_multiple(scalar)) for scalar in scalars]
        finally:
            room.forget()

    def shifted(self, point: bytes, scalars: Sequence[bytes]) -> list[bytes]:
        room, calls = self._room(), self._calls
        base = room.point(point, room.given)
        made = []
        try:
            for scalar in scalars:
                shift = room.base_multiple(scalar)
                room.check(calls.EC_POINT_add(self._group, shift, shift, base, room.context))
                made.append(room.octets(shift))
        finally:
            room.forget()
        return made

    def multiple(self, point: bytes, scalar: bytes) -> bytes:
        room = self._room()
        base = room.point(point, room.given)
        try:
            number = room.number(scalar, room.one)
            null = self._ffi.NULL
            # one point, no generator: the branch of libcrypto that takes the same time for every scalar
            done = self._calls.EC_POINT_mul(self._group, room.made, null, base, number, room.context)
            room.check(done)
            return room.octets(room.made)
        finally:
            room.forget()

    def sum(self, one: bytes, other: bytes) -> bytes:
        room = self._room()
        first, second = room.point(one, room.given), room.point(other, room.made)
        room.check(self._calls.EC_POINT_add(self._group, second, first, second, room.context))
        return room.octets(second)

    def scalar_sums(self, scalar: bytes, scalars: Sequence[bytes]) -> list[bytes]:
        room, calls = self._room(), self._calls
        buffer, made = room.buffer, []
        try:
            given = room.number(scalar, room.one)
            for other in scalars:
                number = room.number(other, room.two)
                room.check(calls.BN_mod_add_quick(number, given, number, room.order))
                room.check(calls.BN_bn2binpad(number, buffer, SCALAR_OCTETS))
                made.append(self._ffi.buffer(buffer, SCALAR_OCTETS)[:])
        finally:
            room.forget()
        return made


class _Room:
    """What one thread calculates in."""

    def __init__(self, ffi: Any, calls: Any, group: Any) -> None:
        self._ffi, self._calls, self._group = ffi, calls, group
        self.context = ffi.gc(calls.BN_CTX_secure_new(), calls.BN_CTX_free)
        self.one, self.two, self.order = (ffi.gc(calls.BN_new(), calls.BN_clear_free) for _ in range(3))
        self.given, self.made = (ffi.gc(calls.EC_POINT_new(group), calls.EC_POINT_clear_free) for _ in "12")
        self.buffer = ffi.new("unsigned char[65]")
        for number in (self.one, self.two):
            calls.BN_set_flags(number, _CONSTANT_TIME)
        calls.BN_bin2bn(ORDER.to_bytes(SCALAR_OCTETS, "big"), SCALAR_OCTETS, self.order)

    def number(self, scalar: bytes, into: Any) -> Any:
        check_scalar(scalar)
        self.check(self._calls.BN_bin2bn(scalar, SCALAR_OCTETS, into) != self._ffi.NULL)
        return into

    def point(self, octets: bytes, into: Any) -> Any:
        check_form(octets)
        group, context = self._group, self.context
        if self._calls.EC_POINT_oct2point(group, into, octets, POINT_OCTETS, context) != 1:
            raise InvalidPoint("not a point of nistP256")
        return into

    def base_multiple(self, scalar: bytes) -> Any:
        number, null = self.number(scalar, self.one), self._ffi.NULL
        self.check(self._calls.EC_POINT_mul(self._group, self.made, number, null, null, self.context))
        return self.made

    def octets(self, point: Any) -> bytes:
        length = self._calls.EC_POINT_point2oct(
            self._group, point, _COMPRESSED, self.buffer, POINT_OCTETS, self.context
        )
        if length != POINT_OCTETS:
            raise InvalidPoint("infinity")
        made: bytes = self._ffi.buffer(self.buffer, POINT_OCTETS)[:]
        return made

    @staticmethod
    def check(done: Any) -> None:
        if not done or done < 0:
            raise CryptoError("libcrypto refuses the calculation")

    def forget(self) -> None:
        """No private scalar stays behind."""
        self._calls.BN_clear(self.one)
        self._calls.BN_clear(self.two)
        self._ffi.buffer(self.buffer)[:] = bytes(65)


class PortableGroup:
    """By the cryptography package; the sums of points in Python, on points that are public or soon are."""

    name = "portable"

    def multiples_of_base(self, scalars: Sequence[bytes]) -> list[bytes]:
        return [_compressed(*_affine(_base_multiple(_positive(scalar)))) for scalar in scalars]

    def shifted(self, point: bytes, scalars: Sequence[bytes]) -> list[bytes]:
        base = _affine_of_octets(point)
        shifts = []
        for scalar in scalars:
            number = check_scalar(scalar)
            shifts.append(_affine(_base_multiple(number)) if number else None)
        return [_compressed(*made) for made in _sums(base, shifts)]

    def multiple(self, point: bytes, scalar: bytes) -> bytes:
        number = _positive(scalar)
        base = _affine_of_octets(point)
        x = _ecdh(number, base)
        if number in (1, ORDER - 1):
            return _compressed(x, base[1] if number == 1 else _P - base[1])
        # ECDH gives x alone. Which of the two y it is: kA + A has the x of (k+1)A.
        beyond = _ecdh(number + 1, base) if number + 1 < ORDER else None
        y = _affine_of_octets(b"\x02" + x.to_bytes(32, "big"))[1]
        (tried,) = _sums(base, [(x, y)])
        return _compressed(x, y if tried[0] == beyond else _P - y)

    def sum(self, one: bytes, other: bytes) -> bytes:
        return _compressed(*_sums(_affine_of_octets(one), [_affine_of_octets(other)])[0])

    def scalar_sums(self, scalar: bytes, scalars: Sequence[bytes]) -> list[bytes]:
        given = check_scalar(scalar)
        return [((given + check_scalar(f)) % ORDER).to_bytes(SCALAR_OCTETS, "big") for f in scalars]


_Affine = tuple[int, int]
_SECP256R1, _ECDH = ec.SECP256R1(), ec.ECDH()


def check_scalar(scalar: bytes) -> int:
    """The number. Raises CryptoError for one that is not 32 octets or not below the order."""
    number = int.from_bytes(scalar, "big")
    if len(scalar) != SCALAR_OCTETS or number >= ORDER:
        raise CryptoError("not a scalar of nistP256: 32 octets, below the order")
    return number


def check_form(octets: bytes) -> None:
    """Raises InvalidPoint for what has not the form of a compressed point."""
    if len(octets) != POINT_OCTETS or octets[0] not in (2, 3):
        raise InvalidPoint("no compressed point of nistP256")


def _positive(scalar: bytes) -> int:
    number = check_scalar(scalar)
    if not number:
        raise InvalidPoint("infinity")
    return number


def _base_multiple(number: int) -> ec.EllipticCurvePublicKey:
    return ec.derive_private_key(number, _SECP256R1).public_key()


def _affine(key: ec.EllipticCurvePublicKey) -> _Affine:
    octets = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return int.from_bytes(octets[1:33], "big"), int.from_bytes(octets[33:], "big")


def _affine_of_octets(octets: bytes) -> _Affine:
    check_form(octets)
    try:
        return _affine(ec.EllipticCurvePublicKey.from_encoded_point(_SECP256R1, octets))
    except ValueError as error:
        raise InvalidPoint("not a point of nistP256") from error


def _compressed(x: int, y: int) -> bytes:
    return bytes((2 | y & 1,)) + x.to_bytes(32, "big")


def _ecdh(number: int, base: _Affine) -> int:
    peer = ec.EllipticCurvePublicNumbers(*base, _SECP256R1).public_key()
    return int.from_bytes(ec.derive_private_key(number, _SECP256R1).exchange(_ECDH, peer), "big")


def _sums(base: _Affine, others: Sequence[_Affine | None]) -> list[_Affine]:
    """base + other for each (None: infinity), with one inversion for all of them (Montgomery's trick)."""
    bx, by = base
    pairs: list[tuple[int, int, _Affine] | None] = []  # numerator, denominator, other
    for other in others:
        if other is None:
            pairs.append(None)
        elif other[0] != bx:
            pairs.append((other[1] - by, other[0] - bx, other))
        elif other[1] == by:
            pairs.append((3 * bx * bx - 3, 2 * by, other))
        else:
            raise InvalidPoint("infinity")
    products, product = [], 1
    for pair in pairs:
        products.append(product)
        if pair is not None:
            product = product * pair[1] % _P
    inverse = pow(product, -1, _P)
    made: list[_Affine] = [base] * len(pairs)
    for index in range(len(pairs) - 1, -1, -1):
        found = pairs[index]
        if found is None:
            continue
        numerator, denominator, other = found
        slope = numerator * inverse * products[index] % _P
        inverse = inverse * denominator % _P
        x = (slope * slope - bx - other[0]) % _P
        made[index] = x, (slope * (bx - x) - by) % _P
    return made


@cache
def p256() -> Group:
    """The faster one that this machine has."""
    try:
        return LibcryptoGroup()
    except CryptoError:
        return PortableGroup()
