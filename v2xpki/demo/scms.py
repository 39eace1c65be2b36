"""The SCMS demo: two vehicles with a week of pseudonyms each, a roadside unit, a forger; a revocation.

New PKI      ceremonies of three electors, a root and its components; a token each
Production   the RA mixes what all three asked for; each downloads its files and reconstructs its keys
Revocation   an operator names one pseudonym, and all of its vehicle's are refused
Records      every audit verifies, counts agree, and a table says who knew what
"""

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from v2xpki.authorities.etsi import bootstrap
from v2xpki.authorities.scms.devices import DeviceRegister, NewDevice
from v2xpki.config import Instance
from v2xpki.crypto import Certificate, Curve
from v2xpki.crypto.butterfly import Variant
from v2xpki.demo import j2735, knowledge, scms_forgery, scms_revocation
from v2xpki.demo.artifacts import RecordedHttp
from v2xpki.demo.basis import OPERATOR, DemoBasis, Verdict
from v2xpki.demo.j2735 import Car, Saying
from v2xpki.demo.report import Member, Message, Refusal
from v2xpki.demo.report_scms import ScmsReport
from v2xpki.demo.scms_device import UNPROVEN, Device, refused
from v2xpki.demo.serving import Ports, interruptible, write_settings
from v2xpki.demo.steps import Note, Steps
from v2xpki.errors import V2xPkiError
from v2xpki.keystore.memory import MemoryKey
from v2xpki.station import Urllib3Http, location
from v2xpki.station.scms import api
from v2xpki.station.scms.device import ScmsRsu, ScmsVehicle
from v2xpki.station.scms.state import Anchors, ScmsSettings
from v2xpki.store import Database
from v2xpki.time import Clock, SystemClock
from v2xpki.trust import regions
from v2xpki.trust.messages import BSM
from v2xpki.wire import dot2

JUNCTION = location(48.1370, 11.5750, 520)
CARS = location(48.1361, 11.5750, 520), location(48.1366, 11.5751, 520)
ELSEWHERE = location(53.5511, 9.9937, 10)
REGION = "circle:48.1370,11.5750,500"  # the roadside unit's: metres around its junction
ELECTORS = ("elector1", "elector2", "elector3")
QUORUM = 2
_DEVICES = 3  # that ask for certificates
_SPEED = 1388  # cm/s
#: All three are mixed; who waits longer than that is not kept waiting for the others.
SETTINGS = {"mix_vehicles": _DEVICES, "mix_wait": "60 seconds", "preload": "1 week"}
_PATIENCE = 120.0  # seconds for the production of all certificates
_PAUSE = 0.25  # between two looks for them


class Demo(DemoBasis):
    """What a demo does, step by step, and what it notes for its report."""

    report: ScmsReport
    issued = ("ROOT", "ELECTOR", "ECA", "RA", "ACA", "LA", "MA", "CRLG", "EC", "CTL", "SCMS_CRL")

    def __init__(self, directory: Path, steps: Steps, clock: Clock) -> None:
        super().__init__(directory, steps, clock)
        self.requests: dict[str, bytes] = {}  # of each device by its name

    # --- the PKI

    def make(self, ports: Ports) -> Instance:
        with self.steps.step("New PKI") as note:
            plan = bootstrap.Plan(
                self.directory, profile="scms", base_url=ports.url("https"), lab=True, operator=OPERATOR
            )
            bootstrap.initialise(plan, clock=self.clock, progress=note)
            instance = write_settings(self.directory, ports, {"scms": SETTINGS})
            count = len(list(instance.ceremonies_dir.glob("*.yaml")))
            note(f"{count} ceremonies; 3 electors, root CA, ECA, RA, ACA, LA1, LA2, MA: a token each")
        electors = tuple(self._certificate(instance, name) for name in ELECTORS)
        self.report = ScmsReport(
            profile="scms",
            directory=self.directory,
            base_url=instance.base_url,
            http_url=ports.url("http"),
            electors=electors,
            quorum=QUORUM,
            root=self._certificate(instance, "scmsroot"),
            steps=self.steps.done,
            artifacts=self.artifacts.named,
        )
        for name, elector in zip(ELECTORS, electors, strict=True):
            self.artifacts.certificate(name, elector)
        self.artifacts.certificate("root", self.report.root)
        for name in ("eca", "ra", "aca", "la1", "la2", "ma"):
            self.artifacts.certificate(name, self._certificate(instance, name))
        self.aca = self._certificate(instance, "aca")
        return instance

    @staticmethod
    def _certificate(instance: Instance, name: str) -> Certificate:
        return Certificate.parse(instance.domain(name).certificate_path.read_bytes())

    @property
    def above(self) -> tuple[Certificate, Certificate]:
        """The CAs of pseudonyms and application certificates."""
        return self.aca, self.report.root

    # --- devices

    def join(self, instance: Instance, stack: ExitStack) -> tuple[Device, Device, Device]:
        """Two vehicles and a roadside unit, registered and not yet enrolled."""
        with self.steps.step("Registration") as note:
            one, other = (
                self.device(instance, f"vehicle-{letter}", place, stack)
                for letter, place in zip("ab", CARS, strict=True)
            )
            unit = self.device(instance, "rsu", JUNCTION, stack, profile="rsu")
            note("two vehicles, a roadside unit")
        return one, other, unit

    def device(
        self,
        instance: Instance,
        name: str,
        place: dot2.ThreeDLocation,
        stack: ExitStack,
        *,
        profile: Literal["obe", "rsu"] = "obe",
        registered: bool = True,
    ) -> Device:
        """A device that trusts the electors and knows the PKI's URL."""
        tls_ca = self.directory / "tls/ca.pem"
        http = Urllib3Http(tls_ca=tls_ca)
        stack.callback(http.close)
        region = REGION if profile == "rsu" else None
        url = self.report.base_url
        settings = ScmsSettings(
            profile, f"demo-{name}", url, url, url, tls_ca=str(tls_ca), region=region, change_seconds=0
        )
        key = MemoryKey.generate(Curve.NIST_P256)
        if registered:
            where = None if region is None else regions.from_text(region)
            with Database.open(instance.domain("eca").database_url, must_exist=True) as database:
                DeviceRegister(database).register(
                    NewDevice(f"demo-{name}", key.public_key, profile, where), operator=OPERATOR
                )
        kind: type[ScmsVehicle | ScmsRsu] = ScmsVehicle if profile == "obe" else ScmsRsu
        station = kind.create(
            self.directory / "stations" / name,
            settings,
            key,
            Anchors(self.report.electors, QUORUM),
            clock=self.clock,
            http=RecordedHttp(http, self.artifacts, name),
        )
        car = Car(place, _SPEED, secrets.token_bytes(4)) if profile == "obe" else None
        return Device(name, station, place, car)

    def enrol(self, devices: tuple[Device, ...]) -> None:
        with self.steps.step("Enrolment") as note:
            for device in devices:
                note(f"{device.name}: chain file, RA certificate, CRLs; enrols")
                self.refresh(device)
                self.artifacts.certificate(f"{device.name}-enrolment", device.station.enrol())
            note(
                f"{len(devices)} enrolment certificates; trust from {QUORUM} of {len(ELECTORS)} electors down"
            )

    def refresh(self, device: Device) -> None:
        """Raises V2xPkiError where it could not all be had."""
        for problem in device.station.refresh():
            raise V2xPkiError(f"{device.name}: {problem}")

    def refuse_stranger(self, instance: Instance, stack: ExitStack) -> None:
        """A device that nobody registered gets no enrolment certificate."""
        with self.steps.step("Stranger") as note:
            stranger = self.device(instance, "stranger", CARS[0], stack, registered=False).station
            stranger.refresh()
            code = refused(stranger.enrol)
            note(f"nobody registered it: {code or 'and yet it enrols'}")
            what = "enrolment of a device that nobody registered"
            self.report.refusals.append(Refusal(what, code, UNPROVEN))

    def supply(self, one: Device, other: Device, unit: Device) -> None:
        """Requests, and what comes of them once the RA has mixed them."""
        with self.steps.step("Production") as note:
            wanted: tuple[tuple[Device, Variant], ...] = (one, "unified"), (other, "compactUnified")
            for device, variant in wanted:
                note(f"{device.name} asks once, {variant}")
                self._request(device, variant)
            note("the roadside unit asks for a certificate")
            assert isinstance(unit.station, ScmsRsu)
            unit.station.request()
            for device in (one, other, unit):
                self._collect(device, note)
            pseudonyms = len(one.credentials), len(other.credentials)
            note(
                f"{pseudonyms[0]} and {pseudonyms[1]} pseudonyms of this week, mixed; each key reconstructed"
            )
        for device in (one, other, unit):
            self._keep(device)

    @staticmethod
    def _request(device: Device, variant: Variant) -> None:
        assert isinstance(device.station, ScmsVehicle)
        device.station.request(variant)

    def _collect(self, device: Device, note: Note) -> None:
        """Download until the present period is there."""
        end = time.monotonic() + _PATIENCE
        while True:
            note(f"{device.name} downloads")
            found = device.station.download()
            self.report.faults += [f"{device.name}: {bad.name}: {bad.message}" for bad in found.bad]
            if device.credentials:
                break
            if time.monotonic() > end:
                raise V2xPkiError(f"{device.name}: no certificates after {_PATIENCE:.0f} s: {found.missing}")
            time.sleep(_PAUSE)
        for held in device.station.credentials.all():
            if held.key.public_key != held.certificate.verification_key:
                self.report.faults.append(f"{device.name}: the key of {held.certificate.hex8} is another")

    def _keep(self, device: Device) -> None:
        everything = sorted(device.station.credentials.all(), key=lambda held: (held.i, held.j))
        for held in everything:
            name = device.name if device.car is None else f"{device.name}-{held.i:X}-{held.j:X}"
            self.artifacts.certificate(name, held.certificate)
        (supply,) = device.station.supplies
        self.requests[device.name] = supply.request_hash
        enrolled = device.station.enrolled
        assert enrolled is not None
        settings = device.station.settings
        member = Member(
            device.name,
            settings.profile,
            settings.canonical_id or "",
            device.station.directory.path,
            enrolled.certificate,
            tuple(held.certificate for held in everything),
        )
        self.report.members = (*self.report.members, member)

    # --- messages

    def talk(self, one: Device, other: Device, unit: Device) -> None:
        with self.steps.step("Messages") as note:
            seen: list[Certificate] = []
            for _ in range(3):
                self.say(one, other)
                seen.append(one.in_use(BSM))
                one.rotate(seen)
            self.say(other, one)
            for saying in (j2735.JUNCTION, j2735.GREEN_LIGHT):
                self.say(unit, one, saying)
            heard = self.report.messages
            accepted = sum(1 for message in heard if message.verdict == "valid")
            under = len({message.chain[0] for message in heard if message.sender == one.name})
            note(f"{accepted} of {len(heard)} accepted; {one.name} under {under} pseudonyms")

    def say(self, sender: Device, receiver: Device, saying: Saying | None = None, more: str = "") -> Message:
        """A message that has to be accepted; of a vehicle its next BSM. more: what is said of it besides."""
        octets, said = self.signed(sender, saying)
        chain = (sender.in_use(said.psid), *self.above)
        name = f"{len(self.report.messages) + 1:02}-{said.name.lower()}"
        who, verdict = (sender.name, receiver.name), receiver.hear(octets)
        message = self.message(name, octets, chain, said.name, who, said.says + more, verdict, None)
        self.report.messages.append(message)
        return message

    def signed(self, sender: Device, saying: Saying | None = None) -> tuple[bytes, Saying]:
        """A message of now, as an honest device signs it."""
        if saying is None:
            assert sender.car is not None
            saying = sender.car.bsm(self.clock.time64())
        return sender.station.sign(saying.octets, saying.psid), saying

    def message(
        self,
        name: str,
        octets: bytes,
        chain: tuple[Certificate, ...],
        kind: str,
        who: tuple[str, str],
        what: str,
        verdict: Verdict,
        wanted: str | None,
    ) -> Message:
        """For the report, with its files."""
        files = [
            self.artifacts.certificate(f"{name}-{part}", certificate)
            for part, certificate in zip(("certificate", "aca", "root"), chain, strict=True)
        ]
        path = self.artifacts.write("messages", f"{name}.oer", octets)
        return Message(path, tuple(files), kind, *who, what, *verdict, wanted)

    def forge(self, one: Device, other: Device, unit: Device) -> None:
        """What must be refused; a message that was heard before, too."""
        with self.steps.step("Forgeries") as note:
            for sender, receiver, entry in self._forgeries(one, other, unit):
                name = f"{len(self.report.messages) + 1:02}-forged-{entry.name}"
                verdict = receiver.hear(entry.octets)
                self.report.messages.append(
                    self.message(
                        name,
                        entry.octets,
                        entry.certificates,
                        entry.kind,
                        (sender, receiver.name),
                        entry.what,
                        verdict,
                        entry.rule,
                    )
                )
            self._repeat(one)
            tried = [message for message in self.report.messages if message.is_forged] + self.report.repeated
            refused = sum(1 for message in tried if message.verdict == "invalid")
            note(f"{refused} of {len(tried)} refused, each for its reason")

    def _forgeries(
        self, one: Device, other: Device, unit: Device
    ) -> Iterator[tuple[str, Device, scms_forgery.Forged]]:
        """Each made when it is its turn: a receiver takes no BSM that is seconds old."""
        assert one.car is not None
        now, above = self.clock.time64, self.above
        own, held, green = unit.credentials[0], one.credentials[0], j2735.GREEN_LIGHT
        early = max(one.station.credentials.all(), key=lambda held: held.i)
        octets, said = self.signed(one)
        yield one.name, other, scms_forgery.altered(octets, said, (one.in_use(said.psid), *above))
        bsm, what = one.car.bsm(now()), "a roadside unit as a car"
        yield unit.name, other, scms_forgery.beyond_permissions("as-car", what, own, bsm, above, now())
        what = "a car as a traffic light"
        yield one.name, other, scms_forgery.beyond_permissions("as-light", what, held, green, above, now())
        yield one.name, other, scms_forgery.too_early(early, one.car.bsm(now()), above, now())
        yield unit.name, one, scms_forgery.elsewhere(own, green, above, now(), ELSEWHERE)
        yield "nobody", other, scms_forgery.self_made(one.car.bsm(now()), *above, now())

    def _repeat(self, receiver: Device) -> None:
        """The last message of the roadside unit once more, while it is still fresh enough to be believed."""
        said = [entry for entry in self.report.messages if entry.receiver == receiver.name]
        first = next(entry for entry in said if entry.kind == j2735.GREEN_LIGHT.name)
        verdict, what = receiver.hear(first.file.read_bytes()), "the same one, again"
        self.report.repeated.append(
            Message(first.file, first.chain, first.kind, "nobody", receiver.name, what, *verdict, "replay")
        )

    # --- in the end

    def keep_lists(self, device: Device) -> None:
        """What the devices go by: CTL, chain file, CRLs."""
        lists = device.station.directory
        self.artifacts.trust_list("chain-file", lists.anchors.chain_file or b"")
        ctl = api.document(device.station.http, f"{self.report.base_url}/v3/ctl").octets
        self.artifacts.trust_list("ctl", ctl or b"")

    def examine(self, instance: Instance) -> None:
        with self.steps.step("Records") as note:
            super().examine(instance)
            unit = [member for member in self.report.members if member.profile == "rsu"]
            self.expect("eca", "EC", len(self.report.members))
            self.expect("aca", "APPLICATION", _held(unit))
            self.expect("aca", "PSEUDONYM", _held(self.report.members) - _held(unit))
            self.report.knowledge = knowledge.of_components(instance, self.report, self.requests)
            note(f"tokens, databases, {self.report.audit_entries} audit entries agree")

    def issued_by(
        self, role: str, instance: Instance, records: Mapping[str, Mapping[str, int]]
    ) -> dict[str, int]:
        if role == "aca":
            return knowledge.certified(instance)
        return super().issued_by(role, instance, records)


def _held(members: Iterable[Member]) -> int:
    return sum(len(member.tickets) for member in members)


def run(directory: Path, steps: Steps, clock: Clock | None = None) -> ScmsReport:
    """The whole demo in a new or empty folder. Raises what a step that cannot go on raises."""
    demo = Demo(directory, steps, clock or SystemClock())
    ports = Ports()
    with interruptible(), ExitStack() as stack:
        stack.callback(ports.close)
        instance = demo.make(ports)
        with demo.served(instance, ports, "ECA, RA, ACA, LA1, LA2, MA, DC"), ExitStack() as connections:
            one, other, unit = demo.join(instance, connections)
            demo.enrol((one, other, unit))
            demo.refuse_stranger(instance, connections)
            demo.supply(one, other, unit)
            demo.talk(one, other, unit)
            demo.forge(one, other, unit)
            demo.keep_lists(other)
            scms_revocation.revoke(demo, instance, one, other, unit)
            demo.examine(instance)
    demo.report.seconds = sum(step.seconds for step in steps.done)
    return demo.report
