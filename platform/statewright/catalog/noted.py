"""The refusals that are kept whole, in memory by what one asks of them: by which rule, by whom, of which entity.

Rules and callers stand inside the JSON of a refusal, where no database can search quickly; all ten thousand are read
once, and after that only what was added.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from sys import intern
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from statewright.catalog.tables import RefusalRow
from statewright.machine.moments import Micros
from statewright.machine.record import Actor

_AT_ONCE = 1_000
_GROUPS = 10_000
"""So many groups are held once for all their refusals, which keeps ten thousand refusals within a few megabytes."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which refusals are meant: those that agree in all that is not None. `state` is one leaf, or a configuration."""

    type: str | None = None
    entity: str | None = None
    state: str | None = None
    event: str | None = None
    why: str | None = None
    rule: str | None = None
    caller: str | None = None
    since: Micros | None = None


class Group(Struct, frozen=True, gc=False):
    """What refusals are counted by. `state` is a configuration, leaves divided by bars; `event` empty: a creation."""

    type: str
    state: str
    event: str
    why: str


class Told(Struct, frozen=True):
    """Of one group: by which rules and to which callers, each with how often among the refusals kept whole."""

    rules: Counter[str]
    callers: Counter[str]


class _Noted(Struct, frozen=True, gc=False):
    id: int
    at: Micros
    entity: str
    rule: str
    caller: str
    group: Group

    def fits(self, wanted: Wanted) -> bool:
        group = self.group
        return (
            wanted.type in (None, group.type)
            and wanted.entity in (None, self.entity)
            and wanted.event in (None, group.event)
            and wanted.why in (None, group.why)
            and wanted.rule in (None, self.rule)
            and wanted.caller in (None, self.caller)
            and (wanted.since is None or self.at >= wanted.since)
            and (wanted.state in (None, group.state) or wanted.state in group.state.split("|"))
        )


class _Read(Struct, gc=False):
    """What is read of a refusal's JSON."""

    at: Micros
    type: str
    entity: str
    event: str | None
    why: str
    leaves: tuple[str, ...] = ()
    actor: Actor = Actor()
    explanation: list[dict[str, Any]] = []


_decode = msgspec.json.Decoder(_Read).decode


def rule_of(explanation: list[dict[str, Any]]) -> str:
    """The rule that refused: the guard by its name, or the first expression that did not hold; empty for neither."""
    for part in explanation:
        rule = part.get("guard") or part.get("expr")
        if rule:
            return str(rule)
    return ""


class Noted:
    """The latest `kept` refusals; another process may add to them at any time."""

    def __init__(self, engine: Engine, kept: int) -> None:
        self._engine = engine
        self._rows: deque[_Noted] = deque(maxlen=kept)
        self._groups: dict[Group, Group] = {}
        self._lock = threading.Lock()

    def told(self, wanted: Wanted) -> dict[Group, Told]:
        """Rules and callers of every group of those that are meant."""
        found: dict[Group, Told] = {}
        for row in self._latest():
            if row.fits(wanted):
                told = found.setdefault(row.group, Told(Counter(), Counter()))
                told.callers[row.caller] += 1
                if row.rule:
                    told.rules[row.rule] += 1
        return found

    def ids(self, wanted: Wanted, before: int | None, limit: int) -> list[int]:
        """The ids of those that are meant, newest first, below `before` where it is given."""
        found: list[int] = []
        for row in reversed(self._latest()):
            if (before is None or row.id < before) and row.fits(wanted):
                found.append(row.id)
                if len(found) == limit:
                    break
        return found

    def _latest(self) -> list[_Noted]:
        with self._lock:
            for id, text in self._added(self._rows[-1].id if self._rows else 0):
                self._rows.append(self._noted(id, text))
            return list(self._rows)

    def _added(self, after: int) -> Iterator[tuple[int, str]]:
        row = RefusalRow
        with Session(self._engine) as session:
            while True:
                asked = select(row.id, row.refusal).where(col(row.id) > after).order_by(col(row.id)).limit(_AT_ONCE)
                found = session.exec(asked).all()
                for id, text in found:
                    if id is not None:
                        after = id
                        yield id, text
                if len(found) < _AT_ONCE:
                    return

    def _noted(self, id: int, text: str) -> _Noted:
        read = _decode(text)
        group = Group(read.type, "|".join(read.leaves), read.event or "", read.why)
        if len(self._groups) > _GROUPS:
            self._groups.clear()
        group = self._groups.setdefault(group, group)
        return _Noted(id, read.at, read.entity, intern(rule_of(read.explanation)), intern(read.actor.id), group)
