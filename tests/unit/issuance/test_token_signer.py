"""A key of the token is the Signer that securesystemslib knows, and nothing leaves it unchecked."""

from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st
from securesystemslib.signer import Signer

from v2xpki.crypto import Curve
from v2xpki.errors import IssuanceError
from v2xpki.issuance import metadata
from v2xpki.issuance.token_signer import SIGNING_CURVES, TokenSigner, der_of
from v2xpki.keystore import KeyLabel, MemoryKeystore

LABEL = KeyLabel("image-timestamp", "sign")


def key(curve: Curve) -> Any:
    keystore = MemoryKeystore("test")
    keystore.generate(LABEL, curve)
    return keystore.issuing_key(LABEL)


class Failing:
    """A token that signs something else."""

    def __init__(self, curve: Curve) -> None:
        self._key = key(curve)
        self.label, self.public_key = self._key.label, self._key.public_key

    def sign(self, digest: bytes) -> bytes:
        return bytes(self._key.sign(bytes(len(digest))))


@pytest.mark.parametrize("curve", SIGNING_CURVES)
def test_what_it_signs_verifies_as_metadata_names_its_key(curve: Curve) -> None:
    signer = TokenSigner(key(curve))
    made = signer.sign(b'{"a":1}')
    signer.public_key.verify_signature(made, b'{"a":1}')
    assert made.keyid == signer.public_key.keyid
    assert LABEL.text in repr(signer)


@pytest.mark.parametrize("curve", SIGNING_CURVES)
def test_a_signature_that_does_not_verify_does_not_leave(curve: Curve) -> None:
    with pytest.raises(IssuanceError, match="does not verify") as raised:
        TokenSigner(Failing(curve)).sign(b"{}")
    assert isinstance(raised.value.__cause__, InvalidSignature)


def test_a_key_on_a_curve_without_a_scheme_is_no_signer() -> None:
    with pytest.raises(IssuanceError, match="P-256 or P-384"):
        TokenSigner(key(Curve.BRAINPOOL_P256R1))


def test_no_uri_opens_a_key_of_the_token() -> None:
    public = TokenSigner(key(Curve.NIST_P256)).public_key
    with pytest.raises(IssuanceError, match="with its instance"):
        TokenSigner.from_priv_key_uri("pkcs11:object=image-timestamp", public)


def test_the_issuer_signs_through_its_signers() -> None:
    assert issubclass(TokenSigner, Signer)
    used: list[bytes] = []

    class Noted(TokenSigner):
        def made(self, payload: bytes) -> Any:
            used.append(payload)
            return super().made(payload)

    issuer = metadata.MetadataIssuer({LABEL: Noted(key(Curve.NIST_P256))})
    prepared = issuer.prepare([metadata.Payload(LABEL, b'{"a":1}')], 0)
    prepared.record.slip.committed()
    [made] = issuer.issue(prepared.token)
    assert used == [b'{"a":1}'] == [made.payload]


@given(st.integers(1, (1 << 256) - 1), st.integers(1, (1 << 256) - 1))
@example(1, (1 << 256) - 1)
@example(0x7F, 0x80)
def test_a_signature_goes_out_in_the_der_that_the_package_writes(r: int, s: int) -> None:
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert der_of(raw, 32) == encode_dss_signature(r, s)


class Slipping(Failing):
    """A token that signs something else at times."""

    def __init__(self, *wrong: int) -> None:
        super().__init__(Curve.NIST_P256)
        self.wrong, self.made = wrong, 0

    def sign(self, digest: bytes) -> bytes:
        self.made += 1
        return bytes(self._key.sign(bytes(len(digest)) if self.made in self.wrong else digest))


def issued(token: Slipping, records: int, payloads: int = 1) -> list[Any]:
    """What comes of records of one moment, each of so many payloads for one key."""
    issuer = metadata.MetadataIssuer({LABEL: TokenSigner(token)})
    tokens = []
    for number in range(records):
        texts = [b'{"a":%d,"b":%d}' % (number, at) for at in range(payloads)]
        prepared = issuer.prepare([metadata.Payload(LABEL, text) for text in texts], 0)
        prepared.record.slip.committed()
        tokens.append(prepared.token)
    return issuer.issue_each(tokens)


@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_of_a_record_alone_each_signature_is_checked(wrong: int) -> None:
    [outcome] = issued(Slipping(wrong), 1, payloads=3)
    assert isinstance(outcome, IssuanceError)


def test_of_several_records_each_signature_is_checked_and_one_that_is_wrong_is_its_records_alone() -> None:
    outcomes = issued(Slipping(5, 6), 4, payloads=3)
    assert [isinstance(one, IssuanceError) for one in outcomes] == [False, True, False, False]
