"""The floors of the HTTP measurements: servers that answer and do nothing else, raw and typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from litestar import Litestar, post
from litestar.params import JSONBody
from msgspec import Struct

Message = MutableMapping[str, Any]


async def raw(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Read the whole body and answer 201 with it: the least that an ASGI application can do."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Sent(Struct):
    """An event as `benchmarks.workload` writes it, so that the typed floor reads what our server reads."""

    event: str
    id: str
    data: dict[str, int | str]


@post("/echo")
async def echo(data: JSONBody[Sent]) -> Sent:
    """Answer 201 with what came, through the framework's own reading and writing of structs."""
    return data


typed = Litestar([echo], openapi_config=None, logging_config=None)
