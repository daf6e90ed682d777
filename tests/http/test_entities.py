from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from .conftest import ORDER, Server


async def test_an_entity_is_created_where_the_answer_says(server: Server) -> None:
    created = await server.post("/entities/light", {"id": "a b", "data": {"street": "Elm"}})

    assert created.status_code == 201
    assert created.headers["ETag"] == '"1"'
    assert created.headers["Location"] == "/api/v1/entities/light/a%20b"
    assert (await server.client.get(created.headers["Location"])).json()["data"] == {"street": "Elm"}


async def test_a_creation_shows_where_nothing_was_before_as_null_and_as_no_leaves(server: Server) -> None:
    created = (await server.post("/entities/light", {"id": "1"})).json()

    assert (created["from"], created["from_leaves"]) == (None, [])
    assert (created["to"], created["to_leaves"]) == ("red", ["red"])
    assert created["allowed"] == ["NEXT"]


async def test_without_id_and_key_two_calls_create_two(server: Server) -> None:
    one = await server.post("/entities/light", {})
    other = await server.post("/entities/light", {})

    assert one.json()["entity"] != other.json()["entity"]


async def test_with_a_key_the_repeat_finds_the_same_entity(server: Server) -> None:
    one = await server.post("/entities/light", {"data": {"n": 1}}, Idempotency_Key='"k-1"')
    again = await server.post("/entities/light", {"data": {"n": 1}}, Idempotency_Key="k-1")

    assert (one.status_code, again.status_code) == (201, 200)
    assert again.content == one.content
    assert again.headers["Idempotent-Replay"] == "true"


async def test_a_key_used_for_another_creation_is_refused(server: Server) -> None:
    await server.post("/entities/light", {"data": {"n": 1}}, Idempotency_Key="k-1")
    other = await server.post("/entities/light", {"data": {"n": 2}}, Idempotency_Key="k-1")

    assert other.status_code == 422
    assert other.json()["type"] == "/problems/id_reused"


async def test_an_id_that_is_taken_is_a_conflict(server: Server) -> None:
    await server.post("/entities/light", {"id": "1"})
    again = await server.post("/entities/light", {"id": "1"})

    assert again.status_code == 409
    assert again.json()["why"] == "entity_exists"


async def test_the_posting_call_answers_in_the_shape_of_creation(server: Server) -> None:
    created = (await server.post("/entities/light", {"id": "1"})).json()
    sent = (await server.send("light", "1", "NEXT")).json()

    assert created.keys() == sent.keys()


async def test_an_entity_is_read_as_the_log_has_it(server: Server) -> None:
    await server.send("light", "1", "NEXT", data={"by": "timer"})
    read = await server.get("/entities/light/1")

    entity = read.json()
    assert read.headers["ETag"] == '"1"'
    assert (entity["state"], entity["leaves"], entity["data"]) == ("green", ["green"], {"by": "timer"})
    assert (entity["version"], entity["revision"], entity["place"], entity["final"]) == (1, 1, "1", False)


async def test_who_holds_the_current_version_is_told_304(server: Server) -> None:
    await server.send("light", "1", "NEXT")
    held = await server.get("/entities/light/1", headers={"If-None-Match": '"7", W/"1"'})

    assert held.status_code == 304
    assert held.content == b""
    assert (await server.get("/entities/light/1", headers={"If-None-Match": '"2"'})).status_code == 200


@pytest.mark.parametrize(("asked", "version"), [("version=2", 2), ("place=3", 2), ("place=1", 1)])
async def test_an_entity_is_read_as_it_was(server: Server, asked: str, version: int) -> None:
    for entity in ("1", "other", "1", "1"):
        await server.send("light", entity, "NEXT")

    assert (await server.get(f"/entities/light/1?{asked}")).json()["version"] == version


async def test_an_entity_says_no_more_of_the_log_than_there_is(server: Server) -> None:
    for _ in range(3):
        await server.send("light", "1", "NEXT")

    assert (await server.get("/entities/light/1?place=2")).json()["place"] == "2"
    assert (await server.get("/entities/light/1?place=99")).json()["place"] == "3"


async def test_as_of_a_moment_means_recorded_time_unless_business_time_is_asked_for(server: Server) -> None:
    await server.send("light", "1", "NEXT", occurred_at="2001-01-01T00:00:00Z")
    await server.send("light", "1", "NEXT", occurred_at="2002-01-01T00:00:00Z")

    occurred = await server.get("/entities/light/1?at=2001-06-01T00:00:00Z&basis=occurred")
    recorded = await server.get("/entities/light/1?at=2001-06-01T00:00:00Z")

    assert occurred.json()["version"] == 1
    assert recorded.status_code == 404


async def test_a_version_not_reached_yet_is_not_there(server: Server) -> None:
    await server.send("light", "1", "NEXT")

    assert (await server.get("/entities/light/1?version=2")).json()["type"] == "/problems/unknown_entity"


async def test_as_of_takes_one_of_version_place_and_moment(server: Server) -> None:
    answer = await server.get("/entities/light/1?version=1&place=1")

    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/bad_parameter"


async def test_an_unknown_type_is_told_from_an_unknown_entity(server: Server) -> None:
    assert (await server.get("/entities/light/1")).json()["type"] == "/problems/unknown_entity"
    assert (await server.get("/entities/night/1")).json()["type"] == "/problems/unknown_type"


async def test_history_comes_oldest_first_in_parts(server: Server) -> None:
    for _ in range(5):
        await server.send("light", "1", "NEXT")

    first = (await server.get("/entities/light/1/transitions?limit=2")).json()
    second = (await server.get(f"/entities/light/1/transitions?limit=3&after={first['next']}")).json()

    assert [item["version"] for item in (*first["items"], *second["items"])] == [1, 2, 3, 4, 5]
    assert (first["next"], second["next"]) == ("2", None)


async def test_a_transition_shows_what_was_sent_by_whom_and_when(server: Server) -> None:
    sent = await server.send(
        "light",
        "1",
        "NEXT",
        data={"reason": "dark"},
        actor={"id": "anna", "roles": ["clerk"]},
        occurred_at="2001-01-01T00:00:00+01:00",
        correlation="c",
        causation="d",
        id="cmd",
    )
    shown = (await server.client.get(sent.headers["Location"])).json()

    assert {name: shown[name] for name in sent.json() if name != "allowed"} == {
        name: value for name, value in sent.json().items() if name != "allowed"
    }
    assert shown["payload"] == {"reason": "dark"}
    assert shown["actor"] == {"id": "anna", "roles": ["clerk"]}
    assert shown["occurred_at"] == "2000-12-31T23:00:00.000000Z"
    assert (shown["correlation"], shown["causation"], shown["command"]) == ("c", "d", "cmd")


async def test_a_version_that_was_never_made_is_not_found(server: Server) -> None:
    await server.send("light", "1", "NEXT")

    assert (await server.get("/entities/light/1/transitions/9")).json()["type"] == "/problems/not_found"
    assert (await server.get("/entities/light/2/transitions/1")).json()["type"] == "/problems/unknown_entity"


async def test_what_is_allowed_is_said_per_event(server: Server) -> None:
    await server.send("light", "1", "NEXT")
    allowed = (await server.get("/entities/light/1/allowed")).json()

    said = {each["event"]: (each["allowed"], each["why"]) for each in allowed["events"]}
    assert (allowed["state"], allowed["version"]) == ("green", 1)
    assert said["NEXT"] == ("yes", None)
    assert said["BREAK"] == ("depends", "not_allowed")
    assert said["STAY"] == ("no", "not_in_this_state")


@pytest.mark.parametrize("command", ["c-2", "order/7@3#1", "a%2Fb", "../x", "c//d/", "~ '?&="])
async def test_a_command_can_be_asked_for_what_it_did(server: Server, command: str) -> None:
    await server.send("light", "1", "NEXT", id="c-1")
    await server.send("light", "1", "NEXT", id=command)
    found = await server.get(f"/entities/light/1/commands/{quote(command, safe='')}")

    assert found.json()["command"] == command
    assert [item["version"] for item in found.json()["items"]] == [2]


async def test_a_command_that_did_nothing_is_not_found(server: Server) -> None:
    await server.send("light", "1", "NEXT", id="c-1")

    assert (await server.get("/entities/light/1/commands/c-2")).json()["type"] == "/problems/not_found"
    assert (await server.get("/entities/light/2/commands/c-1")).json()["type"] == "/problems/unknown_entity"


async def test_erasing_says_that_nothing_is_encrypted_yet(server: Server) -> None:
    await server.send("light", "1", "NEXT")
    answer = await server.post("/entities/light/1/erase")

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/not_erasable"
    assert (await server.post("/entities/light/2/erase")).status_code == 404


async def test_fifty_creations_of_one_id_make_one(server: Server) -> None:
    answers = await asyncio.gather(*(server.post("/entities/light", {"id": "1"}) for _ in range(50)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49


async def test_data_that_breaks_its_schema_is_refused_with_a_place(server: Server) -> None:
    await server.register(ORDER)
    answer = await server.post("/entities/order", {"data": {"customer": 7}})

    assert answer.status_code == 422
    assert answer.json()["why"] == "invalid_data"


async def test_a_posting_path_with_a_slash_at_its_end_is_no_path(server: Server) -> None:
    for path in ("/entities/light/1/transitions/", "/commands/"):
        answer = await server.post(path, {"event": "NEXT"})

        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not_found")
