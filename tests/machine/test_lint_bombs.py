"""Documents made to take a checker's time or memory: refused, and memory stays flat; how soon, the benchmarks say."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from statewright.machine.reading import SIZE, Reading, read_definition
from tests.machine.checked import END, chart

MEMORY = 150_000_000


def nested(depth: int) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for _ in range(depth):
        state = {"initial": "s", "states": {"s": state}}
    return chart({"s": state})


def guarded(expression: str) -> dict[str, Any]:
    return chart({"a": {"on": {"GO": {"target": "end", "guard": {"@expr": expression}}}}, "end": END})


def unknown_keys() -> dict[str, Any]:
    return {**chart({"a": END}), **{f"inital{n}": 1 for n in range(25_000)}}


def unknown_targets() -> dict[str, Any]:
    return chart(
        {f"state number {n}": {"on": {f"e{k}": f"stat number {n}{k}" for k in range(4)}} for n in range(1_000)}
    )


def wide_names() -> dict[str, Any]:
    return chart({"n" * 200_000: {"initial": "s0", "states": {f"s{n}": {} for n in range(900)}}})


def writing_regions() -> dict[str, Any]:
    write = {f"e{n}": {"context": {f"f{k}": 1 for k in range(8)}} for n in range(60)}
    inner = {f"r{n}": {"on": {**write, "*": {"context": {"f0": 1}}}} for n in range(40)}
    return chart({"p": {"type": "parallel", "states": inner}})


def chained() -> dict[str, Any]:
    fields = {f"f{n}": {"type": "string"} for n in range(4_000)}
    states = {f"s{n}": {"on": {"GO": {"target": f"s{(n + 1) % 990}", "context": {f"f{n}": "x"}}}} for n in range(990)}
    states["s0"]["on"]["READ"] = {"target": "s0", "guard": {"@expr": "context.f3 == 'x'"}}
    return chart(states, schemas={"context": {"properties": fields}})


def endings() -> dict[str, Any]:
    inner = {"initial": "x", "states": {"x": END}}
    return chart({f"s{n}": {**inner, "onDone": f"s{n + 1}"} for n in range(480)} | {"s480": END})


def many_expressions() -> dict[str, Any]:
    patch = {f"f{n}": {"@expr": f"{n} + {n}"} for n in range(12_000)}
    return chart({"a": {"on": {"GO": {"target": "a", "context": patch}}}})


def always_ring() -> dict[str, Any]:
    return chart({f"s{n}": {"always": f"s{(n + 1) % 1000}"} for n in range(1_000)})


def always_everywhere() -> dict[str, Any]:
    inner = {
        f"r{n}": {"initial": "a", "always": f"#thing.p.r{(n + 1) % 300}.a", "states": {"a": {}}} for n in range(300)
    }
    return chart({"p": {"type": "parallel", "always": "p", "states": inner}})


def counting_patterns() -> dict[str, Any]:
    fields = {f"f{n}": {"type": "string", "pattern": f"(x{{1,900}}){n}"} for n in range(2_000)}
    return chart({"a": END}, schemas={"context": {"properties": fields}})


def counting_expressions() -> dict[str, Any]:
    guards = {
        f"E{n}": {"target": "a", "guard": {"@expr": f"actor.id.matches('(x{{1,900}}){n}')"}} for n in range(2_000)
    }
    return chart({"a": {"on": guards}})


def history_ring() -> dict[str, Any]:
    ring = {f"h{n}": {"type": "history", "target": f"h{(n + 1) % 900}"} for n in range(900)}
    return chart({"a": {"initial": "b", "states": {"b": {}, **ring}, "on": {"GO": "#thing.a.h0"}}})


BOMBS: dict[str, tuple[Callable[[], dict[str, Any] | bytes], str]] = {
    "JSON that nests without end": (lambda: b'{"a":' * 80_000, "malformed"),
    "lists that nest without end": (lambda: b"[" * 500_000, "malformed"),
    "states as deep as JSON goes": (lambda: nested(30), "dead_end"),
    "40,000 states": (lambda: chart({f"{n:x}": {} for n in range(30_000)}), "too_many"),
    "100,000 states": (lambda: chart({f"s{n}": {} for n in range(100_000)}), "too_large"),
    "20,000 branches": (lambda: chart({"a": {"on": {"GO": ["a"] * 20_000}}}), "too_many"),
    "50,000 targets": (lambda: chart({"a": {"on": {"GO": {"target": ["a"] * 50_000}}}}), "too_many"),
    "25,000 unknown keys": (unknown_keys, "unknown_key"),
    "4,000 unknown targets": (unknown_targets, "unknown_target"),
    "a name of 200,000 letters above 900 states": (wide_names, "bad_name"),
    "10,000 alternatives": (lambda: guarded("||".join(["true"] * 10_000)), "bad_expression"),
    "2 KB of alternatives": (lambda: guarded("||".join(["1<2"] * 400)), "bad_expression"),
    "brackets": (lambda: guarded("(" * 1_000 + "1" + ")" * 1_000), "bad_expression"),
    "macros in macros": (
        lambda: guarded("[1,2].all(a,[1,2].all(b,[1,2].all(c,[1,2].all(d,a+b+c+d>0))))"),
        "bad_expression",
    ),
    "a pattern that backtracks": (
        lambda: guarded(r"actor.id.matches('(a+)+$') && actor.id.matches('(?=x)')"),
        "bad_expression",
    ),
    "a pattern that unfolds": (lambda: guarded("actor.id.matches('((a{1000}){1000}){1000}')"), "bad_expression"),
    "a pattern of a schema that unfolds": (
        lambda: chart({"a": END}, schemas={"context": {"properties": {"x": {"pattern": "((a{1000}){1000}){1000}"}}}}),
        "bad_schema",
    ),
    "2,000 patterns that count to 900": (counting_patterns, "too_many"),
    "2,000 expressions with patterns that count to 900": (counting_expressions, "too_many"),
    "a ring of 900 history states": (history_ring, "no_effect"),
    "12,000 expressions": (many_expressions, "too_many"),
    "a ring of 1,000 always": (always_ring, "always_cycle"),
    "always in 300 regions": (always_everywhere, "always_cycle"),
    "40 regions that write the same": (writing_regions, "write_conflict"),
    "4,000 fields through 990 states": (chained, "maybe_absent"),
    "480 endings in a row": (endings, ""),
    "64,000 actions": (lambda: chart({"a": {"entry": ["x"] * 64_000}}), "too_many"),
}


def read(document: dict[str, Any] | bytes) -> Reading:
    return read_definition(document if isinstance(document, bytes) else json.dumps(document).encode())


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_answered(name: str) -> None:
    make, code = BOMBS[name]
    document = make()

    found = {problem.code for problem in read(document).problems}

    assert code in found or not code


@pytest.mark.parametrize("name", ["25,000 unknown keys", "a name of 200,000 letters above 900 states", "40,000 states"])
def test_a_bomb_takes_no_more_memory_than_a_large_document(name: str) -> None:
    document = json.dumps(BOMBS[name][0]()).encode()
    assert len(document) <= SIZE

    tracemalloc.start()
    read_definition(document)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < MEMORY


def test_a_thousand_problems_are_shown_and_that_there_are_more() -> None:
    found = read(unknown_targets()).problems

    assert len(found) == 1_001
    assert found[0].code == "too_many_problems"
    assert sum(problem.severity == "error" for problem in found) == 1_000


def test_a_definition_of_a_thousand_states_with_guards_is_read_and_checked() -> None:
    events = {f"E{n}": {"required": ["n"], "properties": {"n": {"type": "integer"}}} for n in range(5)}
    context = {"required": ["total"], "properties": {"total": {"type": "integer"}}}
    states: dict[str, Any] = {
        f"s{n}": {"on": {f"E{k}": {"target": f"s{(n * 7 + k) % 1_000}", "guard": f"g{k}"} for k in range(5)}}
        for n in range(999)
    }
    guards = {f"g{k}": {"when": {"@expr": f"context.total + event.n > {k}"}} for k in range(5)}
    document = chart({**states, "s999": END}, guards=guards, schemas={"context": context, "events": events})

    reading = read(document)

    assert reading.problems == ()
