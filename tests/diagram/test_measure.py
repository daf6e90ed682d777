"""Widths of text without a font."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewright.diagram.measure import width_of, wrapped


def test_a_width_is_the_sum_of_the_advances_of_the_font():
    assert width_of("Ab", 10, 500) == pytest.approx(10 * (width_of("A", 1, 500) + width_of("b", 1, 500)))
    assert width_of("W", 10, 400) > width_of("i", 10, 400)


def test_east_asian_text_is_a_full_em_wide_and_marks_are_nothing():
    assert width_of("漢字", 10, 400) == 20
    assert width_of("\u0947", 10, 400) == 0


def test_names_break_after_the_signs_they_are_made_of():
    assert wrapped("determine_necessity_of_stop_advice", 11.5, 500, 120, 3) == (
        "determine_necessity_",
        "of_stop_advice",
    )


def test_what_does_not_fit_ends_in_an_ellipsis():
    lines = wrapped("many words " * 30, 13, 600, 100, 2)

    assert len(lines) == 2
    assert lines[-1].endswith("…")


def test_white_space_alone_makes_no_line():
    assert wrapped(" \n\t ", 13, 600, 100, 2) == ()


@given(st.text(max_size=200), st.integers(20, 200), st.integers(1, 4))
def test_no_line_is_wider_than_asked_and_none_is_lost_without_a_sign(text: str, width: int, most: int):
    lines = wrapped(text, 10, 400, width, most)

    assert len(lines) <= most
    assert all(width_of(line, 10, 400) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split()) or lines[-1].endswith("…")
