"""A release's way: nothing comes in without provenance, nothing goes out without another's approval."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.provenance import attest, new_key, policy_text
from tests.support.releases import APPROVERS, ENGINEER, IMAGE, NOW, SIGNER, Shop
from v2xpki.errors import DecodeError, InvalidProvenance, Refused
from v2xpki.ota import files
from v2xpki.ota.desk import Operator, Reason
from v2xpki.ota.new_release import NewRelease
from v2xpki.store.auditing import require_intact
from v2xpki.store.base import AuditRow
from v2xpki.trust.ota.provenance import Policy

SHA = hashlib.sha256(IMAGE).hexdigest()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.database.close()


def refused(reason: Reason) -> "pytest.RaisesExc[Refused]":
    return pytest.raises(Refused, check=lambda error: error.reason is reason)


def events(shop: Shop) -> list[str]:
    with shop.database.read() as tx:
        rows = tx.execute(sa.select(AuditRow.event).order_by(AuditRow.sequence)).all()
    return [row.event for row in rows if row.event.startswith("release.")]


# --- in -------------------------------------------------------------------------------------------


def test_a_release_lies_where_it_will_be_handed_out_with_its_provenance_beside_it(shop: Shop) -> None:
    body = shop.body()
    (identifier,) = shop.releases.add(ENGINEER, NewRelease.parse(body))
    image = f"bcm-2/brake/1.1/{SHA}.fw.bin"
    assert shop.files() == [image, image + ".intoto.json"]
    assert (shop.images / image).read_bytes() == IMAGE
    found = shop.releases.get(identifier)
    statement = (shop.images / (image + ".intoto.json")).read_bytes()
    assert found.fields.provenance == hashlib.sha256(statement).hexdigest()
    assert (found.row.state, found.row.length, found.row.sha256) == ("staged", len(IMAGE), SHA)
    assert (found.row.added_by, found.row.added) == ("engineer", NOW)
    assert json.loads(found.row.custom)["hardwareIds"] == ["bcm-2"]
    with refused(Reason.UNKNOWN):
        shop.uploads.show(body["upload"], "engineer")
    assert events(shop) == ["release.added"]
    require_intact(shop.database)


def test_one_image_for_two_hardware_ids_is_two_releases(shop: Shop) -> None:
    shop.add(hardwareIds=["bcm-2", "bcm-3"])
    assert {found.row.path for found in shop.releases.all()} == {
        "bcm-2/brake/1.1/fw.bin", "bcm-3/brake/1.1/fw.bin",
    }  # fmt: skip
    assert len(shop.files()) == 4


@pytest.mark.parametrize("attestation", [None, "", "e30=", "unsigned", "other image"])
def test_without_good_provenance_nothing_is_taken_and_the_upload_stays(
    shop: Shop, attestation: str | None
) -> None:
    import base64

    if attestation == "unsigned":
        attestation = base64.b64encode(attest(SHA, new_key())).decode()
    elif attestation == "other image":
        attestation = base64.b64encode(attest("00" * 32, SIGNER)).decode()
    body = shop.body(attestation=attestation)
    with pytest.raises(InvalidProvenance):
        shop.releases.add(ENGINEER, NewRelease.parse(body))
    assert shop.releases.all() == [] and not shop.images.exists()
    assert shop.uploads.show(body["upload"], "engineer").offset == len(IMAGE)


def test_without_a_policy_no_release_is_taken(shop: Shop) -> None:
    shop.policy = None
    with pytest.raises(InvalidProvenance, match="no policy"):
        shop.opened().add(ENGINEER, NewRelease.parse(shop.body()))


def test_an_image_that_is_not_the_one_meant_is_refused(shop: Shop) -> None:
    with refused(Reason.CHECKSUM):
        shop.add(sha256="00" * 32)
    shop.add(sha256=SHA)


def test_anothers_upload_is_not_taken(shop: Shop) -> None:
    with refused(Reason.UNKNOWN):
        shop.add(upload=shop.upload(owner="other"))


def test_the_same_path_is_given_once_and_the_first_image_stays(shop: Shop) -> None:
    shop.add(1)
    before = shop.files()
    for image in (IMAGE, b"another image"):
        with pytest.raises(Refused, match=r"which is staged: withdraw that .*, or give another version"):
            shop.add(2, image, version="1.1")
    assert shop.files() == before and (shop.images / before[0]).read_bytes() == IMAGE


def test_a_version_is_one_image_for_a_hardware_id_whatever_its_file_is_called(shop: Shop) -> None:
    """Else it were chance which of two is what an ECU gets, or fulfils what another release requires."""
    first = shop.add(1, hardwareIds=["bcm-2", "bcm-3"])
    there = shop.releases.get(first).row
    before = shop.files()
    for hardware in (["bcm-2"], ["bcm-9", "bcm-3"]):
        body = {**shop.body(2, version="1.1", hardwareIds=hardware, file="other.bin"), "sha256": SHA}
        wanted = NewRelease.parse(body)
        for way in (lambda: shop.releases.check(wanted), lambda: shop.releases.add(ENGINEER, wanted)):
            with pytest.raises(Refused, match=r"brake 1\.1 for bcm-[23] is release [0-9a-f]{32}, .*/fw\.bin"):
                way()
    assert shop.files() == before and shop.releases.get(first).row == there
    shop.add(2, version="1.1", hardwareIds=["bcm-4"], file="other.bin")
    shop.add(2, version="1.2", file="other.bin")


def test_a_version_that_was_never_out_is_free_for_another_file_once_it_is_withdrawn(shop: Shop) -> None:
    mistake = shop.add(1)
    shop.releases.withdraw(ENGINEER, mistake, "a wrong file")
    again = shop.add(1, file="other.bin")
    assert shop.releases.get(again).row.path == "bcm-2/brake/1.1/other.bin"
    with pytest.raises(Refused, match=f"release {again.hex()}"):
        shop.add(2, version="1.1")


def test_a_version_that_was_out_is_not_free_for_another_file_also_when_it_is_withdrawn(shop: Shop) -> None:
    identifier = shop.publish(1)
    shop.releases.withdraw(ENGINEER, identifier, "a fault")
    shop.releases.request_signatures(ENGINEER, "targets")
    shop.targets.sign()
    assert shop.releases.get(identifier).row.state == "withdrawn"
    with pytest.raises(Refused, match=f"{identifier.hex()}.*published: another image needs another version"):
        shop.add(2, version="1.1", file="other.bin")


def test_a_release_that_cannot_be_recorded_leaves_no_file(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.database.write(durable=True) as tx:
        tx.execute(
            sa.text(
                "CREATE TRIGGER no_entry BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(ABORT, 'x'); END"
            )
        )
    with pytest.raises(Exception):
        shop.add()
    assert shop.files() == [] and shop.releases.all() == []


def test_an_image_on_another_file_system_is_copied_and_checked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(files.os, "link", elsewhere)
    shop.add()
    assert (shop.images / shop.files()[0]).read_bytes() == IMAGE


# --- counters -------------------------------------------------------------------------------------


def test_a_release_counter_only_grows(shop: Shop) -> None:
    shop.publish(5)
    for counter in (4, 5):
        with refused(Reason.FIELD):
            shop.add(counter, version="2")
    shop.add(6)
    shop.add(1, name="engine")
    shop.add(1, hardwareIds=["bcm-9"])


def test_a_withdrawn_release_that_was_out_still_counts_and_one_that_never_was_does_not(shop: Shop) -> None:
    out = shop.publish(5)
    shop.releases.withdraw(ENGINEER, out, "a fault")
    shop.releases.request_signatures(ENGINEER, "targets")
    shop.targets.sign()
    with refused(Reason.FIELD):
        shop.add(5, version="2")
    never = shop.add(7)
    shop.releases.withdraw(ENGINEER, never, "a fault")
    shop.add(6)


def test_a_release_goes_back_only_where_it_says_so(shop: Shop) -> None:
    shop.publish(5)
    back = shop.add(4, rollbackFrom=5)
    assert shop.releases.get(back).fields.rollback_from == 5
    with pytest.raises(DecodeError, match="rollbackFrom"):
        shop.add(3, rollbackFrom=3)


def test_an_older_counter_that_was_staged_before_is_not_published_after_a_newer_one(shop: Shop) -> None:
    first, second = shop.add(6), shop.add(7)
    for one in (first, second):
        shop.releases.approve(APPROVERS[0], one)
    shop.releases.request_signatures(ENGINEER, "targets", [second])
    shop.targets.sign()
    with refused(Reason.FIELD):
        shop.releases.request_signatures(ENGINEER, "targets", [first])


# --- on -------------------------------------------------------------------------------------------


def test_a_release_is_published_when_its_targets_are_signed_and_not_before(shop: Shop) -> None:
    identifier = shop.add()
    assert shop.releases.approve(APPROVERS[0], identifier).row.state == "approved"
    change = shop.releases.request_signatures(ENGINEER, "targets")
    assert list(change.added) == ["bcm-2/brake/1.1/fw.bin"]
    entry = change.added["bcm-2/brake/1.1/fw.bin"]
    assert (entry.length, entry.sha256, entry.custom["releaseCounter"]) == (len(IMAGE), SHA, 1)
    assert shop.releases.get(identifier).row.state == "signing"
    shop.clock.advance(60)
    shop.targets.sign()
    row = shop.releases.get(identifier).row
    assert (row.state, row.published) == ("published", NOW + 60)
    assert events(shop) == ["release.added", "release.approved", "release.signing", "release.published"]
    require_intact(shop.database)


def test_who_added_a_release_does_not_approve_it(shop: Shop) -> None:
    identifier = shop.add()
    both = Operator(ENGINEER.name, frozenset({"release-engineer", "approver"}))
    with refused(Reason.ROLE):
        shop.releases.approve(both, identifier)


def test_as_many_approve_as_the_settings_ask_for_each_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path, approvals=2)
    identifier = shop.add()
    assert shop.releases.approve(APPROVERS[0], identifier).row.state == "staged"
    with refused(Reason.STATE):
        shop.releases.approve(APPROVERS[0], identifier)
    found = shop.releases.approve(APPROVERS[1], identifier)
    assert (found.row.state, found.approvals) == ("approved", (("ann", NOW), ("ben", NOW)))
    shop.database.close()


def test_what_is_not_approved_is_not_asked_to_be_signed(shop: Shop) -> None:
    identifier = shop.add()
    with pytest.raises(Refused, match=r"^nothing is approved for targets$"):
        shop.releases.request_signatures(ENGINEER, "targets")
    assert shop.targets.open == []
    with refused(Reason.STATE):
        shop.releases.request_signatures(ENGINEER, "targets", [identifier])


def test_a_request_of_a_role_for_which_nothing_waits_is_refused_and_says_where_something_does(
    shop: Shop,
) -> None:
    shop.targets.supplier = "bcm-2/"
    first, second = shop.add(1), shop.add(2)
    shop.releases.approve(APPROVERS[0], first)
    shop.releases.request_signatures(ENGINEER, "supplier")
    shop.targets.sign()
    shop.releases.approve(APPROVERS[0], second)
    with pytest.raises(Refused, match=r"^nothing is approved for targets; supplier has 1: --role supplier$"):
        shop.releases.request_signatures(ENGINEER, "targets")
    shop.releases.withdraw(ENGINEER, first, "a fault")
    with pytest.raises(Refused, match=r"; supplier has 1 to withdraw: --role supplier$"):
        shop.releases.request_signatures(ENGINEER, "targets")
    assert shop.targets.open == []
    assert shop.releases.request_signatures(ENGINEER, "targets", renewal=True).added == {}


def test_a_request_of_another_hand_for_what_is_not_approved_is_stopped(shop: Shop) -> None:
    shop.add()
    with refused(Reason.STATE):
        shop.targets.request_targets("targets", add={"bcm-2/brake/1.1/fw.bin": None}, remove=[], by="x")
    with refused(Reason.STATE):
        shop.targets.request_targets("targets", add={"never/heard/of/it": None}, remove=[], by="x")


def test_a_dropped_request_leaves_its_releases_approved(shop: Shop) -> None:
    identifier = shop.add()
    shop.releases.approve(APPROVERS[0], identifier)
    shop.releases.request_signatures(ENGINEER, "targets")
    with refused(Reason.STATE):
        shop.releases.withdraw(ENGINEER, identifier, "too late")
    shop.targets.drop()
    assert shop.releases.get(identifier).row.state == "approved"


def test_a_published_release_is_withdrawn_when_targets_without_it_are_signed(shop: Shop) -> None:
    identifier = shop.publish()
    assert shop.releases.withdraw(ENGINEER, identifier, "a fault").row.state == "withdrawing"
    with refused(Reason.STATE):
        shop.releases.withdraw(ENGINEER, identifier, "again")
    change = shop.releases.request_signatures(ENGINEER, "targets")
    assert (change.added, change.removed) == ({}, ["bcm-2/brake/1.1/fw.bin"])
    shop.targets.drop()
    assert shop.releases.get(identifier).row.state == "withdrawing"
    shop.releases.request_signatures(ENGINEER, "targets")
    shop.targets.sign()
    row = shop.releases.get(identifier).row
    assert (row.state, row.reason, row.withdrawn) == ("withdrawn", "a fault", NOW)
    assert events(shop)[-2:] == ["release.withdrawn", "release.removed"]


def test_a_supplier_signs_what_is_theirs(shop: Shop) -> None:
    shop.targets.supplier = "bcm-2/"
    assert shop.releases.get(shop.add()).row.role == "supplier"
    wanted = NewRelease.parse(shop.body(2))
    (own,) = shop.releases.add(ENGINEER, wanted, role="targets")
    assert shop.releases.get(own).row.role == "targets"
    with refused(Reason.FIELD):
        shop.releases.add(
            ENGINEER, NewRelease.parse(shop.body(3, name="x", hardwareIds=["ecm"])), role="supplier"
        )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": "../x"}, "name"), ({"name": None}, "name"), ({"version": "1/2"}, "version"),
        ({"file": ".hidden"}, "file"), ({"file": "a/b"}, "file"), ({"hardwareIds": []}, "hardwareIds"),
        ({"hardwareIds": ["a", "a"]}, "hardwareIds"), ({"hardwareIds": ["../a"]}, "hardwareIds"),
        ({"hardwareIds": [1]}, "hardwareIds"), ({"releaseCounter": -1}, "releaseCounter"),
        ({"releaseCounter": "1"}, "releaseCounter"), ({"attestation": "*"}, "attestation"),
        ({"attestation": 1}, "attestation"), ({"upload": 1}, "upload"), ({"sha256": "x"}, "sha256"),
        ({"requires": [{"name": "a", "min": 2, "max": 1}]}, "max"), ({"rxswin": ["\n"]}, "rxswin"),
        ({"unknown": 1}, "unknown"),
    ],
)  # fmt: skip
def test_a_member_that_breaks_a_rule_is_named(shop: Shop, changes: dict[str, object], named: str) -> None:
    with pytest.raises(DecodeError, match=named):
        NewRelease.parse(shop.body(**changes))


def test_nobody_approves_or_signs_an_image_that_is_gone(shop: Shop) -> None:
    (identifier,) = shop.releases.add(ENGINEER, NewRelease.parse(shop.body()))
    image = shop.images / f"bcm-2/brake/1.1/{SHA}.fw.bin"
    image.rename(image.with_name("elsewhere"))
    with pytest.raises(Refused, match="is gone"):
        shop.releases.approve(APPROVERS[0], identifier)
    image.with_name("elsewhere").rename(image)
    for approver in APPROVERS:
        if shop.releases.get(identifier).row.state == "staged":
            shop.releases.approve(approver, identifier)
    image.unlink()
    with pytest.raises(Refused, match="is gone"):
        shop.releases.request_signatures(ENGINEER, "targets")


def test_nobody_approves_or_signs_an_image_that_is_not_the_one_that_was_added(shop: Shop) -> None:
    identifier = shop.add()
    image = shop.images / f"bcm-2/brake/1.1/{SHA}.fw.bin"
    image.chmod(0o600)
    image.write_bytes(IMAGE[:-1] + b"!")
    with pytest.raises(Refused, match=f"damaged; withdraw the release .{identifier.hex()}"):
        shop.releases.approve(APPROVERS[0], identifier)
    image.write_bytes(IMAGE)
    shop.releases.approve(APPROVERS[0], identifier)
    image.write_bytes(b"?" + IMAGE[1:])
    with pytest.raises(Refused, match="damaged"):
        shop.releases.request_signatures(ENGINEER, "targets")
    assert shop.releases.get(identifier).row.state == "approved" and shop.targets.open == []


def test_nobody_approves_or_signs_what_the_policy_of_provenance_accepts_no_more(shop: Shop) -> None:
    identifier, before = shop.add(), shop.policy
    shop.policy = Policy.parse(policy_text(new_key()), lambda name: b"")
    with pytest.raises(InvalidProvenance, match="not accepted any more: no signature by a signer"):
        shop.opened().approve(APPROVERS[0], identifier)
    assert shop.releases.get(identifier).approvals == ()
    shop.releases.approve(APPROVERS[0], identifier)
    for policy, rule in ((shop.policy, "signature"), (None, "no-policy")):
        shop.policy = policy
        with pytest.raises(InvalidProvenance) as refused:
            shop.opened().request_signatures(ENGINEER, "targets")
        assert refused.value.rule == rule and shop.targets.open == []
    shop.policy = before
    assert list(shop.opened().request_signatures(ENGINEER, "targets").added)


# --- a path's and an upload's second chance --------------------------------------------------------


def test_a_release_that_was_never_out_gives_its_path_free_and_stays_on_record(shop: Shop) -> None:
    mistake = shop.add(3, rxswin=["wrong"])
    shop.releases.withdraw(ENGINEER, mistake, "a wrong number")
    again = shop.add(3)
    assert shop.releases.get(again).row.path == "bcm-2/brake/1.3/fw.bin"
    kept = shop.releases.get(mistake).row
    assert (kept.state, kept.reason) == ("withdrawn", "a wrong number")
    assert kept.path == f"bcm-2/brake/1.3/fw.bin#{mistake.hex()}"
    shop.releases.approve(APPROVERS[0], again)
    assert list(shop.releases.request_signatures(ENGINEER, "targets").added) == ["bcm-2/brake/1.3/fw.bin"]
    require_intact(shop.database)


def test_an_image_that_was_damaged_is_withdrawn_and_added_anew(shop: Shop) -> None:
    identifier = shop.add()
    image = shop.images / f"bcm-2/brake/1.1/{SHA}.fw.bin"
    image.unlink()
    shop.releases.withdraw(ENGINEER, identifier, "its image is gone")
    again = shop.add()
    assert image.read_bytes() == IMAGE
    assert shop.releases.approve(APPROVERS[0], again).row.state == "approved"


def test_what_was_published_needs_another_version_also_when_it_is_withdrawn(shop: Shop) -> None:
    identifier = shop.publish(1)
    for _ in range(2):
        with pytest.raises(Refused, match="published: another image needs another version"):
            shop.add(2, version="1.1")
        if shop.releases.get(identifier).row.state == "published":
            shop.releases.withdraw(ENGINEER, identifier, "a fault")
            shop.releases.request_signatures(ENGINEER, "targets")
            shop.targets.sign()
    assert shop.releases.get(identifier).row.path == "bcm-2/brake/1.1/fw.bin"


def test_what_can_be_refused_without_the_image_is_refused_before_it_is_sent(shop: Shop) -> None:
    shop.publish(5)

    def checked(**changes: object) -> list[tuple[str, str]]:
        body = {**shop.body(6), "sha256": SHA, **changes}
        return shop.releases.check(NewRelease.parse({k: v for k, v in body.items() if v is not None}))

    assert checked() == [("bcm-2/brake/1.6/fw.bin", "targets")]
    for changes, said in (
        ({"version": "1.5"}, "another version"), ({"releaseCounter": 5}, "not above 5"),
        ({"sha256": "00" * 32}, "no subject.digest"), ({"attestation": None}, "--attest FILE"),
        ({"sha256": None}, "sha256 is missing"), ({"name": "../x"}, "name"),
    ):  # fmt: skip
        with pytest.raises((Refused, InvalidProvenance, DecodeError), match=said):
            checked(**changes)
    assert len(shop.releases.all()) == 1


def test_an_upload_is_kept_for_a_corrected_release_and_not_where_its_octets_are_wrong(shop: Shop) -> None:
    body = shop.body(attestation=None)
    with pytest.raises(InvalidProvenance, match="--attest FILE"):
        shop.releases.add(ENGINEER, NewRelease.parse(body))
    assert shop.releases.add(ENGINEER, NewRelease.parse({**shop.body(), "upload": body["upload"]}))
    broken = shop.upload(b"other octets")
    with refused(Reason.CHECKSUM):
        shop.add(2, upload=broken, sha256=SHA)
    with refused(Reason.UNKNOWN):
        shop.uploads.show(broken, "engineer")
