"""The files that are made from code, and how: run as a module (`make generated`), it writes them again."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec

from statewright.http.problems import TABLE
from statewright.machine import definition, scenarios

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


MADE: dict[str, Callable[[], str]] = {
    "definitions/definition.schema.json": definition_schema,
    "definitions/scenarios.schema.json": scenarios_schema,
    "docs/reference/problems.md": problems,
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
        (HOUSE / path).write_text(make())
