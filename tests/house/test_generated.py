"""What is made from code is up to date, and what should be valid by it is."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from tests.house.generated import HOUSE, MADE

DEFINITIONS = HOUSE / "definitions"
DOCUMENTS = [path for path in sorted(DEFINITIONS.glob("*.json")) if not path.name.endswith(".schema.json")]


@pytest.mark.parametrize("path", MADE)
def test_a_generated_file_is_up_to_date(path: str) -> None:
    assert (HOUSE / path).read_text() == MADE[path](), "make generated writes it again"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_lies_beside_a_published_schema_is_valid_by_it(path: Path) -> None:
    kind = "scenarios" if path.name.endswith(".scenarios.json") else "definition"
    schema = json.loads((DEFINITIONS / f"{kind}.schema.json").read_bytes())

    found = jsonschema_rs.validator_for(schema).iter_errors(json.loads(path.read_bytes()))
    assert [error.message for error in found] == []


def test_the_published_schema_of_the_language_refuses_a_key_it_does_not_know() -> None:
    schema = json.loads((DEFINITIONS / "definition.schema.json").read_bytes())
    document = json.loads((DEFINITIONS / "order.json").read_bytes())
    document["states"]["basket"]["onn"] = {}

    assert not jsonschema_rs.validator_for(schema).is_valid(document)
