"""How long entities rest in each state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from statewright.views.answers import Seconds, StateStays, Stays
from statewright.views.reading import View

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
