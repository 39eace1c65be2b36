"""Several PKIs under one TLM: real authorities in one process, lists over a source with fault switches.

world = World(folder, clock)
north, south = world.member("north", make_pki), world.member("south", make_pki)
world.publish(north, south)                    the ECTL with both roots
north.refresh(); south.refresh()
car = north.visitor(south)                     an EC of north, tickets of south
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.support.etsi import Pki, TestStation
from tests.unit.station.fake_pki import make_ca
from v2xpki import wire
from v2xpki.authorities.etsi.followed import FollowedPeers
from v2xpki.authorities.etsi.foreign_refresh import ForeignRefresh
from v2xpki.authorities.etsi.refresh import TrustRefresh
from v2xpki.authorities.etsi.stations import NewStation
from v2xpki.authorities.rounds import Fetched
from v2xpki.crypto import Certificate, Curve
from v2xpki.errors import LinkError
from v2xpki.keystore import MemoryKey
from v2xpki.secured import etsi_header, sign
from v2xpki.time import FixedClock
from v2xpki.trust.lists import (
    AaEntry,
    CrlSchedule,
    CtlSchedule,
    DcEntry,
    EaEntry,
    EctlSchedule,
    RcaEntry,
    TlmEntry,
    build_crl,
    build_ctl,
    build_ectl,
)

MONTH = 30 * 86400
CPOC = "http://cpoc.example"
INTERVAL = 60


@dataclass
class Web:
    """A ListSource: every centre of the world. `away`: hosts that do not answer."""

    documents: dict[str, bytes] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    on_call: Callable[[str], object] = lambda _url: None

    def get(self, url: str, etag: str = "") -> Fetched:
        self.asked.append(url)
        self.on_call(url)
        if url not in self.documents or any(f"//{host}." in url for host in self.away):
            raise LinkError(f"{url}: away")
        return Fetched(self.documents[url])


class World:
    """A TLM and what everybody publishes."""

    def __init__(self, folder: Path, clock: FixedClock) -> None:
        self.folder, self.clock, self.web = folder, clock, Web()
        self.tlm = make_ca("TLM", clock.time32())
        self.members: list[Member] = []
        self.sequences = itertools.count()

    def signed(self, data: Any, psid: int, key: Any, certificate: Certificate) -> bytes:
        return sign(
            key,
            etsi_header(psid, self.clock.time64()),
            payload=wire.encode(data),
            certificate=certificate,
            identifier="certificate",
        )

    def publish(self, *members: "Member", sequence: int | None = None, validity: int = MONTH) -> bytes:
        """The next ECTL, with these members' roots."""
        now, tlm = self.clock.time32(), self.tlm.certificate
        number = next(self.sequences) if sequence is None else sequence
        entries = [RcaEntry(m.pki.root) for m in members]
        centres = [DcEntry(m.dc, (m.pki.root.hashed_id8,)) for m in members]
        data = build_ectl(
            tlm, EctlSchedule(now, now + validity, number), [*entries, TlmEntry(tlm, CPOC), *centres]
        )
        octets = self.signed(data, 624, self.tlm.key, tlm)
        self.web.documents[f"{CPOC}/getectl/{tlm.hex8}"] = octets
        return octets

    def member(self, name: str, make_pki: Callable[..., Pki], **options: Any) -> "Member":
        member = Member(self, name)
        for role in ("ea", "aa"):
            member.trust(role).mkdir(parents=True)
        member.pki = make_pki(
            trusted=lambda role: FollowedPeers(member.trust(role), self.clock, foreign_roots=member.wanted),
            **options,
        )
        member.publish()
        for role in ("ea", "aa"):
            (member.trust(role) / "tlm.oer").write_bytes(self.tlm.certificate.octets)
            (member.trust(role) / "root.oer").write_bytes(member.pki.root.octets)
        self.members.append(member)
        return member


class Member:
    """A PKI whose EA and AA go by trust folders, and a stable of stations."""

    pki: Pki

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.wanted: list[str] = ["any"]
        self.dc = f"http://{name}.example/dc"
        self.ea_url = f"http://{name}.example/ea/validation"
        self.sequences = itertools.count()
        self.monotonic = 0.0

    def trust(self, role: str) -> Path:
        return self.world.folder / self.name / role / "trust"

    @property
    def hex8(self) -> str:
        return self.pki.root.hex8

    def publish(
        self,
        *,
        revoked: Sequence[Certificate] = (),
        entries: Sequence[Any] | None = None,
        by: "Member | None" = None,
        validity: int = MONTH,
    ) -> None:
        """The next CTL and CRL. by: another one signs them, in its own name."""
        now, web, signer = self.world.clock.time32(), self.world.web, by or self
        root, key = signer.pki.root, signer.pki.root_key
        if entries is None:
            entries = [
                EaEntry(signer.pki.ea_certificate, signer.ea_url),
                AaEntry(signer.pki.aa_certificate, f"http://{signer.name}.example/aa"),
            ]
        ctl = build_ctl(
            root,
            CtlSchedule(now, now + validity, next(self.sequences) % 256),
            [*entries, DcEntry(self.dc, (root.hashed_id8,))],
        )
        crl = build_crl(root, CrlSchedule(now, now + validity), revoked)
        self.put(web, "ctl", self.world.signed(ctl, 624, key, root))
        self.put(web, "crl", self.world.signed(crl, 622, key, root))

    def put(self, web: Web, kind: str, octets: bytes) -> None:
        web.documents[f"{self.dc}/get{kind}/{self.hex8}"] = octets

    def refresh(self, **options: Any) -> None:
        """A round of EA and AA, as an hour later; the first one brings everything."""
        self.world.clock.advance(INTERVAL)
        for role in ("ea", "aa"):
            self.rounds(role, **options).round()

    def rounds(self, role: str, count: Any = lambda _list, _outcome: None) -> TrustRefresh:
        folder, web, clock = self.trust(role), self.world.web, self.world.clock
        documents = {
            "ctl": web.documents[f"{self.dc}/getctl/{self.hex8}"],
            "crl": web.documents[f"{self.dc}/getcrl/{self.hex8}"],
            "ectl": web.documents[f"{CPOC}/getectl/{self.world.tlm.certificate.hex8}"],
        }
        for kind, octets in documents.items():  # what an operator puts there at the start
            path = folder / f"{kind}.oer"
            if not path.exists():
                path.write_bytes(octets)
        foreign = ForeignRefresh(
            folder, web, clock, self.wanted, interval=INTERVAL, count=count, monotonic=lambda: self.monotonic
        )
        return TrustRefresh(folder, web, clock, interval=INTERVAL, foreign=foreign, count=count)

    def visitor(self, host: "Member", name: str = "visitor") -> TestStation:
        """A station of this PKI that asks the host's AA for its tickets."""
        key = MemoryKey(Curve.NIST_P256)
        known = self.pki.register.register(NewStation(name.encode(), key.public_key, "vehicle"))
        host.pki.link.ea = self.pki.ea
        mixed = SimpleNamespace(
            clock=self.world.clock,
            ea=self.pki.ea,
            aa=host.pki.aa,
            ea_certificate=self.pki.ea_certificate,
            aa_certificate=host.pki.aa_certificate,
            notes=SimpleNamespace(seen=[("", "", "")]),  # each authority has its own
        )
        return TestStation(mixed, name.encode(), key, known)  # type: ignore[arg-type]
