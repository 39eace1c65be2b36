"""On the CRL and off the CTL in one go, for ever; and what the revoked CA does then."""

import json

import pytest
import sqlalchemy as sa

from v2xpki.audit import Event
from v2xpki.authorities.etsi import ca_revocation, publishing
from v2xpki.authorities.etsi.opening import open_own_keys
from v2xpki.authorities.etsi.status import collect
from v2xpki.config import Instance, Settings
from v2xpki.errors import CeremonyRefused, ConfigError, OutOfService
from v2xpki.store.base import AuditRow
from v2xpki.trust.lists import EaEntry
from v2xpki.web.open_ca import certificates_in_force


def test_a_revoked_ca_is_on_the_crl_and_off_the_ctl_at_once_with_the_reason_on_record(life):
    aa = life.present("aa")
    done = life.revoke(aa, reason="its token was stolen")
    assert done.published is not None and done.plan.warnings
    assert life.house.crl().revoked == {aa.hashed_id8}
    assert life.listed() == set()
    assert life.listed(EaEntry) == {life.present("ea")}
    with life.database("root") as database, database.read() as tx:
        rows = tx.execute(sa.select(AuditRow.detail).where(AuditRow.event == Event.CERTIFICATE_REVOKED)).all()
    (detail,) = [json.loads(row.detail) for row in rows]
    assert detail == {
        "certificate": aa.hashed_id8.hex(),
        "kind": "AA",
        "operator": "bob",
        "reason": "its token was stolen",
    }


def test_revoking_again_signs_nothing(life):
    aa = life.present("aa")
    life.revoke(aa)
    sequence = life.house.ctl().sequence
    assert life.revoke(aa).plan.is_done
    assert life.house.ctl().sequence == sequence


def test_outside_of_a_laboratory_both_ceremonies_are_prepared_and_overtake_what_was_signed_ahead(life):
    aa = life.present("aa")
    life.house.publish_root(count=4)
    life.house.hall.instance = Instance(life.directory, Settings(lab=False))
    done = life.revoke(aa, reason="lost")
    assert [run.kind for run in done.prepared] == ["crl", "ctl"]
    assert life.house.crl().revoked == frozenset()
    for run in done.prepared:
        life.house.hold(run.file, "bob")
    publishing.import_lists(life.instance, [life.directory / "root/lists"], life.house.clock)
    assert life.house.crl().revoked == {aa.hashed_id8} and life.listed() == set()
    life.house.tick(100 * 86400)
    assert life.house.crl().revoked == {aa.hashed_id8} and life.listed() == set()


def test_a_second_change_before_the_ceremony_forgets_nothing_of_the_first(life):
    """An approval and two revocations are prepared one after the other; the ceremonies are held once."""
    asked = life.ask("aa", rekey=True)
    life.house.hall.instance = Instance(life.directory, Settings(lab=False))
    new = life.approve(asked.request.octets).certificate
    ea, aa = life.present("ea"), life.present("aa")
    life.revoke(ea, reason="stolen")
    crl, ctl = life.revoke(aa, reason="lost").prepared
    for run in (crl, ctl):
        life.house.hold(run.file, "bob")
    publishing.import_lists(life.instance, [life.directory / "root/lists"], life.house.clock)
    assert life.house.crl().revoked == {ea.hashed_id8, aa.hashed_id8}
    assert life.listed() == {new} and life.listed(EaEntry) == set()
    with life.database("root") as database, database.read() as tx:
        rows = tx.execute(sa.select(AuditRow.detail).where(AuditRow.event == Event.CERTIFICATE_REVOKED)).all()
    assert {json.loads(row.detail)["reason"] for row in rows} == {"stolen; lost"}


def test_it_is_found_by_digest_or_file(life):
    aa = life.present("aa")
    find = ca_revocation.find
    path = life.instance.domain("aa").certificate_path
    for text in (aa.hex8, aa.hex8.lower(), str(path)):
        assert find(life.instance, text, life.house.clock) == aa
    for text in ("0" * 16, "aa", "no-such-file"):
        with pytest.raises(ConfigError):
            find(life.instance, text, life.house.clock)


def test_what_this_root_has_not_certified_it_does_not_revoke(life, shared_etsi_root):
    for wrong in (life.house.root, life.house.tlm, shared_etsi_root):
        with pytest.raises(CeremonyRefused):
            life.revoke(wrong)
    life.house.clock.now = life.present("aa").end
    with pytest.raises(CeremonyRefused, match="has ended"):
        life.revoke(life.present("aa"))


@pytest.fixture
def shared_etsi_root(life):
    """An AA of another root."""
    from tests.support.etsi import certify
    from v2xpki.crypto import Curve
    from v2xpki.keystore import MemoryKey

    root = MemoryKey(Curve.NIST_P256)
    tbs = life.house.root.record.to_be_signed
    other = certify(
        tbs._replace(
            verify_key_indicator=tbs.verify_key_indicator._replace(
                value=root.public_key.to_verification_key()
            )
        ),
        root,
    )
    return certify(life.present("aa").record.to_be_signed, root, other)


# --- what it does to the CA itself ------------------------------------------------------------------------


def own_keys(life, database):
    keystore = life.house.hall.keystores["aa"]
    return open_own_keys(keystore, life.instance.domain("aa"), database, life.house.clock)


def test_a_ca_that_finds_itself_on_the_crl_goes_out_of_service_and_says_so(life):
    aa = life.present("aa")
    with life.database("aa") as database:
        assert certificates_in_force(own_keys(life, database), life.house.clock).ok
        life.revoke(aa)
        life.fetch_lists()
        own = own_keys(life, database)
        with pytest.raises(OutOfService, match="revoked"):
            own.newest()
        found = certificates_in_force(own, life.house.clock)
    assert not found.ok and f"{aa.hex8} is revoked by the root" in found.text


def test_a_revoked_older_generation_leaves_the_newer_one_in_service(life):
    old, new = life.present("aa"), life.rekey("aa")
    life.revoke(old)
    life.fetch_lists()
    assert life.listed() == {new}
    with life.database("aa") as database:
        own = own_keys(life, database)
        assert own.newest().certificate == new
        assert [own.in_force(one) for one in own.generations] == [True, False]
        found = certificates_in_force(own, life.house.clock)
    assert found.ok and found.warning and old.hex8 in found.text


def test_a_revoked_newer_generation_leaves_the_older_one_in_service(life):
    old, new = life.present("aa"), life.rekey("aa")
    life.revoke(new)
    life.fetch_lists()
    with life.database("aa") as database:
        assert own_keys(life, database).newest().certificate == old


def test_status_tells_of_it(life, monkeypatch):
    monkeypatch.setattr("v2xpki.authorities.etsi.status.keys_in_tokens", lambda instance, names: {})
    new = life.rekey("aa")
    life.ask("aa", rekey=True)
    found = collect(life.instance, life.house.clock).document
    (aa,) = [entry for entry in found["authorities"] if entry["role"] == "aa"]
    assert [(one["generation"], one["state"]) for one in aa["generations"]] == [
        (2, "present"), (1, "answers"), (3, "asked for"),
    ]  # fmt: skip
    life.revoke(new)
    problems = collect(life.instance, life.house.clock).problems
    assert any(new.hex8 in text and "nothing is issued under it" in text for text in problems)
