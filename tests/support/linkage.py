"""A linkage authority over a database, and the ACA's end of what it gives."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from v2xpki import wire
from v2xpki.authorities.periods import Periods
from v2xpki.authorities.scms.la import LaPolicy, LinkageAuthority, Wish
from v2xpki.authorities.scms.la_chains import Named
from v2xpki.authorities.scms.la_keys import new_sealing_key, put_shared_key
from v2xpki.authorities.scms.la_revocation import LaRevocation
from v2xpki.keystore import KeyLabel, Keystore, MemoryKeystore
from v2xpki.secured import decrypt_psk
from v2xpki.store import Database, upgrade
from v2xpki.time import FixedClock
from v2xpki.wire import scms

NOW = 720_000_123
WEEK = 604_800
PERIODS = Periods(NOW - NOW % 3600 - 3600, WEEK, 3600)  # it is an hour into period 0
LA1_ID, LA2_ID = b"\x8e\x09", b"\x59\xce"
POLICY = LaPolicy(certificates=20, values=400, chain_periods=12, ahead=20, cached=8)
RA = "ra"
CASE = b"case of the MA, 0001"


def lci(number: int) -> bytes:
    """What an RA would choose at random."""
    return bytes([number]) * 2 + b"chosen by ra" + bytes([number]) * 2


@dataclass
class La:
    """One of both, with what the test needs beside it."""

    authority: LinkageAuthority
    revocation: LaRevocation
    database: Database
    keystore: Keystore
    clock: FixedClock
    shared: bytes

    @classmethod
    def make(
        cls,
        url: str,
        keystore: Keystore | None = None,
        *,
        domain: str = "la1",
        la_id: bytes = LA1_ID,
        policy: LaPolicy = POLICY,
        clock: FixedClock | None = None,
        shared: bytes = b"shared LA and CA",
    ) -> "La":
        clock = clock or FixedClock(NOW)
        database = Database.open(url, clock=clock)
        keystore, label = keystore or MemoryKeystore("test"), KeyLabel(domain, "wrap")
        upgrade(database, domain)
        keystore.generate_wrapping(label)
        new_sealing_key(database, keystore, label)
        put_shared_key(database, keystore, label, shared, NOW)
        return cls.at_work(database, keystore, clock, shared, la_id, policy)

    @classmethod
    def at_work(
        cls,
        database: Database,
        keystore: Keystore,
        clock: FixedClock,
        shared: bytes,
        la_id: bytes = LA1_ID,
        policy: LaPolicy = POLICY,
    ) -> "La":
        authority = LinkageAuthority.open(keystore, database, la_id, PERIODS, clock, policy)
        revocation = LaRevocation(authority, database, PERIODS, clock)
        return cls(authority, revocation, database, keystore, clock, shared)

    def again(self, database: Database | None = None) -> "La":
        """As another process has it."""
        return La.at_work(
            database or self.database, self.keystore, self.clock, self.shared, self.authority.la_id,
            self.authority.policy,
        )  # fmt: skip

    def ask(self, *wishes: Any, ra: str = RA) -> list[list[bytes]]:
        """What the ACA reads of the answers to (lci, i, js)."""
        return [opened(made, self.shared) for made in self.authority.pre_linkage_values(asked(wishes), ra=ra)]

    def named(self, number: int, ra: str = RA) -> Named:
        return Named(ra, lci(number))


def asked(wishes: Iterable[Any]) -> list[Wish]:
    return [Wish(*wish) for wish in wishes]


def opened(made: Iterable[bytes], key: bytes) -> list[bytes]:
    """Pre-linkage values by the generic codec."""
    records = [wire.decode(scms.EncryptedIndividualPLV, octets) for octets in made]
    return [decrypt_psk(record.enc_plv, key) for record in records]


def fixed_seeds(*seeds: bytes) -> Callable[[], bytes]:
    """In place of random ones."""
    left = list(seeds)
    return lambda: left.pop(0)
