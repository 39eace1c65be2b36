"""Chains of an SCMS: what IEEE 1609.2.1 asks of a link beside what chain.py asks of every one.

    store = scms_store(roots)
    store.add(aca, at); store.verify(pseudonym, at)

The rules of TS 103 097 are other ones: there cracaId is zero and nobody has certRequestPermissions.
"""

from collections.abc import Collection, Iterable

from v2xpki.crypto import Certificate
from v2xpki.errors import InvalidChain, PermissionDenied
from v2xpki.trust.chain import TrustStore
from v2xpki.trust.permissions import EndEntity, check_issue_permissions, check_request_permissions
from v2xpki.trust.scms_profiles import role_of


def scms_store(roots: Iterable[Certificate], *, revoked: Collection[bytes] = ()) -> TrustStore:
    """A TrustStore under roots of an SCMS. Raises InvalidChain for what does not sign itself."""
    return TrustStore(roots, revoked=revoked, profile=check_link)


def check_link(subject: Certificate, issuer: Certificate) -> EndEntity:
    """Raise InvalidChain where a link is none of an SCMS; whether it is one of enrolment.

    An enrolment certificate is of an ECA, a pseudonym or other end entity of an ACA, and no component of
    either: their certIssuePermissions alone would not say so of psid 35.
    """
    tbs = subject.record.to_be_signed
    held = tbs.app_permissions or ()
    if len({entry.psid for entry in held}) != len(held):
        raise InvalidChain(f"{subject.hex8}: a PSID twice", rule="profile")
    role, above = role_of(subject), role_of(issuer)
    name, over = (None if found is None else found.kind for found in (role, above))
    wanted = {"ee": ("eca",), None: ("aca",)}.get(name, ("root", "ica"))
    if over not in wanted:
        raise InvalidChain(
            f"{subject.hex8} ({name or 'no role'}) is issued by a certificate of role {over or 'none'}, "
            f"not {' or '.join(wanted)}",
            rule="role",
        )
    ee: EndEntity = "enrol" if name == "ee" else "app"
    requests = tbs.cert_request_permissions
    try:
        if requests and ee == "enrol":
            check_request_permissions(issuer, requests)
        elif requests:
            # 0 is what it may ask for itself; the issuer must be able to grant it one level down
            below = tuple(
                group._replace(min_chain_length=max(1, group.min_chain_length)) for group in requests
            )
            check_issue_permissions(issuer, below)
    except PermissionDenied as error:
        raise InvalidChain(f"{subject.hex8}: {error}", rule=error.rule) from error
    return ee
