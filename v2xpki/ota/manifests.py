"""Taking a vehicle's version manifest: what must hold before any of it is believed (Uptane 5.4.2.1).

Every registered ECU is in it and no other; the Primary's signature and each ECU's verify under the registered
keys; its times are within the window; its counter is higher than the last one's, and each ECU's likewise,
but by no more than MOST_AHEAD. What has reported nothing yet begins where it stands, up to MOST_FIRST: a
car that registers anew, or a spare part, has counted before.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from v2xpki.errors import InvalidSignature
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.ota.inventory import Ecu, Vehicle
from v2xpki.store import Statement, Transaction
from v2xpki.store import director as store
from v2xpki.store.base import table_of
from v2xpki.trust.ota.keys import check_signature
from v2xpki.trust.ota.manifest import Manifest

#: How far a counter may be above the last one. Each attempt to report raises it by one, answered or not: one
#: every 20 s for ten years comes to less. Farther is a fault or a forgery, after which no counter were left.
MOST_AHEAD = 1 << 24
#: The highest counter to begin with: MOST_AHEAD are left below what a manifest can say, 2^53.
MOST_FIRST = (1 << 53) - MOST_AHEAD

_E = table_of(store.Ecu).c
_UPDATE = Statement(
    sa.update(table_of(store.Ecu))
    .where(
        _E.id == sa.bindparam("of_ecu"),
        _E.vehicle == sa.bindparam("of_vehicle"),
        _E.replaced_by.is_(None),
        _E.counter < sa.bindparam("new_counter", type_=sa.BigInteger()),
    )
    .values(
        {
            name: sa.bindparam(f"new_{name}", type_=_E[name].type)
            for name in ("counter", "path", "sha256", "release_counter", "attack")
        }
    )
)


class Reported(NamedTuple):
    """A manifest that is believed. ecus: as they are after it; is_new: something else than before."""

    manifest: Manifest
    ecus: Sequence[Ecu]
    is_new: bool

    @property
    def attacks(self) -> int:
        return sum(ecu.attack is not None for ecu in self.ecus)


def check(vehicle: Vehicle, ecus: Sequence[Ecu], octets: bytes, now: int, window: int) -> Reported:
    """The manifest of octets, if all that the module says holds. window: seconds, either way.

    Raises DecodeError, DirectorRefusal.
    """
    manifest = Manifest.parse(octets)
    if manifest.vin != vehicle.vin:
        raise DirectorRefusal(DirectorReason.FORBIDDEN, "manifest.vehicleId is another vehicle's")
    registered = {ecu.id: ecu for ecu in ecus}
    if missing := registered.keys() - manifest.reports.keys():
        raise DirectorRefusal(DirectorReason.CONFLICT, f"the manifest lacks ECU {min(missing)}")
    if unknown := manifest.reports.keys() - registered.keys():
        raise DirectorRefusal(
            DirectorReason.CONFLICT, f"ECU {min(unknown)} is not registered in this vehicle"
        )
    primary = registered.get(manifest.primary)
    if primary is None or not primary.primary:
        raise DirectorRefusal(DirectorReason.CONFLICT, "manifest.primaryEcu is not the registered Primary")
    _check_times(manifest, now, window)
    _check_counters(vehicle, registered, manifest)
    _check_signatures(registered, primary, manifest)
    after = [_after(ecu, manifest) for ecu in ecus]
    return Reported(manifest, after, vehicle.counter == 0 or any(map(_differs, ecus, after)))


def tx_store(tx: Transaction, vehicle: Vehicle, reported: Reported, octets: bytes, now: int) -> None:
    """Write what the ECUs reported, and the manifest where its content is new. Raises DirectorRefusal where
    an ECU was replaced, or reported something newer, in between."""
    for ecu in reported.ecus:
        touched = tx.run(
            _UPDATE,
            of_ecu=ecu.id,
            of_vehicle=vehicle.id,
            new_counter=ecu.counter,
            new_path=ecu.path,
            new_sha256=ecu.sha256,
            new_release_counter=ecu.release_counter,
            new_attack=ecu.attack,
        )
        if touched != 1:
            raise DirectorRefusal(DirectorReason.REPLAYED, f"ECU {ecu.id} has reported something newer")
    if reported.is_new:
        tx.insert(
            store.VehicleManifest,
            vehicle=vehicle.id,
            primary_ecu=reported.manifest.primary,
            counter=reported.manifest.counter,
            received=now,
            attacks=reported.attacks,
            octets=octets,
        )


def _check_times(manifest: Manifest, now: int, window: int) -> None:
    times = [("the manifest", manifest.time)]
    times += [(f"ECU {one.ecu}", one.time) for one in manifest.reports.values()]
    for what, time in times:
        if abs(time - now) > window:
            raise DirectorRefusal(
                DirectorReason.OUT_OF_TIME, f"time of {what} is {abs(time - now)} s off, of {window} allowed"
            )


def _check_counters(vehicle: Vehicle, registered: Mapping[str, Ecu], manifest: Manifest) -> None:
    _check_counter("manifest.counter", manifest.counter, vehicle.counter)
    for report in manifest.reports.values():
        _check_counter(f"counter of ECU {report.ecu}", report.counter, registered[report.ecu].counter)


def _check_counter(what: str, counter: int, last: int) -> None:
    if counter <= last:
        raise DirectorRefusal(DirectorReason.REPLAYED, f"{what}: {counter} is not above the last, {last}")
    if last == 0 and counter > MOST_FIRST:
        raise DirectorRefusal(
            DirectorReason.CONFLICT,
            f"{what}: {counter} leaves no room, a first one is {MOST_FIRST} at most; count from a lower one",
        )
    if last and counter > last + MOST_AHEAD:
        raise DirectorRefusal(
            DirectorReason.CONFLICT,
            f"{what}: {counter} is more than {MOST_AHEAD} above the last, {last}; each report adds one",
        )


def _check_signatures(registered: Mapping[str, Ecu], primary: Ecu, manifest: Manifest) -> None:
    try:
        check_signature(primary.public_key, manifest.signature, manifest.octets, "manifest")
        for report in manifest.reports.values():
            if report.ecu != primary.id:
                key = registered[report.ecu].public_key
                check_signature(key, report.signature, report.octets, f"report of ECU {report.ecu}")
    except InvalidSignature as error:
        raise DirectorRefusal(DirectorReason.NOT_AUTHENTIC, str(error)) from error


def _after(ecu: Ecu, manifest: Manifest) -> Ecu:
    report = manifest.reports[ecu.id]
    return ecu._replace(
        counter=report.counter,
        path=report.installed.path,
        sha256=report.installed.sha256,
        release_counter=report.installed.release_counter,
        attack=report.attack,
    )


def _differs(before: Ecu, after: Ecu) -> bool:
    return before._replace(counter=0) != after._replace(counter=0)
