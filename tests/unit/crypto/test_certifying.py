"""What the ACA makes of cocoons: the vehicle's key fits each certificate, and opens each response alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.crypto.soft import SoftKey
from v2xpki import wire
from v2xpki.crypto import (
    NO_P1,
    Curve,
    PrivateCaterpillar,
    PublicKey,
    certified_key,
    certified_keys,
    certify_and_wrap,
    certifying,
    ecies,
    random_scalars,
    rek_ids,
    response_keys,
    unwrap_key,
    wrap_parts_each,
)
from v2xpki.crypto.group import ORDER, LibcryptoGroup, PortableGroup
from v2xpki.crypto.keys import point_of_sec1
from v2xpki.errors import CryptoError, InvalidPoint, UnwrapFailed
from v2xpki.secured.encrypted import rek_id
from v2xpki.wire import dot2

P256 = Curve.NIST_P256
scalars = st.integers(1, ORDER - 1).map(lambda n: n.to_bytes(32, "big"))
# private, shift, k; the point of infinity, which no sum may be, has a test of its own
rows_of_scalars = st.tuples(scalars, scalars, scalars).filter(
    lambda row: sum(int.from_bytes(scalar, "big") for scalar in row[:2]) != ORDER
)
AES = [bytes([n]) * 16 for n in range(20)]
OFF_CURVE = b"\x02" + b"\xff" * 32


@pytest.fixture(params=[LibcryptoGroup, PortableGroup], ids=["libcrypto", "portable"])
def group(request, monkeypatch):
    made = request.param()
    for module in (certifying, ecies):
        monkeypatch.setattr(module, "p256", lambda: made)
    return made


def soft(scalar):
    return SoftKey.of_scalar(P256, int.from_bytes(scalar, "big"))


def record(parts):
    kind, v, c, t = parts
    value = dot2.EciesP256EncryptedKey(v=point_of_sec1(v), c=c, t=t)
    return dot2.EncryptedDataEncryptionKey(kind=kind, value=value)


@pytest.mark.parametrize("variant", ["original", "unified", "compactUnified"])
def test_the_vehicle_has_the_key_of_each_certificate_and_opens_each_response(group, variant):
    station, js = PrivateCaterpillar.generate(variant), range(5)
    cocoons = station.public().cocoons(3, js)
    points = [cocoon.signing for cocoon in cocoons]
    cubk = variant == "compactUnified"
    named = [None if cubk else cocoon.encryption for cocoon in cocoons]
    recipients = response_keys(points, named, [cubk] * 5)
    made, wrapped = certify_and_wrap(points, recipients, AES[:5])
    for index, key in enumerate(station.keys(3, js)):
        c = made.private_key_infos[index]
        assert soft(certified_key(key.signing, c)).public_key.point == made.points[index]
        assert unwrap_key(soft(key.encryption), record(wrapped[index]), NO_P1) == AES[index]
        with pytest.raises(UnwrapFailed):
            unwrap_key(soft(random_scalars(1)[0]), record(wrapped[index]), NO_P1)
    # without c nobody links cocoon and certificate; each has one of its own
    assert len(set(made.private_key_infos)) == len(set(made.points) - set(points)) == 5
    assert len({v for _, v, _, _ in wrapped}) == 5


def test_a_recorded_c_gives_the_same_certificate_once_more(group):
    cocoons = group.multiples_of_base(random_scalars(3))
    made = certified_keys(cocoons)
    assert certified_keys(cocoons, made.private_key_infos) == made
    again, _ = certify_and_wrap(cocoons, cocoons, AES[:3], made.private_key_infos)
    assert again == made


def test_a_response_without_a_key_is_plain_and_one_with_both_is_refused():
    cocoon, key = LibcryptoGroup().multiples_of_base(random_scalars(2))
    assert response_keys([cocoon] * 3, [None, key, None], [False, False, True]) == [None, key, cocoon]
    with pytest.raises(CryptoError, match="certEncKey"):
        response_keys([cocoon], [key], [True])
    for keys, flags in (([], [True]), ([None], [])):
        with pytest.raises(CryptoError):
            response_keys([cocoon], keys, flags)


def test_keys_wrapped_in_a_batch_open_one_by_one(group):
    own = [SoftKey(P256) for _ in range(4)]
    wrapped = wrap_parts_each([key.public_key.point for key in own], AES[:4], b"some p1")
    for key, parts, aes in zip(own, wrapped, AES, strict=False):
        assert unwrap_key(key, record(parts), b"some p1") == aes
        with pytest.raises(UnwrapFailed):
            unwrap_key(key, record(parts), NO_P1)


def test_a_bare_key_is_named_by_the_hash_of_its_encoding():
    keys = [SoftKey(P256).public_key for _ in range(8)]
    assert rek_ids([key.point for key in keys]) == [rek_id(key) for key in keys]
    (key,) = {wire.encode(keys[0].to_encryption_key())[:2]}
    assert key == b"\0\x80"


@given(st.lists(rows_of_scalars, max_size=5))
@settings(max_examples=25, deadline=None)
def test_both_groups_certify_and_agree_alike(rows):
    one, other = LibcryptoGroup(), PortableGroup()
    # a shift by nothing, and a doubling
    two, three = (n.to_bytes(32, "big") for n in (2, 3))
    rows = [*rows, (two, bytes(32), three), (two, two, two)]
    privates, shifts, ks = (list(column) for column in zip(*rows, strict=True))
    points = one.multiples_of_base(privates)
    sums, shared = one.shifted_agreements(points, shifts, ks)
    assert (sums, shared) == other.shifted_agreements(points, shifts, ks)
    assert sums == one.shifted_each(points, shifts) == other.shifted_each(points, shifts)
    assert shared == one.agreements(points, ks) == other.agreements(points, ks)
    assert sums == [one.shifted(point, [f])[0] for point, f in zip(points, shifts, strict=True)]
    for private, point, k, agreed in zip(privates, points, ks, shared, strict=True):
        assert agreed.point == soft(k).public_key.point
        assert agreed.x == soft(private).agree(PublicKey.from_sec1(P256, agreed.point))
        assert agreed.x == one.multiple(point, k)[1:]


def test_what_no_certificate_may_be_made_of_is_refused(group):
    (point,), (k,) = group.multiples_of_base(random_scalars(1)), random_scalars(1)
    one = (1).to_bytes(32, "big")
    (generator,) = group.multiples_of_base([one])
    for refused in (
        lambda: certified_keys([point, OFF_CURVE]),
        lambda: certified_keys([generator], [(ORDER - 1).to_bytes(32, "big")]),  # infinity
        lambda: certify_and_wrap([point], [OFF_CURVE], AES[:1]),
        lambda: certify_and_wrap([OFF_CURVE], [OFF_CURVE], AES[:1]),
        lambda: wrap_parts_each([b"\x04" + bytes(64)], AES[:1]),
        lambda: group.agreements([point], [bytes(32)]),
        lambda: group.shifted_agreements([point], [k], [bytes(32)]),
        lambda: rek_ids([b"\x04" + bytes(64)]),
    ):
        with pytest.raises(InvalidPoint):
            refused()
    for refused in (
        lambda: certified_keys([point], []),
        lambda: certified_keys([point], [ORDER.to_bytes(32, "big")]),
        lambda: certify_and_wrap([point], [point], []),
        lambda: certify_and_wrap([point], [point], [bytes(15)]),
        lambda: certify_and_wrap([point], [], []) and certify_and_wrap([point], [point, point], AES[:1]),
        lambda: wrap_parts_each([point], AES[:2]),
        lambda: group.shifted_each([point], [k, k]),
        lambda: group.agreements([point], []),
        lambda: group.shifted_agreements([point], [k], []),
    ):
        with pytest.raises(CryptoError):
            refused()


def test_nothing_secret_is_printed(group):
    points = group.multiples_of_base(random_scalars(2))
    made = certified_keys(points)
    (shared,) = group.agreements(points[:1], random_scalars(1))
    told = repr(made) + repr(shared)
    for secret in (*made.private_key_infos, shared.x):
        assert secret.hex() not in told
        assert repr(secret) not in told


def test_no_scalar_and_no_shared_secret_stays_in_the_room():
    group = LibcryptoGroup()
    (point,), (k,) = group.multiples_of_base(random_scalars(1)), random_scalars(1)
    group.agreements([point], [k])
    room = group._room()
    assert bytes(group._ffi.buffer(room.buffer)) == bytes(65)
    assert room.octets(room.made) == point  # the public one
