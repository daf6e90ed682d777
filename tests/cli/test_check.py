"""What `statewright check` says, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from statewright.cli import main
from statewright.cli.bundled import bundled_definitions


def check(*files: Path | str) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, files)])


def test_problems_are_named_as_a_compiler_would(tmp_path: Path):
    file = tmp_path / "door.json"
    file.write_text(
        '{\n  "id": "door",\n  "initial": "shut",\n  "states": {"shut": {"on": {"OPEN": "opne"}}, "open": {}}\n}\n'
    )

    result = check(file)

    assert result.exit_code == 1
    assert f"{file}:4:30: error: " in result.stdout
    assert "[unknown_target]" in result.stdout
    assert "1 definition checked: 1 error" in result.stderr


def test_text_that_is_no_json_is_an_error_with_its_place(tmp_path: Path):
    file = tmp_path / "door.json"
    file.write_text('{"id": "door",\n "id": "gate"}')

    result = check(file)

    assert result.exit_code == 1
    assert f"{file}:2:2: error: " in result.stdout


def test_warnings_forbid_nothing(tmp_path: Path):
    file = tmp_path / "door.json"
    file.write_text(
        '{"id": "door", "initial": "shut", "states": {"shut": {"on": {"OPEN": "open"}}, "open": {"type": "final"}}}'
    )

    result = check(file)

    assert result.exit_code == 0
    assert ": warning: " in result.stdout


def test_the_bundled_definitions_have_nothing_wrong_with_them():
    files = bundled_definitions()

    result = check(*files)

    assert len(files) == 5
    assert result.exit_code == 0
    assert result.stdout == ""


def test_files_beside_definitions_are_left_out():
    folder = bundled_definitions()[0].parent

    result = check(*folder.glob("*.json"))

    assert result.exit_code == 0
    assert "order.scenarios.json: not a definition, left out" in result.stderr
    assert "5 definitions checked: no errors, no warnings" in result.stderr


def test_a_file_that_is_not_there_is_said_and_the_others_are_checked(tmp_path: Path):
    result = check(tmp_path / "nowhere.json", bundled_definitions()[0])

    assert result.exit_code == 1
    assert "nowhere.json: cannot be read: No such file" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["check"], ["check", "--nonsense", "x"], ["nonsense"]])
def test_a_wrong_command_line_ends_with_2(arguments: list[str]):
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_personal_fields_are_errors_as_on_a_server_and_may_be_let_pass(tmp_path: Path):
    file = tmp_path / "patient.json"
    file.write_text(
        '{"id": "patient", "initial": "in",\n "schemas": {"context": {"properties": {"name": {"personal": true}}}},\n'
        ' "states": {"in": {"type": "final"}}}\n'
    )

    refused, let_pass = check(file), check("--allow-unprotected-personal-data", file)

    assert refused.exit_code == 1
    assert f"{file}:2:41: error: " in refused.stdout
    assert "[unprotected_personal_data]" in refused.stdout
    assert let_pass.exit_code == 0
