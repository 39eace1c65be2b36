"""Attacks on the Image repository: whoever is not asked, or not enough of those who are, gets nothing out.

Releases, their provenance and the repository's roles are the real ones; keys are in memory.
"""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ota_repository import TestSigner, sign
from tests.support.provenance import attest, new_key
from tests.support.releases import APPROVERS, ENGINEER, IMAGE, SIGNER, Shop
from v2xpki.errors import DecodeError, InvalidProvenance, Refused
from v2xpki.keystore import MemoryKeystore
from v2xpki.ota.changes import DelegationChange, FirstRoles
from v2xpki.ota.desk import Reason
from v2xpki.ota.kinds import IMAGE as IMAGE_KIND
from v2xpki.ota.metadata import TargetEntry
from v2xpki.ota.new_release import NewRelease
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.releases import ReleaseFollower
from v2xpki.ota.repository import Repository
from v2xpki.ota.repository_reasons import SigningReason
from v2xpki.ota.signing_files import SignatureFile
from v2xpki.store.auditing import require_intact
from v2xpki.trust.ota.names import target_path

SHA = hashlib.sha256(IMAGE).hexdigest()
ENTRY = TargetEntry(len(IMAGE), SHA, {})


class House(Shop):
    """Releases over a repository whose root and targets need two of three people; a supplier has acme-1/*."""

    def __init__(self, folder: Path, **settings: object) -> None:
        super().__init__(folder, **settings)
        self.people = [TestSigner(name) for name in ("ann", "bob", "cem")]
        self.supplier = TestSigner("acme")
        keys = OnlineKeys(MemoryKeystore("test"), IMAGE_KIND)
        self.repository = Repository(
            self.database, IMAGE_KIND, keys, self.settings, self.clock, follower=ReleaseFollower()
        )
        self.targets = self.repository  # type: ignore[assignment]
        self.releases = self.opened()
        roots = tuple(one.root.public_key for one in self.people)
        targets = tuple(one.targets.public_key for one in self.people)
        self.agree(self.repository.bootstrap(FirstRoles(roots, 2, targets, 2), by="operator"))
        self.clock.advance(1)
        acme = (self.supplier.targets.public_key,)
        change = DelegationChange("acme", acme, 1, ("acme-1/*/*/*",))
        self.agree(self.repository.request_delegation(change, by="operator"))

    def agree(self, requests) -> None:
        for request in requests:
            for person in (*self.people[:2], self.supplier):
                for signature in person.sign(request):
                    self.repository.submit(signature, by="operator")

    def approved(self, counter: int = 1, **changes: object) -> bytes:
        found = self.add(counter, **changes)
        self.releases.approve(APPROVERS[0], found)
        return found

    def asked(self, **changes: object):
        """A release that waits for its signers: the request."""
        self.approved(**changes)
        return self.releases.request_signatures(ENGINEER, "targets")

    def published(self) -> tuple[bytes | None, dict[str, object]]:
        """What a client would get: the timestamp, and all targets."""
        return self.repository.read("timestamp.json"), self.repository.targets()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    require_intact(house.database)  # no attack leaves the record in pieces
    house.database.close()


def refused(reason: object) -> "pytest.RaisesExc[Refused]":
    return pytest.raises(Refused, check=lambda error: error.reason is reason)


# --- arbitrary software: who may bring something in


@pytest.mark.parametrize(
    "statement",
    [None, "unknown signer", "of another image", "no signature"],
)
def test_an_image_without_its_builders_word_gets_neither_listed_nor_handed_out(house, statement):
    made = {
        "unknown signer": attest(SHA, new_key()),
        "of another image": attest("00" * 32, SIGNER),
        "no signature": attest(SHA),
    }.get(statement)
    before = house.published()
    attestation = None if made is None else base64.b64encode(made).decode()
    with pytest.raises(InvalidProvenance):
        house.add(attestation=attestation)
    assert (house.published(), house.releases.all(), house.images.exists()) == (before, [], False)


def test_an_engineer_alone_brings_nothing_to_the_signers(house):
    release = house.add()
    with refused(Reason.ROLE):
        house.releases.approve(ENGINEER, release)
    assert b"brake" not in house.releases.request_signatures(ENGINEER, "targets", renewal=True).payload


def test_an_unapproved_release_is_not_asked_for_by_its_path(house):
    house.add()
    path = house.releases.all()[0].row.path
    with refused(Reason.STATE):
        house.releases.request_signatures(ENGINEER, "targets", [house.releases.all()[0].row.id])
    with refused(Reason.STATE):
        house.repository.request_targets("targets", add={path: ENTRY}, by="mallory")


def test_a_target_that_is_no_release_is_not_asked_for(house):
    path = "bcm-2/brake/9/evil.bin"
    with refused(Reason.STATE):
        house.repository.request_targets("targets", add={path: ENTRY}, by="mallory")


# --- key compromise: fewer signers than the threshold


def test_below_the_threshold_nothing_is_published(house):
    before, request = house.published(), house.asked()
    (one,) = house.people[0].sign(request)
    assert not house.repository.submit(one, by="operator").published
    house.repository.tend()
    assert house.published() == before
    assert house.releases.all()[0].row.state == "signing"


def test_one_stolen_key_does_not_count_twice(house):
    request = house.asked()
    (one,) = house.people[0].sign(request)
    house.repository.submit(one, by="operator")
    (again,) = house.people[0].sign(request)  # ECDSA: other octets
    with refused(SigningReason.SIGNED_BEFORE):
        house.repository.submit(again._replace(signer="bob"), by="mallory")


def test_a_signature_by_a_key_that_the_root_does_not_name_is_refused(house):
    request, mallory = house.asked(), TestSigner("mallory")
    with refused(SigningReason.UNKNOWN_KEY):
        house.repository.submit(sign(mallory.targets, request), by="mallory")


def test_a_root_key_signs_no_targets(house):
    request = house.asked()
    with refused(SigningReason.UNKNOWN_KEY):
        house.repository.submit(sign(house.people[0].root, request), by="mallory")


def test_a_signature_over_other_octets_is_refused(house):
    request = house.asked()
    wrong = house.people[0].targets.sign(request.payload.replace(b"brake", b"break"))
    file = SignatureFile("image", request.id, "ann", {wrong.keyid: wrong.signature})
    with refused(SigningReason.BAD_SIGNATURE):
        house.repository.submit(file, by="mallory")


def test_a_signature_for_the_director_is_none_for_the_image_repository(house):
    request = house.asked()
    (one,) = house.people[0].sign(request, "director")
    with refused(SigningReason.NO_SUCH_REQUEST):
        house.repository.submit(one, by="mallory")


def test_signatures_of_a_dropped_request_publish_nothing(house):
    before, request = house.published(), house.asked()
    signatures = [one for person in house.people[:2] for one in person.sign(request)]
    house.repository.drop(request.id, "a mistake", by="operator")
    for one in signatures:
        with refused(SigningReason.NOT_OPEN):
            house.repository.submit(one, by="mallory")
    assert house.published() == before


def test_signatures_are_not_kept_back_until_a_release_is_old(house):
    before, request = house.published(), house.asked()
    signatures = [one for person in house.people[:2] for one in person.sign(request)]
    house.clock.advance(int(house.settings.targets_validity) + 1)
    for one in signatures:
        with refused(SigningReason.EXPIRED):
            house.repository.submit(one, by="mallory")
    assert house.published()[1] == before[1]


# --- a supplier beyond its rights


def test_a_supplier_signs_nothing_outside_its_delegation(house):
    house.approved()
    with refused(Reason.FIELD):
        house.releases.add(ENGINEER, NewRelease.parse(house.body(2, name="engine")), role="acme")
    with pytest.raises(Refused):
        house.repository.request_targets("acme", add={"bcm-2/brake/1.1/fw.bin": ENTRY}, by="x")


def test_a_suppliers_key_is_none_of_the_oems(house):
    request = house.asked()
    with refused(SigningReason.UNKNOWN_KEY):
        house.repository.submit(sign(house.supplier.targets, request, "acme"), by="acme")


def test_an_oems_key_does_not_sign_in_a_suppliers_place(house):
    house.approved(hardwareIds=["acme-1"])
    request = house.releases.request_signatures(ENGINEER, "acme")
    with refused(SigningReason.UNKNOWN_KEY):
        house.repository.submit(sign(house.people[0].targets, request), by="operator")


def test_a_supplier_whose_delegation_ended_is_not_asked_any_more(house):
    house.agree(house.repository.request_delegation(DelegationChange("acme"), by="operator"))
    with refused(SigningReason.NO_SUCH_ROLE):
        house.repository.request_targets("acme", by="acme")
    assert house.repository.covering("acme-1/brake/1/fw.bin") == ("targets",)


# --- rollback, endless data, traversal


def test_a_lower_or_equal_release_counter_does_not_come_in(house):
    request = house.asked(counter=5)
    house.agree([request])
    for counter in (4, 5):
        with refused(Reason.FIELD):
            house.add(counter, version=f"2.{counter}")


def test_a_published_image_is_never_replaced_by_another(house):
    house.agree([house.asked()])
    before, files = house.published(), [(name, (house.images / name).read_bytes()) for name in house.files()]
    with pytest.raises(Refused, match="was published: another image needs another version"):
        house.add(2, b"evil", version="1.1")
    assert house.published() == before
    assert [(name, (house.images / name).read_bytes()) for name in house.files()] == files


def test_an_upload_takes_neither_more_than_the_limit_nor_more_than_it_said(house):
    with refused(Reason.SIZE):
        house.uploads.create("engineer", (1 << 20) + 1)
    upload = house.uploads.create("engineer", 10)

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 4

    with refused(Reason.SIZE):
        house.uploads.append(upload.id, "engineer", 0, endless())
    assert house.uploads.show(upload.id, "engineer").offset <= 10


def test_another_operators_upload_is_neither_seen_nor_added_to_nor_released(house):
    upload = house.upload(owner="engineer")
    for attempt in (
        lambda: house.uploads.show(upload, "mallory"),
        lambda: house.uploads.append(upload, "mallory", 0, [b"x"]),
        lambda: house.uploads.delete(upload, "mallory"),
    ):
        with refused(Reason.UNKNOWN):
            attempt()


LEADING_OUT = ("..", "../../etc/passwd", "/etc/passwd", ".ssh", "a/b", "a\\..\\b", "a\0b", "", "%2e%2e", "é")


def test_no_name_of_a_release_or_an_upload_leads_out_of_the_folder(house):
    body = house.body()
    for name in LEADING_OUT:
        with pytest.raises(DecodeError):
            target_path("bcm-2", name, "1", "fw.bin")
        for member in ("name", "version", "file"):
            with pytest.raises(DecodeError):
                NewRelease.parse({**body, member: name})
        with refused(Reason.UNKNOWN):
            house.uploads.show(name, "engineer")
        assert house.repository.read(name) is None
        assert house.repository.read(f"1.{name}.json") is None
