"""nginx with the front of deploy/, on a port of its own."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.serving import wait_for

FRONT = Path(__file__).parents[2] / "deploy/nginx/v2xpki-ota.conf"
_PATH = "/usr/sbin:/usr/bin:/usr/local/bin"
_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")  # Debian's libnginx-mod-stream


@contextmanager
def passing_tls_through(folder: Path, upstreams: Mapping[str, str]) -> Iterator[int]:
    """nginx with v2xpki-ota.conf: its port. upstreams: image, director -> host:port. Skips, with the reason,
    where there is none that can."""
    program = shutil.which("nginx", path=_PATH)
    if program is None:
        pytest.skip("no nginx here (Debian packages nginx-light, libnginx-mod-stream)")
    built = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
    if "--with-stream=dynamic" in built and not _MODULE.exists():
        pytest.skip("this nginx has no stream module (Debian package libnginx-mod-stream)")
    port, lists = free_port(), folder / "upstreams.conf"
    lists.write_text(
        "".join(f"upstream v2xpki_{name} {{ server {at}; }}\n" for name, at in upstreams.items())
    )
    text = FRONT.read_text()
    for ours, here in (
        ("/etc/nginx/v2xpki-upstreams.conf", str(lists)),
        ("pid /tmp/nginx.pid;", f"pid {folder}/nginx.pid;"),
        ("listen 8443;", f"listen 127.0.0.1:{port};"),
        ("listen [::]:8443;", ""),
    ):
        assert ours in text
        text = text.replace(ours, here)
    loads = f"load_module {_MODULE};\n" if _MODULE.exists() else ""
    settings = folder / "nginx.conf"
    settings.write_text(
        f"{loads}daemon off;\n" + re.sub(r"error_log \S+ crit", "error_log stderr warn", text)
    )
    process = subprocess.Popen(
        [program, "-p", folder, "-e", "stderr", "-c", settings], stderr=(folder / "nginx.log").open("wb")
    )
    try:
        wait_for(lambda: (folder / "nginx.pid").exists() or process.poll() is not None)
        assert process.poll() is None, (folder / "nginx.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(20)
