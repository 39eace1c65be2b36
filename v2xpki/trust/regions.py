"""Geographic regions of certificates (IEEE 1609.2 6.4.17): containment, and points in them.

`region_contains` is conservative: where containment cannot be proven (a circle in a country, say:
there is no map here) the answer is no. Coordinates are tenths of microdegrees, radii metres.
Polygons' edges are straight in latitude and longitude.
"""

import math
from collections.abc import Mapping
from typing import Any

from v2xpki.errors import ConfigError, PermissionDenied
from v2xpki.wire import dot2

Region = dot2.GeographicRegion | None  # None: everywhere
Point = tuple[int, int]  # latitude, longitude

EU27 = 65535  # a country id for the 27 member states (EU certificate policy)
EU_COUNTRIES = frozenset(
    (
        40,
        56,
        100,
        191,
        196,
        203,
        208,
        233,
        246,
        250,
        276,
        300,
        348,
        372,
        380,
        428,
        440,
        442,
        470,
        528,
        616,
        620,
        642,
        703,
        705,
        724,
        752,
    )
)

# IEEE 1609.2 6.4.17 asks receivers for eight parts; containment costs the product of both numbers.
MOST_CORNERS = 64  # of a polygon; of rectangles together
MOST_PLACES = 256  # countries, regions and subregions together
_HIGHEST, _FURTHEST = 900_000_000, 1_800_000_000  # one more is "unknown"

_EARTH = 6371008.8  # mean radius; the ellipsoid differs by at most 0.56 %, hence the margin
_MARGIN = 1.006
_DEGREE = 10_000_000

# Bounding boxes in degrees (south, west, north, east), generous by some kilometres, islands included;
# a second box for far ones. They can refute a claimed country, never prove it.
_BOXES: dict[int, tuple[tuple[float, float, float, float], ...]] = {
    40: ((46.3, 9.4, 49.1, 17.3),),
    56: ((49.4, 2.3, 51.7, 6.5),),
    100: ((41.1, 22.2, 44.3, 28.8),),
    191: ((42.2, 13.2, 46.7, 19.6),),
    196: ((34.4, 32.1, 35.9, 34.8),),
    203: ((48.4, 12.0, 51.2, 19.0),),
    208: ((54.4, 7.8, 58.0, 15.4),),
    233: ((57.4, 21.5, 59.9, 28.4),),
    246: ((59.2, 18.8, 70.3, 31.8),),
    250: ((41.1, -5.6, 51.3, 9.8),),
    276: ((47.1, 5.6, 55.3, 15.3),),
    300: ((34.5, 19.1, 41.9, 29.9),),
    348: ((45.6, 15.9, 48.7, 23.1),),
    372: ((51.2, -11.2, 55.7, -5.7),),
    380: ((35.2, 6.4, 47.3, 18.8),),
    428: ((55.5, 20.7, 58.3, 28.4),),
    440: ((53.7, 20.7, 56.6, 27.0),),
    442: ((49.3, 5.5, 50.4, 6.7),),
    470: ((35.6, 13.9, 36.3, 14.8),),
    528: ((50.6, 3.1, 53.8, 7.4),),
    616: ((48.8, 13.9, 55.1, 24.3),),
    620: ((36.7, -9.7, 42.3, -6.0), (29.9, -31.5, 40.0, -16.0)),
    642: ((43.4, 20.1, 48.4, 30.0),),
    703: ((47.6, 16.7, 49.8, 22.7),),
    705: ((45.3, 13.2, 47.0, 16.8),),
    724: ((34.9, -9.6, 44.0, 4.7), (27.4, -18.4, 29.6, -13.2)),
    752: ((55.1, 10.5, 69.3, 24.4),),
    578: ((57.7, 4.2, 71.4, 31.4),),
    756: ((45.7, 5.8, 48.0, 10.6),),
    826: ((49.7, -8.9, 61.1, 2.1),),
}


def check_region(region: Region) -> None:
    """Raises PermissionDenied for a region that is none (empty, without area, without a known place, corners
    swapped), which readers would take for nothing or for everywhere, and for one of too many parts."""
    if region is None:
        return
    parts = _parts(region)
    most = MOST_PLACES if region.kind == "identifiedRegion" else MOST_CORNERS
    if parts > most:
        raise PermissionDenied(f"a region of {parts} parts; at most {most}", rule="region")
    if not parts or not _has_area(region):
        raise PermissionDenied("a region that holds no place", rule="region")


def _parts(region: dot2.GeographicRegion) -> int:
    """How many shapes, corners or places a region has; 0 where one of its lists is empty."""
    if not isinstance(region.value, tuple) or isinstance(region.value, dot2.CircularRegion):
        return 1
    count = 0
    for entry in region.value:
        value = entry.value if isinstance(entry, dot2.IdentifiedRegion) else None
        if isinstance(value, dot2.CountryAndRegions):
            inner = [len(value.regions)]
        elif isinstance(value, dot2.CountryAndSubregions):
            inner = [len(part.subregions) for part in value.region_and_subregions]
        else:
            inner = [1]
        if not inner or 0 in inner:
            return 0
        count += sum(inner)
    return count


def _has_area(region: dot2.GeographicRegion) -> bool:
    value = region.value
    if isinstance(value, dot2.CircularRegion):
        return value.radius > 0 and _is_known(_point(value.center))
    if region.kind == "rectangularRegion":
        return bool(_rectangles(region)) and all(
            _is_known(point) for part in _rectangles(region) for point in _vertices(part)
        )
    if region.kind == "polygonalRegion":
        corners = _polygon(region)
        doubled = sum(a[0] * b[1] - a[1] * b[0] for a, b in _edges(corners))
        return doubled != 0 and all(map(_is_known, corners))
    return True


def _is_known(point: Point) -> bool:
    return abs(point[0]) <= _HIGHEST and abs(point[1]) <= _FURTHEST


def region_contains(outer: Region, inner: Region) -> bool:
    """Whether `inner` is proven to lie inside `outer`; None is everywhere."""
    if outer is None or outer == inner:
        return True
    if inner is None:
        return False
    if outer.kind == "identifiedRegion" or inner.kind == "identifiedRegion":
        return outer.kind == inner.kind and _identified_contains(outer, inner)
    parts = _rectangles(inner) if inner.kind == "rectangularRegion" else [inner]
    return bool(parts) and all(_shape_contains(outer, part) for part in parts)


def point_in_region(region: Region, latitude: int, longitude: int) -> bool:
    """Whether a point (tenths of microdegrees) is in the region.

    For identified regions only what is outside a bounding box of the country is known to be outside;
    for a country without one here the answer is yes.
    """
    if region is None:
        return True
    point, value = (latitude, longitude), region.value
    if isinstance(value, dot2.CircularRegion):
        return _distance(_point(value.center), point) <= value.radius
    assert isinstance(value, tuple)
    if region.kind == "rectangularRegion":
        return any(_in_rectangle(_corners(r), point) for r in _rectangles(region))
    if region.kind == "polygonalRegion":
        return _in_polygon(_polygon(region), point)
    return any(
        _may_be_in(_country(entry), point) for entry in value if isinstance(entry, dot2.IdentifiedRegion)
    )


# --- identified regions --------------------------------------------------------------------

_Area = dict[int, dict[int, frozenset[int] | None] | None]  # country -> region -> subregions; None: all of it


def _area(region: dot2.GeographicRegion) -> _Area:
    area: _Area = {}
    assert isinstance(region.value, tuple)
    for entry in region.value:
        assert isinstance(entry, dot2.IdentifiedRegion)
        value = entry.value
        if isinstance(value, dot2.CountryAndRegions):
            within = area.setdefault(value.country_only, {})
            if within is not None:
                within.update(dict.fromkeys(value.regions))
        elif isinstance(value, dot2.CountryAndSubregions):
            within = area.setdefault(value.country_only, {})
            for part in value.region_and_subregions if within is not None else ():
                assert within is not None
                known = within.get(part.region, frozenset())
                within[part.region] = None if known is None else known | frozenset(part.subregions)
        else:
            assert isinstance(value, int)
            area[value] = None
    return area


def _identified_contains(outer: dot2.GeographicRegion, inner: dot2.GeographicRegion) -> bool:
    allowed = _area(outer)
    if allowed.get(EU27, {}) is None:
        allowed |= dict.fromkeys(EU_COUNTRIES)
    elif all(country in allowed and allowed[country] is None for country in EU_COUNTRIES):
        allowed[EU27] = None
    wanted = _area(inner)
    if not wanted:
        return False
    for country, regions in wanted.items():
        if country not in allowed:
            return False
        within = allowed[country]
        if within is None:
            continue
        if regions is None:
            return False
        for region, subregions in regions.items():
            if region not in within:
                return False
            known = within[region]
            if known is not None and (subregions is None or not subregions <= known):
                return False
    return True


def _country(entry: dot2.IdentifiedRegion) -> int:
    value = entry.value
    return value if isinstance(value, int) else value.country_only


def _may_be_in(country: int, point: Point) -> bool:
    if country == EU27:
        return any(_may_be_in(member, point) for member in EU_COUNTRIES)
    boxes = _BOXES.get(country)
    latitude, longitude = point[0] / _DEGREE, point[1] / _DEGREE
    return boxes is None or any(s <= latitude <= n and w <= longitude <= e for s, w, n, e in boxes)


# --- shapes --------------------------------------------------------------------------------

_Box = tuple[int, int, int, int]  # south, west, north, east


def _point(location: dot2.TwoDLocation) -> Point:
    return location.latitude, location.longitude


def _rectangles(region: dot2.GeographicRegion) -> list[dot2.GeographicRegion]:
    """Each rectangle as a region of its own; [] where one is inside out (its corners swapped)."""
    assert isinstance(region.value, tuple)
    single = [
        dot2.GeographicRegion(kind="rectangularRegion", value=(entry,))
        for entry in region.value
        if isinstance(entry, dot2.RectangularRegion)
    ]
    return single if all(s < n and w < e for s, w, n, e in map(_corners, single)) else []


def _corners(region: dot2.GeographicRegion) -> _Box:
    assert isinstance(region.value, tuple)
    entry = region.value[0]
    assert isinstance(entry, dot2.RectangularRegion)
    (north, west), (south, east) = _point(entry.north_west), _point(entry.south_east)
    return south, west, north, east


def _polygon(region: dot2.GeographicRegion) -> list[Point]:
    assert isinstance(region.value, tuple)
    return [_point(location) for location in region.value if isinstance(location, dot2.TwoDLocation)]


def _vertices(region: dot2.GeographicRegion) -> list[Point]:
    if region.kind == "polygonalRegion":
        return _polygon(region)
    south, west, north, east = _corners(region)
    return [(north, west), (north, east), (south, east), (south, west)]


def _shape_contains(outer: dot2.GeographicRegion, inner: dot2.GeographicRegion) -> bool:
    """Circle, single rectangle or polygon in a circle, rectangles or a polygon."""
    circle = inner.value if isinstance(inner.value, dot2.CircularRegion) else None
    if isinstance(outer.value, dot2.CircularRegion):
        limit, centre = outer.value.radius, _point(outer.value.center)
        if circle is not None:
            return _distance(centre, _point(circle.center)) * _MARGIN + circle.radius <= limit
        return all(_distance(centre, vertex) * _MARGIN <= limit for vertex in _vertices(inner))
    if outer.kind == "rectangularRegion":
        boxes = [_corners(rectangle) for rectangle in _rectangles(outer)]
        if circle is not None:
            around = _box_around(circle)
            return any(_box_in_box(box, around) for box in boxes)
        return any(all(_in_rectangle(box, vertex) for vertex in _vertices(inner)) for box in boxes)
    edge = _polygon(outer)
    if circle is not None:
        centre = _point(circle.center)
        return _in_polygon(edge, centre) and all(
            _distance_to_segment(centre, a, b) > circle.radius * _MARGIN for a, b in _edges(edge)
        )
    vertices = _vertices(inner)
    doubled = [(2 * latitude, 2 * longitude) for latitude, longitude in edge]
    return (
        all(_in_polygon(edge, vertex) for vertex in vertices)
        and not any(_cross(a, b, c, d) for a, b in _edges(edge) for c, d in _edges(vertices))
        # between two points of the boundary an edge may run outside without crossing anything
        and all(_in_polygon(doubled, (c[0] + d[0], c[1] + d[1])) for c, d in _edges(vertices))
    )


def _distance(a: Point, b: Point) -> float:
    """Metres along the great circle (haversine)."""
    p, q = math.radians(a[0] / _DEGREE), math.radians(b[0] / _DEGREE)
    h = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * (
        math.sin(math.radians((b[1] - a[1]) / _DEGREE) / 2) ** 2
    )
    return 2 * _EARTH * math.asin(min(1.0, math.sqrt(h)))


def _box_around(circle: dot2.CircularRegion) -> _Box:
    """A box that surely holds the circle; near a pole all longitudes."""
    latitude, longitude = _point(circle.center)
    high = math.degrees(circle.radius * _MARGIN / _EARTH) * _DEGREE
    furthest = math.radians(min(90.0, (abs(latitude) + high) / _DEGREE))
    wide = high / max(math.cos(furthest), 1e-9)
    return (
        math.floor(latitude - high),
        math.floor(longitude - wide),
        math.ceil(latitude + high),
        math.ceil(longitude + wide),
    )


def _box_in_box(outer: _Box, inner: _Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def _in_rectangle(box: _Box, point: Point) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _edges(polygon: list[Point]) -> list[tuple[Point, Point]]:
    return list(zip(polygon, polygon[1:] + polygon[:1], strict=True))


def _turn(a: Point, b: Point, c: Point) -> int:
    """Sign of the turn a -> b -> c; exact, in integers."""
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (area > 0) - (area < 0)


def _on_segment(a: Point, b: Point, point: Point) -> bool:
    return (
        _turn(a, b, point) == 0
        and min(a[0], b[0]) <= point[0] <= max(a[0], b[0])
        and min(a[1], b[1]) <= point[1] <= max(a[1], b[1])
    )


def _in_polygon(polygon: list[Point], point: Point) -> bool:
    """Even-odd rule; the edge belongs to the region."""
    inside = False
    for a, b in _edges(polygon):
        if _on_segment(a, b, point):
            return True
        if (a[0] > point[0]) != (b[0] > point[0]):
            # which side of the edge the point is on, without division
            left = (b[1] - a[1]) * (point[0] - a[0]) - (point[1] - a[1]) * (b[0] - a[0])
            inside ^= (left > 0) == (b[0] > a[0])
    return inside


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether two edges meet otherwise than by lying on one another or by an inner vertex on the outer edge.

    An outer vertex strictly inside an inner edge counts too: the inner edge may leave there.
    """
    if _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0:
        return True
    return any(_on_segment(c, d, p) and p not in (c, d) for p in (a, b))


def _distance_to_segment(point: Point, a: Point, b: Point) -> float:
    """Metres, in a plane with the point as its origin, scaled for the smaller of the latitudes' widths."""
    narrow = math.cos(math.radians(min(90.0, max(abs(p[0]) for p in (point, a, b)) / _DEGREE)))
    scale = math.radians(1 / _DEGREE) * _EARTH
    ay, ax = (a[0] - point[0]) * scale, (a[1] - point[1]) * scale * narrow
    by, bx = (b[0] - point[0]) * scale, (b[1] - point[1]) * scale * narrow
    length = (bx - ax) ** 2 + (by - ay) ** 2
    along = 0.0 if length == 0 else max(0.0, min(1.0, -(ax * (bx - ax) + ay * (by - ay)) / length))
    return math.hypot(ax + along * (bx - ax), ay + along * (by - ay))


# --- regions that people write -------------------------------------------------------------


def from_table(table: object) -> dot2.GeographicRegion:
    """A region of a TOML or JSON table; degrees, metres. Raises ConfigError.

    {countries = [276, 40]}, {circle = [48.1, 11.5, 500]}, {rectangles = [[north, west, south, east]]},
    {polygon = [[48.1, 11.5], ...]}.
    """
    if not isinstance(table, Mapping) or len(table) != 1:
        raise ConfigError(f"region {table!r}: expected one of countries, circle, rectangles, polygon")
    ((kind, value),) = table.items()
    try:
        region = _from_numbers(str(kind), value)
        check_region(region)
        return region
    except (TypeError, ValueError, PermissionDenied) as error:
        raise ConfigError(f"region {table!r}: {error}", hint="for instance {countries = [276]}") from error


def from_text(text: str) -> dot2.GeographicRegion:
    """A region of a command line: `countries:276,40`, `circle:48.1,11.5,500`, `rectangle:N,W,S,E`,
    `polygon:48.1,11.5,...`. Raises ConfigError."""
    kind, _, rest = text.partition(":")
    try:
        numbers = [float(part) for part in rest.split(",")]
    except ValueError as error:
        raise ConfigError(f"region {text!r}: {error}") from error
    if kind == "countries":
        return from_table({kind: [int(n) for n in numbers]})
    if kind == "polygon":
        return from_table({kind: list(zip(numbers[::2], numbers[1::2], strict=False))})
    return from_table({"rectangles": [numbers]} if kind == "rectangle" else {kind: numbers})


def _from_numbers(kind: str, value: Any) -> dot2.GeographicRegion:
    if kind == "countries":
        if not value or not all(isinstance(n, int) and 0 <= n <= 65535 for n in value):
            raise ValueError("countries are numbers of ISO 3166-1 or 65535")
        return dot2.GeographicRegion(
            kind="identifiedRegion",
            value=tuple(dot2.IdentifiedRegion(kind="countryOnly", value=n) for n in value),
        )
    if kind == "circle":
        latitude, longitude, radius = value
        if not 0 < radius <= 65535:
            raise ValueError("the radius is 1 to 65535 m")
        return dot2.GeographicRegion(
            kind="circularRegion",
            value=dot2.CircularRegion(center=_location(latitude, longitude), radius=int(radius)),
        )
    if kind == "rectangles":
        boxes = []
        for north, west, south, east in value:
            if not (south < north and west < east):
                raise ValueError("a rectangle is north, west, south, east")
            boxes.append(
                dot2.RectangularRegion(north_west=_location(north, west), south_east=_location(south, east))
            )
        if not boxes:
            raise ValueError("no rectangle")
        return dot2.GeographicRegion(kind="rectangularRegion", value=tuple(boxes))
    if kind == "polygon":
        corners = tuple(_location(latitude, longitude) for latitude, longitude in value)
        if len(corners) < 3:
            raise ValueError("a polygon has at least three corners")
        return dot2.GeographicRegion(kind="polygonalRegion", value=corners)
    raise ValueError("one of countries, circle, rectangles, polygon")


def _location(latitude: float, longitude: float) -> dot2.TwoDLocation:
    if not (-90 <= latitude <= 90 and -180 < longitude <= 180):
        raise ValueError(f"{latitude}, {longitude} is no place on earth")
    return dot2.TwoDLocation(latitude=round(latitude * _DEGREE), longitude=round(longitude * _DEGREE))


def describe(region: Region) -> dict[str, object] | None:
    """A region as `from_table` reads it, with countryAndRegions and the like spelled out."""
    if region is None:
        return None
    value = region.value
    if isinstance(value, dot2.CircularRegion):
        return {"circle": [*_degrees(value.center), value.radius]}
    assert isinstance(value, tuple)
    if region.kind == "rectangularRegion":
        return {
            "rectangles": [
                [*_degrees(r.north_west), *_degrees(r.south_east)]
                for r in value
                if isinstance(r, dot2.RectangularRegion)
            ]
        }
    if region.kind == "polygonalRegion":
        return {"polygon": [_degrees(p) for p in value if isinstance(p, dot2.TwoDLocation)]}
    entries: list[object] = []
    for entry in value:
        assert isinstance(entry, dot2.IdentifiedRegion)
        if isinstance(entry.value, dot2.CountryAndRegions):
            entries.append({"country": entry.value.country_only, "regions": list(entry.value.regions)})
        elif isinstance(entry.value, dot2.CountryAndSubregions):
            entries.append(
                {
                    "country": entry.value.country_only,
                    "regions": {
                        str(part.region): list(part.subregions) for part in entry.value.region_and_subregions
                    },
                }
            )
        else:
            entries.append(entry.value)
    return {"countries": entries}


def _degrees(location: dot2.TwoDLocation) -> list[float]:
    return [location.latitude / _DEGREE, location.longitude / _DEGREE]
