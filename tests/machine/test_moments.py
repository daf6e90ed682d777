"""Moments: what is taken for a time can be written as one again."""

from __future__ import annotations

import pytest

from statewright.machine.moments import micros_of, text_of


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-00:01"])
def test_a_time_that_no_calendar_holds_in_utc_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="outside of the years 1 to 9999"):
        micros_of(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"])
def test_the_first_and_the_last_moment_can_be_written_again(text: str) -> None:
    assert text_of(micros_of(text)) == text
