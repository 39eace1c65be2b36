"""Chains of an SCMS: from a certificate up to a root that a station trusts (IEEE 1609.2 5.1, 1609.2.1 7).

    chains = ScmsChains(roots, others)               what a certificate chain file holds
    chains.component(ra, "ra", now)                  an RA, ECA ...: good, and of this role
    key = chains.end_entity(certificate, at)         a pseudonym or an RSU's certificate, and its key

Of an end entity's certificate the issuer is an ACA. Nothing that came inside a message adds a CA here.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from v2xpki.crypto import Certificate, PublicKey, implicit_certificate_key
from v2xpki.errors import CryptoError, InvalidChain, PermissionDenied, TrustError
from v2xpki.time import iso_from_time32
from v2xpki.trust import regions
from v2xpki.trust.permissions import Grants
from v2xpki.trust.scms_chain import check_link
from v2xpki.trust.scms_profiles import role_of
from v2xpki.wire import dot2

LONGEST_CHAIN = 5
_REMEMBERED = 1024


class Revocations(Protocol):
    """What a station knows of revoked certificates."""

    def check(self, certificate: Certificate) -> None:
        """Raises a TrustError for one that is."""
        ...


class ScmsChains:
    """Roots that are trusted and CAs below them. For all threads of a process.

    others: CAs and components as a certificate chain file has them, in any order; none counts before its own
    chain verifies. revocations: asked of everything below a root.
    """

    def __init__(
        self,
        roots: Iterable[Certificate],
        others: Iterable[Certificate] = (),
        revocations: Revocations | None = None,
    ) -> None:
        self._roots = {root.hashed_id8: root for root in roots}
        self._others = {other.hashed_id8: other for other in others}
        self._revocations = revocations
        # by digest, with their keys: all but times and revocation verified
        self._proven: dict[bytes, PublicKey] = {}

    @property
    def roots(self) -> tuple[Certificate, ...]:
        return tuple(self._roots.values())

    def certificate(self, id8: bytes) -> Certificate | None:
        """The CA or component of a HashedId8; nothing of it is verified."""
        return self._others.get(id8) or self._roots.get(id8)

    def component(self, certificate: Certificate, role: str, at: int) -> None:
        """Raise InvalidChain unless this component's chain leads to a root, and psid 35 gives it this role
        (an alternative of SecurityMgmtSsp). at: Time32."""
        self.path(certificate, at)
        found = role_of(certificate)
        if found is None or found.kind != role:
            raise InvalidChain(
                f"{certificate.hex8} is {'no component' if found is None else found.kind}, not {role}",
                rule="type",
            )

    def end_entity(self, certificate: Certificate, at: int) -> PublicKey:
        """The key of an end entity with a certificate in force at `at`, of a known ACA and within its rights.

        An implicit one is proven by a signature that verifies under this key, and not before. Raises
        InvalidChain (rule: chain, anchor, type, role, profile, signature, expired, validity-inside,
        app-permissions, issue-permissions, region, revoked).
        """
        aca = self._aca_of(certificate, at)
        check_now(certificate, at)
        key = self._certified(certificate, aca)
        self._check_revoked(certificate)
        return key

    def path(self, certificate: Certificate, at: int) -> tuple[Certificate, ...]:
        """The chain of a component or CA, the certificate first and its root last, each good and in force at
        `at`. Raises InvalidChain (rules as end_entity)."""
        return tuple(self._prove(certificate, at, LONGEST_CHAIN))

    def region_of(self, certificate: Certificate) -> dot2.GeographicRegion | None:
        """Where a certificate holds: as its CAs do where it names no region; None for everywhere."""
        link: Certificate | None = certificate
        for _ in range(LONGEST_CHAIN + 1):
            if link is None or link.record.to_be_signed.region is not None or link.issuer_id8 is None:
                break
            link = self.certificate(link.issuer_id8)
        return None if link is None else link.record.to_be_signed.region

    def _aca_of(self, certificate: Certificate, at: int) -> Certificate:
        aca = self.certificate(certificate.issuer_id8 or b"")
        if aca is None:
            issuer = (certificate.issuer_id8 or b"").hex().upper() or "itself"
            raise InvalidChain(f"{certificate.hex8} is issued by {issuer}, which is not known", rule="chain")
        self.component(aca, "aca", at)
        return aca

    def _certified(self, certificate: Certificate, aca: Certificate) -> PublicKey:
        known = self._proven.get(certificate.digest)
        if known is not None:
            return known
        try:
            implicit = certificate.is_implicit
            key = implicit_certificate_key(certificate, aca) if implicit else certificate.verification_key
        except CryptoError as error:
            raise InvalidChain(f"{certificate.hex8}: {error}", rule="signature") from error
        tbs = certificate.record.to_be_signed
        if tbs.cert_issue_permissions is not None or tbs.cert_request_permissions is not None:
            raise InvalidChain(f"{certificate.hex8} is no end entity's", rule="type")
        self._inside(certificate, aca)
        if not implicit:
            check_signature(certificate, aca)
        self._remember(certificate, key)
        return key

    def _prove(self, certificate: Certificate, at: int, left: int) -> Iterator[Certificate]:
        check_now(certificate, at)
        yield certificate
        if certificate == self._roots.get(certificate.hashed_id8):
            self._prove_link(certificate, None)
            return
        if certificate.is_self_signed or certificate.is_implicit:
            raise InvalidChain(f"{certificate.hex8} is no root that is trusted", rule="anchor")
        above = self.certificate(certificate.issuer_id8 or b"")
        if above is None or not left:
            raise InvalidChain(f"{certificate.hex8}: no chain to a root that is trusted", rule="anchor")
        yield from self._prove(above, at, left - 1)
        self._prove_link(certificate, above)
        self._check_revoked(certificate)

    def _prove_link(self, certificate: Certificate, above: Certificate | None) -> None:
        if certificate.digest in self._proven:
            return
        if above is not None:
            check_link(certificate, above)
            self._inside(certificate, above)
        check_signature(certificate, above)
        self._remember(certificate, certificate.verification_key)

    def _check_revoked(self, certificate: Certificate) -> None:
        if self._revocations is None:
            return
        try:
            self._revocations.check(certificate)
        except TrustError as error:
            raise InvalidChain(str(error), rule="revoked") from error

    def _inside(self, subject: Certificate, issuer: Certificate) -> None:
        tbs, grants = subject.record.to_be_signed, Grants.of(issuer)
        if subject.start < issuer.start or subject.end > issuer.end:
            raise InvalidChain(f"{subject.hex8}: validity beyond its issuer's", rule="validity-inside")
        if not tbs.app_permissions and not tbs.cert_issue_permissions:
            raise InvalidChain(f"{subject.hex8} permits nothing", rule="app-permissions")
        try:
            grants.check_app_permissions(tbs.app_permissions or ())
            grants.check_issue_permissions(tbs.cert_issue_permissions)
        except PermissionDenied as error:
            raise InvalidChain(f"{subject.hex8}: {error}", rule=error.rule) from error
        if tbs.region is not None and not regions.region_contains(self.region_of(issuer), tbs.region):
            raise InvalidChain(
                f"{subject.hex8}: region is not proven to be inside its issuer's", rule="region"
            )

    def _remember(self, certificate: Certificate, key: PublicKey) -> None:
        if len(self._proven) >= _REMEMBERED:
            self._proven.clear()
        self._proven[certificate.digest] = key


def check_signature(subject: Certificate, issuer: Certificate | None) -> None:
    """Raise InvalidChain unless the issuer (None: the subject itself) signed it."""
    try:
        subject.verify_signature(issuer)
    except CryptoError as error:
        raise InvalidChain(f"{subject.hex8}: {error}", rule="signature") from error


def check_now(certificate: Certificate, at: int) -> None:
    """Raise InvalidChain unless it is in force at `at` (Time32)."""
    if not certificate.start <= at < certificate.end:
        raise InvalidChain(f"{certificate.hex8} is not in force at {iso_from_time32(at)}", rule="expired")
