"""Stores that give back something other than what was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from statewright.machine.record import Head, Record
from statewright.stores.words import (
    Append,
    Outcome,
    Recorded,
    Ref,
)
from tests.testkit.broken.twin import Twin


class Rewrites(Twin):
    """Changes what it writes; how, is said below it."""

    def _record(self, command: Append) -> Recorded:
        written = []
        for step in command.steps:
            written.append(step.record)
            step.record = self.rewritten(step.record)
        recorded = super()._record(command)
        for step, line in zip(command.steps, written, strict=True):
            line.position, line.recorded_at, line.now = step.record.position, step.record.recorded_at, step.record.now
            step.record = line
        return Recorded([step.record for step in command.steps]) if recorded else recorded

    def rewritten(self, record: Record) -> Record:
        raise NotImplementedError


def _everywhere(value: Any, change: Any) -> Any:
    """`value` with `change` made to everything in it that is not a list or an object."""
    if isinstance(value, dict):
        return {change(key): _everywhere(one, change) for key, one in value.items()}
    return [_everywhere(one, change) for one in value] if isinstance(value, list) else change(value)


class DropsNulls(Rewrites):
    """Takes a field that is null for a field that is not there."""

    breaks = frozenset(
        {
            "a_record_is_read_back_byte_for_byte",
            "absent_and_null_stay_apart",
        }
    )

    def rewritten(self, record: Record) -> Record:
        kept = {name: value for name, value in record.changes.items() if value is not None}
        return msgspec.structs.replace(record, changes=kept)


class DropsWhatIsEmpty(Rewrites):
    """Takes an empty text for none, and the start of 1970 for no time."""

    breaks = frozenset(
        {
            "what_a_record_leaves_out_stays_out",
        }
    )

    def rewritten(self, record: Record) -> Record:
        some = {name: getattr(record, name) or None for name in ("event", "occurred_at", "correlation")}
        return msgspec.structs.replace(record, **some)


class UnsealsWhatIsPersonal(Rewrites):
    """Writes personal values among all the others."""

    breaks = frozenset(
        {
            "a_record_is_read_back_byte_for_byte",
            "personal_values_stay_apart_from_the_rest",
        }
    )

    def rewritten(self, record: Record) -> Record:
        changes = {**record.changes, **record.sealed.get("changes", {})}
        payload = {**record.payload, **record.sealed.get("payload", {})}
        return msgspec.structs.replace(record, changes=changes, payload=payload, sealed={})


class CountsInFloats(Rewrites):
    """Has one kind of number, as JavaScript does."""

    breaks = frozenset(
        {
            "any_number_is_kept_as_it_is",
        }
    )

    def rewritten(self, record: Record) -> Record:
        return msgspec.structs.replace(record, changes=_everywhere(record.changes, self._rounded))

    @staticmethod
    def _rounded(value: Any) -> Any:
        return int(float(value)) if isinstance(value, int) and not isinstance(value, bool) else value


class WritesLatin(Rewrites):
    """Knows the letters of western Europe and no others."""

    breaks = frozenset(
        {
            "any_text_is_kept_as_it_is",
        }
    )

    def rewritten(self, record: Record) -> Record:
        return msgspec.structs.replace(record, changes=_everywhere(record.changes, self._latin))

    @staticmethod
    def _latin(value: Any) -> Any:
        return value.encode("latin-1", "replace").decode("latin-1") if isinstance(value, str) else value


class CutsWhatIsLong(Rewrites):
    """Has columns of 100,000 characters."""

    breaks = frozenset(
        {
            "a_large_record_is_kept_whole",
        }
    )

    def rewritten(self, record: Record) -> Record:
        return msgspec.structs.replace(record, payload=_everywhere(record.payload, self._cut))

    @staticmethod
    def _cut(value: Any) -> Any:
        return value[:100_000] if isinstance(value, str) else value


class IsShallow(Rewrites):
    """Gives up on lists in lists after fifty."""

    breaks = frozenset(
        {
            "deep_values_are_kept",
        }
    )

    def rewritten(self, record: Record) -> Record:
        changes = {name: self._cut(value, 50) for name, value in record.changes.items()}
        return msgspec.structs.replace(record, changes=changes)

    def _cut(self, value: Any, left: int) -> Any:
        if isinstance(value, list):
            return [self._cut(one, left - 1) for one in value] if left else None
        return value


class FoldsCase(Twin):
    """Cannot tell `A` from `a` in the name of an entity."""

    breaks = frozenset(
        {
            "names_that_look_alike_are_different_entities",
        }
    )

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        for command in group:
            for step in command.steps:
                step.record.entity = step.record.entity.lower()
        return await super().append(group)

    def _head(self, ref: Ref) -> Head | None:
        return super()._head(Ref(ref.type, ref.id.lower()))


class SharesItsRecords(Twin):
    """Keeps the caller's own objects, so that whoever changes them changes the past."""

    breaks = frozenset(
        {
            "what_was_given_can_be_changed_without_harm",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[int, Record] = {}

    def _record(self, command: Append) -> Recorded:
        recorded = super()._record(command)
        self._kept.update({line.position: line for line in recorded.records})
        return recorded

    async def read_entity(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        lines = await super().read_entity(ref, after_version, limit)
        return [self._kept.get(line.position, line) for line in lines]
