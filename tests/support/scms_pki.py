"""A whole SCMS in one process, over HTTP as a device sees it: electors, root, ECA, RA with its line, both
linkage authorities, ACA. Nothing listens; `Web` is the network."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.support.scms_enrolment import EcaLab
from tests.support.scms_trust import Own, World, certificates, make
from v2xpki import wire
from v2xpki.authorities.scms.devices import DeviceRegister, NewDevice
from v2xpki.authorities.scms.eca_reasons import RefusedEnrolmentRequest
from v2xpki.authorities.scms.ra import RegistrationAuthority
from v2xpki.authorities.scms.ra_reasons import RaReason, RefusedRequest
from v2xpki.authorities.scms.ra_requests import OwnCertificate
from v2xpki.authorities.scms.ra_trust import KnownEcas
from v2xpki.bench.scms_line_laboratory import LineLaboratory
from v2xpki.bench.scms_line_process import COMPONENTS, RA_SIGN
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Certificate, Curve
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore
from v2xpki.secured import sign, unsecured
from v2xpki.station.errors import Unreachable
from v2xpki.station.http import Reply
from v2xpki.station.scms.api import (
    CERTIFICATES,
    CHAIN_FILE,
    COMPOSITE_CRL,
    ENROLMENT,
    INFO_STATUS,
    RA_CERTIFICATE,
    SUCCESSOR,
)
from v2xpki.station.scms.device import ScmsDevice, ScmsRsu, ScmsVehicle
from v2xpki.station.scms.requests import AUTHORIZATION
from v2xpki.station.scms.state import Anchors, ScmsSettings
from v2xpki.store import Database, upgrade
from v2xpki.time import FixedClock
from v2xpki.trust.scms_crl import CrlSchedule, HashRevocation, build_hash_crl
from v2xpki.wire import dot2, scms

NOW = 721_500_123
URL = "http://pki.example"
POLICY = replace(
    ScmsPolicy(), certificates=2, preload=ScmsPolicy().period, mix_vehicles=1, mix_wait=0, requests_per_day=50
)


class _Line(LineLaboratory):
    """With an encryption key in the RA's certificate that the RA has."""

    encryption: MemoryKey | None = None

    def open(self) -> None:
        if self.encryption is None:
            self.encryption = MemoryKey.generate(Curve.NIST_P256)
            side, key = self.aca_side, self.keystores["ra"].public_key(RA_SIGN)
            self.ra = side.certify(side.component("RA", key, self.encryption.public_key), side.root)
            side.ras.append(self.ra)
        super().open()


class Info:
    """What a distribution knows."""

    def info_status(self) -> scms.CertificateManagementInfoStatus:
        return scms.CertificateManagementInfoStatus(crl=(), ctl=(), ca_ccf=NOW, ma=())


class Pki:
    """All of it. web: what devices reach it by."""

    def __init__(self, directory: Path, policy: ScmsPolicy = POLICY) -> None:
        self.clock = FixedClock(NOW)
        keystores = {name: MemoryKeystore("test") for name in COMPONENTS}
        self.lab = _Line(directory, keystores, self.clock, policy=policy, implicit=policy.implicit)
        self.policy = self.lab.policy
        side = self.lab.aca_side
        self.root = Own(side.root_key, side.root)
        self.electors = [make("ELECTOR", name=f"elector{n}", now=NOW) for n in (1, 2, 3)]
        self.crlg = make("CRLG", self.root, now=NOW)
        self._open_eca(directory)
        self.ra = self._open_ra()
        self.documents: dict[str, bytes] = {}
        self.publish()
        self.web = Web(self)

    def _open_eca(self, directory: Path) -> None:
        side, keystore = self.lab.aca_side, MemoryKeystore("test")
        label = KeyLabel("eca", "sign")
        key = keystore.generate(label, Curve.NIST_P256)
        self.eca_certificate = side.certify(side.component("ECA", key, key), side.root)
        self.eca_database = Database.open(f"sqlite:///{directory}/eca.db", clock=self.clock)
        upgrade(self.eca_database, "eca")
        self.register = DeviceRegister(self.eca_database)
        self.eca = EcaLab.authority(keystore, self.eca_certificate, side.root, self.eca_database, self.clock)

    def _open_ra(self) -> RegistrationAuthority:
        lab, root = self.lab, self.root.certificate
        assert lab.encryption is not None
        return RegistrationAuthority(
            own=[OwnCertificate(lab.ra, lab.encryption)],
            responder=lab.keystores["ra"].scms_responder(RA_SIGN, lab.ra),
            database=lab.databases["ra"],
            clock=self.clock,
            ecas=KnownEcas.of([[self.eca_certificate, root]], [root], NOW),
            eca=self.eca,
            info=Info(),
            policy=self.policy,
        )

    def publish(self, *, voters: int = 2, sequence: int = 1, **changes: Any) -> None:
        """A new list of the electors, in a new chain file."""
        world = World(self.electors, self.root, {})
        self.ctl = world.ctl(voters=self.electors[:voters], sequence=sequence, effective=NOW, **changes)
        lab = self.lab
        others = [self.root.certificate, lab.aca_certificate, lab.ra, self.eca_certificate]
        if lab.implicit is not None:
            others.append(lab.implicit)
        chain = scms.CertificateChain(self.ctl.data, tuple(one.record for one in others))
        self.documents[CHAIN_FILE] = spdu("certificateChain", chain)
        self.documents[RA_CERTIFICATE] = lab.ra.octets

    def revoke(self, *revoked: Certificate) -> None:
        """A CRL of certificates by their hashes, in a new composite CRL."""
        schedule = CrlSchedule(
            self.root.certificate.hashed_id8,
            revoked[0].record.to_be_signed.crl_series,
            self.clock.now,
            self.clock.now + 86_400,
        )
        contents = build_hash_crl(schedule, 1, [HashRevocation(one.hashed_id10, one.end) for one in revoked])
        signer = self.crlg
        octets = sign(
            signer.key,
            dot2.HeaderInfo(psid=256),
            payload=wire.encode(contents),
            certificate=signer.certificate,
            identifier="certificate",
        )
        crl = wire.decode(dot2.Ieee1609Dot2Data, octets)
        self.documents[COMPOSITE_CRL] = spdu("compositeCrl", scms.CompositeCrl((crl,), self.ctl.data))

    def close(self) -> None:
        self.lab.close()
        self.eca_database.close()

    # --- devices ---------------------------------------------------------------------------------

    def settings(self, name: str | None, profile: str = "obe") -> ScmsSettings:
        policy = self.policy
        return ScmsSettings(
            profile, name, URL, URL, URL, epoch=policy.epoch, period=policy.period, overlap=policy.overlap
        )

    def device(self, path: Path, profile: str = "obe") -> ScmsDevice:
        """A registered device, not enrolled."""
        key = MemoryKey.generate(Curve.NIST_P256)
        self.register.register(NewDevice(path.name, key.public_key, profile))
        kind: type[ScmsDevice] = ScmsVehicle if profile == "obe" else ScmsRsu
        anchors = Anchors(certificates(self.electors), 2)
        return kind.create(
            path, self.settings(path.name, profile), key, anchors, clock=self.clock, http=self.web
        )

    def again(self, device: ScmsDevice) -> ScmsDevice:
        """The same device after a restart."""
        return type(device)(device.directory.path, clock=self.clock, http=self.web)


def spdu(kind: Any, value: Any) -> bytes:
    """An unsecured PDU of the certificate management interface."""
    inner = scms.CertManagementPdu(kind, value)
    return unsecured(wire.encode(scms.ScmsPdu(2, scms.ScmsPduContent("cert", inner))))


class Web:
    """HTTP of all components. down: paths that do not answer; lost: whose answers get lost after the work is
    done, once; change: what is done to an answer's octets; cut: octets after which a download breaks."""

    def __init__(self, pki: Pki) -> None:
        self._pki = pki
        self.log: list[tuple[str, str, int]] = []
        self.down: set[str] = set()
        self.lost: dict[str, int] = {}
        self.change: dict[str, Any] = {}
        self.coarse = False
        self.pieces = 0  # how many are given before the network breaks; 0: no end

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        path, headers = url.removeprefix(URL), headers or {}
        reply = self._answered(path, lambda: self._get(path, headers))
        return self._log("GET", path, reply)

    def post(self, url: str, body: bytes, content_type: str) -> Reply:
        assert content_type == "application/octet-stream"
        path = url.removeprefix(URL)
        return self._log("POST", path, self._answered(path, lambda: self._post(path, body)))

    def _log(self, method: str, path: str, reply: Reply) -> Reply:
        self.log.append((method, path, reply.status))
        if self.lost.get(path, 0) > 0:
            self.lost[path] -= 1
            raise Unreachable(f"{path}: the answer got lost")
        change = self.change.get(path)
        return reply if change is None or reply.status >= 300 else reply._replace(body=change(reply.body))

    def _answered(self, path: str, answer: Any) -> Reply:
        if path in self.down:
            raise Unreachable(f"{path}: down")
        try:
            found: Reply = answer()
        except (RefusedRequest, RefusedEnrolmentRequest) as error:
            there = error.reason in (RaReason.NO_FILE, RaReason.NOT_YET)
            return Reply(500 if self.coarse else 404 if there else 400, "text/plain", b"")
        return found

    def _post(self, path: str, body: bytes) -> Reply:
        kind = "application/octet-stream"
        if path == ENROLMENT:
            return Reply(200, kind, self._pki.eca.enrol(body))
        if path == CERTIFICATES:
            return Reply(202, kind, self._pki.ra.request(body))
        if path == SUCCESSOR:
            return Reply(202, kind, self._pki.ra.successor(body))
        return Reply(404, "text/plain", b"")

    def _get(self, path: str, headers: Mapping[str, str]) -> Reply:
        if AUTHORIZATION in headers:
            asked = base64.b64decode(headers[AUTHORIZATION])
            successor = path == SUCCESSOR
            file = (self._pki.ra.successor_file if successor else self._pki.ra.download)(asked)
            return self._ranged(file.octets, file.media_type, file.etag, headers)
        if path == INFO_STATUS:
            return Reply(200, "application/octet-stream", self._pki.ra.status())
        octets = self._pki.documents.get(path)
        if octets is None:
            return Reply(404, "text/plain", b"")
        etag = f'"{sha256(octets).hexdigest()}"'
        if headers.get("If-None-Match") == etag:
            return Reply(304, "", b"", {"etag": etag})
        return Reply(200, "application/octet-stream", octets, {"etag": etag})

    def _ranged(self, octets: bytes, kind: str, etag: str, headers: Mapping[str, str]) -> Reply:
        wanted = headers.get("Range")
        if wanted is None or headers.get("If-Range", etag) != etag:
            return Reply(200, kind, octets, {"etag": etag})
        start, end = map(int, wanted.removeprefix("bytes=").split("-"))
        if start >= len(octets):
            return Reply(416, "text/plain", b"")
        if start and self.pieces:
            self.pieces -= 1
            if not self.pieces:
                raise Unreachable(f"{start}: the network is gone")
        piece = octets[start : end + 1]
        where = f"bytes {start}-{start + len(piece) - 1}/{len(octets)}"
        return Reply(206, kind, piece, {"etag": etag, "content-range": where})
