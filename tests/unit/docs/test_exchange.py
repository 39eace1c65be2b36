"""docs/examples/etsi-exchange.json, read with nothing of ours: hashlib, hmac and the cryptography package.

What the integrator's guide claims of hashes, keys and signatures is what these octets do.
"""

import hmac
import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DOCS = Path(__file__).parents[3] / "docs"
EXCHANGE = json.loads((DOCS / "examples/etsi-exchange.json").read_text())
SCMS = json.loads((DOCS / "examples" / "scms-exchange.json").read_text())
FLOWS = ("enrolment", "authorization")


def octets(text):
    return bytes.fromhex(text)


def public_of_private(scalar):
    return ec.derive_private_key(int(scalar, 16), ec.SECP256R1()).public_key()


def point(public):
    return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def is_signed(message, public, signer=b""):
    """ECDSA over H(H(tbs) || H(signer's certificate)): IEEE 1609.2 5.3.1.2.2."""
    digest = sha256(sha256(octets(message["toBeSigned"])).digest() + sha256(signer).digest()).digest()
    signature = encode_dss_signature(int(message["r"], 16), int(message["s"], 16))
    public.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    return True


def private_key(flow):
    return EXCHANGE[flow]["newPrivateKey"]


@pytest.mark.parametrize("flow", FLOWS)
def test_the_aes_key_opens_the_request_to_the_signed_message(flow):
    entry = EXCHANGE[flow]
    nonce = octets(entry["envelope"]["nonce"])
    ciphertext = after(octets(entry["request"]), nonce)
    plain = AESCCM(octets(entry["aesKey"]), tag_length=16).decrypt(nonce, ciphertext, b"")
    assert plain == octets(entry["outer"]["octets"])


@pytest.mark.parametrize(("flow", "authority"), [("enrolment", "ea"), ("authorization", "aa")])
def test_the_recipient_is_named_by_the_end_of_its_certificates_hash(flow, authority):
    digest = sha256(octets(EXCHANGE[authority])).digest()
    assert EXCHANGE[flow]["envelope"]["recipientId"] == digest[-8:].hex()


def test_the_outer_signature_is_by_the_canonical_key_and_the_inner_by_the_new_one():
    entry = EXCHANGE["enrolment"]
    assert entry["outer"]["signer"] == entry["inner"]["signer"] == "self"
    assert is_signed(entry["outer"], public_of_private(EXCHANGE["canonicalPrivateKey"]))
    assert is_signed(entry["inner"], public_of_private(private_key("enrolment")))
    assert entry["inner"]["octets"] in entry["outer"]["payload"]


def test_the_hash_of_the_message_alone_is_not_what_is_signed():
    entry = EXCHANGE["enrolment"]["outer"]
    digest = sha256(octets(entry["toBeSigned"])).digest()
    signature = encode_dss_signature(int(entry["r"], 16), int(entry["s"], 16))
    with pytest.raises(InvalidSignature):
        public_of_private(EXCHANGE["canonicalPrivateKey"]).verify(
            signature, digest, ec.ECDSA(Prehashed(hashes.SHA256()))
        )


def test_the_authorization_is_signed_by_the_tickets_own_key():
    assert is_signed(EXCHANGE["authorization"]["outer"], public_of_private(private_key("authorization")))


@pytest.mark.parametrize("flow", FLOWS)
def test_headers_hold_psid_623_and_the_time_alone(flow):
    entry = EXCHANGE[flow]
    header = bytes.fromhex("4002026f") + entry["generationTime"].to_bytes(8, "big")
    assert octets(entry["outer"]["toBeSigned"]).endswith(header)


def test_the_inner_request_names_the_station_and_holds_the_new_key():
    payload = octets(EXCHANGE["enrolment"]["inner"]["payload"])
    its_id = octets(EXCHANGE["itsId"])
    assert payload[1 : 2 + len(its_id)] == bytes((len(its_id),)) + its_id
    compressed = point(public_of_private(private_key("enrolment")))
    assert bytes((0x80 | compressed[0],)) + compressed[1:] in payload


def test_the_key_tag_is_over_the_verification_key_and_not_over_public_keys():
    entry = EXCHANGE["authorization"]
    key = octets(entry["hmacKey"])
    tag = hmac.digest(key, octets(entry["publicVerificationKey"]), "sha256")[:16]
    assert tag.hex() == entry["keyTag"]
    wrong = hmac.digest(key, b"\x00" + octets(entry["publicVerificationKey"]), "sha256")[:16]
    assert wrong.hex() != entry["keyTag"]
    assert entry["sharedAtRequest"].startswith("00" + EXCHANGE["enrolment"]["envelope"]["recipientId"])
    assert entry["keyTag"] in entry["sharedAtRequest"]


@pytest.mark.parametrize(("flow", "authority"), [("enrolment", "ea"), ("authorization", "aa")])
def test_the_answer_opens_with_the_requests_key_and_is_signed_by_the_authority(flow, authority):
    entry = EXCHANGE[flow]
    answer, key = entry["answer"], octets(entry["aesKey"])
    # HashedId8 of the SymmetricEncryptionKey: the choice aes128Ccm is 80, then the key
    assert sha256(b"\x80" + key).digest()[-8:].hex() == answer["pskId"]
    assert answer["nonce"] != entry["envelope"]["nonce"]
    nonce = octets(answer["nonce"])
    ciphertext = after(octets(answer["octets"]), nonce)
    assert AESCCM(key, tag_length=16).decrypt(nonce, ciphertext, b"") == octets(answer["message"]["octets"])
    assert is_signed(answer["message"], verification_key(authority), octets(EXCHANGE[authority]))
    assert sha256(octets(entry["request"])).digest()[:16].hex() == answer["requestHash"]
    assert answer["requestHash"] in answer["message"]["payload"]


def verification_key(authority):
    """As the certificate holds it: 80 for ecdsaNistP256, 82 or 83 for the compressed form and its sign."""
    encoded = octets(EXCHANGE[f"{authority}VerificationKey"])
    assert b"\x80" + bytes((0x80 | encoded[0],)) + encoded[1:] in octets(EXCHANGE[authority])
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), encoded)


def after(whole, nonce):
    """The ciphertext with its tag: after the nonce and a COER length, to the end."""
    at = whole.index(nonce) + len(nonce)
    size = whole[at] & 0x7F if whole[at] & 0x80 else 0
    length = int.from_bytes(whole[at + 1 : at + 1 + size], "big") if size else whole[at]
    content = whole[at + 1 + size :]
    assert length == len(content)
    return content


def test_the_certificates_hold_the_keys_that_were_sent():
    for flow in FLOWS:
        compressed = point(public_of_private(private_key(flow)))
        key = bytes((0x80 | compressed[0],)) + compressed[1:]
        assert key in octets(EXCHANGE[flow]["answer"]["certificate"])


# --- the guide -------------------------------------------------------------------------------------------


def shown(text):
    return re.findall(r"(?<![0-9a-f])[0-9a-f]{12,}(?![0-9a-f])", text)


def test_every_octet_that_the_guide_shows_is_of_these_exchanges():
    etsi, scms = (DOCS / "integrators-guide.md").read_text().split("\n## An SCMS\n")
    for text, exchange, least in ((etsi, EXCHANGE, 20), (scms, SCMS, 5)):
        assert len(shown(text)) > least
        everything = json.dumps(exchange)
        assert [octets for octets in shown(text) if octets not in everything] == []


def test_the_request_that_the_ack_names_is_the_one_that_was_sent():
    name = sha256(octets(SCMS["certificateRequest"])).digest()[-8:].hex()
    assert name in SCMS["certificateAck"] and name in SCMS["info"]
    assert (
        octets(SCMS["certificateRequest"])[5:13] == sha256(octets(SCMS["certificates"]["ra"])).digest()[-8:]
    )
