"""A vehicle of the SCMS demo is revoked: an operator names one of its pseudonyms, and all are refused."""

import json
from typing import TYPE_CHECKING

from v2xpki import wire
from v2xpki.config import Instance
from v2xpki.crypto import Certificate
from v2xpki.demo.basis import OPERATOR
from v2xpki.demo.j2735 import GREEN_LIGHT
from v2xpki.demo.report import Refusal
from v2xpki.demo.report_scms import Revocation
from v2xpki.demo.scms_device import DENIED, Device, refused
from v2xpki.demo.scms_forgery import signed
from v2xpki.demo.serving import command
from v2xpki.errors import V2xPkiError
from v2xpki.trust.scms_crl import ScmsCrl
from v2xpki.trust.scms_ctl import cert_pdu
from v2xpki.wire import dot2, scms

if TYPE_CHECKING:
    from v2xpki.demo.scms import Demo

_REASON = "demonstration"


def revoke(demo: "Demo", instance: Instance, bad: Device, other: Device, unit: Device) -> None:
    """The whole section. bad: whose first message was heard by `other`. Raises what a step raises."""
    first = next(entry for entry in demo.report.messages if entry.sender == bad.name)
    with demo.steps.step("Revocation") as note:
        note("an operator names one pseudonym")
        named = Certificate.parse(first.chain[0].read_bytes())
        _by_operator(instance, str(first.chain[0]))
        note("the others fetch the CRL")
        for device in (other, unit):
            demo.refresh(device)
        crl = _keep_crls(demo, other)
        _hear_revoked(demo, named, bad, other)
        count = _refused(bad, other), _refused(other, unit)
        seeds = tuple(seed for one in crl.linked for seed in (one.entry.seed1, one.entry.seed2))
        demo.report.revocation = Revocation(named, seeds, len(bad.credentials), *count)
        _check(demo)
        note(f"one named; {count[0]} pseudonyms of {bad.name} refused, {count[1]} of {other.name}")
    with demo.steps.step("Afterwards") as note:
        demo.say(other, unit, more=", as before")
        demo.say(unit, other, GREEN_LIGHT, more=", as before")
        _refuse_request(demo, bad)
        note(f"the others believe each other as before; {bad.name} gets no more pseudonyms")


def _by_operator(instance: Instance, path: str) -> None:
    """`v2xpki ma revoke`, which has the MA's token to itself. Raises V2xPkiError."""
    record = ("--reason", _REASON, "--operator", OPERATOR)
    said = command("ma", "revoke", instance.directory, path, *record, "--yes", "--json")
    state = json.loads(said)["state"]
    if state != "revoked":
        raise V2xPkiError(f"the case is {state}, not revoked")


def _keep_crls(demo: "Demo", device: Device) -> ScmsCrl:
    """The composite CRL as it was fetched, and the one of pseudonyms."""
    octets = device.station.directory.document("composite-crl") or b""
    demo.artifacts.trust_list("composite-crl", octets)
    record = cert_pdu(wire.decode(dot2.Ieee1609Dot2Data, octets), scms.CompositeCrl)
    crls = [ScmsCrl.parse(wire.encode(data)) for data in record.crl]
    linked = next((crl for crl in crls if crl.family == "linked"), None)
    if linked is None:
        raise V2xPkiError("the distribution centre has no CRL of pseudonyms")
    demo.artifacts.trust_list("crl", linked.octets)
    return linked


def _hear_revoked(demo: "Demo", named: Certificate, bad: Device, other: Device) -> None:
    """Two messages of the vehicle, which knows of nothing, under pseudonyms that nobody named."""
    for number in (1, 2):
        bad.rotate([named])
        octets, said = demo.signed(bad)
        chain = (bad.in_use(said.psid), *demo.above)
        who, verdict = (bad.name, other.name), other.hear(octets)
        entry = demo.message(
            f"revoked-{number}",
            octets,
            chain,
            said.name,
            who,
            f"{said.says}, revoked",
            verdict,
            "certificate",
        )
        demo.report.revoked.append(entry)


def _refused(sender: Device, receiver: Device) -> int:
    """How many of a vehicle's present pseudonyms, signing a message each, a receiver refuses as revoked."""
    assert sender.car is not None
    count = 0
    for held in sender.credentials:
        now = sender.station.clock.time64()
        verdict = receiver.hear(signed(held.key, held.certificate, sender.car.bsm(now), now))
        count += verdict.rule == "certificate" and "revoked" in (verdict.reason or "")
    return count


def _check(demo: "Demo") -> None:
    found = demo.report.revocation
    assert found is not None
    if found.refused != found.held:
        demo.report.faults.append(f"{found.refused} of {found.held} pseudonyms of a revoked vehicle refused")
    if found.others:
        demo.report.faults.append(f"{found.others} pseudonyms of another vehicle refused as revoked")


def _refuse_request(demo: "Demo", bad: Device) -> None:
    code = refused(bad.station.request)
    demo.report.refusals.append(Refusal("pseudonyms for a vehicle that is revoked", code, DENIED))
