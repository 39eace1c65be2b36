"""What a receiver keeps of an SCMS's CRLs, so that a received certificate costs a look-up.

    revoked = RevocationList()
    revoked.advance(i)                  the present i-period; again when the next one is near
    revoked.take(crl, trust, at)        a CRL: verified, never an older one in place of a newer
    revoked.check(certificate)          raises Revoked

A linked entry revokes the certificates of every period from iRev to its iMax. Two periods are held at a time,
the present one and the one before, whose certificates overlap into it: a set of all linkage values of each.
A new period steps each seed once and makes one new set, the oldest one goes; a new CRL costs the entries
that it adds. What is not of a period held is out of its time, for whoever checks the chain to refuse.

Memory: per 10,000 entries of 20 certificates a period some 34 MB, both periods. No time in here.
"""

from collections.abc import Collection, Iterable, Mapping

from v2xpki.crypto import Certificate, LinkedEntry, revoked_values
from v2xpki.errors import InvalidCrl, Revoked
from v2xpki.trust.reasons import CrlRule
from v2xpki.trust.scms_crl import CrlTrust, LinkedRevocation, ScmsCrl
from v2xpki.wire import dot2

_Key = tuple[bytes, int]  # CRACA (HashedId8), series
_Span = tuple[int, int]  # iMax, jmax


class RevocationList:
    """The CRLs that were taken, of any number of CRACAs and series. Not for several threads at once.

    most: entries of one linked CRL that are taken; a larger one is InvalidCrl.
    """

    def __init__(self, *, most: int = 100_000) -> None:
        self._most, self._present = most, 0
        self._taken: dict[_Key, ScmsCrl] = {}
        self._linked: dict[_Key, _LinkedTable] = {}
        self._hashes: dict[_Key, dict[bytes, int]] = {}
        # a certificate names its CRACA by three octets alone: all CRACAs that these may mean
        self._relevant: dict[tuple[bytes, int], list[_Key]] = {}

    def __repr__(self) -> str:
        return f"<RevocationList of {len(self._taken)} CRLs in period {self._present}>"

    def advance(self, i: int) -> None:
        """Hold periods i and i - 1. May come a little before period i does, when i - 2 is quite over.

        Raises InvalidCrl for a step back.
        """
        if i < self._present:
            raise InvalidCrl(f"period {i} after {self._present}", rule=CrlRule.PERIOD)
        self._present = i
        for table in self._linked.values():
            table.advance(i)

    def take(self, crl: ScmsCrl, trust: CrlTrust, at: int) -> bool:
        """Go by a CRL from now on; False for the one that is there already. Raises InvalidCrl for one that
        does not verify, is older than what is there, or has too many entries; then nothing is changed."""
        crl.verify(trust, at)
        key = crl.craca, crl.series
        last = self._taken.get(key)
        if last is not None:
            if crl.octets == last.octets:
                return False
            if crl.family != last.family:
                raise InvalidCrl(f"series {crl.series} was of the {last.family} CRL", rule=CrlRule.SERIES)
            if crl.issue_date <= last.issue_date:
                raise InvalidCrl(
                    f"issueDate {crl.issue_date} is not after {last.issue_date}", rule=CrlRule.ROLLBACK
                )
        if crl.family == "linked":
            entries = crl.linked
            if len(entries) > self._most:
                raise InvalidCrl(f"{len(entries)} entries, above {self._most}", rule=CrlRule.ENTRY)
            table = self._linked.get(key) or _LinkedTable(self._present)
            table.replace(crl.i_rev or 0, entries)
            self._linked[key] = table
        else:
            held = {} if crl.is_full else self._hashes.get(key, {})
            self._hashes[key] = held | {entry.id10: entry.expiry for entry in crl.hashes}
        self._taken[key] = crl
        known = self._relevant.setdefault((key[0][-3:], key[1]), [])
        if key not in known:
            known.append(key)
        return True

    @property
    def held(self) -> frozenset[tuple[bytes, int]]:
        """CRACA (HashedId8) and series of each CRL that is gone by."""
        return frozenset(self._taken)

    def check(self, certificate: Certificate) -> None:
        """Raise Revoked for a certificate that one of the CRLs names. That it is in its validity, and who
        issued it, is for the check of its chain."""
        tbs = certificate.record.to_be_signed
        for key in self._relevant.get((tbs.craca_id, tbs.crl_series), ()):
            linkage = tbs.id.value
            if isinstance(linkage, dot2.LinkageData):
                table = self._linked.get(key)
                if table is not None and linkage.linkage_value in table.values(linkage.i_cert):
                    raise Revoked(f"{certificate.hex8} is revoked by its linkage value", rule="linkage")
            hashes = self._hashes.get(key)
            if hashes and certificate.hashed_id10 in hashes:
                raise Revoked(f"{certificate.hex8} is revoked by its hash", rule="hash")

    def is_current(self, craca: bytes, series: int, at: int) -> bool:
        """Whether a CRL of a CRACA (HashedId8) and series is held that was not to be replaced by then."""
        crl = self._taken.get((craca, series))
        return crl is not None and at < crl.next_crl

    def __len__(self) -> int:
        """Linkage values and hashes at hand."""
        return sum(map(len, self._linked.values())) + sum(map(len, self._hashes.values()))


def is_gone(craca: bytes, roots: Collection[bytes], known: CrlTrust) -> bool:
    """Whether a CRACA (HashedId8) is a root that is trusted no more, so that its CRLs are of no use.

    roots: the HashedId8s of those that are; known: what is said to be below them."""
    if craca in roots:
        return False
    certificate = known.certificate(craca)
    return certificate is None or certificate.is_self_signed


class _LinkedTable:
    """The entries of one linked CRL, stepped to `_base`, the first period held that they revoke; and the
    linkage values of each period held."""

    def __init__(self, present: int) -> None:
        self._present, self._base = present, max(0, present - 1)
        self._entries: dict[LinkedEntry, _Span] = {}
        self._values: dict[int, set[bytes]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def values(self, i: int) -> Collection[bytes]:
        """The linkage values of a period that are revoked; none of one that is not held."""
        return self._values.get(i, ())

    def advance(self, i: int) -> None:
        self._present = i
        base = max(self._base, i - 1)
        if base > self._base:
            steps = base - self._base
            live = {one: span for one, span in self._entries.items() if span[0] >= base}
            self._base, self._entries = base, {one.after(steps): span for one, span in live.items()}
        self._values = {n: values for n, values in self._values.items() if n >= i - 1}
        for n in self._held():
            if n not in self._values:
                self._values[n] = self._expanded(n, self._entries)

    def replace(self, i_rev: int, revocations: Iterable[LinkedRevocation]) -> None:
        """The entries of a newer CRL. Periods before i_rev keep what an older one said of them."""
        base = max(i_rev, self._present - 1, 0)
        steps = base - i_rev
        entries = {one.entry.after(steps): (one.i_max, one.j_max) for one in revocations if one.i_max >= base}
        kept: dict[LinkedEntry, _Span] = {}
        if base >= self._base:
            live = {one: span for one, span in self._entries.items() if span[0] >= base}
            kept = {one.after(base - self._base): span for one, span in live.items()}
        if not kept.items() <= entries.items():
            kept = {}  # something is gone, so that the sets are made anew
        new = {one: span for one, span in entries.items() if one not in kept}
        self._base, self._entries = base, entries
        for n in self._held():
            made = self._expanded(n, new)
            self._values[n] = self._values[n] | made if kept and n in self._values else made

    def _held(self) -> range:
        return range(self._base, self._present + 1)

    def _expanded(self, i: int, entries: Mapping[LinkedEntry, _Span]) -> set[bytes]:
        """All linkage values of a period."""
        steps, made = i - self._base, set[bytes]()
        spans: dict[int, list[LinkedEntry]] = {}
        for one, (i_max, j_max) in entries.items():
            if i_max >= i:
                spans.setdefault(j_max, []).append(one)
        for j_max, some in spans.items():
            for values in revoked_values((one.after(steps) for one in some), range(j_max + 1)):
                made.update(values)
        return made
