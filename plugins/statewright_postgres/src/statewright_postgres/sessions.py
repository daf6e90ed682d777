"""The connections of a log: one that appends, a few that read; and what must be done after one was lost.

Whether a commit whose connection was lost took place is not known, and may not be settled yet: its statement can still
be on its way to the server, or its session wait for a standby. So before anything is asked again, on a new connection,
that session is ended and a commit is made behind it: then what can be seen has happened, for good, and on the standbys.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from statewright.stores.words import StoreRefused, StoreUnavailable
from statewright_postgres.address import Address
from statewright_postgres.safety import require_safe, told_by
from statewright_postgres.statements import END

READERS = 4
CONNECT_S = 10.0
SETTLE_S = 30.0
T = TypeVar("T")

_SETTINGS = {
    "application_name": "statewright",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    # Every statement is a walk along an index. A plan made while a table was still small must not scan it for ever.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",  # rows are put together in the order in which one process reads them
}


OF_THE_DRIVER = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver itself says; the second where the server's farewell came between two requests."""


def is_lost(error: Exception) -> bool:
    """Whether a connection was lost by an error of the driver's, so that what it was doing may have been done."""
    if isinstance(error, asyncpg.PostgresError) and getattr(error, "severity_en", None) in ("FATAL", "PANIC"):
        return True
    return isinstance(error, asyncpg.PostgresConnectionError) or not isinstance(error, asyncpg.PostgresError)


class Sessions:
    """Opened and kept for one event loop. `settle` is called with each new connection that is to append, first of all.

    What was in doubt before has been ended then.
    """

    def __init__(self, address: Address, settle: Callable[[Any], Awaitable[None]], *, read_only: bool) -> None:
        self._address = address
        self._prepare = settle
        self._read_only = read_only
        self._writer: Any = None
        self._session: tuple[int, Any] = (0, None)  # of the writer: its process, and when that began
        self._doubtful: set[tuple[int, Any]] = set()
        self._settling = asyncio.Lock()
        self._idle: list[Any] = []
        self._seats = asyncio.Semaphore(READERS)
        self._closed = False

    async def connect(self) -> Any:
        """A new connection. Raises StoreRefused and StoreUnavailable."""
        settings = {**_SETTINGS, "search_path": self._address.schema}
        try:
            return await asyncpg.connect(self._address.url, timeout=CONNECT_S, server_settings=settings)
        except Exception as error:
            raise told_by(error, self._address) from error

    async def writer(self) -> Any:
        """The connection that appends, with nothing in doubt behind it."""
        if self._writer is None or self._writer.is_closed():
            await self._settle()
        return self._writer

    async def _settle(self) -> None:
        async with self._settling:
            if self._closed:
                raise StoreUnavailable("this log is closed; open it again")
            if self._writer is not None and not self._writer.is_closed():
                return
            if self._writer is not None:
                self._doubtful.add(self._session)
                self._writer = None
            connection = await self.connect()
            try:
                async with asyncio.timeout(SETTLE_S):
                    session = connection.get_server_pid(), await require_safe(connection, self._address)
                    for pid, started in list(self._doubtful):
                        await self._end(connection, pid, started)
                    await self._prepare(connection)
            except (StoreUnavailable, StoreRefused):
                connection.terminate()
                raise
            except Exception as error:
                connection.terminate()
                raise told_by(error, self._address) from error
            except BaseException:
                connection.terminate()
                raise
            self._writer, self._session = connection, session

    async def _end(self, connection: Any, pid: int, started: Any) -> None:
        async with asyncio.timeout(SETTLE_S):
            while await connection.fetchval(END, pid, started) is not None:  # noqa: ASYNC110  # an end rings no bell
                await asyncio.sleep(0.02)
        self._doubtful.discard((pid, started))

    def lose_writer(self) -> None:
        """Give up the connection that appends: what it was doing is in doubt."""
        if self._writer is not None:
            self._writer.terminate()

    async def read(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        """What `ask` says of a connection that no other reader has; asked once more where the connection was lost.

        Raises StoreUnavailable.
        """
        for last in (False, True):
            if not self._read_only:
                await self.writer()  # what a lost one left in doubt is not to be read
            try:
                async with self._reader() as connection:
                    return await ask(connection)
            except (asyncpg.PostgresError, *OF_THE_DRIVER, OSError) as error:
                if last or self._closed or not is_lost(error):
                    raise StoreUnavailable(f"the log cannot be read just now: {_sentence(error)}") from error
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[Any]:
        async with self._seats:
            if self._closed:
                raise StoreUnavailable("this log is closed; open it again")
            while self._idle and self._idle[-1].is_closed():
                self._idle.pop()
            connection = self._idle.pop() if self._idle else await self.connect()
            try:
                yield connection
            except asyncpg.PostgresError:
                self._put_back(connection)
                raise
            except BaseException:  # a reader that went away left an answer on the line
                connection.terminate()
                raise
            self._put_back(connection)

    def _put_back(self, connection: Any) -> None:
        if self._closed or connection.is_closed():
            connection.terminate()
        else:
            self._idle.append(connection)

    async def close(self) -> None:
        """Let go of all of them."""
        self._closed = True
        for connection in [*self._idle, *([self._writer] if self._writer is not None else [])]:
            if connection.is_closed():
                continue
            try:
                await connection.close(timeout=2)
            except Exception:
                connection.terminate()
        self._idle.clear()


def _sentence(error: BaseException) -> str:
    return str(error) or type(error).__name__
