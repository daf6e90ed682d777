"""What holds of the checks whatever the document: they answer, they point into it, and they use known codes alone."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from statewright.machine.codes import TABLE
from statewright.machine.compile import compile_machine
from statewright.machine.decide import Accepted, Event, decide
from statewright.machine.definition import Definition
from statewright.machine.reading import Reading, read_definition
from statewright.machine.record import Actor, Head, fold
from tests.machine.charts import recorded
from tests.machine.random_documents import Charts, Documents


def stands(document: Any, pointer: str) -> bool:
    """Whether a pointer leads to something in the document."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list):
            if not name.isdigit() or int(name) >= len(document):
                return False
            document = document[int(name)]
        elif isinstance(document, dict) and name in document:
            document = document[name]
        else:
            return False
    return True


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_the_checks_answer_for_any_document_with_known_codes_and_places_in_it(seed: int) -> None:
    document = Documents(seed).one()
    msgspec.convert(document, Definition)
    reading = read_definition(json.dumps(document).encode())

    assert reading.definition is not None
    for problem in reading.problems:
        row = TABLE[problem.code]
        assert problem.severity in (row.severity, row.also)
        assert stands(document, problem.pointer) or stands(document, problem.pointer.rpartition("/")[0])
        assert problem.line is not None
        assert problem.sentence


def spoilt(value: Any, chance: random.Random) -> Any:
    """The document with a few values replaced by others, and a few keys mistyped."""
    if chance.random() < 0.02:
        return chance.choice([5, None, [], {}, "", {"onn": 1}])
    if isinstance(value, list):
        return [spoilt(item, chance) for item in value]
    if not isinstance(value, dict):
        return value
    return {key + ("x" if chance.random() < 0.02 else ""): spoilt(item, chance) for key, item in value.items()}


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_the_checks_answer_for_documents_that_are_not_quite_of_the_language(seed: int) -> None:
    document = spoilt(Documents(seed).one(), random.Random(seed))
    reading = read_definition(json.dumps(document).encode())

    assert reading.malformed == any(problem.severity == "malformed" for problem in reading.problems)
    assert all(problem.code in TABLE and problem.line is not None for problem in reading.problems)


def visited(reading: Reading, seed: int) -> set[str]:
    """The states, with all around them, that one entity comes through in fifty random events and timers."""
    assert reading.definition is not None
    machine = compile_machine(reading.definition, revision=1, digest=reading.digest)
    chance, seen = random.Random(seed), set[str]()
    head: Head | None = None
    for step in range(50):
        event = Event(None if head is None else chance.choice("abcd"), {"x": chance.randint(0, 3)} if head else {})
        if head is not None and head.timers and chance.random() < 0.3:
            event = Event(None, timer=chance.choice(head.timers), actor=Actor("statewright:timer", ("system",)))
        event.now = step + 1
        outcome = decide(machine, head, event)
        if not isinstance(outcome, Accepted):
            if head is None:
                return seen
            continue
        head = fold(head, recorded(outcome, event, 1 if head is None else head.version + 1))
        came_to = [*head.leaves, *(path for microstep in outcome.steps for path in microstep.entered)]
        seen.update(".".join(path.split(".")[:length]) for path in came_to for length in range(1, path.count(".") + 2))
    return seen


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_no_sequence_of_events_reaches_a_state_that_the_checks_call_unreachable(seed: int) -> None:
    reading = read_definition(json.dumps(Charts(seed).one()).encode())
    if not reading.activable:
        return
    unreachable = {
        problem.pointer.removeprefix("/states/").replace("/states/", ".")
        for problem in reading.problems
        if problem.code == "unreachable_state"
    }

    assert not visited(reading, seed) & unreachable
