"""Reading an export into a log: all of it, once, however often it is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from statewright.catalog import CatalogError
from statewright.catalog.moving import KeptType, Moving
from statewright.keeping import lines
from statewright.keeping.bare import text_of
from statewright.keeping.lines import BadLine, Chain, End, Header
from statewright.keeping.verifying import digest_of
from statewright.machine.record import Record
from statewright.stores.words import CannotAdopt, EventStore, Ref

AT_ONCE = 2_000
"""How many transitions are adopted in one call; more where one command made more."""

Progress = Callable[[int], None]
"""Is told how many transitions were read."""


class CannotImport(Exception):
    """The file is no export, or does not fit what stands here; the sentence says why. What was imported stays."""


class Imported(Struct):
    """What an import came to; `there_before` of the transitions stood in the log already."""

    transitions: int = 0
    there_before: int = 0
    definitions: int = 0


class Import:
    """One export on its way into `store` and the catalogue behind `moving`."""

    def __init__(
        self,
        store: EventStore,
        moving: Moving,
        progress: Progress = lambda _: None,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        """`begin` is called before anything is changed."""
        self.done = Imported()
        self.changed = False
        """Whether anything was imported that was not there."""
        self._begin = begin
        self._store = store
        self._moving = moving
        self._progress = progress
        self._chain = Chain()
        self._waiting: list[Record] = []
        self._may_stand = True
        self._begun = self._ended = False

    async def run(self, read: Iterable[bytes]) -> Imported:
        """Take over every line. Raises CannotImport."""
        number = 0
        for number, line in enumerate(read, 1):
            if self._ended:
                raise CannotImport(f"line {number}: something comes after the end of the export")
            if not line.endswith(b"\n"):
                break
            try:
                await self._take(lines.read(line))
            except BadLine as error:
                raise CannotImport(f"line {number}: {error}") from None
            except CannotAdopt as error:
                raise CannotImport(f"{error}: this log holds something else than the export") from None
            except CatalogError as error:
                raise CannotImport(str(error)) from None
            self._chain.add(line)
        if not self._ended:
            await self._flush(_whole_commands(self._waiting))
            raise CannotImport(
                f"the export breaks off after line {number}: what came before is imported; get the whole file, and"
                " start again with it to go on"
            )
        return self.done

    async def _take(self, line: lines.Line) -> None:
        if not self._begun:
            if not isinstance(line, Header):
                raise BadLine("it is not the beginning of an export")
            if line.statewright_export > lines.VERSION:
                raise BadLine(f"the export is of version {line.statewright_export}; a later release reads it")
            self._begun = True
        elif isinstance(line, KeptType):
            self._take_definitions(line)
        elif isinstance(line, End):
            await self._end(line)
        elif isinstance(line, Record):
            self._waiting.append(line)
            if len(self._waiting) > AT_ONCE:
                await self._flush(_whole_commands(self._waiting))
        else:
            raise BadLine("an export begins once")

    def _take_definitions(self, kept: KeptType) -> None:
        for one in kept.revisions:
            if digest_of(one.document.encode()) != one.digest:
                raise BadLine(f"the document of revision {one.revision} of {one.type} is not what its digest says")
        if not self._moving.holds(kept):
            self._begin()
            self._moving.adopt(kept)
            self.changed = True
        self.done.definitions += len(kept.revisions)

    async def _flush(self, upto: int) -> None:
        records, self._waiting = self._waiting[:upto], self._waiting[upto:]
        if not records:
            return
        new = await self._new_ones(records) if self._may_stand else records
        if new:
            self._begin()
            await self._store.adopt(new)
            self.changed = True
        self.done.transitions += len(records)
        self.done.there_before += len(records) - len(new)
        self._may_stand = self._may_stand and len(new) < len(records)
        self._progress(self.done.transitions)

    async def _new_ones(self, records: Sequence[Record]) -> list[Record]:
        """Those that do not stand in the log. Raises CannotAdopt for one in whose stead another stands."""
        lives: dict[Ref, list[Record]] = {}
        for record in records:
            lives.setdefault(Ref(record.type, record.entity), []).append(record)
        standing: set[tuple[Ref, int]] = set()
        for (ref, life), head in zip(lives.items(), await self._store.heads(list(lives)), strict=True):
            if head is None or head.version < life[0].version:
                continue
            there = await self._store.read_entity(ref, life[0].version - 1, len(life))
            for record, stands in zip(life, there, strict=False):
                if text_of(record) != text_of(stands) or record.recorded_at != stands.recorded_at:
                    raise CannotAdopt(record, "another stands there")
                standing.add((ref, record.version))
        return [one for one in records if (Ref(one.type, one.entity), one.version) not in standing]

    async def _end(self, end: End) -> None:
        await self._flush(len(self._waiting))
        if self.done.transitions != end.transitions or self._chain.value != end.chain:
            raise CannotImport(
                f"the file is not what was exported: it holds {self.done.transitions:,} transitions,"
                f" and its last line speaks of {end.transitions:,} with the chain {end.chain[:12]}…"
            )
        self._ended = True


def _whole_commands(records: Sequence[Record]) -> int:
    """How many of the first records end with a command that is known to be whole."""
    last = records[-1] if records else None
    for upto in range(len(records) - 1, 0, -1):
        before = records[upto - 1]
        if last is not None and (before.command, before.digest) != (last.command, last.digest):
            return upto
    return 0
