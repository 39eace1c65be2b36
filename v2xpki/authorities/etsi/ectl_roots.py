"""Roots of other PKIs on this TLM's ECTL: what it will say once one is taken on it, or off it.

    wanted = with_root(present_entries(instance, "ectl"), certificate, "https://pki.other/dc", now)
    publish_ectl(instance, entries=wanted, operator="alice")

An entry makes every station, EA and AA that follows the ECTL believe what that root says of its authorities.
Whose certificate it is no check can tell: an operator compares its HashedId8 with the one that its owner
tells by another way.
"""

from collections.abc import Iterable, Sequence

from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, InvalidChain, InvalidList
from v2xpki.time import iso_from_time32
from v2xpki.trust import detect_kind, lint_certificate
from v2xpki.trust.lists import DcEntry, EctlEntry, RcaEntry, TlmEntry


def check_root(certificate: Certificate, now: int) -> None:
    """Raise InvalidChain for what is no root in force at `now` (TAI seconds), or not of the profile
    (TS 103 097 7.2.3)."""
    if not certificate.is_self_signed:
        raise InvalidChain(
            f"{certificate.hex8} is not self-signed",
            rule="anchor",
            hint="an EA or AA comes with its root's CTL",
        )
    if detect_kind(certificate.record) != "RCA":
        raise InvalidChain(
            f"{certificate.hex8} is a {detect_kind(certificate.record)} certificate, not a root's",
            rule="profile",
        )
    try:
        certificate.verify_signature(None)
    except CryptoError as error:
        raise InvalidChain(f"{certificate.hex8}: {error}", rule="signature") from error
    found = [f for f in lint_certificate(certificate, "RCA") if f.rule.severity == "error"]
    if found:
        raise InvalidChain(
            f"{certificate.hex8} breaks rules: {'; '.join(map(str, found))}",
            rule="profile",
            hint="`v2xpki cert lint` shows all; docs/lints.md says what they mean",
        )
    if not certificate.start <= now < certificate.end:
        raise InvalidChain(
            f"{certificate.hex8} is valid from {iso_from_time32(certificate.start)} to "
            f"{iso_from_time32(certificate.end)}, not now",
            rule="expired" if now >= certificate.end else "not-yet-valid",
        )


def with_root(
    entries: Sequence[EctlEntry], certificate: Certificate, dc: str, now: int
) -> tuple[EctlEntry, ...]:
    """The entries with a root more, and where its CTL and CRL are.

    Raises InvalidChain (check_root), InvalidList where it is there already or `dc` is no URL.
    """
    check_root(certificate, now)
    for entry in entries:
        if not isinstance(entry, DcEntry) and entry.certificate.hashed_id8 == certificate.hashed_id8:
            same = entry.certificate == certificate
            what = (
                "is on the ECTL already" if same else "has the HashedId8 of another certificate on the ECTL"
            )
            raise InvalidList(f"{certificate.hex8} {what}", rule="entry")
    centre = DcEntry(dc.rstrip("/"), (certificate.hashed_id8,))
    kept: list[EctlEntry] = []
    for entry in entries:
        if isinstance(entry, DcEntry) and entry.url.rstrip("/") == centre.url:
            centre = DcEntry(entry.url, (*entry.roots, certificate.hashed_id8))
        else:
            kept.append(entry)
    return (*kept, RcaEntry(certificate), centre)


def without_root(entries: Sequence[EctlEntry], id8: bytes) -> tuple[EctlEntry, ...]:
    """The entries without a root, and without centres that have no other root's lists.

    Raises InvalidList where no root of this HashedId8 is there.
    """
    if not any(isinstance(entry, RcaEntry) and entry.certificate.hashed_id8 == id8 for entry in entries):
        raise InvalidList(
            f"no root {id8.hex().upper()} is on the ECTL, which has {_names(entries)}", rule="entry"
        )
    kept: list[EctlEntry] = []
    for entry in entries:
        if isinstance(entry, DcEntry):
            roots = tuple(root for root in entry.roots if root != id8)
            kept += [DcEntry(entry.url, roots)] if roots else []
        elif isinstance(entry, TlmEntry) or entry.certificate.hashed_id8 != id8:
            kept.append(entry)
    return tuple(kept)


def _names(entries: Iterable[EctlEntry]) -> str:
    return ", ".join(entry.certificate.hex8 for entry in entries if isinstance(entry, RcaEntry)) or "none"
