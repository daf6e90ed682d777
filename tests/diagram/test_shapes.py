"""What shares a pill, and what becomes a row of a state's card."""

from __future__ import annotations

from statewright.diagram.shapes import Shapes, shapes_of
from statewright.machine.chart import ROOT, chart_of
from statewright.machine.definition import Definition
from tests.diagram.drawn import HOSTILE, NESTED, ORDER, definition


def shapes(of: Definition, *, joining: bool = True) -> Shapes:
    return shapes_of(chart_of(of), joining=joining)


def test_events_from_one_state_to_another_share_a_pill():
    (pill,) = shapes(definition(states={"a": {"on": {"X": "b", "Y": "b"}}, "b": {}})).pills

    assert [row.arrow.trigger for row in pill.rows] == ["X", "Y"]


def test_the_same_event_of_many_states_to_one_is_joined_in_a_pill():
    withdraw = next(pill for pill in shapes(ORDER).pills if pill.arrows[0].trigger == "WITHDRAW")

    assert withdraw.sources == ("review", "paid")
    assert len(withdraw.rows) == 1
    assert len(withdraw.arrows) == 2


def test_branches_that_read_differently_are_not_joined():
    guarded = {"target": "c", "guard": "g"}
    found = shapes(definition(states={"a": {"on": {"X": "c"}}, "b": {"on": {"X": guarded}}, "c": {}}))

    assert [pill.sources for pill in found.pills] == [("a",), ("b",)]


def test_timers_do_not_share_a_pill_with_events():
    found = shapes(definition(states={"a": {"on": {"X": "b"}, "after": {"PT1H": "b"}}, "b": {}}))

    assert [pill.arrows[0].kind for pill in found.pills] == ["event", "after"]


def test_what_stays_is_a_row_of_the_state_s_own_card():
    assert [row.arrow.trigger for row in shapes(ORDER).cards["draft"].rows] == ["EDIT"]


def test_what_stays_in_a_composite_is_a_pill_without_lines():
    loose = [pill for pill in shapes(NESTED).pills if pill.loose]

    assert [[row.arrow.trigger for row in pill.rows] for pill in loose] == [["AGAIN", "NOTE"]]


def test_there_is_a_card_for_any_state_only_where_the_definition_has_transitions():
    assert ROOT in shapes(ORDER).cards
    assert ROOT not in shapes(NESTED).cards


def test_every_text_fits_into_its_box():
    for found in (shapes(ORDER), shapes(NESTED), shapes(HOSTILE)):
        for card in found.cards.values():
            assert all(31 + line.width <= card.width for line in card.names if card.width > 34)
        for box in (*found.cards.values(), *found.pills):
            assert all(row.width <= box.width for row in box.rows)
            assert all(20 + line.indent + line.width <= row.width + 1 for row in box.rows for line in row.lines)
            assert sum(row.height for row in box.rows) <= box.height


def test_without_joining_every_pill_has_one_source():
    assert all(len(pill.sources) == 1 for pill in shapes(ORDER, joining=False).pills)
