"""An OEM's server side, independent of v2xpki.ota: two TUF repositories made by python-tuf, keys in memory,
behind a real HTTP server on the loopback whose answers a test may change.

    oem = Oem(clock.now)
    path = oem.release("brake-1", "abs", "2.0", 2, b"new brakes")
    oem.direct({"brake": path})
    with Listener() as listener:
        listener.oem = oem
"""

import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    TOP_LEVEL_ROLE_NAMES,
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from v2xpki.time import unix_from_time32

VIN = "WVWZZZ1KZAW000001"
DIRECTOR, IMAGE, TARGETS = "/ota/director/metadata/", "/ota/image/metadata/", "/ota/image/targets/"
MANIFESTS = "/ota/v1/manifests"
_NEXT = ("targets", "snapshot", "timestamp")


class Repository:
    """One TUF repository. Each role has one Ed25519 key; what is published stays in `files` by its name.

    now: TAI seconds. A stolen key is `signers[role]` in an attacker's hands.
    """

    def __init__(self, now: int) -> None:
        self.now, self.lifetime = now, timedelta(days=1)
        self.signers = {role: CryptoSigner.generate_ed25519() for role in sorted(TOP_LEVEL_ROLE_NAMES)}
        self.root, self.targets = Root(consistent_snapshot=True), Targets()
        self.snapshot, self.timestamp = Snapshot(), Timestamp()
        self.delegated: dict[str, tuple[Targets, CryptoSigner]] = {}
        self.files: dict[str, bytes] = {}
        for role, signer in self.signers.items():
            self.root.add_key(signer.public_key, role)
        for one in (self.root, self.targets, self.snapshot, self.timestamp):
            one.version = 0
        self.publish_root()
        self.publish()

    def time(self) -> datetime:
        return datetime.fromtimestamp(unix_from_time32(self.now), UTC)

    def publish_root(self, *more: CryptoSigner) -> None:
        """The next root, signed by its key and by more."""
        self.root.version += 1
        self._sign(self.root, f"{self.root.version}.root.json", self.signers["root"], *more, days=365)

    def rotate(self, *roles: str) -> None:
        """New keys for roles, and the root that says so."""
        before = self.signers["root"]
        for role in roles:
            self.root.revoke_key(self.signers[role].public_key.keyid, role)
            self.signers[role] = CryptoSigner.generate_ed25519()
            self.root.add_key(self.signers[role].public_key, role)
        self.publish_root(*([before] if "root" in roles else []))

    def delegate(self, name: str, *paths: str, terminating: bool = False) -> Targets:
        """A delegated role; what is put into the Targets goes out with the next `publish`."""
        made, signer = Targets(), CryptoSigner.generate_ed25519()
        made.version = 0
        if self.targets.delegations is None:
            self.targets.delegations = Delegations({}, {})
        assert self.targets.delegations.roles is not None
        self.targets.delegations.roles[name] = DelegatedRole(name, [], 1, terminating, list(paths))
        self.targets.add_key(signer.public_key, name)
        self.delegated[name] = made, signer
        return made

    def publish(self, *roles: str) -> None:
        """The next version of roles, by default of all but the root."""
        for role in roles or (*self.delegated, *_NEXT):
            if role in self.delegated:
                signed, signer = self.delegated[role]
            else:
                signed, signer = getattr(self, role), self.signers[role]
            signed.version += 1
            if role == "snapshot":
                signed.meta = {"targets.json": MetaFile(self.targets.version)}
                signed.meta |= {f"{n}.json": MetaFile(t.version) for n, (t, _) in self.delegated.items()}
            if role == "timestamp":
                signed.snapshot_meta = MetaFile(self.snapshot.version)
            name = f"{role}.json" if role == "timestamp" else f"{signed.version}.{role}.json"
            self._sign(signed, name, signer)

    def _sign(self, signed: Any, name: str, *signers: CryptoSigner, days: int | None = None) -> None:
        signed.expires = self.time() + (self.lifetime if days is None else timedelta(days=days))
        metadata = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        self.files[name] = metadata.to_bytes()


class Answer(NamedTuple):
    """What the server answers. parts: of the body; length: as the header says, by default the body's."""

    status: int
    parts: Iterable[bytes]
    headers: Mapping[str, str] = {}
    length: int | None = None


class Oem:
    """Director and Image repository of one vehicle, and the images. `faults` changes answers by a part of
    their path."""

    def __init__(self, now: int, vin: str = VIN) -> None:
        self.vin, self.manifests = vin, list[dict[str, Any]]()
        self.images: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []
        self.faults: dict[str, Callable[[Answer], Answer]] = {}
        self.image, self.director = Repository(now), Repository(now)
        self.direct({})

    def release(
        self, hardware: str, name: str, version: str, counter: int, content: bytes, **fields: Any
    ) -> str:
        """Put an image into the Image repository's targets and publish them; its target path."""
        targets: Targets = fields.pop("targets", self.image.targets)
        path = fields.pop("path", f"{hardware}/{name}/{version}/{name}.bin")
        statement = json.dumps({"payload": path, "sha": hashlib.sha256(content).hexdigest()}).encode()
        custom = {
            "name": name,
            "version": version,
            "hardwareIds": [hardware],
            "releaseCounter": counter,
            "provenance": {"sha256": hashlib.sha256(statement).hexdigest()},
            **fields,
        }
        target = TargetFile.from_data(path, content, ["sha256"])
        target.unrecognized_fields["custom"] = custom
        targets.targets[path] = target
        self.image.publish()
        self.store(path, content, statement)
        return path

    def store(self, path: str, content: bytes, statement: bytes) -> None:
        """Serve an image and its statement of provenance."""
        folder, _, file = path.rpartition("/")
        served = f"{TARGETS}{folder}/{hashlib.sha256(content).hexdigest()}.{file}"
        self.images[served], self.images[f"{served}.intoto.json"] = content, statement

    def direct(self, ecus: Mapping[str, str], **changes: Any) -> None:
        """The Director's targets: ECU id -> target path, as the Image repository has it, and publish them.
        changes: custom fields of all the targets, or `hardware`, `vin`, `target` (path -> TargetFile)."""
        vin, hardware = changes.pop("vin", self.vin), changes.pop("hardware", None)
        known = changes.pop("target", {})
        targets = self.director.targets
        targets.targets = {}
        targets.unrecognized_fields["custom"] = {"vehicleId": vin}
        for ecu, path in ecus.items():
            source = known.get(path) or self._image_target(path)
            found = targets.targets.get(path) or TargetFile(source.length, dict(source.hashes), path)
            image = source.custom
            custom = found.unrecognized_fields.setdefault("custom", {"ecuIdentifiers": {}})
            custom["releaseCounter"] = image["releaseCounter"]
            if "rollbackFrom" in image:
                custom["rollbackFrom"] = image["rollbackFrom"]
            custom["ecuIdentifiers"][ecu] = {"hardwareId": hardware or image["hardwareIds"][0]}
            custom.update(changes)
            targets.targets[path] = found
        self.director.publish()

    def _image_target(self, path: str) -> TargetFile:
        for one in (self.image.targets, *(targets for targets, _ in self.image.delegated.values())):
            if path in one.targets:
                return one.targets[path]
        raise KeyError(path)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.requests.append((method, path, headers))
        if method == "POST":
            self.manifests.append(json.loads(body))
            told = {"targetsVersion": self.director.targets.version, "changed": True}
            made = Answer(200, [json.dumps(told).encode()], {"Content-Type": "application/json"})
        else:
            made = self._file(path, headers.get("range"))
        for part, fault in self.faults.items():
            if part in path:
                made = fault(made)
        return made

    def _file(self, path: str, wanted: str | None) -> Answer:
        content = self.images.get(path)
        for prefix, repository in ((DIRECTOR, self.director), (IMAGE, self.image)):
            if path.startswith(prefix):
                content = repository.files.get(path.removeprefix(prefix))
        if content is None:
            return Answer(404, [])
        if wanted is None:
            return Answer(200, [content])
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        head = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        return Answer(206, [content[start:]], head)


class Listener:
    """The HTTP server; `oem` answers, and may be another one for each test."""

    def __init__(self) -> None:
        self.oem: Any = None
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self._reply(b"")

            def do_POST(self) -> None:
                self._reply(self.rfile.read(int(self.headers["Content-Length"])))

            def _reply(self, body: bytes) -> None:
                headers = {name.lower(): text for name, text in self.headers.items()}
                if isinstance(self.connection, ssl.SSLSocket):
                    shown = self.connection.getpeercert(binary_form=True)
                    headers["client"] = hashlib.sha256(shown).hexdigest() if shown else ""
                status, parts, more, length = listener.oem.answer(self.command, self.path, headers, body)
                if length is None:
                    parts = [b"".join(parts)]
                    length = len(parts[0])
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                for name, text in more.items():
                    self.send_header(name, text)
                self.end_headers()
                sent = 0
                try:
                    for part in parts:
                        self.wfile.write(part)
                        sent += len(part)
                except OSError:  # the client has had enough
                    self.close_connection = True
                self.close_connection = self.close_connection or sent != length

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def secure(self, context: ssl.SSLContext) -> None:
        """TLS from now on; the digest of a client's certificate is the header "client" for `oem`."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
