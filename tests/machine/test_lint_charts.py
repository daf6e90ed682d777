"""The checks of whole charts: targets, history, parallel states, `always`, timers, and what can be reached."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machine.checked import END, chart, errors_in, found_in, warnings_in

PARALLEL: dict[str, Any] = {
    "type": "parallel",
    "states": {
        "left": {"initial": "a", "states": {"a": {"on": {"GO": "b"}}, "b": END}},
        "right": {"initial": "a", "states": {"a": {"on": {"GO": "b"}}, "b": END}},
    },
}


def regions(left: Any, right: Any, **state: Any) -> dict[str, Any]:
    """A parallel state whose regions each have one state with these branches under `on`, and that STOP leaves."""
    inner = {"left": left, "right": right}
    states = {name: {"initial": "a", "states": {"a": {"on": on, **state}}} for name, on in inner.items()}
    return chart({"both": {"type": "parallel", "states": states, "on": {"STOP": "end"}}, "end": END})


def test_a_chart_of_every_kind_of_state_and_transition_has_no_problem() -> None:
    document = chart(
        {
            "draft": {"on": {"SUBMIT": {"target": ["work.left.a", "work.right"], "guard": "ready"}, "*": {}}},
            "work": {**PARALLEL, "onDone": "check", "on": {"HOLD": "held", "a.*": {"actions": "notify"}}},
            "held": {"on": {"RESUME": "paused.back", "AGAIN": "paused"}, "after": {"P14D": "end", "soon": "end"}},
            "paused": {
                "initial": "one",
                "states": {
                    "one": {"on": {"NEXT": "two"}},
                    "two": {"on": {"NEXT": "#thing.check"}},
                    "back": {"type": "history", "history": "deep", "target": "two"},
                },
            },
            "check": {"id": "checking", "always": [{"target": "end", "guard": "ready"}, {"target": "draft"}]},
            "end": END,
        },
        guards={"ready": {"when": {"@expr": "in_state('draft') || actor.id == 'system'"}}},
        delays={"soon": {"duration": "PT5M"}},
        on={"ABORT": ".end"},
    )

    assert found_in(document) == []


@pytest.mark.parametrize(
    ("target", "resolves"),
    [
        ("b", True),
        ("b.c", True),
        (".c", False),
        ("#thing.b.c", True),
        ("#named", True),
        ("#named.d", False),
        ("#thing", True),
        ("#other", False),
        ("thing", False),
        ("b..c", False),
        (".", False),
        ("#", False),
        ("", False),
    ],
)
def test_targets_are_siblings_children_and_ids_with_paths(target: str, resolves: bool) -> None:
    document = chart({"a": {"on": {"GO": target}}, "b": {"initial": "c", "states": {"c": {"id": "named"}}}})

    assert (("unknown_target", "/states/a/on/GO/target") not in errors_in(document)) is resolves


def test_a_target_that_was_meant_for_another_place_is_answered_with_how_to_reach_it() -> None:
    document = chart({"a": {"on": {"GO": "inner", "IN": "own"}, "initial": "own", "states": {"own": {}}},
                      "b": {"initial": "inner", "states": {"inner": END}}})  # fmt: skip

    assert [problem.fix for problem in found_in(document) if problem.code == "unknown_target"] == [
        "write '#thing.b.inner'",
        "write '.own': it is a child of this state",
    ]


@pytest.mark.parametrize(
    ("targets", "possible"),
    [
        (["p.left.b", "p.right.b"], True),
        (["p.left", "p.right.a"], True),
        (["p.left.a", "p.left.b"], False),
        (["p", "p.left"], False),
        (["p.left.b", "end"], False),
        (["end"], True),
        ([], False),
    ],
)
def test_a_list_of_targets_names_different_regions_of_one_parallel_state(targets: list[str], possible: bool) -> None:
    document = chart({"a": {"on": {"GO": {"target": targets}}}, "p": PARALLEL, "end": END})

    assert (("bad_targets", "/states/a/on/GO/target") not in errors_in(document)) is possible


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"states": {"a": {}}}, ("no_initial", "/states/s")),
        ({"initial": "b", "states": {"a": {}}}, ("unknown_state", "/states/s/initial")),
        ({"initial": "a.b", "states": {"a": {"initial": "b", "states": {"b": {}}}}},
         ("unknown_state", "/states/s/initial")),
        ({"initial": "h", "states": {"a": {}, "h": {"type": "history"}}}, ("bad_state", "/states/s/initial")),
        ({"type": "parallel"}, ("bad_state", "/states/s")),
        ({"type": "parallel", "states": {"h": {"type": "history"}}}, ("bad_state", "/states/s")),
        ({"type": "compound"}, ("bad_state", "/states/s/type")),
        ({"type": "atomic", "initial": "a", "states": {"a": {}}}, ("bad_state", "/states/s/states")),
        ({"initial": "a"}, ("bad_state", "/states/s/initial")),
        ({"onDone": "end"}, ("bad_state", "/states/s/onDone")),
        ({"type": "final", "states": {"a": {}}}, ("final_with_events", "/states/s/states")),
        ({"type": "final", "always": "end"}, ("final_with_events", "/states/s/always")),
        ({"type": "final", "after": {"P1D": "end"}}, ("final_with_events", "/states/s/after")),
        ({"history": "deep"}, ("bad_history", "/states/s/history")),
        ({"target": "end"}, ("bad_history", "/states/s/target")),
        ({"type": "history", "on": {"GO": "end"}}, ("bad_history", "/states/s/on")),
        ({"type": "history", "target": "nowhere"}, ("unknown_target", "/states/s/target")),
        ({"type": "history", "target": ["end", "nowhere"]}, ("unknown_target", "/states/s/target/1")),
        ({"initial": "h", "states": {"a": {}, "h": {"type": "history", "target": "#thing.end"}}},
         ("bad_history", "/states/s/states/h/target")),
        ({"id": "thing"}, ("duplicate_id", "/states/s/id")),
        ({"id": "a;b"}, ("bad_name", "/states/s/id")),
        ({"after": {"P1M": "end"}}, ("bad_duration", "/states/s/after/P1M")),
        ({"after": {"1 day": "end"}}, ("bad_duration", "/states/s/after/1 day")),
        ({"after": {"PT-5S": "end"}}, ("bad_duration", "/states/s/after/PT-5S")),
        ({"after": {"P11000D": "end"}}, ("bad_duration", "/states/s/after/P11000D")),
        ({"after": {"soon": "end"}}, ("unknown_delay", "/states/s/after/soon")),
        ({"after": {"P1D": {"target": "end", "allow": []}}}, ("allow_without_sender", "/states/s/after/P1D/allow")),
        ({"always": {"target": "end", "allow": ["system"]}}, ("allow_without_sender", "/states/s/always/allow")),
        ({"sla": {"warn": "P1D", "breach": "P1D"}}, ("bad_sla", "/states/s/sla/warn")),
        ({"sla": {"breach": "1 day"}}, ("bad_duration", "/states/s/sla/breach")),
        ({"always": ["end", "s"]}, ("unreachable_branch", "/states/s/always/1")),
        ({"after": {"P1D": ["end", "s"]}}, ("unreachable_branch", "/states/s/after/P1D/1")),
        ({"on": {"GO": [{"target": "end", "allow": ["clerk"]}, "s"]}}, ("unreachable_branch", "/states/s/on/GO/1")),
        ({"on": {"GO": [{}, "end"]}}, ("unreachable_branch", "/states/s/on/GO/1")),
        ({"on": {"done.state.x": "end"}}, ("bad_name", "/states/s/on/done.state.x")),
        ({"on": {"GO": {"guard": {"type": "no"}}}}, ("unknown_guard", "/states/s/on/GO/guard")),
        ({"on": {"GO": {"guard": {"type": "no", "parms": {}}}}}, ("bad_guard", "/states/s/on/GO/guard/parms")),
        ({"entry": {"type": "emit", "event": {"type": "xstate.x"}}}, ("bad_name", "/states/s/entry/event/type")),
        ({"entry": {"type": "raise", "event": "GO"}}, ("bad_action", "/states/s/entry/event")),
        ({"entry": {"type": "assign"}}, ("bad_action", "/states/s/entry")),
        ({"exit": [{"type": "log", "args": "x"}]}, ("bad_action", "/states/s/exit/0/args")),
        ({"entry": {"type": "log", "argz": []}}, ("bad_action", "/states/s/entry/argz")),
        ({"entry": {"type": "notify", "parms": {}}}, ("bad_action", "/states/s/entry/parms")),
        ({"entry": {"params": {}}}, ("bad_action", "/states/s/entry")),
        ({"entry": {"type": "send", "to": "x", "event": {"type": "X"}}}, ("unknown_relation", "/states/s/entry/to")),
        ({"entry": {"type": "assign", "context": {"a": {"@exp": "1"}}}}, ("bad_patch", "/states/s/entry/context/a")),
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_together_is_an_error(state: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in errors_in(chart({"s": state, "end": END}, roles={"clerk": {}}))


@pytest.mark.parametrize("action", ["notify", {"type": "notify", "params": {"who": {"@expr": "actor.id"}}},
                                    {"type": "@xstate.emit", "event": {"type": "MOVED"}},
                                    {"type": "log", "args": ["x", {"@expr": "now"}]}])  # fmt: skip
def test_named_effects_and_prefixed_actions_are_fine(action: Any) -> None:
    assert errors_in(chart({"s": {"entry": action, "on": {"GO": "end"}}, "end": END})) == []


@pytest.mark.parametrize(
    ("states", "cycles"),
    [
        ({"a": {"always": "b"}, "b": {"always": "a"}}, ["/states/a/always"]),
        ({"a": {"always": "a"}}, ["/states/a/always"]),
        ({"a": {"always": {"actions": "notify"}}}, ["/states/a/always"]),
        ({"a": {"always": {}}}, []),
        ({"a": {"always": "b"}, "b": {"on": {"GO": "a"}}}, []),
        ({"a": {"always": {"target": "b", "guard": {"@expr": "now > occurred_at"}}}, "b": {"always": "a"}}, []),
        ({"a": {"always": "b"}, "b": {"initial": "c", "states": {"c": {"always": "#thing.a"}}}}, ["/states/a/always"]),
        ({"a": {"initial": "b", "always": ".b", "states": {"b": {}}}}, ["/states/a/always"]),
        ({"a": {"always": "end"}, "end": END}, []),
    ],
)
def test_a_circle_of_always_without_a_guard_is_found(states: dict[str, Any], cycles: list[str]) -> None:
    found = [pointer for code, pointer in errors_in(chart(states)) if code == "always_cycle"]

    assert found == cycles


@pytest.mark.parametrize(
    ("left", "right", "code"),
    [
        ({"context": {"x": 1}}, {"context": {"x": 2}}, "write_conflict"),
        ({"context": {"x": 1}}, {"context": {"x": {"@unset": True}}}, "write_conflict"),
        ({"context": {"x": 1}}, {"keep": ["x"]}, "write_conflict"),
        ({"context": {"x": 1}}, {"actions": {"type": "assign", "context": {"x": 2}}}, "write_conflict"),
        ({"context": {"x": 1}, "guard": "g"}, {"context": {"x": 2}, "guard": "g"}, "write_conflict"),
        ({"context": {"x": 1}, "guard": "g"}, {"context": {"x": 2}, "guard": "h"}, "perhaps_write_conflict"),
        ({"context": {"x": 1}, "guard": "g"}, {"context": {"x": 2}}, "write_conflict"),
        ({"keep": ["x"]}, {"keep": ["x"]}, None),
        ({"context": {"x": 1}}, {"context": {"y": 2}}, None),
        ({"context": {"x": 1}}, {"target": "#thing.end", "context": {"x": 2}}, None),
    ],
)
def test_regions_that_write_the_same_field_on_the_same_event_are_found(left: Any, right: Any, code: str | None) -> None:
    document = regions({"GO": left}, {"GO": right})
    document["guards"] = {name: {"when": {"@expr": f"actor.id == '{name}'"}} for name in ("g", "h")}

    found = [problem.code for problem in found_in(document) if problem.code.endswith("write_conflict")]
    assert found == ([code] if code else [])


def test_a_wildcard_in_one_region_meets_the_named_event_of_another() -> None:
    document = regions({"pay.card": {"context": {"x": 1}}}, {"pay.*": {"context": {"x": 2}}})

    assert "write_conflict" in [code for code, _ in errors_in(document)]


def test_what_entries_and_exits_assign_counts_as_written_by_the_transition() -> None:
    assign = {"type": "assign", "context": {"x": 1}}
    document = regions({"GO": {"target": "a", "reenter": True}}, {"GO": {"context": {"x": 2}}}, exit=assign)

    assert "write_conflict" in [code for code, _ in errors_in(document)]


def restoring(history: str) -> dict[str, Any]:
    """The state `c` is entered past its initial state, left, and restored."""
    c = {"initial": "d", "states": {"d": {}, "e": {}}}
    b = {"initial": "f", "states": {"c": c, "f": {}, "h": {"type": "history", "history": history}}}
    return {"a": {"on": {"GO": "b.c.e", "BACK": "b.h"}}, "b": {**b, "on": {"OUT": "a"}}}


@pytest.mark.parametrize(
    ("states", "unreached"),
    [
        ({"a": {"on": {"GO": "b.d"}}, "b": {"initial": "c", "states": {"c": {}, "d": {}}}}, ["/states/b/states/c"]),
        ({"a": {"on": {"GO": "p.left.b"}}, "p": PARALLEL}, ["/states/p/states/left/states/a"]),
        ({"a": {"on": {"GO": "p"}}, "p": {**PARALLEL, "onDone": "end"}, "end": END}, []),
        ({"a": {"onDone": "end", "initial": "b", "states": {"b": {"on": {"GO": "c"}}, "c": {}}}, "end": END},
         ["/states/end"]),
        ({"a": {"after": {"P1D": "b"}}, "b": {"always": {"target": "end"}}, "end": END}, []),
        ({"a": {"on": {"GO": "b.h"}}, "b": {"initial": "c", "states": {
            "c": {}, "d": {}, "h": {"type": "history", "target": "d"}}}}, ["/states/b/states/c"]),
        ({"a": {"on": {"GO": [{"target": "a"}, {"target": "b"}]}}, "b": {}}, ["/states/b"]),
        ({"a": {}, "b": {"initial": "c", "states": {"c": {"on": {"GO": "a"}}}}}, ["/states/b"]),
        ({"a": {"on": {"GO": {"target": "b", "guard": {"@expr": "false"}}}}, "b": {}}, []),
        (restoring("shallow"), []),
        (restoring("deep"), ["/states/b/states/c/states/d"]),
        ({"a": {"on": {"GO": "b.h"}}, "b": {"initial": "c", "states": {
            "c": {}, "p": PARALLEL, "h": {"type": "history", "history": "deep", "target": "p.left.b"}}}},
         ["/states/b/states/c", "/states/b/states/p/states/left/states/a"]),
        ({"a": {"on": {"GO": "b.c.d.f"}}, "b": {"initial": "g", "on": {"BACK": ".h"}, "states": {
            "c": {"initial": "d", "on": {"OUT": "g"}, "states": {
                "d": {"initial": "e", "states": {"e": {}, "f": {}}}, "h": {"type": "history"}}},
            "g": {}, "h": {"type": "history", "target": "c.h"}}}}, []),
    ],
)  # fmt: skip
def test_only_states_that_nothing_leads_to_are_called_unreachable(states: dict[str, Any], unreached: list[str]) -> None:
    assert [pointer for code, pointer in warnings_in(chart(states)) if code == "unreachable_state"] == unreached


@pytest.mark.parametrize(
    ("states", "ends"),
    [
        ({"a": {"initial": "b", "states": {"b": {}}, "on": {"GO": "end"}}, "end": END}, []),
        ({"a": {"initial": "b", "states": {"b": {"on": {"GO": {}}}}, "on": {"GO": "end"}}, "end": END},
         ["/states/a/states/b"]),
        ({"a": {"initial": "b", "states": {"b": {"on": {"*": {}}}}, "on": {"GO": "end"}}, "end": END},
         ["/states/a/states/b"]),
        ({"a": {"after": {"P1D": "end"}}, "end": END}, []),
        ({"a": {"on": {"GO": "a"}}}, ["/states/a"]),
        ({"p": {"type": "parallel", "states": {"x": {}, "y": {"on": {"GO": "#thing.end"}}}}, "end": END}, []),
        ({"p": {"type": "parallel", "states": {"x": {}, "y": END}, "onDone": "end"}, "end": END},
         ["/states/p/states/x"]),
    ],
)  # fmt: skip
def test_a_dead_end_is_a_leaf_that_nothing_around_it_leads_out_of(states: dict[str, Any], ends: list[str]) -> None:
    assert [pointer for code, pointer in warnings_in(chart(states)) if code == "dead_end"] == ends


def test_a_parallel_root_ends_when_all_of_its_regions_do() -> None:
    document = {"id": "thing", "type": "parallel", "states": PARALLEL["states"]}
    endless = {**document, "states": {**document["states"], "third": {"on": {"GO": {"actions": "notify"}}}}}

    assert found_in(document) == []
    assert ("no_end", "/states") in warnings_in(endless)


@pytest.mark.parametrize(
    "name",
    ["a\u202eb", "a\u200bb", "a\u200db", "\ufeffa", "a\u2066b", "a\u00adb", "e\u0301", "a ", " a", "1a", "a\tb", "😀",
     "a\u2028b", "a" * 101, "a\U000e0041"],
)  # fmt: skip
def test_a_name_that_does_not_look_like_what_it_is_is_refused_everywhere(name: str) -> None:
    branch = {"target": "a", "guard": name, "allow": [name]}
    document = chart({"a": {"on": {name: branch}, "entry": name}, name: {}}, guards={name: {"when": {"@expr": "true"}}},
                     roles={name: {}}, schemas={"events": {name: {}}}, internalEvents=[name])  # fmt: skip

    places = [pointer for code, pointer in errors_in(document) if code == "bad_name"]

    assert "/states/" + name in places
    if len(name) <= 100:  # beyond that a state's name is all that is looked at
        assert len(places) == 7


@pytest.mark.parametrize("name", ["Größe", "заказ", "状態", "مسودة", "a b", "_x", "paid (in full)", "a/b:c-d"])
def test_names_may_be_of_any_script(name: str) -> None:
    assert "bad_name" not in [code for code, _ in errors_in(chart({"a": {"on": {name: name}}, name: END}))]


def test_sixty_four_leaves_and_timers_are_possible_at_once_and_more_are_not() -> None:
    def wide(count: int, **state: Any) -> dict[str, Any]:
        return chart({"p": {"type": "parallel", "states": {f"r{n}": state for n in range(count)}}})

    assert ("too_many", "/states") not in errors_in(wide(64, after={"P1D": "#thing.p"}))
    assert errors_in(wide(65)) == [("too_many", "/states")]
    assert errors_in(wide(33, after={"P1D": "#thing.p", "P2D": "#thing.p"})) == [("too_many", "/states")]


def test_a_migration_names_revisions_once_and_states_that_are_there() -> None:
    migrations = [
        {"from": [1, 0], "states": {"old": "a", "gone": "b"}},
        {"from": [1], "context": {"n": {"@expr": "1 +"}}},
    ]

    assert errors_in(chart({"a": END}, migrations=migrations)) == [
        ("not_supported_yet", "/migrations"),
        ("bad_migration", "/migrations/0/from/1"),
        ("unknown_state", "/migrations/0/states/gone"),
        ("bad_migration", "/migrations/1/from/0"),
        ("bad_expression", "/migrations/1/context/n/@expr"),
    ]
