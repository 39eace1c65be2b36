"""ota_targets, ota_timestamp: firmware metadata signed by one process, its keys in SoftHSM.

ota_targets     a vehicle's manifest is verified; its targets, snapshot and timestamp are signed
ota_timestamp   a timestamp of the Image repository is signed anew
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from v2xpki.bench.ota_laboratory import DirectorLaboratory
from v2xpki.bench.parts import Parts, commit_part, sign_part, software_parts
from v2xpki.bench.runner import Benchmark, Result, run
from v2xpki.bench.scms_tokens import made_tokens
from v2xpki.crypto import Curve
from v2xpki.issuance import tx_complete, tx_save
from v2xpki.issuance.metadata import MetadataIssuer, Payload, signatures_of
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.ota.director import label_of
from v2xpki.store import Database, upgrade
from v2xpki.store.image import RoleVersion
from v2xpki.time import SystemClock, iso_from_time32

_DAY = 86400
_IMAGE_TIMESTAMP = KeyLabel("image-timestamp", "sign")


def names() -> list[str]:
    """All benchmarks of this module."""
    return list(_RUNS)


def run_all(wanted: list[str], seconds: float, directory: Path) -> list[Result]:
    """The wanted ones, in the order of `names`; databases and tokens lie in the folder."""
    results = []
    for name, one in _RUNS.items():
        if name in wanted:
            place = directory / name
            place.mkdir(mode=0o700, parents=True)
            results.append(one(seconds, place))
    return results


def _run_targets(seconds: float, directory: Path) -> Result:
    with made_tokens(directory, ["director"]) as keystores:
        laboratory = DirectorLaboratory(directory, keystores["director"], SystemClock())
        parts = sign_part(keystores["director"], label_of("targets"))
        parts |= software_parts(Curve.NIST_P256) | commit_part(directory)
        try:
            return run(
                Benchmark(
                    "ota_targets",
                    laboratory.manifests,
                    laboratory.report,
                    {"sign": 3, "verify": 1, "commit": 1},
                ),
                Parts(parts),
                seconds,
            )
        finally:
            laboratory.close()


def _run_timestamp(seconds: float, directory: Path) -> Result:
    with made_tokens(directory, ["image"]) as keystores:
        keystore = keystores["image"]
        keystore.generate(_IMAGE_TIMESTAMP, Curve.NIST_P256)
        with Database.open(directory / "image.db") as database:
            upgrade(database, "image")
            parts = sign_part(keystore, _IMAGE_TIMESTAMP) | commit_part(directory)
            benchmark = Benchmark(
                "ota_timestamp", _versions(), _timestamps(keystore, database), {"sign": 1, "commit": 1}
            )
            return run(benchmark, Parts(parts), seconds)


def _versions() -> Callable[[int], list[Any]]:
    last = 0

    def inputs(count: int) -> list[Any]:
        nonlocal last
        last += count
        return list(range(last - count + 1, last + 1))

    return inputs


def _timestamps(keystore: Keystore, database: Database) -> Callable[[int], object]:
    """Signs and publishes the timestamp of a version."""
    issuer, clock = MetadataIssuer.open(keystore, [_IMAGE_TIMESTAMP]), SystemClock()

    def work(version: int) -> object:
        now = clock.time32()
        text = (
            f'{{"_type":"timestamp","expires":"{iso_from_time32(now + _DAY)}",'
            f'"meta":{{"snapshot.json":{{"version":1}}}},"spec_version":"1.0.31","version":{version}}}'
        )
        prepared = issuer.prepare([Payload(_IMAGE_TIMESTAMP, text.encode())], now + _DAY)
        with database.write(durable=True) as tx:
            tx_save(tx, prepared.record)
        made = issuer.issue(prepared.token)
        with database.write(durable=False) as tx:
            tx_complete(tx, prepared.record, signatures_of(made))
            tx.insert(
                RoleVersion,
                role="timestamp",
                version=version,
                octets=made[0].document,
                expires=now + _DAY,
                published=now,
            )
        return made

    return work


_RUNS: dict[str, Callable[[float, Path], Result]] = {
    "ota_targets": _run_targets,
    "ota_timestamp": _run_timestamp,
}
