"""pycrate reads and writes what an ECA and a device of an SCMS say to each other, byte for byte."""

from pathlib import Path

from tests.interop.test_pycrate_codec import agree
from tests.support.scms_enrolment import EcaLab
from v2xpki import wire
from v2xpki.secured import CertificateRequest, SignedMessage
from v2xpki.station.scms.enrolment import EnrolmentWish, accept, ask, ask_successor
from v2xpki.wire import dot2, scms


def test_pycrate_agrees_on_an_enrolment_and_a_succession(pycrate, tmp_path: Path):
    lab = EcaLab.make(f"sqlite:///{tmp_path}/eca.db")
    pending = ask(lab.device()[0], EnrolmentWish(), lab.clock.now)
    answer = lab.eca.enrol(pending.request)
    enrolled = accept(pending, answer, [lab.root], lab.clock.now)
    following = ask_successor(enrolled, EnrolmentWish(), lab.clock.now)
    for octets in (pending.request, following.request):
        agree(pycrate, wire.decode(dot2.Ieee1609Dot2Data, octets))
        agree(pycrate, CertificateRequest.parse(octets).record)
    for octets in (answer, lab.eca.succeed(following.request)):
        agree(pycrate, wire.decode(dot2.Ieee1609Dot2Data, octets))
        agree(pycrate, wire.decode(scms.ScmsPdu, SignedMessage.parse(octets).payload))
    agree(pycrate, enrolled.certificate.record)
    lab.database.close()
