"""What a root grants, what it refuses, and that it grants it once."""

import json

import pytest
import sqlalchemy as sa

from tests.unit.ca.forging import first_request, rekeyed
from v2xpki.authorities.etsi import ca_approval
from v2xpki.authorities.etsi.ca_inbox import Inbox
from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.authorities.etsi.ca_review import describe_review
from v2xpki.cli.output import _plain
from v2xpki.config import Instance, Settings
from v2xpki.crypto import Curve
from v2xpki.errors import CeremonyRefused, ConfigError, PermissionDenied
from v2xpki.keystore import MemoryKey
from v2xpki.store.auditing import examine
from v2xpki.store.base import IssuanceRecord
from v2xpki.trust import lint_certificate
from v2xpki.trust.chain import verify_chain
from v2xpki.trust.lists import AaEntry, EaEntry
from v2xpki.trust.profiles import Profiles
from v2xpki.wire import dot2

DAY = 86400


def certificates(life, kind: str) -> int:
    with life.database("root") as database, database.read() as tx:
        query = sa.select(sa.func.count()).where(
            IssuanceRecord.kind == kind, IssuanceRecord.state == "issued"
        )
        return tx.execute(query).scalar_one()


def test_a_rekeyed_aa_gets_a_certificate_of_its_new_key_and_stands_on_the_ctl_beside_the_old_one(
    life, rekeying
):
    old = life.present("aa")
    done = life.approve(rekeying.octets)
    new = done.certificate
    verify_chain([new], life.house.root, life.house.clock.time32())
    assert [f for f in lint_certificate(new, "AA", life.house.root) if f.rule.severity == "error"] == []
    assert new.verification_key == rekeying.verification_key
    assert (new.name, new.encryption_key) == (old.name, rekeying.encryption_key)
    assert life.listed() == {old, new}
    urls = {e.certificate: e.access_point for e in life.house.ctl().entries if isinstance(e, AaEntry)}
    assert urls[new] == urls[old]
    # whoever takes the newest takes this one, also when both are of one hour
    assert new.start > old.start
    assert done.file.read_bytes() == new.octets


def test_an_ea_keeps_both_its_access_points(life):
    asked = life.ask("ea", rekey=True)
    new = life.approve(asked.request.octets).certificate
    entries = {e.certificate: e for e in life.house.ctl().entries if isinstance(e, EaEntry)}
    old = entries[life.present("ea")]
    assert (entries[new].aa_access_point, entries[new].its_access_point) == (
        old.aa_access_point,
        old.its_access_point,
    )


def test_a_first_request_of_somebody_else_is_granted_with_urls_and_refused_without(life):
    octets = first_request(life.house.clock, name="AA of another house")
    with pytest.raises(ConfigError, match="not known"):
        life.approve(octets)
    assert certificates(life, "AA") == 1
    done = life.approve(octets, urls=ca_approval.Urls("https://aa.example/aa"))
    entry = next(e for e in life.house.ctl().entries if getattr(e, "certificate", None) == done.certificate)
    assert entry.access_point == "https://aa.example/aa"


def test_a_review_says_everything_and_is_json(life, rekeying):
    review = life.review(rekeying.octets)
    document = json.loads(json.dumps(_plain(describe_review(review, life.house.root))))
    assert document["canBeGranted"] is True and document["problems"] == []
    assert document["rekeyedFrom"]["hashedId8"] == life.present("aa").hashed_id8.hex()
    assert (document["rekeyedFrom"]["signature"], document["rekeyedFrom"]["revoked"]) == (True, False)
    assert document["verifyKey"]["point"] == rekeying.verification_key.point.hex()
    assert {entry["psid"] for entry in document["asksFor"]["appPermissions"]} == {623}
    assert document["wouldIssue"]["validity"]["start"].startswith("2026-0")
    assert certificates(life, "AA") == 1


def test_the_same_request_again_gets_the_same_certificate_and_no_second_signature(life, rekeying):
    first = life.approve(rekeying.octets)
    sequence = life.house.ctl().sequence
    again = life.approve(rekeying.octets)
    assert again.certificate == first.certificate and again.transcript is None
    assert certificates(life, "AA") == 2
    assert life.house.ctl().sequence == sequence
    first.file.unlink()
    assert life.approve(rekeying.octets).file.read_bytes() == first.certificate.octets


def test_the_same_wish_in_another_envelope_gets_the_same_certificate(life, rekeying):
    first = life.approve(rekeying.octets)
    again = rekeyed(rekeying.inner, life.signing_key("aa"), life.present("aa"), life.house.clock)
    assert again != rekeying.octets
    assert life.approve(again).certificate == first.certificate
    assert life.approve(rekeying.inner).certificate == first.certificate
    assert certificates(life, "AA") == 2


def test_the_ctl_may_wait_until_the_certificate_is_installed(life, rekeying):
    done = life.approve(rekeying.octets, listed=False)
    assert life.listed() == {life.present("aa")}
    life.install(done.certificate.octets)
    life.approve(rekeying.octets)
    assert done.certificate in life.listed()


def test_outside_of_a_laboratory_the_next_ctl_is_prepared_and_signed_in_a_ceremony_of_its_own(life, rekeying):
    life.house.hall.instance = Instance(life.directory, Settings(lab=False))
    done = life.approve(rekeying.octets)
    assert done.published is None and done.prepared is not None
    assert life.listed() == {life.present("aa")}
    life.house.hold(done.prepared.file, "bob")
    from v2xpki.authorities.etsi import publishing

    publishing.import_lists(life.instance, [life.directory / "root/lists"], life.house.clock)
    assert done.certificate in life.listed()


def test_what_came_in_over_http_can_be_fetched_there(life, rekeying):
    inbox = Inbox(life.instance)
    assert inbox.put(rekeying.octets).certificate is None
    assert [found.id for found in ca_approval.waiting(life.instance)] == [rekeying.id]
    octets = ca_approval.read_request(life.instance, rekeying.id[:8])
    done = life.approve(octets)
    assert done.fetched and inbox.get(rekeying.id).certificate == done.certificate


# --- refusals -------------------------------------------------------------------------------------------


def refused(life, octets: bytes, rule: str) -> None:
    assert rule in life.problems(octets)
    before = certificates(life, "AA"), certificates(life, "EA")
    with pytest.raises(PermissionDenied):
        life.approve(octets, urls=ca_approval.Urls("https://x.example/aa", "https://x.example/v"))
    assert (certificates(life, "AA"), certificates(life, "EA")) == before


def test_a_ca_that_asks_for_more_than_its_profile_is_refused(life):
    clock, aa = life.house.clock, Profiles.load().profile("AA")
    scr = aa.app_permissions[0]
    wider = scr._replace(ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01\xfe"))
    refused(life, first_request(clock, app_permissions=(wider,)), "request-app_permissions")
    crl = dot2.PsidSsp(psid=622, ssp=dot2.ServiceSpecificPermissions(kind="bitmapSsp", value=b"\x01"))
    refused(life, first_request(clock, app_permissions=(scr, crl)), "request-app_permissions")
    everything = dot2.PsidGroupPermissions(
        subject_permissions=dot2.SubjectPermissions(kind="all", value=None), min_chain_length=3
    )
    for groups in ((everything,), (*aa.cert_issue_permissions, everything), None):
        octets = first_request(clock, cert_issue_permissions=groups)
        refused(life, octets, "request-cert_issue_permissions")


def test_a_ca_without_an_encryption_key_is_refused(life):
    refused(life, first_request(life.house.clock, encryption=False), "encryption-key")


def test_a_request_from_the_future_is_refused(life):
    refused(life, first_request(life.house.clock, age=-3600), "generation-time")


def test_an_old_request_is_remarked_upon(life):
    review = life.review(first_request(life.house.clock, age=60 * DAY))
    assert review.can_be_granted and any("60 days ago" in text for text in review.remarks)


def test_a_stranger_cannot_rekey_anybody(life):
    """The outer signature by another key; under a certificate of another root; by the wrong CA."""
    clock, present = life.house.clock, life.present("aa")

    class Thief:
        def __init__(self) -> None:
            self._own, self.public_key = MemoryKey(Curve.NIST_P256), present.verification_key

        def sign(self, digest: bytes) -> bytes:
            return self._own.sign(digest)

    inner = first_request(clock, name=present.name)
    refused(life, rekeyed(inner, Thief(), present, clock), "former-signature")
    ea = life.present("ea")
    refused(life, rekeyed(inner, life.signing_key("ea"), ea, clock), "former-kind")
    from tests.support.etsi import certify

    other_root = MemoryKey(Curve.NIST_P256)
    tbs = present.record.to_be_signed
    key = MemoryKey(Curve.NIST_P256)
    theirs = certify(
        tbs._replace(
            verify_key_indicator=tbs.verify_key_indicator._replace(value=key.public_key.to_verification_key())
        ),
        other_root,
        life.house.root,
    )
    refused(life, rekeyed(inner, key, theirs, clock), "former-unknown")


def test_a_rekeying_under_another_name_is_refused(life):
    clock = life.house.clock
    inner = first_request(clock, name="root of all")
    refused(life, rekeyed(inner, life.signing_key("aa"), life.present("aa"), clock), "former-name")


def test_a_rekeying_with_the_same_key_is_refused(life):
    clock, key = life.house.clock, life.signing_key("aa")
    present = life.present("aa")
    inner = first_request(clock, name=present.name, key=key)
    assert {"former-key", "granted-before"} & set(life.problems(rekeyed(inner, key, present, clock)))


def test_a_revoked_ca_is_not_rekeyed(life, rekeying):
    life.revoke(life.present("aa"))
    refused(life, rekeying.octets, "former-revoked")


def test_a_ca_whose_certificate_has_ended_is_not_rekeyed(life, rekeying):
    life.house.clock.now = life.present("aa").end
    refused(life, rekeying.octets, "former-expired")


def test_a_stolen_old_key_cannot_branch_off_a_second_successor(life, rekeying):
    first = life.approve(rekeying.octets).certificate
    clock, old = life.house.clock, life.present("aa")
    other = rekeyed(first_request(clock, name=old.name), life.signing_key("aa"), old, clock)
    refused(life, other, "former-succeeded")
    life.revoke(first)  # the key was lost before it was installed: now it may ask once more
    assert life.approve(other).certificate != first


def test_another_request_of_a_key_that_is_certified_is_refused(life):
    clock, key = life.house.clock, MemoryKey(Curve.NIST_P256)
    urls = ca_approval.Urls("https://x.example/aa", "https://x.example/v")
    life.approve(first_request(clock, key=key), urls=urls)
    refused(life, first_request(clock, "EA", key=key, age=5), "granted-before")


def test_a_revoked_certificate_never_comes_back_by_approving_its_request_again(life, rekeying):
    done = life.approve(rekeying.octets)
    life.revoke(done.certificate)
    assert done.certificate not in life.listed()
    with pytest.raises(PermissionDenied, match="revoked"):
        life.approve(rekeying.octets)
    assert done.certificate not in life.listed()


def test_a_ceremony_file_cannot_grant_more_than_a_review_would(life, rekeying):
    """The ceremony asks the same questions itself: a file written by hand gets around nothing."""
    life.revoke(life.present("aa"))
    path = life.directory / "root/requests/by-hand.request"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(rekeying.octets)
    file = life.directory / "ceremonies/by-hand.yaml"
    file.write_text(
        "title: by hand\nkind: sub-ca\ninstance: ..\ndomain: root\nkey: root-sign-1\n"
        "issuer: root/certificates/root-1.oer\nrequest: root/requests/by-hand.request\n"
        f"certificate: {{profile: AA, name: {rekeying.name}}}\noutput: root/issued/by-hand.oer\n"
    )
    with pytest.raises(PermissionDenied, match="revoked"):
        life.house.hold(file, "mallory")
    assert not (life.directory / "root/issued/by-hand.oer").exists()


def test_the_record_of_the_root_stays_intact(life, rekeying):
    life.approve(rekeying.octets)
    with life.database("root") as database:
        assert examine(database).findings == ()


def test_no_id_and_the_beginning_of_several_is_no_request(life, rekeying):
    Inbox(life.instance).put(rekeying.octets)
    for text in ("", "zz", "0" * 32):
        with pytest.raises(ConfigError):
            ca_approval.read_request(life.instance, text)
    with pytest.raises((CeremonyRefused, ConfigError)):
        other = Instance(life.directory / "elsewhere", Settings())
        ca_approval.review(other, CaRequest.parse(rekeying.octets).octets)
