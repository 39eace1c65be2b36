"""Butterfly tickets from request to ZIP, EA, AA and jobs in one process (TS 102 941 6.2.3.5)."""

import contextlib
import io
import zipfile
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.butterfly import PERIODS, POLICY, Flock, work
from tests.support.etsi import CAM, Credential, Pki, country, hours, permission, rows
from tests.support.postgres import Server, postgres_server  # noqa: F401
from v2xpki import wire
from v2xpki.authorities.etsi import butterfly_aa
from v2xpki.authorities.etsi.butterfly_frames import pack_chunk, unpack_chunk
from v2xpki.authorities.etsi.envelope import Generation
from v2xpki.authorities.etsi.peers import Peer
from v2xpki.authorities.etsi.reasons import ButterflyReason, RefusedButterfly
from v2xpki.config import ButterflyPolicy
from v2xpki.crypto import Curve
from v2xpki.errors import DecodeError, LinkError, NotRecipient, TokenLost
from v2xpki.jobs import InlinePool
from v2xpki.keystore import MemoryKey
from v2xpki.secured import SignedMessage, encrypt, etsi_header, sign, unsecured
from v2xpki.store import Transaction
from v2xpki.store.auditing import require_intact
from v2xpki.store.base import IssuanceRecord
from v2xpki.store.ea import ButterflyBatch, ButterflyChunk
from v2xpki.time import FixedClock
from v2xpki.wire import dot2, etsi, scms

WEEK = POLICY.period
A_KEY = MemoryKey(Curve.NIST_P256).public_key


@pytest.fixture
def pki(make_pki: Callable[..., Pki]) -> Pki:
    return make_pki(butterfly=POLICY)


@pytest.fixture
def ec(pki: Pki) -> Credential:
    return pki.station("car-1").enrol()


@pytest.fixture
def flock(pki: Pki, ec: Credential) -> Flock:
    return Flock(pki, ec)


def now_i(pki: Pki) -> int:
    return PERIODS.at(pki.clock.now)


def refused(reason: ButterflyReason, call: Callable[[], Any]) -> None:
    with pytest.raises(RefusedButterfly) as caught:
        call()
    assert caught.value.reason is reason


def certificates_of(pki: Pki) -> list[bytes]:
    with pki.aa_database.read() as tx:
        return list(tx.execute(sa.select(IssuanceRecord.signed).where(IssuanceRecord.kind == "AT")).scalars())


@pytest.mark.parametrize("variant", ["unified", "original"])
def test_one_request_brings_tickets_of_every_period_ahead(pki: Pki, ec: Credential, variant: str) -> None:
    flock = Flock(pki, ec, variant)
    info = flock.request()
    assert info.version == 2
    assert info.current_i == now_i(pki)
    assert info.request_hash == flock.request_hash
    assert info.next_dl_time > pki.clock.now
    assert info.acpc_tree_id is None
    work(pki)
    seen = set()
    for period in range(now_i(pki), now_i(pki) + 4):
        tickets = flock.tickets(period)
        assert len(tickets) == POLICY.certificates
        for certificate, key in tickets:
            start = max(PERIODS.start(period), pki.aa_certificate.start)  # an AA that is new
            assert (certificate.start, certificate.end) == (start, PERIODS.end(period))
            assert certificate.verification_key == key.public_key
            assert certificate.record.to_be_signed.id.kind == "none"
            seen.add(certificate.octets)
    assert len(seen) == 16
    assert seen == set(certificates_of(pki))
    require_intact(pki.ea_database)
    require_intact(pki.aa_database)


def test_keys_stay_in_tokens(make_pki: Callable[..., Pki], token_store: Any) -> None:
    pki = make_pki(butterfly=POLICY, keystore=token_store.open)
    flock = Flock(pki, pki.station("car-1").enrol())
    flock.request()
    work(pki)
    assert len(flock.tickets(now_i(pki))) == POLICY.certificates


def test_the_files_are_as_the_standard_names_them(pki: Pki, flock: Flock) -> None:
    flock.request()
    work(pki)
    period = now_i(pki)
    with zipfile.ZipFile(io.BytesIO(flock.archive(period))) as archive:
        assert sorted(archive.namelist()) == [f"{period:X}_{j:X}" for j in range(POLICY.certificates)]
        spdu = SignedMessage.parse(archive.read(archive.namelist()[0]))
    # signed outside by the AA, encrypted inside to a bare key
    assert spdu.signer_digest == pki.aa_certificate.hashed_id8
    assert spdu.header == dot2.HeaderInfo(psid=623)
    inner = spdu.signed.tbs_data.payload.data.content.value
    assert [info.kind for info in inner.recipients] == ["rekRecipInfo"]
    # upper or lower case, and .info is the signed answer
    assert pki.ea.download(flock.asking_for(f"{flock.name.lower()}-{period:x}.zip")).is_archive
    info = pki.ea.download(flock.asking_for(f"{flock.name}.info"))
    assert not info.is_archive
    assert flock.read(info.octets).request_hash == flock.request_hash


def test_the_aa_adds_nothing_to_the_cocoon_key(pki: Pki, flock: Flock) -> None:
    """So the EA, which made the key, can recognise the ticket: docs/privacy.md says it."""
    flock.request()
    work(pki)
    period = now_i(pki)
    cocoons = {cocoon.signing for cocoon in flock.caterpillar.public().cocoons(period, range(4))}
    assert {ticket.certificate.verification_key.point for ticket in flock.tickets(period)} == cocoons


def test_the_ea_asks_as_the_standard_has_it(pki: Pki, flock: Flock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[scms.RaAcaCertRequest] = []
    sign_as = Generation.sign

    def noted(own: Generation, ledger: Any, kind: str, value: Any, now: int) -> bytes:
        asked.append(value)
        return sign_as(own, ledger, kind, value, now)

    monkeypatch.setattr(Generation, "sign", noted)
    flock.request()
    work(pki)
    requests = [pdu for pdu in asked if isinstance(pdu, scms.RaAcaCertRequest)]
    assert len(requests) == 16
    for pdu in requests:
        assert (pdu.version, pdu.type, pdu.flags, pdu.linkage_info) == (2, "explicit", 0, None)
        cocoon = pdu.tbs_cert.verify_key_indicator.value.value
        assert pdu.cert_enc_key.public_key.value == cocoon  # unified: the same key


def test_a_request_in_other_words_is_answered_alone(pki: Pki, flock: Flock) -> None:
    """A body that is one message by itself, as TS 102 941 has it, gets one message back."""
    flock.request()
    work(pki)
    (_, body), *_ = pki.link.chunks
    message = unpack_chunk(body)[0]
    assert message[:1] == b"\x03"
    answer = pki.aa.certify(message)
    assert answer[:1] == b"\x03"
    assert len(certificates_of(pki)) == 16  # the same certificate again


def test_repeated_requests_get_the_same_answer_and_no_second_supply(pki: Pki, flock: Flock) -> None:
    octets = flock.octets()
    assert pki.ea.enrol(octets) == pki.ea.enrol(octets)
    pki.clock.advance(3600)  # beyond the window: the memory comes first
    pki.ea.enrol(octets)
    work(pki)
    assert len(certificates_of(pki)) == 16


def test_a_signed_request_in_a_new_envelope_is_no_new_request(pki: Pki, flock: Flock) -> None:
    plain: list[bytes] = []
    flock.request(spoil=lambda octets: (plain.append(octets), octets)[1])
    again = encrypt(plain[0], [pki.ea_certificate]).octets
    refused(ButterflyReason.TOO_MANY, lambda: pki.ea.enrol(again))
    work(pki)
    assert len(certificates_of(pki)) == 16


def test_twenty_identical_requests_at_once_make_one_supply(pki: Pki, flock: Flock) -> None:
    from concurrent.futures import ThreadPoolExecutor

    octets = flock.octets()
    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(pki.ea.enrol, [octets] * 20))
    assert len(answers) == 1
    assert sum(1 for table, _ in rows(pki.ea_database) if table == "butterfly_request") == 1


def test_a_later_request_ends_the_earlier_ones_supply(pki: Pki, ec: Credential) -> None:
    first, second = Flock(pki, ec), Flock(pki, ec, "original")
    first.request()
    second.request()
    work(pki)
    period = now_i(pki)
    assert first.tickets(period)
    pki.clock.advance(4 * WEEK)
    work(pki)
    with pytest.raises(RefusedButterfly):
        first.archive(period + 4)
    assert second.tickets(period + 4)


def test_the_supply_is_topped_up_as_time_goes_on(pki: Pki, flock: Flock) -> None:
    flock.request()
    work(pki)
    start = now_i(pki)
    refused(ButterflyReason.NOT_YET, lambda: flock.archive(start + 4))
    for week in range(1, 6):
        pki.clock.advance(WEEK)
        work(pki)
        assert len(flock.tickets(start + 3 + week)) == POLICY.certificates
    pki.ea.purge()
    refused(ButterflyReason.NO_FILE, lambda: flock.archive(start))


def test_the_supply_ends_with_the_ec(pki: Pki, flock: Flock) -> None:
    end = flock.ec.certificate.end
    flock.request(change_tbs=lambda tbs: tbs._replace(validity_period=hours(pki.clock.now, 50_000)))
    last = PERIODS.last_ending_by(end)
    assert PERIODS.end(last) <= end < PERIODS.end(last + 1)
    refused(ButterflyReason.NOT_YET, lambda: flock.archive(last))
    refused(ButterflyReason.NO_FILE, lambda: flock.archive(last + 1))


def test_the_supply_ends_where_the_station_wanted(pki: Pki, flock: Flock) -> None:
    flock.request(change_tbs=lambda tbs: tbs._replace(validity_period=hours(pki.clock.now, 10)))
    work(pki)
    assert flock.tickets(now_i(pki))
    refused(ButterflyReason.NO_FILE, lambda: flock.archive(now_i(pki) + 1))


# --- who gets nothing ------------------------------------------------------------------------------


def test_a_barred_station_gets_nothing_more(pki: Pki) -> None:
    car, other = pki.station("car-1"), pki.station("car-2")
    flock, free = Flock(pki, car.enrol()), Flock(pki, other.enrol())
    flock.request()
    free.request()
    pki.register.bar(car.known.id, reason="test")
    work(pki)
    assert len(certificates_of(pki)) == 16  # the other's alone
    assert free.tickets(now_i(pki))
    refused(ButterflyReason.BARRED, lambda: flock.archive(now_i(pki)))
    refused(ButterflyReason.BARRED, lambda: Flock(pki, flock.ec).request())
    pki.clock.advance(WEEK)
    work(pki)
    assert len(certificates_of(pki)) == 20
    pki.register.unbar(car.known.id, reason="test")
    refused(ButterflyReason.NO_FILE, lambda: flock.archive(now_i(pki)))  # what was stopped stays so


@pytest.mark.parametrize(
    ("reason", "options"),
    [
        ("WRONG_FORM", {"change": lambda r: r._replace(type="implicit")}),
        ("WRONG_FORM", {"change": lambda r: r._replace(additional_params=None)}),
        (
            "WRONG_FORM",
            {
                "change": lambda r: r._replace(
                    additional_params=r.additional_params._replace(kind="compactUnified")
                )
            },
        ),
        ("WRONG_FORM", {"change_tbs": lambda t: t._replace(id=dot2.CertificateId(kind="name", value="me"))}),
        ("WRONG_FORM", {"change_tbs": lambda t: t._replace(craca_id=b"\1\2\3")}),
        ("WRONG_FORM", {"change_tbs": lambda t: t._replace(crl_series=1)}),
        ("WRONG_FORM", {"change_tbs": lambda t: t._replace(can_request_rollover=True)}),
        (
            "WRONG_FORM",
            {"change_tbs": lambda t: t._replace(encryption_key=A_KEY.to_encryption_key())},
        ),
        (
            "BAD_KEYS",
            {
                "change_tbs": lambda t: t._replace(
                    verify_key_indicator=dot2.VerificationKeyIndicator(
                        kind="verificationKey",
                        value=MemoryKey(Curve.BRAINPOOL_P256R1).public_key.to_verification_key(),
                    )
                )
            },
        ),
        (
            "BAD_KEYS",
            {
                "change_tbs": lambda t: t._replace(
                    verify_key_indicator=dot2.VerificationKeyIndicator(
                        kind="verificationKey",
                        value=dot2.PublicVerificationKey(
                            kind="ecdsaNistP256",
                            value=dot2.EccP256CurvePoint(kind="compressed-y-0", value=b"\xff" * 32),
                        ),
                    )
                )
            },
        ),
        ("DENIED_PERMISSIONS", {"change_tbs": lambda t: t._replace(app_permissions=None)}),
        (
            "DENIED_PERMISSIONS",
            {"change_tbs": lambda t: t._replace(app_permissions=(permission(623, b"\1\xc0"),))},
        ),
        ("DENIED_PERMISSIONS", {"change_tbs": lambda t: t._replace(app_permissions=(CAM, CAM))}),
        ("DENIED_PERMISSIONS", {"change_tbs": lambda t: t._replace(region=country(840))}),
        ("DENIED_PERMISSIONS", {"change_tbs": lambda t: t._replace(assurance_level=b"\xe0")}),
        ("NO_VALIDITY", {"change_tbs": lambda t: t._replace(validity_period=hours(600_000_000, 1))}),
        ("NO_VALIDITY", {"change_tbs": lambda t: t._replace(validity_period=hours(717_356_805, 900))}),
        ("BAD_SIGNATURE", {"signer": "other"}),
        ("BAD_SIGNATURE", {"identifier": "self"}),
        ("BAD_SIGNATURE", {"header": dot2.HeaderInfo(psid=36, generation_time=707_356_805_000_000)}),
        ("OUT_OF_TIME", {"age": 900}),
        ("OUT_OF_TIME", {"change": lambda r: r._replace(generation_time=r.generation_time - 900)}),
    ],
)  # fmt: skip
def test_a_request_that_is_wrong_is_refused(
    pki: Pki, flock: Flock, reason: str, options: dict[str, Any]
) -> None:
    if options.get("signer") == "other":
        # of the same key as its certificate for the signing call, which checks that: the signature is spoilt
        options = {"spoil": lambda plain: plain[:-1] + bytes((plain[-1] ^ 1,))}
    refused(ButterflyReason[reason], lambda: flock.request(**options))
    assert not [row for table, row in rows(pki.ea_database) if table.startswith("butterfly")]
    assert pki.notes.outcomes("butterfly") == [reason.lower()]


def test_the_x509_form_is_refused_by_name(pki: Pki, flock: Flock) -> None:
    request = wire.decode(
        dot2.Ieee1609Dot2Data, sign(flock.ec.key, etsi_header(623, 1), payload=b"x", identifier="self")
    )
    content = etsi.EtsiTs102941DataContent(kind="x509SignedbutterflyAuthorizationRequest", value=request)
    bare = wire.encode(etsi.EtsiTs102941Data(version=1, content=content))
    for plain in (
        bare,
        unsecured(bare),
        sign(
            flock.ec.key,
            etsi_header(623, pki.clock.time64()),
            payload=bare,
            certificate=flock.ec.certificate,
            identifier="digest",
        ),
    ):
        octets = encrypt(plain, [pki.ea_certificate]).octets
        refused(ButterflyReason.X509, lambda octets=octets: pki.ea.enrol(octets))


def test_a_roadside_unit_has_no_tickets_to_change(pki: Pki) -> None:
    rsu = pki.station("rsu-1", profile="rsu", region=country(276))
    refused(ButterflyReason.DENIED_PERMISSIONS, lambda: Flock(pki, rsu.enrol()).request())


def test_an_unknown_station_is_refused(pki: Pki, make_pki: Callable[..., Pki]) -> None:
    stranger = make_pki().station("car-9").enrol()
    refused(ButterflyReason.UNKNOWN_STATION, lambda: Flock(pki, stranger).request())


def test_more_tickets_at_once_than_the_profile_allows_are_refused(make_pki: Callable[..., Pki]) -> None:
    pki = make_pki(butterfly=ButterflyPolicy(certificates=40, mix_wait=0, mix_vehicles=1))
    ec = pki.station("car-1").enrol()
    Flock(pki, ec).request()
    # 40 of this period and 40 of the next overlap for an hour; 40 more do not fit
    refused(ButterflyReason.TOO_MANY, lambda: Flock(pki, ec).request())


def test_butterfly_tickets_count_with_the_others(make_pki: Callable[..., Pki]) -> None:
    pki = make_pki(butterfly=ButterflyPolicy(certificates=50, mix_wait=0, mix_vehicles=1))
    car = pki.station("car-1")
    ec = car.enrol()
    Flock(pki, ec).request()
    with pytest.raises(AssertionError, match="deniedtoomanycerts"):
        for _ in range(51):
            assert car.authorize(ec).code == "ok", "deniedtoomanycerts"


def test_more_requests_than_the_days_limit_are_refused(make_pki: Callable[..., Pki]) -> None:
    pki = make_pki(butterfly=ButterflyPolicy(certificates=1, requests_per_day=2))
    ec = pki.station("car-1").enrol()
    Flock(pki, ec).request()
    Flock(pki, ec).request()
    refused(ButterflyReason.TOO_MANY, lambda: Flock(pki, ec).request())
    pki.clock.advance(86400)
    Flock(pki, ec).request()


def test_files_are_for_the_station_that_asked(pki: Pki, flock: Flock) -> None:
    flock.request()
    work(pki)
    thief = pki.station("car-2").enrol()
    refused(ButterflyReason.NO_FILE, lambda: flock.archive(now_i(pki), by=thief))
    for name in ("", "nonsense", f"{flock.name}.zip", f"../{flock.name}.info", f"{flock.name}-10000.zip"):
        refused(ButterflyReason.NO_FILE, lambda name=name: pki.ea.download(flock.asking_for(name)))
    refused(ButterflyReason.OUT_OF_TIME, lambda: flock.archive(now_i(pki), age=900))
    refused(
        ButterflyReason.BAD_SIGNATURE,
        lambda: flock.archive(now_i(pki), spoil=lambda plain: plain[:-1] + bytes((plain[-1] ^ 1,))),
    )
    with pytest.raises((DecodeError, NotRecipient)):
        pki.ea.download(b"\x03\x80\x00")


def test_a_renewed_ec_still_fetches_the_files(pki: Pki) -> None:
    car = pki.station("car-1")
    ec = car.enrol()
    flock = Flock(pki, ec)
    flock.request()
    work(pki)
    newer = car.enrol(by=ec)
    assert flock.archive(now_i(pki), by=newer)


# --- the AA ----------------------------------------------------------------------------------------


def asked_of(pki: Pki, change: Callable[[scms.RaAcaCertRequest], Any], **options: Any) -> bytes:
    """A request of the EA to the AA, changed."""
    key = MemoryKey(Curve.NIST_P256).public_key
    pdu = scms.RaAcaCertRequest(
        version=2,
        generation_time=pki.clock.now,
        type="explicit",
        flags=0,
        cert_enc_key=key.to_encryption_key(),
        tbs_cert=dot2.ToBeSignedCertificate(
            id=dot2.CertificateId(kind="none", value=None),
            craca_id=bytes(3),
            crl_series=0,
            validity_period=hours(pki.clock.now - pki.clock.now % 3600, 100),
            app_permissions=(CAM,),
            assurance_level=b"\0",
            verify_key_indicator=dot2.VerificationKeyIndicator(
                kind="verificationKey", value=key.to_verification_key()
            ),
        ),
    )
    content = etsi.EtsiTs102941DataContent(kind="butterflyCertificateRequest", value=change(pdu))
    (label,) = [k.label for k in pki.ea_keys.keys() if k.label.use == "sign"]
    plain = sign(
        options.get("signer") or pki.ea_keys.issuing_key(label),
        etsi_header(623, pki.clock.time64() - options.get("age", 0) * 10**6),
        payload=wire.encode(etsi.EtsiTs102941Data(version=1, content=content)),
        certificate=options.get("certificate") or pki.ea_certificate,
        identifier="digest",
    )
    return encrypt(plain, [pki.aa_certificate]).octets


def tbs_with(**parts: Any) -> Callable[[scms.RaAcaCertRequest], scms.RaAcaCertRequest]:
    return lambda pdu: pdu._replace(tbs_cert=pdu.tbs_cert._replace(**parts))


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("WRONG_FORM", lambda pdu: pdu._replace(flags=0x80)),
        ("WRONG_FORM", lambda pdu: pdu._replace(flags=0x40)),
        ("WRONG_FORM", lambda pdu: pdu._replace(cert_enc_key=None)),
        ("WRONG_FORM", lambda pdu: pdu._replace(type="implicit")),
        ("OUT_OF_TIME", lambda pdu: pdu._replace(generation_time=pdu.generation_time + 900)),
        ("WRONG_FORM", tbs_with(id=dot2.CertificateId(kind="name", value="me"))),
        ("WRONG_FORM", tbs_with(crl_series=7)),
        ("WRONG_FORM", tbs_with(encryption_key=MemoryKey(Curve.NIST_P256).public_key.to_encryption_key())),
        ("DENIED_PERMISSIONS", tbs_with(app_permissions=None)),
        ("DENIED_PERMISSIONS", tbs_with(app_permissions=(permission(623, b"\1\xc0"),))),
        ("DENIED_PERMISSIONS", tbs_with(region=country(840))),
        ("DENIED_PERMISSIONS", tbs_with(validity_period=hours(707_356_805, 400))),
        ("NO_VALIDITY", tbs_with(validity_period=hours(600_000_000, 1))),
    ],
)
def test_the_aa_refuses_what_no_ticket_may_be(pki: Pki, reason: str, change: Any) -> None:
    message = asked_of(pki, change)
    refused(ButterflyReason[reason], lambda: pki.aa.certify(message))
    # in a chunk it is answered by nothing, and the others are certified
    good = asked_of(pki, lambda pdu: pdu)
    answers = unpack_chunk(pki.aa.certify(pack_chunk([message, good, b"\x03junk"])))
    assert [bool(answer) for answer in answers] == [False, True, False]
    assert len(certificates_of(pki)) == 1


def test_the_aa_serves_eas_of_its_list_alone(pki: Pki, make_pki: Callable[..., Pki]) -> None:
    stranger = make_pki()
    (label,) = [k.label for k in stranger.ea_keys.keys() if k.label.use == "sign"]
    message = asked_of(
        pki, lambda pdu: pdu, signer=stranger.ea_keys.issuing_key(label), certificate=stranger.ea_certificate
    )
    refused(ButterflyReason.UNKNOWN_EA, lambda: pki.aa.certify(message))
    # nor an EA of another PKI, even one whose word counts for single tickets
    id8 = stranger.ea_certificate.hashed_id8
    pki.peers.eas[id8] = Peer(stranger.ea_certificate, "http://other.example/ea", until=1 << 31)  # type: ignore[index]
    refused(ButterflyReason.UNKNOWN_EA, lambda: pki.aa.certify(message))
    # nor does an AA sign for itself
    message = asked_of(pki, lambda pdu: pdu, signer=pki.aa_signer, certificate=pki.aa_certificate)
    refused(ButterflyReason.UNKNOWN_EA, lambda: pki.aa.certify(message))
    message = asked_of(pki, lambda pdu: pdu, age=900)
    refused(ButterflyReason.OUT_OF_TIME, lambda: pki.aa.certify(message))


def test_an_aa_without_the_bit_certifies_nothing(make_pki: Callable[..., Pki]) -> None:
    def without(domain: str, tbs: dot2.ToBeSignedCertificate) -> dot2.ToBeSignedCertificate:
        return tbs._replace(app_permissions=(permission(623, b"\x01\x22"),)) if domain == "aa" else tbs

    pki = make_pki(change=without, butterfly=POLICY)
    refused(ButterflyReason.NOT_OFFERED, lambda: pki.aa.certify(asked_of(pki, lambda pdu: pdu)))
    refused(ButterflyReason.NO_AA, lambda: Flock(pki, pki.station("car-1").enrol()).request())


def test_a_cocoon_key_is_certified_for_one_wish(pki: Pki) -> None:
    kept: list[Any] = []
    pki.aa.certify(asked_of(pki, lambda pdu: (kept.append(pdu), pdu)[1]))
    pki.clock.advance(60)
    again = asked_of(pki, lambda _: kept[0]._replace(generation_time=pki.clock.now))
    pki.aa.certify(again)
    assert len(certificates_of(pki)) == 1
    other = kept[0]._replace(
        tbs_cert=kept[0].tbs_cert._replace(app_permissions=(permission(37, b"\1\0\0\0"),))
    )
    refused(ButterflyReason.KEY_USED, lambda: pki.aa.certify(asked_of(pki, lambda _: other)))
    sealed_elsewhere = kept[0]._replace(
        cert_enc_key=MemoryKey(Curve.NIST_P256).public_key.to_encryption_key()
    )
    refused(ButterflyReason.KEY_USED, lambda: pki.aa.certify(asked_of(pki, lambda _: sealed_elsewhere)))
    assert len(certificates_of(pki)) == 1


@pytest.mark.postgres
def test_a_key_whose_record_is_void_is_certified_by_one_of_two_that_ask_at_once(
    make_pki: Callable[..., Pki],
    postgres_server: Server,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pki = make_pki(url=lambda domain: postgres_server.create(), butterfly=POLICY)
    kept: list[Any] = []
    body = asked_of(pki, lambda pdu: (kept.append(pdu), pdu)[1])
    with monkeypatch.context() as broken:
        broken.setattr(pki.issuers["aa"], "issue", lambda token: (_ for _ in ()).throw(TokenLost("away")))
        with pytest.raises(TokenLost):
            pki.aa.certify(body)
    assert certificates_of(pki) == [None]
    find = Transaction.row

    def overtaken(tx: Transaction, statement: Any, **values: Any) -> Any:
        found = find(tx, statement, **values)
        if statement is butterfly_aa._STANDING:
            monkeypatch.undo()
            pki.aa.certify(asked_of(pki, lambda _: kept[0]))
        return found

    monkeypatch.setattr(Transaction, "row", overtaken)
    pki.aa.certify(asked_of(pki, lambda _: kept[0]))
    assert len([made for made in certificates_of(pki) if made is not None]) == 1


def test_one_wish_twice_in_a_chunk_is_certified_once(pki: Pki) -> None:
    kept: list[Any] = []
    first = asked_of(pki, lambda pdu: (kept.append(pdu), pdu)[1])
    second = asked_of(pki, lambda _: kept[0])
    answers = unpack_chunk(pki.aa.certify(pack_chunk([first, second, first])))
    assert all(answers)
    assert len(certificates_of(pki)) == 1


def test_mutated_bodies_never_confuse_the_aa(pki: Pki, flock: Flock) -> None:
    import random

    flock.request()
    work(pki)
    (_, body), *_ = pki.link.chunks
    dice = random.Random(7)
    for _ in range(150):
        spoilt = bytearray(body)
        for _ in range(dice.randint(1, 3)):
            spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
        try:
            pki.aa.certify(bytes(spoilt[: dice.randint(1, len(spoilt))]))
        except (RefusedButterfly, DecodeError, NotRecipient):
            continue
    assert len(certificates_of(pki)) == 16
    for body in (b"", b"\0", b"\0\0\0", b"\0\0\0\5abc", b"\0\0\0\0" * 101, b"\xff" * 50):
        with pytest.raises(DecodeError):
            pki.aa.certify(body)


# --- jobs --------------------------------------------------------------------------------------------


def test_the_aa_sees_vehicles_mixed(make_pki: Callable[..., Pki], fixed_clock: FixedClock) -> None:
    pki = make_pki(butterfly=ButterflyPolicy(certificates=4, mix_vehicles=3, mix_wait=600, messages=100))
    flocks = [Flock(pki, pki.station(f"car-{n}").enrol()) for n in range(3)]
    for flock in flocks[:2]:
        flock.request()
    assert work(pki) == 0  # too few, for now
    flocks[2].request()
    order: list[bytes] = []
    shuffle = pki.supply._shuffle
    pki.supply._shuffle = lambda wanted: (shuffle(wanted), order.extend(w.batch for w in wanted))[0]
    work(pki)
    assert len(pki.link.chunks) == 1
    # the order tells nothing of whose a key is: batches do not stand together
    changes = sum(a != b for a, b in pairwise(order))
    assert changes > len(set(order))
    for flock in flocks:
        assert flock.tickets(now_i(pki))


def test_a_vehicle_alone_waits_no_longer_than_the_policy_says(make_pki: Callable[..., Pki]) -> None:
    pki = make_pki(butterfly=ButterflyPolicy(certificates=4, mix_vehicles=3, mix_wait=600))
    flock = Flock(pki, pki.station("car-1").enrol())
    info = flock.request()
    assert info.next_dl_time >= pki.clock.now + 600
    assert work(pki) == 0
    refused(ButterflyReason.NOT_YET, lambda: flock.archive(now_i(pki)))
    pki.clock.advance(600)
    work(pki)
    assert flock.tickets(now_i(pki))


def test_an_aa_that_is_away_is_asked_again(pki: Pki, flock: Flock) -> None:
    flock.request()
    pki.link.down = True
    with pytest.raises(LinkError):
        work(pki)
    assert flock.pki.notes.outcomes("butterfly-chunk") == ["later"]
    pki.link.down = False
    work(pki)
    assert len(flock.tickets(now_i(pki))) == 4


@pytest.mark.parametrize("part", ["answer", "request"])
def test_spoilt_messages_between_the_two_bring_nothing_wrong(pki: Pki, flock: Flock, part: str) -> None:
    flock.request()
    setattr(pki.link, f"spoil_{part}", lambda body: body[:700] + bytes((body[700] ^ 1,)) + body[701:])
    with contextlib.suppress(LinkError):
        work(pki)
    for period in range(now_i(pki), now_i(pki) + 4):
        try:
            octets = flock.archive(period)
        except RefusedButterfly:
            continue
        assert flock.tickets(period, octets)  # whatever there is, verifies
    setattr(pki.link, f"spoil_{part}", bytes)
    work(pki)
    assert len(certificates_of(pki)) <= 16


def test_an_answer_that_comes_a_second_time_signs_nothing_anew(pki: Pki, flock: Flock) -> None:
    """The AA certifies, its answer is lost: the EA asks again and gets the same certificates."""
    flock.request()

    def lost(body: bytes) -> bytes:
        raise LinkError("lost on the way")

    pki.link.spoil_answer = lost
    with pytest.raises(LinkError):
        work(pki)
    made = certificates_of(pki)
    assert len(made) == 16
    pki.link.spoil_answer = bytes
    work(pki)
    assert certificates_of(pki) == made
    assert len(flock.tickets(now_i(pki))) == 4


def test_chunks_are_cut_to_size(make_pki: Callable[..., Pki]) -> None:
    pki = make_pki(
        butterfly=ButterflyPolicy(certificates=4, mix_vehicles=1, mix_wait=0, batches=3, messages=5)
    )
    flock = Flock(pki, pki.station("car-1").enrol())
    flock.request()
    assert work(pki) == 2  # 4 periods, 3 a chunk
    assert [len(unpack_chunk(body)) for _, body in pki.link.chunks] in ([5, 5, 2, 4], [4, 5, 5, 2])
    assert {url for url, _ in pki.link.chunks} == {"http://aa.example/aa/butterfly"}


def test_a_chunk_in_a_live_process_is_left_alone(pki: Pki, flock: Flock) -> None:
    flock.request()
    other = pki.ea_database.__class__.open(pki.ea_database._url.render_as_string(), clock=pki.clock)
    try:
        (job,) = pki.supply.due()
        with pki.ea_database.write(durable=True) as tx:
            tx.execute(sa.update(ButterflyChunk).values(open_by=other.run))
        assert list(pki.supply.due()) == []
        pki.supply.run(job)
        assert certificates_of(pki) == []
    finally:
        other.close()  # it dies
    work(pki)
    assert len(flock.tickets(now_i(pki))) == 4


def test_nothing_is_left_of_a_job_that_is_done(pki: Pki, flock: Flock) -> None:
    flock.request()
    work(pki)
    with pki.ea_database.read() as tx:
        assert tx.execute(sa.select(ButterflyChunk.id)).all() == []
        assert {*tx.execute(sa.select(ButterflyBatch.state)).scalars()} == {"packed"}


def test_threads_of_the_pool_do_the_work(pki: Pki, flock: Flock) -> None:
    import threading

    flock.request()
    done = threading.Event()
    answered = pki.notes.answered

    def note(flow: str, outcome: str, why: str) -> None:
        answered(flow, outcome, why)
        if flow == "butterfly-chunk":
            done.set()

    pki.notes.answered = note  # type: ignore[method-assign]
    with InlinePool(pki.supply, threads=2, tick=0.01):
        assert done.wait(20)
    assert len(flock.tickets(now_i(pki))) == 4


# --- what is kept where ------------------------------------------------------------------------------


def test_the_aa_keeps_nothing_of_the_station(pki: Pki) -> None:
    car = pki.station("car-with-a-long-name")
    flock = Flock(pki, car.enrol(), "original")
    flock.request()
    work(pki)
    public = flock.caterpillar.public()
    secrets = {
        "request": flock.request_hash,
        "EC": flock.ec.certificate.hashed_id8,
        "station": car.known.id,
        "name": b"car-with-a-long-name",
        "caterpillar": public.signing[1:],
        "expansion key": public.signing_expansion,
        "encryption caterpillar": public.encryption[1:],
    }
    held = [value for _, row in rows(pki.aa_database) for value in row.values()]
    for name, octets in secrets.items():
        for value in held:
            octet_value = value.encode() if isinstance(value, str) else value
            if isinstance(octet_value, bytes):
                assert octets not in octet_value, name
                assert octets.hex().encode() not in octet_value, name


def test_the_ea_keeps_no_ticket_that_it_could_read(pki: Pki, flock: Flock) -> None:
    """It can make the keys anew (docs/privacy.md); the tickets themselves pass through sealed."""
    flock.request()
    work(pki)
    held = b"".join(
        value for _, row in rows(pki.ea_database) for value in row.values() if isinstance(value, bytes)
    )
    for certificate, _ in flock.tickets(now_i(pki)):
        assert certificate.octets not in held
        assert certificate.hashed_id8 not in held
        assert certificate.record.signature.value.s_sig not in held
        assert certificate.verification_key.point[1:] not in held


def test_no_time_of_a_request_is_kept_finer_than_an_hour(pki: Pki, flock: Flock) -> None:
    pki.clock.advance(1234)
    flock.request()
    work(pki)
    for table, row in rows(pki.ea_database):
        if table.startswith("butterfly"):
            for column in ("expires",):
                assert column not in row or (row[column] - 5) % 3600 == 0
            assert not any(value == pki.clock.now for value in row.values())
