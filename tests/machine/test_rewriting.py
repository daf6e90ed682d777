"""Spellings of other versions of XState: what they become, and where their problems are told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statewright.machine.reading import Reading, read_definition
from tests.machine.charts import Life, chart


def read(a: dict[str, Any], **keys: Any) -> Reading:
    document = {"id": "thing", "initial": "a", "states": {"a": a, "b": {}, "c": {}}, **keys}
    return read_definition(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"on": {"E": {"target": "b", "cond": "g"}}}, {"on": {"E": {"target": "b", "guard": "g"}}}),
        ({"on": {"": "b"}}, {"always": "b"}),
        ({"on": {"": {"target": "b", "cond": "g"}}}, {"always": {"target": "b", "guard": "g"}}),
        ({"on": {"": {"target": "b", "cond": "g"}}, "always": ["c"]},
         {"always": [{"target": "b", "guard": "g"}, "c"]}),
        ({"after": {"1000": "b", "90061001": "c"}}, {"after": {"PT1S": "b", "P1DT1H1M1.001S": "c"}}),
        ({"after": {"0": "b"}}, {"after": {"PT0S": "b"}}),
        ({"type": "choice", "choice": [{"target": "b", "guard": "g"}, "c"]},
         {"always": [{"target": "b", "guard": "g"}, "c"]}),
        ({"timeout": 60_000, "onTimeout": "b"}, {"after": {"PT1M": "b"}}),
        ({"timeout": "P1D", "onTimeout": "b"}, {"after": {"P1D": "b"}}),
        ({"key": "a", "meta": {"x": 1}}, {"meta": {"key": "a", "x": 1}}),
        ({"entry": {"type": "@xstate.log", "args": [1]}}, {"entry": {"type": "log", "args": [1]}}),
        ({"on": {"E": {"actions": [{"type": "@xstate.raise", "event": {"type": "F"}}, "beep"]}}},
         {"on": {"E": {"actions": [{"type": "raise", "event": {"type": "F"}}, "beep"]}}}),
        ({"initial": {"target": "x"}, "states": {"x": {"on": {"": "y"}}, "y": {}}},
         {"initial": "x", "states": {"x": {"always": "y"}, "y": {}}}),
    ],
)  # fmt: skip
def test_a_spelling_of_another_version_means_the_languages_own(written: dict[str, Any], meant: dict[str, Any]) -> None:
    guards = {"g": {"when": {"@expr": "true"}}}
    found, expected = read(written, guards=guards), read(meant, guards=guards)

    assert expected.definition is not None
    assert found.definition is not None, found.problems
    assert found.definition.states == expected.definition.states


def test_version_and_key_of_the_whole_become_free_content() -> None:
    reading = read({}, version="1.2", key="thing")

    assert reading.definition is not None
    assert reading.definition.meta == {"version": "1.2", "key": "thing"}


def test_delays_in_milliseconds_become_durations() -> None:
    life = Life(chart({"a": {"after": {"short": "b"}}, "b": {}}, delays={"short": 1500}))

    assert life.running == [("a", "short", 1_501_000, 1)]


@pytest.mark.parametrize(
    ("written", "pointer"),
    [
        ({"on": {"": {"allow": 5}}}, "/states/a/on//allow"),
        ({"on": {"": [{"target": "b", "cond": 5}]}}, "/states/a/on//0/cond"),
        ({"on": {"": [{"allow": 5}]}, "always": "b"}, "/states/a/on//0/allow"),
        ({"on": {"": "b"}, "always": [{"target": "c", "guard": "g", "allow": "x"}]}, "/states/a/always/0/allow"),
        ({"after": {"1000": {"target": "b", "allow": 5}}}, "/states/a/after/1000/allow"),
        ({"on": {"E": {"target": "b", "cond": 5}}}, "/states/a/on/E/cond"),
        ({"timeout": 5, "onTimeout": {"target": 5}}, "/states/a/onTimeout/target"),
    ],
)
def test_a_problem_is_told_where_it_stands_in_the_document_as_sent(written: dict[str, Any], pointer: str) -> None:
    reading = read(written)

    found = [problem for problem in reading.problems if problem.severity != "warning"]
    assert pointer in [problem.pointer for problem in found]
    assert all(problem.line == 1 for problem in found)


def test_both_ways_to_write_one_delay_are_a_problem_and_not_lost() -> None:
    reading = read({"after": {"1000": "b", "PT1S": "c"}})

    assert reading.definition is not None
    assert list(reading.definition.states["a"].after) == ["1000", "PT1S"]
