"""The operator's guide has every key of `[ota]`, and no other."""

import re
from dataclasses import fields
from pathlib import Path

from v2xpki.config.ota import OtaPolicy

GUIDE = Path(__file__).parents[3] / "docs/operators-guide.md"


def test_every_setting_of_ota_is_in_the_guide_and_nothing_else():
    (table,) = re.findall(
        r"^\| \*\*\[ota\]\*\*.*?\n(.*?)^\| \*\*\[", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    keys = [key for row in table.splitlines() for key in row.split("|")[1].strip().split(", ")]
    assert sorted(keys) == sorted(field.name for field in fields(OtaPolicy))
