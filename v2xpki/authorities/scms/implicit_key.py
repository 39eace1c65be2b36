"""An ACA's key for implicit certificates as an instance has it (docs/adr/0011): none, unless `[aca]
implicit_key` allows it, a ceremony has made it and the root has certified it.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from v2xpki.config import AcaSettings, DomainConfig
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, V2xPkiError
from v2xpki.trust.scms_profiles import issues_implicit, role_of

_FILE = re.compile(r"aca-implicit-([1-9][0-9]{0,8})\.oer")


def open_aca_implicit(domain: DomainConfig, settings: AcaSettings) -> Certificate | None:
    """The certificate to open the ACA with (`AuthorizationCertificateAuthority.open(implicit=...)`): of the
    newest generation in the domain's folder of certificates; None where it is not allowed.

    Raises ConfigError where it is allowed and not there, or is none.
    """
    if settings.implicit_key == "never":
        return None
    path = newest(domain)
    if path is None:
        raise ConfigError(
            '[aca] implicit_key = "unwrapped", and there is no aca-implicit-N.oer',
            hint=f"hsm/ceremonies/scms/aca-implicit.yaml, then its certificate in {domain.certificates_dir}",
        )
    try:
        certificate = Certificate.parse(path.read_bytes())
    except V2xPkiError as error:
        raise ConfigError(f"{path}: {error}") from error
    role = role_of(certificate)
    if role is None or role.kind != "aca" or not issues_implicit(certificate):
        raise ConfigError(f"{path.name} {certificate.hex8} is not of an ACA's key for implicit certificates")
    return certificate


def newest(domain: DomainConfig) -> Path | None:
    """The file of the newest generation."""
    found = {
        int(match[1]): path
        for path in domain.certificates_dir.glob("aca-implicit-*.oer")
        if (match := _FILE.fullmatch(path.name))
    }
    return found[max(found)] if found else None


def acas_of_line(acas: Sequence[Certificate]) -> tuple[Certificate, Certificate | None]:
    """Of an ACA's certificates in force, the newest first: whom an RA asks, and whose implicit certificates
    come of that. Raises ConfigError where there is no ACA."""
    explicit = [one for one in acas if not issues_implicit(one)]
    implicit = [one for one in acas if issues_implicit(one)]
    if not explicit:
        raise ConfigError("no ACA is in force")
    return explicit[0], implicit[0] if implicit else None
