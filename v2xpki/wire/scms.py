"""Records of IEEE 1609.2.1. Made from asn1/ by `python -m v2xpki.wire.generate`: edit neither.

A SEQUENCE is a NamedTuple with its fields in snake_case, mandatory ones first: construct by keyword.
A CHOICE is a NamedTuple of `kind`, the ASN.1 identifier, and `value`. ENUMERATED values are their
identifiers; a BIT STRING of eight bits is an octet, first bit 0x80; a NULL that is present is True as
an optional field and None as a choice; SEQUENCE OF is a tuple; OPTIONAL and absent is None.
"""

# ruff: noqa: E501
from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from v2xpki.wire import dot2
from v2xpki.wire._runtime import BitString

FULL_IEEE_CTL = 1

AcaLaInterfacePdu: TypeAlias = None
AcaMaInterfacePdu: TypeAlias = None
RaAcaCertRequestFlags: TypeAlias = int  # BIT STRING (SIZE(8))
PreLinkageValue: TypeAlias = bytes  # OCTET STRING (SIZE(9))
AprvBinaryTreeNodeValueList: TypeAlias = "tuple[AcpcNodeValue, ...]"  # SEQUENCE (SIZE(1..MAX)) OF AcpcNodeValue
AcpcPsid: TypeAlias = dot2.Psid  # Psid (2113696)
AcpcTreeId: TypeAlias = bytes  # OCTET STRING (SIZE(8))
AcpcNodeValue: TypeAlias = bytes  # OCTET STRING (SIZE(16))
RaCamBatchRequestPeriodList: TypeAlias = "tuple[dot2.IValue, ...]"  # SEQUENCE OF IValue
CamRaBatchResponseBatch: TypeAlias = "tuple[BlindedKey, ...]"  # SEQUENCE OF BlindedKey
CompositeCrlCrl: TypeAlias = "tuple[dot2.SecuredCrl, ...]"  # SEQUENCE OF SecuredCrl
CertificateChainOthers: TypeAlias = "tuple[dot2.Certificate, ...]"  # SEQUENCE OF Certificate
MultiSignedCtlSignatures: TypeAlias = "tuple[CtlSignatureSpdu, ...]"  # SEQUENCE (SIZE(1..MAX)) OF CtlSignatureSpdu
Ieee1609dot2dot1MsctlType: TypeAlias = int  # INTEGER (0..255)
FullIeeeTbsCtlElectorApprove: TypeAlias = "tuple[CtlElectorEntry, ...]"  # SEQUENCE OF CtlElectorEntry
FullIeeeTbsCtlElectorRemove: TypeAlias = "tuple[CtlElectorEntry, ...]"  # SEQUENCE OF CtlElectorEntry
FullIeeeTbsCtlRootCaApprove: TypeAlias = "tuple[CtlRootCaEntry, ...]"  # SEQUENCE OF CtlRootCaEntry
FullIeeeTbsCtlRootCaRemove: TypeAlias = "tuple[CtlRootCaEntry, ...]"  # SEQUENCE OF CtlRootCaEntry
CtlSeriesId: TypeAlias = bytes  # OCTET STRING (SIZE(8))
CtlSequenceNumber: TypeAlias = int  # INTEGER (0..65535)
CtlElectorEntry: TypeAlias = dot2.HashedId48  # HashedId48
CtlRootCaEntry: TypeAlias = dot2.HashedId32  # HashedId32
SequenceOfCtlInfoStatus: TypeAlias = "tuple[CtlInfoStatus, ...]"  # SEQUENCE OF CtlInfoStatus
SequenceOfCrlInfoStatus: TypeAlias = "tuple[CrlInfoStatus, ...]"  # SEQUENCE OF CrlInfoStatus
SequenceOfMaInfoStatus: TypeAlias = "tuple[MaInfoStatus, ...]"  # SEQUENCE OF MaInfoStatus
EeMaInterfacePdu: TypeAlias = None
LaMaInterfacePdu: TypeAlias = None
LaRaInterfacePdu: TypeAlias = None
MaRaInterfacePdu: TypeAlias = None
SecurityMgmtPsid: TypeAlias = dot2.Psid  # Psid (35)
X509Certificate: TypeAlias = bytes  # OCTET STRING
SequenceOfX509Certificate: TypeAlias = "tuple[X509Certificate, ...]"  # SEQUENCE (SIZE(1..MAX)) OF X509Certificate
CamSsp: TypeAlias = "tuple[AcpcTreeId, ...]"  # SEQUENCE (SIZE(1..MAX)) OF AcpcTreeId


class AcaEeInterfacePdu(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1AcaEeInterface.

    acaEeCertResponse: AcaEeCertResponse
    """

    kind: AcaEeInterfacePduKind
    value: AcaEeCertResponse


AcaEeInterfacePduKind: TypeAlias = Literal["acaEeCertResponse"]


class AcaEeCertResponse(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1AcaEeInterface."""

    version: dot2.Uint8  # Uint8 (2)
    generation_time: dot2.Time32  # Time32
    certificate: dot2.Certificate  # Certificate
    private_key_info: bytes | None = None  # OCTET STRING (SIZE(32))


class AcaRaInterfacePdu(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1AcaRaInterface.

    raAcaCertRequest: RaAcaCertRequest
    acaRaCertResponse: AcaRaCertResponse
    """

    kind: AcaRaInterfacePduKind
    value: RaAcaCertRequest | AcaRaCertResponse


AcaRaInterfacePduKind: TypeAlias = Literal["raAcaCertRequest", "acaRaCertResponse"]


class RaAcaCertRequest(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1AcaRaInterface."""

    version: dot2.Uint8  # Uint8 (2)
    generation_time: dot2.Time32  # Time32
    type: dot2.CertificateType  # CertificateType
    flags: RaAcaCertRequestFlags  # RaAcaCertRequestFlags
    tbs_cert: dot2.ToBeSignedCertificate  # ToBeSignedCertificate
    linkage_info: LinkageInfo | None = None  # LinkageInfo
    cert_enc_key: dot2.PublicEncryptionKey | None = None  # PublicEncryptionKey


class LinkageInfo(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1AcaRaInterface."""

    enc_plv1: EncryptedIndividualPLV  # EncryptedIndividualPLV
    enc_plv2: EncryptedIndividualPLV  # EncryptedIndividualPLV


class EncryptedIndividualPLV(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1AcaRaInterface."""

    version: dot2.Uint8  # Uint8 (2)
    la_id: dot2.LaId  # LaId
    enc_plv: Ieee1609Dot2DataSymmEncryptedSingleRecipient  # Ieee1609Dot2Data-SymmEncryptedSingleRecipient


class AcaRaCertResponse(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1AcaRaInterface."""

    version: dot2.Uint8  # Uint8 (2)
    generation_time: dot2.Time32  # Time32
    request_hash: dot2.HashedId8  # HashedId8
    aca_response: AcaResponse  # AcaResponse


class AcaResponse(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1AcaRaInterface.

    plain: AcaEeCertResponsePlainSpdu
    private: AcaEeCertResponsePrivateSpdu
    cubk: AcaEeCertResponseCubkSpdu
    """

    kind: AcaResponseKind
    value: AcaEeCertResponsePlainSpdu | AcaEeCertResponsePrivateSpdu | AcaEeCertResponseCubkSpdu


AcaResponseKind: TypeAlias = Literal["plain", "private", "cubk"]


class AcpcPdu(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1Acpc.

    tree: AprvBinaryTree
    aprv: IndividualAprv
    """

    kind: AcpcPduKind
    value: AprvBinaryTree | IndividualAprv


AcpcPduKind: TypeAlias = Literal["tree", "aprv"]


class AprvBinaryTree(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Acpc."""

    version: dot2.Uint8  # Uint8 (2)
    generation_time: dot2.Time32  # Time32
    current_i: dot2.IValue  # IValue
    acpc_tree_id: AcpcTreeId  # AcpcTreeId
    hash_algorithm_id: dot2.HashAlgorithm  # HashAlgorithm
    tree: BitString  # BIT STRING
    node_value_list: tuple[AcpcNodeValue, ...]  # SEQUENCE (SIZE(1..MAX)) OF AcpcNodeValue


class IndividualAprv(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Acpc."""

    version: dot2.Uint8  # Uint8 (2)
    generation_time: dot2.Time32  # Time32
    current_i: dot2.IValue  # IValue
    acpc_tree_id: AcpcTreeId  # AcpcTreeId
    node_id: BitString  # BIT STRING
    node_value: AcpcNodeValue  # AcpcNodeValue


class AprvHashCalculationInput(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Acpc."""

    version: dot2.Uint8  # Uint8 (2)
    acpc_tree_id: AcpcTreeId  # AcpcTreeId
    acpc_period: dot2.IValue  # IValue
    child_node_id: BitString  # BIT STRING
    parent_node_value: bytes  # OCTET STRING (SIZE(16))


class CamRaInterfacePdu(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1CamRaInterface.

    raCamBatchRequest: RaCamBatchRequest
    camRaBatchResponse: CamRaBatchResponse
    """

    kind: CamRaInterfacePduKind
    value: RaCamBatchRequest | CamRaBatchResponse


CamRaInterfacePduKind: TypeAlias = Literal["raCamBatchRequest", "camRaBatchResponse"]


class RaCamBatchRequest(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CamRaInterface."""

    version: dot2.Uint8  # Uint8 (2)
    ee_id: bytes  # OCTET STRING (SIZE(5))
    period_list: tuple[dot2.IValue, ...]  # SEQUENCE OF IValue


class CamRaBatchResponse(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CamRaInterface."""

    version: dot2.Uint8  # Uint8 (2)
    request_hash: dot2.HashedId8  # HashedId8
    batch: tuple[BlindedKey, ...]  # SEQUENCE OF BlindedKey


class CertManagementPdu(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1CertManagement.

    compositeCrl: CompositeCrl
    certificateChain: CertificateChain
    multiSignedCtl: MultiSignedCtl
    tbsCtlSignature: ToBeSignedCtlSignature
    infoStatus: CertificateManagementInfoStatus
    """

    kind: CertManagementPduKind
    value: CompositeCrl | CertificateChain | MultiSignedCtl | ToBeSignedCtlSignature | CertificateManagementInfoStatus


CertManagementPduKind: TypeAlias = Literal["compositeCrl", "certificateChain", "multiSignedCtl", "tbsCtlSignature", "infoStatus"]


class CompositeCrl(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CertManagement."""

    crl: tuple[dot2.SecuredCrl, ...]  # SEQUENCE OF SecuredCrl
    home_ctl: MultiSignedCtlSpdu  # MultiSignedCtlSpdu


class CertificateChain(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CertManagement."""

    home_ctl: MultiSignedCtlSpdu  # MultiSignedCtlSpdu
    others: tuple[dot2.Certificate, ...]  # SEQUENCE OF Certificate


class MultiSignedCtl(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CertManagement."""

    type: Ieee1609dot2dot1MsctlType  # Ieee1609dot2dot1MsctlType
    tbs_ctl: bytes  # OCTET STRING
    unsigned: bytes  # OCTET STRING
    signatures: tuple[CtlSignatureSpdu, ...]  # SEQUENCE (SIZE(1..MAX)) OF CtlSignatureSpdu


class FullIeeeTbsCtl(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CertManagement."""

    type: Ieee1609dot2dot1MsctlType  # Ieee1609dot2dot1MsctlType (fullIeeeCtl)
    ctl_series_id: CtlSeriesId  # CtlSeriesId
    sequence_number: CtlSequenceNumber  # CtlSequenceNumber
    effective_date: dot2.Time32  # Time32
    elector_approve: tuple[CtlElectorEntry, ...]  # SEQUENCE OF CtlElectorEntry
    elector_remove: tuple[CtlElectorEntry, ...]  # SEQUENCE OF CtlElectorEntry
    root_ca_approve: tuple[CtlRootCaEntry, ...]  # SEQUENCE OF CtlRootCaEntry
    root_ca_remove: tuple[CtlRootCaEntry, ...]  # SEQUENCE OF CtlRootCaEntry
    quorum: int | None = None  # INTEGER


class ToBeSignedCtlSignature(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CertManagement."""

    ctl_series_id: CtlSeriesId  # CtlSeriesId
    ctl_type: Ieee1609dot2dot1MsctlType  # Ieee1609dot2dot1MsctlType
    sequence_number: CtlSequenceNumber  # CtlSequenceNumber
    tbs_ctl_hash: dot2.HashedId48  # HashedId48


class CertificateManagementInfoStatus(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CertManagement."""

    crl: SequenceOfCrlInfoStatus  # SequenceOfCrlInfoStatus
    ctl: SequenceOfCtlInfoStatus  # SequenceOfCtlInfoStatus
    ca_ccf: dot2.Time32  # Time32
    ma: SequenceOfMaInfoStatus  # SequenceOfMaInfoStatus
    ra: dot2.Time32 | None = None  # Time32


class CtlInfoStatus(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CertManagement."""

    ctl_series_id: CtlSeriesId  # CtlSeriesId
    sequence_number: CtlSequenceNumber  # CtlSequenceNumber
    last_update: dot2.Time32  # Time32


class CrlInfoStatus(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CertManagement."""

    craca_id: dot2.HashedId8  # HashedId8
    series: dot2.CrlSeries  # CrlSeries
    issue_date: dot2.Time32  # Time32


class MaInfoStatus(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1CertManagement."""

    psids: dot2.SequenceOfPsid  # SequenceOfPsid
    updated: dot2.Time32  # Time32


class EcaEeInterfacePdu(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1EcaEeInterface.

    eeEcaCertRequest: EeEcaCertRequest
    ecaEeCertResponse: EcaEeCertResponse
    """

    kind: EcaEeInterfacePduKind
    value: EeEcaCertRequest | EcaEeCertResponse


EcaEeInterfacePduKind: TypeAlias = Literal["eeEcaCertRequest", "ecaEeCertResponse"]


class EeEcaCertRequest(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1EcaEeInterface."""

    version: dot2.Uint8  # Uint8 (2)
    generation_time: dot2.Time32  # Time32
    type: dot2.CertificateType  # CertificateType
    tbs_cert: dot2.ToBeSignedCertificate  # ToBeSignedCertificate
    canonical_id: str | None = None  # IA5String


class EcaEeCertResponse(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1EcaEeInterface."""

    version: dot2.Uint8  # Uint8 (2)
    generation_time: dot2.Time32  # Time32
    request_hash: dot2.HashedId8  # HashedId8
    eca_cert_chain: dot2.SequenceOfCertificate  # SequenceOfCertificate
    certificate: dot2.Certificate  # Certificate
    private_key_info: bytes | None = None  # OCTET STRING (SIZE(32))


class EeRaInterfacePdu(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1EeRaInterface.

    eeRaCertRequest: EeRaCertRequest
    raEeCertAck: RaEeCertAck
    raEeCertInfo: RaEeCertInfo
    eeRaDownloadRequest: EeRaDownloadRequest
    eeRaSuccessorEnrollmentCertRequest: EeEcaCertRequestSpdu
    """

    kind: EeRaInterfacePduKind
    value: EeRaCertRequest | RaEeCertAck | RaEeCertInfo | EeRaDownloadRequest | EeEcaCertRequestSpdu


EeRaInterfacePduKind: TypeAlias = Literal["eeRaCertRequest", "raEeCertAck", "raEeCertInfo", "eeRaDownloadRequest", "eeRaSuccessorEnrollmentCertRequest"]


class EeRaCertRequest(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1EeRaInterface."""

    version: dot2.Uint8  # Uint8 (2)
    generation_time: dot2.Time32  # Time32
    type: dot2.CertificateType  # CertificateType
    tbs_cert: dot2.ToBeSignedCertificate  # ToBeSignedCertificate
    additional_params: AdditionalParams | None = None  # AdditionalParams


class AdditionalParams(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1EeRaInterface.

    original: ButterflyParamsOriginal
    unified: ButterflyExpansion
    compactUnified: ButterflyExpansion
    encryptionKey: PublicEncryptionKey
    """

    kind: AdditionalParamsKind
    value: ButterflyParamsOriginal | ButterflyExpansion | dot2.PublicEncryptionKey


AdditionalParamsKind: TypeAlias = Literal["original", "unified", "compactUnified", "encryptionKey"]


class ButterflyParamsOriginal(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1EeRaInterface."""

    signing_expansion: ButterflyExpansion  # ButterflyExpansion
    encryption_key: dot2.PublicEncryptionKey  # PublicEncryptionKey
    encryption_expansion: ButterflyExpansion  # ButterflyExpansion


class ButterflyExpansion(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1EeRaInterface.

    aes128: OCTET STRING (SIZE(16))
    """

    kind: ButterflyExpansionKind
    value: bytes


ButterflyExpansionKind: TypeAlias = Literal["aes128"]


class RaEeCertAck(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1EeRaInterface."""

    version: dot2.Uint8  # Uint8 (2)
    generation_time: dot2.Time32  # Time32
    request_hash: dot2.HashedId8  # HashedId8
    next_dl_time: dot2.Time32  # Time32
    first_i: dot2.IValue | None = None  # IValue


class RaEeCertInfo(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1EeRaInterface."""

    version: dot2.Uint8  # Uint8 (2)
    generation_time: dot2.Time32  # Time32
    current_i: dot2.IValue  # IValue
    request_hash: dot2.HashedId8  # HashedId8
    next_dl_time: dot2.Time32  # Time32
    acpc_tree_id: AcpcTreeId | None = None  # AcpcTreeId


class EeRaDownloadRequest(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1EeRaInterface."""

    generation_time: dot2.Time32  # Time32
    filename: str  # UTF8String (SIZE(0..255))


class ScmsPduContent(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1Protocol.

    aca-ee: AcaEeInterfacePdu
    aca-la: AcaLaInterfacePdu
    aca-ma: AcaMaInterfacePdu
    aca-ra: AcaRaInterfacePdu
    cert: CertManagementPdu
    eca-ee: EcaEeInterfacePdu
    ee-ma: EeMaInterfacePdu
    ee-ra: EeRaInterfacePdu
    la-ma: LaMaInterfacePdu
    la-ra: LaRaInterfacePdu
    ma-ra: MaRaInterfacePdu
    """

    kind: ScmsPduContentKind
    value: AcaEeInterfacePdu | AcaRaInterfacePdu | CertManagementPdu | EcaEeInterfacePdu | EeRaInterfacePdu | None


ScmsPduContentKind: TypeAlias = Literal["aca-ee", "aca-la", "aca-ma", "aca-ra", "cert", "eca-ee", "ee-ma", "ee-ra", "la-ma", "la-ra", "ma-ra"]


class ScmsPdu(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)
    content: ScmsPduContent  # CHOICE


class X509SignerIdentifier(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1Protocol.

    certificate: SequenceOfX509Certificate
    """

    kind: X509SignerIdentifierKind
    value: SequenceOfX509Certificate


X509SignerIdentifierKind: TypeAlias = Literal["certificate"]


class SignedCertificateRequest(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    hash_algorithm_id: dot2.HashAlgorithm  # HashAlgorithm
    tbs_request: ScopedCertificateRequest  # ScopedCertificateRequest
    signer: dot2.SignerIdentifier  # SignerIdentifier
    signature: dot2.Signature  # Signature


class SignedX509CertificateRequest(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    hash_algorithm_id: dot2.HashAlgorithm  # HashAlgorithm
    tbs_request: ScopedCertificateRequest  # ScopedCertificateRequest
    signer: X509SignerIdentifier  # X509SignerIdentifier
    signature: dot2.Signature  # Signature


class SecurityMgmtSsp(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1Protocol.

    elector: ElectorSsp
    root: RootCaSsp
    pg: PgSsp
    ica: IcaSsp
    eca: EcaSsp
    aca: AcaSsp
    crl: CrlSignerSsp
    dcm: DcmSsp
    la: LaSsp
    lop: LopSsp
    ma: MaSsp
    ra: RaSsp
    ee: EeSsp
    dc: DcSsp
    """

    kind: SecurityMgmtSspKind
    value: ElectorSsp | RootCaSsp | PgSsp | IcaSsp | EcaSsp | AcaSsp | CrlSignerSsp | DcmSsp | LaSsp | LopSsp | MaSsp | RaSsp | EeSsp | DcSsp


SecurityMgmtSspKind: TypeAlias = Literal["elector", "root", "pg", "ica", "eca", "aca", "crl", "dcm", "la", "lop", "ma", "ra", "ee", "dc"]


class ElectorSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class RootCaSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class PgSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class IcaSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class EcaSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class AcaSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class CrlSignerSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class DcmSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class LaSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)
    la_id: dot2.Uint16  # Uint16


class LopSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class MaSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)
    relevant_psids: dot2.SequenceOfPsid  # SequenceOfPsid


class RaSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class EeSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


class AcpcSsp(NamedTuple):
    """CHOICE; Ieee1609Dot2Dot1Protocol.

    cam: CamSsp
    """

    kind: AcpcSspKind
    value: CamSsp


AcpcSspKind: TypeAlias = Literal["cam"]


class DcSsp(NamedTuple):
    """SEQUENCE; Ieee1609Dot2Dot1Protocol."""

    version: dot2.Uint8  # Uint8 (2)


BlindedKey: TypeAlias = dot2.EccP256CurvePoint
ScmsPduScoped: TypeAlias = ScmsPdu
Ieee1609Dot2DataUnsecured: TypeAlias = dot2.Ieee1609Dot2Data
Ieee1609Dot2DataSigned: TypeAlias = dot2.Ieee1609Dot2Data
Ieee1609Dot2DataEncrypted: TypeAlias = dot2.Ieee1609Dot2Data
Ieee1609Dot2DataSignedCertRequest: TypeAlias = dot2.Ieee1609Dot2Data
Ieee1609Dot2DataSignedX509AuthenticatedCertRequest: TypeAlias = dot2.Ieee1609Dot2Data
Ieee1609Dot2DataSignedEncrypted: TypeAlias = dot2.Ieee1609Dot2Data
Ieee1609Dot2DataEncryptedSigned: TypeAlias = dot2.Ieee1609Dot2Data
Ieee1609Dot2DataSignedEncryptedCertRequest: TypeAlias = dot2.Ieee1609Dot2Data
Ieee1609Dot2DataSymmEncryptedSingleRecipient: TypeAlias = dot2.Ieee1609Dot2Data
SignerSingleCert: TypeAlias = dot2.SignerIdentifier
SignerSingleX509Cert: TypeAlias = X509SignerIdentifier
SignerSelf: TypeAlias = dot2.SignerIdentifier
ScopedCertificateRequest: TypeAlias = ScmsPdu
AcaEeCertResponsePlainSpdu: TypeAlias = dot2.Ieee1609Dot2Data
AcaEeCertResponsePrivateSpdu: TypeAlias = dot2.Ieee1609Dot2Data
AcaEeCertResponseCubkSpdu: TypeAlias = dot2.Ieee1609Dot2Data
RaAcaCertRequestSpdu: TypeAlias = dot2.Ieee1609Dot2Data
AcaRaCertResponseSpdu: TypeAlias = dot2.Ieee1609Dot2Data
CompositeCrlSpdu: TypeAlias = dot2.Ieee1609Dot2Data
CertificateChainSpdu: TypeAlias = dot2.Ieee1609Dot2Data
MultiSignedCtlSpdu: TypeAlias = dot2.Ieee1609Dot2Data
CtlSignatureSpdu: TypeAlias = dot2.Ieee1609Dot2Data
CertificateManagementInformationStatusSpdu: TypeAlias = dot2.Ieee1609Dot2Data
EeEcaCertRequestSpdu: TypeAlias = dot2.Ieee1609Dot2Data
EcaEeCertResponseSpdu: TypeAlias = dot2.Ieee1609Dot2Data
EeRaCertRequestSpdu: TypeAlias = dot2.Ieee1609Dot2Data
EeRa1609Dot2AuthenticatedCertRequestSpdu: TypeAlias = dot2.Ieee1609Dot2Data
EeRaX509AuthenticatedCertRequestSpdu: TypeAlias = dot2.Ieee1609Dot2Data
RaEeCertAckSpdu: TypeAlias = dot2.Ieee1609Dot2Data
RaEeCertInfoSpdu: TypeAlias = dot2.Ieee1609Dot2Data
RaEeCertAndAcpcInfoSpdu: TypeAlias = dot2.Ieee1609Dot2Data
EeRaDownloadRequestPlainSpdu: TypeAlias = dot2.Ieee1609Dot2Data
EeRaDownloadRequestSpdu: TypeAlias = dot2.Ieee1609Dot2Data
EeRaSuccessorEnrollmentCertRequestSpdu: TypeAlias = dot2.Ieee1609Dot2Data
RaEeEnrollmentCertAckSpdu: TypeAlias = dot2.Ieee1609Dot2Data
TestSecurityMgmtSsp: TypeAlias = SecurityMgmtSsp
UnsecuredAprvBinaryTree: TypeAlias = Ieee1609Dot2DataUnsecured
SignedAprvBinaryTree: TypeAlias = Ieee1609Dot2DataSigned
SignedIndividualAprv: TypeAlias = Ieee1609Dot2DataSigned
