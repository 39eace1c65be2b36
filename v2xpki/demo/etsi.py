"""The ETSI demo: a PKI, a vehicle and a roadside unit that trust each other, a forger; a second PKI."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from v2xpki.authorities.etsi import bootstrap, station_files
from v2xpki.authorities.etsi.stations import StationRegister
from v2xpki.config import Instance
from v2xpki.crypto import Certificate, Curve, PublicKey
from v2xpki.demo import forgery, neighbour, packets
from v2xpki.demo.artifacts import RecordedHttp
from v2xpki.demo.basis import OPERATOR, DemoBasis, Verdict, judged
from v2xpki.demo.packets import Facility, Sender
from v2xpki.demo.report import Member, Message, Refusal
from v2xpki.demo.report_etsi import EtsiReport
from v2xpki.demo.serving import Ports, interruptible, write_settings
from v2xpki.demo.steps import Steps
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import SignedMessage
from v2xpki.station import RequestRefused, Settings, Station, Urllib3Http, location
from v2xpki.store import Database
from v2xpki.time import HOUR, Clock, SystemClock, unix_from_time32
from v2xpki.trust.profiles import Profiles
from v2xpki.wire import dot2

JUNCTION = location(48.1370, 11.5750, 520)
CAR = location(48.1361, 11.5750, 520)
ELSEWHERE = location(53.5511, 9.9937, 10)
REGION = "circle:48.1370,11.5750,500"  # the roadside unit's: metres around its junction
TICKETS = 5
_SPEED = 1389  # cm/s; what the recorded CAM says too
# What a sender of "traffic condition" warnings needs: its bit in the DENM's SSP (EN 302 637-3 6.2.2.1)
_PERMISSIONS = (
    dot2.PsidSsp(psid=36, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\x00\x00")),
    dot2.PsidSsp(psid=37, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\x80\x00\x00")),
)


@dataclass
class Participant:
    """A station, and what a demo says about it."""

    name: str
    station: Station
    sender: Sender
    http: Urllib3Http
    tickets: list[Certificate] = field(default_factory=list)

    @property
    def place(self) -> tuple[int, int]:
        return self.sender.latitude, self.sender.longitude


class Demo(DemoBasis):
    """What a demo does, step by step, and what it notes for its report."""

    report: EtsiReport
    issued = ("RCA", "TLM", "EA", "AA", "EC", "AT", "ECTL", "CTL", "CRL")
    place, permissions = CAR, _PERMISSIONS  # where its vehicles are, what they may say

    def __init__(self, directory: Path, steps: Steps, clock: Clock) -> None:
        super().__init__(directory, steps, clock)
        self.frames: list[tuple[float, bytes]] = []

    # --- the PKI

    def make(self, ports: Ports) -> Instance:
        with self.steps.step("New PKI") as note:
            plan = bootstrap.Plan(self.directory, base_url=ports.url("https"), lab=True, operator=OPERATOR)
            made = bootstrap.initialise(plan, clock=self.clock, progress=note)
            instance = write_settings(self.directory, ports)
            count = len(list(instance.ceremonies_dir.glob("*.yaml")))
            note(f"{count} ceremonies; TLM, root CA, EA, AA: a token each")
        self.report = EtsiReport(
            profile="etsi",
            directory=self.directory,
            base_url=instance.base_url,
            http_url=ports.url("http"),
            tlm=made.authorities[0].certificate,
            steps=self.steps.done,
            artifacts=self.artifacts.named,
        )
        return instance

    # --- stations

    def join(self, instance: Instance, stack: ExitStack) -> tuple[Participant, Participant]:
        """The vehicle and the roadside unit, registered and not yet enrolled."""
        with self.steps.step("Registration") as note:
            car = self.participant("vehicle", Sender.car(CAR, _SPEED), stack)
            unit = self.participant(
                "rsu",
                Sender.roadside(JUNCTION),
                stack,
                profile="rsu",
                curve=Curve.BRAINPOOL_P256R1,
                region=REGION,
            )
            self.register(instance, car, unit)
            note("a vehicle (P-256), a roadside unit (brainpool)")
        return car, unit

    def participant(
        self,
        name: str,
        sender: Sender,
        stack: ExitStack,
        *,
        profile: str = "vehicle",
        curve: Curve = Curve.NIST_P256,
        region: str | None = None,
        root: str | None = None,
    ) -> Participant:
        """A station with our CPOC and TLM; root: HashedId8 of its own root, where that is not ours."""
        http = Urllib3Http(tls_ca=self.directory / "tls/ca.pem")
        stack.callback(http.close)
        settings = Settings(
            its_id=f"demo-{name}".encode().hex(),
            profile=profile,
            cpoc=f"{self.report.base_url}/cpoc",
            tlm=self.report.tlm.hex8,
            tls_ca=str(self.directory / "tls/ca.pem"),
            region=region,
            root=root,
        )
        station = Station.create(
            self.directory / "stations" / name,
            settings,
            MemoryKey.generate(curve),
            clock=self.clock,
            http=RecordedHttp(http, self.artifacts, name),
        )
        return Participant(name, station, sender, http)

    def register(self, instance: Instance, *participants: Participant) -> None:
        """At the instance's EA."""
        profiles = Profiles.load(instance.profiles_path)
        with Database.open(instance.domain("ea").database_url, must_exist=True) as database:
            for entry in participants:
                settings = entry.station.settings
                key: PublicKey = entry.station.directory.key("canonical").public_key
                its_id = bytes.fromhex(settings.its_id)
                StationRegister(database).register(
                    station_files.make_station(profiles, its_id, key, settings.profile, settings.region),
                    operator=OPERATOR,
                )

    def obtain(self, entry: Participant, title: str, *, tickets: int, ahead: int = 0) -> None:
        """Trust from the TLM down, an EC, tickets for now and `ahead` more that begin tomorrow."""
        station = entry.station
        with self.steps.step(title) as note:
            note("the TLM's certificate, ECTL, CTL, CRL")
            station.refresh()
            if entry.name == "vehicle":
                self._keep_trust(station)
            curve = station.directory.key("canonical").curve
            note("enrols")
            credential = station.enrol(curve)
            note("asks for tickets")
            permissions = _PERMISSIONS if entry.name == "vehicle" else None
            entry.tickets += station.authorize(tickets, curve=curve, permissions=permissions)
            if ahead:
                begin = self.clock.time32() + 24 * HOUR
                entry.tickets += station.authorize(ahead, curve=curve, permissions=permissions, start=begin)
            how = ", the AA cannot tell whose" if station.profile.privacy else " for its junction alone"
            note(f"EC {credential.hex8}; {len(entry.tickets)} tickets{how}")
        self.artifacts.certificate(f"{entry.name}-ec", credential)
        for number, ticket in enumerate(entry.tickets, 1):
            self.artifacts.certificate(f"{entry.name}-at-{number}", ticket)
        self.report.members = (
            *self.report.members,
            Member(
                entry.name,
                station.profile.name,
                bytes.fromhex(station.settings.its_id).decode(),
                station.directory.path,
                credential,
                tuple(entry.tickets),
            ),
        )

    def _keep_trust(self, station: Station) -> None:
        pki = station.pki
        for name, certificate in (
            ("tlm", pki.tlm),
            ("root", pki.root),
            ("ea", pki.ea.certificate),
            ("aa", pki.aa.certificate),
        ):
            self.artifacts.certificate(name, certificate)
        for name, stored in (
            ("ectl", "ectl"),
            ("ctl", f"ctl-{pki.root.hex8}"),
            ("crl", f"crl-{pki.root.hex8}"),
        ):
            self.artifacts.trust_list(name, station.directory.document(stored) or b"")

    def refuse_stranger(self, stack: ExitStack) -> None:
        """A station that nobody registered gets no credential."""
        with self.steps.step("Stranger") as note:
            stranger = self.participant("stranger", Sender.car(CAR, 0), stack).station
            stranger.refresh()
            code: str | None = None
            try:
                stranger.enrol()
            except RequestRefused as error:
                code = error.code
            note(f"nobody registered it: {code}" if code else "nobody registered it, and yet it enrols")
            what = "enrolment of a station that nobody registered"
            self.report.refusals.append(Refusal(what, code, "unknownits"))

    # --- messages

    def talk(self, car: Participant, unit: Participant) -> None:
        with self.steps.step("Messages") as note:
            # the second CAM names its signer by digest alone: the ticket is known by then
            for number, facility in enumerate((packets.CAR_AT_50, packets.CAR_AT_50, packets.JAM_AHEAD), 1):
                self.say(car, unit, facility, number)
            for number, facility in enumerate(
                (packets.JUNCTION, packets.GREEN_LIGHT, packets.SPEED_LIMIT_50), 4
            ):
                self.say(unit, car, facility, number)
            accepted = sum(1 for message in self.report.messages if message.verdict == "valid")
            note(f"{accepted} of {len(self.report.messages)} accepted by the other station")

    def say(
        self, sender: Participant, receiver: Participant, facility: Facility, number: int, more: str = ""
    ) -> None:
        """A message that has to be accepted. more: what is said of it besides."""
        octets, chain = self._signed(sender, facility)
        signer = SignedMessage.parse(octets).signer.kind
        self._hear(
            f"{number:02}-{facility.name.lower()}",
            octets,
            chain,
            facility.name,
            (sender, receiver),
            (f"{facility.says}; ticket by digest" if signer == "digest" else facility.says) + more,
            None,
        )

    def _signed(self, sender: Participant, facility: Facility) -> tuple[bytes, tuple[Certificate, ...]]:
        """A message of now, and the ticket that it is under with its chain."""
        payload = packets.packet(facility, sender.sender, self.clock.time64())
        where = None if facility.psid == 36 else JUNCTION if sender.name == "rsu" else CAR
        octets = sender.station.sign_message(facility.psid, payload, where)
        pki = sender.station.pki
        return octets, (sender.station.ticket(facility.psid), pki.aa.certificate, pki.root)

    def distrust(self, sender: Participant, receiver: Participant, facility: Facility) -> Message:
        """A message that is right by its own chain, whose root the receiver no longer trusts."""
        octets, chain = self._signed(sender, facility)
        rule, reason = _judge(receiver, octets)
        message = Message(
            self.artifacts.write("messages", f"distrusted-{facility.name.lower()}.oer", octets),
            tuple(self.artifacts.certificate(f"{sender.name}-{entry.hex8}", entry) for entry in chain),
            facility.name,
            sender.name,
            receiver.name,
            "its root is off the ECTL",
            rule,
            reason,
            "certificate",
        )
        self.report.distrusted.append(message)
        return message

    def forge(self, car: Participant, unit: Participant) -> None:
        """What must be refused; the first messages again, too."""
        with self.steps.step("Forgeries") as note:
            first = self.report.messages[0]
            for number, (entry, sender, receiver) in enumerate(self._forgeries(car, unit), 7):
                name = f"{number:02}-forged-{entry.name}"
                self._hear(
                    name, entry.octets, entry.chain, entry.kind, (sender, receiver), entry.what, entry.rule
                )
            self._repeat(first, unit)
            tried = [message for message in self.report.messages if message.is_forged] + self.report.repeated
            refused = sum(1 for message in tried if message.verdict == "invalid")
            note(f"{refused} of {len(tried)} refused, each for its reason")

    def _forgeries(
        self, car: Participant, unit: Participant
    ) -> Iterator[tuple[forgery.Forged, Participant | str, Participant]]:
        """Each made when it is its turn: a receiver takes nothing that is seconds old."""
        pki = car.station.pki
        above = (pki.aa.certificate, pki.root)
        ticket, early = car.tickets[0], car.tickets[-1]
        bad_car = forgery.Forger(car.station, car.sender, above)
        bad_unit = forgery.Forger(unit.station, unit.sender, above)
        payload = packets.packet(packets.CAR_AT_50, car.sender, self.clock.time64())
        honest = car.station.sign_message(36, payload)
        yield forgery.altered(honest, packets.CAR_AT_50, (car.station.ticket(36), *above)), car, unit
        yield bad_car.beyond_permissions(packets.SPEED_LIMIT_50, ticket), car, unit
        yield bad_unit.elsewhere(packets.SPEED_LIMIT_50, unit.tickets[0], ELSEWHERE), unit, car
        yield bad_car.too_early(packets.CAR_AT_50, early), car, unit
        yield bad_car.from_the_future(packets.CAR_AT_50, ticket), car, unit
        made = forgery.self_made(
            packets.CAR_AT_50, car.sender, pki.aa.certificate, pki.root, self.clock.time64()
        )
        yield made, "nobody", unit

    def _repeat(self, first: Message, receiver: Participant) -> None:
        """The first CAM once more, while it is still fresh enough to be believed."""
        octets = first.file.read_bytes()
        rule, reason = _judge(receiver, octets)
        self.report.repeated.append(
            Message(
                first.file,
                first.chain,
                first.kind,
                "nobody",
                receiver.name,
                "the first one, again",
                rule,
                reason,
                "replay",
            )
        )

    def _hear(
        self,
        name: str,
        octets: bytes,
        chain: tuple[Certificate, ...],
        kind: str,
        who: tuple[Participant | str, Participant],
        what: str,
        wanted: str | None,
    ) -> None:
        """Let the receiver judge a message, and keep everything about it."""
        sender, receiver = who
        rule, reason = _judge(receiver, octets)
        files = [
            self.artifacts.certificate(f"forged-{part}", certificate)
            for part, certificate in zip(("at", "aa", "root"), chain, strict=True)
        ]
        self.frames.append((unix_from_time32(self.clock.time32()), octets))
        self.report.messages.append(
            Message(
                self.artifacts.write("messages", f"{name}.oer", octets),
                tuple(files),
                kind,
                sender if isinstance(sender, str) else sender.name,
                receiver.name,
                what,
                rule,
                reason,
                wanted,
            )
        )

    # --- in the end

    def examine(self, instance: Instance) -> None:
        with self.steps.step("Records") as note:
            super().examine(instance)
            self.expect("ea", "EC", len(self.report.members))
            self.expect("aa", "AT", sum(len(member.tickets) for member in self.report.members))
            note(f"tokens, databases, {self.report.audit_entries} audit entries agree")


def _judge(receiver: Participant, octets: bytes) -> Verdict:
    return judged(lambda: receiver.station.receive(octets, place=receiver.place))


def run(directory: Path, steps: Steps, clock: Clock | None = None) -> EtsiReport:
    """The whole demo in a new or empty folder. Raises what a step that cannot go on raises."""
    demo = Demo(directory, steps, clock or SystemClock())
    ports = Ports()
    with interruptible(), ExitStack() as stack:
        stack.callback(ports.close)
        instance = demo.make(ports)
        with demo.served(instance, ports, "EA, AA, DC/CPOC"), ExitStack() as connections:
            car, unit = demo.join(instance, connections)
            demo.obtain(car, "Vehicle", tickets=TICKETS, ahead=1)
            demo.obtain(unit, "Roadside unit", tickets=2)
            demo.refuse_stranger(connections)
            demo.talk(car, unit)
            demo.forge(car, unit)
            neighbour.visit(demo, instance, car)
            demo.examine(instance)
        pcap = packets.capture(demo.frames)
        demo.artifacts.named["pcap"] = demo.artifacts.write(".", "messages.pcap", pcap)
    demo.report.seconds = sum(step.seconds for step in steps.done)
    return demo.report
