"""COER of ETSI TS 103 097 and TS 102 941, straight to and from records.

Made from asn1/ by `python -m v2xpki.wire.generate`: do not edit.

See _runtime for how faults are found, and the package for what is strict about it.
"""

# ruff: noqa: E501, I001, PLR0915, RUF100
# mypy: disable-error-code="no-any-return,unreachable"
from __future__ import annotations

from typing import Any

from v2xpki.wire import _codec_dot2, _codec_scms, etsi
from v2xpki.wire._runtime import (
    OCTET,
    Breach,
    long_length,
    new,
    prefixed,
    signed,
    signed_octets,
    u32,
    unsigned,
    unsigned_octets,
)


_AUTHORIZATION_RESPONSE_CODE: tuple[etsi.AuthorizationResponseCode, ...] = ("ok", "its-aa-cantparse", "its-aa-badcontenttype", "its-aa-imnottherecipient", "its-aa-unknownencryptionalgorithm", "its-aa-decryptionfailed", "its-aa-keysdontmatch", "its-aa-incompleterequest", "its-aa-invalidencryptionkey", "its-aa-outofsyncrequest", "its-aa-unknownea", "its-aa-invalidea", "its-aa-deniedpermissions", "aa-ea-cantreachea", "ea-aa-cantparse", "ea-aa-badcontenttype", "ea-aa-imnottherecipient", "ea-aa-unknownencryptionalgorithm", "ea-aa-decryptionfailed", "invalidaa", "invalidaasignature", "wrongea", "unknownits", "invalidsignature", "invalidencryptionkey", "deniedpermissions", "deniedtoomanycerts",)
_AUTHORIZATION_RESPONSE_CODE_CODE = {name: OCTET[code] for code, name in enumerate(_AUTHORIZATION_RESPONSE_CODE)}

_AUTHORIZATION_VALIDATION_RESPONSE_CODE: tuple[etsi.AuthorizationValidationResponseCode, ...] = ("ok", "cantparse", "badcontenttype", "imnottherecipient", "unknownencryptionalgorithm", "decryptionfailed", "invalidaa", "invalidaasignature", "wrongea", "unknownits", "invalidsignature", "invalidencryptionkey", "deniedpermissions", "deniedtoomanycerts", "deniedrequest",)
_AUTHORIZATION_VALIDATION_RESPONSE_CODE_CODE = {name: OCTET[code] for code, name in enumerate(_AUTHORIZATION_VALIDATION_RESPONSE_CODE)}

_ENROLMENT_RESPONSE_CODE: tuple[etsi.EnrolmentResponseCode, ...] = ("ok", "cantparse", "badcontenttype", "imnottherecipient", "unknownencryptionalgorithm", "decryptionfailed", "unknownits", "invalidsignature", "invalidencryptionkey", "baditsstatus", "incompleterequest", "deniedpermissions", "invalidkeys", "deniedrequest",)
_ENROLMENT_RESPONSE_CODE_CODE = {name: OCTET[code] for code, name in enumerate(_ENROLMENT_RESPONSE_CODE)}



def decode_certificate_format(o: bytes, i: int) -> tuple[etsi.CertificateFormat, int]:
    value_ = o[i]
    if value_ < 1:
        raise Breach(f"{value_} is not in 1..255", i)
    return value_, i + 1


def encode_certificate_format(r: etsi.CertificateFormat) -> bytes:
    if not 1 <= r <= 255:
        raise Breach("must be in 1..255")
    return r.to_bytes(1, "big")


def decode_certificate_subject_attributes(o: bytes, i: int) -> tuple[etsi.CertificateSubjectAttributes, int]:
    p_ = o[i]
    if p_ & 0x81:
        raise Breach("a preamble with bits that have no meaning", i)
    i += 1
    if p_ & 0x40:
        id, i = _codec_dot2.decode_certificate_id(o, i)
    else:
        id = None
    if p_ & 0x20:
        validity_period, i = _codec_dot2.decode_validity_period(o, i)
    else:
        validity_period = None
    if p_ & 0x10:
        region, i = _codec_dot2.decode_geographic_region(o, i)
    else:
        region = None
    if p_ & 0x08:
        assurance_level = o[i : i + 1]
        i += 1
    else:
        assurance_level = None
    if p_ & 0x04:
        app_permissions, i = _codec_dot2.decode_sequence_of_psid_ssp(o, i)
    else:
        app_permissions = None
    if p_ & 0x02:
        cert_issue_permissions, i = _codec_dot2.decode_sequence_of_psid_group_permissions(o, i)
    else:
        cert_issue_permissions = None
    return new(etsi.CertificateSubjectAttributes, (
        id, validity_period, region, assurance_level, app_permissions, cert_issue_permissions,
    )), i


def encode_certificate_subject_attributes(r: etsi.CertificateSubjectAttributes) -> bytes:
    id, validity_period, region, assurance_level, app_permissions, cert_issue_permissions = r
    p_ = 0
    if id is None:
        c_id = b""
    else:
        p_ |= 0x40
        c_id = _codec_dot2.encode_certificate_id(id)
    if validity_period is None:
        c_validity_period = b""
    else:
        p_ |= 0x20
        c_validity_period = _codec_dot2.encode_validity_period(validity_period)
    if region is None:
        c_region = b""
    else:
        p_ |= 0x10
        c_region = _codec_dot2.encode_geographic_region(region)
    if assurance_level is None:
        c_assurance_level = b""
    else:
        p_ |= 0x08
        if len(assurance_level) != 1:
            raise Breach("must have 1 octet")
        c_assurance_level = assurance_level
    if app_permissions is None:
        c_app_permissions = b""
    else:
        p_ |= 0x04
        c_app_permissions = _codec_dot2.encode_sequence_of_psid_ssp(app_permissions)
    if cert_issue_permissions is None:
        c_cert_issue_permissions = b""
    else:
        p_ |= 0x02
        c_cert_issue_permissions = _codec_dot2.encode_sequence_of_psid_group_permissions(cert_issue_permissions)
    return b"".join((
        OCTET[p_], c_id, c_validity_period, c_region, c_assurance_level, c_app_permissions,
        c_cert_issue_permissions,
    ))


def decode_ec_signature(o: bytes, i: int) -> tuple[etsi.EcSignature, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "encryptedEcSignature"
        value_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i + 1)
        return new(etsi.EcSignature, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "ecSignature"
        value_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i + 1)
        return new(etsi.EcSignature, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_ec_signature(r: etsi.EcSignature) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "encryptedEcSignature":
        return b"\x80" + _codec_dot2.encode_ieee1609_dot2_data(value_)
    if kind_ == "ecSignature":
        return b"\x81" + _codec_dot2.encode_ieee1609_dot2_data(value_)
    raise Breach("kind must be one of the choice")


def decode_public_keys(o: bytes, i: int) -> tuple[etsi.PublicKeys, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    verification_key, i = _codec_dot2.decode_public_verification_key(o, i + 1)
    if p_ & 0x80:
        encryption_key, i = _codec_dot2.decode_public_encryption_key(o, i)
    else:
        encryption_key = None
    return new(etsi.PublicKeys, (verification_key, encryption_key)), i


def encode_public_keys(r: etsi.PublicKeys) -> bytes:
    verification_key, encryption_key = r
    p_ = 0
    c_verification_key = _codec_dot2.encode_public_verification_key(verification_key)
    if encryption_key is None:
        c_encryption_key = b""
    else:
        p_ |= 0x80
        c_encryption_key = _codec_dot2.encode_public_encryption_key(encryption_key)
    return b"".join((OCTET[p_], c_verification_key, c_encryption_key))


def decode_version(o: bytes, i: int) -> tuple[etsi.Version, int]:
    if o[i] == 1 and o[i + 1] < 128:
        value_ = o[i + 1]
        i += 2
    else:
        value_, i = signed(o, i)
    return value_, i


def encode_version(r: etsi.Version) -> bytes:
    return signed_octets(r)


def decode_etsi_ts102941_data(o: bytes, i: int) -> tuple[etsi.EtsiTs102941Data, int]:
    version_ = o[i]
    if version_ != 1:
        raise Breach(f"{version_} is not 1", i)
    version = version_
    content, i = decode_etsi_ts102941_data_content(o, i + 1)
    return new(etsi.EtsiTs102941Data, (version, content)), i


def encode_etsi_ts102941_data(r: etsi.EtsiTs102941Data) -> bytes:
    version, content = r
    if version != 1:
        raise Breach("must be 1")
    c_version = b"\x01"
    c_content = encode_etsi_ts102941_data_content(content)
    return b"".join((c_version, c_content))


def decode_etsi_ts102941_data_content(o: bytes, i: int) -> tuple[etsi.EtsiTs102941DataContent, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "enrolmentRequest"
        value_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i + 1)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "enrolmentResponse"
        value_, i = decode_inner_ec_response(o, i + 1)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "authorizationRequest"
        value_, i = decode_inner_at_request(o, i + 1)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "authorizationResponse"
        value_, i = decode_inner_at_response(o, i + 1)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "certificateRevocationList"
        value_, i = decode_to_be_signed_crl(o, i + 1)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x85:
        kind_ = "certificateTrustListTlm"
        value_, i = decode_ctl_format(o, i + 1)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x86:
        kind_ = "certificateTrustListRca"
        value_, i = decode_ctl_format(o, i + 1)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x87:
        kind_ = "authorizationValidationRequest"
        value_, i = decode_authorization_validation_request(o, i + 1)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x88:
        kind_ = "authorizationValidationResponse"
        value_, i = decode_authorization_validation_response(o, i + 1)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x89:
        kind_ = "caCertificateRequest"
        value_, i = decode_ca_certificate_request(o, i + 1)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x8a:
        kind_ = "linkCertificateTlm"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_to_be_signed_link_certificate(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x8b:
        kind_ = "singleSignedLinkCertificateRca"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = decode_to_be_signed_link_certificate(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x8c:
        kind_ = "doubleSignedlinkCertificateRca"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x8d:
        kind_ = "butterflyAuthorizationRequest"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = _codec_scms.decode_ee_ra_cert_request(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x8e:
        kind_ = "x509SignedbutterflyAuthorizationRequest"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = _codec_dot2.decode_ieee1609_dot2_data(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x8f:
        kind_ = "butterflyAuthorizationResponse"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = _codec_scms.decode_ra_ee_cert_info(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x90:
        kind_ = "butterflyCertificateRequest"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = _codec_scms.decode_ra_aca_cert_request(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x91:
        kind_ = "butterflyCertificateResponse"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = _codec_scms.decode_aca_ra_cert_response(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    if tag_ == 0x92:
        kind_ = "butterflyAtDownloadRequest"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        end_ = i + n_
        value_, i = _codec_scms.decode_ee_ra_download_request(o, i)
        if i != end_:
            raise Breach("an extension that is shorter or longer than its value", i)
        return new(etsi.EtsiTs102941DataContent, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_etsi_ts102941_data_content(r: etsi.EtsiTs102941DataContent) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "enrolmentRequest":
        return b"\x80" + _codec_dot2.encode_ieee1609_dot2_data(value_)
    if kind_ == "enrolmentResponse":
        return b"\x81" + encode_inner_ec_response(value_)
    if kind_ == "authorizationRequest":
        return b"\x82" + encode_inner_at_request(value_)
    if kind_ == "authorizationResponse":
        return b"\x83" + encode_inner_at_response(value_)
    if kind_ == "certificateRevocationList":
        return b"\x84" + encode_to_be_signed_crl(value_)
    if kind_ == "certificateTrustListTlm":
        return b"\x85" + encode_ctl_format(value_)
    if kind_ == "certificateTrustListRca":
        return b"\x86" + encode_ctl_format(value_)
    if kind_ == "authorizationValidationRequest":
        return b"\x87" + encode_authorization_validation_request(value_)
    if kind_ == "authorizationValidationResponse":
        return b"\x88" + encode_authorization_validation_response(value_)
    if kind_ == "caCertificateRequest":
        return b"\x89" + encode_ca_certificate_request(value_)
    if kind_ == "linkCertificateTlm":
        return b"\x8a" + prefixed(encode_to_be_signed_link_certificate(value_))
    if kind_ == "singleSignedLinkCertificateRca":
        return b"\x8b" + prefixed(encode_to_be_signed_link_certificate(value_))
    if kind_ == "doubleSignedlinkCertificateRca":
        return b"\x8c" + prefixed(_codec_dot2.encode_ieee1609_dot2_data(value_))
    if kind_ == "butterflyAuthorizationRequest":
        return b"\x8d" + prefixed(_codec_scms.encode_ee_ra_cert_request(value_))
    if kind_ == "x509SignedbutterflyAuthorizationRequest":
        return b"\x8e" + prefixed(_codec_dot2.encode_ieee1609_dot2_data(value_))
    if kind_ == "butterflyAuthorizationResponse":
        return b"\x8f" + prefixed(_codec_scms.encode_ra_ee_cert_info(value_))
    if kind_ == "butterflyCertificateRequest":
        return b"\x90" + prefixed(_codec_scms.encode_ra_aca_cert_request(value_))
    if kind_ == "butterflyCertificateResponse":
        return b"\x91" + prefixed(_codec_scms.encode_aca_ra_cert_response(value_))
    if kind_ == "butterflyAtDownloadRequest":
        return b"\x92" + prefixed(_codec_scms.encode_ee_ra_download_request(value_))
    raise Breach("kind must be one of the choice")


def decode_to_be_signed_crl_entries(o: bytes, i: int) -> tuple[etsi.ToBeSignedCrlEntries, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 8 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i : i + 8]
        i += 8
        items_.append(item_)
    return tuple(items_), i


def encode_to_be_signed_crl_entries(r: etsi.ToBeSignedCrlEntries) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        if len(item_) != 8:
            raise Breach("must have 8 octets")
        items_.append(item_)
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_to_be_signed_crl(o: bytes, i: int) -> tuple[etsi.ToBeSignedCrl, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    i += 1
    if o[i] == 1 and o[i + 1] < 128:
        version = o[i + 1]
        i += 2
    else:
        version, i = signed(o, i)
    this_update = u32(o, i)[0]
    next_update = u32(o, i + 4)[0]
    entries, i = decode_to_be_signed_crl_entries(o, i + 8)
    return new(etsi.ToBeSignedCrl, (version, this_update, next_update, entries)), i


def encode_to_be_signed_crl(r: etsi.ToBeSignedCrl) -> bytes:
    version, this_update, next_update, entries = r
    c_version = signed_octets(version)
    c_this_update = this_update.to_bytes(4, "big")
    c_next_update = next_update.to_bytes(4, "big")
    c_entries = encode_to_be_signed_crl_entries(entries)
    return b"".join((b"\x00", c_version, c_this_update, c_next_update, c_entries))


def decode_ctl_format_ctl_commands(o: bytes, i: int) -> tuple[etsi.CtlFormatCtlCommands, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_, i = decode_ctl_command(o, i)
        items_.append(item_)
    return tuple(items_), i


def encode_ctl_format_ctl_commands(r: etsi.CtlFormatCtlCommands) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        items_.append(encode_ctl_command(item_))
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_ctl_format(o: bytes, i: int) -> tuple[etsi.CtlFormat, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    i += 1
    if o[i] == 1 and o[i + 1] < 128:
        version = o[i + 1]
        i += 2
    else:
        version, i = signed(o, i)
    next_update = u32(o, i)[0]
    if o[i + 4] not in (0, 255):
        raise Breach("a BOOLEAN that is neither 00 nor ff", i + 4)
    is_full_ctl = o[i + 4] == 255
    ctl_sequence = o[i + 5]
    ctl_commands, i = decode_ctl_format_ctl_commands(o, i + 6)
    return new(etsi.CtlFormat, (version, next_update, is_full_ctl, ctl_sequence, ctl_commands)), i


def encode_ctl_format(r: etsi.CtlFormat) -> bytes:
    version, next_update, is_full_ctl, ctl_sequence, ctl_commands = r
    c_version = signed_octets(version)
    c_next_update = next_update.to_bytes(4, "big")
    if is_full_ctl is not True and is_full_ctl is not False:
        raise Breach("must be True or False")
    c_is_full_ctl = (b"\xff" if is_full_ctl else b"\x00")
    c_ctl_sequence = ctl_sequence.to_bytes(1, "big")
    c_ctl_commands = encode_ctl_format_ctl_commands(ctl_commands)
    return b"".join((b"\x00", c_version, c_next_update, c_is_full_ctl, c_ctl_sequence, c_ctl_commands))


def decode_ctl_command(o: bytes, i: int) -> tuple[etsi.CtlCommand, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "add"
        value_, i = decode_ctl_entry(o, i + 1)
        return new(etsi.CtlCommand, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "delete"
        value_, i = decode_ctl_delete(o, i + 1)
        return new(etsi.CtlCommand, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_ctl_command(r: etsi.CtlCommand) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "add":
        return b"\x80" + encode_ctl_entry(value_)
    if kind_ == "delete":
        return b"\x81" + encode_ctl_delete(value_)
    raise Breach("kind must be one of the choice")


def decode_ctl_entry(o: bytes, i: int) -> tuple[etsi.CtlEntry, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "rca"
        value_, i = decode_root_ca_entry(o, i + 1)
        return new(etsi.CtlEntry, (kind_, value_)), i
    if tag_ == 0x81:
        kind_ = "ea"
        value_, i = decode_ea_entry(o, i + 1)
        return new(etsi.CtlEntry, (kind_, value_)), i
    if tag_ == 0x82:
        kind_ = "aa"
        value_, i = decode_aa_entry(o, i + 1)
        return new(etsi.CtlEntry, (kind_, value_)), i
    if tag_ == 0x83:
        kind_ = "dc"
        value_, i = decode_dc_entry(o, i + 1)
        return new(etsi.CtlEntry, (kind_, value_)), i
    if tag_ == 0x84:
        kind_ = "tlm"
        value_, i = decode_tlm_entry(o, i + 1)
        return new(etsi.CtlEntry, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_ctl_entry(r: etsi.CtlEntry) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "rca":
        return b"\x80" + encode_root_ca_entry(value_)
    if kind_ == "ea":
        return b"\x81" + encode_ea_entry(value_)
    if kind_ == "aa":
        return b"\x82" + encode_aa_entry(value_)
    if kind_ == "dc":
        return b"\x83" + encode_dc_entry(value_)
    if kind_ == "tlm":
        return b"\x84" + encode_tlm_entry(value_)
    raise Breach("kind must be one of the choice")


def decode_ctl_delete(o: bytes, i: int) -> tuple[etsi.CtlDelete, int]:
    value_: Any
    tag_ = o[i]
    if tag_ == 0x80:
        kind_ = "cert"
        value_ = o[i + 1 : i + 9]
        return new(etsi.CtlDelete, (kind_, value_)), i + 9
    if tag_ == 0x81:
        kind_ = "dc"
        n_ = o[i + 1]
        i += 2
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        value_ = o[i : i + n_].decode("ascii")
        i += n_
        return new(etsi.CtlDelete, (kind_, value_)), i
    raise Breach(f"tag {tag_:#04x} is not in the choice", i)


def encode_ctl_delete(r: etsi.CtlDelete) -> bytes:
    value_: Any
    kind_, value_ = r
    if kind_ == "cert":
        if len(value_) != 8:
            raise Breach("must have 8 octets")
        return b"\x80" + value_
    if kind_ == "dc":
        return b"\x81" + prefixed(value_.encode("ascii"))
    raise Breach("kind must be one of the choice")


def decode_tlm_entry(o: bytes, i: int) -> tuple[etsi.TlmEntry, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    self_signed_tlm_certificate, i = _codec_dot2.decode_certificate_base(o, i + 1)
    if p_ & 0x80:
        successor_to, i = _codec_dot2.decode_certificate_base(o, i)
    else:
        successor_to = None
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    access_point = o[i : i + n_].decode("ascii")
    i += n_
    return new(etsi.TlmEntry, (self_signed_tlm_certificate, access_point, successor_to)), i


def encode_tlm_entry(r: etsi.TlmEntry) -> bytes:
    self_signed_tlm_certificate, access_point, successor_to = r
    p_ = 0
    c_self_signed_tlm_certificate = _codec_dot2.encode_certificate_base(self_signed_tlm_certificate)
    if successor_to is None:
        c_successor_to = b""
    else:
        p_ |= 0x80
        c_successor_to = _codec_dot2.encode_certificate_base(successor_to)
    c_access_point = prefixed(access_point.encode("ascii"))
    return b"".join((OCTET[p_], c_self_signed_tlm_certificate, c_successor_to, c_access_point))


def decode_root_ca_entry(o: bytes, i: int) -> tuple[etsi.RootCaEntry, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    selfsigned_root_ca, i = _codec_dot2.decode_certificate_base(o, i + 1)
    if p_ & 0x80:
        successor_to, i = _codec_dot2.decode_certificate_base(o, i)
    else:
        successor_to = None
    return new(etsi.RootCaEntry, (selfsigned_root_ca, successor_to)), i


def encode_root_ca_entry(r: etsi.RootCaEntry) -> bytes:
    selfsigned_root_ca, successor_to = r
    p_ = 0
    c_selfsigned_root_ca = _codec_dot2.encode_certificate_base(selfsigned_root_ca)
    if successor_to is None:
        c_successor_to = b""
    else:
        p_ |= 0x80
        c_successor_to = _codec_dot2.encode_certificate_base(successor_to)
    return b"".join((OCTET[p_], c_selfsigned_root_ca, c_successor_to))


def decode_ea_entry(o: bytes, i: int) -> tuple[etsi.EaEntry, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    ea_certificate, i = _codec_dot2.decode_certificate_base(o, i + 1)
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    aa_access_point = o[i : i + n_].decode("ascii")
    i += n_
    if p_ & 0x80:
        n_ = o[i]
        i += 1
        if n_ > 127:
            n_, i = long_length(o, i, n_)
        its_access_point = o[i : i + n_].decode("ascii")
        i += n_
    else:
        its_access_point = None
    return new(etsi.EaEntry, (ea_certificate, aa_access_point, its_access_point)), i


def encode_ea_entry(r: etsi.EaEntry) -> bytes:
    ea_certificate, aa_access_point, its_access_point = r
    p_ = 0
    c_ea_certificate = _codec_dot2.encode_certificate_base(ea_certificate)
    c_aa_access_point = prefixed(aa_access_point.encode("ascii"))
    if its_access_point is None:
        c_its_access_point = b""
    else:
        p_ |= 0x80
        c_its_access_point = prefixed(its_access_point.encode("ascii"))
    return b"".join((OCTET[p_], c_ea_certificate, c_aa_access_point, c_its_access_point))


def decode_aa_entry(o: bytes, i: int) -> tuple[etsi.AaEntry, int]:
    aa_certificate, i = _codec_dot2.decode_certificate_base(o, i)
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    access_point = o[i : i + n_].decode("ascii")
    i += n_
    return new(etsi.AaEntry, (aa_certificate, access_point)), i


def encode_aa_entry(r: etsi.AaEntry) -> bytes:
    aa_certificate, access_point = r
    c_aa_certificate = _codec_dot2.encode_certificate_base(aa_certificate)
    c_access_point = prefixed(access_point.encode("ascii"))
    return b"".join((c_aa_certificate, c_access_point))


def decode_dc_entry_cert(o: bytes, i: int) -> tuple[etsi.DcEntryCert, int]:
    if o[i] == 1:
        count_ = o[i + 1]
        i += 2
    else:
        count_, i = unsigned(o, i)
    if count_ * 8 > len(o) - i:
        raise Breach(f"a list of {count_} elements in the {max(len(o) - i, 0)} octets left", i)
    items_ = []
    for _ in range(count_):
        item_ = o[i : i + 8]
        i += 8
        items_.append(item_)
    return tuple(items_), i


def encode_dc_entry_cert(r: etsi.DcEntryCert) -> bytes:
    items_: list[bytes] = []
    for item_ in r:
        if len(item_) != 8:
            raise Breach("must have 8 octets")
        items_.append(item_)
    return unsigned_octets(len(items_)) + b"".join(items_)


def decode_dc_entry(o: bytes, i: int) -> tuple[etsi.DcEntry, int]:
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    url = o[i : i + n_].decode("ascii")
    i += n_
    cert, i = decode_dc_entry_cert(o, i)
    return new(etsi.DcEntry, (url, cert)), i


def encode_dc_entry(r: etsi.DcEntry) -> bytes:
    url, cert = r
    c_url = prefixed(url.encode("ascii"))
    c_cert = encode_dc_entry_cert(cert)
    return b"".join((c_url, c_cert))


def decode_url(o: bytes, i: int) -> tuple[etsi.Url, int]:
    n_ = o[i]
    i += 1
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    value_ = o[i : i + n_].decode("ascii")
    i += n_
    return value_, i


def encode_url(r: etsi.Url) -> bytes:
    return prefixed(r.encode("ascii"))


def decode_authorization_response_code(o: bytes, i: int) -> tuple[etsi.AuthorizationResponseCode, int]:
    code_ = o[i]
    if code_ >= 27:
        raise Breach(f"{code_} is not in the enumeration of AuthorizationResponseCode", i)
    value_ = _AUTHORIZATION_RESPONSE_CODE[code_]
    return value_, i + 1


def encode_authorization_response_code(r: etsi.AuthorizationResponseCode) -> bytes:
    return _AUTHORIZATION_RESPONSE_CODE_CODE[r]


def decode_inner_at_request(o: bytes, i: int) -> tuple[etsi.InnerAtRequest, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    public_keys, i = decode_public_keys(o, i + 1)
    hmac_key = o[i : i + 32]
    shared_at_request, i = decode_shared_at_request(o, i + 32)
    ec_signature, i = decode_ec_signature(o, i)
    return new(etsi.InnerAtRequest, (public_keys, hmac_key, shared_at_request, ec_signature)), i


def encode_inner_at_request(r: etsi.InnerAtRequest) -> bytes:
    public_keys, hmac_key, shared_at_request, ec_signature = r
    c_public_keys = encode_public_keys(public_keys)
    if len(hmac_key) != 32:
        raise Breach("must have 32 octets")
    c_hmac_key = hmac_key
    c_shared_at_request = encode_shared_at_request(shared_at_request)
    c_ec_signature = encode_ec_signature(ec_signature)
    return b"".join((b"\x00", c_public_keys, c_hmac_key, c_shared_at_request, c_ec_signature))


def decode_shared_at_request(o: bytes, i: int) -> tuple[etsi.SharedAtRequest, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    ea_id = o[i + 1 : i + 9]
    key_tag = o[i + 9 : i + 25]
    certificate_format_ = o[i + 25]
    if certificate_format_ < 1:
        raise Breach(f"{certificate_format_} is not in 1..255", i + 25)
    certificate_format = certificate_format_
    requested_subject_attributes, i = decode_certificate_subject_attributes(o, i + 26)
    return new(etsi.SharedAtRequest, (ea_id, key_tag, certificate_format, requested_subject_attributes)), i


def encode_shared_at_request(r: etsi.SharedAtRequest) -> bytes:
    ea_id, key_tag, certificate_format, requested_subject_attributes = r
    if len(ea_id) != 8:
        raise Breach("must have 8 octets")
    c_ea_id = ea_id
    if len(key_tag) != 16:
        raise Breach("must have 16 octets")
    c_key_tag = key_tag
    if not 1 <= certificate_format <= 255:
        raise Breach("must be in 1..255")
    c_certificate_format = certificate_format.to_bytes(1, "big")
    c_requested_subject_attributes = encode_certificate_subject_attributes(requested_subject_attributes)
    return b"".join((b"\x00", c_ea_id, c_key_tag, c_certificate_format, c_requested_subject_attributes))


def decode_inner_at_response(o: bytes, i: int) -> tuple[etsi.InnerAtResponse, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    request_hash = o[i + 1 : i + 17]
    code_ = o[i + 17]
    if code_ >= 27:
        raise Breach(f"{code_} is not in the enumeration of AuthorizationResponseCode", i + 17)
    response_code = _AUTHORIZATION_RESPONSE_CODE[code_]
    i += 18
    if p_ & 0x40:
        certificate, i = _codec_dot2.decode_certificate_base(o, i)
    else:
        certificate = None
    return new(etsi.InnerAtResponse, (request_hash, response_code, certificate)), i


def encode_inner_at_response(r: etsi.InnerAtResponse) -> bytes:
    request_hash, response_code, certificate = r
    p_ = 0
    if len(request_hash) != 16:
        raise Breach("must have 16 octets")
    c_request_hash = request_hash
    c_response_code = _AUTHORIZATION_RESPONSE_CODE_CODE[response_code]
    if certificate is None:
        c_certificate = b""
    else:
        p_ |= 0x40
        c_certificate = _codec_dot2.encode_certificate_base(certificate)
    return b"".join((OCTET[p_], c_request_hash, c_response_code, c_certificate))


def decode_authorization_validation_response_code(o: bytes, i: int) -> tuple[etsi.AuthorizationValidationResponseCode, int]:
    code_ = o[i]
    if code_ >= 15:
        raise Breach(f"{code_} is not in the enumeration of AuthorizationValidationResponseCode", i)
    value_ = _AUTHORIZATION_VALIDATION_RESPONSE_CODE[code_]
    return value_, i + 1


def encode_authorization_validation_response_code(r: etsi.AuthorizationValidationResponseCode) -> bytes:
    return _AUTHORIZATION_VALIDATION_RESPONSE_CODE_CODE[r]


def decode_authorization_validation_request(o: bytes, i: int) -> tuple[etsi.AuthorizationValidationRequest, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    shared_at_request, i = decode_shared_at_request(o, i + 1)
    ec_signature, i = decode_ec_signature(o, i)
    return new(etsi.AuthorizationValidationRequest, (shared_at_request, ec_signature)), i


def encode_authorization_validation_request(r: etsi.AuthorizationValidationRequest) -> bytes:
    shared_at_request, ec_signature = r
    c_shared_at_request = encode_shared_at_request(shared_at_request)
    c_ec_signature = encode_ec_signature(ec_signature)
    return b"".join((b"\x00", c_shared_at_request, c_ec_signature))


def decode_authorization_validation_response(o: bytes, i: int) -> tuple[etsi.AuthorizationValidationResponse, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    request_hash = o[i + 1 : i + 17]
    code_ = o[i + 17]
    if code_ >= 15:
        raise Breach(f"{code_} is not in the enumeration of AuthorizationValidationResponseCode", i + 17)
    response_code = _AUTHORIZATION_VALIDATION_RESPONSE_CODE[code_]
    i += 18
    if p_ & 0x40:
        confirmed_subject_attributes, i = decode_certificate_subject_attributes(o, i)
    else:
        confirmed_subject_attributes = None
    return new(etsi.AuthorizationValidationResponse, (
        request_hash, response_code, confirmed_subject_attributes,
    )), i


def encode_authorization_validation_response(r: etsi.AuthorizationValidationResponse) -> bytes:
    request_hash, response_code, confirmed_subject_attributes = r
    p_ = 0
    if len(request_hash) != 16:
        raise Breach("must have 16 octets")
    c_request_hash = request_hash
    c_response_code = _AUTHORIZATION_VALIDATION_RESPONSE_CODE_CODE[response_code]
    if confirmed_subject_attributes is None:
        c_confirmed_subject_attributes = b""
    else:
        p_ |= 0x40
        c_confirmed_subject_attributes = encode_certificate_subject_attributes(confirmed_subject_attributes)
    return b"".join((OCTET[p_], c_request_hash, c_response_code, c_confirmed_subject_attributes))


def decode_ca_certificate_request(o: bytes, i: int) -> tuple[etsi.CaCertificateRequest, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    public_keys, i = decode_public_keys(o, i + 1)
    requested_subject_attributes, i = decode_certificate_subject_attributes(o, i)
    return new(etsi.CaCertificateRequest, (public_keys, requested_subject_attributes)), i


def encode_ca_certificate_request(r: etsi.CaCertificateRequest) -> bytes:
    public_keys, requested_subject_attributes = r
    c_public_keys = encode_public_keys(public_keys)
    c_requested_subject_attributes = encode_certificate_subject_attributes(requested_subject_attributes)
    return b"".join((b"\x00", c_public_keys, c_requested_subject_attributes))


def decode_enrolment_response_code(o: bytes, i: int) -> tuple[etsi.EnrolmentResponseCode, int]:
    code_ = o[i]
    if code_ >= 14:
        raise Breach(f"{code_} is not in the enumeration of EnrolmentResponseCode", i)
    value_ = _ENROLMENT_RESPONSE_CODE[code_]
    return value_, i + 1


def encode_enrolment_response_code(r: etsi.EnrolmentResponseCode) -> bytes:
    return _ENROLMENT_RESPONSE_CODE_CODE[r]


def decode_inner_ec_request(o: bytes, i: int) -> tuple[etsi.InnerEcRequest, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    n_ = o[i + 1]
    i += 2
    if n_ > 127:
        n_, i = long_length(o, i, n_)
    its_id = o[i : i + n_]
    i += n_
    certificate_format_ = o[i]
    if certificate_format_ < 1:
        raise Breach(f"{certificate_format_} is not in 1..255", i)
    certificate_format = certificate_format_
    public_keys, i = decode_public_keys(o, i + 1)
    requested_subject_attributes, i = decode_certificate_subject_attributes(o, i)
    return new(etsi.InnerEcRequest, (
        its_id, certificate_format, public_keys, requested_subject_attributes,
    )), i


def encode_inner_ec_request(r: etsi.InnerEcRequest) -> bytes:
    its_id, certificate_format, public_keys, requested_subject_attributes = r
    c_its_id = prefixed(its_id)
    if not 1 <= certificate_format <= 255:
        raise Breach("must be in 1..255")
    c_certificate_format = certificate_format.to_bytes(1, "big")
    c_public_keys = encode_public_keys(public_keys)
    c_requested_subject_attributes = encode_certificate_subject_attributes(requested_subject_attributes)
    return b"".join((b"\x00", c_its_id, c_certificate_format, c_public_keys, c_requested_subject_attributes))


def decode_inner_ec_response(o: bytes, i: int) -> tuple[etsi.InnerEcResponse, int]:
    p_ = o[i]
    if p_ & 0xbf:
        raise Breach("a preamble with bits that have no meaning", i)
    request_hash = o[i + 1 : i + 17]
    code_ = o[i + 17]
    if code_ >= 14:
        raise Breach(f"{code_} is not in the enumeration of EnrolmentResponseCode", i + 17)
    response_code = _ENROLMENT_RESPONSE_CODE[code_]
    i += 18
    if p_ & 0x40:
        certificate, i = _codec_dot2.decode_certificate_base(o, i)
    else:
        certificate = None
    return new(etsi.InnerEcResponse, (request_hash, response_code, certificate)), i


def encode_inner_ec_response(r: etsi.InnerEcResponse) -> bytes:
    request_hash, response_code, certificate = r
    p_ = 0
    if len(request_hash) != 16:
        raise Breach("must have 16 octets")
    c_request_hash = request_hash
    c_response_code = _ENROLMENT_RESPONSE_CODE_CODE[response_code]
    if certificate is None:
        c_certificate = b""
    else:
        p_ |= 0x40
        c_certificate = _codec_dot2.encode_certificate_base(certificate)
    return b"".join((OCTET[p_], c_request_hash, c_response_code, c_certificate))


def decode_to_be_signed_link_certificate(o: bytes, i: int) -> tuple[etsi.ToBeSignedLinkCertificate, int]:
    if o[i]:
        raise Breach("a preamble with bits that have no meaning", i)
    expiry_time = u32(o, i + 1)[0]
    certificate_hash, i = _codec_dot2.decode_hashed_data(o, i + 5)
    return new(etsi.ToBeSignedLinkCertificate, (expiry_time, certificate_hash)), i


def encode_to_be_signed_link_certificate(r: etsi.ToBeSignedLinkCertificate) -> bytes:
    expiry_time, certificate_hash = r
    c_expiry_time = expiry_time.to_bytes(4, "big")
    c_certificate_hash = _codec_dot2.encode_hashed_data(certificate_hash)
    return b"".join((b"\x00", c_expiry_time, c_certificate_hash))


def decode_extension_module_version(o: bytes, i: int) -> tuple[etsi.ExtensionModuleVersion, int]:
    value_ = o[i]
    if value_ != 2:
        raise Breach(f"{value_} is not 2", i)
    return value_, i + 1


def encode_extension_module_version(r: etsi.ExtensionModuleVersion) -> bytes:
    if r != 2:
        raise Breach("must be 2")
    return b"\x02"


def decode_etsi_ts102941_crl_request(o: bytes, i: int) -> tuple[etsi.EtsiTs102941CrlRequest, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    issuer_id = o[i + 1 : i + 9]
    i += 9
    if p_ & 0x80:
        last_known_update = u32(o, i)[0]
        i += 4
    else:
        last_known_update = None
    return new(etsi.EtsiTs102941CrlRequest, (issuer_id, last_known_update)), i


def encode_etsi_ts102941_crl_request(r: etsi.EtsiTs102941CrlRequest) -> bytes:
    issuer_id, last_known_update = r
    p_ = 0
    if len(issuer_id) != 8:
        raise Breach("must have 8 octets")
    c_issuer_id = issuer_id
    if last_known_update is None:
        c_last_known_update = b""
    else:
        p_ |= 0x80
        c_last_known_update = last_known_update.to_bytes(4, "big")
    return b"".join((OCTET[p_], c_issuer_id, c_last_known_update))


def decode_etsi_ts102941_ctl_request(o: bytes, i: int) -> tuple[etsi.EtsiTs102941CtlRequest, int]:
    p_ = o[i]
    if p_ & 0x7f:
        raise Breach("a preamble with bits that have no meaning", i)
    issuer_id = o[i + 1 : i + 9]
    i += 9
    if p_ & 0x80:
        last_known_ctl_sequence = o[i]
        i += 1
    else:
        last_known_ctl_sequence = None
    return new(etsi.EtsiTs102941CtlRequest, (issuer_id, last_known_ctl_sequence)), i


def encode_etsi_ts102941_ctl_request(r: etsi.EtsiTs102941CtlRequest) -> bytes:
    issuer_id, last_known_ctl_sequence = r
    p_ = 0
    if len(issuer_id) != 8:
        raise Breach("must have 8 octets")
    c_issuer_id = issuer_id
    if last_known_ctl_sequence is None:
        c_last_known_ctl_sequence = b""
    else:
        p_ |= 0x80
        c_last_known_ctl_sequence = last_known_ctl_sequence.to_bytes(1, "big")
    return b"".join((OCTET[p_], c_issuer_id, c_last_known_ctl_sequence))


def decode_etsi_ts102941_full_ctl_request(o: bytes, i: int) -> tuple[etsi.EtsiTs102941FullCtlRequest, int]:
    p_ = o[i]
    if p_ & 0x3f:
        raise Breach("a preamble with bits that have no meaning", i)
    issuer_id = o[i + 1 : i + 9]
    i += 9
    if p_ & 0x80:
        last_known_ctl_sequence = o[i]
        i += 1
    else:
        last_known_ctl_sequence = None
    if p_ & 0x40:
        segment_number = o[i]
        i += 1
    else:
        segment_number = None
    return new(etsi.EtsiTs102941FullCtlRequest, (issuer_id, last_known_ctl_sequence, segment_number)), i


def encode_etsi_ts102941_full_ctl_request(r: etsi.EtsiTs102941FullCtlRequest) -> bytes:
    issuer_id, last_known_ctl_sequence, segment_number = r
    p_ = 0
    if len(issuer_id) != 8:
        raise Breach("must have 8 octets")
    c_issuer_id = issuer_id
    if last_known_ctl_sequence is None:
        c_last_known_ctl_sequence = b""
    else:
        p_ |= 0x80
        c_last_known_ctl_sequence = last_known_ctl_sequence.to_bytes(1, "big")
    if segment_number is None:
        c_segment_number = b""
    else:
        p_ |= 0x40
        c_segment_number = segment_number.to_bytes(1, "big")
    return b"".join((OCTET[p_], c_issuer_id, c_last_known_ctl_sequence, c_segment_number))


# by record class
DECODE = {
    etsi.CertificateSubjectAttributes: decode_certificate_subject_attributes,
    etsi.EcSignature: decode_ec_signature,
    etsi.PublicKeys: decode_public_keys,
    etsi.EtsiTs102941Data: decode_etsi_ts102941_data,
    etsi.EtsiTs102941DataContent: decode_etsi_ts102941_data_content,
    etsi.ToBeSignedCrl: decode_to_be_signed_crl,
    etsi.CtlFormat: decode_ctl_format,
    etsi.CtlCommand: decode_ctl_command,
    etsi.CtlEntry: decode_ctl_entry,
    etsi.CtlDelete: decode_ctl_delete,
    etsi.TlmEntry: decode_tlm_entry,
    etsi.RootCaEntry: decode_root_ca_entry,
    etsi.EaEntry: decode_ea_entry,
    etsi.AaEntry: decode_aa_entry,
    etsi.DcEntry: decode_dc_entry,
    etsi.InnerAtRequest: decode_inner_at_request,
    etsi.SharedAtRequest: decode_shared_at_request,
    etsi.InnerAtResponse: decode_inner_at_response,
    etsi.AuthorizationValidationRequest: decode_authorization_validation_request,
    etsi.AuthorizationValidationResponse: decode_authorization_validation_response,
    etsi.CaCertificateRequest: decode_ca_certificate_request,
    etsi.InnerEcRequest: decode_inner_ec_request,
    etsi.InnerEcResponse: decode_inner_ec_response,
    etsi.ToBeSignedLinkCertificate: decode_to_be_signed_link_certificate,
    etsi.EtsiTs102941CrlRequest: decode_etsi_ts102941_crl_request,
    etsi.EtsiTs102941CtlRequest: decode_etsi_ts102941_ctl_request,
    etsi.EtsiTs102941FullCtlRequest: decode_etsi_ts102941_full_ctl_request,
}
ENCODE = {
    etsi.CertificateSubjectAttributes: encode_certificate_subject_attributes,
    etsi.EcSignature: encode_ec_signature,
    etsi.PublicKeys: encode_public_keys,
    etsi.EtsiTs102941Data: encode_etsi_ts102941_data,
    etsi.EtsiTs102941DataContent: encode_etsi_ts102941_data_content,
    etsi.ToBeSignedCrl: encode_to_be_signed_crl,
    etsi.CtlFormat: encode_ctl_format,
    etsi.CtlCommand: encode_ctl_command,
    etsi.CtlEntry: encode_ctl_entry,
    etsi.CtlDelete: encode_ctl_delete,
    etsi.TlmEntry: encode_tlm_entry,
    etsi.RootCaEntry: encode_root_ca_entry,
    etsi.EaEntry: encode_ea_entry,
    etsi.AaEntry: encode_aa_entry,
    etsi.DcEntry: encode_dc_entry,
    etsi.InnerAtRequest: encode_inner_at_request,
    etsi.SharedAtRequest: encode_shared_at_request,
    etsi.InnerAtResponse: encode_inner_at_response,
    etsi.AuthorizationValidationRequest: encode_authorization_validation_request,
    etsi.AuthorizationValidationResponse: encode_authorization_validation_response,
    etsi.CaCertificateRequest: encode_ca_certificate_request,
    etsi.InnerEcRequest: encode_inner_ec_request,
    etsi.InnerEcResponse: encode_inner_ec_response,
    etsi.ToBeSignedLinkCertificate: encode_to_be_signed_link_certificate,
    etsi.EtsiTs102941CrlRequest: encode_etsi_ts102941_crl_request,
    etsi.EtsiTs102941CtlRequest: encode_etsi_ts102941_ctl_request,
    etsi.EtsiTs102941FullCtlRequest: encode_etsi_ts102941_full_ctl_request,
}
# by ASN.1 name, every named type
NAMED = {
    "CertificateFormat": (decode_certificate_format, encode_certificate_format),
    "CertificateSubjectAttributes": (decode_certificate_subject_attributes, encode_certificate_subject_attributes),
    "EcSignature": (decode_ec_signature, encode_ec_signature),
    "PublicKeys": (decode_public_keys, encode_public_keys),
    "Version": (decode_version, encode_version),
    "EnrolmentRequestMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EnrolmentResponseMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "AuthorizationRequestMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "AuthorizationRequestMessageWithPop": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "AuthorizationResponseMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "CertificateRevocationListMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "TlmCertificateTrustListMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "RcaCertificateTrustListMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "AuthorizationValidationRequestMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "AuthorizationValidationResponseMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "CaCertificateRequestMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "CaCertificateRekeyingMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "TlmLinkCertificateMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "RcaSingleSignedLinkCertificateMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "RcaDoubleSignedLinkCertificateMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "ButterflyAuthorizationRequestMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "X509SignedButterflyAuthorizationRequestMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "ButterflyAuthorizationResponseMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "ButterflyAtDownloadRequestMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "ButterflyCertRequestMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "ButterflyCertResponseMessage": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EtsiTs102941Data": (decode_etsi_ts102941_data, encode_etsi_ts102941_data),
    "EtsiTs102941DataContent": (decode_etsi_ts102941_data_content, encode_etsi_ts102941_data_content),
    "ToBeSignedCrl": (decode_to_be_signed_crl, encode_to_be_signed_crl),
    "CrlEntry": (_codec_dot2.decode_hashed_id8, _codec_dot2.encode_hashed_id8),
    "ToBeSignedTlmCtl": (decode_ctl_format, encode_ctl_format),
    "ToBeSignedRcaCtl": (decode_ctl_format, encode_ctl_format),
    "FullCtl": (decode_ctl_format, encode_ctl_format),
    "DeltaCtl": (decode_ctl_format, encode_ctl_format),
    "CtlFormat": (decode_ctl_format, encode_ctl_format),
    "CtlCommand": (decode_ctl_command, encode_ctl_command),
    "CtlEntry": (decode_ctl_entry, encode_ctl_entry),
    "CtlDelete": (decode_ctl_delete, encode_ctl_delete),
    "TlmEntry": (decode_tlm_entry, encode_tlm_entry),
    "RootCaEntry": (decode_root_ca_entry, encode_root_ca_entry),
    "EaEntry": (decode_ea_entry, encode_ea_entry),
    "AaEntry": (decode_aa_entry, encode_aa_entry),
    "DcEntry": (decode_dc_entry, encode_dc_entry),
    "DcDelete": (decode_url, encode_url),
    "Url": (decode_url, encode_url),
    "AuthorizationResponseCode": (decode_authorization_response_code, encode_authorization_response_code),
    "InnerAtRequest": (decode_inner_at_request, encode_inner_at_request),
    "SharedAtRequest": (decode_shared_at_request, encode_shared_at_request),
    "InnerAtResponse": (decode_inner_at_response, encode_inner_at_response),
    "EtsiTs102941ButterflyAuthorizationRequest-X509Signed": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "AuthorizationValidationResponseCode": (decode_authorization_validation_response_code, encode_authorization_validation_response_code),
    "AuthorizationValidationRequest": (decode_authorization_validation_request, encode_authorization_validation_request),
    "AuthorizationValidationResponse": (decode_authorization_validation_response, encode_authorization_validation_response),
    "CaCertificateRequest": (decode_ca_certificate_request, encode_ca_certificate_request),
    "EnrolmentResponseCode": (decode_enrolment_response_code, encode_enrolment_response_code),
    "InnerEcRequestSignedForPop": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "InnerEcRequest": (decode_inner_ec_request, encode_inner_ec_request),
    "InnerEcResponse": (decode_inner_ec_response, encode_inner_ec_response),
    "ToBeSignedLinkCertificate": (decode_to_be_signed_link_certificate, encode_to_be_signed_link_certificate),
    "ToBeSignedLinkCertificateTlm": (decode_to_be_signed_link_certificate, encode_to_be_signed_link_certificate),
    "ToBeSignedLinkCertificateRca": (decode_to_be_signed_link_certificate, encode_to_be_signed_link_certificate),
    "ExtensionModuleVersion": (decode_extension_module_version, encode_extension_module_version),
    "EtsiOriginatingHeaderInfoExtension": (_codec_dot2.decode_extension, _codec_dot2.encode_extension),
    "EtsiTs102941CrlRequest": (decode_etsi_ts102941_crl_request, encode_etsi_ts102941_crl_request),
    "EtsiTs102941CtlRequest": (decode_etsi_ts102941_ctl_request, encode_etsi_ts102941_ctl_request),
    "EtsiTs102941FullCtlRequest": (decode_etsi_ts102941_full_ctl_request, encode_etsi_ts102941_full_ctl_request),
    "EtsiTs102941DeltaCtlRequest": (decode_etsi_ts102941_ctl_request, encode_etsi_ts102941_ctl_request),
    "EtsiTs103097Certificate": (_codec_dot2.decode_certificate_base, _codec_dot2.encode_certificate_base),
    "EtsiTs103097Data": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EtsiTs103097Data-Unsecured": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EtsiTs103097Data-Signed": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EtsiTs103097Data-SignedExternalPayload": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EtsiTs103097Data-Encrypted": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EtsiTs103097Data-SignedAndEncrypted": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EtsiTs103097Data-Encrypted-Unicast": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
    "EtsiTs103097Data-SignedAndEncrypted-Unicast": (_codec_dot2.decode_ieee1609_dot2_data, _codec_dot2.encode_ieee1609_dot2_data),
}
