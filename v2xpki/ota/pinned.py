"""The first root that a client of a repository goes by, known by its digest before it was signed.

`init` knows what signers will be asked to sign, and no more: the digest of that is what it leaves. So nobody
can give the Director another root in the time until the signatures are there.

    DIR/director/trust/image-root.sha256    SHA-256 (hex) of the canonical "signed" part of version 1
    DIR/director/trust/image-root.json      version 1, kept once it was seen
"""

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

from v2xpki.errors import ConfigError, InvalidSignature
from v2xpki.trust.ota.canonical import canonical, read_object

_LONGEST = 1 << 20
_FIRST = "1.root.json"


class PinnedRoot:
    """The pin in a trust folder."""

    def __init__(self, folder: Path) -> None:
        self._pin, self._kept = folder / "image-root.sha256", folder / "image-root.json"

    def pin(self, payload: bytes) -> None:
        """What is to be trusted: the canonical octets of the first root's "signed" part."""
        self._pin.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._pin.write_text(hashlib.sha256(payload).hexdigest() + "\n", encoding="ascii")

    def root(self, fetch: Callable[[str], bytes | None]) -> bytes | None:
        """Version 1 as it is trusted; None while there is none. fetch: a file of the repository by its name.

        Raises ConfigError without a pin, InvalidSignature for a root that is not the pinned one, DecodeError,
        and what fetch raises.
        """
        if self._kept.exists():
            return self._kept.read_bytes()
        try:
            pinned = self._pin.read_text(encoding="ascii").strip()
        except OSError:
            raise ConfigError(
                f"neither {self._pin.name} nor {self._kept.name} is in {self._pin.parent}",
                hint=f"put the Image repository's {_FIRST} there as {self._kept.name}",
            ) from None
        octets = fetch(_FIRST)
        if octets is None:
            return None
        signed = read_object(octets, "root", limit=_LONGEST).get("signed")
        payload = canonical(signed) if isinstance(signed, dict) else b""
        if not hmac.compare_digest(hashlib.sha256(payload).hexdigest(), pinned):
            raise InvalidSignature("the Image repository's first root is not the one that was pinned")
        fresh = self._kept.with_suffix(".new")
        fresh.write_bytes(octets)
        fresh.replace(self._kept)
        return octets
