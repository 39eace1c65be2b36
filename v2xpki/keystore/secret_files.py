"""Secrets that operators keep in files or in the environment: PINs, passphrases. Never in arguments."""

import os
import secrets
import stat
from pathlib import Path

from v2xpki.errors import KeystoreError


def read_secret(path: Path, what: str) -> str:
    """The text of a secret's file, without surrounding white space.

    Raises KeystoreError where it is missing, empty, or others may read it; never with its content.
    """
    try:
        with path.open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeystoreError(f"{what}: others may read {path}", hint=f"chmod 600 {path}")
            secret = file.read(4096).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeystoreError(f"{what}: {path} cannot be read") from error
    if not secret:
        raise KeystoreError(f"{what}: {path} is empty")
    return secret


def read_environment(variable: str, what: str) -> str:
    """The secret in an environment variable. Raises KeystoreError where it is not set or empty."""
    secret = os.environ.get(variable, "")
    if not secret:
        raise KeystoreError(f"{what}: the environment has no {variable}")
    return secret


def write_private(path: Path, text: str) -> None:
    """A new file that only its owner may read, from its first octet on. Raises FileExistsError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def new_secret() -> str:
    """32 random characters, 192 bits."""
    return secrets.token_urlsafe(24)
