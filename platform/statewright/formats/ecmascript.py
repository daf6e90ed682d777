"""Conditions and values written in JavaScript made into ours, as far as both languages mean the same by them.

SCXML documents mostly use the ECMAScript data model. Only plain comparisons and arithmetic over known fields are
taken over; whatever calls, assigns or coerces is left to a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import orjson

_TOKEN = re.compile(
    r"\s*(?:(?P<call>In\s*\(\s*(?P<quote>['\"])(?P<state>[^'\"]*)(?P=quote)\s*\))"
    r"|(?P<text>'[^'\\\n]*'|\"[^\"\\\n]*\")"
    r"|(?P<number>(?:0|[1-9]\d*)(?:\.\d+)?(?![\w.]))"
    r"|(?P<event>_event\s*\.\s*(?:name\b|data\s*\.\s*[A-Za-z_]\w*))"
    r"|(?P<field>\.\s*[A-Za-z_]\w*)"
    r"|(?P<name>[A-Za-z_$][\w$]*)"
    r"|(?P<sign>===|!==|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:()]))"
)
_SIGNS = {"===": "==", "!==": "!="}
_LENGTH = 2_000


class Constant(NamedTuple):
    """A value that needs no evaluation."""

    value: Any


def constant_of(text: str) -> Constant | None:
    """The value of a JSON or JavaScript literal; None where `text` is something to evaluate."""
    stripped = text.strip()
    if re.fullmatch(r"'[^'\\\n]*'", stripped):
        return Constant(stripped[1:-1])
    try:
        return Constant(orjson.loads(stripped))
    except orjson.JSONDecodeError:
        return None


def cel_of(text: str, fields: Collection[str], path_of: Callable[[str], str | None]) -> str | None:
    """A JavaScript expression in our language; None where it says something that ours does not, or not surely.

    `fields` are the names that are data; `path_of` gives the path of a state by its id.
    """
    if len(text) > _LENGTH:
        return None
    found: list[str] = []
    at = 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        said = None if token is None else _said(token, fields, path_of, found[-1] if found else "", text[token.end() :])
        if token is None or said is None:
            return None
        found.append(said)
        at = token.end()
    return _joined(found) if found else None


def _said(
    token: re.Match[str], fields: Collection[str], path_of: Callable[[str], str | None], before: str, after: str
) -> str | None:
    match token.lastgroup:
        case "state" | "quote" | "call":
            path = path_of(token["state"])
            return None if path is None else f"in_state('{path}')"
        case "text" | "number":
            return token[token.lastgroup]
        case "event":
            what = re.sub(r"\s", "", token["event"])
            return "event.type" if what == "_event.name" else what.replace("_event.data", "event")
        case "field":
            plain = before.startswith(("context", "event", ".")) and token["field"] != ".length"
            return None if not plain or after.lstrip().startswith("(") else re.sub(r"\s", "", token["field"])
        case "name":
            if token["name"] in ("true", "false", "null"):
                return token["name"]
            called = after.lstrip().startswith(("(", "["))
            return f"context.{token['name']}" if token["name"] in fields and not called else None
        case _:
            return _SIGNS.get(token["sign"], token["sign"])


def _joined(said: list[str]) -> str:
    text = ""
    for word in said:
        tight = not text or word.startswith((".", ")")) or text.endswith(("(", "!"))
        text += word if tight else f" {word}"
    return text
