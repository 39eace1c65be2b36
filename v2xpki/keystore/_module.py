"""The one PKCS#11 module of this process, its one lock, and the sessions held in it.

python-pkcs11 is not thread-safe (a session a thread ends in SIGSEGV with SoftHSM), so every call into
the module, be it an attribute's getter, happens under LOCK; more speed comes from more processes. The
module is loaded after the last fork: a process that inherited it is refused, because the token's
library is not defined there. Several tokens of one configuration may be open at once, each with one
session that stays logged in (a login a signature costs 20 to 40 times the signature).

A session counts `epoch`s: what was looked up in one is void in the next. After a loss the next call
reopens it; if the token is not there, the module is initialised anew once, which is how SoftHSM sees
a directory that came back. That voids the other sessions too, and they reopen at their own next call,
silently, since no operation of theirs can be under way while we hold the lock.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pkcs11

from v2xpki.errors import KeyRefused, KeystoreError, TokenLost
from v2xpki.keystore._calls import Calls, ReturnValue
from v2xpki.keystore.token_files import opening

LOCK = threading.RLock()
_pid = os.getpid()  # this process's, asked at each call: so not of the system


def _note_pid() -> None:
    global _pid  # noqa: PLW0603
    _pid = os.getpid()


os.register_at_fork(after_in_child=_note_pid)

# A token says no for good: asking again changes nothing, and with a PIN may lock the token.
_PIN_REFUSALS = (pkcs11.PinIncorrect, pkcs11.PinLocked, pkcs11.PinInvalid, pkcs11.PinLenRange)
# The request is at fault, not the session: CKR_ARGUMENTS_BAD, _DATA_INVALID, _DATA_LEN_RANGE,
# _KEY_TYPE_INCONSISTENT, _KEY_FUNCTION_NOT_PERMITTED, _MECHANISM_INVALID, _MECHANISM_PARAM_INVALID
_REQUEST_FAULTS = frozenset({0x007, 0x020, 0x021, 0x063, 0x068, 0x070, 0x071})
_REQUEST_ERRORS = (
    pkcs11.ArgumentsBad,
    pkcs11.AttributeSensitive,
    pkcs11.AttributeReadOnly,
    pkcs11.AttributeValueInvalid,
    pkcs11.DomainParamsInvalid,
    pkcs11.MechanismInvalid,
    pkcs11.MechanismParamInvalid,
    pkcs11.TemplateInconsistent,
    pkcs11.TemplateIncomplete,
)


class Module:
    """The loaded library. `current` is the process's only one."""

    def __init__(self, path: Path, config: Path | None, config_env: str | None) -> None:
        self.path, self.pid = path, os.getpid()
        self.config, self.config_env = config, config_env
        self.generation = 0
        self.sessions: dict[str, HeldSession] = {}
        self._point_at(config)
        try:
            self.library = pkcs11.lib(str(path))
            self.calls = Calls(str(path))
        except (pkcs11.PKCS11Error, ReturnValue, OSError) as error:
            raise KeystoreError(f"the PKCS#11 module {path} cannot be loaded: {say(error)}") from error

    def _point_at(self, config: Path | None) -> None:
        """The library reads its configuration's path from the environment when it is initialised."""
        if config is not None and self.config_env is not None:
            os.environ[self.config_env] = str(config)
        self.config = config

    def use(self, config: Path | None) -> None:
        """Turn to another configuration; only while no token is open."""
        if config is None or config == self.config:
            return
        if self.sessions:
            raise KeyRefused(
                f"this process has tokens of {self.config} open and cannot open one of {config}",
                hint="a process serves one trust domain; close the others first or start another process",
            )
        self._point_at(config)
        self.initialise()

    def initialise(self) -> None:
        """Initialise the library anew. All sessions are void afterwards."""
        self.generation += 1
        try:
            if self.library.initialized:
                self.library.finalize()
            self.library.initialize()
        except pkcs11.PKCS11Error as error:
            raise TokenLost(f"the PKCS#11 module cannot be initialised: {say(error)}") from error

    def token(self, label: str) -> Any:
        """The token of this label. Raises TokenLost."""
        try:
            return self.library.get_token(token_label=label)
        except (pkcs11.PKCS11Error, UnicodeDecodeError) as error:
            raise TokenLost(f"there is no token {label!r} (or not just one): {say(error)}") from error


_current: Module | None = None


def load(path: Path, config: Path | None, config_env: str | None) -> Module:
    """The process's module, loaded if it is not yet. Call with LOCK held.

    Raises KeyRefused for a second module, after a fork, and for another configuration while tokens of
    the first are open.
    """
    global _current  # noqa: PLW0603 - the library itself is one a process
    if _current is None:
        with opening(config):
            _current = Module(path, config, config_env)
        return _current
    refuse_fork(_current.pid)
    if path != _current.path:
        raise KeyRefused(f"this process has {_current.path} loaded; {path} needs a process of its own")
    with opening(config):
        _current.use(config)
    return _current


def is_loaded() -> bool:
    """Whether this process has a module."""
    return _current is not None


def refuse_inherited() -> None:
    """Raise KeyRefused where this process inherited a loaded module; before LOCK is taken."""
    if _current is not None:
        refuse_fork(_current.pid)


def refuse_fork(pid: int) -> None:
    """Raise KeyRefused in any process but `pid`, before a lock that may be held for ever is taken."""
    if _pid != pid:
        raise KeyRefused(
            "the PKCS#11 module was loaded before this process was forked",
            hint="load keys after the last fork (gunicorn: in the worker, never with preload)",
        )


class HeldSession:
    """One logged-in session of one token, shared by all who open that token in this process."""

    def __init__(self, module: Module, token_label: str, read_pin: Callable[[], str]) -> None:
        self.module, self.token_label, self._read_pin = module, token_label, read_pin
        self.pid = module.pid
        self.epoch = 0
        self.users = 0
        self.reopenings = 0
        self._session: Any = None
        self._generation = -1
        self._refusal: str | None = None
        self._slot: int | None = None
        self.handle = 0
        self.open()

    def open(self) -> None:
        """Make sure that there is a session. Raises TokenLost, KeyRefused."""
        if self._session is not None and self._generation == self.module.generation:
            return
        if self._refusal:
            raise KeyRefused(self._refusal)
        with opening(self.module.config):
            try:
                self._open()
            except TokenLost:
                self.module.initialise()
                self._open()

    def _open(self) -> None:
        module = self.module
        token = module.token(self.token_label)
        try:
            # what is left of a lost session would keep the token logged in, or count against its limit
            module.calls.close_all_sessions(token.slot.slot_id)
            self._session = token.open(user_pin=self._read_pin())
        except _PIN_REFUSALS as error:
            self._refusal = f"token {self.token_label!r} refuses the PIN: {say(error)}"
            raise KeyRefused(self._refusal, hint="not tried again, so that the token does not lock") from None
        except (pkcs11.PKCS11Error, ReturnValue) as error:
            raise TokenLost(f"token {self.token_label!r} cannot be opened: {say(error)}") from error
        self.handle = self._session.handle
        self._slot = token.slot.slot_id
        self._generation = module.generation
        self.epoch += 1
        self.reopenings = self.epoch - 1

    def lost(self) -> None:
        """The session is not to be used again."""
        self._session = None

    @property
    def session(self) -> Any:
        """python-pkcs11's session; after `open`."""
        return self._session

    @contextmanager
    def at_work(self, what: str) -> Iterator[Any]:
        """The lock held and the session open; PKCS#11 errors come out as ours."""
        refuse_fork(self.pid)
        with LOCK:
            self.ready()
            try:
                yield self._session
            except _REQUEST_ERRORS as error:
                raise KeyRefused(f"{what}: token {self.token_label!r} says {say(error)}") from error
            except (pkcs11.PKCS11Error, ReturnValue) as error:
                self.lost()
                raise TokenLost(f"{what}: token {self.token_label!r} is lost: {say(error)}") from error

    def failure(self, what: str, error: ReturnValue) -> KeystoreError:
        """What to raise for a call's return value; the hot path's half of at_work."""
        if error.code in _REQUEST_FAULTS:
            return KeyRefused(f"{what}: token {self.token_label!r} says {error}")
        self.lost()
        return TokenLost(f"{what}: token {self.token_label!r} is lost: {error}")

    def ready(self) -> None:
        """Open, and not closed by its users. LOCK is held. Raises TokenLost, KeyRefused."""
        if not self.users:
            raise KeyRefused(f"the keystore of token {self.token_label!r} is closed")
        self.open()

    @contextmanager
    def writable(self) -> Iterator[Any]:
        """A read-write session beside the held one, for as long as keys are made; it shares the login."""
        session = self._session.token.open(rw=True)
        try:
            yield session
        finally:
            session.close()

    def release(self) -> None:
        """One user fewer; the last one closes the session."""
        if os.getpid() != self.pid:
            return  # an inherited session is the parent's
        with LOCK:
            self.users -= 1
            if self.users > 0:
                return
            self.module.sessions.pop(self.token_label, None)
            if self._session is not None and self._generation == self.module.generation:
                with suppress(ReturnValue):  # lost already: there is nothing left to close
                    self.module.calls.close_all_sessions(self._slot or 0)
            self._session = None


def hold(module: Module, token_label: str, read_pin: Callable[[], str]) -> HeldSession:
    """The session of a token, opened unless this process has it open. Call with LOCK held."""
    session = module.sessions.get(token_label)
    if session is None:
        session = module.sessions[token_label] = HeldSession(module, token_label, read_pin)
    else:
        session.open()
    session.users += 1
    return session


def say(error: Exception) -> str:
    """An error without what may be in its text: python-pkcs11 names most by class alone."""
    return str(error) if isinstance(error, ReturnValue | OSError) else type(error).__name__
