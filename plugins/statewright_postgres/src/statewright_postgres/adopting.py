"""What another log recorded, on its way into this one: the rows of it, in the transaction that its caller began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from statewright.machine.record import COMMANDS_KEPT, Head, Record
from statewright.stores.adopting import require_following
from statewright.stores.words import Ref
from statewright_postgres import statements
from statewright_postgres.groups import SNAPSHOT_EVERY, literal, snapshot
from statewright_postgres.rows import head_of

ROWS_AT_ONCE = 1_000
"""Rows in one statement: a thousand of the largest are half of what one value may hold."""
_encode = msgspec.json.Encoder().encode


class Adopted(Struct, frozen=True):
    """The last of the transitions that were taken over: its position, its entity's key, and itself."""

    position: int
    entity: int
    record: Record


async def adopt(connection: Any, records: Sequence[Record]) -> Adopted:
    """Write the rows of what another log recorded, behind every append. Raises CannotAdopt.

    `log_head` stays locked until the transaction ends, so nothing can come between what was looked up and what is
    written.
    """
    last, entities, stamped = await connection.fetchrow(statements.LOCK)
    refs = list(dict.fromkeys(Ref(record.type, record.entity) for record in records))
    keys: dict[Ref, int] = {}
    versions: dict[Ref, int] = {}
    for number, key, version in await connection.fetch(statements.STANDING, *_columns(refs)):
        keys[refs[number - 1]], versions[refs[number - 1]] = key, version
    require_following(records, versions, stamped)

    new = [ref for ref in refs if ref not in keys]
    keys.update((ref, key) for key, ref in enumerate(new, entities + 1))
    await connection.execute(statements.ADOPT_ENTITIES, entities, *_columns(new))
    for at in range(0, len(records), ROWS_AT_ONCE):
        await _write(connection, last + at, keys, records[at : at + ROWS_AT_ONCE])
    position = last + len(records)
    await connection.execute(statements.RAISE, position, entities + len(new), records[-1].recorded_at)
    await _keep(connection, keys, records)
    return Adopted(position, keys[Ref(records[-1].type, records[-1].entity)], records[-1])


async def _write(connection: Any, after: int, keys: dict[Ref, int], records: Sequence[Record]) -> None:
    """The rows of transitions that get the positions behind `after`. `now` stays within the record, whatever it is."""
    lines = [_encode(replace(record, position=0, partition=0, recorded_at=0)) for record in records]
    await connection.execute(
        statements.ADOPT,
        after,
        literal([keys[Ref(record.type, record.entity)] for record in records]),
        literal([record.version for record in records]),
        literal([record.recorded_at for record in records]),
        [record.command if record.version > COMMANDS_KEPT else None for record in records],
        b"\n".join(lines).decode(),  # no JSON of ours holds the end of a line
    )


async def _keep(connection: Any, keys: dict[Ref, int], records: Sequence[Record]) -> None:
    """Snapshots of the heads that have grown enough to be worth one."""
    grown = list(
        dict.fromkeys(Ref(record.type, record.entity) for record in records if not record.version % SNAPSHOT_EVERY)
    )
    for at in range(0, len(grown), ROWS_AT_ONCE):
        some = grown[at : at + ROWS_AT_ONCE]
        heads: list[tuple[int, Head]] = []
        for row in await connection.fetch(statements.HEADS, *_columns(some)):
            head = head_of(*row[1:])
            assert head is not None
            heads.append((head.key, head))
        kept = [(key, head.version, *snapshot(head)) for key, head in heads]
        await connection.execute(statements.KEEP, *(list(column) for column in zip(*kept, strict=True)))


def _columns(refs: Sequence[Ref]) -> tuple[list[str], list[str]]:
    return [ref.type for ref in refs], [ref.id for ref in refs]
