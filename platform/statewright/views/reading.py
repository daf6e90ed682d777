"""How a view is read: its live tables looked up in the transaction that reads, and answers kept while they hold."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine

from statewright.consolidators import BUILT_IN
from statewright.stores.words import BadPlace, Place
from statewright.views.answers import NotBuiltYet

_NUMBERS = {made.name: made.number for made in BUILT_IN}
_PLACE = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
T = TypeVar("T")


class View(NamedTuple):
    """A view as one read transaction sees it."""

    name: str
    connection: Connection
    generation: int
    place: Place

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """The rows of `sql`, in which `{n}` is the generation and `?` a value."""
        return list(self.connection.exec_driver_sql(sql.replace("{n}", str(self.generation)), values).fetchall())


_LIVE = (
    "select generation.generation, generation.place, consolidator.number"
    " from consolidator join generation"
    " on generation.name = consolidator.name and generation.generation = consolidator.live"
    " where consolidator.name = ?"
)


@contextmanager
def reading(engine: Engine, name: str) -> Iterator[View]:
    """The view `name` in a read transaction of its own. Raises NotBuiltYet when it has no tables that we can read."""
    with engine.connect() as connection:
        yield view_of(connection, name)


def view_of(connection: Connection, name: str) -> View:
    """The view `name` in the transaction of `connection`, for questions that need several views at once."""
    row = connection.exec_driver_sql(_LIVE, (name,)).first()
    if row is None or row.number != _NUMBERS.get(name, row.number):
        raise NotBuiltYet(name)
    return View(name, connection, row.generation, row.place)


def position_of(place: Place) -> int:
    """The position of a place in a log of one partition. Raises BadPlace."""
    if ":" in place:
        raise BadPlace(f"{place[:40]!r} is a place in several partitions; ask for a moment instead, with `at`")
    if not _PLACE.fullmatch(place):
        raise BadPlace(f"{place[:40]!r} is no place of this log; hand places back as they came")
    return int(place)


def compare_positions(one: Place, other: Place) -> int:
    """Negative, zero or positive as `one` is before, at or after `other`, in a log of one partition."""
    return position_of(one) - position_of(other)


class Cache:
    """Answers that are given again while what they rest on has not changed."""

    def __init__(self, size: int = 500) -> None:
        self._size = size
        self._answers: dict[Any, tuple[Any, Any, float, float]] = {}
        self._lock = Lock()

    def given(self, question: Any, basis: Any, compute: Callable[[], T]) -> T:
        """The answer to `question`, computed anew when `basis` (generation and place) is another than last time."""
        found = self._answers.get(question)
        if found is not None and found[0] == basis:
            answer: T = found[1]
            return answer
        return self._computed(question, basis, compute)

    def recent(self, question: Any, compute: Callable[[], T]) -> T:
        """The answer to `question`, at most twenty times as old as it takes to compute it: quick ones are fresh."""
        found = self._answers.get(question)
        if found is not None and time.monotonic() - found[2] < 20 * found[3]:
            answer: T = found[1]
            return answer
        return self._computed(question, None, compute)

    def _computed(self, question: Any, basis: Any, compute: Callable[[], T]) -> T:
        started = time.monotonic()
        answer = compute()
        now = time.monotonic()
        with self._lock:
            self._answers.pop(question, None)
            self._answers[question] = (basis, answer, now, now - started)
            while len(self._answers) > self._size:
                del self._answers[next(iter(self._answers))]
        return answer
