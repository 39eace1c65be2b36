"""Requests of sub-CAs by octets, wrong in one place each: on crypto/ and secured/ alone."""

from typing import Any

from v2xpki import wire
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore import MemoryKey
from v2xpki.secured import etsi_header, sign
from v2xpki.trust.profiles import Profiles
from v2xpki.wire import dot2, etsi


def first_request(
    clock: Any,
    kind: str = "AA",
    *,
    name: str | None = "aa of a test",
    key: MemoryKey | None = None,
    named: MemoryKey | None = None,
    header: dot2.HeaderInfo | None = None,
    encryption: bool = True,
    psid: int = 623,
    age: int = 0,
    **attributes: Any,
) -> bytes:
    """key signs; `named` is the key that the request names, by default the same."""
    key = key or MemoryKey(Curve.NIST_P256)
    profile = Profiles.load().profile(kind)
    identity = (
        dot2.CertificateId(kind="none", value=None)
        if name is None
        else dot2.CertificateId(kind="name", value=name)
    )
    wanted = etsi.CertificateSubjectAttributes(
        id=identity,
        app_permissions=profile.app_permissions,
        cert_issue_permissions=profile.cert_issue_permissions,
    )._replace(**attributes)
    request = etsi.CaCertificateRequest(
        public_keys=etsi.PublicKeys(
            verification_key=(named or key).public_key.to_verification_key(),
            encryption_key=MemoryKey(Curve.NIST_P256).public_key.to_encryption_key() if encryption else None,
        ),
        requested_subject_attributes=wanted,
    )
    data = etsi.EtsiTs102941Data(
        version=1, content=etsi.EtsiTs102941DataContent(kind="caCertificateRequest", value=request)
    )
    header = header or etsi_header(psid, clock.time64() - age * 10**6)
    return sign(key, header, payload=wire.encode(data), identifier="self")


def rekeyed(
    inner: bytes,
    key: Any,
    certificate: Certificate,
    clock: Any,
    *,
    identifier: str = "digest",
    header: dot2.HeaderInfo | None = None,
) -> bytes:
    """A CaCertificateRekeyingMessage."""
    header = header or etsi_header(623, clock.time64())
    return sign(key, header, payload=inner, certificate=certificate, identifier=identifier)
