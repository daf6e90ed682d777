"""What an entity waits for: the timers that run, and the limits (`sla`) of the states it is in."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from statewright.machine.chart import Arrow, chart_of, spoken
from statewright.machine.compile import Machine
from statewright.machine.definition import Sla, State
from statewright.machine.moments import Micros, duration_of
from statewright.machine.record import Timer
from statewright_ui import shown
from statewright_ui.entity.ribbon import Stay


class Lead(Struct, frozen=True):
    """Where a timer leads when it fires, and the guard that must hold then (empty for none)."""

    targets: list[shown.State]
    guard: str


class Running(Struct, frozen=True):
    """A timer that runs: `words` is its key for people (`14 d`, or the name of a delay)."""

    timer: Timer
    state: shown.State
    words: str
    leads: list[Lead]


class Limit(Struct, frozen=True):
    """How long a stay may last: nothing happens at `due` but that people should look. `grave`: it is breached then."""

    state: shown.State
    due: Micros
    grave: bool
    passed: bool


def running_of(machine: Machine, timers: Sequence[Timer]) -> list[Running]:
    """The timers, the first due first."""
    arrows = [arrow for arrow in chart_of(machine.definition).arrows if arrow.kind == "after"]
    return [
        Running(timer, shown.state(machine, timer.state), spoken(timer.key), _leads(machine, arrows, timer))
        for timer in sorted(timers, key=lambda timer: timer.due)
    ]


def _leads(machine: Machine, arrows: Sequence[Arrow], timer: Timer) -> list[Lead]:
    return [
        Lead(shown.states(machine, arrow.targets), arrow.guard)
        for arrow in arrows
        if (arrow.source, arrow.trigger) == (timer.state, timer.key)
    ]


def limits_of(machine: Machine, stays: Sequence[Stay], now: Micros) -> list[Limit]:
    """The limits of the stays that go on, the earliest first; a warning that a breach has overtaken is left out."""
    found: list[Limit] = []
    for stay in stays:
        sla = _sla_of(machine, stay.leaf) if stay.until is None else None
        if sla is None:
            continue
        of_stay = [
            Limit(shown.state(machine, stay.leaf), due := stay.since + duration_of(written), grave, due <= now)
            for written, grave in ((sla.warn, False), (sla.breach, True))
            if written is not None
        ]
        breached = any(limit.grave and limit.passed for limit in of_stay)
        found += [limit for limit in of_stay if limit.grave or not breached]
    return sorted(found, key=lambda limit: limit.due)


class Crossing(Struct, frozen=True):
    """The moment at which a stay reached its limit, or will if it goes on: a hairline in the ribbon."""

    leaf: str
    at: Micros
    grave: bool


def crossings_of(machine: Machine, stays: Sequence[Stay], end: Micros) -> list[Crossing]:
    """The limits that lie within stays, ended or not, up to `end`."""
    found = []
    for stay in stays:
        sla = _sla_of(machine, stay.leaf)
        for written, grave in ((sla.warn, False), (sla.breach, True)) if sla is not None else ():
            if written is None:
                continue
            at = stay.since + duration_of(written)
            if at <= (end if stay.until is None else stay.until):
                found.append(Crossing(stay.leaf, at, grave))
    return found


def _sla_of(machine: Machine, path: str) -> Sla | None:
    states, state = machine.definition.states, None
    for step in path.split("."):
        state = states.get(step)
        states = state.states if isinstance(state, State) else {}
    return state.sla if state is not None else None
