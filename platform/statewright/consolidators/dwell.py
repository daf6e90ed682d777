"""How long ended stays lasted, by the day on which they ended and the transition that ended them.

Kept by the consolidator `stays` beside the stays themselves, which no index finds by time. A day is a row of its own,
and stands in the row of its block of 32 days too, so that a year is asked for by a dozen rows and not by hundreds.
"""

from __future__ import annotations

from sqlalchemy import Connection, MetaData

from statewright.consolidators.tallies import DAYS_IN_BLOCK, Spread, Tallies, day_of, number_keys, text_keys
from statewright.consolidators.words import text_of_state
from statewright.machine.record import Record

_Key = tuple[str, int, int, str, str, str]
"""Type, day, revision, state that was left, event, configuration it was left for."""


class Dwells:
    """The table `stays_spans_<n>`: `span` is `day` or `block`, `start` the number of its first day from 1970-01-01."""

    def __init__(self, generation: int, tables: MetaData) -> None:
        self._ended: dict[_Key, Spread] = {}
        self._table = Tallies(
            f"stays_spans_{generation}",
            tables,
            [
                *text_keys("type", "span"),
                *number_keys("start", "revision"),
                *text_keys("state", "event", "to_state"),
            ],
            ("ended",),
        )

    def __len__(self) -> int:
        return len(self._ended)

    def ended(self, record: Record, state: str, at: int, length_us: int) -> None:
        """Count a stay in `state` that `record` ended at the business time `at`."""
        key = (record.type, day_of(at), record.revision, state, record.event or "", text_of_state(record.to))
        spread = self._ended.get(key)
        if spread is None:
            spread = self._ended[key] = Spread()
        spread.add(length_us)

    def write(self, connection: Connection) -> None:
        """Add what ended since the last time to the table."""
        for (type_, day, revision, *transition), spread in self._ended.items():
            block = day - day % DAYS_IN_BLOCK
            for span, start in (("day", day), ("block", block)):
                tally = self._table.at((type_, span, start, revision, *transition))
                tally.sums[0] += sum(spread.classes.values())
                tally.spread.merge(spread.total, spread.longest, spread.classes)
        self._ended.clear()
        self._table.write(connection)

    def drop(self) -> None:
        """Forget what was not written."""
        self._ended.clear()
        self._table.pending.clear()
