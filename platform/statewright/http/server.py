"""The HTTP server: uvicorn with uvloop and httptools, and the patience it lacks.

As shipped, half-sent headers stay open for ever, header lines have no limit, and a request that is not HTTP is
answered in plain text.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from statewright.http.problems import MEDIA_TYPE, encode, problem

HEADERS_S = 10.0
"""How long a request's head may take to arrive, from the first byte or from the opening of the connection."""
SILENCE_S = 30.0
"""How long a request that has begun may send nothing."""
HEADERS_BYTES = 32_768
GRACE_S = 25
"""How long requests under way may take to finish once the server is asked to stop."""


class _Joining:
    """A transport that sends what is written in one turn of the event loop in one piece.

    uvicorn writes the head of an answer and its body apart, and each would be a call into the kernel and a packet.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send with whatever else is written in this turn."""
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(data)

    def _send(self) -> None:
        if self._waiting:
            self._transport.write(b"".join(self._waiting))
            self._waiting.clear()

    def close(self) -> None:
        """Send what waits, then hang up."""
        self._send()
        self._transport.close()


class PatientProtocol(HttpToolsProtocol):
    """One connection. Times are looked at by the server's sweep, so that a request costs no timer."""

    head_since: float | None
    heard_at: float
    head_bytes: int
    piece_bytes: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(cast(asyncio.Transport, _Joining(transport, self.loop)))
        self.head_since = self.heard_at = self.loop.time()
        self.head_bytes = 0

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        self.piece_bytes = len(data)
        if self.head_since is not None:
            self.head_bytes += len(data)
        super().data_received(data)
        if self.head_since is not None and self.head_bytes > HEADERS_BYTES:
            self.refuse("headers_too_large", f"The request's head has more than {HEADERS_BYTES:,} bytes.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.head_since = self.heard_at
        self.head_bytes = self.piece_bytes

    def on_headers_complete(self) -> None:
        self.head_since = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.head_bytes = 0

    def send_400_response(self, msg: str) -> None:
        self.refuse("malformed", "This is not an HTTP/1.1 request.")

    def refuse(self, code: str, detail: str) -> None:
        """Answer with a problem document and hang up, where no request has reached the application."""
        if self.transport is None or self.transport.is_closing():
            return
        found = problem(code, detail)
        body = encode(found)
        head = f"HTTP/1.1 {found.status} \r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()

    def look(self, now: float) -> None:
        """Hang up on a caller that takes too long over the head, or has gone silent inside a body."""
        if self.head_since is not None:
            if now - self.head_since > HEADERS_S:
                if self.head_bytes:
                    self.refuse("too_slow", f"The request's head was not complete after {HEADERS_S:.0f} seconds.")
                elif self.timeout_keep_alive_task is None and self.transport is not None:
                    self.transport.close()
        elif now - self.heard_at > SILENCE_S and self.is_in_a_body and not self.flow.read_paused:
            self.transport.close()

    @property
    def is_in_a_body(self) -> bool:
        """Whether the rest of a request's body is to come, even of one that was answered before its end."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_complete:
            return (
                self.timeout_keep_alive_task is None
            )  # uvicorn's own timer ends when some of the rest comes after all
        return cycle is not None and cycle.more_body


class Server(uvicorn.Server):
    """uvicorn's server, which sweeps its connections and says when it is asked to stop."""

    def __init__(self, app: Any, host: str, port: int, *, stopping: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=PatientProtocol,
            loop="uvloop",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_S,
        )
        super().__init__(config)
        self._stopping = stopping

    async def serve_on(self, listening: socket.socket) -> None:
        """Serve until asked to stop, then finish the requests under way."""
        sweep = asyncio.create_task(self._sweep(), name="sweep")
        try:
            await self.serve([listening])
        finally:
            sweep.cancel()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1)
            for connection in list(self.server_state.connections):
                if isinstance(connection, PatientProtocol):
                    connection.look(loop.time())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn would raise the signal again once it has served, and so end the process before the log is closed.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        self._stopping()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens already, so that the port is known, and taken, before anything else starts.

    Raises OSError when the address is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2_048)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening
