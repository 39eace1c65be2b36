"""Who reaches into the keystore: read from the source, so that no room begins to sign unnoticed."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[3] / "v2xpki"


def test_door_2_is_made_by_keystores_only():
    outside = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Responder"
            ):
                outside[room] = f"{path.relative_to(PACKAGE)}:{node.lineno}"
    assert set(outside) <= {"keystore"}, outside


def test_nobody_outside_the_keystore_reaches_below_it():
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] == "keystore":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert not node.module.startswith(("v2xpki.keystore._", "pkcs11")), f"{path}:{node.lineno}"
            if isinstance(node, ast.Import):
                assert not any(name.name.split(".")[0] == "pkcs11" for name in node.names), path
