"""Personal fields of a definition, and why they keep it from being activated where nothing protects them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from statewright.machine.definition import Definition
from statewright.machine.problem import Problem, pointer_of

FLAG = "--allow-unprotected-personal-data"


def unprotected(definition: Definition) -> Iterator[Problem]:
    """One error per personal field of a definition that is to be active where no key encrypts such values."""
    for pointer in _places(definition):
        yield Problem(
            code="unprotected_personal_data",
            severity="error",
            pointer=pointer,
            sentence="the field is personal, and there is no master key here to encrypt personal values with",
            fix=f"start Statewright with --master-key-file (`statewright keys new` makes a key), or with {FLAG}",
        )


def _places(definition: Definition) -> Iterator[str]:
    schemas = definition.schemas
    yield from _marked(schemas.context or {}, pointer_of("schemas", "context"))
    for event, schema in schemas.events.items():
        yield from _marked(schema, pointer_of("schemas", "events", event))


def _marked(schema: dict[str, Any], pointer: str) -> Iterator[str]:
    fields = schema.get("properties")
    for name, field in fields.items() if isinstance(fields, dict) else ():
        if isinstance(field, dict) and field.get("personal") is True:
            yield pointer + pointer_of("properties", name)
