"""A life drawn to scale: stays from records, long stretches folded, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewright.machine.record import Record
from statewright_ui.entity.ribbon import Stay, ribbon_of, stays_of

HOUR = 3_600_000_000


def moved(version: int, hours: float, *to: str) -> Record:
    return Record(revision=1, version=version, recorded_at=int(hours * HOUR) + 1, to=to)


def test_a_self_transition_does_not_end_a_stay() -> None:
    stays = stays_of([moved(1, 0, "open"), moved(2, 1, "open"), moved(3, 2, "closed")])

    assert [(stay.leaf, stay.version) for stay in stays] == [("open", 1), ("closed", 3)]
    assert stays[0].until == stays[1].since


def test_parallel_leaves_stay_each_for_themselves() -> None:
    stays = stays_of([moved(1, 0, "a.x", "b.x"), moved(2, 1, "a.y", "b.x"), moved(3, 2, "a.y", "b.y")])

    assert [(stay.leaf, stay.since // HOUR, (stay.until or 0) // HOUR) for stay in stays] == [
        ("a.x", 0, 1),
        ("b.x", 0, 2),
        ("a.y", 1, 0),
        ("b.y", 2, 0),
    ]


def test_what_is_too_small_to_hit_beside_another_of_its_row_leads_nowhere() -> None:
    began = [0, 100, 101, 103, 104, 200]
    leaves = ["a", "b", "a", "b", "a", "c"]
    ends = [*began[1:], None]
    stays = [Stay(*each) for each in zip(leaves, range(1, 7), began, ends, strict=True)]

    bars = ribbon_of(stays, 300, False, folding=False).bars

    assert [bar.crowded for bar in bars] == [False, True, True, True, False, False]


def test_a_late_transition_does_not_make_a_stay_negative() -> None:
    stays = stays_of([moved(1, 5, "a"), moved(2, 3, "b"), moved(3, 6, "c")])

    assert [stay.since for stay in stays] == sorted(stay.since for stay in stays)
    assert all(stay.until is None or stay.until >= stay.since for stay in stays)


def test_a_stretch_that_dwarfs_the_others_is_folded_and_the_others_get_its_room() -> None:
    stays = stays_of([moved(1, 0, "a"), moved(2, 1, "b"), moved(3, 1001, "c"), moved(4, 1002, "d")])

    folded = ribbon_of(stays, now=1003 * HOUR, ended=False)
    linear = ribbon_of(stays, now=1003 * HOUR, ended=False, folding=False)

    assert len(folded.folds) == 1
    assert folded.bars[0].width > 20 > 1 > linear.bars[0].width
    assert [bar.folded for bar in folded.bars] == [False, True, False, False]
    assert folded.bars[1].seconds == 1000 * 3600


def test_stretches_of_like_length_are_left_as_they_are() -> None:
    stays = stays_of([moved(1, 0, "a"), moved(2, 24, "b"), moved(3, 73, "c"), moved(4, 167, "d"), moved(5, 176, "e")])

    assert ribbon_of(stays, now=181 * HOUR, ended=False).folds == []


def test_nothing_is_folded_to_make_room_for_mere_moments() -> None:
    stays = stays_of([moved(1, 0, "a"), moved(2, 0.001, "b"), moved(3, 500, "c"), moved(4, 500.001, "d")])

    assert ribbon_of(stays, now=501 * HOUR, ended=True).folds == []


def test_a_life_of_one_moment_is_still_drawn() -> None:
    ribbon = ribbon_of(stays_of([moved(1, 0, "a"), moved(2, 0, "b"), moved(3, 0, "c")]), now=1, ended=True)

    assert [bar.x >= 0 and bar.x + bar.width <= 100.01 for bar in ribbon.bars] == [True, True, True]


def test_nothing_to_draw_is_drawn_as_nothing() -> None:
    assert ribbon_of([], now=1, ended=False).bars == []


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=30), st.booleans(), st.booleans())
def test_bars_follow_each_other_and_fill_the_width(lengths: list[int], ended: bool, folding: bool) -> None:
    begin, stays = 1, []
    for version, length in enumerate(lengths, 1):
        last = version == len(lengths)
        stays.append(Stay(f"s{version % 4}", version, begin, None if last else begin + length))
        begin += length

    ribbon = ribbon_of(stays, now=begin, ended=ended, folding=folding)

    ends = 0.0
    for bar in ribbon.bars:
        assert bar.x == pytest.approx(ends, abs=1e-6)
        assert bar.width >= 0
        ends = bar.x + bar.width
    assert ends == pytest.approx(100)
