"""The rows of the log in SQLite: its tables, what is read out of them, and the check that no bit of it has changed.

Beside every record stands a checksum of it, of its position and of its time; beside every snapshot of a head one of the
snapshot. Both are compared whenever a row is read, so that damage is named and never served. It is no proof: who can
write to the file can write a checksum too, and that is what seals are for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar, cast
from zlib import crc32

import apsw
import msgspec

from statewright.machine.record import Head, Record, fold
from statewright.machine.upcasting import UnknownFormat, record_of
from statewright.stores.adopting import require_following
from statewright.stores.sealing import apart
from statewright.stores.words import LogDamaged, Ref, Stored

SNAPSHOT_EVERY = 16
TRANSITIONS_PER_COMMAND = 1_000

SCHEMA = """
create table if not exists log (one integer primary key check (one = 1), id text not null, format integer not null);
create table if not exists entity (
    key integer primary key, type text not null, id text not null, unique (type, id)
);
create table if not exists transition (
    position integer primary key, entity integer not null, version integer not null,
    recorded_at integer not null, record text not null, sum integer
);
create unique index if not exists transition_entity_version on transition (entity, version);
create index if not exists transition_late_command
    on transition (entity, json_extract(record, '$.command')) where version > 64;
create table if not exists head (
    entity integer primary key, version integer not null, head text not null, sealed text, sum integer
);
"""
"""`sum` is null in rows that were written before there were checksums; those are not compared."""

NEW_ENTITIES = "insert into entity (key, type, id) values {rows}"
NEW_TRANSITIONS = "insert into transition (position, entity, version, recorded_at, record, sum) values {rows}"
NEW_SNAPSHOTS = "insert or replace into head (entity, version, head, sealed, sum) values {rows}"
LAST = "select position, recorded_at from transition order by position desc limit 1"
LAST_KEY = "select max(key) from entity"
LAST_VERSION = "select max(version) from transition where entity = ?"
_KEY = "select key from entity where type = ? and id = ?"
_SNAPSHOT = "select head, sealed, sum from head where entity = ?"
_ROW = "select position, recorded_at, record, sum from transition"
OF_ENTITY = f"{_ROW} where entity = ? and version > ? order by version limit ?"
AFTER = f"{_ROW} where position > ? order by position limit ?"
# Another type below or above in the index: two look-ups, where `<>` would walk all of it.
OTHER_TYPES = "select exists (select 1 from entity where type < ?1), exists (select 1 from entity where type > ?1)"
SKIM = "select t.position, t.recorded_at, t.record, t.sum from transition t"
# `cross` keeps the order of the loops: walking the entities of a type first would have to sort what it finds.
OF_TYPE = " cross join entity e on e.key = t.entity and e.type = ?3"
STRETCH = " where t.position > ?1 and t.position <= ?2 and t.entity % ?5 = ?4 order by t.position"
# SQLite would rather walk the entity's rows than use a partial index it has no statistics for.
_LATE_COMMAND = (
    f"{_ROW} indexed by transition_late_command"
    " where entity = ? and json_extract(record, '$.command') = ? and version > 64 order by version"
)
_EARLY = f"{_ROW} where entity = ? and version <= 64 order by version"
# In this order and by this index: where the planner chose, it would walk the entities' rows.
_LATE_COMMANDS = (
    "with asked (type, id, command) as (values {rows}) select asked.type, asked.id, asked.command from asked"
    " cross join entity on entity.type = asked.type and entity.id = asked.id"
    " cross join transition indexed by transition_late_command on transition.entity = entity.key"
    " and json_extract(transition.record, '$.command') = asked.command and transition.version > 64"
)
_AT_ONCE = (500, 256, 128, 64, 32, 16, 8, 4, 2, 1)
"""So many rows are in one statement: few lengths, so that SQLite has seen each before."""
# By position alone, so that a page that cannot be read takes with it what stands on it and no more.
_BARE = (
    "select t.position, t.recorded_at, cast(t.record as blob), t.sum, t.version, e.type, e.id"
    " from transition t left join entity e on e.key = t.entity"
)
_STRETCH_AS_IT_LIES = f"{_BARE} where t.position > ? and t.position <= ? order by t.position"
_ONE_AS_IT_LIES = f"{_BARE} where t.position = ?"
_LAST_BY_INDEX = "select max(position) from transition indexed by transition_entity_version where entity > -1"
_FAULTS_NAMED = 100

T = TypeVar("T")
NOT_WHAT_WAS_WRITTEN = "it is not what was written there"

encode = msgspec.json.Encoder().encode
_decode_head = msgspec.json.Decoder(Head).decode


def one(connection: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> Any:
    """The first row, or None."""
    return connection.execute(sql, values).fetchone()


def sum_of(position: int, recorded_at: int, text: bytes) -> int:
    """The checksum beside a record: a CRC-32 of its bytes that begins with its position and its time."""
    return crc32(text, (position ^ recorded_at ^ recorded_at >> 32) & 0xFFFFFFFF)


def key_of(connection: apsw.Connection, ref: Ref) -> int | None:
    """The store's own handle of an entity; None when it is not there."""
    found = one(connection, _KEY, ref)
    return cast(int, found[0]) if found else None


def records(connection: apsw.Connection, sql: str, values: tuple[Any, ...]) -> list[Record]:
    """What `each` gives, read to the end."""
    return list(each(connection, sql, values))


def each(connection: apsw.Connection, sql: str, values: tuple[Any, ...]) -> Iterator[Record]:
    """The records of a statement that selects what `_ROW` selects. Raises LogDamaged."""
    position = 0
    rows = cast("Iterator[tuple[int, int, str, int | None]]", connection.execute(sql, values))
    try:
        for position, recorded_at, text, sum in rows:
            if sum is not None and sum_of(position, recorded_at, text.encode()) != sum:
                raise LogDamaged(position, NOT_WHAT_WAS_WRITTEN)
            record = record_of(text)
            record.position = position
            record.recorded_at = recorded_at
            yield record
    except (UnknownFormat, msgspec.DecodeError) as error:
        raise LogDamaged(position, str(error)) from error
    except UnicodeDecodeError as error:
        raise LogDamaged(0, f"what comes after position {position} is no text any more") from error
    except (TypeError, AttributeError) as error:
        raise LogDamaged(position, "its row holds values of another kind") from error


def next_of_log(connection: apsw.Connection, after: int, limit: int, gapless: bool = True) -> list[Record]:
    """The transitions after a position. Raises LogDamaged; in a `gapless` log a position left out is damage, too."""
    found = records(connection, AFTER, (after, limit))
    if gapless and found and found[-1].position != after + len(found):
        missing = next(at for at, record in enumerate(found, after + 1) if record.position != at)
        raise LogDamaged(missing, "there is nothing where a transition was")
    return found


def life_of(connection: apsw.Connection, ref: Ref, after_version: int, limit: int) -> list[Record]:
    """An entity's transitions above a version. Raises LogDamaged; a version that is left out is damage too."""
    key = key_of(connection, ref)
    if key is None:
        return []
    found = records(connection, OF_ENTITY, (key, after_version, limit))
    for version, record in enumerate(found, after_version + 1):
        _require_next(record, ref, version)
    return found


def _require_next(record: Record, ref: Ref, version: int) -> None:
    if record.version != version or (record.type, record.entity) != ref:
        raise LogDamaged(record.position, f"it is not version {version} of {ref.type}/{ref.id}, which it should be")


@lru_cache(maxsize=16)
def decoder_of(shape: Any) -> Callable[[str], Any]:
    """What reads some fields of a record."""
    return msgspec.json.Decoder(shape).decode


def skimmed(rows: Iterator[tuple[int, int, str, int | None]], decode: Callable[[str], Any]) -> Iterator[Any]:
    """Some fields of each of `rows`, which come of `SKIM`. Raises LogDamaged."""
    position = 0
    try:
        for position, recorded_at, text, sum in rows:
            if sum is not None and sum_of(position, recorded_at, text.encode()) != sum:
                raise LogDamaged(position, NOT_WHAT_WAS_WRITTEN)
            found = decode(text)
            found.position, found.recorded_at = position, recorded_at
            if text.isascii():  # else its bytes are more than its characters
                found.size = len(text)
            yield found
    except msgspec.DecodeError as error:
        raise LogDamaged(position, str(error)) from error
    except UnicodeDecodeError as error:
        raise LogDamaged(0, f"what comes after position {position} is no text any more") from error
    except (TypeError, AttributeError) as error:
        raise LogDamaged(position, "its row holds values of another kind") from error


def made_by(connection: apsw.Connection, ref: Ref, command: str) -> list[Record]:
    """The transitions of a command whose first entity is `ref`, of all the entities it moved, oldest first."""
    key = key_of(connection, ref)
    if key is None:
        return []
    here = [record for record in each(connection, _EARLY, (key,)) if record.command == command]
    here = here or records(connection, _LATE_COMMAND, (key, command))
    if not here:
        return []
    # One command's transitions stand side by side: its group was written in order, under one lock.
    after = each(connection, AFTER, (here[0].position - 1, TRANSITIONS_PER_COMMAND))
    return list(itertools.takewhile(lambda made: (made.command, made.digest) == (command, here[0].digest), after))


def late_commands(connection: apsw.Connection, asked: Sequence[tuple[Ref, str]]) -> set[tuple[Ref, str]]:
    """Those of many commands that made a version of their entity beyond the first 64."""
    found: set[tuple[Ref, str]] = set()
    for some in _parts(asked):
        values = tuple(part for ref, command in some for part in (*ref, command))
        rows = connection.execute(_with_rows(_LATE_COMMANDS, len(some), 3), values)
        found.update((Ref(kind, id), command) for kind, id, command in rows)
    return found


def insert(connection: apsw.Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows by few statements: `sql` has `{rows}` where they go."""
    for some in _parts(rows):
        connection.execute(_with_rows(sql, len(some), len(some[0])), tuple(itertools.chain.from_iterable(some)))


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """The rows in parts of few different lengths."""
    at = 0
    while at < len(rows):
        size = next(size for size in _AT_ONCE if size <= len(rows) - at)
        yield rows[at : at + size]
        at += size


@lru_cache
def _with_rows(sql: str, rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return sql.replace("{rows}", ",".join([row] * rows))


def head_of(connection: apsw.Connection, ref: Ref) -> Head | None:
    """Where an entity stands. Raises LogDamaged."""
    key = key_of(connection, ref)
    if key is None:
        return None
    head: Head | None = None
    found = one(connection, _SNAPSHOT, (key,))
    if found is not None:
        head = _head_in(found, ref)
    for record in each(connection, OF_ENTITY, (key, head.version if head else 0, -1)):
        _require_next(record, ref, head.version + 1 if head else 1)
        head = fold(head, record)
    if head is not None:
        head.key = key
    return head


def _head_in(row: tuple[str, str | None, int | None], ref: Ref) -> Head:
    """The head of a snapshot, with its personal values back in it."""
    text, sealed, sum = row
    try:
        if sum is not None and crc32((text + (sealed or "")).encode()) != sum:
            raise LogDamaged(0, f"the snapshot of {ref.type}/{ref.id} is not what was written there")
        head = _decode_head(text)
        if sealed is not None:
            head.data.update(msgspec.json.decode(sealed))
    except (msgspec.DecodeError, TypeError) as error:
        raise LogDamaged(0, f"the snapshot of {ref.type}/{ref.id} cannot be read: {error}") from error
    return head


def snapshot(key: int, head: Head) -> tuple[int, int, str, str | None, int]:
    """The row of a head's snapshot, its personal values apart from the rest."""
    sealed = None
    if head.personal:
        plain, personal = apart(head.data, head.personal)
        head = msgspec.structs.replace(head, data=plain)
        sealed = encode(personal).decode()
    text = encode(head).decode()
    return key, head.version, text, sealed, crc32((text + (sealed or "")).encode())


# --- taking over what another log recorded


def adopt(connection: apsw.Connection, adopted: Sequence[Record]) -> None:
    """Write the rows of what another log recorded. Raises CannotAdopt, and then the transaction must be undone."""
    last, stamp = one(connection, LAST) or (0, 0)
    next_key: int = one(connection, LAST_KEY)[0] or 0
    keys: dict[Ref, int] = {}
    versions: dict[Ref, int] = {}
    for ref in dict.fromkeys(Ref(record.type, record.entity) for record in adopted):
        key = key_of(connection, ref)
        if key is not None:
            keys[ref] = key
            versions[ref] = one(connection, LAST_VERSION, (key,))[0] or 0
    require_following(adopted, versions, stamp)
    entities: list[tuple[int, str, str]] = []
    transitions: list[tuple[int, int, int, int, str, int]] = []
    grown: dict[Ref, None] = {}
    for position, record in enumerate(adopted, last + 1):
        ref = Ref(record.type, record.entity)
        if ref not in keys:
            next_key += 1
            keys[ref] = next_key
            entities.append((next_key, *ref))
        at = record.recorded_at
        text = encode(msgspec.structs.replace(record, position=0, partition=0, recorded_at=0))
        transitions.append((position, keys[ref], record.version, at, text.decode(), sum_of(position, at, text)))
        if record.version % SNAPSHOT_EVERY == 0:
            grown[ref] = None
    insert(connection, NEW_ENTITIES, entities)
    insert(connection, NEW_TRANSITIONS, transitions)
    for ref in grown:
        head = head_of(connection, ref)
        assert head is not None
        insert(connection, NEW_SNAPSHOTS, [snapshot(keys[ref], head)])


# --- as it lies there


def stored(connection: apsw.Connection, after: int, upto: int) -> list[Stored]:
    """The transitions between two positions as they lie there, with what is wrong about each."""
    try:
        return [_as_it_lies(row) for row in connection.execute(_STRETCH_AS_IT_LIES, (after, upto))]
    except (apsw.Error, UnicodeDecodeError):
        return [found for position in range(after + 1, upto + 1) if (found := _stored_at(connection, position))]


def last_position(connection: apsw.Connection) -> int:
    """The last position there is, also where the pages that would tell cannot be read: then an index does."""
    try:
        last = one(connection, LAST)
        return cast(int, last[0]) if last else 0
    except apsw.Error:
        return one(connection, _LAST_BY_INDEX)[0] or 0


def _stored_at(connection: apsw.Connection, position: int) -> Stored | None:
    try:
        row = one(connection, _ONE_AS_IT_LIES, (position,))
    except (apsw.Error, UnicodeDecodeError) as error:
        return Stored(0, position, 0, b"", f"it cannot be read ({error})")
    return None if row is None else _as_it_lies(row)


def _as_it_lies(row: Sequence[Any]) -> Stored:
    position, recorded_at, text, sum, version, kind, name = row
    if not isinstance(text, bytes) or not isinstance(recorded_at, int):
        return Stored(0, position, 0, b"", "its row holds values of another kind")
    fault = ""
    if sum is not None and sum_of(position, recorded_at, text) != sum:
        fault = NOT_WHAT_WAS_WRITTEN
    else:
        named = _name_in(text)
        if named is not None and named != (kind, name, version):
            fault = f"its row says version {version} of {kind}/{name}"
    return Stored(0, position, recorded_at, text, fault)


class _Named(msgspec.Struct):
    type: str = ""
    entity: str = ""
    version: int = 0


_decode_name = msgspec.json.Decoder(_Named).decode


def _name_in(text: bytes) -> tuple[str, str, int] | None:
    """Whose record it is by its own words; None where that cannot be read, which whoever reads it whole will say."""
    try:
        named = _decode_name(text)
    except msgspec.DecodeError:
        return None
    return named.type, named.entity, named.version


def faults(connection: apsw.Connection) -> list[str]:
    """What SQLite finds wrong with its pages and indexes, and which snapshots of heads are not what was written."""
    try:
        found = [str(row[0]) for row in connection.execute(f"pragma integrity_check({_FAULTS_NAMED})")]
    except (apsw.Error, UnicodeDecodeError) as error:
        found = [str(error)]
    wrong = [] if found == ["ok"] else [f"SQLite says: {line}" for line in found]
    try:
        snapshots = connection.execute(
            "select head, sealed, sum, type, id from head join entity on key = entity where sum is not null"
        )
        for text, sealed, sum, kind, name in snapshots:
            if crc32((text + (sealed or "")).encode()) != sum:
                wrong.append(f"the snapshot of {kind}/{name} is not what was written there")
    except (apsw.Error, UnicodeDecodeError, TypeError) as error:
        wrong.append(f"the snapshots of heads cannot be read: {error}")
    return wrong[:_FAULTS_NAMED]
