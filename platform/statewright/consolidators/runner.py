"""The runner: keeps every consolidator at the end of the log, rebuilds when asked or when it must, says how they stand.

Each consolidator goes its own way from its own checkpoint. Those that stand at the same place share the reading of a
batch, never a transaction, so one that fails holds up nobody. Reading waits for nothing but the log; while much
happens, a short pause gathers batches, since a row that many transitions touch is then written once.

Several processes may run one over the same database: each consolidator is run by the one that has its lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ParamSpec, TypeVar

from msgspec import Struct
from sqlalchemy import Engine, Row
from sqlalchemy.exc import DBAPIError

from statewright.consolidators import bookkeeping as books
from statewright.consolidators.database import Checkpoint, digest_of, writing
from statewright.consolidators.deadlines import Deadlines
from statewright.consolidators.entities import Entities
from statewright.consolidators.flow import Flow
from statewright.consolidators.folding import sentence_of
from statewright.consolidators.handling import Handling, Parking, handle, handle_all
from statewright.consolidators.leases import Lapsed, Leases, guard
from statewright.consolidators.rebuilding import (
    RebuildFeed,
    RebuildStopped,
    build,
    build_in_place,
    building_file,
    copy,
    remove,
    remove_all,
)
from statewright.consolidators.relations import Relations
from statewright.consolidators.stays import Stays
from statewright.consolidators.variants import Variants
from statewright.consolidators.words import Consolidator, Definitions, Informed
from statewright.feed import BATCH, UNTOLD_S, Waker, wait_beyond
from statewright.stores.words import Batch, EventStore, Place, Ref

BUILT_IN: tuple[type[Consolidator], ...] = (Entities, Stays, Flow, Deadlines, Variants, Relations)

PACE_S = 0.020
"""While much happens, the least time from the beginning of one round to that of the next; after a pause, none."""

_REST = 3.0
_REST_AT_MOST_S = 0.4
"""As long as they keep up, consolidators rest three times as long as they worked, so that who posts has the machine,
and a batch is larger for it and cheaper: 80 µs a transition in batches of 1,000, 58 in those of 4,000."""

DROP_AFTER_S = 60.0
"""How long the tables that were live before a switch are kept."""

_RETRY_S = 1.0
_RETRY_AT_MOST_S = 60.0
_REPORT_S = 0.5
P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("statewright.consolidators")


class _Line(Struct):
    """One generation of a consolidator that is kept up, and when it may try again after failing."""

    consolidator: Consolidator
    generation: int
    fence: int
    checkpoint: Checkpoint
    parking: Parking
    known: bool = True  # whether `parking` is what the table says
    attempts: int = 0
    retry_at: float = 0.0


class _Watch(Struct):
    """A consolidator that this process runs: its live line, and the rebuilt one that is catching up with it."""

    made: type[Consolidator]
    fence: int
    begun: bool = False
    live: _Line | None = None
    rebuilt: _Line | None = None
    attempts: int = 0  # to rebuild
    retry_at: float = 0.0
    drop_at: float | None = None

    @property
    def lines(self) -> list[_Line]:
        """Those there are."""
        return [line for line in (self.live, self.rebuilt) if line is not None]


class Runner:
    """Runs those of `consolidators` that no other process runs over the log in `store` into the database `views`.

    `waker` is what rings when the log has grown behind the store's back or something was asked for. Without
    `definitions` no entity refers to another. `leases` are those on the consolidators' names, the usual ones if None.
    """

    def __init__(
        self,
        store: EventStore,
        views: Engine,
        consolidators: Sequence[type[Consolidator]] = BUILT_IN,
        *,
        definitions: Definitions | None = None,
        waker: Waker | None = None,
        batch: int = BATCH,
        pace_s: float = PACE_S,
        drop_after_s: float = DROP_AFTER_S,
        leases: Leases | None = None,
    ) -> None:
        self.waker = waker or Waker()
        self._store = store
        self._views = views
        self._definitions = definitions
        self._made_by_name = {made.name: made for made in consolidators}
        self._watches: dict[str, _Watch] = {}
        self._leases = leases or Leases(views, list(self._made_by_name))
        self._embedded = views.dialect.name == "sqlite"
        self._leaving = asyncio.Event()
        self._batch = batch
        self._pace_s = pace_s
        self._drop_after_s = drop_after_s
        self._writer = asyncio.Lock()  # so that our own threads queue here and not on SQLite's lock
        self._rebuild: asyncio.Task[None] | None = None
        self._stopping = False

    async def run(self) -> None:
        """Run until `stop`. What is in hand is finished and saved first."""
        keeping = asyncio.create_task(self._keep_leases(), name="leases")
        try:
            while not self._stopping:
                started = time.monotonic()
                largest = await self._go_round()
                if largest >= self._batch:
                    continue  # there is more
                if largest:
                    worked_s = time.monotonic() - started
                    await asyncio.sleep(max(self._pace_s - worked_s, min(_REST * worked_s, _REST_AT_MOST_S)))
                elif not self._stopping:
                    await self._sleep()
        finally:
            self._stopping = True
            self._leaving.set()
            await keeping
            if self._rebuild is not None:
                await self._rebuild  # it sees that we stop, and no thread of it must outlive us
            with contextlib.suppress(DBAPIError):  # they end by themselves
                await self._write(self._leases.leave)

    def stop(self) -> None:
        """Have `run` return soon."""
        self._stopping = True
        self._leaving.set()
        self.waker.ring()

    # --- leases

    async def _keep_leases(self) -> None:
        """Renew them, beside whatever else is done, for as long as this runs."""
        while not self._stopping:
            try:
                # A server has many writers at a time; in an embedded database we take our turn with our other threads.
                changed = await (self._write if self._embedded else asyncio.to_thread)(self._leases.renew)
                if changed or self._leases.surplus:
                    self.waker.ring()
            except Exception as error:
                _log.warning("leases cannot be renewed just now: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._leases.pause_s):
                    await self._leaving.wait()

    async def _take_up(self) -> None:
        """Run what there are leases for, and nothing else."""
        held = dict(self._leases.held)
        for name, watch in list(self._watches.items()):
            if held.get(name) != watch.fence:
                _log.info("%s is run by another process now", name)
                del self._watches[name]
        if self._leases.surplus and not self._rebuilding():
            await self._give_back(list(self._watches)[-self._leases.surplus :])
        for name, fence in held.items():
            if name not in self._watches and self._leases.held.get(name) == fence:
                self._watches[name] = _Watch(self._made_by_name[name], fence)
        for watch in self._watches.values():
            if not watch.begun and watch.retry_at <= time.monotonic():
                await self._begin_if_possible(watch)

    async def _give_back(self, names: Sequence[str]) -> None:
        """Let other processes run these: they have fewer."""
        self._leases.surplus = 0
        for name in names:
            self._watches.pop(name, None)
            await self._write(self._leases.give_back, name)

    def _lost(self, name: str, fence: int) -> None:
        """Leave to another process what it has taken."""
        if self._leases.held.get(name) == fence:
            del self._leases.held[name]

    # --- beginning

    async def _begin_if_possible(self, watch: _Watch) -> None:
        try:
            await self._begin(watch)
            watch.begun, watch.attempts = True, 0
        except Lapsed:
            self._lost(watch.made.name, watch.fence)
        except Exception as error:
            watch.retry_at = time.monotonic() + _RETRY_S
            _log.exception("%s cannot begin yet: %s", watch.made.name, error)

    async def _begin(self, watch: _Watch) -> None:
        name = watch.made.name
        await self._write(books.drop_begun, self._views, name, watch.fence)
        watch.drop_at = time.monotonic() + self._drop_after_s  # the process before us may have switched just now
        remove_all(self._views, name)
        known = await asyncio.to_thread(books.known, self._views, name)
        if known is None:
            await self._begin_anew(watch)
        else:
            await self._go_on(watch, known)

    async def _begin_anew(self, watch: _Watch) -> None:
        number = await self._write(books.next_generation, self._views, watch.made.name, watch.fence)
        made = self._made(watch.made, number)
        await self._write(books.begin_live, self._views, made, number, self._store.log_id, _now(), watch.fence)
        watch.live = _Line(made, number, watch.fence, Checkpoint(self._store.log_id), Parking())

    async def _go_on(self, watch: _Watch, known: books.Known) -> None:
        """Continue from the checkpoint, unless what made it was another log or another program."""
        name = watch.made.name
        if known.number != watch.made.number:
            reason = f"{name} was built by an earlier version of this program and is being rebuilt"
        elif not await self._is_of_this_log(known.checkpoint):
            reason = f"the log is not the one that {name} was built from, so it is being rebuilt"
        else:
            made = self._made(watch.made, known.live)
            watch.live = _Line(made, known.live, watch.fence, known.checkpoint, Parking(known.parked))
            return
        _log.warning(reason)
        await self._write(books.require_rebuild, self._views, name, reason, _now(), watch.fence)

    def _made(self, made: type[Consolidator], number: int) -> Consolidator:
        consolidator = made(number)
        if self._definitions is not None and isinstance(consolidator, Informed):
            consolidator.inform(self._definitions)
        return consolidator

    async def _is_of_this_log(self, checkpoint: Checkpoint) -> bool:
        if checkpoint.log != self._store.log_id:
            return False
        if checkpoint.type is None or checkpoint.entity is None or checkpoint.version is None:
            return True
        ref = Ref(checkpoint.type, checkpoint.entity)
        records = await self._store.read_entity(ref, checkpoint.version - 1, 1)
        return bool(records) and digest_of(records[0]) == checkpoint.digest

    # --- going on

    async def _go_round(self) -> int:
        """One batch for every line that is behind; how many transitions there were in the largest."""
        try:
            await self._take_up()
            for line in self._lines():
                if not line.known:
                    await asyncio.to_thread(self._know, line)
            await self._do_what_was_asked()
            largest = 0
            for place, lines in self._by_place().items():
                batch = await self._read(place, lines)
                if batch is not None and (batch.records or any(line.attempts for line in lines)):
                    await self._advance_all(lines, batch)
                    largest = max(largest, len(batch.records))
            await self._switch_and_drop(at_the_end=not largest)
        except Lapsed as lapsed:
            watch = self._watches.get(lapsed.name)
            if watch is not None:
                self._lost(lapsed.name, watch.fence)
            return 0
        except Exception as error:
            # Without the database nothing goes on; it is asked again until it answers.
            _log.exception("consolidators wait: %s", error)
            await asyncio.sleep(_RETRY_S)
            return 0
        return largest

    async def _read(self, place: Place, lines: Sequence[_Line]) -> Batch | None:
        """The next transitions after `place`; None when the log cannot be read, and then `lines` say so."""
        try:
            return await self._store.read(place, self._batch)
        except Exception as error:
            for line in lines:
                await self._write(self._failed, line, error)
            return None

    def _by_place(self) -> dict[Place, list[_Line]]:
        now = time.monotonic()
        places: dict[Place, list[_Line]] = {}
        for line in self._lines():
            if line.retry_at <= now:
                places.setdefault(line.checkpoint.place, []).append(line)
        return places

    def _lines(self) -> list[_Line]:
        return [line for watch in self._watches.values() for line in watch.lines]

    async def _advance_all(self, lines: Sequence[_Line], batch: Batch) -> None:
        """One after the other in an embedded database, which has one writer; side by side where there is a server."""
        if self._embedded:
            await self._write(self._advance_each, lines, batch)
        else:
            await asyncio.gather(*(asyncio.to_thread(self._advance_or_say_why, line, batch) for line in lines))

    def _advance_each(self, lines: Sequence[_Line], batch: Batch) -> None:
        for line in lines:
            self._advance_or_say_why(line, batch)

    def _advance_or_say_why(self, line: _Line, batch: Batch) -> None:
        try:
            if batch.records:
                self._advance(line, batch)
            self._succeeded(line)
        except Lapsed:
            self._lost(line.consolidator.name, line.fence)
        except books.Elsewhere as elsewhere:
            _log.warning("%s; it goes on from where it does", elsewhere)
        except Exception as error:
            self._failed(line, error)

    def _advance(self, line: _Line, batch: Batch) -> None:
        """The batch as a whole; only where that fails with the care that finds out what is to be parked."""
        try:
            self._save(line, batch, handle_all)
        except (DBAPIError, Lapsed, books.Elsewhere):
            raise
        except Exception:
            self._save(line, batch, handle)

    def _save(self, line: _Line, batch: Batch, handle: Handling) -> None:
        """Rows, parked entities and checkpoint in one transaction.

        Raises Elsewhere where the generation does not stand where the batch begins.
        """
        records = batch.records
        before = line.checkpoint.place
        checkpoint = line.checkpoint.after(len(records), records[-1], batch.place)
        name = line.consolidator.name
        self._know(line)
        if line.checkpoint.place != before:
            raise books.Elsewhere(f"{name} does not stand at {before}")
        try:
            with writing(self._views) as connection:
                handle(line.consolidator, records, connection, line.parking)
                line.parking.count(records)
                line.parking.save(name, line.generation, _now(), connection)
                guard(connection, name, line.fence)
                books.save_checkpoint(connection, name, line.generation, checkpoint, before)
        except BaseException:
            line.consolidator.forget()
            line.known = False
            raise
        line.checkpoint = checkpoint

    def _know(self, line: _Line) -> None:
        """Read back what is uncertain since a transaction failed, and may have been kept all the same.

        What was in memory is then ahead of the tables or behind them: the connection may have been lost in the commit.
        """
        if not line.known:
            found = books.standing_of(self._views, line.consolidator.name, line.generation)
            line.checkpoint, line.parking = found.checkpoint, Parking(found.parked)
            line.known = True

    def _failed(self, line: _Line, error: Exception) -> None:
        name = line.consolidator.name
        line.attempts += 1
        line.retry_at = time.monotonic() + _backoff_s(line.attempts)
        _log.error("%s stopped: %s", name, error, exc_info=error)
        reason = f"stopped after place {line.checkpoint.place}: {sentence_of(error)}"
        self._note_error(line, reason, line.attempts)

    def _succeeded(self, line: _Line) -> None:
        if not line.attempts:
            return
        line.attempts, line.retry_at = 0, 0.0
        self._note_error(line, None, 0)

    def _note_error(self, line: _Line, error: str | None, attempts: int) -> None:
        name = line.consolidator.name
        watch = self._watches.get(name)
        if watch is None or watch.fence != line.fence:
            return
        if line is watch.live:
            books.note_error(self._views, name, error, None if error is None else _now(), attempts, line.fence)
        else:
            books.note_rebuild_error(self._views, name, line.generation, error, line.fence)

    async def _sleep(self) -> None:
        now = time.monotonic()
        due = [line.retry_at - now for line in self._lines() if line.retry_at > now]
        timeout_s = max(0.0, min([UNTOLD_S, *due]))
        places = list(self._by_place())
        if len(places) == 1:  # all that can go on stand together, at the end of the log
            await wait_beyond(self._store, places[0], self.waker, timeout_s)
        else:
            await self.waker.sleep(timeout_s)

    # --- what was asked for

    async def _do_what_was_asked(self) -> None:
        for asked in await asyncio.to_thread(books.requests, self._views):
            watch = self._watches.get(asked.name)
            if watch is None:
                continue  # of a consolidator that this program does not have
            if asked.kind == "retry":
                await self._retry(watch, asked)
            elif self._may_rebuild(watch):
                self._rebuild = asyncio.create_task(self._rebuild_beside(watch))

    async def _retry(self, watch: _Watch, asked: Row[Any]) -> None:
        """Try a parked entity's held transitions again; it stays parked where one still cannot be handled."""
        line = watch.live
        entity = line.parking.entities.get((asked.type, asked.entity)) if line else None
        if line is None or entity is None:
            await self._write(self._settle, asked)
            return
        held = await self._store.read_entity(Ref(entity.type, entity.entity), entity.version - 1, entity.held)

        def again() -> None:
            line.parking.entities.pop((entity.type, entity.entity))
            try:
                with writing(self._views) as connection:
                    books.unpark(connection, watch.made.name, line.generation, entity)
                    handle(line.consolidator, held, connection, line.parking)
                    line.parking.count(held)
                    line.parking.save(watch.made.name, line.generation, _now(), connection)
                    books.settle(connection, asked)
                    guard(connection, watch.made.name, watch.fence)
            except BaseException:
                line.consolidator.forget()
                line.known = False
                raise

        await self._write(again)

    def _settle(self, asked: Row[Any]) -> None:
        with writing(self._views) as connection:
            books.settle(connection, asked)

    # --- rebuilding

    def _may_rebuild(self, watch: _Watch) -> bool:
        """One rebuild at a time, since each may take the memory allowed to one."""
        return not self._rebuilding() and watch.rebuilt is None and watch.retry_at <= time.monotonic()

    def _rebuilding(self) -> bool:
        return self._rebuild is not None and not self._rebuild.done()

    async def _rebuild_beside(self, watch: _Watch) -> None:
        """Build a new generation and let it catch up; a failure is noted and tried again later."""
        name, number = watch.made.name, 0
        try:
            number = await self._write(books.next_generation, self._views, name, watch.fence)
            watch.rebuilt = await self._built(watch, number)
        except RebuildStopped:
            return  # asked for still, so it begins anew when we do, or with the process that has taken it over
        except Lapsed:
            self._lost(name, watch.fence)
        except Exception as error:
            watch.attempts += 1
            watch.retry_at = time.monotonic() + _backoff_s(watch.attempts)
            _log.exception("the rebuild of %s stopped: %s", name, error)
            with contextlib.suppress(DBAPIError, Lapsed):
                reason = sentence_of(error)
                await self._write(books.note_rebuild_error, self._views, name, number, reason, watch.fence)
        else:
            watch.attempts = 0
        self.waker.ring()

    async def _built(self, watch: _Watch, number: int) -> _Line:
        """A generation that has everything up to where the log ended when this began."""
        made, goal = self._made(watch.made, number), await self._store.latest_place()
        feed = RebuildFeed(self._store, goal, lambda: self._is_to_stop(watch))
        line = _Line(made, number, watch.fence, feed.checkpoint, feed.parking)
        await self._write(books.begin_rebuild, self._views, made, number, self._store.log_id, goal, _now(), watch.fence)
        if self._embedded:
            await self._built_apart(watch, line, feed)
        else:
            await self._reporting(
                build_in_place(self._made(watch.made, number), feed, self._views), line, "reading", feed
            )
        line.checkpoint = feed.checkpoint
        await self._write(self._begin_to_catch_up, line)
        return line

    async def _built_apart(self, watch: _Watch, line: _Line, feed: RebuildFeed) -> None:
        """Into a file of its own first, since an embedded database has one writer, which others wait for."""
        file = building_file(self._views, watch.made.name, line.generation)
        try:
            await self._reporting(build(self._made(watch.made, line.generation), feed, file), line, "reading", feed)
            tables, stopping = line.consolidator.tables, lambda: self._is_to_stop(watch)
            await self._reporting(copy(tables, file, self._views, self._writer, stopping), line, "copying", feed)
        finally:
            remove(file)

    def _is_to_stop(self, watch: _Watch) -> bool:
        return self._stopping or self._leases.held.get(watch.made.name) != watch.fence

    async def _reporting(self, work: Coroutine[Any, Any, None], line: _Line, phase: str, feed: RebuildFeed) -> None:
        """Do a part of a rebuild, and say now and then how far it is."""
        task = asyncio.create_task(work)
        name, number = line.consolidator.name, line.generation
        while True:
            await self._write(books.note_phase, self._views, name, number, phase, feed.checkpoint, line.fence)
            done, _ = await asyncio.wait([task], timeout=_REPORT_S)
            if done:
                return task.result()

    def _begin_to_catch_up(self, line: _Line) -> None:
        name = line.consolidator.name
        with writing(self._views) as connection:
            guard(connection, name, line.fence)
            line.parking.save(name, line.generation, _now(), connection)
        books.note_phase(self._views, name, line.generation, "catching_up", line.checkpoint, line.fence)

    async def _switch_and_drop(self, at_the_end: bool) -> None:
        for watch in self._watches.values():
            if watch.rebuilt is not None and self._has_caught_up(watch, watch.rebuilt, at_the_end):
                rebuilt = watch.rebuilt
                await self._write(books.switch, self._views, rebuilt.consolidator, rebuilt.generation, watch.fence)
                watch.live, watch.rebuilt = watch.rebuilt, None
                watch.drop_at = time.monotonic() + self._drop_after_s
            if watch.drop_at is not None and watch.drop_at <= time.monotonic():
                watch.drop_at = None
                await self._write(books.drop_retired, self._views, watch.made.name, watch.fence)

    def _has_caught_up(self, watch: _Watch, rebuilt: _Line, at_the_end: bool) -> bool:
        if rebuilt.attempts:
            return False
        if watch.live is None or watch.live.attempts:  # nobody to catch up with: the end of the log is the goal
            return at_the_end
        return self._store.compare_places(rebuilt.checkpoint.place, watch.live.checkpoint.place) >= 0

    async def _write(self, call: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Run what writes to the views database in a thread, one at a time."""
        async with self._writer:
            return await asyncio.to_thread(call, *arguments, **options)


def _backoff_s(attempts: int) -> float:
    return min(_RETRY_AT_MOST_S, _RETRY_S * 2.0 ** min(attempts - 1, 10))


def _now() -> int:
    return time.time_ns() // 1_000
