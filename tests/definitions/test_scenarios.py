"""Every definition that comes along is without a problem, and the scenarios beside it hold and leave nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from statewright.cli import main
from statewright.machine.reading import read_definition

DEFINITIONS = Path(__file__).parents[2] / "definitions"
DOCUMENTS = [path for path in sorted(DEFINITIONS.glob("*.json")) if path.suffixes == [".json"]]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_definition_that_comes_along_has_not_even_a_warning(path: Path) -> None:
    assert read_definition(path.read_bytes()).problems == ()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_the_scenarios_of_a_definition_hold_and_cover_its_states_transitions_and_branches(path: Path) -> None:
    result = CliRunner().invoke(main, ["test", "--strict", str(path)])

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_scenarios_proposed_for_a_definition_hold_and_leave_nothing_out(path: Path, tmp_path: Path) -> None:
    (tmp_path / path.name).write_bytes(path.read_bytes())
    beside = tmp_path / f"{path.stem}.scenarios.json"

    proposed = CliRunner().invoke(main, ["test", "--generate", str(tmp_path / path.name), "-o", str(beside)])
    played = CliRunner().invoke(main, ["test", "--strict", str(beside)])

    assert (proposed.exit_code, played.exit_code) == (0, 0), played.output
    assert "not covered" not in proposed.output + played.output
