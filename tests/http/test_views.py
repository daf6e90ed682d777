from __future__ import annotations

import asyncio

from .conftest import Server


async def lights(server: Server) -> None:
    """Two that are green, one that is red again, one that is broken."""
    for entity in "abc":
        await server.send("light", entity, "NEXT", occurred_at="2001-01-01T10:00:00Z")
    await server.send("light", "c", "NEXT", occurred_at="2001-01-01T10:00:30Z")
    await server.send("light", "d", "NEXT", occurred_at="2001-01-01T12:00:00Z")
    await server.send(
        "light", "d", "BREAK", occurred_at="2001-01-01T12:00:10Z", actor={"id": "m", "roles": ["mechanic"]}
    )


async def test_counts_are_per_leaf_and_per_configuration_and_say_their_place(consolidated: Server) -> None:
    await lights(consolidated)
    answer = await consolidated.get("/views/counts?type=light&min_place=6&wait=30")

    assert answer.headers["Statewright-Place"] == answer.json()["place"] == "6"
    assert answer.json()["states"] == {"green": 2, "red": 1, "broken": 1}
    assert {(each["state"], each["count"]) for each in answer.json()["configurations"]} == {
        ("green", 2),
        ("red", 1),
        ("broken", 1),
    }


async def test_counts_can_be_had_as_they_were_at_a_place_and_at_a_moment(consolidated: Server) -> None:
    await lights(consolidated)

    place = await consolidated.get("/views/counts?type=light&place=3&wait=30")
    moment = await consolidated.get(
        "/views/counts?type=light&at=2001-01-01T12:00:05Z&basis=occurred&min_place=6&wait=30"
    )

    assert place.json()["states"] == {"green": 3}
    assert moment.json()["states"] == {"green": 3, "red": 1}


async def test_a_view_that_does_not_come_that_far_in_time_is_504(server: Server) -> None:
    for path in ("/views/counts?type=light", "/views/stays?type=light", "/views/flow?type=light", "/entities?"):
        answer = await server.get(f"{path}&min_place=9&wait=0.05")

        assert (answer.status_code, answer.json()["type"]) == (504, "/problems/not_there_yet")
        assert answer.headers["Retry-After"] == "1"


async def test_waiting_for_a_view_ends_as_soon_as_it_is_there(consolidated: Server) -> None:
    asking = asyncio.create_task(consolidated.get("/views/counts?type=light&min_place=1&wait=20"))
    await asyncio.sleep(0.1)
    await consolidated.send("light", "a", "NEXT")

    assert (await asyncio.wait_for(asking, 5)).json()["states"] == {"green": 1}


async def test_stays_say_how_long_the_ended_ones_lasted(consolidated: Server) -> None:
    await lights(consolidated)
    items = (await consolidated.get("/views/stays?type=light&min_place=6&wait=30")).json()["items"]

    green = next(item for item in items if item["state"] == "green")
    assert (green["ended"], green["open"]) == (2, 2)
    assert (green["seconds"]["p50"], green["seconds"]["p99"], green["seconds"]["longest"]) == (10, 30, 30)


async def test_flow_counts_transitions_and_refusals(consolidated: Server) -> None:
    await lights(consolidated)
    await consolidated.send("light", "a", "STAY")
    flow = (await consolidated.get("/views/flow?type=light&min_place=6&wait=30")).json()

    assert {"from": "green", "event": "NEXT", "to": "red", "count": 1} in flow["transitions"]
    assert flow["refusals"] == [{"state": "green", "event": "STAY", "why": "not_in_this_state", "count": 1}]


async def test_flow_can_be_had_for_a_stretch_of_time(consolidated: Server) -> None:
    await lights(consolidated)
    flow = await consolidated.get(
        "/views/flow?type=light&from=2001-01-01T12:00:00Z&to=2001-01-01T13:00:00Z&min_place=6&wait=30"
    )

    assert sorted(each["event"] for each in flow.json()["transitions"]) == ["BREAK", "NEXT"]


async def test_entities_are_listed_in_parts_by_type_and_state(consolidated: Server) -> None:
    await lights(consolidated)
    path = "/entities/light?state=green&state=broken&order=id&limit=2&min_place=6&wait=30"
    first = (await consolidated.get(path)).json()
    second = (await consolidated.get(f"{path}&after={first['next']}")).json()

    assert [row["entity"] for row in (*first["items"], *second["items"])] == ["a", "b", "d"]
    assert [row["final"] for row in second["items"]] == [True]
    assert second["next"] is None


async def test_entities_of_all_types_are_found_by_a_part_of_their_id(consolidated: Server) -> None:
    await consolidated.send("light", "corner 12", "NEXT", data={"street": "Elm"})
    await consolidated.send("light", "corner 13", "NEXT")
    rows = (await consolidated.get("/entities?q=12&min_place=2&wait=30")).json()["items"]

    assert [(row["type"], row["entity"], row["state"], row["data"]) for row in rows] == [
        ("light", "corner 12", "green", {"street": "Elm"})
    ]


async def test_entities_can_be_listed_as_they_were(consolidated: Server) -> None:
    await lights(consolidated)
    rows = (await consolidated.get("/views/entities?type=light&place=2&wait=30")).json()["items"]

    assert [(row["entity"], row["state"]) for row in rows] == [("a", "green"), ("b", "green")]


async def test_a_misspelt_type_is_not_answered_with_nothing(server: Server) -> None:
    for path in ("/views/counts?type=lihgt", "/views/stays?type=lihgt", "/views/flow?type=lihgt", "/entities/lihgt"):
        assert (await server.get(path)).json()["type"] == "/problems/unknown_type"


async def test_a_view_is_asked_about_one_type(server: Server) -> None:
    answer = await server.get("/views/counts")

    assert (answer.status_code, answer.json()["parameter"]) == (400, "type")


async def test_place_and_moment_exclude_each_other(server: Server) -> None:
    assert (await server.get("/views/counts?type=light&place=1&at=2001-01-01T00:00:00Z")).status_code == 400
    assert (await server.get("/entities?place=1&at=2001-01-01T00:00:00Z")).status_code == 400


async def test_an_after_that_no_list_gave_is_a_bad_parameter(consolidated: Server) -> None:
    await consolidated.send("light", "a", "NEXT")
    await consolidated.get("/entities?min_place=1&wait=30")
    for after in ("x", "%00", "9" * 30, "[]", "e30"):
        for order in ("newest", "oldest", "id"):
            answer = await consolidated.get(f"/entities?order={order}&after={after}")

            assert answer.status_code == 400, (order, after, answer.text)


async def test_the_views_there_are_can_all_be_asked(consolidated: Server) -> None:
    await consolidated.send("light", "a", "NEXT")
    for view in (await consolidated.get("/views")).json()["items"]:
        id = "&id=a" if "id" in view["parameters"] else ""
        answer = await consolidated.client.get(f"{view['path']}?type=light&min_place=1&wait=30{id}")

        assert answer.status_code == 200
        assert answer.headers["Statewright-Place"] == "1"


async def test_an_unknown_view_is_answered_with_the_nearest(server: Server) -> None:
    answer = await server.get("/views/count")

    assert (answer.status_code, answer.json()["nearest"]) == (404, "counts")


async def test_refusals_are_kept_with_what_was_sent_and_why(server: Server) -> None:
    await server.send("light", "a", "NEXT")
    await server.send("light", "a", "STAY", data={"please": True})
    await server.send("light", "a", "BREAK")
    page = (await server.get("/refusals?type=light&state=green&why=not_in_this_state")).json()

    assert [(each["event"], each["state"], each["payload"]) for each in page["items"]] == [
        ("STAY", "green", {"please": True})
    ]
    assert page["next"] is None


async def test_refusals_come_in_parts(server: Server) -> None:
    await server.send("light", "a", "NEXT")
    for _ in range(3):
        await server.send("light", "a", "STAY")
    first = (await server.get("/refusals?limit=2")).json()
    second = (await server.get(f"/refusals?limit=2&after={first['next']}")).json()

    assert (len(first["items"]), len(second["items"]), second["next"]) == (2, 1, None)
