"""The AA's own key for a test that plays a malicious AA: a process of its own opens the AA's token and signs
what it is given, one digest in hex a line. Run as a script with the instance's folder."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from v2xpki.config import Instance
from v2xpki.crypto import Certificate, PublicKey
from v2xpki.keystore import KeyLabel, TokenConfig, open_token

ROOT = Path(__file__).parents[2]


class AaSigner:
    """A Signer. Not for several threads."""

    def __init__(self, directory: Path, certificate: Certificate) -> None:
        domain = Instance.load(directory).domain("aa")
        self.public_key: PublicKey = certificate.verification_key
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(directory)],
            env=os.environ | domain.environment() | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def sign(self, digest: bytes) -> bytes:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(digest.hex() + "\n")
        self._process.stdin.flush()
        return bytes.fromhex(self._process.stdout.readline())

    def __enter__(self) -> "AaSigner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate("", timeout=20)


def main(directory: str) -> None:
    domain = Instance.load(directory).domain("aa")
    with open_token(TokenConfig.of_domain(domain)) as keystore:
        key = keystore.issuing_key(KeyLabel("aa", "sign", domain.generation))
        for line in sys.stdin:
            sys.stdout.write(key.sign(bytes.fromhex(line)).hex() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
