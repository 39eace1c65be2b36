"""`from v2xpki import ...`: the few names, what they are, and that asking for none of them costs nothing."""

import json
import subprocess
import sys

import pytest

import v2xpki
from v2xpki import crypto, errors, keystore, secured, station, trust


def test_the_public_nouns_are_the_ones_of_their_rooms() -> None:
    assert v2xpki.Certificate is crypto.Certificate
    assert v2xpki.Curve is crypto.Curve
    assert v2xpki.PublicKey is crypto.PublicKey
    assert v2xpki.MemoryKey is keystore.MemoryKey
    assert v2xpki.SignedMessage is secured.SignedMessage
    assert v2xpki.Station is station.Station
    assert v2xpki.StationSettings is station.Settings
    assert v2xpki.TrustStore is trust.TrustStore
    assert v2xpki.verify_message is trust.verify_message
    assert v2xpki.V2xPkiError is errors.V2xPkiError


def test_every_name_is_there_listed_and_explained() -> None:
    for name in v2xpki.__all__:
        assert getattr(v2xpki, name) is not None
        assert name in dir(v2xpki)
        assert name == "__version__" or name in (v2xpki.__doc__ or "")


def test_another_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="Certificat"):
        v2xpki.Certificat


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = (
        "import json, sys; before = set(sys.modules); import v2xpki; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert "v2xpki" in loaded
    assert not [name for name in loaded if name.startswith(("v2xpki.", "cryptography", "asn1tools", "flask"))]


def test_the_example_of_the_docstring_works() -> None:
    namespace: dict[str, object] = {}
    exec("from v2xpki import Certificate, Station", namespace)
    assert namespace["Station"] is station.Station
