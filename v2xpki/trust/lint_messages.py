"""Rules of signed messages: the header profiles of TS 103 097 clause 7.1 and of the PKI's own messages."""

from collections.abc import Callable
from typing import NamedTuple

from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import CryptoError, DecodeError, EncodeError
from v2xpki.secured import SignedMessage
from v2xpki.time import MICROSECONDS, iso_from_time32
from v2xpki.trust.lint_engine import Finding, Rule, rule_of, run
from v2xpki.trust.messages import CAM, DENM, header_fields, is_known_place, profile_of
from v2xpki.trust.profiles import PKI_PSIDS, SCR_PSID
from v2xpki.wire import dot2

_CURVES_384 = ("ecdsaNistP384Signature", "ecdsaBrainpoolP384r1Signature")
_SIGNED_ON = {curve.signature_kind: curve for curve in Curve}
EARLIEST = 100_000_000 * MICROSECONDS  # a Time64 before it is in seconds or milliseconds


class MessageSubject(NamedTuple):
    """What rules of messages look at; certificates: the signer's, where they are inside and readable."""

    message: SignedMessage
    certificates: tuple[Certificate, ...]
    unreadable: str | None  # why the certificates inside could not be read

    @classmethod
    def of(cls, message: SignedMessage) -> "MessageSubject":
        try:
            return cls(message, message.signer_certificates, None)
        except (CryptoError, DecodeError) as error:
            return cls(message, (), str(error))

    @property
    def header(self) -> dot2.HeaderInfo:
        return self.message.header

    @property
    def fields(self) -> frozenset[str]:
        return header_fields(self.message.header)


MESSAGE_RULES: dict[str, Rule] = {}
_Test = Callable[[MessageSubject], str | None]


def _rule(name: str, clause: str, description: str) -> Callable[[_Test], _Test]:
    return rule_of(MESSAGE_RULES, "message", name, clause, description)


def lint_message(message: SignedMessage, moment: int) -> list[Finding]:
    """What is wrong with a signed message; the certificates in it are for the caller."""
    return run(MESSAGE_RULES.values(), MessageSubject.of(message), moment)


@_rule("e_data_coer", "IEEE 1609.2 5.2.2; ITU-T X.696", "the octets are the one canonical encoding")
def _coer(_: MessageSubject) -> str | None:
    return None  # found by lint_data, as is the next: without them there is no message to look at


@_rule("e_data_signed", "TS 103 097 5.2", "the message is signed data")
def _signed(_: MessageSubject) -> str | None:
    return None


@_rule("e_data_hash", "IEEE 1609.2 5.3.1", "hashId goes with the curve of the signature")
def _hash(s: MessageSubject) -> str | None:
    kind = s.message.signed.signature.kind
    wanted = "sha384" if kind in _CURVES_384 else "sha256"
    return None if s.message.hash_name == wanted else f"{s.message.hash_name} with {kind}"


@_rule("e_data_certificate", "TS 103 097 5.2", "the signer's certificate is one that can be read")
def _readable(s: MessageSubject) -> str | None:
    return s.unreadable


@_rule("e_data_one_certificate", "TS 103 097 5.2", "signer certificate holds exactly one")
def _one(s: MessageSubject) -> str | None:
    value = s.message.signer.value
    return f"{len(value)} certificates" if isinstance(value, tuple) and len(value) != 1 else None


@_rule("e_data_generation_time", "TS 103 097 5.2", "generationTime is there")
def _generation(s: MessageSubject) -> str | None:
    return "no generationTime" if s.header.generation_time is None else None


@_rule("e_data_time_unit", "IEEE 1609.2 6.3.11", "generationTime counts microseconds since 2004")
def _unit(s: MessageSubject) -> str | None:
    time64 = s.header.generation_time
    if time64 is None or time64 >= EARLIEST:
        return None
    return f"generationTime {time64}: in 2007 at the latest; are these milliseconds?"


@_rule("e_data_p2pcd", "TS 103 097 5.2", "p2pcdLearningRequest and missingCrlIdentifier are absent")
def _p2pcd(s: MessageSubject) -> str | None:
    found = sorted(s.fields & {"p2pcd_learning_request", "missing_crl_identifier"})
    return f"{', '.join(found)} present" if found else None


@_rule("e_data_expiry", "IEEE 1609.2 6.3.9", "expiryTime is after generationTime")
def _expiry(s: MessageSubject) -> str | None:
    expiry, generated = s.header.expiry_time, s.header.generation_time
    if expiry is None or generated is None or expiry > generated:
        return None
    return f"expiryTime {expiry} is not after {generated}"


@_rule("e_data_location", "IEEE 1609.2 6.3.12", "generationLocation is a place on earth")
def _location(s: MessageSubject) -> str | None:
    location = s.header.generation_location
    return None if location is None or is_known_place(location) else "latitude or longitude is unknown"


def _extra(s: MessageSubject) -> str | None:
    extra = sorted(s.fields - profile_of(s.header.psid).allowed)
    return f"header with {', '.join(extra)}" if extra else None


@_rule("e_cam_header", "TS 103 097 7.1.1", "a CAM has generationTime and what peers ask for, nothing else")
def _cam_header(s: MessageSubject) -> str | None:
    return _extra(s) if s.header.psid == CAM else None


@_rule("e_cam_signer", "TS 103 097 7.1.1", "a CAM's signer is a digest or a certificate")
def _cam_signer(s: MessageSubject) -> str | None:
    return f"signer {s.message.signer.kind}" if s.header.psid == CAM and s.message.is_self_signed else None


@_rule("e_denm_header", "TS 103 097 7.1.2", "a DENM has generationTime and generationLocation, nothing else")
def _denm_header(s: MessageSubject) -> str | None:
    return _extra(s) if s.header.psid == DENM else None


@_rule("e_denm_location", "TS 103 097 7.1.2", "a DENM says where it was generated")
def _denm_location(s: MessageSubject) -> str | None:
    missing = s.header.psid == DENM and s.header.generation_location is None
    return "no generationLocation" if missing else None


@_rule("e_denm_signer", "TS 103 097 7.1.2", "a DENM's signer is always the certificate")
def _denm_signer(s: MessageSubject) -> str | None:
    wrong = s.header.psid == DENM and s.message.signer.kind != "certificate"
    return f"signer {s.message.signer.kind}" if wrong else None


def _is_other(s: MessageSubject) -> bool:
    return s.header.psid not in PKI_PSIDS | {CAM, DENM}


@_rule("e_other_header", "TS 103 097 7.1.3", "another message's header has the fields of the profile alone")
def _other_header(s: MessageSubject) -> str | None:
    return _extra(s) if _is_other(s) else None


@_rule("e_other_signer", "TS 103 097 7.1.3", "another message's signer is a digest or a certificate")
def _other_signer(s: MessageSubject) -> str | None:
    return "signer self" if _is_other(s) and s.message.is_self_signed else None


@_rule(
    "e_payload", "TS 103 097 7.1", "the payload is unsecured data; only other messages may hash one outside"
)
def _payload(s: MessageSubject) -> str | None:
    inside = s.message.signed.tbs_data.payload
    if inside.data is None:
        # a request's signature over what is outside is one of the PKI's forms (TS 102 941 6.2.3.3.1)
        allowed = inside.ext_data_hash is not None and s.header.psid not in (CAM, DENM)
        return None if allowed else "no payload inside"
    kind = inside.data.content.kind
    # proofs of possession are signed data inside signed data (TS 102 941 6.2.3.2.1)
    return None if kind == "unsecuredData" or s.header.psid == SCR_PSID else f"payload is {kind}"


@_rule("e_signer_psid", "IEEE 1609.2 5.2.4.3.3", "the signer's certificate holds the message's psid")
def _holds(s: MessageSubject) -> str | None:
    if not s.certificates or s.header.psid in s.certificates[0].app_permissions:
        return None
    return f"{s.certificates[0].hex8} does not hold psid {s.header.psid}"


@_rule("e_signer_validity", "IEEE 1609.2 5.2.4.2.3", "generated while the signer's certificate is valid")
def _validity(s: MessageSubject) -> str | None:
    time64 = s.header.generation_time
    if not s.certificates or time64 is None:
        return None
    signer, second = s.certificates[0], time64 // MICROSECONDS
    if signer.start <= second < signer.end:
        return None
    return f"{iso_from_time32(second)}: {signer.hex8} is valid {iso_from_time32(signer.start)} to " \
           f"{iso_from_time32(signer.end)}"  # fmt: skip


@_rule("e_data_signature", "IEEE 1609.2 5.3.1", "the certificate inside is of the key that signed")
def _signature(s: MessageSubject) -> str | None:
    if len(s.certificates) != 1 or s.certificates[0].is_implicit:
        return None
    try:
        s.message.verify(s.certificates[0].verification_key, s.certificates[0])
    except (CryptoError, DecodeError, EncodeError) as error:
        return str(error)
    return None


@_rule("e_data_signature_range", "IEEE 1609.2 6.3.29", "r and s are between 1 and the order less one")
def _range(s: MessageSubject) -> str | None:
    signature = s.message.signed.signature
    curve = _SIGNED_ON.get(signature.kind)
    if curve is None or isinstance(signature.value, dot2.EcsigP256Signature):
        return None
    r = signature.value.r_sig.value
    named = {"s": signature.value.s_sig} | ({"r": r} if isinstance(r, bytes) else {})
    wrong = [name for name, octets in named.items() if not 0 < int.from_bytes(octets, "big") < curve.order]
    return f"{' and '.join(wrong)} out of range" if wrong else None


@_rule("w_data_r_x_only", "use in the field", "r of the signature is x-only")
def _x_only(s: MessageSubject) -> str | None:
    value = s.message.signed.signature.value
    if isinstance(value, dot2.EcsigP256Signature) or value.r_sig.kind == "x-only":
        return None
    return f"r is {value.r_sig.kind}"


@_rule("e_requested_certificate", "TS 103 097 7.1.1", "requestedCertificate is a CA's, and can be read")
def _requested(s: MessageSubject) -> str | None:
    if s.header.requested_certificate is None:
        return None
    try:
        certificate = Certificate.of(s.header.requested_certificate)
    except (CryptoError, DecodeError) as error:
        return str(error)
    if certificate.record.to_be_signed.cert_issue_permissions:
        return None
    return f"{certificate.hex8} is no CA's"


@_rule("e_pki_header", "TS 102 941 6.2", "a request or answer has psid 623 and generationTime, nothing else")
def _pki_header(s: MessageSubject) -> str | None:
    if s.header.psid != SCR_PSID or s.fields == {"psid", "generation_time"}:
        return None
    return f"holds {', '.join(sorted(s.fields))}"


@_rule("e_pki_signer", "TS 102 941 6.2", "a request's or answer's signer is a digest or self")
def _pki_signer(s: MessageSubject) -> str | None:
    return (
        "signer certificate" if s.header.psid == SCR_PSID and s.message.signer.kind == "certificate" else None
    )
