"""Down from the pinned TLM: what is fetched, and what is refused."""

import json

import pytest

from tests.unit.station.fake_pki import URL, make_ca
from v2xpki.crypto import Certificate
from v2xpki.errors import ConfigError
from v2xpki.secured import SignedMessage, sign
from v2xpki.station import Station, Unreachable, Untrusted, Where, discover, follow_ectl
from v2xpki.station.http import CRL, CTL, OCTETS
from v2xpki.time import time32_from_iso
from v2xpki.trust.lists import AaEntry, DcEntry, EaEntry

HOUR = 3600


def refused(station, rule):
    with pytest.raises(Untrusted) as error:
        station.refresh()
    assert error.value.rule == rule
    return str(error.value)


def test_everything_is_fetched_and_verified_in_order(new_station, pki):
    found = new_station().refresh()
    assert found.tlm == pki.tlm.certificate
    assert found.root == pki.root.certificate
    assert found.ea == (pki.ea.certificate, f"{URL}/ea")
    assert found.aa == (pki.aa.certificate, f"{URL}/aa")
    assert found.authorities == (pki.ea.certificate, pki.aa.certificate)
    assert found.problems == ()
    root, tlm = pki.root.certificate.hex8, pki.tlm.certificate.hex8
    assert pki.log == [
        f"GET {URL}/cpoc/gettlmcertificate/{tlm}",
        f"GET {URL}/cpoc/gettlmlinkcertificate/{tlm}",
        f"GET {URL}/cpoc/getectl/{tlm}",
        f"GET {URL}/dc/getctl/{root}",
        f"GET {URL}/dc/getcrl/{root}",
    ]


def test_another_tlm_than_the_pinned_one_is_refused(new_station, pki, clock):
    station = new_station()
    other = make_ca("TLM", clock.time32())
    pki.documents[f"/cpoc/gettlmcertificate/{pki.tlm.certificate.hex8}"] = OCTETS, other.certificate.octets
    assert pki.tlm.certificate.hex8 in refused(station, "pin")
    assert station.directory.document("tlm") is None


def test_a_whole_certificate_can_be_the_pin(pki, clock):
    def source(name, url, kind):
        return pki.get(url).body

    found = discover(Where(f"{URL}/cpoc", pki.tlm.certificate), source, clock.time32())
    assert found.tlm == pki.tlm.certificate


def test_a_root_certificate_is_no_tlm(new_station, pki):
    root = pki.root.certificate
    pki.documents[f"/cpoc/gettlmcertificate/{root.hex8}"] = OCTETS, root.octets
    refused(new_station(tlm=root.hex8), "profile")
    pki.documents[f"/cpoc/gettlmcertificate/{root.hex8}"] = OCTETS, b"no certificate"
    refused(new_station("obu-2", tlm=root.hex8), "decode")


def test_certificates_out_of_their_time_are_refused(new_station, pki, clock):
    clock.advance(-48 * HOUR)
    refused(new_station(), "expired")


def path_of(pki, name):
    root, tlm = pki.root.certificate.hex8, pki.tlm.certificate.hex8
    return {"ectl": f"/cpoc/getectl/{tlm}", "ctl": f"/dc/getctl/{root}", "crl": f"/dc/getcrl/{root}"}[name]


@pytest.mark.parametrize("name", ["ectl", "ctl", "crl"])
def test_a_list_with_a_flipped_bit_is_refused_and_nothing_is_kept(new_station, pki, name):
    station, path = new_station(), path_of(pki, name)
    kind, octets = pki.documents[path]
    pki.documents[path] = kind, octets[:-1] + bytes([octets[-1] ^ 1])
    refused(station, "signature")
    assert list((station.directory.path / "trust").iterdir()) == []


@pytest.mark.parametrize("name", ["ectl", "ctl", "crl"])
def test_a_list_by_another_signer_is_refused(new_station, pki, name, clock):
    station, path = new_station(), path_of(pki, name)
    kind, octets = pki.documents[path]
    message = SignedMessage.parse(octets)
    other = make_ca("TLM" if name == "ectl" else "RCA", clock.time32())
    forged = sign(
        other.key,
        message.header,
        payload=message.payload,
        certificate=other.certificate,
        identifier="certificate",
    )
    pki.documents[path] = kind, forged
    refused(station, "signer")


def test_one_list_does_not_pass_for_another(new_station, pki):
    station = new_station()
    kind, _ = pki.documents[path_of(pki, "crl")]
    pki.documents[path_of(pki, "crl")] = kind, pki.documents[path_of(pki, "ctl")][1]
    refused(station, "kind")
    pki.documents[path_of(pki, "crl")] = kind, b"not a list"
    refused(station, "list")


def test_a_list_that_is_out_of_date_is_refused_but_peers_are_still_heard(station, pki, clock):
    clock.advance(24 * HOUR)
    with pytest.raises(Untrusted) as error:
        _ = station.pki
    assert error.value.rule == "out-of-date"
    refused(station, "out-of-date")
    again = Station(station.directory.path, clock=clock, http=pki)
    assert again.last_pki.root == pki.root.certificate


def test_an_older_list_than_the_one_held_is_a_rollback(station, pki, clock):
    old = dict(pki.documents)
    clock.advance(HOUR)
    pki.publish()
    station.refresh()
    for name in ("ectl", "ctl", "crl"):
        new = pki.documents[path_of(pki, name)]
        pki.documents[path_of(pki, name)] = old[path_of(pki, name)]
        refused(station, "rollback")
        pki.documents[path_of(pki, name)] = new
    station.refresh()


def test_a_damaged_stored_list_does_not_stop_a_refresh(station):
    (station.directory.path / "trust" / "ectl.oer").write_bytes(b"damaged")
    station.refresh()


def test_revoked_authorities_are_not_used(new_station, pki, clock):
    station = new_station()
    pki.publish(revoked=[pki.ea.certificate])
    # The lists count all the same: with the older ones it would go on trusting the EA.
    found = station.refresh()
    with pytest.raises(Untrusted, match="no EA in force") as caught:
        station.enrol()
    assert caught.value.rule == "authority"
    assert found.enrolment is None and found.trust.issuer(pki.ea.certificate.hashed_id8) is None
    assert found.aa.certificate == pki.aa.certificate
    pki.publish(revoked=[pki.root.certificate])
    refused(station, "revoked")


def test_the_newest_authority_in_force_is_used(new_station, pki, clock):
    station = new_station()
    clock.advance(2 * HOUR)
    newer = make_ca("EA", clock.time32(), pki.root)
    silent = make_ca("EA", clock.time32() + 1, pki.root)
    forged = make_ca("AA", clock.time32(), pki.root)
    forged_record = forged.certificate.record
    spoilt = Certificate.of(forged_record._replace(signature=newer.certificate.record.signature))
    pki.publish(
        entries=[
            EaEntry(pki.ea.certificate, f"{URL}/v", f"{URL}/ea"),
            EaEntry(newer.certificate, f"{URL}/v", f"{URL}/ea2"),
            EaEntry(silent.certificate, f"{URL}/v"),
            AaEntry(pki.aa.certificate, f"{URL}/aa"),
            AaEntry(spoilt, f"{URL}/aa2"),
        ]
    )
    found = station.refresh()
    assert found.ea == (newer.certificate, f"{URL}/ea2")
    assert found.aa == (pki.aa.certificate, f"{URL}/aa")
    assert spoilt.hex8 in found.problems[0]
    named = new_station("obu-2", ea="http://elsewhere.test/ea").refresh()
    assert named.ea.url == "http://elsewhere.test/ea"


def test_other_roots_of_the_ectl_are_trusted_too_or_noted(new_station, pki, clock):
    other = make_ca("RCA", clock.time32(), name="Other")
    silent = make_ca("RCA", clock.time32(), name="Silent")
    theirs = make_ca("AA", clock.time32(), other)
    dc = f"{URL}/other"
    pki.publish(roots=[(other.certificate, dc), (silent.certificate, None)])
    entries = [AaEntry(theirs.certificate, dc), DcEntry(dc, (other.certificate.hashed_id8,))]
    pki.publish_for(other, dc, entries)
    refused(new_station("lost"), "root")
    station = new_station(root=pki.root.certificate.hex8)
    found = station.refresh()
    assert found.root == pki.root.certificate
    assert theirs.certificate in found.authorities
    assert len(found.problems) == 1
    assert silent.certificate.hex8 in found.problems[0]
    refused(new_station("none", root="00" * 8), "root")


def test_a_root_cannot_revoke_what_is_below_another(new_station, pki, clock):
    other = make_ca("RCA", clock.time32(), name="Other")
    dc = f"{URL}/other"
    pki.publish(roots=[(other.certificate, dc)])
    entries = [DcEntry(dc, (other.certificate.hashed_id8,))]
    pki.publish_for(other, dc, entries)
    path = f"/other/getcrl/{other.certificate.hex8}"
    from v2xpki.trust.lists import CrlSchedule, build_crl

    now = clock.time32()
    data = build_crl(other.certificate, CrlSchedule(now, now + HOUR), ())
    value = data.content.value._replace(entries=(pki.ea.certificate.hashed_id8,))
    data = data._replace(content=data.content._replace(value=value))
    pki.put(path, CRL, data, other, 622)
    station = new_station(root=pki.root.certificate.hex8)
    assert station.refresh().ea.certificate == pki.ea.certificate


def test_what_is_unreachable_or_of_another_type_is_told(new_station, pki):
    station = new_station()
    pki.down.add(f"{URL}/dc/getctl/{pki.root.certificate.hex8}")
    with pytest.raises(Unreachable, match="down"):
        station.refresh()
    pki.down.clear()
    path = path_of(pki, "ctl")
    pki.documents[path] = OCTETS, pki.documents[path][1]
    with pytest.raises(Unreachable, match=CTL):
        station.refresh()
    del pki.documents[path]
    with pytest.raises(Unreachable) as error:
        station.refresh()
    assert error.value.status == 404


def test_nothing_stored_is_no_pki(new_station):
    with pytest.raises(Untrusted, match="refresh"):
        try:
            _ = new_station().pki
        except Untrusted as error:
            raise Untrusted(error.diagnostics(), rule=error.rule) from error


def test_a_missing_tls_ca_is_told(tmp_path):
    from v2xpki.station import Urllib3Http

    with pytest.raises(ConfigError, match="no such file"):
        Urllib3Http(tls_ca=tmp_path / "ca.pem")


# --- an ECTL at hand ------------------------------------------------------------------------


def test_the_real_ectl_of_the_eu_is_followed_as_a_trust_source(shared_vectors):
    """The EU's L2 ECTL of March 2025, at its time, with nothing pinned but its TLM."""
    vectors = json.loads((shared_vectors / "real_world.json").read_text())
    tlm = Certificate.parse(bytes.fromhex(vectors["certificates"]["eu_l2_tlm"]))
    ectl = bytes.fromhex(vectors["signed_data"]["eu_l2_ectl"])
    found = follow_ectl(ectl, tlm, time32_from_iso("2025-04-01"))
    assert {root.hex8 for root in found.roots} == {"624E2E81B7945C4F", "B1FC75CD5A80C630"}
    assert {root.name for root in found.roots} == {"1_EU-ROOT-CA_L2", "3_Microsec-CCMS-RCA-2024_L2"}
    assert {id8.hex(): urls for id8, urls in found.centres.items()} == {
        "624e2e81b7945c4f": ("http://1.eu-dc.l2.c-its-eu-rca.eu",),
        "b1fc75cd5a80c630": ("http://microsec-ccms-dc-2024-l2.v2x-pki.com",),
    }
    assert found.problems == () and found.next_update == time32_from_iso("2025-07-16T21:59:58")
    trust = found.trust()
    for root in found.roots:
        assert trust.issuer(root.hashed_id8) == root
    with pytest.raises(Untrusted) as error:
        follow_ectl(ectl, tlm, time32_from_iso("2025-08-01"))
    assert error.value.rule == "out-of-date"
    assert follow_ectl(ectl, tlm, time32_from_iso("2025-08-01"), expired=True).roots == found.roots
    with pytest.raises(Untrusted) as error:
        follow_ectl(ectl[:-1] + bytes([ectl[-1] ^ 1]), tlm, time32_from_iso("2025-04-01"))
    assert error.value.rule == "signature"


def test_the_walk_goes_on_from_an_ectl_at_hand_without_asking_the_cpoc(pki, clock):
    tlm = pki.tlm.certificate
    ectl = pki.documents[f"/cpoc/getectl/{tlm.hex8}"][1]

    def source(name, url, kind):
        assert "/cpoc/" not in url
        return pki.get(url).body

    found = discover(Where("", tlm, ectl=ectl), source, clock.time32())
    assert found.root == pki.root.certificate and found.aa.certificate == pki.aa.certificate
    with pytest.raises(ConfigError):
        Where("", tlm.hashed_id8, ectl=ectl)


def test_an_ectl_at_hand_is_no_better_than_its_pin(pki, clock):
    ectl = pki.documents[f"/cpoc/getectl/{pki.tlm.certificate.hex8}"][1]
    other = make_ca("TLM", clock.time32())
    for pin, rule in ((other.certificate, "signer"), (pki.root.certificate, "profile")):
        with pytest.raises(Untrusted) as error:
            follow_ectl(ectl, pin, clock.time32())
        assert error.value.rule == rule


def test_a_root_that_is_not_in_force_is_left_out_of_what_an_ectl_vouches_for(pki, clock):
    old = make_ca("RCA", clock.time32() - 9 * 365 * 24 * HOUR, name="Old")
    pki.publish(roots=[(old.certificate, None)])
    found = follow_ectl(
        pki.documents[f"/cpoc/getectl/{pki.tlm.certificate.hex8}"][1], pki.tlm.certificate, clock.time32()
    )
    assert found.roots == (pki.root.certificate,)
    assert old.certificate.hex8 in found.problems[0]
