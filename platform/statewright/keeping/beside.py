"""Seals kept up beside the consolidators, in their process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from statewright.keeping.keys import BadKey, SealKey
from statewright.keeping.sealing import Sealing
from statewright.keeping.seals import SealsDamaged, SealsInUse, SealWriter
from statewright.settings import Settings
from statewright.stores.words import EventStore

_log = logging.getLogger("statewright.keeping")


@asynccontextmanager
async def seals_kept(settings: Settings, store: EventStore) -> AsyncGenerator[None, None]:
    """Seal the log in `store` until the block is left, and once more then.

    What keeps it from being sealed (a folder that cannot be written, say) is said in the server's log and stops nothing
    else: `verify --require-seals` finds it.
    """
    try:
        writer = SealWriter(settings.seals_folder, store.log_id, key_of(settings))
    except (BadKey, SealsDamaged, SealsInUse, OSError) as error:
        _log.critical("the log is not sealed: %s", error)
        yield
        return
    sealing = Sealing(store, writer)
    task = asyncio.create_task(sealing.run(), name="seals")
    try:
        yield
    finally:
        sealing.stop()
        await task


def key_of(settings: Settings) -> SealKey:
    """The key that the settings give, else the one in the data folder, made at first use. Raises BadKey."""
    return SealKey.read(settings.seal_key) if settings.seal_key else SealKey.made_at(settings.seal_key_file)
