"""Keys of ECUs: ECDSA P-256 or Ed25519, in memory, kept in files for their owner alone."""

from pathlib import Path
from typing import Any, Literal, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, SSlibKey

from v2xpki.station.errors import BadState
from v2xpki.station.files import read_secret, write_whole
from v2xpki.trust.ota.canonical import canonical
from v2xpki.trust.ota.keys import ECU_SCHEMES

KeyKind = Literal["ed25519", "ecdsa"]


class EcuKey:
    """A private key. Its repr tells the public half alone."""

    def __init__(self, signer: CryptoSigner) -> None:
        public = signer.public_key
        if not isinstance(public, SSlibKey) or public.scheme not in ECU_SCHEMES:
            raise BadState(f"a key for {public.scheme}; an ECU's is for {' or '.join(ECU_SCHEMES)}")
        self._signer = signer
        self.public_key: SSlibKey = public

    def __repr__(self) -> str:
        return f"<EcuKey {self.public_key.scheme} {self.public_key.keyid}>"

    @classmethod
    def generate(cls, kind: KeyKind) -> Self:
        return cls(CryptoSigner.generate_ed25519() if kind == "ed25519" else CryptoSigner.generate_ecdsa())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises BadState: no such file, readable for others, no key of an ECU."""
        pem = read_secret(path)
        if pem is None:
            raise BadState(f"{path}: no such file")
        try:
            return cls(CryptoSigner(load_pem_private_key(pem, None)))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BadState(f"{path} is no readable PEM private key of an ECU") from None

    def write(self, path: Path) -> None:
        write_whole(path, self._signer.private_bytes, 0o600)

    def sign(self, body: dict[str, Any]) -> dict[str, str]:
        """{"keyid", "sig"} over the canonical JSON of a body."""
        made = self._signer.sign(canonical(body))
        return {"keyid": made.keyid, "sig": made.signature}
