"""What began and what ended, as bars drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from statewright.views import Span, Throughput

_HIGH = 100
_WIDE = 10
"""What one span takes of the picture's width; the picture is stretched to the room there is."""
_FORMATS = {"hour": "%-d %b %Y, %H:00", "day": "%-d %b %Y", "week": "week of %-d %b %Y", "month": "%b %Y"}


class Bar(Struct, frozen=True):
    """One span: its words, its two counts, and where their bars stand."""

    words: str
    begun: int
    ended: int
    x: int
    begun_high: float
    ended_high: float


class Chart(Struct, frozen=True):
    """The picture: `width` wide and 100 high; `most` is the count that reaches the top."""

    bars: list[Bar]
    width: int
    most: int


def chart_of(throughput: Throughput, most: int | None = None) -> Chart:
    """Two bars per span. `most` sets the scale, so that two charts can share one."""
    top = max(most or highest(throughput.items), 1)
    bars = [
        Bar(
            _words(span, throughput.step),
            span.begun,
            span.ended,
            at * _WIDE,
            round(span.begun / top * _HIGH, 2),
            round(span.ended / top * _HIGH, 2),
        )
        for at, span in enumerate(throughput.items)
    ]
    return Chart(bars, max(len(bars), 1) * _WIDE, top)


def highest(spans: Sequence[Span]) -> int:
    """The greatest count of any span; 0 when there are none."""
    return max((max(span.begun, span.ended) for span in spans), default=0)


def _words(span: Span, step: str) -> str:
    return f"{datetime.fromtimestamp(span.from_ // 1_000_000, UTC):{_FORMATS[step]}}"
