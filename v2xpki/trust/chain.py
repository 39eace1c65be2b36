"""Chains of certificates: from an end entity's up to a root that is trusted (IEEE 1609.2 5.1.2).

`verify_chain` checks one chain; a `TrustStore` remembers what it has verified, so that a ticket under
a known AA costs one signature check. Times are TAI seconds since 2004. InvalidChain.rule is one of

    anchor           the chain does not end at the anchor, or the anchor is not self-signed
    chain            an issuer's certificate is missing, or the issuers go round in circles
    issuer           the issuer field does not name the issuer's certificate by its hash
    type             a type that cannot stand here: implicit, an end entity as issuer, a ticket with a name
    profile          beyond TS 103 097 6: cracaId or crlSeries set, certRequestPermissions, a PSID twice
    key              a key that is no point of its curve
    signature        does not verify
    not-yet-valid, expired
    validity-inside  longer than the issuer's
    app-permissions, issue-permissions    beyond the issuer's certIssuePermissions
    region           not proven inside the issuer's
    place            the place asked about is outside a certificate's region
    revoked          on the CRL
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache

from v2xpki.crypto import Certificate, PublicKey
from v2xpki.errors import CryptoError, ImplicitKey, InvalidChain, InvalidSignature, PermissionDenied
from v2xpki.time import iso_from_time32
from v2xpki.trust import permissions, regions
from v2xpki.trust.profiles import MDM_PSID, PKI_PSIDS, SCR_PSID, is_operators_own
from v2xpki.wire import dot2

LONGEST = 8  # certificates in a chain; the deepest in use have three
_TICKETS = 4096  # tickets that a TrustStore remembers
_NO_CRACA = bytes(3)

Place = tuple[int, int]  # latitude, longitude in tenths of microdegrees
# A PKI's own rules for a subject under its issuer: raises InvalidChain, or says by which of the issuer's
# groups the subject's appPermissions are granted.
LinkProfile = Callable[[Certificate, Certificate], permissions.EndEntity]


def verify_chain(
    chain: Sequence[Certificate],
    anchor: Certificate,
    at: int,
    *,
    crl: Collection[bytes] = (),
    place: Place | None = None,
) -> None:
    """Raise InvalidChain unless `chain`, the end entity first, leads to the trusted `anchor` at time `at`.

    The anchor may be left out at the end of the chain, or be all of it. crl: HashedId8 of what is revoked.
    place: refuse where a certificate's region does not hold it.
    """
    path = list(chain)
    if not path or path[-1] != anchor:
        path.append(anchor)
    if len(path) > LONGEST:
        raise InvalidChain(f"a chain of {len(path)} certificates", rule="chain")
    issuer = _anchored(anchor)
    _check_now(anchor, at, crl)
    _check_place(issuer.region, anchor, place)
    for subject in reversed(path[:-1]):
        issuer = _verify_link(subject, issuer)
        _check_now(subject, at, crl)
        _check_place(issuer.region, subject, place)
    leaf = path[0]
    _check_keys(leaf)
    if not leaf.is_self_signed:
        _check_role(leaf)


def build_chain(
    leaf: Certificate, candidates: Iterable[Certificate], anchor: Certificate | None = None
) -> list[Certificate]:
    """The path from `leaf` to its self-signed root through candidates in any order; nothing is verified.

    Raises InvalidChain where an issuer is missing, or where the path does not end at `anchor`.
    """
    known = {candidate.hashed_id8: candidate for candidate in candidates}
    if anchor is not None:
        known[anchor.hashed_id8] = anchor
    path = [leaf]
    while not path[-1].is_self_signed:
        wanted = path[-1].issuer_id8
        issuer = known.get(wanted) if wanted else None
        if issuer is None or issuer in path:
            what = "is in a circle" if issuer is not None else "is not there"
            raise InvalidChain(
                f"issuer {(wanted or b'').hex().upper()} of {path[-1].hex8} {what}", rule="chain"
            )
        path.append(issuer)
        if len(path) > LONGEST:
            raise InvalidChain(f"a chain of more than {LONGEST} certificates", rule="chain")
    if anchor is not None and path[-1] != anchor:
        raise InvalidChain(f"leads to {path[-1].hex8}, not to the anchor {anchor.hex8}", rule="anchor")
    return path


def verify_ticket(octets: bytes, issuer: Certificate, at: int) -> Certificate:
    """The authorization ticket of COER octets, verified under an AA whose own chain the caller trusts.

    Raises DecodeError for what is not the canonical encoding, InvalidChain otherwise. What depends on the
    issuer is worked out once and remembered.
    """
    ticket = Certificate.parse(octets)
    _verify_ticket(ticket, _remembered(issuer))
    _check_now(ticket, at, ())
    return ticket


def verify_credential(credential: Certificate, issuer: Certificate, at: int) -> None:
    """Raise InvalidChain unless it is an enrolment credential in force under an EA whose own chain the caller
    trusts. It may hold further PSIDs that the EA grants, which verify_chain takes for a ticket's."""
    _verify_link(credential, _remembered(issuer))
    _check_now(credential, at, ())
    _check_keys(credential)
    tbs = credential.record.to_be_signed
    if tbs.cert_issue_permissions is not None or SCR_PSID not in credential.app_permissions:
        raise InvalidChain(f"{credential.hex8} is no enrolment credential", rule="type")


class TrustStore:
    """Trusted roots and what was verified under them. Not for several threads at once.

    revoked: HashedId8 of revoked certificates; replace the set when a new CRL is read. tickets: how many
    are remembered. profile: the rules of another PKI than ETSI's.
    """

    def __init__(
        self,
        anchors: Iterable[Certificate],
        *,
        revoked: Collection[bytes] = (),
        tickets: int = _TICKETS,
        profile: LinkProfile | None = None,
    ) -> None:
        self._most, self._profile = tickets, profile or _check_profile
        self.revoked: Collection[bytes] = revoked
        self._issuers: dict[bytes, _Issuer] = {}
        self._tickets: dict[bytes, Certificate] = {}
        self._recalled: dict[bytes, Certificate] = {}
        for anchor in anchors:
            self._issuers[anchor.hashed_id8] = _anchored(anchor)

    def add(self, certificate: Certificate, at: int) -> None:
        """Verify a CA certificate under one that is known, and know it from now on. Raises InvalidChain."""
        if certificate.hashed_id8 in self._issuers and certificate == self.issuer(certificate.hashed_id8):
            return
        above = self._issuer_of(certificate, at)
        found = _verify_link(certificate, above, self._profile)
        _check_now(certificate, at, self.revoked)
        if certificate.record.to_be_signed.cert_issue_permissions is None:
            raise InvalidChain(f"{certificate.hex8} is no CA certificate", rule="type")
        self._issuers[certificate.hashed_id8] = found

    def issuer(self, id8: bytes) -> Certificate | None:
        """A known CA certificate."""
        found = self._issuers.get(id8)
        return found.certificate if found else None

    def verify(self, certificate: Certificate, at: int, *, place: Place | None = None) -> None:
        """Raise InvalidChain unless an end entity's certificate is in force under a known CA."""
        issuer = self._issuer_of(certificate, at)
        found = _verify_link(certificate, issuer, self._profile)
        _check_now(certificate, at, self.revoked)
        _check_place(found.region, certificate, place)

    def verify_ticket(self, ticket: bytes | Certificate, at: int) -> Certificate:
        """The verified ticket, remembered for messages that name it by digest. Raises as verify_ticket."""
        parsed = Certificate.parse(ticket) if isinstance(ticket, bytes) else ticket
        issuer = self._issuer_of(parsed, at)
        if self._tickets.get(parsed.hashed_id8) != parsed:
            _verify_ticket(parsed, issuer)
        _check_now(parsed, at, self.revoked)
        self._tickets.pop(parsed.hashed_id8, None)
        if len(self._tickets) >= self._most:
            del self._tickets[next(iter(self._tickets))]  # the one unused for longest
        self._tickets[parsed.hashed_id8] = parsed
        return parsed

    def ticket(self, id8: bytes) -> Certificate | None:
        """A ticket verified before, here or by the store that this one followed."""
        return self._tickets.get(id8) or self._recalled.get(id8)

    def follow(self, former: "TrustStore") -> None:
        """Know the tickets that the store before this one verified, so that after new lists messages that
        name them by digest are understood. Each is verified anew when it is used."""
        self._recalled = dict(former._tickets)

    def key_of(self, ticket: Certificate) -> PublicKey:
        """The key of a ticket that was verified: it is explicit, so that it stands in it."""
        return ticket.verification_key

    def region_of(self, certificate: Certificate) -> dot2.GeographicRegion | None:
        """A certificate's region: its own, else the one it inherits; None is everywhere."""
        own = certificate.record.to_be_signed.region
        issuer = self._issuers.get(certificate.issuer_id8 or b"")
        return own if own is not None or issuer is None else issuer.region

    def _issuer_of(self, certificate: Certificate, at: int) -> "_Issuer":
        issuer = self._issuers.get(certificate.issuer_id8 or b"")
        if issuer is None:
            # A revoked CA is on no CTL any more: say why, and nobody asks peers for it.
            if certificate.issuer_id8 is not None and certificate.issuer_id8 in self.revoked:
                raise InvalidChain(
                    f"issuer {certificate.issuer_id8.hex().upper()} of {certificate.hex8} is revoked",
                    rule="revoked",
                )
            name = "itself" if certificate.is_self_signed else (certificate.issuer_id8 or b"").hex().upper()
            raise InvalidChain(f"issuer {name} of {certificate.hex8} is not trusted", rule="chain")
        link: _Issuer | None = issuer
        while link is not None:  # a CA verified long ago may have expired or been revoked since
            _check_now(link.certificate, at, self.revoked)
            link = link.above
        return issuer


# --- one link ------------------------------------------------------------------------------


class _Issuer:
    """A CA certificate, and what checking its subjects needs; region: its own or the inherited one."""

    __slots__ = ("above", "certificate", "end", "grants", "region", "start")

    def __init__(self, certificate: Certificate, above: "_Issuer | None") -> None:
        own = certificate.record.to_be_signed.region
        self.certificate, self.above = certificate, above
        self.start, self.end = certificate.start, certificate.end
        self.grants = permissions.Grants.of(certificate)
        self.region: dot2.GeographicRegion | None = own if own is not None or above is None else above.region


def _anchored(anchor: Certificate) -> _Issuer:
    if not anchor.is_self_signed:
        raise InvalidChain(f"anchor {anchor.hex8} is not self-signed", rule="anchor")
    _check_signature(anchor, None)
    return _Issuer(anchor, None)


@lru_cache(maxsize=256)
def _remembered(issuer: Certificate) -> _Issuer:
    return _Issuer(issuer, None)


def _verify_link(subject: Certificate, issuer: _Issuer, profile: LinkProfile | None = None) -> _Issuer:
    """Check all of a link that does not depend on the time."""
    if subject.record.type != "explicit":
        raise InvalidChain(f"{subject.hex8} is implicit", rule="type")
    if subject.is_self_signed:
        raise InvalidChain(f"{subject.hex8} is self-signed below {issuer.certificate.hex8}", rule="type")
    _check_within(subject, issuer, (profile or _check_profile)(subject, issuer.certificate))
    tbs = subject.record.to_be_signed
    try:
        if tbs.cert_issue_permissions:
            issuer.grants.check_issue_permissions(tbs.cert_issue_permissions)
    except PermissionDenied as error:
        raise InvalidChain(f"{subject.hex8}: {error}", rule=error.rule) from error
    _check_signature(subject, issuer.certificate)
    return _Issuer(subject, issuer)


def _verify_ticket(ticket: Certificate, issuer: _Issuer) -> None:
    tbs = ticket.record.to_be_signed
    if (
        ticket.record.type != "explicit"
        or tbs.id.kind != "none"
        or tbs.cert_issue_permissions is not None
        or not tbs.app_permissions
    ):
        raise InvalidChain(f"{ticket.hex8} is not an authorization ticket", rule="type")
    for entry in tbs.app_permissions:
        if entry.psid in PKI_PSIDS:
            raise InvalidChain(f"{ticket.hex8}: a ticket with psid {entry.psid}", rule="type")
    _check_within(ticket, issuer, _check_profile(ticket, issuer.certificate))
    _check_signature(ticket, issuer.certificate)


def _check_profile(subject: Certificate, _: Certificate) -> permissions.EndEntity:
    """TS 103 097 6, which binds all certificates of ETSI's PKI."""
    tbs = subject.record.to_be_signed
    if tbs.craca_id != _NO_CRACA or tbs.crl_series:
        raise InvalidChain(f"{subject.hex8}: cracaId and crlSeries are not zero", rule="profile")
    if tbs.cert_request_permissions is not None or tbs.can_request_rollover is not None:
        raise InvalidChain(f"{subject.hex8}: certRequestPermissions or canRequestRollover", rule="profile")
    held = tbs.app_permissions
    if held and len(held) > 1 and len({entry.psid for entry in held}) != len(held):
        raise InvalidChain(f"{subject.hex8}: a PSID twice", rule="profile")
    return "app"


def _check_role(leaf: Certificate) -> None:
    """What a chain ends in is a CA, an enrolment credential, a ticket or a misbehaviour authority (7.2)."""
    tbs = leaf.record.to_be_signed
    held = {entry.psid for entry in tbs.app_permissions or ()}
    if SCR_PSID in held and tbs.cert_issue_permissions is None:
        # an enrolment credential; what it holds beside 623 has a meaning between the operator's own services
        held -= {e.psid for e in tbs.app_permissions or () if e.ssp is None and is_operators_own(e.psid)}
    services = held - PKI_PSIDS
    if not held:
        raise InvalidChain(f"{leaf.hex8} holds no permissions", rule="type")
    if services and services != held:
        raise InvalidChain(f"{leaf.hex8} holds services and the PKI's own psid", rule="type")
    if not services:
        return
    if tbs.cert_issue_permissions is not None:
        raise InvalidChain(f"{leaf.hex8}: a ticket with certIssuePermissions", rule="type")
    if tbs.id.kind != "none" and not (MDM_PSID in held and tbs.id.kind == "name"):
        raise InvalidChain(f"{leaf.hex8}: a ticket whose id is {tbs.id.kind}", rule="type")


def _check_keys(certificate: Certificate) -> None:
    try:
        assert certificate.verification_key
        _ = certificate.encryption_key
    except ImplicitKey as error:
        raise InvalidChain(f"{certificate.hex8} is implicit", rule="type") from error
    except CryptoError as error:
        raise InvalidChain(f"{certificate.hex8}: {error}", rule="key") from error


def _check_within(subject: Certificate, issuer: _Issuer, ee: permissions.EndEntity) -> None:
    tbs = subject.record.to_be_signed
    if subject.issuer_id8 != issuer.certificate.hashed_id8:
        raise InvalidChain(
            f"{subject.hex8} was issued by {(subject.issuer_id8 or b'').hex().upper()}, "
            f"not by {issuer.certificate.hex8}",
            rule="issuer",
        )
    if subject.start < issuer.start or subject.end > issuer.end:
        raise InvalidChain(
            f"{subject.hex8}: validity {iso_from_time32(subject.start)} to {iso_from_time32(subject.end)} "
            f"is not inside {iso_from_time32(issuer.start)} to {iso_from_time32(issuer.end)} of its issuer",
            rule="validity-inside",
        )
    if tbs.app_permissions:
        try:
            issuer.grants.check_app_permissions(tbs.app_permissions, ee)
        except PermissionDenied as error:
            raise InvalidChain(f"{subject.hex8}: {error}", rule=error.rule) from error
    if tbs.region is not None and not regions.region_contains(issuer.region, tbs.region):
        raise InvalidChain(f"{subject.hex8}: region is not proven to be inside its issuer's", rule="region")


def _check_signature(subject: Certificate, issuer: Certificate | None) -> None:
    try:
        subject.verify_signature(issuer)
    except InvalidSignature as error:
        raise InvalidChain(f"{subject.hex8}: {error}", rule="signature") from error
    except ImplicitKey as error:
        raise InvalidChain(f"{subject.hex8} is implicit", rule="type") from error
    except CryptoError as error:  # an algorithm that is not served, a key off its curve
        raise InvalidChain(f"{subject.hex8}: {error}", rule="signature") from error


def _check_now(certificate: Certificate, at: int, crl: Collection[bytes]) -> None:
    if at < certificate.start:
        raise InvalidChain(
            f"{certificate.hex8} is valid from {iso_from_time32(certificate.start)} on, "
            f"not at {iso_from_time32(at)}",
            rule="not-yet-valid",
        )
    if at >= certificate.end:
        raise InvalidChain(
            f"{certificate.hex8} expired at {iso_from_time32(certificate.end)}", rule="expired"
        )
    if crl and certificate.hashed_id8 in crl:
        raise InvalidChain(f"{certificate.hex8} is revoked", rule="revoked")


def _check_place(region: dot2.GeographicRegion | None, certificate: Certificate, place: Place | None) -> None:
    if place is not None and not regions.point_in_region(region, *place):
        raise InvalidChain(f"{certificate.hex8} is not for this place", rule="place")
