"""What simulated histories promise: accepted by the machine, in order of time, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from statewright.cli import main
from statewright.cli.bundled import bundled_definitions
from statewright.cli.reports import machine_in
from statewright.cli.simulation import Happening, Simulation, happenings
from statewright.machine.compile import Machine
from statewright.machine.decide import Accepted, Event, decide
from statewright.machine.moments import micros_of
from statewright.machine.playing import record_of
from statewright.machine.record import Actor, Head, fold

BUNDLED = [pytest.param(file, id=file.stem) for file in bundled_definitions()]


def simulated(file: Path, *options: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(main, ["simulate", str(file), "--until", "2026-06-01", *options])
    assert result.exit_code == 0, result.output
    return [msgspec.json.decode(line) for line in result.stdout_bytes.splitlines()]


def replayed(machine: Machine, lines: list[dict[str, Any]]) -> tuple[dict[str, Head], int]:
    """The heads after all lines, and how many lines were refused."""
    heads: dict[str, Head] = {}
    refused = 0
    for line in lines:
        actor = msgspec.convert(line.get("actor", {}), Actor)
        now = micros_of(line["occurred_at"])
        event = Event(line["event"], line.get("data", {}), actor, create=line.get("create", True), now=now)
        head = heads.get(line["entity"])
        decision = decide(machine, head, event)
        if not isinstance(decision, Accepted):
            refused += 1
            continue
        heads[line["entity"]] = fold(head, record_of(machine, head, event, decision))
    return heads, refused


@pytest.mark.parametrize("file", BUNDLED)
def test_every_line_is_accepted(file: Path):
    lines = simulated(file, "--entities", "60", "--late", "0.1")

    _, refused = replayed(machine_in(file), lines)

    assert refused == 0


@pytest.mark.parametrize("file", BUNDLED)
def test_many_lives_end_and_some_are_left_under_way(file: Path):
    machine = machine_in(file)
    heads, _ = replayed(machine, simulated(file, "--entities", "120"))

    ended = sum(machine.is_final(head.leaves) for head in heads.values())

    assert len(heads) == 120
    assert 24 <= ended < 120
    assert len({head.leaves for head in heads.values()}) >= 3


@pytest.mark.parametrize("file", BUNDLED)
def test_the_same_seed_gives_the_same_lines_and_another_gives_others(file: Path):
    first = simulated(file, "--entities", "20")

    assert simulated(file, "--entities", "20") == first
    assert simulated(file, "--entities", "20", "--seed", "2") != first


def test_lines_stand_in_order_of_time_between_the_two_moments():
    lines = simulated(bundled_definitions()[0], "--from", "2026-05-01")

    moments = [micros_of(line["occurred_at"]) for line in lines]
    assert moments == sorted(moments)
    assert micros_of("2026-05-01T00:00:00Z") <= moments[0]
    assert moments[-1] < micros_of("2026-06-01T00:00:00Z")


def test_most_of_what_people_do_is_done_at_work():
    lines = simulated(bundled_definitions()[0], "--entities", "300")

    hours = [int(line["occurred_at"][11:13]) for line in lines]
    assert sum(8 <= hour < 18 for hour in hours) > 0.75 * len(hours)


def test_late_events_are_stamped_before_the_one_they_follow():
    lines = simulated(bundled_definitions()[0], "--late", "0.3")

    last: dict[str, int] = {}
    late = 0
    for line in lines:
        moment = micros_of(line["occurred_at"])
        late += moment < last.get(line["entity"], 0)
        last[line["entity"]] = max(moment, last.get(line["entity"], 0))
    assert late > 0.1 * len(lines)


def test_mistakes_are_refused_and_nothing_else():
    file = bundled_definitions()[0]
    lines = simulated(file, "--mistakes", "0.2")

    _, refused = replayed(machine_in(file), lines)

    assert 0.05 * len(lines) < refused < 0.25 * len(lines)


def test_each_line_has_an_id_of_its_own():
    lines = simulated(bundled_definitions()[0], "--mistakes", "0.2")

    assert Counter(line["id"] for line in lines).most_common(1)[0][1] == 1


def test_a_definition_without_schemas_or_an_end_is_simulated_too(tmp_path: Path):
    file = tmp_path / "lamp.json"
    file.write_text(
        '{"id": "lamp", "initial": "off", "states": {"off": {"on": {"ON": "on"}}, "on": {"on": {"OFF": "off"}}}}'
    )

    heads, refused = replayed(machine_in(file), simulated(file, "--entities", "5"))

    assert len(heads) == 5
    assert refused == 0


def test_recorded_logs_definitions_are_simulated_too(logs: Path):
    for file in sorted((logs / "definitions").glob("*.v1.*.json")):
        _, refused = replayed(machine_in(file), simulated(file, "--entities", "10"))

        assert refused == 0


def test_a_definition_with_errors_is_not_simulated(tmp_path: Path):
    file = tmp_path / "door.json"
    file.write_text('{"id": "door", "initial": "shut", "states": {"shut": {"on": {"OPEN": "opne"}}}}')

    result = CliRunner().invoke(main, ["simulate", str(file)])

    assert result.exit_code == 1
    assert "[unknown_target]" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "options",
    [["--from", "yesterday"], ["--from", "2026-06-02"], ["--from", "2026-01-01", "--days", "3"], ["--late", "2"]],
)
def test_moments_that_make_no_sense_are_a_wrong_command_line(options: list[str]):
    arguments = ["simulate", str(bundled_definitions()[0]), "--until", "2026-06-01", *options]

    assert CliRunner().invoke(main, arguments).exit_code == 2


WAITING = """{
  "id": "visa", "initial": "asked",
  "schemas": {
    "context": {"type": "object", "required": ["price"], "properties": {
      "price": {"type": "integer", "minimum": 1, "maximum": 1000000}, "paid": {"type": "integer", "default": 0}}},
    "events": {"PAY": {"required": ["amount"], "properties": {"amount": {"type": "integer", "minimum": 1}}}}},
  "states": {
    "asked": {
      "on": {"PAY": {"target": "paid", "guard": {"@expr": "context.paid + event.amount == context.price"}}},
      "after": {"P400D": "lapsed"}},
    "paid": {"after": {"PT1H": "granted"}},
    "granted": {"type": "final"}, "lapsed": {"type": "final"}}
}"""


def lives_of(tmp_path: Path, text: str) -> tuple[Machine, list[Happening]]:
    (tmp_path / "visa.json").write_text(text)
    machine = machine_in(tmp_path / "visa.json")
    since, until = micros_of("2026-05-01T00:00:00Z"), micros_of("2026-06-01T00:00:00Z")
    return machine, list(happenings(Simulation(machine, 1), entities=40, since=since, until=until, mistakes=0.3))


def test_payloads_are_chosen_that_suit_what_guards_ask(tmp_path: Path):
    _, lives = lives_of(tmp_path, WAITING)

    sent = Counter(happening.line.event for happening in lives if happening.line is not None)

    assert sent["PAY"] >= 20


def test_a_timer_fires_when_it_is_due_and_before_what_comes_later(tmp_path: Path):
    _, lives = lives_of(tmp_path, WAITING)

    paid = {life.entity: life.moment for life in lives if life.line is not None and life.line.event == "PAY"}
    fired = {life.entity: life.moment for life in lives if life.timer is not None}
    moments = [life.moment for life in lives]

    assert fired
    assert all(fired[entity] - paid[entity] == 3_600_000_000 for entity in fired)
    assert moments == sorted(moments)


def test_mistakes_break_guards_too(tmp_path: Path):
    machine, lives = lives_of(tmp_path, WAITING)

    heads: dict[str, Head] = {}
    whys = Counter[str]()
    for life in lives:
        line, head = life.line, heads.get(life.entity)
        event = Event(None, now=life.moment, timer=life.timer)
        if line is not None:
            assert isinstance(line.data, dict) or line.data is msgspec.UNSET
            event = Event(line.event, line.data if isinstance(line.data, dict) else {}, now=life.moment)
        decision = decide(machine, head, event)
        if isinstance(decision, Accepted):
            heads[life.entity] = fold(head, record_of(machine, head, event, decision))
        else:
            whys[decision.why.value] += 1

    assert whys["guard_refused"] > 0


def test_a_timer_cannot_be_sent_so_lines_leave_a_life_where_one_comes_next(tmp_path: Path):
    (tmp_path / "visa.json").write_text(WAITING)

    lines = simulated(tmp_path / "visa.json", "--entities", "40")

    heads, refused = replayed(machine_in(tmp_path / "visa.json"), lines)
    assert refused == 0
    assert {head.leaves for head in heads.values()} == {("asked",), ("paid",)}
