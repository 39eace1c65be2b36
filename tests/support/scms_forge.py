"""Requests to an SCMS that are wrong in one place, at random, and right in all others.

    forge = Forge(scms, Mutator(7))
    made = forge.request()            a Made: what to send, what is wrong with it

More than half are wrong on the inside: a part is changed with knowledge of its type, or is one of the hostile
values below, and all around it is signed by a real device's key and encrypted to the RA as it should be. The
others are changed on the wire.
"""

import base64
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from tests.support.lab import Lab, Reply
from tests.support.mutating import Mutator
from v2xpki import wire
from v2xpki.authorities.scms.devices import DeviceRegister, NewDevice
from v2xpki.crypto import Certificate, Curve, PrivateCaterpillar, PublicKey, signing_digest_of
from v2xpki.crypto.butterfly import expand
from v2xpki.crypto.group import ORDER
from v2xpki.crypto.hashing import hash_octets
from v2xpki.errors import V2xPkiError
from v2xpki.keystore import MemoryKey
from v2xpki.secured import encrypt, frames, scms_header, sign, unsecured
from v2xpki.station.scms.enrolment import DeviceIdentity, Enrolled, EnrolmentWish, accept, ask
from v2xpki.station.scms.requests import AUTHORIZATION, request_hash
from v2xpki.store import Database
from v2xpki.trust.scms_devices import EE_PERMISSIONS
from v2xpki.wire import dot2, scms

OCTETS = "application/octet-stream"
ENROLMENT, CERTIFICATES = "/v3/enrollment-certificate", "/v3/authorization-certificate"
SUCCESSOR = "/v3/successor-enrollment-certificate"
INSIDE = 0.6  # the share of requests that are wrong inside what is signed and encrypted
EACH_DEVICE = 120  # requests; some of them are beyond its limit of a day
_OPEN = dot2.ValidityPeriod(0, dot2.Duration("hours", 0))
_PSEUDONYM = dot2.CertificateId("linkageData", dot2.LinkageData(0, bytes(9)))
_NONE = dot2.CertificateId("none", None)
_OFF_CURVE = dot2.EccP256CurvePoint("compressed-y-0", (5).to_bytes(32, "big"))  # no y belongs to x = 5
Kind = Literal["original", "unified", "compactUnified", "application"]


@dataclass
class Made:
    """What to send. hash: of the request, as its files are named. key: a new one that is to be certified."""

    flow: str
    wrong: str
    method: str
    target: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    inside: bool = True
    hash: bytes = b""
    key: PublicKey | None = None

    def send(self, lab: Lab) -> Reply:
        return lab.ask(self.method, self.target, self.body, self.headers)


@dataclass(frozen=True)
class Device:
    name: str
    canonical: MemoryKey
    enrolled: Enrolled


class Forge:
    """Makes requests. The same seed makes the same choices, not the same keys."""

    _numbers = itertools.count(1)

    def __init__(self, lab: Lab, dice: Mutator) -> None:
        self.lab, self.dice = lab, dice
        self.ra = _certificate(lab, "ra")
        self.others = [_certificate(lab, name) for name in ("eca", "aca", "la1", "ma")]
        self.root = Certificate.parse((lab.directory / "eca/trust/root.oer").read_bytes())
        self._made = 0
        self._target = self._hostile = ""
        self._recent: list[bytes] = []
        self._names: list[str] = ["0" * 16 + ".info"]
        self.device = self.fresh()
        self.before = self.device

    # --- devices ------------------------------------------------------------------------------------

    def fresh(self) -> Device:
        """A registered and enrolled device."""
        name, key = f"forged-{next(self._numbers)}", MemoryKey.generate(Curve.NIST_P256)
        with Database.open(self.lab.instance.domain("eca").database_url, clock=self.lab.clock) as database:
            DeviceRegister(database).register(NewDevice(name, key.public_key, "obe"))
        now = self.lab.clock.time32()
        pending = ask(DeviceIdentity(name, key), EnrolmentWish(), now)
        reply = self.lab.ask("POST", ENROLMENT, pending.request, {"Content-Type": OCTETS})
        assert reply.status == 200, reply
        return Device(name, key, accept(pending, reply.body, [self.root], now))

    # --- choices ------------------------------------------------------------------------------------

    def request(self) -> Made:
        if self._made % EACH_DEVICE == 0:
            self.before, self.device = self.device, self.fresh()
        self._made += 1
        flow = self.dice.choice(list(LAYERS))
        self._target = self._hostile = ""
        inside = self.dice.random() < INSIDE
        if inside and self.dice.random() < 0.3 and HOSTILE[flow]:
            self._hostile = self.dice.choice(HOSTILE[flow])
        elif inside:
            self._target = self.dice.choice(LAYERS[flow])
        made = self.flow(flow)
        if inside:
            made.wrong = self._hostile or self._target
        else:
            made.wrong, made.inside = "on the wire", False
            self._spoil(made)
        return made

    def right(self, flow: str) -> Made:
        """Without a change."""
        self._target = self._hostile = ""
        return self.flow(flow)

    def flow(self, name: str) -> Made:
        flows: dict[str, Callable[[], Made]] = {
            "enrolment": self.enrolment,
            "certificates": self.certificates,
            "successor": self.successor,
            "download": self.download,
            "lists": self.lists,
        }
        return flows[name]()

    def _spoil(self, made: Made) -> None:
        if made.body is not None:
            self._recent = [*self._recent[-20:], made.body]
            made.body = self.dice.octets(made.body, self._recent)
        elif AUTHORIZATION in made.headers:
            octets = base64.b64decode(made.headers[AUTHORIZATION])
            if self.dice.random() < 0.7:
                text = base64.b64encode(self.dice.octets(octets)).decode()
            else:
                text = self.dice.octets(made.headers[AUTHORIZATION].encode()).decode("latin-1")
            made.headers[AUTHORIZATION] = _line(text)[:7000]
        else:
            path, _, query = made.target.partition("?")
            made.target = path + "?" + quote(self.dice.octets(query.encode())[:1500], safe="=&%+;")

    def valid(self, layer: str, asn1: str, value: Any) -> Any:
        """The value, or another of its type if this is the layer whose turn it is."""
        if layer != self._target:
            return value
        octets = wire.encode_as(asn1, value)
        while True:
            changed = self.dice.record(asn1, octets)
            try:
                return wire.decode_as(asn1, changed)
            except V2xPkiError:
                continue

    def twist(self, layer: str, asn1: str, octets: bytes) -> bytes:
        """The same of octets, which need not decode then."""
        if layer != self._target:
            return octets
        return self.dice.record(asn1, octets) if self.dice.random() < 0.75 else self.dice.octets(octets)

    def time(self) -> int:
        now = self.lab.clock.time32()
        if self._hostile != "time":
            return now
        return int(self.dice.choice((0, 1, now - 700, now + 700, now - 40 * 86400, 0xFFFFFFFF)))

    # --- parts --------------------------------------------------------------------------------------

    def tbs(self, key: Any, id_: dot2.CertificateId, enrolment: bool) -> dot2.ToBeSignedCertificate:
        permissions: tuple[dot2.PsidSsp, ...] = (dot2.PsidSsp(32, None),)
        if enrolment:
            permissions = EE_PERMISSIONS
        if self._hostile == "permissions":
            permissions = self._permissions(permissions)
        tbs = dot2.ToBeSignedCertificate(
            id=id_,
            craca_id=bytes(3),
            crl_series=0,
            validity_period=self._validity() if self._hostile == "validity" else _OPEN,
            region=self._region() if self._hostile == "region" else None,
            app_permissions=permissions,
            verify_key_indicator=dot2.VerificationKeyIndicator("verificationKey", key),
        )
        made: dot2.ToBeSignedCertificate = self.valid("tbs", "ToBeSignedCertificate", tbs)
        return made

    def _permissions(self, own: tuple[dot2.PsidSsp, ...]) -> tuple[dot2.PsidSsp, ...]:
        opaque = dot2.ServiceSpecificPermissions("opaque", self.dice.randbytes(31))
        return self.dice.choice(
            (
                own * 2,
                own * 500,
                tuple(dot2.PsidSsp(n, None) for n in range(1000)),
                (dot2.PsidSsp(256, opaque),),
                (dot2.PsidSsp(35, opaque),),
                (dot2.PsidSsp(1 << 40, None),),
                (*own, dot2.PsidSsp(256, None)),
            )
        )

    def _validity(self) -> dot2.ValidityPeriod:
        now = self.lab.clock.time32()
        start = self.dice.choice((0, now - 86400 * 400, now, now + 86400 * 365 * 20, 0xFFFFFFFF))
        unit = self.dice.choice(("microseconds", "seconds", "hours", "sixtyHours", "years"))
        return dot2.ValidityPeriod(start, dot2.Duration(unit, self.dice.choice((0, 1, 0xFFFF))))

    def _region(self) -> dot2.GeographicRegion:
        def point() -> dot2.TwoDLocation:
            edges = (-900000000, 900000000, 900000001, 0)
            return dot2.TwoDLocation(
                self.dice.choice((*edges, self.dice.randint(-900000000, 900000000))),
                self.dice.choice((-1799999999, 1800000000, 1800000001, self.dice.randint(-1800000, 1800000))),
            )

        kind = self.dice.randrange(4)
        if kind == 0:
            corners = tuple(point() for _ in range(self.dice.choice((3, 4, 1000))))
            return dot2.GeographicRegion("polygonalRegion", corners)
        if kind == 1:
            boxes = tuple(
                dot2.RectangularRegion(point(), point()) for _ in range(self.dice.choice((1, 1000)))
            )
            return dot2.GeographicRegion("rectangularRegion", boxes)
        if kind == 2:
            return dot2.GeographicRegion("circularRegion", dot2.CircularRegion(point(), 0xFFFF))
        countries = tuple(
            dot2.IdentifiedRegion("countryOnly", self.dice.randrange(1000)) for _ in range(2000)
        )
        return dot2.GeographicRegion("identifiedRegion", countries)

    def point(self, key: PublicKey) -> dot2.PublicVerificationKey:
        """COER's form of a key, or a key that is none, or not one that is to be certified."""
        if self._hostile != "key":
            return key.to_verification_key()
        kind = self.dice.randrange(5)
        if kind == 0:
            return dot2.PublicVerificationKey("ecdsaNistP256", _OFF_CURVE)
        if kind == 1:
            return dot2.PublicVerificationKey(
                "ecdsaNistP256", dot2.EccP256CurvePoint("x-only", self.dice.randbytes(32))
            )
        if kind == 2:  # another's
            return self.dice.choice((self.ra, *self.others)).verification_key.to_verification_key()
        if kind == 3:
            return MemoryKey.generate(Curve.BRAINPOOL_P256R1).public_key.to_verification_key()
        whole = dot2.EccP256CurvePoint(
            "uncompressedP256",
            dot2.EccP256CurvePointUncompressedP256(bytes(32), self.dice.choice((bytes(32), b"\1" * 32))),
        )
        return dot2.PublicVerificationKey("ecdsaNistP256", whole)

    def signed(
        self, signer: MemoryKey, pdu: scms.ScmsPdu, certificate: Certificate | None, layer: str
    ) -> bytes:
        """A SignedCertificateRequest SPDU; its signature is good, whatever it says."""
        tbs = self.twist("pdu " + layer, "ScmsPdu", wire.encode(pdu))
        if self._hostile == "signer" and layer == "outer":
            kind = self.dice.randrange(3)
            if kind == 0:  # signed by the device, in another's name
                certificate = self.dice.choice((self.before.enrolled.certificate, self.ra, *self.others))
            elif kind == 1:
                signer = self.before.enrolled.key
            else:
                certificate = None
        digest = (
            None if certificate is None else hash_octets(signer.public_key.curve.hash, certificate.octets)
        )
        raw = signer.sign(signing_digest_of(signer.public_key.curve.hash, tbs, digest))
        who = frames.signer_of("certificate" if certificate else "self", certificate)
        octets = frames.certificate_request(signer.public_key.curve, tbs, who, raw)
        return self.twist("message " + layer, "Ieee1609Dot2Data", octets)

    def sealed(self, octets: bytes) -> bytes:
        to = [self.ra]
        if self._hostile == "recipients":
            to = self.dice.choice(([self.others[0]], [self.ra] * 60, [self.others[1], self.ra], to))
        sent = encrypt(octets, to).octets
        if self._hostile == "replay" and self._recent:
            return self.dice.choice(self._recent)
        self._recent = [*self._recent[-20:], sent]
        return self.twist("envelope", "Ieee1609Dot2Data", sent)

    # --- the flows ----------------------------------------------------------------------------------

    def enrolment(self) -> Made:
        new, device = MemoryKey.generate(Curve.NIST_P256), self.device
        tbs = self.tbs(self.point(new.public_key), _NONE, True)
        name: str | None = device.name
        signer = device.canonical
        if self._hostile == "name":
            name = self.dice.choice((self.before.name, "", "x" * 255, "a\0b", "../eca", None))
        if self._hostile == "self":
            signer, name = new, None
        asked = scms.EeEcaCertRequest(2, self.time(), "explicit", tbs, name)
        asked = self.valid("asked", "EeEcaCertRequest", asked)
        pdu = _pdu("eca-ee", scms.EcaEeInterfacePdu("eeEcaCertRequest", asked))
        octets = self.signed(signer, pdu, None, "outer")
        return Made("enrolment", "", "POST", ENROLMENT, octets, {"Content-Type": OCTETS}, key=new.public_key)

    def certificates(self) -> Made:
        kind: Kind = self.dice.choice(("original", "unified", "compactUnified", "application"))
        if self._hostile == "infinity":
            kind = "unified"
        if kind == "application":
            own = MemoryKey.generate(Curve.NIST_P256).public_key
            key, params = own, scms.AdditionalParams("encryptionKey", own.to_encryption_key())
        else:
            key, params = self._caterpillar(kind)
        id_ = self.dice.choice((_PSEUDONYM, _PSEUDONYM, _NONE)) if kind != "application" else _NONE
        tbs = self.tbs(self.point(key), id_, False)
        params = self.valid("params", "AdditionalParams", params)
        asked = scms.EeRaCertRequest(2, self.time(), "explicit", tbs, params)
        asked = self.valid("asked", "EeRaCertRequest", asked)
        by = self.device.enrolled
        pdu = _pdu("ee-ra", scms.EeRaInterfacePdu("eeRaCertRequest", asked))
        octets = self.sealed(self.signed(by.key, pdu, by.certificate, "outer"))
        self._names = [*self._names[-30:], request_hash(octets).hex().upper() + ".info"]
        made = Made("certificates", "", "POST", CERTIFICATES, octets, {"Content-Type": OCTETS})
        made.hash = request_hash(octets)
        return made

    def _caterpillar(self, kind: Kind) -> tuple[PublicKey, scms.AdditionalParams]:
        own = PrivateCaterpillar.generate(kind)  # type: ignore[arg-type]
        if self._hostile == "infinity":  # the cocoon of a j to come is no point
            (shift,) = expand(own.signing_expansion, "signing", self.dice.randrange(600, 640), [3])
            negative = (-int.from_bytes(shift, "big") % ORDER).to_bytes(32, "big")
            own = PrivateCaterpillar("unified", negative, own.signing_expansion)
        public = own.public()
        expansion = scms.ButterflyExpansion("aes128", public.signing_expansion)
        key = PublicKey.from_sec1(Curve.NIST_P256, public.signing)
        if public.encryption is None or public.encryption_expansion is None:
            return key, scms.AdditionalParams(kind, expansion)
        original = scms.ButterflyParamsOriginal(
            expansion,
            PublicKey.from_sec1(Curve.NIST_P256, public.encryption).to_encryption_key(),
            scms.ButterflyExpansion("aes128", public.encryption_expansion),
        )
        return key, scms.AdditionalParams("original", original)

    def successor(self) -> Made:
        new, by = MemoryKey.generate(Curve.NIST_P256), self.device.enrolled
        tbs = self.tbs(self.point(new.public_key), _NONE, True)
        asked = self.valid(
            "asked", "EeEcaCertRequest", scms.EeEcaCertRequest(2, self.time(), "explicit", tbs)
        )
        inner = self.signed(
            new, _pdu("eca-ee", scms.EcaEeInterfacePdu("eeEcaCertRequest", asked)), None, "inner"
        )
        try:
            data = wire.decode(dot2.Ieee1609Dot2Data, inner)
        except V2xPkiError:
            data = dot2.Ieee1609Dot2Data(3, dot2.Ieee1609Dot2Content("unsecuredData", inner))
        pdu = _pdu("ee-ra", scms.EeRaInterfacePdu("eeRaSuccessorEnrollmentCertRequest", data))
        octets = self.sealed(self.signed(by.key, pdu, by.certificate, "outer"))
        self._names = [*self._names[-30:], request_hash(octets).hex().upper() + ".oer"]
        made = Made("successor", "", "POST", SUCCESSOR, octets, {"Content-Type": OCTETS})
        made.hash = request_hash(octets)
        return made

    def download(self) -> Made:
        name, by, path = self.dice.choice(self._names), self.device.enrolled, CERTIFICATES
        if name.endswith(".oer"):
            path = SUCCESSOR
        if self.dice.random() < 0.3:
            name = name.partition(".")[0] + f"_{self.dice.randrange(600, 640):X}.zip"
        if self._hostile == "name":
            name = self.dice.choice(
                ("../../eca/eca.db", "a\0b", "%2e%2e/", "x" * 255, "_.zip", "\U0001f697.zip", name + "/..")
            )
        if self._hostile == "other's":
            by = self.before.enrolled
        asked = scms.EeRaDownloadRequest(self.time(), name)
        asked = self.valid("asked", "EeRaDownloadRequest", asked)
        pdu = _pdu("ee-ra", scms.EeRaInterfacePdu("eeRaDownloadRequest", asked))
        octets = self.twist("pdu outer", "ScmsPdu", wire.encode(pdu))
        if self._hostile == "plain":
            octets = unsecured(octets)
        else:
            info = self.valid("header", "HeaderInfo", scms_header())
            octets = sign(by.key, info, payload=octets, certificate=by.certificate, identifier="certificate")
            octets = self.twist("message outer", "Ieee1609Dot2Data", octets)
            octets = self.sealed(octets)
        text = base64.b64encode(octets).decode()
        if self._hostile == "base64":
            text = self.dice.choice((text.rstrip("="), text + "====", text[:40] + "\t" + text[40:], "", "="))
            text = self.dice.choice((text, text.replace("+", "-").replace("/", "_"), "ä" + text))
        target = self.dice.choice((path, f"{path}?filename={quote(name)}"))
        return Made("download", "", "GET", target[:3500], headers={AUTHORIZATION: _line(text)[:7000]})

    def lists(self) -> Made:
        root = self.root.hashed_id8.hex()
        path, query = self.dice.choice(
            (
                ("ca-certificate", f"certId={root}"),
                ("ctl", f"ctlSeriesId={root}&ctlSequenceNumber=1"),
                ("ccf-ctl", f"ctlSeriesId={root}"),
                ("composite-crl-ctl", f"ctlSeriesId={root}"),
                ("crl", f"craca={root}&crlSeries=256"),
                ("policy", ""),
                ("certificate-management-info-status", ""),
            )
        )
        if self._target:
            name, value = self.dice.choice(_QUERIES)
            query = self.dice.choice(
                (f"{name}={value}", f"{query}&{name}={value}", f"{name}={value}&{query}")
            )
        headers = {}
        if self.dice.random() < 0.3:
            headers["Range"] = self.dice.choice(_RANGES)
        return Made("lists", "", "GET", f"/v3/{path}?{query}", headers=headers)


#: Where a flow can be changed, and with what.
LAYERS = {
    "enrolment": ("tbs", "tbs", "asked", "pdu outer", "message outer"),
    "certificates": ("tbs", "tbs", "params", "asked", "pdu outer", "message outer", "envelope"),
    "successor": (
        "tbs", "asked", "pdu inner", "message inner", "pdu outer", "message outer", "envelope",
    ),
    "download": ("asked", "pdu outer", "header", "message outer", "envelope"),
    "lists": ("query",),
}  # fmt: skip
_IN_TBS = ("time", "permissions", "validity", "region", "key", "signer")
HOSTILE: dict[str, tuple[str, ...]] = {
    "enrolment": (*_IN_TBS, "name", "self"),
    "certificates": (*_IN_TBS, "infinity", "recipients", "replay"),
    "successor": (*_IN_TBS, "recipients", "replay"),
    "download": ("time", "name", "other's", "plain", "base64", "recipients", "replay"),
    "lists": (),
}
_QUERIES = (
    ("certId", "0" * 16), ("certId", "zz"), ("certId", "%00"), ("certId", "F" * 16), ("crlSeries", "-1"),
    ("crlSeries", "65536"), ("crlSeries", "9" * 3000), ("crlSeries", "%D9%A1"), ("craca", ""),
    ("ctlSequenceNumber", "00000"), ("ctlSequenceNumber", "1e3"), ("ctlSeriesId", "%F0%9F%9A%97"),
    ("ctlSeriesId", "'"), ("a" * 900, "b" * 900),
)  # fmt: skip
_RANGES = (
    "bytes=0-0", "bytes=-1", "bytes=5-2", "bytes=0-,0-,0-,0-", "bytes=" + "0-1," * 800, "bytes=99999999999-",
    "bytes=" + "9" * 4500 + "-", "lines=1-2", "bytes=0-18446744073709551616",
)  # fmt: skip


def _line(text: str) -> str:
    """What http.client sends as a header's value."""
    return "".join(one for one in text if one not in "\r\n\0").encode("utf-8", "replace").decode("latin-1")


def _pdu(kind: str, value: Any) -> scms.ScmsPdu:
    return scms.ScmsPdu(2, scms.ScmsPduContent(kind, value))


def _certificate(lab: Lab, name: str) -> Certificate:
    return Certificate.parse((lab.directory / name / "certificates" / f"{name}-1.oer").read_bytes())
