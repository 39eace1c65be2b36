"""Which demos there are, and running one in its folder."""

from collections.abc import Callable
from pathlib import Path

from v2xpki.demo import etsi, ota, scms
from v2xpki.demo.report import Report
from v2xpki.demo.steps import Steps
from v2xpki.errors import ConfigError

#: What `--profile` takes.
PROFILES = ("etsi", "scms", "ota", "all")
_SCENARIOS: dict[str, Callable[[Path, Steps], Report]] = {
    "etsi": etsi.run,
    "scms": scms.run,
    "ota": ota.run,
}


def chosen(profile: str) -> tuple[str, ...]:
    """The demos that a profile stands for. Raises ConfigError for one that is not in this version."""
    if profile == "all":
        return tuple(_SCENARIOS)
    if profile not in _SCENARIOS:
        raise ConfigError(
            f"there is no {profile} demo in this version", hint=f"there is: {', '.join(_SCENARIOS)}"
        )
    return (profile,)


def run(name: str, directory: Path, steps: Steps) -> Report:
    """One demo in a new or empty folder.

    Raises ConfigError (the folder is in use) and what the house raises where a step fails; all that was
    started has ended by then.
    """
    return _SCENARIOS[name](directory, steps)
