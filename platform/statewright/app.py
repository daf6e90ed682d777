"""Everything is put together here, and only here: the rooms of an installation, its server, and its two processes.

`serve` is the API with its committer, and a second process for the consolidators, so that views never share the API's
interpreter. A byte on a pipe wakes it after every commit; the pipe's end tells it that the API is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import uvloop
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException

from statewright import consolidators
from statewright.backtests import Keeper
from statewright.bulk import BulkSender
from statewright.catalog import Catalog
from statewright.catalog.keys import KeyRing
from statewright.commands import Committer, Erasing, Timers
from statewright.folder import FolderLock
from statewright.http.heads import Heads
from statewright.http.hosts import Hosts
from statewright.http.hot import HotPath
from statewright.http.rooms import Rooms
from statewright.http.routes import answer_problem, api, is_ours
from statewright.http.server import Server, listen
from statewright.http.stream import App
from statewright.keeping.beside import seals_kept
from statewright.machine.moments import Micros
from statewright.plugins import open_log
from statewright.protection import key_ring_of
from statewright.settings import BadSetting, Settings, require_loopback
from statewright.stores.sealing import sealing
from statewright.stores.words import EventStore
from statewright.views import BEGINNING, TIMERS, Cursor, Deadline, Views
from statewright_ui import Needs, no_such_page, pages
from statewright_ui.pulse import Pulse

__all__ = ["BadSetting", "Installation", "Settings", "installed", "opened", "serve"]

_RESTART_AFTER_S = 1.0
_TURN_S = 0.000_5
"""How long a thread that reads a large definition keeps the interpreter while events wait for it, in seconds; Python's
own 5 ms, at several turns an event, made every event wait 20 ms for as long as the reading took."""
_NICE = 10
_FAILED = 70
"""The exit status (EX_SOFTWARE of sysexits.h) after the log's medium failed."""
_log = logging.getLogger("statewright")


def serve(settings: Settings) -> None:
    """Run the platform on the data in one folder until SIGTERM or SIGINT; what was accepted is finished first.

    Raises FolderInUse, OSError when the address is taken, BadSetting for an address that others could reach.
    """
    require_loopback(settings.host)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    lock = FolderLock(settings.data, "serve")
    try:
        uvloop.run(_serve(settings))
    finally:
        lock.release()


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[App, None]:
    """The application of an installation without a server, for who calls it in process; nobody consolidates meanwhile.

    Raises FolderInUse.
    """
    async with installed(settings) as installation:
        yield installation.application


@contextlib.asynccontextmanager
async def installed(
    settings: Settings, clock: Callable[[], Micros] | None = None
) -> AsyncGenerator[Installation, None]:
    """The rooms of an installation in this process; nobody consolidates, and no timer fires, meanwhile.

    With a `clock` (microseconds since 1970) of the caller's, decisions are made and recorded at the times that it
    shows; they must not fall. Raises FolderInUse.
    """
    lock = FolderLock(settings.data, "in process")
    try:
        installation = await Installation.open(settings, clock=clock)
        try:
            yield installation
        finally:
            await installation.close()
    finally:
        lock.release()


class Installation:
    """The rooms of one installation in this process, and the application in front of them."""

    @classmethod
    async def open(
        cls,
        settings: Settings,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], Micros] | None = None,
    ) -> Installation:
        """`wake` is called after every commit; `clock` shows the time, this machine's unless one is given.

        Raises BadSetting, StoreRefused and StoreUnavailable, with what to do.
        """
        store = await open_log(settings)
        try:
            return cls(settings, store, key_ring_of(settings), wake, clock)
        except BaseException:
            await store.close()
            raise

    def __init__(
        self,
        settings: Settings,
        log: EventStore,
        keys: KeyRing | None,
        wake: Callable[[], None],
        clock: Callable[[], Micros] | None,
    ) -> None:
        self.keys = keys
        self.store: EventStore = log if keys is None else sealing(log, keys)
        self.catalog = Catalog.open(
            settings.catalog_url,
            allow_unprotected_personal_data=settings.allow_unprotected_personal_data or keys is not None,
            reads_apart=not settings.single_process,
        )
        self.engine = consolidators.opened(settings.views_url)
        self.views = Views(self.engine, self.store.compare_places, None if keys is None else keys.known)
        self.wake = wake
        self.committer = Committer(
            self.store,
            self.catalog,
            queue_limit=settings.queue_limit,
            clock=clock or (lambda: time.time_ns() // 1_000),
            recorded=wake,
            failed=partial(_end_soon, _FAILED),
        )
        self.timers = Timers(self.committer, _Deadlines(self.views), turn=consolidators.Turn(self.engine, TIMERS))
        self.backtests = Keeper(
            self.catalog,
            partial(_open_readable, settings),
            settings.catalog_url,
            beside=not settings.single_process,
        )
        self.erasing = None if keys is None else Erasing(self.committer, self.store, keys)
        self.bulk = BulkSender(self.catalog, self.committer, self.views)
        self.rooms = Rooms(
            self.store,
            self.catalog,
            self.committer,
            self.views,
            self._rebuild,
            self.timers,
            self.backtests.wake,
            erasing=self.erasing,
            bulk=self.bulk.wake,
        )
        self.pulse = Pulse(self.store, self.views)
        self.backtests.take_turns(consolidators.Turn(self.engine, "backtests"))
        needs = Needs(
            self.catalog,
            self.store,
            self.rooms.asking,
            self.views,
            self.pulse,
            self.committer,
            self.timers,
            backtest=self.backtests.wake,
            bulk=self.bulk.wake,
        )
        litestar = Litestar(
            [*api(self.rooms), pages(needs)],
            exception_handlers={HTTPException: _answer_error, Exception: _answer_error},
            openapi_config=None,
            logging_config=None,
        )
        self.application: App = HotPath(Heads(litestar), self.committer, Hosts(settings.allow_host))  # type: ignore[arg-type]  # its scopes are narrower

    def _rebuild(self, name: str) -> None:
        try:
            consolidators.ask_for_rebuild(self.engine, name, time.time_ns() // 1_000)
        except consolidators.UnknownConsolidator as error:
            raise LookupError(str(error)) from error
        self.wake()

    def stop_waiting(self) -> None:
        """End what would hold up a stop: open streams, long polls, and timers that come due."""
        self.rooms.close()
        self.pulse.close()
        self.timers.stop()
        self.backtests.stop()
        self.bulk.stop()

    async def close(self) -> None:
        """Finish what was accepted, and let go of everything."""
        self.stop_waiting()
        await self.committer.close()
        await self.store.close()
        self.views.close()
        self.catalog.close()
        if self.keys is not None:
            self.keys.close()


async def _open_readable(settings: Settings) -> EventStore:
    """The log for who reads it, with its personal values in the clear."""
    log = await open_log(settings, read_only=True)
    keys = key_ring_of(settings)
    return log if keys is None else sealing(log, keys)


class _Deadlines:
    """The view `deadlines` as timers ask it."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def due(self, before: Micros, after: Cursor | None, limit: int) -> Sequence[Deadline]:
        """Timers due by `before`, in a walk from `after`."""
        return self._views.deadlines(before, after=after or BEGINNING, limit=limit).items

    def next_due(self, after: Micros) -> Micros | None:
        """When the first timer that is due after a moment is due."""
        return self._views.next_due(after)


def _answer_error(request: Request, error: Exception) -> Response:  # type: ignore[type-arg]  # as Litestar hands it over
    if is_ours(request.scope["path"]):
        return answer_problem(request, error)
    return no_such_page(request, error)


def _end_soon(status: int) -> None:
    """End the process, a moment later, so that answers under way can leave."""
    asyncio.get_running_loop().call_later(0.2, os._exit, status)


async def _serve(settings: Settings) -> None:
    listening = listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    helper = _InProcess(settings) if settings.single_process else _Beside(settings)
    try:
        installation = await Installation.open(settings, helper.wake)
    except BaseException:
        listening.close()
        raise
    server = Server(installation.application, settings.host, port, stopping=installation.stop_waiting)
    helper.start()
    firing = asyncio.create_task(installation.timers.run(), name="timers")
    trying = asyncio.create_task(installation.backtests.run(), name="backtests")
    erasing = installation.erasing
    ending = None if erasing is None else asyncio.create_task(erasing.finish(), name="erasing")
    sending = asyncio.create_task(installation.bulk.run(), name="bulk events")
    # What has been made so far stays, and need not be looked at again whenever garbage is collected.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(_TURN_S)
    _greet(settings, port)
    try:
        await server.serve_on(listening)
    finally:
        try:
            installation.timers.stop()
            installation.backtests.stop()
            if ending is not None:
                ending.cancel()
            installation.bulk.stop()
            await asyncio.gather(firing, trying, sending)
            await installation.close()
        finally:
            await helper.stop()


def _greet(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"Statewright is at http://{host}:{port}/ (data in {settings.whereabouts})", file=sys.stderr)
    print("It asks nobody who they are, so it listens to this machine alone.", file=sys.stderr, flush=True)


# --- The process beside the API ------------------------------------------------------------------------------------


class _Beside:
    """The consolidators in a process of their own, started again should it end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context = multiprocessing.get_context("spawn")
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Tell it that there is something new; a full pipe says so already."""
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                os.write(self._pipe.fileno(), b"\0")

    def start(self) -> None:
        """Start it, and see to it that it runs."""
        self._start()
        self._task = asyncio.create_task(self._keep(), name="consolidators")

    def _start(self) -> None:
        theirs, ours = self._context.Pipe(duplex=False)
        os.set_blocking(ours.fileno(), False)
        process = self._context.Process(target=_consolidate, args=(self._settings, theirs), daemon=True)
        try:
            process.start()
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._process, self._pipe = process, ours

    async def _keep(self) -> None:
        while True:
            assert self._process is not None
            ended = asyncio.Event()
            loop = asyncio.get_running_loop()
            loop.add_reader(self._process.sentinel, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(self._process.sentinel)
            _log.error("the consolidators' process ended with %s; starting it again", self._process.exitcode)
            await asyncio.sleep(_RESTART_AFTER_S)
            if self._pipe is not None:
                self._pipe.close()
                self._pipe = None
            try:
                self._start()
            except OSError as error:  # out of processes or files; the one that ended is found ended again
                _log.error("the consolidators' process cannot be started: %s", error)

    async def stop(self) -> None:
        """Let it finish what it has in hand."""
        if self._task is not None:
            self._task.cancel()
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            await asyncio.to_thread(self._process.join, 20)
            if self._process.is_alive():
                self._process.kill()  # it takes no SIGTERM; its next start goes on from its checkpoint


class _InProcess:
    """The consolidators in the API's own process, for tests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._runner: consolidators.Runner | None = None
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Tell them that there is something new."""
        if self._runner is not None:
            self._runner.waker.ring_from_thread()

    def start(self) -> None:
        """Start them."""
        self._task = asyncio.create_task(self._run(), name="consolidators")

    async def _run(self) -> None:
        store = await open_log(self._settings, read_only=True)
        engine = consolidators.opened(self._settings.views_url)
        definitions = consolidators.Registered(self._settings.catalog_url)
        self._runner = consolidators.Runner(store, engine, definitions=definitions)
        try:
            async with seals_kept(self._settings, store):
                await self._runner.run()
        finally:
            await store.close()
            definitions.close()
            engine.dispose()

    async def stop(self) -> None:
        """Let them finish what they have in hand."""
        if self._runner is not None:
            self._runner.stop()
        if self._task is not None:
            await self._task


def _consolidate(settings: Settings, pipe: Connection) -> None:
    """The whole life of the process beside the API."""
    # A stop is the API's to decide; it comes through the pipe, after the last commit.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Where processors are short, views fall behind a little before callers wait.
    os.nice(_NICE)
    uvloop.run(_run_consolidators(settings, pipe))


async def _run_consolidators(settings: Settings, pipe: Connection) -> None:
    store = await open_log(settings, read_only=True)
    engine = consolidators.opened(settings.views_url)
    definitions = consolidators.Registered(settings.catalog_url)
    runner = consolidators.Runner(store, engine, definitions=definitions)
    runner.waker.listen(pipe.fileno(), runner.stop)  # its end closed: the API has stopped, or is no more
    try:
        async with seals_kept(settings, store):
            await runner.run()
    finally:
        await store.close()
        definitions.close()
        engine.dispose()
