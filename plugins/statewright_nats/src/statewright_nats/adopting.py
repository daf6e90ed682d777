"""What another log recorded, on its way into the stream: batch after batch, each with whole commands, in their order.

A line is what an append would have written, but for its time: that is when the other log recorded it, and the
committer's clock stands beside it where it was another. The index stamps it with the same time, since none before it
in the stream is later.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from statewright.machine.record import Record
from statewright.stores.adopting import commands_of, require_following
from statewright.stores.words import CannotAdopt, Ref, StoreUnavailable, StoreUncertain
from statewright_nats.appending import (
    AGAIN_S,
    BYTES_AT_ONCE,
    MESSAGES_AT_ONCE,
    NOT_TAKEN_NOW,
    NOW_OVERTAKEN,
    PATIENCE_S,
    messages_of,
    published,
)
from statewright_nats.link import NotSent, Rejected

if TYPE_CHECKING:
    from statewright_nats.store import StreamStore

_encode = msgspec.json.Encoder().encode


class _Line:
    """A transition of another log, and its line in the stream."""

    __slots__ = ("record", "ref", "text")

    def __init__(self, record: Record, partition: int) -> None:
        self.record = replace(record, position=0, partition=partition)
        self.ref = Ref(record.type, record.entity)
        self.text = _encode(self.record)


class Adoption:
    """The transitions of one `adopt`."""

    def __init__(self, store: StreamStore, records: Sequence[Record]) -> None:
        self._store = store
        self._records = records
        self._standing: dict[Ref, tuple[int, int]] = {}  # version and position

    def require_following(self) -> None:
        """Raises CannotAdopt where something does not follow what the index holds; nothing was recorded then."""
        index = self._store.index
        self._standing = {ref: index.standing(ref) for ref in {Ref(one.type, one.entity) for one in self._records}}
        require_following(self._records, {ref: version for ref, (version, _) in self._standing.items()}, index.stamp)
        for command in commands_of(self._records):
            if len(command) > MESSAGES_AT_ONCE:
                raise CannotAdopt(
                    command[0], f"its command made {len(command)} transitions, and a batch takes {MESSAGES_AT_ONCE}"
                )

    async def run(self) -> None:
        """Record all. Raises StoreUnavailable, StoreUncertain; a part of it, of whole commands, may stand then."""
        for batch in _batches(self._records, self._store.partition):
            await self._recorded(batch)

    async def _recorded(self, batch: Sequence[_Line]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while True:
            try:
                await self._publish(batch)
                return
            except (Rejected, NotSent) as error:
                known = isinstance(error, NotSent) or error.code in (*NOW_OVERTAKEN, *NOT_TAKEN_NOW)
                if not known or loop.time() > deadline:
                    raise StoreUnavailable(f"JetStream does not take it: {error}") from error
            await asyncio.sleep(AGAIN_S)
            await self._store.current()
            if self._stands(batch):
                return

    async def _publish(self, batch: Sequence[_Line]) -> None:
        id = secrets.token_hex(10)
        lines = ((line.ref, self._standing[line.ref][1], line.text) for line in batch)
        last = await published(self._store, id, list(messages_of(self._store.name, id, lines)))
        first = last - len(batch) + 1
        try:
            self._store.take(first, [line.text for line in batch])
            await self._store.reach(last)
        except StoreUnavailable as error:
            raise StoreUncertain(f"it was recorded, but cannot be read: {error}") from error
        self._standing.update((line.ref, (line.record.version, position)) for position, line in enumerate(batch, first))

    def _stands(self, batch: Sequence[_Line]) -> bool:
        """Whether a batch that got no answer was recorded. Raises StoreUnavailable where somebody else was."""
        index = self._store.index
        last = batch[-1]
        there = index.version_of(last.ref, last.record.version)
        stood = dict(self._standing)
        self._standing = {ref: index.standing(ref) for ref in stood}
        if there is not None and _encode(replace(there, position=0)) == last.text:
            return True  # a batch is stored whole or not at all
        if any(self._standing[line.ref] != stood[line.ref] for line in batch):
            raise StoreUnavailable("somebody else appends to this log meanwhile; stop whoever does, and begin again")
        return False


def _batches(records: Sequence[Record], partition: int) -> Iterator[list[_Line]]:
    """The transitions in their order, as many whole commands together as a server takes at once."""
    batch: list[_Line] = []
    size = 0
    for command in commands_of(records):
        lines = [_Line(record, partition) for record in command]
        more = sum(len(line.text) for line in lines)
        if batch and (len(batch) + len(lines) > MESSAGES_AT_ONCE or size + more > BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch += lines
        size += more
    if batch:
        yield batch
