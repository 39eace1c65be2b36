"""Records of ETSI TS 103 097 and TS 102 941. Made from asn1/ by `python -m v2xpki.wire.generate`: edit neither.

A SEQUENCE is a NamedTuple with its fields in snake_case, mandatory ones first: construct by keyword.
A CHOICE is a NamedTuple of `kind`, the ASN.1 identifier, and `value`. ENUMERATED values are their
identifiers; a BIT STRING of eight bits is an octet, first bit 0x80; a NULL that is present is True as
an optional field and None as a choice; SEQUENCE OF is a tuple; OPTIONAL and absent is None.
"""

# ruff: noqa: E501
from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from v2xpki.wire import dot2, scms

CertificateFormat: TypeAlias = int  # INTEGER (1..255)
Version: TypeAlias = int  # INTEGER
ToBeSignedCrlEntries: TypeAlias = "tuple[CrlEntry, ...]"  # SEQUENCE OF CrlEntry
CrlEntry: TypeAlias = dot2.HashedId8  # HashedId8
CtlFormatCtlCommands: TypeAlias = "tuple[CtlCommand, ...]"  # SEQUENCE OF CtlCommand
DcEntryCert: TypeAlias = "tuple[dot2.HashedId8, ...]"  # SEQUENCE OF HashedId8
Url: TypeAlias = str  # IA5String
AuthorizationResponseCode: TypeAlias = Literal["ok", "its-aa-cantparse", "its-aa-badcontenttype", "its-aa-imnottherecipient", "its-aa-unknownencryptionalgorithm", "its-aa-decryptionfailed", "its-aa-keysdontmatch", "its-aa-incompleterequest", "its-aa-invalidencryptionkey", "its-aa-outofsyncrequest", "its-aa-unknownea", "its-aa-invalidea", "its-aa-deniedpermissions", "aa-ea-cantreachea", "ea-aa-cantparse", "ea-aa-badcontenttype", "ea-aa-imnottherecipient", "ea-aa-unknownencryptionalgorithm", "ea-aa-decryptionfailed", "invalidaa", "invalidaasignature", "wrongea", "unknownits", "invalidsignature", "invalidencryptionkey", "deniedpermissions", "deniedtoomanycerts"]
AuthorizationValidationResponseCode: TypeAlias = Literal["ok", "cantparse", "badcontenttype", "imnottherecipient", "unknownencryptionalgorithm", "decryptionfailed", "invalidaa", "invalidaasignature", "wrongea", "unknownits", "invalidsignature", "invalidencryptionkey", "deniedpermissions", "deniedtoomanycerts", "deniedrequest"]
EnrolmentResponseCode: TypeAlias = Literal["ok", "cantparse", "badcontenttype", "imnottherecipient", "unknownencryptionalgorithm", "decryptionfailed", "unknownits", "invalidsignature", "invalidencryptionkey", "baditsstatus", "incompleterequest", "deniedpermissions", "invalidkeys", "deniedrequest"]
ExtensionModuleVersion: TypeAlias = int  # INTEGER (2)
DcDelete: TypeAlias = Url  # Url


class CertificateSubjectAttributes(NamedTuple):
    """SEQUENCE; EtsiTs102941BaseTypes."""

    id: dot2.CertificateId | None = None  # CertificateId
    validity_period: dot2.ValidityPeriod | None = None  # ValidityPeriod
    region: dot2.GeographicRegion | None = None  # GeographicRegion
    assurance_level: dot2.SubjectAssurance | None = None  # SubjectAssurance
    app_permissions: dot2.SequenceOfPsidSsp | None = None  # SequenceOfPsidSsp
    cert_issue_permissions: dot2.SequenceOfPsidGroupPermissions | None = None  # SequenceOfPsidGroupPermissions


class EcSignature(NamedTuple):
    """CHOICE; EtsiTs102941BaseTypes.

    encryptedEcSignature: EtsiTs103097Data
    ecSignature: EtsiTs103097Data
    """

    kind: EcSignatureKind
    value: EtsiTs103097Data


EcSignatureKind: TypeAlias = Literal["encryptedEcSignature", "ecSignature"]


class PublicKeys(NamedTuple):
    """SEQUENCE; EtsiTs102941BaseTypes."""

    verification_key: dot2.PublicVerificationKey  # PublicVerificationKey
    encryption_key: dot2.PublicEncryptionKey | None = None  # PublicEncryptionKey


class EtsiTs102941Data(NamedTuple):
    """SEQUENCE; EtsiTs102941MessagesCa."""

    version: Version  # Version (v1)
    content: EtsiTs102941DataContent  # EtsiTs102941DataContent


class EtsiTs102941DataContent(NamedTuple):
    """CHOICE; EtsiTs102941MessagesCa.

    enrolmentRequest: InnerEcRequestSignedForPop
    enrolmentResponse: InnerEcResponse
    authorizationRequest: InnerAtRequest
    authorizationResponse: InnerAtResponse
    certificateRevocationList: ToBeSignedCrl
    certificateTrustListTlm: ToBeSignedTlmCtl
    certificateTrustListRca: ToBeSignedRcaCtl
    authorizationValidationRequest: AuthorizationValidationRequest
    authorizationValidationResponse: AuthorizationValidationResponse
    caCertificateRequest: CaCertificateRequest
    linkCertificateTlm: ToBeSignedLinkCertificateTlm
    singleSignedLinkCertificateRca: ToBeSignedLinkCertificateRca
    doubleSignedlinkCertificateRca: RcaSingleSignedLinkCertificateMessage
    butterflyAuthorizationRequest: EeRaCertRequest
    x509SignedbutterflyAuthorizationRequest: EtsiTs102941ButterflyAuthorizationRequest-X509Signed
    butterflyAuthorizationResponse: RaEeCertInfo
    butterflyCertificateRequest: RaAcaCertRequest
    butterflyCertificateResponse: AcaRaCertResponse
    butterflyAtDownloadRequest: EeRaDownloadRequest
    """

    kind: EtsiTs102941DataContentKind
    value: InnerEcRequestSignedForPop | InnerEcResponse | InnerAtRequest | InnerAtResponse | ToBeSignedCrl | ToBeSignedTlmCtl | ToBeSignedRcaCtl | AuthorizationValidationRequest | AuthorizationValidationResponse | CaCertificateRequest | ToBeSignedLinkCertificateTlm | ToBeSignedLinkCertificateRca | RcaSingleSignedLinkCertificateMessage | scms.EeRaCertRequest | EtsiTs102941ButterflyAuthorizationRequestX509Signed | scms.RaEeCertInfo | scms.RaAcaCertRequest | scms.AcaRaCertResponse | scms.EeRaDownloadRequest


EtsiTs102941DataContentKind: TypeAlias = Literal["enrolmentRequest", "enrolmentResponse", "authorizationRequest", "authorizationResponse", "certificateRevocationList", "certificateTrustListTlm", "certificateTrustListRca", "authorizationValidationRequest", "authorizationValidationResponse", "caCertificateRequest", "linkCertificateTlm", "singleSignedLinkCertificateRca", "doubleSignedlinkCertificateRca", "butterflyAuthorizationRequest", "x509SignedbutterflyAuthorizationRequest", "butterflyAuthorizationResponse", "butterflyCertificateRequest", "butterflyCertificateResponse", "butterflyAtDownloadRequest"]


class ToBeSignedCrl(NamedTuple):
    """SEQUENCE; EtsiTs102941TrustLists."""

    version: Version  # Version
    this_update: dot2.Time32  # Time32
    next_update: dot2.Time32  # Time32
    entries: tuple[CrlEntry, ...]  # SEQUENCE OF CrlEntry


class CtlFormat(NamedTuple):
    """SEQUENCE; EtsiTs102941TrustLists."""

    version: Version  # Version
    next_update: dot2.Time32  # Time32
    is_full_ctl: bool  # BOOLEAN
    ctl_sequence: int  # INTEGER (0..255)
    ctl_commands: tuple[CtlCommand, ...]  # SEQUENCE OF CtlCommand


class CtlCommand(NamedTuple):
    """CHOICE; EtsiTs102941TrustLists.

    add: CtlEntry
    delete: CtlDelete
    """

    kind: CtlCommandKind
    value: CtlEntry | CtlDelete


CtlCommandKind: TypeAlias = Literal["add", "delete"]


class CtlEntry(NamedTuple):
    """CHOICE; EtsiTs102941TrustLists.

    rca: RootCaEntry
    ea: EaEntry
    aa: AaEntry
    dc: DcEntry
    tlm: TlmEntry
    """

    kind: CtlEntryKind
    value: RootCaEntry | EaEntry | AaEntry | DcEntry | TlmEntry


CtlEntryKind: TypeAlias = Literal["rca", "ea", "aa", "dc", "tlm"]


class CtlDelete(NamedTuple):
    """CHOICE; EtsiTs102941TrustLists.

    cert: HashedId8
    dc: DcDelete
    """

    kind: CtlDeleteKind
    value: dot2.HashedId8 | DcDelete


CtlDeleteKind: TypeAlias = Literal["cert", "dc"]


class TlmEntry(NamedTuple):
    """SEQUENCE; EtsiTs102941TrustLists."""

    self_signed_tlm_certificate: EtsiTs103097Certificate  # EtsiTs103097Certificate
    access_point: Url  # Url
    successor_to: EtsiTs103097Certificate | None = None  # EtsiTs103097Certificate


class RootCaEntry(NamedTuple):
    """SEQUENCE; EtsiTs102941TrustLists."""

    selfsigned_root_ca: EtsiTs103097Certificate  # EtsiTs103097Certificate
    successor_to: EtsiTs103097Certificate | None = None  # EtsiTs103097Certificate


class EaEntry(NamedTuple):
    """SEQUENCE; EtsiTs102941TrustLists."""

    ea_certificate: EtsiTs103097Certificate  # EtsiTs103097Certificate
    aa_access_point: Url  # Url
    its_access_point: Url | None = None  # Url


class AaEntry(NamedTuple):
    """SEQUENCE; EtsiTs102941TrustLists."""

    aa_certificate: EtsiTs103097Certificate  # EtsiTs103097Certificate
    access_point: Url  # Url


class DcEntry(NamedTuple):
    """SEQUENCE; EtsiTs102941TrustLists."""

    url: Url  # Url
    cert: tuple[dot2.HashedId8, ...]  # SEQUENCE OF HashedId8


class InnerAtRequest(NamedTuple):
    """SEQUENCE; EtsiTs102941TypesAuthorization."""

    public_keys: PublicKeys  # PublicKeys
    hmac_key: bytes  # OCTET STRING (SIZE(32))
    shared_at_request: SharedAtRequest  # SharedAtRequest
    ec_signature: EcSignature  # EcSignature


class SharedAtRequest(NamedTuple):
    """SEQUENCE; EtsiTs102941TypesAuthorization."""

    ea_id: dot2.HashedId8  # HashedId8
    key_tag: bytes  # OCTET STRING (SIZE(16))
    certificate_format: CertificateFormat  # CertificateFormat
    requested_subject_attributes: CertificateSubjectAttributes  # CertificateSubjectAttributes


class InnerAtResponse(NamedTuple):
    """SEQUENCE; EtsiTs102941TypesAuthorization."""

    request_hash: bytes  # OCTET STRING (SIZE(16))
    response_code: AuthorizationResponseCode  # AuthorizationResponseCode
    certificate: EtsiTs103097Certificate | None = None  # EtsiTs103097Certificate


class AuthorizationValidationRequest(NamedTuple):
    """SEQUENCE; EtsiTs102941TypesAuthorizationValidation."""

    shared_at_request: SharedAtRequest  # SharedAtRequest
    ec_signature: EcSignature  # EcSignature


class AuthorizationValidationResponse(NamedTuple):
    """SEQUENCE; EtsiTs102941TypesAuthorizationValidation."""

    request_hash: bytes  # OCTET STRING (SIZE(16))
    response_code: AuthorizationValidationResponseCode  # AuthorizationValidationResponseCode
    confirmed_subject_attributes: CertificateSubjectAttributes | None = None  # CertificateSubjectAttributes


class CaCertificateRequest(NamedTuple):
    """SEQUENCE; EtsiTs102941TypesCaManagement."""

    public_keys: PublicKeys  # PublicKeys
    requested_subject_attributes: CertificateSubjectAttributes  # CertificateSubjectAttributes


class InnerEcRequest(NamedTuple):
    """SEQUENCE; EtsiTs102941TypesEnrolment."""

    its_id: bytes  # OCTET STRING
    certificate_format: CertificateFormat  # CertificateFormat
    public_keys: PublicKeys  # PublicKeys
    requested_subject_attributes: CertificateSubjectAttributes  # CertificateSubjectAttributes


class InnerEcResponse(NamedTuple):
    """SEQUENCE; EtsiTs102941TypesEnrolment."""

    request_hash: bytes  # OCTET STRING (SIZE(16))
    response_code: EnrolmentResponseCode  # EnrolmentResponseCode
    certificate: EtsiTs103097Certificate | None = None  # EtsiTs103097Certificate


class ToBeSignedLinkCertificate(NamedTuple):
    """SEQUENCE; EtsiTs102941TypesLinkCertificate."""

    expiry_time: dot2.Time32  # Time32
    certificate_hash: dot2.HashedData  # HashedData


class EtsiTs102941CrlRequest(NamedTuple):
    """SEQUENCE; EtsiTs103097ExtensionModule."""

    issuer_id: dot2.HashedId8  # HashedId8
    last_known_update: dot2.Time32 | None = None  # Time32


class EtsiTs102941CtlRequest(NamedTuple):
    """SEQUENCE; EtsiTs103097ExtensionModule."""

    issuer_id: dot2.HashedId8  # HashedId8
    last_known_ctl_sequence: dot2.Uint8 | None = None  # Uint8


class EtsiTs102941FullCtlRequest(NamedTuple):
    """SEQUENCE; EtsiTs103097ExtensionModule."""

    issuer_id: dot2.HashedId8  # HashedId8
    last_known_ctl_sequence: dot2.Uint8 | None = None  # Uint8
    segment_number: dot2.Uint8 | None = None  # Uint8


ToBeSignedTlmCtl: TypeAlias = CtlFormat
ToBeSignedRcaCtl: TypeAlias = CtlFormat
FullCtl: TypeAlias = CtlFormat
DeltaCtl: TypeAlias = CtlFormat
EtsiTs102941ButterflyAuthorizationRequestX509Signed: TypeAlias = scms.Ieee1609Dot2DataSignedX509AuthenticatedCertRequest
ToBeSignedLinkCertificateTlm: TypeAlias = ToBeSignedLinkCertificate
ToBeSignedLinkCertificateRca: TypeAlias = ToBeSignedLinkCertificate
EtsiOriginatingHeaderInfoExtension: TypeAlias = dot2.Extension
EtsiTs102941DeltaCtlRequest: TypeAlias = EtsiTs102941CtlRequest
EtsiTs103097Certificate: TypeAlias = dot2.Certificate
EtsiTs103097Data: TypeAlias = dot2.Ieee1609Dot2Data
EtsiTs103097DataUnsecured: TypeAlias = EtsiTs103097Data
EtsiTs103097DataSigned: TypeAlias = EtsiTs103097Data
EtsiTs103097DataSignedExternalPayload: TypeAlias = EtsiTs103097Data
EtsiTs103097DataEncrypted: TypeAlias = EtsiTs103097Data
EtsiTs103097DataSignedAndEncrypted: TypeAlias = EtsiTs103097DataEncrypted
EtsiTs103097DataEncryptedUnicast: TypeAlias = EtsiTs103097DataEncrypted
EtsiTs103097DataSignedAndEncryptedUnicast: TypeAlias = EtsiTs103097DataEncrypted
EnrolmentRequestMessage: TypeAlias = EtsiTs103097Data
EnrolmentResponseMessage: TypeAlias = EtsiTs103097Data
AuthorizationRequestMessage: TypeAlias = EtsiTs103097Data
AuthorizationRequestMessageWithPop: TypeAlias = EtsiTs103097Data
AuthorizationResponseMessage: TypeAlias = EtsiTs103097Data
CertificateRevocationListMessage: TypeAlias = EtsiTs103097Data
TlmCertificateTrustListMessage: TypeAlias = EtsiTs103097Data
RcaCertificateTrustListMessage: TypeAlias = EtsiTs103097Data
AuthorizationValidationRequestMessage: TypeAlias = EtsiTs103097Data
AuthorizationValidationResponseMessage: TypeAlias = EtsiTs103097Data
CaCertificateRequestMessage: TypeAlias = EtsiTs103097Data
CaCertificateRekeyingMessage: TypeAlias = EtsiTs103097Data
TlmLinkCertificateMessage: TypeAlias = EtsiTs103097Data
RcaSingleSignedLinkCertificateMessage: TypeAlias = EtsiTs103097Data
RcaDoubleSignedLinkCertificateMessage: TypeAlias = EtsiTs103097Data
ButterflyAuthorizationRequestMessage: TypeAlias = EtsiTs103097Data
X509SignedButterflyAuthorizationRequestMessage: TypeAlias = EtsiTs103097Data
ButterflyAuthorizationResponseMessage: TypeAlias = EtsiTs103097Data
ButterflyAtDownloadRequestMessage: TypeAlias = EtsiTs103097Data
ButterflyCertRequestMessage: TypeAlias = EtsiTs103097Data
ButterflyCertResponseMessage: TypeAlias = EtsiTs103097Data
InnerEcRequestSignedForPop: TypeAlias = EtsiTs103097Data
