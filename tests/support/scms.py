"""An ACA with an RA that asks, for tests: what a station makes of it, and keys that note their use."""

import os
import signal
from pathlib import Path
from typing import Any

from v2xpki import wire
from v2xpki.bench.scms_laboratory import ScmsLaboratory
from v2xpki.crypto import Certificate, Curve, certified_key
from v2xpki.keystore import KeyLabel, MemoryKey, MemoryKeystore
from v2xpki.secured import RecipientKey, SignedMessage, decrypt, rek_id
from v2xpki.wire import dot2, scms

SIGNING = KeyLabel("aca", "sign")


class NotingKeystore(MemoryKeystore):
    """Notes each signature in a file as it is made; may die before or after the one that is told."""

    def __init__(self, notes: Path) -> None:
        super().__init__("test")
        self.notes, self.count = notes, 0
        self.die_before = self.die_after = -1
        notes.touch()

    def issuing_key(self, label: KeyLabel) -> Any:
        key = super().issuing_key(label)
        sign = key.sign

        def noted(digest: bytes) -> bytes:
            if self.count == self.die_before:
                die()
            raw = sign(digest)
            with self.notes.open("a") as file:
                file.write(digest.hex() + "\n")
            if self.count == self.die_after:
                die()
            self.count += 1
            return raw

        key.sign = noted
        return key

    def signed(self) -> list[bytes]:
        return [bytes.fromhex(line) for line in self.notes.read_text().split()]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def new_cocoon() -> MemoryKey:
    return MemoryKey.generate(Curve.NIST_P256)


def response(laboratory: ScmsLaboratory, answer: bytes) -> scms.AcaRaCertResponse:
    """The AcaRaCertResponse of an answer, verified."""
    message = SignedMessage.parse(answer)
    aca = laboratory.aca_certificate
    message.verify(aca.verification_key, aca)
    assert message.signer_certificates == (aca,) and message.header == dot2.HeaderInfo(psid=35)
    return wire.decode(scms.ScmsPdu, message.payload).content.value.value


def delivered(laboratory: ScmsLaboratory, answer: bytes, cocoon: MemoryKey) -> scms.AcaEeCertResponse:
    """What a station gets of it, with everything verified on the way."""
    form = response(laboratory, answer).aca_response
    data: Any = form.value
    if form.kind == "private":
        inner = SignedMessage.of(data)
        inner.verify(laboratory.aca_certificate.verification_key, laboratory.aca_certificate)
        data = inner.signed.tbs_data.payload.data
    if form.kind == "plain":
        plain = data.content.value
    else:
        plain = decrypt(data, {rek_id(cocoon.public_key): RecipientKey.of_key(cocoon)}).plain
    return wire.decode(scms.ScmsPdu, plain).content.value.value


def certificate(laboratory: ScmsLaboratory, answer: bytes, cocoon: MemoryKey) -> Certificate:
    """The certificate in an answer: signed by the ACA, and of the key that the station can make."""
    got = delivered(laboratory, answer, cocoon)
    made = Certificate.of(got.certificate)
    made.verify_signature(laboratory.aca_certificate)
    private = cocoon.private.to_bytes(32, "big")
    key = MemoryKey(Curve.NIST_P256, int.from_bytes(certified_key(private, got.private_key_info), "big"))
    assert key.public_key == made.verification_key
    return made
