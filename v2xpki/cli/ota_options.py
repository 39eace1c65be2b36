"""What the commands of a repository share: which one, who asks, and where requests to signers are written."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from v2xpki.cli import EXIT_NO
from v2xpki.cli.output import confirm, json_option, note, print_json

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from v2xpki.ota.repository import Repository
    from v2xpki.ota.rows import Request
    from v2xpki.ota.signing_files import RequestFile

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
YES = click.option("--yes", is_flag=True, help="Do it; without this nothing is done.")
OUT = click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where the request files for the signers go; by default here.",
)
CHOSEN = click.option(
    "--repository", type=click.Choice(("image", "director")), default="image", show_default=True
)
_REPOSITORY = (
    click.option(
        "--instance", "directory", metavar="DIR", required=True, type=click.Path(path_type=Path),
        help="The instance with the repository's token and database.",
    ),
    CHOSEN,
)  # fmt: skip
_OPERATOR = click.option("--operator", default=None, help="Who does it; by default the user's name.")


def repository_options(function: Command) -> Command:
    """--instance and --repository, as `directory` and `repository`."""
    return reduce(lambda made, option: option(made), reversed(_REPOSITORY), function)


def operator_option(function: Command) -> Command:
    return _OPERATOR(function)


class Asking(NamedTuple):
    """What a command that asks signers is told, whatever it asks for."""

    directory: Path
    repository: str
    folder: Path
    yes: bool
    operator: str | None
    as_json: bool

    def ask(self, question: str, request: "Callable[[Repository, str], Sequence[Request]]") -> None:
        """Once confirmed, make requests, by a repository and who asks, and hand them out."""
        require_yes(question, yes=self.yes)
        with opened(self.directory, self.repository) as found:
            made = request(found, by(self.operator))
            hand_out(files_of(found, made), self.folder, as_json=self.as_json)


def asking_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that asks signers, as `asked`."""

    @wraps(function)
    def command(**given: Any) -> None:
        asked = Asking(**{name: given.pop(name) for name in Asking._fields})
        function(asked=asked, **given)

    return repository_options(OUT(YES(operator_option(json_option(command)))))


def by(operator: str | None) -> str:
    from v2xpki.cli.ceremony import operator_name

    return operator or operator_name()


@contextmanager
def opened(directory: Path, repository: str, *, token: bool = True) -> "Iterator[Repository]":
    """A repository of an instance, in this process; without its token it can be read."""
    from v2xpki.config import Instance
    from v2xpki.ota.opening import repository_at_work

    with repository_at_work(Instance.load(directory), repository, token=token) as found:
        yield found


def require_yes(question: str, *, yes: bool) -> None:
    if not confirm(question, yes=yes):
        note("nothing was done; --yes does it")
        raise click.exceptions.Exit(EXIT_NO)


def signer_key(file: Path, role: str, repository: str = "image") -> "Key":
    """A signer's public key for a role, of what `ota signer show` printed. Raises DecodeError."""
    from v2xpki.ota.signers import SignerKeys, root_use

    return SignerKeys.parse(file.read_bytes()).keys[root_use(repository) if role == "root" else role]


def files_of(repository: "Repository", requests: "Sequence[Request]") -> "list[RequestFile]":
    """What the signers of requests get."""
    return [repository.request_file(one.id) for one in requests]


def hand_out(files: "Sequence[RequestFile]", folder: Path, *, as_json: bool) -> None:
    """Write requests as files for the signers, and tell of them."""
    folder.mkdir(parents=True, exist_ok=True)
    told = []
    for file in files:
        path = folder / f"{file.repository}-{file.role}-{file.version}.request.json"
        path.write_text(json.dumps(file.document(), indent=1) + "\n", encoding="utf-8")
        told.append({"id": file.id, "role": file.role, "version": file.version, "file": path})
        if not as_json:
            click.echo(str(path))
            for line in lines_of(file):
                click.echo(f"    {line}")
    if as_json:
        print_json({"requests": told})
    else:
        note("hand them to the signers: v2xpki ota sign sign FILE; then v2xpki ota sign submit")


def lines_of(file: "RequestFile") -> list[str]:
    """A request for people: what changes, and who must sign."""
    from v2xpki.ota.signing_files import differences

    asked = [f"to be signed by {one.threshold} of {len(one.keys)} keys of {one.who}" for one in file.agree]
    return [*differences(file.former, file.signed), *asked]
