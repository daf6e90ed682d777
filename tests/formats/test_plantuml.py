"""PlantUML text of lines that PlantUML knows, in which no label means anything."""

from __future__ import annotations

import re

import pytest

from statewright.formats.plantuml import plantuml_of
from tests.diagram.drawn import ALL, HARM, HOSTILE, NESTED, ORDER

_TEXT = r"(?:[\w \-.,()/\[\]'+*=?!|]|<U\+[0-9A-F]{4,6}>)+"
_LINE = re.compile(
    rf"@startuml|@enduml|title {_TEXT}|hide empty description|left to right direction|\s*(--|\}}"
    rf'|state "{_TEXT}" as \w+( <<history\*?>>)?( \{{)?|(\[\*\]|\w+) -(\[dashed\])?->? ?(\[\*\]|\w+)( : {_TEXT})?'
    rf"|(\[\*\]|\w+) --> (\[\*\]|\w+)( : {_TEXT})?|\w+ -\[dashed\]-> \w+ : {_TEXT})"
)


@pytest.mark.parametrize("name", ALL)
def test_every_line_is_of_a_kind_that_plantuml_knows(name: str) -> None:
    assert [line for line in plantuml_of(ALL[name]).splitlines() if not _LINE.fullmatch(line)] == []


@pytest.mark.parametrize("name", ALL)
def test_braces_match_and_every_state_is_declared_once(name: str) -> None:
    text = plantuml_of(ALL[name])

    declared = re.findall(r" as (\w+)", text)
    assert len(declared) == len(set(declared))
    assert len(re.findall(r"\{$", text, re.MULTILINE)) == len(re.findall(r"^\s*\}$", text, re.MULTILINE))
    assert set(re.findall(r"^\s*(\w+) -", text, re.MULTILINE)) <= set(declared)


def test_an_order_reads_as_one_would_write_it() -> None:
    lines = plantuml_of(ORDER).splitlines()

    assert "[*] --> draft" in lines
    assert 'state "Credit review" as review' in lines
    assert "draft --> paid : SUBMIT [within_limit] by customer, clerk" in lines
    assert "paid -[dashed]-> cancelled : after 14 d" in lines
    assert "shipped --> [*]" in lines


def test_no_arrow_crosses_the_border_of_a_region() -> None:
    """PlantUML 1.2020 refuses a picture with such an arrow."""
    assert "work --> work : JUMP (to B)" in plantuml_of(NESTED).splitlines()


def test_signs_that_mean_something_are_written_by_number() -> None:
    assert HARM not in plantuml_of(HOSTILE)
    assert "<script>" not in plantuml_of(HOSTILE)
