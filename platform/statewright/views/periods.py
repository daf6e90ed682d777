"""Periods of business time, in whole days, and the lengths of time that were counted in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec

from statewright.consolidators.flow import HOUR
from statewright.consolidators.lengths import middle_of
from statewright.consolidators.tallies import DAY, SPANS, WIDE_SPANS, day_of
from statewright.machine.moments import Micros
from statewright.views.measures import Lengths
from statewright.views.reading import View

Step = Literal["hour", "day", "week", "month"]
SPANS_AT_MOST = 2_000
"""How many spans an answer has at most."""

LENGTHS = "microseconds, longest, lengths"
"""The columns in which a table of tallies keeps lengths of time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PERCENTS = (50, 90, 95, 99)
decode_classes = msgspec.json.Decoder(dict[int, int]).decode


class Period(NamedTuple):
    """The days from `first` up to `end`, itself left out, either None where it is open; and a revision, or all."""

    first: int | None = None
    end: int | None = None
    revision: int | None = None

    def where(self, column: str) -> tuple[str, list[Any]]:
        """SQL, and its values: a row of `column` and `revision` lies in the period."""
        parts = [(f"{column} >= ?", self.first), (f"{column} < ?", self.end), ("revision = ?", self.revision)]
        asked = [(sql, value) for sql, value in parts if value is not None]
        return "".join(f" and {sql}" for sql, _ in asked), [value for _, value in asked]

    def pieces(self, spans: Sequence[int] = SPANS) -> list[tuple[int, Period]]:
        """The same days, cut into spans as long as they will go; `spans` are their lengths in days, the longest first.

        Each piece is a span, and the period in which the first days of these spans lie.
        """
        span, *shorter = spans
        if not shorter:
            return [(span, self)]
        first = None if self.first is None else -(-self.first // span) * span
        end = None if self.end is None else self.end // span * span
        if first is not None and end is not None and first >= end:
            return self.pieces(shorter)
        pieces = [(span, Period(first, end, self.revision))]
        if first != self.first:
            pieces += Period(self.first, first, self.revision).pieces(shorter)
        if end != self.end:
            pieces += Period(end, self.end, self.revision).pieces(shorter)
        return pieces

    def rows(self, view: View, select: str, table: str, type: str) -> list[Any]:
        """The rows of a table that is kept by spans, in as few as tell of the period."""
        found: list[Any] = []
        for span, piece in self.pieces():
            where, values = piece.where("start")
            sql = f"select {select} from {table}_{{n}} where type = ? and span = ?{where}"  # noqa: S608 - our own names
            found += view.rows(sql, type, span, *values)
        return found

    def sums(self, view: View, key: str, sums: str, table: str, type: str) -> list[Any]:
        """Sums by `key` (columns) over the period: each of `sums` (columns) added up."""
        sql, values = self._summing(key, sums, table, type, SPANS)
        return view.rows(sql, *values)

    def ranked(self, view: View, key: str, sums: str, table: str, type: str, limit: int) -> tuple[int, int, list[Any]]:
        """As `sums`, of a table of wide spans, the greatest first sums first: how many keys there are, the total of
        their first sums, and the first rows."""
        sql, values = self._summing(key, sums, table, type, WIDE_SPANS)
        first = f"sum({sums.partition(',')[0]})"
        sql = sql.replace(" from ", f", count(*) over (), sum({first}) over () from ", 1)
        rows = view.rows(f"{sql} order by {first} desc, {key} limit ?", *values, limit)
        return (rows[0][-2], rows[0][-1], [row[:-2] for row in rows]) if rows else (0, 0, [])

    def _summing(self, key: str, sums: str, table: str, type: str, spans: Sequence[int]) -> tuple[str, list[Any]]:
        parts, values = [], list[Any]()
        for span, piece in self.pieces(spans):
            where, more = piece.where("start")
            parts.append(f"select {key}, {sums} from {table}_{{n}} where type = ? and span = ?{where}")  # noqa: S608
            values += [type, span, *more]
        added = ", ".join(f"sum({each})" for each in sums.split(", "))
        return f"select {key}, {added} from ({' union all '.join(parts)}) as parts group by {key}", values  # noqa: S608


def period_of(from_: Micros | None, to: Micros | None, revision: int | None) -> Period:
    """The days in UTC that overlap `from_` <= t < `to`."""
    end = None if to is None else -(-to // DAY)
    return Period(None if from_ is None else day_of(from_), end, revision)


def lengths_of(total_us: int, longest_us: int, classes: Mapping[int, int]) -> Lengths | None:
    """Percentiles by nearest rank from counts per fine class; None when nothing was counted."""
    count = sum(classes.values())
    if not count:
        return None
    ranks = [-(-count * percent // 100) for percent in _PERCENTS]
    p50, p90, p95, p99 = (min(found, longest_us) / 1e6 for found in _at_ranks(ranks, classes))
    return Lengths(p50, p90, p95, p99, total_us / count / 1e6, longest_us / 1e6, estimated=True)


def _at_ranks(ranks: Sequence[int], classes: Mapping[int, int]) -> Iterable[float]:
    """The middle of the class in which each rank (from 1, rising) lies."""
    wanted = iter(ranks)
    rank = next(wanted)
    seen = 0
    for fine_class in sorted(classes):
        seen += classes[fine_class]
        while rank <= seen:
            yield middle_of(fine_class)
            found = next(wanted, None)
            if found is None:
                return
            rank = found


class Sum:
    """Rows of a table of tallies, added up: its sums, and the lengths of time."""

    def __init__(self, sums: int) -> None:
        self.sums = [0] * sums
        self._total = 0
        self._longest = 0
        self._classes: Counter[int] = Counter()

    def add(self, sums: Sequence[int], total: int, longest: int, classes: str) -> None:
        """Add a row."""
        self.sums = [mine + theirs for mine, theirs in zip(self.sums, sums, strict=True)]
        self.merge(total, longest, decode_classes(classes))

    def merge(self, total: int, longest: int, classes: Mapping[int, int]) -> None:
        """Add lengths."""
        self._total += total
        self._longest = max(self._longest, longest)
        mine = self._classes
        for fine_class, times in classes.items():
            mine[fine_class] += times

    def merge_all(self, other: Sum) -> None:
        """Add the lengths of another sum."""
        self.merge(other._total, other._longest, other._classes)

    @property
    def lengths(self) -> Lengths | None:
        """What was added up; None when it was nothing."""
        return lengths_of(self._total, self._longest, self._classes)


def step_for(first: Micros, last: Micros) -> Step:
    """A step that gives a few dozen spans between two moments."""
    days = (last - first) / DAY
    return "hour" if days <= 3 else "day" if days <= 92 else "week" if days <= 730 else "month"


def spans(first: Micros, last: Micros, step: Step) -> list[Micros]:
    """Where the spans begin that cover `first` <= t <= `last`. Raises ValueError for more than can be answered."""
    begin, found = beginning_of(first, step), list[Micros]()
    while begin <= last:
        found.append(begin)
        if len(found) > SPANS_AT_MOST:
            raise ValueError(f"there are more than {SPANS_AT_MOST:,} {step}s in that; ask for a longer step")
        begin = _after(begin, step)
    return found


def beginning_of(moment: Micros, step: Step) -> Micros:
    """Where the hour, day, week (from Monday) or month begins, in UTC, that holds `moment`."""
    if step == "hour":
        return moment // HOUR * HOUR
    day = moment // DAY
    if step == "week":
        return (day - (day + 3) % 7) * DAY  # 1970-01-01 was a Thursday
    if step == "month":
        day -= (_EPOCH + timedelta(days=day)).day - 1
    return day * DAY


def _after(begin: Micros, step: Step) -> Micros:
    if step == "month":
        return beginning_of(begin + 31 * DAY, "month")
    return begin + {"hour": HOUR, "day": DAY, "week": 7 * DAY}[step]
