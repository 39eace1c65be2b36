"""Door 1 to a CA's key is opened in one place."""

import ast
from pathlib import Path

import v2xpki

PACKAGE = Path(v2xpki.__file__).parent


def uses_of(name: str) -> set[str]:
    """Modules of the package whose code names an attribute, an import or a string so."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = (
                (isinstance(node, ast.Attribute) and node.attr == name)
                or (isinstance(node, ast.Name) and node.id == name)
                or (isinstance(node, ast.Constant) and node.value == name)
            )
            if named:
                found.add(path.relative_to(PACKAGE).as_posix())
    return found


# Times C_Sign on an instance of its own making, in a temporary folder.
BENCH = "bench/parts.py"
# Plays somebody who has stolen the token of a demonstration.
THIEF = "demo/ota_thief.py"


def test_only_issuance_opens_door_1() -> None:
    outside = {path for path in uses_of("issuing_key") if not path.startswith("keystore/")}
    assert outside - {BENCH, THIEF} == {
        "issuance/certificates.py",
        "issuance/chunks.py",
        "issuance/crls.py",
        "issuance/lists.py",
        "issuance/metadata.py",
        "issuance/scms_requests.py",
        "issuance/vehicle_tls.py",
    }


def test_the_check_would_see_a_second_door() -> None:
    tree = ast.parse("getattr(keystore, 'issuing_key')(label); keystore.issuing_key(label)")
    kinds = {type(node) for node in ast.walk(tree)}
    assert ast.Attribute in kinds and ast.Constant in kinds
