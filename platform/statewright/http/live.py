"""The log as server-sent events: one reader of the log for all listeners, each event encoded once.

A listener first catches up by reading for itself, at its own pace, then joins the others. What it has not taken yet
waits for it in memory, up to a limit; who is further behind is closed, and resumes with `Last-Event-ID` by catching up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

import msgspec
from msgspec import Struct

from statewright.http.shapes import transition_of
from statewright.machine.record import Record
from statewright.stores.words import Batch, EventStore, Place

BEHIND_BYTES = 1_000_000
"""How much may wait for one listener before it is closed."""

QUIET_S = 15.0
"""How long nothing may be said before a comment shows that the stream is alive."""

_BATCH = 200
_log = logging.getLogger("statewright.http")
_encode = msgspec.json.Encoder().encode


class _Told(Struct, gc=False):
    """A batch of the log ready to send: each transition's event, and all of them joined."""

    records: Sequence[Record]
    events: list[bytes]
    joined: bytes
    place: Place


class _Listener:
    """One open stream: what waits for it, and whether it fell too far behind."""

    def __init__(self, place: Place, type: str | None) -> None:
        self.place = place
        self.lost = False
        self.woken = asyncio.Event()
        self.seen: dict[int, int] = {}  # the last position read by itself, per partition, until the others are there
        self._type = type
        self._waiting: list[bytes] = []
        self._size = 0

    def wanted(self, told: _Told) -> bytes:
        """The events of a batch that are of its type and new to it."""
        if not self.seen and self._type is None:
            return told.joined
        return b"".join(
            event
            for record, event in zip(told.records, told.events, strict=True)
            if self._type in (None, record.type) and record.position > self.seen.get(record.partition, -1)
        )

    def offer(self, events: bytes) -> None:
        """Let events wait to be taken; with too many of them the listener is lost."""
        self._waiting.append(events)
        self._size += len(events)
        self.lost = self._size > BEHIND_BYTES
        self.woken.set()

    def take(self) -> bytes:
        """Everything that waits."""
        events = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        self.woken.clear()
        return events


class Broadcast:
    """The open streams of one log. `close` ends them all, so that the server can stop."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._listeners: set[_Listener] = set()
        self._place: Place = ""
        self._reading: asyncio.Task[None] | None = None
        self._closed = False

    def __len__(self) -> int:
        """How many streams are open and have caught up."""
        return len(self._listeners)

    def close(self) -> None:
        """End every stream, now and from now on."""
        self._closed = True
        for listener in [*self._listeners]:
            self._lose(listener)
        self._stop_reading()

    async def listen(self, after: Place, type: str | None = None, quiet_s: float = QUIET_S) -> AsyncIterator[bytes]:
        """Server-sent events from `after` on, for as long as the caller takes them; ends when it falls behind.

        `type` keeps other entity types out. Raises BadPlace before the first event.
        """
        listener = _Listener(after, type)
        try:
            yield _still_here(after)  # so that the caller sees at once that the stream is open
            async for events in self._catch_up(listener):
                yield events
            while not (listener.lost or self._closed):
                try:
                    async with asyncio.timeout(quiet_s):
                        await listener.woken.wait()
                except TimeoutError:
                    yield _still_here(listener.place)
                    continue
                if not listener.lost:
                    yield listener.take()
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self._stop_reading()

    async def _catch_up(self, listener: _Listener) -> AsyncIterator[bytes]:
        """What stands between the listener and the shared reader; at the end it is one of the listeners."""
        while not self._closed:
            batch = await self._store.read(listener.place, _BATCH)
            # no await between this comparison and joining, or something could be told in between
            if not batch.records and self._join(listener, batch.place):
                return
            events = listener.wanted(_told(batch))
            listener.place = batch.place
            listener.seen.update((record.partition, record.position) for record in batch.records)
            if events:
                yield events
            await asyncio.sleep(0)  # a store that never waits must not keep everyone else from being served

    def _join(self, listener: _Listener, place: Place) -> bool:
        """Make one of the listeners of one that has read up to `place`; False when the shared reader is further."""
        if self._reading is None:
            self._place = place
            self._reading = asyncio.create_task(self._read_on(), name="the log's streams")
        elif self._store.compare_places(place, self._place) < 0:
            return False
        listener.place = place
        self._listeners.add(listener)
        return True

    async def _read_on(self) -> None:
        """Read the log onwards and tell every listener, until there are none."""
        try:
            while True:
                batch = await self._store.read(self._place, _BATCH)
                self._tell(_told(batch))
                if not batch.records:
                    await self._store.wait(batch.place, 2 * QUIET_S)
                await asyncio.sleep(0)
        except Exception as error:
            # every stream ends, and whoever comes back reads the log itself and is told what is wrong with it
            _log.error("the log's streams end: %s", error, exc_info=error)
            self._reading = None
            for listener in [*self._listeners]:
                self._lose(listener)

    def _tell(self, told: _Told) -> None:
        self._place = told.place
        for listener in [*self._listeners]:
            events = listener.wanted(told)
            if listener.seen and self._store.compare_places(told.place, listener.place) >= 0:
                listener.seen = {}
            if not listener.seen:
                listener.place = told.place
            if events:
                listener.offer(events)
                if listener.lost:
                    self._lose(listener)

    def _lose(self, listener: _Listener) -> None:
        listener.take()  # it will be read again from the log by whoever resumes
        listener.lost = True
        listener.woken.set()
        self._listeners.discard(listener)

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None


def _told(batch: Batch) -> _Told:
    """A batch as events. Each has an `id` where a place is a position, as in a log of one partition; elsewhere only the
    last has one, and who resumes within the batch is told its first transitions again.
    """
    ids = bool(batch.records) and batch.place == str(batch.records[-1].position)
    events = [
        b"%sdata: %s\n\n" % (b"id: %d\n" % record.position if ids else b"", _encode(transition_of(record)))
        for record in batch.records
    ]
    if events and not ids:
        events[-1] = b"id: %s\n%s" % (batch.place.encode(), events[-1])
    return _Told(batch.records, events, b"".join(events), batch.place)


def _still_here(place: Place) -> bytes:
    """A comment, and how far the reader is: an `id` without data moves the client's last id and tells it nothing."""
    return b": still here\nid: %s\n\n" % place.encode()
