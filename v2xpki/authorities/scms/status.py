"""What `v2xpki status` says of an SCMS beside what it says of every authority."""

from typing import Any, Protocol

from v2xpki.authorities.scms.distribution import open_distribution
from v2xpki.authorities.scms.implicit_key import newest, open_aca_implicit
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import V2xPkiError
from v2xpki.store import Database
from v2xpki.time import Clock, iso_from_time32


def lists_handed_out(
    instance: Instance, database: Database, clock: Clock
) -> tuple[list[dict[str, Any]], list[str]]:
    """The CTL and the CRLs of the distribution centre, whose database this is; and problems. Raises what
    opening it raises: a list that does not verify is none that it hands out."""
    now, lists, problems = clock.time32(), list[dict[str, Any]](), list[str]()
    for entry in open_distribution(instance, database, clock).freshness():
        left = None if entry.ends is None else entry.ends - now
        state = "in force"
        if left is not None and left <= 0:
            state = "out of date"
            problems.append(
                f"CRL {entry.number} of {entry.issuer.hex().upper()} is out of date since "
                f"{iso_from_time32(entry.ends or 0)}"
            )
        until = None if entry.ends is None else iso_from_time32(entry.ends)
        lists.append(
            {
                "kind": f"scms-{entry.kind}",
                "issuer": entry.issuer.hex().upper(),
                "sequence": entry.number,
                "begins": iso_from_time32(entry.begins),
                "nextUpdate": until,
                "secondsLeft": left,
                "ahead": 0,
                "signedUntil": until,
                "state": state,
            }
        )
    if not any(entry["kind"] == "scms-ctl" for entry in lists):
        problems.append("there is no CTL of an SCMS")
    return lists, problems


def implicit_key(instance: Instance, clock: Clock, status: "_Told") -> dict[str, Any] | None:
    """The ACA's key for implicit certificates, where there is one; that there is one is a warning."""
    domain, settings = instance.domain("aca"), instance.settings.aca
    if settings.implicit_key == "never" and newest(domain) is None:
        return None
    if settings.implicit_key == "never":
        status.warnings.append('aca: has a key outside of its token, unused: [aca] implicit_key = "never"')
        return {"allowed": False}
    status.warnings.append("aca: its key for implicit certificates is outside of its token")
    try:
        certificate = open_aca_implicit(domain, settings)
    except (OSError, V2xPkiError) as error:
        status.problems.append(f"aca: {error}")
        return {"allowed": True}
    assert certificate is not None  # it is allowed
    if not certificate.start <= clock.time32() < certificate.end:
        status.problems.append(f"aca: {certificate.hex8}, for implicit certificates, is not in force")
    validity = {"end": iso_from_time32(certificate.end)}
    return {"allowed": True, "hashedId8": certificate.hex8, "validity": validity}


class _Told(Protocol):
    """Where a status collects what is wrong."""

    problems: list[str]
    warnings: list[str]


def crl_signer(instance: Instance, clock: Clock, problems: list[str]) -> dict[str, Any] | None:
    """The CRL generator's certificate, which lies with the MA's."""
    path = instance.domain("ma").certificates_dir / "crlg-1.oer"
    try:
        certificate = Certificate.parse(path.read_bytes())
    except (OSError, V2xPkiError) as error:
        problems.append(f"ma: {path.name}: {error}")
        return None
    if not certificate.start <= clock.time32() < certificate.end:
        problems.append(f"ma: {path.name} {certificate.hex8} is not in force")
    return {"hashedId8": certificate.hex8, "validity": {"end": iso_from_time32(certificate.end)}}
