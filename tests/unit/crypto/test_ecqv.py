"""Implicit certificates: issuer and subject meet, and what an issuer did not make gives another key."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.crypto.soft import SoftKey, issue, tbs_certificate
from v2xpki.crypto import (
    Certificate,
    Curve,
    PrivateCaterpillar,
    PublicKey,
    certified_key,
    ecqv,
    implicit_certificate_key,
    implicit_contribution,
    implicit_hash,
    implicit_private_key,
    implicit_public_key,
    random_scalars,
    reconstruction_points,
)
from v2xpki.crypto.group import ORDER, LibcryptoGroup, PortableGroup
from v2xpki.crypto.keys import point_of_sec1
from v2xpki.errors import CryptoError, ImplicitKey, InvalidPoint, InvalidSignature, UnsupportedAlgorithm
from v2xpki.wire import dot2

P256 = Curve.NIST_P256
scalars = st.integers(1, ORDER - 1).map(lambda n: n.to_bytes(32, "big"))


@pytest.fixture(params=[LibcryptoGroup, PortableGroup], ids=["libcrypto", "portable"])
def group(request, monkeypatch):
    made = request.param()
    monkeypatch.setattr(ecqv, "p256", lambda: made)
    return made


class Issuer:
    def __init__(self, curve=P256):
        (self.scalar,) = random_scalars(1)
        self.key = SoftKey.of_scalar(curve, int.from_bytes(self.scalar, "big"))
        self.certificate = issue(tbs_certificate(self.key.public_key), self.key)

    def implicit(self, point, kind="sha256AndDigest"):
        indicator = dot2.VerificationKeyIndicator(kind="reconstructionValue", value=point_of_sec1(point))
        tbs = tbs_certificate(self.key.public_key, name=None)._replace(verify_key_indicator=indicator)
        name = dot2.IssuerIdentifier(kind=kind, value=self.certificate.hashed_id8)
        return Certificate.of(
            dot2.CertificateBase(version=3, type="implicit", issuer=name, to_be_signed=tbs, signature=None)
        )

    def answer(self, requested):
        """The certificate and s."""
        (k,) = random_scalars(1)
        certificate = self.implicit(reconstruction_points([requested], [k])[0])
        e = implicit_hash(certificate.tbs_octets, self.certificate.digest)
        return certificate, implicit_contribution(e, k, self.scalar)


def test_the_subject_of_an_implicit_certificate_signs_and_its_reconstructed_key_verifies(group):
    issuer, (own,) = Issuer(), random_scalars(1)
    certificate, s = issuer.answer(group.multiples_of_base([own])[0])
    e = implicit_hash(certificate.tbs_octets, issuer.certificate.digest)
    private = implicit_private_key(e, own, s)
    public = implicit_certificate_key(certificate, issuer.certificate)
    assert SoftKey.of_scalar(P256, int.from_bytes(private, "big")).public_key == public


def test_a_vehicle_reconstructs_its_implicit_pseudonyms_of_cocoons(group):
    issuer, station = Issuer(), PrivateCaterpillar.generate("unified")
    cocoons = station.public().cocoons(5, range(3))
    for key, cocoon in zip(station.keys(5, range(3)), cocoons, strict=True):
        certificate, s = issuer.answer(cocoon.signing)
        e = implicit_hash(certificate.tbs_octets, issuer.certificate.digest)
        private = certified_key(key.signing, s, e)
        assert private == implicit_private_key(e, key.signing, s)
        expected = implicit_certificate_key(certificate, issuer.certificate).point
        assert group.multiples_of_base([private]) == [expected]


@given(scalars, scalars, scalars, st.binary(min_size=32, max_size=32))
@settings(max_examples=25, deadline=None)
def test_private_and_public_reconstruction_meet_for_all_scalars(own, k, issuer, e):
    one, other = LibcryptoGroup(), PortableGroup()
    numbers = [int.from_bytes(octets, "big") for octets in (e, k, issuer, own)]
    assume(numbers[0] % ORDER)
    assume((numbers[1] + numbers[3]) % ORDER)
    assume((numbers[0] * (numbers[1] + numbers[3]) + numbers[2]) % ORDER)
    requested, issuer_point = one.multiples_of_base([own, issuer])
    (point,) = reconstruction_points([requested], [k])
    private = implicit_private_key(e, own, implicit_contribution(e, k, issuer))
    assert one.multiples_of_base([private]) == [implicit_public_key(e, point, issuer_point)]
    factor = (int.from_bytes(e, "big") % ORDER).to_bytes(32, "big")
    assert one.scalar_product(factor, k, issuer) == other.scalar_product(factor, k, issuer)
    assert (
        int.from_bytes(implicit_contribution(e, k, issuer), "big")
        == (numbers[0] * numbers[1] + numbers[2]) % ORDER
    )


def test_the_hash_is_not_shifted_and_may_exceed_the_order(group):
    e, (k, d) = b"\xff" * 32, random_scalars(2)
    expected = ((2**256 - 1) * int.from_bytes(k, "big") + int.from_bytes(d, "big")) % ORDER
    assert implicit_contribution(e, k, d) == expected.to_bytes(32, "big")


def test_a_changed_certificate_gives_another_key():
    issuer, (own,) = Issuer(), random_scalars(1)
    certificate, s = issuer.answer(LibcryptoGroup().multiples_of_base([own])[0])
    true = implicit_certificate_key(certificate, issuer.certificate)
    tbs = certificate.record.to_be_signed
    forged = Certificate.of(certificate.record._replace(to_be_signed=tbs._replace(crl_series=1)))
    assert implicit_certificate_key(forged, issuer.certificate) != true
    e = implicit_hash(forged.tbs_octets, issuer.certificate.digest)
    private = implicit_private_key(e, own, s)
    public = SoftKey.of_scalar(P256, int.from_bytes(private, "big")).public_key
    assert public != implicit_certificate_key(forged, issuer.certificate)


def test_another_issuer_than_the_named_is_refused():
    certificate, _ = Issuer().answer(LibcryptoGroup().multiples_of_base(random_scalars(1))[0])
    with pytest.raises(InvalidSignature):
        implicit_certificate_key(certificate, Issuer().certificate)


def test_an_explicit_certificate_is_not_reconstructed():
    issuer = Issuer()
    with pytest.raises(ImplicitKey):
        implicit_certificate_key(issuer.certificate, issuer.certificate)


def test_an_implicit_certificate_is_no_issuer():
    issuer = Issuer()
    (point,) = LibcryptoGroup().multiples_of_base(random_scalars(1))
    middle, _ = issuer.answer(point)
    name = dot2.IssuerIdentifier(kind="sha256AndDigest", value=middle.hashed_id8)
    below = Certificate.of(issuer.implicit(point).record._replace(issuer=name))
    with pytest.raises(ImplicitKey):
        implicit_certificate_key(below, middle)


def test_an_issuer_on_another_curve_is_not_supported():
    key = SoftKey(Curve.BRAINPOOL_P256R1)
    issuer = Issuer()
    issuer.certificate = issue(tbs_certificate(key.public_key), key)
    (point,) = LibcryptoGroup().multiples_of_base(random_scalars(1))
    with pytest.raises(UnsupportedAlgorithm):
        implicit_certificate_key(issuer.implicit(point), issuer.certificate)


def test_a_reconstruction_value_off_the_curve_is_refused():
    issuer = Issuer()
    off = b"\x02" + b"\xff" * 32
    with pytest.raises(InvalidPoint):
        PublicKey.from_sec1(P256, off)
    with pytest.raises(InvalidPoint):
        implicit_certificate_key(issuer.implicit(off), issuer.certificate)


def test_a_hash_of_zero_or_of_another_length_is_refused(group):
    one, two = group.multiples_of_base(random_scalars(2))
    (k,) = random_scalars(1)
    with pytest.raises(InvalidPoint):
        implicit_public_key(ORDER.to_bytes(32, "big"), one, two)
    for refused in (
        lambda: implicit_public_key(bytes(31), one, two),
        lambda: implicit_contribution(b"", k, k),
        lambda: implicit_private_key(bytes(33), k, k),
        lambda: implicit_hash(b"tbs", bytes(48)),
        lambda: implicit_contribution(bytes(32), b"\xff" * 32, k),
    ):
        with pytest.raises(CryptoError):
            refused()
