"""Whether a root grants a sub-CA's request, and what it would certify: for the operator who reviews it, and
for the ceremony that does it, which asks the same.

    review = judge(request, root, database, profiles, now)
    review.problems      each forbids to grant it; empty: it can be granted
    review.remarks       what a person should know
    review.tbs           what would be signed, linted

Nothing is signed here and no key is needed; the root's database says what was certified and revoked before.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from v2xpki.authorities.etsi.approvals import Approvals
from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.authorities.etsi.signing import lists_of
from v2xpki.crypto import Certificate
from v2xpki.errors import (
    CeremonyRefused,
    ConfigError,
    CryptoError,
    InvalidChain,
    PermissionDenied,
    UnexpectedContent,
)
from v2xpki.store import Database
from v2xpki.time import iso_from_time32
from v2xpki.trust import detect_kind, regions, validity
from v2xpki.trust.chain import verify_chain
from v2xpki.trust.describe import describe_groups, describe_permissions
from v2xpki.trust.lint import lint_tbs
from v2xpki.trust.permissions import check_certificate
from v2xpki.trust.profiles import SCR_PSID, Profiles
from v2xpki.wire import dot2

#: Seconds that a request's generationTime may be ahead of the root's clock.
CLOCKS_APART = 600
#: Days after which a request is remarked upon: whoever sent it may have given it up.
OLD = 30
DAY = 86400


class Problem(NamedTuple):
    """`rule` is a short stable name."""

    rule: str
    text: str


@dataclass
class Review:
    """A request as its root sees it."""

    request: CaRequest
    kind: str
    name: str | None
    #: The certificate that it is re-keyed from, where the root knows it.
    former: Certificate | None = None
    #: Whether its key signed the outer message, and whether it is revoked.
    former_signs: bool = False
    former_revoked: bool = False
    #: What the same request got before.
    granted: Certificate | None = None
    tbs: dot2.ToBeSignedCertificate | None = None
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def can_be_granted(self) -> bool:
        """Whether nothing forbids it. A request that was granted before is granted again as long as its
        certificate counts for something."""
        return not self.problems

    def require(self) -> None:
        """Raise PermissionDenied with the first problem."""
        for problem in self.problems:
            raise PermissionDenied(problem.text, rule=problem.rule)

    def to_be_signed(self) -> dot2.ToBeSignedCertificate:
        """What is to be signed. Raises as `require`."""
        self.require()
        assert self.tbs is not None
        return self.tbs


def judge(
    request: CaRequest,
    root: Certificate,
    database: Database,
    profiles: Profiles,
    now: int,
    *,
    kind: str | None = None,
    name: str | None = None,
    period: dot2.ValidityPeriod | None = None,
) -> Review:
    """Look at everything. kind and name: what a ceremony file grants, by default what is asked for; period:
    likewise, by default the profile's. now in TAI seconds."""
    review = Review(request, kind or kind_of(request), request.name if kind is None else name)
    _judge_history(review, root, database, now)
    if request.outer is not None:
        _judge_former(review, root, database, now)
    _judge_times(review, root, now)
    _judge_content(review, root, profiles, now, period)
    if review.granted is not None:
        # What would forbid to grant it anew says nothing against the certificate that it has.
        review.problems = [p for p in review.problems if p.rule.startswith("granted-")]
    return review


def kind_of(request: CaRequest) -> str:
    """EA or AA, whichever its permissions for certificate requests are like."""
    ssp = {entry.psid: entry.ssp for entry in request.attributes.app_permissions or ()}.get(SCR_PSID)
    value = ssp.value if ssp is not None and isinstance(ssp.value, bytes) else b""
    # TS 102 941 B.5: 10 and 20 are an AA's, which answers for tickets and asks for their validation
    return "AA" if len(value) > 1 and value[1] & 0x30 else "EA"


def _judge_history(review: Review, root: Certificate, database: Database, now: int) -> None:
    try:
        review.granted = Approvals(database).standing(review.request)
    except CeremonyRefused as error:
        review.problems.append(Problem("granted-before", str(error)))
    now_named = [
        one.hex8
        for one in Approvals(database).issued()
        if one.name is not None and one.name == review.name and one.hashed_id8 != review.request.former
    ]
    if now_named and review.request.outer is None:
        review.remarks.append(f"a first request, and {', '.join(now_named)} has its name already")
    granted = review.granted
    if granted is None:
        return
    if granted.hashed_id8 in lists_of(database, "crl", root.hashed_id8).revoked():
        review.problems.append(Problem("granted-revoked", f"its certificate {granted.hex8} is revoked"))
    elif granted.end <= now:
        review.problems.append(Problem("granted-ended", f"its certificate {granted.hex8} has ended"))
    else:
        review.remarks.append(f"granted before: {granted.hex8}; it gets that certificate again")


def _judge_former(review: Review, root: Certificate, database: Database, now: int) -> None:
    """TS 102 941 6.2.1: a re-keying message proves that the present certificate's holder asks."""
    request, tell = review.request, review.problems.append
    assert request.former is not None
    named = request.former.hex().upper()
    approvals = Approvals(database)
    former = review.former = approvals.find(request.former)
    if former is None:
        tell(Problem("former-unknown", f"re-keyed from {named}, which this root has not certified"))
        return
    try:
        request.verify_rekeying(former)
        review.former_signs = True
    except (CryptoError, UnexpectedContent) as error:
        tell(Problem("former-signature", f"not signed under {named}: {error}"))
    revoked = lists_of(database, "crl", root.hashed_id8).revoked()
    review.former_revoked = former.hashed_id8 in revoked
    try:
        verify_chain([former], root, now, crl=revoked)
    except InvalidChain as error:
        tell(Problem(f"former-{error.rule}", f"{named}, which it is re-keyed from: {error}"))
    if detect_kind(former.record) != review.kind:
        tell(Problem("former-kind", f"re-keyed from {named}, which is no {review.kind}"))
    if former.name != review.name:
        tell(Problem("former-name", f"named {review.name!r}, and {named} is {former.name!r}"))
    if former.verification_key == request.verification_key:
        tell(Problem("former-key", f"re-keyed with the key of {named}"))
    for later in approvals.successors(request.former):
        if later != review.granted and later.hashed_id8 not in revoked and later.end > now:
            tell(
                Problem(
                    "former-succeeded",
                    f"{named} was re-keyed before, to {later.hex8}; that one asks, or is revoked first",
                )
            )


def _judge_times(review: Review, root: Certificate, now: int) -> None:
    generated = review.request.generated
    if generated > now + CLOCKS_APART:
        review.problems.append(
            Problem("generation-time", f"made at {iso_from_time32(generated)}, which is in the future")
        )
    elif now - generated > OLD * DAY:
        review.remarks.append(f"made {(now - generated) // DAY} days ago; does its CA still want it?")
    if not root.start <= now < root.end:
        review.problems.append(Problem("root", f"root {root.hex8} is not in force"))


def _judge_content(
    review: Review,
    root: Certificate,
    profiles: Profiles,
    now: int,
    period: dot2.ValidityPeriod | None,
) -> None:
    request, kind = review.request, review.kind
    profile = profiles.profile(kind)
    try:
        request.check(profile, review.name)
    except PermissionDenied as error:
        review.problems.append(Problem(error.rule, f"{error} (profile {kind})"))
    if request.attributes.validity_period is not None or request.attributes.region is not None:
        review.remarks.append("validity and region are the profile's, whatever it asks for")
    if request.encryption_key is None:
        review.problems.append(Problem("encryption-key", f"an {kind} needs an encryption key"))
        return
    if review.former is not None and period is None:
        # What is newer is said by the certificates themselves: stations take the one that begins later.
        usual = validity.floor_hour(now - profile.backdate)
        start = max(usual, review.former.start + 1, root.start)
        length = min(validity.duration_seconds(profile.validity), root.end - start)
        if start <= now and length > 0:
            period = dot2.ValidityPeriod(start=start, duration=validity.duration(length))
    try:
        review.tbs = profile.build_tbs(
            verification_key=request.verification_key,
            encryption_key=request.encryption_key,
            issuer=root,
            now=now,
            name=review.name,
            validity_period=period,
        )
        check_certificate(root, review.tbs)
    except (PermissionDenied, ConfigError) as error:
        rule = error.rule if isinstance(error, PermissionDenied) else "profile"
        review.problems.append(Problem(rule, str(error)))
        return
    for finding in lint_tbs(review.tbs, kind, root):  # type: ignore[arg-type]  # EA or AA
        if finding.rule.severity == "error":
            review.problems.append(Problem(finding.rule.id, str(finding)))
        else:
            review.remarks.append(str(finding))


def describe_review(review: Review, root: Certificate) -> dict[str, Any]:
    """All of it for people and programs: octets as octets, times in ISO 8601."""
    request = review.request
    asked = request.attributes
    document: dict[str, Any] = {
        "id": request.id,
        "sha256": hashlib.sha256(request.octets).digest(),
        "octets": len(request.octets),
        "kind": review.kind,
        "name": review.name,
        "made": iso_from_time32(request.generated),
        "signature": f"verifies with the key that it names ({request.verification_key.curve.text})",
        "verifyKey": {
            "curve": request.verification_key.curve.text,
            "point": request.verification_key.point,
        },
        "encryptionKey": None
        if request.encryption_key is None
        else {"curve": request.encryption_key.curve.text, "point": request.encryption_key.point},
        "asksFor": {
            "id": None if asked.id is None else {"kind": asked.id.kind, "value": asked.id.value},
            "appPermissions": describe_permissions(asked.app_permissions),
            "certIssuePermissions": describe_groups(asked.cert_issue_permissions),
            "validity": None
            if asked.validity_period is None
            else {
                "start": iso_from_time32(asked.validity_period.start),
                "end": iso_from_time32(validity.end(asked.validity_period)),
            },
            "region": regions.describe(asked.region),
            "assuranceLevel": asked.assurance_level,
        },
        "rekeyedFrom": None,
        "issuer": root.hashed_id8,
        "wouldIssue": None,
        "granted": None if review.granted is None else review.granted.hashed_id8,
        "canBeGranted": review.can_be_granted,
        "problems": [problem._asdict() for problem in review.problems],
        "remarks": list(review.remarks),
    }
    if request.former is not None:
        document["rekeyedFrom"] = {"hashedId8": request.former} | (
            {}
            if review.former is None
            else {
                "name": review.former.name,
                "validity": {
                    "start": iso_from_time32(review.former.start),
                    "end": iso_from_time32(review.former.end),
                },
                "signature": review.former_signs,
                "revoked": review.former_revoked,
            }
        )
    if review.tbs is not None:
        document["wouldIssue"] = {
            "validity": {
                "start": iso_from_time32(review.tbs.validity_period.start),
                "end": iso_from_time32(validity.end(review.tbs.validity_period)),
            },
            "region": regions.describe(review.tbs.region),
            "appPermissions": describe_permissions(review.tbs.app_permissions),
            "certIssuePermissions": describe_groups(review.tbs.cert_issue_permissions),
        }
    return document
