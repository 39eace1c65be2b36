"""COER of IEEE 1609.2.1, straight to and from records.

Made from asn1/ by `python -m v2xpki.wire.generate`: do not edit.

See _runtime for how faults are found, and the package for what is strict about it.
"""

# ruff: noqa: E501, I001, PLR0915, RUF100
# mypy: disable-error-code="no-any-return,unreachable"
from __future__ import annotations

from typing import Any

from v2xpki.wire import _codec_dot2, scms
from v2xpki.wire._runtime import (
    OCTET,
    Breach,
    bit_string,
    bit_string_octets,
    long_length,
    new,
    prefixed,
    signed,
    signed_octets,
    u32,
    unsigned,
    unsigned_octets,
)


_SCMS_PDU_CONTENT_ACA_LA = scms.ScmsPduContent(kind="aca-la", value=None)
_SCMS_PDU_CONTENT_ACA_MA = scms.ScmsPduContent(kind="aca-ma", value=None)
_SCMS_PDU_CONTENT_EE_MA = scms.ScmsPduContent(kind="ee-ma", value=None)
_SCMS_PDU_CONTENT_LA_MA = scms.ScmsPduContent(kind="la-ma", value=None)
_SCMS_PDU_CONTENT_LA_RA = scms.ScmsPduContent(kind="la-ra", value=None)
_SCMS_PDU_CONTENT_MA_RA = scms.ScmsPduContent(kind="ma-ra", value=None)


def decode_aca_ee_interface_pdu(o: bytes, i: int) -> tuple[scms.AcaEeInterfacePdu, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "acaEeCertResponse"
        value_, i = decode_aca_ee_cert_response(o, i + 1)
        return new(scms.AcaEeInterfacePdu, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_aca_ee_interface_pdu(r: scms.AcaEeInterfacePdu) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "acaEeCertResponse":
        return b"\x80" + encode_aca_ee_cert_response(value_)
    raise Breach("kind must be one of the choice")


def decode_aca_ee_cert_response(o: bytes, i: int) -> tuple[scms.AcaEeCertResponse, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    generation_time = u32(o, i + 2)[0]
    certificate, i = _codec_dot2.decode_certificate_base(o, i + 6)
    if p_ & 0x40:
        private_key_info = o[i : i + 32]
        i += 32
    else:
        private_key_info = None
    return new(scms.AcaEeCertResponse, (version, generation_time, certificate, private_key_info)), i


def encode_aca_ee_cert_response(r: scms.AcaEeCertResponse) -> bytes:
    version, generation_time, certificate, private_key_info = r
    p_ = 0
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_generation_time = generation_time.to_bytes(4, "big")
    c_certificate = _codec_dot2.encode_certificate_base(certificate)
    if private_key_info is None:
        c_private_key_info = b""
    else:
        p_ |= 0x40
        if len(private_key_info) != 32:
            raise Breach("must have 32 octets")
        c_private_key_info = private_key_info
    return b"".join((OCTET[p_], c_version, c_generation_time, c_certificate, c_private_key_info))


def decode_aca_la_interface_pdu(o: bytes, i: int) -> tuple[scms.AcaLaInterfacePdu, int]:
    value_ = None
    return value_, i


def encode_aca_la_interface_pdu(r: scms.AcaLaInterfacePdu) -> bytes:
    if r is not None:
        raise Breach("must be None")
    return b""


def decode_aca_ma_interface_pdu(o: bytes, i: int) -> tuple[scms.AcaMaInterfacePdu, int]:
    value_ = None
    return value_, i


def encode_aca_ma_interface_pdu(r: scms.AcaMaInterfacePdu) -> bytes:
    if r is not None:
        raise Breach("must be None")
    return b""


def decode_aca_ra_interface_pdu(o: bytes, i: int) -> tuple[scms.AcaRaInterfacePdu, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "raAcaCertRequest"
        value_, i = decode_ra_aca_cert_request(o, i + 1)
        return new(scms.AcaRaInterfacePdu, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "acaRaCertResponse"
        value_, i = decode_aca_ra_cert_response(o, i + 1)
        return new(scms.AcaRaInterfacePdu, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_aca_ra_interface_pdu(r: scms.AcaRaInterfacePdu) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "raAcaCertRequest":
        return b"\x80" + encode_ra_aca_cert_request(value_)
    if kind_ == "acaRaCertResponse":
        return b"\x81" + encode_aca_ra_cert_response(value_)
    raise Breach("kind must be one of the choice")


def decode_ra_aca_cert_request(o: bytes, i: int) -> tuple[scms.RaAcaCertRequest, int]:
    p_ = o[i]
    if p_ & 0x9f:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    generation_time = u32(o, i + 2)[0]
    code_ = o[i + 6]
    if code_ >= 2:
        raise Breach(f"{code_} is not in the enumeration of CertificateType", i + 6)
    type = _codec_dot2._CERTIFICATE_TYPE[code_]
    flags = o[i + 7]
    i += 8
    if p_ & 0x40:
        linkage_info, i = decode_linkage_info(o, i)
    else:
        linkage_info = None
    if p_ & 0x20:
        cert_enc_key, i = _codec_dot2.decode_public_encryption_key(o, i)
    else:
        cert_enc_key = None
    tbs_cert, i = _codec_dot2.decode_to_be_signed_certificate(o, i)
    return new(scms.RaAcaCertRequest, (
        version, generation_time, type, flags, tbs_cert, linkage_info, cert_enc_key,
    )), i


def encode_ra_aca_cert_request(r: scms.RaAcaCertRequest) -> bytes:
    version, generation_time, type, flags, tbs_cert, linkage_info, cert_enc_key = r
    p_ = 0
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_generation_time = generation_time.to_bytes(4, "big")
    c_type = _codec_dot2._CERTIFICATE_TYPE_CODE[type]
    c_flags = flags.to_bytes(1, "big")
    if linkage_info is None:
        c_linkage_info = b""
    else:
        p_ |= 0x40
        c_linkage_info = encode_linkage_info(linkage_info)
    if cert_enc_key is None:
        c_cert_enc_key = b""
    else:
        p_ |= 0x20
        c_cert_enc_key = _codec_dot2.encode_public_encryption_key(cert_enc_key)
    c_tbs_cert = _codec_dot2.encode_to_be_signed_certificate(tbs_cert)
    return b"".join((
        OCTET[p_], c_version, c_generation_time, c_type, c_flags, c_linkage_info, c_cert_enc_key, c_tbs_cert,
    ))


def decode_ra_aca_cert_request_flags(o: bytes, i: int) -> tuple[scms.RaAcaCertRequestFlags, int]:
    value_ = o[i]
    return value_, i + 1


def encode_ra_aca_cert_request_flags(r: scms.RaAcaCertRequestFlags) -> bytes:
    return r.to_bytes(1, "big")


def decode_linkage_info(o: bytes, i: int) -> tuple[scms.LinkageInfo, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    enc_plv1, i = decode_encrypted_individual_plv(o, i + 1)
    enc_plv2, i = decode_encrypted_individual_plv(o, i)
    return new(scms.LinkageInfo, (enc_plv1, enc_plv2)), i


def encode_linkage_info(r: scms.LinkageInfo) -> bytes:
    enc_plv1, enc_plv2 = r
    c_enc_plv1 = encode_encrypted_individual_plv(enc_plv1)
    c_enc_plv2 = encode_encrypted_individual_plv(enc_plv2)
    return b"".join((b"\x00", c_enc_plv1, c_enc_plv2))


def decode_encrypted_individual_plv(o: bytes, i: int) -> tuple[scms.EncryptedIndividualPLV, int]:
    version_ = o[i]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i)
    version = version_
    la_id = o[i + 1 : i + 3]
    enc_plv, i = _codec_dot2.decode_ieee1609_dot2_data(o, i + 3)
    return new(scms.EncryptedIndividualPLV, (version, la_id, enc_plv)), i


def encode_encrypted_individual_plv(r: scms.EncryptedIndividualPLV) -> bytes:
    version, la_id, enc_plv = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    if len(la_id) != 2:
        raise Breach("must have 2 octets")
    c_la_id = la_id
    c_enc_plv = _codec_dot2.encode_ieee1609_dot2_data(enc_plv)
    return b"".join((c_version, c_la_id, c_enc_plv))


def decode_pre_linkage_value(o: bytes, i: int) -> tuple[scms.PreLinkageValue, int]:
    value_ = o[i : i + 9]
    return value_, i + 9


def encode_pre_linkage_value(r: scms.PreLinkageValue) -> bytes:
    if len(r) != 9:
        raise Breach("must have 9 octets")
    return r


def decode_aca_ra_cert_response(o: bytes, i: int) -> tuple[scms.AcaRaCertResponse, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    generation_time = u32(o, i + 2)[0]
    request_hash = o[i + 6 : i + 14]
    aca_response, i = decode_aca_response(o, i + 14)
    return new(scms.AcaRaCertResponse, (version, generation_time, request_hash, aca_response)), i


def encode_aca_ra_cert_response(r: scms.AcaRaCertResponse) -> bytes:
    version, generation_time, request_hash, aca_response = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_generation_time = generation_time.to_bytes(4, "big")
    if len(request_hash) != 8:
        raise Breach("must have 8 octets")
    c_request_hash = request_hash
    c_aca_response = encode_aca_response(aca_response)
    return b"".join((b"\x00", c_version, c_generation_time, c_request_hash, c_aca_response))


def decode_aca_response(o: bytes, i: int) -> tuple[scms.AcaResponse, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "plain"
        value_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i + 1)
        return new(scms.AcaResponse, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "private"
        value_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i + 1)
        return new(scms.AcaResponse, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "cubk"
        value_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i + 1)
        return new(scms.AcaResponse, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_aca_response(r: scms.AcaResponse) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "plain":
        return b"\x80" + _codec_dot2.encode_ieee1609_dot2_data(value_)
    if kind_ == "private":
        return b"\x81" + _codec_dot2.encode_ieee1609_dot2_data(value_)
    if kind_ == "cubk":
        return b"\x82" + _codec_dot2.encode_ieee1609_dot2_data(value_)
    raise Breach("kind must be one of the choice")


def decode_acpc_pdu(o: bytes, i: int) -> tuple[scms.AcpcPdu, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "tree"
        value_, i = decode_aprv_binary_tree(o, i + 1)
        return new(scms.AcpcPdu, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "aprv"
        value_, i = decode_individual_aprv(o, i + 1)
        return new(scms.AcpcPdu, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_acpc_pdu(r: scms.AcpcPdu) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "tree":
        return b"\x80" + encode_aprv_binary_tree(value_)
    if kind_ == "aprv":
        return b"\x81" + encode_individual_aprv(value_)
    raise Breach("kind must be one of the choice")


def decode_aprv_binary_tree_node_value_list(o: bytes, i: int) -> tuple[scms.AprvBinaryTreeNodeValueList, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 16 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    if count_ < 1:
        raise Breach(f"{count_} elements: must have 1 or more elements", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i : i + 16]
        i += 16
        items_.append(item_)
    return tuple(items_), i


def encode_aprv_binary_tree_node_value_list(r: scms.AprvBinaryTreeNodeValueList) -> bytes:
    if len(r) < 1:
        raise Breach("must have 1 or more elements")
    items_: list[bytes] = []
    for item_ in r:
        if len(item_) != 16:
            raise Breach("must have 16 octets")
        items_.append(item_)
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_aprv_binary_tree(o: bytes, i: int) -> tuple[scms.AprvBinaryTree, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    generation_time = u32(o, i + 2)[0]
    current_i = o[i + 6] << 8 | o[i + 7]
    acpc_tree_id = o[i + 8 : i + 16]
    code_ = o[i + 16]
    if code_ >= 3:
        raise Breach(f"{code_} is not in the enumeration of HashAlgorithm", i + 16)
    hash_algorithm_id = _codec_dot2._HASH_ALGORITHM[code_]
    tree, i = bit_string(o, i + 17)
    node_value_list, i = decode_aprv_binary_tree_node_value_list(o, i)
    return new(scms.AprvBinaryTree, (
        version, generation_time, current_i, acpc_tree_id, hash_algorithm_id, tree, node_value_list,
    )), i


def encode_aprv_binary_tree(r: scms.AprvBinaryTree) -> bytes:
    version, generation_time, current_i, acpc_tree_id, hash_algorithm_id, tree, node_value_list = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_generation_time = generation_time.to_bytes(4, "big")
    c_current_i = current_i.to_bytes(2, "big")
    if len(acpc_tree_id) != 8:
        raise Breach("must have 8 octets")
    c_acpc_tree_id = acpc_tree_id
    c_hash_algorithm_id = _codec_dot2._HASH_ALGORITHM_CODE[hash_algorithm_id]
    c_tree = bit_string_octets(tree)
    c_node_value_list = encode_aprv_binary_tree_node_value_list(node_value_list)
    return b"".join((
        b"\x00", c_version, c_generation_time, c_current_i, c_acpc_tree_id, c_hash_algorithm_id, c_tree,
        c_node_value_list,
    ))


def decode_acpc_psid(o: bytes, i: int) -> tuple[scms.AcpcPsid, int]:
    value_ = u32(o, i)[0]
    if value_ != 2113696:
        raise Breach(f"{value_} is not 2113696", i)
    return value_, i + 4


def encode_acpc_psid(r: scms.AcpcPsid) -> bytes:
    if r != 2113696:
        raise Breach("must be 2113696")
    return b"\x00 @\xa0"


def decode_individual_aprv(o: bytes, i: int) -> tuple[scms.IndividualAprv, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    generation_time = u32(o, i + 2)[0]
    current_i = o[i + 6] << 8 | o[i + 7]
    acpc_tree_id = o[i + 8 : i + 16]
    node_id, i = bit_string(o, i + 16)
    node_value = o[i : i + 16]
    return new(scms.IndividualAprv, (
        version, generation_time, current_i, acpc_tree_id, node_id, node_value,
    )), i + 16


def encode_individual_aprv(r: scms.IndividualAprv) -> bytes:
    version, generation_time, current_i, acpc_tree_id, node_id, node_value = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_generation_time = generation_time.to_bytes(4, "big")
    c_current_i = current_i.to_bytes(2, "big")
    if len(acpc_tree_id) != 8:
        raise Breach("must have 8 octets")
    c_acpc_tree_id = acpc_tree_id
    c_node_id = bit_string_octets(node_id)
    if len(node_value) != 16:
        raise Breach("must have 16 octets")
    c_node_value = node_value
    return b"".join((
        b"\x00", c_version, c_generation_time, c_current_i, c_acpc_tree_id, c_node_id, c_node_value,
    ))


def decode_acpc_tree_id(o: bytes, i: int) -> tuple[scms.AcpcTreeId, int]:
    value_ = o[i : i + 8]
    return value_, i + 8


def encode_acpc_tree_id(r: scms.AcpcTreeId) -> bytes:
    if len(r) != 8:
        raise Breach("must have 8 octets")
    return r


def decode_acpc_node_value(o: bytes, i: int) -> tuple[scms.AcpcNodeValue, int]:
    value_ = o[i : i + 16]
    return value_, i + 16


def encode_acpc_node_value(r: scms.AcpcNodeValue) -> bytes:
    if len(r) != 16:
        raise Breach("must have 16 octets")
    return r


def decode_aprv_hash_calculation_input(o: bytes, i: int) -> tuple[scms.AprvHashCalculationInput, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    acpc_tree_id = o[i + 2 : i + 10]
    acpc_period = o[i + 10] << 8 | o[i + 11]
    child_node_id, i = bit_string(o, i + 12)
    parent_node_value = o[i : i + 16]
    return new(scms.AprvHashCalculationInput, (
        version, acpc_tree_id, acpc_period, child_node_id, parent_node_value,
    )), i + 16


def encode_aprv_hash_calculation_input(r: scms.AprvHashCalculationInput) -> bytes:
    version, acpc_tree_id, acpc_period, child_node_id, parent_node_value = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    if len(acpc_tree_id) != 8:
        raise Breach("must have 8 octets")
    c_acpc_tree_id = acpc_tree_id
    c_acpc_period = acpc_period.to_bytes(2, "big")
    c_child_node_id = bit_string_octets(child_node_id)
    if len(parent_node_value) != 16:
        raise Breach("must have 16 octets")
    c_parent_node_value = parent_node_value
    return b"".join((b"\x00", c_version, c_acpc_tree_id, c_acpc_period, c_child_node_id, c_parent_node_value))


def decode_cam_ra_interface_pdu(o: bytes, i: int) -> tuple[scms.CamRaInterfacePdu, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "raCamBatchRequest"
        value_, i = decode_ra_cam_batch_request(o, i + 1)
        return new(scms.CamRaInterfacePdu, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "camRaBatchResponse"
        value_, i = decode_cam_ra_batch_response(o, i + 1)
        return new(scms.CamRaInterfacePdu, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_cam_ra_interface_pdu(r: scms.CamRaInterfacePdu) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "raCamBatchRequest":
        return b"\x80" + encode_ra_cam_batch_request(value_)
    if kind_ == "camRaBatchResponse":
        return b"\x81" + encode_cam_ra_batch_response(value_)
    raise Breach("kind must be one of the choice")


def decode_ra_cam_batch_request_period_list(o: bytes, i: int) -> tuple[scms.RaCamBatchRequestPeriodList, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 2 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i] << 8 | o[i + 1]
        i += 2
        items_.append(item_)
    return tuple(items_), i


def encode_ra_cam_batch_request_period_list(r: scms.RaCamBatchRequestPeriodList) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(item_.to_bytes(2, "big"))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_ra_cam_batch_request(o: bytes, i: int) -> tuple[scms.RaCamBatchRequest, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    ee_id = o[i + 2 : i + 7]
    period_list, i = decode_ra_cam_batch_request_period_list(o, i + 7)
    return new(scms.RaCamBatchRequest, (version, ee_id, period_list)), i


def encode_ra_cam_batch_request(r: scms.RaCamBatchRequest) -> bytes:
    version, ee_id, period_list = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    if len(ee_id) != 5:
        raise Breach("must have 5 octets")
    c_ee_id = ee_id
    c_period_list = encode_ra_cam_batch_request_period_list(period_list)
    return b"".join((b"\x00", c_version, c_ee_id, c_period_list))


def decode_cam_ra_batch_response_batch(o: bytes, i: int) -> tuple[scms.CamRaBatchResponseBatch, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = _codec_dot2.decode_ecc_p256_curve_point(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_cam_ra_batch_response_batch(r: scms.CamRaBatchResponseBatch) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(_codec_dot2.encode_ecc_p256_curve_point(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_cam_ra_batch_response(o: bytes, i: int) -> tuple[scms.CamRaBatchResponse, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    request_hash = o[i + 2 : i + 10]
    batch, i = decode_cam_ra_batch_response_batch(o, i + 10)
    return new(scms.CamRaBatchResponse, (version, request_hash, batch)), i


def encode_cam_ra_batch_response(r: scms.CamRaBatchResponse) -> bytes:
    version, request_hash, batch = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    if len(request_hash) != 8:
        raise Breach("must have 8 octets")
    c_request_hash = request_hash
    c_batch = encode_cam_ra_batch_response_batch(batch)
    return b"".join((b"\x00", c_version, c_request_hash, c_batch))


def decode_cert_management_pdu(o: bytes, i: int) -> tuple[scms.CertManagementPdu, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "compositeCrl"
        value_, i = decode_composite_crl(o, i + 1)
        return new(scms.CertManagementPdu, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "certificateChain"
        value_, i = decode_certificate_chain(o, i + 1)
        return new(scms.CertManagementPdu, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "multiSignedCtl"
        value_, i = decode_multi_signed_ctl(o, i + 1)
        return new(scms.CertManagementPdu, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "tbsCtlSignature"
        value_, i = decode_to_be_signed_ctl_signature(o, i + 1)
        return new(scms.CertManagementPdu, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "infoStatus"
        value_, i = decode_certificate_management_info_status(o, i + 1)
        return new(scms.CertManagementPdu, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_cert_management_pdu(r: scms.CertManagementPdu) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "compositeCrl":
        return b"\x80" + encode_composite_crl(value_)
    if kind_ == "certificateChain":
        return b"\x81" + encode_certificate_chain(value_)
    if kind_ == "multiSignedCtl":
        return b"\x82" + encode_multi_signed_ctl(value_)
    if kind_ == "tbsCtlSignature":
        return b"\x83" + encode_to_be_signed_ctl_signature(value_)
    if kind_ == "infoStatus":
        return b"\x84" + encode_certificate_management_info_status(value_)
    raise Breach("kind must be one of the choice")


def decode_composite_crl_crl(o: bytes, i: int) -> tuple[scms.CompositeCrlCrl, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_composite_crl_crl(r: scms.CompositeCrlCrl) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(_codec_dot2.encode_ieee1609_dot2_data(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_composite_crl(o: bytes, i: int) -> tuple[scms.CompositeCrl, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    crl, i = decode_composite_crl_crl(o, i + 1)
    home_ctl, i = _codec_dot2.decode_ieee1609_dot2_data(o, i)
    return new(scms.CompositeCrl, (crl, home_ctl)), i


def encode_composite_crl(r: scms.CompositeCrl) -> bytes:
    crl, home_ctl = r
    c_crl = encode_composite_crl_crl(crl)
    c_home_ctl = _codec_dot2.encode_ieee1609_dot2_data(home_ctl)
    return b"".join((b"\x00", c_crl, c_home_ctl))


def decode_certificate_chain_others(o: bytes, i: int) -> tuple[scms.CertificateChainOthers, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = _codec_dot2.decode_certificate_base(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_certificate_chain_others(r: scms.CertificateChainOthers) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(_codec_dot2.encode_certificate_base(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_certificate_chain(o: bytes, i: int) -> tuple[scms.CertificateChain, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    home_ctl, i = _codec_dot2.decode_ieee1609_dot2_data(o, i + 1)
    others, i = decode_certificate_chain_others(o, i)
    return new(scms.CertificateChain, (home_ctl, others)), i


def encode_certificate_chain(r: scms.CertificateChain) -> bytes:
    home_ctl, others = r
    c_home_ctl = _codec_dot2.encode_ieee1609_dot2_data(home_ctl)
    c_others = encode_certificate_chain_others(others)
    return b"".join((b"\x00", c_home_ctl, c_others))


def decode_multi_signed_ctl_signatures(o: bytes, i: int) -> tuple[scms.MultiSignedCtlSignatures, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    if count_ < 1:
        raise Breach(f"{count_} elements: must have 1 or more elements", i)
    items_ = []
    for _ in range(count_):
        item_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_multi_signed_ctl_signatures(r: scms.MultiSignedCtlSignatures) -> bytes:
    if len(r) < 1:
        raise Breach("must have 1 or more elements")
    items_: list[bytes] = []
    for item_ in r:
        items_.append(_codec_dot2.encode_ieee1609_dot2_data(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_multi_signed_ctl(o: bytes, i: int) -> tuple[scms.MultiSignedCtl, int]:
    type = o[i]
    n_ = o[i + 1]
    i += 2
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    tbs_ctl = o[i : i + n_]
    i += n_
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    unsigned = o[i : i + n_]
    i += n_
    signatures, i = decode_multi_signed_ctl_signatures(o, i)
    return new(scms.MultiSignedCtl, (type, tbs_ctl, unsigned, signatures)), i


def encode_multi_signed_ctl(r: scms.MultiSignedCtl) -> bytes:
    type, tbs_ctl, unsigned, signatures = r
    c_type = type.to_bytes(1, "big")
    c_tbs_ctl = prefixed(tbs_ctl)
    c_unsigned = prefixed(unsigned)
    c_signatures = encode_multi_signed_ctl_signatures(signatures)
    return b"".join((c_type, c_tbs_ctl, c_unsigned, c_signatures))


def decode_ieee1609dot2dot1_msctl_type(o: bytes, i: int) -> tuple[scms.Ieee1609dot2dot1MsctlType, int]:
    value_ = o[i]
    return value_, i + 1


def encode_ieee1609dot2dot1_msctl_type(r: scms.Ieee1609dot2dot1MsctlType) -> bytes:
    return r.to_bytes(1, "big")


def decode_full_ieee_tbs_ctl_elector_approve(o: bytes, i: int) -> tuple[scms.FullIeeeTbsCtlElectorApprove, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 48 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i : i + 48]
        i += 48
        items_.append(item_)
    return tuple(items_), i


def encode_full_ieee_tbs_ctl_elector_approve(r: scms.FullIeeeTbsCtlElectorApprove) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        if len(item_) != 48:
            raise Breach("must have 48 octets")
        items_.append(item_)
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_full_ieee_tbs_ctl_elector_remove(o: bytes, i: int) -> tuple[scms.FullIeeeTbsCtlElectorRemove, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 48 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i : i + 48]
        i += 48
        items_.append(item_)
    return tuple(items_), i


def encode_full_ieee_tbs_ctl_elector_remove(r: scms.FullIeeeTbsCtlElectorRemove) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        if len(item_) != 48:
            raise Breach("must have 48 octets")
        items_.append(item_)
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_full_ieee_tbs_ctl_root_ca_approve(o: bytes, i: int) -> tuple[scms.FullIeeeTbsCtlRootCaApprove, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 32 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i : i + 32]
        i += 32
        items_.append(item_)
    return tuple(items_), i


def encode_full_ieee_tbs_ctl_root_ca_approve(r: scms.FullIeeeTbsCtlRootCaApprove) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        if len(item_) != 32:
            raise Breach("must have 32 octets")
        items_.append(item_)
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_full_ieee_tbs_ctl_root_ca_remove(o: bytes, i: int) -> tuple[scms.FullIeeeTbsCtlRootCaRemove, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 32 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i : i + 32]
        i += 32
        items_.append(item_)
    return tuple(items_), i


def encode_full_ieee_tbs_ctl_root_ca_remove(r: scms.FullIeeeTbsCtlRootCaRemove) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        if len(item_) != 32:
            raise Breach("must have 32 octets")
        items_.append(item_)
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_full_ieee_tbs_ctl(o: bytes, i: int) -> tuple[scms.FullIeeeTbsCtl, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    type_ = o[i + 1]
    if type_ != 1:
        raise Breach(f"{type_} is not 1", i + 1)
    type = type_
    ctl_series_id = o[i + 2 : i + 10]
    sequence_number = o[i + 10] << 8 | o[i + 11]
    effective_date = u32(o, i + 12)[0]
    elector_approve, i = decode_full_ieee_tbs_ctl_elector_approve(o, i + 16)
    elector_remove, i = decode_full_ieee_tbs_ctl_elector_remove(o, i)
    root_ca_approve, i = decode_full_ieee_tbs_ctl_root_ca_approve(o, i)
    root_ca_remove, i = decode_full_ieee_tbs_ctl_root_ca_remove(o, i)
    if p_ & 0x80:
        if o[i] != 2 or o[i + 1] != 7 or not o[i + 2] or o[i + 2] & 0x7f:
            raise Breach("an extension bitmap that is empty or of another size", i)
        e_ = o[i + 2]
        i += 3
        if e_ & 0x80:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            if o[i] == 1 and o[i + 1] < 128:
                quorum_ = o[i + 1]
                i += 2
            else:
                quorum_, i = signed(o, i)
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            quorum = quorum_
        else:
            quorum = None
    else:
        quorum = None
    return new(scms.FullIeeeTbsCtl, (
        type, ctl_series_id, sequence_number, effective_date, elector_approve, elector_remove,
        root_ca_approve, root_ca_remove, quorum,
    )), i


def encode_full_ieee_tbs_ctl(r: scms.FullIeeeTbsCtl) -> bytes:
    (
        type, ctl_series_id, sequence_number, effective_date, elector_approve, elector_remove,
        root_ca_approve, root_ca_remove, quorum,
    ) = r
    p_ = 0
    if type != 1:
        raise Breach("must be 1")
    c_type = b"\x01"
    if len(ctl_series_id) != 8:
        raise Breach("must have 8 octets")
    c_ctl_series_id = ctl_series_id
    c_sequence_number = sequence_number.to_bytes(2, "big")
    c_effective_date = effective_date.to_bytes(4, "big")
    c_elector_approve = encode_full_ieee_tbs_ctl_elector_approve(elector_approve)
    c_elector_remove = encode_full_ieee_tbs_ctl_elector_remove(elector_remove)
    c_root_ca_approve = encode_full_ieee_tbs_ctl_root_ca_approve(root_ca_approve)
    c_root_ca_remove = encode_full_ieee_tbs_ctl_root_ca_remove(root_ca_remove)
    e_ = 0
    if quorum is None:
        c_quorum = b""
    else:
        e_ |= 0x80
        c_quorum = signed_octets(quorum)
        c_quorum = prefixed(c_quorum)
    c_additions_ = b""
    if e_:
        p_ |= 0x80
        c_additions_ = b"".join((b"\x02\x07", OCTET[e_], c_quorum,))
    return b"".join((
        OCTET[p_], c_type, c_ctl_series_id, c_sequence_number, c_effective_date, c_elector_approve,
        c_elector_remove, c_root_ca_approve, c_root_ca_remove, c_additions_,
    ))


def decode_ctl_series_id(o: bytes, i: int) -> tuple[scms.CtlSeriesId, int]:
    value_ = o[i : i + 8]
    return value_, i + 8


def encode_ctl_series_id(r: scms.CtlSeriesId) -> bytes:
    if len(r) != 8:
        raise Breach("must have 8 octets")
    return r


def decode_ctl_sequence_number(o: bytes, i: int) -> tuple[scms.CtlSequenceNumber, int]:
    value_ = o[i] << 8 | o[i + 1]
    return value_, i + 2


def encode_ctl_sequence_number(r: scms.CtlSequenceNumber) -> bytes:
    return r.to_bytes(2, "big")


def decode_to_be_signed_ctl_signature(o: bytes, i: int) -> tuple[scms.ToBeSignedCtlSignature, int]:
    ctl_series_id = o[i : i + 8]
    ctl_type = o[i + 8]
    sequence_number = o[i + 9] << 8 | o[i + 10]
    tbs_ctl_hash = o[i + 11 : i + 59]
    return new(scms.ToBeSignedCtlSignature, (ctl_series_id, ctl_type, sequence_number, tbs_ctl_hash)), i + 59


def encode_to_be_signed_ctl_signature(r: scms.ToBeSignedCtlSignature) -> bytes:
    ctl_series_id, ctl_type, sequence_number, tbs_ctl_hash = r
    if len(ctl_series_id) != 8:
        raise Breach("must have 8 octets")
    c_ctl_series_id = ctl_series_id
    c_ctl_type = ctl_type.to_bytes(1, "big")
    c_sequence_number = sequence_number.to_bytes(2, "big")
    if len(tbs_ctl_hash) != 48:
        raise Breach("must have 48 octets")
    c_tbs_ctl_hash = tbs_ctl_hash
    return b"".join((c_ctl_series_id, c_ctl_type, c_sequence_number, c_tbs_ctl_hash))


def decode_certificate_management_info_status(o: bytes, i: int) -> tuple[scms.CertificateManagementInfoStatus, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    crl, i = decode_sequence_of_crl_info_status(o, i + 1)
    ctl, i = decode_sequence_of_ctl_info_status(o, i)
    ca_ccf = u32(o, i)[0]
    ma, i = decode_sequence_of_ma_info_status(o, i + 4)
    if p_ & 0x40:
        ra = u32(o, i)[0]
        i += 4
    else:
        ra = None
    return new(scms.CertificateManagementInfoStatus, (crl, ctl, ca_ccf, ma, ra)), i


def encode_certificate_management_info_status(r: scms.CertificateManagementInfoStatus) -> bytes:
    crl, ctl, ca_ccf, ma, ra = r
    p_ = 0
    c_crl = encode_sequence_of_crl_info_status(crl)
    c_ctl = encode_sequence_of_ctl_info_status(ctl)
    c_ca_ccf = ca_ccf.to_bytes(4, "big")
    c_ma = encode_sequence_of_ma_info_status(ma)
    if ra is None:
        c_ra = b""
    else:
        p_ |= 0x40
        c_ra = ra.to_bytes(4, "big")
    return b"".join((OCTET[p_], c_crl, c_ctl, c_ca_ccf, c_ma, c_ra))


def decode_sequence_of_ctl_info_status(o: bytes, i: int) -> tuple[scms.SequenceOfCtlInfoStatus, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_ctl_info_status(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_ctl_info_status(r: scms.SequenceOfCtlInfoStatus) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_ctl_info_status(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_ctl_info_status(o: bytes, i: int) -> tuple[scms.CtlInfoStatus, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    ctl_series_id = o[i + 1 : i + 9]
    sequence_number = o[i + 9] << 8 | o[i + 10]
    last_update = u32(o, i + 11)[0]
    return new(scms.CtlInfoStatus, (ctl_series_id, sequence_number, last_update)), i + 15


def encode_ctl_info_status(r: scms.CtlInfoStatus) -> bytes:
    ctl_series_id, sequence_number, last_update = r
    if len(ctl_series_id) != 8:
        raise Breach("must have 8 octets")
    c_ctl_series_id = ctl_series_id
    c_sequence_number = sequence_number.to_bytes(2, "big")
    c_last_update = last_update.to_bytes(4, "big")
    return b"".join((b"\x00", c_ctl_series_id, c_sequence_number, c_last_update))


def decode_sequence_of_crl_info_status(o: bytes, i: int) -> tuple[scms.SequenceOfCrlInfoStatus, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_crl_info_status(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_crl_info_status(r: scms.SequenceOfCrlInfoStatus) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_crl_info_status(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_crl_info_status(o: bytes, i: int) -> tuple[scms.CrlInfoStatus, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    craca_id = o[i + 1 : i + 9]
    series = o[i + 9] << 8 | o[i + 10]
    issue_date = u32(o, i + 11)[0]
    return new(scms.CrlInfoStatus, (craca_id, series, issue_date)), i + 15


def encode_crl_info_status(r: scms.CrlInfoStatus) -> bytes:
    craca_id, series, issue_date = r
    if len(craca_id) != 8:
        raise Breach("must have 8 octets")
    c_craca_id = craca_id
    c_series = series.to_bytes(2, "big")
    c_issue_date = issue_date.to_bytes(4, "big")
    return b"".join((b"\x00", c_craca_id, c_series, c_issue_date))


def decode_sequence_of_ma_info_status(o: bytes, i: int) -> tuple[scms.SequenceOfMaInfoStatus, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_ma_info_status(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_ma_info_status(r: scms.SequenceOfMaInfoStatus) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_ma_info_status(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_ma_info_status(o: bytes, i: int) -> tuple[scms.MaInfoStatus, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    psids, i = _codec_dot2.decode_sequence_of_psid(o, i + 1)
    updated = u32(o, i)[0]
    return new(scms.MaInfoStatus, (psids, updated)), i + 4


def encode_ma_info_status(r: scms.MaInfoStatus) -> bytes:
    psids, updated = r
    c_psids = _codec_dot2.encode_sequence_of_psid(psids)
    c_updated = updated.to_bytes(4, "big")
    return b"".join((b"\x00", c_psids, c_updated))


def decode_eca_ee_interface_pdu(o: bytes, i: int) -> tuple[scms.EcaEeInterfacePdu, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "eeEcaCertRequest"
        value_, i = decode_ee_eca_cert_request(o, i + 1)
        return new(scms.EcaEeInterfacePdu, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "ecaEeCertResponse"
        value_, i = decode_eca_ee_cert_response(o, i + 1)
        return new(scms.EcaEeInterfacePdu, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_eca_ee_interface_pdu(r: scms.EcaEeInterfacePdu) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "eeEcaCertRequest":
        return b"\x80" + encode_ee_eca_cert_request(value_)
    if kind_ == "ecaEeCertResponse":
        return b"\x81" + encode_eca_ee_cert_response(value_)
    raise Breach("kind must be one of the choice")


def decode_ee_eca_cert_request(o: bytes, i: int) -> tuple[scms.EeEcaCertRequest, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    generation_time = u32(o, i + 2)[0]
    code_ = o[i + 6]
    if code_ >= 2:
        raise Breach(f"{code_} is not in the enumeration of CertificateType", i + 6)
    type = _codec_dot2._CERTIFICATE_TYPE[code_]
    tbs_cert, i = _codec_dot2.decode_to_be_signed_certificate(o, i + 7)
    if p_ & 0x40:
        n_ = o[i]
        i += 1
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        canonical_id = o[i : i + n_].decode("ascii")
        i += n_
    else:
        canonical_id = None
    return new(scms.EeEcaCertRequest, (version, generation_time, type, tbs_cert, canonical_id)), i


def encode_ee_eca_cert_request(r: scms.EeEcaCertRequest) -> bytes:
    version, generation_time, type, tbs_cert, canonical_id = r
    p_ = 0
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_generation_time = generation_time.to_bytes(4, "big")
    c_type = _codec_dot2._CERTIFICATE_TYPE_CODE[type]
    c_tbs_cert = _codec_dot2.encode_to_be_signed_certificate(tbs_cert)
    if canonical_id is None:
        c_canonical_id = b""
    else:
        p_ |= 0x40
        c_canonical_id = prefixed(canonical_id.encode("ascii"))
    return b"".join((OCTET[p_], c_version, c_generation_time, c_type, c_tbs_cert, c_canonical_id))


def decode_eca_ee_cert_response(o: bytes, i: int) -> tuple[scms.EcaEeCertResponse, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    generation_time = u32(o, i + 2)[0]
    request_hash = o[i + 6 : i + 14]
    eca_cert_chain, i = _codec_dot2.decode_sequence_of_certificate(o, i + 14)
    certificate, i = _codec_dot2.decode_certificate_base(o, i)
    if p_ & 0x40:
        private_key_info = o[i : i + 32]
        i += 32
    else:
        private_key_info = None
    return new(scms.EcaEeCertResponse, (
        version, generation_time, request_hash, eca_cert_chain, certificate, private_key_info,
    )), i


def encode_eca_ee_cert_response(r: scms.EcaEeCertResponse) -> bytes:
    version, generation_time, request_hash, eca_cert_chain, certificate, private_key_info = r
    p_ = 0
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_generation_time = generation_time.to_bytes(4, "big")
    if len(request_hash) != 8:
        raise Breach("must have 8 octets")
    c_request_hash = request_hash
    c_eca_cert_chain = _codec_dot2.encode_sequence_of_certificate(eca_cert_chain)
    c_certificate = _codec_dot2.encode_certificate_base(certificate)
    if private_key_info is None:
        c_private_key_info = b""
    else:
        p_ |= 0x40
        if len(private_key_info) != 32:
            raise Breach("must have 32 octets")
        c_private_key_info = private_key_info
    return b"".join((
        OCTET[p_], c_version, c_generation_time, c_request_hash, c_eca_cert_chain, c_certificate,
        c_private_key_info,
    ))


def decode_ee_ma_interface_pdu(o: bytes, i: int) -> tuple[scms.EeMaInterfacePdu, int]:
    value_ = None
    return value_, i


def encode_ee_ma_interface_pdu(r: scms.EeMaInterfacePdu) -> bytes:
    if r is not None:
        raise Breach("must be None")
    return b""


def decode_ee_ra_interface_pdu(o: bytes, i: int) -> tuple[scms.EeRaInterfacePdu, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "eeRaCertRequest"
        value_, i = decode_ee_ra_cert_request(o, i + 1)
        return new(scms.EeRaInterfacePdu, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "raEeCertAck"
        value_, i = decode_ra_ee_cert_ack(o, i + 1)
        return new(scms.EeRaInterfacePdu, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "raEeCertInfo"
        value_, i = decode_ra_ee_cert_info(o, i + 1)
        return new(scms.EeRaInterfacePdu, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "eeRaDownloadRequest"
        value_, i = decode_ee_ra_download_request(o, i + 1)
        return new(scms.EeRaInterfacePdu, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "eeRaSuccessorEnrollmentCertRequest"
        value_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i + 1)
        return new(scms.EeRaInterfacePdu, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_ee_ra_interface_pdu(r: scms.EeRaInterfacePdu) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "eeRaCertRequest":
        return b"\x80" + encode_ee_ra_cert_request(value_)
    if kind_ == "raEeCertAck":
        return b"\x81" + encode_ra_ee_cert_ack(value_)
    if kind_ == "raEeCertInfo":
        return b"\x82" + encode_ra_ee_cert_info(value_)
    if kind_ == "eeRaDownloadRequest":
        return b"\x83" + encode_ee_ra_download_request(value_)
    if kind_ == "eeRaSuccessorEnrollmentCertRequest":
        return b"\x84" + _codec_dot2.encode_ieee1609_dot2_data(value_)
    raise Breach("kind must be one of the choice")


def decode_ee_ra_cert_request(o: bytes, i: int) -> tuple[scms.EeRaCertRequest, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    generation_time = u32(o, i + 2)[0]
    code_ = o[i + 6]
    if code_ >= 2:
        raise Breach(f"{code_} is not in the enumeration of CertificateType", i + 6)
    type = _codec_dot2._CERTIFICATE_TYPE[code_]
    tbs_cert, i = _codec_dot2.decode_to_be_signed_certificate(o, i + 7)
    if p_ & 0x40:
        additional_params, i = decode_additional_params(o, i)
    else:
        additional_params = None
    return new(scms.EeRaCertRequest, (version, generation_time, type, tbs_cert, additional_params)), i


def encode_ee_ra_cert_request(r: scms.EeRaCertRequest) -> bytes:
    version, generation_time, type, tbs_cert, additional_params = r
    p_ = 0
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_generation_time = generation_time.to_bytes(4, "big")
    c_type = _codec_dot2._CERTIFICATE_TYPE_CODE[type]
    c_tbs_cert = _codec_dot2.encode_to_be_signed_certificate(tbs_cert)
    if additional_params is None:
        c_additional_params = b""
    else:
        p_ |= 0x40
        c_additional_params = encode_additional_params(additional_params)
    return b"".join((OCTET[p_], c_version, c_generation_time, c_type, c_tbs_cert, c_additional_params))


def decode_additional_params(o: bytes, i: int) -> tuple[scms.AdditionalParams, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "original"
        value_, i = decode_butterfly_params_original(o, i + 1)
        return new(scms.AdditionalParams, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "unified"
        value_, i = decode_butterfly_expansion(o, i + 1)
        return new(scms.AdditionalParams, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "compactUnified"
        value_, i = decode_butterfly_expansion(o, i + 1)
        return new(scms.AdditionalParams, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "encryptionKey"
        value_, i = _codec_dot2.decode_public_encryption_key(o, i + 1)
        return new(scms.AdditionalParams, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_additional_params(r: scms.AdditionalParams) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "original":
        return b"\x80" + encode_butterfly_params_original(value_)
    if kind_ == "unified":
        return b"\x81" + encode_butterfly_expansion(value_)
    if kind_ == "compactUnified":
        return b"\x82" + encode_butterfly_expansion(value_)
    if kind_ == "encryptionKey":
        return b"\x83" + _codec_dot2.encode_public_encryption_key(value_)
    raise Breach("kind must be one of the choice")


def decode_butterfly_params_original(o: bytes, i: int) -> tuple[scms.ButterflyParamsOriginal, int]:
    signing_expansion, i = decode_butterfly_expansion(o, i)
    encryption_key, i = _codec_dot2.decode_public_encryption_key(o, i)
    encryption_expansion, i = decode_butterfly_expansion(o, i)
    return new(scms.ButterflyParamsOriginal, (signing_expansion, encryption_key, encryption_expansion)), i


def encode_butterfly_params_original(r: scms.ButterflyParamsOriginal) -> bytes:
    signing_expansion, encryption_key, encryption_expansion = r
    c_signing_expansion = encode_butterfly_expansion(signing_expansion)
    c_encryption_key = _codec_dot2.encode_public_encryption_key(encryption_key)
    c_encryption_expansion = encode_butterfly_expansion(encryption_expansion)
    return b"".join((c_signing_expansion, c_encryption_key, c_encryption_expansion))


def decode_butterfly_expansion(o: bytes, i: int) -> tuple[scms.ButterflyExpansion, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "aes128"
        value_ = o[i + 1 : i + 17]
        return new(scms.ButterflyExpansion, (kind_, value_)), i + 17
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_butterfly_expansion(r: scms.ButterflyExpansion) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "aes128":
        if len(value_) != 16:
            raise Breach("must have 16 octets")
        return b"\x80" + value_
    raise Breach("kind must be one of the choice")


def decode_ra_ee_cert_ack(o: bytes, i: int) -> tuple[scms.RaEeCertAck, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    generation_time = u32(o, i + 2)[0]
    request_hash = o[i + 6 : i + 14]
    i += 14
    if p_ & 0x40:
        first_i = o[i] << 8 | o[i + 1]
        i += 2
    else:
        first_i = None
    next_dl_time = u32(o, i)[0]
    return new(scms.RaEeCertAck, (version, generation_time, request_hash, next_dl_time, first_i)), i + 4


def encode_ra_ee_cert_ack(r: scms.RaEeCertAck) -> bytes:
    version, generation_time, request_hash, next_dl_time, first_i = r
    p_ = 0
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_generation_time = generation_time.to_bytes(4, "big")
    if len(request_hash) != 8:
        raise Breach("must have 8 octets")
    c_request_hash = request_hash
    if first_i is None:
        c_first_i = b""
    else:
        p_ |= 0x40
        c_first_i = first_i.to_bytes(2, "big")
    c_next_dl_time = next_dl_time.to_bytes(4, "big")
    return b"".join((OCTET[p_], c_version, c_generation_time, c_request_hash, c_first_i, c_next_dl_time))


def decode_ra_ee_cert_info(o: bytes, i: int) -> tuple[scms.RaEeCertInfo, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    generation_time = u32(o, i + 2)[0]
    current_i = o[i + 6] << 8 | o[i + 7]
    request_hash = o[i + 8 : i + 16]
    next_dl_time = u32(o, i + 16)[0]
    i += 20
    if p_ & 0x40:
        acpc_tree_id = o[i : i + 8]
        i += 8
    else:
        acpc_tree_id = None
    return new(scms.RaEeCertInfo, (
        version, generation_time, current_i, request_hash, next_dl_time, acpc_tree_id,
    )), i


def encode_ra_ee_cert_info(r: scms.RaEeCertInfo) -> bytes:
    version, generation_time, current_i, request_hash, next_dl_time, acpc_tree_id = r
    p_ = 0
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_generation_time = generation_time.to_bytes(4, "big")
    c_current_i = current_i.to_bytes(2, "big")
    if len(request_hash) != 8:
        raise Breach("must have 8 octets")
    c_request_hash = request_hash
    c_next_dl_time = next_dl_time.to_bytes(4, "big")
    if acpc_tree_id is None:
        c_acpc_tree_id = b""
    else:
        p_ |= 0x40
        if len(acpc_tree_id) != 8:
            raise Breach("must have 8 octets")
        c_acpc_tree_id = acpc_tree_id
    return b"".join((
        OCTET[p_], c_version, c_generation_time, c_current_i, c_request_hash, c_next_dl_time, c_acpc_tree_id,
    ))


def decode_ee_ra_download_request(o: bytes, i: int) -> tuple[scms.EeRaDownloadRequest, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    generation_time = u32(o, i + 1)[0]
    n_ = o[i + 5]
    i += 6
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    text_ = o[i : i + n_].decode("utf-8")
    if len(text_) > 255:
        raise Breach(f"{len(text_)} characters: must have 0..255 characters", i)
    filename = text_
    i += n_
    return new(scms.EeRaDownloadRequest, (generation_time, filename)), i


def encode_ee_ra_download_request(r: scms.EeRaDownloadRequest) -> bytes:
    generation_time, filename = r
    c_generation_time = generation_time.to_bytes(4, "big")
    if len(filename) > 255:
        raise Breach("must have 0..255 characters")
    c_filename = prefixed(filename.encode("utf-8"))
    return b"".join((b"\x00", c_generation_time, c_filename))


def decode_la_ma_interface_pdu(o: bytes, i: int) -> tuple[scms.LaMaInterfacePdu, int]:
    value_ = None
    return value_, i


def encode_la_ma_interface_pdu(r: scms.LaMaInterfacePdu) -> bytes:
    if r is not None:
        raise Breach("must be None")
    return b""


def decode_la_ra_interface_pdu(o: bytes, i: int) -> tuple[scms.LaRaInterfacePdu, int]:
    value_ = None
    return value_, i


def encode_la_ra_interface_pdu(r: scms.LaRaInterfacePdu) -> bytes:
    if r is not None:
        raise Breach("must be None")
    return b""


def decode_ma_ra_interface_pdu(o: bytes, i: int) -> tuple[scms.MaRaInterfacePdu, int]:
    value_ = None
    return value_, i


def encode_ma_ra_interface_pdu(r: scms.MaRaInterfacePdu) -> bytes:
    if r is not None:
        raise Breach("must be None")
    return b""


def decode_security_mgmt_psid(o: bytes, i: int) -> tuple[scms.SecurityMgmtPsid, int]:
    value_ = o[i]
    if value_ != 35:
        raise Breach(f"{value_} is not 35", i)
    return value_, i + 1


def encode_security_mgmt_psid(r: scms.SecurityMgmtPsid) -> bytes:
    if r != 35:
        raise Breach("must be 35")
    return b"#"


def decode_scms_pdu_content(o: bytes, i: int) -> tuple[scms.ScmsPduContent, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "aca-ee"
        value_, i = decode_aca_ee_interface_pdu(o, i + 1)
        return new(scms.ScmsPduContent, (kind_, value_)), i
    if tag_ == 0x81:
        return _SCMS_PDU_CONTENT_ACA_LA, i + 1
    if tag_ == 0x82:
        return _SCMS_PDU_CONTENT_ACA_MA, i + 1
    if tag_ == 0x83:
        kind_ = "aca-ra"
        value_, i = decode_aca_ra_interface_pdu(o, i + 1)
        return new(scms.ScmsPduContent, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "cert"
        value_, i = decode_cert_management_pdu(o, i + 1)
        return new(scms.ScmsPduContent, (kind_, value_)), i
    if tag_ == 0x85:
        kind_ = "eca-ee"
        value_, i = decode_eca_ee_interface_pdu(o, i + 1)
        return new(scms.ScmsPduContent, (kind_, value_)), i
    if tag_ == 0x86:
        return _SCMS_PDU_CONTENT_EE_MA, i + 1
    if tag_ == 0x87:
        kind_ = "ee-ra"
        value_, i = decode_ee_ra_interface_pdu(o, i + 1)
        return new(scms.ScmsPduContent, (kind_, value_)), i
    if tag_ == 0x88:
        return _SCMS_PDU_CONTENT_LA_MA, i + 1
    if tag_ == 0x89:
        return _SCMS_PDU_CONTENT_LA_RA, i + 1
    if tag_ == 0x8a:
        return _SCMS_PDU_CONTENT_MA_RA, i + 1
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_scms_pdu_content(r: scms.ScmsPduContent) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "aca-ee":
        return b"\x80" + encode_aca_ee_interface_pdu(value_)
    if kind_ == "aca-la":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x81"
    if kind_ == "aca-ma":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x82"
    if kind_ == "aca-ra":
        return b"\x83" + encode_aca_ra_interface_pdu(value_)
    if kind_ == "cert":
        return b"\x84" + encode_cert_management_pdu(value_)
    if kind_ == "eca-ee":
        return b"\x85" + encode_eca_ee_interface_pdu(value_)
    if kind_ == "ee-ma":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x86"
    if kind_ == "ee-ra":
        return b"\x87" + encode_ee_ra_interface_pdu(value_)
    if kind_ == "la-ma":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x88"
    if kind_ == "la-ra":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x89"
    if kind_ == "ma-ra":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x8a"
    raise Breach("kind must be one of the choice")


def decode_scms_pdu(o: bytes, i: int) -> tuple[scms.ScmsPdu, int]:
    version_ = o[i]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i)
    version = version_
    content, i = decode_scms_pdu_content(o, i + 1)
    return new(scms.ScmsPdu, (version, content)), i


def encode_scms_pdu(r: scms.ScmsPdu) -> bytes:
    version, content = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_content = encode_scms_pdu_content(content)
    return b"".join((c_version, c_content))


def decode_x509_certificate(o: bytes, i: int) -> tuple[scms.X509Certificate, int]:
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    value_ = o[i : i + n_]
    i += n_
    return value_, i


def encode_x509_certificate(r: scms.X509Certificate) -> bytes:
    return prefixed(r)


def decode_sequence_of_x509_certificate(o: bytes, i: int) -> tuple[scms.SequenceOfX509Certificate, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    if count_ < 1:
        raise Breach(f"{count_} elements: must have 1 or more elements", i)
    items_ = []
    for _ in range(count_):
        n_ = o[i]
        i += 1
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        item_ = o[i : i + n_]
        i += n_
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_x509_certificate(r: scms.SequenceOfX509Certificate) -> bytes:
    if len(r) < 1:
        raise Breach("must have 1 or more elements")
    items_: list[bytes] = []
    for item_ in r:
        items_.append(prefixed(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_x509_signer_identifier(o: bytes, i: int) -> tuple[scms.X509SignerIdentifier, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "certificate"
        value_, i = decode_sequence_of_x509_certificate(o, i + 1)
        return new(scms.X509SignerIdentifier, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_x509_signer_identifier(r: scms.X509SignerIdentifier) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "certificate":
        return b"\x80" + encode_sequence_of_x509_certificate(value_)
    raise Breach("kind must be one of the choice")


def decode_signed_certificate_request(o: bytes, i: int) -> tuple[scms.SignedCertificateRequest, int]:
    code_ = o[i]
    if code_ >= 3:
        raise Breach(f"{code_} is not in the enumeration of HashAlgorithm", i)
    hash_algorithm_id = _codec_dot2._HASH_ALGORITHM[code_]
    tbs_request, i = decode_scms_pdu(o, i + 1)
    signer, i = _codec_dot2.decode_signer_identifier(o, i)
    signature, i = _codec_dot2.decode_signature(o, i)
    return new(scms.SignedCertificateRequest, (hash_algorithm_id, tbs_request, signer, signature)), i


def encode_signed_certificate_request(r: scms.SignedCertificateRequest) -> bytes:
    hash_algorithm_id, tbs_request, signer, signature = r
    c_hash_algorithm_id = _codec_dot2._HASH_ALGORITHM_CODE[hash_algorithm_id]
    c_tbs_request = encode_scms_pdu(tbs_request)
    c_signer = _codec_dot2.encode_signer_identifier(signer)
    c_signature = _codec_dot2.encode_signature(signature)
    return b"".join((c_hash_algorithm_id, c_tbs_request, c_signer, c_signature))


def decode_signed_x509_certificate_request(o: bytes, i: int) -> tuple[scms.SignedX509CertificateRequest, int]:
    code_ = o[i]
    if code_ >= 3:
        raise Breach(f"{code_} is not in the enumeration of HashAlgorithm", i)
    hash_algorithm_id = _codec_dot2._HASH_ALGORITHM[code_]
    tbs_request, i = decode_scms_pdu(o, i + 1)
    signer, i = decode_x509_signer_identifier(o, i)
    signature, i = _codec_dot2.decode_signature(o, i)
    return new(scms.SignedX509CertificateRequest, (hash_algorithm_id, tbs_request, signer, signature)), i


def encode_signed_x509_certificate_request(r: scms.SignedX509CertificateRequest) -> bytes:
    hash_algorithm_id, tbs_request, signer, signature = r
    c_hash_algorithm_id = _codec_dot2._HASH_ALGORITHM_CODE[hash_algorithm_id]
    c_tbs_request = encode_scms_pdu(tbs_request)
    c_signer = encode_x509_signer_identifier(signer)
    c_signature = _codec_dot2.encode_signature(signature)
    return b"".join((c_hash_algorithm_id, c_tbs_request, c_signer, c_signature))


def decode_security_mgmt_ssp(o: bytes, i: int) -> tuple[scms.SecurityMgmtSsp, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "elector"
        value_, i = decode_elector_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "root"
        value_, i = decode_root_ca_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "pg"
        value_, i = decode_pg_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "ica"
        value_, i = decode_ica_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "eca"
        value_, i = decode_eca_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x85:
        kind_ = "aca"
        value_, i = decode_aca_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x86:
        kind_ = "crl"
        value_, i = decode_crl_signer_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x87:
        kind_ = "dcm"
        value_, i = decode_dcm_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x88:
        kind_ = "la"
        value_, i = decode_la_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x89:
        kind_ = "lop"
        value_, i = decode_lop_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x8a:
        kind_ = "ma"
        value_, i = decode_ma_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x8b:
        kind_ = "ra"
        value_, i = decode_ra_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x8c:
        kind_ = "ee"
        value_, i = decode_ee_ssp(o, i + 1)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    if tag_ == 0x8d:
        kind_ = "dc"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_dc_ssp(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(scms.SecurityMgmtSsp, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_security_mgmt_ssp(r: scms.SecurityMgmtSsp) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "elector":
        return b"\x80" + encode_elector_ssp(value_)
    if kind_ == "root":
        return b"\x81" + encode_root_ca_ssp(value_)
    if kind_ == "pg":
        return b"\x82" + encode_pg_ssp(value_)
    if kind_ == "ica":
        return b"\x83" + encode_ica_ssp(value_)
    if kind_ == "eca":
        return b"\x84" + encode_eca_ssp(value_)
    if kind_ == "aca":
        return b"\x85" + encode_aca_ssp(value_)
    if kind_ == "crl":
        return b"\x86" + encode_crl_signer_ssp(value_)
    if kind_ == "dcm":
        return b"\x87" + encode_dcm_ssp(value_)
    if kind_ == "la":
        return b"\x88" + encode_la_ssp(value_)
    if kind_ == "lop":
        return b"\x89" + encode_lop_ssp(value_)
    if kind_ == "ma":
        return b"\x8a" + encode_ma_ssp(value_)
    if kind_ == "ra":
        return b"\x8b" + encode_ra_ssp(value_)
    if kind_ == "ee":
        return b"\x8c" + encode_ee_ssp(value_)
    if kind_ == "dc":
        return b"\x8d" + prefixed(encode_dc_ssp(value_))
    raise Breach("kind must be one of the choice")


def decode_elector_ssp(o: bytes, i: int) -> tuple[scms.ElectorSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.ElectorSsp, (version,)), i + 2


def encode_elector_ssp(r: scms.ElectorSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_root_ca_ssp(o: bytes, i: int) -> tuple[scms.RootCaSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.RootCaSsp, (version,)), i + 2


def encode_root_ca_ssp(r: scms.RootCaSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_pg_ssp(o: bytes, i: int) -> tuple[scms.PgSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.PgSsp, (version,)), i + 2


def encode_pg_ssp(r: scms.PgSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_ica_ssp(o: bytes, i: int) -> tuple[scms.IcaSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.IcaSsp, (version,)), i + 2


def encode_ica_ssp(r: scms.IcaSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_eca_ssp(o: bytes, i: int) -> tuple[scms.EcaSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.EcaSsp, (version,)), i + 2


def encode_eca_ssp(r: scms.EcaSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_aca_ssp(o: bytes, i: int) -> tuple[scms.AcaSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.AcaSsp, (version,)), i + 2


def encode_aca_ssp(r: scms.AcaSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_crl_signer_ssp(o: bytes, i: int) -> tuple[scms.CrlSignerSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.CrlSignerSsp, (version,)), i + 2


def encode_crl_signer_ssp(r: scms.CrlSignerSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_dcm_ssp(o: bytes, i: int) -> tuple[scms.DcmSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.DcmSsp, (version,)), i + 2


def encode_dcm_ssp(r: scms.DcmSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_la_ssp(o: bytes, i: int) -> tuple[scms.LaSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    la_id = o[i + 2] << 8 | o[i + 3]
    return new(scms.LaSsp, (version, la_id)), i + 4


def encode_la_ssp(r: scms.LaSsp) -> bytes:
    version, la_id = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_la_id = la_id.to_bytes(2, "big")
    return b"".join((b"\x00", c_version, c_la_id))


def decode_lop_ssp(o: bytes, i: int) -> tuple[scms.LopSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.LopSsp, (version,)), i + 2


def encode_lop_ssp(r: scms.LopSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_ma_ssp(o: bytes, i: int) -> tuple[scms.MaSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    relevant_psids, i = _codec_dot2.decode_sequence_of_psid(o, i + 2)
    return new(scms.MaSsp, (version, relevant_psids)), i


def encode_ma_ssp(r: scms.MaSsp) -> bytes:
    version, relevant_psids = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    c_relevant_psids = _codec_dot2.encode_sequence_of_psid(relevant_psids)
    return b"".join((b"\x00", c_version, c_relevant_psids))


def decode_ra_ssp(o: bytes, i: int) -> tuple[scms.RaSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.RaSsp, (version,)), i + 2


def encode_ra_ssp(r: scms.RaSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_ee_ssp(o: bytes, i: int) -> tuple[scms.EeSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.EeSsp, (version,)), i + 2


def encode_ee_ssp(r: scms.EeSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


def decode_acpc_ssp(o: bytes, i: int) -> tuple[scms.AcpcSsp, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "cam"
        value_, i = decode_cam_ssp(o, i + 1)
        return new(scms.AcpcSsp, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_acpc_ssp(r: scms.AcpcSsp) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "cam":
        return b"\x80" + encode_cam_ssp(value_)
    raise Breach("kind must be one of the choice")


def decode_cam_ssp(o: bytes, i: int) -> tuple[scms.CamSsp, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 8 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    if count_ < 1:
        raise Breach(f"{count_} elements: must have 1 or more elements", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i : i + 8]
        i += 8
        items_.append(item_)
    return tuple(items_), i


def encode_cam_ssp(r: scms.CamSsp) -> bytes:
    if len(r) < 1:
        raise Breach("must have 1 or more elements")
    items_: list[bytes] = []
    for item_ in r:
        if len(item_) != 8:
            raise Breach("must have 8 octets")
        items_.append(item_)
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_dc_ssp(o: bytes, i: int) -> tuple[scms.DcSsp, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 2:
        raise Breach(f"{version_} is not 2", i + 1)
    version = version_
    return new(scms.DcSsp, (version,)), i + 2


def encode_dc_ssp(r: scms.DcSsp) -> bytes:
    version, = r
    if version != 2:
        raise Breach("must be 2")
    c_version = b"\x02"
    return b"".join((b"\x00", c_version))


# by record class
DECODE = {
    scms.AcaEeInterfacePdu: decode_aca_ee_interface_pdu,
    scms.AcaEeCertResponse: decode_aca_ee_cert_response,
    scms.AcaRaInterfacePdu: decode_aca_ra_interface_pdu,
    scms.RaAcaCertRequest: decode_ra_aca_cert_request,
    scms.LinkageInfo: decode_linkage_info,
    scms.EncryptedIndividualPLV: decode_encrypted_individual_plv,
    scms.AcaRaCertResponse: decode_aca_ra_cert_response,
    scms.AcaResponse: decode_aca_response,
    scms.AcpcPdu: decode_acpc_pdu,
    scms.AprvBinaryTree: decode_aprv_binary_tree,
    scms.IndividualAprv: decode_individual_aprv,
    scms.AprvHashCalculationInput: decode_aprv_hash_calculation_input,
    scms.CamRaInterfacePdu: decode_cam_ra_interface_pdu,
    scms.RaCamBatchRequest: decode_ra_cam_batch_request,
    scms.CamRaBatchResponse: decode_cam_ra_batch_response,
    scms.CertManagementPdu: decode_cert_management_pdu,
    scms.CompositeCrl: decode_composite_crl,
    scms.CertificateChain: decode_certificate_chain,
    scms.MultiSignedCtl: decode_multi_signed_ctl,
    scms.FullIeeeTbsCtl: decode_full_ieee_tbs_ctl,
    scms.ToBeSignedCtlSignature: decode_to_be_signed_ctl_signature,
    scms.CertificateManagementInfoStatus: decode_certificate_management_info_status,
    scms.CtlInfoStatus: decode_ctl_info_status,
    scms.CrlInfoStatus: decode_crl_info_status,
    scms.MaInfoStatus: decode_ma_info_status,
    scms.EcaEeInterfacePdu: decode_eca_ee_interface_pdu,
    scms.EeEcaCertRequest: decode_ee_eca_cert_request,
    scms.EcaEeCertResponse: decode_eca_ee_cert_response,
    scms.EeRaInterfacePdu: decode_ee_ra_interface_pdu,
    scms.EeRaCertRequest: decode_ee_ra_cert_request,
    scms.AdditionalParams: decode_additional_params,
    scms.ButterflyParamsOriginal: decode_butterfly_params_original,
    scms.ButterflyExpansion: decode_butterfly_expansion,
    scms.RaEeCertAck: decode_ra_ee_cert_ack,
    scms.RaEeCertInfo: decode_ra_ee_cert_info,
    scms.EeRaDownloadRequest: decode_ee_ra_download_request,
    scms.ScmsPduContent: decode_scms_pdu_content,
    scms.ScmsPdu: decode_scms_pdu,
    scms.X509SignerIdentifier: decode_x509_signer_identifier,
    scms.SignedCertificateRequest: decode_signed_certificate_request,
    scms.SignedX509CertificateRequest: decode_signed_x509_certificate_request,
    scms.SecurityMgmtSsp: decode_security_mgmt_ssp,
    scms.ElectorSsp: decode_elector_ssp,
    scms.RootCaSsp: decode_root_ca_ssp,
    scms.PgSsp: decode_pg_ssp,
    scms.IcaSsp: decode_ica_ssp,
    scms.EcaSsp: decode_eca_ssp,
    scms.AcaSsp: decode_aca_ssp,
    scms.CrlSignerSsp: decode_crl_signer_ssp,
    scms.DcmSsp: decode_dcm_ssp,
    scms.LaSsp: decode_la_ssp,
    scms.LopSsp: decode_lop_ssp,
    scms.MaSsp: decode_ma_ssp,
    scms.RaSsp: decode_ra_ssp,
    scms.EeSsp: decode_ee_ssp,
    scms.AcpcSsp: decode_acpc_ssp,
    scms.DcSsp: decode_dc_ssp,
}
ENCODE = {
    scms.AcaEeInterfacePdu: encode_aca_ee_interface_pdu,
    scms.AcaEeCertResponse: encode_aca_ee_cert_response,
    scms.AcaRaInterfacePdu: encode_aca_ra_interface_pdu,
    scms.RaAcaCertRequest: encode_ra_aca_cert_request,
    scms.LinkageInfo: encode_linkage_info,
    scms.EncryptedIndividualPLV: encode_encrypted_individual_plv,
    scms.AcaRaCertResponse: encode_aca_ra_cert_response,
    scms.AcaResponse: encode_aca_response,
    scms.AcpcPdu: encode_acpc_pdu,
    scms.AprvBinaryTree: encode_aprv_binary_tree,
    scms.IndividualAprv: encode_individual_aprv,
    scms.AprvHashCalculationInput: encode_aprv_hash_calculation_input,
    scms.CamRaInterfacePdu: encode_cam_ra_interface_pdu,
    scms.RaCamBatchRequest: encode_ra_cam_batch_request,
    scms.CamRaBatchResponse: encode_cam_ra_batch_response,
    scms.CertManagementPdu: encode_cert_management_pdu,
    scms.CompositeCrl: encode_composite_crl,
    scms.CertificateChain: encode_certificate_chain,
    scms.MultiSignedCtl: encode_multi_signed_ctl,
    scms.FullIeeeTbsCtl: encode_full_ieee_tbs_ctl,
    scms.ToBeSignedCtlSignature: encode_to_be_signed_ctl_signature,
    scms.CertificateManagementInfoStatus: encode_certificate_management_info_status,
    scms.CtlInfoStatus: encode_ctl_info_status,
    scms.CrlInfoStatus: encode_crl_info_status,
    scms.MaInfoStatus: encode_ma_info_status,
    scms.EcaEeInterfacePdu: encode_eca_ee_interface_pdu,
    scms.EeEcaCertRequest: encode_ee_eca_cert_request,
    scms.EcaEeCertResponse: encode_eca_ee_cert_response,
    scms.EeRaInterfacePdu: encode_ee_ra_interface_pdu,
    scms.EeRaCertRequest: encode_ee_ra_cert_request,
    scms.AdditionalParams: encode_additional_params,
    scms.ButterflyParamsOriginal: encode_butterfly_params_original,
    scms.ButterflyExpansion: encode_butterfly_expansion,
    scms.RaEeCertAck: encode_ra_ee_cert_ack,
    scms.RaEeCertInfo: encode_ra_ee_cert_info,
    scms.EeRaDownloadRequest: encode_ee_ra_download_request,
    scms.ScmsPduContent: encode_scms_pdu_content,
    scms.ScmsPdu: encode_scms_pdu,
    scms.X509SignerIdentifier: encode_x509_signer_identifier,
    scms.SignedCertificateRequest: encode_signed_certificate_request,
    scms.SignedX509CertificateRequest: encode_signed_x509_certificate_request,
    scms.SecurityMgmtSsp: encode_security_mgmt_ssp,
    scms.ElectorSsp: encode_elector_ssp,
    scms.RootCaSsp: encode_root_ca_ssp,
    scms.PgSsp: encode_pg_ssp,
    scms.IcaSsp: encode_ica_ssp,
    scms.EcaSsp: encode_eca_ssp,
    scms.AcaSsp: encode_aca_ssp,
    scms.CrlSignerSsp: encode_crl_signer_ssp,
    scms.DcmSsp: encode_dcm_ssp,
    scms.LaSsp: encode_la_ssp,
    scms.LopSsp: encode_lop_ssp,
    scms.MaSsp: encode_ma_ssp,
    scms.RaSsp: encode_ra_ssp,
    scms.EeSsp: encode_ee_ssp,
    scms.AcpcSsp: encode_acpc_ssp,
    scms.DcSsp: encode_dc_ssp,
}
# by ASN.1 name, every named type
NAMED = {
    "AcaEeInterfacePdu": (decode_aca_ee_interface_pdu, encode_aca_ee_interface_pdu),
    "AcaEeCertResponse": (decode_aca_ee_cert_response, encode_aca_ee_cert_response),
    "AcaLaInterfacePdu": (decode_aca_la_interface_pdu, encode_aca_la_interface_pdu),
    "AcaMaInterfacePdu": (decode_aca_ma_interface_pdu, encode_aca_ma_interface_pdu),
    "AcaRaInterfacePdu": (decode_aca_ra_interface_pdu, encode_aca_ra_interface_pdu),
    "RaAcaCertRequest": (decode_ra_aca_cert_request, encode_ra_aca_cert_request),
    "RaAcaCertRequestFlags": (decode_ra_aca_cert_request_flags, encode_ra_aca_cert_request_flags),
    "LinkageInfo": (decode_linkage_info, encode_linkage_info),
    "EncryptedIndividualPLV": (decode_encrypted_individual_plv, encode_encrypted_individual_plv),
    "PreLinkageValue": (decode_pre_linkage_value, encode_pre_linkage_value),
    "AcaRaCertResponse": (decode_aca_ra_cert_response, encode_aca_ra_cert_response),
    "AcaResponse": (decode_aca_response, encode_aca_response),
    "AcpcPdu": (decode_acpc_pdu, encode_acpc_pdu),
    "AprvBinaryTree": (decode_aprv_binary_tree, encode_aprv_binary_tree),
    "AcpcPsid": (decode_acpc_psid, encode_acpc_psid),
    "UnsecuredAprvBinaryTree": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "SignedAprvBinaryTree": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "IndividualAprv": (decode_individual_aprv, encode_individual_aprv),
    "SignedIndividualAprv": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "AcpcTreeId": (decode_acpc_tree_id, encode_acpc_tree_id),
    "AcpcNodeValue": (decode_acpc_node_value, encode_acpc_node_value),
    "AprvHashCalculationInput": (decode_aprv_hash_calculation_input, encode_aprv_hash_calculation_input),
    "CamRaInterfacePdu": (decode_cam_ra_interface_pdu, encode_cam_ra_interface_pdu),
    "RaCamBatchRequest": (decode_ra_cam_batch_request, encode_ra_cam_batch_request),
    "CamRaBatchResponse": (decode_cam_ra_batch_response, encode_cam_ra_batch_response),
    "BlindedKey": (_codec_dot2.decode_ecc_p256_curve_point, _codec_dot2.encode_ecc_p256_curve_point),
    "CertManagementPdu": (decode_cert_management_pdu, encode_cert_management_pdu),
    "CompositeCrl": (decode_composite_crl, encode_composite_crl),
    "CertificateChain": (decode_certificate_chain, encode_certificate_chain),
    "MultiSignedCtl": (decode_multi_signed_ctl, encode_multi_signed_ctl),
    "Ieee1609dot2dot1MsctlType": (decode_ieee1609dot2dot1_msctl_type, encode_ieee1609dot2dot1_msctl_type),
    "FullIeeeTbsCtl": (decode_full_ieee_tbs_ctl, encode_full_ieee_tbs_ctl),
    "CtlSeriesId": (decode_ctl_series_id, encode_ctl_series_id),
    "CtlSequenceNumber": (decode_ctl_sequence_number, encode_ctl_sequence_number),
    "CtlElectorEntry": (_codec_dot2.decode_hashed_id48, _codec_dot2.encode_hashed_id48),
    "CtlRootCaEntry": (_codec_dot2.decode_hashed_id32, _codec_dot2.encode_hashed_id32),
    "ToBeSignedCtlSignature": (decode_to_be_signed_ctl_signature, encode_to_be_signed_ctl_signature),
    "CertificateManagementInfoStatus": (decode_certificate_management_info_status, encode_certificate_management_info_status),
    "SequenceOfCtlInfoStatus": (decode_sequence_of_ctl_info_status, encode_sequence_of_ctl_info_status),
    "CtlInfoStatus": (decode_ctl_info_status, encode_ctl_info_status),
    "SequenceOfCrlInfoStatus": (decode_sequence_of_crl_info_status, encode_sequence_of_crl_info_status),
    "CrlInfoStatus": (decode_crl_info_status, encode_crl_info_status),
    "SequenceOfMaInfoStatus": (decode_sequence_of_ma_info_status, encode_sequence_of_ma_info_status),
    "MaInfoStatus": (decode_ma_info_status, encode_ma_info_status),
    "EcaEeInterfacePdu": (decode_eca_ee_interface_pdu, encode_eca_ee_interface_pdu),
    "EeEcaCertRequest": (decode_ee_eca_cert_request, encode_ee_eca_cert_request),
    "EcaEeCertResponse": (decode_eca_ee_cert_response, encode_eca_ee_cert_response),
    "EeMaInterfacePdu": (decode_ee_ma_interface_pdu, encode_ee_ma_interface_pdu),
    "EeRaInterfacePdu": (decode_ee_ra_interface_pdu, encode_ee_ra_interface_pdu),
    "EeRaCertRequest": (decode_ee_ra_cert_request, encode_ee_ra_cert_request),
    "AdditionalParams": (decode_additional_params, encode_additional_params),
    "ButterflyParamsOriginal": (decode_butterfly_params_original, encode_butterfly_params_original),
    "ButterflyExpansion": (decode_butterfly_expansion, encode_butterfly_expansion),
    "RaEeCertAck": (decode_ra_ee_cert_ack, encode_ra_ee_cert_ack),
    "RaEeCertInfo": (decode_ra_ee_cert_info, encode_ra_ee_cert_info),
    "EeRaDownloadRequest": (decode_ee_ra_download_request, encode_ee_ra_download_request),
    "LaMaInterfacePdu": (decode_la_ma_interface_pdu, encode_la_ma_interface_pdu),
    "LaRaInterfacePdu": (decode_la_ra_interface_pdu, encode_la_ra_interface_pdu),
    "MaRaInterfacePdu": (decode_ma_ra_interface_pdu, encode_ma_ra_interface_pdu),
    "SecurityMgmtPsid": (decode_security_mgmt_psid, encode_security_mgmt_psid),
    "ScmsPdu": (decode_scms_pdu, encode_scms_pdu),
    "ScmsPdu-Scoped": (decode_scms_pdu, encode_scms_pdu),
    "Ieee1609Dot2Data-Unsecured": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "Ieee1609Dot2Data-Signed": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "Ieee1609Dot2Data-Encrypted": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "Ieee1609Dot2Data-SignedCertRequest": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "X509Certificate": (decode_x509_certificate, encode_x509_certificate),
    "SequenceOfX509Certificate": (decode_sequence_of_x509_certificate, encode_sequence_of_x509_certificate),
    "X509SignerIdentifier": (decode_x509_signer_identifier, encode_x509_signer_identifier),
    "Ieee1609Dot2Data-SignedX509AuthenticatedCertRequest": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "Ieee1609Dot2Data-SignedEncrypted": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "Ieee1609Dot2Data-EncryptedSigned": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "Ieee1609Dot2Data-SignedEncryptedCertRequest": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "Ieee1609Dot2Data-SymmEncryptedSingleRecipient": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "SignerSingleCert": (_codec_dot2.decode_signer_identifier, _codec_dot2.encode_signer_identifier),
    "SignerSingleX509Cert": (decode_x509_signer_identifier, encode_x509_signer_identifier),
    "SignerSelf": (_codec_dot2.decode_signer_identifier, _codec_dot2.encode_signer_identifier),
    "ScopedCertificateRequest": (decode_scms_pdu, encode_scms_pdu),
    "SignedCertificateRequest": (decode_signed_certificate_request, encode_signed_certificate_request),
    "SignedX509CertificateRequest": (decode_signed_x509_certificate_request, encode_signed_x509_certificate_request),
    "AcaEeCertResponsePlainSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "AcaEeCertResponsePrivateSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "AcaEeCertResponseCubkSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "RaAcaCertRequestSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "AcaRaCertResponseSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "CompositeCrlSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "CertificateChainSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "MultiSignedCtlSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "CtlSignatureSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "CertificateManagementInformationStatusSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EeEcaCertRequestSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EcaEeCertResponseSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EeRaCertRequestSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EeRa1609Dot2AuthenticatedCertRequestSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EeRaX509AuthenticatedCertRequestSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "RaEeCertAckSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "RaEeCertInfoSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "RaEeCertAndAcpcInfoSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EeRaDownloadRequestPlainSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EeRaDownloadRequestSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EeRaSuccessorEnrollmentCertRequestSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "RaEeEnrollmentCertAckSpdu": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "SecurityMgmtSsp": (decode_security_mgmt_ssp, encode_security_mgmt_ssp),
    "TestSecurityMgmtSsp": (decode_security_mgmt_ssp, encode_security_mgmt_ssp),
    "ElectorSsp": (decode_elector_ssp, encode_elector_ssp),
    "RootCaSsp": (decode_root_ca_ssp, encode_root_ca_ssp),
    "PgSsp": (decode_pg_ssp, encode_pg_ssp),
    "IcaSsp": (decode_ica_ssp, encode_ica_ssp),
    "EcaSsp": (decode_eca_ssp, encode_eca_ssp),
    "AcaSsp": (decode_aca_ssp, encode_aca_ssp),
    "CrlSignerSsp": (decode_crl_signer_ssp, encode_crl_signer_ssp),
    "DcmSsp": (decode_dcm_ssp, encode_dcm_ssp),
    "LaSsp": (decode_la_ssp, encode_la_ssp),
    "LopSsp": (decode_lop_ssp, encode_lop_ssp),
    "MaSsp": (decode_ma_ssp, encode_ma_ssp),
    "RaSsp": (decode_ra_ssp, encode_ra_ssp),
    "EeSsp": (decode_ee_ssp, encode_ee_ssp),
    "AcpcSsp": (decode_acpc_ssp, encode_acpc_ssp),
    "CamSsp": (decode_cam_ssp, encode_cam_ssp),
    "DcSsp": (decode_dc_ssp, encode_dc_ssp),
}
