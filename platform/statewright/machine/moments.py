"""Moments in time: RFC 3339 text outside, microseconds since 1970-01-01T00:00:00Z inside."""

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
