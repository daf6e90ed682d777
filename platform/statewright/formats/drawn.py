"""What a picture does not show, by its pointer, so that nothing is left out unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from statewright.formats.notes import Note
from statewright.formats.written import Place, branches_in, states_in
from statewright.machine.problem import child, pointer_of

_ON_MACHINE = (
    "schemas",
    "context",
    "keep",
    "partition_by",
    "creation",
    "relations",
    "migrations",
    "delays",
    "internalEvents",
    "entry",
    "exit",
)
_ON_STATE = ("entry", "exit", "sla")
_ON_BRANCH = ("context", "keep", "actions", "reenter")


def not_drawn(document: dict[str, Any], what: str, *, but: frozenset[str] = frozenset()) -> tuple[Note, ...]:
    """A note for each part of a document that `what`, such as Mermaid, has no sign for; `but` are keys it shows."""
    return tuple(
        Note(severity="lost", pointer=pointer, sentence=f"{what} does not show {key!r}")
        for pointer, key in _places(document)
        if key not in but
    )


def _places(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((pointer_of(key), key) for key in _ON_MACHINE if document.get(key))
    for place in (Place("", document, ""), *states_in(document)):
        if place.path:
            yield from ((child(place.pointer, key), key) for key in _ON_STATE if place.written.get(key))
        yield from _of_branches(place)


def _of_branches(place: Place) -> Iterator[tuple[str, str]]:
    for key in ("on", "after"):
        for trigger, written in place.written.get(key, {}).items():
            yield from _in(written, place.pointer + pointer_of(key, trigger))
    for key in ("always", "onDone"):
        if key in place.written:
            yield from _in(place.written[key], child(place.pointer, key))


def _in(written: Any, pointer: str) -> Iterator[tuple[str, str]]:
    for index, branch in enumerate(branches_in(written)):
        at = child(pointer, index) if isinstance(written, list) else pointer
        yield from ((child(at, key), key) for key in _ON_BRANCH if branch.get(key))
