"""Writing an export: to a file that an interrupted export goes on with, or to standard output."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Protocol

import apsw
import msgspec
from msgspec import Struct

from statewright.catalog.moving import KeptType
from statewright.keeping import lines
from statewright.keeping.copying import sync
from statewright.keeping.lines import Chain, End, Header
from statewright.machine.record import Record
from statewright.stores.words import START, EventStore, Place

BATCH = 10_000

Progress = Callable[[int], None]
"""Is told how many transitions were written."""


class CannotExport(Exception):
    """An export cannot be begun or gone on with; the sentence says why and what to do."""


class Standing(Struct, kw_only=True):
    """How far an export is: of which log, behind which place, up to which; and all that stands in the file."""

    log: str
    after: Place
    upto: Place
    place: Place
    transitions: int = 0
    bytes: int = 0
    chain: str = ""


class Target(Protocol):
    """Where an export goes."""

    def begun(self) -> Standing | None:
        """How far an earlier attempt came; None when there was none."""
        ...

    def write(self, text: bytes, standing: Standing) -> None:
        """Write some lines, and note how far the export is with them."""
        ...

    def end(self) -> None:
        """All is written."""
        ...


class ToFile:
    """An export into a file, which appears whole; until then it is `FILE.part`, with a note of how far it is beside it.

    `.gz` at the end of the name packs it. Raises CannotExport where the file is there.
    """

    def __init__(self, file: Path) -> None:
        if file.exists():
            raise CannotExport(f"{file} is there already; remove it, or choose another name")
        self._file = file
        self._part = file.with_name(f"{file.name}.part")
        self._note = file.with_name(f"{file.name}.part.json")
        self._packs = file.suffix == ".gz"

    def begun(self) -> Standing | None:
        """How far an earlier attempt came; what it wrote behind its last note is cut off."""
        if not self._note.exists() or not self._part.exists():
            self._note.unlink(missing_ok=True)
            self._part.unlink(missing_ok=True)
            return None
        try:
            standing = msgspec.json.decode(self._note.read_bytes(), type=Standing)
        except msgspec.MsgspecError as error:
            raise CannotExport(f"{self._note} cannot be read ({error}); remove it and {self._part.name}") from None
        if self._part.stat().st_size < standing.bytes:
            raise CannotExport(f"{self._part} is shorter than was written; remove it and {self._note.name}")
        os.truncate(self._part, standing.bytes)
        return standing

    def write(self, text: bytes, standing: Standing) -> None:
        """Append, durably, and only then note how far it is."""
        with self._part.open("ab") as part:
            # Each piece is a gzip file of its own, and a file of several is one too: so it can be cut and gone on with.
            part.write(gzip.compress(text, 6, mtime=0) if self._packs else text)
            part.flush()
            os.fsync(part.fileno())
            standing.bytes = part.tell()
        new = self._note.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(standing))
        sync(new)
        new.replace(self._note)

    def end(self) -> None:
        """Give the file its name."""
        self._part.replace(self._file)
        sync(self._file.parent)
        self._note.unlink(missing_ok=True)


class ToStandardOutput:
    """An export that something else reads; it cannot be gone on with."""

    def begun(self) -> Standing | None:
        """Never."""
        return None

    def write(self, text: bytes, standing: Standing) -> None:
        """Hand it on."""
        sys.stdout.buffer.write(text)

    def end(self) -> None:
        """See that all is handed on."""
        sys.stdout.buffer.flush()


async def export(
    store: EventStore,
    definitions: Callable[[], Iterable[KeptType]],
    target: Target,
    *,
    after: Place = START,
    upto: Place | None = None,
    progress: Progress = lambda _: None,
) -> Standing:
    """Write the log between two places, with all definitions. Goes on with what `target` has of the same export.

    Raises CannotExport, and BadPlace for a place of another log.
    """
    standing = target.begun()
    if standing is not None:
        _require_same(standing, store, after, upto)
    else:
        upto = upto or await store.latest_place()
        if store.compare_places(upto, await store.latest_place()) > 0:
            raise CannotExport(f"the log ends at {await store.latest_place()}, before {upto}")
        standing = Standing(log=store.log_id, after=after, upto=upto, place=after)
    out = _Writing(target, standing)
    if not standing.bytes and not standing.transitions:
        out.line(Header(lines.VERSION, None if after == START else after))
        for kept in definitions():  # after `upto` was taken: no transition up to it lives under one that is missing
            out.line(kept)
        out.flush(standing.place)
    async for records, place in _stretches(store, standing):
        for record in records:
            out.line(record)
        standing.transitions += len(records)
        out.flush(place)
        progress(standing.transitions)
    out.end()
    return standing


def _require_same(standing: Standing, store: EventStore, after: Place, upto: Place | None) -> None:
    if standing.log != store.log_id or standing.after != after or upto not in (None, standing.upto):
        raise CannotExport(
            "another export was begun into this file: choose another name, or remove what is there of it (.part)"
        )


class _Writing:
    """Lines gathered, written together with how far they lead."""

    def __init__(self, target: Target, standing: Standing) -> None:
        self._target = target
        self._standing = standing
        self._chain = Chain(standing.chain)
        self._text = bytearray()

    def line(self, line: lines.Line) -> None:
        text = lines.written(line)
        self._chain.add(text)
        self._text += text

    def flush(self, place: Place) -> None:
        self._standing.place, self._standing.chain = place, self._chain.value
        self._target.write(bytes(self._text), self._standing)
        self._text.clear()

    def end(self) -> None:
        self._text += lines.written(End(self._standing.transitions, self._chain.value))
        self._target.write(bytes(self._text), self._standing)
        self._target.end()


async def _stretches(store: EventStore, standing: Standing) -> AsyncIterator[tuple[list[Record], Place]]:
    """What is still to be written, in the order of the log; of several partitions merged by time."""
    if ":" in standing.upto:
        async for records in _merged(store, standing):
            yield records, standing.place
        return
    place = standing.place
    while store.compare_places(place, standing.upto) < 0:
        batch = await store.read(place, BATCH)
        within = [one for one in batch.records if store.compare_places(str(one.position), standing.upto) <= 0]
        if not within:
            return
        place = batch.place
        yield within, place if len(within) == len(batch.records) else standing.upto


async def _merged(store: EventStore, standing: Standing) -> AsyncIterator[list[Record]]:
    """Several partitions as one log, in which `recorded_at` never falls; sorted in a temporary file."""
    sorting = apsw.Connection("")
    sorting.execute(
        "create table line (at int, part int, position int, record blob,"
        " primary key (at, part, position)) without rowid"
    )
    place = standing.after
    while store.compare_places(place, standing.upto) < 0:
        batch = await store.read(place, BATCH)
        if not batch.records:
            break
        rows = [(one.recorded_at, one.partition, one.position, msgspec.json.encode(one)) for one in batch.records]
        with sorting:
            sorting.executemany("insert into line values (?, ?, ?, ?)", rows)
        place = batch.place
    found = sorting.execute("select record from line order by at, part, position")
    decode = msgspec.json.Decoder(Record).decode
    skipped = standing.transitions
    records: list[Record] = []
    for number, (text,) in enumerate(found):
        if number < skipped:
            continue
        records.append(decode(text))
        if len(records) >= BATCH:
            yield records
            records = []
    if records:
        yield records
    sorting.close()
