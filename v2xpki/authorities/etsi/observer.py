"""What an authority tells about its work: an outcome a request, for metrics and the operator's log."""

from typing import Protocol


class Observer(Protocol):
    """Told after each request. Neither argument has an identity or a time in it."""

    def answered(self, flow: str, outcome: str, why: str) -> None:
        """`flow`: enrolment, validation or authorization. `outcome`: "ok", "again" (a remembered answer)
        or the response code. `why`: for people, empty where it went well."""
        ...

    def distrusted(self, authority: str, why: str) -> None:
        """An authority of another PKI (HashedId8 in hex) said what it may not, and was not followed."""
        ...


class Silent:
    """Tells nobody."""

    def answered(self, flow: str, outcome: str, why: str) -> None:
        pass

    def distrusted(self, authority: str, why: str) -> None:
        pass
