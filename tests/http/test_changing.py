"""Differences, merged diagrams and backtests, through the front door."""

from __future__ import annotations

import pytest

from statewright.backtests import run

from .conftest import LIGHT, Server

LATER = LIGHT.replace(b'"STAY": {}', b'"WAIT": "red"').replace(
    b'"BREAK": {"target": "broken", "allow": ["mechanic"]}', b'"BREAK": "broken"'
)


@pytest.fixture
async def two(server: Server) -> Server:
    """`light` with a draft of its second revision, and a light that broke."""
    assert (await server.register(LATER, activate=False)).json()["revision"] == 2
    for event in ("NEXT", "NEXT"):
        assert (await server.send("light", "l-1", event)).status_code == 201
    return server


async def test_differences_are_those_from_the_active_revision_to_the_latest(two: Server) -> None:
    answer = await two.get("/definitions/light/differences")

    body = answer.json()
    assert (answer.status_code, body["from"], body["to"]) == (200, 1, 2)
    told = {(item["change"], item["pointer"]) for item in body["items"]}
    assert told == {
        ("added", "/states/red/on/WAIT"),
        ("removed", "/states/red/on/STAY"),
        ("changed", "/states/green/on/BREAK"),
    }
    [changed] = [item for item in body["items"] if item["change"] == "changed"]
    assert changed["sentence"] == "BREAK in green: it takes anyone instead of the role mechanic"


async def test_differences_go_either_way(two: Server) -> None:
    answer = await two.get("/definitions/light/differences?from=2&to=1")

    assert ("added", "/states/red/on/STAY") in {(each["change"], each["pointer"]) for each in answer.json()["items"]}


async def test_a_diagram_of_two_revisions_shows_what_became_of_each_thing(two: Server) -> None:
    answer = await two.get("/definitions/light/diagram?revision=2&from=1")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "is-removed" in answer.text
    assert "is-added" in answer.text


async def test_a_diagram_of_two_revisions_is_drawn_as_svg_only(two: Server) -> None:
    answer = await two.get("/definitions/light/diagram?revision=2&from=1&format=dot")

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad_parameter")


async def test_a_backtest_is_accepted_and_says_where_it_will_be(two: Server) -> None:
    answer = await two.post("/definitions/light/revisions/2/backtests")

    assert answer.status_code == 202
    assert answer.json()["status"] == "waiting"
    where = answer.headers["Location"].removeprefix("/api/v1")
    assert (await two.get(where)).json()["id"] == answer.json()["id"]


async def test_a_backtest_that_waits_is_not_begun_twice(two: Server) -> None:
    first, second = [await two.post("/definitions/light/revisions/2/backtests") for _ in range(2)]

    assert first.headers["Location"] == second.headers["Location"]


async def test_a_result_has_counts_and_examples_that_name_entity_and_version(two: Server) -> None:
    without = LIGHT.replace(b'"on": {"NEXT": "red", ', b'"on": {')
    assert (await two.register(without, activate=False)).json()["revision"] == 3
    id = (await two.post("/definitions/light/revisions/3/backtests")).json()["id"]
    await run(two.rooms.store, two.rooms.catalog, id)

    body = (await two.get(f"/definitions/light/revisions/3/backtests/{id}")).json()

    assert (body["status"], body["share"], body["transitions"], body["refused"]) == ("done", 1.0, 2, 1)
    [found] = body["findings"]
    assert (found["state"], found["event"], found["why"]) == (["green"], "NEXT", "not_in_this_state")
    assert (found["examples"][0]["entity"], found["examples"][0]["version"]) == ("l-1", 2)


async def test_a_backtest_is_cancelled_once_and_for_all(two: Server) -> None:
    where = (await two.post("/definitions/light/revisions/2/backtests")).headers["Location"]

    gone = await two.client.delete(where)
    again = await two.client.delete(where)

    assert (gone.status_code, again.status_code) == (204, 204)
    assert (await two.client.get(where)).json()["status"] == "cancelled"


async def test_a_backtest_of_another_revision_is_not_found(two: Server) -> None:
    where = (await two.post("/definitions/light/revisions/2/backtests")).headers["Location"]

    answer = await two.client.get(where.replace("revisions/2", "revisions/1"))

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not_found")


async def test_a_draft_with_errors_cannot_be_tried(two: Server) -> None:
    await two.register(LIGHT.replace(b'"NEXT": "green"', b'"NEXT": "gren"'), activate=False)

    answer = await two.post("/definitions/light/revisions/3/backtests")

    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid_definition")


async def test_backtests_are_listed_the_latest_first(two: Server) -> None:
    for _ in range(2):
        where = (await two.post("/definitions/light/revisions/2/backtests")).headers["Location"]
        await two.client.delete(where)

    items = (await two.get("/definitions/light/revisions/2/backtests")).json()["items"]

    assert [item["id"] for item in items] == [2, 1]
