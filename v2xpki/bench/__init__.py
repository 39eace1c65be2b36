"""How fast the house works, held against what the cryptography alone costs on the same machine.

Each benchmark has a floor: the operations that nobody can leave out (signatures of the token, checks,
durable commits), timed in the same run, between the rounds of the work. efficiency = floor / time
taken; what is missing to 1 is ours.
"""

from collections.abc import Callable
from pathlib import Path

from v2xpki.bench import etsi, ota, ota_release, scms, scms_crl, scms_pg
from v2xpki.bench.runner import Result

__all__ = ["Result", "names", "run_all"]


def names() -> list[str]:
    """Every benchmark there is."""
    scms_names = [*scms.names(), *scms_pg.names(), *scms_crl.names()]
    return [*etsi.names(), *scms_names, *ota.names(), *ota_release.names()]


def run_all(
    wanted: list[str], seconds: float, directory: Path, progress: Callable[[str], None] = lambda _: None
) -> list[Result]:
    """Run the wanted benchmarks for about `seconds` each, on instances made below `directory`."""
    progress(f"{len(wanted)} benchmarks of {seconds:g} s")
    results = []
    single = [name for name in wanted if name in etsi.names()]
    if single:
        results += etsi.run_all(single, seconds, directory)
    of_scms = [name for name in wanted if name in scms.names()]
    if of_scms:
        results += scms.run_all(of_scms, seconds, directory)
    results += scms_pg.run_all(wanted, seconds, directory)
    results += scms_crl.run_all(wanted, seconds, directory)
    results += ota.run_all(wanted, seconds, directory)
    results += ota_release.run_all(wanted, seconds, directory)
    return results
