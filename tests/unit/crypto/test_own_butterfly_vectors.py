"""tests/vectors/butterfly.json: opened by the project, confirmed by the definitions alone."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.unit.crypto.definitions import DOMAINS, ecdsa_accepts, ecies_opens, generator
from tests.unit.crypto.soft import SoftKey
from tests.vectors.make_butterfly import make
from v2xpki import wire
from v2xpki.crypto import Certificate, Curve
from v2xpki.secured import RecipientKey, decrypt
from v2xpki.wire import dot2, scms

FILE = Path(__file__).resolve().parents[2] / "vectors" / "butterfly.json"
VECTORS = json.loads(FILE.read_text())
P256, DOMAIN, N = Curve.NIST_P256, DOMAINS[Curve.NIST_P256], Curve.NIST_P256.order
requests = pytest.mark.parametrize(
    "request_", VECTORS["requests"], ids=lambda r: f"{r['type']} {r['variant']}"
)


def octets(text):
    return bytes.fromhex(text)


def number(text):
    return int(text, 16)


def point(text):
    return DOMAIN.decompress(octets(text))


def times_g(scalar):
    return DOMAIN.multiply(scalar, generator(P256))


def aes(key, block):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def mixed(key, block):
    return bytes(a ^ b for a, b in zip(aes(key, block), block, strict=True))


def expansion(key, prefix, i, j):
    x = int.from_bytes(prefix + i.to_bytes(4, "big") + j.to_bytes(4, "big") + bytes(4), "big")
    blocks = [mixed(octets(key), (x + t).to_bytes(16, "big")) for t in (1, 2, 3)]
    return int.from_bytes(b"".join(blocks), "big") % N


def issuer_hash():
    return sha256(octets(VECTORS["issuer"])).digest()


def test_the_generator_makes_the_same_file():
    try:
        made = make()
    except UnsupportedAlgorithm as error:
        pytest.skip(f"this OpenSSL signs at random only: {error}")
    assert made == VECTORS


def test_the_linkage_values_are_those_of_the_definition():
    linked, i = VECTORS["linkage"], VECTORS["requests"][0]["i"]
    for la, first, seed, plvs in zip(
        linked["la_ids"], linked["seeds_of_period_0"], linked["seeds"], linked["plvs"], strict=True
    ):
        step = octets(first)
        for _ in range(i):
            step = sha256(octets(la) + step + bytes(14)).digest()[:16]
        assert step == octets(seed)
        for j, plv in enumerate(plvs):
            assert mixed(step, octets(la) + j.to_bytes(4, "big") + bytes(10))[:9] == octets(plv)
    for one, other, lv in zip(*linked["plvs"], linked["lvs"], strict=True):
        assert number(one) ^ number(other) == number(lv)


@requests
def test_cocoons_are_confirmed_by_the_definitions(request_):
    original = request_["variant"] == "original"
    for row in request_["certificates"]:
        f = expansion(request_["signing_expansion"], bytes(4), request_["i"], row["j"])
        b = (number(request_["signing"]) + f) % N
        assert b == number(row["b"])
        assert times_g(b) == point(row["cocoon"])
        recipient = row["cocoon"]
        if original:
            f = expansion(request_["encryption_expansion"], b"\xff" * 4, request_["i"], row["j"])
            assert (number(request_["encryption"]) + f) % N == number(row["encryption_b"])
            recipient = row["encryption_cocoon"]
            assert times_g(number(row["encryption_b"])) == point(recipient)
        assert row["response"]["recipient"] == recipient


@requests
def test_certified_keys_are_confirmed_by_the_definitions(request_):
    for row in request_["certificates"]:
        private, certificate = number(row["private_key"]), octets(row["certificate"])
        b, info = number(row["b"]), number(row["private_key_info"])
        assert octets(VECTORS["linkage"]["lvs"][row["j"]]) in certificate
        if request_["type"] == "explicit":
            assert private == (b + info) % N
            certified = point(row["certified_point"])
            assert DOMAIN.add(point(row["cocoon"]), times_g(info)) == certified == times_g(private)
            x = octets(row["certified_point"])[1:]
            assert certificate[-66 - 32 : -66] == x  # the key is the last field of the tbs
            tbs = certificate[3 + 9 : -66]
            digest = sha256(sha256(tbs).digest() + issuer_hash()).digest()
            x, y = times_g(number(VECTORS["issuer_key"]))
            issuer = bytes([2 | y & 1]) + x.to_bytes(32, "big")
            assert ecdsa_accepts(P256, issuer, certificate[-64:], digest)
        else:
            tbs, k = octets(row["tbs"]), number(row["k"])
            assert certificate.endswith(tbs)
            assert octets(row["reconstruction_value"])[1:] == tbs[-32:]
            e = sha256(sha256(tbs).digest() + issuer_hash()).digest()
            assert e == octets(row["e"])
            e = int.from_bytes(e, "big")
            assert info == (e * k + number(VECTORS["issuer_key"])) % N
            assert private == (e * b + info) % N
            value = point(row["reconstruction_value"])
            assert value == DOMAIN.add(point(row["cocoon"]), times_g(k))
            public = DOMAIN.add(DOMAIN.multiply(e % N, value), times_g(number(VECTORS["issuer_key"])))
            assert public == point(row["public_key"]) == times_g(private)


@requests
def test_responses_are_confirmed_by_the_definitions_and_open(request_):
    p1 = sha256(b"").digest()
    for row in request_["certificates"]:
        sent = row["response"]
        key = number(row.get("encryption_b", row["b"]))
        v, c, t = (octets(sent[name]) for name in "vct")
        assert times_g(number(sent["ephemeral_key"])) == point(sent["v"])
        assert ecies_opens(P256, key, v, c, t, p1) == octets(sent["aes_key"])
        recipient = octets(sent["recipient"])
        encoded = b"\x00\x80" + bytes([0x80 | recipient[0]]) + recipient[1:]
        assert sha256(encoded).digest()[-8:] == octets(sent["recipient_id"])
        own = RecipientKey.of_key(SoftKey.of_scalar(P256, key))
        plain, aes_key, name = decrypt(octets(sent["data"]), {octets(sent["recipient_id"]): own})
        assert (plain, aes_key, name) == tuple(octets(sent[n]) for n in ("plain", "aes_key", "recipient_id"))
        content = wire.decode(dot2.Ieee1609Dot2Data, plain).content
        assert content.kind == "unsecuredData"
        answer = wire.decode(scms.ScmsPdu, content.value).content.value.value
        assert Certificate.of(answer.certificate).octets == octets(row["certificate"])
        assert answer.private_key_info == octets(row["private_key_info"])


def test_cubk_responses_go_to_the_cocoon_that_is_certified():
    kinds = {request["variant"]: request for request in VECTORS["requests"] if request["type"] == "explicit"}
    assert set(kinds) == {"original", "unified", "compactUnified"}
    for row in kinds["compactUnified"]["certificates"]:
        assert row["response"]["recipient"] == row["cocoon"]
    for row in kinds["original"]["certificates"]:
        assert row["response"]["recipient"] == row["encryption_cocoon"] != row["cocoon"]
