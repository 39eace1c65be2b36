"""What operators may ask of the Image repository: releases, beside its roles and requests for signatures."""

from collections.abc import Mapping
from typing import Any

from v2xpki.config.ota import APPROVER, AUDITOR, OPERATOR_ROLES, RELEASE_ENGINEER, RELEASE_STATES
from v2xpki.errors import ConfigError, DecodeError, Refused
from v2xpki.ota.desk import Asked, Reason, answers, check_members, hex_of, one_of, text
from v2xpki.ota.evidence import Document, known_releases, release_half
from v2xpki.ota.kinds import ROOT, TARGETS
from v2xpki.ota.new_release import NewRelease
from v2xpki.ota.releases import Found, Releases
from v2xpki.ota.repository import Repository
from v2xpki.ota.repository_desk import RepositoryDesk, described
from v2xpki.time import iso_from_time32

MOST_AT_ONCE = 1000


class ImageDesk(RepositoryDesk):
    """releases: the repository's."""

    def __init__(self, repository: Repository, releases: Releases) -> None:
        super().__init__(repository)
        self._releases = releases

    @answers("POST releases", RELEASE_ENGINEER, status=201)
    def add_release(self, asked: Asked) -> list[dict[str, Any]]:
        """Make an upload a release, one for each hardware id (NewRelease.parse has the members; `role` names
        the targets role that is to sign)."""
        body, role = _role(asked.body)
        added = self._releases.add(asked.operator, NewRelease.parse(body), role=role)
        return [release_document(self._releases.get(one)) for one in added]

    @answers("POST releases/check", RELEASE_ENGINEER)
    def check_release(self, asked: Asked) -> list[dict[str, Any]]:
        """What would become of a release, before its image is sent: the members of `POST releases` without
        `upload`, with `sha256`. Refused is what would be refused then, but for the image itself."""
        body, role = _role(asked.body)
        found = self._releases.check(NewRelease.parse({"upload": "", **body}), role=role)
        return [{"path": path, "role": signing} for path, signing in found]

    @answers("GET releases", *OPERATOR_ROLES, query=("state", "name", "path", "id"))
    def releases(self, asked: Asked) -> list[dict[str, Any]]:
        """All of them, the last added first; `id`: those whose id begins so."""
        given = asked.parameters
        found = self._releases.all(
            state=one_of(asked, "state", RELEASE_STATES), name=given.get("name"), path=given.get("path"),
            beginning=given.get("id", ""),
        )  # fmt: skip
        return [release_document(one) for one in found]

    @answers("GET releases/{id}", *OPERATOR_ROLES)
    def release(self, asked: Asked) -> dict[str, Any]:
        """One of them."""
        return release_document(self._releases.get(hex_of(asked, "id", 16)))

    @answers("POST releases/{id}/approve", APPROVER)
    def approve_release(self, asked: Asked) -> dict[str, Any]:
        """One more approval; not by who added it."""
        check_members(asked.body, frozenset())
        return release_document(self._releases.approve(asked.operator, hex_of(asked, "id", 16)))

    @answers("POST releases/{id}/withdraw", RELEASE_ENGINEER)
    def withdraw_release(self, asked: Asked) -> dict[str, Any]:
        """Take one back, for a reason. One that is published goes with the next targets that are signed; the
        path of one that never was is free again (its own has `#` and its id behind it)."""
        check_members(asked.body, frozenset({"reason"}))
        found = self._releases.withdraw(asked.operator, hex_of(asked, "id", 16), text(asked.body, "reason"))
        return release_document(found)

    @answers("POST signing-requests", RELEASE_ENGINEER, status=201, query=("repository",))
    def request_signatures(self, asked: Asked) -> list[dict[str, Any]]:
        """Ask a targets role's signers for its next version: {"role": "targets", "releases": [ids]?}, without
        `releases` with all that is approved and without all that is to be withdrawn; refused where there is
        nothing of either, but with `"renew": true`, for a longer time. {"role": "root"}: the next root."""
        role = text(asked.body, "role", most=40) if "role" in asked.body else TARGETS
        if role == ROOT:
            return RepositoryDesk.request_signatures(self, asked)
        check_members(asked.body, frozenset({"role", "releases", "renew"}))
        only, renewal = _ids(asked.body), asked.body.get("renew", False)
        if not isinstance(renewal, bool):
            raise DecodeError("renew is neither true nor false")
        return [described(self._releases.request_signatures(asked.operator, role, only, renewal=renewal))]

    # --- evidence: what this repository knows; it knows no vehicle ------------------------------------

    @answers("GET evidence/image/releases/{id}", AUDITOR)
    def release_half(self, asked: Asked) -> Document:
        """The Image repository's half of the evidence of a release."""
        identifier = hex_of(asked, "id", 16).hex()
        with self._repository.database.read() as tx:
            try:
                return release_half(tx, identifier).document()
            except ConfigError as error:
                raise Refused(Reason.UNKNOWN, str(error)) from error

    @answers("GET evidence/image/releases", AUDITOR, query=("path",))
    def known_release_halves(self, asked: Asked) -> list[Document]:
        """The same by its target path; none for one that is no release, as a factory's image."""
        with self._repository.database.read() as tx:
            return [one.document() for one in known_releases(tx, [text(asked.parameters, "path")])]


def _role(body: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The other members, and the targets role that is to sign, where one is named."""
    rest = {name: value for name, value in body.items() if name != "role"}
    return rest, None if body.get("role") is None else text(body, "role", most=40)


def _ids(body: Mapping[str, Any]) -> list[bytes] | None:
    if body.get("releases") is None:
        return None
    try:
        found = [bytes.fromhex(one) for one in body["releases"]]
    except (TypeError, ValueError):
        raise DecodeError("releases is no list of ids of releases") from None
    if not 1 <= len(found) <= MOST_AT_ONCE:
        raise DecodeError(f"releases is no list of 1 to {MOST_AT_ONCE} ids of releases")
    return found


def release_document(found: Found) -> dict[str, Any]:
    """A release as JSON; times are ISO 8601 UTC."""
    row, fields = found.row, found.fields
    return {
        "id": row.id.hex(), "path": row.path, "role": row.role, "name": row.name, "version": row.version,
        "hardwareId": row.hardware_id, "releaseCounter": row.release_counter, "length": row.length,
        "sha256": row.sha256, "state": row.state, "reason": row.reason, "addedBy": row.added_by,
        "added": iso_from_time32(row.added),
        "published": None if row.published is None else iso_from_time32(row.published),
        "withdrawn": None if row.withdrawn is None else iso_from_time32(row.withdrawn),
        "approvals": [{"operator": who, "approved": iso_from_time32(when)} for who, when in found.approvals],
        "provenance": {
            "predicateType": found.provenance.predicate_type, "builder": found.provenance.builder,
            "keyid": found.provenance.keyid, "sha256": fields.provenance,
        },
        "rxswin": list(fields.rxswin),
        "requires": [one.document() for one in fields.requires],
        "conflicts": [one.document() for one in fields.conflicts],
        "rollbackFrom": fields.rollback_from,
    }  # fmt: skip
