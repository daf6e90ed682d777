"""The words that callers of expressions need: what goes in, what is found wrong, what is explained."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from msgspec import Struct

from statewright.machine.record import Actor

STEPS = 10_000
"""How many steps the expressions of one event may take together: elements of macros, each as heavy as what is asked of
it, and a step for each stretch of long texts and lists."""

Severity = Literal["error", "warning"]


class Fault(Struct, frozen=True):
    """What is wrong with an expression, found when it is compiled. `at` is an offset into its text, in characters."""

    code: str
    severity: Severity
    at: int
    sentence: str
    fix: str | None = None


class Scope(Struct, frozen=True):
    """What an expression may speak of, and with which types.

    `context` and a mapping in `event` are JSON Schemas; `context` is None where the data have none. `event` is
    "dynamic" where several events may come, and "empty" where none is at hand. `params` are the constants given to a
    named guard; None where there are none to speak of. `related` maps a relation's name to the schema of the data of
    the type it points at, None where that is not known, and `related_states` to that type's states, where these are
    known. All states are full paths. `written` names optional fields of
    the data that are known to be there in this place.
    """

    context: Mapping[str, Any] | None
    event: Mapping[str, Any] | Literal["dynamic", "empty"]
    params: Mapping[str, Any] | None = None
    related: Mapping[str, Mapping[str, Any] | None] = {}
    related_states: Mapping[str, Collection[str]] = {}
    states: Collection[str] = ()
    written: Collection[str] = ()


class Related(Struct, frozen=True, gc=False):
    """A related entity as it was when the decision began."""

    version: int
    data: dict[str, Any]
    active: Collection[str]


class Moment(Struct, kw_only=True):
    """What a decision is made on besides data and payload.

    Times are microseconds since 1970-01-01T00:00:00Z. `active` holds the full paths of the active states and their
    ancestors at the start of the microstep; `event` is the name of the microstep's event; `related` has only those
    that are there. `steps_left` goes down as macros run: hand the same moment to all expressions of one event.
    """

    actor: Actor
    now: int
    occurred_at: int
    type: str
    id: str
    version: int
    active: Collection[str] = ()
    event: str = ""
    related: Mapping[str, Related] = {}
    steps_left: int = STEPS


class Line(Struct, frozen=True, omit_defaults=True):
    """One part of an explanation: a sub-expression, what it gave, and the values it read.

    `where` is keyed by dotted paths from a variable (`context.total`, `context.lines[2].quantity`), so that a caller
    can withhold what the reader may not see. `error` says, without showing any value, why the part has none.
    """

    expr: str
    value: Any
    where: dict[str, Any] = {}
    error: str | None = None


class ExpressionError(Exception):
    """An expression failed on these values. `sentence` shows none of them; `at` is an offset into the text."""

    def __init__(self, sentence: str, at: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.at = at


class OutOfSteps(ExpressionError):
    """The expressions of this event took more steps than one event may. Nothing absorbs this one."""
