"""Times in queries: a day, a moment, or an age such as `3d`, which counts back from now."""

from __future__ import annotations

import re
from typing import NamedTuple

from statewright.machine.moments import Micros, micros_of
from statewright.views.query.terms import Term, Value

_UNITS = {
    "s": 1,
    "min": 60,
    "h": 3_600,
    "d": 86_400,
    "w": 604_800,
    "mo": 2_629_800,
    "y": 31_557_600,
}
"""Seconds; a month is the twelfth part of a year of 365.25 days."""
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([a-z]+)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_A_DAY: Micros = 86_400_000_000
_LONGEST_S = 200 * _UNITS["y"]
_HOW = "write an age such as >3d or <12h (s, min, h, d, w, mo, y), a day such as 2026-11-23, or an RFC 3339 time"


class BadTime(ValueError):
    """This is no time; the message says what to write."""


class Stretch(NamedTuple):
    """From `begin`, itself included, to `end`, itself left out; None where it is open."""

    begin: Micros | None
    end: Micros | None


def stretch_of(term: Term, now: Micros) -> Stretch:
    """The stretch of time that a term names, of which any value has one; ages count back from `now`.

    Raises BadTime.
    """
    if term.op == "..":
        return _between(term.values[0], term.values[1], now)
    if len(term.values) > 1:
        raise BadTime("several times cannot be named; write from..to")
    value = term.values[0]
    age = _age(value)
    if age is not None:
        if term.op == "is":
            raise BadTime(f"say whether longer or shorter ago: >{value.text} or <{value.text}")
        # Older is earlier: more than three days ago lies before now - 3 d.
        longer = term.op in (">", ">=")
        at = now - age
        return Stretch(None, at + (term.op == ">=")) if longer else Stretch(at + (term.op == "<"), None)
    begin, end = _moment(value)
    match term.op:
        case ">":
            return Stretch(end, None)
        case ">=":
            return Stretch(begin, None)
        case "<":
            return Stretch(None, begin)
        case "<=":
            return Stretch(None, end)
    return Stretch(begin, end)


def _between(low: Value, high: Value, now: Micros) -> Stretch:
    ages = _age(low), _age(high)
    if ages[0] is not None and ages[1] is not None:
        younger, older = sorted((ages[0], ages[1]))
        return Stretch(now - older, now - younger + 1)
    begin = now - ages[0] if ages[0] is not None else _moment(low)[0]
    end = now - ages[1] if ages[1] is not None else _moment(high)[1]
    return Stretch(begin, end)


def _age(value: Value) -> Micros | None:
    """Microseconds of `3d`, `1d12h`, `1.5h`; None for what is no age. Raises BadTime for a unit that is none."""
    text = value.text.lower()
    if not text or not text[0].isdigit() or _DAY.match(text):
        return None
    seconds, at = 0.0, 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            return None
        if found[2] not in _UNITS:
            hint = "m may be minutes or months; write min or mo" if found[2] == "m" else _HOW
            raise BadTime(f"{found[2]!r} is no unit of time: {hint}")
        seconds += float(found[1]) * _UNITS[found[2]]
        at = found.end()
    if seconds > _LONGEST_S:
        raise BadTime("an age is at most 200 years")
    return round(seconds * 1_000_000)


def _moment(value: Value) -> tuple[Micros, Micros]:
    """A day, or a moment: where it begins, and where what is later begins. Raises BadTime."""
    text = value.text
    try:
        if _DAY.fullmatch(text):
            begin = micros_of(f"{text}T00:00:00Z")
            return begin, begin + _A_DAY
        begin = micros_of(text)
        return begin, begin + 1
    except ValueError:
        raise BadTime(_HOW) from None
