"""How long entities rest in each state."""

from __future__ import annotations

from statewright.views.answers import Seconds, StateStays, Stays
from statewright.views.reading import View


def stays(view: View, type: str) -> Stays:
    """Per leaf: ended and open stays, and the seconds of those that ended."""
    rows = view.rows(
        "select state, ended, open, seconds, longest from stays_states_{n} where type = ? order by state", type
    )
    items = [
        StateStays(state, ended, open_, _seconds(view, type, state, ended, total, longest) if ended else None)
        for state, ended, open_, total, longest in rows
    ]
    return Stays(type, view.place, items)


def _seconds(view: View, type: str, state: str, ended: int, total: float, longest: float) -> Seconds:
    p50, p90, p95, p99 = (_nearest_rank(view, type, state, ended, percent) for percent in (50, 90, 95, 99))
    return Seconds(p50, p90, p95, p99, total / ended, longest)


def _nearest_rank(view: View, type: str, state: str, ended: int, percent: int) -> float:
    """The length that at least `percent` of the stays do not exceed: number ⌈percent · n⌉ of them by length."""
    rank = -(-ended * percent // 100)
    # Counted off along the index, from whichever end is nearer.
    order, skip = ("", rank - 1) if rank <= ended // 2 else (" desc", ended - rank)
    of_state = "select seconds from stays_{n} where type = ? and state = ? and seconds is not null order by seconds"
    found: float = view.rows(of_state + order + " limit 1 offset ?", type, state, skip)[0][0]
    return found
