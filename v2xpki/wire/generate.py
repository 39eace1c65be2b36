"""Writes the record and codec modules from asn1/; with --check only says whether they are up to date.

    python -m v2xpki.wire.generate [--check]

Exit codes: 0 done or up to date, 1 out of date. Runs in a checkout, not in an installed package.
"""

import argparse
import sys
from pathlib import Path

import asn1tools

from v2xpki.wire.generator import codecs, model, records

_HERE = Path(__file__).parent
ASN1 = _HERE.parent.parent / "asn1"


def modules() -> dict[Path, str]:
    """Every generated file and the text that it should have."""
    made = model.load(asn1tools.parse_files([str(path) for path in sorted(ASN1.glob("*.asn"))]))
    texts: dict[Path, str] = {}
    for home in model.HOMES:
        texts[_HERE / f"{home}.py"] = records.write(made, home)
        texts[_HERE / f"_codec_{home}.py"] = codecs.write(made, home)
    return texts


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m v2xpki.wire.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file differs")
    check = parser.parse_args(arguments).check
    texts = modules()
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{path.name} {'is out of date' if check else 'written'}")
        if not check:
            path.write_text(texts[path])
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
