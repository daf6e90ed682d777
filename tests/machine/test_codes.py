"""The table of codes is the whole truth: what can be reported stands in it, and each row shows what it says."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from statewright.machine.codes import TABLE
from statewright.machine.problem import Problem
from statewright.machine.reading import read_definition

ROOMS = Path(__file__).parents[2] / "platform" / "statewright"
SHOWN = [code for code, row in TABLE.items() if row.example is not None]
CODE_COMES_FIRST = ("error", "warning", "malformed", "fault", "Fault")
"""Functions whose first argument is a code."""
BOTH_SIDES = ("not_supported_yet",)
"""What an example may keep when it is mended, since its remedy is an upgrade."""


def reported_codes() -> set[str]:
    """The codes that reading, checking and activating a definition can give, as written in the sources."""
    found: set[str] = set()
    for path in [path for room in ("machine", "catalog", "reading") for path in (ROOMS / room).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                found.update(codes_of(node))
    return found


def codes_of(call: ast.Call) -> Iterator[str]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    given = [word.value for word in call.keywords if word.arg == "code"]
    if name in CODE_COMES_FIRST:
        given += call.args[:1]
    if name == "wrong":
        given += call.args[1:2]
    yield from (value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str))


def problems_of(document: object) -> list[Problem]:
    text = document if isinstance(document, str) else json.dumps(document)
    return list(read_definition(text.encode()).problems)


def test_every_code_that_can_be_reported_stands_in_the_table_and_no_other() -> None:
    assert reported_codes() == set(TABLE)


@pytest.mark.parametrize("code", SHOWN)
def test_the_example_of_a_code_gives_it_once_where_it_says(code: str) -> None:
    row = TABLE[code]

    found = [problem for problem in problems_of(row.example) if problem.code == code]

    assert [(problem.severity, problem.pointer) for problem in found] == [(row.severity, row.pointer)]
    assert found[0].line is not None


@pytest.mark.parametrize("code", SHOWN)
def test_the_remedy_of_a_code_removes_it_and_brings_no_other_error(code: str) -> None:
    left = [
        problem for problem in problems_of(TABLE[code].mended) if problem.code not in BOTH_SIDES or code in BOTH_SIDES
    ]

    assert code not in [problem.code for problem in left]
    assert [problem for problem in left if problem.severity != "warning"] == []


@pytest.mark.parametrize("code", sorted(set(TABLE) - set(SHOWN)))
def test_only_what_a_size_or_a_server_decides_is_left_without_an_example(code: str) -> None:
    by_server = ("not_compilable", "too_costly", "unprotected_personal_data", "unregistered_type")

    assert code in ("too_large", "too_many_problems", *by_server)
