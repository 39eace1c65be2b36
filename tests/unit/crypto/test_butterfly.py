"""Butterfly keys: every recorded value, and that the two ends meet."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from v2xpki import wire
from v2xpki.crypto import (
    Caterpillar,
    Certificate,
    Curve,
    PrivateCaterpillar,
    PublicKey,
    ccm_decrypt,
    certified_key,
    hash_octets,
    unwrap_key,
)
from v2xpki.crypto import butterfly as module
from v2xpki.crypto.butterfly import expand, expansion_blocks
from v2xpki.crypto.group import ORDER, Group, LibcryptoGroup, PortableGroup, p256
from v2xpki.errors import CryptoError, DecodeError, InvalidPoint, UnsupportedAlgorithm
from v2xpki.keystore import MemoryKey
from v2xpki.wire import dot2, scms

P256 = Curve.NIST_P256
INFINITY_SHIFT = (ORDER - 1).to_bytes(32, "big")
scalars = st.integers(1, ORDER - 1).map(lambda n: n.to_bytes(32, "big"))


@pytest.fixture(params=[LibcryptoGroup, PortableGroup], ids=["libcrypto", "portable"])
def group(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Group:
    made = request.param()
    monkeypatch.setattr(module, "p256", lambda: made)
    return made


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def load(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / f"{name}.json").read_text())


def compressed(x: str, y: str) -> bytes:
    return bytes((2 | octets(y)[-1] & 1,)) + octets(x)


def test_the_recorded_expansions_come_out(shared_vectors: Path, group: Group) -> None:
    for vector in load(shared_vectors, "butterfly_expansion")["vectors"]:
        use = "encryption" if vector["kind"] == "encryption" else "signing"
        i, j, key = vector["i"], vector["j"], octets(vector["expansion_key"])
        assert expansion_blocks(key, use, i, [j]) == [octets(vector["f_int"])]
        (f,) = expand(key, use, i, [j])
        assert f == octets(vector["f"])
        seed = compressed(vector["seed_public_x"], vector["seed_public_y"])
        assert group.multiples_of_base([octets(vector["seed_private"])]) == [seed]
        assert group.shifted(seed, [f]) == [
            compressed(vector["expanded_public_x"], vector["expanded_public_y"])
        ]
        assert group.scalar_sums(octets(vector["seed_private"]), [f]) == [octets(vector["expanded_private"])]


def test_the_cocoons_of_another_implementation_come_out(shared_vectors: Path, group: Group) -> None:
    for vector in load(shared_vectors, "butterfly_expansion")["openscms_vectors"]:
        (f,) = expand(octets(vector["expansion_key"]), vector["kind"], vector["i"], [vector["j"]])
        assert group.multiples_of_base([f]) == [octets(vector["f_times_G_compressed"])]
        point = PublicKey.from_sec1(P256, octets(vector["caterpillar_uncompressed"])).point
        assert group.shifted(point, [f]) == [octets(vector["cocoon_compressed"])]


def test_the_expansions_printed_little_endian_come_out(shared_vectors: Path, group: Group) -> None:
    for vector in load(shared_vectors, "kisa_butterfly")["vectors"]:
        use = "signing" if vector["type"] == "sign" else "encryption"
        i, j, key = vector["i"], vector["j"], octets(vector["key"])
        assert expansion_blocks(key, use, i, [j]) == [octets(vector["f_int"])]
        (f,) = expand(key, use, i, [j])
        assert f == octets(vector["f_big_endian"]) == octets(vector["printed_f_little_endian"])[::-1]
        private = octets(vector["caterpillar_private_as_printed"])[::-1]
        assert group.scalar_sums(private, [f]) == [octets(vector["expanded_as_printed"])[::-1]]


def test_a_recorded_week_of_pseudonyms_is_reconstructed(shared_vectors: Path, group: Group) -> None:
    week = load(shared_vectors, "scms_butterfly_end_to_end")
    station = PrivateCaterpillar(
        "original",
        octets(week["caterpillar_private"]),
        octets(week["signing_expansion_key"]),
        octets(week["enc_caterpillar_private"]),
        octets(week["enc_expansion_key"]),
    )
    issuer = Certificate.parse(octets(week["pca_certificate"]))
    assert len(week["vectors"]) == 20
    for vector in week["vectors"]:
        i, js = vector["i"], [vector["j"]]
        (key,), (cocoon,) = station.keys(i, js), station.public().cocoons(i, js)
        (f_sign,) = expand(station.signing_expansion, "signing", i, js)
        (f_enc,) = expand(octets(week["enc_expansion_key"]), "encryption", i, js)
        assert f_sign == octets(vector["f_sign"])
        assert f_enc == octets(vector["f_enc"])
        assert key.signing == octets(vector["butterfly_private"])
        assert key.encryption == octets(vector["enc_private"])
        assert group.multiples_of_base([key.signing, key.encryption]) == list(cocoon)
        # the response opens with the cocoon encryption key
        agreer = MemoryKey(P256, int.from_bytes(key.encryption, "big"))
        response = octets(vector["encrypted_response"])
        inner = response[response.index(b"\x03\x82\x01\x01\x84") :]
        recipient, aes = opened(inner, agreer)
        assert vector["recipient"] == ["rekRecipInfo", recipient.hex()]
        # (which names the recipient by something of its own, the same for all)
        assert aes == octets(vector["aes_key"])
        # implicit: d = e*b + s, and the certificate's point gives its public key
        certificate = Certificate.parse(octets(vector["certificate"]))
        e = hash_octets("sha256", hash_octets("sha256", certificate.tbs_octets) + issuer.digest)
        assert e == octets(vector["e"])
        final = certified_key(key.signing, octets(vector["reconstruction_private"]), e)
        assert final == octets(vector["final_private_key"])
        (public,) = group.multiples_of_base([final])
        assert PublicKey.from_sec1(P256, public).uncompressed[1:] == octets(vector["public_key"])
        indicator = certificate.record.to_be_signed.verify_key_indicator.value
        point = bytes((2 + int(indicator.kind[-1]),)) + indicator.value
        e_mod = (int.from_bytes(e, "big") % ORDER).to_bytes(32, "big")
        assert group.sum(group.multiple(point, e_mod), issuer.verification_key.point) == public


def opened(inner: bytes, agreer: MemoryKey) -> tuple[bytes, bytes]:
    """Who the encrypted data is for, and its AES key; what follows the encrypted data is not looked at."""
    for end in range(len(inner), 0, -1):
        try:
            record = wire.decode(dot2.Ieee1609Dot2Data, inner[:end])
        except DecodeError:
            continue
        content = record.content.value
        value = content.recipients[0].value
        aes = unwrap_key(agreer, value.enc_key, sha256(b"").digest())
        text = content.ciphertext.value
        ccm_decrypt(aes, text.nonce, text.ccm_ciphertext)
        return value.recipient_id, aes
    raise AssertionError("no encrypted data")


@given(st.sampled_from(["original", "unified", "compactUnified"]), st.integers(0, 65535), st.data())
@settings(max_examples=25, deadline=None)
def test_what_the_ra_expands_is_what_the_station_expands(variant: Any, i: int, data: Any) -> None:
    js = data.draw(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5, unique=True))
    station = PrivateCaterpillar.generate(variant)
    for key, cocoon in zip(station.keys(i, js), station.public().cocoons(i, js), strict=True):
        assert MemoryKey(P256, int.from_bytes(key.signing, "big")).public_key.point == cocoon.signing
        assert MemoryKey(P256, int.from_bytes(key.encryption, "big")).public_key.point == cocoon.encryption
        assert (cocoon.signing == cocoon.encryption) == (variant != "original")


def test_all_cocoons_of_a_station_differ() -> None:
    public = PrivateCaterpillar.generate("original").public()
    points = [point for i in range(20) for cocoon in public.cocoons(i, range(20)) for point in cocoon]
    assert len(set(points)) == 800


@given(scalars, scalars, st.lists(scalars, max_size=4))
@settings(max_examples=25, deadline=None)
def test_both_groups_give_the_same(a: bytes, k: bytes, fs: list[bytes]) -> None:
    minus_a = (ORDER - int.from_bytes(a, "big")).to_bytes(32, "big")
    assume(minus_a not in (k, *fs))  # infinity, which has a test of its own
    one, other = LibcryptoGroup(), PortableGroup()
    (point,) = one.multiples_of_base([a])
    assert other.multiples_of_base([a]) == [point]
    fs = [*fs, bytes(32), a]  # no shift; a doubling
    assert one.shifted(point, fs) == other.shifted(point, fs)
    assert one.multiple(point, k) == other.multiple(point, k)
    assert one.scalar_sums(a, fs) == other.scalar_sums(a, fs)
    assert one.sum(point, one.multiples_of_base([k])[0]) == other.sum(point, other.multiples_of_base([k])[0])


@pytest.mark.parametrize("k", [1, 2, ORDER - 1, ORDER - 2])
def test_the_outermost_multiples_come_out(group: Group, k: int) -> None:
    (point,) = group.multiples_of_base([(7).to_bytes(32, "big")])
    expected = group.multiples_of_base([(7 * k % ORDER).to_bytes(32, "big")])[0]
    assert group.multiple(point, k.to_bytes(32, "big")) == expected


def test_infinity_never_comes_out(group: Group) -> None:
    (generator,) = group.multiples_of_base([(1).to_bytes(32, "big")])
    minus = bytes((generator[0] ^ 1,)) + generator[1:]
    for infinite in (
        lambda: group.multiples_of_base([bytes(32)]),
        lambda: group.multiple(generator, bytes(32)),
        lambda: group.shifted(generator, [INFINITY_SHIFT]),
        lambda: group.sum(generator, minus),
    ):
        with pytest.raises(InvalidPoint):
            infinite()


@pytest.mark.parametrize(
    "point", [b"", b"\2" * 32, b"\4" + bytes(64), b"\0" + bytes(32), b"\2" + b"\xff" * 32]
)
def test_what_is_no_point_is_refused(group: Group, point: bytes) -> None:
    one = (1).to_bytes(32, "big")
    for use in (
        lambda: group.shifted(point, [one]),
        lambda: group.multiple(point, one),
        lambda: group.sum(point, group.multiples_of_base([one])[0]),
    ):
        with pytest.raises(InvalidPoint):
            use()


@pytest.mark.parametrize("scalar", [b"", bytes(31), bytes(33), ORDER.to_bytes(32, "big"), b"\xff" * 32])
def test_what_is_no_scalar_is_refused(group: Group, scalar: bytes) -> None:
    one = (1).to_bytes(32, "big")
    (point,) = group.multiples_of_base([one])
    for use in (
        lambda: group.multiples_of_base([scalar]),
        lambda: group.shifted(point, [scalar]),
        lambda: group.multiple(point, scalar),
        lambda: group.scalar_sums(one, [scalar]),
        lambda: group.scalar_sums(scalar, [one]),
    ):
        with pytest.raises(CryptoError):
            use()


def test_a_machine_without_libcrypto_calculates_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from v2xpki.crypto import group as room

    monkeypatch.setattr(room, "_LIBRARIES", ("libcrypto-that-is-not-there.so",))
    assert isinstance(p256.__wrapped__(), PortableGroup)


def test_threads_do_not_disturb_each_other() -> None:
    from concurrent.futures import ThreadPoolExecutor

    station = PrivateCaterpillar.generate("original")
    public = station.public()
    expected = [public.cocoons(i, range(20)) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda i: public.cocoons(i % 8, range(20)), range(64))) == expected * 8


def test_only_p256_is_expanded() -> None:
    key = MemoryKey.generate(Curve.BRAINPOOL_P256R1).public_key
    unified = scms.AdditionalParams(
        kind="unified", value=scms.ButterflyExpansion(kind="aes128", value=bytes(16))
    )
    with pytest.raises(UnsupportedAlgorithm):
        Caterpillar.of(key, unified)
    plain = scms.AdditionalParams(kind="encryptionKey", value=key.to_encryption_key())
    with pytest.raises(UnsupportedAlgorithm):
        Caterpillar.of(MemoryKey.generate(P256).public_key, plain)


def test_private_halves_are_not_printed() -> None:
    station = PrivateCaterpillar.generate("original")
    told = repr(station) + repr(station.public()) + repr(station.keys(1, [2]))
    for secret in (
        station.signing,
        station.signing_expansion,
        station.encryption,
        station.encryption_expansion,
    ):
        assert repr(secret) not in told
        assert secret.hex() not in told
    assert repr(station.keys(1, [2])[0].signing) not in told
