"""Raw arithmetic on P-256, which no public call of the cryptography package gives: f*G, A + f*G, k*A.

    p256().shifted(point, scalars)          A + f*G for each f: what a butterfly expansion is made of
    p256().shifted_each(points, scalars)    A + f*G for each pair: what certifying cocoons is made of

Points are SEC1 compressed (33 octets), scalars 32 octets, big endian, below the order. Two implementations
give the same octets: the system's libcrypto through cffi's ABI mode (no compiler), and one on the
cryptography package alone where there is no libcrypto. us an operation, best of 30 batches of 20, OpenSSL 3,
a busy machine:

                         libcrypto   portable
    f*G                       13          30
    A + f*G, compressed       15          34
    the same, A of its own    37          73
    k*G and x(k*A)            96         152
    both of one A            110         195
    k*A                       64         413
    a + f mod n              2.0         0.3
    e*k + a mod n            7.8         1.7

19 us of what takes an A of its own are the square root by which a compressed point is read; what does both
of one A reads it once.

Bringing a whole batch to affine form at once (EC_POINTs_make_affine) gains nothing: 13.8 us against 13.4 for
one at a time, bare. Where a scalar is private, libcrypto multiplies and adds in constant time, and so do the
portable k*G and k*A; the portable a + f is Python's, which is not: a station that fears its neighbours on the
same core wants libcrypto.
"""

import secrets
import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

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
void* BN_MONT_CTX_new(void);
void BN_MONT_CTX_free(void*);
int BN_MONT_CTX_set(void*, void*, void*);
int BN_to_montgomery(void*, void*, void*, void*);
int BN_mod_mul_montgomery(void*, void*, void*, void*, void*);
int EC_POINT_mul(void*, void*, void*, void*, void*, void*);
int EC_POINT_copy(void*, void*);
int EC_POINT_add(void*, void*, void*, void*, void*);
size_t EC_POINT_point2oct(void*, void*, int, unsigned char*, size_t, void*);
int EC_POINT_oct2point(void*, void*, const unsigned char*, size_t, void*);
"""


class Shared(NamedTuple):
    """One side of an ECDH: the ephemeral point k*G (SEC1 compressed) and the x of k*A (32 octets)."""

    point: bytes
    x: bytes

    def __repr__(self) -> str:
        return f"<Shared {self.point.hex()}>"


def random_scalars(count: int) -> list[bytes]:
    """Private scalars from 1 to n-1, 32 octets each, evenly distributed."""
    return [(1 + secrets.randbelow(ORDER - 1)).to_bytes(SCALAR_OCTETS, "big") for _ in range(count)]


def reduced(octets: bytes) -> bytes:
    """The number that the octets are, of any length, mod n: 32 octets."""
    return (int.from_bytes(octets, "big") % ORDER).to_bytes(SCALAR_OCTETS, "big")


class Group(Protocol):
    """P-256. Raises InvalidPoint for what is no point or where infinity comes out, CryptoError for a scalar
    that is not below the order."""

    def multiples_of_base(self, scalars: Sequence[bytes]) -> list[bytes]:
        """f*G for each f; constant time in f."""
        ...

    def shifted(self, point: bytes, scalars: Sequence[bytes]) -> list[bytes]:
        """A + f*G for each f."""
        ...

    def shifted_each(self, points: Sequence[bytes], scalars: Sequence[bytes]) -> list[bytes]:
        """A + f*G for each pair of A and f; constant time in f. CryptoError for columns of other lengths."""
        ...

    def agreements(self, points: Sequence[bytes], scalars: Sequence[bytes]) -> list[Shared]:
        """k*G and x(k*A) for each pair of A and k; constant time in k. As shifted_each."""
        ...

    def shifted_agreements(
        self, points: Sequence[bytes], shifts: Sequence[bytes], scalars: Sequence[bytes]
    ) -> tuple[list[bytes], list[Shared]]:
        """shifted_each with the shifts, agreements with the scalars, reading each A once."""
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

    def scalar_product(self, factor: bytes, scalar: bytes, addend: bytes) -> bytes:
        """e*k + a mod n. The factor e is public, the others may be private."""
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
        room = self._room()
        base = room.point(point, room.given)
        try:
            return [room.shifted(base, scalar) for scalar in scalars]
        finally:
            room.forget()

    def shifted_each(self, points: Sequence[bytes], scalars: Sequence[bytes]) -> list[bytes]:
        check_columns(points, scalars)
        room = self._room()
        try:
            return [
                room.shifted(room.point(point, room.given), scalar)
                for point, scalar in zip(points, scalars, strict=True)
            ]
        finally:
            room.forget()

    def agreements(self, points: Sequence[bytes], scalars: Sequence[bytes]) -> list[Shared]:
        check_columns(points, scalars)
        room = self._room()
        try:
            return [
                room.shared(room.point(point, room.given), scalar)
                for point, scalar in zip(points, scalars, strict=True)
            ]
        finally:
            room.forget()

    def shifted_agreements(
        self, points: Sequence[bytes], shifts: Sequence[bytes], scalars: Sequence[bytes]
    ) -> tuple[list[bytes], list[Shared]]:
        check_columns(points, shifts, scalars)
        room = self._room()
        sums, shared = [], []
        try:
            for point, shift, scalar in zip(points, shifts, scalars, strict=True):
                base = room.point(point, room.given)
                sums.append(room.shifted(base, shift))
                shared.append(room.shared(base, scalar))
        finally:
            room.forget()
        return sums, shared

    def multiple(self, point: bytes, scalar: bytes) -> bytes:
        room = self._room()
        base = room.point(point, room.given)
        try:
            return room.octets(room.multiple(base, room.number(scalar, room.one)))
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

    def scalar_product(self, factor: bytes, scalar: bytes, addend: bytes) -> bytes:
        room, calls = self._room(), self._calls
        try:
            # (e R) * k / R: Montgomery's product of a factor in his form and a plain one is plain
            public = room.number(factor, room.two)
            room.check(calls.BN_to_montgomery(public, public, room.montgomery, room.context))
            product = room.number(scalar, room.one)
            done = calls.BN_mod_mul_montgomery(product, product, public, room.montgomery, room.context)
            room.check(done)
            added = room.number(addend, room.two)
            room.check(calls.BN_mod_add_quick(product, product, added, room.order))
            room.check(calls.BN_bn2binpad(product, room.buffer, SCALAR_OCTETS))
            made: bytes = self._ffi.buffer(room.buffer, SCALAR_OCTETS)[:]
            return made
        finally:
            room.forget()


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
        self.montgomery = ffi.gc(calls.BN_MONT_CTX_new(), calls.BN_MONT_CTX_free)
        self.check(calls.BN_MONT_CTX_set(self.montgomery, self.order, self.context))

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

    def multiple(self, base: Any, number: Any) -> Any:
        # one point, no generator: the branch of libcrypto that takes the same time for every scalar
        null = self._ffi.NULL
        self.check(self._calls.EC_POINT_mul(self._group, self.made, null, base, number, self.context))
        return self.made

    def shifted(self, base: Any, scalar: bytes) -> bytes:
        """base + f*G, compressed."""
        shift = self.base_multiple(scalar)
        self.check(self._calls.EC_POINT_add(self._group, shift, shift, base, self.context))
        return self.octets(shift)

    def shared(self, base: Any, scalar: bytes) -> Shared:
        point = self.octets(self.base_multiple(scalar))
        # the scalar stays in self.one
        return Shared(point, self.octets(self.multiple(base, self.one))[1:])

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
        """No private scalar stays behind, and no shared point."""
        self._calls.BN_clear(self.one)
        self._calls.BN_clear(self.two)
        self._calls.EC_POINT_copy(self.made, self.given)
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
        return [_compressed(*made) for made in _sums([base] * len(shifts), shifts)]

    def shifted_each(self, points: Sequence[bytes], scalars: Sequence[bytes]) -> list[bytes]:
        check_columns(points, scalars)
        return self._shifted_each([_affine_of_octets(point) for point in points], scalars)

    def agreements(self, points: Sequence[bytes], scalars: Sequence[bytes]) -> list[Shared]:
        check_columns(points, scalars)
        return self._agreements([_affine_of_octets(point) for point in points], scalars)

    def shifted_agreements(
        self, points: Sequence[bytes], shifts: Sequence[bytes], scalars: Sequence[bytes]
    ) -> tuple[list[bytes], list[Shared]]:
        check_columns(points, shifts, scalars)
        bases = [_affine_of_octets(point) for point in points]
        return self._shifted_each(bases, shifts), self._agreements(bases, scalars)

    @staticmethod
    def _shifted_each(bases: "Sequence[_Affine]", scalars: Sequence[bytes]) -> list[bytes]:
        numbers = map(check_scalar, scalars)
        shifts = [_affine(_base_multiple(number)) if number else None for number in numbers]
        return [_compressed(*made) for made in _sums(bases, shifts)]

    @staticmethod
    def _agreements(bases: "Sequence[_Affine]", scalars: Sequence[bytes]) -> list[Shared]:
        made = []
        for base, scalar in zip(bases, scalars, strict=True):
            own = ec.derive_private_key(_positive(scalar), _SECP256R1)
            made.append(Shared(_compressed(*_affine(own.public_key())), _exchange(own, base)))
        return made

    def multiple(self, point: bytes, scalar: bytes) -> bytes:
        number = _positive(scalar)
        base = _affine_of_octets(point)
        x = _ecdh(number, base)
        if number in (1, ORDER - 1):
            return _compressed(x, base[1] if number == 1 else _P - base[1])
        # ECDH gives x alone. Which of the two y it is: kA + A has the x of (k+1)A.
        beyond = _ecdh(number + 1, base) if number + 1 < ORDER else None
        y = _affine_of_octets(b"\x02" + x.to_bytes(32, "big"))[1]
        (tried,) = _sums([base], [(x, y)])
        return _compressed(x, y if tried[0] == beyond else _P - y)

    def sum(self, one: bytes, other: bytes) -> bytes:
        return _compressed(*_sums([_affine_of_octets(one)], [_affine_of_octets(other)])[0])

    def scalar_sums(self, scalar: bytes, scalars: Sequence[bytes]) -> list[bytes]:
        given = check_scalar(scalar)
        return [((given + check_scalar(f)) % ORDER).to_bytes(SCALAR_OCTETS, "big") for f in scalars]

    def scalar_product(self, factor: bytes, scalar: bytes, addend: bytes) -> bytes:
        e, k, a = map(check_scalar, (factor, scalar, addend))
        return ((e * k + a) % ORDER).to_bytes(SCALAR_OCTETS, "big")


_Affine = tuple[int, int]
_SECP256R1, _ECDH = ec.SECP256R1(), ec.ECDH()


def check_scalar(scalar: bytes) -> int:
    """The number. Raises CryptoError for one that is not 32 octets or not below the order."""
    number = int.from_bytes(scalar, "big")
    if len(scalar) != SCALAR_OCTETS or number >= ORDER:
        raise CryptoError("not a scalar of nistP256: 32 octets, below the order")
    return number


def check_columns(points: Sequence[bytes], *columns: Sequence[bytes]) -> None:
    """Raises CryptoError unless each column has as many entries as there are points."""
    for column in columns:
        if len(column) != len(points):
            raise CryptoError(f"{len(points)} points, but {len(column)} scalars")


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
    return int.from_bytes(_exchange(ec.derive_private_key(number, _SECP256R1), base), "big")


def _exchange(own: ec.EllipticCurvePrivateKey, base: _Affine) -> bytes:
    return own.exchange(_ECDH, ec.EllipticCurvePublicNumbers(*base, _SECP256R1).public_key())


def _sums(bases: Sequence[_Affine], others: Sequence[_Affine | None]) -> list[_Affine]:
    """base + other for each (None: infinity), with one inversion for all of them (Montgomery's trick)."""
    pairs: list[tuple[int, int, _Affine] | None] = []  # numerator, denominator, other
    for (bx, by), other in zip(bases, others, strict=True):
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
    made = list(bases)
    for index in range(len(pairs) - 1, -1, -1):
        found = pairs[index]
        if found is None:
            continue
        numerator, denominator, other = found
        bx, by = bases[index]
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
