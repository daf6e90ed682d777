"""The published JSON Schemas are those of the structs, and what lies beside them is valid by them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from tests.definitions.scenarios import DEFINITIONS
from tests.definitions.schema_files import WRITTEN, text_of

DOCUMENTS = [path for path in sorted(DEFINITIONS.glob("*.json")) if not path.name.endswith(".schema.json")]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_published_schema_is_up_to_date(name: str) -> None:
    assert (DEFINITIONS / name).read_bytes() == text_of(name), "make generated writes it again"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_lies_beside_a_schema_is_valid_by_it(path: Path) -> None:
    kind = "scenarios" if path.name.endswith(".scenarios.json") else "definition"
    schema = json.loads((DEFINITIONS / f"{kind}.schema.json").read_bytes())

    found = jsonschema_rs.validator_for(schema).iter_errors(json.loads(path.read_bytes()))
    assert [error.message for error in found] == []


def test_the_schema_of_the_language_refuses_a_key_it_does_not_know() -> None:
    schema = json.loads((DEFINITIONS / "definition.schema.json").read_bytes())
    document = json.loads((DEFINITIONS / "order.json").read_bytes())
    document["states"]["basket"]["onn"] = {}

    assert not jsonschema_rs.validator_for(schema).is_valid(document)
