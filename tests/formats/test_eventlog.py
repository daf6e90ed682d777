"""Definitions drawn up from event logs: the states and transitions seen, with counts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from statewright.formats.eventlog import NoHistory, observed
from statewright.machine.reading import read_definition

DATA = Path(__file__).parents[3] / "shared" / "data"


def log(*events: tuple[str, str], type: str = "loan", **data: object) -> list[bytes]:
    return [
        json.dumps({"entity_type": type, "entity_id": entity, "event": event, "data": data}).encode()
        for entity, event in events
    ]


def test_each_event_leaves_an_entity_in_a_state_of_its_own() -> None:
    found = observed(log(("1", "apply"), ("1", "grant"), ("2", "apply"), ("2", "deny"), ("3", "apply"), ("3", "grant")))

    document = json.loads(found.document)
    assert (found.type, found.lines, found.entities) == ("loan", 6, 3)
    assert document["initial"] == "new"
    assert document["states"]["new"]["on"]["apply"] == {"target": "apply", "description": "seen 3 times"}
    assert document["states"]["apply"]["on"]["grant"]["description"] == "seen 2 times"
    assert document["states"]["grant"]["type"] == "final"
    assert "2 entities are there" in document["states"]["grant"]["description"]
    assert not [each for each in read_definition(found.document.encode()).problems if each.severity != "warning"]


def test_a_log_that_names_states_gives_those() -> None:
    lines = [
        {"type": "loan", "entity": "1", "event": None, "from": None, "to": "draft"},
        {"type": "loan", "entity": "1", "event": "GO", "from": "draft", "to": ["a.x", "b.y"]},
        {"type": "loan", "entity": "2", "event": "GO", "from": "draft", "to": "done"},
    ]

    document = json.loads(observed(json.dumps(line).encode() for line in lines).document)

    assert document["initial"] == "draft"
    assert set(document["states"]) == {"draft", "a_x / b_y", "done"}
    rarer, commoner = document["states"]["draft"]["on"]["GO"]
    assert rarer["guard"] == {"@expr": "false"}
    assert "guard" not in commoner


def test_the_kinds_of_what_events_carry_are_told() -> None:
    lines = [
        *log(("1", "pay"), sum=1, note=None),
        *log(("2", "pay"), sum=1.5, note="x", odd=1),
        *log(("3", "go"), odd=""),
    ]

    schemas = json.loads(observed(lines).document)["schemas"]

    assert schemas["events"]["pay"] == {
        "required": ["sum"],
        "properties": {"sum": {"type": "number"}, "note": {"type": ["string", "null"]}, "odd": {}},
    }
    assert schemas["context"]["properties"]["odd"] == {}


def test_the_type_with_most_lines_is_drawn_unless_another_is_named() -> None:
    lines = [*log(("1", "a")), *log(("1", "b"), ("2", "b"), type="order"), b"[]", b"{", b'{"event": 1}']

    assert (observed(lines).type, observed(lines).unread, observed(lines).others) == ("order", 3, {"loan": 1})
    assert observed(lines, "loan").type == "loan"


def test_rare_arrows_are_left_out_and_counted() -> None:
    found = observed(log(("1", "a"), ("1", "b"), ("2", "a"), ("2", "c"), ("3", "a"), ("3", "c")), least=2)

    assert found.left_out == 1
    assert json.loads(found.document)["states"]["a"]["on"] == {"c": {"target": "c", "description": "seen 2 times"}}


def test_hostile_names_become_ones_the_language_takes() -> None:
    found = observed(log(("1", "<script>"), ("1", "a.b"), ("1", "done.x"), ("1", "\u202e" + "w" * 300), type="Größe!"))

    assert not [each for each in read_definition(found.document.encode()).problems if each.severity != "warning"]


def test_a_log_without_events_says_what_is_looked_for() -> None:
    with pytest.raises(NoHistory, match="entity_type"):
        observed([b"", b"{}", b'{"entity_type": "a"}'])


@pytest.mark.skipif(not DATA.exists(), reason="the event logs are not beside this checkout")
@pytest.mark.parametrize(("name", "events", "entities"), [("receipt", 8_577, 1_434), ("uci_incident", 141_712, 24_918)])
def test_a_real_log_gives_a_draft_without_errors(name: str, events: int, entities: int) -> None:
    with gzip.open(DATA / f"{name}.ndjson.gz") as lines:
        found = observed(lines)

    assert (found.lines, found.entities, found.unread) == (events, entities, 0)
    assert not [each for each in read_definition(found.document.encode()).problems if each.severity != "warning"]
