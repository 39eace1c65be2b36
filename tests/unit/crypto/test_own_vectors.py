"""tests/vectors/crypto.json: read by the project, confirmed by the definitions alone."""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from tests.unit.crypto.definitions import DOMAINS, ecdsa_accepts, ecies_opens, generator
from tests.unit.crypto.soft import SoftKey
from tests.vectors.make_crypto import make
from v2xpki.crypto import Certificate, Curve
from v2xpki.secured import RecipientKey, SignedMessage, decrypt, decrypt_psk

FILE = Path(__file__).resolve().parents[2] / "vectors" / "crypto.json"
VECTORS = json.loads(FILE.read_text())


def octets_of(vector):
    return {name: bytes.fromhex(text) for name, text in vector.items() if name != "curve"}


signed = pytest.mark.parametrize("vector", VECTORS["signed"], ids=lambda v: v["curve"])
encrypted = pytest.mark.parametrize("vector", VECTORS["encrypted"], ids=lambda v: v["curve"])


def test_the_generator_makes_the_same_file():
    try:
        made = make()
    except UnsupportedAlgorithm as error:
        pytest.skip(f"this OpenSSL signs at random only: {error}")
    assert made == VECTORS


@signed
def test_signed_vectors_are_confirmed_by_the_definitions(vector):
    curve, v = Curve.from_text(vector["curve"]), octets_of(vector)
    domain, size = DOMAINS[curve], curve.size
    h = lambda octets: hashlib.new(curve.hash, octets).digest()  # noqa: E731
    x, y = domain.multiply(int.from_bytes(v["subject_key"], "big"), generator(curve))
    assert v["subject_uncompressed"] == b"\x04" + x.to_bytes(size, "big") + y.to_bytes(size, "big")
    assert h(v["issuer"]) == v["issuer_hash"]
    assert h(v["subject"])[-8:] == v["subject_hashed_id8"]
    assert h(h(v["issuer_tbs"]) + h(b"")) == v["issuer_signed_digest"]
    assert h(h(v["subject_tbs"]) + h(v["issuer"])) == v["subject_signed_digest"]
    assert h(h(v["message_tbs"]) + h(v["subject"])) == v["message_signed_digest"]
    points = []
    for name in ("issuer_key", "subject_key"):
        px, py = domain.multiply(int.from_bytes(v[name], "big"), generator(curve))
        points.append(bytes([2 | py & 1]) + px.to_bytes(size, "big"))
    # r || s are the last octets of each: x-only
    for name, point in (("issuer", points[0]), ("subject", points[0]), ("message", points[1])):
        assert ecdsa_accepts(curve, point, v[name][-2 * size :], v[f"{name}_signed_digest"]), name
        assert v[f"{name}_tbs"] in v[name]


@signed
def test_signed_vectors_verify(vector):
    v = octets_of(vector)
    issuer, subject = Certificate.parse(v["issuer"]), Certificate.parse(v["subject"])
    issuer.verify_signature(None)
    subject.verify_signature(issuer)
    message = SignedMessage.parse(v["message"])
    assert message.signer_digest == subject.hashed_id8 == v["subject_hashed_id8"]
    assert message.tbs_octets == v["message_tbs"]
    assert subject.verification_key.uncompressed == v["subject_uncompressed"]
    message.verify(subject.verification_key, subject)


@encrypted
def test_encrypted_vectors_are_confirmed_by_the_definitions(vector):
    curve, v = Curve.from_text(vector["curve"]), octets_of(vector)
    assert v["p1"] == hashlib.sha256(v["certificate"]).digest()
    scalar = int.from_bytes(v["recipient_key"], "big")
    assert ecies_opens(curve, scalar, v["v"], v["c"], v["t"], v["p1"]) == v["aes_key"]
    assert v["psk_id"] == hashlib.sha256(b"\x80" + v["aes_key"]).digest()[-8:]


@encrypted
def test_encrypted_vectors_open(vector):
    curve, v = Curve.from_text(vector["curve"]), octets_of(vector)
    own = SoftKey.of_scalar(curve, int.from_bytes(v["recipient_key"], "big"))
    certificate = Certificate.parse(v["certificate"])
    keys = {certificate.hashed_id8: RecipientKey.of_certificate(own, certificate)}
    assert decrypt(v["data"], keys) == (v["plain"], v["aes_key"], certificate.hashed_id8)
    assert decrypt_psk(v["answer"], v["aes_key"]) == v["plain"]
