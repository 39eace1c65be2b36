"""The messages of a test set (TS 103 097 7.1), right and wrong."""

import hashlib
from typing import TYPE_CHECKING, Any

from v2xpki import secured, wire
from v2xpki.crypto import Curve, signature_record, signing_digest
from v2xpki.secured import SignedMessage, etsi_header
from v2xpki.testset.certificates import P256, ticket
from v2xpki.testset.laboratory import DAY, Identity, RForm, services, signature_in_form
from v2xpki.time import MICROSECONDS
from v2xpki.trust import regions
from v2xpki.trust.validity import floor_hour
from v2xpki.wire import dot2

if TYPE_CHECKING:
    from v2xpki.testset.catalogue import Set

CAM_PAYLOAD = bytes.fromhex("0202") + b"not a CAM, but signed like one"
DENM_PAYLOAD = bytes.fromhex("0201") + b"not a DENM, but signed like one"
MUNICH = dot2.ThreeDLocation(latitude=481_400_000, longitude=115_800_000, elevation=9295)
PARIS = MUNICH._replace(latitude=488_500_000, longitude=23_500_000)
_SERVICES = {137: "spatem", 138: "mapem", 139: "ivim"}


def add_all(made: "Set") -> None:
    """All entries of kind message."""
    _good(made)
    _headers(made)
    _signers(made)
    _times(made)
    _payloads(made)
    _signatures(made)
    _octets(made)
    _timed(made)


def message(
    made: "Set",
    signer: Identity,
    psid: int = 36,
    *,
    at: int | None = None,
    form: str = "certificate",
    payload: bytes | None = None,
    **header: Any,
) -> bytes:
    """A signed message; at: Time64."""
    info = etsi_header(psid, made.lab.now * MICROSECONDS if at is None else at)._replace(**header)
    if payload is None:
        payload = DENM_PAYLOAD if psid == 37 else CAM_PAYLOAD
    named: Any = form
    return secured.sign(
        signer.key,
        info,
        payload=payload,
        certificate=None if form == "self" else signer.certificate,
        identifier=named,
    )


def changed(octets: bytes, **fields: Any) -> bytes:
    """A message with fields of its SignedData replaced after the signature."""
    record = SignedMessage.parse(octets).record
    signed: Any = record.content.value
    return wire.encode(record._replace(content=record.content._replace(value=signed._replace(**fields))))


def resigned(octets: bytes, key: Any, *, over: bytes | None = None, r: RForm = "x-only") -> bytes:
    """A message signed anew. over: the digest to sign instead of the right one."""
    parsed = SignedMessage.parse(octets)
    signer = parsed.signer_certificates
    digest = over or signing_digest(key.curve.hash, parsed.tbs_octets, signer[0].octets if signer else b"")
    return changed(octets, signature=signature_in_form(key, digest, r))


def _bad(made: "Set", rule: str, octets: bytes, reason: str, text: str, clause: str, **more: Any) -> None:
    chain = more.pop("chain", [made.main.aa, made.main.root])
    made.add("message", rule, octets, chain, text, clause=clause, reason=reason, **more)


def _good(made: "Set") -> None:
    main = made.main
    chain = [main.aa, main.root]
    for name, pki in made.pkis.items():
        for curve, at in pki.at.items():
            label = curve.text if name == "mixed" else f"{curve.text}-root"
            made.add(
                "message",
                f"cam-{label}",
                message(made, at),
                [pki.aa, pki.root],
                f"a CAM by a ticket on {curve.text}",
                clause="TS 103 097 7.1.1",
                key=at,
            )
            if name != "mixed":
                continue
            made.add(
                "message",
                f"denm-{label}",
                message(made, at, 37, generation_location=MUNICH),
                chain,
                f"a DENM by a ticket on {curve.text}",
                clause="TS 103 097 7.1.2",
                key=at,
            )
            made.add(
                "message",
                f"cam-by-digest-{label}",
                message(made, at, form="digest"),
                [at, *chain],
                "a CAM by the digest of a ticket that is known",
                clause="TS 103 097 7.1.1",
                key=at,
            )
            forms: tuple[RForm, ...] = ("compressed", "uncompressed")
            for r in forms:
                made.add(
                    "message",
                    f"cam-r-{r}-{label}",
                    resigned(message(made, at), at.key, r=r),
                    chain,
                    f"r of the signature is {r}",
                    clause="IEEE 1609.2 6.3.29",
                    key=at,
                )
    at = made.ticket
    for psid, name in _SERVICES.items():
        octets = message(made, at, psid, generation_location=MUNICH)
        made.add(
            "message", name, octets, chain, f"another message: psid {psid}", clause="TS 103 097 7.1.3", key=at
        )
    asking = message(
        made,
        at,
        inline_p2pcd_request=(main.aa.certificate.hashed_id3,),
        requested_certificate=main.aa.certificate.record,
    )
    made.add(
        "message",
        "cam-p2pcd",
        asking,
        chain,
        "a CAM that asks for certificates and hands one on",
        clause="TS 103 097 7.1.1",
        key=at,
    )
    first = made.write("valid/heard-cam.oer", message(made, at, at=(made.lab.now - 1) * MICROSECONDS))
    made.add(
        "message",
        "learned-digest",
        message(made, at, form="digest"),
        [*chain, first],
        "a CAM by digest, after one that showed the ticket",
        clause="TS 103 097 7.1.1",
        key=at,
    )
    octets = message(made, at)
    parsed = SignedMessage.parse(octets)
    value: Any = parsed.signed.signature.value
    other = (P256.order - int.from_bytes(value.s_sig, "big")).to_bytes(32, "big")
    mirrored = changed(octets, signature=parsed.signed.signature._replace(value=value._replace(s_sig=other)))
    made.add(
        "message",
        "other-s",
        mirrored,
        chain,
        "(r, n - s) verifies as (r, s) does: low s is not asked for",
        clause="IEEE 1609.2 5.3.1",
        key=at,
    )


def _headers(made: "Set") -> None:
    at, lab = made.ticket, made.lab
    cam, denm = "TS 103 097 7.1.1", "TS 103 097 7.1.2"
    missing = dot2.MissingCrlIdentifier(craca_id=bytes(3), crl_series=0)
    later = (lab.now + 60) * MICROSECONDS
    nowhere = MUNICH._replace(latitude=900_000_001)
    for rule, octets, text, clause in (
        ("denm-without-location", message(made, at, 37), "a DENM without generationLocation", denm),
        (
            "denm-location-unknown",
            message(made, at, 37, generation_location=nowhere),
            "a DENM whose latitude is the value for unknown",
            denm,
        ),
        (
            "denm-with-request",
            message(made, at, 37, generation_location=MUNICH, inline_p2pcd_request=(b"abc",)),
            "a DENM with inlineP2pcdRequest",
            denm,
        ),
        (
            "cam-with-location",
            message(made, at, generation_location=MUNICH),
            "a CAM with generationLocation",
            cam,
        ),
        ("cam-with-expiry", message(made, at, expiry_time=later), "a CAM with expiryTime", cam),
        (
            "generation-time-missing",
            message(made, at, generation_time=None),
            "no generationTime",
            "TS 103 097 5.2",
        ),
        (
            "learning-request",
            message(made, at, p2pcd_learning_request=b"abc"),
            "p2pcdLearningRequest",
            "TS 103 097 5.2",
        ),
        (
            "missing-crl-identifier",
            message(made, at, missing_crl_identifier=missing),
            "missingCrlIdentifier",
            "TS 103 097 5.2",
        ),
    ):
        _bad(made, rule, octets, "header", text, clause)


def _signers(made: "Set") -> None:
    at, main = made.ticket, made.main
    chain = [main.aa, main.root]
    _bad(
        made,
        "denm-by-digest",
        message(made, at, 37, generation_location=MUNICH, form="digest"),
        "signer",
        "a DENM by the digest of a ticket that is known",
        "TS 103 097 7.1.2",
        chain=[at, *chain],
    )
    _bad(
        made,
        "digest-of-unknown",
        message(made, at, form="digest"),
        "unknown-signer",
        "a CAM by the digest of a ticket that nobody showed",
        "TS 103 097 7.1.1",
    )
    _bad(made, "signer-self", message(made, at, form="self"), "signer", "signer self", "TS 103 097 5.2")
    octets = message(made, at)
    both: Any = dot2.SignerIdentifier(
        kind="certificate", value=(at.certificate.record, main.aa.certificate.record)
    )
    _bad(
        made,
        "two-certificates",
        changed(octets, signer=both),
        "signer",
        "the ticket and the AA as signer, where one certificate belongs",
        "TS 103 097 5.2",
    )
    _bad(
        made,
        "psid-not-in-ticket",
        message(made, made.keep(ticket_for_cam(made), "AT"), 37, generation_location=MUNICH),
        "psid",
        "a DENM by a ticket for CAMs",
        "IEEE 1609.2 5.2.4.3.3",
    )
    ec = main.ec[P256]
    _bad(
        made,
        "ec-for-messages",
        message(made, ec),
        "certificate",
        "a CAM by an enrolment credential",
        "TS 103 097 7.2.2",
        chain=[main.ea, main.root],
    )
    _bad(
        made,
        "ca-for-messages",
        message(made, main.aa),
        "certificate",
        "a CAM by the AA itself",
        "TS 103 097 7.2.4",
        chain=[main.root],
    )
    stranger = made.pkis["nistP256"].at[P256]
    _bad(
        made,
        "untrusted-pki",
        message(made, stranger),
        "chain",
        "a CAM under another PKI's root",
        "IEEE 1609.2 5.1.2",
    )
    crl = "lists/crl-revoked-authority.oer"
    _bad(
        made,
        "revoked-authority",
        message(made, at),
        "revoked",
        "a CAM whose AA is on the CRL",
        "TS 102 941 6.3.2",
        chain=[*chain, crl],
    )
    named = ticket(made, "message-name", change={"id": dot2.CertificateId(kind="name", value="vehicle")})
    _bad(
        made,
        "ticket-with-name",
        message(made, named),
        "certificate",
        "a CAM by a ticket with a name",
        "TS 103 097 7.2.1",
    )
    greedy = ticket(made, "message-greedy", app_permissions=services({36: "020000"}))
    _bad(
        made,
        "ticket-beyond-issuer",
        message(made, greedy),
        "certificate",
        "a CAM by a ticket whose SSP the AA may not grant",
        "IEEE 1609.2 5.1.2.4",
    )


def ticket_for_cam(made: "Set") -> Identity:
    """A ticket for CAMs alone."""
    return made.lab.issue(
        "AT", "stations/cam-only", made.main.aa, P256, app_permissions=services({36: "010000"})
    )


def _times(made: "Set") -> None:
    at, now = made.ticket, made.lab.now
    hour = floor_hour(now)
    clause = "IEEE 1609.2 5.2.4.2.3"
    _bad(
        made,
        "generation-time-in-milliseconds",
        message(made, at, at=now * 1000),
        "not-yet-valid",
        "generationTime in milliseconds",
        "IEEE 1609.2 6.3.11",
    )
    _bad(
        made,
        "generation-time-in-seconds",
        message(made, at, at=now),
        "not-yet-valid",
        "generationTime in seconds",
        "IEEE 1609.2 6.3.11",
    )
    _bad(
        made,
        "generation-time-in-1970-epoch",
        message(made, at, at=(now + 1_072_915_195) * MICROSECONDS),
        "future",
        "generationTime counts from 1970, not 2004",
        "IEEE 1609.2 6.3.11",
    )
    _bad(
        made,
        "generation-time-future",
        message(made, at, at=(now + 60 * DAY) * MICROSECONDS),
        "future",
        "generated in two months",
        clause,
    )
    expired = ticket(made, "message-expired", start=hour - 20 * DAY, seconds=7 * DAY)
    _bad(
        made,
        "ticket-expired",
        message(made, expired),
        "generation-time",
        "generated now under a ticket that ended a fortnight ago",
        clause,
    )
    ahead = ticket(made, "message-ahead", start=hour + 30 * DAY, seconds=7 * DAY)
    _bad(
        made,
        "ticket-not-yet-valid",
        message(made, ahead),
        "generation-time",
        "generated now under a ticket that begins in a month",
        clause,
    )
    _bad(
        made,
        "expiry-before-generation",
        message(made, at, 137, expiry_time=now * MICROSECONDS - 1),
        "generation-time",
        "expiryTime is before generationTime",
        "IEEE 1609.2 6.3.9",
    )
    main = made.main
    octets = message(made, at)
    heard = made.write("broken/replayed-cam.oer", octets)
    _bad(
        made,
        "replayed",
        octets,
        "replay",
        "the same CAM once more",
        "IEEE 1609.2 5.2.4.2.5",
        chain=[main.aa, main.root, heard],
    )
    parsed = SignedMessage.parse(octets)
    value: Any = parsed.signed.signature.value
    other = (P256.order - int.from_bytes(value.s_sig, "big")).to_bytes(32, "big")
    mirrored = changed(octets, signature=parsed.signed.signature._replace(value=value._replace(s_sig=other)))
    _bad(
        made,
        "replayed-with-other-s",
        mirrored,
        "replay",
        "the same CAM once more, with (r, n - s)",
        "IEEE 1609.2 5.2.4.2.5",
        chain=[main.aa, main.root, heard],
    )
    german = made.lab.issue(
        "AT",
        "stations/germany-denm",
        main.aa,
        P256,
        app_permissions=services({37: "01000000"}),
        region=_germany(),
    )
    made.keep(german, "AT")
    _bad(
        made,
        "denm-outside-region",
        message(made, german, 37, generation_location=PARIS),
        "region",
        "a DENM from Paris under a ticket for Germany",
        "IEEE 1609.2 5.2.4.2.2",
    )
    _bad(
        made,
        "denm-outside-inherited-region",
        message(
            made, at, 37, generation_location=MUNICH._replace(latitude=407_000_000, longitude=-740_000_000)
        ),
        "region",
        "a DENM from New York under a root for the EU",
        "IEEE 1609.2 5.2.4.2.2",
    )


def _germany() -> dot2.GeographicRegion:
    return regions.from_text("countries:276")


def _payloads(made: "Set") -> None:
    at = made.ticket
    clause = "TS 103 097 7.1.1"
    header = etsi_header(36, made.lab.now * MICROSECONDS)
    named: dict[str, Any] = {"certificate": at.certificate, "identifier": "certificate"}
    outside = secured.sign(at.key, header, ext_data_hash=hashlib.sha256(CAM_PAYLOAD).digest(), **named)
    _bad(made, "cam-payload-outside", outside, "payload", "a CAM whose payload is a hash", clause)
    nested = secured.sign(at.key, header, data=SignedMessage.parse(message(made, at)).record, **named)
    _bad(made, "nested-message", nested, "payload", "a signed message in a signed message", clause)
    _bad(made, "not-signed", secured.unsecured(CAM_PAYLOAD), "content", "unsecured data", "TS 103 097 5.2")


def _signatures(made: "Set") -> None:
    at, lab = made.ticket, made.lab
    clause = "IEEE 1609.2 5.3.1"
    octets = message(made, at)
    parsed = SignedMessage.parse(octets)
    flipped, altered = bytearray(octets), bytearray(octets)
    flipped[-1] ^= 1
    altered[octets.index(CAM_PAYLOAD) + 4] ^= 0x20
    tbs = parsed.tbs_octets
    value: Any = parsed.signed.signature.value
    for rule, spoilt, text in (
        ("flipped-signature-bit", bytes(flipped), "a bit of s is flipped"),
        ("altered-payload", bytes(altered), "a bit of the payload is flipped"),
        (
            "tbs-hash-only",
            resigned(octets, at.key, over=hashlib.sha256(tbs).digest()),
            "signed over H(tbs) instead of H(H(tbs) || H(certificate))",
        ),
        (
            "empty-signer-hash",
            resigned(octets, at.key, over=signing_digest("sha256", tbs)),
            'signed over H(H(tbs) || H("")), as if for itself',
        ),
        (
            "certificate-digest-as-signer",
            resigned(
                octets,
                at.key,
                over=hashlib.sha256(hashlib.sha256(tbs).digest() + at.certificate.hashed_id8).digest(),
            ),
            "signed with the HashedId8 where the hash of the certificate belongs",
        ),
        ("signed-by-another-key", resigned(octets, lab.key("stranger", P256)), "signed by another key"),
        ("wrong-hash-id", changed(octets, hash_id="sha384"), "hashId SHA-384 under a key on P-256"),
        (
            "other-signature-curve",
            changed(
                octets, signature=signature_record(Curve.BRAINPOOL_P256R1, value.r_sig.value + value.s_sig)
            ),
            "a signature that says brainpoolP256r1",
        ),
        (
            "s-is-zero",
            changed(
                octets, signature=parsed.signed.signature._replace(value=value._replace(s_sig=bytes(32)))
            ),
            "s is 0",
        ),
        (
            "altered-header",
            changed(
                octets,
                tbs_data=parsed.signed.tbs_data._replace(
                    header_info=parsed.header._replace(
                        generation_time=(parsed.header.generation_time or 0) + 1
                    )
                ),
            ),
            "generationTime was changed after the signature",
        ),
    ):
        _bad(made, rule, spoilt, "signature", text, clause)


def _octets(made: "Set") -> None:
    octets = message(made, made.ticket)
    assert octets[:5] == bytes.fromhex("0381004003")
    # the payload's length, one octet after 03 80 (protocolVersion, unsecuredData)
    place = 6
    long = octets[:place] + b"\x81" + octets[place:]
    for rule, spoilt, text in (
        ("trailing-octets", octets + b"\0", "an octet too many at the end"),
        ("truncated", octets[:-1], "the last octet is missing"),
        ("non-minimal-length", long, "a length in two octets that fits in one"),
        ("wrong-version", b"\2" + octets[1:], "protocolVersion 2"),
    ):
        _bad(made, rule, spoilt, "decode", text, "IEEE 1609.2 5.2.2; ITU-T X.696", decodes=False)


def _timed(made: "Set") -> None:
    at, now = made.ticket, made.lab.now
    clause = "IEEE 1609.2 5.2.4.2.4"
    _bad(made, "stale", message(made, at), "stale", "eleven minutes old", clause, time=now + 660)
    made.add(
        "message",
        "not-stale",
        message(made, at),
        [made.main.aa, made.main.root],
        "one second old",
        clause=clause,
        time=now + 1,
        key=at,
    )
    _bad(
        made,
        "ahead",
        message(made, at),
        "future",
        "of a sender whose clock is ten seconds ahead",
        clause,
        time=now - 10,
    )
    octets = message(made, at, 137, expiry_time=(now + 5) * MICROSECONDS)
    _bad(
        made,
        "past-expiry-time",
        octets,
        "expired",
        "past its own expiryTime",
        "IEEE 1609.2 6.3.9",
        time=now + 5,
    )
