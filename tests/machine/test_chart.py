"""Definitions as boxes and arrows, finished or not."""

from __future__ import annotations

import pytest

from statewright.machine.chart import ROOT, chart_of, guard_words, spoken
from tests.diagram.drawn import NESTED, ORDER, definition


def test_boxes_stand_in_document_order_with_their_words_and_tones():
    chart = chart_of(ORDER)

    assert list(chart.boxes) == ["draft", "review", "paid", "shipped", "cancelled"]
    assert [box.label for box in chart.boxes.values()] == ["Draft", "Credit review", "Paid", "Shipped", "Cancelled"]
    assert [box.tone for box in chart.boxes.values()] == ["start", "waiting", "active", "success", "danger"]
    assert chart.initial == "draft"


def test_a_target_that_does_not_exist_is_a_box_marked_missing():
    chart = chart_of(definition(initial="a", states={"a": {"on": {"GO": "nowhere", "RUN": "nowhere"}}}))

    assert chart.boxes["?nowhere"].kind == "missing"
    assert [arrow.targets for arrow in chart.arrows] == [("?nowhere",), ("?nowhere",)]


def test_a_draft_without_initial_begins_at_its_first_state():
    assert chart_of(definition(states={"a": {}, "b": {}})).initial == "a"
    assert chart_of(definition(initial="gone", states={"a": {}})).initial == "a"


def test_a_branch_without_guard_after_one_with_a_guard_is_the_otherwise():
    guarded, other = (arrow for arrow in chart_of(ORDER).arrows if arrow.trigger == "SUBMIT")

    assert (guarded.guard, guarded.otherwise, guarded.index) == ("within_limit", False, 0)
    assert (other.guard, other.otherwise, other.index) == ("", True, 1)


def test_a_branch_without_target_stays_and_an_empty_one_forbids():
    chart = chart_of(definition(states={"a": {"on": {"NOTE": {"context": {"x": 1}}, "NO": {}, "SELF": "a"}}}))

    assert [(arrow.stays, arrow.forbids) for arrow in chart.arrows] == [(True, False), (True, True), (True, False)]


def test_transitions_of_the_definition_itself_begin_at_the_root():
    assert [(arrow.source, arrow.targets) for arrow in chart_of(ORDER).arrows if arrow.trigger == "CANCEL"] == [
        (ROOT, ("cancelled",))
    ]


def test_nested_states_know_their_parents():
    chart = chart_of(NESTED)

    assert chart.line_up("work.left.a") == ("work.left.a", "work.left", "work", ROOT)
    assert chart.boxes["work"].children == ("work.left", "work.right")
    assert [box.path for box in chart.roots] == ["draft", "work", "ended"]


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        (None, ""),
        ("named", "named"),
        ({"type": "over", "params": {"limit": 5}}, "over(limit: 5)"),
        ({"@expr": "context.a > 1"}, "context.a > 1"),
        ({"odd": True}, '{"odd":true}'),
    ],
)
def test_a_guard_reads_as_its_name_or_its_expression(guard, words):
    assert guard_words(guard) == words


@pytest.mark.parametrize(
    ("duration", "words"), [("P14D", "14 d"), ("P1DT12H", "1 d 12 h"), ("PT90S", "90 s"), ("until_due", "until_due")]
)
def test_a_duration_reads_in_short_words(duration, words):
    assert spoken(duration) == words
