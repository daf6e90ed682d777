"""The log in one JetStream stream: one message a transition, its position the message's sequence.

The stream is asked for nothing but its end and what stands after a position. Heads, commands and reads come from an
index in the data folder, which takes whatever the stream holds before it answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from statewright.machine.record import Head, Record
from statewright.stores.index import LogIndex, delete
from statewright.stores.words import (
    Append,
    Batch,
    EventStore,
    Limits,
    LogDamaged,
    Outcome,
    Place,
    Ref,
    StoreUnavailable,
    StoreUncertain,
)
from statewright_nats.adopting import Adoption
from statewright_nats.appending import PATIENCE_S, Group
from statewright_nats.link import Link, NotSent, Rejected, Unanswered
from statewright_nats.naming import bell_of, void_of
from statewright_nats.streams import Found

LOOK_EVERY_S = 1.0
"""How often the stream's end is looked at where nobody rang, in seconds."""
_AGAIN_S = 0.1
_RINGS_EVERY_S = 0.01
_POLL_S = 0.005
_HEARD_S = 3.0
"""A leader that has heard from most of its peers within so many seconds is the leader: no other can have been elected
before they had been silent for four."""
_BEING_STORED = 10158
_log = logging.getLogger("statewright.nats")
T = TypeVar("T")


class StreamStore(EventStore):
    """An EventStore on one stream. Any number of processes may write it; made by `open`, for one event loop."""

    def __init__(self, link: Link, found: Found, partition: int, folder: Path, *, read_only: bool) -> None:
        self.link = link
        self.name = found.name
        self.partition = partition
        self.doubts: list[str] = []
        self._log_id = found.log_id
        self._read_only = read_only
        self._keeping = _Keeping(folder / f"{found.name}.lock")
        self._path = folder / f"{found.name}.sqlite"
        self._appending = asyncio.Lock()
        self._following = asyncio.Lock()
        self._rung = asyncio.Event()
        self._bell = _Bell(link, bell_of(found.name))
        self._next: asyncio.Task[None] | None = None
        self._tail: asyncio.Task[None] | None = None
        self._closed = False
        self._index: LogIndex | None = None

    @classmethod
    async def open(cls, link: Link, found: Found, partition: int, folder: Path, *, read_only: bool) -> StreamStore:
        """Open a stream and bring its index to the stream's end. Raises StoreUnavailable, LogDamaged."""
        store = cls(link.hold(), found, partition, folder, read_only=read_only)
        try:
            await store._begin(found.last)
        except BaseException:
            await store.close()
            raise
        return store

    async def _begin(self, last: int) -> None:
        kept = self._keeping.take()
        self._index = LogIndex.made(self._path, self._log_id) if kept else LogIndex(self._path, self._log_id)
        if kept and not await self._agrees(last):
            await self.index.close()
            delete(self._path)
            self._index = LogIndex.made(self._path, self._log_id)
        await self.current()
        await self.link.hear(bell_of(self.name), self._rung.set)
        self.link.on_return(self._rung.set)
        self._tail = asyncio.create_task(self._follow(), name=f"index of {self.name}")

    async def _agrees(self, last: int) -> bool:
        """Whether the index is of this stream as it is: one that was restored is shorter, or holds something else."""
        upto = self.index.upto
        if upto > last:
            return False
        try:
            record = self.index.line_at(upto)
        except LogDamaged:
            return False
        if record is None:
            return True
        lines = await self._patiently(partial(self.link.lines, self.name, upto))
        return bool(lines) and Group.is_of(lines[0], record)

    @property
    def index(self) -> LogIndex:
        """What was read of the stream so far."""
        assert self._index is not None, "the store is made by `open`"
        return self._index

    @property
    def log_id(self) -> str:
        """An id made with the log."""
        return self._log_id

    @property
    def limits(self) -> Limits:
        """A thousand transitions fit into one atomic batch; other processes may write."""
        return self.index.limits

    # --- writing

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        """Record each command whole or not at all, in atomic batches of this stream."""
        if not group:
            return []
        async with self._appending:
            await self._require_ready()
            outcomes = await Group(self, group).recorded()
        self._bell.ring()
        return outcomes

    async def _require_ready(self) -> None:
        if self._read_only or self._closed:
            raise StoreUnavailable("this log was opened to read, or is closed; open it again to append to it")
        if self.doubts:
            await self._settle_doubts()

    async def adopt(self, records: Sequence[Record]) -> None:
        """Append what another log recorded, in atomic batches of whole commands."""
        if not records:
            return
        async with self._appending:
            adoption = await self._adoption(records)
            try:
                await adoption.run()
            finally:
                self._bell.ring()

    async def require_following(self, records: Sequence[Record]) -> None:
        """Raises CannotAdopt where `adopt` would."""
        async with self._appending:
            await self._adoption(records)

    async def _adoption(self, records: Sequence[Record]) -> Adoption:
        await self._require_ready()
        await self.current()
        adoption = Adoption(self, records)
        adoption.require_following()
        return adoption

    async def settle(self, id: str) -> None:
        """Make sure that the publish called `id` is stored, or never will be. Raises StoreUncertain.

        The same id is published with nothing in it. Where the cluster has stored the first of the two it knows this
        one for a duplicate; otherwise it takes this one, and would know the first for a duplicate, should it still
        come out of some buffer.
        """
        if id not in self.doubts:
            self.doubts.append(id)  # for whoever asks next, should this be given up
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while True:
            try:
                await self.link.ask(void_of(self.name), b"", {"Nats-Msg-Id": id, "Nats-Expected-Stream": self.name})
                self.doubts.remove(id)
                return
            except (NotSent, Unanswered, Rejected) as error:
                if isinstance(error, Rejected) and error.code != _BEING_STORED:
                    _log.warning("the stream %s refuses to say what became of a publish: %s", self.name, error)
                if loop.time() > deadline:
                    raise StoreUncertain(f"it is not known whether the group was recorded: {error}") from error
            await asyncio.sleep(_AGAIN_S)

    async def _settle_doubts(self) -> None:
        while self.doubts:
            try:
                await self.settle(self.doubts[0])
            except StoreUncertain as error:
                raise StoreUnavailable(f"what became of an earlier group cannot be found out yet: {error}") from error

    # --- following the stream

    async def current(self) -> None:
        """Bring the index to where the stream ends now, one question for all who ask at once.

        Who asks while a question is under way needs the next one: what he must see may have come after it.
        """
        if self._closed:
            raise StoreUnavailable("this log is closed; open it again")
        if self._next is None:
            self._next = asyncio.create_task(self._catch_up())
        await asyncio.shield(self._next)

    async def _catch_up(self) -> None:
        async with self._following:
            self._next = None
            await self.reach(await self._patiently(self._end))

    async def _end(self) -> int:
        """The last position of the stream, from a leader that most of its peers still follow."""
        info = await self.link.api(f"STREAM.INFO.{self.name}")
        cluster = info.get("cluster") or {}
        peers = cluster.get("replicas") or []
        heard = sum(not peer.get("offline") and peer.get("active", 0) < _HEARD_S * 10**9 for peer in peers)
        if peers and (heard + 1) * 2 <= len(peers) + 1:
            # It may have been deposed and not know it. What a majority stores now stands after all that was stored.
            answer = await self.link.ask(void_of(self.name), b"", {"Nats-Expected-Stream": self.name})
            return int(answer["seq"])
        return int(info["state"]["last_seq"])

    async def reach(self, position: int) -> None:
        """Bring the index to a position that the stream is known to have reached. Raises StoreUnavailable."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while (upto := self.index.upto) < position:
            if self._keeping.take():
                lines = await self._patiently(partial(self.link.lines, self.name, upto + 1))
                if lines:
                    self.index.take(upto + 1, lines)
                    deadline = loop.time() + PATIENCE_S
                    continue
            # The replica that answered is behind, or the process that keeps the index is.
            if loop.time() > deadline:
                raise StoreUnavailable(
                    f"the index of {self.name} does not come to position {position}; it is at {upto}"
                )
            await asyncio.sleep(_POLL_S)

    def take(self, first: int, lines: Sequence[bytes]) -> None:
        """Put into the index what is known to stand at `first` and after, where that is what it needs next."""
        if self._keeping.kept and self.index.upto == first - 1:
            self.index.take(first, lines)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while True:
            try:
                return await ask()
            except (NotSent, Unanswered, Rejected) as error:
                if self._closed or loop.time() > deadline:
                    raise StoreUnavailable(f"the stream {self.name} cannot be read just now: {error}") from error
            await asyncio.sleep(_AGAIN_S)

    async def _follow(self) -> None:
        """Keep the index at the stream's end, and wake those who wait for it to grow."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._rung.wait()
            self._rung.clear()
            try:
                await self.current()
            except StoreUnavailable as error:
                _log.warning("%s", error)
            except LogDamaged as error:
                _log.critical("the stream %s: %s", self.name, error)
            self.index.waking.wake()

    # --- reading

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        """The heads of `refs` as of now, in their order."""
        await self.current()
        return await self.index.heads(refs)

    async def find_command(self, ref: Ref, command: str) -> Sequence[Record]:
        """The transitions that `command` made, looked up at its first entity."""
        if self.doubts:
            async with self._appending:
                await self._settle_doubts()
        await self.current()
        return await self.index.find_command(ref, command)

    async def late_commands(self, asked: Sequence[tuple[Ref, str]]) -> Collection[tuple[Ref, str]]:
        """Those of many commands that made a version of their entity beyond the first 64."""
        await self.current()
        return await self.index.late_commands(asked)

    async def read_entity(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        """One entity's transitions above `after_version`, oldest first."""
        await self.current()
        return await self.index.read_entity(ref, after_version, limit)

    async def read(self, after: Place, limit: int) -> Batch:
        """Up to `limit` transitions after a place. Raises BadPlace."""
        batch = await self.index.read(after, limit)
        if len(batch.records) == limit:
            return batch  # whatever is new stands after these
        await self.current()
        return await self.index.read(after, limit)

    async def skim(
        self,
        after: Place,
        limit: int,
        shape: type[T],
        kind: str,
        take: Callable[[Iterator[T]], None],
        part: tuple[int, int] = (0, 1),
    ) -> Place:
        """Hand `take` some fields of what entities of the type `kind` did among the next `limit` transitions."""
        return await self.index.skim(after, limit, shape, kind, take, part)

    async def latest_place(self) -> Place:
        """The place after the last transition there is."""
        await self.current()
        return await self.index.latest_place()

    async def wait(self, place: Place, timeout_s: float) -> bool:
        """Return True as soon as something stands after `place`, False after `timeout_s` seconds."""
        return await self.index.wait(place, timeout_s)

    def compare_places(self, one: Place, other: Place) -> int:
        """Negative, zero or positive as `one` is before, at or after `other`. Raises BadPlace."""
        return self.index.compare_places(one, other)

    async def close(self) -> None:
        """Finish what was accepted, and let go of the index and the connection."""
        async with self._appending:
            if self._closed:
                return
            self._closed = True
        await self._bell.stop()
        if self._tail is not None:
            self._tail.cancel()
            await asyncio.gather(self._tail, return_exceptions=True)
        if self._next is not None:
            await asyncio.gather(self._next, return_exceptions=True)
        async with self._following:
            self._keeping.release()
            if self._index is not None:
                await self._index.close()
        await self.link.close()


class _Bell:
    """Tells other processes that a stream has grown: at once, and then not again for a moment."""

    def __init__(self, link: Link, subject: str) -> None:
        self._link = link
        self._subject = subject
        self._ringing: asyncio.Task[None] | None = None
        self._again = False

    def ring(self) -> None:
        """Whoever listens has a look, soon."""
        self._again = True
        if self._ringing is None:
            self._ringing = asyncio.create_task(self._ring())

    async def _ring(self) -> None:
        try:
            while self._again:
                self._again = False
                with contextlib.suppress(NotSent, Unanswered):
                    await self._link.say(self._subject)
                await asyncio.sleep(_RINGS_EVERY_S)
        finally:
            self._ringing = None

    async def stop(self) -> None:
        """Ring a last time where somebody would have to wait for it."""
        if self._ringing is not None:
            self._ringing.cancel()
            await asyncio.gather(self._ringing, return_exceptions=True)
        if self._again:
            with contextlib.suppress(NotSent, Unanswered):
                await self._link.say(self._subject)


class _Keeping:
    """The lock of whoever writes an index, among the processes of a data folder; the kernel lets go with a process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    @property
    def kept(self) -> bool:
        """Whether it is ours."""
        return self._file is not None

    def take(self) -> bool:
        """Take it where nobody has it; whether it is ours."""
        if self._file is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let others have it."""
        if self._file is not None:
            self._file.close()
            self._file = None
