"""Simulated lives that people stepped through, each kept by a digest of what is in it: its address is good for ever."""

from __future__ import annotations

import hashlib
import time

from sqlalchemy import Engine
from sqlmodel import Session, col, delete, func, select

from statewright.catalog.database import writing
from statewright.catalog.tables import RunRow

KEPT = 5_000
"""How many runs are kept, the latest of all types."""
BYTES = 512 * 1024
"""How large one may be."""


class Runs:
    """The runs of all types. A run is text to this room; what is in it is the simulator's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, type: str, run: bytes) -> str:
        """Keep a run and give its name; the same run has the same name. Raises ValueError for one that is too large."""
        if len(run) > BYTES:
            raise ValueError("this run is too long to be kept; begin another one")
        id = hashlib.blake2b(type.encode() + b"\0" + run, digest_size=9).hexdigest()
        with writing(self._engine) as session:
            row = session.get(RunRow, id)
            if row is None:
                session.add(RunRow(id=id, kept_at=time.time_ns() // 1_000, type=type, run=run.decode()))
                _forget_old(session)
        return id

    def read(self, type: str, id: str) -> bytes | None:
        """The run of that name; None when there is none, or none any more."""
        with Session(self._engine) as session:
            row = session.get(RunRow, id)
            return None if row is None or row.type != type else row.run.encode()


def _forget_old(session: Session) -> None:
    count = session.exec(select(func.count()).select_from(RunRow)).one()
    if count > KEPT:
        oldest = select(RunRow.id).order_by(col(RunRow.kept_at)).limit(count - KEPT)
        session.exec(delete(RunRow).where(col(RunRow.id).in_(oldest)))
