"""Ceremonies: what they make, and above all what they refuse."""

import hashlib

import pytest
import yaml

from v2xpki.audit import verify
from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.crypto import Certificate
from v2xpki.errors import CeremonyRefused, ConfigError, InvalidSignature, PermissionDenied, UnexpectedContent
from v2xpki.keystore import KeyLabel
from v2xpki.store.base import AuditHead, AuditRow, IssuanceRecord, table_of
from v2xpki.trust import SignedList, verify_chain


def certificate(hall, path):
    return Certificate.parse((hall.directory / path).read_bytes())


def audit_events(hall, domain):
    with hall.database(domain) as database, database.read() as tx:
        rows = tx.execute(table_of(AuditRow).select().order_by(table_of(AuditRow).c.sequence)).all()
    return [row.event for row in rows]


def records(hall, domain):
    with hall.database(domain) as database, database.read() as tx:
        return [(row.kind, row.state) for row in tx.execute(table_of(IssuanceRecord).select()).all()]


def test_the_shipped_ceremonies_make_a_pki_whose_chains_verify(hall):
    hall.run_all()
    root = certificate(hall, "root/certificates/root-1.oer")
    for name in ("ea", "aa"):
        verify_chain([certificate(hall, f"root/issued/{name}-1.oer")], root, hall.clock.time32())
    tlm = certificate(hall, "tlm/certificates/tlm-1.oer")
    ectl = SignedList.parse((hall.directory / "tlm/lists/ectl-0.oer").read_bytes())
    ectl.verify(tlm, hall.clock.time32())
    assert [type(entry).__name__ for entry in ectl.entries] == ["RcaEntry", "TlmEntry", "DcEntry"]
    ctl = SignedList.parse((hall.directory / "root/lists/ctl-0.oer").read_bytes())
    ctl.verify(root, hall.clock.time32())
    assert ctl.entries[0].aa_access_point == "http://127.0.0.1:8080/ea/validation"
    assert ctl.entries[0].its_access_point == "http://127.0.0.1:8080/ea"
    crl = SignedList.parse((hall.directory / "root/lists/crl-0.oer").read_bytes())
    crl.verify(root, hall.clock.time32())
    assert crl.revoked == frozenset()


def test_each_signature_is_recorded_and_audited_in_the_domain_that_made_it(hall):
    hall.run_all()
    assert sorted(records(hall, "root")) == [(kind, "issued") for kind in ("AA", "CRL", "CTL", "EA", "RCA")]
    assert sorted(records(hall, "tlm")) == [("ECTL", "issued"), ("TLM", "issued")]
    assert records(hall, "ea") == [("REQUEST", "issued")]
    events = audit_events(hall, "tlm")
    started, generated, signing, signed, finished = (
        events.index(name)
        for name in (
            "ceremony.started",
            "key.generated",
            "issuance.signing",
            "issuance.signed",
            "ceremony.finished",
        )
    )
    assert started < generated < signing < signed < finished
    with hall.database("root") as database, database.read() as tx:
        rows = tx.execute(table_of(AuditRow).select().order_by(table_of(AuditRow).c.sequence)).all()
        head = tx.execute(table_of(AuditHead).select()).one()
    verify([_entry(row) for row in rows], _head(head))


def _entry(row):
    from v2xpki.audit import AuditEntry

    return AuditEntry(row.sequence, row.time, row.event, row.detail, row.hash)


def _head(row):
    from v2xpki.audit import Head

    return Head(row.sequence, row.hash)


def test_the_plan_shows_the_file_the_token_and_what_is_signed(hall):
    hall.run("tlm")
    plan = "\n".join(hall.shown)
    assert hashlib.sha256((hall.directory / "ceremonies/tlm.yaml").read_bytes()).hexdigest() in plan
    for text in ("tlm-sign-1, brainpoolP384r1", "v2xpki-tlm", "alice", "tlm/certificates/tlm-1.oer"):
        assert text in plan


def test_nothing_happens_without_confirmation(hall):
    with pytest.raises(CeremonyRefused, match="not confirmed"):
        hall.run("tlm", yes=False)
    assert not (hall.directory / "tlm").exists()
    assert hall.keystores == {}


def test_an_output_that_exists_is_never_replaced(hall):
    hall.run("tlm")
    before = (hall.directory / "tlm/certificates/tlm-1.oer").read_bytes()
    with pytest.raises(CeremonyRefused, match=r"tlm-1\.oer exists"):
        hall.run("tlm")
    assert (hall.directory / "tlm/certificates/tlm-1.oer").read_bytes() == before


def test_a_key_label_that_exists_is_never_reused(hall):
    hall.run("tlm")
    key = hall.keystores["tlm"].public_key(KeyLabel("tlm", "sign", 1))
    with pytest.raises(CeremonyRefused, match="tlm-sign-1 exists"):
        hall.run("tlm", ("certificates/tlm-1.oer", "certificates/other.oer"))
    assert hall.keystores["tlm"].public_key(KeyLabel("tlm", "sign", 1)) == key
    assert audit_events(hall, "tlm")[-1] == "ceremony.refused"
    assert not (hall.directory / "tlm/certificates/other.oer").exists()


def test_a_transcript_says_who_when_and_what_digests(hall):
    outcome = hall.run("root")
    transcript = yaml.safe_load(outcome.transcript.read_text())
    root = certificate(hall, "root/certificates/root-1.oer")
    assert transcript["operator"] == "alice"
    assert transcript["started"] == "2026-06-01T00:00:00Z"
    assert transcript["file_sha256"] == hashlib.sha256(hall.text("root").encode()).hexdigest()
    assert transcript["outputs"][0]["hashedId8"] == root.hex8
    assert transcript["outputs"][0]["sha256"] == hashlib.sha256(root.octets).hexdigest()
    assert transcript["keys"][0]["public_key"] == root.verification_key.point.hex()
    assert "linted before and after" in transcript["checks"][0]


def test_a_sub_ca_is_certified_for_the_keys_of_its_request_and_no_others(hall):
    hall.run_all("root", "ea-request", "ea")
    ea = certificate(hall, "root/issued/ea-1.oer")
    assert ea.verification_key == hall.keystores["ea"].public_key(KeyLabel("ea", "sign", 1))
    assert ea.encryption_key == hall.keystores["ea"].public_key(KeyLabel("ea", "encrypt", 1))
    assert "root-sign-1" not in {info.label.text for info in hall.keystores["ea"].keys()}


def test_a_request_changed_on_its_way_is_refused(hall):
    hall.run_all("root", "ea-request")
    path = hall.directory / "ea/certificates/ea-1.request"
    octets = bytearray(path.read_bytes())
    octets[-1] ^= 1
    path.write_bytes(octets)
    with pytest.raises(InvalidSignature):
        hall.run("ea")


def test_a_request_for_an_ea_does_not_make_an_aa(hall):
    hall.run_all("root", "ea-request")
    with pytest.raises(PermissionDenied, match="app_permissions"):
        hall.run("ea", ("profile: EA", "profile: AA"))


def test_a_request_under_another_name_is_refused(hall):
    hall.run_all("root", "ea-request")
    with pytest.raises(PermissionDenied, match="id"):
        hall.run("ea", ("name: ea of a test", "name: Another EA"))


def test_a_list_is_no_request(hall):
    hall.run_all("root", "crl")
    with pytest.raises(UnexpectedContent):
        CaRequest.parse((hall.directory / "root/lists/crl-0.oer").read_bytes())


def test_a_list_can_be_signed_ahead(hall):
    hall.run_all("root", "crl")
    hall.run(
        "crl",
        ("revoked: []", "revoked: []\nthis_update: 2026-08-01T00:00:00Z"),
    )
    ahead = SignedList.parse((hall.directory / "root/lists/crl-1.oer").read_bytes())
    assert ahead.this_update - hall.clock.time32() == 61 * 86400
    assert ahead.generation_time == ahead.this_update


def test_a_revoked_authority_is_on_the_crl(hall):
    hall.run_all("root", "ea-request", "ea")
    hall.run("crl", ("revoked: []", "revoked: [root/issued/ea-1.oer]"))
    crl = SignedList.parse((hall.directory / "root/lists/crl-0.oer").read_bytes())
    assert crl.revoked == {certificate(hall, "root/issued/ea-1.oer").hashed_id8}
    assert any("revokes" in line and "nothing" not in line for line in hall.shown)


def test_validity_can_be_given(hall):
    hall.run("root", ("  profile: RCA", "  profile: RCA\n  start: 2026-06-01T00:00:00Z\n  validity: 2 years"))
    root = certificate(hall, "root/certificates/root-1.oer")
    assert root.start == hall.clock.time32()
    assert root.end - root.start == 2 * 31556952


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("tlm", ("profile: TLM", "profile: RCA"), "signs a TLM certificate"),
        ("ea-request", ("profile: EA", "profile: AA"), "asks for no AA"),
        ("tlm", ("curve: brainpoolP384r1", "curve: secp256k1"), "no curve"),
        ("tlm", ("name: tlm of a test", "name: x\n  start: tomorrow"), "no ISO 8601"),
    ],
)
def test_a_file_that_does_not_fit_its_domain_is_refused(hall, name, change, said):
    with pytest.raises((CeremonyRefused, ConfigError), match=said):
        hall.run(name, change)


def test_the_root_certifies_nothing_but_eas_and_aas(hall):
    hall.run_all("root", "ea-request")
    with pytest.raises(CeremonyRefused, match="an EA or an AA"):
        hall.run("ea", ("profile: EA", "profile: RCA"))


def test_a_missing_input_is_named(hall):
    hall.run("root")
    with pytest.raises(CeremonyRefused, match=r"ea-1\.request is not there"):
        hall.run("ea")


def test_a_certificate_of_another_key_is_refused(hall):
    hall.run_all("root", "tlm")
    with pytest.raises(CeremonyRefused, match="not of the key"):
        hall.run("crl", ("signer: root/certificates/root-1.oer", "signer: tlm/certificates/tlm-1.oer"))
