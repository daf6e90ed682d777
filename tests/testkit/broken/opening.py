"""Stores that lose something over a reopening, or cannot share their log with another writer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from statewright.machine.record import Head, Record, fold
from statewright.stores.words import START, Append, Limits, Outcome, Place, Recorded, Ref, Step
from tests.testkit.broken.twin import Twin


class LosesTheLast(Twin):
    """Acknowledges a transition before it is on the disk."""

    breaks = frozenset(
        {
            "a_repeat_is_a_repeat_after_reopening",
            "closing_finishes_what_was_accepted",
            "places_outlive_the_process",
            "recorded_at_does_not_fall_over_a_reopening",
            "recording_goes_on_where_it_stopped",
            "what_was_acknowledged_is_there_after_reopening",
            "what_was_adopted_is_there_after_reopening",
        }
    )

    def opened_again(self) -> Twin:
        again = type(self)()
        again._log_id = self._log_id
        for line in self._log[:-1]:
            record = msgspec.json.decode(line, type=Record)
            head = again._head(Ref(record.type, record.entity))
            step = Step(record, head, fold(head, record))
            again._record(Append(record.command, record.digest, record.recorded_at, [step]))
        return again


class TakesANewId(Twin):
    """Makes its id when it is opened, not when the log is made."""

    breaks = frozenset(
        {
            "an_empty_log_is_the_same_log_after_reopening",
            "what_was_acknowledged_is_there_after_reopening",
        }
    )

    def opened_again(self) -> Twin:
        again = super().opened_again()
        again._log_id = type(self)().log_id
        return again


class KnowsOnlyItsOwnCommands(Twin):
    """Finds the commands it was sent since it was opened."""

    breaks = frozenset(
        {
            "a_repeat_is_a_repeat_after_reopening",
        }
    )

    def opened_again(self) -> Twin:
        again = super().opened_again()
        for life in again._lives.values():
            life.commands = {}
        return again


class GrowsFromEmpty(Twin):
    """Opens a log without a word when it is not there: each time another one."""

    breaks = frozenset(
        {
            "a_repeat_is_a_repeat_after_reopening",
            "an_empty_log_is_the_same_log_after_reopening",
            "closing_finishes_what_was_accepted",
            "places_outlive_the_process",
            "recorded_at_does_not_fall_over_a_reopening",
            "recording_goes_on_where_it_stopped",
            "what_was_acknowledged_is_there_after_reopening",
            "what_was_adopted_is_there_after_reopening",
        }
    )

    def opened_again(self) -> Twin:
        return type(self)()


class AnswersWhatItDrops(Twin):
    """Says that it has recorded what was still under way when it was closed."""

    breaks = frozenset(
        {
            "closing_finishes_what_was_accepted",
        }
    )

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        await asyncio.sleep(0)
        if self._closed:
            return [Recorded([step.record for step in command.steps]) for command in group]
        return await super().append(group)


class CachesHeads(Twin):
    """Knows where an entity stands from when it last looked."""

    breaks = frozenset(
        {
            "heads_are_current_whoever_moved_them",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._cached: dict[Ref, Head | None] = {}

    def opened_by_another(self) -> Twin:
        return self.opened_again()

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        for ref in refs:
            self._cached.setdefault(ref, self._head(ref))
        return [self._cached[ref] for ref in refs]

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        outcomes = await super().append(group)
        touched = [Ref(step.record.type, step.record.entity) for command in group for step in command.steps]
        self._cached.update({ref: self._head(ref) for ref in touched})
        return outcomes


class BelievesItWritesAlone(Twin):
    """Tells the committer that no head can be stale."""

    breaks = frozenset(
        {
            "neither_says_it_writes_alone",
        }
    )

    @property
    def limits(self) -> Limits:
        return Limits(1_000, sole_writer=True)


class StampsForItself(Twin):
    """Remembers its own last stamp and never looks at the log's."""

    breaks = frozenset(
        {
            "recorded_at_does_not_fall_over_a_reopening",
            "stamps_do_not_fall_between_writers",
        }
    )

    _last_stamp = 0

    def opened_by_another(self) -> Twin:
        return self.opened_again()


class HearsOnlyItself(Twin):
    """Takes its own last append for the end of the log."""

    breaks = frozenset(
        {
            "an_adoption_wakes_who_waits",
            "news_of_the_other_is_noticed",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._end = START

    def opened_again(self) -> Twin:
        again = super().opened_again()
        again._end = self._end
        return again

    def opened_by_another(self) -> Twin:
        return self.opened_again()

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        outcomes = await super().append(group)
        self._end = await super().latest_place()
        return outcomes

    async def wait(self, place: Place, timeout_s: float) -> bool:
        return await super().wait(place, timeout_s) and self.compare_places(self._end, place) > 0


class WritesALogOfItsOwn(Twin):
    """Opens another log for another writer."""

    breaks = frozenset(
        {
            "a_command_the_other_recorded_is_a_repeat",
            "both_see_one_log",
            "heads_are_current_whoever_moved_them",
            "news_of_the_other_is_noticed",
            "racing_from_both_sides_leaves_one_history",
            "stamps_do_not_fall_between_writers",
            "who_was_overtaken_is_told_so",
        }
    )

    def opened_by_another(self) -> Twin:
        return type(self)()
