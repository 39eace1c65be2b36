"""What the Director knows of a release's delivery, and of a vehicle."""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from v2xpki.errors import ConfigError
from v2xpki.issuance.metadata import documents_of
from v2xpki.ota.evidence.shapes import (
    CampaignWord,
    DeliveryHalf,
    EcuWord,
    Offer,
    Reported,
    Retirement,
    SignedVersion,
    Signing,
    VehicleHalf,
)
from v2xpki.ota.evidence.signed import moment, rxswin_of, sha256, versions
from v2xpki.store import Transaction, director
from v2xpki.store.base import IssuanceRecord
from v2xpki.time import iso_from_time32


def delivery_half(
    tx: Transaction, path: str, *, after: str = "", vehicles: int | None = None
) -> DeliveryHalf:
    """Of a release's target path; of all vehicles, or of so many whose VIN comes after `after`."""
    assignment, vehicle = director.Assignment, director.Vehicle
    counted = tx.execute(
        sa.select(assignment.state, sa.func.count().label("number"))
        .where(assignment.path == path)
        .group_by(assignment.state)
    )
    vins = (
        sa.select(vehicle.vin)
        .join(assignment, assignment.vehicle == vehicle.id)
        .where(assignment.path == path, vehicle.vin > after)
        .distinct()
        .order_by(vehicle.vin)
    )
    wanted, more = [assignment.path == path], None
    if vehicles is not None:
        page = list(tx.execute(vins.limit(vehicles + 1)).scalars())
        more = page[vehicles - 1] if len(page) > vehicles else None
        wanted.append(vehicle.vin.in_(page[:vehicles]))
    campaigns = [one for one in _campaigns(tx) if path in one.targets]
    return DeliveryHalf(
        path=path,
        counts={row.state: row.number for row in counted},
        campaigns=tuple(campaigns),
        roots=tuple(versions(tx, director, "root")),
        offers=_offers(tx, *wanted),
        more=more,
    )


def vehicle_half(tx: Transaction, vin: str) -> VehicleHalf:
    """Of a vehicle, and of what was registered under its VIN before. Raises ConfigError for one that never
    was here."""
    table = director.Vehicle
    query = sa.select(*table.__table__.columns).where(table.vin == vin)
    registered = tx.execute(query.where(table.retired.is_(None))).all()
    retired = tx.execute(query.where(table.retired.is_not(None)).order_by(table.retired.desc())).all()
    if not (rows := [*registered, *retired]):
        raise ConfigError(f"there is no vehicle {vin!r}")
    earlier = tuple(_registration(tx, row) for row in rows[1:])
    return _registration(tx, rows[0], tuple(versions(tx, director, "root")), earlier)


def _registration(
    tx: Transaction, row: Any, roots: tuple[SignedVersion, ...] = (), earlier: tuple[VehicleHalf, ...] = ()
) -> VehicleHalf:
    ecus = _ecus(tx, row.id)
    offers = _offers(tx, director.Assignment.vehicle == row.id)
    named = {offer.campaign for offer in offers}
    rxswin: dict[str, list[str]] = {}
    for ecu in ecus:
        for number in ecu.rxswin if ecu.replaced_by is None else ():
            rxswin.setdefault(number, []).append(ecu.ecu)
    return VehicleHalf(
        vin=row.vin,
        model=row.model,
        state=row.state,
        registered=iso_from_time32(row.registered),
        registered_by=row.registered_by,
        retired=row.retired and Retirement(iso_from_time32(row.retired), row.retired_by, row.retired_reason),
        certificate=None if row.certificate is None else row.certificate.hex(),
        certificate_expires=moment(row.certificate_expires),
        counter=row.counter,
        reported=moment(row.reported),
        manifests=_manifests(tx, row.id),
        rxswin=rxswin,
        ecus=ecus,
        directed=_directed(tx, row.record),
        roots=roots,
        campaigns=tuple(one for one in _campaigns(tx) if one.name in named),
        offers=offers,
        earlier=earlier,
    )


def _offers(tx: Transaction, *wanted: sa.ColumnElement[bool]) -> tuple[Offer, ...]:
    assignment, vehicle, ecu = director.Assignment, director.Vehicle, director.Ecu
    rows = tx.execute(
        sa.select(
            vehicle.vin,
            ecu.id,
            ecu.hardware_id,
            assignment.path,
            director.KnownTarget.custom,
            director.Campaign.name,
            assignment.version,
            assignment.offered,
            assignment.state,
            assignment.reported,
            assignment.detail,
            vehicle.retired,
        )
        .join(vehicle, assignment.vehicle == vehicle.id)
        .join(ecu, sa.and_(assignment.vehicle == ecu.vehicle, assignment.ecu == ecu.id))
        .join(director.Campaign, assignment.campaign == director.Campaign.id, isouter=True)
        .join(director.KnownTarget, assignment.path == director.KnownTarget.path, isouter=True)
        .where(*wanted)
        .order_by(vehicle.vin, ecu.id, assignment.offered)
    )
    return tuple(
        Offer(
            row.vin,
            row.id,
            row.hardware_id,
            row.path,
            rxswin_of(row.custom),
            row.name or "",
            row.version,
            iso_from_time32(row.offered),
            row.state,
            moment(row.reported),
            row.detail,
            moment(row.retired),
        )
        for row in rows
    )


def _ecus(tx: Transaction, vehicle: bytes) -> tuple[EcuWord, ...]:
    table, known = director.Ecu, director.KnownTarget
    rows = tx.execute(
        sa.select(*table.__table__.columns, known.custom)
        .join(known, table.path == known.path, isouter=True)
        .where(table.vehicle == vehicle)
        .order_by(table.primary.desc(), table.id)
    )
    return tuple(
        EcuWord(
            row.id,
            row.hardware_id,
            row.keyid,
            bool(row.primary),
            iso_from_time32(row.added),
            row.replaced_by,
            row.path,
            row.sha256,
            row.release_counter,
            rxswin_of(row.custom),
            row.attack,
        )
        for row in rows
    )


def _manifests(tx: Transaction, vehicle: bytes) -> tuple[Reported, ...]:
    table = director.VehicleManifest
    rows = tx.execute(
        sa.select(*table.__table__.columns).where(table.vehicle == vehicle).order_by(table.counter)
    )
    return tuple(
        Reported(
            row.counter,
            iso_from_time32(row.received),
            row.attacks,
            sha256(row.octets),
            json.loads(row.octets),
        )
        for row in rows
    )


def _campaigns(tx: Transaction) -> Iterable[CampaignWord]:
    for row in tx.execute(
        sa.select(*director.Campaign.__table__.columns).order_by(director.Campaign.created)
    ):
        yield CampaignWord(
            row.name,
            row.state,
            tuple(json.loads(row.targets)),
            json.loads(row.cohort),
            row.reason,
            row.created_by,
            iso_from_time32(row.created),
            moment(row.started),
            moment(row.ended),
        )


def _directed(tx: Transaction, record: bytes | None) -> SignedVersion | None:
    """A vehicle's targets of an issuance record, which has them, snapshot and timestamp."""
    query = sa.select(IssuanceRecord.to_be_signed, IssuanceRecord.signed).where(IssuanceRecord.id == record)
    row = tx.execute(query).first() if record is not None else None
    if row is None or row.signed is None:
        return None
    targets = documents_of(row.to_be_signed, row.signed)[0]
    document = json.loads(targets)
    signed, signatures = document["signed"], tuple(Signing(one["keyid"]) for one in document["signatures"])
    return SignedVersion("targets", signed["version"], sha256(targets), "", signed["expires"], signatures)
