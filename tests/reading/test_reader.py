"""Reading documents apart: the same answers, within limits, and what happens when the process ends."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from statewright.catalog import Catalog
from statewright.formats.notes import Unreadable
from statewright.machine.reading import SIZE, read_definition
from statewright.machine.surroundings import Other, Surroundings
from statewright.reading.apart import Answered, Apart, Asked, Ended
from statewright.reading.reader import LARGE, Reader


def large(states: int = 400, **keys: Any) -> bytes:
    """A definition that is read apart, with a warning for every other state and an error."""
    chain: dict[str, Any] = {
        f"s{n}": {"label": f"State {n}", "on": {"GO": {"target": f"s{n + 1}", "guard": {"@expr": f"context.x == {n}"}}}}
        for n in range(states)
    }
    document = {"id": "chain", "initial": "s0", "states": {**chain, f"s{states}": {"on": {"GO": "nowhere"}}}, **keys}
    text = json.dumps(document).encode()
    assert LARGE < len(text) < SIZE
    return text


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    made = Reader(apart=True)
    yield made
    made.close()


def test_what_is_read_apart_is_read_alike(reader: Reader) -> None:
    text = large()

    assert reader.definition(text) == read_definition(text)


def test_what_is_misshapen_or_no_json_is_told_alike(reader: Reader) -> None:
    for text in (large(lable="x", migrations=[{"from": [1.0]}]), b'{"id": "a", ' + b" " * LARGE, large(2_000)):
        assert reader.definition(text) == read_definition(text)
        assert reader.definition(text).malformed


def test_what_stands_around_a_document_is_handed_over(reader: Reader) -> None:
    guard = {"@expr": "in_state('sold', related.house)"}
    text = large(
        relations={"house": {"entity": "house", "key": "house_id"}},
        on={"ASK": {"guard": guard}},
    )
    around = Surroundings({"house": Other(None, ("let",))}, {1: Other({"properties": {}}, ("s0",))})

    assert reader.definition(text, around) == read_definition(text, around)
    assert reader.definition(text, around) != reader.definition(text)


def test_machines_of_other_tools_are_read_apart_alike(reader: Reader) -> None:
    states = {f"s{n}": {"invoke": {"src": "load", "onDone": f"s{n + 1}"}, "description": "x" * 100} for n in range(300)}
    machine = json.dumps({"id": "Wide", "initial": "s0", "states": {**states, "s300": {"type": "final"}}}).encode()

    assert len(machine) > LARGE
    assert reader.foreign(machine, "xstate") == Reader().foreign(machine, "xstate")
    with pytest.raises(Unreadable) as apart:
        reader.foreign(b"<scxml>" + b" " * LARGE, "scxml")
    with pytest.raises(Unreadable) as here:
        Reader().foreign(b"<scxml>" + b" " * LARGE, "scxml")
    assert str(apart.value) == str(here.value)


def test_a_document_that_takes_too_long_ends_the_process_and_the_next_one_gets_another() -> None:
    slow = Apart(seconds=0.0)
    with pytest.raises(Ended):
        slow.ask(Asked(large()))
    slow.close()
    patient = Apart()
    answer = patient.ask(Asked(large()))
    patient.close()

    assert answer.reading == read_definition(large())


def test_a_reader_goes_on_with_another_process_when_one_was_killed() -> None:
    reader = Reader(apart=True)
    try:
        reader.definition(large())
        assert reader._process is not None
        os.kill(reader._process._process.pid, signal.SIGKILL)

        assert reader.definition(large(401)) == read_definition(large(401))
    finally:
        reader.close()


def test_what_takes_too_much_is_malformed_and_tried_again_when_it_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Apart, "ask", _refuse_once(Apart.ask))
    reader = Reader(apart=True)
    try:
        [problem] = reader.definition(large()).problems

        assert (problem.code, problem.severity) == ("too_costly", "malformed")
        assert reader.definition(large()) == read_definition(large())
    finally:
        reader.close()


def _refuse_once(ask: Callable[[Apart, Asked], Answered]) -> Callable[[Apart, Asked], Answered]:
    asked: list[Asked] = []

    def refusing(apart: Apart, wanted: Asked) -> Answered:
        asked.append(wanted)
        if len(asked) == 1:
            raise Ended(late=True)
        return ask(apart, wanted)

    return refusing


def test_a_reader_that_can_make_no_process_reads_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("out of processes")

    monkeypatch.setattr("statewright.reading.apart.subprocess.Popen", refuse)

    assert Reader(apart=True).definition(large()) == read_definition(large())


def test_several_threads_are_answered_each_with_its_own(reader: Reader) -> None:
    texts = [large(400 + n) for n in range(6)]
    answers: dict[int, Any] = {}

    def read(index: int) -> None:
        answers[index] = reader.definition(texts[index])

    threads = [threading.Thread(target=read, args=(index,)) for index in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [answers[index].digest for index in range(6)] == [read_definition(text).digest for text in texts]


def test_the_process_is_deaf_to_an_interrupt_from_the_keyboard() -> None:
    apart = Apart()
    try:
        apart.ask(Asked(b"{}"))
        os.kill(apart._process.pid, signal.SIGINT)

        assert apart.ask(Asked(b"{}")).reading is not None
    finally:
        apart.close()


def test_a_catalogue_checks_a_document_among_what_is_registered(tmp_path: Path) -> None:
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    try:
        house = {
            "id": "house",
            "initial": "empty",
            "states": {"empty": {"on": {"LET": "let"}}, "let": {"type": "final"}},
        }
        catalog.register(json.dumps(house).encode(), activate=True)
        guard = {"@expr": "in_state('sold', related.house)"}
        tenant = {
            "id": "tenant",
            "initial": "a",
            "schemas": {"context": {"properties": {"house_id": {"type": "string"}}}},
            "relations": {"house": {"entity": "house", "key": "house_id"}},
            "states": {"a": {"on": {"GO": {"target": "b", "guard": guard}}}, "b": {"type": "final"}},
        }

        problems = catalog.check(json.dumps(tenant).encode())

        assert ("unknown_state", "/states/a/on/GO/guard/@expr") in [(each.code, each.pointer) for each in problems]
        catalog.register(
            json.dumps({**house, "schemas": {"context": {"properties": {"n": {"type": "string"}}}}}).encode()
        )
        moved = {**house, "migrations": [{"from": [2, 9], "context": {"n": {"@expr": "context.n + 1"}}}]}
        found = [(each.code, each.pointer) for each in catalog.check(json.dumps(moved).encode())]
        assert ("type_mismatch", "/migrations/0/context/n/@expr") in found
        assert ("bad_migration", "/migrations/0/from/1") in found
    finally:
        catalog.close()
