"""A store as it should be, from which every broken one departs in one way and says which promises that breaks."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from statewright.machine.record import Record
from statewright.stores.memory import MemoryStore
from statewright.stores.words import EventStore
from statewright.testkit.store import Stores


class Twin(MemoryStore):
    """In memory, yet it can be opened again, and by two: what a disk would hold is handed from one to the next."""

    breaks: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        super().__init__(sole_writer=False)

    @property
    def _last_stamp(self) -> int:
        return self.stamp_in_the_log()

    @_last_stamp.setter
    def _last_stamp(self, stamp: int) -> None:
        """The log says it, so that it is the same for all who have it open."""

    def stamp_in_the_log(self) -> int:
        """The last one given, whoever gave it."""
        return msgspec.json.decode(self._log[-1], type=Record).recorded_at if self._log else 0

    def opened_again(self) -> Twin:
        """The log as another process would find it."""
        again = type(self)()
        for name in ("_log_id", "_log", "_lives", "_waking"):
            setattr(again, name, getattr(self, name))
        return again

    def opened_by_another(self) -> Twin:
        """The log as another process would have it open at the same time; in memory one object can be both."""
        return self


def stores_of(kind: type[Twin]) -> Stores:
    """How the testkit comes by stores of one kind."""

    async def empty() -> EventStore:
        return kind()

    async def reopen(store: EventStore) -> EventStore:
        assert isinstance(store, Twin)
        await store.close()
        return store.opened_again()

    async def second_writer(store: EventStore) -> EventStore:
        assert isinstance(store, Twin)
        return store.opened_by_another()

    return Stores(empty, reopen, second_writer)
