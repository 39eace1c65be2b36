"""A vehicle's registration: JSON, the payload of a message that its enrolment credential signs.

    {"challenge": hex, "vehicleId": VIN, "model", "csr": PEM of a PKCS#10 request,
     "ecus": [{"ecuId", "hardwareId", "primary": bool, "key": TUF key}]}

The message is an Ieee1609Dot2Data, signed, with the ITS-AID that the Director's operator configured, a
generationTime, and the whole enrolment credential as its signer.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from securesystemslib.signer import SSlibKey

from v2xpki.errors import DecodeError
from v2xpki.trust.ota.canonical import as_json, canonical, read_object, text_of
from v2xpki.trust.ota.fields import MOST_ECUS
from v2xpki.trust.ota.keys import ECU_SCHEMES, key_document, parse_key
from v2xpki.trust.ota.names import PART, VIN

LONGEST = 128 * 1024
LONGEST_CSR = 8192
_CHALLENGE = re.compile(r"[0-9a-f]{32,128}")


class EcuEntry(NamedTuple):
    """An ECU as it is registered."""

    ecu: str
    hardware_id: str
    primary: bool
    key: SSlibKey

    def document(self) -> dict[str, Any]:
        return {
            "ecuId": self.ecu,
            "hardwareId": self.hardware_id,
            "primary": self.primary,
            "key": key_document(self.key),
        }


class Registration(NamedTuple):
    """What a registration asks for. `csr`: PEM, nothing of it is believed yet."""

    challenge: str
    vin: str
    model: str
    csr: str
    ecus: tuple[EcuEntry, ...]

    @classmethod
    def parse(cls, octets: bytes) -> "Registration":
        """Raises DecodeError that names the field."""
        table = read_object(octets, "registration", limit=LONGEST)
        if unknown := table.keys() - {"challenge", "vehicleId", "model", "csr", "ecus"}:
            raise DecodeError(f"registration has {len(unknown)} unknown fields")
        csr = table.get("csr")
        if not isinstance(csr, str) or len(csr) > LONGEST_CSR:
            raise DecodeError("registration.csr is no PEM text")
        return cls(
            text_of(table, "challenge", _CHALLENGE, "registration"),
            text_of(table, "vehicleId", VIN, "registration"),
            text_of(table, "model", PART, "registration"),
            csr,
            parse_ecus(table.get("ecus"), "registration.ecus"),
        )

    def octets(self) -> bytes:
        """The payload."""
        return as_json(
            canonical(
                {
                    "challenge": self.challenge,
                    "vehicleId": self.vin,
                    "model": self.model,
                    "csr": self.csr.replace("\r", ""),
                    "ecus": [one.document() for one in self.ecus],
                }
            )
        )


def parse_ecus(value: Any, what: str) -> tuple[EcuEntry, ...]:
    """A vehicle's ECUs: each id and each key once, exactly one Primary. Raises DecodeError."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_ECUS:
        raise DecodeError(f"{what} is no list of 1 to {MOST_ECUS} ECUs")
    ecus = tuple(parse_ecu(entry, f"{what}[{number}]") for number, entry in enumerate(value))
    _distinct([one.ecu for one in ecus], f"{what}: an ecuId twice")
    _distinct([one.key.keyid for one in ecus], f"{what}: a key twice")
    if sum(one.primary for one in ecus) != 1:
        raise DecodeError(f"{what}: exactly one ECU is the Primary")
    return ecus


def parse_ecu(value: Any, what: str) -> EcuEntry:
    """An ECU as it is registered. Raises DecodeError that names the field."""
    if not isinstance(value, dict) or value.keys() != {"ecuId", "hardwareId", "primary", "key"}:
        raise DecodeError(f"{what} has not ecuId, hardwareId, primary and key")
    if not isinstance(value["primary"], bool):
        raise DecodeError(f"{what}.primary is not true or false")
    return EcuEntry(
        text_of(value, "ecuId", PART, what),
        text_of(value, "hardwareId", PART, what),
        value["primary"],
        parse_key(value["key"], f"{what}.key", ECU_SCHEMES),
    )


def _distinct(values: Sequence[str], message: str) -> None:
    if len(set(values)) != len(values):
        raise DecodeError(message)
