"""Mermaid text: ids that it can read, and labels in which nothing means anything."""

from __future__ import annotations

import re

import pytest

from statewright.formats.mermaid import mermaid_of
from tests.diagram.drawn import ALL, HARM, HOSTILE, NESTED, ORDER, definition

LINE = re.compile(
    r"stateDiagram-v2|\s+(direction LR|--|\}|state \w+ \{|state \"[^\"#;:<>{}]*(?:#\d+;[^\"#;:<>{}]*)*\" as \w+"
    r"|(\[\*\]|\w+) --> (\[\*\]|\w+)( : ([^#;:<>{}]|#\d+;)+)?)"
)


def test_an_order_reads_as_one_would_write_it():
    lines = mermaid_of(ORDER).splitlines()

    assert lines[0] == "stateDiagram-v2"
    assert "    [*] --> draft" in lines
    assert '    state "Credit review" as review' in lines
    assert "    draft --> paid : SUBMIT [within_limit] by customer, clerk" in lines
    assert "    draft --> review : SUBMIT [else]" in lines
    assert "    draft --> draft : EDIT (stays)" in lines
    assert "    paid --> cancelled : after 14 d" in lines
    assert "    any_state --> cancelled : CANCEL" in lines
    assert "    shipped --> [*]" in lines


@pytest.mark.parametrize("name", ALL)
def test_every_line_is_of_a_kind_that_mermaid_knows(name: str):
    assert [line for line in mermaid_of(ALL[name]).splitlines() if not LINE.fullmatch(line)] == []


def test_signs_that_mean_something_to_mermaid_are_written_by_number():
    text = mermaid_of(definition(states={"a": {"label": 'a:b;c"d#e<br/>%%'}}))

    assert '"a#58;b#59;c#34;d#35;e#60;br/#62;#37;#37;"' in text
    assert HARM not in mermaid_of(HOSTILE)


def test_words_of_mermaid_s_own_are_no_ids():
    text = mermaid_of(definition(states={"end": {"on": {"X": "State"}}, "State": {}}))

    assert "end_ --> State_ : X" in text


def test_no_two_states_share_an_id():
    states = {"a b": {}, "a_b": {}, "a:b": {}, "any_state": {}}
    text = mermaid_of(definition(states=states, on={"X": ".a_b"}))

    ids = re.findall(r" as (\w+)$", text, re.MULTILINE)
    assert len(ids) == len(set(ids)) == 5


def test_regions_of_a_parallel_state_are_divided():
    lines = [line.strip() for line in mermaid_of(NESTED).splitlines()]

    assert lines.index("state work_left {") < lines.index("--") < lines.index("state work_right {")
