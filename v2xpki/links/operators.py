"""The operators' interface of another instance, for a sub-CA whose root is elsewhere: its request goes there,
its certificate is fetched there. TLS with a client certificate."""

import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from v2xpki.errors import ConfigError, LinkError

REQUEST_TYPE = "application/x-its-request"
_ANSWER_LIMIT = 64 * 1024
_PATH = "/api/v1/ca/requests"


class OperatorsLink:
    """url: beginning of the interface, e.g. https://root.example:8444. Raises ConfigError for files that are
    no certificate and key."""

    def __init__(
        self, url: str, *, certificate: Path, key: Path, ca_file: Path, timeout: float = 15.0
    ) -> None:
        self._url = beginning_of(url)
        context = operators_context(certificate, key, ca_file)
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=timeout)

    def send(self, request: bytes) -> dict[str, Any]:
        """Leave a request for its review; what is said of it: at least id and status. Raises LinkError."""
        status, octets = self._ask("POST", _PATH, request)
        if status not in (200, 201):
            raise LinkError(f"{self._url}: HTTP {status}: {_title(octets)}")
        return self._document(octets)

    def certificate(self, identifier: str) -> bytes | None:
        """The certificate of a request; None where it waits, or is not known. Raises LinkError."""
        status, octets = self._ask("GET", f"{_PATH}/{identifier}/certificate")
        if status == 404:
            return None
        if status != 200:
            raise LinkError(f"{self._url}: HTTP {status}: {_title(octets)}")
        return octets

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        headers = {} if body is None else {"Content-Type": REQUEST_TYPE}
        try:
            answer = self._pool.request(
                method, self._url + path, body=body, headers=headers, redirect=False, preload_content=False
            )
            octets = answer.read(_ANSWER_LIMIT + 1)
            answer.release_conn()
        except (HTTPError, OSError) as error:
            raise LinkError(f"{self._url}: {error}") from error
        if len(octets) > _ANSWER_LIMIT:
            raise LinkError(f"{self._url}: the answer is longer than {_ANSWER_LIMIT} octets")
        return answer.status, octets

    def _document(self, octets: bytes) -> dict[str, Any]:
        try:
            document = json.loads(octets)
        except ValueError:
            document = None
        if not isinstance(document, dict) or not {"id", "status"} <= document.keys():
            raise LinkError(f"{self._url}: the answer is no document of a request")
        return document


def beginning_of(url: str) -> str:
    """What all paths of an operators' interface begin with. Raises ConfigError for what is no https URL."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"{url} is no https URL", hint="the admin listener's, e.g. https://host:8444")
    return url.rstrip("/").removesuffix("/api/v1")


def operators_context(certificate: Path, key: Path, ca_file: Path) -> ssl.SSLContext:
    """TLS with a client certificate. Raises ConfigError for files that are no certificate and key."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file))
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{certificate}, {key} or {ca_file} cannot be used: {error}", hint="--cert, --key, --tls-ca"
        ) from None
    return context


def _title(octets: bytes) -> str:
    """What a problem document says, if it is one."""
    try:
        return str(json.loads(octets)["title"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"
