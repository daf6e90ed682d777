"""What an expression says about itself: why it was false, whether it depends on the event, what it reads."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from statewright.machine.expressions import ExpressionError, Line, Scope
from tests.machine.expressions.given import CONTEXT, DATA, DYNAMIC, PARAMS, PAYLOAD, compiled, moment


def explanation(text: str, data: Any = None, scope: Any = None) -> list[tuple[str, Any, dict[str, Any]]]:
    expression = compiled(text, scope) if scope else compiled(text)
    lines = expression.explain(DATA if data is None else data, PAYLOAD, PARAMS, moment())
    return [(line.expr, line.value, line.where) for line in lines]


def test_a_comparison_shows_the_values_that_it_read() -> None:
    assert explanation("context.total <= context.limit") == [
        ("context.total <= context.limit", False, {"context.total": 700, "context.limit": 500})
    ]


def test_of_a_conjunction_the_false_parts_are_shown() -> None:
    text = "context.open && context.total < 1 && context.limit > 1 && event.amount > params.most"

    assert explanation(text) == [
        ("context.total < 1", False, {"context.total": 700}),
        ("event.amount > params.most", False, {"event.amount": 30, "params.most": 100}),
    ]


def test_of_alternatives_all_are_shown() -> None:
    assert explanation("context.total < 1 || context.limit < 1") == [
        ("context.total < 1", False, {"context.total": 700}),
        ("context.limit < 1", False, {"context.limit": 500}),
    ]


def test_that_a_field_is_there_goes_without_saying_beside_its_value() -> None:
    assert explanation("!has(context.submitted_by) || actor.id != context.submitted_by") == [
        (
            "actor.id != context.submitted_by",
            False,
            {"actor.id": "anna", "context.submitted_by": "anna"},
        )
    ]


def test_a_field_that_is_not_there_is_not_among_the_values() -> None:
    assert explanation("has(context.note) && context.note == 'a'") == [("has(context.note)", False, {})]


def test_of_a_negation_what_made_its_operand_true_is_shown() -> None:
    assert explanation("!(context.open || context.total < 1)") == [("context.open", True, {"context.open": True})]
    assert explanation("!(context.open && context.total > 1)") == [
        ("context.open", True, {"context.open": True}),
        ("context.total > 1", True, {"context.total": 700}),
    ]
    assert explanation("!in_state('fulfilment')") == [("!in_state('fulfilment')", False, {})]


def test_of_a_condition_the_test_and_the_branch_taken_are_shown() -> None:
    assert explanation("context.open ? context.total < 1 : context.limit < 1") == [
        ("context.open", True, {"context.open": True}),
        ("context.total < 1", False, {"context.total": 700}),
    ]


def test_of_all_the_first_element_that_broke_it_is_shown_by_its_place_in_the_data() -> None:
    assert explanation("context.lines.all(l, l.quantity > 0 && l.sku != 'z')") == [
        ("l.quantity > 0", False, {"context.lines[1].quantity": 0})
    ]


def test_of_nothing_that_exists_the_list_is_shown() -> None:
    assert explanation("context.tags.exists(t, t == 'old')") == [
        ("context.tags.exists(t, t == 'old')", False, {"context.tags": ["new", "big"]})
    ]
    assert explanation("!context.tags.exists(t, t == 'big')") == [("t == 'big'", True, {"context.tags[1]": "big"})]


def test_elements_of_a_list_made_on_the_way_are_shown_by_what_it_was_made_of() -> None:
    assert explanation("context.tags.filter(t, t != 'new').all(t, t == 'x')") == [
        ("t == 'x'", False, {"context.tags": ["new", "big"]})
    ]


def test_elements_of_dynamic_data_are_shown_by_their_place_where_they_have_one() -> None:
    assert explanation("context.x.all(e, e > 1)", {"x": [2, 1]}, DYNAMIC) == [("e > 1", False, {"context.x[1]": 1})]
    assert explanation("context.x.all(k, k == 'a')", {"x": {"a": 1, "b": 2}}, DYNAMIC) == [
        ("k == 'a'", False, {"context.x": {"a": 1, "b": 2}})
    ]
    assert explanation("context.x[0].y > 1", {"x": [{"y": 1}]}, DYNAMIC) == [
        ("context.x[0].y > 1", False, {"context.x[0].y": 1})
    ]


def test_the_whole_of_the_data_is_never_shown() -> None:
    for text in (
        "context == {}",
        "event == {}",
        "size(context) < 1",
        "context.all(k, k == 'a')",
        "context[actor.id] == 1",
    ):
        for line in compiled(text, DYNAMIC).explain({"secret": 1}, {"secret": 2}, {}, moment()):
            assert not {"context", "event"} & set(line.where)
            assert not isinstance(line.value, dict)


def test_macros_in_macros_name_the_places_of_both_elements() -> None:
    assert explanation("context.lines.all(l, context.tags.all(t, l.quantity > 1 || t == 'new'))") == [
        ("l.quantity > 1", False, {"context.lines[1].quantity": 0}),
        ("t == 'new'", False, {"context.tags[1]": "big"}),
    ]


def test_a_failure_is_explained_by_the_part_that_failed() -> None:
    (line,) = compiled("context.open && 1 / context.paid > 1").explain(DATA, PAYLOAD, PARAMS, moment())

    assert line == Line("1 / context.paid > 1", None, {"context.paid": 0}, error="1 / context.paid: division by zero")


def test_values_are_cut_at_200_characters_and_lines_at_20() -> None:
    data = {"text": "x" * 500, "list": list(range(500)), **{f"f{n}": n for n in range(30)}}
    many = " && ".join(f"context.f{n} < 0" for n in range(30))

    (text,) = explanation("context.text == 'a'", data, DYNAMIC)
    (numbers,) = explanation("context.list == []", data, DYNAMIC)
    assert len(text[2]["context.text"]) == 200
    assert len(numbers[2]["context.list"]) == 200
    assert len(explanation(many, data, DYNAMIC)) == 20


def test_times_are_shown_as_texts() -> None:
    assert explanation("now - occurred_at < duration('1h')") == [
        (
            "now - occurred_at < duration('1h')",
            False,
            {"now": "2026-11-23T11:30:00.500000Z", "occurred_at": "2026-11-22T23:15:00.000000Z"},
        )
    ]


def test_related_values_are_shown_by_their_relation() -> None:
    assert explanation("has(related.customer) && related.customer.credit < 10") == [
        ("related.customer.credit < 10", False, {"related.customer.credit": 1000})
    ]


def test_an_explanation_is_json_and_takes_no_steps() -> None:
    now = moment()
    expression = compiled("context.lines.all(l, l.quantity > 0 && now < now)")

    lines = expression.explain(DATA, PAYLOAD, PARAMS, now)
    assert msgspec.json.encode(lines)
    assert now.steps_left == moment().steps_left


WITHOUT = [
    ("event.amount > 10", None),
    ("has(event.memo)", None),
    ("event.type == 'PAY'", True),
    ("event.type == 'SHIP'", False),
    ("context.total < 1 && event.amount > 10", False),
    ("event.amount > 10 && context.total < 1", False),
    ("context.total > 1 && event.amount > 10", None),
    ("context.total > 1 || event.amount > 10", True),
    ("event.amount > 10 || context.total > 1", True),
    ("!(event.amount > 10)", None),
    ("!(event.amount > 10 && context.total < 1)", True),
    ("context.open ? true : event.amount > 1", True),
    ("event.amount > 1 ? true : false", None),
    ("[event.amount, 1].exists(x, x > 0)", None),
    ("context.tags.all(t, t == 'x' && event.amount > 1)", False),
    ("context.tags.exists(t, t == 'new' || event.amount > 1)", True),
    ("context.tags.exists(t, event.amount > 1)", None),
    ("context.tags.exists_one(t, event.amount > 1)", None),
    ("context.tags.filter(t, event.amount > 1) == []", None),
    ("context.tags.map(t, event.amount) == []", None),
    ("event.?memo.orValue('') == ''", None),
    ("1 / 0 == 1 && event.amount > 1", None),
    ("1 / 0 == 1 || event.amount > 1", None),
    ("{'a': event.amount} == {'a': 1}", None),
    ("'amount' in event", None),
    ("context.total == 700", True),
]


@pytest.mark.parametrize(("text", "wanted"), WITHOUT, ids=[text for text, _ in WITHOUT])
def test_what_does_not_depend_on_the_payload_is_known_before_it_comes(text: str, wanted: bool | None) -> None:
    assert compiled(text).without_event(DATA, PARAMS, moment()) is wanted


@pytest.mark.parametrize(
    "text", ["1 / 0 == 1", "event.amount > 1 ? 1 / 0 == 1 : 2 / 0 == 1", "event.amount + 1 / 0 > 1"]
)
def test_what_fails_whatever_the_payload_fails_before_it_comes(text: str) -> None:
    with pytest.raises(ExpressionError, match="division by zero"):
        compiled(text).without_event(DATA, PARAMS, moment())


def test_where_no_payload_comes_everything_is_known() -> None:
    scope = Scope(context=CONTEXT, event="empty")

    assert compiled("size(event) == 1 && event.type == 'PAY'", scope).without_event(DATA, {}, moment()) is True


def test_an_expression_says_what_it_reads() -> None:
    expression = compiled(
        "context.total > 1 && has(context.note) && 'due' in context && context['limit'] > 1"
        " && context.address.city == '' && event.amount > params.most && event.type == ''"
        " && has(related.customer) && related.customer.credit > 1"
        " && in_state('draft') && in_state('x', related.anything)"
    )

    assert expression.reads_context == {"total", "note", "due", "limit", "address"}
    assert expression.reads_event == {"amount"}
    assert expression.reads_params == {"most"}
    assert expression.reads_related == {"customer", "customer.credit", "anything"}
    assert expression.relations == {"customer", "anything"}
    assert expression.in_states == (("draft", None), ("x", "anything"))


@pytest.mark.parametrize(
    "text", ["context == {}", "size(context) > 1", "context.exists(k, k == 'a')", "context[actor.id] == 1"]
)
def test_an_expression_that_reads_all_of_the_data_says_so(text: str) -> None:
    assert "*" in compiled(text, DYNAMIC).reads_context


def test_a_delay_is_given_in_microseconds() -> None:
    expression = compiled("timestamp(context.due) - now")
    data = {**DATA, "due": "2026-11-23T11:30:01Z"}

    assert expression.run_duration(data, {}, {}, moment()) == 500_000
    assert expression.run_duration({**data, "due": "2026-11-23T11:30:00Z"}, {}, {}, moment()) == -500_000
    with pytest.raises(ExpressionError, match="absent"):
        expression.run_duration(DATA, {}, {}, moment())
