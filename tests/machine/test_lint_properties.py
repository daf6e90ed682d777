"""What holds of the checks whatever the document: they answer, they point into it, and they use known codes alone."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from statewright.machine.codes import TABLE
from statewright.machine.definition import Definition
from statewright.machine.reading import read_definition
from tests.machine.random_documents import Documents


def stands(document: Any, pointer: str) -> bool:
    """Whether a pointer leads to something in the document."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list):
            if not name.isdigit() or int(name) >= len(document):
                return False
            document = document[int(name)]
        elif isinstance(document, dict) and name in document:
            document = document[name]
        else:
            return False
    return True


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_the_checks_answer_for_any_document_with_known_codes_and_places_in_it(seed: int) -> None:
    document = Documents(seed).one()
    msgspec.convert(document, Definition)
    reading = read_definition(json.dumps(document).encode())

    assert reading.definition is not None
    for problem in reading.problems:
        row = TABLE[problem.code]
        assert problem.severity in (row.severity, row.also)
        assert stands(document, problem.pointer) or stands(document, problem.pointer.rpartition("/")[0])
        assert problem.line is not None
        assert problem.sentence
