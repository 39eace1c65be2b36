"""A second opinion without OpenSSL."""

import hashlib

import pytest

from tests.unit.crypto.definitions import DOMAINS, ecdsa_accepts, ecies_opens, generator
from tests.unit.crypto.soft import SoftKey, self_signed
from v2xpki import wire
from v2xpki.crypto import Curve, raw_signature, wrap_key
from v2xpki.secured import SignedMessage, etsi_header, sign
from v2xpki.wire import dot2

every_curve = pytest.mark.parametrize("curve", Curve, ids=lambda c: c.text)


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
    v = bytes([2 + int(parts.v.kind[-1])]) + parts.v.value
    assert ecies_opens(curve, scalar, v, parts.c, parts.t, p1) == key
