"""The log in PostgreSQL: any number of processes append to it, none of them leads.

A group is one statement, and so one round trip and one commit. It raises `log_head`, whose row lock is held until the
commit: positions rise in the order of commits. Where another process was faster, the unique (entity, version) undoes
the statement, and the group goes once through a function that records the commands that still fit.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import struct
from collections.abc import AsyncGenerator, Awaitable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import asyncpg
import msgspec

from statewright.machine.record import COMMANDS_KEPT, Head, Record
from statewright.stores.waking import Waking
from statewright.stores.words import (
    START,
    Append,
    BadPlace,
    Batch,
    CannotAdopt,
    Conflict,
    Duplicate,
    Limits,
    LogDamaged,
    Outcome,
    Place,
    Recorded,
    Ref,
    StoreUnavailable,
    StoreUncertain,
)
from statewright_postgres import statements
from statewright_postgres.address import Address
from statewright_postgres.adopting import ROWS_AT_ONCE, adopt
from statewright_postgres.bell import Bell
from statewright_postgres.groups import Group, Snapshots, literal, stamp_step
from statewright_postgres.rows import decode_all, head_of, records_of, stamps_of
from statewright_postgres.schema import prepare, require
from statewright_postgres.sessions import Sessions, is_lost

TRANSITIONS_PER_COMMAND = 1_000
APPEND_S = 30.0
"""After so long an append is given up as uncertain, seconds."""
POLL_S = 1.0
"""How long an append of another process stays unnoticed where its notice was lost, seconds."""
PAGE = 1_000
"""Transitions in one statement: a thousand of the largest are half of what one value may hold."""
_CONTENDED = 16
"""So many groups go through the function at once after one that had losers: the next ones have some, too."""

_PLACE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
T = TypeVar("T")
_decode_one = msgspec.json.Decoder(Record).decode


class _Last(NamedTuple):
    """The last transition that this process recorded: while it stands, so does all before it."""

    position: int
    entity: int
    version: int
    recorded_at: int


class _Page(NamedTuple):
    """Transitions after a position as they come: times as numbers of eight bytes, records as JSON."""

    after: int
    wanted: int
    last: int
    rows: int
    first: int
    clocks: int
    stamps: bytes
    records: str

    @property
    def full(self) -> bool:
        """Whether there may be more after it."""
        return self.rows == self.wanted


class PostgresStore:
    """An EventStore in one schema of a database. Methods are to be called from one event loop."""

    limits = Limits(transitions_per_command=TRANSITIONS_PER_COMMAND, sole_writer=False)

    def __init__(self, address: Address, *, read_only: bool = False) -> None:
        """`open` is what makes one that can be used."""
        self.address = address
        self.log_id = ""
        self.waking = Waking()
        self._read_only = read_only
        self._sessions = Sessions(address, self._settle, read_only=read_only)
        self._appending = asyncio.Lock()
        self._snapshots = Snapshots()
        self._contended = 0
        self._warnings: list[object] = []
        self._last: _Last | None = None
        self._reached = 0
        self._looking: asyncio.Task[int] | None = None
        self._bell = Bell(self._sessions.connect, "", self._reach, not read_only)

    @classmethod
    async def open(cls, address: Address, *, read_only: bool = False) -> PostgresStore:
        """Open the log; make it where there is none and it may be written. Raises StoreRefused, StoreUnavailable."""
        store = cls(address, read_only=read_only)
        try:
            store.log_id = await store._sessions.read(store._identify)
        except BaseException:
            await store.close()
            raise
        store._bell = Bell(store._sessions.connect, f"statewright_{store.log_id}", store._reach, not read_only)
        return store

    async def _identify(self, connection: Any) -> str:
        await require(connection, self.address.schema)
        return str(await connection.fetchval("select id from log"))

    async def _settle(self, connection: Any) -> None:
        """Make sure of what a new connection finds before anything is answered from it or appended by it."""
        self._snapshots.forget()
        self._reached = 0
        if not self.log_id:
            await prepare(connection, self.address.schema)
        await connection.execute(statements.SETTLE)
        connection.add_log_listener(self._hear)
        last, self._last = self._last, None
        if last is None:
            return
        stands = await connection.fetchrow(statements.STANDS, last.position)
        if stands is None or tuple(stands) != last[1:]:
            raise StoreUnavailable(
                f"the log no longer holds what was recorded at position {last.position}: it was restored, or a standby "
                "that lagged behind took over. Nothing was recorded; whoever sends again is answered from what it holds"
            )
        self._last = last

    def _hear(self, _connection: Any, message: Any) -> None:
        if message.severity_en == "WARNING":
            self._warnings.append(message)

    # --- writing

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        if self._read_only:
            raise StoreUnavailable("this log was opened to be read alone")
        if not group:
            return []
        return await _to_its_end(self._append(group))

    async def _append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        async with self._appending:
            asked = Group(group)
            outcomes: Sequence[Outcome] | None = None
            known = None if self._contended else asked.known()
            if known is not None:
                outcomes = await self._whole(asked, *known)
            if outcomes is None:
                outcomes = await self._what_fits(asked)
            recorded = [outcome for outcome in outcomes if type(outcome) is Recorded]
        if recorded:
            self._take_note(group, outcomes)
        return outcomes

    async def _whole(self, asked: Group, keys: list[int], made: list[Ref]) -> list[Recorded] | None:
        """Record all of a group by one statement; None where something else stands at one of its versions."""
        values: list[Any] = [len(asked.steps), len(made), asked.moment]
        values += [literal(keys), asked.versions, asked.moments and literal(asked.moments)]
        values += [asked.clocks and literal(asked.clocks), asked.late, asked.records]
        kept = self._snapshots.columns()
        statement = statements.APPEND
        if made or kept:
            statement = statements.APPEND_WITH_NEW
            values += [[ref.type for ref in made], [ref.id for ref in made]]
        if kept:
            statement = statements.APPEND_WITH_ALL
            values += kept
        try:
            ended = await self._run(statement, values)
        except asyncpg.UniqueViolationError:
            return None
        if kept:
            self._snapshots.forget()
        return asked.all_recorded(ended["position"], ended["stamped_before"], keys, ended["entities"])

    async def _what_fits(self, asked: Group) -> list[Outcome]:
        """Record the commands of a group that fit, and find out what became of the others."""
        refs, columns, whose = asked.told()
        entities = [ref.type for ref in refs], [ref.id for ref in refs]
        found = await self._run(statements.TRY, [*entities, *columns, asked.late, asked.records])
        outcomes: list[Outcome | None] = []
        losers: list[tuple[Append, Ref]] = []
        steps = 0
        for command, position, stamp, misfit in zip(
            asked.commands, found["positions"], found["stamps"], found["misfits"], strict=True
        ):
            if misfit is None:
                for number, step in enumerate(command.steps):
                    key = found["keys"][whose[steps + number] - 1]
                    stamp_step(step, position + number + 1, stamp, command.now, key)
                outcomes.append(Recorded([step.record for step in command.steps]))
            else:
                losers.append((command, refs[misfit - 1]))
                outcomes.append(None)
            steps += len(command.steps)
        self._contended = _CONTENDED if losers else max(0, self._contended - 1)
        lost = iter(await self._of_losers(losers) if losers else ())
        return [next(lost) if outcome is None else outcome for outcome in outcomes]

    async def _of_losers(self, losers: Sequence[tuple[Append, Ref]]) -> list[Outcome]:
        """For each command that was not recorded, what it made before, or where the entity stands that it lost."""
        firsts = [Ref(command.steps[0].record.type, command.steps[0].record.entity) for command, _ in losers]
        refs = list(dict.fromkeys((*firsts, *(ref for _, ref in losers))))
        heads = dict(zip(refs, await self.heads(refs), strict=True))
        asked = [(first, command.command) for first, (command, _) in zip(firsts, losers, strict=True)]
        old = [one for one in asked if (head := heads[one[0]]) is not None and head.version > COMMANDS_KEPT]
        late = await self.late_commands(old) if old else ()
        outcomes: list[Outcome] = []
        for one, (_, ref) in zip(asked, losers, strict=True):
            head = heads[one[0]]
            if one in late or (head is not None and head.remembers(one[1])):
                outcomes.append(Duplicate(await self.find_command(*one)))
            else:
                outcomes.append(Conflict(ref, heads[ref]))
        return outcomes

    async def _run(self, statement: str, values: Sequence[Any]) -> Any:
        """The one row of a statement that appends.

        Raises StoreUnavailable when it did not take place, StoreUncertain when that is not known, UniqueViolationError.
        """
        async with self._writing(APPEND_S) as connection:
            return await connection.fetchrow(statement, *values)

    @asynccontextmanager
    async def _writing(self, patience_s: float) -> AsyncGenerator[Any, None]:
        """The connection that appends, which is given up after so many seconds.

        Raises StoreUnavailable when nothing took place, StoreUncertain when that is not known; UniqueViolationError and
        CannotAdopt come through.
        """
        connection = await self._sessions.writer()
        self._warnings.clear()
        patience = asyncio.get_running_loop().call_later(patience_s, connection.terminate)
        try:
            yield connection
        except (asyncpg.UniqueViolationError, CannotAdopt):
            raise
        except Exception as error:
            if is_lost(error) or connection.is_closed():
                self._sessions.lose_writer()
                raise StoreUncertain(f"the connection was lost before the server answered: {error}") from error
            raise StoreUnavailable(f"nothing was recorded: {error}") from error
        finally:
            patience.cancel()
        if self._warnings:  # that the wait for a standby was broken off: committed, and perhaps not for good
            self._sessions.lose_writer()
            raise StoreUncertain(f"the server committed with a warning: {self._warnings[0]}")

    def _take_note(self, group: Sequence[Append], outcomes: Sequence[Outcome]) -> None:
        record: Record | None = None
        key = 0
        for command, outcome in zip(group, outcomes, strict=True):
            if type(outcome) is Recorded:
                self._snapshots.note(command.steps)
                record, key = command.steps[-1].record, command.steps[-1].after.key
        assert record is not None
        self._stands(_Last(record.position, key, record.version, record.recorded_at))

    def _stands(self, last: _Last) -> None:
        """Take note of the last transition that was recorded here, and tell the others."""
        self._last = last
        self._reach(last.position)
        self._bell.ring(last.position)

    async def adopt(self, records: Sequence[Record]) -> None:
        if self._read_only:
            raise StoreUnavailable("this log was opened to be read alone")
        if records:
            await _to_its_end(self._adopt(records))

    async def _adopt(self, records: Sequence[Record]) -> None:
        async with self._appending:
            patience_s = APPEND_S * (1 + len(records) // ROWS_AT_ONCE)
            try:
                async with self._writing(patience_s) as connection, connection.transaction():
                    adopted = await adopt(connection, records)
            except asyncpg.UniqueViolationError as error:
                raise StoreUnavailable(f"nothing was recorded: {error}") from error
            last = adopted.record
            self._stands(_Last(adopted.position, adopted.entity, last.version, last.recorded_at))

    # --- reading

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        rows = await self._sessions.read(
            lambda connection: connection.fetch(statements.HEADS, [ref.type for ref in refs], [ref.id for ref in refs])
        )
        heads: list[Head | None] = [None] * len(refs)
        for number, key, snapshot, sealed, stamps, records in rows:
            heads[number - 1] = head_of(key, snapshot, sealed, stamps, records)
        return heads

    async def read_entity(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        found: list[Record] = []
        while limit is None or len(found) < limit:
            wanted = PAGE if limit is None else min(PAGE, limit - len(found))
            page = await self._page(statements.READ_ENTITY, *ref, after_version, wanted)
            found += page
            if len(page) < wanted:
                break
            after_version = page[-1].version
        return found

    async def read(self, after: Place, limit: int) -> Batch:
        position = _position(after)
        found: list[Record] = []
        ahead: asyncio.Task[_Page] | None = self._begin(position, limit)
        try:
            while ahead is not None:
                page = await ahead
                position = page.last or position
                ahead = self._begin(position, limit - len(found) - page.rows) if page.full else None
                await asyncio.sleep(0)  # the next page is on its way while this one is taken apart
                found += await self._unpacked(page)
        finally:
            if ahead is not None:
                ahead.cancel()
        return Batch(found, str(position))

    def _begin(self, position: int, limit: int) -> asyncio.Task[_Page] | None:
        if limit <= 0:
            return None
        wanted = min(PAGE, limit)

        async def page() -> _Page:
            row = await self._sessions.read(lambda connection: connection.fetchrow(statements.READ, position, wanted))
            return _Page(position, wanted, *row)

        return asyncio.ensure_future(page())

    async def _unpacked(self, page: _Page) -> list[Record]:
        if not page.rows:
            return []
        if page.clocks or page.last - page.first >= page.rows:
            return await self._again(page)
        try:
            found = decode_all(f"[{page.records}]")
            stamps = struct.unpack(f">{page.rows}q", page.stamps)
            for position, (record, stamp) in enumerate(zip(found, stamps, strict=True), page.first):
                record.position = position
                record.recorded_at = stamp
        except (msgspec.DecodeError, ValueError):
            return await self._again(page)  # says where the damage is
        return found

    async def _again(self, page: _Page) -> list[Record]:
        """The same transitions as rows that say more; no later ones, though there may be some by now."""
        return await self._page(statements.READ_WITH_CLOCKS, page.after, page.last)

    async def find_command(self, ref: Ref, command: str) -> Sequence[Record]:
        early = await self._page(statements.EARLY, *ref, COMMANDS_KEPT)
        first = next((record.position for record in early if record.command == command), None)
        if first is None and len(early) == COMMANDS_KEPT:
            first = await self._sessions.read(lambda connection: connection.fetchval(statements.LATE, *ref, command))
        if first is None:
            return []
        made = await self._made_from(first, command, 8)  # most commands made one
        return made if len(made) < 8 else await self._made_from(first, command, TRANSITIONS_PER_COMMAND)

    async def _made_from(self, first: int, command: str, limit: int) -> list[Record]:
        """What a command made from a position on: its transitions stand side by side, recorded by one statement."""
        page = await self._page(statements.READ_WITH_CLOCKS, first - 1, first - 1 + limit)
        digest = page[0].digest
        return list(itertools.takewhile(lambda one: (one.command, one.digest) == (command, digest), page))

    async def late_commands(self, asked: Sequence[tuple[Ref, str]]) -> Collection[tuple[Ref, str]]:
        if not asked:
            return set()
        columns = [ref.type for ref, _ in asked], [ref.id for ref, _ in asked], [command for _, command in asked]
        rows = await self._sessions.read(lambda connection: connection.fetch(statements.LATE_COMMANDS, *columns))
        return {asked[row[0] - 1] for row in rows}

    async def _page(self, statement: str, *values: Any) -> list[Record]:
        stamps, records = await self._sessions.read(lambda connection: connection.fetchrow(statement, *values))
        try:
            return records_of(stamps, records)
        except LogDamaged:
            raise await self._damage(stamps) from None

    async def _damage(self, stamps: bytes) -> LogDamaged:
        """Which of a page's rows it is that cannot be read."""
        positions = [position for position, _, _ in stamps_of(stamps)]
        rows = await self._sessions.read(lambda connection: connection.fetch(statements.READ_ONE_BY_ONE, positions))
        for position, text in rows:
            try:
                _decode_one(text)
            except msgspec.DecodeError as error:
                return LogDamaged(position, str(error))
        return LogDamaged(positions[0], "these transitions cannot be read together")

    # --- places, and waiting

    async def latest_place(self) -> Place:
        return str(await self._latest())

    async def _latest(self) -> int:
        position: int = await self._sessions.read(lambda connection: connection.fetchval(statements.LATEST))
        self._reach(position)
        return position

    async def wait(self, place: Place, timeout_s: float) -> bool:
        position = _position(place)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        self._bell.start()

        async def told() -> bool:
            return self._reached > position

        while True:
            if self._reached > position or await self._look() > position:
                return True
            left = deadline - loop.time()
            if left <= 0:
                return False
            await self.waking.until(told, min(left, POLL_S))

    def _reach(self, position: int) -> None:
        """Take note that the log goes so far, whoever said so, and wake who waits for that."""
        if position > self._reached:
            self._reached = position
            self.waking.wake()

    async def _look(self) -> int:
        """Where the log ends, by one look for all who want to know at the same time."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._latest())
        return await asyncio.shield(self._looking)

    def compare_places(self, one: Place, other: Place) -> int:
        return _position(one) - _position(other)

    async def close(self) -> None:
        async with self._appending:
            await self._bell.close()
            await self._sessions.close()


def _position(place: Place) -> int:
    if not _PLACE.fullmatch(place):
        raise BadPlace(f"{place[:40]!r} is no place of this log; hand places back as they came, or begin at {START!r}")
    return int(place)


async def _to_its_end(work: Awaitable[T]) -> T:
    """Carry on even when the caller gives up: the connection that appends is its own until then."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait((running,))
        raise
