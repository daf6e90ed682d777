"""A moment in the past to which a view is asked back: a place in the log, or a time on one of its two clocks."""

from __future__ import annotations

from typing import Literal, NamedTuple

from statewright.machine.moments import Micros
from statewright.stores.words import Place
from statewright.views.answers import NotThereYet
from statewright.views.reading import View, compare_positions, position_of

Basis = Literal["recorded", "occurred"]
"""Which clock a time is meant on: when it was recorded, or business time."""


class Moment(NamedTuple):
    """A moment as a condition on stays: `covers` holds for those that went on then, with `at` for each of its marks."""

    column: str
    at: int

    @property
    def covers(self) -> str:
        """SQL: the stay had begun and not yet ended."""
        return f"from_{self.column} <= ? and (to_{self.column} is null or to_{self.column} > ?)"

    @property
    def begun(self) -> str:
        """SQL: the stay had begun."""
        return f"from_{self.column} <= ?"

    @property
    def values(self) -> tuple[int, int]:
        """For the marks of `covers`."""
        return self.at, self.at


_COLUMNS = {"recorded": "recorded_at", "occurred": "at"}


def moment_of(view: View, place: Place | None, at: Micros | None, basis: Basis) -> Moment | None:
    """The moment asked for; None for now. Raises NotThereYet for a place ahead of the view, BadPlace for none."""
    if place is not None:
        if compare_positions(place, view.place) > 0:
            raise NotThereYet(view.name, place, view.place)
        return Moment("position", position_of(place))
    return None if at is None else Moment(_COLUMNS[basis], at)
