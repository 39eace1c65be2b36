"""How operators' commands reach the desks: in their own process (--instance), or over HTTPS (--server)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import click

from v2xpki.cli.output import Progress

if TYPE_CHECKING:
    from v2xpki.config import Instance
    from v2xpki.ota.uploads import Uploads

Command = TypeVar("Command", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "--instance", "directory", metavar="DIR", type=click.Path(path_type=Path),
        help="The instance with the token and database.",
    ),
    click.option("--server", metavar="URL", help="Or the operators' interface of one that is served."),
    click.option("--cert", type=_FILE, metavar="FILE", help="With --server: PEM of your client certificate."),
    click.option("--key", type=_FILE, metavar="FILE", help="With --server: PEM of its key."),
    click.option("--tls-ca", type=_FILE, metavar="FILE", help="With --server: PEM of its server's CA."),
    click.option("--operator", default=None, help="With --instance: who does it; by default you."),
)  # fmt: skip


class Reach(NamedTuple):
    """Where, and as whom."""

    directory: Path | None
    server: str | None
    cert: Path | None
    key: Path | None
    tls_ca: Path | None
    operator: str | None


class Desks(Protocol):
    """What both ways have in common."""

    def call(
        self, desk: type, name: str, parameters: Mapping[str, str] | None = None, body: Any = None
    ) -> Any: ...

    def upload(
        self, path: Path, *, identifier: str | None = None, progress: Progress | None = None,
        begun: Callable[[str], object] = lambda _: None,
    ) -> str: ...  # fmt: skip

    def uploads(self) -> list[dict[str, Any]]: ...

    def drop_upload(self, identifier: str) -> None: ...


def desk_options(function: Command) -> Command:
    """The options of both ways, as the parameters of `Reach`."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), function)


@contextmanager
def desks(**options: Any) -> Iterator[Desks]:
    """options: the parameters of `Reach`. Raises click.UsageError unless there is one way."""
    reach = Reach(**options)
    if (reach.directory is None) == (reach.server is None):
        raise click.UsageError("either --instance DIR or --server URL")
    if reach.server is not None:
        if reach.cert is None or reach.key is None or reach.tls_ca is None:
            raise click.UsageError("--server needs --cert, --key and --tls-ca")
        from v2xpki.links.ota_desk import DeskLink

        yield DeskLink(reach.server, certificate=reach.cert, key=reach.key, ca_file=reach.tls_ca)
        return
    from v2xpki.config import Instance

    assert reach.directory is not None
    with ExitStack() as stack:
        yield _Here(Instance.load(reach.directory), reach.operator, stack)


class _Here:
    """The desks of an instance in this process; a domain is opened when it is first asked."""

    def __init__(self, instance: "Instance", operator: str | None, stack: ExitStack) -> None:
        from v2xpki.ota.desk import Operator

        self._instance, self._operator = instance, Operator.here(operator)
        self._stack, self._open = stack, dict[tuple[type, bool], Any]()

    def call(
        self, desk: type, name: str, parameters: Mapping[str, str] | None = None, body: Any = None
    ) -> Any:
        from v2xpki.ota.desk import Asked, call_of

        token = call_of(desk, name).method != "GET"
        if (desk, token) not in self._open:
            self._open[desk, token] = self._opened(desk, token=token)
        return getattr(self._open[desk, token], name)(Asked(self._operator, parameters or {}, body or {}))

    def _opened(self, desk: type, *, token: bool) -> Any:
        from v2xpki.ota.desks import at_work, tell_director
        from v2xpki.ota.withdrawal_desk import WithdrawalDesk

        if desk is WithdrawalDesk:
            return WithdrawalDesk(self.call, partial(tell_director, self._instance))
        return self._stack.enter_context(at_work(self._instance, desk, token=token))

    def upload(
        self, path: Path, *, identifier: str | None = None, progress: Progress | None = None,
        begun: Callable[[str], object] = lambda _: None,
    ) -> str:  # fmt: skip
        tell = progress or (lambda *_: None)
        return self._uploads().take_file(self._operator.name, path, tell, identifier=identifier, begun=begun)

    def uploads(self) -> list[dict[str, Any]]:
        return [one.document() for one in self._uploads().all(self._operator.name)]

    def drop_upload(self, identifier: str) -> None:
        self._uploads().delete(identifier, self._operator.name)

    def _uploads(self) -> "Uploads":
        from v2xpki.ota.desks import uploads_of
        from v2xpki.time import SystemClock

        return uploads_of(self._instance, SystemClock())


def release_of(found: Desks, which: str) -> dict[str, Any]:
    """A release by its id, the beginning of its id, or its target path. Raises ConfigError where that is
    none, or more than one."""
    from v2xpki.errors import ConfigError
    from v2xpki.ota.image_desk import ImageDesk

    query = {"path": which} if "/" in which else {"id": which.lower()}
    releases = found.call(ImageDesk, "releases", query)
    if len(releases) == 1:
        return dict(releases[0])
    known = f"{len(releases)} releases' ids begin with {which!r}" if releases else f"no release {which!r}"
    raise ConfigError(known, hint="`v2xpki ota release list` has them")
