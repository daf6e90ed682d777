"""What is exported and imported again is the same definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from statewright.cli.bundled import bundled_definitions
from statewright.formats.exports import EXPORTS, export
from statewright.formats.imports import read_foreign, source_of
from statewright.formats.written import in_order
from statewright.machine.reading import read_definition

from .alike import spelled_out
from .random_definitions import documents

_MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def _there_and_back(document: dict[str, Any], notation: str) -> dict[str, Any]:
    text = export(orjson.dumps(document), notation).text
    source = "scxml" if notation == "scxml" else "xstate"
    assert source_of(text.encode()) == source
    return read_foreign(text.encode(), source).document


@given(documents())
@_MANY
def test_xstate_5_gives_back_the_same_document(document: dict[str, Any]) -> None:
    assert not read_definition(orjson.dumps(document)).malformed

    assert orjson.dumps(_there_and_back(document, "xstate")) == orjson.dumps(in_order(document))


@given(documents())
@_MANY
def test_xstate_6_gives_back_the_same_meaning(document: dict[str, Any]) -> None:
    assert spelled_out(_there_and_back(document, "xstate-v6")) == spelled_out(document)


@given(documents())
@_MANY
def test_scxml_gives_back_the_same_meaning(document: dict[str, Any]) -> None:
    assert spelled_out(_there_and_back(document, "scxml")) == spelled_out(document)


@given(documents())
@_MANY
def test_every_notation_takes_every_definition(document: dict[str, Any]) -> None:
    for notation in EXPORTS:
        exported = export(orjson.dumps(document), notation)

        assert exported.text.endswith("\n")
        assert all(_exists(document, note.pointer) for note in exported.notes), exported.notes


def _exists(document: Any, pointer: str) -> bool:
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list):
            document = document[int(key)]
        elif key in document:
            document = document[key]
        else:
            return False
    return True


@pytest.mark.parametrize("notation", ["xstate", "xstate-v6", "scxml"])
@pytest.mark.parametrize("file", bundled_definitions(), ids=lambda file: file.stem)
def test_the_definitions_that_come_along_survive(file: Path, notation: str) -> None:
    document = orjson.loads(file.read_bytes())

    assert spelled_out(_there_and_back(document, notation)) == spelled_out(document)
