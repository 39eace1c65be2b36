"""Both engines say the same of points, signatures and shared secrets, and neither takes what is no point."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2xpki.crypto import Curve, PublicKey
from v2xpki.crypto.engine import Engine, LibcryptoEngine, PortableEngine, engine
from v2xpki.errors import CryptoError, InvalidPoint
from v2xpki.keystore.memory import MemoryKey

FAST = (Curve.NIST_P256, Curve.BRAINPOOL_P256R1)
ENGINES = [LibcryptoEngine(curve) for curve in FAST] + [PortableEngine(curve) for curve in Curve]
CURVES = [*FAST, *Curve]
BOTH = pytest.mark.parametrize(
    ("made", "curve"),
    [
        pytest.param(made, curve, id=f"{type(made).__name__} {curve.text}")
        for made, curve in zip(ENGINES, CURVES, strict=True)
    ],
)


@BOTH
def test_a_point_is_expanded_and_a_signature_checked(made: Engine, curve: Curve) -> None:
    key = MemoryKey.generate(curve)
    full, digest = key.public_key.uncompressed, hashlib.new(curve.hash, b"said").digest()
    assert made.expand(key.public_key.point) == made.expand(full) == full
    raw = key.sign(digest)
    assert made.verifies(full, raw, digest)
    assert not made.verifies(full, raw, hashlib.new(curve.hash, b"not said").digest())
    assert not made.verifies(MemoryKey.generate(curve).public_key.uncompressed, raw, digest)
    assert not made.verifies(full, raw[curve.size :] + raw[: curve.size], digest)
    for bad in (bytes(2 * curve.size), b"\xff" * (2 * curve.size), curve.order_octets + raw[curve.size :]):
        assert not made.verifies(full, bad, digest)
    assert made.verifies(full, raw, digest)  # what was refused leaves nothing behind


@BOTH
def test_a_fresh_key_shares_the_same_secret(made: Engine, curve: Curve) -> None:
    key = MemoryKey.generate(curve)
    shared = [made.share(key.public_key.uncompressed) for _ in range(4)]
    for point, secret in shared:
        assert key.agree(PublicKey.from_sec1(curve, point)) == secret
    assert len(set(shared)) == 4


@pytest.mark.parametrize("curve", FAST)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_octets_are_a_point_for_both_or_for_neither(curve: Curve, data: st.DataObject) -> None:
    octets = data.draw(
        st.builds(
            lambda form, rest: bytes((form,)) + rest, st.integers(0, 8), st.binary(min_size=32, max_size=32)
        )
        | st.binary(max_size=70)
    )
    found = []
    for made in (LibcryptoEngine(curve), PortableEngine(curve)):
        try:
            found.append(made.expand(octets))
        except InvalidPoint:
            found.append(b"")
    assert found[0] == found[1]


@BOTH
def test_neither_takes_infinity_or_a_point_off_the_curve(made: Engine, curve: Curve) -> None:
    full = MemoryKey.generate(curve).public_key.uncompressed
    off = full[:-1] + bytes((full[-1] ^ 1,))
    for octets in (b"", b"\0", off, full[:-1], full + b"\0", b"\x04" + b"\xff" * (2 * curve.size)):
        with pytest.raises(InvalidPoint):
            made.expand(octets)
    with pytest.raises(InvalidPoint):
        made.share(off)
    with pytest.raises(InvalidPoint):
        made.verifies(off, bytes(2 * curve.size), bytes(curve.size))


@pytest.mark.parametrize("curve", FAST)
def test_threads_do_not_get_each_others_numbers(curve: Curve) -> None:
    made = LibcryptoEngine(curve)

    def work(number: int) -> bool:
        key, digest = MemoryKey.generate(curve), hashlib.sha256(bytes((number,))).digest()
        full = made.expand(key.public_key.point)
        point, secret = made.share(full)
        return made.verifies(full, key.sign(digest), digest) and (
            key.agree(PublicKey.from_sec1(curve, point)) == secret
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))


def test_384_bits_are_the_cryptography_packages() -> None:
    for curve in (Curve.NIST_P384, Curve.BRAINPOOL_P384R1):
        with pytest.raises(CryptoError):
            LibcryptoEngine(curve)
        assert isinstance(engine(curve), PortableEngine)


def test_without_a_libcrypto_the_cryptography_package_does_it() -> None:
    script = (
        "from v2xpki.crypto import Curve, PublicKey\n"
        "import v2xpki.crypto.engine as e\n"
        "e._LIBRARIES = ('libnothing.so',)\n"
        "assert isinstance(e.engine(Curve.NIST_P256), e.PortableEngine)\n"
        "from v2xpki.keystore.memory import MemoryKey\n"
        "key = MemoryKey.generate(Curve.NIST_P256)\n"
        "public = key.public_key\n"
        "assert PublicKey.from_sec1(key.curve, public.point).uncompressed == public.uncompressed\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
