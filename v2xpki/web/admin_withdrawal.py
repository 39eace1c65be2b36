"""Withdrawal of a release on the operators' listener: the Image repository is asked, the Director told."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response

from v2xpki.errors import LinkError
from v2xpki.ota.desk import Asked, Call, Operator, calls_of
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.withdrawal_desk import WithdrawalDesk
from v2xpki.web.ota_desk import answer, query_of, read_body, rule_of
from v2xpki.web.ota_forwarding import Forward, ask_role
from v2xpki.web.ota_problems import told
from v2xpki.web.problems import HttpError

#: Seconds for the Director to take note; whoever withdraws waits for it, and has more to do where it stalls.
TELLING = 10.0


def add_withdrawal(blueprint: Blueprint, operator: Callable[[], Operator], forward: Forward) -> None:
    """The calls of WithdrawalDesk, each made in the name of who asks."""
    for call in calls_of(WithdrawalDesk):
        blueprint.add_url_rule(
            rule_of(call), call.name.replace("_", "-"), _view(call, operator, forward), methods=[call.method]
        )


def _view(call: Call, operator: Callable[[], Operator], forward: Forward) -> Callable[..., Response]:
    def view(**parameters: str) -> Response:
        asking = operator()
        ask = partial(ask_role, forward, asking)

        def tell(path: str, reason: str, _: str) -> list[dict[str, Any]]:
            try:
                found: list[dict[str, Any]] = ask(
                    DirectorDesk, "withdraw_target", {}, {"path": path, "reason": reason}, patience=TELLING
                )
            except HttpError as error:
                raise LinkError(str(error)) from error
            return found

        with told():
            asked = Asked(asking, parameters | query_of(call), read_body(call))
            return answer(getattr(WithdrawalDesk(ask, tell), call.name)(asked), call.status)

    return view
