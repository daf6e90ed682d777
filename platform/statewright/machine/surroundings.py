"""What a definition is checked against besides itself: the types it relates to, and its own earlier revisions.

Plain values, handed in by who keeps the definitions, so that checking stays pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from msgspec import Struct

from statewright.machine.definition import Definition
from statewright.machine.targets import Path, States


class Other(Struct, frozen=True):
    """Another definition, as far as expressions can speak of it.

    `data` is the schema of its data, None where it has none; `states` are the full paths of its states.
    """

    data: dict[str, Any] | None = None
    states: tuple[Path, ...] = ()


class Surroundings(Struct, frozen=True):
    """The definitions around one: related types by name, each as its active revision, and earlier revisions by number.

    A type that is not there is not known, and what is read of it is dynamic. `revisions` is None where the earlier ones
    are not at hand at all; otherwise a number that is not there is no revision.
    """

    types: dict[str, Other] = {}
    revisions: dict[int, Other] | None = None


ALONE = Surroundings()


class Named(Struct, frozen=True):
    """What a document names outside of itself: its own type, the types it relates to, and the revisions it migrates."""

    type: str = ""
    types: tuple[str, ...] = ()
    revisions: tuple[int, ...] = ()


def other(definition: Definition) -> Other:
    """What others may know of a definition."""
    return Other(definition.schemas.context, tuple(States(definition).by_path))


def named_in(text: bytes) -> Named:
    """What to look up before a document is checked; nothing for a text that is no document at all."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return Named()
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        return Named()
    relations, migrations = document.get("relations"), document.get("migrations")
    types = [one.get("entity") for one in _objects(relations.values() if isinstance(relations, dict) else ())]
    lists = [one.get("from") for one in _objects(migrations if isinstance(migrations, list) else ())]
    revisions = [number for listed in lists if isinstance(listed, list) for number in listed]
    return Named(
        document["id"],
        tuple(dict.fromkeys(name for name in types if isinstance(name, str))),
        tuple(dict.fromkeys(number for number in revisions if type(number) is int)),
    )


def _objects(values: Iterable[Any]) -> Iterable[dict[str, Any]]:
    return (value for value in values if isinstance(value, dict))
