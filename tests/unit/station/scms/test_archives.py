"""The file of a period: every entry stands up by itself, or is reported; hostile files are refused whole."""

import io
import struct
import zipfile

import pytest

from tests.support.scms_station import BSM, NOW, PERIOD, PERIODS, WISH, Lab, zipped
from tests.unit.crypto.soft import vectors
from v2xpki import wire
from v2xpki.crypto import Certificate, Curve, PrivateCaterpillar, PublicKey
from v2xpki.crypto.group import p256
from v2xpki.errors import InvalidChain
from v2xpki.secured import encrypt, unsecured
from v2xpki.station.errors import BadAnswer
from v2xpki.station.scms.archives import LONGEST_ENTRY, MOST_ENTRIES, archive_name, open_archive
from v2xpki.station.scms.requests import CertificateWish, OwnKeys
from v2xpki.station.scms.supplies import Supply
from v2xpki.trust.regions import from_table
from v2xpki.trust.scms_end_entities import ScmsChains
from v2xpki.wire import dot2, scms

JS = range(4)
VARIANTS = ("original", "unified", "compactUnified")


def supply_of(keys, wish=WISH):
    return Supply(bytes(8), wish, keys, NOW, None)


@pytest.fixture(scope="module")
def mine(lab: Lab):
    """By variant: a supply and the entries of its period."""
    made = {}
    for variant in VARIANTS:
        keys = PrivateCaterpillar.generate(variant)
        made[variant] = supply_of(keys), lab.responses(keys.public(), PERIOD, JS)
    return made


def named(entries, i=PERIOD):
    return {f"{i:X}_{j:X}": octets for j, octets in entries.items()}


def opened(lab, supply, entries, *, i=PERIOD, chains=None, now=NOW):
    return open_archive(zipped(named(entries, i)), supply, i, PERIODS, chains or lab.chains, now)


def rules(batch):
    return [entry.rule for entry in batch.bad]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_certificate_comes_out_with_the_key_that_signs_for_it(lab, mine, variant):
    supply, entries = mine[variant]
    batch = opened(lab, supply, entries)
    assert batch.bad == ()
    assert [(one.i, one.j) for one in batch.made] == [(PERIOD, j) for j in JS]
    for one in batch.made:
        assert one.key.public_key == one.certificate.verification_key
        assert one.certificate.record.to_be_signed.id.value.i_cert == PERIOD
    assert len({one.certificate.hashed_id8 for one in batch.made}) == len(JS)


def test_the_numbers_need_not_be_in_a_row(lab):
    keys = PrivateCaterpillar.generate("unified")
    batch = opened(lab, supply_of(keys), lab.responses(keys.public(), PERIOD, [0, 17, 255]))
    assert [one.j for one in batch.made] == [0, 17, 255]


def test_deflated_entries_are_taken_too(lab, mine):
    supply, entries = mine["unified"]
    octets = zipped(named(entries), zipfile.ZIP_DEFLATED)
    assert len(open_archive(octets, supply, PERIOD, PERIODS, lab.chains, NOW).made) == len(JS)


def test_one_bad_entry_is_reported_and_the_others_are_kept(lab, mine):
    supply, entries = mine["unified"]
    for position in (5, -70, -5):
        broken = bytearray(entries[1])
        broken[position] ^= 1
        batch = opened(lab, supply, entries | {1: bytes(broken)})
        assert [one.j for one in batch.made] == [0, 2, 3]
        (bad,) = batch.bad
        assert bad.name == f"{PERIOD:X}_1" and bad.rule in (
            "content",
            "signature",
            "decrypt",
            "signer",
            "key",
        )


def test_entries_that_changed_places_are_not_taken(lab, mine):
    supply, entries = mine["unified"]
    batch = opened(lab, supply, entries | {0: entries[1], 1: entries[0]})
    assert [one.j for one in batch.made] == [2, 3] and rules(batch) == ["decrypt", "decrypt"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_another_vehicles_file_gives_nothing(lab, mine, variant):
    _, entries = mine[variant]
    other = supply_of(PrivateCaterpillar.generate(variant))
    batch = opened(lab, other, entries)
    assert batch.made == () and set(rules(batch)) == {"decrypt"}


def test_another_periods_file_gives_nothing(lab, mine):
    supply, entries = mine["unified"]
    batch = opened(lab, supply, entries, i=PERIOD + 1)
    assert batch.made == () and set(rules(batch)) == {"decrypt"}


def test_a_certificate_of_another_period_is_not_taken(lab):
    """The RA asks the ACA with the keys of one period, for another."""
    keys = PrivateCaterpillar.generate("unified")
    supply = supply_of(keys)
    (cocoon,) = keys.public().cocoons(PERIOD, [0])
    request = lab.request(PublicKey.from_sec1(Curve.NIST_P256, cocoon.signing), i=PERIOD + 1)
    for tbs, rule in (
        ({"validity_period": PERIODS.validity_of(PERIOD, lab.aca_certificate.start)}, "id"),
        ({"validity_period": PERIODS.validity_of(PERIOD + 1)}, "id"),
        (
            {
                "id": dot2.CertificateId("linkageData", dot2.LinkageData(PERIOD, bytes(9))),
                "validity_period": PERIODS.validity_of(PERIOD + 1),
            },
            "validity",
        ),
    ):
        asked = request._replace(tbs_cert=request.tbs_cert._replace(app_permissions=BSM, **tbs))
        from tests.support.scms_station import entry_of

        entry = entry_of(lab.aca.certify([lab.signed(asked)])[0])
        assert rules(opened(lab, supply, {0: entry})) == [rule]


def test_what_was_not_asked_for_is_not_taken(lab, mine):
    supply, entries = mine["unified"]
    more = supply_of(supply.keys, WISH._replace(permissions=(*BSM, dot2.PsidSsp(38, None))))
    assert set(rules(opened(lab, more, entries))) == {"permissions"}
    here = supply_of(supply.keys, WISH._replace(region=from_table({"countries": [276]})))
    assert set(rules(opened(lab, here, entries))) == {"region"}
    nameless = supply_of(supply.keys, WISH._replace(kind="identification"))
    assert set(rules(opened(lab, nameless, entries))) == {"id"}


def test_an_identification_certificate_is_none_with_linkage(lab):
    keys, wish = PrivateCaterpillar.generate("unified"), WISH._replace(kind="identification")
    entries = lab.responses(keys.public(), PERIOD, [0], wish)
    assert len(opened(lab, supply_of(keys, wish), entries).made) == 1
    assert rules(opened(lab, supply_of(keys), entries)) == ["id"]


def test_an_aca_that_is_not_below_a_trusted_root_gives_nothing(lab, mine, tmp_path):
    supply, entries = mine["unified"]
    other = Lab(tmp_path)
    try:
        for chains in (
            other.chains,
            ScmsChains([other.root], [lab.aca_certificate]),
            ScmsChains([lab.root], [other.aca_certificate]),
            ScmsChains([lab.root], [lab.ra]),
        ):
            batch = opened(lab, supply, entries, chains=chains)
            assert batch.made == () and set(rules(batch)) == {"signer"}
    finally:
        other.close()


def test_a_cubk_certificate_is_believed_for_the_acas_signature_in_it_alone(lab, mine, tmp_path):
    supply, entries = mine["compactUnified"]
    other = Lab(tmp_path)
    try:
        batch = opened(lab, supply, entries, chains=other.chains)
    finally:
        other.close()
    assert batch.made == () and set(rules(batch)) == {"chain"}


def test_a_revoked_aca_gives_nothing(lab, mine):
    class Revoked:
        def check(self, certificate: Certificate) -> None:
            if certificate == lab.aca_certificate:
                raise InvalidChain("revoked", rule="revoked")

    supply, entries = mine["unified"]
    chains = ScmsChains([lab.root], [lab.aca_certificate], Revoked())
    assert set(rules(opened(lab, supply, entries, chains=chains))) == {"signer"}


def test_a_private_key_that_the_ra_could_know_is_not_taken(lab):
    """Without c the certificate's key is the cocoon's, which the RA has made."""
    keys = PrivateCaterpillar.generate("unified")
    (cocoon,) = keys.public().cocoons(PERIOD, [0])
    tbs = {"app_permissions": BSM, "validity_period": PERIODS.validity_of(PERIOD, lab.aca_certificate.start)}
    entry = lab.own_entry(cocoon.signing, cocoon.encryption, tbs)
    assert rules(opened(lab, supply_of(keys, WISH._replace(kind="identification")), {0: entry})) == ["key"]


def test_an_application_certificate_is_of_the_own_key(lab):
    keys = OwnKeys.generate()
    signing, encryption = p256().multiples_of_base([keys.signing, keys.encryption])
    wish = CertificateWish("application", (dot2.PsidSsp(38, None),), WISH.validity)
    tbs = {
        "app_permissions": wish.permissions,
        "validity_period": dot2.ValidityPeriod(NOW, dot2.Duration("hours", 900)),
    }
    for form in (encryption, None):  # private, plain
        entry = lab.own_entry(signing, form, tbs)
        (one,) = opened(lab, supply_of(keys, wish), {0: entry}).made
        assert one.key.private.to_bytes(32, "big") == keys.signing
        assert rules(opened(lab, supply_of(OwnKeys.generate(), wish), {0: entry})) in (["key"], ["decrypt"])


def test_a_pseudonym_in_plain_is_not_taken(lab, mine):
    supply, _ = mine["unified"]
    assert rules(opened(lab, supply, {0: unsecured(b"x")})) == ["content"]


# --- hostile files -------------------------------------------------------------------------


def whole(lab, supply, octets):
    with pytest.raises(BadAnswer) as caught:
        open_archive(octets, supply, PERIOD, PERIODS, lab.chains, NOW)
    assert caught.value.rule == "archive"


@pytest.mark.parametrize(
    "name",
    ["../{i}_0", "/{i}_0", "{i}_0/", "{i}_0.oer", "{i}-0", "0{i}_0", "{i}_00", "{i}_100", "{low}_0",
     "{next}_0", "{i}_a", "{i}_0\n", "{i}_0\\..\\x", "{i}_\u0661"],
)  # fmt: skip
def test_only_the_exact_names_of_the_period_are_taken(lab, mine, name):
    supply, entries = mine["unified"]
    name = name.format(i=f"{PERIOD:X}", low=f"{PERIOD:x}", next=f"{PERIOD + 1:X}")
    whole(lab, supply, zipped({name: entries[0]}))


def test_a_name_twice_is_refused(lab, mine):
    supply, entries = mine["unified"]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{PERIOD:X}_0", entries[0])
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(f"{PERIOD:X}_0", entries[1])
    whole(lab, supply, file.getvalue())


def test_a_bomb_is_refused_before_it_is_inflated(lab, mine):
    supply, _ = mine["unified"]
    octets = bytearray(zipped({f"{PERIOD:X}_0": bytes(50_000_000)}, zipfile.ZIP_DEFLATED))
    whole(lab, supply, bytes(octets))
    # and one that lies about its size, in both places
    for at in (octets.find(b"PK\1\2") + 24, 22):
        octets[at : at + 4] = struct.pack("<I", LONGEST_ENTRY)
    whole(lab, supply, bytes(octets))


def test_too_many_entries_none_and_too_many_octets_are_refused(lab, mine):
    supply, _ = mine["unified"]
    whole(lab, supply, zipped({f"{PERIOD:X}_{j:X}": b"" for j in range(MOST_ENTRIES + 1)}))
    whole(lab, supply, zipped({}))
    whole(lab, supply, bytes(LONGEST_ENTRY * MOST_ENTRIES + 1))


def test_a_truncated_archive_is_refused_wherever_it_is_cut(lab, mine):
    supply, entries = mine["unified"]
    octets = zipped(named(entries))
    for end in range(0, len(octets) - 1, 41):
        whole(lab, supply, octets[:end])


def test_flipped_octets_never_make_another_certificate(lab, mine):
    supply, entries = mine["unified"]
    good = opened(lab, supply, entries).made
    octets = zipped(named(entries))
    for position in range(0, len(octets), 23):
        broken = bytearray(octets)
        broken[position] ^= 0x11
        try:
            batch = open_archive(bytes(broken), supply, PERIOD, PERIODS, lab.chains, NOW)
        except BadAnswer:
            continue
        assert {one.certificate for one in batch.made} <= {one.certificate for one in good}


def test_the_name_of_a_file_is_in_upper_case_hex():
    assert archive_name("00AB", 425) == "00AB_1A9.zip"


# --- recorded ------------------------------------------------------------------------------


class Believing(ScmsChains):
    """The recorded root is not there; the PCA is believed, its certificates are judged all the same."""

    def component(self, certificate, role, at):
        assert certificate.hashed_id8 in self._others


def test_a_recorded_session_opens_with_all_its_private_keys():
    """Twenty implicit certificates of two weeks. The recorded responses lack version and generationTime, so
    that certificate and s are put into today's, encrypted to the recorded cocoon keys."""
    file = vectors("scms_butterfly_end_to_end")
    names = ("caterpillar_private", "signing_expansion_key", "enc_caterpillar_private", "enc_expansion_key")
    keys = PrivateCaterpillar("original", *(bytes.fromhex(file[name]) for name in names))
    pca = Certificate.parse(bytes.fromhex(file["pca_certificate"]))
    certificates = [Certificate.parse(bytes.fromhex(one["certificate"])) for one in file["vectors"]]
    permissions = tuple(certificates[0].record.to_be_signed.app_permissions)
    wish = WISH._replace(permissions=permissions, implicit=True)
    supply, chains, found = supply_of(keys, wish), Believing([], [pca]), {}
    for i in (425, 426):
        entries = {}
        for vector, certificate in zip(file["vectors"], certificates, strict=True):
            if vector["i"] != i:
                continue
            s = bytes.fromhex(vector["reconstruction_private"])
            response = scms.AcaEeCertResponse(2, PERIODS.start(i), certificate.record, s)
            inner = scms.AcaEeInterfacePdu("acaEeCertResponse", response)
            plain = wire.encode(scms.ScmsPdu(2, scms.ScmsPduContent("aca-ee", inner)))
            (pair,) = keys.keys(i, [vector["j"]])
            assert pair.encryption == bytes.fromhex(vector["enc_private"])
            (cocoon,) = keys.public().cocoons(i, [vector["j"]])
            entries[vector["j"]] = encrypt(
                plain, [PublicKey.from_sec1(Curve.NIST_P256, cocoon.encryption)]
            ).octets
        batch = open_archive(zipped(named(entries, i)), supply, i, PERIODS, chains, PERIODS.start(i))
        assert batch.bad == ()
        found |= {(one.i, one.j): one.key.private for one in batch.made}
    assert found == {(one["i"], one["j"]): int(one["final_private_key"], 16) for one in file["vectors"]}
    assert len(found) == 20
