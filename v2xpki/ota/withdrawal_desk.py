"""Withdrawal of a release at both repositories: the Director directs to it no more before its signers have
taken it off the targets."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from v2xpki.config.ota import RELEASE_ENGINEER, WITHDRAWING, WITHDRAWN
from v2xpki.errors import V2xPkiError
from v2xpki.ota.desk import Asked, answers, check_members, text
from v2xpki.ota.image_desk import ImageDesk

#: Told of a target's path, the reason and the operator's name; the campaigns that still name it. Raises
#: V2xPkiError where the Director is not in reach.
Tell = Callable[[str, str, str], list[dict[str, Any]]]


class Ask(Protocol):
    """A call of the Image repository's desk, in the name of who withdraws."""

    def __call__(self, desk: type, name: str, parameters: Mapping[str, str], body: Any, /) -> Any: ...


class WithdrawalDesk:
    """ask: raises what is told to whom asks; tell: the Director."""

    def __init__(self, ask: Ask, tell: Tell) -> None:
        self._ask, self._tell = ask, tell

    @answers("POST releases/{id}/withdraw", RELEASE_ENGINEER)
    def withdraw_release(self, asked: Asked) -> dict[str, Any]:
        """Take a release back, for a reason. One that was never published is gone, and its path free (its own
        has `#` and its id behind it). One that is published is off the targets with the next that are signed;
        the Director directs to it no more at once: `director` says whether it was told, and which campaigns
        still name it. Where it was not, the same again tells it."""
        check_members(asked.body, frozenset({"reason"}))
        reason, which = text(asked.body, "reason"), {"id": asked.parameters["id"]}
        release = self._ask(ImageDesk, "release", which, None)
        if release["published"] is None or release["state"] not in (WITHDRAWING, WITHDRAWN):
            release = self._ask(ImageDesk, "withdraw_release", which, {"reason": reason})
        if release["published"] is None:
            return {**release, "director": None}
        return {**release, "director": self._told(release["path"], reason, asked.operator.name)}

    def _told(self, path: str, reason: str, operator: str) -> dict[str, Any]:
        try:
            campaigns = self._tell(path, reason, operator)
        except V2xPkiError as error:
            return {"told": False, "detail": error.diagnostics(), "campaigns": []}
        return {"told": True, "detail": "", "campaigns": campaigns}
