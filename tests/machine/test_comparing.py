"""What differs between two definitions, in sentences and in one chart."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from statewright.diagram import svg_now
from statewright.machine.comparing import Comparison, Difference, differences
from statewright.machine.definition import Definition
from statewright.machine.merging import merged_chart
from statewright.machine.reading import read_definition

LAMP: dict[str, Any] = {
    "id": "lamp",
    "initial": "off",
    "roles": {"owner": {}},
    "guards": {"late": {"when": {"@expr": "context.hour > 20"}}},
    "schemas": {
        "context": {"type": "object", "properties": {"hour": {"type": "integer", "default": 0}}},
        "events": {"ON": {"properties": {"by": {"type": "string"}}}},
    },
    "states": {
        "off": {"on": {"ON": [{"target": "on", "guard": "late"}, "dim"]}},
        "dim": {"on": {"ON": "on"}},
        "on": {"on": {"OFF": {"target": "off", "allow": ["owner"]}}},
    },
}


def read(document: dict[str, Any]) -> Definition:
    definition = read_definition(json.dumps(document).encode()).definition
    assert definition is not None
    return definition


def changed(**at: Any) -> list[Difference]:
    """The differences after writing values at paths, given as `states__off__label`; None removes."""
    later = deepcopy(LAMP)
    for path, value in at.items():
        *way, last = path.split("__")
        place = later
        for step in way:
            place = place.setdefault(step, {})
        if value is None:
            del place[last]
        else:
            place[last] = value
    return differences(read(LAMP), read(later))


def told(found: list[Difference]) -> list[tuple[str, str, str]]:
    return [(each.change, each.what, each.pointer) for each in found]


def test_a_definition_differs_in_nothing_from_itself() -> None:
    assert differences(read(LAMP), read(deepcopy(LAMP))) == []


def test_another_way_to_write_the_same_target_is_no_difference() -> None:
    assert changed(states__dim__on={"ON": {"target": "#lamp.on"}}) == []
    assert changed(states__dim__on={"ON": ["on"]}) == []


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ({"states__broken": {}}, ("added", "state", "/states/broken")),
        ({"states__off__type": "compound", "states__off__states": {"a": {}}}, ("changed", "state", "/states/off/type")),
        ({"states__off__label": "Dark"}, ("changed", "words", "/states/off/label")),
        ({"states__on__on__OFF": {"target": "off"}}, ("changed", "transition", "/states/on/on/OFF")),
        ({"states__on__on__OFF": None}, ("removed", "transition", "/states/on/on/OFF")),
        ({"states__on__after": {"PT1H": "off"}}, ("added", "transition", "/states/on/after/PT1H")),
        ({"guards__late": {"when": {"@expr": "context.hour > 22"}}}, ("changed", "guard", "/guards/late")),
        ({"roles__guest": {}}, ("added", "role", "/roles/guest")),
        (
            {"schemas__context__properties__watt": {"type": "integer"}},
            ("added", "data", "/schemas/context/properties/watt"),
        ),
        ({"schemas__context__required": ["hour"]}, ("changed", "data", "/schemas/context/required")),
        ({"schemas__events__ON": None}, ("removed", "event", "/schemas/events/ON")),
        ({"creation": "implicit"}, ("changed", "definition", "/creation")),
        ({"initial": "on"}, ("changed", "definition", "/initial")),
        ({"migrations": [{"from": [1], "states": {"dim": "on"}}]}, ("added", "migration", "/migrations")),
    ],
)
def test_each_thing_that_differs_is_told_with_its_place(at: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert expected in told(changed(**at))


def test_a_branch_that_leads_elsewhere_says_where_and_where_it_led() -> None:
    [found] = changed(states__dim__on={"ON": "off"})

    assert found.sentence == "ON in dim: it leads to off instead of to on"


def test_a_branch_is_the_same_one_when_another_was_put_before_it() -> None:
    found = changed(states__dim__on={"ON": [{"target": "off", "guard": "late"}, "on"]})

    assert told(found) == [("added", "transition", "/states/dim/on/ON/0")]


def test_branches_that_are_asked_in_another_order_differ() -> None:
    two = [{"target": "on", "guard": "late"}, {"target": "off", "guard": {"@expr": "context.hour > 3"}}]
    earlier = deepcopy(LAMP)
    earlier["states"]["dim"]["on"]["ON"] = two
    later = deepcopy(LAMP)
    later["states"]["dim"]["on"]["ON"] = two[::-1]

    found = differences(read(earlier), read(later))

    assert [each.change for each in found] == ["changed", "changed"]
    assert "it is asked as number 1 instead of 2" in found[0].sentence


def test_a_number_and_a_truth_are_not_the_same() -> None:
    assert changed(schemas__context__properties__hour={"type": "integer", "default": False}) != []


def test_both_definitions_are_one_chart_that_says_what_became_of_each_thing() -> None:
    later = deepcopy(LAMP)
    del later["states"]["dim"]
    later["states"]["bright"] = {"on": {"OFF": "off"}}
    later["states"]["off"]["on"]["ON"][1] = "bright"

    chart = merged_chart(Comparison(read(LAMP), read(later)))

    assert {path: box.change for path, box in chart.boxes.items()} == {
        "off": None,
        "on": None,
        "bright": "added",
        "dim": "removed",
    }
    ways = {(arrow.source, arrow.trigger, arrow.targets): arrow.change for arrow in chart.arrows}
    assert ways["off", "ON", ("on",)] is None
    assert ways["off", "ON", ("bright",)] == "added"
    assert ways["off", "ON", ("dim",)] == "removed"
    assert ways["dim", "ON", ("on",)] == "removed"


def test_every_arrow_of_a_merged_chart_has_an_id_of_its_own() -> None:
    later = deepcopy(LAMP)
    later["states"]["off"]["on"]["ON"] = ["dim"]
    chart = merged_chart(Comparison(read(LAMP), read(later)))

    keys = [(arrow.source, arrow.kind, arrow.trigger, arrow.index) for arrow in chart.arrows]

    assert len(keys) == len(set(keys))


def test_a_condition_that_was_changed_marks_the_branches_that_ask_it() -> None:
    later = deepcopy(LAMP)
    later["guards"]["late"] = {"when": {"@expr": "context.hour > 22"}}

    chart = merged_chart(Comparison(read(LAMP), read(later)))

    assert [arrow.targets for arrow in chart.arrows if arrow.change == "changed"] == [("on",)]


def test_the_picture_tells_the_three_apart_by_class_sign_and_word() -> None:
    later = deepcopy(LAMP)
    del later["states"]["dim"]
    later["states"]["off"]["on"]["ON"] = [{"target": "on", "guard": "late"}]
    later["states"]["bright"] = {}
    later["states"]["on"]["label"] = "Shining"

    svg = svg_now(merged_chart(Comparison(read(LAMP), read(later))), links="#")

    for change, name in (("added", "Bright"), ("removed", "Dim"), ("changed", "Shining")):
        assert f'aria-label="{name}, atomic state, {change}"' in svg
    assert svg.count('class="sm-glyph"') == 3
    assert "sm-sign-removed" in svg


def test_a_state_that_was_split_is_drawn_around_what_is_new_and_what_is_gone() -> None:
    earlier = {**LAMP, "states": {**LAMP["states"], "on": {"initial": "a", "states": {"a": {}}}}}

    chart = merged_chart(Comparison(read(LAMP), read(earlier)))
    turned = merged_chart(Comparison(read(earlier), read(LAMP)))

    assert chart.boxes["on.a"].change == "added"
    assert turned.boxes["on.a"].change == "removed"
    assert turned.boxes["on"].children == ("on.a",)
    assert svg_now(turned).startswith("<svg")
