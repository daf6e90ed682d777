"""Timers: what `after` started is sent as an event when it is due, once, whatever restarts or doubles in between.

What runs stands in the log; the view `deadlines` says what is due. A firing is a command like any other, with an id
that follows from the timer, so it can be sent again, by this process or another, and is recorded once. What came due
while nobody was there is fired late, in the order in which it was due.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from msgspec import Struct

from statewright.commands.committer import Committer
from statewright.commands.words import Failed, NotDone, SendEvent, digest_of
from statewright.machine.moments import Micros
from statewright.machine.record import Actor, Timer
from statewright.stores.words import Ref
from statewright.turns import Alone, Turn

LOOK_S = 0.5
"""How long at most between two looks at what is due."""
_AT_ONCE = 500
_SECOND = 1_000_000
TIMER = Actor("statewright:timer", ("system",))
"""Who sends what is due."""
_log = logging.getLogger("statewright.timers")


class Due(Protocol):
    """A timer that is due, as the view `deadlines` has it."""

    @property
    def type(self) -> str: ...
    @property
    def entity(self) -> str: ...
    @property
    def timer(self) -> Timer: ...
    @property
    def ordinal(self) -> int: ...
    @property
    def entity_version(self) -> int: ...
    @property
    def cursor(self) -> Any: ...


class Deadlines(Protocol):
    """Where to ask what is due; both may block, and are asked in a thread. They raise while there is no answer yet."""

    def due(self, before: Micros, after: Any, limit: int) -> Sequence[Due]:
        """Timers due by `before`, in a walk from `after` (None: the beginning)."""
        ...

    def next_due(self, after: Micros) -> Micros | None:
        """When the first timer that is due after a moment is due."""
        ...


class Stuck(Struct, frozen=True):
    """A timer that could not fire: deciding on it failed at version `entity_version`, and will be tried again."""

    ref: Ref
    timer: Timer
    why: str
    detail: str
    entity_version: int


_Key = tuple[str, str, str, str, int]


class Timers:
    """Fires what is due until it is stopped. One runs per API process, and one at a time has the turn.

    Should two believe that they have it, for a moment, that does no harm: a firing is recorded once.
    """

    def __init__(
        self,
        committer: Committer,
        deadlines: Deadlines,
        *,
        clock: Callable[[], Micros] = lambda: time.time_ns() // 1_000,
        look_s: float = LOOK_S,
        turn: Turn | None = None,
    ) -> None:
        self._committer = committer
        self._deadlines = deadlines
        self._clock = clock
        self._look_s = look_s
        self._turn = turn or Alone()
        self._over: set[_Key] = set()
        self._stuck: dict[_Key, Stuck] = {}
        self._rung = asyncio.Event()
        self._stopping = False

    def stuck(self, type: str | None = None) -> list[Stuck]:
        """The timers that could not fire, the longest due first."""
        found = [stuck for stuck in self._stuck.values() if type is None or stuck.ref.type == type]
        return sorted(found, key=lambda stuck: (stuck.timer.due, stuck.ref))

    def try_again(self, ref: Ref) -> int:
        """Have the stuck timers of an entity tried again, at once; how many there are."""
        keys = [key for key, stuck in self._stuck.items() if stuck.ref == ref]
        for key in keys:
            del self._stuck[key]
        self._rung.set()
        return len(keys)

    async def run(self) -> None:
        """Fire what is due, as it comes due, until `stop`."""
        said = ""
        while not self._stopping:
            pause_s = self._look_s
            try:
                await self.look()
                if await self._turn.is_mine():
                    pause_s = await self._until_next()
                said = ""
            except Exception as error:  # the view is being built, or the database is away: what is due stays due
                if str(error) != said:
                    said = str(error)
                    _log.warning("timers wait: %s", said)
            self._rung.clear()
            try:
                async with asyncio.timeout(pause_s):
                    await self._rung.wait()
            except TimeoutError:
                continue
        with contextlib.suppress(Exception):  # a turn that cannot be given back ends by itself
            await self._turn.give_back()

    def stop(self) -> None:
        """Have `run` return soon; what was handed to the committer is finished."""
        self._stopping = True
        self._rung.set()

    async def _until_next(self) -> float:
        now = self._clock()
        due = await asyncio.to_thread(self._deadlines.next_due, now)
        return self._look_s if due is None else max(0.001, min(self._look_s, (due - now) / _SECOND))

    async def look(self) -> int:
        """Fire everything that is due now; how many timers were handed on."""
        now, after, seen, handed_on = self._clock(), None, set[_Key](), 0
        while not self._stopping and await self._turn.is_mine():
            found = await asyncio.to_thread(self._deadlines.due, now, after, _AT_ONCE)
            seen.update(_key(due) for due in found)
            todo = [due for due in found if self._is_to_fire(due)]
            if todo:
                handed_on += len(todo)
                await self._fire(todo)
            if len(found) < _AT_ONCE:
                # What the view does not name any more need not be remembered.
                self._over &= seen
                self._stuck = {key: stuck for key, stuck in self._stuck.items() if key in seen}
                break
            after = found[-1].cursor
        return handed_on

    def _is_to_fire(self, due: Due) -> bool:
        key = _key(due)
        if key in self._over:
            return False
        stuck = self._stuck.get(key)
        return stuck is None or due.entity_version > stuck.entity_version

    async def _fire(self, due: Sequence[Due]) -> None:
        await self._committer.room_for(len(due))
        sends = [firing_of(Ref(each.type, each.entity), each.timer) for each in self._in_order(due)]
        for send, answer in zip(sends, await self._committer.submit(sends), strict=True):
            assert send.timer is not None
            key = (*send.ref, send.timer.state, send.timer.key, send.timer.version)
            self._stuck.pop(key, None)
            if isinstance(answer, Failed):
                continue  # it stays due
            if isinstance(answer, NotDone) and answer.head is not None and send.timer in answer.head.timers:
                why, detail = answer.refused.why.value, answer.refused.detail
                self._stuck[key] = Stuck(send.ref, send.timer, why, detail, answer.head.version)
                _log.warning("a timer of %s/%s is stuck: %s", *send.ref, detail)
            else:
                self._over.add(key)

    def _in_order(self, due: Iterable[Due]) -> list[Due]:
        """By due time, then in document order."""
        return sorted(due, key=lambda each: (each.timer.due, each.type, each.entity, self._order(each), each.ordinal))

    def _order(self, due: Due) -> int:
        """Where the timer's state stands in the definition, as far as the active one tells."""
        machine = self._committer.catalog.active(due.type)
        return list(machine.states).index(due.timer.state) if machine and due.timer.state in machine.states else 0


def _key(due: Due) -> _Key:
    return due.type, due.entity, due.timer.state, due.timer.key, due.timer.version


def firing_of(ref: Ref, timer: Timer) -> SendEvent:
    """The command by which a timer of an entity fires."""
    send = SendEvent(
        ref,
        f"after.{timer.key}.{timer.state}",
        command=command_of(timer),
        occurred_at=timer.due,
        create=False,
        actor=TIMER,
        timer=timer,
    )
    send.digest = digest_of(send)
    return send


def command_of(timer: Timer) -> str:
    """The id of the command by which a timer fires, the same whoever sends it."""
    return f"sw:timer:{timer.state}:{timer.version}:{timer.key}"
