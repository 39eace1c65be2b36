"""Single certificates for laboratories: what `v2xpki cert issue` makes.

The issuer's key is a PEM file, so no key of an operational PKI, which is in a token. Folders of an instance
are refused all the same, as the place of the issuer and as that of what is made.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import ConfigError, LintFailed
from v2xpki.keystore.memory import MemoryKey
from v2xpki.keystore.secret_files import write_private
from v2xpki.testset.laboratory import Identity, LabKey, sign_certificate
from v2xpki.trust import regions, validity
from v2xpki.trust.lint import Finding, errors, lint_certificate
from v2xpki.trust.profiles import Kind, profile
from v2xpki.wire import dot2

INSTANCE = "v2xpki.toml"


@dataclass(frozen=True)
class Order:
    """What is wanted. start: TAI seconds; seconds: of validity; both by the profile where None.

    permissions: appPermissions instead of the profile's. lax: issue what breaks rules, too.
    """

    kind: Kind
    curve: Curve
    name: str | None = None
    permissions: tuple[dot2.PsidSsp, ...] | None = None
    start: int | None = None
    seconds: int | None = None
    region: str | None = None
    encryption: bool | None = None
    lax: bool = False


def issue(order: Order, issuer: Identity | None, now: int) -> tuple[Identity, list[Finding]]:
    """The certificate with new keys, and what the linter says of it.

    Raises ConfigError, PermissionDenied (profile, validity or region), LintFailed unless the order is lax.
    """
    shape = profile(order.kind)
    key = LabKey(MemoryKey.generate(order.curve))
    wanted = shape.encryption_key == "required" if order.encryption is None else order.encryption
    other = LabKey(MemoryKey.generate(shape.encryption_curve or Curve.NIST_P256)) if wanted else None
    period = None
    if order.start is not None or order.seconds is not None:
        begin = validity.floor_hour(now) if order.start is None else order.start
        length = order.seconds or validity.duration_seconds(shape.validity)
        period = validity.period(begin, length)
        if issuer is not None and not order.lax:
            period = validity.cut(period, issuer.certificate.start, issuer.certificate.end)
    beyond = order.lax and issuer is not None and period is not None
    tbs = shape.build_tbs(
        verification_key=key.public_key,
        now=now,
        issuer=None if issuer is None else issuer.certificate,
        encryption_key=None if other is None else other.public_key,
        name=order.name,
        app_permissions=order.permissions,
        validity_period=None if beyond else period,
        region=None if order.region is None or order.lax else regions.from_text(order.region),
    )
    if order.lax:  # what build_tbs would refuse
        tbs = tbs._replace(
            validity_period=period or tbs.validity_period,
            region=None if order.region is None else regions.from_text(order.region),
        )
    certificate = Certificate.of(sign_certificate(tbs, key if issuer is None else issuer.key, issuer))
    findings = lint_certificate(certificate, order.kind, None if issuer is None else issuer.certificate)
    if errors(findings) and not order.lax:
        raise LintFailed("; ".join(map(str, errors(findings))), hint="--lax issues it all the same")
    return Identity("", certificate, certificate.octets, key, other), findings


def read_issuer(certificate: Path, key: Path) -> Identity:
    """An issuer of files. Raises ConfigError where they do not go together or belong to an instance."""
    refuse_instance(certificate)
    refuse_instance(key)
    parsed = Certificate.parse(certificate.read_bytes())
    signer = LabKey(MemoryKey.from_pem(key.read_bytes()))
    if parsed.verification_key != signer.public_key:
        raise ConfigError(f"{key} is not the key of {certificate}")
    return Identity(str(certificate), parsed, parsed.octets, signer)


def write(identity: Identity, path: Path) -> list[Path]:
    """Write PATH.oer, PATH.pem and, where there is one, PATH-encryption.pem; none may be there yet."""
    refuse_instance(path)
    keys = {"": identity.key, "-encryption": identity.encryption}
    stem = path.with_suffix("") if path.suffix == ".oer" else path
    files = {stem.with_name(f"{stem.name}{end}.pem"): key for end, key in keys.items() if key is not None}
    target = stem.with_name(f"{stem.name}.oer")
    refuse_existing([target, *files])
    for file, key in files.items():
        write_private(file, key.memory.to_pem().decode())
    target.write_bytes(identity.octets)
    return [target, *files]


def refuse_existing(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.exists():
            raise ConfigError(f"{path} exists; a key is never replaced")


def refuse_instance(path: Path) -> None:
    """Raises ConfigError for a path inside an instance's folder."""
    resolved = path.resolve()
    for folder in resolved.parents:
        if (folder / INSTANCE).exists():
            raise ConfigError(
                f"{path} is inside the instance {folder}",
                hint="its certificates come from ceremonies and services",
            )
