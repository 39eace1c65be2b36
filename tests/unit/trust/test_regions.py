"""Regions: containment is proven or refused; points."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2xpki.errors import ConfigError
from v2xpki.trust.regions import (
    MOST_CORNERS,
    MOST_PLACES,
    check_region,
    describe,
    from_table,
    from_text,
    point_in_region,
    region_contains,
)
from v2xpki.wire import dot2

DEGREE = 10_000_000


def circle(latitude, longitude, radius):
    return from_table({"circle": [latitude, longitude, radius]})


def rectangle(*corners):
    return from_table({"rectangles": [list(corners)]})


def polygon(*corners):
    return from_table({"polygon": corners})


def countries(*numbers):
    return from_table({"countries": list(numbers)})


def in_parts(country, *regions):
    return dot2.GeographicRegion(
        kind="identifiedRegion",
        value=(
            dot2.IdentifiedRegion(
                kind="countryAndRegions",
                value=dot2.CountryAndRegions(country_only=country, regions=tuple(regions)),
            ),
        ),
    )


def in_subparts(country, **regions):
    return dot2.GeographicRegion(
        kind="identifiedRegion",
        value=(
            dot2.IdentifiedRegion(
                kind="countryAndSubregions",
                value=dot2.CountryAndSubregions(
                    country_only=country,
                    region_and_subregions=tuple(
                        dot2.RegionAndSubregions(region=int(name[1:]), subregions=tuple(parts))
                        for name, parts in regions.items()
                    ),
                ),
            ),
        ),
    )


EU, GERMANY = countries(65535), countries(276)
L_SHAPE = polygon((0, 0), (0, 2), (1, 2), (1, 1), (2, 1), (2, 0))


@pytest.mark.parametrize(
    ("outer", "inner", "inside"),
    [
        (None, GERMANY, True),
        (None, None, True),
        (GERMANY, None, False),
        (GERMANY, GERMANY, True),
        (EU, GERMANY, True),
        (EU, countries(276, 250), True),
        (EU, countries(276, 756), False),  # Switzerland is no member state
        (countries(65535, 756), countries(276, 756), True),
        (GERMANY, EU, False),
        (GERMANY, in_parts(276, 1, 2), True),
        (EU, in_parts(276, 1), True),
        (in_parts(276, 1, 2), in_parts(276, 1), True),
        (in_parts(276, 1, 2), in_parts(276, 3), False),
        (in_parts(276, 1, 2), GERMANY, False),
        (in_parts(276, 1), in_parts(250, 1), False),
        (in_parts(276, 1), in_subparts(276, r1=(5, 6)), True),
        (in_subparts(276, r1=(5, 6)), in_subparts(276, r1=(5,)), True),
        (in_subparts(276, r1=(5, 6)), in_subparts(276, r1=(7,)), False),
        (in_subparts(276, r1=(5, 6)), in_subparts(276, r2=(5,)), False),
        (in_subparts(276, r1=(5, 6)), in_parts(276, 1), False),
        (GERMANY, circle(50, 10, 100), False),  # true perhaps, but not proven without a map
        (circle(50, 10, 100), GERMANY, False),
        (circle(50, 10, 1000), circle(50, 10, 900), True),
        (circle(50, 10, 1000), circle(50, 10, 1001), False),
        (circle(50, 10, 1000), circle(50.005, 10, 900), False),
        (circle(50, 10, 1000), rectangle(50.002, 9.998, 49.998, 10.002), True),
        (circle(50, 10, 1000), rectangle(50.02, 9.998, 49.998, 10.002), False),
        (circle(50, 10, 1000), polygon((50, 10), (50.001, 10), (50, 10.001)), True),
        (rectangle(51, 9, 50, 10), rectangle(50.9, 9.1, 50.1, 9.9), True),
        (rectangle(51, 9, 50, 10), rectangle(50.9, 9.1, 49.9, 9.9), False),
        (rectangle(51, 9, 50, 10), circle(50.5, 9.5, 1000), True),
        (rectangle(51, 9, 50, 10), circle(50.999, 9.5, 1000), False),
        (rectangle(51, 9, 50, 10), polygon((50.1, 9.1), (50.9, 9.1), (50.5, 9.9)), True),
        (rectangle(51, 9, 50, 10), polygon((50.1, 9.1), (51.9, 9.1), (50.5, 9.9)), False),
        (
            from_table({"rectangles": [[51, 9, 50, 10], [51, 11, 50, 12]]}),
            rectangle(50.9, 11.1, 50.1, 11.9),
            True,
        ),
        (
            from_table({"rectangles": [[51, 9, 50, 10], [51, 10, 50, 11]]}),
            rectangle(50.9, 9.5, 50.1, 10.5),
            False,
        ),
        (L_SHAPE, polygon((0.1, 0.1), (0.1, 0.9), (0.9, 0.9), (0.9, 0.1)), True),
        (L_SHAPE, polygon((0.1, 0.1), (0.1, 1.9), (1.9, 0.1)), False),  # cuts across the notch
        (L_SHAPE, polygon((0, 0), (1, 2), (2, 1)), False),  # corner to corner, outside between
        (L_SHAPE, polygon((0, 0), (0, 1), (1, 1), (1, 0)), True),  # along the edge
        (L_SHAPE, rectangle(1.5, 0.5, 0.5, 1.5), False),
        (L_SHAPE, circle(0.5, 0.5, 20000), True),
        (L_SHAPE, circle(0.9, 0.9, 20000), False),
        (L_SHAPE, circle(1.5, 1.5, 20), False),
    ],
)
def test_containment(outer, inner, inside):
    assert region_contains(outer, inner) is inside


def test_an_inside_out_rectangle_contains_nothing_and_is_in_nothing():
    corner, other = dot2.TwoDLocation(latitude=0, longitude=0), dot2.TwoDLocation(latitude=10, longitude=10)
    wrong = dot2.GeographicRegion(
        kind="rectangularRegion", value=(dot2.RectangularRegion(north_west=corner, south_east=other),)
    )
    assert not region_contains(rectangle(1, -1, -1, 1), wrong)
    assert not region_contains(wrong, circle(0, 0, 1))
    assert not point_in_region(wrong, 5, 5)


PLACES = st.tuples(st.integers(-60 * DEGREE, 60 * DEGREE), st.integers(-170 * DEGREE, 170 * DEGREE))


@given(place=PLACES, radius=st.integers(2, 60000), share=st.floats(0, 0.9))
def test_a_circle_built_inside_is_accepted_and_a_wider_one_refused(place, radius, share):
    outer = dot2.GeographicRegion(
        kind="circularRegion",
        value=dot2.CircularRegion(
            center=dot2.TwoDLocation(latitude=place[0], longitude=place[1]), radius=radius
        ),
    )

    def of_radius(metres):
        return outer._replace(value=outer.value._replace(radius=metres))

    assert region_contains(outer, of_radius(int(radius * share)))
    assert not region_contains(outer, of_radius(radius + 1))


SMALL = st.integers(-30, 30).map(lambda n: n * DEGREE // 1000)
CORNERS = st.lists(st.tuples(SMALL, SMALL), min_size=3, max_size=5, unique=True)


def raw_polygon(corners):
    return dot2.GeographicRegion(
        kind="polygonalRegion", value=tuple(dot2.TwoDLocation(latitude=a, longitude=b) for a, b in corners)
    )


@given(outer=CORNERS, inner=CORNERS, weights=st.lists(st.integers(0, 50), min_size=5, max_size=5))
def test_a_point_of_an_inner_triangle_is_in_the_outer_polygon(outer, inner, weights):
    """Mixtures of an inner triangle's corners (in 50ths, so that they are exact) are in what contains it."""
    inner = inner[:3]
    if not region_contains(raw_polygon(outer), raw_polygon(inner)):
        return
    a, b = sorted(weights[:2])
    shares = (a, b - a, 50 - b)
    point = [sum(s * c[axis] for s, c in zip(shares, inner, strict=True)) // 50 for axis in (0, 1)]
    assert point_in_region(raw_polygon(outer), *point)


@pytest.mark.parametrize(
    ("region", "latitude", "longitude", "inside"),
    [
        (None, 0, 0, True),
        (circle(50, 10, 1000), 50, 10.01, True),
        (circle(50, 10, 1000), 50, 10.02, False),
        (rectangle(51, 9, 50, 10), 50.5, 9.5, True),
        (rectangle(51, 9, 50, 10), 49.5, 9.5, False),
        (L_SHAPE, 0.5, 1.5, True),
        (L_SHAPE, 1.5, 1.5, False),
        (L_SHAPE, 0, 1, True),  # on the edge
        (GERMANY, 48.14, 11.58, True),
        (GERMANY, 48.85, 2.35, False),
        (EU, 48.85, 2.35, True),
        (EU, 40.7, -74.0, False),
        (countries(392), 35.6, 139.7, True),  # a country of which nothing is known here
        (in_parts(276, 1), 48.85, 2.35, False),
    ],
)
def test_points(region, latitude, longitude, inside):
    assert point_in_region(region, round(latitude * DEGREE), round(longitude * DEGREE)) is inside


@pytest.mark.parametrize(
    "text",
    ["countries:276,40", "circle:48.1,11.5,500", "rectangle:51,9,50,10", "polygon:50,10,51,10,50,11"],
)
def test_what_people_write_describes_back(text):
    region = from_text(text)
    assert from_table(describe(region)) == region


def test_parts_of_countries_are_described():
    assert describe(in_parts(276, 1, 2)) == {"countries": [{"country": 276, "regions": [1, 2]}]}
    assert describe(in_subparts(276, r1=(5,))) == {"countries": [{"country": 276, "regions": {"1": [5]}}]}
    assert describe(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "square:1,2", "circle:1,2", "circle:a,b,c", "circle:1,2,70000", "rectangle:50,9,51,10",
        "polygon:1,2,3,4", "countries:70000", "",
    ],
)  # fmt: skip
def test_no_region_is_guessed(text):
    with pytest.raises(ConfigError):
        from_text(text)


@pytest.mark.parametrize("region", [EU, GERMANY, L_SHAPE, rectangle(51, 9, 50, 10), circle(50, 10, 1), None])
def test_a_region_with_a_place_is_sound(region):
    check_region(region)


def test_a_configured_region_is_small_and_has_an_area():
    ring = [(10 * math.sin(n / 10), 10 * math.cos(n / 10)) for n in range(MOST_CORNERS + 1)]
    with pytest.raises(ConfigError, match="65 parts"):
        polygon(*ring)
    with pytest.raises(ConfigError, match="no place"):
        polygon((1, 1), (2, 2), (3, 3))
    with pytest.raises(ConfigError, match="at most 256"):
        from_table({"countries": list(range(MOST_PLACES + 1))})
    polygon(*ring[:-1])
