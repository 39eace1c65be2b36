"""An independent reading of the same clauses agrees: profiles, containment, signatures (P1, P2, P3)."""

import sys

import pytest

from tests.unit.trust.pki import Pki, services
from v2xpki.crypto import Curve
from v2xpki.time import SystemClock


@pytest.fixture(scope="module")
def station(shared_tools):
    """The station's module, with its own codec."""
    sys.path.insert(0, str(shared_tools))
    try:
        import its1609
        import make_codec
    finally:
        sys.path.remove(str(shared_tools))
    its1609.use(make_codec.load(make_codec.TYPES))
    return its1609


@pytest.mark.parametrize("curve", [Curve.NIST_P256, Curve.BRAINPOOL_P256R1])
def test_p1_p2_p3_an_independent_station_accepts_every_certificate(station, curve):
    pki = Pki(now=SystemClock().time32(), curve=curve)
    read = {
        name: station.Certificate(getattr(pki, name.lower()).certificate.octets)
        for name in ("ROOT", "TLM", "EA", "AA", "EC", "AT")
    }
    for name, certificate in read.items():
        station.check_profile("RCA" if name == "ROOT" else name, certificate)
    for subject, issuer in (("EA", "ROOT"), ("AA", "ROOT"), ("EC", "EA"), ("AT", "AA")):
        read[subject].verify(read[issuer])
        station.check_containment(read[issuer], read[subject])
    read["ROOT"].verify()
    read["TLM"].verify()


def test_p3_an_independent_station_refuses_what_we_refuse(station, pki):
    issuer = station.Certificate(pki.aa.certificate.octets)
    for held in (services(p36="020000"), services(p36="0100"), services(p1619="01"), services(p141="01")):
        greedy = station.Certificate(pki.ticket(app_permissions=held).certificate.octets)
        with pytest.raises(station.Failed):
            station.check_containment(issuer, greedy)


def test_an_independent_station_reads_our_lists(station, pki):
    for data, signer, psid in (
        (pki.ctl(), pki.root, 624),
        (pki.ectl(), pki.tlm, 624),
        (pki.crl(), pki.root, 622),
    ):
        octets = pki.signed_list(data, signer, psid)
        message = station.codec.decode("Ieee1609Dot2Data", octets)
        station.check_signed(message, station.Certificate(signer.certificate.octets), psid, ("certificate",))
