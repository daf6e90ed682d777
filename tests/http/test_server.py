"""The server's patience: connections that will come to nothing are closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from statewright.http import server as serving
from statewright.http.server import Server, listen

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n"


async def hasty(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An application that answers before the body is there, as a refusal of its size does."""
    if scope["type"] == "http":
        if scope["path"] == "/patient":
            await receive()
            await receive()
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(serving, "SILENCE_S", 0.3)
    monkeypatch.setattr(serving, "HEADERS_S", 0.3)
    listening = listen("127.0.0.1", 0)
    server = Server(hasty, "127.0.0.1", 0, stopping=lambda: None)
    running = asyncio.create_task(server.serve_on(listening))
    yield listening.getsockname()[1]
    server.should_exit = True
    await running


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((HEAD.replace(b" / ", b" /patient ") + b"x",), id="inside a body"),
        pytest.param((HEAD, b"x"), id="inside a body that was answered before its end"),
    ],
)
async def test_a_caller_that_goes_silent_inside_a_body_is_hung_up_on(port: int, pieces: tuple[bytes, ...]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.2)

    async with asyncio.timeout(60):
        while await reader.read(1_000):
            pass
    writer.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"POST /api/v1/commands HTTP/1.1\r\nHost: loc", b"408", id="half a head"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"a" * 70_000, b"431", id="a head without end"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400", id="another protocol"),
    ],
)
async def test_what_never_becomes_a_request_is_answered_with_a_problem_and_hung_up_on(
    port: int, sent: bytes, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)

    async with asyncio.timeout(60):
        answer = await reader.read()
    assert answer.split()[1] == status
    assert b"application/problem+json" in answer
    writer.close()


async def test_a_connection_on_which_nothing_is_said_is_closed(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async with asyncio.timeout(60):
        assert await reader.read() == b""
    writer.close()
