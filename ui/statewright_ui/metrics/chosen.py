"""What is looked at: a period and a revision, and perhaps another pair beside it, all of it in the address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec import Struct

from statewright.machine.moments import Micros

_EPOCH = date(1970, 1, 1)
_DAY = 86_400_000_000
PRESETS = ((7, "7 days"), (30, "30 days"), (90, "90 days"))


class Side(Struct, frozen=True):
    """Days from `first` to `last`, both included, and a revision; None where all are meant. `name` is A or B."""

    name: str
    first: date | None = None
    last: date | None = None
    revision: int | None = None

    @property
    def words(self) -> str:
        """What that is, for people."""
        if self.first and self.last:
            days = f"{_day(self.first)} to {_day(self.last)}"
        elif self.first:
            days = f"since {_day(self.first)}"
        else:
            days = f"until {_day(self.last)}" if self.last else "all time"
        return f"{days}, revision {self.revision}" if self.revision else days

    @property
    def asked(self) -> dict[str, Any]:
        """As the views ask it."""
        return {
            "from_": None if self.first is None else _moment(self.first),
            "to": None if self.last is None else _moment(self.last) + _DAY,
            "revision": self.revision,
        }

    @property
    def query(self) -> dict[str, Any]:
        """As the API is asked it."""
        end = self.last + timedelta(days=1) if self.last and self.last < date.max else None
        return {
            "from": f"{self.first}T00:00:00Z" if self.first else None,
            "to": f"{end}T00:00:00Z" if end else None,
            "revision": self.revision,
        }


class Choice(Struct, frozen=True):
    """One side, or two beside each other; `faults` says what in the address could not be understood."""

    sides: list[Side]
    faults: list[str]

    @property
    def query(self) -> dict[str, Any]:
        """The address's own parameters."""
        found: dict[str, Any] = {}
        for side, prefix in zip(self.sides, ("", "b_"), strict=False):
            found |= {f"{prefix}from": side.first, f"{prefix}to": side.last, f"{prefix}revision": side.revision}
        return found | ({"compare": "1"} if len(self.sides) > 1 else {})

    def before(self) -> dict[str, Any] | None:
        """The address's parameters with the same number of days before side A as side B; None where A is open."""
        first, last = self.sides[0].first, self.sides[0].last
        if first is None or last is None or first - date.min <= last - first:
            return None
        end = first - timedelta(days=1)
        other = {"b_from": end - (last - first), "b_to": end, "b_revision": self.sides[0].revision}
        return {**Choice(self.sides[:1], []).query, **other, "compare": "1"}


def chosen(query: Mapping[str, str]) -> Choice:
    """What an address asks for; what cannot be understood is left out and named."""
    faults: list[str] = []
    sides = [_side("A", "", query, faults)]
    if query.get("compare"):
        sides.append(_side("B", "b_", query, faults))
    return Choice(sides, faults)


def presets(now: Micros) -> list[tuple[str, dict[str, Any]]]:
    """Periods up to today, each with the address's parameters for it."""
    today = datetime.fromtimestamp(now // 1_000_000, UTC).date()
    return [("All time", {}), *((words, {"from": today - timedelta(days=n - 1), "to": today}) for n, words in PRESETS)]


def _side(name: str, prefix: str, query: Mapping[str, str], faults: list[str]) -> Side:
    first, last = (_date(query.get(prefix + key, ""), faults) for key in ("from", "to"))
    if first and last and first > last:
        faults.append(f"{_day(first)} is later than {_day(last)}, so the period is the other way round")
        first, last = last, first
    revision = query.get(f"{prefix}revision", "")
    if revision and not (revision.isascii() and revision.isdigit() and 0 < len(revision) < 10):
        faults.append(f"{revision[:20]!r} is no number of a revision, so all are shown")
        revision = ""
    return Side(name, first, last, int(revision) if revision else None)


def _date(text: str, faults: list[str]) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults.append(f"{text[:20]!r} is no date such as 2026-11-23, so the period is open there")
        return None


def _moment(day: date) -> Micros:
    return (day - _EPOCH).days * _DAY


def _day(day: date) -> str:
    return f"{day:%-d %b %Y}"
