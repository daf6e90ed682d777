from __future__ import annotations

import json

import pytest

from .conftest import LIGHT, ORDER, Server


async def test_a_document_becomes_a_draft_and_says_where_it_is(server: Server) -> None:
    answer = await server.register(ORDER, activate=False)

    assert answer.status_code == 201
    assert (answer.json()["type"], answer.json()["revision"], answer.json()["status"]) == ("order", 1, "draft")
    assert answer.headers["Location"] == "/api/v1/definitions/order/revisions/1"


async def test_the_same_document_registered_again_is_the_same_revision(server: Server) -> None:
    again = await server.register(LIGHT)

    assert again.status_code == 200
    assert again.json()["revision"] == 1


async def test_text_that_is_not_json_is_malformed_with_line_and_column(server: Server) -> None:
    answer = await server.register(b'{\n  "id": "x",\n}')

    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/malformed"
    assert (answer.json()["line"], answer.json()["column"]) == (3, 1)


async def test_a_document_that_is_no_definition_is_answered_with_all_its_problems(server: Server) -> None:
    answer = await server.register(b'{"id": 7, "stats": {}}')

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid_definition"
    assert len(answer.json()["problems"]) >= 3
    assert all(
        {"code", "pointer", "sentence", "line", "column"} <= problem.keys() for problem in answer.json()["problems"]
    )


async def test_a_draft_with_errors_is_kept_but_not_activated(server: Server) -> None:
    faulty = LIGHT.replace(b'"green", "STAY"', b'"gren", "STAY"').replace(b'"light"', b'"lamp"')

    drafted = await server.register(faulty, activate=False)
    activated = await server.post("/definitions/lamp/revisions/1/activate")

    assert drafted.status_code == 201
    assert activated.status_code == 422
    faults = [each for each in activated.json()["problems"] if each["severity"] == "error"]
    assert faults[0]["pointer"].startswith("/states/red/on/NEXT")


async def test_checking_stores_nothing(server: Server) -> None:
    answer = await server.client.post(
        "/api/v1/definitions/check", content=ORDER, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 200
    assert answer.json() == {"problems": []}
    assert (await server.get("/definitions/order")).status_code == 404


async def test_the_active_document_is_given_back_as_it_was_registered(server: Server) -> None:
    answer = await server.get("/definitions/light")

    assert answer.content == LIGHT
    assert answer.headers["Content-Location"] == "/api/v1/definitions/light/revisions/1"


async def test_activating_another_revision_retires_the_one_before(server: Server) -> None:
    await server.register(LIGHT.replace(b'"initial": "red"', b'"initial": "green"'))

    revisions = (await server.get("/definitions/light/revisions")).json()["items"]

    assert [(each["revision"], each["status"]) for each in revisions] == [(1, "retired"), (2, "active")]


async def test_a_revision_is_shown_with_its_document(server: Server) -> None:
    shown = (await server.get("/definitions/light/revisions/1")).json()

    assert shown["status"] == "active"
    assert shown["document"] == json.loads(LIGHT)


async def test_only_a_draft_can_be_deleted(server: Server) -> None:
    await server.register(ORDER, activate=False)

    assert (await server.client.delete("/api/v1/definitions/order/revisions/1")).status_code == 204
    refused = await server.client.delete("/api/v1/definitions/light/revisions/1")

    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/wrong_status"
    assert refused.json()["revision_status"] == "active"


async def test_a_retired_type_takes_no_new_entities(server: Server) -> None:
    assert (await server.post("/definitions/light/revisions/1/retire")).json()["status"] == "retired"

    assert (await server.send("light", "1", "NEXT")).json()["type"] == "/problems/unknown_type"
    assert (await server.get("/definitions/light")).json()["type"] == "/problems/not_found"


async def test_the_types_come_in_parts_by_name(server: Server) -> None:
    await server.register(ORDER, activate=False)

    first = (await server.get("/definitions?limit=1")).json()
    second = (await server.get(f"/definitions?limit=1&after={first['next']}")).json()

    assert [item["type"] for item in (*first["items"], *second["items"])] == ["light", "order"]
    assert second["items"][0]["active"] is None
    assert second["next"] is None


@pytest.mark.parametrize(
    ("format", "media", "beginning"),
    [
        ("svg", "image/svg+xml", "<svg"),
        ("dot", "text/vnd.graphviz", "digraph"),
        ("mermaid", "text/plain", "stateDiagram"),
    ],
)
async def test_a_definition_can_be_had_as_a_picture(server: Server, format: str, media: str, beginning: str) -> None:
    answer = await server.get(f"/definitions/light/diagram?format={format}")

    assert answer.headers["Content-Type"].startswith(media)
    assert answer.text.startswith(beginning)
