"""How lines of recorded logs become commands."""

from __future__ import annotations

import msgspec
import pytest

from statewright.cli.lines import BadLine, command_of


def test_a_recorded_event_becomes_a_command_with_an_id():
    line = b"""{"entity_type": "order", "entity_id": "7", "event": "PAY", "occurred_at": "2026-01-01T00:00:00Z",
        "actor": {"id": "anna", "role": "clerk", "group": "G"}, "data": {"b": 1, "a": 1.0}, "relations": []}"""

    command = command_of(line.replace(b"\n", b""), "log:1")

    assert (command.type, command.entity, command.id) == ("order", "7", "log:1")
    assert command.text.endswith(b"\n")
    assert msgspec.json.decode(command.text) == {
        "type": "order",
        "entity": "7",
        "event": "PAY",
        "id": "log:1",
        "data": {"b": 1, "a": 1.0},
        "occurred_at": "2026-01-01T00:00:00Z",
        "actor": {"id": "anna", "roles": ["clerk"]},
    }


def test_data_passes_through_as_it_was_written():
    line = b'{"entity_type":"o","entity_id":"1","event":"E","data":{"n":1.50, "big":12345678901234567890123}}'

    assert b'{"n":1.50, "big":12345678901234567890123}' in command_of(line, "x").text


def test_a_command_gets_an_id_where_it_has_none():
    assert msgspec.json.decode(command_of(b'{"type":"o","entity":"1","event":null}', "x:3").text)["id"] == "x:3"
    own = b'{"type":"o","entity":"1","event":null,"id":"mine"}'
    assert command_of(own + b"\r\n", "x:3") == (own + b"\n", "o", "1", "mine")


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b"7",
        b'{"entity_type": "order"}',
        b'{"entity_type": 7, "entity_id": "1", "event": "E"}',
        b'"\xff"',
    ],
)
def test_a_line_of_neither_form_is_named_for_what_is_wrong(line: bytes):
    with pytest.raises(BadLine):
        command_of(line, "x")
