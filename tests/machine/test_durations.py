"""Durations as text and as microseconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewright.machine.moments import TEN_YEARS, duration_of, text_of_duration

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT0S", 0), ("PT1.5S", 1.5), ("PT90M", 5_400), ("P1DT2H", 93_600), ("P2W", 1_209_600), ("P1W1D", 691_200)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert duration_of(text) == seconds * SECOND


@pytest.mark.parametrize("text", ["", "P", "PT", "P1M", "P1Y", "1D", "-P1D", "P1DT", "PT1H2", "P1.5D", "P4000D", "p1d"])
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an ISO 8601 duration|longer than ten years"):
        duration_of(text)


@given(st.integers(0, TEN_YEARS))
def test_what_is_written_is_read_again(micros: int) -> None:
    assert duration_of(text_of_duration(micros)) == micros
