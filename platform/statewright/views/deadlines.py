"""Deadlines: the timers that run, by the moment at which they are due."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from statewright.machine.moments import Micros
from statewright.machine.record import Timer
from statewright.stores.words import Place
from statewright.views.reading import View

Cursor = tuple[Micros, str, str, str, str]
"""Where a walk through deadlines is: due, type, entity, state, key."""
BEGINNING: Cursor = (-(2**62), "", "", "", "")


class Deadline(Struct, frozen=True):
    """A timer that runs. `entity_version` is where the entity stood when the view `entities` saw it last."""

    type: str
    entity: str
    timer: Timer
    ordinal: int
    entity_version: int

    @property
    def cursor(self) -> Cursor:
        """The place of this one in a walk."""
        return self.timer.due, self.type, self.entity, self.timer.state, self.timer.key


class DeadlinePage(Struct, frozen=True):
    """Deadlines by due time, and the place up to which the view shows the log."""

    items: Sequence[Deadline]
    place: Place


_PAGE = (
    "select d.type, d.entity, d.state, d.key, d.version, d.ordinal, d.due, coalesce(e.version, 0)"
    " from deadlines_{n} d left join entities_{e} e on e.type = d.type and e.entity = d.entity"
    " where (d.due, d.type, d.entity, d.state, d.key) > (?, ?, ?, ?, ?) and d.due <= ? {and_type}"
    " order by d.due, d.type, d.entity, d.state, d.key limit ?"
)


def page(
    deadlines: View, entities: View, before: Micros, after: Cursor, limit: int, type: str | None = None
) -> DeadlinePage:
    """Up to `limit` timers due by `before`, in a walk from `after`."""
    sql = _PAGE.replace("{e}", str(entities.generation)).replace("{and_type}", "and d.type = ?" if type else "")
    values = (*after, before, *([type] if type else []), limit)
    rows = deadlines.rows(sql, *values)
    return DeadlinePage(
        [
            Deadline(type_, entity, Timer(state, key, due, version), ordinal, seen)
            for type_, entity, state, key, version, ordinal, due, seen in rows
        ],
        deadlines.place,
    )


def next_due(deadlines: View, after: Micros) -> Micros | None:
    """When the first timer that is due after a moment is due; None when there is none."""
    found = deadlines.rows("select min(due) from deadlines_{n} where due > ?", after)
    return found[0][0] if found else None
