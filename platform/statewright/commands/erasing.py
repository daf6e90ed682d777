"""Erasing an entity's personal data: a transition that takes it away, and the end of the keys it was encrypted with."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from statewright.commands.committer import Committer
from statewright.commands.words import Answer, Done, SendEvent
from statewright.machine.record import ANONYMOUS, Actor
from statewright.stores.sealing import Keys, KeysUnavailable
from statewright.stores.words import EventStore, Ref, StoreUnavailable

_AGAIN_S = 5.0
_log = logging.getLogger("statewright.erasing")


class NothingToErase(LookupError):
    """The entity has no personal data, and never had any. What is not personal stays for good."""


class EndingKeys(Keys, Protocol):
    """Keys that know of erasures under way, so that one is finished whatever ends the process in between."""

    def begin(self, ref: Ref) -> None:
        """Take note that an erasure is under way."""
        ...

    def leave(self, ref: Ref) -> None:
        """Take note that it came to nothing."""
        ...

    def begun(self) -> list[Ref]:
        """The entities whose erasure is under way, or was when a process ended."""
        ...


class Erasing:
    """Erases through the committer, so that an erasure has its place among the entity's other transitions."""

    def __init__(self, committer: Committer, store: EventStore, keys: EndingKeys) -> None:
        self._committer = committer
        self._store = store
        self._keys = keys

    async def erase(self, ref: Ref, actor: Actor = ANONYMOUS, command: str | None = None) -> Answer | None:
        """Erase what there is; None for no such entity. A second time it gives the transition that erased.

        Raises NothingToErase, StoreUnavailable, and KeysUnavailable where the transition is recorded and its keys are
        not destroyed yet: they will be, or ask again.
        """
        head = (await self._store.heads([ref]))[0]
        if head is None:
            return None
        keys = (await self._keys.of([ref]))[ref]
        if not head.personal and not keys:
            if not head.erased:
                raise NothingToErase(f"{ref.type}/{ref.id} has no personal data")
            made = await self._store.read_entity(ref, head.erased - 1, 1)
            return Done(made[0], self._committer.catalog.machine_of(ref.type, made[0].revision), replayed=True)
        await asyncio.to_thread(self._keys.begin, ref)
        answer = await self._committer.send(SendEvent(ref, None, command=command, actor=actor, erase=True))
        if isinstance(answer, Done):
            await self._keys.destroy(ref, answer.record.version)
        return answer

    async def finish(self) -> None:
        """Finish the erasures that an end of the process cut short; tried until it has been done."""
        while True:
            try:
                for ref in await asyncio.to_thread(self._keys.begun):
                    head = (await self._store.heads([ref]))[0]
                    if head is not None and head.erased:
                        await self._keys.destroy(ref, head.erased)
                    await asyncio.to_thread(self._keys.leave, ref)
                return
            except (KeysUnavailable, StoreUnavailable) as error:
                _log.warning("erasures that were cut short wait for a moment: %s", error)
                await asyncio.sleep(_AGAIN_S)
