"""The end of a vehicle's registration: one transaction, after which the vehicle is history.

Its client certificate is nobody's, nothing is directed to it, what it was offered and had not installed is
taken back. Its VIN, its credential and the ids of the ECUs that were in it are free for a registration anew;
its rows stay as evidence (UN R156), and say when it was retired, by whom and why. An ECU that was replaced
before stays out for good.
"""

import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.inventory import tx_registered
from v2xpki.store import Transaction
from v2xpki.store import director as store
from v2xpki.store.base import table_of

_VEHICLE, _V = table_of(store.Vehicle), table_of(store.Vehicle).c
_ECU, _E = table_of(store.Ecu), table_of(store.Ecu).c
_ASSIGNMENT, _A = table_of(store.Assignment), table_of(store.Assignment).c


def tx_retire(tx: Transaction, vin: str, reason: str, operator: str, now: int) -> None:
    """End the registration of a VIN, with its audit entry. Raises DirectorRefusal for a VIN that is not
    registered, or no more."""
    vehicle = tx_registered(tx, vin).id
    ended = {"state": store.RETIRED, "retired": now, "retired_by": operator, "retired_reason": reason}
    query = sa.update(_VEHICLE).where(_V.id == vehicle, _V.retired.is_(None))
    if tx.execute(query.values(credential=None, **ended)).rowcount != 1:
        raise DirectorRefusal(DirectorReason.STATE, f"vehicle {vin} has just been retired; look at it again")
    tx.execute(sa.update(_ECU).where(_E.vehicle == vehicle, _E.replaced_by.is_(None)).values(retired=now))
    tx.execute(
        sa.update(_ASSIGNMENT)
        .where(_A.vehicle == vehicle, _A.state.in_((store.OFFERED, store.FAILED)))
        .values(state=store.RECALLED)
    )
    tx.audit(Event.VEHICLE_RETIRED, vehicle=vehicle, reason=reason, operator=operator)
