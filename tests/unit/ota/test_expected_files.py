"""Lists of expected vehicles as operators hand them over: both forms say the same, bad lines are named."""

import json

import pytest

from v2xpki.errors import DecodeError
from v2xpki.trust.ota.expected import MOST_VEHICLES, Expectation, parse_expectations, read_expectations

ONE, TWO, THREE = (f"WVWZZZ1KZAW00000{number}" for number in (1, 2, 3))
LISTED = [
    Expectation(ONE, "city", bytes.fromhex("0123456789abcdef"), None),
    Expectation(TWO, "city", None, ("brake-2", "gw-2")),
    Expectation(THREE, "van", None, None),
]
CSV = f"""\ufeffvin, model,credential,ecus
{ONE},city,0123456789ABCDEF,
{TWO}, city ,,gw-2 brake-2
{THREE},van,,
"""
JSON_LINES = f"""
{{"vin": "{ONE}", "model": "city", "credential": "0123456789abcdef"}}

{{"vin": "{TWO}", "model": "city", "ecus": ["gw-2", "brake-2"]}}
{{"vin": "{THREE}", "model": "van"}}
"""


@pytest.mark.parametrize("text", [CSV, JSON_LINES])
def test_both_forms_say_the_same(text):
    assert read_expectations(text.encode(), "list") == LISTED


def test_a_file_may_leave_out_the_columns_that_need_not_be_there():
    assert read_expectations(f"model,vin\nvan,{THREE}\n".encode(), "list") == LISTED[2:]


def test_what_is_read_goes_over_the_interface_as_it_is():
    documents = json.loads(json.dumps([one.document() for one in LISTED]))
    assert parse_expectations(documents, "vehicles") == LISTED


def test_all_bad_lines_are_named_with_their_field_at_once():
    text = f"vin,model,credential\n{ONE},city,xyz\n{ONE},city,\nshort,city,\n{TWO},city,\n{TWO},city\n"
    with pytest.raises(DecodeError) as caught:
        read_expectations(text.encode(), "fleet.csv")
    said = str(caught.value).splitlines()
    assert said[0].startswith("fleet.csv: line 2.credential is not")
    assert said[1].startswith("line 4.vin is not")
    assert said[2:] == ["line 6 has not as many fields as the header"]


@pytest.mark.parametrize("text", [f"vin,model\n{ONE},m\n{TWO},m\n{ONE},m\n", JSON_LINES + JSON_LINES])
def test_a_vin_that_stands_twice_is_named_with_both_lines(text):
    with pytest.raises(DecodeError, match=r"line \d\.vin stands in line 2 too"):
        read_expectations(text.encode(), "list")


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"", "no header"),
        (b"vin,model\n", "0 vehicles"),
        (b"vin,colour,model\n", "no header"),
        (b"vin,vin,model\n", "no header"),
        (b"vin\n", "no header"),
        (b"\xff", "not UTF-8"),
        (b'{"vin": 1}\n', "line 1"),
        (b'{"vin": "a", "vin": "b"}\n', "line 1"),
        (b'vin,model\n"' + ONE.encode(), "line"),
        (b'{"vin": "%b", "model": "m", "colour": "red"}' % ONE.encode(), "others than"),
    ],
)
def test_what_is_no_list_is_refused_with_the_reason(octets, says):
    with pytest.raises(DecodeError, match=says):
        read_expectations(octets, "list")


def test_hundreds_of_bad_lines_are_not_all_told():
    text = "vin,model\n" + "x,m\n" * 500
    with pytest.raises(DecodeError, match="and 490 more"):
        read_expectations(text.encode(), "list")


def test_a_list_has_a_limit():
    with pytest.raises(DecodeError, match=f"1 to {MOST_VEHICLES}"):
        parse_expectations([{}] * (MOST_VEHICLES + 1), "vehicles")
