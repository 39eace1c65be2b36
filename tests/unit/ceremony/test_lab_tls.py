"""The laboratory's TLS: what a client checks."""

import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from v2xpki.authorities.lab_tls import make_lab_tls


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind).value


def test_the_server_answers_to_local_names_and_its_own(fixed_clock):
    files = make_lab_tls(["pki.example", "192.0.2.7", "localhost"], fixed_clock)
    names = extension(x509.load_pem_x509_certificate(files.server_pem), x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "pki.example"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address(text) for text in ("127.0.0.1", "::1", "192.0.2.7")
    ]


def test_both_certificates_are_the_cas_and_for_one_purpose_each(fixed_clock):
    files = make_lab_tls([], fixed_clock)
    ca = x509.load_pem_x509_certificate(files.ca_pem)
    for pem, key, purpose in (
        (files.server_pem, files.server_key, ExtendedKeyUsageOID.SERVER_AUTH),
        (files.operator_pem, files.operator_key, ExtendedKeyUsageOID.CLIENT_AUTH),
    ):
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(ca)
        assert list(extension(certificate, x509.ExtendedKeyUsage)) == [purpose]
        assert not extension(certificate, x509.BasicConstraints).ca
        assert certificate.public_key() == serialization.load_pem_private_key(key, None).public_key()


def test_the_cas_key_is_kept_nowhere(fixed_clock):
    files = make_lab_tls([], fixed_clock)
    ca = x509.load_pem_x509_certificate(files.ca_pem).public_key()
    keys = [
        octets for name, octets in files.by_name().items() if name.endswith(".key") or b"PRIVATE" in octets
    ]
    assert len(keys) == 2
    assert all(serialization.load_pem_private_key(key, None).public_key() != ca for key in keys)
