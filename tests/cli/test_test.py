"""What `statewright test` says of scenarios, how it ends, and what it proposes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from statewright.cli import main
from statewright.machine.scenarios import CODES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "scenarios.md"

DOOR: dict[str, Any] = {
    "id": "door",
    "schemas": {
        "context": {"properties": {"by": {"type": "string"}, "count": {"type": "number"}}},
        "events": {
            "OPEN": {"properties": {"by": {"type": "string"}, "count": {"type": "number"}}},
            "SHUT": {},
            "NAIL_UP": {},
        },
    },
    "roles": {"porter": {}},
    "initial": "shut",
    "states": {
        "shut": {"on": {"OPEN": {"target": "open", "keep": "*"}, "NAIL_UP": {"target": "gone", "allow": ["porter"]}}},
        "open": {"on": {"SHUT": {"target": "shut", "context": {"by": {"@unset": True}}}}},
        "gone": {"type": "final"},
    },
}
BEGINS = {"name": "a door begins shut", "when": {"event": None}, "then": {"state": "shut"}}
OPENS = {
    "name": "it opens",
    "given": ["a door begins shut"],
    "when": {"event": "OPEN", "data": {"by": "anna"}},
    "then": {"state": "open", "data": {"by": "anna"}},
}


def run(*arguments: Path | str) -> Result:
    return CliRunner().invoke(main, ["test", *map(str, arguments)])


def written(folder: Path, *scenarios: dict[str, Any], document: dict[str, Any] = DOOR, **keys: Any) -> Path:
    """The scenario file, beside its definition, one scenario a line from the fourth on."""
    (folder / "door.json").write_text(json.dumps(document, indent=1))
    path = folder / "door.scenarios.json"
    lines = ",\n".join(json.dumps(each) for each in scenarios)
    rest = "".join(f', "{key}": {json.dumps(value)}' for key, value in keys.items())
    path.write_text(f'{{\n"definition": "door.json",\n"scenarios": [\n{lines}\n]{rest}}}\n')
    return path


def test_scenarios_that_hold_end_with_0_and_say_what_they_cover(tmp_path: Path):
    result = run(written(tmp_path, BEGINS, OPENS))

    assert result.exit_code == 0
    assert "2 scenarios, all of them hold" in result.stderr
    assert [line.split() for line in result.stderr.splitlines()[1:]] == [
        ["states", "2", "of", "3", "67%"],
        ["transitions", "1", "of", "3", "33%"],
        ["branches", "1", "of", "3", "33%"],
        ["refusals", "0", "of", "1", "0%"],
    ]


def test_what_is_not_covered_is_named_where_it_stands_in_the_definition(tmp_path: Path):
    result = run(written(tmp_path, BEGINS, OPENS))

    lines = (tmp_path / "door.json").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if '"SHUT": {' in text and number > 40)
    notes = result.stdout.splitlines()
    assert f"{tmp_path / 'door.json'}:{line}:5: note: not covered: SHUT in open" in notes
    assert len(notes) == 3  # SHUT, NAIL_UP, and the state that it leads to


def test_strict_ends_with_1_when_something_is_not_covered(tmp_path: Path):
    path = written(tmp_path, BEGINS, OPENS)

    assert run("--strict", path).exit_code == 1


def test_a_definition_means_the_scenarios_beside_it(tmp_path: Path):
    path = written(tmp_path, BEGINS)

    result = run(tmp_path / "door.json", path)

    assert result.stderr.count("1 scenario, it holds") == 1


@pytest.mark.parametrize(
    ("when", "then", "said"),
    [
        ({"event": None}, {"state": "open"}, 'state is "shut"; "open" is expected'),
        ({"event": None}, {"version": 2}, "version is 1; 2 is expected"),
        ({"event": None}, {"final": True}, "final is false; true is expected"),
        ({"event": None}, {"why": "final"}, "the creation was accepted, not refused as final"),
        ({"event": None}, {"allowed": []}, 'allowed is ["OPEN","NAIL_UP"]; [] is expected'),
        ({"event": None, "data": {"count": 1}}, {"data": {"count": 1.0}}, "data.count is 1; 1.0 is expected"),
        ({"event": None, "data": {"by": "a"}}, {"data": {"by": {"@unset": True}}}, 'data.by is "a", and should not'),
        ({"event": None}, {"data": {"by": None}}, "data.by is not there; null is expected"),
        ({"event": "OPEN"}, {"state": "open"}, "OPEN was refused (unknown_entity): "),
        ({"event": "OPEN"}, {"why": "final"}, 'why is "unknown_entity"; "final" is expected'),
        ({"event": "OPEN"}, {"why": "unknown_entity", "version": 1}, "version is expected, but there is no entity"),
    ],
)
def test_a_scenario_that_does_not_hold_says_what_came_out_otherwise(
    tmp_path: Path, when: dict[str, Any], then: dict[str, Any], said: str
):
    path = written(tmp_path, {"name": "wrong", "when": when, "then": then})

    result = run(path)

    assert result.exit_code == 1
    first = result.stdout.splitlines()[0]
    assert first.startswith(f"{path}:4:")
    assert said in first
    assert first.endswith("[wrong]")


def test_a_refusal_of_what_is_given_ends_the_scenario(tmp_path: Path):
    path = written(
        tmp_path,
        {"name": "wrong", "given": [{"event": None}, {"event": "SHUT"}], "when": {"event": "OPEN"}, "then": {}},
    )

    assert "act 2 of what is given, SHUT, was refused (not_in_this_state)" in run(path).stdout


@pytest.mark.parametrize(
    ("scenario", "code", "fix"),
    [
        ({"name": "a", "given": ["a"], "when": {"event": "OPEN"}, "then": {}}, "unknown_scenario", None),
        ({"name": "a", "given": ["it opns"], "when": {"event": "OPEN"}, "then": {}}, "unknown_scenario", "it opens"),
        ({"name": "it opens", "when": {"event": "OPEN"}, "then": {}}, "same_name", None),
        ({"name": "a", "when": {"event": "OPEN", "actor": "ana"}, "then": {}}, "unknown_actor", "anna"),
        ({"name": "a", "when": {"event": "OPEN"}, "then": {"why": "finl"}}, "unknown_reason", "final"),
        ({"name": "a", "when": {"data": {}}, "then": {}}, "nothing_happens", None),
        ({"name": "a", "when": {"after": "P1M"}, "then": {}}, "bad_time", None),
        ({"name": "a", "when": {"event": "OPEN", "occurred_at": "noon"}, "then": {}}, "bad_time", None),
        ({"name": "a", "whn": {"event": "OPEN"}, "then": {}}, "unknown_key", "when"),
        ({"name": "a", "when": {"event": 4}, "then": {}}, "wrong_type", None),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(
    tmp_path: Path, scenario: dict[str, Any], code: str, fix: str | None
):
    path = written(tmp_path, BEGINS, OPENS, scenario, actors={"anna": {"id": "anna"}})

    result = run(path)

    assert result.exit_code == 1
    assert f"{path}:6:" in result.stdout
    assert f"[{code}]" in result.stdout
    assert fix is None or f"did you mean {fix!r}?" in result.stdout


@pytest.mark.parametrize("code", CODES)
def test_what_can_be_wrong_with_a_file_is_documented(code: str):
    assert f"`{code}`" in REFERENCE.read_text()


def test_text_that_is_no_json_is_an_error_with_its_place(tmp_path: Path):
    path = tmp_path / "door.scenarios.json"
    path.write_text('{"definition": "door.json",\n "definition": "gate.json"}')

    assert f"{path}:2:2: error: " in run(path).stdout


@pytest.mark.parametrize("missing", ["door.json", "door.scenarios.json"])
def test_a_file_that_is_not_there_is_said_and_the_others_are_played(tmp_path: Path, missing: str):
    other = tmp_path / "other"
    other.mkdir()
    path = written(tmp_path, BEGINS)
    (tmp_path / missing).unlink()

    result = run(path, written(other, BEGINS))

    assert result.exit_code == 1
    assert f"{missing}:1:1: error: the file cannot be read: No such file" in result.stdout
    assert "1 scenario, it holds" in result.stderr


def test_a_definition_with_errors_is_not_played_and_its_errors_are_said(tmp_path: Path):
    path = written(tmp_path, BEGINS, document={**DOOR, "initial": "nowhere"})

    result = run(path)

    assert result.exit_code == 1
    assert f"{tmp_path / 'door.json'}:" in result.stdout
    assert "[unknown_state]" in result.stdout


def test_time_passes_between_acts_and_late_events_are_accepted(tmp_path: Path):
    path = written(
        tmp_path,
        BEGINS,
        {
            "name": "a door that was opened before it began was opened late",
            "given": ["a door begins shut", {"after": "P14D"}],
            "when": {"after": "PT1H", "event": "OPEN", "occurred_at": "2025-12-31T23:00:00Z"},
            "then": {"state": "open", "version": 2},
        },
    )

    assert run(path).exit_code == 0


def test_as_json_the_same_is_said_for_programs(tmp_path: Path):
    path = written(tmp_path, BEGINS, {**OPENS, "then": {"state": "shut"}})

    result = run("--format", "json", path)

    (said,) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (said["file"], said["definition"]) == (str(path), str(tmp_path / "door.json"))
    assert [scenario["holds"] for scenario in said["scenarios"]] == [True, False]
    assert said["scenarios"][1]["differences"] == [
        {
            "pointer": "/scenarios/1/then/state",
            "line": 5,
            "column": path.read_text().splitlines()[4].index('"state"') + 1,
            "sentence": 'state is "open"; "shut" is expected',
        }
    ]
    assert said["coverage"]["states"] == {
        "covered": 2,
        "of": 3,
        "missing": [{"pointer": "/states/gone", "words": "gone"}],
    }


def test_proposed_scenarios_reach_everything_by_the_shortest_way(tmp_path: Path):
    written(tmp_path, BEGINS)

    result = run("--generate", tmp_path / "door.json")

    file = json.loads(result.stdout)
    assert {scenario["name"]: scenario.get("given", []) for scenario in file["scenarios"]} == {
        "it begins in shut": [],
        "OPEN in shut leads to open": ["it begins in shut"],
        "NAIL_UP in shut leads to gone": ["it begins in shut"],
        "NAIL_UP is refused in shut: not_allowed": ["it begins in shut"],
        "SHUT in open leads to shut": ["OPEN in shut leads to open"],
    }


def test_what_no_scenario_can_reach_is_named(tmp_path: Path):
    states = {**DOOR["states"], "never": {"on": {"SHUT": "shut"}}}
    written(tmp_path, BEGINS, document={**DOOR, "states": states})

    result = run("--generate", tmp_path / "door.json")

    assert "not covered: never" in result.stderr
    assert "not covered: SHUT in never" in result.stderr


def test_proposed_scenarios_never_replace_a_file(tmp_path: Path):
    path = written(tmp_path, BEGINS)
    before = path.read_text()

    result = run("--generate", tmp_path / "door.json", "-o", path)

    assert result.exit_code == 1
    assert "is there already" in result.stderr
    assert path.read_text() == before


@pytest.mark.parametrize(
    "arguments", [[], ["-o", "x", "door.json"], ["--generate", "a.json", "b.json"], ["x.schema.json"]]
)
def test_a_wrong_command_line_ends_with_2(arguments: list[str]):
    assert run(*arguments).exit_code == 2
