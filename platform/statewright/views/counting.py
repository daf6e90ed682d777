"""Counts: how many entities rest where, now or as it was, and how often each transition happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from statewright.consolidators.flow import HOUR
from statewright.consolidators.words import leaves_of_state
from statewright.machine.moments import Micros
from statewright.machine.record import Leaves
from statewright.stores.words import Place
from statewright.views.answers import (
    Arrow,
    ConfigurationCount,
    Counts,
    Flow,
    HourCount,
    RevisionCount,
    State,
    state_of,
)
from statewright.views.moment import Moment
from statewright.views.reading import View


def counts_now(view: View, type: str) -> Counts:
    """From the view `entities`, as it stands."""
    rows = view.rows("select state, entities from entities_states_{n} where type = ? and entities > 0", type)
    return _counts(type, view.place, ((leaves_of_state(state), count) for state, count in rows))


def by_revision(view: View, type: str) -> list[RevisionCount]:
    """Entities per revision and configuration, the latest revision first and in it the fullest."""
    rows = view.rows(
        "select revision, state, count(*) as total from entities_{n} where type = ? group by revision, state"
        " order by revision desc, total desc, state",
        type,
    )
    return [RevisionCount(revision, state_of(leaves_of_state(state)), count) for revision, state, count in rows]


def counts_then(view: View, type: str, moment: Moment, place: Place) -> Counts:
    """From the view `stays`: whoever was in a stay at that moment."""
    # No index helps to find what overlaps a moment; to walk one instead of the table would only be slower.
    sql = f"select state, count(*) from {{table}} where coalesce(type, '') = ? and {moment.covers} group by state"  # noqa: S608
    leaves = Counter(dict(view.rows(sql.replace("{table}", "stays_{n}"), type, *moment.values)))
    combined = dict(view.rows(sql.replace("{table}", "stays_combined_{n}"), type, *moment.values))
    configurations = {leaves_of_state(state): count for state, count in combined.items()}
    for several, count in configurations.items():
        for leaf in several:
            leaves[leaf] -= count
    alone = {(leaf,): count for leaf, count in leaves.items() if count}
    return _counts(type, place, (configurations | alone).items())


def _counts(type: str, place: Place, configurations: Iterable[tuple[Leaves, int]]) -> Counts:
    states: Counter[str] = Counter()
    exactly: list[ConfigurationCount] = []
    for leaves, count in sorted(configurations, key=lambda found: (-found[1], found[0])):
        exactly.append(ConfigurationCount(state_of(leaves), count))
        for leaf in leaves:
            states[leaf] += count
    return Counts(type, place, sum(each.count for each in exactly), dict(states.most_common()), exactly)


def flow(view: View, type: str, from_: Micros | None, to: Micros | None, revision: int | None) -> Flow:
    """Counts per transition in the hours that overlap the stretch."""
    where, values = _stretch(type, from_, to)
    if revision is not None:
        where += " and revision = ?"
        values.append(revision)
    rows = view.rows(
        f"select from_state, event, to_state, sum(transitions) as total from flow_{{n}} where {where}"  # noqa: S608
        " group by from_state, event, to_state order by total desc, from_state, event, to_state",
        *values,
    )
    arrows = [
        Arrow(_state(from_state), event or None, state_of(leaves_of_state(to_state)), total)
        for from_state, event, to_state, total in rows
    ]
    return Flow(type, view.place, arrows)


def _state(text: str) -> State | None:
    return state_of(leaves_of_state(text)) if text else None


def hours(view: View, type: str, from_: Micros, to: Micros) -> list[HourCount]:
    """Transitions per hour, none left out."""
    where, values = _stretch(type, from_, to)
    sql = f"select hour, sum(transitions) from flow_{{n}} where {where} group by hour"  # noqa: S608
    found = dict(view.rows(sql, *values))
    return [HourCount(hour, found.get(hour, 0)) for hour in range(from_ - from_ % HOUR, to, HOUR)]


def _stretch(type: str, from_: Micros | None, to: Micros | None) -> tuple[str, list[Any]]:
    where, values = "type = ?", list[Any]([type])
    if from_ is not None:
        where, values = where + " and hour >= ?", [*values, from_ - from_ % HOUR]
    if to is not None:
        where, values = where + " and hour < ?", [*values, to]
    return where, values
