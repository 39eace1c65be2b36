"""Root and TLM roll-over: the next generation beside the present one, step by step.

    work = Rollover.plan(instance, "root")
    work.steps()                    what there is to do, where, and what of it is done
    work.carry_out("alice")         a laboratory: every ceremony, then `finish`
    work.prepare()                  offline keys: the files of the ceremonies that can be held now
    work.finish("alice")            here: hand out, install, count the new generation as the one in use

A step is a ceremony; it is done where its outputs are there, so that whoever was interrupted goes on with
what is left. Nothing of the old generation goes: it lasts until its certificate ends.
"""

import fcntl
import shutil
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from v2xpki._resources import data_dir
from v2xpki.audit import Event
from v2xpki.authorities.etsi import publishing
from v2xpki.authorities.etsi.anchors import anchors
from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.authorities.etsi.ceremony import write_new
from v2xpki.authorities.etsi.ceremony_process import Holder, hold
from v2xpki.authorities.etsi.generations import certificates_of, in_force, set_generations
from v2xpki.config import Instance
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import CeremonyRefused, ConfigError, StoreError, UnsupportedAlgorithm
from v2xpki.keystore.inventory import keys_in_tokens
from v2xpki.store import Database
from v2xpki.store.dc import Recorded
from v2xpki.time import Clock, SystemClock
from v2xpki.trust import verify_chain
from v2xpki.trust.lists import (
    AaEntry,
    CtlEntry,
    DcEntry,
    EaEntry,
    EctlEntry,
    ListKind,
    RcaEntry,
    TlmEntry,
)

Role = Literal["root", "tlm"]
State = Literal["done", "ready", "waits", "elsewhere"]
_SUB_CAS = ("ea", "aa")
_PROFILES = {"root": "RCA", "tlm": "TLM", "ea": "EA", "aa": "AA"}


@dataclass(frozen=True, slots=True)
class Step:
    """A ceremony of a roll-over. state: done; ready, its inputs are here; waits for files; or its domain's
    folder is elsewhere. file: the ceremony file, where it is written. makes: what it leaves."""

    title: str
    domain: str
    state: State
    makes: tuple[Path, ...]
    waits_for: tuple[Path, ...] = ()
    file: Path | None = None


@dataclass(frozen=True)
class _Task:
    """What a step is made of. `is_done` None: by its outputs. `write`: the ceremony file."""

    title: str
    domain: str
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    write: Callable[[], Path]
    is_done: Callable[[], bool] | None = None


@dataclass
class Finished:
    """What became of a roll-over here."""

    steps: list[Step]
    recorded: Recorded | None = None
    installed: list[str] = field(default_factory=list)
    #: Domains whose new generation is the one in use from now on, here.
    in_use: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class Rollover:
    """One roll-over of an instance, as far as it can be seen from here. Make it with `plan`."""

    instance: Instance
    role: Role
    old: int
    new: int
    curve: str
    clock: Clock
    #: The generations that EA and AA get under a new root.
    subs: Mapping[str, int]
    #: Nothing is to be begun: generations before the one in use are still in force.
    idle: bool = False

    @classmethod
    def plan(
        cls,
        instance: Instance,
        role: str,
        *,
        curve: str | None = None,
        again: bool = False,
        clock: Clock | None = None,
    ) -> "Rollover":
        """The roll-over that was begun and is not finished, else the next one.

        again: begin one though the last one's old generation is still in force. Raises ConfigError.
        """
        clock = clock or SystemClock()
        if role not in ("root", "tlm"):
            raise ConfigError(f"{role!r} does not roll over", hint="root or tlm")
        domain = instance.domain(role)
        chosen = curve or _curve_of(instance, role)
        try:
            Curve.from_text(chosen)
        except UnsupportedAlgorithm as error:
            raise ConfigError(str(error), hint="--curve NAME") from None
        keys = keys_in_tokens(instance, [role, *(_SUB_CAS if role == "root" else ())])
        new = _next(instance, role, keys)
        subs = {name: _next_sub(instance, name, new, keys) for name in _SUB_CAS} if role == "root" else {}
        begun = _made(instance, role, new)
        lasting = len(in_force(domain, clock.time32())) > 1
        return cls(
            instance, "root" if role == "root" else "tlm", domain.generation, new, chosen, clock, subs,
            idle=lasting and not begun and not again,
        )  # fmt: skip

    # --- the steps -----------------------------------------------------------------------------------

    def steps(self) -> list[Step]:
        """All ceremonies, in the order in which they are held."""
        return [] if self.idle else [self._step(task) for task in self._tasks()]

    def carry_out(
        self, operator: str, *, holder: Holder = hold, told: Callable[[str], None] = lambda _: None
    ) -> Finished:
        """Hold every ceremony that is left, and finish. Raises what ceremonies raise; begin again then.

        Needs all tokens within reach: CeremonyRefused elsewhere than in a laboratory.
        """
        if not self.instance.lab:
            raise CeremonyRefused(
                "keys are offline here: ceremonies are prepared, and held by their operators"
            )
        with _alone(self.instance):
            for task in () if self.idle else self._tasks():
                state = self._state(task)
                if state == "done":
                    continue
                if state != "ready":
                    raise CeremonyRefused(f"{task.title}: {state}", hint="all domains' folders belong here")
                told(holder(task.write(), operator).title)
            return self.finish(operator)

    def prepare(self) -> list[Step]:
        """Write the ceremony files that can be held here now; nothing is signed."""
        found = []
        for task in () if self.idle else self._tasks():
            step = self._step(task)
            found.append(replace(step, file=task.write()) if step.state == "ready" else step)
        return found

    def finish(self, operator: str) -> Finished:
        """Do what follows from what is here: give it to the distribution centre, install EA and AA, and write
        the new generation into v2xpki.toml. Again, it changes nothing. Raises as `publishing.import_lists`,
        and PermissionDenied, InvalidChain for a certificate that is not of the request."""
        done = Finished(self.steps())
        if self.idle:
            return done
        folders = [self.instance.path(self.role) / name for name in ("certificates", "links", "lists")]
        if self.role == "root" and self.instance.settings.own_tlm:
            folders.append(self.instance.path("tlm") / "lists")
        here = [folder for folder in folders if folder.is_dir()]
        link = self.instance.path(self._link())
        if publishing.has_distribution(self.instance) and link.exists():
            done.recorded = publishing.import_lists(self.instance, here, self.clock)
        complete = all(step.state in ("done", "elsewhere") for step in done.steps)
        if complete and self.role == "root" and not self._is_listed():
            complete = False
            done.notes.append(
                f"root {self._new().hex8} is not on the ECTL that EA and AA go by: give its certificate "
                f"{self._certificate()} to the TLM's operator, and repeat the command once it is there"
            )
        for name, number in self.subs.items() if complete else ():
            if self._install(name, number, operator):
                done.installed.append(name)
                done.in_use[name] = number
        if complete and link.exists() and publishing.has_database(self.instance, self.role):
            done.in_use[self.role] = self.new
        # A sub-CA takes the newest that is installed, unless the settings name one.
        sections = self.instance.settings.domains
        named = {
            name: number
            for name, number in done.in_use.items()
            if name == self.role or (name in sections and sections[name].generation)
        }
        if named:
            set_generations(self.instance, named)
        if set(named) & set(done.installed):
            done.notes.append("v2xpki.toml names the generation of EA or AA: restart `serve`")
        return done

    def _step(self, task: _Task) -> Step:
        waits = tuple(Path(name) for name in task.needs if not self.instance.path(name).exists())
        state = self._state(task)
        makes = tuple(map(Path, task.makes))
        return Step(task.title, task.domain, state, makes, waits if state == "waits" else ())

    def _state(self, task: _Task) -> State:
        missing = any(not self.instance.path(name).exists() for name in task.needs)
        here = publishing.has_database(self.instance, task.domain)
        if task.is_done is None:
            finished = all(self.instance.path(name).exists() for name in task.makes)
        else:
            finished = here and not missing and task.is_done()
        if finished:
            return "done"
        if not here:
            return "elsewhere"
        return "waits" if missing else "ready"

    def _tasks(self) -> list[_Task]:
        return self._tlm_tasks() if self.role == "tlm" else self._root_tasks()

    def _tlm_tasks(self) -> list[_Task]:
        certificate = self._certificate()
        tasks = [self._self_signed(), self._link_task()]
        tasks.append(self._list("ectl", self.new, (certificate,), self._ectl_with_tlm))
        for number in self._tlms():
            # One that has used up its numbers signs no more: its last ECTL stays.
            if number != self.new and publishing.numbers_left(self.instance, number):
                tasks.append(self._list("ectl", number, (certificate,), self._ectl_with_tlm))
        return tasks

    def _root_tasks(self) -> list[_Task]:
        certificate = self._certificate()
        tasks = [self._self_signed(), self._link_task()]
        tasks += [self._request(name) for name in _SUB_CAS] + [self._sub_ca(name) for name in _SUB_CAS]
        issued = tuple(self._issued(name) for name in _SUB_CAS)
        tasks.append(self._list("crl", self.new, (certificate,), None))
        tasks.append(self._list("ctl", self.new, (certificate, *issued), self._ctl))
        tasks += [self._list("ectl", number, (certificate,), self._ectl_with_root) for number in self._tlms()]
        return tasks

    def _tlms(self) -> list[int]:
        """Generations of the TLM that list the new one, where their database is here; none of another
        operator's TLM."""
        if not self.instance.settings.own_tlm:
            return []
        try:
            return publishing.present_generations(self.instance, "ectl", self.clock)
        except (ConfigError, StoreError):
            return [self.instance.domain("tlm").generation]

    # --- their files ---------------------------------------------------------------------------------

    def _certificate(self) -> str:
        return f"{self.role}/certificates/{self.role}-{self.new}.oer"

    def _link(self) -> str:
        return f"{self.role}/links/{self.role}-link-{self.old}.oer"

    def _issued(self, name: str) -> str:
        return f"root/issued/{name}-{self.subs[name]}.oer"

    def _self_signed(self) -> _Task:
        makes = self._certificate()
        table: dict[str, Any] = {
            "title": f"{_PROFILES[self.role]}, generation {self.new}",
            "kind": "self-signed",
            "instance": "..",
            "domain": self.role,
            "key": {"label": f"{self.role}-sign-{self.new}", "curve": self.curve},
            "certificate": {"profile": _PROFILES[self.role]} | _named(_present(self.instance, self.role)),
            "output": makes,
        }
        return _Task(table["title"], self.role, (), (makes,), lambda: self._write("certificate", table))

    def _link_task(self) -> _Task:
        old = f"{self.role}/certificates/{self.role}-{self.old}.oer"
        template = (data_dir("hsm") / "ceremonies" / f"{self.role}-link.yaml").read_text("utf-8")
        text = string.Template(template).safe_substitute(instance="..", old=self.old, new=self.new)
        title = f"link, generation {self.old} to {self.new}"
        needs = (old, self._certificate())
        return _Task(title, self.role, needs, (self._link(),), lambda: self._write_text("link", text))

    def _request(self, name: str) -> _Task:
        number = self.subs[name]
        makes = f"{name}/certificates/{name}-{number}.request"
        table: dict[str, Any] = {
            "title": f"{_PROFILES[name]}, generation {number}, keys and request",
            "kind": "request",
            "instance": "..",
            "domain": name,
            "sign": {"label": f"{name}-sign-{number}", "curve": _curve_of(self.instance, name)},
            "encrypt": {"label": f"{name}-encrypt-{number}", "curve": "nistP256"},
            "certificate": {"profile": _PROFILES[name]} | _named(_present(self.instance, name)),
            "output": makes,
        }
        return _Task(table["title"], name, (), (makes,), lambda: self._write(f"{name}-request", table))

    def _sub_ca(self, name: str) -> _Task:
        request = f"{name}/certificates/{name}-{self.subs[name]}.request"
        table: dict[str, Any] = {
            "title": f"{_PROFILES[name]}, generation {self.subs[name]}, certificate",
            "kind": "sub-ca",
            "instance": "..",
            "domain": "root",
            "key": f"root-sign-{self.new}",
            "issuer": self._certificate(),
            "request": request,
            "certificate": {"profile": _PROFILES[name]} | _named(_present(self.instance, name)),
            "output": self._issued(name),
        }
        needs = (self._certificate(), request)
        return _Task(table["title"], "root", needs, (self._issued(name),), lambda: self._write(name, table))

    def _list(
        self,
        kind: ListKind,
        number: int,
        needs: tuple[str, ...],
        entries: Callable[[], Sequence[CtlEntry | EctlEntry]] | None,
    ) -> _Task:
        """The next run of a list; it is done where the last full one has the new certificate."""
        domain = "tlm" if kind == "ectl" else "root"

        def write() -> Path:
            options: dict[str, Any] = {"generation": number, "clock": self.clock}
            if entries is not None:
                options["entries"] = entries()
            if kind == "ectl" and not self.instance.lab:
                most = self.instance.settings.lists.run_length
                options["count"] = min(most, publishing.numbers_left(self.instance, number) or most)
            return publishing.prepare_run(self.instance, kind, **options).file

        def is_done() -> bool:
            last = publishing.last_list(self.instance, kind, number)
            if last is None or kind != "ectl":
                return last is not None
            return any(not isinstance(e, DcEntry) and e.certificate == self._new() for e in last.entries)

        title = f"{kind.upper()} of {_PROFILES[domain]} generation {number}"
        needed = (f"{domain}/certificates/{domain}-{number}.oer", *needs)
        return _Task(title, domain, tuple(dict.fromkeys(needed)), (), write, is_done)

    def _write(self, name: str, table: Mapping[str, Any]) -> Path:
        return self._write_text(name, yaml.safe_dump(dict(table), sort_keys=False, allow_unicode=True))

    def _write_text(self, name: str, text: str) -> Path:
        path = self.instance.ceremonies_dir / f"rollover-{self.role}-{self.new}-{name}.yaml"
        # One that was written and never held is written anew.
        path.unlink(missing_ok=True)
        write_new(path, text.encode())
        return path

    # --- what the lists hold ---------------------------------------------------------------------------

    def _new(self) -> Certificate:
        return Certificate.parse(self.instance.path(self._certificate()).read_bytes())

    def _former_ectl(self) -> list[EctlEntry]:
        """What the present TLM's last ECTL holds, without what has ended."""
        number = self.instance.domain("tlm").generation
        now = self.clock.time32()
        found = publishing.present_entries(self.instance, "ectl", number)
        return [entry for entry in found if isinstance(entry, DcEntry) or now < entry.certificate.end]

    def _ectl_with_tlm(self) -> list[EctlEntry]:
        entries, new = self._former_ectl(), self._new()
        if any(isinstance(entry, TlmEntry) and entry.certificate == new for entry in entries):
            return entries
        old = _present(self.instance, "tlm")
        points = [e.access_point for e in entries if isinstance(e, TlmEntry) and e.certificate == old]
        point = points[0] if points else f"{self.instance.base_url}/cpoc"
        return [*entries, TlmEntry(new, point, old)]

    def _ectl_with_root(self) -> list[EctlEntry]:
        entries, new = self._former_ectl(), self._new()
        old = _present(self.instance, "root")
        if not any(isinstance(entry, RcaEntry) and entry.certificate == new for entry in entries):
            entries.append(RcaEntry(new, old))
        # Whoever has the old root's lists has the new one's.
        return [
            DcEntry(entry.url, (*entry.roots, new.hashed_id8))
            if isinstance(entry, DcEntry) and old is not None and old.hashed_id8 in entry.roots
            and new.hashed_id8 not in entry.roots
            else entry
            for entry in entries
        ]  # fmt: skip

    def _is_listed(self) -> bool:
        """Whether another operator's TLM has the new root, as far as EA and AA know that are here: what they
        issue under it before is worth nothing to anybody."""
        if self.instance.settings.own_tlm or not self.instance.path(self._certificate()).exists():
            return True
        now, new = self.clock.time32(), self._new()
        for name in _SUB_CAS:
            tlms = anchors(self.instance.domain(name).trust_dir, "tlm")
            ectl = tlms[-1].list("ectl", now) if tlms else None
            entries = ectl.entries if ectl is not None else ()
            if tlms and not any(isinstance(e, RcaEntry) and e.certificate == new for e in entries):
                return False
        return True

    def _ctl(self) -> list[CtlEntry]:
        """The new root's own EA and AA, reached where the old ones are, and its distribution centre."""
        base, new = self.instance.base_url, self._new()
        before = publishing.present_entries(self.instance, "ctl", self.old)
        ea, aa = (Certificate.parse(self.instance.path(self._issued(name)).read_bytes()) for name in _SUB_CAS)
        present = {name: _present(self.instance, name) for name in _SUB_CAS}
        entries: list[CtlEntry] = [
            EaEntry(ea, f"{base}/ea/validation", f"{base}/ea"),
            AaEntry(aa, f"{base}/aa"),
        ]
        for entry in before:
            if isinstance(entry, EaEntry) and entry.certificate == present["ea"]:
                entries[0] = EaEntry(ea, entry.aa_access_point, entry.its_access_point)
            elif isinstance(entry, AaEntry) and entry.certificate == present["aa"]:
                entries[1] = AaEntry(aa, entry.access_point)
            elif isinstance(entry, DcEntry):
                entries.append(DcEntry(entry.url, (new.hashed_id8,)))
        if not any(isinstance(entry, DcEntry) for entry in entries):
            entries.append(DcEntry(f"{base}/dc", (new.hashed_id8,)))
        return entries

    # --- installing ------------------------------------------------------------------------------------

    def _install(self, name: str, number: int, operator: str) -> bool:
        """Put a new EA or AA certificate where its service looks for it; whether it is there now."""
        domain = self.instance.domain(name)
        issued, request = (
            self.instance.path(self._issued(name)),
            domain.certificates_dir / f"{name}-{number}.request",
        )
        root = self.instance.path(self._certificate())
        if not (issued.exists() and request.exists() and root.exists()):
            return False
        certificate, asked = Certificate.parse(issued.read_bytes()), CaRequest.parse(request.read_bytes())
        verify_chain([certificate], self._new(), max(self.clock.time32(), certificate.start))
        if (certificate.verification_key, certificate.encryption_key) != (
            asked.verification_key, asked.encryption_key,
        ):  # fmt: skip
            raise CeremonyRefused(f"{issued} is not of the keys that {request} asks for")
        path = domain.certificates_dir / f"{name}-{number}.oer"
        if not path.exists():
            with (
                Database.open(domain.database_url, clock=self.clock, must_exist=True) as database,
                database.write(durable=True) as tx,
            ):
                tx.audit(
                    Event.CERTIFICATE_INSTALLED,
                    certificate=certificate.hashed_id8,
                    kind=_PROFILES[name],
                    operator=operator,
                )
            draft = path.with_name(f".{path.name}.new")
            shutil.copyfile(issued, draft)
            draft.replace(path)
        return True


def _next_sub(instance: Instance, name: str, root: int, keys: Mapping[str, object]) -> int:
    """As _next, for an EA or AA under a new root: the one in use, where that root has certified it."""
    present, path = _present(instance, name), instance.path(f"root/certificates/root-{root}.oer")
    if present is not None and path.exists():
        new = Certificate.parse(path.read_bytes())
        if present.issuer_id8 == new.hashed_id8:
            return instance.domain(name).generation
    return _next(instance, name, keys)


def _present(instance: Instance, name: str) -> Certificate | None:
    """The present generation's certificate, from where it is: of an EA or AA perhaps at the root only."""
    path = instance.domain(name).certificate_path
    if not path.exists() and name in _SUB_CAS:
        path = instance.path(f"root/issued/{path.name}")
    return Certificate.parse(path.read_bytes()) if path.exists() else None


def _curve_of(instance: Instance, name: str) -> str:
    """The present generation's curve; "" where it cannot be told here."""
    certificate = _present(instance, name)
    return instance.domain(name).curve or (certificate.curve.text if certificate else "")


def _named(certificate: Certificate | None) -> dict[str, str]:
    """A new generation has the name of the one before it."""
    return {} if certificate is None or certificate.name is None else {"name": certificate.name}


@contextmanager
def _alone(instance: Instance) -> Iterator[None]:
    """One roll-over of an instance at a time. Raises CeremonyRefused."""
    instance.run_dir.mkdir(mode=0o700, exist_ok=True)
    with (instance.run_dir / "rollover.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CeremonyRefused("another roll-over of this instance is at work") from None
        yield


def _made(instance: Instance, name: str, number: int) -> bool:
    return instance.path(f"{name}/certificates/{name}-{number}.oer").exists()


def _next(instance: Instance, name: str, keys: Mapping[str, object]) -> int:
    """The number of the next generation: one that was begun, else the first whose key label is free.

    A key without certificate and request is what a ceremony left that was killed; nobody was ever told of it.
    """
    domain = instance.domain(name)
    begun = [number for number in certificates_of(domain) if number > domain.generation]
    begun += [
        int(path.stem.rpartition("-")[2])
        for path in domain.certificates_dir.glob(f"{name}-[0-9]*.request")
        if int(path.stem.rpartition("-")[2]) > domain.generation
    ]
    if begun:
        return max(begun)
    found = keys.get(name)
    labels = {key["label"] for key in found} if isinstance(found, list) else set()
    number = domain.generation + 1
    while f"{name}-sign-{number}" in labels or f"{name}-encrypt-{number}" in labels:
        number += 1
    return number
