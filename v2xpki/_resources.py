"""Where the project's own data files lie: `asn1/` and `hsm/`.

In a source tree they are folders beside the package; in a wheel they are inside it, under `_data/`
(pyproject's force-include). This module imports nothing of the package, so that every floor may use it.
"""

from importlib.resources import files
from pathlib import Path


def data_dir(name: str) -> Path:
    """The folder `name` ("asn1", "hsm") as a real directory.

    Raises FileNotFoundError where neither a wheel's copy nor a source tree's folder is there.
    """
    package = Path(str(files("v2xpki")))  # our wheels are unpacked, never imported from a zip
    for candidate in (package / "_data" / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the data folder {name!r} is neither in the package nor beside it")
