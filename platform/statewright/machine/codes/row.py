"""What is said of one code, and the two documents that show it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from statewright.machine.problem import Severity

Document = dict[str, Any]


class Row(Struct, frozen=True, kw_only=True):
    """One row of the table of codes.

    `example` is a document (or a text that is none) in which the code is given at `pointer`; `mended` the same with
    the remedy applied. Both are None for what only a server can find. `also` is a second severity that the code can
    have.
    """

    severity: Severity
    title: str
    meaning: str
    remedy: str
    example: Document | str | None = None
    pointer: str = ""
    mended: Document | None = None
    also: Severity | None = None


def door(**changed: Any) -> Document:
    """A small sound definition, with top-level keys changed; a key that is None is left out."""
    whole = {
        "id": "door",
        "initial": "closed",
        "states": {
            "closed": {"on": {"OPEN": "open"}},
            "open": {"on": {"SHUT": "closed", "BREAK": "broken"}},
            "broken": {"type": "final"},
        },
        **changed,
    }
    return {key: value for key, value in whole.items() if value is not None}


def opened(**state: Any) -> Document:
    """The small definition with other content in the state `open`."""
    closed = {"on": {"OPEN": "open"}}
    return door(states={"closed": closed, "open": state, "broken": {"type": "final"}})


def shutting(branch: Any, **changed: Any) -> Document:
    """The small definition with another branch for the event SHUT, and top-level keys changed."""
    on = {"SHUT": branch, "BREAK": "broken"}
    return {**opened(on=on), **changed}


def entering(*actions: Any, **changed: Any) -> Document:
    """The small definition with actions on the entry of `open`, and top-level keys changed."""
    return {**opened(entry=[*actions], on={"SHUT": "closed", "BREAK": "broken"}), **changed}


def context(**fields: Any) -> Document:
    """`schemas` of data with these fields."""
    return {"context": {"properties": fields}}
