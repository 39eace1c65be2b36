"""The PKI as a station sees it: from a pinned TLM down to the EA, the AA and what is revoked.

    TLM certificate -> ECTL (signed by it) -> root certificates and distribution centres
    root -> CTL (EA, AA and their URLs) and CRL (signed by it)

One walk serves both ends: `source` fetches each document, or reads what was stored when there is no
network. Everything is verified on the way, stored documents too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from v2xpki.crypto import Certificate
from v2xpki.errors import (
    ConfigError,
    CryptoError,
    DecodeError,
    InvalidChain,
    InvalidList,
    SecuredError,
    StationError,
)
from v2xpki.station import http
from v2xpki.station.errors import Unreachable, Untrusted
from v2xpki.time import iso_from_time32
from v2xpki.trust.chain import TrustStore
from v2xpki.trust.lists import AaEntry, DcEntry, EaEntry, ListKind, RcaEntry, SignedList

# document name, URL, content type -> octets
Source = Callable[[str, str, str], bytes]
# document name -> octets stored before
Previous = Callable[[str], bytes | None]
CTL_PSID = 624
_TLM_SSP = b"\x01\xc8"
_MOST_ROOTS = 64  # that are followed
_TYPES: dict[ListKind, str] = {"ectl": http.OCTETS, "ctl": http.CTL, "crl": http.CRL}


class Access(NamedTuple):
    """An authority's certificate and the URL that takes requests of stations."""

    certificate: Certificate
    url: str


@dataclass(frozen=True)
class Pki:
    """What was verified. next_update: TAI seconds from when on it has to be fetched anew.

    Where the CTL has no EA or AA in force, e.g. since it is revoked, the rest counts all the same: a station
    that goes on with older lists would go on trusting what they do not know to be revoked.
    """

    tlm: Certificate
    root: Certificate
    enrolment: Access | None
    authorization: Access | None
    authorities: tuple[Certificate, ...]  # all EAs and AAs of all roots that verified
    trust: TrustStore
    next_update: int
    problems: tuple[str, ...] = ()  # what of other roots did not verify, or was not to be had
    aas: tuple[Access, ...] = ()  # all AAs in force that take requests, of all roots
    documents: Mapping[str, bytes] = field(default_factory=dict)  # by name, what was verified: to be kept

    @property
    def ea(self) -> Access:
        """Raises Untrusted where there is none."""
        return _present(self.enrolment, "EA")

    @property
    def aa(self) -> Access:
        """Raises Untrusted where there is none."""
        return _present(self.authorization, "AA")


@dataclass(frozen=True)
class Where:
    """Where to begin and what to trust.

    cpoc: URL of the CPOC. tlm: HashedId8 of the TLM's certificate, or the certificate: the pin. root: which
    root to enrol under, HashedId8; needed where the ECTL has several. ea, aa: URLs instead of the CTL's.
    ectl: an ECTL that is there already, instead of the CPOC's; the pin has to be the certificate then.
    """

    cpoc: str
    tlm: bytes | Certificate
    root: bytes | None = None
    ea: str | None = None
    aa: str | None = None
    ectl: bytes | None = None

    def __post_init__(self) -> None:
        if self.ectl is not None and isinstance(self.tlm, bytes):
            raise ConfigError("an ECTL at hand needs the TLM's certificate as the pin, not its HashedId8")


@dataclass(frozen=True)
class Trusted:
    """What an ECTL vouches for. centres: root's HashedId8 -> URLs of where its CTL and CRL are.

    next_update: TAI seconds from when on the ECTL has to be replaced. problems: roots left out, and why.
    """

    tlm: Certificate
    roots: tuple[Certificate, ...]
    centres: Mapping[bytes, tuple[str, ...]]
    next_update: int
    problems: tuple[str, ...] = ()

    def trust(self) -> TrustStore:
        """A store that trusts the roots; their authorities are for their CTLs, or peers, to bring."""
        return TrustStore(self.roots)


@dataclass
class _Walk:
    where: Where
    source: Source
    previous: Previous
    at: int
    expired: bool
    authorities: list[Certificate] = field(default_factory=list)
    below: dict[bytes, bytes] = field(default_factory=dict)  # HashedId8 of a certificate -> of its root
    revoked: dict[bytes, frozenset[bytes]] = field(default_factory=dict)  # root -> its CRL
    problems: list[str] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict)


def discover(
    where: Where,
    source: Source,
    at: int,
    *,
    previous: Previous = lambda name: None,
    expired: bool = False,
) -> Pki:
    """Walk down from the TLM at time `at` (TAI seconds). Raises Untrusted, Unreachable.

    A list older than the one that `previous` has of the same signer is refused as a rollback. What of
    roots other than the own one fails is a problem noted, not an error: what `previous` has of them counts as
    long as it is in force, else their stations stay strangers.
    expired: accept lists whose nextUpdate has passed, for a station that has long been out of reach.
    """
    walk = _Walk(where, source, previous, at, expired)
    tlm = _tlm(walk)
    cpoc = where.cpoc.rstrip("/")
    ectl = _list(walk, "ectl", f"{cpoc}/getectl/{tlm.hex8}", tlm)
    roots = {e.certificate.hashed_id8: e.certificate for e in ectl.entries if isinstance(e, RcaEntry)}
    centres = [entry for entry in ectl.entries if isinstance(entry, DcEntry)]
    root = _own_root(walk, roots)
    lists = {root.hashed_id8: _lists_of(walk, root, centres)}
    for id8, other in roots.items():
        if id8 == root.hashed_id8:
            continue
        try:
            if len(lists) == _MOST_ROOTS:
                raise Untrusted(f"more than {_MOST_ROOTS} roots on the ECTL", rule="size")
            lists[id8] = _lists_of_other(walk, other, centres)
        except StationError as error:
            walk.problems.append(f"root {other.hex8}: {error}")
    trust = _trust(walk, [roots[id8] for id8 in lists])
    for id8, ctl in lists.items():
        _add_authorities(walk, trust, ctl, own=id8 == root.hashed_id8)
    own = lists[root.hashed_id8]
    ea = _choose(trust, own, "EA", where.ea, at)
    aa = _choose(trust, own, "AA", where.aa, at)
    return Pki(
        tlm,
        root,
        ea,
        aa,
        tuple(walk.authorities),
        trust,
        min(walk.updates),
        tuple(walk.problems),
        tuple(access for ctl in lists.values() for access in _accesses(trust, ctl, "AA", None, at)),
        walk.documents,
    )


def follow_ectl(octets: bytes, tlm: Certificate, at: int, *, expired: bool = False) -> Trusted:
    """What an ECTL from a file or anywhere vouches for at time `at`, under the pinned TLM. Raises Untrusted.

    No network: for stations whose trust comes with their software, and for following another PKI's ECTL.
    A root that is not in force or does not verify is left out and noted. expired: as for discover.
    """
    walk = _Walk(Where("", tlm, ectl=octets), _nowhere, lambda name: None, at, expired)
    _check_tlm(walk, tlm)
    ectl = _list(walk, "ectl", "ECTL", tlm)
    roots = []
    for entry in ectl.entries:
        if isinstance(entry, RcaEntry):
            try:
                _check_self_signed(entry.certificate, at, "root")
                roots.append(entry.certificate)
            except Untrusted as error:
                walk.problems.append(str(error))
    centres = {root.hashed_id8: _urls(root, ectl) for root in roots}
    return Trusted(tlm, tuple(roots), centres, ectl.next_update, tuple(walk.problems))


def _nowhere(name: str, _url: str, _type: str) -> bytes:
    raise Unreachable(f"{name} is not at hand")


def _urls(root: Certificate, ectl: SignedList) -> tuple[str, ...]:
    centres = (entry for entry in ectl.entries if isinstance(entry, DcEntry))
    return tuple(entry.url.rstrip("/") for entry in centres if root.hashed_id8 in entry.roots)


def _tlm(walk: _Walk) -> Certificate:
    pin = walk.where.tlm
    if walk.where.ectl is not None and isinstance(pin, Certificate):
        return _check_tlm(walk, pin)
    id8 = pin if isinstance(pin, bytes) else pin.hashed_id8
    name = id8.hex().upper()
    octets = walk.source("tlm", f"{walk.where.cpoc.rstrip('/')}/gettlmcertificate/{name}", http.OCTETS)
    tlm = _parsed(octets, "TLM certificate")
    if tlm.hashed_id8 != id8 or (isinstance(pin, Certificate) and tlm != pin):
        raise Untrusted(f"the CPOC's TLM is {tlm.hex8}, pinned is {name}", rule="pin")
    walk.documents["tlm"] = octets
    return _check_tlm(walk, tlm)


def _check_tlm(walk: _Walk, tlm: Certificate) -> Certificate:
    _check_self_signed(tlm, walk.at, "TLM")
    ssp = tlm.app_permissions.get(CTL_PSID)
    if ssp is None or ssp.value != _TLM_SSP or tlm.record.to_be_signed.cert_issue_permissions is not None:
        raise Untrusted(f"{tlm.hex8} is not of a TLM's profile", rule="profile")
    return tlm


def _own_root(walk: _Walk, roots: dict[bytes, Certificate]) -> Certificate:
    wanted = walk.where.root
    names = ", ".join(root.hex8 for root in roots.values()) or "none"
    if wanted is None:
        if len(roots) != 1:
            raise Untrusted(
                f"which root? The ECTL has {names}", rule="root", hint="name one by its HashedId8"
            )
        return next(iter(roots.values()))
    if wanted not in roots:
        raise Untrusted(f"root {wanted.hex().upper()} is not in the ECTL, which has {names}", rule="root")
    return roots[wanted]


def _lists_of(walk: _Walk, root: Certificate, centres: list[DcEntry]) -> SignedList:
    """The root's CTL; its CRL is remembered."""
    _check_self_signed(root, walk.at, "root")
    urls = [entry.url.rstrip("/") for entry in centres if root.hashed_id8 in entry.roots]
    if not urls:
        raise Untrusted(f"no DC entry of the ECTL names root {root.hex8}", rule="dc")
    failed: StationError | None = None
    for url in urls:
        try:
            ctl = _list(walk, "ctl", f"{url}/getctl/{root.hex8}", root)
            crl = _list(walk, "crl", f"{url}/getcrl/{root.hex8}", root)
        except Unreachable as error:
            failed = error
            continue
        if root.hashed_id8 in crl.revoked:
            raise Untrusted(f"root {root.hex8} has revoked itself", rule="revoked")
        walk.revoked[root.hashed_id8] = crl.revoked
        walk.below[root.hashed_id8] = root.hashed_id8
        for entry in ctl.entries:
            if isinstance(entry, EaEntry | AaEntry):
                walk.below.setdefault(entry.certificate.hashed_id8, root.hashed_id8)
        return ctl
    assert failed is not None
    raise failed


def _lists_of_other(walk: _Walk, root: Certificate, centres: list[DcEntry]) -> SignedList:
    """As _lists_of, for another root than the own: where its centre is away, what was stored before."""
    try:
        return _lists_of(walk, root, centres)
    except Unreachable as error:
        walk.problems.append(f"root {root.hex8}: {error}")

    def stored(name: str, _url: str, _type: str) -> bytes:
        octets = walk.previous(name)
        if octets is None:
            raise Unreachable(f"{name} was never fetched")
        return octets

    return _lists_of(replace(walk, source=stored), root, centres)


def _list(walk: _Walk, wanted: ListKind, url: str, signer: Certificate) -> SignedList:
    name = "ectl" if wanted == "ectl" else f"{wanted}-{signer.hex8}"
    octets = walk.where.ectl if wanted == "ectl" else None
    if octets is None:
        octets = walk.source(name, url, _TYPES[wanted])
    try:
        found = SignedList.parse(octets)
        if found.kind != wanted:
            raise Untrusted(f"{url}: a {found.kind.upper()} where a {wanted.upper()} belongs", rule="kind")
        found.verify(signer, walk.at, expired=walk.expired)
    except InvalidList as error:
        raise Untrusted(f"{url}: {error}", rule=error.rule, hint=error.hint) from error
    except (CryptoError, DecodeError, SecuredError) as error:
        raise Untrusted(f"{url}: {error}", rule="list") from error
    if not found.is_full:
        raise Untrusted(f"{url}: a delta where the full list belongs", rule="delta")
    _check_rollback(walk, name, url, found, signer)
    walk.updates.append(found.next_update)
    walk.documents[name] = octets
    return found


def _check_rollback(walk: _Walk, name: str, url: str, found: SignedList, signer: Certificate) -> None:
    octets = walk.previous(name)
    if octets is None:
        return
    try:
        before = SignedList.parse(octets)
        before.verify(signer, walk.at, expired=True)
    except (CryptoError, DecodeError, SecuredError, InvalidList):
        return  # of another signer, or damaged: nothing to hold the new one against
    if found.this_update < before.this_update:
        raise Untrusted(
            f"{url}: of {iso_from_time32(found.this_update)}, older than the one of "
            f"{iso_from_time32(before.this_update)} that was here before",
            rule="rollback",
        )


def _trust(walk: _Walk, roots: list[Certificate]) -> TrustStore:
    # a root revokes what is below it, and nothing below another root
    revoked = {
        id8 for root, entries in walk.revoked.items() for id8 in entries if walk.below.get(id8, root) == root
    }
    return TrustStore(roots, revoked=frozenset(revoked))


def _add_authorities(walk: _Walk, trust: TrustStore, ctl: SignedList, *, own: bool) -> None:
    for entry in ctl.entries:
        if not isinstance(entry, EaEntry | AaEntry):
            continue
        try:
            trust.add(entry.certificate, walk.at)
            walk.authorities.append(entry.certificate)
        except InvalidChain as error:
            walk.problems.append(f"{'own' if own else 'other'} CTL, {entry.certificate.hex8}: {error}")


def _present(access: Access | None, role: str) -> Access:
    if access is None:
        raise Untrusted(f"the CTL has no {role} in force that takes requests of stations", rule="authority")
    return access


def _choose(trust: TrustStore, ctl: SignedList, role: str, url: str | None, at: int) -> Access | None:
    """The newest authority in force that takes requests; `url` instead of its own."""
    found = _accesses(trust, ctl, role, url, at)
    return max(found, key=lambda access: access.certificate.start, default=None)


def _accesses(trust: TrustStore, ctl: SignedList, role: str, url: str | None, at: int) -> list[Access]:
    found: list[Access] = []
    for entry in ctl.entries:
        if role == "EA" and isinstance(entry, EaEntry):
            point = url or entry.its_access_point
        elif role == "AA" and isinstance(entry, AaEntry):
            point = url or entry.access_point
        else:
            continue
        certificate = entry.certificate
        known = trust.issuer(certificate.hashed_id8) is not None
        if point and known and certificate.start <= at < certificate.end and certificate.encryption_key:
            found.append(Access(certificate, point))
    return found


def _parsed(octets: bytes, what: str) -> Certificate:
    try:
        return Certificate.parse(octets)
    except (CryptoError, DecodeError) as error:
        raise Untrusted(f"{what}: {error}", rule="decode") from error


def _check_self_signed(certificate: Certificate, at: int, what: str) -> None:
    try:
        certificate.verify_signature(None)
    except CryptoError as error:
        raise Untrusted(f"{what} {certificate.hex8}: {error}", rule="signature") from error
    if not certificate.start <= at < certificate.end:
        raise Untrusted(
            f"{what} {certificate.hex8} is valid from {iso_from_time32(certificate.start)} "
            f"to {iso_from_time32(certificate.end)} only",
            rule="expired",
        )
