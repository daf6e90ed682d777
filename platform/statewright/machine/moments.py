"""Moments in time: RFC 3339 text outside, microseconds since 1970-01-01T00:00:00Z inside; durations beside them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

Micros = int
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = (
    (moment.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND for moment in (datetime.min, datetime.max)
)  # what `text_of` can write; a zone can lead an hour or two beyond either
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def micros_of(text: str) -> Micros:
    """Microseconds of an RFC 3339 timestamp; digits beyond the microsecond are dropped.

    Raises ValueError, with a sentence for the sender, for anything else, a time without a zone included.
    """
    if not _RFC_3339.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not an RFC 3339 time such as 2026-11-23T11:30:00Z")
    try:
        micros = (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is not a time: {error}") from None
    if not _FIRST <= micros <= _LAST:
        raise ValueError(f"{text[:40]!r} lies outside of the years 1 to 9999 in UTC")
    return micros


def text_of(micros: Micros) -> str:
    """RFC 3339 in UTC with microseconds, as in 2026-11-23T11:30:00.123456Z."""
    return (_EPOCH + micros * _MICROSECOND).isoformat(timespec="microseconds")[:-6] + "Z"


TEN_YEARS: Micros = 3_653 * 86_400_000_000
"""The longest duration that a definition may name."""
_DURATION = re.compile(
    r"P(?=[\dT])(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,10}(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_UNITS = (604_800_000_000, 86_400_000_000, 3_600_000_000, 60_000_000)


def duration_of(text: str) -> Micros:
    """Microseconds of an ISO 8601 duration in weeks, days (of 86,400 s), hours, minutes and seconds.

    Raises ValueError, with a sentence for the author, for anything else: months and years have no fixed length.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        shown = f"{text[:40]!r} is not an ISO 8601 duration such as P14D or PT4H30M"
        raise ValueError(f"{shown}; months and years are not possible, since they have no fixed length")
    *whole, seconds = found.groups(default="0")
    micros = sum(int(count) * unit for count, unit in zip(whole, _UNITS, strict=True))
    full, _, part = seconds.partition(".")
    micros += int(full) * 1_000_000 + int(part.ljust(6, "0"))
    if micros > TEN_YEARS:
        raise ValueError(f"{text[:40]!r} is longer than ten years")
    return micros


def text_of_duration(micros: Micros) -> str:
    """An ISO 8601 duration in days, hours, minutes and seconds, as in P1DT12H; PT0S for none."""
    days, rest = divmod(micros, 86_400_000_000)
    hours, rest = divmod(rest, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    seconds, part = divmod(rest, 1_000_000)
    full = f"{seconds}.{part:06}".rstrip("0") if part else str(seconds)
    time = "".join(
        f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (full, "S")) if count not in (0, "0")
    )
    date = f"{days}D" if days else ""
    return f"P{date}T{time}" if time else f"P{date}" if date else "PT0S"
