"""Stores that change what they adopt, or take over what does not belong."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from statewright.machine.record import Record
from statewright.stores.waking import Waking
from statewright.stores.words import CannotAdopt, Ref
from tests.testkit.broken.twin import Twin


class StampsAnew(Twin):
    """Gives what it adopts the time of its adoption."""

    breaks = frozenset(
        {
            "a_life_goes_on_after_it_was_adopted",
            "a_log_is_adopted_piece_by_piece",
            "an_adopted_command_is_a_repeat",
            "what_another_log_recorded_is_adopted_as_it_stands",
            "what_was_adopted_is_there_after_reopening",
            "what_does_not_follow_is_not_adopted",
        }
    )

    async def adopt(self, records: Sequence[Record]) -> None:
        stamp = 1_800_000_000_000_000
        await super().adopt([replace(record, recorded_at=stamp) for record in records])


class AdoptsOnce(Twin):
    """Takes over a log into an empty one alone."""

    breaks = frozenset(
        {
            "a_log_is_adopted_piece_by_piece",
            "an_adoption_wakes_who_waits",
            "what_does_not_follow_is_not_adopted",
        }
    )

    async def adopt(self, records: Sequence[Record]) -> None:
        if records and self._log:
            raise CannotAdopt(records[-1], "something stands here already")
        await super().adopt(records)


class WritesIntoWhatItIsHanded(Twin):
    """Gives its positions to the records of whoever handed them over."""

    breaks = frozenset({"what_is_adopted_is_left_as_it_was"})

    async def adopt(self, records: Sequence[Record]) -> None:
        await super().adopt(records)
        for record in records:
            record.position += 1_000


class NotesThatItAdopted(Twin):
    """Notes every adoption with a record of its own, also one of nothing."""

    breaks = frozenset({"adopting_nothing_is_nothing"})

    async def adopt(self, records: Sequence[Record]) -> None:
        note = Record(type="adoption", entity="1", version=1, revision=1, kind="created", to=("done",), command="adopt")
        await super().adopt(records or [note])


class AdoptsWithoutCommands(Twin):
    """Does not remember the commands of what it adopts."""

    breaks = frozenset({"an_adopted_command_is_a_repeat"})

    async def adopt(self, records: Sequence[Record]) -> None:
        await super().adopt(records)
        for life in self._lives.values():
            life.commands.clear()


class AdoptsUpToTheFault(Twin):
    """Records what comes before the one that does not follow."""

    breaks = frozenset({"what_does_not_follow_is_not_adopted"})

    async def adopt(self, records: Sequence[Record]) -> None:
        try:
            await super().adopt(records)
        except CannotAdopt:
            await super().adopt(records[:1])
            raise


class AdoptsInSilence(Twin):
    """Wakes nobody."""

    breaks = frozenset({"an_adoption_wakes_who_waits"})

    async def adopt(self, records: Sequence[Record]) -> None:
        waking, self._waking = self._waking, Waking()
        await super().adopt(records)
        self._waking = waking


class AdoptsIntoMemory(Twin):
    """Answers before what it adopted is on the disk."""

    breaks = frozenset({"what_was_adopted_is_there_after_reopening"})

    def __init__(self) -> None:
        super().__init__()
        self._on_disk = 0

    async def adopt(self, records: Sequence[Record]) -> None:
        await super().adopt(records)
        self._on_disk = -len(records)

    def opened_again(self) -> Twin:
        again = super().opened_again()
        if self._on_disk < 0:
            again._log = self._log[: self._on_disk]
            again._lives = {}
        return again


class ForgetsWhereAdoptedLivesStand(Twin):
    """Takes the head of what it adopted from before the last transition."""

    breaks = frozenset(
        {
            "what_another_log_recorded_is_adopted_as_it_stands",
        }
    )

    async def adopt(self, records: Sequence[Record]) -> None:
        await super().adopt(records)
        life = self._lives.get(Ref("parcel", "42"))
        if life is not None and life.head.version == 2:
            life.head = replace(life.head, leaves=("state_1",), recorded_at=life.head.recorded_at - 1)
