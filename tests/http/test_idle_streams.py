"""Lines that come slowly, through a real server: a caller that goes silent is told so in a last line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from statewright.http import server as serving
from statewright.http import stream
from statewright.http.server import Server as HttpServer
from statewright.http.server import listen
from tests.http.conftest import Server, front_door

HEAD = (
    b"POST /api/v1/commands HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def line(entity: str) -> bytes:
    return json.dumps({"type": "light", "entity": entity, "event": "NEXT"}).encode() + b"\n"


def chunk(text: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(text), text)


@pytest.fixture
async def port(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(stream, "IDLE_S", 4.0)
    monkeypatch.setattr(serving, "SILENCE_S", 60.0)
    listening = listen("127.0.0.1", 0)
    http = HttpServer(front_door(server.rooms), "127.0.0.1", 0, stopping=lambda: None)
    running = asyncio.create_task(http.serve_on(listening))
    yield listening.getsockname()[1]
    http.should_exit = True
    http.force_exit = True
    await running


async def _lines_of(reader: asyncio.StreamReader) -> list[dict[str, Any]]:
    """The lines of a chunked answer, to its regular end."""
    body = b""
    async with asyncio.timeout(60):
        await reader.readuntil(b"\r\n\r\n")
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
    return [json.loads(text) for text in body.splitlines()]


async def test_a_caller_that_goes_silent_gets_its_answers_and_a_last_line_that_says_so(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + chunk(line("a") + line("b") + line("c")[:20]))

    *answers, last = await _lines_of(reader)

    assert [answer["status"] for answer in answers] == [201, 201]
    assert (last["status"], last["type"], last["line"]) == (408, "/problems/too_slow", 2)
    writer.close()


async def test_a_caller_that_is_slow_but_alive_is_waited_for(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD)
    for number in range(4):
        writer.write(chunk(line(str(number))))
        await asyncio.sleep(1.5)  # together longer than anyone may be silent
    writer.write(b"0\r\n\r\n")

    answers = await _lines_of(reader)

    assert [answer["status"] for answer in answers] == [201] * 4
    writer.close()
