"""Small valid structures that tests and the vectors are made of."""

from v2xpki.wire import dot2, etsi


def authorization_ticket() -> dot2.CertificateBase:
    """Explicit, 151 octets, three PSIDs; its signature is of the right form only."""
    ssp = dot2.ServiceSpecificPermissions
    return dot2.CertificateBase(
        version=3,
        type="explicit",
        issuer=dot2.IssuerIdentifier("sha256AndDigest", bytes(range(8))),
        to_be_signed=dot2.ToBeSignedCertificate(
            id=dot2.CertificateId("none", None),
            craca_id=bytes(3),
            crl_series=0,
            validity_period=dot2.ValidityPeriod(start=700_000_000, duration=dot2.Duration("hours", 168)),
            app_permissions=(
                dot2.PsidSsp(psid=36, ssp=ssp("bitmapSsp", bytes.fromhex("01fffc"))),
                dot2.PsidSsp(psid=37, ssp=ssp("bitmapSsp", bytes.fromhex("01ffffff"))),
                dot2.PsidSsp(psid=138),
            ),
            verify_key_indicator=dot2.VerificationKeyIndicator(
                "verificationKey",
                dot2.PublicVerificationKey(
                    "ecdsaNistP256", dot2.EccP256CurvePoint("compressed-y-0", b"\x55" * 32)
                ),
            ),
        ),
        signature=signature(),
    )


def signature() -> dot2.Signature:
    point = dot2.EccP256CurvePoint("x-only", b"\x11" * 32)
    return dot2.Signature("ecdsaNistP256Signature", dot2.EcdsaP256Signature(r_sig=point, s_sig=b"\x22" * 32))


def issuing_group() -> dot2.PsidGroupPermissions:
    return dot2.PsidGroupPermissions(subject_permissions=dot2.SubjectPermissions("all", None))


def unsecured(payload: bytes) -> dot2.Ieee1609Dot2Data:
    content = dot2.Ieee1609Dot2Content("unsecuredData", payload)
    return dot2.Ieee1609Dot2Data(protocol_version=3, content=content)


def signed(data: dot2.Ieee1609Dot2Data | None, *, ext: bytes | None = None) -> dot2.Ieee1609Dot2Data:
    """Signed data with a self signer around data."""
    digest = None if ext is None else dot2.HashedData("sha256HashedData", ext)
    content = dot2.SignedData(
        hash_id="sha256",
        tbs_data=dot2.ToBeSignedData(
            payload=dot2.SignedDataPayload(data=data, ext_data_hash=digest),
            header_info=dot2.HeaderInfo(psid=623, generation_time=700_000_000_000_000),
        ),
        signer=dot2.SignerIdentifier("self", None),
        signature=signature(),
    )
    return dot2.Ieee1609Dot2Data(protocol_version=3, content=dot2.Ieee1609Dot2Content("signedData", content))


def encrypted() -> dot2.Ieee1609Dot2Data:
    point = dot2.EccP256CurvePoint("compressed-y-1", b"\x33" * 32)
    wrapped = dot2.EciesP256EncryptedKey(v=point, c=bytes(16), t=b"\x44" * 16)
    recipient = dot2.PKRecipientInfo(
        recipient_id=b"\x01" * 8, enc_key=dot2.EncryptedDataEncryptionKey("eciesNistP256", wrapped)
    )
    text = dot2.One28BitCcmCiphertext(nonce=bytes(12), ccm_ciphertext=b"\x99" * 300)
    data = dot2.EncryptedData(
        recipients=(
            dot2.RecipientInfo("certRecipInfo", recipient),
            dot2.RecipientInfo("rekRecipInfo", recipient),
            dot2.RecipientInfo("pskRecipInfo", b"\x02" * 8),
        ),
        ciphertext=dot2.SymmetricCiphertext("aes128ccm", text),
    )
    return dot2.Ieee1609Dot2Data(protocol_version=3, content=dot2.Ieee1609Dot2Content("encryptedData", data))


def attributes() -> etsi.CertificateSubjectAttributes:
    return etsi.CertificateSubjectAttributes(
        id=dot2.CertificateId("name", "fahrzeug-ä"),
        validity_period=dot2.ValidityPeriod(start=1, duration=dot2.Duration("years", 3)),
        region=dot2.GeographicRegion(
            "identifiedRegion",
            (
                dot2.IdentifiedRegion("countryOnly", 276),
                dot2.IdentifiedRegion(
                    "countryAndRegions", dot2.CountryAndRegions(country_only=250, regions=(1, 2, 3))
                ),
            ),
        ),
        app_permissions=(
            dot2.PsidSsp(psid=623, ssp=dot2.ServiceSpecificPermissions("bitmapSsp", b"\x01\xc0")),
        ),
    )


def keys() -> etsi.PublicKeys:
    point = dot2.EccP384CurvePoint(
        "uncompressedP384", dot2.EccP384CurvePointUncompressedP384(x=b"\x01" * 48, y=b"\x02" * 48)
    )
    encryption = dot2.PublicEncryptionKey(
        supported_symm_alg="aes128Ccm",
        public_key=dot2.BasePublicEncryptionKey(
            "eciesBrainpoolP256r1", dot2.EccP256CurvePoint("compressed-y-0", b"\x05" * 32)
        ),
    )
    return etsi.PublicKeys(
        verification_key=dot2.PublicVerificationKey("ecdsaBrainpoolP384r1", point), encryption_key=encryption
    )


def message(kind: etsi.EtsiTs102941DataContentKind, content) -> etsi.EtsiTs102941Data:
    return etsi.EtsiTs102941Data(version=1, content=etsi.EtsiTs102941DataContent(kind, content))


def shared_request() -> etsi.SharedAtRequest:
    return etsi.SharedAtRequest(
        ea_id=b"\x07" * 8,
        key_tag=b"\x08" * 16,
        certificate_format=1,
        requested_subject_attributes=attributes(),
    )


def structures():
    """A certificate of each kind, each kind of secured data, each flow's messages."""
    ticket = authorization_ticket()
    tbs = ticket.to_be_signed
    group = issuing_group()
    yield "AT", ticket
    yield "implicit certificate", ticket._replace(type="implicit", signature=None)
    yield (
        "CA certificate",
        ticket._replace(
            issuer=dot2.IssuerIdentifier("sha384AndDigest", bytes(8)),
            to_be_signed=tbs._replace(
                id=dot2.CertificateId("name", "AA"),
                cert_issue_permissions=(group, group._replace(min_chain_length=2, ee_type=0xC0)),
                encryption_key=keys().encryption_key,
                can_request_rollover=True,
            ),
        ),
    )
    yield (
        "certificate with extensions",
        ticket._replace(
            to_be_signed=tbs._replace(
                flags=0x80, app_extensions=(dot2.AppExtension(id=1, content=b"\x06\x01\x2b"),)
            )
        ),
    )
    yield "unsecured data", unsecured(bytes(200))
    yield "signed data", signed(unsecured(b"hello"))
    yield "signed data around a digest", signed(None, ext=b"\x0a" * 32)
    yield "signed data in signed data", signed(signed(unsecured(b"")))
    yield "encrypted data", encrypted()
    yield "enrolment request", message("enrolmentRequest", signed(unsecured(b"inner")))
    yield (
        "inner enrolment request",
        etsi.InnerEcRequest(
            its_id=b"vehicle-1",
            certificate_format=1,
            public_keys=keys(),
            requested_subject_attributes=attributes(),
        ),
    )
    for code, certificate in (("ok", ticket), ("deniedrequest", None)):
        yield (
            f"enrolment response {code}",
            message(
                "enrolmentResponse",
                etsi.InnerEcResponse(request_hash=bytes(16), response_code=code, certificate=certificate),
            ),
        )
    signature = etsi.EcSignature("encryptedEcSignature", encrypted())
    yield (
        "authorization request",
        message(
            "authorizationRequest",
            etsi.InnerAtRequest(
                public_keys=keys(),
                hmac_key=bytes(32),
                shared_at_request=shared_request(),
                ec_signature=signature,
            ),
        ),
    )
    yield (
        "authorization response",
        message(
            "authorizationResponse",
            etsi.InnerAtResponse(request_hash=bytes(16), response_code="deniedtoomanycerts"),
        ),
    )
    yield (
        "validation request",
        message(
            "authorizationValidationRequest",
            etsi.AuthorizationValidationRequest(shared_at_request=shared_request(), ec_signature=signature),
        ),
    )
    yield (
        "validation response",
        message(
            "authorizationValidationResponse",
            etsi.AuthorizationValidationResponse(
                request_hash=bytes(16), response_code="ok", confirmed_subject_attributes=attributes()
            ),
        ),
    )
    yield (
        "CA certificate request",
        message(
            "caCertificateRequest",
            etsi.CaCertificateRequest(public_keys=keys(), requested_subject_attributes=attributes()),
        ),
    )
    entries = (
        etsi.CtlEntry("rca", etsi.RootCaEntry(selfsigned_root_ca=ticket, successor_to=ticket)),
        etsi.CtlEntry(
            "ea", etsi.EaEntry(ea_certificate=ticket, aa_access_point="http://127.0.0.1/ea/validation")
        ),
        etsi.CtlEntry("aa", etsi.AaEntry(aa_certificate=ticket, access_point="http://127.0.0.1/aa")),
        etsi.CtlEntry("dc", etsi.DcEntry(url="http://127.0.0.1/dc", cert=(b"\x01" * 8, b"\x02" * 8))),
    )
    ctl = etsi.CtlFormat(
        version=1,
        next_update=5,
        is_full_ctl=False,
        ctl_sequence=255,
        ctl_commands=(
            *(etsi.CtlCommand("add", entry) for entry in entries),
            etsi.CtlCommand("delete", etsi.CtlDelete("cert", b"\x03" * 8)),
        ),
    )
    yield "CTL", message("certificateTrustListRca", ctl)
    yield "ECTL", message("certificateTrustListTlm", ctl._replace(is_full_ctl=True, ctl_commands=()))
    crl = etsi.ToBeSignedCrl(version=1, this_update=1, next_update=2, entries=(b"\x04" * 8,))
    yield "CRL", message("certificateRevocationList", crl)
    link = etsi.ToBeSignedLinkCertificate(
        expiry_time=9, certificate_hash=dot2.HashedData("sha384HashedData", b"\x05" * 48)
    )
    yield "link certificate", message("linkCertificateTlm", link)
