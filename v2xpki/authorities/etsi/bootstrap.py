"""Makes an instance: settings, tokens, databases, every ceremony, trust material, a laboratory's TLS.

`init` does nothing that an operator could not do by hand: it fills in the files of hsm/ceremonies, runs
each in a process of its own, so that no process ever has two domains' tokens (SOFTHSM2_CONF is read
once a process), and copies certificates and lists to where the services look for them.

Until all of it is there the settings lie in v2xpki.toml.unfinished, and the folder is no instance. What
fails is removed; what was killed is removed by the next `init` of the folder.
"""

import fcntl
import multiprocessing
import os
import shutil
import signal
import string
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from v2xpki._resources import data_dir
from v2xpki.authorities.etsi import ceremony
from v2xpki.authorities.etsi.bootstrap_plan import (
    DEFAULT_CURVES,
    ETSI_CEREMONIES,
    FOLDERS,
    PROFILES_FILE,
    Plan,
    parse_curves,
    parse_databases,
)
from v2xpki.authorities.etsi.distribution import import_publications, published_list, published_tlm
from v2xpki.authorities.etsi.foreign_tlm import ForeignTlm
from v2xpki.authorities.lab_tls import make_lab_tls
from v2xpki.authorities.scms import bootstrap as scms
from v2xpki.config import (
    DOMAINS,
    FILE_NAME,
    UNFINISHED,
    Instance,
)
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError, V2xPkiError
from v2xpki.store import Database, upgrade
from v2xpki.store.schema import current
from v2xpki.time import Clock, SystemClock

_MADE = (*DOMAINS, *FOLDERS)
__all__ = ["Made", "Plan", "Report", "authorities", "initialise", "parse_curves", "parse_databases"]
_TITLES = {"root": "RCA"}

_TIMEOUT = 120.0  # seconds for one ceremony; one takes below one


@dataclass(frozen=True, slots=True)
class Made:
    """One authority of a new instance."""

    role: str
    certificate: Certificate
    key_label: str
    path: Path


@dataclass(frozen=True, slots=True)
class Report:
    """What `init` made."""

    instance: Instance
    authorities: tuple[Made, ...]


def initialise(
    plan: Plan, *, clock: Clock | None = None, progress: Callable[[str], None] = lambda _: None
) -> Report:
    """Make an instance in an empty or new folder.

    Raises ConfigError (the folder is in use), CeremonyRefused and whatever a ceremony raises in its
    process, as V2xPkiError with that process's message. Nothing is left behind then.
    """
    clock = clock or SystemClock()
    with _unfinished(plan) as instance:
        _render_ceremonies(plan, instance, clock)
        _run_ceremonies(plan, instance, progress)
        if plan.parts.etsi:
            _install(instance, plan.foreign_tlm)
            _publish(instance, clock)
        if plan.parts.scms:
            scms.install(instance, clock)
            progress("CTL of the electors, published")
            scms.write_internal_tls(instance, clock)
        if plan.ota is not None:
            plan.ota.make(instance, clock, progress)
        progress("TLS for the laboratory")
        _write_tls(plan, instance, clock)
    return Report(Instance.load(plan.directory), authorities(instance))


def authorities(instance: Instance) -> tuple[Made, ...]:
    """The certificates of the present generations."""
    made = []
    for role in (role for role in DEFAULT_CURVES if role in instance.domain_names):
        domain = instance.domain(role)
        certificate = Certificate.parse(domain.certificate_path.read_bytes())
        made.append(Made(role, certificate, f"{role}-sign-{domain.generation}", domain.certificate_path))
    if instance.has_scms:
        made += [Made(*one) for one in scms.authorities(instance)]
    return tuple(made)


# --- the folder ----------------------------------------------------------------------------------


@contextmanager
def _unfinished(plan: Plan) -> Iterator[Instance]:
    """The folder as an unfinished instance; an instance afterwards, or as it was before."""
    directory = plan.directory.absolute()
    existed = directory.is_dir()
    _refuse_used(directory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    marker = directory / UNFINISHED
    with marker.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"another init of {directory} is at work") from None
        _remove(plan)
        try:
            lock.truncate(0)
            lock.write(plan.settings_text())
            lock.flush()
            for name in (*plan.domains, *plan.folders):
                (directory / name).mkdir(mode=0o700)
            if plan.profiles_text:
                (directory / PROFILES_FILE).write_text(plan.profiles_text, encoding="utf-8")
            instance = Instance.load(directory, unfinished=True)
            _refuse_used_databases(plan, instance)
            yield instance
            os.fsync(lock.fileno())
            marker.rename(directory / FILE_NAME)
        except BaseException:
            _remove(plan)
            marker.unlink(missing_ok=True)
            if not existed:
                shutil.rmtree(directory, ignore_errors=True)
            raise


def _refuse_used(directory: Path) -> None:
    if (directory / FILE_NAME).exists():
        raise ConfigError(f"{directory} is an instance already", hint="`v2xpki status` shows what it has")
    if directory.exists() and not directory.is_dir():
        raise ConfigError(f"{directory} is no folder")
    # What a killed init left may go: it is marked, and nobody was ever told its keys.
    if directory.is_dir() and not (directory / UNFINISHED).exists():
        others = [path.name for path in directory.iterdir() if path.name != "lost+found"]
        if others:
            raise ConfigError(f"{directory} is not empty: {', '.join(sorted(others)[:5])}")


def _refuse_used_databases(plan: Plan, instance: Instance) -> None:
    """What another instance, or an init that failed, left in a server is the operator's to remove."""
    for name in plan.databases:
        with Database.open(instance.domain(name).database_url) as database:
            if current(database) is not None:
                raise ConfigError(
                    f"the database of {name} is not empty", hint="drop and create it, then try again"
                )


def _remove(plan: Plan) -> None:
    for name in {*_MADE, *plan.folders}:
        shutil.rmtree(plan.directory / name, ignore_errors=True)
    (plan.directory / PROFILES_FILE).unlink(missing_ok=True)


# --- ceremonies ------------------------------------------------------------------------------------


def _render_ceremonies(plan: Plan, instance: Instance, clock: Clock) -> None:
    texts = dict(_etsi_texts(plan, instance)) if plan.parts.etsi else {}
    if plan.parts.scms:
        texts |= scms.render(instance, str(urlsplit(plan.base_url).hostname), clock)
    for number, name in enumerate(plan.ceremonies, 1):
        # The comments speak of ${...} themselves; what a key lacks the ceremony's own reader refuses.
        _ceremony_path(instance, number, name).write_text(texts[name], encoding="utf-8")


def _etsi_texts(plan: Plan, instance: Instance) -> Iterator[tuple[str, str]]:
    curves, lists = plan.all_curves, instance.settings.lists
    host = urlsplit(plan.base_url).hostname
    own = {
        role: {"curve": curve, "name": f"{_TITLES.get(role, role.upper())} {host}"}
        for role, curve in curves.items()
    }
    # A laboratory signs each list when it is wanted; otherwise the tokens go away after the first run.
    count = "1" if plan.lab else str(lists.run_length)
    for kind in ("ectl", "ctl", "crl"):
        own[kind] = {
            "validity": str(lists.validity(kind)),
            "overlap": str(0 if plan.lab else lists.overlap),
            "count": count,
        }
    for name in ETSI_CEREMONIES.keys() & plan.ceremonies.keys():
        template = string.Template((data_dir("hsm") / "ceremonies" / f"{name}.yaml").read_text("utf-8"))
        values = {"instance": "..", "base_url": instance.base_url, **own[name.removesuffix("-request")]}
        yield name, template.safe_substitute(values)


def _ceremony_path(instance: Instance, number: int, name: str) -> Path:
    return instance.ceremonies_dir / f"{number:02}-{name}.yaml"


def _run_ceremonies(plan: Plan, instance: Instance, progress: Callable[[str], None]) -> None:
    """All of them, each in a process of its own, as parallel as their order and the machine allow.

    The processes are forked from one that has the modules and nothing else: loading them anew costs more
    than the ceremonies do (measured on two busy cores: 31 s with an interpreter started for each, 3 s so).
    """
    context = multiprocessing.get_context("forkserver")
    preload = ["v2xpki.authorities.etsi.ceremony"] if plan.ceremonies else []
    context.set_forkserver_preload([*preload, *([plan.ota.preload] if plan.ota else ())])
    resource_tracker.ensure_running()  # started by the one below, it would let a Ctrl-C through again
    with _uninterrupted():
        # it and what it forks: a Ctrl-C at the terminal is ours alone, and ceremonies at work get their end
        forkserver.ensure_running()
    files = {name: _ceremony_path(instance, n, name) for n, name in enumerate(plan.ceremonies, 1)}
    waiting, finished = list(files), set[str]()
    running: dict[Any, tuple[str, BaseProcess]] = {}  # by the connection that it answers on
    try:
        while waiting or running:
            for name in [name for name in waiting if finished.issuperset(plan.ceremonies[name])]:
                if len(running) < max(2, os.cpu_count() or 1):
                    ours, theirs = context.Pipe(duplex=False)
                    process: BaseProcess = context.Process(
                        target=_ceremony_process, args=(theirs, files[name], plan.operator)
                    )
                    with _uninterrupted():  # or one would be at work that nobody knows of
                        process.start()
                        running[ours] = name, process
                    theirs.close()
                    waiting.remove(name)
            for ready in wait(list(running), _TIMEOUT) or _out_of_time(running):
                name, process = running.pop(ready)
                progress(_outcome(ready, files[name]))
                process.join()
                finished.add(name)
    finally:
        for connection, (_, process) in running.items():
            # One that is at work gets its end; its token and database are removed afterwards.
            process.join(_TIMEOUT)
            process.kill()
            connection.close()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A Ctrl-C waits until the block is done. Processes that are started meanwhile never see one."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python interrupts the main thread alone
        return
    seen: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _frame: seen.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if seen:
            signal.raise_signal(signal.SIGINT)


def _ceremony_process(connection: Any, file: Path, operator: str) -> None:
    """The process of one ceremony: tells its parent (True, title) or (False, what went wrong)."""
    os.environ.pop("SOFTHSM2_CONF", None)  # the domain's own is found through the settings
    try:
        outcome = ceremony.run(file, operator=operator, confirm=lambda _: True, unfinished=True)
    except (V2xPkiError, OSError) as error:
        connection.send((False, f"{type(error).__name__}: {error}"))
    else:
        connection.send((True, outcome.title))


def _outcome(connection: Any, file: Path) -> str:
    try:
        done, text = connection.recv()
    except EOFError:
        done, text = False, "its process ended without a word"
    if not done:
        raise V2xPkiError(f"ceremony {file.name} failed: {text}")
    return str(text)


def _out_of_time(running: Mapping[Any, tuple[str, BaseProcess]]) -> list[Any]:
    names = ", ".join(name for name, _ in running.values())
    raise V2xPkiError(f"no ceremony finished within {_TIMEOUT:.0f} s; at work: {names}")


# --- what the services need -------------------------------------------------------------------------


def trust_material(instance: Instance) -> dict[str, Path]:
    """Names in a domain's trust folder -> where the ceremonies of this instance left them."""
    found = {
        "root.oer": instance.path("root/certificates/root-1.oer"),
        "ctl.oer": instance.path("root/lists/ctl-0.oer"),
        "crl.oer": instance.path("root/lists/crl-0.oer"),
    }
    if instance.settings.own_tlm:
        found["tlm.oer"] = instance.path("tlm/certificates/tlm-1.oer")
        found["ectl.oer"] = instance.path("tlm/lists/ectl-0.oer")
    return found


def _install(instance: Instance, foreign_tlm: ForeignTlm | None) -> None:
    for role in ("ea", "aa"):
        issued = instance.path(f"root/issued/{role}-1.oer")
        shutil.copyfile(issued, instance.domain(role).certificate_path)
    for name in ("ea", "aa", "dc", *(("director",) if instance.has_ota else ())):
        folder = instance.domain(name).trust_dir
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, source in trust_material(instance).items():
            shutil.copyfile(source, folder / file)
        if foreign_tlm is not None and name != "dc":  # this CPOC does not speak for another operator's TLM
            (folder / "tlm.oer").write_bytes(foreign_tlm.certificate.octets)
            (folder / "ectl.oer").write_bytes(foreign_tlm.ectl)


def _publish(instance: Instance, clock: Clock) -> None:
    """Give the distribution centre what it serves."""
    given = [
        published_list(path.read_bytes())
        for name in ("tlm", "root")
        for path in sorted(instance.path(name).glob("lists/*.oer"))
    ]
    if instance.settings.own_tlm:
        given.insert(0, published_tlm(trust_material(instance)["tlm.oer"].read_bytes()))
    with Database.open(instance.domain("dc").database_url, clock=clock) as database:
        upgrade(database, "dc")
        import_publications(database, clock, given)


def _write_tls(plan: Plan, instance: Instance, clock: Clock) -> None:
    host = urlsplit(plan.base_url).hostname
    others = plan.ota.operators if plan.ota else ()
    files = make_lab_tls([host] if host else [], clock, operator=plan.operator, others=others)
    for name, octets in files.by_name().items():
        mode = 0o600 if name.endswith(".key") else 0o644
        descriptor = os.open(instance.path("tls") / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
