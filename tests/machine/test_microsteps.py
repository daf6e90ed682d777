"""What an event sets off: what is left and entered, in which order things are written, and how it comes to rest."""

from __future__ import annotations

from typing import Any

import pytest

from statewright.machine.decide import Accepted, Event, Refused, Why, decide
from tests.machine.charts import Life, chart


def note(word: str) -> dict[str, Any]:
    return {"type": "log", "args": [word]}


def noting(states: dict[str, Any], path: str = "") -> dict[str, Any]:
    """The same states, each noting that it is entered and left."""
    return {
        name: {
            **state,
            **(
                {}
                if state.get("type") == "history"
                else {"entry": note(f"+{path}{name}"), "exit": note(f"-{path}{name}")}
            ),
            **({"states": noting(state["states"], f"{path}{name}.")} if "states" in state else {}),
        }
        for name, state in states.items()
    }


def notes(life: Life) -> list[str]:
    return [args[0] for args in life.last.logs]


TWO = {
    "p": {
        "initial": "a",
        "states": {"a": {"on": {"SIDE": "b"}}, "b": {}},
        "on": {
            "IN": ".b",
            "SELF": "p",
            "AGAIN": {"target": "p", "reenter": True},
            "INTO": {"target": ".b", "reenter": True},
            "STAY": {"context": {"n": 1}},
            "OUT": "q",
        },
    },
    "q": {},
}


@pytest.mark.parametrize(
    ("event", "leaves", "noted"),
    [
        ("SIDE", ("p.b",), ["-p.a", "+p.b"]),
        ("IN", ("p.b",), ["-p.a", "+p.b"]),
        ("SELF", ("p.a",), ["-p.a", "+p.a"]),
        ("AGAIN", ("p.a",), ["-p.a", "-p", "+p", "+p.a"]),
        ("INTO", ("p.b",), ["-p.a", "-p", "+p", "+p.b"]),
        ("STAY", ("p.a",), []),
        ("OUT", ("q",), ["-p.a", "-p", "+q"]),
    ],
)
def test_a_transition_is_internal_unless_it_reenters(event: str, leaves: tuple[str, ...], noted: list[str]) -> None:
    life = Life(chart(noting(TWO)))
    assert notes(life) == ["+p", "+p.a"]

    assert life.send(event) == leaves
    assert notes(life) == noted


def test_a_leaf_that_targets_itself_stays_unless_it_reenters() -> None:
    states = {"a": {"on": {"SELF": "a", "AGAIN": {"target": "a", "reenter": True}}}}
    life = Life(chart(noting(states)))

    life.send("SELF")
    assert notes(life) == []
    life.send("AGAIN")
    assert notes(life) == ["-a", "+a"]


def regions(**on: Any) -> dict[str, Any]:
    def region() -> dict[str, Any]:
        return {"initial": "a", "states": {"a": {}, "b": {}, "c": {}}}

    both = {"one": region(), "other": region()}
    return {"start": {"on": {"GO": "p"}}, "p": {"type": "parallel", "states": both, "on": on}, "end": {}}


def test_regions_are_entered_in_document_order_and_left_in_reverse() -> None:
    states = regions(END="end")
    life = Life(chart(noting(states)))

    life.send("GO")
    assert notes(life) == ["-start", "+p", "+p.one", "+p.one.a", "+p.other", "+p.other.a"]
    life.send("END")
    assert notes(life) == ["-p.other.a", "-p.other", "-p.one.a", "-p.one", "-p", "+end"]


@pytest.mark.parametrize(
    ("target", "leaves"),
    [
        (["p.one.b", "p.other.c"], ("p.one.b", "p.other.c")),
        (["p.other.c"], ("p.one.a", "p.other.c")),
        (["#thing.p.one.b", "#thing.p.other.b"], ("p.one.b", "p.other.b")),
        ("p.one", ("p.one.a", "p.other.a")),
    ],
)
def test_regions_that_no_target_names_begin_at_their_initial(target: Any, leaves: tuple[str, ...]) -> None:
    states = regions()
    states["start"]["on"]["GO"] = {"target": target}

    assert Life(chart(states)).send("GO") == leaves


def test_a_target_in_one_region_leaves_the_others_alone() -> None:
    life = Life(chart(noting(regions(MOVE=".one.b", BOTH={"target": [".one.c", ".other.c"]}))))
    life.send("GO")

    # From the parallel state itself: internal, so all that lies below is left and entered anew.
    assert life.send("MOVE") == ("p.one.b", "p.other.a")
    assert life.send("BOTH") == ("p.one.c", "p.other.c")
    assert "-p" not in notes(life)


def test_a_transition_from_one_region_into_another_leaves_both_and_keeps_their_parent() -> None:
    states = regions()
    states["p"]["states"]["one"]["states"]["a"]["on"] = {"CROSS": "#thing.p.other.b"}
    life = Life(chart(noting(states)))
    life.send("GO")

    assert life.send("CROSS") == ("p.one.a", "p.other.b")
    assert "-p" not in notes(life)


def test_the_root_can_be_entered_anew() -> None:
    states = {"a": {"on": {"GO": "b"}}, "b": {"on": {"RESET": "#thing"}}}
    life = Life(chart(noting(states)))

    assert life.send("GO", "RESET") == ("a",)
    assert notes(life) == ["-b", "+a"]


def test_keep_patch_and_actions_each_read_what_the_one_before_wrote() -> None:
    add = {"type": "assign", "context": {"way": {"@expr": "context.way + '2'"}}}
    states = {
        "a": {
            "exit": {"type": "assign", "context": {"way": {"@expr": "context.way + '0'"}}},
            "on": {
                "GO": {
                    "target": "b",
                    "keep": ["n"],
                    "context": {"way": {"@expr": "context.way + '1'"}, "double": {"@expr": "context.n * 2"}},
                    "actions": [add, {"type": "emit", "event": {"type": "gone", "way": {"@expr": "context.way"}}}],
                }
            },
        },
        "b": {"entry": {"type": "assign", "context": {"way": {"@expr": "context.way + '3'"}}}},
    }
    life = Life(chart(states), way="")

    life.send("GO", n=4)

    assert life.data == {"way": "0123", "n": 4, "double": 8}
    assert life.last.emits == ({"type": "gone", "way": "012"},)


def test_within_one_patch_expressions_read_the_data_before_it() -> None:
    swap = {"a": {"@expr": "context.b"}, "b": {"@expr": "context.a"}, "c": {"@unset": True}}
    life = Life(chart({"s": {"on": {"SWAP": {"context": swap}}, "entry": "told"}}), a=1, b=2, c=3)

    life.send("SWAP")

    assert life.data == {"a": 2, "b": 1}
    assert life.last.removed == ("c",)


def test_expressions_may_stand_at_any_depth_of_a_patch() -> None:
    deep = {"x": [1, {"y": {"@expr": "event.n + 1"}}], "constant": {"z": None}}
    life = Life(chart({"s": {"on": {"SET": {"context": {"deep": deep}}}}}))

    life.send("SET", n=1)

    assert life.data == {"deep": {"x": [1, {"y": 2}], "constant": {"z": None}}}


def test_what_is_written_and_taken_back_is_no_change() -> None:
    on = {"GO": {"context": {"n": 2}, "actions": {"type": "assign", "context": {"n": 1}}}}
    life = Life(chart({"s": {"on": on}}), n=1)

    life.send("GO")

    assert (life.last.changes, life.last.removed) == ({}, ())


def test_an_enabled_always_is_taken_before_raised_events() -> None:
    up = [{"type": "raise", "event": {"type": "UP"}}]
    states = {
        "a": {"on": {"GO": {"target": "b", "actions": up}, "UP": "wrong"}},
        "b": {"always": "c", "on": {"UP": "wrong"}},
        "c": {"on": {"UP": "d"}},
        "d": {},
        "wrong": {},
    }
    life = Life(chart(states))

    assert life.send("GO") == ("d",)
    assert [(step.cause, step.entered) for step in life.last.steps] == [("GO", ("b",)), ("", ("c",)), ("UP", ("d",))]


def test_always_sees_what_was_written_and_waits_for_its_guard() -> None:
    states = {
        "a": {"always": {"target": "b", "guard": {"@expr": "context.n >= 2"}}, "on": {"ADD": {
            "context": {"n": {"@expr": "context.n + 1"}}}}},
        "b": {},
    }  # fmt: skip
    life = Life(chart(states), n=0)

    assert life.send("ADD") == ("a",)
    assert life.send("ADD") == ("b",)


def test_raised_events_come_first_in_first_out_with_their_payloads() -> None:
    actions = [
        {"type": "raise", "event": {"type": "ADD", "word": "x"}},
        {"type": "raise", "event": {"type": "ADD", "word": {"@expr": "event.word + '!'"}}},
        {"type": "raise", "event": {"type": "NOBODY"}},
    ]
    add = {"context": {"said": {"@expr": "context.said + event.word"}}}
    life = Life(chart({"a": {"on": {"GO": {"actions": actions}, "ADD": add}}}), said="")

    life.send("GO", word="y")

    assert life.data == {"said": "xy!"}
    assert [step.cause for step in life.last.steps] == ["GO", "ADD", "ADD"]


def test_a_raised_event_asks_for_no_role() -> None:
    raises = {"type": "raise", "event": {"type": "ON"}}
    on = {"GO": {"actions": raises}, "ON": {"target": "b", "allow": ["boss"]}}
    life = Life(chart({"a": {"on": on}, "b": {}}, roles={"boss": {}}))

    assert life.why("ON") is Why.NOT_ALLOWED
    assert life.send("GO") == ("b",)


def test_a_raised_event_must_fit_its_schema() -> None:
    raises = {"type": "raise", "event": {"type": "ON", "n": {"@expr": "event.n"}}}
    schemas = {"events": {"ON": {"properties": {"n": {"type": "integer"}}}, "GO": {}}}
    life = Life(chart({"a": {"on": {"GO": {"actions": raises}, "ON": "b"}}, "b": {}}, schemas=schemas))

    assert life.why("GO", n="x") is Why.INVALID_PAYLOAD
    assert life.send("GO", n=1) == ("b",)


DONE = {
    "work": {
        "type": "parallel",
        "states": {
            "one": {"initial": "a", "states": {"a": {"on": {"ONE": "z"}}, "z": {"type": "final"}}},
            "two": {"initial": "a", "states": {"a": {"on": {"TWO": "z", "ONE": [{"target": "z", "guard": {
                "@expr": "has(event.both)"}}]}}, "z": {"type": "final"}}},
        },
        "onDone": "ready",
    },
    "ready": {},
}  # fmt: skip


def test_a_parallel_state_is_done_when_all_its_regions_are() -> None:
    life = Life(chart(DONE))

    assert life.send("ONE") == ("work.one.z", "work.two.a")
    assert life.send("TWO") == ("ready",)
    assert [step.cause for step in life.last.steps] == ["TWO", "done.state.work"]


def test_regions_that_end_in_one_step_are_told_before_their_parent() -> None:
    states = {**DONE, "ready": {}}
    for name in ("one", "two"):
        region = states["work"]["states"][name]
        states["work"]["states"][name] = {**region, "onDone": {"actions": note(name)}}
    life = Life(chart(states))

    assert life.send("ONE", both=True) == ("ready",)
    assert notes(life) == ["one", "two"]
    assert [step.cause for step in life.last.steps] == ["ONE", "done.state.work.one", "done.state.work.two",
                                                        "done.state.work"]  # fmt: skip


def test_a_compound_state_is_done_when_a_final_child_is_entered() -> None:
    inner = {"initial": "x", "states": {"x": {"on": {"E": "y"}}, "y": {"type": "final"}}, "onDone": "b"}

    assert Life(chart({"a": inner, "b": {}})).send("E") == ("b",)


def test_the_entity_ends_at_the_root_and_nothing_is_left_or_follows() -> None:
    raises = {"type": "raise", "event": {"type": "MORE"}}
    states = noting({"a": {"on": {"E": {"target": "z", "actions": raises}}}, "z": {"type": "final"}})
    life = Life(chart(states, on={"MORE": ".a"}))

    assert life.send("E") == ("z",)
    assert notes(life) == ["-a", "+z"]
    assert life.machine.is_final(life.leaves)
    assert life.why("MORE") is Why.FINAL


def test_a_parallel_root_ends_when_every_region_has() -> None:
    region = {"initial": "a", "states": {"a": {"on": {"E": "z"}}, "z": {"type": "final"}}}
    other = {"initial": "a", "states": {"a": {"on": {"F": "z"}}, "z": {"type": "final"}}}
    life = Life(chart({"one": region, "two": other}, type="parallel"))

    life.send("E")
    assert not life.machine.is_final(life.leaves)
    life.send("F")
    assert life.machine.is_final(life.leaves)


def test_two_regions_that_write_one_field_at_once_are_refused() -> None:
    def region(field: str) -> dict[str, Any]:
        return {"initial": "a", "states": {"a": {"on": {"E": {"target": "b", "context": {field: 1}}}}, "b": {}}}

    clash = Life(chart({"one": region("n"), "two": region("n")}, type="parallel"))
    apart = Life(chart({"one": region("n"), "two": region("m")}, type="parallel"))

    assert clash.why("E") is Why.WRITE_CONFLICT
    apart.send("E")
    assert apart.data == {"n": 1, "m": 1}


def test_an_entry_action_counts_as_a_write_of_the_transition_that_enters() -> None:
    one = {"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {"entry": {"type": "assign", "context": {"n": 1}}}}}
    two = {"initial": "a", "states": {"a": {"on": {"E": {"context": {"n": 2}}}}}}

    assert Life(chart({"one": one, "two": two}, type="parallel")).why("E") is Why.WRITE_CONFLICT


def test_a_later_microstep_may_write_the_field_again() -> None:
    one = {"initial": "a", "states": {"a": {"on": {"E": {"target": "b", "context": {"n": 1}}}}, "b": {}}}
    two = {"initial": "a", "states": {"a": {"always": {"target": "b", "guard": {"@expr": "has(context.n)"},
                                                       "context": {"n": 2}}}, "b": {}}}  # fmt: skip
    life = Life(chart({"one": one, "two": two}, type="parallel"))

    life.send("E")

    assert life.data == {"n": 2}


def test_regions_may_both_keep_what_the_event_carries() -> None:
    region = {"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {}}}
    life = Life(chart({"one": region, "two": region}, type="parallel", keep="*"))

    life.send("E", n=1)

    assert life.data == {"n": 1}


def test_a_machine_that_does_not_come_to_rest_is_refused_with_its_circle_named() -> None:
    states = {
        "a": {"on": {"GO": "b"}},
        "b": {"always": {"target": "c", "guard": {"@expr": "true"}}},
        "c": {"always": {"target": "b", "guard": {"@expr": "true"}}},
    }
    refused = Life(chart(states)).refused("GO")

    assert refused.why is Why.UNSTABLE
    assert "/states/b/always then always at /states/c/always" in refused.detail.replace(
        "/states/c/always then always at /states/b/always", "/states/b/always then always at /states/c/always"
    )
    assert {pointer for pointer, _ in refused.at} == {"/states/b/always", "/states/c/always"}


def test_a_hundred_microsteps_are_possible_and_more_are_not() -> None:
    def counting(limit: int) -> Life:
        add = {
            "context": {"n": {"@expr": "context.n + 1"}},
            "guard": {"@expr": f"context.n > 0 && context.n < {limit}"},
        }
        return Life(chart({"a": {"on": {"GO": {"context": {"n": 1}}}, "always": add}}), n=0)

    life = counting(100)
    life.send("GO")
    assert len(life.last.steps) == 100
    assert counting(101).why("GO") is Why.UNSTABLE


def test_an_error_in_any_microstep_refuses_the_whole_event() -> None:
    states = {
        "a": {"on": {"GO": {"target": "b", "context": {"n": 1}}}},
        "b": {"always": {"target": "c", "guard": {"@expr": "context.nothing > 1"}}},
        "c": {},
    }
    life = Life(chart(states))
    before = life.head

    refused = life.refused("GO")

    assert (refused.why, refused.at[0][0]) == (Why.GUARD_ERROR, "/states/b/always")
    assert life.head == before


def test_an_expression_that_cannot_be_worked_out_says_where_it_stands_and_what_it_read() -> None:
    on = {"GO": {"context": {"n": {"@expr": "context.a / context.b"}}}}
    life = Life(chart({"s": {"on": on, "entry": "told"}}), a=1, b=0)

    refused = life.refused("GO")

    assert (refused.why, refused.at[0][0]) == (Why.GUARD_ERROR, "/states/s/on/GO/context/n/@expr")
    assert refused.explanation[0].where["context.b"] == 0


def test_the_data_that_come_out_must_fit_their_schema() -> None:
    schemas = {"context": {"properties": {"n": {"type": "integer", "maximum": 2, "default": 0}}}}
    entry = {"type": "assign", "context": {"n": {"@expr": "context.n + 1"}}}
    life = Life(chart({"a": {"on": {"E": {"target": "a", "reenter": True}}, "entry": entry}}, schemas=schemas))

    life.send("E")
    assert life.data == {"n": 2}
    assert life.why("E") is Why.INVALID_DATA


def test_more_than_64_actions_are_too_many() -> None:
    def life(count: int) -> Life:
        return Life(chart({"a": {"on": {"GO": {"actions": ["beep"] * count}}}}))

    assert len(life(64).tell(Event("GO")).emits) == 64
    assert life(65).why("GO") is Why.TOO_LARGE


def test_a_result_that_data_cannot_hold_is_an_error() -> None:
    nest = {
        "GROW": {"context": {"x": {"@expr": "[context.x]"}}},
        "BIG": {"context": {"x": {"@expr": "9007199254740992"}}},
    }
    life = Life(chart({"a": {"on": nest, "entry": "told"}}), x=0)

    assert life.why("BIG") is Why.GUARD_ERROR
    for _ in range(32):
        life.send("GROW")
    assert life.why("GROW") is Why.GUARD_ERROR


def test_named_effects_and_notes_stand_in_the_record() -> None:
    actions = ["beep", {"type": "mail", "params": {"to": {"@expr": "event.to"}}}, {"type": "log", "args": ["sent", 1]}]
    life = Life(chart({"a": {"on": {"GO": {"actions": actions}}}}))

    life.send("GO", to="anna")

    assert life.last.emits == ({"type": "beep"}, {"type": "mail", "to": "anna"})
    assert life.last.logs == (["sent", 1],)


# --- Creation


def test_creation_enters_the_initial_states_and_comes_to_rest() -> None:
    states = {
        "a": {"entry": {"type": "assign", "context": {"n": {"@expr": "context.n + 1"}}}, "always": "p"},
        "p": {"initial": "x", "states": {"x": {}}, "after": {"P1D": "a"}},
    }
    life = Life(chart(states), n=1)

    assert (life.leaves, life.data, life.last.kind, life.last.from_) == (("p.x",), {"n": 2}, "created", None)
    assert [step.cause for step in life.last.steps] == ["statewright.created", ""]
    assert life.last.changes == {"n": 2}
    assert life.running == [("p", "P1D", 86_400_001_000, 1)]


def test_implicit_creation_is_creation_and_event_in_one_record() -> None:
    states = {
        "a": {"always": "b"},
        "b": {"on": {"GO": {"target": "c", "context": {"n": {"@expr": "context.m + 1"}}}}},
        "c": {},
    }
    machine = chart(states, creation="implicit")

    outcome = decide(machine, None, Event("GO", create={"m": 1}))

    assert isinstance(outcome, Accepted)
    assert (outcome.from_, outcome.to, outcome.kind) == (("b",), ("c",), "event")
    assert (outcome.changes, outcome.data) == ({"m": 1, "n": 2}, {"m": 1, "n": 2})
    assert [step.cause for step in outcome.steps] == ["statewright.created", "", "GO"]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (Event("NO"), Why.UNKNOWN_EVENT),
        (Event("LATER"), Why.NOT_IN_THIS_STATE),
        (Event("GO", create={"fixed": 1}), Why.INVALID_DATA),
        (Event("GO", {"n": 1}), Why.GUARD_REFUSED),
        (Event("GO", create=False), Why.UNKNOWN_ENTITY),
    ],
)
def test_an_event_that_is_refused_creates_nothing(event: Event, why: Why) -> None:
    states = {"a": {"always": "b"}, "b": {"on": {"GO": {"target": "c", "guard": {"@expr": "!has(event.n)"}}}},
              "c": {"on": {"LATER": "a"}}}  # fmt: skip
    schemas = {"context": {"properties": {"fixed": {"readOnly": True}}}}

    outcome = decide(chart(states, creation="implicit", schemas=schemas), None, event)

    assert isinstance(outcome, Refused)
    assert outcome.why is why
