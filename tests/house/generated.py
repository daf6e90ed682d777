"""The files that are made from code, and how: run as a module (`make generated`), it writes them again."""

from __future__ import annotations

import json
from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from statewright.http.problems import TABLE
from statewright.machine import codes, definition, scenarios

HOUSE = Path(__file__).parents[2]

_ABOUT_PROBLEMS = """\
# Problems

Every error of the API is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), served as
`application/problem+json`: `type` is `/problems/<code>`, `title` and `status` are as below, `detail` is a sentence
about this one case, and further fields say what a program needs to know. A server explains its own codes at
`GET /problems/{code}`. This page is made from the table in the code (`make generated`).

Refusals carry besides: `why` (the code again), `event`, `state` and `version` of the entity, which it keeps, and
`allowed`, the events that have a branch there.
"""


def definition_schema() -> str:
    """The JSON Schema of the definition language."""
    return _pretty(definition.json_schema())


def scenarios_schema() -> str:
    """The JSON Schema of scenario files."""
    return _pretty(scenarios.json_schema())


def problems() -> str:
    """The reference of the API's problem codes, by status."""
    parts = [_ABOUT_PROBLEMS]
    for code, row in TABLE.items():
        again = "" if row.retry_after_s is None else f" Carries `Retry-After: {row.retry_after_s}`."
        parts.append(
            f"## `{code}` ({row.status})\n\n**{row.title}.** {row.meaning}{again}\n\n*What to do:* {row.remedy}\n"
        )
    return "\n".join(parts)


_ABOUT_CODES = """\
# Problems of a definition

What `statewright check`, `POST /definitions/check` and every registration report: all problems at once, each with a
code, a JSON pointer, line and column, a sentence, and often a fix. In an expression, `offset` counts the characters
before the fault, and line and column are those of the character itself.

* **malformed**: the document is not of this language. It is refused; not even a draft is kept.
* **error**: the document is kept as a draft, and cannot be activated.
* **warning**: worth a look, and forbids nothing.

Each code has a page with an example. These pages are made from the table in the code (`make generated`).
"""
_HEADINGS = {"malformed": "Malformed", "error": "Errors", "warning": "Warnings"}
_MANY = "Such a document is too long to be shown here."
_BY_SERVER = "Only a server can find it, so no document shows it."


def definition_problems() -> str:
    """The reference of the codes of definitions, by severity."""
    parts = [_ABOUT_CODES]
    for severity, heading in _HEADINGS.items():
        rows = [
            f"| [`{code}`](definition-problems/{code}.md) | {row.title} |"
            for code, row in codes.TABLE.items()
            if severity in (row.severity, row.also)
        ]
        parts.append("\n".join([f"## {heading}\n", "| code | what is wrong |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


def _page_of_code(code: str) -> Callable[[], str]:
    """What makes the page of one code."""

    def page() -> str:
        row = codes.TABLE[code]
        severity = row.severity if row.also is None else f"{row.severity} or {row.also}"
        parts = [f"# `{code}` ({severity})", f"**{row.title}.** {row.meaning}", f"*What to do:* {row.remedy}"]
        if row.example is None or row.mended is None:
            parts.append(_MANY if code.startswith("too_") else _BY_SERVER)
        else:
            where = f"at `{row.pointer}`" if row.pointer else "for the whole document"
            parts += [f"This gives it, {where}:", _fenced(row.example), "And this does not:", _fenced(row.mended)]
        parts.append("[All problems of a definition](../definition-problems.md)\n")
        return "\n\n".join(parts)

    return page


def _fenced(document: codes.Document | str) -> str:
    text = document if isinstance(document, str) else _compact(document)
    return f"```json\n{text}\n```"


def _compact(value: Any, indent: int = 0) -> str:
    """JSON as people write it: what fits on a line stands on one."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict) or len(line) + indent <= 80 or not value:
        return line
    inner = [f"{' ' * (indent + 2)}{json.dumps(key)}: {_compact(item, indent + 2)}" for key, item in value.items()]
    return "{\n" + ",\n".join(inner) + "\n" + " " * indent + "}"


MADE: dict[str, Callable[[], str]] = {
    "definitions/definition.schema.json": definition_schema,
    "definitions/scenarios.schema.json": scenarios_schema,
    "docs/reference/problems.md": problems,
    "docs/reference/definition-problems.md": definition_problems,
    **{f"docs/reference/definition-problems/{code}.md": _page_of_code(code) for code in codes.TABLE},
}
"""Each generated file, by its path in the house, and what makes its text."""


def _pretty(schema: dict[str, Any]) -> str:
    text = msgspec.json.encode(_dedented(schema), order="deterministic")
    return msgspec.json.format(text, indent=2).decode() + "\n"


def _dedented(value: Any) -> Any:
    """The schema with its descriptions, which come from docstrings, as Python has them from 3.13 on: not indented."""
    if isinstance(value, list):
        return [_dedented(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: cleandoc(item) if key == "description" and isinstance(item, str) else _dedented(item)
        for key, item in value.items()
    }


if __name__ == "__main__":
    for path, make in MADE.items():
        (HOUSE / path).parent.mkdir(exist_ok=True)
        (HOUSE / path).write_text(make())
