"""Writes coer.json: one small structure of each kind, with its COER.

    python -m tests.vectors.make_coer

The octets are those of the project's codec; tests/interop/test_coer_vectors.py has them confirmed by two
others, asn1tools and pycrate.
"""

import json
from pathlib import Path

from tests.unit.wire import samples
from v2xpki import wire

TARGET = Path(__file__).with_name("coer.json")


def text() -> str:
    vectors = [
        {"name": name, "type": type(record).__name__, "coer": wire.encode(record).hex()}
        for name, record in samples.structures()
    ]
    provenance = "this project, tests/vectors/make_coer.py; confirmed by asn1tools and pycrate"
    return json.dumps({"provenance": provenance, "vectors": vectors}, indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text())
