"""Small valid structures that tests start from."""

from v2xpki.wire import dot2


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
