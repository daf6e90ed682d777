"""A large backtest shared by several processes, each with entities of its own: as many as there are processors."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import msgspec

from statewright.backtests.running import Note, Stopped, tried
from statewright.catalog import Catalog
from statewright.catalog.backtests import Backtest as Asked
from statewright.machine.backtesting import Tally, summed
from statewright.stores.words import START, EventStore, Place

OpenLog = Callable[[], Awaitable[EventStore]]
"""What opens the log to read it; it is handed to other processes, so it must be one that can be pickled."""
LARGE: Place = "200000"
"""From how long a log on processes are worth starting: a start takes a second, and so does reading that much."""
WORKERS = 4
_NICE = 15


class Part(msgspec.Struct):
    """How far one process is; `done` with the last one."""

    place: Place
    share: float
    tally: Tally
    done: bool = False


class PartFailed(Exception):
    """A process that shared a backtest ended before its part did."""


def workers() -> int:
    """How many processes may share a backtest."""
    return min(WORKERS, os.cpu_count() or 1)


def begin_quietly() -> None:
    """Make this process give way to all others, and end only when it is told to by who started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a stop is the server's to decide
    os.nice(_NICE)
    # Heads by the hundred thousand hold no circles: looking for some would take a third of the time.
    gc.freeze()
    gc.set_threshold(500_000, 50, 1_000)


def shared(log: OpenLog, catalog_url: str, stopping: Callable[[], bool]) -> Callable[[Asked, Note], Awaitable[Tally]]:
    """What runs a backtest in several processes, for `run`."""

    async def whole(asked: Asked, note: Note) -> Tally:
        context, count = multiprocessing.get_context("spawn"), workers()
        told: list[Part] = [Part(START, 0.0, Tally()) for _ in range(count)]
        pipes, processes = [], []
        try:
            for group in range(count):
                ours, theirs = context.Pipe(duplex=False)
                arguments = (log, catalog_url, msgspec.json.encode(asked), (group, count), os.getpid(), theirs)
                process = context.Process(target=_work, args=arguments, daemon=True, name=f"backtest {group}")
                process.start()
                theirs.close()
                pipes.append(ours)
                processes.append(process)
            await asyncio.gather(*(_listen(pipe, told, group, note, stopping) for group, pipe in enumerate(pipes)))
        finally:
            for process in processes:
                process.terminate()  # no more than a reader of the log and of the catalogue
            for process in processes:  # their ends of the pipes close, so that no thread of ours waits for them
                await asyncio.to_thread(process.join)
            for pipe in pipes:
                pipe.close()
        return summed(part.tally for part in told)

    return whole


async def _listen(pipe: Connection, told: list[Part], group: int, note: Note, stopping: Callable[[], bool]) -> None:
    """Hear what one process says until it is done. Raises PartFailed and Stopped."""
    while not told[group].done:
        try:
            told[group] = msgspec.json.decode(await asyncio.to_thread(pipe.recv_bytes), type=Part)
        except EOFError:
            raise PartFailed(f"part {group} ended before it was done") from None
        share = sum(1.0 if part.done else part.share for part in told) / len(told)
        place = min((part.place for part in told), key=lambda place: (len(place), place))
        if stopping() or not await note(place, share, summed(part.tally for part in told)):
            raise Stopped


def _work(log: OpenLog, catalog_url: str, asked: bytes, of: tuple[int, int], parent: int, pipe: Connection) -> None:
    """The whole life of one of the processes."""
    begin_quietly()
    try:
        asyncio.run(_part(log, catalog_url, msgspec.json.decode(asked, type=Asked), of, parent, pipe))
    except (Stopped, BrokenPipeError):
        pass  # nobody waits for it any more


async def _part(
    log: OpenLog, catalog_url: str, asked: Asked, of: tuple[int, int], parent: int, pipe: Connection
) -> None:
    catalog = Catalog.open(catalog_url)
    store = await log()

    def say(part: Part) -> None:
        pipe.send_bytes(msgspec.json.encode(part))

    async def note(place: Place, share: float, tally: Tally) -> bool:
        await asyncio.to_thread(say, Part(place, share, tally))
        return True

    try:
        tally = await tried(store, catalog, asked, note, lambda: os.getppid() != parent, of=of)
        say(Part(asked.goal or START, 1.0, tally, done=True))
    finally:
        await store.close()
        catalog.close()
