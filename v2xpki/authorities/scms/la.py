"""A linkage authority (IEEE 1609.2.1): pre-linkage values for an RA's wishes, each encrypted to the ACA.

    la = LinkageAuthority.open(keystore, database, la_id, periods, clock)
    answers = la.pre_linkage_values([Wish(lci, i, range(20)), ...], ra="ra")

There are two in an SCMS, of one code: each has its own la id, database and token, and none of what the
other has. The RA names a chain by an lci, 16 random octets that it gives this authority alone; the chain
begins, with a random seed, at the first wish for it. A batch's chains are recorded in one durable
transaction before any value of theirs is given. The same wish gives the same values, each time encrypted
anew.

The authority learns which wishes are for one chain, and of a chain nothing else: no vehicle, no certificate.
Revocation is in la_revocation.py; rate limits are for its callers.

Best of 7, us a value, of 20 a wish and 500 wishes, with keys in memory, SQLite, on a busy machine: 6.4
where all chains are new, 4.2 where they are a period further, 5.1 where each takes 20 steps. AES-CCM alone
takes 1.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from v2xpki.audit import Event
from v2xpki.authorities.periods import LAST_PERIOD, Periods
from v2xpki.authorities.scms.la_chains import LCI_OCTETS, Chain, Chains, Named, NewChain
from v2xpki.authorities.scms.la_keys import LaSecrets, secrets_of
from v2xpki.authorities.scms.la_reasons import BatchReason, RefusedWishes, WishReason
from v2xpki.crypto import pre_linkage_values
from v2xpki.errors import KeyNotFound
from v2xpki.keystore import Keystore
from v2xpki.secured.plvs import PlvSealer
from v2xpki.store import Database
from v2xpki.store.expiry import Expiry
from v2xpki.store.la import LinkageChain, RevocationCase
from v2xpki.time import HOUR, Clock

LAST_J = 0xFF  # JMax of a CRL is a Uint8


@dataclass(frozen=True)
class LaPolicy:
    """What a linkage authority allows.

    certificates: j of a wish. values: of a batch. chain_periods: length of a chain; a vehicle that is
    served for longer gets another lci. ahead: how many periods after the present one are served. cached:
    derived seeds that are kept in memory, some 500 octets each. further: chains of a case beside the first.
    """

    certificates: int = 64
    values: int = 50_000
    chain_periods: int = 318
    ahead: int = 160
    cached: int = 16_384
    further: int = 16

    def last_of(self, first: int) -> int:
        """The last i of a chain."""
        return min(first + self.chain_periods - 1, LAST_PERIOD)


class Wish(NamedTuple):
    """What an RA wants of a chain: the pre-linkage values of period i for each j. first: where a chain that
    is new is to begin, for periods before i that will be asked for later; None: at i."""

    lci: bytes
    i: int
    js: Sequence[int]
    first: int | None = None

    def __repr__(self) -> str:
        return f"<Wish for i={self.i}, {len(self.js)} values>"


class LinkageAuthority:
    """The half that the RA sees. For all threads of a process."""

    def __init__(
        self,
        database: Database,
        la_id: bytes,
        secrets: LaSecrets,
        periods: Periods,
        clock: Clock,
        policy: LaPolicy | None = None,
    ) -> None:
        self.policy = policy or LaPolicy()
        self.la_id, self.chains = la_id, Chains(database, la_id, secrets.seals, cached=self.policy.cached)
        self._database, self._periods, self._clock = database, periods, clock
        self._sealers = [(shared.since, PlvSealer(la_id, shared.key)) for shared in secrets.shared]
        self._old_chains, self._old_cases = Expiry(LinkageChain), Expiry(RevocationCase)

    def __repr__(self) -> str:
        return f"<LinkageAuthority {self.la_id.hex()}>"

    @classmethod
    def open(
        cls,
        keystore: Keystore,
        database: Database,
        la_id: bytes,
        periods: Periods,
        clock: Clock,
        policy: LaPolicy | None = None,
    ) -> Self:
        """With the secrets of its database, unwrapped by the token once. la_id: 2 octets.

        Raises KeystoreError (a secret that is missing, or not of this token), CryptoError for another la_id.
        """
        return cls(database, la_id, secrets_of(database, keystore), periods, clock, policy)

    def pre_linkage_values(self, wishes: Sequence[Wish], *, ra: str) -> list[list[bytes]]:
        """For each wish, COER of an EncryptedIndividualPLV for each of its js, in order.

        `ra` is who asks, as the link has proved it: an lci is a name within its RA's own. Chains that are new
        begin where their wishes say, by default at the least i that is asked of them.

        Raises RefusedWishes, and gives no value, where any wish is against the policy; KeyNotFound where no
        key is shared with the ACA; RecordFailed, AuditError where chains cannot be recorded.
        """
        now = self._clock.time32()
        sealer = self._sealer(now)
        refused = self._misshapen(wishes, now)
        if refused:
            raise RefusedWishes(BatchReason.WISHES, refused)
        if sum(len(wish.js) for wish in wishes) > self.policy.values:
            raise RefusedWishes(BatchReason.TOO_MANY_VALUES)
        names = {wish.lci: self.chains.id_of(Named(ra, wish.lci)) for wish in wishes}
        ids = [names[wish.lci] for wish in wishes]
        found = self.chains.find(ids)
        new = self._new(wishes, ids, found, ra)
        self._check(wishes, ids, found)
        if new:
            found |= self.chains.begin(new)
            self._check(wishes, ids, found)  # another process may have begun them meanwhile
        made: list[list[bytes]] = [[]] * len(wishes)
        # a chain's periods in their order: each is a step from the one before
        for n in sorted(range(len(wishes)), key=lambda n: wishes[n].i):
            _, i, js, _ = wishes[n]
            seed = self.chains.seed(found[ids[n]], i)
            made[n] = sealer.seal(pre_linkage_values(self.la_id, seed, js))
        return made

    def purge(self, now: int) -> int:
        """Remove the chains, and cases, that are past their last period; how many chains. Once an hour."""
        count = self._old_chains.purge(self._database, now)
        self._old_cases.purge(self._database, now)
        if count:
            with self._database.write(durable=False) as tx:
                tx.audit(Event.CHAINS_PURGED, count=count, expired_before=now - now % HOUR)
        return count

    def _sealer(self, now: int) -> PlvSealer:
        begun = [sealer for since, sealer in self._sealers if since <= now]
        if not begun:
            raise KeyNotFound(
                "no key is shared with the ACA as yet", hint="exchange one, and start the service again"
            )
        return begun[-1]

    def _misshapen(self, wishes: Sequence[Wish], now: int) -> list[tuple[int, WishReason]]:
        """What can be told without the database."""
        policy, periods = self.policy, self._periods
        ended, farthest = periods.last_ending_by(now), min(periods.at(now) + policy.ahead, LAST_PERIOD)
        refused = []
        for n, (lci, i, js, first) in enumerate(wishes):
            if len(lci) != LCI_OCTETS:
                refused.append((n, WishReason.BAD_LCI))
            elif first is not None and not 0 <= first <= i:
                refused.append((n, WishReason.BEFORE_CHAIN))
            elif first is not None and i > policy.last_of(first):
                refused.append((n, WishReason.BEYOND_CHAIN))
            elif i <= ended:
                refused.append((n, WishReason.PERIOD_ENDED))
            elif i > farthest:
                refused.append((n, WishReason.TOO_FAR_AHEAD))
            elif not js:
                refused.append((n, WishReason.NO_JS))
            elif len(js) > policy.certificates:
                refused.append((n, WishReason.TOO_MANY_JS))
            elif not 0 <= min(js) <= max(js) <= LAST_J or len(set(js)) != len(js):
                refused.append((n, WishReason.BAD_J))
        return refused

    def _new(
        self, wishes: Sequence[Wish], ids: Sequence[bytes], found: dict[bytes, Chain], ra: str
    ) -> dict[bytes, NewChain]:
        first: dict[bytes, tuple[int, bytes]] = {}
        for id_, (lci, i, _, begins) in zip(ids, wishes, strict=True):
            begin = i if begins is None else begins
            if id_ not in found and (id_ not in first or begin < first[id_][0]):
                first[id_] = begin, lci
        return {id_: NewChain(Named(ra, lci), i, self._expires(i)) for id_, (i, lci) in first.items()}

    def _expires(self, first: int) -> int:
        end = self._periods.end(self.policy.last_of(first))
        return end + -end % HOUR

    def _check(self, wishes: Sequence[Wish], ids: Sequence[bytes], found: dict[bytes, Chain]) -> None:
        """Each wish against the chain that there is. Raises RefusedWishes."""
        refused = []
        for n, (id_, (_, i, _, _)) in enumerate(zip(ids, wishes, strict=True)):
            chain = found.get(id_)
            if chain is None:
                continue
            if i < chain.first:
                refused.append((n, WishReason.BEFORE_CHAIN))
            elif i > self.policy.last_of(chain.first):
                refused.append((n, WishReason.BEYOND_CHAIN))
            elif chain.revoked_from is not None and i >= chain.revoked_from:
                refused.append((n, WishReason.REVOKED))
        if refused:
            raise RefusedWishes(BatchReason.WISHES, refused)
