"""Certificates, messages and lists as plain values (dict, list, str, int, bytes) for showing.

Octets stay bytes: who prints them as JSON writes lower-case hex. Times become ISO 8601 UTC.
"""

from typing import Any

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidLink
from v2xpki.secured import SignedMessage
from v2xpki.time import MICROSECONDS, iso_from_time32
from v2xpki.trust import regions
from v2xpki.trust.links import SignedLink, is_link
from v2xpki.trust.lint import detect_kind
from v2xpki.trust.lists import AaEntry, DcEntry, EaEntry, RcaEntry, SignedList, TlmEntry
from v2xpki.trust.profiles import CTL_PSID
from v2xpki.trust.scms_detect import detect_scms_kind
from v2xpki.trust.scms_profiles import SECURITY_MGMT, role_of
from v2xpki.wire import dot2, etsi, scms

Described = dict[str, Any]
_EE_TYPES = ((0x80, "app"), (0x40, "enrol"))


def describe_certificate(certificate: Certificate, octets: bytes | None = None) -> Described:
    """A certificate; octets: the form it was received in, which `coer` and `canonical` are about."""
    record, received = certificate.record, certificate.octets if octets is None else octets
    tbs, indicator = record.to_be_signed, record.to_be_signed.verify_key_indicator
    described: Described = {
        "hashedId8": certificate.hashed_id8,
        "version": record.version,
        "type": record.type,
        "kind": detect_scms_kind(record) or detect_kind(record),
        "issuer": {"kind": record.issuer.kind, "value": record.issuer.value},
        "id": {"kind": tbs.id.kind, "value": _id_value(tbs.id)},
        "cracaId": tbs.craca_id,
        "crlSeries": tbs.crl_series,
        "validity": {"start": iso_from_time32(certificate.start), "end": iso_from_time32(certificate.end)},
        "region": regions.describe(tbs.region),
        "assuranceLevel": tbs.assurance_level,
        "role": _role(certificate),
        "appPermissions": [_app_permission(entry) for entry in tbs.app_permissions or ()],
        "certIssuePermissions": _groups(tbs.cert_issue_permissions),
        "certRequestPermissions": _groups(tbs.cert_request_permissions),
        "encryptionKey": _encryption_key(tbs.encryption_key),
    }
    if isinstance(indicator.value, dot2.PublicVerificationKey):
        described["verifyKey"] = _verify_key(indicator.value)
    else:
        described["reconstructionValue"] = _point(indicator.value)
    described["signature"] = _signature(record.signature)
    described["canonical"] = received == certificate.octets
    described["coer"] = received
    return described


def _role(certificate: Certificate) -> Described | None:
    """What psid 35 says of a component of an SCMS."""
    role = role_of(certificate)
    return None if role is None else {"name": role.kind, **role.value._asdict()}


def describe_data(octets: bytes) -> Described:
    """An Ieee1609Dot2Data of any kind. Raises DecodeError."""
    record = wire.decode(dot2.Ieee1609Dot2Data, octets)
    described: Described = {"protocolVersion": record.protocol_version, "content": record.content.kind}
    value = record.content.value
    if isinstance(value, dot2.SignedData):
        described |= _signed(SignedMessage.of(record))
    elif isinstance(value, dot2.EncryptedData):
        described |= _encrypted(value)
    else:
        described["payload"] = value
        described["pdu"] = _scms_pdu(value) if isinstance(value, bytes) else None
    described["coer"] = octets
    return described


def describe_list(signed: SignedList) -> Described:
    """A CTL, ECTL or CRL."""
    return {
        "kind": signed.kind,
        "signer": {"kind": signed.message.signer.kind, "hashedId8": signed.signer_id8},
        "psid": signed.message.header.psid,
        "generationTime": _time64(signed.message.header.generation_time),
        "thisUpdate": iso_from_time32(signed.this_update),
        "nextUpdate": iso_from_time32(signed.next_update),
        "sequence": signed.sequence,
        "isFull": signed.is_full,
        "entries": [describe_entry(entry) for entry in signed.entries],
        "deleted": _deleted(signed),
        "revoked": sorted(signed.revoked),
        "signature": _signature(signed.message.signed.signature),
        "coer": signed.octets,
    }


def _id_value(identity: dot2.CertificateId) -> object:
    value = identity.value
    if isinstance(value, dot2.LinkageData):
        group = value.group_linkage_value
        return {
            "iCert": value.i_cert,
            "linkageValue": value.linkage_value,
            "groupLinkageValue": None if group is None else {"jValue": group.j_value, "value": group.value},
        }
    return value


def describe_permissions(held: tuple[dot2.PsidSsp, ...] | None) -> list[Described] | None:
    """appPermissions, asked for or held."""
    return None if held is None else [_app_permission(entry) for entry in held]


def describe_groups(groups: tuple[dot2.PsidGroupPermissions, ...] | None) -> list[Described] | None:
    """certIssuePermissions, likewise."""
    return _groups(groups)


def _app_permission(entry: dot2.PsidSsp) -> Described:
    if entry.ssp is None:
        return {"psid": entry.psid, "ssp": None}
    return {"psid": entry.psid, "ssp": entry.ssp.value, "sspKind": entry.ssp.kind}


def _groups(groups: tuple[dot2.PsidGroupPermissions, ...] | None) -> list[Described] | None:
    return None if groups is None else [_group(group) for group in groups]


def _group(group: dot2.PsidGroupPermissions) -> Described:
    subject = group.subject_permissions.value
    return {
        "subjectPermissions": [{"psid": entry.psid, "sspRange": _range(entry.ssp_range)} for entry in subject]
        if isinstance(subject, tuple)
        else "all",
        "minChainLength": group.min_chain_length,
        "chainLengthRange": group.chain_length_range,
        "eeType": [name for bit, name in _EE_TYPES if group.ee_type & bit],
    }


def _range(limit: dot2.SspRange | None) -> object:
    if limit is None or limit.kind == "all":
        return None if limit is None else "all"
    if isinstance(limit.value, dot2.BitmapSspRange):
        return {"value": limit.value.ssp_value, "mask": limit.value.ssp_bitmask}
    assert isinstance(limit.value, tuple)
    return {"opaque": list(limit.value)}


def _verify_key(key: dot2.PublicVerificationKey) -> Described:
    return {"curve": _curve(key.kind, "ecdsa"), "point": _point(key.value)}


def _encryption_key(key: dot2.PublicEncryptionKey | None) -> Described | None:
    if key is None:
        return None
    return {
        "curve": _curve(key.public_key.kind, "ecies"),
        "point": _point(key.public_key.value),
        "symmetric": key.supported_symm_alg,
    }


def _curve(kind: str, prefix: str) -> str:
    """eciesNistP256 -> nistP256: the name that configuration and command line use."""
    name = kind.removeprefix(prefix)
    return name[:1].lower() + name[1:]


def _point(point: dot2.EccP256CurvePoint | dot2.EccP384CurvePoint) -> bytes:
    """SEC1 octets where the form has them; else what is there."""
    value = point.value
    if isinstance(value, bytes):
        return {"compressed-y-0": b"\2", "compressed-y-1": b"\3"}.get(point.kind, b"") + value
    return b"" if value is None else b"\4" + value.x + value.y


def _signature(signature: dot2.Signature | None) -> Described | None:
    if signature is None:
        return None
    value = signature.value
    r = value.r_sig if isinstance(value, dot2.EcsigP256Signature) else _point(value.r_sig)
    return {"kind": signature.kind, "r": r, "s": value.s_sig}


def _time64(time64: int | None) -> str | None:
    if time64 is None:
        return None
    second, rest = divmod(time64, MICROSECONDS)
    return f"{iso_from_time32(second)[:-1]}.{rest:06d}Z"


def _signed(message: SignedMessage) -> Described:
    header, inside = message.header, message.signed.tbs_data.payload
    described: Described = {
        "hashId": message.hash_name,
        "psid": header.psid,
        "generationTime": _time64(header.generation_time),
        "expiryTime": _time64(header.expiry_time),
        "generationLocation": _location(header.generation_location),
        "header": sorted(name for name, value in header._asdict().items() if value is not None),
        "signer": _signer(message),
        "extDataHash": message.ext_data_hash,
        "payload": None,
    }
    if inside.data is not None:
        content = inside.data.content
        if content.kind == "unsecuredData" and isinstance(content.value, bytes):
            described["payload"] = content.value
            described["pdu"] = _pdu(header.psid, content.value)
            described["link"] = _link(header.psid, message)
        else:
            described["payload"] = {"content": content.kind}
    described["signature"] = _signature(message.signed.signature)
    return described


def _signer(message: SignedMessage) -> Described:
    if message.signer.kind != "certificate":
        return {"kind": message.signer.kind, "value": message.signer_digest}
    try:
        value = [describe_certificate(certificate) for certificate in message.signer_certificates]
    except (CryptoError, DecodeError) as error:  # shown all the same: looking is not trusting
        return {"kind": "certificate", "value": str(error)}
    return {"kind": "certificate", "value": value}


def _location(location: dot2.ThreeDLocation | None) -> Described | None:
    if location is None:
        return None
    return {
        "latitude": location.latitude / 10_000_000,
        "longitude": location.longitude / 10_000_000,
        "elevation": location.elevation,
    }


def _pdu(psid: int, payload: bytes) -> str | None:
    """Which EtsiTs102941Data, or which message of an SCMS, a PKI's message holds."""
    if psid == SECURITY_MGMT:
        return _scms_pdu(payload)
    if psid not in (622, 623, 624):
        return None
    try:
        return wire.decode(etsi.EtsiTs102941Data, payload).content.kind
    except DecodeError:
        return None


def _scms_pdu(payload: bytes) -> str | None:
    """Which message of an SCMS it is, as `ee-ra raEeCertAck`."""
    try:
        content = wire.decode(scms.ScmsPdu, payload).content
    except DecodeError:
        return None
    inner = getattr(content.value, "kind", "")
    return f"{content.kind} {inner}".strip()


def _link(psid: int, message: SignedMessage) -> Described | None:
    """What a link certificate says; of a double-signed one also what the old root signed."""
    if psid != CTL_PSID:
        return None
    octets = wire.encode(message.record)
    if not is_link(octets):
        return None
    try:
        link = SignedLink.parse(octets)
    except (InvalidLink, DecodeError, CryptoError) as error:
        return {"form": str(error)}
    hashed = link.body.certificate_hash
    return {
        "form": link.form,
        "from": link.voucher_id8,
        "to": link.successor_id8,
        "expiryTime": iso_from_time32(link.expiry_time),
        "certificateHash": {"kind": hashed.kind, "value": hashed.value},
        "signedByOld": _time64(link.generation_time * MICROSECONDS),
    }


def _encrypted(data: dot2.EncryptedData) -> Described:
    recipients = []
    for recipient in data.recipients:
        value = recipient.value
        recipients.append(
            {"kind": recipient.kind, "recipientId": value if isinstance(value, bytes) else value.recipient_id}
        )
    text = data.ciphertext.value
    return {
        "recipients": recipients,
        "ciphertext": {
            "kind": data.ciphertext.kind,
            "nonce": text.nonce,
            "octets": len(text.ccm_ciphertext),
        },
    }


def describe_entry(entry: RcaEntry | TlmEntry | EaEntry | AaEntry | DcEntry) -> Described:
    """An entry of a CTL or ECTL."""
    if isinstance(entry, DcEntry):
        return {"kind": "dc", "url": entry.url, "roots": list(entry.roots)}
    described: Described = {
        "kind": type(entry).__name__.removesuffix("Entry").lower(),
        "certificate": describe_certificate(entry.certificate),
    }
    if isinstance(entry, EaEntry):
        described |= {"aaAccessPoint": entry.aa_access_point, "itsAccessPoint": entry.its_access_point}
    elif isinstance(entry, AaEntry | TlmEntry):
        described["accessPoint"] = entry.access_point
    if isinstance(entry, RcaEntry | TlmEntry):
        successor_to = entry.successor_to
        described["successorTo"] = None if successor_to is None else successor_to.hashed_id8
    return described


def _deleted(signed: SignedList) -> list[object]:
    if not isinstance(signed.body, etsi.CtlFormat):
        return []
    return [
        command.value.value
        for command in signed.body.ctl_commands
        if isinstance(command.value, etsi.CtlDelete)
    ]
