"""The PKI as a station sees it: from a pinned TLM down to the EA, the AA and what is revoked.

    TLM certificate -> ECTL (signed by it) -> root certificates and distribution centres
    root -> CTL (EA, AA and their URLs) and CRL (signed by it)
    TLM -> its successor, root -> its successor (trust/succession.py)

One walk serves both ends: `source` fetches each document, or reads what was stored when there is no
network. Everything is verified on the way, stored documents too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from v2xpki.crypto import Certificate
from v2xpki.errors import (
    ConfigError,
    CryptoError,
    DecodeError,
    InvalidChain,
    InvalidLink,
    InvalidList,
    SecuredError,
    StationError,
)
from v2xpki.station import http
from v2xpki.station.errors import Unreachable, Untrusted
from v2xpki.time import iso_from_time32
from v2xpki.trust.chain import TrustStore
from v2xpki.trust.lists import AaEntry, DcEntry, EaEntry, ListKind, RcaEntry, SignedList
from v2xpki.trust.succession import root_successors, tlm_successors

# document name, URL, content type -> octets
Source = Callable[[str, str, str], bytes]
# document name -> octets stored before
Previous = Callable[[str], bytes | None]
CTL_PSID = 624
_TLM_SSP = b"\x01\xc8"
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
    # HashedId8 of TLMs and roots that were left for their successors just now
    former_tlms: tuple[bytes, ...] = ()
    former_roots: tuple[bytes, ...] = ()

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
    origin: the TLM that was pinned at first, where `tlm` is a successor that was followed to: documents of
    others than it carry their TLM's name. left: TLMs and roots that were left before, for good.
    """

    cpoc: str
    tlm: bytes | Certificate
    root: bytes | None = None
    ea: str | None = None
    aa: str | None = None
    ectl: bytes | None = None
    origin: bytes | None = None
    left: frozenset[bytes] = frozenset()

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


def discover(
    where: Where,
    source: Source,
    at: int,
    *,
    previous: Previous = lambda name: None,
    expired: bool = False,
    follow: bool = False,
) -> Pki:
    """Walk down from the TLM at time `at` (TAI seconds). Raises Untrusted, Unreachable.

    A list older than the one that `previous` has of the same signer is refused as a rollback. What of
    roots other than the own one fails is a problem noted, not an error: their stations stay strangers.
    expired: accept lists whose nextUpdate has passed, for a station that has long been out of reach.
    follow: go on to the successors of TLM and root, where there are any that verify and have lists; a link
    that must not be followed is a problem noted, and the anchor that was trusted stays.
    """
    walk = _Walk(where, source, previous, at, expired)
    tlms, ectl = _followed_ectl(walk, follow)
    listed = {e.certificate.hashed_id8: e for e in ectl.entries if isinstance(e, RcaEntry)}
    centres = [entry for entry in ectl.entries if isinstance(entry, DcEntry)]
    roots = _own_roots(walk, listed, centres, follow)
    lists: dict[bytes, SignedList] = {}
    failed: dict[bytes, StationError] = {}
    own_ids = [root.hashed_id8 for root in reversed(roots)]
    for id8 in (*own_ids, *(id8 for id8 in listed if id8 not in own_ids)):
        try:
            lists[id8] = _lists_of(walk, listed[id8].certificate, centres)
        except StationError as error:
            if len(own_ids) == 1 and id8 == own_ids[0]:
                raise
            failed[id8] = error
    trust = _trust(walk, [listed[id8].certificate for id8 in listed if id8 in lists])
    for id8, ctl in lists.items():
        _add_authorities(walk, trust, ctl, own=id8 in own_ids)
    own, ea, aa = _usable_root(walk, trust, own_ids, lists, failed)
    walk.problems += [f"root {listed[id8].certificate.hex8}: {error}" for id8, error in failed.items()]
    former = own_ids[own_ids.index(own) + 1 :]
    if where.root is not None and where.root not in (own, *former):
        former.append(where.root)
    return Pki(
        tlms[-1],
        listed[own].certificate,
        ea,
        aa,
        tuple(walk.authorities),
        trust,
        min(walk.updates),
        tuple(walk.problems),
        former_tlms=tuple(tlm.hashed_id8 for tlm in tlms[:-1]),
        former_roots=tuple(reversed(former)),
    )


def _usable_root(
    walk: _Walk,
    trust: TrustStore,
    candidates: list[bytes],
    lists: Mapping[bytes, SignedList],
    failed: dict[bytes, StationError],
) -> tuple[bytes, Access | None, Access | None]:
    """The newest of the own roots whose EA and AA take requests, or without one the newest that has lists.
    What of newer ones fails is in `failed`."""
    found = {
        id8: (
            _choose(trust, lists[id8], "EA", walk.where.ea, walk.at),
            _choose(trust, lists[id8], "AA", walk.where.aa, walk.at),
        )
        for id8 in candidates
        if id8 in lists
    }
    if not found:
        raise failed[candidates[-1]]
    whole = [id8 for id8, access in found.items() if None not in access]
    own = whole[0] if whole else next(iter(found))
    for id8, access in found.items():
        if id8 == own:
            break
        missing = " and ".join(role for role, one in zip(("EA", "AA"), access, strict=True) if one is None)
        failed[id8] = Untrusted(f"its CTL has no {missing} that takes requests", rule="access-point")
    return own, *found[own]


def _followed_ectl(walk: _Walk, follow: bool) -> tuple[list[Certificate], SignedList]:
    """The TLMs from the pinned one to the newest whose ECTL verifies, and that ECTL."""
    chain, cpoc = [_tlm(walk)], walk.where.cpoc.rstrip("/")
    if follow and walk.where.ectl is None:
        try:
            chain = tlm_successors(
                chain[0],
                lambda old: _link(walk, f"{cpoc}/gettlmlinkcertificate/{old.hex8}", old),
                lambda id8: _tlm_of(walk, id8),
                walk.at,
                left=walk.where.left,
            )
        except (StationError, InvalidLink) as error:
            walk.problems.append(str(error))
    while True:
        tlm = chain[-1]
        try:
            return chain, _list(walk, "ectl", f"{cpoc}/getectl/{tlm.hex8}", tlm)
        except StationError as error:
            if len(chain) == 1:
                raise
            walk.problems.append(f"TLM {tlm.hex8}: {error}")
            chain.pop()


def _own_roots(
    walk: _Walk, listed: Mapping[bytes, RcaEntry], centres: list[DcEntry], follow: bool
) -> list[Certificate]:
    """The own root and those that succeed it on the ECTL."""
    first = _own_root(walk, listed)
    if not follow:
        return [first]

    def link(old: Certificate) -> bytes | None:
        for url in (entry.url.rstrip("/") for entry in centres if old.hashed_id8 in entry.roots):
            try:
                octets = _link(walk, f"{url}/getrcalinkcertificate/{old.hex8}", old)
            except Unreachable as error:
                walk.problems.append(str(error))
                continue
            if octets is not None:
                return octets
        return None

    try:
        return root_successors(first, listed, link, walk.at, left=walk.where.left)
    except (StationError, InvalidLink) as error:
        walk.problems.append(str(error))
        return [first]


def _link(walk: _Walk, url: str, old: Certificate) -> bytes | None:
    """What is handed out as the link that `old` signed; None where there is none."""
    try:
        return walk.source(f"link-{old.hex8}", url, http.OCTETS)
    except Unreachable as error:
        if error.status is None:
            raise
        if error.status != 404:
            walk.problems.append(str(error))
        return None


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
    tlm = _tlm_of(walk, pin if isinstance(pin, bytes) else pin.hashed_id8)
    if isinstance(pin, Certificate) and tlm != pin:
        raise Untrusted(f"the CPOC's TLM is {tlm.hex8}, pinned is {pin.hex8}", rule="pin")
    return tlm


def _tlm_of(walk: _Walk, id8: bytes) -> Certificate:
    """The TLM certificate of this name: no other, and of a TLM's profile."""
    name = id8.hex().upper()
    url = f"{walk.where.cpoc.rstrip('/')}/gettlmcertificate/{name}"
    tlm = _parsed(walk.source(_name(walk, "tlm", id8), url, http.OCTETS), "TLM certificate")
    if tlm.hashed_id8 != id8:
        raise Untrusted(f"the CPOC's TLM is {tlm.hex8}, pinned is {name}", rule="pin")
    return _check_tlm(walk, tlm)


def _name(walk: _Walk, what: str, tlm: bytes) -> str:
    """The name of a TLM's document: what two TLMs have must not replace each other."""
    pin = walk.where.tlm
    origin = walk.where.origin or (pin if isinstance(pin, bytes) else pin.hashed_id8)
    return what if tlm == origin else f"{what}-{tlm.hex().upper()}"


def _check_tlm(walk: _Walk, tlm: Certificate) -> Certificate:
    _check_self_signed(tlm, walk.at, "TLM")
    ssp = tlm.app_permissions.get(CTL_PSID)
    if ssp is None or ssp.value != _TLM_SSP or tlm.record.to_be_signed.cert_issue_permissions is not None:
        raise Untrusted(f"{tlm.hex8} is not of a TLM's profile", rule="profile")
    return tlm


def _own_root(walk: _Walk, listed: Mapping[bytes, RcaEntry]) -> Certificate:
    wanted = walk.where.root
    names = ", ".join(entry.certificate.hex8 for entry in listed.values()) or "none"
    if wanted is None:
        # Roots that succeed one another are one root to a station that was told none.
        first = [
            e for e in listed.values() if e.successor_to is None or e.successor_to.hashed_id8 not in listed
        ]
        if len(first) != 1:
            raise Untrusted(
                f"which root? The ECTL has {names}", rule="root", hint="name one by its HashedId8"
            )
        return first[0].certificate
    if wanted in listed:
        return listed[wanted].certificate
    for entry in listed.values():
        if entry.successor_to is not None and entry.successor_to.hashed_id8 == wanted:
            return entry.certificate  # the own one has gone meanwhile
    raise Untrusted(f"root {wanted.hex().upper()} is not in the ECTL, which has {names}", rule="root")


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


def _list(walk: _Walk, wanted: ListKind, url: str, signer: Certificate) -> SignedList:
    name = _name(walk, "ectl", signer.hashed_id8) if wanted == "ectl" else f"{wanted}-{signer.hex8}"
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
    return max(found, key=lambda access: access.certificate.start, default=None)


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
