"""Points in time and durations as expressions know them: exact to the microsecond, in the years 1 to 9999."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from msgspec import Struct

from statewright.machine.moments import micros_of, text_of

SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = micros_of("0001-01-01T00:00:00Z")
_LAST = micros_of("9999-12-31T23:59:59.999999Z")
_LONGEST = 315_576_000_000 * SECOND
"""Ten thousand years of 365.25 days, the range of `google.protobuf.Duration`, which CEL's durations are."""

_GO = re.compile(r"(\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(h|ms|m|us|µs|ns|s)", re.ASCII)
_ISO = re.compile(
    r"(-?)P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,12})(?:\.(\d{1,9}))?S)?)?", re.ASCII
)
_ZONE = re.compile(r"([+-]?)(\d\d):([0-5]\d)", re.ASCII)


class Timestamp(Struct, frozen=True, order=True, gc=False):
    """A point in time: microseconds since 1970-01-01T00:00:00Z."""

    micros: int


class Duration(Struct, frozen=True, order=True, gc=False):
    """A length of time in microseconds; negative ones count backwards."""

    micros: int


class OutOfRange(ValueError):
    """A time outside of the years 1 to 9999, or a duration over ten thousand years. The message says which."""


def timestamp(micros: int) -> Timestamp:
    """The point in time, or OutOfRange."""
    if not _FIRST <= micros <= _LAST:
        raise OutOfRange("the time lies outside of the years 1 to 9999")
    return Timestamp(micros)


def duration(micros: int) -> Duration:
    """The duration, or OutOfRange."""
    if not -_LONGEST <= micros <= _LONGEST:
        raise OutOfRange("the duration is longer than 10,000 years")
    return Duration(micros)


def read_timestamp(text: str) -> Timestamp:
    """The point in time that RFC 3339 text names; ValueError for any other text."""
    return timestamp(micros_of(text))


def read_duration(text: str) -> Duration:
    """A duration as CEL writes it (`1h30m`, `-1.5s`) or in ISO 8601 (`PT1H30M`, `P14D`); ValueError for other text.

    What is smaller than a microsecond is dropped.
    """
    unsigned = text[1:] if text[:1] in ("-", "+") else text
    if unsigned == "0":
        return Duration(0)
    micros = 0
    position = 0
    while position < len(unsigned):
        part = _GO.match(unsigned, position)
        if part is None:
            return _read_iso(text)
        micros += _micros(part.group(1), part.group(2))
        position = part.end()
    if not unsigned:
        raise ValueError("an empty text is no duration")
    return duration(-micros if text[0] == "-" else micros)


_NANOS = {"h": 3_600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}


def _micros(number: str, unit: str) -> int:
    """Exact, without floating point."""
    whole, _, fraction = number.partition(".")
    scaled = int((whole or "0") + fraction) * _NANOS[unit]
    return scaled // int("1" + "0" * len(fraction)) // 1_000


def _read_iso(text: str) -> Duration:
    found = _ISO.fullmatch(text)
    if found is None or text[-1] in "PT":
        raise ValueError("this is no duration; write one as 1h30m or PT1H30M")
    sign, weeks, days, hours, minutes, seconds, fraction = found.groups()
    total = ((int(weeks or 0) * 7 + int(days or 0)) * 24 + int(hours or 0)) * 60 + int(minutes or 0)
    micros = (total * 60 + int(seconds or 0)) * SECOND + int((fraction or "").ljust(6, "0")[:6])
    return duration(-micros if sign else micros)


def timestamp_result(value: Timestamp) -> str:
    """How a point in time leaves an expression: RFC 3339 in UTC, always with microseconds, so that texts sort."""
    return text_of(value.micros)


def duration_result(value: Duration) -> str:
    """How a duration leaves an expression: ISO 8601 in hours, minutes and seconds, such as PT1H30M."""
    seconds, micros = divmod(abs(value.micros), SECOND)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = f"{hours}H" * (hours > 0) + f"{minutes}M" * (minutes > 0)
    if seconds or micros or not parts:
        parts += f"{seconds}{_fraction(micros)}S"
    return f"{'-' if value.micros < 0 else ''}PT{parts}"


def timestamp_text(value: Timestamp) -> str:
    """What `string()` makes of it, as CEL defines: RFC 3339 in UTC with no more digits than needed."""
    return text_of(value.micros - value.micros % SECOND)[:19] + _fraction(value.micros % SECOND) + "Z"


def duration_text(value: Duration) -> str:
    """What `string()` makes of it, as CEL defines: seconds, such as 5400s or 1.5s."""
    seconds, micros = divmod(abs(value.micros), SECOND)
    return f"{'-' if value.micros < 0 else ''}{seconds}{_fraction(micros)}s"


def _fraction(micros: int) -> str:
    return f".{micros:06d}".rstrip("0") if micros else ""


def zone_of(text: str) -> timezone | None:
    """The fixed offset that `text` names (`UTC`, `+02:00`, `-08:00`); None when it is none.

    Names such as Europe/Berlin are not taken: their rules change, and the same inputs must give the same answer.
    """
    if text in ("UTC", "Z", ""):
        return UTC
    found = _ZONE.fullmatch(text)
    if found is None or int(found.group(2)) > 23:
        return None
    minutes = int(found.group(2)) * 60 + int(found.group(3))
    return timezone(timedelta(minutes=-minutes if found.group(1) == "-" else minutes))


def calendar(value: Timestamp, zone: timezone) -> datetime:
    """The date and time of day in `zone`, or OutOfRange."""
    try:
        return (_EPOCH + timedelta(microseconds=value.micros)).astimezone(zone)
    except OverflowError:
        raise OutOfRange("the time lies outside of the years 1 to 9999 in that zone") from None


def _whole(part: int, by: int) -> int:
    """Division towards zero, as for all of CEL's integers."""
    return part // by if part >= 0 else -(-part // by)


OF_TIMESTAMP: dict[str, Callable[[datetime], int]] = {
    "getFullYear": lambda when: when.year,
    "getMonth": lambda when: when.month - 1,
    "getDate": lambda when: when.day,
    "getDayOfMonth": lambda when: when.day - 1,
    "getDayOfWeek": lambda when: when.isoweekday() % 7,
    "getDayOfYear": lambda when: when.timetuple().tm_yday - 1,
    "getHours": lambda when: when.hour,
    "getMinutes": lambda when: when.minute,
    "getSeconds": lambda when: when.second,
    "getMilliseconds": lambda when: when.microsecond // 1000,
}
"""The getters of a point in time, counted as CEL counts: months, days of month and of year from 0, Sunday is 0."""

OF_DURATION: dict[str, Callable[[Duration], int]] = {
    "getHours": lambda length: _whole(length.micros, 3600 * SECOND),
    "getMinutes": lambda length: _whole(length.micros, 60 * SECOND),
    "getSeconds": lambda length: _whole(length.micros, SECOND),
    "getMilliseconds": lambda length: _whole(length.micros, 1000) - _whole(length.micros, SECOND) * 1000,
}
"""The getters of a duration: the whole of it in that unit, but for milliseconds what is over the full seconds."""
