"""The certificates of a test set: forms that are accepted, and those that break one rule each."""

from typing import TYPE_CHECKING, Any

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.errors import InvalidPoint
from v2xpki.secured import etsi_header, sign
from v2xpki.testset.laboratory import (
    DAY,
    Identity,
    group,
    services,
    sign_certificate,
    uncompressed,
    with_r,
)
from v2xpki.time import MICROSECONDS
from v2xpki.trust import regions
from v2xpki.trust.lists import CrlSchedule, build_crl
from v2xpki.trust.validity import floor_hour
from v2xpki.wire import dot2

if TYPE_CHECKING:
    from v2xpki.testset.catalogue import Set

P256 = Curve.NIST_P256
CAM: dict[str, Any] = {"app_permissions": services({36: "010000"})}


def add_all(made: "Set") -> None:
    """All entries of kind certificate but the PKIs' own."""
    _forms(made)
    _validity(made)
    _chains(made)
    _permissions(made)
    _profile(made)
    _signatures(made)
    _points(made)
    _octets(made)


def ticket(made: "Set", name: str, **options: Any) -> Identity:
    """A ticket of the main PKI's AA, on P-256, that nobody is given."""
    return made.lab.issue("AT", f"spoilt/{name}", made.main.aa, P256, **(CAM | options))


def _bad(made: "Set", rule: str, octets: bytes, reason: str, text: str, clause: str, **more: Any) -> None:
    chain = more.pop("chain", [made.main.aa, made.main.root])
    made.add("certificate", rule, octets, chain, text, clause=clause, reason=reason, **more)


def _forms(made: "Set") -> None:
    """Every form of points and r that a receiver has to accept (IEEE 1609.2 6.1.2)."""
    for curve in Curve:
        pki = made.pkis[curve.text]
        chain = [pki.aa, pki.root]
        forms: list[tuple[str, dict[str, Any]]] = [
            ("uncompressed-keys", {"point": "uncompressed"}),
            ("r-compressed", {"r": "compressed"}),
            ("r-uncompressed", {"r": "uncompressed"}),
            ("all-uncompressed", {"point": "uncompressed", "r": "uncompressed"}),
        ]
        for name, options in forms:
            label = f"stations/{curve.text}-{name}"
            at = made.lab.issue("AT", label, pki.aa, curve, encryption=True, **CAM, **options)
            made.keep(at, "AT")
            made.add(
                "certificate",
                f"{name}-{curve.text}",
                b"",
                chain,
                f"ticket on {curve.text}: {name.replace('-', ' ')}; what is signed and hashed is canonical",
                clause="IEEE 1609.2 6.1.2",
                key=at,
                file=f"{label}.oer",
            )
    german = made.lab.issue(
        "AT", "stations/germany", made.main.aa, P256, region=regions.from_text("countries:276"), **CAM
    )
    made.keep(german, "AT")
    made.add(
        "certificate",
        "region-inside",
        b"",
        [made.main.aa, made.main.root],
        "ticket for Germany under a root for the EU's 27 (country 65535)",
        key=german,
        clause="IEEE 1609.2 6.4.17",
        file="stations/germany.oer",
    )


def _validity(made: "Set") -> None:
    hour = floor_hour(made.lab.now)
    clause = "IEEE 1609.2 5.1.2.4"
    expired = ticket(made, "expired", start=hour - 20 * DAY, seconds=7 * DAY)
    _bad(made, "expired", expired.octets, "expired", "ended a fortnight ago", clause)
    ahead = ticket(made, "not-yet-valid", start=hour + 30 * DAY, seconds=7 * DAY)
    _bad(made, "not-yet-valid", ahead.octets, "not-yet-valid", "begins in a month", clause)
    aa = made.main.aa.certificate
    long = dot2.ValidityPeriod(start=hour, duration=dot2.Duration(kind="years", value=20))
    assert aa.end < hour + 20 * 31_556_952
    outside = ticket(made, "validity-outside-issuer", change={"validity_period": long})
    _bad(made, "validity-outside-issuer", outside.octets, "validity-inside", "outlives its issuer", clause)
    before = dot2.ValidityPeriod(start=aa.start - DAY, duration=dot2.Duration(kind="hours", value=24 * 40))
    early = ticket(made, "validity-before-issuer", change={"validity_period": before})
    _bad(made, "validity-before-issuer", early.octets, "validity-inside", "begins before its issuer", clause)
    old_aa = made.lab.issue(
        "AA",
        "pki/mixed/aa-expired",
        made.main.root,
        P256,
        name="Test AA expired",
        start=hour - 29 * DAY,
        seconds=10 * DAY,
    )
    made.keep(old_aa, "AA")
    below = made.lab.issue(
        "AT", "spoilt/issuer-expired", old_aa, P256, **CAM, start=hour - 25 * DAY, seconds=5 * DAY
    )
    _bad(
        made,
        "issuer-expired",
        below.octets,
        "expired",
        "its AA has expired, and so has it",
        clause,
        chain=[old_aa, made.main.root],
    )


def _chains(made: "Set") -> None:
    lab, main = made.lab, made.main
    root, aa = main.root, main.aa
    clause = "IEEE 1609.2 5.1.2"
    good = ticket(made, "chain")
    issuer = dot2.IssuerIdentifier(kind="sha256AndDigest", value=bytes.fromhex("0011223344556677"))
    other = wire.encode(good.certificate.record._replace(issuer=issuer))
    _bad(made, "wrong-issuer-digest", other, "chain", "names an issuer that is none", clause)
    by_ea = dot2.IssuerIdentifier(kind="sha256AndDigest", value=main.ea.certificate.hashed_id8)
    octets = wire.encode(good.certificate.record._replace(issuer=by_ea))
    _bad(
        made,
        "issuer-is-another-ca",
        octets,
        "app-permissions",
        "names the EA, which may issue no tickets",
        clause,
        chain=[main.ea, root],
    )
    _bad(
        made,
        "issuer-missing",
        good.octets,
        "chain",
        "the AA's certificate is not there",
        clause,
        chain=[root],
    )
    foreign = made.pkis["nistP256"]
    _bad(
        made,
        "untrusted-root",
        good.octets,
        "chain",
        "leads to a root that is not the trusted one",
        clause,
        chain=[aa, foreign.root],
    )
    self_signed = lab.issue("RCA", "spoilt/self", None, P256, name="x")
    tbs = good.certificate.record.to_be_signed
    alone = sign_certificate(
        tbs._replace(verify_key_indicator=self_signed.certificate.record.to_be_signed.verify_key_indicator),
        self_signed.key,
        None,
    )
    _bad(made, "self-signed-ticket", wire.encode(alone), "anchor", "a ticket that signs itself", clause)
    below = made.keep(lab.issue("AT", "stations/as-issuer", aa, P256, **CAM), "AT")
    child = lab.issue("AT", "spoilt/ticket-as-issuer", below, P256, **CAM)
    _bad(
        made,
        "ticket-as-issuer",
        child.octets,
        "app-permissions",
        "issued by a ticket",
        clause,
        chain=[below, aa, root],
    )
    sub = lab.issue("AA", "pki/mixed/aa-of-aa", aa, P256, name="Test AA of AA")
    made.keep(sub, "AA")
    deep = lab.issue("AT", "spoilt/chain-too-long", sub, P256, **CAM)
    _bad(
        made,
        "chain-too-long",
        deep.octets,
        "app-permissions",
        "an AA below an AA, whose minChainLength allows tickets alone",
        "IEEE 1609.2 6.4.30",
        chain=[sub, aa, root],
    )
    greedy = lab.issue(
        "AA",
        "spoilt/issue-permissions-too-long",
        root,
        P256,
        name="Test AA",
        change={"cert_issue_permissions": (group([(36, "01ffff", "ff0000")], reach=3),)},
    )
    _bad(
        made,
        "issue-permissions-too-long",
        greedy.octets,
        "issue-permissions",
        "an AA with chainLengthRange 3 under a root that allows 0",
        "IEEE 1609.2 6.4.30",
        chain=[root],
    )
    for name, who in (("revoked-authority", aa), ("revoked-root", root)):
        crl = build_crl(root.certificate, CrlSchedule(lab.now - DAY, lab.now + 90 * DAY), [who.certificate])
        signed = sign(
            root.key,
            etsi_header(622, (lab.now - DAY) * MICROSECONDS),
            payload=wire.encode(crl),
            certificate=root.certificate,
            identifier="certificate",
        )
        path = made.write(f"lists/crl-{name}.oer", signed)
        _bad(
            made,
            name,
            good.octets,
            "revoked",
            f"a CRL in force has the {name.split('-')[1]} above it",
            "TS 102 941 6.3.2",
            chain=[aa, root, path],
        )


def _permissions(made: "Set") -> None:
    lab, main = made.lab, made.main
    clause = "IEEE 1609.2 5.1.2.4"
    cases: list[tuple[str, dict[int, str | None], str]] = [
        ("permission-outside", {36: "010000", 1622: "01"}, "holds MDM (1622), which the AA may not grant"),
        ("pki-psid-in-ticket", {36: "010000", 623: "01c0"}, "holds the right to request certificates (623)"),
        ("mask-violated", {36: "020000"}, "SSP version 2 of CAM where the AA's range fixes 1"),
        ("ssp-reserved-bits", {137: "01ff"}, "reserved bits of SPATEM's SSP set, which the range fixes to 0"),
        ("ssp-length", {36: "0100"}, "an SSP of CAM of two octets"),
        ("ssp-too-long", {37: "0100000000"}, "an SSP of DENM version 1 of five octets"),
        ("ssp-missing", {36: None}, "no SSP for CAM"),
        ("ssp-present", {141: "01"}, "an SSP for GN-MGMT, which has none"),
    ]
    for rule, held, text in cases:
        spoilt = ticket(made, rule, app_permissions=services(held))
        _bad(made, rule, spoilt.octets, "app-permissions", text, clause)
    opaque = (dot2.PsidSsp(psid=36, ssp=dot2.ServiceSpecificPermissions(kind="opaque", value=b"\1\0\0")),)
    _bad(
        made,
        "ssp-opaque",
        ticket(made, "ssp-opaque", app_permissions=opaque).octets,
        "app-permissions",
        "an SSP of CAM that is opaque, not a bitmap",
        clause,
    )
    for rule, groups, text in (
        ("issue-permission-outside", [group([(1622, "01", "ff")])], "an AA that may grant MDM (1622)"),
        (
            "issue-mask-widened",
            [group([(36, "ffffff", "000000")])],
            "an AA that may grant any version of CAM",
        ),
        (
            "issue-permission-wrong-length",
            [group([(36, "01ff", "ff00")])],
            "an AA whose range for CAM has another length than its root's",
        ),
        (
            "issue-lists",
            [group([(36, "01ffff", "ff0000")]), group([(624, "01ff", "ff00")])],
            "an AA that may pass on the right to sign lists",
        ),
        (
            "ee-type-outside",
            [group([(36, "01ffff", "ff0000")], ee_type=0xA0)],
            "an AA with an eeType bit that its root has not",
        ),
    ):
        spoilt = lab.issue(
            "AA",
            f"spoilt/{rule}",
            main.root,
            P256,
            name="Test AA",
            change={"cert_issue_permissions": tuple(groups)},
        )
        _bad(made, rule, spoilt.octets, "issue-permissions", text, clause, chain=[main.root])
    german = lab.issue(
        "AA",
        "pki/mixed/aa-germany",
        main.root,
        P256,
        name="Test AA Germany",
        region=regions.from_text("countries:276"),
    )
    made.keep(german, "AA")
    outside = lab.issue(
        "AT",
        "spoilt/region-outside",
        german,
        P256,
        **CAM,
        change={"region": regions.from_text("countries:250")},
    )
    _bad(
        made,
        "region-outside",
        outside.octets,
        "region",
        "a ticket for France by an AA for Germany",
        "IEEE 1609.2 6.4.17",
        chain=[german, main.root],
    )
    swiss = ticket(made, "region-outside-root", change={"region": regions.from_text("countries:756")})
    _bad(
        made,
        "region-outside-root",
        swiss.octets,
        "region",
        "a ticket for Switzerland by an AA without a region, under a root for the EU",
        "IEEE 1609.2 6.4.17",
    )


def _profile(made: "Set") -> None:
    name = dot2.CertificateId(kind="name", value="vehicle")
    binary = dot2.CertificateId(kind="binaryId", value=b"vehicle")
    requests = (group([(36, "01ffff", "ff0000")]),)
    for rule, change, reason, text, clause in (
        ("craca-id-not-zero", {"craca_id": b"\1\2\3"}, "profile", "cracaId is not 000000", "TS 103 097 6"),
        ("crl-series-not-zero", {"crl_series": 7}, "profile", "crlSeries is not 0", "TS 103 097 6"),
        (
            "cert-request-permissions",
            {"cert_request_permissions": requests},
            "profile",
            "certRequestPermissions in a ticket",
            "TS 103 097 6",
        ),
        (
            "can-request-rollover",
            {"can_request_rollover": True},
            "profile",
            "canRequestRollover",
            "TS 103 097 6",
        ),
        (
            "psid-twice",
            {"app_permissions": services({36: "010000"}) * 2},
            "profile",
            "a PSID twice",
            "IEEE 1609.2 6.4.8",
        ),
        ("name-in-ticket", {"id": name}, "type", "a ticket with a name", "TS 103 097 7.2.1"),
        ("binary-id-in-ticket", {"id": binary}, "type", "a ticket with a binary id", "TS 103 097 7.2.1"),
        ("no-app-permissions", {"app_permissions": None}, "type", "a ticket for nothing", "TS 103 097 7.2.1"),
        (
            "issue-permissions-in-ticket",
            {"cert_issue_permissions": requests},
            "issue-permissions",
            "certIssuePermissions in a ticket",
            "TS 103 097 7.2.1",
        ),
    ):
        _bad(made, rule, ticket(made, rule, change=change).octets, reason, text, clause)
    record = ticket(made, "implicit").certificate.record
    key: Any = record.to_be_signed.verify_key_indicator.value
    indicator = dot2.VerificationKeyIndicator(kind="reconstructionValue", value=key.value)
    tbs = record.to_be_signed._replace(verify_key_indicator=indicator)
    implicit = record._replace(type="implicit", signature=None, to_be_signed=tbs)
    _bad(
        made,
        "implicit",
        wire.encode(implicit),
        "type",
        "an implicit certificate, which this PKI has not",
        "TS 103 097 6",
    )


def _signatures(made: "Set") -> None:
    lab, main = made.lab, made.main
    clause = "IEEE 1609.2 5.3.1"
    good = ticket(made, "signatures")
    record = good.certificate.record
    _bad(
        made,
        "tbs-hash-only",
        ticket(made, "tbs-hash-only", hash_tbs_only=True).octets,
        "signature",
        "signed over H(tbs) instead of H(H(tbs) || H(issuer))",
        clause,
    )
    no_issuer = sign_certificate(record.to_be_signed, main.aa.key, None)._replace(issuer=record.issuer)
    _bad(
        made,
        "empty-issuer-hash",
        wire.encode(no_issuer),
        "signature",
        'signed over H(H(tbs) || H("")), as if for itself',
        clause,
    )
    _bad(
        made,
        "signed-by-another-key",
        ticket(made, "other-key", signer=lab.key("other", P256)).octets,
        "signature",
        "signed by another key than the AA's",
        clause,
    )
    flipped = bytearray(good.octets)
    flipped[-1] ^= 1
    _bad(made, "flipped-signature-bit", bytes(flipped), "signature", "a bit of s is flipped", clause)
    altered = record.to_be_signed._replace(app_permissions=services({36: "01fffc"}))
    _bad(
        made,
        "altered-content",
        wire.encode(record._replace(to_be_signed=altered)),
        "signature",
        "the SSP was widened after the signature",
        clause,
    )
    issuer: Any = dot2.IssuerIdentifier(kind="sha384AndDigest", value=main.aa.certificate.hashed_id8)
    _bad(
        made,
        "wrong-hash-algorithm",
        wire.encode(record._replace(issuer=issuer)),
        "signature",
        "the issuer is named by SHA-384, its key is on a 256-bit curve",
        clause,
    )
    assert record.signature is not None
    value: Any = record.signature.value
    for rule, signature, text in (
        ("s-is-zero", record.signature._replace(value=value._replace(s_sig=bytes(32))), "s is 0"),
        (
            "s-is-order",
            record.signature._replace(value=value._replace(s_sig=P256.order.to_bytes(32, "big"))),
            "s is the order of the curve",
        ),
        (
            "r-is-zero",
            with_r(record.signature, dot2.EccP256CurvePoint(kind="x-only", value=bytes(32))),
            "r is 0",
        ),
        (
            "other-signature-curve",
            record.signature._replace(kind="ecdsaBrainpoolP256r1Signature"),
            "the signature says brainpoolP256r1, the AA's key is on P-256",
        ),
    ):
        octets = wire.encode(record._replace(signature=signature))
        _bad(made, rule, octets, "signature", text, "IEEE 1609.2 6.3.29")
    fill = with_r(record.signature, dot2.EccP256CurvePoint(kind="fill", value=None))
    _bad(
        made,
        "r-is-fill",
        wire.encode(record._replace(signature=fill)),
        "invalidSignature",
        "r is `fill`",
        "IEEE 1609.2 6.3.29",
    )


def _points(made: "Set") -> None:
    main = made.main
    clause = "IEEE 1609.2 6.1.2"
    good = ticket(made, "points", encryption=True)
    full = uncompressed(good.certificate.record.to_be_signed)
    wrong = sign_certificate(full, main.aa.key, main.aa, over=wire.encode(full))
    _bad(
        made,
        "uncompressed-signed-as-sent",
        wire.encode(wrong),
        "signature",
        "uncompressed keys, signed in this form instead of the canonical one",
        clause,
    )

    def with_key(point: Any) -> bytes:
        tbs = good.certificate.record.to_be_signed
        key = tbs.verify_key_indicator.value
        assert isinstance(key, dot2.PublicVerificationKey)
        indicator = tbs.verify_key_indicator._replace(value=key._replace(value=point))
        return wire.encode(
            sign_certificate(tbs._replace(verify_key_indicator=indicator), main.aa.key, main.aa)
        )

    off = dot2.EccP256CurvePoint(kind="compressed-y-0", value=off_curve())
    _bad(
        made,
        "key-off-curve",
        with_key(off),
        "key",
        "the verification key is no point of its curve",
        "IEEE 1609.2 6.3.23",
    )
    x_only = dot2.EccP256CurvePoint(kind="x-only", value=good.key.public_key.point[1:])
    _bad(
        made, "key-x-only", with_key(x_only), "invalidPoint", "the verification key is written x-only", clause
    )
    tbs = good.certificate.record.to_be_signed
    assert tbs.encryption_key is not None
    base = tbs.encryption_key.public_key._replace(value=off)
    spoilt = tbs._replace(encryption_key=tbs.encryption_key._replace(public_key=base))
    _bad(
        made,
        "encryption-key-off-curve",
        wire.encode(sign_certificate(spoilt, main.aa.key, main.aa)),
        "key",
        "the encryption key is no point of its curve",
        "IEEE 1609.2 6.3.23",
    )


def off_curve() -> bytes:
    """An x of no point of P-256."""
    for number in range(1, 64):
        octets = number.to_bytes(32, "big")
        try:
            PublicKey.from_sec1(P256, b"\2" + octets)
        except InvalidPoint:
            return octets
    raise AssertionError("every x is of a point")  # pragma: no cover


def _octets(made: "Set") -> None:
    clause = "IEEE 1609.2 5.2.2; ITU-T X.696"
    octets = ticket(made, "octets").octets
    assert Certificate.parse(octets).octets == octets
    # the length of the validity's start is fixed; that of appPermissions' quantity is not
    quantity = octets.index(bytes.fromhex("010180012481"))
    long = octets[:quantity] + b"\2\0\1" + octets[quantity + 2 :]
    for rule, spoilt, text in (
        ("trailing-octets", octets + b"\0", "an octet too many at the end"),
        ("truncated", octets[:-1], "the last octet is missing"),
        ("non-minimal-length", long, "a quantity in two octets that fits in one"),
        ("wrong-version", octets[:1] + b"\2" + octets[2:], "version 2"),
        ("empty", b"\x80", "nothing but the first octet"),
        (
            "unknown-alternative",
            octets[:3] + b"\x9e" + octets[4:],
            "an issuer alternative that does not exist",
        ),
    ):
        _bad(made, rule, spoilt, "decode", text, clause, decodes=False)
