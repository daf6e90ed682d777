"""Stores that record what they should not, or not all they should."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from statewright.stores.words import (
    Append,
    Conflict,
    Outcome,
    Recorded,
    Ref,
)
from tests.testkit.broken.twin import Twin


class LetsStaleWritersIn(Twin):
    """Records what was decided on a head long gone, as if it had been decided on the latest."""

    breaks = frozenset(
        {
            "a_command_of_the_largest_size_goes_in_whole",
            "a_command_over_several_entities_is_all_or_nothing",
            "a_conflict_takes_with_it_nothing_but_itself",
            "a_refused_append_can_be_sent_again",
            "a_stale_writer_is_told_so_and_leaves_no_trace",
            "an_entity_is_created_once",
            "nobody_is_woken_for_what_was_not_recorded",
            "of_many_racing_on_one_head_exactly_one_wins",
            "of_two_on_the_same_head_in_one_group_the_first_wins",
            "recording_goes_on_where_it_stopped",
            "the_head_of_a_conflict_can_be_decided_on",
            "versions_of_an_entity_have_no_gap",
            "what_does_not_exist_cannot_be_moved",
            "what_was_decided_on_a_conflict_conflicts_too",
            "what_was_decided_on_a_creation_that_conflicts_conflicts_too",
            "who_was_overtaken_is_told_so",
        }
    )

    def _conflict(self, command: Append, lost: set[Ref]) -> Conflict | None:
        versions: dict[Ref, int] = {}
        for step in command.steps:
            ref = Ref(step.record.type, step.record.entity)
            head = self._head(ref)
            versions[ref] = versions.get(ref, head.version if head else 0) + 1
            step.record.version = versions[ref]
        return None


class LooksAtTheFirstEntityOnly(Twin):
    """Checks where a command's first entity stands and takes the others on trust."""

    breaks = frozenset(
        {
            "a_command_of_the_largest_size_goes_in_whole",
            "a_command_over_several_entities_is_all_or_nothing",
            "what_was_decided_on_a_creation_that_conflicts_conflicts_too",
        }
    )

    def _conflict(self, command: Append, lost: set[Ref]) -> Conflict | None:
        first = Append(command.command, command.digest, command.now, command.steps[:1])
        return super()._conflict(first, lost)


class ForgetsWhatWasLost(Twin):
    """Lets a command in whose version fits, though it was decided on an outcome that never came to be."""

    breaks = frozenset(
        {
            "what_was_decided_on_a_conflict_conflicts_too",
        }
    )

    def _conflict(self, command: Append, lost: set[Ref]) -> Conflict | None:
        return super()._conflict(command, set())


class TakesTheGroupDown(Twin):
    """Treats a group as one: if one command conflicts, all do."""

    breaks = frozenset(
        {
            "a_conflict_takes_with_it_nothing_but_itself",
            "later_commands_of_a_group_build_on_earlier_ones",
            "recording_goes_on_where_it_stopped",
            "versions_of_an_entity_have_no_gap",
        }
    )

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        probe = [self._conflict(command, set()) for command in group]
        if len(group) > 1 and any(probe) and not all(probe):
            return [Conflict(_first_of(one), None) for one in group]
        return await super().append(group)


class ConflictsWithoutAHead(Twin):
    """Says that there is a conflict, but not where the entity stands."""

    breaks = frozenset(
        {
            "a_command_over_several_entities_is_all_or_nothing",
            "a_stale_writer_is_told_so_and_leaves_no_trace",
            "an_entity_is_created_once",
            "of_two_on_the_same_head_in_one_group_the_first_wins",
            "the_head_of_a_conflict_can_be_decided_on",
            "who_was_overtaken_is_told_so",
        }
    )

    def _conflict(self, command: Append, lost: set[Ref]) -> Conflict | None:
        conflict = super()._conflict(command, lost)
        return conflict and Conflict(conflict.ref, None)


class WritesStepByStep(Twin):
    """Records the transitions of a command one by one, and lets others in between."""

    breaks = frozenset(
        {
            "a_command_of_the_largest_size_goes_in_whole",
            "a_command_over_several_entities_is_all_or_nothing",
            "a_repeat_over_several_entities_brings_all_of_it",
            "an_append_that_is_given_up_is_whole_or_not_at_all",
            "what_was_decided_on_a_creation_that_conflicts_conflicts_too",
        }
    )

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        lost: set[Ref] = set()
        return [await self._in_steps(command, lost) for command in group]

    async def _in_steps(self, command: Append, lost: set[Ref]) -> Outcome:
        first, *rest = command.steps
        outcome = self._outcome(Append(command.command, command.digest, command.now, [first]), lost)
        for step in rest if isinstance(outcome, Recorded) else ():
            await asyncio.sleep(0)
            part = Append(command.command, command.digest, command.now, [step])
            conflict = self._conflict(part, lost)
            if conflict:
                return conflict
            self._record(part)
        self._waking.wake()
        return Recorded([step.record for step in command.steps]) if isinstance(outcome, Recorded) else outcome


class LooksBeforeItWaits(Twin):
    """Checks where the entity stands, lets others go first, and then records without another look."""

    breaks = frozenset(
        {
            "of_many_racing_on_one_head_exactly_one_wins",
            "racing_from_both_sides_leaves_one_history",
        }
    )

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        first = group[0] if len(group) == 1 else None
        if first is None or self._made_by(_first_of(first), first.command) or self._conflict(first, set()):
            return await super().append(group)
        await asyncio.sleep(0)
        recorded = self._record(first)
        self._waking.wake()
        return [recorded]


class StampsByTheClock(Twin):
    """Believes the clock, also when it falls."""

    breaks = frozenset(
        {
            "a_head_keeps_time_when_the_clock_falls",
            "a_life_goes_on_after_it_was_adopted",
            "a_record_notes_the_clock_where_it_differs",
            "recorded_at_does_not_fall_over_a_reopening",
            "recorded_at_never_falls_even_when_the_clock_does",
            "stamps_do_not_fall_between_writers",
        }
    )

    def stamp_in_the_log(self) -> int:
        return 0


class HidesItsClock(Twin):
    """Stamps rightly, but does not note that the decision saw another time."""

    breaks = frozenset(
        {
            "a_record_notes_the_clock_where_it_differs",
        }
    )

    def _record(self, command: Append) -> Recorded:
        return super()._record(
            Append(command.command, command.digest, max(command.now, self._last_stamp), command.steps)
        )


class StampsEachTransition(Twin):
    """Reads its clock anew for each transition of a command."""

    breaks = frozenset(
        {
            "a_repeat_over_several_entities_brings_all_of_it",
            "an_append_that_is_given_up_is_whole_or_not_at_all",
            "one_command_has_one_time",
        }
    )

    def _record(self, command: Append) -> Recorded:
        made = []
        for number, step in enumerate(command.steps):
            now = command.now + number
            made += super()._record(Append(command.command, command.digest, now, [step])).records
        return Recorded(made)


class LeavesHeadsUnfilled(Twin):
    """Gives positions and times to the records and forgets the heads that it was handed."""

    breaks = frozenset(
        {
            "a_head_keeps_time_when_the_clock_falls",
            "the_heads_given_are_filled_in",
        }
    )

    def _record(self, command: Append) -> Recorded:
        given = [msgspec.structs.replace(step.after) for step in command.steps]
        recorded = super()._record(command)
        for step, head in zip(command.steps, given, strict=True):
            step.after = head
        return recorded


class StumblesOverNothing(Twin):
    """Takes for granted that a group has a first command."""

    breaks = frozenset(
        {
            "an_empty_group_is_nothing",
        }
    )

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        assert _first_of(group[0])
        return await super().append(group)


def _first_of(command: Append) -> Ref:
    return Ref(command.steps[0].record.type, command.steps[0].record.entity)
