"""Every threat that Uptane names, against a vehicle's Primary and its Secondaries, over real HTTP.

Each refusal has its reason, is told in the next manifest, and leaves every ECU with the image it had.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, TargetFile

from tests.support.ota_oem import (
    DIRECTOR,
    IMAGE,
    MANIFESTS,
    TARGETS,
    VIN,
    Answer,
    Listener,
    Oem,
    Repository,
)
from tests.support.ota_vehicle import Vehicle
from v2xpki.station.errors import BadState, Refusal
from v2xpki.station.ota import repository_view
from v2xpki.station.ota.fetching import Pace
from v2xpki.station.ota.reasons import Threat, UpdateRefused
from v2xpki.station.ota.secondary import Offer
from v2xpki.station.ota.vehicle import secondaries_of
from v2xpki.time import HOUR, FixedClock
from v2xpki.trust.ota.manifest import Manifest

NOW = 720_000_000
OLD = {ecu: b"factory " + ecu.encode() for ecu in ("gateway", "brake", "radio")}
NEW = {ecu: b"new " + ecu.encode() * 100 for ecu in OLD}
HARDWARE = {"gateway": "gw-1", "brake": "brake-1", "radio": "radio-1"}


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with Listener() as made:
        yield made


@pytest.fixture(autouse=True)
def _no_power_is_lost_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # half of these tests' time


@dataclass
class World:
    oem: Oem
    vehicle: Vehicle
    clock: FixedClock

    def release(self, ecu: str, version: int, content: bytes | None = None, **fields: object) -> str:
        return self.oem.release(HARDWARE[ecu], "fw", f"{version}.0", version, content or NEW[ecu], **fields)

    def good_update(self, *ecus: str, version: int = 2) -> dict[str, str]:
        """A release for each ECU, directed; the paths."""
        paths = {ecu: self.release(ecu, version) for ecu in ecus or OLD}
        self.oem.direct(paths)
        return paths

    def refuses(self, reason: Threat, *, tells: str = "gateway", has: dict[str, bytes] | None = None) -> None:
        """The next cycle is refused for this reason, and all stays as it was."""
        before = self.vehicle.running()
        with pytest.raises(UpdateRefused) as refused:
            self.vehicle.update()
        assert refused.value.reason is reason, str(refused.value)
        assert self.vehicle.running() == before == (has or before)
        assert self.vehicle.attacks()[tells].startswith(reason.value)

    def installs(self, **expected: bytes) -> None:
        """The next cycle leaves the ECUs with these images, and the others as they were."""
        wanted = self.vehicle.running() | expected
        self.vehicle.update()
        assert self.vehicle.running() == wanted
        assert {told["attack"] for told in self.vehicle.kept().values()} == {None}


@pytest.fixture
def make_world(listener: Listener, tmp_path: Path) -> Callable[..., World]:
    def make(**options: object) -> World:
        oem, clock = Oem(NOW), FixedClock(NOW)
        listener.oem = oem
        return World(oem, Vehicle.make(tmp_path / "ota", oem, listener.url, clock, **options), clock)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


def republish(repository: Repository, now: int) -> None:
    repository.now = now
    repository.publish()


def cut(answer: Answer) -> Answer:
    body = b"".join(answer.parts)
    return Answer(answer.status, [body[: len(body) // 2]], answer.headers, len(body))


def failing(status: int, body: bytes = b"") -> Callable[[Answer], Answer]:
    return lambda _: Answer(status, [body])


# --- the positive control -----------------------------------------------------------------------------------


def test_a_good_update_of_three_ecus_installs_and_is_reported(world: World) -> None:
    paths = world.good_update()
    world.installs(**NEW)
    first, last = world.oem.manifests[0]["signed"], world.oem.manifests[-1]["signed"]
    assert last["counter"] > first["counter"] and last["vehicleId"] == VIN
    for ecu, report in last["ecuManifests"].items():
        assert report["signed"]["installed"]["path"] == paths[ecu]
        assert report["signed"]["installed"]["sha256"] == hashlib.sha256(NEW[ecu]).hexdigest()


def test_manifests_parse_and_verify_and_no_counter_comes_twice_even_after_switching_off(world: World) -> None:
    seen: dict[str, list[int]] = {}
    for _ in range(3):
        manifest = Manifest.parse(world.vehicle.primary().manifest(NOW))
        for name, counter in [("", manifest.counter), *((e, r.counter) for e, r in manifest.reports.items())]:
            seen.setdefault(name, []).append(counter)
        for ecu, report in manifest.reports.items():
            if report.signature is not None:
                key = world.vehicle.directory.ecu(ecu).key.public_key
                assert report.signature["keyid"] == key.keyid
    assert all(counters == sorted(set(counters)) for counters in seen.values())


def test_nothing_directed_installs_nothing_and_is_no_attack(world: World) -> None:
    world.installs()
    assert len(world.oem.manifests) == 1


def test_what_did_not_change_is_not_downloaded_again(world: World) -> None:
    world.good_update()
    world.installs(**NEW)
    world.oem.requests.clear()
    world.installs()
    fetched = [path for method, path, _ in world.oem.requests if method == "GET"]
    asked = {path.rpartition("/")[2] for path in fetched}
    assert asked == {"2.root.json", "timestamp.json"}


# --- eavesdropping ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["director", "images"])
def test_eavesdropping_plain_http_is_refused_where_it_was_not_allowed(
    make_world: Callable[..., World], which: str
) -> None:
    world = make_world()
    world.good_update()
    allowed = getattr(world.vehicle, which)
    allowed._plain = False
    before = len(world.oem.requests)
    world.refuses(Threat.EAVESDROPPING, has=OLD)
    if which == "director":
        assert len(world.oem.requests) == before  # not even the manifest went out
    allowed._plain = True
    world.installs(**NEW)


# --- drop-request -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *(DIRECTOR + name for name in ("timestamp", "3.snapshot", "3.targets")),
        *(IMAGE + name for name in ("timestamp", "4.snapshot", "4.targets")),
    ],
)
def test_drop_request_missing_metadata_is_refused(world: World, path: str) -> None:
    world.good_update()
    world.oem.faults[path] = failing(404)
    world.refuses(Threat.DROP_REQUEST, has=OLD)
    world.oem.faults.clear()
    world.installs(**NEW)


def test_drop_request_an_image_that_is_cut_off_is_not_installed_and_resumes_where_it_stopped(
    world: World,
) -> None:
    world.good_update("brake")
    world.oem.faults["fw.bin"] = lambda a: a if b"payload" in b"".join(a.parts) else cut(a)
    world.refuses(Threat.DROP_REQUEST, has=OLD)
    world.oem.faults.clear()
    world.oem.requests.clear()
    world.installs(brake=NEW["brake"])
    ranges = [headers.get("range") for _, path, headers in world.oem.requests if path.endswith("fw.bin")]
    assert ranges == [f"bytes={len(NEW['brake']) // 2}-"]


def test_drop_request_another_range_than_the_one_asked_for_is_not_put_together(world: World) -> None:
    world.good_update("brake")
    world.oem.faults["fw.bin"] = lambda a: a if b"payload" in b"".join(a.parts) else cut(a)
    world.refuses(Threat.DROP_REQUEST, has=OLD)
    world.oem.faults["fw.bin"] = lambda a: a._replace(headers={"Content-Range": "bytes 1-2/3"})
    world.refuses(Threat.DENIAL_OF_SERVICE, has=OLD)
    world.oem.faults.clear()
    world.installs(brake=NEW["brake"])


# --- slow retrieval -----------------------------------------------------------------------------------------


class Slow:
    """A monotonic clock that goes on whenever it is asked."""

    def __init__(self) -> None:
        self.step, self.now = 0.0, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.mark.parametrize("path", [TARGETS, DIRECTOR + "timestamp", IMAGE + "timestamp"])
def test_slow_retrieval_is_given_up(make_world: Callable[..., World], path: str) -> None:
    slow = Slow()
    world = make_world(pace=Pace(grace=10, least_rate=1000), monotonic=slow)
    world.good_update("brake")

    def drip(answer: Answer) -> Answer:
        slow.step = 11.0
        return answer

    world.oem.faults[path] = drip
    world.refuses(Threat.SLOW_RETRIEVAL, has=OLD)
    world.oem.faults.clear()
    slow.step = 0.0
    world.installs(brake=NEW["brake"])


def test_slow_retrieval_a_server_that_keeps_the_rate_up_ends_all_the_same(
    make_world: Callable[..., World],
) -> None:
    slow = Slow()
    world = make_world(pace=Pace(grace=10, least_rate=1, total=60), monotonic=slow)
    world.good_update("brake")

    def drip(answer: Answer) -> Answer:
        slow.step = 61.0
        return answer

    world.oem.faults[TARGETS] = drip
    world.refuses(Threat.SLOW_RETRIEVAL, has=OLD)


# --- freeze -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frozen", ["director", "image"])
def test_freeze_metadata_that_has_ended_is_refused(world: World, frozen: str) -> None:
    world.good_update()
    world.clock.advance(25 * HOUR)
    for name in {"director", "image"} - {frozen}:
        republish(getattr(world.oem, name), world.clock.now)
    world.refuses(Threat.FREEZE, has=OLD)
    republish(getattr(world.oem, frozen), world.clock.now)
    world.installs(**NEW)


def test_freeze_a_root_that_has_ended_is_refused_though_all_else_is_in_force(world: World) -> None:
    world.good_update()
    world.clock.advance(366 * 24 * HOUR)
    for repository in (world.oem.director, world.oem.image):
        republish(repository, world.clock.now)
    world.refuses(Threat.FREEZE, has=OLD)
    for repository in (world.oem.director, world.oem.image):
        repository.publish_root()
    world.installs(**NEW)


def test_freeze_a_clock_that_is_turned_back_does_not_bring_ended_metadata_back(world: World) -> None:
    world.clock.advance(20 * HOUR)
    world.installs()
    world.clock.advance(10 * HOUR)
    world.refuses(Threat.FREEZE)
    world.clock.advance(-20 * HOUR)  # to a time at which it was in force
    world.refuses(Threat.FREEZE)


def test_freeze_a_clock_that_ran_ahead_locks_nobody_out_once_it_is_right(world: World) -> None:
    world.good_update()
    world.clock.advance(20 * 365 * 24 * HOUR)
    world.refuses(Threat.FREEZE, has=OLD)
    world.clock.now = NOW
    world.installs(**NEW)


def test_freeze_a_secondary_judges_by_its_own_clock(world: World) -> None:
    world.good_update()
    primary = world.vehicle.primary()
    for one in primary._secondaries.values():
        one._clock = FixedClock(NOW + 25 * HOUR)  # type: ignore[attr-defined]
    with pytest.raises(UpdateRefused) as refused:
        primary.update()
    assert refused.value.reason is Threat.PARTIAL_BUNDLE
    assert isinstance(refused.value.__cause__, UpdateRefused)
    assert refused.value.__cause__.reason is Threat.FREEZE
    assert world.vehicle.running() == OLD


# --- partial bundle -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["gateway", "brake", "radio"])
def test_partial_bundle_one_image_of_three_withheld_leaves_all_three_as_they_were(
    world: World, missing: str
) -> None:
    world.good_update()
    world.oem.faults[f"{TARGETS}{HARDWARE[missing]}"] = failing(404)
    world.refuses(Threat.PARTIAL_BUNDLE, has=OLD)
    world.oem.faults.clear()
    world.installs(**NEW)


def test_partial_bundle_one_secondary_that_refuses_keeps_the_others_from_changing(world: World) -> None:
    world.good_update()
    primary = world.vehicle.primary()
    radio = primary._secondaries["radio"]
    stage = radio.memory.stage
    radio.memory.stage = lambda image, wanted: stage(Path("/dev/null"), wanted)  # type: ignore[method-assign]
    with pytest.raises(UpdateRefused) as refused:
        primary.update()
    assert refused.value.reason is Threat.PARTIAL_BUNDLE and refused.value.ecu == "radio"
    assert world.vehicle.running() == OLD
    attacks = world.vehicle.attacks()
    assert attacks["radio"].startswith("arbitrary-software") and attacks["gateway"].startswith(
        "partial-bundle"
    )


# --- denial of service --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [MANIFESTS, DIRECTOR, IMAGE, TARGETS])
@pytest.mark.parametrize("fault", [failing(500), failing(200, b"\x00garbage")], ids=["500", "garbage"])
def test_denial_of_service_the_vehicle_runs_on_with_its_old_software(
    world: World, path: str, fault: Callable[[Answer], Answer]
) -> None:
    world.good_update("brake")
    world.oem.faults[path] = fault
    before = world.vehicle.running()
    if path == MANIFESTS and b"garbage" in b"".join(fault(Answer(200, [])).parts):
        world.installs(brake=NEW["brake"])  # the answer to a manifest decides nothing
        return
    with pytest.raises(UpdateRefused) as refused:
        world.vehicle.update()
    assert refused.value.reason in (Threat.DENIAL_OF_SERVICE, Threat.PROVENANCE)
    assert world.vehicle.running() == before
    world.oem.faults.clear()
    world.installs(brake=NEW["brake"])


def test_denial_of_service_no_server_at_all(world: World, tmp_path: Path) -> None:
    world.good_update("brake")
    there = world.vehicle.director
    world.vehicle.director = type(there)(there._http, "http://127.0.0.1:9", plain=True)
    world.refuses(Threat.DROP_REQUEST, has=OLD)
    world.vehicle.director = there
    world.installs(brake=NEW["brake"])


def test_a_director_that_does_not_take_the_manifest_is_told_apart_from_an_attack(world: World) -> None:
    world.good_update()
    world.oem.faults[MANIFESTS] = failing(403, b'{"detail":"this vehicle is blocked"}')
    with pytest.raises(Refusal, match="this vehicle is blocked"):
        world.vehicle.update()
    assert world.vehicle.running() == OLD


# --- rollback -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["director", "image"])
def test_rollback_of_metadata_is_refused(world: World, name: str) -> None:
    repository: Repository = getattr(world.oem, name)
    old = dict(repository.files)
    world.good_update()
    world.installs(**NEW)
    now = repository.files
    repository.files = now | {"timestamp.json": old["timestamp.json"]}
    world.refuses(Threat.ROLLBACK, has=NEW)
    repository.files = now
    world.installs()


def test_rollback_to_an_image_with_a_lower_release_counter_is_refused(world: World) -> None:
    first = world.good_update("brake", version=2)["brake"]
    world.installs(brake=NEW["brake"])
    world.oem.direct({"brake": world.release("brake", 3, b"newer")})
    world.installs(brake=b"newer")
    world.oem.direct({"brake": first})
    world.refuses(Threat.ROLLBACK)


def test_rollback_that_the_release_expressly_allows_is_installed(world: World) -> None:
    world.oem.direct({"brake": world.release("brake", 3, b"broken")})
    world.installs(brake=b"broken")
    world.oem.direct({"brake": world.release("brake", 2, b"good again", rollbackFrom=3)})
    world.installs(brake=b"good again")


def test_rollback_needs_the_image_repositorys_word_and_not_the_directors_alone(world: World) -> None:
    low = world.release("brake", 2, b"vulnerable")
    world.oem.direct({"brake": world.release("brake", 3, b"mended")})
    world.installs(brake=b"mended")
    world.oem.direct({"brake": low}, rollbackFrom=3)
    world.refuses(Threat.ROLLBACK)


def test_rollback_a_partial_secondary_takes_no_older_targets_than_it_has_seen(world: World) -> None:
    old = world.oem.director.files[f"{world.oem.director.targets.version}.targets.json"]
    world.good_update("radio")
    world.installs(radio=NEW["radio"])
    radio = next(s for s in secondaries_of(world.vehicle.directory, world.clock) if s.memory.ecu == "radio")

    def director(name: str, _: int) -> bytes | None:
        return old if name == "targets.json" else None

    with pytest.raises(UpdateRefused) as refused:
        radio.verify(Offer(director, director))
    assert refused.value.reason is Threat.ROLLBACK
    assert world.vehicle.attacks()["radio"].startswith("rollback")


def test_rollback_of_a_roots_number_is_refused(world: World) -> None:
    world.good_update()
    world.oem.director.files["2.root.json"] = world.oem.director.files["1.root.json"]
    world.refuses(Threat.ROLLBACK, has=OLD)


# --- endless data -------------------------------------------------------------------------------------------


def endless(answer: Answer) -> Answer:
    def parts() -> Iterator[bytes]:
        yield b"".join(answer.parts)
        for _ in range(200):
            yield bytes(65536)

    return Answer(answer.status, parts(), answer.headers, 1 << 40)


@pytest.mark.parametrize(
    "path", [DIRECTOR + "2.root", DIRECTOR + "timestamp", IMAGE + "timestamp", TARGETS + "brake-1"]
)
def test_endless_data_is_cut_off(world: World, path: str) -> None:
    world.good_update("brake")
    world.oem.director.publish_root()
    world.oem.faults[path] = endless
    world.refuses(Threat.ENDLESS_DATA, has=OLD)
    files = [p for p in world.vehicle.directory.path.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 200_000
    world.oem.faults.clear()
    world.installs(brake=NEW["brake"])


# --- mix and match ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["snapshot", "targets"])
@pytest.mark.parametrize("name", ["director", "image"])
def test_mix_and_match_of_versions_that_were_never_published_together(
    world: World, name: str, role: str
) -> None:
    repository: Repository = getattr(world.oem, name)
    world.good_update()
    version = getattr(repository, role).version
    good = dict(repository.files)
    repository.files[f"{version}.{role}.json"] = good[f"{version - 1}.{role}.json"]
    world.refuses(Threat.MIX_AND_MATCH, has=OLD)
    repository.files = good
    world.installs(**NEW)


def test_mix_and_match_a_snapshot_in_the_place_of_a_timestamp(world: World) -> None:
    world.good_update()
    files = world.oem.director.files
    files["timestamp.json"] = files[f"{world.oem.director.snapshot.version}.snapshot.json"]
    world.refuses(Threat.MIX_AND_MATCH, has=OLD)


# --- arbitrary software -------------------------------------------------------------------------------------


def target_of(path: str, content: bytes, hardware: str, counter: int) -> TargetFile:
    target = TargetFile.from_data(path, content, ["sha256"])
    target.unrecognized_fields["custom"] = {"releaseCounter": counter, "hardwareIds": [hardware]}
    return target


def test_arbitrary_software_of_who_stole_the_directors_keys_alone_an_image_of_their_own(world: World) -> None:
    evil, path = b"evil", "brake-1/fw/9.0/fw.bin"
    world.oem.store(path, evil, b"{}")
    world.oem.direct({"brake": path}, target={path: target_of(path, evil, "brake-1", 9)})
    world.refuses(Threat.ARBITRARY_SOFTWARE, has=OLD)


def test_arbitrary_software_of_who_stole_the_directors_keys_alone_under_a_known_name(world: World) -> None:
    path = world.release("brake", 2)
    world.oem.store(path, b"evil", b"{}")
    world.oem.direct({"brake": path}, target={path: target_of(path, b"evil", "brake-1", 2)})
    world.refuses(Threat.ARBITRARY_SOFTWARE, has=OLD)
    world.oem.direct({"brake": path})
    world.installs(brake=NEW["brake"])


def test_arbitrary_software_of_who_stole_the_directors_keys_alone_a_higher_counter(world: World) -> None:
    world.oem.direct({"brake": world.release("brake", 2)}, releaseCounter=7)
    world.refuses(Threat.ARBITRARY_SOFTWARE, has=OLD)


def test_arbitrary_software_of_who_stole_the_image_repositorys_keys_alone(world: World) -> None:
    world.good_update("brake")
    world.oem.release("brake-1", "fw", "2.0", 2, b"evil")  # signed by all its roles
    world.refuses(Threat.ARBITRARY_SOFTWARE, has=OLD)


def test_arbitrary_software_octets_of_the_right_length_in_the_place_of_an_image(world: World) -> None:
    world.good_update("brake")
    evil = b"evil".ljust(len(NEW["brake"]))
    world.oem.faults["fw.bin"] = lambda a: a if b"payload" in b"".join(a.parts) else Answer(a.status, [evil])
    world.refuses(Threat.ARBITRARY_SOFTWARE, has=OLD)
    world.oem.faults.clear()
    world.installs(brake=NEW["brake"])


def test_arbitrary_software_without_the_statement_of_provenance_that_was_signed_for(world: World) -> None:
    world.good_update("brake")
    for fault in (failing(404), failing(200, b"another statement")):
        world.oem.faults[".intoto.json"] = fault
        world.refuses(Threat.PROVENANCE, has=OLD)
    world.oem.faults.clear()
    world.installs(brake=NEW["brake"])


def test_arbitrary_software_of_a_supplier_outside_its_paths_counts_for_nothing(world: World) -> None:
    world.oem.image.delegate("brakes", "brake-1/*/*/*")
    supplier = world.oem.image.delegated["brakes"][0]
    world.oem.direct({"gateway": world.release("gateway", 2, targets=supplier)})
    world.refuses(Threat.ARBITRARY_SOFTWARE, has=OLD)
    world.oem.direct({"brake": world.release("brake", 2, targets=supplier)})
    world.installs(brake=NEW["brake"])


def test_arbitrary_software_behind_a_terminating_delegation_is_not_looked_for_elsewhere(world: World) -> None:
    world.oem.image.delegate("brakes", "brake-1/*/*/*", terminating=True)
    behind = world.oem.image.delegate("anything", "*/*/*/*")
    world.oem.direct({"brake": world.release("brake", 2, targets=behind)})
    world.refuses(Threat.ARBITRARY_SOFTWARE, has=OLD)


def test_arbitrary_software_a_delegated_role_named_like_a_root_replaces_none(world: World) -> None:
    supplier = world.oem.image.delegate("1.root", "brake-1/*/*/*")
    world.oem.direct({"brake": world.release("brake", 2, targets=supplier)})
    before = world.vehicle.directory.metadata("image").trusted_root()
    world.installs(brake=NEW["brake"])
    assert world.vehicle.directory.metadata("image").trusted_root() == before


def test_arbitrary_software_delegations_do_not_go_round_or_down_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.release("brake", 2, targets=world.oem.image.delegate("brakes", "*/*/*/*"))
    world.oem.direct({"brake": path})
    monkeypatch.setattr(repository_view, "DEEPEST", 0)
    world.refuses(Threat.ARBITRARY_SOFTWARE, has=OLD)
    monkeypatch.undo()
    world.installs(brake=NEW["brake"])


# --- fast-forward -------------------------------------------------------------------------------------------


def fast_forward(repository: Repository, *roles: str) -> None:
    """What a thief of the online keys does: numbers that the owner never comes to."""
    for role in roles:
        getattr(repository, role).version += 1_000_000
    repository.publish()


def back(repository: Repository, version: int) -> None:
    for role in ("targets", "snapshot", "timestamp"):
        getattr(repository, role).version = version
    repository.publish()


@pytest.mark.parametrize("name", ["director", "image"])
def test_fast_forward_is_recovered_from_by_new_keys_and_by_nothing_else(world: World, name: str) -> None:
    repository: Repository = getattr(world.oem, name)
    world.good_update()
    version = repository.targets.version
    fast_forward(repository, "targets", "snapshot", "timestamp")
    world.installs(**NEW)  # it cannot be told from many honest versions
    back(repository, version)
    world.refuses(Threat.ROLLBACK, has=NEW)
    repository.rotate("snapshot", "timestamp")
    repository.publish("snapshot", "timestamp")
    world.installs()
    newer = world.release("brake", 3, b"newer")
    world.oem.direct({"brake": newer, "gateway": world.release("gateway", 3, b"newest")})
    if name == "image":
        world.installs(brake=b"newer", gateway=b"newest")
        return
    # the partial Secondary knows no snapshot: the Director's targets key has to be changed for it, too
    world.refuses(Threat.PARTIAL_BUNDLE, has=NEW)
    repository.rotate("targets")
    repository.publish()
    world.installs(brake=b"newer", gateway=b"newest")


def test_fast_forward_recovery_that_a_loss_of_power_cuts_in_two_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, version = world.oem.image, world.oem.image.targets.version
    fast_forward(image, "targets", "snapshot", "timestamp")
    world.installs()
    back(image, version)
    image.rotate("snapshot")
    image.publish("snapshot", "timestamp")
    drops = []

    def dies(self: object, name: str) -> None:
        drops.append(name)
        if len(drops) == 2:
            raise KeyboardInterrupt
        drop(self, name)

    drop = repository_view.MetadataFiles.drop
    with monkeypatch.context() as patched:
        patched.setattr(repository_view.MetadataFiles, "drop", dies)
        with pytest.raises(KeyboardInterrupt):
            world.vehicle.update()
    world.installs()


# --- wrong software -----------------------------------------------------------------------------------------


def test_wrong_software_for_other_hardware_than_the_ecus(world: World) -> None:
    world.oem.direct({"brake": world.release("gateway", 2)})
    world.refuses(Threat.WRONG_HARDWARE, has=OLD)


def test_wrong_software_the_directors_word_for_an_ecus_hardware_must_be_the_ecus(world: World) -> None:
    world.oem.direct({"brake": world.release("brake", 2)}, hardware="brake-2")
    world.refuses(Threat.WRONG_HARDWARE, has=OLD)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hardware": "radio-2"}, Threat.WRONG_HARDWARE),
        ({"vin": "WVWZZZ1KZAW000002"}, Threat.WRONG_VEHICLE),
    ],
)
def test_wrong_software_is_known_to_a_partial_secondary_from_the_director_alone(
    world: World, change: dict[str, str], reason: Threat
) -> None:
    world.oem.direct({"radio": world.release("radio", 2)}, **change)
    director = world.oem.director
    targets = director.files[f"{director.targets.version}.targets.json"]
    radio = next(s for s in secondaries_of(world.vehicle.directory, world.clock) if s.memory.ecu == "radio")

    def offered(name: str, _: int) -> bytes | None:
        return targets if name == "targets.json" else None

    with pytest.raises(UpdateRefused) as refused:
        radio.verify(Offer(offered, offered))
    assert refused.value.reason is reason
    assert world.vehicle.running() == OLD


def test_wrong_software_that_the_director_calls_fitting(world: World) -> None:
    world.oem.direct({"brake": world.release("gateway", 2)}, hardware="brake-1")
    world.refuses(Threat.WRONG_HARDWARE, has=OLD)


def test_wrong_software_that_a_supplier_calls_fitting_under_its_own_path(world: World) -> None:
    path = world.release("brake", 2, path="gw-1/fw/2.0/fw.bin")
    world.oem.direct({"brake": path})
    world.refuses(Threat.WRONG_HARDWARE, has=OLD)


def test_wrong_software_for_an_ecu_that_the_vehicle_has_not(world: World) -> None:
    world.oem.direct({"another": world.release("brake", 2)})
    world.refuses(Threat.WRONG_ECU, has=OLD)


@pytest.mark.parametrize("ecus", [(), ("brake",)], ids=["empty", "directed"])
def test_wrong_software_of_another_vehicles_targets(world: World, ecus: tuple[str, ...]) -> None:
    world.oem.direct({ecu: world.release(ecu, 2) for ecu in ecus}, vin="WVWZZZ1KZAW000002")
    world.refuses(Threat.WRONG_VEHICLE, has=OLD)


def test_wrong_software_two_images_for_one_ecu(world: World) -> None:
    paths = [world.release("brake", 2), world.release("brake", 3, b"other")]
    world.oem.direct({"brake": paths[0], "radio": paths[1]})
    one = world.oem.director.targets.targets[paths[1]]
    one.unrecognized_fields["custom"]["ecuIdentifiers"] = {"brake": {"hardwareId": "brake-1"}}
    world.oem.director.publish()
    world.refuses(Threat.CONTRADICTION, has=OLD)


@pytest.mark.parametrize("ecu", ["brake", "radio"])
def test_wrong_software_a_secondary_does_not_rely_on_its_primary(
    world: World, ecu: str, tmp_path: Path
) -> None:
    world.good_update()
    primary = world.vehicle.primary()
    primary._find(NOW)
    files = {name: world.vehicle.directory.metadata(name).served for name in ("director", "image")}
    secondary = primary._secondaries[ecu]
    evil = tmp_path / "evil"
    evil.write_bytes(b"evil")
    with pytest.raises(UpdateRefused, match="no verified metadata"):
        secondary.stage(evil)
    secondary.verify(Offer(**files))
    with pytest.raises(UpdateRefused) as refused:
        secondary.stage(evil)
    assert refused.value.reason is Threat.ARBITRARY_SOFTWARE
    with pytest.raises(BadState):
        secondary.activate()
    assert world.vehicle.running() == OLD


# --- keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp"])
@pytest.mark.parametrize("name", ["director", "image"])
def test_key_compromise_a_key_that_the_root_does_not_name_signs_nothing(
    world: World, name: str, role: str
) -> None:
    repository: Repository = getattr(world.oem, name)
    good = repository.signers[role]
    repository.signers[role] = Repository(NOW).signers[role]
    world.good_update()
    world.refuses(Threat.UNKNOWN_KEY, has=OLD)
    repository.signers[role] = good
    repository.publish()
    world.installs(**NEW)


@pytest.mark.parametrize("name", ["director", "image"])
def test_key_compromise_a_rotated_key_signs_nothing_more_and_the_new_one_does(
    world: World, name: str
) -> None:
    repository: Repository = getattr(world.oem, name)
    world.installs()
    stolen = dict(repository.signers)
    repository.rotate("targets", "snapshot", "timestamp")
    new = dict(repository.signers)
    repository.signers.update({role: stolen[role] for role in ("targets", "snapshot", "timestamp")})
    world.good_update()
    world.refuses(Threat.UNKNOWN_KEY, has=OLD)
    repository.signers.update(new)
    repository.publish()
    world.installs(**NEW)


def test_key_rotation_of_the_root_needs_the_old_key_and_the_new_one(world: World) -> None:
    director = world.oem.director
    old = director.signers["root"]
    world.good_update()
    director.rotate("root")
    good = director.files["2.root.json"]
    for signer in (old, director.signers["root"]):
        half = Metadata.from_bytes(good)
        half.signatures = {key: s for key, s in half.signatures.items() if key == signer.public_key.keyid}
        director.files["2.root.json"] = half.to_bytes()
        world.refuses(Threat.UNKNOWN_KEY, has=OLD)
    director.files["2.root.json"] = good
    world.installs(**NEW)


@pytest.mark.parametrize("more", ['"x":1.5', '"x":NaN', '"x":"\\ud800"'])
def test_key_compromise_a_next_root_without_a_canonical_form_is_refused_and_reported(
    world: World, more: str
) -> None:
    director = world.oem.director
    world.good_update()
    director.rotate("root")
    octets = director.files["2.root.json"].decode()
    director.files["2.root.json"] = octets.replace('"_type"', f'{more},"_type"', 1).encode()
    world.refuses(Threat.UNKNOWN_KEY, has=OLD)


def test_key_rotation_over_many_roots_is_followed_one_by_one(world: World) -> None:
    for _ in range(4):
        world.oem.director.rotate("root", "timestamp")
    world.good_update()
    world.installs(**NEW)
    assert world.vehicle.directory.metadata("director").trusted_root().version == 5


def test_key_compromise_one_key_under_two_keyids_is_not_two_signatures(world: World) -> None:
    image = world.oem.image
    signer = image.signers["targets"]
    twin = type(signer)(
        signer._private_key, type(signer.public_key).from_dict("ab" * 32, signer.public_key.to_dict())
    )
    image.root.add_key(twin.public_key, "targets")
    image.root.roles["targets"].threshold = 2
    image.publish_root()
    world.good_update()
    name = f"{image.targets.version}.targets.json"
    both = Metadata.from_bytes(image.files[name])
    both.sign(twin, append=True)
    image.files[name] = both.to_bytes()
    world.refuses(Threat.UNKNOWN_KEY, has=OLD)


# --- loss of power ------------------------------------------------------------------------------------------


def test_a_loss_of_power_at_any_write_leaves_the_old_image_or_the_new_and_the_update_goes_on(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    from v2xpki.station.ota import ecu, state

    world, cuts = make_world(), 0
    world.good_update("brake", "radio")
    for number in range(3, 40, 4):
        left = number

        def dying(path: Path, octets: bytes, mode: int) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            write(path, octets, mode)

        write = ecu.write_whole
        with monkeypatch.context() as patched:
            for module in (ecu, state, repository_view):
                patched.setattr(module, "write_whole", dying)
            try:
                world.vehicle.update()
            except KeyboardInterrupt:
                cuts += 1
        for name, image in world.vehicle.running().items():
            assert image in (OLD[name], NEW[name])
    assert cuts > 3
    world.installs(brake=NEW["brake"], radio=NEW["radio"])
