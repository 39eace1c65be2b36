"""What operators may ask of the Director: vehicles, their ECUs, campaigns, beside its roles and root."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from v2xpki.config.ota import AUDITOR, CAMPAIGN_MANAGER, RELEASE_ENGINEER
from v2xpki.errors import ConfigError, DecodeError, Refused
from v2xpki.ota import evidence
from v2xpki.ota.desk import Asked, Reason, answers, check_members, text
from v2xpki.ota.repository import Repository
from v2xpki.ota.repository_desk import RepositoryDesk

_REASON = frozenset({"reason"})
#: Who reads of vehicles, and of campaigns, which name them: a VIN is personal data.
_OF_VEHICLES = (CAMPAIGN_MANAGER, AUDITOR)
#: Vehicles in one report of a release.
MOST_VEHICLES = 10_000


class Document(Protocol):
    def document(self) -> dict[str, Any]: ...


class Fleet(Protocol):
    """The Director as its operators see it; `operator` is for the record."""

    def register_by_oem(
        self, *, vin: str, model: str, ecus: list[Any], csr: str, operator: str
    ) -> Document: ...
    def vehicles(self, *, limit: int = 100, after: str = "") -> list[dict[str, Any]]: ...
    def vehicle(self, vin: str) -> dict[str, Any]: ...
    def block(self, vin: str, reason: str, operator: str) -> object: ...
    def unblock(self, vin: str, reason: str, operator: str) -> object: ...
    def retire(self, vin: str, reason: str, operator: str) -> dict[str, Any]: ...
    def expect(self, vehicles: Any, operator: str) -> dict[str, Any]: ...
    def expected(self, *, limit: int = 100, after: str = "") -> list[dict[str, Any]]: ...
    def remove_expected(self, vin: str, operator: str) -> object: ...
    def replace_ecu(self, ecu: str, entry: dict[str, Any], operator: str) -> dict[str, Any]: ...
    def create_campaign(
        self, *, name: str, targets: list[str], cohort: dict[str, Any], operator: str
    ) -> dict[str, Any]: ...
    def start_campaign(self, id: str, operator: str, percentage: int | None = None) -> dict[str, Any]: ...
    def pause_campaign(self, id: str, reason: str, operator: str) -> dict[str, Any]: ...
    def halt_campaign(self, id: str, reason: str, operator: str) -> dict[str, Any]: ...
    def withdraw_target(self, path: str, reason: str, operator: str) -> list[dict[str, Any]]: ...
    def campaigns(self) -> list[dict[str, Any]]: ...
    def campaign(self, id: str) -> dict[str, Any]: ...


class DirectorDesk(RepositoryDesk):
    """fleet: the Director."""

    def __init__(self, repository: Repository, fleet: Fleet) -> None:
        super().__init__(repository)
        self._fleet = fleet

    # --- vehicles -------------------------------------------------------------------------------------

    @answers("POST vehicles", CAMPAIGN_MANAGER, status=201)
    def register_vehicle(self, asked: Asked) -> dict[str, Any]:
        """Register one in the OEM's name: {"vin", "model", "ecus": [...], "csr": PEM}; its certificate."""
        body = asked.body
        check_members(body, frozenset({"vin", "model", "ecus", "csr"}))
        ecus, csr = body.get("ecus"), body.get("csr")
        if not isinstance(ecus, list) or not isinstance(csr, str):
            raise DecodeError("ecus is no list, or csr no text")
        vin, model = text(body, "vin", most=17), text(body, "model", most=64)
        return self._fleet.register_by_oem(
            vin=vin, model=model, ecus=ecus, csr=csr, operator=asked.operator.name
        ).document()

    @answers("GET vehicles", *_OF_VEHICLES, query=("after", "limit"))
    def vehicles(self, asked: Asked) -> list[dict[str, Any]]:
        """Some of those that are registered, by VIN, those after a VIN."""
        return self._fleet.vehicles(**_page(asked))

    @answers("GET vehicles/{vin}", *_OF_VEHICLES)
    def vehicle(self, asked: Asked) -> dict[str, Any]:
        """One: its ECUs, what it is offered, what it reported, and registrations of its VIN that ended."""
        return self._fleet.vehicle(asked.parameters["vin"])

    @answers("POST vehicles/{vin}/block", CAMPAIGN_MANAGER)
    def block_vehicle(self, asked: Asked) -> dict[str, Any]:
        """Serve one nothing any more, for a reason."""
        check_members(asked.body, _REASON)
        vin = asked.parameters["vin"]
        self._fleet.block(vin, text(asked.body, "reason"), asked.operator.name)
        return self._fleet.vehicle(vin)

    @answers("POST vehicles/{vin}/unblock", CAMPAIGN_MANAGER)
    def unblock_vehicle(self, asked: Asked) -> dict[str, Any]:
        """Serve it again, for a reason."""
        check_members(asked.body, _REASON)
        vin = asked.parameters["vin"]
        self._fleet.unblock(vin, text(asked.body, "reason"), asked.operator.name)
        return self._fleet.vehicle(vin)

    @answers("POST vehicles/{vin}/retire", CAMPAIGN_MANAGER)
    def retire_vehicle(self, asked: Asked) -> dict[str, Any]:
        """End its registration for good, for a reason: its VIN, credential and ECUs may register anew."""
        check_members(asked.body, _REASON)
        return self._fleet.retire(asked.parameters["vin"], *_why(asked))

    @answers("POST expected-vehicles", CAMPAIGN_MANAGER)
    def expect_vehicles(self, asked: Asked) -> dict[str, Any]:
        """Put vehicles on the list of those that may register by their credential, all of them or none:
        {"vehicles": [{"vin", "model", "credential"?: HashedId8 in hex, "ecus"?: [ids]}]}. An entry of the
        same VIN is replaced."""
        check_members(asked.body, frozenset({"vehicles"}))
        return self._fleet.expect(asked.body.get("vehicles"), asked.operator.name)

    @answers("GET expected-vehicles", *_OF_VEHICLES, query=("after", "limit"))
    def expected_vehicles(self, asked: Asked) -> list[dict[str, Any]]:
        """Some of the list, by VIN, those after a VIN, and whether each has registered."""
        return self._fleet.expected(**_page(asked))

    @answers("POST expected-vehicles/{vin}/remove", CAMPAIGN_MANAGER)
    def remove_expected_vehicle(self, asked: Asked) -> dict[str, Any]:
        """Take one off the list; if it has registered, it stays so."""
        check_members(asked.body, frozenset())
        vin = asked.parameters["vin"]
        self._fleet.remove_expected(vin, asked.operator.name)
        return {"removed": vin}

    @answers("POST ecus/{id}/replace", CAMPAIGN_MANAGER)
    def replace_ecu(self, asked: Asked) -> dict[str, Any]:
        """Put another ECU in the place of one; the body is as a registration has an ECU."""
        return self._fleet.replace_ecu(asked.parameters["id"], dict(asked.body), asked.operator.name)

    # --- campaigns ------------------------------------------------------------------------------------

    @answers("POST campaigns", CAMPAIGN_MANAGER, status=201)
    def create_campaign(self, asked: Asked) -> dict[str, Any]:
        """Offer targets to a cohort: {"name", "targets": [paths], "cohort": {"models"?, "vins"?,
        "percentage"?}}. Nothing is offered before it is started."""
        body = asked.body
        check_members(body, frozenset({"name", "targets", "cohort"}))
        targets, cohort = body.get("targets"), body.get("cohort")
        if not isinstance(targets, list) or not all(isinstance(one, str) for one in targets):
            raise DecodeError("targets is no list of target paths")
        if not isinstance(cohort, dict):
            raise DecodeError("cohort is no object")
        return self._fleet.create_campaign(
            name=text(body, "name", most=64), targets=targets, cohort=cohort, operator=asked.operator.name
        )

    @answers("GET campaigns", *_OF_VEHICLES)
    def campaigns(self, asked: Asked) -> list[dict[str, Any]]:
        """All of them."""
        return self._fleet.campaigns()

    @answers("GET campaigns/{id}", *_OF_VEHICLES)
    def campaign(self, asked: Asked) -> dict[str, Any]:
        """One, with how far it is."""
        return self._fleet.campaign(asked.parameters["id"])

    @answers("POST campaigns/{id}/start", CAMPAIGN_MANAGER)
    def start_campaign(self, asked: Asked) -> dict[str, Any]:
        """Start it, go on with it, or widen it to a percentage that is higher."""
        check_members(asked.body, frozenset({"percentage"}))
        percentage = asked.body.get("percentage")
        if percentage is not None and type(percentage) is not int:
            raise DecodeError("percentage is no whole number")
        return self._fleet.start_campaign(asked.parameters["id"], asked.operator.name, percentage)

    @answers("POST campaigns/{id}/pause", CAMPAIGN_MANAGER)
    def pause_campaign(self, asked: Asked) -> dict[str, Any]:
        """Offer it to nobody else for now, for a reason."""
        check_members(asked.body, _REASON)
        return self._fleet.pause_campaign(asked.parameters["id"], *_why(asked))

    @answers("POST campaigns/{id}/halt", CAMPAIGN_MANAGER)
    def halt_campaign(self, asked: Asked) -> dict[str, Any]:
        """End it for good, for a reason."""
        check_members(asked.body, _REASON)
        return self._fleet.halt_campaign(asked.parameters["id"], *_why(asked))

    @answers("POST withdrawn-targets", RELEASE_ENGINEER)
    def withdraw_target(self, asked: Asked) -> list[dict[str, Any]]:
        """Direct no vehicle to a target any more, from now on and for good, for a reason: {"path", "reason"}.
        A part of `POST releases/{id}/withdraw`, and for where that could not tell the Director. The campaigns
        that still name it."""
        check_members(asked.body, frozenset({"path", "reason"}))
        return self._fleet.withdraw_target(text(asked.body, "path", most=300), *_why(asked))

    # --- evidence: what the Director knows; it has no signer's word of a release ----------------------

    @answers("GET evidence/director/releases", AUDITOR, query=("path", "after", "vehicles"))
    def delivery_half(self, asked: Asked) -> evidence.Document:
        """The Director's half of the evidence of a release, by its target path: at most `vehicles` (1000)
        vehicles whose VIN comes after `after`."""
        path, after = text(asked.parameters, "path"), asked.parameters.get("after", "")
        vehicles = _count(asked, "vehicles", 1000, MOST_VEHICLES)
        with self._repository.database.read() as tx:
            return evidence.delivery_half(tx, path, after=after, vehicles=vehicles).document()

    @answers("GET evidence/director/vehicles/{vin}", AUDITOR)
    def vehicle_half(self, asked: Asked) -> evidence.Document:
        """The Director's half of the evidence of a vehicle."""
        with self._repository.database.read() as tx:
            try:
                return evidence.vehicle_half(tx, asked.parameters["vin"]).document()
            except ConfigError as error:
                raise Refused(Reason.UNKNOWN, str(error)) from error


def _count(asked: Asked, name: str, default: int, most: int) -> int:
    value = asked.parameters.get(name, str(default))
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value) or int(value) > most:
        raise DecodeError(f"{name} is no whole number from 1 to {most}")
    return int(value)


def _page(asked: Asked) -> dict[str, Any]:
    return {"limit": _count(asked, "limit", 100, 1000), "after": asked.parameters.get("after", "")}


def _why(asked: Asked) -> tuple[str, str]:
    body: Mapping[str, Any] = asked.body
    return text(body, "reason"), asked.operator.name
