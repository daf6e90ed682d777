"""A definition as the document it was read from: plain JSON values, shorthands kept, keys in the language's order."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from statewright.machine.definition import Branch, Definition, State
from statewright.machine.problem import child


class Place(NamedTuple):
    """One state of a document and where it stands: its path, what is written, and the pointer to it."""

    path: str
    written: dict[str, Any]
    pointer: str


def document_of(definition: Definition) -> dict[str, Any]:
    """The document of a definition. Keys that say nothing (an empty list, `"reenter": false`) are left out."""
    found: dict[str, Any] = msgspec.to_builtins(definition)
    return found


def states_in(document: dict[str, Any]) -> Iterator[Place]:
    """All states in document order, parents before children."""
    yield from _below(document, "", "")


def _below(holder: dict[str, Any], path: str, pointer: str) -> Iterator[Place]:
    for name, written in holder.get("states", {}).items():
        state = Place(f"{path}.{name}" if path else name, written, child(child(pointer, "states"), name))
        yield state
        yield from _below(written, state.path, state.pointer)


def branch_of(written: Any) -> dict[str, Any]:
    """A branch as an object, the shorthand spelled out."""
    return {"target": written} if isinstance(written, str) else written


def branches_in(written: Any) -> list[dict[str, Any]]:
    """The branches of one descriptor as objects, in order."""
    return [branch_of(each) for each in (written if isinstance(written, list) else [written])]


@functools.cache  # msgspec works out a struct's fields anew at each call, which is a millisecond
def keys_of(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """The keys of a part of the language, in the order in which we write them."""
    return tuple(field.encode_name for field in msgspec.structs.fields(struct))


def in_order(document: dict[str, Any]) -> dict[str, Any]:
    """A document with its keys, those of its states and those of their branches in the order in which we write them.

    States, events and branches keep theirs, which counts.
    """
    return _ordered(document, keys_of(Definition))


def _ordered(holder: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    found = {key: holder[key] for key in (*keys, *holder) if key in holder}
    for key in ("on", "after"):
        if isinstance(found.get(key), dict):
            found[key] = {trigger: _branches(written) for trigger, written in found[key].items()}
    for key in ("always", "onDone"):
        if key in found:
            found[key] = _branches(found[key])
    if isinstance(found.get("states"), dict):
        found["states"] = {name: _ordered(state, keys_of(State)) for name, state in found["states"].items()}
    return found


def _branches(written: Any) -> Any:
    if isinstance(written, list):
        return [_branches(each) for each in written]
    if not isinstance(written, dict):
        return written
    return {key: written[key] for key in (*keys_of(Branch), *written) if key in written}
