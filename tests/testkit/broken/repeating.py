"""Stores that do not know a command when it comes again."""

from __future__ import annotations

import msgspec

from statewright.machine.record import Record
from statewright.stores.words import (
    Append,
    Conflict,
    Ref,
)
from tests.testkit.broken.twin import Twin


class ForgetsCommands(Twin):
    """Never knows that it has seen a command before."""

    breaks = frozenset(
        {
            "a_command_sent_again_is_answered_from_the_log",
            "a_command_the_other_recorded_is_a_repeat",
            "a_record_is_read_back_byte_for_byte",
            "a_repeat_in_the_same_group_is_a_repeat",
            "a_repeat_is_a_repeat_after_reopening",
            "a_repeat_over_several_entities_brings_all_of_it",
            "a_repeat_with_another_digest_brings_the_first_one",
            "an_adopted_command_is_a_repeat",
            "an_append_that_is_given_up_is_whole_or_not_at_all",
            "early_and_late_commands_are_found_alike",
            "late_commands_are_known_by_one_look",
            "the_same_id_on_another_entity_is_another_command",
        }
    )

    def _made_by(self, ref: Ref, command: str) -> list[Record]:
        return []


class ForgetsLateCommands(Twin):
    """Looks for a command among the first 64 versions alone."""

    breaks = frozenset(
        {
            "a_repeat_is_a_repeat_after_reopening",
            "an_adopted_command_is_a_repeat",
            "early_and_late_commands_are_found_alike",
            "late_commands_are_known_by_one_look",
        }
    )

    def _made_by(self, ref: Ref, command: str) -> list[Record]:
        made = super()._made_by(ref, command)
        return made if any(line.version <= 64 for line in made) else []


class TakesEarlyForLate(Twin):
    """Names commands of the first 64 versions too when it is asked for later ones."""

    breaks = frozenset(
        {
            "an_adopted_command_is_a_repeat",
            "late_commands_are_known_by_one_look",
        }
    )

    def _is_late(self, ref: Ref, command: str) -> bool:
        return bool(self._made_by(ref, command))


class FindsHalfACommand(Twin):
    """Finds what a command did to its first entity and forgets the others."""

    breaks = frozenset(
        {
            "a_repeat_over_several_entities_brings_all_of_it",
            "an_adopted_command_is_a_repeat",
            "an_append_that_is_given_up_is_whole_or_not_at_all",
        }
    )

    def _made_by(self, ref: Ref, command: str) -> list[Record]:
        return [line for line in super()._made_by(ref, command) if (line.type, line.entity) == ref]


class TakesANeighbourAlong(Twin):
    """Gives every transition of that name that stands side by side in the log, whoever's command it was."""

    breaks = frozenset(
        {
            "the_same_id_on_another_entity_is_another_command",
        }
    )

    def _made_by(self, ref: Ref, command: str) -> list[Record]:
        made = super()._made_by(ref, command)
        if made:
            made += [line for line in self._all()[made[-1].position :] if line.command == command][:1]
        return made

    def _all(self) -> list[Record]:
        return [msgspec.json.decode(line, type=Record) for line in self._log]


class GuessesCommands(Twin):
    """Finds commands by a name that is nearly right."""

    breaks = frozenset(
        {
            "an_unknown_command_made_nothing",
        }
    )

    def _made_by(self, ref: Ref, command: str) -> list[Record]:
        return super()._made_by(ref, command.strip().lower())


class RemembersRefusals(Twin):
    """Answers a command that once conflicted with that conflict for ever."""

    breaks = frozenset(
        {
            "a_command_of_the_largest_size_goes_in_whole",
            "a_command_over_several_entities_is_all_or_nothing",
            "a_refused_append_can_be_sent_again",
            "the_head_of_a_conflict_can_be_decided_on",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._refused: dict[str, Conflict] = {}

    def _conflict(self, command: Append, lost: set[Ref]) -> Conflict | None:
        conflict = self._refused.get(command.command) or super()._conflict(command, lost)
        if conflict:
            self._refused[command.command] = conflict
        return conflict
