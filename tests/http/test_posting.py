"""The two posting calls: what headers and bodies ask for, and many commands as lines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from .conftest import Server

NDJSON = {"Content-Type": "application/x-ndjson"}


def line(entity: str, event: str | None = "NEXT", **more: Any) -> bytes:
    return json.dumps({"type": "light", "entity": entity, "event": event, **more}).encode()


async def sent(server: Server, *chunks: bytes, prefer: str = "return=minimal") -> list[dict[str, Any]]:
    """The answers to a body that comes in `chunks`."""

    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    answer = await server.client.post("/api/v1/commands", content=body(), headers={**NDJSON, "Prefer": prefer})
    assert answer.status_code == 200
    return [json.loads(text) for text in answer.content.splitlines()]


def statuses(answers: list[dict[str, Any]]) -> list[int]:
    return [answer["status"] for answer in answers]


async def test_lines_may_end_in_any_way_and_empty_ones_are_passed_over(server: Server) -> None:
    answers = await sent(server, line("1") + b"\r\n\r\n\n" + line("2") + b"\n  \n" + line("1"))

    assert [(answer["status"], answer["version"]) for answer in answers] == [(201, 1), (201, 1), (201, 2)]


async def test_a_line_may_come_in_any_number_of_pieces(server: Server) -> None:
    text = line("1") + b"\n" + line("1") + b"\n"

    assert statuses(await sent(server, *(text[at : at + 7] for at in range(0, len(text), 7)))) == [201, 201]


async def test_a_line_that_is_too_long_is_refused_by_its_number_and_does_not_stop_the_next(server: Server) -> None:
    long = line("1", data={"x": "x" * 1_100_000})
    pieces = [long[at : at + 60_000] for at in range(0, len(long), 60_000)]
    answers = await sent(server, line("1") + b"\n", *pieces, b"\n" + line("1") + b"\n" + b"{\n", long)

    assert statuses(answers) == [201, 413, 201, 400, 413]
    assert [answer.get("line") for answer in answers] == [None, 2, None, 4, 5]


async def test_an_empty_body_has_no_answers(server: Server) -> None:
    assert await sent(server, b"") == []
    assert await sent(server, b"\n \r\n") == []


async def test_a_precondition_in_the_headers_must_agree_with_the_body(server: Server) -> None:
    await server.send("light", "1", "NEXT")

    async def tried(headers: dict[str, str], **body: Any) -> int:
        named = {name.replace("-", "_"): value for name, value in headers.items()}
        return (await server.post("/entities/light/1/transitions", {"event": "NEXT", **body}, **named)).status_code

    assert await tried({"If-Match": '"7"'}) == 412
    assert await tried({"If-Match": '"7"'}, expected_version=1) == 400
    assert await tried({"If-Match": "*"}, expected_version=0) == 400
    assert await tried({"If-Match": "*"}, expected_version=1) == 201
    assert await tried({"If-None-Match": "*"}) == 412
    assert await tried({"If-None-Match": "*", "If-Match": '"1"'}) == 400


async def test_if_match_with_a_star_never_creates(server: Server) -> None:
    answer = await server.post("/entities/light/new/transitions", {"event": "NEXT"}, If_Match="*")

    assert answer.status_code == 404
    assert answer.json()["why"] == "unknown_entity"


@pytest.mark.parametrize("create", [False, {"n": 1}])
async def test_a_creation_takes_its_data_from_data_alone(server: Server, create: Any) -> None:
    (answer,) = await sent(server, line("1", None, create=create))

    assert (answer["status"], answer["parameter"]) == (400, "create")


async def test_a_creation_that_expects_a_version_finds_no_entity(server: Server) -> None:
    (answer,) = await sent(server, line("1", None, expected_version=7))

    assert (answer["status"], answer["why"]) == (404, "unknown_entity")


async def test_a_payload_is_measured_as_it_is_written_down(server: Server) -> None:
    numbers = b"[" + b",".join([b"1e15"] * 12_000) + b"]"  # 60 kB as sent, 228 kB as recorded
    body = b'{"event":"NEXT","data":{"numbers":' + numbers + b"}}"
    answer = await server.client.post(
        "/api/v1/entities/light/1/transitions", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 413


async def test_a_business_time_that_no_calendar_holds_in_utc_is_refused(server: Server) -> None:
    answer = await server.send("light", "1", "NEXT", occurred_at="0001-01-01T00:00:00+23:59")

    assert answer.status_code == 400
    assert answer.json()["pointer"] == "/occurred_at"


async def test_lines_that_are_read_together_are_still_one_value_each(server: Server) -> None:
    whole = b'{"type": "light", "entity": "a", "event": "NEXT"}'
    torn = [whole + b" " + whole, whole[:-1] + b', "data": {}', b'"id": "c-1"}']

    answer = await server.client.post("/api/v1/commands", content=b"\n".join([*torn, whole]), headers=NDJSON)

    lines = [json.loads(line) for line in answer.content.splitlines()]
    assert [line["status"] for line in lines] == [400, 400, 400, 201]
    assert [line.get("line") for line in lines[:3]] == [1, 2, 3]


async def test_one_bad_line_leaves_its_neighbours_alone_whatever_is_bad_about_it(server: Server) -> None:
    good = '{"type": "light", "entity": "%s", "event": "NEXT", "data": {"n": 1}}'
    bad = {
        "key twice": '{"type": "light", "entity": "x", "event": "NEXT", "event": "NEXT"}',
        "key twice below": '{"type": "light", "entity": "x", "event": "NEXT", "data": {"n": 1, "n": 1}}',
        "number too large": '{"type": "light", "entity": "x", "event": "NEXT", "data": {"n": 9007199254740993}}',
        "too deep": '{"type": "light", "entity": "x", "event": "NEXT", "data": {"n": ' + "[" * 64 + "]" * 64 + "}}",
        "not an id": '{"type": "light", "entity": "a/b", "event": "NEXT"}',
        "not a command's id": '{"type": "light", "entity": "x", "event": "NEXT", "id": "sw:1"}',
    }

    for number, (what, line) in enumerate(bad.items()):
        body = "\n".join([good % f"a{number}", line, good % f"b{number}"]).encode()
        answer = await server.client.post("/api/v1/commands", content=body, headers=NDJSON)
        statuses = [json.loads(each)["status"] for each in answer.content.splitlines()]
        assert statuses == [201, 400, 201], what
