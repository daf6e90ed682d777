"""How the consolidators stand: place, lag, parked entities, errors, rebuilds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from statewright.consolidators.database import Checkpoint
from statewright.stores.driver import CLOCK_MS
from statewright.stores.words import EventStore
from statewright.views.answers import Parked, Rebuild, Standing

_ALL = (
    "select consolidator.name, consolidator.live, consolidator.error, consolidator.failed_at,"
    " generation.place, generation.transitions, generation.recorded_at, lease.holder"
    " from consolidator left join generation"
    " on generation.name = consolidator.name and generation.generation = consolidator.live"
    " left join lease on lease.name = consolidator.name and lease.until > {clock} order by consolidator.name"
)
_HOLDER = "select holder from lease where name = ? and until > {clock}"
_PARKED = (
    "select type, entity, version, position, reason, held, parked_at from parked"
    " where name = ? and generation = ? order by position"
)
_REBUILDS = (
    "select generation, phase, place, goal, started_at, error from generation"
    " where name = ? and phase in ('reading', 'copying', 'catching_up') order by generation desc"
)
_ASKED = "select asked_at from request where name = ? and kind = 'rebuild' order by id"


def standing(connection: Connection) -> list[Standing]:
    """Every consolidator, by name."""
    rows = connection.exec_driver_sql(_with_clock(_ALL, connection)).fetchall()
    return [_standing(connection, row) for row in rows]


TIMERS = "timers"
"""The lease under which timers are fired."""


def holder(connection: Connection, name: str) -> str | None:
    """The process that has the lease `name`, as people read it; None when none has."""
    row = connection.exec_driver_sql(_with_clock(_HOLDER, connection), (name,)).first()
    return None if row is None else _spoken(row.holder)


def _with_clock(sql: str, connection: Connection) -> str:
    return sql.replace("{clock}", CLOCK_MS[connection.dialect.name])


def _spoken(holder: str | None) -> str | None:
    """Host and process, without what tells two lives of the same number apart."""
    return holder and holder.partition(" (")[0]


def _standing(connection: Connection, row: Row[Any]) -> Standing:
    name, live, error, failed_at, place, transitions, recorded_at, held_by = tuple(row)
    parked = connection.exec_driver_sql(_PARKED, (name, live)).fetchall()
    start = Checkpoint("").place
    return Standing(
        name=name,
        generation=live,
        place=place or start,
        transitions=transitions or 0,
        recorded_at=recorded_at or 0,
        parked=[Parked(*each) for each in parked],
        error=error,
        failed_at=failed_at,
        rebuild=_rebuild(connection, name),
        held_by=_spoken(held_by),
    )


def _rebuild(connection: Connection, name: str) -> Rebuild | None:
    under_way = connection.exec_driver_sql(_REBUILDS, (name,)).first()
    if under_way is not None:
        return Rebuild(*under_way)
    asked = connection.exec_driver_sql(_ASKED, (name,)).first()
    start = Checkpoint("").place
    return None if asked is None else Rebuild(None, "asked", start, start, asked[0])


async def with_lag(standings: Sequence[Standing], store: EventStore) -> list[Standing]:
    """`standings` with how far each is behind the end of the log, and how long the first it has not seen has waited."""
    latest = await store.latest_place()
    found = []
    for each in standings:
        lag, lag_s = 0, 0.0
        if store.compare_places(each.place, latest) < 0:
            lag = store.compare_places(latest, each.place)
            waiting = await store.read(each.place, 1)
            if waiting.records:
                lag_s = max(0.0, time.time() - waiting.records[0].recorded_at / 1_000_000)
        found.append(msgspec.structs.replace(each, lag=lag, lag_s=lag_s))
    return found
