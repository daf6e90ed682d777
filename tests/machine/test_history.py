"""What history states remember, and where they lead."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machine.charts import Life, chart


def player(kind: str, **keys: Any) -> dict[str, Any]:
    """Two levels below `p`, left by OUT and entered again by BACK over a history state."""
    return {
        "away": {"on": {"BACK": "p.h"}},
        "p": {
            "initial": "a",
            "states": {
                "a": {"initial": "x", "states": {"x": {"on": {"DEEPER": "y"}}, "y": {}}, "on": {"NEXT": "b"}},
                "b": {"initial": "x", "states": {"x": {"on": {"DEEPER": "y"}}, "y": {}}},
                "h": {"type": "history", "history": kind, **keys},
            },
            "on": {"OUT": "away", "SAME": {"target": ".h", "reenter": True}},
        },
    }


def test_shallow_history_remembers_the_child_and_deep_history_the_leaf() -> None:
    shallow = Life(chart(player("shallow"), initial="p"))
    deep = Life(chart(player("deep"), initial="p"))

    assert shallow.send("NEXT", "DEEPER", "OUT", "BACK") == ("p.b.x",)
    assert deep.send("NEXT", "DEEPER", "OUT", "BACK") == ("p.b.y",)


def test_history_is_remembered_on_leaving_and_stands_in_record_and_head() -> None:
    life = Life(chart(player("deep"), initial="p"))
    life.send("DEEPER")
    assert life.last.history == {}

    life.send("OUT")

    assert life.last.history == {"p.h": ("p.a.y",)}
    assert life.head is not None
    assert life.head.history == {"p.h": ("p.a.y",)}
    life.send("BACK")
    assert life.last.history == {}
    assert life.head.history == {"p.h": ("p.a.y",)}


@pytest.mark.parametrize(
    ("keys", "leaves"), [({}, ("p.a.x",)), ({"target": "b"}, ("p.b.x",)), ({"target": "b.y"}, ("p.b.y",))]
)
def test_without_anything_to_remember_the_default_counts_and_else_the_initial(
    keys: dict[str, Any], leaves: tuple[str, ...]
) -> None:
    assert Life(chart(player("shallow", **keys), initial="away")).send("BACK") == leaves


def test_a_state_left_for_its_own_history_comes_back_to_where_it_was() -> None:
    assert Life(chart(player("deep"), initial="p")).send("NEXT", "DEEPER", "SAME") == ("p.b.y",)


def both(kind: str) -> dict[str, Any]:
    def region() -> dict[str, Any]:
        return {"initial": "a", "states": {"a": {}, "b": {}, "c": {}}}

    one, two = region(), region()
    one["states"]["a"]["on"] = {"ONE": "b"}
    two["states"]["a"]["on"] = {"TWO": "b"}
    states = {"one": one, "two": two, "h": {"type": "history", "history": kind}}
    return {"p": {"type": "parallel", "states": states, "on": {"OUT": "away"}}, "away": {"on": {"BACK": "p.h"}}}


def test_deep_history_of_a_parallel_state_remembers_every_region() -> None:
    assert Life(chart(both("deep"))).send("ONE", "TWO", "OUT", "BACK") == ("p.one.b", "p.two.b")


def test_shallow_history_of_a_parallel_state_remembers_only_that_all_regions_were_active() -> None:
    assert Life(chart(both("shallow"))).send("ONE", "OUT", "BACK") == ("p.one.a", "p.two.a")


def test_a_history_state_without_memory_in_a_parallel_state_enters_all_regions() -> None:
    assert Life(chart(both("deep"), initial="away")).send("BACK") == ("p.one.a", "p.two.a")


def test_a_region_entered_over_history_leaves_the_other_to_its_initial() -> None:
    states = both("deep")
    states["p"]["states"]["one"]["states"]["h"] = {"type": "history"}
    states["away"]["on"] = {"BACK": "p.one.h"}

    assert Life(chart(states)).send("ONE", "TWO", "OUT", "BACK") == ("p.one.b", "p.two.a")


def test_history_states_that_lead_in_a_circle_end_where_their_parent_begins() -> None:
    inner = {"a": {}, "b": {}, "h": {"type": "history", "target": "h2"}, "h2": {"type": "history", "target": "h"}}
    states = {"away": {"on": {"BACK": "p.h"}}, "p": {"initial": "b", "states": inner}}

    assert Life(chart(states)).send("BACK") == ("p.b",)
