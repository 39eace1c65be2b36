"""The instance that benchmarks work on: made by `init`, with stations that ask without pause.

Only here do an EA and an AA live in one process: their tokens are copied under one SoftHSM
configuration, so that a ticket's whole cost is one process's.
"""

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from v2xpki import wire
from v2xpki.authorities.etsi.authorization import AuthorizationAuthority, EaLink
from v2xpki.authorities.etsi.bootstrap import Plan, initialise
from v2xpki.authorities.etsi.enrolment import EnrolmentAuthority
from v2xpki.authorities.etsi.opening import open_authorization_authority, open_enrolment_authority
from v2xpki.authorities.etsi.stations import NewStation, StationRegister
from v2xpki.config import FILE_NAME, Instance
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore import Keystore, TokenConfig, open_token
from v2xpki.keystore.memory import MemoryKey
from v2xpki.secured import SignedMessage, decrypt_psk
from v2xpki.station.requests import (
    EC_PERMISSIONS,
    Sent,
    authorization_request,
    enrolment_request,
)
from v2xpki.store import Database
from v2xpki.time import SystemClock
from v2xpki.wire import dot2, etsi

# What a benchmark asks for must not run into the limits that protect a real PKI from one station.
_SETTINGS = "\n[ea]\nvalidations_per_day = 0\nenrolments_per_day = 0\n"
TICKETS_A_STATION = 90  # below the vehicle profile's limit of tickets at once
CAM_AND_DENM = (
    dot2.PsidSsp(psid=36, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\0\0")),
    dot2.PsidSsp(psid=37, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\0\0\0")),
)


@dataclass(frozen=True)
class Enrolled:
    """A station with its enrolment credential."""

    key: MemoryKey
    credential: Certificate


class DirectLink:
    """The AA's way to the EA, by bytes in the same process. As EaLink."""

    def __init__(self, ea: EnrolmentAuthority) -> None:
        self._ea = ea

    def validate(self, url: str, body: bytes) -> bytes:
        return self._ea.validate(body)


class Laboratory:
    """An instance in `directory`, and both its authorities, open in this process."""

    def __init__(self, directory: Path, base_url: str = "http://127.0.0.1:8080") -> None:
        self.clock = SystemClock()
        self.instance = initialise(Plan(directory, base_url=base_url, lab=True)).instance
        with (directory / FILE_NAME).open("a", encoding="utf-8") as settings:
            settings.write(_SETTINGS)
        self.instance = Instance.load(directory)
        self.ea_certificate = _certificate(self.instance, "ea")
        self.aa_certificate = _certificate(self.instance, "aa")
        self._next = 0

    @contextmanager
    def authorities(self) -> Iterator[tuple[EnrolmentAuthority, AuthorizationAuthority, Keystore]]:
        """EA and AA in this process, and the EA's token for timing."""
        joint = self._join_tokens()
        databases = [Database.open(self.instance.domain(name).database_url) for name in ("ea", "aa")]
        keystores = [open_token(joint[name]) for name in ("ea", "aa")]
        try:
            ea = open_enrolment_authority(self.instance, keystores[0], databases[0], self.clock)
            link: EaLink = DirectLink(ea)
            aa = open_authorization_authority(self.instance, keystores[1], databases[1], link, self.clock)
            yield ea, aa, keystores[0]
        finally:
            for keystore in keystores:
                keystore.close()
            for database in databases:
                database.close()

    def _join_tokens(self) -> dict[str, TokenConfig]:
        joint = self.instance.directory / "joint"
        (joint / "tokens").mkdir(parents=True, mode=0o700)
        text = f"directories.tokendir = {joint / 'tokens'}\nlog.level = ERROR\n"
        (joint / "softhsm2.conf").write_text(text, encoding="utf-8")
        configs = {}
        for name in ("ea", "aa"):
            domain = self.instance.domain(name)
            shutil.copytree(domain.token_dir, joint / "tokens", dirs_exist_ok=True)
            configs[name] = dataclasses.replace(
                TokenConfig.of_domain(domain),
                softhsm2_conf=joint / "softhsm2.conf",
                token_dir=joint / "tokens",
            )
        return configs

    # --- stations ------------------------------------------------------------------------------------

    def register(self, count: int) -> list[tuple[bytes, MemoryKey]]:
        """Canonical ids and keys of new stations, registered at the EA."""
        found = []
        for _ in range(count):
            self._next += 1
            found.append((f"bench-{self._next}".encode(), MemoryKey.generate(Curve.NIST_P256)))
        with Database.open(self.instance.domain("ea").database_url) as database:
            StationRegister(database).register_all(
                [NewStation(its_id, key.public_key, "vehicle") for its_id, key in found], digest=bytes(32)
            )
        return found

    def enrolment(self, station: tuple[bytes, MemoryKey], new: MemoryKey) -> Sent:
        """A first enrolment request of a registered station."""
        its_id, canonical = station
        return enrolment_request(
            its_id=its_id,
            new=new,
            signer=canonical,
            current=None,
            ea=self.ea_certificate,
            attributes=etsi.CertificateSubjectAttributes(app_permissions=EC_PERMISSIONS),
            time64=self.clock.time64(),
        )

    def enrol(self, ea: EnrolmentAuthority, count: int, curve: Curve) -> list[Enrolled]:
        """New stations with an EC on the curve."""
        enrolled = []
        for station in self.register(count):
            new = MemoryKey.generate(curve)
            sent = self.enrolment(station, new)
            enrolled.append(Enrolled(new, certificate_in(ea.enrol(sent.octets), sent)))
        return enrolled

    def authorization(self, station: Enrolled, curve: Curve) -> Sent:
        """A request for a ticket of one hour: proof of possession, encryptedEcSignature."""
        return authorization_request(
            new=MemoryKey.generate(curve),
            encryption_key=None,
            ec_key=station.key,
            ec=station.credential,
            ea=self.ea_certificate,
            aa=self.aa_certificate,
            attributes=etsi.CertificateSubjectAttributes(
                validity_period=dot2.ValidityPeriod(
                    start=self.clock.time32(), duration=dot2.Duration(kind="hours", value=1)
                ),
                app_permissions=CAM_AND_DENM,
            ),
            time64=self.clock.time64(),
        )


def certificate_in(answer: bytes, sent: Sent) -> Certificate:
    """The certificate of an answer; a refusal ends the benchmark, for it would be timed as work."""
    data = wire.decode(etsi.EtsiTs102941Data, SignedMessage.parse(decrypt_psk(answer, sent.key)).payload)
    response = data.content.value
    assert isinstance(response, etsi.InnerEcResponse | etsi.InnerAtResponse)
    if response.certificate is None:
        raise RuntimeError(f"the benchmark's request was refused: {response.response_code}")
    return Certificate.of(response.certificate)


def _certificate(instance: Instance, domain: str) -> Certificate:
    return Certificate.parse(instance.domain(domain).certificate_path.read_bytes())
