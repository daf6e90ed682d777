"""Timers: when they start and stop, and what a firing does."""

from __future__ import annotations

from typing import Any

import pytest

from statewright.machine.decide import Event, Refused, Why, decide
from statewright.machine.moments import duration_of
from statewright.machine.record import Actor, Timer
from tests.machine.charts import Life, chart

SYSTEM = Actor("statewright:timer", ("system",))
HOUR = 3_600_000_000
WAITING = {
    "waiting": {
        "after": {"PT1H": "late", "P2D": {"context": {"old": True}}},
        "on": {
            "NOTE": {"keep": "*"},
            "SELF": "waiting",
            "AGAIN": {"target": "waiting", "reenter": True},
            "GO": "gone",
            "END": "end",
        },
    },
    "late": {},
    "gone": {},
    "end": {"type": "final"},
}


def test_a_timer_runs_from_the_entry_of_its_state() -> None:
    life = Life(chart(WAITING))

    assert life.running == [("waiting", "PT1H", HOUR + 1_000, 1), ("waiting", "P2D", 48 * HOUR + 1_000, 1)]


@pytest.mark.parametrize("event", ["NOTE", "SELF"])
def test_what_does_not_leave_the_state_leaves_its_timers_running(event: str) -> None:
    life = Life(chart(WAITING))
    before = life.running

    life.tell(Event(event, now=5_000))

    assert life.running == before
    assert (life.last.timers_started, life.last.timers_stopped) == ((), ())


def test_reentering_starts_timers_anew() -> None:
    life = Life(chart(WAITING))

    life.tell(Event("AGAIN", now=5_000))

    assert life.running == [("waiting", "PT1H", HOUR + 5_000, 2), ("waiting", "P2D", 48 * HOUR + 5_000, 2)]
    assert life.last.timers_stopped == (("waiting", "PT1H"), ("waiting", "P2D"))


@pytest.mark.parametrize("event", ["GO", "END"])
def test_leaving_stops_timers(event: str) -> None:
    life = Life(chart(WAITING))

    life.send(event)

    assert life.running == []
    assert life.last.timers_stopped == (("waiting", "PT1H"), ("waiting", "P2D"))


def test_a_back_dated_event_makes_no_timer_due_earlier() -> None:
    life = Life(chart({"a": {"on": {"GO": "b"}}, "b": {"after": {"PT1H": "a"}}}))

    life.tell(Event("GO", now=9_000, occurred_at=2_000))

    assert life.running == [("b", "PT1H", HOUR + 9_000, 2)]


def test_a_state_that_is_only_passed_through_starts_no_timer() -> None:
    states = {"a": {"on": {"GO": "b"}}, "b": {"after": {"PT1H": "a"}, "always": "c"}, "c": {}}
    life = Life(chart(states))

    life.send("GO")

    assert (life.running, life.last.timers_started) == ([], ())


def test_a_firing_is_an_event_of_its_own_and_ends_its_timer() -> None:
    life = Life(chart(WAITING))

    outcome = life.fires("waiting", "PT1H")

    assert (outcome.kind, outcome.to) == ("timer", ("late",))
    assert outcome.steps[0].cause == "after.PT1H.waiting"
    assert life.running == []


def test_a_firing_that_keeps_the_state_stops_only_itself() -> None:
    life = Life(chart(WAITING))

    life.fires("waiting", "P2D")

    assert (life.leaves, life.data) == (("waiting",), {"old": True})
    assert [timer[1] for timer in life.running] == ["PT1H"]


def test_a_firing_whose_guards_are_false_is_recorded_and_over() -> None:
    branch = {"target": "b", "guard": {"@expr": "has(context.never)"}}
    life = Life(chart({"a": {"after": {"PT1H": branch}}, "b": {}}))

    outcome = life.fires("a", "PT1H")

    assert (outcome.kind, outcome.from_, outcome.to, outcome.steps) == ("timer", ("a",), ("a",), ())
    assert outcome.timers_stopped == (("a", "PT1H"),)
    assert life.running == []


def test_a_firing_that_fails_is_refused_and_its_timer_runs_on() -> None:
    life = Life(chart({"a": {"after": {"PT1H": {"target": "b", "guard": {"@expr": "context.n > 1"}}}}, "b": {}}))

    refused = decide(life.machine, life.head, Event(None, timer=life.timer("a", "PT1H"), actor=SYSTEM))

    assert isinstance(refused, Refused)
    assert refused.why is Why.GUARD_ERROR
    assert len(life.running) == 1


def test_a_stale_firing_does_nothing() -> None:
    life = Life(chart(WAITING))
    stale = life.timer("waiting", "PT1H")
    life.send("AGAIN")

    refused = decide(life.machine, life.head, Event(None, timer=stale, actor=SYSTEM))

    assert isinstance(refused, Refused)
    assert refused.why is Why.NOT_IN_THIS_STATE


def delayed(expr: str, **data: Any) -> Life:
    delays = {"until_due": {"duration": {"@expr": expr}}}
    entry = {"type": "assign", "context": {"hours": 3}}
    return Life(chart({"a": {"after": {"until_due": "b"}, "entry": entry}, "b": {}}, delays=delays), **data)


@pytest.mark.parametrize(
    ("expr", "data", "due"),
    [
        ("duration('2h')", {}, 2 * HOUR + 1_000),
        ("timestamp(context.due_at) - now", {"due_at": "1970-01-01T05:00:00Z"}, 5 * HOUR),
        ("timestamp(context.due_at) - now", {"due_at": "1969-01-01T05:00:00Z"}, 1_000),
        ("context.hours == 3 ? duration('3h') : duration('0s')", {}, 3 * HOUR + 1_000),
    ],
)
def test_a_named_delay_is_worked_out_on_entry_and_is_never_negative(expr: str, data: dict[str, Any], due: int) -> None:
    assert delayed(expr, **data).running == [("a", "until_due", due, 1)]


def test_a_delay_that_cannot_be_worked_out_refuses_the_event() -> None:
    machine = delayed("duration('2h')").machine
    states = {"a": {"on": {"GO": "b"}}, "b": {"after": {"d": "a"}}}
    delays = {"d": {"duration": {"@expr": "timestamp(context.due_at) - now"}}}
    life = Life(chart(states, delays=delays))

    assert machine.type == "thing"
    assert life.why("GO") is Why.GUARD_ERROR


def test_after_sees_no_event_and_a_done_state_stops_its_timers() -> None:
    inner = {"initial": "x", "states": {"x": {"on": {"E": "y"}}, "y": {"type": "final"}}, "after": {"PT1H": "b"}}
    life = Life(chart({"a": {**inner, "onDone": "b"}, "b": {}}))

    life.send("E")

    assert (life.leaves, life.running) == (("b",), [])


def test_more_than_64_timers_are_too_many() -> None:
    def states(count: int) -> dict[str, Any]:
        return {"a": {"on": {"GO": "b"}}, "b": {"after": {f"PT{n}S": "a" for n in range(1, count + 1)}}}

    life = Life(chart(states(64)))
    life.send("GO")
    assert len(life.running) == 64
    assert Life(chart(states(65))).why("GO") is Why.TOO_LARGE


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("P1W", 7 * 24 * HOUR),
        ("P14D", 14 * 24 * HOUR),
        ("PT4H30M", 4 * HOUR + HOUR // 2),
        ("PT0.5S", 500_000),
        ("P1DT1S", 24 * HOUR + 1_000_000),
        ("PT0S", 0),
    ],
)
def test_durations_are_weeks_days_hours_minutes_and_seconds(text: str, micros: int) -> None:
    assert duration_of(text) == micros


@pytest.mark.parametrize("text", ["", "P", "PT", "P1M", "P1Y", "1h", "P1D T1H", "PT1H1D", "P-1D", "P4000D", "PT1S "])
def test_what_is_no_duration_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        duration_of(text)


def test_a_timer_is_named_by_state_key_and_version() -> None:
    assert Life(chart(WAITING)).timer("waiting", "PT1H") == Timer("waiting", "PT1H", HOUR + 1_000, 1)
