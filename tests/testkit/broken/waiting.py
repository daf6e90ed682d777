"""Stores that sleep, ring and jam at the wrong moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from statewright.machine.record import Head
from statewright.stores.words import (
    Append,
    Outcome,
    Place,
    Recorded,
    Ref,
)
from tests.testkit.broken.twin import Twin


class TurnsSomeAway(Twin):
    """Serves a few callers at a time and loses the others' commands without a word."""

    breaks = frozenset(
        {
            "appends_at_the_same_time_all_come_through",
            "closing_finishes_what_was_accepted",
            "of_many_racing_on_one_head_exactly_one_wins",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._under_way = 0

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        self._under_way += 1
        try:
            await asyncio.sleep(0)
            if self._under_way > 10:
                return [Recorded([step.record for step in command.steps]) for command in group]
            return await super().append(group)
        finally:
            self._under_way -= 1


class SleepsFirst(Twin):
    """Sleeps before it looks."""

    breaks = frozenset(
        {
            "an_adoption_wakes_who_waits",
            "an_append_wakes_all_who_wait",
            "who_is_behind_need_not_wait",
            "who_stops_waiting_disturbs_no_one",
        }
    )

    async def wait(self, place: Place, timeout_s: float) -> bool:
        await asyncio.sleep(timeout_s)
        return await super().wait(place, 0)


class NeverSleeps(Twin):
    """Says at once that the time is up."""

    breaks = frozenset(
        {
            "an_adoption_wakes_who_waits",
            "an_append_wakes_all_who_wait",
            "news_of_the_other_is_noticed",
            "waiting_ends_when_the_time_is_up",
            "who_stops_waiting_disturbs_no_one",
        }
    )

    async def wait(self, place: Place, timeout_s: float) -> bool:
        return await super().wait(place, 0)


class RingsForNothing(Twin):
    """Says that there is news whenever anybody comes to append, whatever comes of it."""

    breaks = frozenset(
        {
            "nobody_is_woken_for_what_was_not_recorded",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    async def wait(self, place: Place, timeout_s: float) -> bool:
        calls = self._calls
        return await super().wait(place, timeout_s) or calls < self._calls

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        self._calls += 1
        return await super().append(group)


class WakesTheFirst(Twin):
    """Has one bell, which the first to sleep takes along when it goes."""

    breaks = frozenset(
        {
            "an_append_wakes_all_who_wait",
            "who_stops_waiting_disturbs_no_one",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._sleepers = 0

    async def wait(self, place: Place, timeout_s: float) -> bool:
        self._sleepers += 1
        if self._sleepers > 1:
            await asyncio.sleep(timeout_s)
        return await super().wait(place, timeout_s)


class JamsWhenGivenUp(Twin):
    """Locks itself while it reads, and does not let go when its reader goes away in the middle."""

    breaks = frozenset(
        {
            "a_reader_that_is_given_up_leaves_the_log_usable",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._lock = asyncio.Lock()

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        async with asyncio.timeout(0.5):
            await self._lock.acquire()
        await asyncio.sleep(0)
        heads = await super().heads(refs)
        self._lock.release()
        return heads
