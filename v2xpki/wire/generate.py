"""Writes the record and codec modules from asn1/; with --check only says whether they are up to date.

    python -m v2xpki.wire.generate [--check]
    python v2xpki/wire/generate.py              the same, also where the generated modules are broken

Exit codes: 0 done or up to date, 1 out of date. Runs in a checkout, not in an installed package.
"""

import argparse
import sys
from pathlib import Path
from types import ModuleType

import asn1tools

_HERE = Path(__file__).resolve().parent
ASN1 = _HERE.parent.parent / "asn1"

if not __package__:  # run by its path: import the generator without the package that it makes
    sys.path.insert(0, str(_HERE.parent.parent))
    sys.modules["v2xpki.wire"] = ModuleType("v2xpki.wire")
    sys.modules["v2xpki.wire"].__path__ = [str(_HERE)]

from v2xpki.wire.generator import codecs, model, records  # noqa: E402


def texts() -> dict[Path, str]:
    """Every generated file and the text that it should have."""
    made = model.load(asn1tools.parse_files([str(path) for path in sorted(ASN1.glob("*.asn"))]))
    files: dict[Path, str] = {}
    for home in model.HOMES:
        files[_HERE / f"{home}.py"] = records.write(made, home)
        files[_HERE / f"_codec_{home}.py"] = codecs.write(made, home)
    return files


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Writes the record and codec modules from asn1/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file differs")
    check = parser.parse_args(arguments).check
    stale = {path: text for path, text in texts().items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        print(f"{path.name} {'is out of date' if check else 'written'}")
        if not check:
            path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
