"""What authorities have on record, for tests that count: certificates for a key, tickets of a station."""

from collections import Counter

import sqlalchemy as sa

from tests.support.lab import Lab, LabStation
from v2xpki.crypto import Certificate
from v2xpki.store.base import IssuanceRecord
from v2xpki.store.ea import TicketWindow


def issued(lab: Lab, name: str, kind: str) -> Counter[bytes]:
    """How many certificates an authority has issued to each key, by its records."""
    with lab.database(name) as database, database.read() as tx:
        rows = tx.execute(
            sa.select(IssuanceRecord.signed).where(
                IssuanceRecord.kind == kind, IssuanceRecord.state == "issued"
            )
        ).scalars()
        return Counter(Certificate.parse(octets).verification_key.point for octets in rows)


def tickets_of(lab: Lab, station: LabStation) -> int:
    """What the EA has counted."""
    with lab.database("ea") as database, database.read() as tx:
        query = sa.select(sa.func.sum(TicketWindow.tickets)).where(TicketWindow.station == station.known.id)
        return int(tx.execute(query).scalar_one() or 0)
