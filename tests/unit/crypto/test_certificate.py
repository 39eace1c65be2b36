import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.crypto.soft import SoftKey, issue, point, self_signed, soft_key, tbs_certificate, vectors
from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import (
    DecodeError,
    ImplicitKey,
    InvalidPoint,
    InvalidSignature,
    UnsupportedAlgorithm,
    V2xPkiError,
)
from v2xpki.wire import dot2

every_curve = pytest.mark.parametrize("curve", Curve, ids=lambda c: c.text)


def uncompressed(key: PublicKey):
    size, octets = key.curve.size, key.uncompressed
    made = dot2.EccP256CurvePointUncompressedP256 if size == 32 else dot2.EccP384CurvePointUncompressedP384
    return point(key.curve, f"uncompressedP{size * 8}", made(x=octets[1 : 1 + size], y=octets[1 + size :]))


def rewritten(certificate: Certificate, *, key_form=None, encryption_form=None, r_form=None):
    """The certificate's record with points written in other forms: no new signature."""
    record = certificate.record
    tbs = record.to_be_signed
    if key_form is not None:
        indicator = tbs.verify_key_indicator
        tbs = tbs._replace(
            verify_key_indicator=indicator._replace(value=indicator.value._replace(value=key_form))
        )
    if encryption_form is not None:
        public = tbs.encryption_key
        tbs = tbs._replace(
            encryption_key=public._replace(public_key=public.public_key._replace(value=encryption_form))
        )
    signature = record.signature
    if r_form is not None:
        signature = signature._replace(value=signature.value._replace(r_sig=r_form))
    return record._replace(to_be_signed=tbs, signature=signature)


@every_curve
def test_a_certificate_and_one_below_it_verify(curve):
    root_key, root = self_signed(curve)
    root.verify_signature(None)
    for below in Curve:
        child = issue(tbs_certificate(soft_key(below).public_key, name=None), root_key, root)
        child = Certificate.parse(child.octets)
        child.verify_signature(root)
        assert child.issuer_id8 == root.hashed_id8
        assert not child.is_self_signed
        with pytest.raises(InvalidSignature):
            child.verify_signature(None)


@every_curve
def test_hash_and_ids_go_by_the_own_key(curve):
    _, certificate = self_signed(curve)
    digest = hashlib.new(curve.hash, certificate.octets).digest()
    assert certificate.hash_name == curve.hash
    assert certificate.digest == digest
    assert certificate.hashed_id8 == digest[-8:]
    assert certificate.hashed_id10 == digest[-10:]
    assert certificate.hashed_id3 == digest[-3:]
    assert certificate.hex8 == digest[-8:].hex().upper()


@every_curve
def test_the_slice_that_was_signed_is_the_encoded_tbs(curve):
    root_key, root = self_signed(curve)
    child = issue(tbs_certificate(soft_key(Curve.NIST_P256).public_key), root_key, root)
    for certificate in (root, child):
        assert certificate.tbs_octets == wire.encode(certificate.record.to_be_signed)


@every_curve
def test_one_certificate_in_all_forms_has_one_id_and_verifies_in_each(curve):
    # with nonce 1 the signature's R is the base point, so its y is known: every form of r can be written
    generator = SoftKey.of_scalar(curve, 1).public_key
    encryption = SoftKey(Curve.BRAINPOOL_P256R1).public_key
    key = SoftKey(curve)

    class NonceOne(SoftKey):
        def sign(self, digest):
            r = int.from_bytes(generator.point[1:], "big")
            d = self.private.private_numbers().private_value
            s = (int.from_bytes(digest, "big") + r * d) % curve.order
            return generator.point[1:] + s.to_bytes(curve.size, "big")

    signer = NonceOne(curve, key.private)
    canonical = issue(tbs_certificate(key.public_key, encryption=encryption), signer)
    x = generator.point[1:]
    for key_form in (None, uncompressed(key.public_key)):
        for encryption_form in (None, uncompressed(encryption)):
            for r_form in (
                None,
                point(curve, "compressed-y-0", x),
                point(curve, "compressed-y-1", x),
                uncompressed(generator),
            ):
                octets = wire.encode(
                    rewritten(canonical, key_form=key_form, encryption_form=encryption_form, r_form=r_form)
                )
                certificate = Certificate.parse(octets)
                assert certificate == canonical
                assert hash(certificate) == hash(canonical)
                assert certificate.octets == canonical.octets
                assert certificate.hashed_id8 == canonical.hashed_id8
                assert certificate.tbs_octets == canonical.tbs_octets
                certificate.verify_signature(None)


def test_a_point_off_the_curve_is_refused_when_it_would_be_rewritten():
    key, certificate = self_signed(Curve.NIST_P256)
    written = uncompressed(key.public_key)
    off = written._replace(
        value=written.value._replace(y=written.value.y[:-1] + bytes([written.value.y[-1] ^ 2]))
    )
    with pytest.raises(InvalidPoint):
        Certificate.of(rewritten(certificate, key_form=off))


def test_keys_written_x_only_are_refused():
    key, certificate = self_signed(Curve.NIST_P256)
    for written in (
        dot2.EccP256CurvePoint(kind="x-only", value=key.public_key.point[1:]),
        dot2.EccP256CurvePoint(kind="fill", value=None),
    ):
        with pytest.raises(InvalidPoint):
            Certificate.of(rewritten(certificate, key_form=written))
    with pytest.raises(InvalidSignature):
        Certificate.of(rewritten(certificate, r_form=dot2.EccP256CurvePoint(kind="fill", value=None)))


def test_an_explicit_certificate_without_signature_is_none():
    _, certificate = self_signed(Curve.NIST_P256)
    with pytest.raises(DecodeError):
        Certificate.of(certificate.record._replace(signature=None))
    with pytest.raises(DecodeError):
        Certificate.of(certificate.record._replace(type="implicit"))


def test_an_implicit_certificate_is_read_though_its_key_is_not_known_yet():
    key, issuer = self_signed(Curve.NIST_P256)
    tbs = tbs_certificate(key.public_key)
    for value in (key.public_key.to_point(), uncompressed(key.public_key)):
        indicator = dot2.VerificationKeyIndicator(kind="reconstructionValue", value=value)
        record = dot2.CertificateBase(
            version=3,
            type="implicit",
            issuer=dot2.IssuerIdentifier(kind="sha256AndDigest", value=issuer.hashed_id8),
            to_be_signed=tbs._replace(verify_key_indicator=indicator),
        )
        certificate = Certificate.parse(wire.encode(record))
        assert certificate.is_implicit
        assert certificate.digest == hashlib.sha256(certificate.octets).digest()
        assert certificate.record.to_be_signed.verify_key_indicator.value == key.public_key.to_point()
        assert certificate.tbs_octets == wire.encode(certificate.record.to_be_signed)
        for use in (
            lambda c=certificate: c.verification_key,
            lambda c=certificate: c.curve,
            lambda c=certificate: c.verify_signature(issuer),
        ):
            with pytest.raises(ImplicitKey):
                use()
    x_only = dot2.EccP256CurvePoint(kind="x-only", value=bytes(32))
    indicator = dot2.VerificationKeyIndicator(kind="reconstructionValue", value=x_only)
    with pytest.raises(InvalidPoint):
        Certificate.of(record._replace(to_be_signed=tbs._replace(verify_key_indicator=indicator)))


def test_facts_are_read_off_the_record():
    encryption = soft_key(Curve.NIST_P256).public_key
    key, certificate = self_signed(Curve.BRAINPOOL_P256R1, name="EA one", encryption=encryption)
    assert certificate.name == "EA one"
    assert certificate.curve is Curve.BRAINPOOL_P256R1
    assert certificate.verification_key == key.public_key
    assert certificate.verification_key is certificate.verification_key
    assert certificate.encryption_key == encryption
    assert certificate.issuer_id8 is None
    assert certificate.is_self_signed
    assert (certificate.start, certificate.end) == (700000000, 700000000 + 24 * 3600)
    assert list(certificate.app_permissions) == [37, 36] or list(certificate.app_permissions) == [36, 37]
    assert certificate.app_permissions[37] is None
    assert certificate.app_permissions[36].value == b"\x01\0\0"
    assert certificate.hex8 in repr(certificate)
    _, nameless = self_signed(Curve.NIST_P384, name=None)
    assert (nameless.name, nameless.encryption_key) == (None, None)
    assert nameless != certificate
    assert nameless != "a certificate"


@pytest.mark.parametrize(
    ("unit", "value", "seconds"),
    [
        ("microseconds", 65535, 0),
        ("milliseconds", 2500, 2),
        ("seconds", 7, 7),
        ("minutes", 2, 120),
        ("hours", 3, 10800),
        ("sixtyHours", 2, 432000),
        ("years", 3, 3 * 31556952),
    ],
)
def test_the_end_follows_the_unit(unit, value, seconds):
    key = soft_key(Curve.NIST_P256)
    period = dot2.ValidityPeriod(start=1000, duration=dot2.Duration(kind=unit, value=value))
    certificate = issue(tbs_certificate(key.public_key)._replace(validity_period=period), key)
    assert certificate.end - certificate.start == seconds


def test_the_first_of_two_permissions_for_one_psid_counts():
    key = soft_key(Curve.NIST_P256)
    small = dot2.PsidSsp(psid=36, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\0\0"))
    large = dot2.PsidSsp(
        psid=36, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\xff\xff")
    )
    certificate = issue(tbs_certificate(key.public_key)._replace(app_permissions=(small, large)), key)
    assert certificate.app_permissions == {36: small.ssp}


def test_a_signature_by_another_or_for_another_is_refused():
    root_key, root = self_signed(Curve.NIST_P256)
    other_key, other = self_signed(Curve.NIST_P256)
    tbs = tbs_certificate(soft_key(Curve.NIST_P256).public_key)
    child = issue(tbs, root_key, root)
    with pytest.raises(InvalidSignature, match=other.hex8):
        child.verify_signature(other)
    forged = issue(tbs, other_key, root)  # names the root, another signed
    with pytest.raises(InvalidSignature):
        forged.verify_signature(root)
    selfmade = issue(tbs_certificate(soft_key(Curve.NIST_P256).public_key), other_key)
    with pytest.raises(InvalidSignature):
        selfmade.verify_signature(None)


def test_a_signature_that_forgets_the_issuers_hash_is_refused():
    from v2xpki.crypto import hash_octets, signature_record

    key, root = self_signed(Curve.NIST_P256)
    naive = key.sign(hash_octets("sha256", root.tbs_octets))
    spoilt = root.record._replace(signature=signature_record(Curve.NIST_P256, naive))
    with pytest.raises(InvalidSignature):
        Certificate.of(spoilt).verify_signature(None)


def test_the_named_hash_must_be_the_issuers():
    key, root = self_signed(Curve.NIST_P384)
    child = issue(tbs_certificate(soft_key(Curve.NIST_P256).public_key), key, root)
    wrong = child.record._replace(issuer=dot2.IssuerIdentifier(kind="sha256AndDigest", value=root.hashed_id8))
    with pytest.raises(InvalidSignature, match="sha256"):
        Certificate.of(wrong).verify_signature(root)
    sm3 = child.record._replace(issuer=dot2.IssuerIdentifier(kind="sm3AndDigest", value=root.hashed_id8))
    with pytest.raises(UnsupportedAlgorithm):
        Certificate.of(sm3).verify_signature(root)


_FLIPPED = self_signed(Curve.NIST_P256)[1]
_FORM_OF_R = len(_FLIPPED.octets) - 65


@settings(max_examples=300, deadline=None)
@given(bit=st.integers(0, 8 * len(_FLIPPED.octets) - 1))
def test_any_flipped_bit_of_a_certificate_fails_cleanly(bit):
    octets = bytearray(_FLIPPED.octets)
    octets[bit // 8] ^= 1 << bit % 8
    try:
        changed = Certificate.parse(bytes(octets))
        changed.verify_signature(None)
    except V2xPkiError:
        return
    # x-only to compressed-y: another form of the same certificate
    assert bit // 8 == _FORM_OF_R
    assert changed == _FLIPPED


def test_the_eu_tlm_certificate_verifies_itself():
    octets = bytes.fromhex(vectors("real_world")["certificates"]["eu_l2_tlm"])
    certificate = Certificate.parse(octets)
    certificate.verify_signature(None)
    assert certificate.curve is Curve.BRAINPOOL_P384R1
    assert certificate.hex8 == "E7A4B2B045E7ACF9"
    assert certificate.octets == octets
    assert certificate.app_permissions[624].value == bytes.fromhex("01c8")


@pytest.mark.parametrize("name", ["eu_l0_ea", "eu_l0_aa"])
def test_real_authorities_below_a_384_bit_root_are_read(name):
    certificate = Certificate.parse(bytes.fromhex(vectors("real_world")["certificates"][name]))
    assert certificate.signature_hash == "sha384"
    assert certificate.hash_name == "sha256"
    assert certificate.encryption_key is not None
    assert certificate.tbs_octets == wire.encode(certificate.record.to_be_signed)
