"""A second PKI beside the demo's own: the vehicles believe each other while the ECTL has both roots.

The neighbour has a root, an EA and an AA in tokens of their own, and no TLM: it takes ours, with our ECTL. We
take its root onto the ECTL, and off again.
"""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from v2xpki.authorities.etsi import bootstrap, ectl_roots, publishing
from v2xpki.authorities.etsi.foreign_tlm import read_foreign_tlm
from v2xpki.config import FILE_NAME, Instance
from v2xpki.crypto import Certificate
from v2xpki.demo import packets
from v2xpki.demo.packets import Sender
from v2xpki.demo.report_etsi import Neighbour
from v2xpki.demo.serving import Ports, Server, write_settings
from v2xpki.trust.lists import RcaEntry, SignedList

if TYPE_CHECKING:
    from v2xpki.demo.etsi import Demo, Participant

NAME = "neighbour"
_SPEED = 1111  # cm/s
_OPERATOR = "v2xpki demo"


def visit(demo: "Demo", instance: Instance, car: "Participant") -> None:
    """The whole section. `car`: our vehicle, which has its tickets. Raises what a step raises."""
    with ExitStack() as stack:
        ports = Ports()
        stack.callback(ports.close)
        neighbour = _make(demo, instance, ports)
        server = _serve(demo, neighbour, ports)
        stack.callback(server.stop)
        other = _join(demo, neighbour, stack)
        _trust(demo, instance, neighbour, car, other)
        _distrust(demo, instance, car, other)
        with demo.steps.step("Its end") as note:
            for vehicle in (car, other):
                vehicle.http.close()  # or its services would wait for more of them
            code = server.stop()
            note("the neighbour's services ended in order" if code == 0 else f"exit code {code}")
        if code:
            demo.report.faults.append(f"the neighbour's serve ended with exit code {code}: {server.said()}")


def _make(demo: "Demo", instance: Instance, ports: Ports) -> Instance:
    with demo.steps.step("Second PKI") as note:
        tlm, ectl = demo.report.tlm, instance.path("tlm/lists/ectl-0.oer").read_bytes()
        plan = bootstrap.Plan(
            demo.directory / NAME,
            base_url=ports.url("http"),
            lab=True,
            operator=_OPERATOR,
            foreign_tlm=read_foreign_tlm(tlm, ectl, demo.clock.time32()),
        )
        made = bootstrap.initialise(plan, clock=demo.clock, progress=note)
        neighbour = write_settings(plan.directory, ports)
        # Its services fetch our ECTL over https: they have to know our TLS CA beside their own.
        trusted = b"".join(entry.tls_files().ca.read_bytes() for entry in (neighbour, instance))
        neighbour.path("tls/trusted.pem").write_bytes(trusted)
        with (plan.directory / FILE_NAME).open("a", encoding="utf-8") as file:
            file.write('\n[tls]\nca = "tls/trusted.pem"\n')
        note(f"a root, EA and AA of its own, {made.authorities[0].certificate.hex8}; the TLM is ours")
    return Instance.load(plan.directory)


def _serve(demo: "Demo", neighbour: Instance, ports: Ports) -> Server:
    with demo.steps.step("Its services") as note:
        server = Server(neighbour)
        try:
            server.await_ready()
        except BaseException:
            server.stop()
            raise
        ports.close()
        note(f"EA, AA, DC at {neighbour.base_url}")
    return server


def _join(demo: "Demo", neighbour: Instance, stack: ExitStack) -> "Participant":
    root = Certificate.parse(neighbour.domain("root").certificate_path.read_bytes())
    other = demo.participant(NAME, Sender.car(demo.place, _SPEED), stack, root=root.hex8)
    demo.register(neighbour, other)
    demo.artifacts.certificate(f"{NAME}-root", root)
    demo.report.neighbour = Neighbour(neighbour.directory, neighbour.base_url, root)
    return other


def _trust(
    demo: "Demo", instance: Instance, neighbour: Instance, car: "Participant", other: "Participant"
) -> None:
    assert demo.report.neighbour is not None
    root = demo.report.neighbour.root
    with demo.steps.step("One ECTL") as note:
        note("takes the neighbour's root onto it")
        wanted = ectl_roots.with_root(
            publishing.present_entries(instance, "ectl"),
            root,
            f"{neighbour.base_url}/dc",
            demo.clock.time32(),
        )
        published = publishing.publish_ectl(instance, entries=wanted, operator=_OPERATOR, clock=demo.clock)
        full = next(path.read_bytes() for path in published.lists if "delta" not in path.name)
        demo.artifacts.trust_list("ectl-of-both", full)
        note("both vehicles refresh; the neighbour's gets its tickets")
        car.station.refresh()
        other.station.refresh()
        other.station.enrol()
        other.tickets += other.station.authorize(1, permissions=demo.permissions)
        pki = other.station.pki
        for name, certificate in (
            ("ea", pki.ea.certificate),
            ("aa", pki.aa.certificate),
            ("at", other.tickets[0]),
        ):
            demo.artifacts.certificate(f"{NAME}-{name}", certificate)
        for number, (sender, receiver) in enumerate(
            ((car, other), (other, car)), len(demo.report.messages) + 1
        ):
            demo.say(sender, receiver, packets.CAR_AT_50, number, " to one of another PKI")
        heard = demo.report.messages[-2:]
        accepted = sum(1 for message in heard if message.verdict == "valid")
        roots = sum(1 for entry in SignedList.parse(full).entries if isinstance(entry, RcaEntry))
        note(f"{roots} roots; {accepted} of 2 CAMs accepted by the other PKI's vehicle")


def _distrust(demo: "Demo", instance: Instance, car: "Participant", other: "Participant") -> None:
    assert demo.report.neighbour is not None
    with demo.steps.step("Off the ECTL") as note:
        note("takes the neighbour's root off again")
        wanted = ectl_roots.without_root(
            publishing.present_entries(instance, "ectl"), demo.report.neighbour.root.hashed_id8
        )
        publishing.publish_ectl(instance, entries=wanted, operator=_OPERATOR, clock=demo.clock)
        car.station.refresh()
        message = demo.distrust(other, car, packets.JAM_AHEAD)
        note(f"our vehicle refuses its: {message.reason}" if message.rule else "and is believed all the same")
