"""The streams of open pages: told when there is something new, and how much of it concerns them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec

from tests.pages.conftest import Site


async def next_news(stream: AsyncGenerator[bytes, None]) -> int:
    """The count in the next `moved`; comments are passed over."""
    async with asyncio.timeout(60):
        async for event in stream:
            if event.startswith(b"event: moved"):
                data = next(line for line in event.splitlines() if line.startswith(b"data: "))
                return int(msgspec.json.decode(data.removeprefix(b"data: "))["news"])
    raise AssertionError("the stream ended")


async def opened(
    site: Site, type: str | None = None, entity: str | None = None, last: str | None = None
) -> AsyncGenerator[bytes, None]:
    """A stream that has begun, since only then does it count."""
    stream = site.needs.pulse.stream(type, entity, last)
    assert (await anext(stream)).startswith(b": here")
    return stream


async def test_a_page_about_an_entity_hears_of_that_entity_alone(bare: Site, site: Site) -> None:
    await site.order("1")
    stream = await opened(site, "order", "1")

    await site.order("2")
    await site.send("1", "CHANGE_ADDRESS", address="Rue Haute 8, Namur")

    assert await next_news(stream) == 1
    await stream.aclose()


async def test_a_page_about_a_type_hears_when_the_views_have_moved(site: Site) -> None:
    stream = await opened(site, "order")

    await site.order("1")

    async with asyncio.timeout(60):
        while await next_news(stream) < 2:
            pass
    await site.consolidate()
    assert site.needs.views.counts("order").total == 1
    await stream.aclose()


async def test_a_page_that_was_away_hears_how_much_it_missed(site: Site) -> None:
    await site.order("1")
    place = await site.needs.store.latest_place()
    await site.send("1", "CHANGE_ADDRESS", address="Rue Haute 8, Namur")
    await site.send("1", "CHANGE_ADDRESS", address="Via Roma 31, Turin")

    stream = await opened(site, "order", "1", last=place)

    assert await next_news(stream) == 2
    await stream.aclose()


async def test_an_id_that_is_none_of_ours_only_makes_the_page_look_again(site: Site) -> None:
    stream = await opened(site, "order", "1", last="garbage")

    assert await next_news(stream) == 0
    await stream.aclose()


async def test_streams_end_when_the_server_is_asked_to_stop(site: Site) -> None:
    stream = await opened(site)

    site.needs.pulse.close()

    async with asyncio.timeout(60):
        assert [event async for event in stream if event.startswith(b"event")] in ([], [b""])


async def test_nothing_is_read_while_no_page_is_open(site: Site) -> None:
    stream = await opened(site)
    await stream.aclose()

    assert site.needs.pulse._following == []
