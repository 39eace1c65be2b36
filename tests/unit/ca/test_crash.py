"""The root's process is killed at every step of an approval: before and after each commit, each signature and
each file. However often it is run again, one request gets one certificate."""

import sqlalchemy as sa

from tests.unit.publishing.test_crash import until_it_ends
from v2xpki.authorities.etsi import ca_approval, ca_inbox, ceremony, subca
from v2xpki.crypto import Certificate, signing_digest
from v2xpki.store.auditing import examine
from v2xpki.store.base import IssuanceRecord
from v2xpki.store.root import CaApproval


def test_a_kill_during_approve_never_gives_two_certificates_for_one_request(
    life, rekeying, tmp_path, monkeypatch
):
    octets, journal, clock = rekeying.octets, tmp_path / "signatures", life.house.clock
    ca_inbox.Inbox(life.instance).put(octets)
    seen: set[bytes] = set()

    def check() -> None:
        clock.advance(1)  # another attempt is made later: a second signature would be of other octets
        with life.database("root") as root:
            assert examine(root).findings == ()
            with root.read() as tx:
                records = tx.execute(sa.select(IssuanceRecord).where(IssuanceRecord.kind == "AA")).all()
                claims = tx.execute(sa.select(CaApproval.record).where(CaApproval.former.is_not(None))).all()
            issued = {bytes(one.signed) for one in records if one.state == "issued"} - {
                life.present("aa").octets
            }
        assert len(issued) <= 1 and len(claims) <= 1
        # what is out anywhere is the one that is recorded
        places = [
            *life.directory.glob("root/issued/aa-????????????????????????????????.oer"),
            *life.directory.glob("ca-requests/*.oer"),
        ]
        out = {path.read_bytes() for path in places}
        out |= {certificate.octets for certificate in life.listed()} - {life.present("aa").octets}
        assert out <= issued
        seen.update(issued)
        assert len(seen) <= 1
        # no signature without a record: each that was made has its to-be-signed octets on the disk
        digests = {
            signing_digest("sha384", one.to_be_signed, life.house.root.octets).hex() for one in records
        }
        made = journal.read_text().split() if journal.exists() else []
        assert len([digest for digest in made if digest in digests]) <= len(records)

    for module in (subca, ca_approval, ca_inbox):  # their files are steps too
        monkeypatch.setattr(module, "write_new", lambda path, octets: ceremony.write_new(path, octets))
    deadly = until_it_ends(lambda: life.approve(octets), check, journal)
    assert deadly > 10
    done = life.approve(octets)
    assert done.transcript is None and {done.certificate.octets} == seen
    assert done.certificate in life.listed()
    assert Certificate.parse(done.file.read_bytes()) == done.certificate
    assert ca_inbox.Inbox(life.instance).get(rekeying.id).certificate == done.certificate
