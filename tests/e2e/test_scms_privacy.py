"""Who in an SCMS can follow a vehicle: every combination of its components, with all that they keep.

Each component's database is opened with the secrets that its token unwraps, and taken apart into statements
"these values belong together". What a combination knows is what its statements, joined, tell: the table of
collusions in docs/privacy.md, line by line.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import pytest

from tests.support.etsi import rows
from tests.support.joining import Held, join, public_runs, runs_of, vocabulary
from tests.support.scms_pki import POLICY, Pki
from v2xpki.authorities.scms.la import LinkageAuthority
from v2xpki.authorities.scms.la_chains import Chain
from v2xpki.bench.scms_laboratory import LA_IDS
from v2xpki.crypto import Certificate, linkage_values, pre_linkage_values, seed_after
from v2xpki.station.scms.device import ScmsVehicle
from v2xpki.store import Database
from v2xpki.wire import dot2

COMPONENTS = "eca", "ra", "aca", "la1", "la2"
VEHICLES, CERTIFICATES, PERIODS = 3, 3, 2
Statement = tuple[Any, ...]  # values that belong together


class Joined:
    """A partition of values by the statements that name them together."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._parent: dict[Any, Any] = {}
        for first, *others in statements:
            for other in others:
                self._parent[self._root(first)] = self._root(other)

    def _root(self, value: Any) -> Any:
        self._parent.setdefault(value, value)
        while self._parent[value] != value:
            self._parent[value] = self._parent[self._parent[value]]
            value = self._parent[value]
        return value

    def ties(self, one: Any, other: Any) -> bool:
        return self._root(one) == self._root(other)


@dataclass
class Truth:
    """What only a vehicle itself knows."""

    name: str
    enrolment: Certificate
    certificates: list[Certificate] = field(default_factory=list)


@dataclass
class World:
    pki: Pki
    vehicles: list[Truth]
    knowledge: dict[str, list[Statement]]

    def joined(self, who: Iterable[str]) -> Joined:
        chosen = set(who)
        statements = [one for name in chosen for one in self.knowledge[name]]
        heard = [("certificate", one.digest) for v in self.vehicles for one in v.certificates]
        statements += [
            (("linkage value", _linkage_value(one)), ("certificate", one.digest)) for one in self.all()
        ]
        if {"la1", "la2"} <= chosen:
            statements += self._both_halves()
        return Joined([*statements, *((one,) for one in heard)])

    def all(self) -> Iterator[Certificate]:
        for vehicle in self.vehicles:
            yield from vehicle.certificates

    def _both_halves(self) -> Iterator[Statement]:
        """Two linkage authorities compute all linkage values of all pairs of their chains: those that were
        heard on the road tell which pairs are a vehicle's."""
        heard = {_linkage_value(one) for one in self.all()}
        one, other = (
            {key: (chain, value) for chain, key, value in self.knowledge[f"{name} values"]}
            for name in ("la1", "la2")
        )
        for (chain1, i, j), (_, plv1) in one.items():
            for (chain2, i2, j2), (_, plv2) in other.items():
                if (i, j) == (i2, j2):
                    (value,) = linkage_values([plv1], [plv2])
                    if value in heard:
                        yield chain1, chain2, ("linkage value", value)


def _linkage_value(certificate: Certificate) -> Any:
    identity = certificate.record.to_be_signed.id.value
    assert isinstance(identity, dot2.LinkageData)
    return identity.linkage_value


def of_eca(pki: Pki) -> list[Statement]:
    made = []
    for device in pki.register.all():
        for certificate in pki.register.certificates(device.id):
            made.append((("device", device.canonical_id), ("enrolment", certificate.hashed_id8)))
    return made


def of_ra(pki: Pki) -> list[Statement]:
    made: list[Statement] = []
    for table, row in rows(pki.lab.databases["ra"]):
        if table == "ra_enrolment":
            made.append((("enrolment", bytes(row["hashed_id8"])), ("ra device", bytes(row["device"]))))
        elif table == "ra_request":
            request = ("request", bytes(row["id"]))
            made.append((("ra device", bytes(row["device"])), request))
            made += [(request, ("lci", la, bytes(row[la]))) for la in ("lci1", "lci2")]
        elif table == "ra_batch" and row["hashes"]:
            names, request = bytes(row["hashes"]), ("request", bytes(row["request"]))
            made += [(request, ("name", names[n : n + 8])) for n in range(0, len(names), 8)]
    return made


def of_aca(pki: Pki, heard: Iterable[Certificate]) -> list[Statement]:
    made = []
    for certificate in heard:
        linked = pki.lab.aca.linked(certificate)
        assert linked is not None
        plvs = {linked.la_id1: linked.plv1, linked.la_id2: linked.plv2}
        made.append(
            (
                ("certificate", certificate.digest),
                ("name", linked.request_hash),
                *(("plv", la_id, plvs[la_id]) for la_id in LA_IDS),
            )
        )
    return made


def of_la(la: LinkageAuthority, database: Database, lci: str) -> tuple[list[Statement], list[Statement]]:
    """What it says, and its values: (chain, (chain, i, j), value)."""
    made: list[Statement] = []
    values: list[Statement] = []
    for table, row in rows(database):
        if table != "linkage_chain":
            continue
        chain = Chain(row["id"], row["first"], row["sealed"], row["revoked_from"], row["expires"])
        seed, named = la.chains.open(chain)
        name = ("chain", la.la_id, chain.id)
        made.append((name, ("lci", lci, named.lci)))
        for i in range(chain.first, chain.first + PERIODS):
            plvs = pre_linkage_values(
                la.la_id, seed_after(la.la_id, seed, i - chain.first), range(CERTIFICATES)
            )
            for j, value in enumerate(plvs):
                made.append((name, ("plv", la.la_id, value)))
                values.append((name, (name, i, j), value))
    return made, values


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three vehicles with pseudonyms of two periods, mixed by the RA."""
    folder = tmp_path_factory.mktemp("scms")
    policy = replace(
        POLICY, certificates=CERTIFICATES, preload=POLICY.period, mix_vehicles=VEHICLES, mix_wait=3600
    )
    pki = Pki(folder, policy)
    devices = [pki.device(folder / f"vehicle-{n}") for n in range(VEHICLES)]
    vehicles = []
    for device in devices:
        assert isinstance(device, ScmsVehicle)
        device.refresh()
        vehicles.append(Truth(device.directory.path.name, device.enrol()))
        device.request()
        pki.clock.advance(61)
    pki.lab.work()
    pki.clock.advance(120)
    for device, vehicle in zip(devices, vehicles, strict=True):
        device.download()
        vehicle.certificates = [held.certificate for held in device.credentials.all()]
        assert len(vehicle.certificates) == CERTIFICATES * PERIODS
    heard = [one for vehicle in vehicles for one in vehicle.certificates]
    knowledge = {"eca": of_eca(pki), "ra": of_ra(pki), "aca": of_aca(pki, heard)}
    for n, la in enumerate(pki.lab.las, 1):
        knowledge[f"la{n}"], knowledge[f"la{n} values"] = of_la(la, pki.lab.databases[f"la{n}"], f"lci{n}")
    yield World(pki, vehicles, knowledge)
    pki.close()


SUBSETS = [subset for size in range(len(COMPONENTS) + 1) for subset in combinations(COMPONENTS, size)]


def may_link(who: set[str]) -> bool:
    return ("aca" in who and bool(who & {"ra", "la1", "la2"})) or {"la1", "la2"} <= who


def may_name(who: set[str]) -> bool:
    return {"aca", "ra"} <= who or {"ra", "la1", "la2"} <= who


@pytest.mark.parametrize("who", SUBSETS, ids=lambda who: "+".join(who) or "nobody")
def test_exactly_the_collusions_of_the_table_can_follow_a_vehicle(world: World, who: tuple[str, ...]) -> None:
    joined = world.joined(who)
    links, names, devices = set(), set(), set()
    for vehicle in world.vehicles:
        ids = [("certificate", one.digest) for one in vehicle.certificates]
        links |= {joined.ties(ids[0], other) for other in ids[1:]}
        names |= {joined.ties(one, ("enrolment", vehicle.enrolment.hashed_id8)) for one in ids}
        devices |= {joined.ties(one, ("device", vehicle.name)) for one in ids}
    assert links == {may_link(set(who))}, "which pseudonyms belong together"
    assert names == {may_name(set(who))}, "of which enrolment certificate"
    assert devices == {may_name(set(who)) and "eca" in who}, "of which device"


@pytest.mark.parametrize("who", SUBSETS, ids=lambda who: "+".join(who) or "nobody")
def test_no_collusion_takes_two_vehicles_for_one(world: World, who: tuple[str, ...]) -> None:
    """So that the joins above mean something: what they tie together does belong together."""
    joined = world.joined(who)
    firsts = [("certificate", vehicle.certificates[0].digest) for vehicle in world.vehicles]
    assert not any(joined.ties(one, other) for one, other in combinations(firsts, 2))


def held(pki: Pki, name: str) -> Held:
    return Held.of(pki.eca_database if name == "eca" else pki.lab.databases[name])


@dataclass
class Public:
    """What everybody knows, and what the encodings of all vehicles' things have in common.

    Two octets beside six of an encoding are no value that both hold: a run of eight that has them is found by
    chance, one in ten times where keys of many certificates follow the same octets. A value that both do hold
    has runs of its own.
    """

    known: set[bytes]
    fixed: set[bytes]  # runs of _FIXED octets

    @classmethod
    def of(cls, world: World) -> "Public":
        lab = world.pki.lab
        known = public_runs(
            [lab.aca_certificate, lab.ra, world.pki.eca_certificate, world.pki.root.certificate]
        )
        fixed: set[bytes] = set()
        for same in (
            [vehicle.enrolment.octets for vehicle in world.vehicles],
            [one.octets for one in world.all()],
            [bytes(row["wish"]) for table, row in rows(lab.databases["ra"]) if table == "ra_request"],
            [bytes(row["answer"]) for table, row in rows(lab.databases["ra"]) if table == "ra_answer"],
        ):
            assert len(same) >= VEHICLES
            fixed |= set.intersection(*(runs_of(_in_one_form(octets), _FIXED) for octets in same))
        return cls(known | vocabulary(), fixed)

    def __contains__(self, run: bytes) -> bool:
        return run in self.known or not self.fixed.isdisjoint(runs_of(_in_one_form(run), _FIXED))


_FIXED = 6


def _in_one_form(octets: bytes) -> bytes:
    """The form of a compressed point is one bit."""
    return octets.replace(b"\x80\x80\x83", b"\x80\x80\x82")


@pytest.mark.parametrize("pair", list(combinations(COMPONENTS, 2)), ids="+".join)
def test_stolen_databases_have_nothing_in_common(world: World, pair: tuple[str, str]) -> None:
    """Without the tokens that unwrap their secrets. ECA and RA have the enrolment certificates in common."""
    both = join(held(world.pki, pair[0]), held(world.pki, pair[1]))
    allowed = Public.of(world)
    if pair == ("eca", "ra"):
        allowed.known |= public_runs([vehicle.enrolment for vehicle in world.vehicles])
    assert not {run: where for run, where in both.items() if run not in allowed}


@pytest.mark.parametrize("name", COMPONENTS)
def test_no_database_has_a_time_finer_than_an_hour(world: World, name: str) -> None:
    times = held(world.pki, name).fine_times()
    # when a period or a certificate ends is the same for all
    shared = {world.pki.lab.periods.end(i) for i in range(PERIODS + 1)}
    shared |= {one.end for vehicle in world.vehicles for one in (vehicle.enrolment,)}
    random = 1 << 33  # from here on no number is a time
    assert not [(where, value) for where, value in times if value not in shared and value < random]


def test_no_component_but_the_aca_keeps_a_pseudonym_or_its_linkage_value(world: World) -> None:
    for name in ("eca", "ra", "la1", "la2"):
        runs = held(world.pki, name).runs()
        for certificate in world.all():
            assert _linkage_value(certificate)[:8] not in runs, name
            assert certificate.verification_key.point[1:9] not in runs, name
            assert certificate.hashed_id8 not in runs, name


def test_the_aca_cannot_tell_by_its_chunks_whose_certificates_they_are(world: World) -> None:
    """Every chunk holds certificates of all vehicles that the RA mixed, in no order of theirs."""
    from v2xpki.store.chunks import unpack

    owner = {one.octets: vehicle.name for vehicle in world.vehicles for one in vehicle.certificates}
    chunks = [
        [owner[entry.octets] for entry in unpack(bytes(row["octets"]))]
        for table, row in rows(world.pki.lab.databases["aca"])
        if table == "issuance_chunk"
    ]
    assert chunks
    for chunk in chunks:
        assert len(set(chunk)) == VEHICLES
    grouped = [chunk for chunk in chunks if sorted(chunk) == chunk]
    assert not grouped or len(grouped) < len(chunks)


def test_a_value_that_two_hold_would_be_found_in_spite_of_what_is_public(world: World) -> None:
    allowed, ra = Public.of(world), world.pki.lab.databases["ra"]
    values = [bytes(row[name]) for table, row in rows(ra) if table == "ra_request" for name in ("id", "lci1")]
    values += [one.verification_key.point[1:] for one in world.all()]
    for value in values:
        assert any(run not in allowed for run in runs_of(value))
