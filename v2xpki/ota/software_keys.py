"""Signers' keys in files, for suppliers and for the second key of a hybrid root: encrypted PEM (PKCS #8).

Ed25519, RSA-PSS (3072 bits or more), ECDSA P-256 and P-384, ML-DSA-65.
"""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

from v2xpki.errors import ConfigError, KeystoreError, Refused
from v2xpki.keystore.secret_files import write_private
from v2xpki.ota.repository_reasons import SigningReason
from v2xpki.ota.signing_files import RequestFile, SignatureFile
from v2xpki.trust.ota.keys import key_of_pem

_RSA_BITS = 3072
SCHEMES = ("ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-pss", "ml-dsa-65")


class SoftwareSigner:
    """A key of a file, opened. `name`: who signs, as the repository's record will say."""

    def __init__(self, name: str, private_key: PrivateKeyTypes) -> None:
        self.name = name
        pem = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.public_key: SSlibKey = key_of_pem(pem, "the key")
        self._signer = CryptoSigner(private_key, self.public_key)

    def __repr__(self) -> str:
        return f"SoftwareSigner({self.name}, {self.public_key.keyid[:8]})"

    def keys(self) -> dict[str, SSlibKey]:
        """Use -> key, as `signer show` prints: it may be named for any, and then for that alone."""
        return dict.fromkeys(("root", "targets", "director"), self.public_key)

    def sign(self, request: RequestFile) -> SignatureFile:
        """Raises Refused(UNKNOWN_KEY) for a request that does not ask this key."""
        keyid = self.public_key.keyid
        if not any(keyid in asked.keys for asked in request.agree):
            raise Refused(SigningReason.UNKNOWN_KEY, f"{self.name}'s key is not asked to sign this")
        signature = self._signer.sign(request.octets)
        return SignatureFile(request.repository, request.id, self.name, {keyid: signature.signature})


def open_software_key(path: Path, password: str, name: str) -> SoftwareSigner:
    """Raises KeystoreError (not encrypted, another password, not readable), DecodeError (a kind that signs no
    metadata)."""
    try:
        key = load_pem_private_key(path.read_bytes(), password.encode())
    except TypeError:
        raise KeystoreError(f"{path} is not encrypted", hint="openssl pkcs8 -topk8 encrypts it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeystoreError(f"{path} is no private key in PEM, or its password is another") from None
    except OSError as error:
        raise KeystoreError(f"{path} cannot be read") from error
    return SoftwareSigner(name, key)


def create_software_key(path: Path, scheme: str, password: str, name: str) -> SoftwareSigner:
    """A new key in a new file of mode 0600. Raises ConfigError (scheme, or the file is there)."""
    key = _generate(scheme)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    try:
        write_private(path, pem.decode())
    except FileExistsError:
        raise ConfigError(f"{path} is there; a key is never made over") from None
    return SoftwareSigner(name, key)


def _generate(scheme: str) -> PrivateKeyTypes:
    match scheme:
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ecdsa-p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ecdsa-p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "rsa-pss":
            return rsa.generate_private_key(65537, _RSA_BITS)
        case "ml-dsa-65":
            return mldsa.MLDSA65PrivateKey.generate()
    raise ConfigError(f"no scheme {scheme!r}", hint=f"one of {', '.join(SCHEMES)}")
