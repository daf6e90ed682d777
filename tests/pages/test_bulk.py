"""Sending an event to many, by plain forms: who is meant, what it carries, a preview, and what became of each."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.pages.conftest import Site


@pytest.fixture
async def orders(site: Site) -> Site:
    """Three orders that await their payment, and one still in its basket."""
    for number in range(3):
        await site.order(f"o-{number}")
    await site.send("basket", None, customer="C-1", total=5)
    await site.consolidate()
    return site


@asynccontextmanager
async def carrying_out(site: Site) -> AsyncIterator[None]:
    running = asyncio.create_task(site.bulk.run())
    try:
        yield
    finally:
        site.bulk.stop()
        await running


async def until(site: Site, path: str, says: str) -> str:
    async with asyncio.timeout(60):
        while says not in (text := (await site.page(path)).text):  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)
    return text


async def preview(site: Site, **form: str | list[str]) -> httpx.Response:
    return await site.client.post("/bulk/new", data={"do": "preview", "unmoved": "true", **form})


async def test_the_form_tells_how_many_are_where_an_event_may_happen(orders: Site) -> None:
    page = (await orders.page("/bulk/new?q=type:order&event=CHANGE_ADDRESS")).text

    assert "4 entities" in page
    assert re.search(r'<option value="CANCEL"[^>]*>CANCEL \(4 are where it may happen\)', page)
    assert 'name="f.address"' in page
    assert 'value="preview"' in page


async def test_an_event_is_tried_on_all_that_fit_and_sent_when_told(orders: Site) -> None:
    site = orders
    asked = await preview(
        site,
        q="type:order",
        event="CHANGE_ADDRESS",
        **{"f.address": "Am Wall 1, Bremen"},
        actor="anna",
        role="customer",
    )
    path = asked.headers["location"]
    async with carrying_out(site):
        ready = await until(site, path, "Nothing is sent yet")
        before = await site.needs.store.latest_place()
        told = await site.client.post(path, data={"do": "send"})
        done = await until(site, path, "<b>Sent</b>")

    assert (asked.status_code, told.status_code) == (303, 303)
    assert "3 entities of 4 would accept it" in ready
    assert before != await site.needs.store.latest_place()
    assert re.search(r"accepted it", done)
    assert html.escape("Am Wall 1, Bremen") in (await site.page("/entities/order/o-0")).text


async def test_rows_chosen_in_the_list_are_those_who_are_meant(orders: Site) -> None:
    chosen = {"do": "choose", "q": "type:order", "entity": ["order/o-1", "order/o-2"]}
    form = await orders.client.post("/bulk/new", data=chosen)
    asked = await preview(orders, event="CANCEL", entity=["order/o-1", "order/o-2"])
    async with carrying_out(orders):
        ready = await until(orders, asked.headers["location"], "Nothing is sent yet")

    assert "2 entities" in form.text
    assert form.text.count('name="entity" value="order/o-') == 2
    assert set(re.findall(r'<a class="whole mono"[^>]*><bdi>([^<]*)', ready)) == {"o-1", "o-2"}


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"do": "choose", "q": ""}, 422, "No row was chosen"),
        ({"do": "choose", "entity": ["order/1", "ticket/1"]}, 200, "of several types"),
        ({"do": "event", "q": "state:basket"}, 200, "narrow the list to a type"),
        ({"do": "event", "q": "nothing:1"}, 200, "there is no field"),
        ({"do": "event", "q": "type:nothing"}, 200, "no active definition"),
        ({"do": "preview", "q": "type:order", "event": "PAY", "f.amount": "x"}, 422, "write a whole number"),
    ],
)
async def test_what_cannot_be_sent_yet_is_told(site: Site, form: dict[str, str], status: int, says: str) -> None:
    answer = await site.client.post("/bulk/new", data=form)

    assert answer.status_code == status
    assert says in answer.text
    assert site.needs.catalog.bulk_events.all() == []


async def test_nothing_is_asked_for_by_a_page_of_another_site(site: Site) -> None:
    form = {"do": "preview", "q": "type:order", "event": "CANCEL"}
    answer = await site.client.post("/bulk/new", data=form, headers={"Sec-Fetch-Site": "cross-site"})

    assert (answer.status_code, site.needs.catalog.bulk_events.all()) == (403, [])


async def test_a_bulk_event_is_found_again_and_can_be_cancelled(orders: Site) -> None:
    empty = (await orders.page("/bulk")).text
    asked = await preview(orders, q="type:order", event="CANCEL")
    path = asked.headers["location"]
    working = (await orders.page(path)).text
    await orders.client.post(path, data={"do": "cancel"})
    listed = (await orders.page("/bulk")).text

    assert "None yet" in empty
    assert 'hx-trigger="every 1s"' in working
    assert "nothing was sent" in (await orders.page(path)).text
    assert "cancelled" in listed
    assert (await orders.page("/bulk/999999999999999999999")).status_code == 404
