"""Pages and parts of pages from templates, with the headers that every one of them carries."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.enums import MediaType

from statewright_ui import words
from statewright_ui.assets import ASSETS
from statewright_ui.needs import AskedFor

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
DIAGRAM_WINDOW = (1100.0, 420.0)
"""The room for a diagram, in pixels: wide and low, since what stands below it is read as well."""


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        ago=words.ago,
        since=words.since,
        until=words.until,
        span=words.span,
        number=words.number,
        counted=words.counted,
        json=words.json_text,
        moment=words.moment,
        json_line=words.json_line,
    )
    made.globals.update(address=words.address, asset=ASSETS.address)
    return made


_TEMPLATES = _environment()


def wanted_part(request: AskedFor) -> str | None:
    """The id of the element that htmx will fill with the answer; None where a whole page is wanted.

    Without scripts, and after going back in the history, it is always the whole page.
    """
    if request.headers.get("hx-request-type") != "partial":
        return None
    return request.headers.get("hx-target", "").rpartition("#")[2] or None


def part_of(request: AskedFor, *parts: str) -> str | None:
    """Which of `parts` is wanted; None for the whole page, and for a part that is not among them."""
    part = wanted_part(request)
    return part if part in parts else None


def here(request: AskedFor) -> str:
    """The address that was asked for, with its query: what a part asks again."""
    query = request.scope["query_string"].decode("ascii", "replace")
    return request.scope["raw_path"].decode("ascii", "replace").partition("?")[0] + (f"?{query}" if query else "")


def rendered(request: AskedFor, template: str, *, status: int = 200, **context: Any) -> Response[str]:
    """A page, or a part of one, from `template` (its room and file, as in `entity/page.html`)."""
    nonce = secrets.token_urlsafe(16)
    html = _TEMPLATES.get_template(template).render(context, nonce=nonce, at=here(request))
    return Response(html, status_code=status, media_type=MediaType.HTML, headers=_headers(nonce))


def _headers(nonce: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": _POLICY.format(nonce=nonce),
        "Cache-Control": "no-store",
        "Vary": "HX-Request-Type, HX-Target",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
