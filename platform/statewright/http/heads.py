"""`HEAD` wherever `GET` is answered: the same status and headers, and no body (RFC 9110, section 9.3.2)."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from statewright.http.stream import App, Receive, Scope, Send


class Heads:
    """An ASGI application that asks `app` with GET where it is asked with HEAD, and keeps the body to itself.

    The answer is complete with its head. A stream without end learns so like any caller's going away: `receive` says
    that the request is over.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def head_only(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        # A copy: the server must go on knowing that it answers a HEAD, whose Content-Length is not that of a body.
        await self.app({**scope, "method": "GET"}, receive, head_only)
