"""One group's way into the stream: in atomic batches, each entity's first message saying what it was decided on.

The stream arbitrates: a batch whose expectations do not hold is stored by nobody. What was rejected, and what got no
answer, is then looked up in the index, which tells the recorded from the overtaken; the rest is sent again.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from statewright.machine.record import Head, Record, fold
from statewright.stores.words import (
    Append,
    Conflict,
    Duplicate,
    Outcome,
    Recorded,
    Ref,
    StoreUnavailable,
    StoreUncertain,
)
from statewright_nats.link import NotSent, Rejected, Unanswered
from statewright_nats.naming import subject_of

if TYPE_CHECKING:
    from statewright_nats.store import StreamStore

MESSAGES_AT_ONCE = 1_000
"""The most that a server takes as one batch."""
BYTES_AT_ONCE = 4_000_000
"""The most that is sent as one batch."""
_IN_FLIGHT = 8
PATIENCE_S = 12.0
"""How long a batch is tried where no leader takes it, in seconds: an election takes four to nine."""
AGAIN_S = 0.1
"""After so many seconds it is tried again."""
NOW_OVERTAKEN = (10071, 10164)
"""An expectation does not hold; or somebody else's message of the same entity is on its way at this moment."""
_UNKNOWN = -1
_VOIDED = 10201
NOT_TAKEN_NOW = (10008, 10176, _VOIDED)
"""No leader; a batch of which a part was lost, as when the leader changed; one that was voided."""

Message = tuple[str, bytes, dict[str, str]]
"""Subject, payload and headers."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


class _Piece:
    """A command on its way: its lines as the stream will hold them."""

    __slots__ = ("command", "index", "lines", "refs", "size")

    def __init__(self, index: int, command: Append, partition: int) -> None:
        self.index = index
        self.command = command
        self.refs = [Ref(step.record.type, step.record.entity) for step in command.steps]
        self.lines = [_line(step.record, command.now, partition) for step in command.steps]
        self.size = sum(map(len, self.lines))


class Group:
    """The commands of one `append`, until each has its outcome."""

    def __init__(self, store: StreamStore, group: Sequence[Append]) -> None:
        self._store = store
        self._group = group
        self._outcomes: dict[int, Outcome] = {}
        self._reached: dict[Ref, tuple[int, int]] = {}  # where entities stand that this group moved or looked up
        self._lost: set[Ref] = set()
        self._losers: dict[int, tuple[_Piece, Ref]] = {}
        self._unanswered = False

    @staticmethod
    def is_of(line: bytes, record: Record) -> bool:
        """Whether a line of the stream is what the index has as `record`."""
        try:
            found = _decode(line)
        except msgspec.DecodeError:
            return False
        ours = (record.type, record.entity, record.version, record.command, record.digest)
        return (found.type, found.entity, found.version, found.command, found.digest) == ours

    async def recorded(self) -> Sequence[Outcome]:
        """The outcomes, in the order of the commands.

        Raises StoreUnavailable when nothing was recorded, StoreUncertain when something was or may have been.
        """
        pieces = [_Piece(index, command, self._store.partition) for index, command in enumerate(self._group)]
        for wave in _waves(_batches(pieces)):
            done = await asyncio.gather(*(self._batch(batch) for batch in wave), return_exceptions=True)
            failures = [failure for failure in done if isinstance(failure, BaseException)]
            if failures:
                raise self._worst_of(failures)
        if self._losers:
            try:
                await self._outcomes_of_losers()
            except StoreUnavailable as error:
                raise self._worst_of([error]) from error
        return [self._outcomes[index] for index in range(len(pieces))]

    def _worst_of(self, failures: Sequence[BaseException]) -> BaseException:
        worst = next((failure for failure in failures if not isinstance(failure, StoreUnavailable)), failures[0])
        # What got no answer is stored or void for good, but which of the two only the index can tell.
        unsure = self._unanswered or any(isinstance(outcome, Recorded) for outcome in self._outcomes.values())
        if unsure and isinstance(worst, StoreUnavailable):
            return StoreUncertain(f"a part of the group may have been recorded: {worst}")
        return worst

    async def _batch(self, pieces: list[_Piece], *, looked_up: bool = False) -> None:
        """Record these, or find out why not. Halved until the one that the stream will not have stands alone."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        pieces = await self._without_losers(pieces, looked_up=looked_up)
        while pieces:
            try:
                await self._publish(pieces)
                return
            except Rejected as error:
                if error.code not in (*NOW_OVERTAKEN, *NOT_TAKEN_NOW) or loop.time() > deadline:
                    raise StoreUnavailable(f"JetStream does not take it: {error}") from error
                wait_s = 0.0 if error.code in NOW_OVERTAKEN else AGAIN_S
            except NotSent as error:
                if loop.time() > deadline:
                    raise StoreUnavailable(f"nothing was recorded: {error}") from error
                wait_s = AGAIN_S
            await asyncio.sleep(wait_s)
            await self._store.current()
            before, seen_before = len(pieces), looked_up
            pieces, looked_up = await self._without_losers(pieces, looked_up=True), True
            if len(pieces) < before:
                continue
            if seen_before and before > 1:
                await self._batch(pieces[: before // 2], looked_up=True)
                await self._batch(pieces[before // 2 :], looked_up=True)
                return
            # Nothing stale is to be seen, so what is in the way is on its way itself; two must not meet for ever.
            await asyncio.sleep(random.uniform(0.001, 0.02))  # noqa: S311  # nothing secret about it

    # --- publishing

    async def _publish(self, pieces: Sequence[_Piece]) -> None:
        """Send pieces as one batch and note what became of them. Raises Rejected, NotSent, StoreUncertain."""
        id = secrets.token_hex(10)
        messages = list(messages_of(self._store.name, id, self._lines(pieces)))
        try:
            last = await published(self._store, id, messages)
        except Settled:
            self._unanswered = True
            raise
        try:
            await self._indexed(pieces, last - len(messages) + 1, [line for _, line, _ in messages])
        except StoreUnavailable as error:
            raise StoreUncertain(f"it was recorded, but cannot be read: {error}") from error

    def _lines(self, pieces: Sequence[_Piece]) -> Iterator[tuple[Ref, int, bytes]]:
        for piece in pieces:
            for step, ref, line in zip(piece.command.steps, piece.refs, piece.lines, strict=True):
                before = step.before
                stands_at = self._reached.get(ref) or (0, before.position if before is not None else 0)
                yield ref, stands_at[1], line

    async def _indexed(self, pieces: Sequence[_Piece], first: int, lines: Sequence[bytes]) -> None:
        """What was acknowledged, put into the index, and the records given the positions and stamps they have there."""
        last = first + len(lines) - 1
        self._store.take(first, lines)
        await self._store.reach(last)
        stamps = iter(zip(range(first, last + 1), self._store.index.stamps(first, last), strict=True))
        for piece in pieces:
            self._fill(piece, [next(stamps) for _ in piece.lines])

    def _fill(self, piece: _Piece, places: Sequence[tuple[int, int]]) -> None:
        command = piece.command
        for step, ref, (position, stamp) in zip(command.steps, piece.refs, places, strict=True):
            record, after = step.record, step.after
            record.position = after.position = position
            record.partition = after.partition = self._store.partition
            record.recorded_at = after.recorded_at = stamp
            record.now = command.now if stamp != command.now else None
            if stamp != command.now:
                folded = fold(step.before, record)
                after.since, after.happened_at, after.created_at = folded.since, folded.happened_at, folded.created_at
            self._reached[ref] = (record.version, position)
        self._outcomes[piece.index] = Recorded([step.record for step in command.steps])

    # --- losing

    async def _without_losers(self, pieces: Sequence[_Piece], *, looked_up: bool) -> list[_Piece]:
        """Those that may still be recorded.

        `looked_up`: by what the index holds, else by what the commands say of the heads they were decided on.
        """
        fitting: list[_Piece] = []
        versions: dict[Ref, int] = {}
        for piece in pieces:
            if looked_up and self._unanswered and self._found(piece):
                continue
            ref = self._misfit(piece, versions, looked_up=looked_up)
            if ref is not None and not looked_up:  # where there is a doubt, the index's word counts
                await self._store.current()
                ref = self._misfit(piece, versions, looked_up=True)
            if ref is None:
                fitting.append(piece)
                versions.update(
                    (r, step.record.version) for r, step in zip(piece.refs, piece.command.steps, strict=True)
                )
            else:
                self._lost.update(piece.refs)
                self._losers[piece.index] = (piece, ref)
        return fitting

    def _misfit(self, piece: _Piece, versions: dict[Ref, int], *, looked_up: bool) -> Ref | None:
        """The first entity of a command that does not stand where the command was decided."""
        here: dict[Ref, int] = {}
        for step, ref in zip(piece.command.steps, piece.refs, strict=True):
            if ref in self._lost:
                return ref
            version = here.get(ref) or versions.get(ref)
            if version is None:
                version = self._version_of(ref, step.before, looked_up=looked_up)
            if step.record.version != version + 1:
                return ref
            here[ref] = version + 1
        return None

    def _version_of(self, ref: Ref, before: Head | None, *, looked_up: bool) -> int:
        if looked_up:
            self._reached[ref] = self._store.index.standing(ref)
        elif ref not in self._reached:
            if before is None:
                return 0
            return before.version if before.position else _UNKNOWN
        return self._reached[ref][0]

    def _found(self, piece: _Piece) -> bool:
        """Whether the index holds this very command, from a publish whose answer was lost."""
        command = piece.command
        places = []
        for step, ref in zip(command.steps, piece.refs, strict=True):
            record = self._store.index.version_of(ref, step.record.version)
            if record is None or (record.command, record.digest) != (command.command, command.digest):
                return False
            if (record.recorded_at if record.now is None else record.now) != command.now:
                return False
            places.append((record.position, record.recorded_at))
        self._fill(piece, places)
        return True

    async def _outcomes_of_losers(self) -> None:
        """What the losers are told: of repeats what was made, of others where the entity stands after this group."""
        await self._store.current()
        index = self._store.index
        for number, (piece, ref) in self._losers.items():
            made = index.made_by(piece.refs[0], piece.command.command)
            self._outcomes[number] = Duplicate(made) if made else Conflict(ref, index.head(ref))


class Settled(Rejected):
    """No answer came; by now it is stored or never will be, and the index tells which."""


async def published(store: StreamStore, id: str, messages: Sequence[Message]) -> int:
    """Send messages as one batch called `id`; the position of the last. Raises Rejected, NotSent, StoreUncertain.

    Where no answer came, what became of it is made certain first: it counts as rejected then.
    """
    try:
        await store.link.say_all(messages[:-1])
        answer = await store.link.ask(*messages[-1])
    except asyncio.CancelledError:
        store.doubts.append(id)  # whoever asks next finds out
        raise
    except Unanswered:
        await store.settle(id)
        raise Settled(_VOIDED, "no answer came") from None
    if answer.get("duplicate"):
        raise Rejected(_VOIDED, "it was voided")
    return int(answer["seq"])


def messages_of(stream: str, id: str, lines: Iterable[tuple[Ref, int, bytes]]) -> Iterator[Message]:
    """The messages of one batch. Of each its entity, the position where that stands before the batch, and the line."""
    lines = list(lines)
    moved: set[Ref] = set()
    for number, (ref, stands_at, line) in enumerate(lines, 1):
        headers = {"Nats-Msg-Id": id, "Nats-Expected-Stream": stream} if number == 1 else {}
        if ref not in moved:
            moved.add(ref)
            headers["Nats-Expected-Last-Subject-Sequence"] = str(stands_at)
        if len(lines) > 1:
            headers |= {"Nats-Batch-Id": id, "Nats-Batch-Sequence": str(number)}
            if number == len(lines):
                headers["Nats-Batch-Commit"] = "1"
        yield subject_of(stream, ref), line, headers


def _line(record: Record, now: int, partition: int) -> bytes:
    """A record as the stream holds it: its position is the message's, and its time the committer's clock."""
    record.position, record.partition = 0, partition
    record.recorded_at, record.now = now, None
    return _encode(record)


def _batches(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """Pieces in their order, as many together as a server takes at once."""
    batch: list[_Piece] = []
    messages = size = 0
    for piece in pieces:
        if batch and (messages + len(piece.lines) > MESSAGES_AT_ONCE or size + piece.size > BYTES_AT_ONCE):
            yield batch
            batch, messages, size = [], 0, 0
        batch.append(piece)
        messages += len(piece.lines)
        size += piece.size
    if batch:
        yield batch


def _waves(batches: Iterator[list[_Piece]]) -> Iterator[list[list[_Piece]]]:
    """Batches that may be under way at once: a few, none of which moves an entity that another one moves."""
    wave: list[list[_Piece]] = []
    touched: set[Ref] = set()
    for batch in batches:
        refs = {ref for piece in batch for ref in piece.refs}
        if wave and (len(wave) == _IN_FLIGHT or not touched.isdisjoint(refs)):
            yield wave
            wave, touched = [], set()
        wave.append(batch)
        touched |= refs
    if wave:
        yield wave
