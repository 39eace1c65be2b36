"""Implicit certificates: of the station's key and nobody else's, and not unless an operator allows them."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scms import NotingKeystore, delivered, new_cocoon, response
from v2xpki.authorities.scms.aca import AuthorizationCertificateAuthority
from v2xpki.authorities.scms.aca_policy import KnownRas
from v2xpki.authorities.scms.reasons import AcaReason, Refusal
from v2xpki.authorities.scms.secrets import new_implicit_key
from v2xpki.bench.scms_laboratory import ScmsLaboratory
from v2xpki.crypto import (
    Certificate,
    Curve,
    implicit_certificate_key,
    implicit_hash,
    implicit_private_key,
)
from v2xpki.errors import ConfigError, KeyNotFound, KeyRefused
from v2xpki.keystore import MemoryKey, UnwrappedKey
from v2xpki.store.auditing import examine
from v2xpki.time import FixedClock
from v2xpki.wire import dot2, scms

NOW = 720_000_123


class ImplicitLaboratory(ScmsLaboratory):
    """Whose operator has allowed a key outside of the token."""

    def allow(self) -> Certificate:
        key = new_implicit_key(self.secrets)
        other = MemoryKey.generate(Curve.NIST_P256).public_key
        self.implicit = self.certify(self.component("ACA", key, other), self.root)
        self.aca.close()
        self.aca = self.open_implicit()
        return self.implicit

    def open_implicit(self) -> AuthorizationCertificateAuthority:
        return AuthorizationCertificateAuthority.open(
            self.keystore,
            1,
            self.aca_certificate,
            self.database,
            ras=KnownRas([self.ra]),
            clock=self.clock,
            craca_id=self.root.hashed_id3,
            implicit=self.implicit,
        )


@pytest.fixture
def laboratory(tmp_path: Path) -> Iterator[ImplicitLaboratory]:
    made = ImplicitLaboratory(tmp_path, NotingKeystore(tmp_path / "notes"), FixedClock(NOW))
    yield made
    made.close()


def implicit(asked: scms.RaAcaCertRequest, key: MemoryKey) -> scms.RaAcaCertRequest:
    point = key.public_key.to_verification_key().value
    indicator = dot2.VerificationKeyIndicator("reconstructionValue", point)
    return asked._replace(type="implicit", tbs_cert=asked.tbs_cert._replace(verify_key_indicator=indicator))


def taken(laboratory: ImplicitLaboratory, answer: bytes | Refusal, key: MemoryKey) -> Certificate:
    """The certificate in an answer, whose private key the station can make (IEEE 1609.2 5.3.2)."""
    assert isinstance(answer, bytes), answer
    got = delivered(laboratory, answer, key)
    made = Certificate.of(got.certificate)
    assert made.is_implicit and got.certificate.signature is None and got.private_key_info is not None
    public = implicit_certificate_key(made, laboratory.implicit)
    e = implicit_hash(made.tbs_octets, laboratory.implicit.digest)
    own = key.private.to_bytes(32, "big")
    private = implicit_private_key(e, own, got.private_key_info)
    assert MemoryKey(Curve.NIST_P256, int.from_bytes(private, "big")).public_key == public
    return made


@pytest.mark.parametrize("cubk", [False, True])
def test_an_implicit_pseudonym_is_of_the_cocoons_holder(laboratory: ImplicitLaboratory, cubk: bool) -> None:
    laboratory.allow()
    cocoon = new_cocoon()
    asked = implicit(laboratory.request(cocoon.public_key, cubk=cubk), cocoon)
    request = laboratory.signed(asked)
    first, again = laboratory.aca.certify([request])[0], laboratory.aca.certify([request])[0]
    made = taken(laboratory, first, cocoon)
    assert taken(laboratory, again, cocoon) == made
    assert made.record.to_be_signed.id.value == dot2.LinkageData(9, b"\3" * 9)
    assert response(laboratory, first).aca_response.kind == ("cubk" if cubk else "private")
    # the token's key has signed the answers alone
    assert len(laboratory.keystore.signed()) == 2 * (1 if cubk else 2)
    assert examine(laboratory.database).findings == ()
    assert laboratory.aca.linked(made).plv1 == b"\1" * 9


def test_many_in_one_chunk_are_each_their_own_stations(laboratory: ImplicitLaboratory) -> None:
    laboratory.allow()
    cocoons = [new_cocoon() for _ in range(5)]
    mixed = [implicit(laboratory.request(one.public_key), one) for one in cocoons]
    mixed.append(laboratory.request(cocoons[0].public_key))
    answers = laboratory.aca.certify([laboratory.signed(asked) for asked in mixed])
    made = [taken(laboratory, answer, key) for answer, key in zip(answers, cocoons, strict=False)]
    assert len({one.octets for one in made}) == 5
    explicit = Certificate.of(delivered(laboratory, answers[5], cocoons[0]).certificate)
    assert not explicit.is_implicit
    explicit.verify_signature(laboratory.aca_certificate)
    assert examine(laboratory.database).findings == ()


def test_an_application_certificate_may_be_implicit(laboratory: ImplicitLaboratory) -> None:
    laboratory.allow()
    key = new_cocoon()
    asked = implicit(laboratory.request(key.public_key), key)
    asked = asked._replace(
        flags=0,
        linkage_info=None,
        cert_enc_key=key.public_key.to_encryption_key(),
        tbs_cert=asked.tbs_cert._replace(id=dot2.CertificateId("name", "unit")),
    )
    taken(laboratory, laboratory.aca.certify([laboratory.signed(asked)])[0], key)


def test_one_k_never_serves_under_two_certificates_of_the_key(laboratory: ImplicitLaboratory) -> None:
    """With two equations of one k anyone who holds both answers could compute the CA's private key."""
    first = laboratory.allow()
    cocoon = new_cocoon()
    request = laboratory.signed(implicit(laboratory.request(cocoon.public_key), cocoon))
    one = taken(laboratory, laboratory.aca.certify([request])[0], cocoon)
    other = MemoryKey.generate(Curve.NIST_P256).public_key
    renewed = laboratory.component("ACA", first.verification_key, other)
    laboratory.implicit = laboratory.certify(renewed, laboratory.root)
    laboratory.aca.close()
    laboratory.aca = laboratory.open_implicit()
    two = taken(laboratory, laboratory.aca.certify([request])[0], cocoon)
    assert one.tbs_octets != two.tbs_octets, "the same reconstruction value, under another issuer's hash"


def test_nobody_gets_one_where_it_is_not_allowed(laboratory: ImplicitLaboratory) -> None:
    cocoon = new_cocoon()
    request = laboratory.signed(implicit(laboratory.request(cocoon.public_key), cocoon))
    (answer,) = laboratory.aca.certify([request])
    assert isinstance(answer, Refusal) and answer.reason is AcaReason.NOT_OFFERED


@pytest.mark.parametrize("kind", ["implicit", "explicit"])
def test_type_and_key_indicator_go_together(laboratory: ImplicitLaboratory, kind: str) -> None:
    laboratory.allow()
    cocoon = new_cocoon()
    asked = laboratory.request(cocoon.public_key)
    wrong = (
        asked._replace(type="implicit") if kind == "implicit" else implicit(asked, cocoon)._replace(type=kind)
    )
    (answer,) = laboratory.aca.certify([laboratory.signed(wrong)])
    assert isinstance(answer, Refusal) and answer.reason is AcaReason.WRONG_FORM


def test_a_point_that_is_none_is_refused_by_itself(laboratory: ImplicitLaboratory) -> None:
    laboratory.allow()
    good, bad = new_cocoon(), new_cocoon()
    asked = implicit(laboratory.request(bad.public_key, cubk=True), bad)
    off = dot2.EccP256CurvePoint("compressed-y-0", b"\xff" * 32)
    tbs = asked.tbs_cert._replace(
        verify_key_indicator=dot2.VerificationKeyIndicator("reconstructionValue", off)
    )
    requests = [asked._replace(tbs_cert=tbs), implicit(laboratory.request(good.public_key), good)]
    refused, granted = laboratory.aca.certify([laboratory.signed(one) for one in requests])
    assert isinstance(refused, Refusal) and refused.reason is AcaReason.BAD_KEYS
    taken(laboratory, granted, good)


def test_a_certificate_without_its_key_opens_no_aca(laboratory: ImplicitLaboratory) -> None:
    laboratory.allow()
    other = MemoryKey.generate(Curve.NIST_P256).public_key
    laboratory.implicit = laboratory.certify(laboratory.component("ACA", other, other), laboratory.root)
    with pytest.raises(KeyNotFound):
        laboratory.open_implicit()
    laboratory.implicit = laboratory.ra
    with pytest.raises((ConfigError, KeyNotFound)):
        laboratory.open_implicit()


def test_the_key_lies_wrapped_and_is_told_to_nobody(laboratory: ImplicitLaboratory) -> None:
    octets = UnwrappedKey.new_octets()
    key = UnwrappedKey(octets)
    assert octets.hex() not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    for wrong in (bytes(32), b"\xff" * 32, octets[:31]):
        with pytest.raises(KeyRefused):
            UnwrappedKey(wrong)
    laboratory.allow()
    kept = Path(laboratory.url.removeprefix("sqlite:///"))
    secret = next(iter(laboratory.secrets.all("own:implicit").values()))
    for path in kept.parent.glob(f"{kept.name}*"):
        assert secret not in path.read_bytes()
