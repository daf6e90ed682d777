"""What `statewright replay` promises, on an installation of its own: each line decided, the same each time."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from statewright.cli import main
from statewright.cli.bundled import bundled_definitions
from statewright.folder import FolderLock

DOOR = {
    "id": "door",
    "creation": "implicit",
    "initial": "shut",
    "states": {"shut": {"on": {"OPEN": "open"}}, "open": {"on": {"SHUT": "shut", "LOCK": {}}}},
}


def replay(*arguments: Path | str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, arguments)], input=text)


def event(name: str, door: str = "1") -> str:
    return json.dumps({"entity_type": "door", "entity_id": door, "event": name, "data": {}}) + "\n"


@pytest.fixture
def door(tmp_path: Path) -> Path:
    file = tmp_path / "door.json"
    file.write_text(json.dumps(DOOR))
    return file


def test_every_line_of_a_recorded_log_is_decided_as_an_independent_replay_found(logs: Path, tmp_path: Path):
    log, decisions = logs / "receipt.ndjson.gz", tmp_path / "decisions"
    definition = logs / "definitions" / "receipt.v1.permit_application.json"

    result = replay(log, "--definition", definition, "--decisions", decisions)

    assert result.exit_code == 0, result.output
    assert decisions.read_bytes() == gzip.decompress((logs / "oracle" / "receipt.v1.decisions.gz").read_bytes())
    assert "8,577 lines: 7,315 accepted, 1,262 refused" in result.stdout
    assert "1,262  not_in_this_state" in result.stdout


def test_the_same_log_sent_again_is_decided_as_before_and_changes_nothing(door: Path, tmp_path: Path):
    """A refused event would be let through now, on the state that later events have brought about; it is not asked."""
    log = tmp_path / "doors.ndjson"
    log.write_text(event("SHUT") + event("OPEN") + event("OPEN") + event("SHUT") + event("SHUT", "2"))
    options = (log, "--definition", door, "--data", tmp_path / "data", "--decisions")

    first = replay(*options, tmp_path / "first")
    second = replay(*options, tmp_path / "second")

    assert (tmp_path / "first").read_text() == (tmp_path / "second").read_text() == "RARAR"
    assert "2 accepted, 3 refused" in first.stdout
    assert "2 accepted (2 of them were there before), 3 refused" in second.stdout
    assert "2  refused_earlier" in second.stdout


def test_a_longer_log_that_begins_the_same_is_another_log(door: Path, tmp_path: Path):
    short, longer = tmp_path / "short.ndjson", tmp_path / "longer.ndjson"
    short.write_text(event("OPEN"))
    longer.write_text(event("OPEN") + event("SHUT"))

    replay(short, "--definition", door, "--data", tmp_path / "data")
    result = replay(longer, "--data", tmp_path / "data")

    assert "1 accepted, 1 refused" in result.stdout


def test_malformed_lines_are_named_and_the_others_decided(door: Path, tmp_path: Path):
    log, decisions = tmp_path / "doors.ndjson", tmp_path / "decisions"
    log.write_text(event("OPEN") + "\nnonsense\n" + '{"entity_type": "door"}\n' + event("SHUT"))

    result = replay(log, "--definition", door, "--decisions", decisions)

    assert result.exit_code == 1
    assert decisions.read_text() == "ARRA"
    assert "doors.ndjson:3: malformed: " in result.stderr
    assert "doors.ndjson:4: malformed: " in result.stderr


def test_standard_input_may_be_commands(door: Path):
    commands = "".join(
        json.dumps({"type": "door", "entity": "1", "event": name, "actor": {"id": "anna"}}) + "\n"
        for name in ("OPEN", "LOCK", "SHUT")
    )

    result = replay("-", "--definition", door, text=commands)

    assert result.exit_code == 0, result.output
    assert "3 lines: 2 accepted, 1 refused" in result.stdout


def test_a_log_that_was_copied_in_part_is_replayed_as_far_as_it_goes(door: Path, tmp_path: Path):
    log = tmp_path / "doors.ndjson.gz"
    whole = gzip.compress("".join(event("OPEN", str(number)) for number in range(5_000)).encode())
    log.write_bytes(whole[: len(whole) // 2])

    result = replay(log, "--definition", door)

    assert result.exit_code == 1
    assert "cannot be read to its end" in result.stderr
    assert " accepted, 0 refused" in result.stdout


def test_simulated_histories_are_accepted_through_the_front_door(tmp_path: Path):
    for file in bundled_definitions():
        log = tmp_path / f"{file.stem}.ndjson"
        made = CliRunner().invoke(
            main, ["simulate", str(file), "--entities", "30", "--until", "2026-06-01", "-o", str(log)]
        )

        result = replay(log, "--definition", file)

        assert made.exit_code == 0
        assert result.exit_code == 0, result.output
        assert " accepted, 0 refused" in result.stdout


def test_a_definition_with_errors_ends_the_replay_with_all_of_them(tmp_path: Path, door: Path):
    log = tmp_path / "doors.ndjson"
    log.write_text(event("OPEN"))
    door.write_text(json.dumps(DOOR | {"initial": "nowhere", "label": 7}))

    result = replay(log, "--definition", door)

    assert result.exit_code == 1
    assert f"{door}:1:" in result.stderr
    assert result.stdout == ""


def test_a_folder_that_is_in_use_is_said_with_who_uses_it(tmp_path: Path, door: Path):
    log = tmp_path / "doors.ndjson"
    log.write_text(event("OPEN"))
    lock = FolderLock(tmp_path / "data", "serve")

    result = replay(log, "--definition", door, "--data", tmp_path / "data")

    lock.release()
    assert result.exit_code == 1
    assert "is in use by statewright serve (process" in result.stderr


def test_a_server_and_a_folder_are_one_too_many(tmp_path: Path):
    log = tmp_path / "doors.ndjson"
    log.write_text("")

    assert replay(log, "--server", "http://127.0.0.1:1", "--data", tmp_path).exit_code == 2


@pytest.mark.parametrize(
    ("server", "said", "status"),
    [("foo", "is no address of a server", 2), ("http://127.0.0.1:1", "is it running?", 1)],
)
def test_a_server_that_was_never_there_is_said_at_once(tmp_path: Path, server: str, said: str, status: int):
    log = tmp_path / "log.ndjson"
    log.write_text('{"type": "order", "entity": "1", "event": "GO"}\n')

    result = CliRunner().invoke(main, ["replay", str(log), "--server", server])

    assert result.exit_code == status
    assert said in result.stderr
