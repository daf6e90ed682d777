"""A log as its bytes lie in the store: as the store shows them, or else encoded anew from what it reads."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from statewright.machine.record import Record
from statewright.stores.words import Bares, EventStore, Place, Stored

_encode = msgspec.json.Encoder().encode


def text_of(record: Record) -> bytes:
    """A record as it is stored: without its place and its time, which stand beside it."""
    return _encode(replace(record, position=0, partition=0, recorded_at=0))


async def bare(store: EventStore, after: Place, limit: int) -> tuple[Sequence[Stored], Place]:
    """The next transitions after a place as they lie there, and the place after them; unchanged at the end.

    Raises LogDamaged where the store shows nothing but records and cannot read one.
    """
    if isinstance(store, Bares):
        return await store.stored(after, limit)
    batch = await store.read(after, limit)
    found = [Stored(one.partition, one.position, one.recorded_at, text_of(one)) for one in batch.records]
    return found, batch.place


async def faults_of(store: EventStore) -> Sequence[str]:
    """What is wrong with the store's medium, as far as it can tell."""
    return await store.faults() if isinstance(store, Bares) else ()
