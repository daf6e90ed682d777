"""Something between a client and the servers: it hands on what they say, and may keep answers back or change them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable

Change = Callable[[bytes], bytes]


class Between:
    """A proxy for one server; `async with` runs it. `change` is what becomes of what the server says."""

    def __init__(self, port: int, change: Change = lambda said: said) -> None:
        self._behind = port
        self.change = change
        self.heard = b""
        self.lets_through = asyncio.Event()
        self.lets_through.set()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Between:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    def url(self, name: str, settings: str) -> str:
        """The URL of a log, through here; what the servers say of their other addresses is kept back."""
        return f"nats://127.0.0.1:{self.port}/{name}?{settings}"

    def cut(self) -> None:
        """End all connections."""
        for writer in list(self._connections):
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._behind)
        ours = {writer, back}
        self._connections |= ours
        try:
            with contextlib.suppress(asyncio.CancelledError):  # the test is over
                await asyncio.gather(self._hand_on(reader, back, said=False), self._hand_on(there, writer, said=True))
        finally:
            for each in ours:
                each.close()
            self._connections -= ours

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, said: bool) -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(1 << 20):
                if said:
                    part = self.change(re.sub(rb'"connect_urls":\[[^]]*\],?', b"", part))
                else:
                    self.heard += part
                    await self.lets_through.wait()
                writer.write(part)
                await writer.drain()
        writer.close()
