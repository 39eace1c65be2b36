"""Makes tests/vectors/butterfly.json: explicit c, CUBK, and issuing of implicit ones: no recording has them.

    python -m tests.vectors.make_butterfly

The same octets each time: scalars and keys are hashes of a text. What is random in use (c, k, ephemeral and
AES keys, nonces) stands in the file, so that every value can be recomputed from either end. What is encrypted
is Ieee1609Dot2Data, unsecured, around the ScmsPdu, as recorded responses have it.
"""

import hashlib
import json
from pathlib import Path

from tests.unit.crypto.soft import issue, tbs_certificate
from tests.vectors.make_crypto import FixedKey
from v2xpki import wire
from v2xpki.crypto import (
    Certificate,
    Curve,
    PrivateCaterpillar,
    PublicKey,
    ccm_encrypt,
    certified_key,
    certified_keys,
    implicit_certificate_key,
    implicit_contribution,
    implicit_hash,
    linkage_values,
    pre_linkage_values,
    reconstruction_points,
    rek_ids,
    response_keys,
    seed_after,
)
from v2xpki.crypto.ecies import wrap_shared
from v2xpki.crypto.group import p256
from v2xpki.crypto.keys import point_of_sec1
from v2xpki.secured import frames
from v2xpki.wire import dot2, scms

FILE = Path(__file__).with_name("butterfly.json")
P256, TIME, PERIOD, JS = Curve.NIST_P256, 707_356_805, 522, range(2)
LA_IDS = (b"\x12\x34", b"\x56\x78")
REK = b"\x84"


def scalar(text):
    return bytes.fromhex(FixedKey(P256, text).scalar)


def block(text):
    return hashlib.sha256(text.encode()).digest()[:16]


def station(variant):
    own = (scalar(f"{variant} a"), block(f"{variant} k"))
    if variant == "original":
        own += (scalar(f"{variant} p"), block(f"{variant} ek"))
    return PrivateCaterpillar(variant, *own)


def pseudonym(key, lv, indicator=None):
    """The tbs of a pseudonym certificate; indicator in place of the key for implicit ones."""
    identity = dot2.LinkageData(i_cert=PERIOD, linkage_value=lv, group_linkage_value=None)
    tbs = tbs_certificate(key, name=None)
    tbs = tbs._replace(id=dot2.CertificateId(kind="linkageData", value=identity))
    return tbs if indicator is None else tbs._replace(verify_key_indicator=indicator)


def linkage():
    """Both authorities' part: seeds of period 0, plvs and linkage values of period PERIOD."""
    firsts = [block(f"ls {n}") for n in (1, 2)]
    seeds = [seed_after(la, first, PERIOD) for la, first in zip(LA_IDS, firsts, strict=True)]
    plvs = [pre_linkage_values(la, seed, JS) for la, seed in zip(LA_IDS, seeds, strict=True)]
    return {
        "la_ids": LA_IDS,
        "seeds_of_period_0": firsts,
        "seeds": seeds,
        "plvs": plvs,
        "lvs": linkage_values(*plvs),
    }


def response(certificate, info, recipient, text):
    """An AcaEeCertResponse encrypted to the recipient, with fixed ephemeral, AES key and nonce."""
    ephemeral, aes, nonce = scalar(f"{text} v"), block(f"{text} aes"), block(f"{text} nonce")[:12]
    answer = scms.AcaEeCertResponse(
        version=2, generation_time=TIME, certificate=certificate.record, private_key_info=info
    )
    pdu = scms.AcaEeInterfacePdu(kind="acaEeCertResponse", value=answer)
    content = scms.ScmsPduContent(kind="aca-ee", value=pdu)
    plain = frames.unsecured(wire.encode(scms.ScmsPdu(version=2, content=content)))
    (parts,) = wrap_shared(p256().agreements([recipient], [ephemeral]), [aes])
    (name,) = rek_ids([recipient])
    info_of = frames.key_recipient(REK, name, parts)
    return {
        "ephemeral_key": ephemeral,
        "aes_key": aes,
        "recipient": recipient,
        "recipient_id": name,
        "plain": plain,
        "v": parts[1],
        "c": parts[2],
        "t": parts[3],
        "data": frames.encrypted([info_of], nonce, ccm_encrypt(aes, nonce, plain)),
    }


def explicit(variant, lvs, aca, aca_certificate):
    own = station(variant)
    cocoons = own.public().cocoons(PERIOD, JS)
    points = [cocoon.signing for cocoon in cocoons]
    cubk = variant == "compactUnified"
    named = [None if cubk else cocoon.encryption for cocoon in cocoons]
    made = certified_keys(points, [scalar(f"{variant} c {j}") for j in JS])
    rows = []
    for j, key, cocoon, recipient, point, c in zip(
        JS, own.keys(PERIOD, JS), cocoons, response_keys(points, named, [cubk] * len(JS)), *made, strict=True
    ):
        tbs = pseudonym(PublicKey.from_sec1(P256, point), lvs[j])
        certificate = issue(tbs, aca, aca_certificate)
        rows.append(
            {
                "j": j,
                "cocoon": cocoon.signing,
                "encryption_cocoon": cocoon.encryption,
                "b": key.signing,
                "encryption_b": key.encryption,
                "private_key_info": c,
                "certified_point": point,
                "certificate": certificate.octets,
                "private_key": certified_key(key.signing, c),
                "response": response(certificate, c, recipient, f"{variant} {j}"),
            }
        )
    return {"type": "explicit", "variant": variant, "i": PERIOD, **caterpillar(own), "certificates": rows}


def implicit(lvs, aca, aca_certificate):
    variant = "unified"
    own, issuer_key = station(variant), bytes.fromhex(aca.scalar)
    rows = []
    for j, key, cocoon in zip(JS, own.keys(PERIOD, JS), own.public().cocoons(PERIOD, JS), strict=True):
        k = scalar(f"implicit k {j}")
        (point,) = reconstruction_points([cocoon.signing], [k])
        indicator = dot2.VerificationKeyIndicator(kind="reconstructionValue", value=point_of_sec1(point))
        name = dot2.IssuerIdentifier(kind="sha256AndDigest", value=aca_certificate.hashed_id8)
        certificate = Certificate.of(
            dot2.CertificateBase(
                version=3,
                type="implicit",
                issuer=name,
                to_be_signed=pseudonym(aca.public_key, lvs[j], indicator),
                signature=None,
            )
        )
        e = implicit_hash(certificate.tbs_octets, aca_certificate.digest)
        s = implicit_contribution(e, k, issuer_key)
        rows.append(
            {
                "j": j,
                "cocoon": cocoon.signing,
                "b": key.signing,
                "k": k,
                "reconstruction_value": point,
                "tbs": certificate.tbs_octets,
                "certificate": certificate.octets,
                "e": e,
                "private_key_info": s,
                "private_key": certified_key(key.signing, s, e),
                "public_key": implicit_certificate_key(certificate, aca_certificate).point,
                "response": response(certificate, s, cocoon.encryption, f"implicit {j}"),
            }
        )
    return {"type": "implicit", "variant": variant, "i": PERIOD, **caterpillar(own), "certificates": rows}


def caterpillar(own):
    names = ("signing", "signing_expansion", "encryption", "encryption_expansion")
    return {name: getattr(own, name) for name in names if getattr(own, name) is not None}


def texts(value):
    """The same with octets as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: texts(part) for name, part in value.items()}
    return [texts(part) for part in value] if isinstance(value, list | tuple) else value


def make():
    aca = FixedKey(P256, "aca")
    certificate = issue(tbs_certificate(aca.public_key, name="aca"), aca)
    linked = linkage()
    variants = ("original", "unified", "compactUnified")
    return texts(
        {
            "issuer_key": bytes.fromhex(aca.scalar),
            "issuer": certificate.octets,
            "linkage": linked,
            "requests": [
                *(explicit(variant, linked["lvs"], aca, certificate) for variant in variants),
                implicit(linked["lvs"], aca, certificate),
            ],
        }
    )


if __name__ == "__main__":
    FILE.write_text(json.dumps(make(), indent=1) + "\n")
