"""What `v2xpki status` says of an SCMS beside what it says of every authority."""

from typing import Any

from v2xpki.authorities.scms.distribution import open_distribution
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
