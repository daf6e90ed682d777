"""Recorded histories decided again: what is counted, what is explained, what an entity is held to have been given."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from statewright.machine.backtesting import EXAMPLES, Backtest, Tally, past_of, stranded
from statewright.machine.compile import Machine
from statewright.machine.decide import Accepted, Event, decide
from statewright.machine.playing import Life, record_of
from statewright.machine.record import Actor, Head, Record, fold
from tests.backtests.recording import machine_of

LOAN: dict[str, Any] = {
    "id": "loan",
    "keep": "*",
    "creation": "implicit",
    "initial": "asked",
    "roles": {"clerk": {}},
    "states": {
        "asked": {"on": {"CHECK": "checked", "DROP": "dropped"}},
        "checked": {"on": {"GRANT": "granted", "CHECK": "checked", "DROP": "dropped"}},
        "granted": {"type": "final"},
        "dropped": {"type": "final"},
    },
}


def with_states(**states: Any) -> dict[str, Any]:
    return {**LOAN, "states": {**LOAN["states"], **states}}


def recorded(machine: Machine, *lives: Sequence[tuple[str | None, dict[str, Any]]]) -> list[Record]:
    """One entity for each life, their transitions in turn, as a log would hold them."""
    records: list[Record] = []
    heads: dict[int, Head] = {}
    for step in range(max(map(len, lives))):
        for number, life in enumerate(lives):
            if step < len(life):
                name, payload = life[step]
                event = Event(name, dict(payload), Actor("ann", ("clerk",)), now=1_000_000 * (step + 1), entity="x")
                outcome = decide(machine, heads.get(number), event)
                assert isinstance(outcome, Accepted), outcome
                record = record_of(machine, heads.get(number), event, outcome)
                record.entity, record.position = f"e-{number}", len(records) + 1
                heads[number] = fold(heads.get(number), record)
                records.append(record)
    return records


def tried(document: dict[str, Any], then: Machine, records: Sequence[Record]) -> Tally:
    backtest = Backtest(machine_of(document, 2), lambda revision: then if revision == then.revision else None)
    backtest.replay(map(past_of, records))
    return backtest.finish()


def test_a_definition_conforms_to_its_own_history() -> None:
    then = machine_of(LOAN)
    records = recorded(then, [("CHECK", {"sum": 5}), ("GRANT", {})], [("CHECK", {}), ("DROP", {})])

    tally = tried(LOAN, then, records)

    assert (tally.transitions, tally.accepted, tally.histories, tally.conforming) == (4, 4, 2, 2)
    assert tally.findings == []


def test_what_would_have_been_refused_is_counted_by_state_event_and_reason_with_examples() -> None:
    then = machine_of(LOAN)
    records = recorded(then, *[[("CHECK", {"sum": number}), ("GRANT", {})] for number in range(30)])
    guarded = with_states(
        checked={"on": {"GRANT": {"target": "granted", "guard": {"@expr": "context.sum < 10"}}, "CHECK": "checked"}}
    )

    tally = tried(guarded, then, records)

    assert (tally.accepted, tally.refused, tally.conforming) == (40, 20, 10)
    [found] = tally.findings
    assert (found.kind, found.state, found.event, found.why) == ("refused", ("checked",), "GRANT", "guard_refused")
    assert found.at == ("/states/checked/on/GRANT",)
    assert (found.count, found.histories, len(found.examples)) == (20, 20, EXAMPLES)
    example = found.examples[0]
    assert (example.entity, example.version, example.first) == ("e-10", 2, True)
    assert example.explanation[0]["where"] == {"context.sum": 10}


def test_after_a_refusal_an_entity_stands_where_the_new_definition_left_it() -> None:
    then = machine_of(LOAN)
    records = recorded(then, [("CHECK", {}), ("CHECK", {}), ("GRANT", {})])
    without = with_states(asked={"on": {"DROP": "dropped"}})

    tally = tried(without, then, records)

    assert tally.refused == 3
    assert [(found.state, found.event, found.histories) for found in tally.findings] == [
        ((), "CHECK", 1),
        ((), "GRANT", 0),
    ]


def test_what_leads_elsewhere_is_told_apart_from_what_is_refused() -> None:
    then = machine_of(LOAN)
    records = recorded(then, [("CHECK", {}), ("DROP", {})])
    elsewhere = with_states(checked={"on": {"DROP": "granted"}})

    [found] = tried(elsewhere, then, records).findings

    assert (found.kind, found.to, found.went) == ("diverged", ("dropped",), ("granted",))


def test_a_renamed_state_is_the_same_place_where_a_migration_says_so() -> None:
    then = machine_of(LOAN)
    records = recorded(then, [("CHECK", {}), ("CHECK", {}), ("GRANT", {})])
    renamed = with_states(
        asked={"on": {"CHECK": "looked_at"}}, looked_at={"on": {"CHECK": "looked_at", "GRANT": "granted"}}
    )
    del renamed["states"]["checked"]
    told = {**renamed, "migrations": [{"from": [1], "states": {"checked": "looked_at"}}]}

    assert tried(renamed, then, records).diverged == 2
    assert tried(told, then, records).accepted == 3


def test_a_creation_is_given_what_its_caller_gave_and_not_what_the_definition_put_there() -> None:
    schema = {
        "type": "object",
        "properties": {"sum": {"type": "integer"}, "fee": {"type": "integer", "default": 7, "readOnly": True}},
    }
    document = {**LOAN, "creation": "explicit", "schemas": {"context": schema}}
    then = machine_of(document)
    records = recorded(then, [(None, {"sum": 5}), ("CHECK", {})])
    dearer = {
        "type": "object",
        "properties": {**schema["properties"], "fee": {"type": "integer", "const": 9, "default": 9, "readOnly": True}},
    }  # type: ignore[dict-item]

    tally = tried({**document, "schemas": {"context": dearer}}, then, records)

    assert (tally.accepted, tally.refused) == (2, 0)


def test_a_timer_that_fired_fires_again_and_one_that_does_not_run_is_told() -> None:
    waiting = {
        "id": "bill",
        "initial": "open",
        "states": {
            "open": {"after": {"P1D": "late"}, "on": {"PAY": "paid"}},
            "late": {"on": {"PAY": "paid"}},
            "paid": {"type": "final"},
        },
    }
    then = machine_of(waiting)
    life = Life(then, 0)
    life.send(Event(None))
    life.wait(2 * 86_400_000_000)
    life.send(Event("PAY"))
    records, head = [], None
    for position, each in enumerate(life.decided, 1):
        assert isinstance(each.outcome, Accepted)
        record = record_of(then, head, each.event, each.outcome)
        record.entity, record.position = "b", position
        head = fold(head, record)
        records.append(record)
    without = {**waiting, "states": {**waiting["states"], "open": {"on": {"PAY": "paid"}}}}  # type: ignore[dict-item]
    sooner = {**waiting, "states": {**waiting["states"], "open": {"after": {"PT1H": "late"}, "on": {"PAY": "paid"}}}}  # type: ignore[dict-item]

    assert tried(waiting, then, records).accepted == 3
    [found] = tried(without, then, records).findings
    assert (found.kind, found.event) == ("unfired", "after.P1D.open")
    assert tried(sooner, then, records).timers_due == 1


def test_a_record_that_no_event_made_is_passed_over() -> None:
    then = machine_of(LOAN)
    records = recorded(then, [("CHECK", {"sum": 1})])
    erased = Record(entity="e-0", version=2, position=2, revision=1, kind="erased", removed=("sum",), to=("checked",))

    tally = tried(LOAN, then, [*records, erased])

    assert (tally.passed_over, tally.accepted, tally.conforming) == (1, 1, 1)


@pytest.mark.parametrize("seed", range(12))
def test_the_short_way_decides_as_a_whole_decision_would(seed: int) -> None:
    """Random lives under random flat definitions: the tally of a plain loop over `decide` is the same."""
    source = random.Random(seed)
    then = machine_of({**LOAN, "states": {"any": {"on": {"*": {"keep": "*"}}}}, "initial": "any"})
    lives = [
        [(source.choice(["CHECK", "GRANT", "DROP", "X"]), {"sum": source.randrange(20)}) for _ in range(6)]
        for _ in range(40)
    ]
    records = recorded(then, *lives)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"sum": {"type": "integer", "maximum": source.choice([9, 99])}},
    }
    draft = with_states(
        asked={"on": {"CHECK": {"target": "checked", "keep": source.choice([["sum"], "*", []])}, "DROP": "dropped"}},
        checked={
            "on": {
                "GRANT": {"target": "granted", "allow": [source.choice(["clerk", "boss"])]},
                "CHECK": [{"target": "asked", "guard": {"@expr": "event.sum > 12"}}, "checked"],
            }
        },
    )
    draft["roles"] = {"clerk": {}, "boss": {}}
    if source.random() < 0.7:
        draft["schemas"] = {"context": schema}

    tally = tried(draft, then, records)

    assert (tally.accepted, tally.diverged, tally.refused) == _plainly(machine_of(draft, 2), records)


def _plainly(machine: Machine, records: Sequence[Record]) -> tuple[int, int, int]:
    heads: dict[str, Head] = {}
    accepted = diverged = refused = 0
    for record in records:
        event = Event(record.event, dict(record.payload), record.actor, now=record.recorded_at, entity=record.entity)
        head = heads.get(record.entity)
        outcome = decide(machine, head, event)
        if isinstance(outcome, Accepted):
            heads[record.entity] = fold(head, record_of(machine, head, event, outcome))
            accepted, diverged = accepted + (outcome.to == record.to), diverged + (outcome.to != record.to)
        else:
            refused += 1
    return accepted, diverged, refused


def test_a_state_is_stranded_that_is_nowhere_even_after_migrations() -> None:
    renamed = with_states(asked={"on": {"CHECK": "looked_at"}}, looked_at={})
    del renamed["states"]["checked"]
    machine = machine_of({**renamed, "migrations": [{"from": [1], "states": {"checked": "looked_at"}}]}, 3)

    assert stranded(machine, ("checked",), 1) == ()
    assert stranded(machine, ("checked",), 2) == ("checked",)
