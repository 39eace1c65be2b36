"""What a report of evidence is made of, as data; `document()` of each half is its JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Signing:
    """A key's word on metadata. signer, submitted_by, submitted: of what came in for a signing request."""

    keyid: str
    signer: str = ""
    submitted_by: str = ""
    submitted: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """The keys that may sign a role, and how many of them must."""

    threshold: int
    keyids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignedVersion:
    """A version of a role, as it was handed out, and who signed it. sha256: of its octets; published: empty
    where it is made for each vehicle; names: the roles that it names the keys of."""

    role: str
    version: int
    sha256: str
    published: str
    expires: str
    signatures: tuple[Signing, ...]
    names: Mapping[str, Named] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Approved:
    operator: str
    approved: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """The statement that the release was taken with: sha256 is of the DSSE envelope; keyid signed it."""

    predicate_type: str
    builder: str
    keyid: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ReleaseHalf:
    """What the Image repository knows of a release.

    listed_by: the versions of its role's targets that have it; above: the versions of the root and, for a
    delegated role, of the targets, that were in force meanwhile. custom: the target's fields, as signed.
    """

    id: str
    path: str
    role: str
    name: str
    version: str
    hardware_id: str
    release_counter: int
    length: int
    sha256: str
    rxswin: tuple[str, ...]
    custom: Mapping[str, Any]
    state: str
    reason: str
    added_by: str
    added: str
    published: str | None
    withdrawn: str | None
    approvals: tuple[Approved, ...]
    provenance: Provenance | None
    listed_by: tuple[SignedVersion, ...]
    above: tuple[SignedVersion, ...]

    def document(self) -> Document:
        return _document(self)


@dataclass(frozen=True, slots=True)
class Offer:
    """A target that an ECU was directed to, and what came of it. targets_version: the vehicle's; retired:
    when the registration ended under which it was offered."""

    vin: str
    ecu: str
    hardware_id: str
    path: str
    rxswin: tuple[str, ...]
    campaign: str
    targets_version: int
    offered: str
    state: str
    reported: str | None
    detail: str
    retired: str | None


@dataclass(frozen=True, slots=True)
class CampaignWord:
    """A campaign: who made it, for whom."""

    name: str
    state: str
    targets: tuple[str, ...]
    cohort: Mapping[str, Any]
    reason: str
    created_by: str
    created: str
    started: str | None
    ended: str | None


@dataclass(frozen=True, slots=True)
class DeliveryHalf:
    """What the Director knows of a release. counts: all offers, by state; offers: of the vehicles that were
    asked for, whose last is `more` where others follow."""

    path: str
    counts: Mapping[str, int]
    campaigns: tuple[CampaignWord, ...]
    roots: tuple[SignedVersion, ...]
    offers: tuple[Offer, ...]
    more: str | None

    def document(self) -> Document:
        return _document(self)


@dataclass(frozen=True, slots=True)
class EcuWord:
    """An ECU, and what it last reported of itself. rxswin: of what it has installed, if that is known."""

    ecu: str
    hardware_id: str
    keyid: str
    primary: bool
    added: str
    replaced_by: str | None
    path: str | None
    sha256: str | None
    release_counter: int | None
    rxswin: tuple[str, ...]
    attack: str | None


@dataclass(frozen=True, slots=True)
class Reported:
    """A manifest as it came, and how many ECUs told of an attack in it. sha256: of its octets."""

    counter: int
    received: str
    attacks: int
    sha256: str
    manifest: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Retirement:
    """The end of a registration: when, by whom, and why."""

    at: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class VehicleHalf:
    """What the Director knows of a vehicle. rxswin: each number and the ECUs that carry it; directed: its
    newest targets; roots: the Director's, which name the keys that sign them; manifests: those that told
    something new; earlier: registrations of its VIN that ended before, the last one first, without roots."""

    vin: str
    model: str
    state: str
    registered: str
    registered_by: str
    retired: Retirement | None
    certificate: str | None
    certificate_expires: str | None
    counter: int
    reported: str | None
    manifests: tuple[Reported, ...]
    rxswin: Mapping[str, Sequence[str]]
    ecus: tuple[EcuWord, ...]
    directed: SignedVersion | None
    roots: tuple[SignedVersion, ...]
    campaigns: tuple[CampaignWord, ...]
    offers: tuple[Offer, ...]
    earlier: tuple["VehicleHalf", ...]

    def document(self) -> Document:
        return _document(self)

    @property
    def paths(self) -> tuple[str, ...]:
        """The targets whose releases belong into its report: offered ones, and what is installed."""
        found = {ecu.path for ecu in self.ecus if ecu.path is not None}
        found |= {offer.path for offer in self.offers}
        return tuple(sorted(found.union(*(one.paths for one in self.earlier))))


def _document(half: Any) -> Document:
    return {_camel(entry.name): _plain(getattr(half, entry.name)) for entry in fields(half)}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _document(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
