"""Registration of a vehicle with the Director, and its TLS client certificate.

    register(directory, director, its_aid, station.sign_by_ec, now)
    renew(directory, director, now)                     by the certificate in force
    octets = oem_request(directory)                     for the OEM's interface instead, and what it answers:
    take_certificate(directory, pem, now)

The key of the certificate is fresh each time, and is kept in one file with the certificate: a crash leaves
the old pair or the new one.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from v2xpki.errors import DecodeError
from v2xpki.station.errors import BadAnswer, BadState, Refusal, Unreachable
from v2xpki.station.http import REQUEST, Reply
from v2xpki.station.ota.fetching import Fetcher
from v2xpki.station.ota.primary import API, JSON, detail_of
from v2xpki.station.ota.state import OtaDirectory
from v2xpki.time import iso_from_time32, time32_from_unix, unix_from_time32
from v2xpki.trust.ota.canonical import as_json, canonical, read_object
from v2xpki.trust.ota.registration import EcuEntry, Registration

#: ITS-AID and payload in, COER of the message that the enrolment credential signed out.
SignByEc = Callable[[int, bytes], bytes]
_ANSWER_OCTETS = 64 * 1024


class Identity(NamedTuple):
    """A TLS client certificate. Times are TAI seconds."""

    subject: str
    start: int
    end: int


def register(
    directory: OtaDirectory, director: Fetcher, its_aid: int, sign_by_ec: SignByEc, now: int
) -> Identity:
    """Register the vehicle and its ECUs by the enrolment credential; the certificate is kept.

    now: TAI seconds. Raises UpdateRefused (no answer, or plain http), Refusal (an HTTP status that is no),
    BadAnswer, and what sign_by_ec raises.
    """
    settings, key = directory.settings(), ec.generate_private_key(ec.SECP256R1())
    csr, ecus = _csr(key, settings.vin), entries(directory)
    payload = Registration(_challenge(director), settings.vin, settings.model, csr, ecus).octets()
    reply = director.post(f"{API}/registrations", sign_by_ec(its_aid, payload), REQUEST)
    answer = _answer(reply, "registration")
    return _keep(directory, key, str(answer.get("certificate")).encode(), now)


def oem_request(directory: OtaDirectory) -> bytes:
    """JSON for the OEM's interface, which registers vehicles whose enrolment credential may not say so
    itself. The key is kept until `take_certificate`. Raises BadState."""
    settings, key = directory.settings(), ec.generate_private_key(ec.SECP256R1())
    directory.save_pending_key(_private(key))
    table = {
        "vin": settings.vin,
        "model": settings.model,
        "ecus": [one.document() for one in entries(directory)],
        "csr": _csr(key, settings.vin),
    }
    return json.dumps(table, indent=2).encode() + b"\n"


def take_certificate(directory: OtaDirectory, pem: bytes, now: int) -> Identity:
    """The certificate that came for the last `oem_request`. Raises BadState without one, BadAnswer."""
    pending = directory.read_pending_key()
    if pending is None:
        raise BadState("no request is waiting for a certificate")
    try:
        key = load_pem_private_key(pending, None)
    except ValueError:
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadState("the key that waits for a certificate is damaged")
    made = _keep(directory, key, pem, now)
    directory.drop_pending_key()
    return made


def renew(directory: OtaDirectory, director: Fetcher, now: int) -> Identity:
    """The next client certificate, by the one in force, which `director` shows. Raises as register."""
    key = ec.generate_private_key(ec.SECP256R1())
    body = as_json(canonical({"csr": _csr(key, directory.settings().vin)}))
    answer = _answer(director.post(f"{API}/certificates", body, JSON), "certificate")
    return _keep(directory, key, str(answer.get("certificate")).encode(), now)


def identity(directory: OtaDirectory) -> Identity | None:
    """The client certificate that is kept; None for a vehicle that is not registered. Raises BadState."""
    pem = directory.read_identity()
    if pem is None:
        return None
    try:
        return _facts(x509.load_pem_x509_certificates(pem)[0])
    except ValueError as error:
        raise BadState(f"{directory.identity}: {error}") from error


def _challenge(director: Fetcher) -> str:
    octets = director.get(f"{API}/challenge", _ANSWER_OCTETS)
    if octets is None:
        raise Unreachable("the Director has no challenge for a registration", status=404)
    try:
        challenge = read_object(octets, "challenge", limit=_ANSWER_OCTETS).get("challenge")
    except DecodeError as error:
        raise BadAnswer(str(error), rule="content") from error
    if not isinstance(challenge, str):
        raise BadAnswer("the challenge is no text", rule="content")
    return challenge


def entries(directory: OtaDirectory) -> tuple[EcuEntry, ...]:
    """The vehicle's ECUs as a registration has them. Raises BadState."""
    return tuple(
        EcuEntry(one.ecu, one.hardware_id, one.primary, directory.ecu(one.ecu).key.public_key)
        for one in directory.settings().ecus
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _csr(key: ec.EllipticCurvePrivateKey, vin: str) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, vin)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


def _answer(reply: Reply, what: str) -> dict[str, object]:
    if reply.status not in (200, 201):
        raise Refusal(
            f"the Director refuses the {what}: HTTP {reply.status} {detail_of(reply.body)}",
            status=reply.status,
        )
    try:
        return read_object(reply.body, what, limit=_ANSWER_OCTETS)
    except DecodeError as error:
        raise BadAnswer(str(error), rule="content") from error


def _keep(directory: OtaDirectory, key: ec.EllipticCurvePrivateKey, pem: bytes, now: int) -> Identity:
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BadAnswer("the answer has no PEM certificate", rule="content") from error
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if chain[0].public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise BadAnswer("the certificate is of another key than the one sent", rule="key")
    at = datetime.fromtimestamp(unix_from_time32(now), UTC)
    if chain[0].not_valid_after_utc <= at:
        raise BadAnswer(f"the certificate has ended by {iso_from_time32(now)}", rule="validity")
    directory.save_identity(_private(key) + b"".join(one.public_bytes(Encoding.PEM) for one in chain))
    return _facts(chain[0])


def _facts(certificate: x509.Certificate) -> Identity:
    return Identity(
        certificate.subject.rfc4514_string(),
        time32_from_unix(certificate.not_valid_before_utc.timestamp()),
        time32_from_unix(certificate.not_valid_after_utc.timestamp()),
    )
