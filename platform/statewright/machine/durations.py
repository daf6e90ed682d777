"""Durations: ISO 8601 text outside, microseconds inside."""

from __future__ import annotations

import re

from statewright.machine.moments import Micros

_UNITS = {"W": 604_800, "D": 86_400, "H": 3_600, "M": 60, "S": 1}
_SECOND = 1_000_000
LONGEST = 3_653 * 86_400 * _SECOND
"""Ten years."""
_ISO_8601 = re.compile(
    r"P(?=\d|T\d)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(\.\d{1,6})?S)?)?", re.ASCII
)


def duration_of(text: str) -> Micros:
    """Microseconds of an ISO 8601 duration in weeks, days (of 86,400 s), hours, minutes and seconds.

    Raises ValueError, with a sentence for the author, for anything else: months and years, which have no one length,
    and more than ten years.
    """
    found = _ISO_8601.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a duration such as P14D or PT1H30M; months and years are not possible")
    *whole, fraction = found.groups()
    seconds = sum(int(number or 0) * _UNITS[unit] for number, unit in zip(whole, "WDHMS", strict=True))
    micros = seconds * _SECOND + round(float(fraction or 0) * _SECOND)
    if micros > LONGEST:
        raise ValueError(f"{text[:40]!r} is longer than ten years")
    return micros


def duration_text(micros: Micros) -> str:
    """The duration as ISO 8601, in days, hours, minutes and seconds: `P14D`, `PT1H30M`, `PT0S`."""
    seconds, rest = divmod(micros, _SECOND)
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3_600)
    minutes, seconds = divmod(seconds, 60)
    parts = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes)
    if rest:
        parts += f"{seconds}.{rest:06}".rstrip("0") + "S"
    elif seconds or not (days or parts):
        parts += f"{seconds}S"
    return "P" + f"{days}D" * bool(days) + ("T" + parts if parts else "")
