"""Bulk events over HTTP: tried on everybody first, then sent once to those who would accept, through stops too."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from statewright.bulk import BulkSender
from statewright.bulk import sending as bulk_sending
from statewright.commands import Answer, Failed, SendEvent
from tests.http.conftest import Server

LAMP = b"""{
  "id": "lamp", "creation": "implicit", "initial": "off", "keep": "*",
  "schemas": {"events": {"DIM": {"type": "object", "required": ["by"], "properties": {"by": {"type": "integer"}}}}},
  "roles": {"keeper": {}},
  "states": {
    "off": {"on": {"TURN_ON": "on"}},
    "on": {"on": {"DIM": "on", "TURN_OFF": "off", "BREAK": {"target": "broken", "allow": ["keeper"]}}},
    "broken": {"type": "final"}
  }
}"""


async def lamps(server: Server, on: int, off: int) -> None:
    """So many lamps that are on, and so many that are off."""
    assert (await server.register(LAMP)).status_code == 201
    lines = [{"type": "lamp", "entity": f"on-{n:03}", "event": "TURN_ON"} for n in range(on)]
    lines += [{"type": "lamp", "entity": f"off-{n:03}", "event": None} for n in range(off)]
    answers = (await server.post("/commands", lines)).json()["items"]
    assert {answer["status"] for answer in answers} == {201}
    place = await server.rooms.store.latest_place()
    assert await server.rooms.views.wait_for("entities", place, 60)


@asynccontextmanager
async def carrying_out(server: Server) -> AsyncIterator[BulkSender]:
    """Somebody carries out bulk events meanwhile."""
    sender = BulkSender(server.rooms.catalog, server.rooms.committer, server.rooms.views)
    server.rooms.bulk = sender.wake
    running = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        sender.stop()
        await running


async def ask(server: Server, event: str, **body: object) -> str:
    """Ask for a bulk event to lamps, and give its path."""
    answer = await server.post("/bulk-events", {"type": "lamp", "event": event, **body})
    assert answer.status_code == 202, answer.text
    return answer.headers["location"].removeprefix("/api/v1")


async def once(server: Server, path: str, *statuses: str) -> dict[str, Any]:
    """The bulk event as soon as its status is one of these."""
    async with asyncio.timeout(60):
        while (event := (await server.get(path)).json())["status"] not in statuses:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.02)
    return event  # type: ignore[no-any-return]  # JSON


def counted(event: dict[str, Any], by: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for each in event["counts"]:
        counts[each[by] or "nothing"] += each["count"]
    return dict(counts)


async def states(server: Server) -> dict[str, int]:
    heads = [(await server.get(f"/entities/lamp/{name}")).json()["state"] for name in await everybody(server)]
    return dict(Counter(heads))


async def everybody(server: Server) -> list[str]:
    return [item["entity"] for item in (await server.get("/entities/lamp?order=id&limit=1000")).json()["items"]]


async def test_everybody_is_tried_first_and_only_those_who_would_accept_are_sent_it(consolidated: Server) -> None:
    await lamps(consolidated, on=120, off=30)
    async with carrying_out(consolidated):
        path = await ask(consolidated, "DIM", q="type:lamp", data={"by": 3})
        ready = await once(consolidated, path, "ready")
        before = await consolidated.rooms.store.latest_place()
        sent = await consolidated.post(f"{path}/send")
        done = await once(consolidated, path, "done")
    rows = (await consolidated.get(f"{path}/rows?outcome=refused&limit=10")).json()

    assert (ready["total"], counted(ready, "foreseen")) == (150, {"accepted": 120, "refused": 30})
    assert (before, sent.status_code) == ("150", 202)
    assert counted(done, "became") == {"accepted": 120, "nothing": 30}
    assert await consolidated.rooms.store.latest_place() == "270"
    assert [row["why"] for row in rows["items"]] == ["not_in_this_state"] * 10
    assert rows["next"] == "10"
    record = (await consolidated.get("/entities/lamp/on-000/transitions/2")).json()
    assert (record["event"], record["payload"], record["command"]) == ("DIM", {"by": 3}, done["command"])


async def test_it_is_sent_as_the_actor_that_was_named(consolidated: Server) -> None:
    await lamps(consolidated, on=2, off=0)
    async with carrying_out(consolidated):
        nobody = await once(consolidated, await ask(consolidated, "BREAK", q="state:on"), "ready")
        keeper = {"id": "kim", "roles": ["keeper"]}
        path = await ask(consolidated, "BREAK", entities=["on-001"], actor=keeper)
        await once(consolidated, path, "ready")
        await consolidated.post(f"{path}/send")
        await once(consolidated, path, "done")

    assert counted(nobody, "why") == {"not_allowed": 2}
    assert await states(consolidated) == {"on": 1, "broken": 1}
    assert (await consolidated.get("/entities/lamp/on-001/transitions/2")).json()["actor"]["id"] == "kim"


@pytest.mark.parametrize(("unmoved", "became"), [(True, {"refused": 1, "accepted": 1}), (False, {"accepted": 2})])
async def test_who_moved_since_the_preview_is_left_alone_unless_told(
    consolidated: Server, unmoved: bool, became: dict[str, int]
) -> None:
    await lamps(consolidated, on=2, off=0)
    async with carrying_out(consolidated):
        path = await ask(consolidated, "TURN_OFF", entities=["on-000", "on-001"], unmoved=unmoved)
        await once(consolidated, path, "ready")
        await consolidated.send("lamp", "on-000", "DIM", data={"by": 1})
        await consolidated.post(f"{path}/send")
        done = await once(consolidated, path, "done")

    assert counted(done, "became") == became
    assert counted(done, "why").get("version_conflict", 0) == unmoved


async def test_after_a_crash_it_goes_on_and_nobody_gets_it_twice(
    consolidated: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends again and again just after a piece was recorded and before that was noted."""
    await lamps(consolidated, on=100, off=0)
    catalog = consolidated.rooms.catalog
    monkeypatch.setattr(bulk_sending, "PIECE", 20)
    async with carrying_out(consolidated):
        path = await ask(consolidated, "DIM", q="", data={"by": 1}, unmoved=True)
        await once(consolidated, path, "ready")
    await consolidated.post(f"{path}/send")
    note = catalog.bulk_events.become

    class Ended(BaseException):
        pass

    def end(*_: object) -> bool:
        raise Ended

    for _ in range(5):
        sender = BulkSender(catalog, consolidated.rooms.committer, consolidated.rooms.views)
        monkeypatch.setattr(catalog.bulk_events, "become", end)
        with pytest.raises(Ended):
            await sender.run()
        monkeypatch.setattr(catalog.bulk_events, "become", note)
        event = catalog.bulk_events.next()
        assert event is not None
        await BulkSender(catalog, consolidated.rooms.committer, consolidated.rooms.views)._go_on(event)
    async with carrying_out(consolidated):
        done = await once(consolidated, path, "done")

    assert counted(done, "became") == {"accepted": 100}
    assert await consolidated.rooms.store.latest_place() == "200"


async def test_what_is_cancelled_stops_and_what_was_sent_stays(
    consolidated: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lamps(consolidated, on=90, off=0)
    monkeypatch.setattr(bulk_sending, "PIECE", 10)
    async with carrying_out(consolidated):
        path = await ask(consolidated, "DIM", q="state:on", data={"by": 1})
        await once(consolidated, path, "ready")
        await _cancel_after_one_piece(consolidated, path, monkeypatch)
        cancelled = await once(consolidated, path, "cancelled")
        again = await consolidated.post(f"{path}/send")
    moved = int(await consolidated.rooms.store.latest_place()) - 90

    assert 10 <= moved < 90
    assert counted(cancelled, "became")["accepted"] == moved
    assert (again.status_code, again.json()["bulk_status"]) == (409, "cancelled")


async def _cancel_after_one_piece(server: Server, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events, sent = server.rooms.catalog.bulk_events, asyncio.Event()
    note, loop = events.become, asyncio.get_running_loop()

    def noted(id: int, rows: Any) -> bool:
        note(id, rows)
        loop.call_soon_threadsafe(sent.set)
        return events.cancel(id) is None

    monkeypatch.setattr(events, "become", noted)
    await server.post(f"{path}/send")
    async with asyncio.timeout(60):
        await sent.wait()
    monkeypatch.setattr(events, "become", note)


async def test_what_could_not_be_decided_is_sent_again(consolidated: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    await lamps(consolidated, on=3, off=0)
    submit = consolidated.rooms.committer.submit
    monkeypatch.setattr(bulk_sending, "_AGAIN_S", 0.001)
    monkeypatch.setattr(consolidated.rooms.committer, "submit", _doubtful(submit, times=3))
    async with carrying_out(consolidated):
        path = await ask(consolidated, "DIM", q="", data={"by": 1})
        await once(consolidated, path, "ready")
        await consolidated.post(f"{path}/send")
        done = await once(consolidated, path, "done")

    assert counted(done, "became") == {"accepted": 3}
    assert await consolidated.rooms.store.latest_place() == "6"


async def test_what_cannot_be_decided_in_the_end_says_so(consolidated: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    await lamps(consolidated, on=3, off=0)
    monkeypatch.setattr(bulk_sending, "_AGAIN_S", 0.001)
    monkeypatch.setattr(
        consolidated.rooms.committer, "submit", _doubtful(consolidated.rooms.committer.submit, times=1_000)
    )
    async with carrying_out(consolidated):
        ready = await once(consolidated, await ask(consolidated, "DIM", q="", data={"by": 1}), "ready")

    assert counted(ready, "why") == {"outcome_unknown": 3}
    assert counted(ready, "foreseen") == {"failed": 3}


Submit = Callable[[Sequence[SendEvent]], Awaitable[list[Answer]]]


def _doubtful(submit: Submit, times: int) -> Submit:
    """A committer of which so many calls record and then do not know."""
    left = times

    async def unknown(sends: Sequence[SendEvent]) -> list[Answer]:
        nonlocal left
        answers = await submit(sends)
        left -= 1
        return answers if left < 0 else [Failed("outcome_unknown", "who knows", send.command) for send in sends]

    return unknown


async def test_what_nobody_can_be_sent_is_refused_before_anything_is_gathered(server: Server) -> None:
    await server.register(LAMP)
    bodies = [
        ({"type": "nothing", "event": "DIM", "q": ""}, "unknown_type"),
        ({"type": "lamp", "event": "DIMM", "q": ""}, "unknown_event"),
        ({"type": "lamp", "event": "DIM"}, "bad_parameter"),
        ({"type": "lamp", "event": "DIM", "q": "", "entities": ["a"]}, "bad_parameter"),
        ({"type": "lamp", "event": "DIM", "q": "type:light"}, "bad_parameter"),
        ({"type": "lamp", "event": "DIM", "q": "nothing:1"}, "bad_parameter"),
        ({"type": "lamp", "event": "DIM", "entities": ["a/b"]}, "bad_parameter"),
        ({"type": "lamp", "event": "DIM", "q": "", "more": 1}, "malformed"),
    ]
    answers = [await server.post("/bulk-events", body) for body, _ in bodies]

    assert [answer.json()["type"] for answer in answers] == [f"/problems/{code}" for _, code in bodies]
    assert (await server.get("/bulk-events")).json()["items"] == []


async def test_more_than_it_goes_to_fails_with_a_sentence(
    consolidated: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lamps(consolidated, on=5, off=0)
    monkeypatch.setattr("statewright.catalog.bulk.ENTITIES", 4)
    async with carrying_out(consolidated):
        failed = await once(consolidated, await ask(consolidated, "DIM", q="", data={"by": 1}), "failed")

    assert "narrow the list" in failed["error"]


async def test_rows_come_as_a_table_too(consolidated: Server) -> None:
    await lamps(consolidated, on=1, off=1)
    async with carrying_out(consolidated):
        path = await ask(consolidated, "DIM", entities=["on-000", "off-000", "nobody"], data={"by": 1})
        await once(consolidated, path, "ready")
    table = (await consolidated.get(f"{path}/rows?format=csv")).text.splitlines()

    assert table[0] == "number,entity,foreseen,became,why,detail,version"
    assert table[1] == "1,on-000,accepted,,,,1"
    assert table[2].startswith("2,off-000,refused,,not_in_this_state,")
    assert table[3].startswith("3,nobody,refused,,unknown_entity,")


async def test_personal_data_is_not_kept_with_a_bulk_event(server: Server) -> None:
    server.rooms.catalog._allows_personal = True
    who = b'"who": {"type": "string", "personal": true}'
    told = LAMP.replace(b'"events": {"DIM"', b'"context": {"properties": {' + who + b'}}, "events": {"DIM"')
    told = told.replace(b'"by": {"type": "integer"}', b'"by": {"type": "integer"}, ' + who)
    registered = await server.register(told)
    assert registered.status_code == 201, registered.text

    answer = await server.post(
        "/bulk-events", {"type": "lamp", "event": "DIM", "data": {"by": 1, "who": "Anna"}, "entities": ["a"]}
    )

    assert (answer.status_code, answer.json()["parameter"]) == (400, "data")
    assert "who is personal: send such an event to one entity at a time" in answer.text
