"""What the routes are given: the rooms below, put together by `app`, and what is open towards callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from statewright.catalog import Catalog, UnknownType
from statewright.commands import Asking, Committer, Erasing, Timers
from statewright.http.live import Broadcast
from statewright.stores.words import EventStore
from statewright.views import Standing, Views, with_lag


class Rooms:
    """The log, the catalogue, the committer and the views; one per server process, used from its event loop."""

    def __init__(
        self,
        store: EventStore,
        catalog: Catalog,
        committer: Committer,
        views: Views,
        rebuild: Callable[[str], None],
        timers: Timers | None = None,
        backtest: Callable[[], None] = lambda: None,
        erasing: Erasing | None = None,
        bulk: Callable[[], None] = lambda: None,
    ) -> None:
        """`rebuild` has the consolidator of that name built anew; it may block, and raises LookupError for no name.

        `timers` are None where nobody fires any. `backtest` and `bulk` say that a backtest, or a bulk event, was
        asked for or cancelled. `erasing` is None where personal data is not encrypted.
        """
        self.store = store
        self.catalog = catalog
        self.committer = committer
        self.asking = Asking(store, catalog)
        self.views = views
        self.rebuild = rebuild
        self.timers = timers
        self.backtest = backtest
        self.erasing = erasing
        self.bulk = bulk
        self.broadcast = Broadcast(store)
        self._waits: set[asyncio.Task[bool]] = set()
        self._closed = False

    async def knows_type(self, type: str) -> bool:
        """Whether a definition of this type was ever registered."""
        if self.catalog.active(type) is not None:
            return True
        try:
            return bool(await asyncio.to_thread(self.catalog.revisions, type))
        except UnknownType:
            return False

    async def standings(self) -> list[Standing]:
        """Where every consolidator is, and how far behind the log."""
        return await with_lag(await asyncio.to_thread(self.views.standing), self.store)

    async def patiently(self, waiting: Coroutine[Any, Any, bool]) -> bool:
        """What `waiting` comes to; False at once when the server is asked to stop, so that no long poll holds it up."""
        task = asyncio.create_task(waiting)
        self._waits.add(task)
        if self._closed:
            task.cancel()
        try:
            await asyncio.wait((task,))
            return False if task.cancelled() else task.result()
        finally:
            task.cancel()
            self._waits.discard(task)

    def close(self) -> None:
        """End what would go on for long: open streams and long polls. To be called when the server is asked to stop."""
        self._closed = True
        self.broadcast.close()
        for task in self._waits:
            task.cancel()
