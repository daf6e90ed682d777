"""The checks of data: schemas, patches, what is kept, personal fields, relations, and the expressions among them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statewright.machine.definition import Definition
from statewright.machine.lint import problems_of
from statewright.machine.reading import read_definition
from statewright.machine.surroundings import Other, Surroundings
from tests.machine.checked import END, chart, errors_in, found_in, warnings_in

CONTEXT: dict[str, Any] = {
    "required": ["total"],
    "properties": {
        "total": {"type": "integer"},
        "rate": {"type": "number"},
        "note": {"type": "string"},
        "email": {"type": "string", "personal": True},
        "house_id": {"type": "string"},
        "ids": {"type": "array", "items": {"type": "string"}},
    },
}
EVENTS: dict[str, Any] = {
    "PAY": {
        "required": ["amount"],
        "properties": {"amount": {"type": "integer"}, "by": {"type": "string", "personal": True}},
    },
    "END": {},
}
GO = "/states/a/on/PAY"


def paying(branch: dict[str, Any], state: dict[str, Any] | None = None, **root: Any) -> dict[str, Any]:
    """A definition with these data whose first state takes PAY by that branch."""
    states = {"a": {"on": {"PAY": branch, "END": "end"}, **(state or {})}, "end": END}
    return {**chart(states), "schemas": {"context": CONTEXT, "events": EVENTS}, **root}


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ({"guard": {"@expr": "context.totl > 1"}}, ("unknown_field", f"{GO}/guard/@expr")),
        ({"guard": {"@expr": "event.amont > 1"}}, ("unknown_field", f"{GO}/guard/@expr")),
        ({"guard": {"@expr": "context.total"}}, ("not_boolean", f"{GO}/guard/@expr")),
        ({"guard": {"@expr": "in_state('b')"}}, ("unknown_state", f"{GO}/guard/@expr")),
        ({"guard": {"@expr": "related.house.open"}}, ("unknown_relation", f"{GO}/guard/@expr")),
        ({"guard": {"type": "big", "params": {"limt": 3}}}, ("unknown_field", "/guards/big/when/@expr")),
        ({"guard": {"type": "big", "params": {"limit": {"@expr": "1"}}}}, ("bad_guard", f"{GO}/guard/params")),
        ({"context": {"total": {"@expr": "'x'"}}}, ("type_mismatch", f"{GO}/context/total/@expr")),
        ({"context": {"total": {"@expr": "1.5"}}}, ("type_mismatch", f"{GO}/context/total/@expr")),
        ({"context": {"total": "x"}}, ("bad_patch", f"{GO}/context/total")),
        ({"context": {"note": {"@expr": "event.?by.orValue('')"}}}, ("personal_leak", f"{GO}/context/note/@expr")),
        ({"context": {"note": {"@expr": "context.?email.orValue('')"}}}, ("personal_leak", f"{GO}/context/note/@expr")),
        ({"context": {"ids": [{"@expr": "context.?email.orValue('')"}]}},
         ("personal_leak", f"{GO}/context/ids/0/@expr")),
        ({"actions": {"type": "emit", "event": {"type": "X", "who": {"@expr": "context.?email.orValue('')"}}}},
         ("personal_leak", f"{GO}/actions/event/who/@expr")),
        ({"actions": {"type": "notify", "params": {"who": {"@expr": "event.?by.orValue('')"}}}},
         ("personal_leak", f"{GO}/actions/params/who/@expr")),
        ({"actions": [{"type": "log", "args": [{"@expr": "context"}]}]},
         ("personal_leak", f"{GO}/actions/0/args/0/@expr")),
        ({"actions": {"type": "raise", "event": {"type": "END", "who": {"@expr": "context.?email.orValue('')"}}}},
         ("personal_leak", f"{GO}/actions/event/who/@expr")),
        ({"actions": {"type": "raise", "event": {"type": "PAY", "amount": "x"}}},
         ("bad_action", f"{GO}/actions/event/amount")),
        ({"keep": ["amount"]}, ("keep_undeclared", f"{GO}/keep/0")),
        ({"guard": {"@expr": "context.email == 'x'"}}, ("personal_read", f"{GO}/guard/@expr")),
    ],
)  # fmt: skip
def test_an_expression_or_patch_that_does_not_fit_is_an_error(
    branch: dict[str, Any], expected: tuple[str, str]
) -> None:
    guards = {"big": {"when": {"@expr": "context.total > params.limit"}}}

    assert expected in errors_in(paying(branch, guards=guards))


@pytest.mark.parametrize(
    "branch",
    [
        {
            "context": {
                "rate": {"@expr": "context.total"},
                "note": {"@expr": "now"},
                "email": {"@expr": "event.?by.orValue('')"},
            }
        },
        {"context": {"total": {"@expr": "context.total + event.amount"}}, "guard": {"@expr": "event.amount > 0"}},
        {"actions": {"type": "raise", "event": {"type": "PAY", "by": {"@expr": "context.?email.orValue('')"}}}},
        {"guard": {"type": "big", "params": {"limit": 3}}},
    ],
)
def test_what_fits_is_no_error(branch: dict[str, Any]) -> None:
    assert errors_in(paying(branch, guards={"big": {"when": {"@expr": "context.total > params.limit"}}})) == []


def test_a_guard_is_checked_for_each_event_that_asks_it_and_reported_once() -> None:
    guards = {"big": {"when": {"@expr": "event.amount > 1"}}}
    states = {"a": {"on": {"PAY": {"target": "a", "guard": "big"}, "END": [{"target": "end", "guard": "big"}]}},
              "b": {"on": {"END": {"target": "end", "guard": "big"}}}, "end": END}  # fmt: skip
    events = {**EVENTS, "END": {"additionalProperties": False}}

    [found] = [
        problem
        for problem in found_in({**chart(states), "guards": guards, "schemas": {"events": events}})
        if problem.severity == "error"
    ]
    assert (found.code, found.pointer, found.offset) == ("unknown_field", "/guards/big/when/@expr", 6)
    assert "(asked on 'END')" in found.sentence


@pytest.mark.parametrize(
    ("cause", "error"),
    [("on", None), ("after", "unknown_field"), ("onDone", "unknown_field"), ("always", None)],
)
def test_an_event_is_typed_where_it_is_known_and_empty_where_nobody_sends(cause: str, error: str | None) -> None:
    branch = {"target": "end", "guard": {"@expr": "has(event.amount) && event.amount > 0"}}
    ways = {"on": {"PAY": branch}, "after": {"P1D": branch}, "onDone": branch, "always": branch}
    inner = {"initial": "x", "states": {"x": END}}
    document = chart({"a": {**inner, cause: ways[cause]}, "end": END}, schemas={"events": EVENTS})

    assert {code for code, _ in errors_in(document)} == ({error} if error else set())


def test_a_field_that_every_way_into_a_state_writes_may_be_read_there() -> None:
    read = {"target": "end", "guard": {"@expr": "context.note == 'x'"}}
    ways = {"PAY": {"target": "b", "context": {"note": "x"}}, "END": {"target": "b", "context": {"note": "y"}}}
    schemas = {"context": CONTEXT, "events": EVENTS}

    def document(on: dict[str, Any]) -> dict[str, Any]:
        return chart({"a": {"on": on}, "b": {"on": {"PAY": read}}, "end": END}, schemas=schemas)

    warned = ("maybe_absent", "/states/b/on/PAY/guard/@expr")
    assert warned not in warnings_in(document(ways))
    assert warned in warnings_in(document({**ways, "END": "b"}))
    assert warned in warnings_in({**document(ways), "on": {"END": {"context": {"note": {"@unset": True}}}}})
    assert warned in warnings_in({**document(ways), "migrations": [{"from": [1]}]})


def test_a_field_that_an_entry_around_assigns_may_be_read_inside() -> None:
    read = {"PAY": {"target": "#thing.end", "guard": {"@expr": "context.note == 'x'"}}}
    entry = {"type": "assign", "context": {"note": "x"}}
    inner = {"initial": "b", "states": {"b": {"on": read}}}
    schemas = {"context": CONTEXT, "events": EVENTS}

    assert "maybe_absent" in [c for c, _ in warnings_in(chart({"a": inner, "end": END}, schemas=schemas))]
    assert "maybe_absent" not in [
        c for c, _ in warnings_in(chart({"a": {**inner, "entry": entry}, "end": END}, schemas=schemas))
    ]


def test_a_kept_field_is_written_only_where_the_event_must_carry_it() -> None:
    context = {"properties": {"amount": {"type": "integer"}}}
    read = {"END": {"target": "end", "guard": {"@expr": "context.amount > 0"}}}
    keep = {"PAY": {"target": "b", "keep": ["amount"]}}

    def warned(pay: dict[str, Any]) -> bool:
        schemas = {"context": context, "events": {"PAY": pay, "END": {}}}
        found = warnings_in(chart({"a": {"on": keep}, "b": {"on": read}, "end": END}, schemas=schemas))
        return "maybe_absent" in [code for code, _ in found]

    assert not warned({"required": ["amount"], "properties": {"amount": {"type": "integer"}}})
    assert warned({"properties": {"amount": {"type": "integer"}}})


@pytest.mark.parametrize(
    ("relation", "error"),
    [
        ({"entity": "house", "key": "house_id"}, None),
        ({"entity": "house", "key": "ids", "cardinality": "many"}, None),
        ({"entity": "house", "inverse": "things"}, None),
        ({"entity": "house", "key": "ids"}, ("bad_relation", "/relations/house/key")),
        ({"entity": "house", "key": "house_id", "cardinality": "many"}, ("bad_relation", "/relations/house/key")),
        ({"entity": "house", "key": "hous_id"}, ("bad_relation", "/relations/house/key")),
        ({"entity": "house", "key": "email"}, ("personal_leak", "/relations/house/key")),
        ({"entity": "House", "key": "house_id"}, ("bad_relation", "/relations/house/entity")),
        ({"entity": "house", "key": "house_id", "inverse": "things"}, ("bad_relation", "/relations/house")),
    ],
)
def test_a_relation_says_how(relation: dict[str, Any], error: tuple[str, str] | None) -> None:
    assert errors_in(paying({}, relations={"house": relation})) == ([error] if error else [])


def test_the_data_of_a_related_type_are_typed_by_its_schema() -> None:
    guard = {"@expr": "has(related.house) && related.house.rent > 'x'"}
    document = paying({"guard": guard}, relations={"house": {"entity": "house", "key": "house_id"}})
    house = {"required": ["rent"], "properties": {"rent": {"type": "integer"}}}
    definition = read_definition(json.dumps(document).encode()).definition

    assert isinstance(definition, Definition)
    assert [problem.code for problem in problems_of(definition) if problem.severity == "error"] == []
    assert [
        problem.code
        for problem in problems_of(definition, Surroundings({"house": Other(house)}))
        if problem.severity == "error"
    ] == ["type_mismatch"]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("in_state('empty', related.house)", None),
        ("in_state('let.furnished', related.house)", None),
        ("in_state('furnished', related.house)", "write in_state('let.furnished', related.house)"),
        ("in_state('emty', related.house)", "write in_state('empty', related.house)"),
        ("in_state('sold', related.house)", ""),
    ],
)
def test_a_state_of_a_related_type_must_be_one_that_its_definition_has(asked: str, problem: str | None) -> None:
    document = paying({"guard": {"@expr": asked}}, relations={"house": {"entity": "house", "key": "house_id"}})
    text = json.dumps(document).encode()
    house = Other(None, ("empty", "let", "let.furnished"))

    found = read_definition(text, Surroundings({"house": house})).problems
    alone = read_definition(text).problems

    errors = [(each.code, each.fix or "") for each in found if each.severity == "error"]
    assert errors == ([] if problem is None else [("unknown_state", problem)])
    assert all(each.severity == "warning" for each in alone)


def moved(**migration: Any) -> bytes:
    context = {"properties": {"paid": {"type": "integer"}, "due": {"type": "integer"}}}
    document = chart({"a": {"on": {"GO": "b"}}, "b": END}, schemas={"context": context}, migrations=[migration])
    return json.dumps(document).encode()


def of_migrations(text: bytes, revisions: dict[int, Other] | None) -> list[tuple[str, str]]:
    problems = read_definition(text, Surroundings(revisions=revisions)).problems
    return [(each.code, each.pointer) for each in problems if each.pointer.startswith("/migrations/")]


FIRST = Other(
    {"required": ["sum"], "properties": {"sum": {"type": "integer"}, "name": {"type": "string"}}}, ("a", "open")
)
SECOND = Other({"required": ["sum"], "properties": {"sum": {"type": "string"}}}, ("a", "shut"))


def test_a_migration_is_checked_against_the_data_of_each_revision_that_it_moves() -> None:
    good = moved(**{"from": [1], "context": {"paid": {"@expr": "context.sum"}}})
    both = moved(**{"from": [1, 2], "context": {"paid": {"@expr": "context.sum + 1"}}})
    unknown = moved(**{"from": [1], "context": {"paid": {"@expr": "context.total"}}})
    misfit = moved(**{"from": [1], "context": {"paid": {"@expr": "context.?name.orValue('')"}}})
    known = {1: FIRST, 2: SECOND}
    at = "/migrations/0/context/paid/@expr"

    assert of_migrations(good, known) == []
    assert of_migrations(both, known) == [("type_mismatch", at)]
    assert of_migrations(unknown, known) == [("unknown_field", at)]
    assert of_migrations(misfit, known) == [("type_mismatch", at)]


def test_a_migration_is_read_dynamically_where_the_earlier_revisions_are_not_at_hand() -> None:
    text = moved(**{"from": [1], "states": {"gone": "a"}, "context": {"paid": {"@expr": "context.total"}}})

    assert of_migrations(text, None) == []


def test_a_migration_names_revisions_and_states_that_are_there() -> None:
    text = moved(**{"from": [1, 3], "states": {"open": "a", "opne": "b"}})

    assert of_migrations(text, {1: FIRST, 2: SECOND}) == [
        ("bad_migration", "/migrations/0/from/1"),
        ("unknown_state", "/migrations/0/states/opne"),
    ]


@pytest.mark.parametrize(
    ("name", "hinted"),
    [
        ("price", True),
        ("totalAmount", True),
        ("net_total", True),
        ("rate", False),
        ("weight", False),
        ("subtotals_of", False),
    ],
)
def test_a_number_named_like_money_is_hinted_at(name: str, hinted: bool) -> None:
    document = chart({"a": END}, schemas={"context": {"properties": {name: {"type": "number"}}}})

    assert (("money_as_number", f"/schemas/context/properties/{name}") in warnings_in(document)) is hinted


def test_required_data_that_nobody_can_write_at_creation_are_pointed_out() -> None:
    fields = {"no": {"type": "integer", "readOnly": True}, "to": {"type": "string"}}
    schemas = {"context": {"required": ["no", "to"], "properties": fields}}
    entry = {"type": "assign", "context": {"no": 1}}

    def missing(**root: Any) -> list[str]:
        found = warnings_in(chart({"a": {"on": {"GO": "end"}}, "end": END}, schemas=schemas, **root))
        return [pointer.rpartition("/")[2] for code, pointer in found if code == "maybe_missing"]

    assert missing() == ["no"]
    assert missing(context={"no": 1}) == []
    assert missing(entry=entry) == []
    assert missing(entry=entry, creation="implicit") == ["to"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"@expr": "context.a ==  oops"}', 'oops"}'),
        ('{"@expr":"\\u0022x\\" == oops"}', 'oops"}'),
        ('{"@expr"  :\n   "\\"\\ud83d\\ude00\\" == oops"}', 'oops"}'),
        ('{"@expr": "1 ==\\n\\t oops"}', 'oops"}'),
    ],
)
def test_a_fault_in_an_expression_stands_at_its_own_character_whatever_escapes_come_before(
    text: str, place: str
) -> None:
    whole = '{"id": "thing", "initial": "a",\n "states": {"a": {"on": {"GO": {"guard": ' + text + "}}}}}"
    at = whole.index(place)
    line, column = whole.count("\n", 0, at) + 1, at - whole.rfind("\n", 0, at)

    [found] = [problem for problem in read_definition(whole.encode()).problems if problem.code == "bad_expression"]
    assert (found.line, found.column) == (line, column)
