"""What every request asks of a curve: a point proven and written in full, a signature checked, a secret
shared with a fresh key.

    engine(curve).expand(point)             65 or 97 octets, or InvalidPoint

Points are SEC1 octets; nothing of a call is kept. Two implementations give the same: the system's libcrypto
through cffi's ABI mode (the library that hashlib and SoftHSM use anyway), and the cryptography package where
there is none, or one without these calls. The latter makes an object of a key for each of its uses, by way
of its providers. us of CPU on P-256, best of 20 batches of 30, on a busy machine:

                                    libcrypto   cryptography
    a compressed point, expanded        25           31
    a signature checked                 72           94
    a fresh key and a shared secret     75          103
"""

import threading
from functools import cache
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from v2xpki.crypto.curves import Curve
from v2xpki.errors import CryptoError, InvalidPoint

_LIBRARIES = ("libcrypto.so.3", "libcrypto.so.1.1")
# The curves of stations, EAs and AAs. On the others, which roots may have, the cryptography package's newer
# OpenSSL is the faster one (P-384 check: 640 us, 780 by libcrypto 3.0).
_NIDS = {Curve.NIST_P256.text: 415, Curve.BRAINPOOL_P256R1.text: 927}
_COMPRESSED, _UNCOMPRESSED, _CONSTANT_TIME = 2, 4, 0x04
_DECLARATIONS = """
void* EC_GROUP_new_by_curve_name(int);
void* EC_KEY_new(void);
void EC_KEY_free(void*);
int EC_KEY_set_group(void*, void*);
int EC_KEY_set_public_key(void*, void*);
void* EC_POINT_new(void*);
void EC_POINT_clear_free(void*);
int EC_POINT_mul(void*, void*, void*, void*, void*, void*);
size_t EC_POINT_point2oct(void*, void*, int, unsigned char*, size_t, void*);
int EC_POINT_oct2point(void*, void*, const unsigned char*, size_t, void*);
void* ECDSA_SIG_new(void);
void ECDSA_SIG_free(void*);
int ECDSA_SIG_set0(void*, void*, void*);
int ECDSA_do_verify(const unsigned char*, int, void*, void*);
void* BN_new(void);
void* BN_bin2bn(const unsigned char*, int, void*);
void BN_clear(void*);
void BN_clear_free(void*);
void BN_set_flags(void*, int);
int BN_priv_rand_range(void*, void*);
void* BN_CTX_secure_new(void);
void BN_CTX_free(void*);
void ERR_clear_error(void);
"""


class Engine(Protocol):
    """One curve. Octets of a point are proven to be one at each call; InvalidPoint says that they are not."""

    def expand(self, octets: bytes) -> bytes:
        """The uncompressed form of a compressed or uncompressed point."""
        ...

    def verifies(self, point: bytes, raw: bytes, digest: bytes) -> bool:
        """Whether r || s is a signature over the digest under an uncompressed point."""
        ...

    def share(self, point: bytes) -> tuple[bytes, bytes]:
        """A fresh key's compressed point, and x of what it shares with an uncompressed one. The private
        scalar does not leave the call."""
        ...


class LibcryptoEngine:
    """By the system's libcrypto. Raises CryptoError where it is not there. For all threads."""

    def __init__(self, curve: Curve) -> None:
        self._calls, self._ffi = _library()
        self._size, self._order = curve.size, curve.order_octets
        nid = _NIDS.get(curve.text)
        self._group = self._ffi.NULL if nid is None else self._calls.EC_GROUP_new_by_curve_name(nid)
        if self._group == self._ffi.NULL:
            raise CryptoError(f"no {curve.text} by libcrypto")
        self._local = threading.local()

    def expand(self, octets: bytes) -> bytes:
        room = self._room()
        room.take(octets)
        return room.octets(room.given, _UNCOMPRESSED, 1 + 2 * self._size)

    def verifies(self, point: bytes, raw: bytes, digest: bytes) -> bool:
        room, calls, size = self._room(), self._calls, self._size
        room.take(point)
        room.check(calls.EC_KEY_set_public_key(room.key, room.given) == 1)
        calls.BN_bin2bn(raw[:size], size, room.r)
        calls.BN_bin2bn(raw[size:], size, room.s)
        if calls.ECDSA_do_verify(digest, len(digest), room.signature, room.key) == 1:
            return True
        calls.ERR_clear_error()
        return False

    def share(self, point: bytes) -> tuple[bytes, bytes]:
        room, calls, size, null = self._room(), self._calls, self._size, self._ffi.NULL
        room.take(point)
        group, made, scalar, context = self._group, room.made, room.scalar, room.context
        try:
            room.check(calls.BN_priv_rand_range(scalar, room.order) == 1)
            room.check(calls.EC_POINT_mul(group, made, scalar, null, null, context) == 1)
            fresh = room.octets(made, _COMPRESSED, 1 + size)
            # one point, no generator: the branch of libcrypto that takes the same time for every scalar
            room.check(calls.EC_POINT_mul(group, made, null, room.given, scalar, context) == 1)
            return fresh, room.octets(made, _COMPRESSED, 1 + size)[1:]
        finally:
            room.forget()

    def _room(self) -> "_Room":
        """A thread's numbers and points: they are not for sharing, and dear to make."""
        room: _Room | None = getattr(self._local, "room", None)
        if room is None:
            room = self._local.room = _Room(self._ffi, self._calls, self._group, self._order)
        return room


class _Room:
    """What one thread calculates in."""

    def __init__(self, ffi: Any, calls: Any, group: Any, order: bytes) -> None:
        self._ffi, self._calls, self._group = ffi, calls, group
        self.context = ffi.gc(calls.BN_CTX_secure_new(), calls.BN_CTX_free)
        self.scalar, self.order = (ffi.gc(calls.BN_new(), calls.BN_clear_free) for _ in "12")
        self.given, self.made = (ffi.gc(calls.EC_POINT_new(group), calls.EC_POINT_clear_free) for _ in "12")
        self.key = ffi.gc(calls.EC_KEY_new(), calls.EC_KEY_free)
        self.check(calls.EC_KEY_set_group(self.key, group) == 1)
        self.r, self.s = calls.BN_new(), calls.BN_new()  # the signature's from here on
        self.signature = ffi.gc(calls.ECDSA_SIG_new(), calls.ECDSA_SIG_free)
        self.check(calls.ECDSA_SIG_set0(self.signature, self.r, self.s) == 1)
        self.buffer = ffi.new("unsigned char[65]")
        calls.BN_set_flags(self.scalar, _CONSTANT_TIME)
        calls.BN_bin2bn(order, len(order), self.order)

    def take(self, octets: bytes) -> None:
        """Into `given`: libcrypto proves that it is on the curve."""
        if self._calls.EC_POINT_oct2point(self._group, self.given, octets, len(octets), self.context) != 1:
            # what stays in the queue would be another's error: hashlib and ssl have the same one
            self._calls.ERR_clear_error()
            raise InvalidPoint("not a point of the curve")

    def octets(self, point: Any, form: int, length: int) -> bytes:
        buffer = self.buffer
        if self._calls.EC_POINT_point2oct(self._group, point, form, buffer, 65, self.context) != length:
            self._calls.ERR_clear_error()
            raise InvalidPoint("infinity")
        made: bytes = self._ffi.buffer(buffer, length)[:]
        return made

    def check(self, done: bool) -> None:
        if not done:
            self._calls.ERR_clear_error()
            raise CryptoError("libcrypto refuses the calculation")

    def forget(self) -> None:
        """No private scalar and no shared secret stays behind."""
        self._calls.BN_clear(self.scalar)
        self._ffi.buffer(self.buffer)[:] = bytes(65)


class PortableEngine:
    """By the cryptography package."""

    def __init__(self, curve: Curve) -> None:
        self._curve, self._size = curve, curve.size

    def expand(self, octets: bytes) -> bytes:
        return _octets(self._key(octets))

    def verifies(self, point: bytes, raw: bytes, digest: bytes) -> bool:
        r, s = (int.from_bytes(part, "big") for part in (raw[: self._size], raw[self._size :]))
        try:
            self._key(point).verify(encode_dss_signature(r, s), digest, self._curve.ecdsa)
        except InvalidSignature:
            return False
        return True

    def share(self, point: bytes) -> tuple[bytes, bytes]:
        fresh = ec.generate_private_key(self._curve.group)
        made = fresh.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
        )
        return made, fresh.exchange(ec.ECDH(), self._key(point))

    def _key(self, octets: bytes) -> ec.EllipticCurvePublicKey:
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(self._curve.group, octets)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidPoint("not a point of the curve") from error


def _octets(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


@cache
def _library() -> tuple[Any, Any]:
    import cffi

    ffi: Any = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    names = [line.split("(")[0].split("* ")[-1].split()[-1] for line in _DECLARATIONS.split("\n") if line]
    for name in _LIBRARIES:
        try:
            calls: Any = ffi.dlopen(name)
            for call in names:
                getattr(calls, call)
        except (OSError, AttributeError):
            continue
        return calls, ffi
    raise CryptoError("no libcrypto to be loaded")


_engines: dict[str, Engine] = {}


def engine(curve: Curve) -> Engine:
    """The faster one that this machine has."""
    found = _engines.get(curve.text)
    if found is None:
        try:
            found = LibcryptoEngine(curve)
        except CryptoError:
            found = PortableEngine(curve)
        _engines[curve.text] = found
    return found
