"""Which branches an event takes: order, guards, roles, what forbids, and what regions do to each other."""

from __future__ import annotations

from typing import Any

import pytest

from statewright.machine import places
from statewright.machine.compile import Machine
from statewright.machine.decide import Accepted, Event, Why, decide
from statewright.machine.record import Actor
from tests.machine.charts import Life, chart

NO = {"@expr": "false"}
YES = {"@expr": "true"}


def nested(inner: dict[str, Any], middle: dict[str, Any], outer: dict[str, Any]) -> Machine:
    """A leaf in a state in a root, each with branches; what was taken shows in the data."""
    return chart(
        {"p": {"initial": "a", "states": {"a": {"on": inner}}, "on": middle}, "end": {"type": "final"}}, on=outer
    )


def says(word: str, **keys: Any) -> dict[str, Any]:
    return {"context": {"took": word}, **keys}


@pytest.mark.parametrize(
    ("event", "inner", "middle", "outer", "took"),
    [
        ("E", {"E": says("a")}, {"E": says("p")}, {"E": says("root")}, "a"),
        ("E", {}, {"E": says("p")}, {"E": says("root")}, "p"),
        ("E", {"*": says("a")}, {"E": says("p")}, {}, "a"),
        ("x.y", {"*": says("any"), "x.*": says("prefix"), "x.y": says("exact")}, {}, {}, "exact"),
        ("x.y", {"*": says("any"), "x.*": says("prefix"), "x.y.*": says("longer")}, {}, {}, "longer"),
        ("x.y", {"*": says("any"), "x.*": says("prefix")}, {}, {}, "prefix"),
        ("x", {"*": says("any"), "x.*": says("prefix")}, {}, {}, "prefix"),
        ("xy", {"*": says("any"), "x.*": says("prefix")}, {}, {}, "any"),
        ("E", {"E": [says("one", guard=NO), says("two", guard=YES), says("three")]}, {}, {}, "two"),
        ("E", {"E": says("a", guard=NO)}, {"E": says("p", guard=NO)}, {"E": says("root")}, "root"),
        ("E", {"E": says("a", guard=NO), "*": says("any")}, {"E": says("p")}, {}, "any"),
        ("E", {"E": [says("one", guard=NO), says("two")], "*": says("any")}, {}, {}, "two"),
    ],
)
def test_candidates_go_innermost_outward_by_descriptor_and_in_document_order(
    event: str, inner: dict[str, Any], middle: dict[str, Any], outer: dict[str, Any], took: str
) -> None:
    life = Life(nested(inner, middle, outer))

    life.send(event)

    assert life.data == {"took": took}


def test_a_forbidding_branch_stops_the_search() -> None:
    assert Life(nested({"E": {}}, {"E": says("p")}, {})).why("E") is Why.NOT_IN_THIS_STATE


def test_a_forbidding_branch_with_a_guard_stops_the_search_only_where_the_guard_holds() -> None:
    guard = {"@expr": "event.stop"}
    life = Life(nested({"E": {"guard": guard}}, {"E": says("p")}, {}))

    assert life.why("E", stop=True) is Why.NOT_IN_THIS_STATE
    life.send("E", stop=False)
    assert life.data == {"took": "p"}


def test_what_is_forbidden_in_one_region_may_happen_in_the_other() -> None:
    one = {"initial": "a", "states": {"a": {"on": {"E": {}}}, "b": {}}}
    other = {"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {}}}

    assert Life(chart({"one": one, "other": other}, type="parallel")).send("E") == ("one.a", "other.b")


def test_no_guard_is_asked_when_no_branch_may_be_sent_by_this_actor() -> None:
    fails = {"@expr": "context.nothing.at.all"}
    branches = [{"target": "b", "guard": fails, "allow": ["clerk"]}, {"target": "b", "allow": ["boss"]}]
    life = Life(chart({"a": {"on": {"E": branches}}, "b": {}}, roles={"clerk": {}, "boss": {}}))

    refused = life.refused("E", "guest")

    assert refused.why is Why.NOT_ALLOWED
    assert "boss or clerk" in refused.detail
    assert life.why("E", "boss") is Why.GUARD_ERROR


@pytest.mark.parametrize("flat", [True, False])
def test_roles_never_let_an_event_fall_through_to_another_branch(flat: bool) -> None:
    branches = [{"target": "b", "guard": YES, "allow": ["boss"]}, {"target": "b", "allow": ["clerk"]}]
    more = {} if flat else {"entry": "told"}
    life = Life(chart({"a": {"on": {"E": branches}}, "b": more}, roles={"clerk": {}, "boss": {}}))

    assert life.machine.flat is flat
    assert life.why("E", "clerk") is Why.NOT_ALLOWED


def test_a_role_missing_in_one_region_refuses_the_event_in_all() -> None:
    one = {"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {}}}
    other = {"initial": "a", "states": {"a": {"on": {"E": {"target": "b", "allow": ["boss"]}}}, "b": {}}}
    life = Life(chart({"one": one, "other": other}, type="parallel", roles={"boss": {}}))

    assert life.why("E") is Why.NOT_ALLOWED
    assert life.leaves == ("one.a", "other.a")


@pytest.mark.parametrize("flat", [True, False])
def test_a_guard_that_fails_refuses_at_once_and_one_that_is_false_does_not(flat: bool) -> None:
    more = {} if flat else {"entry": "told"}
    branches = [{"target": "b", "guard": {"@expr": "event.n > 5"}}, {"target": "c"}]
    life = Life(chart({"a": {"on": {"E": branches}}, "b": more, "c": {}}))

    assert life.why("E") is Why.GUARD_ERROR
    assert life.send("E", n=5) == ("c",)


@pytest.mark.parametrize("flat", [True, False])
def test_a_refusal_by_guards_explains_every_branch_that_was_tried(flat: bool) -> None:
    guards = {"enough": {"when": {"@expr": "context.total <= params.limit"}}}
    branches = [
        {"target": "b", "guard": {"type": "enough", "params": {"limit": 5}}},
        {"target": "b", "guard": {"@expr": "actor.id == 'eve'"}},
    ]
    more = {} if flat else {"entry": "told"}
    life = Life(chart({"a": {"on": {"E": branches}}, "b": more}, guards=guards), total=9)

    refused = life.refused("E")

    assert refused.why is Why.GUARD_REFUSED
    assert "enough" in refused.detail
    found = [(one.at, one.guard, one.value, one.where) for one in refused.explanation]
    assert [one[:3] for one in found] == [
        ("/states/a/on/E/0", "enough", False),
        ("/states/a/on/E/1", None, False),
    ]
    assert found[0][3]["context.total"] == 9
    assert found[1][3]["actor.id"] == "anna"


def test_personal_values_are_withheld_from_explanations() -> None:
    schemas = {
        "context": {"required": ["email"], "properties": {"email": {"type": "string", "personal": True}}},
        "events": {"E": {"required": ["name"], "properties": {"name": {"type": "string", "personal": True}}}},
    }
    branches = [
        {"target": "b", "guard": {"@expr": "has(context.email) && context.email == 'x'"}},
        {"target": "b", "guard": {"@expr": "has(event.name) && event.name == 'x'"}},
    ]
    life = Life(chart({"a": {"on": {"E": branches}}, "b": {}}, schemas=schemas), email="anna@example.org")

    refused = life.refused("E", name="Anna Smith")

    assert refused.why is Why.GUARD_REFUSED
    shown = str(refused.explanation) + refused.detail
    assert "anna@" not in shown
    assert "Smith" not in shown
    assert any(one.withheld for one in refused.explanation)


def test_the_descendant_wins_over_its_ancestor_in_another_region() -> None:
    one = {"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {}}}
    both = {"one": one, "other": {"initial": "a", "states": {"a": {}}}}
    states = {"p": {"type": "parallel", "states": both, "on": {"E": "away"}}, "away": {}}

    assert Life(chart(states)).send("E") == ("p.one.b", "p.other.a")


def test_of_two_regions_that_lead_out_the_first_in_the_document_wins() -> None:
    one = {"initial": "a", "states": {"a": {"on": {"E": "#thing.first"}}}}
    other = {"initial": "a", "states": {"a": {"on": {"E": "#thing.second"}}}}
    states = {"p": {"type": "parallel", "states": {"one": one, "other": other}}, "first": {}, "second": {}}

    assert Life(chart(states)).send("E") == ("first",)


def test_an_ancestors_branch_that_stays_is_taken_beside_a_regions_own() -> None:
    one = {"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {}}}
    both = {"one": one, "other": {"initial": "a", "states": {"a": {}}}}
    life = Life(chart(both, type="parallel", on={"E": says("root")}))

    assert (life.send("E"), life.data) == (("one.b", "other.a"), {"took": "root"})


def test_regions_take_one_event_together_and_their_guards_see_the_state_before() -> None:
    guard = {"@expr": "in_state('other.a') && in_state('other')"}
    one = {"initial": "a", "states": {"a": {"on": {"E": {"target": "b", "guard": guard}}}, "b": {}}}
    back = {"@expr": "in_state('one.a')"}
    other = {"initial": "a", "states": {"a": {"on": {"E": {"target": "b", "guard": back}}}, "b": {}}}
    life = Life(chart({"one": one, "other": other}, type="parallel"))

    assert life.send("E") == ("one.b", "other.b")
    assert life.last.steps[0].branches == ("/states/one/states/a/on/E", "/states/other/states/a/on/E")


def test_an_internal_event_cannot_be_sent_and_is_not_offered() -> None:
    machine = chart(
        {"a": {"on": {"GO": {"actions": {"type": "raise", "event": {"type": "ON"}}}, "ON": "b"}}, "b": {}},
        internalEvents=["ON"],
    )
    life = Life(machine)

    assert life.why("ON") is Why.UNKNOWN_EVENT
    assert machine.allowed(("a",)) == ("GO",)
    assert life.send("GO") == ("b",)


def test_the_platforms_own_events_cannot_be_sent_even_past_a_wildcard() -> None:
    life = Life(chart({"a": {"after": {"P1D": "b"}, "on": {"*": "c"}}, "b": {}, "c": {}}))

    assert life.why("after.P1D.a") is Why.UNKNOWN_EVENT
    assert life.why("done.state.a") is Why.UNKNOWN_EVENT


def test_what_may_be_asked_is_listed_innermost_first_over_all_regions() -> None:
    warehouse = {"initial": "picking", "states": {"picking": {"on": {"PICKED": "packed"}}, "packed": {"type": "final"}}}
    invoice = {"initial": "open", "states": {"open": {"on": {"INVOICED": "sent"}}, "sent": {"type": "final"}}}
    machine = chart(
        {"f": {"type": "parallel", "states": {"w": warehouse, "i": invoice}, "on": {"HOLD": "end"}}, "end": {}},
        on={"CANCEL": ".end"},
    )

    assert machine.allowed(("f.w.picking", "f.i.open")) == ("PICKED", "INVOICED", "HOLD", "CANCEL")
    assert machine.allowed(("f.w.packed", "f.i.open")) == ("INVOICED", "HOLD", "CANCEL")


def test_deciding_is_the_same_whatever_was_decided_before() -> None:
    one = {"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {"on": {"E": "a"}}}}
    machine = chart({"one": one, "other": one}, type="parallel")
    fresh = Life(machine)
    first = decide(machine, fresh.head, Event("E", actor=Actor("anna")))
    for _ in range(5):
        fresh.send("E")

    again = decide(machine, Life(machine).head, Event("E", actor=Actor("anna")))

    assert isinstance(again, Accepted)
    assert again == first


def test_what_a_machine_remembers_of_configurations_has_a_limit() -> None:
    regions = {f"r{n}": {"initial": "a", "states": {"a": {"on": {f"E{n}": "b"}}, "b": {}}} for n in range(12)}
    machine = chart(regions, type="parallel")
    for number in range(2**12):
        leaves = tuple(f"r{n}.{'b' if number >> n & 1 else 'a'}" for n in range(12))
        machine.places.at(leaves)

    assert len(machine.places.known) <= places.PLACES


def test_a_branch_to_its_own_state_does_not_bring_it_back_when_another_region_leads_away() -> None:
    regions = {"one": {"on": {"E": "#thing.away"}}, "other": {"on": {"E": {"target": "#thing.p.other"}}}}
    life = Life(chart({"p": {"type": "parallel", "states": regions}, "away": {}}))

    assert life.send("E") == ("away",)
    assert life.last.steps[0].branches == ("/states/p/states/one/on/E", "/states/p/states/other/on/E")
