"""What may be trusted: profiles, permissions, regions, chains, messages, lists, and the linter.

verify_chain([ticket, aa], root, at)            raises InvalidChain
verify_message(octets, trust_store, at)         raises InvalidMessage
Verifier([root]).verify_message(octets)         the same for a station's own code, thread-safe
SignedList.parse(octets).verify(root, at)       raises InvalidList
SignedLink.parse(octets).verify(old, new, at)   raises InvalidLink
profile("EA").build_tbs(...)                    what is signed next; lint_tbs looks it over
"""

from v2xpki.trust import permissions, regions, validity
from v2xpki.trust.chain import TrustStore, build_chain, verify_chain, verify_ticket
from v2xpki.trust.links import SignedLink
from v2xpki.trust.lint import Finding, Rule, detect_kind, lint_certificate, lint_tbs
from v2xpki.trust.lists import (
    AaEntry,
    CrlSchedule,
    CtlSchedule,
    DcEntry,
    EaEntry,
    EctlSchedule,
    RcaEntry,
    SignedList,
    TlmEntry,
    build_crl,
    build_ctl,
    build_ectl,
)
from v2xpki.trust.messages import ReplayWindow, VerifiedMessage, Window, verify_message
from v2xpki.trust.profiles import (
    CertificateProfile,
    Profiles,
    StationProfile,
    profile,
    station_profile,
)
from v2xpki.trust.reasons import ChainRule, LinkRule, ListRule, MessageRule
from v2xpki.trust.verifier import Verifier

__all__ = [
    "AaEntry",
    "CertificateProfile",
    "ChainRule",
    "CrlSchedule",
    "CtlSchedule",
    "DcEntry",
    "EaEntry",
    "EctlSchedule",
    "Finding",
    "LinkRule",
    "ListRule",
    "MessageRule",
    "Profiles",
    "RcaEntry",
    "ReplayWindow",
    "Rule",
    "SignedLink",
    "SignedList",
    "StationProfile",
    "TlmEntry",
    "TrustStore",
    "VerifiedMessage",
    "Verifier",
    "Window",
    "build_chain",
    "build_crl",
    "build_ctl",
    "build_ectl",
    "detect_kind",
    "lint_certificate",
    "lint_tbs",
    "permissions",
    "profile",
    "regions",
    "station_profile",
    "validity",
    "verify_chain",
    "verify_message",
    "verify_ticket",
]
