"""Related entities on one time axis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from statewright.consolidators import Runner
from statewright.machine.definition import Relation
from tests.pages.conftest import HOUSE, Site

PARCEL = b"""{"id": "parcel", "label": "Parcel", "initial": "packed", "keep": "*",
 "relations": {"order": {"entity": "order", "key": "order_id"}},
 "states": {"packed": {"on": {"SEND": "sent"}}, "sent": {"type": "final", "tags": ["success"]}}}"""


class Declared:
    """What the definitions of these tests say."""

    def relations(self, type: str, revision: int) -> dict[str, Relation]:
        return {"order": Relation(entity="order", key="order_id")} if type == "parcel" else {}


@pytest.fixture
async def parcels(bare: Site, tmp_path: Any) -> AsyncIterator[Site]:
    """Pages with `order` and `parcel`, consolidators that know their relations, and two parcels of an order."""
    bare.needs.catalog.register((HOUSE / "definitions" / "order.json").read_bytes(), activate=True)
    bare.needs.catalog.register(PARCEL, activate=True)
    runner = Runner(bare.needs.store, bare.runner._views, definitions=Declared())
    bare.committer._recorded = runner.waker.ring
    running = asyncio.create_task(runner.run())
    await bare.order("42")
    for parcel, order in (("p-1", "42"), ("p-2", "42"), ("p-3", "77")):
        await bare.send(parcel, None, "parcel", order_id=order)
    await bare.send("p-1", "SEND", "parcel")
    await bare.consolidate()
    yield bare
    runner.stop()
    await running


async def test_whoever_names_an_entity_has_a_lane_beside_it(parcels: Site) -> None:
    answer = await parcels.page("/entities/order/42/related")

    assert answer.status_code == 200
    assert answer.text.count('<li class="lane">') == 3
    assert "names it as <bdi>order</bdi>" in answer.text
    assert 'href="/entities/parcel/p-1"' in answer.text
    assert 'title="Sent, ' in answer.text


async def test_an_entity_that_is_named_and_not_there_is_shown_as_open(parcels: Site) -> None:
    answer = await parcels.page("/entities/parcel/p-3/related")

    assert "not there yet" in answer.text
    assert 'href="/entities/order/77"' in answer.text


async def test_one_that_does_not_exist_but_is_named_has_a_page_too(parcels: Site) -> None:
    answer = await parcels.page("/entities/order/77/related")

    assert answer.status_code == 200
    assert 'href="/entities/parcel/p-3"' in answer.text


async def test_what_neither_exists_nor_is_named_is_not_found(parcels: Site) -> None:
    assert (await parcels.page("/entities/order/nobody/related")).status_code == 404
    assert (await parcels.page("/entities/order/42/related?after=x")).status_code == 404


async def test_without_relations_the_page_says_how_to_get_them(site: Site) -> None:
    await site.order()
    await site.consolidate()

    assert "No related entities" in (await site.page("/entities/order/42/related")).text


async def test_while_the_view_is_built_the_entity_itself_is_shown(bare: Site) -> None:
    bare.needs.catalog.register(PARCEL, activate=True)
    await bare.send("p-1", None, "parcel", order_id="42")

    answer = await bare.page("/entities/parcel/p-1/related")

    assert answer.status_code == 200
    assert "being built for the first time" in answer.text
