from __future__ import annotations

import asyncio
import json
from time import monotonic

import pytest

from statewright.http import live
from statewright.http.live import Broadcast
from statewright.stores.memory import MemoryStore

from .conftest import Server


async def test_the_log_comes_in_order_and_next_says_how_far_was_read(server: Server) -> None:
    for entity in "abc":
        await server.send("light", entity, "NEXT")

    first = (await server.get("/transitions?limit=2")).json()
    second = (await server.get(f"/transitions?after={first['next']}")).json()
    third = (await server.get(f"/transitions?after={second['next']}")).json()

    assert [item["entity"] for item in (*first["items"], *second["items"])] == ["a", "b", "c"]
    assert third == {"items": [], "next": "3"}


async def test_the_log_comes_as_ndjson_to_who_asks_for_it(server: Server) -> None:
    await server.send("light", "a", "NEXT")
    await server.send("light", "b", "NEXT")
    answer = await server.get("/transitions?limit=1", headers={"Accept": "application/x-ndjson"})

    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line)["entity"] for line in answer.text.splitlines()] == ["a"]
    assert answer.headers["Statewright-Place"] == "1"


@pytest.mark.parametrize("accept", ["text/html", "text/html;q=inf", "image/*"])
async def test_a_media_type_that_is_not_offered_is_406(server: Server, accept: str) -> None:
    answer = await server.get("/transitions", headers={"Accept": accept})

    assert answer.status_code == 406
    assert answer.json()["offered"] == ["application/json", "application/x-ndjson"]


async def test_one_type_is_picked_out_and_the_rest_is_read_past(server: Server) -> None:
    await server.register(
        b'{"id": "lamp", "creation": "implicit", "initial": "on", "states": {"on": {"on": {"X": "on"}}}}'
    )
    await server.send("light", "a", "NEXT")
    await server.send("lamp", "b", "X")
    await server.send("light", "c", "NEXT")

    page = (await server.get("/transitions?type=lamp")).json()

    assert [item["entity"] for item in page["items"]] == ["b"]
    assert page["next"] == "3"


async def test_a_long_poll_is_answered_as_soon_as_something_happens(server: Server) -> None:
    asking = asyncio.create_task(server.get("/transitions?wait=20"))
    await asyncio.sleep(0.05)
    await server.send("light", "a", "NEXT")

    assert len((await asking).json()["items"]) == 1


async def test_a_long_poll_ends_when_its_time_is_over(server: Server) -> None:
    began = monotonic()
    page = (await server.get("/transitions?wait=0.2")).json()

    assert page["items"] == []
    assert monotonic() - began > 0.15


async def test_a_long_poll_ends_when_the_server_stops(server: Server) -> None:
    asking = asyncio.create_task(server.get("/transitions?wait=30"))
    await asyncio.sleep(0.05)
    server.rooms.close()

    assert (await asyncio.wait_for(asking, 25)).json()["items"] == []


async def test_a_place_that_no_log_gave_is_a_bad_parameter(server: Server) -> None:
    for path in ("/transitions?after=", "/transitions/stream?after=", "/entities/light/1?place="):
        for place in ("x", "-1", "1.5", "0:", "٣", "1e3", "9" * 100):
            answer = await server.get(path + place)

            assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad_parameter")


async def test_a_stream_cannot_begin_beyond_the_end_of_the_log(server: Server) -> None:
    await server.send("light", "a", "NEXT")

    answer = await server.get("/transitions/stream?after=2")

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad_parameter")


# --- streams ---


async def take(broadcast: Broadcast, after: str, count: int, **how: object) -> list[tuple[str, dict[str, object]]]:
    """The first `count` events of a stream: each one's id and data."""
    events: list[tuple[str, dict[str, object]]] = []
    stream = broadcast.listen(after, **how)  # type: ignore[arg-type]
    async with asyncio.timeout(60):
        async for chunk in stream:
            events += parsed(chunk)
            if len(events) >= count:
                break
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    return events[:count]


def parsed(chunk: bytes) -> list[tuple[str, dict[str, object]]]:
    found = []
    for block in chunk.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append((fields["id"], json.loads(fields["data"])))
    return found


async def test_a_stream_tells_what_was_and_then_what_comes(server: Server) -> None:
    await server.send("light", "a", "NEXT")
    taking = asyncio.create_task(take(server.rooms.broadcast, "0", 3))
    await asyncio.sleep(0.05)
    await server.send("light", "b", "NEXT")
    await server.send("light", "c", "NEXT")

    assert [(id, event["entity"]) for id, event in await taking] == [("1", "a"), ("2", "b"), ("3", "c")]


async def test_a_stream_resumes_at_the_id_of_any_event(server: Server) -> None:
    for entity in "abcd":
        await server.send("light", entity, "NEXT")

    first = await take(server.rooms.broadcast, "0", 2)
    rest = await take(server.rooms.broadcast, first[-1][0], 2)

    assert [event["entity"] for _, event in (*first, *rest)] == ["a", "b", "c", "d"]


async def test_every_listener_is_told_everything_once_however_they_come_and_go(server: Server) -> None:
    async def listen(number: int) -> list[int]:
        await asyncio.sleep(number * 0.003)
        return [int(str(event["position"])) for _, event in await take(server.rooms.broadcast, "0", 200)]

    listening = [asyncio.create_task(listen(number)) for number in range(30)]
    for number in range(200):
        await server.send("light", str(number % 7), "NEXT")

    for told in await asyncio.gather(*listening):
        assert told == list(range(1, 201))
    assert len(server.rooms.broadcast) == 0


async def test_a_stream_of_one_type_tells_no_other(server: Server) -> None:
    await server.register(
        b'{"id": "lamp", "creation": "implicit", "initial": "on", "states": {"on": {"on": {"X": "on"}}}}'
    )
    await server.send("light", "a", "NEXT")
    taking = asyncio.create_task(take(server.rooms.broadcast, "0", 2, type="lamp"))
    await server.send("lamp", "b", "X")
    await asyncio.sleep(0.05)
    await server.send("light", "c", "NEXT")
    await server.send("lamp", "d", "X")

    assert [event["entity"] for _, event in await taking] == ["b", "d"]


async def test_a_quiet_stream_shows_that_it_is_alive_and_where_it_is(server: Server) -> None:
    await server.send("light", "a", "NEXT")
    stream = server.rooms.broadcast.listen("0", quiet_s=0.05)
    chunks = [await anext(stream) for _ in range(3)]
    await stream.aclose()  # type: ignore[attr-defined]

    assert chunks[0] == b": still here\nid: 0\n\n"
    assert chunks[2] == b": still here\nid: 1\n\n"


async def test_a_listener_that_falls_behind_is_closed_and_keeps_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BEHIND_BYTES", 2_000)
    stream = server.rooms.broadcast.listen("0", quiet_s=0.05)
    await anext(stream)
    await anext(stream)  # it has caught up, and takes nothing for a while
    for _ in range(20):
        await server.send("light", "a", "NEXT")
    await asyncio.sleep(0.05)

    assert [chunk async for chunk in stream] == []
    assert len(server.rooms.broadcast) == 0


async def test_streams_end_when_the_server_stops(server: Server) -> None:
    asking = asyncio.create_task(server.get("/transitions/stream"))
    await asyncio.sleep(0.05)
    server.rooms.close()
    answer = await asyncio.wait_for(asking, 25)

    assert answer.headers["Content-Type"].startswith("text/event-stream")


async def test_last_event_id_wins_over_after(server: Server) -> None:
    for entity in "abc":
        await server.send("light", entity, "NEXT")
    asking = asyncio.create_task(server.get("/transitions/stream?after=0", headers={"Last-Event-ID": "2"}))
    await asyncio.sleep(0.1)
    server.rooms.close()

    assert [event["entity"] for _, event in parsed((await asking).content)] == ["c"]


async def test_an_unreadable_log_ends_the_streams(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    broadcast = server.rooms.broadcast
    stream = broadcast.listen("0", quiet_s=0.05)
    await anext(stream)
    await anext(stream)

    async def broken(self: MemoryStore, after: str, limit: int) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(MemoryStore, "read", broken)
    await server.send("light", "a", "NEXT")

    assert [chunk async for chunk in stream if b"data" in chunk] == []


async def test_a_place_beyond_the_end_is_refused_and_not_waited_at(server: Server) -> None:
    await server.send("light", "a", "NEXT")

    answer = await server.get("/transitions?after=99")

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad_parameter")
