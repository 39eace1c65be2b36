"""Statements of provenance as a build service makes them, and the policy that believes it."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from v2xpki.trust.ota.provenance import PAYLOAD_TYPE, SLSA_V1

BUILDER = "https://ci.example/builders/firmware@v1"
Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: Key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def statement(sha256: str, **changes: Any) -> dict[str, Any]:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "image.bin", "digest": {"sha256": sha256}}],
        "predicateType": SLSA_V1,
        "predicate": {
            "buildDefinition": {"buildType": "https://ci.example/type", "externalParameters": {"scale": 0.5}},
            "runDetails": {"builder": {"id": BUILDER}},
        },
        **changes,
    }


def envelope(payload: bytes, *keys: Key, kind: str = PAYLOAD_TYPE, keyid: str | None = None) -> bytes:
    """Written down here from the DSSE protocol, not with the library that reads it."""
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    signatures = [
        {"sig": base64.b64encode(key.sign(pae, ec.ECDSA(hashes.SHA256()))).decode()}
        | ({} if keyid is None else {"keyid": keyid})
        for key in keys
    ]
    return json.dumps(
        {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": signatures}
    ).encode()


def attest(sha256: str, *keys: Key, **changes: Any) -> bytes:
    return envelope(json.dumps(statement(sha256, **changes)).encode(), *keys)


def policy_text(*keys: Key, more: str = "") -> str:
    listed = ", ".join(json.dumps(pem(key)) for key in keys)
    return f'[[builder]]\nid = "{BUILDER}"\nkeys = [{listed}]\n{more}\n'
