"""What a sub-CA's request is: TS 102 941 6.2.1, checklist C1 and C2."""

import pytest
import sqlalchemy as sa

from tests.unit.ca.forging import first_request, rekeyed
from v2xpki import wire
from v2xpki.authorities.etsi.ca_request import CaRequest
from v2xpki.crypto import Curve
from v2xpki.errors import CeremonyRefused, InvalidSignature, UnexpectedContent, V2xPkiError
from v2xpki.keystore import KeyLabel, MemoryKey
from v2xpki.secured import SignedMessage, etsi_header
from v2xpki.store.auditing import examine
from v2xpki.store.base import IssuanceRecord
from v2xpki.wire import dot2, etsi


def test_c1_a_first_request_is_signed_by_the_new_key_as_self_with_psid_623(life):
    asked = life.ask("ea")
    message = SignedMessage.parse(asked.file.read_bytes())
    assert message.signer.kind == "self"
    assert message.header == etsi_header(623, life.house.clock.time64())
    data = wire.decode(etsi.EtsiTs102941Data, message.payload)
    assert (data.version, data.content.kind) == (1, "caCertificateRequest")
    key = life.keys(life.instance.domain("ea"))[KeyLabel("ea", "sign", 2)]
    message.verify(key)
    keys = data.content.value.public_keys
    assert keys.verification_key == key.to_verification_key()
    assert keys.encryption_key is not None
    assert (asked.generation, asked.fresh) == (2, True)


def test_c2_a_rekeying_is_that_request_in_an_outer_message_by_the_digest_of_the_present_certificate(life):
    asked, present = life.ask("aa", rekey=True), life.present("aa")
    outer = SignedMessage.parse(asked.request.octets)
    assert outer.signer_digest == present.hashed_id8
    assert outer.header == etsi_header(623, life.house.clock.time64())
    outer.verify(present.verification_key, present)
    inner = SignedMessage.parse(outer.payload)
    assert inner.signer.kind == "self"
    content = wire.decode(etsi.EtsiTs102941Data, inner.payload).content
    assert content.kind == "caCertificateRequest"
    inner.verify(life.keys(life.instance.domain("aa"))[KeyLabel("aa", "sign", 2)])
    assert asked.request.former == present.hashed_id8


def test_both_signatures_are_recorded_before_they_are_made_and_audited(life):
    life.ask("aa", rekey=True)
    with life.database("aa") as database:
        assert examine(database).findings == ()
        with database.read() as tx:
            records = tx.execute(sa.select(IssuanceRecord.kind, IssuanceRecord.state)).all()
    assert sorted(map(tuple, records)) == [
        ("REKEYING", "issued"),
        ("REQUEST", "issued"),
        ("REQUEST", "issued"),
    ]


def test_a_request_that_waits_is_given_again_and_new_keys_are_made_on_demand_alone(life):
    first = life.ask("aa", rekey=True)
    again = life.ask("aa", rekey=True)
    assert (again.request.octets, again.fresh) == (first.request.octets, False)
    with pytest.raises(CeremonyRefused, match="first request"):
        life.ask("aa")
    other = life.ask("aa", rekey=True, anew=True)
    assert (other.generation, other.fresh) == (3, True)
    assert other.request.verification_key != first.request.verification_key


def test_keys_of_a_ceremony_that_died_are_never_used_again(life):
    """Their labels are in the token, and there is no request: the next generation goes past them."""
    life.house.hall.keystores["aa"].generate(KeyLabel("aa", "sign", 2), Curve.NIST_P256)
    assert life.ask("aa", rekey=True).generation == 3


def test_a_certificate_that_has_ended_or_is_revoked_asks_for_no_other(life):
    present = life.present("aa")
    life.revoke(present)
    life.fetch_lists()
    with pytest.raises(CeremonyRefused, match="revoked"):
        life.ask("aa", rekey=True)
    assert life.ask("aa").request.former is None
    life.house.clock.now = life.present("ea").end
    with pytest.raises(CeremonyRefused, match="signs no request"):
        life.ask("ea", rekey=True)


# --- attacks --------------------------------------------------------------------------------------------


def test_a_request_for_somebody_elses_key_is_no_request(fixed_clock):
    with pytest.raises(InvalidSignature):
        CaRequest.parse(first_request(fixed_clock, named=MemoryKey(Curve.NIST_P256)))


@pytest.mark.parametrize(
    "header",
    [
        dot2.HeaderInfo(psid=624, generation_time=1),
        dot2.HeaderInfo(psid=623),
        dot2.HeaderInfo(psid=623, generation_time=1, expiry_time=2),
    ],
)
def test_a_request_signed_for_another_purpose_is_no_request(fixed_clock, header):
    with pytest.raises(UnexpectedContent):
        CaRequest.parse(first_request(fixed_clock, header=header))


def test_a_message_that_is_wrapped_twice_or_by_a_whole_certificate_is_no_request(life):
    clock, present, key = life.house.clock, life.present("aa"), life.signing_key("aa")
    once = rekeyed(first_request(clock), key, present, clock)
    CaRequest.parse(once)
    for wrong in (
        rekeyed(once, key, present, clock),
        rekeyed(first_request(clock), key, present, clock, identifier="certificate"),
        rekeyed(b"\x03\x80\x00", key, present, clock),
    ):
        with pytest.raises((UnexpectedContent, V2xPkiError)):
            CaRequest.parse(wrong)


def test_a_changed_octet_anywhere_is_no_request_or_another_outer_signature(rekeying, life):
    octets = rekeying.octets
    for position in range(0, len(octets), 7):
        changed = octets[:position] + bytes([octets[position] ^ 1]) + octets[position + 1 :]
        try:
            found = CaRequest.parse(changed)
        except V2xPkiError:
            continue
        assert not life.review(changed).can_be_granted, position
        assert found.id != rekeying.id
