"""What `statewright convert` carries over, and what it says about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from statewright.cli import main
from statewright.cli.bundled import bundled_definitions

MACHINE = '{"id": "lamp", "initial": "off", "states": {"off": {"on": {"T": {"target": "on", "cond": "ok"}}}, "on": {}}}'
ORDER = next(file for file in bundled_definitions() if file.stem == "order")


def convert(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["convert", *map(str, arguments)])


def test_a_machine_of_another_tool_becomes_a_definition(tmp_path: Path) -> None:
    file = tmp_path / "lamp.json"
    file.write_text(MACHINE)

    result = convert(file)

    assert result.exit_code == 0
    assert json.loads(result.stdout)["guards"] == {"ok": {"when": None}}
    assert f"{file}:1:82: rewritten: the guard 'ok' is code elsewhere" in result.stderr


@pytest.mark.parametrize("ending", [".scxml", ".xstate.json", ".xstate6.json"])
def test_there_and_back_by_the_endings_alone(tmp_path: Path, ending: str) -> None:
    out, back = tmp_path / f"order{ending}", tmp_path / "order.json"

    assert convert(ORDER, "-o", out).exit_code == 0
    assert convert(out, "-o", back).exit_code == 0

    assert json.loads(back.read_text())["schemas"] == json.loads(ORDER.read_text())["schemas"]


def test_what_is_not_carried_is_told_with_its_pointer() -> None:
    result = convert(ORDER, "--to", "mermaid")

    assert result.stdout.startswith("stateDiagram-v2")
    assert f"{ORDER}#/schemas: lost: Mermaid does not show 'schemas'" in result.stderr


def test_what_cannot_be_read_ends_with_1_and_a_place(tmp_path: Path) -> None:
    file = tmp_path / "x.scxml"
    file.write_text('<!DOCTYPE x [<!ENTITY a "b">]>\n<scxml/>')

    result = convert(file)

    assert result.exit_code == 1
    assert f"{file}:1:" in result.stderr
    assert "a document type or an entity is declared" in result.stderr


def test_an_ending_that_tells_nothing_is_a_wrong_command_line(tmp_path: Path) -> None:
    assert convert(ORDER, "-o", tmp_path / "out.pdf").exit_code == 2
