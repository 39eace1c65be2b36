"""What the root and the trust list manager have in common: a key that is used in ceremonies alone.

Everything goes prepare, record, sign, complete; both commits reach the disk, for nobody waits here. A run of
lists has one commit before the first signature and one after the last: none of it is there, or all of it.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from v2xpki.authorities.domain import OpenDomain
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused, V2xPkiError
from v2xpki.issuance import Issuer, ListIssuer, Prepared, Record, tx_complete, tx_save, tx_void
from v2xpki.keystore import KeyLabel
from v2xpki.store import Database, Transaction
from v2xpki.store.root import Revocation
from v2xpki.store.root import SignedList as RootList
from v2xpki.store.signed_lists import Kept, SignedLists
from v2xpki.store.tlm import SignedList as TlmList
from v2xpki.time import MICROSECONDS
from v2xpki.trust.lists import CtlEntry, EctlEntry, ListKind, SignedList
from v2xpki.trust.runs import Period, RunSchedule
from v2xpki.wire import dot2, etsi

SEQUENCES = 256


class Draft(NamedTuple):
    """A list that is to be signed, under its number."""

    number: int
    delta: bool
    period: Period
    data: etsi.EtsiTs102941Data


def lists_of(database: Database, kind: ListKind, issuer: bytes) -> SignedLists:
    """What a root or trust list manager has signed, from its own database."""
    if kind == "ectl":
        return SignedLists(database, TlmList, kind, issuer)
    return SignedLists(database, RootList, kind, issuer, Revocation if kind == "crl" else None)


def last_entries(lists: SignedLists) -> Sequence[CtlEntry | EctlEntry] | None:
    """What the last full list that was signed holds; None before the first."""
    last = lists.last_full()
    return None if last is None else SignedList.parse(last.octets).entries


class CeremonialAuthority:
    """One generation of an authority's key, in its open domain."""

    kind = ""

    def __init__(self, domain: OpenDomain, label: KeyLabel, certificate: Certificate | None) -> None:
        if certificate is not None and certificate.verification_key != domain.keystore.public_key(label):
            raise CeremonyRefused(f"certificate {certificate.hex8} is not of the key {label}")
        self.domain, self.label, self.certificate = domain, label, certificate

    def certify_self(self, name: str | None, period: dot2.ValidityPeriod | None) -> Certificate:
        """The authority's own certificate; from then on it signs under it."""
        tbs = self.domain.profiles.profile(self.kind).build_tbs(
            verification_key=self.domain.keystore.public_key(self.label),
            now=self.domain.clock.time32(),
            name=name,
            validity_period=period,
        )
        self.certificate = self._certify(tbs, self.kind)
        return self.certificate

    def _certify(
        self,
        tbs: dot2.ToBeSignedCertificate,
        kind: str,
        tx_also: Callable[[Transaction, Record], object] = lambda tx, record: None,
    ) -> Certificate:
        database = self.domain.database
        issuer = Issuer.open(self.domain.keystore, self.label, self.certificate, database, self.domain.clock)
        prepared = issuer.prepare(tbs, kind)
        with database.write(durable=True) as tx:
            tx_save(tx, prepared.record)
            tx_also(tx, prepared.record)
        certificate = issuer.issue(prepared.token)
        with database.write(durable=True) as tx:
            tx_complete(tx, prepared.record, certificate)
        return certificate

    def _next_number(self, lists: SignedLists, sequence: int | None, schedule: RunSchedule) -> int:
        """The number of the first list of a run; `sequence` is what the ceremony file says of it."""
        own = self._own()
        schedule.check_signer_end(own.end)
        last = lists.last()
        if last is None:
            return sequence or 0
        number = last.number + 1
        following = number if lists.kind == "ectl" else number % SEQUENCES
        if sequence is not None and sequence != following:
            raise CeremonyRefused(
                f"sequence {sequence} of {own.hex8}'s {lists.kind.upper()} is not the next one, {following}",
                hint="a number is given away once, also where its list was never signed",
            )
        return number

    def _sign_run(
        self,
        lists: SignedLists,
        drafts: Sequence[Draft],
        psid: int,
        tx_also: Callable[[Transaction], object] = lambda _: None,
    ) -> list[Kept]:
        """Sign a run. Raises IssuanceError, StoreError, AuditError, KeystoreError; then nothing of it may go
        out, and its numbers are used up."""
        own, database = self._own(), self.domain.database
        issuer = ListIssuer.open(self.domain.keystore, self.label, own, database, self.domain.clock)
        prepared = [
            issuer.prepare(draft.data, psid, generation_time=draft.period.this_update * MICROSECONDS)
            for draft in drafts
        ]
        with database.write(durable=True) as tx:
            for draft, (record, _) in zip(drafts, prepared, strict=True):
                tx_save(tx, record)
                lists.tx_take(tx, draft.number, delta=draft.delta, record=record.id, **draft.period._asdict())
            tx_also(tx)
        try:
            signed = [issuer.issue(entry.token) for entry in prepared]
            for draft, octets in zip(drafts, signed, strict=True):
                SignedList.parse(octets).verify(own, draft.period.this_update)
            with database.write(durable=True) as tx:
                for (record, _), octets in zip(prepared, signed, strict=True):
                    tx_complete(tx, record, octets)
        except V2xPkiError:
            # Where this fails too, the next ceremony's start voids them.
            with contextlib.suppress(V2xPkiError):
                self._void(prepared)
            raise
        return [
            Kept(draft.number, draft.delta, *draft.period, octets)
            for draft, octets in zip(drafts, signed, strict=True)
        ]

    def _void(self, prepared: Sequence[Prepared]) -> None:
        with self.domain.database.write(durable=True) as tx:
            for record, _ in prepared:
                tx_void(tx, record, "the run failed")

    def _own(self) -> Certificate:
        if self.certificate is None:
            raise CeremonyRefused(f"{self.label} has no certificate yet: it signs no lists")
        return self.certificate
