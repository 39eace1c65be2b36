"""pycrate reads and writes what devices, RA, linkage authorities and ACA of an SCMS say to each other."""

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.interop.test_pycrate_codec import agree
from tests.support.scms_pki import NOW, Pki
from v2xpki import wire
from v2xpki.crypto import LinkedEntry
from v2xpki.secured import CertificateRequest, RecipientKey, SignedMessage, decrypt
from v2xpki.station.scms.api import CHAIN_FILE, COMPOSITE_CRL
from v2xpki.station.scms.requests import download_request
from v2xpki.trust.scms_crl import CrlSchedule, LinkedRevocation, build_linked_crl
from v2xpki.wire import dot2, scms


@pytest.fixture
def pki(tmp_path: Path) -> Any:
    made = Pki(tmp_path)
    yield made
    made.close()


def noting(target: Any, name: str, heard: list[tuple[Any, Any]]) -> None:
    """Note what a call is given and what it gives."""
    call = getattr(target, name)

    def noted(asked: Any) -> Any:
        answer = call(asked)
        heard.append((asked, answer))
        return answer

    setattr(target, name, noted)


def data(octets: bytes) -> dot2.Ieee1609Dot2Data:
    return wire.decode(dot2.Ieee1609Dot2Data, octets)


@pytest.mark.parametrize("variant", ["original", "unified", "compactUnified"])
def test_pycrate_agrees_on_the_whole_way_of_a_pseudonym(pycrate, pki, tmp_path, variant):
    requests: list[tuple[bytes, bytes]] = []
    chunks: list[tuple[list[bytes], list[bytes]]] = []
    noting(pki.ra, "request", requests)
    noting(pki.lab.aca_link, "certify", chunks)
    car = pki.device(tmp_path / "car")
    car.refresh()
    enrolled = car.enrol()
    supply = car.request(variant)
    pki.lab.work()
    opener = {pki.lab.ra.hashed_id8: RecipientKey.of_certificate(pki.lab.encryption, pki.lab.ra)}
    ((request, ack),) = requests
    agree(pycrate, data(request))
    opened = decrypt(data(request), opener).plain
    agree(pycrate, data(opened))
    agree(pycrate, CertificateRequest.parse(opened).record)
    agree(pycrate, data(ack))
    agree(pycrate, wire.decode(scms.ScmsPdu, SignedMessage.parse(ack).payload))
    for asked, answers in chunks:
        for octets in asked:
            agree(pycrate, data(octets))
            agree(pycrate, CertificateRequest.parse(octets).record)
        for octets in answers:
            agree(pycrate, data(octets))
            agree(pycrate, wire.decode(scms.ScmsPdu, SignedMessage.parse(octets).payload))
    wanted = download_request(f"{supply.name}.info", car.enrolled, pki.lab.ra, pki.clock.now)
    agree(pycrate, data(wanted))
    info = pki.ra.download(wanted).octets
    agree(pycrate, data(info))
    agree(pycrate, wire.decode(scms.ScmsPdu, data(info).content.value))
    car.download()
    for held in car.credentials.all():
        agree(pycrate, held.certificate.record)
    name = f"{supply.name}_{supply.first:X}.zip"
    octets = pki.ra.download(download_request(name, car.enrolled, pki.lab.ra, pki.clock.now)).octets
    with zipfile.ZipFile(BytesIO(octets)) as archive:
        assert len(archive.namelist()) == pki.policy.certificates
        for entry in archive.namelist():
            agree(pycrate, data(archive.read(entry)))
    assert enrolled == car.enrolled.certificate


def test_pycrate_agrees_on_what_is_handed_out_to_everybody(pycrate, pki):
    pki.revoke(pki.lab.ra)
    for name in (CHAIN_FILE, COMPOSITE_CRL):
        agree(pycrate, data(pki.documents[name]))
        agree(pycrate, wire.decode(scms.ScmsPdu, data(pki.documents[name]).content.value))
    status = pki.ra.status()
    agree(pycrate, data(status))
    agree(pycrate, wire.decode(scms.ScmsPdu, SignedMessage.parse(status).payload))


def test_pycrate_agrees_on_a_crl_of_seeds(pycrate):
    schedule = CrlSchedule(b"\7" * 8, 1, NOW, NOW + 86_400)
    entries = [
        LinkedRevocation(LinkedEntry(b"\0\1", b"\0\2", bytes((n,)) * 16, b"\x55" * 16), 40 + n % 2, 20)
        for n in range(9)
    ]
    agree(pycrate, build_linked_crl(schedule, 1, 33, entries))
