"""The streams of open pages: how much is new, and never the news itself, which the page asks for when it wants it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Sequence

import msgspec

from statewright.machine.record import Record
from statewright.stores.words import BadPlace, EventStore, Place, Ref
from statewright.views import Views

_log = logging.getLogger("statewright.ui")
_BATCH = 500
_GATHER_S = 0.15
"""How long news gathers before a page is told, so that a busy log does not make busy pages."""
_QUIET_S = 15.0
"""How long nothing may be said before a comment shows that the stream is alive."""
_CATCH_UP_BATCHES = 20
"""How much a page that was away counts of what it missed, in batches; beyond that the count is a floor."""
_AGAIN_S = 2.0
"""How long to leave alone what could not be read."""


class Watch:
    """One open page: the type or the one entity it shows (None: everything), and how much of that is new."""

    def __init__(self, type: str | None, entity: str | None) -> None:
        self.type = type
        self.entity = entity
        self.news = 0
        self.woken = asyncio.Event()

    def count(self, moved: Counter[Ref], types: Counter[str]) -> bool:
        """Count what concerns this page; whether anything did."""
        if self.type is None:
            new = moved.total()
        else:
            new = types[self.type] if self.entity is None else moved[Ref(self.type, self.entity)]
        self.news += new
        return new > 0


class Pulse:
    """Follows the log and the views once for all open pages, and only while there are any.

    A page about one entity is told when the log moves, since that is what it reads; the others when the views have
    moved. `close` ends all streams, so that the server can stop.
    """

    def __init__(self, store: EventStore, views: Views) -> None:
        self._store = store
        self._views = views
        self._watches: set[Watch] = set()
        self._following: list[asyncio.Task[None]] = []
        self._closed = False

    def close(self) -> None:
        """End every stream, now and from now on."""
        self._closed = True
        for watch in self._watches:
            watch.woken.set()

    async def stream(self, type: str | None, entity: str | None, last: str | None) -> AsyncGenerator[bytes, None]:
        """Server-sent events for one page: `moved` with the count of what is new since it opened.

        `last` is the id heard before a stream broke off (browsers pause those of hidden tabs): what happened meanwhile
        is counted, as far as it is not too much to read.
        """
        watch = Watch(type, entity)
        place = await self._store.latest_place()
        self._join(watch, place)
        try:
            yield b": here\nid: %s\n\n" % place.encode()
            if last not in (None, "", place):
                await self._catch_up(watch, last, place)
            while not self._closed:
                if await _rings(watch.woken):
                    await asyncio.sleep(_GATHER_S)
                    watch.woken.clear()
                    yield _moved(watch.news, await self._store.latest_place())
                else:
                    yield b": still here\n\n"
        finally:
            self._leave(watch)

    async def _catch_up(self, watch: Watch, last: Place, place: Place) -> None:
        watch.woken.set()
        for _ in range(_CATCH_UP_BATCHES):
            try:
                batch = await self._store.read(last, _BATCH)
            except BadPlace:
                return  # not an id of ours; the page looks again and that is that
            watch.count(*_tally(batch.records))
            last = batch.place
            if not batch.records or self._store.compare_places(last, place) >= 0:
                return

    def _join(self, watch: Watch, place: Place) -> None:
        self._watches.add(watch)
        if not self._following:
            self._following = [_task(self._follow_log(place)), _task(self._follow_views())]

    def _leave(self, watch: Watch) -> None:
        self._watches.discard(watch)
        if not self._watches:
            for task in self._following:
                task.cancel()
            self._following = []

    async def _follow_log(self, place: Place) -> None:
        while True:
            try:
                batch = await self._store.read(place, _BATCH)
                place = batch.place
                self._count(batch.records)
                if not batch.records:
                    await self._store.wait(place, _QUIET_S)
            except Exception:
                _log.exception("the log cannot be followed for the open pages; trying again in %s s", _AGAIN_S)
                await asyncio.sleep(_AGAIN_S)
            await asyncio.sleep(0)

    def _count(self, records: Sequence[Record]) -> None:
        moved, types = _tally(records)
        for watch in self._watches:
            if watch.count(moved, types) and watch.entity is not None:
                watch.woken.set()

    async def _follow_views(self) -> None:
        mark = ""
        while True:
            try:
                before, mark = mark, await self._views.changed(mark, _QUIET_S)
            except Exception:
                _log.exception("the views cannot be followed for the open pages; trying again in %s s", _AGAIN_S)
                await asyncio.sleep(_AGAIN_S)
                continue
            if before and mark != before:
                for watch in self._watches:
                    if watch.entity is None:
                        watch.woken.set()


def _tally(records: Sequence[Record]) -> tuple[Counter[Ref], Counter[str]]:
    """How many transitions per entity, and per type."""
    moved = Counter(Ref(record.type, record.entity) for record in records)
    types = Counter(record.type for record in records)
    return moved, types


def _task(follow: Coroutine[None, None, None]) -> asyncio.Task[None]:
    return asyncio.create_task(follow, name="the pages' pulse")


async def _rings(bell: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(_QUIET_S):
            return await bell.wait()
    except TimeoutError:
        return False


def _moved(news: int, place: Place) -> bytes:
    return b"event: moved\nid: %s\ndata: %s\n\n" % (place.encode(), msgspec.json.encode({"news": news}))
