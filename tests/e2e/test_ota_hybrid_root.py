"""`init --ota-hybrid-root` as an operator has it: roots of a P-256 key in a token and an ML-DSA-65 key in a
file, both needed. Real commands, tokens, processes and TLS; the vehicle is python-tuf's client."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from tuf.api.exceptions import UnsignedMetadataError

from tests.support.lab import Lab, wait_until
from tests.support.ota_commands import Apart
from tests.support.ota_lab import Fetcher, updater
from tests.support.provenance import attest, new_key, policy_text

IMAGE = b"firmware " * 1000
TARGET = "brake-ecu/brakes/1.0/brakes.bin"


class People:
    """alice with a token, and ML-DSA-65 keys in files; requests come to them, signatures go from them."""

    def __init__(self, folder: Path) -> None:
        self.apart, self.folder = Apart(folder), folder
        self.password = folder / "password"
        self.password.touch(mode=0o600)
        self.password.write_text("correct horse battery staple")
        self.run("signer", "create", folder / "alice", "--name", "alice")
        self._keep("alice", self.run("signer", "show", folder / "alice"))

    def quantum(self, name: str) -> Path:
        """A new ML-DSA-65 key: the file with its public half."""
        said = self.run(
            "signer", "key", self.folder / f"{name}.pem", "--name", name, "--scheme", "ml-dsa-65",
            "--password-file", self.password,
        )  # fmt: skip
        return self._keep(name, said)

    def public(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def sign(self, request: Path, name: str) -> Path:
        """A person's signature file."""
        out = self.folder / f"{request.stem}.{name}.signature"
        if name == "alice":
            whose = ["--signer", self.folder / "alice"]
        else:
            whose = ["--key", self.folder / f"{name}.pem", "--name", name, "--password-file", self.password]
        self.run("sign", "sign", request, *whose, "--out", out, "--yes")
        return out

    def run(self, *words: object, expect: int = 0) -> str:
        return self.apart.command("ota", *words, expect=expect)

    def _keep(self, name: str, said: str) -> Path:
        self.public(name).write_text(said)
        return self.public(name)


class Served:
    """The instance, with the operators' commands over its interface."""

    def __init__(self, folder: Path) -> None:
        self.people, self.builder = People(folder), new_key()
        self.lab = lab = Lab(folder / "pki", scheme="https")
        alice = self.people.public("alice")
        pq, pq_director = map(self.people.quantum, ("pq", "pq-director"))
        self.people.apart.command(
            "init", lab.directory, "--profile", "ota", "--base-url", lab.base_url, "--yes",
            "--ota-hybrid-root", "--ota-root-key", alice, "--ota-root-key", pq, "--ota-targets-key", alice,
            "--ota-director-key", alice, "--ota-director-key", pq_director,
        )  # fmt: skip
        settings = lab.directory / "v2xpki.toml"
        text = settings.read_text().replace("# provenance =", "provenance =")
        settings.write_text(re.sub(r'^# (".*" = \[)', r"\1", text, flags=re.MULTILINE))
        (lab.directory / "provenance.toml").write_text(policy_text(self.builder))
        lab.serve(roles="image,director")

    def ask(self, *words: object, expect: int = 0) -> str:
        """A command of the release engineer's, over HTTPS."""
        tls = self.lab.directory / "tls"
        reach = ["--server", self.lab.url("admin"), "--tls-ca", tls / "ca.pem"]
        reach += ["--cert", tls / "operator.pem", "--key", tls / "operator.key"]
        return self.people.run(*words, *reach, expect=expect)

    def submit(self, request: Path, *names: str) -> str:
        """What is said when these have signed, the last of it."""
        repository = request.name.partition("-")[0]
        said = ""
        for name in names:
            said = self.ask("sign", "submit", self.people.sign(request, name), "--repository", repository)
        return said

    def status(self, name: str, repository: str = "image") -> int:
        url = f"{self.lab.base_url}/ota/{repository}/metadata/{name}"
        return int(Fetcher(self.lab).ask(url).status)

    def change_root(self, *words: object, expect: int = 0) -> str:
        """Ask for another root of the Image repository: what is said."""
        there = ["--instance", self.lab.directory, "--out", self.people.folder, "--yes"]
        return self.people.run("root", "change", *there, *words, expect=expect)

    def release(self) -> None:
        """An image with its provenance, approved by another, on signed targets."""
        folder = self.people.folder
        image, statement = folder / "brakes.bin", folder / "statement.json"
        image.write_bytes(IMAGE)
        statement.write_bytes(attest(hashlib.sha256(IMAGE).hexdigest(), self.builder))
        (added,) = json.loads(
            self.ask("release", "add", image, "--name", "brakes", "--version", "1.0", "--hardware-id",
                     "brake-ecu", "--release-counter", 1, "--attest", statement, "--json")
        )  # fmt: skip
        here = ["--instance", self.lab.directory, "--operator", "eve"]
        self.people.run("release", "approve", added["id"], *here)
        (asked,) = json.loads(self.ask("release", "request", added["id"], "--out", folder, "--json"))
        assert "is published" in self.submit(Path(asked["requestFile"]), "alice")


@pytest.fixture
def served(tmp_path, token_store):
    del token_store  # asked for so that the test is skipped where there is no SoftHSM
    made = Served(tmp_path)
    yield made
    made.lab.end()


def half_signed(request: Path, signature: Path) -> bytes:
    """The metadata of a request with the signatures of one file alone: what its thief could serve."""
    made, signed = (json.loads(path.read_bytes()) for path in (signature, request))
    return json.dumps({"signatures": made["signatures"], "signed": signed["signed"]}).encode()


def test_a_client_follows_a_hybrid_root_and_its_rotation_and_neither_signature_does_alone(served, tmp_path):
    people, requests = served.people, served.lab.directory / "signing-requests"

    # the first roots: one signature publishes nothing, whichever it is
    assert "missing: 1 of root 1" in served.submit(requests / "image-root-1.json", "alice")
    served.submit(requests / "image-targets-1.json", "alice")
    assert "missing: 1 of root 1" in served.submit(requests / "director-root-1.json", "pq-director")
    assert {served.status(name) for name in ("1.root.json", "timestamp.json")} == {404}
    assert served.status("1.root.json", "director") == 404
    assert "root version 1 is published" in served.submit(requests / "image-root-1.json", "pq")
    assert "root version 1 is published" in served.submit(requests / "director-root-1.json", "alice")
    assert served.status("1.root.json") == served.status("1.root.json", "director") == 200

    # a client refreshes, and downloads
    served.release()
    vehicle = tmp_path / "vehicle"
    client = updater(served.lab, vehicle, "image")
    client.refresh()
    root = client._trusted_set.root
    assert sorted(root.keys[one].scheme for one in root.roles["root"].keyids) == [
        "ecdsa-sha2-nistp256", "ml-dsa-65/1"
    ]  # fmt: skip
    assert root.roles["root"].threshold == 2
    assert Path(client.download_target(client.get_targetinfo(TARGET))).read_bytes() == IMAGE

    # another ML-DSA-65 key: the old root's two and the new one's must agree, and nothing less is published
    former = next(one for one in root.roles["root"].keyids if root.keys[one].scheme == "ml-dsa-65/1")
    change = ["--add-key", f"root={people.quantum('pq-2')}", "--remove-key", f"root={former}"]
    served.change_root(*change)
    request = tmp_path / "image-root-2.request.json"
    assert "missing: 1 of root 2" in served.submit(request, "alice", "pq")
    assert served.status("2.root.json") == 404
    assert "root version 2 is published" in served.submit(request, "pq-2")
    client = updater(served.lab, vehicle, "image")
    client.refresh()
    assert client._trusted_set.root.version == 2

    # what only one of the two has signed the client refuses, and the server does not publish
    served.change_root()
    request = tmp_path / "image-root-3.request.json"
    for name in ("alice", "pq-2"):
        fetcher = Fetcher(served.lab)
        fetcher.instead["3.root.json"] = half_signed(request, people.sign(request, name))
        with pytest.raises(UnsignedMetadataError, match="1/2"):
            updater(served.lab, vehicle, "image", fetcher=fetcher).refresh()
    assert "missing" in served.submit(request, "pq-2")
    assert served.status("3.root.json") == 404
    assert "root version 3 is published" in served.submit(request, "alice")
    client = updater(served.lab, vehicle, "image")
    client.refresh()
    assert client._trusted_set.root.version == 3
    assert Path(client.download_target(client.get_targetinfo(TARGET))).read_bytes() == IMAGE

    # the Director, who follows the Image repository, has followed its root so far as well
    def followed() -> bool:
        roles = json.loads(served.lab.ask("GET", "/readyz").body)["roles"]
        return roles["image"] == roles["director"] == "ok"

    wait_until(followed)

    # and no other root is asked for
    (classic,) = (one for one in root.roles["root"].keyids if one != former)
    for words in (
        ["--threshold", "root=1"],
        ["--add-key", f"root={people.quantum('pq-3')}"],
        ["--remove-key", f"root={classic}", "--threshold", "root=1"],
    ):
        said = served.change_root(*words, expect=1)
        assert "exactly two keys, ECDSA P-256 and ML-DSA-65, and threshold 2; here are" in said
