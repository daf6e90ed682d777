"""What a query is made of: terms, each a field with one value or several; all of them must hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from statewright.machine.record import Leaves

Op = Literal["is", ">", ">=", "<", "<=", ".."]
Kind = Literal["type", "state", "text", "time", "number", "data"]

QUERY_CHARACTERS = 2_000
TERMS = 50
VALUES = 200
"""How many values the terms of one query may have together."""


class Field(Struct, frozen=True):
    """Something that may be asked about."""

    name: str
    kind: Kind
    says: str
    example: str


FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field("type", "type", "the entity type", "type:order"),
        Field("state", "state", "the state, or one around it", "state:paid"),
        Field("id", "text", "the id; * stands for any characters", "id:inc-2*"),
        Field("actor", "text", "who moved it last", "actor:ann"),
        Field("since", "time", "when it came into its state, or how long ago", "since:>3d"),
        Field("moved", "time", "when it moved last, or how long ago", "moved:<1h"),
        Field("created", "time", "when its life began, or how long ago", "created:2026-11-23"),
        Field("version", "number", "how many transitions it has", "version:>10"),
        Field("revision", "number", "the revision that it lives by", "revision:2"),
        Field("data", "data", "a field of its data", "data.amount:>100"),
    )
}
"""Every field by name; `data` is followed by the path of a field of the data."""

WORD = "word"
"""The name of a term that is a bare word: a part of the id."""


class Value(Struct, frozen=True):
    """One value as it was written; in quotes it is text, whatever it looks like, and `*` is a star."""

    text: str
    quoted: bool = False

    @property
    def wild(self) -> bool:
        """Whether a star in it stands for any characters."""
        return not self.quoted and "*" in self.text


class Term(Struct, frozen=True):
    """One condition: any of `values` will do, or with `negated` none of them may hold.

    `path` are the steps into the data, for the field `data` alone. `at` and `end` are where it stands in the text.
    """

    field: str
    values: tuple[Value, ...]
    op: Op = "is"
    negated: bool = False
    path: tuple[str, ...] = ()
    at: int = 0
    end: int = 0

    @property
    def plain(self) -> bool:
        """Whether it names values one by one, to have one of them."""
        return self.op == "is" and not self.negated and not any(value.wild for value in self.values)

    def same(self, other: Term) -> bool:
        """Whether both ask for the same thing, wherever they stand."""
        return replace(self, at=0, end=0) == replace(other, at=0, end=0)


class Fault(Struct, frozen=True):
    """What is wrong with a query: a stretch of its text, and a sentence that says what to do."""

    at: int
    length: int
    sentence: str


class BadQuery(ValueError):
    """A query that cannot be read; `faults` are all that is wrong with it, in the order of the text."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"character {first.at + 1}: {first.sentence}{more}")
        self.faults = tuple(faults)


class Query(Struct, frozen=True):
    """All of `terms` must hold; without any, every entity is meant."""

    terms: tuple[Term, ...] = ()

    def of(self, field: str) -> list[Term]:
        """The terms about a field."""
        return [term for term in self.terms if term.field == field]

    def without(self, *fields: str) -> Query:
        """The query without its terms about these fields."""
        return Query(tuple(term for term in self.terms if term.field not in fields))

    @property
    def types(self) -> list[str]:
        """The types that it names one by one; empty where it names none, or in another way."""
        return self._named("type")

    @property
    def states(self) -> list[str]:
        """The states that it names one by one."""
        return self._named("state")

    def _named(self, field: str) -> list[str]:
        terms = self.of(field)
        return [value.text for value in terms[0].values] if len(terms) == 1 and terms[0].plain else []

    @property
    def type(self) -> str | None:
        """The one type that it is about; None where it may be about several."""
        types = self.types
        return types[0] if len(types) == 1 else None

    @property
    def narrows(self) -> bool:
        """Whether it asks for more than types and states."""
        return bool(self.without("type", "state").terms)

    def holds_for(self, type: str, leaves: Leaves) -> bool:
        """Whether an entity of `type` that rests in `leaves` may be among those that are meant."""
        return all(_admits(term, [type], False) for term in self.of("type")) and all(
            _admits(term, leaves, True) for term in self.of("state")
        )


def _admits(term: Term, found: Iterable[str], within: bool) -> bool:
    holds = any(_is(value, one, within) for value in term.values for one in found)
    return holds != term.negated


def _is(value: Value, found: str, within: bool) -> bool:
    if value.wild:
        return matches(value.text, found)
    return found == value.text or (within and found.startswith(f"{value.text}."))


def matches(pattern: str, text: str) -> bool:
    """Whether `text` is as `pattern` says, in which `*` stands for any characters; case does not matter.

    Linear in the text: a regular expression could be made to take for ever.
    """
    first, *rest = pattern.casefold().split("*")
    left = text.casefold()
    if not rest:
        return left == first
    *middle, last = rest
    if not left.startswith(first) or len(left) < len(first) + len(last):
        return False
    left = left[len(first) :]
    for piece in middle:
        at = left.find(piece)
        if at < 0:
            return False
        left = left[at + len(piece) :]
    return left.endswith(last)
