"""What talking to a server over HTTP promises: answers are read while the body is still being sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from statewright.cli.replaying import Rejected, Replay, numbered
from statewright.cli.servers import ConnectionBroken, RemoteServer, once

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NO_KEY = b'{"type":"/problems/unauthenticated","status":401,"detail":"no key"}'


@asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[str, None]:
    """A server of a few lines on a port of its own; its address."""
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await handler(reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def turn_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Know nothing, answer a POST with 401 once its head is there, and never read the body."""
    head = b"GET"
    while head.startswith(b"GET"):
        head = await reader.readuntil(b"\r\n\r\n")
        status = b"404 Not Found" if head.startswith(b"GET") else b"401 Unauthorized"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(NO_KEY), NO_KEY))
        await writer.drain()


async def test_a_server_that_answers_early_and_reads_no_further_does_not_hold_us_up():
    line = b'{"type": "order", "entity": "1", "event": "E", "data": {"x": "%s"}}\n' % (b"x" * 1_000)

    async with serving(turn_away) as url, RemoteServer(url) as server, asyncio.timeout(60):
        with pytest.raises(Rejected, match="no key"):
            await Replay(server, numbered([line] * 20_000), "log", lambda verdict: None).run(lambda why: None)


async def test_an_answer_that_ends_in_the_middle_is_a_broken_connection():
    async def tear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}")
        writer.close()

    async with serving(tear) as url, RemoteServer(url) as server:
        with pytest.raises(ConnectionBroken):
            async with server.post("/commands", "application/x-ndjson", once(b"{}\n")) as answer:
                await answer.text()


async def test_a_server_that_is_not_there_is_a_broken_connection():
    async with serving(turn_away) as url:
        pass

    async with RemoteServer(url) as server:
        with pytest.raises(ConnectionBroken):
            async with server.get("/definitions"):
                pass
