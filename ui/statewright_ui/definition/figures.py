"""One definition in figures: its diagram with counts and heat, and a row per state and per transition."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from statewright.diagram.marks import Walk, state_id, taken, transition_key
from statewright.diagram.svg import svg_of
from statewright.machine.chart import Arrow, Chart, chart_of
from statewright.machine.compile import Machine
from statewright.stores.words import Place
from statewright.views import Counts, Flow, NotBuiltYet, Stays
from statewright_ui import shown
from statewright_ui.needs import Needs, ask
from statewright_ui.rendering import DIAGRAM_WINDOW

HEATS = ("now", "traffic", "ever", "dwell")
"""What the colour of the diagram may show: entities now, moves of the last 24 h or of all time, the median stay."""

_DAY = 86_400_000_000


class StateRow(Struct, frozen=True):
    """One state: how many are in it, how many entered it in the last 24 h, how long stays in it last (seconds).

    Stays are those in leaves; a state around others (`kind` compound or parallel) has none of its own. `depth` counts
    the states around it.
    """

    key: str
    state: shown.State
    kind: str
    depth: int
    now: int
    entered: int
    ended: int
    p50: float | None
    p95: float | None
    longest: float | None


class TransitionRow(Struct, frozen=True):
    """One branch of the definition and how often it was taken. `means` is the expression of a guard with a name."""

    key: str
    source: shown.State | None
    arrow: Arrow
    means: str
    targets: list[shown.State]
    last_24h: int
    ever: int


class Figures(Struct, frozen=True):
    """Everything on the page that moves. `building`: a view is being built for the first time; all is 0 till then."""

    svg: str
    total: int
    states: list[StateRow]
    transitions: list[TransitionRow]
    place: Place
    building: bool


async def figures_of(needs: Needs, machine: Machine, heat: str) -> Figures:
    """The figures of a machine's type, over the states and branches of this machine."""
    now = time.time_ns() // 1000
    try:
        counts, stays, day, ever = await ask(_asked, needs, machine.type, now)
        building = False
    except NotBuiltYet:
        counts, stays = Counts(machine.type, "", 0, {}, []), Stays(machine.type, "", [])
        day = ever = Flow(machine.type, "", [])
        building = True
    chart = chart_of(machine.definition)
    moves = ever if heat == "ever" else day
    rows = _state_rows(machine, counts, stays, day)
    svg = await svg_of(
        machine.definition,
        machine.digest,
        counts={row.state.path: row.now for row in rows if row.now},
        heat=_warmth(heat, rows, moves),
        traffic=walks(moves) if heat in ("traffic", "ever") else (),
        links="#row-",
        window=DIAGRAM_WINDOW,
    )
    return Figures(svg, counts.total, rows, _transition_rows(machine, chart, day, ever), counts.place, building)


def _asked(needs: Needs, type: str, now: int) -> tuple[Counts, Stays, Flow, Flow]:
    views = needs.views
    return views.counts(type), views.stays(type), views.flow(type, from_=now - _DAY, to=now), views.flow(type)


def _state_rows(machine: Machine, counts: Counts, stays: Stays, day: Flow) -> list[StateRow]:
    lasted = {item.state: item for item in stays.items}
    entered, now = _entered(day), shown.within(counts)
    listed = [path for path, node in machine.states.items() if node.type != "history"]
    gone = sorted((set(counts.states) | set(lasted)) - set(machine.states))
    rows = []
    for path in [*listed, *gone]:
        stay = lasted.get(path)
        seconds = stay.seconds if stay else None
        rows.append(
            StateRow(
                state_id(path).removeprefix("s-"),
                shown.state(machine, path),
                machine.states[path].type if path in machine.states else "atomic",
                path.count(".") if path in machine.states else 0,
                now[path],
                entered[path],
                stay.ended if stay else 0,
                seconds.p50 if seconds else None,
                seconds.p95 if seconds else None,
                seconds.longest if seconds else None,
            )
        )
    return rows


def _entered(flow: Flow) -> Counter[str]:
    """How often each state was entered by a move from elsewhere."""
    entered: Counter[str] = Counter()
    for arrow in flow.transitions:
        for path in shown.with_ancestors(shown.leaves_of(arrow.to)) - shown.with_ancestors(
            shown.leaves_of(arrow.from_)
        ):
            entered[path] += arrow.count
    return entered


def _transition_rows(machine: Machine, chart: Chart, day: Flow, ever: Flow) -> list[TransitionRow]:
    today, always = taken(chart, walks(day)), taken(chart, walks(ever))
    return [
        TransitionRow(
            key := transition_key(arrow),
            shown.state(machine, arrow.source) if arrow.source else None,
            arrow,
            shown.meaning_of(machine, arrow.guard),
            shown.states(machine, arrow.targets),
            today.get(key, 0),
            always.get(key, 0),
        )
        for arrow in chart.arrows
    ]


def walks(flow: Flow) -> tuple[Walk, ...]:
    """The transitions of a flow as moves over a diagram."""
    return tuple(
        Walk(shown.leaves_of(arrow.from_) or None, arrow.event, shown.leaves_of(arrow.to), arrow.count)
        for arrow in flow.transitions
    )


def _warmth(heat: str, rows: Iterable[StateRow], moves: Flow) -> dict[str, float]:
    """What the colour shows. Final states stay cool but for traffic: they only ever fill up."""
    if heat in ("traffic", "ever"):
        entered = _entered(moves)
        return _by_kind(rows, {row.state.path: entered[row.state.path] for row in rows})
    going_on = [row for row in rows if not row.state.final]
    if heat == "dwell":
        return _scaled({row.state.path: row.p50 or 0 for row in going_on})
    return _by_kind(rows, {row.state.path: row.now for row in going_on})


def _by_kind(rows: Iterable[StateRow], values: Mapping[str, float]) -> dict[str, float]:
    """Leaves measured by the fullest leaf, states around others by the fullest of those: they hold sums."""
    around = {row.state.path for row in rows if row.kind in ("compound", "parallel")}
    inner = {path: value for path, value in values.items() if path not in around}
    return _scaled(inner) | _scaled({path: value for path, value in values.items() if path in around})


def _scaled(values: Mapping[str, float]) -> dict[str, float]:
    """From 0 to 1, the low end stretched: one full state must not make all others look empty."""
    most = max(values.values(), default=0)
    return {path: (value / most) ** 0.6 for path, value in values.items() if value} if most else {}
