"""What an engineer says of a new release: one image for one or more hardware ids."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from v2xpki.errors import DecodeError
from v2xpki.ota.desk import check_members
from v2xpki.trust.ota.canonical import text_of
from v2xpki.trust.ota.fields import ImageFields
from v2xpki.trust.ota.names import PART, SHA256, target_path
from v2xpki.trust.ota.provenance import LONGEST

#: Hardware ids of one image.
MOST_HARDWARE = 32
_FIELDS = ("name", "version", "releaseCounter", "rxswin", "requires", "conflicts", "rollbackFrom")
_MEMBERS = frozenset({*_FIELDS, "hardwareIds", "file", "upload", "attestation", "sha256"})


@dataclass(frozen=True, slots=True)
class NewRelease:
    """Checked as far as it can be without its image. fields: one a hardware id. sha256: what the sender takes
    the image's to be, where they say so."""

    upload: str
    file: str
    attestation: bytes
    sha256: str | None
    fields: tuple[ImageFields, ...]

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Of {"upload", "name", "version", "hardwareIds", "releaseCounter", "attestation": base64 of the DSSE
        envelope, "file"?, "sha256"?, "rxswin"?, "requires"?, "conflicts"?, "rollbackFrom"?}. Raises
        DecodeError that names the member and the rule."""
        check_members(body, _MEMBERS)
        upload, hardware_ids = body.get("upload"), body.get("hardwareIds")
        if not isinstance(upload, str):
            raise DecodeError("upload is not the id of an upload")
        if not isinstance(hardware_ids, list) or not 1 <= len(hardware_ids) <= MOST_HARDWARE:
            raise DecodeError(f"hardwareIds is no list of 1 to {MOST_HARDWARE} hardware ids")
        if len({str(one) for one in hardware_ids}) != len(hardware_ids):
            raise DecodeError("hardwareIds has one twice")
        attestation = _attestation(body.get("attestation"))
        common = {name: body[name] for name in _FIELDS if body.get(name) not in (None, [])}
        common["provenance"] = {"sha256": hashlib.sha256(attestation).hexdigest()}
        return cls(
            upload,
            text_of({"file": body.get("file", "image.bin")}, "file", PART, "release"),
            attestation,
            text_of(body, "sha256", SHA256, "release") if body.get("sha256") is not None else None,
            tuple(ImageFields.parse({**common, "hardwareIds": [one]}) for one in hardware_ids),
        )

    def path(self, fields: ImageFields) -> str:
        """The target path of one of them."""
        return target_path(fields.hardware_id, fields.name, fields.version, self.file)


def _attestation(value: Any) -> bytes:
    # none is refused later, with the reason of the policy
    if value is None:
        return b""
    try:
        octets = base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise DecodeError("attestation is no base64") from None
    if len(octets) > LONGEST:
        raise DecodeError(f"attestation is longer than {LONGEST} octets")
    return octets
