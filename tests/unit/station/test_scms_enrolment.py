"""A device's side of enrolment in an SCMS: which answers it takes, and which it does not."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.scms_enrolment import (
    COUNTRY,
    ECA_GROUPS,
    HOME,
    LABEL,
    NOW,
    P256,
    ROOT_GROUPS,
    EcaLab,
    component_tbs,
    signed,
)
from v2xpki import wire
from v2xpki.crypto import Certificate, signature_record, signing_digest
from v2xpki.errors import InvalidChain
from v2xpki.keystore import MemoryKey, MemoryKeystore
from v2xpki.secured import SignedMessage, scms_header, sign, unsecured
from v2xpki.station.errors import BadAnswer, Untrusted
from v2xpki.station.scms.enrolment import (
    Enrolled,
    EnrolmentWish,
    Pending,
    accept,
    ask,
    ask_successor,
)
from v2xpki.trust.regions import from_table
from v2xpki.trust.scms_devices import request_permissions
from v2xpki.trust.scms_enrolment import verify_eca
from v2xpki.wire import dot2, scms

BSM, WSA = dot2.PsidSspRange(32, None), dot2.PsidSspRange(135, None)
PERIOD = dot2.ValidityPeriod(NOW, dot2.Duration("hours", 48))
WISH = EnrolmentWish((BSM,), PERIOD, COUNTRY)


class Forger:
    """The ECA's key in wrong hands: makes any answer."""

    def __init__(self, folder: Path) -> None:
        keystore, self.key = MemoryKeystore("test"), MemoryKey.generate(P256)
        keystore.add(LABEL, self.key)
        self.lab = EcaLab.make(f"sqlite:///{folder}/eca.db", keystore=keystore)
        self.device = self.lab.device()[0]
        self.own, self.root = self.lab.certificate, self.lab.root

    def pending(self, wish: EnrolmentWish = WISH) -> Pending:
        return ask(self.device, wish, NOW)

    def response(self, pending: Pending) -> scms.EcaEeCertResponse:
        answer = self.lab.eca.enrol(pending.request)
        response = wire.decode(scms.ScmsPdu, SignedMessage.parse(answer).payload).content.value.value
        assert isinstance(response, scms.EcaEeCertResponse)
        return response

    def certificate(self, pending: Pending, **tbs: Any) -> dot2.CertificateBase:
        """The certificate that the ECA would have given, with other contents."""
        record = self.response(pending).certificate.to_be_signed._replace(**tbs)
        return signed(record, self.key, self.own).record

    def sign(self, response: Any, **options: Any) -> bytes:
        pdu = scms.ScmsPdu(
            2, scms.ScmsPduContent("eca-ee", scms.EcaEeInterfacePdu("ecaEeCertResponse", response))
        )
        given = {"certificate": self.own, "identifier": "certificate", "header": scms_header()} | options
        return sign(given.pop("key", self.key), given.pop("header"), payload=wire.encode(pdu), **given)

    def accept(self, pending: Pending, answer: bytes) -> Enrolled:
        return accept(pending, answer, [self.root], NOW)


@pytest.fixture
def forger(tmp_path: Path) -> Iterator[Forger]:
    forger = Forger(tmp_path)
    yield forger
    forger.lab.database.close()


def bad(rule: str, call: Callable[[], object], kind: type[BadAnswer | Untrusted] = BadAnswer) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.rule == rule, str(caught.value)


def test_what_the_forger_makes_by_the_rules_is_taken(forger: Forger):
    pending = forger.pending()
    enrolled = forger.accept(pending, forger.sign(forger.response(pending)))
    assert enrolled.key is pending.key and enrolled.chain == (forger.own, forger.root)


def test_no_private_key_shows_in_what_is_printed(forger: Forger):
    pending = forger.pending()
    enrolled = forger.accept(pending, forger.sign(forger.response(pending)))
    shown = repr((forger.device, pending, enrolled))
    assert "MemoryKey" not in shown and f"{pending.key.private:x}" not in shown


def test_an_answer_to_another_request_is_refused(forger: Forger):
    mine, other = forger.pending(), forger.pending()
    bad("request-hash", lambda: forger.accept(mine, forger.sign(forger.response(other))))


def test_garbage_and_other_content_are_refused(forger: Forger):
    pending = forger.pending()
    for octets in (b"", b"\x03\x81", unsecured(b"x")):
        bad("content", lambda octets=octets: forger.accept(pending, octets))
    for payload in (b"x", wire.encode(_ack())):
        answer = sign(
            forger.key, scms_header(), payload=payload, certificate=forger.own, identifier="certificate"
        )
        bad("content", lambda answer=answer: forger.accept(pending, answer))


def _ack() -> scms.ScmsPdu:
    ack = scms.RaEeCertAck(version=2, generation_time=NOW, request_hash=bytes(8), next_dl_time=NOW)
    return scms.ScmsPdu(2, scms.ScmsPduContent("ee-ra", scms.EeRaInterfacePdu("raEeCertAck", ack)))


def test_another_header_or_signer_is_refused(forger: Forger):
    pending = forger.pending()
    response = forger.response(pending)
    for header in (dot2.HeaderInfo(psid=32), dot2.HeaderInfo(psid=35, generation_time=NOW * 10**6)):
        bad("header", lambda header=header: forger.accept(pending, forger.sign(response, header=header)))
    bad("signature", lambda: forger.accept(pending, forger.sign(response, identifier="digest")))
    thief = MemoryKey.generate(P256)
    answer = forger.sign(response)
    tampered = answer[:-64] + thief.sign(bytes(32))
    bad("signature", lambda: forger.accept(pending, tampered))


@pytest.mark.parametrize("offset", [-601, 601])
def test_an_answer_from_another_time_is_refused(forger: Forger, offset: int):
    pending = forger.pending()
    response = forger.response(pending)._replace(generation_time=NOW + offset)
    bad("generation-time", lambda: forger.accept(pending, forger.sign(response)))


def test_a_chain_to_another_root_or_without_the_signer_is_refused(forger: Forger):
    pending = forger.pending()
    response = forger.response(pending)
    stranger = MemoryKey.generate(P256)
    other = signed(component_tbs("root", stranger.public_key, cert_issue_permissions=ROOT_GROUPS), stranger)
    bad("anchor", lambda: accept(pending, forger.sign(response), [other], NOW), Untrusted)
    for chain in ((), (forger.root.record,)):
        wrong = response._replace(eca_cert_chain=chain)
        bad("signature", lambda wrong=wrong: forger.accept(pending, forger.sign(wrong)))


def test_the_root_may_be_left_out_of_the_chain(forger: Forger):
    pending = forger.pending()
    response = forger.response(pending)._replace(eca_cert_chain=(forger.own.record,))
    assert forger.accept(pending, forger.sign(response)).chain == (forger.own,)


@pytest.mark.parametrize(
    ("tbs", "rule"),
    [
        ({"id": dot2.CertificateId("name", "tracked")}, "id"),
        ({"validity_period": PERIOD._replace(start=NOW - 1)}, "validity"),
        ({"region": HOME}, "region"),
        ({"cert_request_permissions": request_permissions([WSA])}, "permissions"),
        ({"cert_request_permissions": request_permissions([BSM, WSA])}, "permissions"),
    ],
)
def test_another_certificate_than_asked_for_is_refused(forger: Forger, tbs: dict[str, Any], rule: str):
    pending = forger.pending()
    response = forger.response(pending)._replace(certificate=forger.certificate(pending, **tbs))
    bad(rule, lambda: forger.accept(pending, forger.sign(response)))


@pytest.mark.parametrize(
    "tbs",
    [
        {"craca_id": bytes(3)},
        {"crl_series": 0},
        {"app_permissions": None},
        {"app_permissions": (dot2.PsidSsp(35, dot2.ServiceSpecificPermissions("opaque", b"\x83\0\2")),)},
        {"cert_issue_permissions": ROOT_GROUPS},
        {"cert_request_permissions": None},
        {"flags": 0x80},
        {"region": from_table({"countries": [276]})},
        {"validity_period": dot2.ValidityPeriod(NOW, dot2.Duration("years", 30))},
    ],
)
def test_a_certificate_that_is_no_enrolment_certificate_is_refused(forger: Forger, tbs: dict[str, Any]):
    pending = forger.pending()
    response = forger.response(pending)._replace(certificate=forger.certificate(pending, **tbs))
    bad("profile", lambda: forger.accept(pending, forger.sign(response)), Untrusted)


def test_a_certificate_of_another_key_issuer_or_kind_is_refused(forger: Forger):
    pending, other = forger.pending(), forger.pending()
    response = forger.response(pending)
    swapped = response._replace(certificate=forger.response(other).certificate)
    bad("key", lambda: forger.accept(pending, forger.sign(swapped)))
    tbs = response.certificate.to_be_signed
    thief = MemoryKey.generate(P256)
    raw = thief.sign(signing_digest("sha256", wire.encode(tbs), forger.own.octets))
    forged = response.certificate._replace(signature=signature_record(P256, raw))
    bad(
        "signature",
        lambda: forger.accept(pending, forger.sign(response._replace(certificate=forged))),
        Untrusted,
    )
    with_key = response._replace(private_key_info=bytes(32))
    bad("content", lambda: forger.accept(pending, forger.sign(with_key)))


def test_a_successor_with_more_rights_than_before_is_refused_where_none_were_named(forger: Forger):
    pending = forger.pending()
    present = forger.accept(pending, forger.sign(forger.response(pending)))
    following = ask_successor(present, EnrolmentWish(), NOW)
    answer = forger.lab.eca.succeed(following.request)
    response = wire.decode(scms.ScmsPdu, SignedMessage.parse(answer).payload).content.value.value
    assert forger.accept(following, answer).certificate != present.certificate
    more = response.certificate.to_be_signed._replace(
        cert_request_permissions=request_permissions([BSM, WSA])
    )
    wider = response._replace(certificate=signed(more, forger.key, forger.own).record)
    bad("permissions", lambda: forger.accept(following, forger.sign(wider)))


# --- chains --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keys() -> tuple[MemoryKey, MemoryKey]:
    return MemoryKey.generate(P256), MemoryKey.generate(P256)


def chain(
    keys: tuple[MemoryKey, MemoryKey], role: str = "eca", root: dict[str, Any] | None = None, **eca: Any
) -> tuple[Certificate, Certificate]:
    top, own = keys
    above = signed(
        component_tbs("root", top.public_key, **({"cert_issue_permissions": ROOT_GROUPS} | (root or {}))), top
    )
    fields = {"cert_issue_permissions": ECA_GROUPS} | eca
    return signed(component_tbs(role, own.public_key, **fields), top, above), above


def test_a_chain_from_an_eca_to_a_root_is_good_and_binds_to_its_region(keys: tuple[MemoryKey, MemoryKey]):
    eca, root = chain(keys, region=COUNTRY)
    assert verify_eca([eca, root], [root], NOW) == verify_eca([eca], [root], NOW) == COUNTRY
    eca, root = chain(keys, root={"region": HOME})
    assert verify_eca([eca], [root], NOW) == HOME


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ({"role": "ra"}, "type"),
        ({"app_permissions": None}, "type"),
        ({"cert_issue_permissions": None}, "type"),
        ({"cert_issue_permissions": (ECA_GROUPS[0]._replace(ee_type=0x20),)}, "issue-permissions"),
        ({"validity_period": dot2.ValidityPeriod(NOW - 1001, dot2.Duration("years", 1))}, "validity-inside"),
        ({"validity_period": dot2.ValidityPeriod(NOW + 1, dot2.Duration("years", 1))}, "expired"),
        ({"validity_period": dot2.ValidityPeriod(NOW - 100, dot2.Duration("seconds", 100))}, "expired"),
        ({"root": {"region": COUNTRY}, "region": HOME}, "region"),
        ({"root": {"cert_issue_permissions": ECA_GROUPS}}, "issue-permissions"),
    ],
)
def test_a_chain_that_leads_from_no_eca_is_refused(
    keys: tuple[MemoryKey, MemoryKey], parts: dict[str, Any], rule: str
):
    eca, root = chain(keys, **parts)
    with pytest.raises(InvalidChain) as caught:
        verify_eca([eca, root], [root], NOW)
    assert caught.value.rule == rule, str(caught.value)


def test_a_chain_without_end_or_beginning_is_refused(keys: tuple[MemoryKey, MemoryKey]):
    eca, root = chain(keys)
    for links in ([], [root], [eca] * 6):
        with pytest.raises(InvalidChain):
            verify_eca(links, [root], NOW)


def test_an_intermediate_ca_stands_between(keys: tuple[MemoryKey, MemoryKey]):
    top, own = keys
    middle = MemoryKey.generate(P256)
    _, root = chain(keys)
    groups = (ROOT_GROUPS[0]._replace(chain_length_range=2),)
    ica = signed(component_tbs("root", middle.public_key, cert_issue_permissions=groups), top, root)
    eca = signed(component_tbs("eca", own.public_key, cert_issue_permissions=ECA_GROUPS), middle, ica)
    assert verify_eca([eca, ica, root], [root], NOW) is None
    with pytest.raises(InvalidChain):
        verify_eca([eca, root], [root], NOW)
