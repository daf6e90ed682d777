"""Small definitions for tests of the checks, and what is found in them."""

from __future__ import annotations

import json
from typing import Any

from statewright.machine.problem import Problem
from statewright.machine.reading import read_definition

END: dict[str, Any] = {"type": "final"}


def chart(states: dict[str, Any], **root: Any) -> dict[str, Any]:
    """A definition with these states, which begins in the first of them."""
    return {"id": "thing", "initial": next(iter(states), None), "states": states, **root}


def found_in(document: dict[str, Any]) -> list[Problem]:
    """All problems, but that events have no schema."""
    problems = read_definition(json.dumps(document).encode()).problems
    return [problem for problem in problems if problem.code != "event_without_schema"]


def errors_in(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Code and pointer of every error."""
    return [(problem.code, problem.pointer) for problem in found_in(document) if problem.severity == "error"]


def warnings_in(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Code and pointer of every warning."""
    return [(problem.code, problem.pointer) for problem in found_in(document) if problem.severity == "warning"]
