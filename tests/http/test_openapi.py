from __future__ import annotations

from typing import Any

import msgspec
import pytest
from jsonschema_rs import Draft202012Validator
from litestar import Litestar
from openapi_spec_validator import validate

from statewright.http.heads import Heads
from statewright.http.problems import TABLE
from statewright.http.routes import openapi

from .conftest import Server, front_door

METHODS = {"GET", "POST", "PUT", "DELETE"}
UNLISTED = {"/problems", "/api/docs", "/api/v1/views/{name}"}
"""Pages for people, and the route that says which views there are."""


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation) for path, item in openapi()["paths"].items() for method, operation in item.items()
    ]


def test_the_document_is_valid_openapi() -> None:
    validate(openapi())


async def test_the_document_lists_the_routes_there_are_and_no_others(server: Server) -> None:
    heads = front_door(server.rooms).app
    framework = heads.app if isinstance(heads, Heads) else None
    assert isinstance(framework, Litestar)
    served = {
        (route.path_format, method)
        for route in framework.routes
        for method in getattr(route, "methods", ())
        if method in METHODS and route.path_format not in UNLISTED
    }

    assert {(path, method.upper()) for method, path, _ in operations()} == served


@pytest.mark.parametrize("operation", [each for *_, each in operations()], ids=lambda each: each["operationId"])
def test_every_call_says_what_it_does_and_how_it_fails(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["responses"].keys() >= {"400", "401", "403", "405", "500", "503"}
    for status, answer in operation["responses"].items():
        if status >= "400":
            assert list(answer["content"]) == ["application/problem+json"]
            assert all(TABLE[line.split("`")[1]].status == int(status) for line in answer["description"].split("\n\n"))


@pytest.mark.parametrize("operation", [each for *_, each in operations()], ids=lambda each: each["operationId"])
def test_every_parameter_is_explained(operation: dict[str, Any]) -> None:
    assert all(parameter.get("description") for parameter in operation.get("parameters", ()))


def test_the_posting_calls_show_their_bodies_and_headers() -> None:
    sending = openapi()["paths"]["/api/v1/entities/{type}/{id}/transitions"]["post"]
    many = openapi()["paths"]["/api/v1/commands"]["post"]

    assert {"Idempotency-Key", "If-Match", "If-None-Match", "dry_run"} <= {
        each["name"] for each in sending["parameters"]
    }
    assert sending["requestBody"]["content"].keys() == {"application/json"}
    assert sending["responses"]["201"]["headers"].keys() == {"ETag", "Location"}
    assert many["requestBody"]["content"].keys() == {"application/json", "application/x-ndjson"}


def schema_of(path: str, method: str, status: int) -> Draft202012Validator:
    content = openapi()["paths"][f"/api/v1{path}"][method]["responses"][str(status)]["content"]
    schema = next(iter(content.values()))["schema"]
    return Draft202012Validator({**schema, "components": openapi()["components"]})


async def test_answers_are_of_the_shape_that_the_document_says(server: Server) -> None:
    one, many = "/entities/{type}/{id}", "/transitions"
    created = await server.post("/entities/light", {"id": "1"})
    sent = await server.send("light", "1", "NEXT", data={"n": 1})
    tried = await server.post("/entities/light/1/transitions?dry_run=true", {"event": "NEXT"})
    lines = await server.post("/commands", [{"type": "light", "entity": "2", "event": "NEXT"}, {"type": "light"}])
    refused = await server.send("light", "1", "STAY")
    answers = [
        (created, "/entities/{type}", "post"),
        (sent, one + many, "post"),
        (tried, one + many, "post"),
        (lines, "/commands", "post"),
        (refused, one + many, "post"),
        (await server.get("/entities/light/1"), one, "get"),
        (await server.get("/entities/light/1/transitions"), one + many, "get"),
        (await server.get("/entities/light/1/transitions/2"), one + many + "/{version}", "get"),
        (await server.get("/entities/light/1/allowed"), one + "/allowed", "get"),
        (await server.get("/transitions"), many, "get"),
        (await server.get("/definitions"), "/definitions", "get"),
        (await server.get("/definitions/light"), "/definitions/{type}", "get"),
        (await server.get("/definitions/light/revisions"), "/definitions/{type}/revisions", "get"),
        (await server.get("/definitions/light/revisions/1"), "/definitions/{type}/revisions/{revision}", "get"),
        (await server.get("/refusals"), "/refusals", "get"),
        (await server.get("/views"), "/views", "get"),
    ]

    for answer, path, method in answers:
        schema_of(path, method, answer.status_code).validate(msgspec.json.decode(answer.content))
