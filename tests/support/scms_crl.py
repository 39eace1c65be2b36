"""A root and a CRL signer of an SCMS, and CRLs of theirs, for tests."""

from collections.abc import Sequence
from typing import Any

from v2xpki import wire
from v2xpki.crypto import (
    Certificate,
    Curve,
    LinkedEntry,
    linkage_values,
    pre_linkage_values,
    seed_after,
    signature_record,
    signing_digest,
)
from v2xpki.errors import InvalidChain
from v2xpki.keystore import MemoryKey
from v2xpki.secured import sign
from v2xpki.trust.scms_crl import CrlSchedule, ScmsCrl, build_linked_crl
from v2xpki.trust.scms_profiles import CRL, scms_profile
from v2xpki.wire import dot2

NOW = 720_000_123
DAY = 86_400
LA1, LA2 = b"\0\1", b"\0\2"


class SignerTrust:
    """A CrlTrust over certificates of one root: signatures and times of a chain, nothing of profiles."""

    def __init__(self, root: Certificate, *others: Certificate) -> None:
        self.root, self.known = root, {one.hashed_id8: one for one in (root, *others)}

    def certificate(self, hashed_id8: bytes) -> Certificate | None:
        return self.known.get(hashed_id8)

    def path(self, certificate: Certificate, at: int) -> Sequence[Certificate]:
        path = [certificate]
        while not path[-1].is_self_signed:
            above = self.known.get(path[-1].issuer_id8 or b"")
            if above is None:
                raise InvalidChain(f"issuer of {path[-1].hex8} is not there", rule="chain")
            path[-1].verify_signature(above)
            path.append(above)
        if path[-1] != self.root:
            raise InvalidChain("another root", rule="anchor")
        if any(not one.start <= at < one.end for one in path):
            raise InvalidChain("not in force", rule="expired")
        return path


class CrlPki:
    """One root with its CRL signer."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now
        self.root_key, self.key = (MemoryKey.generate(Curve.NIST_P256) for _ in range(2))
        self.root = self.certify("SCMS_ROOT", self.root_key, None)
        self.signer = self.certify("CRLG", self.key, self.root)
        self.trust = SignerTrust(self.root, self.signer)

    def certify(self, kind: str, key: MemoryKey, issuer: Certificate | None, **fields: Any) -> Certificate:
        tbs = (
            scms_profile(kind)
            .build_tbs(verification_key=key.public_key, now=self.now, issuer=issuer, name=kind.lower())
            ._replace(**fields)
        )
        return self.signed(tbs, issuer)

    def signed(self, tbs: dot2.ToBeSignedCertificate, issuer: Certificate | None) -> Certificate:
        named: Any = (
            dot2.IssuerIdentifier("self", "sha256")
            if issuer is None
            else dot2.IssuerIdentifier("sha256AndDigest", issuer.hashed_id8)
        )
        digest = signing_digest("sha256", wire.encode(tbs), b"" if issuer is None else issuer.octets)
        signature = signature_record(Curve.NIST_P256, self.root_key.sign(digest))
        return Certificate.of(dot2.CertificateBase(3, "explicit", named, tbs, signature))

    def schedule(self, issue_date: int | None = None, series: int = 1) -> CrlSchedule:
        issued = self.now if issue_date is None else issue_date
        return CrlSchedule(self.root.hashed_id8, series, issued, issued + 7 * DAY)

    def crl(self, contents: dot2.CrlContents, **options: Any) -> ScmsCrl:
        chosen = {
            "header": dot2.HeaderInfo(psid=CRL), "certificate": self.signer, "identifier": "digest",
        } | options  # fmt: skip
        key = chosen.pop("key", self.key)
        return ScmsCrl.parse(sign(key, chosen.pop("header"), payload=wire.encode(contents), **chosen))

    def linked(self, i_rev: int, entries: Any, issue_date: int | None = None) -> ScmsCrl:
        return self.crl(build_linked_crl(self.schedule(issue_date), i_rev, 0, entries))


def values_of(entry: LinkedEntry, i: int, count: int) -> list[bytes]:
    """Linkage values of a vehicle `i` periods after its entry, the long way."""
    ones, others = (
        pre_linkage_values(la, seed_after(la, seed, i), range(count))
        for la, seed in ((entry.la_id1, entry.seed1), (entry.la_id2, entry.seed2))
    )
    return linkage_values(ones, others)


def pseudonym(pki: CrlPki, i: int, value: bytes, **fields: Any) -> Certificate:
    """A certificate with linkage data, as the receiver's check looks at it; its signature does not count."""
    tbs = scms_profile("CRLG").build_tbs(
        verification_key=pki.key.public_key, now=pki.now, issuer=pki.root, name="x"
    )
    tbs = tbs._replace(
        id=dot2.CertificateId("linkageData", dot2.LinkageData(i, value)),
        craca_id=pki.root.hashed_id3,
        crl_series=1,
    )._replace(**fields)
    return Certificate.of(
        dot2.CertificateBase(
            3,
            "explicit",
            dot2.IssuerIdentifier("sha256AndDigest", pki.root.hashed_id8),
            tbs,
            signature_record(Curve.NIST_P256, b"\1" * 64),
        )
    )
