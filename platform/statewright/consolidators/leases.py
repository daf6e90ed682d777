"""Leases: which process does what only one may do at a time, when several share one database of the views.

A lease is a row, taken and renewed by comparing what stands there and setting it, on the database's own clock. Each
taking counts up its *fence*. Whoever writes under a lease looks, in the transaction that writes, whether the fence is
still its own, and undoes everything where it is not: so a process that slept through the end of its lease does no harm.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, delete, insert, literal_column, or_, select, update

from statewright.consolidators.database import lease, process, writing
from statewright.stores.driver import CLOCK_MS

LEASE_S = 10.0
"""How long a lease holds that is not renewed, in seconds."""

RENEW_S = 3.0
"""How often it is renewed."""

_SOON_S = 0.1
"""How long after the end of another's lease it is looked whether that is free now."""


class Lapsed(Exception):
    """The lease went to another process; nothing of the transaction may be kept, and nothing needs to be done."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is run by another process now")
        self.name = name


def guard(connection: Connection, name: str, fence: int | None) -> None:
    """Have nobody take the lease `name` until this transaction ends. Raises Lapsed when somebody has; None asks nobody.

    To be called in a transaction that writes: last where that is long, so that who takes the lease need not wait.
    """
    if fence is not None and connection.execute(_GUARD, {"name": name, "fence": fence}).first() is None:
        raise Lapsed(name)


_GUARD = (
    select(lease.c.fence)
    .where(lease.c.name == bindparam("name"), lease.c.fence == bindparam("fence"))
    .with_for_update()
)


class _Row(NamedTuple):
    """A lease as it stands: `left_ms` is negative when it has run out."""

    name: str
    holder: str | None
    fence: int
    left_ms: int


class Leases:
    """The leases on `names` as one process has them. Its methods block; call them one at a time.

    `share`: processes that take part divide them among themselves, so that each has at most its part; without it the
    first takes all that are free. `sole`: no other process can be there, so what stands in the rows was left behind.
    """

    def __init__(
        self,
        engine: Engine,
        names: Sequence[str],
        *,
        share: bool = True,
        sole: bool | None = None,
        lease_s: float = LEASE_S,
        renew_s: float = RENEW_S,
    ) -> None:
        """`sole` is None where the kind of database says it: an embedded one lies in a folder that is locked."""
        self.holder = f"{socket.gethostname()}, process {os.getpid()} ({uuid4().hex[:8]})"
        self.held: dict[str, int] = {}
        """The fences of those that are held, as far as is known."""
        self.surplus = 0
        """How many others are waiting for, beyond this process's part."""
        self._engine = engine
        self._names = list(names)
        self._share = share
        self._inherits = engine.dialect.name == "sqlite" if sole is None else sole
        self._lease_ms = int(lease_s * 1_000)
        self._renew_s = renew_s
        self._clock: ColumnElement[int] = literal_column(CLOCK_MS[engine.dialect.name])
        self._pause_s = 0.0

    @property
    def pause_s(self) -> float:
        """In how many seconds to `renew` again: soon, where another's lease ends soon."""
        return self._pause_s

    def renew(self) -> bool:
        """Renew what is held, take what is free and is ours to take; whether anything changed in that."""
        before = dict(self.held)
        self._pause_s = self._renew_s / 3  # where this fails
        with writing(self._engine, alone=True) as connection:  # or two might each wait for a row of the other's
            self._show_up(connection)
            held = {name: fence for name, fence in before.items() if self._renew(connection, name, fence)}
            rows = self._rows(connection)
            mine = self._part(connection)
            for row in rows:
                free = row.holder is None or row.left_ms <= 0 or self._inherits
                if row.name not in held and free and len(held) < mine:
                    fence = self._take(connection, row)
                    if fence is not None:
                        held[row.name] = fence
        self._inherits = False
        self.held = held
        self.surplus = max(0, len(held) - mine)
        self._pause_s = min(
            [self._renew_s, *(row.left_ms / 1_000 + _SOON_S for row in rows if _is_anothers(row, held))]
        )
        return held != before

    def _show_up(self, connection: Connection) -> None:
        """Say that this process takes part, and forget those that have not for long."""
        if not self._share:
            return
        until = self._clock + self._lease_ms
        seen = connection.execute(update(process).where(process.c.holder == self.holder).values(until=until))
        if not seen.rowcount:
            connection.execute(insert(process).values(holder=self.holder, until=until))
        gone = process.c.holder != self.holder if self._inherits else process.c.until < self._clock - self._lease_ms
        connection.execute(delete(process).where(gone))

    def _part(self, connection: Connection) -> int:
        """How many of the leases are this process's part."""
        if not self._share:
            return len(self._names)
        there = connection.execute(select(process.c.holder).where(process.c.until > self._clock)).all()
        return -(-len(self._names) // max(1, len(there)))

    def _renew(self, connection: Connection, name: str, fence: int) -> bool:
        mine = (lease.c.name == name, lease.c.holder == self.holder, lease.c.fence == fence)
        return bool(connection.execute(update(lease).where(*mine).values(until=self._until())).rowcount)

    def _rows(self, connection: Connection) -> list[_Row]:
        asked = select(lease.c.name, lease.c.holder, lease.c.fence, lease.c.until - self._clock)
        known = {row[0]: _Row(*row) for row in connection.execute(asked.where(lease.c.name.in_(self._names)))}
        for name in self._names:
            if name not in known:
                _make(connection, name)
                known[name] = _Row(name, None, 0, 0)
        return [known[name] for name in self._names]

    def _take(self, connection: Connection, row: _Row) -> int | None:
        """Take a lease that is free, unless somebody was quicker or is in the midst of writing; the new fence."""
        unlocked = select(lease.c.fence).where(lease.c.name == row.name).with_for_update(skip_locked=True)
        if connection.execute(unlocked).first() is None:
            return None  # a process may be stopped in its last transaction, and none is to wait for that one with it
        over = or_(lease.c.holder.is_(None), lease.c.until <= self._clock)
        found = [lease.c.name == row.name, lease.c.fence == row.fence, *([] if self._inherits else [over])]
        values = {"holder": self.holder, "fence": row.fence + 1, "until": self._until()}
        return row.fence + 1 if connection.execute(update(lease).where(*found).values(values)).rowcount else None

    def _until(self) -> object:
        return self._clock + self._lease_ms

    def give_back(self, name: str) -> None:
        """Let others have a lease at once. Nothing may be under way under it."""
        fence = self.held.pop(name, None)
        if fence is not None:
            mine = (lease.c.name == name, lease.c.holder == self.holder, lease.c.fence == fence)
            with writing(self._engine) as connection:
                connection.execute(update(lease).where(*mine).values(holder=None, until=0))

    def leave(self) -> None:
        """Let others have everything at once, since this process ends."""
        for name in list(self.held):
            self.give_back(name)
        with writing(self._engine) as connection:
            connection.execute(delete(process).where(process.c.holder == self.holder))


def _is_anothers(row: _Row, held: dict[str, int]) -> bool:
    return row.name not in held and row.holder is not None and row.left_ms > 0


def _make(connection: Connection, name: str) -> None:
    row = "insert into lease (name, fence, until, generation) values (?, 0, 0, 0) on conflict (name) do nothing"
    connection.exec_driver_sql(row, (name,))


class Turn:
    """The lease of one thing that one process does at a time, for who asks before each piece of it whether it may."""

    def __init__(self, engine: Engine, name: str, *, sole: bool | None = None) -> None:
        self._leases = Leases(engine, [name], share=False, sole=sole)
        self._name = name
        self._due = 0.0

    async def is_mine(self) -> bool:
        """Whether it is this process's turn, until the lease ends. Raises what the database raises when it is away."""
        now = time.monotonic()
        if now >= self._due:
            await asyncio.to_thread(self._leases.renew)
            self._due = now + self._leases.pause_s
        return self._name in self._leases.held

    async def give_back(self) -> None:
        """Let another process have it at once."""
        self._due = 0.0
        await asyncio.to_thread(self._leases.leave)
