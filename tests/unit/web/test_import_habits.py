"""What a component of an SCMS imports: its own authority and no other's, and nothing of ETSI's services."""

import json
import subprocess
import sys

import pytest

AUTHORITIES = {
    "aca": "v2xpki.authorities.scms.aca",
    "eca": "v2xpki.authorities.scms.eca",
    "ra": "v2xpki.authorities.scms.ra",
    "ma": "v2xpki.authorities.scms.ma",
    "sdc": "v2xpki.authorities.scms.distribution",
}


@pytest.mark.parametrize("role", ["ra", "aca"])
def test_a_role_imports_its_own_authority_and_no_other(role: str) -> None:
    code = f"import json, sys; from v2xpki.web import app; app.import_code({role!r}); "
    code += "print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert loaded & set(AUTHORITIES.values()) == {AUTHORITIES[role]}
    etsi = {name for name in loaded if name.startswith("v2xpki.authorities.etsi.")}
    assert etsi <= {"v2xpki.authorities.etsi.observer"}
    assert not {"v2xpki.web.etsi", "v2xpki.station.scms", "urllib3", "aiohttp", "asn1tools"} & loaded
