"""Backtests in the catalogue's database: what was asked for, how far it is, what it found."""

from __future__ import annotations

import time
from typing import Literal, cast

import msgspec
from msgspec import Struct
from sqlalchemy import Engine
from sqlmodel import Session, col, delete, select

from statewright.catalog.database import writing
from statewright.catalog.errors import CatalogError
from statewright.catalog.tables import BacktestRow, RevisionRow
from statewright.machine.backtesting import Tally
from statewright.machine.moments import Micros

Status = Literal["waiting", "running", "done", "cancelled", "failed"]
OPEN: tuple[Status, ...] = ("waiting", "running")
KEPT = 20
"""How many backtests of one revision are kept."""
ATTEMPTS = 3
"""How often one is begun again whose process ended before it did."""


class Backtest(Struct, frozen=True, kw_only=True):
    """One backtest. `share` is how much of the log was read, from 0 to 1, up to `goal`, where the log ended then.

    Times are microseconds since 1970; `tally` is what was found so far.
    """

    id: int
    type: str
    revision: int
    digest: str
    status: Status
    asked_at: Micros
    started_at: Micros | None
    finished_at: Micros | None
    place: str
    goal: str | None
    share: float
    error: str | None
    tally: Tally

    @property
    def open(self) -> bool:
        """Whether there is more to come."""
        return self.status in OPEN


class UnknownBacktest(CatalogError):
    """There is no such backtest of this revision; only the latest are kept."""

    def __init__(self, type: str, revision: int, id: int) -> None:
        super().__init__(f"revision {revision} of {type} has no backtest {id}; the latest {KEPT} are kept")
        self.type = type
        self.revision = revision


class Backtests:
    """The backtests of all types, oldest first. Whatever changes them is durable before it returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- for who asks

    def ask(self, type: str, revision: int, digest: str) -> Backtest:
        """Have a revision tried on the log: a new backtest, or the one that waits or runs already."""
        with writing(self._engine) as session:
            row = session.exec(
                select(BacktestRow).where(
                    BacktestRow.type == type, BacktestRow.revision == revision, col(BacktestRow.status).in_(OPEN)
                )
            ).first()
            if row is None:
                row = BacktestRow(type=type, revision=revision, digest=digest, status="waiting", asked_at=_now())
                session.add(row)
                session.flush()
                _forget_old(session, row)
            return _backtest_of(row)

    def of(self, type: str, revision: int) -> list[Backtest]:
        """Those of one revision, the latest first; empty when none was asked for."""
        with Session(self._engine) as session:
            rows = session.exec(
                select(BacktestRow)
                .where(BacktestRow.type == type, BacktestRow.revision == revision)
                .order_by(col(BacktestRow.id).desc())
            ).all()
            return [_backtest_of(row) for row in rows]

    def one(self, type: str, revision: int, id: int) -> Backtest:
        """One by its number. Raises UnknownBacktest."""
        with Session(self._engine) as session:
            return _backtest_of(_row(session, type, revision, id))

    def cancel(self, type: str, revision: int, id: int) -> Backtest:
        """End one that waits or runs; one that has ended stays as it is. Raises UnknownBacktest."""
        with writing(self._engine) as session:
            row = _row(session, type, revision, id)
            if row.status in OPEN:
                row.status, row.finished_at = "cancelled", _now()
            return _backtest_of(row)

    # --- for who runs them

    def next(self) -> Backtest | None:
        """The one to run next: one that was running when its process ended comes before those that wait."""
        with Session(self._engine) as session:
            row = session.exec(
                select(BacktestRow)
                .where(col(BacktestRow.status).in_(OPEN))
                .order_by(col(BacktestRow.status), col(BacktestRow.id))
            ).first()
            return None if row is None else _backtest_of(row)

    def begin(self, id: int, goal: str) -> Backtest | None:
        """Note that one is begun, and how far it will read; None when it was cancelled or tried too often."""
        with writing(self._engine) as session:
            row = session.get(BacktestRow, id)
            if row is None or row.status not in OPEN:
                return None
            if row.attempts >= ATTEMPTS:
                row.status, row.finished_at = "failed", _now()
                row.error = f"its process ended {ATTEMPTS} times before it did"
                return None
            row.status, row.attempts = "running", row.attempts + 1
            row.started_at, row.goal, row.share, row.place, row.tally = _now(), goal, 0.0, "0", "{}"
            return _backtest_of(row)

    def note(self, id: int, place: str, share: float, tally: Tally) -> bool:
        """Keep how far one is; False when it is to end."""
        with writing(self._engine) as session:
            row = session.get(BacktestRow, id)
            if row is None or row.status != "running":
                return False
            row.place, row.share, row.tally = place, share, msgspec.json.encode(tally).decode()
            return True

    def put_back(self, id: int) -> None:
        """Have one that runs begun anew later, and not counted as tried: its process was asked to end."""
        with writing(self._engine) as session:
            row = session.get(BacktestRow, id)
            if row is not None and row.status == "running":
                row.status, row.attempts = "waiting", max(row.attempts - 1, 0)

    def finish(self, id: int, place: str, tally: Tally) -> None:
        """Keep the result, unless it was cancelled meanwhile."""
        with writing(self._engine) as session:
            row = session.get(BacktestRow, id)
            if row is not None and row.status == "running":
                row.status, row.finished_at = "done", _now()
                row.place, row.share, row.tally = place, 1.0, msgspec.json.encode(tally).decode()

    def fail(self, id: int, sentence: str) -> None:
        """Keep why one cannot be run."""
        with writing(self._engine) as session:
            row = session.get(BacktestRow, id)
            if row is not None and row.status in OPEN:
                row.status, row.finished_at, row.error = "failed", _now(), sentence[:1_000]


def _row(session: Session, type: str, revision: int, id: int) -> BacktestRow:
    row = session.get(BacktestRow, id)
    if row is None or (row.type, row.revision) != (type, revision):
        raise UnknownBacktest(type, revision, id)
    return row


def _forget_old(session: Session, new: BacktestRow) -> None:
    same = (col(BacktestRow.type) == new.type, col(BacktestRow.revision) == new.revision)
    latest = session.exec(select(BacktestRow.id).where(*same).order_by(col(BacktestRow.id).desc()).limit(KEPT)).all()
    # A deleted draft's number is not given again, but its rows would stay for ever.
    known = select(RevisionRow.revision).where(RevisionRow.type == new.type)
    session.exec(delete(BacktestRow).where(*same, col(BacktestRow.id).not_in(latest)))
    session.exec(delete(BacktestRow).where(col(BacktestRow.type) == new.type, col(BacktestRow.revision).not_in(known)))


def _backtest_of(row: BacktestRow) -> Backtest:
    assert row.id is not None
    return Backtest(
        id=row.id,
        type=row.type,
        revision=row.revision,
        digest=row.digest,
        status=cast(Status, row.status),
        asked_at=row.asked_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        place=row.place,
        goal=row.goal,
        share=row.share,
        error=row.error,
        tally=msgspec.json.decode(row.tally, type=Tally),
    )


def _now() -> Micros:
    return time.time_ns() // 1_000
