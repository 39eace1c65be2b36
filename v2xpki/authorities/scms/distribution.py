"""The distribution centre of an SCMS: hands out what others signed, and nothing that does not verify.

    centre.publish(octets, ...)       CTLs, CRLs, certificates, in any order
    centre.ctl(series)                Document or None; ccf_ctl, composite_crl_ctl, crl, ca_certificate, ...

It has no key. Its anchors are the certificates of the electors that lie in its trust folder; from them on
each CTL is verified anew when a process starts, so that a row which somebody put there is worth nothing.
For one thread at a time: make one for each.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

from v2xpki import wire
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, InvalidChain
from v2xpki.secured import unsecured
from v2xpki.store import Database
from v2xpki.store.sdc import CERTIFICATE, CRL, CTL, Row, SdcStore
from v2xpki.time import Clock
from v2xpki.trust.scms_crl import KnownSigners, ScmsCrl
from v2xpki.trust.scms_ctl import ScmsCtl, ScmsTrust, check_elector, elector_hash
from v2xpki.trust.scms_profiles import role_of
from v2xpki.wire import dot2, scms

OCTETS = "application/octet-stream"
JSON = "application/json"
_DATA = 3  # protocol version, the first octet of an Ieee1609Dot2Data; a certificate begins otherwise


class Document(NamedTuple):
    """What is handed out. etag: SHA-256 in hex."""

    octets: bytes
    etag: str
    media_type: str = OCTETS


class Freshness(NamedTuple):
    """A list that is handed out. issuer: ctlSeriesId, or the CRACA; number: ctlSequenceNumber, or the CRL's
    series; begins, ends: TAI seconds; ends None: as long as there is no other."""

    kind: str
    issuer: bytes
    number: int
    begins: int
    ends: int | None


class Distribution:
    """See above. policy: the policy document for devices (JSON octets), if there is one."""

    def __init__(
        self,
        store: SdcStore,
        electors: Iterable[Certificate],
        quorum: int,
        clock: Clock,
        *,
        policy: bytes | None = None,
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._electors, self._quorum = tuple(electors), quorum
        self._revision: int | None = None
        self._due: int | None = None  # when a list that is here comes into force
        self._kept: dict[Hashable, Document | None] = {}
        self._lists: tuple[ScmsCtl, ...] = ()
        self._trust = ScmsTrust(self._electors, quorum)

    # --- what comes in -----------------------------------------------------------------------------

    def publish(self, documents: Iterable[bytes]) -> int:
        """Verify documents as they were signed, and keep them; how many are new.

        They may need each other in any order: lists are looked at before certificates, these before CRLs.
        All of them are kept, or none; again is no fault. Raises InvalidCtl, InvalidCrl, InvalidChain,
        DecodeError, UnexpectedContent for what is not handed out; StoreError, AuditError.
        """
        self._follow()
        lists, crls, certificates = [], [], []
        for octets in documents:
            if octets[:1] != bytes([_DATA]):
                certificates.append(Certificate.parse(octets))
            elif _is_unsecured(octets):
                lists.append(ScmsCtl.parse(octets))
            else:
                crls.append(octets)
        now = self._clock.time32()
        rows: list[Row] = []
        trust = self._trust_of(self._lists, now)
        newest = self._lists
        for ctl in sorted(lists, key=lambda ctl: ctl.sequence):
            row = Row(CTL, ctl.series.hex(), ctl.sequence, ctl.octets, ctl.effective, None)
            known = next((other for other in newest if other.sequence == ctl.sequence), None)
            if known is None or known.tbs != ctl.tbs or known.series != ctl.series:
                self._trust_of(newest, None).accept(ctl, max(now, ctl.effective))
                newest = (*newest, ctl)
                rows.append(row)
        if len(newest) > len(self._lists):
            trust = self._trust_of(newest, now)
        rows += self._certificate_rows(certificates, trust, now)
        rows += [self._crl_row(octets, trust, now) for octets in crls]
        with self._store.database.write(durable=True) as tx:
            added = sum(self._store.tx_add(tx, row, hashlib.sha256(row.octets).digest()) for row in rows)
        self._revision = None
        return added

    def _certificate_rows(self, certificates: list[Certificate], trust: ScmsTrust, now: int) -> Iterable[Row]:
        electors = [c for c in certificates if trust.ctl and elector_hash(c) in trust.ctl.electors]
        for elector in electors:
            check_elector(elector)
        refused = trust.learn([c for c in certificates if c not in electors], now)
        for certificate in refused:
            if certificate not in trust.roots:
                trust.verify(certificate, now)  # says why
                raise InvalidChain(f"{certificate.hex8} is of no root that is trusted", rule="anchor")
        for certificate in certificates:
            yield Row(
                CERTIFICATE, certificate.hex8, 0, certificate.octets, certificate.start, certificate.end
            )

    def _crl_row(self, octets: bytes, trust: ScmsTrust, now: int) -> Row:
        # One that was to be replaced by now may come late, with those that replace it: the newest is given.
        crl = ScmsCrl.parse(octets)
        crl.verify(KnownSigners(trust, trust.components("crl", now)), now, expired=True)
        name = f"{crl.craca.hex()}-{crl.series}"
        return Row(CRL, name, crl.issue_date, octets, crl.issue_date, crl.next_crl)

    # --- what goes out -----------------------------------------------------------------------------

    @property
    def trust(self) -> ScmsTrust:
        """What is trusted now, by the lists and certificates that are here."""
        self._follow()
        return self._trust

    @property
    def newest(self) -> ScmsTrust:
        """What is trusted by the newest list that is here, also where it is not in force yet."""
        self._follow()
        return self._trust_of(self._lists, None)

    def ctl(self, series: bytes, sequence: int | None = None) -> Document | None:
        """A list of a series: of a number, also one that is not in force yet; None: the one in force."""
        self._follow()

        def find() -> bytes | None:
            found = [c for c in self._lists if c.series == series]
            if sequence is None:
                found = [c for c in found if c.effective <= self._clock.time32()]
                return found[-1].octets if found else None
            return next((c.octets for c in found if c.sequence == sequence), None)

        return self._document(("ctl", series, sequence), find)

    def ccf_ctl(self, series: bytes | None = None) -> Document | None:
        """The certificate chain file: the list in force, the roots on it, and the components below them."""
        return self._with_home_ctl("ccf", series, self._chain_file)

    def composite_crl_ctl(self, series: bytes | None = None) -> Document | None:
        """All CRLs of today, with the list in force."""
        return self._with_home_ctl("composite", series, self._composite)

    def crl(self, craca: bytes, series: int) -> Document | None:
        """The newest CRL of a CRACA (HashedId8) and series."""
        self._follow()
        name = f"{craca.hex()}-{series}"

        def find() -> bytes | None:
            return next((row.octets for row in self._newest_crls() if row.name == name), None)

        return self._document(("crl", name), find)

    def ca_certificate(self, id8: bytes) -> Document | None:
        """A certificate of a component, a root or an elector."""
        self._follow()
        name = id8.hex().upper()

        def find() -> bytes | None:
            here = [*self._trust.roots, *self._trust.electors]
            known = {c.hex8: c.octets for c in here}
            return known.get(name) or next(
                (row.octets for row in self._store.all(CERTIFICATE) if row.name == name), None
            )

        return self._document(("certificate", name), find)

    def ra_certificate(self) -> Document | None:
        """The certificate of the RA in force, the newest."""
        self._follow()
        found = self._trust.components("ra", self._clock.time32())
        return _document(found[0].octets) if found else None

    def policy(self) -> Document | None:
        """The policy document."""
        return None if self._policy is None else _document(self._policy, JSON)

    def info_status(self) -> scms.CertificateManagementInfoStatus:
        """How fresh all of it is; `ra` is left out: each RA says that of itself."""
        self._follow()
        now, home = self._clock.time32(), self._trust.ctl
        components = self._trust.known(now)
        ctls = () if home is None else (scms.CtlInfoStatus(home.series, home.sequence, home.effective),)
        mas = tuple(
            scms.MaInfoStatus(role.value.relevant_psids, ma.start)
            for ma in self._trust.components("ma", now)
            if (role := role_of(ma)) is not None and isinstance(role.value, scms.MaSsp)
        )
        crls = (scms.CrlInfoStatus(*_crl_name(row), row.number) for row in self._newest_crls())
        return scms.CertificateManagementInfoStatus(
            crl=tuple(crls),
            ctl=ctls,
            # a certificate of today begins an hour ago, a list when it came into force
            ca_ccf=max((one.start for one in components), default=home.effective if home else 0),
            ma=mas,
        )

    def freshness(self) -> list[Freshness]:
        """The lists that are handed out now."""
        self._follow()
        held = self._trust.ctl
        found = [Freshness(CTL, held.series, held.sequence, held.effective, None)] if held else []
        for row in self._newest_crls():
            found.append(Freshness(CRL, *_crl_name(row), row.begins, row.ends))
        return found

    def check(self) -> None:
        """Raises StoreError if the database does not answer."""
        self._store.revision()

    def _chain_file(self, home: ScmsCtl) -> tuple[str, object]:
        others = [*self._trust.roots, *self._trust.known(self._clock.time32())]
        return "certificateChain", scms.CertificateChain(home.data, tuple(c.record for c in others))

    def _composite(self, home: ScmsCtl) -> tuple[str, object]:
        crls = tuple(wire.decode(dot2.Ieee1609Dot2Data, row.octets) for row in self._newest_crls())
        return "compositeCrl", scms.CompositeCrl(crls, home.data)

    def _with_home_ctl(
        self, name: str, series: bytes | None, make: Callable[[ScmsCtl], tuple[str, object]]
    ) -> Document | None:
        self._follow()
        home = self._trust.ctl
        if home is None or series not in (None, home.series):
            return None

        def find() -> bytes:
            kind, value = make(home)
            inner = scms.CertManagementPdu(kind, value)  # type: ignore[arg-type]  # a kind with its record
            return unsecured(wire.encode(scms.ScmsPdu(2, scms.ScmsPduContent("cert", inner))))

        return self._document((name,), find)

    def _document(self, key: Hashable, find: Callable[[], bytes | None]) -> Document | None:
        kept = self._kept.get(key)
        if kept is None:
            octets = find()
            kept = None if octets is None else _document(octets)
            if kept is not None:  # what is not there anybody can make up names of
                self._kept[key] = kept
        return kept

    def _newest_crls(self) -> list[Row]:
        rows = self._store.all(CRL)
        return [row for row in rows if row.number == max(r.number for r in rows if r.name == row.name)]

    # --- what is here --------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Go by what the database holds by now, and by the lists that have come into force since."""
        revision, now = self._store.revision(), self._clock.time32()
        if revision == self._revision and (self._due is None or now < self._due):
            return
        self._kept.clear()
        self._lists = self._verified_lists()
        self._due = min((c.effective for c in self._lists if c.effective > now), default=None)
        self._trust = self._trust_of(self._lists, now)
        self._revision = revision

    def _verified_lists(self) -> tuple[ScmsCtl, ...]:
        trust, found = ScmsTrust(self._electors, self._quorum), []
        for row in sorted(self._store.all(CTL), key=_number):
            ctl = ScmsCtl.parse(row.octets)
            trust.accept(ctl, max(ctl.effective, *(c.start for c in trust.electors)))
            found.append(ctl)
        return tuple(found)

    def _trust_of(self, lists: Iterable[ScmsCtl], at: int | None) -> ScmsTrust:
        """The trust by those of the lists, verified before, that are in force at `at`; None: by all."""
        trust = ScmsTrust(self._electors, self._quorum)
        for ctl in lists:
            if at is None or ctl.effective <= at:
                trust.accept(ctl, max(ctl.effective, *(c.start for c in trust.electors)))
        if at is not None:
            certificates = [Certificate.parse(row.octets) for row in self._store.all(CERTIFICATE)]
            trust.learn(certificates, at)
        return trust


def open_distribution(
    instance: Instance, database: Database, clock: Clock, *, policy: bytes | None = None
) -> Distribution:
    """That of an instance, over its open database. Raises ConfigError where its anchors are not there."""
    electors = trusted_electors(instance, "sdc")
    return Distribution(SdcStore(database), electors, instance.settings.scms.ctl_quorum, clock, policy=policy)


def trusted_electors(instance: Instance, domain: str) -> tuple[Certificate, ...]:
    """The anchors that lie in a domain's trust folder. Raises ConfigError where there are none."""
    folder = instance.domain(domain).trust_dir
    found = [Certificate.parse(path.read_bytes()) for path in sorted(folder.glob("elector-*.oer"))]
    if not found:
        raise ConfigError(f"{folder} holds no elector-N.oer")
    return tuple(found)


def _is_unsecured(octets: bytes) -> bool:
    return wire.decode(dot2.Ieee1609Dot2Data, octets).content.kind == "unsecuredData"


def _document(octets: bytes, media_type: str = OCTETS) -> Document:
    return Document(octets, hashlib.sha256(octets).hexdigest(), media_type)


def _crl_name(row: Row) -> tuple[bytes, int]:
    """CRACA and series."""
    craca, _, series = row.name.rpartition("-")
    return bytes.fromhex(craca), int(series)


def _number(row: Row) -> int:
    return row.number
