"""The ways that entities went: paths, how far they came, what was done again, who handed over, what began and ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from statewright.catalog import Catalog, CatalogError
from statewright.consolidators.tallies import DAY
from statewright.consolidators.variants import BEGUN
from statewright.consolidators.words import leaves_of_state
from statewright.machine.moments import Micros
from statewright.machine.record import Leaves
from statewright.views.measures import (
    EventRework,
    Funnel,
    HandOver,
    HandOvers,
    Lengths,
    Reach,
    Rework,
    Span,
    StateRework,
    Throughput,
    Variant,
    Variants,
)
from statewright.views.periods import LENGTHS, Period, Step, Sum, beginning_of, spans, step_for
from statewright.views.reading import View

_LONG = 20 * 366
"""So many days are a period that nobody draws to the end for its own sake."""

Ended = Callable[[int, Leaves], bool]
"""Whether a configuration under a revision is the end of an entity's life."""

_EVENTS_OF = (
    "with recursive way(path, before, event, length) as ("
    " select path, before, event, length from variants_paths_{n} where path = ?"
    " union all select p.path, p.before, p.event, p.length"
    " from variants_paths_{n} p join way on p.path = way.before)"
    " select event from way where length > 0 order by length"
)


def ended_by(catalog: Catalog, type: str) -> Ended:
    """As the definitions of a type say; what they do not know has not ended."""

    def ended(revision: int, leaves: Leaves) -> bool:
        try:
            return catalog.machine_of(type, revision).is_final(leaves)
        except CatalogError:
            return False

    return ended


def variants(view: View, type: str, period: Period, limit: int) -> Variants:
    """The most frequent paths of the entities that began in the period."""
    paths, entities, rows = period.ranked(view, "path", "entities, microseconds", "variants_ways", type, limit)
    items = [
        Variant(_events(view, path), counted, counted / entities, microseconds / counted / 1e6)
        for path, counted, microseconds in rows
    ]
    return Variants(type, view.place, entities, paths, items)


def _events(view: View, path: int) -> list[str]:
    return [event for (event,) in view.rows(_EVENTS_OF, path)]


def funnel(view: View, type: str, period: Period) -> Funnel:
    """The states by how many of the entities that began in the period ever entered them."""
    entities, _ = _begun(view, type, period)
    items = [
        Reach(state, found.sums[0], found.sums[0] / entities if entities else 0.0, found.lengths)
        for state, found in _reached(view, type, period).items()
    ]
    items.sort(key=lambda each: (-each.reached, each.seconds.p50 if each.seconds else 0.0, each.state))
    return Funnel(type, view.place, entities, items)


def rework(view: View, type: str, period: Period) -> Rework:
    """What the entities that began in the period did again, the most often first."""
    begun = period.sums(view, "type", "begun, returned, repeated", "variants_begun", type)
    entities, returned, repeated = begun[0][1:] if begun else (0, 0, 0)
    found = period.sums(view, "state", "reached, again, entered", "variants_states", type)
    states = [StateRework(*row) for row in found]
    found = period.sums(view, "event", "entities, again, times", "variants_events", type)
    events = [EventRework(*row) for row in found]
    states.sort(key=lambda each: (-each.again, -each.entities, each.state))
    events.sort(key=lambda each: (-each.again, -each.entities, each.event))
    return Rework(type, view.place, entities, returned, repeated, states, events)


def hand_overs(view: View, type: str, period: Period, limit: int) -> HandOvers:
    """The hand-overs that happened in the period."""
    pairs, times, rows = period.ranked(view, "from_actor, to_actor", "times", "variants_handovers", type, limit)
    return HandOvers(type, view.place, times, pairs, [HandOver(*row) for row in rows])


def throughput(
    view: View,
    type: str,
    period: Period,
    ended: Ended,
    step: Step | None,
) -> Throughput:
    """What began and what ended in the period. Raises ValueError where `step` gives more spans than can be answered."""
    reach = _reach(view, type, period, whole=step is not None)
    _, lasted = _begun(view, type, period)
    if reach is None:
        return Throughput(type, view.place, step or "day", 0, 0, lasted, [])
    chosen = step or step_for(*reach)
    items = {begin: [0, 0] for begin in spans(*reach, chosen)}
    for start, revision, state, times in _arrivals(view, type, period, "hour" if chosen == "hour" else "day"):
        found = items[beginning_of(start, chosen)]
        if state == BEGUN:
            found[0] += times
        elif ended(revision, leaves_of_state(state)):
            found[1] += times
    begun, over = (sum(found[at] for found in items.values()) for at in (0, 1))
    return Throughput(
        type, view.place, chosen, begun, over, lasted, [Span(begin, *found) for begin, found in items.items()]
    )


def _reach(view: View, type: str, period: Period, whole: bool) -> tuple[Micros, Micros] | None:
    """The first and the last moment to tell of: the period's own where it has them, else of what is known.

    Unless the `whole` period is wanted span by span, one of many years is told of only as far as anything is known.
    """
    where, values = _moments(period)
    sql = f"select min(start), max(start) from variants_arrivals_{{n}} where type = ? and step = 'day'{where}"  # noqa: S608
    first, last = view.rows(sql, type, *values)[0]
    known = None if first is None else (first, last + DAY - 1)
    begin = first if period.first is None else period.first * DAY
    end = None if last is None else last + DAY - 1
    if period.end is not None:
        end = period.end * DAY - 1
    if begin is None or end is None or begin > end:
        return None
    return known if not whole and end - begin > _LONG * DAY else (begin, end)


def _arrivals(view: View, type: str, period: Period, step: str) -> Sequence[Any]:
    where, values = _moments(period)
    return view.rows(
        "select start, revision, state, times from variants_arrivals_{n}"  # noqa: S608
        f" where type = ? and step = ?{where}",
        type,
        step,
        *values,
    )


def _moments(period: Period) -> tuple[str, list[Any]]:
    """The period for a column of moments instead of days."""
    first, end = (None if day is None else day * DAY for day in period[:2])
    return Period(first, end, period.revision).where("start")


def _begun(view: View, type: str, period: Period) -> tuple[int, Lengths | None]:
    """How many entities began, and how long they lasted so far."""
    found = Sum(1)
    for begun, *lengths in period.rows(view, f"begun, {LENGTHS}", "variants_begun", type):
        found.add((begun,), *lengths)
    return found.sums[0], found.lengths


def _reached(view: View, type: str, period: Period) -> dict[str, Sum]:
    """Per state how many entities reached it, and how long that took."""
    states: defaultdict[str, Sum] = defaultdict(lambda: Sum(1))
    for state, reached, *lengths in period.rows(view, f"state, reached, {LENGTHS}", "variants_states", type):
        states[state].add((reached,), *lengths)
    return states
