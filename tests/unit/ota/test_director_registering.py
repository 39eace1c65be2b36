"""Registration by the enrolment credential, by the OEM; client certificates."""

import json

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.ota_director import Car, Depot, digest_of
from tests.support.ota_registering import AID, REGISTERS, SCR, Eas, message
from v2xpki.audit import Event
from v2xpki.config.ota import OtaPolicy
from v2xpki.errors import DecodeError
from v2xpki.ota.director_reasons import DirectorReason, DirectorRefusal
from v2xpki.store.auditing import examine
from v2xpki.store.base import AuditRow, table_of


@pytest.fixture
def eas(fixed_clock):
    return Eas(fixed_clock.time32())


@pytest.fixture
def depot(tmp_path, fixed_clock, eas):
    return Depot(tmp_path, fixed_clock, policy=OtaPolicy(its_aid=AID), credentials=eas)


def refused(depot, octets):
    with pytest.raises(DirectorRefusal) as caught:
        depot.director.register(octets)
    return caught.value.reason


@pytest.fixture
def holder(eas, fixed_clock):
    return eas.credential(fixed_clock.time32())


def test_a_vehicle_registers_by_its_credential_and_is_known_by_its_certificate(depot, holder):
    car = Car()
    made = depot.director.register(message(depot, car, holder))
    assert not made.renewed
    assert car.known(depot, made.certificate).vin == car.vin
    assert depot.director.vehicle(car.vin)["registeredBy"] == "credential"
    assert examine(depot.database).findings == ()


def test_the_certificate_is_for_clients_and_names_no_vin(depot, holder):
    car = Car()
    made = depot.director.register(message(depot, car, holder))
    own, ca = x509.load_pem_x509_certificates(made.certificate.encode())
    own.verify_directly_issued_by(ca)
    ca.verify_directly_issued_by(ca)
    assert own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == made.vehicle.hex()
    assert car.vin.encode() not in own.tbs_certificate_bytes
    usage = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not own.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert own.public_key() == car.tls_key.public_key()


def test_what_is_kept_of_the_credential_is_a_salted_digest_alone(depot, holder):
    depot.director.register(message(depot, Car(), holder))
    with depot.database.read() as tx:
        from sqlalchemy import text

        stored = tx.execute(text("SELECT credential FROM vehicle")).scalar_one()
    assert stored not in (holder[1].digest, holder[1].hashed_id8)
    assert holder[1].digest not in stored
    depot.database.close()
    files = b"".join(path.read_bytes() for path in depot.database._dialect.path.parent.glob("director.db*")
                     if path.is_file())  # fmt: skip
    for trace in (holder[1].digest, holder[1].hashed_id8, holder[1].octets, holder[1].digest.hex().encode()):
        assert trace not in files


def test_a_challenge_is_good_once(depot, holder):
    car, challenge = Car(), depot.director.challenge().text
    depot.director.register(message(depot, car, holder, challenge=challenge))
    octets = message(depot, car, holder, challenge=challenge)
    assert refused(depot, octets) is DirectorReason.REPLAYED


def test_a_replayed_registration_is_refused(depot, holder):
    octets = message(depot, Car(), holder)
    depot.director.register(octets)
    assert refused(depot, octets) is DirectorReason.REPLAYED


def test_a_challenge_of_somebody_else_or_past_its_time_is_refused(depot, holder):
    own = depot.director.challenge().text
    forged = own[:-2] + ("00" if own[-2:] != "00" else "01")
    assert refused(depot, message(depot, Car(), holder, challenge=forged)) is DirectorReason.NOT_AUTHENTIC
    assert refused(depot, message(depot, Car(), holder, challenge="ab" * 20)) is DirectorReason.NOT_AUTHENTIC
    depot.clock.advance(301)
    assert refused(depot, message(depot, Car(), holder, challenge=own)) is DirectorReason.OUT_OF_TIME


def test_used_challenges_are_forgotten_when_they_would_have_expired(depot, holder):
    depot.director.register(message(depot, Car(), holder))
    assert depot.director.purge() == 0
    depot.clock.advance(2 * 3600)
    assert depot.director.purge() == 1


@pytest.mark.parametrize("off", [-601, 601])
def test_a_message_of_another_time_is_refused(depot, holder, off):
    octets = message(depot, Car(), holder, at=depot.clock.time32() + off)
    assert refused(depot, octets) is DirectorReason.OUT_OF_TIME


def test_an_ordinary_credential_registers_nothing(depot, eas):
    """623 01C0 is for certificate requests alone."""
    plain = eas.credential(depot.clock.time32(), held=(SCR,))
    assert refused(depot, message(depot, Car(), plain)) is DirectorReason.NOT_AUTHENTIC
    assert refused(depot, message(depot, Car(), plain, psid=623)) is DirectorReason.FORBIDDEN


def test_a_ticket_registers_nothing(depot, eas):
    ticket = eas.credential(depot.clock.time32(), held=(REGISTERS,))
    assert refused(depot, message(depot, Car(), ticket)) is DirectorReason.NOT_AUTHENTIC


def test_a_credential_of_an_unknown_or_revoked_ea_registers_nothing(depot, eas, holder, fixed_clock):
    stranger = Eas(fixed_clock.time32()).credential(fixed_clock.time32())
    assert refused(depot, message(depot, Car(), stranger)) is DirectorReason.NOT_AUTHENTIC
    eas.revoked = True
    assert refused(depot, message(depot, Car(), holder)) is DirectorReason.NOT_AUTHENTIC


def test_an_expired_credential_registers_nothing(depot, holder):
    depot.clock.advance(4 * 365 * 86400)
    assert refused(depot, message(depot, Car(), holder)) is DirectorReason.NOT_AUTHENTIC


def test_a_message_that_another_key_signed_is_refused(depot, holder, eas):
    octets = bytearray(message(depot, Car(), holder))
    octets[-1] ^= 1
    assert refused(depot, bytes(octets)) is DirectorReason.NOT_AUTHENTIC


def test_a_signer_named_by_digest_is_refused(depot, holder):
    octets = message(depot, Car(), holder, identifier="digest")
    assert refused(depot, octets) is DirectorReason.MALFORMED


def test_a_csr_that_does_not_prove_its_key_is_refused(depot, holder):
    one, other = Car(1), Car(2)
    forged = x509.load_pem_x509_csr(one.csr().encode())
    from cryptography.hazmat.primitives.serialization import Encoding

    der = bytearray(forged.public_bytes(Encoding.DER))
    der[-1] ^= 1
    pem = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()
    assert refused(depot, message(depot, other, holder, csr=pem)) is DirectorReason.NOT_AUTHENTIC
    p384 = one.csr(ec.generate_private_key(ec.SECP384R1()))
    assert refused(depot, message(depot, other, holder, csr=p384)) is DirectorReason.MALFORMED
    assert refused(depot, message(depot, other, holder, csr="nonsense")) is DirectorReason.MALFORMED


def test_the_same_credential_renews_and_another_takes_nothing_over(depot, eas, holder):
    car = Car()
    first = depot.director.register(message(depot, car, holder))
    again = depot.director.register(message(depot, car, holder))
    assert again.renewed
    assert again.vehicle == first.vehicle
    thief = eas.credential(depot.clock.time32())
    assert refused(depot, message(depot, car, thief)) is DirectorReason.CONFLICT
    assert refused(depot, message(depot, Car(2), holder)) is DirectorReason.CONFLICT


def test_the_credential_of_a_retired_vehicle_is_forgotten_and_may_register_anew(depot, holder):
    depot.director.register(message(depot, Car(1), holder))
    depot.director.retire(Car(1).vin, "the credential's station is in another car now", "op")
    assert not depot.director.register(message(depot, Car(2), holder)).renewed
    depot.director.retire(Car(2).vin, "scrapped", "op")
    with depot.database.read() as tx:
        from sqlalchemy import text

        assert tx.execute(text("SELECT count(credential) FROM vehicle")).scalar_one() == 0


def test_a_renewal_cannot_change_the_ecus(depot, holder):
    car = Car()
    depot.director.register(message(depot, car, holder))
    car.signers[car.primary] = Car(2).signers[Car(2).primary]
    assert refused(depot, message(depot, car, holder)) is DirectorReason.CONFLICT


def test_an_ecu_is_in_one_vehicle(depot, eas, holder):
    car, other = Car(1), Car(2)
    depot.director.register(message(depot, car, holder))
    other.ecus, other.signers, other.primary = car.ecus, car.signers, car.primary
    second = eas.credential(depot.clock.time32())
    octets = message(depot, other, second)
    assert refused(depot, octets) is DirectorReason.CONFLICT
    with pytest.raises(DirectorRefusal):
        depot.director.vehicle(other.vin)  # nothing of it is kept


def test_without_an_its_aid_only_the_oem_registers(tmp_path, fixed_clock, eas, holder):
    depot = Depot(tmp_path, fixed_clock, credentials=eas)
    assert refused(depot, message(depot, Car(), holder)) is DirectorReason.FORBIDDEN
    made = Car().register(depot)
    assert Car().known(depot, made.certificate).vin == Car().vin


def test_octets_that_are_no_message_are_refused(depot):
    with pytest.raises(DecodeError):
        depot.director.register(b"\x03\x81")


def test_the_oem_registers_again_only_what_is_registered(depot):
    car = Car()
    assert not car.register(depot).renewed
    assert car.register(depot).renewed
    car.model = "model-y"
    with pytest.raises(DirectorRefusal):
        car.register(depot)


# --- client certificates ------------------------------------------------------------------------------


def test_a_new_certificate_takes_the_olds_place_when_it_is_first_used(depot):
    car = Car()
    old = car.register(depot).certificate
    vehicle = car.known(depot, old)
    new = depot.director.renew_certificate(vehicle, car.csr(ec.generate_private_key(ec.SECP256R1())))
    assert car.known(depot, old)  # its answer may have been lost
    assert car.known(depot, new).id == vehicle.id
    assert depot.director.who(digest_of(old)) is None


def test_a_new_certificate_is_known_to_two_requests_that_are_the_first_with_it(depot, monkeypatch):
    car = Car()
    vehicle = car.known(depot, car.register(depot).certificate)
    new = depot.director.renew_certificate(vehicle, car.csr(ec.generate_private_key(ec.SECP256R1())))
    row = depot.database.row

    def overtaken(*arguments, **values):
        found = row(*arguments, **values)
        monkeypatch.undo()
        assert car.known(depot, new).id == vehicle.id
        return found

    monkeypatch.setattr(depot.database, "row", overtaken)
    assert car.known(depot, new).id == vehicle.id


def test_an_expired_certificate_and_an_unknown_one_are_nobodys(depot):
    pem = Car().register(depot).certificate
    assert depot.director.who(bytes(32)) is None
    depot.clock.advance(366 * 86400)
    assert depot.director.who(digest_of(pem)) is None


def test_a_blocked_vehicle_is_nobody_until_it_is_unblocked(depot, holder):
    car = Car()
    pem = depot.director.register(message(depot, car, holder)).certificate
    vehicle = car.known(depot, pem)
    depot.director.block(car.vin, "stolen", "op")
    assert depot.director.who(digest_of(pem)) is None
    assert refused(depot, message(depot, car, holder)) is DirectorReason.FORBIDDEN
    with pytest.raises(DirectorRefusal) as caught:  # one that was let in just before
        depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    assert caught.value.reason is DirectorReason.FORBIDDEN
    depot.director.unblock(car.vin, "found", "op")
    assert car.known(depot, pem)


# --- replacement ----------------------------------------------------------------------------------------


def test_a_replaced_ecu_reports_no_more_and_its_id_is_never_used_again(depot):
    car, spare = Car(1, hardware=("ecu-a", "ecu-b")), Car(2)
    vehicle = car.join(depot)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    old = list(car.ecus)[1]
    entry = replace_entry(spare)
    depot.director.replace_ecu(old, entry, "op")
    with pytest.raises(DirectorRefusal) as caught:
        depot.director.take_manifest(depot.director.who(vehicle.certificate), car.manifest(depot.clock))
    assert caught.value.reason is DirectorReason.CONFLICT
    for table in ("ecus", "signers", "installed"):
        getattr(car, table)[spare.primary] = getattr(spare, table)[spare.primary]
    del car.ecus[old]
    depot.director.take_manifest(depot.director.who(vehicle.certificate), car.manifest(depot.clock))
    known = {one["ecuId"]: one["replacedBy"] for one in depot.director.vehicle(car.vin)["ecus"]}
    assert known[old] == spare.primary
    with pytest.raises(DirectorRefusal) as caught:
        depot.director.replace_ecu(spare.primary, {**replace_entry(Car(3)), "ecuId": old}, "op")
    assert caught.value.reason is DirectorReason.CONFLICT


def test_a_new_primary_counts_from_one_and_the_old_ones_manifests_stay_kept_and_refused(depot):
    car, spare = Car(1, hardware=("ecu-a", "ecu-b")), Car(2)
    vehicle = car.join(depot)
    for _ in range(4):
        depot.director.take_manifest(vehicle, car.manifest(depot.clock))
        vehicle = depot.director.who(vehicle.certificate)
    replayed, old = car.manifest(depot.clock), car.primary
    depot.director.replace_ecu(old, spare.entries[0].document(), "op")
    vehicle = depot.director._inventory.again(vehicle)
    with pytest.raises(DirectorRefusal) as caught:
        depot.director.take_manifest(vehicle, replayed)
    assert caught.value.reason is DirectorReason.CONFLICT
    part = list(car.ecus)[1]
    depot.clock.now += 1
    del car.ecus[old]
    for table in ("ecus", "signers", "installed"):
        getattr(car, table)[spare.primary] = getattr(spare, table)[spare.primary]
    car.primary = spare.primary
    vehicle = car.join(depot)
    for counter in (1, 2):
        fresh = {"counter": counter}
        octets = car.manifest(depot.clock, manifest=fresh, **{spare.primary: fresh})
        depot.director.take_manifest(vehicle, octets)
        vehicle = depot.director.who(vehicle.certificate)
    known = [(one["counter"], one["manifest"]["signed"]["primaryEcu"]) for one in kept(depot, car)]
    assert known == [(1, old), (1, spare.primary)]
    assert kept(depot, car)[1]["manifest"]["signed"]["ecuManifests"][part]["signed"]["counter"] > 4


def take_out(depot, car, spare):
    """Have the spare's Primary in the place of the car's, told to the Director."""
    old = car.primary
    shown = depot.director.replace_ecu(old, spare.entries[0].document(), "op")
    for table in ("ecus", "signers", "installed"):
        setattr(car, table, getattr(spare, table) | getattr(car, table))
    del car.ecus[old]
    car.primary, car.tls_key = spare.primary, spare.tls_key
    return shown


@pytest.mark.parametrize("by", ["credential", "OEM"])
def test_a_primary_that_was_taken_out_is_nobody_and_the_new_one_registers_the_vehicle_again(
    depot, holder, by
):
    def register():
        return car.register(depot) if by == "OEM" else depot.director.register(message(depot, car, holder))

    car = Car(1, hardware=("ecu-a", "ecu-b"))
    made = register()
    vehicle = car.known(depot, made.certificate)
    depot.director.take_manifest(vehicle, car.manifest(depot.clock))
    pending = depot.director.renew_certificate(vehicle, car.csr())
    shown = take_out(depot, car, Car(2))
    assert shown["certificateExpires"] is None
    for pem in (made.certificate, pending):
        assert depot.director.who(digest_of(pem)) is None
    with pytest.raises(DirectorRefusal) as caught:  # a request that was let in just before
        depot.director.renew_certificate(vehicle, car.csr())
    assert caught.value.reason is DirectorReason.CONFLICT
    again = register()
    assert again.renewed and again.vehicle == made.vehicle
    assert depot.director.vehicle(car.vin)["certificateExpires"] is not None  # in force before it is used
    depot.director.take_manifest(car.known(depot, again.certificate), car.manifest(depot.clock))
    assert examine(depot.database).intact


def test_a_registration_as_it_was_before_the_primary_was_taken_out_is_refused(depot, holder):
    car, old = Car(1), Car(1)
    old.signers = car.signers
    depot.director.register(message(depot, car, holder))
    take_out(depot, car, Car(2))
    assert refused(depot, message(depot, old, holder)) is DirectorReason.CONFLICT


def test_a_secondarys_replacement_leaves_the_certificate_in_force(depot):
    car = Car(1, hardware=("ecu-a", "ecu-b"))
    pem = car.register(depot).certificate
    depot.director.replace_ecu(list(car.ecus)[1], replace_entry(Car(2)), "op")
    assert car.known(depot, pem)


def test_the_audit_record_says_whether_a_replacement_ended_certificates(depot):
    car = Car(1, hardware=("ecu-a", "ecu-b"))
    vehicle = car.join(depot)
    depot.director.replace_ecu(list(car.ecus)[1], replace_entry(Car(2)), "op")
    depot.director.replace_ecu(car.primary, Car(3).entries[0].document(), "op")
    row = table_of(AuditRow).c
    with depot.database.read() as tx:
        found = sa.select(row.detail).where(row.event == Event.ECU_REPLACED).order_by(row.sequence)
        details = [json.loads(one) for one in tx.execute(found).scalars()]
    assert details == [
        {"vehicle": vehicle.id.hex(), "operator": "op", "certificates_ended": ended}
        for ended in (False, True)
    ]


def kept(depot, car):
    return depot.director.vehicle(car.vin)["manifests"]


def replace_entry(car):
    return {**car.entries[0].document(), "primary": False}


def test_a_replacement_with_a_known_key_or_another_part_is_refused(depot):
    car = Car(1, hardware=("ecu-a", "ecu-b"))
    car.join(depot)
    old = list(car.ecus)[1]
    same_key = {**car.entries[1].document(), "ecuId": "new-1"}
    for entry in (same_key, {**replace_entry(Car(2)), "primary": True}):
        with pytest.raises(DirectorRefusal) as caught:
            depot.director.replace_ecu(old, entry, "op")
        assert caught.value.reason is DirectorReason.CONFLICT
    with pytest.raises(DirectorRefusal):
        depot.director.replace_ecu("nobody", replace_entry(Car(2)), "op")
