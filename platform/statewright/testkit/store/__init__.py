"""What an EventStore promises, in code: one promise per function, and a runner for whoever writes a store of his own.

All that a test of a new store needs, here with pytest:

    STORES = Stores(empty=open_a_new_log, reopen=open_it_again, second_writer=open_it_once_more)

    @pytest.mark.parametrize("promise", promises_for(STORES), ids=name_of)
    async def test_the_store_keeps_its_promise(promise):
        await keep(promise, STORES)

Without pytest: `assert not await broken_promises(STORES)`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from statewright.stores.words import EventStore
from statewright.testkit.store.conflicts import PROMISES as CONFLICTS
from statewright.testkit.store.durability import PROMISES as DURABILITY
from statewright.testkit.store.keeping import PROMISES as KEEPING
from statewright.testkit.store.moving import PROMISES as MOVING
from statewright.testkit.store.order import PROMISES as ORDER
from statewright.testkit.store.repeats import PROMISES as REPEATS
from statewright.testkit.store.sharing import PROMISES as SHARING
from statewright.testkit.store.waiting import PROMISES as WAITING

PATIENCE_S = 60.0
"""How long one promise may take before the store counts as hung."""

Opening = Callable[[], Awaitable[EventStore]]
OpeningAgain = Callable[[EventStore], Awaitable[EventStore]]


class Stores(NamedTuple):
    """How to come by the stores under test.

    `empty` opens a log with nothing in it, a new one at each call. `reopen` closes a store as its process would and
    opens the same log again; leave it out for a store that dies with its process. `second_writer` opens the log of a
    store once more, beside it, as another process would; leave it out where only one process can write.
    """

    empty: Opening
    reopen: OpeningAgain | None = None
    second_writer: OpeningAgain | None = None


class Promise(NamedTuple):
    """One promise: its name is the sentence, `check` raises AssertionError where a store breaks it."""

    name: str
    check: Callable[[Stores], Awaitable[None]]


def promises_for(stores: Stores) -> Sequence[Promise]:
    """The promises that can be asked of these stores."""
    durable = DURABLE_PROMISES if stores.reopen else ()
    shared = SHARED_PROMISES if stores.second_writer else ()
    return [*PROMISES, *durable, *shared]


def name_of(promise: Promise) -> str:
    """The promise in words, for test ids."""
    return promise.name


async def keep(promise: Promise, stores: Stores) -> None:
    """Hold one promise against an empty store. Raises AssertionError, or what the store raised, when it is broken."""
    async with asyncio.timeout(PATIENCE_S):
        await promise.check(stores)


async def broken_promises(stores: Stores) -> dict[str, Exception]:
    """The promises that do not hold, by name, each with what went wrong; empty when the store can be trusted."""
    broken: dict[str, Exception] = {}
    for promise in promises_for(stores):
        try:
            await keep(promise, stores)
        except Exception as error:
            broken[promise.name] = error
    return broken


def _for_any(check: Callable[[EventStore], Awaitable[None]]) -> Promise:
    async def on_an_empty_store(stores: Stores) -> None:
        async with AsyncExitStack() as closing:
            store = await stores.empty()
            closing.push_async_callback(store.close)
            await check(store)

    return Promise(_sentence(check), on_an_empty_store)


def _for_durable(check: Callable[[EventStore, OpeningAgain], Awaitable[None]]) -> Promise:
    async def on_a_store_that_is_opened_again(stores: Stores) -> None:
        assert stores.reopen, "give `reopen` to ask what only a durable store can promise"
        async with AsyncExitStack() as closing:
            store = await stores.empty()
            closing.push_async_callback(store.close)  # closing what is closed already does no harm
            reopen = stores.reopen

            async def reopened(last: EventStore) -> EventStore:
                again = await reopen(last)
                closing.push_async_callback(again.close)
                return again

            await check(store, reopened)

    return Promise(_sentence(check), on_a_store_that_is_opened_again)


def _for_shared(check: Callable[[EventStore, EventStore], Awaitable[None]]) -> Promise:
    async def on_two_writers_of_one_log(stores: Stores) -> None:
        assert stores.second_writer, "give `second_writer` to ask what only a shared log can promise"
        async with AsyncExitStack() as closing:
            store = await stores.empty()
            closing.push_async_callback(store.close)
            other = await stores.second_writer(store)
            closing.push_async_callback(other.close)
            await check(store, other)

    return Promise(_sentence(check), on_two_writers_of_one_log)


def _sentence(check: object) -> str:
    return str(getattr(check, "__name__", check))


PROMISES = tuple(_for_any(check) for check in (*KEEPING, *ORDER, *CONFLICTS, *REPEATS, *WAITING, *MOVING))
DURABLE_PROMISES = tuple(_for_durable(check) for check in DURABILITY)
SHARED_PROMISES = tuple(_for_shared(check) for check in SHARING)
