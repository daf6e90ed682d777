"""Stores that cannot be read from end to end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from statewright.machine.record import Head, Record
from statewright.stores.words import (
    START,
    Append,
    Batch,
    Outcome,
    Place,
    Recorded,
    Ref,
)
from tests.testkit.broken.twin import Twin


class KeepsHeadsAsGiven(Twin):
    """Takes the committer's word for the head instead of what the log adds up to, and the word lacks a field."""

    breaks = frozenset(
        {
            "a_head_equals_the_fold_of_its_records",
            "a_life_goes_on_after_it_was_adopted",
            "a_stale_writer_is_told_so_and_leaves_no_trace",
            "of_two_on_the_same_head_in_one_group_the_first_wins",
            "the_heads_given_are_filled_in",
            "what_another_log_recorded_is_adopted_as_it_stands",
            "what_was_adopted_is_there_after_reopening",
            "who_was_overtaken_is_told_so",
        }
    )

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        return [head and msgspec.structs.replace(head, since_version=1) for head in await super().heads(refs)]


class ForgetsTheCommandsOfHeads(Twin):
    """Hands out heads that remember no commands beyond the first few."""

    breaks = frozenset(
        {
            "a_head_equals_the_fold_of_its_records",
            "a_head_remembers_the_first_commands_and_no_more",
            "what_another_log_recorded_is_adopted_as_it_stands",
        }
    )

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        return [
            head and msgspec.structs.replace(head, commands=head.commands[:16]) for head in await super().heads(refs)
        ]


class SortsHeads(Twin):
    """Gives heads in the order of their names, not in the order asked."""

    breaks = frozenset(
        {
            "heads_come_in_the_order_asked",
            "many_heads_are_given_at_once",
        }
    )

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        return await super().heads(sorted(refs))


class TakesFewHeads(Twin):
    """Has a limit of a thousand on what can be asked at once."""

    breaks = frozenset(
        {
            "many_heads_are_given_at_once",
        }
    )

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        return await super().heads(refs[:1_000])


class BeginsAtOne(Twin):
    """Has a reader of the empty log wait at a place that the first transition will not be after."""

    breaks = frozenset(
        {
            "an_empty_log_says_so",
        }
    )

    async def read(self, after: Place, limit: int) -> Batch:
        batch = await super().read(after, limit)
        return batch if self._log else Batch([], "1")


class ChangesItsId(Twin):
    """Makes up a new id when asked again."""

    breaks = frozenset(
        {
            "a_log_has_an_id_that_stays",
        }
    )

    @property
    def log_id(self) -> str:
        return f"{super().log_id}-{len(self._log)}"


class CountsFromTheEnd(Twin):
    """Numbers the transitions of a page from its last one."""

    breaks = frozenset(
        {
            "a_life_goes_on_after_it_was_adopted",
            "a_record_is_read_back_byte_for_byte",
            "appends_at_the_same_time_all_come_through",
            "positions_rise_in_the_order_of_recording",
            "racing_from_both_sides_leaves_one_history",
            "readers_never_see_a_position_below_one_they_saw",
            "reading_in_pages_of_any_size_gives_the_whole_log",
            "recording_goes_on_where_it_stopped",
            "what_another_log_recorded_is_adopted_as_it_stands",
        }
    )

    async def read(self, after: Place, limit: int) -> Batch:
        batch = await super().read(after, limit)
        for number, line in enumerate(reversed(batch.records), 1):
            line.position = number
        return batch


class LeavesGaps(Twin):
    """Skips every third version when it is read back."""

    breaks = frozenset(
        {
            "a_head_equals_the_fold_of_its_records",
            "a_life_goes_on_after_it_was_adopted",
            "a_repeat_is_a_repeat_after_reopening",
            "an_entity_is_read_from_any_version_on",
            "early_and_late_commands_are_found_alike",
            "later_commands_of_a_group_build_on_earlier_ones",
            "racing_from_both_sides_leaves_one_history",
            "recording_goes_on_where_it_stopped",
            "versions_of_an_entity_have_no_gap",
            "what_another_log_recorded_is_adopted_as_it_stands",
        }
    )

    async def read_entity(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        lines = await super().read_entity(ref, after_version, limit)
        return [line for line in lines if line.version % 3]


class ReadsNewestFirst(Twin):
    """Gives an entity's history from its end."""

    breaks = frozenset(
        {
            "a_head_equals_the_fold_of_its_records",
            "a_life_goes_on_after_it_was_adopted",
            "a_repeat_is_a_repeat_after_reopening",
            "absent_and_null_stay_apart",
            "an_entity_is_read_from_any_version_on",
            "early_and_late_commands_are_found_alike",
            "later_commands_of_a_group_build_on_earlier_ones",
            "racing_from_both_sides_leaves_one_history",
            "recording_goes_on_where_it_stopped",
            "versions_of_an_entity_have_no_gap",
            "what_a_record_leaves_out_stays_out",
            "what_another_log_recorded_is_adopted_as_it_stands",
            "what_was_adopted_is_there_after_reopening",
            "who_was_overtaken_is_told_so",
        }
    )

    async def read_entity(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        return list(reversed(await super().read_entity(ref, after_version, limit)))


class ReadsTheEdgeTwice(Twin):
    """Begins a page with the last transition of the one before."""

    breaks = frozenset(
        {
            "a_command_of_the_largest_size_goes_in_whole",
            "readers_never_see_a_position_below_one_they_saw",
            "reading_in_pages_of_any_size_gives_the_whole_log",
        }
    )

    async def read(self, after: Place, limit: int) -> Batch:
        batch = await super().read(after, limit)
        return await super().read(str(int(after) - 1), limit) if batch.records and int(after) > 2 else batch


class SkipsAtTheEdge(Twin):
    """Says it has read one further than it has, when a page is full."""

    breaks = frozenset(
        {
            "a_batch_ends_where_its_place_says",
            "a_command_of_the_largest_size_goes_in_whole",
            "readers_never_see_a_position_below_one_they_saw",
            "reading_in_pages_of_any_size_gives_the_whole_log",
        }
    )

    async def read(self, after: Place, limit: int) -> Batch:
        batch = await super().read(after, limit)
        return Batch(batch.records, str(int(batch.place) + 1)) if len(batch.records) == limit else batch


class ReadsMoreThanAsked(Twin):
    """Knows no limit."""

    breaks = frozenset(
        {
            "a_batch_ends_where_its_place_says",
            "a_command_of_the_largest_size_goes_in_whole",
            "reading_in_pages_of_any_size_gives_the_whole_log",
        }
    )

    async def read(self, after: Place, limit: int) -> Batch:
        return await super().read(after, 1_000_000)


class RestartsAtTheEnd(Twin):
    """Answers a reader at the end of the log with its start, place and all."""

    breaks = frozenset(
        {
            "a_batch_ends_where_its_place_says",
            "readers_never_see_a_position_below_one_they_saw",
            "what_comes_later_stands_after_the_end",
        }
    )

    async def read(self, after: Place, limit: int) -> Batch:
        batch = await super().read(after, limit)
        return batch if batch.records else Batch([], START)


class ComparesText(Twin):
    """Compares places as text, so that 10 comes before 9."""

    breaks = frozenset(
        {
            "a_command_of_the_largest_size_goes_in_whole",
            "places_compare_as_they_follow",
            "reading_in_pages_of_any_size_gives_the_whole_log",
        }
    )

    def compare_places(self, one: Place, other: Place) -> int:
        super().compare_places(one, other)
        return (one > other) - (one < other)


class TakesAnyPlace(Twin):
    """Begins at the start when it does not understand where to begin."""

    breaks = frozenset(
        {
            "what_is_no_place_is_refused",
        }
    )

    async def read(self, after: Place, limit: int) -> Batch:
        try:
            return await super().read(after, limit)
        except ValueError:
            return await super().read(START, limit)


class ShowsPositionsLate(Twin):
    """Hands out positions before they can be seen, so that a lower one may appear after a higher one."""

    breaks = frozenset({"readers_never_see_a_position_below_one_they_saw"})

    def __init__(self) -> None:
        super().__init__()
        self._unseen: set[int] = set()

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        outcomes = await super().append(group)
        mine = {line.position for one in outcomes if isinstance(one, Recorded) for line in one.records}
        self._unseen |= mine
        for _ in range(max(mine, default=0) % 4):
            await asyncio.sleep(0)
        self._unseen -= mine
        return outcomes

    async def read(self, after: Place, limit: int) -> Batch:
        batch = await super().read(after, limit)
        return Batch([line for line in batch.records if line.position not in self._unseen], batch.place)
