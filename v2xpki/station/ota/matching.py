"""What a vehicle's two repositories must agree on before an ECU takes an image (Uptane 5.4.4.2, 5.4.4.5)."""

from collections.abc import Mapping
from typing import NamedTuple

from tuf.api.metadata import TargetFile, Targets

from v2xpki.errors import DecodeError
from v2xpki.station.ota.reasons import Threat, UpdateRefused
from v2xpki.trust.ota.fields import DirectorFields, ImageFields, may_follow
from v2xpki.trust.ota.manifest import Installed
from v2xpki.trust.ota.names import SHA256


class Directed(NamedTuple):
    """An image that the Director has for an ECU."""

    ecu: str
    hardware_id: str
    target: TargetFile
    fields: DirectorFields

    @property
    def installed(self) -> Installed:
        """As the ECU reports it once it is there."""
        target = self.target
        return Installed(target.path, target.length, target.hashes["sha256"], self.fields.release_counter)


def directed(targets: Targets, vin: str) -> dict[str, Directed]:
    """The Director's targets by ECU. They name the vehicle (custom.vehicleId), also where they are empty.

    Raises UpdateRefused: another vehicle's, two images for one ECU, fields that cannot be read.
    """
    about = targets.unrecognized_fields.get("custom")
    if not isinstance(about, dict) or about.get("vehicleId") != vin:
        raise UpdateRefused(Threat.WRONG_VEHICLE, f"the Director's targets are not for vehicle {vin}")
    if targets.delegations is not None:
        raise UpdateRefused(Threat.UNKNOWN_KEY, "the Director's targets delegate to others")
    found: dict[str, Directed] = {}
    for target in targets.targets.values():
        try:
            fields = DirectorFields.parse(target.custom)
        except DecodeError as error:
            raise _unreadable(target, error) from error
        _check_hash(target)
        for ecu, hardware_id in fields.ecus.items():
            if ecu in found:
                raise UpdateRefused(Threat.CONTRADICTION, f"two images for ECU {ecu}", ecu=ecu)
            found[ecu] = Directed(ecu, hardware_id, target, fields)
    return found


def check_for_ecu(one: Directed, hardware_id: str, installed: Installed) -> None:
    """What an ECU can tell from the Director alone. Raises UpdateRefused."""
    if one.hardware_id != hardware_id or one.target.path.partition("/")[0] != hardware_id:
        raise UpdateRefused(
            Threat.WRONG_HARDWARE,
            f"{one.target.path} is for hardware {one.hardware_id}, ECU {one.ecu} is {hardware_id}",
            ecu=one.ecu,
        )
    counter = one.fields.release_counter
    if not may_follow(counter, one.fields.rollback_from, installed.release_counter):
        raise _rolled_back(one, counter, installed)


def check_agreement(
    one: Directed, image: TargetFile | None, hardware_id: str, installed: Installed
) -> ImageFields:
    """What the Image repository says of a directed image; both must say the same. Raises UpdateRefused."""
    path = one.target.path
    if image is None:
        raise _differs(one, f"the Image repository knows no {path}")
    _check_hash(image)
    if image.length != one.target.length or not _same_hashes(image.hashes, one.target.hashes):
        raise _differs(one, f"the two repositories name different images for {path}")
    try:
        fields = ImageFields.parse(image.custom)
    except DecodeError as error:
        raise _unreadable(image, error) from error
    if fields.hardware_id != hardware_id or not path.startswith(
        f"{fields.hardware_id}/{fields.name}/{fields.version}/"
    ):
        raise UpdateRefused(
            Threat.WRONG_HARDWARE,
            f"{path} is a release for hardware {fields.hardware_id}, ECU {one.ecu} is {hardware_id}",
            ecu=one.ecu,
        )
    if fields.release_counter != one.fields.release_counter:
        raise _differs(one, f"the two repositories name different release counters for {path}")
    if not may_follow(fields.release_counter, fields.rollback_from, installed.release_counter):
        raise _rolled_back(one, fields.release_counter, installed)
    return fields


def _check_hash(target: TargetFile) -> None:
    if not SHA256.fullmatch(str(target.hashes.get("sha256"))):
        raise UpdateRefused(Threat.ARBITRARY_SOFTWARE, f"{target.path} has no SHA-256")


def _same_hashes(some: Mapping[str, str], others: Mapping[str, str]) -> bool:
    return all(some[name] == others[name] for name in some.keys() & others.keys())


def _differs(one: Directed, message: str) -> UpdateRefused:
    return UpdateRefused(Threat.ARBITRARY_SOFTWARE, message, ecu=one.ecu)


def _rolled_back(one: Directed, counter: int, installed: Installed) -> UpdateRefused:
    return UpdateRefused(
        Threat.ROLLBACK,
        f"{one.target.path} has release counter {counter}, ECU {one.ecu} has {installed.release_counter}",
        ecu=one.ecu,
    )


def _unreadable(target: TargetFile, error: DecodeError) -> UpdateRefused:
    return UpdateRefused(Threat.DENIAL_OF_SERVICE, f"{target.path}: {error}")
