"""Ids that stay, and recorded moves found among the branches."""

from __future__ import annotations

import re

from statewright.diagram.marks import Walk, state_id, taken, transition_key
from statewright.machine.chart import chart_of
from tests.diagram.drawn import HOSTILE, NESTED, ORDER, definition


def test_ids_come_from_paths_and_events():
    assert state_id("work.left.a") == "s-work.left.a"
    assert [transition_key(arrow) for arrow in chart_of(ORDER).arrows][:4] == [
        "*--CANCEL-0",
        "draft--SUBMIT-0",
        "draft--SUBMIT-1",
        "draft--EDIT-0",
    ]


def test_ids_hold_no_white_space_and_no_two_are_alike():
    for of in (ORDER, NESTED, HOSTILE):
        chart = chart_of(of)
        ids = [state_id(path) for path in chart.boxes] + [f"t-{transition_key(arrow)}" for arrow in chart.arrows]

        assert len(set(ids)) == len(ids)
        assert not any(re.search(r"\s", found) for found in ids)


def test_hyphens_in_names_do_not_blur_where_the_state_ends():
    chart = chart_of(definition(states={"a--b": {"on": {"c": "x"}}, "a": {"on": {"b--c": "x"}}, "x": {}}))

    one, other = (transition_key(arrow) for arrow in chart.arrows)

    assert one != other


def test_a_move_is_found_at_its_branch():
    times = taken(chart_of(ORDER), [Walk(("draft",), "SUBMIT", ("review",), 3), Walk(("paid",), "SHIP", ("shipped",))])

    assert times == {"draft--SUBMIT-1": 3, "paid--SHIP-0": 1}


def test_a_move_by_a_transition_of_the_definition_itself_is_found_there():
    assert taken(chart_of(ORDER), [Walk(("paid",), "CANCEL", ("cancelled",))]) == {"*--CANCEL-0": 1}


def test_a_timer_that_fired_is_found_by_its_duration():
    assert taken(chart_of(ORDER), [Walk(("paid",), "after.P14D.paid", ("cancelled",))]) == {"paid--after.P14D-0": 1}


def test_the_exact_name_goes_before_the_wildcard():
    chart = chart_of(definition(states={"a": {"on": {"*": "b", "x.*": "b", "x.y": "b"}}, "b": {}}))

    assert taken(chart, [Walk(("a",), "x.y", ("b",)), Walk(("a",), "x.z", ("b",)), Walk(("a",), "q", ("b",))]) == {
        "a--x.y-0": 1,
        "a--x.%2A-0": 1,
        "a--%2A-0": 1,
    }


def test_moves_that_the_definition_does_not_know_are_passed_over():
    moves = [Walk(None, None, ("draft",)), Walk(("gone",), "X", ("draft",)), Walk(("draft",), "X", ("review",))]

    assert taken(chart_of(ORDER), moves) == {}


CHAINED = definition(
    states={
        "work": {
            "type": "parallel",
            "states": {
                "one": {"initial": "a", "states": {"a": {"on": {"A": "z"}}, "z": {"type": "final"}}},
                "two": {"initial": "b", "states": {"b": {"on": {"B": "z"}}, "z": {"type": "final"}}},
            },
            "onDone": "checked",
        },
        "checked": {"always": [{"target": "good", "guard": "fine"}, "bad"], "after": {"P1D": "bad"}},
        "good": {},
        "bad": {},
    },
    guards={"fine": {"when": {"@expr": "true"}}},
)


def test_a_record_names_its_branches_and_they_are_found_whatever_set_them_off():
    branches = ("/states/work/states/two/states/b/on/B", "/states/work/onDone", "/states/checked/always/1")
    walk = Walk(("work.one.z", "work.two.b"), "B", ("bad",), branches=branches, passed=("work.two.z", "checked"))

    assert taken(chart_of(CHAINED), [walk]) == {
        "work.two.b--B-0": 1,
        "work--statewright.done-0": 1,
        "checked--statewright.always-1": 1,
    }


def test_a_move_without_its_branches_is_found_with_what_followed_of_itself():
    walk = Walk(("work.one.z", "work.two.b"), "B", ("checked",), 4)

    assert taken(chart_of(CHAINED), [walk]) == {"work.two.b--B-0": 4, "work--statewright.done-0": 4}


def test_a_branch_of_another_revision_is_passed_over():
    walk = Walk(("checked",), "X", ("good",), branches=("/states/gone/on/X", "/entry/0", ""))

    assert taken(chart_of(CHAINED), [walk]) == {}


def test_a_move_back_to_where_it_was_is_found_at_the_branch_to_the_history_state():
    chart = chart_of(
        definition(
            states={
                "held": {"on": {"RESUME": "work.past"}},
                "work": {"initial": "a", "states": {"a": {}, "b": {}, "past": {"type": "history"}}},
            }
        )
    )

    assert taken(chart, [Walk(("held",), "RESUME", ("work.b",))]) == {"held--RESUME-0": 1}
