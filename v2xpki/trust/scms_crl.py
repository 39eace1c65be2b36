"""CRLs of an SCMS (IEEE 1609.2 7.3): made, read and verified. By the hash of a certificate, or by linkage.

    contents = build_linked_crl(CrlSchedule(craca, 1, now, now + week), i_rev, 0, entries)
    crl = ScmsCrl.parse(octets);  crl.verify(trust, at)         raises InvalidCrl, whose rule is a CrlRule

A CRL is the whole of one series of one CRACA: of a series there are linked CRLs or hash CRLs, never both. A
linked CRL has one iRev; the seeds of all its entries are of that period, so nothing before it can be tied.

jmax is the number of a vehicle's certificates in a period, as deployments publish it; receivers look for each
j in range(jmax + 1), so that a CRL whose jmax is the last j is understood, too.

octets: HashedId8 of the CRACA 8, HashedId10 10, la ids 2, seeds 16. Times are TAI seconds since 2004.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple, Protocol

from v2xpki import wire
from v2xpki.crypto import Certificate, LinkedEntry
from v2xpki.errors import InvalidChain, InvalidCrl, InvalidSignature, UnexpectedContent
from v2xpki.secured import SignedMessage
from v2xpki.time import iso_from_time32
from v2xpki.trust.reasons import CrlRule
from v2xpki.trust.scms_profiles import CRL, role_of
from v2xpki.wire import dot2

VERSION = 1
Family = Literal["linked", "hash"]
_FAMILIES: dict[str, Family] = {"fullHashCrl": "hash", "deltaHashCrl": "hash", "fullLinkedCrl": "linked"}
_SKEW = 60  # seconds by which a reader's clock may be behind
_UINT8, _UINT16, _UINT32 = 0xFF, 0xFFFF, 0xFFFFFFFF


class CrlTrust(Protocol):
    """How a reader of CRLs gets at their signers: the trust anchors of an SCMS are behind it."""

    def certificate(self, hashed_id8: bytes) -> Certificate | None:
        """A certificate that is named by its digest; None for one that is not known."""
        ...

    def path(self, certificate: Certificate, at: int) -> Sequence[Certificate]:
        """The verified chain, the certificate first, a trusted root last. Raises InvalidChain."""
        ...


class Issuers(Protocol):
    """Trusted roots, and what was verified under them: a TrustStore of scms_chain.py, an ScmsTrust."""

    def issuer(self, id8: bytes) -> Certificate | None:
        """A known CA certificate."""
        ...

    def verify(self, certificate: Certificate, at: int) -> None:
        """Raise InvalidChain unless a certificate is in force under a known CA."""
        ...


class KnownSigners:
    """A CrlTrust over Issuers, and the certificates of CRL signers, which are trusted for nothing."""

    def __init__(self, issuers: Issuers, certificates: Iterable[Certificate] = ()) -> None:
        self._issuers = issuers
        self._known = {certificate.hashed_id8: certificate for certificate in certificates}

    def certificate(self, hashed_id8: bytes) -> Certificate | None:
        return self._known.get(hashed_id8) or self._issuers.issuer(hashed_id8)

    def path(self, certificate: Certificate, at: int) -> Sequence[Certificate]:
        if not certificate.is_self_signed:
            self._issuers.verify(certificate, at)
        elif self._issuers.issuer(certificate.hashed_id8) != certificate:
            raise InvalidChain(f"root {certificate.hex8} is not trusted", rule="anchor")
        elif not certificate.start <= at < certificate.end:
            raise InvalidChain(f"root {certificate.hex8} is not in force", rule="expired")
        path = [certificate]
        while not path[-1].is_self_signed:
            above = self._issuers.issuer(path[-1].issuer_id8 or b"")
            if above is None:
                raise InvalidChain(f"issuer of {path[-1].hex8} is not known", rule="chain")
            path.append(above)
        return path


@dataclass(frozen=True)
class CrlSchedule:
    """Whose CRL it is, and when it holds. craca: HashedId8; series 1 to 65535."""

    craca: bytes
    series: int
    issue_date: int
    next_crl: int

    def __post_init__(self) -> None:
        if len(self.craca) != 8:
            raise InvalidCrl(f"crlCraca of {len(self.craca)} octets: 8 belong there", rule=CrlRule.CRACA)
        if not 1 <= self.series <= _UINT16:
            raise InvalidCrl(f"crlSeries {self.series} is not within 1..65535", rule=CrlRule.SERIES)
        _check_times(self.issue_date, self.next_crl)


class LinkedRevocation(NamedTuple):
    """A vehicle: both seeds of the CRL's iRev, its last period, how many certificates a period it has."""

    entry: LinkedEntry
    i_max: int
    j_max: int


class HashRevocation(NamedTuple):
    """A certificate by its HashedId10, and its end."""

    id10: bytes
    expiry: int


def build_linked_crl(
    schedule: CrlSchedule, i_rev: int, index: int, entries: Iterable[LinkedRevocation]
) -> dot2.CrlContents:
    """A fullLinkedCrl. All seeds are those of i_rev. index: which CRL of this iRev it is, from 0 on.

    Entries are put in the order of their octets, which tells nothing of who was revoked when. Raises
    InvalidCrl for an entry that ends before i_rev or is there twice, or a number beyond its field.
    """
    if not 0 <= i_rev <= _UINT16 or not 0 <= index <= _UINT8:
        raise InvalidCrl(f"iRev {i_rev}, indexWithinI {index}", rule=CrlRule.ENTRY)
    ordered = sorted(entries, key=lambda one: (one.j_max, one.entry.la_id1, one.entry.la_id2, one.i_max, one))
    if len({one.entry for one in ordered}) != len(ordered):
        raise InvalidCrl("an entry twice", rule=CrlRule.ENTRY)
    for one in ordered:
        if not i_rev <= one.i_max <= _UINT16 or not 1 <= one.j_max <= _UINT8:
            raise InvalidCrl(f"iMax {one.i_max}, jmax {one.j_max} with iRev {i_rev}", rule=CrlRule.ENTRY)
    groups = tuple(
        dot2.JMaxGroup(j_max, tuple(_la_groups(same)))
        for j_max, same in groupby(ordered, lambda one: one.j_max)
    )
    body = dot2.ToBeSignedLinkageValueCrl(i_rev=i_rev, index_within_i=index, individual=groups)
    return _contents(schedule, dot2.TypeSpecificCrlContents("fullLinkedCrl", body))


def _la_groups(entries: Iterable[LinkedRevocation]) -> Iterable[dot2.LAGroup]:
    for (la1, la2), of_las in groupby(entries, lambda one: (one.entry.la_id1, one.entry.la_id2)):
        inside = tuple(
            dot2.IMaxGroup(
                i_max,
                tuple(dot2.IndividualRevocation(one.entry.seed1, one.entry.seed2) for one in same),
            )
            for i_max, same in groupby(of_las, lambda one: one.i_max)
        )
        yield dot2.LAGroup(la1, la2, inside)


def build_hash_crl(schedule: CrlSchedule, serial: int, entries: Iterable[HashRevocation]) -> dot2.CrlContents:
    """A fullHashCrl. serial: which CRL of its series it is. Raises InvalidCrl as build_linked_crl."""
    ordered = sorted(entries)
    if not 0 <= serial <= _UINT32 or len({one.id10 for one in ordered}) != len(ordered):
        raise InvalidCrl(f"crlSerial {serial} beyond its field, or an entry twice", rule=CrlRule.ENTRY)
    for one in ordered:
        if len(one.id10) != 10 or not 0 <= one.expiry <= _UINT32:
            raise InvalidCrl(f"entry {one.id10.hex()} until {one.expiry}", rule=CrlRule.ENTRY)
    body = dot2.ToBeSignedHashIdCrl(serial, tuple(dot2.HashBasedRevocationInfo(*one) for one in ordered))
    return _contents(schedule, dot2.TypeSpecificCrlContents("fullHashCrl", body))


def _contents(schedule: CrlSchedule, specific: dot2.TypeSpecificCrlContents) -> dot2.CrlContents:
    return dot2.CrlContents(
        version=VERSION,
        crl_series=schedule.series,
        crl_craca=schedule.craca,
        issue_date=schedule.issue_date,
        next_crl=schedule.next_crl,
        priority_info=dot2.CrlPriorityInfo(),
        type_specific=specific,
    )


# --- reading ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScmsCrl:
    """A SecuredCrl. Parsing trusts nothing; `verify` does."""

    message: SignedMessage
    contents: dot2.CrlContents
    octets: bytes

    @classmethod
    def parse(cls, octets: bytes) -> "ScmsCrl":
        """Raises DecodeError, UnexpectedContent for what is no signed message, InvalidCrl for what is no
        CRL of a kind that is read here: full or delta by hash, full by linkage of individuals."""
        message = SignedMessage.parse(octets)
        if message.header.psid != CRL:
            raise UnexpectedContent(f"a message of psid {message.header.psid} instead of a CRL's {CRL}")
        contents = wire.decode(dot2.CrlContents, message.payload)
        if contents.version != VERSION:
            raise InvalidCrl(f"version {contents.version} instead of {VERSION}", rule=CrlRule.VERSION)
        specific = contents.type_specific
        body = specific.value
        # Whoever took no notice of entries in forms unknown to it would accept what is revoked.
        if specific.kind not in _FAMILIES:
            raise InvalidCrl(f"a CRL of kind {specific.kind}", rule=CrlRule.FORM)
        if isinstance(body, dot2.ToBeSignedLinkageValueCrl):
            single = any(group.single_seed for _, las in _las(body) for group in las.contents)
            if body.groups or body.groups_single_seed or single:
                raise InvalidCrl("entries of groups, or of a single seed", rule=CrlRule.FORM)
        return cls(message, contents, octets)

    @property
    def family(self) -> Family:
        return _FAMILIES[self.contents.type_specific.kind]

    @property
    def is_full(self) -> bool:
        return self.contents.type_specific.kind != "deltaHashCrl"

    @property
    def craca(self) -> bytes:
        """HashedId8."""
        return self.contents.crl_craca

    @property
    def series(self) -> int:
        return self.contents.crl_series

    @property
    def issue_date(self) -> int:
        return self.contents.issue_date

    @property
    def next_crl(self) -> int:
        return self.contents.next_crl

    @property
    def i_rev(self) -> int | None:
        """Of a linked CRL."""
        body = self.contents.type_specific.value
        return None if isinstance(body, dot2.ToBeSignedHashIdCrl) else body.i_rev

    @property
    def number(self) -> int:
        """crlSerial of a hash CRL, indexWithinI of a linked one."""
        body = self.contents.type_specific.value
        return body.crl_serial if isinstance(body, dot2.ToBeSignedHashIdCrl) else body.index_within_i

    @property
    def linked(self) -> list[LinkedRevocation]:
        """The entries of a linked CRL; none of a hash CRL."""
        body = self.contents.type_specific.value
        if not isinstance(body, dot2.ToBeSignedLinkageValueCrl):
            return []
        return [
            LinkedRevocation(
                LinkedEntry(las.la1_id, las.la2_id, seeds.linkage_seed1, seeds.linkage_seed2),
                group.i_max,
                j_max,
            )
            for j_max, las in _las(body)
            for group in las.contents
            for seeds in group.contents
        ]

    @property
    def hashes(self) -> list[HashRevocation]:
        """The entries of a hash CRL; none of a linked one."""
        body = self.contents.type_specific.value
        if not isinstance(body, dot2.ToBeSignedHashIdCrl):
            return []
        return [HashRevocation(entry.id, entry.expiry) for entry in body.entries]

    @property
    def signer_id8(self) -> bytes | None:
        """HashedId8 that the signer field names, by digest or by certificate."""
        certificates = self.message.signer_certificates
        return certificates[0].hashed_id8 if certificates else self.message.signer_digest

    def verify(
        self, trust: CrlTrust, at: int, *, series: int | None = None, expired: bool = False
    ) -> Certificate:
        """The signer, which is trusted to issue this CRL, in force at `at`. Raises InvalidCrl.

        The signer holds psid 256 and is the CRACA, or has it in its chain. series: refuse one of another.
        expired: accept one whose nextCrl has passed, for reading the past.
        """
        self._check_header()
        if series is not None and self.series != series:
            raise InvalidCrl(f"CRL of series {self.series}, not {series}", rule=CrlRule.SERIES)
        signer = self._signer(trust)
        _check_times(self.issue_date, self.next_crl)
        try:
            path = trust.path(signer, at if not expired else min(at, self.issue_date))
        except InvalidChain as error:
            raise InvalidCrl(f"signer {signer.hex8}: {error}", rule=CrlRule.CHAIN) from error
        check_signer(signer)
        if all(above.hashed_id8 != self.craca for above in path):
            raise InvalidCrl(
                f"signer {signer.hex8} does not come from the CRACA {self.craca.hex().upper()}",
                rule=CrlRule.CRACA,
            )
        try:
            self.message.verify(signer.verification_key, signer)
        except InvalidSignature as error:
            raise InvalidCrl(f"not signed by {signer.hex8}: {error}", rule=CrlRule.SIGNATURE) from error
        self._check_now(signer, at, expired=expired)
        return signer

    def _check_header(self) -> None:
        others = [
            name
            for name, value in self.message.header._asdict().items()
            if value is not None and name != "psid"
        ]
        if others:
            raise InvalidCrl(f"CRL header: psid alone, not {', '.join(others)}", rule=CrlRule.HEADER)

    def _signer(self, trust: CrlTrust) -> Certificate:
        certificates = self.message.signer_certificates
        if len(certificates) > 1 or self.message.is_self_signed:
            raise InvalidCrl("a CRL's signer is one digest or one certificate", rule=CrlRule.SIGNER)
        if certificates:
            return certificates[0]
        digest = self.message.signer_digest or b""
        found = trust.certificate(digest)
        if found is None or found.hashed_id8 != digest:
            raise InvalidCrl(f"signer {digest.hex().upper()} is not known", rule=CrlRule.UNKNOWN_SIGNER)
        return found

    def _check_now(self, signer: Certificate, at: int, *, expired: bool) -> None:
        if not signer.start <= self.issue_date < signer.end:
            raise InvalidCrl(
                f"issued {iso_from_time32(self.issue_date)}, outside the validity of its signer",
                rule=CrlRule.SCHEDULE,
            )
        if at < self.issue_date - _SKEW:
            raise InvalidCrl(f"issued {iso_from_time32(self.issue_date)}", rule=CrlRule.NOT_YET_VALID)
        if at >= self.next_crl and not expired:
            raise InvalidCrl(
                f"was to be replaced by {iso_from_time32(self.next_crl)}",
                rule=CrlRule.OUT_OF_DATE,
                hint="fetch the current one",
            )


def check_signer(certificate: Certificate) -> None:
    """Raise InvalidCrl unless a certificate may sign CRLs: psid 256 without an SSP, which would narrow it in
    a way that is not read here; and no role of psid 35 but that of a CRL signer or a root."""
    held = certificate.app_permissions
    role = role_of(certificate)
    if CRL not in held or held[CRL] is not None or (role is not None and role.kind not in ("crl", "root")):
        raise InvalidCrl(f"{certificate.hex8} is not one that signs CRLs", rule=CrlRule.SIGNER_PERMISSIONS)


def _las(body: dot2.ToBeSignedLinkageValueCrl) -> Iterable[tuple[int, dot2.LAGroup]]:
    for group in body.individual or ():
        for las in group.contents:
            yield group.jmax, las


def _check_times(issue_date: int, next_crl: int) -> None:
    if not 0 <= issue_date < next_crl <= _UINT32:
        raise InvalidCrl(
            f"nextCrl {next_crl} is not after issueDate {issue_date}, or one is no Time32",
            rule=CrlRule.SCHEDULE,
        )
