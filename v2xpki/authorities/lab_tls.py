"""A TLS CA for laboratories: one CA, the server's certificate, the operator's client certificate.

X.509 has no part in the V2X trust models; it serves the https and admin listeners alone. Whoever has
a CA of their own names its files in `[tls]` of v2xpki.toml instead. The CA's key is dropped once both
certificates are signed, so nobody can make more operators from what lies in the instance.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from v2xpki.time import Clock, unix_from_time32

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_VALIDITY = timedelta(days=825)  # the longest that common clients take for a server


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM octets, by the names they have in DIR/tls."""

    ca_pem: bytes
    server_pem: bytes
    server_key: bytes
    operator_pem: bytes
    operator_key: bytes
    #: Of further operators: name -> certificate and key.
    others: Mapping[str, tuple[bytes, bytes]]

    def by_name(self) -> dict[str, bytes]:
        others = {
            f"{name}.{kind}": octets
            for name, pair in self.others.items()
            for kind, octets in zip(("pem", "key"), pair, strict=True)
        }
        return others | {
            "ca.pem": self.ca_pem,
            "server.pem": self.server_pem,
            "server.key": self.server_key,
            "operator.pem": self.operator_pem,
            "operator.key": self.operator_key,
        }


def make_lab_tls(
    hosts: Iterable[str], clock: Clock, *, operator: str = "operator", others: Iterable[str] = ()
) -> TlsFiles:
    """Keys and certificates for a server that answers to `hosts` and the local names, and for operators."""
    # An hour back: a client whose clock is a little behind would refuse a certificate of this second.
    start = datetime.fromtimestamp(unix_from_time32(clock.time32()), UTC) - timedelta(hours=1)
    ca_key, server_key, operator_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    ca_name = _name("v2xpki laboratory TLS CA")
    ca = _ca(ca_name, ca_key, start)
    server = (
        _leaf(ca, _name("v2xpki server"), server_key.public_key(), start, [ExtendedKeyUsageOID.SERVER_AUTH])
        .add_extension(x509.SubjectAlternativeName(_alternative_names(hosts)), critical=False)
        .sign(ca_key, hashes.SHA256())
    )

    def client(name: str, key: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
        leaf = _leaf(ca, _name(name), key.public_key(), start, [ExtendedKeyUsageOID.CLIENT_AUTH])
        return _pem(leaf.sign(ca_key, hashes.SHA256())), _key_pem(key)

    more = {name: client(name, ec.generate_private_key(ec.SECP256R1())) for name in others}
    return TlsFiles(
        _pem(ca), _pem(server), _key_pem(server_key), *client(operator, operator_key), others=more
    )


def make_internal_tls(names: Iterable[str], clock: Clock) -> tuple[bytes, dict[str, tuple[bytes, bytes]]]:
    """A CA, and under it a certificate with its key for each name, which is its CN: PEM octets.

    They are for servers and clients alike, since components of an SCMS speak both ways. Each answers to the
    local names and its own: who is at the other end is said by the CN.
    """
    start = datetime.fromtimestamp(unix_from_time32(clock.time32()), UTC) - timedelta(hours=1)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _ca(_name("v2xpki internal TLS CA"), ca_key, start)
    made = {}
    for name in names:
        key = ec.generate_private_key(ec.SECP256R1())
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        leaf = (
            _leaf(ca, _name(name), key.public_key(), start, both)
            .add_extension(x509.SubjectAlternativeName(_alternative_names([name])), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        made[name] = _pem(leaf), _key_pem(key)
    return _pem(ca), made


def _ca(name: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime) -> x509.Certificate:
    return (
        _builder(name, name, key.public_key(), start)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _leaf(
    ca: x509.Certificate,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    start: datetime,
    purposes: list[x509.ObjectIdentifier],
) -> x509.CertificateBuilder:
    ca_id = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _builder(subject, ca.subject, key, start)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys((*LOCAL_NAMES, *hosts)):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
