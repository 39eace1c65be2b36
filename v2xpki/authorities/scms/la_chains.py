"""Chains of linkage seeds: found, begun, opened, stepped forward. For a linkage authority's both halves.

    chains = Chains(database, la_id, seals, cached=16_384)
    found = chains.find(ids)                       rows by id
    made = chains.begin({id: new, ...})            all in one durable transaction
    seed = chains.seed(chain, i)                   ls(i)

A row's seed is sealed together with the RA's name and its lci, bound to the row's id and first period: a row
under another's key, or with another first period, does not open. Derived seeds are cached in memory, the
latest of each chain, so that period after period costs a step.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.crypto import seed_after
from v2xpki.crypto.linkage import SEED_OCTETS
from v2xpki.crypto.sealing import Seal
from v2xpki.errors import StoreError
from v2xpki.store import Database, Statement, Transaction
from v2xpki.store.base import table_of
from v2xpki.store.la import LinkageChain

LCI_OCTETS = 16
_SLICE = 64  # rows of one query
_WALK = 2000  # rows of one query of a search

_T = table_of(LinkageChain)
_COLUMNS = (_T.c.id, _T.c.first, _T.c.sealed, _T.c.revoked_from, _T.c.expires)
_SOME = Statement(
    sa.select(*_COLUMNS).where(
        _T.c.id.in_([sa.bindparam(f"id{n}", type_=_T.c.id.type, required=True) for n in range(_SLICE)])
    )
)
_ONE = Statement(
    sa.select(*_COLUMNS).where(_T.c.id == sa.bindparam("id", type_=_T.c.id.type)).with_for_update()
)
_NEXT = Statement(
    sa.select(*_COLUMNS)
    .where(
        _T.c.id > sa.bindparam("last", type_=_T.c.id.type),
        _T.c.first <= sa.bindparam("latest", type_=_T.c.first.type),
        _T.c.first > sa.bindparam("earliest", type_=_T.c.first.type),
    )
    .order_by(_T.c.id)
    .limit(sa.literal_column(str(_WALK)))
)
_REVOKE = Statement(
    sa.update(_T)
    .where(_T.c.id == sa.bindparam("chain", type_=_T.c.id.type))
    .values(revoked_from=sa.bindparam("i_rev", type_=_T.c.first.type))
)


class Chain(NamedTuple):
    """A row of linkage_chain."""

    id: bytes
    first: int
    sealed: bytes
    revoked_from: int | None
    expires: int


class Named(NamedTuple):
    """Whose chain it is: the RA's name, and its name for the chain."""

    ra: str
    lci: bytes


class NewChain(NamedTuple):
    """A chain to be begun."""

    named: Named
    first: int
    expires: int


class Chains:
    """The chains of a database. For all threads of a process."""

    def __init__(self, database: Database, la_id: bytes, seals: Mapping[int, bytes], *, cached: int) -> None:
        self._database, self._la_id = database, la_id
        self._seals = {number: Seal(key) for number, key in seals.items()}
        self._newest = max(self._seals)
        self._cached, self._lock = cached, Lock()
        # sealed -> i, ls(i): what is sealed differs with each beginning of a chain, its id need not
        self._latest: OrderedDict[bytes, tuple[int, bytes]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Chains of {self._la_id.hex()}, {len(self._latest)} at hand>"

    def id_of(self, named: Named) -> bytes:
        """The key of its row. An lci is its RA's alone: the same one of another RA names another chain."""
        ra = named.ra.encode()
        return self._database.blind("chain", len(ra).to_bytes(2, "big") + ra + named.lci)[:16]

    # --- rows ------------------------------------------------------------------------------------------

    def find(self, ids: Iterable[bytes]) -> dict[bytes, Chain]:
        """Those that there are."""
        wanted, found = list(dict.fromkeys(ids)), {}
        with self._database.read() as tx:
            for start in range(0, len(wanted), _SLICE):
                some = wanted[start : start + _SLICE]
                some += some[-1:] * (_SLICE - len(some))
                for row in tx.rows(_SOME, **{f"id{n}": id_ for n, id_ in enumerate(some)}):
                    chain = _chain(row)
                    found[chain.id] = chain
        return found

    def begin(self, new: Mapping[bytes, NewChain]) -> dict[bytes, Chain]:
        """Begin chains with random seeds, all in one durable transaction, with one audit entry. Where another
        process has begun one meanwhile, it is its chain. Raises RecordFailed, AuditError."""
        made: dict[bytes, Chain] = {}
        count = 0
        with self._database.write(durable=True) as tx:
            # in the order of their keys, as everybody does it: no two wait for each other
            for id_ in sorted(new):
                chain = self._sealed(id_, new[id_], _fresh_seed())
                if tx.insert_if_new(LinkageChain, **chain._asdict()):
                    count += 1
                    made[id_] = chain
                else:
                    made[id_] = self.locked(tx, id_)
            if count:
                tx.audit(Event.CHAINS_BEGUN, count=count)
        return made

    def _sealed(self, id_: bytes, new: NewChain, seed: bytes) -> Chain:
        plain = seed + new.named.lci + new.named.ra.encode()
        octets = self._seals[self._newest].close(plain, self._bound(id_, new.first))
        return Chain(id_, new.first, bytes((self._newest,)) + octets, None, new.expires)

    @staticmethod
    def locked(tx: Transaction, id_: bytes) -> Chain:
        """A row for the rest of a transaction. Raises StoreError where it is gone."""
        row = tx.row(_ONE, id=id_)
        if row is None:
            raise StoreError("the linkage chain is gone")
        return _chain(row)

    @staticmethod
    def tx_revoke(tx: Transaction, id_: bytes, i_rev: int) -> None:
        """No values from i_rev on."""
        tx.run(_REVOKE, chain=id_, i_rev=i_rev)

    def walk(self, latest: int, earliest: int) -> Iterator[Sequence[Chain]]:
        """All chains whose first period is after `earliest` and not after `latest`, in slices."""
        last = b""
        while True:
            with self._database.read() as tx:
                rows = tx.rows(_NEXT, last=last, latest=latest, earliest=earliest)
            if rows:
                yield [_chain(row) for row in rows]
            if len(rows) < _WALK:
                return
            last = bytes(rows[-1][0])

    # --- what is sealed in them ------------------------------------------------------------------------

    def open(self, chain: Chain) -> tuple[bytes, Named]:
        """ls(first), and whose chain it is. Raises DecryptionFailed for a row that was changed or put in
        another's place, StoreError where its sealing key is missing."""
        seal = self._seals.get(chain.sealed[0])
        if seal is None:
            raise StoreError(f"a linkage chain is sealed by key {chain.sealed[0]}, which is not here")
        plain = seal.open(chain.sealed[1:], self._bound(chain.id, chain.first))
        lci_end = SEED_OCTETS + LCI_OCTETS
        return plain[:SEED_OCTETS], Named(plain[lci_end:].decode(), plain[SEED_OCTETS:lci_end])

    def seed(self, chain: Chain, i: int) -> bytes:
        """ls(i) of a chain, i not before its first. Errors as open, and CryptoError for an earlier i."""
        with self._lock:
            held = self._latest.get(chain.sealed)
        at, seed = held if held is not None and held[0] <= i else (chain.first, self.open(chain)[0])
        seed = seed_after(self._la_id, seed, i - at)
        with self._lock:
            held = self._latest.get(chain.sealed)
            if held is None or held[0] < i:
                self._latest[chain.sealed] = i, seed
                self._latest.move_to_end(chain.sealed)
                if len(self._latest) > self._cached:
                    self._latest.popitem(last=False)
        return seed

    def forget(self) -> None:
        """Empty the cache of seeds."""
        with self._lock:
            self._latest.clear()

    def _bound(self, id_: bytes, first: int) -> bytes:
        return id_ + first.to_bytes(8, "big", signed=True) + self._la_id


def _fresh_seed() -> bytes:
    """ls(first) of a chain."""
    return secrets.token_bytes(SEED_OCTETS)


def _chain(row: Sequence[object]) -> Chain:
    id_, first, sealed, revoked_from, expires = row
    return Chain(bytes(id_), first, bytes(sealed), revoked_from, expires)  # type: ignore[arg-type,call-overload]
