from __future__ import annotations

import json

import pytest

from .conftest import LIGHT, Server

_SCXML = (
    b'<scxml xmlns="http://www.w3.org/2005/07/scxml" name="door">'
    b'<state id="a"><onentry><script/></onentry></state></scxml>'
)


async def test_a_machine_of_another_tool_is_answered_as_a_document_with_notes(server: Server) -> None:
    answer = await server.client.post(
        "/api/v1/definitions/import?format=scxml", content=_SCXML, headers={"Content-Type": "application/scxml+xml"}
    )

    assert answer.status_code == 200
    assert answer.json()["document"] == {"id": "door", "initial": "a", "states": {"a": {}}}
    assert answer.json()["notes"][0]["pointer"] == "/scxml/state[1]/onentry[1]/script[1]"
    assert "dead_end" in [problem["code"] for problem in answer.json()["problems"]]
    assert (await server.get("/definitions/door")).status_code == 404


async def test_entities_in_xml_are_refused_with_line_and_column(server: Server) -> None:
    answer = await server.client.post(
        "/api/v1/definitions/import?format=scxml",
        content=b'<!DOCTYPE s [<!ENTITY a "b">]><scxml/>',
        headers={"Content-Type": "application/xml"},
    )

    assert answer.status_code == 400
    assert answer.json()["type"] == "/problems/malformed"
    assert answer.json()["line"] == 1


async def test_a_format_has_its_media_types(server: Server) -> None:
    answer = await server.client.post(
        "/api/v1/definitions/import?format=scxml", content=b"{}", headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 415
    assert "application/scxml+xml" in answer.json()["supported"]


@pytest.mark.parametrize(
    ("format", "media", "begins"),
    [
        ("xstate", "application/json", "{"),
        ("xstate-v6", "application/json", "{"),
        ("scxml", "application/scxml+xml", "<?xml"),
        ("plantuml", "text/plain", "@startuml"),
        ("markdown", "text/markdown", "# Light"),
    ],
)
async def test_a_definition_is_given_in_the_notation_of_another_tool(
    server: Server, format: str, media: str, begins: str
) -> None:
    answer = await server.get(f"/definitions/light/diagram?format={format}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].partition(";")[0] == media
    assert answer.text.startswith(begins)


async def test_what_was_exported_is_imported_as_it_was(server: Server) -> None:
    exported = await server.get("/definitions/light/diagram?format=xstate")

    answer = await server.client.post(
        "/api/v1/definitions/import?format=xstate",
        content=exported.content,
        headers={"Content-Type": "application/json"},
    )

    assert answer.json()["notes"] == []
    assert answer.json()["document"] == json.loads(LIGHT)
