"""The data: schemas, and the constants that patches write into them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from statewright.machine.definition import Patch
from statewright.machine.lint.survey import Survey, assigned
from statewright.machine.problem import Problem, child, error, pointer_of, shown, warning
from statewright.machine.schemas import Schema

UNSET = {"@unset": True}
_MONEY = re.compile(
    r"(?:^|_)(?:amount|balance|cost|credit|debit|discount|fee|fees|fine|gross|income|net|paid|payment|price|refund"
    r"|salary|subtotal|sum|tax|total|turnover|vat|wage|euros?|dollars?|eur|usd|gbp|chf)(?:$|_)"
)


def problems_of(survey: Survey) -> Iterator[Problem]:
    """What is wrong with the schemas, and with what is written by constants."""
    yield from survey.schema_problems
    written = survey.definition.schemas
    if written.context:
        yield from _nested_personal(written.context, "/schemas/context")
        yield from _money(written.context, "/schemas/context")
    for event, schema in survey.events.items():
        pointer = pointer_of("schemas", "events", event)
        if schema is not None and "type" in schema.fields:
            at = pointer + pointer_of("properties", "type")
            yield error("bad_schema", at, "no field of an event may be called `type`: it is the event's name",
                        "call it `kind`")  # fmt: skip
        yield from _nested_personal(written.events[event], pointer)
        yield from _money(written.events[event], pointer)
    for patch, pointer in patches_of(survey):
        yield from _patch(survey, patch, pointer)


def patches_of(survey: Survey) -> Iterator[tuple[Patch, str]]:
    """Every set of fields that is written somewhere, with its place; the initial data first."""
    yield survey.definition.context, "/context"
    for site in survey.sites:
        yield site.branch.context, child(site.pointer, "context")
    for doing in survey.doings:
        yield dict(assigned(doing.action)), child(doing.pointer, "context")
    for index, migration in enumerate(survey.definition.migrations):
        yield migration.context, pointer_of("migrations", index, "context")


def _patch(survey: Survey, patch: Patch, pointer: str) -> Iterator[Problem]:
    closed = _closed(survey.definition.schemas.context)
    for field, value in patch.items():
        at = child(pointer, field)
        if survey.context is not None and field not in survey.context.fields:
            yield from _undeclared(survey, survey.context, field, at, closed)
        if value == UNSET:
            if pointer == "/context":
                yield error("bad_patch", at, "initial data can set fields, not remove them", "leave the field out")
            continue
        marks = [*_marks_in(value)]
        if wrong := next((mark for mark in marks if mark != "@expr"), None):
            fix = 'write a constant, {"@expr": "…"}, or {"@unset": true} for the whole field'
            yield error("bad_patch", at, f"{shown(wrong)} has no meaning here", fix)
        elif marks and pointer == "/context":
            fix = "write it by `assign` in the definition's `entry`"
            yield error("bad_patch", at, "initial data are constants", fix)
        elif not marks and survey.context is not None and not survey.context.accepts_constant(field, value):
            yield error("bad_patch", at, f"this value does not fit the schema of {shown(field)}")


def _undeclared(survey: Survey, schema: Schema, field: str, pointer: str, closed: bool) -> Iterator[Problem]:
    sentence = f"the schema of the data has no field {shown(field)}"
    fix = survey.meant(field, schema.fields) or "declare it in `schemas.context`"
    if closed:
        yield error("unknown_field", pointer, sentence + " and takes no others", fix)
    else:
        yield warning("undeclared_field", pointer, sentence, fix)


def _closed(written: Mapping[str, Any] | None) -> bool:
    """Whether a schema takes no fields but those it declares."""
    return written is not None and written.get("additionalProperties") is False and "patternProperties" not in written


def _marks_in(value: Any) -> Iterator[str]:
    """The `@` keys anywhere inside a value, and of an expression that is no text or has keys beside it another."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "@expr" and (len(value) > 1 or not isinstance(item, str)):
                yield next((other for other in value if other != "@expr"), "@expr that is no text")
            elif key.startswith("@"):
                yield key
            yield from _marks_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _marks_in(item)


def _money(written: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
    """A third of a cent is how orders stay unpaid for ever."""
    fields = written.get("properties")
    for name, field in fields.items() if isinstance(fields, dict) else ():
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        if isinstance(field, dict) and field.get("type") == "number" and _MONEY.search(snake):
            at = pointer + pointer_of("properties", name)
            sentence = f"{shown(name)} looks like money, and a `number` is rounded in binary"
            yield warning("money_as_number", at, sentence, 'count the smallest unit: "type": "integer", in cents')


def _nested_personal(written: Mapping[str, Any], pointer: str) -> Iterator[Problem]:
    fields = written.get("properties")
    for name, field in fields.items() if isinstance(fields, dict) else ():
        if _marks_below(field, "personal"):
            at = pointer + pointer_of("properties", name)
            yield error("bad_schema", at, "`personal` may stand on top-level fields only", "mark the whole field")
    if _marks_below({**written, "properties": {}}, "personal"):
        yield error("bad_schema", pointer, "`personal` may stand on top-level `properties` only", "mark whole fields")


def _marks_below(written: Any, mark: str) -> bool:
    if isinstance(written, list):
        return any(_marks_below(item, mark) for item in written)
    if not isinstance(written, dict):
        return False
    below = [value for key, value in written.items() if key not in ("const", "enum", "default", "examples")]
    return any(isinstance(item, dict) and item.get(mark) is True for item in _subschemas(below)) or any(
        _marks_below(item, mark) for item in below
    )


def _subschemas(items: Sequence[Any]) -> Iterator[Any]:
    for item in items:
        yield item
        if isinstance(item, dict):
            yield from item.values()
