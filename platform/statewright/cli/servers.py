"""The two servers that commands are posted to: one elsewhere, over HTTP, and one in this process, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp

Body = AsyncIterator[bytes]
Message = MutableMapping[str, Any]
Asgi = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_ANSWER_LINE = 2**22
_SILENT_S = 300
"""How long a server may say nothing before the connection is taken for broken, in seconds."""


class ConnectionBroken(Exception):
    """The server could not be reached, or the connection ended before the answer was whole."""


class NeverReached(ConnectionBroken):
    """There was no answer from the first call on: probably nothing listens there."""


class Answer:
    """A status, and a body that is read while it comes."""

    def __init__(self, status: int, chunks: AsyncIterator[bytes]) -> None:
        self.status = status
        self._chunks = chunks

    async def lines(self) -> AsyncGenerator[list[bytes], None]:
        """The lines of the body without their ends, as many at a time as have come. Raises ConnectionBroken."""
        rest = b""
        async for chunk in self._chunks:
            *whole, rest = (rest + chunk).split(b"\n")
            if whole:
                yield whole
        if rest:
            yield [rest]

    async def text(self) -> bytes:
        """The whole body. Raises ConnectionBroken."""
        return b"".join([chunk async for chunk in self._chunks])


class Server(Protocol):
    """Somewhere to post to. Paths are below `/api/v1`."""

    def post(self, path: str, content_type: str, body: Body) -> AbstractAsyncContextManager[Answer]:
        """Send `body` as it comes and read the answer meanwhile. Raises ConnectionBroken."""
        ...

    def get(self, path: str) -> AbstractAsyncContextManager[Answer]:
        """Read something. Raises ConnectionBroken."""
        ...


async def once(text: bytes) -> AsyncGenerator[bytes, None]:
    """A body that is there already."""
    yield text


class RemoteServer:
    """A server by its address. To be used as an asynchronous context manager."""

    def __init__(self, url: str) -> None:
        self._base = url.rstrip("/") + "/api/v1"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> RemoteServer:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_SILENT_S)
        self._session = aiohttp.ClientSession(timeout=timeout, read_bufsize=_ANSWER_LINE)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def post(self, path: str, content_type: str, body: Body) -> AsyncGenerator[Answer, None]:
        """Send in chunks, and read at the same time."""
        headers = {"Content-Type": content_type, "Prefer": "return=minimal"}
        async with self._answer("POST", path, headers, body) as answer:
            yield answer

    @asynccontextmanager
    async def get(self, path: str) -> AsyncGenerator[Answer, None]:
        """Read something."""
        async with self._answer("GET", path, {}, None) as answer:
            yield answer

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, headers: dict[str, str], body: Body | None
    ) -> AsyncGenerator[Answer, None]:
        assert self._session is not None, "use the server as a context manager"
        try:
            async with self._session.request(method, self._base + path, headers=headers, data=body) as response:
                try:
                    yield Answer(response.status, response.content.iter_any())
                except BaseException:
                    # The body may have been sent in part: this connection is of no more use.
                    response.close()
                    raise
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ConnectionBroken(str(error) or type(error).__name__) from error


class EmbeddedServer:
    """The application itself, called as a server would call it."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    @asynccontextmanager
    async def post(self, path: str, content_type: str, body: Body) -> AsyncGenerator[Answer, None]:
        """Hand over the body as it comes, and read at the same time."""
        headers = [(b"content-type", content_type.encode()), (b"prefer", b"return=minimal")]
        async with self._answer("POST", path, headers, body) as answer:
            yield answer

    @asynccontextmanager
    async def get(self, path: str) -> AsyncGenerator[Answer, None]:
        """Read something."""
        async with self._answer("GET", path, [], once(b"")) as answer:
            yield answer

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, headers: list[tuple[bytes, bytes]], body: Body
    ) -> AsyncGenerator[Answer, None]:
        call = _Call(body)
        task = asyncio.create_task(self._run(call, _scope(method, path, headers)))
        try:
            yield Answer(await call.status(), call.chunks())
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def _run(self, call: _Call, scope: Message) -> None:
        try:
            await self._app(scope, call.receive, call.send)
        finally:
            await call.messages.put({"type": "ended"})


class _Call:
    """One call in ASGI's terms (version 3 of its specification)."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._sent_all = False
        self.messages: asyncio.Queue[Message] = asyncio.Queue(maxsize=64)

    async def receive(self) -> Message:
        if self._sent_all:
            await asyncio.Event().wait()  # a caller that never hangs up
        chunk = await anext(self._body, None)
        self._sent_all = chunk is None
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def send(self, message: Message) -> None:
        await self.messages.put(message)

    async def status(self) -> int:
        message = await self.messages.get()
        if message["type"] != "http.response.start":
            raise ConnectionBroken("the application ended without an answer")
        return int(message["status"])

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        more = True
        while more:
            message = await self.messages.get()
            if message["type"] != "http.response.body":
                raise ConnectionBroken("the application ended in the middle of an answer")
            more = message.get("more_body", False)
            yield message.get("body", b"")


def _scope(method: str, path: str, headers: list[tuple[bytes, bytes]]) -> Message:
    address = urlsplit("/api/v1" + path)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": address.path,
        "raw_path": address.path.encode(),
        "query_string": address.query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
        "state": {},
        "extensions": {},
    }
