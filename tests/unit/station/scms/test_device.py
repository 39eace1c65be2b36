"""A device through its whole life, against a whole SCMS in one process; and what goes wrong on the way."""

import base64

import pytest

from tests.support.scms_pki import NOW, POLICY, Pki, spdu
from v2xpki import wire
from v2xpki.errors import InvalidMessage, StationError
from v2xpki.station import files
from v2xpki.station.errors import BadAnswer, BadState, NoCredential, Refusal, Unreachable, Untrusted
from v2xpki.station.scms import api
from v2xpki.station.scms.answers import acknowledged
from v2xpki.station.scms.device import open_device
from v2xpki.station.scms.requests import authorization, download_request
from v2xpki.station.scms.state import ScmsDirectory
from v2xpki.wire import dot2, scms


@pytest.fixture
def pki(tmp_path):
    made = Pki(tmp_path)
    yield made
    made.close()


@pytest.fixture
def new(pki, tmp_path):
    """A device by name; as far as told."""

    def make(name="car-1", *, upto="enrolled", variant="unified", profile="obe"):
        device = pki.device(tmp_path / name, profile)
        if upto == "created":
            return device
        device.refresh()
        device.enrol()
        if upto == "enrolled":
            return device
        device.request(*([variant] if profile == "obe" else []))
        pki.lab.work()
        if upto == "driving":
            device.download()
        return device

    return make


@pytest.fixture
def car(new):
    return new("car-1", upto="driving")


def posted(pki, path):
    return sum(1 for method, where, _ in pki.web.log if (method, where) == ("POST", path))


@pytest.mark.parametrize("variant", ["original", "unified", "compactUnified"])
def test_from_nothing_to_a_message_that_another_vehicle_believes(pki, new, variant):
    """Vehicle, ECA, RA, linkage authorities, ACA, archive, signed message, another vehicle."""
    car, other = new("car-1", upto="enrolled"), new("car-2", upto="enrolled")
    car.request(variant)
    pki.lab.work()
    found = car.download()
    assert len(found.certificates) == 2 * POLICY.certificates and found.bad == ()
    octets = car.sign(b"here I am")
    verified = other.verify(octets)
    assert (verified.psid, verified.payload) == (32, b"here I am")
    assert verified.ticket in found.certificates
    with pytest.raises(InvalidMessage) as caught:
        other.verify(octets)
    assert caught.value.rule == "replay"


def test_a_roadside_unit_signs_with_its_own_certificate(pki, new, car):
    rsu = new("rsu-1", upto="driving", profile="rsu")
    assert len(rsu.credentials) == 1
    assert car.verify(rsu.sign(b"red", 130)).payload == b"red"
    rsu.rotate()
    assert rsu.sign(b"green", 130)
    with pytest.raises(NoCredential):
        rsu.sign(b"bsm", 32)


def test_the_certificate_goes_along_once_a_second_and_after_a_change(pki, car, new):
    other = new("car-2")

    def kinds(octets):
        verified = other.verify(octets)
        return verified.message.signer.kind

    assert [kinds(car.sign(bytes([n]))) for n in range(3)] == ["certificate", "digest", "digest"]
    pki.clock.advance(1)
    assert kinds(car.sign(b"x")) == "certificate"
    assert kinds(car.sign(b"y")) == "digest"
    car.rotate()
    assert kinds(car.sign(b"z")) == "certificate"


def test_a_digest_of_nobody_seen_an_old_message_and_a_forged_one_are_refused(pki, car, new):
    other = new("car-2")
    first, second = car.sign(b"1"), car.sign(b"2")
    for octets, rule in ((second, "unknown-signer"), (first[:-1] + bytes([first[-1] ^ 1]), "signature")):
        with pytest.raises(InvalidMessage) as caught:
            other.verify(octets)
        assert caught.value.rule == rule
    pki.clock.advance(3)
    with pytest.raises(InvalidMessage) as caught:
        other.verify(first)
    assert caught.value.rule == "stale"


def test_a_revoked_certificate_is_refused_from_the_next_crl_on(pki, car, new):
    other = new("car-2")
    held = other.verify(car.sign(b"1")).ticket
    assert other.refresh() and other.verify(car.sign(b"2"))  # there is no CRL yet, which is said
    pki.revoke(held)
    assert other.refresh() == []
    for receiver in (other, pki.again(other)):
        pki.clock.advance(1)
        with pytest.raises(InvalidMessage) as caught:
            receiver.verify(car.sign(b"3"))
        assert caught.value.rule == "certificate" and "revoked" in str(caught.value)
    car.rotate()
    assert other.verify(car.sign(b"4")).payload == b"4"


def test_a_crl_that_the_distribution_centre_leaves_out_is_not_forgotten(pki, car, new):
    other = new("car-2")
    held = other.verify(car.sign(b"1")).ticket
    pki.revoke(held)
    assert other.refresh() == []
    emptied = scms.CompositeCrl((), pki.ctl.data)
    pki.documents[api.COMPOSITE_CRL] = spdu("compositeCrl", emptied)
    assert "is gone" in other.refresh()[0]
    for receiver in (other, pki.again(other)):
        pki.clock.advance(1)
        with pytest.raises(InvalidMessage, match="revoked"):
            receiver.verify(car.sign(b"2"))


# --- trust ---------------------------------------------------------------------------------


def test_too_few_electors_and_an_older_list_change_nothing(pki, new):
    car = new("car-1")
    pki.publish(sequence=2)
    car.refresh()
    before = car.directory.anchors
    for options in ({"voters": 1, "sequence": 3}, {"sequence": 1}):
        pki.publish(**options)
        with pytest.raises(Untrusted, match="chain file"):
            car.refresh()
        with pytest.raises(Untrusted):
            pki.again(car).refresh()
        assert car.directory.anchors == before
    assert pki.again(car).chains.roots == (pki.root.certificate,)


def test_electors_of_another_pki_are_not_believed(pki, new, tmp_path):
    (tmp_path / "b").mkdir()
    other = Pki(tmp_path / "b")
    try:
        car = new("car-1", upto="created")
        pki.documents = other.documents
        with pytest.raises(Untrusted, match="chain file") as caught:
            car.refresh()
        assert "electors" in caught.value.hint
        assert car.directory.anchors.chain_file is None
    finally:
        other.close()


def test_an_ra_of_another_root_is_not_believed(pki, new, tmp_path):
    (tmp_path / "b").mkdir()
    other = Pki(tmp_path / "b")
    try:
        pki.documents[api.RA_CERTIFICATE] = other.documents[api.RA_CERTIFICATE]
        with pytest.raises(Untrusted, match="RA certificate"):
            new("car-1", upto="created").refresh()
        pki.documents[api.RA_CERTIFICATE] = pki.lab.aca_certificate.octets
        with pytest.raises(Untrusted, match="aca, not ra"):
            new("car-2", upto="created").refresh()
    finally:
        other.close()


def test_what_has_not_changed_is_not_sent_again(pki, new):
    car = new("car-1")
    del pki.web.log[:]
    pki.again(car).refresh()
    assert [status for _, path, status in pki.web.log if path != api.COMPOSITE_CRL] == [304, 304]


# --- what goes wrong -----------------------------------------------------------------------


def test_each_step_says_which_it_is_and_what_to_do(pki, new):
    car = new("car-1", upto="created")
    for step, said, hint in (
        (car.enrol, "enrolment", "refresh"),
        (car.request, "request", "enrol"),
        (car.successor, "successor", "enrol"),
    ):
        with pytest.raises(StationError, match=said) as caught:
            step()
        assert hint in caught.value.hint
    assert car.download().certificates == ()
    pki.web.down.add(api.CHAIN_FILE)
    with pytest.raises(Unreachable, match="chain file"):
        car.refresh()


@pytest.mark.parametrize("losses", [1, 2])
def test_an_answer_that_got_lost_comes_again_and_nothing_is_asked_twice(pki, new, losses):
    """Once lost it is asked for again at once; twice, at the next call, even after a restart."""
    car = new("car-1", upto="created")
    car.refresh()
    for path, step in (
        (api.ENROLMENT, lambda: car.enrol()),
        (api.CERTIFICATES, lambda: car.request()),
        (api.SUCCESSOR, lambda: car.successor()),
    ):
        pki.web.lost[path] = losses
        if losses == 2:
            with pytest.raises(Unreachable):
                step()
            car = pki.again(car)
        step()
    assert len(car.supplies) == 1 and car.supplies[0].is_acknowledged
    assert len(pki.register.certificates(pki.register.find("car-1").id)) == 2
    pki.lab.work()
    assert len(car.download().certificates) == 2 * POLICY.certificates


def test_a_request_that_is_refused_is_forgotten_and_one_that_may_be_is_kept(pki, new):
    car = new("car-1")
    pki.web.down.add(api.CERTIFICATES)
    with pytest.raises(Unreachable):
        car.request()
    pki.web.down.clear()
    pki.clock.advance(660)  # it is too old by now
    pki.web.coarse = True
    with pytest.raises(Refusal):
        car.request()
    assert car.supplies == []
    assert car.request().is_acknowledged


def test_a_barred_device_gets_no_certificate(pki, new):
    car = new("car-1", upto="created")
    car.refresh()
    pki.register.bar(pki.register.find("car-1").id, reason="stolen")
    with pytest.raises(Refusal, match=r"enrolment: .*HTTP 400"):
        car.enrol()
    assert car.enrolled is None and car.directory.waiting is None


def test_an_ack_to_another_request_is_not_taken(pki, new):
    """A replayed one, too."""
    car, acks = new("car-1"), []
    pki.web.change[api.CERTIFICATES] = lambda octets: (acks.append(octets), acks[0])[1]
    first = car.request()
    with pytest.raises(BadAnswer, match="request: requestHash"):
        car.request(kind="identification")
    with pytest.raises(BadAnswer) as caught:
        acknowledged(acks[0], bytes(8), NOW, pki.lab.ra, NOW)
    assert caught.value.rule == "request-hash"
    for at, rule in ((NOW + 601, "generation-time"), (NOW - 601, None)):
        with pytest.raises(BadAnswer) as caught:
            acknowledged(acks[0], first.request_hash, at, pki.lab.ra, at if rule else NOW - 601)
        assert caught.value.rule == "generation-time"
    broken = acks[0][:-1] + bytes([acks[0][-1] ^ 1])
    for octets, ra, rule in (
        (broken, pki.lab.ra, "signature"),
        (acks[0], pki.lab.aca_certificate, "signer"),
        (b"x", pki.lab.ra, "content"),
    ):
        with pytest.raises(BadAnswer) as caught:
            acknowledged(octets, first.request_hash, NOW, ra, NOW)
        assert caught.value.rule == rule


def test_a_download_that_was_cut_off_goes_on_where_it_ended(pki, new, monkeypatch):
    monkeypatch.setattr(api, "PIECE", 100)
    car = new("car-1", upto="requested")
    pki.web.pieces = 4
    with pytest.raises(Unreachable, match="download"):
        car.download()
    (part,) = (car.directory.path / "downloads").iterdir()
    had = len(part.read_bytes().partition(b"\n")[2])
    assert had == 100 * 4
    car = pki.again(car)
    assert len(car.download().certificates) == 2 * POLICY.certificates
    assert not list((car.directory.path / "downloads").iterdir())


def test_a_part_of_another_file_is_not_gone_on_with(pki, new, monkeypatch):
    monkeypatch.setattr(api, "PIECE", 100)
    car = new("car-1", upto="requested")
    pki.web.pieces = 4
    with pytest.raises(Unreachable):
        car.download()
    (part,) = (car.directory.path / "downloads").iterdir()
    part.write_bytes(b'"another"\n' + bytes(400))
    assert len(car.download().certificates) == 2 * POLICY.certificates


def test_what_is_not_there_yet_is_said_and_comes_later(pki, new):
    car = new("car-1")
    car.request()
    assert car.download().certificates == ()
    pki.lab.work()
    assert len(car.download().certificates) == 2 * POLICY.certificates
    assert car.download().certificates == ()  # and each file once


def test_an_archive_that_is_none_is_an_error_and_costs_nothing_else(pki, new):
    car = new("car-1", upto="requested")
    pki.web.change[api.CERTIFICATES] = lambda octets: (
        octets[:-30] + bytes(30) if octets[:2] == b"PK" else octets
    )
    with pytest.raises(BadAnswer, match="download"):
        car.download()
    pki.web.change.clear()
    assert len(car.download().certificates) == 2 * POLICY.certificates


def test_the_successor_takes_the_place_and_old_certificates_go_on(pki, car, new):
    before = car.enrolled.certificate
    after = car.successor()
    assert after != before and car.enrolled.certificate == after
    assert car.download().bad == ()  # with the new one, for what was asked with the old
    assert new("car-2").verify(car.sign(b"x"))


class Died(BaseException):
    """A crash."""


@pytest.mark.parametrize("step", ["enrol", "request", "download", "successor"])
def test_a_crash_at_any_write_costs_a_repetition_and_no_more(pki, new, tmp_path, monkeypatch, step):
    """The process dies before its n-th file is there, and after; the next one goes on, to the same end."""
    real, n, done = files.Path.replace, 0, False
    while not done:
        n += 1
        for after in (False, True):
            name = f"car-{n}{'b' if after else 'a'}"
            car = new(name, upto={"enrol": "created", "download": "requested"}.get(step, "enrolled"))
            if step == "enrol":
                car.refresh()
            count = 0

            def dying(path, target, *, limit=n, after=after):
                nonlocal count
                count += 1
                if count == limit and not after:
                    raise Died
                found = real(path, target)
                if count == limit:
                    raise Died
                return found

            with monkeypatch.context() as broken:
                broken.setattr(files.Path, "replace", dying)
                try:
                    getattr(car, step)()
                    done = True
                except Died:
                    done = False
            car = pki.again(car)
            getattr(car, step)()
            if step in ("enrol", "successor"):
                car.request()
            pki.lab.work()
            car.download()
            assert len(car.supplies) in (1, 2)
            assert len(car.credentials) >= 2 * POLICY.certificates
            assert car.sign(b"x")
            assert car.directory.waiting is None
            enrolments = len(pki.register.certificates(pki.register.find(name).id))
            # asked again after the last write, it is another one
            assert enrolments <= {"enrol": 2, "successor": 3}.get(step, 1)


def test_no_secret_is_readable_by_others_nor_in_a_representation(car):
    secret = ("keys/canonical.pem", "enrolment.json", "supplies", "credentials")
    path = car.directory.path
    assert path.stat().st_mode & 0o077 == 0
    for name in secret:
        entry = path / name
        for file in [entry] if entry.is_file() else entry.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file
    (supply,) = car.supplies
    assert supply.keys.signing.hex() not in repr(supply) and repr(supply.keys.signing) not in repr(supply)


def test_damage_is_named(car):
    for name in ("enrolment.json", "trust.json", "scms.json"):
        path = car.directory.path / name
        good = path.read_bytes()
        for octets in (b"", b"[]", b"{}", b"\xff"):
            path.write_bytes(octets)
            with pytest.raises(BadState, match=name):
                directory = ScmsDirectory(car.directory.path)
                _ = directory.enrolled, directory.anchors
        path.write_bytes(good)


def test_the_ra_tells_how_fresh_things_are(pki, new):
    car = new("car-1")
    status = car.info_status()
    assert (status.ca_ccf, status.ra) == (NOW, pki.lab.ra.start)
    pki.web.change[api.INFO_STATUS] = lambda octets: octets[:-1] + bytes([octets[-1] ^ 1])
    with pytest.raises(BadAnswer, match="info status"):
        car.info_status()


def test_a_plain_download_request_names_the_file_and_nobody():
    octets = download_request("00.info", None, None, NOW)
    content = wire.decode(dot2.Ieee1609Dot2Data, octets).content
    assert content.kind == "unsecuredData"
    asked = wire.decode(scms.ScmsPdu, content.value).content.value.value
    assert asked == scms.EeRaDownloadRequest(NOW, "00.info")
    assert base64.b64decode(authorization(octets)["Ieee-1609.2.1-Authorization"]) == octets


def test_a_directory_is_of_one_device(pki, car):
    assert type(open_device(car.directory.path)).__name__ == "ScmsVehicle"
    with pytest.raises(BadState, match="already"):
        pki.device(car.directory.path.with_name("x")) and ScmsDirectory.create(
            car.directory.path, car.settings, car.directory.canonical, car.directory.anchors
        )
    with pytest.raises(BadState, match="no SCMS device"):
        ScmsDirectory(car.directory.path / "keys")
