"""A key of the token as securesystemslib's Signer: the one way to its signature over metadata (TUF).

The issuer holds them (issuance/metadata.py) and lets them sign what was recorded. ECDSA signatures are hex of
DER, over SHA-256 on P-256 and SHA-384 on P-384, as securesystemslib checks them.
"""

import hashlib
from typing import NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from securesystemslib.signer import Key, SecretsHandler, Signature, Signer, SSlibKey

from v2xpki.crypto import Curve
from v2xpki.errors import IssuanceError
from v2xpki.keystore import IssuingKey, KeyLabel

_SCHEMES = {
    Curve.NIST_P256: ("ecdsa-sha2-nistp256", hashlib.sha256, ec.ECDSA(Prehashed(hashes.SHA256()))),
    Curve.NIST_P384: ("ecdsa-sha2-nistp384", hashlib.sha384, ec.ECDSA(Prehashed(hashes.SHA384()))),
}

#: On which curves keys may sign here.
SIGNING_CURVES = tuple(_SCHEMES)


class TokenSigner(Signer):
    """One key, in the token's held session. Raises IssuanceError for a curve that TUF has no scheme for."""

    def __init__(self, key: IssuingKey) -> None:
        curve = key.public_key.curve
        if curve not in _SCHEMES:
            raise IssuanceError(
                f"{key.label} is on {curve.text}; firmware metadata is signed on P-256 or P-384"
            )
        self._key, self._size = key, curve.size
        scheme, self._hash, self._algorithm = _SCHEMES[curve]
        self._verify = key.public_key.handle.verify
        self._public_key = SSlibKey.from_crypto(key.public_key.handle, scheme=scheme)

    def __repr__(self) -> str:
        return f"TokenSigner({self.label})"

    @property
    def label(self) -> KeyLabel:
        """The key's name in the token."""
        return self._key.label

    @property
    def public_key(self) -> SSlibKey:
        """As metadata names it."""
        return self._public_key

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> NoReturn:
        """Raises IssuanceError: a URI names a key and no database for its records."""
        raise IssuanceError(
            "a key of the token is opened with its instance, where its signatures are recorded"
        )

    def sign(self, payload: bytes) -> Signature:
        """Sign once; the signature is checked. payload: what was recorded. Raises TokenLost, KeyNotFound,
        IssuanceError."""
        made = self.made(payload)
        made.check()
        return made.signature

    def made(self, payload: bytes) -> "Made":
        """As sign, but not checked yet. Raises TokenLost, KeyNotFound."""
        digest = self._hash(payload).digest()
        return Made(self, digest, der_of(self._key.sign(digest), self._size))

    def verify(self, der: bytes, digest: bytes) -> None:
        """Raises IssuanceError unless it is this key's signature."""
        try:
            # As it goes out. By the package whose form this is: of three in a row, 15 us each less.
            self._verify(der, digest, self._algorithm)
        except InvalidSignature as error:
            raise IssuanceError("the signature made does not verify") from error


class Made(NamedTuple):
    """What a key made of a payload's digest."""

    signer: TokenSigner
    digest: bytes
    der: bytes

    @property
    def signature(self) -> Signature:
        """As metadata has it."""
        return Signature(self.signer.public_key.keyid, self.der.hex())

    def check(self) -> None:
        """Raises IssuanceError."""
        self.signer.verify(self.der, self.digest)


def der_of(raw: bytes, size: int) -> bytes:
    """r || s as DER (RFC 3279 2.2.3), which has less than 128 octets on both curves. Three by the package: 44
    of the 1,100 us that a vehicle's metadata takes."""
    numbers = b""
    for octets in (raw[:size], raw[size:]):
        number = octets.lstrip(b"\0")
        if number[:1] >= b"\x80":
            number = b"\0" + number
        numbers += b"\x02%c%b" % (len(number), number)
    return b"\x30%c%b" % (len(numbers), numbers)
