"""An image of 2 GB through a served instance: its upload is cut off twice, and memory stays flat.

V2XPKI_LOAD_IMAGE=268435456 pytest tests/load/test_ota_large_image.py -m soak
"""

import base64
import hashlib
import json
import os
import signal
import time
from pathlib import Path

import pytest
import urllib3

from tests.support.lab import Lab, v2xpki, wait_until
from tests.support.memory import Peaks
from tests.support.provenance import Key, attest, new_key, policy_text
from v2xpki.links.ota_desk import DeskLink
from v2xpki.ota.image_desk import ImageDesk

OCTETS = int(os.environ.get("V2XPKI_LOAD_IMAGE", str(2 << 30)))
MEMORY = 200 * 1024  # KiB of the process with the most, of all that the service ever had
_BLOCK = 1 << 20

pytestmark = pytest.mark.soak


@pytest.fixture
def image(tmp_path: Path) -> tuple[Path, str]:
    path, digest = tmp_path / "image.bin", hashlib.sha256()
    with path.open("wb") as file:
        for number in range(0, OCTETS, _BLOCK):
            block = hashlib.sha256(number.to_bytes(8, "big")).digest() * (_BLOCK // 32)
            file.write(block)
            digest.update(block)
    return path, digest.hexdigest()


def test_a_large_image_comes_in_after_two_interruptions_and_goes_out_in_ranges(
    tmp_path: Path, image: tuple[Path, str], token_store: object
) -> None:
    del token_store
    path, sha256 = image
    builder = new_key()
    lab = Lab(tmp_path / "pki", scheme="https")
    v2xpki("init", lab.directory, "--profile", "ota", "--base-url", lab.base_url, "--lab", "--yes")
    settings = lab.directory / "v2xpki.toml"
    text = settings.read_text().replace('# provenance = "provenance.toml"', 'provenance = "provenance.toml"')
    settings.write_text(text)
    (lab.directory / "provenance.toml").write_text(policy_text(builder))
    lab.serve(roles="image")
    assert lab.process is not None
    try:
        with Peaks(lab.process.pid) as peaks:
            times, killed = send_and_fetch(lab, path, sha256, builder, peaks)
            wait_until(lambda: lab.workers("admin"))
        names = {pid: name for name, pid in lab.state["processes"].items()}
        told = peaks.named(names | {lab.process.pid: "serve", killed: "killed"})
        print(json.dumps({"octets": OCTETS, **times, "peak KiB": told}))
        kinds = {name.partition(" ")[0] for name in told}
        assert kinds >= {"serve", "router", "admin", "admin+", "image", "image+", "killed"}
        assert max(told.values()) < MEMORY
    finally:
        lab.end()


def send_and_fetch(
    lab: Lab, path: Path, sha256: str, builder: Key, peaks: Peaks
) -> tuple[dict[str, float], int]:
    """The image's way in and out: what took how long, and which process was killed on it."""
    tls = lab.directory / "tls"
    link = DeskLink(
        lab.url("admin"),
        certificate=tls / "operator.pem",
        key=tls / "operator.key",
        ca_file=tls / "ca.pem",
    )
    killed: list[int] = []

    def kill_once(sent: int, length: int) -> None:
        # in the middle of a piece: the process that takes it dies, and is replaced
        if sent > length // 3 and not killed:
            killed.append(lab.workers("admin")[0])
            peaks.look()
            os.kill(killed[0], signal.SIGKILL)

    start = time.monotonic()
    with pytest.raises(_Stopped):
        link.upload(path, progress=_stop_at(OCTETS // 8, identifiers := []))
    (upload,) = [one.name for one in (lab.directory / "image/uploads").iterdir()]
    link.upload(path, identifier=upload, progress=kill_once)
    uploaded = time.monotonic() - start
    assert killed and identifiers
    start = time.monotonic()
    (added,) = link.call(
        ImageDesk,
        "add_release",
        None,
        {
            "name": "maps", "version": "1", "hardwareIds": ["hw"], "releaseCounter": 1, "upload": upload,
            "file": "image.bin", "sha256": sha256,
            "attestation": base64.b64encode(attest(sha256, builder)).decode(),
        },
    )  # fmt: skip
    staged = time.monotonic() - start
    assert (added["sha256"], added["length"]) == (sha256, OCTETS)
    start, digest = time.monotonic(), hashlib.sha256()
    with urllib3.PoolManager(ca_certs=str(tls / "ca.pem")) as pool:
        half = OCTETS // 2
        for spread in (f"bytes=0-{half - 1}", f"bytes={half}-"):
            url = f"{lab.base_url}/ota/image/targets/hw/maps/1/{sha256}.image.bin"
            answer = pool.request("GET", url, headers={"Range": spread}, preload_content=False)
            assert answer.status == 206
            for block in answer.stream(_BLOCK):
                digest.update(block)
    fetched = time.monotonic() - start
    assert digest.hexdigest() == sha256
    times = {"upload s": uploaded, "add s": staged, "download s": fetched}
    return {what: round(seconds, 1) for what, seconds in times.items()}, killed[0]


class _Stopped(Exception):
    """Our side of an upload ends, as when its machine is switched off."""


def _stop_at(octets: int, seen: list[int]):
    def progress(sent: int, length: int) -> None:
        seen.append(sent)
        if sent > octets:
            raise _Stopped

    return progress
