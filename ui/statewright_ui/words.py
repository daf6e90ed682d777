"""How values are written for people: ages and spans, numbers, addresses, JSON."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup

from statewright.machine.moments import text_of

_UNITS = (("y", 31_557_600), ("mo", 2_629_800), ("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_MINUTES = 4
_MILLISECOND = 0.001
_TENTHS_BELOW = 10
"""So many seconds are told to a tenth: whole ones would make quick stays look alike."""


def span(seconds: float) -> str:
    """How long that is, in at most two units: "2 h 14 min", "3 d", "12 s", "1.5 s", "250 ms"."""
    if 0 < seconds < 1:
        return f"{int(seconds * 1000)} ms" if seconds >= _MILLISECOND else "under 1 ms"
    if seconds < _TENTHS_BELOW and (tenths := int(seconds * 10)) % 10:
        return f"{tenths / 10} s"
    for at, (unit, size) in enumerate(_UNITS):
        if seconds >= size:
            rest = int(seconds % size // _UNITS[at + 1][1]) if at < _MINUTES else 0
            return f"{int(seconds // size)} {unit}" + (f" {rest} {_UNITS[at + 1][0]}" if rest else "")
    return "0 s"


def full(micros: int) -> str:
    """The moment written out: 23 Nov 2026 11:30:00.123 UTC."""
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC)
    return f"{moment:%-d %b %Y %H:%M:%S}.{micros % 1_000_000 // 1000:03} UTC"


def moment(micros: int) -> str:
    """The moment as people and machines read it, to the second unless it has parts of one: 2026-11-23T11:30:00Z."""
    return text_of(micros).replace(".000000", "")


def ago(micros: int | None) -> Markup:
    """A `<time>` that says how long ago it was, and exactly when where one points at it."""
    return _time(micros, "ago")


def since(micros: int | None) -> Markup:
    """A `<time>` that says how long it has been since."""
    return _time(micros, "span")


def until(micros: int) -> Markup:
    """A `<time>` that says in how long it will be, or for how long it has been due."""
    return _time(micros, "until")


def _time(micros: int | None, kind: str) -> Markup:
    if not micros:
        return Markup('<span class="muted">never</span>')
    seconds = time.time() - micros / 1_000_000
    words = span(max(int(seconds), 0))  # an age grows while one reads it, so parts of a second say nothing
    if kind == "ago":
        words = f"{words} ago" if seconds >= 1 else "now"
    if kind == "until":
        words = f"in {span(int(-seconds))}" if seconds <= -1 else f"for {words}" if seconds >= 1 else "now"
    return Markup('<time datetime="{}" title="{}" data-age="{}">{}</time>').format(
        text_of(micros), full(micros), kind, words
    )


def number(value: float) -> str:
    """12345 as 12,345."""
    return f"{value:,.0f}"


def counted(value: int, one: str, many: str) -> str:
    """How many of what: 1 entity, 12,345 entities."""
    return f"{number(value)} {one if value == 1 else many}"


def address(*steps: object, **query: object) -> str:
    """The address of a page, every step and value percent-encoded; what is None or empty is left out of the query.

    The only way an id gets into a link.
    """
    path = "/" + "/".join(quote(str(step), safe="") for step in steps)
    asked = [(key, value) for key, value in query.items() if value not in (None, "", [], ())]
    return path + ("?" + urlencode(asked, doseq=True, quote_via=quote) if asked else "")


def json_text(value: Any) -> str:
    """JSON as people like to read it."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def json_line(value: Any) -> str:
    """JSON on one line; text by itself without quotes, since that is how people say it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def curl(base: str, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> str:
    """A command for a shell that posts `body`, or reads where there is none; every word quoted, whatever stands in it.

    `path` is percent-encoded, so nothing in it is left for curl itself to expand.
    """
    words = ["curl", *(["-X", "POST"] if body is not None else []), base.rstrip("/") + path]
    if body is not None:
        words += ["-H", "Content-Type: application/json"]
    for name, value in headers.items():
        words += ["-H", f"{name.replace('_', '-')}: {value}"]
    return shlex.join(words if body is None else [*words, "-d", json.dumps(body, ensure_ascii=False)])
