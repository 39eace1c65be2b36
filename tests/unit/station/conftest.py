import pytest

from tests.unit.station.fake_pki import URL, FakePki
from v2xpki.crypto import Curve
from v2xpki.keystore.memory import MemoryKey
from v2xpki.station import Settings, Station
from v2xpki.time import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(707_356_805)


@pytest.fixture
def pki(clock) -> FakePki:
    return FakePki(clock)


@pytest.fixture
def new_station(pki, clock, tmp_path):
    """A registered station, by profile; vehicles by default."""

    def make(name="obu-1", *, curve=Curve.NIST_P256, directory=None, **settings):
        settings = {
            "its_id": name.encode().hex(),
            "profile": "vehicle",
            "cpoc": f"{URL}/cpoc",
            "tlm": pki.tlm.certificate.hex8,
        } | settings
        canonical = MemoryKey.generate(curve)
        pki.stations[bytes.fromhex(settings["its_id"])] = canonical.public_key
        return Station.create(
            directory or tmp_path / name, Settings(**settings), canonical, clock=clock, http=pki
        )

    return make


@pytest.fixture
def station(new_station) -> Station:
    """A vehicle that is enrolled and has the PKI's lists."""
    made = new_station()
    made.refresh()
    made.enrol()
    return made
