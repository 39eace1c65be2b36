"""Vendor profiles: what makes another vendor's PKCS#11 module a matter of configuration.

A profile is a TOML file in hsm/profiles (see hsm/README.md). Whatever is not known here is refused
with its name, so that a misspelt quirk cannot silently mean the default.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args

from v2xpki._resources import data_dir
from v2xpki.crypto import Curve
from v2xpki.errors import ConfigError, UnsupportedAlgorithm

PointForm = Literal["der", "raw"]
Kdf = Literal["null", "sha256"]
_REQUIRED = ("EC_KEY_PAIR_GEN", "ECDSA", "ECDH1_DERIVE")
_OPTIONAL = {"config_env", "creates_tokens", "wrap_mechanism", "quirks"}
_MANDATORY = {"name", "vendor", "modules", "mechanisms", "curves"}
_KEYS = _MANDATORY | _OPTIONAL
WrapMechanism = Literal["AES_KEY_WRAP"]
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Quirks:
    """Where modules differ. The defaults are what PKCS#11 v2.40 says."""

    ec_point: PointForm = "der"  # CKA_EC_POINT: in a DER OCTET STRING, or bare
    peer_point: PointForm = "raw"  # the same of the other's point in CK_ECDH1_DERIVE_PARAMS
    kdfs: tuple[Kdf, ...] = ("null",)  # what C_DeriveKey knows; "null" gives x itself, which agree needs
    label_length: int = 32  # octets of CKA_LABEL that the module keeps
    immutable_keys: bool = True  # CKA_MODIFIABLE and CKA_COPYABLE false are accepted at generation
    object_id: bool = True  # CKA_ID may be given at generation


@dataclass(frozen=True, slots=True)
class VendorProfile:
    """One kind of token: where its module lies, what it can do, how it differs."""

    name: str
    vendor: str
    modules: tuple[Path, ...]
    mechanisms: frozenset[str]
    curves: frozenset[Curve]
    config_env: str | None = None  # the environment variable that names the module's configuration
    wrap_mechanism: WrapMechanism | None = None  # for secrets at rest; None: this module has none of them
    creates_tokens: bool = False  # create_token may initialise one; else the vendor's tool does
    quirks: Quirks = Quirks()

    @classmethod
    def load(cls, profile: str | Path) -> "VendorProfile":
        """A shipped profile by name ("softhsm2"), or any by the path of its file. Raises ConfigError."""
        path = Path(profile)
        if path.suffix != ".toml":
            path = data_dir("hsm") / "profiles" / f"{profile}.toml"
        try:
            table = tomllib.loads(path.read_text())
        except FileNotFoundError:
            raise ConfigError(
                f"there is no HSM profile {str(profile)!r}",
                hint=f"shipped: {', '.join(shipped())}; or give the path of a .toml file",
            ) from None
        except (OSError, ValueError) as error:
            raise ConfigError(f"HSM profile {path}: {error}") from error
        return _profile(table, path)

    @property
    def module(self) -> Path:
        """The first of the module's places that exists. Raises ConfigError."""
        for path in self.modules:
            if path.is_file():
                return path.resolve()
        raise ConfigError(
            f"the PKCS#11 module of {self.vendor} is not installed",
            hint="looked at " + ", ".join(map(str, self.modules)),
        )


def shipped() -> list[str]:
    """The names of the profiles that come with the project."""
    return sorted(path.stem for path in (data_dir("hsm") / "profiles").glob("*.toml"))


def _profile(table: dict[str, Any], path: Path) -> VendorProfile:
    _refuse_unknown(path, "field", set(table) - _KEYS)
    if missing := _MANDATORY - set(table):
        raise ConfigError(f"HSM profile {path}: {', '.join(sorted(missing))} missing")
    mechanisms = frozenset(_strings(path, "mechanisms", table["mechanisms"]))
    if missing := set(_REQUIRED) - mechanisms:
        raise ConfigError(f"HSM profile {path}: the house needs the mechanisms {', '.join(sorted(missing))}")
    try:
        curves = frozenset(Curve.from_text(text) for text in _strings(path, "curves", table["curves"]))
    except UnsupportedAlgorithm as error:
        raise ConfigError(f"HSM profile {path}: curves: {error}") from error
    return VendorProfile(
        name=_of(path, "name", table["name"], str),
        vendor=_of(path, "vendor", table["vendor"], str),
        modules=tuple(Path(text) for text in _strings(path, "modules", table["modules"])),
        mechanisms=mechanisms,
        curves=curves,
        config_env=_of(path, "config_env", table["config_env"], str) if "config_env" in table else None,
        wrap_mechanism=_wrap_mechanism(path, table.get("wrap_mechanism")),
        creates_tokens=_of(path, "creates_tokens", table.get("creates_tokens", False), bool),
        quirks=_quirks(_of(path, "quirks", table.get("quirks", {}), dict), path),
    )


def _wrap_mechanism(path: Path, value: object) -> WrapMechanism | None:
    if value is None:
        return None
    return cast(WrapMechanism, _one_of(path, "wrap_mechanism", value, get_args(WrapMechanism)))


def _quirks(table: dict[str, Any], path: Path) -> Quirks:
    known = Quirks.__dataclass_fields__
    _refuse_unknown(path, "quirk", set(table) - set(known))
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name in ("ec_point", "peer_point"):
            values[name] = _one_of(path, name, value, get_args(PointForm))
        elif name == "kdfs":
            values[name] = tuple(
                cast(Kdf, _one_of(path, name, kdf, get_args(Kdf))) for kdf in _strings(path, name, value)
            )
        elif name == "label_length":
            values[name] = _of(path, name, value, int)
        else:
            values[name] = _of(path, name, value, bool)
    return Quirks(**values)


def _refuse_unknown(path: Path, what: str, names: set[str]) -> None:
    if names:
        raise ConfigError(f"HSM profile {path}: unknown {what} {', '.join(sorted(names))}")


def _of(path: Path, name: str, value: object, kind: type[V]) -> V:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"HSM profile {path}: {name} is to be a {kind.__name__}")
    return value


def _one_of(path: Path, name: str, value: object, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ConfigError(f"HSM profile {path}: {name} is one of {', '.join(choices)}, not {value!r}")
    return str(value)


def _strings(path: Path, name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"HSM profile {path}: {name} is to be a list of texts")
    return value
