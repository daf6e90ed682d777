"""Durations as ISO 8601 text: weeks, days, hours, minutes and seconds, up to ten years.

Months and years are refused, since they have no length of their own. A day is 86,400 seconds.
"""

from __future__ import annotations

import re

from statewright.machine.moments import Micros

_SECOND = 1_000_000
_PART = r"(?:(\d{1,12})%s)?"
_ISO = re.compile(
    "P" + _PART % "W" + _PART % "D" + "(?:T" + _PART % "H" + _PART % "M" + r"(?:(\d{1,12})(?:[.,](\d{1,6}))?S)?)?",
    re.ASCII,
)
_CALENDAR = re.compile(r"P[\d.,WD]*[\d.,]+[YM]", re.ASCII)
_UNITS = (7 * 86_400, 86_400, 3_600, 60, 1)
LONGEST = 3_653 * 86_400 * _SECOND
"""Ten years, in microseconds."""


class BadDuration(ValueError):
    """A text is not a duration of the language; the message is the end of a sentence about it."""


def micros_of_duration(text: str) -> Micros:
    """Microseconds of an ISO 8601 duration such as `P1DT12H`. Raises BadDuration for anything else."""
    found = _ISO.fullmatch(text)
    if found is None or not any(found.groups()) or text.endswith("T"):
        if _CALENDAR.match(text):
            raise BadDuration("counts in months or years, which have no length of their own; write days, as in P30D")
        raise BadDuration("is not an ISO 8601 duration such as PT30M, P14D or P1DT12H")
    seconds = sum(int(digits or 0) * unit for digits, unit in zip(found.groups()[:5], _UNITS, strict=True))
    micros = seconds * _SECOND + int((found.group(6) or "").ljust(6, "0"))
    if micros > LONGEST:
        raise BadDuration("is longer than ten years")
    return micros


def looks_like_duration(text: str) -> bool:
    """Whether a key of `after` was meant as a duration and not as a name of `delays`."""
    return re.match(r"[-+]?P[\dT]", text, re.ASCII) is not None or text[:1].isdigit()
