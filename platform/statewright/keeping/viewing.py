"""Views held against the log: each built anew beside the live one, up to the same place, and compared row by row."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from sqlalchemy import Connection, Engine, Table, select

from statewright.consolidators import BUILT_IN, Consolidator, Definitions, Informed
from statewright.consolidators.bookkeeping import Known, known
from statewright.consolidators.database import opened
from statewright.consolidators.rebuilding import RebuildFeed, build
from statewright.keeping.copying import copy_database
from statewright.keeping.findings import Finding, Findings
from statewright.stores.driver import engine_at
from statewright.stores.words import Batch, EventStore, Place

_PAGE = 2_000


class Viewing:
    """Compares the views in the database at `url` with the log in `store`. `note` hears of what cannot be compared."""

    def __init__(
        self,
        store: EventStore,
        url: str,
        definitions: Definitions,
        findings: Findings,
        note: Callable[[str], None] = lambda _: None,
        consolidators: Sequence[type[Consolidator]] = BUILT_IN,
    ) -> None:
        self.rows = 0
        self._store = store
        self._url = url
        self._definitions = definitions
        self._findings = findings
        self._note = note
        self._consolidators = consolidators

    async def run(self) -> None:
        """Compare them all, as they stand now, whatever is consolidated meanwhile."""
        with TemporaryDirectory(prefix="statewright-") as folder:
            engine = opened(_as_it_stands(self._url, Path(folder)))
            try:
                for made in self._consolidators:
                    await self._compare(made, engine, Path(folder))
            finally:
                engine.dispose()

    async def _compare(self, made: type[Consolidator], live: Engine, folder: Path) -> None:
        stands = known(live, made.name)
        reason = self._incomparable(made, stands)
        if stands is None or reason:
            self._note(f"the view {made.name} was not compared: {reason}")
            return
        fresh = made(stands.live)
        if isinstance(fresh, Informed):
            fresh.inform(self._definitions)
        file = folder / f"{made.name}.building"
        goal = stands.checkpoint.place
        feed = RebuildFeed(cast(EventStore, _Upto(self._store, goal)), goal, lambda: False)
        await build(fresh, feed, file)
        again = engine_at(f"sqlite:///{file}")
        try:
            with live.connect() as here, again.connect() as there:
                for table in made(stands.live).tables.sorted_tables:
                    self._compare_tables(table, here, there)
        finally:
            again.dispose()
            file.unlink()

    def _incomparable(self, made: type[Consolidator], stands: Known | None) -> str:
        if stands is None:
            return "it was never built"
        if stands.number != made.number or stands.checkpoint.log != self._store.log_id:
            return "it was built by another release or of another log, and is rebuilt when the server starts"
        if stands.parked:
            return f"{len(stands.parked)} entities are parked in it"
        return ""

    def _compare_tables(self, table: Table, here: Connection, there: Connection) -> None:
        keys = [column.name for column in table.primary_key]
        columns = [column.name for column in table.columns]
        for row, wanted in _paired(_rows(table, here), _rows(table, there), [columns.index(key) for key in keys]):
            self.rows += 1
            if row == wanted:
                continue
            told = row if row is not None else wanted
            assert told is not None
            name = ", ".join(str(told[columns.index(key)]) for key in keys)
            if row is None:
                said = "is missing"
            elif wanted is None:
                said = "is one that the log does not give"
            else:
                pairs = zip(columns, row, wanted, strict=True)
                said = "; ".join(
                    f"says {column} {one!r}, the log gives {other!r}" for column, one, other in pairs if one != other
                )
            self._findings.add(Finding(check="view", sentence=f"{table.name}, row {name}: {said[:500]}"))


def _as_it_stands(url: str, folder: Path) -> str:
    """A database that does not change while it is read: of a SQLite file a copy, of any other itself."""
    engine = opened(url)
    try:
        if engine.dialect.name != "sqlite":
            return url
        copy = folder / "views.sqlite"
        copy_database(Path(engine.url.database or ""), copy)
        return f"sqlite:///{copy}"
    finally:
        engine.dispose()


def _rows(table: Table, connection: Connection) -> Iterator[tuple[Any, ...]]:
    """All rows in the order of the primary key."""
    key = list(table.primary_key)
    result = connection.execution_options(yield_per=_PAGE).execute(select(table).order_by(*key))
    return (tuple(row) for row in result)


def _paired(
    here: Iterator[tuple[Any, ...]], there: Iterator[tuple[Any, ...]], key: Sequence[int]
) -> Iterator[tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]]:
    """Rows of both that have the same key, and None where one has none. Both come in the order of the key."""

    def key_of(row: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
        return tuple((row[at] is not None, _sorted_as_stored(row[at])) for at in key)

    one, other = next(here, None), next(there, None)
    while one is not None or other is not None:
        if other is None or (one is not None and key_of(one) < key_of(other)):
            yield one, None
            one = next(here, None)
        elif one is None or key_of(other) < key_of(one):
            yield None, other
            other = next(there, None)
        else:
            yield one, other
            one, other = next(here, None), next(there, None)


def _sorted_as_stored(value: Any) -> Any:
    """A value that compares as SQLite compares it: text by its bytes."""
    return value.encode() if isinstance(value, str) else value


class _Upto:
    """A log that ends at a place, as a rebuild reads it."""

    def __init__(self, store: EventStore, goal: Place) -> None:
        self._store = store
        self._goal = goal
        self.log_id = store.log_id
        self.compare_places = store.compare_places

    async def read(self, after: Place, limit: int) -> Batch:
        """The next transitions, none of them behind the goal."""
        for size in itertools.takewhile(bool, (limit >> halved for halved in itertools.count())):
            batch = await self._store.read(after, size)
            if self._store.compare_places(batch.place, self._goal) <= 0:
                return batch
        return Batch([], after)
