"""Bulk events in the catalogue's database: one event for many entities, how far the job is, what became of each."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

import msgspec
from msgspec import Struct
from sqlalchemy import Engine, bindparam, update
from sqlmodel import Session, col, delete, func, insert, select

from statewright.catalog.database import writing
from statewright.catalog.errors import CatalogError
from statewright.catalog.tables import BulkEventRow, BulkRow
from statewright.machine.moments import Micros
from statewright.machine.record import Actor

Status = Literal["gathering", "trying", "ready", "sending", "done", "cancelled", "failed"]
Outcome = Literal["accepted", "refused", "failed"]
WORKING: tuple[Status, ...] = ("sending", "trying", "gathering")
"""Those in which there is something to do without anybody asking, the most urgent first."""
OPEN: tuple[Status, ...] = (*WORKING, "ready")
KEPT = 100
"""How many bulk events are kept, the latest; those that go on, always."""
ENTITIES = 100_000
"""How many entities one may go to."""
_SOME = 2_000
_encode = msgspec.json.Encoder().encode


class BulkEvent(Struct, frozen=True, kw_only=True):
    """One bulk event. `query` is who it is for; None where they were named one by one.

    `unmoved`: only to those that have not moved since the preview. `name` is part of every command's id. `gathered` is
    how far the list was read. Times are microseconds since 1970.
    """

    id: int
    name: str
    type: str
    event: str
    data: dict[str, Any]
    actor: Actor
    query: str | None
    unmoved: bool
    status: Status
    asked_at: Micros
    sent_at: Micros | None
    finished_at: Micros | None
    gathered: str | None
    total: int
    error: str | None

    @property
    def open(self) -> bool:
        """Whether it is not over: it works, or waits to be sent."""
        return self.status in OPEN

    @property
    def working(self) -> bool:
        """Whether it goes on by itself."""
        return self.status in WORKING

    @property
    def command(self) -> str:
        """The id of its command at each of its entities: a repeat finds what the first one did."""
        return f"sw:bulk:{self.name}"

    @property
    def size(self) -> int:
        """An upper bound of what the event carries, in bytes of JSON."""
        return len(_encode(self.data))


class Row(Struct, frozen=True):
    """One entity of a bulk event: what the preview foresaw and what became of it, None while that is not known."""

    number: int
    entity: str
    foreseen: Outcome | None = None
    became: Outcome | None = None
    why: str | None = None
    detail: str | None = None
    version: int | None = None


class Count(Struct, frozen=True):
    """How many rows came to the same."""

    foreseen: Outcome | None
    became: Outcome | None
    why: str | None
    count: int


class UnknownBulkEvent(CatalogError):
    """There is no such bulk event; only the latest are kept."""

    def __init__(self, id: int) -> None:
        super().__init__(f"there is no bulk event {id}; the latest {KEPT} are kept")
        self.id = id


class NotReady(CatalogError):
    """The bulk event cannot be sent: its preview is not finished, or it was cancelled, or failed."""

    def __init__(self, id: int, status: Status) -> None:
        told = {
            "gathering": "its entities are still being gathered",
            "trying": "its preview is not finished",
            "cancelled": "it was cancelled",
            "failed": "it failed",
        }
        super().__init__(f"bulk event {id} cannot be sent: {told.get(status, 'it is not ready')}")
        self.id = id
        self.status = status


class TooManyEntities(CatalogError):
    """More entities than a bulk event goes to."""

    def __init__(self) -> None:
        super().__init__(f"a bulk event goes to at most {ENTITIES:,} entities; narrow the list")


class BulkEvents:
    """All bulk events and their rows. Whatever changes them is durable before it returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- for who asks

    def ask(
        self,
        type: str,
        event: str,
        data: dict[str, Any],
        actor: Actor,
        *,
        query: str | None = None,
        entities: Sequence[str] = (),
        unmoved: bool = True,
    ) -> BulkEvent:
        """Have an event tried on the entities of a query, or on those that are named. Raises TooManyEntities."""
        named = list(dict.fromkeys(entities))
        if len(named) > ENTITIES:
            raise TooManyEntities
        with writing(self._engine) as session:
            row = BulkEventRow(
                name=secrets.token_hex(8),
                type=type,
                event=event,
                data=_encode(data).decode(),
                actor=_encode(actor).decode(),
                query=query,
                unmoved=unmoved,
                status="trying" if query is None else "gathering",
                asked_at=_now(),
                total=len(named) if query is None else 0,
            )
            session.add(row)
            session.flush()
            if query is None:
                _add(session, row, named, 0)
            _forget_old(session)
            return _event_of(row)

    def all(self) -> list[BulkEvent]:
        """All that are kept, the latest first."""
        with Session(self._engine) as session:
            rows = session.exec(select(BulkEventRow).order_by(col(BulkEventRow.id).desc())).all()
            return [_event_of(row) for row in rows]

    def one(self, id: int) -> BulkEvent:
        """One by its number. Raises UnknownBulkEvent."""
        with Session(self._engine) as session:
            return _event_of(_row(session, id))

    def counts(self, id: int) -> list[Count]:
        """How many of its rows came to the same, the most first."""
        columns = (col(BulkRow.foreseen), col(BulkRow.became), col(BulkRow.why))
        with Session(self._engine) as session:
            found = session.exec(select(*columns, func.count()).where(BulkRow.job == id).group_by(*columns)).all()
        counts = [
            Count(cast(Outcome, foreseen), cast(Outcome, became), why, count) for foreseen, became, why, count in found
        ]
        return sorted(counts, key=lambda each: -each.count)

    def rows(
        self, id: int, *, outcome: str | None = None, why: str | None = None, after: int = 0, limit: int = 100
    ) -> list[Row]:
        """Its rows by number, those after `after`; of one outcome, which is what the preview foresaw until it is sent.

        The outcome `waiting` has neither.
        """
        asked = select(BulkRow).where(BulkRow.job == id, col(BulkRow.number) > after)
        came_to = func.coalesce(BulkRow.became, BulkRow.foreseen)
        if outcome == "waiting":
            asked = asked.where(came_to.is_(None))
        elif outcome is not None:
            asked = asked.where(came_to == outcome)
        if why is not None:
            asked = asked.where(BulkRow.why == why)
        with Session(self._engine) as session:
            return [_row_of(row) for row in session.exec(asked.order_by(col(BulkRow.number)).limit(limit)).all()]

    def send(self, id: int) -> BulkEvent:
        """Have one sent whose preview is finished; one that was sent stays so. Raises UnknownBulkEvent, NotReady."""
        with writing(self._engine) as session:
            row = _row(session, id)
            if row.status == "ready":
                row.status, row.sent_at = "sending", _now()
            elif row.status not in ("sending", "done"):
                raise NotReady(id, cast(Status, row.status))
            return _event_of(row)

    def cancel(self, id: int) -> BulkEvent:
        """End one that is not over; what was sent is sent. Raises UnknownBulkEvent."""
        with writing(self._engine) as session:
            row = _row(session, id)
            if row.status in OPEN:
                row.status, row.finished_at = "cancelled", _now()
            return _event_of(row)

    # --- for who carries them out

    def next(self) -> BulkEvent | None:
        """The one to go on with: what is being sent comes before previews."""
        with Session(self._engine) as session:
            for status in WORKING:
                row = session.exec(
                    select(BulkEventRow).where(BulkEventRow.status == status).order_by(col(BulkEventRow.id))
                ).first()
                if row is not None:
                    return _event_of(row)
        return None

    def gather(self, id: int, entities: Sequence[str], gathered: str | None) -> bool:
        """Add the next entities of its list, read up to `gathered` (None: to its end); False when it is to end.

        Raises TooManyEntities.
        """
        with writing(self._engine) as session:
            row = _row(session, id)
            if row.status != "gathering":
                return False
            if row.total + len(entities) > ENTITIES:
                raise TooManyEntities
            _add(session, row, entities, row.total)
            row.total, row.gathered = row.total + len(entities), gathered
            if gathered is None:
                row.status = "trying"
            return True

    def untried(self, id: int, limit: int) -> list[Row]:
        """The next rows to be foreseen."""
        return self._left(id, limit, col(BulkRow.foreseen).is_(None))

    def unsent(self, id: int, limit: int) -> list[Row]:
        """The next rows to be sent: those of which the preview said that they would be accepted."""
        return self._left(id, limit, BulkRow.foreseen == "accepted")

    def _left(self, id: int, limit: int, such: Any) -> list[Row]:
        asked = select(BulkRow).where(BulkRow.job == id, col(BulkRow.became).is_(None), such)
        with Session(self._engine) as session:
            return [_row_of(row) for row in session.exec(asked.order_by(col(BulkRow.number)).limit(limit)).all()]

    def foresee(self, id: int, rows: Iterable[Row]) -> bool:
        """Keep what the preview came to for some rows; False when it is to end."""
        return self._note(id, "trying", "foreseen", rows)

    def become(self, id: int, rows: Iterable[Row]) -> bool:
        """Keep what became of some rows; False when it is to end."""
        return self._note(id, "sending", "became", rows)

    def _note(self, id: int, status: Status, field: str, rows: Iterable[Row]) -> bool:
        changed = [
            {
                "a_job": id,
                "a_number": row.number,
                "outcome": getattr(row, field),
                "a_why": row.why,
                "a_detail": row.detail,
                "a_version": row.version,
            }
            for row in rows
        ]
        with writing(self._engine) as session:
            if changed:
                named: dict[str, Any] = {"why": bindparam("a_why"), "detail": bindparam("a_detail")}
                statement = (
                    update(BulkRow.__table__)  # type: ignore[attr-defined]  # SQLModel gives it to every table
                    .where(col(BulkRow.job) == bindparam("a_job"), col(BulkRow.number) == bindparam("a_number"))
                    .values(**named, **{field: bindparam("outcome")}, version=bindparam("a_version"))
                )
                session.connection().execute(statement, changed)
            return _row(session, id).status == status

    def tried(self, id: int) -> None:
        """Note that its preview is finished."""
        self._move(id, "trying", "ready")

    def finish(self, id: int) -> None:
        """Note that all of it was sent."""
        self._move(id, "sending", "done")

    def fail(self, id: int, sentence: str) -> None:
        """Keep why one cannot be carried out."""
        with writing(self._engine) as session:
            row = _row(session, id)
            if row.status in OPEN:
                row.status, row.finished_at, row.error = "failed", _now(), sentence[:1_000]

    def _move(self, id: int, from_: Status, to: Status) -> None:
        with writing(self._engine) as session:
            row = _row(session, id)
            if row.status == from_:
                row.status = to
                row.finished_at = None if to == "ready" else _now()


def _row(session: Session, id: int) -> BulkEventRow:
    row = session.get(BulkEventRow, id)
    if row is None:
        raise UnknownBulkEvent(id)
    return row


def _add(session: Session, row: BulkEventRow, entities: Sequence[str], before: int) -> None:
    for start in range(0, len(entities), _SOME):
        some = entities[start : start + _SOME]
        session.connection().execute(
            insert(BulkRow),
            [{"job": row.id, "number": before + start + at, "entity": entity} for at, entity in enumerate(some, 1)],
        )


def _forget_old(session: Session) -> None:
    ids = session.exec(
        select(BulkEventRow.id)
        .where(col(BulkEventRow.status).not_in(WORKING))
        .order_by(col(BulkEventRow.id).desc())
        .offset(KEPT)
    ).all()
    if ids:
        session.exec(delete(BulkRow).where(col(BulkRow.job).in_(ids)))
        session.exec(delete(BulkEventRow).where(col(BulkEventRow.id).in_(ids)))


def _event_of(row: BulkEventRow) -> BulkEvent:
    assert row.id is not None
    return BulkEvent(
        id=row.id,
        name=row.name,
        type=row.type,
        event=row.event,
        data=msgspec.json.decode(row.data),
        actor=msgspec.json.decode(row.actor, type=Actor),
        query=row.query,
        unmoved=row.unmoved,
        status=cast(Status, row.status),
        asked_at=row.asked_at,
        sent_at=row.sent_at,
        finished_at=row.finished_at,
        gathered=row.gathered,
        total=row.total,
        error=row.error,
    )


def _row_of(row: BulkRow) -> Row:
    outcomes = cast(Outcome, row.foreseen), cast(Outcome, row.became)
    return Row(row.number, row.entity, *outcomes, row.why, row.detail, row.version)


def _now() -> Micros:
    return time.time_ns() // 1_000
