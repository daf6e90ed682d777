"""What the address of the list asks for, and the addresses of lists that differ from it a little."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from msgspec import Struct

from statewright.views import Order
from statewright.views.columns import KNOWN, BadColumns, Column, columns_of, read_columns
from statewright.views.query import BadQuery, Fault, Op, Query, Term, narrowed, read_query, term_of, text_of, written
from statewright_ui import words

ORDERS: dict[str, str] = {
    "newest": "Moved last",
    "oldest": "Moved first",
    "longest": "Longest in their state",
    "shortest": "Shortest in their state",
    "id": "Type and id",
}
DEFAULT_COLUMNS = ("type", "state", "since", "version", "moved", "actor")
OPERATORS: dict[str, tuple[str, Op, bool]] = {
    "is": ("is", "is", False),
    "not": ("is not", "is", True),
    "above": ("is more than", ">", False),
    "below": ("is less than", "<", False),
}
"""The operators of the form that adds a filter: what people read, and what is written."""


class Asked(Struct, frozen=True):
    """The list of an address. `text` is the query as it was typed; where it cannot be read, `faults` say why."""

    text: str
    query: Query
    order: Order
    columns: tuple[Column, ...]
    after: str
    faults: tuple[Fault, ...] = ()
    trouble: str = ""

    def but(self, **other: object) -> str:
        """The address of the list asked for in the same way but for `other`; from its first page on."""
        query: dict[str, object] = {
            "q": self.text,
            "order": "" if self.order == "newest" else self.order,
            "columns": columns_of(column.name for column in self.columns),
            **other,
        }
        return words.address("entities", **query)

    def with_query(self, query: Query) -> str:
        """The address of another query, in the same order with the same columns."""
        return self.but(q=written(query))

    def without(self, term: Term) -> str:
        """The address without one of its terms."""
        return self.with_query(Query(tuple(other for other in self.query.terms if other is not term)))

    def toggled(self, state: str) -> str:
        """The address with `state` chosen if it is not, and the other way round."""
        chosen = self.query.states
        rest = [other for other in chosen if other != state]
        wanted = rest if state in chosen else [*rest, state]
        return self.with_query(narrowed(self.query.without("state"), None, wanted))

    def of_type(self, type: str) -> str:
        """The address of those of one type; states of another mean nothing there."""
        kept = self.query.without("type", "state")
        return self.with_query(Query((term_of("type", type), *kept.terms)))

    @property
    def chips(self) -> list[tuple[str, Term]]:
        """The terms that no other chip shows, as they are written."""
        terms = self.query.terms
        shown_as_state = self.query.type is not None and bool(self.query.states)
        return [(text_of(term), term) for term in terms if not (term.field == "state" and shown_as_state)]

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the columns that are shown."""
        return tuple(column.name for column in self.columns) or DEFAULT_COLUMNS

    @property
    def marked(self) -> list[tuple[str, bool]]:
        """The query in pieces, each with whether it is at fault."""
        pieces, at = [], 0
        for fault in self.faults:
            begin, end = max(fault.at, at), max(fault.at + fault.length, at)
            pieces += [(self.text[at:begin], False), (self.text[begin:end], True)]
            at = end
        return [piece for piece in (*pieces, (self.text[at:], False)) if piece[0]]


def asked_of(q: str, order: str, columns: str, after: str, type: str = "", states: Sequence[str] = ()) -> Asked:
    """What an address asks for. A type and states may stand in parameters of their own: links from elsewhere say so."""
    known: Order = order if order in get_args(Order) else "newest"  # type: ignore[assignment]  # it is one of them
    shown, trouble = _columns(columns)
    try:
        query = narrowed(read_query(q), None if _names(q, "type", type) else type, states)
    except BadQuery as error:
        return Asked(q, Query(), known, shown, after, error.faults, trouble)
    text = q if not (type or states) else written(query)
    return Asked(text, query, known, shown, after, (), trouble)


def _names(q: str, field: str, value: str) -> bool:
    return any(value in (each.text for each in term.values) for term in read_query(q).of(field))


def _columns(text: str) -> tuple[tuple[Column, ...], str]:
    try:
        return tuple(read_columns(text)), ""
    except BadColumns as error:
        return (), f"{str(error)[:1].upper()}{str(error)[1:]}."


def added(query: Query, field: str, operator: str, value: str) -> Query:
    """The query with a filter that was chosen in a form. Raises BadQuery for what cannot be asked."""
    _, op, negated = OPERATORS.get(operator, OPERATORS["is"])
    value = value.strip()
    path: Iterable[str] = ()
    if field.startswith("data."):
        (column,) = read_columns(field)
        field, path = "data", column.path
    if field == "word":
        term = term_of("word", value, negated=negated)
    else:
        # What people type into the form may be a star, an age or a list, and then means what it means in a query.
        written_value = value if _is_free(value) else text_of(term_of("id", value)).partition(":")[2]
        told = Query((term_of(field, "x", op=op, negated=negated, path=path),))
        (term,) = read_query(written(told)[:-1] + written_value).terms
    return Query((*query.terms, term))


def _is_free(value: str) -> bool:
    """Whether a value may stand as it is."""
    try:
        return len(read_query(f"id:{value}").terms) == 1 and not value.startswith((">", "<"))
    except BadQuery:
        return False


def all_columns(paths: Iterable[tuple[str, ...]]) -> list[Column]:
    """The columns that may be chosen: those that every entity has, and the fields of the data."""
    known = [Column(name, label) for name, label in KNOWN.items()]
    return [*known, *read_columns(columns_of(_column(path) for path in list(paths)[:22]))]


def _column(path: tuple[str, ...]) -> str:
    return text_of(term_of("data", "x", path=path)).rpartition(":")[0]
