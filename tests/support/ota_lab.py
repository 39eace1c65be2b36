"""python-tuf's client before a served laboratory: over its TLS, with somebody in the middle where asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import urllib3
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from tests.support.lab import Lab


class Fetcher(FetcherInterface):
    """The clients' way to the laboratory; with a vehicle's certificate, if it has one. `instead` holds what
    an attacker serves, by the file's name."""

    def __init__(self, lab: Lab, client: Path | None = None) -> None:
        self.instead: dict[str, bytes] = {}
        self.pool = urllib3.PoolManager(
            ca_certs=str(lab.directory / "tls/ca.pem"), cert_file=client and str(client), retries=False
        )

    def _fetch(self, url: str) -> Iterator[bytes]:
        stolen = self.instead.get(url.rpartition("/")[2])
        if stolen is not None:
            return iter([stolen])
        answer = self.pool.request("GET", url, preload_content=False)
        if answer.status != 200:
            raise DownloadHTTPError(url, answer.status)
        return iter(answer.stream(65536))

    def ask(self, url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.pool.request(method, url, body=body, headers=named)


def updater(
    lab: Lab,
    folder: Path,
    repository: str,
    client: Path | None = None,
    *,
    fetcher: Fetcher | None = None,
) -> Updater:
    """A client that keeps what it trusts in the folder, and begins with the first root."""
    fetcher = fetcher or Fetcher(lab, client)
    base = f"{lab.base_url}/ota/{repository}"
    root = fetcher.ask(f"{base}/metadata/1.root.json").data
    folder.mkdir(parents=True, exist_ok=True)
    return Updater(
        str(folder), f"{base}/metadata/", str(folder), f"{base}/targets/", fetcher=fetcher,
        config=UpdaterConfig(prefix_targets_with_hash=True), bootstrap=root,
    )  # fmt: skip
