"""Tokens: where one lies, how it is opened, how a SoftHSM one is made.

    config = TokenConfig("softhsm2", "ea", pin_file=Path("ea/pin"), softhsm2_conf=Path("ea/softhsm2.conf"))
    with open_token(config) as keystore:
        keystore.generate(KeyLabel("ea", "sign"), Curve.NIST_P256)

A PIN comes from a file that nobody else may read, or from the environment; it is read for each login
and kept nowhere. It is never an argument of a process: tokens are initialised in this one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pkcs11

from v2xpki.config import DomainConfig
from v2xpki.errors import ConfigError, KeyRefused, KeystoreError
from v2xpki.keystore import _module
from v2xpki.keystore._calls import ReturnValue
from v2xpki.keystore.pkcs11 import Pkcs11Keystore
from v2xpki.keystore.profiles import VendorProfile
from v2xpki.keystore.secret_files import new_secret, read_environment, read_secret, write_private
from v2xpki.keystore.token_files import BRING_BACK, opening

_LABEL_LENGTH = 32  # CK_TOKEN_INFO.label
_SOFTHSM_CONF = """\
# One trust domain's tokens and nothing else.
directories.tokendir = {tokens}
objectstore.backend = file
objectstore.umask = 0077
log.level = ERROR
slots.removable = false
"""


@dataclass(frozen=True, slots=True)
class TokenConfig:
    """One token: what kind, its label, where its PIN is; for SoftHSM also where it lies."""

    profile: str | Path
    token_label: str
    pin_file: Path | None = None
    pin_env: str | None = None
    softhsm2_conf: Path | None = None
    token_dir: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.token_label.encode()) <= _LABEL_LENGTH:
            raise ConfigError(f"a token's label has 1 to {_LABEL_LENGTH} octets: {self.token_label!r}")
        if (self.pin_file is None) == (self.pin_env is None):
            raise ConfigError(f"token {self.token_label!r}: its PIN is in a file or in the environment")

    def read_pin(self) -> str:
        """The PIN. Raises KeystoreError where it is missing, empty, or others may read its file."""
        what = f"the PIN of token {self.token_label!r}"
        if self.pin_env is not None:
            return read_environment(self.pin_env, what)
        assert self.pin_file is not None
        return read_secret(self.pin_file, what)

    @classmethod
    def of_domain(cls, domain: DomainConfig) -> Self:
        """The token of a trust domain of an instance."""
        return cls(
            domain.keystore_profile,
            domain.token_label,
            pin_file=domain.pin_file,
            pin_env=domain.pin_env,
            softhsm2_conf=domain.softhsm2_conf,
            token_dir=domain.token_dir,
        )


def open_token(config: TokenConfig) -> Pkcs11Keystore:
    """Log in to a token and hold the session.

    Raises TokenLost (no such token, or not reachable), KeyRefused (the PIN; another configuration or
    module open in this process; a fork since the module was loaded), KeystoreError (PIN, mechanisms),
    ConfigError (profile, module not installed).
    """
    profile = VendorProfile.load(config.profile)
    _module.refuse_inherited()
    with _module.LOCK:
        module = _load(profile, config)
        session = _module.hold(module, config.token_label, config.read_pin)
        try:
            _require_mechanisms(session, profile)
        except BaseException:
            session.release()
            raise
        return Pkcs11Keystore(session, profile)


def create_token(config: TokenConfig) -> None:
    """Make a SoftHSM token: configuration, directory, PIN (a random one unless its file is there), token.

    The security officer's PIN is random and forgotten: nobody can set a new user PIN. Raises KeyRefused
    where the token or a foreign configuration exists, ConfigError where the profile's tokens are made
    with their vendor's tools.
    """
    profile = VendorProfile.load(config.profile)
    if not profile.creates_tokens or config.softhsm2_conf is None or config.token_dir is None:
        raise ConfigError(
            f"a token of {profile.vendor} is initialised with its vendor's tool",
            hint="see hsm/README.md; then put its label and PIN into v2xpki.toml",
        )
    config.token_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    config.token_dir.chmod(0o700)
    text = _SOFTHSM_CONF.format(tokens=config.token_dir.resolve())
    if not config.softhsm2_conf.exists():
        write_private(config.softhsm2_conf, text)
    if config.pin_file is not None and not config.pin_file.exists():
        write_private(config.pin_file, new_secret() + "\n")
    pin = config.read_pin()
    _module.refuse_inherited()
    with _module.LOCK:
        module = _load(profile, config)
        with opening(module.config):
            _initialise(module, config.token_label, pin)


def _load(profile: VendorProfile, config: TokenConfig) -> _module.Module:
    conf = config.softhsm2_conf if profile.creates_tokens else None  # other vendors' lie elsewhere
    if conf is not None:
        if not conf.is_file():
            raise KeystoreError(f"token {config.token_label!r}: there is no {conf}", hint=BRING_BACK)
        conf = conf.resolve()
    return _module.load(profile.module, conf, profile.config_env)


def _initialise(module: _module.Module, label: str, pin: str) -> None:
    so_pin = new_secret()
    try:
        slots = module.library.get_slots(token_present=True)
        free = None
        for slot in slots:
            token = slot.get_token()
            if not token.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED:
                free = slot
            elif token.label == label:
                raise KeyRefused(f"the token {label!r} exists; a token is never made over")
        if free is None:
            raise KeystoreError("the PKCS#11 module offers no free slot for a new token")
        module.calls.init_token(free.slot_id, so_pin.encode(), label)
        session = module.token(label).open(rw=True, so_pin=so_pin)
        try:
            session.init_pin(pin)
        finally:
            session.close()
    except (pkcs11.PKCS11Error, ReturnValue) as error:
        raise KeystoreError(f"token {label!r} cannot be made: {_module.say(error)}") from error


def _require_mechanisms(session: _module.HeldSession, profile: VendorProfile) -> None:
    with session.at_work("asking for mechanisms") as held:
        there = held.token.slot.get_mechanisms()
    names = {getattr(mechanism, "name", str(mechanism)) for mechanism in there}
    if missing := profile.mechanisms - names:
        raise KeystoreError(
            f"token {session.token_label!r} has not the mechanisms {', '.join(sorted(missing))}",
            hint=f"the profile {profile.name!r} asks for them",
        )
