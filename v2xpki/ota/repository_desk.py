"""What operators may ask of either repository: the state of its roles, and requests for its signers."""

import json
from typing import Any

from v2xpki.config.ota import OPERATOR_ROLES, RELEASE_ENGINEER
from v2xpki.errors import DecodeError
from v2xpki.ota.changes import RootChange
from v2xpki.ota.desk import Asked, answers, check_members, hex_of, one_of, text
from v2xpki.ota.kinds import ROOT
from v2xpki.ota.repository import Awaited, Repository
from v2xpki.ota.rows import Request
from v2xpki.ota.signing_files import SignatureFile
from v2xpki.time import iso_from_time32


class RepositoryDesk:
    """Of the Image repository or the Director."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @answers("GET roles", *OPERATOR_ROLES, query=("repository",))
    def roles(self, asked: Asked) -> list[dict[str, Any]]:
        """Versions, ends and keys of all roles."""
        return [
            {
                "role": one.role, "version": one.version, "expires": iso_from_time32(one.expires),
                "keyids": list(one.keyids), "threshold": one.threshold, "online": one.online,
                "secondsLeft": one.left, "due": one.due,
            }
            for one in self._repository.roles()
        ]  # fmt: skip

    @answers("POST signing-requests", RELEASE_ENGINEER, status=201, query=("repository",))
    def request_signatures(self, asked: Asked) -> list[dict[str, Any]]:
        """Ask for the next root, as this one is: {"role": "root"}, or with new keys of the token for the
        online roles in {"rotate": [...]}. Other changes of a root are made where its instance is."""
        check_members(asked.body, frozenset({"role", "rotate"}))
        rotate = asked.body.get("rotate", [])
        if asked.body.get("role") != ROOT or not isinstance(rotate, list):
            raise DecodeError('role is not "root", or rotate is no list')
        made = self._repository.request_root(
            RootChange(rotate=tuple(map(str, rotate))), by=asked.operator.name
        )
        return [described(one) for one in made]

    @answers("GET signing-requests", *OPERATOR_ROLES, query=("repository", "all"))
    def signing_requests(self, asked: Asked) -> list[dict[str, Any]]:
        """Those that are open; with `all=true` all."""
        everything = one_of(asked, "all", ("true", "false")) == "true"
        return [described(one) for one in self._repository.requests(only_open=not everything)]

    @answers("GET signing-requests/{id}", *OPERATOR_ROLES, query=("repository",))
    def signing_request(self, asked: Asked) -> dict[str, Any]:
        """One: its file for the signers, who has signed, and what it waits for once nothing is missing."""
        identifier = hex_of(asked, "id", 32)
        request, signatures = self._repository.request(identifier)
        return {
            **described(request),
            "signatures": [
                {
                    "keyid": one.keyid, "signer": one.signer, "submittedBy": one.submitted_by,
                    "submitted": iso_from_time32(one.submitted),
                }
                for one in signatures
            ],
            "file": self._repository.request_file(identifier).document(),
            "waitsFor": [_waits_for(one) for one in self._repository.awaited(identifier)],
        }  # fmt: skip

    @answers("POST signing-requests/{id}/signatures", RELEASE_ENGINEER, query=("repository",))
    def submit_signature(self, asked: Asked) -> dict[str, Any]:
        """A signature file; what is still missing, whether the request is published, and, where nothing is
        missing, what must go out with it (`waitsFor`). The very same once more changes nothing
        (`repeated`)."""
        identifier = hex_of(asked, "id", 32)
        signature = SignatureFile.parse(json.dumps(dict(asked.body)).encode())
        if signature.request != identifier:
            raise DecodeError("request is not the id in the path")
        taken = self._repository.submit(signature, by=asked.operator.name)
        return {
            **described(taken.request), "missing": dict(taken.missing), "published": taken.published,
            "repeated": taken.repeated, "waitsFor": [_waits_for(one) for one in taken.awaited],
        }  # fmt: skip

    @answers("POST signing-requests/{id}/drop", RELEASE_ENGINEER, query=("repository",))
    def drop_signing_request(self, asked: Asked) -> dict[str, Any]:
        """Give one up, for a reason."""
        identifier = hex_of(asked, "id", 32)
        check_members(asked.body, frozenset({"reason"}))
        self._repository.drop(identifier, text(asked.body, "reason"), by=asked.operator.name)
        return described(self._repository.request(identifier)[0])


def _waits_for(one: Awaited) -> dict[str, Any]:
    """request, version: null where nothing is open for the role."""
    return {
        "role": one.role, "request": one.request and one.request.id.hex(),
        "version": one.request and one.request.version, "missing": dict(one.missing),
    }  # fmt: skip


def described(request: Request) -> dict[str, Any]:
    """A request in short."""
    return {
        "id": request.id.hex(), "role": request.role, "version": request.version, "state": request.state,
        "reason": request.reason, "createdBy": request.created_by,
        "created": iso_from_time32(request.created),
        "agree": [
            {"who": one.who, "threshold": one.threshold, "keyids": sorted(one.keys)} for one in request.agree
        ],
    }  # fmt: skip
