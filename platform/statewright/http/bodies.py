"""A request's body as bytes: of the right media type, of a bearable size, and within a bearable time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from litestar.exceptions import InternalServerException

from statewright.http.problems import ProblemFound, refuse
from statewright.http.reading import Unread, decode, explained
from statewright.http.strictness import AnyRequest

T = TypeVar("T")
BODY_BYTES = 1_000_000
BODY_S = 20.0
"""How long a body may take to arrive, in seconds; who sends a byte now and then must not hold a place for ever."""


async def json_text(request: AnyRequest) -> bytes:
    """The JSON text that the request carries, not yet read. Raises ProblemFound: 415, 413, 408."""
    return await body_text(request, ("application/json",))


async def body_of(request: AnyRequest, decoder: msgspec.json.Decoder[T]) -> T:
    """What the request carries, as `decoder` makes it of its JSON. Raises ProblemFound."""
    try:
        return decode(await json_text(request), decoder)
    except Unread as found:
        raise ProblemFound(await explained(found)) from None


async def body_text(request: AnyRequest, takes: Sequence[str]) -> bytes:
    """What the request carries, not yet read, in one of the media types `takes`. Raises ProblemFound: 415, 413, 408."""
    media, _ = request.content_type
    if media.lower() not in takes:
        said = f"{media[:100]!r} was sent" if media else "no Content-Type was sent"
        raise refuse("unsupported_media_type", f"This call takes {', '.join(takes)}; {said}.", supported=list(takes))
    try:
        async with asyncio.timeout(BODY_S):
            return await request.body()
    except TimeoutError:
        raise refuse("too_slow", f"The body was not complete after {BODY_S:.0f} seconds.") from None
    except InternalServerException:
        # how the framework says that the client went away; nobody will read this answer
        raise refuse("too_slow", "The connection was closed before the body was complete.") from None
