"""The CTL of an SCMS, which electors sign by quorum: it names the electors and the roots that are trusted.

    trust = ScmsTrust(electors, quorum=2)            anchors of a station, or of a component
    trust.accept(octets, at)                         a MultiSignedCtlSpdu; trust.roots are those it names
    trust.learn(certificates, at)                    components, each under one that is known
    trust.verify(pseudonym, at)                      raises InvalidChain

Lists are made in scms_ctl_plan.py.

IEEE 1609.2.1: MultiSignedCtl of type 1. `tbsCtl` is COER of a FullIeeeTbsCtl, `unsigned` of a
SequenceOfCertificate, the certificates whose hashes tbsCtl holds. An elector is named by SHA-384, a root by
SHA-256 of its certificate's octets. The quorum in a list is of the signatures that the *next* one needs, of
the electors that this one names: so a change of electors is up to those of before.

InvalidCtl.rule is one of

    form        not the PDU that it should be
    type        not type 1
    series      of another series than the list before it
    sequence    not after the list before it, or the same number with other content
    effective   not in force yet
    electors    none, one twice, or approved and removed at once; or the plan names what is no elector
    roots       one twice, or approved and removed at once; or a certificate of what is no root
    quorum      more than there are electors, below one; or too few of the electors signed
    unsigned    a certificate beside the list that it does not name
    changes     what the list removes, or leaves out, is not the difference to the one before
"""

import hashlib
from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Self, TypeVar

from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import CryptoError, DecodeError, InvalidChain, InvalidCtl, UnexpectedContent
from v2xpki.secured import SignedMessage, scms_header
from v2xpki.time import iso_from_time32
from v2xpki.trust.chain import Place
from v2xpki.trust.scms_chain import scms_store
from v2xpki.trust.scms_profiles import role_of
from v2xpki.wire import dot2, scms

Pdu = TypeVar("Pdu")

FULL_IEEE_CTL = 1
LAST_SEQUENCE = 65_535
_MOST = 64  # signatures of a list; a jury of electors is a handful


def elector_hash(certificate: Certificate) -> bytes:
    """HashedId48: by which a list names an elector."""
    return hashlib.sha384(certificate.octets).digest()


def root_hash(certificate: Certificate) -> bytes:
    """HashedId32: by which a list names a root."""
    return hashlib.sha256(certificate.octets).digest()


def check_elector(certificate: Certificate) -> None:
    """Raise InvalidChain unless a certificate is an elector's, signed by itself."""
    _check_role(certificate, "elector")


def check_root(certificate: Certificate) -> None:
    """Raise InvalidChain unless a certificate is a root CA's, signed by itself."""
    _check_role(certificate, "root")


def _check_role(certificate: Certificate, name: str) -> None:
    role = role_of(certificate)
    if role is None or role.kind != name or not certificate.is_self_signed:
        raise InvalidChain(f"{certificate.hex8} is no self-signed certificate of role {name}", rule="anchor")
    try:
        certificate.verify_signature(None)
    except CryptoError as error:
        raise InvalidChain(f"{certificate.hex8}: {error}", rule="signature") from error


class ScmsCtl:
    """A list as received. Nothing is verified by being parsed, but that it says one thing only.

    record: the FullIeeeTbsCtl; tbs: its octets; octets: of the MultiSignedCtlSpdu; certificates: those that
    came with it, each named by it; signatures: CtlSignatureSpdus.
    """

    def __init__(self, data: dot2.Ieee1609Dot2Data, octets: bytes | None = None) -> None:
        ctl = cert_pdu(data, scms.MultiSignedCtl)
        if ctl.type != FULL_IEEE_CTL:
            raise InvalidCtl(f"a MultiSignedCtl of type {ctl.type}", rule="type")
        self.data, self.tbs, self.record = data, ctl.tbs_ctl, _parse_tbs(ctl.tbs_ctl)
        self.octets = wire.encode(data) if octets is None else octets
        if len(ctl.signatures) > _MOST:
            raise InvalidCtl(f"{len(ctl.signatures)} signatures", rule="form")
        self.signatures = ctl.signatures
        try:
            # none at all: an empty string, or an empty sequence
            found = wire.decode_as("SequenceOfCertificate", ctl.unsigned) if ctl.unsigned else ()
            self.certificates: tuple[Certificate, ...] = tuple(map(Certificate.of, found))
        except (DecodeError, CryptoError) as error:
            raise InvalidCtl(f"unsigned: {error}", rule="unsigned") from error
        for certificate in self.certificates:
            if not (self.names_elector(certificate) or self.names_root(certificate)):
                raise InvalidCtl(f"{certificate.hex8} is not named by the list", rule="unsigned")

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """The list of COER octets. Raises DecodeError, InvalidCtl."""
        return cls(wire.decode(dot2.Ieee1609Dot2Data, octets), octets)

    @property
    def series(self) -> bytes:
        return self.record.ctl_series_id

    @property
    def sequence(self) -> int:
        return self.record.sequence_number

    @property
    def effective(self) -> int:
        """Time32, from which on it holds."""
        return self.record.effective_date

    @property
    def electors(self) -> tuple[bytes, ...]:
        """HashedId48 of those that may sign the next list."""
        return self.record.elector_approve

    @property
    def roots(self) -> tuple[bytes, ...]:
        """HashedId32 of the roots that are trusted."""
        return self.record.root_ca_approve

    @property
    def quorum(self) -> int | None:
        """Of the signatures that the next list needs; None: as many as this one."""
        return self.record.quorum

    @cached_property
    def digest(self) -> bytes:
        """HashedId48 of tbsCtl: what electors sign for."""
        return hashlib.sha384(self.tbs).digest()

    @property
    def signer_ids(self) -> tuple[bytes | None, ...]:
        """HashedId8 that each signature names; None for one that names nobody. Nothing is verified."""
        return tuple(map(_named, self.signatures))

    def names_elector(self, certificate: Certificate) -> bool:
        return elector_hash(certificate) in (*self.electors, *self.record.elector_remove)

    def names_root(self, certificate: Certificate) -> bool:
        return root_hash(certificate) in (*self.roots, *self.record.root_ca_remove)

    def signers(self, electors: Iterable[Certificate], at: int) -> set[Certificate]:
        """Those of the electors who have signed, with certificates in force at `at` (Time32)."""
        known = {elector.hashed_id8: elector for elector in electors if elector.start <= at < elector.end}
        wanted = ctl_signature(self.tbs)
        found = (_signer(data, wanted, known) for data in self.signatures)
        return {elector for elector in found if elector is not None}

    def verify(
        self, electors: Collection[Certificate], quorum: int, at: int, before: "ScmsCtl | None" = None
    ) -> None:
        """Raise InvalidCtl unless `quorum` of the electors have signed, and the list follows the one before.

        electors, quorum: of the list before, or the anchors. Signatures of anybody else, and those that do
        not verify, do not count. A gap in the numbers is no fault: who has been away missed some.
        """
        if before is not None and before.tbs != self.tbs:
            self._check_after(before)
        if at < self.effective:
            raise InvalidCtl(f"holds from {iso_from_time32(self.effective)} on", rule="effective")
        signers = self.signers(electors, at)
        if quorum < 1 or len(signers) < quorum:
            raise InvalidCtl(f"{len(signers)} electors have signed, {quorum} are needed", rule="quorum")

    def _check_after(self, before: "ScmsCtl") -> None:
        if self.series != before.series:
            raise InvalidCtl("of another series than the list before it", rule="series")
        if self.sequence <= before.sequence:
            what = "is another list of the same number" if self.sequence == before.sequence else "is older"
            raise InvalidCtl(
                f"sequenceNumber {self.sequence}, after {before.sequence}, {what}", rule="sequence"
            )
        if self.sequence == before.sequence + 1:
            gone = {*before.electors, *before.roots}.difference(self.electors, self.roots)
            if gone != {*self.record.elector_remove, *self.record.root_ca_remove}:
                raise InvalidCtl("what it removes is not what the list before has more", rule="changes")

    def __repr__(self) -> str:
        return f"<ScmsCtl {self.series.hex()} {self.sequence}>"


def ctl_signature(tbs: bytes) -> scms.ToBeSignedCtlSignature:
    """What an elector signs for a list. Raises InvalidCtl for octets that are no FullIeeeTbsCtl."""
    record = _parse_tbs(tbs)
    return scms.ToBeSignedCtlSignature(
        ctl_series_id=record.ctl_series_id,
        ctl_type=record.type,
        sequence_number=record.sequence_number,
        tbs_ctl_hash=hashlib.sha384(tbs).digest(),
    )


def cert_pdu(data: dot2.Ieee1609Dot2Data, kind: type[Pdu]) -> Pdu:
    """The CertManagementPdu of this kind in unsecured data. Raises InvalidCtl (form) for anything else."""
    content = data.content
    if content.kind != "unsecuredData" or not isinstance(content.value, bytes):
        raise InvalidCtl(f"{content.kind} where unsecured data belongs", rule="form")
    return _inner(content.value, kind)


def _inner(payload: bytes, kind: type[Pdu]) -> Pdu:
    try:
        pdu = wire.decode(scms.ScmsPdu, payload)
    except DecodeError as error:
        raise InvalidCtl(str(error), rule="form") from error
    value = getattr(pdu.content.value, "value", None)
    if pdu.content.kind != "cert" or not isinstance(value, kind):
        raise InvalidCtl(f"{pdu.content.kind} is no {kind.__name__}", rule="form")
    return value


def _parse_tbs(octets: bytes) -> scms.FullIeeeTbsCtl:
    try:
        record = wire.decode(scms.FullIeeeTbsCtl, octets)
    except DecodeError as error:
        raise InvalidCtl(f"tbsCtl: {error}", rule="form") from error
    if record.type != FULL_IEEE_CTL:
        raise InvalidCtl(f"tbsCtl of type {record.type}", rule="type")
    for rule, approved, removed in (
        ("electors", record.elector_approve, record.elector_remove),
        ("roots", record.root_ca_approve, record.root_ca_remove),
    ):
        named = (*approved, *removed)
        if len(set(named)) != len(named):
            raise InvalidCtl(f"{rule}: one is named twice", rule=rule)
    if not record.elector_approve:
        raise InvalidCtl("electors: none is left", rule="electors")
    if record.quorum is not None and not 1 <= record.quorum <= len(record.elector_approve):
        raise InvalidCtl(f"quorum {record.quorum} of {len(record.elector_approve)} electors", rule="quorum")
    return record


def _signer(
    data: dot2.Ieee1609Dot2Data, wanted: scms.ToBeSignedCtlSignature, known: dict[bytes, Certificate]
) -> Certificate | None:
    """The elector whose signature this is for the list; None where it is nobody's."""
    elector = known.get(_named(data) or b"")
    try:
        message = SignedMessage.of(data)
        if elector is None or message.header != scms_header():
            return None
        if _inner(message.payload, scms.ToBeSignedCtlSignature) != wanted:
            return None
        message.verify(elector.verification_key, elector)
    except (UnexpectedContent, CryptoError, DecodeError, InvalidCtl):
        return None
    return elector


def _named(data: dot2.Ieee1609Dot2Data) -> bytes | None:
    """HashedId8 of who claims to have signed."""
    try:
        message = SignedMessage.of(data)
        certificates = message.signer_certificates
    except (UnexpectedContent, CryptoError):
        return None
    return certificates[0].hashed_id8 if len(certificates) == 1 else message.signer_digest


def verify_ctl_signature(octets: bytes, elector: Certificate, tbs: bytes) -> None:
    """Raise InvalidCtl unless a CtlSignatureSpdu is this elector's for the list. Raises DecodeError."""
    data = wire.decode(dot2.Ieee1609Dot2Data, octets)
    if _signer(data, ctl_signature(tbs), {elector.hashed_id8: elector}) is None:
        raise InvalidCtl(f"not signed by {elector.hex8} for this list", rule="signature")


class ScmsTrust:
    """What a station or component trusts: the electors, by the present list its roots, and below them
    components and end entities. Not for several threads at once.

    electors, quorum: the anchors, or what was kept of the last list that was accepted, with that list as
    `present`, so that no older one is taken after a restart. revoked: HashedId8.
    """

    def __init__(
        self,
        electors: Iterable[Certificate],
        quorum: int,
        *,
        present: ScmsCtl | None = None,
        revoked: Collection[bytes] = (),
    ) -> None:
        self.electors, self.quorum = tuple(electors), quorum
        for elector in self.electors:
            check_elector(elector)
        if not 1 <= quorum <= len(self.electors):
            raise InvalidCtl(f"quorum {quorum} of {len(self.electors)} electors", rule="quorum")
        self.ctl: ScmsCtl | None = None
        self.roots: tuple[Certificate, ...] = ()
        self._components: dict[bytes, Certificate] = {}
        self._known = {certificate.octets: certificate for certificate in self.electors}
        self._store = scms_store((), revoked=revoked)
        if present is not None:
            self._take(present)

    def accept(self, octets: bytes | ScmsCtl, at: int, certificates: Iterable[Certificate] = ()) -> ScmsCtl:
        """Go by a list from now on. certificates: of electors and roots that are not in it.

        The present list again changes nothing, but for certificates that were missing. Raises InvalidCtl,
        DecodeError; then all is as before.
        """
        ctl = octets if isinstance(octets, ScmsCtl) else ScmsCtl.parse(octets)
        if self.ctl is None or ctl.tbs != self.ctl.tbs:
            ctl.verify(self.electors, self.quorum, at, self.ctl)
        self._take(ctl, certificates)
        self.learn(tuple(self._components.values()), at)
        return ctl

    def accept_chain_file(self, octets: bytes, at: int) -> ScmsCtl:
        """A CertificateChainSpdu: its list, and what it holds of components. Raises as accept."""
        chain = cert_pdu(wire.decode(dot2.Ieee1609Dot2Data, octets), scms.CertificateChain)
        try:
            others = tuple(map(Certificate.of, chain.others))
        except CryptoError as error:
            raise InvalidCtl(f"others: {error}", rule="form") from error
        ctl = self.accept(ScmsCtl(chain.home_ctl), at, others)
        self.learn(others, at)
        return ctl

    @property
    def missing(self) -> tuple[bytes, ...]:
        """HashedId32 of roots that the list names and whose certificates are not at hand."""
        held = {root_hash(root) for root in self.roots}
        return tuple(name for name in (self.ctl.roots if self.ctl else ()) if name not in held)

    def learn(self, certificates: Iterable[Certificate], at: int) -> tuple[Certificate, ...]:
        """Know components that verify, in whatever order they come; those that do not. Nothing is trusted for
        its being there."""
        left = [c for c in certificates if c not in self.roots]
        self._components = {name: c for name, c in self._components.items() if c not in left}
        while True:
            refused = [c for c in left if not self._learned(c, at)]
            if len(refused) == len(left):
                return tuple(refused)
            left = refused

    def verify(self, certificate: Certificate, at: int, *, place: Place | None = None) -> None:
        """Raise InvalidChain unless a component or an end entity is in force under a trusted root."""
        self._store.verify(certificate, at, place=place)

    def components(self, role: str, at: int) -> tuple[Certificate, ...]:
        """Known components of a role (as SecurityMgmtSsp names it) that verify now, the newest first."""
        held = [c for c in self._components.values() if (r := role_of(c)) is not None and r.kind == role]
        return tuple(sorted((c for c in held if self._verifies(c, at)), key=lambda c: -c.start))

    def known(self, at: int) -> tuple[Certificate, ...]:
        """All components that verify now."""
        return tuple(c for c in self._components.values() if self._verifies(c, at))

    def issuer(self, id8: bytes) -> Certificate | None:
        """A known root or CA."""
        return self._store.issuer(id8)

    def _take(self, ctl: ScmsCtl, certificates: Iterable[Certificate] = ()) -> None:
        known = self._known | {c.octets: c for c in (*ctl.certificates, *certificates)}
        electors = tuple(c for c in known.values() if elector_hash(c) in ctl.electors)
        roots = tuple(c for c in known.values() if root_hash(c) in ctl.roots)
        for rule, check, named in (("electors", check_elector, electors), ("roots", check_root, roots)):
            try:
                for certificate in named:
                    check(certificate)
            except InvalidChain as error:
                raise InvalidCtl(str(error), rule=rule) from error
        self.ctl, self.electors, self.roots = ctl, electors, roots
        self.quorum = ctl.quorum or self.quorum
        self._known = {c.octets: c for c in (*electors, *roots)}
        self._store = scms_store(roots, revoked=self._store.revoked)

    def _learned(self, certificate: Certificate, at: int) -> bool:
        if not self._verifies(certificate, at):
            return False
        if certificate.record.to_be_signed.cert_issue_permissions is not None:
            self._store.add(certificate, at)
        self._components[certificate.hashed_id8] = certificate
        return True

    def _verifies(self, certificate: Certificate, at: int) -> bool:
        try:
            self._store.verify(certificate, at)
        except InvalidChain:
            return False
        return True
