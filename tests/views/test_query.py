"""The query language: what is read is written back, what cannot be read is told with its place, and what completes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewright.views.query import BadQuery, Fault, Hints, Query, completions, narrowed, read_query, term_of, written
from statewright.views.query.terms import matches
from statewright.views.query.times import stretch_of

HOUR = 3_600_000_000
DAY = 24 * HOUR
NOW = 1_000 * DAY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "type:order state:paid since:>3d actor:ann data.amount:>100 id:inc*",
        'foo "a b" -x',
        'data."odd field".x:"a \\"quoted\\" one",b -state:"in review",b',
        "version:2..3 created:2026-11-01..2026-11-05",
        'id:"a*b" "-x" "type:order"',
        "data.amount:-5.5",
    ],
)
def test_what_was_read_is_written_as_it_stood(text: str) -> None:
    assert written(read_query(text)) == text


@given(st.text(min_size=1, max_size=30), st.sampled_from(["state", "word", "id", "actor"]))
def test_any_text_can_be_asked_for_and_is_read_back(text: str, field: str) -> None:
    term = term_of(field, text)
    (read,) = read_query(written(Query((term,)))).terms

    assert read.same(term)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_places_inside_of_it(text: str) -> None:
    query = Query()
    faults: tuple[Fault, ...] = ()
    try:
        query = read_query(text)
    except BadQuery as error:
        faults = error.faults

    assert all(0 <= fault.at <= len(text) and fault.length > 0 and fault.sentence for fault in faults)
    assert all(text[term.at : term.end] for term in query.terms)


@pytest.mark.parametrize(
    ("q", "at", "says"),
    [
        ("stat:x", 0, "did you mean state?"),
        ("state:open nothing:x", 11, "there is no field 'nothing'"),
        ("since:3d", 0, ">3d or <3d"),
        ("since:>3m", 0, "min or mo"),
        ("since:>soon", 0, "write an age"),
        ("since:>999y", 0, "at most 200 years"),
        ("since:1d,2d", 0, "from..to"),
        ("state:", 6, "a value is missing"),
        ("state:a, b", 8, "a value is missing"),
        ("state:>a", 0, "compared by name"),
        ("version:many", 0, "takes a number"),
        ('id:"half', 3, "no second one"),
        ("data:5", 0, "which field of the data"),
        ("data..a:5", 0, "is no path"),
        ("data" + ".a" * 11 + ":1", 0, "ten steps"),
        ("x" * 2_001, 2_000, "at most 2,000 characters"),
        ("x " * 51, 100, "at most 50 terms"),
        ("id:" + "a," * 200 + "a", 0, "at most 200 values"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_to_do(q: str, at: int, says: str) -> None:
    with pytest.raises(BadQuery) as raised:
        read_query(q)

    assert raised.value.faults[0].at == at
    assert says in str(raised.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(BadQuery) as raised:
        read_query("a:1 state:ok b:2 version:x")

    assert [fault.at for fault in raised.value.faults] == [0, 13, 17]


@pytest.mark.parametrize(
    ("q", "begin", "end"),
    [
        ("since:>3d", None, NOW - 3 * DAY),
        ("since:<12h", NOW - 12 * HOUR + 1, None),
        ("since:>=1d12h", None, NOW - 36 * HOUR + 1),
        ("since:1d..3d", NOW - 3 * DAY, NOW - DAY + 1),
        ("since:3d..1d", NOW - 3 * DAY, NOW - DAY + 1),
        ("since:1970-01-02", DAY, 2 * DAY),
        ("since:>1970-01-02", 2 * DAY, None),
        ("since:<=1970-01-02", None, 2 * DAY),
        ("since:1970-01-02..1970-01-03", DAY, 3 * DAY),
        ("since:>=1970-01-02T00:00:00Z", DAY, None),
    ],
)
def test_an_age_counts_back_from_now_and_a_day_is_all_of_it(q: str, begin: int | None, end: int | None) -> None:
    assert stretch_of(read_query(q).terms[0], NOW) == (begin, end)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [("a*", "ABC", True), ("*c", "abc", True), ("a*c", "abc", True), ("a*b*c", "ac", False), ("ab*ba", "aba", False)],
)
def test_a_star_stands_for_any_characters(pattern: str, text: str, fits: bool) -> None:
    assert matches(pattern, text) is fits


def test_parameters_and_query_ask_for_both() -> None:
    query = narrowed(read_query("state:a,b"), "order", ["b"], "x:y")

    assert written(query) == 'state:a,b type:order state:b "x:y"'
    assert query.holds_for("order", ("b.c",))
    assert not query.holds_for("order", ("a",))
    assert not query.holds_for("other", ("b",))


HINTS = Hints(
    types=lambda: [("order", "Order"), ("ticket", "Support ticket")],
    states=lambda query: [(state, "of " + "".join(query.types)) for state in ("open", "in review")],
    fields=lambda query: [(("amount",), "integer"), (("odd field",), "string")],
    values=lambda query, path: [("5", "five")] if path == ("amount",) else [],
    actors=lambda query: [("ann", "moved 3")],
)


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("st|", ["state:"]),
        ("am|", ["data.amount:"]),
        ("data.|", ["data.amount:", 'data."odd field":']),
        ("type:t|", ["ticket"]),
        ("type:order state:|", ["open", '"in review"']),
        ("type:order state:open,in|", ['"in review"']),
        ("data.amount:|", ["5"]),
        ("actor:|", ["ann"]),
        ("type:x | state:y", ["id:", "actor:", "since:", "moved:", "created:", "version:", "revision:", "data."]),
        ("-st|", ["state:"]),
        ("since:>7|", [">7d"]),
        ('state:"in |', ['"in review"']),
    ],
)
def test_names_and_values_are_completed_at_the_caret(text: str, offered: list[str]) -> None:
    found = completions(text.replace("|", ""), text.index("|"), HINTS)

    assert [completion.text for completion in found] == offered


def test_a_completion_takes_the_place_of_what_was_begun() -> None:
    text = "type:order state:op since:>1d"
    (found, *_) = completions(text, len("type:order state:op"), HINTS)

    assert text[: found.at] + found.text + text[found.end :] == "type:order state:open since:>1d"
    assert found.says == "of order"
