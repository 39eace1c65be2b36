"""asn1/ says what the type tables say: no type, member, size, range or identifier is missing or extra."""

import json
import re
from pathlib import Path

import asn1tools
import pytest

from v2xpki.wire import reference

TABLES = Path(__file__).parents[4] / "shared" / "standards" / "types"

pytestmark = pytest.mark.skipif(not TABLES.is_dir(), reason=f"the type tables are not there ({TABLES})")


@pytest.fixture(scope="module")
def tables():
    return {
        module: table
        for path in sorted(TABLES.glob("*.json"))
        for module, table in json.loads(path.read_text()).items()
    }


@pytest.fixture(scope="module")
def modules():
    return asn1tools.parse_files([str(path) for path in reference.asn1_files()])


def as_table(descriptor):
    """What asn1tools read, written the way the tables write it."""
    kind = descriptor["type"]
    if kind == "ENUMERATED":
        return {kind: [list(v) if v else None for v in descriptor["values"]]}
    if kind in ("SEQUENCE", "CHOICE"):
        return {kind: [member(entry) for entry in descriptor["members"]]}
    if kind == "SEQUENCE OF":
        text = f"SEQUENCE OF {as_table(descriptor['element'])}"
    elif "named-numbers" in descriptor:
        text = f"INTEGER {{{', '.join(f'{n}({v})' for n, v in descriptor['named-numbers'].items())}}}"
    elif "named-bits" in descriptor:
        text = f"BIT STRING {{{', '.join(f'{n}({v})' for n, v in descriptor['named-bits'])}}}"
    else:
        text = kind
    if "size" in descriptor:
        text += f" SIZE{json.dumps(descriptor['size'])}"
    if "restricted-to" in descriptor:
        text += f" RANGE{json.dumps(descriptor['restricted-to'])}"
    return text


def member(entry):
    if entry is None:
        return "..."
    if isinstance(entry, list):
        return {"[[ ]]": [member(one) for one in entry]}
    row = [entry["name"], as_table(entry)]
    if entry.get("optional"):
        row.append("OPTIONAL")
    if "default" in entry:
        row.append(f"DEFAULT {entry['default']}")
    return row


def without_profiles(entry):
    """WITH COMPONENTS does not change the wire and is not in asn1/."""
    return re.sub(r" RANGE\[\{.*\}\]$", "", entry) if isinstance(entry, str) else entry


def test_there_are_351_types_in_28_modules(modules):
    assert len(modules) == 28
    assert sum(len(content["types"]) for content in modules.values()) == 351


def test_every_module_of_the_tables_is_a_file_of_its_own(tables):
    assert {path.stem for path in reference.asn1_files()} == set(tables)


def test_every_type_has_the_members_sizes_and_ranges_of_the_tables(tables, modules):
    for module, table in tables.items():
        ours = {name: as_table(descriptor) for name, descriptor in modules[module]["types"].items()}
        theirs = {name: without_profiles(entry) for name, entry in table["types"].items()}
        assert ours == theirs, module


def test_every_module_imports_what_the_tables_import_and_has_their_values(tables, modules):
    for module, table in tables.items():
        ours = {source: set(names) for source, names in modules[module]["imports"].items()}
        assert ours == {source: set(names) for source, names in table["imports"].items()}, module
        values = {name: value["value"] for name, value in modules[module]["values"].items()}
        assert values == table.get("values", {}), module


def test_tags_are_automatic_and_each_file_says_which_standard_it_is_of(modules):
    assert {content["tags"] for content in modules.values()} == {"AUTOMATIC"}
    for path in reference.asn1_files():
        first = path.read_text().splitlines()[0]
        assert first.startswith(("-- IEEE Std 1609.2", "-- ETSI TS 10")), path.name
