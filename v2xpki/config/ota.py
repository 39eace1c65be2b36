"""`[ota]`: signing and delivery of firmware (Uptane)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from v2xpki.config.tables import Seconds, check_not_negative, check_positive, seconds
from v2xpki.errors import ConfigError

#: What an operator's client certificate may be allowed: each call of the interface needs one of them.
RELEASE_ENGINEER, APPROVER, CAMPAIGN_MANAGER, AUDITOR = (
    "release-engineer", "approver", "campaign-manager", "auditor",
)  # fmt: skip
#: Whose enrolment credential may register a vehicle: anybody's that holds the ITS-AID; expected vehicles'.
OPEN, EXPECTED = "open", "expected"
OPERATOR_ROLES = (RELEASE_ENGINEER, APPROVER, CAMPAIGN_MANAGER, AUDITOR)
#: A release's state: its image is here; approved; asked to be signed; on the targets; to be taken off them;
#: not to be had any more.
STAGED, APPROVED, SIGNING, PUBLISHED, WITHDRAWING, WITHDRAWN = RELEASE_STATES = (
    "staged", "approved", "signing", "published", "withdrawing", "withdrawn",
)  # fmt: skip
#: The highest ITS-AID that the 4-octet form of IEEE 1609.12 can hold.
_HIGHEST_ITS_AID = 270_549_119


@dataclass(frozen=True, slots=True)
class OtaPolicy:
    """`[ota]`: both repositories, registration of vehicles, and who may do what."""

    #: The ITS-AID under which an enrolment credential signs its vehicle's registration; the EA's profile must
    #: grant it. 0: vehicles are registered through the OEM's interface alone.
    its_aid: int = 0
    #: "open": a credential that holds the ITS-AID registers any VIN that is not registered. "expected": only
    #: a vehicle that operators have put on the list, as the list has it.
    registration: str = OPEN
    #: How far the times of a registration or a manifest may be from the Director's clock, either way.
    time_window: Seconds = seconds("10 minutes")
    #: How long a challenge for a registration may be used.
    challenge_validity: Seconds = seconds("5 minutes")
    #: Validity of a vehicle's TLS client certificate.
    certificate_validity: Seconds = seconds("1 year")
    #: Validity of the roles whose keys are offline, in both repositories.
    root_validity: Seconds = seconds("1 year")
    targets_validity: Seconds = seconds("90 days")
    #: Of the Image repository's online roles.
    snapshot_validity: Seconds = seconds("7 days")
    timestamp_validity: Seconds = seconds("1 day")
    #: Of the Director's targets, snapshot and timestamp of one vehicle.
    director_validity: Seconds = seconds("1 day")
    #: What has less than this left is signed anew when it is next asked for.
    renew_before: Seconds = seconds("6 hours")
    #: The alarm: this long before the end of what offline keys have signed.
    warn_before: Seconds = seconds("30 days")
    #: Approvals that a release needs beside the signatures, none of them by who added it.
    approvals: int = 1
    #: Which statements of provenance a release needs, and whose: a TOML file, relative to DIR. Without it no
    #: release is taken.
    provenance: Path | None = None
    #: Name in a client certificate (CN) -> roles, for /api/v1/ota.
    operators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Octets of the largest image.
    image_octets: int = 8 << 30
    #: Where images lie, if not in DIR/image/targets.
    storage: Path | None = None
    #: Hand out images on the http listener too; metadata may always be had there.
    plain_downloads: bool = False
    #: The root of both repositories has exactly two keys, ECDSA P-256 and ML-DSA-65, and needs both.
    hybrid_root: bool = False

    def __post_init__(self) -> None:
        check_positive(
            self, "time_window", "challenge_validity", "certificate_validity", "root_validity", "renew_before"
        )
        check_positive(self, "targets_validity", "snapshot_validity", "timestamp_validity")
        check_positive(self, "director_validity", "image_octets", "warn_before")
        check_not_negative(self, "its_aid", "approvals")
        if self.registration not in (OPEN, EXPECTED):
            raise ConfigError(
                f"registration is {self.registration!r}",
                hint=f'"{OPEN}" for any credential with its_aid, "{EXPECTED}" for vehicles on the list alone',
            )
        if self.its_aid > _HIGHEST_ITS_AID:
            raise ConfigError(f"its_aid is {self.its_aid}, above {_HIGHEST_ITS_AID}")
        if self.its_aid in (36, 37, 622, 623, 624):
            raise ConfigError(
                f"its_aid {self.its_aid} has a meaning of its own",
                hint="an ITS-AID for registrations alone, which the EA's profile grants",
            )
        for name in ("timestamp_validity", "snapshot_validity", "director_validity"):
            if self.renew_before >= getattr(self, name):
                raise ConfigError(
                    f"renew_before ({self.renew_before} s) is not shorter than {name} "
                    f"({getattr(self, name)} s): each would be signed anew whenever it is asked for"
                )
        for operator, roles in self.operators.items():
            for role in roles:
                if role not in OPERATOR_ROLES:
                    raise ConfigError(
                        f"operators.{operator}: no role {role!r}", hint=f"one of {', '.join(OPERATOR_ROLES)}"
                    )
