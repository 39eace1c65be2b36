"""Records of IEEE 1609.2. Made from asn1/ by `python -m v2xpki.wire.generate`: edit neither.

A SEQUENCE is a NamedTuple with its fields in snake_case, mandatory ones first: construct by keyword.
A CHOICE is a NamedTuple of `kind`, the ASN.1 identifier, and `value`. ENUMERATED values are their
identifiers; a BIT STRING of eight bits is an octet, first bit 0x80; a NULL that is present is True as
an optional field and None as a choice; SEQUENCE OF is a tuple; OPTIONAL and absent is None.
"""

# ruff: noqa: E501
from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

TLS_HANDSHAKE = 1
ISO21177_EXTENDED_AUTH = 2
ISO21177_SESSION_EXTENSION = 3
IEEE1609_HEADER_INFO_CONTRIBUTOR_ID = 1
ETSI_HEADER_INFO_CONTRIBUTOR_ID = 2
P2PCD8_BYTE_LEARNING_REQUEST_ID = 1
CERT_EXT_ID_OPERATING_ORGANIZATION = 1

PduFunctionalType: TypeAlias = int  # INTEGER (0..255)
ContributedExtensionBlocks: TypeAlias = "tuple[ContributedExtensionBlock, ...]"  # SEQUENCE (SIZE(1..MAX)) OF ContributedExtensionBlock
ContributedExtensionBlockExtns: TypeAlias = "tuple[bytes, ...]"  # SEQUENCE (SIZE(1..MAX)) OF OCTET STRING
HeaderInfoContributorId: TypeAlias = int  # INTEGER (0..255)
SequenceOfRecipientInfo: TypeAlias = "tuple[RecipientInfo, ...]"  # SEQUENCE OF RecipientInfo
SequenceOfCertificate: TypeAlias = "tuple[Certificate, ...]"  # SEQUENCE OF Certificate
CertificateType: TypeAlias = Literal["explicit", "implicit"]
EndEntityType: TypeAlias = int  # BIT STRING (SIZE(8))
SequenceOfPsidGroupPermissions: TypeAlias = "tuple[PsidGroupPermissions, ...]"  # SEQUENCE OF PsidGroupPermissions
SequenceOfAppExtensions: TypeAlias = "tuple[AppExtension, ...]"  # SEQUENCE (SIZE(1..MAX)) OF AppExtension
SequenceOfCertIssueExtensions: TypeAlias = "tuple[CertIssueExtension, ...]"  # SEQUENCE (SIZE(1..MAX)) OF CertIssueExtension
SequenceOfCertRequestExtensions: TypeAlias = "tuple[CertRequestExtension, ...]"  # SEQUENCE (SIZE(1..MAX)) OF CertRequestExtension
OperatingOrganizationId: TypeAlias = str  # OBJECT IDENTIFIER
Uint3: TypeAlias = int  # INTEGER (0..7)
Uint8: TypeAlias = int  # INTEGER (0..255)
Uint16: TypeAlias = int  # INTEGER (0..65535)
Uint32: TypeAlias = int  # INTEGER (0..4294967295)
Uint64: TypeAlias = int  # INTEGER (0..18446744073709551615)
SequenceOfUint8: TypeAlias = "tuple[Uint8, ...]"  # SEQUENCE OF Uint8
SequenceOfUint16: TypeAlias = "tuple[Uint16, ...]"  # SEQUENCE OF Uint16
Opaque: TypeAlias = bytes  # OCTET STRING
HashedId3: TypeAlias = bytes  # OCTET STRING (SIZE(3))
SequenceOfHashedId3: TypeAlias = "tuple[HashedId3, ...]"  # SEQUENCE OF HashedId3
HashedId8: TypeAlias = bytes  # OCTET STRING (SIZE(8))
HashedId10: TypeAlias = bytes  # OCTET STRING (SIZE(10))
HashedId32: TypeAlias = bytes  # OCTET STRING (SIZE(32))
HashedId48: TypeAlias = bytes  # OCTET STRING (SIZE(48))
Time32: TypeAlias = Uint32  # Uint32
Time64: TypeAlias = Uint64  # Uint64
SequenceOfRectangularRegion: TypeAlias = "tuple[RectangularRegion, ...]"  # SEQUENCE OF RectangularRegion
PolygonalRegion: TypeAlias = "tuple[TwoDLocation, ...]"  # SEQUENCE (SIZE(3..MAX)) OF TwoDLocation
SequenceOfIdentifiedRegion: TypeAlias = "tuple[IdentifiedRegion, ...]"  # SEQUENCE OF IdentifiedRegion
UnCountryId: TypeAlias = Uint16  # Uint16
CountryOnly: TypeAlias = UnCountryId  # UnCountryId
SequenceOfRegionAndSubregions: TypeAlias = "tuple[RegionAndSubregions, ...]"  # SEQUENCE OF RegionAndSubregions
Elevation: TypeAlias = Uint16  # Uint16
NinetyDegreeInt: TypeAlias = int  # INTEGER (-900000000..900000001)
KnownLatitude: TypeAlias = NinetyDegreeInt  # NinetyDegreeInt (min..max)
UnknownLatitude: TypeAlias = NinetyDegreeInt  # NinetyDegreeInt (unknown)
OneEightyDegreeInt: TypeAlias = int  # INTEGER (-1799999999..1800000001)
KnownLongitude: TypeAlias = OneEightyDegreeInt  # OneEightyDegreeInt (min..max)
UnknownLongitude: TypeAlias = OneEightyDegreeInt  # OneEightyDegreeInt (unknown)
SymmAlgorithm: TypeAlias = Literal["aes128Ccm", "sm4Ccm"]
HashAlgorithm: TypeAlias = Literal["sha256", "sha384", "sm3"]
SequenceOfPsidSsp: TypeAlias = "tuple[PsidSsp, ...]"  # SEQUENCE OF PsidSsp
Psid: TypeAlias = int  # INTEGER (0..MAX)
SequenceOfPsid: TypeAlias = "tuple[Psid, ...]"  # SEQUENCE OF Psid
BitmapSsp: TypeAlias = bytes  # OCTET STRING (SIZE(0..31))
SequenceOfPsidSspRange: TypeAlias = "tuple[PsidSspRange, ...]"  # SEQUENCE OF PsidSspRange
SequenceOfOctetString: TypeAlias = "tuple[bytes, ...]"  # SEQUENCE (SIZE(0..MAX)) OF OCTET STRING (SIZE(0..MAX))
SubjectAssurance: TypeAlias = bytes  # OCTET STRING (SIZE(1))
CrlSeries: TypeAlias = Uint16  # Uint16
IValue: TypeAlias = Uint16  # Uint16
Hostname: TypeAlias = str  # UTF8String (SIZE(0..255))
LinkageValue: TypeAlias = bytes  # OCTET STRING (SIZE(9))
LaId: TypeAlias = bytes  # OCTET STRING (SIZE(2))
SequenceOfLinkageSeed: TypeAlias = "tuple[LinkageSeed, ...]"  # SEQUENCE OF LinkageSeed
LinkageSeed: TypeAlias = bytes  # OCTET STRING (SIZE(16))
ExtId: TypeAlias = int  # INTEGER (0..255)
CrlPsid: TypeAlias = Psid  # Psid (256)
SequenceOfHashBasedRevocationInfo: TypeAlias = "tuple[HashBasedRevocationInfo, ...]"  # SEQUENCE OF HashBasedRevocationInfo
SequenceOfJMaxGroup: TypeAlias = "tuple[JMaxGroup, ...]"  # SEQUENCE OF JMaxGroup
SequenceOfLAGroup: TypeAlias = "tuple[LAGroup, ...]"  # SEQUENCE OF LAGroup
SequenceOfIMaxGroup: TypeAlias = "tuple[IMaxGroup, ...]"  # SEQUENCE OF IMaxGroup
SequenceOfIndividualRevocation: TypeAlias = "tuple[IndividualRevocation, ...]"  # SEQUENCE (SIZE(0..MAX)) OF IndividualRevocation
SequenceOfGroupCrlEntry: TypeAlias = "tuple[GroupCrlEntry, ...]"  # SEQUENCE OF GroupCrlEntry
SequenceOfGroupSingleSeedCrlEntry: TypeAlias = "tuple[GroupSingleSeedCrlEntry, ...]"  # SEQUENCE OF GroupSingleSeedCrlEntry
ExpansionAlgorithmIdentifier: TypeAlias = Literal["sha256ForI-aesForJ", "sm3ForI-sm4ForJ"]
SeedEvolutionFunctionIdentifier: TypeAlias = None
LvGenerationFunctionIdentifier: TypeAlias = None
SequenceOfIPeriodInfo: TypeAlias = "tuple[IPeriodInfo, ...]"  # SEQUENCE OF IPeriodInfo
PreSharedKeyRecipientInfo: TypeAlias = HashedId8  # HashedId8
Ieee1609HeaderInfoExtensionId: TypeAlias = ExtId  # ExtId
Latitude: TypeAlias = NinetyDegreeInt  # NinetyDegreeInt
Longitude: TypeAlias = OneEightyDegreeInt  # OneEightyDegreeInt


class Ieee1609Dot2Data(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    protocol_version: Uint8  # Uint8 (3)
    content: Ieee1609Dot2Content  # Ieee1609Dot2Content


class Ieee1609Dot2Content(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    unsecuredData: Opaque
    signedData: SignedData
    encryptedData: EncryptedData
    signedCertificateRequest: Opaque
    signedX509CertificateRequest: Opaque
    """

    kind: Ieee1609Dot2ContentKind
    value: Opaque | SignedData | EncryptedData


Ieee1609Dot2ContentKind: TypeAlias = Literal["unsecuredData", "signedData", "encryptedData", "signedCertificateRequest", "signedX509CertificateRequest"]


class SignedData(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    hash_id: HashAlgorithm  # HashAlgorithm
    tbs_data: ToBeSignedData  # ToBeSignedData
    signer: SignerIdentifier  # SignerIdentifier
    signature: Signature  # Signature


class ToBeSignedData(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    payload: SignedDataPayload  # SignedDataPayload
    header_info: HeaderInfo  # HeaderInfo


class SignedDataPayload(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    data: Ieee1609Dot2Data | None = None  # Ieee1609Dot2Data
    ext_data_hash: HashedData | None = None  # HashedData
    omitted: Literal[True] | None = None  # NULL


class HashedData(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    sha256HashedData: HashedId32
    sha384HashedData: HashedId48
    sm3HashedData: HashedId32
    """

    kind: HashedDataKind
    value: HashedId32 | HashedId48


HashedDataKind: TypeAlias = Literal["sha256HashedData", "sha384HashedData", "sm3HashedData"]


class HeaderInfo(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    psid: Psid  # Psid
    generation_time: Time64 | None = None  # Time64
    expiry_time: Time64 | None = None  # Time64
    generation_location: ThreeDLocation | None = None  # ThreeDLocation
    p2pcd_learning_request: HashedId3 | None = None  # HashedId3
    missing_crl_identifier: MissingCrlIdentifier | None = None  # MissingCrlIdentifier
    encryption_key: EncryptionKey | None = None  # EncryptionKey
    inline_p2pcd_request: SequenceOfHashedId3 | None = None  # SequenceOfHashedId3
    requested_certificate: Certificate | None = None  # Certificate
    pdu_functional_type: PduFunctionalType | None = None  # PduFunctionalType
    contributed_extensions: ContributedExtensionBlocks | None = None  # ContributedExtensionBlocks


class MissingCrlIdentifier(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    craca_id: HashedId3  # HashedId3
    crl_series: CrlSeries  # CrlSeries


class ContributedExtensionBlock(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    contributor_id: HeaderInfoContributorId  # HeaderInfoContributorId
    extns: tuple[bytes, ...]  # SEQUENCE (SIZE(1..MAX)) OF OCTET STRING


class SignerIdentifier(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    digest: HashedId8
    certificate: SequenceOfCertificate
    self: NULL
    """

    kind: SignerIdentifierKind
    value: HashedId8 | SequenceOfCertificate | None


SignerIdentifierKind: TypeAlias = Literal["digest", "certificate", "self"]


class EncryptedData(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    recipients: SequenceOfRecipientInfo  # SequenceOfRecipientInfo
    ciphertext: SymmetricCiphertext  # SymmetricCiphertext


class RecipientInfo(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    pskRecipInfo: PreSharedKeyRecipientInfo
    symmRecipInfo: SymmRecipientInfo
    certRecipInfo: PKRecipientInfo
    signedDataRecipInfo: PKRecipientInfo
    rekRecipInfo: PKRecipientInfo
    """

    kind: RecipientInfoKind
    value: PreSharedKeyRecipientInfo | SymmRecipientInfo | PKRecipientInfo


RecipientInfoKind: TypeAlias = Literal["pskRecipInfo", "symmRecipInfo", "certRecipInfo", "signedDataRecipInfo", "rekRecipInfo"]


class SymmRecipientInfo(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    recipient_id: HashedId8  # HashedId8
    enc_key: SymmetricCiphertext  # SymmetricCiphertext


class PKRecipientInfo(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    recipient_id: HashedId8  # HashedId8
    enc_key: EncryptedDataEncryptionKey  # EncryptedDataEncryptionKey


class EncryptedDataEncryptionKey(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    eciesNistP256: EciesP256EncryptedKey
    eciesBrainpoolP256r1: EciesP256EncryptedKey
    ecencSm2256: EcencP256EncryptedKey
    """

    kind: EncryptedDataEncryptionKeyKind
    value: EciesP256EncryptedKey | EcencP256EncryptedKey


EncryptedDataEncryptionKeyKind: TypeAlias = Literal["eciesNistP256", "eciesBrainpoolP256r1", "ecencSm2256"]


class SymmetricCiphertext(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    aes128ccm: One28BitCcmCiphertext
    sm4Ccm: One28BitCcmCiphertext
    """

    kind: SymmetricCiphertextKind
    value: One28BitCcmCiphertext


SymmetricCiphertextKind: TypeAlias = Literal["aes128ccm", "sm4Ccm"]


class One28BitCcmCiphertext(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    nonce: bytes  # OCTET STRING (SIZE(12))
    ccm_ciphertext: Opaque  # Opaque


class CertificateBase(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    version: Uint8  # Uint8 (3)
    type: CertificateType  # CertificateType
    issuer: IssuerIdentifier  # IssuerIdentifier
    to_be_signed: ToBeSignedCertificate  # ToBeSignedCertificate
    signature: Signature | None = None  # Signature


class IssuerIdentifier(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    sha256AndDigest: HashedId8
    self: HashAlgorithm
    sha384AndDigest: HashedId8
    sm3AndDigest: HashedId8
    """

    kind: IssuerIdentifierKind
    value: HashedId8 | HashAlgorithm


IssuerIdentifierKind: TypeAlias = Literal["sha256AndDigest", "self", "sha384AndDigest", "sm3AndDigest"]


class ToBeSignedCertificate(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    id: CertificateId  # CertificateId
    craca_id: HashedId3  # HashedId3
    crl_series: CrlSeries  # CrlSeries
    validity_period: ValidityPeriod  # ValidityPeriod
    verify_key_indicator: VerificationKeyIndicator  # VerificationKeyIndicator
    region: GeographicRegion | None = None  # GeographicRegion
    assurance_level: SubjectAssurance | None = None  # SubjectAssurance
    app_permissions: SequenceOfPsidSsp | None = None  # SequenceOfPsidSsp
    cert_issue_permissions: SequenceOfPsidGroupPermissions | None = None  # SequenceOfPsidGroupPermissions
    cert_request_permissions: SequenceOfPsidGroupPermissions | None = None  # SequenceOfPsidGroupPermissions
    can_request_rollover: Literal[True] | None = None  # NULL
    encryption_key: PublicEncryptionKey | None = None  # PublicEncryptionKey
    flags: int | None = None  # BIT STRING (SIZE(8))
    app_extensions: SequenceOfAppExtensions | None = None  # SequenceOfAppExtensions
    cert_issue_extensions: SequenceOfCertIssueExtensions | None = None  # SequenceOfCertIssueExtensions
    cert_request_extension: SequenceOfCertRequestExtensions | None = None  # SequenceOfCertRequestExtensions


class CertificateId(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    linkageData: LinkageData
    name: Hostname
    binaryId: OCTET STRING (SIZE(1..64))
    none: NULL
    """

    kind: CertificateIdKind
    value: LinkageData | Hostname | bytes | None


CertificateIdKind: TypeAlias = Literal["linkageData", "name", "binaryId", "none"]


class LinkageData(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    i_cert: IValue  # IValue
    linkage_value: LinkageValue  # LinkageValue
    group_linkage_value: GroupLinkageValue | None = None  # GroupLinkageValue


class PsidGroupPermissions(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    subject_permissions: SubjectPermissions  # SubjectPermissions
    min_chain_length: int = 1  # INTEGER
    chain_length_range: int = 0  # INTEGER
    ee_type: EndEntityType = 0x80  # EndEntityType


class SubjectPermissions(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    explicit: SequenceOfPsidSspRange
    all: NULL
    """

    kind: SubjectPermissionsKind
    value: SequenceOfPsidSspRange | None


SubjectPermissionsKind: TypeAlias = Literal["explicit", "all"]


class VerificationKeyIndicator(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    verificationKey: PublicVerificationKey
    reconstructionValue: EccP256CurvePoint
    """

    kind: VerificationKeyIndicatorKind
    value: PublicVerificationKey | EccP256CurvePoint


VerificationKeyIndicatorKind: TypeAlias = Literal["verificationKey", "reconstructionValue"]


class AppExtension(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    id: ExtId  # ExtId
    content: bytes  # OCTET STRING


class CertIssueExtensionPermissions(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    specific: OCTET STRING
    all: NULL
    """

    kind: CertIssueExtensionPermissionsKind
    value: bytes | None


CertIssueExtensionPermissionsKind: TypeAlias = Literal["specific", "all"]


class CertIssueExtension(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    id: ExtId  # ExtId
    permissions: CertIssueExtensionPermissions  # CHOICE


class CertRequestExtensionPermissions(NamedTuple):
    """CHOICE; Ieee1609Dot2.

    content: OCTET STRING
    all: NULL
    """

    kind: CertRequestExtensionPermissionsKind
    value: bytes | None


CertRequestExtensionPermissionsKind: TypeAlias = Literal["content", "all"]


class CertRequestExtension(NamedTuple):
    """SEQUENCE; Ieee1609Dot2."""

    id: ExtId  # ExtId
    permissions: CertRequestExtensionPermissions  # CHOICE


class ValidityPeriod(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    start: Time32  # Time32
    duration: Duration  # Duration


class Duration(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    microseconds: Uint16
    milliseconds: Uint16
    seconds: Uint16
    minutes: Uint16
    hours: Uint16
    sixtyHours: Uint16
    years: Uint16
    """

    kind: DurationKind
    value: Uint16


DurationKind: TypeAlias = Literal["microseconds", "milliseconds", "seconds", "minutes", "hours", "sixtyHours", "years"]


class GeographicRegion(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    circularRegion: CircularRegion
    rectangularRegion: SequenceOfRectangularRegion
    polygonalRegion: PolygonalRegion
    identifiedRegion: SequenceOfIdentifiedRegion
    """

    kind: GeographicRegionKind
    value: CircularRegion | SequenceOfRectangularRegion | PolygonalRegion | SequenceOfIdentifiedRegion


GeographicRegionKind: TypeAlias = Literal["circularRegion", "rectangularRegion", "polygonalRegion", "identifiedRegion"]


class CircularRegion(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    center: TwoDLocation  # TwoDLocation
    radius: Uint16  # Uint16


class RectangularRegion(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    north_west: TwoDLocation  # TwoDLocation
    south_east: TwoDLocation  # TwoDLocation


class TwoDLocation(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    latitude: Latitude  # Latitude
    longitude: Longitude  # Longitude


class IdentifiedRegion(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    countryOnly: UnCountryId
    countryAndRegions: CountryAndRegions
    countryAndSubregions: CountryAndSubregions
    """

    kind: IdentifiedRegionKind
    value: UnCountryId | CountryAndRegions | CountryAndSubregions


IdentifiedRegionKind: TypeAlias = Literal["countryOnly", "countryAndRegions", "countryAndSubregions"]


class CountryAndRegions(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    country_only: UnCountryId  # UnCountryId
    regions: SequenceOfUint8  # SequenceOfUint8


class CountryAndSubregions(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    country_only: UnCountryId  # UnCountryId
    region_and_subregions: SequenceOfRegionAndSubregions  # SequenceOfRegionAndSubregions


class RegionAndSubregions(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    region: Uint8  # Uint8
    subregions: SequenceOfUint16  # SequenceOfUint16


class ThreeDLocation(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    latitude: Latitude  # Latitude
    longitude: Longitude  # Longitude
    elevation: Elevation  # Elevation


class Signature(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    ecdsaNistP256Signature: EcdsaP256Signature
    ecdsaBrainpoolP256r1Signature: EcdsaP256Signature
    ecdsaBrainpoolP384r1Signature: EcdsaP384Signature
    ecdsaNistP384Signature: EcdsaP384Signature
    sm2Signature: EcsigP256Signature
    """

    kind: SignatureKind
    value: EcdsaP256Signature | EcdsaP384Signature | EcsigP256Signature


SignatureKind: TypeAlias = Literal["ecdsaNistP256Signature", "ecdsaBrainpoolP256r1Signature", "ecdsaBrainpoolP384r1Signature", "ecdsaNistP384Signature", "sm2Signature"]


class EcdsaP256Signature(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    r_sig: EccP256CurvePoint  # EccP256CurvePoint
    s_sig: bytes  # OCTET STRING (SIZE(32))


class EcdsaP384Signature(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    r_sig: EccP384CurvePoint  # EccP384CurvePoint
    s_sig: bytes  # OCTET STRING (SIZE(48))


class EcsigP256Signature(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    r_sig: bytes  # OCTET STRING (SIZE(32))
    s_sig: bytes  # OCTET STRING (SIZE(32))


class EccP256CurvePointUncompressedP256(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    x: bytes  # OCTET STRING (SIZE(32))
    y: bytes  # OCTET STRING (SIZE(32))


class EccP256CurvePoint(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    x-only: OCTET STRING (SIZE(32))
    fill: NULL
    compressed-y-0: OCTET STRING (SIZE(32))
    compressed-y-1: OCTET STRING (SIZE(32))
    uncompressedP256: SEQUENCE
    """

    kind: EccP256CurvePointKind
    value: bytes | EccP256CurvePointUncompressedP256 | None


EccP256CurvePointKind: TypeAlias = Literal["x-only", "fill", "compressed-y-0", "compressed-y-1", "uncompressedP256"]


class EccP384CurvePointUncompressedP384(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    x: bytes  # OCTET STRING (SIZE(48))
    y: bytes  # OCTET STRING (SIZE(48))


class EccP384CurvePoint(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    x-only: OCTET STRING (SIZE(48))
    fill: NULL
    compressed-y-0: OCTET STRING (SIZE(48))
    compressed-y-1: OCTET STRING (SIZE(48))
    uncompressedP384: SEQUENCE
    """

    kind: EccP384CurvePointKind
    value: bytes | EccP384CurvePointUncompressedP384 | None


EccP384CurvePointKind: TypeAlias = Literal["x-only", "fill", "compressed-y-0", "compressed-y-1", "uncompressedP384"]


class EciesP256EncryptedKey(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    v: EccP256CurvePoint  # EccP256CurvePoint
    c: bytes  # OCTET STRING (SIZE(16))
    t: bytes  # OCTET STRING (SIZE(16))


class EcencP256EncryptedKey(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    v: EccP256CurvePoint  # EccP256CurvePoint
    c: bytes  # OCTET STRING (SIZE(16))
    t: bytes  # OCTET STRING (SIZE(32))


class EncryptionKey(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    public: PublicEncryptionKey
    symmetric: SymmetricEncryptionKey
    """

    kind: EncryptionKeyKind
    value: PublicEncryptionKey | SymmetricEncryptionKey


EncryptionKeyKind: TypeAlias = Literal["public", "symmetric"]


class PublicEncryptionKey(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    supported_symm_alg: SymmAlgorithm  # SymmAlgorithm
    public_key: BasePublicEncryptionKey  # BasePublicEncryptionKey


class BasePublicEncryptionKey(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    eciesNistP256: EccP256CurvePoint
    eciesBrainpoolP256r1: EccP256CurvePoint
    ecencSm2: EccP256CurvePoint
    """

    kind: BasePublicEncryptionKeyKind
    value: EccP256CurvePoint


BasePublicEncryptionKeyKind: TypeAlias = Literal["eciesNistP256", "eciesBrainpoolP256r1", "ecencSm2"]


class PublicVerificationKey(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    ecdsaNistP256: EccP256CurvePoint
    ecdsaBrainpoolP256r1: EccP256CurvePoint
    ecdsaBrainpoolP384r1: EccP384CurvePoint
    ecdsaNistP384: EccP384CurvePoint
    ecsigSm2: EccP256CurvePoint
    """

    kind: PublicVerificationKeyKind
    value: EccP256CurvePoint | EccP384CurvePoint


PublicVerificationKeyKind: TypeAlias = Literal["ecdsaNistP256", "ecdsaBrainpoolP256r1", "ecdsaBrainpoolP384r1", "ecdsaNistP384", "ecsigSm2"]


class SymmetricEncryptionKey(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    aes128Ccm: OCTET STRING (SIZE(16))
    sm4Ccm: OCTET STRING (SIZE(16))
    """

    kind: SymmetricEncryptionKeyKind
    value: bytes


SymmetricEncryptionKeyKind: TypeAlias = Literal["aes128Ccm", "sm4Ccm"]


class PsidSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    psid: Psid  # Psid
    ssp: ServiceSpecificPermissions | None = None  # ServiceSpecificPermissions


class ServiceSpecificPermissions(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    opaque: OCTET STRING (SIZE(0..MAX))
    bitmapSsp: BitmapSsp
    """

    kind: ServiceSpecificPermissionsKind
    value: bytes | BitmapSsp


ServiceSpecificPermissionsKind: TypeAlias = Literal["opaque", "bitmapSsp"]


class PsidSspRange(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    psid: Psid  # Psid
    ssp_range: SspRange | None = None  # SspRange


class SspRange(NamedTuple):
    """CHOICE; Ieee1609Dot2BaseTypes.

    opaque: SequenceOfOctetString
    all: NULL
    bitmapSspRange: BitmapSspRange
    """

    kind: SspRangeKind
    value: SequenceOfOctetString | BitmapSspRange | None


SspRangeKind: TypeAlias = Literal["opaque", "all", "bitmapSspRange"]


class BitmapSspRange(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    ssp_value: bytes  # OCTET STRING (SIZE(1..32))
    ssp_bitmask: bytes  # OCTET STRING (SIZE(1..32))


class GroupLinkageValue(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    j_value: bytes  # OCTET STRING (SIZE(4))
    value: bytes  # OCTET STRING (SIZE(9))


class Extension(NamedTuple):
    """SEQUENCE; Ieee1609Dot2BaseTypes."""

    id: ExtId  # ExtId
    content: bytes  # OCTET STRING


class CrlContents(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    version: Uint8  # Uint8 (1)
    crl_series: CrlSeries  # CrlSeries
    crl_craca: HashedId8  # HashedId8
    issue_date: Time32  # Time32
    next_crl: Time32  # Time32
    priority_info: CrlPriorityInfo  # CrlPriorityInfo
    type_specific: TypeSpecificCrlContents  # TypeSpecificCrlContents


class CrlPriorityInfo(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    priority: Uint8 | None = None  # Uint8


class TypeSpecificCrlContents(NamedTuple):
    """CHOICE; Ieee1609Dot2CrlBaseTypes.

    fullHashCrl: ToBeSignedHashIdCrl
    deltaHashCrl: ToBeSignedHashIdCrl
    fullLinkedCrl: ToBeSignedLinkageValueCrl
    deltaLinkedCrl: ToBeSignedLinkageValueCrl
    fullLinkedCrlWithAlg: ToBeSignedLinkageValueCrlWithAlgIdentifier
    deltaLinkedCrlWithAlg: ToBeSignedLinkageValueCrlWithAlgIdentifier
    """

    kind: TypeSpecificCrlContentsKind
    value: ToBeSignedHashIdCrl | ToBeSignedLinkageValueCrl | ToBeSignedLinkageValueCrlWithAlgIdentifier


TypeSpecificCrlContentsKind: TypeAlias = Literal["fullHashCrl", "deltaHashCrl", "fullLinkedCrl", "deltaLinkedCrl", "fullLinkedCrlWithAlg", "deltaLinkedCrlWithAlg"]


class ToBeSignedHashIdCrl(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    crl_serial: Uint32  # Uint32
    entries: SequenceOfHashBasedRevocationInfo  # SequenceOfHashBasedRevocationInfo


class HashBasedRevocationInfo(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    id: HashedId10  # HashedId10
    expiry: Time32  # Time32


class ToBeSignedLinkageValueCrl(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    i_rev: IValue  # IValue
    index_within_i: Uint8  # Uint8
    individual: SequenceOfJMaxGroup | None = None  # SequenceOfJMaxGroup
    groups: SequenceOfGroupCrlEntry | None = None  # SequenceOfGroupCrlEntry
    groups_single_seed: SequenceOfGroupSingleSeedCrlEntry | None = None  # SequenceOfGroupSingleSeedCrlEntry
    i_period_info: SequenceOfIPeriodInfo | None = None  # SequenceOfIPeriodInfo


class JMaxGroup(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    jmax: Uint8  # Uint8
    contents: SequenceOfLAGroup  # SequenceOfLAGroup


class LAGroup(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    la1_id: LaId  # LaId
    la2_id: LaId  # LaId
    contents: SequenceOfIMaxGroup  # SequenceOfIMaxGroup


class IMaxGroup(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    i_max: Uint16  # Uint16
    contents: SequenceOfIndividualRevocation  # SequenceOfIndividualRevocation
    single_seed: SequenceOfLinkageSeed | None = None  # SequenceOfLinkageSeed


class IndividualRevocation(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    linkage_seed1: LinkageSeed  # LinkageSeed
    linkage_seed2: LinkageSeed  # LinkageSeed


class GroupCrlEntry(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    i_max: Uint16  # Uint16
    la1_id: LaId  # LaId
    linkage_seed1: LinkageSeed  # LinkageSeed
    la2_id: LaId  # LaId
    linkage_seed2: LinkageSeed  # LinkageSeed


class ToBeSignedLinkageValueCrlWithAlgIdentifier(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    i_rev: IValue  # IValue
    index_within_i: Uint8  # Uint8
    seed_evolution: None  # SeedEvolutionFunctionIdentifier
    lv_generation: None  # LvGenerationFunctionIdentifier
    individual: SequenceOfJMaxGroup | None = None  # SequenceOfJMaxGroup
    groups: SequenceOfGroupCrlEntry | None = None  # SequenceOfGroupCrlEntry
    groups_single_seed: SequenceOfGroupSingleSeedCrlEntry | None = None  # SequenceOfGroupSingleSeedCrlEntry


class GroupSingleSeedCrlEntry(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    i_max: Uint16  # Uint16
    la_id: LaId  # LaId
    linkage_seed: LinkageSeed  # LinkageSeed


class IPeriodInfo(NamedTuple):
    """SEQUENCE; Ieee1609Dot2CrlBaseTypes."""

    start_of_next_i_period: Time32  # Time32
    i_period_length: Duration  # Duration
    guaranteed_to_i_value: IValue  # IValue


Countersignature: TypeAlias = Ieee1609Dot2Data
Aes128CcmCiphertext: TypeAlias = One28BitCcmCiphertext
Certificate: TypeAlias = CertificateBase
TestCertificate: TypeAlias = Certificate
ImplicitCertificate: TypeAlias = CertificateBase
ExplicitCertificate: TypeAlias = CertificateBase
Ieee1609ContributedHeaderInfoExtension: TypeAlias = Extension
SecuredCrl: TypeAlias = Ieee1609Dot2Data
