"""Mutated requests to a served EA and AA: whatever comes, no fault, no leak, and good requests still succeed.

More than half of the bodies are wrong on the inside: a part of the request is changed with knowledge of its
type, and everything around it is signed and encrypted as it should be, so that the change is met as deep as
it lies. A validation request is signed by the AA's own key. The others are changed on the wire.

    pytest tests/attack/test_fuzz_bodies.py                   some hundreds
    pytest tests/attack/test_fuzz_bodies.py -m soak           10,000, with figures
    V2XPKI_FUZZ_SEED=7 V2XPKI_FUZZ_BODIES=50000 ...           another seed, another number
"""

import hmac
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest

from tests.support.aa_signer import AaSigner
from tests.support.etsi import BRAINPOOL, EC_PERMISSIONS, P256, Credential, hours, seal
from tests.support.lab import REQUEST_TYPE, RESPONSE_TYPE, Lab, LabStation, Reply, rss
from tests.support.mutating import Mutator
from v2xpki import wire
from v2xpki.crypto import Certificate
from v2xpki.errors import V2xPkiError
from v2xpki.keystore import MemoryKey
from v2xpki.secured import SignedMessage, decrypt_psk, etsi_header, sign, unsecured
from v2xpki.time import HOUR
from v2xpki.trust import verify_chain
from v2xpki.trust.lint import lint_certificate
from v2xpki.wire import dot2, etsi

INSIDE = 0.6  # the share of bodies that are wrong inside what is signed and encrypted
SEED = int(os.environ.get("V2XPKI_FUZZ_SEED", "20261123"))
EACH_STATION = 40  # bodies, well below the limits of a day
# KiB that a worker may gain in 10,000 bodies: the EA keeps up to 256 ECs and canonical keys at hand (of the
# 500 stations here), SQLite up to 2 MB of pages a connection. Both have an end; nothing else may grow.
GROWTH = 8 * 1024


@dataclass
class Body:
    """A request, what is wrong with it, and how to read the answer."""

    path: str
    octets: bytes
    wrong: str
    authority: Certificate
    aes: bytes | None  # None: changed on the wire, so the answer may be for nobody


class Forge:
    """Makes bodies. The same seed makes the same choices."""

    def __init__(self, lab: Lab, dice: Mutator, aa: AaSigner) -> None:
        self.lab, self.dice, self.aa = lab, dice, aa
        self._recent: list[bytes] = []
        self._made = 0
        self._target = self._seen = ""
        self._crew: tuple[LabStation, Credential, LabStation, Credential] | None = None

    def body(self) -> Body:
        if self._made % EACH_STATION == 0:
            car, rsu = self.lab.station(), self.lab.station(profile="rsu")
            self._crew = car, car.enrol(), rsu, rsu.enrol()
        self._made += 1
        inside = self.dice.random() < INSIDE
        flow = self.dice.choice(
            (
                self.enrolment,
                self.renewal,
                self.authorization,
                self.authorization,
                self.plain,
                self.validation,
            )
        )
        self._target = self.dice.choice(_LAYERS[flow.__name__]) if inside else ""
        made = flow()
        if inside:
            made.wrong = f"{flow.__name__}: {self._target}"
            return made
        octets = self.dice.octets(made.octets, self._recent)
        self._recent = [*self._recent[-20:], made.octets]
        return Body(made.path, octets, f"{flow.__name__}: on the wire", made.authority, None)

    def twist(self, layer: str, asn1: str, octets: bytes) -> bytes:
        """The octets, or something else if this is the layer whose turn it is."""
        if layer != self._target:
            return octets
        return self.dice.record(asn1, octets) if self.dice.random() < 0.75 else self.dice.octets(octets)

    def header(self, layer: str) -> dot2.HeaderInfo:
        good = etsi_header(623, self.lab.clock.time64())
        if layer != self._target:
            return good
        if self.dice.random() < 0.3:
            return self.dice.value("HeaderInfo")
        return wire.decode(dot2.HeaderInfo, self._valid("HeaderInfo", wire.encode(good)))

    def _valid(self, asn1: str, octets: bytes) -> bytes:
        """Changed, but still of its type."""
        while True:
            changed = self.dice.record(asn1, octets)
            try:
                wire.decode_as(asn1, changed)
            except V2xPkiError:
                continue
            return changed

    def key(self) -> MemoryKey:
        return MemoryKey(self.dice.choice((P256, P256, BRAINPOOL)))

    # --- the flows, from the inside to the outside ----------------------------------------------------

    def enrolment(self, by: Credential | None = None) -> Body:
        assert self._crew
        car, new = self._crew[0], self.key()
        keys = etsi.PublicKeys(verification_key=new.public_key.to_verification_key())
        wish = etsi.InnerEcRequest(
            its_id=by.certificate.hashed_id8 if by else car.id,
            certificate_format=1,
            public_keys=keys,
            requested_subject_attributes=etsi.CertificateSubjectAttributes(app_permissions=EC_PERMISSIONS),
        )
        octets = self.twist("wish", "InnerEcRequest", wire.encode(wish))
        proof = sign(new, self.header("header of the proof"), payload=octets, identifier="self")
        proof = self.twist("proof", "Ieee1609Dot2Data", proof)
        pdu = self.twist("pdu", "EtsiTs102941Data", b"\x01\x80" + proof)
        signer = by.key if by else car.canonical
        header = self.header("header")
        if by:
            outer = sign(signer, header, payload=pdu, certificate=by.certificate, identifier="digest")
        else:
            outer = sign(signer, header, payload=pdu, identifier="self")
        return self.sealed("/ea", self.twist("message", "Ieee1609Dot2Data", outer), self.lab.ea_certificate)

    def renewal(self) -> Body:
        assert self._crew
        return self.enrolment(self._crew[1])

    def shared_and_signature(
        self, by: Credential, keys: bytes, secret: bytes, *, plain: bool = False
    ) -> tuple[bytes, bytes]:
        """COER of SharedAtRequest, and of the EcSignature over it: both right unless it is their turn."""
        start = self.lab.clock.time32() + self.dice.randrange(20 * 24) * HOUR
        wanted = self._crew[0].attributes(validity_period=hours(start, self.dice.choice((1, 5, 24))))  # type: ignore[index]
        tagged = keys[1:]  # without PublicKeys' own preamble: one key after the other
        shared = wire.encode(
            etsi.SharedAtRequest(
                ea_id=self.lab.ea_certificate.hashed_id8,
                key_tag=hmac.digest(secret, tagged, "sha256")[:16],
                certificate_format=1,
                requested_subject_attributes=wanted,
            )
        )
        shared = self.twist("shared", "SharedAtRequest", shared)
        detached = sign(
            by.key,
            self.header("header of ecSignature"),
            ext_data_hash=sha256(shared).digest(),
            certificate=by.certificate,
            identifier="digest",
        )
        detached = self.twist("ecSignature", "Ieee1609Dot2Data", detached)
        if plain:
            return shared, b"\x81" + detached
        return shared, b"\x80" + seal(detached, self.lab.ea_certificate, by.key).body

    def authorization(self, *, plain: bool = False) -> Body:
        assert self._crew
        by = self._crew[3] if plain else self._crew[1]
        new, secret = self.key(), self.dice.randbytes(32)
        encryption = self.key().public_key.to_encryption_key() if self.dice.random() < 0.2 else None
        keys = wire.encode(
            etsi.PublicKeys(verification_key=new.public_key.to_verification_key(), encryption_key=encryption)
        )
        keys = self.twist("keys", "PublicKeys", keys)
        shared, signature = self.shared_and_signature(by, keys, secret, plain=plain)
        wish = self.twist("wish", "InnerAtRequest", b"\x00" + keys + secret + shared + signature)
        message = self.twist("pdu", "EtsiTs102941Data", b"\x01\x82" + wish)
        kind = self.dice.randrange(6) if self._target not in ("header", "message") else 2
        if kind == 1:
            message = unsecured(message)
        elif kind > 1:
            message = sign(new, self.header("header"), payload=message, identifier="self")
        return self.sealed("/aa", self.twist("message", "Ieee1609Dot2Data", message), self.lab.aa_certificate)

    def plain(self) -> Body:
        """A station without privacy sends ecSignature in clear."""
        return self.authorization(plain=True)

    def validation(self) -> Body:
        assert self._crew
        keys = wire.encode(etsi.PublicKeys(verification_key=self.key().public_key.to_verification_key()))
        shared, signature = self.shared_and_signature(self._crew[1], keys, self.dice.randbytes(32))
        request = self.twist("request", "AuthorizationValidationRequest", b"\x00" + shared + signature)
        pdu = self.twist("pdu", "EtsiTs102941Data", b"\x01\x87" + request)
        outer = sign(
            self.aa,
            self.header("header"),
            payload=pdu,
            certificate=self.lab.aa_certificate,
            identifier="digest",
        )
        outer = self.twist("message", "Ieee1609Dot2Data", outer)
        path = self.dice.choice(("/ea/validation", "/ea/validation", "/ea"))
        return self.sealed(path, outer, self.lab.ea_certificate)

    def sealed(self, path: str, plain: bytes, authority: Certificate) -> Body:
        sent = seal(plain, authority, self._crew[1].key)  # type: ignore[index]
        return Body(path, sent.body, "", authority, sent.aes)


_LAYERS = {
    "enrolment": ("wish", "wish", "wish", "header of the proof", "proof", "pdu", "header", "message"),
    "renewal": ("wish", "wish", "wish", "header of the proof", "proof", "pdu", "header", "message"),
    "authorization": (
        "keys", "keys", "shared", "shared", "shared", "header of ecSignature", "ecSignature", "wish", "pdu",
        "header", "message",
    ),
    "plain": ("keys", "shared", "shared", "header of ecSignature", "ecSignature", "wish", "pdu"),
    "validation": (
        "shared", "shared", "shared", "header of ecSignature", "ecSignature", "request", "pdu", "header",
        "message",
    ),
}  # fmt: skip


@dataclass
class Tally:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    inside: int = 0
    bodies: int = 0

    def take(self, lab: Lab, body: Body, reply: Reply) -> None:
        self.bodies += 1
        self.inside += body.aes is not None
        self.statuses[reply.status] += 1
        assert reply.status == 200 or 400 <= reply.status < 500, f"{body.wrong}: {reply}, {body.octets.hex()}"
        if reply.status == 200:
            assert reply.kind == RESPONSE_TYPE
            if body.aes is not None:
                self.codes[read(lab, body, reply.body)] += 1
        else:
            assert len(reply.body) < 200, reply.body  # a reason, nothing from the inside


def read(lab: Lab, body: Body, octets: bytes) -> str:
    """The answer's code, after a look at everything that must hold of any answer."""
    assert body.aes is not None
    message = SignedMessage.parse(decrypt_psk(octets, body.aes))
    message.verify(body.authority.verification_key, body.authority)
    value: Any = wire.decode(etsi.EtsiTs102941Data, message.payload).content.value
    assert value.request_hash == sha256(body.octets).digest()[:16], body.wrong
    if isinstance(value, etsi.AuthorizationValidationResponse):
        assert (value.response_code == "ok") == (value.confirmed_subject_attributes is not None)
        return f"validation {value.response_code}"
    assert (value.response_code == "ok") == (value.certificate is not None), body.wrong
    if value.certificate is not None:
        check_issued(lab, body, Certificate.of(value.certificate))
    return f"{'enrolment' if isinstance(value, etsi.InnerEcResponse) else 'ticket'} {value.response_code}"


def check_issued(lab: Lab, body: Body, certificate: Certificate) -> None:
    """Whatever was asked for: what was given is a certificate by all rules."""
    verify_chain([certificate, body.authority], lab.root, max(lab.clock.time32(), certificate.start))
    kind = "EC" if body.authority == lab.ea_certificate else "AT"
    broken = [finding for finding in lint_certificate(certificate, kind) if finding.rule.severity == "error"]
    assert not broken, (body.wrong, broken, certificate.octets.hex())


@pytest.fixture
def fuzz(worn: Lab) -> Iterator[Callable[..., Tally]]:
    """Sends a number of bodies, and holds the services to what they promise."""

    def run(bodies: int, *, good_every: int, report: Callable[[str], None] = print) -> Tally:
        report(f"\nseed {SEED}")
        tally = Tally()
        workers = {role: worn.workers(role) for role in ("ea", "aa", "dc")}
        errors = worn.metrics()["v2xpki_unexpected_errors_total"]
        warm: dict[int, int] = {}
        with AaSigner(worn.directory, worn.aa_certificate) as aa:
            forge = Forge(worn, Mutator(SEED), aa)
            for number in range(1, bodies + 1):
                body = forge.body()
                tally.take(worn, body, worn.post(body.path, body.octets, REQUEST_TYPE))
                if number % good_every == 0:
                    car = worn.station()
                    car.authorize(car.enrol()).ok()
                    sizes = {pid: rss(pid) for role in ("ea", "aa") for pid in worn.workers(role)}
                    report(f"{number} bodies, workers {sizes} KiB, {dict(sorted(tally.statuses.items()))}")
                    warm = warm or sizes
        assert {role: worn.workers(role) for role in workers} == workers, worn.said()
        assert worn.metrics()["v2xpki_unexpected_errors_total"] == errors == 0, worn.said()
        for pid, before in warm.items():
            assert rss(pid) - before < GROWTH * max(1, bodies / 10_000), (
                f"worker {pid} grew from {before} to {rss(pid)} KiB"
            )
        assert tally.inside >= 0.3 * tally.bodies
        report(f"{tally.inside} of {tally.bodies} wrong inside; {dict(tally.codes.most_common())}")
        return tally

    yield run


def test_the_forge_makes_what_the_services_accept(worn: Lab) -> None:
    """Without a change each flow succeeds: so what is changed inside is met where it lies."""
    with AaSigner(worn.directory, worn.aa_certificate) as aa:
        forge = Forge(worn, Mutator(1), aa)
        forge.body()
        for flow in (forge.enrolment, forge.renewal, forge.authorization, forge.plain, forge.validation):
            forge._target = ""
            body = flow()
            reply = worn.post(body.path, body.octets)
            assert reply.status == 200
            assert read(worn, body, reply.body).endswith(" ok") or body.path == "/ea", flow.__name__


def test_some_hundred_mutated_bodies_do_no_harm(fuzz: Callable[..., Tally]) -> None:
    tally = fuzz(int(os.environ.get("V2XPKI_FUZZ_BODIES", "600")), good_every=150)
    # deep enough: many kinds of refusal, and some requests that are still good
    assert len(tally.codes) >= 25


@pytest.mark.soak
def test_ten_thousand_mutated_bodies_do_no_harm(
    fuzz: Callable[..., Tally], capsys: pytest.CaptureFixture[str]
) -> None:
    def report(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    fuzz(int(os.environ.get("V2XPKI_FUZZ_BODIES", "10000")), good_every=1000, report=report)
