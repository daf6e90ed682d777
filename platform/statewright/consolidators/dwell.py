"""How long ended stays lasted, by the day on which they ended and the transition that ended them.

Kept by the consolidator `stays` beside the stays themselves, which no index finds by time.
"""

from __future__ import annotations

from sqlalchemy import Connection, MetaData

from statewright.consolidators.tallies import Tallies, day_of, text_keys
from statewright.consolidators.words import text_of_state
from statewright.machine.record import Record


class Dwells:
    """The table `stays_spans_<n>`: stays that ended, by span of days, revision and transition."""

    def __init__(self, generation: int, tables: MetaData) -> None:
        keys = text_keys("state", "event", "to_state")
        self._table = Tallies(f"stays_spans_{generation}", tables, keys, ("ended",))

    def __len__(self) -> int:
        return len(self._table.pending)

    def ended(self, record: Record, state: str, at: int, length_us: int) -> None:
        """Count a stay in `state` that `record` ended at the business time `at`."""
        transition = (state, record.event or "", text_of_state(record.to))
        tally = self._table.at((record.type, day_of(at), record.revision, *transition))
        tally.sums[0] += 1
        tally.spread.add(length_us)

    def write(self, connection: Connection) -> None:
        """Add what ended since the last time to the table."""
        self._table.write(connection)

    def drop(self) -> None:
        """Forget what was not written."""
        self._table.pending.clear()
