"""Forms that people send: where they may come from, and what stands in them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from litestar import Response
from litestar.exceptions import PermissionDeniedException

from statewright_ui.needs import AskedFor


async def sent(request: AskedFor) -> list[tuple[str, Any]]:
    """The fields of a form that was sent from one of our own pages, in order.

    Raises PermissionDeniedException for one that another site's page had the browser send: as long as nobody signs
    in, being asked from here is what lets a person in.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("none", "same-origin"):
        raise PermissionDeniedException("a page of another site may not send this")
    origin = request.headers.get("origin")
    if site is None and origin and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise PermissionDeniedException("a page of another site may not send this")
    return list((await request.form()).multi_items())


def field(fields: list[tuple[str, Any]], name: str, default: str = "") -> str:
    """The last value of a field that is text."""
    found = [value for key, value in fields if key == name and isinstance(value, str)]
    return found[-1] if found else default


def see_other(address: str) -> Response[None]:
    """Have the browser go on to a page, so that reloading it sends nothing again."""
    return Response(None, status_code=303, headers={"Location": address, "Cache-Control": "no-store"})
