"""What the resolver promises, whatever is offered."""

from hypothesis import given, settings
from hypothesis import strategies as st

from v2xpki.ota.resolving import Holding, Target, resolve
from v2xpki.trust.ota.fields import ImageFields, Relation, may_follow

KINDS, NAMES = ("a", "b"), ("x", "y", "z")


def target(kind, name, counter, *, requires=(), conflicts=(), rollback_from=None):
    path = f"{kind}/{name}/{counter}/image"
    fields = ImageFields(
        name, str(counter), kind, counter, "0" * 64, (), tuple(requires), tuple(conflicts), rollback_from
    )
    return Target(path, 1, path, {"sha256": path}, fields)


def having(ecu, image, kind=None):
    return Holding(
        ecu, kind or image.fields.hardware_id, image.path, image.sha256, image.fields.release_counter
    )


def directed(holdings, offers, known=()):
    every = {one.path: one for one in [*known, *(t for listed in offers.values() for t in listed)]}
    found = resolve(holdings, offers, every)
    return {ecu: one.path for ecu, one in found.directed.items()}, found.withheld


_relation = st.builds(
    lambda name, least, more: Relation(name, least, None if more is None else least + more),
    st.sampled_from(NAMES),
    st.integers(0, 4),
    st.none() | st.integers(0, 3),
)


@st.composite
def _target(draw):
    counter = draw(st.integers(0, 5))
    return target(
        draw(st.sampled_from(KINDS)),
        draw(st.sampled_from(NAMES)),
        counter,
        requires=draw(st.lists(_relation, max_size=2)),
        conflicts=draw(st.lists(_relation, max_size=2)),
        rollback_from=draw(st.none() | st.integers(counter + 1, 6)),
    )


@st.composite
def fleets(draw):
    every = list({one.path: one for one in draw(st.lists(_target(), max_size=8))}.values())
    holdings, offers = [], {}
    for number in range(draw(st.integers(1, 4))):
        kind, ecu = draw(st.sampled_from(KINDS)), f"e{number}"
        own = [one for one in every if one.fields.hardware_id == kind]
        installed = draw(st.sampled_from([None, "factory", *own]))
        if installed is None:
            holdings.append(Holding(ecu, kind))
        elif installed == "factory":
            holdings.append(Holding(ecu, kind, f"{kind}/x/0/f", "f", draw(st.integers(0, 6))))
        else:
            holdings.append(having(ecu, installed))
        offers[ecu] = draw(st.lists(st.sampled_from(every), max_size=5)) if every else []
    return holdings, offers, {one.path: one for one in every}


def after(holdings, found, known):
    """Name, counter, requirements, conflicts of what each ECU would have."""
    state = {}
    for one in holdings:
        image = found.directed.get(one.ecu) or (known.get(one.path) if one.path else None)
        if image is not None and (one.ecu in found.directed or one.has(image)):
            fields = image.fields
            state[one.ecu] = (fields.name, fields.release_counter, fields.requires, fields.conflicts)
        elif one.path is not None:
            state[one.ecu] = (one.path.split("/")[1], one.release_counter, (), ())
    return state


def holds(state, ecu):
    """Whether the rules of an ECU's image hold."""
    _, _, requires, conflicts = state[ecu]
    others = [release for other, release in state.items() if other != ecu]
    return all(any(r.holds(n, c) for n, c, _, _ in state.values()) for r in requires) and not any(
        r.holds(n, c) for r in conflicts for n, c, _, _ in others
    )


@settings(max_examples=50)
@given(fleets())
def test_a_counter_never_sinks_unless_the_release_says_so(fleet):
    holdings, offers, known = fleet
    found = resolve(holdings, offers, known)
    by_id = {one.ecu: one for one in holdings}
    for ecu, image in found.directed.items():
        installed = by_id[ecu].release_counter
        assert installed is not None  # nothing is directed to who has not reported
        assert may_follow(image.fields.release_counter, image.fields.rollback_from, installed)


@settings(max_examples=50)
@given(fleets())
def test_each_ecu_gets_at_most_one_image_of_its_hardware_and_offered_to_it(fleet):
    holdings, offers, known = fleet
    found = resolve(holdings, offers, known)
    by_id = {one.ecu: one for one in holdings}
    for ecu, image in found.directed.items():
        assert image in offers[ecu]
        assert image.fields.hardware_id == by_id[ecu].hardware_id
        assert not by_id[ecu].has(image)


@settings(max_examples=50)
@given(fleets())
def test_what_every_directed_image_requires_is_there_and_no_conflict_is(fleet):
    holdings, offers, known = fleet
    found = resolve(holdings, offers, known)
    state = after(holdings, found, known)
    assert all(holds(state, ecu) for ecu in found.directed)


@settings(max_examples=50)
@given(fleets())
def test_what_stays_is_never_broken_by_what_comes(fleet):
    holdings, offers, known = fleet
    nothing = resolve(holdings, {}, known)
    found = resolve(holdings, offers, known)
    before, state = after(holdings, nothing, known), after(holdings, found, known)
    for ecu in state.keys() - found.directed.keys():
        assert holds(state, ecu) or not holds(before, ecu)


@settings(max_examples=50)
@given(fleets())
def test_after_all_is_installed_nothing_is_directed_again(fleet):
    holdings, offers, known = fleet
    found = resolve(holdings, offers, known)
    moved = [
        having(one.ecu, found.directed[one.ecu]) if one.ecu in found.directed else one for one in holdings
    ]
    again = resolve(moved, offers, known)
    assert not [ecu for ecu, image in found.directed.items() if again.directed.get(ecu) == image]


@settings(max_examples=50)
@given(fleets())
def test_the_order_of_offers_and_ecus_decides_nothing(fleet):
    holdings, offers, known = fleet
    turned = {ecu: listed[::-1] for ecu, listed in reversed(offers.items())}
    assert resolve(holdings[::-1], turned, known) == resolve(holdings, offers, known)


def test_the_newest_release_wins():
    old, new = target("a", "x", 1), target("a", "x", 2)
    assert directed([having("e", target("a", "x", 0))], {"e": [old, new]})[0] == {"e": new.path}


def test_a_release_waits_for_what_it_requires():
    needs = target("a", "x", 2, requires=[Relation("y", 2)])
    base = [having("e", target("a", "x", 1)), having("f", target("b", "y", 1))]
    found, why = directed(base, {"e": [needs]})
    assert found == {}
    assert why == {"e": "a/x/2/image requires y from 2"}
    two = target("b", "y", 2)
    assert directed(base, {"e": [needs], "f": [two]})[0] == {"e": needs.path, "f": two.path}


def test_an_older_release_is_directed_where_the_newest_cannot_be():
    newest, next_best = target("a", "x", 3, requires=[Relation("y", 9)]), target("a", "x", 2)
    assert directed([having("e", target("a", "x", 1))], {"e": [newest, next_best]})[0] == {
        "e": next_best.path
    }


def test_of_two_that_conflict_one_is_directed():
    one, other = target("a", "x", 2, conflicts=[Relation("y", 2)]), target("b", "y", 2)
    base = [having("e", target("a", "x", 1)), having("f", target("b", "y", 1))]
    assert directed(base, {"e": [one], "f": [other]})[0] == {"f": other.path}


def test_an_installed_image_that_conflicts_keeps_the_other_out():
    strict, coming = target("a", "x", 1, conflicts=[Relation("y", 2)]), target("b", "y", 2)
    found, why = directed([having("e", strict), having("f", target("b", "y", 1))], {"f": [coming]}, [strict])
    assert found == {}
    assert why == {"f": "e has what conflicts with y from 2"}


def test_what_an_installed_image_requires_is_not_taken_from_it():
    needs = target("a", "x", 1, requires=[Relation("y", 2)])
    back = target("b", "y", 1, rollback_from=3)
    found, _ = directed([having("e", needs), having("f", target("b", "y", 2))], {"f": [back]}, [needs])
    assert found == {}


def test_a_rollback_needs_the_release_to_allow_the_installed_counter():
    base = [having("e", target("a", "x", 3))]
    assert directed(base, {"e": [target("a", "x", 1)]})[0] == {}
    assert directed(base, {"e": [target("a", "x", 1, rollback_from=2)]})[0] == {}
    assert directed(base, {"e": [target("a", "x", 1, rollback_from=3)]})[0] == {"e": "a/x/1/image"}


def test_an_ecu_that_has_not_reported_is_directed_to_nothing():
    assert directed([Holding("e", "a")], {"e": [target("a", "x", 1)]})[0] == {}
