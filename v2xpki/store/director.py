"""The Director's database: the inventory of vehicles and ECUs, campaigns, what each vehicle was offered and
what it reported back.

Of a vehicle's enrolment credential it holds a salted digest alone. Times are TAI seconds.
"""

from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from v2xpki.store.base import WITHOUT_ROWID, DirectorBase, Key16
from v2xpki.store.tuf import RoleVersionColumns, SigningRequestColumns, SubmittedSignatureColumns

Base = DirectorBase

#: A vehicle's state.
ACTIVE, BLOCKED, RETIRED = "active", "blocked", "retired"
# What a retired vehicle gave free: rows of it are history, and bind nobody.
_IN_USE, _HISTORY = text("retired IS NULL"), text("retired IS NOT NULL")
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
    """A vehicle, from its registration to its retirement; after that the row is history, and its VIN may be
    registered anew. `counter` and `reported` are of its last manifest: none with a counter that is not higher
    is taken. The counter is of the Primary's key, and begins anew with another Primary. `version` is the last
    number that was given to its metadata, whatever became of the signatures.
    """

    __tablename__ = "vehicle"

    id: Mapped[Key16]
    certificate: Mapped[bytes | None] = mapped_column(unique=True)  # SHA-256 of its TLS client certificate
    certificate_expires: Mapped[int | None]
    credential: Mapped[bytes | None] = mapped_column(unique=True)  # salted digest of the EC's
    #: A newer certificate, which takes the other's place when it is first used: its answer may get lost.
    pending: Mapped[bytes | None] = mapped_column(unique=True)
    pending_expires: Mapped[int | None]
    vin: Mapped[str]
    model: Mapped[str]
    state: Mapped[str]
    registered: Mapped[int]
    registered_by: Mapped[str]  # "credential", or an operator's name
    retired: Mapped[int | None]
    retired_by: Mapped[str | None]
    retired_reason: Mapped[str | None]
    counter: Mapped[int]
    reported: Mapped[int | None]
    version: Mapped[int]
    #: Its newest targets, snapshot and timestamp, which are always signed together: the issuance record has
    #: them, and handing out another record replaces all three at once. `content` is a digest of what the
    #: targets say, whatever their version; `plan` the generation of the plan that was asked.
    issued: Mapped[int]  # version, 0 for none
    expires: Mapped[int]
    record: Mapped[bytes | None]
    content: Mapped[bytes | None]
    plan: Mapped[int]

    __table_args__ = (
        Index("uq_vehicle_vin", "vin", unique=True, sqlite_where=_IN_USE, postgresql_where=_IN_USE),
        Index("ix_vehicle_retired_vin", "vin", sqlite_where=_HISTORY, postgresql_where=_HISTORY),
        WITHOUT_ROWID,
    )


class Ecu(DirectorBase):
    """An ECU of a vehicle. `key`: its public key as TUF's JSON has it. A replaced one keeps its row, so that
    its id is never used twice; those that were in a vehicle when it was retired give their ids free."""

    __tablename__ = "ecu"

    vehicle: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    hardware_id: Mapped[str] = mapped_column(index=True)  # by which a campaign's last ones are found
    keyid: Mapped[str]
    key: Mapped[str]
    primary: Mapped[int]  # 1: the Primary
    replaced_by: Mapped[str | None]
    retired: Mapped[int | None]
    added: Mapped[int]
    counter: Mapped[int]  # of its last report
    #: What it last reported as installed.
    path: Mapped[str | None]
    sha256: Mapped[str | None]
    release_counter: Mapped[int | None]
    attack: Mapped[str | None]

    __table_args__ = (
        Index("uq_ecu_id", "id", unique=True, sqlite_where=_IN_USE, postgresql_where=_IN_USE),
        WITHOUT_ROWID,
    )


class VehicleManifest(DirectorBase):
    """A manifest whose content was new, as it came: what evidence is made of. `primary_ecu`: who counted."""

    __tablename__ = "vehicle_manifest"

    vehicle: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    primary_ecu: Mapped[str] = mapped_column(primary_key=True)
    counter: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    received: Mapped[int]
    attacks: Mapped[int]  # ECUs that reported one
    octets: Mapped[bytes]


class PlanGeneration(DirectorBase):
    """Counts the changes of what vehicles are to get: campaigns and known targets. One row."""

    __tablename__ = "plan_generation"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    generation: Mapped[int]


class KnownTarget(DirectorBase):
    """A target of the Image repository, as its verified metadata has it: what may be directed to."""

    __tablename__ = "known_target"

    path: Mapped[str] = mapped_column(primary_key=True)
    length: Mapped[int]
    sha256: Mapped[str]
    hashes: Mapped[str]  # JSON
    custom: Mapped[str]  # JSON
    gone: Mapped[int]  # 1: withdrawn since


class WithdrawnTarget(DirectorBase):
    """A target that the Image repository's engineers have taken back, whatever its metadata still says."""

    __tablename__ = "withdrawn_target"

    path: Mapped[str] = mapped_column(primary_key=True)
    withdrawn: Mapped[int]
    withdrawn_by: Mapped[str]

    __table_args__ = (WITHOUT_ROWID,)


class FollowedRole(DirectorBase):
    """The newest verified metadata of the Image repository: root, timestamp, snapshot, targets and delegated
    roles. What comes later may not be older."""

    __tablename__ = "followed_role"

    role: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    octets: Mapped[bytes]

    __table_args__ = (WITHOUT_ROWID,)


class Campaign(DirectorBase):
    """Which releases go to which vehicles. `cohort`: JSON (models, vins, percentage)."""

    __tablename__ = "campaign"

    id: Mapped[Key16]
    name: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    targets: Mapped[str]  # JSON: paths
    cohort: Mapped[str]
    reason: Mapped[str]  # of the last pause, or of the end
    created_by: Mapped[str]
    created: Mapped[int]
    started: Mapped[int | None]
    ended: Mapped[int | None]

    __table_args__ = (WITHOUT_ROWID,)


class Assignment(DirectorBase):
    """A target that an ECU was offered, by which campaign, since which version of its vehicle's metadata, and
    what came of it."""

    __tablename__ = "assignment"

    vehicle: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    ecu: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True, index=True)
    campaign: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    version: Mapped[int]
    offered: Mapped[int]
    state: Mapped[str]
    reported: Mapped[int | None]
    detail: Mapped[str]

    __table_args__ = (WITHOUT_ROWID,)


class ExpectedVehicle(DirectorBase):
    """A vehicle that may register by its credential where `[ota] registration` is "expected". `ecus`: JSON of
    their sorted ids. Whether it has registered is the vehicles' table to say."""

    __tablename__ = "expected_vehicle"

    vin: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str]
    credential: Mapped[bytes | None]  # salted digest of the EC's HashedId8; none: any EC
    ecus: Mapped[str | None]  # none: any ECUs
    added: Mapped[int]
    added_by: Mapped[str]

    __table_args__ = (WITHOUT_ROWID,)


class UsedChallenge(DirectorBase):
    """A challenge that a registration used, until it would have expired anyway."""

    __tablename__ = "used_challenge"

    id: Mapped[Key16]
    expires: Mapped[int]

    __table_args__ = (WITHOUT_ROWID,)
