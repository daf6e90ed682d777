"""What `statewright diagram` draws."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from statewright.cli import main
from statewright.cli.bundled import bundled_definitions


@pytest.mark.parametrize(
    ("ending", "begins"), [(".svg", "<svg"), (".dot", "digraph order {"), (".mmd", "stateDiagram-v2")]
)
def test_the_ending_says_what_is_drawn(tmp_path: Path, ending: str, begins: str):
    order = next(file for file in bundled_definitions() if file.stem == "order")
    output = tmp_path / f"out{ending}"

    result = CliRunner().invoke(main, ["diagram", str(order), "-o", str(output)])

    assert result.exit_code == 0
    assert output.read_text().startswith(begins)


def test_an_unknown_ending_is_a_wrong_command_line(tmp_path: Path):
    result = CliRunner().invoke(main, ["diagram", str(bundled_definitions()[0]), "-o", str(tmp_path / "out.png")])

    assert result.exit_code == 2
    assert ".svg, .dot, .mmd" in result.stderr


def test_what_is_no_definition_is_not_drawn(tmp_path: Path):
    file = tmp_path / "door.json"
    file.write_text("{}")

    result = CliRunner().invoke(main, ["diagram", str(file), "-o", str(tmp_path / "out.svg")])

    assert result.exit_code == 1
    assert "cannot be drawn" in result.stderr


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path):
    output = tmp_path / "nowhere" / "out.svg"

    result = CliRunner().invoke(main, ["diagram", str(bundled_definitions()[0]), "-o", str(output)])

    assert result.exit_code == 1
    assert result.stderr == f"Error: {output} cannot be written: No such file or directory\n"
