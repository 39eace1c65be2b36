"""ota_targets, ota_timestamp: firmware metadata signed by one process, its keys in SoftHSM.

ota_targets     a vehicle's manifest is verified; its targets, snapshot and timestamp are signed
ota_timestamp   the Image role looks after its repository, and signs the timestamp anew
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from v2xpki.bench.ota_laboratory import AT_ONCE, DirectorLaboratory
from v2xpki.bench.parts import Parts, commit_part, sign_part, software_parts
from v2xpki.bench.runner import Benchmark, Result, run
from v2xpki.bench.scms_tokens import made_tokens
from v2xpki.config import OtaPolicy
from v2xpki.config.tables import Seconds
from v2xpki.crypto import Curve
from v2xpki.keystore import KeyLabel, Keystore
from v2xpki.ota.changes import FirstRoles
from v2xpki.ota.director import label_of
from v2xpki.ota.kinds import IMAGE
from v2xpki.ota.online_keys import OnlineKeys
from v2xpki.ota.releases import ReleaseFollower
from v2xpki.ota.repository import Repository
from v2xpki.ota.software_keys import SoftwareKey, SoftwareSigner
from v2xpki.store import Database, upgrade
from v2xpki.time import FixedClock, SystemClock

#: Seconds from one timestamp to when the next is due, by the policy of ota_timestamp.
_TICK = 2


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
                    laboratory.reports,
                    laboratory.report,
                    {"sign": 3, "verify": 1, "commit": 1},
                    size=AT_ONCE,
                ),
                Parts(parts),
                seconds,
            )
        finally:
            laboratory.close()


def _run_timestamp(seconds: float, directory: Path) -> Result:
    with (
        made_tokens(directory, ["image"]) as keystores,
        Database.open(directory / "image.db") as database,
    ):
        upgrade(database, "image")
        repository, clock = _image_repository(keystores["image"], database)
        parts = sign_part(keystores["image"], KeyLabel(IMAGE.online["timestamp"], "sign"))
        benchmark = Benchmark(
            "ota_timestamp",
            lambda count: [None] * count,
            lambda _: _tend(repository, clock),
            {"sign": 1, "commit": 1},
        )
        return run(benchmark, Parts(parts | commit_part(directory)), seconds)


def _image_repository(keystore: Keystore, database: Database) -> tuple[Repository, FixedClock]:
    """As the Image role has it, its first metadata published; its timestamps are due again at once."""
    clock, usual = FixedClock(SystemClock().time32()), OtaPolicy()
    policy = replace(usual, timestamp_validity=Seconds(usual.renew_before + 1))
    repository = Repository(
        database, IMAGE, OnlineKeys(keystore, IMAGE), policy, clock, follower=ReleaseFollower()
    )
    root, targets = keys = [SoftwareKey("bench", Ed25519PrivateKey.generate()) for _ in range(2)]
    first = FirstRoles((root.public_key,), 1, (targets.public_key,))
    for request, key in zip(repository.bootstrap(first, by="bench"), keys, strict=True):
        signer = SoftwareSigner(key, database, clock)
        repository.submit(signer.sign(repository.request_file(request.id), by="bench"), by="bench")
    return repository, clock


def _tend(repository: Repository, clock: FixedClock) -> None:
    """One unit of work: the look of the Image role's task, which finds the timestamp due."""
    clock.advance(_TICK)
    if repository.tend() != 1:
        raise RuntimeError("something else than the timestamp was due")


_RUNS: dict[str, Callable[[float, Path], Result]] = {
    "ota_targets": _run_targets,
    "ota_timestamp": _run_timestamp,
}
