"""The log of Statewright in NATS JetStream: `statewright serve --store nats://HOST:4222,HOST:4222,HOST:4222/NAME`."""

from __future__ import annotations

from pathlib import Path

from statewright.stores.words import EventStore
from statewright_nats.address import Address
from statewright_nats.link import Link
from statewright_nats.servers import require_fit
from statewright_nats.spread import opened_log

__all__ = ["open_store"]


async def open_store(url: str, *, data: Path, read_only: bool = False) -> EventStore:
    """The log at `url`, its index in the folder `nats` of `data`.

    Raises StoreRefused for a cluster or a stream in which what was acknowledged could be lost, StoreUnavailable.
    """
    address = Address.of(url)
    link = await Link.connect(address.servers)
    try:
        await require_fit(link, address)
        return await opened_log(link, address, data / "nats", read_only=read_only)
    finally:
        await link.close()  # the streams hold it now
