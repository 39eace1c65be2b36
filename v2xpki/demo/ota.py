"""The OTA demo: firmware from an engineer's pipeline into a vehicle, and what the vehicle does not take.

New PKI       C-ITS and both repositories; three signers, two of whom must agree
Releases      an engineer adds them with provenance, somebody else approves, two sign
Vehicle       enrols at the EA, registers with its enrolment credential, reports
Updates       a campaign; a tampered image; an ECU that is replaced; a thief who has the Director's keys
Evidence      what was offered, by whose signatures, and what was reported (UN R156)
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from v2xpki.authorities.etsi import bootstrap, station_files
from v2xpki.authorities.etsi.stations import StationRegister
from v2xpki.config import Instance
from v2xpki.crypto import Curve
from v2xpki.demo.basis import OPERATOR, DemoBasis
from v2xpki.demo.ota_thief import Wish, direct, version_of
from v2xpki.demo.ota_vehicle import BRAKE, MODEL, SPARE, VIN, Vehicle
from v2xpki.demo.report import Refusal
from v2xpki.demo.report_ota import Attempt, OtaReport, Repository, Role, SignedRelease
from v2xpki.demo.serving import Ports, interruptible, write_settings
from v2xpki.demo.steps import Steps
from v2xpki.errors import Refused, V2xPkiError
from v2xpki.keystore.apart import Apart
from v2xpki.keystore.memory import MemoryKey
from v2xpki.links.ota_desk import DeskLink
from v2xpki.ota import evidence
from v2xpki.ota.bootstrap import LAB_APPROVER, LAB_ITS_AID, SIGNERS, OtaPlan, sign
from v2xpki.ota.director_desk import DirectorDesk
from v2xpki.ota.image_desk import ImageDesk
from v2xpki.ota.signing_files import RequestFile
from v2xpki.ota.status import collect_firmware
from v2xpki.station import Settings, Station, Urllib3Http
from v2xpki.station.errors import Refusal as Refused4xx
from v2xpki.station.ota.reasons import Threat, UpdateRefused
from v2xpki.station.ota.registration import register
from v2xpki.store import Database
from v2xpki.time import Clock, SystemClock
from v2xpki.trust.ota.names import file_of
from v2xpki.trust.ota.provenance import PAYLOAD_TYPE, SLSA_V1
from v2xpki.trust.profiles import Profiles

BUILDER = "https://ci.example/builders/firmware@v1"
_POLICY = "provenance.toml"
_SIZE = 256 * 1024  # octets of an image
_PATIENCE, _PAUSE = 60.0, 0.25  # seconds: until the Director has seen the new targets


class Firmware(NamedTuple):
    """What an engineer has: an image and what there is to say of it."""

    name: str
    hardware_id: str
    version: str
    counter: int
    rxswin: str
    image: bytes

    @property
    def path(self) -> str:
        return f"{self.hardware_id}/{self.name}/{self.version}/image.bin"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.image).hexdigest()


def _firmware(name: str, hardware_id: str, version: int, rxswin: str) -> Firmware:
    return Firmware(name, hardware_id, f"{version}.0", version, rxswin, secrets.token_bytes(_SIZE))


class Demo(DemoBasis):
    """What a demo does, step by step, and what it notes for its report."""

    report: OtaReport
    issued = ("RCA", "TLM", "EA", "AA", "EC", "ECTL", "CTL", "CRL")

    def __init__(
        self, directory: Path, steps: Steps, clock: Clock, databases: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(directory, steps, clock)
        self.databases = databases
        self.pipeline = CryptoSigner.generate_ecdsa()  # the build service's key
        self.gateway = _firmware("gateway", "gw-1", 2, "R156-GW-02")
        self.brakes = {
            number: _firmware("brake", "bcm-2", number, f"R156-BRK-{number:02}") for number in (1, 2, 3)
        }

    # --- the PKI

    def make(self, ports: Ports) -> Instance:
        with self.steps.step("New PKI") as note:
            plan = bootstrap.Plan(
                self.directory,
                profile="etsi+ota",
                base_url=ports.url("https"),
                lab=True,
                databases=self.databases,
                operator=OPERATOR,
                ota=OtaPlan(OPERATOR, LAB_ITS_AID),
                its_aid=LAB_ITS_AID,
            )
            made = bootstrap.initialise(plan, clock=self.clock, progress=note)
            key = self.pipeline.public_key.keyval["public"]
            policy = f"[[builder]]\nid = {json.dumps(BUILDER)}\nkeys = [{json.dumps(key)}]\n"
            (self.directory / _POLICY).write_text(policy, encoding="utf-8")
            instance = write_settings(self.directory, ports, {"ota": {"provenance": _POLICY}})
            note("TLM, root CA, EA, AA; Image repository, Director; 3 signers, 2 must agree")
        self.report = OtaReport(
            profile="ota",
            directory=self.directory,
            base_url=instance.base_url,
            http_url=ports.url("http"),
            vin=VIN,
            tlm=made.authorities[0].certificate,
            steps=self.steps.done,
            artifacts=self.artifacts.named,
        )
        for authority in made.authorities:
            self.artifacts.certificate(authority.role, authority.certificate)
        return instance

    def operators(self, url: str) -> None:
        """The engineer and the approver, each by a client certificate."""

        def link(name: str) -> DeskLink:
            tls = self.directory / "tls"
            return DeskLink(
                url, certificate=tls / f"{name}.pem", key=tls / f"{name}.key", ca_file=tls / "ca.pem"
            )

        self.engineer, self.approver = link("operator"), link(LAB_APPROVER)

    # --- releases

    def release(self) -> None:
        """Images and their provenance in; approved; signed; published."""
        with self.steps.step("Releases") as note:
            stray = self._refusal(lambda: self._add(self.brakes[1], attested=False))
            added = [self._add(one) for one in (self.gateway, *self.brakes.values())]
            own = self._refusal(
                lambda: self.engineer.call(ImageDesk, "approve_release", {"id": added[0]["id"]})
            )
            for one in added:
                self.approver.call(ImageDesk, "approve_release", {"id": one["id"]})
            note(f"{len(added)} releases added with provenance and approved")
        with self.steps.step("Signatures") as note:
            (request,) = self.engineer.call(ImageDesk, "request_signatures", body={"role": "targets"})
            missing = self._sign(request["id"], "1")
            before = self._state(added[0]["id"])
            self._sign(request["id"], "2")
            note(f"after one: {before}, {missing} missing; after two: {self._state(added[0]['id'])}")
        self.report.refusals += [
            Refusal("a release without provenance", stray, "the provenance is not accepted"),
            Refusal("a release approved by who added it", own, "not allowed"),
        ]
        with (
            Database.open(Instance.load(self.directory).domain("image").database_url) as database,
            database.read() as tx,
        ):
            self.report.releases = [self._signed(evidence.release_half(tx, one["id"])) for one in added]

    def _add(self, firmware: Firmware, *, attested: bool = True) -> dict[str, Any]:
        path = self.artifacts.write(
            "images", f"{firmware.name}-{firmware.version}{'' if attested else '-stray'}.bin", firmware.image
        )
        upload = self.engineer.upload(path)
        body = {
            "upload": upload,
            "name": firmware.name,
            "version": firmware.version,
            "hardwareIds": [firmware.hardware_id],
            "releaseCounter": firmware.counter,
            "rxswin": [firmware.rxswin],
        }
        if attested:
            body["attestation"] = base64.b64encode(self._provenance(firmware)).decode()
        (added,) = self.engineer.call(ImageDesk, "add_release", body=body)
        found: dict[str, Any] = added
        return found

    def _provenance(self, firmware: Firmware) -> bytes:
        """The build service's word."""
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": firmware.path, "digest": {"sha256": firmware.sha256}}],
            "predicateType": SLSA_V1,
            "predicate": {
                "buildDefinition": {"buildType": "https://ci.example/firmware", "externalParameters": {}},
                "runDetails": {"builder": {"id": BUILDER}},
            },
        }
        envelope = Envelope(json.dumps(statement).encode(), PAYLOAD_TYPE, {})
        envelope.sign(self.pipeline)
        octets = json.dumps(envelope.to_dict()).encode()
        self.artifacts.write("provenance", f"{firmware.name}-{firmware.version}.intoto.json", octets)
        return octets

    @staticmethod
    def _refusal(attempt: Callable[[], object]) -> str | None:
        """What an operator is told; None where it was done."""
        try:
            attempt()
        except Refused as error:
            return str(error).partition(":")[0]
        return None

    def _sign(self, request: str, signer: str) -> int:
        """One signer signs, with a token of their own; how many signatures are still missing."""
        found = self.engineer.call(ImageDesk, "signing_request", {"id": request})
        file = RequestFile.parse(json.dumps(found["file"]).encode())
        with Apart() as process:
            made = process.call(sign, self.directory / SIGNERS / signer, file, f"signer {signer}")
        body = made.document()
        self.artifacts.write(
            "signing", f"{file.role}-{file.version}.{made.signer}.json", json.dumps(body).encode()
        )
        taken = self.engineer.call(ImageDesk, "submit_signature", {"id": request}, body)
        return sum(taken["missing"].values())

    def _state(self, release: str) -> str:
        return str(self.engineer.call(ImageDesk, "release", {"id": release})["state"])

    @staticmethod
    def _signed(half: evidence.ReleaseHalf) -> SignedRelease:
        (listed,) = half.listed_by
        return SignedRelease(
            half.id,
            half.name,
            half.version,
            half.hardware_id,
            half.release_counter,
            half.rxswin,
            half.added_by,
            tuple(one.operator for one in half.approvals),
            tuple(sorted(one.signer for one in listed.signatures)),
            "" if half.provenance is None else half.provenance.builder,
        )

    # --- the vehicle

    def join(self, instance: Instance) -> Vehicle:
        """Built, enrolled, registered."""
        tls_ca = self.directory / "tls/ca.pem"
        with self.steps.step("Vehicle") as note:
            http = Urllib3Http(tls_ca=tls_ca)
            roots = {
                name: http.get(f"{instance.base_url}/ota/{name}/metadata/1.root.json").body
                for name in ("director", "image")
            }
            settings = Settings(
                its_id=b"demo-vehicle".hex(),
                profile="vehicle",
                cpoc=f"{instance.base_url}/cpoc",
                tlm=self.report.tlm.hex8,
                tls_ca=str(tls_ca),
            )
            key, folder = MemoryKey.generate(Curve.NIST_P256), self.directory / "stations/vehicle"
            station = Station.create(folder, settings, key, clock=self.clock, http=http)
            with Database.open(instance.domain("ea").database_url, must_exist=True) as database:
                profiles = Profiles.load(instance.profiles_path)
                made = station_files.make_station(
                    profiles, b"demo-vehicle", key.public_key, settings.profile, None
                )
                StationRegister(database).register(made, operator=OPERATOR)
            station.refresh()
            credential = station.enrol(its_aids=[LAB_ITS_AID])
            self.artifacts.certificate("vehicle-ec", credential)
            vehicle = Vehicle(folder / "ota", instance.base_url, tls_ca, roots, self.clock)
            note("registers by its enrolment credential")
            identity = register(
                vehicle.directory, vehicle.director, LAB_ITS_AID, station.sign_by_ec, self.clock.time32()
            )
            http.close()
            note(f"EC {credential.hex8} registers {VIN}; client certificate {identity.subject}")
        return vehicle

    # --- updates

    def campaign(self, name: str, *firmware: Firmware, vin: str | None = None) -> None:
        """For all vehicles of the model, or one; it waits for the Director to know the targets."""
        cohort = {"models": [MODEL]} if vin is None else {"vins": [vin]}
        body = {"name": name, "targets": [one.path for one in firmware], "cohort": cohort}
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                made = self.engineer.call(DirectorDesk, "create_campaign", body=body)
                break
            except Refused:
                if time.monotonic() > end:
                    raise
                time.sleep(_PAUSE)
        self.engineer.call(DirectorDesk, "start_campaign", {"id": made["id"]}, {})

    def update(self, vehicle: Vehicle) -> None:
        with self.steps.step("Update") as note:
            self._try(vehicle, "at first: nothing is to be installed", "the Director", None)
            note("the Director follows the Image repository")
            self.campaign("winter", self.gateway, self.brakes[2])
            self._try(vehicle, "gateway 2.0 and brakes 2.0, together", "campaign winter", None)
            note("gateway (full verification) and brakes (partial) run 2.0")

    def tamper(self, vehicle: Vehicle) -> None:
        with self.steps.step("Tampered") as note:
            newest = self.brakes[3]
            self.campaign("spring", newest)
            spoiled = bytes([newest.image[0] ^ 1]) + newest.image[1:]
            instead = {file_of(newest.path, newest.sha256): spoiled}
            what = "brakes 3.0, one bit of the image changed"
            tried = self._try(vehicle, what, "a mirror", Threat.ARBITRARY_SOFTWARE.value, instead)
            note(f"{tried.rule}; the old image runs on")
            self._try(vehicle, "brakes 3.0, as they were signed", "campaign spring", None)

    def replace(self, vehicle: Vehicle) -> None:
        """A workshop has put new brakes in."""
        with self.steps.step("Replaced ECU") as note:
            entry, old_key = vehicle.replace_brakes()
            self._try(vehicle, "new brakes, which the OEM was not told of", "a workshop", "HTTP 409")
            self.engineer.call(DirectorDesk, "replace_ecu", {"id": BRAKE}, entry.document())
            with vehicle.brakes_signing_with(old_key):
                self._try(vehicle, "a report signed by the old brakes' key", "the old brakes", "HTTP 403")
            self.campaign("workshop", self.brakes[3], vin=VIN)
            self._try(vehicle, "brakes 3.0 for the new brakes", "campaign workshop", None)
            note("refused until the OEM was told; then the new brakes run 3.0")

    def steal(self, vehicle: Vehicle) -> None:
        """The Director's token is in other hands."""
        with self.steps.step("Stolen Director") as note:
            old, evil = self.brakes[2], secrets.token_bytes(_SIZE)
            unknown = hashlib.sha256(evil).hexdigest()
            evil_path = "bcm-2/brake/9.0/image.bin"
            images = {file_of(evil_path, unknown): evil}
            wishes: tuple[tuple[str, Wish, Threat, Mapping[str, bytes]], ...] = (
                (
                    "brakes back to 2.0, which is genuine",
                    Wish(SPARE, old.hardware_id, old.path, _SIZE, old.sha256, old.counter),
                    Threat.ROLLBACK,
                    {},
                ),
                (
                    "brakes 9.0, which nobody signed",
                    Wish(SPARE, old.hardware_id, evil_path, _SIZE, unknown, 9),
                    Threat.ARBITRARY_SOFTWARE,
                    images,
                ),
            )
            rules = []
            for number, (what, wish, wanted, more) in enumerate(wishes, 1):
                served = vehicle.directory.metadata("director").read("timestamp.json") or b""
                version = version_of(served) + number
                with Apart() as process:
                    files = process.call(direct, self.directory, VIN, wish, version, self.clock.time32())
                instead = {f"director/metadata/{name}": octets for name, octets in files.items()} | dict(more)
                instead["ota/v1/manifests"] = b"{}"  # the thief takes the manifest, too
                tried = self._try(vehicle, what, "the stolen Director", wanted.value, instead)
                rules.append(tried.rule or "installed")
            note(", ".join(rules))

    def _try(
        self,
        vehicle: Vehicle,
        what: str,
        by: str,
        wanted: str | None,
        instead: Mapping[str, bytes] | None = None,
    ) -> Attempt:
        rule = reason = None
        try:
            vehicle.update(instead)
        except UpdateRefused as refusal:
            rule, reason = refusal.reason.value, str(refusal).removeprefix(f"{refusal.reason.value}: ")
        except Refused4xx as refusal:
            rule, reason = f"HTTP {refusal.status}", str(refusal).partition(f"HTTP {refusal.status} ")[2]
        except V2xPkiError as error:
            rule, reason = type(error).__name__, str(error)
        number = len(self.report.attempts) + 1
        targets = vehicle.directory.metadata("director").read("targets.json") or b""
        file = self.artifacts.write("updates", f"{number:02}-targets.json", targets)
        done = Attempt(what, by, vehicle.running(), rule, reason, wanted, file)
        self.report.attempts.append(done)
        return done

    # --- evidence

    def look_at_repositories(self, instance: Instance) -> None:
        """What both tokens hold, and what is in force."""
        found = collect_firmware(instance, self.clock)
        self.report.faults += found.problems
        for entry in found.document["repositories"]:
            roles = tuple(
                Role(one["role"], one["version"], one["threshold"], len(one["keyids"]), one["online"])
                for one in entry["roles"]
            )
            labels = tuple(key["label"] for key in entry["keys"])
            self.report.repositories.append(Repository(entry["name"], labels, roles))

    def prove(self, instance: Instance) -> None:
        with self.steps.step("Evidence") as note:
            now, pages = self.clock.time32(), []
            with (
                Database.open(instance.domain("image").database_url) as image,
                Database.open(instance.domain("director").database_url) as director,
                image.read() as image_tx,
                director.read() as director_tx,
            ):
                vehicle = evidence.vehicle_half(director_tx, VIN)
                releases = evidence.known_releases(image_tx, vehicle.paths)
                brake = evidence.release_half(image_tx, self.brakes[3].path)
                delivery = evidence.delivery_half(director_tx, self.brakes[3].path)
            reports = {
                "vehicle": evidence.vehicle_report(
                    vehicle.document(), [one.document() for one in releases], now
                ),
                "release": evidence.release_report(brake.document(), delivery.document(), now),
            }
            for name, report in reports.items():
                self.artifacts.write("evidence", f"{name}.json", json.dumps(report, indent=1).encode())
                pages.append(self.artifacts.write("evidence", f"{name}.html", evidence.page(report).encode()))
                self.artifacts.named[f"evidence-{name}"] = pages[-1]
            self.report.evidence = pages
            note(f"{len(vehicle.offers)} offers, RXSWIN {', '.join(sorted(vehicle.rxswin))}; JSON and HTML")
        if set(vehicle.rxswin) != {self.gateway.rxswin, self.brakes[3].rxswin}:
            self.report.faults.append(
                f"the vehicle is said to report {', '.join(vehicle.rxswin) or 'nothing'}"
            )


def run(
    directory: Path,
    steps: Steps,
    clock: Clock | None = None,
    databases: Mapping[str, str] = MappingProxyType({}),
) -> OtaReport:
    """The whole demo in a new or empty folder. databases: domain -> URL, for those that are not files there.
    Raises what a step that cannot go on raises."""
    demo = Demo(directory, steps, clock or SystemClock(), databases)
    ports = Ports()
    with interruptible():
        try:
            instance = demo.make(ports)
            with demo.served(instance, ports, "EA, AA, Image repository, Director"):
                demo.operators(f"https://{instance.settings.serve.admin}")
                demo.release()
                vehicle = demo.join(instance)
                demo.update(vehicle)
                demo.tamper(vehicle)
                demo.replace(vehicle)
                demo.steal(vehicle)
                demo.prove(instance)
                demo.examine(instance)
                demo.look_at_repositories(instance)
        finally:
            ports.close()
    demo.report.seconds = sum(step.seconds for step in steps.done)
    return demo.report
