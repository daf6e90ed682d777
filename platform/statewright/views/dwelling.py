"""How long entities rest in each state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from statewright.consolidators.words import leaves_of_state
from statewright.views.answers import Seconds, StateStays, Stays, state_of
from statewright.views.measures import Dwell, Lengths, StateDwell, TransitionDwell
from statewright.views.periods import LENGTHS, Period, Sum
from statewright.views.reading import View

EXACT_AT_MOST = 10_000
"""Up to how many ended stays of a type percentiles are exact where an estimate would do."""

_PERCENTS = (50, 90, 95, 99)


class _Rank(NamedTuple):
    """Where a percentile is to be found: the n-th shortest, from 0, of the ended stays in one class of length."""

    length_class: int
    nth: int


def stays(view: View, type: str) -> Stays:
    """Per leaf: ended and open stays, and the seconds of those that ended."""
    rows = view.rows(
        "select state, ended, open, seconds, longest from stays_states_{n} where type = ? order by state", type
    )
    ranks = _ranks(view, type)
    lengths = _lengths(view, type, {(state, rank.length_class) for state, found in ranks.items() for rank in found})
    items = []
    for state, ended, open_, total, longest in rows:
        percentiles = [lengths[state, rank.length_class][rank.nth] for rank in ranks.get(state, ())]
        seconds = None
        if ended:
            p50, p90, p95, p99 = percentiles
            seconds = Seconds(p50, p90, p95, p99, total / ended, longest)
        items.append(StateStays(state, ended, open_, seconds))
    return Stays(type, view.place, items)


def dwell(view: View, type: str, period: Period) -> Dwell:
    """Per state and per transition: the stays that ended in the period.

    The states' are exact for all time and all revisions, while the stays are so few that to read them all is quick.
    Everything else is estimated.
    """
    states: defaultdict[str, Sum] = defaultdict(lambda: Sum(1))
    transitions: defaultdict[tuple[str, str, str], Sum] = defaultdict(lambda: Sum(1))
    for state, event, to_state, ended, *lengths in period.rows(view, _COLUMNS, "stays_spans", type):
        transitions[state, event, to_state].add((ended,), *lengths)
    for (state, _, _), found in transitions.items():
        states[state].sums[0] += found.sums[0]
        states[state].merge_all(found)
    return Dwell(
        type,
        view.place,
        _exact(stays(view, type)) if period == Period() and _are_few(states) else _estimated(states),
        [
            TransitionDwell(state, event, state_of(leaves_of_state(to_state)), found.sums[0], found.lengths)
            for (state, event, to_state), found in sorted(transitions.items())
            if found.lengths is not None
        ],
    )


_COLUMNS = f"state, event, to_state, ended, {LENGTHS}"


def _are_few(states: dict[str, Sum]) -> bool:
    return sum(found.sums[0] for found in states.values()) <= EXACT_AT_MOST


def _exact(found: Stays) -> list[StateDwell]:
    return [
        StateDwell(item.state, item.ended, Lengths(s.p50, s.p90, s.p95, s.p99, s.mean, s.longest, estimated=False))
        for item in found.items
        if (s := item.seconds)
    ]


def _estimated(states: dict[str, Sum]) -> list[StateDwell]:
    return [StateDwell(state, found.sums[0], found.lengths) for state, found in sorted(states.items())]


def _ranks(view: View, type: str) -> dict[str, list[_Rank]]:
    """Per state that was left, where its percentiles are to be found."""
    classes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    sql = "select state, length_class, stays from stays_lengths_{n} where type = ? order by state, length_class"
    for state, length_class, count in view.rows(sql, type):
        classes[state].append((length_class, count))
    return {state: [_rank(counts, percent) for percent in _PERCENTS] for state, counts in classes.items()}


def _rank(counts: Sequence[tuple[int, int]], percent: int) -> _Rank:
    """The nearest rank: the length that at least `percent` of the stays do not exceed, number ⌈percent · n⌉ of them."""
    before = -(-sum(count for _, count in counts) * percent // 100) - 1
    for length_class, count in counts:
        if before < count:
            return _Rank(length_class, before)
        before -= count
    raise AssertionError("a rank lies among what was counted")


def _lengths(view: View, type: str, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], list[float]]:
    """The seconds of all ended stays of some states and classes of length, shortest first. Reads the stays once."""
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    if wanted:
        pairs = ", ".join(["(?, ?)"] * len(wanted))
        sql = "select state, length_class, seconds from stays_{n} where type = ? and (state, length_class) in "
        sql += f"(values {pairs}) order by seconds"
        for state, length_class, seconds in view.rows(sql, type, *(part for pair in wanted for part in pair)):
            found[state, length_class].append(seconds)
    return found
