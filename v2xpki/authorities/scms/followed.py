"""Whom a component of an SCMS trusts: by what its trust folder holds, looked at anew when that changes.

    DIR/<domain>/trust/elector-<n>.oer   the anchors
    DIR/<domain>/trust/ccf.oer           the certificate chain file: the electors' list, roots, components
    DIR/<domain>/trust/crl.oer           the composite CRL, once there is one

    trust = FollowedTrust(folder, quorum, clock)
    trust.eca(id8); trust.ra(id8); trust.la(la_id); trust.components("aca")

The files were verified before they came here (refresh.py); the chains of components are verified at each
use, so that one that has ended, or that a CRL names, is trusted no more. Linked CRLs are left alone: no
component judges pseudonym certificates.
"""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from v2xpki import wire
from v2xpki.authorities.scms.case_parts import la_id_of
from v2xpki.authorities.scms.ra_trust import TrustedEca
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, InvalidChain, InvalidCtl, Revoked
from v2xpki.time import Clock
from v2xpki.trust.scms_crl import ScmsCrl
from v2xpki.trust.scms_ctl import ScmsCtl, ScmsTrust, cert_pdu
from v2xpki.trust.scms_end_entities import ScmsChains
from v2xpki.trust.scms_profiles import role_of
from v2xpki.trust.scms_revocation import RevocationList, is_gone
from v2xpki.wire import dot2, scms

CHAIN_FILE, CRLS = "ccf.oer", "crl.oer"
#: Seconds after which changed files count at the latest.
LOOK_AGAIN = 0.5


class Basis(NamedTuple):
    """What the files of a moment say. others: components, none verified yet. crls: those by hash."""

    ctl: ScmsCtl
    roots: tuple[Certificate, ...]
    others: tuple[Certificate, ...]
    chains: ScmsChains
    revoked: RevocationList
    crls: tuple[ScmsCrl, ...]


def read_basis(
    electors: Sequence[Certificate],
    quorum: int,
    chain_file: bytes,
    crls: bytes | None,
    at: int,
    *,
    present: ScmsCtl | None = None,
) -> Basis:
    """What a chain file and a composite CRL say at a moment, Time32. present: the list that was gone by until
    now; an older one is refused. Raises InvalidCtl, InvalidCrl, DecodeError, CryptoError."""
    trust = ScmsTrust(electors, quorum, present=present)
    ctl = trust.accept_chain_file(chain_file, at)
    if not trust.roots:
        raise InvalidCtl("the electors' list names no root whose certificate is in the file", rule="anchor")
    others = tuple(map(Certificate.of, chain_of(chain_file).others))
    revoked = RevocationList()
    chains = ScmsChains(trust.roots, others, revoked)
    found = crls_of(crls) if crls is not None else ()
    # those of a root that is on the list no more must not keep the list from being gone by
    found = tuple(crl for crl in found if not is_gone(crl.craca, [root[-8:] for root in ctl.roots], chains))
    for crl in found:
        if crl.family == "hash":
            # one that was to be replaced by now is better than none
            revoked.take(crl, chains, at if at < crl.next_crl else crl.issue_date)
    return Basis(ctl, trust.roots, others, chains, revoked, found)


def chain_of(chain_file: bytes) -> scms.CertificateChain:
    """What a CertificateChainSpdu holds. Raises InvalidCtl, DecodeError."""
    return cert_pdu(wire.decode(dot2.Ieee1609Dot2Data, chain_file), scms.CertificateChain)


def crls_of(composite: bytes) -> tuple[ScmsCrl, ...]:
    """The CRLs in a CompositeCrlSpdu, not verified. Raises InvalidCtl, InvalidCrl, DecodeError."""
    record = cert_pdu(wire.decode(dot2.Ieee1609Dot2Data, composite), scms.CompositeCrl)
    return tuple(ScmsCrl.parse(wire.encode(data)) for data in record.crl)


def electors_of(folder: Path) -> tuple[Certificate, ...]:
    """The anchors in a trust folder. Raises ConfigError, DecodeError, CryptoError."""
    paths = sorted(folder.glob("elector-*.oer"))
    if not paths:
        raise ConfigError(f"{folder} holds no elector's certificate", hint="elector-1.oer and so on")
    return tuple(Certificate.parse(path.read_bytes()) for path in paths)


def read_folder(folder: Path, quorum: int, at: int) -> Basis:
    """What a trust folder says. Raises ConfigError, and as read_basis."""
    try:
        chain_file = (folder / CHAIN_FILE).read_bytes()
    except OSError as error:
        raise ConfigError(f"{folder / CHAIN_FILE}: {error.strerror}") from None
    path = folder / CRLS
    crls = path.read_bytes() if path.exists() else None
    present = ScmsCtl(chain_of(chain_file).home_ctl)  # it was believed before it came to be there
    return read_basis(electors_of(folder), quorum, chain_file, crls, at, present=present)


class FollowedTrust:
    """For all threads of a process. Fits TrustedEcas, RaDirectory, LaDirectory, ManagementInfo, CrlTrust.

    Files that cannot be read or believed change nothing; `problem` says so.
    """

    def __init__(
        self,
        folder: Path,
        quorum: int,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ConfigError, TrustError and DecodeError for a folder that is nothing to begin with."""
        self._folder, self._quorum, self._clock, self._monotonic = folder, quorum, clock, monotonic
        self._lock = threading.Lock()
        self.problem: str | None = None
        self._seen, self._looked = self._signature(), monotonic()
        self._basis = read_folder(folder, quorum, clock.time32())

    @property
    def basis(self) -> Basis:
        """As the files are now."""
        if self._monotonic() - self._looked >= LOOK_AGAIN and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._basis

    def components(self, role: str) -> tuple[Certificate, ...]:
        """Those of a role (as SecurityMgmtSsp names it) that are good now, the newest first."""
        basis = self.basis
        held = [c for c in basis.others if (found := role_of(c)) is not None and found.kind == role]
        return tuple(sorted((c for c in held if self._is(c, role, basis)), key=lambda c: -c.start))

    def eca(self, hashed_id8: bytes) -> TrustedEca | None:
        """An ECA and the region that binds it; None for one that is not trusted."""
        basis, found = self.basis, self._component(hashed_id8, "eca")
        return None if found is None else TrustedEca(found, basis.chains.region_of(found))

    def is_revoked(self, enrolment: Certificate) -> bool:
        """Whether a CRL names this certificate."""
        try:
            self.basis.revoked.check(enrolment)
        except Revoked:
            return True
        return False

    def ra(self, hashed_id8: bytes) -> Certificate | None:
        """An RA; None for one that is not trusted."""
        return self._component(hashed_id8, "ra")

    def la(self, la_id: bytes) -> Certificate | None:
        """The linkage authority of an la id (2 octets)."""
        return next((one for one in self.components("la") if la_id_of(one) == la_id), None)

    def certificate(self, hashed_id8: bytes) -> Certificate | None:
        """One that is named by its digest, not verified."""
        return self.basis.chains.certificate(hashed_id8)

    def path(self, certificate: Certificate, at: int) -> Sequence[Certificate]:
        """Its verified chain up to a root. Raises InvalidChain."""
        return self.basis.chains.path(certificate, at)

    def info_status(self) -> scms.CertificateManagementInfoStatus:
        """Which lists there are, and since when."""
        basis = self.basis
        ctl = basis.ctl
        crls = [scms.CrlInfoStatus(crl.craca, crl.series, crl.issue_date) for crl in basis.crls]
        return scms.CertificateManagementInfoStatus(
            crl=tuple(sorted(crls)),
            ctl=(scms.CtlInfoStatus(ctl.series, ctl.sequence, ctl.effective),),
            ca_ccf=max((ctl.effective, *(one.start for one in basis.others))),
            ma=(),
        )

    def _component(self, hashed_id8: bytes, role: str) -> Certificate | None:
        basis = self.basis
        found = basis.chains.certificate(hashed_id8)
        return found if found is not None and self._is(found, role, basis) else None

    def _is(self, certificate: Certificate, role: str, basis: Basis) -> bool:
        try:
            basis.chains.component(certificate, role, self._clock.time32())
        except InvalidChain:
            return False
        return True

    def _look(self) -> None:
        self._looked = self._monotonic()
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self._basis = read_folder(self._folder, self._quorum, self._clock.time32())
            self.problem = None
        except Exception as error:
            # Whatever is wrong with the new files: what was believed goes on being believed.
            self.problem = f"{type(error).__name__}: {error}"

    def _signature(self) -> tuple[tuple[int, int] | None, ...]:
        found: list[tuple[int, int] | None] = []
        for name in (CHAIN_FILE, CRLS):
            try:
                state = (self._folder / name).stat()
            except OSError:
                found.append(None)
            else:
                found.append((state.st_mtime_ns, state.st_ino))
        return tuple(found)
