"""Who knew what: each component's database, searched for all that there was to know of the demo's devices.

    of_components(instance, report)      a Knowledge each

Nothing is taken from a design: every value of every row, as octets or as hex, is held against the devices'
names, enrolment certificates, requests and pseudonyms. What is sealed there, or a keyed digest, is not found;
only the component's own token makes more of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.demo.report_scms import Knowledge, ScmsReport
from v2xpki.store import Database
from v2xpki.store.aca import IssuanceChunk
from v2xpki.store.base import table_of
from v2xpki.store.chunks import unpack
from v2xpki.wire import dot2

COMPONENTS = ("eca", "ra", "aca", "la1", "la2", "ma")
_CHAINS = "linkage_chain"


@dataclass(frozen=True)
class Vehicle:
    """What only the vehicle itself has together. names: octets by which each is known."""

    device: bytes
    enrolment: tuple[bytes, ...]
    requests: tuple[bytes, ...]
    pseudonyms: tuple[tuple[bytes, ...], ...]


class Rows:
    """All rows of a database, as octets."""

    def __init__(self, database: Database) -> None:
        self._rows: list[tuple[str, bytes]] = []
        with database.read() as tx:
            metadata = sa.MetaData()
            metadata.reflect(tx.connection)
            for table in metadata.sorted_tables:
                for row in tx.execute(sa.select(table)).mappings():
                    self._rows.append((table.name, _octets(dict(row))))

    def has(self, names: Iterable[bytes]) -> bool:
        """Whether one of the names is in a row."""
        wanted = [form for name in names for form in _forms(name)]
        return any(form in octets for _, octets in self._rows for form in wanted)

    def count(self, table: str) -> int:
        return sum(name == table for name, _ in self._rows)

    def __iter__(self) -> Iterator[bytes]:
        return (octets for _, octets in self._rows)


def of_components(instance: Instance, report: ScmsReport, requests: Mapping[str, bytes]) -> list[Knowledge]:
    """By the instance's databases. requests: of each device by its name, what its request is known by."""
    vehicles = [_known(member.canonical_id, member.credential, member.tickets, (requests[member.name],))
                for member in report.members]  # fmt: skip
    revocation = report.revocation
    assert revocation is not None
    found = []
    for name in COMPONENTS:
        with Database.open(instance.domain(name).database_url, must_exist=True) as database:
            rows = Rows(database)
        seeds = sum(rows.has([seed]) for seed in revocation.seeds)
        tied, whose = tied_by(rows, vehicles)
        if seeds:  # of a revoked chain: it gives the linkage values of all periods from then on
            tied |= {n for n, one in enumerate(report.members) if revocation.named in one.tickets}
        found.append(
            Knowledge(
                name,
                devices=sum(rows.has([one.device]) for one in vehicles),
                enrolments=sum(rows.has(one.enrolment) for one in vehicles),
                requests=sum(rows.has(one.requests) for one in vehicles),
                pseudonyms=sum(rows.has(one) for vehicle in vehicles for one in vehicle.pseudonyms),
                chains=rows.count(_CHAINS),
                seeds=seeds,
                together=len(tied),
                whose=whose,
            )
        )
    return found


def _known(
    canonical_id: str,
    enrolment: Certificate,
    certificates: Iterable[Certificate],
    requests: tuple[bytes, ...],
) -> Vehicle:
    linked = [one for one in certificates if isinstance(one.record.to_be_signed.id.value, dot2.LinkageData)]
    return Vehicle(
        canonical_id.encode(),
        (enrolment.octets, enrolment.hashed_id8),
        requests,
        tuple(map(_names_of, linked)),
    )


def _names_of(certificate: Certificate) -> tuple[bytes, ...]:
    """Octets that tell a pseudonym: itself, its digests, its key, its linkage value."""
    linkage = certificate.record.to_be_signed.id.value
    assert isinstance(linkage, dot2.LinkageData)
    return (
        certificate.octets,
        certificate.hashed_id8,  # the end of HashedId10, and of the digest
        certificate.verification_key.point[1:],
        linkage.linkage_value,
    )


def tied_by(rows: Rows, vehicles: list[Vehicle]) -> tuple[set[int], int]:
    """The vehicles of which a row names two pseudonyms and of no other vehicle any; and how many pseudonyms
    share a row with what names their vehicle, and no other's."""
    together: set[int] = set()
    whose = 0
    for octets in rows:
        named = [
            [any(form in octets for name in one for form in _forms(name)) for one in vehicle.pseudonyms]
            for vehicle in vehicles
        ]
        counts = [sum(one) for one in named]
        if sum(map(bool, counts)) != 1:
            continue
        n = next(n for n, count in enumerate(counts) if count)
        if counts[n] > 1:
            together.add(n)
        vehicle = vehicles[n]
        if any(form in octets for name in (vehicle.device, *vehicle.enrolment, *vehicle.requests)
               for form in _forms(name)):  # fmt: skip
            whose += counts[n]
    return together, whose


def _octets(row: Mapping[Any, Any]) -> bytes:
    values = (value for value in row.values() if value is not None)
    return b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


def _forms(name: bytes) -> tuple[bytes, bytes, bytes]:
    """Octets as they are, and as text has them."""
    text = name.hex()
    return name, text.encode(), text.upper().encode()


def certified(instance: Instance) -> dict[str, int]:
    """How many certificates of each kind the ACA has signed, by its chunks."""
    found: dict[str, int] = {}
    table = table_of(IssuanceChunk).c
    with (
        Database.open(instance.domain("aca").database_url, must_exist=True) as database,
        database.read() as tx,
    ):
        rows: list[Any] = list(tx.execute(sa.select(table.kind, table.octets)))
    for kind, octets in rows:
        found[kind] = found.get(kind, 0) + sum(entry.signed for entry in unpack(octets))
    return found
