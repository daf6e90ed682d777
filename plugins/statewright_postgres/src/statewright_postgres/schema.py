"""The tables of a log, how they come to be, and how an older plugin's become this one's."""

from __future__ import annotations

import uuid
from typing import Any

from statewright.machine.record import FORMAT
from statewright.stores.words import StoreRefused, StoreUnavailable
from statewright_postgres.statements import APPEND_WHAT_FITS

_TABLES = """
create table log (
    one integer primary key check (one = 1), id text not null, format integer not null, schema integer not null
);

-- Where the log ends: the row that every append raises, so that positions rise in the order of commits. Each raise
-- leaves a dead row behind, and a page nearly empty has room for many of them until they are pruned.
create table log_head (
    one integer primary key check (one = 1), position bigint not null, entities bigint not null,
    stamped bigint not null, stamped_before bigint not null
) with (fillfactor = 10);
insert into log_head values (1, 0, 0, 0, 0);

create table entity (
    key bigint primary key, type text collate "C" not null, id text collate "C" not null, unique (type, id)
);

-- `record` is text and not jsonb: what is read back is what was written, to the byte, and jsonb knows no U+0000.
-- `clock` is the committer's, where it is not `recorded_at`; `command` stands here only for versions beyond those whose
-- commands a head remembers.
create table transition (
    position bigint primary key, entity bigint not null, version integer not null, recorded_at bigint not null,
    clock bigint, command text collate "C", record text not null
);
create unique index transition_entity_version on transition (entity, version);
create index transition_late_command on transition (entity, command) where command is not null;

-- Snapshots that save reading all of an entity's transitions; made again from those when they are missing.
create table head (
    entity bigint primary key, version integer not null, head text not null, sealed text
);
"""

STEPS = (_TABLES + APPEND_WHAT_FITS,)
"""What leads from one version of the schema to the next, the first from nothing; never changed, only added to."""

_MAKE_ALONE = "select pg_advisory_xact_lock(hashtextextended($1, 7233))"
# Not `to_regclass`, which asks a cache: what another process made while we waited for the lock is not in there yet.
_IS_THERE = """
select exists (
    select from pg_class join pg_namespace on pg_namespace.oid = relnamespace where nspname = $1 and relname = 'log'
)"""
_VERSION = "select schema from log"
_NEW_LOG = "insert into log values (1, $1, $2, $3)"


async def prepare(connection: Any, schema: str) -> None:
    """Make the schema, or bring it up to date. Raises StoreRefused where a newer plugin has been at work."""
    if await _version(connection, schema) == len(STEPS):
        return
    async with connection.transaction():
        await connection.execute(_MAKE_ALONE, schema)
        version = await _version(connection, schema)  # again: another process may have made it a moment ago
        if version > len(STEPS):
            raise StoreRefused(
                f"the log's schema has version {version}, and this plugin knows {len(STEPS)}: "
                "install a newer statewright-postgres"
            )
        if not version:
            await connection.execute(f'create schema if not exists "{schema}"')
        for step in STEPS[version:]:
            await connection.execute(step)
        if not version:
            await connection.execute(_NEW_LOG, uuid.uuid4().hex, FORMAT, len(STEPS))
        await connection.execute("update log set schema = $1", len(STEPS))


async def require(connection: Any, schema: str) -> None:
    """Raises StoreUnavailable where there is no log to be read yet, StoreRefused where it is newer than this plugin."""
    version = await _version(connection, schema)
    if not version:
        raise StoreUnavailable("there is no log yet; it is made by the first process that may write it")
    if version > len(STEPS):
        raise StoreRefused(
            f"the log's schema has version {version}, and this plugin knows {len(STEPS)}: "
            "install a newer statewright-postgres"
        )


async def _version(connection: Any, schema: str) -> int:
    """The version of the schema that is there; 0 for none."""
    if not await connection.fetchval(_IS_THERE, schema):
        return 0
    return int(await connection.fetchval(_VERSION))
