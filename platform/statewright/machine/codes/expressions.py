"""The codes for guards, and for expressions wherever they stand."""

from __future__ import annotations

from statewright.machine.codes.row import Document, Row, context, shutting

_AT = "/states/open/on/SHUT/guard/@expr"


def _asking(expression: str, **changed: object) -> Document:
    """The small definition with an expression that SHUT must fulfil."""
    schemas = context(count={"type": "integer", "default": 0}, email={"type": "string", "personal": True},
                      note={"type": "string"})  # fmt: skip
    return shutting({"target": "closed", "guard": {"@expr": expression}}, schemas=schemas, **changed)


def _related(count: int) -> Document:
    """The small definition with as many guards, each reading another relation."""
    names = [f"r{number}" for number in range(count)]
    guards = {f"g{n[1:]}": {"when": {"@expr": f"has(related.{n}) && related.{n}.open"}} for n in names}
    return shutting(
        [{"target": "closed", "guard": guard} for guard in guards],
        guards=guards,
        relations={name: {"entity": "house", "key": f"{name}_id"} for name in names},
    )


ROWS: dict[str, Row] = {
    "unknown_guard": Row(
        severity="error",
        title="There is no such guard",
        meaning="A branch asks a guard by name that `guards` does not define.",
        remedy="Define it, or write the name of one that is.",
        example=shutting({"target": "closed", "guard": "loked"}, guards={"locked": {"when": {"@expr": "true"}}}),
        pointer="/states/open/on/SHUT/guard",
        mended=shutting({"target": "closed", "guard": "locked"}, guards={"locked": {"when": {"@expr": "true"}}}),
    ),
    "guard_to_fill": Row(
        severity="error",
        title="A guard is still to be written",
        meaning="The guard came without its condition, as from an import: code cannot be carried over.",
        remedy='Write {"@expr": "…"} in the place of `null`.',
        example=shutting({"target": "closed", "guard": "locked"}, guards={"locked": {"when": None}}),
        pointer="/guards/locked/when",
        mended=shutting({"target": "closed", "guard": "locked"}, guards={"locked": {"when": {"@expr": "true"}}}),
    ),
    "bad_guard": Row(
        severity="error",
        title="A guard is not one",
        meaning='A branch has a guard\'s name, {"type": "name", "params": {…}}, or an expression; under `guards` each '
        "has one expression as `when`.",
        remedy="Write it in one of these forms.",
        example=shutting({"target": "closed", "guard": {"expr": "true"}}),
        pointer="/states/open/on/SHUT/guard",
        mended=shutting({"target": "closed", "guard": {"@expr": "true"}}),
    ),
    "bad_expression": Row(
        severity="error",
        title="An expression cannot be read",
        meaning="It is not of the profile of CEL that is used here: broken syntax, an unknown function or variable, a "
        "pattern that cannot run in linear time, or larger than 2 KB, 200 nodes or a depth of 20.",
        remedy="Mend it at `line` and `column`.",
        example=_asking("context.count >"),
        pointer=_AT,
        mended=_asking("context.count > 0"),
    ),
    "type_mismatch": Row(
        severity="error",
        title="Types do not go together",
        meaning="An operator or function is given values of types that it does not take; integers and doubles from "
        "two fields are such a pair. Or the result does not fit the field that it is written to.",
        remedy="Convert one side, as in `double(context.count)`, or compare what is alike.",
        example=_asking("context.count == 'three'"),
        pointer=_AT,
        mended=_asking("context.count == 3"),
    ),
    "not_boolean": Row(
        severity="error",
        title="A guard does not say yes or no",
        meaning="The result of a guard's expression is not true or false.",
        remedy="Compare it with something.",
        example=_asking("context.count + 1"),
        pointer=_AT,
        mended=_asking("context.count + 1 > 3"),
    ),
    "not_a_duration": Row(
        severity="error",
        title="A delay is not a duration",
        meaning="The result of a delay's expression is not a duration.",
        remedy="Subtract two timestamps, or write `duration('PT30M')`.",
        example=shutting("closed", delays={"later": {"duration": {"@expr": "1 + 1"}}}),
        pointer="/delays/later/duration/@expr",
        mended=shutting("closed", delays={"later": {"duration": {"@expr": "now - occurred_at"}}}),
    ),
    "maybe_absent": Row(
        severity="warning",
        title="A field may be absent",
        meaning="The expression reads a field that is neither required nor defaulted, and not every way to this place "
        "writes it. Where it is absent, the event is refused (`guard_error`).",
        remedy="Ask `has(…)` first, or write `context.?field.orValue(…)`.",
        example=_asking("context.note == 'shut'"),
        pointer=_AT,
        mended=_asking("context.?note.orValue('') == 'shut'"),
    ),
    "personal_read": Row(
        severity="error",
        title="A personal field is read as if it were always there",
        meaning="A personal field can be erased for good, and is then absent.",
        remedy="Ask `has(…)` first, or write `context.?field.orValue(…)`.",
        example=_asking("context.email == 'a@example.org'"),
        pointer=_AT,
        mended=_asking("context.?email.orValue('') == 'a@example.org'"),
    ),
    "too_many_relations": Row(
        severity="error",
        title="Too many related entities are read",
        meaning="Expressions of one definition read at most 4 relations, since each is looked up before "
        "every decision.",
        remedy="Keep in the data what is needed of the others, written by events.",
        example=_related(5),
        pointer="/guards/g4/when/@expr",
        mended=_related(4),
    ),
}
