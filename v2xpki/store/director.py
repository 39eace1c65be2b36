"""The Director's database: the inventory of vehicles and ECUs, campaigns, what each vehicle was offered and
what it reported back.

Of a vehicle's enrolment credential it holds a salted digest alone. Times are TAI seconds.
"""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, DirectorBase, Key16
from v2xpki.store.tuf import RoleVersionColumns, SigningRequestColumns, SubmittedSignatureColumns

Base = DirectorBase

#: A vehicle's state.
ACTIVE, BLOCKED = "active", "blocked"
#: A campaign's state.
DRAFT, RUNNING, PAUSED, HALTED, FINISHED = "draft", "running", "paused", "halted", "finished"
#: An assignment's state: in the vehicle's targets; reported as installed; reported as failed; taken back.
OFFERED, INSTALLED, FAILED, RECALLED = "offered", "installed", "failed", "recalled"


class RoleVersion(RoleVersionColumns, DirectorBase):
    """Of the roles that all vehicles share: the root alone."""

    __table_args__ = (WITHOUT_ROWID,)


class SigningRequest(SigningRequestColumns, DirectorBase):
    __table_args__ = (WITHOUT_ROWID,)


class SubmittedSignature(SubmittedSignatureColumns, DirectorBase):
    __table_args__ = (WITHOUT_ROWID,)


class Vehicle(DirectorBase):
    """A vehicle. `counter` and `reported` are of its last manifest: none with a counter that is not higher is
    taken."""

    __tablename__ = "vehicle"

    id: Mapped[Key16]
    credential: Mapped[bytes | None] = mapped_column(unique=True)  # salted digest of the EC's
    vin: Mapped[str] = mapped_column(unique=True)
    model: Mapped[str]
    state: Mapped[str]
    registered: Mapped[int]
    registered_by: Mapped[str]  # "credential", or an operator's name
    certificate: Mapped[bytes | None]  # SHA-256 of its TLS client certificate in force
    certificate_expires: Mapped[int | None]
    counter: Mapped[int]
    reported: Mapped[int | None]
    manifest: Mapped[bytes | None]  # the last manifest whose content was new, as it came

    __table_args__ = (WITHOUT_ROWID,)


class Ecu(DirectorBase):
    """An ECU of a vehicle. `key`: its public key as TUF's JSON has it. A replaced one keeps its row, so that
    its id is never used twice."""

    __tablename__ = "ecu"

    id: Mapped[str] = mapped_column(primary_key=True)
    vehicle: Mapped[bytes] = mapped_column(index=True)
    hardware_id: Mapped[str]
    keyid: Mapped[str]
    key: Mapped[str]
    primary: Mapped[int]  # 1: the Primary
    replaced_by: Mapped[str | None]
    added: Mapped[int]
    #: What it last reported as installed.
    path: Mapped[str | None]
    sha256: Mapped[str | None]
    release_counter: Mapped[int | None]
    attack: Mapped[str | None]

    __table_args__ = (WITHOUT_ROWID,)


class VehicleMetadata(DirectorBase):
    """The newest targets, snapshot and timestamp of a vehicle, as they are handed out: one row, replaced as a
    whole. `content` is a digest of what the targets say, whatever their version."""

    __tablename__ = "vehicle_metadata"

    vehicle: Mapped[bytes] = mapped_column(primary_key=True)
    content: Mapped[bytes]
    targets_version: Mapped[int]
    snapshot_version: Mapped[int]
    timestamp_version: Mapped[int]
    targets: Mapped[bytes]
    snapshot: Mapped[bytes]
    timestamp: Mapped[bytes]
    expires: Mapped[int]  # of the first of them
    record: Mapped[bytes]  # the issuance record

    __table_args__ = (WITHOUT_ROWID,)


class KnownTarget(DirectorBase):
    """A target of the Image repository, as its verified metadata has it: what may be directed to."""

    __tablename__ = "known_target"

    path: Mapped[str] = mapped_column(primary_key=True)
    length: Mapped[int]
    sha256: Mapped[str]
    hashes: Mapped[str]  # JSON
    custom: Mapped[str]  # JSON
    gone: Mapped[int]  # 1: withdrawn since


class Campaign(DirectorBase):
    """Which releases go to which vehicles. `cohort`: JSON (models, vins, percentage)."""

    __tablename__ = "campaign"

    id: Mapped[Key16]
    name: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    targets: Mapped[str]  # JSON: paths
    cohort: Mapped[str]
    reason: Mapped[str]  # of the last pause or halt
    created_by: Mapped[str]
    created: Mapped[int]
    started: Mapped[int | None]
    ended: Mapped[int | None]

    __table_args__ = (WITHOUT_ROWID,)


class Assignment(DirectorBase):
    """A target that an ECU was offered, by which campaign, since which version of its vehicle's targets, and
    what came of it."""

    __tablename__ = "assignment"

    id: Mapped[Key16]
    vehicle: Mapped[bytes]
    ecu: Mapped[str]
    path: Mapped[str]
    campaign: Mapped[bytes]
    targets_version: Mapped[int]
    offered: Mapped[int]
    state: Mapped[str]
    reported: Mapped[int | None]
    detail: Mapped[str]

    __table_args__ = (
        Index("ix_assignment_vehicle", "vehicle"),
        Index("ix_assignment_path", "path"),
        WITHOUT_ROWID,
    )


class UsedChallenge(DirectorBase):
    """A challenge that a registration used, until it would have expired anyway."""

    __tablename__ = "used_challenge"

    id: Mapped[Key16]
    expires: Mapped[int]

    __table_args__ = (WITHOUT_ROWID,)
