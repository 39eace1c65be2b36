"""COER of IEEE 1609.2, straight to and from records.

Made from asn1/ by `python -m v2xpki.wire.generate`: do not edit.

See _runtime for how faults are found, and the package for what is strict about it.
"""

# ruff: noqa: E501, I001, PLR0915, RUF100
# mypy: disable-error-code="no-any-return,unreachable"
from __future__ import annotations

from typing import Any

from v2xpki.wire import dot2
from v2xpki.wire._runtime import (
    MAX_NESTING,
    OCTET,
    Breach,
    long_length,
    new,
    object_identifier,
    object_identifier_octets,
    prefixed,
    s32,
    signed,
    signed_octets,
    u32,
    u64,
    unsigned,
    unsigned_octets,
)


_CERTIFICATE_TYPE: tuple[dot2.CertificateType, ...] = ("explicit", "implicit",)
_CERTIFICATE_TYPE_CODE = {name: OCTET[code] for code, name in enumerate(_CERTIFICATE_TYPE)}

_SYMM_ALGORITHM: tuple[dot2.SymmAlgorithm, ...] = ("aes128Ccm", "sm4Ccm",)
_SYMM_ALGORITHM_CODE = {name: OCTET[code] for code, name in enumerate(_SYMM_ALGORITHM)}

_HASH_ALGORITHM: tuple[dot2.HashAlgorithm, ...] = ("sha256", "sha384", "sm3",)
_HASH_ALGORITHM_CODE = {name: OCTET[code] for code, name in enumerate(_HASH_ALGORITHM)}

_EXPANSION_ALGORITHM_IDENTIFIER: tuple[dot2.ExpansionAlgorithmIdentifier, ...] = ("sha256ForI-aesForJ", "sm3ForI-sm4ForJ",)
_EXPANSION_ALGORITHM_IDENTIFIER_CODE = {name: OCTET[code] for code, name in enumerate(_EXPANSION_ALGORITHM_IDENTIFIER)}

_SIGNER_IDENTIFIER_SELF = dot2.SignerIdentifier(kind="self", value=None)
_CERTIFICATE_ID_NONE = dot2.CertificateId(kind="none", value=None)
_SUBJECT_PERMISSIONS_ALL = dot2.SubjectPermissions(kind="all", value=None)
_CERT_ISSUE_EXTENSION_PERMISSIONS_ALL = dot2.CertIssueExtensionPermissions(kind="all", value=None)
_CERT_REQUEST_EXTENSION_PERMISSIONS_ALL = dot2.CertRequestExtensionPermissions(kind="all", value=None)
_ECC_P256_CURVE_POINT_FILL = dot2.EccP256CurvePoint(kind="fill", value=None)
_ECC_P384_CURVE_POINT_FILL = dot2.EccP384CurvePoint(kind="fill", value=None)
_SSP_RANGE_ALL = dot2.SspRange(kind="all", value=None)


def decode_ieee1609_dot2_data(o: bytes, i: int, depth: int = 0) -> tuple[dot2.Ieee1609Dot2Data, int]:
    depth += 1
    if depth > MAX_NESTING:
        raise Breach(f"Ieee1609Dot2Data nested more than {MAX_NESTING} deep", i)
    protocol_version_ = o[i]
    if protocol_version_ != 3:
        raise Breach(f"{protocol_version_} is not 3", i)
    protocol_version = protocol_version_
    content, i = decode_ieee1609_dot2_content(o, i + 1, depth)
    return new(dot2.Ieee1609Dot2Data, (protocol_version, content)), i


def encode_ieee1609_dot2_data(r: dot2.Ieee1609Dot2Data, depth: int = 0) -> bytes:
    depth += 1
    if depth > MAX_NESTING:
        raise Breach(f"Ieee1609Dot2Data must not be nested more than {MAX_NESTING} deep")
    protocol_version, content = r
    if protocol_version != 3:
        raise Breach("must be 3")
    c_protocol_version = b"\x03"
    c_content = encode_ieee1609_dot2_content(content, depth)
    return b"".join((c_protocol_version, c_content))


def decode_ieee1609_dot2_content(o: bytes, i: int, depth: int = 0) -> tuple[dot2.Ieee1609Dot2Content, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "unsecuredData"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        value_ = o[i : i + n_]
        i += n_
        return new(dot2.Ieee1609Dot2Content, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "signedData"
        value_, i = decode_signed_data(o, i + 1, depth)
        return new(dot2.Ieee1609Dot2Content, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "encryptedData"
        value_, i = decode_encrypted_data(o, i + 1)
        return new(dot2.Ieee1609Dot2Content, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "signedCertificateRequest"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        value_ = o[i : i + n_]
        i += n_
        return new(dot2.Ieee1609Dot2Content, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "signedX509CertificateRequest"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        n_ = o[i]
        i += 1
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        value_ = o[i : i + n_]
        i += n_
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.Ieee1609Dot2Content, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_ieee1609_dot2_content(r: dot2.Ieee1609Dot2Content, depth: int = 0) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "unsecuredData":
        return b"\x80" + prefixed(value_)
    if kind_ == "signedData":
        return b"\x81" + encode_signed_data(value_, depth)
    if kind_ == "encryptedData":
        return b"\x82" + encode_encrypted_data(value_)
    if kind_ == "signedCertificateRequest":
        return b"\x83" + prefixed(value_)
    if kind_ == "signedX509CertificateRequest":
        return b"\x84" + prefixed(prefixed(value_))
    raise Breach("kind must be one of the choice")


def decode_signed_data(o: bytes, i: int, depth: int = 0) -> tuple[dot2.SignedData, int]:
    code_ = o[i]
    if code_ >= 3:
        raise Breach(f"{code_} is not in the enumeration of HashAlgorithm", i)
    hash_id = _HASH_ALGORITHM[code_]
    tbs_data, i = decode_to_be_signed_data(o, i + 1, depth)
    signer, i = decode_signer_identifier(o, i)
    signature, i = decode_signature(o, i)
    return new(dot2.SignedData, (hash_id, tbs_data, signer, signature)), i


def encode_signed_data(r: dot2.SignedData, depth: int = 0) -> bytes:
    hash_id, tbs_data, signer, signature = r
    c_hash_id = _HASH_ALGORITHM_CODE[hash_id]
    c_tbs_data = encode_to_be_signed_data(tbs_data, depth)
    c_signer = encode_signer_identifier(signer)
    c_signature = encode_signature(signature)
    return b"".join((c_hash_id, c_tbs_data, c_signer, c_signature))


def decode_to_be_signed_data(o: bytes, i: int, depth: int = 0) -> tuple[dot2.ToBeSignedData, int]:
    payload, i = decode_signed_data_payload(o, i, depth)
    header_info, i = decode_header_info(o, i)
    return new(dot2.ToBeSignedData, (payload, header_info)), i


def encode_to_be_signed_data(r: dot2.ToBeSignedData, depth: int = 0) -> bytes:
    payload, header_info = r
    c_payload = encode_signed_data_payload(payload, depth)
    c_header_info = encode_header_info(header_info)
    return b"".join((c_payload, c_header_info))


def decode_signed_data_payload(o: bytes, i: int, depth: int = 0) -> tuple[dot2.SignedDataPayload, int]:
    p_ = o[i]
    if p_ & 0x1f:
        raise Breach("a preamble with bits that have no meaning", i)
    i += 1
    if p_ & 0x40:
        data, i = decode_ieee1609_dot2_data(o, i, depth)
    else:
        data = None
    if p_ & 0x20:
        ext_data_hash, i = decode_hashed_data(o, i)
    else:
        ext_data_hash = None
    if p_ & 0x80:
        if o[i] != 2 or o[i + 1] != 7 or not o[i + 2] or o[i + 2] & 0x7f:
            raise Breach("an extension bitmap that is empty or of another size", i)
        e_ = o[i + 2]
        i += 3
        if e_ & 0x80:
            if o[i]:
                raise Breach("a NULL that is not empty", i)
            i += 1
            omitted = True
        else:
            omitted = None
    else:
        omitted = None
    return new(dot2.SignedDataPayload, (data, ext_data_hash, omitted)), i


def encode_signed_data_payload(r: dot2.SignedDataPayload, depth: int = 0) -> bytes:
    data, ext_data_hash, omitted = r
    p_ = 0
    if data is None:
        c_data = b""
    else:
        p_ |= 0x40
        c_data = encode_ieee1609_dot2_data(data, depth)
    if ext_data_hash is None:
        c_ext_data_hash = b""
    else:
        p_ |= 0x20
        c_ext_data_hash = encode_hashed_data(ext_data_hash)
    e_ = 0
    if omitted is None:
        c_omitted = b""
    else:
        e_ |= 0x80
        if omitted is not True:
            raise Breach("must be True or None")
        c_omitted = b""
        c_omitted = prefixed(c_omitted)
    c_additions_ = b""
    if e_:
        p_ |= 0x80
        c_additions_ = b"".join((b"\x02\x07", OCTET[e_], c_omitted,))
    return b"".join((OCTET[p_], c_data, c_ext_data_hash, c_additions_))


def decode_hashed_data(o: bytes, i: int) -> tuple[dot2.HashedData, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "sha256HashedData"
        value_ = o[i + 1 : i + 33]
        return new(dot2.HashedData, (kind_, value_)), i + 33
    if tag_ == 0x81:
        kind_ = "sha384HashedData"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_ = o[i : i + 48]
        i += 48
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.HashedData, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "sm3HashedData"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_ = o[i : i + 32]
        i += 32
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.HashedData, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_hashed_data(r: dot2.HashedData) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "sha256HashedData":
        if len(value_) != 32:
            raise Breach("must have 32 octets")
        return b"\x80" + value_
    if kind_ == "sha384HashedData":
        if len(value_) != 48:
            raise Breach("must have 48 octets")
        return b"\x81" + prefixed(value_)
    if kind_ == "sm3HashedData":
        if len(value_) != 32:
            raise Breach("must have 32 octets")
        return b"\x82" + prefixed(value_)
    raise Breach("kind must be one of the choice")


def decode_header_info(o: bytes, i: int) -> tuple[dot2.HeaderInfo, int]:
    p_ = o[i]
    if p_ & 0x01:
        raise Breach("a preamble with bits that have no meaning", i)
    i += 1
    if o[i] == 1:
        psid = o[i + 1]
        i += 2
    else:
        psid, i = unsigned(o, i)
    if p_ & 0x40:
        generation_time = u64(o, i)[0]
        i += 8
    else:
        generation_time = None
    if p_ & 0x20:
        expiry_time = u64(o, i)[0]
        i += 8
    else:
        expiry_time = None
    if p_ & 0x10:
        generation_location, i = decode_three_d_location(o, i)
    else:
        generation_location = None
    if p_ & 0x08:
        p2pcd_learning_request = o[i : i + 3]
        i += 3
    else:
        p2pcd_learning_request = None
    if p_ & 0x04:
        missing_crl_identifier, i = decode_missing_crl_identifier(o, i)
    else:
        missing_crl_identifier = None
    if p_ & 0x02:
        encryption_key, i = decode_encryption_key(o, i)
    else:
        encryption_key = None
    if p_ & 0x80:
        if o[i] != 2 or o[i + 1] != 4 or not o[i + 2] or o[i + 2] & 0x0f:
            raise Breach("an extension bitmap that is empty or of another size", i)
        e_ = o[i + 2]
        i += 3
        if e_ & 0x80:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            inline_p2pcd_request_, i = decode_sequence_of_hashed_id3(o, i)
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            inline_p2pcd_request = inline_p2pcd_request_
        else:
            inline_p2pcd_request = None
        if e_ & 0x40:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            requested_certificate_, i = decode_certificate_base(o, i)
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            requested_certificate = requested_certificate_
        else:
            requested_certificate = None
        if e_ & 0x20:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            pdu_functional_type_ = o[i]
            i += 1
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            pdu_functional_type = pdu_functional_type_
        else:
            pdu_functional_type = None
        if e_ & 0x10:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            contributed_extensions_, i = decode_contributed_extension_blocks(o, i)
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            contributed_extensions = contributed_extensions_
        else:
            contributed_extensions = None
    else:
        inline_p2pcd_request = requested_certificate = pdu_functional_type = contributed_extensions = None
    return new(dot2.HeaderInfo, (
        psid, generation_time, expiry_time, generation_location, p2pcd_learning_request,
        missing_crl_identifier, encryption_key, inline_p2pcd_request, requested_certificate,
        pdu_functional_type, contributed_extensions,
    )), i


def encode_header_info(r: dot2.HeaderInfo) -> bytes:
    (
        psid, generation_time, expiry_time, generation_location, p2pcd_learning_request,
        missing_crl_identifier, encryption_key, inline_p2pcd_request, requested_certificate,
        pdu_functional_type, contributed_extensions,
    ) = r
    p_ = 0
    c_psid = unsigned_octets(psid)
    if generation_time is None:
        c_generation_time = b""
    else:
        p_ |= 0x40
        c_generation_time = generation_time.to_bytes(8, "big")
    if expiry_time is None:
        c_expiry_time = b""
    else:
        p_ |= 0x20
        c_expiry_time = expiry_time.to_bytes(8, "big")
    if generation_location is None:
        c_generation_location = b""
    else:
        p_ |= 0x10
        c_generation_location = encode_three_d_location(generation_location)
    if p2pcd_learning_request is None:
        c_p2pcd_learning_request = b""
    else:
        p_ |= 0x08
        if len(p2pcd_learning_request) != 3:
            raise Breach("must have 3 octets")
        c_p2pcd_learning_request = p2pcd_learning_request
    if missing_crl_identifier is None:
        c_missing_crl_identifier = b""
    else:
        p_ |= 0x04
        c_missing_crl_identifier = encode_missing_crl_identifier(missing_crl_identifier)
    if encryption_key is None:
        c_encryption_key = b""
    else:
        p_ |= 0x02
        c_encryption_key = encode_encryption_key(encryption_key)
    e_ = 0
    if inline_p2pcd_request is None:
        c_inline_p2pcd_request = b""
    else:
        e_ |= 0x80
        c_inline_p2pcd_request = encode_sequence_of_hashed_id3(inline_p2pcd_request)
        c_inline_p2pcd_request = prefixed(c_inline_p2pcd_request)
    if requested_certificate is None:
        c_requested_certificate = b""
    else:
        e_ |= 0x40
        c_requested_certificate = encode_certificate_base(requested_certificate)
        c_requested_certificate = prefixed(c_requested_certificate)
    if pdu_functional_type is None:
        c_pdu_functional_type = b""
    else:
        e_ |= 0x20
        c_pdu_functional_type = pdu_functional_type.to_bytes(1, "big")
        c_pdu_functional_type = prefixed(c_pdu_functional_type)
    if contributed_extensions is None:
        c_contributed_extensions = b""
    else:
        e_ |= 0x10
        c_contributed_extensions = encode_contributed_extension_blocks(contributed_extensions)
        c_contributed_extensions = prefixed(c_contributed_extensions)
    c_additions_ = b""
    if e_:
        p_ |= 0x80
        c_additions_ = b"".join((
            b"\x02\x04", OCTET[e_], c_inline_p2pcd_request, c_requested_certificate, c_pdu_functional_type,
            c_contributed_extensions,
        ))
    return b"".join((
        OCTET[p_], c_psid, c_generation_time, c_expiry_time, c_generation_location, c_p2pcd_learning_request,
        c_missing_crl_identifier, c_encryption_key, c_additions_,
    ))


def decode_missing_crl_identifier(o: bytes, i: int) -> tuple[dot2.MissingCrlIdentifier, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    craca_id = o[i + 1 : i + 4]
    crl_series = o[i + 4] << 8 | o[i + 5]
    return new(dot2.MissingCrlIdentifier, (craca_id, crl_series)), i + 6


def encode_missing_crl_identifier(r: dot2.MissingCrlIdentifier) -> bytes:
    craca_id, crl_series = r
    if len(craca_id) != 3:
        raise Breach("must have 3 octets")
    c_craca_id = craca_id
    c_crl_series = crl_series.to_bytes(2, "big")
    return b"".join((b"\x00", c_craca_id, c_crl_series))


def decode_pdu_functional_type(o: bytes, i: int) -> tuple[dot2.PduFunctionalType, int]:
    value_ = o[i]
    return value_, i + 1


def encode_pdu_functional_type(r: dot2.PduFunctionalType) -> bytes:
    return r.to_bytes(1, "big")


def decode_contributed_extension_blocks(o: bytes, i: int) -> tuple[dot2.ContributedExtensionBlocks, int]:
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
        item_, i = decode_contributed_extension_block(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_contributed_extension_blocks(r: dot2.ContributedExtensionBlocks) -> bytes:
    if len(r) < 1:
        raise Breach("must have 1 or more elements")
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_contributed_extension_block(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_contributed_extension_block_extns(o: bytes, i: int) -> tuple[dot2.ContributedExtensionBlockExtns, int]:
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


def encode_contributed_extension_block_extns(r: dot2.ContributedExtensionBlockExtns) -> bytes:
    if len(r) < 1:
        raise Breach("must have 1 or more elements")
    items_: list[bytes] = []
    for item_ in r:
        items_.append(prefixed(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_contributed_extension_block(o: bytes, i: int) -> tuple[dot2.ContributedExtensionBlock, int]:
    contributor_id = o[i]
    extns, i = decode_contributed_extension_block_extns(o, i + 1)
    return new(dot2.ContributedExtensionBlock, (contributor_id, extns)), i


def encode_contributed_extension_block(r: dot2.ContributedExtensionBlock) -> bytes:
    contributor_id, extns = r
    c_contributor_id = contributor_id.to_bytes(1, "big")
    c_extns = encode_contributed_extension_block_extns(extns)
    return b"".join((c_contributor_id, c_extns))


def decode_header_info_contributor_id(o: bytes, i: int) -> tuple[dot2.HeaderInfoContributorId, int]:
    value_ = o[i]
    return value_, i + 1


def encode_header_info_contributor_id(r: dot2.HeaderInfoContributorId) -> bytes:
    return r.to_bytes(1, "big")


def decode_signer_identifier(o: bytes, i: int) -> tuple[dot2.SignerIdentifier, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "digest"
        value_ = o[i + 1 : i + 9]
        return new(dot2.SignerIdentifier, (kind_, value_)), i + 9
    if tag_ == 0x81:
        kind_ = "certificate"
        value_, i = decode_sequence_of_certificate(o, i + 1)
        return new(dot2.SignerIdentifier, (kind_, value_)), i
    if tag_ == 0x82:
        return _SIGNER_IDENTIFIER_SELF, i + 1
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_signer_identifier(r: dot2.SignerIdentifier) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "digest":
        if len(value_) != 8:
            raise Breach("must have 8 octets")
        return b"\x80" + value_
    if kind_ == "certificate":
        return b"\x81" + encode_sequence_of_certificate(value_)
    if kind_ == "self":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x82"
    raise Breach("kind must be one of the choice")


def decode_encrypted_data(o: bytes, i: int) -> tuple[dot2.EncryptedData, int]:
    recipients, i = decode_sequence_of_recipient_info(o, i)
    ciphertext, i = decode_symmetric_ciphertext(o, i)
    return new(dot2.EncryptedData, (recipients, ciphertext)), i


def encode_encrypted_data(r: dot2.EncryptedData) -> bytes:
    recipients, ciphertext = r
    c_recipients = encode_sequence_of_recipient_info(recipients)
    c_ciphertext = encode_symmetric_ciphertext(ciphertext)
    return b"".join((c_recipients, c_ciphertext))


def decode_recipient_info(o: bytes, i: int) -> tuple[dot2.RecipientInfo, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "pskRecipInfo"
        value_ = o[i + 1 : i + 9]
        return new(dot2.RecipientInfo, (kind_, value_)), i + 9
    if tag_ == 0x81:
        kind_ = "symmRecipInfo"
        value_, i = decode_symm_recipient_info(o, i + 1)
        return new(dot2.RecipientInfo, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "certRecipInfo"
        value_, i = decode_pk_recipient_info(o, i + 1)
        return new(dot2.RecipientInfo, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "signedDataRecipInfo"
        value_, i = decode_pk_recipient_info(o, i + 1)
        return new(dot2.RecipientInfo, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "rekRecipInfo"
        value_, i = decode_pk_recipient_info(o, i + 1)
        return new(dot2.RecipientInfo, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_recipient_info(r: dot2.RecipientInfo) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "pskRecipInfo":
        if len(value_) != 8:
            raise Breach("must have 8 octets")
        return b"\x80" + value_
    if kind_ == "symmRecipInfo":
        return b"\x81" + encode_symm_recipient_info(value_)
    if kind_ == "certRecipInfo":
        return b"\x82" + encode_pk_recipient_info(value_)
    if kind_ == "signedDataRecipInfo":
        return b"\x83" + encode_pk_recipient_info(value_)
    if kind_ == "rekRecipInfo":
        return b"\x84" + encode_pk_recipient_info(value_)
    raise Breach("kind must be one of the choice")


def decode_sequence_of_recipient_info(o: bytes, i: int) -> tuple[dot2.SequenceOfRecipientInfo, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_recipient_info(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_recipient_info(r: dot2.SequenceOfRecipientInfo) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_recipient_info(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_symm_recipient_info(o: bytes, i: int) -> tuple[dot2.SymmRecipientInfo, int]:
    recipient_id = o[i : i + 8]
    enc_key, i = decode_symmetric_ciphertext(o, i + 8)
    return new(dot2.SymmRecipientInfo, (recipient_id, enc_key)), i


def encode_symm_recipient_info(r: dot2.SymmRecipientInfo) -> bytes:
    recipient_id, enc_key = r
    if len(recipient_id) != 8:
        raise Breach("must have 8 octets")
    c_recipient_id = recipient_id
    c_enc_key = encode_symmetric_ciphertext(enc_key)
    return b"".join((c_recipient_id, c_enc_key))


def decode_pk_recipient_info(o: bytes, i: int) -> tuple[dot2.PKRecipientInfo, int]:
    recipient_id = o[i : i + 8]
    enc_key, i = decode_encrypted_data_encryption_key(o, i + 8)
    return new(dot2.PKRecipientInfo, (recipient_id, enc_key)), i


def encode_pk_recipient_info(r: dot2.PKRecipientInfo) -> bytes:
    recipient_id, enc_key = r
    if len(recipient_id) != 8:
        raise Breach("must have 8 octets")
    c_recipient_id = recipient_id
    c_enc_key = encode_encrypted_data_encryption_key(enc_key)
    return b"".join((c_recipient_id, c_enc_key))


def decode_encrypted_data_encryption_key(o: bytes, i: int) -> tuple[dot2.EncryptedDataEncryptionKey, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "eciesNistP256"
        value_, i = decode_ecies_p256_encrypted_key(o, i + 1)
        return new(dot2.EncryptedDataEncryptionKey, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "eciesBrainpoolP256r1"
        value_, i = decode_ecies_p256_encrypted_key(o, i + 1)
        return new(dot2.EncryptedDataEncryptionKey, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "ecencSm2256"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_ecenc_p256_encrypted_key(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.EncryptedDataEncryptionKey, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_encrypted_data_encryption_key(r: dot2.EncryptedDataEncryptionKey) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "eciesNistP256":
        return b"\x80" + encode_ecies_p256_encrypted_key(value_)
    if kind_ == "eciesBrainpoolP256r1":
        return b"\x81" + encode_ecies_p256_encrypted_key(value_)
    if kind_ == "ecencSm2256":
        return b"\x82" + prefixed(encode_ecenc_p256_encrypted_key(value_))
    raise Breach("kind must be one of the choice")


def decode_symmetric_ciphertext(o: bytes, i: int) -> tuple[dot2.SymmetricCiphertext, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "aes128ccm"
        value_, i = decode_one28_bit_ccm_ciphertext(o, i + 1)
        return new(dot2.SymmetricCiphertext, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "sm4Ccm"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_one28_bit_ccm_ciphertext(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.SymmetricCiphertext, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_symmetric_ciphertext(r: dot2.SymmetricCiphertext) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "aes128ccm":
        return b"\x80" + encode_one28_bit_ccm_ciphertext(value_)
    if kind_ == "sm4Ccm":
        return b"\x81" + prefixed(encode_one28_bit_ccm_ciphertext(value_))
    raise Breach("kind must be one of the choice")


def decode_one28_bit_ccm_ciphertext(o: bytes, i: int) -> tuple[dot2.One28BitCcmCiphertext, int]:
    nonce = o[i : i + 12]
    n_ = o[i + 12]
    i += 13
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    ccm_ciphertext = o[i : i + n_]
    i += n_
    return new(dot2.One28BitCcmCiphertext, (nonce, ccm_ciphertext)), i


def encode_one28_bit_ccm_ciphertext(r: dot2.One28BitCcmCiphertext) -> bytes:
    nonce, ccm_ciphertext = r
    if len(nonce) != 12:
        raise Breach("must have 12 octets")
    c_nonce = nonce
    c_ccm_ciphertext = prefixed(ccm_ciphertext)
    return b"".join((c_nonce, c_ccm_ciphertext))


def decode_sequence_of_certificate(o: bytes, i: int) -> tuple[dot2.SequenceOfCertificate, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_certificate_base(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_certificate(r: dot2.SequenceOfCertificate) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_certificate_base(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_certificate_base(o: bytes, i: int) -> tuple[dot2.CertificateBase, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    version_ = o[i + 1]
    if version_ != 3:
        raise Breach(f"{version_} is not 3", i + 1)
    version = version_
    code_ = o[i + 2]
    if code_ >= 2:
        raise Breach(f"{code_} is not in the enumeration of CertificateType", i + 2)
    type = _CERTIFICATE_TYPE[code_]
    issuer, i = decode_issuer_identifier(o, i + 3)
    to_be_signed, i = decode_to_be_signed_certificate(o, i)
    if p_ & 0x80:
        signature, i = decode_signature(o, i)
    else:
        signature = None
    return new(dot2.CertificateBase, (version, type, issuer, to_be_signed, signature)), i


def encode_certificate_base(r: dot2.CertificateBase) -> bytes:
    version, type, issuer, to_be_signed, signature = r
    p_ = 0
    if version != 3:
        raise Breach("must be 3")
    c_version = b"\x03"
    c_type = _CERTIFICATE_TYPE_CODE[type]
    c_issuer = encode_issuer_identifier(issuer)
    c_to_be_signed = encode_to_be_signed_certificate(to_be_signed)
    if signature is None:
        c_signature = b""
    else:
        p_ |= 0x80
        c_signature = encode_signature(signature)
    return b"".join((OCTET[p_], c_version, c_type, c_issuer, c_to_be_signed, c_signature))


def decode_certificate_type(o: bytes, i: int) -> tuple[dot2.CertificateType, int]:
    code_ = o[i]
    if code_ >= 2:
        raise Breach(f"{code_} is not in the enumeration of CertificateType", i)
    value_ = _CERTIFICATE_TYPE[code_]
    return value_, i + 1


def encode_certificate_type(r: dot2.CertificateType) -> bytes:
    return _CERTIFICATE_TYPE_CODE[r]


def decode_issuer_identifier(o: bytes, i: int) -> tuple[dot2.IssuerIdentifier, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "sha256AndDigest"
        value_ = o[i + 1 : i + 9]
        return new(dot2.IssuerIdentifier, (kind_, value_)), i + 9
    if tag_ == 0x81:
        kind_ = "self"
        code_ = o[i + 1]
        if code_ >= 3:
            raise Breach(f"{code_} is not in the enumeration of HashAlgorithm", i + 1)
        value_ = _HASH_ALGORITHM[code_]
        return new(dot2.IssuerIdentifier, (kind_, value_)), i + 2
    if tag_ == 0x82:
        kind_ = "sha384AndDigest"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_ = o[i : i + 8]
        i += 8
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.IssuerIdentifier, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "sm3AndDigest"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_ = o[i : i + 8]
        i += 8
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.IssuerIdentifier, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_issuer_identifier(r: dot2.IssuerIdentifier) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "sha256AndDigest":
        if len(value_) != 8:
            raise Breach("must have 8 octets")
        return b"\x80" + value_
    if kind_ == "self":
        return b"\x81" + _HASH_ALGORITHM_CODE[value_]
    if kind_ == "sha384AndDigest":
        if len(value_) != 8:
            raise Breach("must have 8 octets")
        return b"\x82" + prefixed(value_)
    if kind_ == "sm3AndDigest":
        if len(value_) != 8:
            raise Breach("must have 8 octets")
        return b"\x83" + prefixed(value_)
    raise Breach("kind must be one of the choice")


def decode_to_be_signed_certificate(o: bytes, i: int) -> tuple[dot2.ToBeSignedCertificate, int]:
    p_ = o[i]
    id, i = decode_certificate_id(o, i + 1)
    craca_id = o[i : i + 3]
    crl_series = o[i + 3] << 8 | o[i + 4]
    validity_period, i = decode_validity_period(o, i + 5)
    if p_ & 0x40:
        region, i = decode_geographic_region(o, i)
    else:
        region = None
    if p_ & 0x20:
        assurance_level = o[i : i + 1]
        i += 1
    else:
        assurance_level = None
    if p_ & 0x10:
        app_permissions, i = decode_sequence_of_psid_ssp(o, i)
    else:
        app_permissions = None
    if p_ & 0x08:
        cert_issue_permissions, i = decode_sequence_of_psid_group_permissions(o, i)
    else:
        cert_issue_permissions = None
    if p_ & 0x04:
        cert_request_permissions, i = decode_sequence_of_psid_group_permissions(o, i)
    else:
        cert_request_permissions = None
    can_request_rollover = True if p_ & 0x02 else None
    if p_ & 0x01:
        encryption_key, i = decode_public_encryption_key(o, i)
    else:
        encryption_key = None
    verify_key_indicator, i = decode_verification_key_indicator(o, i)
    if p_ & 0x80:
        if o[i] != 2 or o[i + 1] != 4 or not o[i + 2] or o[i + 2] & 0x0f:
            raise Breach("an extension bitmap that is empty or of another size", i)
        e_ = o[i + 2]
        i += 3
        if e_ & 0x80:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            flags_ = o[i]
            i += 1
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            flags = flags_
        else:
            flags = None
        if e_ & 0x40:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            app_extensions_, i = decode_sequence_of_app_extensions(o, i)
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            app_extensions = app_extensions_
        else:
            app_extensions = None
        if e_ & 0x20:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            cert_issue_extensions_, i = decode_sequence_of_cert_issue_extensions(o, i)
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            cert_issue_extensions = cert_issue_extensions_
        else:
            cert_issue_extensions = None
        if e_ & 0x10:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            cert_request_extension_, i = decode_sequence_of_cert_request_extensions(o, i)
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            cert_request_extension = cert_request_extension_
        else:
            cert_request_extension = None
    else:
        flags = app_extensions = cert_issue_extensions = cert_request_extension = None
    return new(dot2.ToBeSignedCertificate, (
        id, craca_id, crl_series, validity_period, verify_key_indicator, region, assurance_level,
        app_permissions, cert_issue_permissions, cert_request_permissions, can_request_rollover,
        encryption_key, flags, app_extensions, cert_issue_extensions, cert_request_extension,
    )), i


def encode_to_be_signed_certificate(r: dot2.ToBeSignedCertificate) -> bytes:
    (
        id, craca_id, crl_series, validity_period, verify_key_indicator, region, assurance_level,
        app_permissions, cert_issue_permissions, cert_request_permissions, can_request_rollover,
        encryption_key, flags, app_extensions, cert_issue_extensions, cert_request_extension,
    ) = r
    p_ = 0
    c_id = encode_certificate_id(id)
    if len(craca_id) != 3:
        raise Breach("must have 3 octets")
    c_craca_id = craca_id
    c_crl_series = crl_series.to_bytes(2, "big")
    c_validity_period = encode_validity_period(validity_period)
    if region is None:
        c_region = b""
    else:
        p_ |= 0x40
        c_region = encode_geographic_region(region)
    if assurance_level is None:
        c_assurance_level = b""
    else:
        p_ |= 0x20
        if len(assurance_level) != 1:
            raise Breach("must have 1 octet")
        c_assurance_level = assurance_level
    if app_permissions is None:
        c_app_permissions = b""
    else:
        p_ |= 0x10
        c_app_permissions = encode_sequence_of_psid_ssp(app_permissions)
    if cert_issue_permissions is None:
        c_cert_issue_permissions = b""
    else:
        p_ |= 0x08
        c_cert_issue_permissions = encode_sequence_of_psid_group_permissions(cert_issue_permissions)
    if cert_request_permissions is None:
        c_cert_request_permissions = b""
    else:
        p_ |= 0x04
        c_cert_request_permissions = encode_sequence_of_psid_group_permissions(cert_request_permissions)
    if can_request_rollover is None:
        c_can_request_rollover = b""
    else:
        p_ |= 0x02
        if can_request_rollover is not True:
            raise Breach("must be True or None")
        c_can_request_rollover = b""
    if encryption_key is None:
        c_encryption_key = b""
    else:
        p_ |= 0x01
        c_encryption_key = encode_public_encryption_key(encryption_key)
    c_verify_key_indicator = encode_verification_key_indicator(verify_key_indicator)
    e_ = 0
    if flags is None:
        c_flags = b""
    else:
        e_ |= 0x80
        c_flags = flags.to_bytes(1, "big")
        c_flags = prefixed(c_flags)
    if app_extensions is None:
        c_app_extensions = b""
    else:
        e_ |= 0x40
        c_app_extensions = encode_sequence_of_app_extensions(app_extensions)
        c_app_extensions = prefixed(c_app_extensions)
    if cert_issue_extensions is None:
        c_cert_issue_extensions = b""
    else:
        e_ |= 0x20
        c_cert_issue_extensions = encode_sequence_of_cert_issue_extensions(cert_issue_extensions)
        c_cert_issue_extensions = prefixed(c_cert_issue_extensions)
    if cert_request_extension is None:
        c_cert_request_extension = b""
    else:
        e_ |= 0x10
        c_cert_request_extension = encode_sequence_of_cert_request_extensions(cert_request_extension)
        c_cert_request_extension = prefixed(c_cert_request_extension)
    c_additions_ = b""
    if e_:
        p_ |= 0x80
        c_additions_ = b"".join((
            b"\x02\x04", OCTET[e_], c_flags, c_app_extensions, c_cert_issue_extensions,
            c_cert_request_extension,
        ))
    return b"".join((
        OCTET[p_], c_id, c_craca_id, c_crl_series, c_validity_period, c_region, c_assurance_level,
        c_app_permissions, c_cert_issue_permissions, c_cert_request_permissions, c_can_request_rollover,
        c_encryption_key, c_verify_key_indicator, c_additions_,
    ))


def decode_certificate_id(o: bytes, i: int) -> tuple[dot2.CertificateId, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "linkageData"
        value_, i = decode_linkage_data(o, i + 1)
        return new(dot2.CertificateId, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "name"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        text_ = o[i : i + n_].decode("utf-8")
        if len(text_) > 255:
            raise Breach(f"{len(text_)} characters: must have 0..255 characters", i)
        value_ = text_
        i += n_
        return new(dot2.CertificateId, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "binaryId"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        if not 1 <= n_ <= 64:
            raise Breach(f"{n_} octets: must have 1..64 octets", i)
        value_ = o[i : i + n_]
        i += n_
        return new(dot2.CertificateId, (kind_, value_)), i
    if tag_ == 0x83:
        return _CERTIFICATE_ID_NONE, i + 1
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_certificate_id(r: dot2.CertificateId) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "linkageData":
        return b"\x80" + encode_linkage_data(value_)
    if kind_ == "name":
        if len(value_) > 255:
            raise Breach("must have 0..255 characters")
        return b"\x81" + prefixed(value_.encode("utf-8"))
    if kind_ == "binaryId":
        if not 1 <= len(value_) <= 64:
            raise Breach("must have 1..64 octets")
        return b"\x82" + prefixed(value_)
    if kind_ == "none":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x83"
    raise Breach("kind must be one of the choice")


def decode_linkage_data(o: bytes, i: int) -> tuple[dot2.LinkageData, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    i_cert = o[i + 1] << 8 | o[i + 2]
    linkage_value = o[i + 3 : i + 12]
    i += 12
    if p_ & 0x80:
        group_linkage_value, i = decode_group_linkage_value(o, i)
    else:
        group_linkage_value = None
    return new(dot2.LinkageData, (i_cert, linkage_value, group_linkage_value)), i


def encode_linkage_data(r: dot2.LinkageData) -> bytes:
    i_cert, linkage_value, group_linkage_value = r
    p_ = 0
    c_i_cert = i_cert.to_bytes(2, "big")
    if len(linkage_value) != 9:
        raise Breach("must have 9 octets")
    c_linkage_value = linkage_value
    if group_linkage_value is None:
        c_group_linkage_value = b""
    else:
        p_ |= 0x80
        c_group_linkage_value = encode_group_linkage_value(group_linkage_value)
    return b"".join((OCTET[p_], c_i_cert, c_linkage_value, c_group_linkage_value))


def decode_end_entity_type(o: bytes, i: int) -> tuple[dot2.EndEntityType, int]:
    value_ = o[i]
    return value_, i + 1


def encode_end_entity_type(r: dot2.EndEntityType) -> bytes:
    return r.to_bytes(1, "big")


def decode_psid_group_permissions(o: bytes, i: int) -> tuple[dot2.PsidGroupPermissions, int]:
    p_ = o[i]
    if p_ & 0x1f:
        raise Breach("a preamble with bits that have no meaning", i)
    subject_permissions, i = decode_subject_permissions(o, i + 1)
    if p_ & 0x80:
        if o[i] == 1 and o[i + 1] < 128:
            min_chain_length_ = o[i + 1]
            i += 2
        else:
            min_chain_length_, i = signed(o, i)
        if min_chain_length_ == 1:
            raise Breach("a default value that is written out", i)
        min_chain_length = min_chain_length_
    else:
        min_chain_length = 1
    if p_ & 0x40:
        if o[i] == 1 and o[i + 1] < 128:
            chain_length_range_ = o[i + 1]
            i += 2
        else:
            chain_length_range_, i = signed(o, i)
        if chain_length_range_ == 0:
            raise Breach("a default value that is written out", i)
        chain_length_range = chain_length_range_
    else:
        chain_length_range = 0
    if p_ & 0x20:
        ee_type_ = o[i]
        if ee_type_ == 128:
            raise Breach("a default value that is written out", i)
        ee_type = ee_type_
        i += 1
    else:
        ee_type = 128
    return new(dot2.PsidGroupPermissions, (
        subject_permissions, min_chain_length, chain_length_range, ee_type,
    )), i


def encode_psid_group_permissions(r: dot2.PsidGroupPermissions) -> bytes:
    subject_permissions, min_chain_length, chain_length_range, ee_type = r
    p_ = 0
    c_subject_permissions = encode_subject_permissions(subject_permissions)
    if min_chain_length == 1:
        c_min_chain_length = b""
    else:
        p_ |= 0x80
        c_min_chain_length = signed_octets(min_chain_length)
    if chain_length_range == 0:
        c_chain_length_range = b""
    else:
        p_ |= 0x40
        c_chain_length_range = signed_octets(chain_length_range)
    if ee_type == 128:
        c_ee_type = b""
    else:
        p_ |= 0x20
        c_ee_type = ee_type.to_bytes(1, "big")
    return b"".join((OCTET[p_], c_subject_permissions, c_min_chain_length, c_chain_length_range, c_ee_type))


def decode_sequence_of_psid_group_permissions(o: bytes, i: int) -> tuple[dot2.SequenceOfPsidGroupPermissions, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_psid_group_permissions(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_psid_group_permissions(r: dot2.SequenceOfPsidGroupPermissions) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_psid_group_permissions(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_subject_permissions(o: bytes, i: int) -> tuple[dot2.SubjectPermissions, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "explicit"
        value_, i = decode_sequence_of_psid_ssp_range(o, i + 1)
        return new(dot2.SubjectPermissions, (kind_, value_)), i
    if tag_ == 0x81:
        return _SUBJECT_PERMISSIONS_ALL, i + 1
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_subject_permissions(r: dot2.SubjectPermissions) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "explicit":
        return b"\x80" + encode_sequence_of_psid_ssp_range(value_)
    if kind_ == "all":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x81"
    raise Breach("kind must be one of the choice")


def decode_verification_key_indicator(o: bytes, i: int) -> tuple[dot2.VerificationKeyIndicator, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "verificationKey"
        value_, i = decode_public_verification_key(o, i + 1)
        return new(dot2.VerificationKeyIndicator, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "reconstructionValue"
        value_, i = decode_ecc_p256_curve_point(o, i + 1)
        return new(dot2.VerificationKeyIndicator, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_verification_key_indicator(r: dot2.VerificationKeyIndicator) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "verificationKey":
        return b"\x80" + encode_public_verification_key(value_)
    if kind_ == "reconstructionValue":
        return b"\x81" + encode_ecc_p256_curve_point(value_)
    raise Breach("kind must be one of the choice")


def decode_sequence_of_app_extensions(o: bytes, i: int) -> tuple[dot2.SequenceOfAppExtensions, int]:
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
        item_, i = decode_app_extension(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_app_extensions(r: dot2.SequenceOfAppExtensions) -> bytes:
    if len(r) < 1:
        raise Breach("must have 1 or more elements")
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_app_extension(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_app_extension(o: bytes, i: int) -> tuple[dot2.AppExtension, int]:
    id = o[i]
    n_ = o[i + 1]
    i += 2
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    content = o[i : i + n_]
    i += n_
    return new(dot2.AppExtension, (id, content)), i


def encode_app_extension(r: dot2.AppExtension) -> bytes:
    id, content = r
    c_id = id.to_bytes(1, "big")
    c_content = prefixed(content)
    return b"".join((c_id, c_content))


def decode_sequence_of_cert_issue_extensions(o: bytes, i: int) -> tuple[dot2.SequenceOfCertIssueExtensions, int]:
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
        item_, i = decode_cert_issue_extension(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_cert_issue_extensions(r: dot2.SequenceOfCertIssueExtensions) -> bytes:
    if len(r) < 1:
        raise Breach("must have 1 or more elements")
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_cert_issue_extension(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_cert_issue_extension_permissions(o: bytes, i: int) -> tuple[dot2.CertIssueExtensionPermissions, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "specific"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        value_ = o[i : i + n_]
        i += n_
        return new(dot2.CertIssueExtensionPermissions, (kind_, value_)), i
    if tag_ == 0x81:
        return _CERT_ISSUE_EXTENSION_PERMISSIONS_ALL, i + 1
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_cert_issue_extension_permissions(r: dot2.CertIssueExtensionPermissions) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "specific":
        return b"\x80" + prefixed(value_)
    if kind_ == "all":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x81"
    raise Breach("kind must be one of the choice")


def decode_cert_issue_extension(o: bytes, i: int) -> tuple[dot2.CertIssueExtension, int]:
    id = o[i]
    permissions, i = decode_cert_issue_extension_permissions(o, i + 1)
    return new(dot2.CertIssueExtension, (id, permissions)), i


def encode_cert_issue_extension(r: dot2.CertIssueExtension) -> bytes:
    id, permissions = r
    c_id = id.to_bytes(1, "big")
    c_permissions = encode_cert_issue_extension_permissions(permissions)
    return b"".join((c_id, c_permissions))


def decode_sequence_of_cert_request_extensions(o: bytes, i: int) -> tuple[dot2.SequenceOfCertRequestExtensions, int]:
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
        item_, i = decode_cert_request_extension(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_cert_request_extensions(r: dot2.SequenceOfCertRequestExtensions) -> bytes:
    if len(r) < 1:
        raise Breach("must have 1 or more elements")
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_cert_request_extension(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_cert_request_extension_permissions(o: bytes, i: int) -> tuple[dot2.CertRequestExtensionPermissions, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "content"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        value_ = o[i : i + n_]
        i += n_
        return new(dot2.CertRequestExtensionPermissions, (kind_, value_)), i
    if tag_ == 0x81:
        return _CERT_REQUEST_EXTENSION_PERMISSIONS_ALL, i + 1
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_cert_request_extension_permissions(r: dot2.CertRequestExtensionPermissions) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "content":
        return b"\x80" + prefixed(value_)
    if kind_ == "all":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x81"
    raise Breach("kind must be one of the choice")


def decode_cert_request_extension(o: bytes, i: int) -> tuple[dot2.CertRequestExtension, int]:
    id = o[i]
    permissions, i = decode_cert_request_extension_permissions(o, i + 1)
    return new(dot2.CertRequestExtension, (id, permissions)), i


def encode_cert_request_extension(r: dot2.CertRequestExtension) -> bytes:
    id, permissions = r
    c_id = id.to_bytes(1, "big")
    c_permissions = encode_cert_request_extension_permissions(permissions)
    return b"".join((c_id, c_permissions))


def decode_operating_organization_id(o: bytes, i: int) -> tuple[dot2.OperatingOrganizationId, int]:
    value_, i = object_identifier(o, i)
    return value_, i


def encode_operating_organization_id(r: dot2.OperatingOrganizationId) -> bytes:
    return object_identifier_octets(r)


def decode_uint3(o: bytes, i: int) -> tuple[dot2.Uint3, int]:
    value_ = o[i]
    if value_ > 7:
        raise Breach(f"{value_} is not in 0..7", i)
    return value_, i + 1


def encode_uint3(r: dot2.Uint3) -> bytes:
    if not 0 <= r <= 7:
        raise Breach("must be in 0..7")
    return r.to_bytes(1, "big")


def decode_uint8(o: bytes, i: int) -> tuple[dot2.Uint8, int]:
    value_ = o[i]
    return value_, i + 1


def encode_uint8(r: dot2.Uint8) -> bytes:
    return r.to_bytes(1, "big")


def decode_uint16(o: bytes, i: int) -> tuple[dot2.Uint16, int]:
    value_ = o[i] << 8 | o[i + 1]
    return value_, i + 2


def encode_uint16(r: dot2.Uint16) -> bytes:
    return r.to_bytes(2, "big")


def decode_uint32(o: bytes, i: int) -> tuple[dot2.Uint32, int]:
    value_ = u32(o, i)[0]
    return value_, i + 4


def encode_uint32(r: dot2.Uint32) -> bytes:
    return r.to_bytes(4, "big")


def decode_uint64(o: bytes, i: int) -> tuple[dot2.Uint64, int]:
    value_ = u64(o, i)[0]
    return value_, i + 8


def encode_uint64(r: dot2.Uint64) -> bytes:
    return r.to_bytes(8, "big")


def decode_sequence_of_uint8(o: bytes, i: int) -> tuple[dot2.SequenceOfUint8, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i]
        i += 1
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_uint8(r: dot2.SequenceOfUint8) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(item_.to_bytes(1, "big"))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_sequence_of_uint16(o: bytes, i: int) -> tuple[dot2.SequenceOfUint16, int]:
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


def encode_sequence_of_uint16(r: dot2.SequenceOfUint16) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(item_.to_bytes(2, "big"))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_opaque(o: bytes, i: int) -> tuple[dot2.Opaque, int]:
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    value_ = o[i : i + n_]
    i += n_
    return value_, i


def encode_opaque(r: dot2.Opaque) -> bytes:
    return prefixed(r)


def decode_hashed_id3(o: bytes, i: int) -> tuple[dot2.HashedId3, int]:
    value_ = o[i : i + 3]
    return value_, i + 3


def encode_hashed_id3(r: dot2.HashedId3) -> bytes:
    if len(r) != 3:
        raise Breach("must have 3 octets")
    return r


def decode_sequence_of_hashed_id3(o: bytes, i: int) -> tuple[dot2.SequenceOfHashedId3, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 3 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i : i + 3]
        i += 3
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_hashed_id3(r: dot2.SequenceOfHashedId3) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        if len(item_) != 3:
            raise Breach("must have 3 octets")
        items_.append(item_)
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_hashed_id8(o: bytes, i: int) -> tuple[dot2.HashedId8, int]:
    value_ = o[i : i + 8]
    return value_, i + 8


def encode_hashed_id8(r: dot2.HashedId8) -> bytes:
    if len(r) != 8:
        raise Breach("must have 8 octets")
    return r


def decode_hashed_id10(o: bytes, i: int) -> tuple[dot2.HashedId10, int]:
    value_ = o[i : i + 10]
    return value_, i + 10


def encode_hashed_id10(r: dot2.HashedId10) -> bytes:
    if len(r) != 10:
        raise Breach("must have 10 octets")
    return r


def decode_hashed_id32(o: bytes, i: int) -> tuple[dot2.HashedId32, int]:
    value_ = o[i : i + 32]
    return value_, i + 32


def encode_hashed_id32(r: dot2.HashedId32) -> bytes:
    if len(r) != 32:
        raise Breach("must have 32 octets")
    return r


def decode_hashed_id48(o: bytes, i: int) -> tuple[dot2.HashedId48, int]:
    value_ = o[i : i + 48]
    return value_, i + 48


def encode_hashed_id48(r: dot2.HashedId48) -> bytes:
    if len(r) != 48:
        raise Breach("must have 48 octets")
    return r


def decode_validity_period(o: bytes, i: int) -> tuple[dot2.ValidityPeriod, int]:
    start = u32(o, i)[0]
    duration, i = decode_duration(o, i + 4)
    return new(dot2.ValidityPeriod, (start, duration)), i


def encode_validity_period(r: dot2.ValidityPeriod) -> bytes:
    start, duration = r
    c_start = start.to_bytes(4, "big")
    c_duration = encode_duration(duration)
    return b"".join((c_start, c_duration))


def decode_duration(o: bytes, i: int) -> tuple[dot2.Duration, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "microseconds"
        value_ = o[i + 1] << 8 | o[i + 2]
        return new(dot2.Duration, (kind_, value_)), i + 3
    if tag_ == 0x81:
        kind_ = "milliseconds"
        value_ = o[i + 1] << 8 | o[i + 2]
        return new(dot2.Duration, (kind_, value_)), i + 3
    if tag_ == 0x82:
        kind_ = "seconds"
        value_ = o[i + 1] << 8 | o[i + 2]
        return new(dot2.Duration, (kind_, value_)), i + 3
    if tag_ == 0x83:
        kind_ = "minutes"
        value_ = o[i + 1] << 8 | o[i + 2]
        return new(dot2.Duration, (kind_, value_)), i + 3
    if tag_ == 0x84:
        kind_ = "hours"
        value_ = o[i + 1] << 8 | o[i + 2]
        return new(dot2.Duration, (kind_, value_)), i + 3
    if tag_ == 0x85:
        kind_ = "sixtyHours"
        value_ = o[i + 1] << 8 | o[i + 2]
        return new(dot2.Duration, (kind_, value_)), i + 3
    if tag_ == 0x86:
        kind_ = "years"
        value_ = o[i + 1] << 8 | o[i + 2]
        return new(dot2.Duration, (kind_, value_)), i + 3
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_duration(r: dot2.Duration) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "microseconds":
        return b"\x80" + value_.to_bytes(2, "big")
    if kind_ == "milliseconds":
        return b"\x81" + value_.to_bytes(2, "big")
    if kind_ == "seconds":
        return b"\x82" + value_.to_bytes(2, "big")
    if kind_ == "minutes":
        return b"\x83" + value_.to_bytes(2, "big")
    if kind_ == "hours":
        return b"\x84" + value_.to_bytes(2, "big")
    if kind_ == "sixtyHours":
        return b"\x85" + value_.to_bytes(2, "big")
    if kind_ == "years":
        return b"\x86" + value_.to_bytes(2, "big")
    raise Breach("kind must be one of the choice")


def decode_geographic_region(o: bytes, i: int) -> tuple[dot2.GeographicRegion, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "circularRegion"
        value_, i = decode_circular_region(o, i + 1)
        return new(dot2.GeographicRegion, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "rectangularRegion"
        value_, i = decode_sequence_of_rectangular_region(o, i + 1)
        return new(dot2.GeographicRegion, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "polygonalRegion"
        value_, i = decode_polygonal_region(o, i + 1)
        return new(dot2.GeographicRegion, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "identifiedRegion"
        value_, i = decode_sequence_of_identified_region(o, i + 1)
        return new(dot2.GeographicRegion, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_geographic_region(r: dot2.GeographicRegion) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "circularRegion":
        return b"\x80" + encode_circular_region(value_)
    if kind_ == "rectangularRegion":
        return b"\x81" + encode_sequence_of_rectangular_region(value_)
    if kind_ == "polygonalRegion":
        return b"\x82" + encode_polygonal_region(value_)
    if kind_ == "identifiedRegion":
        return b"\x83" + encode_sequence_of_identified_region(value_)
    raise Breach("kind must be one of the choice")


def decode_circular_region(o: bytes, i: int) -> tuple[dot2.CircularRegion, int]:
    center, i = decode_two_d_location(o, i)
    radius = o[i] << 8 | o[i + 1]
    return new(dot2.CircularRegion, (center, radius)), i + 2


def encode_circular_region(r: dot2.CircularRegion) -> bytes:
    center, radius = r
    c_center = encode_two_d_location(center)
    c_radius = radius.to_bytes(2, "big")
    return b"".join((c_center, c_radius))


def decode_rectangular_region(o: bytes, i: int) -> tuple[dot2.RectangularRegion, int]:
    north_west, i = decode_two_d_location(o, i)
    south_east, i = decode_two_d_location(o, i)
    return new(dot2.RectangularRegion, (north_west, south_east)), i


def encode_rectangular_region(r: dot2.RectangularRegion) -> bytes:
    north_west, south_east = r
    c_north_west = encode_two_d_location(north_west)
    c_south_east = encode_two_d_location(south_east)
    return b"".join((c_north_west, c_south_east))


def decode_sequence_of_rectangular_region(o: bytes, i: int) -> tuple[dot2.SequenceOfRectangularRegion, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_rectangular_region(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_rectangular_region(r: dot2.SequenceOfRectangularRegion) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_rectangular_region(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_polygonal_region(o: bytes, i: int) -> tuple[dot2.PolygonalRegion, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    if count_ < 3:
        raise Breach(f"{count_} elements: must have 3 or more elements", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_two_d_location(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_polygonal_region(r: dot2.PolygonalRegion) -> bytes:
    if len(r) < 3:
        raise Breach("must have 3 or more elements")
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_two_d_location(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_two_d_location(o: bytes, i: int) -> tuple[dot2.TwoDLocation, int]:
    latitude_ = s32(o, i)[0]
    if not -900000000 <= latitude_ <= 900000001:
        raise Breach(f"{latitude_} is not in -900000000..900000001", i)
    latitude = latitude_
    longitude_ = s32(o, i + 4)[0]
    if not -1799999999 <= longitude_ <= 1800000001:
        raise Breach(f"{longitude_} is not in -1799999999..1800000001", i + 4)
    longitude = longitude_
    return new(dot2.TwoDLocation, (latitude, longitude)), i + 8


def encode_two_d_location(r: dot2.TwoDLocation) -> bytes:
    latitude, longitude = r
    if not -900000000 <= latitude <= 900000001:
        raise Breach("must be in -900000000..900000001")
    c_latitude = latitude.to_bytes(4, "big", signed=True)
    if not -1799999999 <= longitude <= 1800000001:
        raise Breach("must be in -1799999999..1800000001")
    c_longitude = longitude.to_bytes(4, "big", signed=True)
    return b"".join((c_latitude, c_longitude))


def decode_identified_region(o: bytes, i: int) -> tuple[dot2.IdentifiedRegion, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "countryOnly"
        value_ = o[i + 1] << 8 | o[i + 2]
        return new(dot2.IdentifiedRegion, (kind_, value_)), i + 3
    if tag_ == 0x81:
        kind_ = "countryAndRegions"
        value_, i = decode_country_and_regions(o, i + 1)
        return new(dot2.IdentifiedRegion, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "countryAndSubregions"
        value_, i = decode_country_and_subregions(o, i + 1)
        return new(dot2.IdentifiedRegion, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_identified_region(r: dot2.IdentifiedRegion) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "countryOnly":
        return b"\x80" + value_.to_bytes(2, "big")
    if kind_ == "countryAndRegions":
        return b"\x81" + encode_country_and_regions(value_)
    if kind_ == "countryAndSubregions":
        return b"\x82" + encode_country_and_subregions(value_)
    raise Breach("kind must be one of the choice")


def decode_sequence_of_identified_region(o: bytes, i: int) -> tuple[dot2.SequenceOfIdentifiedRegion, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_identified_region(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_identified_region(r: dot2.SequenceOfIdentifiedRegion) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_identified_region(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_country_and_regions(o: bytes, i: int) -> tuple[dot2.CountryAndRegions, int]:
    country_only = o[i] << 8 | o[i + 1]
    regions, i = decode_sequence_of_uint8(o, i + 2)
    return new(dot2.CountryAndRegions, (country_only, regions)), i


def encode_country_and_regions(r: dot2.CountryAndRegions) -> bytes:
    country_only, regions = r
    c_country_only = country_only.to_bytes(2, "big")
    c_regions = encode_sequence_of_uint8(regions)
    return b"".join((c_country_only, c_regions))


def decode_country_and_subregions(o: bytes, i: int) -> tuple[dot2.CountryAndSubregions, int]:
    country_only = o[i] << 8 | o[i + 1]
    region_and_subregions, i = decode_sequence_of_region_and_subregions(o, i + 2)
    return new(dot2.CountryAndSubregions, (country_only, region_and_subregions)), i


def encode_country_and_subregions(r: dot2.CountryAndSubregions) -> bytes:
    country_only, region_and_subregions = r
    c_country_only = country_only.to_bytes(2, "big")
    c_region_and_subregions = encode_sequence_of_region_and_subregions(region_and_subregions)
    return b"".join((c_country_only, c_region_and_subregions))


def decode_region_and_subregions(o: bytes, i: int) -> tuple[dot2.RegionAndSubregions, int]:
    region = o[i]
    subregions, i = decode_sequence_of_uint16(o, i + 1)
    return new(dot2.RegionAndSubregions, (region, subregions)), i


def encode_region_and_subregions(r: dot2.RegionAndSubregions) -> bytes:
    region, subregions = r
    c_region = region.to_bytes(1, "big")
    c_subregions = encode_sequence_of_uint16(subregions)
    return b"".join((c_region, c_subregions))


def decode_sequence_of_region_and_subregions(o: bytes, i: int) -> tuple[dot2.SequenceOfRegionAndSubregions, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_region_and_subregions(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_region_and_subregions(r: dot2.SequenceOfRegionAndSubregions) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_region_and_subregions(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_three_d_location(o: bytes, i: int) -> tuple[dot2.ThreeDLocation, int]:
    latitude_ = s32(o, i)[0]
    if not -900000000 <= latitude_ <= 900000001:
        raise Breach(f"{latitude_} is not in -900000000..900000001", i)
    latitude = latitude_
    longitude_ = s32(o, i + 4)[0]
    if not -1799999999 <= longitude_ <= 1800000001:
        raise Breach(f"{longitude_} is not in -1799999999..1800000001", i + 4)
    longitude = longitude_
    elevation = o[i + 8] << 8 | o[i + 9]
    return new(dot2.ThreeDLocation, (latitude, longitude, elevation)), i + 10


def encode_three_d_location(r: dot2.ThreeDLocation) -> bytes:
    latitude, longitude, elevation = r
    if not -900000000 <= latitude <= 900000001:
        raise Breach("must be in -900000000..900000001")
    c_latitude = latitude.to_bytes(4, "big", signed=True)
    if not -1799999999 <= longitude <= 1800000001:
        raise Breach("must be in -1799999999..1800000001")
    c_longitude = longitude.to_bytes(4, "big", signed=True)
    c_elevation = elevation.to_bytes(2, "big")
    return b"".join((c_latitude, c_longitude, c_elevation))


def decode_ninety_degree_int(o: bytes, i: int) -> tuple[dot2.NinetyDegreeInt, int]:
    value_ = s32(o, i)[0]
    if not -900000000 <= value_ <= 900000001:
        raise Breach(f"{value_} is not in -900000000..900000001", i)
    return value_, i + 4


def encode_ninety_degree_int(r: dot2.NinetyDegreeInt) -> bytes:
    if not -900000000 <= r <= 900000001:
        raise Breach("must be in -900000000..900000001")
    return r.to_bytes(4, "big", signed=True)


def decode_known_latitude(o: bytes, i: int) -> tuple[dot2.KnownLatitude, int]:
    value_ = s32(o, i)[0]
    if not -900000000 <= value_ <= 900000000:
        raise Breach(f"{value_} is not in -900000000..900000000", i)
    return value_, i + 4


def encode_known_latitude(r: dot2.KnownLatitude) -> bytes:
    if not -900000000 <= r <= 900000000:
        raise Breach("must be in -900000000..900000000")
    return r.to_bytes(4, "big", signed=True)


def decode_unknown_latitude(o: bytes, i: int) -> tuple[dot2.UnknownLatitude, int]:
    value_ = u32(o, i)[0]
    if value_ != 900000001:
        raise Breach(f"{value_} is not 900000001", i)
    return value_, i + 4


def encode_unknown_latitude(r: dot2.UnknownLatitude) -> bytes:
    if r != 900000001:
        raise Breach("must be 900000001")
    return b"5\xa4\xe9\x01"


def decode_one_eighty_degree_int(o: bytes, i: int) -> tuple[dot2.OneEightyDegreeInt, int]:
    value_ = s32(o, i)[0]
    if not -1799999999 <= value_ <= 1800000001:
        raise Breach(f"{value_} is not in -1799999999..1800000001", i)
    return value_, i + 4


def encode_one_eighty_degree_int(r: dot2.OneEightyDegreeInt) -> bytes:
    if not -1799999999 <= r <= 1800000001:
        raise Breach("must be in -1799999999..1800000001")
    return r.to_bytes(4, "big", signed=True)


def decode_known_longitude(o: bytes, i: int) -> tuple[dot2.KnownLongitude, int]:
    value_ = s32(o, i)[0]
    if not -1799999999 <= value_ <= 1800000000:
        raise Breach(f"{value_} is not in -1799999999..1800000000", i)
    return value_, i + 4


def encode_known_longitude(r: dot2.KnownLongitude) -> bytes:
    if not -1799999999 <= r <= 1800000000:
        raise Breach("must be in -1799999999..1800000000")
    return r.to_bytes(4, "big", signed=True)


def decode_unknown_longitude(o: bytes, i: int) -> tuple[dot2.UnknownLongitude, int]:
    value_ = u32(o, i)[0]
    if value_ != 1800000001:
        raise Breach(f"{value_} is not 1800000001", i)
    return value_, i + 4


def encode_unknown_longitude(r: dot2.UnknownLongitude) -> bytes:
    if r != 1800000001:
        raise Breach("must be 1800000001")
    return b"kI\xd2\x01"


def decode_signature(o: bytes, i: int) -> tuple[dot2.Signature, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "ecdsaNistP256Signature"
        value_, i = decode_ecdsa_p256_signature(o, i + 1)
        return new(dot2.Signature, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "ecdsaBrainpoolP256r1Signature"
        value_, i = decode_ecdsa_p256_signature(o, i + 1)
        return new(dot2.Signature, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "ecdsaBrainpoolP384r1Signature"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_ecdsa_p384_signature(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.Signature, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "ecdsaNistP384Signature"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_ecdsa_p384_signature(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.Signature, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "sm2Signature"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_ecsig_p256_signature(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.Signature, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_signature(r: dot2.Signature) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "ecdsaNistP256Signature":
        return b"\x80" + encode_ecdsa_p256_signature(value_)
    if kind_ == "ecdsaBrainpoolP256r1Signature":
        return b"\x81" + encode_ecdsa_p256_signature(value_)
    if kind_ == "ecdsaBrainpoolP384r1Signature":
        return b"\x82" + prefixed(encode_ecdsa_p384_signature(value_))
    if kind_ == "ecdsaNistP384Signature":
        return b"\x83" + prefixed(encode_ecdsa_p384_signature(value_))
    if kind_ == "sm2Signature":
        return b"\x84" + prefixed(encode_ecsig_p256_signature(value_))
    raise Breach("kind must be one of the choice")


def decode_ecdsa_p256_signature(o: bytes, i: int) -> tuple[dot2.EcdsaP256Signature, int]:
    r_sig, i = decode_ecc_p256_curve_point(o, i)
    s_sig = o[i : i + 32]
    return new(dot2.EcdsaP256Signature, (r_sig, s_sig)), i + 32


def encode_ecdsa_p256_signature(r: dot2.EcdsaP256Signature) -> bytes:
    r_sig, s_sig = r
    c_r_sig = encode_ecc_p256_curve_point(r_sig)
    if len(s_sig) != 32:
        raise Breach("must have 32 octets")
    c_s_sig = s_sig
    return b"".join((c_r_sig, c_s_sig))


def decode_ecdsa_p384_signature(o: bytes, i: int) -> tuple[dot2.EcdsaP384Signature, int]:
    r_sig, i = decode_ecc_p384_curve_point(o, i)
    s_sig = o[i : i + 48]
    return new(dot2.EcdsaP384Signature, (r_sig, s_sig)), i + 48


def encode_ecdsa_p384_signature(r: dot2.EcdsaP384Signature) -> bytes:
    r_sig, s_sig = r
    c_r_sig = encode_ecc_p384_curve_point(r_sig)
    if len(s_sig) != 48:
        raise Breach("must have 48 octets")
    c_s_sig = s_sig
    return b"".join((c_r_sig, c_s_sig))


def decode_ecsig_p256_signature(o: bytes, i: int) -> tuple[dot2.EcsigP256Signature, int]:
    r_sig = o[i : i + 32]
    s_sig = o[i + 32 : i + 64]
    return new(dot2.EcsigP256Signature, (r_sig, s_sig)), i + 64


def encode_ecsig_p256_signature(r: dot2.EcsigP256Signature) -> bytes:
    r_sig, s_sig = r
    if len(r_sig) != 32:
        raise Breach("must have 32 octets")
    c_r_sig = r_sig
    if len(s_sig) != 32:
        raise Breach("must have 32 octets")
    c_s_sig = s_sig
    return b"".join((c_r_sig, c_s_sig))


def decode_ecc_p256_curve_point_uncompressed_p256(o: bytes, i: int) -> tuple[dot2.EccP256CurvePointUncompressedP256, int]:
    x = o[i : i + 32]
    y = o[i + 32 : i + 64]
    return new(dot2.EccP256CurvePointUncompressedP256, (x, y)), i + 64


def encode_ecc_p256_curve_point_uncompressed_p256(r: dot2.EccP256CurvePointUncompressedP256) -> bytes:
    x, y = r
    if len(x) != 32:
        raise Breach("must have 32 octets")
    c_x = x
    if len(y) != 32:
        raise Breach("must have 32 octets")
    c_y = y
    return b"".join((c_x, c_y))


def decode_ecc_p256_curve_point(o: bytes, i: int) -> tuple[dot2.EccP256CurvePoint, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "x-only"
        value_ = o[i + 1 : i + 33]
        return new(dot2.EccP256CurvePoint, (kind_, value_)), i + 33
    if tag_ == 0x81:
        return _ECC_P256_CURVE_POINT_FILL, i + 1
    if tag_ == 0x82:
        kind_ = "compressed-y-0"
        value_ = o[i + 1 : i + 33]
        return new(dot2.EccP256CurvePoint, (kind_, value_)), i + 33
    if tag_ == 0x83:
        kind_ = "compressed-y-1"
        value_ = o[i + 1 : i + 33]
        return new(dot2.EccP256CurvePoint, (kind_, value_)), i + 33
    if tag_ == 0x84:
        kind_ = "uncompressedP256"
        value_, i = decode_ecc_p256_curve_point_uncompressed_p256(o, i + 1)
        return new(dot2.EccP256CurvePoint, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_ecc_p256_curve_point(r: dot2.EccP256CurvePoint) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "x-only":
        if len(value_) != 32:
            raise Breach("must have 32 octets")
        return b"\x80" + value_
    if kind_ == "fill":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x81"
    if kind_ == "compressed-y-0":
        if len(value_) != 32:
            raise Breach("must have 32 octets")
        return b"\x82" + value_
    if kind_ == "compressed-y-1":
        if len(value_) != 32:
            raise Breach("must have 32 octets")
        return b"\x83" + value_
    if kind_ == "uncompressedP256":
        return b"\x84" + encode_ecc_p256_curve_point_uncompressed_p256(value_)
    raise Breach("kind must be one of the choice")


def decode_ecc_p384_curve_point_uncompressed_p384(o: bytes, i: int) -> tuple[dot2.EccP384CurvePointUncompressedP384, int]:
    x = o[i : i + 48]
    y = o[i + 48 : i + 96]
    return new(dot2.EccP384CurvePointUncompressedP384, (x, y)), i + 96


def encode_ecc_p384_curve_point_uncompressed_p384(r: dot2.EccP384CurvePointUncompressedP384) -> bytes:
    x, y = r
    if len(x) != 48:
        raise Breach("must have 48 octets")
    c_x = x
    if len(y) != 48:
        raise Breach("must have 48 octets")
    c_y = y
    return b"".join((c_x, c_y))


def decode_ecc_p384_curve_point(o: bytes, i: int) -> tuple[dot2.EccP384CurvePoint, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "x-only"
        value_ = o[i + 1 : i + 49]
        return new(dot2.EccP384CurvePoint, (kind_, value_)), i + 49
    if tag_ == 0x81:
        return _ECC_P384_CURVE_POINT_FILL, i + 1
    if tag_ == 0x82:
        kind_ = "compressed-y-0"
        value_ = o[i + 1 : i + 49]
        return new(dot2.EccP384CurvePoint, (kind_, value_)), i + 49
    if tag_ == 0x83:
        kind_ = "compressed-y-1"
        value_ = o[i + 1 : i + 49]
        return new(dot2.EccP384CurvePoint, (kind_, value_)), i + 49
    if tag_ == 0x84:
        kind_ = "uncompressedP384"
        value_, i = decode_ecc_p384_curve_point_uncompressed_p384(o, i + 1)
        return new(dot2.EccP384CurvePoint, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_ecc_p384_curve_point(r: dot2.EccP384CurvePoint) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "x-only":
        if len(value_) != 48:
            raise Breach("must have 48 octets")
        return b"\x80" + value_
    if kind_ == "fill":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x81"
    if kind_ == "compressed-y-0":
        if len(value_) != 48:
            raise Breach("must have 48 octets")
        return b"\x82" + value_
    if kind_ == "compressed-y-1":
        if len(value_) != 48:
            raise Breach("must have 48 octets")
        return b"\x83" + value_
    if kind_ == "uncompressedP384":
        return b"\x84" + encode_ecc_p384_curve_point_uncompressed_p384(value_)
    raise Breach("kind must be one of the choice")


def decode_symm_algorithm(o: bytes, i: int) -> tuple[dot2.SymmAlgorithm, int]:
    code_ = o[i]
    if code_ >= 2:
        raise Breach(f"{code_} is not in the enumeration of SymmAlgorithm", i)
    value_ = _SYMM_ALGORITHM[code_]
    return value_, i + 1


def encode_symm_algorithm(r: dot2.SymmAlgorithm) -> bytes:
    return _SYMM_ALGORITHM_CODE[r]


def decode_hash_algorithm(o: bytes, i: int) -> tuple[dot2.HashAlgorithm, int]:
    code_ = o[i]
    if code_ >= 3:
        raise Breach(f"{code_} is not in the enumeration of HashAlgorithm", i)
    value_ = _HASH_ALGORITHM[code_]
    return value_, i + 1


def encode_hash_algorithm(r: dot2.HashAlgorithm) -> bytes:
    return _HASH_ALGORITHM_CODE[r]


def decode_ecies_p256_encrypted_key(o: bytes, i: int) -> tuple[dot2.EciesP256EncryptedKey, int]:
    v, i = decode_ecc_p256_curve_point(o, i)
    c = o[i : i + 16]
    t = o[i + 16 : i + 32]
    return new(dot2.EciesP256EncryptedKey, (v, c, t)), i + 32


def encode_ecies_p256_encrypted_key(r: dot2.EciesP256EncryptedKey) -> bytes:
    v, c, t = r
    c_v = encode_ecc_p256_curve_point(v)
    if len(c) != 16:
        raise Breach("must have 16 octets")
    c_c = c
    if len(t) != 16:
        raise Breach("must have 16 octets")
    c_t = t
    return b"".join((c_v, c_c, c_t))


def decode_ecenc_p256_encrypted_key(o: bytes, i: int) -> tuple[dot2.EcencP256EncryptedKey, int]:
    v, i = decode_ecc_p256_curve_point(o, i)
    c = o[i : i + 16]
    t = o[i + 16 : i + 48]
    return new(dot2.EcencP256EncryptedKey, (v, c, t)), i + 48


def encode_ecenc_p256_encrypted_key(r: dot2.EcencP256EncryptedKey) -> bytes:
    v, c, t = r
    c_v = encode_ecc_p256_curve_point(v)
    if len(c) != 16:
        raise Breach("must have 16 octets")
    c_c = c
    if len(t) != 32:
        raise Breach("must have 32 octets")
    c_t = t
    return b"".join((c_v, c_c, c_t))


def decode_encryption_key(o: bytes, i: int) -> tuple[dot2.EncryptionKey, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "public"
        value_, i = decode_public_encryption_key(o, i + 1)
        return new(dot2.EncryptionKey, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "symmetric"
        value_, i = decode_symmetric_encryption_key(o, i + 1)
        return new(dot2.EncryptionKey, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_encryption_key(r: dot2.EncryptionKey) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "public":
        return b"\x80" + encode_public_encryption_key(value_)
    if kind_ == "symmetric":
        return b"\x81" + encode_symmetric_encryption_key(value_)
    raise Breach("kind must be one of the choice")


def decode_public_encryption_key(o: bytes, i: int) -> tuple[dot2.PublicEncryptionKey, int]:
    code_ = o[i]
    if code_ >= 2:
        raise Breach(f"{code_} is not in the enumeration of SymmAlgorithm", i)
    supported_symm_alg = _SYMM_ALGORITHM[code_]
    public_key, i = decode_base_public_encryption_key(o, i + 1)
    return new(dot2.PublicEncryptionKey, (supported_symm_alg, public_key)), i


def encode_public_encryption_key(r: dot2.PublicEncryptionKey) -> bytes:
    supported_symm_alg, public_key = r
    c_supported_symm_alg = _SYMM_ALGORITHM_CODE[supported_symm_alg]
    c_public_key = encode_base_public_encryption_key(public_key)
    return b"".join((c_supported_symm_alg, c_public_key))


def decode_base_public_encryption_key(o: bytes, i: int) -> tuple[dot2.BasePublicEncryptionKey, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "eciesNistP256"
        value_, i = decode_ecc_p256_curve_point(o, i + 1)
        return new(dot2.BasePublicEncryptionKey, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "eciesBrainpoolP256r1"
        value_, i = decode_ecc_p256_curve_point(o, i + 1)
        return new(dot2.BasePublicEncryptionKey, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "ecencSm2"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_ecc_p256_curve_point(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.BasePublicEncryptionKey, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_base_public_encryption_key(r: dot2.BasePublicEncryptionKey) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "eciesNistP256":
        return b"\x80" + encode_ecc_p256_curve_point(value_)
    if kind_ == "eciesBrainpoolP256r1":
        return b"\x81" + encode_ecc_p256_curve_point(value_)
    if kind_ == "ecencSm2":
        return b"\x82" + prefixed(encode_ecc_p256_curve_point(value_))
    raise Breach("kind must be one of the choice")


def decode_public_verification_key(o: bytes, i: int) -> tuple[dot2.PublicVerificationKey, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "ecdsaNistP256"
        value_, i = decode_ecc_p256_curve_point(o, i + 1)
        return new(dot2.PublicVerificationKey, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "ecdsaBrainpoolP256r1"
        value_, i = decode_ecc_p256_curve_point(o, i + 1)
        return new(dot2.PublicVerificationKey, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "ecdsaBrainpoolP384r1"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_ecc_p384_curve_point(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.PublicVerificationKey, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "ecdsaNistP384"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_ecc_p384_curve_point(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.PublicVerificationKey, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "ecsigSm2"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_ecc_p256_curve_point(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.PublicVerificationKey, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_public_verification_key(r: dot2.PublicVerificationKey) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "ecdsaNistP256":
        return b"\x80" + encode_ecc_p256_curve_point(value_)
    if kind_ == "ecdsaBrainpoolP256r1":
        return b"\x81" + encode_ecc_p256_curve_point(value_)
    if kind_ == "ecdsaBrainpoolP384r1":
        return b"\x82" + prefixed(encode_ecc_p384_curve_point(value_))
    if kind_ == "ecdsaNistP384":
        return b"\x83" + prefixed(encode_ecc_p384_curve_point(value_))
    if kind_ == "ecsigSm2":
        return b"\x84" + prefixed(encode_ecc_p256_curve_point(value_))
    raise Breach("kind must be one of the choice")


def decode_symmetric_encryption_key(o: bytes, i: int) -> tuple[dot2.SymmetricEncryptionKey, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "aes128Ccm"
        value_ = o[i + 1 : i + 17]
        return new(dot2.SymmetricEncryptionKey, (kind_, value_)), i + 17
    if tag_ == 0x81:
        kind_ = "sm4Ccm"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_ = o[i : i + 16]
        i += 16
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.SymmetricEncryptionKey, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_symmetric_encryption_key(r: dot2.SymmetricEncryptionKey) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "aes128Ccm":
        if len(value_) != 16:
            raise Breach("must have 16 octets")
        return b"\x80" + value_
    if kind_ == "sm4Ccm":
        if len(value_) != 16:
            raise Breach("must have 16 octets")
        return b"\x81" + prefixed(value_)
    raise Breach("kind must be one of the choice")


def decode_psid_ssp(o: bytes, i: int) -> tuple[dot2.PsidSsp, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    i += 1
    if o[i] == 1:
        psid = o[i + 1]
        i += 2
    else:
        psid, i = unsigned(o, i)
    if p_ & 0x80:
        ssp, i = decode_service_specific_permissions(o, i)
    else:
        ssp = None
    return new(dot2.PsidSsp, (psid, ssp)), i


def encode_psid_ssp(r: dot2.PsidSsp) -> bytes:
    psid, ssp = r
    p_ = 0
    c_psid = unsigned_octets(psid)
    if ssp is None:
        c_ssp = b""
    else:
        p_ |= 0x80
        c_ssp = encode_service_specific_permissions(ssp)
    return b"".join((OCTET[p_], c_psid, c_ssp))


def decode_sequence_of_psid_ssp(o: bytes, i: int) -> tuple[dot2.SequenceOfPsidSsp, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_psid_ssp(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_psid_ssp(r: dot2.SequenceOfPsidSsp) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_psid_ssp(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_psid(o: bytes, i: int) -> tuple[dot2.Psid, int]:
    if o[i] == 1:
        value_ = o[i + 1]
        i += 2
    else:
        value_, i = unsigned(o, i)
    return value_, i


def encode_psid(r: dot2.Psid) -> bytes:
    return unsigned_octets(r)


def decode_sequence_of_psid(o: bytes, i: int) -> tuple[dot2.SequenceOfPsid, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 2 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        if o[i] == 1:
            item_ = o[i + 1]
            i += 2
        else:
            item_, i = unsigned(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_psid(r: dot2.SequenceOfPsid) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(unsigned_octets(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_service_specific_permissions(o: bytes, i: int) -> tuple[dot2.ServiceSpecificPermissions, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "opaque"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        value_ = o[i : i + n_]
        i += n_
        return new(dot2.ServiceSpecificPermissions, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "bitmapSsp"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        n_ = o[i]
        i += 1
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        if n_ > 31:
            raise Breach(f"{n_} octets: must have 0..31 octets", i)
        value_ = o[i : i + n_]
        i += n_
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.ServiceSpecificPermissions, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_service_specific_permissions(r: dot2.ServiceSpecificPermissions) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "opaque":
        return b"\x80" + prefixed(value_)
    if kind_ == "bitmapSsp":
        if len(value_) > 31:
            raise Breach("must have 0..31 octets")
        return b"\x81" + prefixed(prefixed(value_))
    raise Breach("kind must be one of the choice")


def decode_bitmap_ssp(o: bytes, i: int) -> tuple[dot2.BitmapSsp, int]:
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    if n_ > 31:
        raise Breach(f"{n_} octets: must have 0..31 octets", i)
    value_ = o[i : i + n_]
    i += n_
    return value_, i


def encode_bitmap_ssp(r: dot2.BitmapSsp) -> bytes:
    if len(r) > 31:
        raise Breach("must have 0..31 octets")
    return prefixed(r)


def decode_psid_ssp_range(o: bytes, i: int) -> tuple[dot2.PsidSspRange, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    i += 1
    if o[i] == 1:
        psid = o[i + 1]
        i += 2
    else:
        psid, i = unsigned(o, i)
    if p_ & 0x80:
        ssp_range, i = decode_ssp_range(o, i)
    else:
        ssp_range = None
    return new(dot2.PsidSspRange, (psid, ssp_range)), i


def encode_psid_ssp_range(r: dot2.PsidSspRange) -> bytes:
    psid, ssp_range = r
    p_ = 0
    c_psid = unsigned_octets(psid)
    if ssp_range is None:
        c_ssp_range = b""
    else:
        p_ |= 0x80
        c_ssp_range = encode_ssp_range(ssp_range)
    return b"".join((OCTET[p_], c_psid, c_ssp_range))


def decode_sequence_of_psid_ssp_range(o: bytes, i: int) -> tuple[dot2.SequenceOfPsidSspRange, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_psid_ssp_range(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_psid_ssp_range(r: dot2.SequenceOfPsidSspRange) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_psid_ssp_range(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_ssp_range(o: bytes, i: int) -> tuple[dot2.SspRange, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "opaque"
        value_, i = decode_sequence_of_octet_string(o, i + 1)
        return new(dot2.SspRange, (kind_, value_)), i
    if tag_ == 0x81:
        return _SSP_RANGE_ALL, i + 1
    if tag_ == 0x82:
        kind_ = "bitmapSspRange"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_bitmap_ssp_range(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.SspRange, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_ssp_range(r: dot2.SspRange) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "opaque":
        return b"\x80" + encode_sequence_of_octet_string(value_)
    if kind_ == "all":
        if value_ is not None:
            raise Breach("must be None")
        return b"\x81"
    if kind_ == "bitmapSspRange":
        return b"\x82" + prefixed(encode_bitmap_ssp_range(value_))
    raise Breach("kind must be one of the choice")


def decode_bitmap_ssp_range(o: bytes, i: int) -> tuple[dot2.BitmapSspRange, int]:
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    if not 1 <= n_ <= 32:
        raise Breach(f"{n_} octets: must have 1..32 octets", i)
    ssp_value = o[i : i + n_]
    i += n_
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    if not 1 <= n_ <= 32:
        raise Breach(f"{n_} octets: must have 1..32 octets", i)
    ssp_bitmask = o[i : i + n_]
    i += n_
    return new(dot2.BitmapSspRange, (ssp_value, ssp_bitmask)), i


def encode_bitmap_ssp_range(r: dot2.BitmapSspRange) -> bytes:
    ssp_value, ssp_bitmask = r
    if not 1 <= len(ssp_value) <= 32:
        raise Breach("must have 1..32 octets")
    c_ssp_value = prefixed(ssp_value)
    if not 1 <= len(ssp_bitmask) <= 32:
        raise Breach("must have 1..32 octets")
    c_ssp_bitmask = prefixed(ssp_bitmask)
    return b"".join((c_ssp_value, c_ssp_bitmask))


def decode_sequence_of_octet_string(o: bytes, i: int) -> tuple[dot2.SequenceOfOctetString, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
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


def encode_sequence_of_octet_string(r: dot2.SequenceOfOctetString) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(prefixed(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_subject_assurance(o: bytes, i: int) -> tuple[dot2.SubjectAssurance, int]:
    value_ = o[i : i + 1]
    return value_, i + 1


def encode_subject_assurance(r: dot2.SubjectAssurance) -> bytes:
    if len(r) != 1:
        raise Breach("must have 1 octet")
    return r


def decode_hostname(o: bytes, i: int) -> tuple[dot2.Hostname, int]:
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    text_ = o[i : i + n_].decode("utf-8")
    if len(text_) > 255:
        raise Breach(f"{len(text_)} characters: must have 0..255 characters", i)
    value_ = text_
    i += n_
    return value_, i


def encode_hostname(r: dot2.Hostname) -> bytes:
    if len(r) > 255:
        raise Breach("must have 0..255 characters")
    return prefixed(r.encode("utf-8"))


def decode_linkage_value(o: bytes, i: int) -> tuple[dot2.LinkageValue, int]:
    value_ = o[i : i + 9]
    return value_, i + 9


def encode_linkage_value(r: dot2.LinkageValue) -> bytes:
    if len(r) != 9:
        raise Breach("must have 9 octets")
    return r


def decode_group_linkage_value(o: bytes, i: int) -> tuple[dot2.GroupLinkageValue, int]:
    j_value = o[i : i + 4]
    value = o[i + 4 : i + 13]
    return new(dot2.GroupLinkageValue, (j_value, value)), i + 13


def encode_group_linkage_value(r: dot2.GroupLinkageValue) -> bytes:
    j_value, value = r
    if len(j_value) != 4:
        raise Breach("must have 4 octets")
    c_j_value = j_value
    if len(value) != 9:
        raise Breach("must have 9 octets")
    c_value = value
    return b"".join((c_j_value, c_value))


def decode_la_id(o: bytes, i: int) -> tuple[dot2.LaId, int]:
    value_ = o[i : i + 2]
    return value_, i + 2


def encode_la_id(r: dot2.LaId) -> bytes:
    if len(r) != 2:
        raise Breach("must have 2 octets")
    return r


def decode_sequence_of_linkage_seed(o: bytes, i: int) -> tuple[dot2.SequenceOfLinkageSeed, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 16 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i : i + 16]
        i += 16
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_linkage_seed(r: dot2.SequenceOfLinkageSeed) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        if len(item_) != 16:
            raise Breach("must have 16 octets")
        items_.append(item_)
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_linkage_seed(o: bytes, i: int) -> tuple[dot2.LinkageSeed, int]:
    value_ = o[i : i + 16]
    return value_, i + 16


def encode_linkage_seed(r: dot2.LinkageSeed) -> bytes:
    if len(r) != 16:
        raise Breach("must have 16 octets")
    return r


def decode_extension(o: bytes, i: int) -> tuple[dot2.Extension, int]:
    id = o[i]
    n_ = o[i + 1]
    i += 2
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    content = o[i : i + n_]
    i += n_
    return new(dot2.Extension, (id, content)), i


def encode_extension(r: dot2.Extension) -> bytes:
    id, content = r
    c_id = id.to_bytes(1, "big")
    c_content = prefixed(content)
    return b"".join((c_id, c_content))


def decode_ext_id(o: bytes, i: int) -> tuple[dot2.ExtId, int]:
    value_ = o[i]
    return value_, i + 1


def encode_ext_id(r: dot2.ExtId) -> bytes:
    return r.to_bytes(1, "big")


def decode_crl_psid(o: bytes, i: int) -> tuple[dot2.CrlPsid, int]:
    value_ = o[i] << 8 | o[i + 1]
    if value_ != 256:
        raise Breach(f"{value_} is not 256", i)
    return value_, i + 2


def encode_crl_psid(r: dot2.CrlPsid) -> bytes:
    if r != 256:
        raise Breach("must be 256")
    return b"\x01\x00"


def decode_crl_contents(o: bytes, i: int) -> tuple[dot2.CrlContents, int]:
    version_ = o[i]
    if version_ != 1:
        raise Breach(f"{version_} is not 1", i)
    version = version_
    crl_series = o[i + 1] << 8 | o[i + 2]
    crl_craca = o[i + 3 : i + 11]
    issue_date = u32(o, i + 11)[0]
    next_crl = u32(o, i + 15)[0]
    priority_info, i = decode_crl_priority_info(o, i + 19)
    type_specific, i = decode_type_specific_crl_contents(o, i)
    return new(dot2.CrlContents, (
        version, crl_series, crl_craca, issue_date, next_crl, priority_info, type_specific,
    )), i


def encode_crl_contents(r: dot2.CrlContents) -> bytes:
    version, crl_series, crl_craca, issue_date, next_crl, priority_info, type_specific = r
    if version != 1:
        raise Breach("must be 1")
    c_version = b"\x01"
    c_crl_series = crl_series.to_bytes(2, "big")
    if len(crl_craca) != 8:
        raise Breach("must have 8 octets")
    c_crl_craca = crl_craca
    c_issue_date = issue_date.to_bytes(4, "big")
    c_next_crl = next_crl.to_bytes(4, "big")
    c_priority_info = encode_crl_priority_info(priority_info)
    c_type_specific = encode_type_specific_crl_contents(type_specific)
    return b"".join((
        c_version, c_crl_series, c_crl_craca, c_issue_date, c_next_crl, c_priority_info, c_type_specific,
    ))


def decode_crl_priority_info(o: bytes, i: int) -> tuple[dot2.CrlPriorityInfo, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    i += 1
    if p_ & 0x40:
        priority = o[i]
        i += 1
    else:
        priority = None
    return new(dot2.CrlPriorityInfo, (priority,)), i


def encode_crl_priority_info(r: dot2.CrlPriorityInfo) -> bytes:
    priority, = r
    p_ = 0
    if priority is None:
        c_priority = b""
    else:
        p_ |= 0x40
        c_priority = priority.to_bytes(1, "big")
    return b"".join((OCTET[p_], c_priority))


def decode_type_specific_crl_contents(o: bytes, i: int) -> tuple[dot2.TypeSpecificCrlContents, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "fullHashCrl"
        value_, i = decode_to_be_signed_hash_id_crl(o, i + 1)
        return new(dot2.TypeSpecificCrlContents, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "deltaHashCrl"
        value_, i = decode_to_be_signed_hash_id_crl(o, i + 1)
        return new(dot2.TypeSpecificCrlContents, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "fullLinkedCrl"
        value_, i = decode_to_be_signed_linkage_value_crl(o, i + 1)
        return new(dot2.TypeSpecificCrlContents, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "deltaLinkedCrl"
        value_, i = decode_to_be_signed_linkage_value_crl(o, i + 1)
        return new(dot2.TypeSpecificCrlContents, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "fullLinkedCrlWithAlg"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_to_be_signed_linkage_value_crl_with_alg_identifier(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.TypeSpecificCrlContents, (kind_, value_)), i
    if tag_ == 0x85:
        kind_ = "deltaLinkedCrlWithAlg"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_to_be_signed_linkage_value_crl_with_alg_identifier(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(dot2.TypeSpecificCrlContents, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_type_specific_crl_contents(r: dot2.TypeSpecificCrlContents) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "fullHashCrl":
        return b"\x80" + encode_to_be_signed_hash_id_crl(value_)
    if kind_ == "deltaHashCrl":
        return b"\x81" + encode_to_be_signed_hash_id_crl(value_)
    if kind_ == "fullLinkedCrl":
        return b"\x82" + encode_to_be_signed_linkage_value_crl(value_)
    if kind_ == "deltaLinkedCrl":
        return b"\x83" + encode_to_be_signed_linkage_value_crl(value_)
    if kind_ == "fullLinkedCrlWithAlg":
        return b"\x84" + prefixed(encode_to_be_signed_linkage_value_crl_with_alg_identifier(value_))
    if kind_ == "deltaLinkedCrlWithAlg":
        return b"\x85" + prefixed(encode_to_be_signed_linkage_value_crl_with_alg_identifier(value_))
    raise Breach("kind must be one of the choice")


def decode_to_be_signed_hash_id_crl(o: bytes, i: int) -> tuple[dot2.ToBeSignedHashIdCrl, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    crl_serial = u32(o, i + 1)[0]
    entries, i = decode_sequence_of_hash_based_revocation_info(o, i + 5)
    return new(dot2.ToBeSignedHashIdCrl, (crl_serial, entries)), i


def encode_to_be_signed_hash_id_crl(r: dot2.ToBeSignedHashIdCrl) -> bytes:
    crl_serial, entries = r
    c_crl_serial = crl_serial.to_bytes(4, "big")
    c_entries = encode_sequence_of_hash_based_revocation_info(entries)
    return b"".join((b"\x00", c_crl_serial, c_entries))


def decode_sequence_of_hash_based_revocation_info(o: bytes, i: int) -> tuple[dot2.SequenceOfHashBasedRevocationInfo, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_hash_based_revocation_info(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_hash_based_revocation_info(r: dot2.SequenceOfHashBasedRevocationInfo) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_hash_based_revocation_info(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_hash_based_revocation_info(o: bytes, i: int) -> tuple[dot2.HashBasedRevocationInfo, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    id = o[i + 1 : i + 11]
    expiry = u32(o, i + 11)[0]
    return new(dot2.HashBasedRevocationInfo, (id, expiry)), i + 15


def encode_hash_based_revocation_info(r: dot2.HashBasedRevocationInfo) -> bytes:
    id, expiry = r
    if len(id) != 10:
        raise Breach("must have 10 octets")
    c_id = id
    c_expiry = expiry.to_bytes(4, "big")
    return b"".join((b"\x00", c_id, c_expiry))


def decode_to_be_signed_linkage_value_crl(o: bytes, i: int) -> tuple[dot2.ToBeSignedLinkageValueCrl, int]:
    p_ = o[i]
    if p_ & 0x1f:
        raise Breach("a preamble with bits that have no meaning", i)
    i_rev = o[i + 1] << 8 | o[i + 2]
    index_within_i = o[i + 3]
    i += 4
    if p_ & 0x40:
        individual, i = decode_sequence_of_j_max_group(o, i)
    else:
        individual = None
    if p_ & 0x20:
        groups, i = decode_sequence_of_group_crl_entry(o, i)
    else:
        groups = None
    if p_ & 0x80:
        if o[i] != 2 or o[i + 1] != 6 or not o[i + 2] or o[i + 2] & 0x3f:
            raise Breach("an extension bitmap that is empty or of another size", i)
        e_ = o[i + 2]
        i += 3
        if e_ & 0x80:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            groups_single_seed_, i = decode_sequence_of_group_single_seed_crl_entry(o, i)
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            groups_single_seed = groups_single_seed_
        else:
            groups_single_seed = None
        if e_ & 0x40:
            n_ = o[i]
            i += 1
            if n_ > 127:
                n_, i = long_length(o, i, n_)
            end_ = i + n_
            i_period_info_, i = decode_sequence_of_i_period_info(o, i)
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            i_period_info = i_period_info_
        else:
            i_period_info = None
    else:
        groups_single_seed = i_period_info = None
    return new(dot2.ToBeSignedLinkageValueCrl, (
        i_rev, index_within_i, individual, groups, groups_single_seed, i_period_info,
    )), i


def encode_to_be_signed_linkage_value_crl(r: dot2.ToBeSignedLinkageValueCrl) -> bytes:
    i_rev, index_within_i, individual, groups, groups_single_seed, i_period_info = r
    p_ = 0
    c_i_rev = i_rev.to_bytes(2, "big")
    c_index_within_i = index_within_i.to_bytes(1, "big")
    if individual is None:
        c_individual = b""
    else:
        p_ |= 0x40
        c_individual = encode_sequence_of_j_max_group(individual)
    if groups is None:
        c_groups = b""
    else:
        p_ |= 0x20
        c_groups = encode_sequence_of_group_crl_entry(groups)
    e_ = 0
    if groups_single_seed is None:
        c_groups_single_seed = b""
    else:
        e_ |= 0x80
        c_groups_single_seed = encode_sequence_of_group_single_seed_crl_entry(groups_single_seed)
        c_groups_single_seed = prefixed(c_groups_single_seed)
    if i_period_info is None:
        c_i_period_info = b""
    else:
        e_ |= 0x40
        c_i_period_info = encode_sequence_of_i_period_info(i_period_info)
        c_i_period_info = prefixed(c_i_period_info)
    c_additions_ = b""
    if e_:
        p_ |= 0x80
        c_additions_ = b"".join((b"\x02\x06", OCTET[e_], c_groups_single_seed, c_i_period_info))
    return b"".join((OCTET[p_], c_i_rev, c_index_within_i, c_individual, c_groups, c_additions_))


def decode_sequence_of_j_max_group(o: bytes, i: int) -> tuple[dot2.SequenceOfJMaxGroup, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_j_max_group(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_j_max_group(r: dot2.SequenceOfJMaxGroup) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_j_max_group(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_j_max_group(o: bytes, i: int) -> tuple[dot2.JMaxGroup, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    jmax = o[i + 1]
    contents, i = decode_sequence_of_la_group(o, i + 2)
    return new(dot2.JMaxGroup, (jmax, contents)), i


def encode_j_max_group(r: dot2.JMaxGroup) -> bytes:
    jmax, contents = r
    c_jmax = jmax.to_bytes(1, "big")
    c_contents = encode_sequence_of_la_group(contents)
    return b"".join((b"\x00", c_jmax, c_contents))


def decode_sequence_of_la_group(o: bytes, i: int) -> tuple[dot2.SequenceOfLAGroup, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_la_group(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_la_group(r: dot2.SequenceOfLAGroup) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_la_group(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_la_group(o: bytes, i: int) -> tuple[dot2.LAGroup, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    la1_id = o[i + 1 : i + 3]
    la2_id = o[i + 3 : i + 5]
    contents, i = decode_sequence_of_i_max_group(o, i + 5)
    return new(dot2.LAGroup, (la1_id, la2_id, contents)), i


def encode_la_group(r: dot2.LAGroup) -> bytes:
    la1_id, la2_id, contents = r
    if len(la1_id) != 2:
        raise Breach("must have 2 octets")
    c_la1_id = la1_id
    if len(la2_id) != 2:
        raise Breach("must have 2 octets")
    c_la2_id = la2_id
    c_contents = encode_sequence_of_i_max_group(contents)
    return b"".join((b"\x00", c_la1_id, c_la2_id, c_contents))


def decode_sequence_of_i_max_group(o: bytes, i: int) -> tuple[dot2.SequenceOfIMaxGroup, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_i_max_group(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_i_max_group(r: dot2.SequenceOfIMaxGroup) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_i_max_group(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_i_max_group(o: bytes, i: int) -> tuple[dot2.IMaxGroup, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    i_max = o[i + 1] << 8 | o[i + 2]
    contents, i = decode_sequence_of_individual_revocation(o, i + 3)
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
            single_seed_, i = decode_sequence_of_linkage_seed(o, i)
            if i != end_:
                raise Breach("an extension that is shorter or longer than its value", i)
            single_seed = single_seed_
        else:
            single_seed = None
    else:
        single_seed = None
    return new(dot2.IMaxGroup, (i_max, contents, single_seed)), i


def encode_i_max_group(r: dot2.IMaxGroup) -> bytes:
    i_max, contents, single_seed = r
    p_ = 0
    c_i_max = i_max.to_bytes(2, "big")
    c_contents = encode_sequence_of_individual_revocation(contents)
    e_ = 0
    if single_seed is None:
        c_single_seed = b""
    else:
        e_ |= 0x80
        c_single_seed = encode_sequence_of_linkage_seed(single_seed)
        c_single_seed = prefixed(c_single_seed)
    c_additions_ = b""
    if e_:
        p_ |= 0x80
        c_additions_ = b"".join((b"\x02\x07", OCTET[e_], c_single_seed,))
    return b"".join((OCTET[p_], c_i_max, c_contents, c_additions_))


def decode_sequence_of_individual_revocation(o: bytes, i: int) -> tuple[dot2.SequenceOfIndividualRevocation, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_individual_revocation(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_individual_revocation(r: dot2.SequenceOfIndividualRevocation) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_individual_revocation(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_individual_revocation(o: bytes, i: int) -> tuple[dot2.IndividualRevocation, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    linkage_seed1 = o[i + 1 : i + 17]
    linkage_seed2 = o[i + 17 : i + 33]
    return new(dot2.IndividualRevocation, (linkage_seed1, linkage_seed2)), i + 33


def encode_individual_revocation(r: dot2.IndividualRevocation) -> bytes:
    linkage_seed1, linkage_seed2 = r
    if len(linkage_seed1) != 16:
        raise Breach("must have 16 octets")
    c_linkage_seed1 = linkage_seed1
    if len(linkage_seed2) != 16:
        raise Breach("must have 16 octets")
    c_linkage_seed2 = linkage_seed2
    return b"".join((b"\x00", c_linkage_seed1, c_linkage_seed2))


def decode_sequence_of_group_crl_entry(o: bytes, i: int) -> tuple[dot2.SequenceOfGroupCrlEntry, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_group_crl_entry(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_group_crl_entry(r: dot2.SequenceOfGroupCrlEntry) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_group_crl_entry(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_group_crl_entry(o: bytes, i: int) -> tuple[dot2.GroupCrlEntry, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    i_max = o[i + 1] << 8 | o[i + 2]
    la1_id = o[i + 3 : i + 5]
    linkage_seed1 = o[i + 5 : i + 21]
    la2_id = o[i + 21 : i + 23]
    linkage_seed2 = o[i + 23 : i + 39]
    return new(dot2.GroupCrlEntry, (i_max, la1_id, linkage_seed1, la2_id, linkage_seed2)), i + 39


def encode_group_crl_entry(r: dot2.GroupCrlEntry) -> bytes:
    i_max, la1_id, linkage_seed1, la2_id, linkage_seed2 = r
    c_i_max = i_max.to_bytes(2, "big")
    if len(la1_id) != 2:
        raise Breach("must have 2 octets")
    c_la1_id = la1_id
    if len(linkage_seed1) != 16:
        raise Breach("must have 16 octets")
    c_linkage_seed1 = linkage_seed1
    if len(la2_id) != 2:
        raise Breach("must have 2 octets")
    c_la2_id = la2_id
    if len(linkage_seed2) != 16:
        raise Breach("must have 16 octets")
    c_linkage_seed2 = linkage_seed2
    return b"".join((b"\x00", c_i_max, c_la1_id, c_linkage_seed1, c_la2_id, c_linkage_seed2))


def decode_to_be_signed_linkage_value_crl_with_alg_identifier(o: bytes, i: int) -> tuple[dot2.ToBeSignedLinkageValueCrlWithAlgIdentifier, int]:
    p_ = o[i]
    if p_ & 0x8f:
        raise Breach("a preamble with bits that have no meaning", i)
    i_rev = o[i + 1] << 8 | o[i + 2]
    index_within_i = o[i + 3]
    seed_evolution = None
    lv_generation = None
    i += 4
    if p_ & 0x40:
        individual, i = decode_sequence_of_j_max_group(o, i)
    else:
        individual = None
    if p_ & 0x20:
        groups, i = decode_sequence_of_group_crl_entry(o, i)
    else:
        groups = None
    if p_ & 0x10:
        groups_single_seed, i = decode_sequence_of_group_single_seed_crl_entry(o, i)
    else:
        groups_single_seed = None
    return new(dot2.ToBeSignedLinkageValueCrlWithAlgIdentifier, (
        i_rev, index_within_i, seed_evolution, lv_generation, individual, groups, groups_single_seed,
    )), i


def encode_to_be_signed_linkage_value_crl_with_alg_identifier(r: dot2.ToBeSignedLinkageValueCrlWithAlgIdentifier) -> bytes:
    i_rev, index_within_i, seed_evolution, lv_generation, individual, groups, groups_single_seed = r
    p_ = 0
    c_i_rev = i_rev.to_bytes(2, "big")
    c_index_within_i = index_within_i.to_bytes(1, "big")
    if seed_evolution is not None:
        raise Breach("must be None")
    c_seed_evolution = b""
    if lv_generation is not None:
        raise Breach("must be None")
    c_lv_generation = b""
    if individual is None:
        c_individual = b""
    else:
        p_ |= 0x40
        c_individual = encode_sequence_of_j_max_group(individual)
    if groups is None:
        c_groups = b""
    else:
        p_ |= 0x20
        c_groups = encode_sequence_of_group_crl_entry(groups)
    if groups_single_seed is None:
        c_groups_single_seed = b""
    else:
        p_ |= 0x10
        c_groups_single_seed = encode_sequence_of_group_single_seed_crl_entry(groups_single_seed)
    return b"".join((
        OCTET[p_], c_i_rev, c_index_within_i, c_seed_evolution, c_lv_generation, c_individual, c_groups,
        c_groups_single_seed,
    ))


def decode_sequence_of_group_single_seed_crl_entry(o: bytes, i: int) -> tuple[dot2.SequenceOfGroupSingleSeedCrlEntry, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_group_single_seed_crl_entry(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_group_single_seed_crl_entry(r: dot2.SequenceOfGroupSingleSeedCrlEntry) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_group_single_seed_crl_entry(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_group_single_seed_crl_entry(o: bytes, i: int) -> tuple[dot2.GroupSingleSeedCrlEntry, int]:
    i_max = o[i] << 8 | o[i + 1]
    la_id = o[i + 2 : i + 4]
    linkage_seed = o[i + 4 : i + 20]
    return new(dot2.GroupSingleSeedCrlEntry, (i_max, la_id, linkage_seed)), i + 20


def encode_group_single_seed_crl_entry(r: dot2.GroupSingleSeedCrlEntry) -> bytes:
    i_max, la_id, linkage_seed = r
    c_i_max = i_max.to_bytes(2, "big")
    if len(la_id) != 2:
        raise Breach("must have 2 octets")
    c_la_id = la_id
    if len(linkage_seed) != 16:
        raise Breach("must have 16 octets")
    c_linkage_seed = linkage_seed
    return b"".join((c_i_max, c_la_id, c_linkage_seed))


def decode_expansion_algorithm_identifier(o: bytes, i: int) -> tuple[dot2.ExpansionAlgorithmIdentifier, int]:
    code_ = o[i]
    if code_ >= 2:
        raise Breach(f"{code_} is not in the enumeration of ExpansionAlgorithmIdentifier", i)
    value_ = _EXPANSION_ALGORITHM_IDENTIFIER[code_]
    return value_, i + 1


def encode_expansion_algorithm_identifier(r: dot2.ExpansionAlgorithmIdentifier) -> bytes:
    return _EXPANSION_ALGORITHM_IDENTIFIER_CODE[r]


def decode_seed_evolution_function_identifier(o: bytes, i: int) -> tuple[dot2.SeedEvolutionFunctionIdentifier, int]:
    value_ = None
    return value_, i


def encode_seed_evolution_function_identifier(r: dot2.SeedEvolutionFunctionIdentifier) -> bytes:
    if r is not None:
        raise Breach("must be None")
    return b""


def decode_lv_generation_function_identifier(o: bytes, i: int) -> tuple[dot2.LvGenerationFunctionIdentifier, int]:
    value_ = None
    return value_, i


def encode_lv_generation_function_identifier(r: dot2.LvGenerationFunctionIdentifier) -> bytes:
    if r is not None:
        raise Breach("must be None")
    return b""


def decode_i_period_info(o: bytes, i: int) -> tuple[dot2.IPeriodInfo, int]:
    start_of_next_i_period = u32(o, i)[0]
    i_period_length, i = decode_duration(o, i + 4)
    guaranteed_to_i_value = o[i] << 8 | o[i + 1]
    return new(dot2.IPeriodInfo, (start_of_next_i_period, i_period_length, guaranteed_to_i_value)), i + 2


def encode_i_period_info(r: dot2.IPeriodInfo) -> bytes:
    start_of_next_i_period, i_period_length, guaranteed_to_i_value = r
    c_start_of_next_i_period = start_of_next_i_period.to_bytes(4, "big")
    c_i_period_length = encode_duration(i_period_length)
    c_guaranteed_to_i_value = guaranteed_to_i_value.to_bytes(2, "big")
    return b"".join((c_start_of_next_i_period, c_i_period_length, c_guaranteed_to_i_value))


def decode_sequence_of_i_period_info(o: bytes, i: int) -> tuple[dot2.SequenceOfIPeriodInfo, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_i_period_info(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_sequence_of_i_period_info(r: dot2.SequenceOfIPeriodInfo) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_i_period_info(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


# by record class
DECODE = {
    dot2.Ieee1609Dot2Data: decode_ieee1609_dot2_data,
    dot2.Ieee1609Dot2Content: decode_ieee1609_dot2_content,
    dot2.SignedData: decode_signed_data,
    dot2.ToBeSignedData: decode_to_be_signed_data,
    dot2.SignedDataPayload: decode_signed_data_payload,
    dot2.HashedData: decode_hashed_data,
    dot2.HeaderInfo: decode_header_info,
    dot2.MissingCrlIdentifier: decode_missing_crl_identifier,
    dot2.ContributedExtensionBlock: decode_contributed_extension_block,
    dot2.SignerIdentifier: decode_signer_identifier,
    dot2.EncryptedData: decode_encrypted_data,
    dot2.RecipientInfo: decode_recipient_info,
    dot2.SymmRecipientInfo: decode_symm_recipient_info,
    dot2.PKRecipientInfo: decode_pk_recipient_info,
    dot2.EncryptedDataEncryptionKey: decode_encrypted_data_encryption_key,
    dot2.SymmetricCiphertext: decode_symmetric_ciphertext,
    dot2.One28BitCcmCiphertext: decode_one28_bit_ccm_ciphertext,
    dot2.CertificateBase: decode_certificate_base,
    dot2.IssuerIdentifier: decode_issuer_identifier,
    dot2.ToBeSignedCertificate: decode_to_be_signed_certificate,
    dot2.CertificateId: decode_certificate_id,
    dot2.LinkageData: decode_linkage_data,
    dot2.PsidGroupPermissions: decode_psid_group_permissions,
    dot2.SubjectPermissions: decode_subject_permissions,
    dot2.VerificationKeyIndicator: decode_verification_key_indicator,
    dot2.AppExtension: decode_app_extension,
    dot2.CertIssueExtensionPermissions: decode_cert_issue_extension_permissions,
    dot2.CertIssueExtension: decode_cert_issue_extension,
    dot2.CertRequestExtensionPermissions: decode_cert_request_extension_permissions,
    dot2.CertRequestExtension: decode_cert_request_extension,
    dot2.ValidityPeriod: decode_validity_period,
    dot2.Duration: decode_duration,
    dot2.GeographicRegion: decode_geographic_region,
    dot2.CircularRegion: decode_circular_region,
    dot2.RectangularRegion: decode_rectangular_region,
    dot2.TwoDLocation: decode_two_d_location,
    dot2.IdentifiedRegion: decode_identified_region,
    dot2.CountryAndRegions: decode_country_and_regions,
    dot2.CountryAndSubregions: decode_country_and_subregions,
    dot2.RegionAndSubregions: decode_region_and_subregions,
    dot2.ThreeDLocation: decode_three_d_location,
    dot2.Signature: decode_signature,
    dot2.EcdsaP256Signature: decode_ecdsa_p256_signature,
    dot2.EcdsaP384Signature: decode_ecdsa_p384_signature,
    dot2.EcsigP256Signature: decode_ecsig_p256_signature,
    dot2.EccP256CurvePointUncompressedP256: decode_ecc_p256_curve_point_uncompressed_p256,
    dot2.EccP256CurvePoint: decode_ecc_p256_curve_point,
    dot2.EccP384CurvePointUncompressedP384: decode_ecc_p384_curve_point_uncompressed_p384,
    dot2.EccP384CurvePoint: decode_ecc_p384_curve_point,
    dot2.EciesP256EncryptedKey: decode_ecies_p256_encrypted_key,
    dot2.EcencP256EncryptedKey: decode_ecenc_p256_encrypted_key,
    dot2.EncryptionKey: decode_encryption_key,
    dot2.PublicEncryptionKey: decode_public_encryption_key,
    dot2.BasePublicEncryptionKey: decode_base_public_encryption_key,
    dot2.PublicVerificationKey: decode_public_verification_key,
    dot2.SymmetricEncryptionKey: decode_symmetric_encryption_key,
    dot2.PsidSsp: decode_psid_ssp,
    dot2.ServiceSpecificPermissions: decode_service_specific_permissions,
    dot2.PsidSspRange: decode_psid_ssp_range,
    dot2.SspRange: decode_ssp_range,
    dot2.BitmapSspRange: decode_bitmap_ssp_range,
    dot2.GroupLinkageValue: decode_group_linkage_value,
    dot2.Extension: decode_extension,
    dot2.CrlContents: decode_crl_contents,
    dot2.CrlPriorityInfo: decode_crl_priority_info,
    dot2.TypeSpecificCrlContents: decode_type_specific_crl_contents,
    dot2.ToBeSignedHashIdCrl: decode_to_be_signed_hash_id_crl,
    dot2.HashBasedRevocationInfo: decode_hash_based_revocation_info,
    dot2.ToBeSignedLinkageValueCrl: decode_to_be_signed_linkage_value_crl,
    dot2.JMaxGroup: decode_j_max_group,
    dot2.LAGroup: decode_la_group,
    dot2.IMaxGroup: decode_i_max_group,
    dot2.IndividualRevocation: decode_individual_revocation,
    dot2.GroupCrlEntry: decode_group_crl_entry,
    dot2.ToBeSignedLinkageValueCrlWithAlgIdentifier: decode_to_be_signed_linkage_value_crl_with_alg_identifier,
    dot2.GroupSingleSeedCrlEntry: decode_group_single_seed_crl_entry,
    dot2.IPeriodInfo: decode_i_period_info,
}
ENCODE = {
    dot2.Ieee1609Dot2Data: encode_ieee1609_dot2_data,
    dot2.Ieee1609Dot2Content: encode_ieee1609_dot2_content,
    dot2.SignedData: encode_signed_data,
    dot2.ToBeSignedData: encode_to_be_signed_data,
    dot2.SignedDataPayload: encode_signed_data_payload,
    dot2.HashedData: encode_hashed_data,
    dot2.HeaderInfo: encode_header_info,
    dot2.MissingCrlIdentifier: encode_missing_crl_identifier,
    dot2.ContributedExtensionBlock: encode_contributed_extension_block,
    dot2.SignerIdentifier: encode_signer_identifier,
    dot2.EncryptedData: encode_encrypted_data,
    dot2.RecipientInfo: encode_recipient_info,
    dot2.SymmRecipientInfo: encode_symm_recipient_info,
    dot2.PKRecipientInfo: encode_pk_recipient_info,
    dot2.EncryptedDataEncryptionKey: encode_encrypted_data_encryption_key,
    dot2.SymmetricCiphertext: encode_symmetric_ciphertext,
    dot2.One28BitCcmCiphertext: encode_one28_bit_ccm_ciphertext,
    dot2.CertificateBase: encode_certificate_base,
    dot2.IssuerIdentifier: encode_issuer_identifier,
    dot2.ToBeSignedCertificate: encode_to_be_signed_certificate,
    dot2.CertificateId: encode_certificate_id,
    dot2.LinkageData: encode_linkage_data,
    dot2.PsidGroupPermissions: encode_psid_group_permissions,
    dot2.SubjectPermissions: encode_subject_permissions,
    dot2.VerificationKeyIndicator: encode_verification_key_indicator,
    dot2.AppExtension: encode_app_extension,
    dot2.CertIssueExtensionPermissions: encode_cert_issue_extension_permissions,
    dot2.CertIssueExtension: encode_cert_issue_extension,
    dot2.CertRequestExtensionPermissions: encode_cert_request_extension_permissions,
    dot2.CertRequestExtension: encode_cert_request_extension,
    dot2.ValidityPeriod: encode_validity_period,
    dot2.Duration: encode_duration,
    dot2.GeographicRegion: encode_geographic_region,
    dot2.CircularRegion: encode_circular_region,
    dot2.RectangularRegion: encode_rectangular_region,
    dot2.TwoDLocation: encode_two_d_location,
    dot2.IdentifiedRegion: encode_identified_region,
    dot2.CountryAndRegions: encode_country_and_regions,
    dot2.CountryAndSubregions: encode_country_and_subregions,
    dot2.RegionAndSubregions: encode_region_and_subregions,
    dot2.ThreeDLocation: encode_three_d_location,
    dot2.Signature: encode_signature,
    dot2.EcdsaP256Signature: encode_ecdsa_p256_signature,
    dot2.EcdsaP384Signature: encode_ecdsa_p384_signature,
    dot2.EcsigP256Signature: encode_ecsig_p256_signature,
    dot2.EccP256CurvePointUncompressedP256: encode_ecc_p256_curve_point_uncompressed_p256,
    dot2.EccP256CurvePoint: encode_ecc_p256_curve_point,
    dot2.EccP384CurvePointUncompressedP384: encode_ecc_p384_curve_point_uncompressed_p384,
    dot2.EccP384CurvePoint: encode_ecc_p384_curve_point,
    dot2.EciesP256EncryptedKey: encode_ecies_p256_encrypted_key,
    dot2.EcencP256EncryptedKey: encode_ecenc_p256_encrypted_key,
    dot2.EncryptionKey: encode_encryption_key,
    dot2.PublicEncryptionKey: encode_public_encryption_key,
    dot2.BasePublicEncryptionKey: encode_base_public_encryption_key,
    dot2.PublicVerificationKey: encode_public_verification_key,
    dot2.SymmetricEncryptionKey: encode_symmetric_encryption_key,
    dot2.PsidSsp: encode_psid_ssp,
    dot2.ServiceSpecificPermissions: encode_service_specific_permissions,
    dot2.PsidSspRange: encode_psid_ssp_range,
    dot2.SspRange: encode_ssp_range,
    dot2.BitmapSspRange: encode_bitmap_ssp_range,
    dot2.GroupLinkageValue: encode_group_linkage_value,
    dot2.Extension: encode_extension,
    dot2.CrlContents: encode_crl_contents,
    dot2.CrlPriorityInfo: encode_crl_priority_info,
    dot2.TypeSpecificCrlContents: encode_type_specific_crl_contents,
    dot2.ToBeSignedHashIdCrl: encode_to_be_signed_hash_id_crl,
    dot2.HashBasedRevocationInfo: encode_hash_based_revocation_info,
    dot2.ToBeSignedLinkageValueCrl: encode_to_be_signed_linkage_value_crl,
    dot2.JMaxGroup: encode_j_max_group,
    dot2.LAGroup: encode_la_group,
    dot2.IMaxGroup: encode_i_max_group,
    dot2.IndividualRevocation: encode_individual_revocation,
    dot2.GroupCrlEntry: encode_group_crl_entry,
    dot2.ToBeSignedLinkageValueCrlWithAlgIdentifier: encode_to_be_signed_linkage_value_crl_with_alg_identifier,
    dot2.GroupSingleSeedCrlEntry: encode_group_single_seed_crl_entry,
    dot2.IPeriodInfo: encode_i_period_info,
}
# by ASN.1 name, every named type
NAMED = {
    "Ieee1609Dot2Data": (decode_ieee1609_dot2_data, encode_ieee1609_dot2_data),
    "Ieee1609Dot2Content": (decode_ieee1609_dot2_content, encode_ieee1609_dot2_content),
    "SignedData": (decode_signed_data, encode_signed_data),
    "ToBeSignedData": (decode_to_be_signed_data, encode_to_be_signed_data),
    "SignedDataPayload": (decode_signed_data_payload, encode_signed_data_payload),
    "HashedData": (decode_hashed_data, encode_hashed_data),
    "HeaderInfo": (decode_header_info, encode_header_info),
    "MissingCrlIdentifier": (decode_missing_crl_identifier, encode_missing_crl_identifier),
    "PduFunctionalType": (decode_pdu_functional_type, encode_pdu_functional_type),
    "ContributedExtensionBlocks": (decode_contributed_extension_blocks, encode_contributed_extension_blocks),
    "ContributedExtensionBlock": (decode_contributed_extension_block, encode_contributed_extension_block),
    "HeaderInfoContributorId": (decode_header_info_contributor_id, encode_header_info_contributor_id),
    "SignerIdentifier": (decode_signer_identifier, encode_signer_identifier),
    "Countersignature": (decode_ieee1609_dot2_data, encode_ieee1609_dot2_data),
    "EncryptedData": (decode_encrypted_data, encode_encrypted_data),
    "RecipientInfo": (decode_recipient_info, encode_recipient_info),
    "SequenceOfRecipientInfo": (decode_sequence_of_recipient_info, encode_sequence_of_recipient_info),
    "PreSharedKeyRecipientInfo": (decode_hashed_id8, encode_hashed_id8),
    "SymmRecipientInfo": (decode_symm_recipient_info, encode_symm_recipient_info),
    "PKRecipientInfo": (decode_pk_recipient_info, encode_pk_recipient_info),
    "EncryptedDataEncryptionKey": (decode_encrypted_data_encryption_key, encode_encrypted_data_encryption_key),
    "SymmetricCiphertext": (decode_symmetric_ciphertext, encode_symmetric_ciphertext),
    "One28BitCcmCiphertext": (decode_one28_bit_ccm_ciphertext, encode_one28_bit_ccm_ciphertext),
    "Aes128CcmCiphertext": (decode_one28_bit_ccm_ciphertext, encode_one28_bit_ccm_ciphertext),
    "Certificate": (decode_certificate_base, encode_certificate_base),
    "TestCertificate": (decode_certificate_base, encode_certificate_base),
    "SequenceOfCertificate": (decode_sequence_of_certificate, encode_sequence_of_certificate),
    "CertificateBase": (decode_certificate_base, encode_certificate_base),
    "CertificateType": (decode_certificate_type, encode_certificate_type),
    "ImplicitCertificate": (decode_certificate_base, encode_certificate_base),
    "ExplicitCertificate": (decode_certificate_base, encode_certificate_base),
    "IssuerIdentifier": (decode_issuer_identifier, encode_issuer_identifier),
    "ToBeSignedCertificate": (decode_to_be_signed_certificate, encode_to_be_signed_certificate),
    "CertificateId": (decode_certificate_id, encode_certificate_id),
    "LinkageData": (decode_linkage_data, encode_linkage_data),
    "EndEntityType": (decode_end_entity_type, encode_end_entity_type),
    "PsidGroupPermissions": (decode_psid_group_permissions, encode_psid_group_permissions),
    "SequenceOfPsidGroupPermissions": (decode_sequence_of_psid_group_permissions, encode_sequence_of_psid_group_permissions),
    "SubjectPermissions": (decode_subject_permissions, encode_subject_permissions),
    "VerificationKeyIndicator": (decode_verification_key_indicator, encode_verification_key_indicator),
    "Ieee1609ContributedHeaderInfoExtension": (decode_extension, encode_extension),
    "Ieee1609HeaderInfoExtensionId": (decode_ext_id, encode_ext_id),
    "SequenceOfAppExtensions": (decode_sequence_of_app_extensions, encode_sequence_of_app_extensions),
    "AppExtension": (decode_app_extension, encode_app_extension),
    "SequenceOfCertIssueExtensions": (decode_sequence_of_cert_issue_extensions, encode_sequence_of_cert_issue_extensions),
    "CertIssueExtension": (decode_cert_issue_extension, encode_cert_issue_extension),
    "SequenceOfCertRequestExtensions": (decode_sequence_of_cert_request_extensions, encode_sequence_of_cert_request_extensions),
    "CertRequestExtension": (decode_cert_request_extension, encode_cert_request_extension),
    "OperatingOrganizationId": (decode_operating_organization_id, encode_operating_organization_id),
    "Uint3": (decode_uint3, encode_uint3),
    "Uint8": (decode_uint8, encode_uint8),
    "Uint16": (decode_uint16, encode_uint16),
    "Uint32": (decode_uint32, encode_uint32),
    "Uint64": (decode_uint64, encode_uint64),
    "SequenceOfUint8": (decode_sequence_of_uint8, encode_sequence_of_uint8),
    "SequenceOfUint16": (decode_sequence_of_uint16, encode_sequence_of_uint16),
    "Opaque": (decode_opaque, encode_opaque),
    "HashedId3": (decode_hashed_id3, encode_hashed_id3),
    "SequenceOfHashedId3": (decode_sequence_of_hashed_id3, encode_sequence_of_hashed_id3),
    "HashedId8": (decode_hashed_id8, encode_hashed_id8),
    "HashedId10": (decode_hashed_id10, encode_hashed_id10),
    "HashedId32": (decode_hashed_id32, encode_hashed_id32),
    "HashedId48": (decode_hashed_id48, encode_hashed_id48),
    "Time32": (decode_uint32, encode_uint32),
    "Time64": (decode_uint64, encode_uint64),
    "ValidityPeriod": (decode_validity_period, encode_validity_period),
    "Duration": (decode_duration, encode_duration),
    "GeographicRegion": (decode_geographic_region, encode_geographic_region),
    "CircularRegion": (decode_circular_region, encode_circular_region),
    "RectangularRegion": (decode_rectangular_region, encode_rectangular_region),
    "SequenceOfRectangularRegion": (decode_sequence_of_rectangular_region, encode_sequence_of_rectangular_region),
    "PolygonalRegion": (decode_polygonal_region, encode_polygonal_region),
    "TwoDLocation": (decode_two_d_location, encode_two_d_location),
    "IdentifiedRegion": (decode_identified_region, encode_identified_region),
    "SequenceOfIdentifiedRegion": (decode_sequence_of_identified_region, encode_sequence_of_identified_region),
    "UnCountryId": (decode_uint16, encode_uint16),
    "CountryOnly": (decode_uint16, encode_uint16),
    "CountryAndRegions": (decode_country_and_regions, encode_country_and_regions),
    "CountryAndSubregions": (decode_country_and_subregions, encode_country_and_subregions),
    "RegionAndSubregions": (decode_region_and_subregions, encode_region_and_subregions),
    "SequenceOfRegionAndSubregions": (decode_sequence_of_region_and_subregions, encode_sequence_of_region_and_subregions),
    "ThreeDLocation": (decode_three_d_location, encode_three_d_location),
    "Latitude": (decode_ninety_degree_int, encode_ninety_degree_int),
    "Longitude": (decode_one_eighty_degree_int, encode_one_eighty_degree_int),
    "Elevation": (decode_uint16, encode_uint16),
    "NinetyDegreeInt": (decode_ninety_degree_int, encode_ninety_degree_int),
    "KnownLatitude": (decode_known_latitude, encode_known_latitude),
    "UnknownLatitude": (decode_unknown_latitude, encode_unknown_latitude),
    "OneEightyDegreeInt": (decode_one_eighty_degree_int, encode_one_eighty_degree_int),
    "KnownLongitude": (decode_known_longitude, encode_known_longitude),
    "UnknownLongitude": (decode_unknown_longitude, encode_unknown_longitude),
    "Signature": (decode_signature, encode_signature),
    "EcdsaP256Signature": (decode_ecdsa_p256_signature, encode_ecdsa_p256_signature),
    "EcdsaP384Signature": (decode_ecdsa_p384_signature, encode_ecdsa_p384_signature),
    "EcsigP256Signature": (decode_ecsig_p256_signature, encode_ecsig_p256_signature),
    "EccP256CurvePoint": (decode_ecc_p256_curve_point, encode_ecc_p256_curve_point),
    "EccP384CurvePoint": (decode_ecc_p384_curve_point, encode_ecc_p384_curve_point),
    "SymmAlgorithm": (decode_symm_algorithm, encode_symm_algorithm),
    "HashAlgorithm": (decode_hash_algorithm, encode_hash_algorithm),
    "EciesP256EncryptedKey": (decode_ecies_p256_encrypted_key, encode_ecies_p256_encrypted_key),
    "EcencP256EncryptedKey": (decode_ecenc_p256_encrypted_key, encode_ecenc_p256_encrypted_key),
    "EncryptionKey": (decode_encryption_key, encode_encryption_key),
    "PublicEncryptionKey": (decode_public_encryption_key, encode_public_encryption_key),
    "BasePublicEncryptionKey": (decode_base_public_encryption_key, encode_base_public_encryption_key),
    "PublicVerificationKey": (decode_public_verification_key, encode_public_verification_key),
    "SymmetricEncryptionKey": (decode_symmetric_encryption_key, encode_symmetric_encryption_key),
    "PsidSsp": (decode_psid_ssp, encode_psid_ssp),
    "SequenceOfPsidSsp": (decode_sequence_of_psid_ssp, encode_sequence_of_psid_ssp),
    "Psid": (decode_psid, encode_psid),
    "SequenceOfPsid": (decode_sequence_of_psid, encode_sequence_of_psid),
    "ServiceSpecificPermissions": (decode_service_specific_permissions, encode_service_specific_permissions),
    "BitmapSsp": (decode_bitmap_ssp, encode_bitmap_ssp),
    "PsidSspRange": (decode_psid_ssp_range, encode_psid_ssp_range),
    "SequenceOfPsidSspRange": (decode_sequence_of_psid_ssp_range, encode_sequence_of_psid_ssp_range),
    "SspRange": (decode_ssp_range, encode_ssp_range),
    "BitmapSspRange": (decode_bitmap_ssp_range, encode_bitmap_ssp_range),
    "SequenceOfOctetString": (decode_sequence_of_octet_string, encode_sequence_of_octet_string),
    "SubjectAssurance": (decode_subject_assurance, encode_subject_assurance),
    "CrlSeries": (decode_uint16, encode_uint16),
    "IValue": (decode_uint16, encode_uint16),
    "Hostname": (decode_hostname, encode_hostname),
    "LinkageValue": (decode_linkage_value, encode_linkage_value),
    "GroupLinkageValue": (decode_group_linkage_value, encode_group_linkage_value),
    "LaId": (decode_la_id, encode_la_id),
    "SequenceOfLinkageSeed": (decode_sequence_of_linkage_seed, encode_sequence_of_linkage_seed),
    "LinkageSeed": (decode_linkage_seed, encode_linkage_seed),
    "Extension": (decode_extension, encode_extension),
    "ExtId": (decode_ext_id, encode_ext_id),
    "CrlPsid": (decode_crl_psid, encode_crl_psid),
    "SecuredCrl": (decode_ieee1609_dot2_data, encode_ieee1609_dot2_data),
    "CrlContents": (decode_crl_contents, encode_crl_contents),
    "CrlPriorityInfo": (decode_crl_priority_info, encode_crl_priority_info),
    "TypeSpecificCrlContents": (decode_type_specific_crl_contents, encode_type_specific_crl_contents),
    "ToBeSignedHashIdCrl": (decode_to_be_signed_hash_id_crl, encode_to_be_signed_hash_id_crl),
    "SequenceOfHashBasedRevocationInfo": (decode_sequence_of_hash_based_revocation_info, encode_sequence_of_hash_based_revocation_info),
    "HashBasedRevocationInfo": (decode_hash_based_revocation_info, encode_hash_based_revocation_info),
    "ToBeSignedLinkageValueCrl": (decode_to_be_signed_linkage_value_crl, encode_to_be_signed_linkage_value_crl),
    "SequenceOfJMaxGroup": (decode_sequence_of_j_max_group, encode_sequence_of_j_max_group),
    "JMaxGroup": (decode_j_max_group, encode_j_max_group),
    "SequenceOfLAGroup": (decode_sequence_of_la_group, encode_sequence_of_la_group),
    "LAGroup": (decode_la_group, encode_la_group),
    "SequenceOfIMaxGroup": (decode_sequence_of_i_max_group, encode_sequence_of_i_max_group),
    "IMaxGroup": (decode_i_max_group, encode_i_max_group),
    "SequenceOfIndividualRevocation": (decode_sequence_of_individual_revocation, encode_sequence_of_individual_revocation),
    "IndividualRevocation": (decode_individual_revocation, encode_individual_revocation),
    "SequenceOfGroupCrlEntry": (decode_sequence_of_group_crl_entry, encode_sequence_of_group_crl_entry),
    "GroupCrlEntry": (decode_group_crl_entry, encode_group_crl_entry),
    "ToBeSignedLinkageValueCrlWithAlgIdentifier": (decode_to_be_signed_linkage_value_crl_with_alg_identifier, encode_to_be_signed_linkage_value_crl_with_alg_identifier),
    "SequenceOfGroupSingleSeedCrlEntry": (decode_sequence_of_group_single_seed_crl_entry, encode_sequence_of_group_single_seed_crl_entry),
    "GroupSingleSeedCrlEntry": (decode_group_single_seed_crl_entry, encode_group_single_seed_crl_entry),
    "ExpansionAlgorithmIdentifier": (decode_expansion_algorithm_identifier, encode_expansion_algorithm_identifier),
    "SeedEvolutionFunctionIdentifier": (decode_seed_evolution_function_identifier, encode_seed_evolution_function_identifier),
    "LvGenerationFunctionIdentifier": (decode_lv_generation_function_identifier, encode_lv_generation_function_identifier),
    "IPeriodInfo": (decode_i_period_info, encode_i_period_info),
    "SequenceOfIPeriodInfo": (decode_sequence_of_i_period_info, encode_sequence_of_i_period_info),
}
