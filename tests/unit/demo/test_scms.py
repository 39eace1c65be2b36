"""What the SCMS demo's stations say, and how it counts who knew what."""

import pytest
import sqlalchemy as sa

from v2xpki.demo import j2735
from v2xpki.demo.j2735 import GREEN_LIGHT, JUNCTION, Car
from v2xpki.demo.knowledge import Rows, Vehicle, tied_by
from v2xpki.station import location
from v2xpki.store import Database

BAVARIA = location(48.1361, 11.575)


def bits(octets, start, count):
    return int.from_bytes(octets, "big") >> len(octets) * 8 - start - count & (1 << count) - 1


def test_a_bsm_says_where_the_car_is_and_how_fast():
    octets = Car(BAVARIA, 1388, bytes.fromhex("01020304")).bsm(61_250_000).octets
    assert (octets[:2], octets[2]) == (b"\0\x14", len(octets) - 3)
    core = octets[3:]
    assert len(core) == 37
    assert bits(core, 3, 7) == 1, "the first message"
    assert bits(core, 10, 32) == 0x01020304
    assert bits(core, 42, 16) == 1250, "milliseconds of the minute"
    assert bits(core, 58, 31) - 900_000_000 == BAVARIA.latitude
    assert bits(core, 89, 32) - 1_799_999_999 == BAVARIA.longitude
    assert bits(core, 172, 13) * 0.02 * 3.6 == pytest.approx(50, abs=0.1), "km/h"


def test_the_count_of_messages_starts_anew_after_127():
    car = Car(BAVARIA, 0, bytes(4), count=127)
    assert bits(car.bsm(0).octets[3:], 3, 7) == 0


@pytest.mark.parametrize(("saying", "name", "number"), [(GREEN_LIGHT, "SPAT", 19), (JUNCTION, "MapData", 18)])
def test_another_decoder_reads_signals_and_lanes(saying, name, number):
    from pycrate_asn1dir import ITS_r1318

    message, octets = getattr(ITS_r1318.DSRC, name), saying.octets
    assert (octets[:2], octets[2]) == (bytes((0, number)), len(octets) - 3)
    message.from_uper(octets[3:])
    (junction,) = message.get_val()["intersections"]
    assert junction["id"]["id"] == 17
    assert saying.psid == j2735.INTERSECTION


# --- who knew what -------------------------------------------------------------------------------


def vehicle(letter):
    names = [f"{letter}-pseudonym-{number}".encode() for number in (1, 2, 3)]
    return Vehicle(
        f"car-{letter}".encode(),
        (f"{letter}-enrolment".encode(),),
        (f"{letter}-request".encode(),),
        tuple((name,) for name in names),
    )


ONE, OTHER = vehicle("a"), vehicle("b")


@pytest.fixture
def rows(tmp_path):
    """Rows of a database with a table whose rows hold these values."""

    def make(*values):
        with Database.open(f"sqlite:///{tmp_path}/x.db") as database:
            with database.write(durable=False) as tx:
                tx.execute(sa.text("CREATE TABLE held (octets BLOB, text TEXT)"))
                for octets, text in values:
                    tx.execute(
                        sa.text("INSERT INTO held VALUES (:octets, :text)"), {"octets": octets, "text": text}
                    )
            return Rows(database)

    return make


def test_what_is_inside_a_larger_value_is_found_and_so_is_hex(rows):
    found = rows(
        (b"xx car-a xx", None), (None, "AB" + b"a-enrolment".hex().upper()), (None, b"a-request".hex())
    )
    assert found.has([ONE.device]) and found.has(ONE.enrolment) and found.has(ONE.requests)
    assert not found.has([OTHER.device])
    assert found.count("held") == 3


def test_a_row_with_pseudonyms_of_one_vehicle_alone_ties_them(rows):
    assert tied_by(rows((b"a-pseudonym-1 a-pseudonym-2", None)), [ONE, OTHER]) == ({0}, 0)


def test_a_row_that_mixes_vehicles_ties_nothing(rows):
    mixed = b"a-pseudonym-1 b-pseudonym-1 a-pseudonym-2 b-pseudonym-2", "car-a"
    assert tied_by(rows(mixed), [ONE, OTHER]) == (set(), 0)


@pytest.mark.parametrize("named", ["car-b", "b-enrolment", "b-request"])
def test_a_pseudonym_beside_what_names_its_vehicle_is_named(rows, named):
    assert tied_by(rows((b"b-pseudonym-1", named)), [ONE, OTHER]) == (set(), 1)


def test_a_pseudonym_beside_the_name_of_another_vehicle_is_not_named(rows):
    assert tied_by(rows((b"b-pseudonym-1", "car-a")), [ONE, OTHER]) == (set(), 0)
