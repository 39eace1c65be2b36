"""How `ota sign` reaches a repository's requests: the repository in this process, or its desk over HTTPS."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from v2xpki.cli.ota_desks import desks
from v2xpki.cli.ota_options import by, opened

if TYPE_CHECKING:
    from v2xpki.ota.signing_files import RequestFile

Document = dict[str, Any]


class SigningDesk(NamedTuple):
    """call: RepositoryDesk's, by name, with parameters and a body; renew: asks a role's signers for its next
    version."""

    call: Callable[[str, Mapping[str, str], Any], Any]
    renew: Callable[[str], list[Document]]

    def requests(self, *, every: bool = False) -> list[Document]:
        """In short; those that are open, or all."""
        found: list[Document] = self.call("signing_requests", {"all": "true"} if every else {}, None)
        return found

    def request(self, identifier: str) -> tuple[Document, "RequestFile"]:
        """One with its signatures, and its file. Raises DecodeError for a file that is of another."""
        from v2xpki.errors import DecodeError
        from v2xpki.ota.signing_files import RequestFile

        document: Document = self.call("signing_request", {"id": identifier}, None)
        file = RequestFile.parse(json.dumps(document.pop("file")).encode())
        if file.id.hex() != identifier:
            raise DecodeError(f"the file is not that of request {identifier}")
        return document, file


@contextmanager
def signing_desk(repository: str, *, token: bool = True, **reach: Any) -> Iterator[SigningDesk]:
    """reach: the parameters of `Reach`; token: whether the repository's is needed here. Raises
    click.UsageError unless there is one way."""
    from v2xpki.ota.desk import Asked, Operator
    from v2xpki.ota.director_desk import DirectorDesk
    from v2xpki.ota.image_desk import ImageDesk
    from v2xpki.ota.repository_desk import RepositoryDesk, described

    if reach["directory"] is None or reach["server"] is not None:
        with desks(**reach) as found:
            kind = ImageDesk if repository == "image" else DirectorDesk

            def call(name: str, parameters: Mapping[str, str], body: Any) -> Any:
                return found.call(kind, name, {**parameters, "repository": repository}, body)

            def renew(role: str) -> list[Document]:
                more = {} if role == "root" else {"renew": True}
                return list(call("request_signatures", {}, {"role": role, **more}))

            yield SigningDesk(call, renew)
        return
    with opened(reach["directory"], repository, token=token) as here:
        desk, operator = RepositoryDesk(here), Operator.here(by(reach["operator"]))

        def call_here(name: str, parameters: Mapping[str, str], body: Any) -> Any:
            return getattr(desk, name)(Asked(operator, parameters, body or {}))

        def renew_here(role: str) -> list[Document]:
            if role == "root":
                return list(call_here("request_signatures", {}, {"role": role}))
            return [described(here.request_targets(role, by=operator.name))]

        yield SigningDesk(call_here, renew_here)
