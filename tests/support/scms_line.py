"""The production line of an SCMS for tests: what devices make of their files, and links that fail."""

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from v2xpki import wire
from v2xpki.bench.scms_line_laboratory import Granted, LineLaboratory
from v2xpki.bench.scms_line_process import COMPONENTS
from v2xpki.config import ScmsPolicy
from v2xpki.crypto import Certificate, Curve, certified_key
from v2xpki.keystore import MemoryKey, MemoryKeystore
from v2xpki.secured import RecipientKey, SignedMessage, decrypt, rek_id
from v2xpki.store.ra import RaBatch, RaChunk, RaDevice
from v2xpki.time import FixedClock
from v2xpki.wire import dot2, scms

NOW = 720_000_123
POLICY = replace(ScmsPolicy(), certificates=3, preload=ScmsPolicy().period, mix_vehicles=2, mix_wait=0)
PERIODS = 2  # within the preload, from now on


def new_laboratory(directory: Path, policy: ScmsPolicy = POLICY, **options: Any) -> LineLaboratory:
    keystores = options.pop("keystores", {})
    keystores = {name: MemoryKeystore("test") for name in COMPONENTS} | keystores
    return LineLaboratory(directory, keystores, FixedClock(NOW), policy=policy, **options)


def batch(laboratory: LineLaboratory, granted: Granted, period: int) -> Any:
    with laboratory.databases["ra"].read() as tx:
        query = sa.select(RaBatch.__table__).where(RaBatch.request == granted.id, RaBatch.period == period)
        return tx.execute(query).one()


def states(laboratory: LineLaboratory) -> list[str]:
    return sorted(row.state for row in laboratory.batches())


def chunks(laboratory: LineLaboratory) -> list[Any]:
    with laboratory.databases["ra"].read() as tx:
        return list(tx.execute(sa.select(RaChunk.__table__)).all())


def block(laboratory: LineLaboratory, granted: Granted) -> None:
    with laboratory.databases["ra"].write(durable=True) as tx:
        tx.execute(sa.update(RaDevice).where(RaDevice.id == granted.device).values(status="blocked"))


def entries(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def memory_key(scalar: bytes) -> MemoryKey:
    return MemoryKey(Curve.NIST_P256, int.from_bytes(scalar, "big"))


def certificates(laboratory: LineLaboratory, granted: Granted, period: int) -> list[Certificate]:
    """What the device makes of its file, by j: each decrypted and verified, its private key reconstructed."""
    row = batch(laboratory, granted, period)
    assert row.state == "packed"
    files, aca = entries(row.archive), laboratory.aca_certificate
    assert list(files) == [f"{period:X}_{j:X}" for j in range(row.count)]
    if granted.caterpillar is None:
        assert granted.key is not None
        keys = [(granted.key, granted.response_key)]
    else:
        cocoons = granted.caterpillar.keys(period, range(row.count))
        keys = [(memory_key(one.signing), memory_key(one.encryption)) for one in cocoons]
    made = []
    for octets, (key, to) in zip(files.values(), keys, strict=True):
        response = opened(laboratory, octets, to)
        certificate = Certificate.of(response.certificate)
        certificate.verify_signature(aca)
        if granted.caterpillar is None:
            assert response.private_key_info is None
            assert certificate.verification_key == key.public_key
        else:
            scalar = certified_key(key.private.to_bytes(32, "big"), response.private_key_info)
            assert certificate.verification_key == memory_key(scalar).public_key
        made.append(certificate)
    return made


def opened(laboratory: LineLaboratory, octets: bytes, to: MemoryKey | None) -> scms.AcaEeCertResponse:
    data = wire.decode(dot2.Ieee1609Dot2Data, octets)
    if data.content.kind == "signedData":
        message = SignedMessage.of(data)
        message.verify(laboratory.aca_certificate.verification_key, laboratory.aca_certificate)
        data = message.signed.tbs_data.payload.data
    if data.content.kind == "unsecuredData":
        plain: Any = data.content.value
    else:
        assert to is not None
        plain = decrypt(data, {rek_id(to.public_key): RecipientKey.of_key(to)}).plain
    return wire.decode(scms.ScmsPdu, plain).content.value.value


class Link:
    """A link with something between: `change` gets the call and what it is called with."""

    def __init__(self, inner: Any, change: Callable[[Any, Any], Any]) -> None:
        self._inner, self._change, self.calls = inner, change, 0
        self.la_id = getattr(inner, "la_id", b"")

    def certify(self, requests: Sequence[bytes]) -> Any:
        self.calls += 1
        return self._change(self._inner.certify, requests)

    def pre_linkage_values(self, wishes: Sequence[Any]) -> Any:
        self.calls += 1
        return self._change(self._inner.pre_linkage_values, wishes)
