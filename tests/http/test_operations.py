from __future__ import annotations

import asyncio

import pytest

from statewright.stores.memory import MemoryStore
from statewright.stores.words import StoreUnavailable

from .conftest import Server


async def test_consolidators_say_how_far_they_are(consolidated: Server) -> None:
    await consolidated.send("light", "a", "NEXT")
    await consolidated.get("/views/counts?type=light&min_place=1&wait=30")
    await consolidated.get("/views/stays?type=light&min_place=1&wait=30")
    await consolidated.get("/views/flow?type=light&min_place=1&wait=30")
    found = (await consolidated.get("/consolidators")).json()["items"]

    assert [each["name"] for each in found] == ["deadlines", "entities", "flow", "relations", "stays", "variants"]
    assert all((each["place"], each["lag"], each["lag_s"], each["parked"]) == ("1", 0, 0.0, []) for each in found)


async def test_a_rebuild_can_be_asked_for(consolidated: Server) -> None:
    await consolidated.send("light", "a", "NEXT")
    await consolidated.get("/views/stays?type=light&min_place=1&wait=30")
    asked = await consolidated.post("/consolidators/stays/rebuild")

    assert (asked.status_code, asked.json()) == (202, {"name": "stays"})


async def test_nothing_but_a_consolidator_can_be_rebuilt(consolidated: Server) -> None:
    await consolidated.send("light", "a", "NEXT")
    await consolidated.get("/views/stays?type=light&min_place=1&wait=30")
    answer = await consolidated.post("/consolidators/stay/rebuild")

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not_found")
    assert "stays" in answer.json()["detail"]


async def test_a_server_that_can_take_commands_is_ready(server: Server) -> None:
    assert (await server.client.get("/health/live")).json() == {"status": "live"}
    assert (await server.client.get("/health/ready")).json() == {"status": "ready"}


async def test_a_server_whose_log_cannot_be_read_lives_but_is_not_ready(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(self: MemoryStore) -> str:
        raise StoreUnavailable("the disk is away")

    monkeypatch.setattr(MemoryStore, "latest_place", away)

    assert (await server.client.get("/health/live")).status_code == 200
    ready = await server.client.get("/health/ready")
    assert (ready.status_code, ready.json()["type"]) == (503, "/problems/store_unavailable")
    assert ready.headers["Retry-After"] == "1"


async def test_metrics_are_text_for_prometheus(consolidated: Server) -> None:
    await consolidated.send("light", "a", "NEXT")
    await asyncio.gather(
        *(consolidated.get(f"/views/{view}?type=light&min_place=1&wait=30") for view in ("counts", "stays", "flow"))
    )
    answer = await consolidated.client.get("/metrics")

    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert "statewright_log_position 1.0" in lines
    assert "statewright_queue_waiting 0.0" in lines
    assert 'statewright_consolidator_lag_transitions{name="stays"} 0.0' in lines
    assert any(line.startswith("statewright_process_resident_memory_bytes ") for line in lines)


async def test_a_page_of_another_site_cannot_have_a_browser_rebuild_or_activate(consolidated: Server) -> None:
    for path in ("/consolidators/stays/rebuild", "/definitions/light/revisions/1/retire"):
        answer = await consolidated.post(path, sec_fetch_site="cross-site")
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")
