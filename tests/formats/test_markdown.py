"""The table for people who read no diagrams."""

from __future__ import annotations

import orjson
import pytest
from markdown_it import MarkdownIt

from statewright.cli.bundled import bundled_definitions
from statewright.formats.exports import export
from statewright.formats.written import document_of
from tests.diagram.drawn import ALL, HOSTILE


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def test_a_branch_is_a_row_in_words() -> None:
    order = next(file for file in bundled_definitions() if file.stem == "order")
    lines = export(order.read_bytes(), "markdown").text.splitlines()

    assert lines[0] == "# Order"
    assert cells(lines[4]) == ["In state", "When", "Only if", "By", "Goes to", "What is written"]
    assert "| On its way | `DELIVER` |  | Carrier | Delivered |  |" in lines


@pytest.mark.parametrize("name", ALL)
def test_every_row_has_six_cells_and_no_markup_of_the_author_s(name: str) -> None:
    text = export(orjson.dumps(document_of(ALL[name])), "markdown").text
    tokens = MarkdownIt("commonmark").enable("table").parse(text)

    rows = [token for token in tokens if token.type == "tr_open"]
    assert sum(token.type in ("td_open", "th_open") for token in tokens) == 6 * len(rows)
    assert not any(child.type.startswith("html") for token in tokens for child in token.children or ())


def test_a_branch_that_forbids_says_so() -> None:
    assert "not taken here" in export(b'{"id":"x","initial":"a","states":{"a":{"on":{"E":{}}}}}', "markdown").text
    assert "(missing)" in export(orjson.dumps(document_of(HOSTILE)), "markdown").text
