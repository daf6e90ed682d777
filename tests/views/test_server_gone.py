"""A database server that is away for a while: who asks is told so, and everything goes on when it is back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from statewright.catalog import Catalog
from statewright.consolidators import opened
from statewright.http.problems import problem_of
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Ref
from statewright.views import Views
from statewright_ui.shell.errors import trouble_of
from tests.consolidators.histories import VIEWS, Chronicle, running
from tests.postgresql import Server

DOOR = {"id": "door", "initial": "shut", "states": {"shut": {"on": {"OPEN": "open"}}, "open": {"type": "final"}}}


async def test_views_go_on_after_their_server_was_killed_and_nothing_counts_twice(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("statewright.consolidators.runner._RETRY_S", 0.1)
    engine, store = opened(postgresql.schema()), MemoryStore()
    views, chronicle = Views(engine), Chronicle(store)
    async with running(store, engine, batch=20):
        for attempt in range(3):
            for number in range(200):
                chronicle.add(Ref("order", str(number % 30)), ("open",) if number % 3 else ("closed",))
            await chronicle.write()
            if attempt < 2:
                assert await views.wait_for("flow", str(attempt * 200 + 20), 60)  # in the midst of it
                postgresql.stop()
                with pytest.raises(DBAPIError) as away:
                    views.counts("order")
                assert problem_of(away.value).status == 503
                assert trouble_of(away.value).status == 503
                postgresql.start()
        for name in VIEWS:
            assert await views.wait_for(name, "600", 60)

    assert {standing.transitions for standing in views.standing()} == {600}
    assert views.counts("order").total == 30
    assert sum(arrow.count for arrow in views.flow("order").transitions) == 600
    assert [standing.parked for standing in views.standing()] == [[]] * len(VIEWS)
    views.close()


def test_the_catalogue_goes_on_after_its_server_was_killed(postgresql: Server):
    catalog = Catalog.open(postgresql.schema())
    catalog.register(json.dumps(DOOR).encode(), activate=True)
    postgresql.stop()
    with pytest.raises(DBAPIError) as away:
        catalog.refresh()
    assert problem_of(away.value).status == 503
    postgresql.start()

    again(catalog.refresh)
    assert catalog.active("door") is not None
    assert again(catalog.types)[0].active == 1
    catalog.close()


def again(ask: Callable[[], Any]) -> Any:
    """Its answer, as soon as there is one: the server may still be recovering."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask()
        except DBAPIError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
