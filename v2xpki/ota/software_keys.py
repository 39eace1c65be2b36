"""Signers' keys in files, for suppliers and for the second key of a hybrid root: encrypted PEM (PKCS #8).

Ed25519, RSA-PSS (3072 bits or more), ECDSA P-256 and P-384, ML-DSA-65. Beside a key's FILE lies
FILE.record.db, which says what it has signed, as the database of a signer's instance does.

    with open_software_signer(open_software_key(file, password, "sue"), file) as signer:
        signature = signer.sign(request, by="sue")
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

from v2xpki.errors import ConfigError, KeystoreError, StoreError
from v2xpki.issuance import recover
from v2xpki.issuance.metadata import MetadataIssuer
from v2xpki.keystore import KeyLabel
from v2xpki.keystore.secret_files import write_private
from v2xpki.ota.signing_files import RequestFile, SignatureFile
from v2xpki.ota.signing_record import SigningRecord
from v2xpki.store import Database, upgrade
from v2xpki.time import Clock, SystemClock
from v2xpki.trust.ota.keys import key_of_pem

_RSA_BITS = 3072
SCHEMES = ("ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-pss", "ml-dsa-65")


_LABEL = KeyLabel("signer-file", "sign")
_DOMAIN = "signer"  # its schema


class SoftwareKey:
    """A key of a file, opened. `name`: who signs, as the repository's record will say."""

    def __init__(self, name: str, private_key: PrivateKeyTypes) -> None:
        self.name = name
        pem = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.public_key: SSlibKey = key_of_pem(pem, "the key")
        self._private_key = private_key

    def __repr__(self) -> str:
        return f"SoftwareKey({self.name}, {self.public_key.keyid[:8]})"

    def keys(self) -> dict[str, SSlibKey]:
        """Use -> key, as `signer show` prints: it may be named for any, and then for that alone."""
        return dict.fromkeys(("root", "targets", "director"), self.public_key)

    def issuer(self) -> MetadataIssuer:
        """Door 1, for this key."""
        return MetadataIssuer({_LABEL: CryptoSigner(self._private_key, self.public_key)})


class SoftwareSigner:
    """A key with its record."""

    def __init__(self, key: SoftwareKey, database: Database, clock: Clock) -> None:
        self._keyid = key.public_key.keyid
        self._record = SigningRecord(key.name, key.issuer(), database, clock)

    def sign(self, request: RequestFile, *, by: str) -> SignatureFile:
        """As SigningRecord.sign."""
        return self._record.sign(request, self._asked(request), by=by)

    def remarks(self, request: RequestFile) -> list[str]:
        """As SigningRecord.remarks."""
        return self._record.remarks(request, self._asked(request))

    def _asked(self, request: RequestFile) -> Sequence[KeyLabel]:
        return [_LABEL] if any(self._keyid in asked.keys for asked in request.agree) else []


def record_of(path: Path) -> Path:
    """Where a key's file has its record."""
    return path.with_name(f"{path.name}.record.db")


@contextmanager
def open_software_signer(
    key: SoftwareKey, path: Path, *, clock: Clock | None = None
) -> Iterator[SoftwareSigner]:
    """The key of a file at work, with its record, which is made where there is none; what a dead process left
    open is voided first. Raises StoreError."""
    file, clock = record_of(path), clock or SystemClock()
    try:
        file.touch(mode=0o600)
    except OSError as error:
        raise StoreError(
            f"{file} cannot be written: nothing is signed without a record of it",
            hint="have the key's file in a folder of your own",
        ) from error
    with Database.open(file, clock=clock) as database:
        upgrade(database, _DOMAIN)
        recover(database)
        yield SoftwareSigner(key, database, clock)


def open_software_key(path: Path, password: str, name: str) -> SoftwareKey:
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
    return SoftwareKey(name, key)


def create_software_key(path: Path, scheme: str, password: str, name: str) -> SoftwareKey:
    """A new key in a new file of mode 0600. Raises ConfigError (scheme, or the file is there)."""
    key = _generate(scheme)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    try:
        write_private(path, pem.decode())
    except FileExistsError:
        raise ConfigError(f"{path} is there; a key is never made over") from None
    return SoftwareKey(name, key)


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
