"""What the runner writes down about its consolidators: generations, checkpoints, errors, and what it was asked for.

Whatever is written about one is written under its lease: `fence` is that of the process that runs it, and Lapsed is
raised, and nothing kept, where another process has taken it meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from statewright.consolidators.database import (
    Checkpoint,
    consolidator,
    generation,
    lease,
    parked,
    request,
    writing,
)
from statewright.consolidators.handling import ParkedHere
from statewright.consolidators.leases import guard
from statewright.consolidators.words import Consolidator
from statewright.stores.words import Place

Phase = str
"""live, reading, copying, catching_up or retired."""


class Known(Struct):
    """A consolidator as the database knows it: the code's number, the live generation, its place, what it parked."""

    number: int
    live: int
    checkpoint: Checkpoint
    parked: list[ParkedHere]


def known(engine: Engine, name: str) -> Known | None:
    """What is known of the consolidator `name`; None when it is new here."""
    with engine.connect() as connection:
        row = connection.execute(select(consolidator).where(consolidator.c.name == name)).first()
        if row is None or row.live is None:
            return None
        live = connection.execute(_rows(name, row.live)).one()
        return Known(row.number, row.live, _checkpoint_of(live), _parked_by(connection, name, row.live))


def standing_of(engine: Engine, name: str, number: int) -> Known:
    """How far a generation is, and the entities that it has parked."""
    with engine.connect() as connection:
        row = connection.execute(_rows(name, number)).one()
        return Known(row.number, number, _checkpoint_of(row), _parked_by(connection, name, number))


def _checkpoint_of(row: Row[Any]) -> Checkpoint:
    return Checkpoint(
        row.log, row.place, row.type, row.entity, row.version, row.digest, row.recorded_at, row.transitions
    )


def _rows(name: str, number: int) -> Any:
    return select(generation).where(generation.c.name == name, generation.c.generation == number)


def _parked_by(connection: Connection, name: str, number: int) -> list[ParkedHere]:
    rows = connection.execute(select(parked).where(parked.c.name == name, parked.c.generation == number))
    return [
        ParkedHere(row.type, row.entity, row.version, row.position, row.reason, row.held, stored=True, changed=False)
        for row in rows
    ]


def next_generation(engine: Engine, name: str, fence: int) -> int:
    """A number that no generation of `name` has had or will be given again, even where this one comes to nothing.

    Or else one process might still fill tables that were dropped and made again by another.
    """
    with writing(engine) as connection:
        guard(connection, name, fence)
        highest = connection.scalar(select(func.max(generation.c.generation)).where(generation.c.name == name)) or 0
        given = connection.scalar(select(lease.c.generation).where(lease.c.name == name)) or 0
        number = max(highest, given) + 1
        connection.execute(update(lease).where(lease.c.name == name).values(generation=number))
    return number


def begin_live(engine: Engine, made: Consolidator, number: int, log: str, now: int, fence: int) -> None:
    """Make the first generation of a consolidator: empty, live, and at the start of the log."""
    with writing(engine) as connection:
        guard(connection, made.name, fence)
        made.tables.create_all(connection)
        _insert_generation(connection, made, number, "live", log, None, now)
        connection.execute(delete(consolidator).where(consolidator.c.name == made.name))
        connection.execute(insert(consolidator).values(name=made.name, number=made.number, live=number, attempts=0))


def begin_rebuild(engine: Engine, made: Consolidator, number: int, log: str, goal: str, now: int, fence: int) -> None:
    """Make a generation beside the live one, with its tables and their indexes, and forget one that failed before."""
    with writing(engine) as connection:
        guard(connection, made.name, fence)
        for old in _idle(connection, made.name):
            _drop(connection, old)
        made.tables.create_all(connection)
        _insert_generation(connection, made, number, "reading", log, goal, now)


def _insert_generation(
    connection: Connection, made: Consolidator, number: int, phase: Phase, log: str, goal: str | None, now: int
) -> None:
    tables = msgspec.json.encode([str(table.name) for table in made.tables.sorted_tables]).decode()
    place = Checkpoint(log).place
    values = {"name": made.name, "generation": number, "number": made.number, "phase": phase, "log": log}
    values |= {"place": place, "goal": goal, "started_at": now, "tables": tables}
    connection.execute(insert(generation).values(values))


class Elsewhere(Exception):
    """A generation does not stand where its runner believes; nothing was saved. Read its checkpoint again."""


def save_checkpoint(
    connection: Connection, name: str, number: int, checkpoint: Checkpoint, before: Place | None = None
) -> None:
    """Save how far a generation is; to be called in the transaction of its rows.

    Raises Elsewhere where it does not stand at `before`: a server that was killed may have lost its last transactions.
    """
    if before is None:
        connection.exec_driver_sql(_SAVE, (*checkpoint[1:], name, number))
    elif connection.exec_driver_sql(f"{_SAVE} and place = ?", (*checkpoint[1:], name, number, before)).rowcount != 1:
        raise Elsewhere(f"{name} does not stand at {before}")


_SAVE = (
    "update generation set place = ?, type = ?, entity = ?, version = ?, digest = ?, recorded_at = ?, transitions = ?"
    " where name = ? and generation = ?"
)


def note_phase(engine: Engine, name: str, number: int, phase: Phase, checkpoint: Checkpoint, fence: int) -> None:
    """Say how far a rebuild is."""
    with writing(engine) as connection:
        guard(connection, name, fence)
        save_checkpoint(connection, name, number, checkpoint)
        connection.execute(_change(name, number).values(phase=phase))


def note_rebuild_error(engine: Engine, name: str, number: int, error: str | None, fence: int) -> None:
    """Say why a rebuild stopped, or that it goes on."""
    with writing(engine) as connection:
        guard(connection, name, fence)
        connection.execute(_change(name, number).values(error=error))


def _change(name: str, number: int) -> Any:
    return update(generation).where(generation.c.name == name, generation.c.generation == number)


def switch(engine: Engine, made: Consolidator, number: int, fence: int) -> None:
    """Make a generation the live one; from the next read transaction on, readers see it."""
    with writing(engine) as connection:
        guard(connection, made.name, fence)
        retire = update(generation).where(generation.c.name == made.name, generation.c.phase == "live")
        connection.execute(retire.values(phase="retired"))
        connection.execute(_change(made.name, number).values(phase="live", goal=None, error=None))
        connection.execute(
            update(consolidator)
            .where(consolidator.c.name == made.name)
            .values(live=number, number=made.number, error=None, failed_at=None, attempts=0)
        )
        connection.execute(delete(request).where(request.c.name == made.name))


def note_error(engine: Engine, name: str, error: str | None, now: int | None, attempts: int, fence: int) -> None:
    """Say why a consolidator stopped altogether, or that it runs again."""
    with writing(engine) as connection:
        guard(connection, name, fence)
        values = {"error": error, "failed_at": now, "attempts": attempts}
        connection.execute(update(consolidator).where(consolidator.c.name == name).values(values))


def drop_begun(engine: Engine, name: str, fence: int) -> None:
    """Drop the tables of every generation whose rebuild was begun and did not end."""
    with writing(engine) as connection:
        guard(connection, name, fence)
        for old in _idle(connection, name):
            if old.phase != "retired":
                _drop(connection, old)


def drop_retired(engine: Engine, name: str, fence: int) -> None:
    """Drop the tables that were live before the last switch."""
    with writing(engine) as connection:
        guard(connection, name, fence)
        for old in _idle(connection, name):
            if old.phase == "retired":
                _drop(connection, old)


def _idle(connection: Connection, name: str) -> Sequence[Row[Any]]:
    found = select(generation).where(generation.c.name == name, generation.c.phase != "live")
    return connection.execute(found).all()


def _drop(connection: Connection, old: Row[Any]) -> None:
    for table in msgspec.json.decode(old.tables, type=list[str]):
        connection.exec_driver_sql(f"drop table if exists {table}")
    connection.execute(delete(parked).where(parked.c.name == old.name, parked.c.generation == old.generation))
    connection.execute(
        delete(generation).where(generation.c.name == old.name, generation.c.generation == old.generation)
    )


def requests(engine: Engine) -> Sequence[Row[Any]]:
    """What was asked for and is not done yet, oldest first."""
    with engine.connect() as connection:
        return connection.execute(select(request).order_by(request.c.id)).all()


def require_rebuild(engine: Engine, name: str, reason: str, now: int, fence: int) -> None:
    """Ask ourselves for a rebuild because the live generation cannot be continued."""
    with writing(engine) as connection:
        guard(connection, name, fence)
        asked = select(request.c.id).where(request.c.name == name, request.c.kind == "rebuild")
        if connection.execute(asked).first() is None:
            connection.execute(insert(request).values(name=name, kind="rebuild", reason=reason, asked_at=now))
        connection.execute(update(consolidator).where(consolidator.c.name == name).values(error=reason, failed_at=now))


def settle(connection: Connection, asked: Row[Any]) -> None:
    """Take a request off the list."""
    connection.execute(delete(request).where(request.c.id == asked.id))


def unpark(connection: Connection, name: str, number: int, entity: ParkedHere) -> None:
    """Forget that an entity was parked."""
    connection.execute(
        delete(parked).where(
            parked.c.name == name,
            parked.c.generation == number,
            parked.c.type == entity.type,
            parked.c.entity == entity.entity,
        )
    )
